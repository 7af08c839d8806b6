"""Phase boundaries: each tie is solved again at 80 digits, and a slow scan looks for ties that are missing."""

import math
from contextlib import suppress
from functools import cache
from importlib import import_module
from itertools import combinations

import mpmath as mp
import numpy as np
import pytest
import sympy

from optima.scales import best_scales, boundary, boundary_depth, zero_boundary
from optima.structures import catalogue, find, named

DIGITS = 80  # A fit of 1e-53 is log(1 + 1e-53) in the formula.
TOLERANCE = 1e-12
NAMES = ("simplex", "pairs", "pairs-free", "polygon", "cyclic-1+2")


@pytest.fixture(autouse=True, scope="module")
def _digits():
    with mp.workdps(DIGITS):
        yield


@pytest.fixture(autouse=True)
def _bounded_work(monkeypatch):
    """Fail, instead of filling the memory, where intervals are split without end."""
    module = import_module("optima.scales.boundaries")
    split = module.bisect

    def bounded(ends):
        assert ends.shape[1] < 100_000, "intervals are split without end"
        return split(ends)

    monkeypatch.setattr(module, "bisect", bounded)


class Mirror:
    """The reduced loss of a structure from its symbolic formula, which other tests check against the matrix."""

    def __init__(self, structure, loss="ce"):
        self.structure, self.loss = structure, loss
        formula = structure.formula(loss)
        count = len(structure.blocks())
        names = ["a"] if count == 1 else [f"a_{i}" for i in range(1, count + 1)]
        scales = [sympy.Symbol(name, positive=True) for name in names]
        arguments = [scales, *sympy.symbols("L lambda", positive=True)]
        formula = sympy.N(formula.subs(sympy.Symbol("n", positive=True), 1), DIGITS + 5)
        slopes = [sympy.diff(formula, a) for a in scales]
        self.precise, *self.precise_slopes = (sympy.lambdify(arguments, f, "mpmath") for f in (formula, *slopes))
        self.fast, *self.fast_slopes = (sympy.lambdify(arguments, f, "numpy") for f in (formula, *slopes))

    def zero(self):
        return math.log(self.structure.classes) if self.loss == "ce" else 0.5

    def near(self, depth, reg):
        """The optimal loss next to a problem, as a function of (depth, reg) at 80 digits."""
        starts = best_scales(self.structure, depth, reg * (1 - 1e-9), loss=self.loss).scales.tolist()

        def value(depth, reg):
            scales = [mp.mpf(0) for _ in starts]
            for i, start in enumerate(starts):
                if start > 0:
                    slope = lambda a, i=i: self.precise_slopes[i](self._only(i, a), depth, reg) / reg
                    scales[i] = mp.findroot(slope, start)
            return self.precise(scales, depth, reg) if starts else mp.log(self.structure.classes)

        return value

    def scan(self, depth, reg):
        """The optimal losses of arrays of problems: the lowest dip on a grid of scales, then bisection."""
        grid = np.concatenate([[0.0], np.logspace(-5, 3, 1200)])
        total = np.full(depth.shape, self.zero())
        for i in range(len(self.structure.blocks())):
            values = self.fast(self._only(i, grid), depth[:, None], reg[:, None])
            inner = values[:, 1:-1]
            dips = (inner <= values[:, :-2]) & (inner <= values[:, 2:])
            lowest = np.argmin(np.where(dips, inner, np.inf), axis=1)
            low, high = grid[lowest], grid[lowest + 2]
            for _ in range(60):
                middle = (low + high) / 2
                rises = self.fast_slopes[i](self._only(i, middle), depth, reg) > 0
                low, high = np.where(rises, low, middle), np.where(rises, middle, high)
            at_best = self.fast(self._only(i, (low + high) / 2), depth, reg)
            total += np.where(dips.any(axis=1), np.minimum(at_best - self.zero(), 0.0), 0.0)
        return total

    def _only(self, i, scale):
        return [scale if j == i else 0 * scale for j in range(len(self.structure.blocks()))]


@cache
def mirror(name, classes, loss="ce"):
    return Mirror(named(name, classes), loss)


def solved_again(first, second, classes, depth, reg, loss="ce"):
    """The tie next to lambda = reg at 80 digits."""
    depth = mp.mpf(depth)
    A, B = (mirror(name, classes, loss).near(depth, reg) for name in (first, second))
    difference = lambda log_reg: mp.log(A(depth, mp.exp(log_reg)) / B(depth, mp.exp(log_reg)))
    return mp.exp(mp.findroot(difference, (mp.log(reg), mp.log(reg) + mp.mpf(10) ** -8)))


