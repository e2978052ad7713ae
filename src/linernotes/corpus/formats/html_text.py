"""HTML, as it stands inside Markdown: a piece of it -> the blocks of text that a person reads."""

from __future__ import annotations

from collections import Counter
from html.parser import HTMLParser
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from linernotes.corpus.formats.writer import Run
    from linernotes.models import BlockKind

_HTML_BLOCKS = (
    "address article aside blockquote center dd details div dl dt fieldset figcaption figure footer "
    "form h1 h2 h3 h4 h5 h6 header hr li main nav ol p pre section summary table tbody thead tr ul "
)


class GuardedParser(HTMLParser):
    """A parser whose time grows with the length of the text, whatever is opened in it and never closed."""

    def __init__(self) -> None:
        """Begin at the first line."""
        super().__init__(convert_charrefs=True)
        self.endless: dict[str, int] = {}

    def feed_all(self, content: str) -> None:
        """Parse the whole of a text."""
        # Behind the last ">" no tag ends; the parser would look for its end from each "<" again.
        cut = content.rfind(">") + 1
        self.feed(content[:cut] + content[cut:].replace("<", "&lt;"))
        self.close()

    def parse_comment(self, i: int, report: bool = True) -> int:
        """Parse a comment."""
        return self._parse("<!--", i, lambda at: super(GuardedParser, self).parse_comment(at, report))

    def parse_html_declaration(self, i: int) -> int:
        """Parse what begins with "<!" and is no comment."""
        return self._parse(self.rawdata[i : i + len("<![if")].lower(), i, self._parse_declaration)

    def _parse_declaration(self, at: int) -> int:
        try:
            return super().parse_html_declaration(at)
        except AssertionError:  # the parser's way to say that it knows no such section
            return self.parse_bogus_comment(at)

    def _parse(self, what: str, at: int, parse: Callable[[int], int]) -> int:
        """Return where ``what`` ends, or -1: where one has no end, none behind it has,."""
        left = len(self.rawdata) - at
        if left <= self.endless.get(what, 0):
            return -1
        end = parse(at)
        if end < 0:
            self.endless[what] = left
        return end


class HtmlText(GuardedParser):
    """Takes the text out of a block of HTML."""

    _HIDDEN = frozenset(
        "script style template svg head noscript iframe object button select textarea nav".split()
    )
    _BLOCKS = frozenset(_HTML_BLOCKS.split())
    _KINDS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6", "li", "tr", "blockquote"})

    def __init__(self, first_line: int) -> None:
        """Begin in this line of the file."""
        super().__init__()
        self.first_line = first_line
        self.blocks: list[tuple[BlockKind, int, list[Run]]] = []
        self.runs: list[Run] = []
        self.hidden = 0
        # Each open tag with the tag at or around it that says what its text is.
        self.open: list[tuple[str, str]] = []
        self.counts: Counter[str] = Counter()

    def read(self, content: str) -> list[tuple[BlockKind, int, list[Run]]]:
        """Return the blocks of text in ``content``."""
        self.feed_all(content)
        self.flush()
        return self.blocks

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin a block, or note what the tag stands for."""
        line = self.first_line + self.getpos()[0] - 1
        if tag in self._HIDDEN:
            self.hidden += 1
        elif tag in self._BLOCKS:
            self.flush()
            if tag != "hr":
                around = self.open[-1][1] if self.open else ""
                self.open.append((tag, tag if tag in self._KINDS else around))
                self.counts[tag] += 1
        elif tag == "br":
            self.runs.append(("\n", line))
        elif tag in {"td", "th"} and self.runs:
            self.runs.append((", ", line))
        elif tag == "img":
            self.runs.append((dict(attrs).get("alt") or "", line))

    def handle_endtag(self, tag: str) -> None:
        """End a block."""
        if tag in self._HIDDEN:
            self.hidden = max(0, self.hidden - 1)
        elif tag in self._BLOCKS:
            self.flush()
            closes = self.counts[tag] > 0
            while closes:
                last, _ = self.open.pop()
                self.counts[last] -= 1
                closes = last != tag

    def handle_data(self, data: str) -> None:
        """Take text, unless it is hidden."""
        if self.hidden:
            return
        line = self.first_line + self.getpos()[0] - 1
        for index, piece in enumerate(data.split("\n")):
            self.runs.append((f" {piece}" if index else piece, line + index))

    def flush(self) -> None:
        """End the block that is being read."""
        if any(text.strip(" ,\n\t") for text, _ in self.runs):
            self.blocks.append((*self._kind(), self.runs))
        self.runs = []

    def _kind(self) -> tuple[BlockKind, int]:
        match self.open[-1][1] if self.open else "":
            case "":
                return "paragraph", 0
            case "li":
                return "item", max(1, self.counts["ul"] + self.counts["ol"])
            case "tr":
                return "row", 0
            case "blockquote":
                return "quote", self.counts["blockquote"]
            case heading:
                return "heading", int(heading[1])
