"""The objective on one rung, the descents in batches, and the points that are polished out of them."""

import numpy as np
import pytest

from optima.model import DeepUFM
from optima.reduction import Reduction, balanced_factors
from optima.scales import best_scales
from optima.scales.squared_error import squared_error_minimum
from optima.search import rung
from optima.search.depth_one import depth_one_minimum
from optima.search.descent import balanced, descend
from optima.search.lbfgs import lbfgs
from optima.search.rung import _SecondOrder, leave_saddle, polish
from optima.search.rung_objective import RungObjective, gauge
from optima.search.starts import random_codes, split
from optima.structures import named

SIZES = (1, 2, 3, 5)
PROBLEMS = {
    "ce": DeepUFM(4, 3, 1e-2),
    "ce, p = 1": DeepUFM(4, 1, 2e-2),
    "ce, imbalanced": DeepUFM(4, 2, 1e-2, SIZES),
    "ce, deep": DeepUFM(4, 20, 1e-2, 2),
    "mse": DeepUFM(4, 3, 1e-3, loss="mse"),
    "mse, p = 1": DeepUFM(4, 1, 2e-2, 3, loss="mse"),
    "mse, imbalanced": DeepUFM(4, 2, 1e-2, SIZES, loss="mse"),
}
each_problem = pytest.mark.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS)


def random_point(rank, seed=0, classes=4):
    return np.random.default_rng(seed).standard_normal((2, classes, rank))


def value(objective, point):
    return float(objective.value_and_gradient(point[None])[0][0])


def gradient(objective, point):
    return objective.value_and_gradient(point[None])[1][0]


def differences(function, point, step=1e-5):
    """Derivatives of an array-valued function by central differences, one row for each coordinate."""
    rows = []
    for i in np.ndindex(point.shape):
        move = np.zeros_like(point)
        move[i] = step
        rows.append((np.ravel(function(point + move)) - np.ravel(function(point - move))) / (2 * step))
    return np.array(rows)


def symmetric_gap(matrix):
    return np.abs(matrix - matrix.T).max() / np.abs(matrix).max()


# The objective and its derivatives.


@each_problem
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_gradient_against_differences(problem, rank):
    objective, point = RungObjective.of(problem), random_point(rank)
    expected = differences(lambda x: value(objective, x), point).ravel()
    np.testing.assert_allclose(gradient(objective, point).ravel(), expected, rtol=1e-7, atol=1e-9)


@each_problem
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_hessian_against_differences(problem, rank):
    objective, point = RungObjective.of(problem), random_point(rank, seed=1)
    expected = differences(lambda x: gradient(objective, x), point)
    np.testing.assert_allclose(objective.hessian(point), expected, rtol=1e-6, atol=1e-8)


@each_problem
def test_hessian_where_singular_values_coincide(problem):
    objective = RungObjective.of(problem)
    U = np.linalg.qr(random_point(3)[0])[0]
    point = np.stack([U, 1.5 * U])
    expected = differences(lambda x: gradient(objective, x), point)
    np.testing.assert_allclose(objective.hessian(point), expected, rtol=1e-6, atol=1e-8)


@each_problem
def test_hessian_products_are_those_of_a_symmetric_matrix(problem):
    objective, point = RungObjective.of(problem), random_point(2)
    directions = np.eye(point.size).reshape(-1, *point.shape)
    products = objective.hessian_product(point, directions).reshape(point.size, point.size)
    assert symmetric_gap(products) < 1e-13
    np.testing.assert_allclose(products, objective.hessian(point), rtol=1e-12, atol=1e-14)


def test_log_gradient_against_differences():
    objective, point = RungObjective.of(PROBLEMS["ce"]), random_point(2)
    log_value = lambda x: objective.log_value_and_gradient(x.reshape(1, -1), 2)[0]
    slope = objective.log_value_and_gradient(point.reshape(1, -1), 2)[1]
    np.testing.assert_allclose(slope.ravel(), differences(log_value, point).ravel(), rtol=1e-7, atol=1e-9)


@each_problem
def test_rotations_leave_the_value(problem):
    objective, point = RungObjective.of(problem), random_point(3)
    turn = np.linalg.qr(np.random.default_rng(2).standard_normal((3, 3)))[0]
    assert value(objective, point @ turn) == pytest.approx(value(objective, point), rel=1e-13)


