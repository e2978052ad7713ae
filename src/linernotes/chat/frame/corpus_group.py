"""The group ``/corpus``, to which more than one feature adds commands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import discord
from discord import app_commands

if TYPE_CHECKING:
    from linernotes.chat.frame.bot import LinerNotes


def corpus_group(bot: LinerNotes) -> app_commands.Group:
    """Return the group ``/corpus``, made at the first call."""
    found = bot.tree.get_command("corpus")
    if isinstance(found, app_commands.Group):
        return found
    # Discord hides it from others by its own rules only; each handler checks again.
    group = app_commands.Group(
        name="corpus",
        description="What I answer from in this server, for moderators",
        default_permissions=discord.Permissions(manage_guild=True),
        allowed_contexts=app_commands.AppCommandContext(guild=True, dm_channel=False, private_channel=False),
        allowed_installs=app_commands.AppInstallationType(guild=True, user=False),
    )
    bot.tree.add_command(group)
    return group
