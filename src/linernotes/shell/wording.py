"""What a person at a terminal reads of a reply or a quotation: values in, lines of plain text out.

Discord has its own words for the same, in ``chat/asking/embeds.py``.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from linernotes.models import Answer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from linernotes.models import Edition, Hit, Quote, Reason, Turn, Unanswered
    from linernotes.retrieval.index import Index

SENTENCES: dict[Reason, str] = {
    "silent": "The article does not say.",
    "empty": "There is no question in that.",
    "too-long": "That question is too long for me; please put it in a few words.",
    "greeting": "Hello! Ask me something about the article.",
    "lyrics": "I do not give out lyrics, but I can tell what the article says about the song.",
    "language": "I can only answer in the language of the article; please ask in that.",
}


def printable(text: str) -> str:
    """Return ``text`` on one line without control characters, which could command a terminal."""
    return " ".join("".join(" " if unicodedata.category(char) == "Cc" else char for char in text).split())


def place_of(edition: Edition[Index], hit: Hit) -> str:
    """Say where a passage stands: title or name of the document, and the passage's number."""
    name = hit.passage.document
    titles = {document.name: document.title for document in edition.documents}
    return f"{titles.get(name) or name}, passage {hit.passage.number}"


def places_of(edition: Edition[Index], answer: Answer) -> str:
    """Say where an answer's sentences stand, in the order of the text."""
    hits = {(hit.passage.document, hit.passage.number): hit for hit in answer.hits}
    used = dict.fromkeys((sentence.document, sentence.passage) for sentence in answer.sentences)
    return "; ".join(place_of(edition, hits[key]) for key in used if key in hits)


def quotes_in(edition: Edition[Index], answer: Answer) -> tuple[Quote, ...]:
    """Return the quotations that an answer shows, wholly or in part."""
    return tuple(
        quote
        for quote in edition.quotes
        if any(
            sentence.document == quote.document and start < sentence.end and sentence.start < end
            for sentence in answer.sentences
            for start, end in quote.spans
        )
    )


def attribution(quote: Quote) -> str:
    """Say who said it and to whom, as far as the text says; may be empty."""
    if quote.speaker is None:
        return quote.source or ""
    return quote.speaker if quote.source is None else f"{quote.speaker}, {quote.source}"


def sentence_for(edition: Edition[Index], reply: Unanswered) -> str:
    """Say why there is no answer."""
    sentence = SENTENCES[reply.reason]
    if len(edition.documents) > 1:
        sentence = sentence.replace("The article does", "The articles do").replace(
            "the article", "the articles"
        )
        sentence = sentence.replace("the articles says", "the articles say")
    return sentence


def lines_of(edition: Edition[Index], turn: Turn) -> Iterator[str]:
    """Yield what a person reads of a reply: the answer, its quotations' speakers, and its place."""
    reply = turn.reply
    if isinstance(reply, Answer):
        yield printable(reply.text)
        yield from (f"  — {name}" for name in _speakers(edition, reply))
        yield f"  {printable(places_of(edition, reply))}"
        return
    yield sentence_for(edition, reply)
    if reply.nearest is not None:
        yield f"  Related, but no answer: {printable(place_of(edition, reply.nearest))}"


def line_of(edition: Edition[Index], turn: Turn) -> str:
    """Return a reply and its place on one line, for a pipe."""
    first, *rest = lines_of(edition, turn)
    return " ".join([first, f"[{' '.join(each.strip() for each in rest)}]"]) if rest else first


def reasons_of(edition: Edition[Index], turn: Turn) -> Iterator[str]:
    """Yield what led to a reply: the question as it was understood, and the passages with their signals."""
    reply = turn.reply
    yield f"Understood as: {printable(turn.standalone)}"
    yield f"Confidence: {reply.confidence:.2f}"
    hits = reply.hits if isinstance(reply, Answer) else [reply.nearest] if reply.nearest else []
    for hit in hits:
        signals = ", ".join(f"{name} {value:.2f}" for name, value in hit.signals.items())
        yield f"{printable(place_of(edition, hit))}: score {hit.score:.2f} ({signals})"


def _speakers(edition: Edition[Index], answer: Answer) -> Iterable[str]:
    names = (attribution(quote) for quote in quotes_in(edition, answer) if quote.speaker is not None)
    return dict.fromkeys(map(printable, names))
