"""Many flows in a basis of characters at once, as one system of equations."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from optima.dynamics.characters import Characters
from optima.dynamics.collapse_chance import basis
from optima.dynamics.flow import LEAST_TOLERANCE, MOST_TOLERANCE, check_model
from optima.model import Array, DeepUFM
from optima.model.inputs import positive_number

# Starts in one system of equations: their steps are shared, and an error of one start weighs little among many.
TOGETHER = 125


def many_flows(
    problem: DeepUFM,
    starts: ArrayLike,
    t_end: float,
    group: tuple[int, ...] | None = None,
    tolerance: float = 1e-9,
) -> Array:
    r"""Singular values zeta (R, B) of class-mean logits at a time, from starts (R, B) above zero.

    .. math:: \dot\zeta_b = \tfrac mK n^{-1/m} \zeta_b^{2-2/m} \sum_x \pi(x) (1 - \kappa_b(x))

    The flows of :func:`optima.flow` with a ``group`` ((2, 2, ...) for K = 2^k where none is given, else (K,)), each in
    its own logarithm of time, 125 at a time in one call of LSODA with a banded Jacobian.

    Parameters
    ----------
    tolerance
        Relative error of one step, of the root mean square of a batch; flows end within about 100 times that of those
        one by one.

    Raises ValueError like :func:`optima.flow`, and for starts that are not above zero.
    """
    check_model(problem)
    equations = Characters(problem, group or basis(problem.classes))
    zeta = np.asarray(starts, dtype=float)
    if zeta.ndim != 2 or zeta.shape[1] != equations.blocks or not (zeta > 0).all() or not np.isfinite(zeta).all():
        raise ValueError(
            f"starts have shape {zeta.shape}; pass finite numbers above zero of shape (R, {equations.blocks}), one for "
            "each block of characters"
        )
    log_end = float(np.log(positive_number("t_end", t_end)))
    tolerance = positive_number("tolerance", tolerance)
    if not LEAST_TOLERANCE <= tolerance <= MOST_TOLERANCE:
        raise ValueError(f"tolerance is {tolerance:g}; pass a number from {LEAST_TOLERANCE:g} to {MOST_TOLERANCE:g}")
    parts = [_batch(equations, zeta[i : i + TOGETHER], log_end, tolerance) for i in range(0, len(zeta), TOGETHER)]
    return np.concatenate(parts) if parts else zeta


def _batch(equations: Characters, zeta: Array, log_end: float, tolerance: float) -> Array:
    """tau = log(1 + t / t_0) runs over (0, its end) as one common variable does over (0, 1)."""
    from scipy.integrate import solve_ivp

    eta = np.log(zeta)
    speed = np.abs(equations.rates(eta, 0.0)).max(axis=1, keepdims=True)
    log_unit = -np.log(np.where(speed > 0, speed, 1.0))
    end = np.logaddexp(0.0, log_end - log_unit)

    def rate(u: float, state: Array) -> Array:
        return np.asarray(end * equations.rates(state.reshape(eta.shape), log_unit + u * end)).ravel()

    band = equations.blocks - 1
    found = solve_ivp(
        rate,
        (0.0, 1.0),
        eta.ravel(),
        method="LSODA",
        t_eval=(1.0,),
        rtol=tolerance,
        atol=tolerance,
        lband=band,
        uband=band,
    )
    return np.exp(found.y[:, -1].reshape(eta.shape))
