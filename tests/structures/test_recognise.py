import math
from functools import cache
from itertools import permutations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import block_diag

from optima import DeepUFM, Reduction, best_scales, catalogue, named
from optima.structures.recognition import Recognition, recognise
from optima.structures.recognition.coloured import automorphism_count, canonical_order, colours_by_gaps
from optima.structures.recognition.symmetry import orbit_mean, symmetry_order

CLASSES = [*range(2, 21), 27]
NOISE = [0.0, 1e-6, 5e-3]
GOLDEN = (1 + 5**0.5) / 2


def shuffled(means, rng):
    order = rng.permutation(len(means))
    return means[np.ix_(order, order)]


def noisy(means, size, rng):
    """Relabelled, rescaled, and with Gaussian noise of relative Frobenius norm ``size``."""
    noise = rng.standard_normal(means.shape)
    means = 10 ** rng.uniform(-1, 1) * shuffled(means, rng)
    return means + size * np.linalg.norm(means) / np.linalg.norm(noise) * noise


def unequal_scales(structure):
    """Scales that keep blocks apart: no two of them equal."""
    return [0.8, 1.4][: len(structure.blocks())]


def same_structure(name, structure):
    found = named(name, structure.classes)
    return name == structure.name or (found is not None and found.fingerprint == structure.fingerprint)


def circulant(row):
    places = np.arange(len(row))
    return np.asarray(row)[np.subtract.outer(places, places) % len(row)]


# Structures of the catalogue


@pytest.mark.parametrize("noise", NOISE)
@pytest.mark.parametrize("classes", CLASSES)
@pytest.mark.parametrize("loss", ["ce", "mse"])
def test_catalogue_is_recognised_after_relabelling_scaling_and_noise(classes, noise, loss):
    for number, structure in enumerate(catalogue(classes, loss=loss)):
        means = structure.shape(unequal_scales(structure))
        found = recognise(noisy(means, noise, np.random.default_rng([classes, number])), loss=loss)
        assert same_structure(found.name, structure), (structure, found)
        assert found.rank == structure.rank
        assert found.distance <= noise + 1e-12
        assert found.distance >= 0.1 * noise or structure.name == "zero" or classes == 2


@pytest.mark.parametrize("classes", [9, 10, 13, 16, 27])
def test_noise_of_almost_the_tolerance_is_no_obstacle(classes):
    for number, structure in enumerate(catalogue(classes)[1:]):
        means = structure.shape(unequal_scales(structure))
        found = recognise(noisy(means, 0.019, np.random.default_rng([classes, number])))
        assert same_structure(found.name, structure), (structure, found)


@pytest.mark.parametrize("classes", [9, 16])
def test_noise_far_beyond_the_default_needs_only_a_larger_tolerance(classes):
    for number, structure in enumerate(catalogue(classes, ["pairs", "polygon", "srg", "cyclic"])):
        means = noisy(structure.shape(), 0.2, np.random.default_rng(number))
        assert not recognise(means).named
        assert same_structure(recognise(means, tolerance=0.22).name, structure)


def test_noise_on_one_entry_is_no_obstacle():
    for structure in catalogue(16)[1:]:
        means = structure.shape(unequal_scales(structure))
        means[3, 11] += 0.015 * np.linalg.norm(means)
        assert same_structure(recognise(means).name, structure)


@pytest.mark.parametrize("name", ["simplex", "pairs", "polygon", "simplex(80)+pairs(10)", "srg-rook-10", "cyclic-1+3"])
def test_a_hundred_classes(name):
    assert recognise(noisy(named(name, 100).shape(), 5e-3, np.random.default_rng(0))).name == name


@pytest.mark.parametrize("classes", [24, 28, 30, 40, 48, 54, 56, 72, 77, 112, 120, 126, 162, 240, 275])
def test_codes_of_many_classes(classes):
    codes = catalogue(classes, ["srg", "spherical", "dual-simplex"])
    assert codes
    for number, structure in enumerate(codes):
        for noise in (0.0, 5e-3):
            found = recognise(noisy(structure.shape(), noise, np.random.default_rng(number)))
            assert (found.name, found.rank) == (structure.name, structure.rank)
            assert found.distance <= noise + 1e-12


