"""The words of an edition: which there are, and how well its sentences and passages fit those of a question.

The fit is BM25's (Robertson et al. 1994, ``bm25s``).
"""

from __future__ import annotations

import json
import math
from bisect import bisect_left
from collections import Counter
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np

from linernotes.errors import EditionDamagedError
from linernotes.words import Spellings, find_words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from linernotes.models import Floats, Integers, PreparedSegment

_VOCABULARY = "vocabulary.json"
_FITS = ("sentence-words.npz", "passage-words.npz")
# What Python takes for a word, in all places that know it, as measured with ``tracemalloc``.
WORD_BYTES = 150


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The words of a corpus: in how many sentences each stem stands, all, the names, and the common ones.

    A name is a word with a capital letter that does not begin its sentence, a common one has none somewhere.
    """

    frequencies: Mapping[str, int]
    words: tuple[str, ...]
    names: tuple[str, ...]
    common: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Fits:
    """Of each stem, in which of ``count`` texts it stands and what it adds to their scores.

    The one with number ``n`` stands in the texts ``texts[begins[n] : begins[n + 1]]``. ``bm25s`` works this
    out; to look it up, it is not needed, and it takes long to import.
    """

    count: int
    stems: Mapping[str, int]
    begins: Integers
    texts: NDArray[np.int32]
    scored: Floats

    @classmethod
    def build(cls, texts: Sequence[Sequence[str]]) -> Fits:
        """Work it out for texts given as stems."""
        if not any(texts):
            # What ``bm25s`` cannot index.
            return cls(len(texts), {}, np.zeros(1, np.int64), np.empty(0, np.int32), np.empty(0, np.float32))
        import bm25s

        index = bm25s.BM25(k1=1.2, b=0.75, method="lucene")
        index.index([list(stems) for stems in texts], show_progress=False)
        found = index.scores
        known = len(found["indptr"]) - 1
        return cls(
            len(texts),
            {stem: at for stem, at in index.vocab_dict.items() if stem and at < known},
            found["indptr"].astype(np.int64),
            found["indices"].astype(np.int32),
            found["data"].astype(np.float32),
        )

    def save(self, path: Path) -> None:
        """Write it to a file."""
        stems = np.frombuffer(json.dumps(dict(self.stems)).encode(), np.uint8)
        with path.open("wb") as file:
            np.savez(
                file,
                count=self.count,
                stems=stems,
                begins=self.begins,
                texts=self.texts,
                scored=self.scored,
            )

    @classmethod
    def load(cls, path: Path) -> Fits:
        """Read what ``save`` has written."""
        with path.open("rb") as file, np.load(file, allow_pickle=False) as found:
            stems = json.loads(found["stems"].tobytes())
            return cls(int(found["count"]), stems, found["begins"], found["texts"], found["scored"])

    @property
    def nbytes(self) -> int:
        """Return how much memory this takes, in bytes, about."""
        arrays = self.begins.nbytes + self.texts.nbytes + self.scored.nbytes
        return arrays + WORD_BYTES * len(self.stems)

    def scores(self, stems: Sequence[str]) -> Floats:
        """Return the score of each text for a question of these stems."""
        found = np.zeros(self.count, np.float32)
        for stem in stems:
            if (at := self.stems.get(stem)) is not None:
                begin, end = self.begins[at], self.begins[at + 1]
                found[self.texts[begin:end]] += self.scored[begin:end]
        return found


class Lexicon:
    """The words of an edition's sentences and passages; never changed once it is made."""

    def __init__(self, vocabulary: Vocabulary, of_sentences: Fits, of_passages: Fits) -> None:
        """Take what was built; see ``build`` and ``load``."""
        self.vocabulary = vocabulary
        self.names = frozenset(vocabulary.names)
        self.common = frozenset(vocabulary.common)
        self.spellings = Spellings(vocabulary.words)
        self.spellings_of_names = Spellings(vocabulary.names)
        self._of_sentences = of_sentences
        self._of_passages = of_passages

    @classmethod
    def build(cls, parts: Sequence[PreparedSegment]) -> Lexicon:
        """Collect the words of the documents' segments."""
        passages = [
            [word.stem for word in find_words(f"{p.heading or ''} {p.text}")]
            for part in parts
            for p in part.passages
        ]
        sentences = [sentence for part in parts for sentence in part.sentences]
        found = [find_words(sentence.text) for sentence in sentences]
        # A band may be named in the heading alone, and who speaks only where the interview begins.
        contexts = contexts_of(parts)
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
            tuple(
                sorted(
                    {
                        word.text
                        for words, sentence in zip(found, sentences, strict=True)
                        for word in words
                        if sentence.text[word.start].islower()
                    }
                )
            ),
        )
        return cls(vocabulary, Fits.build(stems), Fits.build(passages))

    def save(self, folder: Path) -> None:
        """Write all to a folder."""
        for name, fits in zip(_FITS, (self._of_sentences, self._of_passages), strict=True):
            fits.save(folder / name)
        (folder / _VOCABULARY).write_text(json.dumps(asdict(self.vocabulary)), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path, sizes: tuple[int, int]) -> Lexicon:
        """Read what ``save`` has written, of so many sentences and passages.

        Raises:
            EditionDamagedError: it is of another number.
        """
        of_sentences, of_passages = (Fits.load(folder / name) for name in _FITS)
        if (of_sentences.count, of_passages.count) != sizes:
            raise EditionDamagedError(f"{folder} does not fit its documents.")
        stored = json.loads((folder / _VOCABULARY).read_text(encoding="utf-8"))
        vocabulary = Vocabulary(
            stored["frequencies"], *(tuple(stored[name]) for name in ("words", "names", "common"))
        )
        return cls(vocabulary, of_sentences, of_passages)

    @property
    def nbytes(self) -> int:
        """Return how much memory this takes, in bytes, about."""
        words = len(self.vocabulary.frequencies) + len(self.vocabulary.words)
        return self._of_sentences.nbytes + self._of_passages.nbytes + WORD_BYTES * words

    def scores(self, stems: Sequence[str]) -> tuple[Floats, Floats]:
        """Return the BM25 scores of all sentences and of all passages."""
        return self._of_sentences.scores(stems), self._of_passages.scores(stems)

    def rarity(self, stem: str) -> float:
        """Return the inverse document frequency of a stem over sentences, from 0 to 1 (not in the corpus)."""
        total = self._of_sentences.count
        frequency = self.vocabulary.frequencies.get(stem, 0)
        most = math.log(1 + (total + 0.5) / 0.5)
        return math.log(1 + (total - frequency + 0.5) / (frequency + 0.5)) / most


def contexts_of(parts: Sequence[PreparedSegment]) -> tuple[str, ...]:
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
