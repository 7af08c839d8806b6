"""Any spectrum: against differences of gradients, autograd and dense matrices, and the numbers of closed forms."""

from itertools import product

import numpy as np
import pytest

from optima import DeepUFM, named, solve, spectrum
from optima.spectra.closed_forms import pairs_spectrum, simplex_spectrum
from optima.spectra.lanczos import largest
from optima.spectra.point import Point

CLOSED = [
    (DeepUFM(3, 2, 2e-3, samples=2, width=5, loss="mse"), None, 0),
    (DeepUFM(4, 3, (1e-3, 2e-3, 3e-3, 5e-4), samples=2, width=3, loss="mse"), None, 0),
    (DeepUFM(3, 1, 1e-2, samples=2, width=4, loss="mse"), None, 0),
    (DeepUFM(2, 2, 2e-3, samples=2), None, 0),
    (DeepUFM(4, 3, 2e-3, samples=2, width=5), None, 0),
    (DeepUFM(4, 2, (1e-3, 2e-3, 5e-4), samples=3, width=4), None, 0),
    (DeepUFM(6, 2, 1e-3, samples=2), "pairs", 0),
    (DeepUFM(4, 2, 1e-3, width=2), "pairs", 0),
    (DeepUFM(6, 3, 5e-4, samples=2, width=4), "pairs", 0),
    (DeepUFM(4, 3, (1e-3, 2e-3, 5e-4, 1e-3), samples=2, width=5), "pairs", 0),
    (DeepUFM(5, 2, 1e-3), "polygon", 0),
    *[
        (DeepUFM(3, L, reg, samples=2, loss=loss, activation="relu"), None, kink)
        for loss, kink, (L, reg) in product(("mse", "ce"), (0, 1), ((2, 2e-3), (3, (1e-3, 2e-3, 5e-4, 1e-3))))
    ],
]
KINDS = ("hessian", "gauss-newton", "gradient", "gradient-covariance", "weights", "features")
ANYWHERE = [
    DeepUFM(3, 3, 1e-2, samples=2, width=4),
    DeepUFM(3, 2, 1e-2, samples=(1, 2, 3), width=4, loss="mse"),
    DeepUFM(3, 3, 1e-2, samples=2, width=5, activation="relu"),
    DeepUFM(4, 2, 1e-2, samples=(2, 1, 3, 1), width=5, loss="mse", activation="relu"),
]


def anywhere(problem, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(shape) for shape in problem.factor_shapes(problem.width)]


def layers_of(problem, of):
    return [*range(1, problem.depth + 1), *([] if of in ("weights", "features") else ["H", "all"])]


def hessian_by_differences(problem, factors, layer, step=1e-6):
    """The Hessian of one factor by central differences of the gradient, without regularisation."""
    size, reg = factors[layer].size, problem.regs[layer]
    columns = []
    for i in range(size):
        ends = []
        for sign in (1, -1):
            moved = [factor.copy() for factor in factors]
            moved[layer].flat[i] += sign * step
            ends.append(problem.gradient(moved)[layer])
        columns.append(((ends[0] - ends[1]) / (2 * step)).ravel())
    return np.array(columns) - reg * np.eye(size)


def largest_difference(found, reference):
    n = min(found.size, reference.size)
    return np.max(np.abs(found[:n] - reference[:n])) / max(np.abs(reference).max(), 1e-300)


@pytest.mark.parametrize("problem", ANYWHERE, ids=str)
def test_layers_are_those_of_differences_of_gradients(problem):
    factors = anywhere(problem)
    for layer in ["H", *range(1, problem.depth + 1)]:
        place = problem.depth if layer == "H" else layer - 1
        reference = np.linalg.eigvalsh(hessian_by_differences(problem, factors, place))[::-1]
        for regularised in (False, True):
            found = spectrum(problem, factors=factors, layer=layer, regularised=regularised)
            assert found.known == found.order == reference.size
            wanted = reference + problem.regs[place] * regularised
            assert largest_difference(found.values, wanted) < 1e-8


