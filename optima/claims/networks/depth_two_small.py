"""Whether collapse is the cheapest at depth two with few classes: a bound that depends on inner products only."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np
from scipy.optimize import minimize

from optima.claims.claim import Control, claim
from optima.claims.derivation import step, whole
from optima.claims.evidence import Cases, Evidence, Ints
from optima.model import Array
from optima.structures.networks.subsets import incidence

# What the smoothing of the nuclear norm leaves of a logarithm that is zero.
NOISE = 1e-6
SMOOTH = (3e-2, 1e-2, 1e-3, 1e-5)
STEPS = 250
# Of the edges that meet, in the Gram matrix of the control.
SHARE = 0.1265


@claim(
    "networks.depth_two_small",
    statement="At L = 2 the price of the targets is G^3 >= min nu(A)^2 tr A^-1 over the Gram matrices A of nonnegative "
    "features, nu(A) = max tr SA over S with ||A^(1/2) S|| <= 1 and nonpositive entries off the diagonal; for K <= 8 "
    "that is K^3, as far as descents tell, so that collapse is the cheapest.",
    latex=r"G^3\ge\min_{A}\nu(A)^2\operatorname{tr}A^{-1}=K^3\quad(K\le8,\ ?)",
    source="derivations/network_nuclear_norm.py, section 4; the minimum over A is open",
    how="symbolic proof of the bound; descents over A from random starts",
    axes={"classes": (3, 4, 5, 6), "seeds": range(3)},
    deep={"classes": range(3, 9), "seeds": range(20)},
    control=Control("the same at K = 10, from the edges of five points", {}, {"classes": (10,), "seeds": (0,)}),
)
def depth_two_small(classes: Ints, seeds: Ints) -> Iterator[Evidence]:
    """Margin: the logarithm of the least ratio met, from -1e-6 on."""
    yield whole("network_nuclear_norm")
    yield step("network_nuclear_norm", "check_gram_bound", "no matrix is below nu of its Gram matrix", slack=1.0)
    for K, seed in product(classes, seeds):
        rng = np.random.default_rng([seed, K])
        extra = rng.uniform(0, rng.choice([0.1, 0.5, 1.0]), (K + 2, K)) * (rng.uniform(size=(K + 2, K)) < 0.5)
        X = np.vstack([np.eye(K), np.zeros((2, K))]) + extra
        if K == 10:
            X = np.vstack([np.sqrt(1 - 2 * SHARE) * np.eye(K), np.sqrt(SHARE) * incidence(5, 2)])
        yield Cases(_least(X, K) + NOISE, classes=K, seeds=seed)


def _least(X: Array, K: int) -> float:
    """The least log nu(A)^2 tr A^-1 / K^3 of descents over R alone and then over A = X^T X too."""
    point = np.concatenate([X.ravel(), np.full(K * K, 0.01)])
    least = np.inf
    for fixed in (True, False):
        bounds = [(x, x) if fixed else (0.0, 3.0) for x in X.ravel()] + [(0.0, 3.0)] * K**2
        for width in SMOOTH:
            options = {"maxiter": STEPS}
            point = minimize(_value, point, (X.shape, width), "L-BFGS-B", jac=True, bounds=bounds, options=options).x
        least = min(least, _value(point, X.shape, 1e-9)[0])
    return least


def _value(point: Array, shape: tuple[int, int], width: float) -> tuple[float, Array]:
    """The logarithm and its gradient: nu(A) = min ||A^(-1/2) (A - R)||_* over R >= 0 with zero diagonal."""
    size, K = shape[0] * shape[1], shape[1]
    X, R = point[:size].reshape(shape), point[size:].reshape(K, K) * (1 - np.eye(K))
    A = X.T @ X
    inverse = np.linalg.inv(A + 1e-10 * np.eye(K))
    B = inverse @ (A - R)
    values, vectors = np.linalg.eigh((A - R).T @ B + width**2 * np.eye(K))
    roots = np.sqrt(np.maximum(values, 1e-20))
    P = (vectors / roots) @ vectors.T
    slope = B @ P
    nuclear, trace = roots.sum(), np.trace(inverse)
    of_gram = 2 / nuclear * (slope - B @ P @ B.T / 2) - inverse @ inverse / trace
    of_rows = X @ (of_gram + of_gram.T)
    of_multipliers = -2 / nuclear * slope * (1 - np.eye(K))
    value = 2 * np.log(nuclear) + np.log(trace) - 3 * np.log(K)
    return float(value), np.concatenate([of_rows.ravel(), of_multipliers.ravel()])
