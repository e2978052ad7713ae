"""The database file: opened, checked, brought up to date by its migrations; errors become sentences. SQLite.

What the tables hold is ``store.py``'s and ``catalogue.py``'s to say. A new table or column stands in
``tables.py``, and in a script of its own in ``migrations/``; one that was released is never changed. What
names a person goes in ``Store.forget``, too.

The file is opened and looked at with SQLite's own words; statements on its rows are SQLAlchemy's, over the
same connection (``bound``). A start that finds all as it was needs neither Alembic nor the tables.
"""

from __future__ import annotations

import errno
import hashlib
import json
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

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    import sqlalchemy as sa

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
    if version > FORMAT:
        raise StoreError(
            f"The database {path.name} is from a newer version of this program (its format is {version}, this"
            f" one knows {FORMAT}): install that version."
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


FORMAT: Final = 5
"""The format of a database of this version; ``migrations/`` has a script for each."""

# The tables, columns, keys and indexes of each format, as ``_structure`` finds them; a test makes each anew.
_STRUCTURES: Final = {
    1: "76b0b16c200fc78c31ffd0b266674986",
    2: "abb8db46a40b11e888c6df3afde04378",
    3: "c32a5bf45d98996fd4522199e268b8f2",
    4: "b23731b2fd22383a9a21b99e10244e5e",
    5: "b23731b2fd22383a9a21b99e10244e5e",
}

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

_CHECK: Final = re.compile(r"\bCHECK\s*(\((?:[^()]|\([^()]*\))*\))", re.IGNORECASE)

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
    if version > FORMAT:
        raise StoreLostError(
            f"The database {path} is from a newer version of this program (its format is {version}, this"
            f" one knows {FORMAT}): install that version, or put back a copy from before."
        )
    if version and _structure(connection) != _STRUCTURES[version]:
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
            if version != FORMAT:
                _migrate(connection, version)
            # A young database is whole in its own file, whatever becomes of the log beside it.
            checkpoint(connection)
    except BaseException:
        connection.close()
        raise


def _migrate(connection: Connection, version: int) -> None:
    """Make the tables, or bring those of an older version up to date: all of it, or nothing.

    Raises:
        sqlite3.Error: it cannot be written; or SQLAlchemy's error with that as its cause.
    """
    with bound(connection) as db, db.begin():
        if version:
            from linernotes.library.migrations import upgrade

            upgrade(db, version, FORMAT)
        else:
            from linernotes.library.tables import metadata

            metadata.create_all(db, checkfirst=False)
        db.exec_driver_sql(f"PRAGMA application_id = {_APPLICATION}")
        db.exec_driver_sql(f"PRAGMA user_version = {FORMAT}")


def bound(connection: Connection) -> sa.Connection:
    """Return SQLAlchemy's connection over SQLite's; closing it leaves SQLite's open.

    Each transaction may write from its first moment on (``BEGIN IMMEDIATE``): who comes second waits, and is
    never told half way that somebody else was faster.
    """
    import sqlalchemy as sa

    engine = sa.create_engine(
        "sqlite://", creator=lambda: connection, poolclass=sa.StaticPool, pool_reset_on_return=None
    )
    sa.event.listen(engine, "begin", lambda _db: connection.execute("BEGIN IMMEDIATE"))
    return engine.connect()


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


def _structure(connection: sqlite3.Connection) -> str:
    """Return a digest of the tables, columns, keys, checks and indexes of a database, however it was made.

    The words of the statements that made them do not count: SQLAlchemy's are not those of older versions.
    """
    objects = connection.execute(
        "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
        " ORDER BY type, name"
    ).fetchall()
    found: list[object] = [(kind, name, table) for kind, name, table, _ in objects]
    for kind, name, _, made in objects:
        if kind == "table":
            found.append([name, sorted(" ".join(each.split()) for each in _CHECK.findall(str(made)))])
    ours = (
        "FROM sqlite_master AS m, {} AS x WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
    )
    for said in (
        # Whether a column of the key may be empty is said by some and not by others.
        'SELECT m.name, x.name, x.type, x.pk OR x."notnull", x.dflt_value, x.pk '
        + ours.format("pragma_table_xinfo(m.name)")
        + " ORDER BY m.name, x.cid",
        'SELECT m.name, x."from", x."table", x.on_update, x.on_delete '
        + ours.format("pragma_foreign_key_list(m.name)")
        + ' ORDER BY m.name, x."from"',
        'SELECT m.name, x."unique", x.origin, x.partial, group_concat(y.name) '
        + ours.format("pragma_index_list(m.name) AS x, pragma_index_info(x.name)").replace(
            " AS x WHERE", " AS y WHERE"
        )
        + " GROUP BY m.name, x.name ORDER BY m.name, x.origin, group_concat(y.name)",
    ):
        found += connection.execute(said).fetchall()
    return hashlib.sha256(json.dumps(found).encode()).hexdigest()[:32]


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
    except Exception as raised:
        # SQLAlchemy's errors have SQLite's own within.
        error = getattr(raised, "orig", raised)
        if not isinstance(error, sqlite3.Error):
            raise
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
