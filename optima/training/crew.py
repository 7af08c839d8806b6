"""Runs shared out over the cores of the machine."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import parent_process
from threading import Event
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from optima.model import positive_integer
from optima.training.arrays import Backend


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
    with threadpool_limits(1, user_api="blas"):
        if count == 1:
            yield Crew()
            return
        with ThreadPoolExecutor(count, "optima-train") as pool:
            yield Crew(count, pool)


def cores() -> int:
    """How many cores this process may use; one in a worker process, whose siblings are at work on the others."""
    if parent_process() is not None:
        return 1
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
