"""The buttons under an answer: the passage, why it was given, and whether it was good."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from linernotes.chat.frame import embeds as replies
from linernotes.chat.frame.buttons import number, pager, row
from linernotes.chat.frame.responses import defer, show
from linernotes.chat.overseeing.checks import offer_check
from linernotes.errors import RefusalError

if TYPE_CHECKING:
    import discord

    from linernotes.chat.frame.bot import LinerNotes
    from linernotes.library.store import Posted
    from linernotes.models import Edition
    from linernotes.retrieval.index import Index

_GONE: Final = "I no longer know that answer: I keep what its buttons need for 30 days."
_CHANGED: Final = "The article has changed since that answer; ask again to see it as it is now."


def register(bot: LinerNotes) -> None:
    """Add the buttons."""
    bot.presses["passage"] = _press_passage
    bot.presses["page"] = _press_page
    bot.presses["why"] = _press_why
    bot.presses["up"] = _press_up
    bot.presses["down"] = _press_down


async def _looked_up(interaction: discord.Interaction[LinerNotes], key: str) -> Posted:
    """Return the answer that a button belongs to.

    Raises:
        RefusalError: there is none with this key in this server and channel.
    """
    interaction.client.require_welcome(interaction)
    found = number(key)
    posted = (
        None
        if found is None
        else await interaction.client.store.find(
            found, guild=interaction.guild_id, channel=interaction.channel_id or 0
        )
    )
    if posted is None:
        raise RefusalError(_GONE)
    return posted


async def _edition_of(interaction: discord.Interaction[LinerNotes], posted: Posted) -> Edition[Index]:
    bot = interaction.client
    edition = await bot.library.edition(bot.guild_of(interaction.guild_id))
    if edition.id != posted.edition:
        raise RefusalError(_CHANGED)
    return edition


async def _press_passage(interaction: discord.Interaction[LinerNotes], key: str) -> None:
    await defer(interaction, hidden=True)
    posted = await _looked_up(interaction, key)
    edition = await _edition_of(interaction, posted)
    await _show_passage(interaction, edition, posted, posted.evidence[0].passage)


async def _press_page(interaction: discord.Interaction[LinerNotes], rest: str) -> None:
    await interaction.response.defer()
    key, _, page = rest.partition(":")
    posted = await _looked_up(interaction, key)
    edition = await _edition_of(interaction, posted)
    await _show_passage(interaction, edition, posted, number(page) or 1)


async def _show_passage(
    interaction: discord.Interaction[LinerNotes], edition: Edition[Index], posted: Posted, page: int
) -> None:
    document = posted.evidence[0].document
    passages = [each for each in edition.passages if each.document == document]
    shown_passage = passages[min(max(page, 1), len(passages)) - 1]
    evidence = [
        each
        for each in posted.evidence
        if each.document == document and each.passage == shown_passage.number and each.sentences
    ]
    embed = replies.passage(
        edition,
        shown_passage,
        len(passages),
        [span for each in evidence for span in each.sentences],
        evidence=bool(evidence),
    )
    view = row(*pager("page", str(posted.key), shown_passage.number, len(passages), first=1))
    await show(interaction, embed, view if len(passages) > 1 else None)


async def _press_why(interaction: discord.Interaction[LinerNotes], key: str) -> None:
    await defer(interaction, hidden=True)
    posted = await _looked_up(interaction, key)
    bot = interaction.client
    edition = await bot.library.edition(bot.guild_of(interaction.guild_id))
    await show(interaction, replies.why(edition, posted))


async def _press_up(interaction: discord.Interaction[LinerNotes], key: str) -> None:
    await _vote(interaction, key, 1)


async def _press_down(interaction: discord.Interaction[LinerNotes], key: str) -> None:
    await _vote(interaction, key, -1)


async def _vote(interaction: discord.Interaction[LinerNotes], key: str, vote: Literal[-1, 1]) -> None:
    await defer(interaction, hidden=True)
    posted = await _looked_up(interaction, key)
    new = await interaction.client.store.vote(posted.key, interaction.user.id, vote)
    said = "👍" if vote > 0 else "👎"
    await interaction.edit_original_response(
        content=f"Thank you, I have noted your {said}." if new else f"Your {said} is noted already.",
        view=offer_check(interaction) if vote < 0 else None,
    )
