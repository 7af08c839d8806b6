"""Hessian products against differences and autograd, exact spectra against dense matrices and closed forms."""

import numpy as np
import pytest

from optima import DeepUFM, Reduction, best_scales, named, solve
from optima.spectra import (
    hessian_operator,
    hessian_product,
    lifted_spectrum,
    orbit_dimension,
    pairs_spectrum,
    simplex_spectrum,
)
from optima.spectra.orbit import tangent_dimension

PROBLEMS = [
    DeepUFM(3, 1, 1e-2, samples=2, width=4),
    DeepUFM(4, 3, (1e-2, 2e-2, 5e-3, 1e-3), samples=(1, 2, 1, 3), width=5),
    DeepUFM(3, 2, 1e-2, width=3, loss="mse"),
    DeepUFM(3, 4, 1e-2, samples=2, width=4, activation="relu"),
]
LIFTED = [
    (DeepUFM(4, 2, 1e-3, samples=2, width=5), "simplex"),
    (DeepUFM(4, 3, 1e-3, width=5), "pairs"),
    (DeepUFM(5, 2, 1e-3, width=5), "polygon"),
    (DeepUFM(3, 2, 1e-3, samples=(1, 2, 3), width=4), None),
    (DeepUFM(4, 2, (1e-3, 2e-3, 5e-4), samples=2, width=5), None),
    (DeepUFM(3, 2, 1e-2, width=4, loss="mse"), None),
    (DeepUFM(3, 1, (1e-2, 3e-2), samples=2, width=4), None),
    (DeepUFM(4, 1, 1e-2, width=5), "pairs"),
]


def random_factors(problem, rng):
    d = problem.width
    shapes = [*[(d, d)] * (problem.depth - 1), (problem.classes, d), (d, problem.labels.size)]
    return [rng.standard_normal(shape) for shape in shapes]


def critical_means(problem, name):
    if name is None:
        return solve(problem, effort="quick").means
    n = int(problem.class_sizes[0])
    structure = named(name, problem.classes)
    return structure.shape([float(best_scales(structure, problem.depth, problem.reg, n).scales[0])])


def dense(problem, factors):
    operator = hessian_operator(problem, factors)
    return operator @ np.eye(operator.shape[0])


