"""Any spectrum of a network: at a solution, at a named structure, or at any factors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from optima.limits import check_factors
from optima.model import Array, DeepUFM
from optima.model.arguments import takes_model
from optima.model.inputs import one_of, positive_integer
from optima.reduction import Reduction, mean_reg
from optima.scales.collapse_loss import collapse_name
from optima.scales.scale import Stationary, stationary_scales
from optima.solution.solution import Solution
from optima.spectra import moments
from optima.spectra.closed_layers import ClosedLayers, Parts, closed_layers
from optima.spectra.eigenvalues import SMALL_BLOCKS, Eigenvalue, by_lanczos, closed, grouped
from optima.spectra.hessian_product import layer_products
from optima.spectra.lanczos import largest
from optima.spectra.layer_blocks import DENSE, LayerBlocks, separate_values
from optima.spectra.lifted import is_critical, lifted_spectrum
from optima.spectra.point import Point, checked_layer
from optima.spectra.result import HESSIANS, KnownSpectrum
from optima.spectra.whole import closed_gauss_newton, closed_whole, whole_values
from optima.structures import Structure, named
from optima.structures.networks import NamedNetwork, at_scales

OF = ("hessian", "gauss-newton", "gradient", "gradient-covariance", "weights", "features")
# Eigenvalues of matrices too large to be formed.
COUNT = 200
# Relative difference of losses up to which a solution is at a stationary scale of its structure.
SAME_LOSS = 1e-9


@takes_model(Solution)
def spectrum(
    problem: Solution | DeepUFM,
    structure: str | Structure | None = None,
    *,
    factors: Sequence[Array] | None = None,
    layer: int | str = "all",
    of: str = "hessian",
    regularised: bool = False,
    kink: int = 0,
    count: int = COUNT,
) -> KnownSpectrum:
    r"""Eigenvalues of a matrix of a network, with multiplicities and how each is known.

    .. math::
        \mathrm{Hess}_l = \frac1N \sum_j (A_{l,j}^T S_j A_{l,j}) \otimes (x_{l,j} x_{l,j}^T)\ (+ \lambda_l I), \quad
        \frac1N \sum_j g_{l,j} g_{l,j}^T, \quad W_l^T W_l, \quad \frac1N X_l X_l^T

    in the notation of :class:`optima.spectra.point.Point`: x_l input of W_l, A_l what the layers after it do, S_j
    curvature of the loss in the logits, g_j gradient of the loss of one sample. Layers are exact: in closed form at
    collapse and pairs, otherwise from a dense matrix whose order is the product of two ranks; the matrix of all
    parameters is so at critical logits, is dense up to order 2000, and above that its largest eigenvalues are found
    by Lanczos with their residuals.

    Parameters
    ----------
    problem
        A solution, or a model with a structure or factors.
    structure
        Its name, or a structure; at its best nonzero stationary scale. Default deep neural collapse.
    factors
        (W_1, ..., W_L, H), any.
    layer
        1 to L for W_l, ``"H"`` (or 0) for the features, or ``"all"`` parameters together.
    of
        ``"hessian"``, ``"gauss-newton"`` (the same for one layer), ``"gradient"`` (second moment of the gradients of
        the samples), ``"gradient-covariance"``, ``"weights"`` or ``"features"`` (1 to L).
    regularised
        Whether lambda_l is added to the Hessian of a layer.
    kink
        Derivative of relu at zero, 0 or 1: features of collapse are exactly there.
    count
        How many eigenvalues Lanczos is asked for.

    Raises ValueError on values out of range, where the structure has no stationary scale but zero, for classes of
    different sizes with a structure, and for a network of a structure that memory cannot hold. Source:
    garrod2026spectra; derivations/spectra_squared_error.py, spectra_cross_entropy.py and spectra_relu.py.

    Examples
    --------
    >>> import optima
    >>> problem = optima.DeepUFM(3, 2, 0.01, samples=5, width=6, loss="mse")
    >>> found = optima.spectrum(problem, layer=1)
    >>> [(round(value.value, 6), value.multiplicity, value.known) for value in found.eigenvalues]
    [(0.18148, 9, 'closed form'), (0.0, 27, 'closed form')]
    """
    one_of("of", of, OF)
    if regularised and of not in HESSIANS:
        raise ValueError(f"regularised is for the Hessian; leave it out with of={of!r}")
    place = _place(problem, structure, factors, kink)
    model = place.point.problem
    found = _whole_layer(layer, of) or checked_layer(model, layer, features=of not in ("weights", "features"))
    count = positive_integer("count", count)
    order = _order(place.point, found, of)
    parts = _closed_parts(place, found, of, regularised)
    shift = _shift(model, found, of) if regularised else 0.0
    if parts is not None and shift is not None:
        eigenvalues = closed(parts, order, shift)
    elif found == "all":
        eigenvalues = _all(place, of, regularised, count, order)
    else:
        eigenvalues = _layer(place.point, int(found), of, count, order, shift or 0.0)
    return KnownSpectrum(
        model, of, found, regularised, kink, tuple(eigenvalues), order, place.name, place.scales, place.point
    )


@dataclass(frozen=True)
class _Place:
    """Where the spectrum is asked for."""

    point: Point
    name: str = ""
    scales: tuple[float, ...] = ()
    # Class-mean logits that may be critical, of linear models.
    means: Array | None = None
    closed: ClosedLayers | None = None


def _place(
    problem: Solution | DeepUFM, structure: str | Structure | None, factors: Sequence[Array] | None, kink: int
) -> _Place:
    if isinstance(problem, Solution):
        if structure is not None or factors is not None:
            raise ValueError("a solution has its own factors; pass either it, or a model with structure or factors")
        return _at_solution(problem, kink)
    if factors is not None:
        if structure is not None:
            raise ValueError("structure and factors are both given; pass one of them")
        return _Place(Point(problem, factors, kink))
    return _at_structure(problem, structure, kink)


def _at_solution(solution: Solution, kink: int) -> _Place:
    problem, name = solution.problem, solution.structure
    if problem.balanced and closed_layers(problem, name, 1.0, kink) is not None:
        place = _at_structure(problem, name, kink)
        if abs(_loss(place) - solution.loss) <= SAME_LOSS * abs(solution.loss):
            return place
    means = None if solution.network is not None else solution.means
    return _Place(Point(problem, solution.factors(), kink), name, (), means)


def _loss(place: _Place) -> float:
    return place.point.problem.objective(place.point.factors)


def _at_structure(problem: DeepUFM, structure: str | Structure | None, kink: int) -> _Place:
    check_factors(problem)
    if not problem.balanced:
        raise ValueError(
            "named structures need classes of equal size; pass one number of samples, or a solution or factors"
        )
    if not problem.regularised:
        raise ValueError("reg is 0, where structures have no stationary scale; pass a positive number, or factors")
    activation = "relu" if problem.nonlinear else "linear"
    if structure is None:
        structure = collapse_name(problem.loss, activation)
        if structure == "frame" and problem.max_rank < problem.classes:
            structure = f"frame({problem.max_rank})"
    chosen = structure if isinstance(structure, Structure) else named(structure, problem.classes, activation)
    if chosen.classes != problem.classes or isinstance(chosen, NamedNetwork) != problem.nonlinear:
        raise ValueError(
            f"the structure is {chosen!r}; pass one of {activation} networks with {problem.classes} classes"
        )
    scales = _stationary(problem, chosen).scales
    closed = closed_layers(problem, chosen.name, scales[0], kink) if len(scales) == 1 else None
    if isinstance(chosen, NamedNetwork):
        network = at_scales(problem, chosen, scales)
        return _Place(Point(problem, network.repeated(), kink), chosen.name, scales, closed=closed)
    means = np.asarray(chosen.shape(scales), dtype=float)
    return _Place(Point(problem, Reduction(problem).lift(means), kink), chosen.name, scales, means, closed)


def _stationary(problem: DeepUFM, structure: Structure) -> Stationary:
    """The best stationary point at which no scale is zero."""
    n = int(problem.class_sizes[0])
    found = stationary_scales(structure, problem.depth, mean_reg(problem), n, problem.loss)
    best = next((point for point in found if point.kind == "minimum" and all(point.scales)), None)
    if best is None:
        raise ValueError(
            f"{structure.name} has no stationary scale but zero at {problem.summary}; pass a smaller lambda"
        )
    return best


def _whole_layer(layer: object, of: str) -> str | None:
    if layer != "all":
        return None
    if of in ("weights", "features"):
        raise ValueError(f"of={of!r} is that of one layer; pass layer=1, or another")
    return "all"


def _order(point: Point, layer: int | str, of: str) -> int:
    if layer == "all":
        return sum(factor.size for factor in point.factors)
    factor = point.factors[int(layer) - 1]
    return factor.shape[1] if of in ("weights", "features") else factor.size


def _shift(problem: DeepUFM, layer: int | str, of: str) -> float | None:
    """What the regularisation adds to closed forms that are without it, or None where it moves them apart."""
    if layer != "all":
        return problem.regs[int(layer) - 1]
    if of == "hessian":
        return 0.0
    return problem.regs[0] if len(set(problem.regs)) == 1 else None


def _closed_parts(place: _Place, layer: int | str, of: str, regularised: bool) -> Parts | None:
    """Nonzero eigenvalues in closed form, all without regularisation but those of the whole Hessian."""
    forms = place.closed
    if forms is None:
        return None
    if layer == "all":
        if of == "hessian":
            return closed_whole(forms, place.point.width, regularised)
        return closed_gauss_newton(forms) if of == "gauss-newton" else None
    number = int(layer)
    if of in HESSIANS:
        return forms.hessian(number)
    if of in ("weights", "features"):
        return forms.weights(number) if of == "weights" else forms.features(number)
    if number == 0:
        return None
    return forms.gradient(number) if of == "gradient" else forms.covariance(number)


def _all(place: _Place, of: str, regularised: bool, count: int, order: int) -> list[Eigenvalue]:
    point = place.point
    if of not in HESSIANS:
        values = moments.all_gradient_values(point, of == "gradient-covariance")
        return grouped(values, SMALL_BLOCKS, max(order, values.size))
    if of == "hessian" and place.means is not None and is_critical(Reduction(point.problem), place.means):
        found = lifted_spectrum(point.problem, place.means, point.width, regularised)
        return grouped(found.values, SMALL_BLOCKS, counts=found.counts)
    return whole_values(point, of == "gauss-newton", regularised, count)


def _layer(point: Point, layer: int, of: str, count: int, order: int, shift: float) -> list[Eigenvalue]:
    if of == "weights":
        return grouped(moments.weight_values(point, layer)[:order], SMALL_BLOCKS, order)
    if of == "features":
        return grouped(moments.feature_values(point, layer)[:order], SMALL_BLOCKS, order)
    if of not in HESSIANS:
        values = moments.gradient_values(point, layer, of == "gradient-covariance")
        return grouped(values[:order], SMALL_BLOCKS, order)
    if layer == 0:
        return grouped(_feature_hessian(point)[:order], SMALL_BLOCKS, order, shift)
    if point.problem.loss == "mse" and not point.problem.nonlinear:
        return grouped(separate_values(point, layer)[:order], SMALL_BLOCKS, order, shift)
    blocks = LayerBlocks(point, layer)
    if blocks.order <= DENSE:
        return grouped(blocks.values(), SMALL_BLOCKS, order, shift)
    return by_lanczos(*largest(layer_products(point, layer), order, count), shift)


def _feature_hessian(point: Point) -> Array:
    """Nonzero eigenvalues of A_j^T S_j A_j / N for each sample, descending."""
    maps = point.maps(0)
    half = np.swapaxes(point.roots, 1, 2) @ maps.maps[maps.group]
    return np.sort(np.linalg.eigvalsh(half @ np.swapaxes(half, 1, 2) / point.problem.size), axis=None)[::-1]
