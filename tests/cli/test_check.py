"""``optima check`` as a user types it."""

import dataclasses
import json
import re
from pathlib import Path

import pytest

from optima.claims.claim import REGISTRY
from optima.cli import main

KEYS = ["claim", "verdict", "cases", "margin", "at", "control", "seconds"]
QUICK = ["model.samples", "model.minimal_rank"]
FALSE = """
from optima.claims import Cases, Control, claim

@claim("mine.small", statement="K stays below 5.", axes={"classes": range(2, 9)}, control=Control("less", {"top": 3}))
def small(classes, *, top=5):
    for K in classes:
        yield Cases(top - K, classes=K)
"""
EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "my_claims.py"


@pytest.fixture
def call(capsys, tmp_path, monkeypatch):
    """Exit code, standard output and standard error of a command run in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        code = main(["check", *map(str, arguments)])
        return code, *capsys.readouterr()

    return run


def assert_refused(result, word):
    code, out, err = result
    assert (code, out) == (2, "")
    assert err.startswith("optima: ")
    assert err.count("\n") == 1
    assert word in err.lower()


def test_json(call):
    code, out, err = call(*QUICK, "--json")
    entries = json.loads(out)
    assert (code, err) == (0, "")
    assert [entry["claim"] for entry in entries] == QUICK
    assert all(list(entry) == KEYS for entry in entries)
    assert all(entry["verdict"] == "proved" and entry["control"] == "refuted" for entry in entries)


def test_print(call):
    code, out, err = call("model.odd_pairs", "--classes", "3:5", "--depths", "2")
    assert (code, err) == (0, "")
    assert re.search(r"model\.odd_pairs .*holds on \d+ cases.*refuted", out)


def test_axes_restrict_the_domain(call):
    count = lambda *options: json.loads(call("model.samples", *options, "--json")[1])[0]["cases"]
    assert count("--classes", "3:4", "--depths", "2") == 6
    assert count() > 50


def test_regs_restrict_the_domain(call):
    (entry,) = json.loads(
        call("model.odd_pairs", "--classes", "5", "--depths", "2", "--regs", "1e-4,1e-3", "--json")[1]
    )
    assert entry["cases"] == 2


def test_nothing_left_of_the_domain_is_undecided(call):
    code, out, _ = call("model.odd_pairs", "--classes", "4")
    assert code == 1
    assert "no case of its domain" in out


def test_a_claim_recorded_as_refuted_gives_exit_code_zero_and_a_file_that_repeats_it(call, tmp_path):
    code, out, _ = call("garrod2025.theorem5", "--classes", "3", "--depths", "1")
    assert code == 0
    assert "refuted, as recorded: a finding about the published statement as we read it" in out
    assert "every verdict is the one recorded" in out
    path = tmp_path / "counterexample-garrod2025.theorem5.json"
    assert path.name in out
    path.rename(tmp_path / "kept.json")
    code, out, _ = call("kept.json", "--json")
    (entry,) = json.loads(out)
    assert code == 0
    assert entry["verdict"] == "counterexample"
    assert entry["at"]["singular_values"] == "simplex"


def test_a_changed_verdict_gives_exit_code_one(call, monkeypatch):
    from optima.claims import library

    for name, recorded in (("model.samples", "counterexample"), ("garrod2025.theorem5", "proved")):
        monkeypatch.setitem(REGISTRY, name, dataclasses.replace(library()[name], recorded=recorded))
        code, out, _ = call(name)
        assert code == 1
        assert f"the verdict has changed; recorded is '{recorded}'" in out
        assert f"not as recorded: {name}" in out


def test_a_users_file_and_its_counterexample(call, tmp_path):
    (tmp_path / "mine.py").write_text(FALSE)
    code, out, _ = call("mine.py")
    assert code == 1
    assert "counterexample-mine.small.json" in out
    (entry,) = json.loads(call("counterexample-mine.small.json", "--json", "--run-claims")[1])
    assert (entry["cases"], entry["at"], entry["margin"]) == (1, {"classes": 8}, -3)
    assert call("mine.py", "--classes", "2:5")[0] == 0


def test_counterexamples_go_to_the_folder_asked_for(call, tmp_path):
    (tmp_path / "mine.py").write_text(FALSE)
    (tmp_path / "out").mkdir()
    call("mine.py", "--counterexamples", "out")
    assert (tmp_path / "out" / "counterexample-mine.small.json").is_file()


def test_list(call):
    code, out, err = call("--list")
    assert (code, err) == (0, "")
    assert "garrod2025.theorem7" in out
    assert "model.reduction" in out
    entries = json.loads(call("garrod2025", "--list", "--json")[1])
    assert len(entries) == 12
    assert all(entry["statement"] and entry["latex"] and entry["source"] and entry["control"] for entry in entries)


@pytest.mark.parametrize("name", ["report.md", "report.html"])
def test_report(call, name, tmp_path):
    code, _, err = call(*QUICK, "--classes", "3:4", "--report", name)
    assert code == 0
    assert "report written" in err
    text = (tmp_path / name).read_text()
    assert "model.samples" in text
    assert "optima check model.samples model.minimal_rank --classes 3:4" in text
    assert_refused(call(*QUICK, "--report", name), "--force")
    assert call(*QUICK, "--report", name, "--force")[0] == 0


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (["garrod2025.theorem9"], "did you mean"),
        (["nothing.py"], "does not exist"),
        (["nothing.json"], "does not exist"),
        (["model.samples", "--regs", "1e-3"], "regs"),
        (["model.samples", "--classes", "1"], "classes"),
        (["model.samples", "--depths", "5:2"], "depths"),
        (["model.samples", "--report", "x.pdf"], ".html"),
        (["model.samples", "--counterexamples", "no"], "folder"),
        (["--unknown"], "unknown"),
    ],
    ids=" ".join,
)
def test_mistakes(call, options, word):
    assert_refused(call(*options), word)


def test_the_example_is_readable(call):
    entries = json.loads(call(EXAMPLE, "--list", "--json")[1])
    assert [entry["name"].partition(".")[0] for entry in entries] == ["conjecture", "conjecture"]


@pytest.mark.slow
def test_the_example_runs(call):
    code, out, _ = call(EXAMPLE, "--classes", "3:5", "--depths", "1:3", "--json")
    assert code == 0
    assert all(entry["control"] == "refuted" for entry in json.loads(out))


# Files of data


OWN = {"format": "optima counterexample 1", "claim": "mine.small", "file": None, "axes": {"classes": [8]}}
TRAP = "open('ran', 'w').close()\n" + FALSE


def stored(**fields):
    Path("x.json").write_text(json.dumps(OWN | fields))
    return "x.json"


def test_a_file_of_data_runs_nothing_unless_told_to(call):
    Path("mine.py").write_text(TRAP)
    assert_refused(
        call(stored(file="mine.py")), "x.json is about a claim of the python file 'mine.py'; pass --run-claims"
    )
    assert_refused(call(stored(claim="mine.py")), "which is not there")
    assert_refused(call(stored(claim="mine.py"), "--run-claims"), "which is not there")
    assert_refused(call(stored(file="mine.py"), "--list"), "--run-claims")
    assert not Path("ran").exists()
    code, out, _ = call(stored(file="mine.py"), "--run-claims", "--json")
    assert (code, json.loads(out)[0]["at"]) == (1, {"classes": 8})
    assert Path("ran").exists()


@pytest.mark.parametrize(
    "fields",
    [
        *({"file": value} for value in (7, [], {}, "a\0", True)),
        *({"claim": value} for value in (7, None, [])),
        *({"axes": value} for value in (7, None, [], {"classes": 7}, {"classes": []}, {"classes": [None]})),
        *({"axes": {"classes": [value]}} for value in ({}, float("nan"), float("inf"), 10**400)),
        {"format": []},
    ],
)
def test_counterexamples_of_wrong_form(call, fields):
    assert_refused(call(stored(**fields)), "is not a counterexample; pass a file")


@pytest.mark.parametrize("value", ["8", 8.5, [8], True])
def test_values_of_another_kind_than_those_of_the_axis(call, value):
    assert_refused(call(stored(claim="model.samples", axes={"classes": [value]})), "on the axis classes; pass")


@pytest.mark.parametrize("text", ["[" * 100_000, '{"axes":' * 100_000, "{", "", "7", "\ud800", "9" * 10_000])
def test_json_that_is_no_counterexample(call, text):
    Path("x.json").write_bytes(text.encode(errors="surrogatepass"))
    assert_refused(call("x.json"), "is not a counterexample")


def test_a_name_of_a_file_that_is_too_long_is_cut(call):
    for options in ([], ["--run-claims"]):
        code, _, err = call(stored(file="a" * 5000), *options)
        assert code == 2
        assert "'aaaa" in err
        assert len(err) < 300


def test_what_is_no_file(call):
    Path("x.json").symlink_to("/dev/zero")
    assert_refused(call("x.json"), "is not a counterexample")
    Path("y.json").mkdir()
    assert_refused(call("y.json"), "is not a counterexample")
    assert_refused(call("z.json"), "does not exist")


def test_a_claim_that_is_not_in_its_file(call):
    Path("mine.py").write_text(FALSE)
    assert_refused(call(stored(file="mine.py", claim="mine.other"), "--run-claims"), "mine.other")
    assert_refused(call(stored(claim="model")), "'model', which is not there")
