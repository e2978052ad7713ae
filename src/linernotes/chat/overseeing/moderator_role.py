"""The role whose members moderate a server's library, besides who manages it: ``/corpus moderators``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import discord
from discord import app_commands

from linernotes.chat.frame import logs
from linernotes.chat.frame.corpus_group import corpus_group
from linernotes.chat.frame.markup import trim
from linernotes.chat.frame.moderators import require_manager
from linernotes.chat.frame.responses import defer, show, told
from linernotes.chat.overseeing import embeds
from linernotes.errors import RefusalError

if TYPE_CHECKING:
    from linernotes.chat.frame.bot import LinerNotes

_log = logs.get(__name__)


def register(bot: LinerNotes) -> None:
    """Add the command and the listener."""
    group = corpus_group(bot)

    @group.command(name="moderators", description="Let members with a role change what I answer from")
    @app_commands.describe(role="The role; without one, only members who may manage the server")
    @told
    async def moderators(
        interaction: discord.Interaction[LinerNotes], role: discord.Role | None = None
    ) -> None:
        guild = require_manager(bot, interaction)
        if role is not None:
            _require_suitable(role)
        with bot.work(interaction):
            await defer(interaction, hidden=True)
            what = "moderators: no role" if role is None else f"moderators: the role {trim(role.name, 100)}"
            note = bot.library.curator.catalogue.noting(guild, interaction.user.id, what)
            await bot.servers.set_moderator_role(guild, None if role is None else role.id, note)
            _log.info("moderator role", guild=guild, role=role and role.id, by=interaction.user.id)
            await show(interaction, embeds.moderators(None if role is None else role.id))

    async def forget_role(role: discord.Role) -> None:
        if role.id == bot.servers.of(role.guild.id).moderator_role:
            await bot.servers.set_moderator_role(role.guild.id, None)

    bot.add_listener(forget_role, "on_guild_role_delete")


def _require_suitable(role: discord.Role) -> None:
    """Check that a role says who moderates.

    Raises:
        RefusalError: everybody has it, or an application.
    """
    if role.is_default():
        raise RefusalError("Everybody has that role; please choose one that moderators alone have.")
    if role.managed:
        raise RefusalError(
            "That role belongs to an application or to Discord; please choose one of your own."
        )
