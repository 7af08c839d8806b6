"""The scalar functions of the blocks of structures, stacked into arrays.

For a block with fit G(a) the stationary scales solve h(a) = 0 with

    h(a) = log(-G'(a)) + (1 - p) log a - tau,    tau = log(lam_eff) + log rho_p,

rho_p being the price (linear model: sum_i m_i sigma_i^p),

and dh / d(log a) = (1 - p) - E(a), where E(a) = a G''(a) / (-G'(a)) is the elasticity of -G'.
Source: derivations/structure_losses.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from optima.model import Array
from optima.scales.newton import Index
from optima.structures import Block

# Elements of the largest temporary array: about 32 MB.
CHUNK = 1 << 22


@dataclass(frozen=True)
class Terms:
    """Stacked blocks; every array has the number of blocks B as its first axis.

    Functions of a scale take an array of shape (P,) with B = P, or B = 1 for one block at many scales.

    ``sigma`` and ``multiplicity`` (B, S) are the singular values per unit scale, padded with multiplicity 0.
    ``weight`` (B, O) is k_o / K, ``network_price`` (B,) that of the blocks which have one, None for the others.
    """

    sigma: Array
    multiplicity: Array
    weight: Array
    network_price: NDArray[np.object_]

    def take(self, index: Index) -> Self:
        """The blocks numbered ``index``, repeated as often as they occur there (a single block stays one)."""
        if len(self) == 1:
            return self
        return replace(self, **{field.name: getattr(self, field.name)[index] for field in fields(self)})

    def __len__(self) -> int:
        return len(self.sigma)

    def price(self, p: Array) -> Array:
        """rho_p per unit scale for one exponent per block, shape (B,), or for one block at many exponents."""
        price = np.sum(self.multiplicity * self.sigma ** p[:, None], axis=1)
        each = np.broadcast_to(self.network_price, price.shape)
        for b in np.flatnonzero(each != None):  # noqa: E711
            price[b] = float(each[b](float(p[b])))
        return price


@dataclass(frozen=True)
class CrossEntropyTerms(Terms):
    r"""G(a) = sum_o w_o log(base_o + sum_j N_oj e^(-a mu_oj)), margins mu > 0, shapes (B, O, J).

    ``base`` (B, O) is one plus the number of rivals at margin zero; ``least`` (B,) the smallest margin.
    """

    base: Array
    margins: Array
    counts: Array
    least: Array

    def zero_value(self) -> Array:
        """G(0)."""
        return np.sum(self.weight * np.log(self.base + self.counts.sum(axis=2)), axis=1)

    def value(self, a: Array) -> Array:
        """G(a) for one scale per block."""
        tail = np.concatenate([np.sum(N * np.exp(-x[:, None, None] * mu), axis=2) for x, mu, N, _ in self._chunks(a)])
        return np.sum(self.weight * np.log1p(self.base - 1 + tail), axis=1)

    def _chunks(self, a: Array) -> Iterator[tuple[Array, Array, Array, Array]]:
        """Slices of (a, margins, counts, least) short enough for temporary arrays of CHUNK elements."""
        size = max(1, CHUNK // (self.margins.shape[1] * self.margins.shape[2]))
        for start in range(0, max(len(a), 1), size):
            part = slice(start, start + size) if len(self) > 1 else slice(None)
            yield a[start : start + size], self.margins[part], self.counts[part], self.least[part]

    def log_slope(self, a: Array) -> tuple[Array, Array]:
        """log(-G'(a)) and the elasticity E(a), without underflow for a up to 1e300."""
        shift = np.exp(-a * self.least)[:, None]
        sums = self._shifted_sums(a, powers=3)
        q = self.base + shift * sums[0]
        first = sums[1] / q
        second = sums[2] / q - shift * first**2
        slope = np.sum(self.weight * first, axis=1)
        return np.log(slope) - a * self.least, a * np.sum(self.weight * second, axis=1) / slope

    def _shifted_sums(self, a: Array, powers: int) -> list[Array]:
        """sum_j N mu^k e^(-a (mu - least)) for k = 0 .. powers - 1, each of shape (B, O)."""
        parts: list[list[Array]] = [[] for _ in range(powers)]
        for scale, margins, counts, least in self._chunks(a):
            term = counts * np.exp(-scale[:, None, None] * np.maximum(margins - least[:, None, None], 0.0))
            for part in parts:
                part.append(term.sum(axis=2))
                term = term * margins
        return [np.concatenate(part) for part in parts]

    def moments(self, a: Array, powers: int = 3) -> Array:
        """<mu^k>_o, k = 1 .. powers, under the softmax weights; shape (powers, B, O); decreasing in a."""
        shift = np.exp(-a * self.least)[:, None]
        sums = self._shifted_sums(a, powers=powers + 1)
        q = self.base + shift * sums[0]
        return np.stack([shift * part / q for part in sums[1:]])

    def elasticity_growth(self, a: Array) -> Array:
        """dlog E / dlog a = 1 + E - a kappa_3 / kappa_2, kappa_k the cumulants of mu averaged over classes."""
        first, second, third = self.moments(a)
        average = lambda values: np.sum(self.weight * values, axis=1)
        curve = average(second - first**2)
        skew = average(third - 3 * second * first + 2 * first**3)
        return 1 + a * curve / average(first) - a * skew / curve

    def slope_at_zero(self) -> Array:
        """-G'(0)."""
        total = self.base + self.counts.sum(axis=2)
        return np.sum(self.weight * np.sum(self.margins * self.counts, axis=2) / total, axis=1)


@dataclass(frozen=True)
class SquaredErrorTerms(Terms):
    """G(a) = (size + square a^2 - 2 trace a) / (2 K), one entry per block, shape (B,)."""

    size: Array
    square: Array
    trace: Array
    classes: Array

    def zero_value(self) -> Array:
        """G(0)."""
        return self.size / (2 * self.classes)

    def value(self, a: Array) -> Array:
        """G(a) for one scale per block, by completing the square."""
        best = self.trace / self.square
        residual = self.size - self.trace * best
        return (residual + self.square * (a - best) ** 2) / (2 * self.classes)


@dataclass(frozen=True)
class RidgeTerms(Terms):
    r"""The last hidden layer under the best last weight matrix, squared error: a function of u = s^2 / (lam_L K).

    .. math:: G(u) = \frac{1}{2K} \sum_i \frac{m_i}{1 + u \mu_i^2}, \qquad
        E(u) = 2 \langle x \rangle, \quad x_i = \frac{u \mu_i^2}{1 + u \mu_i^2}

    with the mean over weights m_i x_i (1 - x_i). ``sigma`` are the mu_i; ``size`` (B,) counts the classes, so that
    those without a mode add 1 / (2K) each; ``classes`` (B,) is K. The price is K^(1/L) q / 2, the exponent of u is
    1/L and the regularisation lam_eff^((L+1)/L). Source: derivations/network_price.py.
    """

    size: Array
    classes: Array

    def price(self, p: Array) -> Array:
        """K^(1/L) q / 2 at p = 2/(L+1), so that the penalty is that of any other block with the exponent 1/L."""
        each, classes = np.broadcast_to(self.network_price, p.shape), np.broadcast_to(self.classes, p.shape)
        prices = np.array([float(q(float(power))) for q, power in zip(each, p, strict=True)])
        return classes ** (p / (2 - p)) * prices / 2

    def shares(self, u: Array) -> Array:
        """x_i, shape (B, S)."""
        return -np.expm1(-np.log1p(u[:, None] * self.sigma**2))

    def zero_value(self) -> Array:
        """G(0)."""
        return self.size / (2 * self.classes)

    def value(self, u: Array) -> Array:
        """The data loss alone: sum_i m_i (1 - x_i)^2 / (2K), and 1 / (2K) for each class without a mode."""
        missing = self.size - np.sum(self.multiplicity, axis=1)
        kept = 1 / (1 + u[:, None] * self.sigma**2)
        return (np.sum(self.multiplicity * kept**2, axis=1) + missing) / (2 * self.classes)

    def last_penalty(self, u: Array) -> Array:
        """(lam_L / 2) ||W_L||_F^2: sum_i m_i x_i (1 - x_i) / (2K)."""
        kept = 1 / (1 + u[:, None] * self.sigma**2)
        return np.sum(self.multiplicity * self.shares(u) * kept, axis=1) / (2 * self.classes)

    def log_slope(self, u: Array) -> tuple[Array, Array]:
        """log(-G'(u)) and the elasticity E(u), without underflow."""
        logs = np.log(self.sigma**2) - 2 * np.log1p(u[:, None] * self.sigma**2)
        shift = np.max(np.where(self.multiplicity > 0, logs, -np.inf), axis=1)
        weights = self.multiplicity * np.exp(np.minimum(logs - shift[:, None], 0.0))
        total = np.sum(weights, axis=1)
        elasticity = 2 * np.sum(weights * self.shares(u), axis=1) / total
        return np.log(total) + shift - np.log(2 * self.classes), elasticity

    def moments(self, u: Array) -> tuple[Array, Array]:
        """<x> and its variance, under the weights of the slope."""
        logs = np.log(self.sigma**2) - 2 * np.log1p(u[:, None] * self.sigma**2)
        weights = self.multiplicity * np.exp(logs - np.max(logs, axis=1, keepdims=True))
        weights = weights / np.sum(weights, axis=1, keepdims=True)
        x = self.shares(u)
        mean = np.sum(weights * x, axis=1)
        return mean, np.sum(weights * (x - mean[:, None]) ** 2, axis=1)

    def log_slope_at_zero(self) -> Array:
        """log(-G'(0))."""
        return np.log(np.sum(self.multiplicity * self.sigma**2, axis=1) / (2 * self.classes))

    def log_reach(self) -> Array:
        """log R, with -G'(u) <= R / u^2."""
        return np.log(np.sum(self.multiplicity / self.sigma**2, axis=1) / (2 * self.classes))


def stack(
    blocks: Sequence[Block], classes: Sequence[int], loss: str
) -> CrossEntropyTerms | SquaredErrorTerms | RidgeTerms:
    """Stack blocks of structures on ``classes[b]`` classes, padding orbits and margins to the longest.

    With squared error blocks with a ridge go together, and others.
    """
    if loss == "mse" and all(block.ridge is not None for block in blocks):
        return _stack_ridges(blocks, classes)
    sigma, multiplicity = (
        _padded([[s for s, _ in b.singular] for b in blocks], 1.0),
        _padded([[m for _, m in b.singular] for b in blocks], 0.0),
    )
    K = np.array(classes, dtype=float)
    sizes = _padded([[orbit.classes for orbit in b.orbits] for b in blocks], 0.0)
    weight = sizes / K[:, None]
    prices = np.array([b.network_price for b in blocks], dtype=object)
    if loss == "mse":
        square = np.sum(multiplicity * sigma**2, axis=1)
        trace = np.array([float(b.trace) for b in blocks])
        return SquaredErrorTerms(sigma, multiplicity, weight, prices, sizes.sum(axis=1), square, trace, K)
    return _stack_cross_entropy(blocks, sigma, multiplicity, weight, prices)


def _stack_cross_entropy(
    blocks: Sequence[Block], sigma: Array, multiplicity: Array, weight: Array, prices: NDArray[np.object_]
) -> CrossEntropyTerms:
    orbits = weight.shape[1]
    width = max(len(orbit.margins) for block in blocks for orbit in block.orbits)
    margins = np.ones((len(blocks), orbits, width))
    counts = np.zeros((len(blocks), orbits, width))
    for b, block in enumerate(blocks):
        for o, orbit in enumerate(block.orbits):
            margins[b, o, : len(orbit.margins)] = np.asarray(orbit.margins, dtype=float)
            counts[b, o, : len(orbit.counts)] = np.asarray(orbit.counts, dtype=float)
    ties = margins == 0
    base = 1 + np.sum(counts * ties, axis=2)
    counts = np.where(ties, 0.0, counts)
    margins = np.where(ties, 1.0, margins)
    least = np.min(np.where(counts > 0, margins, np.inf), axis=(1, 2))
    return CrossEntropyTerms(sigma, multiplicity, weight, prices, base, margins, counts, least)


def _stack_ridges(blocks: Sequence[Block], classes: Sequence[int]) -> RidgeTerms:
    ridges = [block.ridge for block in blocks if block.ridge is not None]
    sizes = np.array([[float(block.classes)] for block in blocks])
    K = np.array(classes, dtype=float)
    return RidgeTerms(
        sigma=_padded([[mu for mu, _ in ridge.spectrum] for ridge in ridges], 1.0),
        multiplicity=_padded([[m for _, m in ridge.spectrum] for ridge in ridges], 0.0),
        weight=sizes / K[:, None],
        network_price=np.array([ridge.price for ridge in ridges], dtype=object),
        size=sizes[:, 0],
        classes=K,
    )


def _padded(rows: Sequence[Sequence], fill: float) -> Array:
    out = np.full((len(rows), max(map(len, rows))), fill)
    for i, row in enumerate(rows):
        out[i, : len(row)] = [float(value) for value in row]
    return out
