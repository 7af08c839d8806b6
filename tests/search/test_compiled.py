"""The compiled descent against the one in numpy, its slow reference. Slow for the time it takes to compile."""

import numpy as np
import pytest

from optima import DeepUFM
from optima.search import descent
from optima.search.rung_objective import RungObjective
from optima.search.starts import best_scale, random_codes

pytestmark = pytest.mark.slow
compiled = pytest.importorskip("optima.search.compiled", reason="numba is not installed", exc_type=ImportError)

PROBLEMS = [
    (DeepUFM(5, 3, 1e-3), 2),
    (DeepUFM(8, 1, 1e-2), 7),
    (DeepUFM(6, 2, 1e-3, samples=(1, 2, 3, 4, 5, 6)), 3),
    (DeepUFM(20, 2, 1e-3), 18),
    (DeepUFM(4, 50, 1e-8), 2),
]


def starts_of(problem, rank, count=6):
    objective = RungObjective.of(problem)
    return objective, random_codes(objective, rank, count, np.random.default_rng(7))


@pytest.mark.parametrize(("problem", "rank"), PROBLEMS)
def test_value_and_gradient(problem, rank):
    objective, points = starts_of(problem, rank)
    values, gradients = objective.value_and_gradient(points)
    for point, value, gradient in zip(points, values, gradients, strict=True):
        K, out = problem.classes, np.empty_like(point)
        vectors = np.stack([np.eye(rank), np.linalg.qr(point[1].T @ point[1])[0]])
        # Logits in blocks of three rows.
        shapes = [(3, K), (K, rank), (rank, K), (rank, rank), (rank, rank), (rank,), (rank,), (3,)]
        work = tuple(np.empty(shape) for shape in shapes)
        reg, p = objective.reg[0], objective.p[0]
        got = compiled._evaluate(point, reg, p, objective.column, objective.weight, 1e-5, out, vectors, work)
        assert got == pytest.approx(value, rel=1e-13)
        np.testing.assert_allclose(out, gradient, atol=1e-9 * np.abs(gradient).max())
        s = np.linalg.svd(point[0] @ point[1].T, compute_uv=False)
        if problem.depth > 1:
            assert work[7][0] <= s[rank - 1] * (1 + 1e-6)
            assert work[7][1] >= s[0] * (1 - 1e-6)


@pytest.mark.parametrize("interpreted", [False, True])
@pytest.mark.parametrize(("problem", "rank"), PROBLEMS)
def test_the_best_scale(problem, rank, interpreted):
    """Its loss is right, and it is the same whoever computes the fits."""
    objective = RungObjective.of(problem, interpreted)
    factors = np.random.default_rng(1).normal(size=(4, 2, problem.classes, rank))
    scaled, losses = best_scale(objective, factors, 1)
    values, _ = objective.value_and_gradient(scaled)
    np.testing.assert_allclose(losses, values, rtol=1e-12)
    other, _ = best_scale(RungObjective.of(problem, not interpreted), factors, 1)
    np.testing.assert_allclose(scaled, other, rtol=1e-12)


@pytest.mark.parametrize(("problem", "rank"), PROBLEMS)
def test_descents_end_where_those_in_numpy_do(problem, rank, monkeypatch):
    objective, starts = starts_of(problem, rank)
    fast = descent.descend(objective, starts, steps=2000)
    monkeypatch.setattr(descent, "machine_code", lambda: None)
    slow = descent.descend(objective, starts, steps=2000)
    assert fast.loss[~fast.dropped].min(initial=np.inf) == pytest.approx(
        slow.loss[~slow.dropped].min(initial=np.inf), rel=1e-9
    )
    same = ~fast.dropped & ~slow.dropped & (np.abs(fast.loss / slow.loss - 1) < 1e-6)
    assert same.sum() >= 0.5 * (~slow.dropped).sum()
    np.testing.assert_allclose(fast.loss[same], slow.loss[same], rtol=1e-8)


@pytest.mark.parametrize(("problem", "rank"), PROBLEMS)
@pytest.mark.parametrize("steps", [0, 7, 200])
def test_extreme_singular_values_are_those_of_the_ends(problem, rank, steps, monkeypatch):
    objective, starts = starts_of(problem, rank)
    given = []
    descend = compiled.descend
    monkeypatch.setattr(compiled, "descend", lambda *args: given.append(descend(*args)) or given[-1])
    descent.descend(objective, starts, steps)
    points, *_, extremes = given[0]
    for point, (low, high) in zip(points, extremes, strict=True):
        s = np.linalg.svd(point[0] @ point[1].T, compute_uv=False)
        if problem.depth == 1:
            assert np.isnan([low, high]).all()
        else:
            assert low <= s[rank - 1] * (1 + 0.02)
            assert high >= s[0] * (1 - 0.02)


