"""Real networks beside the free-features model: heads of depth 1 to 5 on MLPs and small ResNets.

Trains on scikit-learn's digits (8 x 8 pixels) and on mnist1d (40 points), ten classes, 10 samples of each, with linear
and relu heads and two kinds of decay: UFM-style, on the head's weights and the features it sees, and standard, on all
weights. The matching model with free features has the decay of the head; with standard decay, where features have none,
it has the lambda_H that makes the first head matrix and the features balanced, lambda |W_1|^2 = lambda_H |H|^2, as read
off the trained network. That model is also descended from the network: from the mean logits of linear heads, and from
the head and its features of relu heads, to a critical point. The loss there above the prediction is that of another
minimum, and the rest of what a network lies above the prediction is left to its body and to unfinished training.

Writes beside this file real_networks.csv (a row for each network), real_networks.layers.csv (a row for each weight
matrix), and real_networks.png and .pdf. Networks that have a row are not trained again: what was cut off goes on.
Needs torch, scikit-learn and mnist1d, and about a quarter of an hour:

    python examples/real_networks.py
    python examples/real_networks.py --again    # forgets the rows and trains all
    python examples/real_networks.py --draw     # only draws the rows
"""

import csv
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from scipy.stats import binomtest

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import small_networks
from small_networks import CLASSES, network, samples, train

import optima
from optima.reduction import Reduction
from optima.search.downhill import downhill
from optima.structures.recognition import recognise
from optima.training.polish import polish

HERE = Path(__file__).parent
DEPTHS = range(1, 6)
# Standard decay acts on the body too, whose layers multiply: a weaker one keeps the logits as large.
REG = {"UFM-style": 2**-9, "standard": 2**-10}
KINDS = {"linear": ("#00204c", "o"), "relu": ("#a17000", "s")}
# Relative difference up to which a minimum counts as the predicted one: two structures of one loss are told apart by
# less than that of a network.
SAME = 2e-4
# Names that have a colour of their own, the commonest; the others share one.
COLOURS = ("#00204c", "#31446b", "#666970", "#958f78", "#cbba69", "#ffe945", "#b3cde3", "#8856a7", "#e34a33", "#41ab5d")


@dataclass(frozen=True)
class Setup:
    """Data, body and decay, with how many seeds of linear and relu heads, and steps."""

    data: str
    body: str
    decay: str
    linear: int
    relu: int
    steps: int


SETUPS = (
    Setup("digits", "MLP", "UFM-style", 10, 3, 1000),
    Setup("digits", "ResNet", "UFM-style", 10, 0, 700),
    Setup("mnist1d", "MLP", "UFM-style", 10, 0, 1000),
    Setup("mnist1d", "ResNet", "UFM-style", 10, 0, 700),
    # Without a pull on the features training takes longer.
    Setup("digits", "MLP", "standard", 10, 0, 2500),
)


@cache
def forecast(head: str, regs: tuple[float, ...]) -> Any:
    """The best minimum known of linear heads, the best named network of relu heads."""
    return optima.forecast(
        small_networks.SAMPLES, len(regs) - 1, regs, classes=CLASSES, activation=head, width=small_networks.WIDTH
    )


Rows = tuple[list[dict[str, Any]], list[dict[str, Any]]]


def group(setup: Setup, head: str, depth: int, seeds: Sequence[int]) -> Rows:
    """Networks that differ in their seeds, trained side by side: their rows, and those of their layers."""
    models = [network(setup.data, setup.body, head, depth, seed) for seed in seeds]
    train(models, setup.data, REG[setup.decay], setup.decay == "UFM-style", setup.steps)
    runs, layers = [], []
    for seed, model in zip(seeds, models, strict=True):
        row, parts = measured(setup, head, depth, seed, model)
        runs.append(row)
        layers += parts
        print({name: f"{value:.4g}" if isinstance(value, float) else value for name, value in row.items()}, flush=True)
    return runs, layers


