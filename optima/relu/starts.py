"""Where descents begin: random networks of several kinds, and networks given by their pre-activations."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from optima.model import Array
from optima.reduction import center, halves
from optima.relu.equivariant import equivariant_chain
from optima.relu.objective import Objective

# Relative size of singular values below which features count as dependent, so that no weights become huge.
DEPENDENT = 1e-2
# How often a network with a symmetry is drawn anew while its last features are poor.
DRAWS = 10
# Relative size of the noise on starts whose features are drawn.
NOISE = 0.05


def random_starts(objective: Objective, count: int, rng: np.random.Generator) -> Array:
    """Points (count, D): gaussian, and through sparse, 0/1 or skewed features, by turns."""
    return np.array([_random(objective, i % 4, rng) for i in range(count)])


def narrow_starts(objective: Objective, count: int, rng: np.random.Generator) -> Array:
    """Points (count, D) with few neurons in the first hidden layers, which copy, and random weights behind these.

    Where networks are deep the best ones are of that kind, and descents from wide starts seldom end in them.
    """
    return np.array([_balanced(objective, _parts_of_chain(objective, _narrow(objective, rng))) for _ in range(count)])


def _narrow(objective: Objective, rng: np.random.Generator) -> list[Array]:
    room, K = objective.widths[1:], objective.problem.classes
    neurons = np.arange(2, max(K, 3))
    few = min(int(rng.choice(neurons, p=1 / neurons / np.sum(1 / neurons))), *room)
    kind = int(rng.integers(1, 4)) if rng.random() < 0.5 else 0
    features = _features(kind, few, K, rng)
    alike = len(room) - int(rng.integers(1, min(3, len(room))))
    chain = [features] * alike
    for width in room[alike:]:
        chain.append(rng.standard_normal((width, len(features))) @ features)
        features = np.maximum(chain[-1], 0.0)
    return [_filled(layer, width) for layer, width in zip(chain, room, strict=True)]


def symmetric_starts(objective: Objective, count: int, rng: np.random.Generator) -> Array:
    """Points (count, D), each with a random symmetry, which descents keep."""
    return np.array([chain_start(objective, _symmetric(objective, rng)) for _ in range(count)])


def _symmetric(objective: Objective, rng: np.random.Generator) -> list[Array]:
    room, K = objective.widths[1:], objective.problem.classes
    for _ in range(DRAWS):
        chain = equivariant_chain(room, K, rng)
        # Measured: of those with fewer dimensions in the last features no descent comes near the best minima.
        if 2 * np.linalg.matrix_rank(np.maximum(chain[-1], 0.0)) > min(K, *room):
            break
    return chain


def _random(objective: Objective, kind: int, rng: np.random.Generator) -> Array:
    if kind == 0:
        return _balanced(objective, [rng.standard_normal(shape) for shape in objective.shapes])
    chain = [_features(kind, width, objective.problem.classes, rng) for width in objective.widths[1:]]
    # Middle layers mostly copy: a number of layers begin alike.
    if rng.random() < 0.6 and chain:
        alike = int(rng.integers(1, len(chain) + 1))
        chain[:alike] = [chain[0]] * alike
    return _balanced(objective, _noisy(_parts_of_chain(objective, chain), rng))


def _features(kind: int, width: int, classes: int, rng: np.random.Generator) -> Array:
    if kind == 0:
        return np.abs(rng.standard_normal((width, classes)))
    if kind == 1:
        return np.maximum(rng.standard_normal((width, classes)), 0.0)
    if kind == 2:
        return (rng.random((width, classes)) < rng.choice([0.2, 0.35, 0.5])).astype(float)
    return rng.standard_normal((width, classes)) ** 2


def chain_start(objective: Objective, chain: Sequence[Array]) -> Array:
    """The point whose pre-activations are multiples of M_2, ..., M_L (d_l, K); neurons that are left over are dead."""
    wide = [_filled(layer, width) for layer, width in zip(chain, objective.widths[1:], strict=True)]
    return _balanced(objective, _parts_of_chain(objective, wide, dependent=1e-9))


def _filled(layer: Array, width: int) -> Array:
    """The layer with dead neurons up to a width."""
    return np.pad(layer, ((0, width - len(layer)), (0, 0)))


def _parts_of_chain(objective: Objective, chain: Sequence[Array], dependent: float = DEPENDENT) -> list[Array]:
    """H, W_1, ... of least norm through the given layers; the logits of cross-entropy are those of collapse."""
    root = np.sqrt(objective.problem.class_sizes)
    weight, features = halves(chain[0] * root)
    rank = min(len(features), objective.widths[0])
    parts = [np.zeros(shape) for shape in objective.shapes]
    parts[0][:rank], parts[1][:, :rank] = features[:rank], weight[:, :rank]
    ends = [*chain[1:], center(np.eye(objective.problem.classes))] if objective.problem.loss == "ce" else chain[1:]
    for index, (before, after) in enumerate(zip(chain, ends, strict=False)):
        parts[2 + index] = after @ np.linalg.pinv(np.maximum(before, 0.0), rcond=dependent)
    return parts


def _noisy(parts: list[Array], rng: np.random.Generator) -> list[Array]:
    return [part + NOISE * np.sqrt(np.mean(part**2)) * rng.standard_normal(part.shape) for part in parts]


def _balanced(objective: Objective, parts: list[Array]) -> Array:
    """The point of the same network with factors of equal norm, up to a scale; factors of zeros are left."""
    norms = [float(np.linalg.norm(part)) or 1.0 for part in parts]
    return np.asarray(objective.joined([part / norm for part, norm in zip(parts, norms, strict=True)]))
