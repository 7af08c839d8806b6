"""What the figures of sukenik2024 share: the model, what runs were heading for, and the losses to hold them against.

The captions give K, L and, for Figure 2, lambda, the learning rate, the width and the number of runs. What they do not
give is ours: n = 1 where nothing is said, lambda, widths, steps and Gaussian starts of variance 1/d.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from optima.model import Array, DeepUFM
from optima.model.arrays import numerical_rank
from optima.model.class_network import ClassNetwork
from optima.plot.code import COLOURS
from optima.plot.logits import SCALE
from optima.relu.finish import heading
from optima.relu.names import recognise_network
from optima.reproduce.rows import Row, curve_rows
from optima.scales.losses import structure_losses
from optima.structures.networks import network_catalogue
from optima.training import Run
from optima.workers.threads import single_threaded

COLLAPSE, SRG = "collapse", "srg"
# Singular values of features below this part of the largest belong to what has not quite vanished yet.
VANISHING = 1e-2
# Relative difference of losses within which a run is at the srg network.
REACHED = 2e-3


def model(classes: int, depth: int, reg: float, width: int, samples: int = 1) -> DeepUFM:
    """Squared error and relu."""
    return DeepUFM(classes, depth, reg, samples, width, "mse", "relu")


def levels(problem: DeepUFM) -> dict[str, float]:
    """Losses of collapse, of the srg network where there is one, and of the best named network."""
    losses = {name: entry.loss for name, entry in structure_losses(replace(problem, width=None)).items()}
    best = next(iter(losses))
    return {name: losses[name] for name in dict.fromkeys((COLLAPSE, SRG, best)) if name in losses}


def end_row(run: Run) -> Row:
    """The network that a run was heading for, its kinks smoothed: its name, loss and the least rank of its features.

    ``outcome`` is collapse, srg or zero by name, else whether the loss is below that of srg or of collapse.
    """
    problem = run.problem
    with single_threaded():
        network = heading(ClassNetwork.of_samples(problem, run.factors))
    found = recognise_network(network, network_catalogue(problem.classes, problem.loss, problem.depth))
    ranks = [_rank(network.activated(layer)) for layer in network.layers[:-1]]
    facts = {name: getattr(problem, name) for name in ("classes", "depth", "samples", "width", "reg")}
    facts |= {"lr": run.lr, "seed": run.seed, "steps": run.steps, "loss": run.loss}
    outcome = _outcome(problem, found.name, network.loss)
    return {**facts, "heading_for": found.name, "heading_loss": network.loss, "rank": min(ranks), "outcome": outcome}


def _rank(features: Array) -> int:
    values = np.asarray(np.linalg.svd(features, compute_uv=False), dtype=np.float64)
    return numerical_rank(values, VANISHING) if values.any() else 0


def _outcome(problem: DeepUFM, name: str, loss: float) -> str:
    if name in (COLLAPSE, SRG, "zero"):
        return name
    known = levels(problem)
    if SRG in known and loss < known[SRG] * (1 - REACHED):
        return "below srg"
    return "below collapse" if loss < known[COLLAPSE] * (1 - REACHED) else "no better than collapse"


def by_heading(runs: Sequence[Run]) -> dict[str, list[Run]]:
    """The runs by the networks that they were heading for, the largest loss first; several without a name together."""
    groups: dict[str, list[Run]] = {}
    for run in sorted(runs, key=lambda run: -run.loss):
        groups.setdefault(run.polished.structure if run.polished else run.structure, []).append(run)
    return {f"heading for {name}: {len(found)} of {len(runs)}": found for name, found in groups.items()}


def run_rows(runs: Sequence[Run]) -> list[Row]:
    """The loss curves, with the network that each run was heading for."""
    ends = {
        run.seed: {"heading_for": end.structure, "heading_loss": end.loss, "verdict": end.verdict}
        for run in runs
        if (end := run.polished) is not None
    }
    known: Mapping[str, Any] = {"classes": runs[0].problem.classes, "depth": runs[0].problem.depth}
    # Spectra of the logits, one column for each class, say little of relu networks.
    kept = [{name: row[name] for name in row if "singular" not in name} for row in curve_rows(runs)]
    return [{**known, **row, **ends.get(row["seed"], {})} for row in kept]


def draw_matrix(axes: Axes, matrix: Array, title: str) -> None:
    """A heat map in units of the largest entry: yellow is one, grey zero, blue minus one."""
    largest = float(np.abs(matrix).max()) or 1.0
    axes.imshow(matrix / largest, cmap=COLOURS, norm=SCALE, aspect="auto")
    axes.set_title(title, fontsize=9)
    axes.set_xticks([])
    axes.set_yticks([])


def draw_spectra(axes: Axes, network: ClassNetwork) -> None:
    """Singular values of the features of every hidden layer, in units of the largest."""
    for number, layer in enumerate(network.layers[:-1]):
        values = np.linalg.svd(network.activated(layer), compute_uv=False)[: network.problem.classes]
        colour = str(0.75 * (1 - number / max(1, len(network.layers) - 2)))
        places = np.arange(1, len(values) + 1)
        axes.plot(places, values / values[0], color=colour, marker="o", markersize=3, label=f"$X_{{{number + 2}}}$")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set(xlabel="number", ylabel="singular value / largest", ylim=(0, 1.05))
    axes.legend(fontsize=7, frameon=False)
