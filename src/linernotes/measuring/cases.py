"""Questions with known answers, and expected quotations: their files in, checked values out."""

from __future__ import annotations

import json
import math
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

from linernotes.errors import QuestionFileError
from linernotes.measuring.json_lines import rows, text_of, texts_of

if TYPE_CHECKING:
    from collections.abc import Sequence

Kind = Literal["answerable", "followup", "near", "off"]
KINDS: tuple[Kind, ...] = get_args(Kind)

OFF_TOPIC = 600
"""How many of the other articles' questions are asked, all articles together, when there are as many."""


@dataclass(frozen=True, slots=True)
class Case:
    """A question with what is known about its answer; ``gold`` is empty for what the corpus does not say.

    Twins, questions of one form of which one can be answered and the other is a near miss, have the same
    ``pair``; elsewhere it is empty.
    """

    id: str
    kind: Kind
    question: str
    gold: tuple[str, ...] = ()
    history: tuple[str, ...] = ()
    pair: str = ""

    @property
    def is_answerable(self) -> bool:
        """Say whether the corpus holds an answer."""
        return self.kind in {"answerable", "followup"}


@dataclass(frozen=True, slots=True)
class Article:
    """A corpus of one text with its questions; ``text`` is ``None`` where the corpus is given otherwise."""

    title: str
    text: str | None
    cases: tuple[Case, ...]


@dataclass(frozen=True, slots=True)
class Expected:
    """A quotation that the corpus holds; ``speaker`` is ``None`` where the text names nobody."""

    document: str
    text: str
    speaker: str | None


def read_cases(data: bytes, name: str) -> tuple[Article, ...]:
    """Read our JSON Lines (one article without a text) or a SQuAD 2.0 file.

    Raises:
        QuestionFileError: the file is neither, or holds no question.
    """
    squad = _squad(data)
    articles = _read_lines(data, name) if squad is None else _read_squad(squad, name)
    if not any(article.cases for article in articles):
        raise QuestionFileError(name, "holds no question.")
    return articles


def read_expected(data: bytes, name: str) -> tuple[Expected, ...] | None:
    """Read a file of expected quotations: JSON Lines with ``file``, ``text`` and ``speaker``.

    Returns:
        the quotations, or ``None`` where the first line is not of such a file.

    Raises:
        QuestionFileError: a line is not as it should be.
    """
    first = next((line for line in data.splitlines() if line.strip()), b"")
    if b'"file"' not in first or b'"kind"' in first:
        return None
    found: list[Expected] = []
    for line, row in rows(data, name):
        speaker = None if row.get("speaker") is None else text_of(row, "speaker", name, line)
        found.append(Expected(text_of(row, "file", name, line), text_of(row, "text", name, line), speaker))
    return tuple(found)


def _squad(data: bytes) -> list[Any] | None:
    """Return the articles of a SQuAD file, or ``None`` for any other."""
    try:
        whole = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return None
    articles = whole.get("data") if isinstance(whole, dict) else None
    return articles if isinstance(articles, list) else None


def _read_lines(data: bytes, name: str) -> tuple[Article, ...]:
    cases: list[Case] = []
    for line, row in rows(data, name):
        kind = row.get("kind")
        if kind not in KINDS:
            raise QuestionFileError(name, f'the "kind" is none of {", ".join(KINDS)}.', line)
        gold = texts_of(row, "gold", name, line)
        case = Case(
            str(row.get("id", line)),
            kind,
            text_of(row, "question", name, line),
            gold,
            texts_of(row, "history", name, line),
            str(row.get("pair", "")),
        )
        if case.is_answerable and not any(map(str.strip, gold)):
            raise QuestionFileError(name, 'has no "gold" answer.', line)
        cases.append(case)
    return (Article(name, None, tuple(cases)),)


def _read_squad(data: Sequence[Any], name: str) -> tuple[Article, ...]:
    articles: list[Article] = []
    for number, article in enumerate(data, 1):
        try:
            paragraphs = article["paragraphs"]
            text = "\n\n".join(paragraph["context"] for paragraph in paragraphs)
            cases = [_squad_case(each) for paragraph in paragraphs for each in paragraph["qas"]]
            title = str(article.get("title") or f"Article {number}")
        except (KeyError, TypeError, AttributeError) as error:
            raise QuestionFileError(
                name, f"article {number} is not in SQuAD 2.0's format ({error})."
            ) from None
        articles.append(Article(title, text, tuple(cases)))
    return tuple(
        Article(article.title, article.text, article.cases + _strangers(articles, position))
        for position, article in enumerate(articles)
    )


def _squad_case(row: dict[str, Any]) -> Case:
    gold = tuple(dict.fromkeys(str(answer["text"]) for answer in row.get("answers", ())))
    missing = bool(row.get("is_impossible", False))
    if not missing and not gold:
        raise KeyError("answers")
    return Case(
        str(row.get("id", "")),
        "near" if missing else "answerable",
        str(row["question"]),
        () if missing else gold,
    )


def _strangers(articles: Sequence[Article], position: int) -> tuple[Case, ...]:
    """Return this article's share of the off-topic questions, which are other articles'; always the same."""
    others = [case for at, article in enumerate(articles) if at != position for case in article.cases]
    share = min(len(others), math.ceil(OFF_TOPIC / len(articles)))
    chosen = random.Random(position).sample(others, share)  # noqa: S311  nothing is kept secret by it
    return tuple(Case(f"off {case.id}", "off", case.question) for case in chosen)
