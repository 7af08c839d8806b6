"""What a named relu network is: a stem that is copied from layer to layer, a few last layers, and its logits."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from optima.model import Array
from optima.structures.base import Block, Number, Orbit, Ridge, Structure, unit_scales
from optima.structures.simplex import centred_identity, simplex_blocks

# Relative size under which a singular value of a layer counts as zero.
SMALL = 1e-9


@dataclass(frozen=True)
class Power:
    """p -> c b^(p/2), or with ``ridge`` c b^(p/(2-p)), which is c b^(1/L); p may be a symbol."""

    constant: Number
    base: Number
    ridge: bool = False

    def __call__(self, p: Number) -> Number:
        """The value at p = 2/(L+1)."""
        if not self.ridge:
            return self.constant * self.base ** (p / 2)
        power = p / (2 - p)
        # 1/L in a formula.
        return self.constant * self.base ** (power.cancel() if hasattr(power, "cancel") else power)


@dataclass(frozen=True)
class Costs:
    r"""Squared norms of the factors of a network of least depth l, at unit scale.

    .. math:: \rho^{L+1} = N^2\, r^{L-l}\, A\, B, \qquad q^L = N^2\, r^{L-l}\, A

    Attributes
    ----------
    nuclear
        N, the nuclear norm of M_2.
    rank
        r of X_2: what each layer more costs, which copies the one before.
    later
        A, the product of the squared norms of the weights that make the last layers.
    output
        B, the squared norm of the last weight matrix.
    spectrum
        Nonzero singular values of X_L with multiplicities.
    mean
        What B is less where the logits are centred, 1^T (X_L^T X_L)^{-1} 1 / K, if they are not.
    """

    nuclear: Number
    rank: Number
    later: Number
    output: Number
    spectrum: tuple[tuple[Number, Number], ...]
    mean: Number = 0

    def price(self, least_depth: int) -> Power:
        """rho as a function of p: r (N^2 A B / r^(l+1))^(p/2)."""
        return Power(self.rank, self.nuclear**2 * self.later * self.output / self.rank ** (least_depth + 1))

    def ridge(self, least_depth: int) -> Ridge:
        """q as a function of p, r (N^2 A / r^l)^(1/L), with the spectrum of X_L."""
        price = Power(self.rank, self.nuclear**2 * self.later / self.rank**least_depth, ridge=True)
        return Ridge(self.spectrum, price)


class NamedNetwork(Structure):
    """A named relu network at every depth from ``least_depth`` on; each block of classes has neurons of its own.

    As a structure its scales are those a of :meth:`direction` under cross-entropy, and those u of
    :class:`optima.structures.base.Ridge` with squared error.
    """

    least_depth: int

    @abstractmethod
    def chains(self, depth: int) -> tuple[tuple[Array, ...], ...]:
        """M_2, ..., M_L at unit scale before the activation, on their own classes, for each block or part of one."""

    @abstractmethod
    def directions(self, exact: bool = False) -> tuple[np.ndarray, ...]:
        """The logits of each chain at unit scale, on its own classes."""

    def chain_scales(self, scales: Sequence[float]) -> Sequence[float]:
        """The scale of each chain, given those of the blocks."""
        return scales

    def preactivations(self, depth: int) -> tuple[Array, ...]:
        """M_2, ..., M_L at unit scale, of shapes (d_l, K).

        Raises ValueError at a depth below ``least_depth``.
        """
        return tuple(map(direct_sum, zip(*self.chains(depth), strict=True)))

    def middle_rank(self, depth: int) -> int:
        """The least rank of M_2, ..., M_L; copies of a layer have one rank, so that two more layers tell it."""
        layers = self.preactivations(min(depth, self.least_depth + 2))
        return min(int(np.linalg.matrix_rank(layer, rtol=SMALL)) for layer in layers)

    @property
    def width(self) -> int:
        """Neurons of the widest layer."""
        return max(len(M) for M in self.preactivations(self.least_depth))

    def shape(self, scales: Sequence[Number] | None = None, exact: bool = False) -> np.ndarray:
        """Class-mean logits of shape (K, K) under cross-entropy, at the given scales of the blocks."""
        given = self.chain_scales(unit_scales(scales, len(self.blocks())))
        return direct_sum([scale * part for scale, part in zip(given, self.directions(exact), strict=True)])

    def check_depth(self, depth: int) -> None:
        """Raise ValueError below the least depth."""
        if depth < self.least_depth:
            raise ValueError(f"{self.name} needs a depth of at least {self.least_depth}; got {depth}")

    def __repr__(self) -> str:
        return f"<network {self.name}, {self.classes} classes, depth {self.least_depth} or more>"


class OneBlock(NamedNetwork):
    """A network whose classes share one scale.

    A subclass fills in :meth:`stem`, :meth:`stages` where there are any, :meth:`costs`, and the logits.
    """

    @abstractmethod
    def stem(self) -> Array:
        """M_2, whose rectified copies the layers up to the stages are."""

    def stages(self) -> tuple[Array, ...]:
        """The last layers, after the copies."""
        return ()

    @abstractmethod
    def costs(self, exact: bool = False) -> Costs:
        """Squared norms of the factors, in closed form."""

    @abstractmethod
    def logits(self, exact: bool = False) -> Block:
        """Orbits, singular values and trace of the direction."""

    @abstractmethod
    def direction(self, exact: bool = False) -> np.ndarray:
        """The logits at unit scale, of shape (K, K)."""

    def blocks(self, exact: bool = False) -> tuple[Block, ...]:
        """One block: logits of the direction at the price of the network."""
        logits, costs = self.logits(exact), self.costs(exact)
        priced = costs.price(self.least_depth), costs.ridge(self.least_depth)
        return (Block(logits.orbits, logits.singular, logits.trace, *priced),)

    def chains(self, depth: int) -> tuple[tuple[Array, ...], ...]:
        """One chain: the stem, its rectified copies, and the stages."""
        self.check_depth(depth)
        stem = self.stem()
        copies = (np.maximum(stem, 0.0),) * (depth - self.least_depth)
        return ((stem, *copies, *self.stages()),)

    def directions(self, exact: bool = False) -> tuple[np.ndarray, ...]:
        """The one direction."""
        return (self.direction(exact),)


class Separating(OneBlock):
    """A network whose last hidden layer tells every class from all others: any logits can follow.

    They are I - J/K under cross-entropy, or I in a sum with other classes (:meth:`among_others`).
    """

    losses: tuple[str, ...] = ("ce", "mse")
    centred = True

    @abstractmethod
    def all_costs(self, exact: bool = False) -> Costs:
        """Squared norms of the factors with logits I, and what the mean of the logits adds."""

    def costs(self, exact: bool = False) -> Costs:
        """Squared norms of the factors."""
        costs = self.all_costs(exact)
        return replace(costs, output=costs.output - costs.mean) if self.centred else costs

    def among_others(self) -> Self:
        """The same with logits I."""
        other = copy(self)
        other.centred = False
        other.__dict__.pop("fingerprint", None)
        return other

    def price_of_targets(self, depth: float) -> float:
        """G: rho of the targets of squared error, Y = I."""
        return float(self.all_costs().price(self.least_depth)(2 / (depth + 1)))

    def logits(self, exact: bool = False) -> Block:
        """Those of the simplex, or of a frame."""
        K = self.classes
        return simplex_blocks(K)[0] if self.centred else Block((Orbit(K, (1,), (K - 1,)),), ((1, K),), K)

    def direction(self, exact: bool = False) -> np.ndarray:
        """I - J/K, or I."""
        if self.centred:
            return centred_identity(self.classes, exact)
        return np.eye(self.classes, dtype=object if exact else float)


def direct_sum(parts: Sequence[np.ndarray]) -> np.ndarray:
    """The block-diagonal matrix of the parts."""
    rows, columns = (sum(part.shape[axis] for part in parts) for axis in (0, 1))
    whole = np.zeros((rows, columns), dtype=parts[0].dtype)
    row = column = 0
    for part in parts:
        whole[row : row + part.shape[0], column : column + part.shape[1]] = part
        row, column = row + part.shape[0], column + part.shape[1]
    return whole
