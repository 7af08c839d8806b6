"""A network at one sample of each class: what it computes there, and what it costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from scipy.linalg import svdvals

from optima.model.arrays import Array, numerical_rank
from optima.model.content import Content
from optima.model.fit import Fit
from optima.model.problem import DeepUFM

# Relative size under which a singular value of a layer counts as zero.
ZERO = 1e-7


@dataclass(frozen=True, eq=False)
class ClassNetwork(Content):
    r"""Factors W_1, ..., W_L and H with one column for each class, which all its samples share.

    .. math::
        F = \sum_c \pi_c\, g_c(Z_{:c}) + \sum_l \tfrac{\lambda_l}{2} \|W_l\|_F^2
        + \tfrac{\lambda_H}{2} \sum_c n_c \|H_{:c}\|^2, \qquad
        Z = W_L s(W_{L-1} \cdots s(W_1 H)),\quad \pi_c = n_c / N

    which is the objective of the model at the factors of :meth:`repeated`; s is relu, or the identity for linear
    models. For fixed weights the best column of H is the same for all samples of a class, so nothing is lost.

    ``factors`` has shapes (d, d), ..., (d, d), (K, d), (d, K), where each d may be another. Raises ValueError on
    factors that do not chain. Source: derivations/network_price.py.
    """

    problem: DeepUFM
    factors: tuple[Array, ...]

    def __post_init__(self) -> None:
        factors, K = self.factors, self.problem.classes
        if len(factors) != self.problem.depth + 1:
            raise ValueError(
                f"got {len(factors)} factors for depth {self.problem.depth}; pass {self.problem.depth + 1}"
            )
        chained = all(after.shape[1] == before.shape[0] for before, after in pairwise([factors[-1], *factors[:-1]]))
        if not (factors[-1].shape[1] == factors[-2].shape[0] == K and chained):
            shapes = ", ".join(str(factor.shape) for factor in factors)
            raise ValueError(
                f"factors of shapes {shapes} are no network of depth {self.problem.depth} on {K} classes; pass W_1, "
                "..., W_L and H that can be multiplied in this order, H with one column for each class"
            )

    @classmethod
    def of_samples(cls, problem: DeepUFM, factors: Sequence[Array]) -> ClassNetwork:
        """The network of factors of the model, with the best column of H (d, N) of each class: the one of least cost.

        For fixed weights the objective is a sum over columns, so that it is no higher than at the factors.
        """
        *weights, features = factors
        logits, owner = problem.logits(factors), problem.labels
        fits = [Fit(problem.loss, problem.classes, owner, each).value(logits) for each in np.eye(problem.size)]
        costs = np.array(fits) / problem.size + problem.regs[-1] / 2 * np.sum(features**2, axis=0)
        own = np.equal.outer(np.arange(problem.classes), owner)
        best = np.argmin(np.where(own, costs, np.inf), axis=1)
        return cls(problem, (*weights, features[:, best]))

    @cached_property
    def layers(self) -> tuple[Array, ...]:
        """Pre-activations M_2, ..., M_L of the hidden layers and the logits Z, (d_l, K) each."""
        *weights, features = self.factors
        layers = []
        for weight in weights:
            layers.append(weight @ features)
            features = self.activated(layers[-1])
        return tuple(layers)

    def activated(self, layer: Array) -> Array:
        """s(M): the features that the next weight matrix sees."""
        return np.maximum(layer, 0.0) if self.problem.activation == "relu" else layer

    @property
    def logits(self) -> Array:
        """Class-mean logits Z, (K, K)."""
        return self.layers[-1]

    @cached_property
    def fit(self) -> float:
        """sum_c pi_c g_c(Z_{:c})."""
        problem = self.problem
        weights = problem.class_sizes / problem.size
        fit = Fit(problem.loss, problem.classes, np.arange(problem.classes), weights)
        return float(fit.value(self.logits))

    @cached_property
    def penalties(self) -> tuple[float, ...]:
        """(lam_l / 2) ||F_l||^2 of each factor: equal at a minimum."""
        *weights, features = self.factors
        squares = [float(np.sum(weight**2)) for weight in weights]
        squares.append(float(np.sum(features**2 * self.problem.class_sizes)))
        return tuple(reg / 2 * square for reg, square in zip(self.problem.regs, squares, strict=True))

    @property
    def penalty(self) -> float:
        """The sum of the penalties of all factors."""
        return sum(self.penalties)

    @property
    def loss(self) -> float:
        """The objective of the model."""
        return self.fit + self.penalty

    @cached_property
    def singular_values(self) -> Array:
        """Nonzero singular values of the logits of all samples, descending."""
        singular = svdvals(self.logits * np.sqrt(self.problem.class_sizes))
        return np.asarray(singular[: numerical_rank(singular, ZERO)])

    @cached_property
    def ranks(self) -> tuple[int, ...]:
        """Numerical ranks of M_2, ..., M_L and Z."""
        return tuple(numerical_rank(svdvals(layer), ZERO) for layer in self.layers)

    @cached_property
    def feature_ranks(self) -> tuple[int, ...]:
        """Numerical ranks of X_2, ..., X_L, what the activation makes of M_2, ..., M_L."""
        return tuple(numerical_rank(svdvals(self.activated(layer)), ZERO) for layer in self.layers[:-1])

    @property
    def middle_rank(self) -> int:
        """The least rank of a layer of pre-activations; of the logits where there is no hidden layer."""
        return min(self.ranks[:-1] or self.ranks)

    def repeated(self, width: int | None = None) -> list[Array]:
        """Factors of the model: all hidden widths the same (by default the model's own or the largest), H (d, N).

        Raises ValueError when a layer is wider.
        """
        *weights, features = self.factors
        widest = max(len(features), *(len(weight) for weight in weights[:-1]), 1)
        width = (self.problem.width or widest) if width is None else width
        if width < widest:
            raise ValueError(f"the network has a layer of {widest} neurons; pass a width of at least {widest}")
        features = np.repeat(features, self.problem.class_sizes, axis=1)
        shapes = self.problem.factor_shapes(width)
        return [_padded(factor, shape) for factor, shape in zip([*weights, features], shapes, strict=True)]


def _padded(factor: Array, shape: Sequence[int]) -> Array:
    full = np.zeros(tuple(shape))
    full[: factor.shape[0], : factor.shape[1]] = factor
    return full
