"""The global search: known values, agreement with other ways to solve the same problem, and its invariances."""

import json
import math

import numpy as np
import pytest

from optima import DeepUFM, Reduction, best_scales, catalogue, named, solve
from optima.model.key import problem_dict
from optima.proofs.convex import depth_one
from optima.search.effort import EFFORTS, SHARED
from optima.search.ladder import search
from optima.search.rungs import SCOUTS
from optima.search.tally import Tally

SIZES = (1, 2, 3, 4)
SMALL = [DeepUFM(4, 2, 1e-2), DeepUFM(5, 3, 1e-3, 2), DeepUFM(6, 4, 1e-4)]


def scalar_minimum(function, top):
    """Least value over [0, top] of a function of one variable that may have two local minima."""
    points = np.concatenate([[0.0], np.geomspace(1e-9 * top, top, 4001)])
    for _ in range(6):
        best = int(np.argmin(function(points)))
        low, high = points[max(best - 1, 0)], points[min(best + 1, points.size - 1)]
        points = np.concatenate([points[[best]], np.linspace(low, high, 2001)])
    return float(function(points).min())


def gradient_norm(problem, factors):
    return math.sqrt(sum(float(np.sum(g**2)) for g in problem.gradient(factors)))


def size(factors):
    return math.sqrt(sum(float(np.sum(factor**2)) for factor in factors))


def all_parameter_hessian(problem, factors, step=1e-5):
    """Hessian of the objective over all parameters, by central differences of its gradient."""
    shapes = [factor.shape for factor in factors]
    cuts = np.cumsum([factor.size for factor in factors])[:-1]
    at = np.concatenate([factor.ravel() for factor in factors])

    def gradient(x):
        parts = [part.reshape(shape) for part, shape in zip(np.split(x, cuts), shapes, strict=True)]
        return np.concatenate([g.ravel() for g in problem.gradient(parts)])

    moves = step * np.eye(at.size)
    H = np.array([(gradient(at + move) - gradient(at - move)) / (2 * step) for move in moves])
    return 0.5 * (H + H.T)


# Known values.


def test_the_figure_of_the_paper():
    solution = solve(DeepUFM(10, 2, 2**-10, 5))
    assert solution.loss == pytest.approx(0.08001265924512753, rel=1e-13)
    assert solution.structure == "pairs"
    assert solution.rank == 5


def test_icosahedron():
    solution = solve(DeepUFM(12, 3, 1e-3))
    assert solution.loss == pytest.approx(0.0469559207167, abs=5e-14)
    assert solution.structure == "icosahedron"
    assert solution.rank == 3


@pytest.mark.slow
def test_clebsch_graph():
    solution = solve(DeepUFM(16, 2, 1e-3), effort="quick")
    assert solution.structure == "srg-clebsch-complement"
    assert solution.loss == pytest.approx(solution.candidates["srg-clebsch-complement"], rel=1e-13)


def test_nine_classes_are_not_symmetric():
    solution = solve(DeepUFM(9, 3, 1e-3))
    assert solution.loss == pytest.approx(0.0369394940, abs=1e-9)
    assert np.linalg.norm(solution.means - solution.means.T) > 0.01 * np.linalg.norm(solution.means)


def test_the_highest_rank_alone_is_worse_than_the_ladder():
    """A search that looks in the wrong place is told apart from one that does not."""
    problem = DeepUFM(10, 3, 1e-3)
    crippled, full = solve(problem, ranks=[9]), solve(problem)
    assert crippled.rank == 9
    assert full.rank < 9
    assert full.loss < crippled.loss * (1 - 1e-2)


@pytest.mark.parametrize("problem", SMALL)
def test_never_above_a_named_structure(problem):
    solution = solve(problem, effort="quick")
    assert set(solution.candidates) == {s.name for s in catalogue(problem.classes)}
    assert solution.loss <= min(solution.candidates.values()) * (1 + 1e-13)


