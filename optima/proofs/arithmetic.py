"""The floating-point arithmetic of proofs, the same whatever else the process does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from threadpoolctl import threadpool_limits


@contextmanager
def proving() -> Iterator[None]:
    """One BLAS thread, so that no sum depends on their number; what overflows bounds nothing, and is no warning."""
    with threadpool_limits(1, user_api="blas"), np.errstate(all="ignore"):
        yield
