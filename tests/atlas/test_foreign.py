"""Solutions that come from elsewhere: no field is believed that could break what is done with the atlas later."""

import dataclasses
import io
import json
import math
import re
import zipfile

import numpy as np
import pandas as pd
import pytest

from optima import DeepUFM, Solution, certify, solve
from optima.atlas import Store, add
from optima.cli import main
from optima.structures.recognition.result import Recognition

TEXTS = ["</script><b>", "@SCRIPT@@DATA@@TITLE@", "\"'`${x}\\", "a & <!-- b | c % d", "é ∑ 中"]


@pytest.fixture(scope="module")
def certified():
    return certify(DeepUFM(3, 1, 0.1))


@pytest.fixture
def path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path / "atlas.sqlite"


def altered(solution, file, text=lambda data: data, **arrays):
    """A solution file with other JSON, and other arrays: None leaves one out."""
    solution.save(file)
    with np.load(file) as stored:
        content = dict(stored)
    data = text(json.loads(str(content["text"])))
    content["text"] = np.array(data if isinstance(data, str) else json.dumps(data))
    content |= arrays
    with open(file, "wb") as stream:
        np.savez(stream, **{name: array for name, array in content.items() if array is not None})
    return file


def put(**fields):
    return lambda data: data | fields


def recognition(**fields):
    return lambda data: data | {"recognition": data["recognition"] | fields}


def rung(**fields):
    return lambda data: data | {"ladder": [{**data["ladder"][0], **fields}, *data["ladder"][1:]]}


@pytest.mark.parametrize(
    "change",
    [
        *(put(seed=seed) for seed in ("abc", 2**70, -1, 1.5, None, [1], True)),
        *(put(known_by=words) for words in (7, None, "a\0b", "a\nb", "\ud800", "\u2028", "x" * 10_000)),
        *(recognition(text=words) for words in (7, None, "a\0b", "\ud800")),
        *(recognition(name=words) for words in (7, None, "a\0b", "\ud800")),
        *(recognition(rank=value) for value in ("1", None, 2**70)),
        *(recognition(tolerance=value) for value in ("1", None, math.inf)),
        *(put(recognition=value) for value in (7, None, {}, [1])),
        *(put(effort=words) for words in ("great", 7, None)),
        *(put(seconds=value) for value in ("1", None, math.inf)),
        *(put(candidates=value) for value in (7, "pairs", ["pairs"], {"pairs": "low"}, {"pairs": None})),
        *(put(candidates=value) for value in ({"pairs": math.nan}, {"a\0": 1.0})),
        *(put(ladder=value) for value in (7, None, [7], [{}], "x")),
        *(put(problem=value) for value in (7, None, {}, {"classes": 4}, [1, 2], {"classes": 10**9, "depth": 1})),
        *(rung(rank=value) for value in ("1", 2**70, 1.5)),
        *(rung(chance=value) for value in ("1", math.inf)),
        *(rung(minima=value) for value in (7, [7], [{}], [{"loss": 1.0}])),
        put(more=1),
        lambda data: {name: data[name] for name in data if name != "seed"},
        lambda data: "[" * 200_000,
        lambda data: "7",
        lambda data: "[]",
        lambda data: '{"format": "optima solution 1"',
    ],
)
def test_no_field_of_a_file_is_taken_on_trust(solution, path, capsys, change):
    file = altered(solution, path.with_name("find.npz"), change)
    with pytest.raises(ValueError, match=r"is not a solution file; pass one written by Solution\.save"):
        Solution.load(file)
    assert main(["atlas", "add", str(path), str(file)]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not path.exists()


def test_no_array_of_a_file_is_taken_on_trust(solution, path):
    K, count = 4, 1 + sum(len(rung.minima) for rung in solution.ladder)
    pickled = np.array([{"a": 1}], dtype=object)
    for means in (
        None,
        np.zeros((count, K, K + 1)),
        np.zeros((count - 1, K, K)),
        np.zeros((count + 1, K, K)),
        np.full((count, K, K), np.nan),
        np.zeros((count, K, K), dtype=complex),
        np.array("text"),
        np.array(1.0),
        pickled,
    ):
        with pytest.raises(ValueError, match="is not a solution file"):
            Solution.load(altered(solution, path, means=means))


def test_an_archive_that_claims_too_much(solution, path):
    solution.save(path)
    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(head, {"descr": "<f8", "fortran_order": False, "shape": (10**6, 10**6)})
    with zipfile.ZipFile(path) as old:
        text = old.read("text.npy")
    with zipfile.ZipFile(path, "w") as new:
        new.writestr("text.npy", text)
        new.writestr("means.npy", head.getvalue())
    with pytest.raises(ValueError, match="is not a solution file"):
        Solution.load(path)


@pytest.mark.parametrize(
    "words",
    [
        *("7", "{}", "[" * 200_000, '{"lower": "1"}'),
        *({"lower": "low"}, {"lower": math.inf}, {"method": "faith"}, {"rigour": "a\0"}, {"more": 1}),
    ],
)
def test_no_word_of_a_certificate_is_taken_on_trust(certified, path, words):
    if isinstance(words, dict):
        known = json.loads(str(certified.proof.arrays()["words"]))
        words = json.dumps(known | words)
    with pytest.raises(ValueError, match="is not a solution file"):
        Solution.load(altered(certified, path, proof_words=np.array(words)))


def test_a_bound_is_proved_again(certified, path, capsys):
    words = json.loads(str(certified.proof.arrays()["words"]))
    words["lower"] = certified.loss * 1.5
    file = altered(certified, path.with_name("find.npz"), proof_words=np.array(json.dumps(words)))
    assert main(["atlas", "add", str(path), str(file)]) == 2
    assert "the certificate does not hold" in capsys.readouterr().err
    assert not path.exists()


def test_a_certificate_of_another_problem_proves_nothing(certified, path):
    other = solve(DeepUFM(3, 1, 0.05), effort="quick")
    with Store(path, write=True) as store:
        with pytest.raises(ValueError, match="about another problem"):
            add(store, dataclasses.replace(other, proof=certified.proof))
        assert len(store) == 0


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("seed", "abc"),
        ("seed", 2**70),
        ("known_by", "a\0"),
        ("known_by", None),
        ("effort", "some"),
        ("candidates", [1]),
        ("means", np.full((4, 4), np.nan)),
        ("means", np.eye(5)),
        ("means", "x"),
        ("problem", "x"),
    ],
)
def test_no_field_in_memory_is_taken_on_trust(solution, path, field, value):
    with Store(path, write=True) as store:
        with pytest.raises((ValueError, TypeError), match="pass"):
            add(store, dataclasses.replace(solution, **{field: value}))
        assert len(store) == 0


