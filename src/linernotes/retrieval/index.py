"""An edition's index: made from its segments, saved, loaded, and searched by vectors, words and tokens.

In a large edition, its vectors (``nearest.py``) and its words (``lexicon.py``) name the passages that are
worth a closer look. Late interaction (ColBERT, Khattab and Zaharia 2020) compares each token of the question
with each token of their sentences.
"""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from linernotes.errors import EditionDamagedError, EmptyIndexError, ForeignVectorsError
from linernotes.models import AskedWord, Candidate, Evidence
from linernotes.retrieval.lexicon import Lexicon, contexts_of
from linernotes.retrieval.nearest import Nearest
from linernotes.retrieval.query import Query, mean_over_words, token_words
from linernotes.retrieval.ranking import SIGNALS, score

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from linernotes.models import Floats, Integers, Passage, PreparedSegment, Quote, Sentence
    from linernotes.retrieval.lexicon import Vocabulary
    from linernotes.words import Spellings

_ASKS = re.compile(r"\?[\"'\u2019”»)\]]*$")
# A stop word's token counts for something: "who" and "when" are near to what answers them.
STOP_WORD_WEIGHT = 0.1
# A word of an earlier question weighs this much of a word of the question itself.
CONTEXT_WEIGHT = 0.5
# Of a follow-up's signals, this share is those of the question without what it leans on: it may have left the
# subject, and what it leans on finds the sentences that have been read already.
ALONE = 0.5
# And the question with "it" for what the text is about, where it names that.
UNNAMED = 0.5
# An answer to a follow-up is often within so many sentences of the last answer.
NEARBY_SENTENCES = 2
# In an interview, so many sentences after a question are taken to reply to it.
REPLY_SENTENCES = 4
# Brings a BM25 score, which has no upper bound, to the size of a cosine.
BM25_SCALE = 10.0
# So many passages are looked at token by token; a corpus up to this size is looked at whole.
CANDIDATE_PASSAGES = 96
# Where some documents alone are asked, so many sentences are compared one by one, and more of them by FAISS.
COMPARED_SENTENCES = 4_096
# What Python takes for a sentence or a passage, besides its segment, as measured with ``tracemalloc``.
SENTENCE_BYTES = 250
_NEAREST = ("sentences.faiss", "passages.faiss")


