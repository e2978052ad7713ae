"""The button that asks another song: where a question names none and two of them answer it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from linernotes.chat.asking import embeds
from linernotes.chat.asking.answer_buttons import looked_up
from linernotes.chat.asking.answers import answer, remember
from linernotes.chat.asking.evidence import evidence_of_lead, find_other
from linernotes.chat.frame import citations
from linernotes.chat.frame.responses import defer, show
from linernotes.chat.frame.sessions import Place
from linernotes.errors import RefusalError
from linernotes.models import Answer

if TYPE_CHECKING:
    import discord

    from linernotes.chat.frame.bot import LinerNotes
    from linernotes.library.store import Evidence, Posted
    from linernotes.models import Alternative, Turn, Unanswered

_GONE: Final = "That song is no longer among those that I answer from."


def register(bot: LinerNotes) -> None:
    """Say what a press of the button does."""
    bot.presses["other"] = _press_other


async def _press_other(interaction: discord.Interaction[LinerNotes], key: str) -> None:
    """Show what the other song's article says.

    Who asked sees it in place of the first answer, which is then offered in turn, and the conversation stays
    with the song. To anybody else it is shown alone.
    """
    bot = interaction.client
    bot.require_welcome(interaction)
    place = Place(interaction.guild_id, interaction.channel_id or 0, interaction.user.id)
    message = 0 if interaction.message is None else interaction.message.id
    turns = bot.sessions.after(place, message)
    with bot.manners.question(place.guild, place.person):
        if turns:
            await interaction.response.defer()
        else:
            await defer(interaction, hidden=True)
        posted = await looked_up(interaction, key)
        other = posted.other
        edition = await bot.library.edition(bot.guild_of(place.guild))
        if other is None or all(each.name != other.document for each in edition.documents):
            raise RefusalError(_GONE)
        if turns:
            await _turn_to(interaction, posted, other, place, turns)
        else:
            await _show_alone(interaction, other, place, message)


def _promised(reply: Answer | Unanswered, other: Evidence) -> Alternative | None:
    """Return what the other song was said to answer, if that is what was offered."""
    offered = reply.other if isinstance(reply, Answer) else None
    return offered if offered is not None and offered.document == other.document else None


async def _turn_to(
    interaction: discord.Interaction[LinerNotes],
    posted: Posted,
    other: Evidence,
    place: Place,
    turns: tuple[Turn, ...],
) -> None:
    """Put the other song's answer in place of the one that is shown."""
    bot, message = interaction.client, interaction.message
    before = turns[-1].reply
    reply = await answer(
        bot,
        turns[-1].question,
        place,
        posted.key,
        turns[:-1],
        document=other.document,
        # A command's answer shows its question; a message's stands above it.
        asked=message is not None and message.interaction_metadata is not None,
        instead_of=evidence_of_lead(before) if isinstance(before, Answer) else None,
        promised=_promised(before, other),
    )
    sent = await show(interaction, reply.embed, reply.view)
    await remember(bot, reply, place, sent.id, private=message is not None and message.flags.ephemeral)


async def _show_alone(
    interaction: discord.Interaction[LinerNotes], other: Evidence, place: Place, message: int
) -> None:
    """Show the other song's answer to one person; where the question is forgotten, the passage of it."""
    bot = interaction.client
    guild = bot.guild_of(place.guild)
    question = bot.sessions.question(place, message)
    edition = await bot.library.edition(guild)
    if question is not None:
        turn = await bot.library.ask(question, guild=guild, document=other.document)
        if isinstance(turn.reply, Answer) and turn.reply.certainty == "stated":
            await show(interaction, embeds.reply(edition, turn, named=True))
            return
    # What stands there is shown in any case.
    found = find_other(edition, other)
    if found is None:
        raise RefusalError(_GONE)
    passages = sum(each.document == found.passage.document for each in edition.passages)
    embed = citations.passage(edition, found.passage, passages, found.spans, evidence=True)
    await show(interaction, embed)
