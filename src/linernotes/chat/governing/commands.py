"""What moderators set: ``/settings``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import discord
from discord import app_commands

from linernotes.chat.frame import embeds as replies
from linernotes.chat.frame import logs
from linernotes.chat.frame.responses import defer, show, told
from linernotes.errors import RefusalError

if TYPE_CHECKING:
    from linernotes.chat.frame.bot import LinerNotes
    from linernotes.library.store import Rule, Server

_log = logs.get(__name__)


def register(bot: LinerNotes) -> None:
    """Add the commands."""
    # Discord hides them from others by its own rules only; each handler checks again.
    group = app_commands.Group(
        name="settings",
        description="Where and whom I answer, for moderators",
        default_permissions=discord.Permissions(manage_guild=True),
        allowed_contexts=app_commands.AppCommandContext(guild=True, dm_channel=False, private_channel=False),
        allowed_installs=app_commands.AppInstallationType(guild=True, user=False),
    )

    @group.command(name="show", description="Show what is set")
    @told
    async def show_(interaction: discord.Interaction[LinerNotes]) -> None:
        guild = require_moderator(bot, interaction)
        await defer(interaction, hidden=True)
        await show(interaction, replies.server_settings(bot.servers.of(guild)))

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
        guild = require_moderator(bot, interaction)
        kept: Rule | None = None if rule == "clear" else rule
        await defer(interaction, hidden=True)
        await _show(interaction, await bot.servers.set_rule(guild, channel.id, kept))
        _log.info("channel rule", guild=guild, channel=channel.id, rule=rule, by=interaction.user.id)

    @group.command(name="block", description="Do not answer a member")
    @app_commands.describe(member="Who gets no answers")
    @told
    async def block(interaction: discord.Interaction[LinerNotes], member: discord.User) -> None:
        guild = require_moderator(bot, interaction)
        await defer(interaction, hidden=True)
        await _show(interaction, await bot.servers.set_blocked(guild, member.id, blocked=True))
        _log.info("blocked", guild=guild, member=member.id, by=interaction.user.id)

    @group.command(name="unblock", description="Answer a member again")
    @app_commands.describe(member="Who gets answers again")
    @told
    async def unblock(interaction: discord.Interaction[LinerNotes], member: discord.User) -> None:
        guild = require_moderator(bot, interaction)
        await defer(interaction, hidden=True)
        await _show(interaction, await bot.servers.set_blocked(guild, member.id, blocked=False))
        _log.info("unblocked", guild=guild, member=member.id, by=interaction.user.id)

    bot.tree.add_command(group)

    async def forget_channel(channel: discord.abc.GuildChannel) -> None:
        # An allowed channel that is gone would keep the bot out of all others.
        if channel.id in bot.servers.of(channel.guild.id).channels:
            await bot.servers.set_rule(channel.guild.id, channel.id, None)

    bot.add_listener(forget_channel, "on_guild_channel_delete")


def require_moderator(bot: LinerNotes, interaction: discord.Interaction[Any]) -> int:
    """Return the server in which this person is a moderator.

    Raises:
        RefusalError: they are none, or this is no server.
    """
    if interaction.guild_id is None:
        raise RefusalError("That works in servers only.")
    if not is_moderator(bot, interaction):
        raise RefusalError("That is for moderators: members who may manage this server.")
    return interaction.guild_id


def require_library(bot: LinerNotes, interaction: discord.Interaction[Any]) -> int:
    """Return the server whose library this person, a moderator, keeps.

    Raises:
        RefusalError: they are none, this is no server, or the bot is no member of it: then ``/ask`` answers
            from the shared corpus there, and what is kept of a server is to go once the bot has left it.
    """
    guild = require_moderator(bot, interaction)
    if bot.guild_of(guild) is None:
        raise RefusalError(
            "I am not a member of this server and know its commands only, so it has no articles of its own:"
            " please invite me as a bot first."
        )
    return guild


def require_manager(bot: LinerNotes, interaction: discord.Interaction[Any]) -> int:
    """Return the server whose library this person keeps who may manage it; the role is not enough.

    Raises:
        RefusalError: they may not, this is no server, or the bot is no member of it.
    """
    guild = require_library(bot, interaction)
    if not (interaction.permissions.administrator or interaction.permissions.manage_guild):
        raise RefusalError("That is for members who may manage this server.")
    return guild


def is_moderator(bot: LinerNotes, interaction: discord.Interaction[Any]) -> bool:
    """Say whether this person may manage the server, or has the role for it."""
    return moderates(bot.servers.of(interaction.guild_id), interaction.user, interaction.permissions)


def moderates(server: Server, person: discord.abc.User, permissions: discord.Permissions) -> bool:
    """Say whether a person with these permissions may manage the server, or has the role for it."""
    if permissions.administrator or permissions.manage_guild:
        return True
    role = server.moderator_role
    return role is not None and isinstance(person, discord.Member) and person.get_role(role) is not None


def may_remove(server: Server, person: discord.abc.User, permissions: discord.Permissions) -> bool:
    """Say whether a person may remove answers that others have asked for: as a moderator, or any message."""
    return permissions.manage_messages or moderates(server, person, permissions)


async def _show(interaction: discord.Interaction[LinerNotes], server: Server) -> None:
    await show(interaction, replies.server_settings(server))
