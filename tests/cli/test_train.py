"""``optima train`` and ``optima reproduce`` as a user types them."""

import json
import os
import signal
import subprocess
import sys
from importlib import import_module

import numpy as np
import pytest

TRAIN = ["train", "--classes", "4", "--depth", "2", "--width", "6", "--reg", "2^-6", "--steps", "300", "--seeds", "2"]
RUN_KEYS = {
    "seed",
    "loss",
    "kind",
    "rank",
    "structure",
    "distance",
    "singular_values",
    "margin",
    "effective_rank",
    "converged",
    "diverged",
    "steps",
    "gradient_norm",
    "relative_gradient",
    "polished_loss",
    "polished_structure",
    "polished_verdict",
    "polished_rank",
    "excess",
}


def test_json(call):
    code, out, err = call(*TRAIN, "--json")
    data = json.loads(out)
    assert (code, err) == (0, "")
    assert set(data) == {"problem", "lr", "runs", "predicted", "summary"}
    assert [run["seed"] for run in data["runs"]] == [0, 1]
    for run in data["runs"]:
        assert set(run) == RUN_KEYS
        assert len(run["singular_values"]) == 4
        assert run["kind"] == "reached by descent"
        assert run["loss"] >= data["predicted"]["global"] * (1 - 1e-9)
        assert run["polished_loss"] <= run["loss"]
        assert run["excess"]["simplex"] == run["loss"] / data["predicted"]["simplex"] - 1
    assert {"simplex", "pairs", "zero", "global"} <= set(data["predicted"])
    counts = data["summary"]["structures"]
    assert sum(entry["count"] for entry in counts.values()) == 2
    for entry in counts.values():
        assert 0 <= entry["low"] <= entry["fraction"] <= entry["high"] <= 1


def test_print(call):
    code, out, err = call(*TRAIN)
    assert (code, err) == (0, "")
    for word in ("heading for", "predicted: ", "known by: reached by descent", "ended at: ", "95 %"):
        assert word in out


def test_what_a_relu_network_was_heading_for(call):
    problem = ["train", "-K", "3", "-L", "3", "-d", "6", "--reg", "5e-3", "--loss", "mse", "--activation", "relu"]
    code, out, _ = call(*problem, "--steps", "2000", "--seeds", "1")
    assert code == 0
    # y of collapse: (1 - y) y^(1/2) = 3 lambda.
    assert "heading for: collapse 1 of 1" in out
    assert ", loss 0.02988" in out
    assert "gradient descent is at " in out


def test_the_width_is_the_number_of_classes_unless_given(call):
    bare = ["train", "-K", "3", "-L", "2", "--reg", "0", "--margin", "2", "--seeds", "1", "--json"]
    assert json.loads(call(*bare)[1]) == json.loads(call(*bare, "--width", "3")[1])


def test_a_grid_has_one_cell_for_each_setting(call):
    data = json.loads(
        call(*TRAIN, "--width", "5:6", "--reg", "0.01,0.1", "--lr", "0.1,0.3", "--json", "--no-polish")[1]
    )
    assert [(cell["problem"]["reg"], cell["problem"]["width"], cell["lr"]) for cell in data["cells"]] == [
        (reg, width, lr) for reg in (0.01, 0.1) for width in (5, 6) for lr in (0.1, 0.3)
    ]
    assert data["cells"][0]["runs"][0]["polished_loss"] is None


def test_divergence_leaves_no_nan(call):
    data = json.loads(call(*TRAIN, "--lr", "1e6", "--json")[1])
    assert all(
        run["diverged"] and run["loss"] is None and run["kind"] is None and run["excess"] is None
        for run in data["runs"]
    )
    assert data["summary"]["diverged"] == 2
    code, out, _ = call(*TRAIN, "--lr", "1e6")
    assert (code, "nan" in out, "known by" in out, "diverged 2 of 2" in out) == (0, False, False, True)


