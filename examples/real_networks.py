"""Real networks beside the free-features model: heads of depth 1 to 5 on an MLP and on small ResNets.

Trains on scikit-learn's digits (8 x 8 pixels) and on mnist1d (40 points), ten classes, 30 samples of each, with linear
and relu heads and two kinds of decay: UFM-style, on the head's weights and the features it sees, and standard, on all
weights. The matching model with free features has the decay of the head; with standard decay, where features have none,
it has the lambda_H that makes the first head matrix and the features balanced, lambda |W_1|^2 = lambda_H |H|^2, as read
off the trained network. From the trained head and its features that model is also descended to a critical point, the
features free: the loss there above the prediction is that of another minimum, and the rest of what a network lies above
the prediction is left to its body and to unfinished training.

Writes beside this file real_networks.csv (a row for each network), real_networks.layers.csv (a row for each weight
matrix), and real_networks.png and .pdf. Needs torch, scikit-learn and mnist1d; takes about a quarter of an hour:

    python examples/real_networks.py
    python examples/real_networks.py --draw     # only draws the rows again
"""

import csv
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np

matplotlib.use("Agg")
import matplotlib.pyplot as plt

import optima
from optima.training.polish import polish

HERE = Path(__file__).parent
CLASSES, SAMPLES, WIDTH, HIDDEN, CHANNELS = 10, 30, 32, 128, 8
DEPTHS = range(1, 6)
# Standard decay acts on the body too, whose layers multiply: a weaker one keeps the logits as large.
REG = {"UFM-style": 2**-9, "standard": 2**-10}
KINDS = {"linear": ("#00204c", "o"), "relu": ("#a17000", "s")}
# Names that have a colour of their own, the commonest; the others share one.
COLOURS = ("#00204c", "#31446b", "#666970", "#958f78", "#cbba69", "#ffe945", "#b3cde3", "#8856a7", "#e34a33")


@dataclass(frozen=True)
class Setup:
    """Data, body and decay, with how many seeds of linear and relu heads, and steps."""

    data: str
    body: str
    decay: str
    linear: int
    relu: int
    steps: int

    @property
    def title(self) -> str:
        """For the picture."""
        return f"{self.data}, {self.body}, {self.decay} decay"


SETUPS = (
    Setup("digits", "MLP", "UFM-style", 10, 3, 2500),
    Setup("digits", "MLP", "standard", 3, 3, 2500),
    Setup("digits", "ResNet", "UFM-style", 1, 0, 1500),
    Setup("mnist1d", "ResNet", "UFM-style", 2, 1, 1500),
)


@cache
def samples(data: str) -> tuple[Any, Any]:
    """The first samples of each class, class after class, centred and scaled: (N, 1, 8, 8) or (N, 1, 40)."""
    import torch

    if data == "digits":
        from sklearn.datasets import load_digits

        x, labels = load_digits(return_X_y=True)
        x = x.reshape(-1, 1, 8, 8) / 16
    else:
        from mnist1d.data import get_dataset_args, make_dataset

        options = get_dataset_args()
        # Made here, not downloaded.
        options.num_samples, options.train_split = 2 * CLASSES * SAMPLES, 1.0
        made = make_dataset(options)
        x, labels = made["x"][:, None], made["y"]
    chosen = np.concatenate([np.flatnonzero(labels == c)[:SAMPLES] for c in range(CLASSES)])
    x = x[chosen]
    return torch.tensor((x - x.mean(axis=0)) / x.std(), dtype=torch.float32), torch.tensor(labels[chosen])


def mlp(shape: tuple[int, ...]) -> Any:
    """Two hidden layers of relus."""
    from torch.nn import Flatten, Linear, ReLU, Sequential

    sizes = (int(np.prod(shape)), HIDDEN, HIDDEN, WIDTH)
    layers = [part for a, b in pairwise(sizes) for part in (Linear(a, b), ReLU())]
    return Sequential(Flatten(), *layers[:-1])


