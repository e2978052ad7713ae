"""The database file: opened, checked, brought up to date by its migrations; errors become sentences. SQLite.

What the tables hold is ``store.py``'s and ``catalogue.py``'s to say. A new table is a script at the end
of ``_MIGRATIONS``; one that was released is never changed. What names a person goes in ``Store.forget``, too.
"""

from __future__ import annotations

import errno
import logging
import os
import re
import secrets
import sqlite3
import stat
import tempfile
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import quote

from linernotes.errors import StoreError, StoreLostError
from linernotes.library.folders import flush
from linernotes.library.rows import SEALED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

_log = logging.getLogger(__name__)

_BUSY_SECONDS = 5.0
# Stands in the file's header: a database of another program is not touched.
_APPLICATION = 0x4C4E4F54
NAME: Final = "linernotes.db"
"""The database's file in ``DATA_DIR``."""


def require_copy(path: Path) -> None:
    """Make sure that a file is a whole database that this version can use; nothing of it is changed.

    Raises:
        StoreError: it is another program's, damaged, or from a newer version.
    """
    with path.open("rb") as file:
        head = file.read(100)
    # Where SQLite's file format has them: user_version and application_id.
    version, application = int.from_bytes(head[60:64]), int.from_bytes(head[68:72])
    if application != _APPLICATION:
        raise StoreError(f"The database {path.name} was not made by this program.")
    if version > len(_MIGRATIONS):
        raise StoreError(
            f"The database {path.name} is from a newer version of this program (its format is {version}, this"
            f" one knows {len(_MIGRATIONS)}): install that version."
        )
    try:
        # Whatever the file system can do: nobody else has the copy, and nothing is locked.
        with closing(
            sqlite3.connect(f"file:{quote(os.fsencode(path.absolute()))}?immutable=1", uri=True)
        ) as db:
            found = db.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.Error as error:
        found = error
    if found != "ok":
        raise StoreError(f"The database {path.name} is damaged ({found}).")


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
    ALTER TABLE servers ADD COLUMN seal TEXT;
    ALTER TABLE channels ADD COLUMN seal TEXT;
    ALTER TABLE blocked ADD COLUMN seal TEXT;
    ALTER TABLE revisions ADD COLUMN seal TEXT;
    ALTER TABLE checks ADD COLUMN seal TEXT;
    ALTER TABLE audit ADD COLUMN seal TEXT;
    ALTER TABLE audit ADD COLUMN due REAL;
    ALTER TABLE departures ADD COLUMN seal TEXT;
    ALTER TABLE departures ADD COLUMN due REAL;
    CREATE TABLE released (kind TEXT NOT NULL, digest TEXT NOT NULL, PRIMARY KEY (kind, digest));
    CREATE TABLE quarantined (name TEXT PRIMARY KEY, at REAL NOT NULL, due REAL);
    CREATE TABLE set_aside (
        number INTEGER PRIMARY KEY,
        source TEXT NOT NULL,
        content TEXT NOT NULL,
        at REAL NOT NULL,
        due REAL
    );
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

# From this version on, rows have seals.
_SEALED: Final = 3

Mode = Literal["memory", "wal", "exclusive", "unlocked"]
"""How the database is kept.

``memory``: it is gone when the process ends. ``wal``: as SQLite does it best, and others may read meanwhile.
``exclusive``: for a file system that cannot share memory between processes (9p, virtiofs, SMB): this process
alone has the file. ``unlocked``: for one that cannot lock files either; the lock on ``DATA_DIR`` alone
(``locks.py``) keeps others away.
"""

MODES: Final[Mapping[Mode, str]] = {
    "memory": "in memory",
    "wal": "in its ordinary mode (WAL)",
    "exclusive": "in exclusive mode, as this file system cannot share memory between processes",
    "unlocked": "in exclusive mode and without locks, as this file system has none",
}
"""The same in words."""

RESTORE: Final = (
    "Nothing has been deleted. Put back a backup (`bot.py restore FILE`), or a copy of linernotes.db with"
    " what stands beside it there; or go on without it: `bot.py set-aside` moves it, and what it alone"
    " explains, to the folder quarantine."
)
"""What to do where the database is lost: nothing that deletes."""

_OF_INDEX: Final = re.compile(
    r"row \d+ missing from index|wrong # of entries in index|non-unique entry in index"
)

_OF_CELL: Final = re.compile(r"\b(?:NULL|NUMERIC|TEXT|REAL|INT|BLOB) value in |CHECK constraint failed in ")

# What SQLite writes beside a database, and makes again.
BESIDE: Final = ("-wal", "-shm", "-journal")


