"""ReLU networks that are invariant under a group, against the best of all; writes a Markdown table.

python tests/benchmarks/bench_invariant.py --cells 3x4,4x3,4x4 --neurons 8 --out tests/benchmarks/bench_invariant.md

Squared error at lambda = 1e-3, n = 1. Every kind of ``optima.relu.invariant.kinds`` (a transitive group on all
classes or all but one or two, neurons that are one orbit of small sets of classes or two) is solved by descents in its
few unknowns, until four of them end at the best or 64 were made; the best kind is finished by Newton's method among all
networks. ``neurons`` is the most in a layer. The search is ``optima.solve`` at quick effort.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from optima import DeepUFM, solve
from optima.relu.finish import finish_network
from optima.relu.invariant import kinds, least
from optima.relu.names import recognise_network
from optima.structures.networks import network_catalogue

REG = 1e-3
HEADS = tuple(
    "K L kinds descents invariant group stem last unknowns hits finished verdict name search above".split()  # noqa: SIM905
)


def row(classes: int, depth: int, neurons: int) -> list[str]:
    """One cell."""
    problem = DeepUFM(classes, depth, REG, loss="mse", activation="relu")
    found = [(kind, end) for kind in kinds(problem, neurons) if (end := least(problem, kind)) is not None]
    kind, best = min(found, key=lambda each: each[1].loss)
    end = finish_network(best.network)
    name = recognise_network(end.network, network_catalogue(classes, "mse", depth)).label
    other = solve(problem, effort="quick").loss
    counts = [str(len(found)), str(sum(each.descents for _, each in found))]
    about = [kind.group, *map(str, kind.neurons), str(best.unknowns), f"{best.hits} of {best.descents}"]
    finished = [f"{end.network.loss:.12g}", end.verdict, name, f"{other:.12g}"]
    above = f"{100 * (end.network.loss / other - 1):.3f} %"
    return [str(classes), str(depth), *counts, f"{best.loss:.8g}", *about, *finished, above]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--cells", default="3x4,4x3,4x4")
    parser.add_argument("--neurons", type=int, default=8)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    rows = []
    for cell in given.cells.split(","):
        rows.append(row(*map(int, cell.split("x")), given.neurons))
        print(rows[-1], flush=True)
    lines = [f"| {' | '.join(each)} |" for each in (HEADS, ["---"] * len(HEADS), *rows)]
    command = f"python tests/benchmarks/bench_invariant.py --cells {given.cells} --neurons {given.neurons}"
    text = "\n".join(
        ["# Invariant relu networks", "", f"`{command}`; squared error, lambda = {REG}, n = 1.", "", *lines]
    )
    if given.out:
        given.out.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
