"""Tables of an atlas file, and how files of older versions are brought up to date."""

from __future__ import annotations

import sqlite3

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
)


def migrate(connection: sqlite3.Connection) -> None:
    """Bring a file, perhaps an empty one, to the newest version in one transaction."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Another process may have done it while this one waited for the file.
        done = version_of(connection)
        for step in STEPS[done:]:
            for statement in filter(str.strip, step.split(";")):
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION}")
        connection.execute(f"PRAGMA user_version = {len(STEPS)}")
    except BaseException:
        # A full disk has already rolled the transaction back.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def version_of(connection: sqlite3.Connection) -> int:
    """Version of the tables of an open file; 0 for an empty one."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])