def test_relu_and_squared_error(call):
    relu = json.loads(call(*TRAIN, "--activation", "relu", "--json")[1])
    assert {"zero", "dnc", "collapse"} <= set(relu["predicted"])
    assert relu["runs"][0]["polished_verdict"] in ("minimum", "saddle", "not converged", "unverified")
    squares = json.loads(call(*TRAIN, "--loss", "mse", "--samples", "1,2,3,1", "--json")[1])
    assert set(squares["predicted"]) == {"global"}


def test_options_of_the_rule_and_the_start(call):
    options = ["--momentum", "0.9", "--nesterov", "--init", "pairs", "--scale", "1e-6", "--lr", "0.05"]
    data = json.loads(call(*TRAIN, *options, "--json")[1])
    assert {run["structure"] for run in data["runs"]} == {"pairs"}


def test_plot(call, tmp_path):
    picture = tmp_path / "curves.png"
    assert call(*TRAIN, "--plot", picture)[0] == 0
    assert picture.stat().st_size > 10_000
    code, out, err = call(*TRAIN, "--plot", picture)
    assert (code, out) == (2, "")
    assert "--force" in err


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--steps", "none"], "steps is 'none'"),
        (["--lr", "-1"], "lr is -1"),
        (["--momentum", "2"], "momentum is 2.0"),
        (["--init", "wild"], "init is 'wild'"),
        (["--backend", "cobol"], "backend is 'cobol'"),
        (["--plot", "/nowhere/at.png"], "/nowhere is not a folder"),
        (["--plot", "picture.doc"], "no ending that names a picture format"),
        (["--reg-per-factor", "1,2,3"], "given twice"),
    ],
)
def test_bad_input_gets_one_sentence(call, options, sentence):
    code, out, err = call(*TRAIN, *options)
    assert (code, out) == (2, "")
    assert sentence in err
    assert err.count("\n") == 1


def test_a_grid_is_drawn_to_numbered_files(call, tmp_path):
    assert call(*TRAIN, "--lr", "0.1,1e6", "--plot", tmp_path / "curves.svg")[0] == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["curves-0.svg", "curves-1.svg"]
    assert call(*TRAIN, "--lr", "0.1,1e6", "--plot", tmp_path / "curves.svg")[0] == 2


@pytest.mark.parametrize("options", [TRAIN, ["reproduce", "garrod2025.fig1", "--quick"]])
def test_interrupted(call, tmp_path, monkeypatch, options):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(import_module("optima.training.descent").Descent, "advance", interrupt)
    code, out, err = call(*options)
    assert (code, out) == (130, "")
    assert err.startswith("optima: interrupted; ")
    assert "to go on" in err


def test_an_interrupt_promises_what_is_there(call, tmp_path, monkeypatch):
    """Before the first checkpoint nothing can be gone on from; afterwards it can."""

    def interrupt(*_):
        raise KeyboardInterrupt

    file = tmp_path / "state.npz"
    with monkeypatch.context() as patched:
        patched.setattr(import_module("optima.training.descent").Descent, "advance", interrupt)
        code, _, err = call(*TRAIN, "--checkpoint", file)
    assert code == 130
    assert err == f"optima: interrupted; {file} was not written yet, so the command would begin again\n"
    assert not file.exists()
    assert call(*TRAIN, "--checkpoint", file)[0] == 0
    monkeypatch.setattr(import_module("optima.training.trainer"), "polish", interrupt)
    code, _, err = call(*TRAIN, "--checkpoint", file)
    assert (code, err) == (130, "optima: interrupted; repeat the command to go on\n")


