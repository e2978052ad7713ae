"""The operator's reload: the shared corpus is read again, and each server follows it or stays."""

from __future__ import annotations

import logging
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from linernotes.errors import ClosedError, LinerNotesError, RefusalError, StoreError, StoreUnkeptError
from linernotes.library import shared
from linernotes.library.catalogue import HELD, OPERATOR
from linernotes.library.standings import Standing
from linernotes.words import counted

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from linernotes.library.builder import Builder
    from linernotes.library.catalogue import Catalogue
    from linernotes.library.changes import Planner
    from linernotes.library.editions import Progress
    from linernotes.library.locks import Locks
    from linernotes.library.memory import Memory
    from linernotes.library.standings import Standings
    from linernotes.library.store import Store
    from linernotes.library.workers import Workers
    from linernotes.models import Document, Edition
    from linernotes.retrieval.index import Index
    from linernotes.settings import Settings

# One name for all that is said of libraries: who reads the log may filter by it.
_log = logging.getLogger("linernotes.library.curator")

Move = Literal["moved", "unchanged", "held", "rolled back", "busy", "failed", "mended"]
"""What the operator's reload, or a start, did with a server.

``mended``: its library was damaged, and is no longer what it was; ``said`` tells what is lost. ``held``: it
stays, for a check question would break. ``rolled back``: it stays, for its moderators have gone back to an
earlier edition. ``busy``: they are changing it. ``failed``: a file of its own cannot be read.
"""


@dataclass(frozen=True, slots=True)
class Moved:
    """What became of one server; ``said`` explains it where that is needed, ``is_new`` that it is news."""

    guild: int
    move: Move
    edition: str
    said: str = ""
    is_new: bool = True


@dataclass(frozen=True, slots=True)
class Reloaded:
    """What the operator's reload did; ``left_out`` has a sentence for each file that cannot be read."""

    edition: Edition[Index]
    servers: tuple[Moved, ...]
    left_out: tuple[str, ...] = ()


