"""Phase diagrams: the ties are where two minima have one loss, and nothing lies below them."""

import math

import numpy as np
import pytest

from optima import DeepUFM, Reduction, best_scales, boundary, boundary_depth, solve
from optima.atlas import Record, Store
from optima.atlas.record import split
from optima.phases.diagram import phase_diagram
from optima.phases.envelope import envelope
from optima.phases.ties import (
    BETWEEN,
    BIFURCATION,
    CLOSED_FORM,
    FOLLOWED,
    Branch,
    at_depth,
    change,
    crossing,
    tie_in_depth,
    tie_in_reg,
)
from optima.structures import named


def record(name, problem):
    """A named structure at its best scale, as a record."""
    structure = named(name, problem.classes)
    scales = best_scales(structure, problem.depth, problem.reg, problem.samples).scales
    means = structure.shape(tuple(np.atleast_1d(scales).ravel()))
    found = Record.of(solve(problem, effort="quick"))
    U, s, V = np.linalg.svd(means)
    rank = structure.rank
    factors = np.stack([U[:, :rank] * np.sqrt(s[:rank]), V[:rank].T * np.sqrt(s[:rank])])
    loss = Reduction(problem).value(means)
    return Record(problem, factors, loss, name, found.named, "", "", 0, "quick")


@pytest.fixture(scope="module")
def four():
    """Simplex at small lambda and pairs at a larger one, K = 4, L = 2."""
    return [record(name, DeepUFM(4, 2, reg)) for name, reg in (("simplex", 1e-3), ("pairs", 5e-2))]


@pytest.fixture(scope="module")
def diagram(tmp_path_factory):
    """K = 4, L = 2 and 3."""
    from concurrent.futures import ThreadPoolExecutor
    from functools import partial

    axes = {"reg": [1e-4, 1e-3, 5e-2, 0.3], "depth": [2, 3]}
    with Store(tmp_path_factory.mktemp("phase") / "atlas.sqlite", write=True) as store:
        executors = partial(ThreadPoolExecutor, 1)
        return phase_diagram("reg", "depth", axes, {"classes": 4}, store, effort="quick", executors=executors)


def test_a_named_tie_is_the_boundary(four):
    (expected,) = boundary("simplex", "pairs", 4, 2)
    tie = tie_in_reg(*four, math.log(1e-3), math.log(5e-2))
    assert tie.known_by == CLOSED_FORM
    assert math.exp(tie.at) == pytest.approx(expected, rel=1e-12)


def test_a_followed_tie_is_the_boundary_too(four):
    import dataclasses

    unnamed = [dataclasses.replace(each, description="unnamed (rank)") for each in four]
    tie = tie_in_reg(*unnamed, math.log(1e-3), math.log(5e-2))
    assert tie.known_by == FOLLOWED
    assert math.exp(tie.at) == pytest.approx(boundary("simplex", "pairs", 4, 2)[0], rel=1e-6)


def test_a_tie_in_depth(four):
    first, second = record("simplex", DeepUFM(4, 2, 1e-3)), record("pairs", DeepUFM(4, 3, 1e-3))
    tie = tie_in_depth(first, second)
    assert tie.at == pytest.approx(boundary_depth("simplex", "pairs", 4, 1e-3, depths=(2.0, 3.0))[0], abs=1e-9)


def test_no_tie_where_one_stays_below(four):
    tie = tie_in_reg(*four, math.log(1e-4), math.log(1e-3))
    assert tie.known_by == BETWEEN


def test_a_structure_of_scale_zero_is_the_zero_logits():
    zero, pairs = (record(name, DeepUFM(4, 3, reg)) for name, reg in (("zero", 0.3), ("pairs", 0.01)))
    branches = [Branch.of(pairs), Branch.of(zero)]
    runs = envelope(branches, 3.0, np.log([0.01, 0.1, 0.3, 1.0]))
    assert [winner for _, _, winner, _ in runs] == [0, 1]
    assert math.exp(runs[0][1]) == pytest.approx(boundary("zero", "pairs", 4, 3)[0], rel=1e-9)


def test_branches_that_run_into_one_minimum_do_not_alternate(four):
    import dataclasses

    twin = dataclasses.replace(four[1], description="unnamed (rank)")
    runs = envelope([Branch.of(four[1]), Branch.of(twin)], 2.3, np.log(np.geomspace(1e-4, 5e-2, 20)))
    assert [winner for _, _, winner, _ in runs] == [0]


def test_the_envelope_is_the_least_of_a_fine_grid(four):
    branches = [Branch.of(each) for each in four]
    for depth in (1.7, 2.0, 2.2):
        runs = envelope(branches, depth, np.log(np.geomspace(1e-6, 5e-2, 12)))
        for x in np.linspace(math.log(1e-6), math.log(5e-2), 57):
            winner = next(w for low, high, w, _ in runs if low <= x <= high)
            losses = [branch.loss(depth, x) for branch in branches]
            assert losses[winner] <= min(losses) * (1 + 1e-6)
    assert crossing(*branches, math.log(1e-6), math.log(1e-5), at_depth(2.0)) is None


