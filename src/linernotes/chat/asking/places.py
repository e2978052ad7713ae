"""Where a message was written, and what the bot may do there, as far as that is known."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final

import aiohttp
import discord

from linernotes.chat.asking.addressing import guild_of
from linernotes.chat.frame import logs

if TYPE_CHECKING:
    from linernotes.chat.frame.bot import LinerNotes

_log = logs.get(__name__)

_MOST: Final = 500
_SECONDS: Final = 5.0


class Places:
    """Looks channels up at Discord that its library does not know; each is asked for once."""

    def __init__(self, bot: LinerNotes) -> None:
        """Take the bot."""
        self._bot = bot
        self._found: OrderedDict[int, Any] = OrderedDict()

    async def of(self, message: discord.Message) -> Any:
        """Return the channel of a message; where Discord does not tell us either, as much as is known of it.

        In a thread that is not known, moderators' rules on its channel count all the same.
        """
        channel = message.channel
        if not isinstance(channel, discord.PartialMessageable) or guild_of(message) is None:
            return channel
        if channel.id not in self._found:
            self._found[channel.id] = await self._fetched(channel)
            if len(self._found) > _MOST:
                self._found.popitem(last=False)
        return self._found.get(channel.id) or channel

    async def _fetched(self, channel: discord.PartialMessageable) -> Any:
        try:
            return await asyncio.wait_for(self._bot.fetch_channel(channel.id), _SECONDS)
        except (
            discord.DiscordException,
            aiohttp.ClientError,
            OSError,
            LookupError,
            TypeError,
            ValueError,
        ) as error:
            _log.info("channel not known", channel=channel.id, reason=type(error).__name__)
            return None


def own_permissions(message: discord.Message, channel: Any) -> discord.Permissions | None:
    """Return what the bot may do in a message's channel; ``None`` where that is not known.

    In a direct message it is all that matters.
    """
    if guild_of(message) is None:
        return discord.Permissions.all()
    # discord.py leaves it out where Discord has not sent it.
    me: discord.Member | None = None if message.guild is None else message.guild.me
    if me is None or isinstance(channel, discord.PartialMessageable):
        return None
    try:
        found = channel.permissions_for(me)
    except (discord.ClientException, AttributeError):  # a thread whose channel is not known
        return None
    return found if isinstance(found, discord.Permissions) else None


def may_write(message: discord.Message, channel: Any) -> bool:
    """Say whether the bot may write into a message's channel, or whether that is for Discord to say."""
    permissions = own_permissions(message, channel)
    if permissions is None:
        return True
    if isinstance(channel, discord.Thread):
        return permissions.send_messages_in_threads
    return permissions.send_messages
