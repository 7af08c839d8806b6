"""The search from minimum to minimum: exchanges of classes, kicks, and what they find where classes differ in size."""

import math
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binomtest

import optima
from optima.search import moves
from optima.search.chance import LARGEST, TABLE, chance, place, upper_limit
from optima.search.descent import descend
from optima.search.hop import Hopper
from optima.search.rung_objective import RungObjective
from optima.search.starts import random_codes
from optima.structures.block_sums import block_sums

SIZES = (1, 2, 3, 5, 8, 13, 21, 34)


@pytest.fixture
def objective():
    return RungObjective.of(optima.DeepUFM(8, 5, 1e-3, SIZES))


@pytest.fixture
def code(objective):
    return random_codes(objective, 3, 1, np.random.default_rng(0))[0]


def means(objective, factors):
    return factors[0] @ factors[1].T * objective.column


def test_permuted_codes_have_permuted_class_mean_logits(objective, code):
    rng = np.random.default_rng(1)
    permutations = np.stack([rng.permutation(8) for _ in range(5)])
    for q, point in zip(permutations, moves.permuted(objective, code, permutations), strict=True):
        np.testing.assert_allclose(means(objective, point), means(objective, code)[np.ix_(q, q)], rtol=1e-13)


def test_exchanges_are_all_those_of_classes_that_differ_in_size(objective):
    rng = np.random.default_rng(0)
    assert len(moves.exchanges(objective, rng)) == 28
    steps = RungObjective.of(optima.DeepUFM(5, 2, 1e-3, (1, 1, 1, 4, 4)))
    exchanges = moves.exchanges(steps, rng)
    assert len(exchanges) == 6
    for permutation in exchanges:
        moved = np.flatnonzero(permutation != np.arange(5))
        assert moved.size == 2
        assert moved[0] < 3 <= moved[1]
    assert len(moves.exchanges(RungObjective.of(optima.DeepUFM(5, 2, 1e-3, 7)), rng)) == 0


def test_promising_exchanges_come_by_their_losses_and_symmetric_ones_once(objective, code):
    every = moves.exchanges(objective, np.random.default_rng(0))
    value = lambda permutations: objective.value_and_gradient(moves.permuted(objective, code, permutations))[0]
    chosen = value(moves.most_promising(objective, code, every, 5))
    np.testing.assert_allclose(chosen, np.sort(value(every))[:5], rtol=1e-12)
    steps = RungObjective.of(optima.DeepUFM(6, 2, 1e-3, (1, 1, 1, 4, 4, 4)))
    simplex = np.stack([np.eye(6) - 1 / 6, (np.eye(6) - 1 / 6) / steps.column[:, None]])
    assert len(moves.most_promising(steps, simplex, moves.exchanges(steps, np.random.default_rng(0)), 99)) == 1
    # A descent that left the range of floats has no exchange worth trying.
    with np.errstate(all="ignore"):
        assert len(moves.most_promising(objective, np.full_like(code, np.inf), every, 5)) == 0


def test_disjoint_exchanges_are_made_together(objective):
    every = np.tile(np.arange(8), (3, 1))
    every[0, [0, 1]], every[1, [1, 2]], every[2, [6, 3]] = [1, 0], [2, 1], [3, 6]
    np.testing.assert_array_equal(moves.disjoint(every), [1, 0, 2, 6, 4, 5, 3, 7])


def test_a_local_search_ends_where_no_exchange_is_better(objective):
    hopper = Hopper(objective, 2, np.random.default_rng(0))
    ends = descend(objective, random_codes(objective, 2, 16, np.random.default_rng(0)))
    worst = int(np.argmax(np.where(ends.dropped, -np.inf, ends.loss)))
    loss, factors = hopper.local(float(ends.loss[worst]), ends.factors[worst])
    assert loss < ends.loss[worst] * (1 - 1e-4)
    after = descend(objective, moves.permuted(objective, factors, hopper.exchanges))
    assert after.loss.min() >= loss * (1 - 1e-7)


