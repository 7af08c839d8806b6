"""Every claim on a small part of its domain: its verdict, and its control refuted."""

import numpy as np
import pytest

from optima.claims import library, run
from optima.claims.garrod2025.depth_limit import polygon, separates, zero_reg
from optima.claims.garrod2025.scaled_matrix import Line, comparison_depth, scale_ratio, step_sizes
from optima.claims.garrod2025.simplex_rivals import region
from optima.claims.garrod2025.theorem6 import limits
from optima.claims.garrod2025.theorem7 import relu_cost
from optima.claims.model.bounds import weak_bound
from optima.model import DeepUFM
from optima.scales import best_scales, boundary
from optima.structures import named

FEW = (1e-6, 1e-3, 1e-2)
SMALL = {
    "garrod2025.lemma1": ("proved", {"classes": (2, 3), "depths": (1, 3), "seeds": (0,)}),
    "garrod2025.proposition1": ("proved", {"classes": (2, 5), "depths": (1, 4)}),
    "garrod2025.theorem1": ("proved", {"classes": (4, 6), "depths": (1, 3), "regs": FEW}),
    "garrod2025.theorem2": ("holds", {"classes": (5,), "multiples": (1, 10), "regs": FEW}),
    "garrod2025.theorem3": ("holds", {"classes": (2, 4), "depths": (10, 20, 10**5)}),
    "garrod2025.theorem4": ("proved", {"classes": (4, 9), "depths": (2, 5), "regs": (1e-300, 1e-3, 0.99)}),
    "garrod2025.theorem5": ("counterexample", {"classes": (3, 4), "depths": (2,), "widths": (4,)}),
    "garrod2025.theorem6": ("proved", {"classes": (4, 10), "depths": (2, 5), "samples": (1, 5)}),
    "garrod2025.theorem7": ("proved", {"classes": (10, 11, 16, 17), "depths": (4, 5), "regs": (1e-3,)}),
    "garrod2025.theoremA1": ("holds", {"classes": (6,), "ratios": (10,), "shares": (0.5,), "regs": FEW}),
    "garrod2025.theoremA2": ("holds", {"classes": (4,), "ratios": (2,), "depths": (10, 20, 1000)}),
    "garrod2025.theoremA3": ("holds", {"classes": (4, 5), "ratios": (10,), "shares": (0.5,)}),
    "garrod2026depth.basin": ("proved", {"classes": (4,), "depths": (3,), "starts": (0.1, 1.0)}),
    "garrod2026depth.bridge": ("proved", {"classes": (4, 6), "depths": (2,)}),
    "garrod2026depth.limits": ("proved", {"depths": (3,)}),
    "garrod2026depth.repulsion": ("proved", {"classes": (4, 6), "depths": (2, 5)}),
    "garrod2026depth.singular_value_flow": ("proved", {"classes": (3, 4), "depths": (2,), "samples": (2,)}),
    "garrod2026spectra.cross_entropy": ("proved", {"classes": (2, 4), "depths": (1, 2), "samples": (2,)}),
    "garrod2026spectra.last_layer": ("holds", {"classes": (4, 6), "depths": (2,), "samples": (1,), "regs": (1e-3,)}),
    "garrod2026spectra.relu": ("proved", {"classes": (3,), "depths": (3,), "samples": (2,), "regs": (1e-3,)}),
    "garrod2026spectra.theorem4_1": ("proved", {"classes": (3,), "depths": (3,), "samples": (2,)}),
    "garrod2026spectra.theorem4_2": ("proved", {"classes": (3,), "depths": (2,), "samples": (2,)}),
    "garrod2026spectra.theorem4_3": ("proved", {"classes": (3,), "depths": (2,), "samples": (2,)}),
    "garrod2026spectra.theorem4_4": ("proved", {"classes": (3,), "depths": (3,), "samples": (2,)}),
    "garrod2026spectra.whole_hessian": ("proved", {"classes": (3,), "depths": (3,), "samples": (2,)}),
    "model.averaging": ("proved", {"classes": (2, 4), "depths": (2,), "seeds": (0, 1)}),
    "model.depth_one": ("proved", {"classes": (2, 7)}),
    "model.jensen_bound": ("proved", {"classes": (3,), "depths": (1, 3), "regs": (1e-3,)}),
    "model.ladder": ("holds", {"classes": (4,), "depths": (2, 3), "regs": (1e-3,)}),
    "model.minimal_rank": ("proved", {"classes": range(2, 12)}),
    "model.odd_pairs": ("holds", {"classes": (3, 7), "depths": (1, 3)}),
    "model.reduction": ("proved", {"classes": (3,), "depths": (1, 4), "seeds": (0,)}),
    "model.rung_factors": ("proved", {"classes": (3,), "depths": (1, 4), "seeds": (0,)}),
    "model.samples": ("proved", {"classes": (3,), "depths": (1, 4)}),
    "model.scale": ("proved", {"classes": (2, 7), "depths": (1, 4)}),
    "model.small_reg": ("proved", {"classes": (5, 8), "depths": (1, 3)}),
    "model.solution_dimension": ("proved", {"classes": (4,), "depths": (2,), "widths": (4,)}),
    "model.squared_error": ("proved", {"classes": (2,), "depths": (2, 3), "samples": (1,)}),
    "model.structures": ("proved", {"classes": (5, 6), "depths": (2,)}),
    "model.tangent_bound": ("proved", {"classes": (3,), "seeds": (0, 1)}),
    "networks.closed_forms": ("proved", {"classes": (3, 7), "more": (0, 1)}),
    "networks.collapse": ("holds", {"classes": (3, 5), "depths": (2, 4)}),
    "networks.depth_four": ("proved", {"classes": (3, 6), "depths": (4, 7), "regs": FEW}),
    "networks.depth_limit": ("proved", {"classes": (3,), "depths": (10, 1000)}),
    "networks.depth_three": ("proved", {"classes": (7, 8), "regs": FEW, "samples": (2,)}),
    "networks.depth_three_small": ("holds", {"classes": (3,)}),
    "networks.depth_two_small": ("holds", {"classes": (3, 4), "seeds": (0,)}),
    "networks.depth_two": ("proved", {"classes": (138, 140), "regs": FEW}),
    "networks.fans": ("proved", {"classes": (3, 5), "multiples": (1, 10)}),
    "networks.gram_chain": ("proved", {"classes": (4,), "depths": (3,), "samples": (2,)}),
    "networks.in_sets": ("proved", {"points": (6, 7), "depths": (3, 7), "regs": FEW}),
    "networks.kinks": ("proved", {"classes": (3,), "depths": (3,)}),
    "networks.lifted_codes": ("proved", {"classes": (6, 10), "depths": (3,)}),
    "networks.lifted_pairs": ("proved", {"classes": (4, 8), "depths": (2, 4), "regs": FEW}),
    "networks.nuclear_bound": ("proved", {"classes": (3, 7), "depths": (2, 4), "regs": FEW}),
    "networks.pointed_edges": ("proved", {"depths": (3, 5), "regs": FEW}),
    "networks.price": ("proved", {"classes": (3,), "depths": (2, 4), "samples": (2,), "seeds": (0,)}),
    "networks.three_subsets": ("proved", {"points": (7, 8), "depths": (3,), "regs": FEW[:2]}),
    "networks.two_classes": ("proved", {"depths": (2, 7)}),
    "networks.two_directions": ("proved", {"classes": (2, 4), "depths": (2, 5), "seeds": (0, 1)}),
    "sukenik2024.beats_collapse": ("proved", {"classes": (6, 10, 12), "depths": (3, 4), "regs": FEW}),
    "sukenik2024.closed_form": ("proved", {"points": (4, 5), "depths": (3, 4), "samples": (2,), "seeds": (0,)}),
    "sukenik2024.nuclear_norm": ("counterexample", {"classes": (2, 3)}),
    "sukenik2024.rank": ("proved", {"points": (4, 6), "depths": (3, 5)}),
    "sukenik2024.sign": ("holds", {"points": (5, 8), "regs": FEW}),
    "zangrando2025.forecast": ("holds", {"depths": (2,), "regs": (2e-3,), "seeds": (0,)}),
    "zangrando2025.free_features": ("proved", {"classes": (3,), "depths": (2,), "seeds": (0,)}),
    "zangrando2025.rank_bound": ("proved", {"classes": (2,), "depths": (2,), "seeds": (0,)}),
}


