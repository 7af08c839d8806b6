"""Measures of PyTorch modules on a data set."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from optima.extras import needed
from optima.measures.layer import LayerStream
from optima.measures.moments import Labels
from optima.measures.reading import array, features, in_groups, is_convolution, is_measured, matrix, products
from optima.measures.result import Measures
from optima.measures.stream import MeasureStream
from optima.model import Array

# Samples in a batch where a pair of tensors is given.
BATCH = 256
LABELS = "labels have shape {}; pass the class of each sample as an integer"
# Takes the place of a loss by name: sum over samples of the losses, given logits and labels.
LossFunction = Callable[[Any, Any], Any]


def measure_module(
    model: Any, data: Any, loss: str | LossFunction, regs: Any, gradients: bool, maps: str = "mean"
) -> Measures:
    """Measures of every linear layer and convolution of a module; two passes over the data, in evaluation mode."""
    torch = needed("torch", "torch")
    if hasattr(data, "__next__"):
        raise ValueError("the data can be read only once; pass a DataLoader, a list of batches, or a pair of tensors")
    layers = {name: part for name, part in model.named_modules() if is_measured(torch, part)}
    if not layers:
        raise ValueError("the module has no linear layer; pass arrays of its layers instead (optima.measures.Layer)")
    device = next(model.parameters()).device
    with _evaluating(model):
        streams: dict[str, LayerStream] = {}
        found: MeasureStream | None = None
        for inputs, labels in _pairs(torch, data, device):
            seen = _forward(torch, model, layers, inputs, labels, maps, gradients, found is None)
            logits = seen.logits
            _check(logits, labels)
            losses = _loss(torch, loss)(logits, labels)
            owner = labels.detach().cpu().numpy().astype(np.int64)
            if found is None:
                streams = _streams(torch, layers, seen, logits.shape[1])
                found = MeasureStream(logits.shape[1], list(streams.values()))
            for name, stream in streams.items():
                rows = seen.features[name]
                stream.add(rows.reshape(-1, rows.shape[2]), np.repeat(owner, rows.shape[1]))
            if gradients:
                _pull(torch, layers, streams, seen, losses, owner)
            found.add(owner, array(logits), np.array([float(losses.detach())]))
        if found is None:
            raise ValueError("the data have no batch; pass some samples")
        notes = _second_pass(torch, model, layers, list(streams), data, device, found, maps)
    notes += _notes(layers, streams, maps, gradients)
    given = [_reg(regs, name) for name in streams]
    return found.finished(given, loss if isinstance(loss, str) else "", notes)


@dataclass
class _Seen:
    """What a forward pass leaves, by the names of the layers in the order in which they acted.

    Features (b, times, d) that entered, and for each call what was given and what came out; and the logits.
    """

    features: dict[str, Array] = field(default_factory=dict)
    inputs: dict[str, list[Any]] = field(default_factory=dict)
    outputs: dict[str, list[Any]] = field(default_factory=dict)
    logits: Any = None


def _forward(
    torch: Any,
    model: Any,
    layers: Mapping[str, Any],
    inputs: Any,
    labels: Any,
    maps: str,
    gradients: bool,
    kept: bool = False,
) -> _Seen:
    """What the layers see; inputs and outputs are ``kept`` for the first batch, and where there are ``gradients``."""
    seen = _Seen()
    count = len(labels)
    kept = kept or gradients

    def hook(name: str) -> Callable[..., Any]:
        def store(part: Any, given: tuple[Any, ...], output: Any) -> Any:
            if len(given[0]) % count:
                raise ValueError(
                    f"{name} sees shape {tuple(given[0].shape)} for {count} samples; pass arrays of the layers instead"
                )
            own = features(part, given[0], count, maps)
            before = seen.features.get(name)
            seen.features[name] = own if before is None else np.concatenate([before, own], axis=1)
            if gradients and not output.requires_grad:
                output.requires_grad_()
            # What is changed in place later must not change what was seen, nor what the gradient is asked of.
            seen.inputs.setdefault(name, []).append(given[0].detach().clone() if kept else None)
            seen.outputs.setdefault(name, []).append(output if kept else None)
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


def _streams(torch: Any, layers: Mapping[str, Any], seen: _Seen, classes: int) -> dict[str, LayerStream]:
    names = list(seen.features)
    after = dict.fromkeys(names, "")
    for before, name in pairwise(names):
        if not (is_convolution(layers[before]) or is_convolution(layers[name])):
            after[name] = _link(torch, seen, before, name)
    return {
        name: LayerStream(name or "linear", classes, seen.features[name].shape[2], matrix(layers[name]), after[name])
        for name in names
    }


def _link(torch: Any, seen: _Seen, before: str, name: str) -> str:
    """How the input of a layer comes from the output of the one before, where both act once."""
    if len(seen.inputs[name]) != 1 or len(seen.outputs[before]) != 1:
        return ""
    given, output = seen.inputs[name][0], seen.outputs[before][0].detach()
    if given.shape != output.shape:
        return ""
    return "linear" if torch.equal(given, output) else "relu" if torch.equal(given, output.relu()) else ""


def _pull(
    torch: Any, layers: Mapping[str, Any], streams: Mapping[str, LayerStream], seen: _Seen, losses: Any, owner: Labels
) -> None:
    """Give the streams the vectors that the matrices multiply, with the gradients of the losses there."""
    calls = [
        (name, given, output)
        for name in streams
        if not in_groups(layers[name])
        for given, output in zip(seen.inputs[name], seen.outputs[name], strict=True)
    ]
    found = torch.autograd.grad(losses, [output for _, _, output in calls], allow_unused=True)
    counted: set[str] = set()
    for (name, given, output), pull in zip(calls, found, strict=True):
        pull = torch.zeros_like(output) if pull is None else pull
        for rows, own, chosen in products(torch, layers[name], given, pull, owner.size):
            # Several calls are of the same samples.
            count = 0 if name in counted else len(rows)
            flat = lambda each: each.reshape(-1, each.shape[2])
            streams[name].pull(flat(rows), np.repeat(owner[chosen], rows.shape[1]), flat(own), count)
        counted.add(name)


def _second_pass(
    torch: Any,
    model: Any,
    layers: Mapping[str, Any],
    names: list[str],
    data: Any,
    device: Any,
    found: MeasureStream,
    maps: str,
) -> list[str]:
    last = names[-1]
    for inputs, labels in _pairs(torch, data, device):
        seen = _forward(torch, model, {last: layers[last]}, inputs, labels, maps, False)
        rows = seen.features[last]
        if rows.shape[1] > 1:
            return [f"The last layer, {last}, sees {rows.shape[1]} vectors for each sample: no NC4."]
        found.agree(rows[:, 0], array(seen.logits))
    return []


def _notes(layers: Mapping[str, Any], streams: Mapping[str, LayerStream], maps: str, gradients: bool) -> Iterator[str]:
    """What was done with convolutions, and what could not be had."""
    if any(is_convolution(layers[name]) for name in streams):
        how = "the mean over positions of the maps" if maps == "mean" else "all entries of the maps"
        yield (
            f"Features of a convolution are {how} that enter it; its matrix has a row for each output channel and a "
            "column for each input channel and place in the kernel, and multiplies patches."
        )
    grouped = [name for name in streams if in_groups(layers[name])]
    if grouped and gradients:
        yield f"The convolutions {', '.join(grouped)} are in groups, whose rows see different channels: no bounds."
    wide = [name for name, stream in streams.items() if not stream.inputs.has_scatter]
    if wide:
        yield (
            f"The features of {', '.join(wide)} are too wide for a covariance: no NC1 with the pseudo-inverse and no "
            "singular values of them."
        )


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
        raise ValueError(LABELS.format(tuple(labels.shape)))
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
            inputs = {name: value.to(device) for name, value in batch.items() if name != "labels"}
            labels = batch["labels"].to(device)
        else:
            inputs, labels = batch[0].to(device), batch[1].to(device)
            if labels.ndim != 1 or len(labels) != len(inputs):
                raise ValueError(LABELS.format(tuple(labels.shape)))
        if len(labels):
            yield inputs, labels


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
