"""The bound for cross-entropy and classes of any sizes by what each class gives to its rivals."""

from __future__ import annotations

import math

import numpy as np

from optima.checker.arithmetic import Numbers
from optima.checker.verification import Refuted
from optima.model import Array, DeepUFM
from optima.reduction import geometric_mean

# Lines that a proof may have, and the least share: parts of smaller ones, or their slopes, may round to zero.
MOST_LINES, LEAST = 3000, 1e-200
# What is left to the rounding of a line, relative to its height.
ROUNDING = 1e-14


def class_shares(problem: DeepUFM, data: dict[str, Array], numbers: Numbers) -> float:
    r"""A lower bound from probabilities eps_c that class c gives to its rivals, each the same.

    .. math:: f \ge \min_{t \ge 0} \max_k (h_k - \sigma_k t)_+ + c\, t^p

    since log sum e^z - z_c >= H(q) + <q - e_c, z> for every probability vector q: h is the mean entropy over the
    samples, and sigma = K/(K-1) max_c eps_c sqrt(n_c) / N bounds the norm of (Q - I) diag(sqrt(n_c)) / N, so that the
    inner product is at least -sigma times the nuclear norm t of Z diag(sqrt(n_c)), which costs at least c t^p. The
    right side is concave between corners of the maximum, each the meeting of two lines.
    """
    if problem.loss != "ce":
        raise Refuted("class shares are a proof for cross-entropy")
    if numbers.rigorous:
        raise Refuted("class shares are checked in floats only")
    K, sizes = problem.classes, problem.class_sizes.astype(float)
    shares = np.asarray(data.get("shares", np.empty((0, K))), dtype=float)
    if shares.ndim != 2 or shares.shape[1] != K or not 1 <= len(shares) <= MOST_LINES:
        raise Refuted(f"the data lack shares of {K} classes on 1 to {MOST_LINES} lines")
    if not ((shares >= LEAST) & (shares < 1)).all():
        raise Refuted("shares are probabilities between 0 and 1")
    entropy = -((1 - shares) * np.log1p(-shares) + shares * np.log(shares / (K - 1)))
    heights = np.append(entropy @ sizes / sizes.sum() * (1 - ROUNDING), 0.0)
    slopes = np.append(K / (K - 1) * np.max(shares * np.sqrt(sizes), axis=1) / sizes.sum(), 0.0)
    power = 2 / (problem.depth + 1)
    strength = geometric_mean(problem.regs) / power

    t = _corners(heights, slopes)
    lines = heights[:, None] - slopes[:, None] * t * (1 + ROUNDING)
    return float(np.min(np.max(lines, axis=0) + strength * t**power))


def _corners(heights: Array, slopes: Array) -> Array:
    """The places t >= 0 at which the largest of the lines h - sigma t is another one, and 0; the last line is zero."""
    at, line = [0.0], int(np.lexsort((slopes, -heights))[0])
    while slopes[line] > 0:
        flatter = np.flatnonzero(slopes < slopes[line])
        meets = (heights[line] - heights[flatter]) / (slopes[line] - slopes[flatter])
        at.append(float(meets.min()))
        if not math.isfinite(at[-1]):
            raise Refuted("the lines meet beyond the range of floats")
        nearest = flatter[meets == at[-1]]
        line = int(nearest[np.argmin(slopes[nearest])])
    return np.array(at)
