"""Neural collapse measures against a public library: the same numbers, and how long both take.

git clone https://github.com/rhubarbwu/neural-collapse OTHER
python tests/benchmarks/bench_measures.py OTHER --out tests/benchmarks/bench_measures.md

Gaussian features around gaussian class means in single precision, in batches of 250: ten classes of one size, ten of
very different ones, fewer samples than features, and means far from zero. The library (revision c05a0b8, as its own
example uses it) goes through the batches three times: means, then covariance and variances, then nearest centres. Ours
go twice. Both are then compared with the definitions in extended precision, one sample after another. Processor time of
one thread, the least of five. Ours also has singular values, ranks and the other measures of optima.measure.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from optima.measures import LayerStream, MeasureStream

BATCH = 250
NAMES = ("nc1_trace", "nc1_pinv", "cdnv", "nc2", "alignment", "log_distance", "nc4")
CASES = {
    "10 x 500, d = 256": ((500,) * 10, 256, 0.0),
    "10 x 500, d = 1024": ((500,) * 10, 1024, 0.0),
    "unequal, 1 to 2560": (tuple(5 * 2**k for k in range(10)), 256, 0.0),
    "10 x 20, d = 512": ((20,) * 10, 512, 0.0),
    "means 1000 away": ((500,) * 10, 256, 1000.0),
}


def sample(sizes: tuple[int, ...], d: int, shift: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features, labels and a classifier."""
    rng = np.random.default_rng(0)
    labels = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    means = rng.standard_normal((len(sizes), d))
    rows = means[labels] + 0.3 * rng.standard_normal((labels.size, d)) + shift
    weights = means + 0.1 * rng.standard_normal(means.shape)
    return rows.astype(np.float32), labels, weights.astype(np.float32)


def ours(rows: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> dict[str, float]:
    """Two passes."""
    stream = LayerStream("W", len(weights), rows.shape[1], weights.astype(float))
    found = MeasureStream(len(weights), [stream])
    batches = [slice(start, start + BATCH) for start in range(0, len(rows), BATCH)]
    for part in batches:
        x = rows[part].astype(float)
        stream.add(x, labels[part])
        found.add(labels[part], x @ stream.weight.T)
    for part in batches:
        x = rows[part].astype(float)
        found.agree(x, x @ stream.weight.T)
    result = found.finished([None], "")
    return {**result.last.measures, "nc4": result.nc4}


def theirs(
    rows: np.ndarray, labels: np.ndarray, weights: np.ndarray, kind: torch.dtype = torch.float32
) -> dict[str, float]:
    """Three passes, as in the example of the library; in single precision, which is its default, or double."""
    from neural_collapse import accumulate, kernels, measure

    x, y, W = torch.tensor(rows).to(kind), torch.tensor(labels), torch.tensor(weights).to(kind)
    K, d = W.shape
    batches = [slice(start, start + BATCH) for start in range(0, len(x), BATCH)]
    mean = accumulate.MeanAccumulator(K, d, "cpu", kind)
    for part in batches:
        mean.accumulate(x[part], y[part])
    means, middle = mean.compute()
    spread = accumulate.VarNormAccumulator(K, d, "cpu", kind, M=means)
    covariance = accumulate.CovarAccumulator(K, d, "cpu", kind, M=means)
    for part in batches:
        spread.accumulate(x[part], y[part], means)
        covariance.accumulate(x[part], y[part], means)
    decisions = accumulate.DecAccumulator(K, d, "cpu", kind, M=means, W=W)
    for part in batches:
        decisions.accumulate(x[part], y[part], W, means)
    within, (variances, _) = covariance.compute(), spread.compute()
    return {
        "nc1_trace": measure.covariance_ratio(within, means, middle, "quotient"),
        "nc1_pinv": measure.covariance_ratio(within, means, middle),
        "cdnv": measure.variability_cdnv(variances, means),
        "nc2": measure.simplex_etf_error(means, middle),
        "alignment": measure.self_duality_error(W, means, middle),
        "log_distance": kernels.kernel_stats(means, middle, kernel=kernels.log_kernel)[0],
        "nc4": measure.clf_ncc_agreement(decisions),
    }


def exact(rows: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> dict[str, float]:
    """The definitions, in extended precision but for the pseudo-inverse."""
    x, W = rows.astype(np.longdouble), weights.astype(np.longdouble)
    K = len(W)
    means = np.stack([x[labels == c].mean(axis=0) for c in range(K)])
    middle = means.mean(axis=0)
    centred, deviations = means - middle, x - means[labels]
    variance = np.array([np.mean(np.sum(deviations[labels == c] ** 2, axis=1)) for c in range(K)])
    pairs = [(a, b) for a in range(K) for b in range(a)]
    units = centred / np.sqrt(np.sum(centred**2, axis=1, keepdims=True))
    ideal = (np.eye(K) - 1 / K) / np.sqrt(K - 1)
    norm = lambda matrix: np.sqrt(np.sum(matrix**2))
    away = lambda gram: norm(gram / norm(gram) - ideal)
    near = np.array([np.argmin(np.sum((row - means) ** 2, axis=1)) for row in x])
    inverse = np.linalg.pinv(centred.astype(float))
    return {
        "nc1_trace": np.mean(np.sum(deviations**2, axis=1)) / np.mean(np.sum(centred**2, axis=1)),
        "nc1_pinv": np.sum((deviations.astype(float) @ inverse) ** 2) / len(x),
        "cdnv": np.mean([(variance[a] + variance[b]) / 2 / np.sum((means[a] - means[b]) ** 2) for a, b in pairs]),
        "nc2": away(centred @ centred.T),
        "alignment": away(W @ centred.T),
        "log_distance": np.mean([-np.log(norm(units[a] - units[b])) for a, b in pairs]),
        "nc4": np.mean(near == (x @ W.T).argmax(axis=1)),
    }


def timed(function: Callable[..., Any], data: tuple[np.ndarray, ...]) -> tuple[dict[str, float], float]:
    """The numbers, and the least processor time."""
    times = []
    for _ in range(5):
        start = time.process_time()
        found = function(*data)
        times.append(time.process_time() - start)
    return found, min(times)


def main() -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("other", help="a clone of the library")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    sys.path.insert(0, options.other)
    torch.set_num_threads(1)
    lines = [
        "# Measures of neural collapse: errors relative to the definitions, and processor time of one thread",
        "",
        "Made by tests/benchmarks/bench_measures.py, whose head says what is compared; each cell ours / the library's.",
        "Seconds: ours in double precision, the library's in single, its default, and in double.",
        "",
        f"| case | {' | '.join(NAMES)} | seconds |",
        f"|{'---|' * (len(NAMES) + 2)}",
    ]
    for name, setting in CASES.items():
        data = sample(*setting)
        truth, (own, mine), (other, its) = exact(*data), timed(ours, data), timed(theirs, data)
        _, double = timed(theirs, (*data, torch.float64))
        error = lambda found, key, truth=truth: abs(float(found[key] / truth[key]) - 1)
        cells = [f"{error(own, key):.0e} / {error(other, key):.0e}" for key in NAMES]
        lines.append(f"| {name} | {' | '.join(cells)} | {mine:.3f} / {its:.3f} / {double:.3f} |")
    text = "\n".join(lines) + "\n"
    print(text)
    if options.out:
        options.out.write_text(text)


if __name__ == "__main__":
    main()
