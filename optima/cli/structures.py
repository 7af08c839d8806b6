"""``optima structures``: the named structures, in the words of the papers too."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Annotated, Any

from optima.cli import options
from optima.cli.declared import integer

if TYPE_CHECKING:
    from optima.structures import Structure

# Formulas with more terms are left to optima formula.
FEW_TERMS = 6


def structures(
    classes: Annotated[int | None, integer("Number of classes K; without it, all families.", least=2)] = None,
    loss: options.Loss = "ce",
    as_json: options.AsJson = False,
) -> None:
    """Named structures: words for them, rank, what a class sees of its rivals, and the loss at scale a.

    In the loss, p = 2/(L+1) and c = lambda n^(p/2)/p for depth L and n samples of each class.
    """
    found = _families() if classes is None else _members(classes, loss)
    if as_json:
        print(json.dumps({"structures": found}, allow_nan=False))
        return
    for each in found:
        name, also = each.pop("name"), each.pop("also")
        print(name + (f"  (also {', '.join(also)})" if also else ""))
        for key, value in each.items():
            print(f"  {key:<16}{value}")
    if classes is None:
        print("optima structures --classes 10 lists the members with rank, margins and loss")


def _families() -> list[dict[str, Any]]:
    from optima.structures import FAMILIES, WORDS

    return [
        {"name": family.name, "also": list(WORDS.get(family.name, ())), "what": family.summary} for family in FAMILIES
    ]


def _members(classes: int, loss: str) -> list[dict[str, Any]]:
    from optima.limits import check_named
    from optima.structures import FAMILIES

    check_named(classes)
    return [_as_dict(member, family.summary, loss) for family in FAMILIES for member in family.members(classes)]


def _as_dict(structure: Structure, summary: str, loss: str) -> dict[str, Any]:
    from optima.structures import WORDS
    from optima.structures.formula import Formula, terms

    blocks = structure.blocks()
    values = [f"{float(sigma):.6g} x{count}" for block in blocks for sigma, count in block.singular]
    command = f"optima formula '{structure.name}' --classes {structure.classes}"
    return {
        "name": structure.name,
        "also": list(WORDS.get(structure.name, ())),
        "what": summary,
        "rank": structure.rank,
        "a class sees": "; or ".join(_sees(orbit) for block in blocks for orbit in block.orbits) or "zero",
        "singular values": ", ".join(values) or "none",
        "loss": str(Formula(structure, loss).loss) if terms(structure) <= FEW_TERMS else command,
    }


def _sees(orbit: Any) -> str:
    """How many rivals are at which margin, at scale one."""
    counts: Counter[str] = Counter()
    for margin, count in sorted(zip(map(float, orbit.margins), orbit.counts, strict=True)):
        counts[f"{margin:.4g}"] += int(count)
    shown = ", ".join(f"{count} at margin {margin}" for margin, count in list(counts.items())[:FEW_TERMS])
    return shown + (f", ... ({len(counts)} margins)" if len(counts) > FEW_TERMS else "")
