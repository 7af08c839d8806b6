"""Named structures: class-mean logits with closed-form singular values and fit.

To add one, write a file with a ``Family`` in it and list the family in ``FAMILIES``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from optima.model.arguments import several
from optima.model.inputs import did_you_mean, nearest, one_of, positive_integer, shown
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
from optima.structures.base import Block, Family, Orbit, Ridge, Structure
from optima.structures.names import WORDS, canonical
from optima.structures.own import Own

__all__ = [
    "FAMILIES",
    "HINTED",
    "WORDS",
    "Block",
    "Family",
    "Orbit",
    "Own",
    "Ridge",
    "Structure",
    "all_families",
    "canonical",
    "catalogue",
    "elsewhere",
    "families",
    "find",
    "hint",
    "known_as",
    "known_names",
    "named",
    "words_for",
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


def all_families(activation: str = "linear") -> tuple[Family, ...]:
    """The families of linear structures, or those of named relu networks."""
    if activation == "linear":
        return FAMILIES
    from optima.structures import networks

    return (zero.family, *networks.FAMILIES)


def families(loss: str = "ce", activation: str = "linear") -> tuple[Family, ...]:
    """The families of the catalogue for a loss."""
    return tuple(family for family in all_families(activation) if loss in family.losses)


def known_as(name: str, activation: str = "linear") -> str:
    """The name of a structure for a word of papers; in relu networks the simplex is ``collapse``."""
    name = canonical(name)
    return "collapse" if activation == "relu" and name == "simplex" else name


def words_for(name: str) -> list[str]:
    """The words of papers for a structure or a network."""
    return [word for word in WORDS.get("simplex" if name == "collapse" else name, ()) if word != name]


def find(name: str, classes: int, activation: str = "linear") -> Structure | None:
    """The structure of that name at K classes, or None where it does not exist at this K.

    Words of papers are names too: ``dnc``, ``etf``, ``nc`` and ``neural-collapse`` are ``simplex``. With the
    activation ``relu`` it is a named network.
    """
    name = known_as(name, activation)
    found = (family.find(name, classes) for family in all_families(activation))
    return next((structure for structure in found if structure is not None), None)


def named(name: str, classes: int, activation: str = "linear") -> Structure:
    """The structure of that name at K classes, in the catalogue or not: ``named("pairs", 10)``, or ``(10, "pairs")``.

    ``named("srg", 10, activation="relu")`` is a network (:class:`optima.structures.networks.NamedNetwork`).

    Raises ValueError, with the names nearest to it, where there is none of this ``name`` at so many ``classes``.

    Examples
    --------
    >>> import optima
    >>> optima.named("icosahedron", 12)
    <structure icosahedron, 12 classes, rank 3>
    """
    one_of("activation", activation, ("linear", "relu"))
    if isinstance(classes, str) and not isinstance(name, str):
        name, classes = classes, name
    if not isinstance(name, str):
        raise TypeError(f"name is {shown(name)}; pass a name and a number of classes, such as named('pairs', 10)")
    classes = positive_integer("classes", classes, minimum=2)
    structure = find(name, classes, activation)
    if structure is None:
        kind = "structure" if activation == "linear" else "network"
        if other := elsewhere(name, classes, activation):
            raise ValueError(f"there is no {kind} {shown(name)} at {classes} classes; {other}")
        listed = f"catalogue({classes})" if activation == "linear" else f"catalogue({classes}, activation='relu')"
        known = lambda word: known_as(word, activation)
        near = nearest(name, _members([classes], (), activation), known) or f"a name that {listed} lists"
        raise ValueError(f"there is no {kind} {shown(name)} at {classes} classes; pass {near}")
    return structure


def structure_itself(structure: Any) -> Structure:
    """``structure``, or a TypeError that says how to make one of what was passed instead, such as its name."""
    if not isinstance(structure, Structure):
        name = structure if isinstance(structure, str) else "pairs"
        raise TypeError(f"structure is {shown(structure)}; pass one with its number of classes: named({name!r}, 10)")
    return structure


def catalogue(
    classes: int,
    names: str | Sequence[str] | None = None,
    loss: str = "ce",
    max_rank: int | None = None,
    activation: str = "linear",
) -> list[Structure]:
    """All structures of the catalogue at K classes, or those selected by ``names``.

    A name in ``names`` is that of a family (``srg``, ``mixed``) or of a structure (``srg-petersen``,
    ``simplex(8)+pairs(1)``), those of ``classes`` without one are passed over; without ``names`` they are those of a
    ``loss``. Structures of rank above ``max_rank`` are left out, except that the frame is
    cut to that rank. With the activation ``relu`` they are the zero logits and the named networks of a loss, of at
    most ``max_rank`` neurons a layer.

    Examples
    --------
    >>> import optima
    >>> [structure.name for structure in optima.catalogue(4)]
    ['zero', 'simplex', 'pairs', 'polygon']
    """
    if names is None:
        members = (member for family in families(loss, activation) for member in family.members(classes))
        chosen = [member for member in members if loss in member.losses]
    else:
        chosen = [member for name in several(names) for member in select(name, classes, activation)]
    if max_rank is None:
        return chosen
    if activation == "relu":
        return [structure for structure in chosen if structure.width <= max_rank]
    cut = [frame.Frame(classes, max_rank) if s.name == "frame" and max_rank < classes else s for s in chosen]
    return [structure for structure in cut if structure.rank <= max_rank]


def select(name: str, classes: int, activation: str = "linear") -> list[Structure]:
    """Members at K classes of the family of that name, or the one structure of that name, if any."""
    name = known_as(name, activation)
    for family in all_families(activation):
        if family.name == name:
            return list(family.members(classes))
    structure = find(name, classes, activation)
    return [] if structure is None else [structure]


# Numbers of classes whose members are compared with a misspelt name.
HINTED = 20


def check_names(names: Sequence[str], classes: Sequence[int], activation: str = "linear") -> None:
    """Raise ValueError unless each name is a family or a structure at one of the numbers of classes."""
    known = [family.name for family in all_families(activation)]
    if not names:
        raise ValueError(f"structures is empty; pass at least one name, such as {', '.join(known)}")
    for given in names:
        name = known_as(given, activation)
        if name in known or any(find(name, K, activation) is not None for K in classes):
            continue
        raise ValueError(f"unknown structure {name!r} for this number of classes; {hint(name, classes, activation)}")


def hint(name: str, classes: Sequence[int], activation: str = "linear") -> str:
    """What to pass instead of a name that does not exist: classes at which it does, names near to it, or families."""
    if classes and (other := elsewhere(name, classes[0], activation)):
        return other
    otherwise = f"pass some of {', '.join(family.name for family in all_families(activation))}"
    known = lambda word: known_as(word, activation)
    return did_you_mean(name, _members(classes, known_names(activation), activation), otherwise, known)


# How far from a number of classes a structure is looked for, and a family.
NEARBY, FAR = 64, 200


def elsewhere(name: str, classes: int, activation: str = "linear") -> str:
    """Where a name that does not exist at K classes does: at the nearest K below and above, or with relu.

    Of a family that does exist, its members; nothing for a name that is not known anywhere near.
    """
    name = known_as(name, activation)
    family = next((family for family in all_families(activation) if family.name == name), None)
    if family and family.members(classes):
        return f"it is a family: pass one of {', '.join(member.name for member in family.members(classes))}"
    exists = lambda K: bool(family.members(K)) if family else find(name, K, activation) is not None
    reach = FAR if family else NEARBY
    below = next((K for K in range(classes - 1, max(1, classes - reach), -1) if exists(K)), None)
    above = next((K for K in range(classes + 1, classes + reach) if exists(K)), None)
    found = [str(K) for K in (below, above) if K is not None]
    if found:
        return f"it exists at {' and at '.join(found)} classes: pass {' or '.join(found)}, or another name"
    other = "relu" if activation == "linear" else "linear"
    if any(family.name == name for family in all_families(other)) or find(name, classes, other) is not None:
        kind = "named relu network" if other == "relu" else "structure of the linear model"
        return f"it is a {kind}: pass the activation {other}, or another name"
    return ""


def _members(classes: Sequence[int], others: Sequence[str], activation: str) -> list[str]:
    """The names of all structures at these numbers of classes, and others, in order."""
    everything = all_families(activation)
    members = {member.name for K in classes[:HINTED] for family in everything for member in family.members(K)}
    return sorted({*others, *members})


def known_names(activation: str = "linear") -> list[str]:
    """The names of families, and the words of papers for them."""
    families = [family.name for family in all_families(activation)]
    words = (word for name in families for word in words_for(name))
    return [*families, *(word for word in words if word not in families)]
