"""Where training ends over two numbers: the counts, and the picture."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text

from optima.atlas import Hyperparameters, Store
from optima.phases import training_diagram
from optima.plot.training_phase import plot_training_diagram

FIXED = {"classes": 4, "depth": 2, "samples": 2}


@pytest.fixture(scope="module")
def diagram_of(tmp_path_factory):
    """Diagrams over width and lambda, quickly."""
    from concurrent.futures import ThreadPoolExecutor
    from functools import partial

    def make(settings, axes=None, fixed=FIXED, seeds=4):
        axes = axes or {"width": [6, 20], "reg": [2.0**-5, 2.0**-4]}
        with Store(tmp_path_factory.mktemp("atlas") / "atlas.sqlite", write=True) as store:
            return training_diagram(
                *axes, axes, fixed, store, settings, seeds, effort="quick", executors=partial(ThreadPoolExecutor, 1)
            )

    return make


@pytest.fixture(scope="module")
def diagram(diagram_of):
    return diagram_of(Hyperparameters(steps=1500, tolerance=1e-3))


def words(figure):
    return [text.get_text() for text in figure.findobj(Text)]


@pytest.mark.parametrize(("start", "other"), [("simplex", "pairs"), ("pairs", "simplex")])
def test_runs_from_beside_a_minimum_are_counted_there(diagram_of, start, other):
    """Both are minima here: whichever training begins beside is the one that is counted, and not the other."""
    found = diagram_of(Hyperparameters(steps=200, init=start, scale=1e-4, tolerance=1e-2))
    for cell in found.flat:
        for polished in (True, False):
            assert cell.share(start, polished).fraction == 1
            assert cell.share(other, polished).fraction == 0
    reached = {cell.share("global", True).fraction for cell in found.flat}
    assert {cell.global_structure for cell in found.flat} == {"pairs"}
    assert reached == {1.0 if start == "pairs" else 0.0}


def test_the_counts_of_a_cell_add_up(diagram):
    rows = diagram.table()
    for counted in ("where descent ended", "where it was heading for"):
        for width in (6, 20):
            for reg in (2.0**-5, 2.0**-4):
                cell = [row for row in rows if (row["width"], row["reg"], row["counted"]) == (width, reg, counted)]
                assert sum(row["count"] for row in cell if row["structure"] != "global") == 4
                assert all(row["converged"] + row["out_of_steps"] + row["diverged"] == 4 for row in cell)
                assert all(row["global_structure"] == "pairs" for row in cell)
                assert all(row["least_loss"] >= row["global_loss"] * (1 - 1e-9) for row in cell)


def test_intervals_are_those_of_wilson(diagram):
    z = 1.959963984540054
    for row in diagram.table():
        n, p = row["total"], row["fraction"]
        middle = (p + z**2 / (2 * n)) / (1 + z**2 / n)
        half = z / (1 + z**2 / n) * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
        assert (row["low"], row["high"]) == pytest.approx((middle - half, middle + half), abs=1e-12)


def test_diverged_and_unsettled_runs_are_counted_and_shown(diagram_of):
    lost = diagram_of(Hyperparameters(lr=1e4, steps=100))
    assert all((cell.count("diverged"), cell.share("simplex", True).total) == (4, 4) for cell in lost.flat)
    assert lost.telling == "diverged"
    shown = words(plot_training_diagram(lost, "simplex"))
    assert shown.count("4 diverged") == 4
    assert shown.count("0.00") == 4
    assert "most runs diverged" in shown
    short = diagram_of(Hyperparameters(steps=3))
    shown = words(plot_training_diagram(short))
    assert shown.count("4 not settled") == 4
    assert "most runs not settled" in shown


@pytest.mark.parametrize(("loss", "collapse"), [("ce", "simplex"), ("mse", "frame")])
def test_neural_collapse_of_the_loss_is_told_where_a_run_ends_there(diagram, loss, collapse):
    cell = diagram.flat[0]
    ends = ["pairs", "pairs", collapse, "pairs"]
    runs = tuple(replace(run, polished_structure=end) for run, end in zip(cell.runs, ends, strict=True))
    ended = replace(cell, problem=replace(cell.problem, loss=loss), runs=runs)
    assert replace(diagram, cells=((ended,),)).telling == collapse
    assert replace(diagram, cells=((replace(ended, runs=runs[:2]),),)).telling == "pairs"


def test_the_numbers_in_the_picture(diagram, tmp_path):
    figure = plot_training_diagram(diagram)
    shown = words(figure)
    for cell in diagram.flat:
        share = cell.share(diagram.telling, True)
        assert f"{share.fraction:.2f}" in shown
        assert "{:.2f}–{:.2f}".format(*share.interval) in shown
    assert any("best minimum known,\nin every cell" in text and "pairs" in text for text in shown)
    axes = figure.axes[0]
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    for ending in ("pdf", "svg", "png"):
        figure.savefig(tmp_path / f"picture.{ending}")


def test_another_commonest_end_is_marked(diagram_of):
    found = diagram_of(Hyperparameters(steps=200, init="simplex", scale=1e-4, tolerance=1e-2))
    shown = words(plot_training_diagram(found, "pairs"))
    assert shown.count("a") == 4
    assert any("a  simplex" in text for text in shown)
    assert not any("a  simplex" in text for text in words(plot_training_diagram(found, "simplex")))


def test_a_change_of_the_global_minimum_is_drawn(diagram_of):
    settings = Hyperparameters(steps=30)
    found = diagram_of(settings, {"reg": [2.0**-8, 2.0**-4], "samples": [2]}, {"classes": 4, "depth": 2, "width": 6})
    assert [cell.global_structure for cell in found.flat] == ["simplex", "pairs"]
    assert "best minimum known changes" in words(plot_training_diagram(found))


@pytest.mark.parametrize(
    ("axes", "fixed"),
    [
        ({"classes": [3, 4], "depth": [1, 2]}, {"reg": 0.05, "width": 6}),
        ({"depth": [1, 2, 4], "width": [3, 30]}, {"classes": 3, "reg": 0.05, "samples": (6, 3, 1)}),
        ({"width": [6], "reg": [0.05]}, {"classes": 3, "depth": 2, "activation": "relu"}),
    ],
)
def test_other_axes_class_sizes_and_relu(diagram_of, tmp_path, axes, fixed):
    found = diagram_of(Hyperparameters(steps=30, polish=False), axes, fixed, seeds=2)
    assert all(cell.minimum.problem.classes == cell.problem.classes for cell in found.flat)
    plot_training_diagram(found).savefig(tmp_path / "picture.png")


def test_relu_runs_are_held_against_the_best_network_known(diagram_of):
    """Three classes at depth four: descent from small factors goes to collapse, or to zero, the triangle costs less."""
    fixed = {"classes": 3, "depth": 4, "loss": "mse", "activation": "relu"}
    (cell,) = diagram_of(Hyperparameters(steps=20, polish=False), {"width": [6], "reg": [1e-3]}, fixed, seeds=1).flat
    assert cell.global_structure == "triangle"
    assert cell.minimum.loss == pytest.approx(0.0073324060, rel=1e-8)
    reached, missed = (replace(cell.runs[0], loss=cell.minimum.loss * factor) for factor in (1 + 1e-7, 1.001))
    assert replace(cell, runs=(reached, missed, missed)).share("global", False).count == 1


def test_bad_axes(diagram_of):
    with pytest.raises(ValueError, match="x is 'lr'; pass one of 'classes'"):
        diagram_of(None, {"lr": [1], "reg": [0.1]})
    with pytest.raises(ValueError, match="the width is not given"):
        diagram_of(None, {"depth": [1], "reg": [0.1]}, {"classes": 3})


def test_the_shipped_diagram_agrees_with_the_shipped_figure():
    """Two commands, the same runs: the diagram in examples at lambda = 2^-10, and the sweep over widths of Figure 2."""
    folder = Path(__file__).parents[2] / "examples"
    figure, diagram = (pd.read_csv(folder / f"{name}.csv") for name in ("garrod2025.fig2", "phase_training"))
    row = diagram[(diagram.reg == 2.0**-10) & (diagram.structure == "simplex")]
    sweep = figure[figure["sweep"] == "width"]
    both = row.merge(sweep, on=["width", "counted"], suffixes=("", "_figure"))
    assert len(both) == 2 * len(set(diagram.width) & set(sweep.width)) >= 10
    assert list(both["count"]) == list(both.count_figure)
    assert list(both.converged) == list(both.converged_figure)
    assert list(both.low) == pytest.approx(list(both.low_figure))
    assert both["count"].max() > both["count"].min()
