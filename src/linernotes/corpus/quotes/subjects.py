"""Subjects: a place in the text comes in, and the name, pronoun or noun that begins or ends there goes out.

It is what a verb has before it or behind it, with its article, office and apposition. Whom it means is not
asked here.
"""

# ruff: noqa: RUF001  typographic marks are what this is about
from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from linernotes.corpus.quotes.page import REACH
from linernotes.corpus.quotes.patterns import CAPITALISED, POSSESSIVE, RUN, WORD, capitalised
from linernotes.corpus.quotes.vocabulary import (
    ADVERBS,
    CUTS,
    DETERMINERS,
    FORMS_OF_BE,
    PLURAL_SPEAKERS,
    PREPOSITIONS,
    PRONOUNS,
    ROLES,
    SAYING_VERBS,
    SPEAKERS,
    STARTERS,
    forms,
)

if TYPE_CHECKING:
    from linernotes.corpus.quotes.names import Cast

# A subject stands before its verb with an apposition at most: no further than this, in characters.
_SUBJECT_REACH = REACH // 2
# The last words before a verb, in characters, and the longest that one of them can be.
_LAST_WORDS = 40
# A noun phrase before a verb, in characters and in words.
_PHRASE = 90
_PHRASE_WORDS = 9
# A noun phrase behind a verb, in words: "his longtime friend and former manager, Ana".
_PHRASE_BEHIND = 8
# "Ana Ruiz and": another name is looked for on this side and on that, in characters.
_PAIR_REACH = 60
# "Marsh's wife, Joan, a nurse from Ohio, said": commas within one apposition.
_MOST_COMMAS = 3
# " who's", with a comma before it and some room.
_RELATIVE_REACH = 9

_LAST_WORD = re.compile(r"(?<![\w$'’.-])[\w$'’.-]{1,30},?$")
_LAST_PLAIN_WORD = re.compile(r"[\w$'’.&-]{1,40}$")
_RELATIVE = re.compile(r",? who(?:['’]s)?$")
_RELATIVE_CLAUSE = re.compile(r"(?<=\w) who [a-z][^,;:()\n]*$")
_BELONGS_TO = re.compile(rf"(?<=\w) (?:of|for|from|at|with) (?:the )?{capitalised(4)}$")
_PAIR_BEFORE = re.compile(rf"({RUN.pattern}) and $")
_PAIR_BEHIND = re.compile(rf" and ({RUN.pattern})")
_MODIFIED = re.compile(r" ([a-z-]+)(?= |,)")
_ROLE_AHEAD = re.compile(rf"(?:[a-z][\w'’-]* ){{0,3}}([a-z][\w-]*) (?={CAPITALISED})")
_LEADING = re.compile(
    r"(?:In|On|At|From|After|Before|During|Asked|Pressed|Speaking|Writing|Talking|When|As|For|By|Since|Later|Then"
    r"|While|With|To|Over|Years|Back|Still)\b[^,]{0,140},\s"
)
_WHO_SPEAK = SPEAKERS | PLURAL_SPEAKERS
_NOT_LAST = STARTERS | FORMS_OF_BE
_PHRASE_ENDS = SAYING_VERBS | CUTS | FORMS_OF_BE | ADVERBS | STARTERS


@dataclass(frozen=True, slots=True)
class Subject:
    """Who is said to speak: a name, a pronoun or a role ("the rapper"), and where that stands."""

    kind: Literal["name", "pronoun", "role"]
    value: str
    start: int
    end: int


