"""Lower bounds: never above anything found, tight where they should be, and able to fail."""

import itertools
import json
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optima import DeepUFM, Reduction, certify, solve, train
from optima.proofs.boxes import MatrixBoxes, direction, ordered_vertices
from optima.proofs.budget import Budget
from optima.proofs.convex.depth_one import minimum
from optima.proofs.dual import FitDual, Trace
from optima.proofs.form import ConvexConcave, centred_basis
from optima.proofs.prove import cheap_certificate, prove
from optima.proofs.small_problems import one_direction, search_of, upper_bound

REGS = st.floats(-5, -0.5).map(lambda power: 10.0**power)


def random_logits(rng: np.random.Generator, K: int) -> np.ndarray:
    rank = rng.integers(1, K + 1)
    return rng.exponential(6.0) * rng.standard_normal((K, rank)) @ rng.standard_normal((rank, K))


@settings(max_examples=4, deadline=None)
@given(st.integers(2, 6), st.integers(1, 9), REGS, st.integers(0, 10**6))
def test_cheap_bounds_lie_below_random_logits(K: int, L: int, reg: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    problem = DeepUFM(K, L, reg)
    reduction = Reduction(problem)
    best = min((random_logits(rng, K) for _ in range(30)), key=reduction.value)
    certificate = cheap_certificate(problem, best)
    for _ in range(30):
        assert certificate.lower <= reduction.value(random_logits(rng, K))
    assert certificate.lower <= certificate.upper == reduction.value(best)


@settings(max_examples=4, deadline=None)
@given(st.integers(2, 3), st.integers(2, 10), REGS, st.data())
@pytest.mark.slow
def test_searched_bounds_meet_the_search(K: int, L: int, reg: float, data: st.DataObject) -> None:
    samples = data.draw(st.one_of(st.integers(1, 4), st.tuples(*[st.integers(1, 4)] * K)))
    problem = DeepUFM(K, L, reg, samples=samples)
    solution = solve(problem, effort="quick")
    # The proof starts from bad logits too: then its bound may not exceed the better loss.
    for means in (solution.means, 0.9 * solution.means):
        certificate = prove(problem, means, gap=1e-3, budget=Budget(1_000))
        assert certificate.lower <= solution.loss


@pytest.mark.slow
@settings(max_examples=30, deadline=None)
@given(st.integers(2, 8), st.integers(1, 8), REGS, st.integers(1, 7))
def test_no_bound_exceeds_the_search(K: int, L: int, reg: float, width: int) -> None:
    problem = DeepUFM(K, L, reg, width=width)
    solution = solve(problem, effort="quick")
    assert prove(problem, solution.means, gap=1e-2, budget=Budget(3_000)).lower <= solution.loss


def test_no_bound_exceeds_gradient_descent() -> None:
    problem = DeepUFM(3, 2, 2.0**-7)
    run = train(problem, width=6, lr=0.3, steps=4000, seeds=4)
    lowest = min(found.loss for found in run.compare("quick")[0].runs)
    assert certify(problem, gap=1e-6).lower_bound <= lowest


@pytest.mark.parametrize("L", [2, pytest.param(3, marks=pytest.mark.slow), 5, 10])
@pytest.mark.parametrize("reg", [1e-1, pytest.param(1e-3, marks=pytest.mark.slow), 1e-5])
def test_three_classes_close_to_one_in_a_million(L: int, reg: float) -> None:
    assert certify(DeepUFM(3, L, reg), gap=1e-6).gap <= 1e-6


@pytest.mark.slow
def test_rank_one_and_zero_minima_close_too() -> None:
    assert certify(DeepUFM(3, 6, 1e-1), gap=1e-6).gap <= 1e-6
    assert certify(DeepUFM(3, 9, 1e-1), gap=1e-6).gap <= 1e-6


def test_width_one() -> None:
    problem = DeepUFM(3, 3, 1e-2, width=1)
    solution = certify(problem, gap=1e-4, boxes=500)
    assert solution.rank == 1
    # The two-dimensional minimum is smaller, and no bound for rank one need lie below it.
    assert certify(replace(problem, width=2), gap=1e-3).loss < solution.lower_bound < solution.loss


@pytest.mark.parametrize("problem", [DeepUFM(5, 1, 1e-2, samples=(1, 2, 3, 1, 1)), DeepUFM(6, 4, 1e-3, loss="mse")])
def test_exact_methods_have_no_gap(problem: DeepUFM) -> None:
    assert 0 <= solve(problem).gap < 1e-9


def test_depth_one_agrees_with_cvxpy() -> None:
    problem = DeepUFM(4, 1, 2e-2, samples=(3, 1, 2, 1))
    assert certify(problem).lower_bound == pytest.approx(minimum(problem).value, rel=1e-7)


def test_subsampling_bounds_the_whole() -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        K, L, k = int(rng.integers(3, 8)), int(rng.integers(1, 8)), int(rng.integers(2, 4))
        form = ConvexConcave.of(DeepUFM(K, L, 10 ** rng.uniform(-4, -1)))
        part = form.subsample(min(k, K))
        Z = random_logits(rng, K)
        subsets = list(itertools.combinations(range(K), part.classes))
        mean = np.mean([part.value(Z[np.ix_(T, T)]) for T in subsets])
        assert mean <= form.value(Z) * (1 + 1e-12)


def test_a_larger_factor_would_be_refuted() -> None:
    form = ConvexConcave.of(DeepUFM(6, 2, 1e-2))
    part = form.subsample(3)
    wrong = replace(part, strength=part.strength * 2**part.q)
    # All singular vectors spread: the penalty of a constant matrix shrinks by exactly (k / K)^p.
    Z = np.full((6, 6), 50.0)
    assert wrong.value(Z[:3, :3]) > form.value(Z)


@pytest.mark.parametrize("K", [4, 6, 12])
def test_the_bound_by_one_direction_is_below_every_spectrum(K: int) -> None:
    rng = np.random.default_rng(K)
    form = ConvexConcave.of(DeepUFM(K, 3, 1e-2))
    bound = cheap_certificate(DeepUFM(K, 3, 1e-2), np.zeros((K, K))).lower
    search = search_of(one_direction(form), form.zero_fit, 1e-9)
    search.run(20_000)
    assert search.bound * (1 - 1e-8) <= bound
    assert bound > 0
    assert all(bound <= form.value(random_logits(rng, K)) for _ in range(200))
    # With half the margin allowed for the same singular values it would not be a bound.
    wrong = replace(one_direction(form), strength=3 * one_direction(form).strength)
    assert upper_bound(wrong) > solve(DeepUFM(K, 3, 1e-2), effort="quick").loss


def test_a_part_of_the_classes_bounds_unequal_ones() -> None:
    rng = np.random.default_rng(5)
    for K, few in ((4, 1), (5, 2)):
        problem = DeepUFM(K, 3, 1e-3, samples=(1,) * few + (80, 90, 100))
        solution = solve(problem, effort="quick")
        certificate = prove(problem, solution.means, gap=1e-2, most_classes=3)
        assert certificate.data["axis"].size < 1000
        assert list(certificate.data["classes"]) == [K - 1, K - 2, K - 3]
        assert 0 < certificate.lower < solution.loss
        assert certificate.verify()
        assert all(certificate.lower <= Reduction(problem).value(random_logits(rng, K)) for _ in range(50))
        assert not replace(certificate, data={**certificate.data, "classes": np.array([0, 1, 2])}).verify()


def test_one_order_of_four_unequal_classes_is_not_searched_by_mistake() -> None:
    form = ConvexConcave.of(DeepUFM(4, 3, 1e-2, samples=(1, 2, 3, 4)))
    with pytest.raises(ValueError, match="every order"):
        search_of(form, form.zero_fit, 1e-2)


def test_upper_bounds_are_values() -> None:
    form = ConvexConcave.of(DeepUFM(3, 3, 1e-2))
    assert upper_bound(form) == pytest.approx(solve(DeepUFM(3, 3, 1e-2)).loss, rel=1e-5)


@pytest.mark.parametrize("K", [2, 3, 4])
def test_the_form_is_the_reduced_loss(K: int) -> None:
    rng = np.random.default_rng(1)
    for samples in (1, 7, tuple(range(1, K + 1))):
        problem = DeepUFM(K, 3, 1e-2, samples=samples)
        Z = random_logits(rng, K)
        assert ConvexConcave.of(problem).value(Z) == pytest.approx(Reduction(problem).value(Z), rel=1e-12)


@pytest.mark.parametrize("K", [2, 3, 4, 7])
def test_the_basis_is_orthonormal_and_centred(K: int) -> None:
    basis = centred_basis(K)
    assert np.allclose(basis.T @ basis, np.eye(K - 1))
    assert np.allclose(basis.sum(axis=0), 0)


def random_boxes(boxes: MatrixBoxes, rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
    low, high = boxes.root()
    ends = np.sort(rng.uniform(size=(2, count, low.size)) ** 0.5, axis=0)
    ends[1] = np.minimum(ends[1], ends[0] + 0.2)
    boxed = low + ends * (high - low)
    if boxes.chart is not None:
        boxed[:, :, boxes.chart] = np.array([[0.0, 1.0], [0.0, 0.5], [0.5, 1.0]])[rng.integers(0, 3, count)].T
    keep = ~boxes.empty(*boxed)
    low, high = boxes.reduced(boxed[0][keep], boxed[1][keep])
    ordered = np.all(np.diff(low[:, : boxes.dimension], axis=1) <= 0, axis=1)
    return low[ordered], high[ordered]


def matrix_at(boxes: MatrixBoxes, point: np.ndarray) -> np.ndarray:
    frame = boxes._frame(point[None])[0]
    return (frame * boxes.eigenvalues(point[: boxes.dimension])) @ frame.T


@pytest.mark.parametrize("K", [2, 3, 4])
def test_boxes_bound_every_matrix_in_them(K: int) -> None:
    rng = np.random.default_rng(K)
    form = ConvexConcave.of(DeepUFM(K, 3, 1e-2))
    boxes = MatrixBoxes(form, 0.3 / form.strength)
    low, high = random_boxes(boxes, rng, 60)
    m = K - 1
    for start, end in zip(low, high, strict=True):
        root = rng.standard_normal((m, m))
        D = root @ root.T + 1e-6 * np.eye(m)
        bound = boxes.box_bound(start[None], end[None], np.eye(m)[None]).least(D[None])[0]
        for _ in range(20):
            point = np.concatenate([rng.uniform(start, end)[:6], start[6:]])
            point[:m] = np.sort(point[:m])[::-1]
            if np.any(point[:m] < start[:m] - 1e-12) or np.any(point[:m] > end[:m] + 1e-12):
                continue
            value = form.strength * point[:m].sum() - np.sum(D * matrix_at(boxes, point))
            assert bound <= value + 1e-9 * (1 + abs(value))


@pytest.mark.parametrize("m", [1, 2, 3])
def test_ordered_vertices_reach_the_minimum_of_concave_functions(m: int) -> None:
    rng = np.random.default_rng(m)
    for _ in range(300):
        ends = np.sort(rng.integers(0, 5, size=(2, m)), axis=0).astype(float)
        low = np.maximum.accumulate(ends[0][::-1])[::-1]
        high = np.minimum.accumulate(ends[1])
        if np.any(low > high):
            continue
        slope = rng.standard_normal(m)
        vertices = [t[0] for t in ordered_vertices(low[None], high[None])]
        assert all(np.all(np.diff(t) <= 0) and np.all(low <= t) and np.all(t <= high) for t in vertices)
        grid = itertools.product(*[np.arange(a, b + 1) for a, b in zip(low, high, strict=True)])
        least = min(slope @ t for t in grid if np.all(np.diff(t) <= 0))
        assert min(slope @ t for t in vertices) == pytest.approx(least)


def test_relabelling_brings_every_direction_into_the_triangle() -> None:
    rng = np.random.default_rng(0)
    basis = centred_basis(4)
    for _ in range(50):
        u = rng.standard_normal(3)
        inside = []
        for order in itertools.permutations(range(4)):
            turned = basis[list(order)].T @ basis @ u
            for sign in (1, -1):
                a, b = sign * turned[1:] / (sign * turned[0])
                inside.append(sign * turned[0] > 0 and 1 >= a >= b >= 0)
        assert any(inside)
    assert np.allclose(np.linalg.norm(direction(np.array([[0.3, 0.1]])), axis=1), 1)


@pytest.mark.parametrize("K", [2, 3, 4])
def test_the_dual_bounds_the_fit(K: int) -> None:
    """phi(D) <= fit(Z) + <D, Z Z^T> for every D and Z, and the best D comes close."""
    rng = np.random.default_rng(K)
    form = ConvexConcave.of(DeepUFM(K, 3, 1e-2, samples=tuple(range(1, K + 1))))
    dual = FitDual.of(form, 1e-14)
    m, basis, count = K - 1, centred_basis(K), np.asarray(form.count)
    S = rng.standard_normal((40, m, m)) * rng.exponential(2, size=(40, 1, 1)) + 0.1 * np.eye(m)
    E, x = dual.improve(S, np.broadcast_to(np.eye(m), (40, m, m)), np.zeros((40, K, m)), 60, Trace(dual.basis))
    phi, x = dual.bound(S, E, x)
    for i in range(40):
        y = x[i] @ S[i].T
        inverse = np.linalg.inv(S[i])
        D = inverse.T @ E[i] @ inverse
        for trial in (y, y + 0.1 * rng.standard_normal(y.shape), rng.standard_normal(y.shape)):
            value = form.fit(basis @ trial.T) + np.einsum("c,ca,ab,cb->", count, trial, D, trial)
            assert phi[i] <= value * (1 + 1e-9)
        assert phi[i] >= (form.fit(basis @ y.T) + np.einsum("c,ca,ab,cb->", count, y, D, y)) * (1 - 1e-9)


@pytest.mark.slow
def test_an_interrupted_search_ends_at_the_same_bound(tmp_path) -> None:
    problem = DeepUFM(4, 2, 1e-2)
    solution = solve(problem, effort="quick")
    form = ConvexConcave.of(problem)

    def run(most: int, path=None, resume: bool = False):
        search = search_of(form, solution.loss, 0.05)
        if resume:
            search.restore(path, "this")
        search.run(most)
        if path is not None:
            search.save(path, "this")
        return search

    whole = run(300)
    run(60, tmp_path / "state.npz")
    parts = run(300, tmp_path / "state.npz", resume=True)
    assert parts.bound == whole.bound
    assert np.array_equal(parts.tree.arrays()["axis"], whole.tree.arrays()["axis"])
    with pytest.raises(ValueError, match="another problem"):
        search_of(form, solution.loss, 0.05).restore(tmp_path / "state.npz", "that")
    (tmp_path / "bad.npz").write_bytes(b"no file of ours")
    with pytest.raises(ValueError, match="no interrupted proof"):
        search_of(form, solution.loss, 0.05).restore(tmp_path / "bad.npz", "this")


def test_an_interrupt_leaves_the_search_whole() -> None:
    problem = DeepUFM(4, 2, 1e-2)
    search = search_of(ConvexConcave.of(problem), solve(problem, effort="quick").loss, 0.05)
    search.run(60)
    size, bound = len(search.tree), search.bound
    reduced = search.boxes.reduced

    def interrupted(*arguments):
        raise KeyboardInterrupt

    object.__setattr__(search.boxes, "reduced", interrupted)
    with pytest.raises(KeyboardInterrupt):
        search.run(10**6)
    object.__setattr__(search.boxes, "reduced", reduced)
    assert (len(search.tree), search.bound) == (size, bound)
    assert np.all(search.tree.arrays()["axis"][search.open.node] == -1)


# Ctrl-C may be ignored by the parent, and so by its children; the state is saved often so that it is there early.
INTERRUPTIBLE = """
import signal, sys
from optima.proofs.prove import prove
import optima.cli
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.modules["optima.proofs.kept"].SAVE_EVERY = 0.5
sys.exit(optima.cli.main())
"""


def wait_for_file(process: subprocess.Popen, path: Path) -> None:
    deadline = time.monotonic() + 120
    while process.poll() is None and not path.exists() and time.monotonic() < deadline:
        time.sleep(0.01)


def boxes_in(state: Path) -> int:
    """Boxes that the file of an interrupted search holds."""
    with np.load(state) as kept:
        return int(kept["axis"].size)


@pytest.mark.slow
def test_ctrl_c_on_the_command_line_and_the_same_command_again(tmp_path) -> None:
    state = tmp_path / "proof.npz"
    cell = ["certify", "--classes", "4", "--depth", "2", "--reg", "1e-2", "--gap", "1e-6", "--effort", "quick"]
    whole = [sys.executable, "-c", INTERRUPTIBLE, *cell, "--json"]
    command = [*whole, "--checkpoint", str(state)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    wait_for_file(process, state)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "repeat the command" in errors
    before = boxes_in(state)
    most = ["--boxes", str(before + 1000)]
    again, plain = (
        json.loads(subprocess.run([*way, *most], capture_output=True, text=True, check=True).stdout)
        for way in (command, whole)
    )
    assert boxes_in(state) > before + 1000
    assert 0 < again["lower_bound"] == plain["lower_bound"] < again["loss"]
    assert again["certificate"] == plain["certificate"]


def test_every_solution_has_a_bound(tmp_path) -> None:
    solution = solve(DeepUFM(6, 3, 1e-3), effort="quick")
    shown = solution.as_dict()
    assert 0 < shown["lower_bound"] < shown["loss"]
    assert shown["gap"] == pytest.approx(1 - shown["lower_bound"] / shown["loss"])
    assert shown["certificate"]["method"] == "one direction"
    assert "no loss is below" in str(solution)
    proved = certify(DeepUFM(3, 3, 1e-3), gap=1e-3)
    proved.save(tmp_path / "proved.npz")
    again = type(proved).load(tmp_path / "proved.npz")
    assert again.lower_bound == proved.lower_bound
    assert again.certificate.method == "branch and bound"
    assert np.array_equal(again.certificate.data["axis"], proved.certificate.data["axis"])


@pytest.mark.parametrize("gap", [0.0, 1.0, -1e-3])
def test_gaps_outside_are_refused(gap: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        certify(DeepUFM(3, 3, 1e-3), gap=gap)


def test_relu_networks_are_bounded_by_two_directions() -> None:
    solution = certify(DeepUFM(3, 3, 1e-3, activation="relu"))
    assert solution.certificate.method == "two directions"
    assert 0 < solution.lower_bound < solution.loss
    assert solution.certificate.verify().valid


@pytest.mark.parametrize("reg", [1e-1, pytest.param(1e-3, marks=pytest.mark.slow), 1e-5])
@pytest.mark.parametrize("L", [2, pytest.param(5, marks=pytest.mark.slow), pytest.param(10, marks=pytest.mark.slow)])
def test_the_upper_bound_of_a_part_is_its_minimum(L: int, reg: float) -> None:
    # A target above the minimum is never proved, and would take all of the boxes.
    part = ConvexConcave.of(DeepUFM(4, L, reg)).subsample(3)
    assert max(upper_bound(part, seed) for seed in range(2)) <= (1 + 1e-6) * upper_bound(part, 2)
    search = search_of(part, upper_bound(part), 1e-4)
    search.run(20_000)
    assert search.done
