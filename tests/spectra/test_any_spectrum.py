"""Any spectrum at random questions, against dense matrices by automatic differentiation."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from optima import DeepUFM, solve, spectrum
from optima.spectra.point import KINK

HESSIANS = ("hessian", "gauss-newton")
KINDS = (*HESSIANS, "gradient", "gradient-covariance", "weights", "features")


def question(seed):
    """A model, a structure or factors, and the derivative of relu at zero."""
    rng = np.random.default_rng(seed)
    K, L = int(rng.integers(2, 6)), int(rng.integers(1, 5))
    loss, activation = str(rng.choice(["ce", "mse"])), str(rng.choice(["linear", "linear", "relu"]))
    named = bool(rng.random() < 0.6)
    samples = int(rng.integers(1, 4)) if named or rng.random() < 0.3 else tuple(map(int, rng.integers(1, 4, K)))
    least = K if activation == "relu" or loss == "ce" else max(1, K - 1)
    width = int(rng.integers(least if named else 1, K + 3)) if rng.random() < 0.8 else None
    regs = tuple(map(float, 1e-3 * np.exp(rng.uniform(-1, 0.7, L + 1)))) if rng.random() < 0.5 else 1e-3
    problem = DeepUFM(K, L, regs, samples, width, loss=loss, activation=activation)
    kink = int(rng.integers(2)) if activation == "relu" else 0
    if not named:
        factors = [rng.standard_normal(shape) for shape in problem.factor_shapes()]
        return problem, {"factors": factors}, kink
    even = loss == "ce" and activation == "linear" and K == 4
    return problem, {"structure": str(rng.choice(["pairs", "polygon", "simplex"])) if even else None}, kink


def network(problem, kink):
    """The logits, with the pattern of active neurons as it is at the point."""
    import torch

    def logits(*factors):
        *weights, layer = factors
        for number, weight in enumerate(weights):
            if number and problem.activation == "relu" and problem.depth > 1:
                # No relu acts on the features, which enter the first weight matrix.
                before, floor = layer.detach(), KINK * layer.detach().abs().max()
                layer = layer * ((before >= -floor) if kink else (before > floor)).to(torch.float64)
            layer = weight @ layer
        return layer

    return logits


def sample_losses(problem, logits):
    """The loss of each sample, shape (N,)."""
    import torch

    labels = torch.tensor(problem.labels)
    if problem.loss == "ce":
        return torch.nn.functional.cross_entropy(logits.T, labels, reduction="none")
    return ((logits - torch.nn.functional.one_hot(labels, problem.classes).T) ** 2).sum(dim=0) / 2


class Dense:
    """Full matrices over all parameters at factors."""

    def __init__(self, problem, factors, kink):
        import torch

        self.problem, self.factors = problem, factors
        forward = network(problem, kink)
        shapes, sizes = [np.shape(f) for f in factors], [np.size(f) for f in factors]
        self.ends = np.cumsum([0, *sizes])
        flat = torch.tensor(np.concatenate([np.ravel(f) for f in factors]))
        unpack = lambda x: [p.reshape(s) for p, s in zip(torch.split(x, sizes), shapes, strict=True)]
        each = lambda x: sample_losses(problem, forward(*unpack(x)))
        self.hessian = torch.autograd.functional.hessian(lambda x: each(x).mean(), flat).numpy()
        self.gradients = torch.autograd.functional.jacobian(each, flat).numpy()
        J = torch.autograd.functional.jacobian(lambda x: forward(*unpack(x)).T, flat).numpy()
        S = self.curvatures(forward(*unpack(flat)).detach())
        self.gauss_newton = np.einsum("jap,jab,jbq->pq", J, S, J, optimize=True) / problem.size
        layers = [torch.tensor(factors[-1])]
        for number in range(1, problem.depth):
            layers.append(forward(*map(torch.tensor, factors[:number]), torch.tensor(factors[-1])))
        self.inputs = [x.clamp(min=0) if i and problem.activation == "relu" else x for i, x in enumerate(layers)]

    def curvatures(self, logits):
        import torch

        if self.problem.loss == "mse":
            return np.repeat(np.eye(self.problem.classes)[None], self.problem.size, axis=0)
        p = torch.softmax(logits, dim=0).numpy().T
        return np.einsum("ja,ab->jab", p, np.eye(p.shape[1])) - np.einsum("ja,jb->jab", p, p)

    def part(self, layer):
        """The parameters of a layer."""
        if layer == "all":
            return slice(None)
        place = self.problem.depth if layer == "H" else layer - 1
        return slice(self.ends[place], self.ends[place + 1])

    def matrix(self, of, layer, regularised):
        if of in ("weights", "features"):
            W, X = self.factors[layer - 1], self.inputs[layer - 1].numpy()
            return W.T @ W if of == "weights" else X @ X.T / self.problem.size
        part = self.part(layer)
        if of in HESSIANS:
            regs = np.repeat(self.problem.regs, np.diff(self.ends)) * regularised
            full = (self.hessian if of == "hessian" else self.gauss_newton) + np.diag(regs)
            return full[part, part]
        g = self.gradients[:, part]
        g = g - g.mean(axis=0) if of == "gradient-covariance" else g
        return g.T @ g / self.problem.size


def questions_of(problem):
    for of in KINDS:
        layers = [*range(1, problem.depth + 1), *([] if of in KINDS[4:] else ["H", "all"])]
        yield from product([of], layers, (False, True) if of in HESSIANS else (False,))


def check_vectors(found, matrix, gradient):
    """Eigenvectors, class means, split and alignment against the dense matrix."""
    shift = found.bulk
    plain = matrix - shift * np.eye(len(matrix))
    size = max(np.abs(plain).max(), 1e-300)
    V = np.array([found.vectors.matrix(i).ravel() for i in range(found.vectors.values.size)]).reshape(-1, len(matrix))
    assert np.abs(V @ V.T - np.eye(len(V))).max(initial=0.0) < 1e-9
    assert np.abs(V.T @ (found.vectors.values[:, None] * V) - plain).max() < 1e-9 * size
    means, shares = found.class_vectors()
    for index, share in enumerate(shares):
        assert np.sum(means.matrix(index) ** 2) == pytest.approx(share, abs=1e-9)
    parts = [sum(e.value * e.multiplicity for e in part) for part in (found.split.classes, found.split.cross)]
    parts.append(sum(e.value * e.multiplicity for e in found.split.within))
    assert sum(parts) == pytest.approx(np.trace(plain), rel=1e-9)
    norm = gradient @ gradient
    if norm < 1e-20:
        return
    aligned = found.alignment()
    top = min(aligned.outliers, len(V))
    # Within a multiple eigenvalue the first vectors are anyone's choice.
    values = found.vectors.values
    if top == len(V) or values[top - 1] - values[top] > 1e-6 * values[0]:
        assert aligned.in_outliers == pytest.approx(np.sum((V[:top] @ gradient) ** 2) / norm, abs=1e-7)
    image = plain @ gradient
    if image @ image > 1e-20 * norm * size**2:
        f = (gradient @ image) ** 2 / (norm * (image @ image))
        assert aligned.eigenvector == pytest.approx(f, abs=1e-7)


def check(place, where, kink, label):
    """Every question at one place: a model with a structure or factors, or a solution."""
    first = spectrum(place, kink=kink, layer=1, **where)
    problem = first.problem
    dense = Dense(problem, first.point.factors, kink)
    for of, layer, regularised in questions_of(problem):
        found = spectrum(place, kink=kink, layer=layer, of=of, regularised=regularised, **where)
        matrix = dense.matrix(of, layer, regularised)
        reference = np.linalg.eigvalsh(matrix)[::-1]
        asked = (label, problem, where.get("structure"), kink, of, layer, regularised)
        assert found.order == found.known == len(matrix), asked
        # A covariance that is zero is the rounding of what it is centred from.
        size = max(np.abs(dense.matrix(of.removesuffix("-covariance"), layer, regularised)).max(), 1e-300)
        assert np.abs(found.values - reference).max() <= 1e-9 * size, asked
        values = np.array([each.value for each in found.eigenvalues])
        # No eigenvalue is listed twice, apart by rounding alone.
        exact = any(each.known == "closed form" for each in found.eigenvalues)
        rounding = max(1e-14 * size * exact, *(each.error for each in found.eigenvalues))
        assert (-np.diff(values) > rounding).all(), (asked, found.eigenvalues)
        data = found.as_dict()
        for entry in data["eigenvalues"]:
            assert isinstance(entry["value"], float)
            assert isinstance(entry["multiplicity"], int)
            assert entry["known"] in ("closed form", "small blocks", "dense"), asked
        if of in HESSIANS and isinstance(layer, int):
            check_vectors(found, matrix, dense.gradients[:, dense.part(layer)].mean(axis=0))


@pytest.mark.slow
@pytest.mark.needs("torch")
@pytest.mark.parametrize("seed", range(60))
def test_random_questions(seed):
    problem, where, kink = question(seed)
    check(problem, where, kink, seed)


@pytest.mark.slow
@pytest.mark.needs("torch")
@pytest.mark.parametrize(
    "problem",
    [
        DeepUFM(3, 2, 1e-3, samples=(1, 2, 3)),
        DeepUFM(4, 3, (1e-3, 5e-4, 2e-3, 1e-3), samples=2, width=3),
        DeepUFM(3, 2, 1e-2, samples=(3, 1, 2), width=2, loss="mse"),
        DeepUFM(3, 3, 1e-3, activation="relu", loss="mse", width=5),
        DeepUFM(5, 1, 1e-2, samples=(1, 2, 1, 2, 1)),
    ],
    ids=str,
)
def test_solutions(problem):
    check(solve(problem, effort="quick"), {}, 0, "solution")


@pytest.mark.parametrize("problem", [DeepUFM(3, 2, 1e-3, samples=2, width=4, loss=loss) for loss in ("ce", "mse")])
@pytest.mark.parametrize("dead", ["relu", "zero"])
def test_networks_that_pass_nothing_on(problem, dead):
    """Without active neurons, or at zero factors, there is no outlier, and all that may be asked is answered."""
    factors = [np.full(shape, 1.0 if dead == "relu" else 0.0) for shape in problem.factor_shapes()]
    if dead == "relu":
        problem, factors[0] = replace(problem, activation="relu"), -factors[0]
    for of, layer, regularised in questions_of(problem):
        found = spectrum(problem, factors=factors, of=of, layer=layer, regularised=regularised)
        assert found.known == found.order
        if of == "hessian" and layer == 1:
            assert found.rank == found.vectors.values.size == 0
            assert (found.split.ranks, found.alignment().in_outliers) == ((0, 0, 0), 0.0)
            assert found.class_vectors()[1].size == 0


def test_closed_forms_list_a_value_once():
    for (K, L), name, regularised in product(((4, 2), (6, 2), (6, 3), (8, 2)), ("pairs", "simplex"), (False, True)):
        found = spectrum(DeepUFM(K, L, 1e-3), name, regularised=regularised)
        values = np.array([each.value for each in found.eigenvalues])
        assert {each.known for each in found.eigenvalues} == {"closed form"}
        assert (-np.diff(values) > 1e-12 * found.top).all()
        assert found.values.size == found.order
        # The kernel of the regularised Hessian is exactly zero, and what is zero without regularisation too.
        assert 0.0 in values
