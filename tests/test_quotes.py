"""Quotations: found verbatim, with speaker and outlet, and nothing else taken for one."""

from __future__ import annotations

import json
import time
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amounts import examples, short_and_whole
from linernotes.corpus.files import read_document
from linernotes.corpus.quotes import find_quotes
from linernotes.errors import DocumentError

if TYPE_CHECKING:
    from collections.abc import Callable

    from linernotes.models import Quote

HERE = Path(__file__).parent / "quotes"
Row = tuple[str, str | None, str | None]


def quotes(text: str, name: str = "a.md") -> tuple[Quote, ...]:
    return find_quotes(read_document(text.encode(), name)[0])


def rows(text: str, name: str = "a.md") -> list[Row]:
    return [(quote.text, quote.speaker, quote.source) for quote in quotes(text, name)]


# --- Figures ----------------------------------------------------------------------------------------------


def test_precision_and_recall_over_the_texts() -> None:
    """Of the texts written before the extractor, nearly every quotation is found, and nearly nothing else."""
    lines = (HERE / "expected.jsonl").read_text(encoding="utf-8").splitlines()
    wanted = {(each["file"], each["text"]): each for each in map(json.loads, lines)}
    assert len(wanted) == len(lines) >= 80
    got = {
        (path.name, quote.text): quote
        for path in sorted(HERE.iterdir())
        if path.suffix in {".md", ".txt"}
        for quote in find_quotes(read_document(path.read_bytes(), path.name)[0])
    }
    both = wanted.keys() & got.keys()
    right = Counter(
        part for key in both for part in ("speaker", "source") if wanted[key][part] == getattr(got[key], part)
    )
    precision, recall = len(both) / len(got), len(both) / len(wanted)
    speaker, source = right["speaker"] / len(both), right["source"] / len(both)
    print(  # noqa: T201  shown with -s
        f"\n{len(wanted)} quotations: precision {precision:.3f}, recall {recall:.3f},"
        f" speaker {speaker:.3f}, source {source:.3f}"
    )
    wrong = sorted(wanted.keys() ^ got.keys())
    assert min(precision, recall) >= 0.95, wrong
    assert min(speaker, source) >= 0.97


# --- Each form --------------------------------------------------------------------------------------------

WE = "We ran until the road ended."


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"Ana Ruiz told NPR:\n\n> {WE}", [(WE, "Ana Ruiz", "NPR")]),
        (f"Ana Ruiz told NPR:\n\n{WE}\n\nThe road is long.", [(WE, "Ana Ruiz", "NPR")]),
        (f"Ana Ruiz said:\n\n> {WE}\n>\n> So did I.", [(f"{WE} So did I.", "Ana Ruiz", None)]),
        (f"Ana Ruiz said:\n\n“{WE}\n\n“So did I.”", [(f"{WE} So did I.", "Ana Ruiz", None)]),
        (f"Ana Ruiz said:\n\n> “{WE}”", [(WE, "Ana Ruiz", None)]),
    ],
    ids=["block", "paragraph", "blocks", "paragraphs in marks", "block in marks"],
)
def test_after_a_lead_in(text: str, expected: list[Row]) -> None:
    """What follows a line that ends in a colon is a quotation, with or without marks."""
    assert rows(text) == expected


@pytest.mark.parametrize("marks", ['""', "“”", "''", "‘’", "«»", "»«", "„“", "‹›"])  # noqa: RUF001  the marks
def test_all_marks(marks: str) -> None:
    """Marks of every kind hold a quotation, and an apostrophe in it does not end it."""
    said = "We don't know the boys' names, and I'm glad,"
    text = f"Nobody came. {marks[0]}{said}{marks[1]} said Ana Ruiz."
    assert rows(text) == [(said, "Ana Ruiz", None)]


