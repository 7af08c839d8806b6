"""How far the simplex is from being the best: named rivals, then the search."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from optima.model import Array, DeepUFM
from optima.model.content import Content
from optima.scales import best_scales, boundary, zero_boundary
from optima.scales.newton import root_between
from optima.search.ladder import search
from optima.structures import Structure, catalogue, named

# Relative difference of two losses that decides between them.
SAME = 1e-10
# Regularisation, as a share of that at which the simplex loses to zero, at which the search begins and ends.
LOWEST, HIGHEST = 1e-10, 0.999
# How far beyond a tie (relative) the winner is named.
BEYOND = 1e-4


def simplex_of(classes: int) -> Structure:
    """The simplex on K classes."""
    return named("simplex", classes)


def rivals_of(classes: int) -> list[Structure]:
    """The structures of the catalogue that are neither zero nor the simplex under another name."""
    simplex = simplex_of(classes)
    return [s for s in catalogue(classes) if s.blocks() and s.fingerprint != simplex.fingerprint]


def named_gap(rival: Structure, depth: int, regs: Array) -> Array:
    """(V_simplex - V_rival) / V_simplex; nan where the simplex has scale zero."""
    best = best_scales(simplex_of(rival.classes), depth, regs)
    other = best_scales(rival, depth, regs)
    return np.where(best.scales[0] > 0, (best.loss - other.loss) / best.loss, np.nan)


@dataclass(frozen=True, eq=False)
class Best(Content):
    """The best minimum other than the simplex that the search finds: gap as above, its name, rank and logits."""

    gap: float
    structure: str
    rank: int
    means: Array


def searched_gap(classes: int, depth: int, reg: float, effort: str = "quick", near: Best | None = None) -> Best:
    """(V_simplex - V_best) / V_simplex with the best minimum of another form found by the search.

    ``near`` is a minimum of a neighbouring problem, whose rung alone is then searched.
    """
    value = float(best_scales(simplex_of(classes), depth, reg).loss)
    starts, ranks = ([near.means], [near.rank]) if near else ([], None)
    solution = search(DeepUFM(classes, depth, reg), effort=effort, starts=starts, ranks=ranks, many=True)
    found = [(m.loss, m.structure, rung.rank, m.means) for rung in solution.ladder for m in rung.minima]
    others = [entry for entry in found if not _is_simplex(entry[3])]
    # With no other minimum at all zero remains.
    others.append((float(np.log(classes)), "zero", 0, np.zeros((classes, classes))))
    loss, name, rank, means = min(others, key=lambda entry: entry[0])
    # A structure with a block at scale zero is not recognised by its shape, but by its loss.
    equal = [rival.name for rival in rivals_of(classes) if abs(solution.candidates[rival.name] / loss - 1) < SAME]
    name = f"an unnamed code of rank {rank}" if name.startswith("unnamed") else name
    return Best((value - loss) / value, equal[0] if equal else name, rank, means)


def _is_simplex(means: Array) -> bool:
    S = np.eye(len(means)) - 1 / len(means)
    size = float(np.sum(means * S) / np.sum(S * S))
    return bool(np.linalg.norm(means - size * S) < 1e-4 * np.linalg.norm(means))


@dataclass(frozen=True)
class Region:
    """Where in lambda the simplex is not a global minimum, for one (K, L).

    ``kind`` is ``"nowhere best"``, ``"best below lam*"``, ``"best everywhere"``, or ``"mixed"``; ``boundary`` holds the
    ties lam*, ``rival`` the structure that beats the simplex next to them, ``known_by`` how this is known.
    """

    kind: str
    boundary: tuple[float, ...]
    rival: str
    known_by: str


def region(classes: int, depth: int, points: int = 12) -> Region:
    """Map one (K, L): named rivals by their exact ties, and the search where no named rival wins."""
    if classes == 2:
        return Region("best everywhere", (), "", "exact: one singular value")
    if depth == 1:
        return Region("best everywhere", (), "", "exact: convex, nuclear norm")
    top = zero_boundary(simplex_of(classes), depth)
    for rival in rivals_of(classes):
        ties = boundary("simplex", rival, classes, depth)
        if ties.size == 0 and named_gap(rival, depth, np.array([top / 2]))[0] > SAME:
            return Region("nowhere best", (), rival.name, f"closed form: {rival.name} wins, no tie down to 1e-300")
    return _searched_region(classes, depth, top, points)


def _searched_region(classes: int, depth: int, top: float, points: int) -> Region:
    # Half of the points within the last factor of ten below the loss of the simplex to zero.
    half = points // 2
    regs = top * np.concatenate([np.geomspace(LOWEST, 0.1, half, endpoint=False), np.geomspace(0.1, HIGHEST, half)])
    found = [searched_gap(classes, depth, float(reg)) for reg in regs]
    beaten = np.array([best.gap > SAME for best in found])
    known = f"search at {points} lambda"
    if not beaten.any():
        return Region("best everywhere", (), "", known)
    if beaten.all():
        return Region("nowhere best", (), found[0].structure, known)
    changes = np.flatnonzero(beaten[1:] != beaten[:-1])
    ties = tuple(_tie(classes, depth, regs[i], regs[i + 1], found[i + int(beaten[i + 1])]) for i in changes)
    kind = "best below lam*" if len(ties) == 1 and not beaten[0] else "mixed"
    first = int(np.flatnonzero(beaten)[0])
    beyond = searched_gap(classes, depth, ties[0] * (1 + BEYOND), near=found[first]) if not beaten[0] else found[0]
    return Region(kind, ties, beyond.structure, _how_tie_is_known(classes, depth, ties, known))


def _tie(classes: int, depth: int, low: float, high: float, near: Best) -> float:
    gap: Callable[[float], float] = lambda log_reg: searched_gap(classes, depth, float(np.exp(log_reg)), near=near).gap
    return float(np.exp(root_between(gap, float(np.log(low)), float(np.log(high)), SAME, xtol=1e-11, rtol=1e-14)))


def _how_tie_is_known(classes: int, depth: int, ties: tuple[float, ...], known: str) -> str:
    for rival in rivals_of(classes):
        exact = boundary("simplex", rival, classes, depth)
        if any(abs(tie / value - 1) < 1e-6 for tie in ties for value in exact):
            return f"{known}; the tie agrees with the closed form of {rival.name}"
    return f"{known}; the tie by bisection with the search"
