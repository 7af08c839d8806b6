"""A real network beside the predicted optimum: a small MLP with a deep linear head on handwritten digits.

Trains scikit-learn's digits (8 x 8 pixels, ten classes, 100 images of each) twice: with UFM-style decay (the head's
weights and the features it sees are penalised, the body is not) and with standard weight decay (all weights). Draws
digits.png and digits.pdf beside this file and prints what the mean logits are. Needs torch and scikit-learn:

    python examples/plot_digits.py
"""

from itertools import pairwise
from pathlib import Path

import matplotlib
import numpy as np
import torch
from sklearn.datasets import load_digits

matplotlib.use("Agg")
import matplotlib.pyplot as plt

import optima
from optima.plot.logits import draw_logits, logit_bar

CLASSES, DEPTH, SAMPLES, WIDTH, REG = 10, 2, 100, 64, 2**-8
# Standard decay acts on the body too, whose layers multiply: a weaker one keeps the logits as large.
STANDARD = 2**-10
HIDDEN, STEPS = 256, 6000
HERE = Path(__file__).parent


def images() -> tuple[torch.Tensor, torch.Tensor]:
    """The first images of each class, class by class, centred and scaled."""
    pixels, labels = load_digits(return_X_y=True)
    chosen = np.concatenate([np.flatnonzero(labels == c)[:SAMPLES] for c in range(CLASSES)])
    x = pixels[chosen] / 16
    return torch.tensor((x - x.mean(axis=0)) / x.std(), dtype=torch.float32), torch.tensor(labels[chosen])


def train(ufm: bool) -> tuple[list[np.ndarray], np.ndarray, float]:
    """Head weights W_1, ..., W_L, mean logits and accuracy after full-batch Adam."""
    torch.manual_seed(0)
    x, labels = images()
    body = torch.nn.Sequential(
        torch.nn.Linear(64, HIDDEN),
        torch.nn.ReLU(),
        torch.nn.Linear(HIDDEN, HIDDEN),
        torch.nn.ReLU(),
        torch.nn.Linear(HIDDEN, WIDTH),
    )
    sizes = [WIDTH] * DEPTH + [CLASSES]
    head = [torch.nn.Linear(a, b, bias=False) for a, b in pairwise(sizes)]
    parameters = [*body.parameters(), *(layer.weight for layer in head)]
    optimiser = torch.optim.Adam(parameters, lr=3e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, STEPS)
    for _ in range(STEPS):
        optimiser.zero_grad()
        features = z = body(x)
        for layer in head:
            z = layer(z)
        if ufm:
            norms = REG * sum(layer.weight.square().sum() for layer in head) + REG / SAMPLES * features.square().sum()
        else:
            norms = STANDARD * sum(p.square().sum() for p in parameters if p.ndim == 2)
        (torch.nn.functional.cross_entropy(z, labels) + norms / 2).backward()
        optimiser.step()
        schedule.step()
    accuracy = float((z.argmax(dim=1) == labels).double().mean())
    means = z.detach().double().numpy().T.reshape(CLASSES, CLASSES, SAMPLES).mean(axis=2)
    return [layer.weight.detach().double().numpy() for layer in head], means, accuracy


def main() -> None:
    """Train both networks, solve the model with free features, draw them side by side."""
    regs = (REG,) * DEPTH + (REG / SAMPLES,)
    problem = optima.DeepUFM(CLASSES, DEPTH, regs, SAMPLES, width=WIDTH)
    best = optima.solve(problem)
    print(f"predicted with free features: {best.structure}, loss {best.loss:.6g}")
    figure = plt.figure(figsize=(11.5, 6.6), layout="constrained")
    panels = figure.subplots(2, 3)
    title = f"best, free features: {best.structure.split(' (')[0]}, rank {best.rank}"
    # The same for both matrices of the head, whose decay is equal.
    predicted = np.linalg.svd(best.factors()[0], compute_uv=False)[:CLASSES]
    for row, ufm in enumerate((True, False)):
        head, means, accuracy = train(ufm)
        name = "UFM-style decay" if ufm else "standard decay"
        seen = optima.recognise(means, tolerance=0.1)
        print(f"{name}: {seen}, training accuracy {accuracy:.3f}")
        found = [np.linalg.svd(weight, compute_uv=False)[:CLASSES] for weight in head]
        draw_spectra(panels[row, 0], found, predicted, relative=not ufm)
        panels[row, 0].set_title(f"{name}: singular values of the head", fontsize=9)
        draw_logits(panels[row, 1], means)
        panels[row, 1].set_title(f"mean logits of the network: {seen.name}, rank {seen.rank}", fontsize=9)
        draw_logits(panels[row, 2], best.means)
        panels[row, 2].set_title(title, fontsize=9)
    logit_bar(figure, panels[:, 1:].ravel().tolist())
    figure.suptitle(
        f"Digits, {SAMPLES} images per class, linear head of depth {DEPTH} and width {WIDTH} on an MLP", fontsize=10
    )
    for ending in ("png", "pdf"):
        figure.savefig(HERE / f"digits.{ending}", dpi=150)


def draw_spectra(axes: plt.Axes, found: list[np.ndarray], predicted: np.ndarray, relative: bool) -> None:
    """Singular values of each head matrix, and those predicted; relative to the largest where the scale is free."""
    unit = lambda values: values[0] if relative else 1.0
    index = np.arange(1, CLASSES + 1)
    for number, (values, marker) in enumerate(zip(found, "os^v", strict=False), start=1):
        axes.plot(index, values / unit(values), marker, color="#00204c", markerfacecolor="white", label=f"$W_{number}$")
    levels = predicted / unit(predicted)
    axes.plot(index, levels, "_", color="#a17000", markersize=16, markeredgewidth=2, label="free features", zorder=1)
    axes.set(xlabel="index", ylabel="singular value" + " / largest" * relative, ylim=(-0.05, None))
    axes.set_xticks(index)
    axes.legend(fontsize=8, frameon=False)


if __name__ == "__main__":
    main()
