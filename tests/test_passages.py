"""Passages and sentences: nothing lost, nothing torn, and sentences where a reader would end them."""

# ruff: noqa: RUF001  typographic marks are what is tested

from __future__ import annotations

import re
import time
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amounts import short_and_whole
from linernotes.corpus.files import read_document
from linernotes.corpus.passages import Division, split
from linernotes.corpus.quotes import find_quotes
from linernotes.models import Document, Quote

if TYPE_CHECKING:
    from linernotes.retrieval.embedding import Embedder


def read(text: str, name: str = "a.md") -> Document:
    return read_document(text.encode(), name)[0]


def words(text: str) -> int:
    return len(text.split())


def divide(document: Document, quotes: tuple[Quote, ...] = (), limit: int = 200) -> Division:
    return split(document, quotes, count_tokens=words, max_tokens=limit)


def quote(document: Document, *parts: str) -> Quote:
    starts = [document.text.index(part) for part in parts]
    spans = tuple((start, start + len(part)) for start, part in zip(starts, parts, strict=True))
    return Quote(spans, " ".join(parts), None, None, document.name)


def sentences(text: str, name: str = "a.txt") -> list[str]:
    return [sentence.text for sentence in divide(read(text, name)).sentences]


# --- Where sentences end ----------------------------------------------------------------------------------

