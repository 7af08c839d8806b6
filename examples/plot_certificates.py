"""Gap between the best minimum known and its proved lower bound over time: our proofs and SCIP, three classes.

Draws certificates.png and certificates.pdf beside this file from tests/benchmarks/bench_scip.csv, which
tests/benchmarks/bench_scip.py measures:

    python examples/plot_certificates.py
"""

import csv
from collections import defaultdict
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

HERE = Path(__file__).parent
CURVES = HERE.parent / "tests" / "benchmarks" / "bench_scip.csv"
# Okabe and Ito's colours, told apart by line and marker too.
STYLES = {
    "optima": {"color": "#000000", "linestyle": "-", "marker": "o"},
    "SCIP, singular values": {"color": "#0072B2", "linestyle": "--", "marker": "s"},
    "SCIP, factors": {"color": "#D55E00", "linestyle": "-.", "marker": "^"},
}
LABELS = {
    "optima": "branch and bound of optima",
    "SCIP, singular values": "SCIP on the singular value decomposition",
    "SCIP, factors": "SCIP on the factors",
}

Curve = list[tuple[float, float]]


def read() -> dict[tuple[str, str], dict[str, Curve]]:
    """Curves (second, gap) of each method for each problem (L, lambda)."""
    problems: dict[tuple[str, str], dict[str, Curve]] = defaultdict(lambda: defaultdict(list))
    with open(CURVES, newline="") as stream:
        for row in csv.DictReader(stream):
            gap = 1 - float(row["lower"]) / float(row["upper"])
            problems[row["depth"], row["reg"]][row["method"]].append((float(row["second"]), gap))
    return problems


def draw(axes: plt.Axes, depth: str, reg: str, methods: dict[str, Curve]) -> None:
    """The gaps of one problem, as steps: a bound holds until a better one is proved."""
    latest = max(curve[-1][0] for curve in methods.values())
    for method, curve in methods.items():
        done = method == "optima"
        points = curve if done else [*curve, (latest, curve[-1][1])]
        every = max(1, len(points) // 8)
        axes.plot(*zip(*points, strict=True), drawstyle="steps-post", markevery=every, markersize=4, **STYLES[method])
        second, gap = points[-1]
        text = f"{gap:.0e} after {second:.1f} s" if done else f"{gap:.3g}"
        place = {"xytext": (8, 0), "va": "center"} if done else {"xytext": (0, -6), "va": "top", "ha": "right"}
        axes.annotate(text, (second, gap), textcoords="offset points", fontsize=8, **place)
    axes.set(xscale="log", yscale="log", xlabel="seconds", ylim=(5e-7, 2.0))
    axes.set_title(f"$K = 3$, $L = {depth}$, $\\lambda = {float(reg):g}$", fontsize=11)
    axes.grid(True, color="0.92", linewidth=0.8)


def main() -> None:
    """One panel per problem."""
    problems = read()
    figure, panels = plt.subplots(1, len(problems), figsize=(10, 4.4), sharey=True, layout="constrained")
    for axes, ((depth, reg), methods) in zip(panels, problems.items(), strict=True):
        draw(axes, depth, reg, methods)
        for method, curve in methods.items():
            print(f"L = {depth}, lambda = {reg}, {method}: gap {curve[-1][1]:.2g} after {curve[-1][0]:.3g} s")
    panels[0].set_ylabel("relative gap, 1 $-$ lower / upper")
    handles = [plt.Line2D([], [], label=LABELS[method], markersize=4, **style) for method, style in STYLES.items()]
    figure.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False)
    for ending in ("png", "pdf"):
        figure.savefig(HERE / f"certificates.{ending}", dpi=160)


if __name__ == "__main__":
    main()
