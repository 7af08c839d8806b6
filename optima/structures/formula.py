"""The exact formulas of one structure, to be printed: loss, stationarity, singular values, price, source."""

from __future__ import annotations

import inspect
import re
from functools import cached_property

import sympy

from optima.structures.base import Structure, fit_formula, price_formula, scale_symbols

# Most different margins and singular values for which a formula can be read.
MOST_TERMS = 200

# p = 2 / (L + 1), and c = lambda n^(p/2) / p.
P, C, DEPTH, REG, SAMPLES = sympy.symbols("p c L lambda n", positive=True)
EXPONENT = sympy.Eq(P, 2 / (DEPTH + 1), evaluate=False)
COEFFICIENT = sympy.Eq(C, REG * SAMPLES ** (P / 2) / P, evaluate=False)


class Formula:
    r"""f(a) = G(a) + c \sum_i m_i (a \sigma_i)^p, with p = 2 / (L+1) and c = \lambda n^{p/2} / p, for one structure.

    Every attribute is exact, in sympy: ``loss`` is f, ``fit`` is G and ``price`` the rest, with one symbol a, or
    a_1, ..., a_m, for the scale of each block.

    Raises ValueError for structures of more than 200 different margins.
    """

    def __init__(self, structure: Structure, loss: str = "ce") -> None:
        if terms(structure) > MOST_TERMS:
            raise ValueError(
                f"{structure.name} has {terms(structure)} different margins at {structure.classes} classes, too many "
                "to print; pass fewer classes"
            )
        self.structure, self.kind = structure, loss
        self.blocks = structure.blocks(exact=True)
        self.scales = scale_symbols(len(self.blocks))

    @cached_property
    def fit(self) -> sympy.Expr:
        """G, summed over the blocks; without a block that of the zero logits."""
        if not self.blocks:
            return self.structure.formula(self.kind)
        return sum(
            fit_formula(block, a, self.structure.classes, self.kind)
            for block, a in zip(self.blocks, self.scales, strict=True)
        )

    @cached_property
    def price(self) -> sympy.Expr:
        """What weight decay costs: c times the Schatten quasi-norm of the class-mean logits, to the power p."""
        parts = [C * price_formula(block, a, P) for block, a in zip(self.blocks, self.scales, strict=True)]
        return sum(parts, sympy.Integer(0))

    @property
    def loss(self) -> sympy.Expr:
        """f, the loss at the best weights and features with these class-mean logits."""
        return self.fit + self.price

    @property
    def stationarity(self) -> list[sympy.Eq]:
        """-G'(a) = (c norm)'(a) for each scale."""
        slopes = [(-sympy.diff(self.fit, a), sympy.diff(self.price, a)) for a in self.scales]
        return [
            sympy.Eq(sympy.factor_terms(gain, sign=True), sympy.powsimp(cost), evaluate=False) for gain, cost in slopes
        ]

    @property
    def singular_values(self) -> list[tuple[sympy.Expr, int]]:
        """Nonzero singular values of the class-mean logits with multiplicities."""
        return [
            (a * sympy.sympify(sigma), int(count))
            for block, a in zip(self.blocks, self.scales, strict=True)
            for sigma, count in block.singular
        ]

    @property
    def source(self) -> str:
        """Where the formula is derived."""
        found = re.search(r"Source: (.+?)(\n\n|$)", inspect.getdoc(type(self.structure)) or "", re.DOTALL)
        return " ".join(found[1].split()).rstrip(".") if found else "derivations/structure_losses.py"


def terms(structure: Structure) -> int:
    """How many different margins and singular values the formula of a structure has."""
    blocks = structure.blocks()
    return sum(sum(len(orbit.margins) for orbit in block.orbits) + len(block.singular) for block in blocks)
