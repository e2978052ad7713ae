"""The reader: files -> documents and problems."""

from __future__ import annotations

import json
import os
import time
import unicodedata
from dataclasses import asdict
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from amounts import examples, short_and_whole
from linernotes.corpus.files import read_corpus, read_document
from linernotes.errors import CorpusError, DocumentError
from linernotes.models import Document

if TYPE_CHECKING:
    from pathlib import Path

    from linernotes.corpus.problems import Reading


def read(text: str, name: str = "a.md") -> Document:
    return read_document(text.encode(), name)[0]


def blocks(text: str, name: str = "a.md") -> list[tuple[str, int, str]]:
    document = read(text, name)
    return [(block.kind, block.level, document.text[block.start : block.end]) for block in document.blocks]


def folder_of(path: Path, files: dict[str, str | bytes]) -> Path:
    path.mkdir(exist_ok=True)
    for name, content in files.items():
        target = path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def corpus(folder: Path, file_limit: int = 10_000, limit: int = 100_000) -> Reading:
    return read_corpus(folder, max_file_bytes=file_limit, max_corpus_bytes=limit)


def error_of(reading: Reading) -> str:
    assert len(reading.errors) == 1, reading.problems
    return str(reading.errors[0])


# --- Text -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("*RUN* is **the** ~~worst~~ _best_ song", "RUN is the worst best song"),
        ("[a link](https://x.org 'title') and ![the cover](c.png)", "a link and the cover"),
        ("`code  span` stays; <b>tags</b> &amp; entities &eacute;", "code span stays; tags & entities é"),
        ("hard\nwrapped\nlines", "hard wrapped lines"),
        ("a line  \nbroken by two spaces<br>or a tag\\\nor a backslash", None),
        ("snake_case_name and 2 * 3 * 4", "snake_case_name and 2 * 3 * 4"),
        ("the full-width　space and\u00a0no-break space\u200b", "the full-width space and no-break space"),
        ("cafe\u0301", "caf\u00e9"),
        ("A fact.[^1] More.", "A fact. More."),
        ("<https://x.org/a>", "https://x.org/a"),
        ("a reference [named][ref] is text\n\n[ref]: https://x.org", "a reference named is text"),
    ],
)
def test_inline_markup_is_taken_off(source: str, text: str | None) -> None:
    """A Markdown document's text is what a person reads."""
    expected = text or "a line\nbroken by two spaces\nor a tag\nor a backslash"
    assert read(source).text == expected


def test_plain_text_keeps_its_marks() -> None:
    """In a .txt file nothing within a line is markup but emphasis, as typists set it."""
    source = "The *star* _under_ [x](y) <b>tag</b> &amp; 2 * 3 * 4 \\* M*A*S*H snake_case | pipe | ~~~\n"
    shown = source.strip().replace("*star* _under_", "star under")
    assert read(source, "a.txt").text == shown


def test_blocks_of_markdown() -> None:
    """Headings, paragraphs, quotes, lists, tables and code are blocks without their marks, with levels."""
    source = (
        "# One\n\nText.\n\n## Two ##\n\n> Said\n> so.\n> > Inner.\n\n- a\n  - b\n- [x] done\n\n"
        "1. first\n2. second\n\n| Year | Song |\n|---|---|\n| 2022 | RUN \\| mix |\n|  | Other |\n\n"
        "```\ncode  here\n\n  more\n```\n\n"
        "Under\n=====\n\n***\n\n    An indented paragraph.\n"
    )
    assert blocks(source) == [
        ("heading", 1, "One"),
        ("paragraph", 0, "Text."),
        ("heading", 2, "Two"),
        ("quote", 1, "Said so."),
        ("quote", 2, "Inner."),
        ("item", 1, "a"),
        ("item", 2, "b"),
        ("item", 1, "done"),
        ("item", 1, "first"),
        ("item", 1, "second"),
        ("row", 0, "Year, Song"),
        ("row", 0, "2022, RUN | mix"),
        ("row", 0, "Other"),
        ("code", 0, "code  here\n\n  more"),
        ("heading", 1, "Under"),
        ("paragraph", 0, "An indented paragraph."),
    ]


