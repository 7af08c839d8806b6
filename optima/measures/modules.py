"""Measures of PyTorch modules on a data set."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from optima.extras import needed
from optima.measures.layer import LayerStream
from optima.measures.result import Measures
from optima.measures.stream import MeasureStream
from optima.model import Array

# Samples in a batch where a pair of tensors is given.
BATCH = 256
# Takes the place of a loss by name: sum over samples of the losses, given logits and labels.
LossFunction = Callable[[Any, Any], Any]


def measure_module(model: Any, data: Any, loss: str | LossFunction, regs: Any, gradients: bool) -> Measures:
    """Measures of every linear layer of a module; two passes over the data, in evaluation mode."""
    torch = needed("torch", "torch")
    if hasattr(data, "__next__"):
        raise ValueError("the data can be read only once; pass a DataLoader, a list of batches, or a pair of tensors")
    layers = {name: part for name, part in model.named_modules() if isinstance(part, torch.nn.Linear)}
    if not layers:
        raise ValueError("the module has no linear layer; pass arrays of its layers instead (optima.measures.Layer)")
    device = next(model.parameters()).device
    with _evaluating(model):
        streams: dict[str, LayerStream] = {}
        found: MeasureStream | None = None
        for inputs, labels in _pairs(torch, data, device):
            seen = _forward(torch, model, layers, inputs, gradients)
            logits = seen.logits
            _check(logits, labels)
            losses = _loss(torch, loss)(logits, labels)
            owner = labels.detach().cpu().numpy().astype(np.int64)
            if found is None:
                chosen = {name: layers[name] for name in seen.outputs}
                K = logits.shape[1]
                streams = {
                    name: LayerStream(name or "linear", K, part.in_features, _array(part.weight))
                    for name, part in chosen.items()
                }
                found = MeasureStream(K, list(streams.values()))
            pulls = _gradients(torch, losses, seen.outputs) if gradients else {}
            for name, stream in streams.items():
                rows, times = _flat(seen.inputs[name], owner.size)
                pull = None
                if gradients:
                    pull = times * _flat(pulls[name], owner.size)[0]
                stream.add(rows, np.repeat(owner, times), pull)
            found.add(owner, _array(logits), np.array([float(losses.detach())]))
        if found is None:
            raise ValueError("the data have no batch; pass some samples")
        notes = _second_pass(torch, model, layers, list(streams), data, device, found)
    wide = [name for name, stream in streams.items() if not stream.inputs.has_scatter]
    if wide:
        notes.append(
            f"The features of {', '.join(wide)} are too wide for a covariance: no NC1 with the pseudo-inverse and no "
            "singular values of them."
        )
    given = [_reg(regs, name) for name in streams]
    return found.finished(given, loss if isinstance(loss, str) else "", notes)


class _Seen:
    """What a forward pass leaves: inputs and outputs of the layers in the order in which they acted, and logits."""

    def __init__(self) -> None:
        self.inputs: dict[str, list[Array]] = {}
        self.outputs: dict[str, list[Any]] = {}
        self.logits: Any = None


def _forward(torch: Any, model: Any, layers: Mapping[str, Any], inputs: Any, gradients: bool) -> _Seen:
    seen = _Seen()

    def hook(name: str) -> Callable[..., Any]:
        def store(_: Any, given: tuple[Any, ...], output: Any) -> Any:
            seen.inputs.setdefault(name, []).append(_array(given[0]))
            if gradients and not output.requires_grad:
                output.requires_grad_()
            seen.outputs.setdefault(name, []).append(output)
            # What changes an output in place must not change what the gradient is asked of.
            return output.clone()

        return store

    handles = [part.register_forward_hook(hook(name)) for name, part in layers.items()]
    try:
        with torch.enable_grad() if gradients else torch.no_grad():
            output = model(**inputs) if isinstance(inputs, Mapping) else model(inputs)
    finally:
        for handle in handles:
            handle.remove()
    seen.logits = getattr(output, "logits", output)
    return seen


def _gradients(torch: Any, loss: Any, outputs: Mapping[str, list[Any]]) -> dict[str, list[Array]]:
    flat = [each for calls in outputs.values() for each in calls]
    found = torch.autograd.grad(loss, flat, allow_unused=True)
    arrays = iter(
        [np.zeros(tuple(out.shape)) if pull is None else _array(pull) for out, pull in zip(flat, found, strict=True)]
    )
    return {name: [next(arrays) for _ in calls] for name, calls in outputs.items()}


def _flat(calls: list[Array], count: int) -> tuple[Array, int]:
    """All vectors that a layer saw as rows, those of a sample beside each other, and how many each sample has."""
    rows = np.concatenate([call.reshape(count, -1, call.shape[-1]) for call in calls], axis=1)
    return rows.reshape(-1, rows.shape[-1]), rows.shape[1]


def _second_pass(
    torch: Any, model: Any, layers: Mapping[str, Any], names: list[str], data: Any, device: Any, found: MeasureStream
) -> list[str]:
    last = names[-1]
    for inputs, _ in _pairs(torch, data, device):
        seen = _forward(torch, model, {last: layers[last]}, inputs, False)
        logits = _array(seen.logits)
        rows, times = _flat(seen.inputs[last], len(logits))
        if times > 1:
            return [f"The last linear layer, {last}, sees {times} vectors for each sample: no NC4."]
        found.agree(rows, logits)
    return []


def _loss(torch: Any, loss: str | LossFunction) -> LossFunction:
    if loss == "ce":
        return lambda z, y: torch.nn.functional.cross_entropy(z.double(), y, reduction="sum")
    if loss == "mse":
        hot = lambda z, y: torch.nn.functional.one_hot(y, z.shape[1])
        return lambda z, y: 0.5 * (z.double() - hot(z, y)).square().sum()
    assert not isinstance(loss, str)
    return loss


def _check(logits: Any, labels: Any) -> None:
    if getattr(logits, "ndim", 0) != 2 or logits.shape[1] < 2:
        shape = tuple(getattr(logits, "shape", ()))
        raise ValueError(f"the module returns shape {shape}; pass one that returns logits (b, K) of K classes")
    if labels.ndim != 1 or len(labels) != len(logits) or labels.is_floating_point():
        raise ValueError(f"labels have shape {tuple(labels.shape)}; pass the class of each sample as an integer")
    if int(labels.min()) < 0 or int(labels.max()) >= logits.shape[1]:
        raise ValueError(
            f"labels run from {int(labels.min())} to {int(labels.max())} for logits of {logits.shape[1]} classes; pass "
            "labels from 0 to K - 1"
        )


def _batches(torch: Any, data: Any) -> Any:
    pair = isinstance(data, (tuple, list)) and len(data) == 2 and all(hasattr(each, "shape") for each in data)
    if not pair:
        return data
    x, y = (torch.as_tensor(each) for each in data)
    return [(x[i : i + BATCH], y[i : i + BATCH]) for i in range(0, len(x), BATCH)]


def _pairs(torch: Any, data: Any, device: Any) -> Iterator[tuple[Any, Any]]:
    """Inputs and labels of each batch on the device; a batch is a pair, or a mapping with ``labels``."""
    for batch in _batches(torch, data):
        if isinstance(batch, Mapping):
            rest = {name: value.to(device) for name, value in batch.items() if name != "labels"}
            yield rest, batch["labels"].to(device)
        else:
            yield batch[0].to(device), batch[1].to(device)


@contextmanager
def _evaluating(model: Any) -> Iterator[None]:
    """Evaluation mode, and each part's own mode again afterwards."""
    modes = [(part, part.training) for part in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for part, mode in modes:
            part.training = mode


def _reg(regs: Any, name: str) -> float | None:
    if isinstance(regs, Mapping):
        return None if regs.get(name) is None else float(regs[name])
    return None if regs is None else float(regs)


def _array(tensor: Any) -> Array:
    return np.asarray(tensor.detach().cpu().double().numpy())
