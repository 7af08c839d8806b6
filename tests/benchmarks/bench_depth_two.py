"""ReLU networks of depth two with a symmetry: descents over a few kinds of rows, each with all its images.

    python tests/benchmarks/bench_depth_two.py > tests/benchmarks/bench_depth_two.md

A group on the classes leaves M_2^T M_2 and X_2^T X_2 one number on each of its eigenspaces, so that the price of the
targets depends on the sums of squares mu_i of the rows of M_2 there, and a_i of those of X_2:
G^3 = (sum sqrt(m_i mu_i))^2 sum m_i^2 / a_i. Is it ever below K^3?
"""

from itertools import combinations

import numpy as np
from scipy.optimize import minimize

ROWS, STARTS, STEPS = 4, 30, 300
SMOOTH = (0.3, 0.1, 0.03, 0.01, 1e-3, 1e-5, 1e-7)


def blocks(size, count):
    """Projections of the wreath product of two symmetric groups."""
    mean = np.full((size * count,) * 2, 1 / (size * count))
    inside = np.kron(np.eye(count), np.full((size, size), 1 / size))
    return [mean, inside - mean, np.eye(size * count) - inside]


def grid(rows, columns):
    """Of the product of two symmetric groups on the cells of a grid."""
    means = [np.full((m, m), 1 / m) for m in (rows, columns)]
    sides = [(mean, np.eye(len(mean)) - mean) for mean in means]
    return [np.kron(first, second) for first in sides[0] for second in sides[1]]


def subsets(points, size):
    """Of the symmetric group on the subsets of some points: eigenspaces of the Johnson scheme."""
    members = list(combinations(range(points), size))
    V = np.array([[i in subset for subset in members] for i in range(points)], dtype=float)
    values, vectors = np.linalg.eigh(sum((V.T @ V) ** power / 7**power for power in range(1, size + 1)))
    groups = np.unique(np.round(values, 8), return_inverse=True)[1]
    return [vectors[:, groups == g] @ vectors[:, groups == g].T for g in range(groups.max() + 1)]


def log_price(point, projections, width):
    """log G^3 / K^3 and its gradient."""
    K = len(projections[0])
    M = point.reshape(-1, K)
    X = np.maximum(M, 0)
    m = np.array([np.trace(P) for P in projections])
    roots = np.sqrt(np.array([np.sum(M @ P * M) for P in projections]) + width**2 * m)
    a = np.array([np.sum(X @ P * X) for P in projections]) + 1e-12
    nuclear, output = np.sum(np.sqrt(m) * roots), np.sum(m**2 / a)
    slope = np.zeros_like(M)
    for P, up, down in zip(projections, np.sqrt(m) / roots / nuclear, m**2 / a**2 / output, strict=True):
        slope += 2 * up * M @ P - 2 * down * (X @ P) * (M > 0)
    return 2 * np.log(nuclear) + np.log(output) - 3 * np.log(K), slope.ravel()


def random_rows(K, rng):
    """A class alone, and sparse rows with entries of both signs."""
    rows = np.zeros((ROWS, K))
    rows[0, 0] = np.sqrt(K)
    for row in rows[1:]:
        row += (rng.random(K) < rng.choice([0.1, 0.2, 0.35, 0.5])) * rng.uniform(0.2, 1.2)
        row -= rng.uniform(0, 0.6) * (rng.random(K) < rng.uniform())
    return rows


def transversals(size, count, rng):
    """The simplices of blocks, transversals, and two kinds of sparse rows more, or none."""
    K = size * count
    rows = random_rows(K, rng)
    rows[0, :size] = -np.sqrt(K) / (size - 1)
    rows[0, 0] = np.sqrt(K)
    rows[1] = 0.0
    rows[1, ::size] = np.sqrt(0.4 * size)
    rows[2:] *= rng.choice([0.0, 0.1, 0.3]) * np.sqrt(K) / np.linalg.norm(rows[2:], axis=1, keepdims=True)
    return rows


def least(projections, start, widths=SMOOTH):
    """The least logarithm that descents from ``start(rng)`` reach."""
    rng, best = np.random.default_rng(0), np.inf
    for _ in range(STARTS):
        rows = start(rng)
        point = rows.ravel() * np.sqrt(len(projections[0])) / np.linalg.norm(rows)
        for width in widths:
            options = {"maxiter": STEPS}
            point = minimize(log_price, point, (projections, width), "L-BFGS-B", jac=True, options=options).x
        best = min(best, log_price(point, projections, 0.0)[0])
    return best


def main():
    """The table."""
    cases = [(f"pairs of {r} points", subsets(r, 2)) for r in (5, 6, 8, 12)]
    cases += [(f"triples of {r} points", subsets(r, 3)) for r in (7, 8)]
    cases += [(f"cells of a grid of {a} x {a}", grid(a, a)) for a in (4, 6)]
    cases += [(f"{count} blocks of {size}", blocks(size, count)) for size, count in ((2, 20), (3, 8), (3, 20))]
    print("# Depth two: is any network with a symmetry below collapse?\n")
    print(f"`python tests/benchmarks/bench_depth_two.py`; {ROWS} kinds of rows, {STARTS} starts.\n")
    print("| classes | K | begun at | least log G^3 / K^3 |\n| --- | --- | --- | --- |")
    for name, projections in cases:
        K = len(projections[0])
        value = least(projections, lambda rng, K=K: random_rows(K, rng))
        print(f"| {name} | {K} | random rows | {value:.1e} |", flush=True)
    value = least(blocks(3, 60), lambda rng: transversals(3, 60, rng), SMOOTH[2:])
    print(f"| 60 blocks of 3 | 180 | transversals | {value:.6f} |")


if __name__ == "__main__":
    main()
