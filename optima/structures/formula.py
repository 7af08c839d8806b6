"""The exact formulas of one structure, to be printed: loss, stationarity, singular values, price, source."""

from __future__ import annotations

import inspect
import re
from functools import cached_property

import sympy

from optima.structures.base import Block, Structure, fit_formula, has_ridge, price_formula, ridge_formula, scale_symbols

# Most different margins and singular values for which a formula can be read.
MOST_TERMS = 200
# Numbers that are longer, in characters, are printed as decimals, of so many digits.
LONGEST, DIGITS = 40, 15

# p = 2 / (L + 1), and c = lambda n^(p/2) / p.
P, C, DEPTH, REG, SAMPLES = sympy.symbols("p c L lambda n", positive=True)
EXPONENT = sympy.Eq(P, 2 / (DEPTH + 1), evaluate=False)
COEFFICIENT = sympy.Eq(C, REG * SAMPLES ** (P / 2) / P, evaluate=False)
# The scale of a relu network with squared error, from that of its last hidden layer.
SCALE = sympy.Eq(sympy.Symbol("u"), sympy.Symbol("s") ** 2 / (REG * sympy.Symbol("K")), evaluate=False)


class Formula:
    r"""f(a) = G(a) + c \sum_i m_i (a \sigma_i)^p, with p = 2 / (L+1) and c = \lambda n^{p/2} / p, for one structure.

    Every attribute is exact, in sympy: ``loss`` is f, ``fit`` is G and ``price`` the rest, with one symbol a, or
    a_1, ..., a_m, for the scale of each block. For relu networks with squared error ``fit`` is the sum over the modes
    of the last hidden layer in :class:`optima.structures.base.Ridge`, and the symbols are u.

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
        self.scales = scale_symbols(self.blocks, loss)

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
        parts = [
            ridge_formula(block.ridge, a, self.structure.classes)
            if has_ridge(block, self.kind)
            else C * price_formula(block, a, P)
            for block, a in zip(self.blocks, self.scales, strict=True)
        ]
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
            (value, int(count))
            for block, a in zip(self.blocks, self.scales, strict=True)
            for value, count in _singular_values(block, a, self.kind)
        ]

    @property
    def where(self) -> list[sympy.Eq]:
        """What the symbols stand for."""
        if any(has_ridge(block, self.kind) for block in self.blocks):
            return [SCALE]
        return [EXPONENT, COEFFICIENT]

    @property
    def source(self) -> str:
        """Where the formula is derived."""
        found = re.search(r"Source: (.+?)(\n\n|$)", inspect.getdoc(type(self.structure)) or "", re.DOTALL)
        return " ".join(found[1].split()).rstrip(".") if found else "derivations/structure_losses.py"


def _singular_values(block: Block, a: sympy.Symbol, loss: str) -> list[tuple[sympy.Expr, int]]:
    if loss == "mse" and block.ridge is not None:
        shares = [(a * sympy.sympify(mu) ** 2, m) for mu, m in block.ridge.spectrum]
        return [(share / (1 + share), m) for share, m in shares]
    return [(a * sympy.sympify(sigma), m) for sigma, m in block.singular]


def shortened(expression: sympy.Basic) -> sympy.Basic:
    """The expression with numbers of more than ``LONGEST`` characters as decimals of ``DIGITS`` digits."""
    if getattr(expression, "is_number", False):
        text = str(expression)
        return expression if len(text) <= LONGEST else sympy.Float(expression.evalf(2 * DIGITS), DIGITS)
    arguments = [shortened(each) for each in expression.args]
    if not arguments or all(a is b for a, b in zip(arguments, expression.args, strict=True)):
        return expression
    return (
        expression.func(*arguments, evaluate=False) if isinstance(expression, sympy.Eq) else expression.func(*arguments)
    )


def terms(structure: Structure) -> int:
    """How many different margins and singular values the formula of a structure has."""
    blocks = structure.blocks()
    return sum(sum(len(orbit.margins) for orbit in block.orbits) + len(block.singular) for block in blocks)
