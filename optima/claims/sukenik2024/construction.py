"""The network of edges against points: its ranks and its loss."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np
from scipy.optimize import minimize_scalar

from optima.claims.claim import Control, claim
from optima.claims.derivation import step, whole
from optima.claims.evidence import Cases, Evidence, Ints, agreement
from optima.claims.relu_gain import relu_network
from optima.model import Array, DeepUFM
from optima.reduction import mean_reg
from optima.scales import best_scales
from optima.structures.networks import at_scales

TOLERANCE = 1e-10


@claim(
    "sukenik2024.rank",
    statement="The network on K = r(r-1)/2 classes has rank r in the layers 2 to L-1 and rank r, or 3 for r = 4, in "
    "the last layer before the relu; only the relu of the last hidden layer raises it to K, which collapse has in "
    "every layer.",
    latex=r"\operatorname{rk}M_2=\dots=\operatorname{rk}M_{L-1}=r\ge\operatorname{rk}M_L,\ r<K=\operatorname{rk}X_L",
    source="sukenik2024; derivations/network_subsets.py",
    how="exact eigenvalues of the incidence and of the graph of disjoint edges; ranks of the layers on a grid",
    axes={"points": range(4, 10), "depths": range(3, 7)},
    deep={"points": range(4, 16), "depths": range(3, 11)},
    control=Control("the relu leaves the rank of the last hidden layer as it is", {"raised": False}),
    proves=True,
)
def rank(points: Ints, depths: Ints, *, raised: bool = True) -> Iterator[Evidence]:
    """Margin: agreement of the ranks."""
    yield whole("network_subsets")
    yield step("network_subsets", "check_srg", "no eigenvalue of the graph of disjoint edges is zero", points=7)
    of = lambda matrix: int(np.linalg.matrix_rank(matrix))
    for r, L in product(points, depths):
        K = r * (r - 1) // 2
        layers = relu_network("srg", K).preactivations(L)
        wrong = (
            sum(of(M) != r for M in layers[:-1])
            + (of(layers[-1]) != (3 if r == 4 else r))
            + (of(np.maximum(layers[-1], 0)) != (K if raised else r))
        )
        yield Cases(agreement(wrong, 0.5), points=r, depths=L)


@claim(
    "sukenik2024.closed_form",
    statement="The least loss of the network is min over s of (1/2) sum_i lam_L / (s^2 mu_i^2 + lam_L K) + (L/2) "
    "C^(1/L) s^(2/L), C = n lam_H (lam_1 to lam_{L-1} multiplied) N^2 r^(L-3) K r/4, with the eigenvalues mu_i of the "
    "graph of disjoint edges.",
    latex=r"\min_s\tfrac12\sum_i\frac{\lambda_L}{s^2\mu_i^2+\lambda_LK}+\tfrac L2C^{1/L}s^{2/L},\ "
    r"\mu=\tfrac{(r-2)(r-3)}2,\,r-3^{(r-1)},\,1^{(r(r-3)/2)}",
    source="sukenik2024 (its construction); derivations/network_subsets.py, derivations/network_price.py",
    how="symbolic proof; one lambda for each factor: the objective of all factors against the scalar formula",
    axes={"points": range(4, 9), "depths": range(3, 7), "samples": (1, 3), "seeds": (0, 1)},
    deep={"points": range(4, 13), "depths": range(3, 11), "samples": (1, 3, 100), "seeds": range(5)},
    control=Control("the eigenvalue r - 2 in place of r - 3", {"second": lambda r: r - 2}, {"points": (5,)}),
    proves=True,
)
def closed_form(
    points: Ints, depths: Ints, samples: Ints, seeds: Ints, *, second: object = lambda r: r - 3
) -> Iterator[Evidence]:
    """Margin: agreement of the objective of the factors with the formula."""
    assert callable(second)
    yield whole("network_subsets")
    yield whole("network_price")
    for r, L, n, seed in product(points, depths, samples, seeds):
        K = r * (r - 1) // 2
        rng = np.random.default_rng([seed, r, L])
        problem = DeepUFM(K, L, tuple(rng.uniform(2e-4, 2e-3, L + 1)), n, loss="mse", activation="relu")
        network = relu_network("srg", K)
        scales = best_scales(network, L, mean_reg(problem), n, "mse").scales
        found = at_scales(problem, network, scales.ravel().tolist())
        objective = problem.objective(found.repeated())
        mu = [(r - 2) * (r - 3) / 2, *[second(r)] * (r - 1), *[1.0] * (r * (r - 3) // 2)]
        value = _formula(np.array(mu), r, problem)
        yield Cases(agreement(abs(objective / value - 1), TOLERANCE), points=r, depths=L, samples=n, seeds=seed)


def _formula(mu: Array, r: int, problem: DeepUFM) -> float:
    """The scalar minimum, by a method of its own."""
    K, L = problem.classes, problem.depth
    *first, last, features = problem.regs
    nuclear = (r - 1) * np.sqrt(r - 2) + np.sqrt(2 * r - 2)
    C = float(problem.class_sizes[0]) * features * np.prod(first) * nuclear**2 * r ** (L - 3) * K * r / 4
    value = lambda log_s: float(
        np.sum(last / (np.exp(2 * log_s) * mu**2 + last * K)) / 2 + L / 2 * C ** (1 / L) * np.exp(2 * log_s / L)
    )
    grid = np.linspace(-12, 6, 400)
    near = grid[int(np.argmin([value(s) for s in grid]))]
    return float(min(minimize_scalar(value, bounds=(near - 0.1, near + 0.1), method="bounded").fun, 0.5))
