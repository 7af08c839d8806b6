"""Every derivation runs, and its assertions bite: each key check fails with a wrong exponent, sign or shape."""

import re
import runpy
from functools import cache
from pathlib import Path

import pytest
import sympy as sp

ROOT = Path(__file__).resolve().parents[1]
SCRIPTS = sorted((ROOT / "derivations").glob("*.py"))


@cache
def run(name):
    """Names a derivation defines, after running it once."""
    return runpy.run_path(str(ROOT / "derivations" / f"{name}.py"))


def test_there_are_derivations():
    assert {"schatten_reduction", "structure_losses", "squared_error", "phase_boundaries"} <= {s.stem for s in SCRIPTS}


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_derivation_runs(script):
    run(script.stem)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_derivation_opens_as_a_notebook_that_states_its_result_and_sources(script):
    text = script.read_text(encoding="utf-8")
    first, *rest = re.split(r"^# %%", text, flags=re.MULTILINE)[1:]
    assert text.startswith("# %% [markdown]")
    assert first.startswith(" [markdown]\n# # ")
    assert "**Statement.**" in first
    assert "**Sources.**" in first
    assert all(cell.startswith((" [markdown]\n#", "\n")) for cell in rest)


def test_every_derivation_the_library_cites_is_there():
    cited = {
        name
        for module in (ROOT / "optima").rglob("*.py")
        for name in re.findall(r"derivations/(\w+)\.py", module.read_text(encoding="utf-8"))
    }
    assert cited
    assert cited <= {script.stem for script in SCRIPTS}


def odd_pairs(d):
    """The published pairs at K = 5, which are not centred."""
    shape = d["pairs_shape"](5, 2)
    shape[-1, -1] = 1
    return shape


def simplex_points(d):
    """Outer stationary scales of the simplex on 10 classes, descending."""
    return {"structure": d["simplex"](10), "q": d["mp"].mpf(2) / 3, "scales": [d["mp"].mpf(s) for s in (50, 20, 9, 6)]}


def reference(value):
    """Pairs at K = 10, n = 5, L = 2, lambda = 2^-10, with a loss."""
    return {"structure": "pairs", "depth": 2, "log2_reg": -10, "scale": "7.04704868833874057139", "value": value}