@pytest.mark.parametrize("classes", [72, 126, 240])
def test_a_code_with_one_point_moved_is_no_longer_that_code(classes):
    for structure in catalogue(classes, ["spherical"]):
        means = structure.shape()
        means[0, 1:] = means[1:, 0] = means[0, np.random.default_rng(0).permutation(np.arange(1, classes))]
        assert recognise(means, tolerance=1e-3).name == "unnamed"


@pytest.mark.parametrize("name", ["polygon", "simplex(980)+pairs(10)"])
def test_a_thousand_classes(name):
    means = noisy(named(name, 1000).shape(), 5e-3, np.random.default_rng(0)).astype(np.float32)
    assert recognise(means).name == name


def test_many_classes_without_a_name_have_no_symmetry_order():
    found = recognise(np.random.default_rng(0).standard_normal((150, 150)))
    assert (found.name, found.symmetry_order) == ("unnamed", None)
    assert "symmetry" not in str(found)


def test_constants_added_to_columns_do_not_matter_to_cross_entropy():
    means = named("srg-petersen", 10).shape() + np.random.default_rng(0).standard_normal(10)
    assert recognise(means).name == "srg-petersen"
    assert recognise(means, loss="mse").name == "unnamed"


def test_identity_is_the_frame_or_the_simplex():
    assert recognise(2.5 * np.eye(6), loss="mse").name == "frame"
    assert recognise(2.5 * np.eye(6)).name == "simplex"


def test_projections_are_frames_for_squared_error():
    basis = np.linalg.qr(np.random.default_rng(0).standard_normal((9, 4)))[0]
    found = recognise(noisy(basis @ basis.T, 5e-3, np.random.default_rng(1)), loss="mse")
    assert (found.name, found.rank, found.multiplicities) == ("frame(4)", 4, (4,))
    assert recognise(named("frame(4)", 9).shape(), loss="mse").symmetry_order == math.factorial(4) * math.factorial(5)
    assert recognise(named("pairs", 8).shape(), loss="mse").name == "pairs"


def test_zero_is_a_matter_of_size():
    assert recognise(np.zeros((4, 4))) == Recognition("zero", 0.0, 0, (), 1, 24, 0.02)
    assert recognise(np.ones((4, 4))).name == "zero"
    assert recognise(1e-6 * np.random.default_rng(0).standard_normal((7, 7))).name == "zero"
    assert recognise(1e-2 * named("simplex", 4).shape()).name == "simplex"
    assert recognise(1e200 * named("pairs", 4).shape()).name == "pairs"


def test_a_free_scale_is_seen_before_it_leaves_the_tolerance():
    published, near = named("pairs-free", 9).shape([1, 1]), named("pairs-free", 9).shape([1, 1.05])
    assert recognise(published).name == "pairs"
    assert recognise(near).name == "pairs-free"
    noise = np.random.default_rng(0).standard_normal((9, 9))
    assert recognise(near + 0.001 * noise).name == "pairs-free"
    assert recognise(near + 0.005 * noise).name == "pairs"


# Polyhedra, whose heights are free


def gram(*points):
    points = np.vstack(points)
    return points @ points.T


def ring(count, turn, height, radius=1.0):
    angles = 2 * np.pi * (np.arange(count) + turn) / count
    return np.column_stack([radius * np.cos(angles), radius * np.sin(angles), np.full(count, height)])


def pole(height):
    return np.array([[0.0, 0.0, height]])


def all_signs(*points, even=False):
    """All cyclic images of points under changes of sign (even: an even number of them)."""
    signs = [s for s in product((1, -1), repeat=3) if not even or np.prod(s) > 0]
    images = {tuple(np.roll(s * np.array(point), k)) for point in points for s in signs for k in range(3)}
    return np.array(sorted(images), dtype=float)


