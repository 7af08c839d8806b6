"""Threads: those of the linear algebra library, and those that share out work on parts of an array.

The rounding of the library, and so the path of a descent, depends on how many threads it has.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import lru_cache
from multiprocessing import parent_process
from threading import Event
from typing import Any

import numpy as np
from threadpoolctl import ThreadpoolController

from optima.model.arrays import Backend
from optima.model.inputs import positive_integer

# What the libraries that numpy may be linked to read when they are loaded.
NAMES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Environment for processes started meanwhile, which read it when they load numpy."""
    before = {name: os.environ.get(name) for name in NAMES}
    os.environ.update(dict.fromkeys(NAMES, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def single_threaded() -> AbstractContextManager[object]:
    """One thread in this process meanwhile, so that results are the same whatever its number of threads."""
    context: AbstractContextManager[object] = _libraries(len(sys.modules)).limit(limits=1, user_api="blas")
    return context


@lru_cache(maxsize=1)
def _libraries(modules: int) -> ThreadpoolController:
    """The libraries with threads that are loaded, looked for again when modules were imported: that takes a while."""
    return ThreadpoolController()


@dataclass(frozen=True)
class Crew:
    """Threads that do the same work on parts of a batch which share nothing; by default the calling one alone."""

    threads: int = 1
    pool: ThreadPoolExecutor | None = None

    def repeat(self, count: int, work: Callable[..., None], parts: Sequence[tuple[Any, ...]]) -> None:
        """``work(*part)`` so many times for every part; an exception or Ctrl-C ends all of them within one call."""
        halted = Event()

        def do(part: tuple[Any, ...]) -> None:
            # A new thread begins with the floating-point warnings of numpy, whatever those of its caller are.
            with np.errstate(all="ignore"):
                for _ in range(count):
                    if halted.is_set():
                        return
                    work(*part)

        try:
            for _ in map(do, parts) if self.pool is None else self.pool.map(do, parts):
                pass
        finally:
            halted.set()


@contextmanager
def crew(threads: int | None, backend: Backend) -> Iterator[Crew]:
    """So many threads for numpy, None for :func:`cores` of them; other libraries have their own.

    Meanwhile the linear algebra of numpy runs on one thread in each of them.

    Raises ValueError for threads that are not a positive number, and for any with another library than numpy.
    """
    if backend.name != "numpy":
        if threads is not None:
            raise ValueError(f"threads is {threads!r} but {backend.name} has threads of its own; pass threads=None")
        yield Crew()
        return
    count = cores() if threads is None else positive_integer("threads", threads)
    with single_threaded():
        if count == 1:
            yield Crew()
            return
        with ThreadPoolExecutor(count, "optima-train") as pool:
            yield Crew(count, pool)


def cores() -> int:
    """How many cores this process may use; one in a worker process, whose siblings are at work on the others."""
    return 1 if parent_process() is not None else cores_of_process()


def cores_of_process() -> int:
    """How many cores the operating system gives this process."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1
