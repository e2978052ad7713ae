"""Tidying: what goes when - revisions, editions, uploaded files, and servers that were left long ago."""

from __future__ import annotations

import functools
import logging
from typing import TYPE_CHECKING

from linernotes.library import shared
from linernotes.library.folders import remove

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable
    from pathlib import Path

    from linernotes.library.catalogue import Catalogue
    from linernotes.library.editions import EditionStore
    from linernotes.library.quarantine import Quarantine
    from linernotes.library.standings import Standings
    from linernotes.library.store import Store
    from linernotes.library.uploads import Uploads
    from linernotes.library.workers import Workers
    from linernotes.retrieval.index import Index

# One name for all that is said of libraries: who reads the log may filter by it.
_log = logging.getLogger("linernotes.library.curator")


class Tidying:
    """Removes what no server needs any more."""

    def __init__(
        self,
        *,
        standings: Standings,
        editions: EditionStore[Index],
        uploads: Uploads,
        quarantine: Quarantine,
        store: Store,
        catalogue: Catalogue,
        workers: Workers,
        filing: asyncio.Lock,
        on_removed: Callable[[int], object],
    ) -> None:
        """Take the parts.

        ``filing`` is held while a file is kept that the database does not name yet; ``on_removed`` is told of
        each server of which nothing is kept any more.
        """
        self._standings = standings
        self._editions = editions
        self._uploads = uploads
        self._quarantine = quarantine
        self._store = store
        self._catalogue = catalogue
        self._workers = workers
        self._filing = filing
        self._on_removed = on_removed

    async def tidy(self) -> None:
        """Remove what is too old: revisions, editions, files, servers left 30 days ago, and the quarantine's.

        Only what the database says may go is deleted. What it does not explain is moved to the quarantine;
        and while a revision cannot be read, not even that. Where several processes share a database, rows are
        the first one's to tidy; what the others have on the disk are copies, and need no quarantine.
        """
        if not self._store.is_in_memory:
            # Before anything is held.
            await self._workers.build(self._editions.learn)
        if not self._store.is_first:
            await self._tidy_copies()
            return
        async with self._filing:
            tidied = await self._catalogue.tidy()
            kept, released = tidied.kept, tidied.released
            if tidied.is_sure:
                went = await self._workers.answer(
                    self._uploads.prune,
                    kept.uploads,
                    released.uploads,
                    functools.partial(self._put, "uploads"),
                )
                await self._catalogue.settled("uploads", went)
        for guild in tidied.gone:
            self._standings.drop(guild)
            self._on_removed(guild)
        if self._store.is_in_memory:
            return
        if tidied.is_sure:
            # In the thread that builds, and in turn: an edition that one of these revisions has dropped
            # meanwhile, and another has taken up, is held until then.
            noted = await shared.all_noted(self._store)
            editions = kept.editions | {self._standings.of(None).edition.id, *noted}
            put = functools.partial(self._put, "editions")
            went = await self._workers.build(self._editions.prune, editions, released.editions, put)
            await self._catalogue.settled("editions", went)
        if self._store.shards is not None:
            return
        names = await self._workers.answer(self._quarantine.names)
        due = await self._catalogue.quarantined(names)
        await self._workers.answer(self._quarantine.discard, due)

    async def _tidy_copies(self) -> None:
        """Remove from the disk what our servers need no more; the database keeps what others need."""
        if self._store.is_in_memory:
            return
        async with self._filing:
            kept = await self._catalogue.named()
            await self._workers.answer(self._uploads.prune, kept.uploads, frozenset(), remove)
        noted = await shared.all_noted(self._store)
        editions = kept.editions | {self._standings.of(None).edition.id, *noted}
        await self._workers.build(self._editions.prune, editions, frozenset(), remove)

    def _put(self, kind: str, path: Path) -> None:
        if self._store.shards is not None:
            # A copy of what another process has let go, or of what it serves now.
            remove(path)
            return
        # Of a preview that nobody applied before the bot was killed, an edition is left: no reason to worry.
        level = logging.WARNING if kind == "uploads" else logging.INFO
        _log.log(
            level,
            "No row explains %s; it is in the quarantine as %s.",
            path,
            self._quarantine.put(kind, path),
        )
