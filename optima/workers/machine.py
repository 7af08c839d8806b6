"""How functions become machine code: kept on disk for later processes where that can be written, else in memory."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from functools import cache
from importlib import import_module
from multiprocessing import parent_process
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

MAKING = "compiling for this machine, a few seconds, once"
ANEW = "machine code cannot be kept on disk and is compiled anew; set NUMBA_CACHE_DIR to a folder with room"
# What machine code is made of, beside the file of its function: constants of other files become part of it.
SOURCES = ("../search/interior_point.py", "../search/lbfgs.py", "machine.py")


def machine(**flags: Any) -> Callable[[Callable[..., Any]], Any]:
    """Decorator: compiled by numba with these flags, without the interpreter's lock."""
    from numba import njit

    def compiled(function: Callable[..., Any]) -> Any:
        dispatcher = njit(nogil=True, error_model="numpy", **flags)(function)
        try:
            dispatcher._cache = _kept()(function)
        except RuntimeError:
            # Neither a folder of the user's nor that of the package can be written.
            say(ANEW)
        return dispatcher

    return compiled


@cache
def _kept() -> Any:
    """numba's store of machine code, in a folder for one state of the sources, whatever copy of them is imported.

    The disk may be full, or hold what another version or a broken write left.
    """
    import numba
    from numba.core import caching
    from numba.misc.appdirs import AppDirs

    class Locator(caching._CacheLocator):
        def __init__(self, function: Callable[..., Any], file: str) -> None:
            self.line, self.digest = function.__code__.co_firstlineno, _digest(Path(file), numba.__version__)
            root = numba.config.CACHE_DIR or AppDirs(appname="numba", appauthor=False).user_cache_dir
            self.path = Path(root) / f"optima_{self.digest[:20]}"

        def get_cache_path(self) -> str:
            return str(self.path)

        def get_source_stamp(self) -> str:
            return self.digest

        def get_disambiguator(self) -> str:
            return str(self.line)

        @classmethod
        def from_function(cls, function: Callable[..., Any], file: str) -> Any:
            try:
                locator = cls(function, file)
                locator.ensure_cache_path()
            except OSError:
                return None
            return locator

    class Store(caching.CompileResultCacheImpl):
        _locator_classes: ClassVar = [Locator, *caching.CompileResultCacheImpl._locator_classes]

    class Cache(caching.FunctionCache):
        _impl_class = Store

        def load_overload(self, *arguments: Any) -> Any:
            try:
                found = super().load_overload(*arguments)
            except Exception:
                found = None
            if found is None:
                say(MAKING)
            return found

        def save_overload(self, *arguments: Any) -> None:
            try:
                super().save_overload(*arguments)
            except Exception:
                say(ANEW)

    return Cache


@cache
def _digest(file: Path, version: str) -> str:
    digest = hashlib.sha256(version.encode())
    for source in (file, *(Path(__file__).parent / name for name in SOURCES)):
        digest.update(source.read_bytes())
    return digest.hexdigest()


def loaded(name: str) -> ModuleType | None:
    """The module of compiled functions of this name; None, said once, where numba is not there or does not run."""
    try:
        return import_module(name)
    except ModuleNotFoundError:
        return None
    except Exception as error:
        # Whatever a compiler has to say of its surroundings, numpy does the same without it.
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        say(f"numba does not work here ({reason}); numpy does the same more slowly")
        return None


@cache
def say(sentence: str) -> None:
    """One line, once, where the log goes (standard error by default); workers leave it to their parent."""
    if parent_process() is None:
        logging.getLogger("optima").warning("optima: %s", sentence)