def snub_cube():
    t = 1.839286755214161
    odd = [s for s in product((1, -1), repeat=3) if np.prod(s) < 0]
    even = [s for s in product((1, -1), repeat=3) if np.prod(s) > 0]
    cyclic = [np.roll(s * np.array([1, 1 / t, t]), k) for s in even for k in range(3)]
    return np.array(cyclic + [np.roll(s * np.array([1, t, 1 / t]), k) for s in odd for k in range(3)])


SOLIDS = {
    "icosahedron": (gram(all_signs((0, 1, GOLDEN))), 120),
    "dodecahedron": (gram(all_signs((1, 1, 1), (0, 1 / GOLDEN, GOLDEN))), 120),
    "cuboctahedron": (gram(all_signs((1, 1, 0))), 48),
    "truncated-tetrahedron": (gram(all_signs((3, 1, 1), even=True)), 24),
    "truncated-octahedron": (gram(all_signs((0, 1, 2), (0, 2, 1))), 48),
    "truncated-cube": (gram(all_signs((2**0.5 - 1, 1, 1))), 48),
    "rhombicuboctahedron": (gram(all_signs((1, 1, 1 + 2**0.5))), 48),
    "snub-cube": (gram(snub_cube()), 24),
    "rhombic-dodecahedron": (gram(all_signs((1, 1, 1), (2, 0, 0))), 48),
    "square-pyramid": (gram(ring(4, 0, -0.4), pole(0.9)), 8),
    "triangular-prism": (gram(ring(3, 0, 0.8), ring(3, 0, -0.8)), 12),
    "triangular-antiprism": (gram(ring(3, 0, 0.4), ring(3, 0.5, -0.4)), 12),
    "square-bipyramid": (gram(pole(1.3), ring(4, 0, 0), pole(-1.3)), 16),
    "pentagonal-bipyramid": (gram(pole(1), ring(5, 0, 0), pole(-1)), 20),
    "gyroelongated-triangular-pyramid": (gram(pole(1), ring(3, 0, 0.3), ring(3, 0.5, -0.6, 0.9)), 6),
    "augmented-triangular-prism": (gram(ring(3, 0, 0.7), ring(3, 0, -0.7), ring(3, 0.5, 0)[:1]), 4),
    "square-prism": (gram(ring(4, 0, 0.5), ring(4, 0, -0.5)), 16),
    "triaugmented-triangular-prism": (gram(ring(3, 0, 0.7), ring(3, 0, -0.7), ring(3, 0.5, 0, 1.2)), 12),
    "gyroelongated-square-pyramid": (gram(pole(1), ring(4, 0, 0.3), ring(4, 0.5, -0.6, 0.8)), 8),
    "gyroelongated-square-bipyramid": (gram(pole(1.1), ring(4, 0, 0.4), ring(4, 0.5, -0.4), pole(-1.1)), 16),
    "pentagonal-antiprism": (gram(ring(5, 0, 0.5), ring(5, 0.5, -0.5)), 20),
    "gyroelongated-pentagonal-pyramid": (gram(pole(1.2), ring(5, 0, 0.5), ring(5, 0.5, -0.5)), 10),
    "gyroelongated-hexagonal-bipyramid": (gram(pole(1), ring(6, 0, 0.4), ring(6, 0.5, -0.4), pole(-1)), 24),
}


@pytest.mark.parametrize("noise", NOISE)
@pytest.mark.parametrize("name", SOLIDS)
def test_polyhedra(name, noise):
    means, order = SOLIDS[name]
    found = recognise(noisy(means, noise, np.random.default_rng(len(means))))
    assert (found.name, found.symmetry_order, found.rank) == (name, order, 3)
    assert found.distance <= noise + 1e-12