@pytest.mark.parametrize(
    ("text", "speaker"),
    [
        (f'"{WE}" Ana Ruiz said.', None),
        ('"We ran," Ana Ruiz said.', "Ana Ruiz"),
        ('"We ran," said Ana Ruiz, a farmer from Ohio.', "Ana Ruiz"),
        ('"We ran," Ana Ruiz, a farmer from Ohio, recalls.', "Ana Ruiz"),
        ('"Did we run?" asked Ana Ruiz.', "Ana Ruiz"),
        ('"We ran", she said of Ana Ruiz.', None),
        ('"We all ran," according to Ana Ruiz.', "Ana Ruiz"),
        ('"We ran," says singer Ana Ruiz.', "Ana Ruiz"),
        ('"We ran," said his sister, Ana Ruiz.', "Ana Ruiz"),
        ('"We ran," Mayor Ana Lopez Ruiz says.', "Ana Lopez Ruiz"),
        ('"We ran," said Dr. Ana Ruiz.', "Dr. Ana Ruiz"),
        ('"We ran," said Ana Ruiz and Tom Reed.', "Ana Ruiz and Tom Reed"),
        ('"We ran," said Willem van der Berg.', "Willem van der Berg"),
        ('"We ran," said one fan.', None),
        ('"We ran," my mother said.', None),
    ],
)
def test_attribution_behind(text: str, speaker: str | None) -> None:
    """Whoever is said, behind the marks, to speak is the speaker, whatever the order of the words."""
    assert [row[1] for row in rows(text)] == [speaker]


@pytest.mark.parametrize(
    "text",
    [
        f'Ana Ruiz said, "{WE}"',
        f'Ana Ruiz once said: "{WE}"',
        f'As Ana Ruiz put it, "{WE}"',
        f'Ana Ruiz, a farmer, told a crowd in Ohio: "{WE}"',
        f'Ana Ruiz laughed and added: "{WE}"',
        f'According to Ana Ruiz, "{WE}"',
        f'Asked about the road, Ana Ruiz replied, "{WE}"',
        f'A tall woman, Ana Ruiz of Ohio, writes: "{WE}"',
    ],
)
def test_attribution_in_front(text: str) -> None:
    """Whoever is said, in front of the marks, to speak is the speaker."""
    assert rows(text) == [(WE, "Ana Ruiz", None)]


def test_attribution_in_the_middle() -> None:
    """A sentence that goes on after the attribution is one quotation of two spans; a new one is another."""
    first, second = quotes('"We ran," said Ana Ruiz, "and ran," and then: "Now we walk. We like to walk."')
    assert (len(first.spans), first.text, first.speaker) == (2, "We ran, and ran,", "Ana Ruiz")
    assert (len(second.spans), second.text) == (1, "Now we walk. We like to walk.")
    assert rows('"We ran," Ana Ruiz told NPR. "Now we walk."') == [
        ("We ran,", "Ana Ruiz", "NPR"),
        ("Now we walk.", "Ana Ruiz", "NPR"),
    ]


def test_several_sentences_and_marks_within_marks() -> None:
    """A quotation of several sentences that quotes another one is one quotation."""
    inner = "He said, ‘Run,’ and I ran. I ran all day. Did he? No."  # noqa: RUF001  the marks
    assert rows(f"“{inner}” Nobody else did.") == [(inner, None, None)]


@pytest.mark.parametrize(
    "text",
    [
        f'"{WE}"\n— Ana Ruiz',
        f"“{WE}” — Ana Ruiz, farmer",
        f"> {WE}\n>\n> — Ana Ruiz",
        f"> {WE}\n> — Ana Ruiz, 2019",
        f"> {WE}\n\n- Ana Ruiz",
        f"{WE}\n— Ana Ruiz",
    ],
)
def test_a_dash_line_names_the_speaker(text: str) -> None:
    """A line behind the quotation that begins with a dash names its speaker, and is no part of it."""
    assert rows(text) == [(WE, "Ana Ruiz", None)]


