"""What relu networks cost: the price theorem, the Gram chain, and the closed forms of all named networks."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np

from optima.claims.claim import Control, claim
from optima.claims.derivation import step, whole
from optima.claims.evidence import Cases, Evidence, Ints, agreement
from optima.claims.relu_gain import relu_network
from optima.model import Array, DeepUFM
from optima.reduction import Reduction, mean_reg
from optima.scales import best_scales
from optima.structures.networks import at_scales, chain_price, network_catalogue

TOLERANCE = 1e-10


@claim(
    "networks.price",
    statement="Over all factors of a relu network with layers M_2, ..., M_L up to scales and logits alpha Z, the least "
    "regulariser is ((L+1)/2) lam (sqrt(n) alpha)^p rho, rho^(L+1) = ||M_2||_*^2 prod ||M_{l+1} X_l^+||^2 ||Z "
    "X_L^+||^2.",
    latex=r"\min\tfrac12\sum\lambda_l\|W_l\|^2=\tfrac{L+1}2\lambda(\sqrt n\,\alpha)^p\rho,\quad p=\tfrac2{L+1}",
    source="derivations/network_price.py",
    how="symbolic proof; random networks with one lambda for each factor: their own cost is never lower, and that of "
    "the factors made from their layers is the formula",
    axes={"classes": (2, 4, 7), "depths": range(2, 7), "samples": (1, 3), "seeds": (0, 1, 2)},
    deep={"classes": range(2, 13), "depths": range(2, 13), "samples": (1, 3, 100), "seeds": range(10)},
    control=Control("the exponent 2/(L+2) in place of 2/(L+1)", {"shift": 2}),
    proves=True,
)
def price(classes: Ints, depths: Ints, samples: Ints, seeds: Ints, *, shift: int = 1) -> Iterator[Evidence]:
    """Margins: relative excess of the cost of the random factors; agreement of the attained cost."""
    yield whole("network_price")
    yield step("network_price", "check_am_gm", "balanced scales attain the price", power=1.0)
    for K, L, n, seed in product(classes, depths, samples, seeds):
        rng = np.random.default_rng([seed, K, L])
        problem = DeepUFM(K, L, tuple(rng.uniform(1e-3, 1e-1, L + 1)), n, activation="relu")
        features, weights = rng.normal(size=(K, K)), [rng.normal(size=(K + 1, K)) / K]
        weights += [rng.normal(size=(K + 1, K + 1)) / K + np.eye(K + 1) for _ in range(L - 2)]
        layers = [weights[0] @ features]
        for W in weights[1:]:
            layers.append(W @ np.maximum(layers[-1], 0))
        direction = rng.normal(size=(K, K + 1)) @ np.maximum(layers[-1], 0)
        found = chain_price(layers, direction)
        formula = (L + 1) / 2 * mean_reg(problem) * n ** (1 / (L + 1)) * found.price * 1.7 ** (2 / (L + shift))
        attained = _attained(problem, layers, direction, 1.7)
        at: dict[str, Any] = {"classes": K, "depths": L, "samples": n, "seeds": seed}
        yield Cases(agreement(abs(attained / formula - 1), TOLERANCE), what="attained", **at)
        last = direction @ np.linalg.pinv(np.maximum(layers[-1], 0)) * 1.7
        own = sum(reg * np.sum(W**2) for reg, W in zip(problem.regs, [*weights, last], strict=False))
        own += n * problem.regs[-1] * np.sum(features**2)
        yield Cases(float(own) / 2 / formula - 1, what="random factors", **at)


def _attained(problem: DeepUFM, layers: list[Array], direction: Array, scale: float) -> float:
    """The regulariser of the factors made from the layers."""
    from optima.structures.networks import network_factors

    factors = network_factors(problem, layers, scale, direction)
    counts = [1] * problem.depth + [problem.class_sizes[0]]
    terms = zip(problem.regs, factors, counts, strict=True)
    return float(sum(reg * count * np.sum(F**2) for reg, F, count in terms) / 2)


@claim(
    "networks.gram_chain",
    statement="With squared error the least objective over networks with given layers is (lam_L/2) tr (G_L + lam_L "
    "K)^-1 + sum (lam_l/2) tr M_{l+1} G_l^+ M_{l+1}^T + sqrt(n lam_H lam_1) ||M_2||_*, G_l the Gram matrix of X_l; "
    "given G_{L-1} the last step is convex, with an exact certificate.",
    latex=r"f=\tfrac{\lambda_L}2\operatorname{tr}(G_L+\lambda_LK)^{-1}+\sum_l\tfrac{\lambda_l}2\operatorname{tr}"
    r"M_{l+1}G_l^+M_{l+1}^\top+\sqrt{n\lambda_H\lambda_1}\|M_2\|_*",
    source="derivations/network_gram_chain.py",
    how="symbolic proof; every named network at its best scales: the objective of its factors against the chain",
    axes={"classes": (3, 4, 6, 7, 10), "depths": (3, 4, 6), "samples": (1, 3)},
    deep={"classes": range(2, 21), "depths": range(2, 10), "samples": (1, 3, 100)},
    control=Control("without the root of the product of both regularisations", {"mean": lambda a, b: (a + b) / 2}),
    proves=True,
)
def gram_chain(classes: Ints, depths: Ints, samples: Ints, *, mean: object = None) -> Iterator[Evidence]:
    """Margin: agreement of the objective with the chain."""
    yield whole("network_gram_chain")
    yield step("network_gram_chain", "check_duality", "every D proves a bound, and the best one the minimum", slack=1.0)
    for K, L, n in product(classes, depths, samples):
        rng = np.random.default_rng([K, L])
        problem = DeepUFM(K, L, tuple(rng.uniform(2e-4, 2e-3, L + 1)), n, loss="mse", activation="relu")
        for network in network_catalogue(K, "mse", L):
            scales = best_scales(network, L, mean_reg(problem), n, "mse").scales.ravel()
            if not np.all(scales > 0):
                continue
            found = at_scales(problem, network, scales.tolist())
            value = _chain(problem, found.layers[:-1], n, mean)
            error = abs(problem.objective(found.repeated()) / value - 1)
            yield Cases(agreement(error, TOLERANCE), classes=K, depths=L, samples=n, network=network.name)


def _chain(problem: DeepUFM, layers: tuple[Array, ...], samples: int, mean: object) -> float:
    first, *middle, last, features = problem.regs
    root = mean(first, samples * features) if callable(mean) else np.sqrt(first * samples * features)
    X = np.maximum(layers[-1], 0)
    value = last / 2 * np.trace(np.linalg.inv(X.T @ X + last * problem.classes * np.eye(problem.classes)))
    for reg, before, after in zip(middle, layers[:-1], layers[1:], strict=True):
        value += reg / 2 * np.sum((after @ np.linalg.pinv(np.maximum(before, 0), rcond=1e-9)) ** 2)
    return float(value + root * np.linalg.svd(layers[0], compute_uv=False).sum())


@claim(
    "networks.closed_forms",
    statement="The closed forms of the prices of all named networks are those of their layers, and their losses those "
    "of their factors.",
    latex=r"\rho^{L+1}=N^2\,r^{L-l}\,A\,B",
    source="derivations/network_subsets.py, network_lifted_pairs.py, network_lifted_codes.py, network_triangle.py, "
    "network_in_sets.py, network_pointed_edges.py, network_fan.py, network_first_layer.py, network_transversal.py, "
    "relu_pairs.py",
    how="the symbolic proofs of the scripts; every network of the catalogue against its layers and factors",
    axes={"classes": (2, 3, 4, 6, 7, 8, 9, 10, 15, 16, 20), "more": (0, 1, 4)},
    deep={"classes": (*range(2, 37), 45, 55, 56, 138), "more": (0, 1, 2, 5, 10)},
    control=Control("every layer more costs the rank less one", {"less": 1}, {"more": (1,)}),
    proves=True,
)
def closed_forms(classes: Ints, more: Ints, *, less: int = 0) -> Iterator[Evidence]:
    """Margins: agreement of prices with the layers, and of losses with the factors, ``more`` layers above the least."""
    scripts = (
        "subsets",
        "in_sets",
        "lifted_pairs",
        "lifted_codes",
        "triangle",
        "pointed_edges",
        "fan",
        "first_layer",
        "transversal",
    )
    for script in scripts:
        yield whole(f"network_{script}")
    yield whole("relu_pairs")
    for K, extra in product(classes, more):
        for network in network_catalogue(K):
            L = network.least_depth + extra
            directions = network.directions()
            at: dict[str, Any] = {"classes": K, "depths": L, "network": network.name}
            if len(directions) == 1:
                (block,) = network.blocks()
                layers = network.preactivations(L)
                rank = np.linalg.matrix_rank(np.maximum(layers[0], 0))
                claimed = float(block.price(2 / (L + 1))) * (1 - less / rank) ** (extra / (L + 1))
                exact = chain_price(layers, directions[0]).price
                yield Cases(agreement(abs(claimed / exact - 1), TOLERANCE), what="price", **at)
            for loss in network.losses:
                best = best_scales(network, L, 1e-3, 2, loss)
                problem = DeepUFM(K, L, 1e-3, 2, loss=loss, activation="relu")
                objective = at_scales(problem, network, best.scales.ravel().tolist()).loss
                error = abs(objective / float(best.loss) - 1)
                yield Cases(agreement(error, TOLERANCE), what=f"loss, {loss}", **at)


@claim(
    "networks.collapse",
    statement="Under cross-entropy collapse costs K ((K-1)/K)^(1/(L+1)) in a relu network, above the K-1 of the linear "
    "model; with squared error both cost K.",
    latex=r"\rho_{\rm DNC}=K\Bigl(\frac{K-1}K\Bigr)^{1/(L+1)}>K-1",
    source="derivations/network_price.py; theory of the relu model",
    how="its factors, which are orthogonal frames in every layer, on a grid",
    axes={"classes": range(2, 13), "depths": range(2, 9)},
    deep={"classes": range(2, 61), "depths": range(2, 41)},
    control=Control("it costs K-1, as in the linear model", {"linear": True}),
)
def collapse(classes: Ints, depths: Ints, *, linear: bool = False) -> Iterator[Evidence]:
    """Margins: agreement of the price with the objective of the factors, less the fit; excess over K-1."""
    yield whole("network_price")
    for K, L in product(classes, depths):
        problem = DeepUFM(K, L, 1e-3, activation="relu")
        network, a = relu_network("collapse", K), 5.0
        loss = at_scales(problem, network, [a]).loss
        p = 2 / (L + 1)
        paid = (loss - Reduction(DeepUFM(K, L, 1e-3)).fit(network.shape([a]))) / (a**p * 1e-3 / p)
        claimed = K - 1 if linear else K * ((K - 1) / K) ** (1 / (L + 1))
        yield Cases(agreement(abs(paid / claimed - 1), 1e-8), classes=K, depths=L)
        yield Cases(paid / (K - 1) - 1, classes=K, depths=L, what="above the linear model")