@pytest.mark.parametrize("noise", NOISE)
@pytest.mark.parametrize("height", [0.35, 0.5, 0.65, 0.8, 1.2])
def test_square_antiprism_at_any_height(height, noise):
    means = gram(ring(4, 0, height), ring(4, 0.5, -height))
    found = recognise(noisy(means, noise, np.random.default_rng(3)))
    assert (found.name, found.symmetry_order) == ("square-antiprism", 16)


@pytest.mark.parametrize("noise", NOISE)
def test_snub_disphenoid(noise):
    points = [(1.3, 0.4, 0), (-1.3, 0.4, 0), (0, -0.4, 1.3), (0, -0.4, -1.3)]
    points += [(1, -1.6, 0), (-1, -1.6, 0), (0, 1.6, 1), (0, 1.6, -1)]
    found = recognise(noisy(gram(np.array(points, dtype=float)), noise, np.random.default_rng(4)))
    assert (found.name, found.symmetry_order) == ("snub-disphenoid", 8)


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("name", ["square-antiprism", "dodecahedron", "cuboctahedron", "truncated-cube"])
def test_noise_does_not_break_flat_faces(name, seed):
    means = gram(ring(4, 0, 0.6), ring(4, 0.5, -0.6)) if name == "square-antiprism" else SOLIDS[name][0]
    assert recognise(noisy(means, 0.015, np.random.default_rng(seed))).name == name


def test_cube_octahedron_and_tetrahedron_have_their_names_in_the_catalogue():
    assert recognise(gram(all_signs((1, 1, 1)))).name == "cube"
    assert recognise(gram(all_signs((1, 0, 0)))).name == "pairs"
    assert recognise(gram(all_signs((1, 1, 1), even=True))).name == "simplex"


def test_polyhedra_of_non_symmetric_logits():
    def prism(height, radius):
        return np.vstack([ring(3, 0, height), ring(3, 0, -height), ring(3, 0.5, 0, radius)])

    means = prism(0.7, 1.2) @ prism(0.6, 1.0).T
    assert np.linalg.norm(means - means.T) > 0.05 * np.linalg.norm(means)
    for noise in NOISE:
        found = recognise(noisy(means, noise, np.random.default_rng(8)))
        assert (found.name, found.symmetry_order) == ("triaugmented-triangular-prism", 12)


# Other codes with free scales


@pytest.mark.parametrize("noise", NOISE)
def test_direct_sums(noise):
    antiprism, _ = SOLIDS["pentagonal-antiprism"]
    simplex, pairs, polygon = (lambda K, name=name: named(name, K).shape() for name in ("simplex", "pairs", "polygon"))
    sums = {
        "polygon(5)+pairs(2)": (block_diag(polygon(5), 1.7 * pairs(4)), 10 * 8),
        "simplex(7)+simplex(3)": (block_diag(simplex(7), 1.3 * simplex(3)), 5040 * 6),
        "simplex(5)+simplex(5)": (block_diag(simplex(5), simplex(5)), 2 * 120**2),
        "polygon(5)+simplex(5)": (block_diag(simplex(5), polygon(5)), 120 * 10),
        "polygon(7)+simplex(4)+pairs(1)": (block_diag(simplex(4), polygon(7), pairs(2)), 14 * 24 * 2),
        "pentagonal-antiprism(10)+pairs(1)": (block_diag(antiprism, 1.5 * pairs(2)), 20 * 2),
    }
    for name, (means, order) in sums.items():
        found = recognise(noisy(means, noise, np.random.default_rng(5)))
        assert (found.name, found.symmetry_order) == (name, order)
        assert found.rank == np.linalg.matrix_rank(means)


@pytest.mark.parametrize("noise", NOISE)
@pytest.mark.parametrize("classes", [7, 9, 15])
def test_pairs_pyramid(classes, noise):
    apex = np.eye(classes)[-1] - 1 / classes
    row = np.append(np.full(classes - 1, -0.1), 0.9)
    means = block_diag(named("pairs", classes - 1).shape(), 0.0) + np.outer(apex, row)
    found = recognise(noisy(means, noise, np.random.default_rng(6)))
    half = classes // 2
    assert (found.name, found.rank, found.distinct_margins) == ("pairs-pyramid", half + 1, 4)
    assert found.symmetry_order == 2**half * math.factorial(half)


