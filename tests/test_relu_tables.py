"""Tables, losses and formulas of named relu networks, from Python and from the command line."""

import json

import numpy as np
import pytest
import sympy

from optima import DeepUFM, LossTable, best_scales, named, structure_losses
from optima.structures import catalogue
from optima.structures.formula import Formula


@pytest.mark.parametrize("loss", ["ce", "mse"])
def test_cells_are_the_losses_of_the_networks(loss):
    table = LossTable(range(3, 13), range(2, 6), [1e-5, 1e-3, 0.3], [1, 4], loss, activation="relu")
    for cell in table.to_arrow().to_pylist():
        K, L, lam, n = (cell[key] for key in ("classes", "depth", "reg", "samples"))
        losses = structure_losses(DeepUFM(K, L, lam, n, loss=loss, activation="relu"))
        best = next(iter(losses.values()))
        assert cell["loss"] == pytest.approx(best.loss, rel=1e-13)
        assert losses[cell["winner"]].loss == pytest.approx(best.loss, rel=1e-13)
        assert cell["rank"] == (0 if cell["winner"] == "zero" else losses[cell["winner"]].rank)
        assert cell["lower_bound"] <= cell["loss"] * (1 + 1e-12)
        if cell["winner"] != "zero":
            assert cell["singular_value"] == pytest.approx(losses[cell["winner"]].singular_values[0][0])
        assert (cell["loss_fan"] is None) == (L == 2)


def test_who_wins_in_the_published_cells():
    table = LossTable([10, 11], [2, 3, 4], [1e-3], loss="mse", activation="relu").to_arrow().to_pylist()
    won = {(cell["classes"], cell["depth"]): cell["winner"] for cell in table}
    assert won[10, 2] == "collapse"
    assert won[10, 3] == won[10, 4] == "srg"
    assert won[11, 3] == "srg(10)+collapse(1)"


def test_structures_asked_for():
    table = LossTable([10], [3], [1e-3], loss="mse", structures=["dnc", "srg-own"], activation="relu")
    assert table.names == ("collapse", "srg-own")
    assert "relu" in repr(table)
    (cell,) = table.to_arrow().to_pylist()
    assert (cell["winner"], cell["runner_up"]) == ("collapse", "srg-own")
    with pytest.raises(ValueError, match=r"unknown structure 'polygon'"):
        LossTable([10], [3], [1e-3], structures=["polygon"], activation="relu")


def test_depth_one_is_linear():
    with pytest.raises(ValueError, match="depths has 1, and a network of one weight matrix has no relu"):
        LossTable([10], [1], [1e-3], activation="relu")
    relu = structure_losses(DeepUFM(5, 1, 1e-3, activation="relu"))
    assert list(relu) == list(structure_losses(DeepUFM(5, 1, 1e-3)))
    with pytest.raises(ValueError, match="linear"):
        LossTable([10], [2], [1e-3], activation="tanh")


def test_many_classes_take_no_matrices():
    for K in (1000, 100_000):
        assert {"collapse"} < {n.name for n in catalogue(K, loss="mse", activation="relu")}
        assert {"lifted(pairs)", "lifted(polygon)"} < {n.name for n in catalogue(K, loss="ce", activation="relu")}


@pytest.mark.parametrize(
    ("name", "K"), [("srg", 10), ("hinged-pairs", 6), ("triangle", 3), ("collapse", 4), ("srg(6)+collapse(2)", 8)]
)
def test_formulas_are_the_losses(name, K):
    network = named(name, K, activation="relu")
    for loss in ("ce", "mse"):
        L, lam, n = 5, 1e-3, 3
        best = best_scales(network, L, lam, n, loss)
        formula = Formula(network, loss)
        values = dict(zip(formula.scales, best.scales.tolist(), strict=True))
        values |= dict(zip(sympy.symbols("L lambda n", positive=True), (L, lam, n), strict=True))
        for expression in (network.formula(loss), formula.loss):
            p = 2 / (L + 1)
            more = dict(zip(sympy.symbols("p c", positive=True), (p, lam * n ** (p / 2) / p), strict=True))
            assert float(expression.subs(more | values)) == pytest.approx(float(best.loss), rel=1e-10)
        for equation in formula.stationarity:
            assert float(equation.lhs.subs(more | values)) == pytest.approx(
                float(equation.rhs.subs(more | values)), rel=1e-8
            )


def test_commands_with_relu(capsys):
    from optima.cli import main

    relu = ["--activation", "relu"]
    assert main(["loss", "--classes", "10", "--depth", "3", "--reg", "1e-3", "--loss", "mse", *relu, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["structures"]["srg"]["loss"] == pytest.approx(0.018408367757, abs=1e-12)
    assert answer["problem"]["activation"] == "relu"
    assert main(["table", "--classes", "10", "--depths", "2:4", "--regs", "1e-3", "--loss", "mse", *relu]) == 0
    out = capsys.readouterr().out
    assert "srg 7.7" in out
    assert "deep neural collapse." in out
    assert main(["formula", "srg", "--classes", "10", "--loss", "mse", *relu]) == 0
    assert "u = s**2/(K*lambda)" in capsys.readouterr().out
    assert main(["formula", "dnc", "--classes", "10", "--loss", "ce", *relu, "--latex"]) == 0
    assert main(["structures", *relu]) == 0
    assert "hinged-pairs" in capsys.readouterr().out
    assert main(["structures", *relu, "--classes", "10", "--json"]) == 0
    names = [each["name"] for each in json.loads(capsys.readouterr().out)["structures"]]
    assert "lifted(pairs)" in names
    assert "transversal" not in names
    assert main(["formula", "sgr", "--classes", "10", *relu]) != 0
    assert "did you mean srg" in capsys.readouterr().err


def test_scales_of_a_table_reproduce_its_losses():
    table = LossTable([10], [4], np.geomspace(1e-6, 1e-1, 12), loss="mse", structures="srg", activation="relu")
    for cell in table.to_arrow().to_pylist():
        if cell["winner"] == "srg":
            assert cell["fit"] + cell["penalty"] == pytest.approx(cell["loss"], rel=1e-13)
