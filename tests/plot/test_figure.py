"""Pictures whatever matplotlib was told."""

import io
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import matplotlib
import pytest
from matplotlib.texmanager import TexManager

from optima import DeepUFM, solve, train
from optima.atlas import Store
from optima.claims.evidence import Lines
from optima.claims.report.figure import png
from optima.phases.diagram import phase_diagram
from optima.plot.phase import plot_phase
from optima.plot.training import plot_training

USERS = {"text.usetex": True, "font.family": "no such font", "figure.dpi": 7, "savefig.bbox": "tight"}

thread = partial(ThreadPoolExecutor, 1)


@pytest.fixture
def users_settings(monkeypatch):
    """Those of someone who has no LaTeX."""

    def missing(*arguments, **named):
        raise RuntimeError("latex could not be found")

    for name in ("make_dvi", "get_text_width_height_descent"):
        monkeypatch.setattr(TexManager, name, missing)
    with matplotlib.rc_context(USERS):
        yield


def test_pictures_need_no_latex(users_settings, tmp_path):
    for problem in (DeepUFM(4, 10, 1e-3), DeepUFM(4, 2, 1e-3)):
        solution = solve(problem, effort="quick")
        solution.plot(tmp_path / "code.pdf")
        # Labels of ticks are made when a figure is drawn, by whomever.
        solution.plot().savefig(io.BytesIO())
    runs = train(DeepUFM(3, 2, 1e-2), 3, steps=50, seeds=2, record=False)
    plot_training(runs.compare()[0]).savefig(io.BytesIO())
    with Store(tmp_path / "atlas", write=True) as store:
        axes = {"classes": [3, 4], "width": [2, 3]}
        diagram = phase_diagram(
            "classes", "width", axes, {"depth": 2, "reg": 1e-2}, store, effort="quick", executors=thread
        )
    plot_phase(diagram).savefig(io.BytesIO(), format="svg")
    assert matplotlib.rcParams["text.usetex"]


def test_reports_need_no_latex(users_settings):
    lines = Lines("losses", "depth", "loss", {"pairs": ((1.0, 2.0), (1.0, 2.0))})
    assert png(lines).startswith(b"\x89PNG")
