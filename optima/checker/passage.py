r"""Where the global minimum passes from one price to another, proved from one lower bound.

With R = (L+1)/2 sum_i s_i^p the price of logits and m(lambda) the minimum, which is concave, a global minimum at
lambda has a price among the slopes of m there. So with a bound l of m at lambda, logits A before it and B after it

.. math:: \frac{\ell - f_{\lambda_-}(A)}{\lambda - \lambda_-} > r > \frac{f_{\lambda_+}(B) - \ell}{\lambda_+ - \lambda}

proves that every global minimum up to :math:`\lambda_-` has a price above r, and every one from :math:`\lambda_+` on
one below. A nonzero global minimum has no thin singular value, hence at least the price of one that is barely not thin:
with r no larger, zero is the only global minimum from :math:`\lambda_+` on. Source: derivations/price_of_minima.py.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from optima.checker.arithmetic import Floats
from optima.checker.boxes import thinnest
from optima.checker.instance import Instance
from optima.checker.loss import loss_of
from optima.checker.verification import Refuted, Verification
from optima.model import Array, DeepUFM


def verify_passage(
    bound: Verification, problem: DeepUFM, ends: tuple[float, float], price: float, minima: Sequence[Array], alone: bool
) -> Verification:
    """Whether the price of global minima passes ``price`` between the regularisations ``ends``.

    ``bound`` is the answer to the certificate of ``problem``, ``minima`` are the logits (K, K) that lead before and
    after, and ``alone`` claims that from the second end on zero is the only global minimum. In floating point. Nothing
    is raised for a proof that fails.
    """
    try:
        if not bound:
            raise Refuted(f"the lower bound is {bound.reason}")
        _check(bound.lower, problem, ends, price, minima)
        if alone:
            _check_alone(problem, ends[1], price)
    except Refuted as refuted:
        return replace(bound, valid=False, reason=str(refuted), rigorous=False)
    return replace(bound, rigorous=False)


def _check(lower: float, problem: DeepUFM, ends: tuple[float, float], price: float, minima: Sequence[Array]) -> None:
    if isinstance(problem.reg, tuple):
        raise Refuted("a passage in lambda is for one regularisation of all factors")
    low, high = ends
    if not 0 < low < problem.reg < high < math.inf:
        raise Refuted(f"the regularisation {problem.reg:g} is not inside {low:g} to {high:g}")
    before, after = (
        loss_of(replace(problem, reg=reg), np.asarray(means, dtype=float), Floats())
        for reg, means in zip(ends, minima, strict=True)
    )
    if not lower - before > price * (problem.reg - low):
        raise Refuted(f"at {low:g} a price below {price:g} is not excluded")
    if not after - lower < price * (high - problem.reg):
        raise Refuted(f"at {high:g} a price above {price:g} is not excluded")


def _check_alone(problem: DeepUFM, reg: float, price: float) -> None:
    instance = Instance.of(replace(problem, reg=reg), Floats())
    least = instance.strength * thinnest(instance, Floats()) / reg
    if not price <= least:
        raise Refuted(f"logits that are not zero may have a price of {least:g}")