class Following:
    """Moves the servers on when the shared corpus has changed."""

    def __init__(
        self,
        *,
        settings: Settings,
        standings: Standings,
        memory: Memory,
        builder: Builder,
        planner: Planner,
        store: Store,
        catalogue: Catalogue,
        workers: Workers,
        locks: Locks,
        clock: Callable[[], float],
        tidy: Callable[[], Awaitable[None]],
    ) -> None:
        """Take the parts; ``tidy`` is done after each reload."""
        self._settings = settings
        self._standings = standings
        self._memory = memory
        self._builder = builder
        self._planner = planner
        self._store = store
        self._catalogue = catalogue
        self._workers = workers
        self._locks = locks
        self._clock = clock
        self._tidy = tidy
        self._followed: str | None = None
        # The servers that could not be moved last time: somebody was changing their libraries, or it failed.
        self._busy: frozenset[int] = frozenset()
        self._failed: frozenset[int] = frozenset()
        self.on_busy: Callable[[], object] = lambda: None
        """Told where our own reload, or a start, has passed over a server that was being changed."""
        self.is_behind = False
        """Whether the shared corpus has changed while nothing ran, and servers are still to follow it."""

    @property
    def has_busy(self) -> bool:
        """Say whether servers are still to be moved that were being changed."""
        return bool(self._busy)

    async def catch_up(self) -> tuple[Moved, ...]:
        """Move the servers on, where the shared corpus has changed while nothing ran, as a reload does.

        Apart from ``open``, because questions can be answered meanwhile, and servers may be many.

        Raises:
            StoreError: the database cannot be written; servers that have not been moved stay.
            ClosedError: the library has been closed.
        """
        if not self.is_behind:
            return ()
        async with self._locks.reload():
            self.is_behind = False
            moved = await self._move_all(self._standings.of(None).edition.documents)
        self._tell_busy()
        return moved

    async def reload_all(self, progress: Progress | None = None) -> Reloaded:
        """Read the shared corpus again, and move every server forward that can be moved.

        Raises:
            CorpusError: the corpus cannot be read as a whole; every old edition stays.
            StoreError: the database cannot be written; servers that have not been moved stay.
            ClosedError: the library has been closed.
        """
        # One at a time: of two reloads, the one that has read the folder last must be the one that stays.
        async with self._locks.reload():
            self.is_behind = False
            before = self._standings.of(None)
            found = await self._workers.build(shared.require_shared, self._settings, before.edition.documents)
            self._standings.left_out = found.left_out
            edition = await self._builder.build(found.documents, progress)
            await self._serve(edition, self._clock())
            if self._store.is_on_server:
                await self._builder.save(edition)
                await shared.publish(self._store, edition.id, self._standings.of(None).since)
            reloaded = Reloaded(edition, await self._move_all(found.documents), found.left_out)
        self._tell_busy()
        return reloaded

    def _tell_busy(self) -> None:
        if self._busy:
            self.on_busy()

    async def follow(self) -> tuple[Moved, ...]:
        """Serve the shared corpus that another process has read, as a reload of our own would.

        Raises:
            StoreError: the database cannot be used; servers that have not been moved stay.
            EditionError: what the other process has read cannot be had; the old edition stays.
            ClosedError: the library has been closed.
        """
        async with self._locks.reload():
            last = await shared.published(self._store)
            if last is None or last.edition in {self._followed, self._standings.of(None).edition.id}:
                # Servers that were busy when it was followed are moved now.
                return await self._move_all(self._standings.of(None).edition.documents, self._busy)
            edition = await self._builder.load(last.edition)
            # Of another version of the program, it may have got another id.
            self._followed = last.edition
            self.is_behind = False
            await self._serve(edition, last.since)
            return await self._move_all(edition.documents)

    async def _serve(self, edition: Edition[Index], since: float) -> None:
        """Let servers without a library of their own work with a shared edition."""
        before = self._standings.of(None)
        if edition is not before.edition:
            # Until their check questions have been asked, these servers keep what they have.
            for guild in await self._catalogue.checked_guilds() - self._standings.guilds:
                self._standings.put(guild, before)
            self._standings.put(None, Standing(edition, since))

    async def _move_all(
        self, documents: Sequence[Document], only: frozenset[int] | None = None
    ) -> tuple[Moved, ...]:
        """Move each server that has a library or check questions of its own to the new shared documents.

        With ``only``, those of them alone that are named; with none of them, nothing is done.
        """
        guilds = sorted(self._standings.guilds if only is None else self._standings.guilds & only)
        if only is not None and not guilds:
            return ()
        moved = {guild: await self._try_to_move(guild, documents) for guild in guilds}
        for guild in guilds:
            if moved[guild].move == "busy":
                moved[guild] = await self._try_to_move(guild, documents)
        for each in moved.values():
            _log.info("Server %d: %s. %s", each.guild, each.move, each.said)
        self._busy = frozenset(guild for guild in guilds if moved[guild].move == "busy")
        before = frozenset[int]() if only is None else self._failed - only
        self._failed = before | {guild for guild in guilds if moved[guild].move == "failed"}
        # Last, and only if all have been seen to: otherwise the next start moves the others.
        if not (self._busy or self._failed):
            standing = self._standings.of(None)
            if self._store.is_on_server:
                await self._builder.save(standing.edition)
            await shared.note(self._store, standing.edition.id, standing.since)
        await self._tidy()
        return tuple(moved.values())

    async def _try_to_move(self, guild: int, documents: Sequence[Document]) -> Moved:
        standing = self._standings.of(guild)
        does = "reloading the shared corpus"
        try:
            # To a server without a library nothing is applied meanwhile; that one is previewed is no reason
            # to pass over its check questions.
            alone = nullcontext() if standing.revision is None else self._locks.alone(guild, OPERATOR, does)
            async with alone:
                return await self._move_or_fail(guild, documents)
        except RefusalError as error:
            return Moved(guild, "busy", standing.edition_id, str(error))

    async def _move_or_fail(self, guild: int, documents: Sequence[Document]) -> Moved:
        standing = self._standings.of(guild)
        try:
            if not self._standings.base(guild).follows:
                return Moved(guild, "rolled back", standing.edition_id)
            async with self._memory.holding(guild) as before:
                return await self._move(guild, before, documents)
        except (StoreError, ClosedError):
            raise
        except LinerNotesError as error:
            return Moved(guild, "failed", standing.edition_id, str(error))
        except Exception:  # noqa: BLE001  whatever one server's documents do: the others are to be moved
            _log.exception("Server %d", guild)
            return Moved(guild, "failed", standing.edition_id, "Something went wrong; the log says more.")

    async def _move(self, guild: int, before: Edition[Index], documents: Sequence[Document]) -> Moved:
        standing = self._standings.of(guild)
        base = self._standings.base(guild)
        plan = await self._workers.answer(self._planner.follow, base, documents)
        after = await self._builder.build(plan.documents, None)
        if after.id == before.id:
            if standing.revision is None:
                self._standings.drop(guild)
            await self._catalogue.release(base)
            return Moved(guild, "unchanged", before.id)
        verdicts = await self._builder.verdicts(await self._catalogue.checks(guild), before, after)
        broken = [each.check.question for each in verdicts if each.before and not each.after]
        if broken:
            questions = ", ".join(f"“{question}”" for question in broken)
            what = (
                f"{HELD} as it was: the operator's reload would break"
                f" {counted(len(broken), 'check question')} ({questions})"
            )
            await self._builder.save(before)
            is_new = await self._catalogue.hold(base, what)
            self._standings.put(guild, Standing(before, base.at, base))
            return Moved(guild, "held", before.id, what, is_new=is_new)
        if standing.revision is None:
            # It has the shared corpus and nothing else, and goes on having it.
            self._standings.drop(guild)
            return Moved(guild, "moved", after.id)
        revision = replace(
            base,
            number=base.number + 1,
            edition=after.id,
            what="followed the operator's reload",
            at=self._clock(),
            person=OPERATOR,
        )
        await self._builder.save(after)
        try:
            await self._catalogue.commit(revision, before=base, sure=True)
        except StoreUnkeptError:
            # Another process has let go what no revision named yet.
            await self._builder.save(after)
            await self._catalogue.commit(revision, before=base)
        self._standings.put(guild, Standing(after, revision.at, revision))
        return Moved(guild, "moved", after.id)
