"""Who wins at twelve classes as depth grows: the optimal codes, and the ladder of ranks at depth three.

Draws codes.png, codes.pdf, ladder.png and ladder.pdf beside this file and prints the winners:

    python examples/plot_codes.py
"""

from pathlib import Path

import numpy as np

import optima
from optima.plot import plot_codes, plot_ladder
from optima.plot.picture import write_figure

CLASSES, REG = 12, 1e-3
DEPTHS = (1, 2, 3, 5, 10)
HERE = Path(__file__).parent


def main() -> None:
    """Solve each depth, print the winners, draw both pictures."""
    solutions = [optima.solve(optima.DeepUFM(CLASSES, depth, REG)) for depth in DEPTHS]
    for depth, solution in zip(DEPTHS, solutions, strict=True):
        spectrum = np.array2string(solution.singular_values, precision=4)
        print(f"L = {depth}: loss {solution.loss:.10g}, {solution.structure}, singular values {spectrum}")
    for name, figure in (("codes", plot_codes(solutions)), ("ladder", plot_ladder(solutions[DEPTHS.index(3)]))):
        for ending in ("png", "pdf"):
            write_figure(figure, HERE / f"{name}.{ending}")


if __name__ == "__main__":
    main()
