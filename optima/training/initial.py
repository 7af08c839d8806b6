"""Where training begins."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import hadamard

from optima.model import Array, DeepUFM
from optima.model.inputs import positive_number, shown
from optima.reduction import Reduction
from optima.scales.losses import structure_losses
from optima.structures import find, hint

KINDS = ("gaussian", "spectral", "hadamard")
# Size of the random part, in units of 1 / sqrt(d), where none is given.
NEAR = 1e-3


@dataclass(frozen=True)
class Initialisation:
    r"""Seeded starting points (W_1, ..., W_L, H).

    .. math::
        \text{gaussian:} \quad & (W_l)_{ij}, H_{ij} \sim N(0, \text{scale}^2 / d) \\
        \text{spectral:} \quad & W_l = U_l \operatorname{diag}(t) U_{l-1}^T, \quad t_i \sim \text{scale}\,
        U(\tfrac12, 1), \quad H \text{ likewise} \\
        \text{near M:} \quad & W_l = U_l \operatorname{diag}(s(Z)^{1/(L+1)}) U_{l-1}^T + N(0, \text{scale}^2 / d)

    with random orthonormal hidden bases U_l. ``kind`` is ``"gaussian"``; ``"spectral"``, with a random orthonormal
    basis of the centred logits on both ends, or ``"hadamard"``, with the Hadamard basis there (K a power of two);
    the name of a structure, taken at its best scales (at unit scales without regularisation); or class-mean logits M
    of shape (K, K). ``scale`` defaults to 1, and to 1e-3 near given logits. Without regularisation the factors are
    balanced with equal norms.

    Raises ValueError for an unknown kind, one that needs a linear model, and a structure that does not exist at K
    or does not fit into the width. Source: garrod2025 (Gaussian), garrod2026depth (spectral and Hadamard).
    """

    problem: DeepUFM
    kind: str | ArrayLike = "gaussian"
    scale: float | None = None

    def __post_init__(self) -> None:
        if self.scale is not None:
            positive_number("scale", self.scale)
        if not self._is("gaussian"):
            if self.problem.activation != "linear":
                raise ValueError("this initialisation needs activation='linear'; pass init='gaussian'")
            self._means(np.random.default_rng(0))

    def factors(self, seed: int) -> list[Array]:
        """The starting point of a seed; equal seeds give equal points."""
        rng = np.random.default_rng(seed)
        if self._is("gaussian"):
            return self._gaussian(rng, 1.0 if self.scale is None else self.scale)
        lifted = _reduction(self.problem).lift(self._means(rng), rng=rng)
        if self._is(*KINDS):
            return lifted
        noise = self._gaussian(rng, NEAR if self.scale is None else self.scale)
        return [factor + step for factor, step in zip(lifted, noise, strict=True)]

    def _is(self, *kinds: str) -> bool:
        return isinstance(self.kind, str) and self.kind in kinds

    def _gaussian(self, rng: np.random.Generator, scale: float) -> list[Array]:
        shapes = self.problem.factor_shapes()
        return [scale / np.sqrt(shapes[-1][0]) * rng.standard_normal(shape) for shape in shapes]

    def _means(self, rng: np.random.Generator) -> Array:
        if not isinstance(self.kind, str):
            return _given(self.kind, self.problem)
        if self.kind in KINDS:
            return self._spectral(rng)
        return _structure(self.kind, self.problem)

    def _spectral(self, rng: np.random.Generator) -> Array:
        problem = self.problem
        basis = _hadamard_basis(problem.classes) if self.kind == "hadamard" else _centred_basis(problem.classes, rng)
        t = (1.0 if self.scale is None else self.scale) * rng.uniform(0.5, 1.0, problem.classes - 1)
        rank = min(problem.classes - 1, problem.max_rank)
        spectrum = np.sort(t)[::-1][:rank] ** (problem.depth + 1)
        # s(Z) = s(M diag(sqrt(n_c))).
        return (basis[:, :rank] * spectrum) @ basis[:, :rank].T / np.sqrt(problem.class_sizes)


def _hadamard_basis(classes: int) -> Array:
    if classes & (classes - 1):
        raise ValueError(f"init is 'hadamard' but {classes} classes are not a power of two; pass init='spectral'")
    return np.asarray(hadamard(classes)[:, 1:] / np.sqrt(classes), dtype=np.float64)


def _centred_basis(classes: int, rng: np.random.Generator) -> Array:
    """A random orthonormal basis of the vectors whose entries sum to zero."""
    columns = rng.standard_normal((classes, classes))
    columns[:, 0] = 1.0
    return np.linalg.qr(columns)[0][:, 1:]


def _structure(name: str, problem: DeepUFM) -> Array:
    structure = find(name, problem.classes)
    if structure is None:
        raise ValueError(
            f"init is {shown(name)}; pass {', '.join(map(repr, KINDS))}, class-mean logits, or the name of a structure "
            f"that exists at {problem.classes} classes ({hint(name, [problem.classes])})"
        )
    if structure.rank > problem.max_rank:
        raise ValueError(
            f"init is {name!r} of rank {structure.rank}, which width {problem.width} cannot carry; pass a width of at "
            f"least {structure.rank}"
        )
    scales = None
    if any(problem.regs):
        scales = structure_losses(replace(problem, width=None), [name])[structure.name].best.scales
    return np.asarray(structure.shape(scales), dtype=np.float64)


def _reduction(problem: DeepUFM) -> Reduction:
    """The reduction that lifts logits; without regularisation that with equal ones."""
    return Reduction(problem if any(problem.regs) else replace(problem, reg=1.0))


def _given(means: ArrayLike, problem: DeepUFM) -> Array:
    """Class-mean logits that the model can carry, checked."""
    array = np.asarray(means, dtype=np.float64)
    rank = _reduction(problem).rank(array)
    if rank > problem.max_rank:
        raise ValueError(f"init has rank {rank}, which width {problem.width} cannot carry; pass a larger width")
    return array
