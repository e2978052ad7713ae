"""A PostgreSQL server: the database that several processes share.

As with the embedded one, every call comes from the store's one thread, and the connection is SQLAlchemy's
synchronous one. What SQLite does by letting one transaction write at a time is done here by a lock: those
that moderators are promised something of go one after the other, over all processes. The server may go away:
each call says so at once, and the first one after it is back finds it.
"""

from __future__ import annotations

import logging
import secrets
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final, NoReturn, TypeVar

from linernotes.errors import BackupError, StoreAwayError, StoreError, StoreLostError, StoreTakenError
from linernotes.library import holding
from linernotes.library.database import FORMAT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import sqlalchemy as sa

    from linernotes.shards import Shards

# One name for all that is said of the database: who reads the log may filter by it.
_log = logging.getLogger("linernotes.library.store")
_T = TypeVar("_T")

# Numbers of advisory locks; 0x4C4E is ours.
_WRITING: Final = 0x4C4E0002
_MIGRATING: Final = 0x4C4E0003

_CONNECT_SECONDS: Final = 3
_STATEMENT_SECONDS: Final = 30
_LOCK_SECONDS: Final = 5
# What waits while the server is away is told so at once, and not one after the other after its own wait.
_AWAY_SECONDS: Final = 1.0
# Two that wait for each other: the server ends one of them, and that one begins again.
_TRIES: Final = 3
# Of PostgreSQL's error codes: https://www.postgresql.org/docs/current/errcodes-appendix.html
_AGAIN: Final = {"40001", "40P01"}
_TOO_LONG: Final = "57014"