def test_every_claim_is_here():
    assert set(SMALL) == set(library())


# These take seconds each also on a small grid.
LONG = (
    "model.scale",
    "garrod2025.theoremA2",
    "garrod2025.theorem6",
    "networks.closed_forms",
    "networks.depth_four",
    "networks.gram_chain",
    "networks.kinks",
)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name in LONG else name for name in SMALL]
)
def test_claim(name):
    verdict, axes = SMALL[name]
    outcome = run(library()[name], axes)
    assert outcome.finding.kind == verdict, outcome.finding.why
    assert outcome.control_words == "refuted"
    assert outcome.finding.cases > 0
    assert np.isfinite(outcome.finding.margin)


@pytest.mark.parametrize("name", SMALL)
def test_deep_axes_are_larger(name):
    made = library()[name]
    assert made.deep
    assert all(len(values) >= len(made.axes[axis]) for axis, values in made.deep.items())


def test_theorem1_is_proved_where_it_is_and_nowhere_else():
    everywhere = lambda classes, depth: True
    check = library()["garrod2025.theorem1"].check
    margins = {
        (K, L): min(
            e.margin.min()
            for e in check((K,), (L,), (1e-8,), domain=everywhere, mapped=False)
            if hasattr(e, "margin") and len(e)
        )
        for K, L in ((4, 3), (6, 2), (4, 2), (5, 2), (7, 1))
    }
    assert margins[4, 3] > 0
    assert margins[6, 2] > 0
    assert max(margins[4, 2], margins[5, 2], margins[7, 1]) < 0


