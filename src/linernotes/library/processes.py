"""The processes that share a database: whose turn it is, who changes a library, and who has been superseded.

Where the database is a file there is one, and all of this is answered at once.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import time
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Final

from linernotes.errors import ClosedError, StoreAwayError, StoreError, StoreTakenError
from linernotes.library.news import Listener, News
from linernotes.library.rows import FACTS
from linernotes.library.store import AT_WORK

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    import sqlalchemy as sa

    from linernotes.library.postgresql import ServerDatabase
    from linernotes.library.store import Store

# One name for all that is said of the database: who reads the log may filter by it.
_log = logging.getLogger("linernotes.library.store")

IDENTIFY_SECONDS: Final = 5.5
"""So far apart processes IDENTIFY: Discord's five seconds, and what a connection takes more than another."""
# Of so many seconds no row is.
_LONGEST_ROW_SECONDS: Final = 3 * 3600.0

LOOK_SECONDS = 2.0
"""So often it is looked at whether what this process holds is still held."""

# So long it is looked again for who has taken a library: the name is written a moment after the lock is
# taken, and goes a moment before the lock does.
_NAME_SECONDS: Final = 1.0
_NAME_AGAIN_SECONDS: Final = 0.05

# How the names of facts begin that say when somebody has identified last.
_IDENTIFY: Final = "identify: "


class Processes:
    """What this process has to do with the others on its database."""

    def __init__(self, store: Store) -> None:
        """Take the database."""
        self._store = store
        self._listeners: list[Callable[[News], object]] = []
        self._superseded: asyncio.Future[StoreTakenError] | None = None

    def listen(self, hand: Callable[[News], object]) -> None:
        """Call this in the event loop with what other processes tell, from now on; it must not wait."""
        self._listeners.append(hand)

    @asynccontextmanager
    async def together(self, url: str | None) -> AsyncIterator[None]:
        """Hear the others, and look after what this process holds, as long as the context lasts."""
        self._superseded = asyncio.get_running_loop().create_future()
        server = self._store.server
        if server is None or url is None:
            yield
            return
        listener = Listener(url, server.name, self._hand_on)
        looking = asyncio.create_task(self._look_again_and_again())
        try:
            yield
        finally:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)
            await asyncio.to_thread(listener.close)

    async def superseded(self) -> StoreTakenError:
        """Return when another process serves what this one did, which is to end then; with a sentence."""
        assert self._superseded is not None  # noqa: S101  the library is open
        return await asyncio.shield(self._superseded)

    def _hand_on(self, news: News) -> None:
        for each in self._listeners:
            each(news)

    async def _look_again_and_again(self) -> None:
        server = self._store.server
        assert server is not None  # noqa: S101  looked at by who calls
        assert self._superseded is not None  # noqa: S101  the same
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                await self._store.in_thread(server.look)
            except StoreTakenError as error:
                if server.is_superseded and not self._superseded.done():
                    self._superseded.set_result(error)
            except StoreAwayError:
                continue
            except StoreError as error:
                _log.warning("%s", error)
            except ClosedError:
                return

    # --- Libraries ---

    async def take_library(self, guild: int, told: str) -> str | None:
        """Hold a server's library against other processes until it is given back.

        Args:
            guild: the server.
            told: what others are told meanwhile.

        Returns:
            ``None``, or where another process holds it what that one tells, which may be nothing yet.

        Raises:
            StoreError: the database cannot be used.
            ClosedError: the store has been closed.
        """
        server = self._store.server
        if server is None:
            return None
        name = f"{AT_WORK}{guild}"
        until = time.monotonic() + _NAME_SECONDS
        while not await self._store.in_thread(functools.partial(server.take_library, guild)):
            found = await self._store.fact(name)
            if found or time.monotonic() >= until:
                return found or ""
            await asyncio.sleep(_NAME_AGAIN_SECONDS)
        try:
            await self._store.note(name, told)
        except BaseException:
            await self.give_library(guild)
            raise
        return None

    async def give_library(self, guild: int) -> None:
        """Let go of a server's library; also where who asks has been cancelled."""
        if self._store.server is not None:
            await asyncio.shield(self._give_library(self._store.server, guild))

    async def _give_library(self, server: ServerDatabase, guild: int) -> None:
        with suppress(StoreError, ClosedError):
            await self._store.run(lambda db: FACTS.delete(db, FACTS.c.name == f"{AT_WORK}{guild}"))
        with suppress(ClosedError):
            await self._store.in_thread(functools.partial(server.give_library, guild))

    # --- Connecting ---

    async def turn_to_identify(self, number: int) -> float:
        """Take the next turn to IDENTIFY of all processes; returns in how many seconds it is.

        Args:
            number: of the row in which to stand; turns of one row are ``IDENTIFY_SECONDS`` apart.

        Raises:
            StoreError: the database cannot be used.
            ClosedError: the store has been closed.
        """
        name = f"{_IDENTIFY}{number}"

        def write(db: sa.Connection) -> float:
            now = _now(db)
            rows = FACTS.select(db, FACTS.c.name == name)
            try:
                after = float(rows[0][1]) + IDENTIFY_SECONDS if rows else now
            except ValueError:
                after = now
            # A clock that was put back makes nobody wait for days.
            turn = max(now, after) if after - now < _LONGEST_ROW_SECONDS else now
            FACTS.insert(db, (name, repr(turn)), "replace")
            return turn - now

        return await self._store.run(write, lasting=True)


def _now(db: sa.Connection) -> float:
    """Return the seconds since 1970 by the server's clock, whatever those of the processes' machines say."""
    from sqlalchemy import text

    return float(db.execute(text("SELECT extract(epoch FROM clock_timestamp())")).scalar_one())
