"""The front page: help in panels, spellings of options, names that are nearly right, completion."""

import json
import re

import pytest
import sympy
import typer

import optima
from optima.cli.main import COMMANDS, EXAMPLES, app
from optima.cli.spelling import SPELLINGS
from optima.scales.scale import best_scales
from optima.structures.formula import Formula
from optima.structures.names import WORDS

ROOT = typer.main.get_command(app)


def tree(command, path=()):
    """Every command and group with the words that call it."""
    yield path, command
    for name, sub in getattr(command, "commands", {}).items():
        yield from tree(sub, (*path, name))


TREE = dict(tree(ROOT))
RUN = {path: command for path, command in TREE.items() if not hasattr(command, "commands")}
LOSS = ("loss", "--classes", "10", "--depth", "2", "--reg", "2^-10", "--samples", "5")
TABLE = ("table", "--classes", "4:5", "--depths", "2", "--regs", "1e-6,1e-3", "--format")


def name_of(path):
    return "-".join(path) or "optima"


def options_of(command):
    return [parameter for parameter in command.params if parameter.param_type_name == "option"]


# Help


@pytest.mark.parametrize("width", [80, 100, 200])
@pytest.mark.parametrize("path", TREE, ids=name_of)
def test_help_fits_the_terminal_and_cuts_no_word(call, monkeypatch, path, width):
    monkeypatch.setenv("COLUMNS", str(width))
    code, out, err = call(*path, "-h")
    assert (code, err) == (0, "")
    assert out == call(*path, "--help")[1]
    assert all(len(line) <= width for line in out.splitlines())
    assert not re.search(r"…|<|list\[|\bbool\b|\bstr\b", out)
    words = set(out.split())
    for parameter in TREE[path].params:
        assert set(parameter.help.split()) <= words
        if parameter.param_type_name == "option":
            assert any(f" {spelling} " in out for spelling in parameter.opts)


@pytest.mark.parametrize("path", TREE, ids=name_of)
def test_every_value_says_what_is_meant(path):
    kinds = {"INTEGER", "INTEGERS", "NUMBER", "NUMBERS", "FILE", "FILES", "FOLDER", "NAME", "NAMES", "TEXT"}
    kinds |= {"FORMAT", "AXIS", "ADDRESS", "STRUCTURE", "FIGURE", "CLAIMS", "GROUP"}
    context = typer.Context(TREE[path], info_name="optima")
    for parameter in TREE[path].params:
        if not getattr(parameter, "is_flag", False):
            kind = parameter.metavar or parameter.get_help_record(context)[0].split()[-1]
            assert kind in kinds or "|" in kind


