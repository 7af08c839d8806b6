"""Moves from minima to starts nearby: the hops of a search."""

from __future__ import annotations

import numpy as np

from optima.model import Array
from optima.relu.objective import Objective


def hops(objective: Objective, pool: Array, count: int, rng: np.random.Generator) -> Array:
    """Points (count, D), each a random move away from one of the pool (P, D)."""
    moves = (_shake, _shake, _redraw_neuron, _move_class, _shake_layer, _cross)
    made = []
    for _ in range(count):
        parts = [part.copy() for part in objective.split(pool[rng.integers(len(pool))])]
        other = objective.split(pool[rng.integers(len(pool))])
        moves[rng.integers(len(moves))](parts, other, rng)
        made.append(objective.joined(parts))
    return np.array(made)


def _shake(parts: list[Array], _: list[Array], rng: np.random.Generator) -> None:
    """All factors by 3 to 30 %."""
    size = 10 ** rng.uniform(-1.5, -0.5)
    for part in parts:
        part += size * _typical(part) * rng.standard_normal(part.shape)


def _shake_layer(parts: list[Array], _: list[Array], rng: np.random.Generator) -> None:
    """One factor by 10 to 100 %."""
    part = parts[rng.integers(len(parts))]
    part += 10 ** rng.uniform(-1, 0) * _typical(part) * rng.standard_normal(part.shape)


def _redraw_neuron(parts: list[Array], _: list[Array], rng: np.random.Generator) -> None:
    """The weights into and out of one neuron."""
    layer = int(rng.integers(1, len(parts)))
    neuron = int(rng.integers(len(parts[layer])))
    parts[layer][neuron] = _typical(parts[layer]) * rng.standard_normal(parts[layer].shape[1])
    if layer + 1 < len(parts):
        after = parts[layer + 1]
        after[:, neuron] = _typical(after) * rng.standard_normal(len(after))


def _move_class(parts: list[Array], _: list[Array], rng: np.random.Generator) -> None:
    """The features of one class to a random combination of all."""
    features = parts[0]
    features[:, rng.integers(features.shape[1])] = features @ rng.standard_normal(features.shape[1]) / 2


def _cross(parts: list[Array], other: list[Array], rng: np.random.Generator) -> None:
    """The first layers of one network before the last ones of another."""
    for index in range(int(rng.integers(1, len(parts)))):
        parts[index][:] = other[index]


def _typical(part: Array) -> float:
    return float(np.sqrt(np.mean(part**2)))
