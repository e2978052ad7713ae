"""Habits in which articles are kept: what a file has, and what its author's site would show of it.

``docs/articles.md`` has a row for each of these; a new habit gets a row there and a case here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from amounts import short_and_whole
from linernotes.corpus.files import read_document
from linernotes.corpus.metadata_values import read_date, read_language
from linernotes.corpus.passages import split
from linernotes.corpus.quotes import find_questions, find_quotes

if TYPE_CHECKING:
    from linernotes.models import Document


def read(source: str, name: str = "a.md") -> Document:
    return read_document(source.encode(), name)[0]


def shown(source: str, name: str = "a.md") -> list[tuple[str, str]]:
    document = read(source, name)
    return [(block.kind, document.text[block.start : block.end]) for block in document.blocks]


def said(source: str, name: str = "a.md") -> list[tuple[str, str | None]]:
    return [(quote.text, quote.speaker) for quote in find_quotes(read(source, name))]


STEP = "Fine.\n\nMind the step."


# --- What is no prose -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("The band left.\n{: .lead #first }", "The band left."),
        ("## Songs {#songs .wide}\n\nThe band left.", "Songs\n\nThe band left."),
        ("A {% if x %}long{% else %}short{% endif %} song by {{ page.artist }}Ann.", "A long song by Ann."),
        ("Fine.\n\n{% comment %}\nNot this.\n{% endcomment %}\n\nFine too.", "Fine.\n\nFine too."),
        ('Fine.\n\n{{< youtube id="x1" >}}\n\n{{% notice %}}Mind the step.{{% /notice %}}', STEP),
        ('\\[gallery ids="1,2"\\]\n\nFine.[caption id="a"]\n\nMind the step.[/caption]', STEP),
        ("Fine.[1][2]\n\nMind[^3] the step.\n\n[^3]: A note\n    that goes on.", STEP),
        ("Fine.[citation needed]\n\nMind the step.[5]:44\n\nReferences\n\n[1] _Heron Songs_, p. 75.", STEP),
        ("Fine.\n\n## References\n\n- Marsh, Lena (2003).\n\n## Later\n\nMore.", "Fine.\n\nLater\n\nMore."),
        (
            "The band left [sic] in [1984] for [[ludlow|Ludlow]] and [[Wells]].",
            "The band left [sic] in [1984] for Ludlow and Wells.",
        ),
        ("**Why?** **_Salt Year_****?** “Salt_,_” they said.", "Why? Salt Year?\n\n“Salt,” they said."),
        ("#music #folk\n\nmood:: sad\n\nFine. ^block-id\n\n%% hidden %%\n\n==Bright==.", "Fine.\n\nBright."),
        ("Fine.\n\n![a boat](boat.png)\n\n[![a boat](b.png)](c)\n\nMind the step.", STEP),
        ("| [Home](/) | [News](/news) |\n|---|---|\n| [A](/a) | [B](/b) |\n\nFine.", "Fine."),
        ("'''Salt Year''' is ''bright''.<ref name=a>Marsh.</ref><ref name=a />", "Salt Year is bright."),
    ],
)
def test_what_no_reader_sees_is_taken_off(source: str, text: str) -> None:
    """Attribute lists, templates, shortcodes, notes, wiki links, stray marks, menus: no crumb is left."""
    assert read(source).text == text


def test_offsets_stay_true_where_something_was_taken_off() -> None:
    """A word stands in its line of the file, whatever went before it."""
    document = read("{% comment %}\nx\n{% endcomment %}\nOne[1]\n{: .a }\n\n+---+\n| a |\n+---+\n\nTwo.")
    assert [document.line_at(document.text.index(word)) for word in ("One", "a", "Two")] == [4, 8, 11]


@pytest.mark.parametrize(
    ("source", "rows"),
    [
        (
            "+-----+----+\n| Ch. | No |\n|     | 1  |\n+=====+====+\n| Dutch[4] | 14 |\n+-----+----+",
            ["Ch., No 1", "Dutch, 14"],
        ),
        ('{| class="x"\n|-\n! Chart !! Peak\n|-\n| Dutch || 14\n|}', ["Chart, Peak", "Dutch, 14"]),
        ("Chart\tPeak\nDutch\t14", ["Chart, Peak", "Dutch, 14"]),
    ],
    ids=["grid", "wiki", "tabs"],
)
@pytest.mark.parametrize("name", ["a.md", "a.txt"])
def test_drawn_tables_are_rows(source: str, rows: list[str], name: str) -> None:
    """Grids, wiki tables and columns between tabs come row by row."""
    assert shown(f"Before.\n\n{source}\n\nAfter.", name) == [
        ("paragraph", "Before."),
        *(("row", row) for row in rows),
        ("paragraph", "After."),
    ]


RST = ":Author: Ann\n\n.. |s| replace:: *Salt Year*\n.. _wells: https://x.org\n\n"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (
            "|s| is `fine <https://x.org>`__, says **Ann** [1]_.\n\n.. [1] A note\n   goes on.",
            ["Salt Year is fine, says Ann."],
        ),
        ("Songs\n=====\n\n``KOT-3`` is :term:`loud`, see wells_.", ["Songs", "KOT-3 is loud, see wells."]),
        (
            ".. note::\n\n   Mind the step.\n\n.. image:: a.png\n   :alt: A boat\n\n.. No.\n   No.",
            ["Mind the step."],
        ),
        ("| Ann Ruys\n| Odo Farrant", ["Ann Ruys", "Odo Farrant"]),
        ("Salt Year\n    The only song.", ["Salt Year", "The only song."]),
        (
            "=====  =====\nSide   Song\n=====  =====\nA      Salt\n       Year\n=====  =====",
            ["Side, Song", "A, Salt Year"],
        ),
        (".. epigraph::\n\n   Loud is easy.\n\n   -- Ann Ruys", ["Loud is easy.", "-- Ann Ruys"]),
    ],
    ids=["inline", "sections", "directives", "line block", "definitions", "simple table", "epigraph"],
)
def test_restructured_text_is_read(source: str, expected: list[str]) -> None:
    """A text with two kinds of what only reStructuredText has is read as its pages show it."""
    assert [text for _, text in shown(RST + source, "a.txt")] == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (
            "*Salt* is _fine_.footnote:[Or so.] See <<salt,the song>> at https://x.org[Wells,window=_blank].",
            ["Salt is fine. See the song at Wells."],
        ),
        (
            '[.title]#"Peat"# came out.\n\n// no\n\n////\nNo.\n////\n\nNOTE: Mind the step.',
            ['"Peat" came out.', "Mind the step."],
        ),
        (
            "[quote, Ann Ruys, The Lantern]\n____\nLoud is easy.\n____",
            ["Loud is easy.\n-- Ann Ruys, The Lantern"],
        ),
        ("|===\n| Song | By\n\n| Salt\n| Ann\n\n| Peat\n| Odo\n|===", ["Song, By", "Salt, Ann", "Peat, Odo"]),
        ("Mixed by:: Ann\nSleeve:: Odo +", ["Mixed by: Ann", "Sleeve: Odo"]),
        ("* one\n** two\n\n. three", ["one", "two", "three"]),
        ("ifdef::x[]\n++++\n<div/>\n++++\nendif::[]\n\nFine.", ["Fine."]),
    ],
    ids=["inline", "blocks", "quote", "table", "descriptions", "lists", "conditions"],
)
def test_asciidoc_is_read(source: str, expected: list[str]) -> None:
    """A text with two kinds of what tells AsciiDoc is read as its pages show it."""
    header = "= Salt\nAnn Ruys\n:toc: left\n\n== Notes\n\n"
    assert [text for _, text in shown(header + source, "a.txt")] == ["Salt", "Notes", *expected]


def test_what_typists_and_tapers_set_is_read() -> None:
    """Emphasis, headings between rules, legends, track codes and checksums of a plain text."""
    source = (
        "=====\nBAND:\n=====\n\nIda Vane - bass\nTom Ruys - drums\nOdo Farrant - vocals\n\n"
        "101. d1t01 - Salt Year *   -> [ 8:31]\n102. d1t02 - Peat  [ 1:00]\n\n* = with _Ann_ on fiddle\n"
        "+ = for the *first* time\n\na.flac:4b1d0c7e9a2f58e3b6c0d94f7a1e2b38\n\n=======\n\nTrade freely."
    )
    assert [text for _, text in shown(source, "a.txt")] == [
        "BAND",
        "Ida Vane - bass\nTom Ruys - drums\nOdo Farrant - vocals",
        "Salt Year * [ 8:31]",
        "Peat [ 1:00]",
        "* = with Ann on fiddle",
        "+ = for the first time",
        "Trade freely.",
    ]


def test_a_page_s_own_words_are_left_out() -> None:
    """Menus, counters and pleas to subscribe that were copied along say nothing of the article."""
    source = (
        "Jump to navigation Jump to search\n\nFine.[1](https://x.org#footnote-1)\n\n"
        "[Share](javascript:void(0))\n\n### Share this:\n\n- [X](x)"
    )
    assert shown(source) == [("paragraph", "Fine.")]


def test_unmarked_headings_of_a_copied_page_are_headings() -> None:
    """Two blank lines above, the usual names of sections, and capitals alone make a heading of a line."""
    source = (
        "It was a hit.\n\n\nMusic video\n\nThe video has a boat.\n\n1993 REISSUES\n\nIt came out again.\n"
    )
    assert [kind for kind, _ in shown(source)] == [
        "paragraph",
        "heading",
        "paragraph",
        "heading",
        "paragraph",
    ]
    assert [kind for kind, _ in shown("# A\n\n## B\n\nTannery Hall\n\nI liked it a lot.")][2:] == [
        "paragraph"
    ] * 2


def test_bold_lines_with_emphasis_within_are_headings() -> None:
    """``**Artist - _Album_**`` above a paragraph is a heading, also where its marks are in disorder."""
    source = "**Glass Heron - _Salt Year_**\n\nIt is long.\n\n**The Millers - _**_**Grist**_\n\nIt is warm."
    assert [text for kind, text in shown(source) if kind == "heading"] == [
        "Glass Heron - Salt Year",
        "The Millers - Grist",
    ]


# --- Metadata ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "title", "artist", "date"),
    [
        (
            "---\ntitle: Heron: a life\ndate: 15 December 2018\n---\nText.",
            "Heron: a life",
            None,
            "2018-12-15",
        ),
        (
            '---\ntitle: "Salt Year" by Heron\nartist: @heron\n---\nText.',
            '"Salt Year" by Heron',
            "@heron",
            None,
        ),
        ("---\ntitle:\tHeron\nartist: [Ann, Odo]\nx: {{ y }}\n---\nText.", "Heron", "Ann, Odo", None),
        (
            '+++\ntitle = "Heron"\ndate = 2018-12-15T07:07:00Z\ntags = ["a"]\n+++\nText.',
            "Heron",
            None,
            "2018-12-15",
        ),
        ("Title: Heron\nDate: 2018-12-15 07:07\nSlug: heron\n\nText.", "Heron", None, "2018-12-15"),
    ],
    ids=["colon", "quotation marks and @", "tab, list and Liquid", "TOML", "Pelican"],
)
def test_metadata_are_read_in_every_habit(
    source: str, title: str, artist: str | None, date: str | None
) -> None:
    """What a person sees to be meant is read, and no line of it is text."""
    document = read(source)
    assert (document.title, document.artist, document.date, document.text) == (title, artist, date, "Text.")


def test_lines_that_are_no_metadata_stay() -> None:
    """What a recording's own lines say ("Venue: …") is text."""
    assert read("Artist: Heron\nVenue: Tannery Hall\n\nText.", "a.txt").text.startswith("Artist: Heron")


