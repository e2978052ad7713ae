"""What the bot does and keeps: ``/help``, ``/sources`` and ``/privacy``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import discord
from discord import app_commands

from linernotes.chat.about import embeds
from linernotes.chat.frame.buttons import number, pager, row
from linernotes.chat.frame.embeds import pages_of
from linernotes.chat.frame.introduction import help_page
from linernotes.chat.frame.responses import defer, show, told

if TYPE_CHECKING:
    from linernotes.chat.frame.bot import LinerNotes


def register(bot: LinerNotes) -> None:
    """Add the commands and buttons."""
    bot.presses["sources"] = _press_page

    @bot.tree.command(name="help", description="What I do, and what you can ask")
    @told
    async def help_(interaction: discord.Interaction[LinerNotes]) -> None:
        with bot.work(interaction):
            await defer(interaction, hidden=True)
            guild = bot.guild_of(interaction.guild_id)
            edition = await bot.library.edition(guild)
            examples = await bot.examples.of(guild)
            mention = None if bot.user is None or guild is None else bot.user.mention
            await show(interaction, help_page(edition, examples, mention))

    @bot.tree.command(name="sources", description="The articles that I answer from")
    @told
    async def sources(interaction: discord.Interaction[LinerNotes]) -> None:
        bot.require_welcome(interaction)
        with bot.work(interaction):
            await defer(interaction, hidden=True)
            await _show_sources(interaction, 0)

    @bot.tree.command(name="privacy", description="What I keep about you, and how to be forgotten")
    @app_commands.describe(forget="Remove what I keep about you, in all servers, at once")
    @told
    async def privacy(interaction: discord.Interaction[LinerNotes], forget: bool = False) -> None:
        with bot.work(interaction):
            await defer(interaction, hidden=True)
            if not forget:
                await show(interaction, embeds.privacy(bot.settings.privacy_url))
                return
            talked = bot.sessions.forget(interaction.user.id)
            for each in bot.hooks.forgotten:
                each(interaction.user.id)
            forgotten = await bot.store.forget(interaction.user.id)
            embed = embeds.forgotten(
                answers=forgotten.answers, votes=forgotten.votes, talked=talked, acts=forgotten.acts
            )
            await show(interaction, embed)


async def _show_sources(interaction: discord.Interaction[LinerNotes], page: int) -> None:
    bot = interaction.client
    edition = await bot.library.edition(bot.guild_of(interaction.guild_id))
    pages = pages_of(len(edition.documents), embeds.SOURCES_PER_PAGE)
    page = min(page, pages - 1)
    view = row(*pager("sources", "", page, pages)) if pages > 1 else None
    await show(interaction, embeds.sources(edition, page), view)


async def _press_page(interaction: discord.Interaction[LinerNotes], rest: str) -> None:
    interaction.client.require_welcome(interaction)
    await interaction.response.defer()
    await _show_sources(interaction, number(rest.removeprefix(":")) or 0)
