"""Bounds for invariant logits: never above an invariant matrix, tight, proved again, and refused when wrong."""

import math
import runpy
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optima import DeepUFM, Reduction, solve
from optima.checker import verify, verify_invariant
from optima.proofs.invariant.certificate import best_found, certify_invariant
from optima.proofs.invariant.chord_search import ChordSearch
from optima.proofs.invariant.group import InvariantForm
from optima.scales.scale import best_scales
from optima.structures import named
from optima.structures.group import Group

GROUPS = [(2,), (3,), (5,), (6,), (7,), (2, 2), (2, 3), (2, 2, 2), (4, 2), (3, 3), (2, 2, 3), (12,)]
REGS = st.floats(-5, -0.5).map(lambda power: 10.0**power)


@cache
def proof(K=8, L=3, reg=1e-3, group=(2, 2, 2), gap=1e-4):
    return certify_invariant(DeepUFM(K, L, reg), group, gap, boxes=20_000)


def circulant(rng, group):
    """Any invariant logits, z(j - c) for a random z, neither even nor centred."""
    K = math.prod(group)
    z = rng.exponential(5.0) * rng.standard_normal(K)
    z[0] += rng.exponential(10.0)
    z = z.reshape(group)
    columns = [np.roll(z, shift, axis=tuple(range(len(group)))).ravel() for shift in np.ndindex(*group)]
    return np.stack(columns, axis=1)


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(GROUPS), st.integers(1, 9), REGS, st.integers(0, 10**6))
@pytest.mark.slow
def test_bounds_lie_below_invariant_logits(group, L, reg, seed):
    rng = np.random.default_rng(seed)
    problem = DeepUFM(math.prod(group), L, reg)
    reduction = Reduction(problem)
    certificate = certify_invariant(problem, group, 1e-2, boxes=2_000)
    assert certificate.lower <= certificate.upper == pytest.approx(reduction.value(certificate.means), rel=1e-12)
    for _ in range(40):
        logits = circulant(rng, group)
        assert certificate.lower <= reduction.value(logits - logits.mean(axis=0))
    assert certificate.verify()


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(GROUPS), st.integers(1, 9), REGS, st.integers(0, 10**6))
def test_the_form_is_the_loss_of_its_logits(group, L, reg, seed):
    problem = DeepUFM(math.prod(group), L, reg)
    form = InvariantForm.of(problem, group)
    s = np.random.default_rng(seed).exponential(5.0, size=form.multiplicity.size)
    assert form.value(s[None])[0] == pytest.approx(Reduction(problem).value(form.logits(s)), rel=1e-10)
    _, slope, hessian = form.fit(s[None])
    step = 1e-5 * np.eye(s.size)
    ahead, back = form.fit(s + step), form.fit(s - step)
    np.testing.assert_allclose((ahead[0] - back[0]) / 2e-5, slope[0], atol=1e-8)
    np.testing.assert_allclose((ahead[1] - back[1]) / 2e-5, hessian[0], atol=1e-8)


@pytest.mark.parametrize(
    ("K", "L", "reg", "group", "name"),
    [
        (3, 2, 1e-2, (3,), "simplex"),
        (5, 2, 1e-2, (5,), "simplex"),
        (6, 2, 1e-2, (6,), "pairs"),
        (8, 2, 1e-2, (8,), "pairs"),
        (5, 5, 1e-3, (5,), "polygon"),
        (7, 10, 1e-4, (7,), "polygon"),
        (8, 10, 1e-4, (2, 2, 2), "cube"),
        (4, 3, 0.9, (2, 2), "zero"),
    ],
)
def test_the_best_is_the_closed_form_where_that_is_invariant(K, L, reg, group, name):
    problem = DeepUFM(K, L, reg)
    certificate = certify_invariant(problem, group, 1e-6)
    closed = float(best_scales(named(name, K), L, reg).loss)
    assert certificate.gap <= 1e-6
    assert certificate.upper == pytest.approx(closed, rel=1e-9)


@pytest.mark.parametrize("group", GROUPS)
def test_automorphisms_keep_the_fit_and_their_order_suffices(group):
    rng = np.random.default_rng(0)
    form = InvariantForm.of(DeepUFM(math.prod(group), 3, 1e-3), group)
    moves, ordered = form.group._moves(), form.group.ordered()
    for _ in range(20):
        s = rng.exponential(5.0, size=form.multiplicity.size)
        images = s[moves]
        np.testing.assert_allclose(form.value(images), form.value(s[None])[0], rtol=1e-10)
        assert any(all(image[a] >= image[b] for a, b in ordered) for image in images)


