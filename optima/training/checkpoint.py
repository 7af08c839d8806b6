"""Training interrupted and resumed: one file that holds everything, replaced whole."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from optima.files import is_special, opened, parse_json, read_arrays, whole
from optima.model import Array
from optima.training.descent import Descent, Track

FORMAT = "optima training 1"


def store(path: Path, command: dict[str, Any], descents: list[Descent]) -> None:
    """Write the state of every descent that has begun, so that a kill leaves either the old file or the new one."""
    arrays: dict[str, Array] = {}
    states = [_state(descent, f"{number}", arrays) for number, descent in enumerate(descents)]
    text = json.dumps({"format": FORMAT, "command": command, "states": states})
    with whole(path) as stream:
        np.savez(stream, allow_pickle=False, text=np.array(text), **arrays)


def restore(path: Path, command: dict[str, Any], fresh: Callable[[int], Descent]) -> list[Descent]:
    """The descents stored in a file, none where there is no file; ``fresh(k)`` makes the k-th, not begun.

    Raises ValueError when the file is not a checkpoint, cannot be read, or is one of another command.
    """
    if not os.path.exists(path) or is_special(path):
        return []
    foreign = ValueError(f"{path} is not a training checkpoint; pass a new file, or one that training wrote")
    try:
        with opened(path) as stream:
            arrays = read_arrays(stream)
        data = parse_json(str(arrays.pop("text")))
        written, states = dict(data["command"]), enumerate(data["states"])
        if data["format"] != FORMAT:
            raise foreign
        if written == command:
            return [_restored(fresh(k), state, f"{k}", arrays) for k, state in states]
    except (AttributeError, LookupError, TypeError, ValueError):
        raise foreign from None
    changed = sorted(key for key in command if written.get(key) != command[key])
    raise ValueError(
        f"{path} belongs to training with another {', '.join(changed) or 'command'}; pass another file, or repeat the "
        "command that wrote it"
    )


def _state(descent: Descent, prefix: str, arrays: dict[str, Array]) -> dict[str, Any]:
    """The numbers of a descent for JSON; its arrays go into ``arrays`` under names that begin with ``prefix``."""
    get = descent.backend.get
    for kind, batch in (("batch", descent.batch), ("velocity", descent.velocity)):
        arrays |= {f"{prefix}/{kind}/{i}": get(array) for i, array in enumerate(batch)}
    tracks = [_track_state(track, f"{prefix}/track/{i}", arrays) for i, track in enumerate(descent.tracks)]
    sizes = {"batch": len(descent.batch), "velocity": len(descent.velocity)}
    return {"step": descent.step, "checked": descent.checked, "active": descent.active, "tracks": tracks} | sizes


def _track_state(track: Track, prefix: str, arrays: dict[str, Array]) -> dict[str, Any]:
    arrays |= {f"{prefix}/factors/{i}": factor for i, factor in enumerate(track.factors)}
    names = list(track.records[0]) if track.records else []
    arrays |= {f"{prefix}/{name}": np.stack([seen[name] for seen in track.records]) for name in names}
    return {"ending": track.ending, "step": track.step, "factors": len(track.factors), "records": names}


def _restored(descent: Descent, state: dict[str, Any], prefix: str, arrays: dict[str, Array]) -> Descent:
    put = descent.backend.put
    batch, velocity = ([put(arrays[f"{prefix}/{k}/{i}"]) for i in range(state[k])] for k in ("batch", "velocity"))
    active = state["active"]
    rows = [range(len(descent.trials))[trial] for trial in active]
    whole_numbers = all(isinstance(state[name], int) and state[name] >= -1 for name in ("step", "checked"))
    if len(state["tracks"]) != len(descent.trials) or len(set(rows)) < len(rows) or not whole_numbers:
        raise ValueError("a state of other runs")
    if any(array.ndim != 3 or len(array) != len(rows) for array in (*batch, *velocity)):
        raise ValueError("factors of other runs")
    descent.resume(active, batch, velocity)
    descent.step, descent.checked = state["step"], state["checked"]
    descent.tracks = [_track(track, f"{prefix}/track/{i}", arrays) for i, track in enumerate(state["tracks"])]
    return descent


def _track(state: dict[str, Any], prefix: str, arrays: dict[str, Array]) -> Track:
    columns = {name: arrays[f"{prefix}/{name}"] for name in state["records"]}
    count = len(columns["step"]) if columns else 0
    records = [{name: column[row] for name, column in columns.items()} for row in range(count)]
    factors = [arrays[f"{prefix}/factors/{i}"] for i in range(state["factors"])]
    if any(factor.ndim != 2 or factor.dtype.kind != "f" for factor in factors):
        raise ValueError("factors that are none")
    return Track(records, state["ending"], state["step"], factors)