def test_a_hopper_never_loses_the_minimum_it_began_from(objective):
    hopper = Hopper(objective, 2, np.random.default_rng(0))
    best = 0.0391509206919
    hopper.begin(best, random_codes(objective, 2, 1, np.random.default_rng(0))[0])
    hopper.hop(6, math.inf)
    assert hopper.loss <= best
    assert hopper.ends
    assert hopper.met == sum(end <= hopper.loss * (1 + 1e-7) for end in hopper.ends)


def test_a_hopper_that_wanders_keeps_the_best_end_it_met(objective):
    hopper = Hopper(objective, 2, np.random.default_rng(0))
    ends = descend(objective, random_codes(objective, 2, 4, np.random.default_rng(1)))
    hopper.begin(float(ends.loss[0]), ends.factors[0])
    hopper.wander(12, math.inf)
    met = [end for end in hopper.ends if math.isfinite(end)]
    assert hopper.loss == min(*met, float(ends.loss[0])) < ends.loss[0]
    assert objective.value_and_gradient(hopper.factors[None])[0][0] == pytest.approx(hopper.loss, rel=1e-12)


def test_a_hopper_that_wanders_goes_on_from_ends_that_are_little_worse(objective, code, monkeypatch):
    scripted, begun = iter([1.0005, 1.2, 0.9, 0.9, 0.9008, 0.9]), []

    def kick(self, order, loss, factors):
        begun.append(loss)
        return "gentle", next(scripted), code

    monkeypatch.setattr(Hopper, "kick", kick)
    monkeypatch.setattr(Hopper, "local", lambda self, loss, factors: (loss, factors))
    hopper = Hopper(objective, 3, np.random.default_rng(0))
    hopper.begin(1.0, code)
    hopper.wander(3, math.inf)
    assert begun == [1.0, 1.0005, 1.0005, 0.9, 0.9, 0.9008]
    # One that falls back to where it began is not the end of a search from elsewhere.
    assert hopper.ends == [1.0005, 1.2, 0.9, math.inf, 0.9008, 0.9]
    assert hopper.loss == 0.9


@pytest.mark.parametrize(("sizes", "confirmed", "calls"), [(SIZES, 0, 1), (SIZES, 3, 0), ((1,) * 8, 0, 0)])
def test_only_unequal_classes_wander_and_only_from_ends_that_few_random_codes_confirm(
    monkeypatch, code, sizes, confirmed, calls
):
    called = []
    monkeypatch.setattr(Hopper, "wander", lambda self, patience, most: called.append((patience, most)))
    hopper = Hopper(RungObjective.of(optima.DeepUFM(8, 5, 1e-3, sizes)), 3, np.random.default_rng(0))
    hopper.begin(1.0, code)
    hopper.independent = [0.5] * confirmed
    hopper.search(4, 0.0)
    assert len(called) == calls


# Each is below what most seeds found by random starts alone.
UNEQUAL = [
    (10, 2, 1e-2, (1,) * 5 + (10,) * 5, 0.5807489951244),
    (8, 5, 1e-3, SIZES, 0.0391509206919),
    (6, 4, 1e-3, (2, 3, 5, 7, 11, 13), None),
]


@pytest.mark.parametrize(("K", "L", "reg", "sizes", "known"), UNEQUAL)
def test_seeds_agree_where_classes_differ_in_size(K, L, reg, sizes, known):
    losses = [optima.solve(optima.DeepUFM(K, L, reg, sizes), seed).loss for seed in range(4)]
    assert max(losses) <= min(losses) * (1 + 1e-8)
    if known is not None:
        assert max(losses) <= known * (1 + 1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_seeds_agree_with_more_classes_that_differ_in_size(seed):
    rng = np.random.default_rng([12, seed])
    for most, tolerance in ((12, 1e-8), (20, 1e-5)):
        K = int(rng.integers(most - 3, most + 1))
        sizes = tuple(int(n) for n in rng.integers(1, 30, K))
        problem = optima.DeepUFM(K, int(rng.integers(2, 7)), float(10 ** rng.uniform(-4, -2.5)), sizes)
        losses = [optima.solve(problem, seed).loss for seed in range(3)]
        assert max(losses) <= min(losses) * (1 + tolerance)


# Kicks of the best end alone stopped 9e-4 above.
@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 3])
def test_a_search_that_wanders_leaves_a_wide_valley(seed):
    sizes = (6, 17, 3, 11, 117, 117, 15, 83, 13, 8, 23, 3, 6, 58, 84, 1, 67, 110, 12, 1, 50, 4, 40, 8, 39, 4)
    problem = optima.DeepUFM(26, 5, 1.6591065141179967e-05, sizes)
    assert optima.solve(problem, seed, ranks=[3]).loss <= 0.00182012978 * (1 + 1e-8)


