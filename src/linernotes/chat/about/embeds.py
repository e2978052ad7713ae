"""What the bot says about itself: what it answers from, what it keeps, and what it has forgotten."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import discord

from linernotes.chat.frame.citations import title
from linernotes.chat.frame.embeds import COLOUR, bullets, pages_of
from linernotes.chat.frame.introduction import help_page
from linernotes.chat.frame.markup import clean, fit, safe_link
from linernotes.words import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from linernotes.models import Edition
    from linernotes.retrieval.index import Index

SOURCES_PER_PAGE: Final = 8

# A longer link is left out where several stand in one list.
_LISTED_LINK: Final = 150


def sources(edition: Edition[Index], page: int) -> discord.Embed:
    """List the documents of an edition."""
    pages = pages_of(len(edition.documents), SOURCES_PER_PAGE)
    page = min(max(page, 0), pages - 1)
    first = page * SOURCES_PER_PAGE
    lines = []
    for document in edition.documents[first : first + SOURCES_PER_PAGE]:
        number = sum(each.document == document.name for each in edition.passages)
        facts = [fit(clean(each), 40) for each in (document.artist, document.date) if each]
        facts.append(counted(number, "passage"))
        shown = title(edition, document.name, 100, by=False, link=len(document.source or "") <= _LISTED_LINK)
        lines.append(f"{shown}: {', '.join(facts)}")
    embed = discord.Embed(title="What I answer from", description="\n".join(lines) or "Nothing yet.")
    embed.colour = discord.Colour(COLOUR)
    if pages > 1:
        embed.set_footer(text=f"Page {page + 1} of {pages}")
    return embed


def privacy(url: str | None) -> discord.Embed:
    """Say what is kept, and for how long."""
    embed = discord.Embed(
        title="What I keep",
        description=(
            "**Your questions and my answers:** no text is kept, but for what stands below. The last few of a"
            " conversation stay in memory for half an hour, so that you can ask on.\n"
            "**Under each answer with buttons**, for 30 days: the ids of the message, the channel, the server"
            " and of who asked, which passages and figures led to the answer, and"
            " digests by which its sentences are found again.\n"
            "**👍 and 👎:** that you pressed it, for as long.\n"
            "**Of a message that asks me something**, for a quarter of an hour: its id, the channel's and the"
            " server's, so that a restart loses none.\n"
            "**Questions without a sure answer**, for 30 days, only in servers whose moderators have turned"
            " that on: the question's text, without names, ids and addresses. Nobody knows whose they are, so"
            " they cannot be removed person by person.\n"
            "**What moderators change**, for a year: who did what, and when, for the moderators of that"
            " server. Their check questions, settings and blocks stay until they change them.\n"
            "**When I leave a server**, all that is kept for it goes after 30 days.\n"
            "The log names ids, and no text.\n\n"
            "`/privacy forget:True` removes at once what is kept about you, in all servers. Of what you have"
            " changed as a moderator it stays known what was done, and no longer by whom."
        ),
        colour=COLOUR,
    )
    if (link := safe_link(url)) is not None:
        embed.add_field(name="Privacy policy", value=link, inline=False)
    return embed


def forgotten(*, answers: int, votes: int, talked: int, acts: int = 0) -> discord.Embed:
    """Say what was removed about a person; of ``acts`` of a moderator, it was their name."""
    removed = [
        f"{counted(answers, 'answer')} with buttons" if answers else "",
        counted(votes, "vote") if votes else "",
        f"the memory of our last conversations ({counted(talked, 'answer')})" if talked else "",
    ]
    removed = [each for each in removed if each]
    text = "" if acts else "I kept nothing about you."
    if removed:
        text = f"I have removed what I kept about you: {', '.join(removed)}."
    if acts:
        text += f" Your name is gone from {counted(acts, 'note')} of what you have changed as a moderator."
    return discord.Embed(description=text.strip(), colour=COLOUR)


def greeting(edition: Edition[Index], examples: Sequence[str], mention: str | None) -> discord.Embed:
    """Say to a server that the bot is new to what it does, what to ask, and how to give it an own article."""
    embed = help_page(edition, examples, mention)
    embed.title = "Hello! I am Liner Notes"
    embed.clear_fields()
    if examples:
        embed.add_field(name="You could ask", value=bullets(examples), inline=False)
    embed.add_field(
        name="An article of your own",
        value=(
            "Who may manage this server gives me one with `/corpus add`: a file, or a text pasted into a"
            " form. I show first what it would change, and answer from it once you press *Apply*."
            " `/corpus hide` leaves out what I know already, `/settings` says where I answer, `/help` what"
            " else I do."
        ),
        inline=False,
    )
    return embed
