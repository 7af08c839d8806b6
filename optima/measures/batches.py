"""Inputs and labels as the loaders of users give them, batch by batch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

# Samples in a batch where a pair of tensors is given.
BATCH = 256
PAIRS = "pass a DataLoader, or a list, of batches (x, y) or of mappings with 'labels'"


def pairs(torch: Any, data: Any, model: Any) -> Iterator[tuple[Any, Any]]:
    """Inputs and labels of each batch, on the device of the model and in its precision.

    A batch is a pair, more parts of which are left out, or a mapping with ``labels``. Labels are whole numbers (b,) or
    one-hot rows (b, K). Raises ValueError on anything else.
    """
    first = next(model.parameters())
    dtype = first.dtype if first.is_floating_point() else None

    def placed(value: Any) -> Any:
        if not hasattr(value, "to"):
            return value
        # No gradient passes by tensors that were made in inference mode.
        value = value.clone() if value.is_inference() else value
        return value.to(first.device, dtype) if value.is_floating_point() else value.to(first.device)

    for batch in _batches(torch, data):
        inputs, labels = _parts(batch)
        inputs = {name: placed(value) for name, value in inputs.items()} if isinstance(inputs, dict) else placed(inputs)
        labels = placed(_numbers(torch.as_tensor(labels)))
        if not isinstance(inputs, dict) and hasattr(inputs, "__len__") and len(inputs) != len(labels):
            raise ValueError(f"a batch has {len(inputs)} inputs and {len(labels)} labels; pass a label for each input")
        if len(labels):
            yield inputs, labels


def _batches(torch: Any, data: Any) -> Any:
    pair = isinstance(data, (tuple, list)) and len(data) == 2 and all(hasattr(each, "shape") for each in data)
    if not pair:
        if not hasattr(data, "__iter__") and not hasattr(data, "__getitem__"):
            raise ValueError(f"the data are a {type(data).__name__}; {PAIRS}")
        return data
    x, y = (torch.as_tensor(each) for each in data)
    if len(x) != len(y):
        raise ValueError(f"there are {len(x)} inputs and {len(y)} labels; pass a label for each input")
    return [(x[i : i + BATCH], y[i : i + BATCH]) for i in range(0, len(x), BATCH)]


def _parts(batch: Any) -> tuple[Any, Any]:
    if isinstance(batch, Mapping):
        if "labels" not in batch:
            raise ValueError(f"a batch has the parts {', '.join(map(str, batch))}; name the classes 'labels'")
        return {name: value for name, value in batch.items() if name != "labels"}, batch["labels"]
    if not isinstance(batch, (tuple, list)) or len(batch) < 2:
        raise ValueError(f"a batch is a {type(batch).__name__}, without labels; {PAIRS}")
    if getattr(batch[1], "ndim", 0) == 0:
        raise ValueError("the data give one sample at a time; pass torch.utils.data.DataLoader(data, batch_size=256)")
    return batch[0], batch[1]


def _numbers(labels: Any) -> Any:
    """Classes (b,) as integers."""
    if labels.ndim == 2 and labels.shape[1] > 1:
        if not bool(((labels == 0) | (labels == 1)).all() and (labels.sum(dim=1) == 1).all()):
            raise ValueError(
                f"labels have shape {tuple(labels.shape)} and are not one-hot; pass the class of each sample"
            )
        return labels.argmax(dim=1)
    if labels.ndim != 1 or labels.is_floating_point() or labels.is_complex():
        kind = str(labels.dtype).removeprefix("torch.")
        advice = "y.squeeze(1)" if labels.ndim == 2 else "y.long()" if labels.ndim == 1 else "one for each sample"
        raise ValueError(
            f"labels have shape {tuple(labels.shape)} and type {kind}; pass the class of each sample as an integer, "
            f"{advice}"
        )
    return labels.long()
