"""Attribution: the text beside a quotation in; out comes whom it names as the speaker.

The verb of saying is looked for before the marks and behind them, and its subject on the side where the verb
has it. "According to", "in her own words" and a name with a colon count as verbs.
"""

# ruff: noqa: RUF001  typographic marks are what this is about
from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from linernotes.corpus.quotes.patterns import COLON_AT_END, POSSESSIVE, WORD, WORD_OR_MARK, capitalised
from linernotes.corpus.quotes.subjects import Subject
from linernotes.corpus.quotes.vocabulary import (
    ADVERBS,
    CUTS,
    DETERMINERS,
    FORMS_OF_BE,
    NOUNS_TOO,
    PARTICIPLES,
    PLURAL_SPEAKERS,
    PLURAL_VERBS,
    PRONOUNS,
    SAYING_VERBS,
    SINGLE_OR_PLURAL_VERBS,
    SPEAKERS,
    SPEECH_VERBS,
    forms,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from linernotes.corpus.quotes.content import Content
    from linernotes.corpus.quotes.names import Cast
    from linernotes.corpus.quotes.page import Marked, Page
    from linernotes.corpus.quotes.subjects import Subjects

# Words between a subject and its verb, all of them adverbs: a sentence has no more, and more cost time.
_MOST_ADVERBS = 14
# "Hartley, a critic who had followed the band since its first years, wrote", in characters.
_APPOSITION_REACH = 160
# Words that may be the verb: before what is said, a sentence has no more of them, and more cost time.
_MOST_VERBS = 6
# How far back the "has" or "who" of a verb such as "has long called" may stand, in words.
_ACTIVE_REACH = 3

_PHRASES = re.compile(
    r"\b(?:puts? (?:it|this)|sum(?:s|med) (?:it|this|things) up|(?:went|goes) (?:on|further)"
    r"|heard (?:to say|saying)|ha[sd] this to say|quoted as saying|gave this answer|spoke up"
    r"|sp(?:oke|eaks) (?:of|about)|has it)\b"
)
_SPEECH_NOUNS = re.compile(
    r"\b(?:words?|answer|reply|response|statement|advice|verdict|comment|explanation|motto|warning|message|tweet"
    r"|post|caption|e-?mail|letter|note|apology|farewell|conclusion|recollection|assessment|quote|quotation|speech"
    r"|reaction|remarks?|plea|admission|mantra|philosophy|summary)\b"
)
_OWN_WORDS = re.compile(rf"\b[Ii]n (?:(his|her|their)|({capitalised(4)})['’]s?) (?:own )?words\b")
_PRONOUN_OF = {"his": "he", "her": "she", "their": "they"}
_CALLED_BY = re.compile(r"\b(?:called|described|praised|hailed|dismissed|dubbed|summarized|summed up) by\s+")
_ACCORDING_TO = re.compile(r"(?:[Aa]ccording to|[Ii]n the words of|[Aa]s told by)\s+")
# One of these is in each of the two.
_CREDIT_WORDS = ("ccording to", " words of", " by")
_IS_SO = re.compile(
    r"(?:is|was|are|were|remains?|seems?|sounds?|['’]s)\b[^:]*:\s*$|:\s*$|, [^:]*\b(?:is|was)\b[^:]*:\s*$"
)
_TELLS_ELSE = re.compile(r" (?:that|it|she|he|they|the|his|her|nothing|no|yes)\b")
_APPOSITION = re.compile(r", |,? \(|,? (?:who|whose|of|from|for|at|in|with|on)\b")
_SMALL_WORD = re.compile(r" ([a-z]+)")

_VERBS = PLURAL_VERBS | SPEECH_VERBS
_TELLING = frozenset({"told", "tells", "tell"})
_NO_VERB_AFTER = DETERMINERS | {"to"}
_NEGATIONS = frozenset({"to", "not", "never"})
_BETWEEN = frozenset({"also", "often", "sometimes", "later", "once"})
_PASSIVE_TOO = frozenset({"called", "described", "labeled", "labelled", "deemed"})
_ACTIVE_SIGNS = frozenset({"and", "but", "later", "who", "has", "had", "have", "then"})
_GOES_ON = DETERMINERS | CUTS | FORMS_OF_BE | PRONOUNS | SAYING_VERBS


@dataclass(frozen=True, slots=True)
class Told:
    """An attribution: ``subject`` is ``None`` where there is a verb, but nobody who does it."""

    subject: Subject | None
    verb: str
    start: int
    end: int


class Attributions:
    """Finds the attribution of a quotation in the text beside it."""

    def __init__(self, page: Page, cast: Cast, subjects: Subjects) -> None:
        """Take the page, who is named on it, and what finds subjects on it."""
        self._page = page
        self._masked = page.masked
        self._cast = cast
        self._subjects = subjects
        self._phrases = {phrase.start(): phrase for phrase in _PHRASES.finditer(page.masked)}

    # Behind what is said

    def behind(self, mark: Marked, limit: int, content: Content) -> Told | None:  # noqa: PLR0911  form after form
        """Return the attribution behind marked text: "said X", "X, a critic, wrote", "according to X"."""
        stop = min(limit, self._page.sentence_end(mark.close, mark.last.end))
        at = mark.close
        while at < stop and self._masked[at] in " ,\n—–-":
            at += 1
        first = WORD.match(self._masked, at, stop)
        if first is None:
            return None
        capital = first[0][0].isupper()
        if content.text.endswith(".") and capital and content.outside != ",":
            return None
        own = _OWN_WORDS.match(self._masked, at, stop)
        if own:
            return self._own_words(own)
        credit = _ACCORDING_TO.match(self._masked, at, stop)
        if credit:
            return self._with_subject("according", at, credit.end(), stop)
        verb = self._first_verb(first, stop)
        if verb is not None:
            return self._with_subject(verb[0].casefold(), at, verb.end() + 1, stop)
        subject = self._subjects.beginning(at, stop)
        if subject is None or (subject.kind == "pronoun" and subject.value == "it"):
            return None
        end = self._verb_behind(subject, stop)
        if end is None:
            return None
        # After a question a new sentence may begin, which tells what else is said.
        anew = content.text.endswith(("?", "!", ".")) and capital
        return None if anew and self._tells_else(end, stop) else Told(subject, "said", at, end)

    def _tells_else(self, start: int, stop: int) -> bool:
        """Say whether what stands behind a verb is what is said: "He said that …", "She said:"."""
        tail = self._masked[start:stop]
        return _TELLS_ELSE.match(tail) is not None or COLON_AT_END.search(tail) is not None

    def _with_subject(self, verb: str, start: int, at: int, stop: int) -> Told | None:
        """Return the attribution of a verb at ``start`` whose subject begins at ``at``."""
        subject = self._subjects.beginning(at, stop)
        return Told(subject, verb, start, subject.end) if subject else None

    def _first_verb(self, word: re.Match[str], stop: int) -> re.Match[str] | None:
        """Return the verb of saying that ``word`` is or, as an adverb, leads up to: "later said X"."""
        found: re.Match[str] | None = word
        while found:
            low = found[0].casefold()
            if low in SAYING_VERBS or not (low.endswith("ly") or low in {"then", "later", "once"}):
                says = low in SINGLE_OR_PLURAL_VERBS and low not in _TELLING
                return found if says and found[0][0].islower() else None
            found = WORD.match(self._masked, min(found.end() + 1, stop), stop)
        return None

    def _verb_behind(self, subject: Subject, stop: int) -> int | None:
        """Return the end of the verb of saying that ``subject`` does, directly or after an apposition."""
        value = subject.value.casefold()
        plural = value in PLURAL_SPEAKERS or " and " in value or value.endswith("s")
        verbs = SINGLE_OR_PLURAL_VERBS if plural else SAYING_VERBS
        for steps, word in enumerate(WORD_OR_MARK.finditer(self._masked, subject.end, stop)):
            low = word[0].casefold().rstrip(".")
            if low in verbs:
                return word.end()
            phrase = _PHRASES.match(self._masked, word.start(), stop)
            if phrase:
                return phrase.end()
            if steps > _MOST_ADVERBS or not (low in ADVERBS or low.endswith("ly")):
                break
        rest = self._masked[subject.end : min(stop, subject.end + _APPOSITION_REACH)]
        if not _APPOSITION.match(rest):
            return None
        before = ""
        for word in WORD_OR_MARK.finditer(rest):
            low = word[0].casefold()
            if low in ".!?;:":
                return None
            if low.rstrip(".") in verbs and before not in _NO_VERB_AFTER:
                return subject.end + word.end()
            before = low
        return None

    # Before what is said

    def before(self, start: int, end: int) -> Told | None:
        """Return the attribution in ``[start, end)``, before what is said: the last verb with a subject."""
        words = list(WORD.finditer(self._masked, start, end))
        verb: tuple[str, int, int] | None = None
        for index, phrase in self._last_verbs(words, end):
            word = words[index]
            low = word[0].casefold()
            verb = verb or (low, word.start(), (phrase or word).end())
            if index == 0 and low in SAYING_VERBS:
                subject = self._subjects.beginning(word.end() + 1, end)
            elif low in PARTICIPLES and phrase is None:
                subject = None
            else:
                subject = self._subjects.ending(start, word.start())
            if subject is not None:
                return Told(subject, *verb)
        own = _OWN_WORDS.search(self._masked, start, end) if self._has(" words", start, end) else None
        if own:
            return self._own_words(own)
        credited = self._credited(start, end)
        if credited is not None:
            return credited
        return None if verb is None else Told(self._subjects.opening(start, verb[1]), *verb)

    def introducing(self, start: int, end: int) -> Told | None:
        """Return who is said, in a sentence that ends in a colon, to say what follows."""
        told = self.before(start, end)
        if told is not None:
            return told
        noun = _SPEECH_NOUNS.search(self._masked[start:end])
        if noun is None:
            return None
        owner = None
        for mention in self._cast.within(start, end):
            if self._cast.is_owner(mention):
                owner = Subject("name", mention.name, mention.start, mention.end)
        return Told(owner, noun[0], start + noun.start(), end)

    def with_colon(self, start: int, end: int) -> Told | None:
        """Return who speaks after "Okafor is adamant:" or a name and a colon alone."""
        subject = self._subjects.opening(start, end)
        if subject is None or not _IS_SO.match(self._masked[subject.end : end].lstrip()):
            return None
        return Told(subject, "is", subject.end, end)

    def _credited(self, start: int, end: int) -> Told | None:
        """Return who is named by "according to X" or "described by X"."""
        credit = None
        if any(self._has(word, start, end) for word in _CREDIT_WORDS):
            credit = _ACCORDING_TO.search(self._masked, start, end)
            credit = credit or _CALLED_BY.search(self._masked, start, end)
        told = self._with_subject("according", credit.start(), credit.end(), end) if credit else None
        if told is None or told.subject is None or told.subject.kind != "name":
            return told
        # "According to Mongolian ideology" names nobody.
        noun = _SMALL_WORD.match(self._masked[told.end : end])
        return told if noun is None or noun[1] in _GOES_ON else None

    def _has(self, word: str, start: int, end: int) -> bool:
        """Say whether a stretch has a word that a pattern needs: it is found in a tenth of the time."""
        return self._masked.find(word, start, end) >= 0

    def _own_words(self, own: re.Match[str]) -> Told:
        """Return the attribution "in her own words" or "in Bell's words"."""
        if own[1]:
            return Told(Subject("pronoun", _PRONOUN_OF[own[1]], *own.span(1)), "words", *own.span())
        name = self._cast.trim(own[2]).name
        return Told(Subject("name", name, *own.span(2)) if name else None, "words", *own.span())

    # Verbs

    def _last_verbs(
        self, words: Sequence[re.Match[str]], end: int
    ) -> Iterator[tuple[int, re.Match[str] | None]]:
        """Give the numbers of the words that are verbs of saying, or begin such a phrase, the last first."""
        tried = 0
        for index in range(len(words) - 1, -1, -1):
            low = words[index][0].casefold()
            phrase = self._phrases.get(words[index].start())
            if phrase is not None and phrase.end() > end:
                phrase = None
            if phrase is None and low not in _VERBS:
                continue
            tried += 1
            if tried > _MOST_VERBS:
                return
            if phrase is not None or self._is_verb(words, index, low):
                yield index, phrase

    def _is_verb(self, words: Sequence[re.Match[str]], index: int, low: str) -> bool:
        """Say whether a word is a verb of saying: it is none in "his notes", "to say", "a song called"."""
        before = words[index - 1][0].casefold() if index else ""
        if low in PLURAL_VERBS:
            return before in PLURAL_SPEAKERS or before.endswith("s")
        if low not in SPEECH_VERBS or before in _NEGATIONS:
            return False
        gap = self._masked[words[index - 1].end() : words[index].start()] if index else ""
        owned = before in DETERMINERS or before.endswith(POSSESSIVE)
        if low in NOUNS_TOO and owned and not gap.strip():
            return False
        if before.endswith("ly") or before in _BETWEEN:
            before = words[index - 2][0].casefold() if index > 1 else ""
        if before in FORMS_OF_BE and low not in PARTICIPLES:
            return False
        return low not in _PASSIVE_TOO or self._is_active(words, index)

    def _is_active(self, words: Sequence[re.Match[str]], index: int) -> bool:
        """Say whether somebody calls, and is not called: "critics called", and not "a song called"."""
        subject = self._subjects.ending(words[0].start(), words[index].start())
        if subject is not None and (subject.kind != "role" or forms(subject.value) & SPEAKERS):
            return True
        near = words[max(0, index - _ACTIVE_REACH) : index]
        return any(word[0].casefold() in _ACTIVE_SIGNS for word in near)
