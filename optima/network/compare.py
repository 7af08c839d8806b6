"""A network's logits against the minima of its problem."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from optima.certification import solve
from optima.model import Array, DeepUFM
from optima.model.inputs import shown
from optima.network.collapse_measures import collapse_measures
from optima.network.comparison import Comparison
from optima.network.factors import ClassFactors, class_factors
from optima.network.layout import Labels, as_array, laid_out
from optima.network.networks import compare_networks
from optima.progress import Tell, Words
from optima.reduction import Reduction, center
from optima.scales.collapse_loss import COLLAPSE, collapse_loss
from optima.structures.recognition import recognise


def compare(
    logits: Any,
    problem: DeepUFM,
    labels: Any = None,
    *,
    features: Any = None,
    weights: Any = None,
    transpose: bool | None = None,
    effort: str | None = None,
    progress: Tell[Words] | None = None,
) -> Comparison:
    r"""Where a network stands among the minima of its problem.

    Its loss is the reduced objective at its class-mean logits M,

    .. math::
        f(M) = \sum_c \pi_c\, g_c(M_{:c})
        + \tfrac{L+1}{2} \lambda \sum_i s_i(M \operatorname{diag}(\sqrt{n_c}))^{2/(L+1)},

    the least that weights and features with these logits can cost (:class:`optima.Reduction`); for cross-entropy the
    mean of each column of M is taken out first, which changes no prediction and raises no singular value. It is held
    against the best minimum that :func:`optima.solve` finds and the named structures at their best scales.

    ReLU: of all factors the loss is the objective itself, and the nearest named networks are those whose features have
    about the same singular values layer by layer. Logits alone do not tell what they cost: the loss is the least of
    the named networks whose last hidden layer can make them, and ``at_least`` bounds it from below. Without an
    ``effort`` the predicted losses are those of the named networks only.

    Parameters
    ----------
    logits
        Samples, (N, K) or (K, N), or class means, (K, K); numpy arrays, lists or torch tensors. Axes are told apart as
        in :func:`optima.network.layout.laid_out`: column c of class means is class c, as in the theory. Or all factors
        [W_1, ..., W_L, H], H (d, N) with a column for each sample or class.
    problem
        The model. Its samples are those of the labels; ``samples=1``, the default, stands for not given.
    labels
        Class 0, ..., K-1 of each sample.
    features, weights
        Last features, (N, d) or (d, N), and last weights, (K, d), for the full measures NC1 to NC3.
    transpose
        True: rows are samples or classes; False: columns are; None: found out.
    effort, progress
        Of :func:`optima.solve`; no effort is the normal one, and for relu models no search.

    Raises ValueError where shapes, labels and problem do not go together, or numbers are missing.

    Examples
    --------
    >>> import numpy as np
    >>> import optima
    >>> found = optima.compare(6 * (np.eye(4) - 1 / 4), optima.DeepUFM(4, 1, 1e-2))
    >>> found.recognition.name, found.collapse
    ('simplex', 'simplex')
    """
    if not isinstance(problem, DeepUFM):
        raise TypeError(f"problem is {shown(problem)}; pass a DeepUFM, such as DeepUFM(classes=10, depth=2, reg=1e-3)")
    sizes = None if problem.samples == 1 else problem.class_sizes
    factors = _factors(logits, problem)
    if factors is not None:
        logits, transpose = factors.logits, False
    layout = laid_out(logits, labels, sizes, transpose)
    if len(layout.means) != problem.classes:
        raise ValueError(
            f"the logits are of {len(layout.means)} classes and the problem of {problem.classes}; pass one K"
        )
    problem = sampled(problem, layout.sizes)
    if factors is not None:
        factors = factors.sorted(layout.order, layout.sizes)
    if problem.nonlinear:
        return compare_networks(problem, layout, factors, features, weights, effort, progress)
    measures, measured = collapse_measures(problem, layout, features, weights)
    reduction = Reduction(problem)
    solution = solve(problem, effort=effort or "normal", progress=progress)
    predicted = {**solution.candidates, "best known": solution.loss}
    collapse = COLLAPSE[problem.loss]
    if collapse not in predicted and (least := collapse_loss(problem)) is not None:
        predicted[collapse] = least
    means = center(layout.means) if problem.loss == "ce" else layout.means
    recognition = recognise(means, loss=problem.loss)
    return Comparison(
        problem=problem,
        means=means,
        recognition=recognition,
        cut=_best_cut(means, reduction),
        data_loss=reduction.fit(means) if layout.columns is None else problem.data_loss(layout.columns),
        accuracy=layout.accuracy,
        predicted=dict(sorted(predicted.items(), key=lambda item: item[1])),
        collapse=collapse,
        solution=solution,
        measures=measures,
        measured=measured,
        notes=layout.notes,
    )


def _factors(given: Any, problem: DeepUFM) -> ClassFactors | None:
    """All factors, where these are given: a list of matrices and not one matrix."""
    if not isinstance(given, (list, tuple)) or any(np.ndim(each) != 2 for each in map(_detached, given)):
        return None
    if len(given) != problem.depth + 1:
        raise ValueError(
            f"there are {len(given)} factors, and depth {problem.depth} has {problem.depth + 1}; pass W_1, ..., W_L, H"
        )
    return class_factors(given, problem.nonlinear)


def _detached(value: Any) -> Any:
    return as_array("factors", value)


def sampled(problem: DeepUFM, sizes: Labels | None) -> DeepUFM:
    """The problem with the class sizes of the labels. Raises ValueError where it has others, unless it has one each."""
    if sizes is None or np.array_equal(sizes, problem.class_sizes):
        return problem
    counted = int(sizes[0]) if len(set(sizes.tolist())) == 1 else tuple(sizes.tolist())
    if problem.samples != 1:
        raise ValueError(
            f"the labels have {shown(counted)} samples per class and the problem {shown(problem.samples)}; leave the "
            "samples out, or pass class means"
        )
    return replace(problem, samples=counted)


def _best_cut(means: Array, reduction: Reduction) -> tuple[int, float]:
    """The number of singular values of M diag(sqrt(n_c)) whose truncation has the least f, and that f."""
    roots = np.sqrt(reduction.problem.class_sizes)
    left, s, right = np.linalg.svd(means * roots)
    kept = np.zeros_like(means)
    losses = [reduction.fit(kept)]
    penalties = reduction.strength * np.cumsum(s**reduction.exponent)
    for r in range(reduction.rank(means)):
        kept += np.outer(left[:, r] * s[r], right[r] / roots)
        losses.append(reduction.fit(kept) + float(penalties[r]))
    rank = int(np.argmin(losses))
    return rank, losses[rank]
