"""Document -> Passage and Sentence.

Sentences come from ``sentencex``, mended where it splits or joins wrongly. Passages are paragraphs: small
neighbours are merged, what belongs together (a quotation and its lead-in, a question and its reply) stays
together, and what is too long for the model is split at sentences.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

import sentencex

from linernotes.models import Block, Document, Passage, Quote, Sentence

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Division:
    """A document's passages, numbered from 1, and all their sentences, both in the order of the text."""

    passages: tuple[Passage, ...]
    sentences: tuple[Sentence, ...]


def split(
    document: Document, quotes: Sequence[Quote], *, count_tokens: Callable[[str], int], max_tokens: int
) -> Division:
    """Divide a document into passages and sentences; nothing but headings and bare marks is left out.

    Args:
        document: the document.
        quotes: its quotations; each stays with the line that introduces it.
        count_tokens: how many tokens the model makes of a text, those that it adds itself included.
        max_tokens: the most tokens that a passage may have.

    Returns:
        Passages of at most ``max_tokens`` tokens, and sentences that lie within them, without white space at
        their ends. A sentence longer than a passage comes in pieces, each a sentence. The first sentence of a
        passage is never ``tied``.
    """

    def weigh(text: str) -> int:
        # A tokenizer makes one unknown token of an endless word; it would seem to fit, and be lost.
        return max(count_tokens(text), len(text) // _CHARS_PER_TOKEN)

    quoted = _Quoted(quotes)
    passages: list[Passage] = []
    sentences: list[Sentence] = []
    for heading, units in _sections(document, quoted):
        for group in _merge(document.text, units, weigh, max_tokens):
            for part in _fit(document.text, group, weigh, max_tokens):
                number = len(passages) + 1
                start, end = part[0].start, part[-1].end
                text = document.text[start:end]
                passages.append(Passage(document.name, number, start, end, text, heading))
                for index, piece in enumerate(part):
                    words = document.text[piece.start : piece.end]
                    tied = piece.tied and index > 0
                    sentences.append(Sentence(document.name, number, piece.start, piece.end, words, tied))
    return Division(tuple(passages), tuple(sentences))


# --- Sentences --------------------------------------------------------------------------------------------

_CHARS_PER_TOKEN = 20
_ALNUM = re.compile(r"[^\W_]")
_CLOSERS = "\"'\u2019”»)\\]"
_OPENERS = "\"'\u2018“«(\\["
_ENDS = re.compile(rf"[.!?…。！？][{_CLOSERS}]*$")  # noqa: RUF001  full-width marks end sentences too
# After these a sentence goes on, whatever follows.
_GOES_ON = re.compile(
    r"(?:^|[\s(\[])(?:feat|ft|vs|v|vol|vols|pt|pts|mr|mrs|ms|dr|prof|messrs|mme|mlle|nos|prod|arr|perf|viz"
    r"|cf|e\.g|i\.e|ca|incl|gen|sen|rep|gov|lt|sgt|capt|rev|hon)\.$",
    re.IGNORECASE,
)
# After these it goes on before a number.
_BEFORE_NUMBER = re.compile(
    r"(?:^|[\s(\[])(?:approx|est|ch|chap|no|nr|op|opp|fig|figs|p|pp|sec|art|par|c|cat|lot|min|max"
    r"|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec|b|d|r)\.$",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"[#~]?(?:\d|[IVXLC]+\b)")
_TIME = re.compile(r"\b[ap]\.m\.$")
_TIME_GOES_ON = re.compile(
    r"(?:(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day|[ECMP][SD]?T|GMT|UTC|January|February|March|April|May|June"
    r"|July|August|September|October|November|December)\b"
)
_INITIAL = re.compile(r"(?:^|[\s(\[])(?:[A-Z][\w\u2019'-]+|[A-Z]\.)\s[A-Z]\.$")
_BARE_NUMBER = re.compile(r"\W*(?:\d{1,3}|[A-Za-z])[.)]\W*$")
_STARTERS_WRITTEN = (
    "a after although an and as at because before both but by during each even every for from he her here "
    "his how however i if in is it its later many most my no not now of on once one only or our she since "
    "so some such that the their then there these they this those though to today two under until was we "
    "were what when where which while who why with yes you your "
)
_STARTERS = frozenset(_STARTERS_WRITTEN.split())
_SAYS = re.compile(
    r"(?:[A-Z][\w.\u2019'-]*\s){1,4}(?:said|says|asked|asks|told|tells|wrote|writes|added|adds|replied|replies"
    r"|answered|answers|explained|explains|recalled|recalls|continued|continues|quipped|joked|wondered|wonders"
    r"|shouted|cried|exclaimed|demanded|insisted|remarked|noted|observed|declared|announced|warned)\b"
)
_ASKED_ALOUD = re.compile(r"[?!…,][\"'\u2019”»]$")
# Ends that sentencex passes over: after a bracket, a footnote's number, or what is no abbreviation here.
_MISSED = re.compile(
    rf"[.!?][\"'\u2019”»]*(?:[)\]]|(?:\[\d{{1,3}}\])+)(?=\s+[{_OPENERS}]*[A-Z])"
    rf"|(?<=\s)[a-z]{{2,}}\.(?=\s+[A-Z][a-z]*\s)"
)
_SHORT_FORMS_WRITTEN = (
    "feat ft vs vol vols pt pts mr mrs ms dr prof messrs mme mlle nos prod arr perf viz cf ca incl gen "
    "sen rep gov lt sgt capt rev hon approx est ch chap no nr op opp fig figs pp sec art par cat min max "
    "etc al st mt jr sr co inc ltd corp dept univ assn bros ave blvd rd jan feb mar apr jun jul aug sep "
    "sept oct nov dec mon tue wed thu fri sat sun orig ed eds trans bzw ggf usw evtl dt frz av env cca "
    "ecc sig dott ing sra dra "
)
_SHORT_FORMS = frozenset(_SHORT_FORMS_WRITTEN.split())
_LOWERCASE_STYLE = 0.3
_FEW = 5
_LONG_SENTENCE = 30
_SHORTEST_QUOTED = 3


def _sentences(text: str, start: int, end: int, language: str, inner: Iterable[Span] = ()) -> list[Span]:
    """Return the sentences of ``text[start:end]`` as spans without white space at their ends.

    ``inner`` are quotations: a long sentence that holds one of several sentences is split within it.
    """
    spans: list[Span] = []
    for begin, stop in _lines(text, start, end):
        cuts = _cuts(text[begin:stop], language)
        cuts = {begin + cut for cut in cuts} | {begin, stop}
        for low, high in inner:
            low, high = max(low, begin), min(high, stop)  # noqa: PLW2901  the part within this line
            if low < high:
                cuts |= _cuts_within(text, low, high, sorted(cuts), language)
        ordered = sorted(cuts)
        spans += [_strip(text, *span) for span in pairwise(ordered)]
    return _join_bare(text, [span for span in spans if span[0] < span[1]])


def _lines(text: str, start: int, end: int) -> Iterator[Span]:
    """Give the stretches between line breaks that end a sentence."""
    begin = start
    for found in re.finditer(r"\n+", text[start:end]):
        before = text[begin : start + found.start()]
        at = start + found.end()
        # A line of verse goes on in the next one; a name below a quotation and a new speaker do not.
        goes_on = text[at : at + 1].islower() or before.endswith((",", ";", "–", "—", "-"))  # noqa: RUF001
        if not goes_on or len(found[0]) > 1:
            yield begin, at
            begin = at
    yield begin, end


def _cuts(text: str, language: str) -> set[int]:
    """Return where to cut ``text``: at the boundaries of ``sentencex`` but the wrong, and the missing."""
    bounds = [bound["start_index"] for bound in sentencex.get_sentence_boundaries(language, text)]
    pieces = list(zip(bounds, [*bounds[1:], len(text)], strict=True))
    starts_low = sum(text[a:b].lstrip()[:1].islower() for a, b in pieces)
    lowercase = len(pieces) >= _FEW and starts_low > _LOWERCASE_STYLE * len(pieces)
    cuts: set[int] = set()
    begin = 0
    for cut in bounds[1:]:
        if not _is_wrong(text[begin:cut].strip(), text[cut : cut + 80].lstrip(), lowercase=lowercase):
            cuts.add(cut)
            begin = cut
    for found in _MISSED.finditer(text):
        word = found[0].rstrip(".")
        if word not in _SHORT_FORMS and not _is_open(text[: found.end()][-_LONGEST_ASIDE:]):
            cuts.add(found.end())
    return cuts


_LONGEST_ASIDE = 400


def _is_wrong(before: str, after: str, *, lowercase: bool) -> bool:  # noqa: PLR0911
    """Say whether ``sentencex`` has split a sentence in two between ``before`` and ``after``."""
    if not before or not after:
        return True
    tail = before[-60:]
    first = re.match(r"[\w\u2019'-]+", after)
    word = first[0] if first else ""
    if after[0].islower() and not lowercase and after[0].isascii():
        return True
    if _GOES_ON.search(tail) or (_BEFORE_NUMBER.search(tail) and _NUMBER.match(after)):
        return True
    if _TIME.search(tail) and _TIME_GOES_ON.match(after):
        return True
    if _INITIAL.search(tail) and word[:1].isupper() and word.lower() not in _STARTERS:
        return True
    if _ASKED_ALOUD.search(tail) and _SAYS.match(after):
        return True
    return _is_open(before[-_LONGEST_ASIDE:]) and ")" in after


def _is_open(text: str) -> bool:
    """Say whether a parenthesis is open at the end of ``text``."""
    return text.rfind("(") > text.rfind(")")


def _cuts_within(text: str, low: int, high: int, cuts: Sequence[int], language: str) -> set[int]:
    """Return the sentence bounds within a quotation, where the sentence that holds it is long."""
    index = bisect_right(cuts, low) - 1
    begin = cuts[max(index, 0)]
    stop = cuts[min(bisect_left(cuts, high), len(cuts) - 1)]
    if len(text[begin:stop].split()) <= _LONG_SENTENCE:
        return set()
    inner = sorted(low + cut for cut in _cuts(text[low:high], language))
    found: set[int] = set()
    previous = low
    for cut in inner:
        if min(len(text[previous:cut].split()), len(text[cut:high].split())) >= _SHORTEST_QUOTED:
            found.add(cut)
            previous = cut
    return found


def _strip(text: str, start: int, end: int) -> Span:
    piece = text[start:end]
    return start + len(piece) - len(piece.lstrip()), end - len(piece) + len(piece.rstrip())


def _join_bare(text: str, spans: Sequence[Span]) -> list[Span]:
    """Join what is no sentence by itself: a mark to what precedes, an item's number to what follows."""
    joined: list[Span] = []
    pending: int | None = None
    for start, end in spans:
        begin = start if pending is None else pending
        pending = None
        if not _ALNUM.search(text, start, end) and joined:
            joined[-1] = (joined[-1][0], end)
        elif not _ALNUM.search(text, begin, end) or _BARE_NUMBER.match(text, begin, end):
            pending = begin
        else:
            joined.append((begin, end))
    if pending is not None:
        end = spans[-1][1]
        if joined:
            joined[-1] = (joined[-1][0], end)
        elif _ALNUM.search(text, pending, end):
            joined.append((pending, end))
    return joined


# --- Units: what is never torn without need ---------------------------------------------------------------

Glue = Literal["", "weak", "strong"]

_LEADS_IN = re.compile(r"[:：][\"'\u2019”»)\]*_]*$")  # noqa: RUF001  the full-width colon is meant
_DASH_LINE = re.compile(r"(?:[-—–―⸺]|--)\s?[^\W\d_]")  # noqa: RUF001  the dashes are meant
_ASKS = re.compile(r"(?:Q|Question)\s?\d*[:.]\s|.*\?[\"'\u2019”»)\]]*$", re.DOTALL)
_REPLY = re.compile(r"(?:A|Answer)\s?\d*[:.]\s")
_LONG_NAME = 9
_LONG_QUESTION = 40
_SHORT_ITEM = 4


@dataclass(frozen=True, slots=True)
class _Piece:
    """A sentence to be: a span of the text."""

    start: int
    end: int
    tied: bool = False


@dataclass(frozen=True, slots=True)
class _Unit:
    """A block, or a line of one. ``glue`` says how it holds to the unit before it."""

    block: Block
    pieces: tuple[_Piece, ...]
    words: int
    glue: Glue = ""


class _Quoted:
    """The quotations' extents, to be asked by offset."""

    def __init__(self, quotes: Sequence[Quote]) -> None:
        self.extents = sorted((quote.spans[0][0], quote.spans[-1][1]) for quote in quotes if quote.spans)
        self.spans = sorted(span for quote in quotes for span in quote.spans)
        # The furthest end so far: extents may lie within one another.
        self.reach: list[int] = []
        for _, end in self.extents:
            self.reach.append(max(end, self.reach[-1]) if self.reach else end)

    def starts_in(self, start: int, end: int) -> bool:
        """Say whether a quotation starts in ``[start, end)``."""
        index = bisect_left(self.extents, (start, start))
        return index < len(self.extents) and self.extents[index][0] < end

    def holds(self, before: int, after: int) -> bool:
        """Say whether one quotation has text before the offset ``before`` and from ``after`` on."""
        index = bisect_left(self.extents, (before, before)) - 1
        return index >= 0 and self.reach[index] > after

    def ends_at(self, start: int, end: int) -> bool:
        """Say whether a quotation that began before ``end`` reaches into ``[start, end]``."""
        index = bisect_left(self.extents, (end, end)) - 1
        return index >= 0 and self.reach[index] > start

    def within(self, start: int, end: int) -> list[Span]:
        """Return the quoted spans that begin in ``[start, end)``."""
        low = bisect_left(self.spans, (start, start))
        return self.spans[low : bisect_left(self.spans, (end, end))]


def _sections(document: Document, quoted: _Quoted) -> Iterator[tuple[str | None, list[_Unit]]]:
    """Give the units under each heading, with the headings' path."""
    path: list[tuple[int, str]] = []
    units: list[_Unit] = []
    for block in document.blocks:
        if block.kind == "heading":
            if units:
                yield _path(path), _tie(document.text, units, quoted)
                units = []
            path = [(level, text) for level, text in path if level < block.level]
            path.append((block.level, " ".join(document.text[block.start : block.end].split())))
        else:
            units += _units(document, block, quoted)
    if units:
        yield _path(path), _tie(document.text, units, quoted)


def _path(path: Sequence[tuple[int, str]]) -> str | None:
    return " > ".join(text for _, text in path) or None


def _units(document: Document, block: Block, quoted: _Quoted) -> list[_Unit]:
    """Return the units of a block: a line of dialogue is one, a quotation is one whatever its lines."""
    text = document.text
    if not _ALNUM.search(text, block.start, block.end):
        return []
    if block.kind == "row":
        spans = [[(block.start, block.end)]]
    elif block.kind == "code":
        lines = re.finditer(r"[^\n]*[^\W_][^\n]*", text[block.start : block.end])
        spans = [[_strip(text, block.start + each.start(), block.start + each.end()) for each in lines]]
    elif block.kind == "quote":
        spans = [_sentences(text, block.start, block.end, document.language)]
    else:
        spans = [
            _sentences(text, start, end, document.language, quoted.within(start, end))
            for start, end in _lines(text, block.start, block.end)
        ]
    units: list[_Unit] = []
    for each in spans:
        if not each:
            continue
        pieces = tuple(_Piece(start, end) for start, end in each)
        units.append(_Unit(block, pieces, len(text[each[0][0] : each[-1][1]].split())))
    return units


def _tie(text: str, units: Sequence[_Unit], quoted: _Quoted) -> list[_Unit]:
    """Say which sentences are not shown without the one before, and which units stay with the one before."""
    tied: list[_Unit] = []
    before: _Unit | None = None
    introduced = False
    for unit in units:
        short_item = unit.block.kind == "item" and unit.words < _SHORT_ITEM
        if before is not None and (before.block.kind != "item" or unit.block.kind != "item"):
            introduced = unit.block.kind == "item" and _leads_in(text, before)
        glue: Glue = ""
        pieces = list(unit.pieces)
        if before is not None:
            bound, glue = _bond(text, before, unit, quoted)
            bound = bound or (short_item and introduced)
            pieces[0] = replace(pieces[0], tied=bound)
        for index in range(1, len(pieces)):
            held = unit.block.kind == "quote" or _is_bound(text, pieces[index - 1], pieces[index], quoted)
            pieces[index] = replace(pieces[index], tied=held)
        before = replace(unit, pieces=tuple(pieces), glue=glue)
        tied.append(before)
    return tied


def _bond(  # noqa: PLR0911
    text: str, before: _Unit, unit: _Unit, quoted: _Quoted
) -> tuple[bool, Glue]:
    """Return whether ``unit`` begins tied to ``before``, and how it holds to it."""
    last, first = before.pieces[-1], unit.pieces[0]
    leads_in = _leads_in(text, before)
    line = text[first.start : unit.pieces[-1].end]
    names_speaker = unit.words <= _LONG_NAME and _DASH_LINE.match(line) and not _LEADS_IN.search(line)
    after_quote = (
        before.block.kind == "quote"
        or quoted.ends_at(last.start, last.end)
        or text[last.end - 1] in "\"'\u2019”»"
    )
    if names_speaker and after_quote:
        return True, "strong"
    if unit.block.kind == "quote" and before.block.kind != "quote":
        open_end = leads_in or not _ENDS.search(text[last.start : last.end])
        return open_end, "strong" if open_end else "weak"
    if quoted.holds(last.end, first.start):
        return True, "strong"
    if leads_in:
        return unit.block.kind == "quote" or quoted.starts_in(first.start, first.start + 3), "strong"
    if unit.block.kind == before.block.kind == "quote":
        return False, "weak"
    question = text[before.pieces[0].start : last.end]
    if before.words <= _LONG_QUESTION and _ASKS.match(question) and not _ASKS.match(line):
        return False, "strong"
    return False, "strong" if _REPLY.match(line) else ""


def _is_bound(text: str, before: _Piece, piece: _Piece, quoted: _Quoted) -> bool:
    """Say whether two sentences of a block stand in one quotation, or the first introduces the second."""
    if quoted.holds(before.end, piece.start):
        return True
    opens = quoted.starts_in(piece.start, piece.start + 3)
    return opens and _LEADS_IN.search(text[before.start : before.end]) is not None


def _leads_in(text: str, unit: _Unit) -> bool:
    last = unit.pieces[-1]
    return _LEADS_IN.search(text[last.start : last.end]) is not None


# --- Passages ---------------------------------------------------------------------------------------------

_SMALL = 40
_MERGED = 90
_TINY = 12
_WEAKLY_MERGED = 150


def _merge(
    text: str, units: Sequence[_Unit], weigh: Callable[[str], int], max_tokens: int
) -> Iterator[list[_Unit]]:
    """Give groups of units: what holds together, and small neighbours up to about 90 words."""
    glued: list[list[_Unit]] = []
    for unit in units:
        words = sum(each.words for each in glued[-1]) if glued else 0
        if glued and (
            unit.glue == "strong" or (unit.glue == "weak" and words + unit.words <= _WEAKLY_MERGED)
        ):
            glued[-1].append(unit)
        else:
            glued.append([unit])
    current: list[_Unit] = []
    for group in glued:
        if current and _may_join(current, group):
            whole = text[current[0].pieces[0].start : group[-1].pieces[-1].end]
            if weigh(whole) <= max_tokens:
                current += group
                continue
        if current:
            yield current
        current = list(group)
    if current:
        yield current


def _may_join(current: Sequence[_Unit], group: Sequence[_Unit]) -> bool:
    first, second = (sum(unit.words for unit in each) for each in (current, group))
    if min(first, second) < _TINY:
        return first + second <= _MERGED + 3 * _TINY
    small = min(first, second) < _SMALL or group[0].block.kind in {"item", "row"}
    return small and first + second <= _MERGED


def _fit(
    text: str, group: Sequence[_Unit], weigh: Callable[[str], int], max_tokens: int
) -> Iterator[list[_Piece]]:
    """Give the sentences of a group in parts that fit, as even as may be, tied sentences together."""
    pieces = [piece for unit in group for piece in unit.pieces]
    if weigh(text[pieces[0].start : pieces[-1].end]) <= max_tokens:
        yield pieces
        return
    atoms: list[list[_Piece]] = []
    for unit in group:
        for index, piece in enumerate(unit.pieces):
            holds = piece.tied or (index == 0 and unit.glue == "strong")
            if holds and atoms:
                atoms[-1].append(piece)
            else:
                atoms.append([piece])
    loose: list[list[_Piece]] = []
    for atom in atoms:
        if weigh(text[atom[0].start : atom[-1].end]) <= max_tokens:
            loose.append(atom)
            continue
        for piece in atom:
            loose += [[each] for each in _shorten(text, piece, weigh, max_tokens)]
    yield from _partition(text, loose, weigh, max_tokens)


def _partition(
    text: str, atoms: Sequence[Sequence[_Piece]], weigh: Callable[[str], int], max_tokens: int
) -> Iterator[list[_Piece]]:
    """Give the fewest parts in a row that fit, the largest of them as small as may be."""
    weights = [weigh(text[atom[0].start : atom[-1].end]) for atom in atoms]
    fewest = len(_fill(weights, max_tokens))
    low, high = max(weights), max_tokens
    while low < high:
        middle = (low + high) // 2
        if len(_fill(weights, middle)) <= fewest:
            high = middle
        else:
            low = middle + 1
    for begin, end in _fill(weights, low):
        part = [piece for atom in atoms[begin:end] for piece in atom]
        if end - begin > 1 and weigh(text[part[0].start : part[-1].end]) > max_tokens:
            # The tokens of a text may be more than the sum of its sentences'.
            middle = (begin + end) // 2
            yield from _partition(text, atoms[begin:middle], weigh, max_tokens)
            yield from _partition(text, atoms[middle:end], weigh, max_tokens)
        else:
            yield part


def _fill(weights: Sequence[int], limit: int) -> list[Span]:
    """Return runs of ``weights`` that each sum to ``limit`` at most, where a single one does not pass it."""
    runs: list[Span] = []
    begin, total = 0, 0
    for index, weight in enumerate(weights):
        if total and total + weight > limit:
            runs.append((begin, index))
            begin, total = index, 0
        total += weight
    runs.append((begin, len(weights)))
    return runs


_CLAUSES = (re.compile(r"[;:]\s|\n|\s[–—]\s"), re.compile(r",\s"), re.compile(r"\s"))  # noqa: RUF001


def _shorten(text: str, piece: _Piece, weigh: Callable[[str], int], max_tokens: int) -> Iterator[_Piece]:
    """Give a sentence in pieces that fit, cut near the middle at a clause, else a space, else anywhere."""
    start, end = _strip(text, piece.start, piece.end)
    if start >= end:
        return
    if end - start == 1 or weigh(text[start:end]) <= max_tokens:
        yield replace(piece, start=start, end=end)
        return
    size = end - start
    middle = start + size // 2
    cut = middle
    for mark in _CLAUSES:
        # Only the middle half: a cut near an end would leave a fragment and the same work again.
        found = [each.end() for each in mark.finditer(text, start + size // 4, end - size // 4)]
        if found:
            cut = min(found, key=lambda at: abs(at - middle))
            break
    yield from _shorten(text, replace(piece, end=cut), weigh, max_tokens)
    yield from _shorten(text, _Piece(cut, end), weigh, max_tokens)
