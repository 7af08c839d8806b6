"""Phase boundaries: where two structures have the same optimal loss."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from optima.model import Array
from optima.model.inputs import one_of, positive_integer, positive_number
from optima.reduction import exponent
from optima.scales.branches import Branches
from optima.scales.newton import root_between
from optima.scales.scale import best_scales, branches_of, effective_reg, zero_loss
from optima.scales.turning_points import bisect
from optima.structures import Block, Structure, hint, named, structure_itself

# Ties are looked for from this regularisation up.
SMALLEST_REG = 1e-300
# Brackets of log lambda and of depth are split down to these widths.
NARROWEST_LOG_REG = 1e-11
NARROWEST_DEPTH = 1e-7

# Relative difference of two losses that is rounding.
AGREE = 1e-14

Bounds = Callable[[Array], tuple[Array, Array, Array]]


def boundary(
    first: Structure | str,
    second: Structure | str,
    classes: int,
    depth: float,
    samples: float = 1,
    loss: str = "ce",
    activation: str = "linear",
) -> Array:
    r"""All lambda at which two structures tie, ascending (empty where there is none).

    .. math:: V_A(\lambda) = V_B(\lambda) < f(0), \qquad V(\lambda) = \min_{a \ge 0} f(a; \lambda)

    or, when one of the two is ``zero``, the lambda at which the other's nonzero minimum reaches the loss of
    the zero logits. V is concave and increasing in lambda, which encloses V and dV/dlambda on an interval
    by their values at its ends; intervals of log lambda in [1e-300, the lambda where one of them becomes
    zero] are split until each is free of ties or holds exactly one, which is then solved to rounding.

    Parameters
    ----------
    first, second
        Structures or their names.
    classes, depth, samples
        K, L >= 1 (a real number is allowed) and n.
    loss
        ``"ce"`` or ``"mse"``.
    activation
        ``"relu"`` where the names are those of relu networks.

    Raises ValueError for unknown names and for two names of the same structure.
    Source: derivations/phase_boundaries.py.

    Examples
    --------
    >>> import optima
    >>> print(optima.boundary("simplex", "pairs", classes=4, depth=2))
    [0.0117605]
    """
    A, B = _pair(first, second, classes, loss, activation)
    least = max(A.least_depth, B.least_depth)
    if not (np.isfinite(depth) and depth >= least):
        raise ValueError(f"depth is {depth!r}; pass a finite number of at least {least}")
    positive_number("samples", samples)
    tops = [zero_boundary(structure, depth, loss) for structure in (A, B) if structure.blocks()]
    if len(tops) == 1:
        logs = [np.log(tops[0])]
    else:
        ends = np.log([[SMALLEST_REG], [min(tops)]])
        difference = lambda x: _log_ratio(A, B, depth, x, loss)
        _check_apart(A, B, difference(np.linspace(np.log(min(tops)) - 8, np.log(min(tops)), 17)))
        logs = _roots(difference, lambda e: _log_ratio_bounds(A, B, depth, e, loss), ends, NARROWEST_LOG_REG)
        # Where both become zero at one lambda they tie there, but not below the zero logits.
        logs = [x for x in logs if best_scales(A, depth, np.exp(x), loss=loss).loss < zero_loss(A, loss) * (1 - 1e-11)]
    return np.exp(np.array(logs)) / samples ** (1 / (depth + 1))


def boundary_depth(
    first: Structure | str,
    second: Structure | str,
    classes: int,
    reg: float,
    samples: float = 1,
    loss: str = "ce",
    depths: tuple[float, float] = (1.0, 100.0),
    activation: str = "linear",
) -> Array:
    r"""All real depths L in ``depths`` at which two structures tie at a given lambda, ascending.

    .. math:: V_A(L) = V_B(L) < f(0), \qquad \frac{dV}{dL} = \frac{\lambda}{2} \sum_i m_i e^{z_i} (1 - z_i),
        \quad z_i = \frac{2}{L+1} \log(\sqrt n\, a \sigma_i)

    Intervals of L are split until the derivative, taken to stay within twice the spread of its values at the
    two ends, leaves room for no tie or for exactly one. Unlike the enclosures behind :func:`boundary` this is
    not a proof: two ties much closer to each other than 1/16 in log L could be missed together.

    Parameters
    ----------
    first, second
        Structures or their names.
    classes, reg, samples
        K, lambda and n.
    loss
        ``"ce"`` or ``"mse"``.
    activation
        ``"relu"`` where the names are those of relu networks.

    Raises ValueError for unknown names, for two names of the same structure and for a reversed range.
    Source: derivations/phase_boundaries.py.

    Examples
    --------
    >>> import optima
    >>> print(optima.boundary_depth("simplex", "pairs", classes=10, reg=1e-3))
    [1.30203873]
    """
    A, B = _pair(first, second, classes, loss, activation)
    positive_number("reg", reg)
    low, high = depths
    if not 1 <= low < high < np.inf:
        raise ValueError(f"depths is {depths!r}; pass (lowest, highest) with 1 <= lowest < highest, both finite")
    # Below their least depths networks do not exist, and tie with nothing.
    low = max(low, A.least_depth, B.least_depth)
    if low >= high:
        return np.array([])
    start = np.linspace(low, high, 1 + max(1, int(np.ceil(np.log(high / low) * 16))))
    ends = np.stack([start[:-1], start[1:]])
    if A.blocks() and B.blocks():
        value = lambda L: _difference_in_depth(A, B, L, reg, samples, loss)
    else:
        solid = A if A.blocks() else B
        value = lambda L: _log_distance_to_zero(solid, L, reg, samples, loss)
    return np.array(_roots(lambda L: value(L)[0], lambda e: _safe_bounds(value, e), ends, NARROWEST_DEPTH))


def zero_boundary(structure: Structure, depth: float, loss: str = "ce") -> float:
    """lam_eff at which the last block of the structure loses to the zero scale."""
    p = (float(exponent(depth)),)
    return max(_zero_boundary(branches_of(block, structure.classes, loss, p)) for block in structure.blocks())


def _zero_boundary(branch: Branches) -> float:
    from scipy.optimize import brentq

    first = np.zeros(1, dtype=np.intp)
    peak, zero = float(branch.peak[0]), float(branch.zero_fit(first)[0])
    if branch.p[0] == 1:
        return float(np.exp(peak))

    def excess(log_reg: float) -> float:
        scale = branch.outer(first, np.array([log_reg]))
        return float((branch.fit(first, scale) + branch.penalty(first, np.log(scale), np.exp([log_reg])))[0]) - zero

    # At the fold the stationary scale is an inflection of a rising loss, so it lies above zero there.
    high, step = peak - 1e-9, 1.0
    if excess(high) <= 0:
        return float(np.exp(peak))
    while excess(peak - step) >= 0:
        step *= 2
    return float(np.exp(brentq(excess, peak - step, high, xtol=1e-15, rtol=1e-15)))


def _pair(
    first: Structure | str, second: Structure | str, classes: int, loss: str, activation: str
) -> tuple[Structure, Structure]:
    one_of("loss", loss, ("ce", "mse"))
    classes = positive_integer("classes", classes, minimum=2)
    found = []
    for given in (first, second):
        structure = named(given, classes, activation) if isinstance(given, str) else given
        if structure_itself(structure).classes != classes:
            raise ValueError(
                f"there is no structure {given!r} at {classes} classes; {hint(str(given), [classes], activation)}"
            )
        found.append(structure)
    A, B = found
    if A.fingerprint == B.fingerprint:
        raise ValueError(f"{A.name} and {B.name} are the same structure at {classes} classes; pass two that differ")
    return A, B


def _check_apart(A: Structure, B: Structure, differences: Array) -> None:
    """Refuse structures whose optimal losses agree everywhere, as codes of one rank do for squared error."""
    if np.all(np.abs(differences) <= AGREE):
        raise ValueError(f"{A.name} and {B.name} have the same optimal loss at every lambda; pass two that differ")


def _log_ratio(A: Structure, B: Structure, depth: float, log_reg: Array, loss: str) -> Array:
    first, second = (best_scales(s, depth, np.exp(log_reg), loss=loss).loss for s in (A, B))
    return np.log(first) - np.log(second)


def _log_ratio_bounds(A: Structure, B: Structure, depth: float, ends: Array, loss: str) -> tuple[Array, Array, Array]:
    """log V_A - log V_B at both ends of intervals of log lambda, and bounds of its derivative in between.

    d log V / d log lambda is penalty / V, where penalty / lambda = dV/dlambda only decreases and V only rises.
    """
    width = ends[1] - ends[0]
    values, low, high = [], [], []
    for structure in (A, B):
        best = best_scales(structure, depth, np.exp(ends), loss=loss)
        V, penalty = best.loss, best.penalty
        values.append(np.log(V))
        low.append(penalty[1] * np.exp(-width) / V[1])
        # V is concave with V(0) >= 0, so the derivative never exceeds 1.
        high.append(np.minimum(penalty[0] * np.exp(np.minimum(width, 700)) / V[0], 1.0))
    return values[0] - values[1], low[0] - high[1], high[0] - low[1]


def _difference_in_depth(
    A: Structure, B: Structure, L: Array, reg: float, samples: float, loss: str
) -> tuple[Array, Array]:
    """V_A - V_B relative to V_A + V_B, and its derivative in L; nan where both are zero."""
    (V, dV), (U, dU) = (_value_and_slope(s, L, reg, samples, loss) for s in (A, B))
    # The sum over the blocks of a zero structure may be one unit in the last place off.
    zero = zero_loss(A, loss) * (1 - 1e-11)
    both = (zero <= V) & (zero <= U)
    total = V + U
    ratio = np.where(both, np.nan, (V - U) / total)
    return ratio, (dV - dU) / total - (V - U) * (dV + dU) / total**2


def _value_and_slope(structure: Structure, L: Array, reg: float, samples: float, loss: str) -> tuple[Array, Array]:
    best = best_scales(structure, L, reg, samples, loss)
    slope = np.zeros_like(L)
    for scale, block in zip(best.scales, structure.blocks(), strict=True):
        alive = scale > 0
        if block.network_price is not None:
            where = np.where(alive, scale, 1.0)
            slope += np.where(alive, _penalty_slope(block, where, L, reg, samples, structure.classes, loss), 0.0)
            continue
        for sigma, multiplicity in block.singular:
            z = 2 / (L + 1) * np.log(np.where(alive, np.sqrt(samples) * scale * float(sigma), 1.0))
            slope += np.where(alive, reg / 2 * int(multiplicity) * np.exp(z) * (1 - z), 0.0)
    return best.loss, slope


def _penalty_slope(block: Block, scale: Array, L: Array, reg: float, samples: float, classes: int, loss: str) -> Array:
    """d/dL of :func:`_penalty` at a fixed scale, by central differences."""
    penalty = lambda depth: _penalty(block, scale, depth, reg, samples, classes, loss)
    step = 1e-5 * L
    return (penalty(L + step) - penalty(L - step)) / (2 * step)


def _penalty(block: Block, scale: Array, depth: Array, reg: float, samples: float, classes: int, loss: str) -> Array:
    """((L+1)/2) lambda n^(1/(L+1)) rho a^p, or with a ridge (L/2) lambda^((L+1)/L) (n K)^(1/L) q u^(1/L)."""
    p = 2 / (depth + 1)
    each = lambda price: np.array([float(price(float(x))) for x in p.ravel()]).reshape(p.shape)
    if loss == "mse" and block.ridge is not None:
        return depth / 2 * reg ** (1 + 1 / depth) * (samples * classes * scale) ** (1 / depth) * each(block.ridge.price)
    return reg / p * samples ** (p / 2) * each(block.price) * scale**p


def _log_distance_to_zero(structure: Structure, L: Array, reg: float, samples: float, loss: str) -> tuple[Array, Array]:
    """log(lam_eff / zero boundary), and its derivative in L by central differences."""

    def distance(depths: Array) -> Array:
        tops = np.array([zero_boundary(structure, float(x), loss) for x in depths.ravel()]).reshape(depths.shape)
        return np.log(effective_reg(reg, samples, depths)) - np.log(tops)

    step = 1e-5 * L
    below = np.maximum(L - step, structure.least_depth)
    return distance(L), (distance(L + step) - distance(below)) / (L + step - below)


def _safe_bounds(value: Callable[[Array], tuple[Array, Array]], ends: Array) -> tuple[Array, Array, Array]:
    at_ends, slopes = value(ends)
    spread = 2 * np.ptp(slopes, axis=0)
    return at_ends, slopes.min(axis=0) - spread, slopes.max(axis=0) + spread


def _roots(function: Callable[[Array], Array], bounds: Bounds, ends: Array, narrowest: float) -> list[float]:
    """Zeros of a function on intervals ``ends`` (2, P), given enclosures of its derivative.

    ``bounds(ends)`` returns the values at both ends and the lower and upper bound of the derivative.
    """
    found: list[float] = []
    while ends.size:
        values, low, high = bounds(ends)
        width = ends[1] - ends[0]
        fall, rise = np.minimum(low, 0) * width, np.maximum(high, 0) * width
        above = (values[0] + fall > 0) | (values[1] - rise > 0)
        below = (values[0] + rise < 0) | (values[1] - fall < 0)
        # Where both structures are zero, or agree because all blocks that differ are, no tie is isolated.
        alike = np.isnan(values) | (np.abs(values) <= AGREE)
        empty = alike.all(axis=0) & (width < 0.05)
        monotone = (low > 0) | (high < 0) | (width < narrowest)
        open_ = ~(above | below | empty)
        changes = values[0] * values[1] < 0
        for lo, hi in ends[:, open_ & monotone & changes].T:
            scalar = lambda x: float(function(np.array([x]))[0])
            found.append(root_between(scalar, lo, hi, AGREE, xtol=1e-15, rtol=1e-15))
        ends = bisect(ends[:, open_ & ~monotone])
    return sorted(found)
