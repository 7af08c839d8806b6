"""A bound for cross-entropy with classes of different sizes, linear and relu: lines below the fit, and the price."""

from __future__ import annotations

import numpy as np

from optima.model import Array, DeepUFM
from optima.reduction import exponent, mean_reg

# Lines of a round, the flattest of the first relative to the steepest, and the most rounds.
LINES, FLATTEST, ROUNDS = 60, 1e-60, 20
# Ratio of the slopes around the best corner, less one, at which they are close enough: the bound changes by its square.
CLOSE = 1e-7


def unequal_bound(problem: DeepUFM) -> tuple[float, Array]:
    r"""A lower bound of the loss, and the shares eps (m, K) that prove it.

    .. math:: f \ge \min_{t \ge 0} \max_k (h_k - \sigma_k t)_+ + c\, t^p, \qquad
        h_k = \sum_c \pi_c H(\epsilon_{kc}), \quad
        \sigma_k = \frac{K}{K-1} \max_c \frac{\epsilon_{kc} \sqrt{n_c}}{N}

    with t = ||Z diag(sqrt(n_c))||_*, which costs at least c t^p (in linear models since sum s^p >= (sum s)^p for
    p <= 1). For every probability vector q the fit of a class is at least H(q) + <q - e_c, z_c> (Gibbs). With
    q = eps / (K - 1) for every rival, Q - I is -K/(K-1) (I - J/K) diag(eps), so that the sum over the classes is at
    least h - sigma t. Between two corners of the lines the right side is concave, so that it is least at a corner.
    Classes of one size: the bound by one direction.

    Source: derivations/network_price.py.
    """
    steepest = float(np.sqrt(problem.class_sizes.max())) / problem.size
    slopes = steepest * np.geomspace(FLATTEST, 1, LINES)
    for _ in range(ROUNDS):
        heights = _heights(problem, slopes)
        corner = int(np.argmin(_corners(problem, heights, slopes)))
        ends = slopes[max(corner - 2, 0)], slopes[min(corner + 1, len(slopes) - 1)]
        if ends[1] <= ends[0] * (1 + CLOSE):
            break
        slopes = np.unique([*slopes, *np.geomspace(*ends, LINES)])
    bound = float(np.min(_corners(problem, _heights(problem, slopes), slopes)))
    return bound, _shares(problem, slopes)


def _shares(problem: DeepUFM, slopes: Array) -> Array:
    """The largest eps of each class for each slope, (K - 1) / K at most."""
    K = problem.classes
    rate = problem.size * (K - 1) / (K * np.sqrt(problem.class_sizes))
    return np.minimum(slopes[:, None] * rate, (K - 1) / K)


def _heights(problem: DeepUFM, slopes: Array) -> Array:
    """The entropies h, concave in the slope."""
    shares = _shares(problem, slopes)
    entropy = -(1 - shares) * np.log1p(-shares) - shares * np.log(shares / (problem.classes - 1))
    return np.asarray(entropy @ (problem.class_sizes / problem.size))


def _corners(problem: DeepUFM, heights: Array, slopes: Array) -> Array:
    """The right side where each line meets the flatter one before it (the first: zero), and at t = 0 the last."""
    places = np.diff(heights, prepend=0.0) / np.diff(slopes, prepend=0.0)
    power = float(exponent(problem.depth))
    values = heights - slopes * places + mean_reg(problem) / power * places**power
    return np.append(values, heights[-1])