@pytest.mark.slow
@pytest.mark.parametrize("classes", range(3, 14))
@pytest.mark.parametrize("depth", [2, 4, 30])
def test_never_above_a_named_structure_over_a_grid(classes, depth):
    for reg in (1e-6, 1e-3, 3e-2):
        solution = solve(DeepUFM(classes, depth, reg), effort="quick")
        assert solution.loss <= min(solution.candidates.values()) * (1 + 1e-12)
        assert solution.loss == pytest.approx(Reduction(solution.problem).value(solution.means), rel=1e-13)


# Closed forms.


@pytest.mark.parametrize("depth", [1, 2, 3, 10, 100])
@pytest.mark.parametrize("reg", [1e-9, 1e-3, 3e-2, 0.5])
def test_two_classes(depth, reg):
    problem = DeepUFM(2, depth, reg, 3)
    c, p = Reduction(problem).strength, Reduction(problem).exponent
    expected = scalar_minimum(lambda a: np.log1p(np.exp(-a)) + c * (math.sqrt(3) * a) ** p, 100.0)
    assert solve(problem).loss == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("depth", [1, 2, 5])
@pytest.mark.parametrize("width", [None, 2])
@pytest.mark.parametrize("samples", [3, SIZES, (7, 1, 1, 1)])
def test_squared_error(depth, width, samples):
    regs = tuple(1e-3 * 2.0**i for i in range(depth + 1))
    problem = DeepUFM(4, depth, regs, samples, width, "mse")
    c, p = Reduction(problem).strength, Reduction(problem).exponent
    roots, total = np.sqrt(problem.class_sizes), problem.labels.size
    values = [scalar_minimum(lambda s, r=root: (s - r) ** 2 / (2 * total) + c * s**p, 2 * root) for root in roots]
    gains = np.sort(roots**2 / (2 * total) - values)[::-1][: problem.max_rank]
    solution = solve(problem)
    assert solution.loss == pytest.approx(0.5 - gains.sum(), rel=1e-9)
    assert solution.rank <= problem.max_rank


@pytest.mark.parametrize(("depth", "reg_features"), [(2, 1e-3), (3, 1e-2), (6, 1e-4)])
def test_squared_error_polynomial(depth, reg_features):
    problem = DeepUFM(5, depth, (*[1e-2] * depth, reg_features), 4, None, "mse")
    share = solve(problem).singular_values / math.sqrt(4)
    constant = 1e-2**depth * reg_features * 5 ** (depth + 1) * 4
    assert share.size == 5
    np.testing.assert_allclose(share ** (depth - 1) * (1 - share) ** (depth + 1), constant, rtol=1e-9)


@pytest.mark.parametrize(("excess", "rank"), [(0.999, 4), (1.001, 0)])
def test_squared_error_threshold_of_the_zero(excess, rank):
    depth, classes = 3, 4
    largest = ((depth - 1) ** (depth - 1) / depth ** (2 * depth) / classes ** (depth + 1)) ** (1 / (depth + 1))
    solution = solve(DeepUFM(classes, depth, largest * excess, loss="mse"))
    assert solution.rank == rank


@pytest.mark.parametrize("reg", [1e-3, 2e-2, 0.1])
@pytest.mark.parametrize("samples", [1, 5, SIZES, (1, 1, 1, 30)])
def test_depth_one_is_the_nuclear_norm_problem(reg, samples):
    problem = DeepUFM(4, 1, reg, samples)
    solution = solve(problem)
    assert solution.loss == pytest.approx(depth_one.minimum(problem).value, rel=1e-7)
    assert solution.known_by.startswith("exact: convex")


def test_depth_one_has_a_dual_certificate():
    problem = DeepUFM(5, 1, (3e-3, 1e-2), (1, 2, 3, 4, 5))
    solution = solve(problem)
    dual = Reduction(problem).fit_gradient(solution.means) / np.sqrt(problem.class_sizes)
    assert np.linalg.norm(dual, 2) <= Reduction(problem).reg * (1 + 1e-8)
    assert solution.fit + solution.penalty == solution.loss


