"""Gap over time of our proofs and of SCIP on problems of three classes; writes a Markdown table and the curves.

python tests/benchmarks/bench_scip.py --seconds 120 --out tests/benchmarks/bench_scip.md

examples/plot_certificates.py draws the curves, which are kept in a CSV file beside the table. Needs pyscipopt (the
extra `benchmark`). Both start from the best minimum known, and neither is charged for finding it. SCIP gets

* its loss as the objective limit,
* every reduction that costs nothing: centred logits, inner width K - 1, balanced factors, the fit as the convex
  sum_j exp(z_jc - z_cc - e_c) + exp(-e_c) <= 1, and the bounds on all variables that the objective limit gives,
* two forms: all entries of the factors, and the singular value decomposition of the logits, with an order of the
  singular values, of the classes and of the signs (K = 3).
"""

from __future__ import annotations

import argparse
import csv
import datetime
import os
import platform
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyscipopt
import scipy
from pyscipopt import SCIP_EVENTTYPE, Eventhdlr, Model, exp, quicksum

from optima import DeepUFM, Solution, certify, solve
from optima.proofs.form import centred_basis

PROBLEMS = [DeepUFM(3, 2, 1e-2), DeepUFM(3, 5, 1e-3)]
GAP = 1e-6
MARKS = (0.1, 1.0, 10.0, 60.0, 120.0)
# Points of a curve closer than this factor are left out of the file.
THIN = 1.02
# Room above the best loss known, so that the limit does not cut the minimum off.
SLACK = 1e-7

Matrix = list[list]


@dataclass(frozen=True)
class Curve:
    """Lower bounds (second, bound) of one method on one problem, and the nodes it took."""

    solution: Solution
    method: str
    points: list[tuple[float, float]]
    nodes: int

    def gap(self, second: float) -> float:
        """Gap after that many seconds; 1 before the first bound."""
        lower = max((bound for when, bound in self.points if when <= second), default=0.0)
        return 1 - lower / self.solution.loss

    def thinned(self) -> Iterator[tuple[float, float]]:
        """The points at which the gap has fallen or the time has grown, to within a few per cent, and the last."""
        last = (0.0, np.inf)
        for second, bound in self.points:
            gap = 1 - bound / self.solution.loss
            if gap * THIN < last[1] or (second, bound) == self.points[-1]:
                yield second, bound
                last = (second, gap)


def ours(solution: Solution) -> Curve:
    """Our proof, by the clock."""
    points: list[tuple[float, float]] = []
    start = time.perf_counter()
    proved = certify(
        solution, gap=GAP, progress=lambda search: points.append((time.perf_counter() - start, search.bound))
    )
    assert proved.certificate.verify()
    points[-1] = (points[-1][0], proved.certificate.lower)
    return Curve(solution, "optima", points, int(proved.certificate.data["axis"].size))


class Watch(Eventhdlr):
    """Keeps the dual bound whenever a node or its relaxation has been solved."""

    def __init__(self, best: float, start: float) -> None:
        self.best, self.start = best, start
        self.points: list[tuple[float, float]] = []

    def eventinit(self) -> None:
        self.model.catchEvent(SCIP_EVENTTYPE.NODESOLVED, self)
        self.model.catchEvent(SCIP_EVENTTYPE.LPSOLVED, self)

    def eventexec(self, event: object) -> None:
        self.note()

    def note(self) -> None:
        """Keep the bound if it has risen."""
        bound = float(np.clip(self.model.getDualbound(), 0.0, self.best))
        if not self.points or bound > self.points[-1][1]:
            self.points.append((time.perf_counter() - self.start, bound))


def scip(solution: Solution, method: str, seconds: float) -> Curve:
    """SCIP on one of its forms."""
    start = time.perf_counter()
    model = Model()
    model.hideOutput()
    FORMS[method](model, solution)
    model.setObjlimit(solution.loss * (1 + SLACK))
    model.setParam("limits/time", seconds)
    model.setParam("limits/memory", 4000)
    watch = Watch(solution.loss, start)
    model.includeEventhdlr(watch, "watch", "keeps the dual bound")
    model.optimize()
    watch.note()
    return Curve(solution, method, watch.points, int(model.getNTotalNodes()))


def factors(model: Model, solution: Solution) -> None:
    r"""Minimise fit(U W_L ... W_1 H) + lam/2 (sum ||W_l||^2 + ||H||^2), all W_l of order K - 1, H of shape (K-1, K).

    U is the basis of the centred vectors. Balanced factors have equal norms, so none exceeds 2 f / ((L+1) lam).
    """
    problem = solution.problem
    K, width = problem.classes, problem.classes - 1
    most = np.sqrt(norm_bound(solution))
    shapes = [(width, K)] + [(width, width)] * problem.depth
    parts = [matrix(model, shape, most) for shape in shapes]
    squares = [quicksum(entry * entry for row in part for entry in row) for part in parts]
    for square in squares:
        model.addCons(square <= most**2)
    product = parts[0]
    for number, part in enumerate(parts[1:], start=2):
        out = matrix(model, (width, K), most**number)
        for i in range(width):
            for c in range(K):
                model.addCons(out[i][c] == quicksum(part[i][k] * product[k][c] for k in range(width)))
        product = out
    penalty = model.addVar(lb=0.0, ub=solution.loss)
    model.addCons(penalty >= 0.5 * problem.reg * quicksum(squares))
    add_fit(model, solution, product, penalty)


