"""Gaps of proofs for four classes of several sizes; writes a Markdown table that grows row by row.

python tests/benchmarks/bench_unequal.py --boxes 100000 --out tests/benchmarks/bench_unequal.md

The minima are the best of a search; seconds are processor time of the proof in all orders of the classes, and of the
checker. "Before" is the better of the three largest classes alone and of a bound without boxes. Rows that the table has
already are kept.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from optima import DeepUFM
from optima.proofs.budget import Budget
from optima.proofs.prove import prove
from optima.search.ladder import search

CELLS = [
    ((3, 1, 1, 1), 3, 1e-2),
    ((2, 2, 1, 1), 2, 1e-3),
    ((10, 1, 1, 1), 5, 1e-3),
    ((4, 3, 2, 1), 3, 1e-3),
]
HEAD = "| sizes | L | lambda | loss | rank | gap before | gap | boxes | s | s to check | verified |"


def key(sizes: tuple[int, ...], depth: int, reg: float) -> str:
    """How the row of a cell begins."""
    return f"| {', '.join(map(str, sizes))} | {depth} | {reg:g} |"


def row(sizes: tuple[int, ...], depth: int, reg: float, gap: float, boxes: int) -> str:
    """One cell of the table."""
    problem = DeepUFM(4, depth, reg, samples=sizes)
    found = search(problem)
    before = prove(problem, found.means, gap, Budget(boxes), most_classes=3)
    start = time.process_time()
    proof = prove(problem, found.means, gap, Budget(boxes))
    proved = time.process_time()
    verified = "yes" if proof.verify() else "no"
    checked = time.process_time()
    size = sum(array.size for name, array in proof.data.items() if name.startswith("axis"))
    return (
        f"{key(sizes, depth, reg)} {proof.upper:.10g} | {found.rank} | {before.gap:.2g} | {proof.gap:.1e} | {size} "
        f"| {proved - start:.0f} | {checked - proved:.1f} | {verified} |"
    )


def main() -> None:
    """Prove, and write the table as it grows."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--gap", type=float, default=1e-2, help="where a proof may end")
    parser.add_argument("--boxes", type=int, default=100_000, help="where a proof ends at the latest")
    parser.add_argument("--rows", type=int, default=len(CELLS), help="the first of the cells alone")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    command = f"python tests/benchmarks/bench_unequal.py --gap {options.gap:g} --boxes {options.boxes}"
    command += "" if options.rows == len(CELLS) else f" --rows {options.rows}"
    lines = ["# Four classes of several sizes", "", f"Made by `{command} --out ...`.", "", HEAD, "|---" * 11 + "|"]
    known = options.out.read_text(encoding="utf-8").splitlines() if options.out.exists() else []
    for sizes, depth, reg in CELLS[: options.rows]:
        kept = [line for line in known if line.startswith(key(sizes, depth, reg))]
        lines.append(kept[0] if kept else row(sizes, depth, reg, options.gap, options.boxes))
        print(lines[-1], flush=True)
        options.out.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
