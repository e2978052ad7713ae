"""What typists and tapers set into a plain text: lines in, the same lines as its reader knows them.

Headings between two rules, rules alone, emphasis (``*so*``, ``_so_``), legends of marks, and the codes, file
names and checksums of a recording's files.
"""

from __future__ import annotations

import re

from linernotes.corpus.formats.light_markup import row

_RULE = re.compile(r"[ \t]*([=~\-_+#/*.^])\1{3,}[ \t]*$")
_LONGEST_TITLE = 80

# "* = with Ann Ruys on fiddle": what a mark beside a song's name means.
_LEGEND = re.compile(r"[ \t]*[*+^%#$@&!?~†‡§]{1,3}[ \t]*[=:][ \t]+\S")
# "101. d1t01 - Salt Year", and the sign that one song runs into the next before its time.
_TRACK_CODE = re.compile(r"^([ \t]*)(?:\d{1,3}[.)]?[ \t]+)?(?:d\d{1,2})?t\d{2,3}(?:\.|[ \t]*-)?[ \t]+(?=\S)")
_TRACK_CODE_DISC = re.compile(
    r"^([ \t]*)(?:\d{1,3}[.)]?[ \t]+)?d\d{1,2}t\d{2,3}(?:\.|[ \t]*[-:])?[ \t]+(?=\S)"
)
_SEGUE = re.compile(r"[ \t]+-{0,2}>(?=[ \t]+[\[(][ \t]*\d{1,3}:\d\d)")
_CHECKSUM = re.compile(
    r"[ \t]*(?:[^\s:]{1,200}[ \t]*[:=][ \t]*[0-9a-f]{32,128}|[0-9a-f]{32,128}[ \t]+\*?\S{1,200})[ \t]*$",
    re.IGNORECASE,
)
_TOOL = re.compile(r"[ \t]*\[\w{1,20} output\][ \t]*$")

# The marks stand at the edges of words; letters on both sides are a name ("M*A*S*H", "snake_case"), and a
# space on the inner side makes a bullet or a legend's mark.
_EMPHASIS = (
    re.compile(r"(?<![\w*\\])(\*{1,3})(?=[^\s*])([^*\n]{1,200}?)(?<=[^\s*])\1(?![\w*])"),
    re.compile(r"(?<![\w@/#.\\_-])(_{1,3})(?=[^\s_])([^_\n]{1,200}?)(?<=[^\s_])\1(?![\w/])"),
)
_CODE = re.compile(r"(?<![\w`'])(`{1,2})(?=[^\s`'])([^`'\n]{1,200}?)(?<=[^\s`])\1(?![\w`'])")


def take_off_typed_marks(text: str) -> str:
    """Return the lines of a plain text without what is set around its words, as many as there were."""
    lines = text.split("\n")
    _take_off_rules(lines)
    coded = any(_TRACK_CODE_DISC.match(line) for line in lines)
    at = 0
    while at < len(lines):
        line = lines[at]
        if _TOOL.match(line):
            at = _take_off_output(lines, at)
            continue
        if _CHECKSUM.match(line):
            lines[at] = ""
        elif _LEGEND.match(line):
            lines[at] = row(line)
        elif coded:
            lines[at] = _SEGUE.sub("", _TRACK_CODE.sub(r"\1- ", line))
        at += 1
    text = "\n".join(lines)
    if "*" in text:
        text = _EMPHASIS[0].sub(r"\2", text)
    if "_" in text:
        text = _EMPHASIS[1].sub(r"\2", text)
    return _CODE.sub(r"\2", text) if "`" in text else text


def _take_off_rules(lines: list[str]) -> None:
    """Make headings of the lines between two rules of one look; take off other rules."""
    for at, line in enumerate(lines):
        rule = _RULE.match(line)
        if rule is None:
            continue
        below = lines[at + 2] if at + 2 < len(lines) else ""
        closing = _RULE.match(below)
        title = lines[at + 1].strip() if closing else ""
        if closing and title and closing[1] == rule[1] and len(title) <= _LONGEST_TITLE:
            lines[at] = lines[at + 2] = ""
            lines[at + 1] = f"## {title.rstrip(':')}"
        elif (not at or not lines[at - 1].strip()) or rule[1] not in "=-":
            # A line of these below a line of words underlines a title, and the parser knows it.
            lines[at] = ""


def _take_off_output(lines: list[str], at: int) -> int:
    """Take off what a program printed below its name; return the line behind it."""
    while at < len(lines) and lines[at].strip():
        lines[at] = ""
        at += 1
    return at
