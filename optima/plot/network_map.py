"""Maps of the best relu networks known: how far below collapse, with their names and middle ranks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import PowerNorm
from matplotlib.lines import Line2D

from optima.plot.figure import Figure, defaults
from optima.plot.numbers import number
from optima.plot.ranks import ink

# Light to dark; below its darkest part black lines are seen.
COLOURS = colormaps["YlGnBu"]
LINE = "#c0392b"
# Of names that are too long for a cell.
CUT = {"unnamed": "", "collapse": "DNC", "hinged-pairs": "pairs", "triangle": "tri.", "subsets": "sub.", "zero": "0"}

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Lines:
    """The least K at which collapse loses, by depth, as a line in the map."""

    source: str
    least: Mapping[int, int]
    style: Literal["-", "--"]

    def words(self, depths: Sequence[int]) -> str:
        """``here: L = 3 from K = 7, L = 4 to 8 from K = 3``, equal neighbours joined."""
        parts: list[tuple[int, int, int]] = []
        for L, K in sorted(self.reached(depths).items()):
            if parts and parts[-1][1:] == (L - 1, K):
                parts[-1] = (parts[-1][0], L, K)
            else:
                parts.append((L, L, K))
        spans = [f"L = {a}" if a == b else f"L = {a} to {b}" for a, b, _ in parts]
        return f"{self.source}: " + ", ".join(
            f"{span} from K = {K}" for span, (_, _, K) in zip(spans, parts, strict=True)
        )

    def reached(self, depths: Sequence[int]) -> dict[int, int]:
        """The least K at each depth: what is known at one depth holds at larger ones."""
        return {L: min(K for at, K in self.least.items() if at <= L) for L in depths if min(self.least) <= L}


@defaults
def plot_network_map(rows: Sequence[Row], lines: Sequence[Lines]) -> Figure:
    """Classes against depth at one lambda with the lines; beside it depth against lambda for some numbers of classes.

    ``rows`` have the columns map (``"classes"`` or ``"reg"``), classes, depth, reg, best_known, middle_rank and
    below_collapse_percent.
    """
    grid = [row for row in rows if row["map"] == "classes"]
    others = [row for row in rows if row["map"] == "reg"]
    numbers = sorted({row["classes"] for row in others})
    depths = sorted({row["depth"] for row in grid})
    scale = PowerNorm(0.6, 0, max(row["below_collapse_percent"] for row in rows) or 1.0)
    height = max(3.6, 0.46 * len({row["classes"] for row in grid}))
    figure = Figure(figsize=(1.8 * len(depths) + 2.2, height + 1.2), layout="constrained")
    halves = figure.add_gridspec(1, 2)
    left, right = (figure.add_subfigure(halves[0, side]) for side in (0, 1))
    main = left.subplots()
    _draw(main, grid, "classes", "classes $K$", scale)
    for each in lines:
        _draw_line(main, each, sorted({row["classes"] for row in grid}), depths)
    main.set_title(rf"$\lambda = {number(grid[0]['reg'])}$", fontsize=10)
    panels = right.subplots(len(numbers), 1, squeeze=False)[:, 0]
    for axes, K in zip(panels, numbers, strict=True):
        _draw(axes, [row for row in others if row["classes"] == K], "reg", r"$\lambda$", scale)
        axes.set_title(f"$K = {K}$", fontsize=10)
    bar = right.colorbar(ScalarMappable(scale, COLOURS), ax=list(panels), aspect=35, pad=0.02)
    bar.set_label("per cent below the loss of collapse")
    handles = [
        Line2D([], [], color=LINE, linestyle=each.style, linewidth=2.2, label=each.words(depths)) for each in lines
    ]
    figure.legend(handles=handles, title="collapse is not optimal", loc="outside lower left", fontsize=8, frameon=False)
    figure.suptitle(
        "Best relu network known, squared error, $n = 1$: collapse (DNC), or another with its name, where it has one,\n"
        "its middle rank, and by how many per cent its loss is below that of collapse",
        fontsize=10,
    )
    return figure


def _draw(axes: Axes, rows: Sequence[Row], vertical: str, label: str, scale: PowerNorm) -> None:
    """Depth to the right, ``vertical`` upwards, a cell for each row."""
    depths, values = sorted({row["depth"] for row in rows}), sorted({row[vertical] for row in rows})
    shares = np.full((len(values), len(depths)), np.nan)
    for row in rows:
        i, j = values.index(row[vertical]), depths.index(row["depth"])
        shares[i, j] = row["below_collapse_percent"]
        colour = COLOURS(scale(shares[i, j]))
        axes.text(j, i, _words(row), ha="center", va="center", fontsize=6.5, color=ink(colour[:3]))
    axes.imshow(shares, cmap=COLOURS, norm=scale, origin="lower", aspect="auto")
    axes.set_xticks(range(len(depths)), [str(L) for L in depths])
    texts = [f"${number(value)}$" if vertical == "reg" else str(value) for value in values]
    axes.set_yticks(range(len(values)), texts)
    axes.set(xlabel="depth $L$", ylabel=label)


def _words(row: Row) -> str:
    name = row["best_known"]
    for word, cut in CUT.items():
        name = name.replace(word, cut)
    name = name.replace("+DNC", "\n+DNC") if len(name) > 11 else name
    share, rank = row["below_collapse_percent"], row["middle_rank"]
    if name in ("DNC", "0"):
        return str(name)
    return f"{name}\n{rank}: {share:.3g} %".strip() if name else f"{rank}: {share:.3g} %"


def _draw_line(axes: Axes, lines: Lines, classes: Sequence[int], depths: Sequence[int]) -> None:
    """Below it collapse is not beaten; depths without a line, or with one above the map, have none."""
    places = {L: sum(each < K for each in classes) - 0.5 for L, K in lines.reached(depths).items() if classes[-1] >= K}
    x, y = [], []
    for L, place in sorted(places.items()):
        j = depths.index(L)
        x += [j - 0.5, j + 0.5]
        y += [place, place]
    if x:
        x, y = [x[0], *x], [len(classes) - 0.5, *y]
    axes.plot(x, y, color=LINE, linestyle=lines.style, linewidth=2.2, clip_on=False)
    axes.set_ylim(-0.62, len(classes) - 0.5)
