"""Tables that are drawn with characters: lines in, and rows that the block rule ``row`` reads out.

Grids of ASCII and of reStructuredText, its simple tables, tables of wikis, and columns between tabs.
A row stands in the line
that it begins in; the other lines of the table become blank.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markdown_it import MarkdownIt
    from markdown_it.rules_block import StateBlock

ROW, CELL = "\x1e", "\x1f"
"""Begin a row and divide its cells; no file has these characters."""

_BORDER = re.compile(r"^\s*\+(?:[-=:]+\+)+\s*$")
_SIMPLE_BORDER = re.compile(r"^\s*=+(?:[ ]+=+)+\s*$")
# A simple table is looked for so many lines far.
_LONGEST_SIMPLE = 400
_GRID_ROW = re.compile(r"^\s*\|.*\|\s*$")
_WIKI_TABLE = re.compile(r"^\s*\{\|")
_CELL_STYLE = re.compile(r"^[^|\[\]]{0,200}=[^|\[\]]{0,200}\|(?!\|)")
# A table has so many rows at least: one line with a tab is prose.
_FEWEST_ROWS = 2


def lay_out_tables(text: str) -> str:
    """Return ``text`` with each drawn table as rows, line for line."""
    lines = text.split("\n")
    at = 0
    while at < len(lines):
        line = lines[at]
        if "+" in line and _BORDER.match(line):
            at = _lay_out_grid(lines, at)
        elif line.lstrip().startswith("=") and _SIMPLE_BORDER.match(line):
            at = _lay_out_simple(lines, at)
        elif "{|" in line and _WIKI_TABLE.match(line):
            at = _lay_out_wiki(lines, at)
        elif "\t" in line.strip():
            at = _lay_out_columns(lines, at)
        else:
            at += 1
    return "\n".join(lines)


def add_row_rule(parser: MarkdownIt) -> None:
    """Let a parser read the lines that ``lay_out_tables`` writes."""
    parser.block.ruler.before("paragraph", "row", _row, {"alt": ["paragraph", "list", "blockquote"]})


def _row(state: StateBlock, line: int, _end: int, silent: bool) -> bool:
    begin = state.bMarks[line] + state.tShift[line]
    if not state.src.startswith(ROW, begin):
        return False
    if silent:
        return True
    place = [line, line + 1]
    state.push("tr_open", "tr", 1).map = place
    for cell in state.src[begin + 1 : state.eMarks[line]].split(CELL):
        state.push("td_open", "td", 1).map = place
        token = state.push("inline", "", 0)
        token.content, token.map, token.children = cell.strip(), place, []
        state.push("td_close", "td", -1)
    state.push("tr_close", "tr", -1)
    state.line = line + 1
    return True


def _write(lines: list[str], at: int, cells: Sequence[str]) -> None:
    kept = [" ".join(cell.split()) for cell in cells]
    lines[at] = ROW + CELL.join(kept) if any(kept) else ""


def _lay_out_grid(lines: list[str], at: int) -> int:
    """Lay out a grid whose first border is ``lines[at]``; return the line behind it."""
    end = at
    while end < len(lines) and (_BORDER.match(lines[end]) or _GRID_ROW.match(lines[end])):
        end += 1
    row: list[str] = []
    first = at
    for index in range(at, end):
        if _BORDER.match(lines[index]):
            if row:
                _write(lines, first, row)
            row = []
            lines[index] = ""
            continue
        cells = lines[index].strip()[1:-1].split("|")
        if not row:
            row, first = cells, index
        else:
            row = [" ".join(pair) for pair in zip(row, cells, strict=False)]
        lines[index] = ""
    if row:
        _write(lines, first, row)
    return max(end, at + 1)


def _lay_out_simple(lines: list[str], at: int) -> int:
    """Lay out a table whose columns stand below runs of "="; return the line behind it."""
    columns = [found.start() for found in re.finditer(r"=+", lines[at])]
    borders = [at]
    for index in range(at + 1, min(len(lines), at + _LONGEST_SIMPLE)):
        if _SIMPLE_BORDER.match(lines[index]):
            borders.append(index)
            if index + 1 == len(lines) or not lines[index + 1].strip():
                break
    else:
        # It has no end. What was looked through holds no table at all.
        for border in borders:
            lines[border] = ""
        return borders[-1] + 1
    row: list[str] = []
    first = at
    for index in range(at, borders[-1] + 1):
        line = lines[index]
        lines[index] = ""
        if index in borders or not line.strip():
            continue
        ends = [*columns[1:], max(len(line), columns[-1])]
        cells = [line[begin:end].strip() for begin, end in zip(columns, ends, strict=True)]
        if not cells[0] and row:
            row = [f"{one} {two}".strip() for one, two in zip(row, cells, strict=True)]
            continue
        if row:
            _write(lines, first, row)
        row, first = cells, index
    if row:
        _write(lines, first, row)
    return borders[-1] + 1


def _lay_out_wiki(lines: list[str], at: int) -> int:
    """Lay out a wiki's table that ``lines[at]`` opens; return the line behind it."""
    end = next((index for index in range(at, len(lines)) if lines[index].strip().startswith("|}")), None)
    if end is None:
        return at + 1
    row: list[str] = []
    first = at
    for index in range(at, end + 1):
        line = lines[index].strip()
        lines[index] = ""
        if line.startswith(("{|", "|-", "|}", "|+")):
            if row:
                _write(lines, first, row)
            row = []
        elif line.startswith(("|", "!")):
            if not row:
                first = index
            row += [_CELL_STYLE.sub("", cell).strip() for cell in re.split(r"\|\||!!", line[1:])]
        elif row and line:
            row[-1] += f" {line}"
    return end + 1


def _lay_out_columns(lines: list[str], at: int) -> int:
    """Lay out columns that tabs divide; return the line behind them."""
    end = at
    while end < len(lines) and "\t" in lines[end].strip():
        end += 1
    rows = [[cell for cell in line.strip().split("\t") if cell.strip()] for line in lines[at:end]]
    if len(rows) >= _FEWEST_ROWS and not any(
        line.startswith((" ", "\t", ">", "-", "*")) for line in lines[at:end]
    ):
        for index, cells in enumerate(rows, at):
            _write(lines, index, cells)
    return end