def test_blocks_of_plain_text() -> None:
    """A .txt file has headings, quotes and lists only where they are clearly meant."""
    source = (
        "# Heading\n\nIt reached\n# 1 on the charts and #2 abroad.\n\n> Said so.\n\n- item\n\n"
        "Title\n=====\n\n| a | b |\n|---|---|\n\n```\nnot code\n```\n\n[ref]: stays\n\n* * *\n"
    )
    assert blocks(source, "a.txt") == [
        ("heading", 1, "Heading"),
        ("paragraph", 0, "It reached # 1 on the charts and #2 abroad."),
        ("quote", 1, "Said so."),
        ("item", 1, "item"),
        ("heading", 1, "Title"),
        ("paragraph", 0, "| a | b | |---|---|"),
        ("paragraph", 0, "``` not code ```"),
        ("paragraph", 0, "[ref]: stays"),
    ]


@pytest.mark.parametrize("name", ["a.md", "a.txt"])
@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("1986. A great year.", ["1986. A great year."]),
        ("1986. Great.\n1987. Better.", ["1986. Great.", "1987. Better."]),
        ("7. A lone number.", ["7. A lone number."]),
        ("1. one\n2. two", ["one", "two"]),
        ("It ended in\n1986. A great year.", ["It ended in 1986. A great year."]),
    ],
)
def test_a_number_that_is_no_list_mark_stays(name: str, source: str, expected: list[str]) -> None:
    """A sentence that begins with a year keeps it, a list's numbers go."""
    assert [text for _, _, text in blocks(source, name)] == expected


def test_a_rule_below_a_paragraph_makes_no_heading_of_it() -> None:
    """A paragraph is not lost as a heading because a line of dashes follows it at once."""
    assert blocks("A whole sentence, ended by a stop.\n---\n\nTwo\nlines\n---\n") == [
        ("paragraph", 0, "A whole sentence, ended by a stop."),
        ("paragraph", 0, "Two lines"),
    ]


def test_bold_words_alone_above_a_paragraph_are_a_heading() -> None:
    """Bold words alone count as a heading, a bold question or sentence does not."""
    source = "**The arrest**\n\nText.\n\n**Why was he arrested?**\n\nText.\n\n**He was.**\n\nText.\n\n**End**"
    kinds = [kind for kind, _, _ in blocks(source)]
    assert kinds == ["heading", *["paragraph"] * 6]


@pytest.mark.parametrize("name", ["a.md", "a.txt"])
def test_turns_and_names_after_a_dash_keep_their_line(name: str) -> None:
    """A new speaker and a dash line naming the speaker begin a line; a wrapped line does not."""
    source = (
        "Q: What is it about, in\nyour words?\nA: Art.\n\n“Quoted\nwords.”\n— Killer Mike\n\n"
        "> More.\n\n- Young Thug\n"
    )
    assert [text for _, _, text in blocks(source, name)] == [
        "Q: What is it about, in your words?\nA: Art.",
        "“Quoted words.”\n— Killer Mike",
        "More.",
        "- Young Thug",
    ]


def test_short_lines_of_plain_text_stay_lines() -> None:
    """Lines broken long before the edge are lines; the wrap of a paragraph is a space."""
    source = "Side A\nRun\nA song with a very long name that goes on and on\nTalk'n\n\n"
    source += "This paragraph was wrapped at a width, and\nKiller Mike begins a line of it only because\nit "
    source += "came so."
    assert [text for _, _, text in blocks(source, "a.txt")] == [
        "Side A\nRun\nA song with a very long name that goes on and on\nTalk'n",
        "This paragraph was wrapped at a width, and Killer Mike begins a line of it only because it came so.",
    ]


def test_html_blocks_give_their_text() -> None:
    """Tags, comments and scripts go; headings, paragraphs, items and rows within HTML are blocks."""
    source = (
        '<div align="center">\n<h2>A &amp; B</h2>\n<p>One <em>two</em>\nthree</p>\n<!-- no -->\n'
        "<script>no()</script>\n"
        "<ul><li>item</li></ul><table><tr><td>a</td><td>b</td></tr></table>\n</div>\n"
    )
    assert blocks(source) == [
        ("heading", 2, "A & B"),
        ("paragraph", 0, "One two three"),
        ("item", 1, "item"),
        ("row", 0, "a, b"),
    ]
    assert read(source).line_at(read(source).text.index("three")) == 4


