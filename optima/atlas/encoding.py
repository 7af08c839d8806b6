"""Factors and arrays as bytes of an atlas, and the checksums that tell when they were altered."""

from __future__ import annotations

import io
import zlib

import numpy as np

from optima.atlas.schema import UNKNOWN
from optima.model import Array, DeepUFM


def packed(arrays: dict[str, Array]) -> bytes | None:
    """Arrays as the bytes of an npz file, None where there are none."""
    if not arrays:
        return None
    stream = io.BytesIO()
    np.savez_compressed(stream, allow_pickle=False, **arrays)
    return stream.getvalue()


def as_bytes(array: Array) -> bytes:
    """The numbers of an array as they are stored."""
    return np.ascontiguousarray(array, dtype="<f8").tobytes()


def factor_bytes(factors: Array | tuple[Array, ...]) -> bytes:
    """Factors as they are stored: those of a network after its widths d_1, ..., d_L, one after another."""
    if isinstance(factors, np.ndarray):
        return as_bytes(factors)
    widths = np.array([factors[0].shape[1], *map(len, factors[:-2])], dtype=float)
    return as_bytes(np.concatenate([widths, *(factor.ravel() for factor in factors)]))


def read_factors(problem: DeepUFM, rank: int, blob: bytes) -> Array | tuple[Array, ...]:
    """The factors that :func:`factor_bytes` wrote. Raises ValueError for other bytes."""
    numbers = np.frombuffer(blob, dtype="<f8").astype(float)
    if not problem.nonlinear:
        return numbers.reshape(2, problem.classes, rank)
    widths, numbers = numbers[: problem.depth].tolist(), numbers[problem.depth :]
    if not all(1 <= width <= numbers.size and width == int(width) for width in widths):
        raise ValueError("its widths are no numbers of neurons")
    sizes = [*map(int, widths)]
    shapes = [*zip([*sizes[1:], problem.classes], sizes, strict=True), (sizes[0], problem.classes)]
    ends = np.cumsum([rows * columns for rows, columns in shapes])
    if ends[-1] != numbers.size:
        raise ValueError("its factors have other widths")
    parts = np.split(numbers, ends[:-1])
    return tuple(part.reshape(shape) for part, shape in zip(parts, shapes, strict=True))


def checksum(*parts: str | bytes) -> int:
    """CRC-32 of texts and bytes one after another."""
    return zlib.crc32(b"\0".join(part.encode() if isinstance(part, str) else part for part in parts))


def check_crc(crc: int | None, *parts: str | bytes) -> None:
    """Raise ValueError unless a checksum, where there is one, is that of the parts."""
    if crc not in (None, UNKNOWN, checksum(*parts)):
        raise ValueError("its checksum is another")
