"""Named structures: class-mean logits with closed-form singular values and fit.

To add one, write a file with a ``Family`` in it and list the family in ``FAMILIES``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from optima.model.arguments import several
from optima.model.inputs import did_you_mean, nearest, positive_integer, shown
from optima.structures import (
    cyclic,
    dual_simplex,
    frame,
    hadamard,
    mixed,
    pairs,
    pairs_free,
    simplex,
    spherical_codes,
    strongly_regular,
    zero,
)
from optima.structures.base import Block, Family, Orbit, Structure
from optima.structures.names import WORDS, canonical

__all__ = [
    "FAMILIES",
    "HINTED",
    "WORDS",
    "Block",
    "Family",
    "Orbit",
    "Structure",
    "canonical",
    "catalogue",
    "families",
    "find",
    "hint",
    "known_names",
    "named",
]

# In the order of the catalogue; where two structures coincide the first one gives the name.
FAMILIES: tuple[Family, ...] = (
    zero.family,
    simplex.family,
    frame.family,
    pairs.family,
    pairs_free.family,
    cyclic.polygon,
    strongly_regular.family,
    hadamard.family,
    cyclic.family,
    spherical_codes.family,
    dual_simplex.family,
    mixed.family,
)


def families(loss: str = "ce") -> tuple[Family, ...]:
    """The families of the catalogue for a loss."""
    return tuple(family for family in FAMILIES if loss in family.losses)


def find(name: str, classes: int) -> Structure | None:
    """The structure of that name at K classes, or None where it does not exist at this K.

    Words of papers are names too: ``dnc``, ``etf``, ``nc`` and ``neural-collapse`` are ``simplex``.
    """
    name = canonical(name)
    found = (family.find(name, classes) for family in FAMILIES)
    return next((structure for structure in found if structure is not None), None)


def named(name: str, classes: int) -> Structure:
    """The structure of that name at K classes, in the catalogue or not: ``named("pairs", 10)``, or ``(10, "pairs")``.

    Raises ValueError, with the names nearest to it, where there is none of this ``name`` at so many ``classes``.
    """
    if isinstance(classes, str) and not isinstance(name, str):
        name, classes = classes, name
    if not isinstance(name, str):
        raise TypeError(f"name is {shown(name)}; pass a name and a number of classes, such as named('pairs', 10)")
    classes = positive_integer("classes", classes, minimum=2)
    structure = find(name, classes)
    if structure is None:
        near = nearest(name, _members([classes]), canonical) or f"a name that catalogue({classes}) lists"
        raise ValueError(f"there is no structure {shown(name)} at {classes} classes; pass {near}")
    return structure


def structure_itself(structure: Any) -> Structure:
    """``structure``, or a TypeError that says how to make one of what was passed instead, such as its name."""
    if not isinstance(structure, Structure):
        name = structure if isinstance(structure, str) else "pairs"
        raise TypeError(f"structure is {shown(structure)}; pass one with its number of classes: named({name!r}, 10)")
    return structure


def catalogue(
    classes: int, names: str | Sequence[str] | None = None, loss: str = "ce", max_rank: int | None = None
) -> list[Structure]:
    """All structures of the catalogue at K classes, or those selected by ``names``.

    A name in ``names`` is that of a family (``srg``, ``mixed``) or of a structure (``srg-petersen``,
    ``simplex(8)+pairs(1)``), those of ``classes`` without one are passed over; without ``names`` they are those of a
    ``loss``. Structures of rank above ``max_rank`` are left out, except that the frame is
    cut to that rank.
    """
    if names is None:
        chosen = [member for family in families(loss) for member in family.members(classes)]
    else:
        chosen = [member for name in several(names) for member in select(name, classes)]
    if max_rank is None:
        return chosen
    cut = [frame.Frame(classes, max_rank) if s.name == "frame" and max_rank < classes else s for s in chosen]
    return [structure for structure in cut if structure.rank <= max_rank]


def select(name: str, classes: int) -> list[Structure]:
    """Members at K classes of the family of that name, or the one structure of that name, if any."""
    name = canonical(name)
    for family in FAMILIES:
        if family.name == name:
            return list(family.members(classes))
    structure = find(name, classes)
    return [] if structure is None else [structure]


# Numbers of classes whose members are compared with a misspelt name.
HINTED = 20


def check_names(names: Sequence[str], classes: Sequence[int]) -> None:
    """Raise ValueError unless each name is a family or a structure at one of the numbers of classes."""
    known = [family.name for family in FAMILIES]
    if not names:
        raise ValueError(f"structures is empty; pass at least one name, such as {', '.join(known)}")
    for name in map(canonical, names):
        if name in known or any(find(name, K) is not None for K in classes):
            continue
        raise ValueError(f"unknown structure {name!r} for this number of classes; {hint(name, classes)}")


def hint(name: str, classes: Sequence[int]) -> str:
    """What to pass instead of a name that is not known: the nearest ones, or the families."""
    otherwise = f"pass some of {', '.join(family.name for family in FAMILIES)}"
    return did_you_mean(name, _members(classes, known_names()), otherwise, canonical)


def _members(classes: Sequence[int], others: Sequence[str] = ()) -> list[str]:
    """The names of all structures at these numbers of classes, and others, in order."""
    members = {member.name for K in classes[:HINTED] for family in FAMILIES for member in family.members(K)}
    return sorted({*others, *members})


def known_names() -> list[str]:
    """The names of families, and the words of papers for them."""
    families = [family.name for family in FAMILIES]
    return [*families, *(word for name in families for word in WORDS.get(name, ()))]
