"""Opening: which edition each server works with at the start, whatever has become of the disk meanwhile."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from linernotes.errors import ClosedError, EditionError
from linernotes.library import shared
from linernotes.library.catalogue import OPERATOR
from linernotes.library.standings import Standing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from linernotes.library.builder import Builder
    from linernotes.library.catalogue import Catalogue, Revision, Upload
    from linernotes.library.changes import Planner
    from linernotes.library.editions import Progress
    from linernotes.library.shared import Shared
    from linernotes.library.standings import Standings
    from linernotes.library.store import Store
    from linernotes.library.uploads import Uploads
    from linernotes.library.workers import Workers
    from linernotes.models import Edition
    from linernotes.retrieval.index import Index

# One name for all that is said of libraries: who reads the log may filter by it.
_log = logging.getLogger("linernotes.library.curator")


class Opening:
    """Puts each server's standing in its place."""

    def __init__(
        self,
        *,
        standings: Standings,
        builder: Builder,
        planner: Planner,
        uploads: Uploads,
        store: Store,
        catalogue: Catalogue,
        workers: Workers,
        clock: Callable[[], float],
    ) -> None:
        """Take the parts; ``open`` begins."""
        self._standings = standings
        self._builder = builder
        self._planner = planner
        self._uploads = uploads
        self._store = store
        self._catalogue = catalogue
        self._workers = workers
        self._clock = clock

    async def open(self, found: Shared, progress: Progress | None, *, own: bool) -> bool:
        """Work with the shared documents, and with what each server had.

        Args:
            found: the shared documents; of what cannot be read, the state that was served last is taken.
            progress: told how far the shared edition is.
            own: whether the database and the disk are ours to change.

        Returns:
            Whether the shared corpus has changed while nothing ran, and the servers are still to follow it.

        Raises:
            CorpusError: two documents have one name.
            StoreError: the database cannot be used.
        """
        noted, since = await shared.noted(self._store) if own else (None, None)
        if found.unread and noted is not None and (last := await self._last_shared(noted)) is not None:
            found = found.with_older(last.documents)
            for said in found.left_out:
                _log.warning("%s", said)
        self._standings.left_out = found.left_out
        edition = await self._builder.build(found.documents, progress)
        self._standings.put(None, Standing(edition, self._clock()))
        if not own:
            return False
        for revision in (await self._catalogue.newest()).values():
            await self._take_up(revision)
        if noted is None:
            await shared.note(self._store, edition.id, self._standings.of(None).since)
            return False
        if noted == edition.id:
            if since is not None:
                self._standings.put(None, Standing(edition, since))
            return False
        if (before := await self._last_shared(noted)) is not None:
            # Until their check questions have been asked, these servers keep what they had.
            for guild in await self._catalogue.checked_guilds() - self._standings.guilds:
                self._standings.put(guild, Standing(before, self._clock() if since is None else since))
        return True

    async def _last_shared(self, edition_id: str) -> Edition[Index] | None:
        try:
            return await self._builder.load(edition_id)
        except EditionError as error:
            _log.warning("The shared edition of the last start is gone: %s", error)
            return None

    async def _take_up(self, revision: Revision) -> None:
        """Work with a server's newest revision, or, where that is damaged, with the next that can be read."""
        for each in (revision, *(await self._catalogue.revisions(revision.guild))[1:]):
            try:
                edition = await self._builder.load(each.edition)
            except ClosedError:
                raise
            # Whatever one server's documents do to a parser or the model: the others are to be served.
            except Exception as error:  # noqa: BLE001
                _log.warning("Edition #%d of server %d: %s", each.number, each.guild, error)
                continue
            if each is not revision:
                what = f"went back to #{each.number}, for the edition in use was damaged"
                await self._go_back(revision, replace(each, edition=edition.id, what=what), edition)
                return
            if edition.id != each.edition and await self._builder.try_to_save(edition):
                what = "made again for another model or version"
                await self._catalogue.move(revision, edition.id, what)
                revision = replace(revision, edition=edition.id)
            self._standings.put(revision.guild, Standing(edition, revision.at, revision))
            return
        # Nothing that was saved can be read: what can be made from the files is better than silence.
        edition = self._standings.of(None).edition
        what = "made again from the files, for every edition was damaged"
        own = await self._workers.answer(self._readable, revision.own)
        to = replace(revision, own=own, what=what)
        try:
            plan = await self._workers.answer(self._planner.follow, to, edition.documents)
            edition = await self._builder.build(plan.documents, None)
        except ClosedError:
            raise
        except Exception as error:  # noqa: BLE001  as above
            _log.warning("Server %d goes on with the shared corpus: %s", revision.guild, error)
            to = replace(to, own={}, hidden=frozenset())
        await self._go_back(revision, replace(to, edition=edition.id), edition)

    def _readable(self, own: Mapping[str, Upload]) -> dict[str, Upload]:
        return {name: upload for name, upload in own.items() if self._uploads.read(upload.digest) is not None}

    async def _go_back(self, from_: Revision, to: Revision, edition: Edition[Index]) -> None:
        if not await self._builder.try_to_save(edition):
            self._standings.put(from_.guild, Standing(edition, from_.at, from_))
            return
        revision = replace(to, number=from_.number + 1, at=self._clock(), person=OPERATOR)
        await self._catalogue.commit(revision, before=from_)
        self._standings.put(revision.guild, Standing(edition, revision.at, revision))
