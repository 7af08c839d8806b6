"""The limit of vanishing regularisation: known codes, feasibility, and named structures as upper bounds."""

import json
import math

import numpy as np
import pytest

from optima import catalogue, max_margin


def margins(means):
    lead = np.diagonal(means) - means
    return lead[~np.eye(len(means), dtype=bool)]


def assert_feasible(found):
    assert margins(found.means).min() >= 1 - 1e-9
    assert found.violation <= 1e-9
    s = np.linalg.svd(found.means, compute_uv=False)[: found.rank]
    expected = np.sum(np.log(s)) if math.isinf(found.depth) else np.sum(s ** (2 / (found.depth + 1)))
    assert found.value == pytest.approx(expected, rel=1e-12, abs=1e-12)


def named_values(classes, depth):
    """sum s^p of each named structure (at unit scales) scaled to margin one."""
    values = {}
    for structure in catalogue(classes):
        shape = structure.shape().astype(float)
        if (smallest := margins(shape).min()) > 1e-9:
            s = np.linalg.svd(shape / smallest, compute_uv=False)[: structure.rank]
            values[structure.name] = float(np.sum(s ** (2 / (depth + 1))))
    return values


@pytest.mark.parametrize("classes", [2, 3, 4, 9])
def test_depth_one_is_the_simplex(classes):
    found = max_margin(classes, 1)
    assert_feasible(found)
    assert found.value == pytest.approx(classes - 1, rel=1e-14)
    assert found.structure.startswith("simplex ")
    assert found.known_by.startswith("exact")


def test_icosahedron():
    found = max_margin(12, 3, rank=3, effort="quick")
    assert_feasible(found)
    assert found.value == pytest.approx(8.06998214357, abs=1e-11)
    assert found.structure.startswith("icosahedron ")
    assert [rank for rank, *_ in found.ladder] == [3]


@pytest.mark.slow
def test_pairs():
    found = max_margin(10, 2, effort="quick")
    assert_feasible(found)
    assert found.value == pytest.approx(5 * 2 ** (2 / 3), rel=1e-11)
    assert found.structure.startswith("pairs ")


@pytest.mark.slow
@pytest.mark.parametrize("classes", [3, 6, 10])
def test_infinite_depth_is_the_polygon(classes):
    found = max_margin(classes, math.inf, effort="quick")
    assert_feasible(found)
    assert found.rank == 2
    assert found.structure.startswith("simplex " if classes == 3 else "polygon ")
    singular = classes / 2 / (1 - math.cos(2 * math.pi / classes))
    assert found.value == pytest.approx(2 * math.log(singular), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("depth", [2, 7, math.inf])
def test_two_classes(depth):
    found = max_margin(2, depth, effort="quick")
    assert_feasible(found)
    assert found.rank == 1
    assert found.value == pytest.approx(0.0 if math.isinf(depth) else 1.0, abs=1e-12)


@pytest.mark.parametrize(("classes", "depth"), [(4, 2), (5, 4), (6, 2), (7, 3), (8, 3)])
def test_never_above_a_named_structure(classes, depth):
    found = max_margin(classes, depth, effort="quick")
    assert_feasible(found)
    assert found.value <= min(named_values(classes, depth).values()) * (1 + 1e-9)
    assert found.value == pytest.approx(min(value for _, value, _ in found.ladder), rel=1e-14)


def test_equal_seeds_equal_results():
    first, again = (max_margin(5, 3, seed=1, effort="quick") for _ in range(2))
    np.testing.assert_array_equal(first.means, again.means)


@pytest.mark.parametrize("depth", [2, math.inf])
def test_json_and_print(depth):
    found = max_margin(4, depth, effort="quick")
    data = json.loads(json.dumps(found.as_dict(), allow_nan=False))
    assert data["depth"] == (None if math.isinf(depth) else depth)
    assert data["value"] == found.value
    assert f"{found.value:.12g}" in str(found)


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ((1, 2), "classes"),
        ((4, 0), "depth"),
        ((4, 2.5), "depth"),
        ((4, math.nan), "depth"),
        ((4, -math.inf), "depth"),
        ((4, 2, 1), "rank"),
        ((4, 2, 4), "rank"),
        ((4, 2, 2.0), "rank"),
        ((4, math.inf, 3), "rank"),
        ((4, 2, None, -1), "seed"),
        ((4, 2, None, 0, "hard"), "effort"),
    ],
    ids=str,
)
def test_mistakes_are_told_in_one_line(arguments, word):
    with pytest.raises((ValueError, TypeError), match=f"{word}.*pass"):
        max_margin(*arguments)
