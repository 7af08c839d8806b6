"""Compare the search with two baselines, cell by cell, in one run; writes a Markdown table. Needs pymanopt.

python tests/benchmarks/compare_solvers.py --classes 3,5,8,12,16,20 --depths 1,2,3,5,10 --regs 1e-3 --out FILE
python tests/benchmarks/compare_solvers.py --classes 3:20 --depths 1:10 --regs 1e-2:1e-5:4 --sample 50 --out FILE

Baseline 1 is scipy's L-BFGS on all factors, ten random starts for every inner width from 2 to K - 1; baseline 2 is
pymanopt's conjugate gradients on fixed-rank matrices, two random starts for each of these ranks. For each cell: losses,
the relative excess of the search over the better baseline (negative: the search is better), the seconds of processor
time of all, and when the search and baseline 1 first held the best loss of baseline 1 (within 1e-9). The search runs
twice before and twice after the baselines, and the slowest of the four counts.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.util
import math
import platform
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy
from baselines import STARTS, grid_of, lbfgs_on_all_factors, pymanopt_on_fixed_rank

from optima import DeepUFM, Solution, solve

# Relative difference up to which two losses are one.
SAME = 1e-9


@dataclass
class Cell:
    """One problem, solved by all. ``held`` and ``first_held`` are when search and baseline 1 had that one's best."""

    solution: Solution
    factors: float
    manifold: float
    ours: float
    first: float
    second: float
    held: float
    first_held: float

    @property
    def excess(self) -> float:
        """Relative excess of the search over the better baseline."""
        return self.solution.loss / min(self.factors, self.manifold) - 1

    def __str__(self) -> str:
        problem = self.solution.problem
        manifold = "" if math.isinf(self.manifold) else f"{self.manifold:.12g}"
        second = "" if math.isinf(self.manifold) else f"{self.second:.2f}"
        return (
            f"| {problem.classes} | {problem.depth} | {problem.reg:.0e} | {self.solution.loss:.12g} "
            f"| {self.factors:.12g} | {manifold} | {self.excess:.1e} | {self.ours:.3f} | {self.held:.3f} "
            f"| {self.first:.2f} | {self.first_held:.2f} | {second} | {self.first / self.ours:.1f} "
            f"| {self.first / self.held:.0f} | {self.first_held / self.held:.1f} "
            f"| {self.solution.structure.split(' (')[0]} |"
        )


def compare(problem: DeepUFM, effort: str, with_manifold: bool) -> Cell:
    """Solve one problem by the search and the baselines."""
    ranks = range(2, problem.classes)
    # Caches that do not depend on lambda are filled, as they are in any second search.
    solve(DeepUFM(problem.classes, problem.depth, 1.1 * problem.reg), effort="quick")
    runs = [searched(problem, effort) for _ in range(2)]
    ends = lbfgs_on_all_factors(problem, ranks)
    factors = min(loss for _, loss in ends)
    begun, manifold = time.process_time(), math.inf
    if with_manifold:
        manifold = pymanopt_on_fixed_rank(problem, ranks)
    second = time.process_time() - begun
    runs += [searched(problem, effort) for _ in range(2)]
    ours, trace, solution = max(runs, key=lambda run: run[0])
    held, first_held = first_held_at(trace, factors), first_held_at(ends, factors)
    return Cell(solution, factors, manifold, ours, ends[-1][0], second, held, first_held)


def searched(problem: DeepUFM, effort: str) -> tuple[float, list[tuple[float, float]], Solution]:
    """Seconds of processor time of a search, when it held which loss, and what it found."""
    trace: list[tuple[float, float]] = []
    begun = time.process_time()
    solution = solve(
        problem, effort=effort, progress=lambda line: trace.append((time.process_time() - begun, best_of(line)))
    )
    seconds = time.process_time() - begun
    return seconds, [*trace, (seconds, solution.loss)], solution


def best_of(line: str) -> float:
    """The loss in a line of progress."""
    found = re.search(r"best ([-+.\de]+)", line)
    return float(found[1]) if found else math.inf


def first_held_at(trace: Iterable[tuple[float, float]], loss: float) -> float:
    """When a loss was first held; infinite when never."""
    return min((seconds for seconds, held in trace if held <= loss * (1 + SAME)), default=math.inf)