def test_what_can_be_computed_is_computed_again(solution, path):
    false = dataclasses.replace(
        solution, recognition=Recognition.read("mine"), candidates={"mine": 1e-30, "pairs": 1e30}
    )
    with Store(path, write=True) as store:
        assert add(store, false)
        record = store.get(solution.problem)
    assert record.structure == solution.structure
    assert math.isclose(record.named, min(solution.candidates.values()), rel_tol=1e-9)


def test_logits_beyond_the_width_are_refused(solution, path):
    narrow = dataclasses.replace(solution, problem=DeepUFM(4, 3, 2**-10, width=1))
    assert solution.rank > 1
    with Store(path, write=True) as store, pytest.raises(ValueError, match="a rank beyond 1; pass logits"):
        add(store, narrow)


def test_all_files_are_added_or_none(solution, path, capsys):
    solution.save("good.npz")
    altered(solution, "bad.npz", put(seed="abc"))
    assert main(["atlas", "add", str(path), "good.npz", "bad.npz"]) == 2
    assert capsys.readouterr().out == ""
    assert not path.exists()


@pytest.mark.parametrize("words", TEXTS)
def test_hostile_words_that_can_be_printed_break_nothing(solution, path, capsys, words):
    dataclasses.replace(solution, known_by=words).save("find.npz")
    call = lambda *arguments: main(["atlas", arguments[0], str(path), *arguments[1:]])
    assert call("add", "find.npz") == 0
    capsys.readouterr()
    assert call("export") == 0
    (row,) = pd.read_csv(io.StringIO(capsys.readouterr().out)).to_dict("records")
    assert row["known_by"] == words
    assert call("show", "--json") == 0
    assert json.loads(capsys.readouterr().out)["cells"][0]["known_by"] == words
    assert call("page", "--out", "page.html") == 0
    html = path.with_name("page.html").read_text(encoding="utf-8")
    block = html.split('id="atlas">')[1].split("</script>")[0]
    assert not set("<>&\u2028\u2029") & set(block)
    data = json.loads(block)
    assert data["said"][data["cells"][0]["known"]] == words
    assert html.count("<script") == html.count("</script>") == 2
    assert html.count('"use strict"') == 1
    for form, columns in (("markdown", "|"), ("latex", "&")):
        capsys.readouterr()
        assert call("export", "--format", form) == 0
        lines = [line for line in capsys.readouterr().out.splitlines() if "0.000976" in line or "effort" in line]
        assert len(lines) == 2
        assert len({len(re.findall(rf"(?<!\\){re.escape(columns)}", line)) for line in lines}) == 1