@pytest.mark.parametrize("noise", NOISE)
def test_cyclic_codes_with_free_scales(noise):
    codes = [(7, {1: 1, 3: 2}, "1+2"), (9, {1: 2, 3: 1}, "1+3"), (12, {1: 2, 2: 1, 3: 1.5}, "1+2+3")]
    for classes, scales, name in codes:
        row = sum(a * np.cos(2 * np.pi * k * np.arange(classes) / classes) for k, a in scales.items())
        found = recognise(noisy(circulant(row), noise, np.random.default_rng(7)))
        assert (found.name, found.symmetry_order) == (f"cyclic-{name}-free", 2 * classes)


def test_a_class_that_leans_to_the_others_is_no_pyramid():
    apex = np.eye(7)[-1] - 1 / 7
    means = block_diag(named("pairs", 6).shape(), 0.0) + np.outer(apex, np.append(np.full(6, 0.2), 0.9))
    assert not recognise(means).named


# What has no name


@pytest.mark.parametrize("classes", range(4, 21))
def test_random_logits_are_unnamed(classes):
    rng = np.random.default_rng(classes)
    for rank in (2, 3, 4, classes):
        left, right = rng.standard_normal((2, classes, rank))
        for means in (left @ right.T, left @ left.T):
            found = recognise(means)
            assert (found.name, found.distance) == ("unnamed", None)
            assert found.rank == np.linalg.matrix_rank(means - means.mean(axis=0), rtol=0.02)


@pytest.mark.parametrize("classes", range(4, 28))
def test_a_simplex_with_one_pair_moved_by_a_tenth_is_unnamed(classes):
    closer, longer, leaning = (named("simplex", classes).shape() for _ in range(3))
    closer[0, 1] += 0.1
    closer[1, 0] += 0.1
    longer[:, :2] *= 1.1
    points = np.eye(classes)
    points[:2] += 0.1 * np.array([points[1], points[0]])
    leaning = points @ points.T
    for means in (closer, longer, leaning):
        found = recognise(means)
        assert found.name == "unnamed"
        assert found.symmetry_order == 2 * math.factorial(classes - 2)


@pytest.mark.parametrize("rest", [3, 4, 8])
def test_pairs_of_unequal_scales_are_unnamed(rest):
    pair = named("pairs", 2).shape()
    far = block_diag(named("simplex", rest).shape(), pair, 1.2 * pair)
    assert recognise(far).name == "unnamed"
    near = block_diag(named("simplex", rest).shape(), pair, 1.01 * pair)
    assert recognise(near).name == f"simplex({rest})+pairs(2)"
    assert recognise(near, tolerance=1e-3).name == "unnamed"


def test_negative_logits_are_unnamed():
    for structure in catalogue(10)[1:]:
        assert not recognise(-structure.shape()).named


def test_polyhedra_of_less_symmetry_are_unnamed():
    stretched = all_signs((0, 1, GOLDEN)) * [1.0, 1.15, 1.3]
    found = recognise(gram(stretched))
    assert (found.name, found.symmetry_order, found.rank) == ("unnamed", 8, 3)
    twisted = gram(ring(4, 0, 0.6), ring(4, 0.35, -0.6))
    assert (recognise(twisted).name, recognise(twisted).symmetry_order) == ("unnamed", 8)


def test_imbalanced_logits_are_described():
    means = named("simplex", 5).shape() * [1, 1, 1, 2, 2]
    found = recognise(means)
    assert (found.name, found.rank, found.symmetry_order, found.distinct_margins) == ("unnamed", 4, 12, 2)


