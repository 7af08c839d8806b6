"""The derivation scripts, whose checks are the steps of proofs."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from optima.claims.evidence import Proof

PACKAGE = Path(__file__).resolve().parents[1]
# In a checkout the scripts lie next to the package, in an installed package inside it.
FOLDERS = (PACKAGE.parent / "derivations", PACKAGE / "derivations")


def script(name: str) -> Path:
    """Path of a derivation script. Raises FileNotFoundError where the scripts are not installed."""
    for folder in FOLDERS:
        path = folder / f"{name}.py"
        if path.is_file():
            return path
    raise FileNotFoundError(f"derivations/{name}.py is not installed; install optima from a complete checkout")


@cache
def names_of(name: str) -> dict[str, Any]:
    """The names that a derivation defines; running it runs all its assertions, once."""
    return runpy.run_path(str(script(name)))


def whole(name: str) -> Proof:
    """The step "all assertions of this derivation hold"."""
    return Proof(f"derivations/{name}.py", lambda: names_of(name))


def step(name: str, check: str, words: str, **arguments: Any) -> Proof:
    """The step ``check(**arguments)`` of a derivation; callable arguments are called with the script's names."""

    def run() -> None:
        names = names_of(name)
        function: Callable[..., object] = names[check]
        function(**{key: value(names) if callable(value) else value for key, value in arguments.items()})

    return Proof(words, run)