def close(value, expected, tolerance=TOLERANCE):
    return abs(mp.mpf(float(value)) - expected) <= tolerance * abs(expected)


def rounding_of_tie(first, second, classes, depth, reg):
    """How far the rounding of the two losses moves their tie, relative to lambda."""
    best = [best_scales(named(name, classes), depth, reg) for name in (first, second)]
    return 1e-14 / abs(np.diff([x.penalty / x.loss for x in best])[0])


PUBLISHED = [(5, 2, [0.041552]), (4, 2, [0.0117605]), (10, 2, [])]


@pytest.mark.parametrize(("classes", "depth", "ties"), PUBLISHED)
def test_simplex_against_pairs(classes, depth, ties):
    found = boundary("simplex", "pairs", classes, depth)
    assert found == pytest.approx(ties, rel=2e-5)


def distinct(names, classes):
    """The names of structures that exist, one for each fingerprint."""
    first = {}
    for name in names:
        if find(name, classes) is not None:
            first.setdefault(named(name, classes).fingerprint, name)
    return list(first.values())


def pairs_of(classes):
    return list(combinations(distinct((*NAMES, f"simplex({classes - 2})+pairs(1)"), classes), 2))


def test_published_ties_are_exact():
    for classes in (4, 5):
        (tie,) = boundary("simplex", "pairs", classes, 2)
        assert close(tie, solved_again("simplex", "pairs", classes, 2, tie))


def assert_ties_hold(classes, depths):
    count = 0
    for first, second in pairs_of(classes):
        for depth in depths:
            for tie in boundary(first, second, classes, depth):
                tolerance = TOLERANCE + rounding_of_tie(first, second, classes, depth, tie)
                exact = solved_again(first, second, classes, depth, tie)
                assert close(tie, exact, tolerance), (first, second, depth, tie)
                count += 1
    assert count >= 2


@pytest.mark.parametrize(("classes", "depths"), [(4, (1.25, 2)), pytest.param(7, (3,), marks=pytest.mark.slow)])
def test_ties_hold_at_eighty_digits(classes, depths):
    assert_ties_hold(classes, depths)


def test_two_ties_next_to_each_other_are_both_found():
    first, second, depth = "cyclic-1+2", "simplex(5)+pairs(1)", 1.01
    ties = boundary(first, second, 7, depth)
    assert ties == pytest.approx([0.13955173, 0.13957228], abs=1e-8)
    assert all(close(tie, solved_again(first, second, 7, depth, tie)) for tie in ties)


@pytest.mark.slow
@pytest.mark.parametrize("classes", [5, 6, 8])
def test_more_ties_hold_at_eighty_digits(classes):
    assert_ties_hold(classes, (1.25, 2, 3))


@pytest.mark.parametrize("depth", [2, 3])
def test_ties_are_sorted_and_do_not_depend_on_the_order_or_on_names(depth):
    first, second = "cyclic-1+2", "simplex(5)+pairs(1)"
    ties = boundary(first, second, 7, depth)
    assert ties.size == 2
    assert ties[0] < ties[1]
    np.testing.assert_allclose(boundary(second, first, 7, depth), ties, rtol=1e-11)
    np.testing.assert_array_equal(boundary(named(first, 7), named(second, 7), 7, depth), ties)


@pytest.mark.parametrize("samples", [1, 5, 1000])
@pytest.mark.parametrize("depth", [1.5, 2, 3])
def test_samples_scale_the_ties(samples, depth):
    expected = boundary("simplex", "polygon", 7, depth) * samples ** (-1 / (depth + 1))
    ties = boundary("simplex", "polygon", 7, depth, samples)
    assert ties.size
    np.testing.assert_allclose(ties, expected, rtol=1e-14)
    for tie in ties:
        A, B = (best_scales(named(name, 7), depth, tie, samples).loss for name in ("simplex", "polygon"))
        assert float(A) == pytest.approx(float(B), rel=1e-12)


# Against zero.


@pytest.mark.parametrize("classes", [2, 5, 10])
@pytest.mark.parametrize("depth", [1, 1.5, 2, 3, 10, 100, 10000])
def test_ties_with_zero_hold_at_eighty_digits(classes, depth):
    for name in ("simplex", "pairs", "polygon", "pairs-free", "simplex(3)+pairs(1)", "frame"):
        if find(name, classes) is None:
            continue
        (tie,) = boundary("zero", name, classes, depth)
        if depth > 1:
            assert close(tie, solved_again(name, "zero", classes, depth, tie)), name
        assert best_scales(named(name, classes), depth, tie * (1 - 1e-6)).scales.any()
        assert not best_scales(named(name, classes), depth, tie * (1 + 1e-6)).scales.any()