def resnet(shape: tuple[int, ...]) -> Any:
    """A convolution, two blocks with skip connections and batch normalisation, the mean of the maps, and a matrix."""
    from torch import nn

    axes = len(shape) - 1
    convolution, norm = getattr(nn, f"Conv{axes}d"), getattr(nn, f"BatchNorm{axes}d")

    class Block(nn.Module):
        def __init__(self, a: int, b: int, stride: int) -> None:
            super().__init__()
            self.first = nn.Sequential(convolution(a, b, 3, stride, 1, bias=False), norm(b), nn.ReLU())
            self.second = nn.Sequential(convolution(b, b, 3, 1, 1, bias=False), norm(b))
            same = (a, stride) == (b, 1)
            self.skip = nn.Identity() if same else nn.Sequential(convolution(a, b, 1, stride, bias=False), norm(b))

        def forward(self, x: Any) -> Any:
            return (self.second(self.first(x)) + self.skip(x)).relu()

    return nn.Sequential(
        convolution(shape[0], CHANNELS, 3, 2, 1, bias=False), norm(CHANNELS), nn.ReLU(),
        Block(CHANNELS, CHANNELS, 1), Block(CHANNELS, 2 * CHANNELS, 2),
        getattr(nn, f"AdaptiveAvgPool{axes}d")(1), nn.Flatten(), nn.Linear(2 * CHANNELS, WIDTH),
    )  # fmt: skip


def network(setup: Setup, head: str, depth: int, seed: int) -> Any:
    """Body and head in sequence; the head has no biases, and relus between its layers if it is a relu one."""
    from torch import manual_seed
    from torch.nn import Linear, ReLU, Sequential

    manual_seed(seed)
    x, _ = samples(setup.data)
    body = (mlp if setup.body == "MLP" else resnet)(tuple(x.shape[1:]))
    layers: list[Any] = []
    for a, b in pairwise([WIDTH] * depth + [CLASSES]):
        layers += [ReLU()] * (head == "relu" and bool(layers)) + [Linear(a, b, bias=False)]
    return Sequential(body, Sequential(*layers))


def train(model: Any, setup: Setup) -> None:
    """Full-batch Adam; its weight_decay adds lambda W to the gradient, as lambda |W|^2 / 2 in the loss does."""
    import torch

    x, labels = samples(setup.data)
    body, head = model
    ufm = setup.decay == "UFM-style"
    reg = REG[setup.decay]
    decayed = [p for p in (head if ufm else model).parameters() if p.ndim > 1]
    others = [p for p in model.parameters() if all(p is not q for q in decayed)]
    groups = [{"params": decayed, "weight_decay": reg}, {"params": others}]
    optimiser = torch.optim.Adam(groups, lr=3e-3, fused=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, setup.steps)
    for _ in range(setup.steps):
        optimiser.zero_grad()
        features = body(x)
        loss = torch.nn.functional.cross_entropy(head(features), labels)
        if ufm:
            loss = loss + reg / (2 * SAMPLES) * features.square().sum()
        loss.backward()
        optimiser.step()
        schedule.step()


@cache
def forecast(head: str, regs: tuple[float, ...]) -> Any:
    """The best minimum known of linear heads, the best named network of relu heads."""
    return optima.forecast(SAMPLES, len(regs) - 1, regs, classes=CLASSES, activation=head, width=WIDTH)


