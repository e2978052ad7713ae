"""The engine: a question and an edition -> a reply. Synchronous; safe to call from threads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from linernotes.answering.answer import decide
from linernotes.corpus.passages import split
from linernotes.corpus.quotes import find_quotes
from linernotes.models import PreparedSegment, Turn, Unanswered
from linernotes.retrieval.index import Index, Query, embed_document

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from linernotes.editions import Edition
    from linernotes.models import Document, Quote
    from linernotes.retrieval.embedding import Embedder

# To be raised when what is made of the same text changes.
SEGMENT_VERSION = 1
INDEX_VERSION = 1
# Of the model's longest text, so many tokens are kept free for a passage's heading.
HEADING_TOKENS = 24


class Segments:
    """Splits and embeds documents for an ``EditionStore``."""

    def __init__(self, embedder: Embedder) -> None:
        """Take the embedder."""
        self._embedder = embedder
        self.settings = f"segment {SEGMENT_VERSION}, model {embedder.digest}, {embedder.max_tokens} tokens"

    def make(self, document: Document, progress: Callable[[int, int], None]) -> PreparedSegment:
        """Split and embed a document."""
        quotes = find_quotes(document)
        embedder = self._embedder
        most = max(8, embedder.max_tokens - HEADING_TOKENS)
        division = split(document, quotes, count_tokens=embedder.count_tokens, max_tokens=most)
        arrays = embed_document(division.passages, division.sentences, embedder, progress)
        return PreparedSegment(division.passages, division.sentences, quotes, arrays)


class Indexes:
    """Builds, saves and loads the index of an edition for an ``EditionStore``."""

    def __init__(self, dimension: int) -> None:
        """Take the length of the model's vectors."""
        self._dimension = dimension
        self.settings = f"index {INDEX_VERSION}"

    def build(self, parts: Sequence[PreparedSegment]) -> Index:
        """Build an index over the documents' segments."""
        return Index.build(parts, self._dimension)

    def save(self, index: Index, folder: Path) -> None:
        """Write the index to an empty folder."""
        index.save(folder)

    def load(self, folder: Path, parts: Sequence[PreparedSegment]) -> Index:
        """Load what ``save`` has written."""
        return Index.load(folder, parts, self._dimension)


class Engine:
    """Answers questions from an edition."""

    def __init__(self, embedder: Embedder, *, max_question_chars: int = 1000) -> None:
        """Take the embedder and the longest question that is answered, in characters."""
        self._embedder = embedder
        self._max_question_chars = max_question_chars
        self.segments = Segments(embedder)
        self.indexes = Indexes(embedder.dimension)

    def ask(self, edition: Edition[Index], question: str, turns: Sequence[Turn] = ()) -> Turn:
        """Answer a question; ``turns`` are the earlier ones of the conversation, oldest first."""
        if not question.strip():
            return Turn(question, question, Unanswered("empty", None, edition.id))
        if len(question) > self._max_question_chars:
            return Turn(question, question, Unanswered("too-long", None, edition.id))
        standalone = f"{turns[-1].standalone} {question}" if turns else question
        query = Query.of(standalone, self._embedder.embed([standalone])[0])
        evidence = edition.index.search(query)
        passages = {(passage.document, passage.number): passage for passage in edition.passages}
        return Turn(question, standalone, decide(evidence, edition.sentences, passages, edition.id))

    def recall(self, edition: Edition[Index], history: Sequence[str]) -> tuple[Turn, ...]:
        """Answer the earlier questions of a conversation, oldest first."""
        turns: tuple[Turn, ...] = ()
        for question in history:
            turns = (*turns, self.ask(edition, question, turns))
        return turns

    def quotes_about(self, edition: Edition[Index], text: str) -> tuple[Quote, ...]:
        """Return the edition's quotations, those that are nearest in meaning to ``text`` first."""
        if not edition.quotes:
            return ()
        embeddings = self._embedder.embed([text, *(quote.text for quote in edition.quotes)])
        cosines = [float(embeddings[0].vector @ each.vector) for each in embeddings[1:]]
        return tuple(edition.quotes[i] for i in np.argsort([-each for each in cosines], kind="stable"))
