"""Diagrams of named relu networks: winners and ties against the losses one by one, and what the picture claims."""

import math
from itertools import pairwise

import numpy as np
import pytest

from optima import DeepUFM, boundary
from optima.phases import network_diagram
from optima.plot.phase import plot_phase
from optima.scales.losses import structure_losses

RELU = {"activation": "relu"}
LAMBDAS = [1e-5, 1e-3, 0.02, 0.2]


@pytest.fixture(scope="module")
def over_lambda():
    axes = {"reg": LAMBDAS, "classes": [4, 5, 8]}
    return network_diagram("reg", "classes", axes, {"depth": 4, "loss": "ce", **RELU})


def lowest(problem):
    found = structure_losses(problem)
    name = min(found, key=lambda each: found[each].loss)
    return name, found[name].loss


def test_cells_are_the_lowest_of_all_networks(over_lambda):
    for cells in over_lambda.cells:
        for cell in cells:
            name, loss = lowest(cell.problem)
            assert cell.loss == pytest.approx(loss, rel=1e-12)
            # Zero and a network of scale zero have one loss.
            assert cell.structure == name or cell.structure == "zero"
            assert 0 <= cell.gap < 1


def test_ties_are_those_of_the_scale_solver_and_nothing_is_lower_there(over_lambda):
    names = [(tie.first.label, tie.second.label) for ties in over_lambda.ties for tie in ties]
    assert ("collapse", "lifted(pairs)") in names
    for K, ties in zip(over_lambda.rows, over_lambda.ties, strict=True):
        for tie in ties:
            solved = boundary(tie.first.label, tie.second.label, K, 4, activation="relu")
            assert min(abs(np.log(solved) - tie.at)) < 1e-9
            assert lowest(DeepUFM(K, 4, math.exp(tie.at), **RELU))[1] == pytest.approx(tie.loss, rel=1e-9)


def test_between_ties_the_name_is_right(over_lambda):
    for K, strip in zip(over_lambda.rows, over_lambda.strips, strict=True):
        assert all(a.high == b.low and a.label != b.label for a, b in pairwise(strip))
        for phase in strip:
            name, _ = lowest(DeepUFM(K, 4, math.exp((phase.low + phase.high) / 2), **RELU))
            assert phase.label in (name, "zero")


def test_collapse_loses_from_three_classes_at_depth_four_and_its_rank_is_that_of_the_middle():
    axes = {"classes": [3, 7, 10], "depth": [2, 3, 4, 7]}
    diagram = network_diagram("depth", "classes", axes, {"reg": 1e-6, "loss": "mse", **RELU})
    won = {(c.problem.classes, c.problem.depth): (c.structure, c.rank) for cells in diagram.cells for c in cells}
    assert won[3, 3] == ("collapse", 3)
    assert won[3, 4] == ("triangle", 2)
    assert won[10, 3] == ("srg", 5)
    assert won[10, 7] == ("fan", 2)
    # The triangle exists from depth three on, so that it ties with collapse at a real depth.
    (tie,) = diagram.ties[0]
    assert tie.known_by == "closed form"
    assert 3 < tie.at < 4
    # At ten classes the graph takes over where it begins to exist: nothing is solved there.
    assert [tie.known_by for tie in diagram.ties[2]] == ["between cells", "closed form"]


def test_the_picture_promises_no_optimum(over_lambda):
    figure = plot_phase(over_lambda)
    title = figure.axes[0].get_title()
    assert title.startswith("Best named network")
    assert "inimum" not in title
    assert "ReLU, cross-entropy" in title
    assert figure.legends[0].get_title().get_text() == "least rank of\na hidden layer"
    assert not any("simplex" in text.get_text() for text in figure.legends[0].get_texts())


@pytest.mark.parametrize(("depths", "activation"), [([1, 2], "relu"), ([2, 3], "linear")])
def test_only_where_there_is_a_relu(depths, activation):
    axes = {"reg": LAMBDAS, "depth": depths}
    with pytest.raises(ValueError, match="activation relu and depths from 2 on"):
        network_diagram("reg", "depth", axes, {"classes": 4, "activation": activation})