@pytest.mark.slow
@pytest.mark.needs("torch")
@pytest.mark.parametrize("problem", ANYWHERE, ids=str)
def test_autograd_agrees(problem):
    import torch

    factors = [torch.tensor(factor) for factor in anywhere(problem)]
    labels = torch.tensor(problem.labels)

    def loss(*factors):
        *weights, layer = factors
        for number, weight in enumerate(weights):
            layer = weight @ (torch.relu(layer) if number and problem.activation == "relu" else layer)
        if problem.loss == "ce":
            return torch.nn.functional.cross_entropy(layer.T, labels)
        targets = torch.nn.functional.one_hot(labels, problem.classes).T
        return ((layer - targets) ** 2).sum() / (2 * problem.size)

    blocks = torch.autograd.functional.hessian(loss, tuple(factors))
    sizes = [factor.numel() for factor in factors]
    matrix = np.block(
        [[np.asarray(b.reshape(sizes[i], sizes[j])) for j, b in enumerate(r)] for i, r in enumerate(blocks)]
    )
    reference = np.linalg.eigvalsh(matrix)[::-1]
    assert largest_difference(spectrum(problem, factors=anywhere(problem)).values, reference) < 1e-9
    for layer in range(problem.depth):
        reference = np.linalg.eigvalsh(np.asarray(blocks[layer][layer].reshape(sizes[layer], sizes[layer])))[::-1]
        found = spectrum(problem, factors=anywhere(problem), layer=layer + 1)
        assert largest_difference(found.values, reference) < 1e-9


def test_gauss_newton_is_the_jacobian_squared():
    for problem in ANYWHERE:
        factors = anywhere(problem)
        flat = np.concatenate([factor.ravel() for factor in factors])
        ends = np.cumsum([factor.size for factor in factors])[:-1]
        at = lambda x, ends=ends, factors=factors, problem=problem: problem.logits(
            [part.reshape(w.shape) for part, w in zip(np.split(x, ends), factors, strict=True)]
        )
        step = 1e-6 * np.eye(flat.size)
        jacobian = np.array([(at(flat + e) - at(flat - e)) / 2e-6 for e in step])
        curved = np.array([problem.data_fit().curvature(at(flat), move) for move in jacobian])
        reference = np.linalg.eigvalsh(np.einsum("akn,bkn->ab", jacobian, curved))[::-1]
        assert largest_difference(spectrum(problem, factors=factors, of="gauss-newton").values, reference) < 1e-8


def test_gradients_of_samples_are_gradients():
    for problem in ANYWHERE:
        factors = anywhere(problem)
        signal = problem.data_loss_gradient(problem.logits(factors)) * problem.size
        columns = []
        for j in range(problem.size):
            # The gradient of one sample is that of its column alone.
            point = Point(problem, factors)
            point.residuals = signal * (np.arange(problem.size) == j) * problem.size
            columns.append([part.ravel() for part in point.gradients])
        for layer, place in [*((layer, layer - 1) for layer in range(1, problem.depth + 1)), ("H", problem.depth)]:
            g = np.array([column[place] for column in columns])
            for of, rows in (("gradient", g), ("gradient-covariance", g - g.mean(axis=0))):
                reference = np.linalg.eigvalsh(rows.T @ rows / problem.size)[::-1]
                found = spectrum(problem, factors=factors, layer=layer, of=of)
                assert largest_difference(found.values, reference) < 1e-12
        g = np.array([np.concatenate(column) for column in columns])
        reference = np.linalg.eigvalsh(g.T @ g / problem.size)[::-1]
        assert largest_difference(spectrum(problem, factors=factors, of="gradient").values, reference) < 1e-12


@pytest.mark.parametrize(("problem", "name", "kink"), CLOSED, ids=str)
def test_closed_forms_are_those_of_the_factors(problem, name, kink):
    kinds = set()
    for of in KINDS:
        for layer, regularised in product(layers_of(problem, of), (False, True)):
            if regularised and of not in ("hessian", "gauss-newton"):
                continue
            found = spectrum(problem, name, layer=layer, of=of, regularised=regularised, kink=kink)
            options = {"factors": found.point.factors, "kink": kink, "regularised": regularised}
            reference = spectrum(problem, layer=layer, of=of, **options)
            assert found.known == found.order == reference.known
            assert largest_difference(found.values, reference.values) < 1e-11
            kinds |= {each.known for each in found.eigenvalues}
    assert ("closed form" in kinds) == (name != "polygon")


def close(found, wanted, digits=1e-12):
    """Nonzero eigenvalues with multiplicities as stated."""
    found = [(each.value, each.multiplicity) for each in found.eigenvalues if each.value > 1e-15]
    assert [count for _, count in found] == [count for _, count in wanted]
    assert np.allclose([v for v, _ in found], [v for v, _ in wanted], rtol=digits, atol=0)


def test_numbers_of_squared_error():
    problem = DeepUFM(3, 2, 2e-3, samples=2, loss="mse")
    for layer in (1, 2):
        found = spectrum(problem, layer=layer)
        close(found, [(0.261896787026807, 9)])
    assert found.scales[0] == pytest.approx(0.992421279461061, abs=1e-14)
    assert problem.objective(found.point.factors) == pytest.approx(0.011310643803401, abs=1e-14)
    top = [(each.value, each.multiplicity) for each in spectrum(problem, regularised=True).eigenvalues[:3]]
    assert [count for _, count in top] == [3, 6, 9]
    assert np.allclose([v for v, _ in top], [0.7916903610804, 0.7836903610804, 0.2638967870268], rtol=0, atol=1e-13)


def test_numbers_of_a_public_reproduction():
    problem = DeepUFM(3, 5, 1e-2, samples=40, width=60, loss="mse")
    for layer in range(1, 6):
        found = spectrum(problem, layer=layer)
        close(found, [(0.163242569780580, 9)])
        close(spectrum(problem, layer=layer, of="weights"), [(1.813021414447093, 3)])
    assert found.scales[0] == pytest.approx(0.942277466718108, abs=1e-14)
    assert found.order == 3 * 60


def test_numbers_of_cross_entropy():
    found = spectrum(DeepUFM(3, 2, 2e-3, samples=2), layer=1)
    assert found.scales[0] == pytest.approx(6.610419141811649, abs=1e-12)
    close(found, [(0.013185336297457, 1), (0.008796141195999, 2), (0.004406946094541, 1)])
    wide = DeepUFM(10, 2, 2**-10, samples=5, width=70)
    for layer in (1, 2):
        close(
            spectrum(wide, "simplex", layer=layer),
            [(0.006818697300286, 1), (0.006137426446765, 9), (0.000687259618596, 71)],
        )
    pairs = DeepUFM(6, 2, 1e-3, samples=2)
    close(spectrum(pairs, "pairs", layer=1), [(0.007136035659750, 3), (0.003576366255107, 6)])
    # Of the last layer the range of Z shows a part only: K r values, not r^2.
    assert spectrum(pairs, "pairs", layer=2).rank == 15


def test_numbers_of_relu():
    problem = DeepUFM(4, 4, 2e-3, samples=2, activation="relu")
    found = spectrum(problem, layer=2)
    assert problem.objective(found.point.factors) == pytest.approx(0.0499693032070, abs=1e-12)
    (alpha,) = found.scales
    close(found, [(2e-3 * alpha * (1 - 3 / (np.exp(alpha) + 3)), 4)])


