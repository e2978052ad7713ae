"""Files in SQuAD's format, 1.1 or 2.0 (Rajpurkar et al. 2016, 2018) -> articles by sentences, questions."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from linernotes.corpus.sentences import find_sentences
from linernotes.errors import QuestionFileError
from linernotes.measuring.json_lines import load

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    Range = tuple[int, int]

_GZIP = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class Question:
    """A question about a paragraph of an article; ``gold`` is where the article answers, if it does.

    ``lure`` is the sentence that a careless reader takes for the answer, where that is known; ``history`` are
    the questions that this one leans on, oldest first.
    """

    article: int
    paragraph: int
    text: str
    gold: Gold | None
    answers: tuple[str, ...]
    lure: int | None = None
    history: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Gold:
    """The sentence of an article that answers, and the answer's offsets in it."""

    sentence: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Article:
    """A title and sentences; ``paragraphs`` has each one's half-open range, ``words`` each one's length.

    ``headings`` has the heading of each paragraph, the title with it; none where the file has none.
    """

    title: str
    sentences: tuple[str, ...]
    paragraphs: tuple[Range, ...]
    words: tuple[int, ...]
    headings: tuple[str, ...] = ()

    def paragraph_of(self, sentence: int) -> Range:
        """Return the range of the paragraph that a sentence stands in."""
        return self.paragraphs[self.number_of(sentence)]

    def number_of(self, sentence: int) -> int:
        """Return which paragraph a sentence stands in."""
        return next(at for at, (low, high) in enumerate(self.paragraphs) if low <= sentence < high)

    def heading_of(self, sentence: int) -> str:
        """Return what stands above a sentence: the heading, or the title."""
        return self.headings[self.number_of(sentence)] if self.headings else self.title


def read_squad(file: str, number: int = 0) -> tuple[list[Article], list[Question]]:
    """Read a file, gzipped or not; a question whose answer lies in no single sentence is left out.

    Args:
        file: its name.
        number: of its first article.

    Raises:
        QuestionFileError: it cannot be read, or is not in SQuAD's format.
    """
    articles: list[Article] = []
    questions: list[Question] = []
    try:
        for row in json.loads(_unzipped(load(file)))["data"]:
            article, asked = _read(row, number + len(articles))
            articles.append(article)
            questions += asked
    except (ValueError, KeyError, TypeError, AttributeError, EOFError, gzip.BadGzipFile) as error:
        raise QuestionFileError(file, f"is not in SQuAD's format ({error!r}).") from error
    return articles, questions


def _unzipped(data: bytes) -> bytes:
    return gzip.decompress(data) if data.startswith(_GZIP) else data


def _read(row: dict[str, Any], number: int) -> tuple[Article, list[Question]]:
    sentences: list[str] = []
    paragraphs: list[Range] = []
    questions: list[Question] = []
    for paragraph in row["paragraphs"]:
        text, first = paragraph["context"], len(sentences)
        spans = find_sentences(text, 0, len(text), "en")
        sentences += [text[low:high] for low, high in spans]
        paragraphs.append((first, len(sentences)))
        for asked in paragraph["qas"]:
            answers = tuple(dict.fromkeys(each["text"] for each in asked["answers"]))
            impossible = bool(asked.get("is_impossible")) or not answers
            gold = None if impossible else _find(asked["answers"], text, spans, first)
            if spans and (impossible or gold is not None):
                questions.append(
                    Question(number, len(paragraphs) - 1, asked["question"].strip(), gold, answers)
                )
    title = unquote(row["title"]).replace("_", " ")
    words = tuple(len(each.split()) for each in sentences)
    return Article(title, tuple(sentences), tuple(paragraphs), words), questions


def _find(answers: Sequence[dict[str, Any]], text: str, spans: Sequence[Range], first: int) -> Gold | None:
    """Return where the answer lies that most people gave; of two, the shorter."""
    for start, stop in _given(answers, text):
        for at, (low, high) in enumerate(spans):
            if low <= start and stop <= high:
                return Gold(first + at, start - low, stop - low)
    return None


def _given(answers: Sequence[dict[str, Any]], text: str) -> Iterator[Range]:
    """Yield the answers as offsets, those given most often first; wrong offsets are passed over."""
    given = Counter((each["answer_start"], each["answer_start"] + len(each["text"])) for each in answers)
    right = {(each["answer_start"], each["text"]) for each in answers}
    for start, stop in sorted(given, key=lambda each: (-given[each], each[1] - each[0])):
        if (start, text[start:stop]) in right:
            yield start, stop
