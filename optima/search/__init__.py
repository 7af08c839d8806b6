"""The search for the global minimum: rank by rank, from many starts; sweeps over cells, and max-margin codes."""
