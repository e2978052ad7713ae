"""What the bot says when it joins a server: once, where it may, what it is and what to do first."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import discord

from linernotes.chat.about import embeds
from linernotes.chat.frame import logs
from linernotes.chat.frame.refusals import REFUSALS
from linernotes.chat.frame.responses import UNREACHABLE, shown
from linernotes.errors import StoreError

if TYPE_CHECKING:
    from linernotes.chat.frame.bot import LinerNotes

_log = logs.get(__name__)

FACT: Final = "greeted:"
"""How the name begins under which the store keeps that a server was greeted; the server's id follows."""


def register(bot: LinerNotes) -> None:
    """Add the listener."""
    joining = Joining(bot)
    bot.add_listener(joining.on_join, "on_guild_join")
    bot.hooks.server_removed.append(joining.drop)


class Joining:
    """Greets each server once."""

    def __init__(self, bot: LinerNotes) -> None:
        """Take the bot."""
        self._bot = bot
        self._dropping: asyncio.Task[None] | None = None

    async def on_join(self, guild: discord.Guild) -> None:
        """Say what the bot is, unless it was said in this server before."""
        bot, name = self._bot, f"{FACT}{guild.id}"
        channel = _channel_of(guild)
        try:
            if channel is None or await bot.store.fact(name) is not None:
                return
            # Written down first: whatever happens while it is sent, it is not said twice.
            await bot.store.note(name, str(channel.id))
        except StoreError as error:
            _log.error("server not greeted", guild=guild.id, reason=str(error))
            return
        edition = await bot.library.edition(bot.guild_of(guild.id))
        examples = await bot.examples.of(bot.guild_of(guild.id))
        embed = embeds.greeting(edition, examples, None if bot.user is None else bot.user.mention)
        plainly = not channel.permissions_for(guild.me).embed_links
        told = {name: value for name, value in shown(embed, plainly=plainly).items() if value is not None}
        try:
            await channel.send(**told, nonce=f"join{guild.id}"[:25])
        except discord.HTTPException as error:
            refusal = REFUSALS.get(error.code)
            means = None if refusal is None else refusal.means
            _log.info("server not greeted", guild=guild.id, code=error.code, means=means)
        except UNREACHABLE as error:
            _log.warning("server not greeted", guild=guild.id, reason=type(error).__name__)

    def drop(self, guild: int) -> None:
        """Forget a server of which nothing is kept any more."""
        self._dropping = asyncio.ensure_future(self._bot.store.drop_fact(f"{FACT}{guild}"))


def _channel_of(guild: discord.Guild) -> discord.TextChannel | None:
    """Return where Discord greets members if the bot may write there, else the first where it may."""
    channels = ([guild.system_channel] if guild.system_channel else []) + sorted(
        guild.text_channels, key=lambda each: each.position
    )
    for channel in channels:
        may = channel.permissions_for(guild.me)
        if may.view_channel and may.send_messages:
            return channel
    return None
