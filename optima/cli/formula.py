"""``optima formula``: the exact loss of one structure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from optima.cli import options

if TYPE_CHECKING:
    from optima.structures import Structure


def formula(
    structure: Annotated[
        str,
        typer.Argument(
            metavar="STRUCTURE",
            help="Its name, such as pairs or etf; optima structures lists them.",
            autocompletion=options.structure_names,
        ),
    ],
    classes: options.Classes,
    loss: options.Loss = "ce",
    activation: options.Activation = "linear",
    latex: Annotated[bool, typer.Option("--latex", help="Print LaTeX.")] = False,
    as_json: options.AsJson = False,
) -> None:
    """Exact loss of one structure as a function of its scale: with stationarity, singular values, price, source.

    The depth L, lambda and the samples n of each class stay symbols, in p and c.
    """
    from optima.structures.formula import Formula

    found = Formula(_structure(structure, classes, activation), loss)
    if as_json:
        print(json.dumps(_lines(found, latex), allow_nan=False))
        return
    lines = _lines(found, latex)
    width = max(map(len, lines))
    for name, value in lines.items():
        for number, each in enumerate(value if isinstance(value, list) else [value]):
            print(f"{'' if number else name.replace('_', ' '):{width}}  {each}")


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

    if latex:
        show = sympy.latex
    else:
        show = lambda value: f"{value.lhs} = {value.rhs}" if isinstance(value, sympy.Equality) else str(value)
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
        "source": found.source,
    }
