"""Is the search ever worse than two baselines? The whole grid, cell by cell, kept in a CSV from which it resumes.

python tests/benchmarks/never_worse.py --out tests/benchmarks/never_worse.csv [--jobs 2] [--minutes 60]

Baseline 1 is scipy's L-BFGS on all factors, ten random starts for every inner width from 2 to K - 1; baseline 2 is
pymanopt's conjugate gradients on fixed-rank matrices, two random starts for each of these ranks. Losses only: the
objective of baseline 1 is compiled here, and `compare_solvers.py` measures time with the plain one. Cells come in a
random order, so that a part of the grid is a sample of it. Needs pymanopt and numba.
"""

from __future__ import annotations

import argparse
import csv
import math
import time
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from pathlib import Path

import numpy as np
from baselines import Objective, grid_of, lbfgs_on_all_factors, objective_of_model, pymanopt_on_fixed_rank, shapes_of
from factors_compiled import loss_and_gradient

from optima import DeepUFM, solve

COLUMNS = ("K", "L", "lambda", "search", "baseline 1", "baseline 2", "excess", "rank", "structure", "effort")
# Relative difference up to which two losses are one.
SAME = 1e-9


def objective_compiled(model: DeepUFM) -> Objective:
    """The compiled objective, after one comparison with that of the model at a random point."""
    reg, rank = float(np.max(model.reg)), shapes_of(model)[0][1]

    def objective(x: np.ndarray) -> tuple[float, np.ndarray]:
        return loss_and_gradient(x, model.classes, rank, model.depth, reg)

    x = np.random.default_rng(0).standard_normal(sum(rows * columns for rows, columns in shapes_of(model)))
    (loss, gradient), (slow, reference) = objective(x), objective_of_model(model)(x)
    if not math.isclose(loss, slow, rel_tol=1e-12) or not np.allclose(gradient, reference, rtol=1e-9, atol=1e-12):
        raise RuntimeError(f"the compiled objective differs from the model's at K={model.classes}, L={model.depth}")
    return objective


def compare(K: int, L: int, reg: float, effort: str) -> tuple[object, ...]:
    """One row of the table."""
    problem, ranks = DeepUFM(K, L, reg), range(2, K)
    solution = solve(problem, effort=effort)
    first = min(loss for _, loss in lbfgs_on_all_factors(problem, ranks, objective_of=objective_compiled))
    second = pymanopt_on_fixed_rank(problem, ranks)
    excess = solution.loss / min(first, second) - 1
    return K, L, reg, solution.loss, first, second, excess, solution.rank, solution.structure, effort


def remaining(out: Path, grid: list[tuple[int, int, float]], effort: str) -> list[tuple[int, int, float]]:
    """The cells of the grid that the file does not hold, in a random order that is always the same.

    Raises ValueError for a file of another effort.
    """
    done = set()
    if out.exists():
        with out.open(newline="") as file:
            rows = list(csv.DictReader(file))
            if any(row["effort"] != effort for row in rows):
                raise ValueError(f"{out} was made with another effort; pass that, or another file")
            done = {(int(row["K"]), int(row["L"]), float(row["lambda"])) for row in rows}
    order = np.random.default_rng(0).permutation(len(grid))
    return [grid[i] for i in order if grid[i] not in done]


def append(out: Path, row: tuple[object, ...]) -> None:
    """One more line of the file, under the header where it is new."""
    new = not out.exists()
    with out.open("a", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerows([COLUMNS, row] if new else [row])


def summary(out: Path) -> str:
    """How many cells there are, how many are worse, and the largest excess."""
    with out.open(newline="") as file:
        excess = [float(row["excess"]) for row in csv.DictReader(file)]
    worse, better = sum(e > SAME for e in excess), sum(e < -SAME for e in excess)
    return (
        f"{len(excess)} cells: the search is worse than the better baseline by more than {SAME:g} in {worse}, "
        f"better by more than {SAME:g} in {better}; largest relative excess {max(excess):.1e}"
    )


def main() -> None:
    """Do the cells that are missing, print each, and sum up the file."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--classes", default="3:20")
    parser.add_argument("--depths", default="1:10")
    parser.add_argument("--regs", default="1e-2,1e-3,1e-4,1e-5")
    parser.add_argument("--effort", default="normal")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=math.inf, help="begin no cell after so many minutes")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    grid = grid_of(options)
    cells, end = remaining(options.out, grid, options.effort), time.monotonic() + 60 * options.minutes
    with ProcessPoolExecutor(options.jobs) as pool:
        running = set()
        while running or (cells and time.monotonic() < end):
            while cells and len(running) < options.jobs and time.monotonic() < end:
                running.add(pool.submit(compare, *cells.pop(0), options.effort))
            finished, running = wait(running, return_when=FIRST_COMPLETED)
            for future in finished:
                append(options.out, future.result())
                print(*future.result()[:9], flush=True)
    print(summary(options.out))


if __name__ == "__main__":
    main()
