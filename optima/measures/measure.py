"""Measure a whole network: a PyTorch module on a data set, or the arrays of its layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from optima.measures.arrays import Layer, measure_arrays
from optima.measures.losses import LossFunction
from optima.measures.modules import measure_module
from optima.measures.reading import MAPS
from optima.measures.result import Measures
from optima.model.inputs import one_of, positive_number
from optima.model.problem import LOSSES


def measure(
    network: Any,
    data: Any,
    *,
    reg: float | Mapping[str, float] | Sequence[float] | None = None,
    loss: str | LossFunction = "ce",
    logits: Any = None,
    classes: int | None = None,
    gradients: bool = True,
    maps: str = "mean",
) -> Measures:
    r"""How collapsed a network is, layer by layer, how far its weights are from rank K, and what its logits are.

    .. math::
        \Sigma_W = \tfrac1N \sum_j (x_j - \mu_{c(j)})(x_j - \mu_{c(j)})^T, \quad
        \Sigma_B = \tfrac1K \sum_c (\mu_c - \bar\mu)(\mu_c - \bar\mu)^T, \quad
        \operatorname{dist}_F(W, \operatorname{rank} K) \le \frac{\|\sum_j \delta_j \xi_j^T\|_F}{\lambda N}
        + \frac{\|\nabla_W f\|_F}{\lambda}

    for the input x of every linear layer and its weight matrix W; :mod:`optima.measures.neural_collapse` defines NC1 to
    NC4 and :class:`optima.measures.RankBound` the bounds, of rank K - 1 where a bias or centring makes it so. A
    convolution has as its matrix W (out, in k_1 k_2 ...), whose bounds are of the patches that it multiplies; as
    features count the mean over positions of the maps that enter it, or with ``maps="flat"`` all their entries.

    Parameters
    ----------
    network
        A ``torch.nn.Module`` that returns logits (b, K), or an object with them as ``.logits``: its ``Linear`` and
        ``Conv`` layers are measured in the order in which they act, in evaluation mode. Or a list of
        :class:`optima.measures.Layer` with arrays: features (N, d), weights (m, d), and gradients (N, m) of the loss
        of each sample.
    data
        For a module a ``DataLoader``, a list of batches (x, y), or a pair of tensors (all samples); it is read twice.
        For arrays the class 0, ..., K-1 of each sample.
    reg
        lambda of the weights, in f = mean loss + sum (lambda / 2) ||W||^2: one number, one for each layer of arrays, or
        for modules a mapping by the names of the layers. PyTorch's ``weight_decay`` of SGD is lambda. Without it there
        are no bounds.
    loss
        ``"ce"``, ``"mse"`` (half the squared distance from the one-hot target), or for modules a function of logits and
        labels that returns the sum of the losses of the samples.
    logits
        For arrays: logits (N, K) of the samples.
    classes
        For arrays: K, where not all classes have samples is refused; default the largest label and one.
    gradients
        False leaves out what needs backpropagation.
    maps
        ``"mean"`` or ``"flat"``: how feature maps become vectors.

    Classes may have any sizes, one sample included, and samples any order. A layer that sees several vectors of each
    sample (tokens) takes each as a row of its class. Memory does not grow with the number of batches: d^2 numbers for
    a layer of d inputs, and d for each class.

    Raises ValueError where shapes do not go together, a class has no sample, or torch is missing.

    Examples
    --------
    >>> import numpy as np
    >>> import optima
    >>> features, labels = np.array([[1.1, 0], [0.9, 0], [0, 1.1], [0, 0.9]]), [0, 0, 1, 1]
    >>> found = optima.measure([optima.measures.Layer(features, np.eye(2))], labels)
    >>> round(found.layers[0].measures["nc1_trace"], 4)
    0.02
    """
    if isinstance(loss, str):
        one_of("loss", loss, LOSSES)
    one_of("maps", maps, MAPS)
    if isinstance(network, Layer):
        network = [network]
    if isinstance(network, (list, tuple)) and network and all(isinstance(each, Layer) for each in network):
        if not isinstance(loss, str):
            raise ValueError("a loss of your own needs a module; pass gradients of each sample, and loss='ce' or 'mse'")
        return measure_arrays(network, data, logits, _regs(reg, len(network)), loss, classes)
    if not hasattr(network, "named_modules"):
        raise ValueError(
            f"the network is a {type(network).__name__}; pass a torch module, or a list of optima.measures.Layer"
        )
    if isinstance(reg, Mapping):
        reg = {name: positive_number(f"reg of {name}", value) for name, value in reg.items()}
    elif reg is not None:
        reg = positive_number("reg", reg)
    return measure_module(network, data, loss, reg, gradients, maps)


def _regs(reg: Any, count: int) -> list[float | None]:
    if isinstance(reg, (list, tuple)):
        if len(reg) != count:
            raise ValueError(f"reg has {len(reg)} values for {count} layers; pass one number, or one for each layer")
        return [positive_number("reg", each) for each in reg]
    return [None if reg is None else positive_number("reg", reg)] * count
