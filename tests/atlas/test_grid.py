"""Grids of problems, and the class sizes that an imbalance ratio makes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optima import DeepUFM
from optima.atlas.cells import IMBALANCES, grid, imbalanced


def test_the_long_tailed_sizes_of_the_literature():
    # The long-tailed CIFAR-10 of ratio 100, whose sizes are cut off where ours are rounded.
    published = [5000, 2997, 1796, 1077, 645, 387, 232, 139, 83, 50]
    assert np.abs(np.subtract(imbalanced(10, 5000, 100), published)).max() <= 1


def test_step_imbalance_by_hand():
    assert imbalanced(4, 20, 5, "step") == (20, 20, 4, 4)
    assert imbalanced(5, 20, 5, "step") == (20, 20, 4, 4, 4)


@given(st.integers(2, 30), st.integers(1, 500), st.floats(0, 1), st.sampled_from(IMBALANCES))
def test_sizes_fall_from_the_largest_to_the_smallest(classes, samples, part, kind):
    ratio = max(1.0, min(samples**part, samples))
    sizes = imbalanced(classes, samples, ratio, kind)
    sizes = sizes if isinstance(sizes, tuple) else (sizes,) * classes
    assert len(sizes) == classes
    assert list(sizes) == sorted(sizes, reverse=True)
    assert sizes[0] == samples
    assert sizes[-1] == max(1, round(samples / ratio))


def test_a_ratio_of_one_is_balanced():
    assert imbalanced(7, 20, 1) == imbalanced(7, 20, 1, "step") == 20


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((4, 5, 10), "the largest class has 5 samples; pass a ratio from 1 to 5"),
        ((4, 5, 0.5), "pass a ratio from 1 to 5"),
        ((4, 5, 2, "steep"), "kind is 'steep'; pass one of 'long-tailed', 'step'"),
    ],
)
def test_bad_ratios(arguments, message):
    with pytest.raises(ValueError, match=message):
        imbalanced(*arguments)


def test_every_combination_once():
    problems = grid([3, 4], [2], [1e-3, 1e-2], [10], [None], ["ce", "mse"], [1, 5])
    assert len(problems) == len(set(problems)) == 2 * 2 * 2 * 2
    assert DeepUFM(4, 2, 1e-3, (10, 6, 3, 2), loss="mse") in problems
    assert len(grid([3], [1], [0.1], [2, 2, (2, 2, 2)])) == 1


def test_class_sizes_belong_to_one_number_of_classes():
    assert grid([3], [2], [1e-3], [(5, 2, 1)]) == [DeepUFM(3, 2, 1e-3, (5, 2, 1))]
    with pytest.raises(ValueError, match="3 class sizes but there are 4 classes"):
        grid([4], [2], [1e-3], [(5, 2, 1)])
    with pytest.raises(ValueError, match="pass one of the two"):
        grid([3], [2], [1e-3], [(5, 2, 1)], imbalances=[10])
