"""The words of a text: lower case, stem and place. Retrieval and answering count the same ones.

And how many of a thing there are, in words.
"""

from __future__ import annotations

import re
import threading
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

import Stemmer

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")  # noqa: RUF001  the typographic apostrophe is meant
_POSSESSIVE = re.compile(r"['’]s$")  # noqa: RUF001

# Words that say how a question is put, not what it is about.
STOP_WORDS = frozenset(
    "a an the of in on at to for from by with and or but as is are was were be been being am do does"
    " did done has have had having what which who whom whose when where why how that this these those it"
    " its he she they his her their him them i me my you your we us our not no so than then there here"
    " if about into over also can could would should will may might must s t whats whos whens wheres"
    " hows theres".split()
)

# A Snowball stemmer (Porter 2001) keeps state between words: one for each thread.
_local = threading.local()


@dataclass(frozen=True, slots=True)
class Word:
    """A word at ``text[start:end]``: ``text`` in lower case without a possessive ending, and its stem."""

    start: int
    end: int
    text: str
    stem: str

    @property
    def is_stop(self) -> bool:
        """Say whether the word only says how a question is put."""
        return self.text in STOP_WORDS


def find_words(text: str) -> tuple[Word, ...]:
    """Return the words of ``text`` in order."""
    found = list(_WORD.finditer(text))
    plain = [_POSSESSIVE.sub("", each[0].lower()).replace("’", "'") for each in found]  # noqa: RUF001
    return tuple(
        Word(each.start(), each.end(), word, stem)
        for each, word, stem in zip(found, plain, stem_words(plain), strict=True)
    )


def stem_words(words: list[str]) -> list[str]:
    """Return the stem of each word."""
    if not hasattr(_local, "stemmer"):
        _local.stemmer = Stemmer.Stemmer("english")
    stems: list[str] = _local.stemmer.stemWords(words)
    return stems


def holds(text: str, wanted: Iterable[str]) -> bool:
    """Say whether ``text`` has one of the wanted phrases, word for word, without case and punctuation."""
    words = f" {' '.join(bare_words(text))} "
    return any(f" {' '.join(phrase)} " in words for phrase in map(bare_words, wanted) if phrase)


def bare_words(text: str) -> list[str]:
    """Return the words of ``text`` without case and punctuation."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    # A sign on its own ("C#", "%") is all that some phrases have.
    return re.findall(r"[^\W_]+", plain) or plain.split()


def counted(number: int, what: str) -> str:
    """Say how many there are: "1 passage", "2 passages"."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


class Spellings:
    """Finds among many words those that another may be a slip of.

    Likeness is Damerau and Levenshtein's: 1 less the share of letters that are too many, too few, others, or
    in their neighbour's place.
    """

    def __init__(self, words: Iterable[str]) -> None:
        """Take the words, in the order in which they are found."""
        self._by_length: dict[int, list[str]] = {}
        self._order = {word: at for at, word in enumerate(words)}
        for word in self._order:
            self._by_length.setdefault(len(word), []).append(word)

    def near(
        self, word: str, least: float, lengths: Collection[int] | None = None
    ) -> list[tuple[str, float]]:
        """Return the words that are as like ``word`` as ``least`` says (0 to 1), each with its likeness.

        Args:
            word: what may be a slip.
            least: the likeness.
            lengths: how long the words are to be; by default, any length.
        """
        from rapidfuzz import process
        from rapidfuzz.distance import OSA, DamerauLevenshtein

        size = len(word)
        # What is shorter or longer than that has too many letters too few, or too many.
        may_be = [
            length
            for length in (self._by_length if lengths is None else lengths)
            if length in self._by_length and min(length, size) >= least * max(length, size)
        ]
        choices = [each for length in sorted(may_be) for each in self._by_length[length]]
        if not choices:
            return []
        # Of many, first what a quicker count finds likely: for these, it is at most half as much again.
        rough = process.cdist(
            [word], choices, scorer=OSA.normalized_similarity, score_cutoff=1 - 1.5 * (1 - least)
        )[0]
        found = process.extract(
            word,
            [choices[at] for at in rough.nonzero()[0].tolist()],
            scorer=DamerauLevenshtein.normalized_similarity,
            score_cutoff=least,
            limit=None,
        )
        found.sort(key=lambda each: self._order[each[0]])
        return [(each, likeness) for each, likeness, _ in found]
