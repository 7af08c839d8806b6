"""Flows without regularisation beside the best codes for lambda -> 0: rows of two figures of garrod2026depth."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import product

import numpy as np

from optima.dynamics import effective_rank, flow
from optima.dynamics.starts import character_start, gaussian_logits
from optima.model import Array, DeepUFM
from optima.progress import Part
from optima.reduction import balanced_factors, exponent
from optima.reproduce.figure import Workplace
from optima.reproduce.rows import Row, read, write
from optima.reproduce.spread import median_and_range
from optima.search.heading import direction_of
from optima.search.interior_point import SMALL_GAP, norm, solve_margins
from optima.search.max_margin import MaxMargin, max_margin
from optima.structures.recognition import recognise

CLASSES, DEPTHS, SEEDS = tuple(range(3, 17)), (1, 2, 3, 4, 6, 10), 5
QUICK: tuple[tuple[int, ...], tuple[int, ...], int] = ((3, 4), (1, 3), 2)
# Size of the starts, spread of the logarithms of those in characters, and where and how exactly flows end.
START, SPREAD, MARGIN, TOLERANCE = 0.01, 0.3, 500.0, 1e-6
KINDS = {"any": "Gaussian logits", "characters": "values in characters"}
KEYS = ("classes", "depth", "start", "seed")


def flows_and_codes(place: Workplace) -> tuple[list[Row], list[Row]]:
    """One row for each flow, and one for each best code of a rank.

    They are kept in files of their own beside the figures; whatever needs them next reads them there, and what is not
    there, of any K and L, is made and written at once. Removing them has them made again.
    """
    classes, depths, seeds = QUICK if place.quick else (CLASSES, DEPTHS, SEEDS)
    ending = f"{'.quick' if place.quick else ''}.csv"
    files = [place.folder / f"garrod2026depth.{name}{ending}" for name in ("flows", "codes")]
    kept = [read(file) for file in files] if all(file.exists() for file in files) else [[], []]
    cells, parts = list(product(classes, depths)), []
    for cell in cells:
        part = [[row for row in rows if (row["classes"], row["depth"]) == cell] for rows in kept]
        keys = [(*cell, kind, seed) for kind in KINDS for seed in range(seeds)]
        parts.append(part if [tuple(row.get(name) for name in KEYS) for row in part[0]] == keys else [[], []])
    missing = [number for number, part in enumerate(parts) if not part[0]]
    for number, (K, L) in enumerate(cells):
        if number in missing:
            best = max_margin(K, L)
            rungs = [{"classes": K, "depth": L, "rank": r, "value": v, "code": name} for r, v, name in best.ladder]
            parts[number] = [[_row(best, kind, seed) for kind in KINDS for seed in range(seeds)], rungs]
            for file, rows in zip(files, zip(*parts, strict=True), strict=True):
                write(file, [row for part in rows for row in part])
        place.tell(Part(number + 1, len(cells)))
    flows, codes = ([row for part in rows for row in part] for rows in zip(*parts, strict=True))
    if missing:
        place.table(flows, files[0])
        place.table(codes, files[1])
    return flows, codes


def summary(rows: Sequence[Row]) -> list[Row]:
    """One row for each K, L and kind of start: the best code, the codes reached, medians and ranges."""
    found = []
    for K, L, kind in dict.fromkeys((row["classes"], row["depth"], row["start"]) for row in rows):
        own = [row for row in rows if (row["classes"], row["depth"], row["start"]) == (K, L, kind)]
        row = {name: own[0][name] for name in own[0] if name in (*KEYS[:3], "best") or name.startswith("best_")}
        codes = Counter(each["code"] for each in own)
        row |= {"flows": len(own), "codes": ", ".join(f"{name} ({count})" for name, count in codes.most_common())}
        row["ranks"] = " ".join(map(str, sorted({each["rank"] for each in own})))
        for name in ("effective_rank", "code_excess"):
            values = median_and_range([each[name] for each in own])
            row |= {f"{name}_{what}": x for what, x in zip(("median", "least", "largest"), values, strict=True)}
        found.append(row)
    return found


def _row(best: MaxMargin, kind: str, seed: int) -> Row:
    """One flow beside the best code: its direction at the end, and the code of its rank reached from there."""
    K, p = best.classes, float(exponent(best.depth))
    direction = _direction(K, int(best.depth), kind, seed)
    s = np.asarray(np.linalg.svd(direction, compute_uv=False), dtype=float)
    recognised = recognise(direction)
    s = s[: recognised.rank]
    value = float(norm(s, p))
    codes = solve_margins(balanced_factors(direction, s.size)[None], np.array([SMALL_GAP]), p)
    A, B = codes.factors[0]
    return {
        "classes": K,
        "depth": int(best.depth),
        "best": best.structure,
        "best_rank": best.rank,
        "best_effective_rank": float(effective_rank(best.singular_values)),
        "best_value": best.value,
        "start": kind,
        "seed": seed,
        "direction": recognised.name,
        "rank": s.size,
        "effective_rank": float(effective_rank(s)),
        "excess": value / best.value - 1,
        "code": recognise(A @ B.T).name,
        "code_excess": float(codes.value[0]) / best.value - 1,
    }


def _direction(classes: int, depth: int, kind: str, seed: int) -> Array:
    """Of the logits at the end of a flow, without the singular values that vanish, at margin one."""
    problem, until = DeepUFM(classes, depth, 0.0), {"margin": MARGIN}
    if kind == "characters":
        start, orders = character_start(problem, START, None, SPREAD, seed)
        run = flow(problem, start, until=until, group=orders, tolerance=TOLERANCE)
    else:
        run = flow(problem, gaussian_logits(problem, START, seed), until=until, tolerance=TOLERANCE)
    return direction_of(run.means)[0]
