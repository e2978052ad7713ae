"""The threads of one library; none of what they do runs in the event loop."""

from __future__ import annotations

import asyncio
import functools
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from linernotes.errors import ClosedError
from linernotes.library.turns import Build, TurningEmbedder, Turns
from linernotes.reading.queue import QueuedReader
from linernotes.retrieval.batching import BatchingEmbedder, idle_cores

if TYPE_CHECKING:
    from collections.abc import Callable

    from linernotes.reading.reader import Reader
    from linernotes.retrieval.embedding import Embedder

_T = TypeVar("_T")

# Threads that answer wait for the model most of the time; what waits there together shares a forward pass.
ANSWERING_THREADS = 16

# Builds take turns, so that none waits for the end of another. Of those that embed much, each holds much in
# memory while the others have their turns: two at most, and they keep nobody waiting but their like.
BUILDING_THREADS = 8
LARGE_BUILDS = 2


class Workers:
    """The threads of one library: some that answer, some that build in turn, and one for each model."""

    def __init__(self) -> None:
        """Start no thread yet: each begins with its first work."""
        self._answering = ThreadPoolExecutor(ANSWERING_THREADS, "linernotes-answer")
        self._building = ThreadPoolExecutor(BUILDING_THREADS, "linernotes-build")
        self._building_much = ThreadPoolExecutor(LARGE_BUILDS, "linernotes-large-build")
        self._turns = Turns()
        self._embedder: BatchingEmbedder | None = None
        self._reader: QueuedReader | None = None
        self.builds = 0
        """How many builds run or wait; counted in the event loop."""

    def share(self, embedder: Embedder) -> Embedder:
        """Put the model behind one worker, which is closed with the others."""
        self._embedder = BatchingEmbedder(embedder, builders=idle_cores())
        return TurningEmbedder(self._embedder, self._turns)

    def share_reader(self, reader: Reader) -> QueuedReader:
        """Put the reader behind one worker likewise."""
        self._reader = QueuedReader(reader)
        return self._reader

    async def answer(self, work: Callable[..., _T], *args: object) -> _T:
        """Do work that somebody waits for.

        Raises:
            ClosedError: the workers have been closed.
        """
        return await self._run(self._answering, work, *args)

    async def build(self, work: Callable[..., _T], *args: object, large: bool = False) -> _T:
        """Do work that may take long, in turn with other such work.

        Who is cancelled while waiting for it stops it: at its next turn, it ends where it is.

        Args:
            work: the work.
            args: what it is given.
            large: whether it holds much in memory.

        Raises:
            ClosedError: the workers have been closed.
        """
        build = Build()

        def in_turn() -> _T:
            with self._turns.taking(build):
                return work(*args)

        self.builds += 1
        try:
            return await self._run(self._building_much if large else self._building, in_turn)
        finally:
            build.stop()
            self.builds -= 1

    def pause(self) -> None:
        """Let other builds come to their turns, if the build of this thread has had its own.

        Raises:
            ClosedError: the build was stopped, or the workers have been closed.
        """
        self._turns.pause()

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
        if self._reader is not None:
            self._reader.close()
        self._turns.close()
        for pool in (self._building, self._building_much):
            pool.shutdown(wait=True, cancel_futures=True)
