"""One battery for every structure of the catalogue: each claim is checked against the matrix itself."""

from dataclasses import replace
from itertools import combinations

import igraph
import mpmath as mp
import numpy as np
import pytest
import sympy

from optima.model import DeepUFM
from optima.reduction import Reduction
from optima.scales import best_scales
from optima.structures import FAMILIES, catalogue, check_names, families, find, named, strongly_regular
from optima.structures.strongly_regular import GRAPHS, StronglyRegular, complement, verified_parameters

CLASSES = (*range(2, 18), 27, 32, 50)
# Members that exist by name but are not listed by the catalogue.
UNLISTED = {
    2: ("hadamard-1", "cyclic-1"),
    4: ("hadamard-1+2", "hadamard-1+2+3", "cyclic-1+2"),
    5: ("cyclic-2", "cyclic-1+2"),
    8: ("hadamard-1+2+4", "hadamard-1+2+4+7", "hadamard-1+2+4+6", "cyclic-1+4", "cyclic-1+2+3+4"),
    9: ("cyclic-1+4", "cyclic-1+2+4"),
    12: ("cyclic-3+4", "cyclic-1+6"),
    16: ("hadamard-1+2+4+8+3+5", "cyclic-1+3+5+7"),
}
LOSSES = ("ce", "mse")
# More classes, at which only these families are looked at.
CODES = ("srg", "spherical", "dual-simplex")
MANY = (20, 24, 30, 48, 54, 56, 64, 72, 100, 120, 126, 240)
SMALL = 8  # Most classes for which matrices are decomposed at 40 digits.


def _members(classes):
    frames = ("frame", f"frame({(classes + 1) // 2})")
    return catalogue(classes) + [named(name, classes) for name in (*frames, *UNLISTED.get(classes, ()))]


MEMBERS = {K: _members(K) for K in CLASSES} | {K: catalogue(K, CODES) for K in MANY}
STRUCTURES = [structure for members in MEMBERS.values() for structure in members]


def every(structures):
    return pytest.mark.parametrize("structure", structures, ids=lambda s: f"{s.classes}-{s.name}")


def unequal_scales(structure):
    rng = np.random.default_rng([structure.classes, structure.rank])
    return rng.uniform(0.4, 2.5, len(structure.blocks())).tolist()


def numbers(blocks):
    """All numbers of blocks in a fixed order."""
    for block in blocks:
        yield from (block.trace, *(sigma for sigma, _ in block.singular))
        for orbit in block.orbits:
            yield from (orbit.classes, *orbit.margins, *orbit.counts)


def as_floats(exact):
    """An object array as floats, each distinct entry evaluated once."""
    value = {entry: float(entry) for entry in set(exact.ravel().tolist())}
    return np.array([[value[entry] for entry in row] for row in exact.tolist()])


def is_exact(value):
    return not isinstance(value, float) and not sympy.sympify(value).has(sympy.Float)


@every(STRUCTURES)
def test_singular_values_are_those_of_the_matrix(structure):
    scales = unequal_scales(structure)
    claimed = [
        a * float(sigma)
        for a, block in zip(scales, structure.blocks(), strict=True)
        for sigma, multiplicity in block.singular
        for _ in range(multiplicity)
    ]
    padded = np.sort([*claimed, *[0.0] * (structure.classes - len(claimed))])
    found = np.sort(np.linalg.svd(structure.shape(scales), compute_uv=False))
    np.testing.assert_allclose(found, padded, rtol=1e-13, atol=1e-13 * found[-1])


@every([s for s in STRUCTURES if s.classes <= 5])
@pytest.mark.parametrize("fill", [0.0, 1.5])
def test_scales_may_be_an_array(structure, fill):
    scales = np.full(len(structure.blocks()), fill)
    np.testing.assert_array_equal(structure.shape(scales), structure.shape(scales.tolist()))


@every(STRUCTURES)
def test_rank_is_that_of_the_matrix_and_of_the_blocks(structure):
    singular = np.linalg.svd(structure.shape(unequal_scales(structure)), compute_uv=False)
    assert structure.rank == np.sum(singular > 1e-10)
    assert structure.rank == sum(block.rank for block in structure.blocks())


@every(STRUCTURES)
@pytest.mark.parametrize("loss", LOSSES)
def test_fit_of_the_blocks_is_the_general_fit(structure, loss):
    scales = unequal_scales(structure)
    K = structure.classes
    general = Reduction(DeepUFM(K, 2, 0.1, loss=loss)).fit(structure.shape(scales))
    fit = {"ce": cross_entropy_of, "mse": squared_error_of}[loss]
    by_blocks = [fit(block, a, K) for a, block in zip(scales, structure.blocks(), strict=True)]
    at_zero = np.log(K) if loss == "ce" else 0.5
    assert (sum(by_blocks) if by_blocks else at_zero) == pytest.approx(general, rel=1e-13)


