"""Block sums as starts: each promise of the docstring against the matrices."""

import numpy as np
import pytest

from optima import DeepUFM, catalogue
from optima.reduction import balanced_factors
from optima.search.descent import descend
from optima.search.rung_objective import RungObjective
from optima.search.starts import centred, scaled
from optima.structures.block_sums import EACH_RANK, MOST, block_sums

SIZES = [
    (3, 1),
    (100, 100, 10, 10),
    (1,) * 5 + (10,) * 5,
    (1, 2, 3, 5, 8, 13, 21, 34),
    (7,) * 9,
    (4, 1, 4, 9, 1, 4, 9, 9, 2, 4, 4, 4),
    tuple(range(1, 31)),
    tuple(np.repeat(np.arange(1, 21), 2).tolist()),
]
every = pytest.mark.parametrize("sizes", SIZES, ids=str)


def margins(means):
    """M_cc - M_ic, shape (K, K - 1): one row for each class."""
    K = len(means)
    return (np.diagonal(means) - means).T[~np.eye(K, dtype=bool)].reshape(K, K - 1)


@every
def test_names_are_unique_and_there_are_not_too_many(sizes):
    names = [name for name, _ in block_sums(sizes)]
    assert len(set(names)) == len(names) <= MOST
    assert "simplex" in names
    assert "pairs" in names


@every
def test_every_class_has_the_least_margin_one_or_is_zero(sizes):
    for name, means in block_sums(sizes):
        assert means.shape == (len(sizes), len(sizes))
        least = margins(means).min(axis=1)
        zero = ~means.any(axis=0)
        assert not zero.all(), name
        assert np.abs(least[zero]).max(initial=0.0) < 1e-12, name
        assert least[~zero].min() == pytest.approx(1, rel=1e-9), name


@every
def test_columns_are_centred_but_the_last_of_odd_pairs_as_published(sizes):
    for name, means in block_sums(sizes):
        if name.split(",")[0] != "pairs" or len(sizes) % 2 == 0:
            np.testing.assert_allclose(means.sum(axis=0), 0, atol=1e-9 * np.abs(means).max(), err_msg=name)


@every
def test_only_the_smallest_classes_are_zero(sizes):
    for name, means in block_sums(sizes):
        zero = ~means.any(axis=0)
        if zero.any():
            assert max(np.array(sizes)[zero]) <= min(np.array(sizes)[~zero]), name


@every
def test_sums_come_by_rank_and_not_too_many_of_one(sizes):
    known = {structure.name for structure in catalogue(len(sizes))}
    sums = [means for name, means in block_sums(sizes) if name.split(",")[0] not in known]
    ranks = [np.linalg.matrix_rank(means, tol=1e-9 * np.abs(means).max()) for means in sums]
    assert ranks == sorted(ranks)
    assert np.unique(ranks, return_counts=True)[1].max(initial=0) <= EACH_RANK


@every
def test_the_order_in_which_classes_are_given_does_not_matter(sizes):
    order = np.random.default_rng(0).permutation(len(sizes))
    permuted = block_sums(tuple(np.array(sizes)[order].tolist()))
    for (name, means), (other, moved) in zip(block_sums(sizes), permuted, strict=True):
        assert name == other
        np.testing.assert_array_equal(spectrum(means), spectrum(moved))


def spectrum(means):
    return np.round(np.linalg.svd(means, compute_uv=False), 6) + 0.0


def test_blocks_are_on_classes_of_one_size_and_orthogonal():
    sizes = (1, 10, 1, 10, 1, 10, 1, 10, 1, 10)
    shapes = dict(block_sums(sizes))
    means = shapes["polygon(5)+polygon(5)"]
    large = np.array(sizes) == 10
    assert not means[np.ix_(large, ~large)].any()
    assert not means[np.ix_(~large, large)].any()
    assert np.linalg.matrix_rank(means) == 4
    for name in ("simplex(5)+pairs-free(5)", "pairs-free(5)+simplex(5)", "polygon(5)+simplex(5)", "simplex(5)+zero(5)"):
        assert name in shapes


def test_classes_of_one_size_are_cut_in_two():
    names = [name for name, _ in block_sums((3,) * 9)]
    assert {"polygon(5)+pairs(2)", "polygon(5)+polygon(4)", "simplex(5)+simplex(4)"} & set(names)
    assert not any("zero" in name for name in names)


def test_two_pentagons_of_unequal_scales_descend_below_where_the_search_ended():
    sizes = (1,) * 5 + (10,) * 5
    objective = RungObjective.of(DeepUFM(10, 2, 1e-2, samples=sizes))
    means = dict(block_sums(sizes))["polygon(5)+polygon(5)"]
    start = scaled(objective, centred(objective, balanced_factors([means / objective.column], 4)))
    assert descend(objective, start, 1000).loss[0] == pytest.approx(0.5807489951, abs=2e-10)


def test_many_classes_get_few_shapes_and_too_many_none():
    assert 0 < len(block_sums(tuple(range(1, 1001)))) <= 30
    assert block_sums((1,) * 6000) == []


@pytest.mark.parametrize("sizes", [(), (3,), (1, 0), (1, -2), (1.5, 2), ((1, 2), (3, 4)), ("a", "b")])
def test_other_sizes_are_refused(sizes):
    with pytest.raises(ValueError, match=r"^class_sizes [^\n]+; pass positive integers$"):
        block_sums(sizes)
