"""After a gap: questions that were open or not heard are answered, each once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

import discord

from linernotes.chat.frame import logs
from linernotes.chat.frame.responses import UNREACHABLE

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from linernotes.chat.asking.open_questions import Channel, OpenQuestions
    from linernotes.chat.frame.bot import LinerNotes

_log = logs.get(__name__)

# A channel in which more was written meanwhile is read as far as this.
_MESSAGES: Final = 200
_AT_ONCE: Final = 4

LATER_SECONDS = 45.0
"""After so long is looked again for what could not be sent."""


class CatchingUp:
    """Reads again what may have been missed."""

    def __init__(
        self,
        bot: LinerNotes,
        questions: OpenQuestions,
        hear: Callable[[discord.Message], Awaitable[None]],
    ) -> None:
        """Take the bot, what is open, and what hears a message: it passes over those that it knows."""
        self._bot = bot
        self._questions = questions
        self._hear = hear
        self._loaded = False
        self._later: asyncio.Task[None] | None = None

    async def on_shard_ready(self, _shard: int) -> None:
        """A new session has begun: what happened since the last one was not told."""
        if self._loaded:
            await self.read(self._questions.channels())
        else:
            self._loaded = True
            await self.read(await self._questions.load())

    def read_later(self) -> None:
        """Look again in a while; for what could not be sent."""
        if self._later is None or self._later.done():
            self._later = asyncio.ensure_future(self._read_later())

    async def _read_later(self) -> None:
        await asyncio.sleep(LATER_SECONDS)
        if not self._bot.leaving:
            await self.read(self._questions.channels())

    async def read(self, channels: Mapping[int, Channel]) -> None:
        """Read channels in which something was asked lately, each once, from the last message seen."""
        gate = asyncio.Semaphore(_AT_ONCE)
        if channels:
            _log.info("catching up", channels=len(channels))

        async def read(channel: int, found: Channel) -> None:
            async with gate:
                await self._read(channel, found)

        await asyncio.gather(*(read(key, each) for key, each in channels.items()))

    async def _read(self, channel_id: int, found: Channel) -> None:
        bot = self._bot
        channel = _channel(bot, channel_id, found.guild)
        if channel is None:
            self._give_up(found)
            return
        still = frozenset(found.open)
        try:
            messages = [
                each
                async for each in channel.history(
                    limit=_MESSAGES, after=discord.Object(found.after), oldest_first=True
                )
            ]
        except (discord.Forbidden, discord.NotFound):
            self._give_up(found)
            return
        except UNREACHABLE as error:
            _log.info("not read", channel=channel_id, reason=type(error).__name__)
            self.read_later()
            return
        me = 0 if bot.user is None else bot.user.id
        answered = {
            each.reference.message_id
            for each in messages
            if each.author.id == me and each.reference is not None
        }
        for message in messages:
            if message.id in answered:
                self._questions.closed(message.id)
            elif message.author.id != me and not bot.leaving:
                await self._hear(message)
        # Deleted meanwhile: nobody waits for them.
        for question in still - {each.id for each in messages}:
            self._questions.closed(question)

    def _give_up(self, found: Channel) -> None:
        """What may not be read cannot be answered."""
        for question in tuple(found.open):
            self._questions.closed(question)


def _channel(bot: LinerNotes, channel: int, guild: int | None) -> Any:
    """Return a channel to read, or ``None`` where it is known that this is not allowed."""
    found = bot.get_channel(channel)
    if isinstance(found, discord.abc.GuildChannel | discord.Thread):
        try:
            permissions = found.permissions_for(found.guild.me)
        except (discord.ClientException, AttributeError):
            permissions = discord.Permissions.all()
        return found if permissions.read_message_history else None
    return bot.get_partial_messageable(channel, guild_id=guild)