@each_problem
def test_gradient_is_orthogonal_to_the_gauge(problem):
    objective, point = RungObjective.of(problem), random_point(3)
    flat = gauge(point)
    assert flat.shape == (point.size, 3)
    np.testing.assert_allclose(flat.T @ flat, np.eye(3), atol=1e-13)
    slope = gradient(objective, point).ravel()
    assert np.abs(flat.T @ slope).max() < 1e-13 * np.linalg.norm(slope)


def test_gauge_is_flat_in_the_hessian_at_a_stationary_point():
    objective, code = simplex_point(DeepUFM(4, 2, 1e-2))
    point = polish(objective, code).factors
    H = objective.hessian(point)
    assert np.abs(H @ gauge(point)).max() < 1e-12 * np.abs(H).max()


@each_problem
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_value_at_balanced_factors_is_the_reduced_loss(problem, rank):
    objective = RungObjective.of(problem)
    point = balanced(random_point(rank)[None])[0]
    means = point[0] @ point[1].T * objective.column
    assert value(objective, point) == pytest.approx(Reduction(problem).value(means), rel=1e-12)


@each_problem
def test_balancing_never_raises_the_value_nor_moves_the_logits(problem):
    objective, point = RungObjective.of(problem), random_point(2, seed=3)
    even = balanced(point[None])[0]
    np.testing.assert_allclose(even[0] @ even[1].T, point[0] @ point[1].T, atol=1e-13)
    np.testing.assert_allclose(even[0].T @ even[0], even[1].T @ even[1], atol=1e-13)
    assert value(objective, even) < value(objective, point)


def test_batches_of_problems_are_the_problems_one_by_one():
    regs, p = np.array([1e-3, 1e-2, 0.1]), np.array([0.5, 2 / 3, 1.0])
    column, weight = np.ones(4), np.full(4, 0.25)
    points = np.stack([random_point(2, seed) for seed in range(3)])
    values, slopes = RungObjective("ce", regs, p, column, weight).value_and_gradient(points)
    for i in range(3):
        alone = RungObjective("ce", regs[i : i + 1], p[i : i + 1], column, weight)
        assert value(alone, points[i]) == pytest.approx(values[i], rel=1e-14)
        np.testing.assert_allclose(gradient(alone, points[i]), slopes[i], rtol=1e-12, atol=1e-15)


def test_tiny_fits_keep_their_digits():
    objective = RungObjective.of(DeepUFM(3, 2, 1e-30))
    product = 100 * (np.eye(3) - 1 / 3)
    assert float(objective.fit(product[None])[0][0]) == pytest.approx(2 * np.exp(-100.0), rel=1e-12)


def test_relu_models_are_refused():
    with pytest.raises(ValueError, match="linear"):
        RungObjective.of(DeepUFM(3, 2, 1e-2, activation="relu"))


# Limited-memory BFGS.


def quadratics(count, size):
    rng = np.random.default_rng(0)
    Q = np.linalg.qr(rng.standard_normal((count, size, size)))[0]
    H = np.einsum("sij,j,skj->sik", Q, np.geomspace(1, 1e3, size), Q)
    centre = rng.standard_normal((count, size))

    def function(x, rows):
        slope = np.einsum("sij,sj->si", H[rows], x - centre[rows])
        return 0.5 * np.einsum("si,si->s", slope, x - centre[rows]), slope

    return function, centre


def rosenbrock(x, rows):
    u, v = x[:, 0], x[:, 1]
    slope = np.stack([-400 * u * (v - u**2) - 2 * (1 - u), 200 * (v - u**2)], axis=1)
    return 100 * (v - u**2) ** 2 + (1 - u) ** 2, slope


def rosenbrock_starts():
    return np.concatenate([[[-1.2, 1.0]], np.random.default_rng(0).uniform(-2, 2, (9, 2))])


def test_quadratics_are_solved():
    function, centre = quadratics(8, 12)
    end = lbfgs(function, centre + np.random.default_rng(1).standard_normal(centre.shape), 1000, 1e-9)
    assert np.linalg.norm(end.gradient, axis=1).max() <= 1e-9
    np.testing.assert_allclose(end.x, centre, atol=1e-9)


