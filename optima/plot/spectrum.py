"""A spectrum as a picture: each eigenvalue with how often it occurs, outliers apart from the bulk."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from optima.plot.figure import Figure, defaults
from optima.plot.numbers import settings

if TYPE_CHECKING:
    from optima.spectra.result import KnownSpectrum

# Up to so many different values each is a stem with its number.
STEMS = 12
# Share of the whole range from which on two values are apart.
NEAR = 0.09
# Share of the largest eigenvalue up to which one is zero, where the axis has none.
ZERO = 1e-12
OUTLIERS, BULK = "#b5367a", "#707070"


@defaults
def plot_spectrum(found: KnownSpectrum) -> Figure:
    """Stems of the multiplicities, or all eigenvalues in order where there are many."""
    figure = Figure(figsize=(7.5, 4.2), layout="constrained")
    axes = figure.subplots()
    (_stems if len(found.eigenvalues) <= STEMS else _ordered)(axes, found)
    figure.suptitle(re.sub(r"\bW_(\d+)", r"$W_{\1}$", found.title), fontsize=11)
    axes.set_title(settings(found.problem), fontsize=9)
    return figure


def _stems(axes: Any, found: KnownSpectrum) -> None:
    values = np.array([each.value for each in found.eigenvalues])[::-1]
    counts = np.array([each.multiplicity for each in found.eigenvalues])[::-1]
    span = float(np.ptp(values)) or abs(found.top) or 1.0
    # Where their numbers would lie on each other, values stand side by side.
    apart = bool(np.all(np.diff(values) >= NEAR * span))
    places = values if apart else np.arange(values.size, dtype=float)
    outliers = np.isin(values, [each.value for each in found.outliers]) | (found.layer == "all")
    for chosen, colour, label in ((outliers, OUTLIERS, "above the bulk"), (~outliers, BULK, "bulk")):
        if chosen.any():
            axes.vlines(places[chosen], 0.5, counts[chosen], color=colour, lw=2)
            axes.plot(places[chosen], counts[chosen], "o", color=colour, label=label)
    for place, value, count in zip(places, values, counts, strict=True):
        words = f"{value:.5g}\n{count} x"
        axes.annotate(words, (place, count), (0, 7), textcoords="offset points", ha="center", fontsize=8)
    axes.set_yscale("log")
    axes.set_ylim(0.5, 8 * counts.max())
    margin = 0.12 * span if apart else 0.6
    axes.set_xlim(places.min() - margin, places.max() + margin)
    if not apart:
        axes.set_xticks(places, [f"{value:.4g}" for value in values], rotation=30, ha="right")
    axes.set_xlabel("eigenvalue" if apart else "eigenvalue, in order and not to scale")
    axes.set_ylabel("multiplicity")
    if outliers.any() and not outliers.all():
        axes.legend(frameon=False, fontsize=9, loc="upper center", ncols=2)


def _ordered(axes: Any, found: KnownSpectrum) -> None:
    values = found.values
    # What rounding leaves of zero is not shown.
    positive, negative = values > ZERO * values.max(), values < -ZERO * values.max()
    places = np.arange(1, values.size + 1)
    axes.plot(places[positive], values[positive], ".", ms=3, color=OUTLIERS, label="positive")
    if negative.any():
        axes.plot(places[negative], -values[negative], ".", ms=3, color=BULK, label="negative, with its sign changed")
        axes.legend(frameon=False, fontsize=9)
    axes.set_yscale("log")
    axes.set_xscale("log")
    axes.set_xlabel(f"number of the eigenvalue, of {found.order}")
    axes.set_ylabel("eigenvalue")
