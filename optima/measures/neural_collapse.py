"""Measures of neural collapse of class means and of the classifier that reads them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from optima.measures.moments import ClassMoments
from optima.model import Array
from optima.training.measures import from_simplex


def variability(moments: ClassMoments) -> dict[str, float | None]:
    r"""NC1 and the variation in classes.

    .. math::
        \text{tcv} = \operatorname{tr} \Sigma_W = \tfrac1N \sum_j \|x_j - \mu_{c(j)}\|^2, \quad
        \text{nc1_trace} = \frac{\operatorname{tr} \Sigma_W}{\operatorname{tr} \Sigma_B}, \quad
        \text{nc1_pinv} = \tfrac1K \operatorname{tr} \Sigma_W \Sigma_B^+, \quad
        \Sigma_B = \tfrac1K \sum_c (\mu_c - \bar\mu)(\mu_c - \bar\mu)^T

    with the mean over classes mu-bar, and ``cdnv`` the mean over pairs of (v_c + v_c') / (2 ||mu_c - mu_c'||^2), v_c
    the variance of a class. The pseudo-inverse drops eigenvalues of Sigma_B below max(K, d) eps of the largest, and
    all but K - 1. Zero at collapse; None for ``nc1_pinv`` where vectors are too wide for a covariance, infinity where
    class means are equal.

    Sources: Papyan, Han and Donoho 2020 (pinv); garrod2026spectra and others (trace); Galanti, Gyorgy and Hutter 2021.
    """
    centred = _centred(moments.means)
    tcv = float(moments.spread.sum() / moments.size)
    between = float(np.mean(np.sum(centred**2, axis=1)))
    classes, dimension = centred.shape
    pinv: float | None = None
    if moments.has_scatter:
        _, s, directions = np.linalg.svd(centred, full_matrices=False)
        floor = np.sqrt(max(centred.shape) * np.finfo(float).eps)
        kept = s[: min(classes - 1, dimension)] > floor * max(s[0], np.finfo(float).tiny)
        within = moments.along(directions[: kept.size][kept]) / moments.size
        pinv = float(np.sum(within / s[: kept.size][kept] ** 2)) if kept.any() else _ratio(tcv, 0.0)
    return {"nc1_trace": _ratio(tcv, between), "nc1_pinv": pinv, "cdnv": _cdnv(moments), "tcv": tcv}


def _ratio(top: float, bottom: float) -> float:
    return top / bottom if bottom > 0 else (float("inf") if top > 0 else 0.0)


def _centred(means: Array) -> Array:
    return np.asarray(means - means.mean(axis=0))


def _pairs(classes: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    return np.triu_indices(classes, 1)


def _cdnv(moments: ClassMoments) -> float:
    variance = moments.spread / np.maximum(moments.sizes, 1.0)
    squares = _square_distances(_centred(moments.means))
    first, second = _pairs(len(variance))
    top = (variance[first] + variance[second]) / 2
    bottom = squares[first, second]
    zero = bottom <= 0
    if np.any(zero & (top > 0)):
        return float("inf")
    return float(np.mean(np.where(zero, 0.0, top / np.where(zero, 1.0, bottom))))


def _square_distances(rows: Array) -> Array:
    gram = rows @ rows.T
    norms = np.diagonal(gram)
    return np.asarray(np.maximum(norms[:, None] + norms - 2 * gram, 0.0))


def shape_of_means(means: Array) -> dict[str, float | None]:
    r"""NC2 and its forms for many classes, of class means (K, d), with u_c = (mu_c - mu-bar) / ||mu_c - mu-bar||.

    .. math::
        \text{equinorm} = \frac{\operatorname{std} \|\mu_c - \bar\mu\|}{\operatorname{mean} \|\mu_c - \bar\mu\|},
        \quad \text{equiangular} = \operatorname{std}_{c \ne c'} u_c^T u_{c'}, \quad
        \text{max_angle} = \operatorname{mean}_{c \ne c'} |u_c^T u_{c'} + \tfrac{1}{K-1}|

    ``nc2`` is the distance of the Gram matrix of the centred means from that of the simplex, both of norm one. For
    more classes than dimensions no simplex exists: ``log_distance`` and ``uniformity`` are mean and standard deviation
    of log(1 / ||u_c - u_c'||) over pairs, ``least_angle`` the least angle between two means in degrees. All but the
    last two vanish at collapse, and ``log_distance`` is -log(2 K / (K - 1)) / 2 there.

    None where a mean equals mu-bar, so that it has no direction.
    Sources: Papyan, Han and Donoho 2020; Liu et al. 2023; Wu and Papyan 2024.
    """
    centred = _centred(means)
    norms = np.linalg.norm(centred, axis=1)
    found: dict[str, float | None] = {
        "nc2": from_simplex(centred.T),
        "equinorm": float(np.std(norms) / np.mean(norms)) if norms.any() else None,
    }
    names = ("equiangular", "max_angle", "log_distance", "uniformity", "least_angle")
    if norms.min() <= np.finfo(float).eps * norms.max() * len(means):
        return {**found, **dict.fromkeys(names)}
    units = centred / norms[:, None]
    pairs = _pairs(len(means))
    cosines = (units @ units.T)[pairs]
    squares = _square_distances(units)[pairs]
    logs = -0.5 * np.log(squares) if squares.min() > 0 else None
    angle = float(np.degrees(2 * np.arcsin(min(1.0, np.sqrt(squares.min()) / 2))))
    values = (
        float(np.std(cosines)),
        float(np.mean(np.abs(cosines + 1 / (len(means) - 1)))),
        None if logs is None else float(np.mean(logs)),
        None if logs is None else float(np.std(logs)),
        angle,
    )
    return {**found, **dict(zip(names, values, strict=True))}


def duality(weights: Array, means: Array) -> dict[str, float | None]:
    r"""NC3 of a classifier W (K, d) and class means, C their matrix (K, d) less mu-bar.

    .. math::
        \text{nc3} = \Bigl\| \tfrac{W}{\|W\|} - \tfrac{C}{\|C\|} \Bigr\|_F, \quad
        \text{alignment} = \Bigl\| \tfrac{W C^T}{\|W C^T\|} - \tfrac{I - J/K}{\sqrt{K-1}} \Bigr\|_F

    and for many classes ``duality`` and ``duality_spread``, mean and standard deviation over classes of the cosine of
    w_c and mu_c - mu-bar (1 and 0 at collapse). None where W or C is zero.
    Sources: Papyan, Han and Donoho 2020; Zhu et al. 2021 (alignment); Wu and Papyan 2024.
    """
    centred, K = _centred(means), len(means)
    product = weights @ centred.T
    names = ("nc3", "alignment", "duality", "duality_spread")
    if not (np.linalg.norm(weights) > 0 and np.linalg.norm(product) > 0):
        return dict.fromkeys(names)
    nc3 = float(np.linalg.norm(weights / np.linalg.norm(weights) - centred / np.linalg.norm(centred)))
    ideal = (np.eye(K) - 1 / K) / np.sqrt(K - 1)
    alignment = float(np.linalg.norm(product / np.linalg.norm(product) - ideal))
    sizes = np.linalg.norm(weights, axis=1) * np.linalg.norm(centred, axis=1)
    if not sizes.all():
        return dict(zip(names, (nc3, alignment, None, None), strict=True))
    cosines = np.diagonal(product) / sizes
    return dict(zip(names, (nc3, alignment, float(np.mean(cosines)), float(np.std(cosines))), strict=True))


def effective_rank(values: Array) -> float:
    """exp of the entropy of s_i / sum s: r for r equal singular values, 0 where all vanish (Roy and Vetterli 2007)."""
    total = float(np.sum(values))
    if total <= 0:
        return 0.0
    shares = values[values > 0] / total
    return float(np.exp(-np.sum(shares * np.log(shares))))


def nearest_centres(rows: Array, means: Array) -> Array:
    """The class whose mean is nearest to each row, the first of several: NC4 asks whether the network says the same."""
    middle = means.mean(axis=0)
    centred = means - middle
    return np.asarray(np.argmin(np.sum(centred**2, axis=1) - 2 * (rows - middle) @ centred.T, axis=1))
