"""Builds, saves and tries out editions, in the library's threads; which server uses one is not known here."""

from __future__ import annotations

import logging
import time
from collections import Counter
from typing import TYPE_CHECKING, Final

from linernotes.errors import EditionUnsavedError, RefusalError
from linernotes.library.editions import silent
from linernotes.library.previews import Trial, Verdict, compare, meets
from linernotes.models import NOTES, Answer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from linernotes.engine import Engine
    from linernotes.library.catalogue import Check
    from linernotes.library.editions import EditionStore, Progress
    from linernotes.library.notes import Note
    from linernotes.library.previews import Difference
    from linernotes.library.store import Store
    from linernotes.library.workers import Workers
    from linernotes.models import Document, Edition
    from linernotes.retrieval.index import Index
    from linernotes.settings import Settings

# One name for all that is said of libraries: who reads the log may filter by it.
_log = logging.getLogger("linernotes.library.curator")

# With more characters of text that was never seen before, a build holds much in memory, and takes long.
LARGE_CHARS: Final = 200_000


class Builder:
    """Makes editions for the curator and its parts."""

    def __init__(
        self,
        settings: Settings,
        engine: Engine,
        editions: EditionStore[Index],
        store: Store,
        workers: Workers,
    ) -> None:
        """Take the settings, who answers, where editions are kept, the database and the threads."""
        self._settings = settings
        self._engine = engine
        self._editions = editions
        self._store = store
        self._workers = workers

    async def build(self, documents: Sequence[Document], progress: Progress | None) -> Edition[Index]:
        """Return the edition of these documents, and tell the log how long it took.

        Raises:
            CorpusError: two documents have one name.
            EditionError: what was made of a document does not fit it.
            ClosedError: the library has been closed.
        """

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

        large = _chars(documents) > LARGE_CHARS and (
            _chars(await self._workers.answer(self._editions.unseen, documents)) > LARGE_CHARS
        )
        return await self._workers.build(build, large=large)

    async def require_room(
        self, documents: Sequence[Document], name: str, editions: Sequence[Edition[Index]]
    ) -> None:
        """Make sure that a file does not make more passages than there may be; nothing is embedded for it.

        A file of many headings or short paragraphs makes many passages of few bytes, and each costs.

        Args:
            documents: what the server is to have.
            name: the file's name.
            editions: of the documents that one of these holds, it is known how many passages they make.

        Raises:
            RefusalError: it makes too many, by itself or with what is there.
            ClosedError: the library has been closed.
        """
        known: dict[str, tuple[Document, int]] = {}
        for edition in reversed(editions):
            counts = Counter(passage.document for passage in edition.passages)
            known |= {each.name: (each, counts[each.name]) for each in edition.documents}
        total = 0
        for document in documents:
            most = self._settings.max_file_passages
            same, count = known.get(document.name, (None, 0))
            if same != document:
                large = len(document.text) > LARGE_CHARS
                count = await self._workers.build(self._engine.segments.count, document, most, large=large)
            if document.name == name and count > most:
                raise RefusalError(
                    f"{name} makes at least {count:,} passages; I take files of up to {most:,}"
                    " (MAX_FILE_PASSAGES). Fewer headings make fewer passages, and so do several files."
                )
            total += count
        if total > (most := self._settings.max_server_passages):
            raise RefusalError(
                f"With this file this server would have {total:,} passages; it may have up to {most:,}"
                " (MAX_SERVER_PASSAGES). Remove a file first, or hide an article."
            )

    async def load(self, edition_id: str) -> Edition[Index]:
        """Return a saved edition; one made with other settings is made again, with a new id.

        Raises:
            EditionError: there is none with this id, or its list of documents is damaged.
            ClosedError: the library has been closed.
        """
        return await self._workers.build(self._editions.load, edition_id)

    async def save(self, edition: Edition[Index]) -> None:
        """Make sure that an edition is on the disk.

        Raises:
            EditionUnsavedError: it cannot be written.
            ClosedError: the library has been closed.
        """
        # A database that lives in memory ends with the process, and so may an edition.
        if not self._store.is_in_memory:
            await self._workers.answer(self._editions.save, edition)

    async def try_to_save(self, edition: Edition[Index]) -> bool:
        """Save an edition, and say whether that was possible; if not, it is tried again at the next start."""
        try:
            await self.save(edition)
        except EditionUnsavedError as error:
            _log.warning("Nothing is written down of it: %s", error)
            return False
        return True

    async def compare(self, before: Edition[Index], after: Edition[Index]) -> Difference:
        """Return what differs between two editions.

        Raises:
            ClosedError: the library has been closed.
        """
        return await self._workers.answer(compare, before, after)

    async def verdicts(
        self, checks: Sequence[Check], before: Edition[Index], after: Edition[Index]
    ) -> tuple[Verdict, ...]:
        """Ask a server's check questions of two editions.

        Raises:
            ClosedError: the library has been closed.
        """
        verdicts: list[Verdict] = []
        for check in checks:
            old = (await self._workers.answer(self._engine.ask, before, check.question)).reply
            new = old
            if after is not before:
                new = (await self._workers.answer(self._engine.ask, after, check.question)).reply
            said = new.text if isinstance(new, Answer) else ""
            verdicts.append(Verdict(check, meets(old, check.words), meets(new, check.words), said))
        return tuple(verdicts)

    async def try_note(self, note: Note, after: Edition[Index]) -> tuple[Trial, ...]:
        """Ask a note's question, in each way that it gives, of an edition that has the note.

        Raises:
            ClosedError: the library has been closed.
        """
        tried: list[Trial] = []
        for question in (note.question, *note.ways):
            reply = (await self._workers.answer(self._engine.ask, after, question)).reply
            by_note = isinstance(reply, Answer) and reply.lead.document == NOTES
            stated = isinstance(reply, Answer) and reply.certainty == "stated"
            tried.append(Trial(question, by_note, stated))
        return tuple(tried)


def _chars(documents: Sequence[Document]) -> int:
    return sum(len(document.text) for document in documents)
