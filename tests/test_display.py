"""What an interpreter and a notebook show of results: one short line, a table, a picture; and no long work for it."""

from dataclasses import replace
from html.parser import HTMLParser
from importlib import import_module

import numpy as np
import pytest

from optima import (
    DeepUFM,
    LossTable,
    best_scales,
    certify,
    certify_invariant,
    max_margin,
    named,
    recognise,
    solve,
    stationary_scales,
    structure_losses,
    train,
    zero_threshold,
)
from optima.atlas.record import Record
from optima.atlas.trained import Hyperparameters, Trained
from optima.proofs.prove import Claims
from optima.solution import Knowledge, Minimum, Rung, Solution
from optima.structures.recognition import Recognition
from optima.training import Training

MANY = DeepUFM(40, 3, (1e-3, 2e-3, 3e-3, 4e-3), samples=range(1, 41))


@pytest.fixture(scope="module")
def solution():
    return solve(8, 3, 1e-3, effort="quick")


@pytest.fixture(scope="module")
def training():
    return train(4, 2, 1e-2, width=6, steps=200, seeds=3)


def large(problem=MANY, ranks=30):
    """A solution with as many minima as a search can leave."""
    means = np.random.default_rng(0).standard_normal((problem.classes,) * 2)
    minima = tuple(Minimum(0.1, "minimum", 0.0, 0.1, 3, means, 3, f"unnamed & <{i}>") for i in range(8))
    ladder = tuple(Rung(rank, minima, 20, 1, 0.01) for rank in range(1, ranks + 1))
    named_losses = {f"structure {i}": 0.1 for i in range(300)}
    return Solution(
        problem, means, Recognition.read("unnamed (rank 40)"), ladder, named_losses, "closed form", 0, "quick", 0.1
    )


class Tables(HTMLParser):
    """Cells of tables, row by row; fails on tags that are not closed in order."""

    def __init__(self, text):
        super().__init__()
        self.open, self.rows = [], []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1] in ("td", "th"):
            self.rows[-1][-1] += data


def test_a_solution_is_one_line(solution):
    assert repr(solution) == "<Solution K=8 L=3 reg=0.001: square-antiprism, loss 0.0332955, gap 0.5>"
    assert repr([solution, solution]).count("\n") == 0
    wide = replace(solution, problem=DeepUFM(8, 3, (1e-3,) * 3 + (2e-3,), samples=5, width=9))
    assert repr(wide).startswith("<Solution K=8 L=3 reg=(0.001, 0.001, 0.001, 0.002) n=5 d=9: ")


@pytest.mark.parametrize(
    "problem",
    [
        DeepUFM(3, 1, 1e-2),
        DeepUFM(3, 2, 1e-2, loss="mse"),
        DeepUFM(4, 2, 1e-2),
        DeepUFM(3, 2, 1e-2),
        DeepUFM(2, 2, 1e-2, samples=(1, 2)),
    ],
)
def test_solutions_are_data(problem, monkeypatch):
    """Whatever is asked of one, nothing is proved; without a proof it says so."""
    found = solve(problem, effort="quick")
    monkeypatch.setattr(Claims, "of", lambda *given: pytest.fail("a proof was begun"))
    assert 0 <= found.gap == 1 - found.lower_bound / found.loss
    assert "gap" in repr(found)
    assert "gap" in found._repr_html_()
    bare = replace(found, proof=None)
    for name in ("gap", "lower_bound", "certificate"):
        with pytest.raises(ValueError, match=r"no lower bound was worked for; pass the solution to optima\.certify"):
            getattr(bare, name)
    assert "gap" not in repr(bare)
    assert "none was worked for" in str(bare)
    assert "none was worked for" in bare._repr_html_()
    assert bare.as_dict()["gap"] is None
    assert bare != found
    assert bare.kind is not Knowledge.CERTIFIED


def test_how_a_loss_is_known_is_one_of_a_list():
    kinds = {
        DeepUFM(3, 2, 1e-2, loss="mse"): Knowledge.CLOSED_FORM,
        DeepUFM(3, 1, 1e-2): Knowledge.CONVEX,
        DeepUFM(3, 2, 1e-2): Knowledge.CERTIFIED,
        DeepUFM(4, 2, 1e-2): Knowledge.BEST_OF_STARTS,
    }
    for problem, kind in kinds.items():
        found = solve(problem, effort="quick")
        assert found.kind is kind
        assert found.as_dict()["kind"] == str(kind)


def test_a_proof_at_hand_is_shown():
    found = certify(3, 2, 1e-2, gap=0.5)
    assert repr(found) == f"<Solution K=3 L=2 reg=0.01: simplex, loss {found.loss:.6g}, gap {found.gap:.2g}>"


