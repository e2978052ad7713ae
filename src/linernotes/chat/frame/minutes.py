"""What is done now and then while the bot runs: features leave it in the hook ``each_minute``."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from linernotes.chat.frame import logs
from linernotes.errors import LinerNotesError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from linernotes.chat.frame.bot import LinerNotes

_log = logs.get(__name__)

# More often than each minute, so that none is left out.
_SECONDS: Final = 30.0


@asynccontextmanager
async def passing(bot: LinerNotes, *, seconds: float = _SECONDS) -> AsyncIterator[None]:
    """Call what features want to be called each minute, as long as the context lasts."""
    task = asyncio.create_task(_again_and_again(bot, seconds))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _again_and_again(bot: LinerNotes, seconds: float) -> None:
    while True:
        await asyncio.sleep(seconds)
        if not bot.is_ready():
            continue
        for each in bot.hooks.each_minute:
            try:
                await each()
            except LinerNotesError as error:
                _log.error("not done this minute", reason=str(error))
            except Exception as error:  # noqa: BLE001  the next time it may be possible
                _log.error("not done this minute", exc_info=error)
