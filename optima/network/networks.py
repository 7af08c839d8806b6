"""A relu network of one's own, or its logits, against the named networks of its problem."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy.linalg import svdvals

from optima.certification import solve
from optima.model import Array, DeepUFM
from optima.model.arrays import numerical_rank
from optima.model.class_network import ClassNetwork
from optima.network.collapse_measures import collapse_measures
from optima.network.comparison import BEST, Comparison, away, wrapped
from optima.network.factors import ClassFactors
from optima.network.layout import Layout
from optima.progress import Tell, Words
from optima.reduction import center, mean_reg
from optima.relu.names import known_networks, recognise_network
from optima.relu.nearest import Placed, Rival, fit_of, nearest_by_logits, recognise_logits, rivals_of
from optima.scales.losses import structure_losses
from optima.structures.recognition.result import TOLERANCE

# Relative distances of named networks from logits that noise of the tolerance does not tell apart.
ALIKE = TOLERANCE / 2
# Relative size of singular values that are rounding.
EXACT = 1e-9


@dataclass(frozen=True, eq=False)
class NetworkComparison(Comparison):
    """The same of a relu network.

    Attributes
    ----------
    network
        The factors with the cheapest sample of each class, where all factors were given.
    cost
        The objective at the factors given; of logits alone the least of the known networks that can have them.
    at_least
        No network with these class-mean logits costs less: fit + c ||Z||_*^p.
    cheapest
        The known network that comes nearest at least cost: ``cut`` is what its last layer reaches of the logits, by
        rank and loss.
    best
        Class-mean logits of the best of all the networks.
    """

    network: ClassNetwork | None = None
    cost: float = float("nan")
    at_least: float = 0.0
    cheapest: str = ""
    best: Array | None = None

    @property
    def best_means(self) -> Array:
        """Class-mean logits of the best network known."""
        return np.zeros_like(self.means) if self.best is None else self.best

    @cached_property
    def loss(self) -> float:
        """The objective at the factors, or the least known for the logits."""
        return self.cost

    @cached_property
    def numerical_rank(self) -> int:
        """Rank of M up to rounding."""
        return _rank(self.means, EXACT)

    @property
    def rank(self) -> int:
        """Singular values of M above 2 % of the first."""
        return _rank(self.means, TOLERANCE)

    @cached_property
    def layer_ranks(self) -> list[int]:
        """Singular values of M_2, ..., M_L above 2 % of their first; none without factors."""
        return [] if self.network is None else [_rank(layer, TOLERANCE) for layer in self.network.layers[:-1]]

    @cached_property
    def best_structure(self) -> str:
        """The best network known: its name, or its middle rank; without a search the best of the named ones."""
        if self.solution is None:
            return next(name for name in self.predicted if name != BEST)
        return self.solution.recognition.label

    @property
    def best_words(self) -> str:
        """What the least predicted loss is that of."""
        return "the best named network" if self.solution is None else "the best network known"

    def _facts(self) -> list[str]:
        fit = fit_of(self.problem, self.means) if self.network is None else self.data_loss
        return [
            *wrapped(f"problem   {self._problem_words()}, relu"),
            f"loss      {self.loss:.8g} = {fit:.6g} data + {self.loss - fit:.6g} weights",
            *self._loss_words(),
            self._samples_words(),
            f"rank      logits {self.rank}, without singular values under 2 % of the largest",
            *self._layer_words(),
            self._collapse_words(),
            f"          ({self.measured}; 0 at deep neural collapse)",
        ]

    @property
    def alike(self) -> list[str]:
        """The nearest networks that logits of this noise do not tell apart; layers do."""
        near = self.recognition.nearest
        limit = near[0].distance + ALIKE if near and self.network is None else -1.0
        return [each.name for each in near if each.distance <= limit]

    def _near_words(self) -> str:
        near, alike = self.recognition.nearest, self.alike
        if not near:
            return "No named network is left at this regularisation"
        if len(alike) > 1:
            return f"Nearest by the logits: {', '.join(alike)}, too alike to be told apart"
        by = "layers" if self.network is not None else "logits"
        return f"Nearest network by the {by}: {near[0].name}, distance {near[0].distance:.2g}"

    def _loss_words(self) -> list[str]:
        least = f"no network with these logits is below {self.at_least:.6g}"
        if self.network is not None:
            return ["          (the objective at the factors given;", f"          {least})"]
        return ["          (the least of the known networks that can have these logits;", f"          {least})"]

    def _layer_words(self) -> list[str]:
        if self.network is None:
            return []
        ranks = ", ".join(f"M_{number + 2} {rank}" for number, rank in enumerate(self.layer_ranks))
        return wrapped(f"layers    middle rank {min(self.layer_ranks)}; ranks before the activation: {ranks}")

    def _nearness(self) -> list[str]:
        lines = [f"  {near.distance:<14.3g} {near.name}" for near in self.recognition.nearest]
        if self.network is None:
            return ["distance from the logits of (relative, at the best order and scale)", *lines]
        return ["distance from the layers of (singular values of features, the worst layer)", *lines]

    def _hints(self) -> list[str]:
        hints = list(self.notes)
        if len(self.alike) > 1:
            hints.append(
                "Where logits are too alike the layers tell networks apart: pass all factors W_1, ..., W_L, H."
            )
        rank, loss = self.cut
        if loss < self.loss * (1 - 1e-6):
            excess = loss / self.predicted[BEST] - 1
            reach = "the part of these logits that it reaches" if self.network is None else "about the same logits"
            hints.append(f"Cheaper: {self.cheapest} has {reach} (rank {rank}) at {loss:.8g}, {self._above(excess)}.")
        if self.solution is None:
            hints.append("Only named networks were looked at; an effort, such as quick, searches for better ones.")
        return ["", *(line for hint in hints for line in wrapped(hint))] if hints else []

    def _above(self, excess: float) -> str:
        return away(excess, self.best_words)

    def as_dict(self) -> dict[str, Any]:
        """For JSON: the keys of the linear model, and the layers."""
        layers = {} if self.network is None else {"middle_rank": min(self.layer_ranks), "layer_ranks": self.layer_ranks}
        more = {"at_least": self.at_least, "cheapest": self.cheapest, "searched": self.solution is not None}
        return super().as_dict() | more | layers


def compare_networks(
    problem: DeepUFM,
    layout: Layout,
    factors: ClassFactors | None,
    features: Any,
    weights: Any,
    effort: str | None,
    progress: Tell[Words] | None,
) -> NetworkComparison:
    """The comparison of a relu model, of logits laid out or of factors too; with an ``effort`` after a search."""
    rivals = rivals_of(problem)
    predicted = {name: entry.loss for name, entry in structure_losses(problem).items()}
    solution = None
    if effort is not None:
        solution = solve(problem, effort=effort, progress=progress)
        assert solution.network is not None
        if solution.network.logits.any():
            rivals.append(Rival(BEST, solution.network))
    predicted[BEST] = min([*predicted.values(), *([] if solution is None else [solution.loss])])
    means = center(layout.means) if problem.loss == "ce" else layout.means
    placed = [Placed(rival, means) for rival in rivals]
    network = None if factors is None else factors.network(problem)
    if network is None:
        recognition = recognise_logits(problem, means, nearest_by_logits([p for p in placed if p.name != BEST]))
        cost = min((each.loss for each in placed if each.reaches), default=float("inf"))
    else:
        assert factors is not None
        features, weights = factors.last_features, factors.weights[-1]
        recognition = recognise_network(network, known_networks(problem), TOLERANCE)
        cost = factors.objective(problem)
    measures, measured = collapse_measures(problem, layout, features, weights)
    cheapest = min(placed, key=lambda each: each.loss, default=None)
    return NetworkComparison(
        problem=problem,
        means=means,
        recognition=recognition,
        cut=_cut(cheapest),
        data_loss=fit_of(problem, means) if layout.columns is None else problem.data_loss(layout.columns),
        accuracy=layout.accuracy,
        predicted=dict(sorted(predicted.items(), key=lambda item: item[1])),
        collapse="collapse",
        solution=solution,
        measures=measures,
        measured=measured,
        notes=layout.notes,
        network=network,
        cost=cost,
        at_least=_at_least(problem, means),
        cheapest="" if cheapest is None else cheapest.name,
        best=min((rival.network for rival in rivals), key=lambda each: each.loss).logits if rivals else None,
    )


def _cut(cheapest: Placed | None) -> tuple[int, float]:
    if cheapest is None:
        return 0, float("inf")
    return _rank(cheapest.reachable, EXACT), cheapest.loss


def _rank(matrix: Array, tolerance: float) -> int:
    return numerical_rank(svdvals(matrix), tolerance)


def _at_least(problem: DeepUFM, means: Array) -> float:
    nuclear = float(np.linalg.svd(means * np.sqrt(problem.class_sizes), compute_uv=False).sum())
    power = 2 / (problem.depth + 1)
    return fit_of(problem, means) + mean_reg(problem) / power * nuclear**power
