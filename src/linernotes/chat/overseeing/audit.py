"""Who changed a server's library, and when: ``/corpus audit``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from linernotes.chat.frame.buttons import number, pager, row
from linernotes.chat.frame.corpus_group import corpus_group
from linernotes.chat.frame.embeds import pages_of
from linernotes.chat.frame.moderators import require_library
from linernotes.chat.frame.responses import defer, show, told
from linernotes.chat.overseeing import embeds

if TYPE_CHECKING:
    import discord

    from linernotes.chat.frame.bot import LinerNotes


def register(bot: LinerNotes) -> None:
    """Add the command and the button."""
    bot.presses["audit"] = _press_audit

    @corpus_group(bot).command(name="audit", description="Who changed what I answer from, and when")
    @told
    async def audit(interaction: discord.Interaction[LinerNotes]) -> None:
        guild = require_library(bot, interaction)
        with bot.work(interaction):
            await defer(interaction, hidden=True)
            await _show_audit(interaction, guild, 0)


async def _show_audit(interaction: discord.Interaction[LinerNotes], guild: int, page: int) -> None:
    catalogue = interaction.client.library.curator.catalogue
    number_of_acts = await catalogue.count_acts(guild)
    pages = pages_of(number_of_acts, embeds.ACTS_PER_PAGE)
    page = min(page, pages - 1)
    most = embeds.ACTS_PER_PAGE
    acts = await catalogue.audit(guild, first=page * most, most=most)
    view = row(*pager("audit", "", page, pages)) if pages > 1 else None
    embed = embeds.audit(acts, number_of_acts, await catalogue.revisions(guild), page)
    await show(interaction, embed, view)


async def _press_audit(interaction: discord.Interaction[LinerNotes], rest: str) -> None:
    guild = require_library(interaction.client, interaction)
    await interaction.response.defer()
    await _show_audit(interaction, guild, number(rest.removeprefix(":")) or 0)
