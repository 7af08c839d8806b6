"""The exact reduction of the linear model to class-mean logits, and its way back to the factors."""

import math
from dataclasses import FrozenInstanceError, replace
from itertools import pairwise

import mpmath
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.optimize import least_squares, minimize

from optima import DeepUFM, Reduction, best_scales, named
from optima.reduction import center, exponent, geometric_mean

# Results that the library gets wrong, or bad input that it accepts; the mark goes when the library is mended.

steady = settings(derandomize=True, deadline=None, max_examples=100)
seeds = st.integers(0, 2**32 - 1)
LOSSES = ("ce", "mse")


@st.composite
def problems(draw, losses=LOSSES, balanced=False, free_width=False):
    """Random linear models: K 2..6, L 1..8, one reg per factor, 1..4 samples in each class."""
    classes, depth = draw(st.integers(2, 6)), draw(st.integers(1, 8))
    sizes = st.integers(1, 4)
    regs = st.floats(1e-6, 10)
    return DeepUFM(
        classes=classes,
        depth=depth,
        reg=draw(st.lists(regs, min_size=depth + 1, max_size=depth + 1)),
        samples=draw(sizes if balanced else st.lists(sizes, min_size=classes, max_size=classes)),
        width=draw(st.none() if free_width else st.none() | st.integers(1, 7)),
        loss=draw(st.sampled_from(losses)),
    )


def random_means(problem, rng):
    """Random class-mean logits of a random rank that the model can carry."""
    rank = int(rng.integers(1, problem.max_rank + 1))
    size = 10.0 ** rng.uniform(-2, 1)
    return size * rng.normal(size=(problem.classes, rank)) @ rng.normal(size=(rank, problem.classes))


def random_factors(problem, rng):
    """Random factors of the model, each of its own size."""
    width = problem.width or int(rng.integers(1, 8))
    columns = int(problem.class_sizes.sum())
    shapes = [(width, width)] * (problem.depth - 1) + [(problem.classes, width), (width, columns)]
    return [10.0 ** rng.uniform(-1, 0.3) * rng.normal(size=shape) for shape in shapes]


def same(value):
    """Equal to 1e-12 relative."""
    return pytest.approx(value, rel=1e-12, abs=0)


def at_least(larger, smaller):
    return larger >= smaller - 1e-12 * max(1.0, abs(smaller))


def frobenius_terms(problem, factors):
    """lam_l ||W_l||_F^2 of every factor."""
    return np.array([reg * np.sum(factor**2) for reg, factor in zip(problem.regs, factors, strict=True)])


# Lifting and projecting


@steady
@given(problems(), seeds)
def test_lifted_factors_have_the_reduced_value_as_objective(problem, seed):
    reduction = Reduction(problem)
    means = random_means(problem, np.random.default_rng(seed))
    assert problem.objective(reduction.lift(means)) == same(reduction.value(means))


@steady
@given(problems(free_width=True), seeds, st.integers(0, 4))
def test_lifted_factors_may_have_any_hidden_bases_and_any_admissible_width(problem, seed, spare):
    reduction, rng = Reduction(problem), np.random.default_rng(seed)
    means = random_means(problem, rng)
    width = reduction.singular_values(means).size + spare
    factors = reduction.lift(means, width=width, rng=rng)
    assert factors[-1].shape == (width, problem.labels.size)
    assert problem.objective(factors) == same(reduction.value(means))


@steady
@given(problems(), seeds)
def test_lifted_factors_share_the_penalty_equally(problem, seed):
    reduction, rng = Reduction(problem), np.random.default_rng(seed)
    means = random_means(problem, rng)
    shares = frobenius_terms(problem, reduction.lift(means, rng=rng))
    np.testing.assert_allclose(shares, 2 * reduction.penalty(means) / (problem.depth + 1), rtol=1e-12)


@steady
@given(problems(), seeds)
def test_neighbouring_lifted_factors_are_balanced(problem, seed):
    reduction, rng = Reduction(problem), np.random.default_rng(seed)
    *weights, features = reduction.lift(random_means(problem, rng), rng=rng)
    scaled = [math.sqrt(reg) * factor for reg, factor in zip(problem.regs, [*weights, features], strict=True)]
    for before, after in pairwise([scaled[-1], *scaled[:-1]]):
        inner, outer = after.T @ after, before @ before.T
        np.testing.assert_allclose(inner, outer, atol=1e-12 * np.linalg.norm(outer))


