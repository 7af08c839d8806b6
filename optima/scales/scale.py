"""The scales of one structure: all stationary ones, and the best, at any (K, L, lambda, n)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

import numpy as np
from numpy.typing import ArrayLike

from optima import brief
from optima.model import Array
from optima.model.content import Content
from optima.model.inputs import one_of
from optima.reduction import exponent
from optima.scales.branches import Branches, CrossEntropyBranches
from optima.scales.kinds import branches, turns_once
from optima.scales.newton import Index, newton
from optima.scales.ridge import RidgeBranches
from optima.scales.terms import stack
from optima.scales.turning_points import turning_points
from optima.structures import Block, Structure, structure_itself


@dataclass(frozen=True)
class Stationary:
    """A stationary point of the reduced loss over the scales of a structure.

    ``scales`` has one entry per block of the structure. A scale below the float64 range is given as 0.0
    and keeps its digits in ``log_scales``; the scale zero itself has log -inf. ``kind`` is ``"minimum"``,
    ``"maximum"`` or ``"saddle"`` (a minimum in some scales and a maximum in others).
    """

    scales: tuple[float, ...]
    log_scales: tuple[float, ...]
    loss: float
    fit: float
    penalty: float
    kind: str


@dataclass(frozen=True, eq=False)
class BestScales(Content):
    """Global minimum over the scales of a structure, scale zero included, at arrays of problems.

    ``scales`` has the shape of the problems with one more axis, of length the number of blocks, in front.
    """

    scales: Array
    fit: Array
    penalty: Array

    @property
    def loss(self) -> Array:
        """fit + penalty."""
        return self.fit + self.penalty

    def __repr__(self) -> str:
        loss = np.asarray(self.loss)
        if loss.size == 1:
            scales = ", ".join(f"{scale:.6g}" for scale in np.ravel(self.scales))
            return f"<BestScales: loss {loss.item():.6g}, scales ({scales})>"
        span = f"loss {loss.min():.6g} to {loss.max():.6g}, " if loss.size else ""
        return f"<BestScales of shape {loss.shape}: {span}{brief.counted(len(self.scales), 'scale')} each>"


def effective_reg(reg: ArrayLike, samples: ArrayLike, depth: ArrayLike) -> Array:
    """lam_eff = lambda n^(1/(L+1)) for arrays of lambda, n and L."""
    # Infinite above the largest float, where zero logits win anyway.
    with np.errstate(over="ignore"):
        return np.asarray(reg, dtype=float) * np.asarray(samples, dtype=float) ** (1 / (np.asarray(depth) + 1.0))


def zero_loss(structure: Structure, loss: str) -> float:
    """Loss of the zero logits."""
    return float(np.log(structure.classes)) if loss == "ce" else 0.5


def best_scales(
    structure: Structure, depth: ArrayLike, reg: ArrayLike, samples: ArrayLike = 1, loss: str = "ce"
) -> BestScales:
    r"""Minimise the reduced loss of a structure over its scales, for arrays of problems.

    .. math::
        \min_{a \ge 0}\; \sum_b G_b(a_b)
        + \tfrac{L+1}{2} \lambda n^{1/(L+1)} \sum_i m_i (a_b \sigma_{bi})^{2/(L+1)}

    The blocks b of the structure separate, so each is one scalar problem; it is solved by safeguarded
    Newton on the bracket between the fold and an explicit upper bound, and compared with scale zero.

    Parameters
    ----------
    structure
        One such as ``named("pairs", 10)``.
    depth, reg, samples
        L >= 1, or the least depth of a relu network (real numbers are allowed), lambda > 0 and n >= 1, broadcast
        against each other.
    loss
        ``"ce"`` or ``"mse"``.

    Raises ValueError on a value out of range, TypeError for the name of a structure.
    Source: derivations/structure_losses.py.

    Examples
    --------
    >>> import optima
    >>> pairs = optima.named("pairs", 10)
    >>> best = optima.best_scales(pairs, depth=2, reg=2**-10, samples=5)
    >>> print(round(best.loss, 7), best.scales)
    0.0800127 [7.04704869]
    """
    structure_itself(structure)
    one_of("loss", loss, ("ce", "mse"))
    least = (structure.least_depth, 0, 1)
    L, lam, n = np.broadcast_arrays(*map(_checked, ("depth", "reg", "samples"), (depth, reg, samples), least))
    regs = effective_reg(lam, n, L).ravel()
    p, pairs = np.unique(exponent(L.ravel()), return_inverse=True)
    parts = [_best_block(block, structure.classes, loss, p, pairs, regs) for block in structure.blocks()]
    if not parts:
        fit = np.full(L.shape, zero_loss(structure, loss))
        return BestScales(np.zeros((0, *L.shape)), fit, np.zeros(L.shape))
    scale, fit, penalty = (np.stack(part).reshape(len(parts), *L.shape) for part in zip(*parts, strict=True))
    return BestScales(scale, fit.sum(axis=0), penalty.sum(axis=0))


def stationary_scales(
    structure: Structure, depth: float, reg: float, samples: float = 1, loss: str = "ce"
) -> tuple[Stationary, ...]:
    r"""All stationary scales of a structure for one problem, in ascending order of loss.

    Solutions of -G_b'(a) = lam_eff a^{p-1} \sum_i m_i \sigma_i^p in every block b, and scale zero, which
    is a local minimum whenever L >= 2 (for L = 1 only when lam_eff is at least its threshold). The
    first entry is the global minimum over the scales.

    Parameters
    ----------
    structure
        One such as ``named("pairs", 10)``.
    depth, reg, samples
        L >= 1, or the least depth of a relu network (a real number is allowed), lambda > 0 and n >= 1.
    loss
        ``"ce"`` or ``"mse"``.

    Raises ValueError on a value out of range, TypeError for the name of a structure.
    Source: derivations/structure_losses.py.

    Examples
    --------
    >>> import optima
    >>> for point in optima.stationary_scales(optima.named("simplex", 4), depth=2, reg=1e-2):
    ...     print(point.kind, round(point.loss, 6), round(point.scales[0], 6))
    minimum 0.151446 5.132846
    minimum 1.386294 0.0
    maximum 1.386318 6.4e-05
    """
    structure_itself(structure)
    one_of("loss", loss, ("ce", "mse"))
    for name, value, least in (("depth", depth, structure.least_depth), ("reg", reg, 0), ("samples", samples, 1)):
        _checked(name, value, least)
    lam = float(effective_reg(reg, samples, depth))
    p = float(exponent(depth))
    choices = [_block_stationary(block, structure.classes, loss, p, lam) for block in structure.blocks()]
    if not choices:
        zero = zero_loss(structure, loss)
        return (Stationary((), (), zero, zero, 0.0, "minimum"),)
    return tuple(sorted((_combine(points) for points in product(*choices)), key=lambda point: point.loss))


@dataclass(frozen=True)
class _Point:
    """A stationary scale of one block."""

    log_scale: float
    fit: float
    penalty: float
    kind: str


def _combine(points: Sequence[_Point]) -> Stationary:
    kinds = {point.kind for point in points}
    logs = tuple(point.log_scale for point in points)
    fit, penalty = sum(point.fit for point in points), sum(point.penalty for point in points)
    scales = tuple(float(np.exp(log)) for log in logs)
    return Stationary(scales, logs, fit + penalty, fit, penalty, kinds.pop() if len(kinds) == 1 else "saddle")


def _block_stationary(block: Block, classes: int, loss: str, p: float, reg: float) -> list[_Point]:
    branch = branches_of(block, classes, loss, (p,))
    log_reg = np.log([reg])
    first = np.zeros(1, dtype=np.intp)
    if not turns_once(block, classes, loss, (p,)):
        logs = _log_scales_between(branch, block, classes, float(log_reg[0]))
    else:
        inner, outer = branch.inner(first, log_reg), branch.outer(first, log_reg)
        logs = [(float(inner[0]), "maximum"), (float(np.log(outer[0])), "minimum")]
    points = []
    for log_scale, kind in logs:
        if not np.isnan(log_scale):
            at = np.array([log_scale])
            fit = float(branch.fit(first, np.exp(at))[0])
            points.append(_Point(log_scale, fit, float(branch.penalty(first, at, np.array([reg]))[0]), kind))
    if p < 1 or not points:
        points.append(_Point(-np.inf, float(branch.zero_fit(first)[0]), 0.0, "minimum"))
    return points


def _log_scales_between(branch: Branches, block: Block, classes: int, log_reg: float) -> list[tuple[float, str]]:
    """Stationary scales of a block whose curve turns more than once: one in each monotone stretch."""
    if isinstance(branch, RidgeBranches):
        return branch.stationary(block, log_reg)
    assert isinstance(branch, CrossEntropyBranches)
    turns = turning_points(block, classes, float(branch.p[0]))
    tau = log_reg + float(np.log(branch.nu[0]))
    flat = 1 - float(branch.p[0])

    def curve(u: Array, _: Index) -> tuple[Array, Array]:
        log_slope, elasticity = branch.terms.log_slope(np.exp(u))
        return log_slope + flat * u - tau, flat - elasticity

    # Below the first end the curve is under its bound for slope -G'(0); above the last one it is negative.
    bottom = min(np.log(turns[0]), (tau - float(branch.log_slope_at_zero[0])) / flat) - 1.0 if flat > 0 else -745.0
    excess = float(branch.log_reach[0]) - tau - flat * np.log(branch.least[0])
    top = max(np.log((2 * max(excess, 0.0) + 2) / branch.least[0]), np.log(turns[-1]) if turns else 0.0)
    ends = np.array([bottom, *np.log(turns), top])
    heights = curve(ends, np.arange(ends.size))[0]
    found = []
    for lo, hi, left, right in zip(ends[:-1], ends[1:], heights[:-1], heights[1:], strict=True):
        if left * right < 0:
            sign = 1.0 if left > 0 else -1.0

            def oriented(u: Array, index: Index, sign: float = sign) -> tuple[Array, Array]:
                h, slope = curve(u, index)
                return sign * h, sign * slope

            root = newton(oriented, np.array([lo]), np.array([hi]), np.array([0.5 * (lo + hi)]))
            found.append((float(root[0]), "minimum" if left > 0 else "maximum"))
    return found


@lru_cache(maxsize=256)
def branches_of(block: Block, classes: int, loss: str, p: tuple[float, ...]) -> Branches:
    """The branches of one block at a few exponents."""
    return branches(stack([block], [classes], loss), np.array(p))


def _best_block(
    block: Block, classes: int, loss: str, p: Array, pairs: Index, regs: Array
) -> tuple[Array, Array, Array]:
    """Best scale, fit and penalty of one block for exponents ``p[pairs]`` and effective ``regs``."""
    exponents = tuple(p.tolist())
    if not turns_once(block, classes, loss, exponents):
        return _best_of_many(block, classes, loss, p[pairs], regs)
    return best_on_branches(branches_of(block, classes, loss, exponents), pairs, regs)


def best_on_branches(branch: Branches, pairs: Index, regs: Array) -> tuple[Array, Array, Array]:
    """The better of the outer branch and scale zero: scale, fit and penalty for each pair and lam_eff."""
    outer = branch.outer(pairs, np.log(regs))
    there = ~np.isnan(outer)
    scale = np.where(there, outer, 0.0)
    zero = branch.zero_fit(pairs)
    fit = np.where(there, branch.fit(pairs, scale), zero)
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        penalty = np.where(there, branch.penalty(pairs, np.log(scale), regs), 0.0)
    better = there & (fit + penalty < zero)
    return np.where(better, scale, 0.0), np.where(better, fit, zero), np.where(better, penalty, 0.0)


def _best_of_many(block: Block, classes: int, loss: str, p: Array, regs: Array) -> tuple[Array, Array, Array]:
    """Best scale of a block whose curve turns more than once, problem by problem; with a ridge depth by depth."""
    if loss == "mse":
        out = np.zeros((3, p.size))
        for each in np.unique(p):
            branch, at = branches_of(block, classes, loss, (float(each),)), p == each
            assert isinstance(branch, RidgeBranches)
            out[:, at] = branch.best(block, regs[at])
        return out[0], out[1], out[2]
    best = [
        min(_block_stationary(block, classes, loss, float(q), float(reg)), key=lambda x: x.fit + x.penalty)
        for q, reg in zip(p, regs, strict=True)
    ]
    columns = np.array([(np.exp(point.log_scale), point.fit, point.penalty) for point in best]).reshape(-1, 3)
    return columns[:, 0], columns[:, 1], columns[:, 2]


def _checked(name: str, values: ArrayLike, least: float) -> Array:
    out = np.asarray(values, dtype=float)
    valid = np.isfinite(out) & ((out >= least) if least else (out > 0))
    if not valid.all():
        wanted = f"finite numbers of at least {least}" if least else "positive finite numbers"
        raise ValueError(f"{name} contains {float(out[~valid].flat[0])!r}; pass {wanted}")
    return out