def test_the_front_page_has_its_panels_and_examples(call, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    out = call("--help")[1]
    for panel, commands in COMMANDS.items():
        assert not commands or f"─ {panel} ─" in out
        # One line each.
        assert all(
            re.search(rf"^│ {name} +{re.escape(line[:-1])}\.? +│$", out, re.M) for name, (_, line) in commands.items()
        )
    examples = re.findall(r"^  (optima .*)$", EXAMPLES, re.M)
    assert len(examples) == 3
    assert all(example in out for example in examples)


@pytest.mark.parametrize("path", [path for path in TREE if path not in RUN], ids=name_of)
def test_a_group_alone_shows_its_help(call, path):
    assert call(*path) == call(*path, "--help")
    assert call(*path)[0] == 0


# Spellings


@pytest.mark.parametrize("path", RUN, ids=name_of)
def test_every_spelling_of_an_option_is_the_option(path):
    command = RUN[path]
    declared = {spelling for option in options_of(command) for spelling in option.opts}
    found = 0
    for option in options_of(command):
        for line in SPELLINGS:
            for spelling in set(line) - declared if set(line) & set(option.opts) else ():
                parser = command.make_parser(typer.Context(command, info_name="optima"))
                assert parser.parse_args([spelling, "7"])[0][option.name] in ("7", ["7"])
                found += 1
    assert found or path in (("reproduce",), ("watch",)) or path[0] == "atlas"


def test_no_spelling_means_two_options():
    spellings = [spelling for line in SPELLINGS for spelling in line]
    assert len(spellings) == len(set(spellings))


def test_the_spellings_yield_the_same_output(call):
    expected = call(*LOSS, "--structures", "simplex,pairs")
    others = ("loss", "-K", "10", "-L", "2", "--lambda", "2^-10", "-n", "5", "--structure", "etf,cross-polytope")
    plural = ("loss", "--class", "10", "--depths", "2", "--lambdas=2^-10", "--sample", "5", "--structures", "NC,pairs")
    assert expected[0] == 0
    assert call(*others) == call(*plural) == expected
    table = call(*TABLE, "json")
    assert table[0] == 0
    assert call("table", "-K", "4:5", "--depth", "2", "--lambda", "1e-6,1e-3", "--format", "json")[1] == table[1]


@pytest.mark.slow
def test_an_axis_is_spelt_like_its_option(call, tmp_path):
    grid = ("phase", "--no-certify", "--workers", "1", "-K", "3", "--depths", "1,2", "--lambdas", "0.1,0.2")
    for number, axes in enumerate((("lambda", "depths"), ("reg", "L"))):
        out = tmp_path / f"{number}.png"
        assert call(*grid, "--x", axes[0], "--y", axes[1], "--out", out)[0] == 0
    assert (tmp_path / "0.csv").read_text() == (tmp_path / "1.csv").read_text()


def test_seed_and_seeds_differ_where_both_are_options():
    for path in (("phase",), ("atlas", "build")):
        parser = RUN[path].make_parser(typer.Context(RUN[path], info_name="optima"))
        assert parser.parse_args(["--seed", "1", "--seeds", "2"])[0] == {"seed": "1", "seeds": "2"}


# Names that are nearly right


@pytest.mark.parametrize(
    ("arguments", "near"),
    [
        (["slove"], "solve"),
        (["atlas", "biuld"], "build"),
        (["zzz"], "pass one of solve, table"),
        (["solve", "--clases", "3"], "--class"),
        (["loss", "-K", "4", "-L", "2", "--reg", "1e-3", "--structures", "piars"], "did you mean pairs"),
        (["table", "-K", "4", "-L", "2", "--reg", "1e-3", "--structures", "ettf"], "did you mean simplex"),
        (["formula", "simplx", "-K", "4"], "did you mean simplex"),
        (["formula", "mixed", "-K", "10"], "pass one of simplex(8)+pairs(1)"),
        (["train", "-K", "4", "-L", "2", "-d", "5", "--reg", "1e-3", "--init", "piars"], "did you mean pairs"),
        (["phase", "--training", "--structure", "piars", "--out", "nowhere.png"], "did you mean pairs"),
        (["phase", "--x", "lamda", "--out", "nowhere.png"], "pass one of classes, depth, reg, width, samples"),
        (["reproduce", "fig11"], "fig1"),
        (["check", "theorm1"], "theorem1"),
        ([*TABLE, "csv", "--columns", "wnner"], "did you mean winner"),
    ],
)
def test_a_misspelt_name_gets_one_sentence_with_near_ones(call, arguments, near):
    code, out, err = call(*arguments)
    assert (code, out) == (2, "")
    assert re.fullmatch(r"optima: [^\n]+\n", err)
    assert near in err


def test_a_misspelt_structure_of_an_atlas_is_refused(call, tmp_path):
    store = tmp_path / "a.sqlite"
    call("atlas", "build", "-K", "3", "-L", "1", "--lambda", "1e-2", "--store", store, "--workers", "1")
    assert "did you mean simplex" in call("atlas", "show", store, "--structure", "simplx")[2]
    cells = [json.loads(call("atlas", "show", store, "--json", "--structure", name)[1]) for name in ("simplex", "DNC")]
    assert cells[0] == cells[1]
    assert cells[0]["cells"]


@pytest.mark.parametrize("word", [*WORDS["simplex"], "DNC", "Neural Collapse", "neural_collapse"])
def test_the_words_of_papers_name_the_simplex(word):
    assert optima.named(word, 7).name == "simplex"
    assert [structure.name for structure in optima.catalogue(7, [word])] == ["simplex"]
    assert optima.LossTable([7], [2], [1e-3], structures=[word, "simplex"]).schema.names[-1] == "loss_simplex"


def test_a_boundary_takes_the_words_of_papers():
    assert optima.boundary("nc", "cross-polytope", classes=4, depth=2) == optima.boundary(
        "simplex", "pairs", classes=4, depth=2
    )


def test_training_begins_near_a_structure_by_any_of_its_words():
    run = lambda init: optima.train(optima.DeepUFM(4, 2, 1e-3), 6, 0.1, 3, 1, init=init).runs[0].loss
    assert run("etf") == run("simplex")


def test_claims_and_figures_are_found_by_their_last_part(call):
    assert call("check", "theorem1", "--list") == call("check", "garrod2025.theorem1", "--list")
    assert optima.reproduce.find("basins") is optima.reproduce.find("garrod2026depth.basins")
    with pytest.raises(ValueError, match="pass garrod2025.fig1 or garrod2026spectra.fig1".replace(".", r"\.")):
        optima.reproduce.find("fig1")


# Structures and formulas


def test_structures_are_listed_with_the_words_of_papers(call):
    families = call("structures")[1]
    assert re.search(r"^simplex +\(also dnc, etf, nc, neural-collapse", families, re.M)
    listed = json.loads(call("structures", "--classes", "10", "--json")[1])["structures"]
    assert {each["name"]: each["rank"] for each in listed} == {
        structure.name: structure.rank for family in optima.structures.FAMILIES for structure in family.members(10)
    }
    for name in ("pairs", "srg-petersen", "simplex(4)+pairs(3)"):
        assert re.search(rf"^{re.escape(name)}( |$)", call("structures", "-K", "10")[1], re.M)


@pytest.mark.parametrize("loss", ["ce", "mse"])
@pytest.mark.parametrize("name", ["zero", "simplex", "pairs", "pairs-free", "polygon", "simplex(5)+pairs(1)"])
def test_formulas_are_those_that_are_minimised(call, name, loss):
    code, out, err = call("formula", name, "--classes", "7", "--loss", loss, "--json")
    assert (code, err) == (0, "")
    lines = json.loads(out)
    best = best_scales(optima.named(name, 7), 3, 1e-3, 2, loss)
    symbols = {"lambda": sympy.Symbol("reg")}
    read = lambda text: sympy.sympify(text.replace("lambda", "reg"), locals=symbols)
    p, c = (read(line.partition(" = ")[2]) for line in lines["where"])
    values = {"L": 3, "n": 2, "reg": sympy.Rational(1, 1000)}
    values |= dict(zip([str(a) for a in Formula(optima.named(name, 7)).scales], best.scales, strict=True))
    at = lambda text: float(read(text).subs("c", c).subs("p", p).subs(values))
    assert at(lines["loss"].partition(" = ")[2]) == pytest.approx(float(best.loss), rel=1e-12)
    assert at(lines["price"]) == pytest.approx(float(best.penalty), rel=1e-9)
    for equation in lines["stationary"] if len(best.scales) and min(best.scales) > 0 else ():
        left, right = equation.split(" = ")
        assert at(left) == pytest.approx(at(right), rel=1e-6)


def test_a_formula_in_latex(call):
    out = call("formula", "pairs", "-K", "10", "--latex")[1]
    assert r"f(a) = 5 c \left(2 a\right)^{p} + \log{\left(1 + 8 e^{- a} + e^{- 2 a} \right)}" in out
    assert r"p = \frac{2}{L + 1}" in out
    assert "garrod2025, Theorem 1" in out


def test_a_formula_that_nobody_can_read_is_refused(call):
    code, _, err = call("formula", "polygon", "-K", "1001")
    assert code == 2
    assert "too many to print; pass fewer classes" in err


# LaTeX


def test_latex_for_a_paper(call):
    style = (
        "--columns",
        "K,L,lambda,winner,loss",
        "--digits",
        "4",
        "--caption",
        "Who wins, $n = 1$.",
        "--label",
        "t:w",
    )
    code, out, _ = call(*TABLE, "latex", *style)
    assert code == 0
    lines = out.splitlines()
    assert lines[:4] == [
        r"\begin{longtable}{rrrlr}",
        r"\caption{Who wins, $n = 1$.}\label{t:w} \\",
        r"\toprule",
        r"$K$ & $L$ & $\lambda$ & winner & loss \\",
    ]
    rows = json.loads(call(*TABLE, "json")[1])
    for row, line in zip(rows, lines[6:], strict=False):
        cells = line.removesuffix(r" \\").split(" & ")
        assert (cells[0], cells[1], cells[3]) == (str(row["classes"]), "2", row["winner"])
        number = re.fullmatch(r"\$(\S+?)(?:\\times10\^\{(-\d+)\})?\$", cells[4])
        assert float(f"{number[1]}e{number[2] or 0}") == pytest.approx(row["loss"], rel=1e-3)
    assert cells[2] == "$0.001$"
    assert r"$1\times10^{-6}$" in lines[6]


def test_columns_are_those_of_every_format(call):
    out = call(*TABLE, "csv", "--columns", "K,loss,lambda")[1]
    assert out.splitlines()[0] == '"classes","loss","reg"'


def test_the_structures_of_a_problem_in_latex(call):
    code, out, err = call(*LOSS, "--format", "latex", "--columns", "structure,rank,loss", "--digits", "3")
    assert (code, err) == (0, "")
    assert "pairs & 5 & $0.08$ \\\\" in out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((*TABLE, "csv", "--digits", "3"), "--digits is given, which is for LaTeX only"),
        ((*TABLE, "latex", "--digits", "0"), "digits is 0; pass an integer of at least 1"),
        ((*TABLE, "terminal", "--columns", "K"), "--columns is for files; pass"),
        ((*TABLE, "csv", "--columns", ","), "columns is empty; pass some of"),
        ((*LOSS, "--columns", "loss"), "--columns is for other formats; pass"),
        ((*LOSS, "--json", "--format", "csv"), "pass one of them"),
        ((*LOSS, "--caption", "x"), "--caption is given, which is for LaTeX only"),
    ],
)
def test_settings_that_say_nothing_are_refused(call, arguments, sentence):
    code, out, err = call(*arguments)
    assert (code, out) == (2, "")
    assert sentence in err


