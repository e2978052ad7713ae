"""From a question to a reply with buttons, and what is kept of it; the same for messages and commands."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import discord

from linernotes.answering.alternative import keep_promise
from linernotes.chat.asking import embeds
from linernotes.chat.asking.answer_buttons import buttons_of
from linernotes.chat.asking.evidence import evidence_of, evidence_of_other
from linernotes.chat.frame import logs
from linernotes.chat.frame.buttons import row
from linernotes.chat.frame.promptly import promptly
from linernotes.errors import RefusalError, StoreError
from linernotes.library.store import Posted
from linernotes.models import Answer, Turn

if TYPE_CHECKING:
    from linernotes.chat.frame.bot import LinerNotes
    from linernotes.chat.frame.buttons import Button
    from linernotes.chat.frame.sessions import Place
    from linernotes.library.store import Evidence
    from linernotes.models import Alternative, Edition
    from linernotes.retrieval.index import Index

_log = logs.get(__name__)


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply that is ready to be shown, and what its buttons will need."""

    turns: tuple[Turn, ...]
    embed: discord.Embed
    posted: Posted | None
    buttons: tuple[Button, ...] = ()

    @property
    def view(self) -> discord.ui.View | None:
        """The buttons."""
        return row(*self.buttons) if self.buttons else None


async def answer(
    bot: LinerNotes,
    question: str,
    place: Place,
    key: int,
    turns: tuple[Turn, ...] = (),
    *,
    document: str | None = None,
    asked: bool = False,
    instead_of: Evidence | None = None,
    promised: Alternative | None = None,
) -> Reply:
    """Ask the library.

    Args:
        bot: the bot.
        question: what is asked.
        place: who asks where.
        key: the id of the question's message or interaction.
        turns: the conversation before it.
        document: the one document to answer from.
        asked: whether the reply shows the question.
        instead_of: what another document says, in place of which this one answers: it is offered again.
        promised: what ``document`` was said to answer: it is shown where the document alone answers less.
    """
    started = time.perf_counter()
    await bot.acknowledgements.let_pass()
    guild = bot.guild_of(place.guild)
    edition = await bot.library.edition(guild)
    turns = await _brought_up(bot, turns, edition, guild)
    turn = await bot.library.ask(question, turns=turns, guild=guild, document=document)
    if turn.reply.edition != edition.id:
        edition = await bot.library.edition(guild)
    elif promised is not None:
        turn = keep_promise(turn, promised, edition.passages)
    answered = isinstance(turn.reply, Answer)
    examples = () if answered else await bot.examples.of(guild)
    found = evidence_of(turn)
    offered = instead_of
    if offered is None and isinstance(turn.reply, Answer) and turn.reply.other is not None:
        offered = evidence_of_other(turn.reply.other)
    embed = embeds.reply(
        edition,
        turn,
        examples=examples,
        asked=question if asked else None,
        named=offered is not None,
    )
    posted = None
    if found:
        posted = Posted(
            key,
            place.guild,
            place.channel,
            place.person,
            turn.reply.edition,
            turn.reply.confidence,
            found,
            certainty=turn.reply.certainty if isinstance(turn.reply, Answer) else None,
            other=offered,
        )
    _log.info(
        "asked",
        key=key,
        guild=place.guild,
        channel=place.channel,
        answered=answered,
        certainty=None if posted is None else posted.certainty,
        reason=None if isinstance(turn.reply, Answer) else turn.reply.reason,
        edition=turn.reply.edition[:12],
        milliseconds=round((time.perf_counter() - started) * 1_000),
    )
    for each in bot.hooks.replied:
        each(turn.reply, time.perf_counter() - started)
    posted = await _recorded(bot, posted)
    buttons = () if posted is None else buttons_of(posted, turn.reply, edition)
    return Reply((*turns, turn), embed, posted, buttons)


async def _brought_up(
    bot: LinerNotes, turns: tuple[Turn, ...], edition: Edition[Index], guild: int | None
) -> tuple[Turn, ...]:
    """Return the turns of a conversation, those from another edition answered again from this one."""
    stale = [turn for turn in turns if turn.reply.edition != edition.id]
    if not stale:
        return turns
    asked = turns[: turns.index(stale[-1]) + 1]
    again = await bot.library.recall([turn.question for turn in asked], guild=guild)
    # The conversation stays with the song that was chosen.
    kept = [replace(new, song=turn.song) for new, turn in zip(again, asked, strict=True)]
    return (*kept, *turns[len(asked) :])


async def add_buttons(bot: LinerNotes, reply: Reply, place: Place, content: str) -> Reply:
    """Let other features put buttons under a reply that answers nothing, or only may.

    Args:
        bot: the bot.
        reply: what was replied.
        place: where it was asked.
        content: the question as it was sent.
    """
    said = reply.turns[-1].reply
    if isinstance(said, Answer) and said.certainty == "stated":
        return reply
    # Where what belongs to the reply could not be kept, the database would only be waited for once more.
    if reply.posted is None and (isinstance(said, Answer) or said.is_near):
        return reply
    added = [await each(place, said, content) for each in bot.hooks.unanswered]
    return replace(reply, buttons=(*reply.buttons, *(each for each in added if each is not None)))


async def _recorded(bot: LinerNotes, posted: Posted | None) -> Posted | None:
    """Keep what the buttons need; an answer without buttons is better than none."""
    if posted is None:
        return None
    try:
        await promptly(bot.store.record(posted))
    except StoreError as error:
        _log.error("answer not recorded", key=posted.key, reason=str(error))
        return None
    return posted


async def remember(
    bot: LinerNotes, reply: Reply, place: Place, message: int, *, private: bool = False
) -> None:
    """Remember the message in which a reply was sent; ``private`` if only who asked can see it."""
    bot.sessions.remember(place, message, reply.turns, private=private)
    if reply.posted is not None:
        try:
            await promptly(bot.store.sent(reply.posted.key, message))
        except StoreError as error:
            _log.error("answer not recorded", key=reply.posted.key, reason=str(error))


async def remove_answer(bot: LinerNotes, posted: Posted) -> None:
    """Delete an answer's message, and forget it."""
    if posted.message is not None:
        channel = bot.get_partial_messageable(posted.channel, guild_id=posted.guild)
        try:
            await channel.get_partial_message(posted.message).delete()
        except discord.NotFound:
            pass
        except discord.Forbidden as error:
            raise RefusalError("I may not remove that here.") from error
        bot.sessions.drop(posted.message)
    try:
        await promptly(bot.store.drop(posted.key))
    except StoreError as error:
        # What its buttons needed goes after 30 days in any case.
        _log.warning("answer not forgotten", key=posted.key, reason=str(error))
    _log.info("answer removed", key=posted.key, guild=posted.guild)
