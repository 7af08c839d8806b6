"""How fast an atlas takes cells, opens and grows; writes a Markdown table.

python tests/benchmarks/bench_atlas.py --cells 1000000
python tests/benchmarks/bench_atlas.py --classes 2:20 --depths 1:10 --regs 1e-8:1e-1:29 --against-cold 100 --workers 2

Seconds of processor are those of all processes together, what to go by on a machine that does other work too.
"""

from __future__ import annotations

import argparse
import itertools
import os
import platform
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import date
from importlib.metadata import version
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
    versions = ", ".join(f"{name} {version(name)}" for name in ("numpy", "scipy", "numba"))
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, {versions}"
    print(f"{date.today()}, {machine}, SQLite {sqlite3.sqlite_version}; load before: {load}\n")
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
        closing = time.perf_counter()
    print(f"| cells stored a second, of {count} | {count / seconds:.0f} |")
    print(f"| seconds to close the file | {time.perf_counter() - closing:.2f} |")
    print(f"| bytes a cell, K = 20, rank 4 | {path.stat().st_size / count:.0f} |")
    last = next(itertools.islice(made_up(), count - 1, None)).problem
    begun = time.perf_counter()
    with Store(path) as store:
        opened = time.perf_counter()
        assert store.get(last) is not None
        found = time.perf_counter()
        reg = float(last.regs[0])
        assert len(list(store.records(classes=[20], depths=[last.depth], regs=(reg, reg)))) == 1
        queried = time.perf_counter()
    print(f"| seconds to open | {opened - begun:.4f} |")
    print(f"| seconds to look one cell up | {found - opened:.4f} |")
    print(f"| seconds to query it by classes, depth and lambda | {queried - found:.4f} |")
    show = ("atlas", "show", str(path), "--classes", "20", "--depths", str(last.depth), "--regs", repr(reg))
    for what, arguments in (("optima atlas show, of one cell", show), ("optima --version", ("--version",))):
        begun, before = time.perf_counter(), processor()
        command = [sys.executable, "-c", "import sys; from optima.cli.main import main; sys.exit(main())", *arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        print(f"| seconds of `{what}` | {time.perf_counter() - begun:.2f} |")
        print(f"| seconds of processor of it | {processor() - before:.2f} |")


def processor() -> float:
    """Seconds of processor of this process and of the children that have ended."""
    usage = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(used.ru_utime + used.ru_stime for used in usage)


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
        begun, before = time.perf_counter(), processor()
        build(store, problems, options.seed, executors=processes(options.workers))
        seconds, used = time.perf_counter() - begun, processor() - before
        print(f"| seconds for {len(problems)} cells on {options.workers} processes | {seconds:.0f} |")
        print(f"| seconds of processor for each of them | {used / options.workers:.0f} |", flush=True)
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
