"""A question and a list of documents -> those that it names: by title, artist, heading, speaker or file.

A name counts when all of its words stand in the question, in a row; a letter too many, too few or in the
wrong place does not matter in a longer word. The longest names count: who asks for "Harbour Lights" does not
ask for "Harbour".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Protocol

from linernotes.words import Spellings, find_words

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from linernotes.models import Document, Quote
    from linernotes.words import Word


class Names(Protocol):
    """Who knows what a corpus writes as a name or in small letters, and the documents' quotations."""

    def is_name(self, word: str) -> bool: ...  # noqa: D102  said above

    def is_common(self, word: str) -> bool: ...  # noqa: D102  said above

    def quotes_of(self, document: str) -> tuple[Quote, ...]: ...  # noqa: D102  said above


# A word this long may have a slip, if it is this like the name (1 is the same).
SHORTEST_SLIP = 5
LEAST_LIKENESS = 0.79
# What one artist's name ends at.
_BETWEEN = re.compile(r"\s*(?:,|;|/|&|\+|\(|\)|\b(?:and|with|feat|featuring|ft|x|vs)\b\.?)\s*", re.IGNORECASE)
_IN_BRACKETS = re.compile(r"\s*[(\[].*?[)\]]")
_FILE_SIGNS = re.compile(r"[-_.\s]+")


@dataclass(frozen=True, slots=True)
class Named:
    """The documents that a question names.

    ``is_sure`` is false where the name is one plain word that can be meant as any other ("run").
    """

    documents: frozenset[str]
    is_sure: bool


@dataclass(frozen=True, slots=True)
class _Name:
    words: tuple[Word, ...]
    is_person: bool
    document: str


def leave_unnamed(question: str, document: Document) -> str | None:
    """Return ``question`` with "it" for a document's title; ``None`` where it does not say that.

    A title that is one word counts only where it is written as a name: "run" is said of anybody.
    """
    if not document.title or not document.language.startswith("en"):
        return None
    bare = _IN_BRACKETS.sub("", document.title)
    titles = {document.title, bare, bare.rpartition(" by ")[0]}
    for title in sorted((each.strip(' "“”‘’') for each in titles), key=len, reverse=True):  # noqa: RUF001
        words = [re.escape(each) for each in title.split()]
        if not words:
            continue
        name = r"\s+".join(words)
        form = rf"[\"“‘]?\b(?:the\s+)?{name}\b[\"”]?(?!['’])"  # noqa: RUF001  typographic marks are meant
        for found in re.finditer(form, question, re.IGNORECASE):
            is_written_as_name = found[0].strip('"“”‘') != found[0] or (  # noqa: RUF001
                found[0][0].isupper() and (found.start() > 0 or found[0].isupper())
            )
            if len(words) > 1 or is_written_as_name:
                return f"{question[: found.start()]}it{question[found.end() :]}"
    return None


def artists_of(document: Document) -> tuple[str, ...]:
    """Return whom a document's metadata say that it is by, the first one first."""
    return tuple(filter(None, _BETWEEN.split(document.artist or "")))