def test_rows_may_be_different_problems(monkeypatch):
    """Each row of a batch with its own lambda and p ends as it does alone."""
    problems = [DeepUFM(6, L, reg) for L in (2, 3) for reg in (1e-2, 1e-3)]
    alone = [RungObjective.of(problem) for problem in problems]
    mixed = RungObjective(
        "ce",
        np.concatenate([objective.reg for objective in alone]),
        np.concatenate([objective.p for objective in alone]),
        alone[0].column,
        alone[0].weight,
    )
    starts = random_codes(mixed, 3, len(problems), np.random.default_rng(3))
    for code in (compiled, None):
        monkeypatch.setattr(descent, "machine_code", lambda code=code: code)
        together = descent.descend(mixed, starts)
        for i, objective in enumerate(alone):
            assert together.loss[i] == pytest.approx(descent.descend(objective, starts[[i]]).loss[0], rel=1e-12)


def test_a_start_above_its_ceiling_is_left():
    objective, starts = starts_of(DeepUFM(8, 3, 1e-3), 3)
    ends = descent.descend(objective, starts, ceiling=np.where(np.arange(6) < 3, 1e-6, np.inf))
    assert (ends.gradient_norm[:3] > 1e-6).all()
    free = descent.descend(objective, starts)
    np.testing.assert_array_equal(ends.loss[3:], free.loss[3:])


def test_a_start_that_comes_down_too_slowly_is_left():
    objective, starts = starts_of(DeepUFM(8, 3, 1e-3), 3)
    free = descent.descend(objective, starts)
    ends = descent.descend(objective, starts, aim=0.5 * free.loss.min())
    assert (ends.gradient_norm > 1e-6).any()
    reached = descent.descend(objective, starts, aim=free.loss.max() * (1 + 1e-9))
    np.testing.assert_array_equal(reached.loss, free.loss)


def test_a_start_that_meets_a_known_minimum_is_left_there():
    objective, starts = starts_of(DeepUFM(8, 3, 1e-3), 3)
    free = descent.descend(objective, starts)
    least = free.loss.min()
    same = free.loss < least * (1 + 1e-9)
    ends = descent.descend(objective, starts, known=[least])
    assert same.sum() > 1
    assert (ends.gradient_norm[same] > free.gradient_norm[same]).any()
    np.testing.assert_allclose(ends.loss[same], least, rtol=1e-7)
    np.testing.assert_array_equal(ends.loss[~same], free.loss[~same])
    later = descent.descend(objective, starts, known=[least], look=10)
    assert (later.gradient_norm <= ends.gradient_norm).all()
    assert (later.gradient_norm < ends.gradient_norm).any()


def test_overflow_is_refused():
    objective, starts = starts_of(DeepUFM(5, 2, 1e-3), 2)
    ends = descent.descend(objective, 1e100 * starts)
    assert not np.isnan(ends.loss).any()


def test_the_exponential_is_right_to_an_ulp():
    x = np.concatenate([np.linspace(-708, 705, 100_001), np.random.default_rng(0).normal(size=1000), [0.0]])
    row = x + 2.5
    compiled._exponentials(row)
    np.testing.assert_allclose(row, np.exp(x + 2.5), rtol=2 * np.finfo(float).eps)
    far = np.array([-1e300, 1e300])
    compiled._exponentials(far)
    np.testing.assert_allclose(far, np.exp([-708.0, 708.0]), rtol=2 * np.finfo(float).eps)


@pytest.mark.parametrize(("problem", "rank"), PROBLEMS)
def test_hessian_of_the_fit(problem, rank):
    objective, points = starts_of(problem, rank, 2)
    point, direction = points[0], np.random.default_rng(1).normal(size=points[0].shape)
    whole = objective.hessian_product(point, direction[None])[0]
    fit = compiled.fit_hessian_product(point, direction, objective.column, objective.weight)
    got = fit + objective.penalty_hessian_product(point, direction[None])[0]
    np.testing.assert_allclose(got, whole, atol=1e-13 * np.abs(whole).max())


@pytest.mark.parametrize("exponent", [-1 / 3, -0.9])
def test_what_eigenvectors_are_off_by_is_made_good(exponent):
    """The power of a matrix that is nearly diagonal, with equal and with different values on the diagonal."""
    rng = np.random.default_rng(0)
    w, off = np.array([1.0, 1.0, 2.0, 5.0]), rng.normal(size=(4, 4))
    for size in (1e-4, 1e-5):
        gram = size * (off + off.T)
        np.fill_diagonal(gram, w)
        values, vectors = np.linalg.eigh(gram)
        powered = gram.copy()
        second = compiled._power(w, w**exponent, exponent, powered)
        np.testing.assert_allclose(powered, (vectors * values**exponent) @ vectors.T, atol=30 * size**2)
        trace = np.sum(w ** (exponent + 1)) + (exponent + 1) * second
        assert trace == pytest.approx(np.sum(values ** (exponent + 1)), abs=30 * size**3 + 1e-15)
