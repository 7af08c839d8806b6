"""The all-parameter objective of a linear network with its gradient, compiled, for baselines that run for hours.

f(W_1, ..., W_L, H) = (1/K) sum_i CE(z_i, e_i) + (lam / 2) (sum_l ||W_l||_F^2 + ||H||_F^2), Z = W_L ... W_1 H in
R^{K x K}: one sample a class, one penalty, inner width r. ``x`` holds W_1, ..., W_{L-1} (r, r), W_L (K, r), H (r, K),
row by row. `tests/benchmarks/never_worse.py` compares it with `DeepUFM.objective` and `DeepUFM.gradient` as it begins.
"""

from __future__ import annotations

import numba
import numpy as np


@numba.njit(cache=True)
def loss_and_gradient(x: np.ndarray, classes: int, rank: int, depth: int, reg: float) -> tuple[float, np.ndarray]:
    """The objective at x and its gradient."""
    K, r, L = classes, rank, depth
    square, top = r * r, (L - 1) * r * r
    head, features = x[top : top + K * r].reshape((K, r)), x[top + K * r :].reshape((r, K))
    layers = np.empty((L, r, K))
    layers[0] = features
    for index in range(L - 1):
        layers[index + 1] = x[index * square : (index + 1) * square].reshape((r, r)) @ layers[index]
    logits = head @ layers[L - 1]
    loss = 0.0
    for j in range(K):
        largest = logits[:, j].max()
        own, total = logits[j, j], 0.0
        for i in range(K):
            logits[i, j] = np.exp(logits[i, j] - largest)
            total += logits[i, j]
        loss += np.log(total) + largest - own
        for i in range(K):
            logits[i, j] /= total * K
        logits[j, j] -= 1.0 / K
    gradient = reg * x
    gradient[top : top + K * r] += (logits @ layers[L - 1].T).ravel()
    signal = head.T @ logits
    for index in range(L - 2, -1, -1):
        gradient[index * square : (index + 1) * square] += (signal @ layers[index].T).ravel()
        signal = np.ascontiguousarray(x[index * square : (index + 1) * square].reshape((r, r)).T) @ signal
    gradient[top + K * r :] += signal.ravel()
    return loss / K + 0.5 * reg * np.dot(x, x), gradient
