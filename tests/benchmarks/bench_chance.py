"""How often ten times the work improves on a search, by how often the search met its best minimum.

    python tests/benchmarks/bench_chance.py [--cells 30] [--seeds 10]

Draws cells with classes of one size (K = 4 to 48) and of unequal sizes (K = 4 to 26), solves each from ten seeds, and
takes the least of the ten losses for what ten times the work finds. A run is improved on when that is lower by more
than 1e-8. Rows go to chance.csv as they come, and a second call goes on; chance.md and the numbers that
``optima.search.chance`` holds are made from it.
"""

import argparse
import csv
from pathlib import Path

import numpy as np

import optima
from optima.search.chance import TABLE, place, upper_limit

HERE = Path(__file__).parent
ROWS = HERE / "chance.csv"
NAMES = ("kind", "cell", "classes", "depth", "reg", "sizes", "seed", "loss", "hits")
IMPROVED = 1e-8
LARGEST = {"equal": 48, "unequal": 26}


def cells(kind, count):
    """Problems drawn over classes, depth, regularisation and shapes of unequal sizes."""
    rng = np.random.default_rng([2026, kind == "equal"])
    for number in range(count):
        K = int(np.exp(rng.uniform(np.log(4), np.log(LARGEST[kind] + 0.99))))
        depth, reg = int(rng.integers(2, 7)), 10 ** rng.uniform(-5, -1.5)
        sizes = drawn_sizes(rng, K, number) if kind == "unequal" else (1,) * K
        reg = float(reg / np.mean(sizes) ** (1 / (depth + 1)))
        yield number, optima.DeepUFM(K, depth, reg, sizes)


def drawn_sizes(rng, K, number):
    """Steps, long tails, random numbers and powers, in turn."""
    ratio = float(rng.choice([3, 10, 30, 100]))
    few = int(rng.integers(1, K))
    shapes = (
        lambda: [ratio] * few + [1] * (K - few),
        lambda: ratio ** (np.arange(K) / (K - 1)),
        lambda: rng.integers(1, ratio + 1, K),
        lambda: 1 + np.arange(K) ** 2,
    )
    sizes = tuple(max(1, round(float(size))) for size in shapes[number % 4]())
    return sizes if len(set(sizes)) > 1 else (sizes[0] + 1, *sizes[1:])


def hits(solution):
    """How many searches met the best minimum."""
    return max((rung.minima[0].hits for rung in solution.ladder if rung.loss <= solution.loss * (1 + 1e-9)), default=0)


def measure(count, seeds):
    done = set()
    if ROWS.exists():
        with ROWS.open(newline="") as file:
            done = {(row["kind"], int(row["cell"]), int(row["seed"])) for row in csv.DictReader(file)}
    with ROWS.open("a", newline="") as file:
        writer = csv.writer(file)
        if not done:
            writer.writerow(NAMES)
        pairs = zip(cells("equal", count), cells("unequal", count), strict=True)
        for (number, equal), (_, unequal) in pairs:
            for kind, problem in (("equal", equal), ("unequal", unequal)):
                for seed in range(seeds):
                    if (kind, number, seed) not in done:
                        found = optima.solve(problem, seed)
                        about = (kind, number, problem.classes, problem.depth, problem.reg)
                        sizes = " ".join(map(str, problem.class_sizes))
                        writer.writerow((*about, sizes, seed, repr(found.loss), hits(found)))
                        file.flush()


def table():
    """(kind, bin) -> [runs, improved] from the rows, cells with all their seeds only."""
    with ROWS.open(newline="") as file:
        rows = list(csv.DictReader(file))
    most = max(int(row["seed"]) for row in rows)
    by_cell = {}
    for row in rows:
        by_cell.setdefault((row["kind"], row["cell"]), []).append((float(row["loss"]), int(row["hits"])))
    counts = {}
    for (kind, _), runs in by_cell.items():
        if len(runs) > most:
            best = min(loss for loss, _ in runs)
            for loss, met in runs:
                count = counts.setdefault((kind, place(met)), [0, 0])
                count[0] += 1
                count[1] += best < loss * (1 - IMPROVED)
    return {key: tuple(counts[key]) for key in sorted(counts)}


def write():
    counts = table()
    lines = [
        "# How often ten times the work improves on a search",
        "",
        "Made by `python tests/benchmarks/bench_chance.py`; one row a run is in `chance.csv`. A run is improved on",
        "when the best of ten seeds is lower by more than 1e-8 (relative).",
        "",
        "| class sizes | best minimum met | runs | improved on | share | at most (95 %) |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for (kind, met), (runs, improved) in counts.items():
        limit = upper_limit(runs, improved)
        lines.append(f"| {kind} | {met} or more times | {runs} | {improved} | {improved / runs:.3f} | {limit:.3f} |")
    (HERE / "chance.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))
    if counts != TABLE:
        print("\noptima/search/chance.py holds other numbers; put in\nTABLE =", counts)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=30)
    parser.add_argument("--seeds", type=int, default=10)
    arguments = parser.parse_args()
    measure(arguments.cells, arguments.seeds)
    write()
