"""Outlets: a stretch of the text comes in, and the outlet that it names as the place of saying goes out.

An outlet is known by its name ("GQ"), by a word in it ("the Harbour Times"), or by what is said of it ("told
X", "in an interview with X") if nobody of that name is known.
"""

# ruff: noqa: RUF001  typographic marks are what this is about
from __future__ import annotations

import re
from typing import TYPE_CHECKING

from linernotes.corpus.quotes.names import ANYWHERE
from linernotes.corpus.quotes.page import REACH
from linernotes.corpus.quotes.patterns import CAPITALISED, capitalised
from linernotes.corpus.quotes.vocabulary import BODIES, CALENDAR, FIRST_NAMES, STARTERS, listed

if TYPE_CHECKING:
    from linernotes.corpus.quotes.marks import Span
    from linernotes.corpus.quotes.names import Cast

# --- Names of outlets -------------------------------------------------------------------------------------

# Without "the", unless the same word without it is another's.
_KNOWN_WRITTEN = (
    "gq, npr, bbc, cnn, complex, billboard, pitchfork, rolling stone, vibe, spin, variety, vulture, wired, "
    "genius, nme, mojo, uncut, the wire, the source, xxl, fader, rap radar, hiphopdx, esquire, vogue, "
    "time, newsweek, politico, slate, salon, the ringer, stereogum, consequence, paste, essence, ebony, "
    "jet, forbes, people, mtv, bet, vh1, allmusic, the atlantic, new yorker, guardian, reuters, associated "
    "press, vanity fair, entertainment weekly, apple music, gramophone, the independent, interview, vice, "
    "noisey, the a.v. club, clash, dazed, crack, the quietus, resident advisor, kerrang, kerrang!, "
    "downbeat, the root, buzzfeed, der spiegel, le monde, el país, the breakfast club, drink champs, "
    "bloomberg, axios, espn, deadline, the nation, harper's, the economist, usa today, melody maker, sound "
    "on sound, spex, les inrockuptibles"
)
_KNOWN = frozenset(_KNOWN_WRITTEN.split(", "))
OUTLET_WORDS = listed(
    "times post news magazine radio journal herald tribune weekly review courier gazette press daily "
    "chronicle observer telegraph tv fm podcast globe star examiner sun standard dispatch record mirror "
    "mail mag quarterly courier-journal journal-constitution sentinel bulletin register inquirer ledger "
    "echo today show hour network nightly tonight express digest reader voice zeitung television "
    "broadcasting online wire music"
)
# "Radio Wells", "The Daily Wells".
_FIRST_OUTLET_WORDS = listed("daily weekly radio sunday evening")
_LABEL_WORDS = listed("records recordings label")
# What the text may be told on or in, and is no outlet: networks, parliaments, places, languages.
_NO_OUTLETS = CALENDAR | listed(
    "twitter x instagram facebook tiktok youtube snapchat reddit myspace threads congress parliament "
    "senate court america england britain france germany japan china canada london paris berlin atlanta "
    "chicago boston detroit houston memphis nashville brooklyn harlem tokyo rome madrid dublin lagos "
    "toronto washington philadelphia seattle oakland compton queens manchester liverpool god english "
    "french spanish german latin"
)
_NO_FIRST_WORDS = FIRST_NAMES | STARTERS | _NO_OUTLETS
_ACRONYMS = listed("us usa uk la tv dj mc ep lp nyc eu un fbi cia nypd lapd naacp riaa r&b ceo nba nfl nasa")
# Capitals alone are an outlet's abbreviation, as "NPR" or "KEXP", from two letters to five.
_LONGEST_ACRONYM = 5

# --- Where an outlet is named -----------------------------------------------------------------------------

_CHANNEL = rf"(?: \d{{1,2}}(?!\w)(?: {CAPITALISED})?)?"  # "Channel 4 News"
_OUTLET = (
    rf"(?:[Tt]he )?(?:(?:Les|Le|La|Der|Die|Das|El|Il) )?"
    rf"{CAPITALISED}(?: (?:(?:of|on|and|du|de|des) )?{CAPITALISED}){{0,4}}{_CHANNEL}"
)
_MADE_WRITTEN = (
    "interview conversation chat profile statement letter essay op-ed article column piece review story "
    "email e-mail feature talk session Q&A sit-down discussion appearance remarks comments segment podcast "
    "episode"
)
_MADE = f"(?:{'|'.join(_MADE_WRITTEN.split())})"


def _needing(words: str, pattern: str) -> tuple[tuple[str, ...], re.Pattern[str]]:
    """Return a pattern with words of which it needs one: they are found in a tenth of the time."""
    return tuple(words.split()), re.compile(pattern)