def main() -> None:
    """Run the grid, print each row as it is done, and write the table with a summary."""
    parser = argparse.ArgumentParser()
    for name in ("classes", "depths", "regs"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--sample", type=int, metavar="N", help="only N cells drawn at random")
    parser.add_argument("--seed", type=int, default=0, help="of the sample")
    parser.add_argument("--manifold-every", type=int, default=1, metavar="M", help="baseline 2 on every M-th cell only")
    parser.add_argument("--minutes", type=float, default=math.inf, help="begin no cell after so many minutes")
    parser.add_argument("--effort", default="normal")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    grid = grid_of(options)
    if options.sample is not None:
        rng = np.random.default_rng(options.seed)
        grid = [grid[i] for i in rng.permutation(len(grid))[: options.sample]]
    begun, cells = time.perf_counter(), []
    for number, (K, L, reg) in enumerate(grid):
        if time.perf_counter() - begun > 60 * options.minutes:
            break
        cells.append(compare(DeepUFM(K, L, reg), options.effort, number % options.manifold_every == 0))
        print(cells[-1], flush=True)
        options.out.write_text(report(cells, options))


def report(cells: list[Cell], options: argparse.Namespace) -> str:
    """The table, what it was run on, and the spread of the ratios for each K."""
    excess = [cell.excess for cell in cells]
    command = f"--classes {options.classes} --depths {options.depths} --regs {options.regs} --effort {options.effort}"
    if options.sample is not None:
        command += f" --sample {options.sample} --seed {options.seed}"
    if options.manifold_every > 1:
        command += f" --manifold-every {options.manifold_every}"
    if math.isfinite(options.minutes):
        command += f" --minutes {options.minutes:g}"
    compiled = "with numba" if importlib.util.find_spec("numba") else "without numba"
    lines = "\n".join(map(str, sorted(cells, key=lambda cell: _key(cell.solution.problem))))
    return f"""# The search against two baselines

Made by `python tests/benchmarks/compare_solvers.py {command} --out ...` on {datetime.date.today()}; Python \
{platform.python_version()}, numpy {np.__version__}, scipy {scipy.__version__}, {compiled}, {platform.machine()}, one \
BLAS thread where OPENBLAS_NUM_THREADS=1; processor time, the slowest of four runs of the search. \
Baseline 1 runs scipy's L-BFGS-B on all factors from {STARTS} random starts \
for each inner width from 2 to K - 1; baseline 2 runs pymanopt's conjugate gradients on fixed-rank matrices from 2 \
random starts for each of these ranks.

Largest relative excess of the search over the better baseline: {max(excess):.1e} (negative: never worse) in \
{len(cells)} cells; worse by more than 1e-9 in {sum(e > SAME for e in excess)}, better by more than 1e-9 in \
{sum(e < -SAME for e in excess)}. Baseline 2 ran in {sum(math.isfinite(cell.manifold) for cell in cells)} of them.

"held" is when the best loss of baseline 1 was first held, within 1e-9. Ratios to baseline 1, as min / median / max \
over the cells of each K:

| K | cells | its run / ours | its run / ours to its loss | its time to its loss / ours |
|---|---|---|---|---|
{_ratios(cells)}

| K | L | lambda | search | baseline 1 | baseline 2 | excess | s | held | s 1 | held 1 | s 2 | s 1 / s | s 1 / held \
| held 1 / held | structure |
|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|
{lines}
"""


def _key(problem: DeepUFM) -> tuple[int, int, float]:
    return problem.classes, problem.depth, -float(np.max(problem.reg))


def _ratios(cells: list[Cell]) -> str:
    rows = []
    for K in sorted({cell.solution.problem.classes for cell in cells}):
        here = [cell for cell in cells if cell.solution.problem.classes == K]
        ratios = np.array(
            [[c.first / c.ours, c.first / c.held, c.first_held / c.held] for c in here if math.isfinite(c.held)]
        ).reshape(-1, 3)
        spread = (
            f"{column.min():.0f} / {np.median(column):.0f} / {column.max():.0f}" if column.size else ""
            for column in ratios.T
        )
        rows.append(f"| {K} | {len(here)} | {' | '.join(spread)} |")
    return "\n".join(rows)


if __name__ == "__main__":
    main()
