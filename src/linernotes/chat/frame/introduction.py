"""What the bot can do: shown by ``/help``, and to whoever mentions it without a question."""

from __future__ import annotations

from typing import TYPE_CHECKING

import discord

from linernotes.chat.frame.embeds import COLOUR, bullets

if TYPE_CHECKING:
    from collections.abc import Sequence

    from linernotes.models import Edition
    from linernotes.retrieval.index import Index


def help_page(edition: Edition[Index], examples: Sequence[str], mention: str | None) -> discord.Embed:
    """Say what the bot does, and what this corpus can be asked."""
    several = len(edition.songs) > 1
    about = "the songs" if several else "the song"
    how = f"Mention me ({mention})" if mention else "Mention me"
    embed = discord.Embed(
        title="What I do",
        description=(
            f"I answer questions about {about} with the sentences of the article{'s' if several else ''}, and"
            f" say so where there is no answer. {how}, reply to one of my answers to ask on, or write me"
            " a direct message."
        ),
        colour=COLOUR,
    )
    commands = [
        "`/ask` a question; `private` shows the answer to you alone",
        "`/quote` a quotation: at random, by a speaker, or about something",
        "`/quotes` all quotations, by speaker",
        "`/sources` what I answer from",
        "`/privacy` what I keep, and how to be forgotten",
        "❌ on an answer to your question removes it; so does deleting the question",
    ]
    embed.add_field(name="Commands", value="\n".join(commands), inline=False)
    if examples:
        embed.add_field(name="You could ask", value=bullets(examples), inline=False)
    return embed