@pytest.mark.parametrize("classes", [3, 4, 7])
def test_depth_one_is_the_simplex(classes):
    solution = solve(DeepUFM(classes, 1, 1e-3))
    assert solution.structure == "simplex"
    assert solution.loss == pytest.approx(float(best_scales(named("simplex", classes), 1, 1e-3).loss), rel=1e-12)


# The minima are minima of what is trained.


@pytest.mark.parametrize("problem", [*SMALL, DeepUFM(4, 2, 1e-3, SIZES), DeepUFM(4, 2, (1e-3, 1e-2, 1e-1))])
def test_every_minimum_is_stationary_in_all_parameters(problem):
    solution = solve(problem, effort="quick")
    assert problem.objective(solution.factors()) == pytest.approx(solution.loss, rel=1e-12)
    minima = [m for rung in solution.ladder for m in rung.minima if m.verdict == "minimum"]
    assert minima
    for minimum in minima:
        factors = Reduction(problem).lift(minimum.means)
        assert problem.objective(factors) == pytest.approx(minimum.loss, rel=1e-12)
        assert gradient_norm(problem, factors) * size(factors) <= 1e-8 * minimum.loss * problem.depth
        assert minimum.gradient_norm <= 1e-9
        assert minimum.curvature >= -1e-7


@pytest.mark.parametrize(
    "problem", [DeepUFM(3, 1, 1e-2), DeepUFM(3, 2, 1e-2), DeepUFM(4, 3, 1e-2), DeepUFM(3, 2, 1e-2, (1, 2, 3))]
)
def test_every_minimum_is_one_over_all_parameters(problem):
    for rung in solve(problem).ladder:
        for minimum in rung.minima:
            if minimum.verdict == "minimum":
                H = all_parameter_hessian(problem, Reduction(problem).lift(minimum.means))
                assert np.linalg.eigvalsh(H)[0] >= -1e-6


def test_no_random_step_from_the_minimum_goes_down():
    problem = DeepUFM(5, 3, 1e-3, 2)
    solution, rng = solve(problem), np.random.default_rng(0)
    factors = solution.factors()
    for scale in (1e-3, 1e-2, 0.1, 1.0):
        for _ in range(20):
            moved = [factor + scale * rng.standard_normal(factor.shape) for factor in factors]
            assert problem.objective(moved) >= solution.loss * (1 - 1e-12)


# Invariances.


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_relabelling_the_classes(depth):
    losses = [solve(DeepUFM(4, depth, 1e-3, sizes)).loss for sizes in (SIZES, SIZES[::-1], (3, 1, 4, 2))]
    np.testing.assert_allclose(losses, losses[0], rtol=1e-10)


def test_samples_enter_through_the_effective_regularisation():
    many = DeepUFM(5, 3, 1e-3, 7)
    one = DeepUFM(5, 3, Reduction(many).effective_reg)
    assert solve(many).loss == pytest.approx(solve(one).loss, rel=1e-12)


def test_only_the_geometric_mean_of_the_regularisations_counts():
    uneven = solve(DeepUFM(5, 2, (1e-2, 1e-3, 1e-4)))
    assert uneven.loss == pytest.approx(solve(DeepUFM(5, 2, 1e-3)).loss, rel=1e-12)
    assert uneven.problem.objective(uneven.factors()) == pytest.approx(uneven.loss, rel=1e-12)


def test_equal_seeds_equal_results_and_other_seeds_equal_losses():
    problem = DeepUFM(7, 3, 1e-3)
    first, again, other = solve(problem, seed=3), solve(problem, seed=3), solve(problem, seed=4)
    np.testing.assert_array_equal(first.means, again.means)
    assert [rung.loss for rung in first.ladder] == [rung.loss for rung in again.ladder]
    assert (first.known_by, first.structure) == (again.known_by, again.structure)
    assert first.loss == pytest.approx(other.loss, rel=1e-11)


@pytest.mark.parametrize("problem", SMALL)
def test_efforts_agree_on_small_problems(problem):
    losses = [solve(problem, effort=effort).loss for effort in ("quick", "normal")]
    np.testing.assert_allclose(losses, losses[0], rtol=1e-11)


