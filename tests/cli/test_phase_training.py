"""``optima phase --training`` as a user types it."""

import csv
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

GRID = ["--training", "--classes", "3", "--width", "4,8", "--reg", "2^-5,2^-3", "--steps", "200", "--seeds", "3"]


@pytest.fixture
def near(monkeypatch):
    """Jobs in a thread of this process: no process to start."""
    monkeypatch.setattr("optima.atlas.processes", lambda count: partial(ThreadPoolExecutor, 1))


def test_pictures_data_and_store(call, near, tmp_path):
    files = [tmp_path / f"ends.{ending}" for ending in ("pdf", "svg", "png")]
    command = ["phase", *GRID, "--store", tmp_path / "atlas.sqlite"]
    for path in files:
        command += ["--out", path]
    code, out, err = call(*command)
    data = tmp_path / "ends.csv"
    assert (code, out) == (0, "".join(f"{path}\n" for path in [*files, data]))
    assert "12 of 12 runs" in err
    assert sorted(tmp_path.iterdir()) == sorted([*files, data, tmp_path / "atlas.sqlite"])
    with open(data, newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert {(row["width"], row["reg"]) for row in rows} == {(d, r) for d in "48" for r in ("0.03125", "0.125")}
    assert all(row["total"] == "3" for row in rows)
    code, _, err = call(*command)
    assert code == 2
    assert "exists; pass another name, or --force" in err
    code, _, err = call(*command, "--force", "--structure", "global")
    assert (code, err) == (0, ""), "nothing is left to do"


def test_class_sizes_and_other_axes(call, near, tmp_path):
    options = ["--x", "depth", "--y", "width", "--depth", "1:2", "--width", "4,8", "--reg", "0.1", "--steps", "20"]
    out = tmp_path / "ends.png"
    assert call("phase", "--training", "--classes", "3", "--samples", "6,2,1", *options, "--out", out)[0] == 0
    assert out.stat().st_size > 1000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--seeds", "5"], "--seeds is given but nothing is trained; add --training"),
        (["--lr", "1"], "--lr is given but nothing is trained; add --training"),
        (["--training", "--colour", "rank"], "--colour is given with --training, where it says nothing; leave it out"),
        (["--training", "--no-certify"], "--certify is given with --training"),
        (["--training", "--structure", "pears"], "structure is 'pears', which does not exist at 10 classes; pass"),
        (["--training", "--structure", "global", "--activation", "relu"], "pass the name of a structure"),
        (["--training", "--steps", "0"], "steps is 0; pass an integer of at least 1"),
        (["--training", "--seeds", "0"], "seeds is 0; pass an integer of at least 1"),
        (["--training", "--depth", "1:3"], "depth has 3 values but is on no axis; pass one number"),
        (["--training", "--samples", "1,2"], "2 class sizes but there are 10 classes"),
        (["--training", "--init", "pears"], "init is 'pears'; pass"),
        (["--training", "--width", "3,9", "--init", "simplex"], "which width 3 cannot carry"),
    ],
)
def test_bad_input_before_any_work(call, near, tmp_path, arguments, message):
    code, out, err = call("phase", *arguments, "--out", tmp_path / "ends.png")
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert message in err
    assert not list(tmp_path.iterdir())


def test_a_picture_that_fails_leaves_nothing_behind(call, near, tmp_path, monkeypatch):
    def fail(figure, path, **options):
        path.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("matplotlib.figure.Figure.savefig", fail)
    code, _, err = call("phase", *GRID, "--out", tmp_path / "ends.png")
    assert code == 2
    assert "No space left on device" in err
    assert not list(tmp_path.iterdir())


# Ctrl-C may be ignored by the parent, and so by its children.
INTERRUPTIBLE = """
import signal, sys
import optima.cli
if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.exit(optima.cli.main())
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="no interrupts to send")
def test_an_interrupted_diagram_goes_on(tmp_path):
    wanted = ["--store", "atlas.sqlite", "--out", "ends.png", "--workers", "1"]
    command = [sys.executable, "-c", INTERRUPTIBLE, "phase", *GRID, "--width", "4,60,70", *wanted]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as running:
        next(line for line in running.stderr if "of 18 runs" in line)
        running.send_signal(signal.SIGINT)
        assert "interrupted; repeat the command to go on" in running.stderr.read()
    assert running.returncode == 130
    assert not list(tmp_path.glob("*ends*"))
    again = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "of 18 runs" not in again.stderr
    assert sorted(path.name for path in tmp_path.glob("*ends*")) == ["ends.csv", "ends.png"]
