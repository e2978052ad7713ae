"""Document -> Passage and Sentence.

Sentences come from ``sentencex``, mended where it splits or joins wrongly. Passages are paragraphs: small
neighbours are merged, what belongs together (a quotation and its lead-in, a question and its reply) stays
together, and what is too long for the model is split at sentences.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

import sentencex

from linernotes.models import Block, Document, Passage, Quote, Sentence

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

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
        count_tokens: how many tokens the model makes of a text.
        max_tokens: the most tokens that a passage may have, counted likewise.

    Returns:
        Passages of at most ``max_tokens`` tokens, each with the path of headings above it, and sentences that
        lie within them, without white space at their ends. A sentence longer than a passage comes in pieces,
        each a sentence. The first sentence of a passage is never ``tied``.
    """
    text = document.text
    passages: list[Passage] = []
    sentences: list[Sentence] = []
    for heading, pieces in _sections(document, _Quoted(quotes)):
        for part in _Packer(text, count_tokens, max_tokens).pack(pieces):
            number, start, end = len(passages) + 1, part[0].start, part[-1].end
            passages.append(Passage(document.name, number, start, end, text[start:end], heading))
            for index, each in enumerate(part):
                words, tied = text[each.start : each.end], each.tied and index > 0
                sentences.append(Sentence(document.name, number, each.start, each.end, words, tied))
    return Division(tuple(passages), tuple(sentences))


# --- Sentences --------------------------------------------------------------------------------------------

_ALNUM = re.compile(r"[^\W_]")
_CLOSE = "[\"'\u2019”»)\\]]*"
_OPENERS = "\"'\u2018“«(["
_OPEN = f"[{re.escape(_OPENERS)}]*"
_ENDS = re.compile(rf"[.!?…。！？]{_CLOSE}$")  # noqa: RUF001  full-width marks end sentences too
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
        (rf"[!?…]{_CLOSE}", rf"[-–—,;\s]*{_OPEN}[a-zß-ÿ]"),  # noqa: RUF001  the dashes are meant
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
    rf"(?:^|[.!?…]\S{{0,3}}\s)\([^()]*[.!?]{_CLOSE}\)(?=\s{_OPEN}[A-Z])"
    rf"|(?<=[^\s.…])…{_CLOSE}(?=\s{_OPEN}[A-Z])"
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


def _sentences(text: str, start: int, end: int, language: str) -> list[Span]:
    """Return the sentences of ``text[start:end]`` as spans without white space at their ends."""
    spans: list[Span] = []
    for begin, stop in _lines(text, start, end):
        cuts = [begin, *(begin + cut for cut in _cuts(text[begin:stop], language)), stop]
        spans += [_strip(text, *span) for span in pairwise(cuts)]
    return _join_bare(text, [span for span in spans if span[0] < span[1]])


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


def _strip(text: str, start: int, end: int) -> Span:
    piece = text[start:end]
    return start + len(piece) - len(piece.lstrip()), end - len(piece) + len(piece.rstrip())


def _join_bare(text: str, spans: Sequence[Span]) -> list[Span]:
    """Join what is no sentence by itself: a mark to what precedes, an item's number to what follows."""
    joined: list[Span] = []
    pending: int | None = None
    # What is pending: a number in it, or a mark that no number has beside it.
    number = odd = False
    for start, end in spans:
        begin = start if pending is None else pending
        bare = not number and not _ALNUM.search(text, start, end)
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


# --- What belongs together --------------------------------------------------------------------------------

_LEADS_IN = re.compile(rf"[:：]{_CLOSE}$")  # noqa: RUF001  the full-width colon is meant
_ASKS = re.compile(rf"[?？]{_CLOSE}$")  # noqa: RUF001
_NAME_LINE = re.compile(r"(?:[-—–―⸺]|--)\s?[^\W\d_](?:\S*\s){0,8}\S*")  # noqa: RUF001  the dashes are meant
_TURN = re.compile(r"[A-Z][\w.\u2019'-]*(?: [A-Z&][\w.\u2019'-]*){0,3}:\s")
_SHORT_LINE = 240
_SHORT_ITEM = 25


@dataclass(frozen=True, slots=True)
class _Piece:
    """A sentence to be.

    ``tied`` is the sentence's; ``held`` asks for the same passage as the piece before; ``opens`` is the kind
    of the block that begins here.
    """

    start: int
    end: int
    tied: bool = False
    held: bool = False
    opens: str = ""


class _Quoted:
    """The quotations' extents, to be asked by offset."""

    def __init__(self, quotes: Sequence[Quote]) -> None:
        extents = sorted((quote.spans[0][0], quote.spans[-1][1]) for quote in quotes if quote.spans)
        self.starts = [start for start, _ in extents]
        # The furthest end so far: extents may lie within one another.
        self.reach: list[int] = []
        for _, end in extents:
            self.reach.append(max(end, self.reach[-1]) if self.reach else end)

    def start_in(self, start: int, end: int) -> bool:
        """Say whether a quotation starts in ``[start, end)``."""
        return bisect_left(self.starts, start) < bisect_left(self.starts, end)

    def hold(self, before: int, after: int) -> bool:
        """Say whether one quotation has text before the offset ``before`` and after the offset ``after``."""
        index = bisect_left(self.starts, before) - 1
        return index >= 0 and self.reach[index] > after


