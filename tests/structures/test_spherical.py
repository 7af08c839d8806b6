"""Codes that verify themselves: their facts, what they refuse, and what they are worth."""

import numpy as np
import pytest

from optima import DeepUFM, catalogue, named
from optima.scales.losses import structure_losses
from optima.structures import golay, polytopes, roots
from optima.structures.names import WORDS
from optima.structures.spherical import Gram, Spherical
from optima.structures.spherical_codes import CODES

# Points, rank, and {cosine: number of points} of well-known codes, to 9 digits.
KNOWN = {
    "icosahedron": (12, 3, {0.447213595: 5, -0.447213595: 5, -1: 1}),
    "dodecahedron": (20, 3, {0.745355992: 3, 0.333333333: 6, -0.333333333: 6, -0.745355992: 3, -1: 1}),
    "24-cell": (24, 4, {0.5: 8, 0: 6, -0.5: 8, -1: 1}),
    "600-cell": (
        *(120, 4),
        {0.809016994: 12, 0.5: 20, 0.309016994: 12, 0: 30, -0.309016994: 12, -0.5: 20, -0.809016994: 12, -1: 1},
    ),
    "roots-F4": (48, 4, {0.707106781: 6, 0.5: 8, 0: 18, -0.5: 8, -0.707106781: 6, -1: 1}),
    "roots-A4": (20, 4, {0.5: 6, 0: 6, -0.5: 6, -1: 1}),
    "roots-D5": (40, 5, {0.5: 12, 0: 14, -0.5: 12, -1: 1}),
    "roots-E6": (72, 6, {0.5: 20, 0: 30, -0.5: 20, -1: 1}),
    "roots-E7": (126, 7, {0.5: 32, 0: 60, -0.5: 32, -1: 1}),
    "roots-E8": (240, 8, {0.5: 56, 0: 126, -0.5: 56, -1: 1}),
    "dual-E6": (54, 6, {0.5: 10, 0.25: 16, -0.25: 16, -0.5: 10, -1: 1}),
    "dual-E7": (56, 7, {0.333333333: 27, -0.333333333: 27, -1: 1}),
    "johnson-6-3": (20, 5, {0.333333333: 9, -0.333333333: 9, -1: 1}),
    "hamming-3-3": (27, 6, {0.5: 6, 0: 12, -0.5: 8}),
    "conference-14": (28, 7, {0.277350098: 13, -0.277350098: 13, -1: 1}),
    "srg-gewirtz-complement": (56, 20, {0.066666667: 45, -0.4: 10}),
    "srg-m22-complement": (77, 21, {0.083333333: 60, -0.375: 16}),
    "srg-higman-sims-complement": (100, 22, {0.090909091: 77, -0.363636364: 22}),
    "srg-gq-3-9-complement": (112, 21, {0.111111111: 81, -0.333333333: 30}),
    "srg-u4-3-complement": (162, 21, {0.142857143: 105, -0.285714286: 56}),
    "srg-mclaughlin-complement": (275, 22, {0.166666667: 162, -0.25: 112}),
}


@pytest.mark.parametrize("name", KNOWN)
def test_inner_products_of_known_codes(name):
    classes, rank, expected = KNOWN[name]
    code = named(name, classes)
    assert code.rank == rank
    cosines, counts = np.unique(np.round(code.shape()[0, 1:], 9) + 0.0, return_counts=True)
    assert dict(zip(cosines.tolist(), counts.tolist(), strict=True)) == expected


@pytest.mark.parametrize("name", [name for name in CODES if CODES[name].classes <= 300])
def test_every_code_is_what_it_says(name):
    code = named(name, CODES[name].classes)
    means = code.shape()
    np.testing.assert_allclose(means @ means, code.classes / code.rank * means, atol=1e-12 * code.classes)
    assert name in [structure.name for structure in catalogue(code.classes)]


def test_the_icosahedron_is_the_code_of_a_conference_matrix():
    gram = polytopes.conference(5)
    assert Spherical("conference-6", 12, 3, gram).fingerprint == named("icosahedron", 12).fingerprint


def test_other_names_are_found_but_not_listed():
    for alias, name in [(word, code) for code in WORDS.keys() & CODES for word in WORDS[code]]:
        classes = CODES[name].classes
        assert named(alias, classes).name == name
        assert alias not in [structure.name for structure in catalogue(classes)]


