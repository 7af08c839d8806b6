"""Training without regularisation by infinitely small steps."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path as File
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from optima import brief
from optima.dynamics.integrate import Path, integrate
from optima.dynamics.systems import BalancedSystem, CharacterSystem, FactorSystem, System
from optima.model import Array, DeepUFM
from optima.model.arguments import takes_model
from optima.model.content import Content
from optima.model.inputs import is_sequence, positive_integer, positive_number, shown
from optima.presented import drawn_by
from optima.reduction import class_means

STOPS = ("margin", "loss")
# Accuracies of one step that the integrators can promise.
LEAST_TOLERANCE, MOST_TOLERANCE = 1e-13, 1e-2


@dataclass(frozen=True, eq=False)
class Flow(Content):
    """Where gradient flow went.

    Attributes
    ----------
    problem, kind
        The model, and which form of the flow was integrated: ``"characters"``, ``"balanced"`` or ``"factors"``.
    log_times, singular_values, margins, losses
        log t (T,), -inf at t = 0, and there the singular values of the logits Z (T, min(K, N)), descending, the
        smallest margin (T,) and the loss (T,). Logarithms, because a margin of 1000 takes longer than any float.
    zeta
        Singular values of the class-mean logits by block of characters (T, B); None of the other kinds.
    logits, factors
        Z (K, N) at the end, and there (W_1, ..., W_L, H) where they were followed; else empty.
    drift
        The largest relative error of what the exact flow conserves: differences W_{l+1}^T W_{l+1} - W_l W_l^T of
        factors, rank and column sums of balanced logits.
    ended
        ``"time"``; which of ``until`` was met, ``"margin"`` or ``"loss"``; or ``"rest"`` where nothing moves any more
        (squared error, or a start without slope).
    crossings
        For every event asked for the logarithms of the times at which it crossed zero.
    """

    problem: DeepUFM
    kind: str
    log_times: Array
    singular_values: Array
    margins: Array
    losses: Array
    zeta: Array | None
    logits: Array
    factors: tuple[Array, ...]
    drift: float
    ended: str
    crossings: dict[str, tuple[float, ...]] = field(default_factory=dict)

    def __repr__(self) -> str:
        end = f"log t = {self.log_times[-1]:.6g}, margin {self.margins[-1]:.6g}, loss {self.losses[-1]:.6g}"
        return f"<Flow {self.problem.summary} ({self.kind}): {end}>"

    @property
    def times(self) -> Array:
        """t at every recorded state, infinite beyond the largest float."""
        with np.errstate(over="ignore"):
            return np.exp(self.log_times)

    @cached_property
    def means(self) -> Array:
        """Class-mean logits at the end, shape (K, K)."""
        return class_means(self.logits, self.problem.class_sizes)

    @property
    def effective_ranks(self) -> Array:
        """exp of the entropy of s / sum s at every recorded state, shape (T,)."""
        return effective_rank(self.singular_values)

    def plot(self, path: str | File | None = None) -> Any:
        """Singular values and margin against the logarithm of time; a matplotlib figure, also in a file."""
        return drawn_by("plot.dynamics:plot_flow", self, path)

    def as_dict(self) -> dict[str, Any]:
        """For JSON; the first log time, -inf, is null."""
        return {
            "problem": self.problem.summary,
            "kind": self.kind,
            "log_times": [each if math.isfinite(each) else None for each in self.log_times.tolist()],
            "singular_values": self.singular_values.tolist(),
            "effective_ranks": self.effective_ranks.tolist(),
            "margins": self.margins.tolist(),
            "losses": self.losses.tolist(),
            "zeta": None if self.zeta is None else self.zeta.tolist(),
            "drift": self.drift,
            "ended": self.ended,
            "crossings": {name: list(times) for name, times in self.crossings.items()},
            "means": self.means.tolist(),
        }


@takes_model(reg=0.0)
def flow(
    problem: DeepUFM,
    start: Any,
    t_end: float | None = None,
    until: Mapping[str, float] | None = None,
    *,
    group: int | Sequence[int] | None = None,
    times: ArrayLike | None = None,
    events: Mapping[str, Callable[[Array], float]] | None = None,
    tolerance: float = 1e-12,
) -> Flow:
    r"""Gradient flow of the fit over all factors, without regularisation.

    .. math:: \dot W_l = -\nabla_{W_l} g(W_L \cdots W_1 H), \qquad \dot H = -\nabla_H g(W_L \cdots W_1 H)

    What ``start`` is says which of three exact forms is followed:

    * factors ``(W_1, ..., W_L, H)``, balanced or not: all of them;
    * class-mean logits M (K, K): their own flow, with singular vectors that move, when the factors are balanced
      (W_{l+1}^T W_{l+1} = W_l W_l^T and W_1^T W_1 = H H^T) and the samples of a class share one feature;
    * with ``group``, the orders of cyclic groups whose product has K elements ((2, 2, 2) for a Hadamard basis, (5,) or
      5 for a circulant), singular values zeta of M, one for each block {chi, conj chi} of characters in the order of
      :attr:`optima.structures.group.Group.blocks`: the flow of these numbers alone. For squared error the trivial
      character may come first, else it is zero.

    Integrated is the logarithm of time by LSODA (by DOP853 from 1200 unknowns on), so that times of 1e12 and margins of
    500 are as easy as short ones.

    Parameters
    ----------
    problem
        A linear model with reg = 0; or its numbers, ``flow(4, 2, start=..., t_end=1e6)``.
    t_end
        The time at which to stop, up to 1e300.
    until
        ``{"margin": 500}`` stops when the smallest margin of a sample reaches that, ``{"loss": 1e-6}`` when the loss
        has fallen to it; both may be given, with ``t_end`` too.
    times
        Times at which to record, ascending; by default those after every step of the integrator.
    events
        Functions of the class-mean logits M (K, K) by name, the times of whose zeros are recorded.
    tolerance
        Relative error of one step.

    Raises ValueError for regularised and for relu models, for starts of other shapes, and where nothing says when to
    stop. Source: garrod2026depth for the setting; derivations/unregularised_flow.py for the equations.

    Examples
    --------
    >>> import optima
    >>> optima.flow(optima.DeepUFM(4, 3, 0), (1.0, 1.0, 0.3), until={"margin": 100}, group=(2, 2))
    <Flow K=4 L=3 reg=0 (characters): log t = 92.1193, margin 100, loss 7.44015e-44>
    """
    check_model(problem)
    stops = _checked_stops(until)
    if t_end is None and not stops:
        raise ValueError("nothing says when the flow stops; pass t_end=1e6 or until={'margin': 20}")
    log_end = math.log(positive_number("t_end", t_end)) if t_end is not None else math.inf
    tolerance = positive_number("tolerance", tolerance)
    if not LEAST_TOLERANCE <= tolerance <= MOST_TOLERANCE:
        raise ValueError(f"tolerance is {tolerance:g}; pass a number from {LEAST_TOLERANCE:g} to {MOST_TOLERANCE:g}")
    system = _system(problem, start, group)
    path = integrate(
        system,
        log_end,
        tolerance,
        _checked_times(times, log_end),
        {name: _stop(system, name, value) for name, value in stops.items()},
        {name: _crossing(system, event) for name, event in (events or {}).items()},
    )
    return _flow(problem, system, path)


def effective_rank(singular_values: Array) -> Array:
    """exp of the entropy of s / sum s over the last axis: r for r equal values, 0 where all are zero."""
    total = singular_values.sum(axis=-1, keepdims=True)
    share = np.divide(singular_values, total, out=np.zeros_like(singular_values), where=total > 0)
    logs = np.log(share, out=np.zeros_like(share), where=share > 0)
    return np.where(total[..., 0] > 0, np.exp(-(share * logs).sum(axis=-1)), 0.0)


def check_model(problem: DeepUFM) -> None:
    """Raise ValueError unless a model is linear and without regularisation."""
    if problem.nonlinear:
        raise ValueError("the flow needs activation='linear'; pass a linear model")
    if np.any(problem.reg):
        raise ValueError(f"reg is {brief.of_numbers(problem.reg)}; pass reg=0: the flow is without regularisation")


def _checked_stops(until: Mapping[str, float] | None) -> dict[str, float]:
    if until is not None and not (isinstance(until, Mapping) and until and set(until) <= set(STOPS)):
        raise ValueError(f"until is {shown(until)}; pass {{'margin': 20}}, {{'loss': 1e-6}} or both")
    return {name: positive_number(f"until {name}", value) for name, value in (until or {}).items()}


def _checked_times(times: ArrayLike | None, log_end: float) -> Array | None:
    if times is None:
        return None
    array = np.atleast_1d(np.asarray(times, dtype=float))
    inside = array.ndim == 1 and array.size and array[0] >= 0 and (np.diff(array) > 0).all()
    with np.errstate(divide="ignore"):
        logs = np.log(array)
    if not inside or not logs[-1] <= log_end:
        raise ValueError("times are ascending, from 0 up to t_end; pass such times")
    return np.asarray(logs)


def _system(problem: DeepUFM, start: Any, group: int | Sequence[int] | None) -> System:
    if group is not None:
        orders = tuple(group) if is_sequence(group) else (positive_integer("group", group, minimum=2),)  # type: ignore[arg-type]
        return CharacterSystem(problem, np.asarray(start, dtype=float), orders)
    if isinstance(start, (list, tuple)) and start and all(np.ndim(each) == 2 for each in start):
        return FactorSystem(problem, start)
    means = np.asarray(start, dtype=float)
    wanted = (problem.classes, problem.classes)
    if means.shape != wanted or not np.isfinite(means).all():
        raise ValueError(
            f"start is {shown(start)}; pass factors (W_1, ..., W_L, H), finite class-mean logits of shape {wanted}, or "
            "singular values with a group"
        )
    return BalancedSystem(problem, means)


def _stop(system: System, name: str, value: float) -> Callable[[Array], float]:
    if name == "margin":
        return lambda state: system.margin(state) - value
    return lambda state: math.log(value / max(system.loss(state), math.ulp(0.0)))


def _crossing(system: System, event: Callable[[Array], float]) -> Callable[[Array], float]:
    return lambda state: float(event(class_means(system.logits(state), system.problem.class_sizes)))


def _flow(problem: DeepUFM, system: System, path: Path) -> Flow:
    last = path.states[-1]
    return Flow(
        problem,
        system.kind,
        path.log_times,
        np.stack([system.singular_values(state) for state in path.states]),
        np.array([system.margin(state) for state in path.states]),
        np.array([system.loss(state) for state in path.states]),
        np.stack([system.zeta(state) for state in path.states]) if isinstance(system, CharacterSystem) else None,
        system.logits(last),
        tuple(system.parts(last)) if isinstance(system, FactorSystem) else (),
        max(system.drift(state) for state in path.states),
        path.ended,
        path.crossings,
    )
