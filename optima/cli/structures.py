"""``optima structures``: the named structures, in the words of the papers too."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any

from optima.cli import options
from optima.cli.declared import integer
from optima.cli.terminal import say

if TYPE_CHECKING:
    from optima.structures import Structure

# Formulas with more terms are left to optima formula.
FEW_TERMS = 6


def structures(
    classes: Annotated[int | None, integer("Number of classes K; without it, all families.", least=2)] = None,
    loss: options.Loss = "ce",
    activation: options.Activation = "linear",
    as_json: options.AsJson = False,
) -> None:
    """Named structures: words for them, rank, what a class sees of its rivals, and the loss at scale a.

    In the loss, p = 2/(L+1) and c = lambda n^(p/2)/p for depth L and n samples of each class.
    """
    found = _families(activation) if classes is None else _members(classes, loss, activation)
    if as_json:
        print(json.dumps({"structures": found}, allow_nan=False))
        return
    for each in found:
        name, also = each.pop("name"), each.pop("also")
        say(name + (f"  (also {', '.join(also)})" if also else ""), 4)
        for key, value in each.items():
            say(f"  {key:<16}{value}", 18)
    if classes is None:
        relu = " --activation relu" if activation == "relu" else ""
        print(f"optima structures --classes 10{relu} lists the members with rank, margins and loss")


def _families(activation: str) -> list[dict[str, Any]]:
    from optima.structures import all_families, words_for

    return [
        {"name": family.name, "also": words_for(family.name), "what": family.summary}
        for family in all_families(activation)
    ]


def _members(classes: int, loss: str, activation: str) -> list[dict[str, Any]]:
    from optima.limits import check_named
    from optima.structures import all_families

    check_named(classes)
    found = [(member, family.summary) for family in all_families(activation) for member in family.members(classes)]
    return [
        _as_dict(member, summary, loss)
        for member, summary in found
        # Linear structures are listed for both losses.
        if activation == "linear" or loss in member.losses
    ]


def _as_dict(structure: Structure, summary: str, loss: str) -> dict[str, Any]:
    from optima.structures import words_for
    from optima.structures.formula import Formula, shortened, terms
    from optima.structures.networks import NamedNetwork

    network = isinstance(structure, NamedNetwork)
    blocks = structure.blocks()
    few = terms(structure) <= FEW_TERMS
    found = {
        "name": structure.name,
        "also": words_for(structure.name),
        "what": summary,
        **({"depth": f"{structure.least_depth} or more", "width": structure.width} if network else {}),
    }
    if network and loss == "mse":
        layers = (pair for block in blocks if block.ridge is not None for pair in block.ridge.spectrum)
        found["last layer"] = f"singular values {_values(layers)}"
    else:
        found |= {
            "rank": structure.rank,
            "a class sees": "; or ".join(_sees(orbit) for block in blocks for orbit in block.orbits) or "zero",
            "singular values": _values(pair for block in blocks for pair in block.singular) or "none",
        }
    where = f"--classes {structure.classes}" + (" --activation relu" if network else "")
    found |= {"numbers": structure.about_numbers} if structure.about_numbers else {}
    found["loss"] = (
        str(shortened(Formula(structure, loss).loss)) if few else f"optima formula '{structure.name}' {where}"
    )
    return found


def _values(pairs: Iterable[tuple[Any, Any]]) -> str:
    return ", ".join(f"{float(value):.6g} x{count}" for value, count in pairs)


def _sees(orbit: Any) -> str:
    """How many rivals are at which margin, at scale one."""
    counts: Counter[str] = Counter()
    for margin, count in sorted(zip(map(float, orbit.margins), orbit.counts, strict=True)):
        counts[f"{margin:.4g}"] += int(count)
    shown = ", ".join(f"{count} at margin {margin}" for margin, count in list(counts.items())[:FEW_TERMS])
    return shown + (f", ... ({len(counts)} margins)" if len(counts) > FEW_TERMS else "")
