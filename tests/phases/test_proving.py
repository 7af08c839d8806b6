"""Cells of a diagram are proved once, each bound is kept as it is found, and a worse one is not taken."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

import pytest

from optima import DeepUFM, solve
from optima.atlas import Record, Store
from optima.phases import diagram, proving
from optima.progress import silent
from optima.proofs.budget import Budget
from optima.proofs.prove import prove


def prover(boxes, store):
    """In this process."""
    return proving.Prover(boxes, store, partial(ThreadPoolExecutor, 1), silent)


@pytest.fixture(scope="module")
def cell() -> Record:
    """Zero at K = 4, whose bound without boxes is not within 1 %."""
    return Record.of(solve(DeepUFM(4, 5, 0.15), effort="quick"), certify=True)


def test_a_cell_is_proved_and_kept(cell, tmp_path, monkeypatch):
    assert cell.gap > 0.01
    with Store(tmp_path / "atlas.sqlite", write=True) as store:
        store.put([cell])
        ((found,),) = prover(3_000, store).cells([[cell]], [[]])
        assert found.gap <= 0.01
        assert found.certificate.verify()
        # It is there for the next time, which proves nothing.
        monkeypatch.setattr(proving, "prove", lambda *_: pytest.fail("proved again"))
        ((again,),) = prover(3_000, store).cells([[cell]], [[]])
        assert again.gap == found.gap


def test_a_bound_that_is_no_better_is_not_taken(cell, tmp_path, monkeypatch):
    worse = replace(cell.certificate, lower=0.5 * cell.certificate.lower)
    monkeypatch.setattr(proving, "prove", lambda *_: worse)
    with Store(tmp_path / "atlas.sqlite", write=True) as store:
        ((found,),) = prover(10, store).cells([[cell]], [[]])
    assert found.certificate.lower == cell.certificate.lower


def test_no_boxes_are_refused_before_anything_is_searched(monkeypatch):
    monkeypatch.setattr(diagram, "build", lambda *_, **__: pytest.fail("searched"))
    with pytest.raises(ValueError, match="boxes"):
        diagram.phase_diagram("depth", "reg", {"depth": [2, 3], "reg": [1e-3, 1e-2]}, {"classes": 4}, boxes=0)


@pytest.mark.slow
def test_a_cell_at_the_tie_with_zero_needs_few_boxes():
    """Before values just above thin ones were split first, 25,000 boxes left a gap of 6 %."""
    problem = DeepUFM(4, 8, 0.1003)
    assert prove(problem, solve(problem, effort="quick").means, 0.03, Budget(15_000)).gap <= 0.03
