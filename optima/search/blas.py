"""Threads of the linear algebra library: its rounding, and so the path of a descent, depends on their number."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from threadpoolctl import threadpool_limits

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
    context: AbstractContextManager[object] = threadpool_limits(1, user_api="blas")
    return context
