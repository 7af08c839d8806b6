"""The lowest of several minima along lambda, at real depth: what lies between the integer rows of a diagram."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from optima.model import Array
from optima.phases.ties import BETWEEN, SAME, Curve, at_depth, change

# Width in log lambda below which a change that cannot be solved is put in the middle.
NARROW = 1e-3

# Ends in log lambda, the number of the lowest branch between them, and how the lower end is known ("" at the first).
Run = tuple[float, float, int, str]
# Where in log lambda the lowest branch changes, from which to which, and how the place is known.
Change = tuple[float, int, int, str]


def envelope(branches: Sequence[Curve], depth: float, logs: Array) -> list[Run]:
    r"""The lowest branch at each lambda between the first and the last of ``logs`` (ascending).

    .. math:: \arg\min_b V_b(L, \lambda)

    Changes are looked for between neighbours among ``logs`` and solved; a third branch that is lower at a crossing
    splits it. Of branches with the same loss the first wins. A branch that is lowest only strictly between two
    neighbours with the same winner is not seen.
    """
    losses = np.array([branch.losses(depth, logs) for branch in branches])
    winner = [_lowest(column) for column in losses.T]
    changes: list[Change] = []
    for i in range(len(logs) - 1):
        changes += _changes(branches, depth, float(logs[i]), float(logs[i + 1]), winner[i], winner[i + 1])
    # A bifurcation may lie a little before the neighbours between which it was seen.
    inner = np.maximum.accumulate([float(logs[0]), *(at for at, *_ in changes)]).tolist()
    ends = [*inner, float(logs[-1])]
    began = [(winner[0], ""), *((second, known_by) for _, _, second, known_by in changes)]
    return [(low, high, *how) for (low, high), how in zip(pairwise(ends), began, strict=True)]


def _changes(branches: Sequence[Curve], depth: float, low: float, high: float, first: int, second: int) -> list[Change]:
    """Where the lowest branch changes, and from which to which, given the lowest at both ends."""
    if first == second:
        return []
    solved, known_by = change(branches[first], branches[second], low, high, at_depth(depth))
    at, known_by = ((low + high) / 2, BETWEEN) if solved is None else (solved, known_by)
    losses = np.array([branch.loss(depth, at) for branch in branches])
    middle = _lowest(losses)
    lower = losses[middle] < min(losses[first], losses[second]) * (1 - SAME)
    if high - low < NARROW or (solved is not None and not lower):
        return [(at, first, second, known_by)]
    left = _changes(branches, depth, low, at, first, middle)
    return left + _changes(branches, depth, at, high, middle, second)


def _lowest(losses: Array) -> int:
    """The first of the branches that have the least loss up to ``SAME``."""
    return int(np.argmax(losses <= losses.min() * (1 + SAME)))