# Completion


def completed(call, monkeypatch, *words):
    monkeypatch.setenv("_OPTIMA_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", " ".join(("optima", *words)))
    monkeypatch.setenv("COMP_CWORD", str(len(words)))
    code, out, err = call()
    assert (code, err) == (0, "")
    return out.split()


def test_the_shell_completes_commands_options_and_names(call, monkeypatch):
    assert completed(call, monkeypatch, "so") == ["solve"]
    assert completed(call, monkeypatch, "atlas", "bu") == ["build"]
    assert "--depth" in completed(call, monkeypatch, "solve", "--d")
    assert completed(call, monkeypatch, "loss", "--structures", "nc,pa") == ["nc,pairs", "nc,pairs-free"]
    assert completed(call, monkeypatch, "reproduce", "fig1") == ["fig1"]
    assert "theorem1" in completed(call, monkeypatch, "check", "theo")


def test_the_completion_of_a_shell_is_printed(call, monkeypatch):
    monkeypatch.setenv("_OPTIMA_COMPLETE", "source_bash")
    code, out, _ = call()
    assert code == 0
    assert "complete -o default -F _optima_completion optima" in out


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        (("--loss", "hinge"), "loss is 'hinge'; pass one of 'ce', 'mse'"),
        (("--effort", "qu"), "effort is 'qu'; pass one of 'quick', 'normal', 'thorough'"),
        (("--reg-per-factor", "1,x"), "'x' is not a number; pass one such as 0.001, 1e-3 or 2^-10"),
        (("--seed", "-1"), "seed is -1; pass an integer of at least 0"),
    ],
)
def test_the_text_of_an_option_is_refused_under_its_name(call, option, sentence):
    assert call("solve", "--classes", 4, "--depth", 2, *option) == (2, "", f"optima: {sentence}\n")


def test_the_shell_completes_words_of_a_choice(call, monkeypatch):
    assert completed(call, monkeypatch, "solve", "--effort", "qu") == ["quick"]
    assert completed(call, monkeypatch, "table", "--format", "m") == ["markdown"]
