"""Mail, and interviews made by it: lines in, the same lines with who asks and who replies marked.

Whoever answers a mail leaves the questions above the replies, with ">" before each of their lines. A text in
which such blocks are questions, and prose stands below them, is an interview; a block quotation in an article
is none.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from linernotes.corpus.formats.voices import ASKS, REPLIES

if TYPE_CHECKING:
    from collections.abc import Sequence

_QUOTED = re.compile(r"[ \t]{0,3}(?:>[ \t]?)+")
_ENDS_REPLY = re.compile(r"[ \t]*(?:#{1,6}\s|([=*_~-])\1{2,}[ \t]*$|-- ?$)")
# An editor's word between a question and its reply.
_ASIDE = re.compile(r"[(\[][^()\[\]]{1,400}[)\]]\s*")
# So many quoted blocks make an interview, if so many of them ask and so many are replied to.
_FEWEST_QUESTIONS = 3
_MOSTLY = 0.5
_LONGEST_QUESTION = 120

_HEADER = re.compile(r"([A-Za-z][A-Za-z-]{1,40}):[ \t]?(.*)$")
_HEADERS = frozenset(
    "from to cc bcc date subject reply-to sender message-id in-reply-to references mime-version content-type"
    " content-transfer-encoding list-id organization newsgroups path received return-path user-agent lines"
    " sent precedence".split()
)
_FEWEST_HEADERS = 3
_LIST_TAG = re.compile(r"^(?:(?:re|fwd?|aw|wg):\s*|\[[^\]\n]{1,40}\]\s*)+", re.IGNORECASE)
_SIGNATURE = re.compile(r"-- ?$")
_LONGEST_SIGNATURE = 15


def take_off_mail(lines: list[str]) -> None:
    """Take off a mail's header, whose subject becomes the heading, and its signature; other texts stay."""
    end = _take_off_header(lines)
    if end is None:
        return
    for at in range(len(lines) - 1, max(end, len(lines) - _LONGEST_SIGNATURE), -1):
        if _SIGNATURE.match(lines[at]):
            for below in range(at, len(lines)):
                lines[below] = ""
            break


def _take_off_header(lines: list[str]) -> int | None:
    """Take off the header and return the line behind it; ``None`` where there is none."""
    first = next((at for at, line in enumerate(lines) if line.strip()), len(lines))
    end = first
    names: list[str] = []
    subject: tuple[int, str] | None = None
    while end < len(lines) and lines[end].strip():
        header = _HEADER.match(lines[end])
        if header is None and not (names and lines[end].startswith((" ", "\t"))):
            return None
        if header is not None:
            names.append(header[1].lower())
            if names[-1] == "subject":
                subject = (end, _LIST_TAG.sub("", header[2]).strip())
        end += 1
    known = sum(name in _HEADERS or name.startswith("x-") for name in names)
    if known < _FEWEST_HEADERS or known < len(names) or "from" not in names:
        return None
    for at in range(first, end):
        lines[at] = ""
    if subject is not None and subject[1]:
        lines[subject[0]] = f"# {subject[1]}"
    return end


def mark_quoted_questions(lines: list[str]) -> None:
    """Mark who asks and who replies where the quoted lines of a text are an interviewer's questions."""
    blocks = _quoted_blocks(lines)
    if len(blocks) < _FEWEST_QUESTIONS:
        return
    words = [" ".join(_QUOTED.sub("", line, count=1) for line in lines[b:e]) for b, e in blocks]
    asking = sum("?" in each for each in words)
    ends = [begin for begin, _ in blocks[1:]] + [len(lines)]
    replies = [_reply(lines, end, until) for (_, end), until in zip(blocks, ends, strict=True)]
    if (
        asking < _MOSTLY * len(blocks)
        or sum(map(bool, replies)) < len(blocks) - 1
        or any(len(each.split()) > _LONGEST_QUESTION for each in words)
    ):
        return
    for (begin, end), paragraphs in zip(blocks, replies, strict=True):
        for at in range(begin, end):
            lines[at] = _QUOTED.sub("", lines[at], count=1)
        lines[begin] = ASKS + lines[begin]
        # A reply goes on up to the next question; of the last one, each paragraph has to say whose it is.
        for at in paragraphs if end == blocks[-1][1] else paragraphs[:1]:
            lines[at] = REPLIES + lines[at]


def _quoted_blocks(lines: Sequence[str]) -> list[tuple[int, int]]:
    """Return where each run of quoted lines begins and ends."""
    blocks: list[tuple[int, int]] = []
    begin: int | None = None
    for at, line in enumerate(lines):
        quoted = line.lstrip().startswith(">") and _QUOTED.match(line) is not None
        if quoted and begin is None:
            begin = at
        elif not quoted and begin is not None:
            blocks.append((begin, at))
            begin = None
    if begin is not None:
        blocks.append((begin, len(lines)))
    return blocks


def _reply(lines: Sequence[str], first: int, until: int) -> list[int]:
    """Return the first line of each paragraph that replies, between a question and the next or a rule."""
    found: list[int] = []
    paragraph: list[str] = []
    begin = first
    for at in range(first, until + 1):
        line = lines[at] if at < until else ""
        if line.strip() and _ENDS_REPLY.match(line) is None:
            if not paragraph:
                begin = at
            paragraph.append(line)
            continue
        if paragraph and not (not found and _ASIDE.fullmatch("\n".join(paragraph)[:500])):
            found.append(begin)
        paragraph = []
        if line.strip():
            break
    return found