def cross_entropy_of(block, a, classes):
    rivals = lambda orbit: zip(orbit.margins, orbit.counts, strict=True)
    log_terms = (np.log1p(sum(N * np.exp(-a * float(m)) for m, N in rivals(orbit))) for orbit in block.orbits)
    return sum(orbit.classes / classes * term for orbit, term in zip(block.orbits, log_terms, strict=True))


def squared_error_of(block, a, classes):
    square = sum(multiplicity * float(sigma) ** 2 for sigma, multiplicity in block.singular)
    return (a**2 * square - 2 * a * float(block.trace) + block.classes) / (2 * classes)


@every([s for s in STRUCTURES if s.classes <= 17])
@pytest.mark.parametrize("loss", LOSSES)
def test_loss_at_the_best_scales_is_the_reduced_loss_of_the_matrix(structure, loss):
    best = best_scales(structure, 3, 2.0**-9, 5, loss)
    reduction = Reduction(DeepUFM(structure.classes, 3, 2.0**-9, samples=5, loss=loss))
    means = structure.shape(best.scales.tolist())
    assert float(best.fit) == pytest.approx(reduction.fit(means), rel=1e-12)
    assert float(best.penalty) == pytest.approx(reduction.penalty(means), rel=1e-12)


@every(STRUCTURES)
def test_blocks_carry_every_class_once(structure):
    if structure.name != "zero":
        assert sum(block.classes for block in structure.blocks()) == structure.classes
    for block in structure.blocks():
        assert all(sum(orbit.counts) == structure.classes - 1 for orbit in block.orbits)


@every(STRUCTURES)
def test_columns_are_centred_but_for_the_frame_and_the_last_of_odd_pairs(structure):
    scales = unequal_scales(structure)
    uncentred = np.zeros(structure.classes)
    if structure.name == "pairs" and structure.classes % 2:
        uncentred[-1] = scales[0]
    if structure.name.startswith("frame"):
        uncentred[: structure.rank] = scales[0]
    np.testing.assert_allclose(structure.shape(scales).sum(axis=0), uncentred, rtol=0, atol=1e-12 * structure.classes)


@every(STRUCTURES)
def test_exact_shape_is_the_float_shape(structure):
    exact = structure.shape(exact=True)
    assert all(map(is_exact, set(exact.ravel().tolist())))
    np.testing.assert_allclose(as_floats(exact), structure.shape(), rtol=1e-14, atol=1e-14 * structure.rank)


@every(STRUCTURES)
def test_exact_blocks_are_the_float_blocks(structure):
    exact = list(numbers(structure.blocks(exact=True)))
    assert all(map(is_exact, exact))
    np.testing.assert_allclose(
        [float(value) for value in exact], [float(value) for value in numbers(structure.blocks())], rtol=2e-15
    )


@every([s for s in STRUCTURES if s.classes <= SMALL])
@pytest.mark.parametrize("loss", LOSSES)
def test_formula_is_the_loss_of_the_exact_matrix(structure, loss):
    scales = [sympy.Rational(7, 5) + sympy.Rational(i, 3) for i in range(len(structure.blocks()))]
    depth, reg, samples = sympy.Rational(7, 2), sympy.Rational(1, 997), 6
    names = ["a"] if len(scales) == 1 else [f"a_{i}" for i in range(1, len(scales) + 1)]
    values = {sympy.Symbol(name, positive=True): a for name, a in zip(names, scales, strict=True)}
    values |= dict(zip(sympy.symbols("L lambda n", positive=True), (depth, reg, samples), strict=True))
    formula = structure.formula(loss)
    assert formula.free_symbols <= set(values)
    evaluated = sympy.N(formula.subs(values), 30)
    with mp.workdps(40):
        exact = structure.shape(scales or None, exact=True)
        expected = exact_loss(exact, loss, *(mp.mpf(x.p) / x.q for x in (depth, reg, sympy.Integer(samples))))
        assert abs(mp.mpf(str(evaluated)) - expected) < mp.mpf(10) ** -28 * expected


