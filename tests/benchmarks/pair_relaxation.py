r"""What pairs of classes can prove at best: the relaxation of which the bound is the dual, on grids; prints gaps.

python tests/benchmarks/pair_relaxation.py --classes 10 --depth 2 --slices norm
python tests/benchmarks/pair_relaxation.py --classes 10 --depth 2 --slices largest --at 55 20 19.4 --norms 24 28

.. math:: \min \sum_{k \ne c} e^{-D_{kc}} / K + C \sum_c \text{price}(\beta_c, R_c)

over numbers of classes of norms on a grid and of pairs with cosines on a grid, with positive moments of some degrees
and centred columns. Slices: none; "equal" norms of all classes; "norm", a class at the largest norm of the grid;
"spectrum", given s_1 and the sum of the other singular values; "second", given s_2, too; "largest", singular values and
the largest norm given: gaps without the latter, with a class of that norm, and with that class told from all others.
A grid restricts, so that gaps are a little too small.
Solved by CLARABEL through cvxpy; nothing here is a proof.
"""

from __future__ import annotations

import argparse

import cvxpy as cp
import numpy as np

from optima import DeepUFM, Reduction
from optima.search.ladder import search

COSINES = np.linspace(-1, 1, 41)


def relaxed(problem, norms, degrees, last=0.0, spectrum=None, apart=False):
    """The least value; ``last`` classes at least have the last norm, ``spectrum`` is (s_1, ..., sum of the others).

    With ``apart`` one class has the last norm, and every other class makes one pair with it.
    """
    K, n, u = problem.classes, len(norms), COSINES
    p, strength = Reduction(problem).exponent, Reduction(problem).strength
    r = np.sqrt(norms)
    *largest, rest = spectrum or (norms[-1] * K,)
    count, top = cp.Variable(n, nonneg=True), [cp.Variable(n, nonneg=True) for _ in largest]
    half = {(i, j): cp.Variable(u.size, nonneg=True) for i in range(n) for j in range(i, n)}
    pair = lambda i, j: half[min(i, j), max(i, j)]
    rules, fit, price = [cp.sum(count) == K, count[-1] >= last], 0, 0
    if apart:
        rules += [count[-1] == 1, pair(n - 1, n - 1) == 0]
        rules += [cp.sum(pair(i, n - 1)) == count[i] for i in range(n - 1)]
    if spectrum is not None:
        rules += [norms @ count == sum(spectrum), *(cp.sum(one) == 1 for one in top)]
    cap = min([*largest, rest])
    for i in range(n):
        rules.append(sum(cp.sum(pair(i, j)) for j in range(n)) == (K - 1) * count[i])
        rules.append(sum(r[j] * (u @ pair(i, j)) for j in range(n)) + count[i] * r[i] == 0)
        fit += sum(np.exp(-(norms[i] + norms[j]) / 2 + u * r[i] * r[j]) @ pair(i, j) for j in range(n)) / K
        first = norms[i] * count[i]
        second = norms[i] * (norms[i] * count[i] + sum(norms[j] * (u**2 @ pair(i, j)) for j in range(n)))
        if spectrum is not None:
            first = first - sum(s * one[i] for s, one in zip(largest, top, strict=True))
            second = second - sum(s**2 * one[i] for s, one in zip(largest, top, strict=True))
            rules += [first >= 0, second >= 0, second <= cap * first]
        cost = cp.Variable()
        for s in np.geomspace(cap / 8 if spectrum else norms[0] * 0.7, cap, 30):
            rules.append(cost >= (2 - p) * s ** (p - 1) * first - (1 - p) * s ** (p - 2) * second)
        price += cost
    for degree in degrees:
        moment = cp.Variable((n, n), PSD=True)
        own = lambda i, j: count[i] if i == j else 0
        rules += [moment[i, j] == u**degree @ pair(i, j) + own(i, j) for i in range(n) for j in range(i, n)]
    program = cp.Problem(cp.Minimize(1e3 * (fit + strength * price)), rules)
    program.solve(solver="CLARABEL")
    more = strength * sum(s**p for s in largest)
    return np.inf if program.value is None else program.value / 1e3 + more


def main() -> None:
    """One problem, slice by slice."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--classes", type=int, default=6)
    parser.add_argument("--depth", type=int, default=2)
    parser.add_argument("--reg", type=float, default=1e-3)
    parser.add_argument("--degrees", type=int, nargs="*", default=[0, 1, 3])
    slices = ["none", "equal", "norm", "spectrum", "second", "largest"]
    parser.add_argument("--slices", choices=slices, default="spectrum")
    parser.add_argument("--at", type=float, nargs="+", default=(), help="s_1, ..., the sum of the others, for largest")
    parser.add_argument("--norms", type=float, nargs="+", default=(), help="largest norms r^2, for largest")
    options = parser.parse_args()
    problem = DeepUFM(options.classes, options.depth, options.reg)
    K, p, strength = problem.classes, Reduction(problem).exponent, Reduction(problem).strength
    solution = search(problem, effort="quick")
    typical = float(solution.singular_values.sum()) / K
    gap = lambda value: f"{1 - value / solution.loss:.3f}"
    grid = lambda top: np.geomspace(typical / 2.5, top, 9)
    if options.slices == "none":
        print(gap(relaxed(problem, grid(20 * typical), options.degrees)))
    elif options.slices == "equal":
        scales = typical * np.geomspace(0.5, 4, 30)
        print(gap(min(relaxed(problem, np.array([norm]), options.degrees) for norm in scales)))
    elif options.slices == "norm":
        for factor in (1.2, 1.8, 2.5, 4, 8, 20):
            print(f"norm {factor * typical:.1f}:", gap(relaxed(problem, grid(factor * typical), options.degrees, 1.0)))
    elif options.slices == "largest":
        for norm in options.norms:
            norms = np.append(0.01, np.geomspace(typical / 3, norm, 8))
            beyond = np.append(norms, np.geomspace(norm, options.at[0] * (K - 1) / K, 4)[1:])
            cases = [(beyond, 0.0, False), (norms, 1.0, False), (norms, 1.0, True)]
            values = [relaxed(problem, r, options.degrees, last, options.at, own) for r, last, own in cases]
            print(f"norm {norm:.1f}:", *map(gap, values), flush=True)
    else:
        for first in typical * np.array([1.2, 2, 3.2, 4.5, 6.5, 10, 16]):
            room = solution.loss / strength - first**p
            if room <= 0:
                break
            rest = room ** (1 / p)
            rest = min(rest if rest < first else room * first ** (1 - p), (K - 2) * first)
            for share in (0.3, 0.5, 0.7, 0.85, 1.0):
                norms = np.geomspace(min((first + rest * share) / K, first) / 3, first * (K - 1) / K, 9)
                for part in (0.95, 0.8, 0.65, 0.5, 0.35) if options.slices == "second" else (0.0,):
                    given = (first, part * share * rest, (1 - part) * share * rest) if part else (first, share * rest)
                    if part * share * rest <= first:
                        value = relaxed(problem, norms, options.degrees, spectrum=given)
                        print("s_1, ..., others", " ".join(f"{s:.1f}" for s in given), gap(value), flush=True)


if __name__ == "__main__":
    main()
