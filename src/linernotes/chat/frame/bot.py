"""The bot: what all features share of it. Knows no feature; ``linernotes.chat.app`` puts them in."""

from __future__ import annotations

import asyncio
import functools
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import discord
from discord import app_commands

from linernotes.chat.frame import delivery, logs
from linernotes.chat.frame.buttons import Handler, Press
from linernotes.chat.frame.connection import Steady
from linernotes.chat.frame.forms import Forms
from linernotes.chat.frame.hooks import Hooks
from linernotes.chat.frame.manners import Limits, Manners
from linernotes.chat.frame.responses import explain, report, tell
from linernotes.chat.frame.server_settings import Servers
from linernotes.chat.frame.sessions import Sessions
from linernotes.chat.frame.synchronise import synchronise
from linernotes.chat.frame.welcome import channels_of, require_welcome
from linernotes.errors import RefusalError
from linernotes.invitation import invitation
from linernotes.library.examples import Examples

if TYPE_CHECKING:
    import random
    from collections.abc import Awaitable, Callable, Iterator

    from linernotes.library import Library
    from linernotes.library.following import Moved
    from linernotes.settings import Settings

# Discord's library knows nearly every server; more that it does not are not remembered.
_MOST_UNKNOWN: Final = 1_000
RESTARTING: Final = "I am being restarted; ask again in a minute."

# What is under way when the bot is told to leave has so long, and telling who waits in vain so long again.
_FINISHING_SECONDS: Final = 2.5
_TELLING_SECONDS: Final = 1.0
# A bucket of Discord's that is shut for longer is not waited for.
_RATE_LIMIT_SECONDS: Final = 120.0

_log = logs.get(__name__)


class Tree(app_commands.CommandTree["LinerNotes"]):
    """The commands; whatever one of them raises is told to who called it."""

    async def on_error(
        self, interaction: discord.Interaction[LinerNotes], error: app_commands.AppCommandError
    ) -> None:
        """Tell what went wrong."""
        await report(interaction, error)


class LinerNotes(Steady):
    """The bot with what its features share; use ``create_bot``. One connection where one is enough."""

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
            max_ratelimit_timeout=_RATE_LIMIT_SECONDS,
            proxy=None if settings.https_proxy is None else settings.https_proxy.get_secret_value(),
        )
        self.settings = settings
        self.library = library
        self.store = library.store
        self.own_shards = settings.shards
        if self.store.is_on_server:
            self.take_turn = library.processes.turn_to_identify
        self.chance = chance
        self.sessions = Sessions(clock)
        self.manners = Manners(clock, limits)
        self.servers = Servers(library.store)
        library.processes.listen(self.servers.hear)
        self.examples = Examples(library)
        self.acknowledgements = delivery.Acknowledgements()
        self.hooks = Hooks()
        self.forms = Forms()
        self.add_listener(self.forms.on_interaction, "on_interaction")
        self.presses: dict[str, Handler] = {}
        # Servers that Discord sends messages of, though its library does not know them.
        self._unknown_servers: set[int] = set()
        # What is under way, and what is done for who waits when it cannot be finished.
        self._under_way: dict[asyncio.Task[Any], Callable[[], Awaitable[object]] | None] = {}
        self._leaving = False
        # The link stands in the log once, and not after each connection.
        self._invited = False
        self.add_dynamic_items(Press)

    async def setup_hook(self) -> None:
        """Read what moderators have set, and synchronise the commands; called between login and gateway."""
        delivery.install(self, self.acknowledgements)
        await self.servers.load()
        await synchronise(self, self.store, only=self.settings.dev_guild_id)

    async def on_message(self, message: discord.Message, /) -> None:
        """Do nothing: there are no commands with a prefix, and questions have a listener of their own."""

    async def on_ready(self) -> None:
        """Log that the bot is there."""
        _log.info("ready", user=None if self.user is None else self.user.id, servers=len(self.guilds))
        if self.application_id is not None and not self._invited:
            self._invited = True
            _log.info("invite it with this link", link=invitation(self.application_id))

    async def on_error(self, event_method: str, /, *_args: Any, **_kwargs: Any) -> None:
        """Log what an event's handler raised; there is nobody to tell."""
        error = sys.exc_info()[1]
        if error is not None:
            explain(error, listener=event_method)

    @contextmanager
    def work(
        self,
        interaction: discord.Interaction[Any] | None = None,
        *,
        farewell: Callable[[], Awaitable[object]] | None = None,
    ) -> Iterator[None]:
        """Mark the current task as work that is finished before the bot leaves.

        Args:
            interaction: whose maker is told where it cannot be finished in time.
            farewell: what is done then instead, where there is no interaction.

        Raises:
            RefusalError: it is leaving.
        """
        if self._leaving:
            raise RefusalError(RESTARTING)
        task = asyncio.current_task()
        if task is None or task in self._under_way:
            yield
            return
        if interaction is not None:
            farewell = functools.partial(tell, interaction, RESTARTING)
        self._under_way[task] = farewell
        try:
            yield
        finally:
            self._under_way.pop(task, None)

    @property
    def leaving(self) -> bool:
        """Say whether the bot takes no more questions."""
        return self._leaving

    async def leave(self) -> None:
        """Take no more questions, finish the answers under way, tell who waits in vain, and disconnect."""
        self._leaving = True
        left: set[asyncio.Task[Any]] = set()
        if self._under_way:
            _log.info("finishing", under_way=len(self._under_way))
            _, left = await asyncio.wait(self._under_way, timeout=_FINISHING_SECONDS)
        await self._part_from(left)
        await self.close()

    async def _part_from(self, left: set[asyncio.Task[Any]]) -> None:
        """End work that takes too long, and tell who waits for it, or for anything else."""
        farewells: list[Callable[[], Awaitable[object]]] = [
            told for task in left if (told := self._under_way.get(task)) is not None
        ]
        farewells += self.hooks.leaving
        if left:
            _log.warning("left unfinished", answers=len(left))
            for task in left:
                task.cancel()
            await asyncio.wait(left, timeout=_TELLING_SECONDS / 4)
        telling = [asyncio.ensure_future(told()) for told in farewells]
        if telling:
            await asyncio.wait(telling, timeout=_TELLING_SECONDS)
            for each in telling:
                each.cancel()
            await asyncio.gather(*telling, return_exceptions=True)

    async def reloaded(self, moved: tuple[Moved, ...]) -> None:
        """Tell the features what the operator's reload has done to each server's library."""
        for each in self.hooks.reloaded:
            await each(moved)

    def note_member(self, guild: int) -> None:
        """Note that the bot is a member of a server, known or not: Discord tells it what is written there."""
        if self.get_guild(guild) is None:
            if len(self._unknown_servers) >= _MOST_UNKNOWN:
                self._unknown_servers.clear()
            self._unknown_servers.add(guild)

    async def on_guild_remove(self, guild: discord.Guild) -> None:
        """Take note that the bot is no member of a server any more."""
        self._unknown_servers.discard(guild.id)

    def guild_of(self, guild: int | None) -> int | None:
        """Return the server whose corpus is asked: ``None`` where the bot is not a member itself."""
        if guild is None or (self.get_guild(guild) is None and guild not in self._unknown_servers):
            return None
        return guild

    def require_welcome(self, interaction: discord.Interaction[Any]) -> None:
        """Check that this person may use the bot here.

        Raises:
            BlockedError: the moderators do not want it.
        """
        server = self.servers.of(interaction.guild_id)
        require_welcome(server, interaction.user.id, channels_of(interaction.channel, interaction.channel_id))
