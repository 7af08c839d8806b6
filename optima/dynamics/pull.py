"""The downhill direction of a fit times any factor, however far both are from one."""

from __future__ import annotations

import numpy as np

from optima.model import Array
from optima.model.fit import Fit

# Largest power of e, so that sums stay floats.
MOST = 600.0


def pull(fit: Fit, logits: Array, log_factor: float) -> Array:
    """-e^log_factor times the slope of a fit at logits (K, N).

    The slope of cross-entropy at margin 500 is e^-500 and a time that long e^500: only their product is formed.
    """
    if fit.loss == "mse":
        return np.asarray(fit.slope(logits, -np.exp(log_factor)))
    top = logits.max(axis=0)
    log_total = top + np.log(np.exp(logits - top).sum(axis=0))
    # What a step of the integrator tries, and takes back, may lie far from where margins match the time.
    power = np.minimum(logits - log_total + log_factor, MOST)
    rivals = np.exp(np.where(fit.rivals > 0, power, -np.inf)) * fit.row
    return np.asarray(fit.one_hot * rivals.sum(axis=0) - rivals)