@pytest.mark.parametrize(
    "change",
    [
        lambda data, arrays: data.update(states=7),
        lambda data, arrays: data.update(states=[7]),
        lambda data, arrays: data.update(states=data["states"] * 2),
        lambda data, arrays: data.update(command=7),
        lambda data, arrays: data.pop("command"),
        lambda data, arrays: data["states"][0].update(active=[5]),
        lambda data, arrays: data["states"][0].update(active=[0, 0]),
        lambda data, arrays: data["states"][0].update(step="1"),
        lambda data, arrays: data["states"][0].update(tracks=[]),
        lambda data, arrays: data["states"][0].update(batch=9),
        lambda data, arrays: data["states"][0]["tracks"][0].update(records=["nothing"]),
        lambda data, arrays: arrays.popitem(),
        lambda data, arrays: arrays.update({name: np.array("text") for name in arrays if "factors" in name}),
    ],
)
def test_a_checkpoint_that_was_altered_is_refused(call, tmp_path, change):
    file = tmp_path / "state.npz"
    assert call(*TRAIN, "--checkpoint", file, "--no-polish")[0] == 0
    with np.load(file) as stored:
        arrays = dict(stored)
    data = json.loads(str(arrays.pop("text")))
    change(data, arrays)
    np.savez(file, text=np.array(json.dumps(data)), **arrays)
    code, _, err = call(*TRAIN, "--checkpoint", file)
    assert code == 2
    assert "is not a training checkpoint" in err
    assert err.count("\n") == 1


def test_a_checkpoint_of_another_command_is_refused(call, tmp_path):
    file = tmp_path / "state.npz"
    assert call(*TRAIN, "--checkpoint", file)[0] == 0
    code, _, err = call(*TRAIN, "--lr", "0.25", "--checkpoint", file)
    assert code == 2
    assert "another trials" in err
    file.write_bytes(b"nonsense")
    code, _, err = call(*TRAIN, "--checkpoint", file)
    assert code == 2
    assert "not a training checkpoint" in err


# A checkpoint whenever there may be one, instead of every 20 seconds, and death after one amid the second width.
KILLED = """
import importlib, os, signal, sys
from optima.cli import main
trainer = importlib.import_module("optima.training.trainer")
store, trainer.STORE = trainer.stored.store, -1.0
def store_and_die(path, command, descents):
    store(path, command, descents)
    if len(descents) == 2 and descents[-1].step > 300:
        os.kill(os.getpid(), signal.SIGKILL)
trainer.stored.store = store_and_die
sys.exit(main(sys.argv[1:]))
"""


def test_killed_in_mid_run_and_resumed_at_the_same_numbers(call, tmp_path):
    """kill -9 between two checkpoints; the same command goes on and prints the very same JSON."""
    file = tmp_path / "state.npz"
    command = [*TRAIN, "--width", "6,40", "--steps", "30000", "--seeds", "3", "--json", "--momentum", "0.3"]
    whole = call(*command)[1]
    arguments = [sys.executable, "-c", KILLED, *command, "--checkpoint", str(file)]
    victim = subprocess.run(arguments, stdout=subprocess.PIPE, env={**os.environ, "OPENBLAS_NUM_THREADS": "1"})
    assert victim.returncode == -signal.SIGKILL
    state = _state(file)
    assert 300 < state["step"] < 30_000
    assert call(*command, "--checkpoint", str(file))[1] == whole
    assert call(*command, "--checkpoint", str(file))[1] == whole


def _state(file):
    with np.load(file) as stored:
        return json.loads(str(stored["text"]))["states"][-1]


def test_reproduce_lists_the_figures(call):
    code, out, _ = call("reproduce")
    assert code == 0
    wanted = [f"garrod2025.fig{n}" for n in (1, 2, 5, 6)] + ["relu.map"] + [f"sukenik2024.fig{n}" for n in (2, 3, 5, 6)]
    assert [line.split()[0] for line in out.splitlines() if line.startswith(("garrod2025", "relu", "suk"))] == wanted


def test_reproduce_refuses_what_is_not_there(call, tmp_path):
    assert (
        "there is no figure 'garrod2025.fig9'; did you mean garrod2025.fig" in call("reproduce", "garrod2025.fig9")[2]
    )
    assert "is not a folder" in call("reproduce", "garrod2025.fig1", "--out", tmp_path / "none")[2]


def test_without_regularisation(call):
    given = ("train", "-K", "4", "-L", "2", "-d", "6", "--reg", "0", "--seeds", "2", "--steps", "2000", "--margin", "4")
    code, out, err = call(*given)
    assert (code, err) == (0, "")
    assert "margin reached" in out
    data = json.loads(call(*given, "--json")[1])
    assert all(run["margin"] >= 4 and 1 <= run["effective_rank"] <= 4 for run in data["runs"])
    assert data["predicted"] == {}
