"""The values that flow through the rooms: frozen, slotted, without behaviour that waits.

Offsets count Unicode code points of ``Document.text`` and are half-open: ``text[start:end]``.
"""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003  dataclasses resolve their fields at run time
from dataclasses import dataclass, field
from typing import Generic, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]
IndexT = TypeVar("IndexT")

NOTES = "notes-by-the-moderators.md"
"""The name of the document of a server's own notes: each a question as a heading, and its answer below it."""

BlockKind = Literal["heading", "paragraph", "quote", "item", "code", "row"]
Voice = Literal["", "asks", "replies"]


@dataclass(frozen=True, slots=True)
class Block:
    """A block of a document: ``document.text[start:end]`` without its marks.

    ``level`` is a heading's rank (1 to 6), or how deep a quote or a list item is nested (from 1), else 0.
    ``voice`` says of a paragraph in an interview what its look says: bold and asking, or of such a class.
    """

    kind: BlockKind
    start: int
    end: int
    level: int = 0
    voice: Voice = ""


@dataclass(frozen=True, slots=True)
class Document:
    """One text of the corpus as a person reads it: no front matter, no block marks, no inline markup.

    ``name`` is the path below the corpus folder with forward slashes. ``lines`` maps offsets to lines of the
    file: pairs ``(offset, line)`` in rising order; the text from ``offset`` to the next pair's stands in
    ``line`` (from 1). ``blocks`` are in the order of the text, never overlap and hold all of it but the
    blank lines between them.
    """

    name: str
    title: str | None
    source: str | None
    text: str
    lines: tuple[tuple[int, int], ...]
    blocks: tuple[Block, ...]
    artist: str | None = None
    date: str | None = None
    language: str = "en"

    @property
    def holds_notes(self) -> bool:
        """Say whether these are the moderators' notes, which are about no song in particular."""
        return self.name == NOTES

    def line_at(self, offset: int) -> int:
        """Return the line of the file (from 1) in which the character at ``offset`` stands."""
        line = 1
        for start, number in self.lines:
            if start > offset:
                break
            line = number
        return line


@dataclass(frozen=True, slots=True)
class Passage:
    """A stretch of a document that is embedded as one: ``text == document.text[start:end]``, always.

    ``document`` is the document's name, ``number`` counts from 1 within it, ``heading`` is the nearest
    heading above it, or ``None``.
    """

    document: str
    number: int
    start: int
    end: int
    text: str
    heading: str | None = None


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of a passage: ``text == document.text[start:end]``.

    ``passage`` is the passage's number. ``tied`` says that the sentence belongs to the one before it and is
    not shown without it: both stand in one quotation, or the one before introduces the quotation that starts
    here, or asks what a short reply replies to. ``asks`` says that an interviewer says it, who answers
    nothing.
    """

    document: str
    passage: int
    start: int
    end: int
    text: str
    tied: bool = False
    asks: bool = False


@dataclass(frozen=True, slots=True)
class Quote:
    """A quotation: ``text`` is its spans of ``document.text`` joined by one space, without quotation marks.

    ``speaker`` and ``source`` (the outlet: "GQ", "NPR") are ``None`` where the text does not give them.
    """

    spans: tuple[tuple[int, int], ...]
    text: str
    speaker: str | None
    source: str | None
    document: str


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage found for a question, with those of its sentences that speak to it, best first.

    ``score`` is the ranking's (higher is better, comparable within one question); ``signals`` holds the
    figures that led to it, by name.
    """

    passage: Passage
    sentences: tuple[Sentence, ...]
    score: float
    signals: Mapping[str, float] = field(default_factory=dict)


Reason = Literal["silent", "empty", "too-long", "greeting", "lyrics", "language", "self", "thanks", "goodbye"]
"""Why there is no answer; a greeting and the last three are said to the bot and ask nothing of the corpus."""

