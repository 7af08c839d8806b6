"""An atlas: the best record known of each problem, with the proofs and the minima that were replaced."""

from __future__ import annotations

import io
import json
import math
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from optima.atlas.database import Database
from optima.atlas.encoding import check_crc, checksum, factor_bytes, packed, read_factors
from optima.atlas.record import Record
from optima.atlas.schema import CELL, HISTORY, place_conditions
from optima.files import parse_json, read_arrays
from optima.model import DeepUFM
from optima.model.foreign import check_real
from optima.model.key import content_key, normalised, problem_of, problem_text
from optima.proofs import Certificate
from optima.proofs.certificate import check_certificate
from optima.proofs.relu_bounds import network_data
from optima.reduction import mean_reg
from optima.structures.names import canonical
from optima.structures.recognition.result import Recognition

# A loss replaces the one stored when it is lower by more than rounding.
BETTER = 1e-12
# A loss this much (relative) under a proved lower bound shows that one of the two is wrong.
CONTRADICTION = 1e-8
# Keys asked for in one query.
CHUNK = 500

_CELL = """
    SELECT problem, cell.loss, structure, rank, named, factors, version, seed, effort, known_by, words, data,
        ledger.crc, ledger.proof, classes, depth, reg
    FROM cell JOIN source ON source.id = cell.source LEFT JOIN certificate ON certificate.cell = cell.id
        LEFT JOIN ledger ON ledger.kind = 0 AND ledger.key = substr(cell.key, 1, 8)
"""


@dataclass(frozen=True)
class Past:
    """A minimum that a better one replaced, with what had found it."""

    loss: float
    description: str
    rank: int
    known_by: str
    version: str
    seed: int
    effort: str

    @property
    def structure(self) -> str:
        """The name of its structure."""
        return Recognition.read(self.description).name


