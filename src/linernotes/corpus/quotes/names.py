"""Names: the text without what others say comes in, and a ``Cast`` goes out.

A cast knows who is named where, and answers which person a surname means, who holds an office, who is "he"
and who "she". It learns more while the quotations are found.
"""

# ruff: noqa: RUF001  typographic marks are what this is about
from __future__ import annotations

import functools
import re
import sys
from bisect import bisect_left, insort
from typing import TYPE_CHECKING, NamedTuple

from linernotes.corpus.quotes.patterns import POSSESSIVE, RUN
from linernotes.corpus.quotes.vocabulary import (
    CALENDAR,
    CALLING_VERBS,
    CRITICAL,
    FEMALE,
    FIRST_NAMES,
    GROUPS,
    HONORIFICS,
    HUMAN,
    KIN,
    MALE,
    MEN,
    MUSICAL,
    NO_FIRST_NAMES,
    OFFICES,
    OFFICES_WRITTEN_OUT,
    PARTICLES,
    PREPOSITIONS,
    PRONOUNS,
    ROLES,
    SAYING_VERBS,
    SPEAKERS,
    STARTERS,
    TITLES,
    WOMEN,
    forms,
    listed,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

ANYWHERE = sys.maxsize
"""An offset behind every text: what is asked for it is asked of the whole text."""

# --- Names as they are written ----------------------------------------------------------------------------

# Names come back all the time, and an article has some hundreds.
_NAMES_REMEMBERED = 4096


@functools.lru_cache(maxsize=_NAMES_REMEMBERED)
def split_name(name: str) -> tuple[str, ...]:
    """Return the words of a name in the form in which names are compared."""
    return tuple(token for token in re.split(r"\s+", name.casefold().replace("’", "'")) if token)


# "Early", "Fully"; but "Lily" and "Sally" are names.
_SHORTEST_ADVERB = 6
_FIRST_NAMES_TOO = listed("may april june august summer autumn")
_DROPPED_ROLES = MUSICAL | CRITICAL | GROUPS
_NO_NAMES = STARTERS | CALENDAR | PRONOUNS | listed("the i've i'm i'd i'll i’ve i’m i’d i’ll")
_ROLES_WITHIN = OFFICES | MUSICAL


class Trimmed(NamedTuple):
    """A name without what stood before it: how many characters those were, and the office among them."""

    name: str
    shift: int
    office: str


_NOBODY = Trimmed("", 0, "")

# --- The cast ---------------------------------------------------------------------------------------------


class Mention(NamedTuple):
    """A name where it stands. ``subject``: nothing before it makes it an object or a part of something."""

    start: int
    end: int
    name: str
    subject: bool


# How much is looked at beside a name, in characters: some words before it, an apposition behind it.
_BEFORE_NAME = 40
_AFTER_NAME = 60
# "His sister Mette": kin counts among the last words before a name, with no end of a sentence near.
_KIN_WORDS = 4
_KIN_REACH = 25
# "She" and "he" are counted as far as a clause behind a name goes.
_PRONOUN_REACH = 120
# "The Rolling Stones": a group's name in the plural has "the" and two words or more.
_SHORTEST_PLURAL = 3
# Of namesakes so many are looked at: who shares a name with more is not told apart, and costs time.
_MOST_NAMESAKES = 40
# How well a word fits a known name. Whoever is known to be a person goes before all that are not.
_FITS_END, _FITS_FIRST, _FITS_SOMEWHERE = 3, 2, 1
_FITS_PERSON = 4

_NOT_BEFORE_SUBJECTS = PREPOSITIONS | {"and", "or", "&", "told", "tells"}
_NO_KEYS = frozenset({"the", "dr.", "jr.", "and"})
_ARTISTS = re.compile(r"\s*(?:,|&|\band\b|\bfeat\b\.?|\bft\b\.?|\bfeaturing\b|\bwith\b)\s*")
_BREAK = re.compile(r"[.!?;:\n]")
_IS_GROUP = re.compile(r"(?:, (?:a|an|the) | \w+ )(?:[\w-]+ ){0,3}(?:band|group|duo|trio)\b")
_IS_PERSON = re.compile(r",? (?:who\b|whose\b|born\b)| \(born|, \d\d,")
_IS_CALLED = re.compile(r", (?:a|an|the|[\w’']+['’]s?) ((?:[\w-]+ ){0,3}[\w-]+)")
_DOES = re.compile(r"(?: \w+ly| also| later| then| has| had)? (\w+)")
_SHE = re.compile(r"\b(?:she|her|herself)\b")
_HE = re.compile(r"\b(?:he|his|him|himself)\b")
_PERSONS_DO = SAYING_VERBS | CALLING_VERBS


class Cast:
    """Who is named where, to be asked who a surname, a pronoun or "the rapper" is.

    ``people`` are the names known to be a person's, ``gender`` says "he" or "she" of those of whom it is
    known.
    """

    def __init__(self, text: str, artist: str | None) -> None:
        """Read the names of ``text``, from which quotations and headings have been blanked."""
        self.people: set[str] = set()
        self.gender: dict[str, str] = {}
        self._text = text
        self._mentions: list[Mention] = []
        self._known: dict[str, list[tuple[int, str]]] = {}
        self._roles: dict[str, list[tuple[int, str]]] = {}
        self._groups: list[tuple[int, str]] = []
        for name in _ARTISTS.split(artist) if artist else ():
            if name and RUN.fullmatch(name):
                self._know(-1, name)
                self.people.add(name)
        for run in RUN.finditer(text):
            self._read(run)
        self._starts = [mention.start for mention in self._mentions]
        self._learn_genders()

    # Asked

    def full(self, name: str, at: int) -> str:
        """Return the fullest form of ``name`` that stands before ``at``."""
        tokens = split_name(name)
        if tokens[-1] not in self._known:
            return name
        titled = tokens[0] in TITLES
        bare = tokens[1:] if titled and len(tokens) > 1 else tokens
        namesakes = self._known.get(bare[-1], ())[:_MOST_NAMESAKES]
        if len(bare) > 1 and bare[0] not in PARTICLES:
            for start, known in namesakes:
                parts = split_name(known)
                if start < at and len(parts) > len(tokens) and parts[-len(bare) :] == bare:
                    return known
            return name
        best: str | None = None
        rank = 0
        for start, known in namesakes:
            if start >= at:
                break
            parts = split_name(known)
            if len(parts) <= len(tokens) and titled and parts[-1] == tokens[-1] and parts[0] in HONORIFICS:
                continue
            fits = self._fit(known, parts, bare)
            if fits > rank:  # of two who share a surname, it alone means the one named first
                best, rank = known, fits
        return best or name

    def named(self, word: str) -> list[str]:
        """Return the known names that have ``word`` in them, in the order of the text."""
        return [known for _, known in self._known.get(word, ())]

    def with_initials(self, initials: str) -> list[str]:
        """Return the known names of two words or more that have these initials."""
        names = {known for held in self._known.values() for _, known in held}
        return sorted(name for name in names if _initials(name) == initials)

    def is_person(self, name: str) -> bool:
        """Say whether the text shows that ``name`` is a person's."""
        return name in self.people

    def within(self, start: int, end: int) -> Sequence[Mention]:
        """Return the mentions that begin in ``[start, end)``."""
        return self._mentions[bisect_left(self._starts, start) : bisect_left(self._starts, end)]

    def is_owner(self, mention: Mention) -> bool:
        """Say whether a name stands as "Vale's"."""
        return self._text.startswith(POSSESSIVE, mention.end)

    def holders(self, role: str, at: int, most: int) -> list[str]:
        """Return who has been named before ``at`` as one in this role, the last at the end."""
        return _before(self._roles.get(role, []), at, most)

    def group_before(self, at: int) -> str | None:
        """Return the group that is named last before ``at``."""
        return next(iter(_before(self._groups, at, 1)), None)

    def trim(self, run: str) -> Trimmed:
        """Return a run of capitalised words without what opens the sentence or is an office."""
        shift, office = 0, ""
        name = run
        while True:
            head, _, rest = name.partition(" ")
            low = head.casefold()
            if not rest:
                nobody = low in _NO_NAMES or not forms(low).isdisjoint(SPEAKERS)
                return _NOBODY if nobody else Trimmed(name, shift, office)
            drop, role = self._is_dropped(low, rest)
            if not drop:
                return Trimmed(name, shift, office)
            office = role or office
            shift += len(head) + 1
            name = rest

    # Learned

    def learn_role(self, name: str, start: int, role: str) -> None:
        """Remember that ``name``, at ``start``, is a person in this role."""
        self.people.add(name)
        insort(self._roles.setdefault(OFFICES_WRITTEN_OUT.get(role, role), []), (start, name))
        if role in FEMALE:
            self.gender.setdefault(name, "she")
        elif role in MALE:
            self.gender.setdefault(name, "he")

    def _read(self, run: re.Match[str]) -> None:
        name, shift, office = self.trim(run[0])
        if not name:
            return
        start = run.start() + shift
        before = self._text[max(0, run.start() - _BEFORE_NAME) : run.start()]
        words = before.split()
        near = words and before[-1:].isspace() and "\n" not in before[-2:]
        last = words[-1].casefold().rstrip(",") if near else ""
        after = self._text[run.end() : run.end() + _AFTER_NAME]
        subject = last not in _NOT_BEFORE_SUBJECTS and not after.startswith((*POSSESSIVE, "' ", "’ "))
        self._mentions.append(Mention(start, run.end(), name, subject))
        full = self.full(name, start)
        tokens = split_name(name)
        if len(tokens) > 1:
            self._know(start, name)
        office = office or (last if last in ROLES else "")
        if office:
            self.learn_role(full, start, office)
        if tokens[0] in FIRST_NAMES or tokens[0] in HONORIFICS or full != name:
            self.people.add(full)
        plural = len(tokens) >= _SHORTEST_PLURAL and tokens[0] == "the" and tokens[-1].endswith("s")
        if last in GROUPS or plural:
            self._groups.append((start, full))
        kin = {word.strip(",").casefold() for word in words[-_KIN_WORDS:]} & KIN
        if kin and not _BREAK.search(before, max(0, len(before) - _KIN_REACH)):
            self.people.add(full)
            self.gender.setdefault(full, "she" if kin & FEMALE else "he")
        if after[:1] in {" ", ","}:
            self._learn_from_behind(full, start, after)

    def _learn_from_behind(self, full: str, start: int, after: str) -> None:
        """Learn from the words behind a name whether it is a person's or a group's."""
        if _IS_GROUP.match(after):
            self._groups.append((start, full))
        does = _DOES.match(after)
        if _IS_PERSON.match(after) or (does and does[1] in _PERSONS_DO):
            self.people.add(full)
        apposition = _IS_CALLED.match(after)
        for word in apposition[1].split() if apposition else ():
            if word in ROLES:
                self.learn_role(full, start, word)
            elif word in HUMAN:
                self.people.add(full)

    def _learn_genders(self) -> None:
        """Learn who is "he" and who "she": from first names, else from a sentence that names one person."""
        votes: dict[str, int] = {}
        for index, mention in enumerate(self._mentions):
            full = self.full(mention.name, mention.start)
            votes.setdefault(full, 0)
            if not mention.subject:
                continue
            following = self._starts[index + 1] if index + 1 < len(self._starts) else len(self._text)
            end = min(following, mention.end + _PRONOUN_REACH)
            stop = _BREAK.search(self._text, mention.end, end)
            end = stop.start() if stop else end
            votes[full] += len(_SHE.findall(self._text, mention.end, end))
            votes[full] -= len(_HE.findall(self._text, mention.end, end))
        for name, vote in votes.items():
            tokens = split_name(name)
            first = next((token for token in tokens if token not in HONORIFICS), "")
            if tokens[0] in FEMALE or first in WOMEN:
                self.gender.setdefault(name, "she")
            elif tokens[0] in MALE or first in MEN:
                self.gender.setdefault(name, "he")
            elif vote:
                self.gender.setdefault(name, "she" if vote > 0 else "he")

    def _know(self, start: int, name: str) -> None:
        for token in {*split_name(name)} - _NO_KEYS:
            held = self._known.setdefault(token.strip("\"'“”‘"), [])
            if not held or held[-1][1] != name:
                held.append((start, name))

    def _fit(self, known: str, parts: tuple[str, ...], bare: tuple[str, ...]) -> int:
        """Return how well the words of a short form fit a known name."""
        person = _FITS_PERSON if known in self.people else 0
        if parts[-len(bare) :] == bare:
            return person + _FITS_END
        if parts[0] == bare[0] or (parts[0] in HONORIFICS and parts[1] == bare[0]):
            return person + _FITS_FIRST
        return person + _FITS_SOMEWHERE

    def _is_dropped(self, low: str, rest: str) -> tuple[bool, str]:
        """Say whether a word is no part of the name ``rest`` behind it, and which office it is."""
        tokens = rest.split()
        if not forms(low).isdisjoint(_DROPPED_ROLES) or (low in OFFICES and len(tokens) > 1):
            return True, low
        if low == "the" and tokens[0].casefold() in NO_FIRST_NAMES:
            return True, ""
        if any(token.casefold() in _ROLES_WITHIN for token in tokens[:-1]):
            # "Atlanta Mayor Keisha Lance Bottoms": what stands before the office goes with it.
            return low not in HONORIFICS and tokens[-2].casefold() != "the", ""
        if low in OFFICES and self.full(rest, ANYWHERE) != rest:
            return True, low
        opens = low in STARTERS or (low in CALENDAR and low not in _FIRST_NAMES_TOO)
        return opens or (low.endswith("ly") and len(low) >= _SHORTEST_ADVERB), ""


def _initials(name: str) -> str:
    return "".join(word[0] for word in name.replace("-", " ").split()).upper()


def _before(held: list[tuple[int, str]], at: int, most: int) -> list[str]:
    """Return the last ``most`` names before ``at`` of a list that is in the order of the text."""
    index = bisect_left(held, (at, ""))
    return [name for _, name in held[max(0, index - most) : index]]
