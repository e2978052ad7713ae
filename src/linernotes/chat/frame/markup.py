"""Text of people and of articles -> text that Discord shows as it stands, within Discord's limits.

Nothing that a member or an article writes may become a link, a mention, a heading or a spoiler of ours.
Lengths are counted in UTF-16 units: whatever Discord counts, that is never less.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ELLIPSIS: Final = "…"
_MOST_MARKS = 4
_LONGEST_LINK = 400

# Characters that turn the direction of what follows, or are not seen at all.
_HIDDEN = frozenset(
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200c\u200e\u200f\u202a\u202b\u202c\u202d\u202e"
    "\u2060\u2061\u2062\u2063\u2064\u2066\u2067\u2068\u2069\u206a\u206b\u206c\u206d\u206e\u206f\u3164\ufeff"
    "\uffa0"
)

# What Discord reads as markup; tried in this order at each character.
_MARKUP = re.compile(
    r"(?P<link>:(?=//)|(?<=discord)\.(?=gg/)|(?<=discordapp)\.(?=com/)|(?<=discord)\.(?=com/))"
    r"|(?P<mention>@(?=everyone|here|[!&]?\d))"
    r"|(?P<number>(?m:^[ \t]*\d+)[.)])"
    r"|(?P<mark>[\\*_~`|<>\[\]#])"
    r"|(?P<bullet>(?m:^[ \t]*)[-+])",
    re.IGNORECASE,
)


def printable(text: str) -> str:
    """Return ``text`` without control, hidden and direction characters, and with few marks on each letter."""
    if text.isascii() and text.isprintable():  # most names are, and there may be thousands of them
        return text
    kept: list[str] = []
    marks = 0
    for char in text:
        category = unicodedata.category(char)
        marks = marks + 1 if category in {"Mn", "Me"} else 0
        if char in _HIDDEN or category == "Cs" or marks > _MOST_MARKS:
            continue
        kept.append(" " if category in {"Cc", "Zl", "Zp"} else char)
    return "".join(kept)


def clean(text: str) -> str:
    """Return ``text`` printable, on one line, with single spaces."""
    return " ".join(printable(text).split())


def escape(text: str) -> str:
    """Return clean ``text`` so that Discord shows it as it stands, whatever is written around it."""
    return "".join(_units(text))


def fit(text: str, limit: int) -> str:
    """Return ``text`` escaped, in at most ``limit`` units; what is too long is cut and marked."""
    return cut(_units(text), limit)


def cut(units: Iterable[str], limit: int) -> str:
    """Join ``units`` up to ``limit``; a unit is never divided, and what is left out is marked."""
    kept: list[str] = []
    length = 0
    for unit in units:
        length += width(unit)
        if length > limit:
            break
        kept.append(unit)
    else:
        return "".join(kept)
    room = limit - width(ELLIPSIS)
    while kept and sum(map(width, kept)) > room:
        kept.pop()
    text = "".join(kept)
    # Back to the end of a word, if there is one near.
    before = text.rfind(" ", len(text) - 60)
    if before > 0:
        text = text[:before]
    return f"{text.rstrip()}{ELLIPSIS}" if limit > 0 else ""


def emphasise(text: str, spans: Iterable[tuple[int, int]], limit: int) -> str:
    """Return ``text`` escaped, with its ``spans`` (in order, apart) in bold, as ``fit`` does."""
    kept = 0
    room = limit
    pieces: list[str] = []
    bounds = [*spans, (len(text), len(text))]
    for start, end in bounds:
        for piece, bold in ((text[kept:start], False), (text[start:end], True)):
            if not (piece := printable(piece)):
                continue
            marks = 4 if bold else 0
            shown = fit(piece, room - marks)
            whole = width(shown) if shown == escape(piece) else None
            if shown:
                pieces.append(f"**{shown}**" if bold else shown)
            if whole is None:
                return "".join(pieces)
            room -= whole + marks
        kept = end
    return "".join(pieces)


def quoted_line(shown: str, *, opens: bool = True, closes: bool = True) -> str:
    """Return an escaped line of a quotation as a block, which begins or ends with a mark where it does."""
    return f"> {'“' * opens}{shown}{'”' * closes}"


def width(text: str) -> int:
    """Return the length of ``text`` as Discord counts it at most."""
    return len(text) + sum(char > "\uffff" for char in text)


def trim(text: str, limit: int) -> str:
    """Return ``text`` unescaped, for where Discord reads no markup: names, footers, choices, buttons."""
    return cut(clean(text), limit)


def safe_link(link: str | None) -> str | None:
    """Return a document's ``source`` if it may be linked to: ``https``, with nothing that ends a link."""
    if link is None:
        return None
    try:
        parts = urlsplit(link.strip())
        host = parts.hostname
        # Somebody else's name before the host is a trick, and a port must be a number.
        trick = parts.username is not None or parts.password is not None or (parts.port or 0) < 0
    except ValueError:
        return None
    if parts.scheme != "https" or not host or trick or not re.fullmatch(r"[\w.-]+\.[\w-]+", host):
        return None
    safe = quote(link.strip(), safe="%/:?#@!$&'*+,;=~-._")
    return safe if len(safe) <= _LONGEST_LINK else None


def linked(label: str, link: str | None, limit: int = 200) -> str:
    """Return ``label`` escaped, as a link if ``link`` is a safe one."""
    shown = fit(clean(label), limit) or ELLIPSIS
    safe = safe_link(link)
    return shown if safe is None else f"[{shown}](<{safe}>)"


def _units(text: str) -> Iterator[str]:
    """Yield the text in pieces that must not be divided: a character, or one with what escapes it."""
    start = 0
    for found in _MARKUP.finditer(text):
        yield from _characters(text[start : found.start()])
        start = found.end()
        piece = found[0]
        match found.lastgroup:
            case "mention":
                yield f"{piece}\u200b"
            case "number" | "bullet":
                yield f"{piece[:-1]}\\{piece[-1]}"
            case _:
                yield f"\\{piece}"
    yield from _characters(text[start:])


def _characters(text: str) -> Iterator[str]:
    """Yield each character with the marks and joiners that belong to it."""
    unit = ""
    for char in text:
        if unit and (unicodedata.combining(char) or char in "\u200d\ufe0e\ufe0f" or unit[-1] == "\u200d"):
            unit += char
        else:
            if unit:
                yield unit
            unit = char
    if unit:
        yield unit