@pytest.mark.parametrize("section", ["<![foo bar]>", "<![ >", "<![if a]>", "<!a>", "<?a>"])
def test_what_no_browser_shows_is_passed_over(section: str) -> None:
    """Declarations and sections of HTML are no text, even those that the parser does not know."""
    assert read(f"<div>{section}One two.</div>").text == "One two."


def test_newlines_and_marks_of_any_system() -> None:
    """CRLF, CR and a byte order mark leave no trace, nor do they shift lines."""
    data = b"\xef\xbb\xbf---\r\ntitle: A\r\n---\r\n\r\nOne\r\ntwo.\r\rThree."
    document, problems = read_document(data, "a.md")
    assert (document.title, document.text, problems) == ("A", "One two.\n\nThree.", ())
    assert [document.line_at(document.text.index(word)) for word in ("One", "two", "Three")] == [5, 6, 8]


# --- Lines ------------------------------------------------------------------------------------------------

words = st.text("abcdefghijklmnop", min_size=3, max_size=9)
marks = st.sampled_from(["", "> ", "- ", "> > ", "# ", "3. ", "    "])
dressing = st.sampled_from(
    [
        "{}",
        "*{}*",
        "[{}](x\n'y')",
        "`{}`",
        "**{}**",
        "a ![{}](y)",
        "<b\nid='x'>{}</b>",
        "&amp; {}",
        "`a\n{}`",
        "\n{}",
    ]
)


@st.composite
def dressed(draw: st.DrawFn) -> tuple[str, dict[str, int]]:
    """A Markdown file in which each word occurs once, and the line of each."""
    lines = ["---", "title: x", "---", ""] if draw(st.booleans()) else []
    counter = 0
    for _ in range(draw(st.integers(1, 5))):
        paragraph = ""
        for _ in range(draw(st.integers(1, 6))):
            paragraph += draw(dressing).format(f"word{counter}x") + draw(st.sampled_from([" ", "\n", "  \n"]))
            counter += 1
        mark = draw(marks)
        lines += [mark + line if line.strip() else "x" for line in paragraph.strip().split("\n")] + [
            ""
        ] * draw(st.integers(1, 3))
    source = "\n".join(lines)
    return source, {
        f"word{number}x": next(at for at, line in enumerate(lines, 1) if f"word{number}x" in line)
        for number in range(counter)
    }


@given(dressed())
@settings(deadline=None, max_examples=examples(150))
def test_each_word_stands_in_its_line(case: tuple[str, dict[str, int]]) -> None:
    """Whatever the blocks and the markup, an offset is mapped to the line of the file it stands in."""
    source, lines = case
    document = read(source)
    found = {word: document.line_at(document.text.index(word)) for word in lines if word in document.text}
    assert found == {word: lines[word] for word in found}
    assert len(found) == len(lines)


@given(st.text(max_size=400), st.sampled_from(["a.md", "a.txt"]))
@settings(deadline=None, max_examples=examples(200))
def test_any_text_is_read_or_refused(source: str, name: str) -> None:
    """For any text: blocks hold all of it, in order, without white space at their ends, and lines rise."""
    try:
        document = read_document(source.encode("utf-8", "replace"), name)[0]
    except DocumentError:
        return
    pieces = [document.text[block.start : block.end] for block in document.blocks]
    assert "\n\n".join(pieces) == document.text
    assert all(piece == piece.strip() != "" for piece in pieces if "\n" not in piece)
    offsets = [offset for offset, _ in document.lines]
    assert offsets == sorted(set(offsets))
    assert all(0 <= offset < len(document.text) for offset in offsets)


