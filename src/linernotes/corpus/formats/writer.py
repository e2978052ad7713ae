"""Where every format writes to: gathers a document's text, its blocks and the line of each offset."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from linernotes.corpus.decoding import CONTROLS
from linernotes.corpus.formats.voices import ASKS, REPLIES
from linernotes.models import Block, BlockKind, Voice

if TYPE_CHECKING:
    from collections.abc import Iterable

Run = tuple[str, int]
"""A piece of text and the line (from 1) of the file that it stands in; the text ``"\\n"`` is a line break."""


_REFERENCES = re.compile(
    r"(?:references?|footnotes?|citations?|external links?|works cited|notes and references"
    r"|references and notes"
    r"|sources and references|navigation menu|see also|(?:share|like) this(?: post| page)?"
    r"|related(?: posts| articles| pages| stories)?)\W*",
    re.IGNORECASE,
)
"""A heading below which stands what footnote marks lead to, or links to elsewhere: nothing of the article."""

_FURNITURE = re.compile(
    r"(?:(?:jump to (?:navigation|search|content)|skip to (?:main )?content|back to top"
    r"|edit this (?:page|section)|edit on github|share(?: this(?: post| page)?)?|like this|like loading"
    r"|loading|subscribed?(?:sign in)?|sign in|click to share on \w+|part \d+)[\W_]*)+"
    r"|thanks for reading [^.!?]{1,80}[.!] subscribe .{0,120}|you are visitor number\b.{0,400}",
    re.IGNORECASE | re.DOTALL,
)
"""What a page says about itself, copied along with it: a block that holds nothing else."""
_LONGEST_FURNITURE = 480


class DocumentWriter:
    """Gathers the text of a document, its blocks and the line of the file for each offset."""

    def __init__(self) -> None:
        """Begin without a block; ``labels`` are title, source, date, language if the format has them."""
        self.silent: int | None = None
        self.labels: dict[str, str] = {}
        self.parts: list[str] = []
        self.length = 0
        self.lines: list[tuple[int, int]] = []
        self.blocks: list[Block] = []

    def block(self, kind: BlockKind, runs: Iterable[Run], level: int = 0, voice: Voice = "") -> None:
        """Add a block of ``runs``, unless empty: white space becomes one space, a break one newline.

        A control character becomes white space: the file holds none any more, but ``&#x81;`` names one. A
        list of references, and the heading above it, are left out.
        """
        start = self.length + (2 if self.blocks else 0)
        offset, gap = start, ""
        parts: list[str] = []
        lines: list[tuple[int, int]] = []
        for text, line in runs:
            if text == "\n":
                gap = "\n"
                continue
            if ASKS in text or REPLIES in text:
                voice = "asks" if ASKS in text else "replies"
            text = CONTROLS.sub(" ", text)  # noqa: PLW2901
            words = text.split()
            if text[:1].isspace():
                gap = gap or " "
            if not words:
                continue
            if parts:
                parts.append(gap)
                offset += len(gap)
            lines.append((offset, line))
            joined = " ".join(words)
            parts.append(joined)
            offset += len(joined)
            gap = " " if text[-1].isspace() else ""
        joined = "".join(parts)
        if not self._is_silent(kind, level, joined) and not _is_furniture(joined):
            self._close(Block(kind, start, start + len(joined), level, voice), joined, lines)

    def _is_silent(self, kind: BlockKind, level: int, text: str) -> bool:
        """Say whether a block belongs to a list of references."""
        if kind == "heading" and (self.silent is None or level <= self.silent):
            self.silent = level if _REFERENCES.fullmatch(text) else None
        return self.silent is not None

    def code(self, content: str, first_line: int) -> None:
        """Add a block of program text: its lines and their indentation stay."""
        lines = [line.rstrip() for line in content.split("\n")]
        while lines and not lines[-1]:
            lines.pop()
        while lines and not lines[0]:
            lines.pop(0)
            first_line += 1
        start = offset = self.length + (2 if self.blocks else 0)
        places: list[tuple[int, int]] = []
        for number, line in enumerate(lines, first_line):
            places.append((offset, number))
            offset += len(line) + 1
        text = "\n".join(lines)
        if not self._is_silent("code", 0, text):
            self._close(Block("code", start, start + len(text)), text, places)

    def _close(self, block: Block, text: str, lines: Iterable[tuple[int, int]]) -> None:
        if not text:
            return
        for offset, line in lines:
            if not self.lines or self.lines[-1][1] != line:
                self.lines.append((offset, line))
        if self.blocks:
            self.parts.append("\n\n")
        self.parts.append(text)
        self.length = block.end
        self.blocks.append(block)

    def last(self) -> tuple[BlockKind | None, str]:
        """Return kind and text of the block written last."""
        return (self.blocks[-1].kind, self.parts[-1]) if self.blocks else (None, "")


def _is_furniture(text: str) -> bool:
    """Say whether a block is a page's own words: its menus, its counter, its plea to subscribe."""
    return len(text) <= _LONGEST_FURNITURE and _FURNITURE.fullmatch(text) is not None