def test_ordered_and_unordered_searches_agree(monkeypatch):
    problem = DeepUFM(8, 3, 1e-3)
    for group in ((2, 2, 2), (8,)):
        certificate = certify_invariant(problem, group, 1e-5)
        with monkeypatch.context() as patch:
            patch.setattr(Group, "ordered", lambda self: [])
            plain = certify_invariant(problem, group, 1e-5)
        assert plain.lower == pytest.approx(certificate.lower, rel=1e-5)
        assert plain.data["axis"].size > certificate.data["axis"].size


def test_no_bound_exceeds_the_loss_of_all_logits_where_these_are_invariant():
    for K, L, reg in ((3, 4, 1e-3), (4, 2, 1e-2)):
        solution = solve(DeepUFM(K, L, reg))
        assert certify_invariant(solution.problem, gap=1e-6).lower <= solution.loss * (1 + 1e-9)


def test_a_search_stopped_early_keeps_its_bound():
    form = InvariantForm.of(DeepUFM(12, 2, 1e-2), (12,))
    search = ChordSearch(form, best_found(form), 1e-6)
    bounds = []
    while not search.done and len(bounds) < 40:
        bounds.append(search.bound)
        search.run(search.size + 1)
    assert bounds == sorted(bounds)
    assert bounds[-1] <= search.best
    assert search.done


def test_a_poor_start_is_improved_by_the_search():
    form = InvariantForm.of(DeepUFM(6, 2, 1e-2), (6,))
    search = ChordSearch(form, np.zeros(3), 1e-3)
    search.run(20_000)
    assert search.done
    best = float(form.value(best_found(form)[None])[0])
    assert best * (1 - 1e-3) <= search.best <= best * (1 + 2e-3)
    assert search.bound <= best


PROBLEMS = [
    (5, 2, 1e-2, (5,)),
    (6, 3, 1e-3, (2, 3)),
    (8, 3, 1e-3, (2, 2, 2)),
    (12, 10, 1e-4, (2, 2, 3)),
    (2, 3, 1e-3, (2,)),
]


@pytest.mark.parametrize("case", PROBLEMS, ids=str)
def test_right_proofs_are_proved_again(case):
    certificate = proof(*case)
    assert certificate.gap <= 1.01e-4
    for intervals in (False, True):
        answer = certificate.verify(intervals)
        assert answer, answer.reason
        assert answer.rigorous is intervals
        assert certificate.lower * (1 - 1e-12) <= answer.lower <= answer.upper
        assert "over invariant logits" in str(answer)
    assert "invariant under Z_" in str(certificate)


def refused(certificate, why, **data):
    for intervals in (False, True):
        answer = replace(certificate, data={**certificate.data, **data}).verify(intervals)
        assert not answer
        assert why in answer.reason


class TestRefusals:
    def test_bounds_too_good(self):
        certificate = proof()
        found = certificate.verify().lower
        refused(replace(certificate, lower=found * (1 + 1e-9)), "is proved")
        refused(replace(certificate, lower=math.nan), "not a number")
        refused(replace(certificate, upper=certificate.upper * (1 - 1e-9)), "above the upper bound")

    def test_logits_that_are_not_invariant(self):
        rng = np.random.default_rng(0)
        certificate = proof()
        means = certificate.means + 1e-3 * rng.standard_normal((8, 8))
        refused(replace(certificate, means=means, upper=1.0), "not invariant")
        # The best logits of Z_2^3 may be invariant under Z_8 too; these are not.
        bits = np.arange(8)[:, None] ^ np.arange(8)
        refused(replace(certificate, group=(8,), means=rng.standard_normal(8)[bits], upper=100.0), "not invariant")
        refused(replace(certificate, group=(3, 3)), "has not 8 elements")

    def test_another_problem(self):
        certificate = proof()
        for other in (DeepUFM(8, 3, 0.9e-3), DeepUFM(8, 4, 1e-3)):
            upper = Reduction(other).value(certificate.means)
            refused(replace(certificate, problem=other, upper=upper), "is proved")
        refused(replace(certificate, problem=DeepUFM(8, 3, 1e-3, width=5)), "width")
        refused(replace(certificate, problem=DeepUFM(8, 3, 1e-3, activation="relu")), "linear")

    def test_box_too_small(self):
        refused(proof(), "is proved", top=0.9 * proof().data["top"])
        refused(proof(), "ends at", top=np.array(np.nan))

    @pytest.mark.parametrize("factor", [0.5, 2.0, 0.0, -1.0, 1e300, math.nan])
    def test_points_scaled(self, factor):
        refused(proof(), "is proved", point=factor * proof().data["point"])

    def test_trees(self):
        data = proof().data
        refused(proof(), "one length", point=data["point"][:-1])
        cut = {name: data[name][:1].copy() for name in ("axis", "child", "where", "point")}
        cut["axis"][0] = -1
        refused(proof(), "is proved", **cut)
        inner = np.flatnonzero(data["axis"] >= 0)
        child, axis = data["child"].copy(), data["axis"].copy()
        child[inner[-1]] = child[inner[0]]
        axis[inner[-1]] = -1
        refused(proof(), "binary tree", child=child)
        refused(proof(), "binary tree", axis=axis)
        refused(proof(), "does not exist", axis=np.where(data["axis"] >= 0, 7, -1))
        refused(proof(), "nowhere", where=np.full(data["where"].shape, np.nan))

    def test_data_missing(self):
        for name in proof().data:
            data = {key: value for key, value in proof().data.items() if key != name}
            answer = replace(proof(), data=data).verify()
            assert not answer
            assert f"lack {name}" in answer.reason

    def test_no_proof_for_all_logits(self):
        certificate = proof()
        answer = verify(
            certificate.problem, certificate.lower, certificate.upper, certificate.means, "group", certificate.data
        )
        assert not answer


