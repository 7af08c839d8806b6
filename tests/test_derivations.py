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
    "every set has the weight 1_T - (k - 1)/k": (
        "network_in_sets",
        "check_weight",
        lambda d: {"points": 6, "size": 2, "inside": 3},
        lambda d: {"points": 6, "size": 2, "inside": 3, "share": d["sp"].Rational(1, 3)},
    ),
    "each subset is in C(r-k-j, t-k) sets": (
        "network_in_sets",
        "check_eigenvalues",
        lambda d: {"points": 6, "size": 2, "inside": 3},
        lambda d: {"points": 6, "size": 2, "inside": 3, "theta": lambda r, k, t, j: d["comb"](t, k) * (j + 1)},
    ),
    "for five points nothing is below both ends": (
        "network_in_sets",
        "check_between",
        lambda d: {"points": 6},
        lambda d: {"points": 4},
    ),
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
    "five roots of a hexagon are not tight": (
        "structure_losses",
        "check_tight",
        lambda d: {"points": d["a_roots"](2), "rank": 2},
        lambda d: {"points": d["a_roots"](2)[1:], "rank": 2},
    ),
    "the icosahedron has rank 3": (
        "structure_losses",
        "check_tight",
        lambda d: {"points": d["icosahedron"](), "rank": 3},
        lambda d: {"points": d["icosahedron"](), "rank": 4},
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
    "pairs fit better because partners are further away": (
        "pairs_beat_simplex",
        "check_fit",
        lambda d: {"partner": 2},
        lambda d: {"partner": 1},
    ),
    "pairs have singular value two, not one": (
        "pairs_beat_simplex",
        "check_penalty",
        lambda d: {"pair_value": 2},
        lambda d: {"pair_value": 1},
    ),
    "at K = 4, L = 2 pairs cost more": (
        "pairs_beat_simplex",
        "check_corner",
        lambda d: {"pairs": 2, "depth": 3},
        lambda d: {"pairs": 2, "depth": 2},
    ),
    "pairs are not deep neural collapse": (
        "collapse",
        "check_collapse",
        lambda d: {"basis": d["BASIS"]},
        lambda d: {"basis": d["PAIR_BASIS"]},
    ),
    "the relu network balances its first two factors": (
        "relu_pairs",
        "check_network",
        lambda d: {"first": (d["K"] + 2) / d["K"]},
        lambda d: {"first": sp.Integer(1)},
    ),
    "the relu cost has exponent 3/(L+1)": (
        "relu_pairs",
        "check_cost",
        lambda d: {"power": 3},
        lambda d: {"power": 2},
    ),
    "at K = 8, L = 4 the relu network costs more": (
        "relu_pairs",
        "check_corner",
        lambda d: {"classes": 14, "depth": 4},
        lambda d: {"classes": 8, "depth": 4},
    ),
    "logits need more beside one direction": (
        "network_rank_two",
        "check_rest",
        lambda d: {"norm": None},
        lambda d: {"norm": 1.0},
    ),
    "no graph beats collapse at depth two": (
        "network_transversal",
        "check_graphs",
        lambda d: {"classes": 137},
        lambda d: {"classes": 138},
    ),
    "scales of factors cost alpha^(2/(L+1))": (
        "network_price",
        "check_am_gm",
        lambda d: {"power": 1.0},
        lambda d: {"power": 1.1},
    ),
    "the ridge has the whole of lambda K": (
        "network_price",
        "check_ridge",
        lambda d: {"share": 1.0},
        lambda d: {"share": 0.9},
    ),
    "the elasticity can fall with slope above one half": (
        "network_price",
        "check_elasticity",
        lambda d: {"steepest": 1.0},
        lambda d: {"steepest": 0.2},
    ),
    "the nuclear norm needs the whole product": (
        "network_price",
        "check_product",
        lambda d: {"factor": 1.0},
        lambda d: {"factor": 0.02},
    ),
    "relu raises the nuclear norm of the cosine by 13.66 per cent at most": (
        "network_price",
        "check_cosine",
        lambda d: {"N": 200, "ratio": 1.13},
        lambda d: {"N": 200, "ratio": 1.14},
    ),
    "the samples of a class count in its cost": (
        "network_price",
        "check_one_class",
        lambda d: {"size": 1.0},
        lambda d: {"size": 40.0},
    ),
    "lines below the fit are as steep as the largest share": (
        "network_price",
        "check_shares",
        lambda d: {"steepness": 1.0},
        lambda d: {"steepness": 0.5},
    ),
    "the stage of edges costs K r / 4": (
        "network_subsets",
        "check_stage",
        lambda d: {"points": 5, "size": 2, "bound": 1, "norm": sp.Rational(50, 4)},
        lambda d: {"points": 5, "size": 2, "bound": 1, "norm": sp.Rational(60, 4)},
    ),
    "the graph of disjoint edges has the eigenvalue 3 - r": (
        "network_subsets",
        "check_srg",
        lambda d: {"points": 5, "upper": 2},
        lambda d: {"points": 5, "upper": 3},
    ),
    "at L = 3, r = 4 the network costs more than collapse": (
        "network_subsets",
        "check_ratio",
        lambda d: {"points": 4, "depth": 3, "value": 1.0561},
        lambda d: {"points": 4, "depth": 3, "value": 0.9633},
    ),
    "half a one does not lift pairs": (
        "network_lifted_pairs",
        "check_stem",
        lambda d: {"half": 3, "shift": 1},
        lambda d: {"half": 3, "shift": sp.Rational(1, 2)},
    ),
    "1 + 2x comes d times": (
        "network_lifted_pairs",
        "check_layer",
        lambda d: {"half": 3, "share": sp.Rational(1, 2)},
        lambda d: {"half": 3, "share": sp.Rational(1, 2), "copies": 2},
    ),
    "lifted pairs cost more than collapse at K = 6, L = 3": (
        "network_lifted_pairs",
        "check_wins",
        lambda d: {"half": 4, "depth": 3, "share": sp.Rational(1, 3)},
        lambda d: {"half": 3, "depth": 3, "share": sp.Rational(1, 3)},
    ),
    "a lift by less than the inradius is negative": (
        "network_lifted_codes",
        "check_lift",
        lambda d: dict(zip(("points", "normals", "inradius"), (*d["octahedron"](), 3**-0.5), strict=True)),
        lambda d: dict(zip(("points", "normals", "inradius"), (*d["octahedron"](), 0.5), strict=True)),
    ),
    "seven classes beat collapse, six would not": (
        "network_pointed_edges",
        "check_wins",
        lambda d: {"depth": 3, "classes": 7},
        lambda d: {"depth": 3, "classes": 6},
    ),
    "the last row counts a ninth": (
        "network_pointed_edges",
        "check_inverse",
        lambda d: {"third": d["h"][2]},
        lambda d: {"third": d["h"][2] + d["m"] / 9},
    ),
    "blocks of different scale do not add": (
        "network_thresholds",
        "check_sum",
        lambda d: {"shares": (1, 1)},
        lambda d: {"shares": (1, sp.Rational(1, 2))},
    ),
    "at K = 6, L = 3 edges against points cost more than collapse": (
        "network_thresholds",
        "check_published",
        lambda d: {"points": 5, "depth": 3},
        lambda d: {"points": 4, "depth": 3},
    ),
    "at L = 3 three classes in the plane cost more than collapse": (
        "network_thresholds",
        "check_triangle",
        lambda d: {"depth": 4},
        lambda d: {"depth": 3},
    ),
    "the mixed term of the nuclear norm is doubled": (
        "network_thresholds",
        "check_other_sign",
        lambda d: {"cross": 2},
        lambda d: {"cross": 1},
    ),
    "three-subsets of eight points cost .7963": (
        "network_thresholds",
        "check_three_subsets",
        lambda d: {"points": 8, "value": sp.Rational("0.7963")},
        lambda d: {"points": 8, "value": sp.Rational("0.8403")},
    ),
    "the chain has the whole nuclear norm": (
        "network_gram_chain",
        "check_chain",
        lambda d: {"share": 1.0},
        lambda d: {"share": 0.9},
    ),
    "the dual bounds are not a hundredth of the minimum": (
        "network_gram_chain",
        "check_duality",
        lambda d: {"slack": 1.0},
        lambda d: {"slack": 0.01},
    ),
    "relu does not raise every nuclear norm": (
        "network_nuclear_norm",
        "check_raised",
        lambda d: {"matrix": d["M"]},
        lambda d: {"matrix": sp.Matrix([[1, 0, 1], [1, 1, 0], [0, 1, 1]])},
    ),
    "with three columns the polar factor is no dual point": (
        "network_nuclear_norm",
        "check_polar",
        lambda d: {"columns": 2},
        lambda d: {"columns": 3},
    ),
    "the bound by inner products needs the norm one": (
        "network_nuclear_norm",
        "check_gram_bound",
        lambda d: {"slack": 1.0},
        lambda d: {"slack": 0.7},
    ),
    "with three columns relu can raise the nuclear norm": (
        "network_nuclear_norm",
        "check_least",
        lambda d: {"matrices": [[[1, -1], [1, 1], [0, 1]]]},
        lambda d: {"matrices": [[[1, 0, 1], [1, 1, 0], [0, 1, -1]]]},
    ),
    "the first layer costs no fifth more than two directions": (
        "network_rank_two",
        "check_first",
        lambda d: {"factor": 1.0},
        lambda d: {"factor": 1.2},
    ),
    "later layers cost no three times two directions": (
        "network_rank_two",
        "check_later",
        lambda d: {"factor": 1.0},
        lambda d: {"factor": 3.0},
    ),
    "two classes attain the bound, so that no larger base holds": (
        "network_rank_two",
        "check_bound",
        lambda d: {"base": 2},
        lambda d: {"base": 2.1},
    ),
    "at depth two three classes cost 2.9156 at least": (
        "network_rank_two",
        "check_depth_two",
        lambda d: {"value": 2.9156},
        lambda d: {"value": 3.0},
    ),
    "lifted pairs are cheaper by the square of (1 + sqrt(2/K))/2": (
        "network_lifted_codes",
        "check_theorem7",
        lambda d: {"ratio": ((1 + sp.sqrt(2 / d["K"])) / 2) ** 2},
        lambda d: {"ratio": (1 + sp.sqrt(2 / d["K"])) / 2},
    ),
    "the inradius of 2-subsets": (
        "network_lifted_codes",
        "check_two_subsets",
        lambda d: {"points": 5, "square": sp.Rational(2, 12)},
        lambda d: {"points": 5, "square": sp.Rational(2, 9)},
    ),
    "the triangle's output has 1 + 2 t^2": (
        "network_triangle",
        "check_output",
        lambda d: {"last": 1},
        lambda d: {"last": 2},
    ),
    "the triangle's hinges enter as sqrt 3": (
        "network_triangle",
        "check_best",
        lambda d: {"value": d["mp"].mpf("10.43956"), "root": 3},
        lambda d: {"value": d["mp"].mpf("10.43956"), "root": 4},
    ),
    "a fan is open by a right angle at most": (
        "network_fan",
        "check_triangular",
        lambda d: {"size": 6, "widest": d["np"].pi / 2},
        lambda d: {"size": 6, "widest": 2 * d["np"].pi},
    ),
    "a fan has rank two": (
        "network_fan",
        "check_depth",
        lambda d: {"size": 5, "rank": 2},
        lambda d: {"size": 5, "rank": 5},
    ),
    "edges that meet have the lesser margin": (
        "network_first_layer",
        "check_margins",
        lambda d: {"points": 5},
        lambda d: {"points": 5, "near": (2 * d["z1"] + d["z2"]) / 3},
    ),
    "the eigenspaces are not to be weighted equally": (
        "network_first_layer",
        "check_ratio",
        lambda d: {"ratio": d["r"] * (d["r"] - 3) ** 2 / (2 * (d["r"] - 1))},
        lambda d: {"ratio": 1},
    ),
    "transversals need an array of strength two": (
        "network_transversal",
        "check_array",
        lambda d: {"T": d["array"](3)},
        lambda d: {"T": d["array"](3)[:8, :]},
    ),
    "at K = 135 transversals cost more": (
        "network_transversal",
        "check_corner",
        lambda d: {"classes": 138, "share": sp.Rational(1, 3)},
        lambda d: {"classes": 135, "share": sp.Rational(1, 3)},
    ),
    "layers couple with power (l-k-1)/m": (
        "simplex_hessian",
        "check_second_order",
        lambda d: {"shift": 1},
        lambda d: {"shift": 0},
    ),
    "the coupling of layers has a sign": (
        "simplex_hessian",
        "check_chain",
        lambda d: {"depth": 3, "sign": 1},
        lambda d: {"depth": 3, "sign": -1},
    ),
    "the unit of curvature is a/K": (
        "simplex_hessian",
        "check_unit",
        lambda d: {"power": (d["L"] - 1) / (d["L"] + 1)},
        lambda d: {"power": (d["L"] - 1) / d["L"]},
    ),
    "the standard representation has K - 1": (
        "simplex_hessian",
        "check_standard",
        lambda d: {"corner": d["K"] - 1},
        lambda d: {"corner": d["K"]},
    ),
    "the simplex direction has K": (
        "simplex_hessian",
        "check_star",
        lambda d: {"size": 4, "value": 4},
        lambda d: {"size": 4, "value": 3},
    ),
    "the Hessian turns at K (L-1)/(L+1)": (
        "simplex_hessian",
        "check_semidefinite",
        lambda d: {"bound": (d["L"] - 1) / (d["L"] + 1)},
        lambda d: {"bound": (d["L"] - 1) / (d["L"] + 2)},
    ),
    "pairs have twice the scale as singular value": (
        "hessian_norms",
        "check_unit",
        lambda d: {"singular": 2},
        lambda d: {"singular": 1},
    ),
    "a pair's own direction has (K-2)/2": (
        "hessian_norms",
        "check_pairs_form",
        lambda d: {"size": 6, "inner": 2},
        lambda d: {"size": 6, "inner": 3},
    ),
    "the constants have the factor (K-2)/(2K)": (
        "hessian_norms",
        "check_constants",
        lambda d: {"unit": (d["K"] - 2) / (2 * d["K"])},
        lambda d: {"unit": sp.Integer(1)},
    ),
    "repeated singular values do not lower the dimension": (
        "solution_dimension",
        "check_dimension",
        lambda d: {"roots": [2, 2], "depth": 2, "width": 3},
        lambda d: {"roots": [2, 2], "depth": 2, "width": 3, "correction": True},
    ),
    "the ratio of dimensions starts at one or above": (
        "solution_dimension",
        "check_ratio",
        lambda d: {"first": (d["K"] - 1) * (2 * d["d"] - d["K"])},
        lambda d: {"first": 2 * (d["K"] - 1) * (d["d"] - d["K"] + 1)},
    ),
    "rank one is enough for two classes only": (
        "minimal_rank",
        "check_rank_one",
        lambda d: {"classes": 3},
        lambda d: {"classes": 2},
    ),
    "a polygon has rank two": (
        "minimal_rank",
        "check_polygon",
        lambda d: {"classes": 5, "rank": 2},
        lambda d: {"classes": 5, "rank": 1},
    ),
    "the depth of comparison has a sign": (
        "depth_limit",
        "check_comparison",
        lambda d: {"sign": 1},
        lambda d: {"sign": -1},
    ),
    "the slope at zero can reach one half": (
        "depth_limit",
        "check_zero",
        lambda d: {"slope": sp.Rational(1, 2)},
        lambda d: {"slope": sp.Rational(2, 5)},
    ),
    "at three classes pairs have the rank of SEL": (
        "depth_limit",
        "check_sel",
        lambda d: {"classes": 4},
        lambda d: {"classes": 3},
    ),
    "the fit enters the second order": (
        "small_regularisation",
        "check_bracket",
        lambda d: {"fit": 1},
        lambda d: {"fit": 2},
    ),
    "the first order alone does not do": (
        "small_regularisation",
        "check_remainder",
        lambda d: {"name": "simplex", "K": 10, "depth": 2},
        lambda d: {"name": "simplex", "K": 10, "depth": 2, "order": 1},
    ),
    "the certificate needs a = log(1/lambda - K + 1)": (
        "depth_one",
        "check_certificate",
        lambda d: {"scale": sp.log(1 / d["lam"] - d["K"] + 1)},
        lambda d: {"scale": sp.log(1 / d["lam"] - d["K"])},
    ),
    "Jensen's bound has K - 1 rivals": (
        "lower_bounds",
        "check_jensen",
        lambda d: {"rivals": d["K"] - 1},
        lambda d: {"rivals": d["K"]},
    ),
    "completing the square gives a quarter": (
        "lower_bounds",
        "check_square",
        lambda d: {"factor": 4},
        lambda d: {"factor": 2},
    ),
    "a residual costs a quarter of its square": (
        "convex_concave",
        "check_residual",
        lambda d: {"factor": 4},
        lambda d: {"factor": 8},
    ),
    "the third direction enters <D, M> with a minus": (
        "convex_concave",
        "check_product",
        lambda d: {"last": -1},
        lambda d: {"last": 1},
    ),
    "directions of three classes need an arc of pi/6": (
        "convex_concave",
        "check_arc",
        lambda d: {"end": sp.pi.evalf() / 6},
        lambda d: {"end": sp.pi.evalf() / 7},
    ),
    "directions of four classes need reflections": (
        "convex_concave",
        "check_triangle",
        lambda d: {"moves": d["cube"]},
        lambda d: {"moves": [move for move in d["cube"] if move.det() == 1]},
    ),
    "a chart's boxes are empty by their extreme eigenvalues": (
        "convex_concave",
        "check_charts",
        lambda d: {"largest": lambda low, high: high[0] + high[2] - 2 * low[1]},
        lambda d: {"largest": lambda low, high: high[0] + high[2] - low[1] - high[1]},
    ),
    "the frame turns sqrt(1 + tan^2) times as fast": (
        "convex_concave",
        "check_speed",
        lambda d: {"bound": lambda beta: 1 + sp.tan(beta) ** 2},
        lambda d: {"bound": lambda beta: 1 + sp.tan(beta) ** 2 / 2},
    ),
    "caps need the mixed term": (
        "convex_concave",
        "check_cap",
        lambda d: {"cross": 1.0},
        lambda d: {"cross": 0.8},
    ),
    "thin values have the exponent 2/(L-1)": (
        "convex_concave",
        "check_thin",
        lambda d: {"exponent": lambda depth: sp.Rational(2, depth - 1)},
        lambda d: {"exponent": lambda depth: sp.Rational(2, depth)},
    ),
    "lines lose the square of what is across": (
        "convex_concave",
        "check_line",
        lambda d: {"second": 1},
        lambda d: {"second": 0},
    ),
    "bounds are concave in D by the least value about the third direction": (
        "convex_concave",
        "check_concave",
        lambda d: {"side": -1},
        lambda d: {"side": 1},
    ),
    "a softened minimum loses log(v) / beta": (
        "convex_concave",
        "check_softened",
        lambda d: {"share": 1.0},
        lambda d: {"share": 0.9},
    ),
    "one direction needs the whole sum of singular values": (
        "convex_concave",
        "check_one_direction",
        lambda d: {"rate": 1.0},
        lambda d: {"rate": 0.9},
    ),
    "D* is c q lambda^q where M* = 1": (
        "neighbourhood",
        "check_coordinates",
        lambda d: {"power": d["q"]},
        lambda d: {"power": d["q"] - 1},
    ),
    "equal eigenvalues bend the penalty 1 - q times": (
        "neighbourhood",
        "check_curvature",
        lambda d: {"limit": lambda power: 1 - power},
        lambda d: {"limit": lambda power: 1},
    ),
    "the penalty's curvature grows with the exponent q - 2": (
        "neighbourhood",
        "check_penalty",
        lambda d: {"exponent": lambda power: power - 2},
        lambda d: {"exponent": lambda power: power - 1},
    ),
    "the third derivative needs the whole range": (
        "neighbourhood",
        "check_third",
        lambda d: {"factor": 1.0},
        lambda d: {"factor": 0.9},
    ),
    "no more than psi of the curvature is left": (
        "neighbourhood",
        "check_bregman",
        lambda d: {"share": d["psi"]},
        lambda d: {"share": lambda reach: 1.02 * d["psi"](reach)},
    ),
    "inner minima lose a share of E": (
        "neighbourhood",
        "check_inner",
        lambda d: {"kept": lambda share: 1 - share},
        lambda d: {"kept": lambda share: 1},
    ),
    "entries off the diagonal count twice": (
        "neighbourhood",
        "check_duality",
        lambda d: {"off": 2.0},
        lambda d: {"off": 1.0},
    ),
    "turned directions move sqrt 2 sin": (
        "neighbourhood",
        "check_boxes",
        lambda d: {"length": 2**0.5},
        lambda d: {"length": 1.0},
    ),
    "a neighbourhood of the simplex that holds pairs": (
        "neighbourhood",
        "check_package",
        lambda d: d["simplex"](4, 3, 1e-3),
        lambda d: d["simplex"](4, 3, 1e-3) | {"reach": 40.0},
    ),
    "a small third value costs twice the root": (
        "plane_bound",
        "check_third",
        lambda d: {},
        lambda d: {"factor": 1},
    ),
    "a turned plane costs a polynomial": (
        "plane_bound",
        "check_polynomial",
        lambda d: {},
        lambda d: {"quartic": 2},
    ),
    "a plane turns as an isometry": (
        "plane_bound",
        "check_isometry",
        lambda d: {},
        lambda d: {"cosine": 2},
    ),
    "a turn costs its whole slope": (
        "plane_bound",
        "check_most",
        lambda d: {},
        lambda d: {"slope": 0.5},
    ),
    "a plane turns as far as its box": (
        "plane_bound",
        "check_boxes",
        lambda d: {},
        lambda d: {"wide": 0.8},
    ),
    "a third value costs a box twice the root": (
        "plane_bound",
        "check_boxes",
        lambda d: {},
        lambda d: {"third": 1.0},
    ),
    "a line leaves all classes but two with a rival": (
        "near_lines",
        "check_rivals",
        lambda d: {},
        lambda d: {"served": 1},
    ),
    "two classes are served by a line, not one": (
        "near_lines",
        "check_bound",
        lambda d: {},
        lambda d: {"served": 1},
    ),
    "logits across a line lower a rival by sqrt 2": (
        "near_lines",
        "check_bound",
        lambda d: {},
        lambda d: {"distance": 1.0},
    ),
    "the minimum is concave in lambda, not in its square root": (
        "price_of_minima",
        "check_prices",
        lambda d: {},
        lambda d: {"bend": 2.0},
    ),
    "the strip begins where the bound meets the line of A": (
        "price_of_minima",
        "check_ends",
        lambda d: {},
        lambda d: {"part": sp.Rational(9, 10)},
    ),
    "a narrower strip is not proved": (
        "price_of_minima",
        "check_strip",
        lambda d: {},
        lambda d: {"widen": 0.9},
    ),
    "thin values end at (c/A)^(p/(1-p))": (
        "price_of_minima",
        "check_least_price",
        lambda d: {},
        lambda d: {"exponent": 2},
    ),
    "some orders of four classes reach not every line": (
        "relabelled_boxes",
        "check_reached",
        lambda d: {},
        lambda d: {"orders": d["ORDERS"][:-2]},
    ),
    "sizes move with their classes": (
        "relabelled_boxes",
        "check_moved",
        lambda d: {},
        lambda d: {"back": True},
    ),
    "fewer rivals count (K-1)/(k-1) times": (
        "subsampling_bound",
        "check_fit",
        lambda d: {"Z": [[d["mp"].mpf(0)] * 5] * 5, "k": 3, "factor": d["mp"].mpf(2)},
        lambda d: {"Z": [[d["mp"].mpf(0)] * 5] * 5, "k": 3, "factor": d["mp"].mpf("2.001")},
    ),
    "both families of factors are averaged": (
        "pair_bound",
        "check_symmetric",
        lambda d: {"Z": d["np"].array([[10.0, -13, 2], [-3, -2, -1], [-10, -1, -4]])},
        lambda d: {"Z": d["np"].array([[10.0, -13, 2], [-3, -2, -1], [-10, -1, -4]]), "weight": 1.0},
    ),
    "the product of odds has a one": (
        "pair_bound",
        "check_product",
        lambda d: {},
        lambda d: {"less": 0},
    ),
    "lines touch the price at s^(2-p) = (1-p)/B": (
        "pair_bound",
        "check_stationary",
        lambda d: {},
        lambda d: {"power": lambda p: 1 / (1 - p)},
    ),
    "lines below the price bound the sum": (
        "pair_bound",
        "check_prices",
        lambda d: {"K": 5, "p": 0.5, "tau": 0.0},
        lambda d: {"K": 5, "p": 0.5, "tau": 0.0, "share": 40.0},
    ),
    "what is asked of a price is a parabola": (
        "pair_bound",
        "check_parabola",
        lambda d: {},
        lambda d: {"slope": d["sp"].Rational(1, 2)},
    ),
    "the largest parts spend least": (
        "pair_bound",
        "check_spent",
        lambda d: {"s": d["np"].array([3.0, 2.0, 1.0]), "p": 0.5},
        lambda d: {"s": d["np"].array([3.0, 2.0, 1.0]), "p": 0.5, "room": 1.1},
    ),
    "kernels are powers of the cosine": (
        "pair_bound",
        "check_kernel",
        lambda d: {"kernel": lambda u: u**3},
        lambda d: {"kernel": lambda u: u - 0.5},
    ),
    "a class is centred with itself": (
        "pair_bound",
        "check_split",
        lambda d: {},
        lambda d: {"own": 0},
    ),
    "squared distances are convex in each norm": (
        "pair_bound",
        "check_cells",
        lambda d: {},
        lambda d: {"D": lambda x, y, u: x + y - u * x * y},
    ),
    "the tangent of the penalty has half its exponent": (
        "rank_one_bound",
        "check_scale",
        lambda d: {},
        lambda d: {"parts": 3},
    ),
    "the least of a parabola has a half": (
        "rank_one_bound",
        "check_minimum",
        lambda d: {},
        lambda d: {"factor": 1},
    ),
    "the best probabilities pay for their pull": (
        "rank_one_bound",
        "check_touch",
        lambda d: {},
        lambda d: {"price": 0.5},
    ),
    "a square over a square is not convex": (
        "rank_one_bound",
        "check_perspective",
        lambda d: {},
        lambda d: {"power": 2},
    ),
    "rays are multiplied with one another": (
        "rank_one_bound",
        "check_box",
        lambda d: {},
        lambda d: {"cross": 2.0},
    ),
    "the penalty is concave in r^(2-p)": (
        "rank_one_bound",
        "check_concave",
        lambda d: {},
        lambda d: {"power": lambda p: 2 / (2 - p)},
    ),
    "joint concavity ends at q = 1/2": (
        "subsampling_bound",
        "check_concave",
        lambda d: {"ends": d["halves"](), "Z": d["mp"].eye(2), "r": d["mp"].mpf(1)},
        lambda d: {"ends": d["halves"](), "Z": d["mp"].eye(2), "r": d["mp"].mpf("1.01")},
    ),
    "the penalty of submatrices needs p <= 1": (
        "subsampling_bound",
        "check_penalty",
        lambda d: {"Z": d["identity"](4), "k": 2, "p": d["mp"].mpf(1)},
        lambda d: {"Z": d["identity"](4), "k": 2, "p": d["mp"].mpf("1.01")},
    ),
    "the penalty of submatrices shrinks no faster than (k/K)^p": (
        "subsampling_bound",
        "check_ones",
        lambda d: {"power": lambda p: p},
        lambda d: {"power": lambda p: p * sp.Rational(101, 100)},
    ),
    "the value of a layer goes with gamma squared": (
        "spectra_squared_error",
        "check_layer",
        lambda d: {"power": 2},
        lambda d: {"power": 1},
    ),
    "the class part has 1/K of the squared gradient": (
        "spectra_squared_error",
        "check_split",
        lambda d: {"classes": 3},
        lambda d: {"classes": 3, "share": sp.Integer(1)},
    ),
    "the multiplicities are all parameters": (
        "spectra_squared_error",
        "check_whole",
        lambda d: {},
        lambda d: {"one": lambda: d["L"] * (d["d"] - d["K"]) ** 2 + (d["d"] - d["K"]) * (d["N"] - d["K"])},
    ),
    "the frame is semidefinite from the fold on": (
        "spectra_squared_error",
        "check_semidefinite",
        lambda d: {},
        lambda d: {"at": (d["L"] - 1) / (d["L"] + 1)},
    ),
    "the top value of cross-entropy is lambda alpha P": (
        "spectra_cross_entropy",
        "check_simplex",
        lambda d: {},
        lambda d: {"spread": lambda K: 1},
    ),
    "the last layer of pairs is not projected": (
        "spectra_cross_entropy",
        "check_pairs",
        lambda d: {"classes": 6},
        lambda d: {"classes": 6, "last": lambda K: d["R"]},
    ),
    "masks of middle layers count twice": (
        "spectra_relu",
        "check_pattern",
        lambda d: {"neurons": 4, "on": (1, 3, 2)},
        lambda d: {"neurons": 4, "on": (1, 3, 2), "power": 1},
    ),
    "middle layers have K singular values": (
        "spectra_relu",
        "check_entropy",
        lambda d: {},
        lambda d: {"singular": d["K"] - 1},
    ),
    "singular values move as s^(2-2/m)": (
        "unregularised_flow",
        "check_exponent",
        lambda d: {"factors": 4},
        lambda d: {"factors": 4, "power": sp.Rational(7, 4)},
    ),
    "samples slow the flow by n^(-1/m)": (
        "unregularised_flow",
        "check_samples",
        lambda d: {},
        lambda d: {"power": -2 / d["m"]},
    ),
    "a simplex moves with K rivals' worth": (
        "unregularised_flow",
        "check_simplex",
        lambda d: {},
        lambda d: {"total": d["K"] - 1},
    ),
    "softmax attracts by rho / K": (
        "repulsion",
        "check_softmax",
        lambda d: {"orders": (4,)},
        lambda d: {"orders": (4,), "slope": -d["rho"] / 3},
    ),
    "repulsion grows as rho^(1-2/m)": (
        "repulsion",
        "check_law",
        lambda d: {},
        lambda d: {"power": 1 - 1 / d["m"]},
    ),
    "the simplex becomes a minimum at rho*": (
        "repulsion",
        "check_bridge",
        lambda d: {},
        lambda d: {"bound": (d["L"] - 1) / (d["L"] + 1)},
    ),
    "members of a group fall behind": (
        "basin_of_collapse",
        "check_rivals",
        lambda d: {},
        lambda d: {"sign": -1},
    ),
    "the separatrix tends to c^(-m/(m-2))": (
        "basin_of_collapse",
        "check_separatrix",
        lambda d: {},
        lambda d: {"limit": d["c"] ** (-d["m"] / (d["m"] - 1))},
    ),
    "the square ties at 2 / log2(3/2) factors": (
        "basin_of_collapse",
        "check_square",
        lambda d: {},
        lambda d: {"threshold": sp.Integer(3)},
    ),
}


@pytest.mark.parametrize(("script", "check", "right", "wrong"), CONTROLS.values(), ids=CONTROLS.keys())
def test_check_passes_when_right_and_fails_when_wrong(script, check, right, wrong):
    names = run(script)
    names[check](**right(names))
    with pytest.raises(AssertionError):
        names[check](**wrong(names))
