"""Who answers from what, and how that changes: previews, applies and takes back, for each server.

Everything that costs time happens in the library's threads. A change is built beside the edition in use. It
counts from the moment at which the database has written it down, in one transaction with the audit trail;
after that one reference is changed.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections import OrderedDict
from contextlib import asynccontextmanager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

from linernotes.errors import (
    ClosedError,
    EditionError,
    EditionUnsavedError,
    LinerNotesError,
    RefusalError,
    StoreError,
)
from linernotes.library.catalogue import HELD, OPERATOR, Revision
from linernotes.library.changes import Add, Preview, Verdict, compare, meets, read_shared
from linernotes.library.editions import silent
from linernotes.models import Answer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from linernotes.engine import Engine
    from linernotes.library.catalogue import Catalogue, Check, Gap, Upload
    from linernotes.library.changes import Change, Plan, Planner
    from linernotes.library.editions import EditionStore, Progress
    from linernotes.library.store import Store
    from linernotes.library.uploads import Uploads
    from linernotes.library.workers import Workers
    from linernotes.models import Document, Edition
    from linernotes.retrieval.index import Index
    from linernotes.settings import Settings

_log = logging.getLogger(__name__)

_SHARED: Final = "shared edition"
_SINCE: Final = "shared edition since"

# Previews hold an edition in memory each.
PREVIEWS_OF_A_SERVER: Final = 2
MOST_PREVIEWS: Final = 100
PREVIEW_SECONDS: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Standing:
    """The edition that a server works with, since when, and its own revision, if it has one."""

    edition: Edition[Index]
    since: float
    revision: Revision | None = None


class Standings:
    """What each server works with; a server without a library of its own works with the shared corpus."""

    def __init__(self) -> None:
        """Begin with nothing; the shared standing, ``None``, comes first."""
        self._standings: dict[int | None, Standing] = {}

    def of(self, guild: int | None) -> Standing:
        """Return what a server works with."""
        return self._standings.get(guild) or self._standings[None]

    def put(self, guild: int | None, standing: Standing) -> None:
        """Let a server work with another edition from now on."""
        self._standings[guild] = standing

    def drop(self, guild: int) -> None:
        """Let a server work with the shared corpus."""
        self._standings.pop(guild, None)

    @property
    def guilds(self) -> frozenset[int]:
        """The servers that have a library of their own."""
        return frozenset(guild for guild in self._standings if guild is not None)


Move = Literal["moved", "unchanged", "held", "rolled back", "busy", "failed"]
"""What the operator's reload did with a server.

``held``: it stays, for a check question would break. ``rolled back``: it stays, for its moderators have gone
back to an earlier edition. ``busy``: they are changing it. ``failed``: a file of its own cannot be read.
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
    """What the operator's reload did."""

    edition: Edition[Index]
    servers: tuple[Moved, ...]


@dataclass(frozen=True, slots=True)
class Shelved:
    """A document of an edition: the size of its file in bytes, and when that was added or changed last."""

    document: Document
    size: int
    at: float | None
    own: bool


@dataclass(frozen=True, slots=True)
class Status:
    """What a server answers from.

    ``revision`` is the newest; where the server has no library of its own (``is_own``), it stands for the
    shared corpus. ``held`` says why the operator's last reload left the server where it was.
    """

    edition: Edition[Index]
    revision: Revision
    is_own: bool
    documents: tuple[Shelved, ...]
    model: str
    held: str | None


@dataclass(frozen=True, slots=True)
class Past:
    """A revision, and how many documents it has, where that is known."""

    revision: Revision
    documents: int | None


