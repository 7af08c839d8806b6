"""``optima formula``: the named structures."""


def formula() -> None:
    """x."""
