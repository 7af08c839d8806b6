"""Pyramids over antipodal pairs: what odd pairs become when the last class may lean on the others."""

from __future__ import annotations

from math import factorial

import numpy as np

from optima.structures.pairs import pair_matrix
from optima.structures.recognition.match import Match, match_by_ideal
from optima.structures.recognition.symmetry import relative_distance
from optima.structures.recognition.view import View


def pyramid_match(view: View) -> Match | None:
    r"""Pairs and one more class, all of whose logits are free, ``pairs-pyramid``, or None. K >= 5 is odd.

    .. math::
        M = a_1\, I \otimes \begin{pmatrix} 1 & -1 \\ -1 & 1 \end{pmatrix}
        + (e_K - 1/K)\, (a_2 e_K - a_3 (1 - e_K))^T

    with positive scales; a_3 = 0 is ``pairs-free``, and for K = 5 the classes are a square pyramid. The
    logits nearest to M are its projection on these three terms, which are orthogonal.
    """
    K = view.classes
    rest, order = view.pair_order
    if rest != 1 or K < 5:
        return None
    order = np.roll(order, -1)
    ordered = view.means[np.ix_(order, order)]
    apex = np.eye(K)[-1] - 1 / K
    pairs = pair_matrix(K, K // 2)
    slopes = apex @ ordered / (apex @ apex)
    a_1, a_2, a_3 = np.vdot(pairs, ordered) / np.vdot(pairs, pairs), slopes[-1], -slopes[:-1].mean()
    if min(a_1, a_2, a_3) <= 0:
        return None
    ideal = np.empty_like(ordered)
    ideal[np.ix_(order, order)] = a_1 * pairs + np.outer(apex, np.append(np.full(K - 1, -a_3), a_2))
    if relative_distance(view.means, ideal) > view.tolerance:
        return None
    return match_by_ideal("pairs-pyramid", ideal, view, 2 ** (K // 2) * factorial(K // 2))
