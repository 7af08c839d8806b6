r"""The bound of one lambda from certificates of a smaller and of a larger one.

.. math:: \min f_\lambda \ge (1 - w)\, \ell_0 + w\, \ell_1, \qquad \lambda = (1 - w) \lambda_0 + w \lambda_1

The minimum is concave in lambda. Source: derivations/price_of_minima.py.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from itertools import product

from numpy import array

from optima.model import Array, DeepUFM
from optima.proofs.certificate import Certificate
from optima.proofs.claims import Claims

# What the ends of a chord are proved by.
ENDS = "branch and bound"


def best_chord(
    problem: DeepUFM, means: Array, certificates: Iterable[Certificate], wanted: float = -math.inf
) -> Certificate | None:
    """The best bound of a chord between certificates of other lambda; ``means`` (K, K) are the best logits known.

    The problem has one regularisation, in which alone those of the certificates differ. None where it is not between
    any two that a search of boxes proved, or the bound is not ``wanted``: it takes as long to check as both ends.
    """
    assert not isinstance(problem.reg, tuple)
    ends = [each for each in certificates if each.method == ENDS and replace(each.problem, reg=problem.reg) == problem]
    before, after = (
        [each for each in ends if _reg(each) < problem.reg],
        [each for each in ends if _reg(each) > problem.reg],
    )
    found = max(product(before, after), key=lambda pair: _height(problem, pair), default=None)
    return None if found is None or _height(problem, found) < wanted else _claim(problem, means, found)


def _height(problem: DeepUFM, ends: tuple[Certificate, Certificate]) -> float:
    """The chord between the bounds at two lambda."""
    low, high = map(_reg, ends)
    assert not isinstance(problem.reg, tuple)
    weight = (problem.reg - low) / (high - low)
    return (1 - weight) * ends[0].lower + weight * ends[1].lower


def _claim(problem: DeepUFM, means: Array, ends: tuple[Certificate, Certificate]) -> Certificate:
    regs = [_reg(end) for end in ends]
    data: dict[str, Array] = {}
    for i, (reg, end) in enumerate(zip(regs, ends, strict=True)):
        part = {**end.data, "reg": array(reg), "wanted": array(end.lower)}
        data |= {f"{name}_{i}": values for name, values in part.items()}
    rigour = f"concavity in lambda, from {regs[0]:.6g} to {regs[1]:.6g}, and bounds of boxes of matrices at both"
    seconds = sum(end.seconds for end in ends)
    return Claims.of(problem, means).claimed("chord", _height(problem, ends), rigour, seconds, data)


def _reg(certificate: Certificate) -> float:
    """The one regularisation."""
    reg = certificate.problem.reg
    assert not isinstance(reg, tuple)
    return reg
