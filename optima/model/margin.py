"""By how much every sample is told from the other classes."""

from __future__ import annotations

import numpy as np

from optima.model.arrays import Array
from optima.model.problem import DeepUFM


def sample_margin(problem: DeepUFM, logits: Array) -> float:
    """min over samples of z_label - max over the other classes, at logits (K, N)."""
    columns = np.arange(problem.size)
    rivals = logits.copy()
    rivals[problem.labels, columns] = -np.inf
    return float(np.min(logits[problem.labels, columns] - rivals.max(axis=0)))