@pytest.mark.parametrize("name", ["simplex", "pairs", "polygon", "cyclic-1+2"])
def test_at_depth_one_projections_vanish_at_one_over_the_classes(name):
    for classes in (4, 6, 10):
        assert boundary(name, "zero", classes, 1) == pytest.approx([1 / classes], rel=1e-14)


@pytest.mark.parametrize("depth", [1, 2, 3, 10, 100, 10000])
@pytest.mark.parametrize("samples", [1, 7])
def test_the_frame_vanishes_at_the_published_threshold(depth, samples):
    classes = 6
    (tie,) = boundary("frame", "zero", classes, depth, samples, "mse")
    logs = (depth + 1) * math.log(classes * tie) + math.log(samples)
    threshold = (depth - 1) * math.log(depth - 1) - 2 * depth * math.log(depth) if depth > 1 else 0.0
    assert logs / (depth + 1) == pytest.approx(threshold / (depth + 1), abs=TOLERANCE)
    assert zero_boundary(named("frame", classes), depth, "mse") == pytest.approx(
        tie * samples ** (1 / (depth + 1)), rel=1e-14
    )


# No tie.


def test_simplex_and_pairs_do_not_tie_where_the_theorem_applies():
    for classes in (4, 5, 6, 12):
        for depth in (2, 3, 10000):
            if depth > 2 or classes >= 6:
                assert boundary("simplex", "pairs", classes, depth).size == 0, (classes, depth)
                regs = np.logspace(-12, -3, 10)
                losses = [best_scales(named(name, classes), depth, regs).loss for name in ("pairs", "simplex")]
                assert (losses[0] <= losses[1] * (1 + 1e-15)).all()


@pytest.mark.parametrize("depth", [2, 5])
def test_structures_whose_last_block_is_the_same_do_not_tie_where_it_vanishes(depth):
    """Both lose their pairs at one lambda, from which on both are zero."""
    first, second = "pairs-free", "simplex(3)+pairs(1)"
    last = min(zero_boundary(named(name, 5), depth) for name in (first, second))
    ties = boundary(first, second, 5, depth)
    assert ties.size == 2
    assert ties[-1] < 0.99 * last


def projections(classes):
    names = [s.name for s in catalogue(classes, ["simplex", "pairs", "polygon", "cyclic", "mixed"])]
    return distinct([name for name in names if name != "pairs" or classes % 2 == 0], classes)


@pytest.mark.parametrize(("classes", "depth"), [(4, 1), (4, 1.0001), (5, 2), (6, 1), (6, 5)])
def test_projections_do_not_tie_in_squared_error(classes, depth):
    """Each of them loses as many equal parts as its rank, and all parts vanish at one lambda."""
    for first, second in combinations(projections(classes), 2):
        if named(first, classes).rank != named(second, classes).rank:
            assert boundary(first, second, classes, depth, loss="mse").size == 0, (first, second)


def test_there_is_no_tie_where_both_vanish_next_to_depth_one():
    assert boundary("pairs", "simplex(4)+pairs(1)", 6, 1.0001, loss="mse").size == 0


@pytest.mark.parametrize("depth", [1, 2, 5])
@pytest.mark.parametrize(
    ("classes", "first", "second"),
    [(6, "cyclic-1+2", "simplex(4)+pairs(1)"), (8, "pairs", "cyclic-1+2"), (5, "pairs-free", "polygon")],
)
def test_structures_that_agree_on_an_interval_in_squared_error(classes, first, second, depth):
    """Of equal rank they agree everywhere, or where the blocks that differ have vanished; no tie is isolated."""
    with suppress(ValueError):
        assert boundary(first, second, classes, depth, loss="mse").size <= 1


@pytest.mark.parametrize("classes", [6, 10])
def test_codes_of_depth_one_do_not_tie_where_all_of_them_vanish(classes):
    for first, second in combinations(["simplex", "pairs", "polygon"], 2):
        if named(first, classes).fingerprint != named(second, classes).fingerprint:
            assert boundary(first, second, classes, 1).size == 0


# Missing ties.

