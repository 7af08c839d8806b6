"""Which relu network is best known: over classes and depth, and over depth and lambda, with squared error."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from optima.model import DeepUFM
from optima.plot.network_map import Lines, plot_network_map
from optima.relu.continuation import search_grid
from optima.reproduce.figure import Reproduction, Workplace
from optima.reproduce.rows import Row
from optima.scales.collapse_loss import collapse_loss
from optima.scales.losses import structure_losses
from optima.solution import Solution
from optima.structures.networks import NamedNetwork, at_scales, transversal

CLASSES, REG = "classes", "reg"
# Problems of so many classes are searched; of more, named networks are compared.
SEARCHED = 10
EFFORT = "quick"
# Relative difference up to which a network counts as no better than collapse.
SAME = 1e-9
# Proved in sukenik2024: collapse is not optimal from these numbers of classes on, by depth.
PUBLISHED = {3: 10, 4: 6}
# Most classes at which the threshold at depth two is looked for.
MOST = 300


@dataclass(frozen=True)
class Grid:
    """What a map is made of."""

    classes: tuple[int, ...]
    depths: tuple[int, ...]
    reg: float
    regs: tuple[float, ...]
    classes_of_regs: tuple[int, ...]

    def problems(self) -> dict[str, list[DeepUFM]]:
        """Those of the map over classes and depth, and of the maps over depth and lambda."""
        make = lambda K, L, reg: DeepUFM(K, L, reg, loss="mse", activation="relu")
        return {
            CLASSES: [make(K, L, self.reg) for K in self.classes for L in self.depths],
            REG: [make(K, L, reg) for K in self.classes_of_regs for reg in self.regs for L in self.depths],
        }


FULL = Grid(tuple(range(3, 17)), tuple(range(2, 9)), 1e-3, (1e-4, 1e-3, 4e-3, 1e-2), (6, 10))
QUICK = Grid((3, 11), (3, 4), 1e-3, (1e-3, 1e-2), (3,))


def _make(place: Workplace) -> None:
    grid = QUICK if place.quick else FULL
    problems = grid.problems()
    searched = {each for part in problems.values() for each in part if each.classes <= SEARCHED}
    found = search_grid(searched, effort=EFFORT, progress=place.tell)
    rows = [
        {"map": name, **(_searched(found[each]) if each in found else _named(each))}
        for name, part in problems.items()
        for each in part
    ]
    place.table(rows)
    lines = [Lines("published (sukenik2024)", PUBLISHED, "--"), Lines("here", least_classes(rows, grid.depths), "-")]
    place.picture(plot_network_map(rows, lines))


def least_classes(rows: Iterable[Row], depths: Iterable[int]) -> dict[int, int]:
    """By depth, the least K in the map over classes at which collapse is not the best known.

    At depth two, where no network of the map may be better, the least K at which transversals have a lower price.
    """
    below = [row for row in rows if row["map"] == CLASSES and row["below_collapse_percent"] > 0]
    least = {L: min((row["classes"] for row in below if row["depth"] == L), default=None) for L in depths}
    if least.get(2, 0) is None:
        least[2] = next((K for K in range(3, MOST) if _transversals_are_cheaper(K)), None)
    return {L: K for L, K in least.items() if K is not None}


def _transversals_are_cheaper(classes: int) -> bool:
    networks = transversal.family.members(classes)
    return any(network.price_of_targets(2) < classes * (1 - SAME) for network in networks)  # type: ignore[attr-defined]


def _row(problem: DeepUFM, best: str, middle_rank: int, loss: float, named: tuple[str, float]) -> Row:
    collapse = collapse_loss(problem)
    assert collapse is not None
    below = 1 - loss / collapse
    return {
        "classes": problem.classes,
        "depth": problem.depth,
        "reg": problem.regs[0],
        "best_known": best,
        "middle_rank": middle_rank,
        "loss": loss,
        "collapse_loss": collapse,
        "below_collapse_percent": 100 * below if below > SAME else 0.0,
        "best_named": named[0],
        "named_loss": named[1],
    }


def _searched(solution: Solution) -> Row:
    network = solution.network
    assert network is not None
    named = min(solution.candidates.items(), key=lambda item: item[1])
    row = _row(solution.problem, solution.structure, network.middle_rank, solution.loss, named)
    verdicts = [least.verdict for rung in solution.ladder for least in rung.minima if least.loss == solution.loss]
    verdict = verdicts[0] if verdicts else "minimum"
    return {**row, "verdict": verdict, "known_by": f"search, effort {EFFORT}: {solution.known_by}"}


def _named(problem: DeepUFM) -> Row:
    """The best named network, at its best scales."""
    found = ((entry, entry.structure) for entry in structure_losses(problem).values())
    best, network = next((entry, network) for entry, network in found if isinstance(network, NamedNetwork))
    rank = at_scales(problem, network, best.best.scales).middle_rank
    known = {"verdict": "closed form", "known_by": "named networks only, closed form"}
    return {**_row(problem, network.name, rank, best.loss, (network.name, best.loss)), **known}


figure = Reproduction(
    "relu.map", "which relu network is best known with squared error: over classes, depth and lambda", _make
)
