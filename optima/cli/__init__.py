"""The command line: reading options, calling the library, presenting what it returns."""

from optima.cli.main import main

__all__ = ["main"]