def test_rosenbrock_is_solved():
    end = lbfgs(rosenbrock, rosenbrock_starts(), 500, 1e-9)
    np.testing.assert_allclose(end.x, 1.0, atol=1e-8)
    assert end.steps.max() < 200


def test_a_row_does_not_depend_on_its_batch():
    starts = rosenbrock_starts()
    together = lbfgs(rosenbrock, starts, 30, 1e-9)
    for i, start in enumerate(starts):
        alone = lbfgs(rosenbrock, start[None], 30, 1e-9)
        np.testing.assert_allclose(alone.x[0], together.x[i], rtol=1e-9, atol=1e-9)
        assert alone.steps[0] == together.steps[i]


def test_rows_are_told_which_problems_they_are():
    function, centre = quadratics(5, 4)
    order = np.array([3, 0, 4, 1, 2])
    shuffled = lambda x, rows: function(x, order[rows])
    ends = lbfgs(shuffled, np.zeros((5, 4)) + 1.0, 500, 1e-10)
    np.testing.assert_allclose(ends.x, centre[order], atol=1e-9)


def test_ends_never_lie_above_their_starts_and_report_what_is_there():
    starts = rosenbrock_starts()
    end = lbfgs(rosenbrock, starts, 7, 1e-12)
    at_end = rosenbrock(end.x, None)
    np.testing.assert_array_equal(end.value, at_end[0])
    np.testing.assert_array_equal(end.gradient, at_end[1])
    assert (end.value <= rosenbrock(starts, None)[0]).all()
    assert (end.steps <= 7).all()


def test_a_stationary_start_stays():
    end = lbfgs(rosenbrock, np.ones((1, 2)), 10, 1e-9)
    np.testing.assert_array_equal(end.x, 1.0)
    assert end.steps[0] == 0


def test_steps_into_the_forbidden_are_shortened():
    def barrier(x, rows):
        return np.sum(x - np.log(x), axis=1), 1 - 1 / x

    end = lbfgs(barrier, np.array([[1e-3, 5.0], [3.0, 0.2]]), 200, 1e-10)
    np.testing.assert_allclose(end.x, 1.0, atol=1e-9)


# Points and their verdicts.


def code_point(problem, means):
    """Balanced factors of class-mean logits, and the objective of the problem."""
    objective = RungObjective.of(problem)
    rank = Reduction(problem).singular_values(means).size
    return objective, balanced_factors(means / objective.column, rank)


def best_code(name, problem):
    """Class-mean logits of a named structure at its best scales, and its loss."""
    structure = named(name, problem.classes)
    best = best_scales(structure, problem.depth, problem.reg, problem.samples, problem.loss)
    scale = np.atleast_2d(best.scales).reshape(-1)
    return structure.shape(scale), float(best.loss)


def simplex_point(problem):
    return code_point(problem, best_code("simplex", problem)[0])


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("simplex", DeepUFM(4, 1, 1e-2)),
        ("simplex", DeepUFM(5, 2, 1e-3, 3)),
        ("pairs", DeepUFM(6, 2, 1e-3)),
        ("pairs", DeepUFM(10, 2, 2**-10, 5)),
        ("polygon", DeepUFM(5, 20, 1e-4)),
    ],
)
def test_known_minima(name, problem):
    means, loss = best_code(name, problem)
    objective, start = code_point(problem, means)
    noise = 1e-3 * np.random.default_rng(0).standard_normal(start.shape)
    point = polish(objective, start + noise - noise.mean(axis=1, keepdims=True))
    assert point.verdict == "minimum"
    assert point.gradient_norm < 1e-9
    assert point.loss == pytest.approx(loss, rel=1e-12)
    assert point.rank == start.shape[2]


def find_saddle():
    """The pairs code at K = 4 halved onto a line: a stationary point of rank one whose symmetry hides descent."""
    problem = DeepUFM(4, 2, 1e-2)
    objective = RungObjective.of(problem)
    signs = np.array([[1.0], [1.0], [-1.0], [-1.0]])
    end = descend(objective, np.stack([signs, signs])[None] * 1.5, tolerance=1e-12)
    return objective, polish(objective, end.factors[0])