def _sections(document: Document, quoted: _Quoted) -> Iterator[tuple[str | None, list[_Piece]]]:
    """Give the pieces under each heading, with the headings' path."""
    path: list[tuple[int, str]] = []
    binder = _Binder(document.text, quoted)
    for block in document.blocks:
        if block.kind == "heading":
            if binder.pieces:
                yield _path(path), _tie_short_lists(document.text, binder.pieces)
                binder = _Binder(document.text, quoted)
            title = " ".join(document.text[block.start : block.end].split())
            path = [*(above for above in path if above[0] < block.level), (block.level, title)]
        else:
            binder.add(block, _spans(document, block))
    if binder.pieces:
        yield _path(path), _tie_short_lists(document.text, binder.pieces)


def _path(path: Sequence[tuple[int, str]]) -> str | None:
    return " > ".join(title for _, title in path) or None


def _spans(document: Document, block: Block) -> list[Span]:
    text, start, end = document.text, block.start, block.end
    if block.kind == "row":
        return _join_bare(text, [(start, end)])
    if block.kind == "code":
        lines = (line.span() for line in re.finditer(r"[^\n]+", text[start:end]))
        spans = (_strip(text, start + low, start + high) for low, high in lines)
        return [span for span in spans if _ALNUM.search(text, *span)]
    return _sentences(text, start, end, document.language)


class _Binder:
    """Collects the pieces of a section and says what each has to do with the one before it."""

    def __init__(self, text: str, quoted: _Quoted) -> None:
        self.text = text
        self.quoted = quoted
        self.pieces: list[_Piece] = []
        self.kind = ""
        self.line: _Piece | None = None

    def add(self, block: Block, spans: Sequence[Span]) -> None:
        """Add the sentences of a block."""
        for index, (start, end) in enumerate(spans):
            piece = _Piece(start, end, opens="" if index else block.kind)
            begins_line = True
            if self.pieces:
                before = self.pieces[-1]
                begins_line = "\n" in self.text[before.end : start]
                tied = self._is_tied(before, piece, block.kind)
                held = tied or (begins_line and self._is_held(before, piece))
                piece = replace(piece, tied=tied, held=held)
            if begins_line:
                self.line = piece
            self.kind = block.kind
            self.pieces.append(piece)

    def _is_tied(self, before: _Piece, piece: _Piece, kind: str) -> bool:
        """Say whether both stand in one quotation, or one introduces the other or names its speaker."""
        last, line = self.text[before.start : before.end], self.text[piece.start : piece.end]
        leads_in = _LEADS_IN.search(last) is not None
        if _NAME_LINE.fullmatch(line):
            quoted = self.quoted.hold(before.end, before.start) or last[-1] in "\"'\u2019”»"
            if quoted or self.kind == "quote":
                return True
        if kind == "quote":
            return not piece.opens or (self.kind != "quote" and (leads_in or not _ENDS.search(last)))
        return self.quoted.hold(before.end, piece.start) or (
            leads_in and self.quoted.start_in(piece.start, piece.start + 3)
        )

    def _is_held(self, before: _Piece, piece: _Piece) -> bool:
        """Say whether the line before asks for this one: by a colon, or as a short question, turn, title."""
        if _LEADS_IN.search(self.text, before.start, before.end):
            return True
        first = self.line or before
        # A line that is held itself is the reply.
        if first.held or before.end - first.start > _SHORT_LINE:
            return False
        line = self.text[first.start : before.end]
        turn, next_turn = _TURN.match(line), _TURN.match(self.text, piece.start, piece.end)
        replies = turn is not None and next_turn is not None and turn[0] != next_turn[0]
        unfinished = self.kind == "paragraph" and not _ENDS.search(line)
        return replies or unfinished or _ASKS.search(line) is not None


def _tie_short_lists(text: str, pieces: list[_Piece]) -> list[_Piece]:
    """Tie the items of a short list to the line that introduces it: a bare name says nothing alone."""
    begin = 0
    while begin < len(pieces):
        end = begin = begin + 1
        while (
            end < len(pieces)
            and pieces[end].opens == "item"
            and pieces[end].end - pieces[end].start <= _SHORT_ITEM
        ):
            end += 1
        lead = pieces[begin - 1]
        whole = end == len(pieces) or pieces[end].opens not in {"item", ""}
        short = pieces[end - 1].end - lead.end <= _SHORT_LINE
        if begin < end and whole and short and _LEADS_IN.search(text, lead.start, lead.end):
            pieces[begin:end] = [replace(item, tied=True, held=True) for item in pieces[begin:end]]
        begin = max(begin, end - 1)
    return pieces


