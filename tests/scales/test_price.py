"""Structures whose price is not that of their singular values: the same scale solver serves them."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from optima import best_scales, boundary, boundary_depth, named
from optima.structures.frame import Frame
from optima.structures.simplex import Simplex


class Dearer(Simplex):
    """The simplex at the price of a relu network that collapses: K ((K-1)/K)^(1/(L+1)) alpha^p for alpha S."""

    name = "dearer"
    factor = 1.0

    def blocks(self, exact=False):
        (block,) = super().blocks(exact)
        K, sigma = self.classes, float(block.singular[0][0])
        # S has singular values 1 per unit alpha; here they are sigma per unit scale.
        return (replace(block, network_price=lambda p: self.factor * K * ((K - 1) / K) ** (p / 2) * sigma**p),)


def fit(a, K):
    (orbit,) = Simplex(K).blocks()[0].orbits
    return math.log1p((K - 1) * math.exp(-a * float(orbit.margins[0])))


@pytest.mark.parametrize("K", [2, 5, 10])
@pytest.mark.parametrize("L", [2, 3, 7])
def test_the_best_scale_is_that_of_the_scalar_problem(K, L):
    reg, p = 1e-3, 2 / (L + 1)
    structure = Dearer(K)
    price = structure.blocks()[0].price(p)
    penalty = lambda a: reg / p * price * a**p
    found = best_scales(structure, L, reg)
    a = float(found.scales[0])
    assert float(found.loss) == pytest.approx(fit(a, K) + penalty(a), rel=1e-12)
    direct = minimize_scalar(lambda u: fit(math.exp(u), K) + penalty(math.exp(u)), [math.log(a) - 1, math.log(a) + 1])
    assert float(found.loss) == pytest.approx(direct.fun, rel=1e-10)
    assert float(found.loss) > float(best_scales(Simplex(K), L, reg).loss)


def test_the_price_of_singular_values_changes_nothing():
    K, L = 6, 3
    (block,) = Simplex(K).blocks()

    class Same(Simplex):
        def blocks(self, exact=False):
            return (replace(block, network_price=lambda p: sum(m * float(s) ** p for s, m in block.singular)),)

    regs = np.geomspace(1e-9, 1, 40)
    depths = np.array([1.5, 2, 3, 10])[:, None]
    for loss in ("ce", "mse"):
        same, plain = (best_scales(kind(K), depths, regs, 3, loss) for kind in (Same, Simplex))
        np.testing.assert_allclose(same.loss, plain.loss, rtol=1e-14)
        np.testing.assert_allclose(same.scales, plain.scales, rtol=1e-13)
    pairs = named("pairs", K)
    np.testing.assert_allclose(boundary(Same(K), pairs, K, L), boundary("simplex", pairs, K, L), rtol=1e-12)
    np.testing.assert_allclose(
        boundary_depth(Same(K), pairs, K, 1e-4), boundary_depth("simplex", pairs, K, 1e-4), rtol=1e-8
    )
    assert Same(K).fingerprint != Simplex(K).fingerprint


class Collapse(Frame):
    """The one-hot targets at the price K of a relu network, that of their singular values."""

    def blocks(self, exact=False):
        (block,) = super().blocks(exact)
        return (replace(block, network_price=lambda p: self.classes),)


@pytest.mark.parametrize(("L", "r", "loss"), [(3, 4, 0.011981945673), (4, 8, 0.069601196379), (5, 5, 0.029949662527)])
def test_collapse_of_relu_networks_with_squared_error(L, r, loss):
    """The values beside those of graph networks on the pairs of r points."""
    K = r * (r - 1) // 2
    assert float(best_scales(Collapse(K), L, 1e-3, loss="mse").loss) == pytest.approx(loss, abs=1e-12)
