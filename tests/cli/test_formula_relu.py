"""What a newcomer stumbled on: names without a formula, numbers without a meaning, lines without an end."""

import json
import re

import numpy as np
import pytest

from optima import DeepUFM, named, train
from optima.cli import main
from optima.structures.recognition import recognise
from optima.structures.recognition.described import described


@pytest.fixture
def call(capsys):
    def run(*arguments):
        code = main([str(argument) for argument in arguments])
        return code, *capsys.readouterr()

    return run


@pytest.mark.parametrize(("name", "classes", "order"), [("pentagonal-bipyramid", 7, 20), ("icosahedron", 12, 120)])
def test_a_recognised_polyhedron_is_described(call, name, classes, order):
    code, out, _ = call("formula", name, "--json")
    facts = json.loads(out)
    assert (code, facts["classes"], facts["rank"]) == (0, classes, 3)
    assert facts["symmetry"].startswith(f"{order} relabellings")
    assert "no closed form" in facts["loss"]
    points = np.array(facts["vertices"])
    assert recognise(points @ points.T).name == name
    assert call("formula", name, "--classes", classes)[0] == 0
    code, _, err = call("formula", name, "--classes", classes + 1)
    assert code == 2
    assert "pass" in err


@pytest.mark.parametrize(
    ("name", "classes"), [("pairs-pyramid", 7), ("polygon(5)+pairs(2)", 7), ("cyclic-1+2-free", 8)]
)
def test_other_recognised_names_lead_somewhere(call, name, classes):
    assert described(name, classes).classes == classes
    code, out, _ = call("formula", name, "--classes", classes)
    assert code == 0
    assert "no closed form" in out
    assert described("no-such-thing", classes) is None


def test_formulas_say_what_their_numbers_are(call):
    for name, classes in (("fan", 6), ("triangle", 3), ("hinged-pairs", 10)):
        for loss in ("ce", "mse"):
            out = call("formula", name, "--classes", classes, "--activation", "relu", "--loss", loss)[1]
            assert re.search(r"^numbers +\w", out, re.MULTILINE)
            # Exact numbers of many digits say nothing to a reader.
            assert not re.search(r"\d{18}", out)


@pytest.mark.parametrize("width", ["80", "100", "200"])
def test_no_line_of_formulas_and_structures_is_too_long(call, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", width)
    for command in (
        ["formula", "pentagonal-bipyramid"],
        ["formula", "fan", "--classes", "6", "--activation", "relu", "--loss", "mse"],
        ["structures", "--classes", "7", "--activation", "relu"],
        ["structures", "--classes", "10"],
        ["loss", "-K", "5", "-L", "3", "--reg", "1e-3", "--activation", "relu", "--samples", "4,4,4,4,1"],
    ):
        code, out, _ = call(*command)
        assert code == 0
        assert max(map(len, out.splitlines())) <= int(width)


def test_the_old_name_of_hinged_pairs_still_works():
    assert named("lifted-pairs", 6, "relu").name == "hinged-pairs"
    assert named("lifted-pairs(4)+collapse(1)", 5, "relu").name == "hinged-pairs(4)+collapse(1)"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("formula", "srg", "-K", "7"), "it exists at 6 and at 10 classes: pass 6 or 10"),
        (("formula", "pairs", "-K", "7"), "it is a structure of the linear model: pass the activation linear"),
        (("table", "-K", "4", "-L", "1:3", "--reg", "1e-3"), "depths has 1, and a network of one weight matrix"),
        (("loss", "-K", "7", "-L", "3", "--reg", "1e-3", "--structures", "srg"), "it exists at 6 and at 10 classes"),
        (("loss", "-K", "6", "-L", "2", "--reg", "1e-3", "--structures", "srg"), "srg needs a depth of at least 3"),
    ],
)
def test_messages_say_where_networks_exist(call, arguments, sentence):
    code, _, err = call(*arguments, "--activation", "relu")
    assert code == 2
    assert sentence in err
    assert err.count("\n") == 1


def test_trained_relu_networks_are_named_by_their_layers():
    """Their logits are nearly the identity whatever the layers are."""
    problem = DeepUFM(3, 2, 2e-2, 2, width=8, loss="mse", activation="relu")
    run = train(problem, steps=4000, seeds=[0], record=False).runs[0]
    assert run.structure == "collapse"
    assert (run.middle_rank, run.rank) == (3, 3)
    assert run.as_dict()["middle_rank"] == 3
