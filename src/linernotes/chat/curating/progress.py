"""Waits for work on a library, and says in the meantime how far it is."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from linernotes.chat.curating import embeds
from linernotes.chat.frame import logs
from linernotes.chat.frame.responses import UNREACHABLE, show
from linernotes.errors import RefusalError

if TYPE_CHECKING:
    from collections.abc import Coroutine

    import discord

    from linernotes.chat.frame.bot import LinerNotes

_log = logs.get(__name__)
_T = TypeVar("_T")

# How far a build is, is told so often at most: Discord allows five edits in five seconds.
NOTE_SECONDS = 2.0
# A response can be edited for 15 minutes.
WATCH_SECONDS = 14 * 60.0


class Progress:
    """How far a build is: written by a worker's thread, read by who watches."""

    def __init__(self) -> None:
        """Begin before the first step."""
        self.stage: tuple[str, int, int] | None = None
        self.documents: tuple[int, int] | None = None

    def __call__(self, step: str, done: int, total: int) -> None:
        """Take the newest."""
        if step == "split":
            self.documents = (done, total)
        self.stage = (step, done, total)


class Watcher:
    """Holds the work that goes on for a library, and shows how far it is to who has asked for it."""

    def __init__(self, bot: LinerNotes) -> None:
        """Take the bot."""
        self._bot = bot
        # The event loop holds tasks weakly.
        self._tasks: set[asyncio.Task[Any]] = set()

    async def watch(
        self,
        interaction: discord.Interaction[LinerNotes],
        work: Coroutine[Any, Any, _T],
        progress: Progress,
        *,
        after: str,
    ) -> _T:
        """Wait for work on a library and say how far it is; where that takes too long, say ``after``.

        Raises:
            RefusalError: the bot leaves, or Discord takes no more edits; then the work goes on by itself.
        """
        task = self.start(work)
        end = asyncio.get_running_loop().time() + WATCH_SECONDS
        before: discord.Embed | None = None
        while not (await asyncio.wait({task}, timeout=NOTE_SECONDS))[0]:
            if self._bot.leaving:
                raise RefusalError(
                    "I am being restarted. In a moment, /corpus status says what I answer from; please start"
                    " again if that is not what you want."
                )
            if asyncio.get_running_loop().time() >= end:
                raise RefusalError(f"It takes longer than Discord lets me tell you here. {after}")
            note = embeds.building(
                progress.stage,
                progress.documents,
                waiting=progress.stage is None and self._bot.library.curator.builds > 1,
            )
            if note != before:
                before = note
                # That it cannot be shown stops nothing.
                with suppress(*UNREACHABLE):
                    await show(interaction, note, passing=True)
        return task.result()

    def start(self, work: Coroutine[Any, Any, _T]) -> asyncio.Task[_T]:
        """Begin work that goes on, whoever waits for it."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._end)
        return task

    def _end(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        # Who waited has been told; if nobody did, it is not left unheard.
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.info("work on a library failed", reason=type(error).__name__)
