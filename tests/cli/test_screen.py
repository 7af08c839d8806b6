"""Every command in terminals of several widths: no number is cut, no name, and what is hidden is said."""

import json
import re

import pytest
from typer.testing import CliRunner

from optima import DeepUFM, solve
from optima.atlas import Hyperparameters, Record, Store
from optima.atlas import train as train_atlas
from optima.cli.main import app
from optima.report.fit_width import Column, layout, paragraph, table_text
from optima.report.winners import codes_of
from optima.structures import catalogue
from optima.tables.table import LossTable

WIDTHS = (80, 100, 200)
LOSS = ["loss", "--classes", "10", "--depth", "2", "--reg", "2^-10", "--samples", "5"]
TABLE = ["table", "--classes", "4:13", "--depths", "1:10", "--regs", "9.41e-6,1e-3"]
SOLVE = ["solve", "--classes", "6", "--depth", "3", "--reg", "1e-3", "--effort", "quick"]
TRAIN = ["train", "--classes", "4", "--depth", "2", "--width", "6", "--reg", "2^-6", "--steps", "100", "--seeds", "2"]


@pytest.fixture(scope="module")
def atlas(tmp_path_factory):
    path = tmp_path_factory.mktemp("atlas") / "atlas.sqlite"
    problems = [DeepUFM(K, 2, 2**-10, width=7) for K in (3, 4)] + [DeepUFM(3, 2, 1e-3, (100, 10, 1))]
    settings = Hyperparameters(0.5, 50, "gaussian", None, 0.0, False, "coupled", 1e-5, False)
    with Store(path, write=True) as store:
        store.put([Record.of(solve(problem, effort="quick"), certify=True) for problem in problems])
        train_atlas(store, problems[:2], settings, 2)
    return path


def rendered(arguments, width, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(width))
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert done.exit_code == 0, done.output
    return done.output


COMMANDS = {
    "table": TABLE,
    "table rows": [*TABLE, "--rows", "500"],
    "loss": LOSS,
    "loss per factor": ["loss", "--classes", "5", "--depth", "2", "--reg-per-factor", "1e-2,1e-4,1e-3"],
    "thresholds": ["thresholds", "--depths", "3:5"],
    "solve": SOLVE,
    "solve relu": [
        "solve",
        "--classes",
        "3",
        *["--depth", "4", "--reg", "1e-3", "--loss", "mse", "--activation", "relu", "--effort", "quick"],
    ],
    "solve sizes": [
        "solve",
        "--classes",
        "4",
        "--depth",
        "2",
        "--reg",
        "1e-3",
        "--samples",
        "9,3,2,1",
        "--effort",
        "quick",
    ],
    "certify": [
        "certify",
        "--classes",
        "3",
        "--depth",
        "4",
        "--reg",
        "1e-3",
        "--effort",
        "quick",
        "--gap",
        "1e-3",
        "--verify",
    ],
    "max-margin": ["max-margin", "--classes", "5", "--depth", "2", "--effort", "quick"],
    "spectrum": ["spectrum", "--classes", "4", "--depth", "2", "--reg", "1e-3", "--layer", "2"],
    "train": TRAIN,
    "check": ["check", "model.samples", "model.odd_pairs", "--classes", "3:4", "--depths", "2"],
    "check list": ["check", "--list"],
    "reproduce": ["reproduce"],
    "atlas show": ["atlas", "show", "ATLAS", "--history"],
    "atlas trained": ["atlas", "show", "ATLAS", "--trained"],
    "atlas verify": ["atlas", "verify", "ATLAS"],
}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_fits_and_cuts_nothing(name, monkeypatch, atlas):
    given = [atlas if word == "ATLAS" else word for word in COMMANDS[name]]
    monkeypatch.delenv("COLUMNS", raising=False)
    clock = lambda text: re.sub(r"\b\d+\.\d+( s\b|(?=\s*$))", "", text, flags=re.M)
    words = set(clock(CliRunner().invoke(app, [str(word) for word in given]).output).split())
    for width in WIDTHS:
        shown = clock(rendered(given, width, monkeypatch))
        assert "…" not in shown
        assert "..." not in re.sub(r", \.\.\., ", "", shown)
        # The path of the atlas is a word that may be longer than the screen.
        assert max(len(line) for line in shown.splitlines() if str(atlas) not in line) <= width
        # Every word is one that is printed where there is no width to fit, but for what is said of hidden columns.
        said = re.sub(
            r"\d+ columns? (is|are) hidden for lack of width:[^;]*;\s+widen[^-]*--\w+( FILE or --format csv)?",
            "",
            shown,
        )
        assert {word for word in said.split() if not set(word) <= {"─", "-"}} <= words, name


