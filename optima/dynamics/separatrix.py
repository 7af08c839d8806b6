r"""Starts with two different singular values, which stay two: the flow in a plane.

With every class related to k others in one way and to K-1-k in another (a strongly regular graph), logits
M = (rho E_A + z E_B) on its two eigenspaces, of dimensions f and g, stay so, and

.. math:: \frac{dz}{d\rho} = \Bigl(\frac z\rho\Bigr)^{2-2/m} R, \qquad
    R = \frac{\sum_x n_x \pi_x (1 - \beta_x)}{\sum_x n_x \pi_x (1 - \alpha_x)}, \qquad
    \log \pi_x = \frac{f \rho\, \alpha_x + g z \beta_x}{K}

over the two kinds x of rivals, n_x in number, with alpha_x, beta_x the mean characters of the eigenspaces.
Source: derivations/basin_of_collapse.py.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from optima.model import Array

# Of a separatrix that is integrated backwards, which attracts.
ERROR = 1e-12


@dataclass(frozen=True)
class TwoLevel:
    """Two eigenspaces: the one that leads, of dimension ``leading``, and the one that trails.

    ``near`` is the kind of rivals that the leading values alone leave nearest, ``far`` the other: how many, and their
    mean characters alpha and beta.
    """

    name: str
    classes: int
    leading: int
    near: tuple[int, float, float]
    far: tuple[int, float, float]

    # Two values stay two: the separatrix is a line in the plane, known to about 1e-12.
    planar = True

    @property
    def trailing(self) -> int:
        """Dimension of the eigenspace that trails."""
        return self.classes - 1 - self.leading

    @property
    def late_ratio(self) -> float:
        """R where rho is far ahead of z: the far rivals no longer count."""
        return (1 - self.near[2]) / (1 - self.near[1])

    def late_limit(self, depth: int) -> float:
        """y* = R^(-m/(m-2)), the limit of z / rho on the separatrix; 0 for one weight matrix."""
        m = depth + 1
        return float(self.late_ratio ** (-m / (m - 2))) if m > 2 else 0.0

    def excess(self, rho: float, w: float) -> float:
        """R - 1 at z = rho e^w, without cancellation where both are nearly equal."""
        (n, a, b), (N, A, B) = self.near, self.far
        # log of the share of a far rival over that of a near one. All characters of a rival add up to -1, and those of
        # an eigenspace over all rivals too: so both vanish at w = 0.
        lead = rho * math.expm1(w) * self.trailing * (B - b) / self.classes
        return N * (A - B) * math.expm1(lead) / (n * (1 - a) + N * (1 - A) * math.exp(lead))

    def with_errors(self, depth: int, starts: ArrayLike) -> tuple[Array, Array]:
        """1 - r* for each rho_0 (S,), and by how much it may be off."""
        found = self.separatrix(depth, starts)
        return found, np.full(found.shape, ERROR if depth > 1 else 0.0)

    def separatrix(self, depth: int, starts: ArrayLike) -> Array:
        r"""1 - r* for each rho_0 (S,): from z = r rho_0 on the values become equal exactly for r > r*(rho_0).

        w = log(z / rho) obeys dw / d log rho = e^{(1-2/m) w} R - 1. The separatrix is the one solution that stays
        between both fates, with the limit e^w -> y*. Backwards in rho it attracts all others, so that it is integrated
        from where the far rivals have a share below e^-60, where it is that limit, down to the starts.
        """
        from scipy.integrate import solve_ivp

        logs = np.log(np.asarray(starts, dtype=float))
        limit, power = self.late_limit(depth), 1 - 2 / (depth + 1)
        found = np.full(logs.shape, 1 - limit)
        if depth == 1:
            return found
        # Where the far rivals have no share left.
        late = math.log(60 * self.classes / ((1 - limit) * self.trailing * (self.far[2] - self.near[2])))
        early = np.unique(logs[logs < late])[::-1]
        if early.size:

            def rate(log_rho: float, w: Array) -> list[float]:
                excess = self.excess(math.exp(log_rho), float(w[0]))
                return [math.expm1(power * float(w[0])) * (1 + excess) + excess]

            exact = {"method": "LSODA", "rtol": 1e-13, "atol": 1e-15}
            line = solve_ivp(rate, (late, early[-1]), [math.log(limit)], t_eval=early, **exact)
            found[logs < late] = -np.expm1(line.y[0])[np.searchsorted(-early, -logs[logs < late])]
        return found


def groups(classes: int, size: int) -> TwoLevel:
    """Groups of ``size`` classes: what tells the members of a group apart leads, what tells groups apart trails.

    Below the separatrix training ends at groups at right angles to each other, each a simplex; for size 2 they are
    antipodal pairs.
    """
    count = classes // size
    far = (size - 1, -1 / (size - 1), 1.0)
    near = (classes - size, 0.0, -1 / (count - 1))
    return TwoLevel("pairs" if size == 2 else f"groups of {size}", classes, classes - count, near, far)


def paley(classes: int) -> TwoLevel:
    """Classes numbered modulo a prime 4 k + 1: characters of quadratic residues lead. Of five classes: the polygon."""
    half, root = (classes - 1) // 2, math.sqrt(classes)
    near, far = (root - 1) / (classes - 1), -(root + 1) / (classes - 1)
    name = "polygon" if classes == 5 else "paley"
    return TwoLevel(name, classes, half, (half, near, far), (half, far, near))
