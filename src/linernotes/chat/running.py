"""Runs the bot as a service, from opening the library to leaving Discord on SIGTERM or with a reason."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

import aiohttp
import discord

from linernotes.chat.app import create_bot
from linernotes.chat.frame import health, logs, membership, minutes, watchdog
from linernotes.chat.frame.endings import ending, refusal
from linernotes.errors import LinerNotesError
from linernotes.library import Library
from linernotes.library.following import Moved

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from linernotes.chat.frame.bot import LinerNotes
    from linernotes.settings import Settings

OnReloaded: TypeAlias = Callable[[tuple[Moved, ...]], Awaitable[None]]
Serving: TypeAlias = Callable[[Library, Path, OnReloaded], AbstractAsyncContextManager[None]]
"""Lets the operator reach the library of a running bot as long as the context lasts: it is given the library,
the data folder, and what is to be told what became of each server."""

# Whatever hangs, a service that was told to go has left after so long; five seconds are what it is given.
_LEAVING_SECONDS: Final = 4.2

LOGIN_SECONDS = 6.0
"""So long it is tried to log in; what lasts longer is for whoever starts the bot again."""

_log = logs.get(__name__)


class Departure:
    """The end of the process in time: whatever still hangs, the interpreter's own end included."""

    def __init__(self) -> None:
        """Set nothing off."""
        self._timer: threading.Timer | None = None
        self._error: LinerNotesError | None = None

    def begin(self, error: LinerNotesError | None = None) -> None:
        """Let the process have left in a few seconds, with the error's sentence and status if any."""
        self._error = self._error or error
        if self._timer is None:
            self._timer = threading.Timer(_LEAVING_SECONDS, self._go)
            self._timer.daemon = True
            self._timer.start()

    def _go(self) -> None:
        if self._error is not None:
            logs.last_words(str(self._error))
        with suppress(OSError, ValueError):
            sys.stderr.flush()
        os._exit(0 if self._error is None else self._error.exit_status)


def run(settings: Settings, serving: Serving) -> int:
    """Be the Discord bot until SIGTERM or Ctrl-C; return the exit status.

    Args:
        settings: the settings, with a token.
        serving: lets the operator reach the running bot.

    Raises:
        LinerNotesError: the bot cannot start or go on; the error has the sentence and the exit status.
    """
    logs.set_up(settings)
    # It has no voice, and whoever runs it need not hear what that would take.
    discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False
    return asyncio.run(_run(settings, serving))


async def _run(settings: Settings, serving: Serving) -> int:
    assert settings.discord_token is not None  # noqa: S101  the command line has looked
    stop = asyncio.Event()
    opening = asyncio.current_task()
    bot: LinerNotes | None = None
    departure = Departure()

    def leave() -> None:
        if stop.is_set():
            return
        stop.set()
        departure.begin()
        if bot is None and opening is not None:
            opening.cancel()

    loop = asyncio.get_running_loop()
    loop.set_exception_handler(_log_unhandled)
    for number in (signal.SIGTERM, signal.SIGINT):
        with suppress(NotImplementedError):
            loop.add_signal_handler(number, leave)
    try:
        async with AsyncExitStack() as stack:
            library = await stack.enter_async_context(Library.open(settings))
            bot = create_bot(settings, library)
            library.hearing.on_moved = bot.reloaded
            library.curator.on_mended(bot.reloaded)
            stack.enter_context(watchdog.watching(loop))
            await stack.enter_async_context(serving(library, settings.data_dir, bot.reloaded))
            await stack.enter_async_context(_telling(bot, library.caught_up))
            await stack.enter_async_context(membership.tidying(library.curator))
            await stack.enter_async_context(minutes.passing(bot))
            await stack.enter_async_context(health.serve(bot, settings.health_port, settings.health_host))
            await _connected(bot, settings.discord_token.get_secret_value(), stop, departure)
    except asyncio.CancelledError:
        if not stop.is_set():
            raise
    return 0


def _log_unhandled(_loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
    error = context.get("exception")
    _log.error("not handled", what=context.get("message"), exc_info=error)


@asynccontextmanager
async def _telling(bot: LinerNotes, caught_up: asyncio.Task[tuple[Moved, ...]]) -> AsyncIterator[None]:
    """Tell what a start has done to each server's library, as soon as the bot is connected."""

    async def tell() -> None:
        moved = await asyncio.shield(caught_up)
        await bot.wait_until_ready()
        await bot.reloaded(moved)

    telling = asyncio.ensure_future(tell())
    try:
        yield
    finally:
        telling.cancel()
        await asyncio.gather(telling, return_exceptions=True)


async def _connected(bot: LinerNotes, token: str, stop: asyncio.Event, departure: Departure) -> None:
    """Run the bot until ``stop``; whatever ends it, answers under way are finished first.

    Raises:
        StoreTakenError: another process serves what this one did.
        DiscordRefusedError: Discord refuses the token, an intent or the connection.
        DiscordUnreachableError: Discord or the network is not to be had.
    """
    running = asyncio.ensure_future(_start(bot, token, departure))
    stopping = asyncio.ensure_future(stop.wait())
    superseded = asyncio.ensure_future(bot.library.processes.superseded())
    try:
        await asyncio.wait({running, stopping, superseded}, return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            running.result()
            return
        if superseded.done():
            departure.begin(superseded.result())
        await bot.leave()
        if superseded.done():
            raise superseded.result()
    finally:
        stopping.cancel()
        superseded.cancel()
        await bot.close()
        running.cancel()
        await asyncio.gather(running, stopping, superseded, return_exceptions=True)


async def _start(bot: LinerNotes, token: str, departure: Departure) -> None:
    """Log in and stay connected; whatever ends that, answers under way are finished first.

    Raises:
        LinerNotesError: why it has ended.
    """
    async with bot:
        try:
            await _log_in(bot, token)
            await bot.connect()
        except Exception as error:  # noqa: BLE001  there is a sentence for each
            end = error if isinstance(error, LinerNotesError) else ending(error)
            departure.begin(end)
            await bot.leave()
            raise end from None


async def _log_in(bot: LinerNotes, token: str) -> None:
    """Log in, with pauses while that fails for a reason that passes."""
    clock = asyncio.get_running_loop().time
    began, pause = clock(), 0.5
    while True:
        try:
            await bot.login(token)
        except (aiohttp.ClientError, discord.HTTPException, OSError) as error:
            # 403 and 429 are Cloudflare's here, and become worse with every try.
            useless = getattr(error, "status", None) in {400, 401, 403, 404, 429}
            if useless or refusal(error) is not None or clock() - began + pause > LOGIN_SECONDS:
                raise
            _log.warning("not logged in", reason=type(error).__name__, again_in=pause)
            await bot.http.close()
            # Its session is closed; discord.py makes new ones of both when it logs in.
            bot.http.connector = discord.utils.MISSING
        else:
            return
        await asyncio.sleep(pause)
        pause *= 2
