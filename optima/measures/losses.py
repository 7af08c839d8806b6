"""Losses of torch modules, and whether outputs and labels are what a loss takes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

# Takes the place of a loss by name: sum over samples of the losses, given logits and labels.
LossFunction = Callable[[Any, Any], Any]


def loss_function(torch: Any, loss: str | LossFunction) -> LossFunction:
    """The sum over samples of a loss by name, or the loss itself."""
    if loss == "ce":
        return lambda z, y: torch.nn.functional.cross_entropy(z.double(), y, reduction="sum")
    if loss == "mse":
        hot = lambda z, y: torch.nn.functional.one_hot(y, z.shape[1])
        return lambda z, y: 0.5 * (z.double() - hot(z, y)).square().sum()
    assert not isinstance(loss, str)
    return loss


def check_outputs(logits: Any, labels: Any) -> None:
    """Raises ValueError unless logits are (b, K) and labels, as many, from 0 to K - 1."""
    if getattr(logits, "ndim", 0) != 2 or logits.shape[1] < 2:
        found = f"shape {tuple(logits.shape)}" if hasattr(logits, "shape") else f"a {type(logits).__name__}"
        raise ValueError(f"the module returns {found}; pass one that returns logits (b, K) of K classes")
    if logits.is_complex():
        raise ValueError("the module returns complex numbers; pass one that returns real logits")
    if len(labels) != len(logits):
        raise ValueError(f"the module returns {len(logits)} rows of logits for {len(labels)} labels")
    if int(labels.min()) < 0 or int(labels.max()) >= logits.shape[1]:
        raise ValueError(
            f"labels run from {int(labels.min())} to {int(labels.max())} for logits of {logits.shape[1]} classes; pass "
            "labels from 0 to K - 1"
        )


def check_loss(torch: Any, loss: str | LossFunction, logits: Any, labels: Any, losses: Any) -> None:
    """Whether a loss is a sum over samples, and cross-entropy is not of probabilities."""
    if loss == "ce":
        sums = logits.double().sum(dim=1)
        if bool((logits >= 0).all()) and bool(((sums - 1).abs() < 1e-5).all()):
            raise ValueError("the module returns probabilities; pass one that returns logits, without its softmax")
    if isinstance(loss, str):
        return
    twice = loss(torch.cat([logits, logits]), torch.cat([labels, labels]))
    if getattr(losses, "ndim", 1) or not torch.isclose(twice, 2 * losses, rtol=1e-3):
        raise ValueError(
            "the loss of a batch taken twice is not twice its loss; return the sum over samples, reduction='sum'"
        )