def exact_loss(matrix, loss, depth, reg, samples):
    """The reduced loss from the definition: entries for the fit, singular values for the penalty."""
    K = len(matrix)
    digits = lambda entry: mp.mpf(str(sympy.N(entry, 45)))
    M = mp.matrix([[digits(entry) for entry in row] for row in matrix.tolist()])
    if loss == "ce":
        columns = [mp.log(sum(mp.exp(M[i, c] - M[c, c]) for i in range(K))) for c in range(K)]
    else:
        columns = [sum((M[i, c] - (i == c)) ** 2 for i in range(K)) / 2 for c in range(K)]
    singular = [s for s in mp.svd_r(M, compute_uv=False) if s > mp.mpf(10) ** -30]
    penalty = (depth + 1) / 2 * reg * samples ** (1 / (depth + 1)) * sum(s ** (2 / (depth + 1)) for s in singular)
    return sum(columns) / K + penalty


def loss_samples(structure):
    """Optimal losses of a few problems: they differ for any two structures that are not the same."""
    problems = [best_scales(structure, [[1], [2], [7]], [1e-3, 1e-6], loss=loss).loss for loss in LOSSES]
    return tuple(float(f"{value:.10g}") for value in np.ravel(problems))


@pytest.mark.parametrize("classes", MEMBERS)
def test_fingerprints_are_equal_exactly_for_equal_losses(classes):
    sampled = {structure: loss_samples(structure) for structure in MEMBERS[classes]}
    for A, B in combinations(MEMBERS[classes], 2):
        assert (A.fingerprint == B.fingerprint) == (sampled[A] == sampled[B]), (A, B)


COINCIDENCES = [
    (2, "simplex", "pairs", "hadamard-1", "cyclic-1"),
    (3, "simplex", "polygon"),
    (4, "pairs", "polygon", "hadamard-1+2"),
    (4, "simplex", "hadamard-1+2+3", "cyclic-1+2"),
    (5, "polygon", "srg-paley-5", "cyclic-2"),
    (5, "simplex", "cyclic-1+2"),
    (6, "pairs", "cyclic-1+3"),
    (7, "cyclic-1+2", "cyclic-1+3"),
    (8, "pairs", "folded-cube", "cyclic-1+3", "hadamard-1+2+4+7"),
    (8, "cube", "hadamard-1+2+4"),
    (10, "dual-A4", "cyclic-1+3"),
    (12, "cuboctahedron", "roots-A3"),
    (24, "24-cell", "roots-D4"),
    (8, "simplex", "cyclic-1+2+3+4", "hadamard-1+2+3+4+5+6+7"),
    (9, "srg-rook-3", "srg-rook-3-complement"),
    (9, "cyclic-1+2", "cyclic-1+4"),
    (16, "folded-cube", "srg-clebsch-complement"),
    (16, "srg-shrikhande", "srg-rook-4"),
    (16, "srg-shrikhande-complement", "srg-rook-4-complement"),
    (16, "pairs", "cyclic-1+3+5+7"),
]


@pytest.mark.parametrize("case", COINCIDENCES, ids=lambda case: f"{case[0]}-{case[1]}-{case[2]}")
def test_known_coincidences(case):
    K, *names = case
    assert len({named(name, K).fingerprint for name in names}) == 1


DIFFERENT = [
    (5, "pairs", "pairs-free"),
    (9, "srg-rook-3", "cyclic-1+3"),
    (10, "srg-petersen", "srg-petersen-complement"),
    (16, "srg-clebsch", "srg-clebsch-complement"),
    (16, "srg-clebsch", "folded-cube"),
    (16, "srg-shrikhande", "srg-shrikhande-complement"),
    (16, "frame", "simplex"),
    (16, "frame(8)", "frame(9)"),
    (56, "dual-E7", "roots-A7"),
    (126, "roots-E7", "johnson-9-4"),
]


@pytest.mark.parametrize(("classes", "first", "second"), DIFFERENT)
def test_relatives_that_differ(classes, first, second):
    assert named(first, classes).fingerprint != named(second, classes).fingerprint


class Stretched(type(named("polygon", 7))):
    """The polygon with its largest margin changed a little."""

    def __init__(self, classes, change):
        super().__init__(classes)
        self.change = change

    def blocks(self, exact=False):
        (block,) = super().blocks(exact)
        (orbit,) = block.orbits
        stretched = replace(orbit, margins=(*orbit.margins[:-1], orbit.margins[-1] * (1 + self.change)))
        return (replace(block, orbits=(stretched,)),)


def test_fingerprints_forgive_rounding_only():
    fingerprint = named("polygon", 7).fingerprint
    assert Stretched(7, 1e-15).fingerprint == fingerprint
    assert Stretched(7, 1e-10).fingerprint != fingerprint


