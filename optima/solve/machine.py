"""How functions become machine code: kept on disk for later processes where that can be written, else in memory."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import cache
from multiprocessing import parent_process
from types import ModuleType
from typing import Any

ANEW = "machine code cannot be kept on disk and is compiled anew; set NUMBA_CACHE_DIR to a folder with room"


@cache
def machine_code() -> ModuleType | None:
    """The compiled descent; None, and numpy does its work, where numba is not installed or does not run."""
    try:
        from optima.solve import compiled
    except ModuleNotFoundError:
        return None
    except Exception as error:
        # Whatever a compiler has to say of its surroundings, the same descent runs without it.
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        say(f"numba does not work here ({reason}); numpy does the same more slowly")
        return None
    return compiled


def machine(**flags: Any) -> Callable[[Callable[..., Any]], Any]:
    """Decorator: compiled by numba with these flags, without the interpreter's lock."""
    from numba import njit
    from numba.core.caching import FunctionCache

    class Cache(FunctionCache):
        """On a disk that may be full, or hold what another version or a broken write left."""

        def load_overload(self, *arguments: Any) -> Any:
            try:
                return super().load_overload(*arguments)
            except Exception:
                return None

        def save_overload(self, *arguments: Any) -> None:
            try:
                super().save_overload(*arguments)
            except Exception:
                say(ANEW)

    def compiled(function: Callable[..., Any]) -> Any:
        dispatcher = njit(nogil=True, error_model="numpy", **flags)(function)
        try:
            dispatcher._cache = Cache(function)
        except RuntimeError:
            # Neither the folder of the package nor one of the user's can be written.
            say(ANEW)
        return dispatcher

    return compiled


@cache
def say(sentence: str) -> None:
    """One line, once, where the log goes (standard error by default); workers leave it to their parent."""
    if parent_process() is None:
        logging.getLogger("optima").warning("optima: %s", sentence)
