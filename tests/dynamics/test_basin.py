"""Separatrices against the table of the theory and against the fate of flows; repulsion; chances."""

import numpy as np
import pytest

from optima import DeepUFM, basin, flow
from optima.dynamics import collapse_chance, critical_scale, deviation_growth, deviations
from optima.dynamics.characters import Characters
from optima.dynamics.collapse_chance import fates, shape_flow
from optima.dynamics.levels import levels
from optima.dynamics.one_pair import OnePair
from optima.dynamics.separatrix import paley

# r* of four classes by number of factors m, at rho_0 = 1, 0.1, 0.01.
TABLE = {
    3: (0.185487814671, 0.377440867663, 0.607792028256),
    4: (0.379231014067, 0.666874529171, 0.869689677610),
    6: (0.544294164403, 0.836872536389, 0.959818707632),
    8: (0.613211504500, 0.887963744274, 0.977866557836),
}
# A group with the two levels of K classes, and whether the character of a block is one of those that lead.
LEADING = [
    (4, (2, 2), lambda k: k[0] == 1),
    (6, (6,), lambda k: k[0] % 2 == 1),
    (9, (3, 3), lambda k: k[0] != 0),
    (5, (5,), lambda k: k[0] == 1),
    (13, (13,), lambda k: pow(int(k[0]), 6, 13) == 1),
]


def two(equations, leads, rho, z):
    """Starts with z where the block does not lead."""
    leading = np.array([leads(k) for k in equations.group.blocks])
    return np.where(leading, rho, np.reshape(z, (-1, 1)))


@pytest.mark.parametrize("factors", TABLE)
def test_the_table(factors):
    for start, known in zip((1.0, 0.1, 0.01), TABLE[factors], strict=True):
        found = basin(4, factors - 1, start)
        assert found.separatrix == pytest.approx(known, abs=1e-11)
        assert found.late_limit == pytest.approx(2 ** (-factors / (factors - 2)))
    assert basin(4, factors - 1, 1e3).separatrix == pytest.approx(found.late_limit, abs=1e-10)
    # Another exponent of the equation has another separatrix.
    assert abs(basin(4, factors, 0.1).separatrix - TABLE[factors][1]) > 0.01


@pytest.mark.parametrize(("classes", "orders", "leads"), LEADING)
@pytest.mark.parametrize("depth", [3, 6])
def test_flows_end_on_either_side(classes, orders, leads, depth):
    equations = Characters(DeepUFM(classes, depth, 0), orders)
    found = basin(classes, depth, 0.3)
    starts = two(equations, leads, 0.3, 0.3 * found.separatrix * np.array([0.9, 0.98, 1.02, 1.1]))
    assert fates(equations, starts).tolist() == [-1, -1, 1, 1]
    assert found.leading + found.trailing == classes - 1


@pytest.mark.parametrize(("classes", "orders", "leads"), LEADING)
def test_two_levels_stay_two_and_move_as_the_planar_equation_says(classes, orders, leads):
    equations = Characters(DeepUFM(classes, 3, 0), orders)
    eta = np.log(two(equations, leads, 0.8, 0.5))
    rates = equations.rates(eta, 0.0)[0]
    leading = eta[0] == np.log(0.8)
    assert np.ptp(rates[leading]) < 1e-14
    assert np.ptp(rates[~leading]) < 1e-14
    ratio = (0.5 / 0.8) ** 0.5 * (1 + levels(classes).excess(0.8, np.log(0.5 / 0.8)))
    assert rates[~leading][0] / rates[leading][0] == pytest.approx(ratio, rel=1e-12)


def test_starts_that_always_collapse():
    assert basin(4, 1, 0.1).separatrix == 0
    assert basin(3, 5, 0.1).rival == ""
    assert basin(2, 5, 0.1).separatrix == 0
    assert basin(12, 4, 0.1, size=3).rival == "groups of 3"
    tiny = basin(4, 3, 1e-30)
    assert 0 < tiny.deviation < 1e-14
    assert tiny.deviation == pytest.approx(basin(4, 3, 4e-30).deviation / 2, rel=1e-6)


def test_one_pair_that_trails_by_shooting():
    """Of five classes it is the separatrix in the plane, found another way."""
    exact = paley(5)
    found, error = OnePair(5).with_errors(3, [0.1, 1000.0])
    assert np.all(np.abs(found - exact.separatrix(3, [0.1, 1000.0])) <= error)
    assert error.max() < 2e-9
    assert 1 - found[1] == pytest.approx(exact.late_limit(3), abs=1e-8)
    assert OnePair(7).separatrix(1, [0.1]) == 1


@pytest.mark.parametrize("classes", [7, 11])
def test_two_values_of_such_primes_do_not_stay_two(classes):
    """Whichever characters lead; with five and thirteen classes those of quadratic residues do."""
    assert stays_two(5)
    assert stays_two(13)
    assert not stays_two(classes)


