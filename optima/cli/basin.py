"""``optima basin``: which starts collapse without regularisation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

from optima.cli import options, parse
from optima.cli.declared import file, integer, numbers, typed
from optima.cli.terminal import bar, show
from optima.cli.terminal import width as screen_width
from optima.limits import check_cells
from optima.progress import Part


def _spreads(text: str, name: str) -> list[float]:
    return [parse.positive_real(part, name, zero=True) for part in text.split(",")]


def basin(
    classes: options.Classes,
    depth: options.DepthGrid,
    start: Annotated[list[float], numbers("Leading singular values rho_0 of the start: numbers, lo:hi:count.")],
    size: Annotated[
        int | None, integer("Classes in a group that the leading values tell apart; default the least.", least=2)
    ] = None,
    spread: Annotated[
        list[float] | None, typed("NUMBERS", _spreads, "Also P(collapse) from random starts of these spreads.")
    ] = None,
    trials: Annotated[int, integer("How many random starts.")] = 1000,
    seed: options.Seed = 0,
    group: Annotated[
        tuple[int, ...] | None,
        typed(
            "GROUP",
            options.group_orders,
            "Cyclic group of the random starts' characters, such as 8, or a product, such as 2x4.",
        ),
    ] = None,
    plot: Annotated[Path | None, file("Draw the shrinking basins to this file.")] = None,
    as_json: options.AsJson = False,
    force: options.Force = False,
) -> None:
    """Training without regularisation: which balanced starts end at neural collapse, and how depth shrinks them."""
    from optima.dynamics.basin import basin as compute
    from optima.report.basin import COLUMNS, PLAIN, basin_rows, basin_text, basins_title

    options.check_picture(plot, force)
    check_cells(len(depth) * len(start))
    found = []
    with bar("starts") as tell:
        for L in depth:
            for rho in start:
                found.append(
                    compute(classes, L, rho, size=size, spread=spread or (), trials=trials, seed=seed, group=group)
                )
                tell(Part(len(found), len(depth) * len(start)))
    if plot is not None:
        from optima.plot.basin import plot_basins
        from optima.plot.picture import write_figure

        write_figure(plot_basins(found, size), plot)
    if as_json:
        cells = [each.as_dict() for each in found]
        print(json.dumps(cells[0] if len(cells) == 1 else {"cells": cells}, allow_nan=False))
    elif len(found) == 1:
        print(basin_text(found[0], screen_width()))
    else:
        rows = basin_rows(found)
        show(COLUMNS[: PLAIN if not spread else None], rows, basins_title(found[0]))
