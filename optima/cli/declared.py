"""Options as commands declare them: what is typed after one, its help, how the text is read, and options in groups."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from dataclasses import MISSING, dataclass, fields, is_dataclass, replace
from functools import partial, wraps
from inspect import Parameter, Signature, signature
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import typer

from optima.cli import parse
from optima.model.inputs import one_of

# Reads the text of an option, given its name for the messages of errors.
Reader = Callable[[str, str], Any]


@dataclass(frozen=True)
class Typed:
    """An option that is typed as text, how the text is read, and whether it may be given several times."""

    option: Any
    read: Reader
    several: bool = False


def typed(metavar: str, read: Reader, help: str, *flags: str, several: bool = False, **more: Any) -> Typed:
    """An option with a way of its own to be read."""
    return Typed(typer.Option(*flags, metavar=metavar, help=help, **more), read, several)


def integer(help: str, *flags: str, least: int = 1, **more: Any) -> Typed:
    """An integer of at least ``least``."""
    return typed("INTEGER", partial(parse.integer, least=least), help, *flags, **more)


def integers(help: str, *flags: str, least: int = 1, **more: Any) -> Typed:
    """Integers and ranges of them."""
    return typed("INTEGERS", partial(parse.integers, least=least), help, *flags, **more)


def number(help: str, *flags: str, **more: Any) -> Typed:
    """A positive number."""
    return typed("NUMBER", parse.positive_real, help, *flags, **more)


def numbers(help: str, *flags: str, **more: Any) -> Typed:
    """Positive numbers and ranges of them."""
    return typed("NUMBERS", parse.reals, help, *flags, **more)


def names(help: str, **more: Any) -> Typed:
    """Names with commas."""
    return typed("NAMES", lambda text, name: parse.names(text), help, **more)


def choice(help: str, *words: str, metavar: str = "", **more: Any) -> Typed:
    """One of some words."""

    def read(text: str, name: str) -> str:
        one_of(name, text, words)
        return text

    begun = lambda incomplete: [word for word in words if word.startswith(incomplete)]
    return typed(metavar or "|".join(words), read, help, autocompletion=begun, **more)


def word(help: str, *flags: str, metavar: str = "NAME", **more: Any) -> Any:
    """Text that is taken as it is."""
    return typer.Option(*flags, metavar=metavar, help=help, **more)


def file(help: str, *flags: str, **more: Any) -> Any:
    """The name of a file."""
    return typer.Option(*flags, metavar="FILE", help=help, **more)


def as_command(function: Callable[..., None]) -> Callable[..., None]:
    """The function with options as they are typed: as text, and one by one those of its groups.

    A group is a parameter whose type is a dataclass; its fields are options, in the ``panel`` of the help that it has.
    """
    options: dict[str, Parameter] = {}
    readers: dict[str, Reader] = {}
    hints = get_type_hints(function, include_extras=True)
    groups = {name: kind for name, kind in hints.items() if isinstance(kind, type) and is_dataclass(kind)}
    for parameter in signature(function).parameters.values():
        for name, hint, default in _declared(parameter, hints[parameter.name], parameter.name in groups):
            if get_origin(hint) is Annotated and isinstance(kind := get_args(hint)[1], Typed):
                readers[name], hint, default = kind.read, _text_of(hint), _typed_default(default)
            default = Parameter.empty if default is MISSING else default
            options[name] = Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=hint)

    @wraps(function)
    def command(**given: Any) -> None:
        for name, read in readers.items():
            given[name] = _read(read, given[name], name.replace("_", "-"))
        for name, group in groups.items():
            given[name] = group(**{each.name: given.pop(each.name) for each in fields(group)})
        function(**given)

    command.__signature__ = Signature(list(options.values()))  # type: ignore[attr-defined]
    command.__annotations__ = {name: option.annotation for name, option in options.items()}
    return command


def _declared(parameter: Parameter, kind: Any, group: bool) -> list[tuple[str, Any, Any]]:
    """Names, types and defaults of the options that a parameter stands for: one, or those of a group."""
    if not group:
        return [(parameter.name, kind, parameter.default)]
    hints, panel = get_type_hints(kind, include_extras=True), getattr(kind, "panel", None)
    return [(each.name, _in_panel(hints[each.name], panel), each.default) for each in fields(kind)]


def _in_panel(hint: Any, panel: str | None) -> Any:
    """An option under the heading of its group."""
    kind, declared = get_args(hint)
    option = copy(declared.option if isinstance(declared, Typed) else declared)
    option.rich_help_panel = panel
    return Annotated[kind, replace(declared, option=option) if isinstance(declared, Typed) else option]


def _text_of(hint: Any) -> Any:
    """The type of an option as it is typed: text, perhaps None, or where it is given several times a list."""
    kind, typed = get_args(hint)
    kinds = [kind, *get_args(kind)]
    text: Any = list[str] if typed.several else str
    return Annotated[text | None if type(None) in kinds else text, typed.option]


def _typed_default(default: Any) -> Any:
    """A default value as it would be typed, for the help to show."""
    if default in (None, MISSING, Parameter.empty):
        return default
    return ",".join(str(each).replace("e-0", "e-") for each in (default if isinstance(default, tuple) else [default]))


def _read(read: Reader, given: Any, name: str) -> Any:
    if isinstance(given, list):
        return [read(each, name) for each in given]
    return None if given is None else read(given, name)
