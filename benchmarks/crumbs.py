"""Answers -> the share of them that carry a crumb: markup that an author's site would never show.

Reads JSON Lines as ``bot.py ask --batch FILE --json`` prints them, from the files that are named or from
standard input, and looks at the ``text`` of each answer. Prints each answer with a crumb, how often each kind
was met, and the share. Ends with 1 when there is a crumb, so that a script can insist on none.

    bot.py ask --corpus DIR --batch tests/golden/run.jsonl --json | python benchmarks/crumbs.py
"""

from __future__ import annotations

import argparse
import html.entities
import json
import re
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

STANDARD_INPUT = "-"
SHOWN = 60
"""How many characters of an answer are shown around a crumb."""

# Tags of HTML, and those that wikis add to them. Other words in angle brackets are names ("<Intro>", "<3").
_TAGS = "|".join(
    "a abbr article aside audio b big blockquote body br button caption center cite code col"
    " colgroup dd del details div dl dt em embed figcaption figure font footer form h[1-6] head"
    " header hgroup hr html i iframe img input ins kbd label li link main mark meta nav noscript"
    " nowiki object ol option p picture pre q ref s samp script section small source span strike"
    " strong style sub summary sup svg table tbody td tfoot th thead time title tr tt u ul video wbr".split()
)
# "A&R;" and "M&Ms;" are no entities: apart from "<" and ">", names of one or two letters do not count.
_ENTITIES = "|".join(
    sorted(
        {name[:-1] for name in html.entities.html5 if name.endswith(";") and len(name) > len("ab;")}
        | {"lt", "gt"},
        key=lambda name: (-len(name), name),
    )
)
# Notes that an encyclopedia puts behind a word. A stage direction or an editor's word is none of them.
_NOTES = (
    r"edit|(?:note|nb|lower-alpha) \d+|who\?|when\?|where\?|which\?|by whom\?|according to whom\?"
    r"|(?:citation|clarification|verification|page|quotation|attribution|better source) needed"
    r"|original research\??|failed verification|(?:permanent )?dead link|dubious(?: [^\]\n]*)?"
)
# What stands before a number in brackets that is a mark: no space, and no opening quotation mark or bracket,
# as in 'I was "[12] years old"'.
_GLUED = r"(?<=[^\s\"'“‘«(\[{—–-])|(?<=\S[\"'])"  # noqa: RUF001  the marks of real texts
_SENTENCE_END = r"[.,;:!?\"'”’)]"  # noqa: RUF001  the marks of real texts