@given(st.lists(st.lists(words, min_size=1, max_size=8).map(" ".join), min_size=1, max_size=12))
@settings(deadline=None, max_examples=examples(100))
def test_no_word_of_a_plain_text_is_lost(lines: list[str]) -> None:
    """Every word of a .txt file is in the document, in order, at its line."""
    document = read("\n".join(lines), "a.txt")
    assert document.text.split() == " ".join(lines).split()
    place = 0
    for number, line in enumerate(lines, 1):
        for word in line.split():
            place = document.text.index(word, place)
            assert document.line_at(place) == number
            place += len(word)


@pytest.mark.parametrize(
    "source",
    [
        "[" * 60_000,
        "[" * 2_500 + "]" * 2_500,
        "*a **b " * 20_000,
        "![" * 40_000,
        "Word. " * 100_000,
    ],
    ids=["brackets", "pairs", "stars", "images", "long"],
)
@short_and_whole
def test_hostile_text_takes_no_longer(source: str, share: int) -> None:
    """A flood of marks is read in seconds and without loss."""
    middle, half = len(source) // 2, len(source) // share // 2
    source = source[middle - half : middle + half]
    start = time.process_time()
    kept = read(source).text
    assert time.process_time() - start < max(5 / share, 2)
    assert len(kept) > len(source) / 2


@pytest.mark.parametrize("source", ["> " * 3_000 + "x", "- " * 500 + "x", "> " * 60 + "x", "- " * 30 + "x"])
def test_too_deep_nesting_is_refused(source: str) -> None:
    """What the parser would drop for its depth is an error, and what it reads is whole."""
    with pytest.raises(DocumentError, match="nested too deeply"):
        read(source)
    assert read("> " * 50 + "x").text == "x"


# --- Characters -------------------------------------------------------------------------------------------

ESCAPES = (
    *("&#xd83d;", "&#xde00;", "&#0;", "&#1;", "&#x81;", "&#x85;", "&#xfffe;", "&#1114112;", "&#x1F600;"),
    *(
        "\\ud83d",
        "\\ude00",
        "\\uD83D\\uDE00",
        "\\x00",
        "\\x07",
        "\\0",
        "\\e",
        "\\N",
        "\\L",
        "\\U00110000",
        "\\xff",
    ),
    *("\x00", "\x07", "\x85", "\u2028", "\ufffe", "\U0001f600", "\ufeff"),
)
escaped = st.lists(
    st.one_of(
        st.sampled_from(ESCAPES), st.text(max_size=3), st.sampled_from(["\n", "\t", "~~~\n", "`", "<p>"])
    ),
    max_size=6,
).map("".join)
scalars = st.sampled_from(['"{}"', "'{}'", "{}", "|\n  {}", '!!binary "{}"', "&a {}"])
keys = st.sampled_from(["title", "artist", "source", "date", "language", '"{}"', "other"])


@st.composite
def files_of_escapes(draw: st.DrawFn) -> bytes:
    """The bytes of a file with escapes in its front matter and its text."""
    lines = [
        f"{draw(keys).format(draw(escaped))}: {draw(scalars).format(draw(escaped))}"
        for _ in range(draw(st.integers(0, 3)))
    ]
    front = "\n".join(["---", *lines, "---", ""]) if lines else ""
    shape = draw(st.sampled_from(["{}", "# {}\n\nText.", "<p title='{0}'>{0}</p>", "[{0}]({0} '{0}')"]))
    return (front + shape.format(draw(escaped))).encode("utf-8", "surrogatepass")


@given(st.one_of(files_of_escapes(), st.binary(max_size=200)), st.sampled_from(["a.md", "a.txt"]))
@example(b'---\ntitle: "\\ud83d"\n---\nText.', "a.md")
@example(b'---\n"\\ud83d": x\n---\nText.', "a.md")
@example(b'---\ntitle: "\\U00110000"\n---\nText.', "a.md")
@example(b"<p>a&#x81;b &#xd83d; &#0;</p>", "a.md")
@settings(deadline=None, max_examples=examples(300))
def test_what_is_read_can_be_written_and_read_again(data: bytes, name: str) -> None:
    """Whatever the bytes: a document comes back from JSON as it was, and no text is unfit to be shown."""
    try:
        document, problems = read_document(data, name)
    except DocumentError as error:
        str(error).encode()
        return
    written = json.dumps(document, default=asdict).encode()
    assert TypeAdapter(Document).validate_json(written, strict=True) == document
    labels = (document.title, document.artist, document.source, document.date, document.language)
    shown = "".join([document.text, *filter(None, labels), *map(str, problems)])
    assert {char for char in shown if unicodedata.category(char) in {"Cc", "Cs"}} <= {"\n", "\t"}