@pytest.mark.slow
def test_the_loss_rises_with_the_regularisation():
    losses = [solve(DeepUFM(5, 3, reg), effort="quick").loss for reg in np.geomspace(1e-4, 1.0, 6)]
    assert (np.diff(losses) >= 0).all()
    assert losses[-1] == pytest.approx(math.log(5), rel=1e-14)


# Widths, ranks, starts.


def test_width_bounds_the_rank():
    unbounded = solve(DeepUFM(6, 2, 1e-3))
    losses = [solve(DeepUFM(6, 2, 1e-3, width=width)) for width in range(1, 7)]
    for width, solution in enumerate(losses, 1):
        assert solution.rank <= width
        assert solution.loss >= unbounded.loss * (1 - 1e-12)
        assert [factor.shape for factor in solution.factors()] == [(width, width), (6, width), (width, 6)]
    assert (np.diff([solution.loss for solution in losses]) <= 1e-12).all()
    assert losses[-1].loss == pytest.approx(unbounded.loss, rel=1e-12)


@pytest.mark.parametrize("width", [1, 2, 3])
def test_width_at_depth_one(width):
    problem = DeepUFM(5, 1, 1e-2, width=width)
    solution = solve(problem)
    assert solution.rank <= width
    assert solution.loss >= solve(DeepUFM(5, 1, 1e-2)).loss
    # Not convex under the bound: at least as good as a search of the same ranks.
    searched = solve(problem, ranks=range(1, width + 1))
    assert solution.loss <= searched.loss * (1 + 1e-9)


def test_only_the_ranks_asked_for():
    solution = solve(DeepUFM(6, 2, 1e-3), ranks=[2, 4])
    assert [rung.rank for rung in solution.ladder] == [2, 4]
    assert solution.loss == pytest.approx(min(rung.loss for rung in solution.ladder), rel=1e-13)


def test_the_ladder_is_by_rank_with_the_best_first():
    solution = solve(DeepUFM(6, 2, 1e-3))
    assert [rung.rank for rung in solution.ladder] == sorted({rung.rank for rung in solution.ladder})
    for rung in solution.ladder:
        losses = [minimum.loss for minimum in rung.minima]
        assert losses == sorted(losses)
        assert all(Reduction(solution.problem).singular_values(m.means).size == rung.rank for m in rung.minima)
    assert solution.loss == pytest.approx(min(rung.loss for rung in solution.ladder), rel=1e-13)


@pytest.mark.slow
def test_a_good_start_is_never_left_behind():
    good = solve(DeepUFM(9, 3, 1e-3))
    again = solve(DeepUFM(9, 3, 1e-3), effort="quick", ranks=[3], starts=[good.means])
    assert again.loss <= good.loss * (1 + 1e-12)


def test_a_rung_out_of_reach_gets_few_starts():
    solution = solve(DeepUFM(12, 3, 1e-3))
    starts = {rung.rank: rung.starts for rung in solution.ladder}
    assert starts[2] == EFFORTS["normal"].few < EFFORTS["normal"].batch
    assert starts[solution.rank] > EFFORTS["normal"].few
    shared = {rung.rank: rung.starts for rung in search(DeepUFM(12, 3, 1e-3), shared=True).ladder}
    assert shared[2] >= SHARED


def test_classes_that_differ_in_size_get_whole_batches():
    solution = search(DeepUFM(6, 3, 1e-3, (1, 2, 3, 4, 5, 6)))
    random = [rung.starts for rung in solution.ladder if rung.starts > SCOUTS]
    assert random
    assert all((starts - SCOUTS) % EFFORTS["normal"].batch == 0 for starts in random)


@pytest.mark.parametrize(("hits", "starts"), [([], 0), ([1], 2), ([2], 2), ([1, 1], 4), ([3, 2, 1], 7)])
def test_so_many_starts_are_enough(hits, starts):
    tally = Tally(3, losses=list(range(len(hits))), hits=hits, random=starts)
    for allowed in (0.3, 0.1, 0.03):
        for enough in (False, True):
            tally.random = tally.enough(allowed) - (not enough)
            assert (tally.unseen <= allowed * (1 + 1e-12)) == enough


