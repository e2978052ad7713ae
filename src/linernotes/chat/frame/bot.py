"""The bot: what its parts share, and how it starts and leaves."""

from __future__ import annotations

import asyncio
import functools
import os
import random
import signal
import sys
import threading
import time
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

import aiohttp
import discord
from discord import app_commands
from discord.ext import commands

from linernotes.chat.about import commands as about
from linernotes.chat.asking import buttons as evidence
from linernotes.chat.asking import commands as ask
from linernotes.chat.asking import messages
from linernotes.chat.curating import commands as curation
from linernotes.chat.frame import health, logs, membership
from linernotes.chat.frame.buttons import Handler, Press
from linernotes.chat.frame.examples import Examples
from linernotes.chat.frame.manners import Limits, Manners, Servers, channels_of, require_welcome
from linernotes.chat.frame.responses import explain, report
from linernotes.chat.frame.sessions import Sessions
from linernotes.chat.frame.synchronise import synchronise
from linernotes.chat.governing import commands as moderation
from linernotes.chat.overseeing import audit as oversight
from linernotes.chat.overseeing import checks, gaps
from linernotes.chat.quoting import commands as quotes
from linernotes.errors import DiscordRefusedError, DiscordUnreachableError, RefusalError
from linernotes.library import Library
from linernotes.shell import control

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from linernotes.library.following import Moved
    from linernotes.settings import Settings

# What is under way when the bot is told to leave has so long; after the second figure it leaves anyway.
_FINISHING_SECONDS: Final = 3.5
_LEAVING_SECONDS: Final = 4.5

_log = logs.get(__name__)


class Tree(app_commands.CommandTree["LinerNotes"]):
    """The commands; whatever one of them raises is told to who called it."""

    async def on_error(
        self, interaction: discord.Interaction[LinerNotes], error: app_commands.AppCommandError
    ) -> None:
        """Tell what went wrong."""
        await report(interaction, error)


class LinerNotes(commands.Bot):
    """The bot with what its parts share; use ``create_bot``."""

    def __init__(
        self,
        settings: Settings,
        library: Library,
        *,
        clock: Callable[[], float],
        limits: Limits,
        chance: random.Random,
    ) -> None:
        """Build it; nothing is connected, opened or started."""
        intents = discord.Intents.none()
        intents.guilds = True
        intents.guild_messages = intents.dm_messages = True
        intents.guild_reactions = intents.dm_reactions = True
        intents.message_content = settings.message_content
        super().__init__(
            command_prefix=(),
            help_command=None,
            tree_cls=Tree,
            intents=intents,
            allowed_mentions=discord.AllowedMentions.none(),
            allowed_contexts=app_commands.AppCommandContext(
                guild=True, dm_channel=True, private_channel=True
            ),
            allowed_installs=app_commands.AppInstallationType(guild=True, user=True),
            # Messages are answered as they come; none needs to be looked up later.
            max_messages=None,
            chunk_guilds_at_startup=False,
            member_cache_flags=discord.MemberCacheFlags.none(),
        )
        self.settings = settings
        self.library = library
        self.store = library.store
        self.chance = chance
        self.sessions = Sessions(clock)
        self.manners = Manners(clock, limits)
        self.servers = Servers(library.store)
        self.examples = Examples(library)
        self.gap_groups = gaps.Groups(library.curator)
        self.presses: dict[str, Handler] = {}
        self._under_way: set[asyncio.Task[Any]] = set()
        self._leaving = False
        self.add_dynamic_items(Press)
        for part in (
            *(messages, ask, evidence, quotes, about, moderation),
            *(curation, checks, gaps, oversight, membership),
        ):
            part.register(self)

    async def setup_hook(self) -> None:
        """Read what moderators have set, and synchronise the commands; called between login and gateway."""
        await self.servers.load()
        await synchronise(self)

    async def on_message(self, message: discord.Message, /) -> None:
        """Do nothing: there are no commands with a prefix, and questions have a listener of their own."""

    async def on_ready(self) -> None:
        """Log that the bot is there."""
        _log.info("ready", user=None if self.user is None else self.user.id, servers=len(self.guilds))

    async def on_error(self, event_method: str, /, *_args: Any, **_kwargs: Any) -> None:
        """Log what an event's handler raised; there is nobody to tell."""
        error = sys.exc_info()[1]
        if error is not None:
            explain(error, listener=event_method)

    @contextmanager
    def work(self) -> Iterator[None]:
        """Mark the current task as work that is finished before the bot leaves.

        Raises:
            RefusalError: it is leaving.
        """
        if self._leaving:
            raise RefusalError("I am being restarted; please try again in a moment.")
        task = asyncio.current_task()
        if task is None or task in self._under_way:
            yield
            return
        self._under_way.add(task)
        try:
            yield
        finally:
            self._under_way.discard(task)

    @property
    def leaving(self) -> bool:
        """Say whether the bot takes no more questions."""
        return self._leaving

    async def leave(self) -> None:
        """Take no more questions, finish the answers under way, and disconnect."""
        self._leaving = True
        if self._under_way:
            _log.info("finishing", under_way=len(self._under_way))
            _, left = await asyncio.wait(self._under_way, timeout=_FINISHING_SECONDS)
            if left:
                _log.warning("left unfinished", answers=len(left))
        await self.close()

    def guild_of(self, guild: int | None) -> int | None:
        """Return the server whose corpus is asked: ``None`` where the bot is not a member itself."""
        return guild if guild is not None and self.get_guild(guild) is not None else None

    def require_welcome(self, interaction: discord.Interaction[Any]) -> None:
        """Check that this person may use the bot here.

        Raises:
            BlockedError: the moderators do not want it.
        """
        server = self.servers.of(interaction.guild_id)
        require_welcome(server, interaction.user.id, channels_of(interaction.channel, interaction.channel_id))


