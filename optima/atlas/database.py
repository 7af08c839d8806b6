"""The SQLite file of an atlas: safe against kills, many readers and one writer at a time, a ledger of its rows."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from optima.atlas.schema import (
    APPLICATION,
    LISTED,
    READABLE,
    STEPS,
    WITHOUT_LEDGER,
    migrate,
    transaction,
    version_of,
)
from optima.files import opened

# Seconds to wait while another process writes.
PATIENCE = 60.0
# Bytes of a page: cells of a few kilobytes fill it better than SQLite's usual 4096.
PAGE = 16384

# Codes of SQLite for a file or a folder that may not be written.
UNWRITABLE = (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM)


class Database:
    """An atlas file, whatever is in its rows.

    Parameters
    ----------
    path
        The file; created when it does not exist and ``write`` is asked for.
    write
        False opens for reading, beside a process that writes.

    A file that nobody writes can be read from a folder without permission to write.

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

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; readers elsewhere go on."""
        self._connection.close()


def _code(error: sqlite3.Error) -> int:
    """The primary error code of SQLite."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF
