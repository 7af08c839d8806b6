"""optima certify on the command line."""

import json
from dataclasses import replace

import numpy as np
import pytest

from optima import DeepUFM, certify
from optima.proofs.invariant.certificate import InvariantCertificate

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


INVARIANT = ["certify", "--invariant", "2x3", "--depth", "3", "--reg", "1e-3", "--gap", "1e-3"]


def test_invariant_logits(call, tmp_path):
    path = tmp_path / "invariant.npz"
    code, out, err = call(*INVARIANT, "--verify", "--save", str(path))
    assert (code, err) == (0, "")
    assert "proved only among logits invariant under Z_2 x Z_3" in out
    assert "nothing is proved of other logits" in out
    assert "verified" in out
    found = InvariantCertificate.load(path)
    assert found.verify()
    data = json.loads(call(*INVARIANT, "--classes", "6", "--verify", "--json")[1])
    assert (data["lower_bound"], data["loss"], data["gap"]) == (found.lower, found.upper, found.gap)
    assert (data["group"], data["problem"]["classes"], data["verified"]) == ([2, 3], 6, True)


def test_an_altered_invariant_certificate_is_refused(call, tmp_path, monkeypatch):
    path = tmp_path / "invariant.npz"
    assert call(*INVARIANT, "--save", str(path))[0] == 0
    found = InvariantCertificate.load(path)
    replace(found, lower=found.upper * (1 - 1e-9)).save(path)
    assert not InvariantCertificate.load(path).verify()
    replace(found, data={**found.data, "top": found.data["top"] * 0.5}).save(path)
    assert not InvariantCertificate.load(path).verify()
    path.write_bytes(b"something else")
    with pytest.raises(ValueError, match="no certificate of invariant logits"):
        InvariantCertificate.load(path)
    right = InvariantCertificate.verify
    monkeypatch.setattr(InvariantCertificate, "verify", lambda self, balls: right(replace(self, group=(6,)), balls))
    code, out, _ = call(*INVARIANT, "--verify")
    assert code == 1
    assert "refuted" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--classes", "7"], "has 6 elements for 7 classes"),
        (["--invariant", "2y3"], "at least 2"),
        (["--checkpoint", "x.npz"], "--checkpoint is not used with --invariant"),
        (["--loss", "mse"], "cross-entropy"),
    ],
)
def test_bad_groups_are_one_sentence(call, arguments, message):
    code, out, err = call(*INVARIANT, *arguments)
    assert (code, out) == (2, "")
    assert message in err


def test_classes_are_needed_without_a_group(call):
    code, _, err = call("certify", "--depth", "3", "--reg", "1e-3")
    assert (code, err) == (2, "optima: Missing option '--classes'.\n")
