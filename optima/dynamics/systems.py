r"""Three exact forms of the flow of all factors, dW_l/dt = -grad g, H likewise.

``CharacterSystem``: singular values in a basis of characters. ``BalancedSystem``: class-mean logits of balanced
factors,

.. math:: \dot Y = -\sum_{i=0}^{m-1} (Y Y^T)^{i/m} \nabla g\, (Y^T Y)^{(m-1-i)/m}, \qquad
    Y = M \operatorname{diag}(\sqrt{n_c}), \quad m = L + 1

whose singular vectors move. ``FactorSystem``: the factors themselves, balanced or not.
Source: derivations/unregularised_flow.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Protocol

import numpy as np

from optima.dynamics.characters import Characters
from optima.dynamics.pull import pull
from optima.limits import check_flow
from optima.model import Array, DeepUFM
from optima.model.fit import Fit
from optima.model.forward_backward import backpropagated
from optima.model.margin import sample_margin


class System(Protocol):
    """A state x (n,) and how it moves."""

    kind: str
    problem: DeepUFM
    start: Array

    def rate(self, log_factor: float, state: Array) -> Array:
        """e^log_factor dx/dt."""

    def weight(self, state: Array) -> float:
        """Size of the state, in which its errors are counted."""

    def logits(self, state: Array) -> Array:
        """Z, shape (K, N)."""

    def singular_values(self, state: Array) -> Array:
        """Those of Z, descending."""

    def margin(self, state: Array) -> float:
        """The smallest margin of a sample."""

    def loss(self, state: Array) -> float:
        """The loss of all samples."""

    def drift(self, state: Array) -> float:
        """How far what the exact flow conserves has moved, relative to its size."""


class CharacterSystem:
    """The state is log zeta of the blocks that are not zero, which stay so."""

    kind = "characters"

    def __init__(self, problem: DeepUFM, zeta: Array, orders: tuple[int, ...]) -> None:
        self.problem, self.equations = problem, Characters(problem, orders)
        blocks = self.equations.blocks
        if problem.loss == "mse" and zeta.shape == (blocks - 1,):
            zeta = np.insert(zeta, 0, 0.0)
        if zeta.shape != (blocks,):
            raise ValueError(
                f"start has shape {zeta.shape} for {blocks} blocks of characters of the group {orders}; pass {blocks} "
                "singular values, or class-mean logits without a group"
            )
        if not (np.isfinite(zeta).all() and (zeta >= 0).all()):
            raise ValueError("singular values are finite and not below 0; pass such a start")
        self.fit = _class_fit(problem)
        self.alive = zeta > 0
        self.start = np.log(zeta[self.alive])

    def zeta(self, state: Array) -> Array:
        """All singular values of M, shape (B,)."""
        zeta = np.zeros(self.alive.size)
        zeta[self.alive] = np.exp(state)
        return zeta

    def rate(self, log_factor: float, state: Array) -> Array:
        """See the equations."""
        eta = np.full(self.alive.size, -np.inf)
        eta[self.alive] = state
        return self.equations.rates(eta, log_factor)[self.alive]

    def weight(self, state: Array) -> float:
        """States are logarithms."""
        return 1.0

    def loss(self, state: Array) -> float:
        """Samples of a class have one loss."""
        return float(self.fit.value(self.equations.logits(self.zeta(state))))

    def logits(self, state: Array) -> Array:
        """Each column of M once for each sample."""
        return np.repeat(self.equations.logits(self.zeta(state)), self.problem.class_sizes, axis=1)

    def singular_values(self, state: Array) -> Array:
        """sqrt(n) zeta, each as often as its block has characters, and 0 where there is no trivial one."""
        found = np.zeros(self.problem.classes)
        each = np.repeat(self.zeta(state), self.equations.multiplicity.astype(int))
        found[: each.size] = np.sort(each)[::-1] * np.sqrt(float(self.problem.class_sizes[0]))
        return found

    def margin(self, state: Array) -> float:
        """See the protocol."""
        return float(self.equations.margin(self.zeta(state)))

    def drift(self, state: Array) -> float:
        """Nothing can drift: balanced and aligned by its form."""
        return 0.0


class BalancedSystem:
    """The state is Y = M diag(sqrt(n_c)); its rank is conserved, and its zero column sums."""

    kind = "balanced"

    def __init__(self, problem: DeepUFM, means: Array) -> None:
        check_flow(problem, self.kind)
        self.problem, self.factors = problem, problem.depth + 1
        self.shape = means.shape
        self.roots = np.sqrt(problem.class_sizes.astype(float))
        self.fit = _class_fit(problem)
        s = np.linalg.svd(means * self.roots, compute_uv=False)
        self.rank = int(np.sum(s > problem.classes * np.finfo(float).eps * s[0]))
        if self.rank > problem.max_rank:
            raise ValueError(f"start has rank {self.rank}; pass a width of at least {self.rank}, or another start")
        self.start = (means * self.roots).ravel()
        self.centred = bool(np.abs(means.sum(axis=0)).max() <= 1e-12 * s[0])

    def rate(self, log_factor: float, state: Array) -> Array:
        """In the singular bases entry (i, j) of the pull is multiplied by sum_l s_i^(2l/m) s_j^(2(m-1-l)/m)."""
        Y = state.reshape(self.shape)
        U, s, V = np.linalg.svd(Y)
        s[self.rank :] = 0.0
        inner = U.T @ (pull(self.fit, Y / self.roots, log_factor) / self.roots) @ V.T
        powers = s[None, :] ** (2 * np.arange(self.factors)[:, None] / self.factors)
        return np.asarray(U @ (inner * (powers.T @ powers[::-1])) @ V).ravel()

    def weight(self, state: Array) -> float:
        """The largest entry."""
        return float(np.abs(state).max()) or 1.0

    def logits(self, state: Array) -> Array:
        """Each column of M once for each sample."""
        return np.repeat(state.reshape(self.shape) / self.roots, self.problem.class_sizes, axis=1)

    def singular_values(self, state: Array) -> Array:
        """Those of Y are those of Z."""
        return np.asarray(np.linalg.svd(state.reshape(self.shape), compute_uv=False), dtype=float)

    def margin(self, state: Array) -> float:
        """Samples of a class have one margin."""
        means = state.reshape(self.shape) / self.roots
        return float(np.min(np.diag(means) - np.where(np.eye(len(means), dtype=bool), -np.inf, means).max(axis=0)))

    def loss(self, state: Array) -> float:
        """Samples of a class have one loss."""
        return float(self.fit.value(state.reshape(self.shape) / self.roots))

    def drift(self, state: Array) -> float:
        """Singular values beyond the rank, and column sums where they began at zero, over the largest value."""
        Y, s = state.reshape(self.shape), self.singular_values(state)
        lost = s[self.rank] if self.rank < s.size else 0.0
        sums = np.abs((Y / self.roots).sum(axis=0)).max() if self.centred and self.problem.loss == "ce" else 0.0
        return float(max(lost, sums) / s[0]) if s[0] > 0 else 0.0


class FactorSystem:
    """The state is all factors; W_{l+1}^T W_{l+1} - W_l W_l^T is conserved for every l."""

    kind = "factors"

    def __init__(self, problem: DeepUFM, factors: Sequence[Array]) -> None:
        check_flow(problem, self.kind)
        # This checks the shapes.
        problem.layers(factors)
        self.problem, self.fit = problem, problem.data_fit()
        self.shapes = [np.shape(factor) for factor in factors]
        self.cuts = np.cumsum([np.size(factor) for factor in factors])[:-1]
        self.start = np.concatenate([np.ravel(np.asarray(factor, dtype=float)) for factor in factors])
        self.conserved = self._conserved(self.start)

    def parts(self, state: Array) -> list[Array]:
        """The factors (W_1, ..., W_L, H)."""
        return [part.reshape(shape) for part, shape in zip(np.split(state, self.cuts), self.shapes, strict=True)]

    def rate(self, log_factor: float, state: Array) -> Array:
        """Backpropagation of the pull."""
        factors = self.parts(state)
        layers = self.problem.layers(factors)
        pulls = backpropagated(factors, layers, pull(self.fit, layers[-1], log_factor), None)
        return np.concatenate([each.ravel() for each in pulls])

    def weight(self, state: Array) -> float:
        """The largest entry."""
        return float(np.abs(state).max()) or 1.0

    def logits(self, state: Array) -> Array:
        """The output of the network."""
        return self.problem.logits(self.parts(state))

    def singular_values(self, state: Array) -> Array:
        """Those of Z."""
        return np.asarray(np.linalg.svd(self.logits(state), compute_uv=False), dtype=float)

    def margin(self, state: Array) -> float:
        """See the protocol."""
        return sample_margin(self.problem, self.logits(state))

    def loss(self, state: Array) -> float:
        """See the protocol."""
        return self.problem.data_loss(self.logits(state))

    def drift(self, state: Array) -> float:
        """Of the differences of Gram matrices, over the largest squared norm of a factor."""
        largest = max(float(np.sum(factor**2)) for factor in self.parts(state))
        pairs = zip(self._conserved(state), self.conserved, strict=True)
        return max(float(np.abs(now - then).max()) for now, then in pairs) / largest

    def _conserved(self, state: Array) -> list[Array]:
        *weights, features = self.parts(state)
        return [high.T @ high - low @ low.T for low, high in pairwise([features, *weights])]


def _class_fit(problem: DeepUFM) -> Fit:
    """The fit of class-mean logits (K, K), each class weighed by its share of the samples."""
    return Fit(problem.loss, problem.classes, np.arange(problem.classes), problem.class_sizes / problem.size)