def test_eigenvectors_are_kronecker_products_of_class_means():
    for problem, name in (
        (DeepUFM(3, 3, 1e-2, samples=2, width=4, loss="mse"), None),
        (DeepUFM(4, 2, 1e-3), "simplex"),
    ):
        for layer in range(1, problem.depth + 1):
            found = spectrum(problem, name, layer=layer)
            dense = hessian_by_differences(problem, found.point.factors, layer - 1)
            vectors, (means, shares) = found.vectors, found.class_vectors()
            assert vectors.values.size == found.rank
            for index, value in enumerate(vectors.values):
                v = vectors.matrix(index).ravel()
                assert np.linalg.norm(v) == pytest.approx(1)
                assert np.allclose(dense @ v, value * v, atol=1e-8)
                assert np.allclose(means.matrix(index).ravel(), v, atol=1e-10)
            assert np.allclose(shares, 1)


def test_last_layer_of_pairs_is_not_spanned_by_class_means():
    shares = spectrum(DeepUFM(6, 2, 1e-3), "pairs", layer=2).class_vectors()[1]
    assert np.sum(shares > 1 - 1e-9) < shares.size == 15


def test_alignment_and_split_at_collapse():
    problem = DeepUFM(3, 3, 1e-2, samples=4, width=5, loss="mse")
    for layer in (1, 2, 3):
        found = spectrum(problem, layer=layer)
        aligned = found.alignment()
        assert aligned.in_outliers == pytest.approx(1)
        assert aligned.eigenvector == pytest.approx(1)
        assert np.allclose(aligned.means, np.eye(3) / 3)
        assert found.split.ranks == (3, 6, 0)
        for part in (found.split.classes, found.split.cross):
            assert part[0].value == pytest.approx(found.top, rel=1e-12)
        assert found.split.gradient_in_classes == pytest.approx(1 / 3)
        assert found.split.gradient_in_cross == pytest.approx(2 / 3)


@pytest.mark.parametrize("problem", ANYWHERE, ids=str)
def test_parts_of_the_split_add_up(problem):
    for layer in range(1, problem.depth + 1):
        found = spectrum(problem, factors=anywhere(problem), layer=layer)
        parts = (found.split.classes, found.split.cross, found.split.within)
        assert sum(e.value * e.multiplicity for part in parts for e in part) == pytest.approx(found.trace)
        aligned = found.alignment()
        assert 0 < aligned.in_outliers <= 1 + 1e-12
        gradient = found.point.gradients[layer - 1].ravel()
        H = hessian_by_differences(problem, anywhere(problem), layer - 1)
        f = (gradient @ H @ gradient) ** 2 / (gradient @ gradient * np.sum((H @ gradient) ** 2))
        assert aligned.eigenvector == pytest.approx(f, rel=1e-6)


def test_lanczos_finds_copies_of_multiple_eigenvalues():
    rng = np.random.default_rng(0)
    basis = np.linalg.qr(rng.standard_normal((400, 400)))[0]
    values = np.sort(np.concatenate([np.repeat([5.0, 4.0, -3.0], [30, 150, 20]), rng.uniform(0, 3, 200)]))[::-1]
    for size, count in ((400, 1), (400, 40), (400, 200), (400, 400), (400, 500), (393, 300), (7, 3)):
        order = np.arange(400) < size
        part = (basis[:, order] * values[order]) @ basis[:, order].T if size == 400 else np.diag(values[order])
        found, errors = largest(lambda x, part=part: x @ part, size, count)
        assert found.size == min(count, size)
        assert np.all(np.abs(found - values[:size][:count]) <= errors + 1e-12)
        assert errors.max() <= 1e-6 * 5


def test_large_matrices_are_by_lanczos(monkeypatch):
    problem = DeepUFM(4, 3, 1e-2, samples=4, width=8)
    factors = anywhere(problem)
    for of, layer, regularised in (("hessian", "all", True), ("gauss-newton", "all", False), ("hessian", 2, True)):
        exact = spectrum(problem, factors=factors, of=of, layer=layer, regularised=regularised)
        with monkeypatch.context() as small:
            small.setattr("optima.spectra.whole.LARGEST_DENSE", 50)
            small.setattr("optima.spectra.ask.DENSE", 5)
            options = {"of": of, "layer": layer, "regularised": regularised}
            found = spectrum(problem, factors=factors, count=20, **options)
        assert {each.known for each in found.eigenvalues} == {"Lanczos"}
        assert found.known == 20 < found.order == exact.known
        assert np.allclose(found.values, exact.values[:20], atol=1e-7 * exact.top)