def test_a_known_saddle_and_the_way_down():
    objective, saddle = find_saddle()
    assert saddle.gradient_norm < 1e-9
    assert saddle.verdict == "saddle"
    assert saddle.curvature < -1e-3
    lower = leave_saddle(objective, saddle)
    assert lower.loss < saddle.loss * (1 - 1e-3)


def test_the_curvature_of_a_saddle_is_the_smallest_of_the_hessian():
    objective, saddle = find_saddle()
    lowest = np.linalg.eigvalsh(objective.hessian(saddle.factors))[0]
    unit = 2 * saddle.rank * saddle.loss / np.linalg.norm(saddle.factors) ** 2
    assert saddle.curvature == pytest.approx(lowest / unit, rel=1e-8)


def test_the_curvature_after_a_tiny_step_is_that_at_the_point():
    problem = DeepUFM(8, 2, 1e-3)
    objective, code = code_point(problem, best_code("pairs", problem)[0])
    for noise in (1e-8, 1e-7, 1e-3):
        start = code + noise * np.random.default_rng(0).standard_normal(code.shape)
        point = polish(objective, start)
        assert point.verdict == "minimum"
        assert point.curvature == pytest.approx(_SecondOrder(objective, point.factors).lowest()[0], rel=1e-5)


def test_polish_does_not_stop_at_a_saddle_next_to_its_start():
    objective, saddle = find_saddle()
    nudge = 1e-2 * np.random.default_rng(0).standard_normal(saddle.factors.shape)
    point = polish(objective, saddle.factors + nudge)
    assert point.loss < saddle.loss


def test_nearly_lost_ranks_are_reported():
    objective, start = simplex_point(DeepUFM(4, 3, 1e-2))
    start[:, :, -1] *= 1e-4
    assert polish(objective, start).verdict == "rank dropped"


def test_descents_that_lose_rank_are_told():
    problem = DeepUFM(6, 20, 1e-3)
    objective = RungObjective.of(problem)
    end = descend(objective, random_codes(objective, 5, 12, np.random.default_rng(0)))
    assert end.dropped.any()


@pytest.mark.slow
def test_large_points_are_polished_without_a_hessian():
    problem = DeepUFM(32, 1, 1e-3)
    means, loss = best_code("simplex", problem)
    objective, start = code_point(problem, means)
    assert start.size > 900
    point = polish(objective, start * 1.001)
    assert point.loss == pytest.approx(loss, rel=1e-11)
    assert point.gradient_norm < 1e-9
    assert point.verdict == "minimum"


@pytest.mark.parametrize("samples", [1, SIZES])
@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_squared_error_descents_reach_the_closed_form_of_every_rank(samples, width):
    problem = DeepUFM(4, 2, 1e-3, samples, width, "mse")
    objective = RungObjective.of(problem)
    expected = Reduction(problem).value(squared_error_minimum(problem))
    starts = random_codes(objective, width, 16, np.random.default_rng(width))
    end = descend(objective, starts, steps=1000)
    found = np.where(end.dropped, np.inf, end.loss)
    point = polish(objective, end.factors[np.argmin(found)])
    assert point.verdict == "minimum"
    assert point.loss == pytest.approx(expected, rel=1e-11)
    assert found.min() >= expected * (1 - 1e-12)


@pytest.mark.parametrize(("name", "classes"), [("simplex", 4), ("simplex", 7), ("pairs", 6), ("pairs", 8)])
@pytest.mark.parametrize("samples", [1, 4])
def test_losses_of_descents_on_the_rung_of_a_structure(name, classes, samples):
    problem = DeepUFM(classes, 2, 1e-4, samples)
    means, loss = best_code(name, problem)
    objective, start = code_point(problem, means)
    end = descend(objective, 1.1 * start[None])
    assert polish(objective, end.factors[0]).loss == pytest.approx(loss, rel=1e-12)


def test_a_descent_does_not_depend_on_its_batch():
    objective = RungObjective.of(DeepUFM(5, 2, 1e-3))
    starts = random_codes(objective, 2, 6, np.random.default_rng(0))
    together = descend(objective, starts, steps=1000)
    converged = together.gradient_norm < 1e-6
    assert converged.sum() >= 3
    for i in np.flatnonzero(converged):
        alone = polish(objective, descend(objective, starts[i : i + 1], steps=1000).factors[0])
        assert alone.loss == pytest.approx(polish(objective, together.factors[i]).loss, rel=1e-10)


