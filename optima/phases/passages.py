r"""Boundaries in lambda that are proved: on either side of a narrow strip global minima have another price.

With R = (L+1)/2 sum_i s_i^p the price of logits, f = fit + lambda R: the minimum m is concave in lambda, and the price
of a global minimum is among its slopes. At a tie of A and B, R_A > R_B, where m >= l, and for r between both

.. math:: \lambda_- = \lambda - \frac{f_\lambda(A) - \ell}{R_A - r}, \qquad
    \lambda_+ = \lambda + \frac{f_\lambda(B) - \ell}{r - R_B}

no global minimum up to :math:`\lambda_-` has a price below r, as B has, and none from :math:`\lambda_+` on one above,
as A has. So each proof of one cell, at the tie, proves a strip that is as narrow as its gap is small. Source:
derivations/price_of_minima.py.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from optima.atlas.record import Record
from optima.checker import Verification, verify_passage
from optima.model import Array, DeepUFM
from optima.phases.ties import BIFURCATION, Branch, Tie
from optima.proofs.boxes import MatrixBoxes
from optima.proofs.certificate import Certificate
from optima.proofs.form import ConvexConcave
from optima.reduction import Reduction
from optima.search.ladder import search

# Relative difference of prices from which on two minima part at their tie.
PARTED = 1e-6
# How much lower bounds and prices count as, relative.
ROUNDING = 1e-9


@dataclass(frozen=True)
class Passage:
    """Proof that the price of global minima passes ``price`` between the regularisations ``low`` and ``high``.

    ``certificate`` bounds the minimum between them, ``before`` and ``after`` are the class-mean logits (K, K) of a
    higher and of a lower price. With ``alone`` zero is the only global minimum from ``high`` on.
    """

    low: float
    high: float
    price: float
    certificate: Certificate
    before: Array
    after: Array
    alone: bool

    @property
    def width(self) -> float:
        """Of the strip, in log lambda."""
        return math.log(self.high / self.low)

    def verify(self) -> Verification:
        """Prove it again, the certificate included."""
        ends, minima = (self.low, self.high), (self.before, self.after)
        bound = self.certificate.verify()
        return verify_passage(bound, self.certificate.problem, ends, self.price, minima, self.alone)


@dataclass(frozen=True)
class Meeting:
    """Two minima at the lambda of their tie: the record of the better one there, and the logits of both."""

    record: Record
    before: Array
    after: Array

    @classmethod
    def of(cls, tie: Tie, seed: int) -> Meeting | None:
        """The minima of a tie in lambda; None where it is none, or both have one price."""
        first, second = tie.first, tie.second
        assert isinstance(first, Record)
        assert isinstance(second, Record)
        own = first.problem
        if not math.isfinite(tie.loss) or tie.known_by == BIFURCATION or own.depth == 1 or own.loss != "ce":
            return None
        problem = replace(own, reg=math.exp(tie.at))
        before, after = (_followed(each, problem) for each in (first, second))
        found = cls(Record.of(search(problem, seed, "quick", starts=[before, after], many=True)), before, after)
        high, low = found.prices
        return found if high - low > PARTED * high else None

    @property
    def prices(self) -> tuple[float, float]:
        """R_A and R_B."""
        reduction = Reduction(self.record.problem)
        return reduction.penalty(self.before) / reduction.reg, reduction.penalty(self.after) / reduction.reg

    @property
    def price(self) -> float:
        """r: the middle, or no more than the least price of what is not zero, so that zero is alone."""
        high, low = self.prices
        middle = 0.5 * (high + low)
        return middle if self.after.any() else min(middle, self._least)

    @property
    def _least(self) -> float:
        """A price that every global minimum but zero exceeds, here and at larger lambda."""
        form = ConvexConcave.of(self.record.problem)
        return form.strength * MatrixBoxes(form, math.inf).thin / self._reg * (1 - ROUNDING)

    @property
    def _reg(self) -> float:
        reg = self.record.problem.reg
        assert not isinstance(reg, tuple)
        return reg

    def gap(self, width: float) -> float:
        """The gap of a proof that makes the strip so wide in log lambda."""
        (high, low), price = self.prices, self.price
        return width / (self.record.loss / self._reg * (1 / (high - price) + 1 / (price - low)))

    def passage(self, certificate: Certificate) -> Passage | None:
        """The strip that a lower bound proves; None where it would end below zero."""
        (more, less), price, reduction = self.prices, self.price, Reduction(self.record.problem)
        lower = certificate.lower * (1 - ROUNDING)
        low = self._reg - (reduction.value(self.before) - lower) / (more - price)
        high = self._reg + (reduction.value(self.after) - lower) / (price - less)
        if not low > 0:
            return None
        return Passage(low, high, price, certificate, self.before, self.after, not self.after.any())


def _followed(record: Record, problem: DeepUFM) -> Array:
    """Logits of a record followed to another lambda, by descent also where they have a closed form."""
    if record.rank == 0:
        return 0 * record.means
    return replace(Branch.of(record), structure=None).at(problem).means