@pytest.mark.parametrize(
    ("written", "date"),
    [
        ("2018-12-15 07:07", "2018-12-15"),
        ("Sat, 15 Dec 2018 07:07:00 +0000", "2018-12-15"),
        ("December 15th, 2018", "2018-12-15"),
        ("Dec 2018", "2018-12"),
        ("15.12.2018", "2018-12-15"),
        ("2018/12/5", "2018-12-05"),
        ("12/15/2018", "2018-12-15"),
        ("03/04/2018", "2018"),
        ("2018-13-45", None),
        ("yesterday", None),
    ],
)
def test_dates_are_read_as_people_write_them(written: str, date: str | None) -> None:
    """Of a day that could be two, the year is known; what is no date is none."""
    assert read_date(written) == date


def test_languages_have_names() -> None:
    """A language is named by its code or by its name."""
    assert [read_language(each) for each in ("English", "en-GB", "deutsch", "klingon")] == [
        "en",
        "en",
        "de",
        None,
    ]


# --- Saved pages ------------------------------------------------------------------------------------------

PAGE = """<!DOCTYPE html>
<html lang="en"><head><title>Heron at sea - The Wells Weekly</title></head>
<body class="has-sidebar"><nav><a href="/">Home</a></nav>
<div class="cookie-notice">We use cookies.</div>
<article><h1>Heron at sea</h1>
<p>Ann Ruys found the band in a pub.<sup>[1]</sup> “We were loud,” said Odo Farrant.</p>
<div class="share-bar">Share this</div>
<h2>The songs</h2>
<ul><li>Salt Year</li><li>Tallow</li></ul>
<blockquote><p>It was cold.</p><footer>Odo Farrant</footer></blockquote>
<table><tr><th>Chart<th>Peak<tr><td>Dutch<td>14</table>
<aside>Subscribe!</aside></article>
<section id="comments"><p>First! Tom Marsh found the band, I was there, and nobody else was.</p></section>
</body></html>"""


