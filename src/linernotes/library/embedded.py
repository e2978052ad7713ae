"""The embedded database: one SQLite file that this process alone works with, or one in memory.

Every call comes from the store's one thread. A statement that waits, and the seals of many rows, would hold
up the event loop: so the connection is SQLAlchemy's synchronous one, in that thread.
"""

from __future__ import annotations

import logging
import sqlite3
import weakref
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, TypeVar

from linernotes.errors import StoreLostError
from linernotes.library.database import bound, checkpoint, connect, in_sentences

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import sqlalchemy as sa

    from linernotes.library.database import Connection

# One name for all that is said of the database: who reads the log may filter by it.
_log = logging.getLogger("linernotes.library.store")
_T = TypeVar("_T")


class EmbeddedDatabase:
    """The database at ``path``, or one in memory; opened with the first call."""

    def __init__(self, path: Path | None) -> None:
        """Take the file; its folder is made."""
        self._path = path
        self._connection: Connection | None = None
        self._db: sa.Connection | None = None
        self._file: tuple[int, int] | None = None
        self.is_in_memory = path is None
        """Whether what is kept is gone when the process ends; known once it has been opened."""

    @property
    def connection(self) -> Connection | None:
        """SQLite's own connection, which knows its mode; ``None`` until it has been opened."""
        return self._connection

    def open(self) -> None:
        """Open the database, make it if there is none, and bring an older one up to date.

        Raises:
            StoreError: it is locked, read-only or cannot be read.
            StoreLostError: it is damaged, another program's or from a newer version; or it has been removed
                or replaced while it was in use.
        """
        if self._connection is None:
            self._connection = self._connect()
            # For whoever forgets to close the store: the connection goes with it.
            weakref.finalize(self, self._connection.close)
        # What is written must be found again.
        if self._file is not None and self._path is not None and self._file != _identity(self._path):
            raise StoreLostError(
                f"The database {self._path} has been removed or replaced while the bot was running. Stop the"
                " bot, put back what was there, and start it again; until then nothing new is kept."
            )

    def transact(self, work: Callable[[sa.Connection], _T], *, lasting: bool) -> _T:
        """Do work as one transaction.

        Args:
            work: what to do.
            lasting: whether it is to be on the disk, and in the database's own file, before this returns.

        Raises:
            StoreError: as ``open``; or the disk is full.
        """
        self.open()
        connection = self._connection
        assert connection is not None  # noqa: S101  it has been opened
        if self._db is None:
            self._db = bound(connection)
        with in_sentences(self._path):
            if not lasting:
                with _begun(self._db, connection):
                    return work(self._db)
            connection.execute("PRAGMA synchronous = FULL")
            try:
                with _begun(self._db, connection):
                    done = work(self._db)
            finally:
                connection.execute("PRAGMA synchronous = NORMAL")
            checkpoint(connection)
            return done

    def copy(self, path: Path) -> None:
        """Write the database as it is now into a new file, which is whole by itself.

        Raises:
            StoreError: the database cannot be read, or the copy not written.
        """
        self.open()
        assert self._connection is not None  # noqa: S101  it has been opened
        with in_sentences(self._path), closing(sqlite3.connect(path, isolation_level=None)) as made:
            self._connection.backup(made)
            # One file, and nothing beside it.
            made.execute("PRAGMA journal_mode = DELETE")

    def close(self) -> None:
        """Close the database."""
        if self._connection is not None:
            self._connection.close()

    def _connect(self) -> Connection:
        path = self._path
        if path is not None:
            try:
                path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                connection = connect(path)
                self._file = _identity(path)
            except OSError as error:
                reason = error.strerror or error
                _log.warning(
                    "%s cannot be written (%s): settings and buttons last until the bot stops.", path, reason
                )
                self.is_in_memory = True
            else:
                return connection
        return connect(None)


@contextmanager
def _begun(db: sa.Connection, connection: Connection) -> Iterator[None]:
    """Do all of what is done meanwhile, or nothing."""
    try:
        with db.begin():
            yield
    except BaseException:
        # What SQLite refuses to commit, SQLAlchemy takes for done. A full disk has rolled it back already.
        if connection.in_transaction:
            connection.rollback()
        raise


def _identity(path: Path) -> tuple[int, int] | None:
    """Return what a file is to the system, whatever it is called; ``None`` if there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
