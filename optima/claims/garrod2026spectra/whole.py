"""The Hessian of all parameters at the optimum of squared error, and when it is positive semidefinite."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np

from optima.claims.claim import Control, claim
from optima.claims.derivation import step
from optima.claims.derivation import whole as whole_script
from optima.claims.evidence import Cases, Evidence, Ints, Reals, agreement
from optima.claims.garrod2026spectra.optimum import TOLERANCE, lifted, scale_of, squared_error
from optima.spectra.hessian_product import Products


@claim(
    "garrod2026spectra.whole_hessian",
    statement="With one lambda and L >= 2 the regularised Hessian of all parameters at a stationary frame of squared "
    "error has the values lambda [(kappa-1)(L+1)+2], lambda (kappa+1)(L+1), lambda (1+kappa), 2 lambda, lambda and 0, "
    "with multiplicities in closed form; at the larger root it is positive semidefinite.",
    latex=r"\lambda[(\kappa-1)(L+1)+2]\ (\tfrac{K(K+1)}2),\quad\lambda(\kappa+1)(L+1)\ (\tfrac{K(K-1)}2),\quad"
    r"\lambda(1+\kappa)\ (K(N-K)),\quad2\lambda,\;\lambda,\;0;\qquad\succeq0\iff\gamma\ge\tfrac{L-1}{2L}",
    source="ours, beside garrod2026spectra, Theorem 4.1; derivations/spectra_squared_error.py",
    how="symbolic proof; dense matrices of the lifted factors, with random hidden bases, on a grid",
    axes={"classes": (2, 3), "depths": (2, 3, 4), "samples": (1, 2), "shares": (1e-3, 0.5, 0.99)},
    deep={"classes": (2, 3, 4), "depths": range(2, 6), "samples": (1, 3)},
    control=Control(
        "it is positive semidefinite at the smaller root too",
        {"kind": "maximum"},
        {"classes": (3,), "depths": (2,), "samples": (1,), "shares": (0.5,)},
    ),
    proves=True,
)
def whole_hessian(
    classes: Ints, depths: Ints, samples: Ints, shares: Reals, *, kind: str = "minimum"
) -> Iterator[Evidence]:
    """Margins: agreement of all eigenvalues, and the least of them over lambda."""
    yield whole_script("spectra_squared_error")
    yield step("spectra_squared_error", "check_whole", "values, and multiplicities that add up to all parameters")
    yield step("spectra_squared_error", "check_semidefinite", "semidefinite exactly from gamma = (L-1)/(2L) on")
    for K, L, n, share in product(classes, depths, samples, shares):
        problem = squared_error(K, L, n, share, one=True)
        gamma, point = scale_of(problem, "frame", kind), lifted(problem, "frame", kind)
        products = Products(point)
        found = np.linalg.eigvalsh(products.of_rows(np.eye(products.order))) / problem.regs[0]
        d, N, kappa = point.width, problem.size, gamma / (1 - gamma)
        values = {
            (kappa - 1) * (L + 1) + 2: K * (K + 1) // 2,
            (kappa + 1) * (L + 1): K * (K - 1) // 2,
            1 + kappa: K * (N - K),
            2.0: L * K * (K + 1) // 2 + L * K * (d - K),
            1.0: (L - 1) * (d - K) ** 2 + (d - K) * (N - K),
            0.0: L * K * (K - 1) // 2 + L * K * (d - K),
        }
        wanted = np.sort(np.repeat(list(values), list(values.values())))
        error = float(np.abs(found - wanted).max() / np.abs(wanted).max())
        at: dict[str, Any] = {"classes": K, "depths": L, "samples": n, "shares": share}
        yield Cases(agreement(error, TOLERANCE), what="all eigenvalues", **at)
        yield Cases(float(found.min()) + TOLERANCE * float(found.max()), what="least eigenvalue", **at)
