"""The library as one thing: open it, ask, quote and reload, for each server. Async and thin.

A library owns the threads that work for it and ends them when it closes; none of it lives in the event loop.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import time
import unicodedata
from contextlib import ExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Final, Literal

from linernotes.engine import Engine
from linernotes.errors import DataFolderBusyError, DataFolderError, LinerNotesError
from linernotes.library import database
from linernotes.library.blobs import Blobs
from linernotes.library.catalogue import Catalogue
from linernotes.library.changes import Planner
from linernotes.library.curator import Curator
from linernotes.library.editions import EditionStore
from linernotes.library.hearing import Hearing
from linernotes.library.locks import lock
from linernotes.library.processes import Processes
from linernotes.library.quarantine import (
    Quarantine,
    clear_the_way,
    require_cache,
    require_database,
    require_known,
)
from linernotes.library.restoring import settle
from linernotes.library.shared import take_shared, tell_wrong
from linernotes.library.store import Store
from linernotes.library.uploads import Uploads
from linernotes.library.workers import Workers
from linernotes.models import Turn, Unanswered

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Sequence
    from pathlib import Path

    from linernotes.library.editions import Progress
    from linernotes.library.following import Moved
    from linernotes.models import Edition, Quote
    from linernotes.reading.reader import Reader
    from linernotes.retrieval.embedding import Embedder
    from linernotes.retrieval.index import Index
    from linernotes.settings import Settings

_log = logging.getLogger(__name__)

DATABASE: Final = database.NAME
"""The database's file in ``DATA_DIR``."""

# Documents that are asked alone are kept ready, those asked last.
MOST_DOCUMENTS_ALONE = 16

# Where the corpus has changed, this long it is waited for that servers follow; then they do so meanwhile.
CATCH_UP_SECONDS: Final = 10.0

Keep = Literal["own", "borrow", "nothing"]
"""What a library does with ``DATA_DIR``.

``own``: works there alone and refuses to start beside another process. ``borrow``: uses it when no other
process does, and works in memory otherwise. ``nothing``: works in memory and leaves it alone.
"""


