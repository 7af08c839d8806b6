"""The bound of linear models with classes of different sizes by Gibbs' inequality."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optima.checker.arithmetic import Floats
from optima.checker.class_shares import class_shares
from optima.model import DeepUFM
from optima.proofs.class_shares import unequal_bound
from optima.proofs.prove import instant_certificate
from optima.reduction import Reduction
from optima.scales.scale import best_scales
from optima.structures import named

CELLS = [
    DeepUFM(4, 2, 1e-2, (1, 2, 3, 5)),
    DeepUFM(8, 5, 1e-3, (1, 2, 3, 5, 8, 13, 21, 34)),
    DeepUFM(10, 3, (1e-4, 2e-4, 1e-3, 1e-5), (1,) * 5 + (10,) * 5),
    DeepUFM(26, 2, 1e-5, (300,) + (1,) * 25),
]


@given(
    sizes=st.lists(st.integers(1, 60), min_size=4, max_size=9),
    depth=st.integers(2, 7),
    power=st.floats(-6, -0.5),
    size=st.floats(-2, 2.5),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=40, deadline=None)
def test_no_logits_go_below(sizes, depth, power, size, seed):
    problem = DeepUFM(len(sizes), depth, 10**power, tuple(sizes))
    rng = np.random.default_rng(seed)
    K, rank = problem.classes, int(rng.integers(1, problem.classes))
    centred = 10**size * (np.eye(K) - 1 / K)
    code = rng.standard_normal((K, rank))
    for means in (centred, 10**size * code @ code.T / K, centred + 0.1 * rng.standard_normal((K, K))):
        claim = instant_certificate(problem, means)
        assert claim.lower <= Reduction(problem).value(means) * (1 + 1e-12)


@pytest.mark.parametrize("problem", CELLS, ids=repr)
def test_the_bound_is_above_zero_and_proved_again(problem):
    means = named("simplex", problem.classes).shape([10.0])
    claim = instant_certificate(problem, means)
    assert claim.method == "class shares"
    assert claim.lower > 0
    assert claim.verify().valid
    assert not replace(claim, lower=claim.lower * (1 + 1e-6)).verify().valid
    assert not replace(claim, data={"shares": claim.data["shares"] * 0.3}).verify().valid


def test_sizes_that_nearly_agree_are_bounded_as_one_size():
    problem = DeepUFM(6, 3, 1e-6, (10**6,) * 5 + (10**6 + 1,))
    equal = DeepUFM(6, 3, 1e-6, 10**6)
    means = named("simplex", 6).shape([float(best_scales(named("simplex", 6), 3, 1e-6, 10**6).scales[0])])
    ours, theirs = instant_certificate(problem, means), instant_certificate(equal, means)
    assert (ours.method, theirs.method) == ("class shares", "one direction")
    assert ours.lower == pytest.approx(theirs.lower, rel=1e-5)


@pytest.mark.parametrize("share", [5e-324, 1e-310, 1e-250, 1 - 1e-16, 1.0])
def test_shares_at_the_ends_of_floats_prove_nothing_false(share):
    problem = CELLS[0]
    means = named("simplex", 4).shape([7.0])
    claim = instant_certificate(problem, means)
    for shares in (np.full((3, 4), share), np.vstack([claim.data["shares"], np.full((1, 4), share)])):
        with np.errstate(all="ignore"):
            answer = replace(claim, lower=claim.upper, data={"shares": shares}).verify()
        assert not answer
        assert answer.lower <= claim.lower * (1 + 1e-9)


@pytest.mark.parametrize("reg", [1e-14, 1e-17, 1e-30, 1e-39])
def test_weak_regularisation_leaves_no_rounding_in_the_bound(reg):
    problem, simplex = DeepUFM(4, 2, reg, (1, 2, 3, 5)), named("simplex", 4)
    best = min(Reduction(problem).value(np.asarray(simplex.shape([x]), dtype=float)) for x in np.linspace(1, 150, 300))
    strong = instant_certificate(CELLS[0], simplex.shape([7.0])).data["shares"]
    for shares in (strong, unequal_bound(problem)[1], *np.geomspace(1e-18, 1e-15, 30)[:, None, None] * np.ones((1, 4))):
        assert class_shares(problem, {"shares": shares}, Floats()) <= best
    assert unequal_bound(problem)[0] > 0.6 * best


def test_small_shares_have_the_entropy_that_they_have():
    problem = DeepUFM(4, 2, 1e200, (1, 2, 3, 5))
    for share in np.geomspace(1e-17, 1e-13, 41):
        entropy = share * (1 + np.log(3 / share))
        found = class_shares(problem, {"shares": np.full((1, 4), share)}, Floats())
        assert entropy * (1 - 1e-12) <= found <= entropy