# Script, name of a check, arguments that pass and arguments that must not, both from the script's names.
CONTROLS = {
    "product to sums needs p = 2/(L+1)": (
        "schatten_reduction",
        "check_attainment",
        lambda d: {"depth": 2, "exponent": sp.Rational(2, 3)},
        lambda d: {"depth": 2, "exponent": sp.Rational(2, 4)},
    ),
    "the weights enter by their geometric mean": (
        "schatten_reduction",
        "check_attainment",
        lambda d: {"depth": 3, "mean": d["geometric_mean"]},
        lambda d: {"depth": 3, "mean": lambda values: sum(values) / len(values)},
    ),
    "Horn's inequality has a direction": (
        "schatten_reduction",
        "check_horn",
        lambda d: {"factors": [sp.Matrix([[1, 2], [0, 1]]), sp.Matrix([[1, 0], [3, 1]])]},
        lambda d: {"factors": [sp.Matrix([[1, 2], [0, 1]]), sp.Matrix([[1, 0], [3, 1]])], "order": -1},
    ),
    "balancedness has a sign": (
        "schatten_reduction",
        "check_balanced",
        lambda d: {"sign": -1},
        lambda d: {"sign": 1},
    ),
    "samples enter as n^(1/(L+1))": (
        "schatten_reduction",
        "check_samples",
        lambda d: {"power": lambda L: 1 / (L + 1)},
        lambda d: {"power": lambda L: 2 / (L + 1)},
    ),
    "only orthogonal projections lower singular values": (
        "schatten_reduction",
        "check_projection_lowers",
        lambda d: {"matrix": sp.Matrix([[1, 2], [3, 5]]), "projection": sp.ones(2, 2) / 2},
        lambda d: {"matrix": sp.Matrix([[1, 2], [3, 5]]), "projection": sp.Matrix([[1, 3], [0, 0]])},
    ),
    "a point that is not stationary": (
        "schatten_reduction",
        "check_critical",
        lambda d: {"bracket": (d["mp"].mpf(1), d["mp"].mpf(5))},
        lambda d: {"bracket": (d["mp"].mpf(1), d["mp"].mpf(5)), "factor": d["mp"].mpf("1.0001")},
    ),
    "pairs have singular value two": (
        "structure_losses",
        "check_projection",
        lambda d: {"matrix": d["pairs_shape"](6, 3), "sigma": 2, "rank": 3},
        lambda d: {"matrix": d["pairs_shape"](6, 3), "sigma": 1, "rank": 6},
    ),
    "the simplex has rank K - 1": (
        "structure_losses",
        "check_projection",
        lambda d: {"matrix": d["simplex_shape"](5), "sigma": 1, "rank": 4},
        lambda d: {"matrix": d["simplex_shape"](5), "sigma": 1, "rank": 5},
    ),
    "non-edges of a code are negative": (
        "structure_losses",
        "check_two_distance",
        lambda d: {"sign": 1},
        lambda d: {"sign": -1},
    ),
    "a polygon has singular value K/2": (
        "structure_losses",
        "check_circulant",
        lambda d: {"K": 7, "frequencies": (1,), "sigma": d["mp"].mpf(7) / 2},
        lambda d: {"K": 7, "frequencies": (1,), "sigma": d["mp"].mpf(7)},
    ),
    "the simplex curve has exponent (L-1)/(L+1)": (
        "structure_losses",
        "check_simplex_curve",
        lambda d: {"power": 1 - d["p"]},
        lambda d: {"power": d["p"]},
    ),
    "the proof for pairs starts at four classes": (
        "structure_losses",
        "check_pairs_slope",
        lambda d: {"least_classes": 4},
        lambda d: {"least_classes": 3},
    ),
    "skewness lowers the growth of the elasticity": (
        "structure_losses",
        "check_growth",
        lambda d: {"sign": 1},
        lambda d: {"sign": -1},
    ),
    "one margin needs equal numbers of rivals": (
        "structure_losses",
        "check_increasing",
        lambda d: {"block": d["one_margin_block"](9, 9), "scales": d["GRID"]},
        lambda d: {"block": d["one_margin_block"](10**6, 1), "scales": d["GRID"]},
    ),
    "E >= 1 only far out": (
        "structure_losses",
        "check_far",
        lambda d: {"block": d["pairs_block"](1000)},
        lambda d: {"block": d["pairs_block"](1000), "share": d["mp"].mpf("0.25")},
    ),
    "the outer bracket needs twice the excess": (
        "structure_losses",
        "check_brackets",
        lambda d: {"block": d["one_margin_block"](9), "flat": d["mp"].mpf(1) / 3, "tau": d["mp"].mpf(-20)},
        lambda d: {
            "block": d["one_margin_block"](9),
            "flat": d["mp"].mpf(1) / 3,
            "tau": d["mp"].mpf(-20),
            "twice": d["mp"].mpf("0.5"),
        },
    ),
    "a reference loss with one wrong digit": (
        "structure_losses",
        "check_reference",
        lambda d: reference("0.0800126592451275299200"),
        lambda d: reference("0.0800126592451275299300"),
    ),
    "von Neumann's inequality has a direction": (
        "squared_error",
        "check_von_neumann",
        lambda d: {"rows": 3, "columns": 4},
        lambda d: {"rows": 3, "columns": 4, "sign": -1},
    ),
    "the squared-error curve has exponent (L-1)/(L+1)": (
        "squared_error",
        "check_stationarity",
        lambda d: {"power": 1 - d["p"]},
        lambda d: {"power": 1 - d["p"] / 2},
    ),
    "the threshold is (L-1)^(L-1) / L^(2L)": (
        "squared_error",
        "check_threshold",
        lambda d: {"power": 2 * d["L"]},
        lambda d: {"power": d["L"] + 1},
    ),
    "general shapes enter as (q/t)^(1-p)": (
        "squared_error",
        "check_substitution",
        lambda d: {"power": lambda p: 1 - p},
        lambda d: {"power": lambda p: p - 1},
    ),
    "the slope of V is penalty / lambda": (
        "phase_boundaries",
        "check_envelope",
        lambda d: {"divisor": d["lam"]},
        lambda d: {"divisor": d["lam"] * d["p"]},
    ),
    "the tie with zero divides by p": (
        "phase_boundaries",
        "check_tie",
        lambda d: {"divisor": d["p"]},
        lambda d: {"divisor": sp.Integer(1)},
    ),
    "z lowers the slope in depth": (
        "phase_boundaries",
        "check_depth_slope",
        lambda d: {"sign": -1},
        lambda d: {"sign": 1},
    ),
    "V is concave, not convex": (
        "phase_boundaries",
        "check_concave",
        simplex_points,
        lambda d: simplex_points(d) | {"sign": -1},
    ),
    "the enclosure has two ends": (
        "phase_boundaries",
        "check_enclosures",
        simplex_points,
        lambda d: simplex_points(d) | {"bounds": lambda first, last: d["enclosure"](first, last)[::-1]},
    ),
    "inner scales are not on the outer branch": (
        "phase_boundaries",
        "check_enclosures",
        simplex_points,
        lambda d: simplex_points(d) | {"scales": [d["mp"].mpf(s) / 100 for s in (9, 6, 3)]},
    ),
    "published odd pairs reach zero before 1/K": (
        "phase_boundaries",
        "check_vanishing",
        lambda d: {"matrix": d["simplex_shape"](5), "singular": ((1, 4),)},
        lambda d: {"matrix": odd_pairs(d), "singular": ((2, 2), (1, 1))},
    ),
}


@pytest.mark.parametrize(("script", "check", "right", "wrong"), CONTROLS.values(), ids=CONTROLS.keys())
def test_check_passes_when_right_and_fails_when_wrong(script, check, right, wrong):
    names = run(script)
    names[check](**right(names))
    with pytest.raises(AssertionError):
        names[check](**wrong(names))
