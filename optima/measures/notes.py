"""What the measures of a module say in words: how its layers were read, and what could not be had."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from optima.measures.layer import LayerStream
from optima.measures.reading import is_attention, is_convolution, is_transposed

# Names of layers that a note lists.
LISTED = 4


def notes_of(torch: Any, named: Mapping[str, Any], streams: Mapping[str, LayerStream], maps: str) -> Iterator[str]:
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
            f"{listed(transposed)}: transposed, so that the matrix has a column for each input channel, and makes "
            "patches that are added."
        )
    if grouped := [name for name in convolutions if named[name].groups > 1]:
        yield (
            f"{listed(grouped)}: in groups, so that the matrix is block-diagonal; distance and bounds are of rank K, "
            "or K - 1, in every block, and r is the sum over blocks."
        )
    if attention:
        yield (
            f"{listed(attention)}: of attention the output is measured as features; its own matrices are not, so that "
            "there is no rank and no bound of them."
        )
    # What a parametrization keeps is the weight of a layer that is measured.
    inside = tuple(f"{name}." for name in (*attention, *(f"{name}.parametrizations".lstrip(".") for name in streams)))
    left = [name for name, part in named.items() if name not in (*streams, *attention) and _has_matrix(part)]
    if left := [name for name in left if not name.startswith(inside)]:
        yield f"{listed(left)}: not measured, being neither linear nor a convolution, or not called as a module."
    if wide := [name for name, stream in streams.items() if not stream.inputs.has_scatter]:
        yield (
            f"The features of {listed(wide)} are too wide for a covariance: no NC1 with the pseudo-inverse and no "
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
        yield f"The network computes in {listed(sorted(coarse))}: its numbers have two or three digits."


def _has_matrix(part: Any) -> bool:
    return any(each.ndim > 1 for each in part.parameters(recurse=False))


def _coarse(parameter: Any) -> bool:
    return bool(parameter.is_floating_point() and parameter.itemsize < 4)


def listed(names: list[str]) -> str:
    """The first names, and how many more."""
    more = len(names) - LISTED
    return ", ".join(name or "the module" for name in names[:LISTED]) + (f" and {more} more" if more > 0 else "")
