"""All classes in the plane, told apart by hinges of the last hidden layer: rank two is enough in the middle."""

from __future__ import annotations

from functools import cache

import numpy as np

from optima.model import Array
from optima.structures.base import Number, single
from optima.structures.networks.base import Costs, Separating
from optima.structures.networks.numbers import number
from optima.workers.threads import single_threaded

# Classes up to which the angles are optimised.
MOST = 24
# Steps of the descent, at most.
STEPS = 2000


class Fan(Separating):
    r"""M_2 = ... = points of the quadrant in order of angle; then hinges, each zero up to one of the points.

    .. math:: G^{L+1} = \|P\|_*^2\, 2^{L-3} \sum_j \alpha_j^2\; \|X_L^{-1}\|_F^2, \qquad
        (X_L)_{ji} = \alpha_j r_i \max(\sin(\theta_i - \theta_j), 0)

    and a first row alpha_0 r_i cos(theta_i - psi), active on all. X_L is invertible, so that the price tends to two
    with depth. Radii, angles and weights are the best ones, which are the same at every depth: a local minimum from
    evenly spread angles. Source: derivations/network_fan.py.
    """

    name = "fan"
    least_depth = 3
    about_numbers = (
        "decimals are those of the best angles, radii and weights, found by descent in floats: no closed form is known"
    )

    def stem(self) -> Array:
        """The points, of shape (2, K)."""
        return _fan(self.classes)[0]

    def stages(self) -> tuple[Array, ...]:
        """The linear function that is positive on all, then one for each point but the last, negative before it."""
        points, weight = _fan(self.classes)
        return (weight @ points,)

    def all_costs(self, exact: bool = False) -> Costs:
        """Of the floats that angles, radii and weights are; with ``exact`` as sympy's floats."""
        points, weight = _fan(self.classes)
        layer = np.maximum(weight @ points, 0.0)
        singular = np.linalg.svd(layer, compute_uv=False)
        mean = np.sum(np.linalg.solve(layer.T, np.ones(self.classes)) ** 2) / self.classes
        numbers = [np.linalg.svd(points, compute_uv=False).sum(), np.sum(weight**2), np.sum(singular**-2.0), mean]
        nuclear, later, output, mean = (_number(value, exact) for value in numbers)
        spectrum = tuple((_number(mu, exact), 1) for mu in singular)
        return Costs(nuclear, number(2, exact), later, output, spectrum, mean)


def _number(value: float, exact: bool) -> Number:
    if not exact:
        return float(value)
    import sympy

    return sympy.Float(float(value))


@cache
def _fan(classes: int) -> tuple[Array, Array]:
    """Points (2, K) and weights (K, 2) of the last hidden layer."""
    from scipy.optimize import minimize

    options = {"maxiter": STEPS, "maxfun": 2 * STEPS, "ftol": 1e-15, "gtol": 1e-9}
    with single_threaded():
        found = minimize(_log_cost, np.zeros(3 * classes + 2), (classes,), "L-BFGS-B", jac=True, options=options)
    parameters = _Parameters(found.x, classes)
    return parameters.points, parameters.weight


class _Parameters:
    """Gaps of the angles in the quadrant as a softmax, logs of radii and of sizes of weights, and the angle psi."""

    def __init__(self, x: Array, K: int) -> None:
        self.K = K
        gaps = np.exp(x[: K + 1] - x[: K + 1].max())
        self.gaps = gaps / gaps.sum()
        self.angles = np.pi / 2 * np.cumsum(self.gaps)[:-1]
        self.radii, self.sizes = np.exp(x[K + 1 : 2 * K + 1]), np.exp(x[2 * K + 1 : 3 * K + 1])
        self.tilt = np.tanh(x[-1])
        psi = np.pi / 4 * (1 + self.tilt)
        self.units = np.stack([np.cos(self.angles), np.sin(self.angles)])
        self.first = np.array([np.cos(psi), np.sin(psi)])
        hinges = np.stack([-self.units[1], self.units[0]], axis=1)[:-1]
        self.points = self.radii * self.units
        self.weight = self.sizes[:, None] * np.vstack([self.first, hinges])

    def gradient(self, of_points: Array, of_weight: Array) -> Array:
        """The gradient in the parameters, from those in points and weights."""
        K, turned = self.K, np.stack([-self.units[1], self.units[0]])
        of_angles = self.radii * np.sum(of_points * turned, axis=0)
        of_angles[:-1] -= self.sizes[1:] * np.sum(of_weight[1:] * self.units.T[:-1], axis=1)
        later = np.append(np.cumsum(of_angles[::-1])[::-1], 0.0)
        of_gaps = np.pi / 2 * self.gaps * (later - of_angles @ np.cumsum(self.gaps)[:K])
        turn = np.array([-self.first[1], self.first[0]])
        of_tilt = self.sizes[0] * (of_weight[0] @ turn) * np.pi / 4 * (1 - self.tilt**2)
        parts = [of_gaps, np.sum(of_points * self.points, axis=0), np.sum(of_weight * self.weight, axis=1), [of_tilt]]
        return np.concatenate(parts)


def _log_cost(x: Array, K: int) -> tuple[float, Array]:
    """log of ||P||_*^2 ||W||^2 ||X_L^-1||^2, with its gradient; ||P||_*^2 = ||P||^2 + 2 sqrt(det P P^T)."""
    parameters = _Parameters(x, K)
    P, W = parameters.points, parameters.weight
    moments = P @ P.T
    area = np.sqrt(np.linalg.det(moments))
    nuclear, later = np.sum(P**2) + 2 * area, np.sum(W**2)
    layer = W @ P
    inverse = np.linalg.inv(np.maximum(layer, 0.0))
    output = np.sum(inverse**2)
    of_layer = -2 / output * (inverse.T @ inverse @ inverse.T) * (layer > 0)
    of_points = (2 * P + 2 * area * np.linalg.solve(moments, P)) / nuclear + W.T @ of_layer
    of_weight = 2 * W / later + of_layer @ P.T
    value = float(np.log(nuclear) + np.log(later) + np.log(output))
    return value, parameters.gradient(of_points, of_weight)


family = single(
    Fan,
    "all classes in the plane, told apart by hinges in the last hidden layer; K <= 24",
    lambda classes: 3 <= classes <= MOST,
)
