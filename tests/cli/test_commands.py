"""The commands as a user types them: what they print, what they refuse, and what a broken output leaves."""

import contextlib
import errno
import io
import json
import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import optima
import optima.tables.table
from optima.cli import main
from optima.tables.export import FORMATS

steady = settings(derandomize=True, deadline=None, max_examples=60)

LOSS = ("loss", "--classes", "10", "--depth", "2", "--reg", "2^-10", "--samples", "5")
TABLE = ("table", "--classes", "4:6", "--depths", "2", "--regs", "1e-3:1e-1:2")


def call(*arguments):
    """Exit code, standard output and standard error of a command run in this process."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(list(arguments))
    return code, out.buffer.getvalue().decode(), err.buffer.getvalue().decode()


def assert_one_sentence(err):
    assert re.fullmatch(r"optima: [^\n]+\n", err)


def assert_refused(code, out, err):
    assert (code, out) == (2, "")
    assert_one_sentence(err)


def changed(arguments, **options):
    """The arguments with options replaced, added, or left out (None)."""
    given = dict(zip(arguments[1::2], arguments[2::2], strict=True))
    given |= {f"--{name.replace('_', '-')}": value for name, value in options.items()}
    return [arguments[0], *(part for name, value in given.items() if value is not None for part in (name, value))]


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


# One cell


def loss_json(*arguments):
    code, out, err = call(*arguments, "--json")
    assert (code, err, len(out.splitlines())) == (0, "", 1)
    return json.loads(out)


def test_reference_values_of_garrod2025():
    found = loss_json(*LOSS)["structures"]
    assert found["simplex"]["loss"] == pytest.approx(0.0906621832128544109209, rel=1e-14)
    assert found["simplex"]["scale"] == pytest.approx(7.03753849442636294105, rel=1e-14)
    assert found["pairs"]["loss"] == pytest.approx(0.0800126592452475275200, rel=1e-14)
    assert found["pairs"]["scale"] == pytest.approx(7.04704868833874057139, rel=1e-14)
    deeper = loss_json(*changed(LOSS, depth="3", reg="2**-9"))["structures"]
    assert deeper["simplex"]["loss"] == pytest.approx(0.147060765694726951461, rel=1e-14)
    assert deeper["pairs"]["loss"] == pytest.approx(0.116525256479039123878, rel=1e-14)


def test_json_holds_the_problem_and_every_structure():
    data = loss_json(*LOSS)
    assert list(data) == ["problem", "structures"]
    assert data["problem"] == {
        "classes": 10,
        "depth": 2,
        "reg": 2**-10,
        "samples": 5,
        "width": None,
        "loss": "ce",
        "activation": "linear",
    }
    assert set(data["structures"]) == {structure.name for structure in optima.catalogue(10)}
    losses = [entry["loss"] for entry in data["structures"].values()]
    assert losses == sorted(losses)


def test_json_holds_what_is_known_of_a_structure():
    pairs = loss_json(*LOSS, "--structures", "pairs")["structures"]["pairs"]
    assert list(pairs) == ["loss", "scale", "rank", "singular_values", "fit", "penalty", "stationary"]
    assert pairs["rank"] == 5
    assert pairs["singular_values"] == pytest.approx([2 * np.sqrt(5) * 7.04704868833874057139] * 5, rel=1e-14)
    assert pairs["fit"] + pairs["penalty"] == pytest.approx(pairs["loss"], rel=1e-14)
    assert [point["kind"] for point in pairs["stationary"]] == ["minimum", "minimum", "maximum"]
    assert all(list(point) == ["scale", "loss", "kind"] for point in pairs["stationary"])


def test_singular_values_of_many_classes_are_counted():
    data = loss_json("loss", "--classes", "1500", "--depth", "2", "--reg", "1e-7", "--structures", "simplex")
    (one,) = data["structures"]["simplex"]["singular_values"]
    assert list(one) == ["value", "multiplicity"]
    assert one["multiplicity"] == 1499


def test_one_regularisation_for_each_factor():
    each = loss_json(*changed(LOSS, reg=None, reg_per_factor="1e-2,10^-4,1e-3"))
    one = loss_json(*changed(LOSS, reg="1e-3"))
    assert each["problem"]["reg"] == pytest.approx([1e-2, 1e-4, 1e-3], rel=1e-14)
    assert each["structures"].keys() == one["structures"].keys()
    for name, entry in one["structures"].items():
        assert each["structures"][name]["loss"] == pytest.approx(entry["loss"], rel=1e-12)


def test_width_and_squared_error_reach_the_problem():
    data = loss_json(*LOSS, "--width", "3", "--loss", "mse")
    assert (data["problem"]["width"], data["problem"]["loss"]) == (3, "mse")
    assert data["structures"]["frame(3)"]["rank"] == 3
    assert max(entry["rank"] for entry in data["structures"].values()) == 3


def line_of(name, out):
    (line,) = (line for line in out.splitlines() if line.startswith(f"{name} "))
    return line


def test_the_printed_cell_shows_the_loss_of_every_structure():
    code, out, err = call(*LOSS)
    assert (code, err) == (0, "")
    assert "cross-entropy, K = 10, L = 2, lambda = 0.000976562, n = 5" in out
    for name, entry in loss_json(*LOSS)["structures"].items():
        assert f"{entry['loss']:.12g}" in line_of(name, out)


def test_the_printed_cell_shows_all_stationary_scales():
    _, out, _ = call(*LOSS, "--structures", "simplex,pairs")
    for name, entry in loss_json(*LOSS, "--structures", "simplex,pairs")["structures"].items():
        first, *others = entry["stationary"]
        assert f" {first['scale']:.6g} " in line_of(name, out)
        for point in others:
            assert f"{point['scale']:.6g} ({point['loss']:.6g}, {point['kind']})" in line_of(name, out)


def test_the_printed_cell_shows_the_regularisation_of_each_factor():
    _, out, _ = call(*changed(LOSS, reg=None, reg_per_factor="1e-2,1e-4,1e-3", loss="mse"))
    assert "squared error, K = 10, L = 2, lambda = 0.01, 0.0001, 0.001, n = 5" in out


# Tables


def test_the_printed_table_ends_with_the_cells_and_the_time():
    code, out, err = call(*TABLE)
    assert (code, err) == (0, "")
    assert re.search(r"^won by: [a-z]", out, re.M)
    assert re.search(r"^6 cells in \d+\.\d+ s$", out, re.M)
    assert "optimal losses (cross-entropy)" in out


def test_the_printed_table_says_how_many_rows_it_leaves_out():
    _, out, _ = call(*TABLE, "--rows", "2")
    assert re.search(r"^\.\.\. 4 more cells; pass --rows N to see more, or --out FILE", out, re.M)
    assert re.search(r"^6 cells in ", out, re.M)


def test_the_numbers_of_samples_are_shown_when_there_are_several():
    for rows, line in (((), 4), (("--rows", "9"), 1)):
        assert re.search(r"\bn\b", call(*TABLE, *rows, "--samples", "1,5")[1].splitlines()[line])
        assert not re.search(r"\bn\b", call(*TABLE, *rows)[1].splitlines()[line])


def test_a_printed_cell_without_any_structure_names_no_winner():
    code, out, err = call("table", "--classes", "2", "--depths", "2", "--regs", "0.1", "--structures", "polygon")
    assert (code, err) == (0, "")
    assert "None" not in out


def read_rows(path, form):
    """The rows of a file of any format, as mappings or tuples of text."""
    text = path.read_text() if form != "parquet" else ""
    if form == "csv":
        return pd.read_csv(path).to_dict("records")
    if form == "json":
        return json.loads(text)
    if form == "parquet":
        return pyarrow.parquet.read_table(path).to_pylist()
    if form == "markdown":
        return [line.split("|") for line in text.splitlines()[2:]]
    assert text.endswith("\\bottomrule\n\\end{longtable}\n")
    return [line.split("&") for line in text.splitlines()[5:-2]]


@pytest.mark.parametrize("form", FORMATS)
def test_files_of_every_format_hold_the_table(tmp_path, form):
    code, out, err = call(*TABLE, "--format", form, "--out", "t")
    assert (code, out) == (0, "")
    assert re.fullmatch(r"6 cells written to t in \d+\.\d+ s\n", err)
    rows = read_rows(tmp_path / "t", form)
    assert len(rows) == 6
    if form in ("csv", "json", "parquet"):
        assert [row["classes"] for row in rows] == [4, 4, 5, 5, 6, 6]
        assert [row["reg"] for row in rows] == [1e-3, 1e-1] * 3


@pytest.mark.parametrize(
    ("name", "form"),
    [("t.csv", "csv"), ("t.json", "json"), ("t.md", "markdown"), ("t.tex", "latex"), ("t.parquet", "parquet")],
)
def test_the_ending_of_a_file_names_its_format(tmp_path, name, form):
    assert call(*TABLE, "--out", name)[0] == 0
    assert len(read_rows(tmp_path / name, form)) == 6


@pytest.mark.parametrize("form", ["csv", "json", "markdown", "latex"])
def test_standard_output_holds_the_bytes_of_the_file(tmp_path, form):
    code, out, err = call(*TABLE, "--format", form)
    call(*TABLE, "--format", form, "--out", "t")
    assert code == 0
    assert out == (tmp_path / "t").read_text()
    assert re.fullmatch(r"6 cells written in \d+\.\d+ s\n", err)


def test_reference_values_in_a_table():
    table = ["table", "--classes", "10", "--depths", "2:3", "--regs", "2^-10,2^-9", "--samples", "5"]
    rows = {(row["depth"], row["reg"]): row for row in json.loads(call(*table, "--format", "json")[1])}
    assert rows[2, 2**-10]["loss_simplex"] == pytest.approx(0.0906621832128544109209, rel=1e-14)
    assert rows[2, 2**-10]["loss_pairs"] == pytest.approx(0.0800126592452475275200, rel=1e-14)
    assert rows[3, 2**-9]["loss_simplex"] == pytest.approx(0.147060765694726951461, rel=1e-14)
    assert rows[3, 2**-9]["loss_pairs"] == pytest.approx(0.116525256479039123878, rel=1e-14)


def test_the_options_of_a_table_reach_its_cells():
    options = ("--loss", "mse", "--structures", "frame,simplex", "--width", "3", "--samples", "2")
    rows = json.loads(call(*TABLE, *options, "--format", "json")[1])
    assert {row["winner"] for row in rows} <= {"frame(3)", "zero", "simplex"}
    assert all(row["rank"] <= 3 and row["samples"] == 2 for row in rows)
    assert list(rows[0])[-2:] == ["loss_frame", "loss_simplex"]


def test_an_existing_file_is_overwritten_only_by_force(tmp_path):
    (tmp_path / "t.csv").write_text("mine")
    assert_refused(*call(*TABLE, "--out", "t.csv"))
    assert (tmp_path / "t.csv").read_text() == "mine"
    assert call(*TABLE, "--out", "t.csv", "--force")[0] == 0
    assert len(read_rows(tmp_path / "t.csv", "csv")) == 6


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_progress_is_shown_on_standard_error_only(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(optima.tables.table, "BATCH", 1)
    out, err = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True), Terminal()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        assert main([*TABLE, "--format", "json"]) == 0
    assert len(json.loads(out.buffer.getvalue())) == 6
    assert "cells" in err.getvalue().partition("6 cells written")[0]
    assert "\x1b" in err.getvalue()


def test_there_is_no_progress_without_a_terminal():
    assert call(*TABLE)[2] == ""


# Help


@pytest.mark.parametrize("arguments", [[], ["--help"]])
def test_help_names_the_commands(arguments):
    code, out, err = call(*arguments)
    assert (code, err) == (0, "")
    assert all(word in out for word in ("Usage: optima", "table", "loss", "--version"))


@pytest.mark.parametrize(
    ("command", "options"),
    [
        ("table", "--classes --depths --regs --samples --loss --structures --width --format --out --force --rows"),
        ("loss", "--classes --depth --reg --reg-per-factor --samples --width --loss --structures --json"),
    ],
)
def test_help_of_a_command_names_its_options(command, options):
    code, out, err = call(command, "--help")
    assert (code, err) == (0, "")
    assert all(option in out for option in options.split())


def test_version():
    assert call("--version") == (0, f"optima {optima.__version__}\n", "")


# Bad input


def case_name(value):
    """The options of a case, cut short."""
    if isinstance(value, dict):
        return ",".join(f"{name}={str(text)[:20]}" for name, text in value.items())
    return "" if isinstance(value, str) else None


BAD_LOSS = [
    ({"classes": "1"}, "classes is 1; pass an integer of at least 2"),
    ({"classes": "0"}, "classes is 0; pass"),
    ({"classes": "-4"}, "classes is -4; pass"),
    ({"classes": "2.5"}, "classes is '2.5'; pass"),
    ({"classes": "ten"}, "classes is 'ten'; pass"),
    ({"classes": "nan"}, "classes is 'nan'; pass"),
    ({"classes": ""}, "classes is ''; pass"),
    ({"depth": "0"}, "depth is 0; pass an integer of at least 1"),
    ({"depth": "-1"}, "depth is -1; pass"),
    ({"depth": "2:3"}, "depth is '2:3'; pass"),
    ({"reg": "-0.1"}, "reg is -0.1; pass a positive finite number"),
    ({"reg": "0"}, "reg is 0; pass a positive finite number"),
    ({"reg": "nan"}, "reg is nan; pass"),
    ({"reg": "inf"}, "reg is inf; pass"),
    ({"reg": "-inf"}, "reg is -inf; pass"),
    ({"reg": "2^-2000"}, "reg is 2.-2000; pass"),
    ({"reg": "2^2000"}, "'2.2000' is not a number; pass"),
    ({"reg": "-2^-10"}, "reg.*; pass|number; pass"),
    ({"reg": "small"}, "'small' is not a number; pass"),
    ({"samples": "0"}, "samples is 0; pass an integer of at least 1"),
    ({"samples": "3,4"}, "samples has 2 class sizes"),
    ({"width": "0"}, "width is 0; pass an integer of at least 1"),
    ({"width": "x"}, "width is 'x'; pass"),
    ({"loss": "l1"}, "ce.*mse"),
    ({"structures": "simplx"}, "unknown structure 'simplx'.*; did you mean simplex"),
    ({"structures": "simplex,nothing-like-it"}, "unknown structure 'nothing-like-it'.*; pass some of"),
    ({"structures": "srg-clebsch"}, "unknown structure 'srg-clebsch' for this number of classes"),
    ({"structures": ""}, "structures is empty; pass"),
    ({"structures": ","}, "structures is empty; pass"),
    ({"reg": None}, "not given; pass either --lambda or --reg-per-factor"),
    ({"reg_per_factor": "1,1,1"}, "given twice; pass either --lambda or --reg-per-factor"),
    ({"reg": None, "reg_per_factor": "1e-3,1e-3"}, "reg has 2 values but depth 2 has 3 factors; pass"),
    ({"reg": None, "reg_per_factor": "1,1,1,1"}, "reg has 4 values but depth 2 has 3 factors; pass"),
    ({"reg": None, "reg_per_factor": "1,-1,1"}, "reg-per-factor is -1; pass a positive finite number"),
    ({"reg": None, "reg_per_factor": "1,,1"}, "'' is not a number; pass"),
    ({"classes": None}, "Missing option '--classes'"),
    ({"depth": None}, "Missing option '--depth'"),
    ({"nonsense": "1"}, "No such option: --nonsense"),
]


@pytest.mark.parametrize(("options", "sentence"), BAD_LOSS, ids=case_name)
@pytest.mark.parametrize("as_json", [[], ["--json"]], ids=["printed", "json"])
def test_a_bad_problem_is_refused(tmp_path, options, sentence, as_json):
    code, out, err = call(*changed(LOSS, **options), *as_json)
    assert_refused(code, out, err)
    assert re.search(sentence, err)
    assert list(tmp_path.iterdir()) == []


BAD_TABLE = [
    ({"classes": "1:5"}, "classes is 1; pass an integer of at least 2"),
    ({"classes": "9:3"}, "classes has the reversed range '9:3'; pass 3:9 instead"),
    ({"classes": "2:9:0"}, "0; pass an integer of at least 1"),
    ({"classes": "2:3:1:1"}, "pass a:b or a:b:step"),
    ({"classes": "2:1000000000000"}, "pass a larger step"),
    ({"depths": "0:3"}, "depths is 0; pass an integer of at least 1"),
    ({"depths": "3:1"}, "depths has the reversed range '3:1'; pass 1:3 instead"),
    ({"depths": "a"}, "depths is 'a'; pass"),
    ({"regs": "1e-1:1e-6:11"}, "regs has the reversed range .*; pass 1e-6:1e-1:11 instead"),
    ({"regs": "1e-6:1e-1"}, "pass lo:hi:count"),
    ({"regs": "1e-6:1e-1:0"}, "the count of regs is 0; pass"),
    ({"regs": "0"}, "regs is 0; pass a positive finite number"),
    ({"regs": "-1e-3"}, "regs is -1e-3; pass a positive finite number"),
    ({"regs": "1e-3,nan"}, "regs is nan; pass a positive finite number"),
    ({"regs": "1e-3:inf:4"}, "regs is inf; pass a positive finite number"),
    ({"samples": "0"}, "samples is 0; pass an integer of at least 1"),
    ({"samples": "5:1"}, "samples has the reversed range '5:1'; pass 1:5 instead"),
    ({"width": "0"}, "width is 0; pass an integer of at least 1"),
    ({"width": "-2"}, "width is -2; pass an integer of at least 1"),
    ({"width": "x"}, "width is .x.; pass"),
    ({"structures": "simplx"}, "unknown structure 'simplx'.*; did you mean simplex"),
    ({"structures": ","}, "structures is empty; pass at least one name"),
    ({"loss": "hinge"}, "ce.*mse"),
    ({"format": "xml"}, "csv.*parquet"),
    ({"rows": "many"}, "--rows"),
    ({"regs": None}, "Missing option '--regs'"),
    ({"out": "no/such/t.csv"}, r"no/such/t.csv cannot be written \(No such file or directory\); pass a file"),
    ({"out": "."}, "pass"),
    ({"out": "t"}, "has no ending that names a format; pass --format"),
    ({"out": "x" * 300 + ".csv"}, r"cannot be written \(File name too long\)"),
    ({"out": None, "format": "parquet"}, "parquet cannot be written to standard output; pass --out FILE"),
    ({"depths": "1" + "0" * 20}, "depths .*; pass"),
    ({"samples": "1" + "0" * 20}, "samples .*; pass"),
]


@pytest.mark.parametrize(("options", "sentence"), BAD_TABLE, ids=case_name)
def test_a_bad_table_is_refused_and_no_file_is_made(tmp_path, options, sentence):
    code, out, err = call(*changed(TABLE, **{"out": "t.csv", **options}))
    assert_refused(code, out, err)
    assert re.search(sentence, err)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["tables"],
        [""],
        ["table"],
        ["loss"],
        ["--nonsense"],
        ["-x"],
        ["loss", "ten"],
        ["loss", "--classes"],
        [*LOSS, "x"],
    ],
)
def test_a_wrong_command_line_is_refused(arguments):
    assert_refused(*call(*arguments))


@pytest.mark.parametrize("name", ["depth", "samples"])
@pytest.mark.parametrize("zeros", [15, 25, 400])
def test_a_huge_integer_is_answered_or_refused_with_a_sentence(name, zeros):
    code, out, err = call(*changed(LOSS, **{name: "1" + "0" * zeros}), "--json")
    if code:
        assert_refused(code, out, err)
        assert re.search(f"{name} .*; pass", err)
    else:
        assert json.loads(out)["structures"]["zero"]["loss"] == pytest.approx(np.log(10), rel=1e-14)


def test_bad_input_does_not_harm_an_existing_file_even_with_force(tmp_path):
    (tmp_path / "t.csv").write_text("mine")
    assert_refused(*call(*changed(TABLE, classes="1:3", out="t.csv"), "--force"))
    assert (tmp_path / "t.csv").read_text() == "mine"


def test_a_suggestion_is_made_once():
    _, _, err = call(*changed(LOSS, structures="simplx"))
    assert err.count("did you mean simplex") == 1
    assert "simplex or simplex" not in err


@pytest.mark.parametrize("reg", ["5e-324", "1e-300", "1e300", "1.7976931348623157e308"])
@pytest.mark.parametrize("loss", ["ce", "mse"])
def test_extreme_regularisations_are_no_mistake(reg, loss):
    options = {"reg": reg, "loss": loss, "samples": "1000"}
    found = loss_json(*changed(LOSS, **options))["structures"]
    assert all(entry["loss"] >= 0 for entry in found.values())
    code, _, err = call(*changed(TABLE, regs=reg, loss=loss, samples="1000"))
    assert (code, err) == (0, "")


# Any command line at all

integer_texts = st.sampled_from(["2", "4", "5", "10", "2:6", "3,5", "2:9:3", "1", "0", "-1", "6:2", "nan", "1e3", ":"])
real_texts = st.sampled_from(
    ["1e-3", "2^-10", "0.1,1e-4", "1e-4:1e-1:3", "0", "-1", "nan", "inf", "1:0.1:3", "2^", "x"]
)
short_texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=2)
values = {
    "--classes": integer_texts | short_texts,
    "--depth": integer_texts | short_texts,
    "--depths": integer_texts | short_texts,
    "--samples": integer_texts | short_texts,
    "--width": integer_texts | short_texts,
    "--rows": integer_texts | short_texts,
    "--reg": real_texts | st.text(max_size=4),
    "--regs": real_texts | st.text(max_size=4),
    "--reg-per-factor": st.lists(real_texts, max_size=4).map(",".join),
    "--loss": st.sampled_from(["ce", "mse", "", "hinge"]),
    "--structures": st.sampled_from(["simplex", "pairs,zero", "srg", "frame", "polygon", "", ",", "nope"])
    | short_texts,
    "--format": st.sampled_from(["terminal", *FORMATS, "xml", ""]),
    "--out": st.sampled_from(["a.csv", "b.json", "c.parquet", "d.tex", "e.md", "f", ".", "no/where.csv", ""]),
}
flags = ["--json", "--force", "--help", "--version", "--nonsense", "-x", "--", "table", "loss", ""]
pairs = st.one_of(*(st.tuples(st.just(name), value) for name, value in values.items())).map(list)
single = st.sampled_from(flags).map(lambda flag: [flag])
loose = st.lists(pairs | single, max_size=4).map(lambda groups: [part for group in groups for part in group])
whole_losses = st.builds(
    lambda K, L, reg, rest: ["loss", "--classes", K, "--depth", L, "--reg", reg, *rest],
    *(values[name] for name in ("--classes", "--depth", "--reg")),
    loose,
)
whole_tables = st.builds(
    lambda K, L, regs, rest: ["table", "--classes", K, "--depths", L, "--regs", regs, *rest],
    *(values[name] for name in ("--classes", "--depths", "--regs")),
    loose,
)
command_lines = (
    whole_losses
    | whole_tables
    | st.tuples(st.sampled_from([["table"], ["loss"], []]), loose).map(lambda parts: [*parts[0], *parts[1]])
)


@pytest.fixture(scope="module")
def fuzzed_folder(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzzed")


@steady
@given(arguments=command_lines)
def test_any_command_line_is_answered_or_refused_with_a_sentence(fuzzed_folder, arguments):
    with contextlib.chdir(fuzzed_folder):
        before = sorted(os.listdir())
        code, out, err = call(*arguments)
        if code:
            assert_refused(code, out, err)
            assert sorted(os.listdir()) == before
        else:
            assert out or "written to" in err
            assert re.fullmatch(r"(\d+ cells written( to .+)? in .+ s\n)?", err)


# Outputs that break in the middle


def batches_then(error, count=2):
    """Batches of one cell, and an error after a few of them."""
    real = optima.tables.table.LossTable.batches

    def batches(self):
        for number, batch in enumerate(real(self)):
            if number == count:
                raise error
            yield batch

    return batches


@pytest.fixture
def small_batches(monkeypatch):
    monkeypatch.setattr(optima.tables.table, "BATCH", 1)


@pytest.mark.usefixtures("small_batches")
@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize(
    ("error", "code", "words"),
    [(KeyboardInterrupt(), 130, "interrupted"), (OSError(errno.ENOSPC, "No space left on device"), 2, "No space left")],
    ids=["interrupt", "full disk"],
)
def test_a_run_that_is_cut_short_keeps_its_rows(tmp_path, monkeypatch, form, error, code, words):
    monkeypatch.setattr(optima.tables.table.LossTable, "batches", batches_then(error))
    got, out, err = call(*TABLE, "--format", form, "--out", "t")
    assert (got, out) == (code, "")
    assert len(read_rows(tmp_path / "t", form)) == 2
    assert_one_sentence(err)
    assert words in err


@contextlib.contextmanager
def file_limit(size):
    """No file of this process grows beyond a size."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.usefixtures("small_batches")
