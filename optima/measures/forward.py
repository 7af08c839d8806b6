"""One forward pass of a torch module, and what its layers saw in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from optima.measures.reading import features, is_attention, outputs_of
from optima.model import Array


@dataclass
class Seen:
    """What a forward pass leaves, by the names of the layers in the order in which they acted.

    Features (b, times, d) that entered, and for each call what was given and what came out; and the logits.
    """

    features: dict[str, Array] = field(default_factory=dict)
    inputs: dict[str, list[Any]] = field(default_factory=dict)
    outputs: dict[str, list[Any]] = field(default_factory=dict)
    logits: Any = None


def forward(
    torch: Any,
    model: Any,
    layers: Mapping[str, Any],
    inputs: Any,
    labels: Any,
    maps: str,
    gradients: bool,
    kept: bool = False,
) -> Seen:
    """What the layers see; inputs and outputs are ``kept`` for the first batch, and where there are ``gradients``."""
    seen = Seen()
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


def link(torch: Any, seen: Seen, before: str, name: str) -> str:
    """How the input of a layer comes from the output of the one before, where both act once."""
    if len(seen.inputs[name]) != 1 or len(seen.outputs[before]) != 1:
        return ""
    given, output = seen.inputs[name][0], seen.outputs[before][0].detach()
    if given.shape != output.shape:
        return ""
    return "linear" if torch.equal(given, output) else "relu" if torch.equal(given, output.relu()) else ""


@contextmanager
def evaluating(model: Any) -> Iterator[None]:
    """Evaluation mode, and each part's own mode again afterwards."""
    modes = [(part, part.training) for part in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for part, mode in modes:
            part.training = mode