@pytest.mark.parametrize("name", ["a.html", "A.HTM"])
def test_of_a_saved_page_the_article_is_read(name: str) -> None:
    """Headings, lists, quotations and tables stay; menus, notices, share bars, asides and comments go."""
    assert shown(PAGE, name) == [
        ("heading", "Heron at sea"),
        ("paragraph", "Ann Ruys found the band in a pub. “We were loud,” said Odo Farrant."),
        ("heading", "The songs"),
        ("item", "Salt Year"),
        ("item", "Tallow"),
        ("quote", "It was cold."),
        ("quote", "— Odo Farrant"),
        ("row", "Chart, Peak"),
        ("row", "Dutch, 14"),
    ]
    document = read(PAGE, name)
    assert (document.title, document.line_at(document.text.index("Tallow"))) == ("Heron at sea", 9)


def test_an_old_page_in_another_charset_is_read() -> None:
    """A page of the nineties is in Windows-1252, with or without saying so."""
    page = "<P>The café.<P>“Loud,” she said.".encode("windows-1252")
    assert read_document(page, "a.htm")[0].text == "The café.\n\n“Loud,” she said."


# --- Interviews -------------------------------------------------------------------------------------------

LEAD = "Odo Farrant talked to us in his kitchen.\n\n"
REPLY = "We cut the demo in a barn."


