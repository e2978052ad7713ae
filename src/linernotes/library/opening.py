"""Opening: which edition each server works with at the start, whatever has become of the disk meanwhile."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from linernotes.errors import ClosedError, EditionError
from linernotes.library import shared
from linernotes.library.catalogue import OPERATOR
from linernotes.library.following import Moved
from linernotes.library.mending import Mending
from linernotes.library.standings import Standing

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from linernotes.library.builder import Builder
    from linernotes.library.catalogue import Catalogue, Missing, Revision, Survey
    from linernotes.library.editions import EditionStore, Progress
    from linernotes.library.quarantine import Quarantine
    from linernotes.library.shared import Shared
    from linernotes.library.standings import Standings
    from linernotes.library.store import Store
    from linernotes.library.uploads import Uploads
    from linernotes.library.workers import Workers
    from linernotes.models import Document, Edition
    from linernotes.retrieval.index import Index

# One name for all that is said of libraries: who reads the log may filter by it.
_log = logging.getLogger("linernotes.library.curator")

# So many libraries, those changed last, are taken up at the start, as far as there is room.
TAKEN_UP_AT_START: Final = 64


class Opening:
    """Puts each server's standing in its place."""

    def __init__(
        self,
        *,
        standings: Standings,
        builder: Builder,
        uploads: Uploads,
        store: Store,
        catalogue: Catalogue,
        editions: EditionStore[Index],
        quarantine: Quarantine,
        workers: Workers,
        clock: Callable[[], float],
    ) -> None:
        """Take the parts; ``open`` begins."""
        self._standings = standings
        self._builder = builder
        self._mending = Mending(editions, uploads)
        self._editions = editions
        self._quarantine = quarantine
        self._store = store
        self._catalogue = catalogue
        self._workers = workers
        self._clock = clock
        self.mended: list[Moved] = []
        """The servers whose libraries were damaged and are no longer what they were, for their moderators."""
        self.on_mended: Callable[[tuple[Moved, ...]], Awaitable[None]] = self._remember
        """Told of those that are found so while the bot runs; by default, they are kept in ``mended``."""

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
        edition = await self._open_shared(found.documents, progress, own=own)
        if not own:
            return False
        survey = await self._look_after_rows()
        shared_ones = edition.documents
        earlier = () if noted in {None, edition.id} else await self._documents(noted)
        await self._take_up_all(survey, [shared_ones, *earlier])
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

    async def _open_shared(
        self, documents: Sequence[Document], progress: Progress | None, *, own: bool
    ) -> Edition[Index]:
        """Work with these as the shared corpus, or with what the first process does."""
        if (standing := await self._published() if own else None) is None:
            edition = await self._builder.build(documents, progress)
            standing = Standing(edition, self._clock())
        self._standings.put(None, standing)
        if own and self._store.is_on_server:
            await self._builder.save(standing.edition)
            if self._store.is_first:
                await shared.publish(self._store, standing.edition.id, standing.since)
        return standing.edition

    async def look_again(self, guild: int | None) -> None:
        """Work with what the database says of a server, or of each of ours, whoever has changed it.

        Raises:
            StoreError: the database cannot be used.
            ClosedError: the library has been closed.
        """
        newest = await self._catalogue.newest(guild)
        for revision in newest.values():
            if not self._is_behind(revision):
                continue
            try:
                edition = await self._builder.load(revision.edition)
            except EditionError as error:
                _log.warning("Edition #%d of server %d: %s", revision.number, revision.guild, error)
                continue
            # One of our own changes may have come meanwhile.
            if self._is_behind(revision):
                self._standings.put(revision.guild, Standing(edition, revision.at, revision))
        for each in (self._standings.guilds if guild is None else {guild}) - newest.keys():
            # Of what is looked up now, no change of our own can be later: the store's thread does one thing
            # after the other, and what comes of it comes here in that order.
            if self._standings.of(each).revision is not None and not await self._catalogue.newest(each):
                self._standings.drop(each)

    def _is_behind(self, revision: Revision) -> bool:
        """Say whether a server works with another state than its newest, and not with a newer one."""
        has = self._standings.of(revision.guild).revision
        if has is None or has.number < revision.number:
            return True
        return has.number == revision.number and has.edition != revision.edition

    async def _published(self) -> Standing | None:
        """Return what the first process serves as the shared corpus, where this is not the first itself.

        So they never disagree; what a process that is not the first has in its folder counts where nothing
        has been served yet, and when that process is told to reload.
        """
        last = None if self._store.is_first else await shared.published(self._store)
        if last is None:
            return None
        try:
            return Standing(await self._builder.load(last.edition), last.since)
        except EditionError as error:
            _log.warning("The shared edition of the other processes is not to be had: %s", error)
            return None

    async def _take_up_all(self, survey: Survey, known: Sequence[Sequence[Document]]) -> None:
        """Work with what each server had; ``known`` are states of the shared corpus, that of now first."""
        newest = {**survey.newest}
        for guild, lost in survey.missing.items():
            if (found := await self._find(guild, newest.get(guild), lost, known)) is not None:
                newest[guild] = found
        latest_first = sorted(newest.values(), key=lambda revision: (-revision.at, revision.guild))
        for number, revision in enumerate(latest_first):
            if self._editions.is_saved(revision.edition) and (
                number >= TAKEN_UP_AT_START or self._standings.is_full
            ):
                self._standings.put(revision.guild, Standing(None, revision.at, revision))
            else:
                await self._take_up(revision, known)

    async def _last_shared(self, edition_id: str) -> Edition[Index] | None:
        try:
            return await self._builder.load(edition_id)
        except EditionError as error:
            _log.warning("The shared edition of the last start is gone: %s", error)
            return None

    async def _look_after_rows(self) -> Survey:
        """Put damaged rows aside, and take back from the quarantine what the others name."""
        await self._catalogue.sweep()
        survey = await self._catalogue.survey()
        named = survey.named
        for kind, digests in (("uploads", named.uploads), ("editions", named.editions)):
            await self._workers.answer(self._quarantine.take_back, kind, digests)
        return survey

    async def _documents(self, edition_id: str | None) -> tuple[tuple[Document, ...], ...]:
        """Return the documents of an edition, if they can be read."""
        try:
            return (await self._workers.answer(self._editions.documents, edition_id or ""),)
        except EditionError:
            return ()

    async def _find(
        self, guild: int, newest: Revision | None, lost: Missing, known: Sequence[Sequence[Document]]
    ) -> Revision | None:
        """Write a server's newest revision again, whose row is gone; its edition says what was in it."""
        base = newest or replace(self._standings.base(guild), at=lost.act.at)
        await self._workers.answer(self._quarantine.take_back, "editions", [lost.edition])
        found = await self._documents(lost.edition)
        if not found:
            # Neither row nor edition: what was before.
            _log.warning("Server %d: its newest revision is lost, and it has the one before.", guild)
            if newest is not None:
                self._tell(guild, newest.edition, f"set back to what it was before “{lost.act.what}”")
                what = f"the newest state was damaged ({lost.act.what}); this one is from before"
                await self._catalogue.move(newest, newest.edition, what)
            return None
        revision = await self._workers.answer(self._mending.find, lost.act, base, found[0], known[-1])
        what = "found again, for its row in the database was damaged"
        number = await self._catalogue.next_number(guild)
        revision = replace(revision, number=max(number, 2), what=what, at=self._clock(), person=OPERATOR)
        await self._catalogue.commit(revision, before=base)
        _log.warning("Server %d: its newest revision is #%d, %s.", guild, revision.number, what)
        return revision

    async def take_up_again(self, guild: int) -> Edition[Index]:
        """Return the edition of a server that was let go, as it was saved; a damaged one is made again.

        Raises:
            EditionError: it cannot be read or made again.
            StoreError: it was damaged, and the database cannot be used.
            ClosedError: the library has been closed.
        """
        standing = self._standings.of(guild)
        if standing.held is not None or (revision := standing.revision) is None:
            return standing.edition
        edition = await self._workers.answer(self._editions.find, revision.edition)
        if edition is not None:
            self._standings.take_back(guild, standing, edition)
            return edition
        with self._standings.pinned(guild):
            await self._take_up(revision, [self._standings.of(None).edition.documents])
            if self.mended:
                mended, self.mended = tuple(self.mended), []
                await self.on_mended(mended)
            return self._standings.of(guild).edition

    async def _take_up(self, revision: Revision, known: Sequence[Sequence[Document]]) -> None:
        """Work with a server's newest revision; where its edition cannot be read, it is made again."""
        try:
            edition = await self._builder.load(revision.edition)
        except ClosedError:
            raise
        # Whatever one server's documents do to a parser or the model: the others are to be served.
        except Exception as error:  # noqa: BLE001
            _log.warning("Edition #%d of server %d: %s", revision.number, revision.guild, error)
            await self._mend(revision, known)
            return
        if edition.id != revision.edition and await self._builder.try_to_save(edition):
            what = "made again for another model or version"
            await self._catalogue.move(revision, edition.id, what)
            revision = replace(revision, edition=edition.id)
        self._put(Standing(edition, revision.at, revision), revision)

    def _put(self, standing: Standing, revision: Revision) -> None:
        """Let a server work with a revision, unless it works with a newer one by now."""
        now = self._standings.of(revision.guild).revision
        if now is None or now.number <= revision.number:
            self._standings.put(revision.guild, standing)

    async def _remember(self, mended: tuple[Moved, ...]) -> None:
        self.mended += mended

    async def _mend(self, revision: Revision, known: Sequence[Sequence[Document]]) -> None:
        """Make a server's edition again from its revision and the files."""
        earlier = [
            each for each in await self._catalogue.revisions(revision.guild) if each.number != revision.number
        ]
        mended = await self._workers.answer(self._mending.mend, revision, earlier, known)
        to, what = mended.revision, mended.what
        try:
            edition = await self._builder.build(mended.documents, None)
        except ClosedError:
            raise
        except Exception as error:  # noqa: BLE001  as above
            _log.warning("Server %d goes on without its own files: %s", revision.guild, error)
            to, what = replace(revision, own={}), "went on without its own files, for they cannot be read"
            shared_ones = tuple(each for each in known[0] if each.name not in revision.hidden)
            edition = await self._builder.build(shared_ones, None)
        if mended.for_now or not await self._builder.try_to_save(edition):
            # Not written down: with the next start, it may be as it was.
            self._put(Standing(edition, revision.at, revision), revision)
            return
        if edition.id == revision.edition:
            self._put(Standing(edition, revision.at, revision), revision)
            return
        number = await self._catalogue.next_number(revision.guild)
        made = replace(to, number=number, edition=edition.id, what=what, at=self._clock(), person=OPERATOR)
        await self._catalogue.commit(made, before=revision)
        self._put(Standing(edition, made.at, made), made)
        self._tell(made.guild, edition.id, what)

    def _tell(self, guild: int, edition: str, what: str) -> None:
        self.mended.append(Moved(guild, "mended", edition, what))
