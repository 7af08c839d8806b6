"""Real networks beside the free-features model: heads of depth 1 to 5 on an MLP, trained on handwritten digits.

Trains scikit-learn's digits (8 x 8 pixels, ten classes, 30 images of each) with linear and relu heads and two kinds of
decay: UFM-style, on the head's weights and the features it sees, and standard, on all weights. The matching model with
free features has the decay of the head; with standard decay, where features have none, it has the lambda_H that makes
the first head matrix and the features balanced, lambda |W_1|^2 = lambda_H |H|^2, read off the trained network.

Writes beside this file real_networks.csv (a row for each network), real_networks.layers.csv (a row for each weight
matrix), and real_networks.png and .pdf. Needs torch and scikit-learn; takes about four minutes:

    python examples/real_networks.py
    python examples/real_networks.py --draw     # only draws the rows again
"""

import csv
import sys
from functools import cache
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np

matplotlib.use("Agg")
import matplotlib.pyplot as plt

import optima

HERE = Path(__file__).parent
RUNS, LAYERS = HERE / "real_networks.csv", HERE / "real_networks.layers.csv"
CLASSES, SAMPLES, WIDTH, HIDDEN = 10, 30, 32, 128
DEPTHS, SEEDS, STEPS = range(1, 6), range(3), 2500
# Standard decay acts on the body too, whose layers multiply: a weaker one keeps the logits as large.
REG = {"UFM-style": 2**-9, "standard": 2**-10}
KINDS = {"linear": ("#00204c", "o"), "relu": ("#a17000", "s")}
# Structures that have a colour of their own; the others share one.
SHOWN = ("simplex", "pairs", "srg-petersen-complement", "polygon")


def images() -> tuple[Any, Any]:
    """The first images of each class, centred and scaled."""
    import torch
    from sklearn.datasets import load_digits

    pixels, labels = load_digits(return_X_y=True)
    chosen = np.concatenate([np.flatnonzero(labels == c)[:SAMPLES] for c in range(CLASSES)])
    x = pixels[chosen] / 16
    return torch.tensor((x - x.mean(axis=0)) / x.std(), dtype=torch.float32), torch.tensor(labels[chosen])


def network(head: str, depth: int, seed: int) -> Any:
    """Body and head in sequence; the head has no biases, and relus between its layers if it is a relu one."""
    from torch import manual_seed
    from torch.nn import Linear, ReLU, Sequential

    manual_seed(seed)
    body = Sequential(Linear(64, HIDDEN), ReLU(), Linear(HIDDEN, HIDDEN), ReLU(), Linear(HIDDEN, WIDTH))
    layers: list[Any] = []
    for a, b in pairwise([WIDTH] * depth + [CLASSES]):
        layers += [ReLU()] * (head == "relu" and bool(layers)) + [Linear(a, b, bias=False)]
    return Sequential(body, Sequential(*layers))


def train(model: Any, decay: str, x: Any, labels: Any) -> None:
    """Full-batch Adam; its weight_decay adds lambda W to the gradient, as lambda |W|^2 / 2 in the loss does."""
    import torch

    body, head = model
    ufm = decay == "UFM-style"
    decayed = [p for p in (head if ufm else model).parameters() if p.ndim == 2]
    others = [p for p in model.parameters() if all(p is not q for q in decayed)]
    groups = [{"params": decayed, "weight_decay": REG[decay]}, {"params": others}]
    optimiser = torch.optim.Adam(groups, lr=3e-3, fused=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, STEPS)
    for _ in range(STEPS):
        optimiser.zero_grad()
        features = body(x)
        loss = torch.nn.functional.cross_entropy(head(features), labels)
        if ufm:
            loss = loss + REG[decay] / (2 * SAMPLES) * features.square().sum()
        loss.backward()
        optimiser.step()
        schedule.step()


@cache
def forecast(head: str, regs: tuple[float, ...]) -> Any:
    """The best minimum known of linear heads, the best named network of relu heads."""
    return optima.forecast(SAMPLES, len(regs) - 1, regs, classes=CLASSES, activation=head, width=WIDTH)