class DocumentNames:
    """What the documents of an edition can be named by; made once for each edition."""

    def __init__(self, documents: Sequence[Document], corpus: Names) -> None:
        """Collect the names."""
        self._corpus = corpus
        self._count = len(documents)
        self._names: list[_Name] = []
        for document in documents if len(documents) > 1 else ():
            for name, is_person in dict.fromkeys(_names_of(document, corpus)):
                words = find_words(name)
                if words and not all(word.is_stop for word in words):
                    self._names.append(_Name(words, is_person, document.name))
        self._spellings = Spellings(sorted({word.text for name in self._names for word in name.words}))
        # The names that a word may begin, or, of persons, end: of thousands, few are held against a question.
        self._by_text: dict[str, list[int]] = {}
        self._by_stem: dict[str, list[int]] = {}
        for at, each in enumerate(self._names):
            for word in {each.words[0], each.words[-1]} if each.is_person else {each.words[0]}:
                self._by_text.setdefault(word.text, []).append(at)
                self._by_stem.setdefault(word.stem, []).append(at)

    def find(self, question: str) -> Named | None:
        """Return the documents that ``question`` names; ``None`` where it names none, or all of them."""
        asked = find_words(question)
        same = [self._same(word) for word in asked]
        if not any(same):
            return None
        found: list[tuple[int, bool, str]] = []
        for name in self._near(asked, same):
            words = name.words
            if (at := _place(words, asked, same)) is not None:
                sure = len(words) > 1 or self._is_written_as_name(question, asked[at], words[0])
                found.append((len(words), sure, name.document))
            elif name.is_person and len(words) > 1 and (at := _place(words[-1:], asked, same)) is not None:
                # A person is called by the last name alone.
                found.append((1, self._is_written_as_name(question, asked[at], words[-1]), name.document))
        if not found:
            return None
        is_sure = any(sure for _, sure, _ in found)
        found = [each for each in found if each[1] or not is_sure]
        longest = max(length for length, _, _ in found)
        chosen = frozenset(document for length, _, document in found if length == longest)
        return None if len(chosen) == self._count else Named(chosen, is_sure)

    def _near(self, asked: Sequence[Word], same: Sequence[frozenset[str]]) -> list[_Name]:
        """Return the names of which a word of the question may be the first, or a person's last."""
        found = {at for words in same for word in words for at in self._by_text.get(word, ())}
        found.update(at for word in asked for at in self._by_stem.get(word.stem, ()))
        return [self._names[at] for at in sorted(found)]

    def _same(self, asked: Word) -> frozenset[str]:
        """Return those words of names that a word of the question can be meant for."""
        if asked.is_stop or len(asked.text) < SHORTEST_SLIP:
            return frozenset([asked.text])
        near = self._spellings.near(asked.text, LEAST_LIKENESS)
        return frozenset([asked.text, *(word for word, _ in near if len(word) >= SHORTEST_SLIP)])

    def _is_written_as_name(self, question: str, asked: Word, word: Word) -> bool:
        """Say whether a single word of the question can only be the name.

        It is written large within the sentence, or stands in marks, or the corpus has it as a name alone.
        """
        if question[asked.start].isupper() and (
            asked.start > 0 or question[asked.start : asked.end].isupper()
        ):
            return True
        if asked.start and question[asked.start - 1] in "\"'“‘«*_":  # noqa: RUF001  typographic marks are meant
            return True
        return self._corpus.is_name(word.text) and not self._corpus.is_common(word.text)


def _names_of(document: Document, names: Names) -> Iterable[tuple[str, bool]]:
    """Yield what a document can be named by, and whether that is a person."""
    if document.title:
        yield document.title, False
        # Many titles name song and artist, or a kind of text and a song.
        song, by, artist = document.title.rpartition(" by ")
        if by:
            yield song, False
            yield artist, True
        for part in re.split(r"\s*[:|–—]\s+", document.title):  # noqa: RUF001  the dashes are meant
            if part != document.title and len(find_words(part)) > 1:
                yield part, False
    yield _FILE_SIGNS.sub(" ", PurePosixPath(document.name).stem), False
    for artist in artists_of(document):
        yield artist, True
    for block in document.blocks:
        if block.kind == "heading":
            heading = document.text[block.start : block.end]
            content = [word for word in find_words(heading) if not word.is_stop]
            if content and all(names.is_name(word.text) for word in content):
                yield heading, False
    for speaker in {quote.speaker for quote in names.quotes_of(document.name)}:
        yield speaker or "", True


def _place(words: Sequence[Word], asked: Sequence[Word], same: Sequence[frozenset[str]]) -> int | None:
    """Return where in the question the words stand in a row; ``None`` where they do not."""
    for at in range(len(asked) - len(words) + 1):
        if all(word.text in same[at + i] or word.stem == asked[at + i].stem for i, word in enumerate(words)):
            return at
    return None
