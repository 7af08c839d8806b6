"""Who wins on a grid, as one matrix for each lambda: classes down, depths across."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from optima.report.fit_width import BETWEEN, Column, paragraph, table_text
from optima.scales.collapse_loss import collapse_name
from optima.scales.scale import best_scales
from optima.structures import named

if TYPE_CHECKING:
    import pyarrow as pa

    from optima.tables.table import LossTable

# Rows of matrices and depths that are shown at most.
ROWS, DEPTHS = 60, 20
# Codes of the commonest names; others are cut to this many letters a word, or more until all differ.
CODES = {"simplex": "DNC", "pairs": "P", "pairs-free": "Pf", "polygon": "gon", "zero": "0", "frame": "F"}
LETTERS = range(4, 40)
NOBODY = "-"


class Place(NamedTuple):
    """A cell of the grid."""

    classes: int
    depth: int
    reg: float
    samples: int


class Winners:
    """The cells of a table that are shown, gathered from its batches: all, or evenly spread lambdas and the first K."""

    def __init__(self, grid: LossTable) -> None:
        self.grid = grid
        self.classes, self.depths = tuple(grid.classes)[:ROWS], tuple(grid.depths)[:DEPTHS]
        every = [(reg, samples) for samples in grid.samples for reg in grid.regs]
        count = min(len(every), max(1, ROWS // len(self.classes)))
        chosen = np.linspace(0, len(every) - 1, count).round().astype(int) if count > 1 else [0]
        self.blocks = [every[i] for i in chosen]
        self.left_out = len(every) - count, len(grid.classes) - len(self.classes), len(grid.depths) - len(self.depths)
        self.found: dict[Place, tuple[str | None, float]] = {}

    @cached_property
    def cells(self) -> int:
        """How many cells are shown."""
        return len({Place(K, L, *block) for K in self.classes for L in self.depths for block in self.blocks})

    @property
    def complete(self) -> bool:
        """Whether all of them are known."""
        return len(self.found) == self.cells

    def add(self, batch: pa.RecordBatch) -> None:
        """Take the cells of a batch that are shown."""
        import pyarrow as pa

        key = [batch.column(name).to_numpy() for name in ("classes", "depth", "reg", "samples")]
        shown = np.isin(key[0], self.classes) & np.isin(key[1], self.depths)
        shown &= np.any([(key[2] == reg) & (key[3] == samples) for reg, samples in self.blocks], axis=0)
        chosen = batch.filter(pa.array(shown)).select(["classes", "depth", "reg", "samples", "winner", "loss"])
        for cell in chosen.to_pylist():
            place = Place(cell["classes"], cell["depth"], cell["reg"], cell["samples"])
            self.found[place] = cell["winner"], np.nan if cell["loss"] is None else cell["loss"]

    def text(self, limit: int | None) -> str:
        """The matrices with a legend, in lines of at most ``limit`` characters."""
        codes = codes_of({winner for winner, _ in self.found.values() if winner is not None})
        below = self._below_collapse()
        name = collapse_name(self.grid.loss, self.grid.activation)
        itself = f" (the {name})" if name != "collapse" else ""
        meant = {"zero": " (the logits vanish)", name: " (deep neural collapse itself)"}
        lines = [
            f"Who wins: classes K down, depths L across; a number says by how many per cent the winner's loss is below "
            f"that of deep neural collapse{itself}. Named structures only: optima solve looks at all logits, or "
            "networks, and may find better.",
            *self._notes(below),
            "; ".join(f"{code} = {winner}{meant.get(winner, '')}" for winner, code in codes.items() if code != winner),
        ]
        if any(winner is None for winner, _ in self.found.values()):
            lines.append(f"{NOBODY}: none of these structures exists there")
        parts = [paragraph(line, limit) for line in lines if line]
        for block in self.blocks:
            parts += ["", self._title(*block), *self._matrix(block, codes, below, limit)]
        return "\n".join([*parts, *(paragraph(line, limit) for line in self._more())])

    def _title(self, reg: float, samples: int) -> str:
        return f"lambda = {reg:.6g}" + (f", n = {samples}" if len(self.grid.samples) > 1 else "")

    def _matrix(
        self, block: tuple[float, int], codes: dict[str, str], below: dict[Place, float], limit: int | None
    ) -> Iterator[str]:
        """The matrix of a block, in as many pieces, one below the other, as the width asks for."""
        columns = [
            [str(depth), *(self._entry(Place(K, depth, *block), codes, below) for K in self.classes)]
            for depth in self.depths
        ]
        names = [str(K) for K in self.classes]
        for piece in _pieces(columns, max(map(len, [*names, HEAD])), limit):
            heads = [Column(HEAD), *(Column(column[0], right=False) for column in piece)]
            # An empty line between two pieces.
            yield "\n" * (piece[0] is not columns[0]) + table_text(
                heads, list(zip(names, *(column[1:] for column in piece), strict=True))
            )

    def _entry(self, place: Place, codes: dict[str, str], below: dict[Place, float]) -> str:
        winner, _ = self.found[place]
        if winner is None:
            return NOBODY
        if winner in (collapse_name(self.grid.loss, self.grid.activation), "zero") or place not in below:
            return codes[winner]
        share = 100 * below[place]
        return f"{codes[winner]} " + ("<0.1" if 0 <= share < 0.05 else f"{share:.1f}")

    def _below_collapse(self) -> dict[Place, float]:
        """1 - loss / loss of deep neural collapse, where its rank is allowed."""
        out: dict[Place, float] = {}
        kind = self.grid.activation
        for K in self.classes:
            structure = named(collapse_name(self.grid.loss, kind), K, kind)
            places = [place for place in self.found if place.classes == K]
            if not places or (self.grid.width is not None and structure.width > self.grid.width):
                continue
            _, depth, reg, samples = map(np.array, zip(*places, strict=True))
            collapse = best_scales(structure, depth, reg, samples, self.grid.loss).loss
            loss = np.array([self.found[place][1] for place in places])
            with np.errstate(invalid="ignore", divide="ignore"):
                out |= dict(zip(places, np.where(collapse > 0, 1 - loss / collapse, 0.0).tolist(), strict=True))
        return out

    def _notes(self, below: dict[Place, float]) -> list[str]:
        if len(below) == len(self.found):
            return []
        return [f"Without a number: width {self.grid.width} has no room for the rank of deep neural collapse."]

    def _more(self) -> list[str]:
        """What of the grid is not shown."""
        kinds = ("lambda" if len(self.grid.samples) == 1 else "(lambda, n)", "K", "L")
        missing = [f"{count} more values of {kind}" for count, kind in zip(self.left_out, kinds, strict=True) if count]
        if not missing:
            return []
        ways = "narrow the options to those to see, or pass --rows N for a list, or --out FILE for all"
        return ["", f"not shown: {', '.join(missing)}; {ways}"]


HEAD = "K \\ L"


def _pieces(columns: Sequence[list[str]], first: int, limit: int | None) -> Iterator[list[list[str]]]:
    """Runs of columns that fit beside one of width ``first``; at least one in each."""
    piece: list[list[str]] = []
    used = first
    for column in columns:
        wide = BETWEEN + max(map(len, column))
        if piece and limit is not None and used + wide > limit:
            yield piece
            piece, used = [], first
        piece.append(column)
        used += wide
    yield piece


def codes_of(names: set[str]) -> dict[str, str]:
    """Short names that differ from each other, by name; sorted with the commonest first."""
    ordered = sorted(names, key=lambda name: (name not in CODES, list(CODES).index(name) if name in CODES else 0, name))
    for letters in LETTERS:
        codes = {name: CODES.get(name) or _cut(name, letters) for name in ordered}
        if len(set(codes.values())) == len(codes):
            return codes
    return {name: name for name in ordered}


def _cut(name: str, letters: int) -> str:
    """``simplex(8)+pairs(1)`` as S8+P1; of other names the first letters of each word, without their family."""
    if re.fullmatch(r"\w+\(\d+\)(\+\w+\(\d+\))*", name):
        return re.sub(r"([a-z])[a-z-]*\((\d+)\)", lambda match: match[1].upper() + match[2], name)
    name = re.sub(r"^(srg|roots|antiprism)-(?=.)", "", name)
    name = re.sub(r"-complement$", "-c", name)
    return re.sub(r"[a-z]+", lambda match: match[0][:letters], name)
