"""Searches with a thousand classes, and how the time of one start grows with K; writes a Markdown table.

python tests/benchmarks/bench_large.py --classes 1000 --depths 2,3,5 --out FILE

Each search runs in a process of its own, for its peak memory. Seconds are those of the processor beside those of the
clock, which depend on what else the machine does. A start is 200 steps of the descent at rank 8, L = 3, lambda = 1e-3.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.util
import multiprocessing
import os
import platform
import resource
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import scipy

from optima import DeepUFM, Solution, solve
from optima.cli import parse
from optima.search.descent import descend
from optima.search.rung_objective import RungObjective
from optima.search.starts import random_codes

RANK, STEPS, STARTS = 8, 200, 3
GROWTH = (50, 100, 200, 350, 500, 700, 1000)


def search(problem: DeepUFM, effort: str) -> tuple[Solution, float, float, float]:
    """The solution, its seconds by the clock and by the processor, and the peak memory of the process in GiB."""
    solve(DeepUFM(5, 3, 1e-3))
    clock, processor = time.perf_counter(), time.process_time()
    solution = solve(problem, effort=effort, progress=lambda line: print(line, flush=True))
    clock, processor = time.perf_counter() - clock, time.process_time() - processor
    return solution, clock, processor, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def seconds_per_start(classes: int) -> float:
    """Processor seconds of one start, the median of a few."""
    objective = RungObjective.of(DeepUFM(classes, 3, 1e-3))
    seconds = []
    for start in random_codes(objective, RANK, STARTS, np.random.default_rng(0)):
        begun = time.process_time()
        descend(objective, start[None], STEPS, tolerance=0.0)
        seconds.append(time.process_time() - begun)
    return float(np.median(seconds))


def main() -> None:
    """Run the searches one after another, then the starts, and write the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--classes", default="1000")
    parser.add_argument("--depths", default="2,3,5")
    parser.add_argument("--reg", type=float, default=1e-3)
    parser.add_argument("--effort", default="normal")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    seconds_per_start(10)
    times = {K: seconds_per_start(K) for K in GROWTH}
    print(times, flush=True)
    rows: list[str] = []
    options.out.write_text(report(rows, times, options))
    for K in parse.integers(options.classes, "classes", 2):
        for L in parse.integers(options.depths, "depths", 1):
            with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
                rows.append(row(*pool.submit(search, DeepUFM(K, L, options.reg), options.effort).result()))
            print(rows[-1], flush=True)
            options.out.write_text(report(rows, times, options))


def row(solution: Solution, clock: float, processor: float, memory: float) -> str:
    """One search."""
    best = min((rung.minima[0] for rung in solution.ladder), key=lambda minimum: minimum.loss)
    searched = ", ".join(str(rung.rank) for rung in solution.ladder if rung.starts)
    structure = min(solution.candidates, key=lambda name: solution.candidates[name])
    named = f"{structure} {solution.candidates[structure]:.6g}"
    return (
        f"| {solution.problem.classes} | {solution.problem.depth} | {solution.loss:.10g} | {solution.rank} "
        f"| {best.verdict} | {best.gradient_norm:.0e} | {best.curvature:.0e} | {named} "
        f"| {searched} | {solution.known_by} | {clock:.0f} | {processor:.0f} | {memory:.2f} |"
    )


def report(rows: list[str], times: dict[int, float], options: argparse.Namespace) -> str:
    """The table, and what it was run on."""
    exponent = np.polyfit(np.log(list(times)), np.log(list(times.values())), 1)[0]
    late = {K: seconds for K, seconds in times.items() if K >= 200}
    last = np.polyfit(np.log(list(late)), np.log(list(late.values())), 1)[0]
    starts = "\n".join(f"| {K} | {1e3 * seconds:.1f} |" for K, seconds in times.items())
    lines = "\n".join(rows)
    compiled = "with numba" if importlib.util.find_spec("numba") else "without numba"
    return f"""# Many classes

Made by `python tests/benchmarks/bench_large.py --classes {options.classes} --depths {options.depths} --reg \
{options.reg:g} --effort {options.effort} --out ...` on {datetime.date.today()}; Python {platform.python_version()}, \
numpy {np.__version__}, scipy {scipy.__version__}, {compiled}, {platform.machine()}, {os.cpu_count()} cores shared \
with other work.

## Searches at lambda = {options.reg:g}

| K | L | loss | rank | verdict | gradient | curvature | best named structure | rungs on the ladder with random starts \
| known by | s by the clock | s of the processor | GiB |
|---|---|---|---|---|---|---|---|---|---|---|---|---|
{lines}

## Time of one start

{STEPS} steps at rank {RANK}, L = 3, lambda = 1e-3: the time grows as K^{exponent:.2f} over the whole range, and as \
K^{last:.2f} from K = 200 on.

| K | ms of the processor |
|---|---|
{starts}
"""


if __name__ == "__main__":
    main()
