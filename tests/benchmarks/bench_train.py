"""Steps per second of the trainer against plain PyTorch loops of the same maths; writes a Markdown table.

python tests/benchmarks/bench_train.py --out tests/benchmarks/bench_train.md
OPENBLAS_CORETYPE=Haswell python tests/benchmarks/bench_train.py --out tests/benchmarks/bench_train_avx2.md

The second holds numpy to its AVX2 kernels, whose speed is near to that of PyTorch's products on AMD processors.

The loops train one seed each, as a script would: one with autograd and torch.optim.SGD, one with the gradients written
out, both on one thread. All is in double precision. On a CPU the trainer is timed on one core, and then on all. With
--device cuda all of them run on the GPU, the trainer through its torch backend.
"""

from __future__ import annotations

import argparse
import datetime
import math
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from threadpoolctl import threadpool_info, threadpool_limits

from optima import DeepUFM
from optima.model.arrays import Backend
from optima.training.descent import GLANCE, Descent, Settings, Trial
from optima.training.initial import Initialisation
from optima.training.rule import Rule
from optima.workers.threads import Crew, cores, crew

LR = 0.5
WIDTHS, SEEDS, DEPTHS = (20, 70, 200), (1, 10), (2, 3)
LOOPS = ("autograd", "written")
CORETYPE = "OPENBLAS_CORETYPE"
CPU_TIMES = """Times are processor times on one core, as the machine may be shared; but those of the last three \
columns are of the clock, with all cores for the trainer, in rounds in which other processes used less than a tenth of \
the machine."""


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


def trainer(problem: DeepUFM, seeds: int, device: str, hands: Crew) -> Callable[[int], None]:
    """The trainer's own steps, without its records."""
    backend = Backend() if device == "cpu" else Backend("torch", device)
    trials = [Trial(problem, LR, seed) for seed in range(seeds)]
    descent = Descent(trials, Settings(10**9, Rule(), 1e-9, False), backend, hands)
    descent.begin([Initialisation(problem).factors(seed) for seed in range(seeds)])

    def run(steps: int) -> None:
        for first in range(0, steps, GLANCE):
            descent.advance(min(GLANCE, steps - first))

    return run


def seconds(run: Callable[[int], None], steps: int, device: str) -> float:
    """Seconds per step: of processor time on a CPU, where other work may take its turns, of the clock on a GPU."""
    clock = time.process_time if device == "cpu" else time.perf_counter
    start = clock()
    run(steps)
    if device != "cpu":
        torch.cuda.synchronize()
    return (clock() - start) / steps


def quiet_seconds(run: Callable[[int], None], steps: int) -> float:
    """Seconds of the clock per step; nan when other processes used more than a tenth of the cores meanwhile (Linux)."""
    before, own, start = busy(), time.process_time(), time.perf_counter()
    run(steps)
    elapsed = time.perf_counter() - start
    others = busy() - before - (time.process_time() - own)
    return elapsed / steps if others < 0.1 * elapsed * cores() else math.nan


def busy() -> float:
    """Seconds that the cores of this machine have worked for anyone."""
    ticks = [int(word) for word in Path("/proc/stat").read_text().split("\n")[0].split()[1:]]
    idle, waiting = ticks[3], ticks[4]
    return (sum(ticks) - idle - waiting) / os.sysconf("SC_CLK_TCK")


def measure(problem: DeepUFM, rounds: int, device: str) -> dict[str, list[float]]:
    """Seconds per step and seed of everything on one core or on the GPU, interleaved round by round."""
    runs = {"autograd": (1, autograd_loop(problem, device)), "written": (1, written_loop(problem, device))}
    runs |= {f"optima {seeds}": (seeds, trainer(problem, seeds, device, Crew())) for seeds in SEEDS}
    steps = {name: max(10, int(0.15 / seconds(run, 30, device))) for name, (_, run) in runs.items()}
    found: dict[str, list[float]] = {name: [] for name in runs}
    with threadpool_limits(1, user_api="blas"):
        for _ in range(rounds):
            for name, (seeds, run) in runs.items():
                found[name].append(seconds(run, steps[name], device) / seeds)
    return found


