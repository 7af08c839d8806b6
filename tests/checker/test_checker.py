"""The checker proves right certificates again and refuses wrong ones; its bounds hold for random logits."""

import sys
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from optima import DeepUFM
from optima.checker import verify
from optima.checker.arithmetic import Balls, Floats
from optima.checker.ball_leaves import BallLeaves
from optima.checker.boxes import Boxes, root, vertices
from optima.checker.instance import Instance, basis
from optima.checker.leaves import Leaves, caps, most_on_arc, most_on_cap
from optima.checker.scalar_bounds import minimum, one_direction
from optima.proofs import Certificate
from optima.proofs.boxes import MatrixBoxes
from optima.proofs.budget import Budget
from optima.proofs.claims import Claims
from optima.proofs.dual import FitDual
from optima.proofs.form import ConvexConcave
from optima.proofs.prove import prove
from optima.proofs.small_problems import search_of
from optima.reduction import Reduction
from optima.search.ladder import search as solve

FLOATS = Floats()


@cache
def proof(problem, gap=1e-3):
    return prove(problem, solve(problem).means, gap, most_classes=3)


def changed(certificate, **data):
    return replace(certificate, data={**certificate.data, **data})


def refused(certificate, why, intervals=False):
    answer = certificate.verify(intervals=intervals)
    assert not answer
    assert not answer.valid
    assert why in answer.reason
    assert why in str(answer)


PROBLEMS = {
    "two classes": DeepUFM(2, 3, 1e-3),
    "two classes of unequal size": DeepUFM(2, 2, 1e-2, samples=(3, 9)),
    "three classes": DeepUFM(3, 2, 1e-2),
    "three classes, ten layers": DeepUFM(3, 10, 1e-2),
    "zero is best": DeepUFM(3, 5, 0.5),
    "three classes of unequal size": DeepUFM(3, 5, 1e-3, samples=(1, 2, 5)),
    "each factor its own regularisation": DeepUFM(3, 3, (1e-3, 1e-2, 2e-3, 1e-4), samples=(1, 2, 2)),
    "three of six classes": DeepUFM(6, 3, 1e-3),
    "squared error": DeepUFM(4, 3, 1e-3, samples=(3, 1, 2, 5), width=2, loss="mse"),
    "depth one": DeepUFM(5, 1, 1e-2, samples=(3, 1, 2, 5, 4)),
}


@pytest.mark.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS.keys())
def test_right_certificates_are_proved_again(problem):
    certificate = proof(problem)
    for intervals in (False, True):
        answer = certificate.verify(intervals)
        assert answer, answer.reason
        assert answer.rigorous is intervals
        assert answer.lower >= certificate.lower * (1 - 1e-12)
        assert answer.upper == pytest.approx(certificate.upper, rel=1e-12)
        assert answer.lower <= answer.upper
        assert "proved again" in str(answer)


def test_one_direction_and_nothing_are_proved_again():
    problem = DeepUFM(7, 3, 1e-3)
    means = 5 * (np.eye(7) - 1 / 7)
    upper = Reduction(problem).value(means)
    bound = one_direction(Instance.of(problem, FLOATS), FLOATS)
    for intervals in (False, True):
        assert verify(problem, bound, upper, means, "one direction", {}, intervals)
        assert verify(problem, 0.0, upper, means, "nonnegative", {}, intervals)
        assert not verify(problem, bound * (1 + 1e-9), upper, means, "one direction", {}, intervals)
        assert not verify(problem, 1e-9, upper, means, "nonnegative", {}, intervals)


@pytest.mark.slow
def test_a_search_of_four_classes_stopped_early_keeps_its_bound():
    problem = DeepUFM(4, 2, 1e-2)
    means = solve(problem).means
    form, upper = ConvexConcave.of(problem), Reduction(problem).value(means)
    search = search_of(form, upper, 1e-2)
    search.run(1000)
    certificate = Claims(problem, means, upper).of_search(form, search)
    assert certificate.gap > 1e-2
    answer = certificate.verify()
    assert answer, answer.reason
    refused(replace(certificate, lower=min(1.05 * max(answer.lower, 1e-3), certificate.upper)), "is proved")
    refused(certificate, "floating point only", intervals=True)


