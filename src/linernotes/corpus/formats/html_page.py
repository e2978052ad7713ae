"""A page saved from a browser: its HTML in, the blocks of the article out, without menus and comments.

The page is read into a tree. What its class, role or tag says to be no article is passed over; of the rest,
the article is the smallest part that holds most of the prose, which is text that is no link. Lines are exact.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from linernotes.corpus.formats.html_text import GuardedParser
from linernotes.corpus.metadata_values import read_date, read_language

if TYPE_CHECKING:
    from collections.abc import Iterator

    from linernotes.corpus.formats.writer import DocumentWriter, Run
    from linernotes.models import BlockKind, Voice

# --- What a page is made of -------------------------------------------------------------------------------

_VOID = frozenset("area base br col embed hr img input link meta param source track wbr".split())
_BLOCKS = frozenset(
    "address article aside blockquote body center dd details div dl dt fieldset figcaption figure"
    " footer form h1 h2 h3 h4 h5 h6 header hgroup html li main nav ol p pre section summary table"
    " tbody td tfoot th thead tr ul".split()
)
_HEADINGS = frozenset("h1 h2 h3 h4 h5 h6".split())
# A tag ends those of the same kind that were never closed, within the nearest of the second.
_ENDS = {
    "li": ({"li", "p"}, {"ul", "ol", "menu"}),
    "dt": ({"dt", "dd", "p"}, {"dl"}),
    "dd": ({"dt", "dd", "p"}, {"dl"}),
    "tr": ({"tr", "td", "th", "p"}, {"table"}),
    "td": ({"td", "th", "p"}, {"tr", "table"}),
    "th": ({"td", "th", "p"}, {"tr", "table"}),
}
_HIDDEN_TAGS = frozenset(
    "script style template svg noscript iframe object button select textarea nav form dialog aside"
    " menu audio video canvas map".split()
)
_HIDDEN_ROLES = frozenset("navigation complementary banner contentinfo search dialog alert menu".split())
# Words of a class or an id that say what a part is for; of a name of several words, each counts.
_HIDDEN_WORDS = frozenset(
    "comment comments respond disqus share sharing sharebar social related sidebar widget newsletter"
    " subscribe signup promo promotion advert advertisement advertising ad ads sponsor sponsored"
    " cookie cookies consent gdpr popup modal breadcrumb breadcrumbs pagination pager menu nav navbar"
    " navigation masthead footer pullquote recommended recommendations trending outbrain taboola toc"
    " skip hidden editsection reflist references navbox catlinks noprint printfooter webring counter"
    " guestbook likes donate paywall metered".split()
)
_HIDDEN_PAIRS = re.compile(
    r"pull-?quote|screen-reader|sr-only|visually-hidden|tag-?list|author-?bio|read-?more|also-?like"
)
_NO_DISPLAY = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_NOTE = re.compile(r"\s*\[?(?:\d{1,3}|[a-z*†‡])\]?\s*")
_ASKS = re.compile(r"\b(?:interviewer|question|asker)\b")
_REPLIES = re.compile(r"\b(?:interviewee|answer|reply|respondent)\b")
# A page's parts are nested some dozens deep; what is deeper is read as if it stood here.
_DEEPEST = 120
# The article has at least this share of a page's prose.
_MOST = 0.8
# What a class says to go has at most this share of it: a body may be of class "has-sidebar".
_NOT_ASIDE = 0.5
# A cell with more text than that is a part of the page's layout, in characters.
_LONGEST_CELL = 240
# So many links and little else are a menu.
_MENU_LINKS, _MENU_SHARE = 4, 0.7
_SITE_NAME = re.compile(r"\s+[|·–—-]\s+[^|·–—-]{1,60}$")  # noqa: RUF001  the dashes are meant
_CHARSET = re.compile(rb"charset\s*=\s*[\"']?\s*([\w-]+)", re.IGNORECASE)


@dataclass(slots=True, eq=False)
class Element:
    """A part of the page: its tag, its attributes, and the text and the parts in it."""

    tag: str
    line: int
    attributes: dict[str, str] = field(default_factory=dict)
    children: list[Element | Run] = field(default_factory=list)
    depth: int = 0
    prose: int = 0
    linked: int = 0
    links: int = 0
    kept: int = 0


Piece: TypeAlias = "tuple[str, int, bool]"
"""A piece of text, its line, and whether it is bold."""


def as_utf8(data: bytes) -> bytes:
    """Return a page in UTF-8: older ones name another charset, or mean Windows-1252 and name none."""
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        named = _CHARSET.search(data[:2_048])
        charset = named[1].decode("ascii", "replace") if named else "windows-1252"
        # Browsers read what is called Latin-1 as Windows-1252, which is what it mostly is.
        charset = (
            "windows-1252" if charset.lower() in {"iso-8859-1", "latin1", "us-ascii", "utf-8"} else charset
        )
        try:
            return data.decode(charset).encode()
        except (LookupError, UnicodeError):
            return data
    return data


def read(text: str, writer: DocumentWriter) -> None:
    """Write the blocks of the article of a page, and its labels."""
    tree = _Tree()
    tree.feed_all(text)
    root = tree.root
    writer.labels.update(_labels(tree))
    _weigh(root)
    _weigh_kept(root)
    article = _find_article(root)
    walk = _Walk(writer)
    if article is not root and not any(each.tag == "h1" for each in _elements(article)):
        # The title often stands above the part that holds the text.
        heading = next(
            (each for each in _elements(root) if each.tag == "h1" and not _is_aside(each, root)), None
        )
        if heading is not None:
            walk.read(heading, root)
    walk.read(article, root)


# --- The tree ---------------------------------------------------------------------------------------------


class _Tree(GuardedParser):
    """Puts the parts of a page into one another."""

    def __init__(self) -> None:
        super().__init__()
        self.root = Element("html", 1)
        self.open = [self.root]
        self.title = ""
        self.meta: dict[str, str] = {}
        self._in_head = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        if tag == "html":
            self.root.attributes |= attributes
        if tag in {"html", "head"}:
            return
        if tag == "meta":
            name = attributes.get("property") or attributes.get("name") or ""
            self.meta.setdefault(name.lower(), attributes.get("content", ""))
        elif tag == "link" and attributes.get("rel") == "canonical":
            self.meta.setdefault("canonical", attributes.get("href", ""))
        elif tag == "title" and not self.title:
            self._in_head = tag
            return
        self._close_unclosed(tag)
        element = Element(tag, self.getpos()[0], attributes, depth=min(len(self.open), _DEEPEST))
        self.open[-1].children.append(element)
        if tag not in _VOID and len(self.open) <= _DEEPEST:
            self.open.append(element)

    def _close_unclosed(self, tag: str) -> None:
        if tag in _BLOCKS and self.open[-1].tag == "p":
            self.open.pop()
        ended, within = _ENDS.get(tag, (set(), set()))
        for index in range(len(self.open) - 1, 0, -1):
            open_tag = self.open[index].tag
            if open_tag in within or not ended:
                return
            if open_tag in ended and (index == 1 or self.open[index - 1].tag not in ended):
                del self.open[index:]
                return

    def handle_endtag(self, tag: str) -> None:
        if tag == "title":
            self._in_head = ""
        for index in range(len(self.open) - 1, 0, -1):
            if self.open[index].tag == tag:
                del self.open[index:]
                return
            if self.open[index].tag in {"table", "td", "th"} and tag not in {"table", "tr", "tbody"}:
                return  # an end that nothing within this cell has begun

    def handle_data(self, data: str) -> None:
        if self._in_head:
            self.title += data
            return
        line = self.getpos()[0]
        for index, piece in enumerate(data.split("\n")):
            self.open[-1].children.append((f" {piece}" if index else piece, line + index))


def _elements(root: Element) -> Iterator[Element]:
    """Give an element and all in it, in the order of the page."""
    waiting = [root]
    while waiting:
        element = waiting.pop()
        yield element
        waiting += [child for child in reversed(element.children) if isinstance(child, Element)]


def _labels(tree: _Tree) -> dict[str, str]:
    """Return title, source, date and language as the page names them."""
    meta = tree.meta
    title = (
        meta.get("og:title") or meta.get("twitter:title") or _SITE_NAME.sub("", " ".join(tree.title.split()))
    )
    found = {
        "title": title,
        "source": meta.get("og:url") or meta.get("canonical") or "",
        "date": read_date(meta.get("article:published_time") or meta.get("date") or "") or "",
        "language": read_language(tree.root.attributes.get("lang", "")) or "",
    }
    return {key: " ".join(value.split()) for key, value in found.items() if value.strip()}


# --- Which part is the article ----------------------------------------------------------------------------


def _weigh(root: Element) -> None:
    """Count the prose, the linked text and the links of each element, the innermost first."""
    order = list(_elements(root))
    for element in reversed(order):
        for child in element.children:
            if isinstance(child, Element):
                if child.tag in _HIDDEN_TAGS:
                    continue
                element.prose += child.prose
                element.linked += child.linked
                element.links += child.links
            else:
                element.prose += len(child[0].strip())
        if element.tag == "a":
            element.links += 1
            element.linked += element.prose
            element.prose = 0


def _weigh_kept(root: Element) -> None:
    """Count the prose of each element without that of its asides, the innermost first."""
    for element in reversed(list(_elements(root))):
        for child in element.children:
            if not isinstance(child, Element):
                element.kept += len(child[0].strip())
            elif child.tag != "a" and not _is_aside(child, root):
                element.kept += child.kept


def _find_article(root: Element) -> Element:
    """Return the smallest element that has most of the prose that is no aside."""
    marked = [
        each
        for each in _elements(root)
        if each.tag == "article" or each.attributes.get("itemprop") == "articleBody"
    ]
    for each in marked:
        if len(marked) == 1 and each.kept >= _NOT_ASIDE * root.kept:
            return each
    found = root
    while True:
        inner = [
            child for child in found.children if isinstance(child, Element) and not _is_aside(child, root)
        ]
        best = max(inner, key=lambda each: each.kept, default=None)
        if best is None or best.tag in {"p", "a", "table", "ul", "ol", "dl", "blockquote"}:
            return found
        if best.kept < _MOST * root.kept:
            return found
        found = best


def _is_aside(element: Element, root: Element) -> bool:
    """Say whether an element is a menu, a list of comments or anything else around an article."""
    attributes = element.attributes
    if element.tag in _HIDDEN_TAGS or "hidden" in attributes or attributes.get("aria-hidden") == "true":
        return True
    if _NO_DISPLAY.search(attributes.get("style", "")):
        return True
    if element.tag == "footer" and element.prose > _LONGEST_CELL // 2 and element.depth <= 3:  # noqa: PLR2004
        return True
    name = f"{attributes.get('class', '')} {attributes.get('id', '')}".lower()
    named = not _HIDDEN_WORDS.isdisjoint(re.split(r"[^a-z0-9]+", name)) or bool(_HIDDEN_PAIRS.search(name))
    if attributes.get("role", "").lower() in _HIDDEN_ROLES or named:
        return element.prose <= _NOT_ASIDE * root.prose
    text = element.prose + element.linked
    is_part = element.tag in {"td", "div", "section", "table", "center"}
    return is_part and element.links >= _MENU_LINKS and element.linked > _MENU_SHARE * text


# --- Its blocks -------------------------------------------------------------------------------------------


class _Walk:
    """Goes through an article and writes a block for each part that holds text."""

    def __init__(self, writer: DocumentWriter) -> None:
        self.writer = writer
        self.pieces: list[Piece] = []
        self.kinds: list[tuple[BlockKind, int]] = [("paragraph", 0)]
        self.voice: Voice = ""
        self.bold = 0
        self.lists = self.quotes = 0
        self.breaks = 0

    def read(self, element: Element, root: Element) -> None:
        """Write the blocks of an element."""
        self._open(element, root)
        self._flush()

    def _open(self, element: Element, root: Element) -> None:  # noqa: C901  tag after tag
        tag = element.tag
        if tag == "br":
            self.breaks += 1
            self.pieces.append(("\n", element.line, False))
            if self.breaks > 1 and self.kinds[-1][0] in {"paragraph", "quote"}:
                self._flush()  # two breaks stand between paragraphs
            return
        if tag == "hr":
            self._flush()
            return
        if tag == "tr" and _is_row(element):
            self._row(element, root)
            return
        credits_quote = self.quotes and tag in {"footer", "cite", "figcaption"}
        if tag in _BLOCKS and not credits_quote:
            self._flush()
        if credits_quote:
            self.pieces.append(("\n", element.line, False))
            if not _text(element).lstrip().startswith(("—", "–", "-")):  # noqa: RUF001  the dashes are meant
                self.pieces.append(("— ", element.line, False))
        self._enter(element)
        for child in element.children:
            if isinstance(child, Element):
                if not _is_aside(child, root) and not _is_note(child):
                    self._open(child, root)
            else:
                self._take(*child)
        self._leave(element)
        if tag in _BLOCKS and not credits_quote:
            self._flush()
            self.kinds = self.kinds if tag not in self._nesting else self.kinds[:-1]
            self.voice = ""

    _nesting = _HEADINGS | {"li", "blockquote", "pre", "dt", "dd"}

    def _enter(self, element: Element) -> None:
        tag = element.tag
        name = f"{element.attributes.get('class', '')}".lower()
        if tag in _BLOCKS and name:
            self.voice = "asks" if _ASKS.search(name) else "replies" if _REPLIES.search(name) else ""
        self.lists += tag in {"ul", "ol"}
        self.quotes += tag == "blockquote"
        self.bold += tag in {"b", "strong"} or tag in _HEADINGS
        if tag in _HEADINGS:
            self.kinds.append(("heading", int(tag[1])))
        elif tag in {"li", "dt", "dd"}:
            self.kinds.append(("item" if tag == "li" else "paragraph", max(1, self.lists) * (tag == "li")))
        elif tag == "blockquote":
            self.kinds.append(("quote", self.quotes))
        elif tag == "pre":
            self.kinds.append(("paragraph", 0))
        elif tag == "q":
            self.pieces.append(("“", element.line, False))

    def _leave(self, element: Element) -> None:
        tag = element.tag
        if tag == "q":
            self.pieces.append(("”", element.line, False))
        if tag in _BLOCKS:
            self._flush()
        self.lists -= tag in {"ul", "ol"}
        self.quotes -= tag == "blockquote"
        self.bold -= tag in {"b", "strong"} or tag in _HEADINGS

    def _take(self, text: str, line: int) -> None:
        if text.strip():
            self.breaks = 0
        self.pieces.append((text, line, self.bold > 0))

    def _row(self, element: Element, root: Element) -> None:
        self._flush()
        for cell in element.children:
            if not isinstance(cell, Element) or _is_aside(cell, root):
                continue
            runs = [(text, line) for text, line in _runs(cell) if text.strip()]
            if runs:
                if self.pieces:
                    self.pieces.append((", ", runs[0][1], False))
                self.pieces += [(text, line, False) for text, line in _runs(cell)]
        self._flush(("row", 0))

    def _flush(self, kind: tuple[BlockKind, int] | None = None) -> None:
        pieces, self.pieces = self.pieces, []
        self.breaks = 0
        if not any(text.strip() for text, _, _ in pieces):
            return
        block, level = kind or self.kinds[-1]
        runs: list[Run] = [(text, line) for text, line, _ in pieces]
        cut = _question_end(pieces) if block == "paragraph" and not self.voice else None
        if cut is None:
            self.writer.block(block, runs, level, self.voice)
        else:
            self.writer.block(block, runs[:cut], level, "asks")
            self.writer.block(block, runs[cut:], level, "replies")


def _question_end(pieces: list[Piece]) -> int | None:
    """Return how many pieces make the bold question that a paragraph begins with, if it does."""
    asked = ""
    for index, (text, _, bold) in enumerate(pieces):
        if not bold and text.strip():
            return index if asked.rstrip().endswith("?") else None
        asked += text if bold else " "
    return len(pieces) if asked.rstrip().endswith("?") and any(bold for _, _, bold in pieces) else None


def _is_row(element: Element) -> bool:
    """Say whether a row belongs to a table of data, and not to the layout of a page."""
    cells = [cell for cell in element.children if isinstance(cell, Element)]
    if len(cells) < 2:  # noqa: PLR2004  a single cell divides nothing
        return False
    inner = _BLOCKS - {"p", "div", "tr", "td", "th"}
    return all(
        cell.prose + cell.linked <= _LONGEST_CELL
        and sum(each.tag == "p" for each in _elements(cell)) <= 1
        and not any(each.tag in inner for each in _elements(cell))
        for cell in cells
    )


def _is_note(element: Element) -> bool:
    """Say whether an element is the mark of a footnote."""
    return element.tag == "sup" and _NOTE.fullmatch(_text(element)) is not None


def _runs(element: Element) -> Iterator[Run]:
    waiting: list[Element | Run] = [element]
    while waiting:
        each = waiting.pop()
        if isinstance(each, Element):
            if each.tag == "br":
                yield (" ", each.line)
            elif not _is_note_tag(each):
                waiting += reversed(each.children)
        else:
            yield each


def _is_note_tag(element: Element) -> bool:
    return element.tag == "sup" or element.tag in _HIDDEN_TAGS


def _text(element: Element) -> str:
    return "".join(
        child[0] for each in _elements(element) for child in each.children if not isinstance(child, Element)
    )