class Curator:
    """Changes the libraries; one change at a time for each server."""

    def __init__(
        self,
        *,
        settings: Settings,
        engine: Engine,
        editions: EditionStore[Index],
        uploads: Uploads,
        planner: Planner,
        store: Store,
        catalogue: Catalogue,
        workers: Workers,
        clock: Callable[[], float],
    ) -> None:
        """Take the parts; ``open`` reads what each server works with."""
        self._settings = settings
        self._engine = engine
        self._editions = editions
        self._uploads = uploads
        self._planner = planner
        self._store = store
        self._workers = workers
        self._clock = clock
        self.catalogue = catalogue
        self.standings = Standings()
        self.on_removed: Callable[[int], object] = lambda _guild: None
        """Told of each server of which nothing is kept any more."""
        self._previews: OrderedDict[str, Preview] = OrderedDict()
        self._at_work: dict[int, tuple[int, str, float]] = {}
        self._reloading = asyncio.Lock()
        self._is_behind = self._is_moving = False
        # An edition never changes: how many documents those have that were looked at once.
        self._counts: dict[str, int] = {}
        # Held from the moment a file is kept until the database names it: tidying must not come between.
        self._filing = asyncio.Lock()

    # --- Opening ---

    async def open(self, documents: Sequence[Document], progress: Progress | None, *, own: bool) -> None:
        """Work with the shared documents, and with what each server had; ``catch_up`` then moves the servers.

        Args:
            documents: the shared documents.
            progress: told how far the shared edition is.
            own: whether the database and the disk are ours to change.

        Raises:
            CorpusError: two documents have one name.
            StoreError: the database cannot be used.
        """
        edition = await self._build(documents, progress)
        self.standings.put(None, Standing(edition, self._clock()))
        if not own:
            return
        for revision in (await self.catalogue.newest()).values():
            await self._take_up(revision)
        noted = await self._store.fact(_SHARED)
        since = await self._store.fact(_SINCE)
        if noted == edition.id and since is not None:
            self.standings.put(None, Standing(edition, float(since)))
        elif noted is not None and (before := await self._last_shared(noted)) is not None:
            # Until their check questions have been asked, these servers keep what they had.
            for guild in await self.catalogue.checked_guilds() - self.standings.guilds:
                self.standings.put(guild, Standing(before, float(since or self._clock())))
        self._is_behind = noted not in {None, edition.id}
        if noted is None:
            await self._note_shared()
        await self.tidy()

    async def catch_up(self) -> tuple[Moved, ...]:
        """Move the servers on, where the shared corpus has changed while nothing ran, as a reload does.

        Apart from ``open``, because questions can be answered meanwhile, and servers may be many.

        Raises:
            StoreError: the database cannot be written; servers that have not been moved stay.
            ClosedError: the library has been closed.
        """
        if not self._is_behind:
            return ()
        async with self._operating():
            return await self._move_all(self.standings.of(None).edition.documents)

    async def _last_shared(self, edition_id: str) -> Edition[Index] | None:
        try:
            return await self._workers.build(self._editions.load, edition_id)
        except EditionError as error:
            _log.warning("The shared edition of the last start is gone: %s", error)
            return None

    async def _take_up(self, revision: Revision) -> None:
        """Work with a server's newest revision, or, where that is damaged, with the next that can be read."""
        for each in (revision, *(await self.catalogue.revisions(revision.guild))[1:]):
            try:
                edition = await self._workers.build(self._editions.load, each.edition)
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
            if edition.id != each.edition and await self._is_kept(edition):
                what = "made again for another model or version"
                await self.catalogue.move(revision, edition.id, what)
                revision = replace(revision, edition=edition.id)
            self.standings.put(revision.guild, Standing(edition, revision.at, revision))
            return
        # Nothing that was saved can be read: what can be made from the files is better than silence.
        edition = self.standings.of(None).edition
        what = "made again from the files, for every edition was damaged"
        own = await self._workers.answer(self._readable, revision.own)
        to = replace(revision, own=own, what=what)
        try:
            plan = await self._workers.answer(self._planner.follow, to, edition.documents)
            edition = await self._build(plan.documents, None)
        except ClosedError:
            raise
        except Exception as error:  # noqa: BLE001  as above
            _log.warning("Server %d goes on with the shared corpus: %s", revision.guild, error)
            to = replace(to, own={}, hidden=frozenset())
        await self._go_back(revision, replace(to, edition=edition.id), edition)

    def _readable(self, own: Mapping[str, Upload]) -> dict[str, Upload]:
        return {name: upload for name, upload in own.items() if self._uploads.read(upload.digest) is not None}

    async def _go_back(self, from_: Revision, to: Revision, edition: Edition[Index]) -> None:
        if not await self._is_kept(edition):
            self.standings.put(from_.guild, Standing(edition, from_.at, from_))
            return
        revision = replace(to, number=from_.number + 1, at=self._clock(), person=OPERATOR)
        await self.catalogue.commit(revision, before=from_)
        self.standings.put(revision.guild, Standing(edition, revision.at, revision))

    async def _is_kept(self, edition: Edition[Index]) -> bool:
        """Save an edition, and say whether that was possible; if not, it is tried again at the next start."""
        try:
            await self._save(edition)
        except EditionUnsavedError as error:
            _log.warning("Nothing is written down of it: %s", error)
            return False
        return True

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

        Raises:
            RefusalError: it cannot be done, or somebody is changing this server's library; says who.
            CorpusError: a file cannot be read.
            EditionError: an edition cannot be read.
            ClosedError: the library has been closed.
        """
        with self._alone(guild, person, change.what):
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
        # What becomes of a server without a library is the shared corpus's reload to say, which does not see
        # one that has just begun to have its own.
        has_library = self.standings.of(guild).revision is not None
        with self._alone(guild, person, preview.change.what):
            if not has_library and self._is_moving:
                raise RefusalError("The operator is reloading the shared corpus; please wait a moment.")
            async with nullcontext() if has_library else self._reloading:
                if await self._is_fresh(preview):
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
        base = self._base(preview.guild)
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
        base = self._base(guild)
        before = self.standings.of(guild).edition
        plan = await self._plan(change, base)
        after = await self._build(plan.documents, progress)
        difference = await self._workers.answer(compare, before, after)
        verdicts = await self._verdicts(await self.catalogue.checks(guild), before, after)
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
        )
        ours = [each.id for each in self._previews.values() if each.guild == guild]
        for oldest in ours[: max(0, len(ours) - PREVIEWS_OF_A_SERVER + 1)]:
            del self._previews[oldest]
        self._previews[preview.id] = preview
        self._counts |= {each.id: len(each.documents) for each in (before, after)}
        self._expire()
        return preview

    async def _plan(self, change: Change, base: Revision) -> Plan:
        shared = self.standings.of(None).edition.documents
        history = await self.catalogue.revisions(base.guild)
        return await self._workers.answer(self._planner.plan, change, base, shared, history)

    async def _commit(self, preview: Preview, person: int) -> Revision:
        change = preview.change
        # Whole on the disk first: what the database speaks of must be there after a restart.
        await self._save(preview.before)
        await self._save(preview.after)
        async with self._filing:
            if isinstance(change, Add):
                await self._workers.answer(self._uploads.save, change.data)
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
            await self.catalogue.commit(revision, before=preview.base)
        self.standings.put(preview.guild, Standing(preview.after, revision.at, revision))
        self._previews.pop(preview.id, None)
        return revision

    async def _save(self, edition: Edition[Index]) -> None:
        # A database that lives in memory ends with the process, and so may an edition.
        if not self._store.is_in_memory:
            await self._workers.answer(self._editions.save, edition)

    def _base(self, guild: int) -> Revision:
        """Return a server's newest revision; the shared edition counts as the first where it has none."""
        standing = self.standings.of(guild)
        return standing.revision or Revision(
            guild, 1, standing.edition.id, "the shared corpus", standing.since, OPERATOR
        )

    async def _verdicts(
        self, checks: Sequence[Check], before: Edition[Index], after: Edition[Index]
    ) -> tuple[Verdict, ...]:
        verdicts: list[Verdict] = []
        for check in checks:
            old = (await self._workers.answer(self._engine.ask, before, check.question)).reply
            new = old
            if after is not before:
                new = (await self._workers.answer(self._engine.ask, after, check.question)).reply
            said = new.text if isinstance(new, Answer) else ""
            verdicts.append(Verdict(check, meets(old, check.words), meets(new, check.words), said))
        return tuple(verdicts)

    async def _build(self, documents: Sequence[Document], progress: Progress | None) -> Edition[Index]:
        def build() -> Edition[Index]:
            started = time.perf_counter()
            edition = self._editions.open_edition(documents, progress or silent)
            _log.info(
                "Edition %.12s: %d documents, %d passages, %d quotations, ready after %.1f s.",
                edition.id,
                len(edition.documents),
                len(edition.passages),
                len(edition.quotes),
                time.perf_counter() - started,
            )
            return edition

        return await self._workers.build(build)

    @contextmanager
    def _alone(self, guild: int, person: int, what: str) -> Iterator[None]:
        if guild in self._at_work:
            who, does, since = self._at_work[guild]
            name = "The operator" if who == OPERATOR else f"<@{who}>"
            seconds = max(0, round(self._clock() - since))
            raise RefusalError(
                f"{name} is changing this server's library (“{does}”, for {seconds} seconds now);"
                " please wait."
            )
        self._at_work[guild] = (person, what, self._clock())
        try:
            yield
        finally:
            del self._at_work[guild]

    def _expire(self) -> None:
        since = self._clock() - PREVIEW_SECONDS
        for each in [each for each in self._previews.values() if each.at <= since]:
            del self._previews[each.id]
        while len(self._previews) > MOST_PREVIEWS:
            self._previews.popitem(last=False)

    # --- The operator's reload ---

    async def reload_all(self, progress: Progress | None = None) -> Reloaded:
        """Read the shared corpus again, and move every server forward that can be moved.

        Raises:
            CorpusError: the corpus cannot be read; every old edition stays.
            StoreError: the database cannot be written; servers that have not been moved stay.
            ClosedError: the library has been closed.
        """
        # One at a time: of two reloads, the one that has read the folder last must be the one that stays.
        async with self._operating():
            documents = await self._workers.build(require_shared, self._settings)
            before = self.standings.of(None)
            edition = await self._build(documents, progress)
            if edition is not before.edition:
                # Until their check questions have been asked, these servers keep what they have.
                for guild in await self.catalogue.checked_guilds() - self.standings.guilds:
                    self.standings.put(guild, before)
                self.standings.put(None, Standing(edition, self._clock()))
            return Reloaded(edition, await self._move_all(documents))

    @asynccontextmanager
    async def _operating(self) -> AsyncIterator[None]:
        """Keep other reloads waiting, and refuse first libraries."""
        async with self._reloading:
            self._is_behind, self._is_moving = False, True
            try:
                yield
            finally:
                self._is_moving = False

    async def _move_all(self, documents: Sequence[Document]) -> tuple[Moved, ...]:
        """Move each server that has a library or check questions of its own to the new shared documents."""
        guilds = sorted(self.standings.guilds)
        moved = {guild: await self._try_to_move(guild, documents) for guild in guilds}
        for guild in guilds:
            if moved[guild].move == "busy":
                moved[guild] = await self._try_to_move(guild, documents)
        for each in moved.values():
            _log.info("Server %d: %s. %s", each.guild, each.move, each.said)
        # Last, and only if all have been seen to: otherwise the next start moves the others.
        if not any(each.move in {"busy", "failed"} for each in moved.values()):
            await self._note_shared()
        await self.tidy()
        return tuple(moved.values())

    async def _try_to_move(self, guild: int, documents: Sequence[Document]) -> Moved:
        standing = self.standings.of(guild)
        does = "reloading the shared corpus"
        try:
            # To a server without a library nothing is applied meanwhile; that one is previewed is no reason
            # to pass over its check questions.
            with nullcontext() if standing.revision is None else self._alone(guild, OPERATOR, does):
                return await self._move_or_fail(guild, documents)
        except RefusalError as error:
            return Moved(guild, "busy", standing.edition.id, str(error))

    async def _move_or_fail(self, guild: int, documents: Sequence[Document]) -> Moved:
        standing = self.standings.of(guild)
        try:
            return await self._move(guild, standing, documents)
        except (StoreError, ClosedError):
            raise
        except LinerNotesError as error:
            return Moved(guild, "failed", standing.edition.id, str(error))
        except Exception:  # noqa: BLE001  as in _take_up: the others are to be moved
            _log.exception("Server %d", guild)
            return Moved(guild, "failed", standing.edition.id, "Something went wrong; the log says more.")

    async def _move(self, guild: int, standing: Standing, documents: Sequence[Document]) -> Moved:
        before = standing.edition
        base = self._base(guild)
        if not base.follows:
            return Moved(guild, "rolled back", before.id)
        plan = await self._workers.answer(self._planner.follow, base, documents)
        after = await self._build(plan.documents, None)
        if after.id == before.id:
            if standing.revision is None:
                self.standings.drop(guild)
            await self.catalogue.release(base)
            return Moved(guild, "unchanged", before.id)
        verdicts = await self._verdicts(await self.catalogue.checks(guild), before, after)
        broken = [each.check.question for each in verdicts if each.before and not each.after]
        if broken:
            what = f"{HELD}, for the operator's reload would break: {'; '.join(broken)}"
            await self._save(before)
            is_new = await self.catalogue.hold(base, what)
            self.standings.put(guild, Standing(before, base.at, base))
            return Moved(guild, "held", before.id, what, is_new=is_new)
        if standing.revision is None:
            # It has the shared corpus and nothing else, and goes on having it.
            self.standings.drop(guild)
            return Moved(guild, "moved", after.id)
        await self._save(after)
        revision = replace(
            base,
            number=base.number + 1,
            edition=after.id,
            what="followed the operator's reload",
            at=self._clock(),
            person=OPERATOR,
        )
        await self.catalogue.commit(revision, before=base)
        self.standings.put(guild, Standing(after, revision.at, revision))
        return Moved(guild, "moved", after.id)

    async def _note_shared(self) -> None:
        standing = self.standings.of(None)
        await self._store.note(_SINCE, str(standing.since))
        await self._store.note(_SHARED, standing.edition.id)

    # --- Leaving and tidying ---

    async def tidy(self) -> None:
        """Remove what is too old: previews, revisions, editions, files, and servers left 30 days ago."""
        self._expire()
        async with self._filing:
            gone, kept = await self.catalogue.tidy()
            await self._workers.answer(self._uploads.prune, kept.uploads)
        for guild in gone:
            self.standings.drop(guild)
            self.on_removed(guild)
        if not self._store.is_in_memory:
            # In the thread that builds, and in turn: an edition that one of these revisions has dropped
            # meanwhile, and another has taken up, is held until then.
            noted = await self._store.fact(_SHARED) or ""
            editions = kept.editions | {self.standings.of(None).edition.id, noted}
            await self._workers.build(self._editions.prune, editions)

    # --- What moderators look at ---

    async def status(self, guild: int) -> Status:
        """Return what a server answers from, and since when."""
        standing = self.standings.of(guild)
        base = self._base(guild)
        # Who made it may have asked to be forgotten since.
        kept = (each for each in await self.catalogue.revisions(guild) if each.number == base.number)
        base = next(kept, base)
        last = await self.catalogue.last_act(guild)
        held = last.what if last is not None and last.what.startswith(HELD) else None
        documents = await self._workers.answer(_shelve, standing.edition, base, self._settings.corpus_dir)
        return Status(
            standing.edition,
            base,
            standing.revision is not None,
            documents,
            self._settings.embedding_model,
            held,
        )

    async def history(self, guild: int, *, look: bool = False) -> tuple[Past, ...]:
        """Return a server's revisions, the newest first; with the shared corpus alone, that one.

        Args:
            guild: the server.
            look: read how many documents they have from the disk, where that is not known.
        """
        revisions = await self.catalogue.revisions(guild) or (self._base(guild),)
        current = self.standings.of(guild).edition
        self._counts[current.id] = len(current.documents)
        if look:
            for each in revisions:
                if each.edition not in self._counts:
                    with suppress(EditionError):
                        documents = await self._workers.answer(self._editions.documents, each.edition)
                        self._counts[each.edition] = len(documents)
        return tuple(Past(each, self._counts.get(each.edition)) for each in revisions)

    @property
    def builds(self) -> int:
        """How many builds run or wait, of all servers."""
        return self._workers.builds

    async def gap_groups(self, guild: int) -> tuple[tuple[Gap, ...], ...]:
        """Return what was not answered, grouped by meaning, the largest group first."""
        gaps = await self.catalogue.gaps(guild)
        groups = await self._workers.answer(self._engine.group, [gap.question for gap in gaps])
        return tuple(tuple(gaps[at] for at in group) for group in groups)


def _shelve(edition: Edition[Index], revision: Revision, folder: Path) -> tuple[Shelved, ...]:
    shelved: list[Shelved] = []
    for document in edition.documents:
        upload = revision.own.get(document.name)
        size, at = (len(document.text.encode()), None) if upload is None else (upload.size, upload.at)
        if upload is None:
            with suppress(OSError):
                found = (folder / document.name).stat()
                size, at = found.st_size, found.st_mtime
        shelved.append(Shelved(document, size, at, own=upload is not None))
    return tuple(shelved)


def require_shared(settings: Settings) -> tuple[Document, ...]:
    """Return the shared corpus, its warnings told to the log.

    Raises:
        CorpusError: it cannot be read.
    """
    reading = read_shared(settings)
    documents = reading.require()
    for problem in reading.warnings:
        _log.warning("%s", problem)
    return documents