# Each case is a text, written as the sentences that a reader finds in it.
SENTENCES = [
    # Titles and abbreviations before a name
    ["Dr. Dre produced it with Mr. Porter.", "It was his last."],
    ["She wrote to Mrs. Carter and Prof. Griff.", "Neither replied."],
    ["The song, feat. Young Thug, is short.", "It ends at once."],
    ["Hear “Big Beast” (feat. Bun B, T.I. and Trouble) first.", "Then hear the rest."],
    ["He made it ft. Nas and prod. Madlib.", "It sold well."],
    ["It was Biggie vs. Tupac to the press.", "To them it was not."],
    ["They played Symphony No. 5 twice.", "No. 9 came later."],
    ["It reached No. 1 in May.", "By June it was gone."],
    ["See vol. 2 and pp. 12-14 of the book.", "The rest is noise."],
    ["Vol. 3 came out on Jan. 5, 1998.", "Fans queued on Dec. 31 already."],
    ["He grew up in St. Louis.", "St. Vincent did not."],
    ["Robert Downey Jr. sang on it.", "So did Sammy Davis Jr.", "Nobody noticed."],
    ["She holds a Ph.D. in music from Yale.", "He has none."],
    ["Ms. Hill met Ms. Badu in Ft. Worth.", "They sang."],
    ["Gov. Brown met Sen. Warnock and Rep. Lewis.", "They talked."],
    ["Rev. Al Green preached.", "Lt. Smash did not."],
    ["Fig. 2 shows the wave, cf. Fig. 3.", "Both are flat."],
    ["Use a drum machine, e.g. Roland's TR-808.", "Others work, i.e. they beep."],
    ["They played rock, jazz, etc. at the club.", "Then it closed."],
    ["He signed with Atlantic Records Inc. in 1990.", "They dropped him."],
    ["He founded Reprise Records, Inc.", "They made albums."],
    ["He wrote it for me.", "Young Thug liked the art.", "Mike said no.", "It took a min.", "May came."],
    ["He is 6 ft. tall and jumps 3 ft.", "She jumps 4."],
    ["The video, dir. by Hype Williams, is out.", "It is short."],
    ["The judge, Hon. Ural Glanville, agreed.", "Lt. Gov. Jones laughed."],
    ["The indictment (filed in Fulton Co., Ga.) has 56 counts.", "It names 28 people."],
    ["Dr. Martin Luther King Jr. Drive runs through Atlanta.", "It is long."],
    ["Source: Complex, vol. 12, no. 3, pp. 4–5.", "Read it."],
    # Initials
    ["J. Cole wrote it.", "M. Ward sang it."],
    ["It samples J. S. Bach and E. E. Cummings.", "Both are dead."],
    ["He met George W. Bush in May.", "Bush was polite."],
    ["Notorious B.I.G. was there.", "So was T.I., who left early."],
    ["The album is by R.E.M.", "They come from Athens."],
    ["Ask Samuel L. Jackson.", "He knows."],
    ["It was Plan B.", "They had no other."],
    ["Producer No I.D. made it.", "DJ Paul mixed it.", "J.I.D raps on it."],
    ["Mike released “R.A.P. Music” in 2012.", "It samples “C.R.E.A.M.” by Wu-Tang."],
    # The United States and its like
    ["The U.S. government banned it.", "Radio did not."],
    ["She moved to the U.S.", "Her brother stayed."],
    ["It charted in the U.S. and the U.K.", "In France it failed."],
    ["He left Washington, D.C. for good.", "He moved to L.A.", "There he died."],
    # Times and dates
    ["The show began at 9 p.m. on Friday.", "It ended at 2 a.m.", "Nobody slept."],
    ["Doors open at 7 p.m. Friday.", "Bring a coat."],
    ["It came out on 4 July 2022.", "The day was hot."],
    ["Rome fell in 476 A.D. and rose again.", "It was built by 500 B.C.", "Nobody knows how."],
    # Numbers
    ["It costs $3.50 and lasts 4.5 minutes.", "Version 2.0.1 is longer."],
    ["They sold 3,000 copies.", "1999 was a better year.", "50 Cent agreed."],
    ["It peaked in 1986.", "2 Live Crew came next."],
    ["The song has two parts: 1. the intro and 2. the verse.", "Both are good."],
    # Ellipses
    ["Well... he never said it.", "It was over."],
    ["He waited…", "Nobody came."],
    ["It worked for the last 50 years….", "At every stage they found a way."],
    ["“I don’t know…” said Mike.", "He left."],
    ["He wanted to ... leave the city.", "He stayed."],
    ["“We ran . . . and ran,” he said.", "They were tired."],
    # Quotation marks
    ["He said, “I am done.”", "Then he left."],
    ['He said, "I am done."', "Then he left."],
    ["“Is it over?” she asked.", "It was."],
    ["“Is it over?” Killer Mike asked.", "It was."],
    ["“Stop!” Mike shouted at the crowd.", "They did."],
    ["“I am done,” he said.", "“You are not.”"],
    ["“Is it over?”", "The crowd asked for more."],
    ['"Run," he said.', '"Run now."'],
    ["He called it ‘the end.’", "It was the start."],
    ["“It is ours,” Mike told GQ.", "“It was never theirs.”"],
    ["« C'est fini », dit-il.", "Il partit."],
    ['The 7" sold out.', 'The 12" mix did not.', "Then it ended."],
    ["The CD isn't out.", "'90s kids are 40 now.", "'Tis late."],
    ["He said ‘we ran. We hid’ and sat.", "She stood."],
    ["He said: “It is mine. It was yours.”", "Then he left."],
    ["“This is for Atlanta!” Thug yells in the first bar.", "Then the beat drops."],
    ["He asked, “Is this it?” and left.", "She stayed."],
    ["“Yeah…” he says.", "“I guess so.”"],
    # Names and titles with marks
    ["Panic! at the Disco played first.", "They were loud."],
    ["Fans of Panic! At The Disco were there.", "They sang."],
    ["Yahoo! Inc. paid for it.", "Nobody thanked them."],
    ["Godspeed You! Black Emperor opened.", "It was dark."],
    ["“Wham!” is a word and a band.", "Wham! split in 1986."],
    ["“Who's Next?” is not the title.", "It is “Who’s Next”."],
    ["In “What’s Going On?” Marvin Gaye mourns his time.", "He had seen it."],
    ["“Help!” was a hit in 1965.", "It is about fear."],
    ["P!nk and Ke$ha met will.i.am.", "They talked."],
    ["The group !!! is from Sacramento.", "Their name is hard to search."],
    ["The song samples “Oh! Darling” by the Beatles.", "It was cleared in May."],
    ["They played “What's Up?”, “Creep” and “Why?” in one set.", "The crowd sang."],
    ["It is called “Where Is the Love?”", "Sales were good."],
    ["Anderson .Paak sings on it.", "So does Tyler, the Creator."],
    ["Guess who? was a game.", "Everyone played."],
    ["!!! played last.", "It was late."],
    ["The 2004 album “Are You Passionate?” sold well.", "Neil Young was glad."],
    # Lower-case names
    ["He liked the band.", "deadmau5 did not.", "will.i.am was asked."],
    ["She sang with k.d. lang.", "e.e. cummings wrote in lower case."],
    # Addresses
    ["Read it at https://example.org/a.b?c=d.", "Then write."],
    ["It is on Genius.com and last.fm.", "Search for it."],
    ["Mail me@example.co.uk for it.", "I answer."],
    ["Visit example.com.", "It is free."],
    # Notes, brackets, dashes
    ["It sold a million [12 copies].", "Then it stopped.", "Nobody knows why."],
    ["It sold a million. [12]", "Then it stopped."],
    ["It sold a million.†", "Then it stopped."],
    ["He left (it was late).", "She stayed."],
    ["He left.", "(It was late.)", "She stayed."],
    ["He left (see vol. 2) early.", "She stayed."],
    ["Many left. [as told]", "Few stayed.", "Nobody knows."],
    ["He left (it was late. It was dark) and ran.", "She stayed."],
    ["The album (Vol. 2) is out.", "Buy it."],
    ["It was loud — very loud! — and short.", "They liked it."],
    ["It was loud—too loud.", "They left."],
    ["He had one aim: to run.", "He ran."],
    ["He ran; she did not.", "They met again."],
    ["What is it?", "Who made it?!", "Nobody knows!"],
    # Other languages
    ["¿Quién es?", "¡Nadie!", "Es una canción."],
    ["「走る」は曲です。", "彼は歌手です。"],
    ["他是歌手。", "他很有名！", "你知道吗？"],
]


