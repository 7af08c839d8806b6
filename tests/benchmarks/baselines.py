"""What one would write without this package, to compare with."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize

from optima.model import DeepUFM

STARTS = 10


def lbfgs_on_all_factors(problem: DeepUFM, ranks, seed: int = 0, starts: int = STARTS) -> tuple[float, dict[int, float]]:
    """Best objective of scipy's L-BFGS on (W_1, ..., W_L, H) with inner width r, from random starts for each r.

    Each factor starts as Gaussian over sqrt(width). Returns the best loss and the best for each r.
    """
    rng = np.random.default_rng(seed)
    best = {}
    for rank in ranks:
        model = DeepUFM(problem.classes, problem.depth, problem.reg, problem.samples, rank, problem.loss)
        shapes = [(rank, rank)] * (problem.depth - 1) + [(problem.classes, rank), (rank, model.labels.size)]
        best[rank] = min(_descend(model, shapes, rng) for _ in range(starts))
    return min(best.values()), best


def _descend(model: DeepUFM, shapes: list[tuple[int, int]], rng: np.random.Generator) -> float:
    sizes = np.cumsum([rows * columns for rows, columns in shapes])

    def unpack(x: np.ndarray) -> list[np.ndarray]:
        return [part.reshape(shape) for part, shape in zip(np.split(x, sizes[:-1]), shapes, strict=True)]

    def function(x: np.ndarray) -> tuple[float, np.ndarray]:
        factors = unpack(x)
        return model.objective(factors), np.concatenate([g.ravel() for g in model.gradient(factors)])

    start = np.concatenate([rng.standard_normal(rows * columns) / np.sqrt(shapes[0][1]) for rows, columns in shapes])
    options = {"maxiter": 5000, "maxfun": 10000, "ftol": 1e-15, "gtol": 1e-10}
    return float(minimize(function, start, jac=True, method="L-BFGS-B", options=options).fun)
