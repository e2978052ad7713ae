"""The shared corpus: read from its folder; and which edition of it the servers followed last, as noted."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from linernotes.corpus.files import read_corpus
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

_EDITION: Final = "shared edition"
_SINCE: Final = "shared edition since"


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
    reading = read_shared(settings)
    shared = Shared.of(reading, before)
    for said in (*shared.left_out, *reading.warnings):
        _log.warning("%s", said)
    return shared


async def noted(store: Store) -> tuple[str | None, float | None]:
    """Return the id of the shared edition that all servers followed last, and since when it was in use.

    Raises:
        StoreError: the database cannot be used.
    """
    try:
        since = float(await store.fact(_SINCE) or "nan")
    except ValueError:
        since = math.nan
    return await store.fact(_EDITION), since if math.isfinite(since) else None


async def note(store: Store, edition_id: str, since: float) -> None:
    """Write down that all servers follow a shared edition, and that the one before may go from the disk.

    Raises:
        StoreError: the database cannot be written.
    """

    def write(db: sa.Connection) -> None:
        for _, before in FACTS.select(db, FACTS.c.name == _EDITION):
            if before != edition_id:
                RELEASED.insert(db, ("editions", before), "ignore")
        for row in ((_SINCE, str(since)), (_EDITION, edition_id)):
            FACTS.insert(db, row, "replace")

    await store.run(write)
