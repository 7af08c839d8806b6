r"""The bound of one regularisation from those of a smaller and of a larger one.

The minimum is the least of functions that are affine in lambda, fit + lambda times a price, so that it is concave:

.. math:: \min f_\lambda \ge (1 - w) \min f_{\lambda_0} + w \min f_{\lambda_1}, \qquad
    \lambda = (1 - w) \lambda_0 + w \lambda_1,\; 0 \le w \le 1

Source: derivations/price_of_minima.py.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from optima.checker.arithmetic import Numbers
from optima.checker.parts import parts_of
from optima.checker.tree_bound import tree_bound
from optima.checker.verification import Refuted
from optima.model import Array, DeepUFM


def chord(problem: DeepUFM, data: dict[str, Array], numbers: Numbers) -> float:
    """What two trees of boxes prove between their lambda; ``reg``, ``wanted`` and the tree of each end in _0 and _1."""
    if isinstance(problem.reg, tuple):
        raise Refuted("a chord in lambda is for one regularisation of all factors")
    parts = list(parts_of(data))
    if len(parts) != 2:
        raise Refuted(f"a chord has two ends, not {len(parts)}")
    (low, first), (high, second) = (_end(problem, part, numbers) for part in parts)
    if not low <= problem.reg <= high or low == high:
        raise Refuted(f"the regularisation {problem.reg:g} is not between {low:g} and {high:g}")
    left, here, right = (numbers.number(reg) for reg in (low, problem.reg, high))
    weight = (here - left) / (right - left)
    return numbers.low((1 - weight) * numbers.number(first) + weight * numbers.number(second))


def _end(problem: DeepUFM, part: dict[str, Array], numbers: Numbers) -> tuple[float, float]:
    """The regularisation of one end, and the bound that its tree proves there."""
    missing = {"reg", "wanted"} - set(part)
    if missing:
        raise Refuted(f"an end of the chord lacks {', '.join(sorted(missing))}")
    reg, wanted = (float(np.asarray(part[name], dtype=float).max(initial=-np.inf)) for name in ("reg", "wanted"))
    if not (0 < reg < np.inf and np.isfinite(wanted)):
        raise Refuted(f"an end of the chord has the regularisation {reg} and the bound {wanted}")
    return reg, tree_bound(replace(problem, reg=reg), wanted, part, numbers)
