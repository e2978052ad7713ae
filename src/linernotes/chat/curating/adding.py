"""``/corpus add``, with a file or with a form, and *Apps, Add to the articles* under a message.

What is written becomes a Markdown file that is named for its title, and is previewed, checked, applied and
audited as one that was attached.
"""

from __future__ import annotations

import json
import unicodedata
from typing import TYPE_CHECKING, Any, Final, Protocol

import discord
from discord import app_commands

from linernotes.chat.frame.corpus_group import corpus_group
from linernotes.chat.frame.forms import Form
from linernotes.chat.frame.markup import clean
from linernotes.chat.frame.moderators import require_library
from linernotes.chat.frame.responses import told
from linernotes.errors import RefusalError
from linernotes.library.changes import Add

if TYPE_CHECKING:
    from collections.abc import Mapping

    from linernotes.chat.frame.bot import LinerNotes
    from linernotes.library.changes import Change

MENU: Final = "Add to the articles"

LONGEST_TITLE: Final = 80
# Discord's own limit for what is written into a form.
LONGEST_TEXT: Final = 4_000


class Curation(Protocol):
    """Shows what a change, or a file that is attached, would come to."""

    async def add(self, interaction: discord.Interaction[Any], file: discord.Attachment) -> None: ...  # noqa: D102  said above

    async def preview(self, interaction: discord.Interaction[Any], change: Change) -> None: ...  # noqa: D102  said above


def register(bot: LinerNotes, curation: Curation) -> None:
    """Add the command, and the entry to the menu of each message."""

    @corpus_group(bot).command(
        name="add", description="Add an article to this server, and see what it changes"
    )
    @app_commands.describe(file="The article: .md, .txt or .html; without one you can paste its text")
    @told
    async def add(
        interaction: discord.Interaction[LinerNotes], file: discord.Attachment | None = None
    ) -> None:
        if file is None:
            require_library(bot, interaction)
            await open_form(bot, curation, interaction)
        else:
            await curation.add(interaction, file)

    @bot.tree.context_menu(name=MENU)
    @app_commands.default_permissions(manage_guild=True)
    @app_commands.allowed_installs(guilds=True, users=False)
    @app_commands.allowed_contexts(guilds=True, dms=False, private_channels=False)
    @told
    async def add_message(interaction: discord.Interaction[LinerNotes], message: discord.Message) -> None:
        require_library(bot, interaction)
        if text := message.clean_content.strip():
            await open_form(bot, curation, interaction, text)
        elif message.attachments:
            await curation.add(interaction, message.attachments[0])
        else:
            raise RefusalError("There is neither a text nor a file in that message.")


async def open_form(
    bot: LinerNotes, curation: Curation, interaction: discord.Interaction[Any], text: str = ""
) -> None:
    """Open the form for a title and a text, which begins with ``text``."""

    async def handle(interaction: discord.Interaction[Any], written: Mapping[str, str]) -> None:
        await curation.preview(interaction, article(written["title"], written["text"]))

    form = Form(bot.forms, "An article for this server", handle)
    form.ask_for(
        "title", "The song's title", LONGEST_TITLE, hint="Members see it under each answer from this article."
    )
    form.ask_for(
        "text",
        "The article",
        LONGEST_TEXT,
        begin=text,
        long=True,
        hint="Whole sentences, as I am to quote them. A longer text can be attached to /corpus add.",
    )
    await interaction.response.send_modal(form)


def article(title: str, text: str) -> Add:
    """Return the file that holds a pasted text, named for its title.

    Raises:
        RefusalError: there is no title or no text.
    """
    title = clean(title)
    name = "".join(char if char.isalnum() or char in " -" else " " for char in title)
    name = " ".join(unicodedata.normalize("NFC", name).split())[:LONGEST_TITLE].strip(" -")
    if not name:
        raise RefusalError("Please write a title with letters or digits in it; the file is named for it.")
    if not any(map(str.isalnum, text)):
        raise RefusalError("There is no sentence in that text.")
    head = f"---\ntitle: {json.dumps(title, ensure_ascii=False)}\n---\n\n"
    # Whatever else cannot be written as UTF-8 was never text.
    return Add(f"{name}.md", f"{head}{text.strip()}\n".encode(errors="replace"))