class Library:
    """The editions that are asked; one is open at a time for each ``DATA_DIR``.

    A server is named by its guild id; ``None`` means no server (a direct message, the terminal) and the
    shared corpus. A server that has no library of its own works with the shared one.
    """

    def __init__(
        self,
        engine: Engine,
        workers: Workers,
        store: Store,
        curator: Curator,
        caught_up: asyncio.Task[tuple[Moved, ...]],
        *,
        processes: Processes,
        hearing: Hearing,
    ) -> None:
        """Use ``Library.open``, which closes what it opens."""
        self._engine = engine
        self._workers = workers
        self._documents: dict[tuple[str, str], Edition[Index]] = {}
        self.store = store
        self.curator = curator
        self.processes = processes
        self.hearing = hearing
        curator.standings.on_let_go = self._forget
        self.caught_up = caught_up
        """Done when the servers follow a corpus that changed while nothing ran; says what became of each."""

    @staticmethod
    @asynccontextmanager
    async def open(
        settings: Settings,
        *,
        embedder: Embedder | None = None,
        reader: Reader | None = None,
        clock: Callable[[], float] = time.time,
        ticks: Callable[[], float] = time.monotonic,
        keep: Keep = "own",
        progress: Progress | None = None,
    ) -> AsyncIterator[Library]:
        """Open the library and close it at the end: the corpus, the database, the model and the editions.

        Args:
            settings: the settings.
            embedder: the model; by default the one that the settings name is loaded.
            reader: what reads closely; by default the packaged one, unless the settings leave it out or
                ``embedder`` is the caller's own.
            clock: seconds since the epoch.
            ticks: seconds that go on evenly, whatever becomes of the clock.
            keep: what to do with ``DATA_DIR``.
            progress: told from a worker's thread how far the edition is.

        Raises:
            DataFolderBusyError: another process works on ``DATA_DIR``.
            CorpusError: the shared corpus cannot be read.
            DataFolderError: ``DATA_DIR`` is there and cannot be read.
            StoreError: the database cannot be used.
            StoreLostError: the database is missing, damaged or another one, and what it would have to
                explain is there.
            ModelError: the model cannot be loaded.
        """
        with ExitStack() as stack:
            owned = keep == "own"
            workers = Workers()
            url = None
            if owned and settings.database_url is not None:
                url = settings.database_url.get_secret_value()
            store = Store(
                settings.data_dir / DATABASE if owned else None,
                url=url,
                alone=True,
                shards=settings.shards if url is not None else None,
                clock=clock,
                ticks=ticks,
            )
            blobs = None if url is None else Blobs(url)
            catching_up: asyncio.Task[tuple[Moved, ...]] | None = None
            assembling: asyncio.Task[tuple[Engine, EditionStore[Index]]] | None = None
            try:
                # What is quick first: a wrong corpus or database is told at once, not after the model. And
                # where there is no corpus, no data folder is left behind.
                shared, wrong = await workers.build(take_shared, settings)
                folder = _data_folder(settings, keep, stack)
                tell_wrong(wrong)
                if url is not None:
                    await workers.build(require_cache, settings.data_dir / DATABASE)
                elif owned:
                    await workers.build(require_database, settings.data_dir / DATABASE)
                await store.open()
                processes = Processes(store)
                catalogue = Catalogue(store)
                kept_in = None if store.is_in_memory else folder
                uploads, quarantine = Uploads(kept_in, blobs), Quarantine(kept_in, clock)
                if owned and kept_in is not None:
                    await workers.build(clear_the_way, quarantine, kept_in)
                # Meanwhile the first rows are read, and what that takes is imported.
                assembling = asyncio.create_task(
                    workers.build(
                        functools.partial(_assemble, blobs=blobs), settings, embedder, reader, folder, workers
                    )
                )
                if url is None and await catalogue.is_new():
                    unexplained = uploads.names() - (await catalogue.released()).uploads
                    require_known(settings.data_dir / DATABASE, len(unexplained))
                engine, editions = await assembling
                curator = Curator(
                    settings=settings,
                    engine=engine,
                    editions=editions,
                    uploads=uploads,
                    quarantine=quarantine,
                    planner=Planner(settings, editions, uploads, clock),
                    store=store,
                    catalogue=catalogue,
                    processes=processes,
                    workers=workers,
                    clock=clock,
                )
                await curator.open(shared, progress, own=owned)
                catching_up = asyncio.create_task(_catch_up(curator))
                await asyncio.wait({catching_up}, timeout=CATCH_UP_SECONDS)
                hearing = Hearing(curator, store, processes)
                async with processes.together(url), hearing.going_on():
                    yield Library(
                        engine, workers, store, curator, catching_up, processes=processes, hearing=hearing
                    )
            finally:
                for task in (assembling, catching_up):
                    if task is not None:
                        task.cancel()
                        await asyncio.gather(task, return_exceptions=True)
                await asyncio.shield(asyncio.to_thread(workers.close))
                await store.close()
                if blobs is not None:
                    await asyncio.to_thread(blobs.close)

    async def ask(
        self,
        question: str,
        *,
        history: Sequence[str] = (),
        turns: Sequence[Turn] = (),
        guild: int | None = None,
        document: str | None = None,
        song: str | None = None,
    ) -> Turn:
        """Answer a question from the server's edition; ``Turn.reply`` says what the corpus says.

        Args:
            question: as it was typed.
            history: earlier questions of the same conversation, oldest first; they are answered again.
            turns: earlier questions with their answers, oldest first; younger than ``history``.
            guild: the server.
            document: the name of the one document to answer from; by default, all of them.
            song: the name of the document that the conversation is about from now on; a question that names
                another is asked of that one. ``document`` is chosen like this, too.

        Raises:
            CorpusError: the server has no such document.
            ClosedError: the library has been closed.
        """
        edition = await self.curator.memory.edition_of(guild)
        asked = edition if document is None else await self._alone(edition, document)

        def answer() -> Turn:
            if not asked.sentences:
                # All that a server had is lost, and what it hides stays hidden.
                return Turn(question, question, Unanswered("silent", None, asked.id))
            earlier = self._engine.recall(asked, [_clean(each) for each in history]) if history else ()
            return self._engine.ask(asked, _clean(question), (*earlier, *turns), song=document or song)

        return await self._workers.answer(answer)

    async def is_question(self, message: str, *, guild: int | None = None) -> bool:
        """Say whether a message that addresses nobody is a question for the bot, not talk among people.

        Raises:
            ClosedError: the library has been closed.
        """
        edition = await self.curator.memory.edition_of(guild)
        return await self._workers.answer(self._engine.is_question, edition, _clean(message))

    async def recall(self, history: Sequence[str], *, guild: int | None = None) -> tuple[Turn, ...]:
        """Answer the earlier questions of a conversation, oldest first, for ``ask(turns=...)``.

        Raises:
            ClosedError: the library has been closed.
        """
        edition = await self.curator.memory.edition_of(guild)
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
        edition = await self.curator.memory.edition_of(guild)
        quotes = edition.quotes
        if about is not None:
            quotes = await self._workers.answer(self._engine.quotes_about, edition, _clean(about))
        return quotes if speaker is None else spoken_by(quotes, speaker)

    async def edition(self, guild: int | None = None) -> Edition[Index]:
        """Return the edition that the server works with now."""
        return await self.curator.memory.edition_of(guild)

    async def since(self, guild: int | None = None) -> float:
        """Return when the server began to work with its edition, by the library's clock."""
        return self.curator.standings.of(guild).since

    async def reload(self, progress: Progress | None = None) -> Edition[Index]:
        """Read the shared corpus again and work with it from now on; until then the old edition answers.

        Raises:
            CorpusError: the corpus cannot be read; the old edition stays.
            ClosedError: the library has been closed.
        """
        return (await self.curator.reload_all(progress)).edition

    async def _alone(self, edition: Edition[Index], document: str) -> Edition[Index]:
        """Return one document of an edition as an edition; its passages have the same numbers."""
        key = (edition.id, document)
        alone = self._documents.pop(key, None)
        if alone is None:
            alone = await self._workers.answer(self._engine.alone, edition, document)
        self._documents[key] = alone
        while len(self._documents) > MOST_DOCUMENTS_ALONE:
            del self._documents[next(iter(self._documents))]
        return alone

    def _forget(self, edition_id: str) -> None:
        """Keep nothing ready of an edition that is let go."""
        for key in [each for each in self._documents if each[0] == edition_id]:
            del self._documents[key]


