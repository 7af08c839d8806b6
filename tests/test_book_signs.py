"""How the site sets what texts write: formulas in plain signs, the spaces of MathML, signatures, names of one thing."""

import importlib.util
from dataclasses import dataclass, field
from pathlib import Path

import pytest

EXTENSIONS = Path(__file__).parents[1] / "docs/_ext"


def library(name):
    """A module of docs/_ext that needs nothing but Python and the package."""
    spec = importlib.util.spec_from_file_location(name, EXTENSIONS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def flat(pieces):
    """Exponents and indices between brackets."""
    marks = {"up": "^", "down": "_"}
    return "".join(part if kind == "text" else f"{marks[kind]}<{flat(part)}>" for kind, part in pieces)


@pytest.mark.parametrize(
    ("text", "set_as"),
    [
        ("a decay n^(1/(L+1)) times as large", "a decay n^<1/(L+1)> times as large"),
        ("||W_l||_F^2 + e^-2a", "\u2016W_<l>\u2016_<F>^<2> + e^<\u22122a>"),
        ("U_{l-1}^T and s_i(Y X^+)^p", "U_<l\u22121>^<T> and s_<i>(Y X^<+>)^<p>"),
        ("e^{-(rho - rho_0)/K}", "e^<\u2212(rho \u2212 rho_<0>)/K>"),
        ("M_2..M_L as lambda -> 0", "M_<2>..M_<L> as lambda\u00a0\u2192\u00a00"),
        (
            "all sqrt(lam_l), lam_{l+1} and min_beta of +-(c J)",
            "all sqrt(lam_<l>), lam_<l+1> and min_<beta> of \u00b1(c J)",
        ),
        ("with pi_c = n_c / N", "with pi_<c> = n_<c> / N"),
        ("for K >= 4, not below", "for K\u00a0\u2265\u00a04, not below"),
    ],
)
def test_plain_formulas_are_set(text, set_as):
    assert flat(library("plain_formulas").pieces(text)) == set_as


@pytest.mark.parametrize(
    "text", ["t_end of many_flows", "file_a.py", "x.y_z", "best_scales and __main__", "D^ = 1", "an arrow->b", "a|b"]
)
def test_what_is_no_formula_stays(text):
    assert library("plain_formulas").pieces(text) == [("text", text)]


MATH = '<math xmlns="http://www.w3.org/1998/Math/MathML"><mrow>{}</mrow></math>'
THIN = '<mspace width=".17em" />'


@pytest.mark.parametrize(
    ("written", "set_as"),
    [
        ("<mn>2</mn><mi>log</mi><mi>K</mi>", f"<mn>2</mn>{THIN}<mi>log</mi>{THIN}<mi>K</mi>"),
        ("<mi>log</mi><mo>(</mo><mi>K</mi>", "<mi>log</mi><mo>(</mo><mi>K</mi>"),
        ("<mi>log</mi><mi>log</mi><mi>x</mi>", f"<mi>log</mi>{THIN}<mi>log</mi>{THIN}<mi>x</mi>"),
        ("<msup><mi>cos</mi><mn>2</mn></msup><mi>a</mi>", f"<msup><mi>cos</mi><mn>2</mn></msup>{THIN}<mi>a</mi>"),
        ("<mo>fit</mo><mo>(</mo>", "<mi>fit</mi><mo>(</mo>"),
        ("<mo>min</mo><mo>(</mo>", '<mo rspace="0">min</mo><mo>(</mo>'),
        ("<mo>|</mo><mi>x</mi>", '<mo lspace="0" rspace="0">|</mo><mi>x</mi>'),
        (r"<mo>\{</mo><mi>\u27fa</mi>".replace(r"\u27fa", "\u27fa"), "<mo>{</mo><mo>\u27fa</mo>"),
    ],
)
def test_formulas_have_the_spaces_of_tex(written, set_as):
    assert library("math_spacing").spaced(MATH.format(written)) == MATH.format(set_as)


LARGEST = 5
EVERYTHING = tuple(range(100))


def example(first, largest=LARGEST, everything=EVERYTHING):
    """Defaults by the name of a constant."""


@dataclass
class Example:
    """Defaults that are made."""

    options: dict = field(default_factory=dict)
    begun: object = field(default_factory=object)


def test_signatures_show_values():
    shown = library("signatures").shown
    assert shown("(first, largest=LARGEST, everything=EVERYTHING)", example) == (
        "(first, largest=5, everything=EVERYTHING)"
    )
    assert shown("(options=<factory>, begun=<factory>)", Example) == "(options={}, begun=...)"


def test_a_thing_has_one_page_whatever_it_is_called():
    pages = library("api_pages")
    assert pages.home("optima.training.rule.Rule") == pages.home("optima.training.Rule")
    assert pages.home("optima.limits") is pages.home("optima.nothing") is None
    names = [line.strip() for line in pages.pages()["api-packages.md"].splitlines() if line.startswith("   optima.")]
    homes = [pages.home(name) or name for name in names]
    assert len(homes) == len(set(homes)) > 100


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (
            "on 2026-11-27, tolerance 1e-09: pass --reg-per-factor or -K",
            ["2026-11-27", "1e-09", "--reg-per-factor", "-K"],
        ),
        ("well-known, 5 - 3, pages 12-15 and a--b", []),
        ("1e-3:1e-1 and 2.5e-12.", ["1e-3", "1e-1", "2.5e-12"]),
    ],
)
def test_numbers_dates_and_options_stay_in_one_line_and_are_copied_as_they_are(text, kept):
    made = library("unbroken").pieces(text)
    assert "".join(piece for piece, _ in made) == text
    assert [piece for piece, whole in made if whole] == kept
