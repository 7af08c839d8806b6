"""garrod2026depth, in settings of our own: repulsion of nearly equal singular values, and the law it follows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from optima.dynamics import critical_scale, deviation_growth, flow
from optima.model import DeepUFM
from optima.plot.figure import Figure, defaults
from optima.reproduce.figure import Reproduction, Workplace
from optima.reproduce.rows import Row

CLASSES = 8
# The start of the flows whose repulsion is shown, their depths, and the margin at which they end.
NEARLY, SHOWN, MARGIN = 0.2 * (1 + 0.01 * np.array([1.0, -0.5, 0.3, 0.0, -0.4, -0.7, 0.3])), (1, 2, 3, 6), 40.0


def _make(place: Workplace) -> None:
    rows = []
    for L in SHOWN[:2] if place.quick else SHOWN:
        run = flow(DeepUFM(CLASSES, L, 0.0), NEARLY, until={"margin": MARGIN}, group=(2, 2, 2))
        assert run.zeta is not None
        mean = run.zeta.mean(axis=1)
        spread = run.zeta.std(axis=1) / mean
        predicted = spread[0] * deviation_growth(mean, mean[0], CLASSES, L)
        for t, rho, now, law in zip(run.log_times, mean, spread, predicted, strict=True):
            rows.append({"depth": L, "log_time": float(t), "mean": float(rho), "spread": float(now), "law": float(law)})
    place.table(rows)
    place.picture(_draw(rows))


@defaults
def _draw(rows: Sequence[Row]) -> Figure:
    depths = sorted({row["depth"] for row in rows})
    figure = Figure(figsize=(3.1 * len(depths), 3.6), layout="constrained")
    figure.suptitle(f"Repulsion of nearly equal singular values without regularisation, $K = {CLASSES}$")
    for axes, L in zip(figure.subplots(1, len(depths), sharey=True, squeeze=False)[0], depths, strict=True):
        own = [row for row in rows if row["depth"] == L]
        mean = [row["mean"] for row in own]
        axes.plot(mean, [row["spread"] for row in own], color="#00204c", label="exact flow")
        axes.plot(mean, [row["law"] for row in own], color="#d9b500", linestyle="--", label="first-order law")
        if L > 1:
            axes.axvline(critical_scale(CLASSES, L), color="0.4", linestyle=":", label=r"$\rho^* = K\frac{L-1}{L+1}$")
        axes.set(xscale="log", yscale="log", xlabel=r"mean singular value $\rho$", ylim=(1e-4, 0.2))
        axes.set_title(f"$L = {L}$", fontsize=9)
        axes.legend(fontsize=7, frameon=False, loc="lower left")
    figure.axes[0].set_ylabel("relative spread")
    return figure


figure = Reproduction("garrod2026depth.repulsion", "repulsion of singular values, against its law", _make)
