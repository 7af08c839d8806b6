r"""Logits that are invariant under an abelian group acting on the classes, and their loss in singular values.

.. math:: Z_{jc} = z(j - c), \qquad
    f = \log\Bigl(1 + \sum_{j \ne 0} e^{-\sum_b \frac{\mu_b}{K} s_b (1 - \kappa_b(j))}\Bigr) + c \sum_b \mu_b s_b^p

for the singular values s_b >= 0 of the blocks b = {chi, conj chi} of nontrivial characters, mu_b = 1 or 2 their
number and kappa_b(j) = Re chi_b(j): circulants for a cyclic group. Source: derivations/invariant_bound.py.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from optima.model import Array, DeepUFM
from optima.proofs.form import ConvexConcave
from optima.structures.group import Group


@dataclass(frozen=True)
class InvariantForm:
    """The loss of invariant logits as a function of the singular values s (N, m) of the blocks.

    ``margin`` (J, m) holds mu_b (1 - kappa_b(j)) / K for one rival j of each pair {j, -j}, ``rivals`` (J,) how many
    there are, ``multiplicity`` (m,) is mu_b, ``strength`` is c and ``depth`` is L.
    """

    group: Group
    margin: Array
    rivals: Array
    multiplicity: Array
    strength: float
    depth: int

    @classmethod
    def of(cls, problem: DeepUFM, group: Sequence[int]) -> InvariantForm:
        """The form of a balanced, linear cross-entropy problem whose width leaves every rank free.

        Raises ValueError for other problems and for groups of another order.
        """
        of = Group.of(group, problem.classes)
        if problem.loss != "ce" or problem.activation != "linear" or not problem.balanced:
            raise ValueError("invariant logits are searched for linear cross-entropy with balanced classes; pass such")
        form = ConvexConcave.of(problem)
        if form.max_rank < problem.classes - 1:
            raise ValueError(
                f"width {problem.width} bounds the rank of the logits; pass a width of {problem.classes - 1} or more"
            )
        # Rivals j and -j have one margin; pairs of elements are listed as pairs of characters are.
        elements = of.elements
        chosen = [elements.index(j) for j in of.blocks]
        margin = of.multiplicity * (1 - of.cosines[chosen]) / problem.classes
        return cls(of, margin, of.multiplicity, of.multiplicity, form.strength, form.depth)

    @property
    def power(self) -> float:
        """1/p = (L + 1) / 2, with which s = t^(1/p)."""
        return (self.depth + 1) / 2

    @property
    def zero_value(self) -> float:
        """Loss of zero logits, log K."""
        return math.log1p(float(self.rivals.sum()))

    def fit(self, s: Array) -> tuple[Array, Array, Array]:
        """Fit (N,), gradient (N, m) and Hessian (N, m, m): convex, and decreasing in every s."""
        odds = self.rivals * np.exp(-s @ self.margin.T)
        total = odds.sum(axis=1)
        share = odds / (1 + total)[:, None]
        mean = share @ self.margin
        hessian = np.einsum("nj,ja,jb->nab", share, self.margin, self.margin, optimize=True)
        return np.log1p(total), -mean, hessian - mean[:, :, None] * mean[:, None, :]

    def fit_value(self, s: Array) -> Array:
        """Fit alone."""
        return np.asarray(np.log1p(np.exp(-s @ self.margin.T) @ self.rivals))

    def penalty(self, t: Array) -> Array:
        """c sum_b mu_b t_b with t_b = s_b^p, shape (N,)."""
        return self.strength * (t @ self.multiplicity)

    def value(self, s: Array) -> Array:
        """Loss (N,)."""
        return np.asarray(self.fit(s)[0] + self.penalty(s ** (1 / self.power)))

    def logits(self, s: Array) -> Array:
        """Z_jc = sum_b (mu_b / K) s_b kappa_b(j - c), shape (K, K), of singular values s (m,)."""
        return self.group.circulant(self.group.cosines @ (self.multiplicity * s) / len(self.group.elements))
