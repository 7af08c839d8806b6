"""max_margin on K = 3..16, L = 1..10, all ranks 2..6, seeds 0..3: violations, seeds that disagree, named structures.

Run from the repository root: python tests/benchmarks/bench_max_margin.py [--every N] [--effort quick] [--jobs J]
[--done FILE]. One line a cell, as it is done:
classes, depth, rank, least value, largest value minus the least over it, largest residual, processor seconds. A cell
that fails one of the promises ends in what it failed. ``--every N`` takes every Nth cell in a fixed order;
``--done FILE`` leaves out the cells whose lines an earlier run printed to FILE (append to it to go on, as was done for
bench_max_margin.csv beside this file). The rows there, all 600 cells at quick effort, are of the present search; eight,
of 11 to 15 classes at depth 7 to 10, end in ``seeds``, whose values differ by 7e-5 to 6e-3 of the least, and none in
anything else. They took 1919 seconds of one processor, 28 at most for a cell.
"""

from __future__ import annotations

import argparse
import itertools
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import numpy as np

from optima import catalogue, max_margin
from optima.search.interior_point import margins

SEEDS = range(4)
AGREE = 1e-6


def named_least(classes: int, depth: float, rank: int) -> float:
    """Least sum s^p of the named structures of a rank at margin one; infinite where there is none."""
    least = np.inf
    for structure in catalogue(classes):
        shape = structure.shape().astype(float)
        shape -= shape.mean(axis=0)
        s = np.linalg.svd(shape, compute_uv=False)
        s = s[s > 1e-9 * s[0]]
        if s.size == rank and (smallest := margins(shape).min()) > 1e-9:
            least = min(least, float(np.sum((s / smallest) ** (2 / (depth + 1)))))
    return least


def cell(classes: int, depth: int, rank: int, effort: str) -> str:
    """One line."""
    began = time.process_time()
    found = [max_margin(classes, depth, rank=rank, seed=seed, effort=effort) for seed in SEEDS]
    values = np.array([code.value for code in found])
    spread = np.ptp(values) / abs(values.min())
    failed = [
        word
        for word, bad in {
            "violation": max(code.violation for code in found) > 1e-9,
            "rank": any(code.rank != rank for code in found),
            "named": values.max() > named_least(classes, depth, rank) * (1 + 1e-9),
            "residual": max(code.stationarity for code in found) > 1e-6,
            "seeds": spread > AGREE,
        }.items()
        if bad
    ]
    worst = max(code.stationarity for code in found)
    seconds = time.process_time() - began
    return f"{classes},{depth},{rank},{values.min():.12g},{spread:.1e},{worst:.1e},{seconds:.1f},{' '.join(failed)}"


def main() -> None:
    """Print the grid as CSV."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--effort", default="quick")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--done", type=Path)
    options = parser.parse_args()
    lines = options.done.read_text(encoding="utf-8").splitlines() if options.done and options.done.exists() else []
    done = {tuple(line.split(",")[:3]) for line in lines}
    cells = [c for c in itertools.product(range(3, 17), range(1, 11), range(2, 7)) if c[2] <= c[0] - 1]
    order = np.random.default_rng(0).permutation(len(cells))
    if not done:
        print("classes,depth,rank,value,spread,residual,seconds,failed", flush=True)
    left = [cells[i] for i in order[:: options.every] if tuple(map(str, cells[i])) not in done]
    with ProcessPoolExecutor(options.jobs) as pool:
        for future in as_completed([pool.submit(cell, *c, options.effort) for c in left]):
            print(future.result(), flush=True)


if __name__ == "__main__":
    main()
