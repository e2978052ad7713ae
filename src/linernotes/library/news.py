"""What one process tells the others that share its database: PostgreSQL's NOTIFY, sent with what it is about.

A change and its news are one transaction. Who was not connected has missed them: so all is looked up again
after each connection. A database in a file has one process, and nobody to tell.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, get_args

if TYPE_CHECKING:
    from collections.abc import Callable

    import psycopg
    import sqlalchemy as sa

# One name for all that is said of the database: who reads the log may filter by it.
_log = logging.getLogger("linernotes.library.store")

Topic = Literal["library", "settings", "shared", "all"]
"""What has changed: a server's library or its settings, the shared corpus; ``all``: perhaps anything."""

_TOPICS: Final[dict[str, Topic]] = {topic: topic for topic in get_args(Topic)}
_CHANNEL: Final = "linernotes"
_CONNECT_SECONDS: Final = 3
# A connection that is lost is noticed by being used.
_QUIET_SECONDS: Final = 2.0
_AGAIN_SECONDS: Final = 0.5
_STEP_SECONDS: Final = 0.2
_CLOSE_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class News:
    """What has changed, and of which server."""

    topic: Topic
    guild: int | None = None


def tell(db: sa.Connection, topic: Topic, guild: int | None = None) -> None:
    """Let the other processes know of a change when it is committed with this transaction."""
    if db.dialect.name != "postgresql":
        return
    from sqlalchemy import text

    send = text("SELECT pg_notify(:channel, current_setting('application_name') || ' ' || :said)")
    db.execute(send, {"channel": _CHANNEL, "said": f"{topic} {guild or 0}"})


class Listener:
    """Hears what other processes tell, in a thread of its own, and hands it to the event loop."""

    def __init__(self, url: str, name: str, hand: Callable[[News], object]) -> None:
        """Begin to listen.

        Args:
            url: the server's address.
            name: what this process is called on the server; its own news are not handed on.
            hand: called in the event loop that runs now, with ``all`` after each connection.
        """
        self._url = url
        self._name = name
        self._hand = hand
        self._loop = asyncio.get_running_loop()
        self._is_closed = threading.Event()
        self._thread = threading.Thread(target=self._listen, name="linernotes-news", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Hear no more; waits for the thread's end, unless that still tries to connect."""
        self._is_closed.set()
        self._thread.join(_CLOSE_SECONDS)

    def _listen(self) -> None:
        import psycopg

        is_told = False
        while not self._is_closed.is_set():
            try:
                with psycopg.connect(
                    self._url,
                    autocommit=True,
                    connect_timeout=_CONNECT_SECONDS,
                    application_name=f"{self._name} news",
                    tcp_user_timeout=_CONNECT_SECONDS * 1_000,
                ) as connection:
                    connection.execute(f"LISTEN {_CHANNEL}")
                    is_told = False
                    self._pass_on(News("all"))
                    self._hear(connection)
            except psycopg.Error as error:
                if not is_told:
                    is_told = True
                    _log.warning("What other processes change is not heard: %s", type(error).__name__)
                self._is_closed.wait(_AGAIN_SECONDS)

    def _hear(self, connection: psycopg.Connection) -> None:
        """Hand on what comes, until the end.

        Raises:
            psycopg.Error: the connection is lost.
        """
        used = time.monotonic()
        while not self._is_closed.is_set():
            for each in connection.notifies(timeout=_STEP_SECONDS, stop_after=1):
                used = time.monotonic()
                if (found := read(each.payload, self._name)) is not None:
                    self._pass_on(found)
            if time.monotonic() - used > _QUIET_SECONDS:
                connection.execute("SELECT 1")
                used = time.monotonic()

    def _pass_on(self, news: News) -> None:
        with suppress(RuntimeError):  # the loop has been closed
            self._loop.call_soon_threadsafe(self._hand, news)


def read(payload: str, name: str) -> News | None:
    """Return what another process has told; ``None`` for our own news, and for what is none of ours."""
    sender, _, said = payload.rpartition(" ")
    sender, _, written = sender.rpartition(" ")
    topic = _TOPICS.get(written)
    if sender == name or topic is None or not said.isdecimal():
        return None
    return News(topic, int(said) or None)