_PATTERNS: dict[str, tuple[str, ...]] = {
    "emphasis": (
        # Opened at the head of a word: "4**4" and "f**k" are not, nor are a review's stars ("**** of 5").
        r"(?<![\w*])\*{2,3}(?=[^\s*½])",
        # Closed at its end; "sh**" is a word that somebody blanked out.
        r"(?:(?<=[^\W\d_]{4})|(?<=[\d.,;:!?…\"'”’)]))\*{2,3}(?![\w*])",  # noqa: RUF001  the marks of real texts
        r"(?<![\w*\\])\*(?=[^\s*])[^*\n]{0,200}(?<=[^\s*])\*(?![\w*])",
        r"(?<![\w@/#.])_{1,3}(?=[^\W_])",
        r"(?<=[^\W_])_{1,3}(?![\w/])",
        r"(?<=\w)_[.,;:!?]+_|(?<![\w@/#.])_[^\w\s]?\w[^_\n]{0,200}[.,;:!?…)\]]_(?!\w)",
        r"~~\S[^~\n]{0,200}~~",
        r"(?<!=)==[^\s=][^=\n]{0,200}(?<=\S)==(?!=)",
        # MediaWiki's: '' and '''. The marks of 7'' and 12'' follow a figure.
        r"(?<![\w'])'{2,5}(?=\w)[^'\n]{1,200}(?<=\S)'{2,5}(?![\w'])",
        r"'{3}(?=\w)|(?<=\w)'{3}",
        r"\[\.[a-z][\w.-]*\]#",
    ),
    "code": (
        r"`{3,}",
        # "`Til" and the ``old'' marks of typists are no code.
        r"(?<![\w`])`{1,2}(?=[^\s`])[^`\n]{0,200}(?<=[^\s`])`{1,2}(?![^\W_]|`)",
    ),
    "link": (
        r"\]\((?:(?=[^)\s]{0,200}[/#.@:{%])[^)\s]{1,400}|<[^>\n]{0,400}>|)(?:\s[\"'(][^)\n]{0,200})?\)",
        # "[shown here][ref]"; "[laughs][coughs]" stays.
        r"\[[^\[\]\n]{1,200}\]\[\d*\]|\[(?=[^\[\]\n]{1,200}\s)[^\[\]\n]{1,200}\]\[[\w .:-]+\]",
        r"!\[\]|(?<!\S)!\[(?=[\w\"'])[^\]\n]{0,200}\]",
        r"(?m)^[ \t]*\[(?!\^)[^\]\n]{1,60}\]:\s+\S",
        r"\blink:\S+\[|<<[\w-]+,[^<>\n]{0,200}>>",
        r"(?<!\w)\|\w[^|\n]{0,60}\|_+(?!\w)",
    ),
    "wiki link": (
        r"\[\[",
        # Without an opening bracket before it: '[he means [Tom]]' is an editor's.
        r"\A[^\[]*\]\]",
    ),
    "template": (
        r"\{\{|\}\}",
        r"\{%|%\}",
        r"\{::?[\s./#\w]|\{[#.][a-z][\w-]*[\s}]",
        r"(?<!\d)%%",
    ),
    "footnote": (
        r"\[\^[^\]\s]+\]|\^\[",
        rf"(?:{_GLUED})\[\d{{1,3}}(?:[,–-]\s?\d{{1,3}})*\]",  # noqa: RUF001  the dash of ranges
        # A list of references, a mark that another follows, and reStructuredText's.
        r"(?m)^[ \t]*\[\d{1,3}\](?=\s|$)",
        r"\[\d{1,3}\](?=\[\d)",
        r"\[(?:\d+|[#*]\w*|[A-Z]\w*\d)\]_(?!\w)",
        rf"(?<={_SENTENCE_END})\[[a-z]\](?=\s|\[|$)",
        rf"(?i)\[(?:{_NOTES})\]",
        rf"(?<={_SENTENCE_END})[⁰¹²³⁴-⁹]+(?=\s|$)",
        r"(?m)^[ \t]*\^\s(?!=)",
        r"(?m)(?<=\s)\^[a-z][\w-]*\s*$",
        r"\bfootnote(?:ref)?:\w*\[",
        # A raised number that lost its height: "the dentist.1 She"; "No.1" and "Vol.2" are shorter.
        r"(?<=[a-z]{4}[.!?])\d{1,2}(?=\s+[A-Z\"“]|\s*$)",
    ),
    "tag": (
        rf"</?(?:{_TAGS})(?:\s*/?|\s+[\w:-]+\s*=[^<>\n]*)>",
        rf"</?(?:{_TAGS.upper()})(?:\s*/?|\s+[\w:-]+\s*=[^<>\n]*)>",
        r"<!--|<!\[CDATA|<!(?:DOCTYPE|doctype)",
    ),
    "entity": (
        r"&#(?:\d{2,6}|[xX][0-9a-fA-F]{2,6});",
        rf"&(?=[a-zA-Z]{{2,31}}\d{{0,2}};)(?:{_ENTITIES});",
    ),
    "table": (
        r"(?m)^[ \t]*\|.*\|[ \t]*$",
        r"(?:(?<=\s)\|\s[^|\n]{0,200}){2,}",
        r"\|\s?:?-{3}|-{3}:?\s?\|",
        r"\+[-=]{3,}",
        r"\|={3}|\{\||\|\}|(?m:^[ \t]*\|[-+}])|(?m:^[ \t]*!.*!!)",
    ),
    "rule": (
        r"(?<!\S)(?:={4,}|~{4,}|-{5,}|#{7,}|[/+]{4,})(?!\S)",
        r"(?m)^[ \t]*\*(?:[ \t]\*){2,}[ \t]*$|^_{4,}[ \t]*$",
    ),
    "shortcode": (
        r"\[/[a-z][\w-]*\]",
        r"\[/?[a-zA-Z][\w-]*(?:=|\s+[\w-]+\s*=\s*)[\"'“”‘’\w][^\]\n]*\]",  # noqa: RUF001  as WordPress writes them
        r"\[(?:gallery|caption|embed|toc|TOC|nextpage|pullquote|dropcap|contact-form)\s*/?\]",
        r"\[(?:quote|verse),[^\]\n]*\]",
        r"(?<!\w)\[![a-zA-Z]+\]",
        r"\b(?:image|include|video|audio|toc|ifdef|ifndef|endif)::\S*\[",
    ),
    "directive": (
        r"(?m)^[ \t]*\.\. (?:[\w-]+::|_\w|\[|\|)",
        r"(?<!\S):[a-z][\w+:-]*:`",
        r"(?m)^[ \t]*:[a-zA-Z][\w-]*!?:(?:\s|$)",
        r"(?m)^[ \t]*(?:[-*+]\s)?\[[ xX]\]\s",
        r"(?<![:\w])[a-z][\w-]*::\s",
        r"(?<!\S)#[a-z][\w-]*/\w",
        r"\$(?:Id|Date|Revision|Author)(?::[^$\n]*)?\$",
    ),
    "heading": (
        r"(?m)^\s{0,3}#{1,6}\s+[^\s=]",
        r"(?<!\S)#{2,6}\s+\S",
        r"(?m)^[ \t]*={1,6}\s+\S",
        r"(?<!\S)={2,6}\s+\S[^=\n]{0,200}={2,6}(?!\S)",
    ),
    "quote mark": (r"(?m)^[ \t]*>+(?:\s|$|\w)",),
    "page": (
        r"\bEdit this (?:page|section)\b|\bEdit on GitHub\b|\bSkip to (?:main )?content\b|\bBack to top\b",
        r"\bJump to (?:navigation|search)\b|\bShare this:|\bLike this:|\bLike Loading\b",
        r"\bSubscribe for free to receive\b|\bwe use cookies\b|\bClick to share on\b",
    ),
    "reference": (
        r"\bhttps?://",
        r"\bdoi:\s?10\.|\bISBN[\s:-]*[\dX-]{9}",
        r"\bRetrieved (?:on )?(?:\d{1,2} [A-Z]\w+|[A-Z]\w+ \d{1,2},) \d{4}\b",
        r"\bArchived from the original\b",
        r",\s+pp?\.\s?\d",
        r"(?<!\S)Category:\w",
    ),
    "front matter": (
        r"(?m)^(?:---|\+\+\+)\s*$",
        r"(?<!\S)layout:\s*[\"']?(?:post|page|default|single|article|review)\b",
        r"(?<!\S)(?:[Ss]lug|permalink|guid):\s*(?:[a-z0-9]+(?:-[a-z0-9]+)+\b|[/:]|[\"'])",
        r"(?<!\S)(?:draft|published|comments|toc|featured|sitemap)\s*[:=]\s*(?:true|false)\b",
        r"(?<!\S)Status:\s*(?:published|draft)\b",
        r"(?<!\S)(?:title|date|author|tags|categories|description|draft|weight)\s=\s[\"'\[\d]",
        r"(?<!\S)(?:tags|categories|aliases)\s*:\s*\[",
        r"(?<!\S)date\s*:\s*[\"']?\d{4}-\d\d-\d\d",
        r"(?m)^(?:X-[\w-]+|Content-Type|Message-ID|MIME-Version):\s",
    ),
    "time stamp": (r"\[\d{1,2}:\d\d:\d\d\]",),
    "checksum": (r"\b[0-9a-f]{32,128}\b",),
    "escape": (r"\\[\[\]*_.#`>~()!&|{}-]",),
}
CRUMBS = {kind: tuple(map(re.compile, patterns)) for kind, patterns in _PATTERNS.items()}

