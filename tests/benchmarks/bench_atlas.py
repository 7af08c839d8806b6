"""How fast an atlas takes cells, opens and grows; writes a Markdown table.

python tests/benchmarks/bench_atlas.py --cells 1000000
python tests/benchmarks/bench_atlas.py --classes 2:20 --depths 1:10 --regs 1e-8:1e-1:29 --against-cold 100 --workers 2
"""

from __future__ import annotations

import argparse
import itertools
import os
import platform
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from optima import DeepUFM, solve
from optima.atlas import Record, Store, build, processes
from optima.cli import parse

# Cells of one transaction.
BATCH = 400


def main() -> None:
    """Fill a store with made-up cells, or build an atlas; print the table."""
    parser = argparse.ArgumentParser()
    for name in ("classes", "depths", "regs"):
        parser.add_argument(f"--{name}")
    parser.add_argument("--cells", type=int, default=0, help="made-up cells of 20 classes and rank 4")
    parser.add_argument("--against-cold", type=int, default=0, metavar="N", help="cells searched from scratch")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}\n")
    print("| measured | |\n|---|---:|")
    with tempfile.TemporaryDirectory() as folder:
        if options.cells:
            store_rate(Path(folder) / "made_up.sqlite", options.cells)
        if options.classes:
            build_rate(Path(folder) / "atlas.sqlite", options)


def store_rate(path: Path, count: int) -> None:
    """Cells a second that one writer stores, bytes a cell, and the time to open and to look one up."""
    cells = made_up()
    with Store(path, write=True) as store:
        begun = time.perf_counter()
        for start in range(0, count, BATCH):
            store.put(itertools.islice(cells, min(BATCH, count - start)))
        seconds = time.perf_counter() - begun
    print(f"| cells stored a second, of {count} | {count / seconds:.0f} |")
    print(f"| bytes a cell, K = 20, rank 4 | {path.stat().st_size / count:.0f} |")
    begun = time.perf_counter()
    with Store(path) as store:
        opened = time.perf_counter()
        assert store.get(next(made_up()).problem) is not None
        found = time.perf_counter()
    print(f"| seconds to open | {opened - begun:.4f} |")
    print(f"| seconds to look one cell up | {found - opened:.4f} |")


def made_up() -> Iterator[Record]:
    """Records of 20 classes and rank 4 with random codes, of as many problems as are asked for."""
    rng = np.random.default_rng(0)
    for number in itertools.count():
        problem = DeepUFM(20, 2 + number % 50, 1e-9 * (1 + number))
        factors = rng.standard_normal((2, 20, 4))
        yield Record(problem, factors, 1.0, "unnamed (rank 4)", 1.1, "made up", "0", 0, "quick")


def build_rate(path: Path, options: argparse.Namespace) -> None:
    """Cells a second of a build, and its worst excess over cold searches at default effort."""
    problems = [
        DeepUFM(K, L, reg)
        for K in parse.integers(options.classes, "classes", 2)
        for L in parse.integers(options.depths, "depths", 1)
        for reg in parse.reals(options.regs, "regs")
    ]
    with Store(path, write=True) as store:
        begun = time.perf_counter()
        build(store, problems, options.seed, executors=processes(options.workers))
        seconds = time.perf_counter() - begun
        print(f"| seconds for {len(problems)} cells on {options.workers} processes | {seconds:.0f} |")
        rng = np.random.default_rng(options.seed)
        sample = rng.choice(len(problems), min(options.against_cold, len(problems)), replace=False)
        excess = []
        for index in sample.tolist():
            record = store.get(problems[index])
            assert record is not None
            excess.append(record.loss / solve(problems[index], options.seed).loss - 1)
    if excess:
        worse = sum(value > 1e-9 for value in excess)
        print(f"| cells worse than a cold search, of {len(excess)} | {worse} |")
        print(f"| worst relative excess | {max(excess):.1e} |")


if __name__ == "__main__":
    main()
