"""The shared corpus: read from its folder; and which edition of it the servers followed last, as noted."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from linernotes.corpus.files import read_corpus
from linernotes.library.news import tell
from linernotes.library.rows import FACTS, RELEASED

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import sqlalchemy as sa

    from linernotes.corpus.problems import Reading
    from linernotes.library.store import Store
    from linernotes.models import Document
    from linernotes.settings import Settings

# One name for all that is said of libraries: who reads the log may filter by it.
_log = logging.getLogger("linernotes.library.curator")

# What the servers of this process followed last; where several share a database, the same by shard.
_EDITION: Final = "shared edition"
_SINCE: Final = "shared edition since"
_OF_SHARD: Final = "shared edition of shard "
# What all processes are to serve: its id, and since when.
_PUBLISHED: Final = "published edition"


def read_shared(settings: Settings) -> Reading:
    """Read the shared corpus as a reload would."""
    return read_corpus(
        settings.corpus_dir,
        max_file_bytes=settings.max_file_bytes,
        max_corpus_bytes=settings.max_corpus_bytes,
    )


@dataclass(frozen=True, slots=True)
class Shared:
    """What can be served of the shared corpus.

    ``unread`` names the files that cannot be read, each with a sentence on why; those of ``kept`` are served
    as they were before, the others are left out.
    """

    documents: tuple[Document, ...]
    unread: Mapping[str, str]
    kept: frozenset[str] = frozenset()

    @classmethod
    def of(cls, reading: Reading, before: Iterable[Document] = ()) -> Shared:
        """Take the documents of a reading; of what cannot be read, an older state of ``before``.

        Raises:
            CorpusError: the corpus as a whole cannot be read, or nothing is left of it.
        """
        unread = reading.unread
        if not any(document.name in unread for document in before):
            return cls(reading.accept(), unread)
        if any(problem.document is None for problem in reading.errors):
            reading.require()
        return cls(reading.documents, unread).with_older(before)

    def with_older(self, before: Iterable[Document]) -> Shared:
        """Return the same with the older states of what cannot be read now."""
        present = {document.name for document in self.documents}
        older = [each for each in before if each.name in self.unread and each.name not in present]
        kept = self.kept | {each.name for each in older}
        return Shared((*self.documents, *older), self.unread, kept)

    @property
    def left_out(self) -> tuple[str, ...]:
        """Return a sentence for each file that cannot be read: what is wrong, and what became of it."""
        return tuple(
            f"{why} {'It is served as it was before.' if name in self.kept else 'It is left out.'}"
            for name, why in self.unread.items()
        )


def require_shared(settings: Settings, before: Iterable[Document] = ()) -> Shared:
    """Return the shared corpus, what is wrong with it told to the log.

    Raises:
        CorpusError: it cannot be read as a whole, or nothing is left of it.
    """
    shared, wrong = take_shared(settings, before)
    tell_wrong(wrong)
    return shared


def take_shared(settings: Settings, before: Iterable[Document] = ()) -> tuple[Shared, tuple[str, ...]]:
    """Return the shared corpus, and a sentence for each thing that is wrong with it.

    Raises:
        CorpusError: it cannot be read as a whole, or nothing is left of it.
    """
    reading = read_shared(settings)
    shared = Shared.of(reading, before)
    return shared, (*shared.left_out, *map(str, reading.warnings))


def tell_wrong(sentences: Iterable[str]) -> None:
    """Tell the log what is wrong with the shared corpus."""
    for said in sentences:
        _log.warning("%s", said)


@dataclass(frozen=True, slots=True)
class Published:
    """The shared edition that all processes on a database are to serve, and since when."""

    edition: str
    since: float


async def noted(store: Store) -> tuple[str | None, float | None]:
    """Return the id of the shared edition that our servers followed last, and since when it was in use.

    Where several were, one that is not the one published last is told: they are to follow still.

    Raises:
        StoreError: the database cannot be used.
    """
    facts = await store.facts(_EDITION)
    names = [f"{_OF_SHARD}{each}/{store.shards.count}" for each in store.shards.ids] if store.shards else []
    ours = [facts[name] for name in names if name in facts]
    if not names or len(ours) < len(names):
        # The servers were divided in another way before.
        count = f"/{store.shards.count}" if store.shards else "none of these"
        ours += [
            value
            for name, value in facts.items()
            if name == _EDITION or (name.startswith(_OF_SHARD) and not name.endswith(count))
        ]
    if not ours:
        return None, None
    last = await published(store)
    edition = next((each for each in ours if last is None or each != last.edition), ours[0])
    try:
        since = float(facts.get(_SINCE) or "nan")
    except ValueError:
        since = math.nan
    return edition, since if math.isfinite(since) else None


async def note(store: Store, edition_id: str, since: float) -> None:
    """Write down that our servers follow a shared edition; the one before goes when no others follow it.

    Raises:
        StoreError: the database cannot be written.
    """
    shards = store.shards

    def write(db: sa.Connection) -> None:
        before = {value for name, value in _of(db).items() if name != _SINCE}
        rows = [(_SINCE, str(since))]
        if shards is None:
            FACTS.delete(db, FACTS.c.name.startswith(_OF_SHARD, autoescape=True))
            rows.append((_EDITION, edition_id))
        else:
            rows += [(f"{_OF_SHARD}{each}/{shards.count}", edition_id) for each in shards.ids]
        for row in rows:
            FACTS.insert(db, row, "replace")
        after = {value for name, value in _of(db).items() if name != _SINCE}
        for each in before - after:
            RELEASED.insert(db, ("editions", each), "ignore")

    await store.run(write)


async def all_noted(store: Store) -> frozenset[str]:
    """Return the ids of the shared editions that servers follow, those of other processes too.

    Raises:
        StoreError: the database cannot be used.
    """
    facts = await store.facts(_EDITION)
    last = await published(store)
    found = {value for name, value in facts.items() if name != _SINCE}
    return frozenset(found if last is None else found | {last.edition})


async def published(store: Store) -> Published | None:
    """Return the shared edition that all processes are to serve, where several may share the database.

    Raises:
        StoreError: the database cannot be used.
    """
    if not store.is_on_server:
        return None
    edition, _, since = (await store.fact(_PUBLISHED) or "").partition(" ")
    try:
        return Published(edition, float(since)) if edition else None
    except ValueError:
        return None


async def publish(store: Store, edition_id: str, since: float) -> None:
    """Let all processes serve a shared edition, which the database keeps already.

    Raises:
        StoreError: the database cannot be written.
    """
    if not store.is_on_server:
        return

    def write(db: sa.Connection) -> None:
        for _, before in FACTS.select(db, FACTS.c.name == _PUBLISHED):
            if before.partition(" ")[0] == edition_id:
                return
        FACTS.insert(db, (_PUBLISHED, f"{edition_id} {since}"), "replace")
        RELEASED.delete(db, RELEASED.c.kind == "editions", RELEASED.c.digest == edition_id)
        tell(db, "shared")

    await store.run(write, lasting=True)


def _of(db: sa.Connection) -> dict[str, str]:
    return dict(FACTS.select(db, FACTS.c.name.startswith(_EDITION, autoescape=True)))
