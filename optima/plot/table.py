"""Who wins on a grid: which structure costs least for each number of classes and each depth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Patch, Rectangle

from optima.plot.figure import Figure, defaults
from optima.plot.names import short
from optima.plot.numbers import number
from optima.plot.phase import COLLAPSE, LEGEND, SIMPLEX
from optima.plot.ranks import ink, rank_colour
from optima.scales.collapse_loss import collapse_name
from optima.structures import named
from optima.structures.networks import NamedNetwork

if TYPE_CHECKING:
    from optima.tables.table import LossTable

# Inches of a cell, of what is beside the cells of a panel, and letters of a name that fit on one line of a cell.
WIDE, HIGH, BESIDE, LETTERS = 0.74, 0.42, 1.0, 11
# More cells are no picture.
MOST = 2000

Cell = dict[str, Any]


@defaults
def plot_table(table: LossTable) -> Figure:
    """The winner of every cell, and by how many per cent its loss is below that of collapse; a panel for each lambda.

    Colours are ranks, as in every diagram, of relu networks the least of a hidden layer. Only named structures are
    compared: others may cost less.

    Raises ValueError for more than 2000 cells.
    """
    if len(table) > MOST:
        raise ValueError(f"a picture of {len(table):,} cells cannot be read; pass a table of at most {MOST:,}")
    cells = [cell | {"rank": _rank(cell, table.activation)} for batch in table.batches() for cell in batch.to_pylist()]
    panels = [(reg, samples) for samples in table.samples for reg in table.regs]
    across, down = len(table.depths), len(table.classes)
    size = (len(panels) * (WIDE * across + BESIDE) + 1.2, HIGH * down + 1.3)
    figure = Figure(figsize=size, layout="constrained")
    collapse = collapse_name(table.loss, table.activation)
    grid = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for axes, (reg, samples) in zip(grid, panels, strict=True):
        for cell in (cell for cell in cells if (cell["reg"], cell["samples"]) == (reg, samples)):
            _draw(axes, cell, table.depths.index(cell["depth"]), table.classes.index(cell["classes"]), collapse)
        axes.set_xticks(np.arange(across), [str(depth) for depth in table.depths])
        axes.set_yticks(np.arange(down), [str(classes) for classes in table.classes])
        axes.set(xlabel="depth $L$", xlim=(-0.5, across - 0.5), ylim=(-0.5, down - 0.5))
        axes.set_title(rf"$\lambda = {number(reg)}$, $n = {samples}$", fontsize=9)
    grid[0].set_ylabel("classes $K$")
    figure.suptitle(_title(table, collapse), fontsize=10)
    _explain(figure, cells, collapse, table.activation)
    return figure


def _rank(cell: Cell, activation: str) -> int:
    """Of the logits, or of a relu network the least of a hidden layer; zero where nothing wins."""
    if activation == "linear" or cell["winner"] is None:
        return cell["rank"] or 0
    network = named(cell["winner"], cell["classes"], activation)
    return network.middle_rank(cell["depth"]) if isinstance(network, NamedNetwork) else 0


def _draw(axes: Axes, cell: Cell, column: int, row: int, collapse: str) -> None:
    winner = cell["winner"]
    colour = "white" if winner is None else rank_colour(cell["rank"])
    style = SIMPLEX if winner == collapse else {"edgecolor": "white"}
    axes.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, **({"facecolor": colour} | style)))
    # Words on a hatch have the plain colour behind them.
    box = {"boxstyle": "square,pad=0.1", "facecolor": colour, "edgecolor": "none"}
    words: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": 6, "color": ink(colour), "bbox": box}
    axes.text(column, row, _words(cell, collapse), **words)


def _words(cell: Cell, collapse: str) -> str:
    """The winner, and how far below collapse it is."""
    winner = cell["winner"]
    if winner is None:
        return "none"
    name = short(winner)
    if len(name) > LETTERS:
        # Broken where a word ends, nearest to its middle.
        breaks = [i + 1 for i, letter in enumerate(name[:-1]) if letter in "-+ )"]
        at = min(breaks, key=lambda i: abs(i - len(name) / 2), default=len(name))
        name = f"{name[:at].strip()}\n{name[at:].strip()}".strip()
    against = cell.get(f"loss_{collapse}")
    if against is None or winner in (collapse, "zero"):
        return name
    return f"{name}\n{100 * (1 - cell['loss'] / against):.2g} %"


def _title(table: LossTable, collapse: str) -> str:
    words = [] if table.loss == "ce" else ["squared error"]
    words += ["ReLU"] if table.activation == "relu" else []
    kind = f" ({', '.join(words)})" if words else ""
    name = collapse if collapse == "collapse" else f"collapse ({collapse})"
    below = f",\nand by how many per cent it is below {name}" if collapse in table.names else ""
    return f"Named {'network' if table.activation == 'relu' else 'structure'} of least loss{kind}{below}"


def _explain(figure: Figure, cells: Sequence[Cell], collapse: str, activation: str) -> None:
    """The legend of ranks; that of collapse changes with K, and has a hatch instead."""
    ranks = {cell["rank"] for cell in cells if cell["winner"] not in (None, collapse)}
    handles = [Patch(facecolor=rank_colour(rank), label=str(rank)) for rank in sorted(ranks, reverse=True)]
    if collapse in COLLAPSE and any(cell["winner"] == collapse for cell in cells):
        handles.append(Patch(**({"facecolor": "0.5", "label": COLLAPSE[collapse]} | SIMPLEX)))
    title = "rank of the logits" if activation == "linear" else "least rank of\na hidden layer"
    figure.legend(handles=handles, title=title, loc="outside right center", **LEGEND)
