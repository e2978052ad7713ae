"""Questions as members ask them, with the texts that they are about -> articles by sentences, questions.

The files are those of `evaluate` (``kind``, ``question``, ``gold``, ``history``), each with its texts. A line
may have a ``sentence``, too: the one that answers, or the one that seems to.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from linernotes.corpus.cohesion import sections
from linernotes.corpus.quotes import find_questions, find_quotes
from linernotes.measuring.json_lines import load, rows, text_of, texts_of
from linernotes.measuring.training.squad import Article, Gold, Question
from linernotes.reading.windows import heading_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from linernotes.models import Document

_NO_ANSWER = "near"


@dataclass(frozen=True, slots=True)
class _Section:
    """A heading with the title before it, and the sentences below it."""

    heading: str
    sentences: tuple[str, ...]


def read_members(file: str, documents: Sequence[Document], number: int) -> tuple[Article, list[Question]]:
    """Read a file of questions about documents, as the article ``number``; what is off topic is left out.

    Windows end where a section ends, as they do when members ask. A question whose answer lies in no single
    sentence is left out.

    Raises:
        QuestionFileError: the file cannot be read, or is not as it should be.
    """
    found = [each for document in documents for each in _sections(document)]
    sentences = tuple(each for section in found for each in section.sentences)
    paragraphs, at = [], 0
    for section in found:
        paragraphs.append((at, at + len(section.sentences)))
        at += len(section.sentences)
    article = Article(
        title=next((each.title for each in documents if each.title), ""),
        sentences=sentences,
        paragraphs=tuple(paragraphs),
        words=tuple(len(each.split()) for each in sentences),
        headings=tuple(each.heading for each in found),
    )
    return article, [*_questions(file, article, number)]


def _sections(document: Document) -> Iterator[_Section]:
    for path, pieces in sections(document, find_quotes(document), find_questions(document)):
        texts = tuple(" ".join(document.text[each.start : each.end].split()) for each in pieces)
        yield _Section(heading_of(document.title, path, document.artist), texts)


def _questions(file: str, article: Article, number: int) -> Iterator[Question]:
    for line, row in rows(load(file), file):
        kind, text = row.get("kind"), text_of(row, "question", file, line)
        answers = tuple(" ".join(each.split()) for each in texts_of(row, "gold", file, line))
        history = texts_of(row, "history", file, line)
        told = str(row.get("sentence") or "")
        if kind == _NO_ANSWER:
            lure = _likest(article.sentences, range(len(article.sentences)), told) if told else None
            yield Question(number, article.number_of(lure or 0), text, None, (), lure, history)
        gold = _find(article.sentences, answers, told or text)
        if gold is not None:
            paragraph = article.number_of(gold.sentence)
            yield Question(number, paragraph, text, gold, answers, history=history)


def _find(sentences: Sequence[str], answers: Sequence[str], like: str) -> Gold | None:
    """Return where the first answer stands that stands anywhere, in the sentence that is most like a text."""
    for answer in answers:
        holding = [at for at, each in enumerate(sentences) if answer and answer in each]
        if holding:
            at = _likest(sentences, holding, like)
            start = sentences[at].index(answer)
            return Gold(at, start, start + len(answer))
    return None


def _likest(sentences: Sequence[str], among: Sequence[int], like: str) -> int:
    """Return the sentence that shares most words with a text, by the share of all words of both."""
    wanted = Counter(like.lower().split())

    def share(at: int) -> float:
        words = Counter(sentences[at].lower().split())
        return (wanted & words).total() / max((wanted | words).total(), 1)

    return max(among, key=share)