@pytest.mark.parametrize(
    "source",
    [
        "PK: Was it good?\n\nOF: We cut the demo in a barn.\n\nPK: And then?\n\nOF: Ann mixed it.",
        "Q: Was it good?\n\nA: We cut the demo in a barn.\n\nQ: And then?\n\nA: Ann mixed it.",
        "**Was it good?**\n\nWe cut the demo in a barn.\n\n**And then?**\n\nAnn mixed it.",
        "**Was it good?** We cut the demo in a barn.\n\n**And then?** Ann mixed it.",
        (
            "Was it good?\n{: .interviewer }\n\nWe cut the demo in a barn.\n{: .interviewee }\n\n"
            "And then?\n{: .interviewer }\n\nAnn mixed it.\n{: .interviewee }"
        ),
        (
            "PK: Was it good?\n{: .interviewer }\n\nOF: We cut the demo in a barn.\n{: .interviewee }\n\n"
            "PK: And then?\n{: .interviewer }\n\nOF: Ann mixed it.\n{: .interviewee }"
        ),
        "[0:01] PK: Was it good?\n\n[0:04] OF: We cut the demo in a barn.\n\nPK: Then?\n\nOF: Ann mixed it.",
    ],
    ids=[
        "initials",
        "Q and A",
        "bold",
        "bold in one paragraph",
        "classes",
        "classes and initials",
        "time stamps",
    ],
)
def test_the_replies_of_an_interview_are_its_quotations(source: str) -> None:
    """Whatever tells the turns apart, the guest's replies are the guest's, and no question is a quotation."""
    assert said(LEAD + source) == [(REPLY, "Odo Farrant"), ("Ann mixed it.", "Odo Farrant")]


@pytest.mark.parametrize("name", ["a.md", "a.txt"])
def test_quoted_lines_are_the_questions_of_an_interview_by_mail(name: str) -> None:
    """What stands below a quoted question replies to it, up to the next one; a rule ends the last reply."""
    source = (
        "An interview with Odo Farrant.\n\n> Was it good?\n\nWe cut the demo in a barn.\n\nIt leaked.\n\n"
        "> And who\n> mixed it?\n\n(That is from a reader.)\n\nAnn did.\n\n>> Why?\n\nShe could.\n\n"
        "---\n\nThe record is out now."
    )
    assert said(source, name) == [
        ("We cut the demo in a barn. It leaked.", "Odo Farrant"),
        ("Ann did.", "Odo Farrant"),
        ("She could.", "Odo Farrant"),
    ]


def test_block_quotations_that_do_not_ask_are_no_interview() -> None:
    """Three quotations from reviews stay quotations, whatever stands between them."""
    quotes = [
        f"> It is a fine record, the {nth} of theirs.\n\nSo they wrote."
        for nth in ("first", "second", "third")
    ]
    kinds = [kind for kind, _ in shown("\n\n".join(quotes))]
    assert kinds == ["quote", "paragraph"] * 3


