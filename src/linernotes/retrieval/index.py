"""An edition's index: made from its segments, saved, loaded, and searched by vectors, words and tokens.

The vectors of sentences and passages are searched by inner product (FAISS, Johnson et al. 2017), their stems
by BM25 (Robertson et al. 1994, ``bm25s``). Late interaction (ColBERT, Khattab and Zaharia 2020) compares each
token of the question with each token of a sentence.
"""

from __future__ import annotations

import functools
import itertools
import json
import math
import re
from bisect import bisect_left
from collections import Counter
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from linernotes.errors import EditionDamagedError, EmptyIndexError, ForeignVectorsError
from linernotes.models import AskedWord, Candidate, Evidence
from linernotes.retrieval.query import Query, mean_over_words, token_words
from linernotes.retrieval.ranking import SIGNALS, score
from linernotes.words import find_words

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from linernotes.models import Floats, Integers, Passage, PreparedSegment, Quote, Sentence

_ASKS = re.compile(r"\?[\"'\u2019”»)\]]*$")
# A stop word's token counts for something: "who" and "when" are near to what answers them.
STOP_WORD_WEIGHT = 0.1
# A word of an earlier question weighs this much of a word of the question itself.
CONTEXT_WEIGHT = 0.5
# Of a follow-up's signals, this share is those of the question without what it leans on: it may have left the
# subject, and what it leans on finds the sentences that have been read already.
ALONE = 0.5
# An answer to a follow-up is often within so many sentences of the last answer.
NEARBY_SENTENCES = 2
# In an interview, so many sentences after a question are taken to reply to it.
REPLY_SENTENCES = 4
# Brings a BM25 score, which has no upper bound, to the size of a cosine.
BM25_SCALE = 10.0
# So many passages are looked at token by token; a corpus up to this size is looked at whole.
CANDIDATE_PASSAGES = 96


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The words of a corpus: in how many sentences each stem stands, the words, and those that are names.

    A name is a word with a capital letter that does not begin its sentence.
    """

    frequencies: Mapping[str, int]
    words: tuple[str, ...]
    names: tuple[str, ...]


class Index:
    """The sentences and passages of an edition, ready to be searched; never changed once it is made."""

    def __init__(
        self,
        parts: Sequence[PreparedSegment],
        *,
        sentence_index: Any,
        passage_index: Any,
        sentence_bm25: Any,
        passage_bm25: Any,
        vocabulary: Vocabulary,
    ) -> None:
        """Take the documents' segments and what was built over them; see ``build`` and ``load``."""
        # Editions share their documents' segments: what is large stays there, and no index copies it.
        self.parts = tuple(parts)
        self.sentences = tuple(sentence for part in parts for sentence in part.sentences)
        self.passages = tuple(passage for part in parts for passage in part.passages)
        self._numbered = {(passage.document, passage.number): passage for passage in self.passages}
        self._quotes = {part.passages[0].document: part.quotes for part in parts if part.passages}
        self._sentence_index = sentence_index
        self._passage_index = passage_index
        self._sentence_bm25 = sentence_bm25
        self._passage_bm25 = passage_bm25
        self.vocabulary = vocabulary
        self._names = frozenset(vocabulary.names)
        # Of each passage: its tokens' vectors, where they stand.
        self._tokens = tuple(
            part.arrays["token_vectors"][begin:end]
            for part in parts
            for begin, end in itertools.pairwise(part.arrays["passage_tokens"].tolist())
        )
        begins: list[Any] = [np.zeros(1, np.int64)]
        spans: list[Any] = [np.empty((0, 2), np.int64)]
        owners: list[Any] = [np.empty(0, np.int64)]
        tokens = passages = 0
        for part in parts:
            begins.append(part.arrays["passage_tokens"][1:] + tokens)
            spans.append(part.arrays["sentence_tokens"] + tokens)
            owners.append(np.array([s.passage - 1 + passages for s in part.sentences], np.int64))
            tokens += len(part.arrays["token_vectors"])
            passages += len(part.passages)
        self._passage_tokens: Integers = np.concatenate(begins)
        self._sentence_tokens: Integers = np.concatenate(spans)
        self.passage_of: Integers = np.concatenate(owners)
        self._asks: Floats = np.array(
            [s.asks or _ASKS.search(s.text) is not None for s in self.sentences], np.float32
        )
        self._interviewer = np.array([sentence.asks for sentence in self.sentences], np.bool_)
        # What a sentence stands under or is said by, and does not say itself.
        self._contexts = {
            (sentence.document, sentence.start): context
            for sentence, context in zip(self.sentences, _contexts(self.parts), strict=True)
        }
        # Each passage's sentences stand in a row: where they begin.
        self._first_sentence = np.searchsorted(self.passage_of, np.arange(len(self.passages) + 1))

    @property
    def dimension(self) -> int:
        """Return the length of the vectors."""
        dimension: int = self._passage_index.d
        return dimension

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
        return self._numbered[document, number]

    def quotes_of(self, document: str) -> tuple[Quote, ...]:
        """Return a document's quotations, in the order of the text."""
        return self._quotes.get(document, ())

    # --- Making -------------------------------------------------------------------------------------------

    @classmethod
    def build(cls, parts: Sequence[PreparedSegment], dimension: int) -> Index:
        """Build the index over the documents' segments.

        Raises:
            ForeignVectorsError: a segment's vectors have another length than ``dimension``.
        """
        import faiss

        for part in parts:
            for name in ("passage_vectors", "sentence_vectors", "token_vectors"):
                if part.arrays[name].shape[1:] != (dimension,):
                    shape = part.arrays[name].shape
                    raise ForeignVectorsError(
                        f"Vectors of length {shape[-1]} do not fit a model of length {dimension}."
                    )
        indexes = []
        for name in ("sentence_vectors", "passage_vectors"):
            index = faiss.IndexFlatIP(dimension)
            for part in parts:
                if len(part.arrays[name]):
                    index.add(np.ascontiguousarray(part.arrays[name], np.float32))
            indexes.append(index)
        passages = [
            [word.stem for word in find_words(f"{p.heading or ''} {p.text}")]
            for part in parts
            for p in part.passages
        ]
        sentences = [sentence for part in parts for sentence in part.sentences]
        found = [find_words(sentence.text) for sentence in sentences]
        # A band may be named in the heading alone, and who speaks only where the interview begins.
        contexts = _contexts(parts)
        above = {context: find_words(context) for context in set(contexts)}
        stems = [
            [word.stem for word in (*above[context], *words)]
            for context, words in zip(contexts, found, strict=True)
        ]
        vocabulary = Vocabulary(
            dict(Counter(stem for each in stems for stem in set(each))),
            tuple(sorted({word.text for words in (*found, *above.values()) for word in words})),
            tuple(
                sorted(
                    {
                        word.text
                        for words, sentence in zip(found, sentences, strict=True)
                        for word in words[1:]
                        if sentence.text[word.start].isupper()
                    }
                )
            ),
        )
        return cls(
            parts,
            sentence_index=indexes[0],
            passage_index=indexes[1],
            sentence_bm25=_bm25(stems),
            passage_bm25=_bm25(passages),
            vocabulary=vocabulary,
        )

    def save(self, folder: Path) -> None:
        """Write what was built to an empty folder; the segments keep the rest."""
        import faiss

        # As bytes: faiss itself cannot open every path (one with a byte that is no UTF-8).
        for name, index in (("sentences", self._sentence_index), ("passages", self._passage_index)):
            (folder / f"{name}.faiss").write_bytes(faiss.serialize_index(index).tobytes())
        for name, bm25 in (("sentences", self._sentence_bm25), ("passages", self._passage_bm25)):
            if bm25 is not None:
                bm25.save(folder / f"bm25-{name}", show_progress=False)
        (folder / "vocabulary.json").write_text(json.dumps(asdict(self.vocabulary)), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path, parts: Sequence[PreparedSegment], dimension: int) -> Index:
        """Load what ``save`` has written.

        Raises:
            EditionDamagedError: it does not fit the segments.
        """
        import bm25s
        import faiss

        indexes = [
            faiss.deserialize_index(np.fromfile(folder / f"{name}.faiss", np.uint8))
            for name in ("sentences", "passages")
        ]
        wanted = [sum(len(part.sentences) for part in parts), sum(len(part.passages) for part in parts)]
        if [index.ntotal for index in indexes] != wanted or any(index.d != dimension for index in indexes):
            raise EditionDamagedError(f"{folder} does not fit its documents.")
        bm25 = [
            bm25s.BM25.load(folder / f"bm25-{name}", show_progress=False)
            if (folder / f"bm25-{name}").is_dir()
            else None
            for name in ("sentences", "passages")
        ]
        stored = json.loads((folder / "vocabulary.json").read_text(encoding="utf-8"))
        vocabulary = Vocabulary(stored["frequencies"], tuple(stored["words"]), tuple(stored["names"]))
        return cls(
            parts,
            sentence_index=indexes[0],
            passage_index=indexes[1],
            sentence_bm25=bm25[0],
            passage_bm25=bm25[1],
            vocabulary=vocabulary,
        )

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
        allowed = None
        if within is not None:
            chosen = [
                at
                for at, passage in enumerate(self.passages)
                if passage.document in within and at not in without
            ]
            allowed = np.array(chosen, dtype=np.int64)
        if allowed is not None and not len(allowed):
            raise EmptyIndexError("There is no sentence to search: these documents are empty.")
        asked = (query,) if query.alone is None else (query, query.alone)
        bm25 = [self._word_scores(each) for each in asked]
        found = [self._candidate_passages(each, *fit, allowed) for each, fit in zip(asked, bm25, strict=True)]
        passages = found[0] if len(found) == 1 else np.union1d(*found)
        rows = np.concatenate(
            [np.arange(self._first_sentence[p], self._first_sentence[p + 1]) for p in passages]
        )
        signals, fits = self._signals(query, bm25[0], passages, rows)
        without_earlier: Floats | None = None
        if query.alone is not None:
            alone, fits = self._signals(query.alone, bm25[1], passages, rows)
            without_earlier = score(np.pad(alone, ((0, 0), (0, 1))).astype(np.float32))
            # The score is a sum, so this is the mean of both scores.
            signals = (1 - ALONE) * signals + ALONE * alone
        signals = np.column_stack([signals, self._nearby(query.answered, rows)]).astype(np.float32)
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
                )
                for at, i in enumerate(best)
            ),
            tuple(self.rarity(word.stem) for word in query.words if not word.is_stop),
            dict(zip(SIGNALS, map(float, signals.max(axis=0)), strict=True)),
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

    def _word_scores(self, query: Query) -> tuple[Floats, Floats]:
        """Return the BM25 scores of all sentences and of all passages."""
        stems = [word.stem for word in query.words if not word.is_stop]
        of_sentences, of_passages = (
            np.zeros(size, np.float32) if bm25 is None or not stems else bm25.get_scores(stems)
            for bm25, size in (
                (self._sentence_bm25, len(self.sentences)),
                (self._passage_bm25, len(self.passages)),
            )
        )
        return of_sentences, of_passages

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
            self._sentence_index.reconstruct_batch(rows) @ vector,
            (self._passage_index.reconstruct_batch(passages) @ vector)[local],
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
        try:
            at = self.sentences.index(answered)
        except ValueError:  # the corpus has changed between two questions
            return np.zeros(len(rows), np.bool_)
        near = [
            i
            for i in range(max(0, at - NEARBY_SENTENCES), at + NEARBY_SENTENCES + 1)
            if i < len(self.sentences) and self.sentences[i].document == answered.document
        ]
        return np.isin(rows, near)

    def is_name(self, word: str) -> bool:
        """Say whether the corpus writes a word (in lower case) as a name."""
        return word in self._names

    def is_common(self, word: str) -> bool:
        """Say whether the corpus writes a word (in lower case) without a capital letter somewhere."""
        return word in self._common

    @functools.cached_property
    def _common(self) -> frozenset[str]:
        return frozenset(
            word.text
            for sentence in self.sentences
            for word in find_words(sentence.text)
            if sentence.text[word.start].islower()
        )

    def rarity(self, stem: str) -> float:
        """Return the inverse document frequency of a stem over sentences, from 0 to 1 (not in the corpus)."""
        total = len(self.sentences)
        frequency = self.vocabulary.frequencies.get(stem, 0)
        most = math.log(1 + (total + 0.5) / 0.5)
        return math.log(1 + (total - frequency + 0.5) / (frequency + 0.5)) / most

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
        if len(every) <= CANDIDATE_PASSAGES:
            return every
        most = CANDIDATE_PASSAGES // 4
        vector = query.embedding.vector[None]
        if allowed is None:
            near_passages = self._passage_index.search(vector, most)[1][0]
            rows = np.arange(len(self.sentences), dtype=np.int64)
            near_rows = self._sentence_index.search(vector, min(most, len(rows)))[1][0]
        else:
            rows = np.flatnonzero(np.isin(self.passage_of, every))
            near_passages = every[
                np.argsort(-(self._passage_index.reconstruct_batch(every) @ vector[0]))[:most]
            ]
            near_rows = rows[np.argsort(-(self._sentence_index.reconstruct_batch(rows) @ vector[0]))[:most]]
        found: set[int] = set(near_passages.tolist())
        found.update(every[np.argsort(-of_passages[every], kind="stable")[:most]].tolist())
        found.update(self.passage_of[near_rows].tolist())
        found.update(self.passage_of[rows[np.argsort(-of_sentences[rows], kind="stable")[:most]]].tolist())
        return np.array(sorted(found), dtype=np.int64)

    def _late(self, query: Query, passages: Integers, rows: Integers) -> tuple[Floats, Floats, Floats]:
        """Return each question token's best cosine in each sentence, in each passage and in its heading."""
        begins, ends = self._passage_tokens[passages], self._passage_tokens[passages + 1]
        shift = np.concatenate([[0], np.cumsum(ends - begins)[:-1]]) - begins
        tokens = np.concatenate([self._tokens[passage] for passage in passages], dtype=np.float32)
        spans = self._sentence_tokens[rows] + shift[np.searchsorted(passages, self.passage_of[rows])][:, None]
        cosines = query.embedding.tokens @ tokens.T
        whole = np.stack([begins + shift, ends + shift], axis=1)
        # A passage is read below its heading: that has the tokens in front of the first sentence's.
        firsts = self._sentence_tokens[self._first_sentence[passages]][:, 0]
        heading = np.stack([begins + shift, firsts + shift], axis=1)
        return _best_in(cosines, spans), _best_in(cosines, whole), _best_in(cosines, heading)


def _contexts(parts: Sequence[PreparedSegment]) -> tuple[str, ...]:
    """Return of each sentence the headings above it, and who says it."""
    found: list[str] = []
    for part in parts:
        headings = {passage.number: passage.heading or "" for passage in part.passages}
        spoken = sorted(
            (start, end, quote.speaker)
            for quote in part.quotes
            if quote.speaker
            for start, end in quote.spans
        )
        starts = [start for start, _, _ in spoken]
        for sentence in part.sentences:
            # The last span that begins before the sentence ends: spans do not overlap.
            at = bisect_left(starts, sentence.end) - 1
            says = spoken[at][2] if at >= 0 and spoken[at][1] > sentence.start else ""
            found.append(f"{headings[sentence.passage]} {says}".strip())
    return tuple(found)


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


def _bm25(texts: Sequence[Sequence[str]]) -> Any:
    """Return BM25 over texts given as stems; ``None`` where no text has one, which ``bm25s`` cannot index."""
    import bm25s

    if not any(texts):
        return None
    index = bm25s.BM25(k1=1.2, b=0.75, method="lucene")
    index.index([list(stems) for stems in texts], show_progress=False)
    return index