def measure_all_cores(problem: DeepUFM, rounds: int, patience: float) -> dict[str, list[float]]:
    """Seconds of the clock per step and seed with all cores, of quiet rounds until there are enough or it is time."""
    with crew(None, Backend()) as hands:
        runs = {"autograd": (1, autograd_loop(problem, "cpu")), "written": (1, written_loop(problem, "cpu"))}
        runs["optima"] = (SEEDS[-1], trainer(problem, SEEDS[-1], "cpu", hands))
        steps = {name: max(GLANCE, int(0.1 / seconds(run, GLANCE, "cpu"))) for name, (_, run) in runs.items()}
        found: dict[str, list[float]] = {name: [] for name in runs}
        end = time.monotonic() + patience
        while time.monotonic() < end and len(found["optima"]) < rounds:
            times = {name: quiet_seconds(run, steps[name]) / seeds for name, (seeds, run) in runs.items()}
            if not math.isnan(sum(times.values())):
                for name, value in times.items():
                    found[name].append(value)
    return found


def ratio(loop: list[float], ours: list[float]) -> str:
    """Of each round: median (least to largest)."""
    ratios = np.array(loop) / np.array(ours)
    return f"{np.median(ratios):.1f} ({ratios.min():.1f} to {ratios.max():.1f})" if ratios.size else "not measured"


def row(problem: DeepUFM, options: argparse.Namespace) -> str:
    """Microseconds per step and seed, and ratios."""
    found = measure(problem, options.rounds, options.device)
    cells = [f"{1e6 * np.median(times):.1f}" for times in found.values()]
    cells += [ratio(found[loop], found[f"optima {seeds}"]) for seeds in SEEDS for loop in LOOPS]
    if options.device == "cpu":
        spread = measure_all_cores(problem, options.rounds, options.patience)
        cells.append(f"{1e6 * np.median(spread['optima']):.1f}" if spread["optima"] else "not measured")
        cells += [ratio(spread[loop], spread["optima"]) for loop in LOOPS]
    return f"| {problem.activation} | {problem.depth} | {problem.width} | " + " | ".join(cells) + " |"


def main() -> None:
    """Measure every model and write the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--patience", type=float, default=20.0, help="seconds to wait for a quiet machine, per model")
    options = parser.parse_args()
    # The waiting of more threads would count as processor time.
    torch.set_num_threads(1)
    rows = []
    for activation in ("linear", "relu"):
        for depth in DEPTHS:
            for width in WIDTHS:
                problem = DeepUFM(10, depth, 2**-10, 5, width=width, activation=activation)
                rows.append(row(problem, options))
                print(rows[-1], flush=True)
    options.out.write_text(report(rows, options))


def report(rows: list[str], options: argparse.Namespace) -> str:
    """The table and what it was run on."""
    many = f"{SEEDS[-1]} seeds"
    heads = ["autograd", "written out", "optima, 1 seed", f"optima, {many}"]
    heads += [f"{loop} / optima, {seeds}" for seeds in ("1 seed", many) for loop in ("autograd", "written out")]
    if options.device == "cpu":
        heads += [
            f"optima, {many}, all cores",
            *(f"{loop} / optima, all cores" for loop in ("autograd", "written out")),
        ]
        device, how = cpu(), CPU_TIMES
    else:
        device, how = torch.cuda.get_device_name(), "Times are of the clock."
    command = f"--device {options.device} --rounds {options.rounds} --patience {options.patience:g}"
    return (
        f"""# The trainer against plain PyTorch loops

Made by `python tests/benchmarks/bench_train.py {command} --out ...` on {datetime.date.today()}; device {device}; \
Python {platform.python_version()}, numpy {np.__version__}, torch {torch.__version__}. K = 10, n = 5, cross-entropy, \
double precision. Microseconds per step and seed (median of the interleaved rounds), then the time of the loops, which \
train one seed, over that of the trainer, per seed: median (least to largest of the rounds). {how}

| model | L | d | {" | ".join(heads)} |
|{"---|" * (3 + len(heads))}
"""
        + "\n".join(rows)
        + "\n"
    )


def cpu() -> str:
    """Processor, cores and the kernels that numpy's linear algebra library has chosen for it."""
    kernels = {entry.get("architecture") for entry in threadpool_info() if entry["user_api"] == "blas"}
    name = platform.processor() or platform.machine()
    chosen = f"OPENBLAS_CORETYPE={os.environ[CORETYPE]}" if CORETYPE in os.environ else "its own choice"
    return f"CPU ({name}, {cores()} cores; OpenBLAS kernels {', '.join(map(str, kernels))}, {chosen})"


if __name__ == "__main__":
    main()
