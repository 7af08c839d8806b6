"""optima certify on the command line."""

import json

import numpy as np
import pytest

from optima import DeepUFM, certify

CERTIFY = ["certify", "--classes", "3", "--depth", "4", "--reg", "1e-3", "--effort", "quick"]


def test_json(call):
    code, out, err = call(*CERTIFY, "--gap", "1e-4", "--verify", "--json")
    data = json.loads(out)
    assert (code, err) == (0, "")
    assert data["lower_bound"] < data["loss"]
    assert 0 < data["gap"] <= 1e-4
    assert data["certificate"]["method"] == "branch and bound"
    assert data["verified"] is True


def test_intervals(call):
    pytest.importorskip("flint")
    code, out, _ = call(*CERTIFY, "--gap", "1e-3", "--intervals", "--json")
    assert code == 0
    assert json.loads(out)["verified"] is True


def test_print_and_save(call, tmp_path):
    from optima import Solution

    path = tmp_path / "proved.npz"
    code, out, err = call(*CERTIFY, "--gap", "1e-3", "--verify", "--save", str(path))
    assert (code, err) == (0, "")
    assert "bound" in out
    assert "verified" in out
    assert Solution.load(path).certificate.verify()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--gap", "0"], "gap"),
        (["--gap", "2"], "between 0 and 1"),
        (["--minutes", "no"], "is not a number"),
        (["--boxes", "0"], "at least 1"),
        (["--save", "/nowhere/x.npz"], "not a folder"),
    ],
)
def test_bad_input_is_one_sentence(call, arguments, message):
    code, out, err = call(*CERTIFY, *arguments)
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1


def test_a_file_of_something_else_is_no_checkpoint(call, tmp_path):
    path = tmp_path / "state.npz"
    path.write_bytes(b"something else")
    code, _, err = call(*CERTIFY, "--checkpoint", str(path))
    assert code == 2
    assert "no interrupted proof" in err
    assert path.read_bytes() == b"something else"


def test_weak_penalties_say_nothing_else(call):
    for K in ("2", "3"):
        code, out, err = call("certify", "--classes", K, "--depth", "3", "--reg", "1e-150", "--effort", "quick")
        assert (code, err) == (0, "")
        assert "no loss is below" in out


def test_budgets(call):
    for budget, ended in ((["--boxes", "5"], "stopped after"), (["--minutes", "1e-9"], "stopped by the clock")):
        code, out, err = call(*CERTIFY, "--gap", "1e-8", *budget)
        assert (code, err) == (0, "")
        assert ended in out
    assert "the gap of 1e-06 is reached" in call(*CERTIFY, "--boxes", "1000", "--minutes", "100")[1]


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory):
    """A proof that was stopped, and the call that goes on from its file."""
    path = tmp_path_factory.mktemp("proof") / "state.npz"
    problem = DeepUFM(3, 3, 1e-3)
    go_on = lambda file: certify(problem, gap=1e-9, boxes=20, checkpoint=file)
    go_on(path)
    assert path.is_file()
    return path, go_on


@pytest.mark.parametrize(
    "change",
    [
        {"numbers": np.zeros(3)},
        {"numbers": np.array("text")},
        {"open_node": np.zeros(1, dtype=np.int64)},
        {"open_low": np.zeros((1, 1))},
        {"open_bound": np.array("text")},
        {"axis": np.zeros(1, dtype=np.int8)},
        {"child": np.full(3, 9)},
        {"multiplier": np.zeros(3)},
        {"about": None},
        {"tail": np.array([{}], dtype=object)},
    ],
)
def test_a_checkpoint_that_was_altered_is_refused(interrupted, tmp_path, change):
    path, go_on = interrupted
    with np.load(path) as stored:
        state = dict(stored) | change
    file = tmp_path / "state.npz"
    np.savez(file, **{name: array for name, array in state.items() if array is not None})
    with pytest.raises(ValueError, match="holds no interrupted proof; pass another file or remove it"):
        go_on(file)
    go_on(path)


def test_checkpoints_are_checked_at_the_door(tmp_path):
    for path in (tmp_path, tmp_path / "no" / "state.npz"):
        with pytest.raises(ValueError, match=r"is a folder|is not a folder"):
            certify(DeepUFM(3, 3, 1e-3), boxes=20, checkpoint=path)
