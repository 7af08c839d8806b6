"""The best scales of many structures at many problems, in few array programs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from optima.model import Array
from optima.reduction import exponent
from optima.scales.branches import Branches
from optima.scales.kinds import branches, turns_once
from optima.scales.scale import BestScales, best_on_branches, best_scales, effective_reg
from optima.scales.terms import CHUNK, stack
from optima.structures import Block, Structure

# Blocks with more margins than this are solved one by one: stacking copies their margins for every problem. Unless the
# problems are so few that calls take longer than copies.
FEW_MARGINS, FEW_PROBLEMS = 4, 4


@dataclass(frozen=True)
class _Slot:
    """A block and where its solution goes: its structure's number and its place in it."""

    block: Block
    classes: int
    structure: int
    place: int


def best_of_structures(
    structures: Sequence[Structure], depth: Array, reg: Array, samples: Array, loss: str = "ce"
) -> list[BestScales]:
    """:func:`best_scales` of each structure at the same problems (1-D arrays), with blocks of one form together.

    At depths where a structure does not exist its scales are zero and its loss infinite.
    """
    least = max((structure.least_depth for structure in structures), default=1)
    if depth.size and depth.min() < least:
        return _where_they_exist(structures, depth, reg, samples, loss)
    simple, others = [], {}
    for number, structure in enumerate(structures):
        blocks = structure.blocks()
        if blocks and all(_simple(block, structure.classes, loss, depth.size) for block in blocks):
            simple += [_Slot(block, structure.classes, number, place) for place, block in enumerate(blocks)]
        else:
            others[number] = best_scales(structure, depth, reg, samples, loss)
    solved = _solve_slots(simple, depth, effective_reg(reg, samples, depth), loss)
    return [others[i] if i in others else _assemble(solved[i]) for i in range(len(structures))]


def _where_they_exist(
    structures: Sequence[Structure], depth: Array, reg: Array, samples: Array, loss: str
) -> list[BestScales]:
    """Those of one least depth together, at the problems that are as deep."""
    out = {
        i: BestScales(
            np.zeros((len(structure.blocks()), depth.size)), np.full(depth.size, np.inf), np.zeros(depth.size)
        )
        for i, structure in enumerate(structures)
    }
    for least in {structure.least_depth for structure in structures}:
        numbers = [i for i, structure in enumerate(structures) if structure.least_depth == least]
        there = depth >= least
        L, lam, n = depth[there], reg[there], samples[there]
        found = best_of_structures([structures[i] for i in numbers], L, lam, n, loss) if L.size else []
        for i, best in zip(numbers, found, strict=False):
            out[i].scales[:, there], out[i].fit[there], out[i].penalty[there] = best.scales, best.fit, best.penalty
    return list(out.values())


def _simple(block: Block, classes: int, loss: str, problems: int) -> bool:
    margins = max(len(orbit.margins) for orbit in block.orbits)
    few = loss == "mse" or margins <= FEW_MARGINS or problems <= FEW_PROBLEMS
    return few and turns_once(block, classes, loss)


def _solve_slots(
    slots: Sequence[_Slot], depth: Array, regs: Array, loss: str
) -> dict[int, dict[int, tuple[Array, Array, Array]]]:
    p, column = np.unique(exponent(depth), return_inverse=True)
    solved: dict[int, dict[int, tuple[Array, Array, Array]]] = defaultdict(dict)
    for group in _batches(slots, regs.size):
        count = len(group)
        build = _kept_branches if p.size == 1 else _branches
        branch = build(tuple((slot.block, slot.classes) for slot in group), loss, tuple(p.tolist()))
        pairs = (np.arange(count)[:, None] * p.size + column).ravel()
        parts = best_on_branches(branch, pairs, np.tile(regs, count))
        for slot, part in zip(group, zip(*(array.reshape(count, -1) for array in parts), strict=True), strict=True):
            solved[slot.structure][slot.place] = part
    return solved


def _branches(blocks: tuple[tuple[Block, int], ...], loss: str, p: tuple[float, ...]) -> Branches:
    """The branches of all blocks at all exponents, blocks outermost; each comes with its number of classes."""
    terms = stack([block for block, _ in blocks], [classes for _, classes in blocks], loss)
    return branches(terms.take(np.repeat(np.arange(len(blocks)), len(p))), np.tile(p, len(blocks)))


# At one depth they are small, and asked for again at the next lambda.
_kept_branches = lru_cache(maxsize=64)(_branches)


def _batches(slots: Sequence[_Slot], problems: int) -> Iterator[list[_Slot]]:
    """Slots whose blocks have the same numbers of orbits, margins and singular values, few enough for memory.

    Those of a few problems are together whatever their numbers; those of relu networks with a ridge are apart.
    """
    forms: dict[object, list[_Slot]] = defaultdict(list)
    for slot in slots:
        margins = max(len(orbit.margins) for orbit in slot.block.orbits)
        ridge = slot.block.ridge
        modes = 0 if ridge is None else len(ridge.spectrum)
        form = (len(slot.block.orbits), margins, len(slot.block.singular)) if problems > FEW_PROBLEMS else ()
        forms[(form, modes)].append(slot)
    for same in forms.values():
        step = max(1, CHUNK // (16 * problems))
        yield from (same[i : i + step] for i in range(0, len(same), step))


def _assemble(parts: dict[int, tuple[Array, Array, Array]]) -> BestScales:
    scales, fits, penalties = zip(*(parts[place] for place in sorted(parts)), strict=True)
    return BestScales(np.stack(scales), np.sum(fits, axis=0), np.sum(penalties, axis=0))
