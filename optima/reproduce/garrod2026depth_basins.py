"""garrod2026depth, in settings of our own: basins of collapse that shrink with depth."""

from __future__ import annotations

from optima.dynamics import basin
from optima.plot.basin import plot_basins
from optima.progress import Part
from optima.reproduce.figure import Reproduction, Workplace

CLASSES, DEPTHS, STARTS, SPREAD, TRIALS = 8, (1, 2, 3, 4, 5, 7, 10), (0.01, 0.1, 1.0), 0.05, 2000
QUICK_DEPTHS, QUICK_TRIALS = (2, 4), 50


def _make(place: Workplace) -> None:
    depths, trials = (QUICK_DEPTHS, QUICK_TRIALS) if place.quick else (DEPTHS, TRIALS)
    found = []
    for L in depths:
        for start in STARTS:
            found.append(basin(CLASSES, L, start, spread=SPREAD, trials=trials))
            place.tell(Part(len(found), len(depths) * len(STARTS)))
    names = ("classes", "depth", "start", "separatrix", "late_limit")
    place.table([{name: getattr(b, name) for name in names} | b.chances[0].as_dict() for b in found])
    place.picture(plot_basins(found))


figure = Reproduction("garrod2026depth.basins", "basins of neural collapse that shrink with depth", _make)