def test_progress_is_told_rung_by_rung():
    lines = []
    solve(DeepUFM(5, 3, 1e-3), effort="quick", progress=lines.append)
    assert lines
    assert lines[0].startswith("named structures: best ")
    assert all(line.startswith("rank ") and "\n" not in line for line in lines[1:])


# Ends of the ranges.


@pytest.mark.parametrize(
    "problem",
    [DeepUFM(4, 3, 1.0), DeepUFM(4, 1, 0.5), DeepUFM(3, 2, 0.5, (1, 2, 3))],
)
def test_zero_wins_above_its_threshold(problem):
    solution = solve(problem)
    assert solution.loss == pytest.approx(math.log(problem.classes), rel=1e-14)
    assert solution.rank == 0
    assert solution.structure.startswith("zero")
    np.testing.assert_array_equal(solution.means, 0.0)


@pytest.mark.parametrize(
    "problem",
    [
        DeepUFM(6, 3, 1e-12),
        DeepUFM(6, 200, 1e-12),
        DeepUFM(6, 200, 1e-3),
        DeepUFM(4, 3, 1e-300),
        DeepUFM(3, 10_000, 1e-3),
        DeepUFM(4, 2, 1e-3, 100_000),
        DeepUFM(4, 2, 1e6),
        DeepUFM(4, 1, 1e-14),
    ],
    ids=lambda problem: f"K{problem.classes}-L{problem.depth}-{problem.reg:g}-n{problem.samples}",
)
def test_extremes(problem):
    solution = solve(problem, effort="quick")
    assert 0 < solution.loss <= min(solution.candidates.values()) * (1 + 1e-12)
    assert np.isfinite(solution.means).all()
    json.dumps(solution.as_dict(logits=True), allow_nan=False)


def test_one_class_much_larger_than_the_others():
    problem = DeepUFM(4, 3, 1e-2, (1, 2, 3, 400))
    solution = solve(problem)
    zero = Reduction(problem).value(np.zeros((4, 4)))
    assert solution.loss <= zero
    # Logits that name the large class for every sample are admissible.
    for scale in np.linspace(0.5, 10, 20):
        constant = np.zeros((4, 4))
        constant[3] = scale
        assert solution.loss <= Reduction(problem).value(constant)


def test_imbalance_has_no_named_candidates():
    solution = solve(DeepUFM(4, 2, 1e-3, SIZES), effort="quick")
    assert solution.candidates == {}
    assert problem_dict(solution.problem)["samples"] == list(SIZES)


# Mistakes.


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"effort": "hard"}, "effort"),
        ({"effort": None}, "effort"),
        ({"seed": -1}, "seed"),
        ({"seed": 1.5}, "seed"),
        ({"ranks": []}, "ranks"),
        ({"ranks": [0]}, "rank"),
        ({"ranks": [9]}, "rank"),
        ({"ranks": [2.5]}, "rank"),
        ({"starts": [np.zeros((4, 4))]}, "shape"),
        ({"starts": [np.full((5, 5), np.nan)]}, "nan"),
    ],
    ids=str,
)
def test_mistakes_are_told_in_one_line(arguments, words):
    with pytest.raises((ValueError, TypeError), match=words) as caught:
        solve(DeepUFM(5, 3, 1e-3), **arguments)
    assert "\n" not in str(caught.value)
    assert "pass" in str(caught.value)


def test_relu_models_are_refused():
    with pytest.raises(ValueError, match="linear"):
        search(DeepUFM(4, 3, 1e-3, activation="relu"))


@pytest.mark.slow
def test_a_hundred_classes_are_brought_to_rest():
    """Beyond 48 classes the ranks are bracketed, and the Hessian is too large to form."""
    solution = solve(DeepUFM(100, 3, 1e-3), effort="quick")
    best = min((rung.minima[0] for rung in solution.ladder), key=lambda minimum: minimum.loss)
    assert solution.rank == 6
    assert best.verdict == "minimum"
    assert best.gradient_norm <= 1e-9
    assert solution.loss < 0.2133
    assert solution.loss < min(solution.candidates.values())
