"""Runs of gradient descent in an atlas file, beside its minima."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from optima.atlas.schema import RUN
from optima.atlas.store import AMONG, Store, check_crc, checksum
from optima.atlas.trained import Hyperparameters, Trained, trainable
from optima.model import DeepUFM
from optima.model.foreign import check_fields
from optima.model.key import problem_of, problem_text

_RUN = """
    SELECT problem, hyperparameters, seed, ending, steps, loss, gradient, structure, rank,
        polished_loss, polished_structure, polished_rank, verdict, means, version, ledger.crc
    FROM run JOIN training ON training.id = run.training
        LEFT JOIN ledger ON ledger.kind = 2 AND ledger.key = training.id || '/' || seed
"""

# The fields of a run that are columns as they are, in the order of the query.
_FIELDS = (
    *("seed", "ending", "steps", "loss", "gradient", "structure", "rank"),
    *("polished_loss", "polished_structure", "polished_rank", "verdict"),
)


class Runs:
    """The runs that an open atlas file holds, one for each problem, setting of the hyperparameters and seed.

    A stored run is never replaced: the same run again ends at the same numbers.
    """

    def __init__(self, store: Store) -> None:
        self._store, self._connection = store, store._connection

    def put(self, runs: Iterable[Trained]) -> None:
        """Store the runs, all or none of them; on the disk when this returns."""
        with self._store._explained():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                for run in runs:
                    self._put(run)
            except BaseException:
                # A full disk has already rolled the transaction back.
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def _put(self, run: Trained) -> None:
        means = None if run.means is None else np.ascontiguousarray(run.means, dtype="<f8").tobytes()
        row = (run.seed, run.version, run.ending, run.steps, run.loss, run.gradient, run.structure, run.rank)
        polished = (run.polished_loss, run.polished_structure, run.polished_rank, run.verdict)
        training = self._training(run)
        kept = self._connection.execute(
            f"INSERT OR IGNORE INTO run VALUES ({','.join('?' * 14)})", (training, *row, *polished, means)
        )
        if kept.rowcount:
            self._store.note(RUN, f"{training}/{run.seed}", checksum(run.structure, means or b""))

    def _training(self, run: Trained) -> int:
        key = (problem_text(trainable(run.problem)), run.hyperparameters.text)
        place = (run.problem.classes, run.problem.depth, mean_reg(run.problem), run.problem.width)
        self._connection.execute(
            "INSERT OR IGNORE INTO training (problem, hyperparameters, classes, depth, reg, width)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (*key, *place),
        )
        query = "SELECT id FROM training WHERE problem = ? AND hyperparameters = ?"
        return int(self._connection.execute(query, key).fetchone()[0])

    def __len__(self) -> int:
        with self._store._explained():
            return int(self._connection.execute("SELECT count(*) FROM run").fetchone()[0])

    def seeds(self, problem: DeepUFM, hyperparameters: Hyperparameters) -> set[int]:
        """The seeds of the runs of a problem that are stored."""
        return {run.seed for run in self.of(problem, hyperparameters)}

    def of(
        self, problem: DeepUFM, hyperparameters: Hyperparameters, seeds: Collection[int] | None = None
    ) -> list[Trained]:
        """The runs of a problem, those of some seeds or all, by seed."""
        with self._store._explained():
            rows = self._connection.execute(
                f"{_RUN} WHERE problem = ? AND hyperparameters = ? ORDER BY seed",
                (problem_text(trainable(problem)), hyperparameters.text),
            )
            runs = [self._store.decoded(_trained, row) for row in rows]
            return [run for run in runs if seeds is None or run.seed in seeds]

    def all(
        self,
        classes: Sequence[int] | None = None,
        depths: Sequence[int] | None = None,
        regs: tuple[float, float] | None = None,
    ) -> Iterator[Trained]:
        """The runs that meet every condition given, by problem, hyperparameters and seed."""
        clauses = ["1"]
        values: list[float | str] = []
        for column, allowed in (("classes", classes), ("depth", depths)):
            if allowed is not None:
                clauses.append(f"training.{column} {AMONG}")
                values.append(json.dumps([int(value) for value in allowed]))
        if regs is not None:
            clauses.append("training.reg BETWEEN ? AND ?")
            values += [regs[0] * (1 - 1e-12), regs[1] * (1 + 1e-12)]
        order = "classes, depth, reg, width, problem, hyperparameters, seed"
        with self._store._explained():
            for row in self._connection.execute(f"{_RUN} WHERE {' AND '.join(clauses)} ORDER BY {order}", values):
                yield self._store.decoded(_trained, row)


def mean_reg(problem: DeepUFM) -> float:
    """The regularisation, the geometric mean of several."""
    if isinstance(problem.reg, float):
        return problem.reg
    return math.exp(sum(map(math.log, problem.regs)) / len(problem.regs))


def _trained(row: tuple) -> Trained:
    check_crc(row[15], row[7], row[13] or b"")
    problem, hyperparameters = problem_of(row[0]), Hyperparameters.of(row[1])
    means = None if row[13] is None else np.frombuffer(row[13], dtype="<f8").reshape(problem.classes, -1).astype(float)
    found: dict[str, Any] = dict(zip(_FIELDS, row[2:13], strict=True))
    run = Trained(problem, hyperparameters, means=means, version=row[14], **found)
    check_fields(run)
    return run
