"""A library for a command: it opens in a thread of its own, and the terminal shows how far it is."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from concurrent.futures import Future, wait
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from linernotes.errors import DataFolderBusyError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path
    from types import TracebackType
    from typing import Any, Self

    from rich.console import Console

    from linernotes.library.editions import Step
    from linernotes.library.service import Keep, Library
    from linernotes.models import Turn
    from linernotes.reading.reader import Reader
    from linernotes.retrieval.embedding import Embedder
    from linernotes.settings import Settings

_T = TypeVar("_T")
Opening: TypeAlias = "Callable[[Building], AbstractAsyncContextManager[Library]]"
"""Opens a library that reports to the given progress; called in a thread, where it may import at leisure."""

_STEPS: dict[Step, str] = {
    "read": "Loading the model",
    "split": "Dividing the article",
    "embed": "Embedding the article",
    "index": "Building the index",
}


@contextlib.contextmanager
def library_for(
    settings: Settings,
    corpus: Path | None,
    embedder: Embedder | None = None,
    reader: Reader | None = None,
) -> Iterator[Background]:
    """Open a library for a command, and show on a terminal how far it is."""
    from rich.console import Console

    building = Building(Console(stderr=True))
    keep: Keep = "borrow" if corpus is None else "nothing"
    with Background(lambda: open_library(settings, keep, building, embedder, reader)) as background:
        building.wait_for(background.ready)
        yield background


@contextlib.asynccontextmanager
async def open_library(
    settings: Settings,
    keep: Keep,
    progress: Building,
    embedder: Embedder | None = None,
    reader: Reader | None = None,
) -> AsyncIterator[Library]:
    """Open a library; one that works on ``DATA_DIR`` alone can be told to reload."""
    from linernotes.library import Library
    from linernotes.shell import control

    async with Library.open(
        settings, embedder=embedder, reader=reader, keep=keep, progress=progress
    ) as library:
        if keep != "own":
            yield library
            return
        async with control.serve(library, settings.data_dir):
            yield library


@contextlib.asynccontextmanager
async def open_beside(
    settings: Settings, progress: Building, embedder: Embedder | None = None
) -> AsyncIterator[Library]:
    """Open a library that works on ``DATA_DIR``; beside a process that does, one in memory."""
    async with contextlib.AsyncExitStack() as stack:
        try:
            library = await stack.enter_async_context(open_library(settings, "own", progress, embedder))
        except DataFolderBusyError as error:
            holder = str(error).partition(":")[0]
            progress.notice = f"{holder}: beside it I answer from the shared articles, and keep nothing."
            library = await stack.enter_async_context(open_library(settings, "borrow", progress, embedder))
        yield library


def timed_ask(background: Background, question: str, history: Sequence[str]) -> tuple[Turn, float]:
    """Return the reply and the milliseconds it took, the answers to the earlier questions left out."""
    turns = background.call(lambda library: library.recall(history)) if history else ()
    started = time.perf_counter()
    turn = background.call(lambda library: library.ask(question, turns=turns))
    return turn, (time.perf_counter() - started) * 1_000


class Background:
    """Runs a library in a thread of its own, so that a person can type while the model loads."""

    def __init__(
        self,
        opening: Callable[[], AbstractAsyncContextManager[Library]],
        on_failure: Callable[[], None] = lambda: None,
    ) -> None:
        """Begin to open; both are called from the thread, ``on_failure`` when opening fails."""
        self.ready: Future[Library] = Future()
        self._opening = opening
        self._on_failure = on_failure
        self._left = False
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._live()), name="linernotes-library", daemon=True
        )
        self._thread.start()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the library. One that is still opening is not waited for; it closes when it is open."""
        self._left = True
        if self.ready.done():
            with contextlib.suppress(RuntimeError):  # the loop has ended by itself
                self._loop.call_soon_threadsafe(self._end.set)
            self._thread.join()

    def call(self, make: Callable[[Library], Coroutine[Any, Any, _T]]) -> _T:
        """Return what a coroutine of the library gives, when the library is open.

        Raises:
            LinerNotesError: the library could not be opened, or the coroutine raised it.
        """
        library = self.ready.result()
        return asyncio.run_coroutine_threadsafe(make(library), self._loop).result()

    async def _live(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._end = asyncio.Event()
        try:
            async with self._opening() as library:
                self.ready.set_result(library)
                if not self._left:
                    await self._end.wait()
        except BaseException as error:
            if self.ready.done():
                raise
            self.ready.set_exception(error)
            self._on_failure()


class Building:
    """Shows on a terminal how far an edition is; hand it to ``Library.open`` as ``progress``."""

    def __init__(self, console: Console) -> None:
        """Show it on this console, or nowhere when that is no terminal."""
        self._console = console
        self._state: tuple[Step, int, int] = ("read", 0, 0)
        self.notice = ""
        """What a person should know of how the library was opened."""

    def __call__(self, step: Step, done: int, total: int) -> None:
        """Take note; called from a worker's thread."""
        self._state = (step, done, total)

    def wait_for(self, future: Future[Any]) -> None:
        """Show the progress until ``future`` is done, and leave nothing of it behind."""
        if future.done() or not self._console.is_terminal:
            wait([future])
            return
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

        words = TextColumn("{task.description}")
        with Progress(SpinnerColumn(), words, BarColumn(), console=self._console, transient=True) as shown:
            task = shown.add_task("", total=None)
            while not future.done():
                step, done, total = self._state
                # Only the embedding takes long enough to be counted.
                shown.update(
                    task,
                    description=_STEPS[step],
                    completed=done,
                    total=total if step == "embed" and total else None,
                )
                wait([future], timeout=0.1)
