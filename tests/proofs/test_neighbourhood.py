"""Neighbourhoods in which nothing is better: their bound, the boxes inside, proofs with them, wrong ones refused."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray
from test_box_bound import directions

from optima import DeepUFM, Solution, solve
from optima.checker.arithmetic import Balls, Floats, Numbers
from optima.checker.boxes import Boxes
from optima.checker.instance import Instance
from optima.checker.neighbourhood import Neighbourhoods
from optima.model import Array
from optima.proofs.boxes import MatrixBoxes
from optima.proofs.budget import Budget
from optima.proofs.certificate import Certificate
from optima.proofs.claims import Claims
from optima.proofs.dual import FitDual, Trace
from optima.proofs.form import ConvexConcave, centred_basis
from optima.proofs.neighbourhood import Neighbourhood, frame_of, neighbourhood_of
from optima.proofs.prove import prove
from optima.proofs.small_problems import search_of

PROBLEMS = {
    "two classes": DeepUFM(2, 3, 1e-2),
    "two classes of unequal size": DeepUFM(2, 2, 1e-2, samples=(3, 9)),
    "three classes": DeepUFM(3, 2, 1e-2),
    "three classes, deeper": DeepUFM(3, 5, 1e-3),
    "three classes of unequal size": DeepUFM(3, 2, 1e-2, samples=(1, 2, 4)),
    "three classes of unequal size, deeper": DeepUFM(3, 5, 1e-3, samples=(1, 2, 5)),
    "four classes": DeepUFM(4, 2, 1e-3),
    "four classes, more regularised": DeepUFM(4, 2, 1e-2),
    "four classes of unequal size": DeepUFM(4, 2, 1e-3, samples=(1, 2, 2, 3)),
}
SEARCHED = {name: PROBLEMS[name] for name in list(PROBLEMS)[:5]}
# Here the best logits of rank two are a local minimum, and rank one is better by 2 %.
LOCAL = DeepUFM(3, 5, 0.04, samples=(1, 2, 4))


@cache
def solution(problem: DeepUFM, rank: int | None = None) -> Solution:
    return solve(problem, effort="quick", ranks=None if rank is None else [rank])


def neighbourhood(problem: DeepUFM, logits: Array) -> Neighbourhood:
    near = neighbourhood_of(ConvexConcave.of(problem), logits)
    assert near is not None
    return near


# What is stated: nothing within rho of the minimum is better than the bound.


def gram_root(form: ConvexConcave, logits: Array) -> Array:
    """Rows W (m, K) of logits with M = W W^T."""
    return np.asarray(centred_basis(form.classes).T @ logits * np.sqrt(form.count))


def within(rng: np.random.Generator, m: int, radius: float) -> Array:
    """Random X (N, m, m) on the sphere of this radius, and inside; some of rank one."""
    X = rng.standard_normal((60, m, m))
    X[::3] = rng.choice([-1, 1], (20, 1, 1)) * X[::3, :, :1] @ np.swapaxes(X[::3, :, :1], 1, 2)
    X = X + np.swapaxes(X, 1, 2)
    length = radius * np.repeat([1.0, 0.99, 0.7, 0.2], 15)
    return np.asarray(length[:, None, None] * X / np.linalg.norm(X, axis=(1, 2), keepdims=True))


def lower_bounds(form: ConvexConcave, M: Array) -> Array:
    """Lower bounds (N,) of f at M (N, m, m), by duality."""
    dual, q = FitDual.of(form, 0.0), form.q
    root = np.linalg.cholesky(M)
    values, frames = np.linalg.eigh(M)
    D = form.strength * q * (frames * values[:, None, :] ** (q - 1)) @ np.swapaxes(frames, 1, 2)
    E, x = np.swapaxes(root, 1, 2) @ D @ root, np.zeros((len(M), form.classes, form.classes - 1))
    E, x = dual.improve(root, E, x, 30, Trace(dual.basis))
    fit = dual.bound(root, E, x)[0] - np.einsum("naa->n", E)
    return np.asarray(fit + form.strength * np.sum(values**q, axis=1))


def values_between(form: ConvexConcave, logits: Array, X: Array) -> tuple[Array, Array]:
    """Lower and upper bounds (N,) of f at S (1 + X) S^T, S S^T that of the logits; the upper ones are losses."""
    W, m = gram_root(form, logits), form.classes - 1
    S = np.linalg.cholesky(W @ W.T)
    grown = S @ np.linalg.cholesky(np.eye(m) + X)
    moved = centred_basis(form.classes) @ grown @ np.linalg.solve(S, W) / np.sqrt(form.count)
    return lower_bounds(form, grown @ np.swapaxes(grown, 1, 2)), np.array([form.value(Z) for Z in moved])


@pytest.mark.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS.keys())
def test_nothing_within_is_better_than_the_loss(problem: DeepUFM) -> None:
    form, logits, rng = ConvexConcave.of(problem), solution(problem).means, np.random.default_rng(0)
    near, value = neighbourhood(problem, logits), form.value(logits)
    assert 0.05 < near.rho < 0.5
    assert near.bound == pytest.approx(value, rel=1e-11)
    assert near.limits.tolist() == [near.rho, near.tau, near.share]
    lower, upper = values_between(form, logits, within(rng, problem.classes - 1, near.rho))
    assert np.all(near.bound <= lower * (1 + 1e-12))
    assert np.all(lower <= upper * (1 + 1e-12))
    # The lower bounds are good ones: at the minimum they agree with its loss.
    here = values_between(form, logits, np.zeros((1, problem.classes - 1, problem.classes - 1)))
    np.testing.assert_allclose(here, value, rtol=1e-9)


@pytest.mark.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS.keys())
def test_centres_are_the_minimum_and_its_images(problem: DeepUFM) -> None:
    form, rng, m = ConvexConcave.of(problem), np.random.default_rng(1), problem.classes - 1
    for logits in (solution(problem).means, solution(problem).means * (1 + 0.01 * rng.random((problem.classes, 1)))):
        near, W = neighbourhood(problem, logits), gram_root(form, logits)
        # All orders of rows, in turns of the centred vectors, give another matrix unless the logits are as symmetric.
        simple = np.allclose(W @ W.T, (W @ W.T)[0, 0] * np.eye(m))
        orders = {2: 1, 3: 6, 4: 24}[problem.classes] if problem.balanced and not simple else 1
        assert len(near.centres) == orders
        centres = [centre(row, form.depth, m) for row in near.centres]
        assert min(np.linalg.norm(M - W @ W.T) for M in centres) < 1e-12 * np.linalg.norm(W @ W.T)
        bounds = [lower_bounds(form, M[None])[0] for M in centres]
        np.testing.assert_allclose(bounds, bounds[0], rtol=1e-9)


@pytest.mark.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS.keys())
def test_off_the_minimum_the_bound_is_lower_and_holds(problem: DeepUFM) -> None:
    form, rng = ConvexConcave.of(problem), np.random.default_rng(2)
    for size in (1e-4, 1e-2):
        logits = solution(problem).means * (1 + size * rng.standard_normal((problem.classes, 1)))
        near, value = neighbourhood(problem, logits), form.value(logits)
        assert near.bound < value * (1 - 1e-3 * size)
        lower, _ = values_between(form, logits, within(rng, problem.classes - 1, near.rho))
        assert np.all(near.bound <= lower * (1 + 1e-12))


def test_a_local_minimum_has_a_neighbourhood_and_a_larger_one_would_be_wrong() -> None:
    form, logits, best = ConvexConcave.of(LOCAL), solution(LOCAL, 2).means, solution(LOCAL, 1).means
    near = neighbourhood(LOCAL, logits)
    assert form.value(best) < 0.99 * near.bound
    lower, _ = values_between(form, logits, within(np.random.default_rng(0), 2, near.rho))
    assert np.all(near.bound <= lower * (1 + 1e-12))
    W, other = gram_root(form, logits), gram_root(form, best)
    inward = np.linalg.inv(np.linalg.cholesky(W @ W.T))
    towards = inward @ (other @ other.T - W @ W.T) @ inward.T
    X = np.linspace(near.rho / np.linalg.norm(towards), 1 - 1e-10, 50)[:, None, None] * towards
    lower, _ = values_between(form, logits, X)
    assert near.bound <= lower[0]
    assert lower[-1] < 0.995 * near.bound


def test_there_is_none_where_nothing_is_known() -> None:
    zero, pairs = DeepUFM(3, 5, 0.5), DeepUFM(4, 3, 1e-3)
    assert neighbourhood_of(ConvexConcave.of(zero), solution(zero).means) is None
    # Worse than zero, though of full rank.
    assert neighbourhood_of(ConvexConcave.of(zero), np.eye(3) - 1 / 3) is None
    assert np.linalg.matrix_rank(solution(pairs).means, tol=1e-6) == 2
    assert neighbourhood_of(ConvexConcave.of(pairs), solution(pairs).means) is None
    # Curved the wrong way: logits so small that the penalty bends more than the fit.
    three = ConvexConcave.of(DeepUFM(3, 5, 1e-2))
    small = 0.1 * (np.eye(3) - 1 / 3)
    assert neighbourhood_of(replace(three, strength=0.1 * three.strength), small) is None


# Boxes inside.


def centre(row: Array, depth: int, m: int) -> Array:
    """The matrix of a row of centres."""
    frame = frame_of(row[m:], m)
    return np.asarray((frame * row[:m] ** (depth + 1)) @ frame.T)


@cache
def boxes_of(K: int) -> MatrixBoxes:
    form = ConvexConcave.of(DeepUFM(K, 3, 1e-2, samples=tuple(range(2, K + 2)) if K < 4 else 1))
    return MatrixBoxes(form, 20.0)


def random_neighbourhood(boxes: MatrixBoxes, rng: np.random.Generator) -> tuple[Neighbourhood, Array]:
    """A radius about two matrices of these boxes with the same eigenvalues, at times all one, and their coordinates."""
    m, (low, high) = boxes.dimension, boxes.root()
    points = rng.uniform(low, high, (2, low.size))
    points[:, :m] = rng.uniform(2, 3) if rng.random() < 0.3 else np.sort(rng.uniform(2, 3, m))[::-1]
    if m == 3:
        points[:, 4] = points[:, 3] * points[:, 4]
        points[:, 6] = rng.choice([0.25, 0.75], 2)
    turn = points[:, m:]
    if m == 3:
        turn = directions(boxes, points).reshape(2, 9)
    centres = np.concatenate([points[:, :m], turn], axis=1)
    return Neighbourhood(boxes.form.depth, centres, rng.uniform(0.05, 0.5), 1.0, 0.5, 0.0), points


def boxes_near(boxes: MatrixBoxes, near: Neighbourhood, points: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """Corners of boxes about matrices within the radius, as wide as it, more or less."""
    m, N = boxes.dimension, 60
    middle = points[rng.integers(0, 2, N)]
    scale = np.full(middle.shape, near.rho)
    scale[:, :m] *= middle[:, :m] / (boxes.form.depth + 1)
    middle = middle + scale * rng.standard_normal(middle.shape) * 10 ** rng.uniform(-2, 0.2, (N, 1))
    half = scale * rng.uniform(0, 1, middle.shape) ** 2 * 10 ** rng.uniform(-1, 0.5, (N, 1))
    low, high = middle - half, middle + half
    if m == 3:
        low[:, 3:5], high[:, 3:5] = (np.clip(side[:, 3:5], 0, 1) for side in (low, high))
        low[:, 6] = np.where(middle[:, 6] < 0.5, 0.0, 0.5)
        high[:, 6] = low[:, 6] + 0.5
    kept = ~boxes.empty(low, high)
    return boxes.reduced(low[kept], high[kept])


def farthest(boxes: MatrixBoxes, near: Neighbourhood, low: Array, high: Array, rng: np.random.Generator) -> Array:
    """Largest distance (N,) from the nearest centre, in parts of rho, of random matrices of each box."""
    m, worst = boxes.dimension, np.zeros(len(low))
    inward = [np.linalg.inv(np.linalg.cholesky(centre(row, boxes.form.depth, m))) for row in near.centres]
    for _ in range(25):
        # Many points are at corners.
        point = low + np.clip(rng.uniform(-0.5, 1.5, low.shape), 0, 1) * (high - low)
        point[:, 6:] = low[:, 6:]
        u = directions(boxes, point)
        M = (u * point[:, None, :m] ** (boxes.form.depth + 1)) @ np.swapaxes(u, 1, 2)
        away = np.min([np.linalg.norm(root @ M @ root.T - np.eye(m), axis=(1, 2)) for root in inward], axis=0)
        ordered = np.all(np.diff(point[:, :m], axis=1) <= 0, axis=1)
        worst = np.maximum(worst, np.where(ordered, away / near.rho, 0.0))
    return worst


def held(near: Neighbourhood, boxes: MatrixBoxes, low: Array, high: Array, numbers: Numbers) -> NDArray[np.bool_]:
    """Which boxes the checker finds inside."""
    m, sizes = boxes.dimension, tuple(range(2, boxes.form.classes + 2))
    problem = DeepUFM(m + 1, boxes.form.depth, 1e-2, samples=sizes if m < 3 else 1)
    t, turn = near.centres[:, :m], near.centres[:, m:]
    with numbers.arithmetic():
        own = Neighbourhoods(Instance.of(problem, numbers), numbers, t, turn, near.rho, near.bound)
        return own._hold(Boxes(low, high, np.zeros(len(low)), np.zeros(len(low), dtype=bool)))


def known(boxes: MatrixBoxes, near: Neighbourhood, low: Array, high: Array, factor: float = 1.0) -> NDArray[np.bool_]:
    """Which boxes the search leaves out, the radius times a factor."""
    return replace(boxes, near=replace(near, rho=factor * near.rho)).known(low, high)


def known_with_small_turns(boxes: MatrixBoxes, near: Neighbourhood, low: Array, high: Array) -> NDArray[np.bool_]:
    """The same, with directions that turn a tenth as far as they do."""
    m = boxes.dimension
    turns = boxes._turns(low, high) if m == 3 else (0.5 * (high[:, 2] - low[:, 2]),)
    ends = [boxes.eigenvalues(side[:, :m]) for side in (low, high)]
    return near.holds(*ends, boxes._frame(boxes.reference(low, high)), tuple(0.1 * turn for turn in turns))


@pytest.mark.parametrize("K", [2, 3, 4])
def test_matrices_of_known_boxes_are_within_the_radius(K: int) -> None:
    rng, boxes = np.random.default_rng(K), boxes_of(K)
    inside, farther, turned = [], [], []
    worst_inside = 0.0
    for _ in range(60):
        near, points = random_neighbourhood(boxes, rng)
        low, high = boxes_near(boxes, near, points, rng)
        found, worst = known(boxes, near, low, high), farthest(boxes, near, low, high, rng)
        assert np.all(worst[found] <= 1 + 1e-9)
        worst_inside = max(worst_inside, worst[found].max(initial=0.0))
        inside.extend(found)
        farther.extend(worst[known(boxes, near, low, high, 1.5)])
        if K > 2:
            turned.extend(worst[known_with_small_turns(boxes, near, low, high)])
    assert 0.2 < np.mean(inside) < 0.9
    # Without much room to spare.
    assert worst_inside > 0.8
    assert max(farther) > 1.01
    assert max(turned, default=2.0) > 1.01


@pytest.mark.parametrize("K", [2, 3, 4])
def test_the_checker_finds_the_same_boxes_inside(K: int) -> None:
    pytest.importorskip("flint")
    rng, boxes = np.random.default_rng(10 + K), boxes_of(K)
    met = np.zeros(2)
    for _ in range(10):
        near, points = random_neighbourhood(boxes, rng)
        low, high = boxes_near(boxes, near, points, rng)
        less, more = (known(boxes, near, low, high, factor) for factor in (1 - 1e-8, 1 + 1e-8))
        floats = held(near, boxes, low, high, Floats())
        assert np.all(floats[less])
        if K < 4:
            # For four classes the turns of the checker are a little smaller.
            balls = held(near, boxes, low, high, Balls())
            assert np.all(balls[less])
            assert not np.any((balls | floats) & ~more)
        assert np.all(farthest(boxes, near, low[floats], high[floats], rng) <= 1 + 1e-9)
        met += [floats.sum(), (~floats).sum()]
    assert np.all(met > 50)


def test_the_checker_holds_boxes_up_to_the_edge() -> None:
    pytest.importorskip("flint")
    boxes = boxes_of(2)
    near = Neighbourhood(boxes.form.depth, np.array([[2.0]]), 0.25, 1.0, 0.5, 0.0)
    edge = np.array([[(16 * 1.25) ** 0.25]])
    for numbers, rounding in ((Floats(), 1e-14), (Balls(), 1e-15)):
        for factor, inside in ((1 - rounding, True), (1 + rounding, False)):
            assert held(near, boxes, np.array([[2.0]]), factor * edge, numbers)[0] == inside


# Proofs and their check.


@cache
def proof(problem: DeepUFM, gap: float = 1e-10) -> Certificate:
    return prove(problem, solution(problem).means, gap)


def changed(certificate: Certificate, **data: Array) -> Certificate:
    return replace(certificate, data={**certificate.data, **data})


@pytest.mark.parametrize("problem", SEARCHED.values(), ids=SEARCHED.keys())
def test_proofs_to_rounding_are_as_short_as_rough_ones_and_proved_again(problem: DeepUFM) -> None:
    pytest.importorskip("flint")
    certificate = proof(problem)
    assert certificate.gap <= 1e-10
    assert "curvature" in certificate.rigour
    assert len(certificate.data["axis"]) <= 2 * len(proof(problem, 1e-3).data["axis"])
    for intervals in (False, True):
        answer = certificate.verify(intervals)
        assert answer, answer.reason
        assert answer.rigorous is intervals
        assert certificate.lower * (1 - 1e-12) <= answer.lower <= answer.upper


@pytest.mark.slow
def test_four_classes_are_proved_to_five_digits() -> None:
    problem = DeepUFM(4, 2, 1e-3)
    certificate = proof(problem, 1e-5)
    assert certificate.gap <= 1e-5
    answer = certificate.verify()
    assert answer, answer.reason
    centres = certificate.data["centres"]
    refused(changed(certificate, centres=centres * np.where(np.arange(12) < 3, 1.01, 1.0)), WHY)
    without = {name: array for name, array in certificate.data.items() if name not in ("centres", "limits")}
    refused(replace(certificate, data=without), ("is proved",))


def boxes_needed(problem: DeepUFM, gap: float, known: bool) -> int:
    """Boxes of a search, with the neighbourhood of its minimum or without."""
    form, logits = ConvexConcave.of(problem), solution(problem).means
    search = search_of(form, form.value(logits), gap, logits if known else None)
    assert (search.boxes.near is not None) is known
    search.run(100_000)
    assert search.done
    return search.size


@pytest.mark.slow
def test_without_the_neighbourhood_boxes_cluster() -> None:
    problem = DeepUFM(3, 2, 1e-2)
    assert boxes_needed(problem, 1e-10, known=True) <= 1.2 * boxes_needed(problem, 1e-6, known=True)
    assert boxes_needed(problem, 1e-10, known=False) > 5 * boxes_needed(problem, 1e-10, known=True)


def test_logits_that_miss_the_target_give_the_search_no_neighbourhood() -> None:
    problem = DeepUFM(3, 2, 1e-2)
    form, logits = ConvexConcave.of(problem), 1.01 * solution(problem).means
    assert neighbourhood(problem, logits).bound < form.value(logits) * (1 - 1e-6)
    assert search_of(form, form.value(logits), 1e-6, logits).boxes.near is None


def test_proofs_of_zero_and_from_a_local_minimum_claim_no_more_than_there_is() -> None:
    zero = proof(DeepUFM(3, 5, 0.5))
    assert zero.verify()
    assert "centres" not in zero.data
    assert "curvature" not in zero.rigour
    local = prove(LOCAL, solution(LOCAL, 2).means, 1e-3, Budget(500))
    assert "centres" in local.data
    assert local.verify()
    assert local.lower <= solution(LOCAL, 1).loss < 0.99 * local.upper


# Wrong neighbourhoods.

CURVED = ("curved the wrong way",)
# A neighbourhood that is not where, or not as wide as, it may be fails in one of these ways.
WHY = (*CURVED, "too wide", "is proved")
SHAPE, RANGE = ("shape of matrices",), ("limits within range",)


def refused(certificate: Certificate, why: tuple[str, ...], intervals: bool = False) -> None:
    answer = certificate.verify(intervals)
    assert not answer
    assert not answer.valid
    assert any(reason in answer.reason for reason in why), answer.reason
    assert answer.reason in str(answer)


def scaled(limit: int, factor: float):
    """A change of one of rho, tau, share."""
    return lambda data: {"limits": data["limits"] * np.where(np.arange(3) == limit, factor, 1.0)}


def moved(factor: float, m: int | None = None):
    """A change of all t of the centres, or of the first ``m``."""

    def change(data):
        centres = data["centres"].copy()
        centres[:, : order(data) if m is None else m] *= factor
        return {"centres": centres}

    return change


def more(factor: float):
    """The centres, and all again with t times a factor."""
    return lambda data: {"centres": np.concatenate([data["centres"], moved(factor)(data)["centres"]])}


def order(data) -> int:
    return int(data["form"][0]) - 1


def limits(*values: float):
    return lambda data: {"limits": np.array(values)}


def centres(change):
    return lambda data: {"centres": change(data["centres"])}


WRONG = {
    "rho larger by a half": (scaled(0, 1.5), CURVED),
    "rho ten times as large": (scaled(0, 10.0), (*CURVED, *RANGE)),
    "rho a fifth as large": (scaled(0, 0.2), ("is proved",)),
    "tau smaller": (scaled(1, 0.3), ("too wide for its exponents", "too wide for its multipliers")),
    "tau larger": (scaled(1, 3.0), CURVED),
    "share smaller": (scaled(2, 0.5), ("too wide for its multipliers",)),
    "share of one": (lambda data: {"limits": np.array([*data["limits"][:2], 1.0])}, RANGE),
    "share larger than one": (scaled(2, 5.0), RANGE),
    "limits of zero": (limits(0.0, 0.0, 0.0), RANGE),
    "rho of one": (limits(1.0, 1.0, 0.5), RANGE),
    "negative limits": (limits(-0.1, -1.0, -0.5), RANGE),
    "limits that are no numbers": (limits(np.nan, np.nan, np.nan), RANGE),
    "tau that is no number": (limits(0.1, np.nan, 0.5), RANGE),
    "infinite tau": (limits(0.1, np.inf, 0.5), (*WHY, "flat")),
    "two limits": (limits(0.1, 1.0), RANGE),
    "limits in a row": (lambda data: {"limits": data["limits"][None]}, RANGE),
    "no limits": (lambda data: {"limits": np.zeros(0)}, RANGE),
    "larger centres": (moved(1.01), WHY),
    "smaller centres": (moved(0.99), WHY),
    "a larger first value": (moved(1.01, 1), WHY),
    "a value of zero": (moved(0.0, 1), ("lower rank",)),
    "negative values": (moved(-1.0), ("lower rank",)),
    "centres that are no numbers": (moved(np.nan), SHAPE),
    "infinite centres": (moved(np.inf), SHAPE),
    "centres without a column": (centres(lambda rows: rows[:, :-1]), SHAPE),
    "centres with a column too many": (centres(lambda rows: np.pad(rows, ((0, 0), (0, 1)))), SHAPE),
    "a centre not in a row": (centres(np.ravel), SHAPE),
    "a number for centres": (centres(lambda rows: np.array(2.0)), SHAPE),
    "no centres": (centres(lambda rows: rows[:0]), ("is proved",)),
    "one more centre, which is larger": (more(1.1), WHY),
    "one more centre, a little larger": (more(1.01), WHY),
}
REFUSED = {
    "two classes": PROBLEMS["two classes"],
    "three classes": PROBLEMS["three classes"],
    "of unequal size": PROBLEMS["three classes of unequal size"],
}


@pytest.mark.parametrize("intervals", [False, True], ids=["floats", "balls"])
@pytest.mark.parametrize("problem", REFUSED.values(), ids=REFUSED.keys())
class TestRefusals:
    @pytest.fixture(autouse=True)
    def _flint(self, intervals: bool) -> None:
        if intervals:
            pytest.importorskip("flint")

    @pytest.mark.parametrize(("change", "why"), WRONG.values(), ids=WRONG.keys())
    def test_wrong_data(self, problem: DeepUFM, intervals: bool, change, why: tuple[str, ...]) -> None:
        certificate = proof(problem)
        refused(changed(certificate, **change(certificate.data)), why, intervals)

    def test_data_missing(self, problem: DeepUFM, intervals: bool) -> None:
        certificate = proof(problem)
        for name, why in (("limits", RANGE), ("centres", ("is proved",))):
            data = {key: array for key, array in certificate.data.items() if key != name}
            refused(replace(certificate, data=data), why, intervals)

    def test_a_centre_given_twice_is_proved(self, problem: DeepUFM, intervals: bool) -> None:
        certificate = proof(problem)
        twice = np.repeat(certificate.data["centres"], 2, axis=0)
        assert changed(certificate, centres=twice).verify(intervals)

    def test_a_bound_above_the_loss_there(self, problem: DeepUFM, intervals: bool) -> None:
        certificate = proof(problem)
        for factor in (1 + 1e-9, 1 + 1e-6):
            high = certificate.lower * factor
            refused(replace(certificate, lower=high, upper=high), ("is proved", "too small"), intervals)


@pytest.mark.parametrize(
    "change", [scaled(0, 1e-200), scaled(1, 1e-200), moved(1e150), moved(1e-150)], ids=["rho", "tau", "large", "small"]
)
def test_numbers_beyond_floats_prove_nothing(change) -> None:
    certificate = proof(PROBLEMS["three classes"])
    assert not changed(certificate, **change(certificate.data)).verify()


@pytest.mark.parametrize("intervals", [False, True], ids=["floats", "balls"])
def test_a_frame_turned_is_another_matrix_where_the_values_differ(intervals: bool) -> None:
    if intervals:
        pytest.importorskip("flint")
    for name in ("three classes", "three classes of unequal size"):
        certificate = proof(PROBLEMS[name])
        turned = certificate.data["centres"] + [0.0, 0.0, 0.05]
        if name == "three classes":
            assert changed(certificate, centres=turned).verify(intervals)
        else:
            refused(changed(certificate, centres=turned), WHY, intervals)


class TestFourClasses:
    @staticmethod
    @cache
    def begun() -> Certificate:
        """A search of a few boxes, whose neighbourhood is checked all the same."""
        problem = DeepUFM(4, 2, 1e-3)
        form, logits = ConvexConcave.of(problem), solution(problem).means
        value = form.value(logits)
        search = search_of(form, value, 1e-5, logits)
        search.run(100)
        return Claims(problem, logits, value).of_search(form, search)

    def test_the_neighbourhood_is_proved(self) -> None:
        certificate = self.begun()
        assert certificate.verify()
        assert "centres" in certificate.data
        instance = Instance.of(certificate.problem, Floats())
        near = Neighbourhoods.of(instance, Floats(), dict(certificate.data))
        assert near is not None
        assert near.bound == pytest.approx(certificate.upper, rel=1e-11)
        assert near.bound <= certificate.upper * (1 + 1e-14)

    @pytest.mark.parametrize("entry", range(3, 12))
    def test_a_frame_that_is_no_rotation(self, entry: int) -> None:
        centres = self.begun().data["centres"].copy()
        centres[0, entry] += 1e-6
        refused(changed(self.begun(), centres=centres), ("no rotation",))

    @pytest.mark.parametrize("name", [name for name, (_, why) in WRONG.items() if "is proved" not in why])
    def test_wrong_data(self, name: str) -> None:
        change, why = WRONG[name]
        refused(changed(self.begun(), **change(self.begun().data)), why)