def test_a_search_with_a_wrong_multiplicity_is_refused(monkeypatch):
    right = InvariantForm.of

    def wrong(problem, group):
        form = right(problem, group)
        return replace(form, multiplicity=np.where(form.multiplicity == 2, 1.0, 2.0))

    monkeypatch.setattr(InvariantForm, "of", wrong)
    certificate = certify_invariant(DeepUFM(6, 3, 1e-3), (6,), 1e-3)
    means = certificate.means
    upper = Reduction(certificate.problem).value(means)
    answer = verify_invariant(certificate.problem, (6,), certificate.lower, upper, means, dict(certificate.data))
    assert not answer
    assert not certificate.verify()


def test_a_search_with_an_order_that_loses_points_is_refused(monkeypatch):
    monkeypatch.setattr(Group, "ordered", lambda self: [(1, 0), (2, 0), (2, 1)])
    certificate = certify_invariant(DeepUFM(6, 2, 1e-2), (6,), 1e-4)
    assert not certificate.verify()


def test_bad_input_is_told_what_to_pass():
    problem = DeepUFM(6, 2, 1e-2)
    for bad, group, why in (
        (problem, (2, 2), "pass cyclic orders with the product 6"),
        (problem, (6, 1), "at least 2"),
        (DeepUFM(6, 2, 1e-2, samples=(1, 1, 1, 1, 1, 2)), (6,), "balanced"),
        (DeepUFM(6, 2, 1e-2, loss="mse"), (6,), "cross-entropy"),
        (DeepUFM(6, 2, 1e-2, activation="relu"), (6,), "linear"),
        (DeepUFM(6, 2, 1e-2, width=3), (6,), "width of 5 or more"),
    ):
        with pytest.raises(ValueError, match=why):
            certify_invariant(bad, group)
    with pytest.raises(ValueError, match="between 0 and 1"):
        certify_invariant(problem, gap=1.0)


CONTROLS = {
    "multiplicities": ("check_singular_values", {"sizes": None}, {"sizes": (1, 1)}),
    "power of t": ("check_boxes", {}, {"power": lambda L: L / 2 - 1}),
    "constant of the tangent": ("check_boxes", {}, {"raised": 1.05}),
    "sign of the entropy": ("check_entropy", {}, {"sign": 1}),
    "automorphism": ("check_automorphism", {}, {"image": ((0, 1, 0), (0, 1, 0), (0, 0, 1))}),
    "any order": ("check_any_order", {}, {"swapped": (0, 1)}),
}


@cache
def derivation():
    return runpy.run_path(str(Path(__file__).resolve().parents[2] / "derivations" / "invariant_bound.py"))


@pytest.mark.parametrize(("name", "right", "wrong"), CONTROLS.values(), ids=CONTROLS.keys())
def test_derivation_fails_when_wrong(name, right, wrong):
    derivation()[name](**right)
    with pytest.raises((AssertionError, ValueError)):
        derivation()[name](**wrong)
