"""From a question to a reply with buttons, and what is kept of it; the same for messages and commands."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import discord

from linernotes.chat.asking import embeds
from linernotes.chat.asking.answer_buttons import buttons_of
from linernotes.chat.frame import logs
from linernotes.chat.frame.buttons import Press, row
from linernotes.chat.frame.promptly import promptly
from linernotes.errors import RefusalError, StoreError
from linernotes.library.store import Evidence, Posted
from linernotes.models import Answer, Turn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from linernotes.chat.frame.bot import LinerNotes
    from linernotes.chat.frame.sessions import Place
    from linernotes.models import Hit

_log = logs.get(__name__)

_HITS: Final = 5


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply that is ready to be shown, and what its buttons will need."""

    turns: tuple[Turn, ...]
    embed: discord.Embed
    posted: Posted | None
    added: tuple[Press, ...] = ()
    """Buttons of other features."""

    @property
    def view(self) -> discord.ui.View | None:
        """The buttons."""
        buttons = (*(() if self.posted is None else buttons_of(self.posted)), *self.added)
        return row(*buttons) if buttons else None


async def answer(
    bot: LinerNotes,
    question: str,
    place: Place,
    key: int,
    turns: tuple[Turn, ...] = (),
    *,
    document: str | None = None,
    asked: bool = False,
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
    """
    started = time.perf_counter()
    guild = bot.guild_of(place.guild)
    edition = await bot.library.edition(guild)
    # What was answered from another edition is answered again from this one.
    fresh = tuple(turn for turn in turns if turn.reply.edition == edition.id)
    stale = [turn.question for turn in turns[: len(turns) - len(fresh)]]
    turn = await bot.library.ask(question, history=stale, turns=fresh, guild=guild, document=document)
    if turn.reply.edition != edition.id:
        edition = await bot.library.edition(guild)
    answered = isinstance(turn.reply, Answer)
    examples = () if answered else await bot.examples.of(guild)
    embed = embeds.reply(edition, turn, examples=examples, asked=question if asked else None)
    evidence = _evidence(turn)
    posted = None
    if evidence:
        posted = Posted(
            key,
            place.guild,
            place.channel,
            place.person,
            turn.reply.edition,
            turn.reply.confidence,
            evidence,
        )
    _log.info(
        "asked",
        key=key,
        guild=place.guild,
        channel=place.channel,
        answered=answered,
        reason=None if isinstance(turn.reply, Answer) else turn.reply.reason,
        edition=turn.reply.edition[:12],
        milliseconds=round((time.perf_counter() - started) * 1_000),
    )
    return Reply((*turns, turn), embed, await _recorded(bot, posted))


async def add_buttons(bot: LinerNotes, reply: Reply, place: Place, content: str) -> Reply:
    """Let other features put buttons under a reply that answers nothing.

    Args:
        bot: the bot.
        reply: what was replied.
        place: where it was asked.
        content: the question as it was sent.
    """
    said = reply.turns[-1].reply
    # Where what belongs to the reply could not be kept, the database would only be waited for once more.
    if isinstance(said, Answer) or (reply.posted is None and said.nearest is not None):
        return reply
    added = [await each(place, said, content) for each in bot.hooks.unanswered]
    return replace(reply, added=tuple(each for each in added if each is not None))


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


def _evidence(turn: Turn) -> tuple[Evidence, ...]:
    """Return what is kept of the passages behind a reply, those first from which the answer comes."""
    if not isinstance(turn.reply, Answer):
        return () if turn.reply.nearest is None else (_kept(turn.reply.nearest, ()),)
    spans: dict[tuple[str, int], list[tuple[int, int]]] = {}
    for sentence in turn.reply.sentences:
        spans.setdefault((sentence.document, sentence.passage), []).append((sentence.start, sentence.end))
    hits = sorted(turn.reply.hits, key=lambda hit: (hit.passage.document, hit.passage.number) not in spans)
    return tuple(
        _kept(hit, spans.get((hit.passage.document, hit.passage.number), ())) for hit in hits[:_HITS]
    )


def _kept(hit: Hit, spans: Sequence[tuple[int, int]]) -> Evidence:
    signals = {name: round(float(value), 4) for name, value in hit.signals.items()}
    return Evidence(
        hit.passage.document, hit.passage.number, round(float(hit.score), 4), signals, tuple(spans)
    )


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
