"""The least penalty - <D, M> on boxes: bounds, concavity and softening in D, and the two charts of four classes."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from optima import DeepUFM
from optima.model import Array
from optima.proofs.box_bound import BoxBound, Cap
from optima.proofs.boxes import MatrixBoxes
from optima.proofs.form import ConvexConcave, centred_basis

# Classes and chart.
CASES = [(2, 0), (3, 0), (4, 0), (4, 1)]
# Largest 2^(1/4) sin(2 s) + 2^(1/2) sin(s)^2, which softened norms count with on wide caps; narrower ones have less.
NORMS = np.sqrt(0.5) + np.sqrt(np.sqrt(2) + 0.5)


def flags(K: int) -> MatrixBoxes:
    form = ConvexConcave.of(DeepUFM(K, 3, 1e-2))
    return MatrixBoxes(form, 0.3 / form.strength)


def random_boxes(boxes: MatrixBoxes, rng: np.random.Generator, chart: int, width: float = 0.5) -> tuple[Array, Array]:
    """Corners of boxes that are not empty, of up to ``width`` times the first box along each coordinate."""
    root = boxes.root()
    size = (root[1] - root[0]) * width * rng.uniform(size=(1000, 1)) * rng.uniform(size=(1000, root[0].size))
    low = root[0] + rng.uniform(size=size.shape) * (root[1] - root[0] - size)
    high = low + size
    if boxes.chart is not None:
        low[:, boxes.chart], high[:, boxes.chart] = 0.5 * chart, 0.5 * chart + 0.5
    kept = ~boxes.empty(low, high)
    return boxes.reduced(low[kept], high[kept])


def random_points(boxes: MatrixBoxes, rng: np.random.Generator, low: Array, high: Array) -> tuple[Array, NDArray]:
    """One point of each box that has one with ordered t, and which boxes; many points are at corners."""
    share = np.clip(rng.uniform(-0.5, 1.5, size=low.shape), 0, 1)
    point, m = low + share * (high - low), boxes.dimension
    # Either chart is half open.
    point[:, 6:] = low[:, 6:]
    return point, np.flatnonzero(np.all(np.diff(point[:, :m], axis=1) <= 0, axis=1))


def directions(boxes: MatrixBoxes, points: Array) -> Array:
    """u_1, ..., u_m in the columns of (N, m, m), written out once more."""
    m = boxes.dimension
    if m == 1:
        return np.ones((len(points), 1, 1))
    if m == 2:
        c, s = np.cos(points[:, 2]), np.sin(points[:, 2])
        return np.stack([c, -s, s, c], axis=1).reshape(-1, 2, 2)
    longitude = np.arctan(points[:, 3])
    latitude = np.arctan(points[:, 4] * np.cos(longitude))
    own = np.stack([np.cos(latitude) * x for x in (np.cos(longitude), np.sin(longitude))] + [np.sin(latitude)], axis=1)
    east = np.stack([-np.sin(longitude), np.cos(longitude), 0 * longitude], axis=1)
    across = np.cos(points[:, 5:6]) * east + np.sin(points[:, 5:6]) * np.cross(own, east)
    order = [own, np.cross(across, own), across]
    return np.where(points[:, 6, None, None] < 0.5, np.stack(order, axis=2), np.stack(order[::-1], axis=2))


def random_multipliers(rng: np.random.Generator, N: int, m: int) -> Array:
    root = rng.standard_normal((N, m, m)) * np.exp(rng.standard_normal((N, 1, m)))
    return root @ np.swapaxes(root, 1, 2) + 1e-6 * np.eye(m)


def violation(K: int, chart: int, narrow: tuple[float, ...] = (1.0, 1.0)) -> float:
    """The most that bounds exceed values at matrices of their boxes; the angles of caps are times ``narrow``."""
    rng, boxes = np.random.default_rng(10 * K + chart), flags(K)
    low, high = random_boxes(boxes, rng, chart)
    m, worst = boxes.dimension, -np.inf
    back = rng.standard_normal((len(low), m, m))
    pieces = boxes.box_bound(low, high, back)
    caps = [replace(cap, angle=factor * cap.angle) for cap, factor in zip(pieces.caps, narrow, strict=False)]
    pieces = replace(pieces, caps=tuple(caps))
    for i in range(60):
        point, rows = random_points(boxes, rng, low, high)
        u = directions(boxes, point)[rows]
        # The bound is closest where D is large along u_1, or small along u_3, only.
        spikes = [u[:, :, 0, None] * u[:, None, :, 0], np.eye(m) - u[:, :, -1, None] * u[:, None, :, -1]]
        D = [*(spike + 1e-6 * np.eye(m) for spike in spikes), random_multipliers(rng, rows.size, m)][i % 3]
        inverse = np.linalg.inv(back[rows])
        bound = pieces.take(rows).least(np.swapaxes(inverse, 1, 2) @ D @ inverse)
        t = point[rows, :m]
        product = np.einsum("nab,nai,nbi,ni->n", D, u, u, t ** (boxes.form.depth + 1))
        penalty = boxes.form.strength * t.sum(axis=1)
        worst = max(worst, np.max((bound - penalty + product) / (penalty + product)))
    return worst


@pytest.mark.parametrize(("K", "chart"), CASES)
def test_least_bounds_every_matrix_of_a_box(K: int, chart: int) -> None:
    assert -1e-3 < violation(K, chart) < 1e-8


@pytest.mark.parametrize(
    ("K", "chart", "narrow"), [(3, 0, (0.5,)), *((4, i, n) for i in (0, 1) for n in ((0.5, 1.0), (1.0, 0.5)))]
)
def test_half_as_wide_caps_are_not_enough(K: int, chart: int, narrow: tuple[float, ...]) -> None:
    assert violation(K, chart, narrow) > 1e-3


def sample(K: int, chart: int, width: float = 0.5) -> tuple[BoxBound, Array, np.random.Generator]:
    """Boxes in random coordinates, and positive definite E."""
    rng, boxes = np.random.default_rng(100 * K + chart), flags(K)
    low, high = random_boxes(boxes, rng, chart, width)
    m = boxes.dimension
    pieces = boxes.box_bound(low, high, rng.standard_normal((len(low), m, m)))
    return pieces, random_multipliers(rng, len(low), m), rng


def scale(pieces: BoxBound, E: Array) -> Array:
    """Size (N,) of the numbers among which the minimum is taken."""
    size = np.linalg.norm(pieces.turn, axis=(1, 2)) ** 2 * np.linalg.norm(E, axis=(1, 2))
    return pieces.penalty.max(axis=1) + size * pieces.eigenvalues.max(axis=(1, 2))


def concave(pieces: BoxBound, E: Array, other: Array, beta: Array | None = None) -> bool:
    values = [pieces.least(X) if beta is None else pieces.softened(X, beta) for X in (E, other, 0.3 * E + 0.7 * other)]
    slack = 1e-12 * (scale(pieces, E) + scale(pieces, other))
    return bool(np.all(values[2] >= 0.3 * values[0] + 0.7 * values[1] - slack))


@pytest.mark.parametrize(("K", "chart"), CASES)
def test_least_is_concave_in_the_multiplier_softened_or_not(K: int, chart: int) -> None:
    pieces, E, rng = sample(K, chart)
    for _ in range(5):
        other = random_multipliers(rng, len(E), K - 1)
        assert concave(pieces, E, other)
        for hard in (1.0, 100.0):
            assert concave(pieces, E, other, hard / scale(pieces, E))
    if K == 4:
        # The most of u_3^T D u_3 in place of the least.
        turned = replace(pieces, caps=(pieces.caps[0], Cap(2, 1, pieces.caps[1].angle)))
        assert not concave(turned, E, other)


@pytest.mark.parametrize(("K", "chart"), CASES)
def test_softened_lies_below_least_and_tends_to_it(K: int, chart: int) -> None:
    pieces, E, _ = sample(K, chart)
    least, size = pieces.least(E), scale(pieces, E)
    for hard in (1.0, 1e2, 1e4, 1e8):
        beta = hard / size
        lost = least - pieces.softened(E, beta)
        assert np.all(lost >= -1e-12 * size)
        assert np.all(lost <= (np.log(pieces.penalty.shape[1]) + NORMS) / beta + 1e-12 * size)
    # Softer, it is strictly below.
    assert np.all(least - pieces.softened(E, 1 / size) > 0.1 * size)


def entries(m: int) -> Array:
    """Basis (k, m, m) of the symmetric matrices, by the entries on and above the diagonal."""
    i, j = np.triu_indices(m)
    basis = np.zeros((i.size, m, m))
    basis[np.arange(i.size), i, j] = basis[np.arange(i.size), j, i] = 1.0
    return basis


def at_edges(pieces: BoxBound, E: Array) -> Array:
    """Boxes whose caps attain their extremes, clearly, at the edge: wider ones would attain more."""
    D, none = np.swapaxes(pieces.turn, 1, 2) @ E @ pieces.turn, np.zeros(len(E))
    found = np.ones(len(E), dtype=bool)
    for cap in pieces.caps:
        wide, wider = (replace(cap, angle=factor * cap.angle).most(D, none) for factor in (1.02, 1.04))
        found &= (cap.angle > 1e-3) & (np.abs(wider - wide) > 1e-6 * np.linalg.norm(D, axis=(1, 2)))
    return found


@pytest.mark.parametrize(("K", "chart"), CASES)
def test_expansion_agrees_with_differences(K: int, chart: int) -> None:
    pieces, E, _ = sample(K, chart, 0.3)
    basis, size = entries(K - 1), scale(pieces, E)
    beta, step = 10 / size, 1e-5 * np.linalg.norm(E, axis=(1, 2))
    slope, bent = pieces.expansion(E, beta)
    moves = [step[:, None, None] * move for move in basis]
    ends = [[E + move, E - move] for move in moves]
    values = [[pieces.softened(end, beta) for end in pair] for pair in ends]
    slopes = [[pieces.expansion(end, beta)[0] for end in pair] for pair in ends]
    unit = size / np.linalg.norm(E, axis=(1, 2))
    by_value = np.stack([(up - down) / (2 * step) for up, down in values], axis=1)
    assert np.all(np.abs(by_value - slope) <= 1e-5 * unit[:, None])
    by_slope = -np.stack([(up - down) / (2 * step[:, None]) for up, down in slopes], axis=1)
    unit = unit / np.linalg.norm(E, axis=(1, 2))
    excess = (by_slope - bent) / unit[:, None, None]
    edge = at_edges(pieces, E)
    assert edge.sum() > 20
    assert np.all(np.abs(excess[edge]) <= 1e-4)
    # Angles held still leave curvature out, and add none.
    assert np.all(np.linalg.eigvalsh(0.5 * (excess + np.swapaxes(excess, 1, 2)))[:, 0] >= -1e-4)


RELABELLINGS = [
    sign * centred_basis(4)[list(order)].T @ centred_basis(4)
    for order in itertools.permutations(range(4))
    for sign in (1, -1)
]


def in_chart(boxes: MatrixBoxes, t: Array, u: Array, chart: int) -> tuple[Array, Array]:
    """Coordinates of sum t_i^(L+1) u_i u_i^T in a chart, after a relabelling, and the relabelling."""
    own, across = (0, 2) if chart == 0 else (2, 0)
    turned = next(move for move in RELABELLINGS if np.all(np.diff([0, *(move @ u[:, own])[::-1]]) >= 0))
    first, other = turned @ u[:, own], turned @ u[:, across]
    east = np.array([-first[1], first[0], 0]) / np.hypot(first[0], first[1])
    psi = np.arctan2(other @ np.cross(first, east), other @ east) % np.pi
    return np.array([*t, first[1] / first[0], first[2] / first[0], psi, 0.25 + 0.5 * chart]), turned


def kept_boxes(boxes: MatrixBoxes, point: Array, rng: np.random.Generator) -> list[bool]:
    """Which boxes about a point, halved at the chart first, then at random, are not empty nor reduced past it."""
    low, high = (corner[None] for corner in boxes.root())
    kept, slack = [], 1e-12 * (1 + high[0])
    for axis in (6, *rng.integers(0, 6, size=50)):
        middle = 0.5 * (low[0, axis] + high[0, axis])
        low, high = low.copy(), high.copy()
        (low if point[axis] > middle else high)[0, axis] = middle
        empty = boxes.empty(low, high)[0]
        low, high = boxes.reduced(low, high)
        kept.append(bool(not empty and np.all(low[0] - slack <= point) and np.all(point <= high[0] + slack)))
    return kept


def test_every_matrix_of_four_classes_stays_in_a_box_of_its_chart() -> None:
    rng, boxes = np.random.default_rng(0), flags(4)
    met, lost = [0, 0], [0, 0]
    for i in range(60):
        t = np.sort(rng.uniform(2 * boxes.thin, boxes.top / 3, size=3))[::-1]
        # Of rank 3, 2 or 1, or with equal eigenvalues.
        t = [t, t * [1, 1, 0], t * [1, 0, 0], t[[0, 0, 2]], t[[0, 2, 2]], t[[0, 0, 0]]][i % 6]
        u = np.linalg.qr(rng.standard_normal((3, 3)))[0]
        eigen = boxes.eigenvalues(t)
        chart = int(eigen[0] - eigen[1] < eigen[1] - eigen[2])
        met[chart] += 1
        point, turned = in_chart(boxes, t, u, chart)
        M = (turned @ u * eigen) @ (turned @ u).T
        v = directions(boxes, point[None])[0]
        assert np.allclose((v * eigen) @ v.T, M, atol=1e-9 * eigen[0])
        assert all(kept_boxes(boxes, point, rng))
        lost[chart] += not all(kept_boxes(boxes, in_chart(boxes, t, u, 1 - chart)[0], rng))
    assert min(met) > 10
    # In the other chart matrices are lost, as they may be.
    assert min(lost) > 10
