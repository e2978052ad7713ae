"""In which servers the bot is: what it keeps of a server goes some time after it has left."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from linernotes.chat.frame import logs
from linernotes.errors import LinerNotesError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable

    import discord

    from linernotes.chat.frame.bot import LinerNotes
    from linernotes.library.curator import Curator

_log = logs.get(__name__)

_TIDY_SECONDS: Final = 3_600.0


def register(bot: LinerNotes) -> None:
    """Add the listeners."""
    curator = bot.library.curator

    def removed(guild: int) -> None:
        bot.servers.drop(guild)
        for each in bot.hooks.server_removed:
            each(guild)

    curator.on_removed = removed

    async def note_ready() -> None:
        # Servers that Discord cannot reach at the moment are among them.
        await _try(curator.catalogue.set_members(frozenset(guild.id for guild in bot.guilds)))

    async def note_joined(guild: discord.Guild) -> None:
        await _try(curator.catalogue.join(guild.id))

    async def note_left(guild: discord.Guild) -> None:
        await _try(curator.catalogue.leave(guild.id))

    bot.add_listener(note_ready, "on_ready")
    bot.add_listener(note_joined, "on_guild_join")
    bot.add_listener(note_left, "on_guild_remove")


async def _try(work: Awaitable[None]) -> None:
    """Do work that is done again when the bot connects the next time."""
    try:
        await work
    except LinerNotesError as error:
        _log.error("membership not noted", reason=str(error))


@asynccontextmanager
async def tidying(curator: Curator, *, seconds: float = _TIDY_SECONDS) -> AsyncIterator[None]:
    """Remove what is too old again and again, as long as the context lasts."""
    task = asyncio.create_task(_tidy_again_and_again(curator, seconds))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _tidy_again_and_again(curator: Curator, seconds: float) -> None:
    while True:
        await asyncio.sleep(seconds)
        try:
            await curator.tidy()
        except LinerNotesError as error:
            _log.error("not tidied", reason=str(error))
        except Exception as error:  # noqa: BLE001  the next time it may be possible
            _log.error("not tidied", exc_info=error)
