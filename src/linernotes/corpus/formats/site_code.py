"""What a site's machinery reads and no reader sees: a text in, the same lines without it out.

Templates (Liquid, Hugo, wikis), attribute lists, shortcodes, footnote marks and the notes that they lead to,
links of wikis. No line is added or taken away, so that whoever reads on still knows where each word stands.
Each pattern looks a bounded way ahead, and each scan goes through the text once: time grows with its length.
"""

# ruff: noqa: RUF001  typographic marks stand in texts
from __future__ import annotations

import re
from typing import TYPE_CHECKING

from linernotes.corpus.formats.correspondence import mark_quoted_questions, take_off_mail
from linernotes.corpus.formats.tables import lay_out_tables
from linernotes.corpus.formats.voices import ASKS, REPLIES

if TYPE_CHECKING:
    from collections.abc import Iterator

# The longest tag, shortcode or attribute list that is looked for, in characters.
_LONGEST_TAG = 600
# The longest template of a wiki: a box of facts has some thousand characters.
_LONGEST_TEMPLATE = 8_000

_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})\s*([\w.+-]*)[^`]*$")
# A fence that names a language is a program or a query; these name none.
_TEXT_FENCES = frozenset({"", "text", "txt", "plain", "plaintext", "lyrics", "tab", "poem", "none"})

# --- Templates --------------------------------------------------------------------------------------------

# Stopped by the next opening mark, so that a flood of these costs no more than its length.
_LIQUID = re.compile(rf"(?<!\{{)\{{%[-+]?\s*(\w*)(?:[^%{{]|%(?!\}})|\{{(?!%)){{0,{_LONGEST_TAG}}}%\}}")
_LIQUID_OPENS = frozenset({"if", "unless", "case", "comment", "for", "raw", "capture", "highlight"})
_LIQUID_HIDES = frozenset({"comment", "capture"})
_LIQUID_ELSE = frozenset({"else", "elsif"})
_BRACES = re.compile(r"\{\{|\}\}")
# Hugo's paired shortcodes around what is no prose.
_HUGO_HIDDEN = re.compile(
    r"\{\{([<%])\s*(highlight|pullquote|mermaid|comment)\b[^{}]{0,300}[>%]\}\}.{0,4000}?\{\{\1\s*/\s*\2\s*[>%]\}\}",
    re.DOTALL,
)
# A wiki's templates that only dress the words they hold.
_DRESSING = frozenset(
    "nowrap nobr small big smaller larger nbsp lang sic tooltip abbr anchor visible anchor em strong".split()
)
_BOX = re.compile(r"\s*(?:infobox|taxobox|song|album|album infobox)\b", re.IGNORECASE)
_BOX_LINE = re.compile(r"^\s*\|\s*([a-z][\w ]{0,40}?)\s*=\s*(\S.*)$", re.IGNORECASE)
_BOX_SILENT = re.compile(r"image|cover|caption|alt|border|size|logo|color|colour|misc|chronology|width")
_QUOTE_TEMPLATES = frozenset({"quote", "cquote", "blockquote", "quotation", "rquote", "quote box"})
_DATE_TEMPLATES = frozenset({"start date", "end date", "birth date", "death date", "film date", "start-date"})
_MONTHS = ("January February March April May June July August September October November December").split()

# --- Attribute lists and shortcodes -----------------------------------------------------------------------

_CLASSES_ASK = r"(?:interviewer|question|asker|host)"
_CLASSES_REPLY = r"(?:interviewee|answer|reply|respondent|guest)"
_ATTRIBUTES = re.compile(
    rf"[ \t]*\{{:(?![ \t]*\}})[^{{}}\n]{{0,{_LONGEST_TAG}}}\}}"
    # Of a heading or a span in Pandoc and Hugo: {#id .class}.
    rf"|[ \t]*\{{(?:[#.][\w-]+)(?:\s+[^{{}}\n]{{0,200}})?\}}"
)
_CLASS_ASKS = re.compile(rf"\.{_CLASSES_ASK}\b")
_CLASS_REPLIES = re.compile(rf"\.{_CLASSES_REPLY}\b")
_KRAMDOWN_COMMENT = re.compile(r"\{::comment\}.{0,4000}?\{:/(?:comment)?\}", re.DOTALL)
_ABBREVIATION = re.compile(r"^\*\[[^\]\n]{1,60}\]:.*$", re.MULTILINE)
_TOC = re.compile(
    r"^[ \t]*(?:[*-] TOC|\[TOC\]|\[\[toc\]\]|\[\[_TOC_\]\]|__TOC__|__NOTOC__)[ \t]*$",
    re.MULTILINE | re.IGNORECASE,
)
_SHORTCODE_NAMES = (
    "gallery|caption|embed|audio|video|playlist|youtube|vimeo|soundcloud|bandcamp|spotify|toc|nextpage|pullquote"
    "|dropcap|contact-form|gravityform|googlemaps|slideshow|twitter|tweet|instagram|wpvideo|button|divider"
)
# These begin with a character that is searched for and look back from there, which is what `re` is quick at.
# "[embed]https://…[/embed]" and a pull quote, which the text has twice, go with what they hold.
_SHORTCODE_WHOLE = re.compile(
    r"[\\\[](?:(?<=\\)\[|(?<=\[))(embed|audio|video|youtube|vimeo|soundcloud|pullquote|playlist|gallery)\b[^\]\n]{0,300}\].{0,1000}?"
    r"\\?\[/\1\\?\]",
    re.DOTALL,
)
_SHORTCODE = re.compile(
    rf"[\\\[](?:(?<=\\)\[|(?<=\[))/?(?:{_SHORTCODE_NAMES})(?:\s[^\]\n]{{0,400}})?/?\\?\](?!\()"
    rf"|[\\\[](?:(?<=\\)\[|(?<=\[))[a-z][\w-]{{1,30}}(?:\s+[\w-]+=(?:\"[^\"\n]{{0,300}}\"|'[^'\n]{{0,300}}'|“[^”\n]{{0,300}}”|[^\s\]]{{1,100}}))+"
    r"\s*/?\\?\](?!\()"
)
_MORE = re.compile(r"<!--\s*(?:more|nextpage|wp:[^\n]{0,400}|/wp:[^\n]{0,100})\s*-->")

# --- Footnotes and references -----------------------------------------------------------------------------

_LINK_TARGET = re.compile(r"^ {0,3}\[([^\]\n]{1,60})\]:\s*\S", re.MULTILINE)
_NOTE_TEXT = re.compile(r"^ {0,3}\[\^[^\]\s]{1,60}\]:")
# "[1](#footnote-1)": a mark that links to its note; at the head of a line, the way back from it.
_LINKED_NOTE = re.compile(
    r"\[(?:(?<=\S\[)|(?<=^\[))\\?\[?\d{1,3}\\?\]?\]\([^)\s]{0,300}#(?:fn|footnote|note|ref|cite)[^)\s]{0,200}\)",
    re.MULTILINE,
)
_LINKED_NOTE_TEXT = re.compile(
    r"^\[\d{1,3}\]\([^)\s]{0,300}#[\w-]{0,40}anchor[^)\s]{0,200}\)[ \t]*\n(?:[ \t]*\n)?[^\n]{1,2000}$",
    re.MULTILINE,
)
_INLINE_NOTE = re.compile(r"(?<=\S)\^\[[^\[\]\n]{0,400}\]")
_SUP_NOTE = re.compile(
    r"(?<![\d\s])<sup\b[^>\n]{0,200}>\s{0,3}(?:<a\b[^>\n]{0,300}>)?\s{0,3}\[?(?:\d{1,3}|[a-z*†‡])\]?\s{0,3}(?:</a>)?"
    r"\s{0,3}</sup>",
    re.IGNORECASE,
)
_REF = re.compile(r"<ref\b[^<>\n]{0,200}/>|<ref\b[^<>]{0,200}>.{0,2000}?</ref>", re.DOTALL | re.IGNORECASE)
_EDITORIAL = (
    r"edit|edit source|(?:note|nb|n|lower-alpha) \d+|who\?|when\?|where\?|which\?|by whom\?"
    r"|according to whom\?"
    r"|(?:citation|clarification|verification|page|quotation|attribution|better source) needed"
    r"|original research\??|failed verification|(?:permanent )?dead link|update"
    r"|dubious(?: [^\]\n]{0,40})?"
)
_SUPERSCRIPT = "⁰¹²³⁴-⁹"
_NUMBERS = r"\d{1,3}(?:[,–-]\s?\d{1,3})*\](?::\d{1,4}(?:[–-]\d{1,4})?)?"
_NOTE_MARK = re.compile(
    rf"[\[{_SUPERSCRIPT}](?:"
    # "[12]" glued to a word, "[1][2]", "[5]:44", "[a]" behind the end of a sentence.
    rf"(?<=[^\s\[(\"'“‘«—–-]\[){_NUMBERS}(?:\[{_NUMBERS})*(?!\()"
    r"|(?:(?<=[\"'][.,;:!?]\[)|(?<=[\w.,;:!?)][\"']\[))\d{1,3}\](?:\[\d{1,3}\])*"
    r"|(?<=[.,;:!?\"'”’)]\[)[a-z]\](?=\s|\[|$)"
    rf"|(?<=\[)((?i:{_EDITORIAL}))\](?!\()"
    rf"|(?<=[.,;:!?\"'”’)][{_SUPERSCRIPT}])[{_SUPERSCRIPT}]*(?=\s|$))",
    re.MULTILINE,
)
_REFERENCE_LINE = re.compile(r"^\s{0,3}(?:\[\d{1,3}\](?=\s|$)|\^\s(?=\S)|↑)")

# --- Wikis and notebooks ----------------------------------------------------------------------------------

_WIKI_LINK = re.compile(r"(!?)\[\[([^\[\]\n]{1,300})\]\]")
_WIKI_FILE = re.compile(r"\s*:?(?:file|image|category|media|datei|bild)\s*:", re.IGNORECASE)
_CATEGORY = re.compile(r"^[ \t]*(?:Category:\S[^\n]*)$", re.MULTILINE)
_WIKI_HEADING = re.compile(r"^(={2,6})[ \t]*([^=\s](?:[^=\n]{0,200}[^=\s])?)[ \t]*\1[ \t]*$", re.MULTILINE)
_WIKI_EMPHASIS = re.compile(r"(?<![\w'])('{2,5})(?=[^\s'])([^'\n]{1,300}(?:'(?!')[^'\n]{1,300}){0,6})\1(?!')")
_PROPERTY = re.compile(r"^[ \t]*(?:[-*+][ \t]+)?#?[\w/-]{1,60}[ \t]?::(?=\s|$)[^\n]*$", re.MULTILINE)
_INLINE_PROPERTY = re.compile(r"\[([\w -]{1,40})::\s?([^\[\]\n]{1,200})\]")
_TAG_LINE = re.compile(r"^[ \t]*(?:#[A-Za-z][\w/-]*[ \t]*)+$", re.MULTILINE)
_COMMENT = re.compile(r"%%.{0,4000}?%%", re.DOTALL)
_BLOCK_ID = re.compile(r"(?<=\S)[ \t]+\^[a-z][\w-]{2,40}[ \t]*$", re.MULTILINE)
_HIGHLIGHT = re.compile(r"(?<![=\w])==(?=[^\s=])([^=\n]{1,300})(?<=\S)==(?![=\w])")
_CALLOUT = re.compile(r"[ \t]*>[ \t]*\[!([\w-]+)\][-+]?[ \t]*(.*)$")
_QUOTE_MARK = re.compile(r"[ \t]*>[ \t]?")
# Where a turn of a transcript was spoken: alone in its line, or before the label.
_STAMP = re.compile(
    r"^[ \t]*[\[(]?\d{1,2}:\d\d(?::\d\d)?[\])]?"
    r"(?:[ \t]*(?:\[[A-Z][A-Z ]*\])?[ \t]*$|[ \t]+(?=\*{0,2}[A-Z][^\n:]{0,40}:))"
    r"|^[ \t]*\[\d{1,2}:\d\d:\d\d\][ \t]*",
    re.MULTILINE,
)
# Python-Markdown's and MkDocs': the words are indented below it.
_ADMONITION = re.compile(
    r"^(?:!!!|\?\?\?\+?)[ \t]+[\w-]{1,40}(?:[ \t]+\"[^\"\n]{0,200}\")?[ \t]*$", re.MULTILINE
)
_SCRIPT_LINK = re.compile(
    r"\[([^\[\]\n]{0,200})\]\(javascript:[^()\n]{0,200}(?:\([^()\n]{0,200}\)[^()\n]{0,200}){0,3}\)"
)
_BARE_ADDRESS = re.compile(r"^[ \t]*https?://\S+[ \t]*$", re.MULTILINE)


# What takes a line, or the end of one; a text without the mark is not looked through.
_LINES = (
    ("*[", _ABBREVIATION),
    ("TOC", _TOC),
    ("toc", _TOC),
    ("ategory:", _CATEGORY),
    ("#", _TAG_LINE),
    ("http", _BARE_ADDRESS),
    (" ^", _BLOCK_ID),
    ("\t^", _BLOCK_ID),
)


def take_off(text: str, *, fences: bool) -> str:
    """Return ``text`` without what is meant for a site's machinery, line for line.

    Args:
        text: of a Markdown or a plain text file, without its metadata.
        fences: whether ``~~~`` and three backticks fence program text, which stays as it is.
    """
    fences = fences and ("```" in text or "~~~" in text)
    parts = _split_fences(text) if fences else [(False, text)]
    lines = "\n".join(part if code else _clean(part) for code, part in parts).split("\n")
    take_off_mail(lines)
    if ">" in text:
        mark_quoted_questions(lines)
    return lay_out_tables("\n".join(lines))


def _split_fences(text: str) -> Iterator[tuple[bool, str]]:
    """Give the stretches outside and inside of fences; a fence that names a language is blanked."""
    held: list[str] = []
    mark = ""
    silent = False
    for line in text.split("\n"):
        fence = _FENCE.match(line)
        if not mark and fence:
            if held:
                yield False, "\n".join(held)
            mark, silent = fence[1], fence[2].lower() not in _TEXT_FENCES
            held = ["" if silent else line]
            continue
        held.append("" if mark and silent else line)
        if mark and fence and fence[1].startswith(mark) and not fence[2]:
            yield True, "\n".join(held)
            mark, held = "", []
    if held:
        yield bool(mark), "\n".join(held)


def _clean(text: str) -> str:  # noqa: C901, PLR0912  habit after habit
    if "{" in text:
        text = _blank(_KRAMDOWN_COMMENT, text)
        text = _blank(_HUGO_HIDDEN, text)
        text = _take_off_liquid(text)
        text = _take_off_templates(text)
        if "{:" in text or "{#" in text or "{." in text:
            text = _ATTRIBUTES.sub(_voice, text)
    if "[" in text:
        text = _blank(_SHORTCODE_WHOLE, text)
        text = _SHORTCODE.sub("", text)
        if "[[" in text:
            text = _WIKI_LINK.sub(_shown, text)
        if "::" in text:
            text = _INLINE_PROPERTY.sub(r"\1: \2", text)
        if "](javascript:" in text:
            text = _SCRIPT_LINK.sub(r"\1", text)
        if "#" in text:
            text = _blank(_LINKED_NOTE_TEXT, text)
            text = _LINKED_NOTE.sub("", text)
        text = _take_off_callouts(text)
    if "<" in text:
        text = _MORE.sub("", text)
        lower = text.lower()
        if "<ref" in lower:
            text = _blank(_REF, text)
        if "<sup" in lower:
            text = _SUP_NOTE.sub("", text)
    if ":" in text:
        text = _STAMP.sub("", text)
    if "::" in text:
        text = _PROPERTY.sub("", text)
    if "%%" in text:
        text = _blank(_COMMENT, text)
    if "==" in text:
        text = _WIKI_HEADING.sub(lambda found: f"{'#' * len(found[1])} {found[2]}", text)
        text = _HIGHLIGHT.sub(r"\1", text)
    if "''" in text:
        text = _WIKI_EMPHASIS.sub(r"\2", text)
    if "!!!" in text or "???" in text:
        text = _ADMONITION.sub("", text)
    for mark, pattern in _LINES:
        if mark in text:
            text = pattern.sub("", text)
    return _take_off_notes(text)


def _take_off_callouts(text: str) -> str:
    """Make paragraphs of callouts ("> [!note] Title"): they look like block quotes, and quote nobody."""
    if "[!" not in text:
        return text
    lines = text.split("\n")
    within = False
    for index, line in enumerate(lines):
        callout = _CALLOUT.match(line)
        if callout:
            lines[index] = callout[2]
            within = callout[1].lower() not in {"quote", "cite"}
        elif within and _QUOTE_MARK.match(line):
            lines[index] = _QUOTE_MARK.sub("", line, count=1)
        else:
            within = False
    return "\n".join(lines)


def _blank(pattern: re.Pattern[str], text: str) -> str:
    """Return ``text`` without what ``pattern`` finds but its line breaks."""
    return pattern.sub(_breaks, text)


def _breaks(found: re.Match[str]) -> str:
    return "\n" * found[0].count("\n")


# --- Templates --------------------------------------------------------------------------------------------


def _take_off_liquid(text: str) -> str:
    """Take off ``{% … %}``; of ``{% if %} a {% else %} b {% endif %}``, what the site shows is a."""
    if "{%" not in text:
        return text
    for branches in (True, False):
        parts: list[str] = []
        hidden: list[bool] = []
        at = 0
        for tag in _LIQUID.finditer(text):
            between = text[at : tag.start()]
            parts.append("\n" * between.count("\n") if any(hidden) else between)
            parts.append(_breaks(tag))
            at = tag.end()
            name = tag[1]
            if name in _LIQUID_OPENS:
                hidden.append(branches and name in _LIQUID_HIDES)
            elif name in _LIQUID_ELSE and hidden:
                hidden[-1] = branches
            elif name.startswith("end") and hidden:
                hidden.pop()
        if not hidden or not branches:
            return "".join([*parts, text[at:]])
    return text


def _take_off_templates(text: str) -> str:
    """Take off ``{{ … }}``, one within the other too; a wiki's that only dress words leave these."""
    if "{{" not in text:
        return text
    # Each open template with the pieces of text within it; the first is what stands outside.
    stack: list[tuple[int, list[str]]] = [(0, [])]
    at = 0
    for brace in _BRACES.finditer(text):
        stack[-1][1].append(text[at : brace.start()])
        at = brace.end()
        if brace[0] == "{{":
            stack.append((brace.start(), []))
        elif len(stack) > 1:
            start, inner = stack.pop()
            held = "".join(inner)
            whole = at - start <= _LONGEST_TEMPLATE
            stack[-1][1].append(_template(held) if whole else held)
        # A closing mark that nothing opened is left out.
    stack[-1][1].append(text[at:])
    return "".join(piece for _, pieces in stack for piece in pieces)


def _template(inner: str) -> str:
    """Return what a reader sees of a template, with as many line breaks as it had."""
    breaks = "\n" * inner.count("\n")
    if inner[:1] in {"<", "%", "/"}:
        return breaks
    if _BOX.match(inner) and "\n" in inner:
        return "\n".join(map(_fact, inner.split("\n")))
    name, *rest = inner.split("|")
    given = [each.strip() for each in rest if "=" not in each.split(" ")[0]]
    name = " ".join(name.split()).lower()
    if name in _DRESSING and given:
        return given[-1] + breaks
    if name in _DATE_TEMPLATES:
        return _date(given) + breaks
    if name in _QUOTE_TEMPLATES:
        named = {
            key.strip().lower(): value.strip() for key, _, value in (each.partition("=") for each in rest)
        }
        said = named.get("text") or named.get("1") or (given[0] if given else "")
        by = (
            named.get("author") or named.get("sign") or named.get("2") or (given[1] if len(given) > 1 else "")
        )
        lines = [f"> {said}", f"> — {by}"] if by else [f"> {said}"]
        return (
            "\n".join(lines) + breaks[len(lines) - 1 :]
            if breaks
            else f"\u201c{said}\u201d" + (f" — {by}" * bool(by))
        )
    return breaks


def _fact(line: str) -> str:
    """Return a line of a wiki's box of facts as an item: "| released = 1984" is "Released: 1984"."""
    found = _BOX_LINE.match(line)
    if not found or _BOX_SILENT.search(found[1].lower()):
        return ""
    return f"- {found[1].replace('_', ' ').capitalize()}: {found[2]}"


def _date(given: list[str]) -> str:
    """Return "2 May 1984" for the year, month and day of a template."""
    numbers = [each for each in given if each.isdigit()][:3]
    if len(numbers) > 1 and 1 <= int(numbers[1]) <= len(_MONTHS):
        numbers[1] = _MONTHS[int(numbers[1]) - 1]
    return " ".join(reversed(numbers))


def _voice(found: re.Match[str]) -> str:
    """Return what an attribute list leaves: a class can say that its paragraph asks or replies."""
    if _CLASS_ASKS.search(found[0]):
        return ASKS
    return REPLIES if _CLASS_REPLIES.search(found[0]) else ""


def _shown(found: re.Match[str]) -> str:
    """Return what is shown of a wiki's link: the words behind its bar; nothing of a file or a category."""
    target = found[2]
    if found[1] or _WIKI_FILE.match(target):
        return ""
    page, _, shown = target.replace("\\|", "|").rpartition("|")
    return shown.strip() or page.split("#")[0].strip()


# --- Footnotes and references -----------------------------------------------------------------------------


def _take_off_notes(text: str) -> str:
    """Take off footnote marks, and the notes that stand in lines of their own."""
    if not any(mark in text for mark in "[¹²³⁴⁵⁶⁷⁸⁹^↑"):
        return text
    targets = {found[1] for found in _LINK_TARGET.finditer(text)}
    if "^[" in text:
        text = _INLINE_NOTE.sub("", text)
    marked = _without_marks(text, targets)
    has_marks = marked != text
    lines = marked.split("\n")
    silent = indented = False
    for index, line in enumerate(lines):
        if _NOTE_TEXT.match(line):
            silent = indented = True
        elif has_marks and not targets and _REFERENCE_LINE.match(line):
            silent, indented = True, False
        elif silent and not line.strip():
            # A note of Markdown goes on in paragraphs that are indented.
            following = next((each for each in lines[index + 1 : index + 3] if each.strip()), "")
            silent = indented and following.startswith(("    ", "\t"))
        if silent:
            lines[index] = ""
    return "\n".join(lines)


def _without_marks(text: str, targets: set[str]) -> str:
    """Leave marks out; but "[words][1]" is a link if the text says where 1 leads."""
    parts: list[str] = []
    at = 0
    for found in _NOTE_MARK.finditer(text):
        start = found.start()
        before = text[start - 1 : start] if start > 0 else ""
        if before == "]" and found[0].strip("[]") in targets:
            continue
        if found[1] and start > at and before in {" ", "\t"}:
            start -= 1
        parts.append(text[at:start])
        at = found.end()
    return "".join((*parts, text[at:])) if parts else text