TALK: frozenset[Reason] = frozenset(("greeting", "self", "thanks", "goodbye"))
"""The reasons that are no refusal: something was said to the bot."""


Certainty = Literal["stated", "near"]
LeadKind = Literal["sentence", "quotation", "reply", "items"]
ContextKind = Literal["heading", "sentence", "question", "introduction"]


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of a document: ``text == document.text[start:end]``."""

    document: str
    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Context:
    """What stands before a lead and is needed to understand it; not part of the lead or of the answer's text.

    ``kind`` says whether it is the heading that the lead stands below, the sentence before it, the question
    to which it replies or the line that introduces the quotation. ``span`` is where it stands; ``None`` for a
    heading, whose ``text`` may be a path of several ("Reception > Reviews").
    """

    kind: ContextKind
    text: str
    span: Span | None = None


@dataclass(frozen=True, slots=True)
class Lead:
    """The one unit that answers, shown first: ``text == document.text[start:end]``, within one passage.

    ``sentences`` are those that it is made of. ``quoted`` is the part of it that somebody said, for a
    quotation, a reply or a sentence that holds nothing else but marks; ``introduction`` is the part before it
    that says who, or the question that it replies to. ``speaker`` and ``source`` (the outlet) are whose words
    ``quoted`` are, as far as the text says. ``context`` is what a stranger needs besides.
    """

    kind: LeadKind
    document: str
    start: int
    end: int
    text: str
    sentences: tuple[Sentence, ...]
    quoted: Span | None = None
    introduction: Span | None = None
    speaker: str | None = None
    source: str | None = None
    context: Context | None = None


@dataclass(frozen=True, slots=True)
class Alternative:
    """What another document says to a question that names none: an answer that can be asked for."""

    document: str
    lead: Lead
    certainty: Certainty
    confidence: float


@dataclass(frozen=True, slots=True)
class Answer:
    """What one document of the corpus says: ``text`` is the lead, then the other sentences.

    ``sentences`` are all of them, the lead's first. ``bold`` are the words that answer, within the lead,
    where that is sure; ``()`` where it is not. ``hits`` are the document's passages, best first.
    ``certainty`` says whether the lead states the answer, or may not answer and is only what comes nearest.
    ``confidence`` (0 to 1) is the calibrated probability that the text holds the answer. ``edition`` is the
    id of the edition that was asked. ``other`` is what another document says, where the question names none.
    """

    lead: Lead
    text: str
    sentences: tuple[Sentence, ...]
    bold: tuple[Span, ...]
    hits: tuple[Hit, ...]
    certainty: Certainty
    confidence: float
    edition: str
    other: Alternative | None = None

    @property
    def others(self) -> tuple[Sentence, ...]:
        """Return the sentences besides the lead's, in the order of the text."""
        return self.sentences[len(self.lead.sentences) :]


@dataclass(frozen=True, slots=True)
class Unanswered:
    """The corpus does not say, or the question was none: ``reason`` says which.

    ``nearest`` is what comes closest, which is no answer; ``is_near`` says whether it is near enough that a
    person may want to see it. ``document`` is the one that was asked, of several: named by the question,
    chosen, or that of the conversation.
    """

    reason: Reason
    nearest: Hit | None
    edition: str
    confidence: float = 0.0
    is_near: bool = False
    document: str | None = None


@dataclass(frozen=True, slots=True)
class Embedding:
    """What one forward pass gives for a text.

    ``vector`` has shape ``(dimension,)``; ``tokens`` has shape ``(n, dimension)``, one row for each token
    without padding and special tokens; all rows have unit length. ``offsets`` has shape ``(n, 2)``: the code
    points of the text that each token covers.
    """

    vector: Floats
    tokens: Floats
    offsets: Integers


