r"""Closed forms of the Hessian's spectrum at the simplex and at antipodal pairs.

All eigenvalues are in units of lambda (one for all factors) and explicit in the scale a, so that they are exact for
lambda far below the smallest float: at a stationary simplex the curvature of the fit, carried to the factors, is a/K
in these units. Source: derivations/simplex_hessian.py, derivations/hessian_norms.py.
"""

from __future__ import annotations

import math

import numpy as np

from optima.model import Array
from optima.model.inputs import positive_integer, positive_number
from optima.spectra.multiplicities import Spectrum


def simplex_spectrum(classes: int, depth: int, scale: float, samples: int = 1, width: int | None = None) -> Spectrum:
    r"""Eigenvalues of the Hessian over lambda at the simplex with stationary scale a.

    With x = a/K, delta = 1 - K/(e^a + K - 1) and r = K - 1 (multiplicities in brackets):

    .. math::
        (L+1) x (1 + (K-1)\delta) - (L-1)\,[1],\quad (L+1) x - (L-1)\,[\tfrac{K(K-3)}2],\quad
        (L+1)(x+1)\,[\tfrac{(K-1)(K-2)}2],\quad 2\,[L\tfrac{K(K-1)}2],\quad 0\,[L\tfrac{(K-1)(K-2)}2]

    two from a 2 x 2 matrix [K-1 each], those within classes, and 0, 1, 2 from the directions outside the range.

    Raises ValueError for K < 3 and values out of range. Source: derivations/simplex_hessian.py.
    """
    K, L, n, d = _checked(classes, depth, samples, width, least=3)
    _check_width(d, K - 1)
    a = positive_number("scale", scale)
    x, delta, r = a / K, _delta(a, K), K - 1
    std = np.array(
        [
            [(L + 1) * x * (1 + (K - 2) * delta) - (L - 1), math.sqrt((L + 1) * (K - 2)) * x * delta],
            [math.sqrt((L + 1) * (K - 2)) * x * delta, x * (1 + delta) + 1],
        ]
    )
    antisymmetric, symmetric = (K - 1) * (K - 2) // 2, K * (K - 3) // 2
    return Spectrum.of(
        [
            ((L + 1) * x * (1 + (K - 1) * delta) - (L - 1), 1),
            ((L + 1) * x - (L - 1), symmetric),
            ((L + 1) * (x + 1), antisymmetric),
            (0.0, L * antisymmetric),
            (2.0, L * (1 + symmetric + r)),
            (np.linalg.eigvalsh(std), r),
            (1.0, r),
            (x * (1 + (K - 1) * delta) + 1, K * (n - 1)),
            (x + 1, K * (n - 1) * (K - 2)),
            *_outside(K, L, n, d, r),
        ]
    )


