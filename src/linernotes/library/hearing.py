"""What other processes on the same database change counts in this one, too: their news in, standings out."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from linernotes.errors import LinerNotesError, StoreError
from linernotes.library.news import News

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from linernotes.library.curator import Curator
    from linernotes.library.following import Moved
    from linernotes.library.processes import Processes
    from linernotes.library.store import Store

# One name for all that is said of libraries: who reads the log may filter by it.
_log = logging.getLogger("linernotes.library.curator")

# What could not be looked up is looked up again.
_AGAIN_SECONDS: Final = 1.0


class Hearing:
    """Does what news ask for, one after the other."""

    def __init__(self, curator: Curator, store: Store, processes: Processes) -> None:
        """Take the parts; ``going_on`` begins."""
        self._curator = curator
        self._store = store
        self._heard: dict[News, None] = {}
        self._comes = asyncio.Event()
        self.on_moved: Callable[[tuple[Moved, ...]], Awaitable[None]] | None = None
        """Told what became of our servers that follow the shared corpus after somebody's reload."""
        processes.listen(self._hear)
        curator.on_busy(self._look_again)

    @asynccontextmanager
    async def going_on(self) -> AsyncIterator[None]:
        """Do what comes as long as the context lasts."""
        task = asyncio.create_task(self._do_all())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def _hear(self, news: News) -> None:
        if news.topic == "settings" or not (news.guild is None or self._store.serves(news.guild)):
            return
        # What is to be looked up anyway need not be told twice.
        self._heard[news] = None
        self._comes.set()

    def _look_again(self) -> None:
        """Look in a moment at the servers that were being changed when our own reload passed over them."""
        asyncio.get_running_loop().call_later(_AGAIN_SECONDS, self._hear, News("shared"))

    async def _do_all(self) -> None:
        while True:
            await self._comes.wait()
            self._comes.clear()
            heard, self._heard = self._heard, {}
            failed: dict[News, None] = {}
            for news in [News("all")] if News("all") in heard else heard:
                try:
                    if await self._do(news):
                        failed[news] = None
                except StoreError as error:
                    _log.warning("What another process has changed is looked up again: %s", error)
                    failed[news] = None
                except LinerNotesError as error:
                    _log.warning("What another process has changed does not count here: %s", error)
                except Exception:  # noqa: BLE001  the next news may be good
                    _log.exception("What another process has changed does not count here")
            # What has come meanwhile is done at once.
            if failed:
                await asyncio.sleep(_AGAIN_SECONDS)
                self._heard = failed | self._heard
                self._comes.set()

    async def _do(self, news: News) -> bool:
        """Do what one piece of news asks for; returns whether it is to be looked at again."""
        moved: tuple[Moved, ...] = ()
        if news.topic in {"shared", "all"}:
            moved = await self._curator.follow()
            if moved and self.on_moved is not None:
                await self.on_moved(moved)
        if news.topic in {"library", "all"}:
            await self._curator.look_again(news.guild)
        # Somebody was changing that server's library.
        return any(each.move == "busy" for each in moved)
