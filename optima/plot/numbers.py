"""Numbers and settings of problems in the mathematics of matplotlib."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from optima.model import DeepUFM

# The numbers of the model: in words with their letters, and the letters.
NAMES = {"classes": "classes $K$", "depth": "depth $L$", "reg": r"regularisation $\lambda$"}
NAMES |= {"width": "width $d$", "samples": "samples per class $n$"}
SYMBOLS = {"classes": "K", "depth": "L", "reg": r"\lambda", "width": "d", "samples": "n"}


def number(value: Any) -> str:
    r"""A number in mathematics: a small power of two as such, others with four digits and a power of ten."""
    if isinstance(value, tuple):
        return ", ".join(map(number, value))
    power_of_two = round(math.log2(value)) if value > 0 else 0
    if power_of_two < -3 and math.isclose(value, 2.0**power_of_two):
        return f"2^{{{power_of_two}}}"
    mantissa, _, power = f"{value:.4g}".partition("e")
    if not power:
        return mantissa
    return ("" if mantissa == "1" else rf"{mantissa} \times ") + f"10^{{{int(power)}}}"


def fixed_words(fixed: Mapping[str, Any]) -> list[str]:
    """``$K = 10$`` for each number of the model that is given."""
    return [f"${SYMBOLS[k]} = {number(value)}$" for k, value in fixed.items() if k in SYMBOLS and value is not None]


def settings(problem: DeepUFM) -> str:
    r"""``$K = 10$, $L = 2$, $n = 5$, $\lambda = 2^{-10}$``, and d, ReLU and squared error where there are any.

    One lambda stands for equal ones, and the ends of the range for classes of different sizes.
    """
    sizes = problem.class_sizes
    n = str(sizes[0]) if sizes.min() == sizes.max() else rf"{sizes.min()} \ldots {sizes.max()}"
    regs = problem.regs if len(set(problem.regs)) > 1 else problem.regs[:1]
    reg = number(regs[0]) if len(regs) == 1 else f"({number(tuple(regs))})"
    parts = [f"$K = {problem.classes}$", f"$L = {problem.depth}$", f"$n = {n}$", rf"$\lambda = {reg}$"]
    if problem.width is not None:
        parts.append(f"$d = {problem.width}$")
    parts += ["ReLU"] * (problem.activation == "relu") + ["squared error"] * (problem.loss == "mse")
    return ", ".join(parts)
