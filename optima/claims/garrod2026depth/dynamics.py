"""The exact flow of singular values from spectral starts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import numpy as np

from optima.claims.claim import Control, claim
from optima.claims.derivation import step, whole
from optima.claims.evidence import Cases, Evidence, Ints, agreement
from optima.dynamics.characters import Characters
from optima.dynamics.collapse_chance import basis
from optima.dynamics.flow import flow
from optima.dynamics.systems import FactorSystem
from optima.model import Array, DeepUFM
from optima.reduction import Reduction

# Largest difference of logits, and the time, at which the forms of a flow are compared; that of speeds, which are
# differences of logits over a small time.
CLOSE, TIME, SPEED = 1e-9, 1e6, 1e-7


@claim(
    "garrod2026depth.singular_value_flow",
    statement="Without regularisation and from balanced starts in a basis of characters the singular vectors rest, and "
    "the singular values of the logits obey a closed equation; in any other basis the logits obey one.",
    latex=r"\dot\zeta_k=\tfrac mK\,n^{-1/m}\,\zeta_k^{2-2/m}\sum_x\pi(x)(1-\chi_k(x)),\qquad\pi={\rm softmax}f",
    source="garrod2026depth, abstract (dynamics under spectral initialisation); the equation is ours: "
    "derivations/unregularised_flow.py",
    how="symbolic proof; speeds against backpropagation through all factors, and flows to t = 1e6 against flows of all "
    "factors",
    axes={"classes": (2, 3, 4, 5, 6, 8), "depths": (1, 2, 3, 5), "samples": (1, 3)},
    deep={"classes": range(2, 13), "depths": (1, 2, 3, 5, 10), "samples": (1, 2, 5)},
    control=Control(
        "the exponent 2 - 1/m instead of 2 - 2/m",
        {"power": lambda m: 2 - 1 / m},
        {"classes": (4,), "depths": (2,), "samples": (1,)},
    ),
    proves=True,
)
def singular_value_flow(
    classes: Ints, depths: Ints, samples: Ints, *, power: Callable[[float], float] = lambda m: 2 - 2 / m
) -> Iterator[Evidence]:
    """Margin: tolerance minus the relative difference of speeds, and of logits at t = 1e6."""
    yield whole("unregularised_flow")
    yield step("unregularised_flow", "check_exponent", "every factor contributes s^(2-2/m)", factors=5)
    for K, L, n in product(classes, depths, samples):
        problem = DeepUFM(K, L, 0, samples=n)
        where: dict[str, Any] = {"classes": K, "depths": L, "samples": n}
        zeta = np.random.default_rng([K, L, n]).uniform(0.3, 0.9, Characters(problem, basis(K)).blocks)
        yield Cases(agreement(_difference(problem, zeta, power(L + 1)), SPEED), **where, what="speed")
        if L <= 2:
            alone = flow(problem, zeta, TIME, group=basis(K))
            factors = flow(problem, _lifted(problem, zeta), TIME)
            error = float(np.abs(alone.means - factors.means).max())
            yield Cases(agreement(error, CLOSE), **where, what="logits at t = 1e6")


def _lifted(problem: DeepUFM, zeta: Array) -> list[Array]:
    means = Characters(problem, basis(problem.classes)).logits(zeta)
    return Reduction(DeepUFM(problem.classes, problem.depth, 1.0, problem.samples)).lift(means)


def _difference(problem: DeepUFM, zeta: Array, power: float) -> float:
    """Of the equation from the speed of the logits when all factors move, relative to the latter."""
    equations = Characters(problem, basis(problem.classes))
    rates = zeta ** (power - 1 - equations.power) * equations.rates(np.log(zeta), 0.0)
    expected = equations.logits(zeta * rates)
    system = FactorSystem(problem, _lifted(problem, zeta))
    step_size = 1e-5
    moved = [system.logits(system.start + h * system.rate(0.0, system.start)) for h in (step_size, -step_size)]
    speed = (moved[0] - moved[1])[:, :: problem.size // problem.classes] / (2 * step_size)
    return float(np.abs(speed - expected).max() / np.abs(expected).max())
