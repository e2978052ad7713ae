"""Waits for work on a library, says in the meantime how far it is, and lets moderators stop it."""

from __future__ import annotations

import asyncio
import secrets
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from linernotes.chat.curating import embeds
from linernotes.chat.frame import logs
from linernotes.chat.frame.buttons import button, row
from linernotes.chat.frame.responses import UNREACHABLE, show
from linernotes.errors import RefusalError

if TYPE_CHECKING:
    from collections.abc import Coroutine

    import discord

    from linernotes.chat.frame.bot import LinerNotes
    from linernotes.library.changes import Change

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


class StoppedError(RefusalError):
    """Somebody has stopped a build; ``person`` is who, ``change`` what it would have come to."""

    def __init__(self, change: Change, person: int) -> None:
        """Say who has stopped it."""
        super().__init__(f"<@{person}> has cancelled that; nothing has changed.")
        self.change = change
        self.person = person


class Stoppable:
    """A build that moderators may stop: what it would come to, in which server, and who has stopped it."""

    def __init__(self, guild: int, change: Change) -> None:
        """Give it a name that the button carries."""
        self.name = secrets.token_hex(8)
        self.guild = guild
        self.change = change
        self.by: int | None = None


class Watcher:
    """Holds the work that goes on for a library, and shows how far it is to who has asked for it."""

    def __init__(self, bot: LinerNotes) -> None:
        """Take the bot."""
        self._bot = bot
        # The event loop holds tasks weakly.
        self._tasks: set[asyncio.Task[Any]] = set()
        self._stoppable: dict[Stoppable, asyncio.Task[Any]] = {}

    async def watch(
        self,
        interaction: discord.Interaction[LinerNotes],
        work: Coroutine[Any, Any, _T],
        progress: Progress,
        *,
        after: str,
        stoppable: Stoppable | None = None,
    ) -> _T:
        """Wait for work on a library and say how far it is; where that takes too long, say ``after``.

        Args:
            interaction: whose response says it.
            work: the work.
            progress: how far it is.
            after: what is said where that takes too long.
            stoppable: says that it may be stopped, by *Cancel* or ``/corpus cancel``.

        Raises:
            StoppedError: somebody has stopped it.
            RefusalError: the bot leaves, or Discord takes no more edits; then the work goes on by itself.
        """
        task = self.start(work)
        view = None
        if stoppable is not None:
            self._stoppable[stoppable] = task
            task.add_done_callback(lambda _: self._stoppable.pop(stoppable, None))
            view = row(button("stop", stoppable.name, label="Cancel"))
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
                    await show(interaction, note, view, passing=True)
        if task.cancelled() and stoppable is not None and stoppable.by is not None:
            raise StoppedError(stoppable.change, stoppable.by)
        return task.result()

    def stop(self, guild: int, person: int, name: str | None = None) -> Change:
        """Stop what is being built for a server, and return what it would have come to.

        Args:
            guild: the server.
            person: who stops it.
            name: the one build that is meant; by default, any.

        Raises:
            RefusalError: there is no such build any more.
        """
        for each, task in self._stoppable.items():
            if each.guild == guild and name in {None, each.name} and each.by is None and task.cancel():
                each.by = person
                return each.change
        raise RefusalError("Nothing is being built for this server at the moment.")

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
