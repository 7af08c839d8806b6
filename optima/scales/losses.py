"""One cell of the table in full: every structure with all its stationary scales."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from optima.limits import check_named
from optima.model import DeepUFM
from optima.model.arguments import several, takes_model
from optima.model.class_network import ClassNetwork
from optima.model.content import Content
from optima.reduction import UNREGULARISED, mean_reg
from optima.scales.scale import Stationary, stationary_scales
from optima.scales.unequal import unequal_losses
from optima.structures import Structure, catalogue, check_names, hint, known_as, named, select
from optima.structures.networks.unequal import UnequalNetwork
from optima.structures.recognition.result import grouped


@dataclass(frozen=True, eq=False)
class StructureLoss(Content):
    """The optimum of one structure in one problem.

    ``loss``, ``fit`` and ``penalty`` are at the best scales; ``singular_values`` lists (value, multiplicity)
    of the nonzero singular values of Z in R^{K x Kn}, descending; ``stationary`` all stationary scales by
    ascending loss, the first of which is the best. Known by: root of a closed-form scalar equation.
    """

    structure: Structure | UnequalNetwork
    stationary: tuple[Stationary, ...]
    root_samples: float
    kind: str = "ce"

    def __repr__(self) -> str:
        return f"<StructureLoss {self.structure.name}: loss {self.loss:.6g}, rank {self.rank}>"

    @property
    def best(self) -> Stationary:
        """The global minimum over the scales."""
        return self.stationary[0]

    @property
    def loss(self) -> float:
        """Reduced loss at the best scales."""
        return self.best.loss

    @property
    def rank(self) -> int:
        """Rank of Z at the best scales."""
        return sum(multiplicity for _, multiplicity in self.singular_values)

    @cached_property
    def singular_values(self) -> tuple[tuple[float, int], ...]:
        """Nonzero singular values of Z with multiplicities, descending."""
        assert isinstance(self.structure, Structure)
        values = [
            (self.root_samples * value, int(multiplicity))
            for scale, block in zip(self.best.scales, self.structure.blocks(), strict=True)
            if scale > 0
            for value, multiplicity in block.singular_values(scale, self.kind)
        ]
        return tuple(sorted(values, reverse=True))

    def as_dict(self, listed: int = 1000) -> dict[str, Any]:
        """For JSON; singular values are listed one by one up to ``listed`` of them, else as pairs."""
        if self.rank <= listed:
            singular: list[Any] = [value for value, count in self.singular_values for _ in range(count)]
        else:
            singular = [{"value": value, "multiplicity": count} for value, count in self.singular_values]
        return {
            "loss": self.best.loss,
            "scale": _one_or_list(self.best.scales),
            "rank": self.rank,
            "singular_values": singular,
            "fit": self.best.fit,
            "penalty": self.best.penalty,
            "stationary": [_stationary_dict(point) for point in self.stationary],
        }


@dataclass(frozen=True, eq=False)
class UnequalStructureLoss(StructureLoss):
    """The same of a relu network whose classes have different sizes; of its stationary scales the best alone."""

    network: ClassNetwork | None = None

    @cached_property
    def singular_values(self) -> tuple[tuple[float, int], ...]:
        """Nonzero singular values of Z with multiplicities, descending."""
        assert self.network is not None
        return tuple(grouped(self.network.singular_values))


@takes_model()
def structure_losses(problem: DeepUFM, names: str | Sequence[str] | None = None) -> dict[str, StructureLoss]:
    """Every structure of the catalogue for a ``problem``, or of the families and names in ``names``; best first.

    In a relu model the structures are the named networks that exist at its depth, and the zero logits. Classes of
    different sizes: relu networks made of blocks of classes of one size
    (:func:`optima.scales.unequal.unequal_losses`); a name selects those with such a block.

    Raises ValueError for more than a million classes, a linear model with classes of different sizes, where named
    structures have no closed form, a model without regularisation, and for an unknown name.

    Examples
    --------
    >>> import optima
    >>> {name: round(found.loss, 4) for name, found in optima.structure_losses(4, 2, 1e-2).items()}
    {'simplex': 0.1514, 'pairs': 0.1517, 'polygon': 0.1517, 'zero': 1.3863}
    """
    if not problem.balanced and not problem.nonlinear:
        raise ValueError(
            "named structures of the linear model need classes of equal size; pass one number of samples, or ask "
            "optima.solve, which takes any sizes"
        )
    check_named(problem.classes)
    # At depth one a relu network has no relu.
    activation = problem.activation if problem.depth > 1 else "linear"
    names = None if names is None else several(names)
    if not problem.regularised:
        raise ValueError(UNREGULARISED)
    if not problem.balanced:
        return _unequal(problem, names)
    if names is not None:
        check_names(names, [problem.classes], activation)
    reg = mean_reg(problem)
    samples = int(problem.class_sizes[0])
    most = problem.width if activation == "relu" else problem.max_rank
    found = [
        StructureLoss(
            structure,
            stationary_scales(structure, problem.depth, reg, samples, problem.loss),
            math.sqrt(samples),
            problem.loss,
        )
        for structure in catalogue(problem.classes, names, problem.loss, most, activation)
        if structure.least_depth <= problem.depth
    ]
    if names and not found:
        raise ValueError(_nowhere(problem, names[0], activation))
    return {entry.structure.name: entry for entry in sorted(found, key=lambda entry: entry.loss)}


def _nowhere(problem: DeepUFM, name: str, activation: str) -> str:
    """Why no structure of a name that is known is there."""
    there = select(name, problem.classes, activation)
    if not there:
        kind = "structure" if activation == "linear" else "network"
        return f"there is no {kind} {name!r} at {problem.classes} classes; {hint(name, [problem.classes], activation)}"
    least = min(structure.least_depth for structure in there)
    if problem.depth < least:
        return f"{name} needs a depth of at least {least}; pass depth {least} or more, or another name"
    return f"{name} is wider than the width {problem.width}; pass a larger width, or another name"


def _unequal(problem: DeepUFM, names: Sequence[str] | None) -> dict[str, StructureLoss]:
    """The networks that classes of different sizes can form, and zero."""
    chosen = None if names is None else {known_as(name, "relu") for name in names}
    everything = unequal_losses(problem)
    words = {"zero"}.union(*(each.structure.words for each in everything))
    missing = sorted((chosen or set()) - words)
    if missing:
        raise ValueError(
            f"classes of these sizes form no {missing[0]}, whose classes have one size; pass some of "
            f"{', '.join(sorted(words))}"
        )
    found: list[StructureLoss] = []
    for each in everything:
        if chosen is None or chosen & each.structure.words:
            logs = tuple(math.log(scale) if scale else -math.inf for scale in each.scales)
            best = Stationary(each.scales, logs, each.loss, each.fit, each.penalty, "minimum")
            found.append(UnequalStructureLoss(each.structure, (best,), 1.0, problem.loss, each.network))
    if chosen is None or "zero" in chosen:
        zero = named("zero", problem.classes)
        points = stationary_scales(zero, problem.depth, mean_reg(problem), 1, problem.loss)
        found.append(StructureLoss(zero, points, 1.0, problem.loss))
    return {entry.structure.name: entry for entry in sorted(found, key=lambda entry: entry.loss)}


def _one_or_list(scales: tuple[float, ...]) -> float | list[float]:
    if not scales:
        return 0.0
    return scales[0] if len(scales) == 1 else list(scales)


def _stationary_dict(point: Stationary) -> dict[str, Any]:
    out: dict[str, Any] = {"scale": _one_or_list(point.scales), "loss": point.loss, "kind": point.kind}
    if any(scale == 0 and math.isfinite(log) for scale, log in zip(point.scales, point.log_scales, strict=True)):
        # Too small for a float: the logarithm keeps its digits (null stands for the scale zero itself).
        out["log_scale"] = [log if math.isfinite(log) else None for log in point.log_scales]
    return out
