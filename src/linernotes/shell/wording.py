"""What a person at a terminal reads of a reply or a quotation: values in, lines of plain text out.

Discord has its own words for the same, in ``chat/asking/embeds.py``.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from linernotes.answering.answer import join
from linernotes.answering.layout import lay_out, name_passages
from linernotes.models import Answer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from linernotes.answering.layout import Line as LeadLine
    from linernotes.models import Document, Edition, Hit, Lead, Quote, Reason, Span, Turn, Unanswered
    from linernotes.retrieval.index import Index

NEAR = "This may not answer it; the nearest I find:"

# How far in stands what is not the lead itself.
_IN = 2

SENTENCES: dict[Reason, str] = {
    "silent": "The article does not say.",
    "empty": "There is no question in that.",
    "too-long": "That question is too long for me; please put it in a few words.",
    "greeting": "Hello! Ask me something about the article.",
    "lyrics": "I do not give out lyrics, but I can tell what the article says about the song.",
    "language": "I can only answer in the language of the article; please ask in that.",
    "self": "I am Liner Notes, a bot. I answer questions with sentences of the article, word for word, and"
    " say so where there is no answer.",
    "thanks": "You are welcome!",
    "goodbye": "Goodbye, until the next song!",
}


def printable(text: str) -> str:
    """Return ``text`` on one line without control characters, which could command a terminal."""
    return " ".join(harmless(text).split())


def harmless(text: str) -> str:
    """Return ``text`` with a space for each control character: all others stand where they stood."""
    return "".join(" " if unicodedata.category(char) == "Cc" else char for char in text)


def place_of(edition: Edition[Index], hit: Hit) -> str:
    """Say where a passage stands: title or name of the document, and the passage's number."""
    return f"{title_of(edition, hit.passage.document)}, passage {hit.passage.number}"


def places_of(edition: Edition[Index], answer: Answer) -> str:
    """Say where what is shown of an answer stands."""
    sentences = answer.sentences if answer.certainty == "stated" else answer.lead.sentences
    numbers = name_passages(each.passage for each in sentences)
    return f"{title_of(edition, answer.lead.document)}, {numbers}"


def title_of(edition: Edition[Index], name: str) -> str:
    """Return a document's title, or its name where it has none."""
    titles = {document.name: document.title for document in edition.documents}
    return titles.get(name) or name


def name_of(document: Document) -> str:
    """Name a document and its artist."""
    title = document.title or document.name
    return f"{title} by {document.artist}" if document.artist else title


def attribution(quote: Quote) -> str:
    """Say who said it and to whom, as far as the text says; may be empty."""
    if quote.speaker is None:
        return quote.source or ""
    return quote.speaker if quote.source is None else f"{quote.speaker}, {quote.source}"


def sentence_for(edition: Edition[Index], reply: Unanswered) -> str:
    """Say why there is no answer."""
    sentence = SENTENCES[reply.reason]
    if reply.document is not None and reply.reason == "silent":
        return f"The article “{printable(title_of(edition, reply.document))}” does not say."
    if len(edition.songs) > 1:
        sentence = sentence.replace("The article does", "The articles do").replace(
            "the article", "the articles"
        )
        sentence = sentence.replace("the articles says", "the articles say")
    return sentence


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a reply: how far in it begins, the words in it that answer, and how it is shown.

    ``lead`` is what a person is to read first, ``title`` the song's name above it, ``aside`` what is said
    around it, ``place`` where it stands. ``bold`` are offsets in ``text``.
    """

    text: str
    kind: Literal["title", "lead", "aside", "place"] = "aside"
    indent: int = 0
    bold: tuple[tuple[int, int], ...] = ()


def lines_of(edition: Edition[Index], turn: Turn, *, choose: str = "") -> Iterator[Line]:
    """Yield what a person reads of a reply: the lead first, then what goes with it, in small where it stands.

    Args:
        edition: the edition that was asked.
        turn: the question and what was replied.
        choose: how to ask another song that answers too; said where there is one.
    """
    reply = turn.reply
    if not isinstance(reply, Answer):
        yield Line(sentence_for(edition, reply), "lead")
        if reply.nearest is not None and reply.is_near:
            yield Line(f"Nearest passage: {printable(place_of(edition, reply.nearest))}", "place", _IN)
        return
    stated = reply.certainty == "stated"
    if reply.other is not None:
        yield Line(printable(title_of(edition, reply.lead.document)), "title")
    if not stated:
        yield Line(NEAR, "lead")
    yield from _lead_lines(reply.lead, reply.bold if stated else (), stated=stated)
    if stated and reply.others:
        yield Line(f"Also: {printable(join(reply.others))}", "aside", _IN)
    yield Line(printable(places_of(edition, reply)), "place", _IN)
    if reply.other is not None:
        offered = printable(title_of(edition, reply.other.document))
        yield Line(f"“{offered}” answers it too{choose}", "place", _IN)


def _lead_lines(lead: Lead, bold: Sequence[Span], *, stated: bool) -> Iterator[Line]:
    lines = lay_out(lead)
    quotes = [line for line in lines if line.kind == "quote"]
    indent = 0 if stated else _IN
    told = Line("", "lead" if stated else "aside", indent)
    further_in = replace(told, indent=indent + _IN)
    for line in lines:
        match line.kind:
            case "context":
                yield Line(printable(line.text), "aside", indent)
            case "speaker":
                yield Line(f"— {printable(line.text)}", "aside", indent + (_IN if quotes else 0))
            case "quote":
                opens, closes = "“" * (line is quotes[0]), "”" * (line is quotes[-1])
                yield _line(line, bold, further_in, opens, closes)
            case "item":
                yield _line(line, bold, further_in, "• ")
            case _:
                yield _line(line, bold, told)


def _line(line: LeadLine, bold: Sequence[Span], shown: Line, before: str = "", after: str = "") -> Line:
    """Return a line of a lead shown as ``shown`` is, between marks of ours."""
    start = line.start or 0
    end = start + len(line.text)
    spans = tuple(
        (max(span.start, start) - start + len(before), min(span.end, end) - start + len(before))
        for span in bold
        if span.start < end and start < span.end
    )
    return replace(shown, text=f"{before}{harmless(line.text)}{after}", bold=spans)


def line_of(edition: Edition[Index], turn: Turn) -> str:
    """Return a reply on one line, for a pipe: what it says, and in brackets where it stands."""
    lines = [line for line in lines_of(edition, turn) if line.kind != "title"]
    said = " ".join(line.text for line in lines if line.kind != "place")
    places = "; ".join(line.text for line in lines if line.kind == "place")
    return f"{said} [{places}]" if places else said


def text_of(line: Line) -> str:
    """Return a line as plain text."""
    return " " * line.indent + line.text


def reasons_of(edition: Edition[Index], turn: Turn) -> Iterator[str]:
    """Yield what led to a reply: the question as it was understood, and the passages with their signals."""
    reply = turn.reply
    yield f"Understood as: {printable(turn.standalone)}"
    yield f"Confidence: {reply.confidence:.2f}"
    hits = reply.hits if isinstance(reply, Answer) else [reply.nearest] if reply.nearest else []
    for hit in hits:
        signals = ", ".join(f"{name} {value:.2f}" for name, value in hit.signals.items())
        yield f"{printable(place_of(edition, hit))}: score {hit.score:.2f} ({signals})"
