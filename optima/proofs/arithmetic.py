"""The floating-point arithmetic of proofs, the same whatever else the process does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from optima.workers.threads import single_threaded


@contextmanager
def proving() -> Iterator[None]:
    """One BLAS thread, so that no sum depends on their number; what overflows bounds nothing, and is no warning."""
    with single_threaded(), np.errstate(all="ignore"):
        yield