class ServerDatabase:
    """The database of a PostgreSQL server; connected to with the first call, and again after it was lost."""

    is_in_memory: Final = False
    """Nothing is gone when the process ends."""

    connection: Final = None
    """There is no connection of SQLite's."""

    def __init__(
        self,
        url: str,
        *,
        alone: bool = False,
        shards: Shards | None = None,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take the server's address.

        Args:
            url: ``postgresql://user:password@host/name``.
            alone: whether other processes are kept out of what this one serves, as long as it lives and is
                connected.
            shards: what it serves; by default, all there is.
            ticks: gives seconds that go on evenly.
        """
        self._url = url
        self._alone = alone
        self._shards = shards
        self._ticks = ticks
        self._holding: sa.Connection | None = None
        self._libraries: set[int] = set()
        self._engine: sa.Engine | None = None
        self._is_ready = False
        self._was_ready = False
        self._away_until = float("-inf")
        self._taken_since: float | None = None
        self.name: Final = f"linernotes {secrets.token_hex(8)}"
        """What its sessions are called on the server, by which its own news are known."""

    def open(self) -> None:
        """Connect, make the tables if there are none, and bring older ones up to date.

        Raises:
            StoreAwayError: the server cannot be reached.
            StoreTakenError: another process works with what this one is to have to itself.
            StoreLostError: the database is from a newer version.
        """
        if self._is_ready:
            return
        if self._ticks() < self._away_until:
            raise StoreAwayError(AWAY)
        try:
            self._run(_prepare)
            if self._alone:
                self._hold()
        except BaseException:
            self.close()
            raise
        self._is_ready = self._was_ready = True

    def look(self) -> None:
        """Make sure that what this process holds is still held; where the connection was lost, take it again.

        Raises:
            StoreAwayError: the server cannot be reached.
            StoreTakenError: another process has had it for so long that it is no remainder of our own.
        """
        self.open()
        if self._holding is not None:
            with self._on_holding() as db:
                db.exec_driver_sql("SELECT 1")

    @property
    def is_superseded(self) -> bool:
        """Say whether another process has long had what this one held."""
        since = self._taken_since
        return since is not None and self._ticks() - since > holding.WAIT_SECONDS

    def take_library(self, guild: int) -> bool:
        """Hold a server's library until it is given back; ``False`` if another process does.

        Raises:
            StoreAwayError: the server cannot be reached.
        """
        self.open()
        with self._on_holding() as db:
            if not holding.take_library(db, guild):
                return False
        self._libraries.add(guild)
        return True

    def give_library(self, guild: int) -> None:
        """Let go of a server's library; where the connection was lost, that has been done."""
        self._libraries.discard(guild)
        if self._holding is not None:
            with suppress(StoreError), self._on_holding() as db:
                holding.give_library(db, guild)

    def examine(self) -> int:
        """Connect without changing anything, and return the format of the database; 0 if it is empty.

        Raises:
            StoreAwayError: the server cannot be reached.
            StoreLostError: the database is from a newer version, or another program's.
        """
        return self._run(_format)

    def transact(self, work: Callable[[sa.Connection], _T], *, lasting: bool) -> _T:
        """Do work as one transaction; it is done again where another one stood in its way.

        Args:
            work: what to do.
            lasting: whether somebody is promised that it is kept: it is on the server's disk before this
                returns, and no other such transaction, of whatever process, comes between.

        Raises:
            StoreAwayError: the server cannot be reached, or does not answer in time.
            StoreError: it refuses what is asked of it.
        """
        self.open()
        if self._ticks() < self._away_until:
            raise StoreAwayError(AWAY)

        def begun(db: sa.Connection) -> _T:
            import sqlalchemy as sa

            if lasting:
                db.execute(sa.select(sa.func.pg_advisory_xact_lock(_WRITING)))
            else:
                db.exec_driver_sql("SET LOCAL synchronous_commit = off")
            return work(db)

        return self._run(begun)

    def copy(self, path: Path) -> NoReturn:
        """Refuse: a copy of the database is the server's to make.

        Raises:
            BackupError: always.
        """
        raise BackupError(
            f"The database is on a PostgreSQL server, and cannot be written to {path.name}: back it up there,"
            " with pg_dump. It holds all that is kept; DATA_DIR is made again from it."
        )

    def close(self) -> None:
        """Disconnect."""
        self._is_ready = False
        if self._holding is not None:
            # Thrown away and not given back to the pool: its lock goes with it.
            self._holding.invalidate()
            self._holding.close()
            self._holding = None
        if self._engine is not None:
            self._engine.dispose()

    def _hold(self) -> None:
        """Keep other processes out of what this one serves.

        Raises:
            StoreTakenError: one of them is in.
        """
        with self._on_holding() as db:
            try:
                holding.take(db, self._shards, 0.0 if self._was_ready else holding.WAIT_SECONDS)
            except StoreTakenError:
                if self._was_ready and self._taken_since is None:
                    # It may be our own connection, of which the server has not heard yet that it is gone.
                    _log.warning("What this process serves is held by another connection.")
                    self._taken_since = self._ticks()
                self._away_until = self._ticks() + _AWAY_SECONDS
                raise
            self._taken_since = None
            for guild in self._libraries:
                holding.take_library(db, guild)

    @contextmanager
    def _on_holding(self) -> Iterator[sa.Connection]:
        """Give the one connection that locks are of.

        Raises:
            StoreAwayError: it is lost, and with it what it held.
        """
        import sqlalchemy as sa

        try:
            if self._holding is None:
                made = self._connected().connect()
                self._holding = made.execution_options(isolation_level="AUTOCOMMIT")
            yield self._holding
        except sa.exc.DBAPIError as error:
            self._lose(error)

    def _run(self, work: Callable[[sa.Connection], _T]) -> _T:
        import sqlalchemy as sa

        engine = self._connected()
        for tried in range(1, _TRIES + 1):
            try:
                with engine.begin() as db:
                    done = work(db)
            except sa.exc.DBAPIError as error:
                code = getattr(error.orig, "sqlstate", None)
                if code in _AGAIN and tried < _TRIES:
                    continue
                if error.connection_invalidated or _is_away(error, code):
                    self._lose(error, is_busy=not error.connection_invalidated and _is_busy(code))
                raise StoreError(f"The database on the server refuses this: {_said(error)}.") from error
            if self._away_until > float("-inf"):
                self._away_until = float("-inf")
                _log.warning("The database's server is there again.")
            return done
        raise AssertionError  # the last try has returned or raised

    def _lose(self, error: sa.exc.DBAPIError, *, is_busy: bool = False) -> NoReturn:
        """Take note that the server is not to be had; one that is only busy leaves us what we hold."""
        if self._away_until == float("-inf"):
            _log.warning("The database's server is not to be had: %s", _said(error))
        self._away_until = self._ticks() + _AWAY_SECONDS
        if not is_busy:
            self.close()
        raise StoreAwayError(AWAY) from error

    def _connected(self) -> sa.Engine:
        import sqlalchemy as sa

        if self._engine is None:
            self._engine = sa.create_engine(
                sa.make_url(self._url).set(drivername="postgresql+psycopg"),
                # A thread has one; files are for several. Each is looked at before it is used: the server may
                # have been restarted.
                pool_size=2,
                max_overflow=4,
                pool_pre_ping=True,
                connect_args={
                    "connect_timeout": _CONNECT_SECONDS,
                    "application_name": self.name,
                    "tcp_user_timeout": _CONNECT_SECONDS * 1_000,
                    "options": f"{holding.ALIVE} -c statement_timeout={_STATEMENT_SECONDS}s"
                    f" -c lock_timeout={_LOCK_SECONDS}s"
                    f" -c idle_in_transaction_session_timeout={_STATEMENT_SECONDS}s",
                },
            )
        return self._engine


AWAY: Final = (
    "The database's server (DATABASE_URL) is not to be had at the moment; the bot goes on trying. Is it"
    " running, and may this machine reach it?"
)
"""What is said as long as the server is away; neither its name nor a password stands in it."""


def _prepare(db: sa.Connection) -> None:
    """Make the tables if there are none, and bring older ones up to date; one process at a time.

    Raises:
        StoreLostError: they are from a newer version, or another program's.
    """
    import sqlalchemy as sa

    db.execute(sa.select(sa.func.pg_advisory_xact_lock(_MIGRATING)))
    version = _format(db)
    if not version:
        from linernotes.library.tables import metadata, of_server

        for each in (metadata, of_server):
            each.create_all(db, checkfirst=False)
        db.exec_driver_sql("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)")
        db.exec_driver_sql(f"INSERT INTO alembic_version VALUES ('{FORMAT:04}')")  # noqa: S608  our own number
    elif version < FORMAT:
        from linernotes.library.migrations import upgrade

        upgrade(db, version, FORMAT)


def _format(db: sa.Connection) -> int:
    """Return the format of a database; 0 if it is empty.

    Raises:
        StoreLostError: it is from a newer version, or another program's.
    """
    import sqlalchemy as sa

    from linernotes.library.tables import metadata

    there = set(
        db.execute(sa.text("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()")).scalars()
    )
    if "alembic_version" not in there:
        if there & metadata.tables.keys():
            raise StoreLostError(
                "The database on the server holds tables of another program: name an empty one in"
                " DATABASE_URL."
            )
        return 0
    found = db.exec_driver_sql("SELECT max(version_num) FROM alembic_version").scalar()
    version = int(str(found)) if str(found).isdecimal() else 0
    if version > FORMAT:
        raise StoreLostError(
            f"The database on the server is from a newer version of this program (its format is {version},"
            f" this one knows {FORMAT}): install that version, or restore what was there before."
        )
    return version


def _is_away(error: sa.exc.DBAPIError, code: str | None) -> bool:
    """Say whether the server is not there, ends, has no room for us or does not answer in time."""
    import sqlalchemy as sa

    if code is None:
        return isinstance(error, sa.exc.OperationalError | sa.exc.InterfaceError)
    return code[:2] in {"08", "53", "55", "57"}


def _is_busy(code: str | None) -> bool:
    """Say whether the server is there, and has no room for us or does not answer in time."""
    return code is not None and (code[:2] in {"53", "55"} or code == _TOO_LONG)


def _said(error: sa.exc.DBAPIError) -> str:
    """Return what the server has said, without what it was asked: people's words may stand there."""
    primary = getattr(getattr(error.orig, "diag", None), "message_primary", None)
    return primary or type(error.orig).__name__
