"""The service: ask, quote and reload, for each server. Async and thin; everything below it is synchronous.

A library owns the threads that work for it and ends them when it closes; none of it lives in the event loop.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import time
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, TypeVar

from linernotes.corpus.documents import read_corpus
from linernotes.editions import EditionStore, lock
from linernotes.engine import Engine
from linernotes.errors import ClosedError, CorpusError, DataFolderBusyError
from linernotes.retrieval.batching import BatchingEmbedder

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Sequence
    from pathlib import Path

    from linernotes.corpus.documents import Reading
    from linernotes.editions import Edition, Step
    from linernotes.models import Document, Quote, Turn
    from linernotes.retrieval.embedding import Embedder
    from linernotes.retrieval.index import Index
    from linernotes.settings import Settings

_log = logging.getLogger(__name__)
_T = TypeVar("_T")

SHARED = "shared"
"""The shared library's name in ``DATA_DIR/current.json``."""

# Threads that answer wait for the model most of the time; what waits there together shares a forward pass.
ANSWERING_THREADS = 16

# Documents that are asked alone are kept ready, those asked last.
MOST_DOCUMENTS_ALONE = 16

Keep = Literal["own", "borrow", "nothing"]
"""What a library does with ``DATA_DIR``.

``own``: works there alone and refuses to start beside another process. ``borrow``: uses it when no other
process does, and works in memory otherwise. ``nothing``: works in memory and leaves it alone.
"""


@dataclass(frozen=True, slots=True)
class _Standing:
    """The edition that a server works with, and since when."""

    edition: Edition[Index]
    since: float


class Library:
    """The editions that are asked; one is open at a time for each ``DATA_DIR``.

    A server is named by its guild id; ``None`` means no server (a direct message, the terminal) and the
    shared corpus. A server that has no library of its own works with the shared one.
    """

    def __init__(
        self,
        settings: Settings,
        store: EditionStore[Index],
        engine: Engine,
        workers: _Workers,
        clock: Callable[[], float],
    ) -> None:
        """Use ``Library.open``, which closes what it opens."""
        self._settings = settings
        self._store = store
        self._engine = engine
        self._workers = workers
        self._clock = clock
        self._standing: dict[int | None, _Standing] = {}
        self._documents: dict[tuple[str, str], Edition[Index]] = {}
        self._reloading = asyncio.Lock()

    @staticmethod
    @asynccontextmanager
    async def open(
        settings: Settings,
        *,
        embedder: Embedder | None = None,
        clock: Callable[[], float] = time.time,
        keep: Keep = "own",
        progress: Callable[[Step, int, int], None] | None = None,
    ) -> AsyncIterator[Library]:
        """Open the library and close it at the end: reads the shared corpus, loads the model and the edition.

        Args:
            settings: the settings.
            embedder: the model; by default the one that the settings name is loaded.
            clock: seconds since the epoch.
            keep: what to do with ``DATA_DIR``.
            progress: told from a worker's thread how far the edition is.

        Raises:
            DataFolderBusyError: another process works on ``DATA_DIR``.
            CorpusError: the shared corpus cannot be read.
            ModelError: the model cannot be loaded.
        """
        with ExitStack() as stack:
            folder = _data_folder(settings, keep, stack)
            workers = _Workers()
            try:
                # The corpus first: what is wrong with it is said at once, not after the model was loaded.
                documents = await workers.build(_read, settings)
                engine, store = await workers.build(_assemble, settings, embedder, folder, workers)
                library = Library(settings, store, engine, workers, clock)
                await library._move(documents, progress)
                yield library
            finally:
                await asyncio.shield(asyncio.to_thread(workers.close))

    async def ask(
        self,
        question: str,
        *,
        history: Sequence[str] = (),
        turns: Sequence[Turn] = (),
        guild: int | None = None,
        document: str | None = None,
    ) -> Turn:
        """Answer a question from the server's edition; ``Turn.reply`` says what the corpus says.

        Args:
            question: as it was typed.
            history: earlier questions of the same conversation, oldest first; they are answered again.
            turns: earlier questions with their answers, oldest first; younger than ``history``.
            guild: the server.
            document: the name of the one document to answer from; by default, all of them.

        Raises:
            CorpusError: the server has no such document.
            ClosedError: the library has been closed.
        """
        edition = self._at(guild).edition
        asked = edition if document is None else await self._alone(edition, document)

        def answer() -> Turn:
            earlier = self._engine.recall(asked, [_clean(each) for each in history]) if history else ()
            turn = self._engine.ask(asked, _clean(question), (*earlier, *turns))
            return replace(turn, reply=replace(turn.reply, edition=edition.id))

        return await self._workers.answer(answer)

    async def recall(self, history: Sequence[str], *, guild: int | None = None) -> tuple[Turn, ...]:
        """Answer the earlier questions of a conversation, oldest first, for ``ask(turns=...)``.

        Raises:
            ClosedError: the library has been closed.
        """
        edition = self._at(guild).edition
        return await self._workers.answer(self._engine.recall, edition, [_clean(each) for each in history])

    async def quotes(
        self, *, speaker: str | None = None, about: str | None = None, guild: int | None = None
    ) -> tuple[Quote, ...]:
        """Return the quotations in the order of the text; with ``about``, the best match first.

        Args:
            speaker: keep those by this speaker; a part of the name is enough.
            about: rank them by what they have to do with this text.
            guild: the server.

        Raises:
            ClosedError: the library has been closed.
        """
        edition = self._at(guild).edition
        quotes = edition.quotes
        if about is not None:
            quotes = await self._workers.answer(self._engine.quotes_about, edition, _clean(about))
        return quotes if speaker is None else spoken_by(quotes, speaker)

    async def edition(self, guild: int | None = None) -> Edition[Index]:
        """Return the edition that the server works with now."""
        return self._at(guild).edition

    async def since(self, guild: int | None = None) -> float:
        """Return when the server began to work with its edition, by the library's clock."""
        return self._at(guild).since

    async def reload(self, progress: Callable[[Step, int, int], None] | None = None) -> Edition[Index]:
        """Read the shared corpus again and work with it from now on; until then the old edition answers.

        Raises:
            CorpusError: the corpus cannot be read; the old edition stays.
            ClosedError: the library has been closed.
        """
        # One at a time: of two reloads, the one that has read the folder last must be the one that stays.
        async with self._reloading:
            documents = await self._workers.build(_read, self._settings)
            return await self._move(documents, progress)

    async def _alone(self, edition: Edition[Index], document: str) -> Edition[Index]:
        """Return an edition of one document of ``edition``; its passages have the same numbers."""
        found = [each for each in edition.documents if each.name == document]
        if not found:
            raise CorpusError(f"There is no document {document!r}.")
        if len(edition.documents) == 1:
            return edition
        key = (edition.id, document)
        alone = self._documents.pop(key, None)
        if alone is None:
            alone = await self._workers.build(self._store.open_edition, found)
        self._documents[key] = alone
        while len(self._documents) > MOST_DOCUMENTS_ALONE:
            del self._documents[next(iter(self._documents))]
        return alone

    def _at(self, guild: int | None) -> _Standing:
        return self._standing.get(guild) or self._standing[None]

    async def _move(
        self, documents: tuple[Document, ...], progress: Callable[[Step, int, int], None] | None
    ) -> Edition[Index]:
        def build() -> Edition[Index]:
            started = time.perf_counter()
            told = {} if progress is None else {"progress": progress}
            edition = self._store.open_edition(documents, **told)
            self._store.point(SHARED, edition.id)
            _log.info(
                "Edition %.12s: %d documents, %d passages, %d quotations, ready after %.1f s.",
                edition.id,
                len(edition.documents),
                len(edition.passages),
                len(edition.quotes),
                time.perf_counter() - started,
            )
            return edition

        edition = await self._workers.build(build)
        self._standing[None] = _Standing(edition, self._clock())
        return edition