@pytest.mark.parametrize(
    ("before", "who", "speaker"),
    [
        ("Ana Ruiz came late.", "she", "Ana Ruiz"),
        ("Ana Ruiz met Tom Reed in Ohio.", "he", "Tom Reed"),
        ("Ana Ruiz met Tom Reed in Ohio.", "she", "Ana Ruiz"),
        ("Tom Reed met Ana Ruiz in Ohio.", "Ruiz", "Ana Ruiz"),
        ("Rapper Big Lantern came late.", "Lantern", "Big Lantern"),
        ("Memphis rapper Big Lantern came late.", "the rapper", "Big Lantern"),
        ("Actress Ana Ruiz came late.", "she", "Ana Ruiz"),
        ("Actress Mo Lantern came late.", "the actress", "Mo Lantern"),
        ("Big Lantern, who raps, came late.", "they", "Big Lantern"),
        ("Mayor Ana Lopez Ruiz came late.", "the mayor", "Ana Lopez Ruiz"),
        ("Ana Ruiz came late.", "the mayor", None),
        ("The Paper Lanterns came late.", "the band", "The Paper Lanterns"),
        ("Ana Ruiz came late. A tall man stood by.", "he", None),
        ("It was late.", "she", None),
        ("Ana Ruiz came late.", "a spokesman", None),
        ("Ana Ruiz came late.", "I", None),
    ],
)
def test_who_is_meant(before: str, who: str, speaker: str | None) -> None:
    """A pronoun, a surname or a noun is the person named before, and nobody where that is a guess."""
    assert rows(f'{before} "We ran," {who} said.') == [("We ran,", speaker, None)]


@pytest.mark.parametrize(
    ("telling", "source"),
    [
        ("told NPR", "NPR"),
        ("told Rolling Stone last year", "Rolling Stone"),
        ("told the Dunmore Courier", "Dunmore Courier"),
        ("said in an interview with GQ", "GQ"),
        ("said in a 2019 conversation with The Fader", "The Fader"),
        ("wrote in The Wire", "The Wire"),
        ("said, speaking to Mojo", "Mojo"),
        ("said in a tweet", None),
        ("wrote on Twitter", None),
        ("told reporters", None),
        ("told Tom Reed", None),
        ("said in March", None),
        ("wrote from London", None),
    ],
)
def test_the_outlet(telling: str, source: str | None) -> None:
    """The outlet is the source where the text names one; a place, a month or a person is none."""
    assert rows(f'"We ran," Ana Ruiz {telling}.') == [("We ran,", "Ana Ruiz", source)]


@pytest.mark.parametrize(
    "telling", ["Talking to GQ", "Speaking with GQ", "Writing for GQ", "Asked by GQ", "According to GQ"]
)
def test_the_outlet_at_the_head_of_a_sentence(telling: str) -> None:
    """The outlet is found behind words that a sentence begins with, whatever else it says."""
    assert rows(f'{telling}, Ana Ruiz said: "{WE}"') == [(WE, "Ana Ruiz", "GQ")]


def test_an_outlet_speaks() -> None:
    """What an outlet itself says has a source and no speaker; its writer, where named, is the speaker."""
    assert rows('The road is "a long and lovely joke," according to Pitchfork.') == [
        ("a long and lovely joke,", None, "Pitchfork")
    ]
    assert rows('Pitchfork\'s Ana Ruiz called it "a long and lovely joke."') == [
        ("a long and lovely joke.", "Ana Ruiz", "Pitchfork")
    ]


def test_an_interview() -> None:
    """The replies of an interview are quotations of the one who is named; the questions are not."""
    text = "We met Ana Ruiz.\n\nGQ: Did you run?\n\nRUIZ: All day long.\n\nGQ: Why?\n\nRUIZ: It was late."
    assert rows(text) == [("All day long.", "Ana Ruiz", None), ("It was late.", "Ana Ruiz", None)]