def run(setup: Setup, head: str, depth: int, seed: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """One network: its row, and those of its layers."""
    import torch

    model = network(setup, head, depth, seed)
    train(model, setup)
    reg = REG[setup.decay]
    decayed = [name for name, part in model.named_modules() if getattr(part, "weight", None) is not None]
    decayed = decayed if setup.decay == "standard" else [name for name in decayed if name.startswith("1.")]
    x, labels = samples(setup.data)
    found = optima.measure(model, (x, labels), reg=dict.fromkeys(decayed, reg))
    with torch.no_grad():
        features = model.eval()[0](x).double().numpy().T
    factors = [*(part.weight.detach().double().numpy() for part in model[1] if hasattr(part, "weight")), features]
    norms = [float(np.sum(factor**2)) for factor in factors]
    regs = (reg,) * depth + (reg / SAMPLES if setup.decay == "UFM-style" else reg * norms[0] / norms[-1],)
    expected = forecast(head, regs)
    best = expected.best
    ends = polish(expected.problem, factors)
    own = {"data": setup.data, "body": setup.body, "decay": setup.decay, "head": head, "depth": depth, "seed": seed}
    M = found.mean_logits - found.mean_logits.mean(axis=0)
    s = np.linalg.svd(M, compute_uv=False)
    predicted = padded(best.logits / np.sqrt(SAMPLES))
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
        "heads_for": ends.structure,
        "heads_for_loss": ends.loss,
        "heads_for_verdict": ends.verdict,
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


def draw(runs: list[dict[str, Any]], layers: list[dict[str, Any]], folder: Path) -> None:
    """Rows of panels: loss, rank of the logits, a head's spectra, distance from a low rank, structures."""
    setups = [each for each in SETUPS if any(of(each, row) for row in runs)]
    figure = plt.figure(figsize=(4.2 * len(setups), 16), layout="constrained")
    panels = figure.subplots(5, len(setups), sharey="row", squeeze=False)
    colours = colours_of([row["heads_for"] for row in runs])
    for column, setup in enumerate(setups):
        own = [row for row in runs if of(setup, row)]
        parts = [row for row in layers if of(setup, row)]
        draw_depths(panels[0, column], own, "loss", setup.title, "loss of head and features")
        panels[0, column].set_yscale("log")
        draw_depths(panels[1, column], own, "rank", "", "rank of the mean logits")
        draw_spectra(panels[2, column], parts)
        draw_bound(panels[3, column], parts)
        draw_shares(panels[4, column], own, colours)
    for row in (0, 2, 3):
        panels[row, 0].legend(fontsize=8, frameon=False)
    handles = [plt.Rectangle((0, 0), 1, 1, facecolor=c, edgecolor="0.3") for c in colours.values()]
    figure.legend(handles, list(colours), fontsize=8, loc="outside lower center", ncols=4, frameon=False)
    for ending in ("png", "pdf"):
        figure.savefig(folder / f"real_networks.{ending}", dpi=100)


def of(setup: Setup, row: dict[str, Any]) -> bool:
    """Whether a row is of a setup."""
    return (row["data"], row["body"], row["decay"]) == (setup.data, setup.body, setup.decay)


def colours_of(names: list[str]) -> dict[str, str]:
    """A colour for each of the commonest names, and one for all others."""
    ranked = [name for name, _ in Counter(sorted(names)).most_common()]
    shown = ranked if len(ranked) <= len(COLOURS) else ranked[: len(COLOURS) - 1]
    more = len(ranked) - len(shown)
    colours = dict(zip(shown, COLOURS, strict=False))
    return colours | (
        {f"{more} others, once or twice each" if rare(names, shown) else f"{more} others": "#f2f2f2"} if more else {}
    )


def rare(names: list[str], shown: list[str]) -> bool:
    """Whether none of the names that are not shown comes more than twice."""
    return max(count for name, count in Counter(names).items() if name not in shown) <= 2


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
        own = [row for row in rows if row["head"] == head and row["within"] and row["distance_to_bounded_rank"] > 0]
        bounds = [row["product"] + row["excess"] for row in own]
        distances = [row["distance_to_bounded_rank"] for row in own]
        axes.plot(bounds, distances, marker, color=colour, markerfacecolor="white", markersize=4, label=f"{head} head")
    ends = np.array([1e-3, 1e4])
    axes.plot(ends, ends, "-", color="0.6", linewidth=1, label="bound = distance")
    axes.set(
        xscale="log",
        yscale="log",
        xlabel="bound by TCV, with what training left",
        ylabel="distance from rank K or K - 1",
    )


def draw_shares(axes: plt.Axes, rows: list[dict[str, Any]], colours: dict[str, str]) -> None:
    """Share of the seeds that head for each structure: where free features lead from the trained network."""
    ticks = {}
    others = list(colours)[-1]
    for shift, head in ((0.0, "linear"), (0.42, "relu")):
        for depth in DEPTHS:
            own = [row["heads_for"] for row in rows if row["head"] == head and row["depth"] == depth]
            if own:
                ticks[depth + shift] = f"{depth}\n{head}"
            bottom = 0.0
            for name, colour in colours.items():
                inside = [each == name or (name == others and each not in colours) for each in own]
                if any(inside):
                    share = float(np.mean(inside))
                    axes.bar(depth + shift, share, 0.38, bottom=bottom, color=colour, edgecolor="0.3", linewidth=0.5)
                    bottom += share
    axes.set(ylabel="share of the seeds that head for", xlim=(0.6, 5.8))
    axes.set_xticks(list(ticks), list(ticks.values()), fontsize=7)


def main(folder: Path = HERE, setups: tuple[Setup, ...] = SETUPS, depths: Iterable[int] = DEPTHS) -> None:
    """Train and measure all networks unless only the picture is wanted, and draw."""
    tables = folder / "real_networks.csv", folder / "real_networks.layers.csv"
    if "--draw" not in sys.argv:
        runs, layers = [], []
        for setup, head, depth in product(setups, KINDS, depths):
            # A relu head of depth one has no relu.
            for seed in range(getattr(setup, head) if (head, depth) != ("relu", 1) else 0):
                row, parts = run(setup, head, depth, seed)
                runs.append(row)
                layers += parts
                print({name: f"{value:.4g}" if isinstance(value, float) else value for name, value in row.items()})
        for path, rows in zip(tables, (runs, layers), strict=True):
            write(path, rows)
    draw(*map(read, tables), folder)


if __name__ == "__main__":
    main()
