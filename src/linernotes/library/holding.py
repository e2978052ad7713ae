"""What a process holds of a PostgreSQL server's database: its shards, or all; and whose library it changes.

Each is an advisory lock of one connection, and goes with it: what dies gives all of it up, within a moment
where its machine goes on, and within some ten seconds where that is gone too.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Final

from linernotes.errors import StoreTakenError

if TYPE_CHECKING:
    import sqlalchemy as sa

    from linernotes.shards import Shards

# One name for all that is said of the database: who reads the log may filter by it.
_log = logging.getLogger("linernotes.library.store")

# Numbers of advisory locks; 0x4C4E is ours. PostgreSQL keeps those of one number and of two apart.
_ALONE: Final = 0x4C4E0004
_SHARD: Final = 0x4C4E0005
_COUNT: Final = 0x4C4E0006
# Of one number, and none of the others': a server's id is below 2^62.
_LIBRARY: Final = 0x4C4E << 48

WAIT_SECONDS: Final = 15.0
"""So long a start waits for what a process before it, which ends or has just died, still holds."""

# A connection that nobody answers for is given up by the server after five seconds and three times two.
ALIVE: Final = "-c tcp_keepalives_idle=5 -c tcp_keepalives_interval=2 -c tcp_keepalives_count=3"
"""What a session is told, so that the locks of a machine that is gone are free again soon."""

_AGAIN_SECONDS: Final = 0.25

ONE_ELSE: Final = (
    "The database on the server (DATABASE_URL) is in use by another process of this program: stop it, name"
    " another database, or let several share it by SHARDS."
)


def take(db: sa.Connection, shards: Shards | None, seconds: float) -> None:
    """Hold these shards, or with ``None`` all there is, as long as the connection lasts.

    Args:
        db: a connection of its own, each statement a transaction.
        shards: what this process serves.
        seconds: how long it is waited for what another process holds.

    Raises:
        StoreTakenError: another process holds some of it, or divides the servers in another way.
    """
    until, is_told = time.monotonic() + seconds, False
    while (found := _try(db, shards)) is not None:
        db.exec_driver_sql("SELECT pg_advisory_unlock_all()")
        if time.monotonic() >= until:
            raise StoreTakenError(found)
        if not is_told:
            is_told = True
            _log.info("Waiting for a process that still holds it, for %d seconds at most: %s", seconds, found)
        time.sleep(_AGAIN_SECONDS)


def _try(db: sa.Connection, shards: Shards | None) -> str | None:
    """Take the locks; what is wrong is returned as a sentence."""
    import sqlalchemy as sa

    func = sa.func
    if shards is None:
        return None if db.scalar(sa.select(func.pg_try_advisory_lock(_ALONE))) else ONE_ELSE
    if not db.scalar(sa.select(func.pg_try_advisory_lock_shared(_ALONE))):
        return (
            "The database on the server (DATABASE_URL) is in use by a process of this program without SHARDS,"
            " which serves all servers: stop it first."
        )
    db.execute(sa.select(func.pg_advisory_lock_shared(_COUNT, shards.count)))
    counts = sa.text(
        "SELECT objid::bigint FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 2"
        " AND classid::bigint = :ours AND objid::bigint <> :count"
        " AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) LIMIT 1"
    )
    if (other := db.scalar(counts, {"ours": _COUNT, "count": shards.count})) is not None:
        return (
            f"SHARDS={shards}: another process on this database divides the servers by {other}, and not by"
            f" {shards.count}: stop it first."
        )
    for each in shards.ids:
        if not db.scalar(sa.select(func.pg_try_advisory_lock(_SHARD, each))):
            return f"SHARDS={shards}: shard {each} is served by another process on this database."
    return None


def take_library(db: sa.Connection, guild: int) -> bool:
    """Hold a server's library as long as the connection lasts; ``False`` if another process does."""
    import sqlalchemy as sa

    return bool(db.scalar(sa.select(sa.func.pg_try_advisory_lock(_LIBRARY ^ guild))))


def give_library(db: sa.Connection, guild: int) -> None:
    """Let go of a server's library."""
    import sqlalchemy as sa

    db.execute(sa.select(sa.func.pg_advisory_unlock(_LIBRARY ^ guild)))