def measured(setup: Setup, head: str, depth: int, seed: int, model: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The row of a trained network, and those of its layers."""
    reg = REG[setup.decay]
    decayed = [name for name, part in model.named_modules() if getattr(part, "weight", None) is not None]
    decayed = decayed if setup.decay == "standard" else [name for name in decayed if name.startswith("1.")]
    x, labels = samples(setup.data)
    found = optima.measure(model, (x, labels), reg=dict.fromkeys(decayed, reg))
    features = model[0](x).detach().double().numpy().T
    factors = [*(part.weight.detach().double().numpy() for part in model[1] if hasattr(part, "weight")), features]
    norms = [float(np.sum(factor**2)) for factor in factors]
    each = small_networks.SAMPLES
    regs = (reg,) * depth + (reg / each if setup.decay == "UFM-style" else reg * norms[0] / norms[-1],)
    expected = forecast(head, regs)
    best = expected.best
    own = {"data": setup.data, "body": setup.body, "decay": setup.decay, "head": head, "depth": depth, "seed": seed}
    M = found.mean_logits - found.mean_logits.mean(axis=0)
    name, loss, verdict = heading(expected, factors, M)
    s = np.linalg.svd(M, compute_uv=False)
    predicted = padded(best.logits / np.sqrt(each))
    row = own | {
        "accuracy": found.accuracy,
        "nearest": found.recognition.nearest[0].name,
        "distance": found.recognition.nearest[0].distance,
        "rank": optima.recognise(M, tolerance=0.1).rank,
        "predicted": best.structure,
        "predicted_rank": best.rank,
        "reg_features": regs[-1],
        "data_loss": found.data_loss,
        "predicted_data_loss": best.data_loss,
        "loss": found.data_loss + sum(r * n for r, n in zip(regs, norms, strict=True)) / 2,
        "predicted_loss": best.loss,
        "heads_for": name,
        "heads_for_loss": loss,
        "heads_for_verdict": verdict,
        "logits_distance": float(np.linalg.norm(s - predicted) / np.linalg.norm(predicted)),
    }
    return row, [layer_row(own, each, depth, expected, model) for each in found.layers]


def heading(expected: Any, factors: Sequence[Any], means: Any) -> tuple[str, float, str]:
    """Structure, loss and verdict of the critical point that lies downhill with free features."""
    problem = expected.problem
    if problem.nonlinear:
        end = polish(problem, factors)
        return end.structure, end.loss, end.verdict
    if problem.depth == 1:
        # Convex in the logits: there is one minimum.
        return expected.best.structure, expected.best.loss, "minimum"
    logits, verdict = downhill(problem, means)
    reduction = Reduction(problem)
    return recognise(logits, rank=reduction.rank(logits)).label, reduction.value(logits), verdict


def layer_row(own: dict[str, Any], layer: Any, depth: int, expected: Any, model: Any) -> dict[str, Any]:
    """TCV, NC1, the rank bound, and the K largest singular values found and forecast; empty where there is none."""
    heads = [f"1.{index}" for index, part in enumerate(model[1]) if hasattr(part, "weight")]
    number = heads.index(layer.name) + 1 if layer.name in heads else None
    bound = layer.bound
    row = own | {
        "layer": layer.name if number is None else f"W_{number}",
        "tcv": layer.measures["tcv"],
        "nc1_trace": layer.measures["nc1_trace"],
        "distance_to_rank_K": layer.distance,
        "norm": float(np.linalg.norm(layer.weight_singular_values)),
    }
    row["bounded_rank"] = None if bound is None else bound.rank
    row["distance_to_bounded_rank"] = None if bound is None else bound.distance
    for name in ("within", "product", "crude", "excess"):
        row[name] = None if bound is None else getattr(bound, name)
    weights = np.diag(layer.weight_singular_values)
    row["forecast_distance"] = None if number is None else expected.distance(number, weights)
    forecasts = [None] * CLASSES if number is None else padded(expected.best.factors[number - 1])
    row |= {f"s_{i}": value for i, value in enumerate(layer.weight_singular_values[:CLASSES], 1)}
    return row | {f"forecast_{i}": value for i, value in enumerate(forecasts, 1)}


def padded(values: np.ndarray) -> np.ndarray:
    """With zeros to K values."""
    return np.concatenate([values, np.zeros(CLASSES)])[:CLASSES]


def write(path: Path, rows: list[dict[str, Any]]) -> None:
    """Rows to a file, numbers to six digits; the file is whole at any time."""
    short = lambda value: f"{value:.6g}" if isinstance(value, float) else value
    fresh = path.with_suffix(".new")
    with fresh.open("w", newline="") as file:
        table = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        table.writeheader()
        table.writerows({name: short(value) for name, value in row.items()} for row in rows)
    fresh.replace(path)


def read(path: Path) -> list[dict[str, Any]]:
    """Rows of a file, numbers as numbers."""
    with path.open(newline="") as file:
        return [{name: number(value) for name, value in row.items()} for row in csv.DictReader(file)]


def number(word: str) -> float | str | None:
    """A number where the word is one, None where it is empty."""
    try:
        return float(word) if word else None
    except ValueError:
        return word


def draw(runs: list[dict[str, Any]], layers: list[dict[str, Any]], folder: Path) -> None:
    """Rows of panels: loss, rank of the logits, a head's spectra, distance from a low rank, structures."""
    setups = [each for each in SETUPS if any(of(each, row) for row in runs)]
    figure = plt.figure(figsize=(3.1 * len(setups), 14), layout="constrained")
    panels = figure.subplots(5, len(setups), sharey="row", squeeze=False)
    colours = colours_of([shown(row) for row in runs])
    for column, setup in enumerate(setups):
        own = [row for row in runs if of(setup, row)]
        parts = [row for row in layers if of(setup, row)]
        draw_losses(panels[0, column], own)
        panels[0, column].set_title(f"{setup.data}, {setup.body}\n{setup.decay} decay")
        draw_ranks(panels[1, column], own)
        draw_spectra(panels[2, column], parts)
        draw_bound(panels[3, column], parts)
        draw_shares(panels[4, column], own, colours)
    for axes, label in zip(panels[:, 0], LABELS, strict=True):
        axes.set_ylabel(label)
    for row, place in enumerate(("upper left", "upper right", "upper right", "upper left")):
        # Of the first column that has both kinds of heads.
        full = max(panels[row], key=lambda axes: len(axes.get_legend_handles_labels()[1]))
        if full.get_legend_handles_labels()[1]:
            full.legend(fontsize=8, frameon=False, loc=place)
    handles = [plt.Rectangle((0, 0), 1, 1, facecolor=c, edgecolor="0.3") for c in colours.values()]
    figure.legend(handles, list(colours), loc="outside lower center", ncols=4, frameon=False)
    for ending in ("png", "pdf"):
        figure.savefig(folder / f"real_networks.{ending}", dpi=90)


LABELS = (
    "loss above the predicted, %",
    "rank of the mean logits",
    "singular values of W_1, depth 3",
    "distance from rank K or K - 1",
    "share of the seeds that head for",
)


def place(row: dict[str, Any]) -> tuple[Any, ...]:
    """Where a row stands in its file."""
    return tuple(row[name] for name in ("data", "body", "decay", "head", "depth", "seed"))


def of(setup: Setup, row: dict[str, Any]) -> bool:
    """Whether a row is of a setup."""
    return (row["data"], row["body"], row["decay"]) == (setup.data, setup.body, setup.decay)


def shown(row: dict[str, Any]) -> str:
    """What a network heads for, all without a name as one."""
    return "a network without a name" if row["heads_for"].startswith("unnamed") else row["heads_for"]


def colours_of(names: list[str]) -> dict[str, str]:
    """A colour for each of the commonest names, and one for all others where there are too many."""
    ranked = [name for name, _ in Counter(sorted(names)).most_common()]
    first = ranked if len(ranked) <= len(COLOURS) else ranked[: len(COLOURS) - 1]
    more = len(ranked) - len(first)
    return dict(zip(first, COLOURS, strict=False)) | ({f"{more} others": "#f2f2f2"} if more else {})


def beside(rows: list[dict[str, Any]]) -> Iterator[tuple[str, str, str, list[dict[str, Any]], list[float]]]:
    """Head, colour, marker, rows and places of the networks of each kind of head, seeds side by side."""
    for side, (head, (colour, marker)) in zip((-0.2, 0.2), KINDS.items(), strict=True):
        own = [row for row in rows if row["head"] == head]
        most = max([row["seed"] for row in own], default=0) / 2
        if own:
            yield head, colour, marker, own, [row["depth"] + side + 0.03 * (row["seed"] - most) for row in own]


def draw_losses(axes: plt.Axes, rows: list[dict[str, Any]]) -> None:
    """Every network as a point, with a dash for the minimum that it heads for."""
    for head, colour, marker, own, places in beside(rows):
        above, ends = (
            [100 * (row[name] / row["predicted_loss"] - 1) for row in own] for name in ("loss", "heads_for_loss")
        )
        axes.plot(places, above, marker, color=colour, markerfacecolor="white", markersize=4, label=f"{head} head")
        axes.plot(places, ends, "_", color=colour, markersize=7, markeredgewidth=1.5, label=f"{head}: heads for")
    axes.axhline(0, color="0.6", linewidth=1, zorder=0)
    axes.set_yscale("symlog", linthresh=1)
    axes.set(xlabel="depth of the head", xticks=list(DEPTHS), xlim=(0.5, 5.5))
    axes.set_yticks([-10, -1, 0, 1, 10, 100, 1000], ["-10", "-1", "0", "1", "10", "100", "1000"])


def draw_ranks(axes: plt.Axes, rows: list[dict[str, Any]]) -> None:
    """Every network as a point, the mean prediction as a line."""
    for head, colour, marker, own, places in beside(rows):
        label = f"{head} head"
        axes.plot(
            places,
            [row["rank"] for row in own],
            marker,
            color=colour,
            markerfacecolor="white",
            markersize=4,
            label=label,
        )
        depths = sorted({row["depth"] for row in own})
        means = [np.mean([row["predicted_rank"] for row in own if row["depth"] == d]) for d in depths]
        axes.plot(depths, means, "-", color=colour, linewidth=1, label=f"{head}: predicted")
    axes.set(xlabel="depth of the head", xticks=list(DEPTHS), xlim=(0.5, 5.5), ylim=(0, 9.6))


def draw_spectra(axes: plt.Axes, rows: list[dict[str, Any]], depth: int = 3) -> None:
    """Singular values of W_1 of heads of one depth, and those forecast."""
    index = np.arange(1, CLASSES + 1)
    for side, (head, (colour, marker)) in zip((-0.12, 0.12), KINDS.items(), strict=True):
        own = [row for row in rows if (row["head"], row["depth"], row["layer"]) == (head, depth, "W_1")]
        for row in own:
            found = [row[f"s_{i}"] for i in index]
            axes.plot(index + side, found, marker, color=colour, markerfacecolor="white", markersize=5)
        if not own:
            continue
        expected = np.mean([[row[f"forecast_{i}"] for i in index] for row in own], axis=0)
        axes.plot(
            index + side, expected, "_", color=colour, markersize=14, markeredgewidth=2, label=f"{head}: forecast"
        )
    axes.set(xlabel="index", xticks=index)


def draw_bound(axes: plt.Axes, rows: list[dict[str, Any]]) -> None:
    """Distance from rank K against the bound by TCV, for matrices that can have a higher rank."""
    for head, (colour, marker) in KINDS.items():
        own = [row for row in rows if row["head"] == head and row["within"] and row["distance_to_bounded_rank"] > 0]
        bounds = [row["product"] + row["excess"] for row in own]
        distances = [row["distance_to_bounded_rank"] for row in own]
        axes.plot(bounds, distances, marker, color=colour, markerfacecolor="white", markersize=4, label=f"{head} head")
    ends = np.array([1e-3, 1e4])
    axes.plot(ends, ends, "-", color="0.6", linewidth=1, label="bound = distance")
    axes.set(xscale="log", yscale="log", xlabel="bound by TCV, with what training left")
    axes.set(xlim=(1e-3, 1e4), ylim=(1e-5, 1e2))


def draw_shares(axes: plt.Axes, rows: list[dict[str, Any]], colours: dict[str, str]) -> None:
    """Share of the seeds that head for each structure: where free features lead from the trained network."""
    ticks = {}
    others = list(colours)[-1]
    for shift, head in ((0.0, "linear"), (0.42, "relu")):
        for depth in DEPTHS:
            own = [shown(row) for row in rows if row["head"] == head and row["depth"] == depth]
            if own:
                ticks[depth + shift] = f"{depth}\n{head.removesuffix('ear')}"
                axes.text(depth + shift, 1.01, str(len(own)), ha="center", va="bottom", fontsize=7)
            bottom = 0.0
            for name, colour in colours.items():
                inside = [each == name or (name == others and each not in colours) for each in own]
                if any(inside):
                    share = float(np.mean(inside))
                    axes.bar(depth + shift, share, 0.38, bottom=bottom, color=colour, edgecolor="0.3", linewidth=0.5)
                    bottom += share
    axes.set(xlabel="depth of the head", xlim=(0.6, 5.8), ylim=(0, 1.08))
    axes.set_xticks(list(ticks), list(ticks.values()), fontsize=8)


def summary(rows: list[dict[str, Any]], layers: list[dict[str, Any]]) -> str:
    """Of each setup, head and depth what P(structure) is, per cent above the prediction, and what training left.

    Of networks and of where they head: median and range over seeds. P is that of heading for the predicted loss, with
    the 95 % Wilson interval. What training left is the norm of the gradient at W_1 over lambda |W_1|.
    """
    left = {place(row): row["excess"] / row["norm"] for row in layers if row["layer"] == "W_1"}
    lines = []
    for key in dict.fromkeys(place(row)[:-1] for row in rows):
        own = [row for row in rows if place(row)[:-1] == key]
        above = lambda name, own=own: spread([100 * (row[name] / row["predicted_loss"] - 1) for row in own])
        names = ", ".join(f"{name} {count}" for name, count in Counter(row["heads_for"] for row in own).most_common())
        predicted = ", ".join(dict.fromkeys(row["predicted"] for row in own))
        hits = sum(row["heads_for_loss"] <= row["predicted_loss"] * (1 + SAME) for row in own)
        low, high = binomtest(hits, len(own)).proportion_ci(0.95, method="wilson")
        data, body, decay, head, depth = key
        lines.append(
            f"{data} {body} {decay} {head} {depth:g}: {len(own)} seeds, least accuracy "
            f"{min(row['accuracy'] for row in own):.4g}, {above('loss')} % above {predicted}; heading for {names}, "
            f"{above('heads_for_loss')} % above it; for its loss or less {hits} of {len(own)}, P {low:.2f} to "
            f"{high:.2f}; left {spread([left[place(row)] for row in own])}"
        )
    return "\n".join(lines)


def spread(values: list[float]) -> str:
    """Median and range."""
    return f"{np.median(values):.2g} ({min(values):.2g} to {max(values):.2g})"


def bounds(rows: list[dict[str, Any]]) -> str:
    """How often the bound on the distance from rank K or K - 1 holds, and how many times the distance bounds are."""
    own = [row for row in rows if row["within"] is not None and row["distance_to_bounded_rank"] > 1e-6]
    times = lambda name: [(row[name] + row["excess"]) / row["distance_to_bounded_rank"] for row in own]
    within, product_ = times("within"), times("product")
    return (
        f"rank bound: holds for {sum(value >= 1 for value in within)} of {len(own)} matrices, at least "
        f"{min(within):.3g} times the distance; the bound by TCV is {np.median(product_):.3g} times it in the median"
    )


def groups(setups: Sequence[Setup], depths: Iterable[int]) -> Iterator[tuple[Setup, str, int, range]]:
    """All that is trained side by side, linear heads first; a relu head of depth one has no relu."""
    for head, setup, depth in product(KINDS, setups, depths):
        if (head, depth) != ("relu", 1):
            yield setup, head, depth, range(getattr(setup, head))


def main(folder: Path = HERE, setups: Sequence[Setup] = SETUPS, depths: Iterable[int] = DEPTHS) -> None:
    """Train and measure the networks without a row unless only the picture is wanted, and draw."""
    tables = folder / "real_networks.csv", folder / "real_networks.layers.csv"
    known = "--again" not in sys.argv and all(map(Path.exists, tables))
    rows: Rows = tuple(map(read, tables)) if known else ([], [])
    for setup, head, depth, seeds in groups(setups, depths) if "--draw" not in sys.argv else ():
        done = {row["seed"] for row in rows[0] if of(setup, row) and (row["head"], row["depth"]) == (head, depth)}
        if missing := [seed for seed in seeds if seed not in done]:
            rows = tuple(old + new for old, new in zip(rows, group(setup, head, depth, missing), strict=True))
            for path, own in zip(tables, rows, strict=True):
                write(path, sorted(own, key=place))
    rows = tuple(map(read, tables))
    print(summary(*rows))
    print(bounds(rows[1]))
    draw(*rows, folder)


if __name__ == "__main__":
    main()