def test_facts_of_unnamed_logits():
    means = np.diag([3.0, 3.0, 2.0, 1.0, 1.0, 1.0])
    means = np.linalg.qr(np.random.default_rng(0).standard_normal((7, 7)))[0][:, :6] @ means[:, :6]
    means = np.hstack([means, np.zeros((7, 1))])
    found = recognise(means, loss="mse")
    assert (found.rank, found.multiplicities) == (6, (2, 1, 3))
    near = recognise(np.diag([1.0, 0.97, 0.94, 0.5, 0.01]), loss="mse")
    assert (near.rank, near.multiplicities) == (4, (2, 1, 1))
    found = recognise(np.diag([2.0, 2.0, 1.0, 1.0]), loss="mse")
    facts = "rank 4, singular values 2+2, 2 distinct margins, symmetry order 4)"
    assert found.description == f"unnamed ({facts}"
    assert str(found) == f"unnamed (nearest: frame, distance 0.32; {facts}"


# Symmetry groups

ORDERS = {
    (6, "simplex"): 720,
    (8, "pairs"): 384,
    (9, "pairs-free"): 384,
    (11, "polygon"): 22,
    (12, "simplex(6)+pairs(3)"): 720 * 48,
    (10, "srg-petersen"): 120,
    (10, "srg-petersen-complement"): 120,
    (13, "srg-paley-13"): 78,
    (16, "srg-clebsch"): 1920,
    (16, "srg-shrikhande"): 192,
    (16, "srg-rook-4"): 1152,
    (27, "srg-schlaefli"): 51840,
    (50, "srg-hoffman-singleton"): 252000,
    (56, "srg-gewirtz"): 80640,
    (77, "srg-m22-complement"): 887040,
    (100, "srg-higman-sims-complement"): 88704000,
    (10, "dual-A4"): 240,
    (12, "icosahedron"): 120,
    (12, "cuboctahedron"): 48,
    (20, "dodecahedron"): 120,
    (20, "johnson-6-3"): 1440,
    (24, "24-cell"): 1152,
    (27, "hamming-3-3"): 1296,
    (30, "icosidodecahedron"): 120,
    (40, "roots-D5"): 3840,
    (48, "roots-F4"): 2304,
    (54, "dual-E6"): 103680,
    (56, "dual-E7"): 2903040,
    (72, "roots-E6"): 103680,
    (120, "600-cell"): 14400,
    (126, "roots-E7"): 2903040,
    (8, "cube"): 48,
    (16, "cube"): 384,
    (16, "folded-cube"): 1920,
    (11, "cyclic-1+3"): 22,
}


@pytest.mark.parametrize(("classes", "name"), ORDERS)
def test_orders_of_known_groups(classes, name):
    structure = named(name, classes)
    means = shuffled(structure.shape(unequal_scales(structure)), np.random.default_rng(0))
    assert recognise(means).symmetry_order == ORDERS[classes, name]
    assert symmetry_order(means, 1e-6) == ORDERS[classes, name]


@pytest.mark.parametrize("classes", [5, 8, 12])
def test_a_cyclic_group_of_non_symmetric_logits(classes):
    row = 2.0 * np.eye(classes)[0] + np.linspace(0, 1, classes) ** 2
    means = shuffled(circulant(row), np.random.default_rng(0))
    found = recognise(means)
    assert (found.name, found.symmetry_order, found.rank) == ("unnamed", classes, classes - 1)


@pytest.mark.parametrize("classes", [12, 15, 18])
def test_symmetry_hidden_among_many_values(classes):
    rng = np.random.default_rng(classes)
    turn = np.arange(classes).reshape(-1, 3)[:, [1, 2, 0]].ravel()
    means = orbit_mean(rng.uniform(0, 1, (classes, classes)), [turn])
    # Evenly spaced values, so that no gap at the tolerance separates any of them.
    means = np.unique(means.round(12), return_inverse=True)[1].reshape(means.shape) / classes**2
    np.fill_diagonal(means, 1.0)
    noise = rng.standard_normal(means.shape) * np.linalg.norm(means) / classes
    for tolerance in (0.01, 0.1):
        assert recognise(shuffled(means, rng), tolerance, "mse").symmetry_order == 3
        assert recognise(means + 1e-5 * noise, tolerance, "mse").symmetry_order == 3
        moved = means.copy()
        moved[0, 1] += 1.3 * tolerance * np.linalg.norm(means)
        assert recognise(moved, tolerance, "mse").symmetry_order == 1