@pytest.mark.parametrize("expected", SENTENCES, ids=lambda case: case[0][:40])
def test_sentences_end_where_a_reader_ends_them(expected: list[str]) -> None:
    """Every text of the table is split into the sentences that it was written as."""
    assert sentences(" ".join(expected)) == expected


def test_a_long_quotation_is_split_within_its_marks() -> None:
    """What is said in a dozen sentences is no single sentence, and its pieces stay tied."""
    said = "We ran from the city to the sea and back again before the night was over. " * 6
    document = read(f"Mike said: “{said.strip()}” Then he left.")
    *quoted, last = divide(document, (quote(document, said.strip()),)).sentences
    assert len(quoted) == 6
    assert [sentence.tied for sentence in quoted] == [False] + [True] * 5
    assert (last.text, last.tied) == ("Then he left.", False)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("- Run\n- Killer Mike made it. It is short.", ["Run", "Killer Mike made it.", "It is short."]),
        ("You run  \nall night,  \nAll day  \nThey run", ["You run\nall night,\nAll day", "They run"]),
        ("| Song | Year |\n|-|-|\n| RUN. | 2022 |", ["Song, Year", "RUN., 2022"]),
        ("```\nx = 1\n\n}\ny. Z = 2\n```", ["x = 1", "y. Z = 2"]),
        ("Before.\n\n* * *\n\n…\n\nAfter.", ["Before.", "After."]),
        ("Mike: Who made it?  \nThug: I did. Alone.", ["Mike: Who made it?", "Thug: I did.", "Alone."]),
        ("i ran. you ran! we all ran", ["i ran.", "you ran! we all ran"]),
        ("1. First things.\n2. Second things.", ["First things.", "Second things."]),
        ("(1) First things. (2) Second things.", ["(1) First things.", "(2) Second things."]),
    ],
)
def test_blocks_end_sentences(source: str, expected: list[str]) -> None:
    """Items, rows, lines of code and of dialogue end sentences; a line of verse goes on where it says so."""
    assert sentences(source, "a.md") == expected


