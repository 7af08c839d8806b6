"""Which claims are meant: names, groups, a user's file, or a counterexample."""

from __future__ import annotations

import dataclasses
import os
import runpy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from optima.claims.claim import REGISTRY, Axes, Claim
from optima.claims.run import read_counterexample
from optima.model.inputs import did_you_mean, shown

# Names of files up to the longest that systems have are said in full.
LONGEST_PATH = 4096


def claims_of(targets: Sequence[str], run_claims: bool = False) -> tuple[list[Claim], Axes]:
    """The claims that targets name, and the axes that counterexamples among them prescribe.

    A target is the name of a claim, its last part where one claim has it (``theorem1``), the first part of several
    names (``garrod2025``), a Python file with claims, or a counterexample file. No target means all claims of the
    library. A Python file that a counterexample names is run only with ``run_claims``: a file of data is no reason to
    trust it.

    Raises ValueError for an unknown name and for a file that cannot be used.
    """
    library()
    if not targets:
        return [REGISTRY[name] for name in sorted(REGISTRY)], {}
    chosen: dict[str, Claim] = {}
    axes: dict[str, Sequence[Any]] = {}
    for target in targets:
        if target.endswith(".json"):
            found, prescribed = _of_counterexample(Path(target), run_claims)
            axes |= prescribed
        else:
            found = _of_target(target)
        chosen |= {made.name: made for made in found}
    return list(chosen.values()), axes


def library() -> dict[str, Claim]:
    """All claims of the library by name."""
    from optima.claims import (  # noqa: F401
        garrod2025,
        garrod2026depth,
        garrod2026spectra,
        model,
        networks,
        sukenik2024,
        zangrando2025,
    )

    return dict(REGISTRY)


def read_file(path: Path) -> list[Claim]:
    """The claims that a Python file defines. Raises ValueError when it has none or cannot be run."""
    if not path.is_file():
        raise ValueError(f"{path} does not exist; pass a Python file with claims, or the name of a claim")
    before = dict(REGISTRY)
    try:
        runpy.run_path(str(path))
    except Exception as error:
        raise ValueError(f"{path} cannot be run ({type(error).__name__}: {error}); pass a file that runs") from error
    finally:
        found = [made for name, made in REGISTRY.items() if name not in before]
        REGISTRY.clear()
        REGISTRY.update(before)
    if not found:
        raise ValueError(f"{path} defines no claim; decorate a check with optima.claims.claim")
    return [dataclasses.replace(made, file=path) for made in found]


def _of_target(target: str) -> list[Claim]:
    if target.endswith(".py"):
        return read_file(Path(target))
    found = [made for name, made in sorted(REGISTRY.items()) if name == target or name.startswith(f"{target}.")]
    found = found or _by_last_part(target)
    if not found:
        groups = {name.partition(".")[0] for name in REGISTRY}
        known = [*REGISTRY, *groups, *map(_last_part, REGISTRY)]
        hint = did_you_mean(target, known, "pass a name from optima check --list")
        raise ValueError(f"there is no claim {target!r}; {hint}")
    return found


def _by_last_part(target: str) -> list[Claim]:
    """The claim with that name in its group (``theorem1``). Raises ValueError when several groups have one."""
    found = [name for name in sorted(REGISTRY) if _last_part(name) == target]
    if len(found) > 1:
        raise ValueError(f"there are several claims {target!r}; pass one of {', '.join(found)}")
    return [REGISTRY[name] for name in found]


def _last_part(name: str) -> str:
    return name.partition(".")[2]


def _of_counterexample(path: Path, run_claims: bool) -> tuple[list[Claim], Axes]:
    data = read_counterexample(path)
    name, file = data["claim"], data.get("file")
    words = repr(file) if len(str(file)) <= LONGEST_PATH else shown(file)
    if file and not run_claims:
        raise ValueError(f"{path} is about a claim of the Python file {words}; pass --run-claims to run that file")
    # Not Path.is_file, which raises where a name is too long for the system.
    if file and not os.path.isfile(file):
        raise ValueError(f"{path} is about a claim of the Python file {words}, which is not there")
    made = {each.name: each for each in read_file(Path(file))} if file else REGISTRY
    if name not in made:
        raise ValueError(f"{path} is about the claim {shown(name)}, which is not there; pass another counterexample")
    _check_axes(path, made[name], data["axes"])
    return [made[name]], data["axes"]


def _check_axes(path: Path, made: Claim, axes: Axes) -> None:
    """Raise ValueError where an axis of the claim gets values of another kind than its own."""
    for name, values in axes.items():
        kinds = {_kind(value) for value in made.axes.get(name, ())}
        for value in values:
            if kinds and _kind(value) not in kinds | ({int} if float in kinds else set()):
                raise ValueError(f"{path} has {shown(value)} on the axis {name}; pass a file written by optima check")


def _kind(value: object) -> type:
    return next((kind for kind in (bool, str, int, float) if isinstance(value, kind)), object)