@pytest.fixture(scope="module")
def tetrahedral():
    """K = 16, L = 3: the truncated tetrahedron with caps, and what it becomes when it loses its symmetry."""
    corners = {(3, 1, 1), (1, 3, 1), (1, 1, 3)}
    signs = [(1, 1, 1), (1, -1, -1), (-1, 1, -1), (-1, -1, 1)]
    caps = [np.multiply((-1.9, -1.9, -1.9), sign) for sign in signs]
    code = np.array([*(np.multiply(corner, sign) for corner in sorted(corners) for sign in signs), *caps], dtype=float)
    bent = code + 0.3 * np.random.default_rng(0).standard_normal(code.shape)
    branches = []
    for points, reg in ((code, 0.055), (bent, 0.068)):
        problem = DeepUFM(16, 3, reg)
        means = points @ points.T
        branch = Branch.of(Record(problem, split(problem, means), math.inf, "unnamed", math.nan, "", "", 0, "quick"))
        branches.append(Branch.of(branch.at(problem)))
    return branches


def test_a_minimum_that_loses_its_symmetry(tetrahedral):
    low, high = math.log(0.05), math.log(0.085)
    at, known_by = change(*tetrahedral, low, high, at_depth(3.0))
    assert known_by == BIFURCATION
    assert change(*reversed(tetrahedral), low, high, at_depth(3.0)) == (pytest.approx(at, abs=1e-7), BIFURCATION)
    parted = [np.subtract(*(branch.loss(3.0, at + step) for branch in tetrahedral)) for step in (-0.05, 0.02, 0.04)]
    assert parted[0] == pytest.approx(0, abs=1e-9)
    # Quadratic beyond it.
    assert parted[2] / parted[1] == pytest.approx(4, rel=0.1)
    assert parted[1] > 1e-7


def test_no_bifurcation_where_there_is_none(tetrahedral):
    symmetric, bent = tetrahedral
    assert change(symmetric, symmetric, math.log(0.05), math.log(0.085), at_depth(3.0))[0] is None
    assert change(symmetric, bent, math.log(0.045), math.log(0.05), at_depth(3.0))[0] is None
    assert change(symmetric, bent, math.log(0.075), math.log(0.08), at_depth(3.0))[0] is None


def test_the_rows_of_a_diagram(diagram):
    assert (diagram.along, diagram.across, diagram.rows) == ("reg", "depth", (2, 3))
    names = [[(row["first"], row["second"]) for row in diagram.boundaries() if row["depth"] == L] for L in (2, 3)]
    # The phase of rank one is thinner than the grid: it shows only at the tie of its neighbours.
    assert names[0] == [("simplex", "pairs"), ("pairs", "unnamed (rank 1)"), ("unnamed (rank 1)", "zero")]
    assert names[1] == [("pairs", "unnamed (rank 1)"), ("unnamed (rank 1)", "zero")]


def test_no_search_beats_the_phases_at_their_ties(diagram):
    for row in diagram.boundaries():
        tie = next(t for ties in diagram.ties for t in ties if math.exp(t.at) == row["reg"])
        found = solve(DeepUFM(4, row["depth"], row["reg"]), effort="quick")
        assert found.loss >= tie.loss * (1 - 1e-8)
        assert found.loss <= tie.loss * (1 + 1e-6)


def test_strips_between_the_rows_fill_the_axis(diagram):
    rows = [strip[0].row for strip in diagram.strips]
    assert rows == sorted(rows)
    assert (rows[0], rows[-1]) == (0, 1)
    assert len(rows) >= 7
    for strip in diagram.strips:
        ends = [strip[0].low, *(phase.high for phase in strip)]
        assert [phase.low for phase in strip] == ends[:-1]
        assert ends == sorted(ends)
        assert (ends[0], ends[-1]) == pytest.approx((math.log(1e-4), math.log(0.3)))


def test_data(diagram):
    cells = diagram.table()
    assert {(cell["depth"], cell["reg"]) for cell in cells} >= {(2, 1e-4), (3, 0.3)}
    for cell in cells:
        assert cell["gap"] is None or 0 <= cell["gap"] < 1


@pytest.mark.parametrize(
    ("x", "y", "axes", "sentence"),
    [
        ("reg", "margin", {"reg": [1, 2], "margin": [1, 2]}, "pass one of 'classes'"),
        ("reg", "reg", {"reg": [1, 2]}, "pass two that differ"),
        ("reg", "depth", {"reg": [1, 2], "depth": [1]}, "pass at least two"),
    ],
)
def test_mistakes(tmp_path, x, y, axes, sentence):
    with Store(tmp_path / "a", write=True) as store, pytest.raises(ValueError, match=sentence):
        phase_diagram(x, y, axes, {"classes": 4}, store)
