"""Many flows without regularisation at once against scipy's solve_ivp start by start; writes a Markdown table.

python tests/benchmarks/bench_flow.py --out tests/benchmarks/bench_flow.md

1,000 starts 0.1 exp(0.3 N(0, 1)) in a Hadamard basis of K = 16 classes, to t = 1e6. Both sides know the equation of the
singular values; solve_ivp integrates it in plain time, with LSODA at the same tolerance and with its default method.
Errors are those against flows one by one at a tolerance of 1e-13, for the first 20 starts.
"""

from __future__ import annotations

import argparse
import datetime
import platform
import time
from pathlib import Path

import numpy as np
import scipy
from scipy.integrate import solve_ivp

from optima import DeepUFM, flow
from optima.dynamics import many_flows
from optima.dynamics.characters import Characters

K, STARTS, T_END, TOLERANCE, SAMPLE = 16, 1000, 1e6, 1e-9, 20
DEPTHS = (1, 2, 3, 6)
GROUP = (2, 2, 2, 2)


def one_by_one(problem: DeepUFM, starts: np.ndarray, **how: object) -> np.ndarray:
    """What one would write without this package: the equation in plain time."""
    equations = Characters(problem, GROUP)
    rate = lambda t, zeta: zeta * equations.rates(np.log(zeta), 0.0)
    return np.array([solve_ivp(rate, (0, T_END), start, t_eval=(T_END,), **how).y[:, -1] for start in starts])


def timed(run, *arguments, **named):
    """The result, seconds of the clock and of the processor."""
    clock, processor = time.perf_counter(), time.process_time()
    found = run(*arguments, **named)
    return found, time.perf_counter() - clock, time.process_time() - processor


def row(depth: int) -> str:
    """One line of the table."""
    problem = DeepUFM(K, depth, 0)
    starts = 0.1 * np.exp(0.3 * np.random.default_rng(0).standard_normal((STARTS, K - 1)))
    exact = np.array([flow(problem, each, T_END, group=GROUP, tolerance=1e-13).zeta[-1] for each in starts[:SAMPLE]])
    ours, clock, processor = timed(many_flows, problem, starts, T_END, tolerance=TOLERANCE)
    same, same_clock, same_processor = timed(
        one_by_one, problem, starts, method="LSODA", rtol=TOLERANCE, atol=TOLERANCE
    )
    error = lambda found: f"{np.abs(found[:SAMPLE] / exact - 1).max():.1e}"
    cells = [depth, f"{clock:.2f}", f"{processor:.2f}", error(ours), f"{same_clock:.1f}", f"{same_processor:.1f}"]
    return "| " + " | ".join(map(str, [*cells, error(same), f"{same_processor / processor:.0f}"])) + " |"


def main() -> None:
    """Time and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    many_flows(DeepUFM(K, 2, 0), np.full((2, K - 1), 0.1), 10.0)
    head = (
        "| L | optima, clock (s) | processor (s) | error | solve_ivp, clock (s) | processor (s) | error | ratio |\n"
        "|---|---|---|---|---|---|---|---|"
    )
    words = (
        f"# {STARTS:,} flows at once against solve_ivp start by start\n\n"
        f"Made by `python tests/benchmarks/bench_flow.py --out ...` on {datetime.date.today()}; {platform.machine()}, "
        f"numpy {np.__version__}, scipy {scipy.__version__}, one thread. K = {K}, Hadamard basis, to t = {T_END:g}, "
        f"tolerance {TOLERANCE:g} on both sides (LSODA). The ratio is of processor times; the machine may be shared. "
        f"Errors are relative, the largest of {SAMPLE} starts.\n\n{head}\n"
    )
    options.out.write_text(words + "\n".join(row(depth) for depth in DEPTHS) + "\n", encoding="utf-8")
    print(options.out.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