def test_no_repr_is_long(solution, training):
    polygon = named("polygon", 20001)
    run = training.runs[0]
    things = [
        large(),
        large().ladder,
        large().ladder[0].minima,
        solution.certificate,
        certify(3, 2, 1e-2, gap=0.5).certificate,
        certify_invariant(4, 2, 1e-2, boxes=100),
        training,
        Training(training.runs * 1000),
        run,
        training.polished(),
        training.polished().runs[0].polished,
        training.compare(),
        MANY,
        DeepUFM(5000, 2, 1e-3, samples=range(1, 5001)),
        LossTable(range(2, 1000), range(1, 500), np.geomspace(1e-9, 1, 1000)),
        best_scales(polygon, np.arange(1, 1000), 1e-3),
        stationary_scales(polygon, 3, 1e-3),
        structure_losses(60, 2, 1e-3),
        polygon.blocks(),
        max_margin(5, 2, effort="quick"),
        recognise(np.random.default_rng(0).standard_normal((40, 40))),
        zero_threshold(2, 2, tolerance=0.1),
        Record.of(solution),
        Trained.of(run, Hyperparameters()),
    ]
    lengths = {type(thing).__name__ + repr(thing)[:60]: len(repr(thing)) for thing in things}
    assert {name: length for name, length in lengths.items() if length > 12_000} == {}
    alone = [thing for thing in things if not isinstance(thing, (tuple, list, dict, Recognition))]
    assert [thing for thing in alone if len(repr(thing)) > 600] == []


def test_a_model_is_shown_as_it_is_written():
    problem = DeepUFM(4, 2, 1e-3, samples=(1, 2, 3, 4), width=7, loss="mse")
    assert eval(repr(problem)) == problem


@pytest.mark.parametrize("empty", [[], np.zeros((0, 3))])
def test_scales_of_no_problem_have_a_repr(empty):
    assert repr(best_scales(named("pairs", 4), empty, 1e-3)).startswith("<BestScales of shape (0")


def test_html_is_well_formed_and_has_the_numbers(solution, training):
    rows = Tables(solution._repr_html_()).rows
    assert ["structure", solution.recognition.description] in rows
    assert [row for row in rows if row[0] == "3" and row[-1].startswith("square-antiprism")]
    facts = [row for row in rows if len(row) == 2]
    assert " ".join(name for name, _ in facts) == "problem loss structure rank margin known by bound time"
    assert [row for row in facts if row[1] not in str(solution)] == []
    cell = training.compare()[0]
    rows = Tables(cell._repr_html_()).rows
    assert [row for row in rows if row[:1] == ["0"] and float(row[1]) == pytest.approx(training.runs[0].loss)]
    assert [row for row in rows if row[:1] == ["pairs"] and float(row[1]) == pytest.approx(cell.predicted["pairs"])]
    rows = Tables(training.polished()._repr_html_()).rows
    assert rows[0][-1] == "heading for"
    assert "Losses reached by descent." in training._repr_html_()
    assert len(rows) == 1 + 3
    table = LossTable(range(4, 30), [2, 3], [1e-3, 1e-2])
    rows = Tables(table._repr_html_()).rows
    assert len(rows) == 1 + 20
    assert rows[1][:3] == ["4", "2", "0.001"]
    assert "84 more cells; see .to_pandas()" in table._repr_html_()


def test_html_is_short_and_escaped(training):
    text = large()._repr_html_()
    assert len(text) < 12_000
    assert "unnamed &amp; &lt;0&gt;" in text
    assert "10 more ranks; see .ladder" in text
    Tables(text)
    many = Training(training.runs * 1000)._repr_html_()
    assert len(many) < 12_000
    assert "2980 more runs; see .runs" in many


def test_html_recognises_only_the_runs_it_shows(training, monkeypatch):
    seen = []
    monkeypatch.setattr(
        import_module("optima.training.run"), "recognise", lambda *a, **k: seen.append(a) or recognise(*a, **k)
    )
    runs = [replace(run) for run in training.runs * 50]
    Training(tuple(runs))._repr_html_()
    assert len(seen) == 20
    repr(Training(tuple(runs)))
    assert len(seen) == 20


def test_diverged_runs_are_shown():
    lost = train(4, 2, 1e-2, width=6, lr=1e6, steps=50, seeds=2)
    assert repr(lost) == "<Training K=4 L=2 reg=0.01 d=6: 2 runs, 0 converged, 2 diverged>"
    assert "diverged" in lost._repr_html_()
    assert "diverged" in repr(lost.runs[0])
    Tables(lost.compare()[0]._repr_html_())


def test_figures_show_themselves(solution, training, tmp_path):
    for figure in (solution.plot(), training.plot(), training.compare()[0].plot(tmp_path / "runs.svg")):
        assert figure._repr_png_().startswith(b"\x89PNG")
    assert (tmp_path / "runs.svg").read_text().startswith("<?xml")


def test_runs_of_several_settings_have_a_plot_each(training):
    both = train(4, 2, 1e-2, width=6, lr=[0.1, 0.2], steps=2, seeds=1)
    with pytest.raises(ValueError, match=r"2 problems and learning rates; plot each of them: \[cell\.plot\(\)"):
        both.plot()
    assert [cell.plot()._repr_png_()[:4] for cell in both.compare()] == [b"\x89PNG"] * 2