def create_bot(
    settings: Settings,
    library: Library,
    *,
    clock: Callable[[], float] = time.monotonic,
    limits: Limits | None = None,
    chance: random.Random | None = None,
) -> commands.Bot | commands.AutoShardedBot:
    """Build the whole bot; it connects to nothing and starts no worker.

    Args:
        settings: the settings.
        library: the open library, with its database; the bot does not close it.
        clock: seconds that only go forward, for conversations and cooldowns.
        limits: how much is answered.
        chance: picks quotations.
    """
    return LinerNotes(
        settings,
        library,
        clock=clock,
        limits=limits or Limits(),
        chance=chance or random.Random(),  # noqa: S311  it picks quotations
    )


# --- Running ----------------------------------------------------------------------------------------------


def run(settings: Settings) -> int:
    """Be the Discord bot until SIGTERM or Ctrl-C; return the exit status.

    Raises:
        LinerNotesError: the bot cannot start; the error has the sentence and the exit status.
    """
    logs.set_up(settings)
    # It has no voice, and whoever runs it need not hear what that would take.
    discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False
    return asyncio.run(_run(settings))


async def _run(settings: Settings) -> int:
    assert settings.discord_token is not None  # noqa: S101  the command line has looked
    stop = asyncio.Event()
    opening = asyncio.current_task()
    bot: commands.Bot | commands.AutoShardedBot | None = None
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
            told = functools.partial(_tell_moderators, bot)
            await stack.enter_async_context(control.serve(library, settings.data_dir, told))
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
async def _telling(
    bot: commands.Bot | commands.AutoShardedBot, caught_up: asyncio.Task[tuple[Moved, ...]]
) -> AsyncIterator[None]:
    """Tell the moderators whom a start has held back, as soon as the bot is connected."""

    async def tell() -> None:
        moved = await asyncio.shield(caught_up)
        await bot.wait_until_ready()
        await _tell_moderators(bot, moved)

    telling = asyncio.ensure_future(tell())
    try:
        yield
    finally:
        telling.cancel()
        await asyncio.gather(telling, return_exceptions=True)


async def _tell_moderators(bot: commands.Bot | commands.AutoShardedBot, moved: tuple[Moved, ...]) -> None:
    if isinstance(bot, LinerNotes):
        await oversight.tell_moderators(bot, moved)


async def _connected(bot: commands.Bot | commands.AutoShardedBot, token: str, stop: asyncio.Event) -> None:
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
        elif isinstance(bot, LinerNotes):
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
