"""Gaps, boxes and times of proofs at width 1 or 2; writes a Markdown table that grows row by row.

python tests/benchmarks/bench_narrow.py --out tests/benchmarks/bench_narrow.md
python tests/benchmarks/bench_narrow.py --width 2 --gap 1e-3 --out tests/benchmarks/bench_width_two.md

The minima are the best of a search; seconds are processor time of the proof, and of the checker, which proves every
certificate again.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from optima import DeepUFM
from optima.proofs.prove import prove
from optima.search.ladder import search

CELLS: list[tuple[int, int, float, int | tuple[int, ...]]] = [
    (K, L, reg, 1) for K in (3, 4) for L in (2, 3, 5, 10) for reg in (1e-1, 1e-2, 1e-3, 1e-4, 1e-5)
]
CELLS += [(K, 1, reg, 1) for K in (3, 4) for reg in (1e-2, 1e-4)]
CELLS += [(3, 3, 1e-3, (1, 2, 5)), (3, 3, 1e-4, (1, 1, 50)), (4, 3, 1e-3, (1, 2, 3, 50)), (4, 5, 1e-4, (1, 2, 4, 8))]
# At width 2, which for three classes is wide enough.
CELLS_OF_TWO = [(K, L, reg, 1) for K in (3, 4) for L in (2, 3, 5) for reg in (1e-2, 1e-3)]
HEAD = "| K | L | lambda | sizes | loss | gap | method | boxes | s | s to check | verified |"


def row(classes: int, depth: int, reg: float, sizes: int | tuple[int, ...], width: int, gap: float) -> str:
    """One cell of the table."""
    problem = DeepUFM(classes, depth, reg, samples=sizes, width=width)
    means = search(problem).means
    start = time.process_time()
    proof = prove(problem, means, gap)
    proved = time.process_time()
    verified = "yes" if proof.verify() else "no"
    checked = time.process_time()
    boxes = proof.data["axis"].size if "axis" in proof.data else 0
    return (
        f"| {classes} | {depth} | {reg:g} | {sizes} | {proof.upper:.10g} | {proof.gap:.1e} | {proof.method} | {boxes} "
        f"| {proved - start:.2f} | {checked - proved:.2f} | {verified} |"
    )


def main() -> None:
    """Prove, and write the table as it grows."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--width", type=int, choices=(1, 2), default=1)
    parser.add_argument("--gap", type=float, default=1e-6, help="where a proof may end")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    width = "" if options.width == 1 else f" --width {options.width}"
    command = f"python tests/benchmarks/bench_narrow.py{width} --gap {options.gap:g}"
    lines = [f"# Proofs at width {options.width}", "", f"Made by `{command} --out ...`.", "", HEAD, "|---" * 11 + "|"]
    for cell in CELLS if options.width == 1 else CELLS_OF_TWO:
        lines.append(row(*cell, options.width, options.gap))
        print(lines[-1], flush=True)
        options.out.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
