"""Boxes a second of proofs, in machine code and in numpy, one after the other in this process; a Markdown table.

python tests/benchmarks/bench_boxes.py --boxes 20000 --out tests/benchmarks/bench_boxes.md

Seconds are of processor time, so that other work on the machine counts little; compiling is not counted.
"""

from __future__ import annotations

import argparse
import datetime
import platform
import time
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path
from unittest import mock

from optima import DeepUFM, solve
from optima.model import Array
from optima.proofs import box_bound, dual
from optima.proofs.arithmetic import proving
from optima.proofs.form import ConvexConcave
from optima.proofs.small_problems import search_of

CELLS = [(K, L, reg) for K in (3, 4) for L, reg in ((2, 1e-3), (3, 1e-3), (5, 1e-1), (10, 1e-5))]
GAP = {3: 1e-6, 4: 1e-2}
HEAD = "K | L | lambda | gap asked for | boxes | boxes in numpy | per s | per s in numpy | ratio"


def run(problem: DeepUFM, logits: Array, loss: float, most: int, interpreted: bool) -> tuple[int, float]:
    """Boxes of a proof, and seconds."""
    with ExitStack() as stack:
        stack.enter_context(proving())
        for module in (box_bound, dual) if interpreted else ():
            stack.enter_context(mock.patch.object(module, "_machine_code", return_value=None))
        start = time.process_time()
        search = search_of(ConvexConcave.of(problem), loss, GAP[problem.classes], logits)
        search.run(most)
        return search.size, time.process_time() - start


def row(cell: tuple[int, int, float], most: int) -> str:
    """One problem both ways."""
    problem = DeepUFM(*cell)
    solution = solve(problem, effort="quick")
    (size, seconds), (slow_size, slow) = (
        run(problem, solution.means, solution.loss, most, interpreted) for interpreted in (False, True)
    )
    rates = size / seconds, slow_size / slow
    ends = f"{size} | {slow_size} | {rates[0]:.0f} | {rates[1]:.0f} | {rates[0] / rates[1]:.1f}"
    return f"| {cell[0]} | {cell[1]} | {cell[2]:g} | {GAP[cell[0]]:.0e} | {ends} |"


def main() -> None:
    """All cells."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--boxes", type=int, default=20_000, help="the most of one proof")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    warm = DeepUFM(3, 2, 1e-2)
    run(warm, solve(warm, effort="quick").means, solve(warm, effort="quick").loss, 100, False)
    versions = ", ".join(f"{name} {version(name)}" for name in ("numpy", "numba"))
    lines = [
        "# Boxes a second",
        "",
        f"Made by `python tests/benchmarks/bench_boxes.py --boxes {options.boxes} --out ...` on "
        f"{datetime.date.today()}; Python {platform.python_version()}, {versions}, {platform.machine()}, one thread. "
        "Boxes bounded in a second of processor time, in machine code and in numpy; a proof ends when its gap is "
        "reached, or after so many boxes.",
        "",
        f"| {HEAD} |",
        "|---" * (HEAD.count("|") + 1) + "|",
    ]
    for cell in CELLS:
        lines.append(row(cell, options.boxes))
        print(lines[-1], flush=True)
        options.out.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
