"""A question and sentences -> whether they have what it asks for: a number, a date, a name, a reason.

A passage can be near to a question in all but the one thing that is asked for. What is said here is evidence
for the judgement, weighed with the rest: each figure has a weight that was learned, or it would not be here.
"""

from __future__ import annotations

import functools
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from linernotes.words import find_words

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from linernotes.words import Word

_NUMBER = re.compile(
    r"\d|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen"
    r"|seventeen|eighteen|nineteen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|hundred|thousand"
    r"|million|billion|dozen|half|once|twice|third|quarter|several|many|few|no|none|both|single|only)\b",
    re.IGNORECASE,
)
_MONEY = re.compile(
    r"\d|%|\b(?:dollars?|pounds?|euros?|cents?|pence|thousand|million|billion|free|percent|per cent)\b",
    re.IGNORECASE,
)
_YEAR = re.compile(
    r"\b1\d{3}s?\b|\b20\d\ds?\b|\b\d\ds\b|\bcentur(?:y|ies)\b|\byears? (?:ago|later|before|earlier|after)\b",
    re.IGNORECASE,
)
_DATE = re.compile(
    r"\b(?:1\d{3}|20\d\d)s?\b|\d(?:st|nd|rd|th)\b|\d\ds\b"
    r"|\b(?:January|February|March|April|May|June|July|August|September|October|November|December|Christmas"
    r"|Easter|(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)days?)\b"
    r"|\b(?i:century|centuries|decades?|morning|afternoon|evening|night|noon|midnight|yesterday|today|spring"
    r"|summer|autumn|winter|years?|weeks?|months?|days?|hours?|minutes?|o.clock|during|before|after|until|since"
    r"|when|while|once|as soon)\b"
)
_PLACE = re.compile(
    r"\b(?:in|at|on|near|to|from|into|onto|above|below|under|beside|between|behind|across|outside|inside|off"
    r"|through|around|over|by|along|within)\b",
    re.IGNORECASE,
)
_REASON = re.compile(
    r"\b(?:because|since|so|due|owing|in order|as a result|therefore|thus|hence|reasons?|causes?d?|led to"
    r"|avoid|fear|thanks to|after|when|for|by|but|without|could not|couldn.t|wanted|needed|not)\b"
    r"|\bto (?!the\b|a\b|an\b|his\b|her\b|its\b|their\b|this\b|that\b)\w+",
    re.IGNORECASE,
)

# The first that fits is what a question asks for.
_KINDS = tuple(
    (name, re.compile(pattern, re.IGNORECASE))
    for name, pattern in (
        ("number", r"\bhow many\b|\bwhat (?:number|percent\w*|fraction|proportion)\b"),
        ("money", r"\bhow much\b|\bwhat (?:amount|price|cost|sum)\b"),
        (
            "measure",
            (
                r"\bhow (?:long|far|tall|high|deep|wide|old|big|large|often|fast|heavy|late|early|soon)\b"
                r"|\bhow young\b|\bwhat age\b"
            ),
        ),
        ("year", r"\b(?:what|which) (?:year|century|decade)\b"),
        ("date", r"\bwhen\b|\b(?:what|which) (?:date|day|month|time)\b"),
        (
            "name",
            (
                r"\bwho(?:m|se|s|'s)?\b|\b(?:real|full|first|last|middle) names?\b|\bnames? of\b"
                r"|\bwhat(?:'s|s| is| was| are| were) .*\bnames?\b"
            ),
        ),
        (
            "place",
            (
                r"\bwhere\b|\b(?:what|which) (?:city|country|state|town|place|county|continent|region|street"
                r"|river|village|location|area)\b"
            ),
        ),
        ("reason", r"\bwhy\b|\bhow come\b"),
    )
)
# What is new in a sentence must have one of these; a place and a reason may repeat words of the question.
_NEW = {"number": _NUMBER, "money": _MONEY, "measure": _NUMBER, "year": _YEAR, "date": _DATE}
_ANY = {"place": _PLACE, "reason": _REASON}

_DENIES = re.compile(
    r"\b(?:not|never|no|none|nobody|nothing|neither|nor|without|cannot|fail(?:ed|s|ing)?|refus\w+|lack\w*"
    r"|un\w+able|hardly|least|except)\b|n't\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a question asks for; ``kind`` is ``None`` where no kind of words would tell an answer."""

    question: str
    kind: str | None
    stems: frozenset[str]

    @property
    def denies(self) -> bool:
        """Say whether the question has a word like "not" or "fail"."""
        return _DENIES.search(self.question) is not None


def read(question: str) -> Wanted:
    """Say what a question asks for."""
    kind = next((name for name, pattern in _KINDS if pattern.search(question)), None)
    return Wanted(question, kind, frozenset(word.stem for word in words_of(question) if not word.is_stop))


@functools.lru_cache(maxsize=8192)
def words_of(text: str) -> tuple[Word, ...]:
    """Return the words of a text; the sentences of a corpus are read again with every question."""
    return find_words(text)


def denies(text: str) -> bool:
    """Say whether a text has a word like "not" or "fail"."""
    return _DENIES.search(text) is not None


def has(wanted: Wanted, sentence: str, is_name: Callable[[str], bool]) -> bool:
    """Say whether a sentence has words of the kind that is asked for, besides the question's own."""
    if wanted.kind is None:
        return True
    if wanted.kind == "name":
        return next(iter(_names(sentence, wanted.stems, is_name)), None) is not None
    if wanted.kind in _ANY:
        return _ANY[wanted.kind].search(sentence) is not None
    new = (word for word in words_of(sentence) if word.stem not in wanted.stems)
    # With the signs around a word: "£" and "%" say what a number is.
    return (
        _NEW[wanted.kind].search(" ".join(sentence[max(0, w.start - 1) : w.end + 1] for w in new)) is not None
    )


def _names(sentence: str, known: Collection[str], is_name: Callable[[str], bool]) -> Iterable[int]:
    """Yield which words of a sentence are names and none of ``known``."""
    words = words_of(sentence)
    for at, word in enumerate(words):
        if word.is_stop or word.stem in known or not sentence[word.start].isupper():
            continue
        begins = at == 0 or re.search(r"[.!?:]\W*$", sentence[max(0, word.start - 4) : word.start])
        if not begins or is_name(word.text):
            yield at


def lacks_number(question: str, sentences: Iterable[str]) -> bool:
    """Say whether the question has a number in digits that no sentence has."""
    numbers = {word.text for word in words_of(question) if any(map(str.isdigit, word.text))}
    return bool(numbers) and not numbers <= {word.text for each in sentences for word in words_of(each)}


def share_of_new(sentence: str, known: Collection[str]) -> float:
    """Return the share of the sentence's content words that are none of ``known``."""
    content = [word for word in words_of(sentence) if not word.is_stop]
    return math.fsum(word.stem not in known for word in content) / len(content) if content else 0.0
