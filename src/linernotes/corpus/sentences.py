"""Where sentences begin and end: ``sentencex``, mended where it splits or joins wrongly."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

import sentencex

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Span = tuple[int, int]
"""Start and end of a stretch of text, half-open."""

ALNUM = re.compile(r"[^\W_]")
CLOSE = "[\"'\u2019”»)\\]]*"
_OPENERS = "\"'\u2018“«(["
_OPEN = f"[{re.escape(_OPENERS)}]*"
ENDS = re.compile(rf"[.!?…。！？]{CLOSE}$")  # noqa: RUF001  full-width marks end sentences too
_STARTERS = (
    "A|An|And|As|But|By|For|From|He|Her|His|However|I|If|In|It|Its|My|No|Nobody|On|One|Our|She|Since|So|The"
    "|Their|Then|There|These|They|This|Those|To|We|What|When|Where|Which|While|Who|Why|With|You|Your"
)
_SAYS = (
    r"(?:said|says|told|tells|wrote|writes|sang|sings|cries|cried|repli(?:es|ed)|(?:add|announce|answer|ask|continue"
    r"|declare|exclaim|explain|insist|joke|laugh|recall|scream|shout|whisper|wonder|yell)(?:s|d|ed))\b"
)
# Between the first and the second pattern no sentence ends, although sentencex sees an end.
_GOES_ON = tuple(
    (re.compile(rf"(?:{before})$"), re.compile(after))
    for before, after in (
        # Abbreviations that it does not know: before anything, before a number.
        (r"(?i:(?<![\w.])(?:(?<!\d\s)ft|feat|prod|perf|arr|vs|cf|ms|ed|incl|lit|e\.g|i\.e)\.)", r""),
        (
            r"(?i:(?<![\w.])(?:vols?|pts?|chap|ch|figs|opp|cat|est|approx|max|lot)\.)",
            r"[#~]?(?:\d|[IVXLC]+\b)",
        ),
        (r"(?<![\w.])[a-z]{2,4}\.", r"(?:by|of|and|or|to)\s"),
        (r"(?<![\w.])\d\d?\.", r"[a-z]"),
        # Anderson .Paak
        (r"\s\.", r"\w"),
        # 7 p.m. Friday
        (r"\b[ap]\.m\.", r"(?:(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day|[A-Z]{2,4})\b"),
        # Panic! at the Disco; very loud! — and short; “Is it over?” she asked
        (rf"[!?…]{CLOSE}", rf"[-–—,;\s]*{_OPEN}[a-zß-ÿ]"),  # noqa: RUF001  the dashes are meant
        # “Is it over?” Killer Mike asked
        (r"[?!…,][\"'\u2019”»]", rf"(?!(?:{_STARTERS})\s)(?:[A-Z][\w.\u2019'-]*\s){{1,4}}{_SAYS}"),
        # In the song “Who's Next?” Roger Daltrey sings
        (
            rf"^{_OPEN}(?:In|On|With|For|From|After|Before|Since|Like|Unlike)\b[^,.:;“”\"]{{0,40}}[“\"][^“”\"]+[!?][”\"]",
            r"",
        ),
        # Godspeed You! Black Emperor
        (r"(?:^|\s)[A-Z]\w+!", rf"(?!(?:{_STARTERS})\s)[A-Z]\w+\s[A-Z]"),
    )
)
# Ends that it passes over: a sentence in brackets, …, words and letters that it takes for abbreviations.
_MISSED = re.compile(
    rf"(?:^|[.!?…]\S{{0,3}}\s)\([^()]*[.!?]{CLOSE}\)(?=\s{_OPEN}[A-Z])"
    rf"|(?<=[^\s.…])…{CLOSE}(?=\s{_OPEN}[A-Z])"
    rf"|(?<=\s)(?:me|no|[Mm]ay|art|ill|fed|ok|arc|ore|con|miss|id|pa|min|sec)\.(?=\s{_OPEN}[A-Z])"
    rf"|(?<=\W)(?:[A-Za-z]|[JS]r)\.(?=\s{_OPEN}(?:{_STARTERS})\s)"
)
# A note's number or mark after an end belongs to what it is a note on.
_NOTE = re.compile(r"\s*(?:(?:\[(?:\w|\d+|[a-z]+ [\w ]+)\])+|[¹²³⁰-⁹†‡]+)(?=\s|$)")
_NUMBERED = re.compile(r"\W*(?:\d{1,3}|[A-Za-z])[.)]\W*")
_MARKS = re.compile(r"\W*")
# Straight marks in pairs; any other one is an inch, or lost its partner.
_PAIRED = re.compile(r"((?:^|(?<=[\s(\[—–]))\"\S[^\"]*\")|\"", re.MULTILINE)  # noqa: RUF001
_ENCLOSING = str.maketrans(dict.fromkeys('"“”«»()[]', " "))
_LONG = 300
_WINDOW = 4_000
# Within so many marks, each character costs time that grows with the window.
_ANY_MARK = re.compile("[\"'`\u2018\u2019“”„«»‹›()\\[\\]「」『』]")  # noqa: RUF001
_MANY_MARKS = 500
_SMALL_WINDOW = 1_000


def find_sentences(text: str, start: int, end: int, language: str) -> list[Span]:
    """Return the sentences of ``text[start:end]`` as spans without white space at their ends."""
    spans: list[Span] = []
    for begin, stop in _lines(text, start, end):
        cuts = [begin, *(begin + cut for cut in _cuts(text[begin:stop], language)), stop]
        spans += [strip(text, *span) for span in pairwise(cuts)]
    return join_bare(text, [span for span in spans if span[0] < span[1]])


def _lines(text: str, start: int, end: int) -> Iterator[Span]:
    """Give the stretches between line breaks that end a sentence."""
    begin = start
    for found in re.finditer(r"\n+", text[start:end]):
        at = start + found.end()
        # A line of verse goes on in the next one; a name below a quotation and a new speaker do not.
        goes_on = text[at : at + 1].islower() or text[at - 2] in ",;–—-"  # noqa: RUF001
        if not goes_on or len(found[0]) > 1:
            yield begin, at
            begin = at
    yield begin, end


def _cuts(text: str, language: str) -> list[int]:
    """Return where to cut ``text``: at the boundaries of ``sentencex`` but the wrong, and at the missing."""
    paired = _PAIRED.sub(lambda found: found[1] or " ", text)
    bounds = _bounds(paired, language)
    for low, high in pairwise([0, *bounds, len(text)]):
        if high - low > _LONG:
            # It never splits within quotation marks and brackets, however long they are.
            bounds += [low + cut for cut in _bounds(paired[low:high].translate(_ENCLOSING), language)]
    cuts: set[int] = {found.end() for found in _MISSED.finditer(text)}
    begin = 0
    for cut in sorted(_before_marks(text, bound) for bound in bounds):
        before, after = text[max(begin, cut - _LONG) : cut].rstrip(), text[cut : cut + 80].lstrip()
        if not any(high.match(after) and low.search(before) for low, high in _GOES_ON):
            note = _NOTE.match(text, cut)
            begin = note.end() if note else cut
            cuts.add(begin)
    return sorted(cuts)


def _bounds(text: str, language: str) -> list[int]:
    """Return the boundaries that ``sentencex`` finds, in windows: unpaired marks cost it quadratic time."""
    found: list[int] = []
    begin = 0
    while begin < len(text):
        window = text[begin : begin + _WINDOW]
        if len(_ANY_MARK.findall(window)) > _MANY_MARKS:
            window = window[:_SMALL_WINDOW]
        starts = [each["start_index"] for each in sentencex.get_sentence_boundaries(language, window)][1:]
        found += [begin + start for start in starts]
        begin += starts[-1] if starts and begin + len(window) < len(text) else len(window)
    return found


def _before_marks(text: str, at: int) -> int:
    """Return the start of the marks that open the word at ``at``, which ``sentencex`` leaves or never saw."""
    begin = at
    while begin > 0 and text[begin - 1] in _OPENERS:
        begin -= 1
    return begin if begin == 0 or text[begin - 1].isspace() else at


def strip(text: str, start: int, end: int) -> Span:
    """Return the span without the white space at its ends."""
    piece = text[start:end]
    return start + len(piece) - len(piece.lstrip()), end - len(piece) + len(piece.rstrip())


def join_bare(text: str, spans: Sequence[Span]) -> list[Span]:
    """Join what is no sentence by itself: a mark to what precedes, an item's number to what follows."""
    joined: list[Span] = []
    pending: int | None = None
    # What is pending: a number in it, or a mark that no number has beside it.
    number = odd = False
    for start, end in spans:
        begin = start if pending is None else pending
        bare = not number and not ALNUM.search(text, start, end)
        # Each span is looked at alone: a flood of marks is one pending stretch that grows.
        counts = not odd and (_MARKS if number else _NUMBERED).fullmatch(text, start, end) is not None
        if bare and joined:
            joined[-1] = (joined[-1][0], end)
        elif end != spans[-1][1] and (bare or counts):
            pending = begin
            number = not bare
            odd = odd or (bare and _MARKS.fullmatch(text, start, end) is None)
        elif not bare:
            joined.append((begin, end))
            pending, number, odd = None, False, False
    return joined
