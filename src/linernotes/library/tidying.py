"""Tidying: what goes when - revisions, editions, uploaded files, and servers that were left long ago."""

from __future__ import annotations

from typing import TYPE_CHECKING

from linernotes.library import shared

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from linernotes.library.catalogue import Catalogue
    from linernotes.library.editions import EditionStore
    from linernotes.library.standings import Standings
    from linernotes.library.store import Store
    from linernotes.library.uploads import Uploads
    from linernotes.library.workers import Workers
    from linernotes.retrieval.index import Index


class Tidying:
    """Removes what no server needs any more."""

    def __init__(
        self,
        *,
        standings: Standings,
        editions: EditionStore[Index],
        uploads: Uploads,
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
        self._store = store
        self._catalogue = catalogue
        self._workers = workers
        self._filing = filing
        self._on_removed = on_removed

    async def tidy(self) -> None:
        """Remove what is too old: revisions, editions, files, and servers left 30 days ago."""
        async with self._filing:
            gone, kept = await self._catalogue.tidy()
            await self._workers.answer(self._uploads.prune, kept.uploads)
        for guild in gone:
            self._standings.drop(guild)
            self._on_removed(guild)
        if not self._store.is_in_memory:
            # In the thread that builds, and in turn: an edition that one of these revisions has dropped
            # meanwhile, and another has taken up, is held until then.
            noted, _ = await shared.noted(self._store)
            editions = kept.editions | {self._standings.of(None).edition.id, noted or ""}
            await self._workers.build(self._editions.prune, editions)
