"""Boxes about matrices of rank two: no matrix is below, near the best they are close, and the checker agrees."""

from dataclasses import replace

import numpy as np
import pytest
from test_box_bound import directions, random_boxes, random_points

from optima import DeepUFM, best_scales, named
from optima.checker.arithmetic import Floats
from optima.checker.instance import Instance
from optima.checker.leaves import Leaves
from optima.checker.planes import plane_bounds
from optima.model import Array
from optima.proofs.boxes import MatrixBoxes
from optima.proofs.budget import Budget
from optima.proofs.certificate import Certificate
from optima.proofs.claims import Claims
from optima.proofs.form import ConvexConcave, centred_basis
from optima.proofs.plane_bound import Planes, most_turned
from optima.proofs.prove import prove
from optima.proofs.small_problems import search_of

PROBLEM = DeepUFM(4, 3, 1e-2)
BEST = best_scales(named("pairs", 4), 3, 1e-2)
SHAPE = np.kron(np.eye(2), [[1.0, -1.0], [-1.0, 1.0]])


def flags(problem: DeepUFM = PROBLEM) -> MatrixBoxes:
    form = ConvexConcave.of(problem)
    return MatrixBoxes(form, 0.3 / form.strength)


def planar(rng: np.random.Generator, chart: int) -> tuple[MatrixBoxes, Array, Array]:
    """Boxes that reach down to rank two, of many widths."""
    boxes = flags()
    found = [random_boxes(boxes, rng, chart, width) for width in (0.5, 0.1, 0.02)]
    low, high = (np.concatenate(parts) for parts in zip(*found, strict=True))
    low[:, 2] = np.where(rng.uniform(size=len(low)) < 0.7, 0.0, low[:, 2])
    kept = np.flatnonzero(high[:, 1] > 0)[::4]
    return boxes, low[kept], high[kept]


def lowest_losses(form: ConvexConcave, root: Array) -> Array:
    """Losses (N,) of logits with the matrices root root^T, near the best ones: aligned with the classes."""
    basis = centred_basis(4)
    left, _, right = np.linalg.svd(np.swapaxes(root, 1, 2) @ basis.T, full_matrices=False)
    return np.array([form.value(basis @ Y) for Y in root @ left @ right])


@pytest.mark.parametrize("chart", [0, 1])
def test_no_matrix_of_a_box_is_below(chart: int) -> None:
    rng = np.random.default_rng(chart)
    boxes, low, high = planar(rng, chart)
    bound, D, _ = boxes.plane_bound(low, high, float(BEST.loss))
    instance = Instance.of(PROBLEM, Floats())
    checked = plane_bounds(Leaves(instance), low, high, D)
    # The checker, whose turns are somewhat smaller, finds no less but for rounding.
    assert np.all(checked[bound > 0] >= bound[bound > 0] * (1 - 1e-6))
    for _ in range(4):
        point, rows = random_points(boxes, rng, low, high)
        root = directions(boxes, point)[rows] * point[rows, None, :3] ** ((boxes.form.depth + 1) / 2)
        losses = lowest_losses(boxes.form, root)
        assert np.all(losses >= bound[rows] * (1 - 1e-12))
        assert np.all(losses >= checked[rows] * (1 - 1e-12))


def about_pairs(turn: float, third: float = 1.0) -> tuple[MatrixBoxes, Array, Array]:
    """A box that holds the best pairs at a corner of its directions, and all t_3 up to ``third``."""
    boxes = flags()
    t = (2 * float(BEST.scales[0])) ** (2 * boxes.form.q)
    low = np.array([[t, t, 0.0, 0.0, 0.0, 1.0, 0.5]])
    return boxes, low, np.array([[t, t, third, turn, turn, 1.0 + turn, 1.0]])


def missing(turn: float, third: float = 1.0) -> float:
    """What the bound of the box lacks to the loss of pairs, as a part of it."""
    boxes, low, high = about_pairs(turn, third)
    return float(1 - boxes.plane_bound(low, high, float(BEST.loss))[0][0] / BEST.loss)


def test_near_pairs_a_turn_costs_the_second_order_and_a_third_value_nothing() -> None:
    point, half, wide = missing(0.0), missing(0.01), missing(0.02)
    assert 0 <= point < 1e-5
    assert 3.5 < (wide - point) / (half - point) < 4.5
    assert missing(0.02, 0.0) == pytest.approx(wide, abs=1e-12)
    # A multiplier that stays pays the first order.
    boxes, low, high = about_pairs(0.02)
    search = search_of(boxes.form, float(BEST.loss), 1e-4)
    stays = float(search._raised(replace(search.open.take(np.zeros(1, dtype=int)), low=low, high=high), 60).bound[0])
    assert 1 - stays / BEST.loss > 10 * wide


def test_half_the_turn_is_not_enough() -> None:
    root = np.random.default_rng(5).standard_normal((3, 3))
    gamma, inverse, angle = root @ root.T, np.diag([1.0, 3.0]), 0.4
    costs = []
    for way in np.linspace(0, 2 * np.pi, 200):
        eta = np.sin(angle) * np.array([np.cos(way), np.sin(way)])
        W = np.vstack([np.eye(2) - np.outer(eta, eta) / (1 + np.cos(angle)), eta])
        costs.append(np.sum(inverse * (W.T @ gamma @ W - gamma[:2, :2])))
    whole, half = (most_turned(gamma[None], inverse[None], np.array([x]))[0] for x in (angle, 0.5 * angle))
    assert half < max(costs) <= whole


def certificate(gap: float) -> Certificate:
    pairs: Array = np.asarray(float(BEST.scales[0]) * SHAPE, dtype=np.float64)
    return prove(PROBLEM, pairs, gap, Budget(20_000))


@pytest.mark.slow
def test_pairs_are_certified_and_proved_again() -> None:
    proof = certificate(5e-2)
    assert proof.gap <= 5e-2
    assert proof.verify()


@pytest.mark.slow
def test_a_search_whose_planes_promise_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Claims, "checked", lambda self, claim: claim)
    bounds = Planes.bounds

    def raised(self: Planes, target: float) -> tuple[Array, Array, Array]:
        bound, D, lost = bounds(self, target)
        return 1.2 * bound, D, lost

    monkeypatch.setattr(Planes, "bounds", raised)
    wrong = certificate(5e-2)
    assert wrong.gap <= 5.01e-2
    verdict = wrong.verify()
    assert not verdict
    assert "is proved" in verdict.reason
