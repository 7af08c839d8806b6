"""One way to call the conic solver: whatever it says, the caller judges the points that it leaves."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from optima.extras import needed

# Handles exponential and semidefinite cones at once, in one thread, the same from call to call.
SOLVER = "CLARABEL"
# Settings that are tried in turn until the solver calls its point optimal, with its own last: which of them stall short
# of it hangs on the last digits of the processor's arithmetic.
SETTINGS: tuple[dict[str, Any], ...] = ({}, {"equilibrate_enable": False}, {"max_step_fraction": 0.9}, {})


class NoAnswer(ValueError):
    """The solver leaves no point, or there is no program for it."""


@dataclass(frozen=True)
class Ended:
    """How a call ended: the solver's name, and its status in its own word."""

    solver: str
    status: str


def cvxpy() -> ModuleType:
    """The library. Raises ValueError where it is missing."""
    return needed("cvxpy")


def run(program: Any) -> Ended:
    """Solve a cvxpy program in place, again with other settings where the solver says that its point is inaccurate.

    Raises NoAnswer (a ValueError) when the solver leaves no point, as where penalties are beyond its
    arithmetic.
    """
    cp = cvxpy()
    with warnings.catch_warnings():
        # It says that a solution may be inaccurate; how accurate it is, is worked out here.
        warnings.simplefilter("ignore")
        for settings in SETTINGS:
            try:
                program.solve(solver=SOLVER, **settings)
                status = str(program.status)
            except cp.SolverError:
                status = "failed"
            if status == cp.OPTIMAL:
                break
    if any(variable.value is None for variable in program.variables()):
        raise NoAnswer(
            f"{SOLVER} leaves no point of the convex program (status: {status}), so nothing can be compared; pass a "
            "regularisation nearer to 1e-3"
        )
    return Ended(SOLVER, status)
