r"""The fit in one variable: entropies, and global minima of a convex decreasing term plus a concave increasing one.

.. math:: \min_{0 \le x \le X} A(x) + B(x) \ge \min_{x \in \{a, b\}} A(v) + A'(v)(x - v) + B(x)
    \quad\text{on each part } [a, b],\; v \in [a, b]

since A lies above its tangents and B above its chords. Source: derivations/convex_concave.py.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import Any

from optima.checker.arithmetic import Numbers
from optima.checker.instance import Instance, loss_strength
from optima.model import DeepUFM

# Relative distance between the bounds at which the subdivision ends, and its most parts.
CLOSE, MOST = 1e-14, 20_000

Function = Callable[[Any], Any]


def entropy(share: list[Any], rivals: Any, numbers: Numbers) -> Any:
    r"""-sum q log(q / mu) - (1 - sum q) log(1 - sum q) of the shares q of the rivals of one class."""
    total = value = numbers.number(0)
    for q in share:
        total = total + q
        if q != 0:
            value = value - q * numbers.log(q / rivals)
    return value - (1 - total) * numbers.log1p(-total)


def minimum(convex: Function, slope: Function, concave: Function, end: float, numbers: Numbers) -> float:
    """A float below min of convex + concave on [0, end], and close to it."""
    number = numbers.number

    def part(low: float, high: float) -> tuple[float, float, float]:
        ends = [number(low), number(high)]
        chord = [concave(end) for end in ends]
        best = -float("inf")
        for at in (ends[0], number(0.5 * (low + high)), ends[1]):
            value, tilt = convex(at), slope(at)
            line = [numbers.low(value + tilt * (x - at) + c) for x, c in zip(ends, chord, strict=True)]
            best = max(best, min(line))
        return best, low, high

    least = min(numbers.high(convex(number(x)) + concave(number(x))) for x in (0.0, end))
    parts = [part(0.0, end)]
    for _ in range(MOST):
        bound, low, high = parts[0]
        middle = 0.5 * (low + high)
        least = min(least, numbers.high(convex(number(middle)) + concave(number(middle))))
        if bound >= least - CLOSE * abs(least) or not low < middle < high:
            break
        heapq.heapreplace(parts, part(low, middle))
        heapq.heappush(parts, part(middle, high))
    return parts[0][0]


def one_direction(instance: Instance, numbers: Numbers) -> float:
    r"""Jensen's bound for balanced classes.

    .. math:: f \ge \min_{x \ge 0} \log(1 + \mu (K-1) e^{-x/(K-1)}) + c\, x^p
    """
    rivals, exponent = instance.rivals * (instance.classes - 1), numbers.ratio(2, instance.depth + 1)
    rate = numbers.ratio(1, instance.classes - 1)

    def fit(x: Any) -> Any:
        return numbers.log1p(rivals * numbers.exp(-x * rate))

    def slope(x: Any) -> Any:
        odds = rivals * numbers.exp(-x * rate)
        return -rate * odds / (1 + odds)

    def penalty(x: Any) -> Any:
        return instance.strength * numbers.power(x, exponent)

    # Beyond the end the penalty alone exceeds a value; that at zero may put it beyond the range of floats.
    least = instance.zero_fit(numbers)
    if numbers.high(instance.strength) < 1:
        some = -numbers.log(instance.strength) / rate
        value = fit(some) + penalty(some)
        least = value if numbers.high(value) < numbers.low(least) else least
    end = 2 * numbers.high(numbers.power(least / instance.strength, numbers.ratio(instance.depth + 1, 2)))
    return minimum(fit, slope, penalty, end, numbers)


def squared_error(problem: DeepUFM, numbers: Numbers) -> float:
    r"""Squared error: von Neumann's inequality leaves one problem for each singular value of the targets.

    .. math:: f \ge \sum_i \min_{s \ge 0} \frac{(s - \sqrt{n_i})^2}{2N} + c\, s^p

    with s = 0 beyond the width, where the smallest classes gain least. Source: derivations/squared_error.py.
    """
    strength, exponent = loss_strength(problem, numbers), numbers.ratio(2, problem.depth + 1)
    total = problem.size
    sizes = sorted((int(n) for n in problem.class_sizes), reverse=True)

    def least_of(size: int) -> float:
        goal = numbers.power(numbers.number(size), numbers.ratio(1, 2))

        def miss(s: Any) -> Any:
            return (s - goal) * (s - goal) / (2 * total)

        def slope(s: Any) -> Any:
            return (s - goal) / total

        end = numbers.high(goal)
        return minimum(miss, slope, lambda s: strength * numbers.power(s, exponent), end, numbers)

    least = {size: least_of(size) for size in set(sizes)}
    bound = numbers.number(0)
    for i, size in enumerate(sizes):
        bound = bound + (numbers.number(least[size]) if i < problem.max_rank else numbers.ratio(size, 2 * total))
    return numbers.low(bound)


def nuclear_norm(problem: DeepUFM, numbers: Numbers) -> float:
    r"""Squared error at the price of one singular value, with relu or without, for classes of any sizes.

    .. math:: f \ge \min_{x \ge 0} \frac{(g - x)^2}{2KN} + c\, x^p, \qquad g = \sum_i \sqrt{n_i}, \quad
        x = \|Z \operatorname{diag}(\sqrt{n_c})\|_*

    since a network costs at least c x^p, and the fit is at least sum_i (s_i - sqrt(n_i))^2 / (2N) with sum s_i = x.
    Source: derivations/network_price.py.
    """
    return _one_value(problem, _goals(problem, numbers), loss_strength(problem, numbers), numbers)


def two_directions(problem: DeepUFM, numbers: Numbers) -> float:
    r"""Squared error in relu networks, for classes of any sizes: what two directions cost in every layer.

    .. math:: f \ge \min\Bigl\{\min_x \frac{(g - x)^2}{2KN} + 2^{1-p} c\, x^p,\
        \min_T \frac{(g' - T)^2}{2(K-1)N} + 2c\, T^p\Bigr\}

    g' without the largest class, T the sum of the singular values but the largest one: the first where that is at most
    T, else the second; and never less than :func:`nuclear_norm`. Source: derivations/network_rank_two.py.
    """
    strength, goals = loss_strength(problem, numbers), _goals(problem, numbers)
    dearer = strength * numbers.power(numbers.number(2), numbers.ratio(problem.depth - 1, problem.depth + 1))
    level = _one_value(problem, goals, dearer, numbers)
    aside = _one_value(problem, goals[1:], 2 * strength, numbers)
    return max(nuclear_norm(problem, numbers), min(level, aside))


def _goals(problem: DeepUFM, numbers: Numbers) -> list[Any]:
    """The singular values of the targets, descending."""
    half = numbers.ratio(1, 2)
    return [numbers.power(numbers.number(n), half) for n in sorted(map(int, problem.class_sizes), reverse=True)]


def _one_value(problem: DeepUFM, goals: list[Any], strength: Any, numbers: Numbers) -> float:
    """min over x >= 0 of (sum of goals - x)^2 / (2 N count) + strength x^p."""
    exponent, share = numbers.ratio(2, problem.depth + 1), 2 * len(goals) * problem.size
    goal = numbers.number(0)
    for each in goals:
        goal = goal + each

    def miss(x: Any) -> Any:
        return (goal - x) * (goal - x) / share

    def slope(x: Any) -> Any:
        return (x - goal) * 2 / share

    return minimum(miss, slope, lambda x: strength * numbers.power(x, exponent), numbers.high(goal), numbers)
