"""What recognition reports."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any

from optima.model import Array
from optima.structures.recognition.nearest import Near, nearest_structures
from optima.structures.recognition.view import View

UNNAMED = "unnamed"
# Relative size of what counts as noise, unless another is asked for.
TOLERANCE = 0.02
# Distance up to which something is called a noisy version of a structure.
NOISY = 0.2
# What is not stored.
LEFT_OUT = ("view", "neighbours")


@dataclass(frozen=True)
class Recognition:
    """The name of class-mean logits M, or the facts that describe them when they have none.

    Attributes
    ----------
    name
        Name of the structure, or ``"unnamed"``.
    distance
        ||M - ideal||_F / ||M||_F with the ideal logits of that name at the best class order and scales
        found (for ``"zero"``: the largest absolute entry of M). None when unnamed.
    rank, multiplicities
        Number of nonzero singular values, and how many share each value, the largest value first.
    distinct_margins
        Number of distinct margins M_cc - M_c'c over all ordered pairs of classes c != c'.
    symmetry_order
        Number of class permutations P with P M P^T = M; None where it was not computed (unnamed logits of
        many classes).
    tolerance
        The relative tolerance of all these statements.
    view, text
        The logits, where they are at hand; and the description as it was stored, where it was.
    middle
        Whether ``rank`` is the least rank of a hidden layer of a network, and not that of the logits.
    neighbours
        The nearest ones, where these are known already.

    The facts of named logits are those of the ideal logits, free of noise.
    """

    name: str
    distance: float | None
    rank: int
    multiplicities: tuple[int, ...]
    distinct_margins: int
    symmetry_order: int | None
    tolerance: float
    view: View | None = field(default=None, repr=False, compare=False)
    text: str = field(default="", repr=False)
    middle: bool = False
    neighbours: tuple[Near, ...] = field(default=(), repr=False, compare=False)

    @cached_property
    def nearest(self) -> tuple[Near, ...]:
        """The nearest structures with their distances, also beyond the tolerance; what has the name comes first.

        Found when asked for, by :func:`optima.structures.recognition.nearest.nearest_structures`. For ``"zero"`` it
        is that alone, and its distance, as above, is no relative one.
        """
        if self.neighbours:
            return self.neighbours
        own = () if self.distance is None else (Near(self.name, self.distance),)
        if self.name == "zero" or self.view is None:
            return own
        others = nearest_structures(self.view)
        return own + tuple(near for near in others if near.name != self.name)[: 5 - len(own)]

    @property
    def named(self) -> bool:
        """Whether a name was found."""
        return self.name != UNNAMED

    @property
    def label(self) -> str:
        """The name; without one by the rank: ``unnamed (rank 7)``, or of a network ``unnamed (middle rank 3)``."""
        kind = "middle rank" if self.middle else "rank"
        return self.name if self.named else f"{UNNAMED} ({kind} {self.rank})"

    @property
    def called(self) -> str:
        """The name; without one ``unnamed, rank 7, nearest to pairs``."""
        near = f", nearest to {self.nearest[0].name}" if self.nearest else ""
        kind = "middle rank" if self.middle else "rank"
        return self.name if self.named else f"{UNNAMED}, {kind} {self.rank}{near}"

    @property
    def in_words(self) -> str:
        """The description; what is near to a structure, and not near enough for its name, is called noisy."""
        if self.named or not self.nearest:
            return self.description
        name, distance = self.nearest[0]
        facts = self.description.removeprefix(f"{UNNAMED} (").removesuffix(")")
        far = f"{100 * distance:.3g} % away, beyond the tolerance of {100 * self.tolerance:g} %"
        if distance <= NOISY:
            return f"noisy {name}, or near to it: {far}\n{facts}"
        return f"no named {'network' if self.middle else 'structure'}: the nearest, {name}, is {far}\n{facts}"

    def __str__(self) -> str:
        if self.named or not self.nearest:
            return self.description
        name, distance = self.nearest[0]
        return self.description.replace("(", f"(nearest: {name}, distance {distance:.2g}; ", 1)

    @property
    def description(self) -> str:
        """The name with its rank and distance; unnamed logits by their facts alone, without what they are near to."""
        if self.text:
            return self.text
        if self.distance is not None:
            return f"{self.name} (rank {self.rank}, distance {_short(self.distance)})"
        parts = [f"rank {self.rank}", f"singular values {'+'.join(map(str, self.multiplicities))}"]
        parts.append(f"{self.distinct_margins} distinct margin{'s' if self.distinct_margins > 1 else ''}")
        if self.symmetry_order is not None:
            parts.append(f"symmetry order {self.symmetry_order}")
        return f"{self.name} ({', '.join(parts)})"

    def as_dict(self) -> dict[str, Any]:
        """For JSON and files: the fields."""
        kept = {each.name: getattr(self, each.name) for each in fields(self) if each.name not in LEFT_OUT}
        return kept | {"multiplicities": list(self.multiplicities)}

    @classmethod
    def read(cls, text: str) -> Recognition:
        """What a stored :attr:`description` tells, which stays as it is: the name, and the rank where it has one."""
        name, _, facts = text.partition(" (")
        rank = re.match(r"(middle )?rank (\d+)", facts)
        middle = bool(rank and rank[1])
        return cls(name, None, int(rank[2]) if rank else 0, (), 0, None, TOLERANCE, text=text, middle=middle)

    def seen(self, means: Array, loss: str) -> Recognition:
        """The same of logits (K, K) at hand, among whose neighbours :attr:`nearest` can look."""
        return replace(self, view=View(means, self.tolerance, loss, self.rank))


def _short(value: float) -> str:
    """One significant digit: 3e-9, 0.02, 0."""
    if value == 0 or value >= 1e-3:
        return f"{value:.1g}"
    mantissa, power = f"{value:.0e}".split("e")
    return f"{mantissa}e{int(power)}"


def grouped(values: Array, tolerance: float = 1e-6) -> list[tuple[float, int]]:
    """Values (descending) with multiplicities: equal when within ``tolerance`` of the first of their group."""
    groups: list[tuple[float, int]] = []
    for value in values:
        if groups and abs(value - groups[-1][0]) <= tolerance * groups[-1][0]:
            groups[-1] = (groups[-1][0], groups[-1][1] + 1)
        else:
            groups.append((float(value), 1))
    return groups
