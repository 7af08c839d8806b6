"""Scales of structures against a reference at 50 digits that is written from the printed shapes."""

import math
from dataclasses import dataclass
from functools import cache
from itertools import product

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import logsumexp

from optima.model import DeepUFM
from optima.reduction import Reduction
from optima.scales import best_scales, effective_reg, stationary_scales
from optima.scales.batch import best_of_structures
from optima.scales.turning_points import single_humped, turning_points
from optima.structures import Block, Orbit, Structure, catalogue, named

DIGITS = 50
TOLERANCE = 1e-12
DEPTHS = (1, 2, 3, 10, 100, 10000)
REGS = (1e-300, 1e-100, 1e-10, 1e-5, 1e-3, 1e-2, 0.05, 0.3, 1e3)
SAMPLES = (1, 5, 1000)


@dataclass(frozen=True)
class Part:
    """A block of logits: (share of the classes, ((margin, count), ...)) per orbit, and (sigma, multiplicity)."""

    classes: int
    orbits: tuple
    singular: tuple
    trace: object = None

    def schatten(self, p):
        return sum(m * mp.mpf(sigma) ** p for sigma, m in self.singular)


@dataclass(frozen=True)
class Point:
    log_scale: object
    fit: object
    penalty: object
    kind: str

    @property
    def loss(self):
        return self.fit + self.penalty


# The shapes, as printed in the theory.


def simplex(K):
    return "simplex", K, [Part(K, ((1, ((1, K - 1),)),), ((1, K - 1),), K - 1)]


def pairs(K):
    m = K // 2
    paired = (mp.mpf(2 * m) / K, ((1, K - 2), (2, 1)))
    if K % 2 == 0:
        return "pairs", K, [Part(K, (paired,), ((2, m),), K)]
    return "pairs", K, [Part(K, (paired, (mp.mpf(1) / K, ((1, K - 1),))), ((2, m), (1, 1)), K)]


def pairs_free(K):
    m, own = K // 2, 1 - mp.mpf(1) / K
    paired = Part(K, ((mp.mpf(K - 1) / K, ((1, K - 2), (2, 1))),), ((2, m),), K - 1)
    return "pairs-free", K, [paired, Part(K, ((mp.mpf(1) / K, ((1, K - 1),)),), ((mp.sqrt(own), 1),), own)]


