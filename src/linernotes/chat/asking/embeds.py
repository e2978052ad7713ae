"""What is said to a question: the answer, or why there is none; and why an answer was given.

The terminal has its own words for the same, in ``shell/wording.py``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import discord

from linernotes.chat.asking.emphasis import emphasis
from linernotes.chat.frame.citations import attribution, plain_title, title
from linernotes.chat.frame.embeds import COLOUR, DESCRIPTION, FIELD, GREY, TITLE, bullets
from linernotes.chat.frame.markup import clean, emphasise, fit, trim, width
from linernotes.models import Answer, Unanswered

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from linernotes.library.store import Posted
    from linernotes.models import Edition, Hit, Reason, Sentence, Turn
    from linernotes.retrieval.index import Index

# Much less than an embed holds, so that source line and fields always have room.
_ANSWER: Final = 2_400
_EMPHASISED: Final = 4_000

_SENTENCES: Final[Mapping[Reason, str]] = {
    "silent": "The article does not say.",
    "empty": "I see no question in that. Ask me something about the song, in a sentence.",
    "too-long": "That question is too long for me. Please put it in a few words.",
    "greeting": "Hello! Ask me something about the song.",
    "lyrics": "I do not give out lyrics, but I can tell you what the article says about the song.",
    "language": "I can only answer in the language of the article. Please ask in that.",
}


def reply(
    edition: Edition[Index], turn: Turn, *, examples: Sequence[str] = (), asked: str | None = None
) -> discord.Embed:
    """Show what the corpus says to a question, or that it does not say.

    Args:
        edition: the edition that was asked.
        turn: the question and what was replied.
        examples: questions that can be asked, for when there is no answer.
        asked: the question as it is to be shown; ``None`` where it stands above the reply anyway.
    """
    embed = (
        _answer(edition, turn, turn.reply)
        if isinstance(turn.reply, Answer)
        else _unanswered(edition, turn.reply, examples)
    )
    if asked is not None and (shown := trim(asked, TITLE - 2)):
        embed.set_author(name=f"“{shown}”")
    return embed


def _answer(edition: Edition[Index], turn: Turn, answer: Answer) -> discord.Embed:
    best = _best(answer)
    texts = [clean(sentence.text) for sentence in answer.sentences]
    marked = emphasis(turn.standalone, [text[:_EMPHASISED] for text in texts], best)
    below = "".join(f"\n— {line}" for line in _attributions(edition, answer))
    below += f"\n-# {_places(edition, answer)}"
    most = min(_ANSWER, DESCRIPTION - width(below))
    shown = ""
    before: Sentence | None = None
    for sentence, text, spans in zip(answer.sentences, texts, marked, strict=True):
        room = most - width(shown) - 2
        if room < _ANSWER // 20:
            break
        apart = before is not None and (before.document, before.passage) != (
            sentence.document,
            sentence.passage,
        )
        shown += ("\n" if apart else " ") if before is not None else ""
        shown += emphasise(text, spans, room)
        before = sentence
    return discord.Embed(description=f"{shown}{below}", colour=COLOUR)


def _best(answer: Answer) -> int:
    """Return which of the answer's sentences the ranking puts first."""
    order = [sentence for hit in answer.hits for sentence in hit.sentences]
    ranks = {(each.document, each.start): rank for rank, each in reversed(list(enumerate(order)))}
    scored = [ranks.get((each.document, each.start), len(order)) for each in answer.sentences]
    return scored.index(min(scored)) if scored else 0


def _attributions(edition: Edition[Index], answer: Answer) -> Iterable[str]:
    """Yield who said what is quoted, where the answer itself does not name them."""
    named = set()
    for quote in edition.quotes:
        shown = any(
            sentence.document == quote.document and start < sentence.end and sentence.start < end
            for sentence in answer.sentences
            for start, end in quote.spans
        )
        names = (quote.speaker or "").split()
        if shown and names and names[-1] not in answer.text:
            named.add(attribution(quote))
    return sorted(named)[:3]


def _places(edition: Edition[Index], answer: Answer) -> str:
    """Say where the answer's sentences stand, document by document."""
    numbers: dict[str, list[int]] = {}
    for sentence in answer.sentences:
        found = numbers.setdefault(sentence.document, [])
        if sentence.passage not in found:
            found.append(sentence.passage)
    return "; ".join(
        f"{title(edition, document)} · {_passages(passages)}"
        for document, passages in list(numbers.items())[:3]
    )


def _passages(numbers: Sequence[int]) -> str:
    return f"passage{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers[:10]))}"


def _unanswered(edition: Edition[Index], reply: Unanswered, examples: Sequence[str]) -> discord.Embed:
    embed = discord.Embed(description=sentence_for(edition, reply.reason), colour=GREY)
    if reply.reason == "silent" and reply.nearest is not None:
        place = f"\n-# {_place(edition, reply.nearest)}"
        text = fit(clean(reply.nearest.passage.text), FIELD - width(place))
        embed.add_field(name="Related, but not an answer", value=f"{text}{place}", inline=False)
    if examples:
        embed.add_field(name="You could ask", value=bullets(examples), inline=False)
    return embed


def _place(edition: Edition[Index], hit: Hit) -> str:
    # Half of a field at most, whatever the source: the passage must have room beside it.
    long = width(title(edition, hit.passage.document)) > FIELD // 2
    return f"{title(edition, hit.passage.document, link=not long)} · passage {hit.passage.number}"


def sentence_for(edition: Edition[Index], reason: Reason) -> str:
    """Say why there is no answer."""
    sentence = _SENTENCES[reason]
    if len(edition.documents) == 1:
        return sentence
    sentence = sentence.replace("The article does", "The articles do").replace("article says", "article say")
    return re.sub(r"\bthe (article|song)\b", r"the \1s", sentence)


def why(edition: Edition[Index], posted: Posted) -> discord.Embed:
    """Show which passages and figures led to an answer."""
    embed = discord.Embed(
        title="Why this answer",
        description=(
            f"I am {posted.confidence:.0%} sure that this answers the question. These passages came first;"
            " the higher its score, the more a passage has to do with the question."
            if posted.evidence
            else "No passage speaks to that question."
        ),
        colour=COLOUR,
    )
    for each in posted.evidence[:5]:
        signals = " · ".join(
            f"{trim(name, 40)} {value:.2f}" for name, value in list(each.signals.items())[:12]
        )
        embed.add_field(
            name=f"{fit(clean(plain_title(edition, each.document)), 200)}, passage {each.passage}",
            value=fit(f"score {each.score:.2f}" + (f" ({signals})" if signals else ""), FIELD),
            inline=False,
        )
    return embed
