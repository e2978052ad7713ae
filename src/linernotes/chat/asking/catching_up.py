"""After a gap: questions that were open or not heard are answered, each once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

import discord

from linernotes.chat.frame import logs
from linernotes.chat.frame.responses import UNREACHABLE

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from linernotes.chat.asking.open_questions import Gap, OpenQuestions
    from linernotes.chat.frame.bot import LinerNotes

_log = logs.get(__name__)

# Of a channel in which more was written meanwhile, the newest are read.
_MESSAGES: Final = 1_000
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
        # What is still to be read, by channel; and what of it could not be read, or not be answered.
        self._gaps: dict[int, Gap] = {}
        self._later: asyncio.Task[None] | None = None

    async def on_shard_connect(self, _shard: int) -> None:
        """A new session begins: what was seen last is noted before anything new is heard."""
        if self._loaded:
            self._add(self._questions.gaps())

    async def on_shard_ready(self, _shard: int) -> None:
        """The servers are known again: what happened since the last session is read."""
        if not self._loaded:
            self._loaded = True
            self._add(await self._questions.load())
        await self.read()

    def read_later(self) -> None:
        """Look again in a while; for what could not be sent."""
        self._add(self._questions.gaps())
        if self._later is None or self._later.done():
            self._later = asyncio.ensure_future(self._read_later())

    async def _read_later(self) -> None:
        await asyncio.sleep(LATER_SECONDS)
        if not self._bot.leaving:
            await self.read()

    def _add(self, gaps: Mapping[int, Gap]) -> None:
        for channel, gap in gaps.items():
            self._gaps[channel] = self._gaps.get(channel, gap) | gap

    async def read(self) -> None:
        """Read what was missed of each channel, once."""
        gaps, self._gaps = self._gaps, {}
        gate = asyncio.Semaphore(_AT_ONCE)
        if gaps:
            _log.info("catching up", channels=len(gaps))

        async def read(channel: int, gap: Gap) -> None:
            async with gate:
                await self._read(channel, gap)

        await asyncio.gather(*(read(key, each) for key, each in gaps.items()))

    async def _read(self, channel_id: int, gap: Gap) -> None:
        bot = self._bot
        channel = _channel(bot, channel_id, gap.guild)
        still = self._questions.open_in(channel_id)
        if channel is None:
            self._give_up(still)
            return
        try:
            messages = [
                each
                async for each in channel.history(
                    limit=_MESSAGES, after=discord.Object(gap.after), oldest_first=False
                )
            ][::-1]
        except (discord.Forbidden, discord.NotFound):
            self._give_up(still)
            return
        except UNREACHABLE as error:
            _log.info("not read", channel=channel_id, reason=type(error).__name__)
            self.read_later()
            self._add({channel_id: gap})
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
            elif message.author.id != me and message.id not in gap.known and not bot.leaving:
                await self._hear(message)
        # Deleted meanwhile: nobody waits for them.
        for question in still - {each.id for each in messages}:
            self._questions.closed(question)

    def _give_up(self, questions: frozenset[int]) -> None:
        """What may not be read cannot be answered."""
        for question in questions:
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
