"""Training interrupted and resumed: one file that holds everything, replaced whole."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from optima.model import Array
from optima.train.descent import Descent, Track

FORMAT = "optima training 1"


def store(path: Path, command: dict[str, Any], descents: list[Descent]) -> None:
    """Write the state of every descent that has begun, so that a kill leaves either the old file or the new one."""
    arrays: dict[str, Array] = {}
    states = [_state(descent, f"{number}", arrays) for number, descent in enumerate(descents)]
    text = json.dumps({"format": FORMAT, "command": command, "states": states})
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(handle, "wb") as stream:
            np.savez(stream, allow_pickle=False, text=np.array(text), **arrays)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def restore(path: Path, command: dict[str, Any], fresh: Callable[[int], Descent]) -> list[Descent]:
    """The descents stored in a file, none where there is no file; ``fresh(k)`` makes the k-th, not begun.

    Raises ValueError when the file is not a checkpoint, or one of another command, and OSError when it cannot be read.
    """
    if not path.exists():
        return []
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        data = json.loads(str(arrays.pop("text")))
        if data["format"] != FORMAT:
            raise KeyError("format")
    except OSError:
        raise
    except Exception:
        # Whatever numpy, zipfile and json raise on a file that is something else.
        raise ValueError(f"{path} is not a training checkpoint; pass a new file, or one that training wrote") from None
    if data["command"] != command:
        changed = sorted(key for key in command if data["command"].get(key) != command[key])
        raise ValueError(
            f"{path} belongs to training with another {', '.join(changed) or 'command'}; "
            "pass another file, or repeat the command that wrote it"
        )
    return [_restored(fresh(k), state, f"{k}", arrays) for k, state in enumerate(data["states"])]


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
    descent.resume(state["active"], batch, velocity)
    descent.step, descent.checked = state["step"], state["checked"]
    descent.tracks = [_track(track, f"{prefix}/track/{i}", arrays) for i, track in enumerate(state["tracks"])]
    return descent


def _track(state: dict[str, Any], prefix: str, arrays: dict[str, Array]) -> Track:
    columns = {name: arrays[f"{prefix}/{name}"] for name in state["records"]}
    count = len(columns["step"]) if columns else 0
    records = [{name: column[row] for name, column in columns.items()} for row in range(count)]
    factors = [arrays[f"{prefix}/factors/{i}"] for i in range(state["factors"])]
    return Track(records, state["ending"], state["step"], factors)
