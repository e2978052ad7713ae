"""Tells a server's moderators what the operator's reload has held back there."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import aiohttp
import discord

from linernotes.chat.frame import logs
from linernotes.chat.overseeing import embeds

if TYPE_CHECKING:
    from collections.abc import Iterable

    from linernotes.chat.frame.bot import LinerNotes
    from linernotes.library.following import Moved

_log = logs.get(__name__)


def register(bot: LinerNotes) -> None:
    """Let a reload tell them."""
    bot.hooks.reloaded.append(functools.partial(tell_moderators, bot))


async def tell_moderators(bot: LinerNotes, moved: Iterable[Moved]) -> None:
    """Tell the moderators of each server that the operator's reload has held back, once for each reason.

    It goes to the channel in which Discord tells them of news; where there is none, or the bot may not write
    there, ``/corpus status`` says it.
    """
    for each in moved:
        guild = bot.get_guild(each.guild)
        channel = None if guild is None else guild.public_updates_channel
        if each.move != "held" or not each.is_new or guild is None or channel is None:
            continue
        permissions = channel.permissions_for(guild.me)
        if not (permissions.view_channel and permissions.send_messages):
            continue
        try:
            await channel.send(embeds.held(each))
        except (discord.HTTPException, aiohttp.ClientError, OSError) as error:
            _log.warning("moderators not told", guild=each.guild, reason=str(error))