def test_escapes_in_front_matter_name_the_characters_that_are_meant() -> None:
    """A pair of surrogates is its character, and a control character a blank."""
    source = '---\ntitle: "\\uD83D\\uDE00 Run\\x07\\0!"\nartist: "Cafe\\u0301"\n---\nText.'
    document = read(source)
    assert (document.title, document.artist) == ("\U0001f600 Run !", "Caf\u00e9")


# --- Front matter -----------------------------------------------------------------------------------------


def test_front_matter_gives_the_known_values() -> None:
    """Title, artist, source, date and language come from the front matter, as they were written."""
    document = read(
        "---\ntitle: 1999\nArtist: 'Prince: live'\nsource: https://x.org/a\ndate: 1982-10-27\nlanguage: no\n"
        "---\nText."
    )
    assert (document.title, document.artist, document.source) == ("1999", "Prince: live", "https://x.org/a")
    assert (document.date, document.language, document.text) == ("1982-10-27", "no", "Text.")


@pytest.mark.parametrize(
    ("source", "title"),
    [
        ("# The *title*\n\nText.", "The title"),
        ("---\nartist: x\n---\n\n# Title\n\nText.", "Title"),
        ("Text first.\n\n# Title", None),
        ("## Second level\n\nText.", None),
        ("---\ntitle:\n---\nText.", None),
    ],
)
def test_title_without_front_matter(source: str, title: str | None) -> None:
    """Without a title in the front matter, a first-level heading at the very beginning is the title."""
    assert read(source).title == title


@pytest.mark.parametrize(
    ("source", "line", "word"),
    [
        ("\n---\n- a\n- b\n---\nText.", 3, "list"),
        ("---\njust words\n---\nText.", 2, "plain text"),
        ("---\ntitle: a\n\nText without an end.", 1, "not closed"),
        ("---\ntitle: a\nartist:\n  - {x: y}\n---\nText.", 3, "'artist' must be a text, but it is a list"),
        ("---\ntitle: a\n\nsource: {a: b}\n---\nText.", 4, "a mapping"),
        ("---\ndate: yesterday\n---\nText.", 2, "yesterday"),
        ("---\ntitle: a\ndate: 2022-13-45\n---\nText.", 3, "2022-13-45"),
        ("---\nlanguage: klingon\n---\nText.", 2, "klingon"),
        ('---\nartist: x\ntitle: "\\ud83d"\n---\nText.', 3, "'title' has an escape such as \\ud83d"),
        ('---\ndate: "\\ude00\\ud83d"\n---\nText.', 2, "half of a character"),
    ],
)
def test_wrong_front_matter_is_an_error_at_its_line(source: str, line: int, word: str) -> None:
    """Front matter that cannot be meant is refused with file, line and reason."""
    with pytest.raises(DocumentError, match=r"^a\.md, line \d+: ") as caught:
        read(source)
    assert caught.value.line == line
    assert word in caught.value.reason


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("---\n\nProse after a rule.\n", "Prose after a rule."),
        ("---\nProse after a rule.\n", "Prose after a rule."),
        ("---\n\nProse.\n\n---\n\nMore.", "Prose.\n\nMore."),
        ("---\nNote: one thing.\n\nProse: [a.\n\n---\n\nMore.", "Note: one thing.\n\nProse: [a.\n\nMore."),
        ("---\n---\nText.", "Text."),
        ("Text.\n\n---\ntitle: no\n---\n", "Text.\n\ntitle: no"),
    ],
)
def test_a_rule_is_not_front_matter(source: str, text: str) -> None:
    """A document may begin with a rule, and may hold lines that look like front matter further down."""
    document = read(source)
    assert (document.title, document.text) == (None, text)


