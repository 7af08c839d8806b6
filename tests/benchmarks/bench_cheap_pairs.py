"""What a few programmes of the bound by pairs of classes would give every solution, and cost; prints a Markdown table.

python tests/benchmarks/bench_cheap_pairs.py --programmes 1 2 4 14

``now`` is the gap of the bound that ``solve`` has at normal effort; seconds are processor time, of the search and of
the programmes with their check.
"""

from __future__ import annotations

import argparse
import time

from optima import DeepUFM
from optima.progress import silent
from optima.proofs.arithmetic import proving
from optima.proofs.budget import Budget
from optima.proofs.claims import PAIR_BOXES, Claims
from optima.proofs.prove import CHEAP_GAP, instant_certificate
from optima.search.ladder import search


def row(classes: int, depth: int, reg: float, programmes: list[int]) -> str:
    """One cell of the table."""
    problem = DeepUFM(classes, depth, reg)
    start = time.process_time()
    means = search(problem).means
    searched = time.process_time() - start
    cells = [f"| {classes} | {depth} | {searched:.1f} | {instant_certificate(problem, means).gap:.3f}"]
    for count in programmes:
        start = time.process_time()
        with proving():
            proof = Claims.of(problem, means).pairs(CHEAP_GAP, Budget(count * PAIR_BOXES), silent)
        cells.append(f" {proof.gap:.3f} | {time.process_time() - start:.1f}")
    return " |".join(cells) + " |"


def main() -> None:
    """Search, and prove by each number of programmes."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--programmes", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--classes", type=int, nargs="+", default=[5, 6, 8, 10])
    parser.add_argument("--depths", type=int, nargs="+", default=[2, 3])
    parser.add_argument("--reg", type=float, default=1e-3)
    options = parser.parse_args()
    print("| K | L | s | now |" + "".join(f" {count} | s |" for count in options.programmes))
    print("|---" * (4 + 2 * len(options.programmes)) + "|")
    for classes in options.classes:
        for depth in options.depths:
            print(row(classes, depth, options.reg, options.programmes), flush=True)


if __name__ == "__main__":
    main()
