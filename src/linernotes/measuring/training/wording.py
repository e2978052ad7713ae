"""Questions in other words: as members type them, and changed so that nothing answers them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from linernotes.measuring.training.lexical import WORD

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Sequence

    from linernotes.measuring.training.squad import Article, Question

# --- As members type --------------------------------------------------------------------------------------

_AS_IT_IS = 0.55
_AMONG = (
    "hey {};ok so {};so {};do you know {};can you tell me {};i was wondering {};please tell me {}"
    ";quick question: {};does anyone know {};{} thanks;{} pls;lol {};and {};tell me {}"
).split(";")
_SHORT = tuple(
    (re.compile(rf"\b{long}\b", re.IGNORECASE), short)
    for long, _, short in (
        pair.partition(">")
        for pair in (
            "who is>whos;what is>whats;what's>whats;where is>wheres;when is>whens;who's>whos;did not>didnt"
            ";does not>doesnt;you>u;are>r;because>cuz;and>&;people>ppl;with>w/"
        ).split(";")
    )
)
_WORD_TO_SLIP = 5
_STAND_FOR = ("it", "it", "this", "the song", "the track", "the article", "they", "this one", "he", "she")
_PRONOUNS = ("he", "she", "it", "they", "it", "that", "him", "her", "them")
_POSSESSIVES = ("his", "her", "its", "their")
_OWNS = re.compile("['’]s?(?=\\s)")  # noqa: RUF001
_THE = re.compile(r"\b(?:the|an?)\s$", re.IGNORECASE)
_BRACKETS = re.compile(r"\s*\(.*\)")


def type_as_members(question: str, draw: random.Random) -> str:
    """Return ``question`` as somebody might type it: lower-case, shortened, with a slip, among others."""
    if draw.random() < _AS_IT_IS:
        return question
    if draw.random() < 0.85:  # noqa: PLR2004
        question = question.rstrip("?!. ")
    if draw.random() < 0.85:  # noqa: PLR2004
        question = question.lower()
    if draw.random() < 0.3:  # noqa: PLR2004
        for long, short in draw.sample(_SHORT, len(_SHORT)):
            if long.search(question):
                question = long.sub(short, question, count=1)
                break
    if draw.random() < 0.35:  # noqa: PLR2004
        question = slip(question, draw)
    if draw.random() < 0.2:  # noqa: PLR2004
        question = re.sub("[',\"]", "", question)
    if draw.random() < 0.12:  # noqa: PLR2004
        question = draw.choice(_AMONG).format(question)
    return question


def leave_unnamed(question: str, title: str, draw: random.Random) -> str:
    """Return ``question`` with what the article is about unnamed, as in a conversation about it."""
    for name in (title, _BRACKETS.sub("", title), *(each for each in title.split() if len(each) > _SAME)):
        found = re.search(rf"\b(?:the\s+)?{re.escape(name)}\b(?!['’])", question, re.IGNORECASE)  # noqa: RUF001
        if found is not None and found.start():
            return _put(question, found, draw.choice(_STAND_FOR))
    return question


def refer_back(question: str, earlier: str, draw: random.Random) -> str:
    """Return ``question`` with a name that was said ``earlier`` as a pronoun, as in a conversation."""
    said = earlier.lower()
    found = [each for each in _NAME.finditer(question) if _is_said(each[0], said)]
    if not found:
        return question
    name = draw.choice(found)
    owns = _OWNS.match(question, name.end())
    if name[0].endswith(("'s", "’s")):  # noqa: RUF001
        return _put(question, name, draw.choice(_POSSESSIVES))
    if owns:
        return question[: name.start()] + draw.choice(_POSSESSIVES) + question[owns.end() :]
    article = _THE.search(question, 0, name.start())
    begin = article.start() if article else name.start()
    return question[:begin] + draw.choice(_PRONOUNS) + question[name.end() :]


def _is_said(name: str, said: str) -> bool:
    """Say whether what was said has the name or its last word, by which people are called."""
    bare = name.removesuffix("'s").removesuffix("’s").lower()  # noqa: RUF001
    return bare in said or (len(last := bare.split()[-1]) > _SAME and last in said)


def slip(text: str, draw: random.Random) -> str:
    """Return ``text`` with a letter of a longer word left out, doubled, or changed with the next."""
    words = [each for each in WORD.finditer(text) if len(each[0]) >= _WORD_TO_SLIP and each[0].isalpha()]
    if not words:
        return text
    word = draw.choice(words)
    at = draw.randrange(word.start() + 1, word.end() - 1)
    before, letter, after, rest = text[:at], text[at], text[at + 1], text[at + 2 :]
    return draw.choice((before + after, before + letter * 2 + after, before + after + letter)) + rest


# --- So that nothing answers ------------------------------------------------------------------------------

_OPPOSITES = {
    one: other
    for pair in (
        "first last;before after;most least;largest smallest;highest lowest;biggest smallest"
        ";oldest youngest;more fewer;north south;east west;northern southern;eastern western;begin end"
        ";began ended;start stop;started stopped;born died;win lose;won lost;increase decrease"
        ";increased decreased;early late;earlier later;old new;good bad;best worst;allowed banned"
        ";major minor;male female;men women;man woman;founded dissolved;included excluded;accepted rejected"
        ";opened closed;open close;always never;high low;long short;large small;same different;like dislike"
        ";liked disliked;loved hated;public private;internal external;successful failed;rise fall"
        ";common rare;positive negative;strong weak;top bottom;joined left;created destroyed;buy sell"
        ";bought sold;lead follow;longest shortest;father mother;son daughter;brother sister;king queen"
        ";maximum minimum;above below;agreed disagreed;supported opposed;support oppose;arrive leave"
        ";arrived departed;remember forget;wrote read;produced directed;sang played;sings raps"
        ";written recorded;produced mixed;featured sampled;drums bass;guitar piano;singer drummer"
        ";producer director;album single;song album;recorded released;lyrics melody;verse chorus"
    ).split(";")
    for one, other in (pair.split(), pair.split()[::-1])
}
_SMALL = frozenset(
    "the a an of in on at to for by with from and or as is are was were be been being do does did has have"
    " had what who whom whose which when where why how that this these those it its his her their he she"
    " they not no than then there into about over under between during can could will would should may"
    " might must many much".split()
)
_ENDINGS = ("ing", "ed", "tion", "ity", "ment", "ly", "er", "est", "al", "ic", "s")
_NAME = re.compile(r"(?<=\s)[A-Z][\w'’.-]*(?:\s(?:(?:of|the|de|von|van|and)\s)?[A-Z][\w'’.-]*)*")  # noqa: RUF001
_NUMBER = re.compile(r"\b\d[\d,.]*\d\b|\b\d\b")
_ADVERB = re.compile(r"(When|Where|Why|How) (?=did|do|does|was|were|is|are)")
_ADVERBS = ("When", "Where", "Why", "How")
_WORD_TO_CHANGE = 3
# As many letters in common, and two words may mean the same.
_SAME = 4


@dataclass(frozen=True, slots=True)
class Stock:
    """What may stand in: the words of all questions by their ending, the names of each paragraph."""

    words: dict[str, list[str]]
    names: list[list[list[str]]]

    @classmethod
    def of(cls, articles: Sequence[Article], questions: Sequence[Question]) -> Stock:
        """Gather it."""
        words: dict[str, list[str]] = {}
        for each in questions:
            for word in WORD.findall(each.text)[1:]:
                if _can_change(word):
                    words.setdefault(_ending(word), []).append(word)
        names = [
            [
                [found[0] for each in article.sentences[low:high] for found in _NAME.finditer(each)]
                for low, high in article.paragraphs
            ]
            for article in articles
        ]
        return cls(words, names)


def change(question: Question, stock: Stock, draw: random.Random) -> str | None:
    """Return ``question`` with a name, number, opposite, question word or other word changed, if it has one.

    Now and then what it asks is still answered; that is the price of making it without a model.
    """
    ways: dict[Callable[[Question, Stock, random.Random], str | None], float] = {
        _change_name: 5.0,
        _change_number: 4.0,
        _change_opposite: 4.0,
        _change_word: 3.0,
        _change_adverb: 0.6,
    }
    while ways:
        way = draw.choices([*ways], [*ways.values()])[0]
        changed = way(question, stock, draw)
        if changed is not None and changed.lower() != question.text.lower():
            return changed
        del ways[way]
    return None


def _change_name(question: Question, stock: Stock, draw: random.Random) -> str | None:
    found = [*_NAME.finditer(question.text)]
    if not found:
        return None
    name = draw.choice(found)
    paragraphs = stock.names[question.article]
    # One of the same paragraph is the nearer miss.
    names = paragraphs[question.paragraph] if draw.random() < 0.5 else draw.choice(paragraphs)  # noqa: PLR2004
    was, answers = name[0].lower(), " ".join(question.answers).lower()
    others = [
        each
        for each in names
        if each.lower() not in was and was not in each.lower() and each.lower() not in answers
    ]
    return _put(question.text, name, draw.choice(others)) if others else None


def _change_number(question: Question, _: Stock, draw: random.Random) -> str | None:
    found = [*_NUMBER.finditer(question.text)]
    if not found:
        return None
    number = draw.choice(found)
    digits = list(number[0])
    # The last two digits alone: another century would be no near miss.
    at = draw.choice([place for place, digit in enumerate(digits) if digit.isdigit()][-2:])
    digits[at] = draw.choice([each for each in "123456789" if each != digits[at]])
    return _put(question.text, number, "".join(digits))


def _change_opposite(question: Question, _: Stock, draw: random.Random) -> str | None:
    found = [each for each in WORD.finditer(question.text) if each[0] in _OPPOSITES]
    if not found:
        return None
    word = draw.choice(found)
    return _put(question.text, word, _OPPOSITES[word[0]])


def _change_word(question: Question, stock: Stock, draw: random.Random) -> str | None:
    found = [each for each in WORD.finditer(question.text) if each.start() and _can_change(each[0])]
    if not found:
        return None
    word = draw.choice(found)
    other = draw.choice(stock.words.get(_ending(word[0]), [word[0]]))
    return None if other[:_SAME] == word[0][:_SAME] else _put(question.text, word, other)


def _change_adverb(question: Question, _: Stock, draw: random.Random) -> str | None:
    found = _ADVERB.match(question.text)
    if not found:
        return None
    return draw.choice([each for each in _ADVERBS if each != found[1]]) + question.text[found.end(1) :]


def _put(text: str, found: re.Match[str], other: str) -> str:
    return text[: found.start()] + other + text[found.end() :]


def _can_change(word: str) -> bool:
    return word.islower() and len(word) >= _WORD_TO_CHANGE and word not in _SMALL


def _ending(word: str) -> str:
    """Return the ending that tells what kind of word it is; empty for most."""
    return next((each for each in _ENDINGS if word.endswith(each) and len(word) > len(each) + 2), "")
