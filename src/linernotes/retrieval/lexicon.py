"""The words of an edition: which there are, and how well its sentences and passages fit those of a question.

The fit is BM25's (Robertson et al. 1994, ``bm25s``).
"""

from __future__ import annotations

import json
import math
from bisect import bisect_left
from collections import Counter
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from linernotes.errors import EditionDamagedError
from linernotes.words import find_words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from linernotes.models import Floats, PreparedSegment

_VOCABULARY = "vocabulary.json"
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


class Lexicon:
    """The words of an edition's sentences and passages; never changed once it is made."""

    def __init__(
        self, vocabulary: Vocabulary, sizes: tuple[int, int], of_sentences: Any, of_passages: Any
    ) -> None:
        """Take what was built; see ``build`` and ``load``."""
        self.vocabulary = vocabulary
        self.names = frozenset(vocabulary.names)
        self.common = frozenset(vocabulary.common)
        self._sizes = sizes
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
        return cls(vocabulary, (len(sentences), len(passages)), _bm25(stems), _bm25(passages))

    def save(self, folder: Path) -> None:
        """Write all to a folder."""
        for name, bm25 in (("sentences", self._of_sentences), ("passages", self._of_passages)):
            if bm25 is not None:
                bm25.save(folder / f"bm25-{name}", show_progress=False)
        (folder / _VOCABULARY).write_text(json.dumps(asdict(self.vocabulary)), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path, sizes: tuple[int, int]) -> Lexicon:
        """Read what ``save`` has written, of so many sentences and passages.

        Raises:
            EditionDamagedError: it is of another number.
        """
        import bm25s

        of_sentences, of_passages = (
            bm25s.BM25.load(folder / f"bm25-{name}", show_progress=False)
            if (folder / f"bm25-{name}").is_dir()
            else None
            for name in ("sentences", "passages")
        )
        for bm25, size in zip((of_sentences, of_passages), sizes, strict=True):
            if bm25 is not None and bm25.scores["num_docs"] != size:
                raise EditionDamagedError(f"{folder} does not fit its documents.")
        stored = json.loads((folder / _VOCABULARY).read_text(encoding="utf-8"))
        vocabulary = Vocabulary(
            stored["frequencies"], *(tuple(stored[name]) for name in ("words", "names", "common"))
        )
        return cls(vocabulary, sizes, of_sentences, of_passages)

    @property
    def nbytes(self) -> int:
        """Return how much memory this takes, in bytes, about."""
        words = len(self.vocabulary.frequencies) + len(self.vocabulary.words)
        scores = sum(
            array.nbytes
            for bm25 in (self._of_sentences, self._of_passages)
            if bm25 is not None
            for array in bm25.scores.values()
            if isinstance(array, np.ndarray)
        )
        return scores + WORD_BYTES * words

    def scores(self, stems: Sequence[str]) -> tuple[Floats, Floats]:
        """Return the BM25 scores of all sentences and of all passages."""
        of_sentences, of_passages = (
            np.zeros(size, np.float32) if bm25 is None or not stems else bm25.get_scores(list(stems))
            for bm25, size in zip((self._of_sentences, self._of_passages), self._sizes, strict=True)
        )
        return of_sentences, of_passages

    def rarity(self, stem: str) -> float:
        """Return the inverse document frequency of a stem over sentences, from 0 to 1 (not in the corpus)."""
        total = self._sizes[0]
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


def _bm25(texts: Sequence[Sequence[str]]) -> Any:
    """Return BM25 over texts given as stems; ``None`` where no text has one, which ``bm25s`` cannot index."""
    import bm25s

    if not any(texts):
        return None
    index = bm25s.BM25(k1=1.2, b=0.75, method="lucene")
    index.index([list(stems) for stems in texts], show_progress=False)
    return index
