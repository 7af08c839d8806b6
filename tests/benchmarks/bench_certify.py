"""Certified global minima with two, three and four classes, and lower bounds with more; writes a Markdown table.

python tests/benchmarks/bench_certify.py --minutes-four 10 --out tests/benchmarks/certificates.md

Seconds are those of the proof by the clock, without the search for the minimum; they depend on what else the machine
does. Lower bounds are rounded down and upper bounds up. Every certificate is proved again by the independent checker,
those of two and three classes also in ball arithmetic.
"""

from __future__ import annotations

import argparse
import datetime
import decimal
import os
import platform
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import flint
import numpy as np
import scipy

from optima import DeepUFM, Solution, certify, solve
from optima.model import Array
from optima.proofs.form import ConvexConcave
from optima.proofs.small_problems import search_of, upper_bound

DEPTHS = tuple(range(2, 11))
REGS = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5)
GAP = 1e-6
FOUR = [(L, reg, 1e-2) for L in (2, 3, 5, 10) for reg in REGS]
FOUR += [(L, reg, 1e-3) for L in (2, 3, 5) for reg in (1e-2, 1e-3)]
GROWTH = [(3, 3, 1e-3), (3, 5, 1e-1), (4, 2, 1e-3)]
GROWTH_MINUTES = 0.5
GAPS = tuple(10.0**-e for e in range(2, 10))
MANY = [(K, L) for K in (5, 10, 20, 100) for L in (2, 3, 5)]
MANY_REG = 1e-3


FEW = "L | lambda | lower | upper | gap | structure | boxes | s | verified | in ball arithmetic"
SIX = (
    "gap asked for | L | lambda | lower | upper | gap | structure | boxes | s | verified | s of the checker "
    "| gap by three classes"
)
GROW = "K | L | lambda | gap asked for | gap | boxes | s"
GENERAL = (
    "K | L | loss | structure | gap by one direction | three classes | four classes | s of these | lower | all verified"
)

GROWTH_TEXT = (
    "Where the minimum has full rank, a neighbourhood of it is left out by a curvature argument, and the boxes stop "
    "growing as the gap falls. At K = 3, L = 5, lambda = 0.1 it has rank one, and there is no such neighbourhood: "
    f"there they grow with the logarithm of the gap. A proof was stopped after {GROWTH_MINUTES:g} minutes at most."
)
MANY_TEXT = (
    "The minima are the best of a quick search and not certified. Every solution carries the bound by one direction; "
    "`certify` proves problems of three and of four classes, to 1e-4 and 1e-2, whose minima bound that of K classes."
)
FOUR_TEXT = "The last column is the gap by the problem of three classes."


def few_classes(classes: int) -> tuple[list[str], str]:
    """A row for every depth and lambda, and the summary of them all."""
    rows, gaps, seconds, failed = [], [], [], 0
    for L in DEPTHS:
        for reg in REGS:
            solution = certify(DeepUFM(classes, L, reg), gap=GAP)
            proof = solution.certificate
            checks = proof.verify(), proof.verify(intervals=True)
            failed += not all(checks)
            gaps.append(proof.gap)
            seconds.append(proof.seconds)
            rows.append(f"{bounds(solution)} | {yes(checks[0])} | {yes(checks[1])} |")
    summary = (
        f"{len(rows)} problems: largest gap {max(gaps):.2e}, largest time {max(seconds):.2f} s, {failed} not verified."
    )
    print(classes, summary, flush=True)
    return rows, summary


def four_classes(minutes: float) -> Iterator[str]:
    """What is reached with four classes in some minutes each."""
    for L, reg, gap in FOUR:
        solution = certify(DeepUFM(4, L, reg), gap=gap, minutes=minutes)
        start = time.perf_counter()
        check = solution.certificate.verify()
        seconds = time.perf_counter() - start
        row = f"| {gap:.0e} {bounds(solution)} | {yes(check)} | {seconds:.1f} | {three_class_gap(solution):.3f} |"
        print(row, flush=True)
        yield row


def three_class_gap(solution: Solution) -> float:
    """Gap by the problem of three classes alone, proved to 1e-3 of it."""
    part = ConvexConcave.of(solution.problem).subsample(3)
    search = search_of(part, upper_bound(part), 1e-3)
    search.run(20_000)
    return 1 - search.bound / solution.loss


def growth(classes: int, depth: int, reg: float) -> Iterator[str]:
    """Boxes and seconds for smaller and smaller gaps."""
    solution = solve(DeepUFM(classes, depth, reg))
    for gap in GAPS:
        proof = certify(solution, gap=gap, minutes=GROWTH_MINUTES).certificate
        reached = f"{gap:.0e} | {proof.gap:.1e} | {boxes(proof.data)} | {proof.seconds:.2f}"
        yield f"| {classes} | {depth} | {reg:g} | {reached} |"