# Kicks of a minimum that fall back to it are no evidence for it: these seeds stopped 1e-4 above the others.
@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 4, 7])
def test_only_searches_from_random_codes_confirm_a_minimum(seed):
    sizes = (11, 12, 15, 3, 15, 4, 11, 10, 17, 15, 4, 11, 1, 3, 9, 17, 5, 3, 19, 9)
    assert optima.solve(optima.DeepUFM(20, 6, 1.93e-4, sizes), seed).loss <= 0.01261412728 * (1 + 1e-8)


@pytest.mark.parametrize(
    ("problem", "known"),
    [
        (optima.DeepUFM(40, 2, 1e-3, width=4), 0.202117769044),
        (optima.DeepUFM(19, 4, 1e-12), 9.13352008019e-11),
        pytest.param(optima.DeepUFM(60, 3, 1e-3), 0.15232867309, marks=pytest.mark.slow),
    ],
)
def test_seeds_agree_where_random_starts_would_not(problem, known):
    for seed in range(2):
        assert optima.solve(problem, seed).loss <= known * (1 + 1e-9)


@pytest.mark.slow
@pytest.mark.parametrize(("K", "name"), [(72, "roots-E6"), (126, "roots-E7")])
def test_minimal_vectors_of_lattices_are_found(K, name):
    found = optima.solve(optima.DeepUFM(K, 3, 1e-3), effort="quick")
    assert found.structure.startswith(name)


def test_sums_of_structures_are_starts():
    problem = optima.DeepUFM(10, 2, 1e-2, (1,) * 5 + (10,) * 5)
    assert any(name == "polygon(5)+polygon(5)" for name, _ in block_sums(tuple(problem.class_sizes.tolist())))
    assert optima.solve(problem, 5, "quick").structure.startswith("polygon(5)+polygon(5)")


def test_a_sweep_of_unequal_classes_is_no_worse_than_single_searches():
    problems = [optima.DeepUFM(5, L, 1e-3, (1, 2, 4, 8, 16)) for L in (2, 3, 4)]
    for problem, found in zip(problems, optima.sweep(problems), strict=True):
        assert found.loss <= optima.solve(problem).loss * (1 + 1e-8)


def test_the_chance_is_the_upper_limit_of_what_was_measured():
    for runs, improved in ((40, 0), (100, 7), (25, 25)):
        interval = binomtest(improved, runs).proportion_ci(0.9, method="wilson")
        assert upper_limit(runs, improved) == pytest.approx(interval.high, rel=1e-9)
    assert [place(hits) for hits in (0, 1, 3, 4, 100)] == [0, 1, 1, 4, 8]


def test_no_chance_is_stated_where_nothing_was_measured():
    assert math.isnan(chance(optima.DeepUFM(LARGEST["equal"] + 1, 2, 1e-3), 8))
    assert math.isnan(chance(optima.DeepUFM(LARGEST["unequal"] + 1, 2, 1e-3, (1, *[2] * LARGEST["unequal"])), 8))
    far = optima.solve(optima.DeepUFM(49, 2, 1e-2), effort="quick", ranks=[2])
    assert "no estimate" in far.known_by
    assert all(math.isnan(rung.chance) for rung in far.ladder)


def test_the_table_of_chances_is_the_measured_one():
    file = Path(__file__).parents[1] / "benchmarks" / "chance.md"
    with file.open(encoding="utf-8") as lines:
        rows = [line.strip("| \n").split(" | ") for line in lines if line.startswith(("| equal", "| unequal"))]
    read = {(row[0], int(row[1].split()[0])): (int(row[2]), int(row[3])) for row in rows}
    assert read == TABLE
    assert read