E6 = roots.e6_roots()
OCTAHEDRON_AND_CUBE = np.array(
    [[9 * s * (i == j) for j in range(3)] for i in range(3) for s in (1, -1)]
    + [[5 * x, 5 * y, 5 * z] for x in (1, -1) for y in (1, -1) for z in (1, -1)]
)
LONG_SQUARE = np.array([[3, 4], [3, -4], [-3, 4], [-3, -4]])
ALMOST_E6 = np.vstack([E6[:-1], E6[:1]])


def moved(gram):
    whole = gram.whole.copy()
    whole[0, 1] += 1
    return Gram(whole, gram.root, gram.radicand)


def with_swapped_entries(gram):
    """Two entries of one row exchanged, symmetrically: all rows but three see the same inner products as before."""
    whole = gram.whole.copy()
    i, j = 1, int(np.flatnonzero(whole[0] != whole[0, 1])[1])
    whole[0, [i, j]] = whole[[i, j], 0] = whole[0, [j, i]]
    return Gram(whole, gram.root, gram.radicand)


REFUSED = {
    "one point fewer than said": (Gram.of(E6[1:]), 72, 6, "pass 72 points"),
    "one point fewer": (Gram.of(E6[1:]), 71, 6, "distance-invariant"),
    "one point twice": (Gram.of(ALMOST_E6), 72, 6, "different points"),
    "another rank": (Gram.of(E6), 72, 5, "tight frame of rank 5"),
    "two lengths": (Gram.of(OCTAHEDRON_AND_CUBE), 14, 3, "on a sphere"),
    "not tight": (Gram.of(LONG_SQUARE), 4, 2, "tight frame"),
    "not centred": (Gram.of(np.eye(3, dtype=np.int64)), 3, 3, "add up to zero"),
    "not symmetric": (moved(Gram.of(E6)), 72, 6, "not symmetric"),
    "two entries exchanged": (with_swapped_entries(Gram.of(E6)), 72, 6, "distance-invariant"),
    "no points": (Gram.of(np.zeros((3, 3), dtype=np.int64)), 3, 1, "on a sphere"),
    "another root": (Gram(*(getattr(polytopes.icosahedron(), f) for f in ("whole", "root")), 2), 12, 3, "tight"),
    "too large": (Gram.of(10**7 * E6), 72, 6, "too large"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_other_points_are_refused(case):
    gram, classes, rank, message = REFUSED[case]
    with pytest.raises(ValueError, match=rf"^[^\n]*{message}[^\n]*$"):
        Spherical("broken", classes, rank, gram)


def test_the_blocks_are_steiner_systems():
    octads = golay._blocks()
    assert octads.shape == (759, 24)
    # Two blocks of a Steiner system S(5, 8, 24) meet in 0, 2 or 4 points: never in five.
    meet = octads @ octads.T
    np.fill_diagonal(meet, 0)
    assert set(np.unique(meet)) == {0, 2, 4}
    hexads = golay._through(0, golay._through(0, octads))
    assert hexads.shape == (77, 22)
    # Every pair of points is in five blocks of S(3, 6, 22), every point in 21.
    np.testing.assert_array_equal(hexads.T @ hexads, 5 + 16 * np.eye(22, dtype=int))


# Cell, structure, and the loss that the search ended at without it.
WORTH = [
    ((72, 3, 1e-3), "roots-E6", 0.17237),
    ((40, 2, 1e-3), "roots-D5", 0.2021178),
]


@pytest.mark.parametrize(("cell", "name", "ended"), WORTH)
def test_root_systems_are_below_where_the_search_ended(cell, name, ended):
    losses = structure_losses(DeepUFM(*cell))
    assert next(iter(losses)) == name
    assert losses[name].loss < ended


@pytest.mark.parametrize(("cell", "name"), [((126, 3, 1e-3), "roots-E7"), ((240, 3, 1e-3), "roots-E8")])
def test_root_systems_are_the_best_named_structures_of_many_classes(cell, name):
    assert next(iter(structure_losses(DeepUFM(*cell)))) == name


def test_a_code_is_built_only_for_its_number_of_classes(monkeypatch):
    def refuse(*arguments):
        raise AssertionError("built")

    monkeypatch.setattr("optima.structures.spherical_codes._code", refuse)
    assert [s.name for s in catalogue(241, ["spherical"])] == []
    with pytest.raises(AssertionError):
        catalogue(240, ["spherical"])