def run(head: str, depth: int, decay: str, seed: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """One network: its row, and those of its layers."""
    x, labels = images()
    model = network(head, depth, seed)
    train(model, decay, x, labels)
    reg = REG[decay]
    decayed = [name for name, part in model.named_modules() if hasattr(part, "in_features")]
    decayed = decayed if decay == "standard" else [name for name in decayed if name.startswith("1.")]
    found = optima.measure(model, (x, labels), reg=dict.fromkeys(decayed, reg))
    norms = [float(part.weight.detach().double().square().sum()) for part in model[1] if hasattr(part, "weight")]
    norms.append(float(model[0](x).detach().double().square().sum()))
    regs = (reg,) * depth + (reg / SAMPLES if decay == "UFM-style" else reg * norms[0] / norms[-1],)
    expected = forecast(head, regs)
    best = expected.best
    own = {"head": head, "depth": depth, "decay": decay, "seed": seed}
    M = found.mean_logits - found.mean_logits.mean(axis=0)
    s = np.linalg.svd(M, compute_uv=False)
    predicted = padded(best.logits / np.sqrt(SAMPLES))
    row = own | {
        "accuracy": found.accuracy,
        "nearest": found.recognition.nearest[0].name,
        "distance": found.recognition.nearest[0].distance,
        "rank": optima.recognise(M, tolerance=0.1).rank,
        "predicted": best.name,
        "predicted_rank": best.rank,
        "reg_features": regs[-1],
        "data_loss": found.data_loss,
        "predicted_data_loss": best.data_loss,
        "loss": found.data_loss + sum(r * n for r, n in zip(regs, norms, strict=True)) / 2,
        "predicted_loss": best.loss,
        "logits_distance": float(np.linalg.norm(s - predicted) / np.linalg.norm(predicted)),
    }
    return row, [layer_row(own, each, depth, expected, model) for each in found.layers]


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
    for name in ("within", "product", "crude", "residual"):
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
    """Rows to a file, numbers to six digits."""
    short = lambda value: f"{value:.6g}" if isinstance(value, float) else value
    with path.open("w", newline="") as file:
        table = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        table.writeheader()
        table.writerows({name: short(value) for name, value in row.items()} for row in rows)


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


def draw(runs: list[dict[str, Any]], layers: list[dict[str, Any]]) -> None:
    """Rows of panels: loss, rank of the logits, a head's spectra, distance from rank K, structures."""
    figure = plt.figure(figsize=(10, 15.5), layout="constrained")
    panels = figure.subplots(5, 2, sharey="row")
    for column, decay in enumerate(REG):
        of = [row for row in runs if row["decay"] == decay]
        parts = [row for row in layers if row["decay"] == decay]
        draw_depths(panels[0, column], of, "loss", f"{decay} decay", "loss of head and features")
        panels[0, column].set_yscale("log")
        draw_depths(panels[1, column], of, "rank", "", "rank of the mean logits")
        draw_spectra(panels[2, column], parts)
        draw_bound(panels[3, column], parts)
        draw_shares(panels[4, column], of)
    for row, column in ((0, 0), (2, 0), (3, 0)):
        panels[row, column].legend(fontsize=8, frameon=False)
    panels[4, 1].legend(fontsize=8, loc="upper left", bbox_to_anchor=(0, -0.2), ncols=3, frameon=False)
    for ending in ("png", "pdf"):
        figure.savefig(HERE / f"real_networks.{ending}", dpi=110)


def draw_depths(axes: plt.Axes, rows: list[dict[str, Any]], name: str, title: str, label: str) -> None:
    """Every network as a point, the mean prediction as a line."""
    for side, (head, (colour, marker)) in zip((-0.08, 0.08), KINDS.items(), strict=True):
        own = [row for row in rows if row["head"] == head]
        places = [row["depth"] + side + 0.03 * (row["seed"] - 1) for row in own]
        axes.plot(
            places, [row[name] for row in own], marker, color=colour, markerfacecolor="white", label=f"{head} head"
        )
        depths = sorted({row["depth"] for row in own})
        means = [np.mean([row[f"predicted_{name}"] for row in own if row["depth"] == d]) for d in depths]
        axes.plot(depths, means, "-", color=colour, linewidth=1, label=f"{head}, free features")
    axes.set(title=title, xlabel="depth of the head", ylabel=label, xticks=list(DEPTHS))


def draw_spectra(axes: plt.Axes, rows: list[dict[str, Any]], depth: int = 3) -> None:
    """Singular values of W_1 of heads of one depth, and those forecast."""
    index = np.arange(1, CLASSES + 1)
    for side, (head, (colour, marker)) in zip((-0.12, 0.12), KINDS.items(), strict=True):
        own = [row for row in rows if (row["head"], row["depth"], row["layer"]) == (head, depth, "W_1")]
        for row in own:
            found = [row[f"s_{i}"] for i in index]
            axes.plot(index + side, found, marker, color=colour, markerfacecolor="white", markersize=5)
        expected = np.mean([[row[f"forecast_{i}"] for i in index] for row in own], axis=0)
        axes.plot(
            index + side, expected, "_", color=colour, markersize=14, markeredgewidth=2, label=f"{head}: forecast"
        )
    axes.set(xlabel="index", ylabel=f"singular values of W_1, depth {depth}", xticks=index)


def draw_bound(axes: plt.Axes, rows: list[dict[str, Any]]) -> None:
    """Distance from rank K against the bound by TCV, for matrices that can have a higher rank."""
    for head, (colour, marker) in KINDS.items():
        own = [row for row in rows if row["head"] == head and row["within"] and row["distance_to_rank_K"] > 0]
        bounds = [row["product"] + row["residual"] for row in own]
        distances = [row["distance_to_rank_K"] for row in own]
        axes.plot(bounds, distances, marker, color=colour, markerfacecolor="white", markersize=4, label=f"{head} head")
    ends = np.array([1e-3, 1e4])
    axes.plot(ends, ends, "-", color="0.6", linewidth=1, label="bound = distance")
    axes.set(xscale="log", yscale="log", xlabel="bound by TCV, with the residual", ylabel="distance from rank K")


def draw_shares(axes: plt.Axes, rows: list[dict[str, Any]]) -> None:
    """Share of the seeds whose mean logits are nearest to each structure."""
    ticks = {}
    colours = dict(zip((*SHOWN, "another"), ("#00204c", "#7c7b78", "#d0be54", "#ffe945", "#e8e8e8"), strict=True))
    for shift, head in ((0.0, "linear"), (0.42, "relu")):
        for depth in DEPTHS:
            own = [row["nearest"] for row in rows if row["head"] == head and row["depth"] == depth]
            if own:
                ticks[depth + shift] = f"{depth}\n{head}"
            bottom = 0.0
            for name, colour in colours.items():
                share = np.mean([near == name or (name == "another" and near not in SHOWN) for near in own or [""]])
                if own and share:
                    axes.bar(depth + shift, share, 0.38, bottom=bottom, color=colour, edgecolor="0.3", linewidth=0.5)
                    bottom += share
    for name, colour in colours.items():
        axes.bar(0, 0, color=colour, edgecolor="0.3", linewidth=0.5, label=name)
    axes.set(ylabel="share of seeds nearest to", xlim=(0.6, 5.8))
    axes.set_xticks(list(ticks), list(ticks.values()), fontsize=7)


def main() -> None:
    """Train and measure all networks unless only the picture is wanted, and draw."""
    if "--draw" not in sys.argv:
        runs, layers = [], []
        for head, depth, decay, seed in product(KINDS, DEPTHS, REG, SEEDS):
            # A relu head of depth one has no relu.
            if (head, depth) != ("relu", 1):
                row, parts = run(head, depth, decay, seed)
                runs.append(row)
                layers += parts
                print({name: round(value, 4) if isinstance(value, float) else value for name, value in row.items()})
        write(RUNS, runs)
        write(LAYERS, layers)
    draw(read(RUNS), read(LAYERS))


if __name__ == "__main__":
    main()
