"""What a prompt is forgiven: a model given by its numbers, one value where several are taken."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar, cast

from optima.model import DeepUFM
from optima.model.inputs import shown

P = ParamSpec("P")
T = TypeVar("T")

# What a model needs, in order, and what it takes by name.
NUMBERS = ("classes", "depth", "reg")
OPTIONS = ("samples", "width", "loss", "activation")


def takes_model(*others: type, reg: float | None = None) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Decorator: the numbers of a model may stand for the first parameter, ``problem``.

    ``f(4, 2, 1e-3, samples=5)`` is ``f(DeepUFM(4, 2, 1e-3, samples=5))``; a name that both take is the function's.
    Where ``reg`` is given the function does not use it, and ``f(4, 2)`` is enough. Raises TypeError, with what to pass,
    for anything else that is neither a model nor one of the ``others``.
    """
    needed = NUMBERS if reg is None else NUMBERS[:2]
    rest: dict[str, Any] = {} if reg is None else {"reg": reg}

    def decorated(function: Callable[P, T]) -> Callable[P, T]:
        own = inspect.signature(function).parameters
        example = f"{function.__name__}({', '.join(('4', '2', '1e-3')[: len(needed)])})"

        @wraps(function)
        def call(*given: Any, **named: Any) -> T:
            if "problem" in named:
                given = (named.pop("problem"), *given)
            elif not given or _is_number(given[0]):
                numbers = dict(zip(needed, given, strict=False))
                numbers |= {name: named.pop(name) for name in needed if name in named and name not in numbers}
                if len(numbers) < len(needed) or (rest and given[len(needed) :]):
                    sentence = f"{function.__name__} takes a model; pass a DeepUFM, or {', '.join(needed)}: {example}"
                    raise TypeError(sentence + (", and other options by their names" if rest else ""))
                numbers |= {name: named.pop(name) for name in OPTIONS if name in named and name not in own}
                given = (DeepUFM(**numbers, **rest), *given[len(needed) :])
            return cast(Any, function)(model_itself(given[0], *others), *given[1:], **named)

        return cast(Callable[P, T], call)

    return decorated


def _is_number(value: object) -> bool:
    """Whether a value may have been meant as a number of classes: a number of any kind, or an array of one."""
    return hasattr(value, "__index__") or hasattr(value, "__float__")


def model_itself(problem: Any, *others: type) -> Any:
    """``problem``, or a TypeError that says what to pass unless it is a model or one of the ``others``."""
    if isinstance(problem, (DeepUFM, *others)):
        return problem
    if isinstance(problem, (list, tuple)) and problem and all(isinstance(each, DeepUFM) for each in problem):
        raise TypeError(f"problem is a list of {len(problem)} models; pass one of them, or the list to optima.sweep")
    raise TypeError(f"problem is {shown(problem)}; pass a DeepUFM, such as DeepUFM(4, 2, 1e-3)")


def several(values: Any) -> tuple[Any, ...]:
    """The values of an iterable; one value, or one name, for itself."""
    if isinstance(values, (str, bytes)):
        return (values,)
    try:
        return tuple(values)
    except TypeError:
        return (values,)