def stays_two(classes):
    """Whether some choice of leading blocks has equal rates within both levels."""
    equations = Characters(DeepUFM(classes, 3, 0), (classes,))
    for choice in range(1, 2**equations.blocks - 1):
        leads = np.array([bool(choice >> b & 1) for b in range(equations.blocks)])
        rates = equations.rates(np.log(np.where(leads, 0.8, 0.5)), 0.0)
        if max(np.ptp(rates[leads]), np.ptp(rates[~leads])) < 1e-12:
            return True
    return False


@pytest.mark.slow
@pytest.mark.parametrize(("classes", "depth", "start"), [(7, 2, 0.1), (7, 4, 1.0), (11, 3, 0.1)])
def test_primes_4k_plus_3(classes, depth, start):
    found = basin(classes, depth, start)
    assert (found.planar, found.leading, found.trailing) == (False, classes - 3, 2)
    assert 1e-10 < found.error < 1e-6
    equations = Characters(DeepUFM(classes, depth, 0), (classes,))
    # Which pair trails makes no difference.
    for block in range(equations.blocks):
        starts = np.full((4, equations.blocks), start)
        starts[:, block] *= found.separatrix * np.array([0.9, 0.99, 1.01, 1.03])
        assert fates(equations, starts).tolist()[2:] == [1, 1]
        assert (fates(equations, starts)[:2] < 1).all()
    beside = found.separatrix + np.array([-1e-4, 1e-4])
    starts = np.full((2, equations.blocks), start)
    starts[:, 0] *= beside
    before, after = (
        np.exp(eta.min(axis=1) - eta.max(axis=1))
        for eta in (shape_flow(equations, np.log(starts), mean, 1e-10) for mean in (1e3, 1e6))
    )
    assert after[0] < before[0]
    assert after[1] > before[1]


@pytest.mark.parametrize(
    ("arguments", "options", "words"),
    [
        ((7, 2, 0.1), {"size": 2}, "prime"),
        ((4, 2, 0.0), {}, "positive"),
        ((4, 0, 0.1), {}, "at least 1"),
        ((6, 2, 0.1), {"size": 4}, "pass one of 2, 3"),
        ((5, 2, 0.1), {"size": 2}, "prime"),
        ((4, 2, 0.1), {"spread": 0.1, "group": (3,)}, "3 elements for 4"),
    ],
)
def test_bad_input(arguments, options, words):
    with pytest.raises(ValueError, match=words):
        basin(*arguments, **options)


def test_chances_are_those_of_flows_one_by_one():
    found = collapse_chance(8, 4, 0.1, 0.05, trials=20, seed=1)
    equations = Characters(DeepUFM(8, 4, 0), (2, 2, 2))
    starts = 0.1 * np.exp(0.05 * np.random.default_rng(1).standard_normal((20, 7)))
    to_200 = {"until": {"margin": 200}, "group": (2, 2, 2), "tolerance": 1e-7}
    ends = [flow(DeepUFM(8, 4, 0), start, **to_200) for start in starts[:6]]
    apart = np.array([end.zeta[-1].min() / end.zeta[-1].max() for end in ends])
    fate = fates(equations, starts)
    assert found.collapsed == np.sum(fate > 0)
    assert (apart[fate[:6] > 0] > 0.6).all()
    assert (apart[fate[:6] < 0] < 0.6).all()
    low, high = found.interval
    assert low < found.fraction < high
    assert collapse_chance(8, 1, 0.1, 0.3, trials=10).fraction == 1
    assert collapse_chance(8, 9, 0.1, 0.0, trials=5).fraction == 1


def test_a_fate_that_is_read_early_counts_fewer_collapses():
    late = collapse_chance(8, 5, 0.1, 0.05, trials=100)
    early = collapse_chance(8, 5, 0.1, 0.05, trials=100, mean=100.0)
    # None of those that did not collapse early is lost: they are undecided.
    assert early.collapsed < late.collapsed <= early.collapsed + early.undecided


@pytest.mark.slow
def test_chances_fall_with_depth_and_grow_with_the_start():
    chance = lambda depth, start: collapse_chance(8, depth, start, 0.05, trials=100).fraction
    assert chance(2, 0.1) > chance(5, 0.1) > chance(8, 0.1)
    assert chance(5, 0.01) < chance(5, 0.1) < chance(5, 1.0)


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_repulsion_is_that_of_flows(depth):
    K, small = 6, 1e-6
    start = 0.2 * (1 + small * np.array([1.0, -0.7, 0.4]))
    found = flow(DeepUFM(K, depth, 0), start, until={"margin": 15}, group=K, tolerance=1e-13)
    weights = np.array([2, 2, 1]) / 5
    mean = found.zeta @ weights
    growth = (found.zeta / mean[:, None] - 1) / (start / (start @ weights) - 1)
    wanted = deviation_growth(mean, mean[0], K, depth)
    assert growth == pytest.approx(np.repeat(wanted[:, None], 3, axis=1), rel=2e-4)
    # Two factors only attract; more repel up to rho*.
    top = float(mean[np.argmax(growth[:, 0])])
    assert critical_scale(K, depth) == pytest.approx(max(top, 0.2) if depth > 1 else 0.0, rel=0.1)
    assert np.abs(deviations(found.singular_values[:, :-1])).max(axis=1)[0] == pytest.approx(small, rel=0.3)
