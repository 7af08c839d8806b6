"""The basin of neural collapse without regularisation, and how depth shrinks it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from optima.dynamics.collapse_chance import Chance, basis, collapse_chance
from optima.dynamics.levels import levels
from optima.dynamics.repulsion import critical_scale
from optima.model.arguments import several
from optima.model.inputs import is_sequence, positive_integer, positive_number
from optima.presented import shown_by


@dataclass(frozen=True)
class Basin:
    """Which balanced starts of a depth and size collapse.

    Attributes
    ----------
    classes, depth, start
        K, L and rho_0.
    rival
        The code that starts below the separatrix end at; ``""`` where every start collapses (K = 2 and 3).
    leading, trailing
        How many singular values begin at rho_0, and how many at r rho_0.
    planar
        Whether the two values stay two: all K but primes 7, 11, 19, ..., 4 k + 3.
    separatrix
        r*: collapse exactly for r > r*; 0 where every start collapses.
    error
        By how much r* may be off: 1e-12 where the flow is planar.
    deviation
        1 - r*, with its own digits where r* is near one.
    late_limit
        The limit of r* for large starts.
    critical_scale
        rho* = K (L-1)/(L+1), up to which nearly equal singular values repel each other.
    chances
        P(collapse) of random starts, one for each spread asked for; their characters are those of ``group``.
    """

    classes: int
    depth: int
    start: float
    rival: str
    leading: int
    trailing: int
    planar: bool
    separatrix: float
    error: float
    deviation: float
    late_limit: float
    critical_scale: float
    group: tuple[int, ...]
    chances: tuple[Chance, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """For JSON: the object that ``optima basin --json`` prints."""
        names = ("classes", "depth", "start", "rival", "leading", "trailing", "planar", "separatrix", "error")
        return {
            **{name: getattr(self, name) for name in (*names, "deviation", "late_limit", "critical_scale")},
            "group": list(self.group),
            "chances": [chance.as_dict() for chance in self.chances],
        }

    def __str__(self) -> str:
        return str(shown_by("report.basin:basin_text", self))


def basin(
    classes: int,
    depth: int,
    start: float,
    *,
    size: int | None = None,
    spread: float | Sequence[float] = (),
    trials: int = 1000,
    seed: int = 0,
    group: int | Sequence[int] | None = None,
) -> Basin:
    r"""The separatrix r* of starts rho_0 (1, ..., 1, r, ..., r), and P(collapse) of random ones.

    .. math:: \frac{dz}{d\rho} = \Bigl(\frac z\rho\Bigr)^{2-2/m} R(\rho, z), \qquad z(\rho_0) = r \rho_0, \; m = L+1

    Training from balanced factors without regularisation collapses exactly when z / rho -> 1. For K classes in groups
    of q, the leading values tell the members of a group apart, the others the groups, and
    R = K / (K - q + q e^{-(rho - z)/q}); q is the least divisor of K, so for even K the rival is antipodal pairs. For a
    prime number of classes 4 k + 1 the characters of quadratic residues lead: with five classes the regular polygon.
    The separatrix is integrated backwards from its late limit, R(late)^(-m/(m-2)), so that no bisection is needed.
    For primes 4 k + 3 two values do not stay two. There one conjugate pair of characters begins at r rho_0 and all
    others at rho_0 (which pair makes no difference), and r* is found by shooting, with a stated error.

    Parameters
    ----------
    classes, depth, start
        K >= 2, L >= 1 and rho_0 > 0, the leading singular values of the class-mean logits (one sample a class).
    size
        q, another divisor of K.
    spread
        Standard deviations sigma of random starts zeta = rho_0 exp(sigma N(0, 1)), independent for every block of
        characters: for each of them P(collapse) is estimated from ``trials`` flows.
    trials, seed
        How many, and the seed of their normal numbers, the same at every start, spread and depth.
    group
        Orders of the cyclic groups whose characters these are; by default (2, 2, ...) for K = 2^k, else (K,).

    Raises ValueError for values out of range. Source: garrod2026depth for the question;
    derivations/basin_of_collapse.py.

    Examples
    --------
    >>> import optima
    >>> found = optima.basin(4, 2, 0.1)
    >>> found.rival, round(found.separatrix, 6)
    ('pairs', 0.377441)
    """
    classes, depth = positive_integer("classes", classes, minimum=2), positive_integer("depth", depth)
    start = positive_number("start", start)
    orders = basis(classes) if group is None else _orders(group)
    of = levels(classes, None if size is None else positive_integer("size", size, minimum=2))
    deviation, error = (1.0, 0.0) if of is None else (float(each[0]) for each in of.with_errors(depth, [start]))
    return Basin(
        classes,
        depth,
        start,
        of.name if of else "",
        of.leading if of else classes - 1,
        of.trailing if of else 0,
        of.planar if of else True,
        1 - deviation,
        error,
        deviation,
        of.late_limit(depth) if of else 0.0,
        critical_scale(classes, depth),
        orders,
        tuple(collapse_chance(classes, depth, start, each, trials, seed, orders) for each in several(spread)),
    )


def _orders(group: int | Sequence[int]) -> tuple[int, ...]:
    return tuple(group) if is_sequence(group) else (positive_integer("group", group, minimum=2),)  # type: ignore[arg-type]
