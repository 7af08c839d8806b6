"""Machine code of the bounds beside numpy's, and that either proves the same."""

import sys
import types
from dataclasses import replace

import numpy as np
import pytest
from test_box_bound import CASES, flags, random_boxes, random_multipliers

from optima import DeepUFM, solve
from optima.proofs import box_bound, dual
from optima.proofs.box_bound import BoxBound
from optima.proofs.dual import FitDual
from optima.proofs.form import ConvexConcave
from optima.proofs.prove import prove

pytest.importorskip("optima.proofs.compiled_box", reason="numba is not installed", exc_type=ImportError)
BETA = (1e-3, 1.0, 1e3, 1e9)


def box_bounds(K: int, chart: int) -> tuple[BoxBound, np.ndarray]:
    rng, boxes = np.random.default_rng(10 * K + chart), flags(K)
    low, high = random_boxes(boxes, rng, chart)
    m = boxes.dimension
    # Narrow ones, too, where angles and differences are near rounding.
    high = np.where(rng.random((len(high), 1)) < 0.3, low + 1e-6 * (high - low), high)
    back = rng.standard_normal((len(low), m, m))
    return boxes.box_bound(low, high, back), random_multipliers(rng, len(low), m)


def difference(found: np.ndarray, wanted: np.ndarray, scale: np.ndarray) -> float:
    """The largest difference in parts of a scale for each box."""
    size = scale.reshape(-1, *[1] * (found.ndim - 1))
    return float(np.max(np.abs(found - wanted) / size))


@pytest.mark.parametrize(("K", "chart"), CASES)
def test_boxes_have_the_bounds_and_slopes_of_numpy(K: int, chart: int) -> None:
    fast, E = box_bounds(K, chart)
    slow = replace(fast, interpreted=True)
    moved = np.max(np.abs(slow.eigenvalues), axis=(1, 2)) * np.max(np.abs(slow._inward(E)), axis=(1, 2))
    values = moved + np.max(slow.penalty, axis=1)
    assert difference(fast.least(E), slow.least(E), values) < 1e-13
    for beta in BETA:
        b = np.full(len(E), beta) / values
        assert difference(fast.softened(E, b), slow.softened(E, b), values + 1 / b) < 1e-13
        # Differences of what vertices give are lost in rounding beside this.
        steep = np.max(slow.eigenvalues, axis=(1, 2)) * np.linalg.norm(slow.turn, axis=(1, 2)) ** 2
        (slope, curvature), (wanted, bent) = fast.expansion(E, b), slow.expansion(E, b)
        rounding = 1e-14 * max(10.0, beta)
        assert difference(slope, wanted, steep) < rounding
        assert difference(curvature, bent, b * steep**2 + np.max(np.abs(bent), axis=(1, 2))) < rounding


def test_a_cap_turned_further_is_noticed() -> None:
    fast, E = box_bounds(4, 0)
    wider = replace(fast, caps=tuple(replace(cap, angle=1.01 * cap.angle) for cap in fast.caps), interpreted=True)
    assert np.max(np.abs(fast.least(E) - wider.least(E)) / np.abs(wider.least(E))) > 1e-4


@pytest.mark.parametrize("sizes", [1, (1, 2), (1, 2, 4), (1, 1, 1), (2, 2, 2, 2), (1, 2, 2, 3)])
@pytest.mark.parametrize("reg", [1e-1, 1e-5])
def test_inner_minima_are_those_of_numpy(sizes: int | tuple[int, ...], reg: float) -> None:
    classes = 3 if sizes == 1 else len(sizes)
    rng, N, m = np.random.default_rng(classes), 200, classes - 1
    fast = FitDual.of(ConvexConcave.of(DeepUFM(classes, 3, reg, samples=sizes)), 0.0)
    slow = replace(fast, interpreted=True)
    S = rng.standard_normal((N, m, m)) * 10 ** rng.uniform(-2, 2, (N, 1, 1))
    E = random_multipliers(rng, N, m) * 10 ** rng.uniform(-6, 1, (N, 1, 1))
    start = rng.standard_normal((N, classes, m)) * (rng.random((N, 1, 1)) < 0.5)
    (found, x), (wanted, _) = fast.bound(S, E, start), slow.bound(S, E, start)
    # Bounds below zero are what ill-conditioned multipliers leave of a gradient at rounding.
    good = wanted > 0
    assert np.mean(good) > 0.9
    np.testing.assert_allclose(found[good], wanted[good], rtol=1e-9)
    np.testing.assert_allclose(found, wanted, rtol=1e-6)
    # At its own inner points the bound of numpy is as high.
    value, gradient, _ = slow.terms(S, E, x)
    np.testing.assert_allclose(found, np.sum(value - slow._lost(E, gradient), axis=1), rtol=1e-6)
    for parts in zip(fast.expansion(S, E, x), slow.expansion(S, E, x), strict=True):
        size = np.max(np.abs(parts[1]).reshape(N, -1), axis=1)
        assert difference(*parts, size) < 1e-8
    # The range of a matrix of lower rank.
    if m > 1:
        (found, _), (wanted, _) = (d.bound(S[:, :, :1], E[:, :1, :1], start[:, :, :1]) for d in (fast, slow))
        np.testing.assert_allclose(found, wanted, rtol=1e-6)


def test_no_bound_where_the_multiplier_is_not_positive() -> None:
    fast = FitDual.of(ConvexConcave.of(DeepUFM(3, 3, 1e-2)), 0.0)
    E = np.array([np.diag([1.0, -1e-9]), np.eye(2)])
    found, _ = fast.bound(np.broadcast_to(np.eye(2), (2, 2, 2)), E, np.zeros((2, 3, 2)))
    assert not found[0] > -np.inf
    assert found[1] > 0


@pytest.mark.parametrize("problem", [DeepUFM(3, 3, 1e-2), DeepUFM(3, 2, 1e-2, samples=(1, 2, 4))])
def test_numpy_proves_the_same(problem: DeepUFM, monkeypatch: pytest.MonkeyPatch) -> None:
    means = solve(problem, effort="quick").means
    fast = prove(problem, means, 1e-4)
    for module in (box_bound, dual):
        monkeypatch.setattr(module, "_machine_code", lambda: None)
    slow = prove(problem, means, 1e-4)
    assert fast.lower == pytest.approx(slow.lower, rel=1e-9)
    assert fast.gap < 1e-4
    boxes = [proof.data["axis"].size for proof in (fast, slow)]
    assert max(boxes) <= 1.1 * min(boxes)
    assert fast.verify()


def test_a_compiler_that_does_not_run_leaves_the_work_to_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "numba", types.ModuleType("numba"))
    for module, name in ((box_bound, "compiled_box"), (dual, "compiled")):
        monkeypatch.delitem(sys.modules, f"optima.proofs.{name}", raising=False)
        assert module._machine_code.__wrapped__() is None
