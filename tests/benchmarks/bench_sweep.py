"""Cells a second of the warm-started sweep, and its worst excess over cold searches; writes a Markdown table.

python tests/benchmarks/bench_sweep.py --classes 3:20 --depths 1:10 --regs 1e-8:1e-2:13 --against-cold 200 --out FILE

Or, timed by pytest-benchmark (not part of the default run):

python -m pytest tests/benchmarks/bench_sweep.py -m "" -o python_files="bench_*.py" --benchmark-columns=min,median,max
"""

from __future__ import annotations

import argparse
import datetime
import importlib.util
import os
import platform
import time
from pathlib import Path

import numpy as np
import pytest
import scipy

from optima import DeepUFM, Solution, solve, sweep
from optima.cli import parse

HALF_DECADES = np.geomspace(1e-8, 1e-2, 13)


@pytest.mark.parametrize("classes", [6, 12, 20])
def test_a_sweep_over_depth_and_lambda(benchmark, classes):
    """L = 1..10 and 13 values of lambda from 1e-8 to 1e-2."""
    problems = [DeepUFM(classes, depth, reg) for depth in range(1, 11) for reg in HALF_DECADES]
    sweep(problems[:20])
    found = benchmark.pedantic(sweep, args=(problems,), rounds=3)
    assert len(found) == len(problems)


def main() -> None:
    """Sweep, search a sample of the cells from scratch, and write the table."""
    parser = argparse.ArgumentParser()
    for name in ("classes", "depths", "regs"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--against-cold", type=int, default=0, metavar="N", help="cells searched from scratch")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    problems = [
        DeepUFM(K, L, reg)
        for K in parse.integers(options.classes, "classes", 2)
        for L in parse.integers(options.depths, "depths", 1)
        for reg in parse.reals(options.regs, "regs")
    ]
    begun = time.perf_counter()
    found = sweep(problems, options.seed, progress=lambda line: print(line, flush=True), workers=options.workers)
    seconds = time.perf_counter() - begun
    rng = np.random.default_rng(options.seed)
    sample = rng.choice(len(problems), min(options.against_cold, len(problems)), replace=False)
    text = report(options, found, seconds, *against_cold(found, sample.tolist()))
    print(text)
    if options.out:
        options.out.write_text(text)


def against_cold(found: list[Solution], sample: list[int]) -> tuple[list[tuple[float, Solution, Solution]], float]:
    """(Relative excess of the sweep, its solution, the one from scratch) for each cell of a sample; their seconds."""
    compared, seconds = [], 0.0
    for i in sample:
        begun = time.perf_counter()
        cold = solve(found[i].problem)
        seconds += time.perf_counter() - begun
        compared.append((found[i].loss / cold.loss - 1, found[i], cold))
        if abs(compared[-1][0]) > 1e-9:
            print(row(*compared[-1]), flush=True)
    return compared, seconds


def row(excess: float, warm: Solution, cold: Solution) -> str:
    """A cell where the two differ."""
    problem = warm.problem
    names = (solution.structure.split(" (")[0] for solution in (warm, cold))
    cell = f"| {problem.classes} | {problem.depth} | {problem.reg:.2e} | {warm.loss:.12g} | {cold.loss:.12g} "
    return cell + f"| {excess:.1e} | {' | '.join(names)} |"


def report(
    options: argparse.Namespace,
    found: list[Solution],
    seconds: float,
    compared: list[tuple[float, Solution, Solution]],
    cold_seconds: float,
) -> str:
    """The table, and what it was run on."""
    excess = [more for more, _, _ in compared]
    per_class: dict[int, list[float]] = {}
    for solution in found:
        per_class.setdefault(solution.problem.classes, []).append(solution.seconds)
    rows = "\n".join(
        f"| {K} | {len(each)} | {sum(each):.2f} | {len(each) / sum(each):.1f} |" for K, each in per_class.items()
    )
    command = f"--classes {options.classes} --depths {options.depths} --regs {options.regs}"
    command += f" --against-cold {options.against_cold} --workers {options.workers} --seed {options.seed}"
    compiled = "with numba" if importlib.util.find_spec("numba") else "without numba"
    cold = ""
    if compared:
        rows = [row(*cell) for cell in sorted(compared, key=lambda cell: -cell[0]) if abs(cell[0]) > 1e-9]
        head = "\n| K | L | lambda | sweep | scratch | excess | structure of the sweep | from scratch |\n|" + "---|" * 8
        differ = "\n".join([head, *rows, ""]) if rows else ""
        cold = f"""
## Against searches from scratch

{len(compared)} cells drawn at random from these were searched from scratch (`solve` at its default effort, \
{cold_seconds / len(compared):.2f} s a cell). Largest relative excess of the sweep: {max(excess):.1e}; worse by more \
than 1e-9 in {sum(e > 1e-9 for e in excess)} cells, better by more than 1e-9 in {sum(e < -1e-9 for e in excess)}.
{differ}"""
    return f"""# The warm-started sweep

Made by `python tests/benchmarks/bench_sweep.py {command} --out ...` on {datetime.date.today()}; Python \
{platform.python_version()}, numpy {np.__version__}, scipy {scipy.__version__}, {compiled}, {platform.machine()}, \
{os.cpu_count()} cores.

{len(found)} cells in {seconds:.1f} s with {options.workers} workers, their start included: \
**{len(found) / seconds:.1f} cells a second**.

| K | cells | s | cells a second of one process |
|---|---|---|---|
{rows}
{cold}"""


if __name__ == "__main__":
    main()
