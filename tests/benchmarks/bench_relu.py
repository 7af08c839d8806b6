"""ReLU networks: the search against what a person would write with PyTorch, in one run; writes a Markdown table.

python tests/benchmarks/bench_relu.py --cells 3x4,4x4,6x4,7x3,8x3,10x3 --out tests/benchmarks/bench_relu.md

All networks are trained on every parameter at lambda = 1e-3, n = 1, width K + K/2 + 2. Baselines: Adam (learning rate
0.02, cosine to zero, 3000 steps) on 64 random gaussian networks at a time, and PyTorch's L-BFGS (strong Wolfe, 500
iterations) on one random network at a time; both begin anew until they have used as much processor time as the search,
and at least once. Losses are those of ``DeepUFM.objective`` at the factors returned. One thread.
"""

from __future__ import annotations

import argparse
import math
import time
from pathlib import Path

import numpy as np
import torch

from optima import DeepUFM, solve

REG = 1e-3
BATCH, STEPS, RATE = 64, 3000, 0.02
ITERATIONS = 500


def random_factors(problem: DeepUFM, count: int, generator: torch.Generator) -> list[torch.Tensor]:
    """Gaussian factors of variance 1 / width, with a leading axis over the networks."""
    width = problem.classes + problem.classes // 2 + 2
    shapes = problem.factor_shapes(width)
    draw = lambda shape: torch.randn(count, *shape, generator=generator, dtype=torch.float64) / math.sqrt(shape[1])
    return [draw(shape).requires_grad_() for shape in shapes]


def objective(problem: DeepUFM, factors: list[torch.Tensor]) -> torch.Tensor:
    """The loss of each network, shape (count,)."""
    *weights, layer = factors
    for number, weight in enumerate(weights):
        layer = weight @ (torch.relu(layer) if number else layer)
    K = problem.classes
    if problem.loss == "mse":
        fit = ((layer - torch.eye(K, dtype=layer.dtype)) ** 2).sum((-2, -1)) / (2 * K)
    else:
        fit = (torch.logsumexp(layer, -2) - torch.diagonal(layer, dim1=-2, dim2=-1)).mean(-1)
    return fit + REG / 2 * sum((factor**2).sum((-2, -1)) for factor in factors)


def adam(problem: DeepUFM, generator: torch.Generator) -> float:
    """The best loss of one batch."""
    factors = random_factors(problem, BATCH, generator)
    optimiser = torch.optim.Adam(factors, lr=RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, STEPS)
    for _ in range(STEPS):
        optimiser.zero_grad()
        objective(problem, factors).sum().backward()
        optimiser.step()
        schedule.step()
    return best_of(problem, factors)


def lbfgs(problem: DeepUFM, generator: torch.Generator) -> float:
    """The loss of one network."""
    factors = random_factors(problem, 1, generator)
    optimiser = torch.optim.LBFGS(factors, max_iter=ITERATIONS, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimiser.zero_grad()
        value = objective(problem, factors).sum()
        value.backward()
        return value

    optimiser.step(closure)
    return best_of(problem, factors)


def best_of(problem: DeepUFM, factors: list[torch.Tensor]) -> float:
    """The least objective of the model at any of the networks."""
    arrays = [factor.detach().numpy() for factor in factors]
    losses = [problem.objective([factor[i] for factor in arrays]) for i in range(len(arrays[0]))]
    finite = [loss for loss in losses if math.isfinite(loss)]
    return min(finite, default=math.inf)


def repeated(run, problem: DeepUFM, seconds: float, seed: int) -> tuple[float, int, float]:
    """Best loss, number of runs and processor time, until that time is used."""
    generator = torch.Generator().manual_seed(seed)
    began, best, count = time.process_time(), math.inf, 0
    while count == 0 or time.process_time() - began < seconds:
        best, count = min(best, run(problem, generator)), count + 1
    return best, count, time.process_time() - began


def cell(problem: DeepUFM, effort: str, seed: int) -> str:
    began = time.process_time()
    found = solve(problem, seed=seed, effort=effort)
    seconds = time.process_time() - began
    row = [f"{problem.classes}", f"{problem.depth}", problem.loss, f"{seed}", f"{found.loss:.10f}", f"{seconds:.1f}"]
    for run in (adam, lbfgs):
        best, count, spent = repeated(run, problem, seconds, seed)
        row += [f"{best:.10f}", f"{100 * (best / found.loss - 1):.2f} %", f"{count}", f"{spent:.1f}"]
    row.append(found.structure)
    return "| " + " | ".join(row) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", default="3x4,4x4,6x4,7x3,8x3,10x3", help="KxL with commas")
    parser.add_argument("--losses", default="mse")
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--effort", default="normal")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    solve(DeepUFM(3, 2, REG, loss="mse", activation="relu"), effort="quick")
    heads = ["K", "L", "loss", "seed", "search", "s"]
    heads += [f"{name}{what}" for name in ("Adam", "L-BFGS") for what in ("", " above", " runs", " s")] + ["structure"]
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    print(*lines, sep="\n", flush=True)
    for loss in options.losses.split(","):
        for pair in options.cells.split(","):
            K, L = map(int, pair.split("x"))
            for seed in map(int, options.seeds.split(",")):
                lines.append(cell(DeepUFM(K, L, REG, loss=loss, activation="relu"), options.effort, seed))
                print(lines[-1], flush=True)
    if options.out is not None:
        command = f"`python tests/benchmarks/bench_relu.py --cells {options.cells} --losses {options.losses} "
        command += f"--seeds {options.seeds} --effort {options.effort}`"
        versions = f"numpy {np.__version__}, torch {torch.__version__}, one thread, lambda = {REG:g}, n = 1."
        text = ["# ReLU networks: the search and PyTorch", "", f"{command}; {versions}", "", *lines]
        options.out.write_text("\n".join(text) + "\n")


if __name__ == "__main__":
    main()
