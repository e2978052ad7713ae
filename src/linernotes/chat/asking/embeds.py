"""What is said to a question: the lead and where it stands, or in one line that there is none; and why.

The terminal has its own words for the same, in ``shell/wording.py``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import discord

from linernotes.answering.answer import join
from linernotes.answering.layout import name_passages
from linernotes.chat.asking import leads
from linernotes.chat.frame.citations import link_of, plain_title, source_line, title
from linernotes.chat.frame.embeds import COLOUR, FIELD, FOOTER, GREY, TITLE, bullets
from linernotes.chat.frame.markup import clean, fit, trim
from linernotes.models import TALK, Answer
from linernotes.words import counted, find_words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from linernotes.library.store import Evidence, Posted
    from linernotes.models import Edition, Reason, Turn, Unanswered
    from linernotes.retrieval.index import Index

# Much less than an embed holds, so that title, field and footer always have room.
_LEAD: Final = 2_400

NEAR: Final = "This may not answer it; the nearest I find:"

_SENTENCES: Final[Mapping[Reason, str]] = {
    "silent": "The article does not say.",
    "empty": "I see no question in that. Ask me something about the song, in a sentence.",
    "too-long": "That question is too long for me. Please put it in a few words.",
    "greeting": "Hello! Ask me something about the song.",
    "lyrics": "I do not give out lyrics, but I can tell you what the article says about the song.",
    "language": "I can only answer in the language of the article. Please ask in that.",
    "self": (
        "I am Liner Notes, a bot. I answer questions with sentences of the article, word for word, and say so"
        " where there is no answer. `/help` tells more."
    ),
    "thanks": "You are welcome!",
    "goodbye": "Goodbye, until the next song!",
}


def reply(
    edition: Edition[Index],
    turn: Turn,
    *,
    examples: Sequence[str] = (),
    asked: str | None = None,
    named: bool = False,
) -> discord.Embed:
    """Show what the corpus says to a question, or that it does not say.

    Args:
        edition: the edition that was asked.
        turn: the question and what was replied.
        examples: questions that can be asked; one of them is suggested where there is no answer.
        asked: the question as it is to be shown; ``None`` where it stands above the reply anyway.
        named: whether the song's name stands above the answer, as it does where another answers too.
    """
    embed = (
        _answer(edition, turn.reply, named=named)
        if isinstance(turn.reply, Answer)
        else _unanswered(edition, turn, turn.reply, examples)
    )
    if asked is not None and (shown := trim(asked, TITLE - 2)):
        embed.set_author(name=f"“{shown}”")
    return embed


def _answer(edition: Edition[Index], answer: Answer, *, named: bool) -> discord.Embed:
    lead = answer.lead
    stated = answer.certainty == "stated"
    text = leads.shown(lead, answer.bold if stated else (), _LEAD) or "…"
    embed = discord.Embed(
        description=text if stated else f"{NEAR}\n\n{text}", colour=COLOUR if stated else GREY
    )
    if named:
        embed.title = fit(clean(plain_title(edition, lead.document)), TITLE) or "…"
        embed.url = link_of(edition, lead.document)
    # What comes nearest is shown by itself: more of it would not answer either.
    if stated and (others := fit(clean(join(answer.others)), FIELD)):
        embed.add_field(name="Also in the article", value=others, inline=False)
    numbers = {each.passage for each in (answer.sentences if stated else lead.sentences)}
    place = f"{source_line(edition, lead.document)} · {name_passages(numbers)}"
    return embed.set_footer(text=trim(place, FOOTER))


def _unanswered(
    edition: Edition[Index], turn: Turn, reply: Unanswered, examples: Sequence[str]
) -> discord.Embed:
    asked = reply.document or turn.song
    embed = discord.Embed(description=sentence_for(edition, reply.reason, asked), colour=GREY)
    if reply.reason in TALK and examples:
        # What is said to the bot is answered with questions that it can answer.
        return embed.add_field(name="You could ask", value=bullets(examples), inline=False)
    # Who has chosen a song does not ask about another.
    if turn.song is not None and len(edition.songs) > 1:
        return embed
    if (suggested := suggestion(turn.question, examples)) is not None:
        embed.set_footer(text=f"You could ask: {trim(suggested, 200)}")
    return embed


def suggestion(question: str, examples: Sequence[str]) -> str | None:
    """Return the one of these questions that has most words in common with what was asked."""
    asked = {word.stem for word in find_words(question) if not word.is_stop}

    def shared(example: str) -> int:
        return len(asked & {word.stem for word in find_words(example) if not word.is_stop})

    return max((each for each in examples if clean(each)), key=shared, default=None)


def sentence_for(edition: Edition[Index], reason: Reason, song: str | None = None) -> str:
    """Say why there is no answer; ``song`` is the document that was asked, if it was one of several."""
    sentence = _SENTENCES[reason]
    if len(edition.songs) <= 1:
        return sentence
    if song is not None and reason == "silent":
        name = fit(clean(plain_title(edition, song)), 150)
        return f"The article “{name}” does not say."
    sentence = sentence.replace("The article does", "The articles do").replace("article says", "article say")
    return re.sub(r"\bthe (article|song)\b", r"the \1s", sentence)


# --- Why --------------------------------------------------------------------------------------------------

# Which figures say what in a member's words. Those that are not named are for moderators alone.
_REASONS: Final = {
    "has most words of the question in it": ("bm25", "bm25_passage"),
    "comes nearest to what the question means": (
        "sentence_vector",
        "passage_vector",
        "late",
        "late_before",
        "late_passage",
    ),
    "follows nearly the same question in the article": ("after_question",),
    "stands near my answer before": ("nearby",),
}
_MOST_PASSAGES: Final = 5
_MOST_OTHERS: Final = 3
_MOST_FIGURES: Final = 12
_SURE: Final = 0.8


def why(edition: Edition[Index], posted: Posted, *, figures: bool = False) -> discord.Embed:
    """Say in words what led to an answer.

    Args:
        edition: the edition that is asked now.
        posted: what is kept of the answer.
        figures: whether the figures are shown as well; they mean something to moderators alone.
    """
    best, *others = posted.evidence or (None,)
    if best is None:
        return discord.Embed(title="Why this answer", description="Nothing came near that question.")
    sentences = sum(each.document == best.document for each in edition.sentences)
    compared = f"I compared the question with {_all(sentences)} of {title(edition, best.document, by=False)}."
    first = f"Passage {best.passage} came first: it {_reasons(best, others)}."
    lines = [f"{compared} {first}", _sureness(posted)]
    places = list(dict.fromkeys(each.passage for each in others if each.document == best.document))
    if places := places[:_MOST_OTHERS]:
        verb = "fits" if len(places) == 1 else "fit"
        lines.append(f"Next came {name_passages(places)}, which {verb} it less.")
    embed = discord.Embed(title="Why this answer", description="\n".join(lines), colour=COLOUR)
    if figures:
        for each in posted.evidence[:_MOST_PASSAGES]:
            name = f"{trim(plain_title(edition, each.document), 200)}, passage {each.passage}"
            embed.add_field(name=fit(name, TITLE), value=fit(_figures(each), FIELD), inline=False)
        embed.set_footer(text=f"Confidence {posted.confidence:.2f}. Only moderators see the figures.")
    return embed


def _all(sentences: int) -> str:
    return "the one sentence" if sentences == 1 else f"all {counted(sentences, 'sentence')}"


def _reasons(best: Evidence, others: Sequence[Evidence]) -> str:
    """Say in what the best passage is ahead of the others."""

    def leads(names: Sequence[str]) -> bool:
        known = [name for name in names if name in best.signals]
        return any(
            best.signals[name] > 0
            and all(best.signals[name] >= each.signals.get(name, 0.0) for each in others)
            for name in known
        )

    found = [said for said, names in _REASONS.items() if leads(names)]
    if not found:
        return "fits the question best, all in all"
    return f"{found[0]} and {found[1]}" if len(found) > 1 else found[0]


def _sureness(posted: Posted) -> str:
    if posted.certainty == "near":
        return "I am not sure that it answers the question, which is why I said so."
    if posted.confidence >= _SURE:
        return "I am quite sure that it answers the question."
    return "I think that it answers the question, but I can be wrong: *Passage* shows what stands around it."


def _figures(evidence: Evidence) -> str:
    figures = " · ".join(
        f"{trim(name.replace('_', ' '), 40)} {value:.2f}"
        for name, value in list(evidence.signals.items())[:_MOST_FIGURES]
    )
    return f"score {evidence.score:.2f}" + (f" · {figures}" if figures else "")