@pytest.mark.parametrize("form", FORMATS)
def test_a_file_that_may_not_grow_keeps_its_rows(tmp_path, form):
    with file_limit((1 << 20) + 20_000 if form == "parquet" else 1500):
        got = call(*changed(TABLE, regs="1e-3:1e-1:8", format=form, out="t"))
    assert_refused(*got)
    assert 0 < len(read_rows(tmp_path / "t", form)) < 24


# Processes of their own

LONG = ("table", "--classes", "4:400", "--depths", "1:40", "--regs", "1e-6:1e-1:100", "--structures", "simplex,pairs")
CELL = (*LOSS, "--structures", "zero")

# Ctrl-C may be ignored by the parent, and so by its children; batches are small so that rows come early.
INTERRUPTIBLE = """
import signal, sys
import optima.cli, optima.tables.table
signal.signal(signal.SIGINT, signal.default_int_handler)
optima.tables.table.BATCH = 500
sys.exit(optima.cli.main())
"""
CLOSED = f"""
import os
os.close(1)
os.execv({sys.executable!r}, {[sys.executable, "-m", "optima", *CELL]!r})
"""


def start(*arguments, stdout=subprocess.DEVNULL):
    """Python with the buffers a user has."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    return subprocess.Popen([sys.executable, *arguments], env=environment, stdout=stdout, stderr=subprocess.PIPE)


def start_optima(*arguments, stdout=subprocess.DEVNULL):
    return start("-m", "optima", *arguments, stdout=stdout)


def ended(process):
    """Exit code and standard error."""
    _, err = process.communicate()
    return process.returncode, err.decode()


@contextlib.contextmanager
def pipe_without_reader():
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "wb") as stdout:
        yield stdout


@pytest.fixture(scope="module")
def broken_outputs():
    """What commands say whose standard output takes nothing; they run side by side."""
    running = {"closed": start("-c", CLOSED)}
    with pipe_without_reader() as stdout:
        running["pipe, cell"] = start_optima(*CELL, stdout=stdout)
        running["pipe, table"] = start_optima(*TABLE, "--format", "csv", stdout=stdout)
    if os.path.exists("/dev/full"):
        with open("/dev/full", "wb", buffering=0) as stdout:
            running["full, cell"] = start_optima(*CELL, stdout=stdout)
            running["full, table"] = start_optima(*TABLE, "--format", "csv", stdout=stdout)
    return {name: ended(process) for name, process in running.items()}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("closed", "standard output"),
        ("pipe, cell", "standard output was closed"),
        ("pipe, table", "standard output was closed"),
        ("full, cell", "No space left"),
        ("full, table", "No space left"),
    ],
)
def test_a_standard_output_that_takes_nothing_gets_one_sentence(broken_outputs, name, words):
    if name not in broken_outputs:
        pytest.skip("needs /dev/full")
    code, err = broken_outputs[name]
    assert code == 2
    assert_one_sentence(err)
    assert words in err


def test_a_process_refuses_with_one_line_and_exit_code_two():
    process = start_optima(*changed(LOSS, classes=b"\xff\n1"), stdout=subprocess.PIPE)
    out, err = process.communicate()
    assert_refused(process.returncode, out.decode(), err.decode())


def test_a_reader_that_leaves_in_mid_stream_gets_whole_rows_until_then():
    with start_optima(*LONG, "--format", "csv", stdout=subprocess.PIPE) as process:
        first, second = process.stdout.readline(), process.stdout.readline()
        process.stdout.close()
        code, err = process.wait(), process.stderr.read().decode()
    assert first.startswith(b'"classes"')
    assert second.startswith(b"4,1,")
    assert code == 2
    assert_one_sentence(err)
    assert "standard output was closed" in err


def wait_for_bytes(process, path, size):
    while process.poll() is None:
        if path.exists() and path.stat().st_size >= size:
            return
        time.sleep(0.01)


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory):
    """Exit code, standard error and file of a long run that got Ctrl-C after its first rows."""
    path = tmp_path_factory.mktemp("interrupted") / "t.json"
    process = start("-c", INTERRUPTIBLE, *LONG, "--out", str(path))
    wait_for_bytes(process, path, 100_000)
    process.send_signal(signal.SIGINT)
    return *ended(process), path


def test_ctrl_c_keeps_a_readable_file_and_exits_with_130(interrupted):
    code, _, path = interrupted
    rows = json.loads(path.read_text())
    assert code == 130
    assert 0 < len(rows) < 397 * 40 * 100
    assert rows[0]["classes"] == 4


def test_ctrl_c_gets_one_sentence(interrupted):
    _, err, _ = interrupted
    assert_one_sentence(err)
    assert "interrupted" in err
