"""Where every format writes to: gathers a document's text, its blocks and the line of each offset."""

from __future__ import annotations

from typing import TYPE_CHECKING

from linernotes.corpus.decoding import CONTROLS
from linernotes.models import Block, BlockKind

if TYPE_CHECKING:
    from collections.abc import Iterable

Run = tuple[str, int]
"""A piece of text and the line (from 1) of the file that it stands in; the text ``"\\n"`` is a line break."""


class DocumentWriter:
    """Gathers the text of a document, its blocks and the line of the file for each offset."""

    def __init__(self) -> None:
        """Begin without a block."""
        self.parts: list[str] = []
        self.length = 0
        self.lines: list[tuple[int, int]] = []
        self.blocks: list[Block] = []

    def block(self, kind: BlockKind, runs: Iterable[Run], level: int = 0) -> None:
        """Add a block of ``runs``, unless empty: white space becomes one space, a break one newline.

        A control character becomes white space: the file holds none any more, but ``&#x81;`` names one.
        """
        start = self.length + (2 if self.blocks else 0)
        offset, gap = start, ""
        parts: list[str] = []
        for text, line in runs:
            if text == "\n":
                gap = "\n"
                continue
            text = CONTROLS.sub(" ", text)  # noqa: PLW2901
            words = text.split()
            if text[:1].isspace():
                gap = gap or " "
            if not words:
                continue
            if parts:
                parts.append(gap)
                offset += len(gap)
            self._line(offset, line)
            joined = " ".join(words)
            parts.append(joined)
            offset += len(joined)
            gap = " " if text[-1].isspace() else ""
        self._close(kind, level, start, "".join(parts))

    def code(self, content: str, first_line: int) -> None:
        """Add a block of program text: its lines and their indentation stay."""
        lines = [line.rstrip() for line in content.split("\n")]
        while lines and not lines[-1]:
            lines.pop()
        while lines and not lines[0]:
            lines.pop(0)
            first_line += 1
        start = offset = self.length + (2 if self.blocks else 0)
        for number, line in enumerate(lines, first_line):
            self._line(offset, number)
            offset += len(line) + 1
        self._close("code", 0, start, "\n".join(lines))

    def _line(self, offset: int, line: int) -> None:
        if not self.lines or self.lines[-1][1] != line:
            self.lines.append((offset, line))

    def _close(self, kind: BlockKind, level: int, start: int, text: str) -> None:
        if not text:
            return
        if self.blocks:
            self.parts.append("\n\n")
        self.parts.append(text)
        self.length = start + len(text)
        self.blocks.append(Block(kind, start, self.length, level))

    def last(self) -> tuple[BlockKind | None, str]:
        """Return kind and text of the block written last."""
        return (self.blocks[-1].kind, self.parts[-1]) if self.blocks else (None, "")
