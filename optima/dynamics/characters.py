r"""Flow of logits that are diagonal in the characters of an abelian group: the singular values alone.

.. math:: M_{xy} = f(x - y), \quad f = \tfrac1K \sum_b \mu_b \zeta_b \kappa_b, \qquad
    \dot\zeta_b = \tfrac mK n^{-1/m} \zeta_b^{2-2/m} \sum_x \pi(x) (1 - \kappa_b(x)), \quad \pi = \mathrm{softmax} f

with blocks b = {chi, conj chi}, mu_b = 1 or 2 characters in each, kappa_b = Re chi_b, m = L + 1 factors and
s(Z) = sqrt(n) zeta; for squared error the sum is 1 - zeta_b. Source: derivations/unregularised_flow.py.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

from optima.dynamics.pull import MOST
from optima.limits import check_flow
from optima.model import Array, DeepUFM
from optima.structures.group import Group


class Characters:
    """The equations in eta = log zeta (..., B), for any number of starts at once.

    Blocks are those of :class:`optima.structures.group.Group`; for squared error the trivial character comes first.
    Raises ValueError unless the model is linear, of classes of equal size, as many as the group has elements, and for
    too many of them.
    """

    def __init__(self, problem: DeepUFM, orders: tuple[int, ...]) -> None:
        if not problem.balanced:
            raise ValueError("the classes differ in size; pass one number of samples, or class-mean logits as start")
        check_flow(problem, "characters")
        self.problem, self.group = problem, Group.of(orders, problem.classes)
        trivial = problem.loss == "mse"
        cosines, multiplicity = self.group.cosines, self.group.multiplicity
        self.cosines = np.insert(cosines, 0, 1.0, axis=1) if trivial else cosines
        self.multiplicity = np.insert(multiplicity, 0, 1.0) if trivial else multiplicity
        self.power = 1 - 2 / (problem.depth + 1)
        factors = problem.depth + 1
        self.log_speed = np.log(factors / problem.classes) - np.log(problem.class_sizes[0]) / factors

    @property
    def blocks(self) -> int:
        """Number of blocks B."""
        return self.multiplicity.size

    @cached_property
    def gaps(self) -> Array:
        """mu_b (1 - kappa_b(x)) / K for the rivals x, so that ``gaps @ zeta`` is f(0) - f(x); shape (K-1, B)."""
        return self.multiplicity * (1 - self.cosines[1:]) / self.problem.classes

    def rates(self, eta: Array, log_factor: Array | float) -> Array:
        """e^log_factor d eta / dt, for ``log_factor`` of shape (..., 1)."""
        if self.problem.loss == "mse":
            return np.exp(log_factor + self.log_speed + self.power * eta) * -np.expm1(eta)
        lead, share = self._rivals(eta)
        own = np.logaddexp(-lead, np.log(share.sum(axis=-1, keepdims=True)))
        with np.errstate(divide="ignore"):
            away = np.log(share @ (1 - self.cosines[1:]))
        return np.exp(np.minimum(log_factor + self.log_speed + self.power * eta + away - own, MOST))

    def shape_rates(self, eta: Array) -> Array:
        """d eta / dt over the largest of its entries, which does not underflow at any margin (cross-entropy)."""
        _, share = self._rivals(eta)
        with np.errstate(divide="ignore"):
            rate = self.power * eta + np.log(share @ (1 - self.cosines[1:]))
        return np.exp(rate - rate.max(axis=-1, keepdims=True))

    def _rivals(self, eta: Array) -> tuple[Array, Array]:
        """max_x (f(x) - f(0)) over the rivals, and e^(f(x) - f(0)) over its exponential, shape (..., K-1)."""
        lead = -np.exp(eta) @ self.gaps.T
        top = lead.max(axis=-1, keepdims=True)
        return top, np.exp(lead - top)

    def margin(self, zeta: Array) -> Array:
        """f(0) - max_x f(x), shape (...)."""
        return np.asarray((zeta @ self.gaps.T).min(axis=-1))

    def logits(self, zeta: Array) -> Array:
        """M, shape (K, K)."""
        return self.group.circulant(self.cosines @ (self.multiplicity * zeta) / self.problem.classes)
