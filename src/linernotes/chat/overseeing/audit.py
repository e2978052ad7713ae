"""Who moderates a server's library, and who did what to it: ``/corpus moderators`` and ``/corpus audit``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aiohttp
import discord
from discord import app_commands

from linernotes.chat.curating.commands import corpus_group
from linernotes.chat.frame import logs
from linernotes.chat.frame.buttons import number, pager, row
from linernotes.chat.frame.embeds import pages_of
from linernotes.chat.frame.markup import trim
from linernotes.chat.frame.responses import defer, show, told
from linernotes.chat.governing.commands import require_library, require_manager
from linernotes.chat.overseeing import says as replies
from linernotes.errors import RefusalError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from linernotes.chat.frame.bot import LinerNotes
    from linernotes.library.following import Moved

_log = logs.get(__name__)


def register(bot: LinerNotes) -> None:
    """Add the commands, the button and the listener."""
    bot.presses["audit"] = _press_audit
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
        with bot.work():
            await defer(interaction, hidden=True)
            what = "moderators: no role" if role is None else f"moderators: the role {trim(role.name, 100)}"
            note = bot.library.curator.catalogue.noting(guild, interaction.user.id, what)
            await bot.servers.set_moderator_role(guild, None if role is None else role.id, note)
            _log.info("moderator role", guild=guild, role=role and role.id, by=interaction.user.id)
            await show(interaction, replies.moderators(None if role is None else role.id))

    @group.command(name="audit", description="Who changed what I answer from, and when")
    @told
    async def audit(interaction: discord.Interaction[LinerNotes]) -> None:
        guild = require_library(bot, interaction)
        with bot.work():
            await defer(interaction, hidden=True)
            await _show_audit(interaction, guild, 0)

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


async def _show_audit(interaction: discord.Interaction[LinerNotes], guild: int, page: int) -> None:
    catalogue = interaction.client.library.curator.catalogue
    number_of_acts = await catalogue.count_acts(guild)
    pages = pages_of(number_of_acts, replies.ACTS_PER_PAGE)
    page = min(page, pages - 1)
    most = replies.ACTS_PER_PAGE
    acts = await catalogue.audit(guild, first=page * most, most=most)
    view = row(*pager("audit", "", page, pages)) if pages > 1 else None
    embed = replies.audit(acts, number_of_acts, await catalogue.revisions(guild), page)
    await show(interaction, embed, view)


async def _press_audit(interaction: discord.Interaction[LinerNotes], rest: str) -> None:
    guild = require_library(interaction.client, interaction)
    await interaction.response.defer()
    await _show_audit(interaction, guild, number(rest.removeprefix(":")) or 0)


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
            await channel.send(replies.held(each))
        except (discord.HTTPException, aiohttp.ClientError, OSError) as error:
            _log.warning("moderators not told", guild=each.guild, reason=str(error))