def test_numbers_in_the_list_are_those_of_the_table(monkeypatch):
    cells = LossTable(range(4, 14), range(1, 11), [9.41e-6, 1e-3]).to_arrow().to_pylist()
    for width in WIDTHS:
        lines = rendered([*TABLE, "--rows", "500"], width, monkeypatch).splitlines()[3:]
        for cell, line in zip(cells, lines, strict=False):
            K, L, reg, loss, winner, *_ = line.split()
            assert (int(K), int(L), winner) == (cell["classes"], cell["depth"], cell["winner"])
            assert float(reg) == pytest.approx(cell["reg"], rel=5e-6)
            assert float(loss) == pytest.approx(cell["loss"], rel=5e-6)


def matrices(text):
    """The entries of the matrices of a printed table by (block, K, L)."""
    out, block, depths = {}, 0, []
    for line in text.splitlines():
        if line.startswith("lambda = "):
            block = float(line.removeprefix("lambda = "))
        elif line.lstrip().startswith("K \\ L"):
            depths = line.split()[3:]
        elif block and re.match(r" *\d+  ", line):
            K, *entries = re.split(r"  +", line.strip())
            out |= {(block, int(K), int(L)): entry for L, entry in zip(depths, entries, strict=True)}
    return out


@pytest.mark.parametrize("width", WIDTHS)
def test_the_matrix_says_who_wins_and_by_how_much(width, monkeypatch):
    text = rendered(TABLE, width, monkeypatch)
    legend = dict(re.findall(r"(\S+) = ([\w+()-]+)", " ".join(text.partition("lambda = ")[0].split())))
    found = matrices(text)
    cells = LossTable(range(4, 14), range(1, 11), [9.41e-6, 1e-3]).to_arrow().to_pylist()
    assert len(found) == len(cells)
    for cell in cells:
        code, _, number = found[cell["reg"], cell["classes"], cell["depth"]].partition(" ")
        assert legend.get(code, code) == cell["winner"]
        assert (number == "") == (cell["winner"] == "simplex")
        if number:
            assert float(number) == pytest.approx(100 * (1 - cell["loss"] / cell["loss_simplex"]), abs=0.0501)


def test_rows_alone_is_todays_list(monkeypatch):
    assert rendered([*TABLE, "--rows"], 100, monkeypatch).count("\n") > 60
    given = ["table", "--classes", "4", "--depths", "1", "--rows", "--regs", "1e-3"]
    assert "simplex" in rendered(given, 100, monkeypatch).splitlines()[3]


def test_a_large_grid_says_what_is_not_shown(monkeypatch):
    text = rendered(
        ["table", "--classes", "2:80", "--depths", "1:30", "--regs", "1e-5:1e-2:4", "--structures", "pairs"],
        200,
        monkeypatch,
    )
    assert "not shown: 3 more values of lambda, 19 more values of K, 10 more values of L;" in text
    assert "--rows N" in text
    assert "--out FILE" in text


def test_no_structure_no_width_no_collapse(monkeypatch):
    text = rendered(
        ["table", "--classes", "2,6", "--depths", "2", "--regs", "1e-3", "--structures", "polygon", "--width", "3"],
        80,
        monkeypatch,
    )
    assert "none of these structures exists there" in text
    assert "has no room for the rank of deep neural collapse" in text


def test_short_names_differ():
    for K in range(2, 40):
        names = {structure.name for structure in catalogue(K)}
        assert len(set(codes_of(names).values())) == len(names)


def test_brackets_are_no_markup():
    text = table_text([Column("a[b]", right=False)], [["[bold]x[/bold]"], [":smile:"]])
    assert all(word in text for word in ("a[b]", "[bold]x[/bold]", ":smile:"))


