"""Pictures of the rows of trained networks beside the free-features model."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from real_rows import DEPTHS, SETUPS, Setup, of, rank
from small_networks import CLASSES

Rows = list[dict[str, Any]]
KINDS = {"linear": ("#00204c", "o"), "relu": ("#a17000", "s")}
# Names that have a colour of their own, the commonest; the others share one.
COLOURS = ("#00204c", "#cbba69", "#8a8d94", "#b3cde3", "#8856a7", "#ffe945", "#e34a33", "#41ab5d", "#7a4a2b", "#f4a6c8")
# Of the decays, each of which has a picture.
PICTURES = {"UFM-style": "real_networks", "standard": "real_networks.standard"}


def save(figure: Figure, path: Path) -> None:
    """As PNG and as PDF."""
    for kind in ("png", "pdf"):
        figure.savefig(f"{path}.{kind}", dpi=90)
    plt.close(figure)


def draw(runs: Rows, layers: Rows, logits: Rows, folder: Path) -> None:
    """A picture for each decay."""
    colours = colours_of([shown(row) for row in runs])
    for decay, name in PICTURES.items():
        setups = [each for each in SETUPS if each.decay == decay and any(of(each, row) for row in runs)]
        if setups:
            save(panels_of(setups, runs, layers, logits, colours), folder / name)


def panels_of(setups: Sequence[Setup], runs: Rows, layers: Rows, logits: Rows, colours: dict[str, str]) -> Figure:
    """Rows of panels: loss, rank of the logits, a head's spectra, distance from a low rank, structures."""
    figure = plt.figure(figsize=(max(3.1 * len(setups), 6.2), 14), layout="constrained")
    panels = figure.subplots(5, len(setups), sharey="row", squeeze=False)
    for column, setup in enumerate(setups):
        own = [row for row in runs if of(setup, row)]
        parts = [row for row in layers if of(setup, row)]
        draw_losses(panels[0, column], own)
        panels[0, column].set_title(f"{setup.data}, {setup.body}\n{setup.decay} decay")
        draw_ranks(panels[1, column], own, [row for row in logits if of(setup, row)])
        draw_spectra(panels[2, column], parts)
        draw_bound(panels[3, column], parts)
        draw_shares(panels[4, column], own, colours)
    for axes, label in zip(panels[:, 0], LABELS, strict=True):
        axes.set_ylabel(label)
    for row, (place, columns) in enumerate(
        (("lower left", 2), ("lower left", 2), ("upper right", 1), ("lower left", 1))
    ):
        # Of the first column that has both kinds of heads.
        full = max(panels[row], key=lambda axes: len(axes.get_legend_handles_labels()[1]))
        if full.get_legend_handles_labels()[1]:
            full.legend(fontsize=8, frameon=False, loc=place, ncols=columns, columnspacing=0.8)
    handles = [plt.Rectangle((0, 0), 1, 1, facecolor=c, edgecolor="0.3") for c in colours.values()]
    figure.legend(handles, list(colours), loc="outside lower center", ncols=min(len(setups) + 1, 4), frameon=False)
    return figure


LABELS = (
    "loss above\nthe predicted, %",
    "rank of the mean logits",
    "singular values\nof W_1, depth 3",
    "distance from rank\nK or K - 1",
    "share of the seeds\nthat head for",
)


def shown(row: dict[str, Any]) -> str:
    """What a network heads for, all without a name as one."""
    return "a network without a name" if row["heads_for"].startswith("unnamed") else row["heads_for"]


def colours_of(names: list[str]) -> dict[str, str]:
    """A colour for each of the commonest names, and one for all others where there are too many."""
    ranked = [name for name, _ in Counter(sorted(names)).most_common()]
    first = ranked if len(ranked) <= len(COLOURS) else ranked[: len(COLOURS) - 1]
    more = len(ranked) - len(first)
    return dict(zip(first, COLOURS, strict=False)) | ({f"{more} others": "#f2f2f2"} if more else {})


def beside(rows: Rows) -> Iterator[tuple[str, str, str, Rows, list[float]]]:
    """Head, colour, marker, rows and places of the networks of each kind of head, seeds side by side."""
    for side, (head, (colour, marker)) in zip((-0.2, 0.2), KINDS.items(), strict=True):
        own = [row for row in rows if row["head"] == head]
        most = max([row["seed"] for row in own], default=0) / 2
        if own:
            yield head, colour, marker, own, [row["depth"] + side + 0.03 * (row["seed"] - most) for row in own]


def draw_losses(axes: plt.Axes, rows: Rows) -> None:
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


def draw_ranks(axes: plt.Axes, rows: Rows, logits: Rows) -> None:
    """Every network as a point, the prediction for the first seed as a line."""
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
        predicted = [rank(means_of(logits, head, depth, "predicted")) for depth in depths]
        axes.plot(depths, predicted, "-", color=colour, linewidth=1, label=f"{head}: predicted")
    axes.set(xlabel="depth of the head", xticks=list(DEPTHS), xlim=(0.5, 5.5), ylim=(0, 9.6))


def means_of(logits: Rows, head: str, depth: float, which: str) -> np.ndarray:
    """Mean logits of the first seed of one setup, found or predicted: (K, K), or (K, 0) where none are kept."""
    rows = [row for row in logits if (row["head"], row["depth"], row["which"]) == (head, depth, which)]
    columns = [[row[f"z_{k}"] for k in range(CLASSES)] for row in sorted(rows, key=lambda row: row["class"])]
    return np.array(columns).reshape(-1, CLASSES).T


def draw_spectra(axes: plt.Axes, rows: Rows, depth: int = 3) -> None:
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


def draw_bound(axes: plt.Axes, rows: Rows) -> None:
    """Distance from rank K against the bound by TCV, for matrices that can have a higher rank."""
    for head, (colour, marker) in KINDS.items():
        own = [row for row in rows if row["head"] == head and row["within"] and row["distance_to_bounded_rank"] > 0]
        bounds = [row["product"] + row["excess"] for row in own]
        distances = [row["distance_to_bounded_rank"] for row in own]
        axes.plot(bounds, distances, marker, color=colour, markerfacecolor="white", markersize=4, label=f"{head} head")
    ends = np.array([1e-3, 1e4])
    axes.plot(ends, ends, "-", color="0.6", linewidth=1, label="bound = distance")
    axes.set(xscale="log", yscale="log", xlabel="bound by TCV, with what training left")
    axes.set(xlim=(1e-3, 1e4), ylim=(1e-6, 1e2))


def draw_shares(axes: plt.Axes, rows: Rows, colours: dict[str, str]) -> None:
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
