"""The buttons under an answer: which there are (``buttons_of``), and what a press of each does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from linernotes.chat.asking import embeds
from linernotes.chat.frame import citations
from linernotes.chat.frame.buttons import Press, button, number, pager, row
from linernotes.chat.frame.promptly import promptly
from linernotes.chat.frame.responses import defer, show
from linernotes.errors import RefusalError

if TYPE_CHECKING:
    import discord

    from linernotes.chat.frame.bot import LinerNotes
    from linernotes.library.store import Posted
    from linernotes.models import Edition
    from linernotes.retrieval.index import Index

_GONE: Final = "I no longer know that answer: I keep what its buttons need for 30 days."
_CHANGED: Final = "The article has changed since that answer; ask again to see it as it is now."


def buttons_of(posted: Posted) -> tuple[Press, ...]:
    """Return the buttons under an answer that has been recorded; what a press does is in ``register``."""
    key = str(posted.key)
    return (
        button("passage", key, label="Passage"),
        button("why", key, label="Why"),
        button("up", key, emoji="👍"),
        button("down", key, emoji="👎"),
    )


def register(bot: LinerNotes) -> None:
    """Say what a press of each button does."""
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
        else await promptly(
            interaction.client.store.find(
                found, guild=interaction.guild_id, channel=interaction.channel_id or 0
            )
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
    embed = citations.passage(
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
    await show(interaction, embeds.why(edition, posted))


async def _press_up(interaction: discord.Interaction[LinerNotes], key: str) -> None:
    await _vote(interaction, key, 1)


async def _press_down(interaction: discord.Interaction[LinerNotes], key: str) -> None:
    await _vote(interaction, key, -1)


async def _vote(interaction: discord.Interaction[LinerNotes], key: str, vote: Literal[-1, 1]) -> None:
    await defer(interaction, hidden=True)
    posted = await _looked_up(interaction, key)
    new = await promptly(interaction.client.store.vote(posted.key, interaction.user.id, vote))
    said = "👍" if vote > 0 else "👎"
    offered = [each(interaction) for each in interaction.client.hooks.disliked] if vote < 0 else []
    buttons = [each for each in offered if each is not None]
    await interaction.edit_original_response(
        content=f"Thank you, I have noted your {said}." if new else f"Your {said} is noted already.",
        view=row(*buttons) if buttons else None,
    )
