"""A flow without regularisation: singular values, effective rank and margin against the logarithm of time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from optima.plot.figure import Figure, defaults

if TYPE_CHECKING:
    from optima.dynamics.flow import Flow


@defaults
def plot_flow(flow: Flow) -> Figure:
    """Singular values over sqrt(N/K) and the margin, and the effective rank, against log10 t."""
    shown = np.isfinite(flow.log_times)
    time = flow.log_times[shown] / np.log(10)
    problem = flow.problem
    figure = Figure(figsize=(9.2, 4.0), layout="constrained")
    left, right = figure.subplots(1, 2)
    figure.suptitle(f"Training without regularisation: $K = {problem.classes}$, $L = {problem.depth}$", fontsize=11)
    values = flow.singular_values[shown][:, : problem.classes] / np.sqrt(problem.size / problem.classes)
    left.plot(time, values, color="#4f7fb5", linewidth=1.2)
    left.plot([], [], color="#4f7fb5", label=r"singular values of $Z$ over $\sqrt{N/K}$")
    left.plot(time, flow.margins[shown], color="#a17000", linestyle="--", label="smallest margin")
    left.set(xlabel=r"$\log_{10} t$")
    left.legend(fontsize=8, frameon=False)
    right.plot(time, flow.effective_ranks[shown], color="#00204c")
    right.set(xlabel=r"$\log_{10} t$", ylabel="effective rank", ylim=(0, problem.classes))
    return figure
