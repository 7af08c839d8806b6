"""Where training ends: codes of largest margin, of lower rank the deeper the network."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from optima.claims.claim import Control, claim
from optima.claims.derivation import step, whole
from optima.claims.evidence import Cases, Evidence, Ints, agreement
from optima.dynamics.flow import flow
from optima.model import DeepUFM
from optima.search.heading import direction_of
from optima.search.max_margin import kkt_residual
from optima.structures import named
from optima.structures.recognition.result import TOLERANCE

# Margin at which a direction is compared with its code, and the largest residual there.
MARGIN, STATIONARY = 500, 1e-6


@claim(
    "garrod2026depth.limits",
    statement="Directions of unregularised training tend to codes of largest margin in the Schatten quasi-norm of the "
    "depth; of four classes the low-rank square has a smaller norm than collapse exactly for m > 2/log2(3/2) = 3.419 "
    "factors.",
    latex=r"\min\sum_is_i^{2/m}\ \text{s.t. margin}\ge1:\qquad3\ (\text{simplex}),\quad2\cdot2^{2/m}\ (\text{square})",
    source="garrod2026depth, abstract (softmax codes: max-margin solutions); Lyu and Li 2020, Ji and Telgarsky 2020; "
    "derivations/basin_of_collapse.py",
    how="symbolic comparison of the codes; residual of first order of flows at margin 500 from starts of either fate",
    axes={"depths": (2, 3, 4, 6)},
    deep={"depths": range(2, 13)},
    control=Control("at margin 2 directions are not stationary yet", {"margin": 2.0}, {"depths": (3,)}),
    proves=True,
)
def limits(depths: Ints, *, margin: float = MARGIN) -> Iterator[Evidence]:
    """Margin: tolerance minus the residual of first order, and which of the two codes costs less."""
    yield whole("basin_of_collapse")
    yield step("basin_of_collapse", "check_square", "the square against the simplex")
    for L in depths:
        m, problem = L + 1, DeepUFM(4, L, 0)
        values = {name: _value(name, m) for name in ("simplex", "pairs")}
        less = (values["simplex"] - values["pairs"]) * (1 if m > 2 / math.log2(1.5) else -1)
        yield Cases(less, depths=L, what="which code costs less")
        for fate, start in (("simplex", (1.0, 1.0, 0.98)), ("pairs", (1.0, 1.0, 0.02))):
            run = flow(problem, start, until={"margin": margin}, group=(2, 2))
            direction, _, _ = direction_of(run.means)
            s = np.linalg.svd(direction, compute_uv=False)
            value = float(np.sum(s[s > TOLERANCE * s[0]] ** (2 / m)))
            error = max(kkt_residual(direction, 2 / m), abs(value / values[fate] - 1))
            yield Cases(agreement(error, STATIONARY), depths=L, what=f"limit {fate}")


def _value(name: str, factors: int) -> float:
    """sum s^(2/m) at margin one."""
    shape = np.asarray(named(name, 4).shape(), dtype=float)
    gaps = np.diagonal(shape)[None, :] - shape + np.diag([np.inf] * 4)
    s = np.linalg.svd(shape / gaps.min(), compute_uv=False)
    return float(np.sum(s[s > 1e-9] ** (2 / factors)))