class Connection(sqlite3.Connection):
    """A connection that knows its mode."""

    mode: Mode = "memory"


def connect(path: Path | None) -> Connection:
    """Open the database at ``path``, or one in memory, and bring it up to date.

    Raises:
        StoreError: it is locked, read-only, or cannot be opened.
        StoreLostError: it is damaged, another program's or from a newer version.
    """
    connection = _open(path, _prepare)
    _bring_up_to_date(connection, path)
    return connection


def examine(path: Path) -> Mode:
    """Open the database at ``path`` without changing what it holds, and return how it can be kept.

    Raises:
        StoreError: as ``connect``.
    """
    connection = _open(path, _prepare)
    connection.close()
    return connection.mode


def _open(path: Path | None, prepare: Callable[[Connection, Path | None], None]) -> Connection:
    """Open a database in the best mode that its file system allows.

    Raises:
        StoreError: it is locked, read-only, or cannot be opened.
        StoreLostError: it is damaged, another program's or from a newer version.
    """
    if path is None:
        made = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False, factory=Connection)
        return _prepared(made, None, prepare)
    require_file(path)
    modes: list[Mode] = ["wal", "exclusive"]
    if not _can_lock(path.parent):
        modes = ["unlocked"]
    for mode in modes:
        try:
            with in_sentences(path):
                return _prepared(_connected(path, mode), path, prepare)
        except StoreError as error:
            # Only what the file system is to blame for can be mended by asking less of it.
            if mode == modes[-1] or not _is_of_file_system(error.__cause__):
                raise
            _log.info("The database %s cannot be kept in its ordinary mode: %s", path, error.__cause__)
    raise AssertionError  # the last mode has returned or raised


def _connected(path: Path, mode: Mode) -> Connection:
    given: dict[str, Any] = {
        "timeout": _BUSY_SECONDS,
        "isolation_level": None,
        "check_same_thread": False,
        "factory": Connection,
    }
    place: Path | str = path
    if mode == "unlocked":
        # As bytes: a path need not be UTF-8.
        place, given["uri"] = f"file:{quote(os.fsencode(path.absolute()))}?vfs=unix-none", True
    connection: Connection = sqlite3.connect(place, **given)
    connection.mode = mode
    return connection