def many_classes(minutes: float) -> Iterator[str]:
    """Lower bounds that hold for any number of classes, against the best minimum of a quick search."""
    for K, L in MANY:
        solution = solve(DeepUFM(K, L, MANY_REG), effort="quick")
        cheap = solution.certificate
        three = certify(solution, gap=1e-3, minutes=minutes, intervals=True).certificate
        four = certify(solution, gap=1e-3, minutes=minutes).certificate
        checked = all(proof.verify() for proof in (cheap, three, four))
        gaps = " | ".join(f"{proof.gap:.3f}" for proof in (cheap, three, four))
        times = f"{three.seconds:.1f}, {four.seconds:.1f}"
        row = (
            f"| {K} | {L} | {up(solution.loss)} | {name(solution)} | {gaps} | {times} "
            f"| {down(four.lower)} | {yes(checked)} |"
        )
        print(row, flush=True)
        yield row


def bounds(solution: Solution) -> str:
    """Columns of a certificate that all tables of searched problems share."""
    proof, problem = solution.certificate, solution.problem
    return (
        f"| {problem.depth} | {problem.reg:g} | {down(proof.lower)} | {up(proof.upper)} | {proof.gap:.1e} "
        f"| {name(solution)} | {boxes(proof.data)} | {proof.seconds:.2f}"
    )


def name(solution: Solution) -> str:
    """The structure without its distance."""
    return solution.structure.split(" (")[0]


def boxes(data: Mapping[str, Array]) -> int:
    """Boxes of a proof, split ones included."""
    return int(data["axis"].size)


def yes(check: object) -> str:
    """A verification in a word."""
    return "yes" if check else "no"


def down(value: float, digits: int = 10) -> str:
    """Decimal number at most ``value``."""
    return _rounded(value, digits, decimal.ROUND_FLOOR)


def up(value: float, digits: int = 10) -> str:
    """Decimal number at least ``value``."""
    return _rounded(value, digits, decimal.ROUND_CEILING)


def _rounded(value: float, digits: int, rounding: str) -> str:
    return str(decimal.Context(prec=digits, rounding=rounding).create_decimal_from_float(value))


def table(head: str, rows: list[str]) -> str:
    """A Markdown table."""
    return "\n".join([f"| {head} |", "|---" * (head.count("|") + 1) + "|", *rows])


def header(options: argparse.Namespace) -> str:
    """What the tables are and what they were made on."""
    return f"""# Certified minima

Made by `python tests/benchmarks/bench_certify.py --minutes-four {options.minutes_four:g} --minutes-many \
{options.minutes_many:g} --out ...` on {datetime.date.today()}; Python {platform.python_version()}, \
numpy {np.__version__}, scipy {scipy.__version__}, python-flint {flint.__version__}, {platform.machine()}, \
{os.cpu_count()} cores shared with other work. Cross-entropy, n = 1, one lambda. No parameters have a loss below \
`lower`, and the best known have `upper`; lower bounds are rounded down and upper bounds up. Boxes are all that were \
bounded, split ones included; seconds are those of the proof. The search bounds in floating point; the checker proves \
each certificate again, in floating point and (last column) in ball arithmetic."""


def main() -> None:
    """Prove everything, and write the tables as they grow."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes-four", type=float, default=10.0, help="for each problem of four classes")
    parser.add_argument("--minutes-many", type=float, default=1.0, help="for each problem of five or more classes")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    parts = [header(options)]

    def add(title: str, text: str, head: str, rows: list[str]) -> None:
        parts.append(f"## {title}\n\n{text}\n\n{table(head, rows)}")
        options.out.write_text("\n\n".join(parts) + "\n")

    certify(DeepUFM(2, 2, 0.1))
    for K, word in ((2, "Two"), (3, "Three")):
        rows, summary = few_classes(K)
        add(f"{word} classes", summary, FEW, rows)
    rows = [row for cell in GROWTH for row in growth(*cell)]
    add("Boxes against the gap", GROWTH_TEXT, GROW, rows)
    add(f"More classes, lambda = {MANY_REG:g}", MANY_TEXT, GENERAL, list(many_classes(options.minutes_many)))
    text = f"At most {options.minutes_four:g} minutes each. {FOUR_TEXT}"
    add("Four classes", text, SIX, list(four_classes(options.minutes_four)))


if __name__ == "__main__":
    main()