# What looks like markup and is none: a shrug, and a name on a network ("@the_band_").
_INNOCENT = re.compile(r"¯\\_\(ツ\)_/¯|(?<!\w)@\w+")


class Crumb(NamedTuple):
    """Markup at ``start`` of a text: its kind, and the words around it."""

    kind: str
    start: int
    around: str


@dataclass(frozen=True, slots=True)
class Found:
    """An answer with its crumbs: where the line stands, what was asked, and what is left in the answer."""

    place: str
    question: str
    crumbs: tuple[Crumb, ...]


def find_crumbs(text: str) -> tuple[Crumb, ...]:
    """Return the first crumb of each kind in ``text``, in its order.

    Brackets of prose ("[laughs]", "[sic]", "th[e]"), years in brackets, names such as "A&R" and "M*A*S*H",
    the stars of a review and blanked-out words are no crumbs.
    """
    masked = _INNOCENT.sub(lambda match: "@" * len(match[0]), text)
    found: list[Crumb] = []
    for kind, patterns in CRUMBS.items():
        starts = [match.start() for pattern in patterns if (match := pattern.search(masked))]
        if starts:
            start = min(starts)
            around = text[max(0, start - SHOWN // 2) : start + SHOWN // 2]
            found.append(Crumb(kind, start, " ".join(around.split())))
    return tuple(sorted(found, key=lambda crumb: crumb.start))


def read_answers(lines: Iterable[str], name: str) -> Iterator[tuple[str, str, str]]:
    """Yield place, question and text of each answer; lines that are blank are skipped.

    Raises:
        ValueError: a line is not an answer; the message names it.
    """
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        place = f"{name}:{number}"
        try:
            row = json.loads(line)
        except ValueError as error:
            raise ValueError(f"{place} is not JSON ({error}).") from None
        match row:
            case {"text": str(text)}:
                yield place, str(row.get("question", "")), text
            case _:
                raise ValueError(f'{place} is not an answer: it has no "text" that is a string.')


def count(answers: Iterable[tuple[str, str, str]]) -> tuple[int, tuple[Found, ...]]:
    """Return how many answers have a text, and those of them with a crumb. A refusal is no answer."""
    total = 0
    found: list[Found] = []
    for place, question, text in answers:
        if not text.strip():
            continue
        total += 1
        crumbs = find_crumbs(text)
        if crumbs:
            found.append(Found(place, question, crumbs))
    return total, tuple(found)


def _all_answers(files: Iterable[str]) -> Iterator[tuple[str, str, str]]:
    for file in files:
        if file == STANDARD_INPUT:
            yield from read_answers(sys.stdin, "standard input")
        else:
            # Only "\n" ends a line of JSON Lines: an answer may hold the other line ends of Unicode.
            yield from read_answers(Path(file).read_text(encoding="utf-8-sig").split("\n"), file)


def main(arguments: list[str] | None = None) -> int:
    """Count and print; return the status: 0 without crumbs, 1 with some, 2 when a file cannot be read."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("files", nargs="*", default=[STANDARD_INPUT], help="JSON Lines; - is standard input")
    try:
        total, found = count(_all_answers(parser.parse_args(arguments).files))
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    for each in found:
        print(f"{each.place}  {each.question}")
        for crumb in each.crumbs:
            print(f"    {crumb.kind}: {crumb.around}")
    for kind, times in Counter(crumb.kind for each in found for crumb in each.crumbs).most_common():
        print(f"{times:6}  {kind}")
    share = len(found) / total if total else 0.0
    print(f"{len(found)} of {total} answers have a crumb ({share:.1%})")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
