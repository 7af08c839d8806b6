"""What is recorded of one run at one step."""

from __future__ import annotations

import numpy as np

from optima.model import Array, DeepUFM
from optima.model.margin import sample_margin
from optima.reduction import class_means


def measure(problem: DeepUFM, factors: list[Array]) -> dict[str, Array]:
    r"""Spectra, margin and collapse of factors (W_1, ..., W_L, H) with features X_1 = H, X_{l+1} = W_l X_l.

    With mu_c the class means of X_l, C_l = (mu_c - mean over classes), shape (d, K), and A ~ B the distance
    ||A / ||A||_F - B / ||B||_F||_F of two matrices up to scale,

    .. math::
        \text{DNC1} = \frac{\sum_{c,i} \|x_{ci} - \mu_c\|^2 / N}{\sum_c \|\mu_c - \bar\mu\|^2 / K}, \qquad
        \text{DNC2} = C_l^T C_l \sim I - 11^T/K, \qquad \text{DNC3} = W_l^T W_l \sim C_l C_l^T

    for l = 1, ..., L (relu models: X_{l+1} = relu(W_l X_l)). All three vanish at deep neural collapse. They are 0
    for DNC1 and sqrt(2) for the others where all class means are equal.

    Returns
    -------
    ``factor_singular_values`` (L+1, K+1) and ``feature_singular_values`` (L, K+1): the K + 1 largest of every
    factor and feature matrix, zeros after the last; ``margin``: min over samples of z_label - max of the others;
    ``dnc1``, ``dnc2``, ``dnc3`` of shape (L,).
    """
    *layers, logits = problem.layers(factors)
    centred = [_centred(layer, problem) for layer in layers]
    return {
        "factor_singular_values": np.stack([_largest(factor, problem.classes + 1) for factor in factors]),
        "feature_singular_values": np.stack([_largest(layer, problem.classes + 1) for layer in layers]),
        "margin": np.asarray(sample_margin(problem, logits)),
        "dnc1": np.array([variability(layer, problem) for layer in layers]),
        "dnc2": np.array([from_simplex(means) for means in centred]),
        "dnc3": np.array([from_self_dual(w, means) for w, means in zip(factors[:-1], centred, strict=True)]),
    }


def _largest(matrix: Array, count: int) -> Array:
    values = np.linalg.svd(matrix, compute_uv=False)[:count]
    return np.concatenate([values, np.zeros(count - values.size)])


def _centred(layer: Array, problem: DeepUFM) -> Array:
    means = class_means(layer, problem.class_sizes)
    return means - means.mean(axis=1, keepdims=True)


def variability(layer: Array, problem: DeepUFM) -> float:
    """DNC1 of columns (d, N), those of class 0 first."""
    means = class_means(layer, problem.class_sizes)
    within = np.sum((layer - np.repeat(means, problem.class_sizes, axis=1)) ** 2) / problem.size
    between = np.sum((means - means.mean(axis=1, keepdims=True)) ** 2) / problem.classes
    return float(within / between) if between > 0 else 0.0


def from_simplex(means: Array) -> float:
    """DNC2 of centred class means (d, K): <C^T C, I - 11^T/K> is the trace of C^T C, as their columns sum to zero."""
    gram = means.T @ means
    return _distance(float(np.trace(gram)), float(np.linalg.norm(gram)), np.sqrt(len(gram) - 1.0))


def from_self_dual(weight: Array, means: Array) -> float:
    """DNC3 of W (m, d) and centred class means (d, K), from the smaller Gram matrices: <W^T W, C C^T> = ||W C||^2."""
    small = weight @ weight.T if weight.shape[0] < weight.shape[1] else weight.T @ weight
    return _distance(
        float(np.sum((weight @ means) ** 2)), float(np.linalg.norm(small)), float(np.linalg.norm(means.T @ means))
    )


def _distance(inner: float, first: float, second: float) -> float:
    """||A/|A| - B/|B||| from <A, B>, |A| and |B|."""
    if first == 0 or second == 0:
        return float(np.sqrt(2.0))
    return float(np.sqrt(max(0.0, 2.0 - 2.0 * inner / (first * second))))