SEARCHED = [DeepUFM(2, 2, 1e-2, samples=(3, 9)), DeepUFM(3, 2, 1e-2)]


@pytest.mark.parametrize("intervals", [False, True], ids=["floats", "balls"])
@pytest.mark.parametrize("problem", SEARCHED, ids=["two classes", "three classes"])
class TestRefusals:
    def test_lower_bound_raised(self, problem, intervals):
        certificate = proof(problem)
        found = certificate.verify(intervals).lower
        refused(replace(certificate, lower=found * (1 + 1e-9)), "is proved", intervals)
        refused(replace(certificate, lower=certificate.upper * (1 + 1e-9)), "too small", intervals)
        refused(replace(certificate, lower=float("nan")), "not a number", intervals)

    @pytest.mark.parametrize("factor", [0.5, 2.0, -1.0, 0.0, 1e300, float("nan")])
    def test_multipliers_scaled(self, problem, intervals, factor):
        certificate = proof(problem)
        refused(changed(certificate, multiplier=factor * certificate.data["multiplier"]), "is proved", intervals)

    def test_one_multiplier_of_a_leaf(self, problem, intervals):
        certificate = proof(problem)
        D = certificate.data["multiplier"].copy()
        needed = np.flatnonzero((certificate.data["axis"] < 0) & np.isfinite(D).all(axis=(1, 2)))
        D[needed[len(needed) // 2]] *= 3.0
        refused(changed(certificate, multiplier=D), "is proved", intervals)

    def test_multiplier_of_the_wrong_shape(self, problem, intervals):
        D = proof(problem).data["multiplier"]
        refused(changed(proof(problem), multiplier=D[:-1]), "shape", intervals)

    def test_a_half_is_missing(self, problem, intervals):
        data = proof(problem).data
        inner = np.flatnonzero(data["axis"] >= 0)
        child = data["child"].copy()
        child[inner[-1]] = child[inner[0]]
        refused(changed(proof(problem), child=child), "binary tree", intervals)
        axis = data["axis"].copy()
        axis[inner[-1]] = -1
        refused(changed(proof(problem), axis=axis), "binary tree", intervals)
        shorter = {name: data[name][:-1] for name in ("axis", "child", "multiplier")}
        refused(changed(proof(problem), **shorter), "binary tree", intervals)

    def test_a_tree_cut_off(self, problem, intervals):
        data = proof(problem).data
        root_only = {name: data[name][:1].copy() for name in ("axis", "child", "multiplier")}
        root_only["axis"][0] = -1
        refused(changed(proof(problem), **root_only), "is proved", intervals)

    def test_a_circle(self, problem, intervals):
        axis, child = np.array([-1, 0, -1, 0, -1]), np.array([-1, 3, -1, 1, -1])
        D = np.broadcast_to(proof(problem).data["multiplier"][:1], (5, *proof(problem).data["multiplier"].shape[1:]))
        refused(changed(proof(problem), axis=axis, child=child, multiplier=D), "binary tree", intervals)

    def test_split_along_nothing(self, problem, intervals):
        axis = np.where(proof(problem).data["axis"] >= 0, 6, -1)
        refused(changed(proof(problem), axis=axis), "does not exist", intervals)

    def test_root_too_small(self, problem, intervals):
        top = proof(problem).data["top"]
        refused(changed(proof(problem), top=0.9 * top), "too small", intervals)
        refused(changed(proof(problem), top=np.array(np.nan)), "ends at", intervals)

    @pytest.mark.parametrize("entry", range(5))
    def test_form_of_another_problem(self, problem, intervals, entry):
        form = np.array(proof(problem).data["form"])
        form[entry] += max(1.0, form[entry]) * 1e-3 if entry in (1, 2) else 1
        refused(changed(proof(problem), form=form), "form" if entry else "classes", intervals)

    def test_data_missing(self, problem, intervals):
        for name in ("form", "top", "axis", "child", "multiplier"):
            data = {key: value for key, value in proof(problem).data.items() if key != name}
            refused(replace(proof(problem), data=data), f"lack {name}", intervals)

    def test_upper_bound_too_low(self, problem, intervals):
        certificate = proof(problem)
        refused(replace(certificate, upper=certificate.upper * (1 - 1e-9)), "above the upper bound", intervals)
        refused(replace(certificate, means=certificate.means * 1.01), "above the upper bound", intervals)
        refused(replace(certificate, means=certificate.means[:-1]), "entries", intervals)

    def test_another_problem(self, problem, intervals):
        certificate = proof(problem)
        less = replace(problem, reg=problem.reg * 0.99)
        upper = Reduction(less).value(certificate.means)
        refused(replace(certificate, problem=less, upper=upper), "form", intervals)

    def test_another_method(self, problem, intervals):
        certificate = proof(problem)
        refused(replace(certificate, method="nonnegative"), "only 0 is proved", intervals)
        refused(replace(certificate, method="hope"), "no proof by 'hope'", intervals)
        refused(replace(certificate, method="squared error"), "squared error only", intervals)
        refused(replace(certificate, method="depth one"), "lack slope", intervals)


def test_a_claim_is_no_higher_than_its_check(monkeypatch):
    problem = DeepUFM(3, 2, 1e-2)
    means = solve(problem).means
    monkeypatch.setattr(MatrixBoxes, "thin", property(lambda self: 2.5))
    assert prove(problem, means, 1e-4, Budget(20_000)).gap > 1e-2


def test_a_search_that_drops_singular_values_that_matter_is_refused(monkeypatch):
    monkeypatch.setattr(Claims, "checked", lambda self, claim: claim)
    problem = DeepUFM(3, 2, 1e-2)
    means = solve(problem).means
    monkeypatch.setattr(MatrixBoxes, "thin", property(lambda self: 2.5))
    wrong = prove(problem, means, 1e-4, Budget(20_000))
    assert wrong.gap < 1.1e-4
    refused(wrong, "is proved")
    refused(wrong, "is proved", intervals=True)


def test_a_search_with_a_wrong_dual_is_refused(monkeypatch):
    monkeypatch.setattr(Claims, "checked", lambda self, claim: claim)
    problem = DeepUFM(3, 2, 1e-2)
    means = solve(problem).means
    right = FitDual.bound
    monkeypatch.setattr(
        FitDual, "bound", lambda self, S, E, x: (1.02 * right(self, S, E, x)[0], right(self, S, E, x)[1])
    )
    wrong = prove(problem, means, 1e-4, Budget(20_000))
    assert wrong.gap < 1.1e-4
    refused(wrong, "is proved")


def test_a_search_of_too_few_directions_is_refused(monkeypatch):
    monkeypatch.setattr(Claims, "checked", lambda self, claim: claim)
    problem = DeepUFM(3, 3, 1e-3, samples=(1, 2, 5))
    means = solve(problem).means
    right = MatrixBoxes.root

    def narrow(self):
        low, high = right(self)
        high[2] = np.pi / 6
        return low, high

    monkeypatch.setattr(MatrixBoxes, "root", narrow)
    refused(prove(problem, means, 1e-4, Budget(20_000)), "is proved")


def test_depth_one_and_squared_error_refuse_wrong_bounds():
    for problem in (PROBLEMS["squared error"], PROBLEMS["depth one"]):
        certificate = proof(problem)
        for intervals in (False, True):
            refused(replace(certificate, lower=certificate.upper * (1 + 1e-9)), "is proved", intervals)
    certificate = proof(PROBLEMS["depth one"])
    refused(changed(certificate, slope=0.9 * certificate.data["slope"]), "is proved")
    refused(changed(certificate, slope=certificate.data["slope"][1:]), "entries")
    deeper = replace(PROBLEMS["depth one"], depth=2)
    upper = Reduction(deeper).value(certificate.means)
    refused(replace(certificate, problem=deeper, upper=upper), "depth 1")


def test_logits_beyond_the_width_and_relu_are_refused():
    wide = proof(DeepUFM(3, 2, 1e-2))
    narrow = replace(wide, problem=DeepUFM(3, 2, 1e-2, width=1))
    refused(narrow, "rank 2, more than the width 1")
    relu = replace(wide, problem=DeepUFM(3, 2, 1e-2, activation="relu"))
    refused(relu, "factors of a network")


def test_unequal_classes_are_not_subsampled():
    certificate = proof(DeepUFM(6, 3, 1e-3))
    problem = DeepUFM(6, 3, 1e-3, samples=(1, 1, 1, 1, 1, 2))
    upper = Reduction(problem).value(certificate.means)
    refused(replace(certificate, problem=problem, upper=upper), "balanced")
    refused(replace(certificate, problem=problem, upper=upper, method="one direction"), "balanced")


def test_balls_need_python_flint(monkeypatch):
    monkeypatch.setitem(sys.modules, "flint", None)
    with pytest.raises(ValueError, match=r"pip install 'optima-ufm\[rigorous\]'"):
        proof(DeepUFM(2, 3, 1e-3)).verify(intervals=True)


def loss(instance, Y):
    """Loss of logits z_c = U y_c, Y (m, K)."""
    Z = basis(instance.classes) @ Y
    odds = np.exp(Z - np.diag(Z)) * (1 - np.eye(instance.classes))
    s = np.linalg.svd(Y * np.sqrt(instance.count), compute_uv=False)
    fit = np.asarray(instance.weight) @ np.log1p(instance.rivals * odds.sum(axis=0))
    return float(fit + instance.strength * np.sum(s ** (2 / (instance.depth + 1))))


def frames(point, order):
    """Directions as columns (m, m), from coordinates."""
    if order == 1:
        return np.ones((1, 1))
    if order == 2:
        c, s = np.cos(point[2]), np.sin(point[2])
        return np.array([[c, -s], [s, c]])
    first = np.array([1.0, point[3], point[4]])
    first /= np.linalg.norm(first)
    east = np.array([-point[3], 1.0, 0.0]) / np.hypot(1, point[3])
    third = np.cos(point[5]) * east + np.sin(point[5]) * np.cross(first, east)
    return np.stack([first, np.cross(third, first), third], axis=1)


def random_box(instance, rng):
    low, high = root(instance, 4.0)
    size = rng.uniform(0, 1, low.size) ** 3
    start = low + (high - low) * rng.uniform(0, 1, low.size) * (1 - size)
    stop = start + (high - low) * size
    if instance.order == 3:
        start[6], stop[6] = ((0.0, 1.0), (0.0, 0.5), (0.5, 1.0))[rng.integers(3)]
    return start, stop


def random_logits(instance, low, high, rng):
    """Y with a Gram matrix in the box, near the best ones when aligned with the classes, or None when unordered."""
    m = instance.order
    point = rng.uniform(low, high)
    t = -np.sort(-point[:m])
    if not (np.all(low[:m] <= t) and np.all(t <= high[:m])):
        return None
    directions = frames(point, m)[:, :: -1 if m == 3 and low[6] == 0.5 else 1]
    root_M = directions * t ** ((instance.depth + 1) / 2)
    aligned = root_M.T @ basis(instance.classes).T + 0.3 * rng.normal() * rng.normal(size=(m, instance.classes))
    left, _, right = np.linalg.svd(aligned, full_matrices=False)
    return root_M @ left @ right / np.sqrt(instance.count)


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("K", [2, 3, 4])
def test_bounds_of_boxes_hold_for_random_logits(K, seed):
    rng = np.random.default_rng([K, seed])
    sizes = tuple(int(n) for n in rng.integers(1, 9, K)) if K < 4 and seed % 2 else 1
    problem = DeepUFM(K, int(rng.integers(2, 7)), 10 ** rng.uniform(-4, -1), samples=sizes)
    instance = Instance.of(problem, FLOATS)
    m, tried = K - 1, 0
    for _ in range(60):
        low, high = random_box(instance, rng)
        root_D = rng.normal(size=(20, m, m)) + 2 * np.eye(m)
        D = 10 ** rng.uniform(-5, 1, (20, 1, 1)) * root_D @ np.swapaxes(root_D, 1, 2)
        boxes = Boxes(np.tile(low, (20, 1)), np.tile(high, (20, 1)), np.zeros(20), np.zeros(20, dtype=bool))
        bound = Leaves(instance).bounds(boxes, D).max()
        for _ in range(5):
            Y = random_logits(instance, low, high, rng)
            if Y is not None:
                tried += 1
                assert loss(instance, Y) >= bound - 1e-12
    assert tried > 20


@pytest.mark.parametrize("K", [2, 3, 4])
def test_bounds_are_tight_at_the_simplex_and_fail_for_a_larger_penalty(K):
    instance = Instance.of(DeepUFM(K, 2, 1e-2), FLOATS)
    m, t = K - 1, 2.0
    Y = t**1.5 * basis(K).T
    point = np.array([*[t] * m, *([0.2] if m == 2 else [0.5, 0.2, 0.4, 0.0] if m == 3 else [])])
    D = np.geomspace(1e-4, 1, 4000)[:, None, None] * np.eye(m)
    low, high = np.tile(point, (len(D), 1)), np.tile(point, (len(D), 1))
    boxes = Boxes(low, high, np.zeros(len(D)), np.zeros(len(D), dtype=bool))
    value, bound = loss(instance, Y), Leaves(instance).bounds(boxes, D).max()
    assert 0 <= value - bound < 1e-5 * value
    wrong = Leaves(replace(instance, strength=1.01 * instance.strength)).bounds(boxes, D).max()
    assert wrong > value


def test_bounds_of_lines_hold_and_are_tight():
    rng = np.random.default_rng(5)
    instance = Instance.of(DeepUFM(3, 3, 1e-2, samples=(1, 2, 4)), FLOATS)
    D = np.geomspace(1e-4, 10, 1000)[:, None, None] * np.eye(2)
    excess = []
    for _ in range(20):
        t, angle, half = rng.uniform(0.5, 3), rng.uniform(0, np.pi), 10 ** rng.uniform(-4, -1)
        box = [np.tile([t, 0.0, angle + side * half], (len(D), 1)) for side in (-1, 1)]
        bound = Leaves(instance)._line(*box, D).max()
        assert np.isfinite(bound)
        u = np.array([np.cos(angle + half), np.sin(angle + half)])

        def scaled(y, t=t):
            return y * t**2 / np.linalg.norm(y * np.sqrt(instance.count))

        best = min(loss(instance, np.outer(u, scaled(basis(3) @ u + rng.normal(size=3)))) for _ in range(200))
        assert bound - 1e-12 <= best
        excess.append((best - bound) / best)
    assert min(excess) < 0.01


def test_balls_agree_with_floats():
    rng = np.random.default_rng(3)
    numbers = Balls()
    for K in (2, 3):
        problem = DeepUFM(K, 3, 1e-2, samples=(2, 3, 4)[:K])
        with numbers.arithmetic():
            exact, near = Instance.of(problem, numbers), Instance.of(problem, FLOATS)
            corners = [random_box(near, rng) for _ in range(60)]
            low, high = (np.array(side) for side in zip(*corners, strict=True))
            high[::5, 1:2] = low[::5, 1:2] = 0.0
            root_D = rng.normal(size=(60, K - 1, K - 1)) + 2 * np.eye(K - 1)
            D = 0.05 * root_D @ np.swapaxes(root_D, 1, 2)
            boxes = Boxes(low, high, low[:, : K - 1].sum(axis=1), np.zeros(60, dtype=bool))
            balls, floats = BallLeaves(exact, numbers).bounds(boxes, D), Leaves(near).bounds(boxes, D)
            ordered = np.isfinite(floats)
            assert ordered.sum() > 20
            np.testing.assert_allclose(balls[ordered], floats[ordered], rtol=1e-11, atol=1e-12)


def test_vertices_of_ordered_boxes_bound_concave_functions():
    rng = np.random.default_rng(0)
    for m in (1, 2, 3):
        low = rng.uniform(0, 1, (200, m))
        high = low + rng.uniform(0, 1, (200, m))
        weight = rng.normal(size=(200, m))
        least = np.full(200, np.inf)
        for t, inside in vertices(low, high):
            least = np.where(inside, np.minimum(least, (weight * t).sum(axis=1)), least)
        for _ in range(200):
            t = rng.uniform(low, high)
            fits = np.all(t[:, 1:] <= t[:, :-1], axis=1)
            assert np.all(((weight * t).sum(axis=1) >= least - 1e-12)[fits])


def test_ranges_of_directions_hold():
    rng = np.random.default_rng(1)
    chart = np.where(np.arange(60) % 2, 0.5, 0.0)[:, None]
    low = np.concatenate([np.zeros((60, 3)), rng.uniform(0, 0.8, (60, 2)), rng.uniform(0, 2, (60, 1)), chart], axis=1)
    width = [np.zeros((60, 3)), rng.uniform(0, 0.2, (60, 2)), rng.uniform(0, 1, (60, 1)), np.full((60, 1), 0.5)]
    high = low + np.concatenate(width, axis=1)
    D = rng.normal(size=(60, 3, 3))
    D = D + np.swapaxes(D, 1, 2)
    first, third, reach, turn = caps(low, high)
    most = most_on_cap(D, first, reach), most_on_cap(D, third, turn)
    arc = most_on_arc(D[:, :2, :2], low[:, 5], high[:, 5])
    nearest = np.full(3, np.inf)
    for draw in range(60):
        points = rng.uniform(low, high) if draw else high
        for n, point in enumerate(points):
            frame = frames(point, 3)[:, :: -1 if n % 2 else 1]
            for i, (u, middle, angle) in enumerate(((frame[:, 0], first, reach), (frame[:, 2], third, turn))):
                assert np.arccos(np.clip(u @ middle[n], -1, 1)) <= angle[n] + 1e-7
                assert u @ D[n] @ u <= most[i][n] + 1e-12
                nearest[i] = min(nearest[i], most[i][n] - u @ D[n] @ u)
            u = np.array([np.cos(point[5]), np.sin(point[5])])
            assert u @ D[n, :2, :2] @ u <= arc[n] + 1e-12
            nearest[2] = min(nearest[2], arc[n] - u @ D[n, :2, :2] @ u)
    # Without room to spare: smaller caps or arcs would not do.
    assert np.all(nearest < [1e-2, 0.2, 1e-4])


def test_scalar_minima_are_bounded_tightly():
    for numbers in (FLOATS, Balls()):
        with numbers.arithmetic():
            for strength in (0.01, 0.1, 0.5):
                half = numbers.ratio(1, 2)
                bound = minimum(
                    lambda x: (x - 1) * (x - 1),
                    lambda x: 2 * (x - 1),
                    lambda x, c=strength, h=half, n=numbers: n.number(c) * n.power(x, h),
                    1.0,
                    numbers,
                )
                x = np.linspace(0, 1, 200_001)
                value = np.min((x - 1) ** 2 + strength * np.sqrt(x))
                assert value - 1e-9 < bound <= value


def test_balls_enclose():
    numbers = Balls()
    with numbers.arithmetic():
        third = numbers.ratio(1, 3)
        assert numbers.low(third) < numbers.high(third)
        assert numbers.number(numbers.low(third)) < third < numbers.number(numbers.high(third))
        assert numbers.low(numbers.log(numbers.number(-1))) == -np.inf
        assert numbers.high(numbers.log(numbers.number(-1))) == np.inf


def test_an_upper_bound_is_reached_within_the_width():
    """Logits on the edge of rank one: their fit is that of rank one too."""
    problem = DeepUFM(6, 3, 1e-3, width=1)
    best = solve(problem, effort="quick")
    rng = np.random.default_rng(0)
    for size in (1e-8, 1e-7, 5e-7):
        U, s, V = np.linalg.svd(best.means)
        tail = size * s[0] * (U[:, 1:] @ rng.normal(size=(5, 5)) / 5 @ V[1:])
        # On a large scale the smallest noise changes the fit.
        for scale in (1.0, 1e4):
            means = scale * (best.means + tail)
            reduction = Reduction(problem)
            objective = problem.objective(reduction.lift(means))
            assert reduction.value(means) == pytest.approx(objective, rel=1e-12)
            claim = Certificate(problem, 0.0, objective, means, "nonnegative", "", 0.0)
            assert claim.verify(), claim.verify().reason
            refused(replace(claim, upper=objective * (1 - 1e-6)), "above the upper bound")