def test_all_errors_of_a_front_matter_are_found(tmp_path: Path) -> None:
    """Wrong values are reported together, each at its line, and unknown keys once for the corpus."""
    source = "---\ndate: soon\nmood: x\nlanguage: 7\n---\nText."
    reading = corpus(folder_of(tmp_path / "c", {"a.md": source, "b.md": "Fine text."}))
    assert [(each.severity, each.line) for each in reading.problems] == [
        ("error", 2),
        ("error", 4),
        ("warning", None),
    ]
    with pytest.raises(CorpusError, match=r"a\.md, line 2: .*soon.*\na\.md, line 4: "):
        reading.require()


# --- Folders ----------------------------------------------------------------------------------------------


def test_a_folder_is_read_sorted_and_deep(tmp_path: Path) -> None:
    """Names are paths below the folder, in order; hidden files and other endings are passed over."""
    files = {
        "b.md": "B.",
        "A.TXT": "A.",
        "sub/deep/c.md": "C.",
        "sub.md": "S.",
        ".hidden.md": "H.",
        ".git/x.md": "X.",
        "image.png": b"\x89PNG\0",
        "notes.docx": b"PK",
    }
    reading = corpus(folder_of(tmp_path / "c", dict(files)))
    assert [document.name for document in reading.require()] == ["A.TXT", "b.md", "sub.md", "sub/deep/c.md"]
    said = (
        "2 files are not read (image.png, notes.docx): I read files that end in .md, .markdown, .txt, .html"
    )
    assert [str(problem) for problem in reading.problems] == [f"{said} or .htm."]


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (lambda path: path, "does not exist"),
        (
            lambda path: folder_of(path, {"x.png": b"x"}),
            "holds no file ending in .md, .markdown, .txt, .html or .htm",
        ),
        (
            lambda path: folder_of(path, {"x.md": "# Only\n\n## headings\n\n---\n"}),
            "no document with a sentence",
        ),
        (lambda path: folder_of(path, {"x.md": "Text."}) / "x.md", "is not a folder"),
    ],
    ids=["missing", "empty", "no sentence", "a file"],
)
def test_a_folder_without_documents_is_refused(tmp_path: Path, make: object, word: str) -> None:
    """A corpus that is missing, empty, wordless or no folder is one error that names the folder."""
    reading = corpus(make(tmp_path / "c"))  # type: ignore[operator]
    assert word in error_of(reading)
    assert "c" in error_of(reading)
    with pytest.raises(CorpusError):
        reading.require()


@pytest.mark.parametrize(
    ("data", "line", "words"),
    [
        (b"Fine.\nCaf\xe9 here.", 2, ["UTF-8", "0xe9", "offset 9"]),
        (b"\xef\xbb\xbfab\xff", 1, ["0xff", "offset 5"]),
        ("Text".encode("utf-16"), 1, ["UTF-16"]),
        (b"one\ntwo\0three", 2, ["NUL"]),
        (b"\x01\x02\x03\x04\x05 text", None, ["control characters"]),
        (b"%PDF-1.4\n\0", 2, ["PDF"]),
        (b"x" * 10_001, None, ["10,000", "MAX_FILE_BYTES"]),
    ],
)
def test_a_file_that_is_no_text_is_refused(
    tmp_path: Path, data: bytes, line: int | None, words: list[str]
) -> None:
    """What is not UTF-8, not text or too large is an error with file, line and byte."""
    reading = corpus(folder_of(tmp_path / "c", {"bad.md": data, "good.md": "Good text."}))
    assert all(word in error_of(reading) for word in words), error_of(reading)
    assert (reading.errors[0].document, reading.errors[0].line) == ("bad.md", line)
    with pytest.raises(DocumentError, match=r"^bad\.md"):
        reading.require()


def test_a_stray_control_character_is_no_binary() -> None:
    """A few control characters in a text are passed over, not refused."""
    assert read("One\x0cpage.\x07 And another sentence that is long enough.\x0b End.").text == (
        "One page. And another sentence that is long enough. End."
    )


def test_the_sum_of_all_files_has_a_limit(tmp_path: Path) -> None:
    """A corpus over the limit for all files is refused as a whole."""
    reading = corpus(folder_of(tmp_path / "c", {f"{i}.md": "word " * 20 for i in range(5)}), limit=300)
    assert "MAX_CORPUS_BYTES" in error_of(reading)
    assert reading.errors[0].document is None


