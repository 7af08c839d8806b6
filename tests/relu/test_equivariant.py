"""Random networks with a symmetry."""

import numpy as np
import pytest

from optima import DeepUFM
from optima.relu.descent import WIDTHS, descend, rescaled
from optima.relu.equivariant import Group, equivariant_chain
from optima.relu.objective import Objective
from optima.relu.search import widths
from optima.relu.starts import symmetric_starts


def test_a_group_acts():
    rng = np.random.default_rng(0)
    for _ in range(50):
        group = Group.random(6, rng)
        for kind in range(3):
            for permutation in group.action(kind):
                np.testing.assert_array_equal(np.sort(permutation), np.arange(len(permutation)))
        classes = group.drawn(9, True, rng)
        assert all(len(permutation) == 9 for permutation in classes)


def test_small_groups_are_the_more_frequent():
    rng = np.random.default_rng(0)
    points = np.array([Group.random(8, rng).points for _ in range(2000)])
    counts = [np.sum(points == m) for m in range(2, 9)]
    assert counts[0] > 2 * counts[4] > 0
    assert points.max() == 8


@pytest.mark.parametrize("depth", [2, 3, 5])
def test_layers_fit_the_widths(depth):
    rng = np.random.default_rng(1)
    room = (7,) * (depth - 1)
    for _ in range(40):
        chain = equivariant_chain(room, 5, rng)
        assert len(chain) == depth - 1
        assert all(1 <= len(M) <= 7 and M.shape[1] == 5 and np.isfinite(M).all() for M in chain)


def alike(gram):
    """Pairs of classes whose exchange leaves a Gram matrix as it is."""
    K = len(gram)
    swapped = lambda a, b: [b if i == a else a if i == b else i for i in range(K)]
    return {
        (a, b)
        for a in range(K)
        for b in range(a)
        if np.allclose(gram[np.ix_(swapped(a, b), swapped(a, b))], gram, atol=1e-6 * np.abs(gram).max())
    }


def test_descents_keep_the_symmetry():
    problem = DeepUFM(4, 3, 1e-3, loss="mse", activation="relu")
    objective = Objective(problem, widths(problem))
    starts = rescaled(objective, symmetric_starts(objective, 24, np.random.default_rng(2)))
    ends = descend(objective, starts, WIDTHS[:1], steps=10)
    kept = []
    for start, end in zip(starts, ends, strict=True):
        before, after = (np.maximum(objective.layers(x)[-1], 0.0) for x in (start, end))
        pairs = alike(before.T @ before)
        if pairs:
            kept.append(pairs <= alike(after.T @ after))
    # Rounding grows along directions that break a symmetry.
    assert len(kept) > 5
    assert np.mean(kept) > 0.7
