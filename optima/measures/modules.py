"""Measures of PyTorch modules on a data set."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from optima.extras import needed
from optima.measures.batches import pairs
from optima.measures.layer import NOT_FINITE, LayerStream
from optima.measures.moments import Labels
from optima.measures.reading import (
    array,
    blocks,
    features,
    is_attention,
    is_convolution,
    is_measured,
    is_transposed,
    outputs_of,
    products,
)
from optima.measures.result import Measures
from optima.measures.stream import MeasureStream
from optima.model import Array

# Names of layers that a note lists.
LISTED = 4
# Takes the place of a loss by name: sum over samples of the losses, given logits and labels.
LossFunction = Callable[[Any, Any], Any]


def measure_module(
    model: Any, data: Any, loss: str | LossFunction, regs: Any, gradients: bool, maps: str = "mean"
) -> Measures:
    """Measures of every linear layer and convolution of a module; two passes over the data, in evaluation mode."""
    torch = needed("torch", "torch")
    if hasattr(data, "__next__"):
        raise ValueError("the data can be read only once; pass a DataLoader, a list of batches, or a pair of tensors")
    named = dict(model.named_modules())
    layers = {name: part for name, part in named.items() if is_measured(torch, part) or is_attention(torch, part)}
    if not any(is_measured(torch, part) for part in layers.values()):
        raise ValueError("the module has no linear layer; pass arrays of its layers instead (optima.measures.Layer)")
    if isinstance(regs, Mapping) and (unknown := [name for name in regs if name not in named]):
        raise ValueError(
            f"reg names {_listed(unknown)}, no part of the module; pass names such as {_listed([*layers])}"
        )
    # The gradients do not depend on the caller's context.
    with _evaluating(model), torch.inference_mode(False), torch.enable_grad():
        streams: dict[str, LayerStream] = {}
        found: MeasureStream | None = None
        for inputs, labels in pairs(torch, data, model):
            seen = _forward(torch, model, layers, inputs, labels, maps, gradients, found is None)
            logits = seen.logits
            _check(logits, labels)
            losses = _loss(torch, loss)(logits, labels)
            if found is None:
                _check_loss(torch, loss, logits, labels, losses)
            owner = labels.detach().cpu().numpy().astype(np.int64)
            if found is None:
                streams = _streams(torch, layers, seen, logits.shape[1])
                found = MeasureStream(logits.shape[1], list(streams.values()))
            if changed := sorted(seen.features.keys() ^ streams.keys()):
                raise ValueError(f"{_listed(changed)}: called for some batches only; pass arrays of the layers instead")
            for name, stream in streams.items():
                rows = seen.features[name]
                stream.add(rows.reshape(-1, rows.shape[2]), np.repeat(owner, rows.shape[1]))
            # After the layers, of which the first with such numbers is named.
            if not bool(logits.isfinite().all()):
                raise ValueError(f"the logits {NOT_FINITE}")
            if gradients:
                _pull(torch, layers, streams, seen, losses, owner)
            found.add(owner, array(logits), np.array([float(losses.detach())]))
        if found is None:
            raise ValueError("the data have no batch; pass some samples")
        notes = _second_pass(torch, model, layers, list(streams), data, found, maps)
    notes += _notes(torch, named, streams, maps)
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
            attention = is_attention(torch, part)
            entered = outputs_of(part, output) if attention else given[0]
            if len(entered) % count:
                raise ValueError(
                    f"{name} sees shape {tuple(entered.shape)} for {count} samples; pass arrays of the layers instead"
                )
            own = features(part, entered, count, maps)
            before = seen.features.get(name)
            seen.features[name] = own if before is None else np.concatenate([before, own], axis=1)
            if attention:
                return None
            if gradients and not output.requires_grad:
                output.requires_grad_()
            # What is changed in place later must not change what was seen, nor what the gradient is asked of.
            seen.inputs.setdefault(name, []).append(entered.detach().clone() if kept else None)
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
    linear = lambda name: not (is_attention(torch, layers[name]) or is_convolution(layers[name]))
    for before, name in pairwise(names):
        if linear(before) and linear(name):
            after[name] = _link(torch, seen, before, name)
    weights = {name: None if is_attention(torch, layers[name]) else blocks(layers[name]) for name in names}
    return {
        name: LayerStream(name or "linear", classes, seen.features[name].shape[2], weights[name], after[name])
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
        for name in seen.inputs
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
    found: MeasureStream,
    maps: str,
) -> list[str]:
    last = names[-1]
    for inputs, labels in pairs(torch, data, model):
        seen = _forward(torch, model, {last: layers[last]}, inputs, labels, maps, False)
        rows = seen.features[last]
        if rows.shape[1] > 1:
            return [f"The last layer, {last}, sees {rows.shape[1]} vectors for each sample: no NC4."]
        found.agree(rows[:, 0], array(seen.logits))
    return []


def _notes(torch: Any, named: Mapping[str, Any], streams: Mapping[str, LayerStream], maps: str) -> Iterator[str]:
    """What was done with convolutions and attention, and what could not be had."""
    attention = [name for name in named if is_attention(torch, named[name])]
    convolutions = [name for name in streams if name not in attention and is_convolution(named[name])]
    if convolutions:
        how = "the mean over positions of the maps" if maps == "mean" else "all entries of the maps"
        yield (
            f"Features of a convolution are {how} that enter it; its matrix has a row for each output channel and a "
            "column for each input channel and place in the kernel, and multiplies patches."
        )
    if transposed := [name for name in convolutions if is_transposed(named[name])]:
        yield (
            f"{_listed(transposed)}: transposed, so that the matrix has a column for each input channel, and makes "
            "patches that are added."
        )
    if grouped := [name for name in convolutions if named[name].groups > 1]:
        yield (
            f"{_listed(grouped)}: in groups, so that the matrix is block-diagonal; distance and bounds are of rank K, "
            "or K - 1, in every block, and r is the sum over blocks."
        )
    if attention:
        yield (
            f"{_listed(attention)}: of attention the output is measured as features; its own matrices are not, so that "
            "there is no rank and no bound of them."
        )
    # What a parametrization keeps is the weight of a layer that is measured.
    inside = tuple(f"{name}." for name in (*attention, *(f"{name}.parametrizations".lstrip(".") for name in streams)))
    left = [name for name, part in named.items() if name not in (*streams, *attention) and _has_matrix(part)]
    if left := [name for name in left if not name.startswith(inside)]:
        yield f"{_listed(left)}: not measured, being neither linear nor a convolution, or not called as a module."
    if wide := [name for name, stream in streams.items() if not stream.inputs.has_scatter]:
        yield (
            f"The features of {_listed(wide)} are too wide for a covariance: no NC1 with the pseudo-inverse and no "
            "singular values of them."
        )
    last = named[list(streams)[-1]]
    sizes = next(iter(streams.values())).inputs.sizes
    if getattr(last, "bias", None) is not None and sizes.min() < sizes.max():
        yield (
            "The last layer has a bias, and models with free features have none: with classes of different sizes it "
            "can bring a network below their optimum."
        )
    dropout = torch.nn.modules.dropout._DropoutNd
    if any(isinstance(part, dropout) and part.p > 0 for part in named.values()):
        yield (
            "Dropout does not act here: what was trained with it is another loss than the one that is measured, and "
            "than that of models with free features."
        )
    if coarse := {str(each.dtype)[6:] for part in named.values() for each in part.parameters(False) if _coarse(each)}:
        yield f"The network computes in {_listed(sorted(coarse))}: its numbers have two or three digits."


def _has_matrix(part: Any) -> bool:
    return any(each.ndim > 1 for each in part.parameters(recurse=False))


def _coarse(parameter: Any) -> bool:
    return bool(parameter.is_floating_point() and parameter.itemsize < 4)


def _listed(names: list[str]) -> str:
    more = len(names) - LISTED
    return ", ".join(name or "the module" for name in names[:LISTED]) + (f" and {more} more" if more > 0 else "")


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


def _check_loss(torch: Any, loss: str | LossFunction, logits: Any, labels: Any, losses: Any) -> None:
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
