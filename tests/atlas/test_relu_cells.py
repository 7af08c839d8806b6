"""ReLU networks in an atlas: factors that come back, altered ones that do not, and builds that never do worse."""

import dataclasses
import io
import json
import sqlite3
from contextlib import closing

import numpy as np
import pandas as pd
import pytest

from optima import DeepUFM, solve
from optima.atlas import Record, Store, add, build, check, grid, processes
from optima.atlas.encoding import checksum, factor_bytes, read_factors
from optima.atlas.export import dataset
from optima.atlas.jobs import cut
from optima.cli import main
from optima.model.class_network import ClassNetwork
from optima.relu.continuation import passed_on
from optima.relu.names import recognise_network
from optima.scales.losses import structure_losses
from optima.structures import named
from optima.structures.networks import at_scales, network_catalogue

# Sizes differ and every factor has its own regularisation: nothing is the same by accident.
UNEVEN = DeepUFM(3, 3, (1e-3, 2e-3, 5e-4, 3e-3), samples=(1, 2, 4), activation="relu")
TRIANGLE = DeepUFM(3, 4, 1e-3, loss="mse", activation="relu")


@pytest.fixture(scope="module")
def triangle():
    return solve(TRIANGLE, effort="quick")


@pytest.fixture(scope="module")
def uneven():
    return solve(UNEVEN, effort="quick")


@pytest.fixture
def path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path / "atlas.sqlite"


@pytest.fixture
def stored(path, triangle):
    with Store(path, write=True) as store:
        assert add(store, triangle)
    return path


def slow_objective(problem, factors):
    """The definition, sample by sample."""
    *weights, features = factors
    total, labels = 0.0, [c for c in range(problem.classes) for _ in range(problem.class_sizes[c])]
    for label in labels:
        column = features[:, label]
        for number, weight in enumerate(weights):
            column = weight @ (np.where(column > 0, column, 0.0) if number else column)
        goal = np.eye(problem.classes)[label]
        fit = (
            np.sum((column - goal) ** 2) / 2
            if problem.loss == "mse"
            else np.log(np.sum(np.exp(column))) - column[label]
        )
        total += fit / len(labels) + problem.regs[-1] / 2 * np.sum(features[:, label] ** 2)
    return total + sum(reg / 2 * np.sum(weight**2) for reg, weight in zip(problem.regs, weights, strict=False))


@pytest.mark.parametrize("name", ["triangle", "uneven"])
def test_a_network_comes_back(path, request, name):
    solution = request.getfixturevalue(name)
    record = Record.of(solution)
    assert record.loss == pytest.approx(slow_objective(solution.problem, record.factors), rel=1e-13)
    with Store(path, write=True) as store:
        assert store.put([record]) == [record]
    with Store(path) as store:
        found = store.get(solution.problem)
        assert next(store.records(rank=record.rank)) == found
        assert not list(store.records(rank=record.rank + 1))
    assert found == dataclasses.replace(record, certificate=found.certificate)
    assert found.rank == solution.network.middle_rank
    assert check(found).objective == pytest.approx(slow_objective(solution.problem, record.factors), rel=1e-13)
    assert found.certificate.lower == solution.lower_bound
    assert found.certificate.verify()
    again = found.solution()
    assert (again.loss, again.structure, again.network) == (solution.loss, solution.structure, solution.network)
    # The factors of all samples reach the loss too.
    assert solution.problem.objective(again.factors()) == pytest.approx(record.loss, rel=1e-13)


def test_layers_of_different_widths_have_their_own_shapes(triangle):
    factors = triangle.network.factors
    assert len({len(factor) for factor in factors}) > 1
    back = read_factors(TRIANGLE, 0, factor_bytes(factors))
    assert all(map(np.array_equal, back, factors))


