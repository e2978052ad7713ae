"""The engine: a question and an edition -> a reply. Synchronous; safe to call from threads."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

from linernotes.answering.answer import decide, open_with
from linernotes.answering.conversation import Standalone, stand_alone
from linernotes.answering.language import is_foreign
from linernotes.answering.question import is_about_whole, plain, screen
from linernotes.corpus.passages import split
from linernotes.corpus.quotes import find_quotes
from linernotes.errors import CorpusError
from linernotes.models import Edition, PreparedSegment, Turn, Unanswered
from linernotes.retrieval.document_vectors import embed_document
from linernotes.retrieval.grouping import group
from linernotes.retrieval.index import Index
from linernotes.retrieval.query import Query
from linernotes.words import find_words

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from linernotes.corpus.passages import Division
    from linernotes.models import Answer, Document, Evidence, Quote, Reason
    from linernotes.retrieval.embedding import Embedder
    from linernotes.retrieval.index import Vocabulary

# To be raised when what is made of the same text changes.
SEGMENT_VERSION = 3
INDEX_VERSION = 2
# Of the model's longest text, so many tokens are kept free for a passage's heading.
HEADING_TOKENS = 24
# A word this long may be a slip of one that is this like it (1 is the same).
SHORTEST_SLIP = 4
LEAST_LIKENESS = 0.75


class Segments:
    """Splits and embeds documents: what the library keeps of each text."""

    def __init__(self, embedder: Embedder) -> None:
        """Take the embedder."""
        self._embedder = embedder
        self.settings = f"segment {SEGMENT_VERSION}, model {embedder.digest}, {embedder.max_tokens} tokens"

    def make(self, document: Document, progress: Callable[[int, int], None]) -> PreparedSegment:
        """Split and embed a document."""
        quotes, division = self._split(document)
        arrays = embed_document(division.passages, division.sentences, quotes, self._embedder, progress)
        return PreparedSegment(division.passages, division.sentences, quotes, arrays)

    def count(self, document: Document, most: int) -> int:
        """Return how many passages ``make`` would make of a document; nothing is embedded.

        Where it is plain that there are more than ``most``, they are not counted to the end: dividing a file
        that is nothing but headings takes long.
        """
        blocks = itertools.pairwise(document.blocks)
        # A passage has one heading.
        least = sum(block.kind == "heading" != after.kind for block, after in blocks)
        return least if least > most else len(self._split(document)[1].passages)

    def _split(self, document: Document) -> tuple[tuple[Quote, ...], Division]:
        quotes = find_quotes(document)
        embedder = self._embedder
        headed = any(block.kind == "heading" for block in document.blocks)
        most = max(8, embedder.max_tokens - HEADING_TOKENS * headed)
        return quotes, split(document, quotes, count_tokens=embedder.count_tokens, max_tokens=most)


class Indexes:
    """Builds, saves and loads the index of an edition."""

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

    def ask(
        self, edition: Edition[Index], question: str, turns: Sequence[Turn] = (), *, refuse: bool = True
    ) -> Turn:
        """Answer a question.

        Args:
            edition: what to answer from.
            question: as it was typed.
            turns: the earlier ones of the conversation, oldest first.
            refuse: whether to say so where the edition does not answer. Without it, whatever comes nearest
                is given as an answer, which is for measuring; only what has no word at all stays unanswered.

        Raises:
            EmptyIndexError: the edition has no sentence.
        """
        text, reason = self._read(edition, question)
        if reason is not None:
            if refuse or reason == "empty":
                return Turn(question, text, Unanswered(reason, None, edition.id))
            text = self._spelt(text, edition.index.vocabulary)
        standalone = stand_alone(text, turns)
        evidence = self._search(edition, standalone)
        if is_about_whole(text, follows=bool(turns)):
            reply: Answer | Unanswered = open_with(evidence, edition.index, edition.id)
        else:
            reply = decide(standalone.question, evidence, edition.index, edition.id, refuse=refuse)
        return Turn(question, standalone.text, reply)

    def search(
        self, edition: Edition[Index], question: str, turns: Sequence[Turn] = (), k: int = 24
    ) -> tuple[str, Evidence] | None:
        """Return the question without what it leans on and its best sentences; ``None`` where none is due."""
        text, reason = self._read(edition, question)
        if reason is not None or is_about_whole(text, follows=bool(turns)):
            return None
        standalone = stand_alone(text, turns)
        return standalone.question, self._search(edition, standalone, k)

    def _read(self, edition: Edition[Index], question: str) -> tuple[str, Reason | None]:
        """Return the question in plain words, and why it is not looked up, if it is not."""
        most = self._max_question_chars
        text = plain(question[:most])
        reason = screen(question, text, most)
        vocabulary = edition.index.vocabulary
        if reason is None:
            languages = {document.language for document in edition.documents}
            if is_foreign(text, languages, vocabulary.frequencies.__contains__):
                reason = "language"
        return (text if reason else self._spelt(text, vocabulary)), reason

    def _search(self, edition: Edition[Index], asked: Standalone, k: int = 24) -> Evidence:
        if not asked.context:
            return edition.index.search(Query.of(asked.text, self._embedder.embed([asked.text])[0]), k)
        # Both go through the model in one forward pass.
        whole, alone = self._embedder.embed([asked.text, asked.question])
        question = Query.of(asked.question, alone)
        query = Query.of(asked.text, whole, asked.context, question, asked.answered)
        return edition.index.search(query, k)

    def _spelt(self, text: str, vocabulary: Vocabulary) -> str:
        """Return ``text`` with slips replaced by the corpus's word that is nearest.

        A word that the corpus does not have is taken for a slip when the model's tokenizer has no token for
        it, as it has for common words: "bail" is not mended to "jail". A common word can still be a name
        with a letter too few or too many ("yung").
        """
        from rapidfuzz import process
        from rapidfuzz.distance import DamerauLevenshtein

        for word in reversed(find_words(text)):
            if len(word.text) < SHORTEST_SLIP or word.stem in vocabulary.frequencies:
                continue
            is_common = self._embedder.count_tokens(word.text) == 1
            found = process.extractOne(
                word.text,
                [name for name in vocabulary.names if abs(len(name) - len(word.text)) == 1]
                if is_common
                else vocabulary.words,
                scorer=DamerauLevenshtein.normalized_similarity,
                score_cutoff=LEAST_LIKENESS,
            )
            if found is not None:
                text = text[: word.start] + found[0] + text[word.start + len(word.text) :]
        return text

    def recall(self, edition: Edition[Index], history: Sequence[str]) -> tuple[Turn, ...]:
        """Answer the earlier questions of a conversation, oldest first."""
        turns: tuple[Turn, ...] = ()
        for question in history:
            turns = (*turns, self.ask(edition, question, turns))
        return turns

    def alone(self, edition: Edition[Index], document: str) -> Edition[Index]:
        """Return one document of an edition as an edition with the same id; nothing is embedded or saved.

        Raises:
            CorpusError: the edition has no such document.
        """
        names = [each.name for each in edition.documents]
        if document not in names:
            raise CorpusError(f"There is no document {document!r}.")
        if len(names) == 1:
            return edition
        at = names.index(document)
        part = edition.index.parts[at]
        index = self.indexes.build([part])
        found = (edition.documents[at],)
        return Edition(edition.id, found, part.passages, part.sentences, part.quotes, index)

    def group(self, texts: Sequence[str]) -> tuple[tuple[int, ...], ...]:
        """Group texts by meaning, the largest group first; each group holds positions in ``texts``."""
        return group([embedding.vector for embedding in self._embedder.embed(texts)])

    def quotes_about(self, edition: Edition[Index], text: str) -> tuple[Quote, ...]:
        """Return the edition's quotations, those that are nearest in meaning to ``text`` first."""
        if not edition.quotes:
            return ()
        cosines = edition.index.quote_vectors @ self._embedder.embed([text])[0].vector
        return tuple(edition.quotes[i] for i in np.argsort(-cosines, kind="stable"))
