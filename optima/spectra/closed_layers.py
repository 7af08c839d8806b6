"""Closed forms of the spectra of every layer where all nonzero singular values are equal: collapse, and pairs."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

from optima.model import DeepUFM
from optima.reduction import mean_reg

# Nonzero eigenvalues with their multiplicities.
Parts = list[tuple[float, int]]


class ClosedLayers(ABC):
    r"""Spectra at a stationary scale of a structure whose class-mean logits have r equal singular values.

    .. math::
        W_l^T W_l:\; u/\lambda_l\ (r), \qquad
        X_l X_l^T / N:\; \frac{u}{\lambda_H N} \prod_{k<l} \frac{u}{\lambda_k}\ (r), \qquad
        \|\nabla_{W_l} g\|^2 = \lambda_l\, r\, u

    with u = lam_l w_l^2 the same for all factors. Classes of one size n; W_l has width d >= r, and layer 0 is that of
    the features. Source: derivations/spectra_squared_error.py, derivations/spectra_cross_entropy.py.
    """

    # Singular values, of all weight matrices but W_L in relu networks.
    rank: int
    unit: float

    def __init__(self, problem: DeepUFM, scale: float) -> None:
        self.problem, self.scale = problem, scale
        self.K, self.L, self.N = problem.classes, problem.depth, problem.size

    def reg(self, layer: int) -> float:
        """lam_l, or lam_H for the layer 0."""
        return self.problem.regs[layer - 1]

    @abstractmethod
    def hessian(self, layer: int) -> Parts | None:
        """Those of Hess_l, without regularisation."""

    @abstractmethod
    def gradient(self, layer: int) -> Parts | None:
        """Those of the second moment of the gradients of the samples."""

    def covariance(self, layer: int) -> Parts | None:
        """Those of the covariance: where all second moments are equal one of them is the mean."""
        parts = self.gradient(layer)
        return None if parts is None else [(parts[0][0], parts[0][1] - 1), *parts[1:]]

    def weights(self, layer: int) -> Parts:
        """Those of W_l^T W_l."""
        return [(self.unit / self.reg(layer), self.rank)]

    def features(self, layer: int) -> Parts:
        """Those of X_l X_l^T / N."""
        regs = [self.reg(each) for each in range(layer)]
        return [(math.exp(math.fsum(math.log(self.unit / reg) for reg in regs)) / self.N, self.rank)]


class SquaredError(ClosedLayers):
    r"""The orthogonal frame of squared error, r = min(K, d): gamma, and kappa = gamma / (1 - gamma).

    .. math::
        \mathrm{Hess}_l:\; \lambda_l \kappa\ (r^2; \text{for } l = L\ K r), \quad
        \mathrm{Hess}_H:\; \lambda_H \kappa\ (r N), \quad
        u = \gamma (1 - \gamma) / K, \quad \text{gradients: } \lambda_l \gamma (1 - \gamma)\ (r)
    """

    def __init__(self, problem: DeepUFM, gamma: float) -> None:
        super().__init__(problem, gamma)
        K, L, n = self.K, self.L, self.N // self.K
        self.rank = problem.max_rank
        # 1 - gamma by stationarity, which does not cancel.
        missing = mean_reg(problem) * K * n ** (1 / (L + 1)) * gamma ** (-(L - 1) / (L + 1))
        self.kappa, self.unit = gamma / missing, gamma * missing / K

    def hessian(self, layer: int) -> Parts:
        """Equal values."""
        counts = {0: self.rank * self.N, self.L: self.K * self.rank}
        return [(self.reg(layer) * self.kappa, counts.get(layer, self.rank**2))]

    def gradient(self, layer: int) -> Parts:
        """Equal values."""
        return [(self.reg(layer) * self.K * self.unit, self.rank)]

    def covariance(self, layer: int) -> Parts:
        """Where d < K only r classes have a gradient, and what is left of the mean is 1 - r / K of it."""
        ((value, count),) = self.gradient(layer)
        return [(value, count - 1), (value * (1 - count / self.K), 1 if count < self.K else 0)]


class SimplexEntropy(ClosedLayers):
    r"""The simplex of cross-entropy with scale alpha: q = 1 / (e^alpha + K - 1), P = 1 - (K-1) q, u = alpha q.

    .. math::
        \mathrm{Hess}_l:\; \lambda_l \alpha P\ (1),\; \lambda_l \alpha \tfrac{(K-1) - K(K-2) q}{K}\ (K-1),\;
        \tfrac{\lambda_l \alpha}{K}\ (K^2 - 3K + 1), \qquad
        \mathrm{Hess}_H:\; \lambda_H \alpha P\ (N),\; \tfrac{\lambda_H \alpha}{K}\ (N (K-2))

    Gradients: lam_l u (K-1), once, and lam_l u (K-2), K-1 times; the first is that of the mean.
    """

    def __init__(self, problem: DeepUFM, alpha: float) -> None:
        super().__init__(problem, alpha)
        K = self.K
        e = math.exp(-alpha)
        self.q, self.own = e / (1 + (K - 1) * e), 1 / (1 + (K - 1) * e)
        self.rank, self.unit = K - 1, alpha * self.q

    def hessian(self, layer: int) -> Parts:
        """Three values; for two classes the first only."""
        K, q, a = self.K, self.q, self.scale * self.reg(layer)
        if layer == 0:
            return [(a * self.own, self.N), (a / K, self.N * (K - 2))]
        several = [(a * (K - 1 - K * (K - 2) * q) / K, K - 1), (a / K, K * K - 3 * K + 1)] if K > 2 else []
        return [(a * self.own, 1), *several]

    def gradient(self, layer: int) -> Parts:
        """Two values; for two classes the first only."""
        unit = self.reg(layer) * self.unit
        return [(unit * (self.K - 1), 1), (unit * (self.K - 2), self.K - 1 if self.K > 2 else 0)]


class PairsEntropy(ClosedLayers):
    r"""Antipodal pairs of cross-entropy, K even: P, P', R the softmax of own class, partner and others, t = (K-2) R.

    .. math::
        u = \tfrac{2 \alpha (1 - P + P')}{K}, \quad c = \tfrac{2 \alpha \lambda_l}{1 - P + P'}, \qquad
        \mathrm{Hess}_l:\; \tfrac c2 [(P + P') - (P - P')^2]\ (K/2),\; c R\ (\tfrac K2 (\tfrac K2 - 1)) \quad (l < L)

    For l = L the last is c R (K/2 (K-3)), and c R (1 - t) K/2 is one more (K/2). Hess_H is as l < L, N and
    N (K/2 - 1) times.
    """

    def __init__(self, problem: DeepUFM, alpha: float) -> None:
        super().__init__(problem, alpha)
        K, e = self.K, math.exp(-alpha)
        total = 1 + (K - 2) * e + e**2
        self.R = e / total
        # 1 - P + P', and (P + P' - (P - P')^2) / 2.
        self.missing = ((K - 2) * e + 2 * e**2) / total
        self.within = e * ((K - 2) * (1 + e**2) + 4 * e) / (2 * total**2)
        self.rank, self.unit = K // 2, 2 * alpha * self.missing / K

    def hessian(self, layer: int) -> Parts:
        """Two values, three in the last layer."""
        K, h = self.K, self.rank
        c = 2 * self.scale * self.reg(layer) / self.missing
        if layer == 0:
            return [(c * self.within, self.N), (c * self.R, self.N * (h - 1))]
        if layer < self.L:
            return [(c * self.within, h), (c * self.R, h * (h - 1))]
        return [(c * self.within, h), (c * self.R, h * (K - 3)), (c * self.R * (1 - (K - 2) * self.R) * h, h)]

    def gradient(self, layer: int) -> Parts:
        """One value; in the last layer one more, from what the range of the logits does not reach."""
        K, h = self.K, self.rank
        unit = self.reg(layer) * self.unit * h
        rest = ((K - 2) * self.R / self.missing) ** 2 * K / (K - 2)
        return [(unit, h), *([(unit * rest, h)] if layer == self.L else [])]


class _Relu(ClosedLayers):
    """Deep neural collapse of relu networks: features are orthogonal frames, whose foreign pre-activations are zero.

    What a layer sees depends on the derivative of relu there, ``kink``.
    """

    def __init__(self, problem: DeepUFM, scale: float, kink: int) -> None:
        super().__init__(problem, scale)
        self.kink, self.rank = kink, problem.classes

    @property
    def _seen(self) -> bool:
        """Whether a sample sees the neurons of other classes."""
        return self.kink == 1


class ReluSquaredError(_Relu):
    r"""Squared error: lam_l kappa, K^2 times with s'(0) = 1 or for l = L, else K times; Hess_H N K or N times."""

    def __init__(self, problem: DeepUFM, kappa: float, kink: int) -> None:
        super().__init__(problem, kappa, kink)
        self.kappa = kappa
        self.unit = kappa / (1 + kappa) / (1 + kappa) / self.K

    def hessian(self, layer: int) -> Parts:
        """Equal values."""
        wide = self._seen or layer == self.L
        count = (self.N if layer == 0 else self.K) * (self.K if wide else 1)
        return [(self.reg(layer) * self.kappa, count)]

    def gradient(self, layer: int) -> Parts:
        """lam_l gamma (1 - gamma), K times."""
        return [(self.reg(layer) * self.K * self.unit, self.K)]


class ReluEntropy(_Relu):
    r"""Cross-entropy, logits alpha (I - J/K): u = alpha q (K-1)/K, of W_L alpha q (K - 1 times).

    .. math::
        l = L:\; \lambda_L \alpha P\ (K),\; \tfrac{\lambda_L \alpha}{K}\ (K(K-2)); \qquad
        l < L:\; \lambda_l \alpha P\ (K)\ \text{with}\ s'(0) = 0,\quad
        \tfrac{K}{K-1} \text{ times both values of } L \text{ with } s'(0) = 1

    Hess_H is as l < L, N and N (K-2) times.
    """

    def __init__(self, problem: DeepUFM, alpha: float, kink: int) -> None:
        super().__init__(problem, alpha, kink)
        K, e = self.K, math.exp(-alpha)
        self.q, self.own = e / (1 + (K - 1) * e), 1 / (1 + (K - 1) * e)
        self.unit = alpha * self.q * (K - 1) / K

    def hessian(self, layer: int) -> Parts:
        """One or two values."""
        K, a = self.K, self.scale * self.reg(layer)
        count = self.N if layer == 0 else K
        if layer == self.L:
            return [(a * self.own, count), (a / K, count * (K - 2))]
        if not self._seen:
            return [(a * self.own, count)]
        return [(a * self.own * K / (K - 1), count), (a / (K - 1), count * (K - 2))]

    def gradient(self, layer: int) -> Parts | None:
        """lam_l K u, K times, for l = L or s'(0) = 0; otherwise the point is not critical and there is none here."""
        if self._seen and layer < self.L:
            return None
        return [(self.reg(layer) * self.K * self.unit, self.K)]

    def weights(self, layer: int) -> Parts:
        """u / lam_l, K times; for W_L alpha q / lam_L, K - 1 times."""
        if layer == self.L:
            return [(self.scale * self.q / self.reg(layer), self.K - 1)]
        return super().weights(layer)


def closed_layers(problem: DeepUFM, structure: str, scale: float, kink: int = 0) -> ClosedLayers | None:
    """The closed forms of a structure at a stationary scale, or None where there are none."""
    K, d = problem.classes, problem.max_rank
    if not problem.balanced:
        return None
    if problem.activation == "relu" and problem.depth > 1:
        if structure != "collapse" or d < K:
            return None
        kind = ReluSquaredError if problem.loss == "mse" else ReluEntropy
        return kind(problem, scale, kink)
    if problem.loss == "mse":
        own = "frame" if d >= K else f"frame({d})"
        return SquaredError(problem, scale) if structure == own else None
    if structure == "simplex" and d >= K - 1:
        return SimplexEntropy(problem, scale)
    return PairsEntropy(problem, scale) if structure == "pairs" and K % 2 == 0 and d >= K // 2 and K > 2 else None