# --- What is no quotation ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "“RUN” is about Black Americans, and so is “What We Ran For.”",
        'Ana Ruiz sang "Long Road," "The Way Home" and "Who Let You In?" that night.',
        'Ana Ruiz said that "RUN" was late.',
        'On "Long Road," she says, the drums stop.',
        'The "experts" said it was a so-called "long road to the top."',
        'Michael "Long Road" Reed, known as "the Mayor of the Road," came.',
        "Rock 'n' roll of the '90s, the boys' van and the girls' 12\" singles: it's theirs.",
        'He is 6\'2" tall and the pipe is 30" long, said Ana Ruiz.',
        "The sign said “No running on the road at night.”",
        "The word “road” and the term “running on empty in the dark” are old.",
        "Three songs: “Long Road,” “Way Home” and “Late.”",
        "Ana Ruiz said it was late.",
        "Ana Ruiz said three things:\n\n- run\n- walk\n- sit",
        "> [!NOTE]\n> This road is closed.",
        "Producer: Ana Ruiz\n\nLabel: Long Road\n\nRating: 8",
        "# “We ran until the road ended,” said Ana Ruiz",
    ],
)
def test_no_quotation(text: str) -> None:
    """Titles, terms, scare quotes, nicknames, apostrophes, inches, signs, lists and notes quote nobody."""
    assert rows(text) == []


# --- Any text ---------------------------------------------------------------------------------------------

parts = st.sampled_from(
    [
        *("“", "”", '"', "'", "‘", "’", "«", "»", "„", "\n", "\n\n", "> ", "— ", ": ", ", ", ". ", "? ", " "),  # noqa: RUF001
        *(
            "Ana Ruiz",
            "said",
            "she said",
            "told NPR",
            "according to",
            "Q: ",
            "A: ",
            "RUIZ: ",
            "we ran all day",
        ),
        *("who", "the rapper", "and", "Dr. ", "Run", "- ", "~", "'s "),
    ]
)


@given(
    st.one_of(st.text(max_size=300), st.lists(parts, max_size=60).map("".join)),
    st.sampled_from(["a.md", "a.txt"]),
)
@settings(deadline=None, max_examples=examples(300))
def test_spans_are_slices_in_order(source: str, name: str) -> None:
    """For any text: each span is a slice, the text is the spans joined, and spans rise and never overlap."""
    try:
        document = read_document(source.encode("utf-8", "replace"), name)[0]
    except DocumentError:
        return
    spans: list[tuple[int, int]] = []
    for quote in find_quotes(document):
        pieces = [document.text[start:end] for start, end in quote.spans]
        assert all(piece == piece.strip() != "" for piece in pieces)
        assert quote.text == " ".join(pieces)
        assert quote.document == name
        spans += quote.spans
    assert all(0 <= start < end <= len(document.text) for start, end in spans)
    assert all(first[1] <= second[0] for first, second in pairwise(spans))


@pytest.mark.parametrize(
    ("flood", "found"),
    [
        (lambda n: '"' * (100_000 // n), 0),
        (lambda n: "“" * (50_000 // n) + "”" * (50_000 // n), 0),
        (lambda n: "'a " * (100_000 // n), 0),
        (lambda n: "“I am here now.\n\n" * (10_000 // n), 1),
        (lambda n: "Tom Reed, a man, " * (20_000 // n) + '"we ran all day," she said.', 1),
        (lambda n: "said " * (200_000 // n) + '"we ran all day"', 1),
        (lambda n: "He said:\n\n" * (20_000 // n), 0),
        (lambda n: "Word. " * (100_000 // n) + '"We ran," Ana Ruiz said.', 1),
        (lambda n: "— " * (100_000 // n), 0),
        (lambda n: '"We ran," said Ana Ruiz. ' * (5_000 // n), 5_000),
        (lambda n: "Q: Did you?\n\nA: I did.\n\n" * (5_000 // n), 5_000),
    ],
    ids=[
        "marks",
        "nests",
        "apostrophes",
        "open",
        "commas",
        "verbs",
        "leads",
        "long",
        "dashes",
        "many",
        "turns",
    ],
)
@short_and_whole
def test_hostile_text_takes_no_longer(flood: Callable[[int], str], found: int, share: int) -> None:
    """A flood of marks, names or verbs is read in seconds."""
    document = read_document(flood(share).encode(), "a.txt")[0]
    start = time.process_time()
    kept = find_quotes(document)
    assert time.process_time() - start < max(5 / share, 2)
    assert len(kept) == (found if found == 1 else found // share)
