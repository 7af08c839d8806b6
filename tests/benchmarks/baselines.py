"""What one would write without this package, to compare with."""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Callable, Iterable

import numpy as np
from scipy.optimize import minimize

from optima.cli import parse
from optima.model import DeepUFM

STARTS = 10


def grid_of(options: argparse.Namespace) -> list[tuple[int, int, float]]:
    """All (K, L, lambda) of the ranges --classes, --depths and --regs."""
    ranges = (
        parse.integers(options.classes, "classes", 3),
        parse.integers(options.depths, "depths", 1),
        parse.reals(options.regs, "regs"),
    )
    return list(itertools.product(*ranges))


# The all-parameter objective with its gradient, at the factors row by row, for a problem of some inner width.
Objective = Callable[[np.ndarray], tuple[float, np.ndarray]]


def lbfgs_on_all_factors(
    problem: DeepUFM,
    ranks: Iterable[int],
    seed: int = 0,
    starts: int = STARTS,
    objective_of: Callable[[DeepUFM], Objective] | None = None,
) -> list[tuple[float, float]]:
    """Objectives at which scipy's L-BFGS on (W_1, ..., W_L, H) with inner width r ends, from random starts for each r.

    Each factor starts as Gaussian over sqrt(width). ``objective_of`` replaces ``DeepUFM.objective`` and its gradient.
    Returns (seconds of processor time since the first start, loss) of each end.
    """
    rng = np.random.default_rng(seed)
    begun, ends = time.process_time(), []
    objective = objective_of or objective_of_model
    for rank in ranks:
        model = DeepUFM(problem.classes, problem.depth, problem.reg, problem.samples, rank, problem.loss)
        shapes = shapes_of(model)
        for _ in range(starts):
            loss = _descend(objective(model), shapes, rng)
            ends.append((time.process_time() - begun, loss))
    return ends


def shapes_of(model: DeepUFM) -> list[tuple[int, int]]:
    """Shapes of W_1, ..., W_L, H."""
    width = model.width or model.classes
    return [(width, width)] * (model.depth - 1) + [(model.classes, width), (width, model.labels.size)]


def objective_of_model(model: DeepUFM) -> Objective:
    """As the model itself computes it."""
    shapes = shapes_of(model)
    ends = np.cumsum([rows * columns for rows, columns in shapes])

    def objective(x: np.ndarray) -> tuple[float, np.ndarray]:
        factors = [part.reshape(shape) for part, shape in zip(np.split(x, ends[:-1]), shapes, strict=True)]
        return model.objective(factors), np.concatenate([g.ravel() for g in model.gradient(factors)])

    return objective


def _descend(objective: Objective, shapes: list[tuple[int, int]], rng: np.random.Generator) -> float:
    start = np.concatenate([rng.standard_normal(rows * columns) / np.sqrt(shapes[0][1]) for rows, columns in shapes])
    options = {"maxiter": 5000, "maxfun": 10000, "ftol": 1e-15, "gtol": 1e-10}
    return float(minimize(objective, start, jac=True, method="L-BFGS-B", options=options).fun)


def pymanopt_on_fixed_rank(problem: DeepUFM, ranks: Iterable[int], seed: int = 0, starts: int = 2) -> float:
    """Best reduced loss of pymanopt's conjugate gradients on the manifold of K x K matrices of rank r."""
    import pymanopt
    from pymanopt.manifolds import FixedRankEmbedded
    from pymanopt.optimizers import ConjugateGradient

    from optima.reduction import Reduction

    reduction = Reduction(problem)
    rng = np.random.default_rng(seed)
    best = np.inf
    for rank in ranks:
        manifold = FixedRankEmbedded(problem.classes, problem.classes, rank)

        @pymanopt.function.numpy(manifold)
        def cost(u, s, vt):
            return reduction.fit((u * s) @ vt) + reduction.strength * np.sum(s**reduction.exponent)

        @pymanopt.function.numpy(manifold)
        def gradient(u, s, vt):
            full = reduction.fit_gradient((u * s) @ vt)
            full += reduction.strength * reduction.exponent * (u * s ** (reduction.exponent - 1)) @ vt
            return full @ vt.T * s, np.einsum("ir,ij,rj->r", u, full, vt), (u * s).T @ full

        task = pymanopt.Problem(manifold, cost, euclidean_gradient=gradient)
        for _ in range(starts):
            np.random.seed(int(rng.integers(2**31)))  # noqa: NPY002 (the library draws its points from there)
            u, s, vt = manifold.random_point()
            point = type(manifold.random_point())(u, 10 * s, vt)
            result = ConjugateGradient(max_iterations=400, verbosity=0).run(task, initial_point=point)
            best = min(best, float(result.cost))
    return best