def known_parameters():
    yield from {
        "petersen": (10, 3, 0, 1),
        "clebsch": (16, 5, 0, 2),
        "shrikhande": (16, 6, 2, 2),
        "schlaefli": (27, 16, 10, 8),
        "hoffman-singleton": (50, 7, 0, 1),
        "gewirtz": (56, 10, 0, 2),
        "m22": (77, 16, 0, 4),
        "higman-sims": (100, 22, 0, 6),
        "u4-3": (162, 56, 10, 24),
        "m22-176": (176, 70, 18, 34),
        "m23-253": (253, 112, 36, 60),
        "mclaughlin": (275, 112, 30, 56),
        "e6-lines": (36, 15, 6, 6),
        "e7-lines": (63, 30, 13, 15),
        "e8-lines": (120, 63, 30, 36),
        "gq-3-3": (40, 12, 2, 4),
        "gq-4-2": (45, 12, 3, 3),
        "gq-3-9": (112, 30, 2, 10),
        "no-6-3": (126, 45, 12, 18),
        "vo-minus-6-2": (64, 27, 10, 12),
        "vo-plus-6-2": (64, 35, 18, 20),
        "brouwer-haemers": (81, 20, 1, 6),
    }.items()
    for q in (5, 13, 17, 29, 37, 41, 53, 61, 73, 89, 97):
        yield f"paley-{q}", (q, (q - 1) // 2, (q - 5) // 4, (q - 1) // 4)
    for m in range(3, 11):
        yield f"rook-{m}", (m * m, 2 * (m - 1), m - 2, 2)
    for m in range(6, 15):
        yield f"triangular-{m}", (m * (m - 1) // 2, 2 * (m - 2), m - 2, 4)


KNOWN = dict(known_parameters())


def test_every_graph_has_known_parameters():
    assert KNOWN.keys() == GRAPHS.keys()


def parameters_of(code):
    return tuple(getattr(code.parameters, field) for field in ("v", "k", "common", "apart"))


@pytest.mark.parametrize("graph", KNOWN)
def test_strongly_regular_parameters_and_eigenvalues(graph):
    v, k, common, apart = KNOWN[graph]
    code = named(f"srg-{graph}", v)
    assert parameters_of(code) == (v, k, common, apart)
    (upper, f), (lower, g) = code.parameters.eigenvalues
    spectrum = np.sort(np.linalg.eigvalsh(code.adjacency.astype(float)))
    np.testing.assert_allclose(spectrum, [float(lower)] * g + [float(upper)] * f + [k], atol=1e-11 * v)
    assert (code.eigenvalue, code.rank) == (upper, f)


@pytest.mark.parametrize("graph", [graph for graph in KNOWN if not graph.startswith("paley")])
def test_complements(graph):
    v, k, common, apart = KNOWN[graph]
    code = named(f"srg-{graph}-complement", v)
    assert parameters_of(code) == (v, v - k - 1, v - 2 - 2 * k + apart, v - 2 * k + common)
    (upper, f), (lower, g) = named(f"srg-{graph}", v).parameters.eigenvalues
    assert code.parameters.eigenvalues == ((-1 - lower, g), (-1 - upper, f))


def test_a_paley_graph_is_its_own_complement_and_has_no_second_code():
    assert find("srg-paley-13-complement", 13) is None
    code = named("srg-paley-13", 13)
    other = StronglyRegular("other", complement(code.adjacency))
    assert other.fingerprint == code.fingerprint


def test_shrikhande_is_not_the_rook_graph_of_the_same_parameters():
    graphs = (strongly_regular.shrikhande(), strongly_regular.rook(4))
    assert [igraph.Graph.Adjacency(A, mode="undirected").clique_number() for A in graphs] == [3, 4]


def adjacency(graph):
    return np.array(graph.get_adjacency().data)


def cycle(size):
    return adjacency(igraph.Graph.Ring(size))


def with_entry(matrix, place, value):
    changed = matrix.copy()
    changed[place] = value
    return changed


PETERSEN = strongly_regular.complement(strongly_regular.triangular(5))
NOT_STRONGLY_REGULAR = {
    "hexagon": cycle(6),
    "heptagon": cycle(7),
    "path": adjacency(igraph.Graph.Ring(5, circular=False)),
    "prism": adjacency(igraph.Graph.Lattice([2, 3], circular=[False, True])),
    "cube": adjacency(igraph.Graph.Lattice([2, 2, 2], circular=False)),
    "dodecahedron": adjacency(igraph.Graph.Famous("Dodecahedral")),
    "petersen without an edge": with_entry(PETERSEN, ([0, 9], [9, 0]), 1 - PETERSEN[0, 9]),
    "star": adjacency(igraph.Graph.Star(5)),
    "complete": 1 - np.eye(5, dtype=int),
    "empty": np.zeros((5, 5), dtype=int),
    "two triangles": np.kron(np.eye(2, dtype=int), 1 - np.eye(3, dtype=int)),
    "asymmetric": with_entry(PETERSEN, (0, 9), 1 - PETERSEN[0, 9]),
    "directed cycle": np.roll(np.eye(5, dtype=int), 1, axis=1),
    "looped": PETERSEN + np.eye(10, dtype=int),
    "doubled": 2 * PETERSEN,
    "weighted": 1.5 * PETERSEN,
}


@pytest.mark.parametrize("case", NOT_STRONGLY_REGULAR)
def test_other_matrices_are_refused(case):
    with pytest.raises(ValueError, match=r"^[^\n]+$"):
        verified_parameters(NOT_STRONGLY_REGULAR[case])


@every(STRUCTURES)
def test_a_structure_is_found_by_its_name(structure):
    found = named(structure.name, structure.classes)
    assert (found.name, found.fingerprint) == (structure.name, structure.fingerprint)
    assert structure.name in repr(structure)
    check_names([structure.name], [structure.classes])


def test_names_are_unique_at_each_number_of_classes():
    for K, members in MEMBERS.items():
        assert len({structure.name for structure in members}) == len(members), K


ABSENT = [
    ("frame(0)", 4),
    ("frame(4)", 4),
    ("frame(x)", 4),
    ("cube", 4),
    ("cube", 9),
    ("cyclic-0", 5),
    ("cyclic-3", 5),
    ("cyclic-2", 4),
    ("cyclic-2+4", 8),
    ("cyclic-", 5),
    ("hadamard-1+2", 8),
    ("hadamard-8+1+2+4", 8),
    ("hadamard-0+1+2+4", 8),
    ("hadamard-1+2+4", 7),
    ("srg-petersen", 9),
    ("srg-paley-9", 9),
    ("simplex(2)+pairs(1)", 4),
    ("simplex(4)+pairs(0)", 4),
    ("simplex(3)+pairs(1)", 6),
    ("simplx", 6),
    ("", 6),
    ("roots-A4", 12),
    ("roots-A2", 6),
    ("roots-D3", 12),
    ("roots-D4", 25),
    ("roots-E8", 120),
    ("roots-E9", 240),
    ("dual-A3", 8),
    ("dual-A04", 10),
    ("dual-A4", 11),
    ("johnson-6-2", 15),
    ("conference-10", 20),
    ("srg-higman-sims", 77),
]


@pytest.mark.parametrize(("name", "classes"), ABSENT)
def test_names_without_a_structure(name, classes):
    assert find(name, classes) is None
    assert catalogue(classes, [name]) == []
    with pytest.raises(ValueError, match=r"^unknown structure [^\n]+; [^\n]+$"):
        check_names([name], [classes])


@pytest.mark.parametrize(("name", "classes"), [("polygon", 2), ("pairs-free", 4), ("srg", 6), ("hadamard", 12)])
def test_a_family_without_members_is_empty_but_known(name, classes):
    assert catalogue(classes, [name]) == []
    check_names([name], [classes])


@pytest.mark.parametrize(
    ("name", "hint"), [("simplx", "simplex"), ("srg-peterson", "srg-petersen"), ("qqqq", "pass some of zero, simplex")]
)
def test_an_unknown_name_gets_a_hint(name, hint):
    with pytest.raises(ValueError, match=hint):
        check_names(["simplex", name], [10, 16])


def test_a_name_is_known_when_it_exists_at_one_number_of_classes():
    check_names(["srg-petersen", "folded-cube", "srg"], [9, 10, 16])


def test_names_select_families_and_members_in_order():
    chosen = catalogue(10, ["srg", "simplex", "simplex(8)+pairs(1)"])
    assert [structure.name for structure in chosen] == [
        *("srg-petersen", "srg-petersen-complement", "simplex", "simplex(8)+pairs(1)")
    ]


@pytest.mark.parametrize("classes", CLASSES)
def test_a_bound_on_the_rank_keeps_what_fits_and_cuts_the_frame(classes):
    width = max(1, classes // 2)
    for loss in LOSSES:
        kept = catalogue(classes, max_rank=width, loss=loss)
        fits = [s.name for s in catalogue(classes, loss=loss) if s.rank <= width]
        assert [s.name for s in kept if s.name != f"frame({width})"] == fits
        assert (f"frame({width})" in [s.name for s in kept]) == (loss == "mse")


def test_the_frame_belongs_to_squared_error_only():
    assert [family.name for family in FAMILIES if family not in families("ce")] == ["frame"]
    assert families("mse") == FAMILIES
