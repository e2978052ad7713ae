"""Who moderates: what each command and button for moderators checks before it does anything."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import discord

from linernotes.errors import RefusalError

if TYPE_CHECKING:
    from linernotes.chat.frame.bot import LinerNotes
    from linernotes.library.store import Server


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


def require_settings(interaction: discord.Interaction[Any]) -> int:
    """Return the server whose settings this person may change: who manages it; the role is not enough.

    Raises:
        RefusalError: they may not, or this is no server.
    """
    if interaction.guild_id is None:
        raise RefusalError("That works in servers only.")
    if not _manages(interaction.permissions):
        raise RefusalError(
            "That is for moderators who may manage this server; the role for moderators is not enough."
        )
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
    if not _manages(interaction.permissions):
        raise RefusalError("That is for members who may manage this server.")
    return guild


def is_moderator(bot: LinerNotes, interaction: discord.Interaction[Any]) -> bool:
    """Say whether this person may manage the server, or has the role for it."""
    return moderates(bot.servers.of(interaction.guild_id), interaction.user, interaction.permissions)


def moderates(server: Server, person: discord.abc.User, permissions: discord.Permissions) -> bool:
    """Say whether a person with these permissions may manage the server, or has the role for it."""
    if _manages(permissions):
        return True
    role = server.moderator_role
    return role is not None and isinstance(person, discord.Member) and person.get_role(role) is not None


def _manages(permissions: discord.Permissions) -> bool:
    return permissions.administrator or permissions.manage_guild


def may_remove(server: Server, person: discord.abc.User, permissions: discord.Permissions) -> bool:
    """Say whether a person may remove answers that others have asked for: as a moderator, or any message."""
    return permissions.manage_messages or moderates(server, person, permissions)