def test_plain_text_is_ascii():
    assert table_text([Column("a")], [["1"]]).isascii()


def test_rows_are_stacked_where_nothing_fits():
    drawn, hidden = layout([Column("name"), Column("number", 1)], [["a" * 30, "1.5"]], 20)
    assert hidden == []
    assert str(drawn) == f"name    {'a' * 30}\nnumber  1.5"


def test_words_are_never_broken():
    assert paragraph("a-long-name-of-a-structure is 0.123456789", 10) == "a-long-name-of-a-structure\nis\n0.123456789"


def test_without_a_terminal_the_width_does_not_matter(monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    text = CliRunner().invoke(app, LOSS).output
    assert "hidden" not in text
    assert "other scales" in text.splitlines()[1]


# The headline of a solution


def test_the_headline(monkeypatch):
    lines = rendered(SOLVE, 100, monkeypatch).splitlines()
    found = json.loads(rendered([*SOLVE, "--json"], 100, monkeypatch))
    assert lines[0] == f"best minimum known: pairs, rank 3, loss {found['loss']:.12g}"
    below = float(lines[1].split(" % below deep neural collapse")[0])
    assert below == pytest.approx(100 * (1 - found["loss"] / found["candidates"]["simplex"]), rel=5e-3)
    assert lines[2] == f"not proved: a loss down to {found['lower_bound']:.12g} is not excluded"


@pytest.mark.parametrize(
    ("problem", "words"),
    [
        (DeepUFM(4, 2, 1e-3, (9, 3, 2, 1)), "below deep neural collapse (the simplex at its best scale"),
        (DeepUFM(6, 2, 1e-3, width=3), "width 3 has no room for its rank (the simplex)"),
        (DeepUFM(3, 2, 1e-3), "nothing known is below deep neural collapse"),
        (DeepUFM(4, 3, 1e-3, loss="mse"), "frame (deep neural collapse), rank 4"),
        (DeepUFM(4, 3, 1e-3, loss="mse"), "proved: no loss is lower"),
        (DeepUFM(4, 3, 1.0), "zero, rank 0"),
    ],
    ids=str,
)
def test_headlines(problem, words):
    assert words in "\n".join(str(solve(problem, effort="quick")).splitlines()[:3])


@pytest.mark.parametrize("loss", ["ce", "mse"])
def test_the_loss_of_collapse_at_any_sizes(loss):
    from scipy.optimize import minimize_scalar

    from optima import Reduction, named
    from optima.scales.collapse_loss import COLLAPSE, collapse_loss

    for problem in (DeepUFM(4, 2, (1e-3, 2e-3, 1e-2), (7, 3, 2, 1), loss=loss), DeepUFM(5, 3, 1e-3, 4, loss=loss)):
        shape = named(COLLAPSE[loss], problem.classes).shape([1.0])
        value = lambda a, line=shape, problem=problem: Reduction(problem).value(a * line)
        least = minimize_scalar(value, bounds=(0.3, 30), method="bounded")
        assert collapse_loss(problem) == pytest.approx(least.fun, rel=1e-8)


def test_words_that_appear_are_explained(monkeypatch):
    text = rendered(SOLVE, 200, monkeypatch)
    for word in ("unverified", "chance"):
        assert (word in text.partition("\n\n")[2]) == bool(re.search(rf"^{word}: ", text, re.M))
    ranks = {int(line.split()[0]) for line in text.splitlines() if re.match(r" +\d+  ", line)}
    absent = re.search(r"not in the ladder: ranks? ([\d, to]+), where", text)
    assert bool(absent) == (ranks != set(range(1, 6)))


def test_progress_is_one_line_and_is_never_infinite(monkeypatch):
    told = []
    solve(DeepUFM(8, 4, 1e-2), effort="quick", progress=told.append)
    assert told
    assert not any("inf" in line for line in told)


def test_one_bound_is_printed(monkeypatch):
    text = rendered(COMMANDS["certify"], 200, monkeypatch)
    assert re.search(r"^verified  this bound and this loss were proved again", text, re.M)
    bounds = set(re.findall(r"below (\d\.\d{6,})", text))
    assert len(bounds) == 1
