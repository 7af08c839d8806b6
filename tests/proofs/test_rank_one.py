"""Logits of rank one: bounds below every one of them, close to the best known, and found out when they are altered."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from optima import DeepUFM, Reduction, certify
from optima.checker.arithmetic import Floats
from optima.checker.rank_one import rank_one
from optima.proofs.arithmetic import proving
from optima.proofs.budget import Budget
from optima.proofs.prove import prove
from optima.proofs.rank_one import RankOneSearch, _balance
from optima.search.ladder import search as solve

THREE = DeepUFM(3, 3, 1e-3, width=1)
CASES = [
    THREE,
    DeepUFM(3, 2, 1e-1, width=1, samples=4),
    DeepUFM(3, 1, 1e-2, width=1),
    DeepUFM(3, 10, 1e-5, width=1),
    DeepUFM(3, 3, (1e-2, 1e-3, 1e-4, 1e-3), width=1, samples=(1, 2, 5)),
    DeepUFM(3, 2, 0.3, width=1),
    DeepUFM(4, 3, 1e-3, width=1),
    DeepUFM(4, 2, 1e-2, width=1, samples=(1, 2, 2, 9)),
]


@pytest.fixture(autouse=True)
def arithmetic():
    """That of proofs: what overflows bounds nothing."""
    with proving():
        yield


@cache
def best(problem):
    return solve(problem, effort="quick").means


@cache
def proof(problem, gap=1e-4):
    return prove(problem, best(problem), gap)


@cache
def searched(problem, gap=1e-4):
    """A proof by rank one also where another is enough."""
    upper = Reduction(problem).value(best(problem))
    found = RankOneSearch(problem, upper * (1 - gap), upper, 1.0)
    found.run(60_000)
    return found


@pytest.mark.parametrize("problem", CASES, ids=str)
def test_no_logits_of_rank_one_are_below_the_bound_and_the_best_known_are_close(problem):
    certificate, reduction, K = proof(problem), Reduction(problem), problem.classes
    assert certificate.gap <= 1e-4
    assert certificate.verify()
    rng = np.random.default_rng(K)
    left, s, right = np.linalg.svd(best(problem))
    for _ in range(200):
        a, y = rng.standard_normal((2, K)) * rng.exponential(4.0)
        assert reduction.value(np.outer(a, y)) >= certificate.lower
        a, y = left[:, 0] * s[0] + 0.1 * rng.standard_normal(K), right[0] + 0.03 * rng.standard_normal(K)
        assert reduction.value(np.outer(a, y)) >= certificate.lower


@pytest.mark.parametrize("problem", [CASES[0], CASES[5], CASES[7]], ids=str)
def test_the_checker_finds_what_the_search_claims(problem):
    found = searched(problem)
    assert found.done
    assert rank_one(problem, found.arrays(), Floats()) == pytest.approx(found.target, rel=2e-4)
    assert rank_one(problem, found.arrays(), Floats()) >= found.target * (1 - 1e-12)


def test_a_coefficient_at_random_points_of_random_boxes_is_below_the_loss():
    """Every box of an unfinished search bounds the loss of the logits in it."""
    problem = CASES[7]
    reduction = Reduction(problem)
    found = RankOneSearch(problem, reduction.value(best(problem)), reduction.value(best(problem)), 10.0)
    found.run(300)
    rng, boxes = np.random.default_rng(0), found.open
    order = [np.argsort(row) for row in [problem.class_sizes]]
    for _ in range(400):
        box = int(rng.integers(boxes.node.size))
        a = rng.dirichlet(np.ones(3)) @ boxes.rays[box]
        r = rng.uniform(boxes.low[box], boxes.high[box])
        y = rng.standard_normal(4)
        sizes = boxes.sizes[box]
        y *= r / np.sqrt(np.var(a) * 4 * np.sum(sizes * y**2))
        places = np.empty(4, dtype=int)
        places[np.argsort(sizes, kind="stable")] = order[0]
        means = np.empty((4, 4))
        means[np.ix_(places, places)] = np.outer(a, y)
        assert reduction.value(means) >= boxes.bound[box] * (1 - 1e-9)


def test_balance_solves_its_equation():
    rng = np.random.default_rng(1)
    a = np.sort(rng.uniform(0, 1, (50, 1, 4)), axis=2)
    a[:, :, 0], a[:, :, -1] = 0.0, 1.0
    gaps = a[:, :, None, :] - a[:, :, :, None]
    spring = 10.0 ** rng.uniform(-12, 2, (50, 1, 1))
    y = _balance(gaps, spring, np.zeros((50, 1, 4)))
    z = gaps * y[..., None]
    q = np.exp(z - z.max(axis=3, keepdims=True))
    mean = np.sum(q * gaps, axis=3) / np.sum(q, axis=3)
    assert np.abs(mean + spring * y).max() < 1e-12


def test_the_same_arguments_give_the_same_certificate_and_few_boxes_a_valid_one():
    first, second = (prove(THREE, best(THREE), 1e-6) for _ in range(2))
    assert all(np.array_equal(first.data[name], second.data[name]) for name in first.data)
    few = prove(THREE, best(THREE), 1e-6, Budget(40))
    assert few.verify()
    assert few.gap > 1e-6
    assert "40" in few.ended or "stopped" in few.ended


def test_wide_models_are_not_bounded_by_rank_one():
    wide = replace(THREE, width=2)
    certificate = replace(proof(THREE), problem=wide)
    assert "width 1" in certificate.verify().reason
    assert prove(wide, best(wide), 1e-3).method != "rank one"


def test_a_pull_that_costs_half_would_be_found_out(monkeypatch):
    """Negative control: with the wrong price the bound goes above the best known."""
    right = RankOneSearch._norms
    monkeypatch.setattr(RankOneSearch, "_norms", lambda self, boxes: 0.5 * right(self, boxes))
    upper = Reduction(THREE).value(best(THREE))
    wrong = RankOneSearch(THREE, 1.01 * upper, upper, 100.0)
    wrong.run(20_000)
    assert wrong.done
    assert rank_one(THREE, wrong.arrays(), Floats()) < upper


def changed(certificate, **data):
    return replace(certificate, data={**certificate.data, **data})


class TestRefusals:
    def test_a_higher_bound(self):
        certificate = proof(THREE)
        answer = replace(certificate, lower=certificate.verify().lower * (1 + 1e-9)).verify()
        assert "is proved" in answer.reason

    @pytest.mark.parametrize("factor", [0.9, 1.1, -1.0, 0.0, float("nan")])
    def test_other_multipliers(self, factor):
        assert not changed(proof(THREE), y=factor * proof(THREE).data["y"]).verify()

    def test_other_families(self):
        family = proof(THREE).data["family"]
        assert not changed(proof(THREE), family=np.zeros_like(family)).verify()
        assert "of no ray" in changed(proof(THREE), family=np.full_like(family, 2)).verify().reason

    def test_another_tree(self):
        data = proof(THREE).data
        inner = int(np.flatnonzero(data["axis"] >= 0)[-1])
        axis = data["axis"].copy()
        axis[inner] = -1
        assert "binary tree" in changed(proof(THREE), axis=axis).verify().reason
        axis[inner] = 7
        assert "does not exist" in changed(proof(THREE), axis=axis).verify().reason
        child = data["child"].copy()
        child[inner] = 0
        assert not changed(proof(THREE), child=child).verify()
        assert "outside" in changed(proof(THREE), where=1e9 + data["where"]).verify().reason
        assert "another shape" in changed(proof(THREE), y=data["y"][1:]).verify().reason

    def test_a_smaller_range_of_scales(self):
        data = proof(THREE).data
        assert not changed(proof(THREE), top=0.99 * data["top"]).verify()
        assert "positive" in changed(proof(THREE), top=np.array(np.inf)).verify().reason

    def test_orders_left_out(self):
        certificate = proof(CASES[7])
        orders = certificate.data["orders"]
        assert not changed(certificate, orders=orders[:-1]).verify()
        assert "missing" in changed(certificate, orders=np.repeat(orders[:1], len(orders), axis=0)).verify().reason

    def test_another_problem_data_missing_and_balls(self):
        less = replace(THREE, reg=0.9e-3)
        answer = replace(proof(THREE), problem=less, upper=Reduction(less).value(best(THREE))).verify()
        assert "is proved" in answer.reason
        for name in ("axis", "y", "top"):
            data = {key: value for key, value in proof(THREE).data.items() if key != name}
            assert f"lack {name}" in replace(proof(THREE), data=data).verify().reason
        assert "floats only" in proof(THREE).verify(intervals=True).reason


def test_certify_closes_four_classes_at_width_one():
    certificate = certify(DeepUFM(4, 5, 1e-4, width=1), gap=1e-6).certificate
    assert certificate.method == "rank one"
    assert certificate.gap <= 1e-6
    assert certificate.verify()
