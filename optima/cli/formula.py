"""``optima formula``: the exact loss of one structure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from optima.cli import options
from optima.cli.declared import integer
from optima.cli.terminal import say

if TYPE_CHECKING:
    from optima.structures import Structure
    from optima.structures.recognition.described import Described


def formula(
    structure: Annotated[
        str,
        typer.Argument(
            metavar="STRUCTURE",
            help="Its name, such as pairs or etf; optima structures lists them.",
            autocompletion=options.structure_names,
        ),
    ],
    classes: Annotated[int | None, integer("Number of classes K; polyhedra need none.", least=2)] = None,
    loss: options.Loss = "ce",
    activation: options.Activation = "linear",
    latex: Annotated[bool, typer.Option("--latex", help="Print LaTeX.")] = False,
    as_json: options.AsJson = False,
) -> None:
    """Exact loss of one structure as a function of its scale: with stationarity, singular values, price, source.

    The depth L, lambda and the samples n of each class stay symbols, in p and c. Names that optima solve recognises and
    that have no formula, such as pentagonal-bipyramid, are described.
    """
    from optima.structures.formula import Formula
    from optima.structures.recognition.described import described

    shape = described(structure, classes) if activation == "linear" else None
    if shape is not None and (classes is None or not _known(structure, classes, activation)):
        _show({name: value for name, value in _described(shape).items() if value is not None}, as_json)
        return
    if classes is None:
        raise ValueError("Missing option '--classes'.")
    _show(_lines(Formula(_structure(structure, classes, activation), loss), latex), as_json)


def _show(lines: dict[str, Any], as_json: bool) -> None:
    """The facts, each with its name before it, or as JSON."""
    if as_json:
        print(json.dumps(lines, allow_nan=False))
        return
    width = max(map(len, lines))
    for name, value in lines.items():
        for number, each in enumerate(value if isinstance(value, list) else [value]):
            say(f"{'' if number else name.replace('_', ' '):{width}}  {_words(each)}", width + 2)


def _words(value: Any) -> str:
    return f"({', '.join(f'{x:g}' for x in value)})" if isinstance(value, list) else str(value)


def _known(name: str, classes: int, activation: str) -> bool:
    from optima.structures import select

    return bool(select(name, classes, activation))


def _described(shape: Described) -> dict[str, Any]:
    """What is told of a recognised shape."""
    from optima.structures.recognition.described import NO_FORMULA

    return {
        "structure": shape.name,
        "classes": shape.classes,
        "rank": shape.rank,
        "what": shape.what,
        "loss": NO_FORMULA,
        "symmetry": f"{shape.symmetry} relabellings of the classes leave it as it is" if shape.symmetry else None,
        "vertices": None if shape.vertices is None else shape.vertices.tolist(),
    }


def _structure(name: str, classes: int, activation: str) -> Structure:
    from optima.structures import hint
    from optima.structures import select as members

    found = members(name, classes, activation)
    if not found:
        raise ValueError(f"there is no structure {name!r} at {classes} classes; {hint(name, [classes], activation)}")
    # The member that has the family's own name is meant, where there is one.
    found = [each for each in found if each.name == name] or found
    if len(found) > 1:
        raise ValueError(f"{name} is a family; pass one of {', '.join(each.name for each in found)}")
    return found[0]


def _lines(found: Any, latex: bool) -> dict[str, Any]:
    """What is printed, by name; formulas as sympy writes them, or in LaTeX."""
    import sympy

    from optima.structures.formula import shortened

    def show(exact: Any) -> str:
        value = shortened(exact)
        if latex:
            return str(sympy.latex(value))
        return f"{value.lhs} = {value.rhs}" if isinstance(value, sympy.Equality) else str(value)

    name = f"f({', '.join(map(show, found.scales))})" if found.scales else "f"
    times = r"{} \quad ({} \times)" if latex else "{} (x{})"
    return {
        "structure": found.structure.name,
        "classes": found.structure.classes,
        "rank": found.structure.rank,
        "loss": f"{name} = {show(found.loss)}",
        "where": [show(each) for each in found.where],
        "stationary": [show(each) for each in found.stationarity] or "no scale",
        "singular_values": [times.format(show(value), count) for value, count in found.singular_values] or "none",
        "price": show(found.price),
        **({"numbers": found.structure.about_numbers} if found.structure.about_numbers else {}),
        "source": found.source,
    }
