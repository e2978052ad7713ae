"""Taking up: the edition that a server works with, from the disk where it was let go (``standings.py``)."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from linernotes.library.standings import Standings
    from linernotes.models import Edition
    from linernotes.retrieval.index import Index


class Memory:
    """Gives the edition of a server to who works with it."""

    def __init__(self, standings: Standings, take_up: Callable[[int], Awaitable[Edition[Index]]]) -> None:
        """Take the standings, and what takes up the library of a server that was let go."""
        self._standings = standings
        self._take_up = take_up
        # Of those that ask for a library at the same time, one takes it up.
        self._taking: dict[int, asyncio.Task[Edition[Index]]] = {}

    async def edition_of(self, guild: int | None) -> Edition[Index]:
        """Return the edition that a server works with now; who has it may keep it as long as it is needed.

        Raises:
            EditionError: it was let go, and cannot be read or made again.
            StoreError: it was damaged, and the database cannot be used.
            ClosedError: the library has been closed.
        """
        standing = self._standings.use(guild)
        if standing.held is not None:
            return standing.held
        assert guild is not None  # noqa: S101  the shared edition is always held
        if (task := self._taking.get(guild)) is None:
            task = self._taking[guild] = asyncio.ensure_future(self._take_up(guild))
            task.add_done_callback(lambda done: self._end(guild, done))
        # Who asked for it may go: others wait for it.
        return await asyncio.shield(task)

    def _end(self, guild: int, done: asyncio.Task[Edition[Index]]) -> None:
        del self._taking[guild]
        if not done.cancelled():
            # All who asked may have gone: then nobody else looks at what went wrong.
            done.exception()

    @asynccontextmanager
    async def holding(self, guild: int | None) -> AsyncIterator[Edition[Index]]:
        """Give the edition that a server works with, and let it not go as long as the context lasts.

        Raises:
            EditionError: it was let go, and cannot be read or made again.
            StoreError: it was damaged, and the database cannot be used.
            ClosedError: the library has been closed.
        """
        with self._standings.pinned(guild):
            yield await self.edition_of(guild)