@pytest.mark.parametrize(
    "blob",
    [
        lambda blob: b"",
        lambda blob: blob[:-8],
        lambda blob: blob[:-1],
        lambda blob: blob + bytes(8),
        lambda blob: np.array([np.nan, 1, 1, 1]).tobytes() + blob[32:],
        lambda blob: np.array([1e300, 1, 1, 1]).tobytes() + blob[32:],
        lambda blob: np.array([0.0, 1, 1, 1]).tobytes() + blob[32:],
        lambda blob: np.array([2.5, 2, 4, 3]).tobytes() + blob[32:],
        lambda blob: blob[:-8] + np.array([np.inf]).tobytes(),
    ],
)
@pytest.mark.parametrize("command", [["show"], ["verify"], ["export"], ["page", "--out", "page.html"]])
def test_damaged_factors_are_refused_in_one_sentence(stored, capsys, blob, command):
    with closing(sqlite3.connect(stored)) as file, file:
        problem, words, old = file.execute("SELECT problem, structure, factors FROM cell").fetchone()
        file.execute("UPDATE cell SET factors = ?", (blob(old),))
        # Even where the checksum is that of the damage.
        file.execute("UPDATE ledger SET crc = ?", (checksum(problem, words, blob(old)),))
    assert main(["atlas", command[0], str(stored), *command[1:]]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "pass an undamaged copy" in err


def test_altered_factors_are_noticed(stored, capsys):
    def alter(crc):
        with closing(sqlite3.connect(stored)) as file, file:
            problem, words, old = file.execute("SELECT problem, structure, factors FROM cell").fetchone()
            numbers = np.frombuffer(old).copy()
            numbers[-1] += 1e-3
            file.execute("UPDATE cell SET factors = ?", (numbers.tobytes(),))
            if crc:
                file.execute("UPDATE ledger SET crc = ?", (checksum(problem, words, numbers.tobytes()),))

    assert main(["atlas", "verify", str(stored)]) == 0
    alter(crc=False)
    assert main(["atlas", "verify", str(stored)]) == 2
    assert "its checksum is another" in capsys.readouterr().err
    alter(crc=True)
    assert main(["atlas", "verify", str(stored)]) == 1
    assert "0 of 1 losses hold" in capsys.readouterr().out


def test_an_altered_rank_is_noticed(stored, capsys):
    with closing(sqlite3.connect(stored)) as file, file:
        file.execute("UPDATE cell SET rank = rank + 1")
    assert main(["atlas", "show", str(stored)]) == 2
    assert "its rank is another" in capsys.readouterr().err


def test_finds_with_other_networks_are_refused(path, triangle):
    def refused(solution, words):
        with Store(path, write=True) as store:
            with pytest.raises((ValueError, TypeError), match=words):
                add(store, solution)
            assert len(store) == 0

    altered = [*triangle.network.factors[:-1], triangle.network.factors[-1] * 1.01]
    network = ClassNetwork(TRIANGLE, tuple(altered))
    refused(dataclasses.replace(triangle, network=network), "logits are not those of the network")
    honest = dataclasses.replace(triangle, network=network, means=network.logits, proof=None)
    with Store(path.with_name("other"), write=True) as store:
        with pytest.raises(ValueError, match=r"the network has loss .* as claimed; pass a network that reaches"):
            add(store, honest, claimed=triangle.loss)
        assert add(store, honest)
        assert add(store, triangle)
        assert store.get(TRIANGLE).loss == triangle.loss
    refused(dataclasses.replace(triangle, network=None), "stored as its factors; pass")
    narrow = dataclasses.replace(TRIANGLE, width=2)
    refused(dataclasses.replace(triangle, problem=narrow, proof=None), "layer of \\d+ neurons; pass one of at most 2")
    low = dataclasses.replace(triangle.proof, lower=triangle.loss * 0.99)
    refused(dataclasses.replace(triangle, proof=low), "the certificate does not hold")


def test_what_can_be_computed_is_computed_again(path, triangle):
    false = dataclasses.replace(
        triangle,
        recognition=dataclasses.replace(triangle.recognition, name="mine", text="mine"),
        candidates={"mine": 1e-30},
    )
    with Store(path, write=True) as store:
        add(store, false)
        record = store.get(TRIANGLE)
    assert record.structure == "triangle"
    assert record.named == min(entry.loss for entry in structure_losses(TRIANGLE).values())


def test_a_file_written_before_networks_opens(path, solution, triangle):
    record = Record.of(solution)
    with Store(path, write=True) as store:
        store.put([record])
    with closing(sqlite3.connect(path)) as file:
        file.execute("PRAGMA user_version = 3")
    with Store(path) as store:
        before = store.get(record.problem)
        assert np.array_equal(before.factors, record.factors)
        assert store.get(TRIANGLE) is None
        assert not store.lost()
    with Store(path, write=True) as store:
        assert add(store, triangle)
        assert store.get(record.problem) == before
        assert store._connection.execute("PRAGMA user_version").fetchone() == (4,)


def test_through_every_command(path, triangle, capsys):
    call = lambda name, *rest: (main(["atlas", name, str(path), *rest]), capsys.readouterr().out)
    triangle.save("find.npz")
    code, out = call("add", "find.npz")
    assert (code, "triangle (middle rank 2" in out) == (0, True)
    code, out = call("show")
    assert "relu" in out
    assert "2.2 %" in out, "below collapse"
    code, out = call("show", "--json")
    (cell,) = json.loads(out)["cells"]
    assert cell["middle_rank"] == cell["rank"] == 2
    factors = [np.array(factor) for factor in cell["factors"]]
    assert all(map(np.array_equal, factors, triangle.network.factors))
    assert np.array_equal(cell["layers"][0]["preactivations"], triangle.network.layers[0])
    code, out = call("export")
    (row,) = pd.read_csv(io.StringIO(out)).to_dict("records")
    assert (row["activation"], row["rank"], row["loss"]) == ("relu", 2, triangle.loss)
    assert call("show", "--structure", "triangle")[1].count("triangle") == 2
    assert call("show", "--structure", "srg")[0] == 0


def test_chains_of_lambda_are_cut_by_depth():
    cells = grid([3, 10], [2, 3], np.geomspace(1e-5, 1e-2, 30).tolist(), activations=["relu", "linear"])
    pieces = cut(cells)
    assert sum(map(len, pieces)) == len(cells)
    for piece in pieces:
        assert len({(p.classes, p.nonlinear and p.depth, p.activation) for p in piece}) == 1
        if piece[0].nonlinear:
            assert [p.reg for p in piece] == sorted(p.reg for p in piece)
            assert len(piece) <= 12


def collapsed(problem, solution):
    """A solution that knows of nothing better than deep neural collapse."""
    scales = structure_losses(problem, "collapse")["collapse"].best.scales
    network = at_scales(problem, named("collapse", problem.classes, "relu"), scales)
    fields = {
        "network": network,
        "means": network.logits,
        "recognition": recognise_network(network, network_catalogue(3, "mse", 4)),
    }
    return dataclasses.replace(solution, problem=problem, ladder=(), known_by="collapse alone", **fields)


def test_a_better_network_is_passed_on_and_a_worse_one_is_not(triangle):
    """From one lambda to both ends, over a neighbour that lacked it too."""
    near = [dataclasses.replace(TRIANGLE, reg=reg) for reg in (1e-4, 3e-4, 1e-3, 3e-3)]
    there = [triangle if problem == TRIANGLE else collapsed(problem, triangle) for problem in near]
    found = passed_on(there)
    assert [each.structure for each in found] == ["triangle"] * 4
    assert found[2] is triangle
    for problem, each in zip(near, found, strict=True):
        assert each.problem == problem
        assert each.loss == pytest.approx(slow_objective(problem, each.network.factors), rel=1e-12)
        # The named network lacks the last digits of its best shape.
        assert 0 <= 1 - each.loss / structure_losses(problem, "triangle")["triangle"].loss < 1e-5
    words = "one descent from the network at lambda = {}, better here than the collapse alone"
    assert [each.known_by for each in found[:2]] == [words.format("0.0003"), words.format("0.001")]
    assert found[0].ladder[0].minima[0].loss == found[0].loss
    assert found[0].ladder[0].rank == 2


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["mse", "ce"])
def test_cells_are_those_of_solve_and_never_worse_than_a_named_network(path, thread, loss):
    cells = grid([3, 4], [2, 4], [1e-4, 1e-3], losses=[loss], activations=["relu"])
    with Store(path, write=True) as store:
        build(store, cells, seed=1, effort="quick", certify=True, executors=thread)
        for problem in cells:
            record, alone = store.get(problem), solve(problem, seed=1, effort="quick")
            if record.known_by.startswith("one descent"):
                assert record.loss < alone.loss
            else:
                assert record.network == alone.network
                assert (record.loss, record.description, record.known_by) == (
                    alone.loss,
                    alone.recognition.description,
                    alone.known_by,
                )
            assert record.loss <= min(entry.loss for entry in structure_losses(problem).values()) * (1 + 1e-12)
            assert 0 < record.gap < 1
            assert check(record).holds
            assert record.certificate.verify()
        assert build(store, cells, seed=1, effort="quick", certify=True, executors=thread).total == 0