# --- Passages ---------------------------------------------------------------------------------------------

_CHARS_PER_TOKEN = 20
_CLAUSES = tuple(
    re.compile(mark)
    for mark in (rf"[.!?…。！？]{_CLOSE}\s|\n", r"[;:]\s|\s[–—]\s", r",\s", r"\s")  # noqa: RUF001
)


class _Packer:
    """Packs pieces into parts that fit."""

    def __init__(self, text: str, count_tokens: Callable[[str], int], max_tokens: int) -> None:
        self.text = text
        self.count_tokens = count_tokens
        self.max_tokens = max_tokens

    def weigh(self, pieces: Sequence[_Piece]) -> int:
        """Return how many tokens the text from the first piece to the last has."""
        start, end = pieces[0].start, pieces[-1].end
        # A tokenizer makes one unknown token of an endless word; it would seem to fit, and be lost.
        least = (end - start) // _CHARS_PER_TOKEN
        return least if least > self.max_tokens else max(least, self.count_tokens(self.text[start:end]))

    def pack(self, pieces: Sequence[_Piece]) -> Iterator[Sequence[_Piece]]:
        """Give the passages: paragraphs, with what is held to them and small neighbours."""
        current: list[_Piece] = []
        size = 0
        for group in _runs(pieces, lambda piece: bool(piece.opens) and not piece.held):
            weight = self.weigh(group)
            # Merged passages stay well below the limit: what is embedded as one should be about one thing.
            small = min(size, weight) <= self.max_tokens // 6 or group[0].opens in {"item", "row", "quote"}
            if current and small and size + weight <= self.max_tokens * 3 // 5:
                current += group
                size += weight
            else:
                if current:
                    yield from self._fit(current)
                current, size = [*group], weight
        if current:
            yield from self._fit(current)

    def _fit(self, pieces: Sequence[_Piece]) -> Iterator[Sequence[_Piece]]:
        """Give the pieces in parts that fit, as even as may be, held pieces together."""
        if self.weigh(pieces) <= self.max_tokens:
            yield pieces
            return
        atoms: list[list[_Piece]] = []
        for atom in _runs(pieces, lambda piece: not piece.held):
            if self.weigh(atom) <= self.max_tokens:
                atoms.append(atom)
                continue
            short = [[each] for piece in atom for each in self._shorten(piece)]
            # A lead-in still stays with the beginning of what it introduces.
            if len(atom) > 1 and self.weigh(short[0] + short[1]) <= self.max_tokens:
                short[:2] = [short[0] + short[1]]
            atoms += short
        yield from self._partition(atoms)

    def _partition(self, atoms: Sequence[Sequence[_Piece]]) -> Iterator[Sequence[_Piece]]:
        """Give the fewest parts in a row that fit, the largest of them as small as may be."""
        weights = [self.weigh(atom) for atom in atoms]
        low, high = max(weights), self.max_tokens
        fewest = len(_fill(weights, high))
        while low < high:
            middle = (low + high) // 2
            if len(_fill(weights, middle)) <= fewest:
                high = middle
            else:
                low = middle + 1
        for begin, end in _fill(weights, low):
            part = [piece for atom in atoms[begin:end] for piece in atom]
            if end - begin > 1 and self.weigh(part) > self.max_tokens:
                # The tokens of a text may be more than the sum of its sentences'.
                middle = (begin + end) // 2
                yield from self._partition(atoms[begin:middle])
                yield from self._partition(atoms[middle:end])
            else:
                yield part

    def _shorten(self, piece: _Piece) -> Iterator[_Piece]:
        """Give a piece in pieces that fit, cut near its middle: at a clause, else a space, else anywhere."""
        start, end = _strip(self.text, piece.start, piece.end)
        piece = replace(piece, start=start, end=end)
        if not _ALNUM.search(self.text, start, end):
            return
        size = end - start
        if size == 1 or self.weigh([piece]) <= self.max_tokens:
            yield piece
            return
        cut = middle = start + size // 2
        for mark in _CLAUSES:
            # Only the middle half: a cut near an end would leave a fragment and the same work again.
            found = [each.end() for each in mark.finditer(self.text, start + size // 4, end - size // 4)]
            if found:
                cut = min(found, key=lambda at: abs(at - middle))
                break
        yield from self._shorten(replace(piece, end=cut))
        yield from self._shorten(_Piece(cut, end, tied=piece.tied))


def _runs(pieces: Sequence[_Piece], begins: Callable[[_Piece], bool]) -> Iterator[list[_Piece]]:
    """Give the pieces in runs; each piece that ``begins`` one starts a new run."""
    run: list[_Piece] = []
    for piece in pieces:
        if run and begins(piece):
            yield run
            run = []
        run.append(piece)
    if run:
        yield run


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
