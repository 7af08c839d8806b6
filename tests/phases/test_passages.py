"""Boundaries in lambda that are proved: strips that hold the tie, and whose every number counts."""

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from optima import DeepUFM, Reduction, boundary, solve
from optima.atlas import Record, Store
from optima.phases.diagram import phase_diagram
from optima.phases.passages import Meeting, Passage
from optima.phases.ties import BETWEEN, Tie, tie_in_reg
from optima.plot.phase import plot_phase
from optima.proofs.budget import Budget
from optima.proofs.prove import prove

WIDTH = 0.02


def met(classes, depth, low, high):
    """The tie between the minima at two lambda, and both there."""
    first, second = (Record.of(solve(DeepUFM(classes, depth, reg), effort="quick")) for reg in (low, high))
    tie = tie_in_reg(first, second, math.log(low), math.log(high))
    meeting = Meeting.of(tie, 0)
    assert meeting is not None
    return tie, meeting


@pytest.fixture(scope="module")
def two():
    """The tie with zero at K = 2, L = 3."""
    return met(2, 3, 0.2, 0.3)


@pytest.fixture(scope="module")
def passage(two):
    """The strip of a proof to the gap that was asked for."""
    _, meeting = two
    proof = prove(meeting.record.problem, meeting.record.means, meeting.gap(WIDTH), Budget(10_000))
    return meeting.passage(proof)


def test_a_strip_holds_the_tie_and_is_as_narrow_as_asked(two, passage):
    _, meeting = two
    (expected,) = boundary("simplex", "zero", 2, 3)
    assert passage.low < expected < passage.high
    assert passage.width <= WIDTH * 1.02
    assert passage.certificate.gap <= meeting.gap(WIDTH)
    assert passage.alone
    answer = passage.verify()
    assert answer, answer.reason


def test_prices_on_both_sides(passage):
    for reg, above in ((passage.low * 0.999, True), (passage.high * 1.001, False)):
        problem = replace(passage.certificate.problem, reg=reg)
        found = solve(problem)
        price = Reduction(problem).penalty(found.means) / reg
        assert (price > passage.price) == above
        assert (found.rank == 0) != above


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda p: {"low": 0.5 * (p.low + p.certificate.problem.reg)}, "below"),
        (lambda p: {"high": 0.5 * (p.high + p.certificate.problem.reg)}, "above"),
        (lambda p: {"low": 2 * p.low}, "not inside"),
        (lambda p: {"high": math.inf}, "not inside"),
        (lambda p: {"price": 2 * p.price, "alone": False}, "below"),
        (lambda p: {"price": 0.8 * p.price}, "above"),
        (lambda p: {"before": p.after}, "below"),
        (lambda p: {"after": p.before}, "above"),
        (lambda p: {"certificate": replace(p.certificate, lower=p.certificate.upper)}, "the lower bound is"),
    ],
)
def test_what_is_amiss_is_refused(passage, change, reason):
    answer = replace(passage, **change(passage)).verify()
    assert not answer
    assert reason in answer.reason


def test_zero_is_not_alone_by_a_price_that_others_have(two, passage):
    """With a price in the middle the strip is proved, but logits that are not zero may be below it."""
    _, meeting = two
    high, low = meeting.prices
    middle, lower, V = 0.5 * (high + low), passage.certificate.lower * (1 - 1e-9), meeting.record.loss
    reg = meeting.record.problem.reg
    ends = reg - (V - lower) / (high - middle) * 1.001, reg + (V - lower) / (middle - low) * 1.001
    wide = Passage(*ends, middle, passage.certificate, passage.before, passage.after, False)
    assert wide.verify()
    assert "may have a price" in replace(wide, alone=True).verify().reason


def test_ties_that_are_no_change_of_price_have_no_strip(two):
    tie, meeting = two
    assert Meeting.of(replace(tie, known_by=BETWEEN, loss=math.inf), 0) is None
    # At depth one zero is reached without a jump.
    first, second = (Record.of(solve(DeepUFM(2, 1, reg), effort="quick")) for reg in (0.4, 0.6))
    assert Meeting.of(Tie(first, second, math.log(0.5), "closed form", math.log(2)), 0) is None
    # A bound that is worth nothing.
    assert meeting.passage(replace(passage_of_nothing(meeting), lower=0.0)) is None


def passage_of_nothing(meeting):
    return prove(meeting.record.problem, meeting.record.means, 0.5, Budget(10))


def drawn(axes, classes, store, boxes):
    executors = partial(ThreadPoolExecutor, 1)
    return phase_diagram(
        "reg", "depth", axes, {"classes": classes}, store, 0, "quick", boxes=boxes, executors=executors
    )


@pytest.mark.slow
def test_a_diagram_proves_its_boundaries_and_says_so(tmp_path):
    axes = {"reg": [0.15, 0.3], "depth": [2, 3]}
    with Store(tmp_path / "atlas.sqlite", write=True) as store:
        executors = partial(ThreadPoolExecutor, 1)
        diagram = phase_diagram(
            "reg", "depth", axes, {"classes": 2}, store, 0, "quick", boxes=3_000, executors=executors
        )
        stored = len(store)
    assert diagram.boundary_columns[-2:] == ("proved_from", "proved_to")
    for row in diagram.boundaries():
        assert row["proved_from"] < row["reg"] < row["proved_to"]
        assert math.log(row["proved_to"] / row["proved_from"]) <= math.log(2) / 400 * 1.02
    # The proofs at the ties are kept.
    assert stored == sum(map(len, diagram.cells)) + sum(map(len, diagram.ties))
    (legend,) = [
        legend for legend in plot_phase(diagram).legends if "proved" in str([t.get_text() for t in legend.texts])
    ]
    assert any("within this strip" in text.get_text() for text in legend.texts)


@pytest.mark.slow
def test_both_ties_of_three_classes_are_proved_and_what_is_between_them(tmp_path):
    axes = {"reg": [0.05, 0.1, 0.5], "depth": [3, 4]}
    with Store(tmp_path / "atlas.sqlite", write=True) as store:
        executors = partial(ThreadPoolExecutor, 1)
        diagram = phase_diagram(
            "reg", "depth", axes, {"classes": 3}, store, 0, "quick", boxes=20_000, executors=executors
        )
    for ties, cells in zip(diagram.ties, diagram.cells, strict=True):
        assert [tie.second.label for tie in ties] == ["unnamed (rank 1)", "zero"]
        assert [tie.passage.alone for tie in ties] == [False, True]
        assert all(tie.passage.verify() for tie in ties)
        assert all(cell.gap <= 0.01 and cell.certificate.verify() for cell in cells)
        assert np.diff([end for tie in ties for end in (tie.passage.low, tie.passage.high)]).min() > 0
    assert any(cell.certificate.method == "chord" for cells in diagram.cells for cell in cells)
