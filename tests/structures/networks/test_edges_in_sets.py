"""Edges of r points told apart by sets of t points: below srg from r = 6 on. Training met it at K = 15, L = 7.

M_2 = ... = M_{L-1} = V, points against edges, and a row of M_L for each set T of t points, |e n T| - 1: relu leaves the
edges within T. t = r - 2 is srg, t = 2 srg-own.
"""

from itertools import combinations
from math import comb, sqrt

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from optima import named
from optima.structures.networks import chain_price, network_catalogue


def layers(r, t, depth, k=2):
    subsets, sets = list(combinations(range(r), k)), list(combinations(range(r), t))
    incidence = np.array([[float(i in e) for e in subsets] for i in range(r)])
    last = np.array([[len(set(e) & set(T)) - k + 1.0 for e in subsets] for T in sets])
    return [*[incidence] * (depth - 2), last]


def closed(r, t, depth):
    """q^L = N^2 r^(L-3) C(r,t) r/4, and the eigenvalues of X_L^T X_L with multiplicities."""
    a, b, c = comb(r - 2, t - 2), comb(r - 3, t - 3) if t > 2 else 0, comb(r - 4, t - 4) if t > 3 else 0
    eigenvalues = [
        (a + 2 * (r - 2) * b + (r - 2) * (r - 3) // 2 * c, 1),
        (a + (r - 4) * b - (r - 3) * c, r - 1),
        (a - 2 * b + c, r * (r - 3) // 2),
    ]
    nuclear = (r - 1) * sqrt(r - 2) + sqrt(2 * r - 2)
    return nuclear**2 * float(r) ** (depth - 3) * comb(r, t) * r / 4, eigenvalues


def price(r, t, depth):
    others, eigenvalues = closed(r, t, depth)
    return (others * sum(count / value for value, count in eigenvalues)) ** (1 / (depth + 1))


@pytest.mark.parametrize(("r", "t"), [(5, 2), (5, 3), (6, 3), (6, 4), (7, 4)])
@pytest.mark.parametrize("depth", [3, 5])
def test_the_closed_form_is_the_price_of_the_layers(r, t, depth):
    assert price(r, t, depth) == pytest.approx(chain_price(layers(r, t, depth), np.eye(comb(r, 2))).price, rel=1e-12)


# t = r - k is an end of the family, with another name and other layers of the same price.
@pytest.mark.parametrize(
    ("name", "r", "k", "t"), [("in-sets(6,2,3)", 6, 2, 3), ("subsets(7,3)", 7, 3, 4), ("in-sets(8,3,4)", 8, 3, 4)]
)
@pytest.mark.parametrize("depth", [3, 5])
def test_the_network_of_the_name_has_the_price_of_the_layers(name, r, k, t, depth):
    price = chain_price(layers(r, t, depth, k), np.eye(comb(r, k))).price
    assert named(name, comb(r, k), activation="relu").price_of_targets(depth) == pytest.approx(price, rel=1e-12)


def test_the_best_of_the_family_is_listed():
    listed = {network.name for K in (10, 15, 20, 21, 28, 56) for network in network_catalogue(K, "mse")}
    assert {name for name in listed if name.startswith("in-sets")} >= {
        "in-sets(6,2,3)",
        "in-sets(8,2,4)",
        "in-sets(8,3,4)",
    }
    assert not {name for name in listed if name.startswith(("in-sets(5", "in-sets(6,3"))}


@pytest.mark.parametrize("depth", [3, 4, 7])
@pytest.mark.parametrize("r", [5, 6, 8])
def test_srg_is_one_end_of_the_family_and_loses_to_the_middle(r, depth):
    network = lambda name: named(name, comb(r, 2), activation="relu").price_of_targets(depth)
    assert price(r, r - 2, depth) == pytest.approx(network("srg"), rel=1e-12)
    assert price(r, 2, depth) == pytest.approx(network("srg-own"), rel=1e-12)
    best = min(range(2, r - 1), key=lambda t: price(r, t, depth))
    assert best == {5: 3, 6: 3, 8: 4}[r]
    assert (price(r, best, depth) < network("srg") * 0.99) == (r > 5)


def test_its_loss_at_fifteen_classes_and_depth_seven():
    """A little below 0.03523329, where a smoothed descent from the end of training came; srg is at 0.03647029."""
    K, L, reg = 15, 7, 1e-3
    others, eigenvalues = closed(6, 3, L)
    loss = lambda v: (
        sum(count / (1 + np.exp(v) * value) for value, count in eigenvalues) / (2 * K)
        + L / 2 * reg ** ((L + 1) / L) * (K * np.exp(v) * others) ** (1 / L)
    )
    best = minimize_scalar(loss, bounds=(-5, 15), method="bounded", options={"xatol": 1e-10}).fun
    assert best == pytest.approx(0.0352155262, abs=1e-10)
    assert 1 < 0.03523329 / best < 1.001
