"""garrod2026depth, in settings of our own: minima for lambda -> 0 beside limits of training without regularisation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib import colormaps

from optima.dynamics import effective_rank, flow
from optima.dynamics.collapse import basis
from optima.model import Array, DeepUFM
from optima.plot.figure import Figure, defaults
from optima.progress import Part
from optima.reduction import balanced_factors, exponent
from optima.reproduce.figure import Reproduction, Workplace
from optima.reproduce.garrod2026depth_width import POINTED, interval
from optima.reproduce.rows import Row
from optima.search.heading import direction_of
from optima.search.interior_point import SMALL_GAP, norm, solve_margins
from optima.search.max_margin import MaxMargin, max_margin
from optima.structures.group import Group
from optima.structures.recognition import recognise

CLASSES, DEPTHS, SEEDS = tuple(range(3, 17)), (1, 2, 4), 5
QUICK: tuple[tuple[int, ...], tuple[int, ...], int] = ((3, 4), (1, 3), 2)
# Size of the starts, spread of the logarithms of those in characters, and where and how exactly flows end.
START, SPREAD, MARGIN, TOLERANCE = 0.01, 0.3, 100.0, 1e-6
KINDS = {"any": "Gaussian logits", "characters": "values in characters"}


def _make(place: Workplace) -> None:
    classes, depths, seeds = QUICK if place.quick else (CLASSES, DEPTHS, SEEDS)
    rows: list[Row] = []
    for K in classes:
        for L in depths:
            best = max_margin(K, L, effort="quick")
            rows += [_row(best, kind, seed) for kind in KINDS for seed in range(seeds)]
            place.tell(Part(len(rows), len(classes) * len(depths) * len(KINDS) * seeds))
    place.table(rows)
    place.picture(_draw(rows))


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
    rng, problem, until = np.random.default_rng(seed), DeepUFM(classes, depth, 0.0), {"margin": MARGIN}
    if kind == "characters":
        orders = basis(classes)
        start = START * np.exp(SPREAD * rng.standard_normal(Group.of(orders, classes).multiplicity.size))
        run = flow(problem, start, until=until, group=orders, tolerance=TOLERANCE)
    else:
        run = flow(problem, START * rng.standard_normal((classes, classes)), until=until, tolerance=TOLERANCE)
    return direction_of(run.means)[0]


@defaults
def _draw(rows: Sequence[Row]) -> Figure:
    depths = sorted({row["depth"] for row in rows})
    classes = sorted({row["classes"] for row in rows})
    figure = Figure(figsize=(3.4 * len(depths), 6.4), layout="constrained")
    figure.suptitle(r"Minima for $\lambda \to 0$ beside training without regularisation to margin 100")
    panels = figure.subplots(2, len(depths), sharex=True, sharey="row", squeeze=False)
    for L, (top, bottom) in zip(depths, panels.T, strict=True):
        own = [row for row in rows if row["depth"] == L]
        best = [next(row["best_effective_rank"] for row in own if row["classes"] == K) for K in classes]
        top.plot(classes, best, color="0.3", marker="s", markersize=4, label=r"best code, $\lambda \to 0$")
        for kind, shade, aside in zip(KINDS, (0.0, 0.75), (-0.1, 0.1), strict=True):
            places = np.array(classes) + aside
            for axes, name, factor in ((top, "effective_rank", 1.0), (bottom, "code_excess", 100.0)):
                found = [
                    factor * np.array([r[name] for r in own if (r["classes"], r["start"]) == (K, kind)])
                    for K in classes
                ]
                means, halves = zip(*map(interval, found), strict=True)
                color = colormaps["cividis"](shade)
                axes.errorbar(places, means, halves, color=color, label=f"flows from {KINDS[kind]}", **POINTED)
        top.set_title(f"$L = {L}$", fontsize=9)
        bottom.axhline(0.0, color="0.3", linewidth=1)
        bottom.set(xlabel="classes $K$", xticks=classes[:: max(1, len(classes) // 6)])
    panels[0, 0].set(ylabel="effective rank")
    panels[1, 0].set(ylabel="value of the code reached\nabove the best, %")
    panels[0, 0].legend(fontsize=7, frameon=False, loc="upper left")
    return figure


figure = Reproduction(
    "garrod2026depth.limits", "best codes for lambda -> 0 beside where flows go, rank against depth", _make
)
