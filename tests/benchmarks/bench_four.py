"""Gaps of proofs for four classes at a fixed number of boxes; writes a Markdown table that grows row by row.

python tests/benchmarks/bench_four.py --boxes 60000 --out tests/benchmarks/bench_four.md

The minima are the best of a search; seconds are processor time of the proof and of the checker, which proves every
certificate again. Rows that the table has already are kept.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from optima import DeepUFM
from optima.proofs.budget import Budget
from optima.proofs.prove import prove
from optima.search.ladder import search

CELLS = [(L, reg) for L in (2, 3, 5, 10) for reg in (1e-1, 1e-2, 1e-3, 1e-5)]
HEAD = "| L | lambda | loss | rank | gap | boxes | s | s to check | verified |"


def row(depth: int, reg: float, gap: float, boxes: int) -> str:
    """One cell of the table."""
    problem = DeepUFM(4, depth, reg)
    found = search(problem)
    start = time.process_time()
    proof = prove(problem, found.means, gap, Budget(boxes))
    proved = time.process_time()
    verified = "yes" if proof.verify() else "no"
    checked = time.process_time()
    size = proof.data["axis"].size if "axis" in proof.data else 0
    return (
        f"| {depth} | {reg:g} | {proof.upper:.10g} | {found.rank} | {proof.gap:.1e} | {size} "
        f"| {proved - start:.0f} | {checked - proved:.1f} | {verified} |"
    )


def main() -> None:
    """Prove, and write the table as it grows."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--gap", type=float, default=1e-4, help="where a proof may end")
    parser.add_argument("--boxes", type=int, default=60_000, help="where a proof ends at the latest")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    command = f"python tests/benchmarks/bench_four.py --gap {options.gap:g} --boxes {options.boxes}"
    lines = ["# Four classes", "", f"Made by `{command} --out ...`.", "", HEAD, "|---" * 9 + "|"]
    known = options.out.read_text(encoding="utf-8").splitlines() if options.out.exists() else []
    for depth, reg in CELLS:
        kept = [line for line in known if line.startswith(f"| {depth} | {reg:g} |")]
        lines.append(kept[0] if kept else row(depth, reg, options.gap, options.boxes))
        print(lines[-1], flush=True)
        options.out.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
