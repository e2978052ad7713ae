"""A lead as Discord shows it: told, quoted and listed lines, with the words that answer in bold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from linernotes.answering.layout import lay_out
from linernotes.chat.frame.markup import ELLIPSIS, clean, emphasise, fit, quoted_line, width

if TYPE_CHECKING:
    from collections.abc import Sequence

    from linernotes.answering.layout import Line
    from linernotes.models import Lead, Span

_CONTEXT: Final = 300
_SPEAKER: Final = 200
# With less room than this a line is not begun.
_LEAST: Final = 40


def shown(lead: Lead, bold: Sequence[Span], limit: int) -> str:
    """Return a lead in Discord's markup, in at most ``limit`` units.

    What somebody said is a block with its marks, and who said it stands directly below; what comes before the
    lead, so that it is understood, is in italics.

    Args:
        lead: the lead.
        bold: the words in it that answer.
        limit: how much room there is; who said it always finds some.
    """
    lines = lay_out(lead)
    below = "".join(f"\n— {fit(clean(line.text), _SPEAKER)}" for line in lines if line.kind == "speaker")
    room = limit - width(below)
    quotes = [line for line in lines if line.kind == "quote"]
    shown_lines: list[str] = []
    for line in lines:
        if line.kind == "speaker":
            continue
        if room < _LEAST:
            if shown_lines and not shown_lines[-1].endswith(ELLIPSIS):
                shown_lines[-1] += ELLIPSIS
            break
        text = _shown(line, bold, room - 6, opens=line in quotes[:1], closes=line in quotes[-1:])
        if text:
            shown_lines.append(text)
            room -= width(text) + 1
    return "\n".join(shown_lines) + below


def _shown(line: Line, bold: Sequence[Span], room: int, *, opens: bool, closes: bool) -> str:
    match line.kind:
        case "context":
            text = fit(clean(line.text), min(room, _CONTEXT))
            return f"*{text}*" if text else ""
        case "quote":
            return quoted_line(_marked(line, bold, room), opens=opens, closes=closes)
        case "item":
            text = _marked(line, bold, room)
            return f"• {text}" if text else ""
        case _:
            return _marked(line, bold, room)


def _marked(line: Line, bold: Sequence[Span], room: int) -> str:
    """Return a line escaped, with the words that answer in bold."""
    start = line.start or 0
    end = start + len(line.text)
    spans = [
        (max(span.start, start) - start, min(span.end, end) - start)
        for span in bold
        # One without words would cut what is escaped in two.
        if span.start < span.end and span.start < end and start < span.end
    ]
    return emphasise(line.text, spans, room)