# --- Promises for every document --------------------------------------------------------------------------

MARKS = (
    'Mike ran. “RUN” said: he … (she U.S. Dr. feat. 5 No. — 走る。 🎤 e\u0301 \u00a0 “We go.” "No!" ) ” " \''
    " «a » [12] ² ¹ * - > # `x` | \\ <b> &amp; http://a.b/c. ... !!! a.m. - Thug Why? Then it İs ǅ ß ½ _ __ :"
    " 1. b)"
)
WORDS = st.sampled_from(MARKS.split(" "))
LINES = st.lists(WORDS, max_size=12).map(" ".join)
PREFIXES = st.sampled_from(["", "", "", "> ", "- ", "1. ", "# ", "## ", "> > ", "    ", "| ", "— "])
STRUCTURED = st.lists(
    st.tuples(PREFIXES, LINES, st.sampled_from(["\n", "\n\n", "\n\n", "  \n"])).map("".join), max_size=14
).map("".join)
SOURCES = st.one_of(
    STRUCTURED,
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=200),
    st.tuples(STRUCTURED, st.text(alphabet="aB .\n“”\"'()!?…é🎤", min_size=300, max_size=900)).map("".join),
)


@st.composite
def documents(draw: st.DrawFn) -> tuple[Document, tuple[Quote, ...]]:
    """Give any text, read as Markdown or plain, with any spans of it for quotations."""
    # A rule above the text would be front matter.
    document = read("Text.\n\n" + draw(SOURCES), draw(st.sampled_from(["a.md", "a.txt"])))
    offsets = st.integers(0, len(document.text))
    pairs = draw(st.lists(st.tuples(offsets, offsets).map(sorted), max_size=4))
    spans = [(low, high) for low, high in pairs if low < high]
    return document, tuple(
        Quote((span,), document.text[slice(*span)], None, None, document.name) for span in spans
    )


def alphanumeric(text: str) -> str:
    return "".join(filter(str.isalnum, text))


def check(document: Document, division: Division, limit: int) -> None:
    """Assert what is promised for every document."""
    text = document.text
    passages = {passage.number: passage for passage in division.passages}
    assert list(passages) == list(range(1, len(division.passages) + 1))
    for passage in division.passages:
        assert passage.text == text[passage.start : passage.end]
        assert words(passage.text) <= limit
        inside = [each for each in division.sentences if each.passage == passage.number]
        assert (inside[0].start, inside[-1].end) == (passage.start, passage.end)
        assert not inside[0].tied
    for sentence in division.sentences:
        assert sentence.text == text[sentence.start : sentence.end] == sentence.text.strip()
        assert alphanumeric(sentence.text)
    for before, after in pairwise(division.sentences):
        assert before.end <= after.start
        assert before.passage <= after.passage
    blocks = [block for block in document.blocks if block.kind != "heading"]
    assert alphanumeric("".join(sentence.text for sentence in division.sentences)) == alphanumeric(
        "".join(text[block.start : block.end] for block in blocks)
    )


@given(documents(), st.sampled_from([1, 3, 12, 60]))
@settings(deadline=None)
def test_offsets_are_true_and_nothing_is_lost(case: tuple[Document, tuple[Quote, ...]], limit: int) -> None:
    """Passages and sentences are slices of the text, in order, apart, and hold all of it but headings."""
    document, quotes = case
    check(document, divide(document, quotes, limit), limit)