LOWEST_REG = 1e-6
DECIDED = 1e-7  # Relative differences of the scan that are not rounding.


def sign_changes(first, second, axis):
    """Intervals of ``axis`` in which a scanned difference of losses changes its sign."""
    difference = first / second - 1
    sure = np.flatnonzero(np.abs(difference) > DECIDED)
    signs = np.sign(difference[sure])
    turns = np.flatnonzero(signs[1:] != signs[:-1])
    return [(axis[sure[i]], axis[sure[i + 1]]) for i in turns]


def assert_inside(ties, intervals, case):
    assert len(ties) == len(intervals), (case, ties, intervals)
    assert all(low < tie < high for tie, (low, high) in zip(ties, intervals, strict=True)), (case, ties, intervals)


def agree_somewhere(first, second, zero):
    """Whether two scanned losses are equal at several problems at which they are not those of zero logits."""
    return np.sum((np.abs(first / second - 1) < 1e-13) & (first < zero * (1 - 1e-6))) > 3


def assert_no_tie_is_missing(classes, depth, loss, count):
    names = distinct([structure.name for structure in catalogue(classes, loss=loss)], classes)
    tops = [zero_boundary(named(name, classes), depth, loss) for name in names if name != "zero"]
    below = np.outer(tops, 1 - np.geomspace(1e-5, 0.1, 40)).ravel()
    regs = np.sort(np.concatenate([np.geomspace(LOWEST_REG, 2, count), below]))
    depths = np.full(regs.shape, float(depth))
    losses = {name: mirror(name, classes, loss).scan(depths, regs) for name in names}
    for first, second in combinations(names[1:], 2):
        if agree_somewhere(losses[first], losses[second], losses["zero"]):
            continue
        ties = boundary(first, second, classes, depth, loss=loss)
        intervals = sign_changes(losses[first], losses[second], regs)
        assert_inside(ties[ties > LOWEST_REG], intervals, (first, second, depth))
    for name in names[1:]:
        (tie,) = boundary("zero", name, classes, depth, loss=loss)
        alive = losses[name] < losses["zero"] * (1 - 1e-12)
        assert alive[regs < tie * (1 - 1e-4)].all()
        assert not alive[regs > tie * (1 + 1e-6)].any()


@pytest.mark.parametrize(("classes", "depth"), [(4, 1.5), (6, 3), pytest.param(5, 2, marks=pytest.mark.slow)])
def test_no_tie_is_missing(classes, depth):
    assert_no_tie_is_missing(classes, depth, "ce", 200)


@pytest.mark.parametrize("depth", [1, 3])
def test_no_tie_is_missing_in_squared_error(depth):
    assert_no_tie_is_missing(5, depth, "mse", 200)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("classes", "depth"),
    [
        (4, 1),
        (5, 1.5),
        (5, 5),
        (6, 1),
        (6, 1.1),
        (7, 1.1),
        (7, 2),
        (7, 3),
        (8, 1.1),
        (8, 2.5),
        (8, 20),
        (10, 2),
        (10, 4),
    ],
)
def test_no_tie_is_missing_on_a_fine_scan(classes, depth):
    assert_no_tie_is_missing(classes, depth, "ce", 1000)


# Ties in depth.


def depth_solved_again(first, second, classes, depth, reg, loss="ce"):
    A, B = (mirror(name, classes, loss).near(depth, reg) for name in (first, second))
    difference = lambda L: mp.log(A(L, mp.mpf(reg)) / B(L, mp.mpf(reg)))
    return mp.findroot(difference, (mp.mpf(depth), mp.mpf(depth) * (1 + mp.mpf(10) ** -8)))


@pytest.mark.parametrize(
    ("classes", "first", "second", "reg"),
    [
        (4, "simplex", "pairs", 1e-8),
        (4, "simplex", "pairs", 0.02),
        (5, "pairs-free", "polygon", 1e-3),
        (6, "polygon", "cyclic-1+2", 0.02),
        (6, "simplex", "simplex(4)+pairs(1)", 1e-5),
    ],
)
def test_ties_in_depth_hold_at_eighty_digits(classes, first, second, reg):
    depths = boundary_depth(first, second, classes, reg)
    assert depths.size
    for depth in depths:
        assert close(depth, depth_solved_again(first, second, classes, depth, reg))
        assert np.min(np.abs(boundary(first, second, classes, depth) / reg - 1)) < 1e-9


