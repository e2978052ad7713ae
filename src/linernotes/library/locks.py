"""Who works at the same time: one process on ``DATA_DIR``, one change in a server, one reload for all."""

from __future__ import annotations

import asyncio
import os
from contextlib import ExitStack, asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from linernotes.errors import DataFolderBusyError, RefusalError
from linernotes.library.catalogue import OPERATOR
from linernotes.words import counted

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path


@contextmanager
def lock(folder: Path) -> Iterator[None]:
    """Keep every other process out of the data folder; a folder that cannot be written to needs no lock.

    Raises:
        DataFolderBusyError: another process holds it.
    """
    held = FileLock(folder / "lock", timeout=0, thread_local=False)
    holder = folder / "lock.pid"
    with ExitStack() as releases:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            releases.enter_context(held)
            holder.write_text(str(os.getpid()))
        except Timeout:
            try:
                who = f"process {int(holder.read_bytes())}"
            except (OSError, ValueError):
                who = "another process"
            raise DataFolderBusyError(
                f"The data folder {folder} is in use by {who}: stop it, or set DATA_DIR to another folder."
            ) from None
        except OSError:
            # Nothing can be written, so there is nothing to guard; the store gives the warning.
            pass
        yield


class Locks:
    """Keeps those apart who change libraries, within this process; all of it in the event loop."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Take a clock in seconds; nobody is at work yet."""
        self._clock = clock
        self._at_work: dict[int, tuple[int, str, float]] = {}
        self._reloading = asyncio.Lock()
        self._is_moving = False
        self.filing = asyncio.Lock()
        """Held from the moment a file is kept until the database names it: tidying must not come between."""

    @contextmanager
    def alone(self, guild: int, person: int, what: str) -> Iterator[None]:
        """Let nobody else change a server's library meanwhile.

        Args:
            guild: the server.
            person: who is at it.
            what: what they do, in the words that others are told.

        Raises:
            RefusalError: somebody is at it already; says who.
        """
        if guild in self._at_work:
            who, does, since = self._at_work[guild]
            name = "The operator" if who == OPERATOR else f"<@{who}>"
            seconds = max(0, round(self._clock() - since))
            raise RefusalError(
                f"{name} is changing this server's library (“{does}”, for"
                f" {counted(seconds, 'second')} now); please wait."
            )
        self._at_work[guild] = (person, what, self._clock())
        try:
            yield
        finally:
            del self._at_work[guild]

    @asynccontextmanager
    async def reload(self) -> AsyncIterator[None]:
        """Keep other reloads of the shared corpus waiting, and refuse first libraries."""
        async with self._reloading:
            self._is_moving = True
            try:
                yield
            finally:
                self._is_moving = False

    @asynccontextmanager
    async def first_library(self) -> AsyncIterator[None]:
        """Keep reloads waiting while a server begins to have a library of its own.

        What becomes of a server without a library is the shared corpus's reload to say, which does not see
        one that has just begun to have its own.

        Raises:
            RefusalError: the shared corpus is being reloaded.
        """
        if self._is_moving:
            raise RefusalError("The operator is reloading the shared corpus; please wait a moment.")
        async with self._reloading:
            yield
