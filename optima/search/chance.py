"""How often ten times the work improves on a search like this one: measured on cells of all kinds, not modelled."""

from __future__ import annotations

import math

from optima.model import DeepUFM

# Searches that met the best minimum: the numbers from which runs are counted together.
PLACES = (0, 1, 4, 8)
# (class sizes, searches that met the best minimum) -> runs, and those on which the best of ten seeds improved.
TABLE: dict[tuple[str, int], tuple[int, int]] = {
    ("equal", 1): (42, 0),
    ("equal", 4): (42, 0),
    ("equal", 8): (216, 0),
    ("unequal", 4): (9, 0),
    ("unequal", 8): (291, 0),
}
# Most classes of the cells that were measured.
LARGEST = {"equal": 48, "unequal": 26}
# Fewest runs that tell something.
FEWEST = 20


def chance(problem: DeepUFM, hits: int) -> float:
    """At most how often (with 95 % confidence) the best of ten seeds improved on runs like this one.

    ``hits`` is how many searches met the best minimum. nan where the table cannot tell: more classes than were
    measured, or too few runs. Source: tests/benchmarks/chance.md, made by bench_chance.py.
    """
    kind = "equal" if problem.balanced else "unequal"
    runs, improved = TABLE.get((kind, place(hits)), (0, 0))
    if problem.classes > LARGEST[kind] or runs < FEWEST:
        return math.nan
    return upper_limit(runs, improved)


def place(hits: int) -> int:
    """The number from which ``hits`` are counted together."""
    return max(start for start in PLACES if start <= hits)


def upper_limit(runs: int, improved: int) -> float:
    """Upper end of the 95 % Wilson interval of a share (one-sided, z = 1.645)."""
    z = 1.6448536269514722
    centre = improved + z * z / 2
    spread = z * math.sqrt(improved * (runs - improved) / runs + z * z / 4)
    return (centre + spread) / (runs + z * z)
