"""Four classes near logits of rank one: nothing fits better, boxes there close at once, and the checker agrees."""

from dataclasses import replace

import numpy as np
import pytest

import optima.proofs.boxes as searched
from optima import DeepUFM
from optima.checker.arithmetic import Floats
from optima.checker.boxes import Boxes
from optima.checker.instance import Instance
from optima.checker.lines import line_bounds
from optima.model import Array
from optima.proofs.boxes import MatrixBoxes
from optima.proofs.budget import Budget
from optima.proofs.certificate import Certificate
from optima.proofs.claims import Claims
from optima.proofs.form import ConvexConcave, centred_basis
from optima.proofs.near_lines import fit_near_lines
from optima.proofs.prove import prove
from optima.scales.scale import best_scales
from optima.structures import named

DEEP = DeepUFM(4, 10, 1e-5)
BEST = best_scales(named("pairs", 4), 10, 1e-5)
PAIRS: Array = np.asarray(float(BEST.scales[0]) * np.kron(np.eye(2), [[1.0, -1.0], [-1.0, 1.0]]), dtype=np.float64)


@pytest.mark.parametrize("sizes", [(1, 1, 1, 1), (5, 3, 1, 1)])
def test_no_logits_near_a_line_fit_better(sizes: tuple[int, ...]) -> None:
    rng = np.random.default_rng(1)
    form = ConvexConcave.of(DeepUFM(4, 3, 1e-3, sizes))
    ratios = []
    for _ in range(300):
        u = rng.standard_normal(3)
        u /= np.linalg.norm(u)
        order = np.argsort(centred_basis(4) @ u)
        along = np.zeros(4)
        along[order[[0, 3]]] = np.array([-1, 1]) * 10 ** rng.uniform(0, 3)
        across = centred_basis(4) @ (np.eye(3) - np.outer(u, u)) * rng.uniform(0, 3)
        Y = np.outer(along, u) + across
        values = np.linalg.eigvalsh((Y.T * form.count) @ Y)
        bound = fit_near_lines(form, np.array([max(values[:2].sum(), 0.0)]))[0]
        ratios.append(form.fit(centred_basis(4) @ Y.T) / bound)
    assert 1 <= min(ratios) < 3


def test_the_checker_has_the_same_bound() -> None:
    rng = np.random.default_rng(2)
    for sizes in ((1, 1, 1, 1), (7, 2, 2, 1)):
        problem = DeepUFM(4, 3, 1e-2, sizes)
        form = ConvexConcave.of(problem)
        low = np.sort(rng.uniform(0, 2, (50, 3)), axis=1)[:, ::-1]
        high = low + rng.uniform(0, 1, (50, 1))
        corners = [np.hstack([t, np.zeros((50, 4))]) for t in (low, high)]
        boxes = Boxes(*corners, low.sum(axis=1), np.zeros(50, dtype=bool))
        checked = line_bounds(Instance.of(problem, Floats()), boxes)
        assert checked == pytest.approx(MatrixBoxes(form, 1e3).at_once(*corners), rel=1e-12)
        assert np.isinf(
            line_bounds(Instance.of(problem, Floats()), replace(boxes, empty=np.ones(50, dtype=bool)))
        ).all()


def test_unserved_classes_alone_are_above_pairs() -> None:
    form = ConvexConcave.of(DEEP)
    t = np.array([[0.0, 1.2, 0.0]])
    boxes = MatrixBoxes(form, BEST.loss / form.strength)
    assert boxes.at_once(np.zeros((1, 7)), np.hstack([t, np.ones((1, 4))]))[0] > BEST.loss
    # What pairs have for t_2 is not left out.
    t[0, 1] = np.linalg.svd(PAIRS, compute_uv=False)[1] ** (2 * form.q)
    assert boxes.at_once(np.zeros((1, 7)), np.hstack([t, np.ones((1, 4))]))[0] < 1e-3 * BEST.loss


def certificate(gap: float, boxes: int) -> Certificate:
    return prove(DEEP, PAIRS, gap, Budget(boxes))


@pytest.mark.slow
def test_the_last_of_the_cells_is_certified() -> None:
    proof = certificate(1e-2, 30_000)
    assert proof.gap <= 1e-2
    assert proof.verify()


@pytest.mark.slow
def test_a_search_that_takes_lines_for_worse_than_they_are_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Claims, "checked", lambda self, claim: claim)
    honest = searched.fit_near_lines
    monkeypatch.setattr(searched, "fit_near_lines", lambda form, across: honest(form, 0.25 * across))
    wrong = certificate(2e-2, 30_000)
    assert wrong.gap <= 2e-2
    verdict = wrong.verify()
    assert not verdict
    assert "is proved" in verdict.reason


@pytest.mark.slow
def test_a_start_that_is_no_number_is_not_handed_on() -> None:
    # An inner point of boxes of two large values was lost here, and with it all their parts.
    problem = DeepUFM(4, 2, 1e-7)
    simplex = named("simplex", 4)
    means = simplex.shape(tuple(np.atleast_1d(best_scales(simplex, 2, 1e-7).scales)))
    assert prove(problem, means, 1e-2, Budget(12_000)).gap <= 1e-2
