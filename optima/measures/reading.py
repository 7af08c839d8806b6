"""How torch layers are read: the matrix of each, the features that enter, and the vectors that the matrix multiplies.

A convolution has as its matrix W (out, in k_1 k_2 ...), which multiplies patches. Feature maps become vectors by their
mean over all positions, or by all their entries.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from optima.model import Array

# Numbers of the patches that are in memory at once.
ROOM = 2**24
MAPS = ("mean", "flat")


def is_measured(torch: Any, part: Any) -> bool:
    """Whether a module is linear or a convolution, whose matrix is measured."""
    nn = torch.nn
    return isinstance(part, (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d))


def is_convolution(part: Any) -> bool:
    """Whether its weight has a kernel."""
    return bool(part.weight.ndim > 2)


def in_groups(part: Any) -> bool:
    """Whether the rows of the matrix see different channels: then no one product W x stands behind it."""
    return is_convolution(part) and part.groups > 1


def matrix(part: Any) -> Array:
    """W, a row for each output."""
    return array(part.weight.reshape(len(part.weight), -1))


def features(part: Any, given: Any, count: int, maps: str) -> Array:
    """The vectors of each sample that enter a layer, shape (count, times, d)."""
    if not is_convolution(part):
        return array(given.reshape(count, -1, given.shape[-1]))
    flat = given.reshape(count, -1, *given.shape[-part.weight.ndim + 1 :])
    if maps == "mean":
        return array(flat.flatten(3).double().mean(dim=3))
    return array(flat.flatten(2))


def products(torch: Any, part: Any, given: Any, pull: Any, count: int) -> Iterator[tuple[Array, Array, slice]]:
    """The vectors (b, times, d) that the matrix multiplies, the gradients there (b, times, m), and of which samples."""
    if not is_convolution(part):
        rows, own = (array(each.reshape(count, -1, each.shape[-1])) for each in (given, pull))
        yield rows, own, slice(count)
        return
    times = len(given) // count
    positions = times * int(np.prod(pull.shape[-part.weight.ndim + 2 :]))
    step = max(1, ROOM // (positions * (part.weight[0].numel() + len(part.weight))))
    for start in range(0, count, step):
        chosen = slice(start, min(start + step, count))
        images = slice(times * chosen.start, times * chosen.stop)
        size = chosen.stop - chosen.start
        rows, own = patches(torch, part, given[images]), pull[images].flatten(2).transpose(1, 2)
        yield array(rows.reshape(size, positions, -1)), array(own.reshape(size, positions, -1)), chosen


def patches(torch: Any, part: Any, given: Any) -> Any:
    """What each output position of a convolution sees, shape (b, positions, in k_1 k_2 ...)."""
    mode = "constant" if part.padding_mode == "zeros" else part.padding_mode
    # Sides of padding as torch.nn.functional.pad takes them: last axis first.
    sides = [each for pair in reversed(_padding(part)) for each in pair]
    found = torch.nn.functional.pad(given, sides, mode=mode)
    axes = len(part.kernel_size)
    for axis, (size, step, gap) in enumerate(zip(part.kernel_size, part.stride, part.dilation, strict=True)):
        found = found.unfold(2 + axis, (size - 1) * gap + 1, step)[..., ::gap]
    # (b, in, o_1, o_2, ..., k_1, k_2, ...) with the positions before the channels.
    order = [0, *range(2, 2 + axes), 1, *range(2 + axes, 2 + 2 * axes)]
    found = found.permute(order)
    return found.reshape(len(found), int(np.prod(found.shape[1 : 1 + axes])), -1)


def _padding(part: Any) -> list[tuple[int, int]]:
    """Before and after, for each axis."""
    if part.padding == "valid":
        return [(0, 0)] * len(part.kernel_size)
    if part.padding == "same":
        # An odd total has one more after.
        totals = [gap * (size - 1) for size, gap in zip(part.kernel_size, part.dilation, strict=True)]
        return [(total // 2, total - total // 2) for total in totals]
    return [(each, each) for each in part.padding]


def array(tensor: Any) -> Array:
    """In double precision, and a copy: what is changed in place later does not change it."""
    return np.array(tensor.detach().cpu().double().numpy())
