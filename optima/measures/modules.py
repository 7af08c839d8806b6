"""Measures of PyTorch modules on a data set."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np

from optima.extras import needed
from optima.measures.batches import pairs
from optima.measures.forward import Seen, evaluating, forward, link
from optima.measures.layer import NOT_FINITE, LayerStream
from optima.measures.losses import LossFunction, check_loss, check_outputs, loss_function
from optima.measures.moments import Labels
from optima.measures.notes import listed, notes_of
from optima.measures.reading import array, blocks, is_attention, is_convolution, is_measured, products
from optima.measures.result import Measures
from optima.measures.stream import MeasureStream


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
        raise ValueError(f"reg names {listed(unknown)}, no part of the module; pass names such as {listed([*layers])}")
    # The gradients do not depend on the caller's context.
    with evaluating(model), torch.inference_mode(False), torch.enable_grad():
        streams: dict[str, LayerStream] = {}
        found: MeasureStream | None = None
        for inputs, labels in pairs(torch, data, model):
            seen = forward(torch, model, layers, inputs, labels, maps, gradients, found is None)
            logits = seen.logits
            check_outputs(logits, labels)
            losses = loss_function(torch, loss)(logits, labels)
            if found is None:
                check_loss(torch, loss, logits, labels, losses)
            owner = labels.detach().cpu().numpy().astype(np.int64)
            if found is None:
                streams = _streams(torch, layers, seen, logits.shape[1])
                found = MeasureStream(logits.shape[1], list(streams.values()))
            if changed := sorted(seen.features.keys() ^ streams.keys()):
                raise ValueError(f"{listed(changed)}: called for some batches only; pass arrays of the layers instead")
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
    notes += notes_of(torch, named, streams, maps)
    given = [_reg(regs, name) for name in streams]
    return found.finished(given, loss if isinstance(loss, str) else "", notes)


def _streams(torch: Any, layers: Mapping[str, Any], seen: Seen, classes: int) -> dict[str, LayerStream]:
    names = list(seen.features)
    after = dict.fromkeys(names, "")
    linear = lambda name: not (is_attention(torch, layers[name]) or is_convolution(layers[name]))
    for before, name in pairwise(names):
        if linear(before) and linear(name):
            after[name] = link(torch, seen, before, name)
    weights = {name: None if is_attention(torch, layers[name]) else blocks(layers[name]) for name in names}
    return {
        name: LayerStream(name or "linear", classes, seen.features[name].shape[2], weights[name], after[name])
        for name in names
    }


def _pull(
    torch: Any, layers: Mapping[str, Any], streams: Mapping[str, LayerStream], seen: Seen, losses: Any, owner: Labels
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
        seen = forward(torch, model, {last: layers[last]}, inputs, labels, maps, False)
        rows = seen.features[last]
        if rows.shape[1] > 1:
            return [f"The last layer, {last}, sees {rows.shape[1]} vectors for each sample: no NC4."]
        found.agree(rows[:, 0], array(seen.logits))
    return []


def _reg(regs: Any, name: str) -> float | None:
    if isinstance(regs, Mapping):
        return None if regs.get(name) is None else float(regs[name])
    return None if regs is None else float(regs)
