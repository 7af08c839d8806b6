"""The file that holds an atlas: one SQLite database, safe against kills, with many readers and one writer at a time."""

from __future__ import annotations

import errno
import io
import json
import math
import os
import sqlite3
import tempfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from optima.atlas.record import Record
from optima.atlas.schema import (
    APPLICATION,
    CELL,
    HISTORY,
    LISTED,
    READABLE,
    STEPS,
    UNKNOWN,
    WITHOUT_LEDGER,
    migrate,
    place_conditions,
    transaction,
    version_of,
)
from optima.files import opened, parse_json, read_arrays
from optima.model import Array, DeepUFM
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
# Seconds to wait while another process writes.
PATIENCE = 60.0
# Bytes of a page: cells of a few kilobytes fill it better than SQLite's usual 4096.
PAGE = 16384
# Keys asked for in one query.
CHUNK = 500

# Codes of SQLite for a file or a folder that may not be written.
UNWRITABLE = (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM)

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


class Store:
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

    def __init__(self, path: str | Path, write: bool = False) -> None:
        self.path = Path(path)
        with self._explained():
            self._connection = self._opened(write)
            try:
                self._check(write)
            except BaseException:
                self._connection.close()
                raise

    def _opened(self, write: bool) -> sqlite3.Connection:
        start = b""
        with suppress(FileNotFoundError), opened(self.path) as stream:
            start = stream.read(16)
        if not start and not write:
            raise ValueError(f"{self.path} is no atlas yet; pass a file written by optima atlas build")
        if start and start != b"SQLite format 3\0":
            raise ValueError(f"{self.path} is not an atlas; pass a file written by optima atlas build")
        if write:
            return self._connected("mode=rwc")
        try:
            return self._connected("mode=ro")
        except sqlite3.OperationalError as error:
            # Without a log nobody is writing, and SQLite need not make files beside the atlas to share it.
            if _code(error) not in UNWRITABLE or self._log_size():
                raise
            return self._connected("mode=ro&immutable=1")

    def _connected(self, how: str) -> sqlite3.Connection:
        uri = f"{self.path.resolve().as_uri()}?{how}"
        connection = sqlite3.connect(uri, uri=True, timeout=PATIENCE, isolation_level=None)
        try:
            connection.execute("PRAGMA schema_version")
        except BaseException:
            connection.close()
            raise
        return connection

    def _check(self, write: bool) -> None:
        ask = lambda pragma: self._connection.execute(f"PRAGMA {pragma}").fetchone()[0]
        version, pages = version_of(self._connection), ask("page_count")
        # Without tables it is an atlas whose first writer was stopped, or a new file.
        blank = not version and not self._connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if blank and not write:
            raise ValueError(f"{self.path} is no atlas yet; pass a file written by optima atlas build")
        if not blank and ask("application_id") != APPLICATION:
            raise ValueError(f"{self.path} is a database but not an atlas; pass a file written by optima atlas build")
        if version > len(STEPS):
            raise ValueError(f"{self.path} is an atlas of version {version}, newer than this optima; update optima")
        if pages * ask("page_size") > self.path.stat().st_size and not self._log_size():
            raise sqlite3.DatabaseError("the file is shorter than its header says")
        if (found := ask("quick_check(1)")) != "ok":
            raise sqlite3.DatabaseError(found)
        if write:
            if not pages:
                self._connection.execute(f"PRAGMA page_size = {PAGE}")
            if ask("journal_mode = WAL") != "wal":
                raise ValueError(f"{self.path} is on a file system without write-ahead logs; pass a local file")
            self._connection.execute("PRAGMA synchronous = FULL")
        if version < len(STEPS):
            if write:
                migrate(self._connection)
            elif version not in READABLE:
                raise ValueError(f"{self.path} is an atlas of an older version; pass it to optima atlas build once")
            elif version == WITHOUT_LEDGER:
                self._connection.execute("CREATE TEMP TABLE ledger (kind, key, crc, proof)")
        self.has_ledger = write or version > WITHOUT_LEDGER

    def _log_size(self) -> int:
        log = self._log
        return log.stat().st_size if log.exists() else 0

    @property
    def _log(self) -> Path:
        path = self.path.resolve()
        return path.with_name(path.name + "-wal")

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """SQLite's errors in words that say what to do."""
        try:
            yield
        except sqlite3.OperationalError as error:
            code = _code(error)
            if code == sqlite3.SQLITE_FULL:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path)) from None
            if code == sqlite3.SQLITE_IOERR and not str(error.sqlite_errorname).endswith("READ"):
                # A quota, a limit on the size of files, or a broken disk.
                raise OSError(errno.EIO, str(error), str(self.path)) from None
            if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise ValueError(f"{self.path} is being written by another process; try again when it ends") from None
            if code in UNWRITABLE and self._log_size():
                raise ValueError(
                    f"{self.path} has changes in {self._log.name} that are read only where files can be written; pass "
                    "a copy of both in a folder you may write to"
                ) from None
            if code in UNWRITABLE:
                raise ValueError(f"{self.path} cannot be opened; pass a file in a folder you may write to") from None
            raise ValueError(f"{self.path} cannot be read as an atlas ({error}); pass an undamaged copy") from None
        except sqlite3.DatabaseError as error:
            raise ValueError(f"{self.path} is damaged or cut short ({error}); pass an undamaged copy") from None
        except OverflowError:
            raise ValueError("a number has more than 63 bits; pass a smaller one") from None

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """What is written within, all or none of it; on the disk when this ends."""
        with self._explained(), transaction(self._connection):
            yield

    def execute(self, query: str, values: Sequence[Any] | Mapping[str, Any]) -> sqlite3.Cursor:
        """Execute one statement of a transaction."""
        return self._connection.execute(query, values)

    def count(self, table: str) -> int:
        """The number of rows of a table."""
        with self._explained():
            return int(self._connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])

    def decoded(self, read: Callable[[tuple], Any], query: str, values: Sequence[Any]) -> Iterator[Any]:
        """What the rows that a query finds say. Raises ValueError where that makes no sense."""
        with self._explained():
            for row in self._connection.execute(query, values):
                try:
                    found = read(row)
                except (ValueError, TypeError, LookupError, ArithmeticError) as error:
                    raise ValueError(f"{self.path} has a damaged row ({error}); pass an undamaged copy") from None
                yield found

    def note(self, kind: int, key: bytes | str, crc: int) -> None:
        """Write into the ledger that a row is held, with the checksum of what it holds now."""
        self._connection.execute(
            "INSERT INTO ledger VALUES (?, ?, ?, NULL) ON CONFLICT DO UPDATE SET crc = excluded.crc", (kind, key, crc)
        )

    def lost(self) -> dict[str, tuple[int, int]]:
        """How many rows of each kind are gone, or are not in the ledger, and how many there should be.

        Empty where nothing is amiss, and for a file without a ledger (:attr:`has_ledger`).
        """
        found = {}
        with self._explained():
            for kind, (listed, there) in LISTED.items() if self.has_ledger else ():
                less = lambda a, b: f"SELECT count(*) FROM (SELECT * FROM ({a}) EXCEPT SELECT * FROM ({b}))"
                query = f"SELECT ({less(listed, there)}), ({less(there, listed)}), (SELECT count(*) FROM ({listed}))"
                gone, unlisted, total = self._connection.execute(query).fetchone()
                if gone or unlisted:
                    found[kind] = (gone + unlisted, total + unlisted)
        return found

    def __enter__(self) -> Store:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; readers elsewhere go on."""
        self._connection.close()

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
        data = _packed({name: array for name, array in certificate.data.items() if name not in held})
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


def _packed(arrays: dict[str, Array]) -> bytes | None:
    if not arrays:
        return None
    stream = io.BytesIO()
    np.savez_compressed(stream, allow_pickle=False, **arrays)
    return stream.getvalue()


def as_bytes(array: Array) -> bytes:
    """The numbers of an array as they are stored."""
    return np.ascontiguousarray(array, dtype="<f8").tobytes()


def factor_bytes(factors: Array | tuple[Array, ...]) -> bytes:
    """Factors as they are stored: those of a network after its widths d_1, ..., d_L, one after another."""
    if isinstance(factors, np.ndarray):
        return as_bytes(factors)
    widths = np.array([factors[0].shape[1], *map(len, factors[:-2])], dtype=float)
    return as_bytes(np.concatenate([widths, *(factor.ravel() for factor in factors)]))


def read_factors(problem: DeepUFM, rank: int, blob: bytes) -> Array | tuple[Array, ...]:
    """The factors that :func:`factor_bytes` wrote. Raises ValueError for other bytes."""
    numbers = np.frombuffer(blob, dtype="<f8").astype(float)
    if not problem.nonlinear:
        return numbers.reshape(2, problem.classes, rank)
    widths, numbers = numbers[: problem.depth].tolist(), numbers[problem.depth :]
    if not all(1 <= width <= numbers.size and width == int(width) for width in widths):
        raise ValueError("its widths are no numbers of neurons")
    sizes = [*map(int, widths)]
    shapes = [*zip([*sizes[1:], problem.classes], sizes, strict=True), (sizes[0], problem.classes)]
    ends = np.cumsum([rows * columns for rows, columns in shapes])
    if ends[-1] != numbers.size:
        raise ValueError("its factors have other widths")
    parts = np.split(numbers, ends[:-1])
    return tuple(part.reshape(shape) for part, shape in zip(parts, shapes, strict=True))


def checksum(*parts: str | bytes) -> int:
    """CRC-32 of texts and bytes one after another."""
    return zlib.crc32(b"\0".join(part.encode() if isinstance(part, str) else part for part in parts))


def check_crc(crc: int | None, *parts: str | bytes) -> None:
    """Raise ValueError unless a checksum, where there is one, is that of the parts."""
    if crc not in (None, UNKNOWN, checksum(*parts)):
        raise ValueError("its checksum is another")


def _code(error: sqlite3.Error) -> int:
    """The primary error code of SQLite."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF
