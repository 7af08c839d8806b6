"""The machinery of claims: verdicts, controls, user's files, counterexamples, reports."""

import json
import math
from itertools import pairwise

import numpy as np
import pytest

from optima.claims import Cases, Claim, Control, Finding, Grid, Lines, Proof, Remark, Table, Undecided, agreement, run
from optima.claims.claim import REGISTRY, claim
from optima.claims.report import check_output, write_report
from optima.claims.run import read_counterexample, write_counterexample
from optima.claims.select import claims_of, read_file

USER = """
from optima.claims import Cases, Control, claim

@claim(
    "mine.squares_grow",
    statement="n^2 grows.",
    axes={"classes": range(2, 6), "depths": (1, 2)},
    control=Control("n^2 falls", {"sign": -1}),
)
def squares_grow(classes, depths, *, sign=1):
    for K in classes:
        for L in depths:
            yield Cases(sign * ((K + 1) ** 2 - K**2) - LIMIT, classes=K, depths=L)

LIMIT = 0
"""


def made(check, **fields):
    control = fields.pop("control", Control("nothing", {"x": 1}))
    return Claim("a.b", "words", "x_1 < x_2", "", "", check, control, **fields)


def finding(*evidence, proves=False):
    found = Finding(proves)
    for piece in evidence:
        found.add(piece)
    return found


def failing():
    raise AssertionError("no")


def test_verdicts():
    good, bad = Cases(0.5, K=1), Cases(np.array([0.2, -0.1]), K=np.array([1, 2]))
    step = Proof("step", lambda: None)
    assert finding(good).verdict == "holds on 1 cases"
    assert finding(good, step, proves=True).verdict == "proved"
    assert finding(good, proves=True).kind == "holds"
    assert finding(good, bad, step, proves=True).kind == "counterexample"
    assert finding(good, Proof("step", failing), proves=True).kind == "undecided"
    assert finding(good, Undecided("hard")).kind == "undecided"
    assert finding(good, Cases(math.nan, K=3)).kind == "undecided"
    assert finding().why == "no case of its domain lies on the grid"


def test_the_worst_margin_and_where():
    found = finding(Cases(np.array([0.3, 0.1, 0.2]), K=np.array([1, 2, 3]), L=7), Cases(0.15, K=4, L=8))
    assert (found.margin, found.at, found.cases) == (0.1, {"K": 2, "L": 7}, 4)


def test_the_witness_is_that_of_the_worst_case():
    found = finding(Cases(-1, {"means": np.eye(2)}, K=1), Cases(-0.5, {"means": np.zeros((2, 2))}, K=2))
    assert np.array_equal(found.witness["means"], np.eye(2))


def test_zero_margins_hold_and_agreement_is_one():
    assert finding(Cases(0.0)).kind == "holds"
    assert agreement(0.0, 1e-9) == 1
    assert agreement(2e-9, 1e-9) < 0


def test_other_evidence_is_refused():
    with pytest.raises(TypeError, match="Cases"):
        finding(3)


def test_a_check_that_raises_is_undecided():
    def check(*, x=0):
        yield Cases(1.0)
        raise ZeroDivisionError("oops")

    outcome = run(made(check))
    assert outcome.finding.kind == "undecided"
    assert "oops" in outcome.finding.why
    assert not outcome.good


def test_a_control_that_holds_is_not_good():
    def check(*, x=0):
        yield Cases(1.0)

    outcome = run(made(check))
    assert outcome.finding.kind == "holds"
    assert outcome.control_words == "not refuted"
    assert not outcome.good


def test_a_control_stops_at_its_first_counterexample():
    def check(*, x=0):
        yield Cases(0.5 - x)
        assert not x, "the control went on"

    assert run(made(check)).good


def test_axes_and_options_reach_the_check():
    seen = []

    def check(classes, *, x=0):
        seen.append((classes, x))
        yield Cases(1.0 - 2 * x)

    outcome = run(made(check, axes={"classes": (2, 3)}, deep={"classes": (9,)}), {"classes": [5], "other": [1]})
    assert outcome.good
    assert seen == [((5,), 0), ((2, 3), 1)]
    run(made(check, axes={"classes": (2, 3)}, deep={"classes": (9,)}), deep=True, control=False)
    assert seen[-1] == ((9,), 0)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"name": "nodot"}, "name"),
        ({"statement": " "}, "statement"),
        ({"axes": {"widths": (1,)}}, "widths"),
        ({"axes": {"x": 5}}, "list of values"),
        ({"axes": {"x": ()}}, "list of values"),
        ({"axes": {"x": "2:5"}}, "list of values"),
        ({"control": Control("x", {"y": 1})}, "option"),
        ({"control": Control("x")}, "changes nothing"),
        ({"control": "x"}, "control"),
        ({"name": "garrod2025.theorem1"}, "already"),
    ],
)
def test_claims_of_wrong_form(change, word):
    claims_of([])
    fields = {"name": "my.own", "statement": "s", "control": Control("c", {"x": 1})} | change
    with pytest.raises((ValueError, TypeError), match=word):
        claim(fields.pop("name"), **fields)(lambda *, x=0: iter(()))
    assert "my.own" not in REGISTRY