@pytest.mark.parametrize("problem", PROBLEMS, ids=str)
def test_product_is_the_derivative_of_the_gradient(problem):
    rng = np.random.default_rng(0)
    factors, direction = random_factors(problem, rng), random_factors(problem, rng)
    step = 1e-6
    ahead = problem.gradient([w + step * v for w, v in zip(factors, direction, strict=True)])
    behind = problem.gradient([w - step * v for w, v in zip(factors, direction, strict=True)])
    for exact, high, low in zip(hessian_product(problem, factors, direction), ahead, behind, strict=True):
        assert np.allclose(exact, (high - low) / (2 * step), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("problem", PROBLEMS, ids=str)
def test_operator_is_symmetric(problem):
    matrix = dense(problem, random_factors(problem, np.random.default_rng(1)))
    assert np.allclose(matrix, matrix.T, atol=1e-12)


@pytest.mark.slow
@pytest.mark.needs("torch")
def test_autograd_agrees():
    import torch

    problem = PROBLEMS[1]
    factors = random_factors(problem, np.random.default_rng(2))
    labels = torch.tensor(problem.labels)

    def objective(*weights):
        Z = weights[-1]
        for weight in weights[:-1]:
            Z = weight @ Z
        loss = torch.nn.functional.cross_entropy(Z.T, labels)
        return loss + sum(reg / 2 * (w**2).sum() for reg, w in zip(problem.regs, weights, strict=True))

    tensors = tuple(torch.tensor(factor) for factor in factors)
    blocks = torch.autograd.functional.hessian(objective, tensors)
    sizes = [factor.size for factor in factors]
    matrix = np.block(
        [[blocks[i][j].reshape(sizes[i], sizes[j]).numpy() for j in range(len(sizes))] for i in range(len(sizes))]
    )
    assert np.allclose(dense(problem, factors), matrix, atol=1e-12)


def test_a_direction_of_other_shapes_is_refused():
    factors = random_factors(PROBLEMS[0], np.random.default_rng(0))
    with pytest.raises(ValueError, match="direction"):
        hessian_product(PROBLEMS[0], factors, factors[:-1])


@pytest.mark.parametrize(("problem", "name"), LIFTED, ids=str)
def test_lifted_spectrum_is_that_of_the_dense_matrix(problem, name):
    means = critical_means(problem, name)
    factors = Reduction(problem).lift(means, rng=np.random.default_rng(3))
    exact = np.linalg.eigvalsh(dense(problem, factors))
    found = lifted_spectrum(problem, means)
    assert found.size == exact.size
    assert np.allclose(found.all(), exact, atol=1e-11 * np.abs(exact).max())
    assert found.trace_norm == pytest.approx(np.abs(exact).sum(), rel=1e-10)
    assert found.frobenius == pytest.approx(np.linalg.norm(exact), rel=1e-10)


def test_zero_logits_have_a_spectrum():
    problem = DeepUFM(3, 3, 1e-2, width=4)
    found = lifted_spectrum(problem, np.zeros((3, 3)))
    assert np.allclose(found.all(), 1e-2)
    assert found.size == 2 * 16 + 12 + 12


@pytest.mark.parametrize("depth", [2, 3, 5])
@pytest.mark.parametrize(
    ("name", "classes", "closed"),
    [
        ("simplex", 3, simplex_spectrum),
        ("simplex", 6, simplex_spectrum),
        ("pairs", 4, pairs_spectrum),
        ("pairs", 8, pairs_spectrum),
    ],
)
def test_closed_forms_are_the_lifted_spectra(name, classes, closed, depth):
    problem = DeepUFM(classes, depth, 1e-3, samples=3, width=classes + 1)
    structure = named(name, classes)
    a = float(best_scales(structure, depth, 1e-3, 3).scales[0])
    found = lifted_spectrum(problem, structure.shape([a]))
    exact = closed(classes, depth, a, 3, classes + 1)
    assert np.allclose(exact.all(), found.all() / 1e-3, atol=1e-9 * exact.spectral)


def test_the_simplex_turns_into_a_saddle_at_its_least_scale():
    K, L = 6, 3
    edge = K * (L - 1) / (L + 1)
    assert simplex_spectrum(K, L, edge * 1.001).least >= 0
    assert simplex_spectrum(K, L, edge * 0.999).least < 0


def test_closed_forms_at_scales_without_any_float_lambda():
    assert simplex_spectrum(10, 3, 1e12).spectral == pytest.approx(4 * 1e12, rel=1e-9)
    assert np.isfinite(pairs_spectrum(10, 3, 1e12).values).all()


@pytest.mark.parametrize(("problem", "name"), LIFTED[:4], ids=str)
def test_zeros_are_the_orbit(problem, name):
    means = critical_means(problem, name)
    rank = Reduction(problem).singular_values(means).size
    wanted = orbit_dimension(rank, problem.depth, problem.width)
    assert lifted_spectrum(problem, means).zeros() == wanted
    assert tangent_dimension(Reduction(problem).lift(means, rng=np.random.default_rng(0))) == wanted


@pytest.mark.parametrize(
    ("call", "word"),
    [
        (lambda: lifted_spectrum(DeepUFM(3, 2, 1e-2), np.eye(3)), "critical"),
        (lambda: lifted_spectrum(DeepUFM(3, 2, 1e-2, activation="relu"), np.zeros((3, 3))), "relu|linear"),
        (lambda: lifted_spectrum(DeepUFM(3, 2, 1e-3), critical_means(DeepUFM(3, 2, 1e-3), "simplex"), 1), "width"),
        (lambda: simplex_spectrum(2, 2, 1.0), "classes"),
        (lambda: simplex_spectrum(4, 1, 1.0), "depth"),
        (lambda: simplex_spectrum(4, 2, -1.0), "scale"),
        (lambda: pairs_spectrum(5, 2, 1.0), "even"),
        (lambda: orbit_dimension(3, 2, 2), "width"),
    ],
)
def test_mistakes(call, word):
    with pytest.raises(ValueError, match=word):
        call()