class Store(Database):
    """An atlas file: the best record known of each problem, under the content key of the problem.

    Parameters
    ----------
    path
        The file; created when it does not exist and ``write`` is asked for.
    write
        False opens for reading, beside a process that writes.

    Every call of :meth:`put` is one transaction, on the disk when it returns. A file that nobody writes can be read
    from a folder without permission to write.

    Raises ValueError for a file that is missing, foreign, damaged (all its pages are looked at once) or written by a
    newer version.
    """

    def __len__(self) -> int:
        return self.count("cell")

    def put(self, records: Iterable[Record]) -> list[Record]:
        """Keep the records that are better than those stored, all or none of them; the ones that were kept.

        The minimum replaced goes into the history. A certificate is kept when its lower bound is the higher one,
        whoever has the better minimum. Raises ValueError, and keeps nothing, when a loss lies under a proved bound.
        """
        with self.transaction():
            return [record for record in records if self._put(record)]

    def _put(self, record: Record) -> bool:
        if not math.isfinite(record.loss):
            raise ValueError(f"the loss of {record.problem} is {record.loss}; pass a solution with a finite loss")
        old = self._connection.execute(
            "SELECT id, loss, structure, rank, source FROM cell WHERE key = ?", (record.key,)
        ).fetchone()
        better = old is None or record.loss < old[1] * (1 - BETTER)
        cell = self._insert(record) if old is None else int(old[0])
        if old is not None and better:
            self._replace(record, old)
        if record.certificate is not None:
            self._keep_bound(cell, record, record.certificate)
        self._check_bound(cell, record.problem)
        return better

    def _insert(self, record: Record) -> int:
        place = (record.problem.classes, record.problem.depth, mean_reg(record.problem))
        row = (record.key, problem_text(record.problem), *place, *self._found(record))
        cursor = self._connection.execute(
            "INSERT INTO cell (key, problem, classes, depth, reg, loss, structure, rank, named, factors, source)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            row,
        )
        assert cursor.lastrowid is not None
        self._note_cell(record)
        return cursor.lastrowid

    def _note_cell(self, record: Record) -> None:
        held = problem_text(record.problem), record.description, factor_bytes(record.factors)
        self.note(CELL, record.key[:8], checksum(*held))

    def _replace(self, record: Record, old: tuple[int, float, str, int, int]) -> None:
        self._connection.execute("INSERT INTO history VALUES (?, ?, ?, ?, ?)", old)
        (turn,) = self._connection.execute("SELECT count(*) FROM history WHERE cell = ?", old[:1]).fetchone()
        self.note(HISTORY, f"{old[0]}/{turn}", checksum(repr(old)))
        self._note_cell(record)
        self._connection.execute(
            "UPDATE cell SET loss = ?, structure = ?, rank = ?, named = coalesce(?, named), factors = ?, source = ?"
            " WHERE id = ?",
            (*self._found(record), old[0]),
        )

    def _found(self, record: Record) -> tuple[float, str, int, float | None, bytes, int]:
        named = None if math.isnan(record.named) else record.named
        return record.loss, record.description, record.rank, named, factor_bytes(record.factors), self._source(record)

    def _source(self, record: Record) -> int:
        row = (record.version, record.seed, record.effort, record.known_by)
        self._connection.execute(
            "INSERT OR IGNORE INTO source (version, seed, effort, known_by) VALUES (?, ?, ?, ?)", row
        )
        where = "version = ? AND seed = ? AND effort = ? AND known_by = ?"
        return int(self._connection.execute(f"SELECT id FROM source WHERE {where}", row).fetchone()[0])

    def _keep_bound(self, cell: int, record: Record, certificate: Certificate) -> None:
        # Not the seconds: the file does not depend on the machine.
        said = {"lower": certificate.lower, "method": certificate.method, "rigour": certificate.rigour}
        # Nor the network: the bound holds beside any, and the cell has the best.
        held = () if record.network is None else network_data(record.network)
        data = packed({name: array for name, array in certificate.data.items() if name not in held})
        words = json.dumps(said)
        kept = self._connection.execute(
            "INSERT INTO certificate VALUES (?, ?, ?, ?) ON CONFLICT (cell) DO UPDATE"
            " SET lower = excluded.lower, words = excluded.words, data = excluded.data"
            " WHERE excluded.lower > certificate.lower",
            (cell, certificate.lower, words, data),
        )
        if kept.rowcount:
            proof = checksum(words, data or b"")
            where = (proof, CELL, record.key[:8])
            self._connection.execute("UPDATE ledger SET proof = ? WHERE kind = ? AND key = ?", where)

    def _check_bound(self, cell: int, problem: DeepUFM) -> None:
        row = self._connection.execute(
            "SELECT loss, lower FROM cell JOIN certificate ON cell = id WHERE id = ?", (cell,)
        ).fetchone()
        if row is not None and row[0] < row[1] - CONTRADICTION * abs(row[1]):
            raise ValueError(
                f"the loss {row[0]:.12g} of {problem} lies under the proved bound {row[1]:.12g}; pass a solution and a "
                "certificate that agree"
            )

    def get(self, problem: DeepUFM) -> Record | None:
        """The record of a problem, or None."""
        return next(self.decoded(_record, f"{_CELL} WHERE cell.key = ?", (content_key(problem),)), None)

    def known(self, problems: Sequence[DeepUFM]) -> dict[DeepUFM, bool]:
        """Those of the problems that are stored, in their normal form, and whether each has a certificate."""
        keys = {content_key(problem): normalised(problem) for problem in problems}
        every = list(keys)
        found: dict[DeepUFM, bool] = {}
        with self._explained():
            for start in range(0, len(every), CHUNK):
                part = every[start : start + CHUNK]
                rows = self._connection.execute(
                    "SELECT key, lower IS NOT NULL FROM cell LEFT JOIN certificate ON cell = id"
                    f" WHERE key IN ({','.join('?' * len(part))})",
                    part,
                )
                found |= {keys[key]: bool(certified) for key, certified in rows}
        return found

    def records(
        self,
        classes: Sequence[int] | None = None,
        depths: Sequence[int] | None = None,
        regs: tuple[float, float] | None = None,
        structure: str | None = None,
        rank: int | None = None,
    ) -> Iterator[Record]:
        """The records that meet every condition given, by classes, depth and lambda; regs are the ends of a range.

        A structure is met by its name or by the whole description, a relu network's rank is its middle rank.
        """
        clauses, values = place_conditions("cell", classes, depths, regs)
        if structure is not None:
            structure = canonical(structure)
            clauses.append("(structure = ? OR substr(structure, 1, ?) = ?)")
            values += [structure, len(structure) + 2, f"{structure} ("]
        if rank is not None:
            clauses.append("rank = ?")
            values.append(rank)
        query = f"{_CELL} WHERE {' AND '.join(clauses)} ORDER BY classes, depth, reg, problem"
        return self.decoded(_record, query, values)

    def history(self, problem: DeepUFM) -> list[Past]:
        """The minima of a problem that better ones replaced, first to last."""
        with self._explained():
            rows = self._connection.execute(
                "SELECT history.loss, history.structure, history.rank, known_by, version, seed, effort"
                " FROM history JOIN cell ON cell.id = history.cell JOIN source ON source.id = history.source"
                " WHERE key = ? ORDER BY history.rowid",
                (content_key(problem),),
            )
            return [Past(*row) for row in rows]


@contextmanager
def at_hand(store: Store | None) -> Iterator[Store]:
    """The store, or where there is none one for this time only."""
    if store is not None:
        yield store
        return
    with tempfile.TemporaryDirectory() as folder, Store(Path(folder) / "atlas.sqlite", write=True) as atlas:
        yield atlas


def _record(row: tuple) -> Record:
    text, loss, structure, rank, named, blob, version, seed, effort, known_by, words, data, crc, proved, *place = row
    check_crc(crc, text, structure, blob)
    check_real("loss", loss)
    problem = problem_of(text)
    _check_place(problem, *place)
    named = math.nan if named is None else named
    record = Record(problem, read_factors(problem, rank, blob), loss, structure, named, known_by, version, seed, effort)
    if record.rank != rank:
        raise ValueError("its rank is another")
    if words is None:
        return record
    check_crc(proved, words, data or b"")
    arrays = {} if data is None else read_arrays(io.BytesIO(data))
    arrays |= {} if record.network is None else network_data(record.network)
    certificate = Certificate(problem, upper=loss, means=record.means, data=arrays, seconds=0.0, **parse_json(words))
    check_certificate(certificate)
    return replace(record, certificate=certificate)


def _check_place(problem: DeepUFM, classes: object, depth: object, reg: object) -> None:
    """Raise ValueError unless what cells are looked for by is what their problem says."""
    if (classes, depth) != (problem.classes, problem.depth):
        raise ValueError("its classes or its depth are not those of its problem")
    if not isinstance(reg, float) or not math.isclose(reg, mean_reg(problem)):
        raise ValueError("its lambda is not that of its problem")