def test_large_files_are_refused_before_they_are_read(tmp_path: Path) -> None:
    """A file of 50 MB over the limit costs no time."""
    folder = folder_of(tmp_path / "c", {"good.md": "Good text."})
    with (folder / "big.md").open("wb") as file:
        file.truncate(50_000_000)
    start = time.perf_counter()
    assert "50,000,000 bytes" in error_of(corpus(folder))
    assert time.perf_counter() - start < 1


def test_doubles_and_wordless_documents_are_left_out(tmp_path: Path) -> None:
    """The same text twice and a text without a sentence are warnings that name the files."""
    files: dict[str, str | bytes] = {
        "a.md": "Text.",
        "b.md": "---\ntitle: B\n---\nText.",
        "c.md": "# Head\n\n***\n",
    }
    reading = corpus(folder_of(tmp_path / "c", files))
    assert [document.name for document in reading.require()] == ["a.md"]
    assert [(each.severity, str(each)) for each in reading.problems] == [
        ("warning", "b.md: has the same text as a.md and is left out."),
        ("warning", "c.md: has no sentence and is left out."),
    ]


def test_links_out_of_the_folder_are_refused(tmp_path: Path) -> None:
    """A link to a file or a folder outside is an error, as is one that leads nowhere."""
    folder_of(tmp_path / "out", {"secret.txt": "Secret.", "sub/x.md": "X."})
    folder = folder_of(tmp_path / "c", {"a.md": "Text."})
    (folder / "b.md").symlink_to(tmp_path / "out" / "secret.txt")
    (folder / "d").symlink_to(tmp_path / "out")
    (folder / "e.md").symlink_to(tmp_path / "nothing")
    (folder / "f.png").symlink_to(tmp_path / "out" / "secret.txt")
    reading = corpus(folder)
    assert [str(each) for each in reading.errors] == [
        "b.md: is a link that leads out of the corpus folder, which is refused.",
        "d: is a link that leads out of the corpus folder, which is refused.",
        "e.md: is a link that leads nowhere.",
    ]
    assert [document.text for document in reading.documents] == ["Text."]


def test_links_within_the_folder_are_followed(tmp_path: Path) -> None:
    """A link to a hidden copy is read, a loop of folders ends, and the corpus folder may itself be a link."""
    folder = folder_of(tmp_path / "c", {"..data/a.md": "Text.", "sub/b.md": "More."})
    (folder / "a.md").symlink_to("..data/a.md")
    (folder / "sub" / "loop").symlink_to(folder)
    (tmp_path / "link").symlink_to(folder)
    assert [each.name for each in corpus(tmp_path / "link").require()] == ["a.md", "sub/b.md"]


def test_a_pipe_does_not_hang(tmp_path: Path) -> None:
    """A named pipe in the folder is refused at once."""
    folder = folder_of(tmp_path / "c", {"a.md": "Text."})
    os.mkfifo(folder / "p.md")
    assert error_of(corpus(folder)) == "p.md: is not a regular file."


def test_a_vanishing_file_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that goes away between listing and reading is an error, not a crash."""
    folder = folder_of(tmp_path / "c", {"a.md": "Text.", "b.md": "More."})
    opened = os.open

    def gone(path: Path, flags: int) -> int:
        if path.name == "a.md":
            path.unlink()
        return opened(path, flags)

    monkeypatch.setattr(os, "open", gone)
    assert error_of(corpus(folder)) == "a.md: disappeared while the corpus was read."


def test_a_name_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    """A file name that is not UTF-8 or holds a line break is an error whose message can be printed."""
    folder = folder_of(tmp_path / "c", {"a.md": "Text.", "b\nc.md": "More."})
    with open(os.fsencode(folder) + b"/\xff.md", "wb") as file:  # noqa: PTH123  a Path has no bytes
        file.write(b"Text too.")
    reading = corpus(folder)
    assert len(reading.errors) == 2
    assert all(str(each).isprintable() and "rename" in str(each) for each in reading.errors)
