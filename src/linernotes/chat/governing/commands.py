"""Where and whom the bot answers in a server, as those set it who manage it: ``/settings``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import discord
from discord import app_commands

from linernotes.chat.frame import logs
from linernotes.chat.frame.moderators import require_settings
from linernotes.chat.frame.responses import defer, show, told
from linernotes.chat.governing import embeds

if TYPE_CHECKING:
    from linernotes.chat.frame.bot import LinerNotes
    from linernotes.library.store import Rule, Server

_log = logs.get(__name__)


def register(bot: LinerNotes) -> None:
    """Add the commands."""
    # Discord hides them from others by its own rules only; each handler checks again.
    group = app_commands.Group(
        name="settings",
        description="Where and whom I answer, for who manages this server",
        default_permissions=discord.Permissions(manage_guild=True),
        allowed_contexts=app_commands.AppCommandContext(guild=True, dm_channel=False, private_channel=False),
        allowed_installs=app_commands.AppInstallationType(guild=True, user=False),
    )

    @group.command(name="show", description="Show what is set")
    @told
    async def show_(interaction: discord.Interaction[LinerNotes]) -> None:
        guild = require_settings(interaction)
        await defer(interaction, hidden=True)
        await show(interaction, embeds.server_settings(bot.servers.of(guild)))

    @group.command(name="channel", description="Allow me a channel or category, deny it, or neither")
    @app_commands.describe(
        channel="The channel, or a category for all of its channels",
        rule="allow: answer here, and nowhere else that is not allowed; deny: never here; clear: neither",
    )
    @told
    async def channel_(
        interaction: discord.Interaction[LinerNotes],
        channel: app_commands.AppCommandChannel,
        rule: Literal["allow", "deny", "clear"],
    ) -> None:
        guild = require_settings(interaction)
        kept: Rule | None = None if rule == "clear" else rule
        await defer(interaction, hidden=True)
        await _show(interaction, await bot.servers.set_rule(guild, channel.id, kept))
        _log.info("channel rule", guild=guild, channel=channel.id, rule=rule, by=interaction.user.id)

    async def set_blocked(
        interaction: discord.Interaction[LinerNotes], member: discord.User, *, blocked: bool
    ) -> None:
        guild = require_settings(interaction)
        await defer(interaction, hidden=True)
        await _show(interaction, await bot.servers.set_blocked(guild, member.id, blocked=blocked))
        _log.info(
            "blocked" if blocked else "unblocked", guild=guild, member=member.id, by=interaction.user.id
        )

    @group.command(name="block", description="Do not answer a member")
    @app_commands.describe(member="Who gets no answers")
    @told
    async def block(interaction: discord.Interaction[LinerNotes], member: discord.User) -> None:
        await set_blocked(interaction, member, blocked=True)

    @group.command(name="unblock", description="Answer a member again")
    @app_commands.describe(member="Who gets answers again")
    @told
    async def unblock(interaction: discord.Interaction[LinerNotes], member: discord.User) -> None:
        await set_blocked(interaction, member, blocked=False)

    bot.tree.add_command(group)

    async def forget_channel(channel: discord.abc.GuildChannel) -> None:
        # An allowed channel that is gone would keep the bot out of all others.
        if channel.id in bot.servers.of(channel.guild.id).channels:
            await bot.servers.set_rule(channel.guild.id, channel.id, None)

    bot.add_listener(forget_channel, "on_guild_channel_delete")


async def _show(interaction: discord.Interaction[LinerNotes], server: Server) -> None:
    await show(interaction, embeds.server_settings(server))