def test_there_is_no_tie_in_depth_where_both_vanish():
    """From some depth on both are zero, whose loss rounds differently for the two."""
    for first, second, classes in (("pairs", "polygon", 7), ("pairs", "cyclic-1+2", 5)):
        assert boundary_depth(first, second, classes, 0.1, depths=(4, 12)).size == 0


@pytest.mark.parametrize(("name", "reg"), [("pairs", 0.1), ("polygon", 0.15)])
def test_ties_with_zero_in_depth(name, reg):
    structure = named(name, 6)
    depths = boundary_depth(name, "zero", 6, reg, depths=(1.2, 1.8))
    for depth in depths:
        assert zero_boundary(structure, depth) == pytest.approx(reg, rel=1e-11)
    alive = np.array([zero_boundary(structure, L) > reg for L in np.geomspace(1.2, 1.8, 30)])
    assert len(depths) == np.sum(alive[1:] != alive[:-1])


def test_samples_in_ties_in_depth():
    for samples in (1, 20):
        for depth in boundary_depth("simplex", "polygon", 6, 0.01, samples):
            assert boundary("simplex", "polygon", 6, depth, samples) == pytest.approx([0.01], rel=1e-10)


@pytest.mark.parametrize(("classes", "reg"), [(4, 0.02), (8, 1e-3)])
def test_no_tie_in_depth_is_missing(classes, reg):
    assert_no_tie_in_depth_is_missing(classes, reg)


@pytest.mark.slow
@pytest.mark.parametrize(("classes", "reg"), [(5, 0.02), (6, 0.1), (7, 0.02), (7, 0.1)])
def test_no_tie_in_depth_is_missing_in_more_cells(classes, reg):
    assert_no_tie_in_depth_is_missing(classes, reg)


def assert_no_tie_in_depth_is_missing(classes, reg):
    scan = np.geomspace(1, 60, 400)
    regs = np.full(scan.size, reg)
    for first, second in pairs_of(classes):
        losses = [mirror(name, classes).scan(scan, regs) for name in (first, second)]
        depths = boundary_depth(first, second, classes, reg, depths=(1, 60))
        assert_inside(depths, sign_changes(*losses, scan), (first, second))


# Refusals.


@pytest.mark.parametrize("solve", [lambda *a, **k: boundary(*a, 2, **k), lambda *a, **k: boundary_depth(*a, 0.01, **k)])
@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (("polygon", "pairs", 4), {}, "polygon and pairs are the same structure at 4 classes; pass two that differ"),
        (("simplex", "simplex", 5), {}, "simplex and simplex are the same structure"),
        (("zero", "zero", 5), {}, "zero and zero are the same structure"),
        (("folded-cube", "srg-clebsch-complement", 16), {}, "are the same structure at 16 classes"),
        (("simplx", "pairs", 5), {}, "there is no structure 'simplx' at 5 classes; pass simplex"),
        (("simplex", "pairs-free", 4), {}, "there is no structure 'pairs-free' at 4 classes; .*pass"),
        ((named("simplex", 6), "pairs", 5), {}, "there is no structure <structure simplex, 6 classes, rank 5>"),
        (("simplex", "pairs", 1), {}, "classes is 1; pass"),
        (("simplex", "pairs", 5), {"samples": 0}, "samples .*; pass"),
        (("simplex", "pairs", 5), {"loss": "hinge"}, "loss is 'hinge'; pass one of"),
    ],
)
def test_refusals(solve, arguments, options, message):
    with pytest.raises(ValueError, match=rf"^[^\n]*{message}[^\n]*$"):
        solve(*arguments, **options)


@pytest.mark.parametrize("depth", [0.5, 0, math.nan, math.inf])
def test_a_depth_out_of_range_is_refused(depth):
    with pytest.raises(ValueError, match=r"^depth is [^\n]*; pass [^\n]+$"):
        boundary("simplex", "pairs", 5, depth)


@pytest.mark.parametrize("depths", [(3, 2), (2, 2), (0.5, 3), (1, math.nan), (1, math.inf)])
def test_depths_out_of_range_are_refused(depths):
    with pytest.raises(ValueError, match=r"^depths is [^\n]*; pass [^\n]+$"):
        boundary_depth("simplex", "pairs", 5, 0.01, depths=depths)


@pytest.mark.parametrize("reg", [0.0, -1.0, math.nan])
def test_a_regularisation_out_of_range_is_refused(reg):
    with pytest.raises(ValueError, match=r"^reg is [^\n]*; pass [^\n]+$"):
        boundary_depth("simplex", "pairs", 5, reg)
