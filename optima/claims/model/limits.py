"""Limits: small regularisation, minimal rank, depth one."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np

from optima.claims.claim import Control, claim
from optima.claims.derivation import step, whole
from optima.claims.evidence import Cases, Evidence, Ints, Reals, agreement
from optima.claims.garrod2025.depth_limit import least_rank, polygon
from optima.model import DeepUFM
from optima.model.log_grid import log_grid
from optima.reduction import Reduction
from optima.scales import best_scales
from optima.structures import Structure, find, named


def expansion(structure: Structure, depth: int, reg: float, order: int = 2) -> float:
    r"""Loss of a structure of one block for small lambda, to first or second order.

    .. math:: c\,\nu_1\,\ell^p\Bigl(1+\frac p\ell\bigl[(1-p)\log\ell+\kappa+1\bigr]\Bigr),\qquad\ell=\log\tfrac1\lambda,
        \quad\nu_1=\sum_i(\sigma_i/\mu)^p,\quad\kappa=\log\frac{\sum_ow_oN_{o\mu}}{\nu_1}

    with mu the least margin and N_{o mu} the number of rivals at it. Source: derivations/small_regularisation.py.
    """
    (block,) = structure.blocks()
    p, ell = 2 / (depth + 1), float(np.log(1 / reg))
    least = min(float(m) for orbit in block.orbits for m in orbit.margins)
    nearest = sum(
        float(orbit.classes) / structure.classes * float(count)
        for orbit in block.orbits
        for margin, count in zip(orbit.margins, orbit.counts, strict=True)
        if abs(float(margin) - least) < 1e-9
    )
    nu = sum(int(m) * (float(sigma) / least) ** p for sigma, m in block.singular)
    first = (depth + 1) / 2 * reg * nu * ell**p
    kappa = float(np.log(nearest / nu))
    return first * (1 + (p / ell * ((1 - p) * np.log(ell) + kappa + 1) if order == 2 else 0.0))


@claim(
    "model.small_reg",
    statement="As lambda -> 0 the loss of a structure is c nu_1 log(1/lambda)^p (1 + (p / log(1/lambda)) [(1-p) log "
    "log(1/lambda) + kappa + 1] + smaller), nu_1 the Schatten sum at margin one: its ordering decides.",
    latex=r"V=c\,\nu_1\ell^p\Bigl(1+"
    r"\tfrac p\ell\bigl[(1-p)\log\ell+\kappa+1\bigr]+O\bigl(\tfrac{\log^2\ell}{\ell^2}\bigr)\Bigr)",
    source="theory section 3; derivations/small_regularisation.py",
    how="symbolic proof; the remainder at lambda down to 1e-300 for named structures",
    axes={"classes": range(3, 13), "depths": (1, 2, 3, 5), "regs": (1e-50, 1e-100, 1e-200, 1e-300)},
    deep={"classes": range(3, 41), "depths": range(1, 21), "regs": (1e-30, 1e-50, 1e-100, 1e-200, 1e-300)},
    control=Control("the first order alone", {"order": 1}, {"classes": (10,), "depths": (3,)}),
    proves=True,
)
def small_reg(classes: Ints, depths: Ints, regs: Reals, *, order: int = 2) -> Iterator[Evidence]:
    """Margin: agreement of the relative remainder with zero, within (log l / l)^2 times 1 + spread of kappa."""
    yield whole("small_regularisation")
    for K, name in product(classes, ("simplex", "pairs", "polygon")):
        structure = find(name, K)
        # Several least margins in one orbit and blocks without a first order of their own are left out.
        if structure is None or (name == "polygon" and K < 5):
            continue
        for L, reg in product(depths, regs):
            ell = np.log(1 / reg)
            value = float(best_scales(structure, L, reg).loss)
            error = abs(value / expansion(structure, L, reg, order) - 1)
            bound = ((np.log(ell) + 3) / ell) ** 2
            yield Cases(agreement(error, bound), classes=K, depths=L, regs=reg, structure=name)


@claim(
    "model.minimal_rank",
    statement="The least rank of a diagonally superior K x K matrix is q_K = 1 for K = 2 and 2 for K >= 3.",
    latex=r"q_2=1,\qquad q_K=2\ (K\ge3)",
    source="theory section 2; garrod2025, Theorem 3; derivations/minimal_rank.py",
    how="symbolic proof; least margin of the polygon",
    axes={"classes": range(2, 101)},
    deep={"classes": range(2, 1001)},
    control=Control("q_K = 1 for all K", {"rank": 1}, {"classes": (3,)}),
    proves=True,
)
def minimal_rank(classes: Ints, *, rank: int | None = None) -> Iterator[Evidence]:
    """Margin: least margin of a matrix of the stated rank."""
    yield step("minimal_rank", "check_rank_one", "rank one separates two classes only", classes=4)
    yield whole("minimal_rank")
    for K in classes:
        q = rank or least_rank(K)
        # Of rank one, equally spaced u = v come closest to separating their classes.
        u = np.linspace(-1, 1, K)
        M = np.outer(u, u) if q == 1 else polygon(K)
        margins = (np.diagonal(M) - M)[~np.eye(K, dtype=bool)]
        assert np.linalg.matrix_rank(M, tol=1e-9) == q
        # A tie is no win.
        yield Cases(margins.min() - 1e-12, {"means": M}, classes=K, rank=q)


@claim(
    "model.depth_one",
    statement="For L = 1 and lam_eff < 1/K the simplex with a = log(1/lam_eff - K + 1) is the global minimum.",
    latex=r"L=1:\quad\nabla g(aS)=-\lambda S,\quad\|\nabla g\|_2\le\lambda\ \Rightarrow\ f(M)\ge f(aS)",
    source="theory section 5; derivations/depth_one.py",
    how="symbolic proof by the dual certificate of the nuclear norm; the certificate on a grid",
    axes={"classes": range(2, 31), "regs": tuple(log_grid(1e-12, 1, 13)[:-1])},
    deep={"classes": range(2, 201), "regs": tuple(log_grid(1e-100, 1, 101)[:-1])},
    control=Control("the same for pairs", {"structure": "pairs"}, {"classes": (6,)}),
    proves=True,
)
def depth_one(classes: Ints, regs: Reals, *, structure: str = "simplex") -> Iterator[Evidence]:
    """Margin: agreement of the certificate, at shares ``regs`` of 1/K."""
    yield whole("depth_one")
    for K, share in product(classes, regs):
        reg = share / K
        code = named(structure, K)
        a = float(best_scales(code, 1, reg).scales[0])
        if a == 0:
            continue
        M = code.shape([a])
        slope = Reduction(DeepUFM(K, 1, reg)).fit_gradient(M)
        excess = max(0.0, float(np.linalg.norm(slope, 2)) / reg - 1)
        s = np.linalg.svd(M, compute_uv=False)
        aligned = abs(float(np.sum(slope * M)) / (reg * float(s.sum())) + 1)
        yield Cases(agreement(max(excess, aligned), 1e-9), classes=K, regs=reg)
