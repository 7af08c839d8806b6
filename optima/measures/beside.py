"""A measured network beside the free-features model that matches its head."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from optima.files import write
from optima.forecasts import Forecast, Prediction
from optima.forecasts.forecast import BEST, MINIMUM, forecast_of, predicted
from optima.measures.layer import LayerMeasures
from optima.model import DeepUFM
from optima.model.content import Content
from optima.model.inputs import is_sequence, one_of, positive_integer, positive_number
from optima.model.key import problem_dict
from optima.model.problem import ACTIVATIONS
from optima.presented import shown_by
from optima.reduction import Reduction, center, geometric_mean
from optima.scales.collapse_loss import collapse_loss
from optima.search.downhill import downhill
from optima.structures.recognition import recognise

if TYPE_CHECKING:
    from optima.measures.result import Measures

# Classes up to which a better minimum than the named structures is searched for, unless asked otherwise.
SEARCHED = 40
# Factors of the decay, and layers more, that are looked at.
DECAYS, LAYERS = (0.1, 10.0), (-1, 1, 2)


@dataclass(frozen=True, eq=False)
class Change(Content):
    """The optimum of another depth or decay, and the loss of deep neural collapse there, None where it has no room."""

    problem: DeepUFM
    best: Prediction
    collapse: float | None

    @property
    def no_room(self) -> bool:
        """Whether no named relu network fits the width, so that zero is all there is."""
        return self.problem.nonlinear and self.collapse is None and self.best.name == "zero"

    def __repr__(self) -> str:
        return f"<Change {self.problem.summary}: {self.best.structure}>"


@dataclass(frozen=True, eq=False)
class NetworkReport(Content):
    r"""How collapsed a network is, and what the optimum of the matching model with free features would be.

    .. math::
        f = g(Z) + \sum_{l=1}^L \tfrac{\lambda_l}{2} \|W_l\|^2 + \tfrac{\lambda_H}{2} \|H\|^2

    with W_1, ..., W_L the last matrices of the network, H the features that enter them, and where features carry no
    decay lambda_H such that lambda_1 |W_1|^2 = lambda_H |H|^2, as at every minimum.

    Attributes
    ----------
    measures, head
        What was measured, and the names of W_1, ..., W_L.
    problem, forecast, collapse
        The model, its best minimum with all structures, and the loss of deep neural collapse.
    loss
        f of the network itself.
    near
        The minimum downhill from the mean logits, with all else free; None where that was not looked for: with more
        than 40 classes unless there is a search, for relu heads, and at depth one, where there is only one.
    changes
        The optimum with other depths and decays; the regularisation is that of the head, that of W_L repeated.
    read_off
        Whether lambda_H was read off the network.
    """

    measures: Measures
    head: tuple[str, ...]
    problem: DeepUFM
    forecast: Forecast
    collapse: float | None
    loss: float
    near: Prediction | None
    changes: tuple[Change, ...]
    read_off: bool

    @property
    def best(self) -> Prediction:
        """The optimum: the best minimum known."""
        return self.forecast.best

    @property
    def searched(self) -> bool:
        """Whether more than the named structures was looked at, or none can be better."""
        return self.best.name in (MINIMUM, BEST)

    @property
    def above(self) -> float:
        """loss / loss of the optimum - 1."""
        return self.loss / self.best.loss - 1

    @property
    def own(self) -> Prediction | None:
        """The structure nearest to the mean logits at its best scale, where it is among the named ones."""
        found = self.measures.recognition
        name = None if found is None or not found.nearest else found.nearest[0].name
        return next((each for each in self.forecast.predictions if each.name == name), None)

    def differs(self, change: Change) -> bool:
        """Whether a change has another structure as its optimum."""
        return not change.no_room and (change.best.structure, change.best.rank) != (self.best.structure, self.best.rank)

    def page(self, path: str | Path) -> None:
        """Write it as an HTML page that needs no network, whole or not at all."""
        write(Path(path), str(shown_by("report.network:report_page", self)).encode())

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "head": list(self.head),
            "problem": problem_dict(self.problem),
            "feature_reg_read_off": self.read_off,
            "loss": self.loss,
            "above_best": self.above,
            "best": self.best.as_dict(),
            "own": None if self.own is None else self.own.as_dict(),
            "near": None if self.near is None else self.near.as_dict(),
            "collapse": self.collapse,
            "changes": [
                {
                    "problem": problem_dict(each.problem),
                    "structure": each.best.structure,
                    "rank": each.best.rank,
                    "loss": each.best.loss,
                    "known_by": each.best.known_by,
                    "collapse": each.collapse,
                    "differs": self.differs(each),
                }
                for each in self.changes
            ],
            "measures": self.measures.as_dict(),
        }

    def __str__(self) -> str:
        return str(shown_by("report.network:report_text", self))

    def __repr__(self) -> str:
        return f"<NetworkReport {self.problem.summary}: {100 * self.above:.3g} % above {self.best.structure}>"

    def _repr_html_(self) -> str:
        return str(shown_by("report.network:report_html", self))


def report(
    found: Measures,
    depth: int | None,
    reg: float | Sequence[float] | None,
    feature_reg: float | None,
    activation: str | None,
    search: bool | None,
    effort: str,
) -> NetworkReport:
    """As :meth:`optima.Measures.report`."""
    if found.data_loss is None:
        raise ValueError("there are no logits; pass a network, or logits= of the samples")
    if not found.loss:
        raise ValueError("the loss is one of your own; measure with loss='ce' or 'mse', which have a model")
    head = found.layers[-_depth(found, depth) :]
    kind = _activation(head, activation)
    regs = _regs(found, head, reg)
    squares = [float(np.sum(_values(layer) ** 2)) for layer in head]
    features = sum(found.sizes) * (head[0].feature_square or 0.0)
    if feature_reg is None and not features * squares[0]:
        raise ValueError("the features or the weights of the head are zero; pass feature_reg=, the decay of features")
    own = regs[0] * squares[0] / features if feature_reg is None else positive_number("feature_reg", feature_reg)
    width = min(layer.shape[1] for layer in head)
    problem = DeepUFM(found.classes, len(head), (*regs, own), found.sizes, width, found.loss, kind)
    loss = found.data_loss + sum(r * s for r, s in zip(problem.regs, (*squares, features), strict=True)) / 2
    return NetworkReport(
        found,
        tuple(layer.name for layer in head),
        problem,
        _forecast(problem, search, effort),
        collapse_loss(problem),
        loss,
        _near(problem, found, search),
        tuple(
            Change(other, _forecast(other, search, effort).best, collapse_loss(other))
            for other in _others(problem, activation is None)
        ),
        feature_reg is None,
    )


def _depth(found: Measures, depth: int | None) -> int:
    """As given, or the last matrix and those before it between which nothing stands, as far as decay is known."""
    layers = found.layers
    if depth is None:
        depth = 1
        # A matrix whose decay alone is not given is part of the body.
        known = lambda number: found.regs[-1] is None or found.regs[-number] is not None
        while depth < len(layers) and layers[-depth].after == "linear" and known(depth + 1):
            depth += 1
    depth = positive_integer("depth", depth)
    if depth > len(layers):
        raise ValueError(f"depth is {depth} for {len(layers)} measured layers; pass at most {len(layers)}")
    several = [layer.name for layer in layers[-depth:] if layer.vectors != sum(found.sizes)]
    if several:
        raise ValueError(f"{several[-1]} sees several vectors of each sample; pass a smaller depth")
    return depth


def _activation(head: Sequence[LayerMeasures], activation: str | None) -> str:
    """As given, or what stands between the matrices. Raises ValueError where that is neither nothing nor a relu."""
    if activation is not None:
        one_of("activation", activation, ACTIVATIONS)
        return activation
    kinds = [layer.after for layer in head[1:]]
    if set(kinds) <= {"linear"}:
        return "linear"
    if set(kinds) == {"relu"}:
        return "relu"
    odd = next(i for i, kind in enumerate(kinds) if not kind or kind != kinds[-1])
    raise ValueError(
        f"between {head[odd].name} and {head[odd + 1].name} stands something else than elsewhere in the head, or than "
        "nothing or a relu; pass a smaller depth, or activation='linear' or 'relu', whichever comes nearest"
    )


def _regs(found: Measures, head: Sequence[LayerMeasures], reg: float | Sequence[float] | None) -> tuple[float, ...]:
    if is_sequence(reg):
        if len(reg) != len(head):  # type: ignore[arg-type]
            raise ValueError(f"reg has {len(reg)} values for {len(head)} matrices; pass one number, or one for each")  # type: ignore[arg-type]
        return tuple(positive_number("reg", each) for each in reg)  # type: ignore[union-attr]
    if reg is not None:
        return (positive_number("reg", reg),) * len(head)
    known = found.regs[-len(head) :]
    if any(each is None for each in known):
        implied = head[-1].implied_reg
        hint = "" if implied is None else f"; the gradient at {head[-1].name} has {implied:.2g} times the norm of it"
        raise ValueError(f"the decay of the head is not known; pass reg=, the weight_decay of its weights{hint}")
    return tuple(float(each) for each in known if each is not None)


def _values(layer: LayerMeasures) -> np.ndarray:
    if layer.weight_singular_values is None:
        raise ValueError(f"the weights of {layer.name} are not known; pass them, or a smaller depth")
    return layer.weight_singular_values


def _near(problem: DeepUFM, found: Measures, search: bool | None) -> Prediction | None:
    many = problem.classes > SEARCHED and not search
    if problem.nonlinear or problem.depth == 1 or many or found.mean_logits is None:
        return None
    own = found.mean_logits if problem.loss == "mse" else center(found.mean_logits)
    means, verdict = downhill(problem, own)
    structure = recognise(means, loss=problem.loss, rank=Reduction(problem).rank(means)).called
    return predicted("downhill from the network", structure, problem, means, f"descent from its logits: {verdict}")


def _forecast(problem: DeepUFM, search: bool | None, effort: str) -> Forecast:
    if search is None and (problem.nonlinear or problem.classes > SEARCHED):
        search = False
    return forecast_of(problem, search, effort)


def _others(problem: DeepUFM, free: bool) -> Iterator[DeepUFM]:
    """Other depths, for one matrix where the activation is ``free`` with relu too, and other decays."""
    *weights, features = problem.regs
    mean = geometric_mean(weights)
    kinds = ("linear", "relu") if free and problem.depth == 1 else (problem.activation,)
    for kind in kinds:
        for more in LAYERS:
            depth = problem.depth + more
            if depth >= 1:
                yield replace(problem, depth=depth, reg=(*(mean,) * depth, features), activation=kind)
    for factor in DECAYS:
        yield replace(problem, reg=tuple(factor * each for each in problem.regs))