@steady
@given(problems(), seeds)
def test_projecting_lifted_factors_gives_the_means_back(problem, seed):
    reduction, rng = Reduction(problem), np.random.default_rng(seed)
    means = random_means(problem, rng)
    factors = reduction.lift(means, rng=rng)
    size = np.linalg.norm(means)
    np.testing.assert_allclose(reduction.project(factors), means, atol=1e-12 * size)
    np.testing.assert_allclose(problem.logits(factors), reduction.replicate(means), atol=1e-12 * size)


def test_lifting_zero_gives_zero_factors():
    reduction = Reduction(DeepUFM(4, 3, 0.1, samples=2, width=2))
    factors = reduction.lift(np.zeros((4, 4)))
    assert [factor.shape for factor in factors] == [(2, 2), (2, 2), (4, 2), (2, 8)]
    assert not any(factor.any() for factor in factors)
    assert reduction.value(np.zeros((4, 4))) == pytest.approx(math.log(4), rel=1e-15)


def test_random_hidden_bases_are_had_again_from_the_same_seed():
    reduction, means = Reduction(DeepUFM(3, 3, 0.1)), np.diag([1.0, 2.0, 3.0])
    first, again, other = (reduction.lift(means, 5, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.allclose(first[0], other[0])


def test_random_hidden_bases_differ_from_layer_to_layer():
    reduction, means = Reduction(DeepUFM(3, 2, 0.1)), np.diag([1.0, 2.0, 3.0])
    coordinate, random = reduction.lift(means, 5)[0], reduction.lift(means, 5, np.random.default_rng(1))[0]
    np.testing.assert_array_equal(coordinate, coordinate.T)
    assert not np.allclose(random, random.T)


@pytest.mark.parametrize("size", [1e-300, 1e-150, 1e-20, 1e3, 1e150, 1e300])
@pytest.mark.parametrize("depth", [1, 2, 9])
def test_lifting_holds_at_extreme_sizes_of_the_logits(size, depth):
    problem = DeepUFM(3, depth, [10.0 ** (-k) for k in range(depth + 1)], samples=(1, 2, 3))
    reduction = Reduction(problem)
    means = size * np.array([[2.0, -1.0, 0.0], [-1.0, 2.0, 1.0], [0.0, 1.0, 3.0]])
    factors = reduction.lift(means)
    penalty = frobenius_terms(problem, factors).sum() / 2
    assert penalty == pytest.approx(reduction.penalty(means), rel=1e-12)
    np.testing.assert_allclose(reduction.project(factors) / size, means / size, atol=1e-12)


# The reduced value is a lower bound of the objective


@steady
@given(problems(), seeds)
def test_objective_of_any_factors_is_at_least_the_value_at_their_logits(problem, seed):
    factors = random_factors(problem, np.random.default_rng(seed))
    assert at_least(problem.objective(factors), Reduction(problem).value_at_logits(problem.logits(factors)))


@steady
@given(problems(), seeds)
def test_objective_of_any_factors_is_at_least_the_value_at_their_class_means(problem, seed):
    reduction = Reduction(problem)
    factors = random_factors(problem, np.random.default_rng(seed))
    assert at_least(problem.objective(factors), reduction.value(reduction.project(factors)))


@steady
@given(problems(), seeds, st.floats(-8, -1))
def test_lower_bound_holds_close_to_balanced_factors_where_it_is_tight(problem, seed, digits):
    reduction, rng = Reduction(problem), np.random.default_rng(seed)
    lifted = reduction.lift(random_means(problem, rng), rng=rng)
    factors = [factor * (1 + 10**digits * rng.normal(size=factor.shape)) for factor in lifted]
    assert at_least(problem.objective(factors), reduction.value(reduction.project(factors)))


@steady
@given(problems(), seeds)
def test_averaging_over_each_class_never_raises_the_value(problem, seed):
    reduction, rng = Reduction(problem), np.random.default_rng(seed)
    logits = rng.normal(size=(problem.classes, problem.labels.size)) * 10.0 ** rng.uniform(-2, 1)
    means = np.stack([logits[:, problem.labels == c].mean(axis=1) for c in range(problem.classes)], axis=1)
    averaged = means[:, problem.labels]
    assert at_least(reduction.value_at_logits(logits), reduction.value_at_logits(averaged))
    assert reduction.value(means) == same(reduction.value_at_logits(averaged))


@steady
@given(problems(losses=("ce",)), seeds)
def test_centring_columns_never_raises_the_cross_entropy_value(problem, seed):
    reduction, rng = Reduction(problem), np.random.default_rng(seed)
    means = random_means(problem, rng) + rng.normal(size=problem.classes)
    centred = center(means)
    assert at_least(reduction.value(means), reduction.value(centred))
    assert reduction.fit(centred) == same(reduction.fit(means))
    before, after = (np.linalg.svd(m * np.sqrt(problem.class_sizes), compute_uv=False) for m in (means, centred))
    assert np.all(after <= before + 1e-13 * before[0])
    np.testing.assert_allclose(centred.sum(axis=0), 0, atol=1e-13 * np.abs(means).max())


# Parts of the value


@steady
@given(problems(), seeds)
def test_value_at_replicated_means_is_the_value_of_the_means(problem, seed):
    reduction = Reduction(problem)
    means = random_means(problem, np.random.default_rng(seed))
    logits = reduction.replicate(means)
    np.testing.assert_array_equal(logits, means[:, problem.labels])
    assert reduction.fit(means) == same(problem.data_loss(logits))
    assert reduction.value(means) == same(reduction.value_at_logits(logits))


@steady
@given(problems(), seeds)
def test_penalty_is_half_the_number_of_factors_times_lambda_times_the_schatten_sum(problem, seed):
    reduction = Reduction(problem)
    means = random_means(problem, np.random.default_rng(seed))
    L = problem.depth
    lam = math.exp(math.fsum(math.log(reg) for reg in problem.regs) / (L + 1))
    s = np.linalg.svd(means[:, problem.labels], compute_uv=False)
    s = s[: np.linalg.matrix_rank(means)]
    assert reduction.penalty(means) == pytest.approx((L + 1) / 2 * lam * np.sum(s ** (2 / (L + 1))), rel=1e-11)
    np.testing.assert_allclose(reduction.singular_values(means), s, rtol=1e-9)
    assert reduction.exponent == exponent(L) == 2 / (L + 1)
    assert reduction.strength == pytest.approx((L + 1) / 2 * lam, rel=1e-14)


@steady
@given(problems(balanced=True), seeds)
def test_samples_enter_only_through_the_effective_reg(problem, seed):
    reduction = Reduction(problem)
    single = Reduction(replace(problem, samples=1, reg=reduction.effective_reg))
    means = random_means(problem, np.random.default_rng(seed))
    assert reduction.value(means) == same(single.value(means))
    np.testing.assert_allclose(reduction.gradient(means), single.gradient(means), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("depth", [1, 10, 200, 2000])
def test_rounding_noise_is_not_counted_as_rank(depth):
    problem = DeepUFM(6, depth, 0.1, samples=(1, 2, 3, 1, 2, 3))
    reduction, rng = Reduction(problem), np.random.default_rng(depth)
    left, right = np.linalg.qr(rng.normal(size=(6, 2)))[0], rng.normal(size=(2, 6))
    means = left @ right
    s = np.linalg.svd(right * np.sqrt(problem.class_sizes), compute_uv=False)
    assert reduction.singular_values(means).size == 2
    assert reduction.penalty(means) == pytest.approx(reduction.strength * np.sum(s ** (2 / (depth + 1))), rel=1e-12)
    assert reduction.value(means) == same(reduction.value_at_logits(reduction.replicate(means)))


def test_rounding_noise_of_many_samples_is_not_counted_as_rank():
    reduction, rng = Reduction(DeepUFM(6, 40, 0.01, samples=1000)), np.random.default_rng(0)
    for _ in range(10):
        means = np.outer(rng.normal(size=6), rng.normal(size=6))
        assert reduction.value_at_logits(reduction.replicate(means)) == same(reduction.value(means))


def cancelling_factors(depth, rng):
    """Factors of width 2 whose last weight all but annihilates what the features hold."""
    turn, left, right = (np.linalg.qr(rng.normal(size=(rows, 2)))[0] for rows in (2, 3, 3))
    last, features = left @ np.diag([1, 1e-4]) @ turn.T, turn @ np.diag([1e-4, 1]) @ right.T
    return [*[np.eye(2)] * (depth - 1), last, features]


def test_rounding_noise_of_cancelling_factors_is_not_counted_as_rank():
    problem, rng = DeepUFM(3, 100, 0.01, width=2), np.random.default_rng(0)
    reduction = Reduction(problem)
    for _ in range(10):
        factors = cancelling_factors(problem.depth, rng)
        assert at_least(problem.objective(factors), reduction.value_at_logits(problem.logits(factors)))
        assert at_least(problem.objective(factors), reduction.value(reduction.project(factors)))


def test_small_singular_values_above_rounding_count():
    reduction = Reduction(DeepUFM(3, 9, 0.1))
    means = np.diag([1.0, 1e-10, 0.0])
    assert reduction.penalty(means) == pytest.approx(0.5 * (1 + 1e-2), rel=1e-12)


# Gradient of the value


def rank_path(problem, rng):
    """M(t) = (A + t A') (B + t B')^T of one rank with singular values of order one, and M'(0)."""
    rank = int(rng.integers(1, problem.classes + 1))
    A, B = (np.linalg.qr(rng.normal(size=(problem.classes, rank)))[0] for _ in range(2))
    A = A * rng.uniform(0.5, 3, rank)
    dA, dB = rng.normal(size=A.shape), rng.normal(size=B.shape)
    return lambda t: (A + t * dA) @ (B + t * dB).T, dA @ B.T + A @ dB.T


def slope(function, step=2e-4):
    """Derivative at zero from four points."""
    near, far = (function(t) - function(-t) for t in (step, 2 * step))
    return (8 * near - far) / (12 * step)


@steady
@given(problems(), seeds)
def test_gradient_matches_differences_along_matrices_of_one_rank(problem, seed):
    reduction, rng = Reduction(problem), np.random.default_rng(seed)
    path, direction = rank_path(problem, rng)
    numeric = slope(lambda t: reduction.value(path(t)))
    analytic = np.vdot(reduction.gradient(path(0.0)), direction)
    assert analytic == pytest.approx(numeric, rel=1e-8, abs=1e-9 * max(1.0, reduction.value(path(0.0))))


@steady
@given(problems(), seeds)
def test_fit_gradient_matches_differences_in_any_direction(problem, seed):
    reduction, rng = Reduction(problem), np.random.default_rng(seed)
    means, direction = rng.normal(size=(2, problem.classes, problem.classes))
    numeric = slope(lambda t: reduction.fit(means + t * direction))
    assert np.vdot(reduction.fit_gradient(means), direction) == pytest.approx(numeric, abs=1e-10)


@steady
@given(problems(), seeds)
def test_gradient_in_the_factors_is_the_gradient_of_the_value_passed_through_the_layers(problem, seed):
    reduction, rng = Reduction(problem), np.random.default_rng(seed)
    means = random_means(problem, rng)
    factors = reduction.lift(means, rng=rng)
    at_logits = reduction.replicate(reduction.gradient(means) / problem.class_sizes)
    for index, gradient in enumerate(problem.gradient(factors)):
        before, after = neighbours(factors, index)
        wanted = after.T @ at_logits @ before.T
        size = np.linalg.norm(problem.regs[index] * factors[index]) + np.linalg.norm(after) * np.linalg.norm(before)
        np.testing.assert_allclose(gradient, wanted, atol=1e-11 * size)


def neighbours(factors, index):
    """Product of the factors applied before factor ``index`` of (W_1, ..., W_L, H), and of those after it."""
    *weights, features = factors
    order = [features, *weights]
    position = (index + 1) % len(order)
    before, after = np.eye(features.shape[1]), np.eye(weights[-1].shape[0])
    for factor in order[:position]:
        before = factor @ before
    for factor in reversed(order[position + 1 :]):
        after = after @ factor
    return before, after


# Critical points


def largest_gradient(problem, factors):
    return max(np.abs(gradient).max() for gradient in problem.gradient(factors))


CRITICAL = [
    ("simplex", 2, 1, "ce", 0.1),
    ("simplex", 4, 1, "ce", 0.05),
    ("simplex", 5, 2, "ce", 1e-2),
    ("simplex", 10, 3, "ce", 1e-3),
    ("pairs", 4, 3, "ce", 1e-2),
    ("pairs", 6, 4, "ce", 1e-3),
    ("polygon", 5, 5, "ce", 1e-3),
    ("polygon", 7, 7, "ce", 1e-4),
    ("frame", 4, 2, "mse", 1e-3),
    ("frame", 5, 5, "mse", 1e-3),
]


@pytest.mark.parametrize(("name", "classes", "depth", "loss", "reg"), CRITICAL)
@pytest.mark.parametrize("samples", [1, 3])
def test_lifted_structures_at_their_best_scale_are_critical_in_all_parameters(name, classes, depth, loss, reg, samples):
    regs = [reg * 2.0 ** (k - depth / 2) for k in range(depth + 1)]
    problem = DeepUFM(classes, depth, regs, samples=samples, loss=loss)
    reduction, structure = Reduction(problem), named(name, classes)
    best = best_scales(structure, depth, reduction.reg, samples, loss)
    means = structure.shape(tuple(best.scales))
    assert np.all(best.scales > 0)
    assert reduction.value(means) == pytest.approx(float(best.loss), rel=1e-12)
    factors = reduction.lift(means, rng=np.random.default_rng(0))
    assert largest_gradient(problem, factors) < 1e-9
    assert problem.objective(factors) == same(reduction.value(means))


def minimise_rung(reduction, rank, rng):
    """A local minimum of the value over M = A B^T of at most that rank, from a random start."""
    K = reduction.problem.classes

    def value_and_gradient(flat):
        A, B = flat.reshape(2, K, rank)
        gradient = reduction.gradient(A @ B.T)
        return reduction.value(A @ B.T), np.concatenate([(gradient @ B).ravel(), (gradient.T @ A).ravel()])

    start = np.concatenate([2 * np.eye(K, rank), 2 * np.eye(K, rank)]) + 0.3 * rng.normal(size=(2 * K, rank))
    found = minimize(value_and_gradient, start.ravel(), jac=True, method="BFGS", options={"gtol": 1e-11})
    # Line searches end where values no longer differ; the root of the gradient is found beyond that.
    rest = least_squares(lambda flat: value_and_gradient(flat)[1], found.x, xtol=1e-15, ftol=1e-15, gtol=1e-15)
    A, B = rest.x.reshape(2, K, rank)
    return A @ B.T


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize(("classes", "depth", "rank"), [(3, 1, 2), (4, 2, 3), (4, 3, 2), (5, 4, 2)])
def test_lifted_minima_of_a_rung_are_critical_in_all_parameters(loss, classes, depth, rank):
    regs = [2e-3 * 1.5 ** (k - depth / 2) for k in range(depth + 1)]
    problem = DeepUFM(classes, depth, regs, samples=range_sizes(classes), width=rank, loss=loss)
    reduction = Reduction(problem)
    means = minimise_rung(reduction, rank, np.random.default_rng(depth))
    assert np.linalg.matrix_rank(means, tol=1e-3) == rank
    assert largest_gradient(problem, reduction.lift(means)) < 1e-10


def range_sizes(classes):
    return tuple(1 + c % 3 for c in range(classes))


def test_critical_factors_found_without_the_reduction_are_balanced():
    problem = DeepUFM(3, 2, (0.004, 0.01, 0.02), samples=(1, 2, 3), width=2)
    shapes = [(2, 2), (3, 2), (2, 6)]
    cuts = np.cumsum([math.prod(shape) for shape in shapes])[:-1]

    def unpack(flat):
        return [part.reshape(shape) for part, shape in zip(np.split(flat, cuts), shapes, strict=True)]

    def objective_and_gradient(flat):
        factors = unpack(flat)
        return problem.objective(factors), np.concatenate([g.ravel() for g in problem.gradient(factors)])

    start = np.random.default_rng(5).normal(size=22)
    found = minimize(objective_and_gradient, start, jac=True, method="BFGS", options={"gtol": 1e-10})
    factors = unpack(found.x)
    reduction = Reduction(problem)
    assert largest_gradient(problem, factors) < 1e-8
    assert found.fun < math.log(3) - 0.1
    assert found.fun == pytest.approx(reduction.value(reduction.project(factors)), rel=1e-12)
    np.testing.assert_allclose(np.ptp(frobenius_terms(problem, factors)), 0, atol=1e-8)


def test_raising_the_rank_raises_the_value_faster_than_any_slope():
    reduction = Reduction(DeepUFM(4, 3, 1e-3))
    best = best_scales(named("pairs", 4), 3, 1e-3)
    means = named("pairs", 4).shape(tuple(best.scales))
    off = np.outer([1.0, 1, -1, -1], [1.0, 1, -1, -1]) / 4
    for step in (1e-3, 1e-5, 1e-7):
        rise = reduction.value(means + step * off) - reduction.value(means)
        assert rise == pytest.approx(reduction.strength * step**0.5, rel=0.2)


# Negative controls: each ingredient of the identity is needed


def schatten(reduction, means, p=None, lam=None, root_sizes=None):
    """c sum_i s_i^p with one ingredient exchanged for another."""
    L = reduction.problem.depth
    p = reduction.exponent if p is None else p
    lam = reduction.reg if lam is None else lam
    root_sizes = np.sqrt(reduction.problem.class_sizes) if root_sizes is None else root_sizes
    s = np.linalg.svd(means * root_sizes, compute_uv=False)
    return (L + 1) / 2 * lam * np.sum(s**p)


CONTROL = DeepUFM(4, 3, (0.001, 0.01, 0.1, 1.0), samples=(1, 2, 3, 4))
MEANS = np.diag([1.0, 2.0, 3.0, 4.0]) + 0.5
WRONG = {
    "exponent of one layer less": {"p": 2 / 3},
    "exponent off by 1e-9": {"p": 0.5 * (1 + 1e-9)},
    "arithmetic mean of the regs": {"lam": np.mean(CONTROL.regs)},
    "largest reg": {"lam": max(CONTROL.regs)},
    "class sizes left out": {"root_sizes": np.ones(4)},
    "class sizes without the root": {"root_sizes": np.array([1.0, 2.0, 3.0, 4.0])},
    "mean class size for all": {"root_sizes": np.full(4, math.sqrt(2.5))},
}


def test_control_identity_holds_with_the_right_ingredients():
    reduction = Reduction(CONTROL)
    lifted = frobenius_terms(CONTROL, reduction.lift(MEANS)).sum() / 2
    assert schatten(reduction, MEANS) == pytest.approx(lifted, rel=1e-13)


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG.keys())
def test_control_identity_fails_with_one_wrong_ingredient(wrong):
    reduction = Reduction(CONTROL)
    lifted = frobenius_terms(CONTROL, reduction.lift(MEANS)).sum() / 2
    assert schatten(reduction, MEANS, **wrong) != pytest.approx(lifted, rel=1e-12)


@steady
@given(problems(), seeds, st.floats(1.01, 3))
def test_control_unbalanced_factors_with_the_same_logits_cost_strictly_more(problem, seed, stretch):
    reduction, rng = Reduction(problem), np.random.default_rng(seed)
    factors = reduction.lift(random_means(problem, rng), rng=rng)
    value, penalty = problem.objective(factors), frobenius_terms(problem, factors).sum() / 2
    assume(penalty > 1e-8)
    factors[problem.depth - 1] = factors[problem.depth - 1] * stretch
    factors[-1] = factors[-1] / stretch
    extra = penalty / (problem.depth + 1) * (stretch**2 + stretch**-2 - 2)
    assert extra > 0
    assert problem.objective(factors) == pytest.approx(value + extra, rel=1e-11)


@pytest.mark.parametrize("direction", ["rotated", "sheared"])
def test_control_a_change_of_hidden_basis_is_free_only_if_orthogonal(direction):
    reduction = Reduction(CONTROL)
    first, *rest, features = reduction.lift(MEANS)
    rotation = np.linalg.qr(np.random.default_rng(0).normal(size=(4, 4)))[0]
    change = rotation if direction == "rotated" else np.eye(4) + 0.1 * np.eye(4, k=1)
    changed = [first @ np.linalg.inv(change), *rest, change @ features]
    np.testing.assert_allclose(CONTROL.logits(changed), reduction.replicate(MEANS), atol=1e-12)
    excess = CONTROL.objective(changed) - reduction.value(MEANS)
    assert excess > 1e-3 if direction == "sheared" else abs(excess) < 1e-12


def test_control_samples_do_not_enter_as_a_factor_of_the_reg():
    problem = DeepUFM(4, 2, 0.1, samples=5)
    value = Reduction(problem).value(MEANS)
    for wrong in (0.1, 0.1 * 5, 0.1 * 5**0.5):
        assert Reduction(DeepUFM(4, 2, wrong)).value(MEANS) != pytest.approx(value, rel=1e-6)
    assert Reduction(DeepUFM(4, 2, 0.1 * 5 ** (1 / 3))).value(MEANS) == same(value)


@pytest.mark.parametrize("loss", LOSSES)
def test_control_columns_that_differ_within_a_class_cost_strictly_more(loss):
    reduction = Reduction(replace(CONTROL, loss=loss))
    logits = reduction.replicate(MEANS)
    spread = logits.copy()
    spread[0, 1:3] += [0.1, -0.1]
    assert reduction.value_at_logits(spread) > reduction.value_at_logits(logits) + 1e-5


def test_control_centring_raises_the_squared_error_value():
    reduction = Reduction(DeepUFM(3, 2, 1e-4, loss="mse"))
    assert reduction.value(center(np.eye(3))) > reduction.value(np.eye(3)) + 0.1


def test_control_uncentred_logits_cost_strictly_more_under_cross_entropy():
    reduction = Reduction(DeepUFM(3, 2, 0.1))
    means = center(np.diag([1.0, 2.0, 3.0]))
    assert reduction.value(means + 1.0) > reduction.value(means) + 0.05


def test_control_gradient_says_nothing_about_directions_that_raise_the_rank():
    reduction = Reduction(DeepUFM(3, 2, 0.1))
    means, raising = np.diag([1.0, 2.0, 0.0]), np.diag([0.0, 0.0, 1.0])
    predicted = np.vdot(reduction.gradient(means), raising)
    observed = (reduction.value(means + 1e-9 * raising) - reduction.value(means)) / 1e-9
    assert abs(predicted) < 1
    assert observed > 100


def test_control_a_wrong_scale_is_not_critical():
    problem, simplex = DeepUFM(5, 2, 1e-2, samples=2), named("simplex", 5)
    best = best_scales(simplex, 2, 1e-2, 2)
    factors = Reduction(problem).lift(simplex.shape(tuple(1.001 * best.scales)))
    assert largest_gradient(problem, factors) > 1e-7


# Geometric mean


def exact_mean(values):
    with mpmath.workdps(60):
        return mpmath.fprod(mpmath.mpf(value) for value in values) ** (mpmath.mpf(1) / len(values))


positive_floats = st.floats(1e-300, 1e300) | st.floats(0.1, 10)


@settings(steady, max_examples=200)
@given(st.lists(positive_floats, min_size=1, max_size=30))
def test_geometric_mean_is_exact_to_a_few_ulps(values):
    exact = exact_mean(values)
    with mpmath.workdps(60):
        assert abs(geometric_mean(values) - exact) <= 4e-16 * exact


ENDS = {
    "both ends": [1e-300, 1e300],
    "product too large": [1e300] * 400 + [1e299],
    "product too small": [1e-300] * 400 + [1e-299],
    "largest floats": [1.7976931348623157e308, 1.7976931348623155e308],
    "smallest normal floats": [2.2250738585072014e-308, 2.5e-308],
    "neighbouring floats": [1.0, 1 + 2.0**-52],
    "subnormal and large": [5e-324, 1e300],
    "subnormal and one": [5e-324, 5e-324, 1.0],
    "many": [0.001] * 1000 + [0.002],
}


@pytest.mark.parametrize("values", ENDS.values(), ids=ENDS.keys())
def test_geometric_mean_survives_the_ends_of_the_float_range(values):
    exact = exact_mean(values)
    with mpmath.workdps(60):
        assert abs(geometric_mean(values) - exact) <= 4e-16 * exact


@settings(steady, max_examples=300)
@given(st.floats(5e-324, 1e308), st.integers(1, 50))
def test_geometric_mean_of_one_value_is_that_value(value, count):
    assert geometric_mean([value] * count) == value


@pytest.mark.parametrize("regs", [(1e-300, 1e300), (1e-300, 1e-300, 1e-299), (1e300, 1e299, 1e-200)])
def test_the_reg_of_a_reduction_neither_overflows_nor_underflows(regs):
    reduction = Reduction(DeepUFM(3, len(regs) - 1, regs))
    assert reduction.reg == pytest.approx(float(exact_mean(regs)), rel=1e-15)


# What is refused


def refused(match):
    """Refused with one sentence that says what is wrong."""
    return pytest.raises(ValueError, match=match)


def test_relu_models_have_no_reduction():
    with refused("linear") as error:
        Reduction(DeepUFM(3, 2, 0.1, activation="relu"))
    assert "\n" not in str(error.value)


def test_one_weight_matrix_leaves_no_place_for_relu():
    means = np.diag([1.0, 2.0, 3.0])
    assert Reduction(DeepUFM(3, 1, 0.1, activation="relu")).value(means) == Reduction(DeepUFM(3, 1, 0.1)).value(means)


def test_classes_of_different_size_have_no_effective_reg():
    with refused("equal size"):
        _ = Reduction(DeepUFM(2, 1, 0.1, samples=(1, 2))).effective_reg


@pytest.mark.parametrize("width", [0, 1, 2])
def test_a_width_smaller_than_the_rank_cannot_be_lifted_to(width):
    means = np.diag([1.0, 2.0, 3.0])
    with refused(f"width {width} cannot carry logits of rank 3"):
        Reduction(DeepUFM(3, 2, 0.1)).lift(means, width=width)


def test_a_model_narrower_than_the_rank_cannot_be_lifted_to():
    reduction = Reduction(DeepUFM(3, 2, 0.1, width=2))
    with refused("width 2 cannot carry logits of rank 3"):
        reduction.lift(np.diag([1.0, 2.0, 3.0]))
    assert len(reduction.lift(np.diag([1.0, 2.0, 0.0]))) == 3


TAKES_MEANS = ["fit", "fit_gradient", "singular_values", "penalty", "value", "gradient", "replicate", "lift"]


@pytest.mark.parametrize("method", TAKES_MEANS)
@pytest.mark.parametrize("shape", [(), (3,), (2, 2), (4, 4), (3, 6), (6, 3), (1, 3, 3)])
def test_means_of_the_wrong_shape_are_refused(method, shape):
    reduction = Reduction(DeepUFM(3, 2, 0.1, samples=2))
    with refused(r"pass shape \(3, 3\)") as error:
        getattr(reduction, method)(np.ones(shape))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("method", TAKES_MEANS)
def test_means_given_as_lists_of_integers_count_as_floats(method):
    reduction = Reduction(DeepUFM(2, 2, 0.1, samples=2))
    of_list, of_array = (
        getattr(reduction, method)(means) for means in ([[2, -1], [0, 3]], np.array([[2.0, -1.0], [0.0, 3.0]]))
    )
    if method != "lift":
        of_list, of_array = [of_list], [of_array]
    for a, b in zip(of_list, of_array, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("shape", [(3, 7), (4, 6), (6, 3), (3,)])
def test_logits_of_the_wrong_shape_are_refused(shape):
    with refused(r"shape.*pass"):
        Reduction(DeepUFM(3, 2, 0.1, samples=2)).value_at_logits(np.zeros(shape))


def test_a_width_other_than_that_of_the_model_is_refused():
    with refused("width"):
        Reduction(DeepUFM(3, 2, 0.1, width=3)).lift(np.eye(3), width=4)


def test_factors_that_do_not_chain_cannot_be_projected():
    with refused("factor shapes"):
        Reduction(DeepUFM(3, 1, 0.1)).project([np.ones((3, 2)), np.ones((3, 3))])


def test_a_reduction_cannot_be_changed():
    reduction = Reduction(DeepUFM(3, 1, 0.1))
    with pytest.raises(FrozenInstanceError):
        reduction.problem = DeepUFM(3, 2, 0.1)
    assert reduction == Reduction(DeepUFM(3, 1, 0.1))


# Singular values that count as zero


@pytest.mark.parametrize(
    "problem",
    [
        DeepUFM(6, 3, 1e-3, width=1),
        DeepUFM(5, 2, 1e-3, samples=(100, 100, 10, 10, 1), width=2),
        DeepUFM(4, 1, 1e-2, samples=7, width=2, loss="mse"),
    ],
)
def test_value_is_that_of_factors_within_the_width(problem):
    """The fit once saw singular values beyond the width that the penalty left out: bounds were 1e-3 too low."""
    reduction, rng = Reduction(problem), np.random.default_rng(0)
    for size in (10.0, 1e3):
        codes = rng.normal(size=(2, problem.classes, problem.max_rank))
        noise = rng.normal(size=(problem.classes,) * 2)
        means = size * (codes[0] @ codes[1].T + 1e-7 * noise)
        assert reduction.rank(means) == problem.max_rank
        factors = reduction.lift(means)
        assert reduction.value(means) == pytest.approx(problem.objective(factors), rel=1e-12)
        assert reduction.value(means) == pytest.approx(reduction.value(reduction.project(factors)), rel=1e-12)
        logits = reduction.replicate(means)
        assert reduction.value_at_logits(logits) == pytest.approx(reduction.value(means), rel=1e-10)
        assert reduction.rank(reduction.admissible(means)) == problem.max_rank


def test_rank_does_not_depend_on_the_number_of_samples():
    means = np.diag([1.0, 1e-5, 0.0])
    assert [Reduction(DeepUFM(3, 2, 1e-3, samples=n)).rank(means) for n in (1, 10**9, 10**12)] == [2, 2, 2]
