"""The deep unconstrained feature model: what is minimised, over all parameters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from optima import brief
from optima.model.arrays import Array, Backend
from optima.model.fit import Fit
from optima.model.forward_backward import backpropagated, layers
from optima.model.inputs import is_sequence, one_of, positive_integer, positive_number

LOSSES = ("ce", "mse")
ACTIVATIONS = ("linear", "relu")


@dataclass(frozen=True)
class DeepUFM:
    r"""A deep unconstrained feature model.

    .. math::
        \min_{W_1..W_L, H}\; g(Z) + \sum_{l=1}^{L} \frac{\lambda_l}{2} \|W_l\|_F^2
        + \frac{\lambda_H}{2} \|H\|_F^2, \qquad
        Z = W_L \cdots W_1 H \;\text{(linear)}, \quad
        Z = W_L\,\mathrm{relu}(W_{L-1} \cdots \mathrm{relu}(W_1 H)) \;\text{(relu)}

    with g the mean over samples of ``logsumexp(z) - z_label`` (``"ce"``) or
    ``||Z - Y||_F^2 / (2 N)`` with one-hot Y (``"mse"``).

    Parameters
    ----------
    classes
        Number of classes K >= 2.
    depth
        Number of weight matrices L >= 1; with the features H there are L + 1 factors.
    reg
        Regularisation: one positive number for all factors, or L + 1 of them in the order
        W_1, ..., W_L, H. Zero is no regularisation: then there is an objective, and no minimum.
    samples
        Samples per class: one number n for all classes, or K of them.
    width
        Hidden width d, which bounds the rank of the logits; None means wide enough (d >= K).
    loss, activation
        ``"ce"`` or ``"mse"``; ``"linear"`` or ``"relu"``.

    Factors are passed as a sequence ``(W_1, ..., W_L, H)``; H has one column per sample, the samples
    of class 0 first, then those of class 1, and so on.

    Raises
    ------
    ValueError, TypeError
        When a parameter is out of its range; the message says what to pass instead.

    Source: theory of garrod2025 (one lambda), garrod2026spectra (lambda_W, lambda_H) and sukenik2024
    (one lambda per factor).

    Examples
    --------
    >>> import numpy as np
    >>> import optima
    >>> problem = optima.DeepUFM(3, 2, 1e-2, width=3)
    >>> W_1, W_2, H = np.eye(3), np.eye(3), np.eye(3)
    >>> round(problem.objective([W_1, W_2, H]), 6)
    0.596445
    """

    classes: int
    depth: int
    reg: float | tuple[float, ...]
    samples: int | tuple[int, ...] = 1
    width: int | None = None
    loss: str = "ce"
    activation: str = "linear"

    def __post_init__(self) -> None:
        put = lambda name, value: object.__setattr__(self, name, value)
        put("classes", positive_integer("classes", self.classes, minimum=2))
        put("depth", positive_integer("depth", self.depth))
        put("reg", self._checked_reg())
        put("samples", self._checked_samples())
        if self.width is not None:
            put("width", positive_integer("width", self.width))
        one_of("loss", self.loss, LOSSES)
        one_of("activation", self.activation, ACTIVATIONS)

    def __repr__(self) -> str:
        return brief.of_fields(self)

    @property
    def summary(self) -> str:
        """What sets a model apart: ``K=8 L=3 reg=0.001``, and what is not the default."""
        words = [f"K={self.classes} L={self.depth} reg={brief.of_numbers(self.reg)}"]
        words += [f"n={brief.of_numbers(self.samples)}"] if self.samples != 1 else []
        words += [f"d={self.width}"] if self.width is not None else []
        words += [word for word, default in ((self.loss, "ce"), (self.activation, "linear")) if word != default]
        return " ".join(words)

    def _checked_reg(self) -> float | tuple[float, ...]:
        if not is_sequence(self.reg):
            return positive_number("reg", self.reg, zero=True)
        regs = tuple(positive_number("reg", value, zero=True) for value in self.reg)  # type: ignore[union-attr]
        if len(regs) != self.depth + 1:
            raise ValueError(
                f"reg has {len(regs)} values but depth {self.depth} has {self.depth + 1} factors; pass one number, or "
                f"{self.depth + 1} numbers in the order W_1, ..., W_L, H"
            )
        return regs

    def _checked_samples(self) -> int | tuple[int, ...]:
        if not is_sequence(self.samples):
            return positive_integer("samples", self.samples)
        sizes = tuple(positive_integer("samples", value) for value in self.samples)  # type: ignore[union-attr]
        if len(sizes) != self.classes:
            raise ValueError(
                f"samples has {len(sizes)} class sizes but there are {self.classes} classes; pass one number, or "
                f"{self.classes} numbers"
            )
        return sizes[0] if len(set(sizes)) == 1 else sizes

    @property
    def regs(self) -> tuple[float, ...]:
        """Regularisation of each factor, in the order W_1, ..., W_L, H."""
        return self.reg if isinstance(self.reg, tuple) else (self.reg,) * (self.depth + 1)

    @property
    def regularised(self) -> bool:
        """Whether every factor is regularised, so that the objective has a minimum."""
        return all(self.reg) if isinstance(self.reg, tuple) else self.reg > 0

    @property
    def nonlinear(self) -> bool:
        """Whether a relu acts somewhere: with one weight matrix there is none."""
        return self.activation == "relu" and self.depth > 1

    @property
    def balanced(self) -> bool:
        """Whether all classes have the same number of samples."""
        return not isinstance(self.samples, tuple)

    @cached_property
    def class_sizes(self) -> NDArray[np.int64]:
        """Number of samples n_c of each class, shape (K,)."""
        return _frozen(np.broadcast_to(np.asarray(self.samples, dtype=np.int64), (self.classes,)).copy())

    @cached_property
    def size(self) -> int:
        """Number of samples N of all classes together."""
        return self.classes * self.samples if isinstance(self.samples, int) else sum(self.samples)

    @cached_property
    def labels(self) -> NDArray[np.int64]:
        """Class of each column of the logits, shape (N,)."""
        return _frozen(np.repeat(np.arange(self.classes), self.class_sizes))

    @property
    def max_rank(self) -> int:
        """Largest rank the logits can have: min(K, d)."""
        return self.classes if self.width is None else min(self.classes, self.width)

    def factor_shapes(self, width: int | None = None) -> list[tuple[int, int]]:
        """(d, d), ..., (d, d), (K, d), (d, N), the shapes of W_1, ..., W_L, H; d is K where no width is given."""
        d = (self.width or self.classes) if width is None else width
        return [*[(d, d)] * (self.depth - 1), (self.classes, d), (d, self.size)]

    def data_loss(self, logits: Array) -> float:
        """g(Z): mean cross-entropy, or ||Z - Y||_F^2 / (2 N), of logits of shape (K, N)."""
        return float(self.data_fit().value(self.checked_logits(logits)))

    def data_loss_gradient(self, logits: Array) -> Array:
        """Gradient of g at logits of shape (K, N): (softmax(Z) - Y) / N or (Z - Y) / N."""
        return np.asarray(self.data_fit().slope(self.checked_logits(logits)))

    def checked_logits(self, logits: ArrayLike) -> Array:
        """Logits as floats. Raises ValueError unless they have shape (K, N)."""
        logits = np.asarray(logits, dtype=float)
        wanted = (self.classes, self.size)
        if logits.shape != wanted:
            raise ValueError(f"logits have shape {logits.shape}; pass shape {wanted}")
        return logits

    def data_fit(self, backend: Backend | None = None) -> Fit:
        """g as a function of logits (..., K, N) of an array library: every sample has the weight 1 / N."""
        return Fit(self.loss, self.classes, self.labels, np.full(self.size, 1 / self.size), backend)

    def logits(self, factors: Sequence[Array]) -> Array:
        """Z, the output of the network at all samples, shape (K, N)."""
        return self.layers(factors)[-1]

    def objective(self, factors: Sequence[Array]) -> float:
        """The all-parameter objective g(Z) + sum_l (lam_l / 2) ||W_l||_F^2 + (lam_H / 2) ||H||_F^2.

        ``factors`` is (W_1, ..., W_L, H), of shapes (d, d), ..., (d, d), (K, d) and (d, N)
        (for L = 1: (K, d) and (d, N)). Raises ValueError on shapes that do not chain.
        """
        loss = self.data_loss(self.logits(factors))
        norms = (np.sum(np.asarray(factor, dtype=float) ** 2) for factor in factors)
        return loss + sum(reg / 2 * float(norm) for reg, norm in zip(self.regs, norms, strict=True))

    def gradient(self, factors: Sequence[Array]) -> list[Array]:
        """Gradient of :meth:`objective` in each factor, by backpropagation (relu'(0) = 0)."""
        seen = self.layers(factors)
        own = [np.asarray(factor, dtype=float) for factor in factors]
        slope = (lambda layer: layer > 0) if self.activation == "relu" else None
        pulls = backpropagated(own, seen, self.data_loss_gradient(seen[-1]), slope)
        return [reg * factor + pull for reg, factor, pull in zip(self.regs, own, pulls, strict=True)]

    def layers(self, factors: Sequence[Array]) -> list[Array]:
        """The features entering each weight matrix, then the logits: L + 1 arrays."""
        self._check_shapes(factors)
        relu = (lambda layer: np.maximum(layer, 0.0)) if self.activation == "relu" else None
        return layers([np.asarray(factor, dtype=float) for factor in factors], relu)

    def _check_shapes(self, factors: Sequence[Array]) -> None:
        if len(factors) != self.depth + 1:
            raise ValueError(
                f"got {len(factors)} factors for depth {self.depth}; pass {self.depth + 1}: W_1, ..., W_L, H"
            )
        width = self.width or next(iter(np.shape(factors[-1])), 1)
        wanted = self.factor_shapes(width)
        shapes = [np.shape(factor) for factor in factors]
        if shapes != wanted:
            raise ValueError(f"factor shapes are {shapes}; pass (W_1, ..., W_L, H) of shapes {wanted}")


def _frozen(array: NDArray[np.int64]) -> NDArray[np.int64]:
    array.flags.writeable = False
    return array
