"""Speakers: an attribution comes in, and the name of the person who speaks goes out.

A surname means the fullest name that stands before it; a pronoun the person the text was last about; "the
rapper" or "the mayor" whoever was called that. Where the text does not give a name, there is none.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from linernotes.corpus.quotes.names import split_name
from linernotes.corpus.quotes.outlets import OUTLET_WORDS
from linernotes.corpus.quotes.page import REACH
from linernotes.corpus.quotes.patterns import WORD
from linernotes.corpus.quotes.subjects import Subject
from linernotes.corpus.quotes.vocabulary import (
    BODIES,
    FEMALE,
    GROUPS,
    MALE,
    MUSICAL,
    PERSONAL_ROLES,
    ROLES,
)

if TYPE_CHECKING:
    from linernotes.corpus.quotes.attribution import Told
    from linernotes.corpus.quotes.findings import Findings
    from linernotes.corpus.quotes.names import Cast, Mention
    from linernotes.corpus.quotes.outlets import Outlets
    from linernotes.corpus.quotes.page import Page

# A pronoun means somebody of the last sentences, and "the mayor" one of the last so called: a reader has
# forgotten earlier ones.
_SENTENCES_BACK = 8
_HOLDERS_BACK = 8
# Whom a text is about is counted over some paragraphs before, in characters; from three mentions on it is
# clear.
_ABOUT_REACH = 10 * REACH
_ABOUT_MENTIONS = 3
# "A young woman who …": a person without a name is told by the first words of a sentence.
_FIRST_WORDS = 5
_SENTENCE_HEAD = 300
# A person's name in a text that says nothing else of it has two words or three.
_FEWEST_NAMES, _MOST_NAMES = 2, 3

_THE_ROLE = re.compile(r"The ([a-z\d][\w-]*) ([a-z][\w-]*)")
_AGED = "-year-old"
_PEOPLES = re.compile(r"\w+(?:ists|ians|cans|mans|crats)")
_NATIONAL = ("ian", "ish", "ese", "ican")
_NO_PERSON = BODIES | OUTLET_WORDS | {"the"}
_UNNAMED = frozenset({"a", "an", "one", "another", "his", "her", "their", "my"})
_KIN_OF = {"she": FEMALE, "he": MALE}


class Speakers:
    """Finds the name of whoever is said to speak."""

    def __init__(self, page: Page, cast: Cast, outlets: Outlets, findings: Findings) -> None:
        """Take the page, the names on it, and what has been found by now."""
        self._page = page
        self._masked = page.masked
        self._cast = cast
        self._outlets = outlets
        self._findings = findings

    def who(self, told: Told | None) -> str | None:
        """Return the speaker's name, or ``None`` where the text does not give it."""
        if told is None or told.subject is None:
            return None
        if told.subject.kind == "name":
            return self._by_name(told.subject)
        if told.subject.kind == "pronoun":
            return self._by_pronoun(told.subject)
        return self._by_role(told.subject)

    def _by_name(self, subject: Subject) -> str | None:
        if self._outlets.is_outlet(subject.value, sure=True):
            return None
        names = [self._cast.full(name, subject.start) for name in subject.value.split(" and ")]
        if names == [subject.value] and _PEOPLES.fullmatch(subject.value):
            return None
        self._cast.people.update(names)
        return " and ".join(names)

    def _by_pronoun(self, subject: Subject) -> str | None:
        if subject.value not in {"he", "she", "they"}:
            return None
        speaker = self._focus(subject.start, subject.value)
        if speaker and subject.value != "they":
            self._cast.gender.setdefault(speaker, subject.value)
        return speaker

    def _by_role(self, subject: Subject) -> str | None:
        """Return who "the rapper", "the mayor" or "the band" is; a noun without "the" names nobody."""
        start, role = subject.start, subject.value
        if self._masked[start : start + 4].casefold() != "the ":
            return None
        if role in GROUPS:
            return self._cast.group_before(start)
        holders = self._cast.holders(role, start, _HOLDERS_BACK)
        if holders:
            recent = self._focus(start, "they")
            return recent if recent in holders else holders[-1]
        if role in MUSICAL or role.endswith(_AGED):
            near = self._focus(start, "she" if role in FEMALE else "he" if role in MALE else "they")
            return self._main(near, start)
        return None

    def _main(self, near: str | None, at: int) -> str | None:
        """Return whom "the singer" means: whom the text is about, if ``near`` is named in passing."""
        named = (
            self._cast.full(mention.name, mention.start)
            for mention in self._cast.within(max(0, at - _ABOUT_REACH), at)
        )
        counts = Counter(name for name in named if self._cast.is_person(name))
        if near is None or not counts or counts[near] > 1:
            return near
        most, times = counts.most_common(1)[0]
        return most if times >= _ABOUT_MENTIONS else near

    def _focus(self, at: int, pronoun: str) -> str | None:
        """Return whom a pronoun at ``at`` means: the person the text was last about."""
        for start, end in self._page.sentences_before(at, _SENTENCES_BACK):
            found, aside = self._people(start, end, pronoun)
            if found:
                return min(found, key=lambda each: each[0])[1]
            if aside is not None:
                return aside
            noun = _THE_ROLE.match(self._masked, start, end)
            roles = [word for word in noun.groups() if word in ROLES or _AGED in word] if noun else []
            if noun and roles:
                return self._by_role(Subject("role", roles[0], start, noun.end()))
            named = any(mention.subject for mention in self._cast.within(start, end))
            if self._is_about_nobody(start, end, pronoun, named=named):
                return None
        return None

    def _people(self, start: int, end: int, pronoun: str) -> tuple[list[tuple[int, str | None]], str | None]:
        """Return who fits a pronoun in a sentence, with where they stand, and who might be meant besides."""
        found = self._findings.speakers_within(start, end)
        aside: str | None = None
        for mention in self._cast.within(start, end):
            full = self._cast.full(mention.name, mention.start)
            if self._findings.is_quoted(mention.start):
                continue
            if not self._cast.is_person(full):
                if mention.start == start and _may_be_person(full) and self._fits(full, pronoun):
                    aside = full
            elif mention.subject:
                found.append((mention.start, full))
            elif self._cast.gender.get(full) == pronoun or self._is_alone(mention, pronoun, start, end):
                aside = full
        return [each for each in found if self._fits(each[1], pronoun)], aside

    def _is_alone(self, mention: Mention, pronoun: str, start: int, end: int) -> bool:
        """Say whether "Vale's album" is all that a sentence names, so that "her" is Vale."""
        alone = len(self._cast.within(start, end)) == 1
        return (
            alone
            and self._cast.is_owner(mention)
            and not self._is_about_nobody(start, end, pronoun, named=True)
        )

    def _fits(self, name: str | None, pronoun: str) -> bool:
        return pronoun == "they" or name is None or self._cast.gender.get(name, pronoun) == pronoun

    def _is_about_nobody(self, start: int, end: int, pronoun: str, *, named: bool) -> bool:
        """Say whether a sentence is about a person without a name, whom a pronoun behind it means."""
        head = WORD.finditer(self._masked, start, min(end, start + _SENTENCE_HEAD))
        words = [word[0].casefold() for word in head]
        unnamed = not named and not _UNNAMED.isdisjoint(words[:1])
        if unnamed and not PERSONAL_ROLES.isdisjoint(words[1:_FIRST_WORDS]):
            return True
        return not _KIN_OF.get(pronoun, frozenset()).isdisjoint(words)


def _may_be_person(name: str) -> bool:
    """Say whether a name that a sentence begins with could be a person's: two or three words."""
    tokens = split_name(name)
    long = _FEWEST_NAMES <= len(tokens) <= _MOST_NAMES
    return long and not tokens[0].endswith(_NATIONAL) and _NO_PERSON.isdisjoint(tokens)
