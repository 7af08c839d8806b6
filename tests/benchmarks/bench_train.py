"""Steps per second of the trainer against plain PyTorch loops of the same maths; writes a Markdown table.

OPENBLAS_NUM_THREADS=1 python tests/benchmarks/bench_train.py --out tests/benchmarks/bench_train.md

The loops train one seed each, as a script would: one with autograd and torch.optim.SGD, one with the gradients written
out. Both use one thread and double precision, and so does the trainer on numpy. With --device cuda all of them run
on the GPU, the trainer through its torch backend.
"""

from __future__ import annotations

import argparse
import datetime
import platform
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from optima import DeepUFM
from optima.train.arrays import Backend
from optima.train.descent import Descent, Trial
from optima.train.initial import Initialisation
from optima.train.rule import Rule

LR = 0.5
WIDTHS, SEEDS, DEPTHS = (20, 70, 200), (1, 10), (2, 3)


def autograd_loop(problem: DeepUFM, device: str) -> Callable[[int], None]:
    """Autograd and SGD with weight decay."""
    leaves = [torch.tensor(f, device=device, requires_grad=True) for f in Initialisation(problem).factors(0)]
    labels = torch.tensor(problem.labels.copy(), device=device)
    optimiser = torch.optim.SGD(leaves, lr=LR, weight_decay=problem.regs[0])

    def run(steps: int) -> None:
        for _ in range(steps):
            optimiser.zero_grad()
            z = leaves[-1]
            for number, weight in enumerate(leaves[:-1], start=1):
                z = weight @ z
                if problem.activation == "relu" and number < problem.depth:
                    z = torch.relu(z)
            torch.nn.functional.cross_entropy(z.T, labels).backward()
            optimiser.step()

    return run


def written_loop(problem: DeepUFM, device: str) -> Callable[[int], None]:
    """Backpropagation written out, without autograd."""
    factors = [torch.tensor(f, device=device) for f in Initialisation(problem).factors(0)]
    one_hot = torch.nn.functional.one_hot(torch.tensor(problem.labels.copy(), device=device)).T.double()
    samples, reg = problem.labels.size, problem.regs[0]
    relu = problem.activation == "relu"

    def run(steps: int) -> None:
        for _ in range(steps):
            layers = [factors[-1]]
            for weight in factors[:-2]:
                layer = weight @ layers[-1]
                layers.append(torch.relu(layer) if relu else layer)
            signal = (torch.softmax(factors[-2] @ layers[-1], dim=0) - one_hot) / samples
            for index in range(problem.depth - 1, -1, -1):
                gradient = signal @ layers[index].T
                signal = factors[index].T @ signal
                if relu and index > 0:
                    signal = signal * (layers[index] > 0)
                factors[index].mul_(1 - LR * reg).sub_(gradient, alpha=LR)
            factors[-1].mul_(1 - LR * reg).sub_(signal, alpha=LR)

    return run


def trainer(problem: DeepUFM, seeds: int, device: str) -> Callable[[int], None]:
    """The trainer's own steps, without its records."""
    backend = Backend() if device == "cpu" else Backend("torch", device)
    trials = [Trial(problem, LR, seed) for seed in range(seeds)]
    descent = Descent(trials, 10**9, Rule(), 1e-9, False, backend)
    descent.begin([Initialisation(problem).factors(seed) for seed in range(seeds)])
    return descent.advance


def seconds(run: Callable[[int], None], steps: int, device: str) -> float:
    """Seconds per step: of processor time on a CPU, where other work may take its turns, of the clock on a GPU."""
    clock = time.process_time if device == "cpu" else time.perf_counter
    start = clock()
    run(steps)
    if device != "cpu":
        torch.cuda.synchronize()
    return (clock() - start) / steps


def measure(problem: DeepUFM, rounds: int, device: str) -> dict[str, list[float]]:
    """Seconds per step and seed of everything, interleaved round by round."""
    runs = {"autograd": (1, autograd_loop(problem, device)), "written": (1, written_loop(problem, device))}
    runs |= {f"optima {seeds}": (seeds, trainer(problem, seeds, device)) for seeds in SEEDS}
    steps = {}
    for name, (_, run) in runs.items():
        steps[name] = max(10, int(0.15 / seconds(run, 30, device)))
    found: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, (seeds, run) in runs.items():
            found[name].append(seconds(run, steps[name], device) / seeds)
    return found


def row(problem: DeepUFM, found: dict[str, list[float]]) -> str:
    """Microseconds per step and seed, and ratios round by round: median (least to largest)."""
    cells = [f"{1e6 * np.median(found[name]):.1f}" for name in found]
    for seeds in SEEDS:
        for loop in ("autograd", "written"):
            ratios = np.array(found[loop]) / np.array(found[f"optima {seeds}"])
            cells.append(f"{np.median(ratios):.1f} ({ratios.min():.1f} to {ratios.max():.1f})")
    return f"| {problem.activation} | {problem.depth} | {problem.width} | " + " | ".join(cells) + " |"


def main() -> None:
    """Measure every model and write the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    torch.set_num_threads(1)
    rows = []
    for activation in ("linear", "relu"):
        for depth in DEPTHS:
            for width in WIDTHS:
                problem = DeepUFM(10, depth, 2**-10, 5, width=width, activation=activation)
                rows.append(row(problem, measure(problem, options.rounds, options.device)))
                print(rows[-1], flush=True)
    cpu = platform.processor() or platform.machine()
    device = f"CPU ({cpu})" if options.device == "cpu" else torch.cuda.get_device_name()
    options.out.write_text(report(rows, device, options))


def report(rows: list[str], device: str, options: argparse.Namespace) -> str:
    """The table and what it was run on."""
    heads = ["autograd", "written out", *(f"optima, {seeds} seed{'s' * (seeds > 1)}" for seeds in SEEDS)]
    heads += [f"{loop} / optima {seeds}" for seeds in SEEDS for loop in ("autograd", "written out")]
    return (
        f"""# The trainer against plain PyTorch loops

Made by `python tests/benchmarks/bench_train.py --device {options.device} --rounds {options.rounds} --out ...` on \
{datetime.date.today()}; device {device}; Python {platform.python_version()}, numpy {np.__version__}, torch \
{torch.__version__}. K = 10, n = 5, cross-entropy, double precision, one thread. Microseconds per step and seed \
(median of {options.rounds} interleaved rounds), then the time of the loops over that of the trainer, per seed: median \
(least to largest of the rounds). Times are processor times on a CPU, as the machine may be shared.

| model | L | d | {" | ".join(heads)} |
|{"---|" * (3 + len(heads))}
"""
        + "\n".join(rows)
        + "\n"
    )


if __name__ == "__main__":
    main()
