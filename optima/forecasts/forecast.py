"""Losses and singular values of a head with free features, for every structure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from optima.certification import solve
from optima.forecasts.by_size import MOST, scaled_by_size
from optima.forecasts.result import Forecast, Prediction
from optima.limits import check_layers, check_named
from optima.model import Array, DeepUFM
from optima.model.class_network import ClassNetwork
from optima.reduction import UNREGULARISED, Reduction
from optima.scales.losses import StructureLoss, UnequalStructureLoss, structure_losses
from optima.scales.squared_error import squared_error_minimum
from optima.solution import Solution
from optima.structures import catalogue
from optima.structures.networks import NamedNetwork, at_scales
from optima.structures.recognition import recognise

MINIMUM, BEST = "global minimum", "best minimum known"
CLOSED, COMMON = "closed form", "closed form but for one scale, common to all classes"
# Relative difference of two losses that are taken for one.
SAME = 1e-9
BY_SIZE = "descent in two scales for each size of classes"


def forecast(
    samples: int | Sequence[int],
    depth: int,
    reg: float | Sequence[float],
    *,
    classes: int | None = None,
    loss: str = "ce",
    activation: str = "linear",
    width: int | None = None,
    search: bool | None = None,
    effort: str = "normal",
) -> Forecast:
    r"""What the last L weight matrices of a network will be, with free features: before it is trained.

    .. math::
        \tfrac{1}{N}(\sqrt{n_c} - \sigma_c) = \lambda\, \sigma_c^{2/(L+1) - 1}, \qquad
        s_c(W_l) = \sqrt{\lambda / \lambda_l}\; \sigma_c^{1/(L+1)}

    for squared error in the linear model: sigma_c the larger root, the singular value of the logits that class c has,
    kept where it costs less than zero; lambda the geometric mean of those of the factors. For all losses and
    structures s_i(W_l) = sqrt(lambda / lambda_l) s_i(Z)^{1/(L+1)} in the linear model; of relu networks the factors
    are those of the named networks at their best scales.

    Parameters
    ----------
    samples
        Samples of each class: K numbers, or one for all ``classes``.
    depth, reg, loss, activation, width
        As for :class:`optima.DeepUFM`; reg is lambda, or one for each of W_1, ..., W_L, H.
    search
        Whether :func:`optima.solve` looks for a better minimum than the named structures; by default where the model
        is linear and the minimum has no closed form. ``effort`` is its own.

    A linear structure on classes of different sizes has two scales for each size, and its classes are taken in the
    order given (:func:`optima.forecasts.by_size.scaled_by_size`).

    Raises ValueError on values out of range, and without regularisation.
    Sources: derivations/forecast.py, derivations/schatten_reduction.py; zangrando2025 forecasts singular values too.

    Examples
    --------
    >>> import optima
    >>> optima.forecast([100, 100, 10], depth=3, reg=1e-3, loss="mse").best
    <Prediction global minimum: loss 0.0161508, rank 3>
    """
    several = not isinstance(samples, (int, np.integer))
    if several and classes is not None and len(samples) != classes:  # type: ignore[arg-type]
        raise ValueError(f"there are {len(samples)} sizes for {classes} classes; pass one for each")  # type: ignore[arg-type]
    if not several and classes is None:
        raise ValueError("the number of classes is not given; pass classes, or one number of samples for each class")
    count = len(samples) if several else classes  # type: ignore[arg-type]
    regs = tuple(reg) if isinstance(reg, (list, tuple)) else reg
    sizes = tuple(samples) if several else samples  # type: ignore[arg-type]
    problem = DeepUFM(count, depth, regs, sizes, width, loss, activation)  # type: ignore[arg-type]
    return forecast_of(problem, search, effort)


def forecast_of(problem: DeepUFM, search: bool | None = None, effort: str = "normal") -> Forecast:
    """The forecast of a model; as :func:`forecast`."""
    if not problem.regularised:
        raise ValueError(UNREGULARISED)
    check_named(problem.classes)
    check_layers(problem)
    linear = not problem.nonlinear
    found = list(_named_linear(problem) if linear else _networks(problem))
    exact = linear and problem.loss == "mse"
    if exact:
        means = squared_error_minimum(problem)
        found.append(predicted(MINIMUM, recognise(means, loss="mse").called, problem, means, CLOSED))
    elif search or (search is None and linear):
        found.append(_called(_searched(problem, solve(problem, effort=effort)), found))
    # Where two have one loss the one that is known to be best is the first.
    least = max(min(each.loss for each in found), np.finfo(float).tiny)
    first = lambda each: (round(each.loss / least, 11), each.name not in (MINIMUM, BEST))
    return Forecast(problem, tuple(sorted(found, key=first)))


def _called(best: Prediction, named: Sequence[Prediction]) -> Prediction:
    """What has the loss and rank of a named prediction is that, also where classes of different sizes hide its name."""
    same = lambda each: each.rank == best.rank and abs(each.loss - best.loss) <= SAME * best.loss
    name = next((each.name for each in named if same(each)), best.structure)
    return replace(best, structure=name)


def _searched(problem: DeepUFM, solution: Solution) -> Prediction:
    if solution.network is not None:
        return _of_network(BEST, solution.network, solution.known_by, structure=solution.recognition.called)
    structure = recognise(solution.means, loss=problem.loss, rank=solution.rank).called
    return predicted(BEST, structure, problem, solution.means, solution.known_by)


def predicted(name: str, structure: str, problem: DeepUFM, means: Array, known_by: str) -> Prediction:
    """The head of a linear model whose class-mean logits are ``means``."""
    reduction = Reduction(problem)
    logits = reduction.singular_values(means)
    fit = reduction.fit(reduction.admissible(means))
    factors = _factors(problem, logits)
    return Prediction(name, fit + reduction.penalty(means), fit, logits, factors, known_by, structure)


def _factors(problem: DeepUFM, logits: Array) -> tuple[Array, ...]:
    """Singular values of W_1, ..., W_L, H of balanced factors of logits with given singular values."""
    root = logits ** (1 / (problem.depth + 1))
    reg = Reduction(problem).reg
    return tuple(np.sqrt(reg / own) * root for own in problem.regs)


def _named_linear(problem: DeepUFM) -> Iterator[Prediction]:
    if problem.balanced:
        for name, entry in structure_losses(problem).items():
            logits = np.array([value for value, times in entry.singular_values for _ in range(times)])
            yield Prediction(name, entry.loss, entry.best.fit, logits, _factors(problem, logits), CLOSED)
        return
    reduction = Reduction(problem)
    for structure in catalogue(problem.classes, None, problem.loss, problem.max_rank):
        shape = np.asarray(structure.shape(), dtype=float)
        known = BY_SIZE if problem.classes <= MOST else COMMON
        yield predicted(structure.name, "", problem, scaled_by_size(reduction, shape), known)


def _networks(problem: DeepUFM) -> Iterator[Prediction]:
    for name, entry in structure_losses(problem).items():
        network = _network(problem, entry)
        if network is not None:
            yield _of_network(name, network, CLOSED, entry.loss)
        else:
            none = np.zeros(0)
            yield Prediction(name, entry.loss, entry.best.fit, none, (none,) * (problem.depth + 1), CLOSED)


def _network(problem: DeepUFM, entry: StructureLoss) -> ClassNetwork | None:
    if isinstance(entry, UnequalStructureLoss):
        return entry.network
    structure = entry.structure
    return at_scales(problem, structure, entry.best.scales) if isinstance(structure, NamedNetwork) else None


def _of_network(
    name: str, network: ClassNetwork, known_by: str, loss: float | None = None, structure: str = ""
) -> Prediction:
    *weights, features = network.factors
    factors = [*weights, features * np.sqrt(network.problem.class_sizes)]
    loss = network.loss if loss is None else loss
    values = network.singular_values
    return Prediction(name, loss, network.fit, values, tuple(map(_nonzero, factors)), known_by, structure)


def _nonzero(factor: Array) -> Array:
    s = np.linalg.svd(factor, compute_uv=False)
    return np.asarray(s[s > 1e-9 * s[0]], dtype=float)
