r"""The numbers of a problem that its proofs depend on, from the problem itself.

With nubar the geometric mean of the class sizes n_c, N their sum and p = 2 / (L+1), the loss at logits z_c is

.. math:: \sum_c w_c \log\bigl(1 + \mu \sum_{j \ne c} e^{z_{jc} - z_{cc}}\bigr) + c \sum_i s_i(Z \sqrt{\nu})^p, \qquad
    w_c = n_c / N,\; \nu_c = n_c / \bar\nu,\; c = \tfrac{L+1}{2} \lambda\, \bar\nu^{1/(L+1)},\; \mu = 1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from optima.checker.arithmetic import Numbers
from optima.checker.verification import Refuted
from optima.model import Array, DeepUFM

# c counts as no more: a weaker penalty has no larger minimum, and its powers are floats.
STRONGEST = 1e100


@dataclass(frozen=True)
class Instance:
    """w_c, nu_c, mu, c, L and the largest rank; floats or balls."""

    weight: tuple[Any, ...]
    count: tuple[Any, ...]
    rivals: Any
    strength: Any
    depth: int
    max_rank: int
    balanced: bool

    @classmethod
    def of(cls, problem: DeepUFM, numbers: Numbers) -> Instance:
        """The numbers of a cross-entropy problem."""
        K, sizes = problem.classes, [int(n) for n in problem.class_sizes]
        root = numbers.ratio(1, problem.depth + 1)
        strength = loss_strength(problem, numbers)
        max_rank = min(problem.max_rank, K - 1)
        if problem.balanced:
            even, one = numbers.ratio(1, K), numbers.ratio(1, 1)
            scale = numbers.power(numbers.number(sizes[0]), root)
            return cls((even,) * K, (one,) * K, one, _capped(strength * scale, numbers), problem.depth, max_rank, True)
        middle = geometric_mean(sizes, numbers)
        weight = tuple(numbers.ratio(n, sum(sizes)) for n in sizes)
        count = tuple(numbers.number(n) / middle for n in sizes)
        scale = numbers.power(middle, root)
        strength = _capped(strength * scale, numbers)
        return cls(weight, count, numbers.ratio(1, 1), strength, problem.depth, max_rank, False)

    def subsample(self, classes: int, numbers: Numbers) -> Instance:
        """The problem of fewer classes whose minimum is no larger. Source: derivations/subsampling_bound.py."""
        K = len(self.weight)
        if not (self.balanced and 2 <= classes <= K):
            raise Refuted(f"a problem of {classes} classes bounds only balanced ones of at least as many")
        factor = numbers.power(numbers.ratio(K, classes), numbers.ratio(2, self.depth + 1))
        even = sum(self.weight[1:], self.weight[0]) / classes
        return Instance(
            (even,) * classes,
            self.count[:1] * classes,
            self.rivals * numbers.ratio(K - 1, classes - 1),
            self.strength * factor,
            self.depth,
            min(self.max_rank, classes - 1),
            True,
        )

    def restrict(self, classes: Sequence[int]) -> Instance:
        """The problem of some of the classes alone: without the others fit and singular values are no larger."""
        if len(set(classes)) != len(classes) or not all(0 <= c < len(self.weight) for c in classes) or len(classes) < 2:
            raise Refuted("the classes chosen are not at least two different ones of the problem")
        weight, count = (tuple(values[c] for c in classes) for values in (self.weight, self.count))
        even = len({float(w) for w in weight}) == 1 and len({float(n) for n in count}) == 1
        return replace(self, weight=weight, count=count, max_rank=min(self.max_rank, len(classes) - 1), balanced=even)

    def rounded(self) -> Instance:
        """The same numbers as floats."""
        weight, count = (tuple(float(value) for value in values) for values in (self.weight, self.count))
        return replace(self, weight=weight, count=count, rivals=float(self.rivals), strength=float(self.strength))

    @property
    def classes(self) -> int:
        """K."""
        return len(self.weight)

    @property
    def order(self) -> int:
        """m = K - 1."""
        return self.classes - 1

    def zero_fit(self, numbers: Numbers) -> Any:
        """Loss of zero logits, log(1 + mu (K - 1)) times the weights."""
        return sum(self.weight[1:], self.weight[0]) * numbers.log1p(self.rivals * (self.classes - 1))

    def matches(self, form: Array) -> bool:
        """Whether an array [K, mu, c, L, rank, w.., nu..] holds these numbers, to rounding."""
        own = [self.classes, self.rivals, self.strength, self.depth, self.max_rank, *self.weight, *self.count]
        wanted = np.array([float(value) for value in own])
        return form.shape == wanted.shape and bool(np.allclose(form, wanted, rtol=1e-12, atol=0.0))


def _capped(strength: Any, numbers: Numbers) -> Any:
    return numbers.number(STRONGEST) if numbers.low(strength) > STRONGEST else strength


def loss_strength(problem: DeepUFM, numbers: Numbers) -> Any:
    """(L+1)/2 times the geometric mean of the regularisations."""
    factors = problem.depth + 1
    if not isinstance(problem.reg, tuple):
        return numbers.ratio(factors, 2) * numbers.number(problem.reg)
    return numbers.ratio(factors, 2) * geometric_mean(problem.reg, numbers)


def geometric_mean(values: Sequence[float], numbers: Numbers) -> Any:
    """(v_1 ... v_k)^(1/k), through logarithms."""
    mean = numbers.number(0)
    for value in values:
        mean = mean + numbers.log(numbers.number(value)) / len(values)
    return numbers.exp(mean)


def rival_differences(classes: int) -> Array:
    """d_cj = U_j - U_c for j != c in the fixed basis U of the centred vectors, shape (K, K-1, K-1), K = 2, 3, 4."""
    rows = basis(classes)
    return np.stack([np.delete(rows, c, axis=0) - rows[c] for c in range(classes)])


def basis(classes: int) -> Array:
    """Orthonormal rows U_c: two signs, the corners of a triangle, alternate corners of a cube."""
    if classes == 2:
        return np.array([[1.0], [-1.0]]) / math.sqrt(2)
    if classes == 3:
        angles = 2 * np.pi * np.arange(3) / 3
        return math.sqrt(2 / 3) * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return np.array([[1.0, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) / 2


def rivals_of(classes: int, numbers: Numbers) -> list[list[list[Any]]]:
    """d_cj of :func:`rival_differences`, as numbers of some kind."""
    number, power, half = numbers.number, numbers.power, numbers.ratio(1, 2)
    if classes == 2:
        rows = [[power(half, half)], [-power(half, half)]]
    elif classes == 3:
        side, height = power(number(6), half) / 6, power(half, half)
        rows = [[2 * side, number(0)], [-side, height], [-side, -height]]
    else:
        rows = [[number(float(value)) for value in row] for row in basis(4)]
    return [
        [[x - y for x, y in zip(row, own, strict=True)] for j, row in enumerate(rows) if j != c]
        for c, own in enumerate(rows)
    ]