def values(path):
    with Store(path) as store:
        return {record.key: (record, check(record).holds) for record in store.records()}


SMALL = grid([3], [1, 2, 4], [1e-4, 1e-3], losses=["mse", "ce"], activations=["relu", "linear"])


@pytest.mark.slow
def test_one_process_and_two_store_the_same_and_so_does_one_that_was_stopped(tmp_path):
    def stop(state):
        raise KeyboardInterrupt

    for name in ("one", "two", "stopped"):
        with Store(tmp_path / name, write=True) as store:
            if name == "stopped":
                with pytest.raises(KeyboardInterrupt):
                    build(store, SMALL, effort="quick", executors=processes(1), progress=stop)
                assert 0 < len(store) < len(SMALL)
            build(store, SMALL, effort="quick", executors=processes(2 if name == "two" else 1))
    one = values(tmp_path / "one")
    assert len(one) == len(set(SMALL)) == 20, "at depth one relu models are linear ones"
    assert all(holds for _, holds in one.values())
    assert values(tmp_path / "two") == values(tmp_path / "stopped") == one


@pytest.mark.needs("xarray")
def test_arrays_have_an_axis_for_relu_where_there_is_any(triangle, solution):
    linear, both = dataset([Record.of(solution)]), dataset([Record.of(solution), Record.of(triangle)])
    assert "activation" not in linear.dims
    cell = both.sel(objective="mse", activation="relu", classes=3, depth=4, reg=1e-3, samples=1, width=0)
    assert (float(cell["loss"]), int(cell["rank"])) == (triangle.loss, 2)
    assert np.isnan(float(both["loss"].sel(activation="linear", classes=3, depth=4, reg=1e-3).max()))
