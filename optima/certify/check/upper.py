"""The loss of class-mean logits: an upper bound of the minimum."""

from __future__ import annotations

from typing import Any

import numpy as np

from optima.certify.check.arithmetic import Numbers
from optima.certify.check.verification import Refuted
from optima.model import Array, DeepUFM
from optima.reduction import Reduction


def loss_of(problem: DeepUFM, means: Array, numbers: Numbers) -> float:
    """Loss of means (K, K); in balls, an upper bound of the objective at factors whose logits are about these."""
    K, reduction = problem.classes, Reduction(problem)
    if means.shape != (K, K) or not np.isfinite(means).all():
        raise Refuted(f"the logits have not K x K = {K} x {K} finite entries")
    rank = reduction.singular_values(means).size
    if rank > problem.max_rank:
        raise Refuted(f"the logits have rank {rank}, more than the width {problem.max_rank}")
    return _objective(problem, reduction.lift(means), numbers) if numbers.rigorous else reduction.value(means)


def _objective(problem: DeepUFM, factors: list[Array], numbers: Any) -> float:
    """sum of reg / 2 times squared norms, plus the data loss: arithmetic on the entries of the factors only."""
    flint, sizes = numbers.flint, [int(n) for n in problem.class_sizes]
    starts = np.cumsum([0, *sizes[:-1]])
    matrices = [flint.arb_mat(factor.tolist()) for factor in (*factors[:-1], factors[-1][:, starts])]
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