def brute_force_order(colours):
    K = len(colours)
    return sum(np.array_equal(colours[np.ix_(p, p)], colours) for p in map(list, permutations(range(K))))


@pytest.mark.parametrize("seed", range(60))
def test_coloured_graphs_against_all_permutations(seed):
    rng = np.random.default_rng(seed)
    classes, values = rng.integers(2, 7), rng.integers(1, 5)
    means = rng.integers(0, values, (classes, classes)).astype(float)
    if seed % 2:
        means = np.maximum(means, means.T)
    if seed % 3 == 0:
        means = block_diag(means[:3, :3], means[:3, :3])
    colours = colours_by_gaps(means, 0.5)
    assert automorphism_count(colours) == brute_force_order(colours)
    relabelled = shuffled(colours, rng)
    u, v = canonical_order(colours), canonical_order(relabelled)
    np.testing.assert_array_equal(colours[np.ix_(u, u)], relabelled[np.ix_(v, v)])


def test_graphs_with_the_same_spectrum_are_told_apart():
    rook, shrikhande = (named(name, 16).shape() for name in ("srg-rook-4", "srg-shrikhande"))
    np.testing.assert_allclose(np.linalg.eigvalsh(rook), np.linalg.eigvalsh(shrikhande), atol=1e-12)
    for noise in (0, 0.015):
        assert recognise(noisy(rook, noise, np.random.default_rng(0))).name == "srg-rook-4"
        assert recognise(noisy(shrikhande, noise, np.random.default_rng(0))).name == "srg-shrikhande"


def test_orbit_mean_is_the_mean_over_the_group():
    rng = np.random.default_rng(0)
    means = rng.standard_normal((5, 5))
    turn = np.roll(np.arange(5), 1)
    images = [means[np.ix_(p, p)] for p in (np.roll(np.arange(5), k) for k in range(5))]
    np.testing.assert_allclose(orbit_mean(means, [turn]), np.mean(images, axis=0), atol=1e-15)


# Logits at which training ended


@cache
def trained(name, classes, depth, reg, gradient_noise, seed=0, steps=1500):
    """Class-mean logits after gradient descent on all parameters from near a structure."""
    rng = np.random.default_rng(seed)
    problem = DeepUFM(classes, depth, reg, samples=2, width=classes + 2)
    reduction = Reduction(problem)
    scales = best_scales(named(name, classes), depth, reg, 2).scales
    factors = reduction.lift(named(name, classes).shape(scales.tolist()), rng=rng)
    factors = [w + 0.02 * np.linalg.norm(w) / w.size**0.5 * rng.standard_normal(w.shape) for w in factors]
    for _ in range(steps):
        gradients = problem.gradient(factors)
        factors = [
            w - 0.5 * (g + gradient_noise * rng.standard_normal(g.shape))
            for w, g in zip(factors, gradients, strict=True)
        ]
    return reduction.project(factors)


RUNS = [
    ("simplex", 4, 1, 1e-2, 2e-3),
    ("simplex", 5, 2, 2e-3, 3e-4),
    ("pairs", 6, 2, 2e-3, 3e-4),
    ("polygon", 5, 6, 1e-3, 3e-4),
    ("simplex(4)+pairs(1)", 6, 2, 2e-3, 2e-4),
    ("srg-petersen-complement", 10, 3, 1e-3, 2e-4),
]


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run[0])
def test_ends_of_noisy_training_runs(run):
    *problem, gradient_noise = run
    noisy_end = recognise(trained(*problem, gradient_noise))
    quiet_end = recognise(trained(*problem, 0.0))
    assert noisy_end.name == quiet_end.name == run[0]
    assert 1e-5 < noisy_end.distance < 0.02
    structure = named(run[0], run[1])
    assert noisy_end.symmetry_order == recognise(structure.shape(unequal_scales(structure))).symmetry_order


