"""Groups, their actions, and networks that are invariant under them."""

import numpy as np
import pytest
from sympy.combinatorics import Permutation, PermutationGroup

from optima import DeepUFM, named
from optima.relu.equivariant import pair_orbits
from optima.relu.groups import alike, on_sets, set_orbits, transitive_groups, with_fixed_points
from optima.relu.invariant import Invariant, Kind, kinds, least
from optima.scales import best_scales

ORDERS = {"C(7)": 7, "D(7)": 14, "S(5)": 120, "A1(7)": 42, "A1(7)/2": 21, "A(2,3)": 1344, "A(3,2)": 432, "P(5)": 120}
ORDERS |= {"P(7)": 336, "P(7)/2": 168, "P(11)/2": 660, "S(2)wrS(3)": 48, "S(3)wrS(2)": 72, "S(2)xS(4)": 48}
ORDERS |= {"S(3)wrS(2) on a grid": 72, "S(5)on2": 120, "S(4)on2": 24}


def test_the_groups_are_those_of_their_names():
    """Against sympy: transitive, and of the order of the group named."""
    seen = {}
    for points in range(2, 13):
        for name, group in transitive_groups(points).items():
            full = PermutationGroup([Permutation(each.tolist()) for each in group.generators])
            assert full.is_transitive(), name
            seen[name] = full.order()
    assert {name: seen[name] for name in ORDERS} == ORDERS


def test_orbits_of_sets():
    square = transitive_groups(4)["D(4)"]
    # Points, sides, diagonals, and the empty set; points and sides are different actions.
    assert sorted(len(orbit[0]) for orbit in set_orbits(square, 9)) == [1, 2, 4, 4]
    assert [len(orbit[0]) for orbit in set_orbits(square, 3)] == [1, 2]
    ring = transitive_groups(4)["C(4)"]
    # For a ring the sides are turned like the points.
    assert sorted(len(orbit[0]) for orbit in set_orbits(ring, 9)) == [1, 2, 4]


def test_actions_are_alike_up_to_the_names_of_their_elements():
    group = transitive_groups(5)["S(5)"]
    points, pairs = list(group.generators), on_sets(group, 2)
    names = np.random.default_rng(0).permutation(10)
    renamed = [np.argsort(names)[each[names]] for each in pairs]
    assert alike(pairs, renamed)
    assert not alike(points, pairs)
    square = transitive_groups(4)["D(4)"]
    sides = [orbit for orbit in set_orbits(square, 9) if len(orbit[0]) == 4]
    assert not alike(*sides)


def invariant(loss="mse", depth=3):
    group = with_fixed_points(transitive_groups(4)["S(4)"], 1)
    problem = DeepUFM(5, depth, 1e-3, loss=loss, activation="relu")
    return problem, Kind("S(4)", group.generators, on_sets(group, 2)[:], list(group.generators))


@pytest.mark.parametrize("loss", ["mse", "ce"])
def test_points_of_unknowns_commute_with_the_group(loss):
    problem, kind = invariant(loss)
    reduced = Invariant(problem, kind)
    rng = np.random.default_rng(0)
    unknowns = rng.standard_normal((1, len(reduced.size)))
    point = reduced.points(unknowns)
    assert np.linalg.norm(point) == pytest.approx(np.linalg.norm(unknowns))
    assert reduced.unknowns(point) == pytest.approx(unknowns)
    for layer, rows in zip(reduced.objective.layers(point[0]), (kind.stem, kind.last), strict=True):
        for row, column in zip(rows, kind.classes, strict=True):
            assert layer[np.ix_(row, column)] == pytest.approx(layer)
    # The gradient of the whole objective commutes too, so that descents stay.
    _, gradient = reduced.objective.log_value(point)
    assert reduced.points(reduced.unknowns(gradient)) == pytest.approx(gradient, abs=1e-12)
    # A point that is not invariant is another after the way down and up.
    other = rng.standard_normal(point.shape)
    assert np.linalg.norm(reduced.points(reduced.unknowns(other)) - other) > 0.5 * np.linalg.norm(other)


def test_each_class_alone_finds_collapse_and_more_neurons_the_lifted_pairs():
    problem = DeepUFM(4, 4, 1e-3, loss="mse", activation="relu")
    symmetric = transitive_groups(4)["S(4)"]
    own = list(symmetric.generators)
    few = least(problem, Kind("S(4)", own, own, own))
    collapse = best_scales(named("collapse", 4, activation="relu"), 4, 1e-3, loss="mse").loss
    assert few.loss == pytest.approx(float(collapse), rel=1e-3)
    lifted = best_scales(named("hinged-pairs", 4, activation="relu"), 4, 1e-3, loss="mse").loss
    group = transitive_groups(4)["S(2)wrS(2)"]
    # One class of each pair is a neuron; in the last layer each class has its own beside these.
    sides = next(o for o in set_orbits(group, 4) if len(o[0]) == 4 and not alike(o, list(group.generators)))
    both = [np.concatenate([each, 4 + side]) for each, side in zip(group.generators, sides, strict=True)]
    found = least(problem, Kind("S(2)wrS(2)", group.generators, sides, both))
    assert found.loss == pytest.approx(float(lifted), rel=2e-3)
    assert found.loss < few.loss * (1 - 1e-2)


def test_kinds_have_as_many_neurons_as_allowed():
    problem = DeepUFM(4, 3, 1e-3, loss="mse", activation="relu")
    met = list(kinds(problem, 6))
    assert met
    for kind in met:
        assert all(2 <= count <= 6 for count in kind.neurons)
        assert kind.neurons[1] >= 4
        assert all(len(each) == 4 for each in kind.classes)
        assert pair_orbits(kind.last, kind.classes).shape == (kind.neurons[1], 4)
    assert len(list(kinds(problem, 8))) > len(met)
