"""Graphs from the binary Golay code: Gewirtz, M22, Higman-Sims, McLaughlin and what is inside them.

The 759 words of weight 8 of the extended Golay code are the blocks of the Steiner system S(5, 8, 24). Those through
two fixed points are the 77 blocks of S(3, 6, 22), those through one the 253 blocks of S(4, 7, 23). Source:
A. E. Brouwer and H. Van Maldeghem, Strongly Regular Graphs (2022).
"""

from __future__ import annotations

from functools import cache

import numpy as np

# Exponents of a generator polynomial of the cyclic Golay code of length 23.
GENERATOR = (0, 2, 4, 5, 6, 10, 11)


@cache
def _blocks() -> np.ndarray:
    """Incidence matrix (759, 24) of S(5, 8, 24): the words of weight 8."""
    basis = np.zeros((12, 24), dtype=np.int64)
    for shift, row in enumerate(basis):
        row[[shift + exponent for exponent in GENERATOR]] = 1
    basis[:, 23] = basis.sum(axis=1) % 2
    words = (np.arange(2**12)[:, None] >> np.arange(12) & 1) @ basis % 2
    return words[words.sum(axis=1) == 8]


def _through(point: int, blocks: np.ndarray) -> np.ndarray:
    """The blocks through a point, without it."""
    return np.delete(blocks[blocks[:, point] == 1], point, axis=1)


def _missing(point: int, blocks: np.ndarray) -> np.ndarray:
    return np.delete(blocks[blocks[:, point] == 0], point, axis=1)


def _meeting(blocks: np.ndarray, points: int) -> np.ndarray:
    """Blocks adjacent when they have this many points in common."""
    return (blocks @ blocks.T == points).astype(int)


def m22() -> np.ndarray:
    """M22 graph (77, 16, 0, 4): blocks of S(3, 6, 22), adjacent when disjoint."""
    return _meeting(_through(0, _through(0, _blocks())), 0)


def gewirtz() -> np.ndarray:
    """Gewirtz graph (56, 10, 0, 2): the blocks of S(3, 6, 22) that miss a point, adjacent when disjoint."""
    return _meeting(_missing(0, _through(0, _through(0, _blocks()))), 0)


def higman_sims() -> np.ndarray:
    """Higman-Sims graph (100, 22, 0, 6): one more vertex, its 22 neighbours the points of S(3, 6, 22), and the blocks,
    adjacent to their points and to disjoint blocks."""
    blocks = _through(0, _through(0, _blocks()))
    return np.block(
        [
            [np.zeros((1, 1), dtype=int), np.ones((1, 22), dtype=int), np.zeros((1, 77), dtype=int)],
            [np.ones((22, 1), dtype=int), np.zeros((22, 22), dtype=int), blocks.T],
            [np.zeros((77, 1), dtype=int), blocks, _meeting(blocks, 0)],
        ]
    )


def m22_176() -> np.ndarray:
    """(176, 70, 18, 34): the blocks of S(4, 7, 23) that miss a point, adjacent when they meet in one."""
    return _meeting(_missing(0, _through(0, _blocks())), 1)


def m23_253() -> np.ndarray:
    """(253, 112, 36, 60): blocks of S(4, 7, 23), adjacent when they meet in one point."""
    return _meeting(_through(0, _blocks()), 1)


def mclaughlin() -> np.ndarray:
    """McLaughlin graph (275, 112, 30, 56): 22 points of S(4, 7, 23), its 77 blocks through the other point and the 176.

    A point is adjacent to the blocks through the other point that miss it and to those of the 176 that contain it;
    blocks are adjacent when they meet in one point, or in three where just one is through the other point.
    """
    heptads = _through(0, _blocks())
    through, missing = _through(0, heptads), _missing(0, heptads)
    crossing = (through @ missing.T == 3).astype(int)
    return np.block(
        [
            [np.zeros((22, 22), dtype=int), 1 - through.T, missing.T],
            [1 - through, _meeting(through, 0), crossing],
            [missing, crossing.T, _meeting(missing, 1)],
        ]
    )


def u4_3() -> np.ndarray:
    """(162, 56, 10, 24): the vertices of the McLaughlin graph that are not adjacent to one of them."""
    graph = mclaughlin()
    apart = np.flatnonzero(1 - graph[0])[1:]
    return graph[np.ix_(apart, apart)]