def test_solutions_are_answered_at_their_structure_or_their_factors():
    simplex = solve(DeepUFM(4, 1, 1e-2), effort="quick")
    assert {each.known for each in spectrum(simplex, layer=1).eigenvalues} == {"closed form"}
    uneven = solve(DeepUFM(3, 2, 1e-3, samples=(1, 2, 3)), effort="quick")
    found = spectrum(uneven, layer=2)
    again = spectrum(uneven.problem, factors=uneven.factors(), layer=2)
    assert np.allclose(found.values, again.values, atol=1e-14)
    whole = spectrum(uneven)
    assert whole.known == whole.order
    assert np.allclose(whole.values, spectrum(uneven.problem, factors=uneven.factors()).values, atol=1e-12)


@pytest.mark.parametrize(
    ("arguments", "options", "words"),
    [
        ((DeepUFM(4, 2, 1e-3),), {"of": "hesian"}, "of is"),
        ((DeepUFM(4, 2, 1e-3),), {"layer": 3}, "layer is 3 at depth 2"),
        ((DeepUFM(4, 2, 1e-3),), {"layer": "h"}, "layer is 'h'"),
        ((DeepUFM(4, 2, 1e-3),), {"layer": "H", "of": "weights"}, "layer is 'H'"),
        ((DeepUFM(4, 2, 1e-3),), {"of": "features"}, "of one layer"),
        ((DeepUFM(4, 2, 1e-3),), {"of": "weights", "layer": 1, "regularised": True}, "regularised"),
        ((DeepUFM(4, 2, 1e-3),), {"kink": 2}, "kink is 2"),
        ((DeepUFM(4, 2, 0.9),), {"layer": 1}, "no stationary scale"),
        ((DeepUFM(4, 2, 0),), {}, "reg is 0"),
        ((DeepUFM(4, 2, 1e-3, samples=(1, 2, 1, 1)),), {}, "equal size"),
        ((DeepUFM(4, 2, 1e-3), named("pairs", 6)), {}, "4 classes"),
        ((DeepUFM(4, 2, 1e-3), "pairs"), {"factors": [np.eye(4)] * 3}, "both given"),
        ((DeepUFM(4, 2, 1e-3),), {"factors": [np.eye(4)] * 2}, "factors"),
        ((DeepUFM(4, 2, 1e-3),), {"count": 0}, "count is 0"),
    ],
)
def test_bad_input_is_answered_by_a_sentence(arguments, options, words):
    with pytest.raises(ValueError, match=words):
        spectrum(*arguments, **options)


def test_parts_of_one_layer_are_asked_of_one_layer():
    found = spectrum(DeepUFM(4, 2, 1e-3))
    for part in ("vectors", "split"):
        with pytest.raises(ValueError, match="one weight matrix"):
            getattr(found, part)
    with pytest.raises(ValueError, match="one weight matrix"):
        found.alignment()


@pytest.mark.parametrize("form", [simplex_spectrum, pairs_spectrum])
@pytest.mark.parametrize("classes", [4, 6])
def test_every_eigenvalue_of_a_closed_form_is_listed_once(form, classes):
    # At K = 4 pairs have a curvature within a pair equal to that of rivals, and what is 2 or 0 comes from all blocks.
    for depth in (2, 3, 7):
        for scale in (0.7, 5.0, 40.0):
            spectrum = form(classes, depth, scale, 3, classes + 2)
            assert np.all(np.diff(spectrum.values) > 1e-14 * spectrum.spectral)
            assert spectrum.size == (classes + 2) * (2 * classes + (depth - 1) * (classes + 2) + 2 * classes)
