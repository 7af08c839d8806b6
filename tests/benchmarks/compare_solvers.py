"""Compare the search with scipy's L-BFGS on all factors, cell by cell, in one run; writes a Markdown table.

python tests/benchmarks/compare_solvers.py --classes 3,5,8,12,16,20 --depths 1,2,3,5,10 --regs 1e-2,1e-4 --out FILE

For each cell: losses, the relative excess of the search over the baseline (negative: the search is better), the
seconds of both and their ratio. The baseline tries every inner width from 2 to K - 1, ten random starts each.
"""

from __future__ import annotations

import argparse
import datetime
import platform
import time
from pathlib import Path

import numpy as np
import scipy
from baselines import STARTS, lbfgs_on_all_factors

from optima import DeepUFM, solve
from optima.cli import parse


def compare(problem: DeepUFM, effort: str) -> tuple[float, float, float, float, str]:
    """Losses and seconds of the search and of the baseline, and what the search found."""
    start = time.perf_counter()
    solution = solve(problem, effort=effort)
    ours = time.perf_counter() - start
    start = time.perf_counter()
    baseline, _ = lbfgs_on_all_factors(problem, range(2, problem.classes))
    return solution.loss, ours, baseline, time.perf_counter() - start, solution.structure


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
                loss, ours, baseline, theirs, name = compare(DeepUFM(K, L, reg), options.effort)
                excess.append(loss / baseline - 1)
                ratios.setdefault(K, []).append(theirs / ours)
                rows.append(
                    f"| {K} | {L} | {reg:.0e} | {loss:.12g} | {baseline:.12g} | {excess[-1]:.1e} "
                    f"| {ours:.2f} | {theirs:.2f} | {theirs / ours:.1f} | {name.split(' (')[0]} |"
                )
                print(rows[-1], flush=True)
    options.out.write_text(report(rows, excess, ratios, options))


def report(rows: list[str], excess: list[float], ratios: dict[int, list[float]], options: argparse.Namespace) -> str:
    """The table, what it was run on, and the spread of the ratios for each K."""
    spread = "\n".join(
        f"| {K} | {min(values):.1f} | {np.median(values):.1f} | {max(values):.1f} |" for K, values in ratios.items()
    )
    return (
        f"""# The search against L-BFGS on all factors

Made by `python tests/benchmarks/compare_solvers.py --classes {options.classes} --depths {options.depths} \
--regs {options.regs} --effort {options.effort} --out ...` on {datetime.date.today()}; Python \
{platform.python_version()}, numpy {np.__version__}, scipy {scipy.__version__}, {platform.machine()}, one BLAS thread \
where OPENBLAS_NUM_THREADS=1. The baseline runs scipy's L-BFGS-B from {STARTS} random starts for each inner width from \
2 to K - 1.

Largest relative excess of the search over the baseline: {max(excess):.1e} (negative: never worse) in \
{len(excess)} cells; worse by more than 1e-9 in {sum(e > 1e-9 for e in excess)}, better by more than 1e-9 in \
{sum(e < -1e-9 for e in excess)}.

Seconds of the baseline over seconds of the search:

| K | min | median | max |
|---|---|---|---|
{spread}

| K | L | lambda | search | baseline | excess | s | s baseline | ratio | structure |
|---|---|---|---|---|---|---|---|---|---|
"""
        + "\n".join(rows)
        + "\n"
    )


if __name__ == "__main__":
    main()
