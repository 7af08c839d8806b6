"""Array libraries that the trainer runs on, all through the array API standard."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optima.extras import needed
from optima.model.inputs import one_of

Array = NDArray[np.float64]


def numerical_rank(singular: Array, tolerance: float | Array) -> int:
    """Number of singular values (descending) above ``tolerance``, one or one for each, times the largest."""
    return int(np.sum(singular > tolerance * singular[0])) if singular.size and singular[0] > 0 else 0


# The module that speaks the standard for each library; torch and cupy need a thin layer to do so.
MODULES = {
    "numpy": "numpy",
    "torch": "array_api_compat.torch",
    "cupy": "array_api_compat.cupy",
    "jax": "jax.numpy",
    "array_api_strict": "array_api_strict",
}
# The extras that install them, where there is one.
EXTRAS = {"torch": "torch", "array_api_strict": "test"}


@dataclass(frozen=True)
class Backend:
    """An array library and the device its arrays live on; None is the library's own choice.

    Raises ValueError for a library that is unknown or not installed, and for a device of one that has none.
    """

    name: str = "numpy"
    device: str | None = None

    def __post_init__(self) -> None:
        one_of("backend", self.name, tuple(MODULES))
        if self.device is not None and self.name in ("numpy", "array_api_strict"):
            raise ValueError(f"device is {self.device!r} but {self.name} has no devices; pass backend='torch' or none")
        needed(self.name, EXTRAS.get(self.name), ", or pass backend='numpy'")
        needed(MODULES[self.name])

    @cached_property
    def xp(self) -> Any:
        """The namespace of the array API standard."""
        if self.name == "jax":
            importlib.import_module("jax").config.update("jax_enable_x64", True)
        return importlib.import_module(MODULES[self.name])

    def put(self, array: Array) -> Any:
        """A float64 array of this library with the values of a numpy array, and its own memory."""
        values = np.array(array, dtype=np.float64)
        device = self.device
        if device is None:
            return self.xp.asarray(values)
        if self.name == "jax":
            kind, _, index = device.partition(":")
            return self.xp.asarray(values, device=importlib.import_module("jax").devices(kind)[int(index or 0)])
        return self.xp.asarray(values, device=device)

    def take(self, array: Any, rows: list[int]) -> Any:
        """The rows of a batch, as an array of its own."""
        return self.xp.stack([array[row, ...] for row in rows])

    def get(self, array: Any) -> Array:
        """A numpy array with the values of one of this library, and its own memory."""
        if self.name == "torch":
            array = array.cpu().numpy()
        if self.name == "cupy":
            array = array.get()
        return np.array(array, dtype=np.float64)