def test_regions():
    assert region(2, 3).kind == "best everywhere"
    assert region(9, 1).known_by.startswith("exact")
    assert region(6, 2).kind == "nowhere best"
    four = region(4, 2)
    assert four.kind == "best below lam*"
    assert four.boundary[0] == pytest.approx(boundary("simplex", "pairs", 4, 2)[0], rel=1e-8)
    assert "closed form of pairs" in four.known_by


@pytest.mark.slow
def test_the_square_pyramid_beats_the_simplex_at_five_classes():
    found = region(5, 2)
    assert found.rival == "square-pyramid"
    assert found.boundary[0] == pytest.approx(1.235745544e-4, rel=1e-6)


def test_limits_of_theorem6_against_hand_calculation():
    frobenius, spectral, trace = limits(4, 3, 1)
    # K = 4, L = 3, n = 1: F_S = 16 * 48 + 3 * 20, F_P = 2 * (16 * 2 + 10).
    assert frobenius == pytest.approx(0.25 * np.sqrt((16 * 48 + 60) / (2 * 42)))
    assert (spectral, trace) == (1.0, pytest.approx(6 * 13 / (16 * 6)))


def test_relu_cost_at_the_corners_of_theorem7():
    assert relu_cost(14, 4) < 13
    assert relu_cost(12, 4) > 11
    assert relu_cost(15, 4) < 14
    assert relu_cost(13, 4) > 12


def test_line_minimum_agrees_with_the_scalar_solver():
    simplex = named("simplex", 6)
    regs = np.array([1e-6, 1e-3, 1e-2, 0.5])
    value, scale = Line(simplex.shape(), (3,) * 6).minimum(3, regs)
    best = best_scales(simplex, 3, regs, 3)
    assert np.allclose(value, best.loss, rtol=1e-11)
    assert np.allclose(scale, best.scales[0], rtol=1e-4)


def test_scale_ratio_and_depth_of_a_matrix_with_itself_doubled():
    high = Line(np.eye(5) - 0.2, (1,) * 5)
    low = Line(polygon(5), (1,) * 5)
    ratio = scale_ratio(low, high)
    assert comparison_depth(low, high, ratio) >= 1
    assert scale_ratio(high, high) == pytest.approx(1, rel=1e-6)


def test_step_sizes():
    assert step_sizes(4, 10, 0.5) == (10, 10, 1, 1)
    assert separates((1, 1), 0.1) > 0 > separates((1, 1), 1.0)
    assert zero_reg(4, 1) == pytest.approx(np.log(4))


def test_weak_bound_is_below_every_structure():
    problem = DeepUFM(5, 3, 1e-3)
    assert 0 < weak_bound(problem) < float(best_scales(named("polygon", 5), 3, 1e-3).loss)
