"""Runs the bot as a service: from opening the library to leaving Discord on SIGTERM."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

import aiohttp
import discord

from linernotes.chat.app import create_bot
from linernotes.chat.frame import health, logs, membership
from linernotes.errors import DiscordRefusedError, DiscordUnreachableError
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

# Whatever hangs, a service that was told to go has left after so long.
_LEAVING_SECONDS: Final = 4.5


def run(settings: Settings, serving: Serving) -> int:
    """Be the Discord bot until SIGTERM or Ctrl-C; return the exit status.

    Args:
        settings: the settings, with a token.
        serving: lets the operator reach the running bot.

    Raises:
        LinerNotesError: the bot cannot start; the error has the sentence and the exit status.
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
    # Whatever hangs, a service that was told to go is gone in five seconds.
    last = threading.Timer(_LEAVING_SECONDS, os._exit, (0,))
    last.daemon = True

    def leave() -> None:
        if stop.is_set():
            return
        stop.set()
        last.start()
        if bot is None and opening is not None:
            opening.cancel()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        with suppress(NotImplementedError):
            loop.add_signal_handler(number, leave)
    try:
        async with AsyncExitStack() as stack:
            library = await stack.enter_async_context(Library.open(settings))
            bot = create_bot(settings, library)
            await stack.enter_async_context(serving(library, settings.data_dir, bot.reloaded))
            await stack.enter_async_context(_telling(bot, library.caught_up))
            await stack.enter_async_context(membership.tidying(library.curator))
            await stack.enter_async_context(health.serve(bot, settings.health_port))
            await _connected(bot, settings.discord_token.get_secret_value(), stop)
    except asyncio.CancelledError:
        if not stop.is_set():
            raise
    finally:
        last.cancel()
    return 0


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


async def _connected(bot: LinerNotes, token: str, stop: asyncio.Event) -> None:
    """Run the bot until ``stop``.

    Raises:
        DiscordRefusedError: Discord refuses the token or an intent.
        DiscordUnreachableError: Discord or the network is not to be had.
    """
    running = asyncio.ensure_future(bot.start(token))
    stopping = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            running.result()
        else:
            await bot.leave()
    except discord.LoginFailure:
        raise DiscordRefusedError(
            "Discord refuses the token in DISCORD_TOKEN; copy it again from the developer portal (Bot)."
        ) from None
    except discord.PrivilegedIntentsRequired:
        raise DiscordRefusedError(
            "Discord refuses MESSAGE_CONTENT=on: switch the Message Content intent on in the developer portal"
            " (Bot, Privileged Gateway Intents), or set MESSAGE_CONTENT=off."
        ) from None
    except (aiohttp.ClientError, discord.DiscordException, OSError, TimeoutError) as error:
        raise DiscordUnreachableError(
            f"Discord is not to be had ({type(error).__name__}); check the network and start again."
        ) from None
    finally:
        stopping.cancel()
        await bot.close()
        running.cancel()
        await asyncio.gather(running, stopping, return_exceptions=True)
