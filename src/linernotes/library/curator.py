"""The curator: previews a change to a server's library, applies it, takes it back; one at a time each.

Everything that costs time happens in the library's threads. A change is built beside the edition in use. It
counts from the moment at which the database has written it down, in one transaction with the audit trail;
after that one reference is changed. What is not a moderator's change has a file of its own: the start
(``opening.py``), the operator's reload (``following.py``), what goes when (``tidying.py``), and what can be
looked at (``overview.py``).
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import secrets
from collections import OrderedDict
from contextlib import nullcontext, suppress
from typing import TYPE_CHECKING, Final

from linernotes.errors import CorpusError, EditionError, RefusalError, StoreError, StoreUnkeptError
from linernotes.library.builder import Builder
from linernotes.library.catalogue import Revision
from linernotes.library.changes import WriteNote
from linernotes.library.following import Following
from linernotes.library.locks import Locks
from linernotes.library.memory import Memory
from linernotes.library.opening import Opening
from linernotes.library.overview import Overview
from linernotes.library.previews import Preview
from linernotes.library.room import Room
from linernotes.library.snapshots import link, snapshot
from linernotes.library.standings import Standing, Standings
from linernotes.library.tidying import Tidying

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from linernotes.engine import Engine
    from linernotes.library.catalogue import Catalogue, Gap
    from linernotes.library.changes import Change, Plan, Planner
    from linernotes.library.editions import EditionStore, Progress
    from linernotes.library.following import Moved, Reloaded
    from linernotes.library.overview import Past, Status
    from linernotes.library.processes import Processes
    from linernotes.library.quarantine import Quarantine
    from linernotes.library.shared import Shared
    from linernotes.library.store import Store
    from linernotes.library.uploads import Uploads
    from linernotes.library.workers import Workers
    from linernotes.retrieval.index import Index
    from linernotes.settings import Settings

_log = logging.getLogger(__name__)

# Previews hold an edition in memory each.
PREVIEWS_OF_A_SERVER: Final = 2
MOST_PREVIEWS: Final = 100
PREVIEW_SECONDS: Final = 3600.0


class Curator:
    """Changes the libraries; one change at a time for each server."""

    def __init__(
        self,
        *,
        settings: Settings,
        engine: Engine,
        editions: EditionStore[Index],
        uploads: Uploads,
        quarantine: Quarantine,
        planner: Planner,
        store: Store,
        catalogue: Catalogue,
        processes: Processes,
        workers: Workers,
        clock: Callable[[], float],
    ) -> None:
        """Take the parts; ``open`` reads what each server works with."""
        self._settings = settings
        self._editions = editions
        self._uploads = uploads
        self._store = store
        self._planner = planner
        self._workers = workers
        self._clock = clock
        self.catalogue = catalogue
        room = Room(None if settings.memory_mb == 0 else settings.memory_mb * 2**20)
        self.standings = Standings(room, editions.is_saved)
        self.on_removed: Callable[[int], object] = lambda _guild: None
        """Told of each server of which nothing is kept any more."""
        self._is_to_tidy = False
        self._previews: OrderedDict[str, Preview] = OrderedDict()
        self._locks = Locks(clock, processes)
        self._alone, self._filing = self._locks.alone, self._locks.filing
        self._builder = Builder(settings, engine, editions, store, workers)
        self._opening = Opening(
            standings=self.standings,
            builder=self._builder,
            editions=editions,
            uploads=uploads,
            quarantine=quarantine,
            store=store,
            catalogue=catalogue,
            workers=workers,
            clock=clock,
        )
        self.memory = Memory(self.standings, self._opening.take_up_again)
        """Gives the edition of a server, which may have been let go."""
        self._following = Following(
            settings=settings,
            standings=self.standings,
            memory=self.memory,
            builder=self._builder,
            planner=planner,
            store=store,
            catalogue=catalogue,
            workers=workers,
            locks=self._locks,
            clock=clock,
            tidy=self.tidy,
        )
        self._tidying = Tidying(
            standings=self.standings,
            editions=editions,
            uploads=uploads,
            quarantine=quarantine,
            store=store,
            catalogue=catalogue,
            workers=workers,
            filing=self._filing,
            on_removed=self._tell_removed,
        )
        self._overview = Overview(
            settings=settings,
            engine=engine,
            standings=self.standings,
            memory=self.memory,
            editions=editions,
            catalogue=catalogue,
            workers=workers,
        )

    # --- A server's changes ---

    async def preview(
        self, guild: int, person: int, change: Change, progress: Progress | None = None
    ) -> Preview:
        """Build what a change would come to, beside the edition in use, and compare.

        Args:
            guild: the server.
            person: who wants it.
            change: the change.
            progress: told from a worker's thread how far it is.

        Who is cancelled while waiting for it stops the build; what it has embedded whole is kept.

        Raises:
            RefusalError: it cannot be done, or somebody is changing this server's library; says who.
            CorpusError: a file cannot be read.
            EditionError: an edition cannot be read.
            ClosedError: the library has been closed.
        """
        async with self._alone(guild, person, change.what), self.memory.holding(guild):
            return await self._preview(guild, person, change, progress)

    def find(self, guild: int, preview_id: str) -> Preview:
        """Return a preview of this server's.

        Raises:
            RefusalError: there is no such preview any more.
        """
        self._expire()
        preview = self._previews.get(preview_id)
        if preview is None or preview.guild != guild:
            raise RefusalError("I no longer have that preview; please start again.")
        return preview

    async def apply(
        self,
        guild: int,
        person: int,
        preview_id: str,
        *,
        anyway: bool = False,
        progress: Progress | None = None,
    ) -> Revision | Preview:
        """Let a preview count.

        Args:
            guild: the server.
            person: who wants it.
            preview_id: which preview.
            anyway: whether check questions may break.
            progress: told from a worker's thread how far a new preview is.

        Returns:
            The revision that counts now; or, where the corpus has changed since, a new preview.

        Raises:
            RefusalError: there is no such preview, it would break a check question, or somebody is at it.
            EditionUnsavedError: the disk is full; the old edition goes on.
            StoreError: the database cannot be written; the old edition goes on.
        """
        preview = self.find(guild, preview_id)
        # Who waits for it may go; what has begun is finished, and until then nobody else comes in.
        return await asyncio.shield(self._apply(preview, person, progress, anyway=anyway))

    async def _apply(
        self, preview: Preview, person: int, progress: Progress | None, *, anyway: bool
    ) -> Revision | Preview:
        guild = preview.guild
        has_library = self.standings.of(guild).revision is not None
        async with self._alone(guild, person, preview.change.what):
            first = nullcontext() if has_library else self._locks.first_library()
            async with self.memory.holding(guild), first:
                try:
                    is_fresh = await self._is_fresh(preview)
                except (RefusalError, CorpusError, EditionError):
                    # It can no longer be done, and will not be: nobody should be offered to apply it.
                    self._previews.pop(preview.id, None)
                    raise
                if is_fresh:
                    # It may have been cancelled meanwhile.
                    self.find(guild, preview.id)
                    if preview.broken and not anyway:
                        raise RefusalError(
                            "That would break a check question; use “Apply anyway” if it must be so."
                        )
                    return await self._commit(preview, person)
            self._previews.pop(preview.id, None)
            return await self._preview(guild, person, preview.change, progress)

    async def _is_fresh(self, preview: Preview) -> bool:
        """Say whether a preview would still come out the same."""
        base = self.standings.base(preview.guild)
        plan = await self._plan(preview.change, base)
        checks = await self.catalogue.checks(preview.guild)
        return (
            base == preview.base
            and plan.documents == preview.plan.documents
            and checks == tuple(each.check for each in preview.verdicts)
        )

    def cancel(self, guild: int, preview_id: str) -> None:
        """Forget a preview."""
        preview = self._previews.get(preview_id)
        if preview is not None and preview.guild == guild:
            del self._previews[preview_id]

    async def _preview(self, guild: int, person: int, change: Change, progress: Progress | None) -> Preview:
        base = self.standings.base(guild)
        before = await self.memory.edition_of(guild)
        plan = await self._plan(change, base)
        if plan.adds is not None:
            shared = self.standings.of(None).edition
            await self._builder.require_room(plan.documents, plan.adds.name, (before, shared))
        after = await self._builder.build(plan.documents, progress)
        difference = await self._builder.compare(before, after)
        verdicts = await self._builder.verdicts(await self.catalogue.checks(guild), before, after)
        tried = await self._builder.try_note(change.note, after) if isinstance(change, WriteNote) else ()
        preview = Preview(
            secrets.token_hex(8),
            guild,
            person,
            change,
            base,
            plan,
            before,
            after,
            difference,
            verdicts,
            self._clock(),
            tried,
        )
        ours = [each.id for each in self._previews.values() if each.guild == guild]
        for oldest in ours[: max(0, len(ours) - PREVIEWS_OF_A_SERVER + 1)]:
            del self._previews[oldest]
        self._previews[preview.id] = preview
        self._overview.remember(before, after)
        self._expire()
        return preview

    async def _plan(self, change: Change, base: Revision) -> Plan:
        shared = self.standings.of(None).edition.documents
        history = await self.catalogue.revisions(base.guild)
        return await self._workers.answer(self._planner.plan, change, base, shared, history)

    async def _commit(self, preview: Preview, person: int) -> Revision:
        change = preview.change
        try:
            revision = await self._keep(preview, person, sure=True)
        except StoreUnkeptError:
            # Between two steps, another process has let go what no revision named yet.
            revision = await self._keep(preview, person, sure=False)
        self.standings.put(preview.guild, Standing(preview.after, revision.at, revision))
        self._previews.pop(preview.id, None)
        if isinstance(change, WriteNote) and change.gaps:
            # The note counts, whatever becomes of what it was written for.
            with suppress(StoreError):
                await self.catalogue.drop_gaps(preview.guild, change.gaps)
        return revision

    async def _keep(self, preview: Preview, person: int, *, sure: bool) -> Revision:
        """Save what a preview leads to, and let it be the newest revision; ``sure`` is as in ``commit``."""
        change = preview.change
        # Whole on the disk first: what the database speaks of must be there after a restart.
        await self._builder.save(preview.before)
        await self._builder.save(preview.after)
        async with self._filing:
            if (adds := preview.plan.adds) is not None:
                # Killed before a revision names it, the file is no riddle to the next start.
                await self.catalogue.expect("uploads", hashlib.sha256(adds.data).hexdigest())
                await self._workers.answer(self._uploads.save, adds.data)
            revision = Revision(
                preview.guild,
                preview.base.number + 1,
                preview.after.id,
                change.what,
                self._clock(),
                person,
                preview.plan.own,
                preview.plan.hidden,
                preview.plan.follows,
            )
            await self.catalogue.commit(revision, before=preview.base, sure=sure)
        return revision

    def _expire(self) -> None:
        since = self._clock() - PREVIEW_SECONDS
        for each in [each for each in self._previews.values() if each.at <= since]:
            del self._previews[each.id]
        while len(self._previews) > MOST_PREVIEWS:
            self._previews.popitem(last=False)

    # --- All servers ---

    async def open(self, shared: Shared, progress: Progress | None, *, own: bool) -> None:
        """Work with the shared documents, and with what each server had; ``catch_up`` then moves the servers.

        Args:
            shared: the shared documents.
            progress: told how far the shared edition is.
            own: whether the database and the disk are ours to change.

        Raises:
            CorpusError: two documents have one name.
            StoreError: the database cannot be used.
        """
        self._following.is_behind = await self._opening.open(shared, progress, own=own)
        self._is_to_tidy = own

    async def catch_up(self) -> tuple[Moved, ...]:
        """Move the servers on, where the shared corpus has changed while nothing ran, as a reload does.

        Apart from ``open``, because questions can be answered meanwhile, and servers may be many.

        Raises:
            StoreError: the database cannot be written; servers that have not been moved stay.
            ClosedError: the library has been closed.
        """
        mended, self._opening.mended = tuple(self._opening.mended), []
        if self._is_to_tidy:
            # Not before the first answer: it looks at what each server has on the disk.
            self._is_to_tidy = False
            try:
                await self.tidy()
            except StoreError as error:
                _log.warning("Nothing is tidied now: %s", error)
        return (*mended, *await self._following.catch_up())

    def on_busy(self, tell: Callable[[], object]) -> None:
        """Let ``tell`` know when a reload, or a start, has passed over a server that was being changed."""
        self._following.on_busy = tell
        if self._following.has_busy:
            tell()

    async def follow(self) -> tuple[Moved, ...]:
        """Serve the shared corpus that another process has read, and move our servers on.

        Raises:
            StoreError: the database cannot be used; servers that have not been moved stay.
            EditionError: what the other process has read cannot be had; the old edition stays.
            ClosedError: the library has been closed.
        """
        return await self._following.follow()

    async def look_again(self, guild: int | None = None) -> None:
        """Work with what the database says of a server, or of each of ours, whoever has changed it.

        Raises:
            StoreError: the database cannot be used.
            ClosedError: the library has been closed.
        """
        await self._opening.look_again(guild)

    async def reload_all(self, progress: Progress | None = None) -> Reloaded:
        """Read the shared corpus again, and move every server forward that can be moved.

        Raises:
            CorpusError: the corpus cannot be read; every old edition stays.
            StoreError: the database cannot be written; servers that have not been moved stay.
            ClosedError: the library has been closed.
        """
        return await self._following.reload_all(progress)

    async def tidy(self) -> None:
        """Remove what is too old: previews, revisions, editions, files, and servers left 30 days ago."""
        self._expire()
        await self._tidying.tidy()

    def _tell_removed(self, guild: int) -> None:
        self.on_removed(guild)

    def on_mended(self, told: Callable[[tuple[Moved, ...]], Awaitable[None]]) -> None:
        """Have somebody told of libraries that are found damaged, and made again, while the bot runs."""
        self._opening.on_mended = told

    def snapshot(self) -> AbstractAsyncContextManager[Path]:
        """Give a folder that holds what is kept, as it is now, as long as the context lasts; for a backup.

        Raises:
            BackupError: nothing is kept, or the disk is full.
            StoreError: the database cannot be read.
        """

        def take(place: Path) -> None:
            with self._editions.undisturbed():
                link(self._settings.data_dir, place)

        return snapshot(self._settings.data_dir, self._store, take, self._filing)

    # --- What moderators look at ---

    async def status(self, guild: int) -> Status:
        """Return what a server answers from, and since when."""
        return await self._overview.status(guild)

    async def history(self, guild: int, *, look: bool = False) -> tuple[Past, ...]:
        """Return a server's revisions, the newest first; with the shared corpus alone, that one.

        Args:
            guild: the server.
            look: read how many documents they have from the disk, where that is not known.
        """
        return await self._overview.history(guild, look=look)

    async def gap_groups(self, guild: int) -> tuple[tuple[Gap, ...], ...]:
        """Return what was not answered, grouped by meaning, the largest group first."""
        return await self._overview.gap_groups(guild)

    @property
    def builds(self) -> int:
        """How many builds there are, of all servers; they take turns."""
        return self._workers.builds
