"""Tables of losses, and the files they are written to."""
