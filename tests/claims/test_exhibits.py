"""What a claim shows, as a user sees it in Python."""

import pytest

import optima
from optima.claims import Grid, Lines, run
from optima.claims.report.figure import png


@pytest.fixture(scope="module")
def outcome():
    claim = optima.claims.library()["garrod2025.theorem1"]
    return run(claim, {"classes": (4, 6), "depths": (2, 3), "regs": (1e-3,)})


def test_an_outcome_says_in_a_line_what_was_found(outcome):
    text = str(outcome)
    assert text.startswith("garrod2025.theorem1: proved, 3 cases, least margin 0.0")
    assert text.endswith("control (the same at K = 4, L = 2) refuted")
    assert repr(outcome) == "<Outcome garrod2025.theorem1: proved, control refuted>"


def test_exhibits_plot_themselves(outcome, tmp_path):
    (grid,) = (each for each in outcome.finding.exhibits if isinstance(each, Grid))
    figure = grid.plot(tmp_path / "grid.png")
    assert figure.get_suptitle() == grid.title
    assert (tmp_path / "grid.png").read_bytes()[:4] == png(grid)[:4]
    lines = Lines("two", "x", "y", {"a": ([1, 2], [3, 4]), "b": ([1, 2], [4, 3])})
    assert [text.get_text() for text in lines.plot().axes[0].get_legend().get_texts()] == ["a", "b"]