def _prepared(
    connection: Connection, path: Path | None, prepare: Callable[[Connection, Path | None], None]
) -> Connection:
    try:
        with in_sentences(path):
            prepare(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(connection: Connection, path: Path | None) -> None:
    """Look whether this is a whole database of ours, and set how it is kept.

    Raises:
        StoreLostError: it is another program's, damaged or from a newer version.
    """
    # What is no UTF-8 is for ``rows.py`` to find.
    connection.text_factory = lambda text: text.decode("utf-8", "surrogateescape")
    if connection.mode in {"exclusive", "unlocked"}:
        # Before the first access: no memory is shared then.
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    version = _number(connection, "user_version")
    application = _number(connection, "application_id")
    if application != _APPLICATION and (
        application or version or connection.execute("SELECT 1 FROM sqlite_master").fetchone()
    ):
        raise StoreLostError(
            f"The database {path} was not made by this program, or its head is damaged. {RESTORE}"
        )
    if version > len(_MIGRATIONS):
        raise StoreLostError(
            f"The database {path} is from a newer version of this program (its format is {version}, this"
            f" one knows {len(_MIGRATIONS)}): install that version, or put back a copy from before."
        )
    if version and _schema(connection) != _schema_of(version):
        raise StoreLostError(
            f"The database {path} is damaged (its tables are not those of format {version}). {RESTORE}"
        )
    complaints = _complaints(connection)
    if complaints and all(map(_OF_INDEX.match, complaints)):
        # An index can be made again, a table cannot.
        with suppress(sqlite3.DatabaseError):
            connection.execute("REINDEX")
        complaints = _complaints(connection)
        _log.warning("Indexes of the database %s did not fit its tables, and have been made again.", path)
    if complaints:
        raise StoreLostError(f"The database {path} is damaged ({complaints[0]}). {RESTORE}")
    if path is not None:
        connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA foreign_keys = ON")
    # Written to even when nothing is to be done: a database that cannot be written is found out now.
    with transaction(connection):
        connection.execute(f"PRAGMA user_version = {version}")


def _bring_up_to_date(connection: Connection, path: Path | None) -> None:
    try:
        with in_sentences(path):
            version = _number(connection, "user_version")
            with transaction(connection):
                for script in _MIGRATIONS[version:]:
                    for statement in script.split(";"):
                        connection.execute(statement)
                if 0 < version < _SEALED <= len(_MIGRATIONS):
                    for table in SEALED:
                        table.seal_all(connection)
                connection.execute(f"PRAGMA application_id = {_APPLICATION}")
                connection.execute(f"PRAGMA user_version = {len(_MIGRATIONS)}")
            # A young database is whole in its own file, whatever becomes of the log beside it.
            checkpoint(connection)
    except BaseException:
        connection.close()
        raise


def checkpoint(connection: Connection) -> None:
    """Bring what stands in the log beside a database into its own file; a reader may prevent it."""
    if connection.mode != "memory":
        with suppress(sqlite3.OperationalError):
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def require_file(path: Path) -> None:
    """Make sure that a database can be opened at ``path``, and make an empty one if there is nothing.

    Raises:
        StoreError: something else stands there, or it may not be read.
        OSError: there is none, and none can be made.
    """
    try:
        found = path.lstat().st_mode
    except FileNotFoundError:
        # For its owner alone from the first moment; what SQLite puts beside it has the same mode.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        flush(path.parent)
        return
    except OSError as error:
        raise StoreError(unreadable(path, error)) from error
    if stat.S_ISLNK(found) and path.is_file():
        found = path.stat().st_mode  # the operator keeps it elsewhere
    if not stat.S_ISREG(found):
        raise StoreLostError(f"The database {path} is not a file any more. {RESTORE}")
    try:
        os.close(os.open(path, os.O_RDONLY))
    except OSError as error:
        raise StoreError(unreadable(path, error)) from error
    for beside in (path.with_name(path.name + ending) for ending in BESIDE):
        # SQLite writes nothing but files; what else stands in their place stands in its way.
        if os.path.lexists(beside) and not stat.S_ISREG(beside.lstat().st_mode):
            aside = beside.with_name(f"{beside.name}.{secrets.token_hex(4)}")
            beside.rename(aside)
            _log.warning("%s was not a file, and is %s now.", beside, aside.name)


def _can_lock(folder: Path) -> bool:
    """Say whether files in a folder can be locked, as SQLite does it."""
    try:
        import fcntl

        with tempfile.TemporaryFile(dir=folder) as file:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except ImportError:
        return True
    except OSError as error:
        # Where nothing can be written, something else is wrong.
        return error.errno in {errno.EACCES, errno.EROFS, errno.ENOSPC, errno.EPERM, errno.EDQUOT}
    return True


def _is_of_file_system(error: BaseException | None) -> bool:
    code = getattr(error, "sqlite_errorcode", 0)
    return code & 0xFF in {
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_NOLFS,
        sqlite3.SQLITE_CANTOPEN,
    }


def _number(connection: sqlite3.Connection, pragma: str) -> int:
    return int(connection.execute(f"PRAGMA {pragma}").fetchone()[0])


def _schema(connection: sqlite3.Connection) -> list[tuple[str, str]]:
    """Return the tables and indexes of a database, with how each was made; SQLite's own are left out."""
    return connection.execute(
        "SELECT name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%' ORDER BY name"
    ).fetchall()


def _schema_of(version: int) -> list[tuple[str, str]]:
    with closing(sqlite3.connect(":memory:")) as made:
        for script in _MIGRATIONS[:version]:
            made.executescript(script)
        return _schema(made)


def _complaints(connection: sqlite3.Connection) -> list[str]:
    """Return what is wrong with the file, or nothing."""
    found = [" ".join(str(said).split()) for (said,) in connection.execute("PRAGMA integrity_check")]
    # What stands in a cell and may not is for ``rows.py`` to find.
    return [] if found == ["ok"] else [said for said in found if not _OF_CELL.search(said)]


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
        StoreLostError: what it has raised says that the file is damaged.
    """
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
        said = str(error)
        if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
            told = "is in use by another program; stop that, or set DATA_DIR to another folder."
        elif code == sqlite3.SQLITE_READONLY:
            told = "is read-only; make it writable for the user that runs the bot, or set another DATA_DIR."
        elif code == sqlite3.SQLITE_FULL:
            told = "cannot grow because the disk is full; make room and start again."
        elif code in {sqlite3.SQLITE_IOERR, sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_CANTOPEN}:
            told = f"cannot be read or written ({said}); look at the disk, and at who may use the folder."
        else:
            raise StoreLostError(f"The database {path} is damaged ({said}). {RESTORE}") from error
        raise StoreError(f"The database {path} {told}") from error


def unreadable(path: Path, error: OSError) -> str:
    """Say that something cannot be read, and what to do."""
    reason = error.strerror or str(error)
    return (
        f"{path} cannot be read ({reason}): make it readable and writable for the user that runs the bot, or"
        " set DATA_DIR to another folder."
    )
