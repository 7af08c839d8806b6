"""Arrays from files that others wrote: npz, npy, csv, pt and safetensors. Nothing in them is executed."""

from __future__ import annotations

import io
import os
import pickle
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from optima.files import MOST_BYTES, opened, read_arrays
from optima.network.factors import factors_of
from optima.network.layout import as_array
from optima.network.text import read_text

# What arrays are called in files, the first that is there is taken.
NAMES = {
    "logits": ("logits", "outputs", "output", "scores", "means", "class_means", "mean_logits", "M", "Z"),
    "labels": ("labels", "label", "targets", "target", "classes", "class", "y"),
    "features": ("features", "feature", "embeddings", "penultimate", "H"),
    "weights": ("weights", "weight", "classifier", "fc.weight", "W"),
}
# The name of the only array of a file that gives no names.
ONLY = ""


def read_network(path: str | Path, array: str | None = None) -> dict[str, Any]:
    """The arrays ``logits``, ``labels``, ``features``, ``weights`` and ``factors`` of a file, as far as it has them.

    Of several arrays each is known by its usual names (``NAMES``); ``array`` names the one with the logits. An only
    array is taken for the logits. A solution of ``Solution.save`` gives its class-mean logits, and of relu its factors:
    [W_1, ..., W_L, H], as :func:`optima.network.factors.factors_of` finds them.

    Raises FileNotFoundError, and ValueError where the file is of no known kind, damaged, or has no such array.
    """
    arrays = read_file(path)
    found = {kind: _first(arrays, names) for kind, names in NAMES.items()}
    found["factors"] = factors_of(arrays)
    if found["factors"] is None or found["logits"] is not None or array is not None:
        found["logits"] = _logits(arrays, found["logits"], array, str(path))
    return {kind: value for kind, value in found.items() if value is not None}


def read_labels(path: str | Path) -> Any:
    """The labels of a file: its only array, or the one with a usual name. Raises as :func:`read_network`."""
    arrays = read_file(path)
    found = _first(arrays, (ONLY, *NAMES["labels"]))
    if found is None and len(arrays) == 1:
        (found,) = arrays.values()
    if found is None:
        raise ValueError(f"{path} has the arrays {_listed(arrays)}; call the one with the labels 'labels'")
    return found


def read_file(path: str | Path) -> dict[str, Any]:
    """All arrays of a file by name; an only one without a name has the name ``""``. Raises as :func:`read_network`."""
    kind = Path(path).suffix.lower()
    reader = READERS.get(kind)
    if reader is None:
        raise ValueError(f"{path} has the ending {kind!r}; pass a file that ends in one of {', '.join(READERS)}")
    with opened(path) as stream:
        if os.fstat(stream.fileno()).st_size > MOST_BYTES:
            raise ValueError(f"{path} is larger than {MOST_BYTES >> 30} GiB; pass class means or fewer samples")
        content = stream.read()
    try:
        arrays = reader(content)
    except ModuleNotFoundError as error:
        extra = "torch" if kind in (".pt", ".pth") else "networks"
        raise ValueError(
            f"{path} needs {error.name}, which is not installed; run pip install 'optima-ufm[{extra}]', or pass npz"
        ) from None
    except Exception as error:
        # Whatever the libraries raise on a file that is something else.
        why = " ".join(str(error).split()) or type(error).__name__
        raise ValueError(f"{path} cannot be read as {kind[1:]}: {why[:200]}") from None
    if not arrays:
        raise ValueError(f"{path} has no arrays; pass a file with the logits of a network")
    return arrays


def _npz(content: bytes) -> dict[str, Any]:
    arrays = read_arrays(io.BytesIO(content))
    if "text" in arrays and arrays.get("means", np.empty(0)).ndim == 3:
        # A saved solution: the first of its class-mean logits are those of the best minimum.
        factors = {name: array for name, array in arrays.items() if name.startswith("factor_")}
        return {"means": arrays["means"][0], **factors}
    return arrays


def _torch(content: bytes) -> dict[str, Any]:
    import torch

    try:
        with warnings.catch_warnings():
            # What the library says of old formats.
            warnings.simplefilter("ignore")
            value = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise ValueError(
            "it is damaged or holds more than tensors; save it with torch.save({'logits': z, 'labels': y}, FILE)"
        ) from None
    return _tensors(value, ONLY)


def _tensors(value: Any, name: str) -> dict[str, Any]:
    """The tensors of nested dictionaries and lists, by the names on the way joined with dots."""
    if hasattr(value, "detach"):
        return {name: as_array(name, value)}
    if isinstance(value, dict):
        parts = [_tensors(each, f"{name}.{key}" if name else str(key)) for key, each in value.items()]
    elif isinstance(value, (list, tuple)) and any(hasattr(each, "detach") for each in value):
        parts = [_tensors(each, f"{name}.{i}" if name else str(i)) for i, each in enumerate(value)]
    else:
        parts = []
    return {key: array for part in parts for key, array in part.items()}


def _safetensors(content: bytes) -> dict[str, Any]:
    import safetensors.numpy

    return dict(safetensors.numpy.load(content))


READERS: dict[str, Callable[[bytes], dict[str, Any]]] = {
    ".npz": _npz,
    ".npy": lambda content: {ONLY: np.load(io.BytesIO(content), allow_pickle=False)},
    ".csv": read_text,
    ".tsv": read_text,
    ".txt": read_text,
    ".pt": _torch,
    ".pth": _torch,
    ".safetensors": _safetensors,
}


def _logits(arrays: dict[str, Any], usual: Any, array: str | None, path: str) -> Any:
    if array is not None:
        if array not in arrays:
            raise ValueError(f"{path} has no array {array!r}; pass one of {_listed(arrays)}")
        return arrays[array]
    if usual is not None:
        return usual
    known = {name for names in NAMES.values() for name in names}
    rest = [value for name, value in arrays.items() if name not in known]
    if len(rest) == 1:
        return rest[0]
    if _first(arrays, NAMES["features"]) is not None and _first(arrays, NAMES["weights"]) is not None:
        return None
    raise ValueError(f"{path} has the arrays {_listed(arrays)}; pass --array with the name of the logits")


def _first(arrays: dict[str, Any], names: Sequence[str]) -> Any:
    return next((arrays[name] for name in names if name in arrays), None)


def _listed(arrays: dict[str, Any]) -> str:
    names = [repr(name) for name in arrays]
    return ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")