def test_a_mails_header_and_signature_are_no_prose() -> None:
    """The subject is the heading, without the list's tag."""
    header = "From: Ann <a@x.org>\nDate: Sun, 20 Oct 2002\nSubject: Re: [wells] Salt Year\nX-Mailer: Pine"
    source = f"{header}\n\nFine.\n\n-- \nAnn"
    assert shown(source, "a.txt") == [("heading", "Salt Year"), ("paragraph", "Fine.")]


def test_an_interviewers_sentences_ask_and_a_short_reply_keeps_its_question() -> None:
    """What the interviewer says is marked, and "She rang me." is not shown without what it replies to."""
    source = f"{LEAD}PK: I know them. What brought her in?\n\nOF: She rang me.\n\nPK: Why?\n\nOF: {REPLY * 4}"
    document = read(source)
    division = split(
        document, find_quotes(document), find_questions(document), count_tokens=len, max_tokens=4_000
    )
    assert [each.asks for each in division.sentences[:4]] == [False, True, True, False]
    assert [each.tied for each in division.sentences[:5]] == [False, False, True, True, False]


def test_people_who_tell_something_in_turns_are_all_quoted() -> None:
    """An oral history has no interviewer; a surname in capitals means the full name given before."""
    turns = [
        "ANN RUYS: It was cold.",
        "ODO FARRANT: It was late.",
        "RUYS: We ran.",
        "FARRANT: I hid.",
        "RUYS: Ha!",
        "FARRANT: I did.",
    ]
    assert [speaker for _, speaker in said("\n\n".join(turns))] == ["Ann Ruys", "Odo Farrant"] * 3


# --- Quotations -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "speaker"),
    [
        ('Lena Marsh of the _Ludlow Times_ reported, "They sold more than any band".', "Lena Marsh"),
        ('Vice president of A&R Tom Ruys stated, "It is rare to hear such a voice."', "Tom Ruys"),
        ('Ida Vane who wrote it with Odo Farrant commented, "There was a nasal thing."', "Ida Vane"),
        ("Jihye said \"We've got a song that is bright since 'Ooh La' and 'Chin Up'\".", "Jihye"),
        ("I've been dealt a good hand,\" says Ida Vane.", "Ida Vane"),
        ('_The Daily Wells_ reported that "critics have hailed her as a gifted singer."', None),
        ('Vane was glad of them, since "It made more sense to go pop, because I can dance."', "Vane"),
    ],
)
def test_who_is_quoted_is_told_from_the_form(source: str, speaker: str | None) -> None:
    """An outlet, an office, a relative clause, nested marks and a lost mark hide nobody."""
    found = said(source)
    assert [each[1] for each in found] == [speaker]


def test_an_abstract_in_a_block_quote_is_nobodys_words() -> None:
    """What says who somebody is quotes nobody, wherever it stands."""
    assert (
        said("> **Ida Vane** (born 1915) was a singer. She sang.\n>\n> [Encyclopedia](https://x.org)") == []
    )


@pytest.mark.parametrize(
    "source",
    [
        "{%" * 20_000,
        "{{" * 20_000,
        "{: " * 20_000,
        "[[" * 20_000,
        "[a b=" * 10_000,
        "a[1]" * 20_000,
        "<ref>" * 9_000,
        "|===\n" * 20_000,
        "= a\n[quote]\n____\n" * 5_000,
        ".. a::\n\n" * 9_000,
        ":a:`b` .. `" * 9_000,
        "=== ===\n" * 20_000,
        "*a _b `c " * 15_000,
        "> a?\n\nb\n\n" * 9_000,
        "[[[a << footnote:[ " * 9_000,
    ],
    ids=[
        "tags",
        "templates",
        "attributes",
        "links",
        "shortcodes",
        "notes",
        "references",
        "tables of AsciiDoc",
        "quotes of AsciiDoc",
        "directives",
        "roles",
        "simple tables",
        "emphasis",
        "mail",
        "anchors",
    ],
)
@pytest.mark.parametrize("name", ["a.md", "a.html", "a.txt"])
@short_and_whole
def test_a_flood_of_marks_is_read(source: str, name: str, share: int) -> None:
    """It is read, and in time that grows with its length: this would not end otherwise."""
    flood = source[: len(source) // share]
    assert len(read(flood + " End.", name).text) >= len("End.")
