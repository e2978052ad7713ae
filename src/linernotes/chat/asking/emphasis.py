"""Which words of an answer's sentences answer the question: what is shown in bold."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from linernotes.words import STOP_WORDS, find_words

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Span = tuple[int, int]

_MONTH = (
    r"(?:January|February|March|April|May|June|July|August|September|October|November|December)"
    r"(?:\s+\d{1,2}(?:st|nd|rd|th)?)?(?:,?\s+\d{4})?"
)
_WHEN: Final = re.compile(
    rf"\b\d{{1,2}}\s+{_MONTH}\b|\b{_MONTH}(?!\w)|\b(?:early |late |mid-)?(?:1[0-9]|20)\d\d(?:s|[-–]\d\d+)?\b"  # noqa: RUF001  the dash of a span of years
    r"|\b(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day\b|\b[A-Z]\w+ (?:Day|Eve)\b"
    r"|\b(?:just )?(?:under|over|about|nearly|more than|less than)?\s*(?:\w+|\d+) (?:second|minute|hour|day"
    r"|week|month|year|decade)s? (?:before|after|ago|later|earlier)\b"
)
_NUMBER: Final = re.compile(
    r"(?:[$€£]\s?)?\b\d[\d,.]*(?:\s?%|-\w+)?(?:\s(?:million|billion|thousand|percent))?(?!\w)|\b(?:one|two|three|"
    r"four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fifteen|twenty|thirty|forty|fifty|hundred|"
    r"thousand|million|dozen|ten)s?\b",
    re.IGNORECASE,
)
_CAPITAL: Final = r"[A-Z][\w’'.-]*[\w]"  # noqa: RUF001  the typographic apostrophe is meant
_NAME: Final = re.compile(rf"{_CAPITAL}(?:\s+(?:(?:of|the|de|van|von|and|&)\s+)?{_CAPITAL})*")
_WHY: Final = re.compile(
    r"\b(?:because|in order to|so that|due to|thanks to)\b[^,.;:]*|\bon [^,.;:]*charges?\b"
)
_CLAUSE: Final = re.compile(r"[^,;:—–]+")  # noqa: RUF001  the dashes are meant

_ASKS: Final = re.compile(
    r"\b(?:(?P<why>why)|(?P<when>when|(?:what|which) (?:year|date|day|month))"
    r"|(?P<number>how (?:many|much|old|long))|(?P<name>who|whom|whose|where|(?:what|which) (?:\w+ )?(?:city"
    r"|country|artist|person|name|rapper|singer|band|label|comedian|magazine|outlet)))\b",
    re.IGNORECASE,
)


def emphasis(question: str, sentences: Sequence[str], best: int) -> tuple[tuple[Span, ...], ...]:
    """Return, for each sentence, the spans of the words that answer ``question``.

    The kind of thing that is asked for (a name, a time, a number, a reason) is looked for in the sentence at
    ``best``, then in the others. Where none is found, it is the clause of the best sentence that speaks most
    of what is asked, unless that is the whole answer: to mark everything marks nothing.
    """
    asked = _ASKS.search(question)
    spans: list[tuple[Span, ...]] = [() for _ in sentences]
    if asked is not None and asked.lastgroup is not None:
        find = _FINDERS[asked.lastgroup]
        order = sorted(range(len(sentences)), key=lambda number: number != best)
        for number in order:
            if found := find(question, sentences[number]):
                spans[number] = found
                return tuple(spans)
    if (
        sentences
        and (clause := _clause(question, sentences[best]))
        and len(" ".join(sentences)) > _length(clause)
    ):
        spans[best] = (clause,)
    return tuple(spans)


def _names(question: str, sentence: str) -> tuple[Span, ...]:
    asked = {word.stem for word in find_words(question)}
    found = []
    for name in _NAME.finditer(sentence):
        words = find_words(name[0])
        # The first word of a sentence is written large whatever it is.
        common = name.start() == 0 and len(words) == 1 and words[0].text in STOP_WORDS
        # What stands in quotation marks by itself is a title.
        title = sentence[: name.start()].endswith(("“", '"')) and sentence[name.end() :].startswith(
            ("”", '"')
        )
        if words and not common and not title and not {word.stem for word in words} <= asked:
            possessive = 2 if name[0].endswith(("’s", "'s")) else 0  # noqa: RUF001  the typographic one is meant
            found.append(_trimmed(sentence, (name.start(), name.end() - possessive)))
    return tuple(found)


def _matches(pattern: re.Pattern[str]) -> Callable[[str, str], tuple[Span, ...]]:
    def find(question: str, sentence: str) -> tuple[Span, ...]:
        asked = {word.text for word in find_words(question)}
        return tuple(
            _trimmed(sentence, found.span())
            for found in pattern.finditer(sentence)
            if found[0].strip() and not {word.text for word in find_words(found[0])} <= asked
        )

    return find


_FINDERS: Final[dict[str, Callable[[str, str], tuple[Span, ...]]]] = {
    "name": _names,
    "when": _matches(_WHEN),
    "number": _matches(_NUMBER),
    "why": _matches(_WHY),
}


def _clause(question: str, sentence: str) -> Span | None:
    asked = {word.stem for word in find_words(question) if not word.is_stop}
    clauses = [_trimmed(sentence, found.span()) for found in _CLAUSE.finditer(sentence)]
    scored = [
        (len({word.stem for word in find_words(sentence[start:end])} & asked), (start, end))
        for start, end in clauses
        if end > start
    ]
    return max(scored, key=lambda each: each[0])[1] if scored else None


def _length(span: Span) -> int:
    return span[1] - span[0] + 1


def _trimmed(text: str, span: Span) -> Span:
    start, end = span
    while start < end and not text[start].isalnum() and text[start] not in '$€£“"(':
        start += 1
    while end > start and not text[end - 1].isalnum() and text[end - 1] not in '%”")':
        end -= 1
    return start, end
