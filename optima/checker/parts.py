"""Certificates within a certificate: what belongs to the i-th has the ending _i."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from optima.model import Array


def parts_of(data: dict[str, Array]) -> Iterator[dict[str, Array]]:
    """The data of each part under its own names, up to the first number that nothing has."""
    for i in itertools.count():
        part = {name.removesuffix(f"_{i}"): array for name, array in data.items() if name.endswith(f"_{i}")}
        if not part:
            return
        yield part
