"""What is recorded of the Hessian of every layer at one step, and how it is held against a prediction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from optima.model import Array, DeepUFM
from optima.spectra.alignment import align
from optima.spectra.ask import spectrum
from optima.spectra.eigenvalues import Eigenvalue
from optima.spectra.layer_blocks import DENSE, LayerBlocks
from optima.spectra.point import Point
from optima.spectra.result import outlier_count

if TYPE_CHECKING:
    from optima.training.run import Run

# Entries below minus this are negative.
NEGATIVE = 1e-6


def check_recordable(problem: DeepUFM) -> None:
    """Raise ValueError where the matrices of a layer are too large to be diagonalised at every record."""
    d, K, N = problem.width or problem.classes, problem.classes, problem.size
    order = min((d if problem.nonlinear else min(K, d)) * min(d, N), N * K)
    if order > DENSE:
        raise ValueError(
            f"the spectra of a layer need matrices of order {order}; pass a smaller width or fewer samples (at most "
            f"{DENSE}), or leave the record out and ask optima.spectrum at the end"
        )


def measure_spectra(problem: DeepUFM, factors: Sequence[Array]) -> dict[str, Array]:
    r"""The largest eigenvalues of Hess_l, without regularisation, and where the gradient in W_l lies.

    Returns
    -------
    ``hessian_eigenvalues`` (L, K^2 + K), descending, zeros after the last; ``gradient_in_outliers`` (L,), the share of
    the squared gradient in the space of the first K^2 ((K-1)^2 in the linear cross-entropy model);
    ``gradient_eigenvector`` (L,), f = (g^T H g)^2 / (|g|^2 |H g|^2); ``product_eigenvectors`` (L, K, K), the same of
    mu_c^(l+1) kron mu_c'^(l); ``gram_distance`` (L,), ||G / ||G|| - I / ||I|| || for the Gram matrix G of the class
    means of X_l; ``negative_share`` (L-1,), the share of entries of the pre-activations of the layers 2, ..., L that
    are below -1e-6.
    """
    point, K = Point(problem, factors), problem.classes
    count = K * (K + 1)
    found: dict[str, list[Any]] = {name: [] for name in ("values", "inside", "own", "products", "gram")}
    for layer in range(1, problem.depth + 1):
        blocks = LayerBlocks(point, layer)
        outliers = outlier_count(problem)
        vectors = blocks.largest(outliers)
        aligned = align(point, blocks, vectors, outliers)
        values = vectors.values[:count]
        means = point.means(layer)
        gram = means.T @ means
        found["values"].append(np.concatenate([values, np.zeros(count - values.size)]))
        found["inside"].append(aligned.in_outliers)
        found["own"].append(aligned.eigenvector)
        found["products"].append(blocks.curvatures(point.means(layer + 1), means))
        size = float(np.linalg.norm(gram))
        found["gram"].append(np.linalg.norm(gram / size - np.eye(K) / np.sqrt(K)) if size else np.sqrt(2.0))
    before = [weight @ layer for weight, layer in zip(factors[:-2], point.features[:-1], strict=True)]
    return {
        "hessian_eigenvalues": np.stack(found["values"]),
        "gradient_in_outliers": np.array(found["inside"]),
        "gradient_eigenvector": np.array(found["own"]),
        "product_eigenvectors": np.stack(found["products"]),
        "gram_distance": np.array(found["gram"]),
        "negative_share": np.array([np.mean(layer < -NEGATIVE) for layer in before]),
    }


def predicted_layers(problem: DeepUFM, structure: str) -> list[tuple[Eigenvalue, ...]]:
    """The eigenvalues of Hess_1, ..., Hess_L at a structure; empty where it has none there."""
    try:
        return [spectrum(problem, structure, layer=layer).eigenvalues for layer in range(1, problem.depth + 1)]
    except ValueError:
        # The logits have no name, or the structure no scale there.
        return []


def recorded_spectra(run: Run) -> dict[str, Any]:
    """For JSON: the spectra of a run at every recorded step, and those predicted where it ended."""
    predicted = predicted_layers(run.problem, ended_at(run))
    layers = [
        {
            "layer": layer + 1,
            **{
                name: run.history[name][:, layer].tolist()
                for name in ("hessian_eigenvalues", "gradient_in_outliers", "gradient_eigenvector")
            },
            "predicted": [each.as_dict() for each in predicted[layer]] if predicted else None,
        }
        for layer in range(run.problem.depth)
    ]
    return {"step": [int(step) for step in run.history["step"]], "structure": ended_at(run), "layers": layers}


def ended_at(run: Run) -> str:
    """The structure whose prediction a run is held against: where it ended, for relu the network of these logits."""
    name = run.structure
    return "collapse" if run.problem.nonlinear and name in ("simplex", "frame") else name
