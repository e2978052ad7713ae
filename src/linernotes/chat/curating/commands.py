"""What moderators do with their server's library: the commands of ``/corpus`` that show and change it.

Every handler checks for itself that a moderator is at it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import discord
from discord import app_commands

from linernotes.chat.curating import adding, notes, previews
from linernotes.chat.curating.choices import Choices
from linernotes.chat.curating.curation import Curation
from linernotes.chat.frame.completion import complete
from linernotes.chat.frame.corpus_group import corpus_group
from linernotes.chat.frame.responses import told
from linernotes.library.changes import Hide, Reload, Remove, Unhide

if TYPE_CHECKING:
    from linernotes.chat.frame.bot import LinerNotes


def register(bot: LinerNotes) -> None:
    """Add the commands and buttons."""
    group = corpus_group(bot)
    curation = Curation(bot, previews.register(bot))
    notes.register(bot, curation.previews)
    adding.register(bot, curation)
    choices = Choices(bot)
    bot.presses["shelf"] = curation.press_page

    @group.command(name="status", description="What I answer from in this server, and since when")
    @told
    async def status(interaction: discord.Interaction[LinerNotes]) -> None:
        await curation.status(interaction)

    @group.command(name="reload", description="Read the articles again, and show what would change")
    @told
    async def reload(interaction: discord.Interaction[LinerNotes]) -> None:
        await curation.preview(interaction, Reload())

    @group.command(name="remove", description="Remove an article that was added in this server")
    @app_commands.describe(document="Which one")
    @told
    async def remove(interaction: discord.Interaction[LinerNotes], document: str) -> None:
        await curation.change_document(interaction, document, Remove, choices.own)

    @group.command(name="hide", description="Leave a shared article out in this server")
    @app_commands.describe(document="Which one")
    @told
    async def hide(interaction: discord.Interaction[LinerNotes], document: str) -> None:
        await curation.change_document(interaction, document, Hide, choices.shared)

    @group.command(name="show", description="Take a hidden article in again")
    @app_commands.describe(document="Which one")
    @told
    async def show_(interaction: discord.Interaction[LinerNotes], document: str) -> None:
        await curation.change_document(interaction, document, Unhide, choices.hidden)

    @group.command(name="history", description="The last ten editions of this server")
    @told
    async def history(interaction: discord.Interaction[LinerNotes]) -> None:
        await curation.history(interaction)

    @group.command(name="rollback", description="Go back to an earlier edition, and show what would change")
    @app_commands.describe(edition="Which one")
    @told
    async def rollback(interaction: discord.Interaction[LinerNotes], edition: str) -> None:
        await curation.roll_back(interaction, edition)

    @group.command(name="cancel", description="Stop what is being built for this server")
    @told
    async def cancel(interaction: discord.Interaction[LinerNotes]) -> None:
        await curation.previews.stop(interaction)

    complete(remove, "document", choices.documents_like(choices.own))
    complete(hide, "document", choices.documents_like(choices.shared))
    complete(show_, "document", choices.documents_like(choices.hidden))
    complete(rollback, "edition", choices.editions_like)