@pytest.fixture
def user_file(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(USER)
    return path


def test_a_users_file(user_file):
    (one,) = read_file(user_file)
    assert one.name == "mine.squares_grow"
    assert one.file == user_file
    assert one.name not in REGISTRY
    assert run(one).good
    # Reading it once more is fine.
    assert claims_of([str(user_file)])[0][0].name == one.name


@pytest.mark.parametrize(("text", "word"), [("x = 1", "no claim"), ("1/0", "ZeroDivisionError"), ("(", "SyntaxError")])
def test_files_that_cannot_be_used(tmp_path, text, word):
    path = tmp_path / "bad.py"
    path.write_text(text)
    with pytest.raises(ValueError, match=word):
        read_file(path)


def test_names_and_groups():
    everything, _ = claims_of([])
    names = [one.name for one in everything]
    assert names == sorted(names)
    paper = [f"garrod2025.theorem{i}" for i in (*range(1, 8), "A1", "A2", "A3")]
    assert {"garrod2025.lemma1", "garrod2025.proposition1", *paper} == {n for n in names if n.startswith("garrod2025")}
    assert len([name for name in names if name.startswith("sukenik2024.")]) == 5
    assert [one.name for one in claims_of(["model.scale"])[0]] == ["model.scale"]
    assert all(one.statement and one.latex and one.source and one.how and one.axes for one in everything)
    with pytest.raises(ValueError, match=r"garrod2025\.theorem1"):
        claims_of(["garrod2025.theorm1"])


def test_counterexamples_are_narrowed_and_run_again(user_file, tmp_path):
    user_file.write_text(USER.replace("LIMIT = 0", "LIMIT = 8"))
    (one,) = read_file(user_file)
    outcome = run(one)
    assert outcome.finding.kind == "counterexample"
    path = write_counterexample(outcome, tmp_path)
    data = read_counterexample(path)
    assert data["axes"] == {"classes": [2], "depths": [1]}
    with pytest.raises(ValueError, match=r"mine\.py.*pass --run-claims"):
        claims_of([str(path)])
    (again,), axes = claims_of([str(path)], run_claims=True)
    assert run(again, axes).finding.at == outcome.finding.at


def test_counterexamples_along_an_axis_keep_the_axis(tmp_path):
    def check(classes, *, x=0):
        for low, high in pairwise(classes):
            yield Cases(low - high, classes=high)

    outcome = run(made(check, axes={"classes": (2, 3)}))
    data = read_counterexample(write_counterexample(outcome, tmp_path))
    assert data["axes"] == {"classes": [2, 3]}


@pytest.mark.parametrize("text", ["{}", "[]", "nonsense", '{"format": "other"}'])
def test_other_json_files_are_refused(tmp_path, text):
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(ValueError, match="counterexample"):
        read_counterexample(path)


@pytest.fixture
def outcome():
    def check(classes, *, x=0):
        """Everything a report can hold."""
        yield Cases(np.array([1.0, 0.5]) - x, classes=np.array([2, 3]))
        yield Remark("found more", sharper=True)
        yield Table("numbers | here", ["K", "value"], [[2, 0.123456789], [3, 1.0]])
        yield Lines("curves", "x", "y", {"one": ([1, 2], [3, 4])}, "xy")
        yield Grid("map", "K", "L", [2, 3], [1], np.array([[0, 1]]), ["a", "b"], [["", "1"]])

    return run(made(check, axes={"classes": (2, 3)}))


def test_markdown_report(outcome, tmp_path):
    path = tmp_path / "report.md"
    write_report(path, [outcome], "optima check")
    text = path.read_text()
    assert "holds on 2 cases" in text
    assert "found more" in text
    assert "0.1235" in text
    figures = sorted(p.name for p in tmp_path.glob("*.png"))
    assert len(figures) == 2
    assert all(name in text for name in figures)
    assert not list(tmp_path.glob("*.partial"))


def test_html_report_is_one_file(outcome, tmp_path):
    path = tmp_path / "report.html"
    write_report(path, [outcome], "optima check")
    text = path.read_text()
    assert text.startswith("<!doctype html>")
    assert "<table>" in text
    assert text.count("data:image/png;base64,") == 2
    assert '<h2 id="ab">a.b</h2>' in text
    assert '<pre class="formula">x_1 &lt; x_2</pre>' in text
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]


def test_reports_are_checked_at_the_door(tmp_path):
    (tmp_path / "there.md").write_text("precious")
    for name, word in (("a.txt", "ending"), ("no/a.md", "folder"), ("there.md", "force")):
        with pytest.raises(ValueError, match=word):
            check_output(tmp_path / name)
    check_output(tmp_path / "there.md", force=True)


def test_json_has_the_documented_keys(outcome):
    entry = json.loads(json.dumps(outcome.as_dict()))
    assert list(entry) == ["claim", "verdict", "cases", "margin", "at", "control", "seconds"]
    assert entry["control"] == "refuted"
