"""Tables of an atlas file, and how files of older versions are brought up to date."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

# Marks an SQLite file as an atlas ("OPTM").
APPLICATION = 0x4F50544D

# Step v takes a file of version v to version v + 1; released steps never change.
STEPS: tuple[str, ...] = (
    """
    CREATE TABLE source (
        id INTEGER PRIMARY KEY, version TEXT NOT NULL, seed INTEGER NOT NULL, effort TEXT NOT NULL,
        known_by TEXT NOT NULL, UNIQUE (version, seed, effort, known_by)
    );
    CREATE TABLE cell (
        id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, problem TEXT NOT NULL,
        classes INTEGER NOT NULL, depth INTEGER NOT NULL, reg REAL NOT NULL,
        loss REAL NOT NULL, structure TEXT NOT NULL, rank INTEGER NOT NULL, named REAL, factors BLOB NOT NULL,
        source INTEGER NOT NULL REFERENCES source
    );
    CREATE INDEX cell_place ON cell (classes, depth, reg);
    CREATE TABLE history (
        cell INTEGER NOT NULL REFERENCES cell, loss REAL NOT NULL, structure TEXT NOT NULL, rank INTEGER NOT NULL,
        source INTEGER NOT NULL REFERENCES source
    );
    CREATE INDEX history_cell ON history (cell);
    CREATE TABLE certificate (
        cell INTEGER PRIMARY KEY REFERENCES cell, lower REAL NOT NULL, words TEXT NOT NULL, data BLOB
    );
    """,
    """
    CREATE TABLE training (
        id INTEGER PRIMARY KEY, problem TEXT NOT NULL, hyperparameters TEXT NOT NULL,
        classes INTEGER NOT NULL, depth INTEGER NOT NULL, reg REAL NOT NULL, width INTEGER NOT NULL,
        UNIQUE (problem, hyperparameters)
    );
    CREATE INDEX training_place ON training (classes, depth, reg);
    CREATE TABLE run (
        training INTEGER NOT NULL REFERENCES training, seed INTEGER NOT NULL, version TEXT NOT NULL,
        ending TEXT NOT NULL, steps INTEGER NOT NULL, loss REAL, gradient REAL, structure TEXT NOT NULL, rank INTEGER,
        polished_loss REAL, polished_structure TEXT, polished_rank INTEGER, verdict TEXT, means BLOB,
        PRIMARY KEY (training, seed)
    );
    """,
    """
    CREATE TABLE ledger (
        kind INTEGER NOT NULL, key NOT NULL, crc INTEGER, proof INTEGER, PRIMARY KEY (kind, key)
    ) WITHOUT ROWID;
    INSERT INTO ledger SELECT 0, substr(key, 1, 8), NULL, CASE WHEN lower IS NULL THEN NULL ELSE -1 END
        FROM cell LEFT JOIN certificate ON certificate.cell = cell.id;
    INSERT INTO ledger SELECT 1, cell || '/' || row_number() OVER (PARTITION BY cell), NULL, NULL FROM history;
    INSERT INTO ledger SELECT 2, training || '/' || seed, NULL, NULL FROM run;
    """,
    # The same tables. From here on cells of relu models hold networks, which older releases cannot read.
    "",
)

# Files of these versions are read as they are, perhaps where nobody may write: those without a ledger, and those
# without networks.
WITHOUT_LEDGER, WITHOUT_NETWORKS = 2, 3
READABLE = (WITHOUT_LEDGER, WITHOUT_NETWORKS)

# The ledger lists every row that was written (cells by half of their keys, which is enough), with the CRC-32 of its
# contents and of its certificate: NULL and UNKNOWN where they were written before there was a ledger.
CELL, HISTORY, RUN = 0, 1, 2
UNKNOWN = -1
# Keys that the ledger lists, and keys of the rows that are there.
LISTED: dict[str, tuple[str, str]] = {
    "cells": (
        f"SELECT key FROM ledger WHERE kind = {CELL}",
        "SELECT substr(key, 1, 8) FROM cell JOIN source ON source.id = cell.source",
    ),
    "certificates": (
        f"SELECT key FROM ledger WHERE kind = {CELL} AND proof IS NOT NULL",
        "SELECT substr(key, 1, 8) FROM certificate JOIN cell ON cell.id = certificate.cell",
    ),
    "replaced minima": (
        f"SELECT key FROM ledger WHERE kind = {HISTORY}",
        "SELECT cell || '/' || row_number() OVER (PARTITION BY cell) FROM history",
    ),
    "runs": (
        f"SELECT key FROM ledger WHERE kind = {RUN}",
        "SELECT training.id || '/' || seed FROM run JOIN training ON training.id = run.training",
    ),
}


def migrate(connection: sqlite3.Connection) -> None:
    """Bring a file, perhaps an empty one, to the newest version in one transaction."""
    with transaction(connection):
        # Another process may have done it while this one waited for the file.
        done = version_of(connection)
        for step in STEPS[done:]:
            for statement in filter(str.strip, step.split(";")):
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION}")
        connection.execute(f"PRAGMA user_version = {len(STEPS)}")


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """What is written within, all or none of it; on the disk when this ends."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        # A full disk has already rolled the transaction back.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def place_conditions(
    table: str, classes: Sequence[int] | None, depths: Sequence[int] | None, regs: tuple[float, float] | None
) -> tuple[list[str], list[int | float | str]]:
    """The conditions on the place of a row, as far as any are given, and the values in them."""
    clauses = ["1"]
    values: list[int | float | str] = []
    for column, allowed in (("classes", classes), ("depth", depths)):
        if allowed is not None:
            # One of a list of any length, given as JSON.
            clauses.append(f"{table}.{column} IN (SELECT value FROM json_each(?))")
            values.append(json.dumps([int(value) for value in allowed]))
    if regs is not None:
        clauses.append(f"{table}.reg BETWEEN ? AND ?")
        values += [regs[0] * (1 - 1e-12), regs[1] * (1 + 1e-12)]
    return clauses, values


def version_of(connection: sqlite3.Connection) -> int:
    """Version of the tables of an open file; 0 for an empty one."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])