class Index:
    """The sentences and passages of an edition, ready to be searched; never changed once it is made."""

    def __init__(
        self,
        parts: Sequence[PreparedSegment],
        dimension: int,
        lexicon: Lexicon,
        nearest: tuple[Nearest, Nearest] | None,
    ) -> None:
        """Take the documents' segments and what was built over them; see ``build`` and ``load``."""
        # Editions share their documents' segments: what is large stays there, and no index copies it.
        self.parts = tuple(parts)
        self.dimension = dimension
        """The length of the vectors."""
        self.sentences = tuple(sentence for part in parts for sentence in part.sentences)
        self.passages = tuple(passage for part in parts for passage in part.passages)
        self._places = {(each.document, each.number): at for at, each in enumerate(self.passages)}
        self._quotes = {part.passages[0].document: part.quotes for part in parts if part.passages}
        self._lexicon = lexicon
        # Over sentences and passages; none where all of them are looked at.
        self._nearest = nearest
        begins: list[Any] = [np.zeros(1, np.int64)]
        spans: list[Any] = [np.empty((0, 2), np.int64)]
        owners: list[Any] = [np.empty(0, np.int64)]
        tokens = passages = 0
        firsts = [0]
        for part in parts:
            begins.append(part.arrays["passage_tokens"][1:] + tokens)
            spans.append(part.arrays["sentence_tokens"] + tokens)
            owners.append(np.array([s.passage - 1 + passages for s in part.sentences], np.int64))
            tokens += len(part.arrays["token_vectors"])
            passages += len(part.passages)
            firsts.append(passages)
        self._passage_tokens: Integers = np.concatenate(begins)
        self._sentence_tokens: Integers = np.concatenate(spans)
        self.passage_of: Integers = np.concatenate(owners)
        # Where each part's passages begin, and which passages a document has.
        self._first_passage = np.array(firsts, np.int64)
        self._passages_of = {
            part.passages[0].document: (first, first + len(part.passages))
            for part, first in zip(parts, firsts, strict=False)
            if part.passages
        }
        self._asks: Floats = np.array(
            [s.asks or _ASKS.search(s.text) is not None for s in self.sentences], np.float32
        )
        self._interviewer = np.array([sentence.asks for sentence in self.sentences], np.bool_)
        # What a sentence stands under or is said by, and does not say itself.
        self._contexts = {
            (sentence.document, sentence.start): context
            for sentence, context in zip(self.sentences, contexts_of(self.parts), strict=True)
        }
        # Each passage's sentences stand in a row: where they begin.
        self._first_sentence = np.searchsorted(self.passage_of, np.arange(len(self.passages) + 1))

    @property
    def vocabulary(self) -> Vocabulary:
        """Return the words of the corpus."""
        return self._lexicon.vocabulary

    @property
    def spellings(self) -> Spellings:
        """Return what finds a word of the corpus by a slip of it."""
        return self._lexicon.spellings

    @property
    def spellings_of_names(self) -> Spellings:
        """Return what finds a name of the corpus by a slip of it."""
        return self._lexicon.spellings_of_names

    @property
    def nbytes(self) -> int:
        """Return how much memory this takes besides its segments, in bytes, about."""
        pieces = SENTENCE_BYTES * len(self.sentences) + SENTENCE_BYTES * len(self.passages)
        return self._lexicon.nbytes + pieces + sum(each.nbytes for each in self._nearest or ())

    @property
    def quote_vectors(self) -> Floats:
        """Return the vectors of all quotations, one after the other; put together anew each time."""
        return np.concatenate(
            [
                np.empty((0, self.dimension), np.float32),
                *(part.arrays["quote_vectors"] for part in self.parts),
            ]
        )

    def context(self, sentence: Sentence) -> str:
        """Return the headings above a sentence, and who says it."""
        return self._contexts[sentence.document, sentence.start]

    def passage(self, document: str, number: int) -> Passage:
        """Return a document's passage by its number (from 1)."""
        return self.passages[self._places[document, number]]

    def quotes_of(self, document: str) -> tuple[Quote, ...]:
        """Return a document's quotations, in the order of the text."""
        return self._quotes.get(document, ())

    def opening(self, document: str, most: int) -> tuple[range, Floats]:
        """Return where a document's first sentences stand, and their vectors, shape (sentences, dimension).

        Args:
            document: the name of one that has a sentence.
            most: so many at most.
        """
        start = 0
        for part in self.parts:
            if part.sentences and part.sentences[0].document == document:
                vectors = np.asarray(part.arrays["sentence_vectors"][:most], np.float32)
                return range(start, start + len(vectors)), vectors
            start += len(part.sentences)
        raise KeyError(document)

    # --- Making -------------------------------------------------------------------------------------------

    @classmethod
    def build(cls, parts: Sequence[PreparedSegment], dimension: int) -> Index:
        """Build the index over the documents' segments.

        Raises:
            ForeignVectorsError: a segment's vectors have another length than ``dimension``.
        """
        for part in parts:
            for name in ("passage_vectors", "sentence_vectors", "token_vectors"):
                if part.arrays[name].shape[1:] != (dimension,):
                    shape = part.arrays[name].shape
                    raise ForeignVectorsError(
                        f"Vectors of length {shape[-1]} do not fit a model of length {dimension}."
                    )
        nearest = None
        if _is_large(parts):
            of_sentences, of_passages = (
                Nearest.build([part.arrays[name] for part in parts], dimension)
                for name in ("sentence_vectors", "passage_vectors")
            )
            nearest = (of_sentences, of_passages)
        return cls(parts, dimension, Lexicon.build(parts), nearest)

    def save(self, folder: Path) -> None:
        """Write what was built to an empty folder; the segments keep the rest."""
        if self._nearest is not None:
            for name, nearest in zip(_NEAREST, self._nearest, strict=True):
                nearest.save(folder / name)
        self._lexicon.save(folder)

    @classmethod
    def load(cls, folder: Path, parts: Sequence[PreparedSegment], dimension: int) -> Index:
        """Load what ``save`` has written.

        Raises:
            EditionDamagedError: it does not fit the segments.
        """
        sizes = sum(len(part.sentences) for part in parts), sum(len(part.passages) for part in parts)
        nearest = None
        if _is_large(parts):
            of_sentences, of_passages = (Nearest.load(folder / name) for name in _NEAREST)
            nearest = (of_sentences, of_passages)
            if (len(of_sentences), len(of_passages)) != sizes or any(
                each.dimension != dimension for each in nearest
            ):
                raise EditionDamagedError(f"{folder} does not fit its documents.")
        return cls(parts, dimension, Lexicon.load(folder, sizes), nearest)

    # --- Searching ----------------------------------------------------------------------------------------

    def search(
        self,
        query: Query,
        k: int = 24,
        within: Collection[str] | None = None,
        without: Collection[int] = (),
    ) -> Evidence:
        """Return the ``k`` best sentences, best first; fewer where the index holds fewer.

        Args:
            query: the question.
            k: how many sentences.
            within: the names of the documents to look at; by default, all.
            without: of these documents, the passages not to look at, by their place in ``passages``.

        Raises:
            EmptyIndexError: there is no sentence, or none in these documents.
            ForeignVectorsError: the query's vectors have another length.
        """
        if not self.sentences:
            raise EmptyIndexError("There is no sentence to search: the corpus is empty.")
        if len(query.embedding.vector) != self.dimension:
            raise ForeignVectorsError(
                f"A question's vector of length {len(query.embedding.vector)} does not fit the index's"
                f" vectors of length {self.dimension}."
            )
        allowed = None if within is None else self._allowed(within, without)
        if allowed is not None and not len(allowed):
            raise EmptyIndexError("There is no sentence to search: these documents are empty.")
        asked = (query, *(each for each in (query.alone, query.unnamed) if each is not None))
        bm25 = [
            self._lexicon.scores([word.stem for word in each.words if not word.is_stop]) for each in asked
        ]
        found = [self._candidate_passages(each, *fit, allowed) for each, fit in zip(asked, bm25, strict=True)]
        passages = found[0] if len(found) == 1 else np.union1d(*found)
        rows = self._rows(passages)
        signals, fits = self._signals(query, bm25[0], passages, rows)
        without_earlier: Floats | None = None
        if query.alone is not None:
            alone, fits = self._signals(query.alone, bm25[1], passages, rows)
            without_earlier = score(np.pad(alone, ((0, 0), (0, 1))).astype(np.float32))
            # The score is a sum, so this is the mean of both scores.
            signals = (1 - ALONE) * signals + ALONE * alone
        as_asked = signals
        if query.unnamed is not None:
            # Few sentences say the name of what the whole text is about, and these are about anything.
            unnamed, _ = self._signals(query.unnamed, bm25[-1], passages, rows)
            signals = (1 - UNNAMED) * signals + UNNAMED * unnamed
        nearby = self._nearby(query.answered, rows)
        signals, as_asked = (
            np.column_stack([each, nearby]).astype(np.float32) for each in (signals, as_asked)
        )
        scores = score(signals)
        best = np.argsort(-scores, kind="stable")
        # What an interviewer says answers nothing; it is found where there is nothing else.
        replies = best[~self._interviewer[rows[best]]]
        best = (replies if len(replies) else best)[: max(1, min(k, len(rows)))]
        own = query.alone or query
        asked_words = [word for word in own.words if not word.is_stop] or list(own.words)
        by_word = mean_over_words(own, asked_words)
        near = np.stack([by_word @ fit[:, best] for fit in fits], axis=2)
        return Evidence(
            tuple(
                Candidate(
                    self.sentences[rows[i]],
                    int(rows[i]),
                    float(scores[i]),
                    dict(zip(SIGNALS, map(float, signals[i]), strict=True)),
                    tuple((float(one), float(two)) for one, two in near[:, at]),
                    alone=None if without_earlier is None else float(without_earlier[i]),
                    named=None
                    if query.unnamed is None
                    else dict(zip(SIGNALS, map(float, as_asked[i]), strict=True)),
                )
                for at, i in enumerate(best)
            ),
            tuple(self.rarity(word.stem) for word in query.words if not word.is_stop),
            dict(zip(SIGNALS, map(float, as_asked.max(axis=0)), strict=True)),
            len(self.sentences)
            if allowed is None
            else int((self._first_sentence[allowed + 1] - self._first_sentence[allowed]).sum()),
            tuple(
                AskedWord(
                    word.stem,
                    self.rarity(word.stem),
                    self.is_name(word.text) or (word.start > 0 and own.text[word.start].isupper()),
                )
                for word in asked_words
            ),
            query.alone is not None,
        )

    def _allowed(self, within: Collection[str], without: Collection[int]) -> Integers:
        """Return the places of the passages of some documents, without some of them, in rising order."""
        places = sorted(self._passages_of[each] for each in within if each in self._passages_of)
        found = np.concatenate([np.empty(0, np.int64), *(np.arange(*each) for each in places)])
        return found[~np.isin(found, list(without))] if without else found

    def _signals(
        self, query: Query, bm25: tuple[Floats, Floats], passages: Integers, rows: Integers
    ) -> tuple[Floats, tuple[Floats, Floats]]:
        """Return the signals that come of the question's text, in the order of ``SIGNALS``.

        Also each of the question's tokens' best cosine in each sentence or its heading, and in these and the
        sentence before.
        """
        local = np.searchsorted(passages, self.passage_of[rows])
        of_sentence, of_passage, of_heading = self._late(query, passages, rows)
        starts = np.concatenate([[True], local[1:] != local[:-1]])
        # A sentence is read below its heading, and behind the one before it.
        headed = np.maximum(of_sentence, of_heading[:, local])
        before = np.maximum(headed, np.where(starts, headed, np.roll(of_sentence, 1, axis=1)))
        weights = self._weights(query)
        late = [weights @ each for each in (of_sentence, before, of_passage[:, local])]
        vector = query.embedding.vector
        asks = self._asks[rows]
        signals = [
            self._cosines("sentence_vectors", passages, vector),
            self._cosines("passage_vectors", passages, vector)[local],
            *late,
            bm25[0][rows] / BM25_SCALE,
            bm25[1][passages][local] / BM25_SCALE,
            asks,
            _after_question(late[0], asks, starts),
        ]
        return np.stack(signals, axis=1), (headed, before)

    def _nearby(self, answered: Sentence | None, rows: Integers) -> NDArray[np.bool_]:
        """Say of each row whether its sentence stands near the one that answered the earlier question."""
        if answered is None:
            return np.zeros(len(rows), np.bool_)
        place = self._places.get((answered.document, answered.passage))
        there = () if place is None else range(*self._first_sentence[place : place + 2].tolist())
        at = next((row for row in there if self.sentences[row] == answered), None)
        if at is None:  # the corpus has changed between two questions
            return np.zeros(len(rows), np.bool_)
        near = [
            i
            for i in range(max(0, at - NEARBY_SENTENCES), at + NEARBY_SENTENCES + 1)
            if i < len(self.sentences) and self.sentences[i].document == answered.document
        ]
        return np.isin(rows, near)

    def is_name(self, word: str) -> bool:
        """Say whether the corpus writes a word (in lower case) as a name."""
        return word in self._lexicon.names

    def is_common(self, word: str) -> bool:
        """Say whether the corpus writes a word (in lower case) without a capital letter somewhere."""
        return word in self._lexicon.common

    def rarity(self, stem: str) -> float:
        """Return the inverse document frequency of a stem over sentences, from 0 to 1 (not in the corpus)."""
        return self._lexicon.rarity(stem)

    def _weights(self, query: Query) -> Floats:
        """Return the weights of the question's tokens, shape ``(tokens,)``; they sum to 1.

        A word weighs as much as it is rare in the corpus, a stop word little.
        """
        weights = np.full(len(query.embedding.tokens), 1e-6, np.float32)  # marks alone have weights too
        for token, at in enumerate(token_words(query)):
            if at is not None:
                word = query.words[at]
                weight = STOP_WORD_WEIGHT if word.is_stop else self.rarity(word.stem)
                weights[token] += weight * (CONTEXT_WEIGHT if word.start < query.context else 1.0)
        return weights / np.float32(max(weights.sum(), 1e-6))

    def _candidate_passages(
        self, query: Query, of_sentences: Floats, of_passages: Floats, allowed: Integers | None
    ) -> Integers:
        """Return those of the passages to look at token by token, in the order of the text."""
        every = np.arange(len(self.passages), dtype=np.int64) if allowed is None else allowed
        if len(every) <= CANDIDATE_PASSAGES or self._nearest is None:
            return every
        most = CANDIDATE_PASSAGES // 4
        vector = query.embedding.vector
        by_sentences, by_passages = self._nearest
        if allowed is None:
            near_rows, near_passages = by_sentences.find(vector, most), by_passages.find(vector, most)
            worded_rows, worded = _highest(of_sentences, most), _highest(of_passages, most)
        else:
            rows = self._rows(allowed)
            if len(rows) <= COMPARED_SENTENCES:
                near_rows = rows[_highest(self._cosines("sentence_vectors", allowed, vector), most)]
                near_passages = allowed[_highest(self._cosines("passage_vectors", allowed, vector), most)]
            else:
                near_rows = by_sentences.find(vector, most, rows)
                near_passages = by_passages.find(vector, most, allowed)
            worded_rows = rows[_highest(of_sentences[rows], most)]
            worded = allowed[_highest(of_passages[allowed], most)]
        of_rows = self.passage_of[np.concatenate([near_rows, worded_rows])]
        found: Integers = np.unique(np.concatenate([near_passages, worded, of_rows]))
        return found

    def _rows(self, passages: Integers) -> Integers:
        """Return the places of the sentences of some passages, given in rising order."""
        firsts, ends = self._first_sentence[passages], self._first_sentence[passages + 1]
        lengths = ends - firsts
        shifts = np.repeat(firsts - np.concatenate([[0], np.cumsum(lengths)[:-1]]), lengths)
        rows: Integers = np.arange(lengths.sum(), dtype=np.int64) + shifts
        return rows

    def _stretches(self, passages: Integers) -> Iterator[tuple[PreparedSegment, int, int, int]]:
        """Yield what stands together of some passages, in rising order, each with the segment that has it.

        That is, where the segment's own passages begin, and the first of these passages and their end.
        """
        owners = np.searchsorted(self._first_passage, passages, side="right") - 1
        apart = np.flatnonzero((np.diff(passages) != 1) | (np.diff(owners) != 0)) + 1
        for first, end in itertools.pairwise([0, *apart.tolist(), len(passages)]):
            owner = owners[first]
            base = int(self._first_passage[owner])
            yield self.parts[owner], base, int(passages[first]), int(passages[end - 1]) + 1

    def _tokens(self, passages: Integers) -> tuple[Floats, Floats]:
        """Return the vectors of some passages' tokens, yet to be multiplied by their scales, and these."""
        vectors: list[Any] = []
        scales: list[Any] = []
        for part, base, first, end in self._stretches(passages):
            begin, stop = part.arrays["passage_tokens"][[first - base, end - base]]
            vectors.append(part.arrays["token_vectors"][begin:stop])
            scales.append(part.arrays["token_scales"][begin:stop])
        return np.concatenate(vectors, dtype=np.float32, casting="unsafe"), np.concatenate(scales)

    def _cosines(
        self, name: Literal["sentence_vectors", "passage_vectors"], passages: Integers, vector: Floats
    ) -> Floats:
        """Return the cosines of a vector with those of some passages, or of all of their sentences."""
        found: list[Any] = []
        for part, base, first, end in self._stretches(passages):
            vectors: Any = part.arrays[name]
            begins = [base, first, end]
            if name == "sentence_vectors":
                begins = self._first_sentence[begins].tolist()
            found.append(vectors[begins[1] - begins[0] : begins[2] - begins[0]] @ vector)
        return np.concatenate(found)

    def _late(self, query: Query, passages: Integers, rows: Integers) -> tuple[Floats, Floats, Floats]:
        """Return each question token's best cosine in each sentence, in each passage and in its heading."""
        begins, ends = self._passage_tokens[passages], self._passage_tokens[passages + 1]
        shift = np.concatenate([[0], np.cumsum(ends - begins)[:-1]]) - begins
        tokens, scales = self._tokens(passages)
        spans = self._sentence_tokens[rows] + shift[np.searchsorted(passages, self.passage_of[rows])][:, None]
        cosines = (query.embedding.tokens @ tokens.T) * scales
        whole = np.stack([begins + shift, ends + shift], axis=1)
        # A passage is read below its heading: that has the tokens in front of the first sentence's.
        firsts = self._sentence_tokens[self._first_sentence[passages]][:, 0]
        heading = np.stack([begins + shift, firsts + shift], axis=1)
        return _best_in(cosines, spans), _best_in(cosines, whole), _best_in(cosines, heading)


def _is_large(parts: Sequence[PreparedSegment]) -> bool:
    """Say whether there are more passages than are looked at."""
    return sum(len(part.passages) for part in parts) > CANDIDATE_PASSAGES


def _highest(scores: Floats, most: int) -> Integers:
    """Return the places of the highest scores above 0, at most ``most``, of equals the first."""
    found = np.flatnonzero(scores > 0)
    if len(found) <= most:
        return found
    # Of a large corpus, most have none: those are not put in order.
    kept = scores[found]
    least = np.partition(kept, -most)[-most]
    above = found[kept > least]
    return np.concatenate([above, found[kept == least][: most - len(above)]])


def _best_in(cosines: Floats, spans: Integers) -> Floats:
    """Return the highest column of each span, shape ``(rows, len(spans))``; an empty span gives 0."""
    padded = np.concatenate([cosines, np.zeros((len(cosines), 1), np.float32)], axis=1)
    best: Floats = np.maximum.reduceat(padded, spans.reshape(-1), axis=1)[:, ::2]
    return np.where(spans[:, 0] < spans[:, 1], best, np.float32(0))


def _after_question(fit: Floats, asks: Floats, starts: NDArray[np.bool_]) -> Floats:
    """Return for each sentence how well the question fits that its passage asks shortly before."""
    found = np.zeros(len(fit), np.float32)
    asked: int | None = None
    best = 0.0
    for at in range(len(fit)):
        if starts[at]:
            asked = None
        if asks[at]:
            # Of "Had you heard of her before? What brought her in?" both are asked.
            follows = asked == at - 1 and asked is not None
            best = max(best, float(fit[at])) if follows else float(fit[at])
            asked = at
        elif asked is not None and at - asked <= REPLY_SENTENCES:
            found[at] = best
    return found
