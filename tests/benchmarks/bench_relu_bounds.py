"""How much of the loss of relu networks the lower bounds leave; writes a Markdown table.

    python tests/benchmarks/bench_relu_bounds.py --out tests/benchmarks/bench_relu_bounds.md

The bound by the nuclear norm alone, and the better of it and that by two directions, over the loss of collapse and over
that of the best named network; classes of one size, n = 1. Nothing is searched. Derivation: network_rank_two.py.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from optima import DeepUFM
from optima.checker.arithmetic import Floats
from optima.checker.scalar_bounds import nuclear_norm, two_directions
from optima.proofs.entropy_directions import entropy_bound
from optima.proofs.one_direction import OneDirection
from optima.scales import best_scales
from optima.scales.losses import structure_losses

COLUMNS = ("loss", "K", "L", "lambda", "collapse", "best named", "its loss")
COLUMNS += ("nuclear norm", "/ collapse", "/ named", "two directions", "/ collapse", "/ named")
REG = 1e-3
CELLS = ((3, 3), (6, 3), (10, 3), (3, 4), (6, 4), (10, 4))


def bounds(problem: DeepUFM) -> tuple[float, float]:
    """By the nuclear norm alone, and with two directions too."""
    if problem.loss == "mse":
        return nuclear_norm(problem, Floats()), two_directions(problem, Floats())
    one = best_scales(OneDirection(problem.classes), problem.depth, problem.regs[0]).loss
    return float(one), max(float(one), entropy_bound(problem))


def row(problem: DeepUFM) -> tuple[str, ...]:
    """One cell of the table."""
    losses = {name: entry.loss for name, entry in structure_losses(problem).items()}
    collapse, best = losses["collapse"], min(losses, key=lambda name: losses[name])
    about = (problem.loss, f"{problem.classes}", f"{problem.depth}", f"{problem.regs[0]:g}")
    ratios = ((f"{bound:.8f}", f"{bound / collapse:.3f}", f"{bound / losses[best]:.3f}") for bound in bounds(problem))
    return (*about, f"{collapse:.8f}", best, f"{losses[best]:.8f}", *(text for three in ratios for text in three))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    lines = [COLUMNS, ("---",) * len(COLUMNS)]
    for loss in ("mse", "ce"):
        lines += [row(DeepUFM(K, L, REG, loss=loss, activation="relu")) for K, L in CELLS]
    text = ["# Bounds of relu networks", "", "`python tests/benchmarks/bench_relu_bounds.py --out ...`", ""]
    text += ["| " + " | ".join(line) + " |" for line in lines]
    print(*text[4:], sep="\n")
    if options.out is not None:
        options.out.write_text("\n".join(text) + "\n")


if __name__ == "__main__":
    main()