@pytest.mark.parametrize(
    "source",
    [
        "“a " * 100_000,
        '" ' * 100_000,
        "'a\" (" * 100_000,
        "x" * 1_000_000,
        "走" * 300_000,
        "a\n\n" * 20_000,
        "a\\\n" * 20_000,
        "- a\n" * 20_000,
        "> a:\n\n" * 10_000,
        "feat. " * 20_000,
        "A. “The " * 20_000,
        "(A.) Mr. " * 20_000,
        "… A! " * 20_000,
        ". [1] " * 20_000,
        "...." * 100_000 + "(a",
        "He ran from [it](x). " * 10_000,
        "He ran for “the city” (and the sea). " * 10_000,
    ],
    ids=lambda source: repr(source[:12]),
)
@short_and_whole
def test_hostile_text_takes_no_longer(source: str, share: int) -> None:
    """A flood of marks, lines or letters is divided in seconds and without loss."""
    document = read(source[-len(source) // share :], "a.md")
    start = time.process_time()
    division = divide(document)
    assert time.process_time() - start < max(5 / share, 2)
    assert alphanumeric("".join(passage.text for passage in division.passages)) == alphanumeric(document.text)


@pytest.mark.parametrize("name", ["a.md", "a.txt"])
@pytest.mark.parametrize(
    ("start", "again"),
    [
        ("", "“a” said B. C “d, "),
        ("", "–called “A” "),
        ("", "a\n"),
        ("", "<!--"),
        ("", "<?"),
        ("<div>", "<!--a>"),
        ("<div>", "<![if a"),
        ("<div>", "<ul><li>a"),
        ("", "!["),
        ("", "."),
        ("", "!"),
        ("```\n", "{}; "),
        ("[", "‘a’ `a"),
    ],
)
@short_and_whole
def test_a_hostile_file_takes_no_longer(start: str, again: str, name: str, share: int) -> None:
    """From bytes to passages, the time grows with the length of the file, whatever it repeats."""
    data = (start + again * (300_000 // share // len(again))).encode()
    begin = time.process_time()
    document = read_document(data, name)[0]
    split(document, find_quotes(document), count_tokens=words, max_tokens=200)
    assert time.process_time() - begin < max(6 / share, 2)


@pytest.mark.model
def test_a_passage_fits_the_real_model(packaged_embedder: Embedder) -> None:
    """By the model's own tokenizer no passage is too long to be read whole."""
    embedder = packaged_embedder
    assert embedder.max_tokens == 254
    assert embedder.count_tokens("run " * 1000) == 1000
    paragraphs = ["Mike “ran” from Québec—fast! " * 300, "Thug said:", "> " + "We ran, and ran; " * 200]
    document = read("\n\n".join([*paragraphs, "走る" * 700, "antidisestablishmentarianism" * 300]))
    division = split(document, (), count_tokens=embedder.count_tokens, max_tokens=embedder.max_tokens)
    sizes = sorted(embedder.count_tokens(passage.text) for passage in division.passages)
    assert sizes[-1] <= 254
    assert sizes[len(sizes) // 2] > 100


@pytest.mark.model
def test_the_first_text_of_a_process_is_counted_as_any_later_one() -> None:
    """A tokenizer pads as its file says until it has embedded once; no count may depend on that."""
    from linernotes.retrieval.embedding import open_embedder

    embedder = open_embedder()
    before = embedder.count_tokens("We ran.")
    embedder.embed(["We ran, and ran until the road ended."])
    assert before == embedder.count_tokens("We ran.") < 10


# --- What stays together ----------------------------------------------------------------------------------


def passages(division: Division) -> list[str]:
    return [passage.text for passage in division.passages]


def tied(division: Division) -> list[str]:
    return [sentence.text for sentence in division.sentences if sentence.tied]


P = "He ran from the city to the sea and back again before the night was over, and nobody saw him go. " * 3


def test_a_passage_is_a_paragraph_below_its_headings() -> None:
    """Paragraphs are passages; small neighbours merge, but never over a heading."""
    division = divide(
        read(f"# RUN\n\n{P}\n\n{P}\n\nShort.\n\n## The arrest\n\nA jail.\n\nA cell.\n\n# End\n\nOver.")
    )
    assert [passage.text for passage in division.passages] == [
        P.strip(),
        f"{P.strip()}\n\nShort.",
        "A jail.\n\nA cell.",
        "Over.",
    ]
    assert [passage.heading for passage in division.passages] == ["RUN", "RUN", "RUN > The arrest", "End"]


@pytest.mark.parametrize("mark", ["> ", ""])
def test_a_lead_in_stays_with_its_quotation(mark: str) -> None:
    """A line that ends in a colon and the quotation below it are one passage, its sentences tied."""
    first, second = "It is the Black city that has worked.", "At every stage, they found a way."
    document = read(f"{P}\n\nMike told GQ:\n\n{mark}{first} {second}\n\n{P}")
    division = divide(document, (quote(document, f"{first} {second}"),), limit=70)
    assert f"Mike told GQ:\n\n{first} {second}" in division.passages[0].text + division.passages[1].text
    assert tied(division) == [first, second]


def test_a_lead_in_moves_to_its_quotation_where_both_do_not_fit() -> None:
    """A long paragraph is split so that its last line goes with the quotation that it introduces."""
    said = "We ran to the sea. " * 6
    document = read(f"{P}{P}\nMike told GQ:\n\n> {said}\n\nThe end came soon.")
    division = divide(document, (quote(document, said.strip()),), limit=90)
    assert any(text.startswith("He ran") for text in passages(division))
    assert any(f"Mike told GQ:\n\n{said.strip()}" in text for text in passages(division))


def test_a_quotation_longer_than_a_passage_is_split_without_loss() -> None:
    """Its parts fit, the lead-in stays with the first, and the sentences within a part are tied."""
    said = "We ran to the sea, and nobody saw us go. " * 40
    document = read(f"{P}\n\nMike told GQ:\n\n> {said}")
    division = divide(document, (quote(document, said.strip()),), limit=60)
    check(document, division, 60)
    assert any(re.search(r"Mike told GQ:\s+We ran", text) for text in passages(division))
    assert len(tied(division)) > 30


def test_a_quotation_of_several_spans_is_tied() -> None:
    """The second half of “…,” said X. “…” is not shown without the first; the next sentence is."""
    document = read("“It is ours,” Mike told GQ. “It was never theirs.” Then he left.")
    division = divide(document, (quote(document, "It is ours,", "It was never theirs."),))
    assert tied(division) == ["“It was never theirs.”"]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("As Mike put it\n\n> We ran.", ["We ran."]),
        ("Mike was clear.\n\n> We ran. We hid.", ["We hid."]),
        ("> We ran.\n\n— Killer Mike, GQ", ["— Killer Mike, GQ"]),
        ("“We ran.”\n\n- Killer Mike", ["- Killer Mike"]),
        ("Mike ran.\n\n— It was late by then.", []),
        ("It was made by:\n\n- No I.D.\n- Don Cheadle\n\nThen it ended.", ["No I.D.", "Don Cheadle"]),
        ("It was late.\n\n- No I.D.\n- Don Cheadle", []),
        ("They were:\n\n- Mike: bass\n- Thug, who sang and never stopped", []),
        ("It has one aim:\n\nTo run.", []),
    ],
)
def test_what_is_not_shown_alone(source: str, expected: list[str]) -> None:
    """A quotation is tied to its lead-in, a name line to the quotation, and short items to their lead-in."""
    assert tied(divide(read(source))) == expected


@pytest.mark.parametrize(
    ("asks", "reply"),
    [
        ("Who made it, then?", P.strip()),
        ("Interviewer: Tell me about the bridge.", f"Killer Mike: {P.strip()}"),
        ("The keepers", P.strip()),
        ("He had this to say:", P.strip()),
    ],
)
def test_a_line_that_asks_for_more_stays_with_what_follows(asks: str, reply: str) -> None:
    """A question, a turn, a title or a colon goes with what is below it, not with what is above."""
    turns = [f"{asks}\n\n{reply}"] * 3
    assert passages(divide(read("\n\n".join(turns), "a.txt"))) == turns


def test_a_long_paragraph_is_split_evenly_at_sentences() -> None:
    """No part is much smaller than the others."""
    division = divide(read("He ran to the sea. " * 50), limit=100)
    assert [words(text) for text in passages(division)] == [85, 85, 80]