def test_a_ceiling_stops_descents_but_spoils_none_below_it():
    objective = RungObjective.of(DeepUFM(6, 3, 1e-3))
    starts = random_codes(objective, 2, 12, np.random.default_rng(1))
    free, capped = descend(objective, starts), descend(objective, starts, ceiling=0.0)
    assert np.argmin(free.loss) >= 0
    assert (capped.loss >= free.loss - 1e-12).all()


# Starts.


@pytest.mark.parametrize("problem", [DeepUFM(5, 2, 1e-3), DeepUFM(5, 2, 1e-3, (1, 2, 3, 4, 5))])
def test_random_codes_are_centred_full_rank_and_repeatable(problem):
    objective = RungObjective.of(problem)
    codes = random_codes(objective, 3, 4, np.random.default_rng(0))
    np.testing.assert_allclose(np.einsum("skr->sr", codes[:, 0]), 0.0, atol=1e-12)
    assert (np.linalg.matrix_rank(codes[:, 0] @ np.swapaxes(codes[:, 1], 1, 2)) == 3).all()
    np.testing.assert_array_equal(codes, random_codes(objective, 3, 4, np.random.default_rng(0)))


def test_a_split_point_has_one_more_direction():
    objective, start = code_point(DeepUFM(6, 2, 1e-3), best_code("pairs", DeepUFM(6, 2, 1e-3))[0])
    finer = split(objective, start, 3, np.random.default_rng(0))
    assert finer.shape == (3, 2, 6, 4)
    assert (np.linalg.matrix_rank(finer[:, 0] @ np.swapaxes(finer[:, 1], 1, 2)) == 4).all()


def test_products_are_cut_to_their_best_approximation():
    product = np.random.default_rng(0).standard_normal((5, 5))
    A, B = balanced_factors(product, 2)
    left_out = np.linalg.svd(product, compute_uv=False)[2:]
    assert np.linalg.norm(product - A @ B.T) == pytest.approx(np.linalg.norm(left_out), rel=1e-12)


@pytest.mark.parametrize("classes", [pytest.param(8, marks=pytest.mark.slow), 12])
def test_krylov_solves_agree_with_the_dense_hessian(classes, monkeypatch):
    objective = RungObjective.of(DeepUFM(classes, 3, 1e-3))
    codes = random_codes(objective, 3, 4, np.random.default_rng(2))
    ends = descend(objective, codes, tolerance=1e-4)
    factors = ends.factors[np.argmin(ends.loss)]
    dense = rung.polish(objective, factors)
    monkeypatch.setattr(rung, "DENSE", 0)
    # There are fewer unknowns than Lanczos vectors.
    monkeypatch.setattr(rung, "LANCZOS", 24)
    krylov = rung.polish(objective, factors)
    assert krylov.verdict == dense.verdict == "minimum"
    assert krylov.loss == pytest.approx(dense.loss, rel=1e-13)
    assert krylov.gradient_norm <= rung.STATIONARY
    assert krylov.curvature == pytest.approx(dense.curvature, rel=0.05)


def test_a_descent_ends_at_the_floor_of_rounding(monkeypatch):
    """Steps along the gradient that lower nothing, each after two dozen failed ones, went on to the last step."""
    problem = DeepUFM(8, 1, 1e-2, samples=tuple(range(1, 9)))
    evaluated = []
    whole = RungObjective.value_and_gradient
    counting = lambda self, points: evaluated.append(len(points)) or whole(self, points)
    monkeypatch.setattr(RungObjective, "value_and_gradient", counting)
    depth_one_minimum(problem, interpreted=True)
    assert sum(evaluated) < 1000


def test_steps_from_memory_that_change_nothing_end_a_descent():
    """A quadratic that freezes at a point, value and gradient: no step can do better there, and none is repeated."""
    asked = []

    def frozen(x, rows):
        asked.append(len(rows))
        x = np.maximum(x, 1e-9)
        return 1 + np.sum(x**2 * [1.0, 3.0], axis=1), x * [2.0, 6.0]

    ends = lbfgs(frozen, np.array([[3.0, 0.5]]), 4000, 1e-12)
    assert np.all(ends.x < 1e-6)
    assert sum(asked) < 200
