"""Do the seeds of the search over relu networks agree? Held-out cells, a row each as it is done, kept in a CSV.

    python tests/benchmarks/bench_relu_seeds.py [--cells 60] [--least 3] [--most 10] [--effort normal] [--out FILE]

Draws cells in an order that is always the same: K = 3 to 6, every fifth 7 to 10; L = 2 to 6; lambda = 1e-2 to 1e-5;
both losses; every third with classes of different sizes; ``--least`` and ``--most`` classes pick some of them. Each is
solved from seeds 0 to 3. ``spread`` is the largest loss over the least, less one; ``failed`` says ``seeds`` where that
is above 1e-8 for K <= 6, or 1e-3, and ``named`` where a seed is above the best named network. Seconds are processor
time, of one seed. A second call goes on. What is promised is promised at normal effort.
"""

from __future__ import annotations

import argparse
import csv
import math
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from optima import DeepUFM, solve

SEEDS = range(4)
COLUMNS = (
    "cell",
    "effort",
    "loss",
    "K",
    "L",
    "reg",
    "samples",
    *(f"seed {seed}" for seed in SEEDS),
    "spread",
    "named",
    "best",
    "seconds",
    "failed",
)


def cells(count: int) -> Iterator[DeepUFM]:
    """The problems, in their order; a smaller ``count`` gives the first of them."""
    rng = np.random.default_rng(2026)
    for number in range(count):
        K = int(rng.integers(7, 11) if number % 5 == 4 else rng.integers(3, 7))
        L, reg = int(rng.integers(2, 7)), float(rng.choice([1e-2, 1e-3, 1e-4, 1e-5]))
        loss = str(rng.choice(["mse", "ce"]))
        sizes = sorted(map(int, rng.choice([1, 2, 3, 5, 10, 30], size=K)), reverse=True)
        samples = tuple(sizes) if number % 3 == 2 and len(set(sizes)) > 1 else 1
        yield DeepUFM(K, L, reg, samples, loss=loss, activation="relu")


def agree(classes: int) -> float:
    """Up to which relative difference seeds should agree."""
    return 1e-8 if classes <= 6 else 1e-3


def row(number: int, problem: DeepUFM, effort: str) -> dict[str, object]:
    """The row of one cell."""
    began = time.process_time()
    found = [solve(problem, seed, effort) for seed in SEEDS]
    seconds = (time.process_time() - began) / len(SEEDS)
    losses = [each.loss for each in found]
    spread, named = max(losses) / min(losses) - 1, min(found[0].candidates.values(), default=math.inf)
    failed = {"seeds": spread > agree(problem.classes), "named": max(losses) > named * (1 + 1e-9)}
    samples = " ".join(map(str, problem.class_sizes)) if not problem.balanced else 1
    values = (
        *(number, effort, problem.loss, problem.classes, problem.depth, problem.regs[0], samples),
        *(f"{each:.12g}" for each in losses),
        *(f"{spread:.1e}", f"{named:.12g}", min(found, key=lambda each: each.loss).structure, f"{seconds:.1f}"),
        " ".join(word for word, bad in failed.items() if bad),
    )
    return dict(zip(COLUMNS, values, strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", type=int, default=60)
    parser.add_argument("--least", type=int, default=3)
    parser.add_argument("--most", type=int, default=10)
    parser.add_argument("--effort", default="normal")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".csv"))
    options = parser.parse_args()
    done = set()
    if options.out.exists():
        with options.out.open(newline="") as file:
            done = {(int(each["cell"]), each["effort"]) for each in csv.DictReader(file)}
    with options.out.open("a", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        if not done:
            writer.writeheader()
        for number, problem in enumerate(cells(options.cells)):
            wanted = options.least <= problem.classes <= options.most
            if wanted and (number, options.effort) not in done:
                writer.writerow(line := row(number, problem, options.effort))
                file.flush()
                print(*line.values(), sep=",", flush=True)


if __name__ == "__main__":
    main()
