"""What is trained, and the row of a trained network beside the matching model with free features."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import real_predictions
import small_networks
from real_predictions import expected, name_of
from small_networks import CLASSES, network, samples, train

import optima
from optima.model.class_network import ClassNetwork
from optima.reduction import Reduction
from optima.relu.finish import heading as downhill_of
from optima.search.downhill import downhill
from optima.structures.recognition import recognise
from optima.training.polish import polish

DEPTHS = range(1, 6)
# Standard decay acts on the body too, whose layers multiply: a weaker one keeps the logits as large.
REG = {"UFM-style": real_predictions.REG, "standard": 2**-10}
# Stands for a decay of the features where none can be read off.
LEAST = 1e-12
# Share of the largest singular value of mean logits below which the others do not count in ranks.
TOLERANCE = 0.1
# Numbers of a relu network up to which Newton's method follows the descent: its time grows with the cube.
NEWTON = 500


@dataclass(frozen=True)
class Setup:
    """Data, body and decay; steps of training and how many seeds."""

    data: str
    body: str
    decay: str
    steps: int
    seeds: int = 10


SETUPS = (
    Setup("digits", "MLP", "UFM-style", 1000),
    Setup("digits", "ResNet", "UFM-style", 700),
    Setup("mnist1d", "MLP", "UFM-style", 1000),
    Setup("mnist1d", "ResNet", "UFM-style", 700),
    # Without a pull on the features training takes longer.
    Setup("digits", "MLP", "standard", 2500),
    Setup("digits", "ResNet", "standard", 700),
    Setup("mnist1d", "MLP", "standard", 2500),
    Setup("mnist1d", "ResNet", "standard", 700),
)


def of(setup: Setup, row: dict[str, Any]) -> bool:
    """Whether a row is of a setup."""
    return (row["data"], row["body"], row["decay"]) == (setup.data, setup.body, setup.decay)


Rows = tuple[list[dict[str, Any]], ...]


def group(setup: Setup, head: str, depth: int, seeds: Sequence[int]) -> Rows:
    """Networks that differ in their seeds, trained side by side: their rows, those of their layers, and mean logits."""
    models = [network(setup.data, setup.body, head, depth, seed) for seed in seeds]
    train(models, setup.data, REG[setup.decay], setup.decay == "UFM-style", setup.steps)
    runs: Rows = ([], [], [])
    for seed, model in zip(seeds, models, strict=True):
        for rows, own in zip(runs, measured(setup, head, depth, seed, model), strict=True):
            rows += own
        row = runs[0][-1]
        print({name: f"{value:.4g}" if isinstance(value, float) else value for name, value in row.items()}, flush=True)
    return runs


def measured(setup: Setup, head: str, depth: int, seed: int, model: Any) -> Rows:
    """The row of a trained network, those of its layers, and of the first seed mean logits found and predicted."""
    reg = REG[setup.decay]
    decayed = [name for name, part in model.named_modules() if getattr(part, "weight", None) is not None]
    decayed = decayed if setup.decay == "standard" else [name for name in decayed if name.startswith("1.")]
    x, labels = samples(setup.data)
    found = optima.measure(model, (x, labels), reg=dict.fromkeys(decayed, reg))
    features = model[0](x).detach().double().numpy().T
    factors = [*(part.weight.detach().double().numpy() for part in model[1] if hasattr(part, "weight")), features]
    norms = [float(np.sum(factor**2)) for factor in factors]
    each = small_networks.SAMPLES
    # Of a head that fell to zero there is no balance to read off.
    seen = reg * norms[0] / norms[-1] if norms[-1] > 0 else 0.0
    regs = (reg,) * depth + (reg / each if setup.decay == "UFM-style" else max(seen, LEAST),)
    known = expected(head, regs)
    best = known.forecast.best
    own = {"data": setup.data, "body": setup.body, "decay": setup.decay, "head": head, "depth": depth, "seed": seed}
    M = found.mean_logits - found.mean_logits.mean(axis=0)
    name, loss, verdict = heading(known.forecast, factors, M)
    s = np.linalg.svd(M, compute_uv=False)
    predicted = padded(best.logits / np.sqrt(each))
    row = own | {
        "accuracy": found.accuracy,
        "nearest": found.recognition.nearest[0].name,
        "distance": found.recognition.nearest[0].distance,
        "rank": rank(M),
        "predicted": best.structure,
        "predicted_rank": rank(known.means - known.means.mean(axis=0)),
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
    layers = [layer_row(own, each, depth, known.forecast, model) for each in found.layers]
    return [row], layers, [] if seed else [*logit_rows(own, "found", M), *logit_rows(own, "predicted", known.means)]


def rank(means: np.ndarray) -> int:
    """How many singular values are more than a tenth of the largest."""
    s = np.linalg.svd(means, compute_uv=False)
    return int(np.sum(s > TOLERANCE * s.max(initial=0.0)))


def logit_rows(own: dict[str, Any], which: str, means: np.ndarray) -> list[dict[str, Any]]:
    """Mean logits, a row for each class of the samples, centred."""
    columns = (means - means.mean(axis=0)).T
    return [
        own | {"which": which, "class": c} | {f"z_{k}": float(value) for k, value in enumerate(column)}
        for c, column in enumerate(columns)
    ]


def heading(known: Any, factors: Sequence[Any], means: Any) -> tuple[str, float, str]:
    """Structure, loss and verdict of the critical point that lies downhill with free features."""
    problem = known.problem
    if problem.nonlinear:
        near = downhill_of(ClassNetwork.of_samples(problem, factors))
        if sum(factor.size for factor in near.factors) <= NEWTON:
            end = polish(problem, near.repeated(problem.width))
            return end.structure, end.loss, end.verdict
        return name_of(near), near.loss, "unverified"
    if problem.depth == 1:
        # Convex in the logits: there is one minimum.
        return known.best.structure, known.best.loss, "minimum"
    logits, verdict = downhill(problem, means)
    reduction = Reduction(problem)
    return recognise(logits, rank=reduction.rank(logits)).label, reduction.value(logits), verdict


def layer_row(own: dict[str, Any], layer: Any, depth: int, known: Any, model: Any) -> dict[str, Any]:
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
    row["forecast_distance"] = None if number is None else known.distance(number, weights)
    forecasts = [None] * CLASSES if number is None else padded(known.best.factors[number - 1])
    row |= {f"s_{i}": value for i, value in enumerate(layer.weight_singular_values[:CLASSES], 1)}
    return row | {f"forecast_{i}": value for i, value in enumerate(forecasts, 1)}


def padded(values: np.ndarray) -> np.ndarray:
    """With zeros to K values."""
    return np.concatenate([values, np.zeros(CLASSES)])[:CLASSES]