class _Workers:
    """The threads of one library: some that answer, one that builds, and the model's."""

    def __init__(self) -> None:
        self._answering = ThreadPoolExecutor(ANSWERING_THREADS, "linernotes-answer")
        self._building = ThreadPoolExecutor(1, "linernotes-build")
        self._embedder: BatchingEmbedder | None = None

    def share(self, embedder: Embedder) -> BatchingEmbedder:
        """Put the model behind one worker, which is closed with the others."""
        self._embedder = BatchingEmbedder(embedder)
        return self._embedder

    async def answer(self, work: Callable[..., _T], *args: object) -> _T:
        return await self._run(self._answering, work, *args)

    async def build(self, work: Callable[..., _T], *args: object) -> _T:
        return await self._run(self._building, work, *args)

    @staticmethod
    async def _run(pool: ThreadPoolExecutor, work: Callable[..., _T], *args: object) -> _T:
        loop = asyncio.get_running_loop()
        try:
            future = loop.run_in_executor(pool, functools.partial(work, *args))
        except RuntimeError as error:
            raise ClosedError("The library has been closed.") from error
        return await future

    def close(self) -> None:
        """Finish the answers under way, cut a rebuild short and end all threads."""
        self._answering.shutdown(wait=True)
        if self._embedder is not None:
            self._embedder.close()
        self._building.shutdown(wait=True, cancel_futures=True)


def spoken_by(quotes: Iterable[Quote], speaker: str) -> tuple[Quote, ...]:
    """Return the quotations by this speaker: a part of the name will do, without case and accents."""
    wanted = set(_words(speaker))
    return tuple(
        quote for quote in quotes if wanted and quote.speaker and wanted <= set(_words(quote.speaker))
    )


def read_shared(settings: Settings) -> Reading:
    """Read the shared corpus as a reload would."""
    return read_corpus(
        settings.corpus_dir,
        max_file_bytes=settings.max_file_bytes,
        max_corpus_bytes=settings.max_corpus_bytes,
    )


def _data_folder(settings: Settings, keep: Keep, stack: ExitStack) -> Path | None:
    """Return the folder to work in, locked until ``stack`` is closed, or ``None`` for memory."""
    if keep == "nothing":
        return None
    try:
        stack.enter_context(lock(settings.data_dir))
    except DataFolderBusyError as error:
        if keep == "own":
            raise
        _log.info("Working in memory: %s", error)
        return None
    return settings.data_dir


def _read(settings: Settings) -> tuple[Document, ...]:
    reading = read_shared(settings)
    documents = reading.require()
    for problem in reading.warnings:
        _log.warning("%s", problem)
    return documents


def _assemble(
    settings: Settings, embedder: Embedder | None, folder: Path | None, workers: _Workers
) -> tuple[Engine, EditionStore[Index]]:
    if embedder is None:
        from linernotes.retrieval.embedding import SentenceTransformerEmbedder

        embedder = SentenceTransformerEmbedder(settings.embedding_model)
    engine = Engine(workers.share(embedder), max_question_chars=settings.max_question_chars)
    return engine, EditionStore(folder, engine.segments, engine.indexes)


def _clean(text: str) -> str:
    """Return ``text`` without lone surrogates, which no tokenizer takes; shells and JSON can bring them."""
    return text.encode("utf-8", "replace").decode()


def _words(name: str) -> list[str]:
    plain = unicodedata.normalize("NFKD", name.casefold())
    kept = "".join(char if char.isalnum() else " " for char in plain if not unicodedata.combining(char))
    return kept.split()
