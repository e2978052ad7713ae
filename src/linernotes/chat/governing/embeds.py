"""What is said about a server's settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import discord

from linernotes.chat.frame.embeds import COLOUR

if TYPE_CHECKING:
    from collections.abc import Iterable

    from linernotes.library.store import Server


def server_settings(server: Server) -> discord.Embed:
    """Show a server's settings to its moderators."""
    allowed = [channel for channel, rule in server.channels.items() if rule == "allow"]
    denied = [channel for channel, rule in server.channels.items() if rule == "deny"]
    embed = discord.Embed(title="Settings of this server", colour=COLOUR)
    where = _mentions("<#{}>", allowed) if allowed else "every channel that I can see"
    embed.add_field(name="I answer in", value=where, inline=False)
    if denied:
        embed.add_field(name="I do not answer in", value=_mentions("<#{}>", denied), inline=False)
    embed.add_field(
        name="I do not answer", value=_mentions("<@{}>", sorted(server.blocked)) or "nobody", inline=False
    )
    role = server.moderator_role
    moderators = "members who may manage the server" + (f", or have the role <@&{role}>" if role else "")
    embed.add_field(name="Moderators", value=moderators, inline=False)
    kept = "kept for 30 days: `/corpus gaps`" if server.gaps else "not kept"
    embed.add_field(name="Questions without an answer", value=kept, inline=False)
    return embed


def _mentions(form: str, ids: Iterable[int]) -> str:
    """List channels or members; not even a thousand of them is too long."""
    mentions = [form.format(each) for each in ids]
    shown = mentions[:30]
    more = len(mentions) - len(shown)
    return " ".join(shown) + (f" and {more} more" if more else "")
