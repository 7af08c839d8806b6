r"""A flow in the logarithm of time, by a stiff integrator of scipy.

.. math:: \tau = \log(1 + t / t_0), \qquad \frac{dx}{d\tau} = (t + t_0)\, \dot x = e^{\log t_0 + \tau}\, \dot x

with t_0 the time in which the start would change by its own size. In tau all rates are moderate for ever: margins grow
like log t.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from optima.dynamics.systems import System
from optima.model import Array

# tau at which a flow that waits for a margin gives up.
LONGEST = 1e6
# Unknowns up to which LSODA, which keeps a dense Jacobian, is used; above it the explicit DOP853: in the logarithm of
# time flows of cross-entropy are hardly stiff.
DENSE = 1200
# Rate, relative to the size of the state, under which a flow of squared error is at its end: what is left is rounding,
# which long times would magnify.
REST = 1e-11
# Where a function of the state crosses zero.
Crossing = Callable[[Array], float]


@dataclass(frozen=True)
class Path:
    """States (T, n) at logarithms of times (T,), -inf for t = 0; why it stopped; log times of crossings by name."""

    log_times: Array
    states: Array
    ended: str
    crossings: dict[str, tuple[float, ...]]


def integrate(
    system: System,
    log_end: float,
    tolerance: float,
    log_times: Array | None = None,
    stops: Mapping[str, Crossing] | None = None,
    crossings: Mapping[str, Crossing] | None = None,
) -> Path:
    """The flow of a system until a time, or until the first of the ``stops`` crosses zero upwards.

    States are those after every step, or at ``log_times``. Raises ValueError where the integrator finds no way on.
    """
    from scipy.integrate import solve_ivp

    start, stops, crossings = system.start, dict(stops or {}), crossings or {}
    if system.problem.loss == "mse":
        stops["rest"] = lambda x: REST - float(np.abs(system.rate(0.0, x)).max()) / system.weight(x)
    speed = float(np.abs(system.rate(0.0, start)).max(initial=0.0)) / system.weight(start) if start.size else 0.0
    log_unit = -np.log(speed) if speed > 0 else 0.0
    end = min(_tau(log_end, log_unit), LONGEST)
    at = None if log_times is None else np.minimum(_tau(log_times, log_unit), end)
    if not start.size or speed == 0:
        kept = np.array([-np.inf, log_end]) if log_times is None else log_times
        return Path(kept, np.repeat(start[None], len(kept), axis=0), "rest", dict.fromkeys(crossings, ()))
    found = solve_ivp(
        lambda tau, x: system.rate(log_unit + tau, x),
        (0.0, end),
        start,
        method="LSODA" if start.size <= DENSE else "DOP853",
        t_eval=at,
        rtol=tolerance,
        atol=tolerance / 10 * system.weight(start),
        events=[_event(each, True) for each in stops.values()] + [_event(each, False) for each in crossings.values()],
    )
    if found.status < 0:
        raise ValueError(f"the flow could not be followed ({found.message}); pass a larger tolerance")
    seen = found.t_events or []
    ended = next((name for name, when in zip(stops, seen, strict=False) if len(when)), "time")
    log_seen = [tuple(float(each) for each in _log_time(when, log_unit)) for when in seen[len(stops) :]]
    states, log_seen_at = found.y.T, _log_time(found.t, log_unit)
    if ended == "rest" and log_times is not None:
        last = found.y_events[list(stops).index("rest")]
        states = np.concatenate([states, np.repeat(last, len(log_times) - len(states), axis=0)])
        log_seen_at = log_times
    return Path(log_seen_at, states, ended, dict(zip(crossings, log_seen, strict=True)))


def _event(function: Crossing, terminal: bool) -> Callable[[float, Array], float]:
    event = lambda tau, x: function(x)
    event.terminal = terminal  # type: ignore[attr-defined]
    event.direction = 1.0 if terminal else 0.0  # type: ignore[attr-defined]
    return event


def _tau(log_time: Array | float, log_unit: float) -> Array | float:
    return np.logaddexp(0.0, np.asarray(log_time) - log_unit)[()]


def _log_time(tau: Array | Sequence[float], log_unit: float) -> Array:
    """log t = log t_0 + log(e^tau - 1), also where e^tau overflows."""
    tau = np.asarray(tau, dtype=float)
    with np.errstate(divide="ignore"):
        return np.asarray(log_unit + tau + np.log(-np.expm1(-tau)))