class Subjects:
    """Finds subjects in the text without what others say."""

    def __init__(self, masked: str, cast: Cast) -> None:
        """Take the text, and who is named in it."""
        self._masked = masked
        self._cast = cast

    def opening(self, start: int, end: int) -> Subject | None:
        """Return the subject that a sentence begins with, what leads up to it passed over."""
        skip = _LEADING.match(self._masked, start, end)
        at = skip.end() if skip else start
        while at < end and self._masked[at] in " ,(":
            at += 1
        subject = self.beginning(at, end)
        if subject is not None:
            return subject
        for mention in self._cast.within(start, end):
            if mention.subject and self._cast.is_person(self._cast.full(mention.name, mention.start)):
                return Subject("name", mention.name, mention.start, mention.end)
        return None

    # From the left

    def beginning(self, at: int, stop: int) -> Subject | None:  # noqa: C901, PLR0912  word after word
        """Return the name, pronoun or noun that begins at ``at``: of "his daughter, Mette" the name."""
        begin, head, determined = at, "", False
        for _ in range(_PHRASE_BEHIND):
            word = WORD.match(self._masked, at, stop)
            run = RUN.match(self._masked, at, stop)
            if word is None:
                break
            low = word[0].casefold()
            if low in PRONOUNS and at == begin:
                return Subject("pronoun", low, at, word.end())
            if run:
                passed = self._pass_owner(run, plain=not head and low not in DETERMINERS)
                if passed is not None:
                    at, determined = passed, True
                    continue
                subject = self._named(run, head, stop)
                if subject is not None:
                    return subject
            if low in DETERMINERS and not head:
                at, determined = word.end() + 1, True
                continue
            if low in _PHRASE_ENDS:
                break
            ahead = _ROLE_AHEAD.match(self._masked, at, stop)
            if ahead and ahead[1] in SPEAKERS:
                at, head = ahead.end(), ahead[1]
                continue
            if not determined and not forms(low) & _WHO_SPEAK:
                return None
            head = low
            if forms(low) & SPEAKERS and self._masked.startswith(", ", word.end()):
                run = RUN.match(self._masked, word.end() + 2, stop)
                subject = self._named(run, head, stop) if run else None
                if subject is not None:
                    return subject
            if not self._masked.startswith(" ", word.end()):
                return Subject("role", head, begin, word.end())
            at = word.end() + 1
        return Subject("role", head, begin, max(begin, at - 1)) if head else None

    def _pass_owner(self, run: re.Match[str], *, plain: bool) -> int | None:
        """Return where a noun goes on behind a name before it: "Vale's brother", "Atlanta rapper"."""
        if self._masked.startswith(POSSESSIVE, run.end()):
            return run.end() + len("'s ")
        following = self._masked[run.end() : run.end() + _LAST_WORDS]
        modified = _MODIFIED.match(following)
        return run.end() + 1 if modified and plain and modified[1] in SPEAKERS else None

    def _named(self, run: re.Match[str], role: str, stop: int) -> Subject | None:
        """Return the subject that a run of capitals names, alone or with another one."""
        name, shift, office = self._cast.trim(run[0])
        if not name:
            return None
        start = run.start() + shift
        if office or role in ROLES:
            self._cast.learn_role(self._cast.full(name, start), start, office or role)
        pair = _PAIR_BEHIND.match(self._masked[run.end() : min(stop, run.end() + _PAIR_REACH)])
        other = self._cast.trim(pair[1]).name if pair else ""
        if pair and other:
            return Subject("name", f"{name} and {other}", start, run.end() + pair.end())
        return Subject("name", name, start, run.end())

    # From the right

    def ending(self, start: int, end: int) -> Subject | None:
        """Return the subject that ends where a verb begins, adverbs and an apposition passed over."""
        start = max(start, end - _SUBJECT_REACH)
        left = self._masked[start:end].rstrip()
        while last := _LAST_WORD.search(left[-_LAST_WORDS:]):
            low = last[0].casefold()
            if not (low in ADVERBS or (low.endswith("ly") and last[0][0].islower())):
                break
            left = left[: len(left) - len(last[0])].rstrip()
        if left.endswith(")") and "(" in left:
            left = left[: left.rfind("(")].rstrip()
        relative = _RELATIVE.search(left[-_RELATIVE_REACH:])
        if relative:
            left = left[: len(left) - len(relative[0])]
        elif " who " in left and (clause := _RELATIVE_CLAUSE.search(left)) is not None:
            # "Ana Ruiz who wrote it with Tom Reed said": the clause has subjects of its own.
            left = left[: clause.start()]
        subject = self._last_in(start, left)
        if subject is not None or not left.endswith(","):
            return subject
        return self._apposed(start, left[:-1])

    def _apposed(self, start: int, left: str) -> Subject | None:
        """Return who is meant by "Paul Hartley, a critic" and "Marsh's wife, Joan"."""
        head, comma, last = left.rpartition(", ")
        if not comma:
            return None
        run = RUN.match(last)
        if run and head[-1:].islower() and not RUN.search(head.rsplit(maxsplit=1)[-1]):
            name = self._cast.trim(run[0]).name
            if name and (run.end() == len(last) or last.startswith((" of ", " from "), run.end())):
                offset = start + len(left) - len(last)
                return Subject("name", name, offset, offset + run.end())
        for _ in range(_MOST_COMMAS):
            subject = self._last_in(start, head)
            if subject is not None or ", " not in head:
                return subject
            head = head.rpartition(", ")[0]
        return None

    def _last_in(self, start: int, left: str) -> Subject | None:
        """Return the name, pronoun or noun that ``left``, which begins at ``start``, ends with."""
        last = _LAST_PLAIN_WORD.search(left[-_LAST_WORDS:])
        if not last:
            return None
        low = last[0].casefold()
        end = start + len(left)
        if low in PRONOUNS:
            return Subject("pronoun", low, end - len(low), end)
        tail = max(0, len(left) - _PHRASE)
        belongs = _BELONGS_TO.search(left[tail:])
        # "Vice president of A&R Tom Reed": what belongs to the noun ends where the name begins.
        run = RUN.search(belongs[0]) if belongs else None
        if belongs and run and not self._cast.trim(run[0]).shift:
            subject = self._last_in(start, left[: len(left) - len(belongs[0])])
            if subject is not None:
                return subject
        return self._last_name(start, left, tail) or self._last_noun(start, left, tail, low)

    def _last_name(self, start: int, left: str, tail: int) -> Subject | None:
        for run in RUN.finditer(left, tail):
            name, shift, _ = self._cast.trim(run[0]) if run.end() == len(left) else ("", 0, "")
            if name:
                begin = run.start() + shift
                pair = _PAIR_BEFORE.search(left[max(0, begin - _PAIR_REACH) : begin])
                other = self._cast.trim(pair[1]).name if pair else ""
                value = f"{other} and {name}" if other else name
                return Subject("name", value, start + begin, start + len(left))
        return None

    def _last_noun(self, start: int, left: str, tail: int, low: str) -> Subject | None:
        if low in _NOT_LAST or not low[0].isalnum():
            return None
        end = start + len(left)
        words = list(WORD.finditer(left, tail))[-_PHRASE_WORDS:]
        lows = [word[0].casefold() for word in words]
        for index in range(len(words) - 1, -1, -1):
            if lows[index] in DETERMINERS or lows[index].endswith(POSSESSIVE):
                inner = lows[index + 1 :]
                cut = next((at for at, each in enumerate(inner) if at and each in CUTS), len(inner))
                if not inner or (index and lows[index - 1] in PREPOSITIONS):
                    continue
                return Subject("role", inner[cut - 1], start + words[index].start(), end)
        known = forms(low) & _WHO_SPEAK
        return Subject("role", low, end - len(low), end) if known else None
