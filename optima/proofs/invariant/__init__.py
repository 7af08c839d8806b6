"""The invariant logits of abelian groups: the best of them, with a proof within that class."""
