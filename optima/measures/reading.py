"""How torch layers are read: the matrix of each, the features that enter, and the vectors that the matrix multiplies.

A convolution has as its matrix W (out, in k_1 k_2 ...), which multiplies patches of what enters; a transposed one has
W (out k_1 k_2 ..., in), which makes patches that overlap and are added. In groups they are block-diagonal. Feature maps
become vectors by their mean over all positions, or by all their entries.
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
    transposed = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
    return isinstance(part, (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d, *transposed))


def is_attention(torch: Any, part: Any) -> bool:
    """Whether it is the attention of torch, whose matrices act in one call that no hook sees."""
    return isinstance(part, torch.nn.MultiheadAttention)


def outputs_of(part: Any, output: tuple[Any, Any]) -> Any:
    """What attention returns, samples first: (b, tokens, d)."""
    found = output[0].detach()
    return found if part.batch_first else found.transpose(0, 1)


def is_convolution(part: Any) -> bool:
    """Whether its weight has a kernel."""
    return bool(part.weight.ndim > 2)


def is_transposed(part: Any) -> bool:
    """Whether it is a transposed convolution."""
    return is_convolution(part) and bool(part.transposed)


def blocks(part: Any) -> list[Array]:
    """The blocks on the diagonal of W, one for each group: (out / g, in / g k_1 k_2 ...), and transposed its like."""
    groups = np.split(array(part.weight), part.groups if is_convolution(part) else 1)
    flat = [group.reshape(len(group), -1) for group in groups]
    return [each.T for each in flat] if is_transposed(part) else flat


def features(part: Any, given: Any, count: int, maps: str) -> Array:
    """The vectors of each sample that enter a layer, or leave attention, shape (count, times, d)."""
    if not hasattr(part, "weight") or not is_convolution(part):
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
    low, high = (pull, given) if is_transposed(part) else (given, pull)
    positions = times * int(np.prod(high.shape[2:]))
    step = max(1, ROOM // (positions * (low.shape[1] * int(np.prod(part.kernel_size)) + high.shape[1])))
    for start in range(0, count, step):
        chosen = slice(start, min(start + step, count))
        images = slice(times * chosen.start, times * chosen.stop)
        size = chosen.stop - chosen.start
        patched, flat = patches(torch, part, low[images], high.shape[2:]), high[images].flatten(2).transpose(1, 2)
        rows, own = (flat, patched) if is_transposed(part) else (patched, flat)
        yield array(rows.reshape(size, positions, -1)), array(own.reshape(size, positions, -1)), chosen


def patches(torch: Any, part: Any, given: Any, places: Any) -> Any:
    """What a kernel sees of maps at each of so many places along each axis, shape (b, positions, channels k_1 ...)."""
    mode = "constant" if part.padding_mode == "zeros" else part.padding_mode
    # Sides of padding as torch.nn.functional.pad takes them: last axis first.
    sides = [each for pair in reversed(_padding(part)) for each in pair]
    found = torch.nn.functional.pad(given, sides, mode=mode)
    axes = len(part.kernel_size)
    for axis, (size, step, gap) in enumerate(zip(part.kernel_size, part.stride, part.dilation, strict=True)):
        # The output of a transposed convolution may have more at its end than a kernel makes.
        found = found.unfold(2 + axis, (size - 1) * gap + 1, step)[..., ::gap].narrow(2 + axis, 0, places[axis])
    # (b, channels, o_1, o_2, ..., k_1, k_2, ...) with the positions before the channels.
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