def pairs_spectrum(classes: int, depth: int, scale: float, samples: int = 1, width: int | None = None) -> Spectrum:
    r"""Eigenvalues of the Hessian over lambda at antipodal pairs (K even) with stationary scale a.

    With h = K/2, kappa = K - 2 + 2 e^{-a} and x = 2a/kappa: (L+1) x - (L-1) and (L+1)(x+1) [h(h-1)/2 each],
    (L+1) x theta - (L-1) [h], theta the curvature within a pair over that of a rival, 2 and 0 as often as the range
    asks, x + 1 +- K/kappa [h(h-2) each] and four from a 4 x 4 matrix [h each], those within classes, and 0, 1, 2
    from the directions outside the range.

    Raises ValueError for odd K, K < 4 and values out of range. Source: derivations/hessian_norms.py.
    """
    K, L, n, d = _checked(classes, depth, samples, width, least=4)
    if K % 2:
        raise ValueError(f"classes is {K}; pass an even number, pairs have a closed form only there")
    _check_width(d, K // 2)
    a = positive_number("scale", scale)
    h = K // 2
    kappa = K - 2 + 2 * math.exp(-a)
    x = 2 * a / kappa
    theta = _pair_curvature(a, K)
    swaps = h * (h - 1) // 2
    return Spectrum.of(
        [
            ((L + 1) * x - (L - 1), swaps),
            ((L + 1) * (x + 1), swaps),
            ((L + 1) * x * theta - (L - 1), h),
            (2.0, L * (swaps + h)),
            (0.0, L * swaps),
            (x + 1 + K / kappa, h * (h - 2)),
            (x + 1 - K / kappa, h * (h - 2)),
            (np.linalg.eigvalsh(_pair_block(a, K)), h),
            (x + 1, K * (n - 1) * (h - 1)),
            (x * theta + 1, K * (n - 1)),
            *_outside(K, L, n, d, h),
        ]
    )


def _outside(K: int, L: int, n: int, d: int, r: int) -> list[tuple[float, int]]:
    """Directions that leave the range of Z in a hidden layer: 0 and 2 in pairs, and 1."""
    free = d - r
    rest = (L - 1) * free**2 + (K - r) * free + (K * n - r) * free
    return [(0.0, L * r * free), (2.0, L * r * free), (1.0, rest)]


def _delta(a: float, K: int) -> float:
    """1 - K / (e^a + K - 1), how far the softmax of a class is from uniform."""
    e = math.exp(-a)
    return -math.expm1(-a) / (1 + (K - 1) * e)


def _pair_curvature(a: float, K: int) -> float:
    """Curvature of the loss along own class minus partner, over that of a rival: ((q + q') - (q - q')^2) / (2 rho).

    With q, q', rho the softmax of the class, its partner and a rival; T = 1 + (K-2) e^-a + e^-2a.
    """
    e = math.exp(-a)
    T = 1 + (K - 2) * e + e**2
    # (q + q') - (q - q')^2 = [(1 + e^2) T - (1 - e^2)^2] / T^2 = e [(K-2)(1 + e^2) + 4 e] / T^2.
    return ((K - 2) * (1 + e**2) + 4 * e) / (2 * T)


def _pair_block(a: float, K: int) -> Array:
    """Directions (own pair minus) x (pairs plus): the 4 x 4 matrix over one pair b.

    Coordinates: W_L at (p_b, d_b), W_L at (P, d_b), H at (d_b, p_b), H at (d_b, P), where d_b and p_b are the
    difference and the sum of the pair and P the mean of the sums of the others.
    """
    e = math.exp(-a)
    h = K // 2
    T = 1 + (K - 2) * e + e**2
    kappa = K - 2 + 2 * e
    # Rows: (own - partner)/sqrt 2, (own + partner)/sqrt 2, and P = sum of rivals / sqrt(2 (h-1)).
    root = math.sqrt(2 * (h - 1))
    vectors = np.array([[1, -1, 0], [1, 1, 0]]) / math.sqrt(2)
    basis = np.vstack([vectors, [0, 0, 1 / root]])
    # Variance over rho: Laplacian of the graph on own class, partner and rivals whose edges weigh q_i q_j / rho.
    laplacian = np.zeros((3, 3))
    laplacian[0, 1:] = laplacian[1:, 0] = -np.array([e, 2 * (h - 1)]) / T
    laplacian[1, 2] = laplacian[2, 1] = -(e * e / T) * 2 * (h - 1)
    np.fill_diagonal(laplacian, -laplacian.sum(axis=0))
    curve = basis @ laplacian @ basis.T
    x = 2 * a / kappa
    block = np.eye(4)
    # Curvature couples H at (d_b, p_b), which moves column b along d_b, with W_L at (p, d_b).
    order = [1, 2, 0]
    block[:3, :3] += x * curve[np.ix_(order, order)]
    block[3, 3] += x
    # Gradient of the fit outside the range, 2 rho (J - h I), between W_L at (p, d_b) and H at (d_b, p').
    outside = 2 / kappa * np.array([[1 - h, math.sqrt(h - 1)], [math.sqrt(h - 1), -1]])
    block[:2, 2:] += outside
    block[2:, :2] += outside.T
    return block


def _checked(classes: int, depth: int, samples: int, width: int | None, least: int) -> tuple[int, int, int, int]:
    K = positive_integer("classes", classes, minimum=least)
    L = positive_integer("depth", depth)
    n = positive_integer("samples", samples)
    d = K if width is None else positive_integer("width", width)
    if L == 1:
        # There the complements of the two factors meet; optima.spectra.lifted_spectrum has that case.
        raise ValueError("depth is 1; pass a depth of at least 2, or use lifted_spectrum")
    return K, L, n, d


def _check_width(width: int, rank: int) -> None:
    if width < rank:
        raise ValueError(f"width {width} cannot carry logits of rank {rank}; pass a width of at least {rank}")