def polygon(K):
    margins = tuple((2 * mp.sinpi(mp.mpf(j) / K) ** 2, 1 if 2 * j == K else 2) for j in range(1, K // 2 + 1))
    return "polygon", K, [Part(K, ((1, margins),), ((mp.mpf(K) / 2, 2),), K)]


def two_distance(name, K, k, t, f):
    margins = ((1 - mp.mpf(t) / k, k), (1 + mp.mpf(1 + t) / (K - k - 1), K - k - 1))
    return name, K, [Part(K, ((1, margins),), ((mp.mpf(K) / f, f),), K)]


def mixed(s, m):
    K = s + 2 * m
    rest = (mp.mpf(s) / K, ((1, s - 1), (1 - mp.mpf(1) / s, 2 * m)))
    paired = (mp.mpf(2 * m) / K, ((1, K - 2), (2, 1)))
    parts = [Part(K, (rest,), ((1, s - 1),), s - 1), Part(K, (paired,), ((2, m),), 2 * m)]
    return f"simplex({s})+pairs({m})", K, parts


def frame(K, r):
    orbits = ((mp.mpf(r) / K, ((1, K - 1),)), (mp.mpf(K - r) / K, ((0, K - 1),)))
    return "frame" if r == K else f"frame({r})", K, [Part(K, orbits, ((1, r),), r)]


# The reference: every stationary scale of a part, by bracketing in log a and solving at 50 digits.


def bracketed_root(function, low, high):
    """The root of a function of opposite signs at low and high: 40 halvings, then secant steps."""
    rising = function(high) > 0
    assert rising != (function(low) > 0)
    for _ in range(40):
        middle = (low + high) / 2
        if (function(middle) > 0) == rising:
            high = middle
        else:
            low = middle
    root = mp.findroot(function, (low, high), tol=mp.mpf(10) ** -70)
    assert low - (high - low) <= root <= high + (high - low)
    return root


def cross_entropy_fit(part, a):
    tails = (mp.fsum(N * mp.exp(-a * m) for m, N in rivals) for _, rivals in part.orbits)
    return mp.fsum(share * mp.log1p(tail) for (share, _), tail in zip(part.orbits, tails, strict=True))


def slope_and_elasticity(part, a):
    """-G'(a) and a G''(a) / -G'(a)."""
    slope = curvature = mp.mpf(0)
    for share, rivals in part.orbits:
        terms = [(m, N * mp.exp(-a * m)) for m, N in rivals]
        whole = 1 + mp.fsum(term for _, term in terms)
        first = mp.fsum(m * term for m, term in terms) / whole
        slope += share * first
        curvature += share * (mp.fsum(m * m * term for m, term in terms) / whole - first**2)
    return slope, a * curvature / slope


def height(part, p, log_reg, u):
    """log(-G'(a)) + (1-p) log a - log(lam sum s^p) at a = e^u: positive where the loss falls."""
    return mp.log(slope_and_elasticity(part, mp.exp(u))[0]) + (1 - p) * u - log_reg - mp.log(part.schatten(p))


@cache
def log_fold(part, p):
    """Where the height of a part that rises and then falls is largest; -inf at p = 1."""
    if p == 1:
        return -mp.inf
    excess = lambda u: slope_and_elasticity(part, mp.exp(u))[1] - (1 - p)
    return bracketed_root(excess, mp.mpf(-60), mp.mpf(12))


def cross_entropy_points(part, p, log_reg):
    """Nonzero stationary points (log scale, kind) of a part that rises and then falls."""
    fold = log_fold(part, p)
    curve = lambda u: height(part, p, log_reg, u)
    top = fold if mp.isfinite(fold) else mp.mpf(-100)
    if curve(top) <= 0:
        return []
    least = min(m for _, rivals in part.orbits for m, _ in rivals if m)
    points = [(bracketed_root(curve, top, mp.log((abs(log_reg) + 60) * 3 / least)), "minimum")]
    if p < 1:
        points.append((bracketed_root(curve, (log_reg - 60) / (1 - p) - 60, top), "maximum"))
    return points


def squared_error_points(part, p, log_reg):
    """Nonzero stationary points of (square a^2 - 2 trace a) / 2K + penalty, in x = a square / trace."""
    square = sum(m * mp.mpf(sigma) ** 2 for sigma, m in part.singular)
    best = mp.mpf(part.trace) / square
    log_rho = log_reg + mp.log(part.schatten(p) * part.classes / part.trace) - (1 - p) * mp.log(best)
    fold = (1 - p) / (2 - p)
    top = (1 - p) * mp.log(fold) + mp.log1p(-fold) if p < 1 else mp.mpf(0)
    if log_rho >= top:
        return []
    if p == 1:
        return [(mp.log(best) + mp.log1p(-mp.exp(log_rho)), "minimum")]
    # The larger one in y = log(1 - x), which keeps the digits of x next to 1.
    y = bracketed_root(lambda y: y + (1 - p) * mp.log1p(-mp.exp(y)) - log_rho, log_rho - 1, mp.log1p(-fold))
    u = bracketed_root(lambda u: (1 - p) * u + mp.log1p(-mp.exp(u)) - log_rho, log_rho / (1 - p) - 1, mp.log(fold))
    return [(mp.log(best) + mp.log1p(-mp.exp(y)), "minimum"), (mp.log(best) + u, "maximum")]


def squared_error_fit(part, a):
    square = sum(m * mp.mpf(sigma) ** 2 for sigma, m in part.singular)
    carried = mp.fsum(share for share, _ in part.orbits) * part.classes
    return (a * a * square - 2 * a * part.trace + carried) / (2 * part.classes)


REFERENCE = {"ce": (cross_entropy_points, cross_entropy_fit), "mse": (squared_error_points, squared_error_fit)}


def part_points(part, depth, reg, samples, loss):
    """All stationary points of one part, the zero scale included where it is one."""
    points, fit = REFERENCE[loss]
    depth = mp.mpf(depth)
    p, log_reg = 2 / (depth + 1), mp.log(mp.mpf(reg)) + mp.log(mp.mpf(samples)) / (depth + 1)
    found = [
        Point(u, fit(part, mp.exp(u)), mp.exp(log_reg + p * u) * part.schatten(p) / p, kind)
        for u, kind in points(part, p, log_reg)
    ]
    if p < 1 or not found:
        found.append(Point(-mp.inf, fit(part, mp.mpf(0)), mp.mpf(0), "minimum"))
    return found


def combine(points):
    kinds = {point.kind for point in points}
    kind = kinds.pop() if len(kinds) == 1 else "saddle"
    return tuple(point.log_scale for point in points), sum(point.loss for point in points), kind


def close(value, expected, tolerance=TOLERANCE):
    return abs(mp.mpf(float(value)) - expected) <= tolerance * abs(expected)


def log_close(value, expected, depth, tolerance=TOLERANCE):
    """Relative distance of scales by their logs, which carry the rounding of 1 - p where they are large."""
    if mp.isinf(expected):
        return value == -math.inf
    flat = (depth - 1) / (depth + 1) or 1
    return abs(mp.mpf(value) - expected) <= tolerance + 2**-50 / flat * abs(expected)


def assert_stationary_points(found, choices, case):
    """``found`` holds exactly the points of the reference, in ascending order of loss, the best one first."""
    expected = [combine(points) for points in product(*choices)]
    assert len(found) == len(expected), case
    assert [x.loss for x in found] == sorted(x.loss for x in found), case
    assert close(found[0].loss, min(value for _, value, _ in expected)), case
    by_scale = sorted(found, key=lambda point: point.log_scales)
    for point, (logs, value, kind) in zip(by_scale, sorted(expected), strict=True):
        assert (point.kind, point.loss) == (kind, point.fit + point.penalty), case
        assert close(point.loss, value), case
        for scale, log_scale, u in zip(point.scales, point.log_scales, logs, strict=True):
            assert log_close(log_scale, u, case[0]), case
            assert scale == pytest.approx(math.exp(log_scale), rel=1e-15, abs=1e-320), case


def assert_best(best, index, choices, case):
    lowest = [min(points, key=lambda point: point.loss) for points in choices]
    loss = sum(point.loss for point in lowest)
    assert close(best.loss[index], loss), case
    assert close(best.penalty[index], sum(point.penalty for point in lowest)), case
    assert abs(best.fit[index] - sum(point.fit for point in lowest)) <= TOLERANCE * loss, case
    for scale, point in zip(best.scales[(slice(None), *index)], lowest, strict=True):
        assert close(scale, mp.exp(point.log_scale)), case


with mp.workdps(DIGITS):
    CROSS_ENTROPY = [
        *map(simplex, (2, 10, 10**6)),
        *map(pairs, (3, 10, 10**6 + 1)),
        *map(pairs_free, (11,)),
        *map(polygon, (10,)),
        two_distance("srg-petersen", 10, 3, 1, 5),
        mixed(3, 4),
        frame(10, 4),
    ]
    MORE = [
        *map(simplex, (3, 1000)),
        *map(pairs, (2, 1000, 10**6)),
        *map(pairs_free, (3,)),
        *map(polygon, (3,)),
        two_distance("srg-schlaefli", 27, 16, 4, 6),
        mixed(8, 1),
    ]
    SQUARED_ERROR = [frame(2, 2), frame(10, 10), frame(10, 4), frame(1000, 1000), simplex(10), pairs(11), polygon(7)]


@pytest.fixture(autouse=True, scope="module")
def _digits():
    with mp.workdps(DIGITS):
        yield


def name_of(case):
    return f"{case[1]}-{case[0]}"


def assert_grid(case, regs, depths, loss):
    """Best and stationary scales of every depth and regularisation, with changing numbers of samples."""
    name, K, parts = case
    structure = named(name, K)
    grid_depths, grid_regs = np.meshgrid(depths, regs, indexing="ij")
    samples = np.resize(SAMPLES, grid_depths.shape)
    best = best_scales(structure, grid_depths, grid_regs, samples, loss)
    for index in np.ndindex(samples.shape):
        problem = float(grid_depths[index]), float(grid_regs[index]), int(samples[index])
        choices = [part_points(part, *problem, loss) for part in parts]
        assert_best(best, index, choices, problem)
        assert_stationary_points(stationary_scales(structure, *problem, loss), choices, problem)


@pytest.mark.parametrize(
    "case", [*CROSS_ENTROPY, *(pytest.param(c, marks=pytest.mark.slow) for c in MORE)], ids=name_of
)
def test_cross_entropy_scales(case):
    assert_grid(case, REGS, DEPTHS, "ce")


@pytest.mark.parametrize("case", SQUARED_ERROR, ids=name_of)
def test_squared_error_scales(case):
    assert_grid(case, REGS, DEPTHS, "mse")


@pytest.mark.parametrize(
    "case", [simplex(6), pairs(6), pairs_free(5), polygon(7), mixed(4, 2), frame(5, 3)], ids=name_of
)
def test_real_depths(case):
    assert_grid(case, (1e-12, 0.02, 0.1), (1.0001, 1.01, 1.5, 2.75), "ce")
    assert_grid(case, (1e-12, 0.02, 0.1), (1.0001, 1.01, 1.5, 2.75), "mse")


@pytest.mark.slow
@pytest.mark.parametrize(
    "case", [polygon(1000), pairs_free(1001), two_distance("srg-hoffman-singleton", 50, 7, 2, 28)], ids=name_of
)
def test_many_margins(case):
    assert_grid(case, (1e-300, 1e-20, 1e-3, 0.1), (1, 2, 10000), "ce")


# Figure 1 of garrod2025 (L = 2) and a deeper cell, to all digits a float holds.
CELLS = [
    ("simplex", 2, 2.0**-10, 7.03753849442636294105, 0.0906621832128544109223),
    ("pairs", 2, 2.0**-10, 7.04704868833874057139, 0.0800126592451275299200),
    ("simplex", 3, 2.0**-9, 6.78303348007749901572, 0.147060765694726951461),
    ("pairs", 3, 2.0**-9, 6.91888870421903964990, 0.116525256479039123879),
]


@pytest.mark.parametrize(("name", "depth", "reg", "scale", "loss"), CELLS)
def test_published_cells(name, depth, reg, scale, loss):
    best = best_scales(named(name, 10), depth, reg, 5)
    assert best.scales[0] == pytest.approx(scale, rel=3e-16, abs=0)
    assert best.loss == pytest.approx(loss, rel=3e-16, abs=0)


@pytest.mark.parametrize("classes", [2, 3, 10, 1000, 10**6])
def test_simplex_of_depth_one_in_closed_form(classes):
    structure = named("simplex", classes)
    for reg, samples in product([*np.logspace(-300, 3, 40).tolist(), 0.999 / classes, 1.001 / classes], SAMPLES):
        inside = 1 / (mp.mpf(reg) * mp.sqrt(samples)) - classes + 1
        exact = mp.log(inside) if inside > 1 else mp.mpf(0)
        conditioning = (inside + classes) / (inside * exact) if exact else 0
        found = stationary_scales(structure, 1, reg, samples)
        assert len(found) == 1
        assert close(found[0].scales[0], exact, TOLERANCE + 1e-15 * conditioning), (reg, samples)


@pytest.mark.parametrize("name", ["simplex", "pairs", "polygon", "srg-petersen"])
def test_at_depth_one_codes_vanish_from_one_over_the_classes_on(name):
    structure = named(name, 10)
    assert best_scales(structure, 1, 0.1 * (1 - 1e-6)).scales[0] > 0
    for reg in (0.1 * (1 + 1e-12), 0.2, 1e3):
        (only,) = stationary_scales(structure, 1, reg)
        assert (only.scales, only.loss, only.kind) == ((0.0,), pytest.approx(math.log(10), rel=1e-15), "minimum")


# Next to the fold, where the two nonzero stationary scales meet.


FOLDS = [simplex(10), simplex(10**6), pairs(10), polygon(10), two_distance("srg-petersen", 10, 3, 1, 5)]


def fold_of(case, depth):
    """(structure, part, log scale at the fold, lam there)."""
    name, K, (part,) = case
    p = mp.mpf(2) / (depth + 1)
    u = log_fold(part, p)
    return named(name, K), part, u, mp.exp(height(part, p, mp.mpf(0), u))


@pytest.mark.parametrize("depth", [2, 3, 10000])
@pytest.mark.parametrize("case", FOLDS, ids=name_of)
def test_just_below_the_fold(case, depth):
    structure, part, _, fold = fold_of(case, depth)
    for digits in range(3, 16):
        reg = float(fold * (1 - mp.mpf(10) ** -digits))
        expected = part_points(part, depth, reg, 1, "ce")
        found = stationary_scales(structure, depth, reg)
        if digits >= 14 and len(found) == 1:
            continue  # The fold itself is only known to rounding.
        assert len(found) == 3, digits
        for point, wanted in zip(sorted(found, key=lambda x: -x.log_scales[0]), expected, strict=True):
            assert close(point.loss, wanted.loss), digits
            assert point.kind == wanted.kind
            # A double root: an error of rounding size in the equation moves it by the root of that size.
            assert log_close(point.log_scales[0], wanted.log_scale, depth, 1e-13 * 10 ** (digits / 2)), digits


@pytest.mark.parametrize("depth", [2, 3, 10000])
@pytest.mark.parametrize("case", FOLDS, ids=name_of)
def test_no_scale_but_zero_above_the_fold(case, depth):
    structure, _, _, fold = fold_of(case, depth)
    for digits in range(3, 14):
        reg = float(fold * (1 + mp.mpf(10) ** -digits))
        assert [point.scales for point in stationary_scales(structure, depth, reg)] == [(0.0,)], digits
        assert best_scales(structure, depth, reg).scales.tolist() == [0.0]


# Squared error.


@pytest.mark.parametrize("depth", [1, 2, 3, 7, 40])
@pytest.mark.parametrize("samples", SAMPLES)
def test_frame_scale_solves_the_published_equation(depth, samples):
    classes, regs = 6, (*[3e-3] * depth, 7e-4)
    problem = DeepUFM(classes, depth, regs, samples=samples, loss="mse")
    structure = named("frame", classes)
    points = stationary_scales(structure, depth, Reduction(problem).reg, samples, "mse")
    right = depth * math.log(regs[0]) + math.log(regs[-1]) + (depth + 1) * math.log(classes) + math.log(samples)
    nonzero = [point.scales[0] for point in points if point.scales[0] > 0]
    assert len(nonzero) == (1 if depth == 1 else 2)
    for gamma in nonzero:
        left = (depth - 1) * math.log(gamma) + (depth + 1) * math.log1p(-gamma)
        assert left == pytest.approx(right, rel=1e-11)


@pytest.mark.parametrize("depth", [2, 3, 7, 40, 1000])
def test_frame_vanishes_at_the_published_threshold(depth):
    classes, samples = 6, 5
    threshold = (depth - 1) * math.log(depth - 1) - 2 * depth * math.log(depth)
    mean = (threshold - math.log(samples)) / (depth + 1) - math.log(classes)
    for shift, alive in ((-1e-9, True), (1e-9, False)):
        regs = (*[math.exp(mean + 0.3 + shift)] * depth, math.exp(mean - 0.3 * depth + shift))
        reduction = Reduction(DeepUFM(classes, depth, regs, samples=samples, loss="mse"))
        best = best_scales(named("frame", classes), depth, reduction.effective_reg, loss="mse")
        assert (best.scales[0] > 0) == alive
        if alive:
            assert best.scales[0] == pytest.approx((depth - 1) / depth, rel=1e-6)


# Arrays, extremes and refusals.


@pytest.mark.parametrize("loss", ["ce", "mse"])
@pytest.mark.parametrize(
    ("name", "classes"), [("zero", 5), ("polygon", 9), ("pairs-free", 7), ("simplex(3)+pairs(2)", 7)]
)
def test_arrays_agree_with_single_problems(name, classes, loss):
    structure = named(name, classes)
    depth, reg, samples = np.array([[[1.0]], [[2.5]], [[9.0]]]), np.logspace(-8, 0, 7)[:, None], np.array([1, 40])
    best = best_scales(structure, depth, reg, samples, loss)
    assert best.loss.shape == best.fit.shape == best.penalty.shape == (3, 7, 2)
    assert best.scales.shape == (len(structure.blocks()), 3, 7, 2)
    for i, j, k in np.ndindex(best.loss.shape):
        one = best_scales(structure, depth[i, 0, 0], reg[j, 0], samples[k], loss)
        assert one.loss == pytest.approx(best.loss[i, j, k], rel=1e-15)
        np.testing.assert_allclose(one.scales, best.scales[:, i, j, k], rtol=1e-14)


def test_no_problems_give_no_scales():
    best = best_scales(named("pairs-free", 5), np.zeros((0, 3)) + 2, 0.1)
    assert (best.scales.shape, best.loss.shape) == ((2, 0, 3), (0, 3))


def test_effective_reg():
    np.testing.assert_allclose(effective_reg([0.1, 0.2], 8, 2), [0.2, 0.4], rtol=1e-15)


EXTREME = [
    named(name, 5) for name in ("zero", "simplex", "pairs", "pairs-free", "polygon", "simplex(3)+pairs(1)", "frame")
]


@pytest.mark.parametrize("structure", EXTREME, ids=lambda s: s.name)
@pytest.mark.parametrize("loss", ["ce", "mse"])
def test_extremes_stay_finite_and_ordered(structure, loss):
    zero = math.log(5) if loss == "ce" else 0.5
    for depth, reg in product((1, 1 + 2**-52, 1 + 1e-9, 1e6), (5e-324, 1e-308, 1e-300, 1e-3, 1.0, 1e300)):
        for samples in (1, 1e6):
            points = stationary_scales(structure, depth, reg, samples, loss)
            best = best_scales(structure, depth, reg, samples, loss)
            assert points[0].kind == "minimum"
            assert 0 <= float(best.loss) <= zero * (1 + 1e-15)
            assert points[0].loss == pytest.approx(float(best.loss), rel=1e-14)


@pytest.mark.parametrize("structure", EXTREME, ids=lambda s: s.name)
def test_the_largest_regularisation(structure):
    assert not best_scales(structure, 2, 1.7e308).scales.any()
    assert not any(stationary_scales(structure, 2, 1.7e308)[0].scales)


REFUSED = [
    ({"depth": 0.5}, "depth"),
    ({"depth": 0}, "depth"),
    ({"depth": math.inf}, "depth"),
    ({"depth": math.nan}, "depth"),
    ({"reg": 0}, "reg"),
    ({"reg": -1e-3}, "reg"),
    ({"reg": math.inf}, "reg"),
    ({"reg": math.nan}, "reg"),
    ({"samples": 0}, "samples"),
    ({"samples": 0.5}, "samples"),
    ({"samples": math.nan}, "samples"),
    ({"loss": "hinge"}, "loss"),
]


@pytest.mark.parametrize("solve", [best_scales, stationary_scales])
@pytest.mark.parametrize(("change", "culprit"), REFUSED, ids=lambda x: str(x))
def test_values_out_of_range_are_refused(solve, change, culprit):
    arguments = {"depth": 2, "reg": 0.01} | change
    for structure in (named("simplex", 4), named("zero", 4)):
        with pytest.raises(ValueError, match=rf"^{culprit} [^\n]*; pass [^\n]+$"):
            solve(structure, **arguments)


def test_one_bad_value_in_an_array_is_named():
    with pytest.raises(ValueError, match=r"^reg contains .*-0\.5.*; pass positive finite numbers$"):
        best_scales(named("simplex", 4), [1, 2, 3], [0.1, -0.5, 0.3])


# Blocks whose curve turns more than once.


class Sketch(Structure):
    """A structure of given blocks, without a matrix."""

    name = "sketch"

    def __init__(self, classes, *blocks):
        super().__init__(classes)
        self.given = blocks

    def blocks(self, exact=False):
        return self.given

    def shape(self, scales=None, exact=False):
        raise NotImplementedError


FAR_APART = Block((Orbit(3, (0.001, 1.0), (1, 1)),), ((1, 2),), 3)


def part_of(block, classes):
    rivals = lambda orbit: tuple((mp.mpf(float(m)), N) for m, N in zip(orbit.margins, orbit.counts, strict=True))
    orbits = tuple((mp.mpf(orbit.classes) / classes, rivals(orbit)) for orbit in block.orbits)
    return Part(classes, orbits, tuple((mp.mpf(float(sigma)), m) for sigma, m in block.singular), block.trace)


def log_slopes(block, classes, u):
    """log(-G'(a)) at the log scales u, in floats."""
    a = np.exp(u)[:, None]
    terms = []
    for orbit in block.orbits:
        margins, counts = np.array(orbit.margins, dtype=float), np.array(orbit.counts, dtype=float)
        exponents = np.log(counts) - a * margins
        whole = np.logaddexp(0, logsumexp(exponents, axis=1))
        terms.append(math.log(orbit.classes / classes) + logsumexp(exponents + np.log(margins), axis=1) - whole)
    return logsumexp(terms, axis=0)


def scanned_points(block, classes, depth, reg):
    """Nonzero stationary points by a dense sign scan, and how far the curve stays from touching zero."""
    p = 2 / (depth + 1)
    part = part_of(block, classes)
    level = math.log(reg) + math.log(float(part.schatten(mp.mpf(p))))
    u = np.linspace(-12, 15, 9001)
    if p < 1:
        u = np.concatenate([[min(-13, (level - 30) / (1 - p))], u])
    h = log_slopes(block, classes, u) + (1 - p) * u - level
    steps = np.diff(h)
    turns = np.flatnonzero(steps[1:] * steps[:-1] <= 0) + 1
    if p == 1:
        turns = np.append(turns, 0)  # The curve is level at its lower end.
    exact_p = mp.mpf(2) / (mp.mpf(depth) + 1)
    curve = lambda x: height(part, exact_p, mp.log(mp.mpf(reg)), x)
    crossings = np.flatnonzero(np.sign(h[1:]) != np.sign(h[:-1]))
    points = [
        (bracketed_root(curve, mp.mpf(u[i]), mp.mpf(u[i + 1])), "minimum" if h[i] > 0 else "maximum") for i in crossings
    ]
    return points, np.min(np.abs(h[turns]), initial=math.inf)


def assert_scanned_points(block, classes, depth, reg):
    points, clearance = scanned_points(block, classes, depth, reg)
    if clearance < 1e-4:
        return
    found = stationary_scales(Sketch(classes, block), depth, reg)
    nonzero = sorted((x for x in found if x.log_scales[0] > -math.inf), key=lambda x: x.log_scales)
    assert [x.kind for x in nonzero] == [kind for _, kind in points]
    for point, (u, _) in zip(nonzero, points, strict=True):
        assert log_close(point.log_scales[0], u, depth, 1e-10)
    assert len(found) - len(nonzero) == (depth > 1 or not points)
    best = best_scales(Sketch(classes, block), depth, reg)
    assert found[0].loss == min(x.loss for x in found) == pytest.approx(float(best.loss), rel=1e-14)


def test_a_block_with_four_nonzero_stationary_scales():
    points = stationary_scales(Sketch(3, FAR_APART), 2, 1e-3)
    assert sorted(point.kind for point in points) == ["maximum"] * 2 + ["minimum"] * 3
    assert len(turning_points(FAR_APART, 3, 2 / 3)) == 3
    assert_scanned_points(FAR_APART, 3, 2, 1e-3)


@pytest.mark.parametrize("depth", [1, 1.00001, 1.0005, 1.01, 1.5, 2, 3, 30, 10000])
def test_a_block_with_several_humps_at_every_depth(depth):
    for reg in (1e-12, 1e-6, 1e-4, 5e-4, 1e-3, 2e-3, 1e-2, 0.1, 1.0):
        assert_scanned_points(FAR_APART, 3, depth, reg)


def test_a_block_with_several_humps_in_arrays():
    structure = Sketch(3, FAR_APART)
    depth, reg = np.array([[1.0], [2.0], [3.0]]), np.array([1e-6, 1e-3, 1e-1])
    best = best_scales(structure, depth, reg)
    for i, j in np.ndindex(3, 3):
        assert best.loss[i, j] == stationary_scales(structure, depth[i, 0], reg[j])[0].loss


@st.composite
def blocks(draw):
    """Random blocks: one or two orbits of up to four margins over three decades."""
    rivals = st.lists(st.tuples(st.floats(-3, 0), st.integers(1, 30)), min_size=1, max_size=4)
    drawn = draw(st.lists(rivals, min_size=1, max_size=2))
    orbits = tuple(
        Orbit(draw(st.integers(1, 5)), tuple(10**x for x, _ in orbit), tuple(N for _, N in orbit)) for orbit in drawn
    )
    classes = sum(orbit.classes for orbit in orbits)
    return Block(orbits, ((draw(st.floats(0.5, 4)), draw(st.integers(1, 5))),), classes), classes


@settings(derandomize=True, deadline=None, max_examples=50)
@given(blocks(), st.sampled_from([1, 1.0005, 1.1, 2, 3, 10, 1000]), st.floats(-9, 0))
def test_all_stationary_scales_of_random_blocks_are_found(drawn, depth, exponent):
    assert_scanned_points(*drawn, depth, 10**exponent)


def deepest_fall(block, classes):
    """How far the elasticity falls below its running maximum, where that is below 1."""
    u = np.linspace(-10, 14, 8001)
    elasticity = np.minimum(-np.gradient(log_slopes(block, classes, u), u), 1)[1:-1]
    return np.max(np.maximum.accumulate(elasticity) - elasticity)


@settings(derandomize=True, deadline=None, max_examples=100)
@given(blocks())
def test_single_humped_is_a_proof(drawn):
    fall = deepest_fall(*drawn)
    if not 1e-7 < fall < 1e-3:  # Between them the scan cannot tell.
        assert single_humped(*drawn) == (fall <= 1e-7)


def test_single_humped_tells_the_block_with_far_apart_margins():
    assert not single_humped(FAR_APART, 3)
    assert deepest_fall(FAR_APART, 3) > 0.1


@pytest.mark.parametrize("classes", [*range(2, 18), 27, 32, 50])
def test_the_catalogue_is_single_humped(classes):
    for structure in catalogue(classes):
        assert all(single_humped(block, classes) for block in structure.blocks()), structure.name


# Properties of any problem.


@st.composite
def problems(draw):
    K = draw(st.integers(2, 9))
    structure = draw(st.sampled_from(catalogue(K)[1:]))
    return structure, draw(st.integers(1, 40)), 10 ** draw(st.floats(-9, 0)), draw(st.integers(1, 20))


@settings(derandomize=True, deadline=None, max_examples=50)
@given(problems(), st.sampled_from(["ce", "mse"]), st.integers(0, 2**32))
def test_no_scales_are_better_than_the_best(problem, loss, seed):
    structure, depth, reg, samples = problem
    best = float(best_scales(structure, depth, reg, samples, loss).loss)
    reduction = Reduction(DeepUFM(structure.classes, depth, reg, samples=samples, loss=loss))
    scales = 10 ** np.random.default_rng(seed).uniform(-4, 3, (200, len(structure.blocks())))
    assert min(reduction.value(structure.shape(row)) for row in scales.tolist()) >= best * (1 - 1e-12)


@settings(derandomize=True, deadline=None, max_examples=50)
@given(problems())
def test_the_derivative_vanishes_at_stationary_scales(problem):
    structure, depth, reg, samples = problem
    p = mp.mpf(2) / (depth + 1)
    log_reg = mp.log(reg) + mp.log(samples) / (depth + 1)
    for point in stationary_scales(structure, depth, reg, samples):
        for u, block in zip(point.log_scales, structure.blocks(), strict=True):
            if u > -math.inf:
                part = part_of(block, structure.classes)
                slack = 1 + slope_and_elasticity(part, mp.exp(u))[1] + abs(u)
                assert abs(height(part, p, log_reg, mp.mpf(u))) <= 1e-14 * slack


@pytest.mark.parametrize("loss", ["ce", "mse"])
def test_a_few_problems_are_solved_together_as_many_are(loss):
    members = catalogue(12, None, loss, 11)
    reg = np.array([1e-4, 1e-3, 3e-3, 1e-2, 1e-1])
    many = best_of_structures(members, np.full(5, 3), reg, np.full(5, 2), loss)
    for i, one in enumerate(reg):
        few = best_of_structures(members, np.array([3]), np.array([one]), np.array([2]), loss)
        for together, alone in zip(many, few, strict=True):
            np.testing.assert_allclose(alone.loss[0], together.loss[i], rtol=1e-13)
            np.testing.assert_allclose(alone.scales[:, 0], together.scales[:, i], rtol=1e-11)
