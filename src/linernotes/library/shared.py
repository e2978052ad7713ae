"""The shared corpus: read from its folder; and which edition of it the servers followed last, as noted."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from linernotes.corpus.files import read_corpus

if TYPE_CHECKING:
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


async def noted(store: Store) -> tuple[str | None, float | None]:
    """Return the id of the shared edition that all servers followed last, and since when it was in use.

    Raises:
        StoreError: the database cannot be used.
    """
    since = await store.fact(_SINCE)
    return await store.fact(_EDITION), None if since is None else float(since)


async def note(store: Store, edition_id: str, since: float) -> None:
    """Write down that all servers follow a shared edition.

    Raises:
        StoreError: the database cannot be written.
    """
    await store.note(_SINCE, str(since))
    await store.note(_EDITION, edition_id)
