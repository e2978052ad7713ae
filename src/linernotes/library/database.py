"""The database file: opened, checked, brought up to date by its migrations; errors become sentences. SQLite.

What the tables hold is ``store.py``'s and ``catalogue.py``'s to say. A new table is a script at the end
of ``_MIGRATIONS``; one that was released is never changed. What names a person goes in ``Store.forget``, too.
"""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING

from linernotes.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_BUSY_SECONDS = 5.0
# Stands in the file's header: a database of another program is not touched.
_APPLICATION = 0x4C4E4F54

_MIGRATIONS = (
    """
    CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
    CREATE TABLE servers (guild INTEGER PRIMARY KEY, moderator_role INTEGER);
    CREATE TABLE channels (
        guild INTEGER NOT NULL REFERENCES servers ON DELETE CASCADE,
        channel INTEGER NOT NULL,
        rule TEXT NOT NULL CHECK (rule IN ('allow', 'deny')),
        PRIMARY KEY (guild, channel)
    );
    CREATE TABLE blocked (
        guild INTEGER NOT NULL REFERENCES servers ON DELETE CASCADE,
        member INTEGER NOT NULL,
        PRIMARY KEY (guild, member)
    );
    CREATE TABLE answers (
        key INTEGER PRIMARY KEY,
        guild INTEGER NOT NULL,
        channel INTEGER NOT NULL,
        message INTEGER,
        asker INTEGER NOT NULL,
        edition TEXT NOT NULL,
        confidence REAL NOT NULL,
        evidence TEXT NOT NULL,
        at REAL NOT NULL
    );
    CREATE INDEX answers_by_message ON answers (message);
    CREATE INDEX answers_by_asker ON answers (asker);
    CREATE INDEX answers_by_time ON answers (at);
    CREATE TABLE feedback (
        answer INTEGER NOT NULL REFERENCES answers ON DELETE CASCADE,
        person INTEGER NOT NULL,
        vote INTEGER NOT NULL CHECK (vote IN (-1, 1)),
        PRIMARY KEY (answer, person)
    );
    CREATE INDEX feedback_by_person ON feedback (person);
    """,
    """
    ALTER TABLE servers ADD COLUMN gaps INTEGER NOT NULL DEFAULT 0;
    CREATE TABLE revisions (
        guild INTEGER NOT NULL,
        number INTEGER NOT NULL,
        edition TEXT NOT NULL,
        own TEXT NOT NULL,
        hidden TEXT NOT NULL,
        follows INTEGER NOT NULL,
        what TEXT NOT NULL,
        at REAL NOT NULL,
        person INTEGER,
        PRIMARY KEY (guild, number)
    );
    CREATE INDEX revisions_by_person ON revisions (person);
    CREATE TABLE audit (
        number INTEGER PRIMARY KEY,
        guild INTEGER NOT NULL,
        at REAL NOT NULL,
        person INTEGER,
        what TEXT NOT NULL,
        before TEXT,
        after TEXT
    );
    CREATE INDEX audit_by_guild ON audit (guild, at);
    CREATE INDEX audit_by_person ON audit (person);
    CREATE TABLE checks (
        number INTEGER PRIMARY KEY,
        guild INTEGER NOT NULL,
        question TEXT NOT NULL,
        words TEXT NOT NULL,
        at REAL NOT NULL,
        person INTEGER,
        UNIQUE (guild, question)
    );
    CREATE INDEX checks_by_person ON checks (person);
    CREATE TABLE gaps (
        number INTEGER PRIMARY KEY,
        guild INTEGER NOT NULL,
        question TEXT NOT NULL,
        told INTEGER NOT NULL,
        at REAL NOT NULL
    );
    CREATE INDEX gaps_by_guild ON gaps (guild, at);
    CREATE TABLE departures (guild INTEGER PRIMARY KEY, at REAL NOT NULL);
    """,
    """
    CREATE TABLE questions (
        message INTEGER PRIMARY KEY,
        guild INTEGER NOT NULL,
        channel INTEGER NOT NULL,
        at REAL NOT NULL,
        open INTEGER NOT NULL
    );
    """,
)
"""The n-th script brings a database from version n to n + 1; one that has been released is never changed."""


def connect(path: Path | None) -> sqlite3.Connection:
    """Open the database at ``path``, or one in memory, and bring it up to date.

    Raises:
        StoreError: it is damaged, locked, read-only, another program's or from a newer version.
    """
    connection = sqlite3.connect(
        ":memory:" if path is None else path,
        timeout=_BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
    )
    try:
        with in_sentences(path):
            _prepare(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection, path: Path | None) -> None:
    """Bring the database up to date.

    Raises:
        StoreError: it is another program's, damaged or from a newer version.
    """
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    application = int(connection.execute("PRAGMA application_id").fetchone()[0])
    if application != _APPLICATION and (
        application or version or connection.execute("SELECT 1 FROM sqlite_master").fetchone()
    ):
        raise StoreError(f"The database {path} was not made by this program; move it away and start again.")
    if version > len(_MIGRATIONS):
        raise StoreError(
            f"The database {path} is from a newer version of this program (its format is {version}, this"
            f" one knows {len(_MIGRATIONS)}): install that version, or restore a copy from before."
        )
    if (found := connection.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
        raise StoreError(f"The database {path} is damaged ({found}); restore a copy, or move it away.")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA foreign_keys = ON")
    # Written to even when nothing is to be done: a database that cannot be written is found out now.
    with transaction(connection):
        for script in _MIGRATIONS[version:]:
            for statement in script.split(";"):
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {_APPLICATION}")
        connection.execute(f"PRAGMA user_version = {len(_MIGRATIONS)}")


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Do all of what is done meanwhile, or nothing."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        # A full disk has rolled it back already.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


@contextmanager
def in_sentences(path: Path | None) -> Iterator[None]:
    """Turn what SQLite raises into a sentence.

    Raises:
        StoreError: SQLite has raised something.
    """
    try:
        yield
    except sqlite3.Error as error:
        said = str(error)
        if "locked" in said or "busy" in said:
            told = "is in use by another program; stop that, or set DATA_DIR to another folder."
        elif "readonly" in said or "read-only" in said:
            told = "is read-only; make it writable, or set DATA_DIR to another folder."
        elif "full" in said:
            told = "cannot grow because the disk is full."
        else:
            told = f"cannot be used ({said}); restore a copy, or move it away."
        raise StoreError(f"The database {path} {told}") from error
