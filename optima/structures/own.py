"""A structure of one's own: any logits that tell all classes apart, up to one scale."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from optima.structures.base import Block, Number, Orbit, Structure, unit_scales

# Digits up to which two margins, or two singular values, are the same.
DIGITS = 12


class Own(Structure):
    r"""M = a Q for given class-mean logits Q, shape (K, K), column c those of class c.

    .. math:: f(a) = \frac1K \sum_c \log\Bigl(1 + \sum_{j \ne c} e^{-a (Q_{cc} - Q_{jc})}\Bigr)
        + \tfrac{L+1}{2} \lambda n^{1/(L+1)} \sum_i s_i(Q)^p\, a^p, \qquad p = \tfrac{2}{L+1}

    (or its squared error), as of every other structure: ``best_scales``, ``boundary`` and the like take it. For
    cross-entropy a constant added to a column changes no prediction, and costs: take the mean out of each column.

    Raises ValueError unless Q is a finite square matrix in which every class leads all others.
    """

    about_numbers = "decimals: the logits given, rounded to twelve digits"

    def __init__(self, name: str, logits: ArrayLike) -> None:
        Q = np.array(logits, dtype=float)
        if Q.ndim != 2 or Q.shape[0] != Q.shape[1] or len(Q) < 2 or not np.isfinite(Q).all():
            raise ValueError(f"logits have shape {Q.shape}; pass finite class-mean logits of shape (K, K)")
        super().__init__(len(Q))
        self.name, self._logits = str(name), Q
        self._leads = np.sort(np.round((np.diagonal(Q) - Q).T, DIGITS)[~np.eye(len(Q), dtype=bool)].reshape(len(Q), -1))
        if self._leads.min() <= 0:
            c = int(np.argmin(self._leads[:, 0]))
            raise ValueError(
                f"class {c} does not lead every other in its column; pass logits whose diagonal is largest"
            )

    def blocks(self, exact: bool = False) -> tuple[Block, ...]:
        """One block; classes that see the same margins are an orbit. With ``exact`` numbers are those of sympy."""
        number = _exact if exact else float
        rows, classes = np.unique(self._leads, axis=0, return_counts=True)
        orbits = []
        for row, count in zip(rows, classes, strict=True):
            margins, counts = np.unique(row, return_counts=True)
            orbits.append(Orbit(int(count), tuple(map(number, margins)), tuple(counts.tolist())))
        s = np.linalg.svd(self._logits, compute_uv=False)
        kept = s[s > len(s) * np.finfo(float).eps * s[0]]
        _, first, counts = np.unique(np.round(kept / s[0], DIGITS), return_index=True, return_counts=True)
        singular = tuple((number(kept[i]), int(m)) for i, m in zip(first[::-1], counts[::-1], strict=True))
        return (Block(tuple(orbits), singular, number(np.trace(self._logits))),)

    def shape(self, scales: Sequence[Number] | None = None, exact: bool = False) -> np.ndarray:
        """a Q."""
        (a,) = unit_scales(scales, 1)
        return a * (np.vectorize(_exact, otypes=[object])(self._logits) if exact else self._logits)


def _exact(value: float) -> Number:
    """A number of sympy with the digits that count."""
    import sympy

    return sympy.Rational(str(round(float(value), DIGITS)))
