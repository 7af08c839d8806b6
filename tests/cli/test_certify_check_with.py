"""optima certify --check-with on the command line."""

import json
from dataclasses import replace

import pytest

import optima.proofs.convex.comparison as comparison

ONE = ["certify", "--classes", "4", "--depth", "1", "--reg", "1e-2", "--effort", "quick", "--check-with", "cvxpy"]
DEEP = ["certify", "--classes", "3", "--depth", "4", "--reg", "1e-3", "--effort", "quick", "--gap", "1e-3"]
DEEP += ["--check-with", "cvxpy"]


def said(out):
    """What is said about the comparison, in one line."""
    return " ".join(out[out.index("compared ") :].split())


@pytest.mark.parametrize("width", [80, 100, 200])
@pytest.mark.parametrize("command", [ONE, DEEP], ids=["minimum", "boxes"])
def test_what_was_compared_is_said_on_any_screen(call, monkeypatch, command, width):
    monkeypatch.setenv("COLUMNS", str(width))
    code, out, err = call(*command)
    assert (code, err) == (0, "")
    assert max(map(len, out[out.index("compared ") :].split("\n"))) <= width
    assert "CLARABEL through cvxpy (status: optimal) solved" in said(out)
    assert "within the tolerance of" in said(out)


def test_json_at_depth_one(call):
    code, out, err = call(*ONE, "--json")
    shown = json.loads(out)
    found = shown["check_with"]
    assert (code, err) == (0, "")
    assert (found["library"], found["solver"], found["status"]) == ("cvxpy", "CLARABEL", "optimal")
    assert found["ours"] == shown["loss"]
    assert found["difference"] == found["ours"] - found["value"]
    assert abs(found["difference"]) <= found["tolerance"] < 1e-6
    assert (found["agrees"], found["objection"]) == (True, "")


def test_json_of_boxes(call):
    code, out, err = call(*DEEP, "--json")
    found = json.loads(out)["check_with"]
    assert (code, err) == (0, "")
    assert found["compared"] == "boxes"
    assert len(found["boxes"]) == 6 <= found["of"]
    assert all(max(box["bound"], box["dual"]) <= box["value"] for box in found["boxes"])


def test_a_wrong_minimum_ends_with_one(call, monkeypatch):
    right = comparison.minimum

    def smaller(problem):
        found = right(problem)
        return replace(found, value=found.value * (1 - 1e-4), lower=found.lower * (1 - 1e-4))

    monkeypatch.setattr(comparison, "minimum", smaller)
    code, out, _ = call(*ONE)
    assert code == 1
    assert "does not agree: our bound 0.1677" in said(out)
    assert "best minimum known" in out
    code, out, _ = call(*ONE, "--json")
    assert (code, json.loads(out)["check_with"]["agrees"]) == (1, False)


def test_a_wrong_bound_ends_with_one(call, monkeypatch):
    bound_at = comparison.bound_at
    monkeypatch.setattr(comparison, "bound_at", lambda *box: bound_at(*box) * 1.5)
    code, out, _ = call(*DEEP)
    assert code == 1
    assert "does not agree: in box" in said(out)


def test_a_solver_without_an_answer_ends_with_one_and_leaves_the_proof(call):
    code, out, err = call(*ONE, "--reg", "1e-15")
    assert (code, err) == (1, "")
    assert "tells nothing: CLARABEL leaves no point" in said(out)
    assert "best minimum known" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--width", "2"], "pass a width of at least 3 or none"),
        (["--classes", "41"], "at most 40 classes"),
        (["--depth", "2", "--loss", "mse"], "closed form"),
        (["--check-with", "scip"], "check-with is 'scip'"),
    ],
)
def test_refusals_are_one_sentence_before_any_work(call, monkeypatch, arguments, message):
    monkeypatch.setattr("optima.search.ladder.search", lambda *a, **k: pytest.fail("searched"))
    code, out, err = call(*ONE, *arguments)
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1


def test_it_is_not_for_invariant_logits(call):
    code, out, err = call("certify", "--invariant", "4", "--depth", "2", "--reg", "1e-2", "--check-with", "cvxpy")
    assert (code, out, err) == (2, "", "optima: --check-with is not used with --invariant; leave it out\n")
