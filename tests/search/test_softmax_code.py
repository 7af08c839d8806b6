"""Codes of unit norms against published spherical codes, and with an independent bound."""

import cvxpy
import numpy as np
import pytest

from optima import max_margin, softmax_code
from optima.search.softmax_code import SPHERICAL, _soft


def hull_distance(vectors, c):
    """The best margin of a class for given vectors: the distance of its vector from the hull of the others."""
    others = np.delete(vectors, c, axis=0)
    weight = cvxpy.Variable(len(others), nonneg=True)
    problem = cvxpy.Problem(cvxpy.Minimize(cvxpy.norm(vectors[c] - others.T @ weight)), [cvxpy.sum(weight) == 1])
    return problem.solve(solver="CLARABEL")


@pytest.mark.parametrize("classes", [4, 5, 6, 7, 8, 9, 12])
def test_published_spherical_codes(classes):
    """All of them are softmax codes of unit norms, at 7 and 9 too; codes of free norms are others there."""
    found = softmax_code(classes, 3, effort="quick")
    assert found.margin == pytest.approx(1 - np.cos(np.radians(SPHERICAL[classes])), abs=1e-8)
    assert found.angle == pytest.approx(SPHERICAL[classes], abs=2e-5)
    assert np.linalg.norm(found.vectors, axis=1) == pytest.approx(np.ones(classes))
    assert found.margin == pytest.approx(hull_distance(found.vectors, 0), abs=1e-6)


def normalised_angle(code):
    """The least angle of the rows of the left factor of a code of free norms."""
    U, s, _ = np.linalg.svd(code.means)
    rows = U[:, :3] * np.sqrt(s[:3])
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    gram = rows @ rows.T - 2 * np.eye(len(rows))
    return np.degrees(np.arccos(gram.max()))


@pytest.mark.slow
@pytest.mark.parametrize(("classes", "same"), [(6, True), (7, False), (8, True), (9, False), (12, True)])
def test_codes_of_free_norms_beside_them(classes, same):
    free = max_margin(classes, 3, rank=3, effort="quick")
    assert (abs(normalised_angle(free) - SPHERICAL[classes]) < 1e-3) == same


@pytest.mark.slow
def test_the_published_code_of_13_needs_more_starts():
    few, many = softmax_code(13, 3, effort="quick"), softmax_code(13, 3)
    assert few.margin <= many.margin
    assert many.angle == pytest.approx(SPHERICAL[13], abs=1e-4)


def test_few_classes_in_closed_form():
    assert softmax_code(5, 2, effort="quick").angle == pytest.approx(72)
    assert softmax_code(4, 7, effort="quick").margin == pytest.approx(4 / 3)
    # K <= 2 r: the best angle is a right one.
    assert softmax_code(7, 4, effort="quick").margin == pytest.approx(1)
    assert softmax_code(2, 1, effort="quick").margin == pytest.approx(2)


def test_gradient():
    x = np.random.default_rng(0).standard_normal(2 * 5 * 3)
    value = lambda y: _soft(y, (2, 5, 3), 7.0)[0]
    slope = [(value(x + h) - value(x - h)) / 2e-6 for h in 1e-6 * np.eye(x.size)]
    assert _soft(x, (2, 5, 3), 7.0)[1] == pytest.approx(slope, abs=1e-7)


def test_bad_input():
    with pytest.raises(ValueError, match="unknowns"):
        softmax_code(1000, 3)
    with pytest.raises(ValueError, match="at least 1"):
        softmax_code(4, 0)
    with pytest.raises(ValueError, match="quick"):
        softmax_code(4, 2, effort="none")
    assert softmax_code(7, 3, seed=3, effort="quick") == softmax_code(7, 3, seed=3, effort="quick")
