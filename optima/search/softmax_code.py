"""Softmax codes: the largest margin of class vectors and features of length one in few dimensions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from optima.model import Array
from optima.model.content import Content
from optima.model.inputs import one_of, positive_integer
from optima.search.interior_point import margins
from optima.workers.threads import single_threaded

# Random starts by effort.
STARTS = {"quick": 8, "normal": 24, "thorough": 96}
# Sharpness of the soft minimum that the margin is followed through, and most steps at each.
SHARPNESS, STEPS = (3.0, 10.0, 30.0, 100.0, 300.0), 100
# Values of SLSQP: most steps, and the change of the margin that ends it.
REFINED, SETTLED = 200, 1e-14
# Most unknowns, for the dense matrices of the last steps.
LARGEST = 1500
# Margins this close to the smallest count as active, and kissing angles as least.
ACTIVE = 1e-7
# Largest known least angles (degrees) of N points on the sphere in R^3, from the published tables of spherical codes.
SPHERICAL = {
    4: 109.4712206,
    5: 90.0,
    6: 90.0,
    7: 77.8695421,
    8: 74.8584922,
    9: 70.5287794,
    10: 66.1468220,
    11: 63.4349488,
    12: 63.4349488,
    13: 57.1367031,
    14: 55.6705700,
    15: 53.6578501,
    16: 52.2443957,
    24: 43.6907671,
}


@dataclass(frozen=True, eq=False)
class SoftmaxCode(Content):
    r"""A local solution of max over unit vectors w_c, h_c in R^r of min_{c, j != c} <w_c - w_j, h_c>.

    ``vectors`` W and ``features`` H have shape (K, r), ``margin`` is the value, ``angle`` the least angle between two
    of the vectors in degrees, ``active`` how many margins are the smallest, and ``spherical`` the largest least angle
    of K points that is published for r = 3 (None where none is listed): the problem of Tammes, which is the same where
    every feature is its class vector. ``reached`` of the ``starts`` came within 1e-7 of the margin.
    """

    vectors: Array
    features: Array
    margin: float
    starts: int
    reached: int

    @property
    def classes(self) -> int:
        """K."""
        return len(self.vectors)

    @property
    def rank(self) -> int:
        """r."""
        return self.vectors.shape[1]

    @property
    def logits(self) -> Array:
        """M_jc = <w_j, h_c>, shape (K, K)."""
        return self.vectors @ self.features.T

    @property
    def angle(self) -> float:
        """The least angle between two class vectors, in degrees."""
        gram = self.vectors @ self.vectors.T
        np.fill_diagonal(gram, -1.0)
        return math.degrees(math.acos(min(1.0, float(gram.max()))))

    @property
    def active(self) -> int:
        """Pairs (c, j) whose margin is the smallest."""
        return int(np.sum(margins(self.logits) < self.margin + ACTIVE))

    @property
    def apart(self) -> float:
        """The largest distance of a feature from its class vector: 0 where the code is a spherical code."""
        return float(np.linalg.norm(self.vectors - self.features, axis=1).max())

    @property
    def spherical(self) -> float | None:
        """The published least angle of the best spherical code."""
        return SPHERICAL.get(self.classes) if self.rank == 3 else None

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        names = ("classes", "rank", "margin", "angle", "spherical", "active", "apart", "starts", "reached")
        return {
            **{name: getattr(self, name) for name in names},
            "vectors": self.vectors.tolist(),
            "features": self.features.tolist(),
        }

    def __repr__(self) -> str:
        return f"<SoftmaxCode K={self.classes} r={self.rank}: margin {self.margin:.9g}, least angle {self.angle:.7g}>"


def softmax_code(classes: int, rank: int, seed: int = 0, effort: str = "normal") -> SoftmaxCode:
    r"""The largest margin known of K class vectors and features on the unit sphere of R^r.

    .. math:: \max_{\|w_c\| = \|h_c\| = 1}\; \min_{c,\, j \ne c} \langle w_c - w_j, h_c \rangle

    The limit of training with normalised features and class vectors, as width bottlenecks have them; for given w the
    best margin of a class is the distance of w_c from the convex hull of the others. With h = w it is the problem of
    Tammes, 1 - cos of the least angle, so that the margin is never below that of the best spherical code.
    Every random start follows a soft minimum that becomes ever sharper, then SLSQP on the margins themselves; the best
    counts. It is a local solution: nothing proves that no code is better.

    Parameters
    ----------
    classes, rank
        K >= 2 and r >= 1.
    seed, effort
        Of the random starts; ``"quick"``, ``"normal"`` or ``"thorough"``.

    Raises ValueError for values out of range. Source: softmax codes of garrod2026depth (of width-bottlenecked networks
    there).

    Examples
    --------
    >>> import optima
    >>> optima.softmax_code(4, 2)
    <SoftmaxCode K=4 r=2: margin 1, least angle 90>
    """
    K, r = positive_integer("classes", classes, minimum=2), positive_integer("rank", rank)
    one_of("effort", effort, tuple(STARTS))
    if 2 * K * r > LARGEST:
        raise ValueError(f"{K} classes in rank {r} are {2 * K * r} unknowns; pass at most {LARGEST}")
    rng = np.random.default_rng([positive_integer("seed", seed, minimum=0), K, r])
    found = []
    with single_threaded():
        for number, start in enumerate(rng.standard_normal((STARTS[effort], K, r))):
            # A soft minimum has few maxima, and the best code need not lie above one of them.
            sharpness = SHARPNESS[number % len(SHARPNESS) :]
            found.append(_refined(_followed(np.stack([start, start]), sharpness)))
    values = np.array([_margin(point) for point in found])
    best = int(np.argmax(values))
    vectors, features = found[best]
    return SoftmaxCode(vectors, features, float(values[best]), len(found), int(np.sum(values > values[best] - ACTIVE)))


def _unit(point: Array) -> Array:
    return np.asarray(point / np.linalg.norm(point, axis=2, keepdims=True))


def _margin(point: Array) -> float:
    return float(margins(point[0] @ point[1].T).min())


def _followed(point: Array, sharpness: Sequence[float]) -> Array:
    """From a start (2, K, r) up soft minima, ever sharper."""
    from scipy.optimize import minimize

    for each in sharpness:
        options = {"maxiter": STEPS}
        found = minimize(_soft, point.ravel(), (point.shape, each), "L-BFGS-B", jac=True, options=options)
        point = _unit(found.x.reshape(point.shape))
    return point


def _soft(x: Array, shape: tuple[int, ...], sharpness: float) -> tuple[float, Array]:
    """Minus the soft minimum of the margins, -(1/s) log sum e^(-s margin), of directions, and its gradient."""
    raw = x.reshape(shape)
    length = np.linalg.norm(raw, axis=2, keepdims=True)
    unit = raw / length
    gaps = margins(unit[0] @ unit[1].T)
    least = gaps.min()
    weight = np.exp(-sharpness * (gaps - least))
    total = weight.sum()
    pull = weight / total
    pull -= np.diag(pull.sum(axis=0))
    slope = np.stack([pull @ unit[1], pull.T @ unit[0]])
    tangent = (slope - (slope * unit).sum(axis=2, keepdims=True) * unit) / length
    return float(np.log(total) / sharpness - least), tangent.ravel()


def _refined(point: Array) -> Array:
    """A local solution near a point, by SLSQP on the unit vectors and the margin t; the point where that is better."""
    from scipy.optimize import minimize

    shape, (_, K, r) = point.shape, point.shape
    own, other = np.nonzero(~np.eye(K, dtype=bool))
    pair, row = np.arange(own.size), np.arange(2 * K)
    upwards = np.append(np.zeros(point.size), -1.0)

    def above(y: Array) -> Array:
        W, H = y[:-1].reshape(shape)
        return np.asarray(np.sum((W[own] - W[other]) * H[own], axis=1) - y[-1])

    def above_slope(y: Array) -> Array:
        W, H = y[:-1].reshape(shape)
        slope = np.zeros((own.size, *shape))
        slope[pair, 0, own] = H[own]
        slope[pair, 0, other] = -H[own]
        slope[pair, 1, own] = W[own] - W[other]
        return np.hstack([slope.reshape(own.size, -1), -np.ones((own.size, 1))])

    def long_slope(y: Array) -> Array:
        slope = np.zeros((2 * K, 2 * K, r))
        slope[row, row] = 2 * y[:-1].reshape(2 * K, r)
        return np.hstack([slope.reshape(2 * K, -1), np.zeros((2 * K, 1))])

    found = minimize(
        lambda y: -y[-1],
        np.append(point.ravel(), _margin(point)),
        jac=lambda y: upwards,
        method="SLSQP",
        constraints=[
            {"type": "ineq", "fun": above, "jac": above_slope},
            {"type": "eq", "fun": lambda y: (y[:-1].reshape(2 * K, r) ** 2).sum(axis=1) - 1, "jac": long_slope},
        ],
        options={"maxiter": REFINED, "ftol": SETTLED},
    )
    refined = _unit(found.x[:-1].reshape(shape))
    return refined if _margin(refined) > _margin(point) else point
