"""Gaps of the lower bounds for five and more classes; writes a Markdown table that grows row by row.

python tests/benchmarks/bench_gaps.py --work 40 --out tests/benchmarks/gaps.md

The minima are the best of a quick search and not certified. Work counts semidefinite programmes and what boxes bounded
by multipliers at hand are worth; boxes are those of singular values; seconds are processor time of the proof. Every
certificate is proved again by the checker. Rows that a table has already are kept.
"""

from __future__ import annotations

import argparse
import re
import time
from pathlib import Path

from optima import DeepUFM
from optima.proofs.arithmetic import proving
from optima.proofs.budget import Budget
from optima.proofs.claims import PAIR_BOXES, Claims
from optima.search.ladder import search

CELLS = [(K, L, 1e-3) for L in (2, 3, 5) for K in (6, 10)]
CELLS += [(5, 2, 1e-3), (8, 2, 1e-3), (20, 2, 1e-3), (10, 2, 1e-2), (10, 2, 1e-5)]
CELLS += [(K, L, 1e-3) for L in (3, 5) for K in (5, 8, 20)]
CELLS += [(6, 2, 1e-5), (6, 2, 1e-2), (7, 2, 1e-3), (9, 2, 1e-3)]
CELLS += [(K, L, reg) for K in range(5, 11) for L in (2, 3, 5) for reg in (1e-2, 1e-3, 1e-4, 1e-5)]
CELLS += [(20, L, reg) for L in (2, 3, 5) for reg in (1e-2, 1e-3, 1e-4, 1e-5)]
HEAD = "| K | L | lambda | loss | gap by one direction | gap by pairs | programmes | boxes | s | verified |"


def row(classes: int, depth: int, reg: float, work: int, gap: float) -> str:
    """One cell of the table."""
    problem = DeepUFM(classes, depth, reg)
    means = search(problem, effort="quick").means
    start = time.process_time()
    with proving():
        claims = Claims.of(problem, means)
        one = claims.one_direction()
        pairs = claims.pairs(gap, Budget(work * PAIR_BOXES, memory=1e6), lambda _: None)
    seconds = time.process_time() - start
    used = re.findall(r"(\d+) (?:boxes|programmes)", pairs.rigour) or [0, 0]
    verified = "yes" if pairs.verify() and one.verify() else "no"
    gaps = f"{one.gap:.3f} | {pairs.gap:.3f}"
    return (
        f"| {classes} | {depth} | {reg:g} | {claims.upper:.8g} | {gaps} | {used[1]} | {used[0]} "
        f"| {seconds:.0f} | {verified} |"
    )


def main() -> None:
    """Prove, and write the table as it grows."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", type=int, default=200, help="semidefinite programmes for each cell")
    parser.add_argument("--gap", type=float, default=0.02, help="where a proof may end")
    parser.add_argument("--cells", type=int, default=len(CELLS), help="only the first cells")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    command = f"python tests/benchmarks/bench_gaps.py --work {options.work} --cells {options.cells}"
    lines = ["# Gaps for five and more classes", "", f"Made by `{command} --out ...`.", "", HEAD, "|---" * 10 + "|"]
    old = options.out.read_text().splitlines() if options.out.exists() else []
    for cell in list(dict.fromkeys(CELLS))[: options.cells]:
        start = "| {} | {} | {:g} |".format(*cell)
        known = [line for line in old if line.startswith(start)] if lines[2] in old else []
        lines += known or [row(*cell, options.work, options.gap)]
        print(lines[-1], flush=True)
        options.out.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
