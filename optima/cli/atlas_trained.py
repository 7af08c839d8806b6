"""Runs of gradient descent in an atlas, for ``optima atlas show --trained`` and ``export --trained``."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from optima.cli.terminal import show
from optima.model import DeepUFM
from optima.report.fit_width import columns_of
from optima.tables.export import open_sink, short

# Classes, depths and the ends of a range of lambda; None is all.
Axes = tuple[Sequence[int] | None, Sequence[int] | None, tuple[float, float] | None]
COLUMNS = columns_of("K L reg n d lr:5 steps:4 runs:1 settled:3 diverged:3 <ended_at <best_minimum_known:2")
# Class sizes are written out up to this many classes.
FEW = 5


def show_trained(path: Path, place: Axes, rows: int, as_json: bool) -> None:
    """One line for each problem and setting of the hyperparameters: how many runs ended at which structure."""
    from optima.atlas import Runs, Store

    with Store(path) as atlas:
        groups = groupby(Runs(atlas).all(*place), key=lambda run: (run.problem, run.hyperparameters))
        found = [(*key, list(runs)) for key, runs in groups]
    if as_json:
        print(json.dumps({"trained": [_as_dict(*each) for each in found]}, allow_nan=False))
        return
    shown = []
    with Store(path) as atlas:
        for problem, settings, runs in found[:rows]:
            minimum = atlas.get(problem)
            head = [str(problem.classes), str(problem.depth), shown_reg(problem), shown_sizes(problem)]
            numbers = [str(problem.width), f"{settings.lr:g}", str(settings.steps), str(len(runs))]
            endings = [str(sum(run.ending == ending for run in runs)) for ending in ("converged", "diverged")]
            ends = ", ".join(f"{name} {share.count}" for name, share in _shares(runs, settings.polish).items())
            shown.append([*head, *numbers, *endings, ends, "" if minimum is None else minimum.structure])
    show(COLUMNS, shown, str(path))
    if len(found) > rows:
        print(f"... {len(found) - rows} more; pass --rows N to see more")
    print(f"{sum(len(runs) for _, _, runs in found)} runs of {len(found)} problems and settings")


def _shares(runs: Sequence[Any], polished: bool) -> dict[str, Any]:
    from optima.training.compare import shares

    return shares(run.end(polished)[0] for run in runs)


def _as_dict(problem: DeepUFM, settings: Any, runs: Sequence[Any]) -> dict[str, Any]:
    from optima.model.key import problem_dict

    counts = lambda polished: {name: share.as_dict() for name, share in _shares(runs, polished).items()}
    return {
        "problem": problem_dict(problem),
        "hyperparameters": dataclasses.asdict(settings),
        "seeds": [run.seed for run in runs],
        "structures": counts(False),
        "polished_structures": counts(True) if settings.polish else {},
        "converged": sum(run.ending == "converged" for run in runs),
        "diverged": sum(run.diverged for run in runs),
    }


def export_trained(path: Path, place: Axes, out: Path | None, form: str, force: bool) -> None:
    """One row for each run."""
    from optima.atlas import Runs, Store
    from optima.atlas.export import RUNS

    with Store(path) as atlas, open_sink(out, form, RUNS.schema, sys.stdout.buffer, force) as sink:
        for batch in RUNS.batches(Runs(atlas).all(*place)):
            sink.write(batch)
    print(f"{sink.count} runs written", file=sys.stderr)


def shown_sizes(problem: DeepUFM) -> str:
    """Samples per class, of many classes the largest and the smallest."""
    if not isinstance(problem.samples, tuple):
        return str(problem.samples)
    sizes = problem.samples
    return ",".join(map(str, sizes)) if len(sizes) <= FEW else f"{max(sizes)}..{min(sizes)}"


def shown_reg(problem: DeepUFM) -> str:
    """The regularisation, unless there are several."""
    return short(problem.reg) if isinstance(problem.reg, float) else "several"