def spoken_by(quotes: Iterable[Quote], speaker: str) -> tuple[Quote, ...]:
    """Return the quotations by this speaker: a part of the name will do, without case and accents."""
    wanted = set(_words(speaker))
    return tuple(
        quote for quote in quotes if wanted and quote.speaker and wanted <= set(_words(quote.speaker))
    )


async def _catch_up(curator: Curator) -> tuple[Moved, ...]:
    try:
        return await curator.catch_up()
    except LinerNotesError as error:
        _log.warning("The servers do not follow the shared corpus yet: %s", error)
        return ()


def _data_folder(settings: Settings, keep: Keep, stack: ExitStack) -> Path | None:
    """Return the folder to work in, locked until ``stack`` is closed, or ``None`` for memory."""
    if keep == "nothing":
        return None
    try:
        stack.enter_context(lock(settings.data_dir))
    except (DataFolderBusyError, DataFolderError) as error:
        if keep == "own":
            raise
        _log.info("Working in memory: %s", error)
        return None
    settle(settings.data_dir)
    return settings.data_dir


def _assemble(
    settings: Settings,
    embedder: Embedder | None,
    reader: Reader | None,
    folder: Path | None,
    workers: Workers,
    *,
    blobs: Blobs | None,
) -> tuple[Engine, EditionStore[Index]]:
    if embedder is None:
        from linernotes.reading.reader import LazyReader
        from linernotes.retrieval.embedding import open_embedder

        embedder = open_embedder(settings.embedding_model)
        if reader is None and settings.reader:
            reader = LazyReader()
    engine = Engine(
        workers.share(embedder),
        reader=None if reader is None else workers.share_reader(reader),
        max_question_chars=settings.max_question_chars,
    )
    return engine, EditionStore(
        folder,
        engine.segments,
        engine.indexes,
        pause=workers.pause,
        blobs=blobs,
        earlier=engine.segments.earlier,
    )


def _clean(text: str) -> str:
    """Return ``text`` without lone surrogates, which no tokenizer takes; shells and JSON can bring them."""
    return text.encode("utf-8", "replace").decode()


def _words(name: str) -> list[str]:
    plain = unicodedata.normalize("NFKD", name.casefold())
    kept = "".join(char if char.isalnum() else " " for char in plain if not unicodedata.combining(char))
    return kept.split()
