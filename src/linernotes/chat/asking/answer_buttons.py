"""The buttons under an answer: which there are (``buttons_of``), and what a press of each does."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, Literal

import discord

from linernotes.chat.asking import embeds
from linernotes.chat.asking.evidence import find_place
from linernotes.chat.frame import citations
from linernotes.chat.frame.buttons import button, link, number, pager, row
from linernotes.chat.frame.citations import link_of, plain_title
from linernotes.chat.frame.embeds import LABEL
from linernotes.chat.frame.markup import trim
from linernotes.chat.frame.moderators import is_moderator
from linernotes.chat.frame.promptly import promptly
from linernotes.chat.frame.responses import defer, show
from linernotes.errors import RefusalError
from linernotes.models import Answer

if TYPE_CHECKING:
    from linernotes.chat.asking.evidence import Place
    from linernotes.chat.frame.bot import LinerNotes
    from linernotes.chat.frame.buttons import Button
    from linernotes.library.store import Posted
    from linernotes.models import Edition, Unanswered
    from linernotes.retrieval.index import Index

_GONE: Final = "I no longer know that answer: I keep what its buttons need for 30 days."
_NO_LONGER: Final = "Those words are no longer in the article; ask again to see what it says now."


def buttons_of(posted: Posted, reply: Answer | Unanswered, edition: Edition[Index]) -> tuple[Button, ...]:
    """Return the buttons under a reply that has been recorded; what a press does is in ``register``.

    A reply that answers nothing has one at most: it shows the passage that comes nearest, if one is near.
    """
    key = str(posted.key)
    buttons: list[Button] = []
    if posted.other is not None:
        name = trim(plain_title(edition, posted.other.document), LABEL - 10) or "another song"
        buttons.append(button("other", key, label=f"“{name}” instead", style=discord.ButtonStyle.primary))
    if not isinstance(reply, Answer):
        nearest = (button("passage", key, label="Nearest passage"),) if reply.is_near else ()
        return (*buttons, *nearest)
    buttons += [
        button("passage", key, label="Passage"),
        button("why", key, label="Why"),
        button("up", key, emoji="👍"),
        button("down", key, emoji="👎"),
    ]
    if (source := link_of(edition, reply.lead.document)) is not None:
        buttons.append(link("Article", source))
    return tuple(buttons)


def register(bot: LinerNotes) -> None:
    """Say what a press of each button does."""
    bot.presses["passage"] = _press_passage
    bot.presses["page"] = _press_page
    bot.presses["why"] = _press_why
    bot.presses["up"] = _press_up
    bot.presses["down"] = _press_down


async def looked_up(interaction: discord.Interaction[LinerNotes], key: str) -> Posted:
    """Return the answer that a button belongs to.

    Raises:
        RefusalError: there is none with this key in this server and channel.
    """
    interaction.client.require_welcome(interaction)
    found = number(key)
    posted = (
        None
        if found is None
        else await promptly(
            interaction.client.store.find(
                found, guild=interaction.guild_id, channel=interaction.channel_id or 0
            )
        )
    )
    if posted is None:
        raise RefusalError(_GONE)
    return posted


async def _place_of(
    interaction: discord.Interaction[LinerNotes], posted: Posted
) -> tuple[Edition[Index], Place]:
    """Return where the words behind an answer stand now.

    Raises:
        RefusalError: they are gone.
    """
    bot = interaction.client
    edition = await bot.library.edition(bot.guild_of(interaction.guild_id))
    # Where the article has changed, all of its sentences may have to be looked at.
    place = await asyncio.to_thread(find_place, edition, posted)
    if place is None:
        raise RefusalError(_NO_LONGER)
    return edition, place


async def _press_passage(interaction: discord.Interaction[LinerNotes], key: str) -> None:
    await defer(interaction, hidden=True)
    posted = await looked_up(interaction, key)
    edition, place = await _place_of(interaction, posted)
    await _show_passage(interaction, edition, posted, place, place.passage.number)


async def _press_page(interaction: discord.Interaction[LinerNotes], rest: str) -> None:
    await interaction.response.defer()
    key, _, page = rest.partition(":")
    posted = await looked_up(interaction, key)
    edition, place = await _place_of(interaction, posted)
    await _show_passage(interaction, edition, posted, place, number(page) or 1)


async def _show_passage(
    interaction: discord.Interaction[LinerNotes],
    edition: Edition[Index],
    posted: Posted,
    place: Place,
    page: int,
) -> None:
    passages = [each for each in edition.passages if each.document == place.passage.document]
    shown_passage = passages[min(max(page, 1), len(passages)) - 1]
    inside = [
        (start, end) for start, end in place.spans if start < shown_passage.end and shown_passage.start < end
    ]
    embed = citations.passage(
        edition, shown_passage, len(passages), inside, evidence=bool(inside) and posted.certainty != "near"
    )
    view = row(*pager("page", str(posted.key), shown_passage.number, len(passages), first=1))
    await show(interaction, embed, view if len(passages) > 1 else None)


async def _press_why(interaction: discord.Interaction[LinerNotes], key: str) -> None:
    await defer(interaction, hidden=True)
    posted = await looked_up(interaction, key)
    bot = interaction.client
    edition = await bot.library.edition(bot.guild_of(interaction.guild_id))
    await show(interaction, embeds.why(edition, posted, figures=_is_moderator(interaction)))


def _is_moderator(interaction: discord.Interaction[LinerNotes]) -> bool:
    bot = interaction.client
    return bot.guild_of(interaction.guild_id) is not None and is_moderator(bot, interaction)


async def _press_up(interaction: discord.Interaction[LinerNotes], key: str) -> None:
    await _vote(interaction, key, 1)


async def _press_down(interaction: discord.Interaction[LinerNotes], key: str) -> None:
    await _vote(interaction, key, -1)


async def _vote(interaction: discord.Interaction[LinerNotes], key: str, vote: Literal[-1, 1]) -> None:
    await defer(interaction, hidden=True)
    posted = await looked_up(interaction, key)
    new = await promptly(interaction.client.store.vote(posted.key, interaction.user.id, vote))
    said = "👍" if vote > 0 else "👎"
    offered = [each(interaction) for each in interaction.client.hooks.disliked] if vote < 0 else []
    buttons = [each for each in offered if each is not None]
    await interaction.edit_original_response(
        content=f"Thank you, I have noted your {said}." if new else f"Your {said} is noted already.",
        view=row(*buttons) if buttons else None,
    )
