"""Starts for classes of unequal size: structures of the catalogue on groups of classes, added up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from optima.structures import catalogue
from optima.structures.base import Structure
from optima.structures.mixed import Mixed
from optima.structures.zero import Zero

# Most shapes that are returned, and most entries of all of them together.
MOST = 300
MOST_ENTRIES = 30_000_000
# Sums of one rank that are kept: between these numbers, so that together they are about the most that are returned.
FEWEST, EACH_RANK = 2, 12
# Places at which classes in order of size are cut in two.
PLACES = 24
# Most runs of classes, but for the cuts in two.
RUNS = 12

Run = tuple[int, ...]


@dataclass(frozen=True)
class Part:
    """Logits of a run of classes: a shape of the least margin one (or zero), and its rank."""

    name: str
    kind: str
    rank: int
    structure: Structure | None

    @property
    def size(self) -> int:
        """Classes of the run."""
        return 1 if self.structure is None else self.structure.classes

    @property
    def label(self) -> str:
        """The name with the number of classes, as in a direct sum that is recognised; of pairs their own number."""
        in_pairs = self.name == "pairs" or (self.name == "simplex" and self.size == 2)
        return f"pairs({self.size // 2})" if in_pairs else f"{self.name}({self.size})"


def block_sums(class_sizes: tuple[int, ...]) -> list[tuple[str, NDArray[np.float64]]]:
    r"""Class-mean logits M = M_1 (+) ... (+) M_m on runs of classes of similar size, as starts of a search.

    Classes are put in order of size, the largest first, and each block is a structure of the catalogue on a run
    of them, on rows and columns of its own, so that columns sum to zero and blocks are orthogonal. Every block has
    the least margin one, against the classes of the other blocks too; its best scale depends on the sizes and is
    left to the search. A run of one class carries the column e_c - 1/K, and the last runs, those of the smallest
    classes, may be zero where sizes differ. There are, in this order and with the names

    1. ``pairs``: every structure of all K classes; one whose classes are not alike also with the smallest class
       first, ``pairs-free, smallest first``;
    2. ``polygon(5)+pairs(2)``: sums over (a) the groups of classes of one size, where neighbours that have one
       class each are taken together, (b) these with two neighbouring groups merged, both for at most 12 groups,
       and (c) all classes cut in two between two sizes, or anywhere where there is one size, at up to 24 places
       evenly spread. By ascending rank, at most 300 / K of one rank, but 2 to 12: of fewest kinds of block first.

    At most 300 shapes of together 3e7 entries are returned: for more than 5477 classes there are none.

    Raises ValueError unless there are at least two sizes, all of them positive integers.
    """
    sizes = _checked(class_sizes)
    K = len(sizes)
    most = min(MOST, MOST_ENTRIES // K**2)
    descending = np.argsort(-sizes, kind="stable")
    shapes: list[tuple[str, NDArray[np.float64]]] = []
    for name, order, shape in _candidates(sizes, descending) if most else ():
        placed = np.empty((K, K))
        placed[np.ix_(order, order)] = shape
        shapes.append((name, placed))
        if len(shapes) == most:
            break
    return shapes


def _candidates(sizes: NDArray[np.int64], descending: NDArray[np.int64]) -> Iterator[tuple[str, NDArray, NDArray]]:
    K = len(sizes)
    for structure in sorted(_structures(K), key=lambda structure: structure.rank):
        shape = _unit_margin(structure, K)
        yield structure.name, descending, shape
        if sum(len(block.orbits) for block in structure.blocks()) > 1:
            yield f"{structure.name}, smallest first", descending[::-1], shape
    mixtures = {structure.name for structure in _structures(K)}
    for parts in _sums(sizes):
        name = "+".join(part.label for part in parts)
        if name not in mixtures:
            yield name, descending, _direct_sum(parts, K)


def _structures(classes: int) -> list[Structure]:
    """The structures of the catalogue that have a scale."""
    return [structure for structure in catalogue(classes) if not isinstance(structure, Zero)]


def _sums(sizes: NDArray[np.int64]) -> list[tuple[Part, ...]]:
    """Sums of parts by ascending rank, a few of each."""
    by_rank: dict[int, list[tuple[Part, ...]]] = {}
    alike = bool((sizes == sizes[0]).all())
    for run in _runs(sizes):
        for parts in _choices(run):
            rank = sum(part.rank for part in parts)
            if parts[0].rank and (parts[-1].rank or not alike):
                by_rank.setdefault(rank, []).append(parts)
    each = max(FEWEST, min(EACH_RANK, MOST // len(sizes)))
    return [parts for rank in sorted(by_rank) for parts in _kept(by_rank[rank])[:each]]


def _runs(sizes: NDArray[np.int64]) -> list[Run]:
    """Numbers of classes in each run, largest classes first: more than one run, each way of cutting once."""
    groups = tuple(np.unique(-sizes, return_counts=True)[1].tolist())
    coarse = _singles_together(groups)
    ends = np.cumsum(groups[:-1]) if len(groups) > 1 else np.arange(1, len(sizes) // 2 + 1)
    places = ends[np.unique(np.linspace(0, len(ends) - 1, PLACES).astype(int))].tolist()
    merged = [(*coarse[: at - 1], coarse[at - 1] + coarse[at], *coarse[at + 1 :]) for at in range(1, len(coarse))]
    cut = [(at, len(sizes) - at) if len(groups) > 1 else (len(sizes) - at, at) for at in places]
    whole = [coarse, *merged] if len(coarse) <= RUNS else []
    return [run for run in dict.fromkeys([*whole, *cut]) if len(run) > 1]


def _singles_together(groups: Run) -> Run:
    """Neighbouring groups of one class joined to one run."""
    joined: list[int] = []
    for single, members in groupby(groups, key=lambda count: count == 1):
        counts = list(members)
        joined.extend([len(counts)] if single else counts)
    return tuple(joined)


def _choices(run: Run) -> list[tuple[Part, ...]]:
    """Parts for the classes of each run, built up run by run with at most EACH_RANK choices of one rank."""
    chosen: list[tuple[Part, ...]] = [()]
    for classes in run:
        by_rank: dict[int, list[tuple[Part, ...]]] = {}
        for before in chosen:
            collapsed = bool(before) and not before[-1].rank
            for part in _parts(classes):
                if not (collapsed and part.rank):
                    by_rank.setdefault(sum(p.rank for p in before) + part.rank, []).append((*before, part))
        chosen = [parts for rank in sorted(by_rank) for parts in _kept(by_rank[rank])]
    return chosen


def _kept(sums: list[tuple[Part, ...]]) -> list[tuple[Part, ...]]:
    return sorted(sums, key=lambda parts: len({part.kind for part in parts}))[:EACH_RANK]


@cache
def _parts(classes: int) -> tuple[Part, ...]:
    """What a run of classes may carry: each structure but the mixtures once, one class alone, or zero."""
    zero = Part("zero", "zero", 0, Zero(classes))
    if classes == 1:
        return Part("single", "simplex", 1, None), zero
    distinct: dict[object, Structure] = {}
    for structure in _structures(classes):
        if not isinstance(structure, Mixed) and not (structure.name == "pairs" and classes % 2):
            distinct.setdefault(structure.fingerprint, structure)
    return (*(Part(s.name, _kind(s), s.rank, s) for s in distinct.values()), zero)


def _kind(structure: Structure) -> str:
    return "pairs" if structure.name == "pairs-free" else structure.name


def _direct_sum(parts: Sequence[Part], classes: int) -> NDArray[np.float64]:
    total = np.zeros((classes, classes))
    start = 0
    for part in parts:
        block = slice(start, start := start + part.size)
        if part.structure is None:
            total[:, block] = -1 / classes
            total[block, block] += 1
        elif part.rank:
            total[block, block] = _unit_margin(part.structure, classes)
    return total


def _unit_margin(structure: Structure, classes: int) -> NDArray[np.float64]:
    """The shape with least margin one among its own classes and, where there are more, against a logit of zero."""
    orbits = [orbit for block in structure.blocks() for orbit in block.orbits]
    least = min(float(m) for orbit in orbits for m, count in zip(orbit.margins, orbit.counts, strict=True) if count)
    shape = structure.shape().astype(float)
    if structure.classes < classes:
        least = min(least, float(shape.diagonal().min()))
    return shape / least


def _checked(class_sizes: Sequence[int]) -> NDArray[np.int64]:
    sizes = np.asarray(class_sizes)
    if sizes.ndim != 1 or len(sizes) < 2 or not np.issubdtype(sizes.dtype, np.integer) or sizes.min() < 1:
        raise ValueError("class_sizes must be the sizes of at least two classes; pass positive integers")
    return sizes.astype(np.int64)
