"""Runs of gradient descent in an atlas file, beside its minima."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from optima.atlas.encoding import as_bytes, check_crc, checksum
from optima.atlas.schema import RUN, place_conditions
from optima.atlas.store import Store
from optima.atlas.trained import Hyperparameters, Trained, trainable
from optima.model import DeepUFM
from optima.model.foreign import check_fields
from optima.model.key import problem_of, problem_text
from optima.reduction import mean_reg

# The fields of a run that are columns as they are.
_FIELDS = (
    *("seed", "ending", "steps", "loss", "gradient", "structure", "rank"),
    *("polished_loss", "polished_structure", "polished_rank", "verdict"),
)
_RUN = f"""
    SELECT problem, hyperparameters, {", ".join(_FIELDS)}, means, version, ledger.crc
    FROM run JOIN training ON training.id = run.training
        LEFT JOIN ledger ON ledger.kind = 2 AND ledger.key = training.id || '/' || seed
"""


class Runs:
    """The runs that an open atlas file holds, one for each problem, setting of the hyperparameters and seed.

    A stored run is never replaced: the same run again ends at the same numbers.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def put(self, runs: Iterable[Trained]) -> None:
        """Store the runs, all or none of them; on the disk when this returns."""
        with self._store.transaction():
            for run in runs:
                self._put(run)

    def _put(self, run: Trained) -> None:
        means = None if run.means is None else as_bytes(run.means)
        training = self._training(run)
        values = {name: getattr(run, name) for name in (*_FIELDS, "version")} | {"training": training, "means": means}
        places = ",".join(f":{name}" for name in values)
        kept = self._store.execute(f"INSERT OR IGNORE INTO run ({','.join(values)}) VALUES ({places})", values)
        if kept.rowcount:
            self._store.note(RUN, f"{training}/{run.seed}", checksum(run.structure, means or b""))

    def _training(self, run: Trained) -> int:
        key = (problem_text(trainable(run.problem)), run.hyperparameters.text)
        place = (run.problem.classes, run.problem.depth, mean_reg(run.problem), run.problem.width)
        names = "problem, hyperparameters, classes, depth, reg, width"
        self._store.execute(f"INSERT OR IGNORE INTO training ({names}) VALUES (?, ?, ?, ?, ?, ?)", (*key, *place))
        query = "SELECT id FROM training WHERE problem = ? AND hyperparameters = ?"
        return int(self._store.execute(query, key).fetchone()[0])

    def __len__(self) -> int:
        return self._store.count("run")

    def seeds(self, problem: DeepUFM, hyperparameters: Hyperparameters) -> set[int]:
        """The seeds of the runs of a problem that are stored."""
        return {run.seed for run in self.of(problem, hyperparameters)}

    def of(
        self, problem: DeepUFM, hyperparameters: Hyperparameters, seeds: Collection[int] | None = None
    ) -> list[Trained]:
        """The runs of a problem, those of some seeds or all, by seed."""
        query = f"{_RUN} WHERE problem = ? AND hyperparameters = ? ORDER BY seed"
        runs = self._store.decoded(_trained, query, (problem_text(trainable(problem)), hyperparameters.text))
        return [run for run in runs if seeds is None or run.seed in seeds]

    def all(
        self,
        classes: Sequence[int] | None = None,
        depths: Sequence[int] | None = None,
        regs: tuple[float, float] | None = None,
    ) -> Iterator[Trained]:
        """The runs that meet every condition given, by problem, hyperparameters and seed."""
        clauses, values = place_conditions("training", classes, depths, regs)
        order = "classes, depth, reg, width, problem, hyperparameters, seed"
        return self._store.decoded(_trained, f"{_RUN} WHERE {' AND '.join(clauses)} ORDER BY {order}", values)


def _trained(row: tuple) -> Trained:
    check_crc(row[15], row[7], row[13] or b"")
    problem, hyperparameters = problem_of(row[0]), Hyperparameters.of(row[1])
    means = None if row[13] is None else np.frombuffer(row[13], dtype="<f8").reshape(problem.classes, -1).astype(float)
    found: dict[str, Any] = dict(zip(_FIELDS, row[2:13], strict=True))
    run = Trained(problem, hyperparameters, means=means, version=row[14], **found)
    check_fields(run)
    return run
