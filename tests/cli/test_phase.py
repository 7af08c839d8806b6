"""``optima phase`` as a user types it, and the picture of every kind of diagram."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pandas as pd
import pytest

from optima import DeepUFM
from optima.atlas import Store
from optima.cli import main
from optima.phases.diagram import phase_diagram
from optima.plot.phase import plot_phase, theorem1


@pytest.fixture
def call(capsys):
    """Exit code, standard output and standard error of ``optima phase``."""

    def run(*arguments):
        code = main(["phase", *(str(argument) for argument in arguments)])
        return code, *capsys.readouterr()

    return run


@pytest.mark.slow
def test_pictures_and_data(call, tmp_path):
    files = [tmp_path / f"phase.{ending}" for ending in ("pdf", "svg", "png")]
    wanted = [argument for path in files for argument in ("--out", path)]
    options = ["--classes", "3", "--depth", "2:3", "--reg", "1e-3:0.3:4", "--effort", "quick", "--workers", "1"]
    code, out, _ = call(*wanted, *options)
    data = [tmp_path / "phase.csv", tmp_path / "phase-boundaries.csv"]
    assert (code, out) == (0, "".join(f"{path}\n" for path in [*files, *data]))
    assert all(path.stat().st_size > 1000 for path in files)
    assert int.from_bytes(files[2].read_bytes()[16:20], "big") > 1000, "dots across"
    assert len(pd.read_csv(data[0])) >= 8
    assert set(pd.read_csv(data[1]).columns) == {"depth", "reg", "first", "second", "known_by"}
    assert call(*wanted, *options)[0] == 2, "the files exist"


@pytest.mark.parametrize("colour", ["structure", "rank"])
@pytest.mark.parametrize(
    ("x", "y", "axes", "fixed"),
    [
        ("depth", "reg", {"depth": [1, 2], "reg": [1e-3, 0.3]}, {"classes": 3}),
        ("classes", "depth", {"classes": [3, 6], "depth": [1, 2, 3]}, {"reg": 1e-3}),
        ("width", "samples", {"width": [1, 2], "samples": [1, 2]}, {"classes": 4, "depth": 2, "reg": 1e-2}),
    ],
)
def test_every_pair_of_axes_is_drawn(tmp_path, x, y, axes, fixed, colour):
    with Store(tmp_path / "atlas.sqlite", write=True) as store:
        executors = partial(ThreadPoolExecutor, 1)
        diagram = phase_diagram(x, y, axes, fixed, store, effort="quick", certify=False, executors=executors)
    figure = plot_phase(diagram, colour)
    figure.savefig(tmp_path / "phase.png")
    (axes_,) = figure.axes
    assert axes_.get_xlabel()
    assert axes_.get_ylabel()


@pytest.mark.parametrize(
    ("classes", "depth", "excluded"), [(4, 2, False), (4, 3, True), (6, 2, True), (3, 9, False), (6, 1, False)]
)
def test_where_theorem_one_applies(classes, depth, excluded):
    assert theorem1(DeepUFM(classes, depth, 1e-3)) is excluded


def test_theorem_one_needs_cross_entropy_and_width():
    assert not theorem1(DeepUFM(6, 3, 1e-3, loss="mse"))
    assert not theorem1(DeepUFM(6, 3, 1e-3, width=3))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--out", "phase.csv"], "no ending that names a picture format"),
        (["--out", "phase"], "no ending that names a picture format"),
        (["--out", "phase.png", "--classes", "4:5"], "is on no axis; pass one number"),
        (["--out", "phase.png", "--depth", "2"], "pass at least two"),
        (["--out", "no/such/phase.png"], "pass a file in an existing one"),
    ],
)
def test_mistakes(call, tmp_path, monkeypatch, arguments, sentence):
    monkeypatch.chdir(tmp_path)
    code, out, err = call(*arguments)
    assert (code, out) == (2, "")
    assert sentence in err
    assert not list(tmp_path.iterdir())


def test_a_diagram_without_boundaries_has_tables_that_are_read(call, tmp_path):
    """One phase alone, on axes with and without solved boundaries."""
    for number, axes in enumerate(
        (["--reg", "0.4:0.5:2", "--depth", "3,4"], ["--x", "classes", "--y", "width", "--reg", "0.5", "--depth", "2"])
    ):
        more = [] if number == 0 else ["--classes", "3,4", "--width", "5,6"]
        out = tmp_path / f"{number}.svg"
        assert call("--out", out, "--workers", "1", "--effort", "quick", "--no-certify", *axes, *more)[0] == 0
        cells, boundaries = pd.read_csv(out.with_suffix(".csv")), pd.read_csv(tmp_path / f"{number}-boundaries.csv")
        assert len(cells) == 4
        assert len(boundaries) == 0
        assert list(boundaries.columns) == [*cells.columns[:2], "first", "second", "known_by"]


def test_diagrams_of_networks_are_written_and_refuse_options_of_a_search(call, tmp_path):
    out = tmp_path / "relu.svg"
    asked = ["--activation", "relu", "--loss", "mse", "--classes", "6", "--depth", "3,4", "--reg", "1e-4:1e-2:3"]
    assert call("--out", out, *asked)[0] == 0
    cells = pd.read_csv(out.with_suffix(".csv"))
    assert set(cells.structure) == {"collapse", "hinged-pairs"}
    code, _, err = call("--out", tmp_path / "other.svg", *asked, "--effort", "quick")
    assert code == 2
    assert "named networks" in err
