"""Numbers and problems in words."""

from __future__ import annotations

from optima.model import DeepUFM
from optima.tables.export import short

# Relative differences up to this are rounding.
ROUNDING = 1e-9
# Classes whose sizes are listed one by one.
LISTED = 8
KINDS = {"ce": "cross-entropy", "mse": "squared error"}


# Shares up to this are rounding.
ROUNDING = 1e-12


def per_cent(share: float) -> str:
    """A share as per cent, with three digits, or all before the point; what is rounding is zero."""
    value = 100 * share if abs(share) > ROUNDING else 0.0
    return f"{value:.0f} %" if abs(value) >= 999.5 else f"{value:.3g} %"


def problem_words(problem: DeepUFM) -> str:
    """``cross-entropy, K = 10, L = 2, lambda = 0.001, n = 5``."""
    reg = ", ".join(map(short, problem.reg)) if isinstance(problem.reg, tuple) else short(problem.reg)
    sizes = _sizes(problem.samples) if isinstance(problem.samples, tuple) else problem.samples
    wide = "" if problem.width is None else f", d = {problem.width}"
    return f"{KINDS[problem.loss]}, K = {problem.classes}, L = {problem.depth}, lambda = {reg}, n = {sizes}{wide}"


def _sizes(samples: tuple[int, ...]) -> str:
    """Sizes of classes, of many classes the least and the largest."""
    return ", ".join(map(str, samples)) if len(samples) <= LISTED else f"{min(samples)} to {max(samples)}"


def spans(numbers: list[int]) -> str:
    """Ascending integers in words: ``1, 5 to 9``."""
    parts: list[list[int]] = []
    for number in numbers:
        if parts and number == parts[-1][-1] + 1:
            parts[-1].append(number)
        else:
            parts.append([number])
    return ", ".join(f"{part[0]} to {part[-1]}" if len(part) > 2 else ", ".join(map(str, part)) for part in parts)