def test_training_leaves_odd_pairs_for_the_pyramid():
    assert recognise(trained("pairs-free", 7, 2, 2e-3, 2e-4)).name == "pairs-pyramid"


def test_training_that_dies_ends_at_zero():
    assert recognise(trained("simplex", 4, 3, 0.3, 0.0)).name == "zero"


# The interface


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), classes=st.integers(2, 12), scale=st.floats(0.1, 1e3))
def test_relabelling_and_scale_change_nothing(seed, classes, scale):
    rng = np.random.default_rng(seed)
    means = rng.integers(-2, 3, (classes, classes)).astype(float) + 3 * np.eye(classes)
    one, other = recognise(means), recognise(scale * shuffled(means, rng))
    assert (one.name, one.rank, one.multiplicities) == (other.name, other.rank, other.multiplicities)
    assert (one.distinct_margins, one.symmetry_order) == (other.distinct_margins, other.symmetry_order)


def test_the_same_logits_give_the_same_answer():
    means = noisy(named("cyclic-1+2", 17).shape(), 0.01, np.random.default_rng(0))
    assert recognise(means) == recognise(means.copy())


@pytest.mark.parametrize("tolerance", [1e-12, 1e-9, 1e-3, 0.5])
def test_any_tolerance_gives_an_answer(tolerance):
    rng = np.random.default_rng(0)
    for means in (rng.standard_normal((8, 8)), SOLIDS["icosahedron"][0], rng.integers(0, 3, (9, 9)).astype(float)):
        found = recognise(means, tolerance)
        assert found.distance is None or found.distance <= tolerance
    assert recognise(named("simplex", 12).shape(), tolerance).name == "simplex"
    assert recognise(SOLIDS["icosahedron"][0], 1e-12).name == "icosahedron"


def test_text():
    assert str(Recognition("srg-petersen-complement", 3.2e-9, 4, (4,), 2, 120, 0.02)) == (
        "srg-petersen-complement (rank 4, distance 3e-9)"
    )
    assert str(Recognition("simplex", 0.0123, 4, (4,), 1, 120, 0.02)) == "simplex (rank 4, distance 0.01)"
    assert str(Recognition("unnamed", None, 3, (1, 2), 7, 4, 0.02)) == (
        "unnamed (rank 3, singular values 1+2, 7 distinct margins, symmetry order 4)"
    )
    assert str(Recognition("unnamed", None, 1, (1,), 1, None, 0.02)) == (
        "unnamed (rank 1, singular values 1, 1 distinct margin)"
    )


@pytest.mark.parametrize("means", [np.zeros((3, 4)), np.zeros(3), [[1.0]], np.full((3, 3), np.nan)])
def test_bad_logits_are_refused(means):
    with pytest.raises(ValueError, match="pass"):
        recognise(means)


@pytest.mark.parametrize("options", [{"tolerance": 0.0}, {"tolerance": 1e-13}, {"tolerance": 1.0}, {"loss": "hinge"}])
def test_bad_options_are_refused(options):
    with pytest.raises(ValueError, match="pass"):
        recognise(np.eye(3), **options)


def test_no_structure_of_another_rank_gives_its_name_where_the_rank_is_known():
    pentagon = named("polygon", 5).shape((1.0,))
    means = pentagon + 1e-3 * named("simplex", 5).shape((1.0,))
    assert str(recognise(means)).startswith("polygon (rank 2, ")
    found = recognise(means, rank=4)
    assert (found.rank, sum(found.multiplicities)) == (4, 4)
    assert found.name != "polygon"
    assert recognise(pentagon, rank=2).name == "polygon"
    assert recognise(1e-6 * pentagon, rank=2).name == "polygon"
    assert str(recognise(0 * pentagon, rank=0)).startswith("zero (rank 0")
