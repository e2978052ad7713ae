"""What markup languages for plain text have in common: blocks of lines, and rows, items and quotes for them.

Both reStructuredText and AsciiDoc are rewritten line for line into the few block marks that the reader of
plain text knows ("#", "-", ">"). No line is added or taken away, so that whoever reads on still knows where
each word stands, and each pass goes through the lines once: time grows with their length.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from linernotes.corpus.formats.tables import CELL, ROW

if TYPE_CHECKING:
    from collections.abc import Sequence

_INDENT = re.compile(r"[ \t]*")


def indent_of(line: str) -> int:
    """Return how far a line is indented, in characters."""
    found = _INDENT.match(line)
    return found.end() if found else 0


def end_of_indented(lines: Sequence[str], first: int, deeper_than: int) -> int:
    """Return the line behind the block that begins at ``first``: blank lines and lines indented further."""
    end = first
    for at in range(first, len(lines)):
        if lines[at].strip():
            if indent_of(lines[at]) <= deeper_than:
                break
            end = at + 1
    return end


def blank(lines: list[str], first: int, end: int) -> None:
    """Take off the lines from ``first`` to ``end``."""
    for at in range(first, end):
        lines[at] = ""


def row(*cells: str) -> str:
    """Return a line that is read as a row of these cells; one cell makes a line by itself."""
    return ROW + CELL.join(" ".join(cell.split()) for cell in cells)


def quote(lines: list[str], first: int, end: int) -> None:
    """Make a block quotation of the lines from ``first`` to ``end``."""
    for at in range(first, end):
        lines[at] = f"> {lines[at].strip()}".rstrip()


def breaks(text: str) -> str:
    """Return the line breaks of a text, which stay where it is taken off."""
    return "\n" * text.count("\n")
