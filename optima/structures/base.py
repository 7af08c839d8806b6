"""What a named structure is: blocks of classes, each with a shape of its own scale."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from optima import brief

if TYPE_CHECKING:
    import sympy

# Block data may be exact (int, Fraction, sympy expression) or float.
Number = Any


@dataclass(frozen=True)
class Orbit:
    """Classes that see the same margins: a class has ``counts[j]`` rivals at margin ``margins[j]``.

    Margins are per unit scale: at scale a the logit of the class exceeds that of its rival by a * margin.
    """

    classes: Number
    margins: tuple[Number, ...]
    counts: tuple[Number, ...]

    def __repr__(self) -> str:
        return brief.of_fields(self)


@dataclass(frozen=True)
class Ridge:
    r"""The last hidden layer X_L of a relu network with squared error, whose last weight matrix is the best one.

    With u = s^2 / (lam_L K), s the scale of X_L, and n = 1 its part of the loss with K classes is

    .. math:: \frac{1}{2K} \sum_i \frac{1}{1 + u \mu_i^2} + \frac{L}{2} \lambda^{(L+1)/L} K^{1/L} q\, u^{1/L}

    Attributes
    ----------
    spectrum
        Pairs (mu_i, m_i): nonzero singular values of X_L at unit scale, with multiplicities; the sum has a term 1
        for each class more.
    price
        q as a function of p = 2/(L+1): the least sum of squared norms of the other L factors over L, at unit scale.

    Source: derivations/network_price.py.
    """

    spectrum: tuple[tuple[Number, Number], ...]
    price: Callable[[Number], Number]


@dataclass(frozen=True)
class Block:
    r"""Columns of the logits that share one scale a and separate from all others.

    Their part of the reduced loss with K classes and n = 1 is, for cross-entropy and squared error,

    .. math::
        G(a) + c\, \rho_p\, a^p,\qquad \rho_p = \sum_i m_i \sigma_i^p \;\text{for the linear model},\\
        G(a) = \frac1K \sum_o k_o \log\bigl(1 + \sum_j N_{oj} e^{-a \mu_{oj}}\bigr)
        \;\text{or}\; \frac{1}{2K}\bigl(a^2 \sum_i m_i \sigma_i^2 - 2 a\, t + \sum_o k_o\bigr)

    Attributes
    ----------
    orbits
        Orbits o of k_o classes with margins mu_oj and counts N_oj.
    singular
        Pairs (sigma_i, m_i): nonzero singular values per unit scale, with multiplicities.
    trace
        t, the sum of the diagonal entries of these columns per unit scale.
    network_price
        rho as a function of p, where singular values do not tell it (relu).
    ridge
        What takes the place of all this with squared error, where the last weight matrix is free (relu).
    """

    orbits: tuple[Orbit, ...]
    singular: tuple[tuple[Number, Number], ...]
    trace: Number
    network_price: Callable[[Number], Number] | None = None
    ridge: Ridge | None = None

    def price(self, p: Number) -> Number:
        """rho_p: the least sum of squared norms of the L + 1 factors over L + 1, p = 2 / (L + 1), per unit scale."""
        if self.network_price is not None:
            return self.network_price(p)
        return sum(multiplicity * sigma**p for sigma, multiplicity in self.singular)

    def singular_values(self, scale: Number, loss: str = "ce") -> list[tuple[Number, Number]]:
        """Nonzero singular values of the logits at a scale above zero, with multiplicities; scales may be an array.

        They are a sigma_i, or u mu_i^2 / (1 + u mu_i^2) under the best last weight matrix.
        """
        if loss == "mse" and self.ridge is not None:
            shares = ((scale * float(mu) ** 2, m) for mu, m in self.ridge.spectrum)
            return [(share / (1 + share), m) for share, m in shares]
        return [(scale * float(sigma), m) for sigma, m in self.singular]

    @property
    def classes(self) -> Number:
        """Number of classes the block carries."""
        return sum(orbit.classes for orbit in self.orbits)

    @property
    def rank(self) -> int:
        """Number of nonzero singular values."""
        return int(sum(multiplicity for _, multiplicity in self.singular))


class Structure(ABC):
    """A named family of class-mean logits on K classes, one free scale for each of its blocks.

    A subclass sets ``name``, takes the number of classes, and fills in :meth:`blocks` and :meth:`shape`. There is
    none at depths L below ``least_depth``; ``losses`` are those that it is meant for.
    """

    name: str
    least_depth: int = 1
    losses: tuple[str, ...] = ("ce", "mse")
    # What numbers of the formula are that have no closed form.
    about_numbers: str = ""

    def __init__(self, classes: int) -> None:
        self.classes = classes

    @abstractmethod
    def blocks(self, exact: bool = False) -> tuple[Block, ...]:
        """The blocks; with ``exact`` no entry is a float."""

    @abstractmethod
    def shape(self, scales: Sequence[Number] | None = None, exact: bool = False) -> np.ndarray:
        """Class-mean logits M of shape (K, K) at the given scales (one for each block; default 1).

        With ``exact`` the entries are sympy numbers, in an object array.
        """

    @property
    def rank(self) -> int:
        """Number of nonzero singular values when no scale is zero."""
        return sum(block.rank for block in self.blocks())

    @property
    def width(self) -> int:
        """Least hidden width of a model that can have it."""
        return self.rank

    @cached_property
    def fingerprint(self) -> tuple[object, ...]:
        """Equal for two structures exactly when they have the same losses at all scales (up to 1e-12)."""
        return tuple(sorted(_block_fingerprint(block) for block in self.blocks()))

    def formula(self, loss: str = "ce") -> sympy.Expr:
        """Reduced loss in sympy, with symbols a (or a_1, a_2, ...), L, lambda and n.

        G(a) + ((L+1)/2) lambda n^(1/(L+1)) sum_i m_i (a sigma_i)^(2/(L+1)), summed over the blocks. For relu networks
        with squared error it is that of :class:`Ridge` with symbols u.
        """
        return loss_formula(self.blocks(exact=True), self.classes, loss)

    def __repr__(self) -> str:
        return f"<structure {self.name}, {self.classes} classes, rank {self.rank}>"


def loss_formula(blocks: Sequence[Block], classes: Number, loss: str = "ce") -> sympy.Expr:
    """Reduced loss of exact blocks as a sympy expression; ``classes`` may be a symbol."""
    import sympy

    depth, reg, samples = sympy.symbols("L lambda n", positive=True)
    parts = [
        fit_formula(block, a, classes, loss)
        + (
            ridge_formula(block.ridge, a, classes)
            if has_ridge(block, loss)
            else (depth + 1) / 2 * reg * samples ** (1 / (depth + 1)) * price_formula(block, a, 2 / (depth + 1))
        )
        for block, a in zip(blocks, scale_symbols(blocks, loss), strict=True)
    ]
    # A structure without blocks (zero) leaves every class at the loss of the zero logits.
    return sum(parts) if parts else (sympy.log(classes) if loss == "ce" else sympy.Rational(1, 2))


def has_ridge(block: Block, loss: str) -> bool:
    """Whether the loss of a block is that under the best last weight matrix."""
    return loss == "mse" and block.ridge is not None


def scale_symbols(blocks: Sequence[Block], loss: str) -> tuple[sympy.Symbol, ...]:
    """The symbols of the scales: a, or a_1, ..., a_m; u where the last weight matrix is the best one."""
    import sympy

    letters = ["u" if has_ridge(block, loss) else "a" for block in blocks]
    names = letters if len(letters) == 1 else [f"{letter}_{i}" for i, letter in enumerate(letters, start=1)]
    return tuple(sympy.Symbol(name, positive=True) for name in names)


def fit_formula(block: Block, a: sympy.Symbol, classes: Number, loss: str) -> sympy.Expr:
    """G(a) of an exact block, as in :class:`Block`, or what does not depend on lambda in :class:`Ridge`."""
    import sympy

    exact = sympy.sympify
    if loss == "mse" and block.ridge is not None:
        missing = block.classes - sum(m for _, m in block.ridge.spectrum)
        modes = sum(exact(m) / (1 + a * exact(mu) ** 2) for mu, m in block.ridge.spectrum)
        return (modes + missing) / (2 * exact(classes))
    if loss == "mse":
        square = sum(exact(m) * exact(sigma) ** 2 for sigma, m in block.singular)
        return (a**2 * square - 2 * a * exact(block.trace) + exact(block.classes)) / (2 * exact(classes))
    return sum(
        exact(orbit.classes)
        / exact(classes)
        * sympy.log(
            1 + sum(exact(N) * sympy.exp(-a * exact(m)) for m, N in zip(orbit.margins, orbit.counts, strict=True))
        )
        for orbit in block.orbits
    )


def price_formula(block: Block, a: sympy.Symbol, p: sympy.Expr) -> sympy.Expr:
    """rho_p a^p of an exact block."""
    import sympy

    if block.network_price is not None:
        return sympy.sympify(block.price(p)) * a**p
    return sum(sympy.sympify(m) * (a * sympy.sympify(sigma)) ** p for sigma, m in block.singular)


def ridge_formula(ridge: Ridge | None, u: sympy.Symbol, classes: Number) -> sympy.Expr:
    """(L/2) lambda^((L+1)/L) (n K)^(1/L) q u^(1/L) in symbols L, lambda and n."""
    import sympy

    depth, reg, samples = sympy.symbols("L lambda n", positive=True)
    assert ridge is not None
    price = sympy.sympify(ridge.price(2 / (depth + 1)))
    return depth / 2 * reg ** (1 + 1 / depth) * (samples * classes) ** (1 / depth) * price * u ** (1 / depth)


def _block_fingerprint(block: Block) -> tuple[object, ...]:
    unit = float(block.singular[0][0])
    rounded = lambda value: float(f"{float(value) / unit:.12g}")
    orbits = sorted(
        (int(orbit.classes), tuple(sorted(_merged(map(rounded, orbit.margins), orbit.counts).items())))
        for orbit in block.orbits
    )
    singular = sorted(_merged((rounded(s) for s, _ in block.singular), (m for _, m in block.singular)).items())
    priced = block.network_price is not None
    prices = tuple(float(f"{float(block.price(p)) / unit**p:.12g}") for p in (0.25, 0.5)) if priced else ()
    ridge = () if block.ridge is None else _ridge_fingerprint(block.ridge)
    return (tuple(orbits), tuple(singular), rounded(block.trace), prices, *ridge)


def _ridge_fingerprint(ridge: Ridge) -> tuple[object, ...]:
    unit = max(float(mu) for mu, _ in ridge.spectrum)
    keys = (float(f"{float(mu) / unit:.12g}") for mu, _ in ridge.spectrum)
    spectrum = sorted(_merged(keys, (m for _, m in ridge.spectrum)).items())
    # A factor t of the layer is one of t^(2/L) of the price, L = 2/p - 1.
    prices = (float(f"{float(ridge.price(p)) / unit ** (2 * p / (2 - p)):.12g}") for p in (0.25, 0.5))
    return (tuple(spectrum), *prices)


def _merged(keys: Iterator[float], counts: Sequence[Number] | Iterator[Number]) -> dict[float, int]:
    total: dict[float, int] = {}
    for key, count in zip(keys, counts, strict=True):
        if count:
            total[key] = total.get(key, 0) + int(count)
    return total


@dataclass(frozen=True)
class Family:
    """A registered kind of structure.

    ``members(K)`` lists the members the catalogue contains at K classes (none where it does not exist);
    ``seek(name, K)``, where there are others, returns the member of that name, in the catalogue or not, or None.
    """

    name: str
    summary: str
    members: Callable[[int], Sequence[Structure]]
    seek: Callable[[str, int], Structure | None] | None = None
    losses: tuple[str, ...] = ("ce", "mse")

    def find(self, name: str, classes: int) -> Structure | None:
        """The member of that name at K classes, or None."""
        if self.seek is not None:
            return self.seek(name, classes)
        return next((member for member in self.members(classes) if member.name == name), None)


def single(structure: type[Structure], summary: str, exists: Callable[[int], bool], **options: Any) -> Family:
    """A family with one member, of the same name, at each K for which it exists."""
    return Family(structure.name, summary, lambda classes: [structure(classes)] if exists(classes) else [], **options)


def unit_scales(scales: Sequence[Number] | None, count: int) -> tuple[Number, ...]:
    """The scales given for ``count`` blocks, or ones. Raises ValueError when there are more or fewer."""
    if scales is None:
        return (1,) * count
    if len(scales) != count:
        raise ValueError(f"got {len(scales)} scales for {count} blocks; pass {count}")
    return tuple(scales)
