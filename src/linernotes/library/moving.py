"""Moving: a backup of a data folder in, a PostgreSQL server's database out; nothing is there until all is.

Files are put on the server first, rows in one transaction after them. Cut short, it is done again: without
rows, the database counts as empty.
"""

from __future__ import annotations

import logging
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final

from linernotes.errors import BackupError, ConfigurationError, EditionError
from linernotes.library.backup import opened, require_usable
from linernotes.library.blobs import Blobs
from linernotes.library.database import NAME
from linernotes.library.embedded import EmbeddedDatabase
from linernotes.library.folders import DIGEST, Folders, reason_of, remove
from linernotes.library.locks import lock
from linernotes.library.postgresql import ServerDatabase
from linernotes.library.quarantine import require_cache
from linernotes.library.restoring import PLACE, settle
from linernotes.library.rows import (
    ANSWERS,
    AUDIT,
    BLOCKED,
    CHANNELS,
    CHECKS,
    DEPARTURES,
    FACTS,
    FEEDBACK,
    GAPS,
    QUESTIONS,
    RELEASED,
    REVISIONS,
    SERVERS,
    SET_ASIDE,
    SWEPT,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import sqlalchemy as sa

    from linernotes.library.backup import Manifest, Progress

# One name for all that is said of the database: who reads the log may filter by it.
_log = logging.getLogger("linernotes.library.store")

# What others hang on comes before them. Not the quarantine's: its files stay where they are.
_TABLES: Final = (
    FACTS,
    SERVERS,
    CHANNELS,
    BLOCKED,
    REVISIONS,
    AUDIT,
    CHECKS,
    GAPS,
    DEPARTURES,
    RELEASED,
    SET_ASIDE,
    ANSWERS,
    FEEDBACK,
    QUESTIONS,
)
# Of these, the database counts the rows.
_COUNTED: Final = (GAPS, SET_ASIDE)


def move(file: Path, folder: Path, url: str, *, now: Callable[[], float], progress: Progress) -> Manifest:
    """Put what a backup of a data folder holds on a server, after all of it has been verified.

    Args:
        file: the backup.
        folder: the data folder, in which it is unpacked for the time being.
        url: the server's address; its database must be empty.
        now: gives seconds since 1970.
        progress: told how far it is.

    Raises:
        BackupError: the backup cannot be read, is damaged, or from a newer version.
        ConfigurationError: the database is not empty, or the folder cannot be written, or holds another.
        StoreError: the server cannot be reached, or a process works with the database.
    """
    try:
        data = file.open("rb")
    except OSError as error:
        raise BackupError(f"The backup {file} cannot be read: {error.strerror or error}.") from None
    with data, opened(data, file) as backup, lock(folder), closing(ServerDatabase(url, alone=True)) as server:
        settle(folder)
        require_cache(folder / NAME)
        server.transact(_require_empty, lasting=False)
        new = folder / PLACE / "new"
        try:
            new.mkdir(mode=0o700, parents=True)
            backup.read_all("unpack", progress, new)
            require_usable(new, backup.manifest, file)
            rows = _rows(new / NAME, now())
            with closing(Blobs(url)) as blobs:
                _put_files(new, blobs, progress, backup.manifest.size)
            server.transact(lambda db: _insert(db, rows), lasting=True)
        except OSError as error:
            raise ConfigurationError(
                f"The data folder {folder} cannot be written to: {error.strerror or error}."
            ) from error
        finally:
            remove(folder / PLACE)
    return backup.manifest


def _require_empty(db: sa.Connection) -> None:
    """Make sure that nothing of a server's is in a database.

    Raises:
        ConfigurationError: something is.
    """
    there = [table.name for table in _TABLES if table is not FACTS and table.has(db)]
    if there:
        raise ConfigurationError(
            f"The database on the server (DATABASE_URL) is not empty: there are rows in {', '.join(there)}."
            " Name an empty one. Nothing has changed."
        )


def _rows(path: Path, now: float) -> Mapping[str, Sequence[tuple[Any, ...]]]:
    """Return the rows of a database file by their table; what is damaged is put aside among them."""

    def read(db: sa.Connection) -> Mapping[str, Sequence[tuple[Any, ...]]]:
        for table in SWEPT:
            for damaged in table.set_aside(db, now):
                _log.warning("%s It has been put aside.", damaged)
        return {table.name: table.select(db) for table in _TABLES}

    with closing(EmbeddedDatabase(path)) as database:
        return database.transact(read, lasting=False)


def _put_files(new: Path, blobs: Blobs, progress: Progress, total: int) -> None:
    """Put uploads, segments and editions on the server; what is damaged of the last two can be made again."""
    done = 0
    for upload in sorted((new / "uploads").glob("*")):
        if DIGEST.fullmatch(upload.name):
            blobs.put("uploads", upload.name, {"file": upload})
            done += upload.stat().st_size
            progress("put", done, total)
    folders = Folders(new, blobs)
    for kind in ("segments", "editions"):
        for name in sorted(folders.names(kind)):
            try:
                folders.keep(kind, name)
            except (ValueError, EditionError) as error:
                _log.warning("%s of the backup is left out, and made again: %s", name, reason_of(error))
            done += sum(path.stat().st_size for path in (new / kind / name).rglob("*") if path.is_file())
            progress("put", done, total)


def _insert(db: sa.Connection, rows: Mapping[str, Sequence[tuple[Any, ...]]]) -> None:
    """Write all rows; of a damaged one, those that hang on it are left out with it."""
    from sqlalchemy import func, select

    _require_empty(db)
    answers = {key for key, *_ in rows[ANSWERS.name]}
    servers = {guild for guild, *_ in rows[SERVERS.name]}
    needs = {FEEDBACK.name: answers, CHANNELS.name: servers, BLOCKED.name: servers}
    for table in _TABLES:
        for row in rows[table.name]:
            if table.name not in needs or row[0] in needs[table.name]:
                table.insert(db, row, "replace" if table is FACTS else "refuse")
    for table in _COUNTED:
        largest = select(func.max(table.c.number)).scalar_subquery()
        sequence = func.pg_get_serial_sequence(table.name, "number")
        db.execute(select(func.setval(sequence, func.coalesce(largest, 1))))