def singular_values(model: Model, solution: Solution) -> None:
    r"""Minimise fit(U V diag(s) Q) + c sum t_i, with s_i = t_i^((L+1)/2), V and Q^T of orthonormal columns.

    Order: t falls; the first row of Q falls (classes) and its middle is nonnegative (sign of the first singular
    vectors, with the classes reversed); V[0, i] >= 0 for i > 0 (signs of the others).
    """
    problem = solution.problem
    K, width = problem.classes, problem.classes - 1
    most = norm_bound(solution)
    top = most ** (0.5 * (problem.depth + 1))
    t = [model.addVar(lb=0.0, ub=most) for _ in range(width)]
    s = [model.addVar(lb=0.0, ub=top) for _ in range(width)]
    V, Q = matrix(model, (width, width), 1.0), matrix(model, (width, K), 1.0)
    Z = matrix(model, (width, K), top)
    for i in range(width):
        model.addCons(s[i] == t[i] ** (0.5 * (problem.depth + 1)))
        if i:
            model.chgVarLb(V[0][i], 0.0)
        for j in range(i + 1):
            same = float(i == j)
            model.addCons(quicksum(V[k][i] * V[k][j] for k in range(width)) == same)
            model.addCons(quicksum(Q[i][c] * Q[j][c] for c in range(K)) == same)
    for first, second in pairwise(t):
        model.addCons(first >= second)
    for first, second in pairwise(Q[0]):
        model.addCons(first >= second)
    model.chgVarLb(Q[0][K // 2], 0.0)
    for k in range(width):
        for c in range(K):
            model.addCons(Z[k][c] == quicksum(V[k][i] * s[i] * Q[i][c] for i in range(width)))
    penalty = model.addVar(lb=0.0, ub=solution.loss)
    model.addCons(penalty == 0.5 * (problem.depth + 1) * problem.reg * quicksum(t))
    add_fit(model, solution, Z, penalty)


def norm_bound(solution: Solution) -> float:
    """Largest sum of s_i^p, which is the squared norm of each balanced factor, of a matrix no worse than the best."""
    problem = solution.problem
    return 2 * solution.loss * (1 + SLACK) / ((problem.depth + 1) * problem.reg)


def matrix(model: Model, shape: tuple[int, int], most: float) -> Matrix:
    """Variables between -most and most."""
    return [[model.addVar(lb=-most, ub=most) for _ in range(shape[1])] for _ in range(shape[0])]


def add_fit(model: Model, solution: Solution, inner: Matrix, penalty: object) -> None:
    """Minimise the mean cross-entropy of the logits U inner, plus the penalty."""
    K = solution.problem.classes
    U = centred_basis(K)
    losses = [model.addVar(lb=0.0, ub=K * solution.loss * (1 + SLACK)) for _ in range(K)]
    for c in range(K):
        logit = [quicksum(float(U[j, k]) * inner[k][c] for k in range(K - 1)) for j in range(K)]
        rivals = quicksum(exp(logit[j] - logit[c] - losses[c]) for j in range(K) if j != c)
        model.addCons(rivals + exp(-losses[c]) <= 1.0)
    model.setObjective(quicksum(losses) / K + penalty)


FORMS: dict[str, Callable[[Model, Solution], None]] = {
    "SCIP, factors": factors,
    "SCIP, singular values": singular_values,
}


def main() -> None:
    """Run everything one after another, and write the table and the curves."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=120.0, help="for each run of SCIP")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    curves: list[Curve] = []
    certify(DeepUFM(3, 3, 0.1))
    for problem in PROBLEMS:
        solution = solve(problem)
        curves.append(ours(solution))
        for method in FORMS:
            print(problem, method, flush=True)
            curves.append(scip(solution, method, options.seconds))
            print(row(curves[-1]), flush=True)
    options.out.write_text(report(curves, options))
    write_curves(curves, options.out.with_suffix(".csv"))


def row(curve: Curve) -> str:
    """One line of the table."""
    problem, last = curve.solution.problem, curve.points[-1]
    gaps = " | ".join(f"{curve.gap(mark):.2g}" for mark in MARKS)
    return (
        f"| {problem.depth} | {problem.reg:g} | {curve.method} | {curve.solution.loss:.8g} | {last[1]:.8g} "
        f"| {last[0]:.3g} | {curve.nodes} | {gaps} |"
    )


def report(curves: list[Curve], options: argparse.Namespace) -> str:
    """The table, and what it was run on."""
    with_scip = f"SCIP {Model().version():g} through pyscipopt {pyscipopt.__version__}"
    marks = " | ".join(f"gap after {mark:g} s" for mark in MARKS)
    lines = "\n".join(map(row, curves))
    return f"""# Proofs against SCIP

Made by `python tests/benchmarks/bench_scip.py --seconds {options.seconds:g} --out ...` on {datetime.date.today()}; \
Python {platform.python_version()}, numpy {np.__version__}, scipy {scipy.__version__}, {with_scip}, \
{platform.machine()}, {os.cpu_count()} cores shared with other work. K = 3, n = 1, cross-entropy. Each run has one \
thread; SCIP has {options.seconds:g} s, ours ends at a relative gap of {GAP:g}. All start from the best minimum known: \
SCIP has its loss as the objective limit, and the bounds of all variables that follow from it. \
`examples/plot_certificates.py` draws the curves.

| L | lambda | method | best loss | lower bound | s of last rise | nodes | {marks} |
|---|---|---|---|---|---|---|{"---|" * len(MARKS)}
{lines}
"""


def write_curves(curves: list[Curve], path: Path) -> None:
    """Bounds over time, one line a point."""
    with open(path, "w", newline="") as stream:
        out = csv.writer(stream, lineterminator="\n")
        out.writerow(["depth", "reg", "method", "upper", "second", "lower"])
        for curve in curves:
            problem = curve.solution.problem
            for second, bound in curve.thinned():
                start = [problem.depth, f"{problem.reg:g}", curve.method, repr(curve.solution.loss)]
                out.writerow([*start, f"{second:.4f}", repr(bound)])


if __name__ == "__main__":
    main()