# Said to an outlet: these alone are what "the magazine" goes back to.
_SAID_TO = (
    _needing(
        "tell told remind assur inform",
        rf"\b(?:told|tells?|telling|reminded|assured|informed)\s+({_OUTLET})",
    ),
    _needing(
        _MADE_WRITTEN, rf"\b{_MADE}s?(?: \w+){{0,2}}? (?:with|to|for|in|by|on)(?: the same)? ({_OUTLET})"
    ),
    _needing(
        "peaking alking talk spoke speaks sat",
        r"\b(?:[Ss]peaking|[Tt]alking|speaks|spoke|talk(?:s|ed)|sat down)(?: \w+)? "
        rf"(?:to|with|on) ({_OUTLET})",
    ),
)
_SAID_IN = (
    *_SAID_TO,
    _needing(
        "riting wrote writes written",
        rf"\b(?:[Ww]riting|wrote|writes|written)(?: \w+){{0,3}}? (?:in|for) ({_OUTLET})",
    ),
    _needing("sked interviewed quoted", rf"\b(?:[Aa]sked|interviewed|quoted)(?: \w+)? (?:by|in) ({_OUTLET})"),
    _needing(
        "podcast show issue program edition",
        rf"\b(?:on|in|to|by|for|with) ({_OUTLET})['’]s? (?:\w+ ){{0,3}}"
        r"(?:podcast|show|issue|program|edition)",
    ),
    _needing("podcast show radio program", rf"\bon ({_OUTLET})(?= (?:podcast|show|radio|program)\b)"),
    _needing(_MADE_WRITTEN, rf"\b(?:[Ii]n|[Oo]n|[Ff]or) (?:an? |the )({capitalised(3)}) {_MADE}\b"),
    _needing(
        "to", rf"\b(?:said|joked|explained|admitted|confessed|remarked|revealed|complained) to ({_OUTLET})"
    ),
    _needing("ccording", rf"\b[Aa]ccording to ({_OUTLET})"),
)
_ANY_OUTLET = re.compile(rf"(?<![\w'’$.-])(?:[Tt]he )?{capitalised(5)}{_CHANNEL}")
_BEFORE_OUTLET = re.compile(r"\b(?:of|from|at|in|on|for)\s$")
# The longest of these words, a blank, and what shows that a word begins there.
_BEFORE_OUTLET_REACH = 6
_AFTER_OUTLET = re.compile(
    rf"['’]s? (?={CAPITALISED})"
    r"|\s(?:called|calls|wrote|writes|describes?d?|said|says|reported|praised|hailed)\b"
)
_SAME_OUTLET = re.compile(
    r"\b(?:told|tells|to|for|with|in|by) (?:the|that)(?: same)? (?:magazine|paper|newspaper|station|website"
    r"|publication|outlet|programme|podcast|network|broadcaster|show|journal)\b"
)
# The parts of the line below a quotation, and what does not belong to an outlet's name at their ends.
_PARTS = re.compile(r"[,(;/]|\b(?:in|to|for|on|via)\b")
_PART_TAIL = re.compile(r"[)\s]+$|\s*\b\d{4}\b.*$")
_POSSESSIVE_TAIL = re.compile(r"['’]s?$")


class Outlets:
    """Tells outlets from other names, and finds the one in which something was said."""

    def __init__(self, masked: str, cast: Cast) -> None:
        """Take the text without what others say, and who is named in it."""
        self._masked = masked
        self._cast = cast

    def said_in(self, span: Span) -> str | None:
        """Return the outlet that a stretch of the text names as the place where it was said."""
        stretch = self._masked[span[0] : span[1]]
        for words, pattern in _SAID_IN:
            if not any(word in stretch for word in words):
                continue
            for found in pattern.finditer(stretch):
                if self.is_outlet(found[1]):
                    return outlet_name(found[1])
        for found in _ANY_OUTLET.finditer(stretch):
            low = max(0, found.start() - _BEFORE_OUTLET_REACH)
            placed = _BEFORE_OUTLET.search(stretch, low, found.start())
            if (placed or _AFTER_OUTLET.match(stretch, found.end())) and self.is_outlet(found[0], sure=True):
                return outlet_name(found[0])
        return self._named_before(span[0]) if _SAME_OUTLET.search(stretch) else None

    def in_credit(self, rest: str) -> str | None:
        """Return the outlet that stands behind a speaker's name in a line such as "— Ana Ruiz, GQ, 2019"."""
        said_in = [
            outlet_name(found[1])
            for _, pattern in _SAID_IN
            if (found := pattern.search(rest)) and self.is_outlet(found[1])
        ]
        if said_in:
            return said_in[-1]  # the patterns go from the common to the rare
        for part in _PARTS.split(rest)[1:]:
            name = _PART_TAIL.sub("", part.strip())
            if name and self.is_outlet(name, sure=True):
                return outlet_name(name)
        return None

    def is_outlet(self, written: str, *, sure: bool = False) -> bool:  # noqa: PLR0911  one reason after another
        """Say whether a name is an outlet's; ``sure`` asks for more than that it is nobody's who is known."""
        name = outlet_name(written)
        low = name.casefold().replace("’", "'")
        bare = low.removeprefix("the ")
        tokens = bare.split()
        if not tokens:
            return False
        if low in _KNOWN or bare in _KNOWN:
            return True
        if tokens[-1] in _LABEL_WORDS:
            return False
        if len(tokens) > 1 and (tokens[-1] in OUTLET_WORDS or tokens[0] in _FIRST_OUTLET_WORDS):
            return True
        if bare in _NO_OUTLETS or tokens[0] in _NO_FIRST_WORDS:
            return False
        if "-" in bare and bare.split("-")[-1] in OUTLET_WORDS:
            return True
        known = name in self._cast.people or self._cast.full(name, ANYWHERE) != name
        if name.isupper() and name.isalpha() and 1 < len(name) <= _LONGEST_ACRONYM:
            return low not in _ACRONYMS and not known
        return not (sure or known or {tokens[0], tokens[-1]} & BODIES or any(map(str.isdigit, name)))

    def _named_before(self, at: int) -> str | None:
        """Return the outlet that "the magazine" means: the one named last."""
        given = [
            (found.start(1), found[1])
            for _, pattern in _SAID_TO
            for found in pattern.finditer(self._masked, max(0, at - REACH), at)
            if self.is_outlet(found[1])
        ]
        return outlet_name(max(given)[1]) if given else None


def outlet_name(written: str) -> str:
    """Return an outlet's name as it stands alone: without a small "the" and a day behind it."""
    words = written.removeprefix("the ").split()
    while len(words) > 1 and words[-1].casefold() in CALENDAR:
        words.pop()
    return _POSSESSIVE_TAIL.sub("", " ".join(words))
