"""Spectra: the Hessian of a layer, and the top of that of all parameters, against plain autograd Lanczos.

python tests/benchmarks/bench_spectra.py --out tests/benchmarks/bench_spectra.md

K = 10, L = 5, d = 70, n = 50, lambda = 1e-3: 55,300 parameters. At a random network (gaussian factors of variance 1/d)
and at the end of gradient descent, cross-entropy and squared error, linear and relu. Baseline: products with the
Hessian by ``torch.func`` (forward over reverse), given to scipy's ``eigsh`` (ARPACK) with its own settings; it is asked
for as many eigenvalues as the library (``--baseline`` for fewer: ARPACK needs minutes for 200 of them). Of the layers,
which are asked for in full, or for their 200 largest eigenvalues where relu makes them large, the slowest of five is
shown. One thread, processor time.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.sparse.linalg import LinearOperator, eigsh

from optima import DeepUFM, spectrum, train

SETTING = {"classes": 10, "depth": 5, "reg": 1e-3, "samples": 50, "width": 70}


def random_factors(problem: DeepUFM, seed: int) -> list[np.ndarray]:
    """Gaussian factors of variance 1 / d."""
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(shape) / np.sqrt(problem.width) for shape in problem.factor_shapes()]


def autograd_products(problem: DeepUFM, factors: list[np.ndarray]) -> LinearOperator:
    """The Hessian of the regularised objective by forward over reverse differentiation."""
    shapes = [factor.shape for factor in factors]
    ends = np.cumsum([factor.size for factor in factors])
    labels = torch.tensor(problem.labels)
    targets = torch.nn.functional.one_hot(labels, problem.classes).T.double()

    def objective(x: torch.Tensor) -> torch.Tensor:
        parts = torch.tensor_split(x, [int(end) for end in ends[:-1]])
        *weights, layer = (part.reshape(shape) for part, shape in zip(parts, shapes, strict=True))
        features = layer
        for number, weight in enumerate(weights):
            layer = weight @ (torch.relu(layer) if number and problem.activation == "relu" else layer)
        if problem.loss == "ce":
            fit = torch.nn.functional.cross_entropy(layer.T, labels)
        else:
            fit = ((layer - targets) ** 2).sum() / (2 * problem.size)
        return fit + sum(
            reg / 2 * (part**2).sum() for reg, part in zip(problem.regs, [*weights, features], strict=True)
        )

    x = torch.tensor(np.concatenate([factor.ravel() for factor in factors]))
    gradient = torch.func.grad(objective)
    product = lambda v: torch.func.jvp(gradient, (x,), (torch.tensor(np.ravel(v)),))[1].numpy()
    return LinearOperator((ends[-1],) * 2, matvec=product, dtype=float)


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """A result and the processor time it took."""
    start = time.process_time()
    return work(), time.process_time() - start


def main() -> None:
    """Print the table, and write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--baseline", type=int, default=None, help="eigenvalues of the baseline; default --count")
    parser.add_argument("--cases", default="ce-random,mse-random,ce-trained,mse-trained,relu-random,relu-trained")
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--out", type=Path, default=None)
    given = parser.parse_args()
    torch.set_num_threads(1)
    base = given.baseline or given.count
    lines = [
        f"| case | slowest layer (s) | known by | largest {given.count} of all (s) | known by | largest error stated | "
        f"autograd, {base} of them (s) | largest difference |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for case in given.cases.split(","):
        kind, where = case.split("-")
        loss, activation = ("mse" if kind == "mse" else "ce"), ("relu" if kind == "relu" else "linear")
        problem = DeepUFM(**SETTING, loss=loss, activation=activation)
        if where == "trained":
            run = train(problem, seeds=1, steps=given.steps, record=False, threads=1).runs[0]
            factors = list(run.factors)
        else:
            factors = random_factors(problem, 0)
        layers = [
            timed(lambda layer=layer, problem=problem, factors=factors: spectrum(problem, factors=factors, layer=layer))
            for layer in range(1, problem.depth + 1)
        ]
        slowest = max(seconds for _, seconds in layers)
        of_layers = ", ".join(sorted({one.known for found, _ in layers for one in found.eigenvalues}))
        ask = lambda problem=problem, factors=factors: spectrum(
            problem, factors=factors, regularised=True, count=given.count
        )
        found, ours = timed(ask)
        operator = autograd_products(problem, factors)
        start = np.random.default_rng(0).standard_normal(operator.shape[0])
        plain = lambda operator=operator, start=start: eigsh(
            operator, k=base, which="LA", v0=start, return_eigenvectors=False
        )
        values, theirs = timed(plain)
        difference = np.max(np.abs(np.sort(values)[::-1] - found.values[:base]))
        known = ", ".join(sorted({each.known for each in found.eigenvalues}))
        error = max(each.error for each in found.eigenvalues)
        cells = [case, f"{slowest:.2f}", of_layers, f"{ours:.1f}", known, f"{error:.1e}", f"{theirs:.1f}"]
        lines.append(f"| {' | '.join([*cells, f'{difference:.1e}'])} |")
        print(lines[-1], flush=True)
    if given.out is not None:
        title = "Spectra at K = 10, L = 5, d = 70, n = 50: 55,300 parameters; one thread, processor time"
        note = "Made by tests/benchmarks/bench_spectra.py, whose head says what is compared."
        given.out.write_text("\n".join([f"# {title}", "", note, "", *lines]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
