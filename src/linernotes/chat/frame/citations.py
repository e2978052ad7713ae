"""How a place in an article is shown: the title with its link, who was quoted, and a passage in full."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import discord

from linernotes.chat.frame.embeds import COLOUR, GREY, TITLE
from linernotes.chat.frame.markup import clean, emphasise, fit, linked, safe_link, trim, width

if TYPE_CHECKING:
    from collections.abc import Sequence

    from linernotes.models import Document, Edition, Passage, Quote
    from linernotes.retrieval.index import Index

# Much less than an embed holds, so that heading and footer always have room.
_PASSAGE: Final = 3_600


def plain_title(edition: Edition[Index], name: str) -> str:
    """Return a document's title as it was written, or its name where it has none."""
    found = _document(edition, name)
    return (None if found is None else found.title) or name


def title(edition: Edition[Index], name: str, limit: int = 150, *, by: bool = True, link: bool = True) -> str:
    """Return a document's title, escaped, as a link to its source, with the artist where it has one."""
    found = _document(edition, name)
    source = found.source if found is not None and link else None
    shown = linked(plain_title(edition, name), source, limit)
    if by and found is not None and found.artist and (artist := fit(clean(found.artist), 80)):
        return f"{shown} by {artist}"
    return shown


def source_line(edition: Edition[Index], name: str) -> str:
    """Name a document and its artist on one line, unescaped: for footers, where Discord reads no markup."""
    found = _document(edition, name)
    shown = trim(plain_title(edition, name), 150)
    artist = trim(found.artist, 80) if found is not None and found.artist else ""
    return f"{shown} by {artist}" if artist else shown


def link_of(edition: Edition[Index], name: str) -> str | None:
    """Return the address of a document's source, where it is one that can be linked to."""
    found = _document(edition, name)
    return None if found is None else safe_link(found.source)


def attribution(quote: Quote) -> str:
    """Say who said it and to whom, as far as the text says."""
    names = [fit(clean(each), 150) for each in (quote.speaker, quote.source) if each]
    return ", ".join(name for name in names if name) or "speaker not named"


def passage(
    edition: Edition[Index], shown: Passage, of: int, spans: Sequence[tuple[int, int]], *, evidence: bool
) -> discord.Embed:
    """Show a passage with what is evidence in it in bold.

    Args:
        edition: the edition that it belongs to.
        shown: the passage.
        of: how many passages its document has.
        spans: what to mark, as offsets of the document.
        evidence: whether the answer rests on this passage.
    """
    text = _with_spans(shown, spans)
    embed = discord.Embed(
        title=fit(clean(plain_title(edition, shown.document)), TITLE),
        url=link_of(edition, shown.document),
        description=text or "…",
        colour=COLOUR if evidence else GREY,
    )
    if shown.heading:
        embed.description = f"**{fit(clean(shown.heading), 200)}**\n{embed.description}"
    footer = f"Passage {shown.number} of {of}"
    return embed.set_footer(text=f"{footer} · the answer comes from here" if evidence else footer)


def _with_spans(shown: Passage, spans: Sequence[tuple[int, int]]) -> str:
    """Return a passage's text with the spans in bold, its lines kept."""
    lines: list[str] = []
    room = _PASSAGE
    offset = shown.start
    for line in shown.text.split("\n"):
        end = offset + len(line)
        inside = [
            (max(first, offset) - offset, min(last, end) - offset)
            for first, last in sorted(spans)
            if first < end and offset < last
        ]
        lines.append(emphasise(line, inside, room))
        room -= width(lines[-1]) + 1
        offset = end + 1
        if room < _PASSAGE // 20:
            break
    return "\n".join(line for line in lines if line.strip())


def _document(edition: Edition[Index], name: str) -> Document | None:
    return next((each for each in edition.documents if each.name == name), None)