@dataclass(frozen=True, slots=True, weakref_slot=True)
class PreparedSegment:
    """One document divided and embedded: what an edition is made of, kept under the digest of its text.

    ``arrays`` are numeric (float32, float16 or integers), with names like ``token_vectors``; what they hold
    is retrieval's business. Editions share them, so nobody changes them.
    """

    passages: tuple[Passage, ...]
    sentences: tuple[Sentence, ...]
    quotes: tuple[Quote, ...]
    arrays: Mapping[str, NDArray[np.generic]]


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Edition(Generic[IndexT]):
    """A list of documents, sorted by name, ready to be asked; never changed once it is made.

    ``segments`` are what it was made of: other editions with one of its documents share them.
    """

    id: str
    documents: tuple[Document, ...]
    passages: tuple[Passage, ...]
    sentences: tuple[Sentence, ...]
    quotes: tuple[Quote, ...]
    index: IndexT
    segments: tuple[PreparedSegment, ...] = field(default=(), repr=False, compare=False)

    @property
    def songs(self) -> tuple[Document, ...]:
        """Return the documents but the moderators' notes, which belong to whatever song is asked for."""
        return tuple(each for each in self.documents if not each.holds_notes)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A sentence that may answer, the ``position``-th of its edition.

    ``score`` is the ranking's; ``signals`` holds the figures that led to it, by name. ``fits`` has two
    figures for each of the question's ``AskedWord``s: how near the sentence comes to the word, and how near
    the sentence with the one before it. ``reading`` is what the reader made of it, where it has read it.
    ``alone`` is the score for the question without the one that it leans on, if it leans on one. ``named``
    are the signals for the question with its subject's name, where the ranking's are the mean of two.
    """

    sentence: Sentence
    position: int
    score: float
    signals: Mapping[str, float]
    fits: tuple[tuple[float, float], ...] = ()
    reading: Reading | None = None
    alone: float | None = None
    named: Mapping[str, float] | None = None


@dataclass(frozen=True, slots=True)
class AskedWord:
    """A content word of a question as the corpus knows it; any word, of a question that has no other.

    ``rarity`` is its inverse document frequency over the corpus, from 0 to 1, which is that of a word that is
    not in it. ``is_name`` says whether the question, or the corpus, writes it as a name.
    """

    stem: str
    rarity: float
    is_name: bool


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a search found: candidates, best first.

    ``rarities`` has a figure for each content word of the question: its inverse document frequency over the
    corpus, from 0 to 1, which is that of a word that is not in it. ``peaks`` holds each signal's highest
    value. ``searched`` is the number of sentences that the corpus has. ``words`` are the question's own,
    without those that it leans on; ``follows`` says whether it leans on any.
    """

    candidates: tuple[Candidate, ...]
    rarities: tuple[float, ...]
    peaks: Mapping[str, float]
    searched: int
    words: tuple[AskedWord, ...] = ()
    follows: bool = False


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A sentence as a reader reads it: with its heading and whole sentences around it, in the text's order.

    More of them than fit are left out, the farthest first. ``heading`` is one line; it may be empty.
    """

    heading: str
    before: tuple[str, ...]
    sentence: str
    after: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reading:
    """What a reader found in an excerpt: the words likeliest to answer, whether or not they do.

    ``start`` and ``end`` are offsets in the excerpt's sentence. The figures are natural logarithms:

    - ``margin``: the score of those words over that of "no words here";
    - ``answerable``: the log-odds that the sentence and its surroundings answer;
    - ``evidence``: how much likelier it is that this sentence answers than that none of a question's does;
    - ``behind``: how far those words are behind the best of the surroundings; 0 where they are the best;
    - ``sureness``: the probability of those words among all of the sentence, and none.
    """

    start: int
    end: int
    margin: float
    answerable: float
    evidence: float
    behind: float
    sureness: float


@dataclass(frozen=True, slots=True)
class Turn:
    """A question of a conversation, what it was taken to mean on its own, and what was replied.

    ``song`` is the document that was asked because a person chose it: the conversation stays with it.
    """

    question: str
    standalone: str
    reply: Answer | Unanswered
    song: str | None = None
