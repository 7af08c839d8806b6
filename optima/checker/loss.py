"""The loss of class-mean logits: an upper bound of the minimum."""

from __future__ import annotations

from typing import Any

import numpy as np

from optima.checker.arithmetic import Numbers
from optima.checker.verification import Refuted
from optima.model import Array, DeepUFM
from optima.reduction import Reduction, geometric_mean


def loss_of(problem: DeepUFM, means: Array, numbers: Numbers) -> float:
    """Loss of means (K, K) within the width; in balls, not below that of factors whose logits are about these.

    The singular values beyond the rank are rounding; they are left out of the fit as they are out of the penalty.
    """
    K, reduction = problem.classes, Reduction(problem)
    if means.shape != (K, K) or not np.isfinite(means).all():
        raise Refuted(f"the logits have not K x K = {K} x {K} finite entries")
    rank = reduction.rank(means)
    if rank > problem.max_rank:
        raise Refuted(f"the logits have rank {rank}, more than the width {problem.max_rank}")
    if numbers.rigorous:
        return _in_balls(problem, reduction.class_factors(means), numbers)
    return _in_floats(problem, means, rank)


def loss_of_network(problem: DeepUFM, data: dict[str, Array], numbers: Numbers) -> float:
    """Loss of a relu network from "factor_0", ..., with one column of the last one for each class."""
    names = [f"factor_{number}" for number in range(problem.depth + 1)]
    factors = [np.asarray(data[name], dtype=float) for name in names if name in data]
    if len(factors) != len(names) or not all(f.ndim == 2 and np.isfinite(f).all() for f in factors):
        raise Refuted(f"the data have not {len(names)} finite factors of a network")
    if numbers.rigorous:
        raise Refuted("relu networks are checked in floats only")
    *weights, layer = factors
    if problem.width is not None and max(len(layer), *(len(weight) for weight in weights[:-1]), 0) > problem.width:
        raise Refuted(f"the network is wider than the width {problem.width}")
    sizes = problem.class_sizes.astype(float)
    squares = [float(np.sum(weight**2)) for weight in weights] + [float(np.sum(layer**2 * sizes))]
    for number, weight in enumerate(weights):
        if weight.shape[1] != len(layer):
            raise Refuted("the factors of the network do not chain")
        layer = weight @ (np.maximum(layer, 0.0) if number else layer)
    if layer.shape != (problem.classes, problem.classes):
        raise Refuted(f"the network has logits of shape {layer.shape}")
    penalty = sum(reg / 2 * square for reg, square in zip(problem.regs, squares, strict=True))
    return float(penalty + _fits(problem, layer) @ (sizes / problem.size))


def _fits(problem: DeepUFM, logits: Array) -> Array:
    """The fit of each class."""
    if problem.loss == "mse":
        return np.asarray(np.sum((logits - np.eye(problem.classes)) ** 2, axis=0) / 2)
    lead = logits - np.diagonal(logits)
    np.fill_diagonal(lead, -np.inf)
    return np.asarray(np.logaddexp(0.0, np.logaddexp.reduce(lead, axis=0)))


def _in_floats(problem: DeepUFM, means: Array, rank: int) -> float:
    """Fit and penalty of the nearest logits of a rank."""
    sizes = problem.class_sizes.astype(float)
    left, s, right = np.linalg.svd(means * np.sqrt(sizes))
    logits = (left[:, :rank] * s[:rank]) @ right[:rank] / np.sqrt(sizes)
    factors = problem.depth + 1
    penalty = factors / 2 * geometric_mean(problem.regs) * np.sum(s[:rank] ** (2 / factors))
    return float(penalty + _fits(problem, logits) @ (sizes / problem.size))


def _in_balls(problem: DeepUFM, factors: list[Array], numbers: Any) -> float:
    """sum of reg / 2 times squared norms, plus the data loss: arithmetic on the entries of the factors only.

    The last factor has one column for each class, which its samples share.
    """
    flint, sizes = numbers.flint, [int(n) for n in problem.class_sizes]
    matrices = [flint.arb_mat(factor.tolist()) for factor in factors]
    total = numbers.number(0)
    for reg, matrix in zip(problem.regs, matrices, strict=True):
        repeat = sizes if matrix is matrices[-1] else [1] * matrix.ncols()
        squares = sum(repeat[j] * matrix[i, j] ** 2 for i in range(matrix.nrows()) for j in range(matrix.ncols()))
        total = total + numbers.number(reg) / 2 * squares
    logits = matrices[-1]
    for weight in matrices[:-1]:
        logits = weight * logits
    loss = _cross_entropy if problem.loss == "ce" else _squared_error
    fits = [size * loss([logits[j, c] for j in range(problem.classes)], c, numbers) for c, size in enumerate(sizes)]
    return numbers.high(total + sum(fits) / sum(sizes))


def _cross_entropy(column: list[Any], label: int, numbers: Numbers) -> Any:
    return numbers.log1p(sum(numbers.exp(z - column[label]) for j, z in enumerate(column) if j != label))


def _squared_error(column: list[Any], label: int, numbers: Numbers) -> Any:
    return sum((z - (j == label)) ** 2 for j, z in enumerate(column)) / 2
