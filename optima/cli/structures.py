"""``optima structures``: the named structures."""


def structures() -> None:
    """x."""
