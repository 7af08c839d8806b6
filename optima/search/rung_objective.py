"""The reduced problem in factors of fixed rank, for batches of points and of problems.

Z diag(sqrt(n_c)) is written as A B^T with A, B of shape (K, r), and

    F(A, B) = fit(A B^T) + (c/2) [tr (A^T A)^p + tr (B^T B)^p],    c = (L+1) lambda / 2 = lambda / p,

whose minimum over all factors of one matrix is the reduced loss. F is smooth while the rank is r.
Source: derivations/rung_factors.py.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from optima.model import Array, DeepUFM
from optima.model.fit import Fit
from optima.reduction import Reduction


@dataclass(frozen=True)
class RungObjective:
    """F for problems with the same classes, class sizes and loss, and their own lambda and p.

    ``reg`` and ``p`` have shape (S,) or (1,): one problem for each point of a batch, or one for all.
    ``column`` (K,) is 1 / sqrt(n_c), which takes Z diag(sqrt(n_c)) to class-mean logits; ``weight`` is pi_c.
    ``interpreted`` says that descents stay in numpy, as they are less work than starting a compiler.
    """

    loss: str
    reg: Array
    p: Array
    column: Array
    weight: Array
    interpreted: bool = False

    @classmethod
    def of(cls, problem: DeepUFM, interpreted: bool = False) -> RungObjective:
        """The objective of one problem. Raises ValueError for relu models."""
        reduction = Reduction(problem)
        sizes = problem.class_sizes.astype(float)
        return cls(
            problem.loss,
            np.array([reduction.reg]),
            np.array([reduction.exponent]),
            1 / np.sqrt(sizes),
            sizes / sizes.sum(),
            interpreted,
        )

    def take(self, rows: NDArray[np.intp]) -> RungObjective:
        """The problems numbered ``rows`` (one problem stays one)."""
        if self.reg.size == 1:
            return self
        return replace(self, reg=self.reg[rows], p=self.p[rows])

    @property
    def classes(self) -> int:
        """K."""
        return self.column.size

    def fit(self, product: Array) -> tuple[Array, Array]:
        """Fit and its gradient at A B^T, shapes (S,) and (S, K, K).

        Cross-entropy is summed as log(1 + sum_j e^(z_j - z_c)), which keeps its digits when it is tiny.
        """
        logits = product * self.column
        diagonal = np.arange(self.classes)
        if self.loss == "mse":
            residual = logits
            residual[:, diagonal, diagonal] -= 1
            fit = 0.5 * np.einsum("sjc,sjc,c->s", residual, residual, self.weight)
            return fit, residual * (self.weight * self.column)
        odds = self.odds(logits)
        total = odds.sum(axis=1)
        fit = np.log1p(total) @ self.weight
        odds /= (1 + total)[:, None, :]
        odds[:, diagonal, diagonal] = -total / (1 + total)
        return fit, odds * (self.weight * self.column)

    def fit_value(self, product: Array) -> Array:
        """Fit alone at A B^T, shape (S,)."""
        if self.loss == "mse":
            return self.fit(product)[0]
        return np.log1p(self.odds(product * self.column).sum(axis=1)) @ self.weight

    def penalty(self, factors: Array) -> Array:
        """(c/2) [tr (A^T A)^p + tr (B^T B)^p] at points (S, 2, K, r), shape (S,)."""
        gram = np.swapaxes(factors, -1, -2) @ factors
        w = np.maximum(np.linalg.eigvalsh(np.where(np.isfinite(gram), gram, 0.0)), 1e-300)
        return np.asarray(0.5 * self.reg / self.p * np.sum(w ** self.p[:, None, None], axis=(1, 2)))

    def odds(self, logits: Array) -> Array:
        """e^(z_j - z_c) for rivals j of class c, zero on the diagonal; in place."""
        diagonal = np.arange(self.classes)
        logits -= logits[:, diagonal, diagonal][:, None, :]
        with np.errstate(over="ignore"):
            odds = np.exp(logits, out=logits)
        odds[:, diagonal, diagonal] = 0.0
        return odds

    def value_and_gradient(self, factors: Array) -> tuple[Array, Array]:
        """F and its gradient at points of shape (S, 2, K, r)."""
        A, B = factors[:, 0], factors[:, 1]
        with np.errstate(invalid="ignore", over="ignore"):
            fit, slope = self.fit(products(factors))
            powers, spectral = self._powers(factors)
            penalty = 0.5 * self.reg / self.p * powers.sum(axis=1)
            gradient = np.stack([slope @ B, np.swapaxes(slope, 1, 2) @ A], axis=1)
        gradient += self.reg[:, None, None, None] * spectral
        return fit + penalty, gradient

    def log_value_and_gradient(self, flat: Array, rank: int) -> tuple[Array, Array]:
        """log F and its gradient at flattened points (S, 2 K r): the form that is minimised."""
        value, gradient = self.value_and_gradient(flat.reshape(len(flat), 2, self.classes, rank))
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.log(value), gradient.reshape(len(flat), -1) / value[:, None]

    def _powers(self, factors: Array) -> tuple[Array, Array]:
        """tr (A^T A)^p and A (A^T A)^(p-1) for each factor."""
        gram = np.swapaxes(factors, -1, -2) @ factors
        # A trial step may overflow; its value is not finite and it is refused, but eigh must not see it.
        w, Q = np.linalg.eigh(np.where(np.isfinite(gram), gram, 0.0))
        w = np.maximum(w, 1e-300)
        p = self.p[:, None, None]
        power = w ** (p - 1)
        return np.sum(w * power, axis=2), factors @ ((Q * power[..., None, :]) @ np.swapaxes(Q, -1, -2))

    def hessian_product(self, point: Array, directions: Array) -> Array:
        """Hessian of F at one point (2, K, r) times directions of shape (D, 2, K, r). One problem only."""
        A, B = point
        dA, dB = directions[:, 0], directions[:, 1]
        slope = self.fit((A @ B.T)[None])[1][0]
        moved = (dA @ B.T + A @ np.swapaxes(dB, 1, 2)) * self.column
        fit = Fit(self.loss, self.classes, np.arange(self.classes), self.weight)
        change = fit.curvature(A @ B.T * self.column, moved) * self.column
        out = np.empty_like(directions)
        out[:, 0] = change @ B + slope @ dB
        out[:, 1] = np.swapaxes(change, 1, 2) @ A + slope.T @ dA
        return out + self.penalty_hessian_product(point, directions)

    def penalty_hessian_product(self, point: Array, directions: Array) -> Array:
        """Hessian of the penalty alone at one point (2, K, r) times directions of shape (D, 2, K, r)."""
        return np.stack([self.reg[0] * self._power_curvature(point[i], directions[:, i]) for i in (0, 1)], axis=1)

    def _power_curvature(self, A: Array, dA: Array) -> Array:
        """Derivative of A (A^T A)^(p-1) along directions (D, K, r), by divided differences of t^(p-1)."""
        p = float(self.p[0])
        w, Q = np.linalg.eigh(A.T @ A)
        w = np.maximum(w, 1e-300)
        power = w ** (p - 1)
        rotated, base = dA @ Q, A @ Q
        gram = np.swapaxes(rotated, 1, 2) @ base
        gram = gram + np.swapaxes(gram, 1, 2)
        return (rotated * power + base @ (gram * divided_differences(w, p - 1))) @ Q.T

    def hessian(self, point: Array) -> Array:
        """Dense Hessian of F at one point (2, K, r), shape (2Kr, 2Kr)."""
        A, B = point
        K, r = A.shape
        out = np.zeros((2, K, r, 2, K, r))
        # spread[c] is the Hessian of the fit in column c of A B^T, the only columns that it couples.
        spread, slope = self._fit_spread(A @ B.T), self.fit((A @ B.T)[None])[1][0]
        moved = spread @ A
        pairs = (B[:, :, None] * B[:, None, :]).reshape(K, r * r)
        out[0, :, :, 0] = (pairs.T @ spread.reshape(K, K * K)).reshape(r, r, K, K).transpose(2, 0, 3, 1)
        c, k = np.arange(K), np.arange(r)
        out[1, c, :, 1, c] = A.T @ moved
        mixed = B[:, None, :, None] * moved[:, :, None, :]
        mixed[:, :, k, k] += slope.T[:, :, None]
        out[0, :, :, 1] = mixed.transpose(1, 2, 0, 3)
        out[1, :, :, 0] = mixed.transpose(0, 3, 1, 2)
        for i in (0, 1):
            out[i, :, :, i] += self.reg[0] * self._power_hessian(point[i])
        product = out.reshape(point.size, point.size)
        return 0.5 * (product + product.T)

    def _fit_spread(self, product: Array) -> Array:
        """Second derivatives of the fit in the entries of each column of A B^T, shape (K, K, K), column first."""
        scale, diagonal = self.weight * self.column**2, np.arange(self.classes)
        if self.loss == "mse":
            return scale[:, None, None] * np.eye(self.classes)
        odds = self.odds((product * self.column)[None])[0].T
        total = odds.sum(axis=1)
        share, rest = odds / (1 + total)[:, None], (1 + total[:, None] - odds) / (1 + total)[:, None]
        # 1 minus the share of the own class is the sum over its rivals, which keeps its digits when it is tiny.
        share[diagonal, diagonal], rest[diagonal, diagonal] = 1 / (1 + total), total / (1 + total)
        spread = -share[:, :, None] * share[:, None, :]
        spread[:, diagonal, diagonal] = share * rest
        return spread * scale[:, None, None]

    def _power_hessian(self, A: Array) -> Array:
        """Derivative of A (A^T A)^(p-1) along the entries of A, shape (K, r, K, r), by divided differences."""
        p = float(self.p[0])
        K, r = A.shape
        w, Q = np.linalg.eigh(A.T @ A)
        w = np.maximum(w, 1e-300)
        base, ratios = A @ Q, divided_differences(w, p - 1)
        out = np.einsum("cl,lk,dk->ckdl", base, ratios, base)
        k = np.arange(r)
        out[:, k, :, k] += (base[None] * ratios[:, None, :]) @ base.T + (w ** (p - 1))[:, None, None] * np.eye(K)
        rotated: Array = (Q @ out.reshape(K, r, K * r)).reshape(K, r, K, r) @ Q.T
        return rotated


def divided_differences(w: Array, exponent: float) -> Array:
    """(w_i^e - w_j^e) / (w_i - w_j) for w (..., r), and e w^(e-1) where two values (nearly) coincide."""
    log_ratio = np.log(w)[..., :, None] - np.log(w)[..., None, :]
    # With x = log(w_i / w_j): w_j^(e-1) expm1(e x) / expm1(x), stable for all x once |x| is not tiny.
    near = np.abs(log_ratio) < 1e-8
    x = np.where(near, 1.0, log_ratio)
    with np.errstate(over="ignore", invalid="ignore"):
        far = np.expm1(exponent * x) / np.expm1(x)
    return np.where(near, exponent, far) * w[..., None, :] ** (exponent - 1)


def products(factors: Array) -> Array:
    """A B^T of points (S, 2, K, r), shape (S, K, K)."""
    return np.asarray(factors[:, 0] @ np.swapaxes(factors[:, 1], 1, 2))


def rotations(factors: Array) -> Array:
    """The directions (A Omega, B Omega), Omega antisymmetric, along which nothing changes: (S, 2Kr, r (r-1) / 2)."""
    count, _, K, r = factors.shape
    i, j = np.triu_indices(r, 1)
    turned = np.zeros((count, 2, K, r, i.size))
    k = np.arange(i.size)
    turned[..., j, k] = factors[..., i]
    turned[..., i, k] = -factors[..., j]
    return turned.reshape(count, 2 * K * r, i.size)


def gauge(point: Array) -> Array:
    """Orthonormal basis of the rotations of one point, flat directions of F, shape (2Kr, r (r-1) / 2)."""
    return np.linalg.qr(rotations(point[None])[0])[0]
