"""Compare the search with two baselines, cell by cell, in one run; writes a Markdown table. Needs pymanopt.

python tests/benchmarks/compare_solvers.py --classes 3,5,8,12,16,20 --depths 1,2,3,5,10 --regs 1e-2,1e-4 --out FILE

Baseline 1 is scipy's L-BFGS on all factors, ten random starts for every inner width from 2 to K - 1; baseline 2 is
pymanopt's conjugate gradients on fixed-rank matrices, two random starts for each of these ranks. For each cell: losses,
the relative excess of the search over the better baseline (negative: the search is better), and the seconds of all.
"""

from __future__ import annotations

import argparse
import datetime
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import scipy
from baselines import STARTS, lbfgs_on_all_factors, pymanopt_on_fixed_rank

from optima import DeepUFM, solve
from optima.cli import parse


def timed(function: Callable[[], Any]) -> tuple[Any, float]:
    """A result and the seconds it took."""
    start = time.perf_counter()
    return function(), time.perf_counter() - start


def compare(problem: DeepUFM, effort: str) -> tuple[str, float, float]:
    """The row of a cell, the excess of the search over the better baseline, and the ratio of seconds to baseline 1."""
    ranks = range(2, problem.classes)
    solution, ours = timed(lambda: solve(problem, effort=effort))
    (factors, _), first = timed(lambda: lbfgs_on_all_factors(problem, ranks))
    manifold, second = timed(lambda: pymanopt_on_fixed_rank(problem, ranks))
    excess = solution.loss / min(factors, manifold) - 1
    row = (
        f"| {problem.classes} | {problem.depth} | {problem.reg:.0e} | {solution.loss:.12g} | {factors:.12g} "
        f"| {manifold:.12g} | {excess:.1e} | {ours:.2f} | {first:.2f} | {second:.2f} | {first / ours:.1f} "
        f"| {solution.structure.split(' (')[0]} |"
    )
    return row, excess, first / ours


def main() -> None:
    """Run the grid, print each row as it is done, and write the table with a summary."""
    parser = argparse.ArgumentParser()
    for name in ("classes", "depths", "regs"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--effort", default="normal")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    rows, excess, ratios = [], [], {}
    solve(DeepUFM(4, 3, 1e-2))
    for K in parse.integers(options.classes, "classes", 3):
        for L in parse.integers(options.depths, "depths", 1):
            for reg in parse.reals(options.regs, "regs"):
                row, more, ratio = compare(DeepUFM(K, L, reg), options.effort)
                rows.append(row)
                excess.append(more)
                ratios.setdefault(K, []).append(ratio)
                print(row, flush=True)
    options.out.write_text(report(rows, excess, ratios, options))


def report(rows: list[str], excess: list[float], ratios: dict[int, list[float]], options: argparse.Namespace) -> str:
    """The table, what it was run on, and the spread of the ratios for each K."""
    spread = "\n".join(
        f"| {K} | {min(values):.1f} | {np.median(values):.1f} | {max(values):.1f} |" for K, values in ratios.items()
    )
    return (
        f"""# The search against two baselines

Made by `python tests/benchmarks/compare_solvers.py --classes {options.classes} --depths {options.depths} \
--regs {options.regs} --effort {options.effort} --out ...` on {datetime.date.today()}; Python \
{platform.python_version()}, numpy {np.__version__}, scipy {scipy.__version__}, {platform.machine()}, one BLAS thread \
where OPENBLAS_NUM_THREADS=1. Baseline 1 runs scipy's L-BFGS-B on all factors from {STARTS} random starts for each \
inner width from 2 to K - 1; baseline 2 runs pymanopt's conjugate gradients on fixed-rank matrices from 2 \
random starts for each of these ranks.

Largest relative excess of the search over the better baseline: {max(excess):.1e} (negative: never worse) in \
{len(excess)} cells; worse by more than 1e-9 in {sum(e > 1e-9 for e in excess)}, better by more than 1e-9 in \
{sum(e < -1e-9 for e in excess)}.

Seconds of baseline 1 over seconds of the search:

| K | min | median | max |
|---|---|---|---|
{spread}

| K | L | lambda | search | baseline 1 | baseline 2 | excess | s | s 1 | s 2 | s 1 / s | structure |
|---|---|---|---|---|---|---|---|---|---|---|---|
"""
        + "\n".join(rows)
        + "\n"
    )


if __name__ == "__main__":
    main()
