"""What the bot says keeps to Discord's limits for any text, and lets no text forge anything."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import fakes
from linernotes.chat.about import embeds as about
from linernotes.chat.asking import embeds as asking
from linernotes.chat.asking.emphasis import emphasis
from linernotes.chat.frame import citations
from linernotes.chat.frame.embeds import plain
from linernotes.chat.frame.introduction import help_page
from linernotes.chat.frame.markup import (
    clean,
    cut,
    emphasise,
    escape,
    fit,
    linked,
    printable,
    safe_link,
    trim,
    width,
)
from linernotes.chat.frame.question_text import question_in
from linernotes.chat.governing import embeds as governing
from linernotes.chat.quoting import embeds as quoting
from linernotes.library.store import Evidence, Posted, Server
from linernotes.models import Document, Edition, Hit, Passage, Quote, Sentence, Turn, Unanswered

if TYPE_CHECKING:
    import discord

# Text as the worst member or article would write it.
PIECES = st.sampled_from(
    [
        *"** __ ~~ || ` ``` > >>> # ## -# - * 1. [a](b) [ ]( ](https://evil.example) _".split(),
        *"https://evil.example <https://evil.example> discord.gg/evil".split(),
        *"<@1> <@&1> <#1> @everyone @here <:a:1> <t:1> </ask:1>".split(),
        *"\\ “ ” word 1871".split(),
        *"\u202e \u200b a\u0300\u0301\u0302\u0303\u0304 👩\u200d👩\u200d👧 \U0001f600".split(),
        *("\n", " ", "> ", ">>> ", "# ", "-# ", "- ", "1. ", "Ada Stone"),
    ]
)
NASTY = st.lists(PIECES | st.text(max_size=8), max_size=30).map("".join)
LONG = st.builds(lambda piece, times: piece * times, NASTY, st.sampled_from([1, 40, 400]))
quickly = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def edition_of(
    text: str,
    *,
    title: str | None = None,
    source: str | None = None,
    artist: str | None = None,
    several: bool = False,
) -> Edition[Any]:
    """An edition of one sentence in one passage that is quoted whole."""
    text = text if text.strip() else "x"
    document = Document("a.md", title, source, text, ((0, 1),), (), artist=artist, date=artist)
    passage = Passage("a.md", 1, 0, len(text), text, heading=title)
    sentence = Sentence("a.md", 1, 0, len(text), text)
    quote = Quote(((0, len(text)),), text, artist, title, "a.md")
    others = tuple(
        Document(f"{n}.md", title, source, "x", ((0, 1),), (), artist=artist)
        for n in range(40 if several else 0)
    )
    return Edition("e" * 64, (document, *others), (passage,), (sentence,), (quote,), None)


def answer_of(edition: Edition[Any], question: str = "Who?") -> Turn:
    hit = Hit(edition.passages[0], edition.sentences, 1.5, {"late": 0.5, "bm25": -1.25})
    reply = fakes.answer_of(
        edition.sentences[0].text, edition.sentences, (hit,), confidence=0.87, edition=edition.id
    )
    return Turn(question, question, reply)


def silence_of(edition: Edition[Any], reason: Any = "silent") -> Turn:
    hit = Hit(edition.passages[0], edition.sentences, 1.5)
    return Turn("Who?", "Who?", Unanswered(reason, hit, edition.id))


def check(embed: discord.Embed) -> None:
    """Check an embed, and its plain text, against Discord's limits."""
    assert width(embed.title or "") <= 256
    assert width(embed.description or "") <= 4_096
    assert width(embed.footer.text or "") <= 2_048
    assert width(embed.author.name or "") <= 256
    assert len(embed.fields) <= 25
    for each in embed.fields:
        assert 1 <= width(each.name or "") <= 256
        assert 1 <= width(each.value or "") <= 1_024
        assert (each.name or "").strip()
        assert (each.value or "").strip()
    assert sum(width(part) for part in _parts(embed)) <= 6_000
    assert embed.description is None or embed.description.strip()
    assert 1 <= width(plain(embed)) <= 2_000


def _parts(embed: discord.Embed) -> list[str]:
    parts = [embed.title, embed.description, embed.footer.text, embed.author.name]
    parts += [part for each in embed.fields for part in (each.name, each.value)]
    return [part for part in parts if part]


# --- Discord's reading of markup, as far as it matters here -----------------------------------------------


def forged(shown: str) -> list[str]:
    """Return what Discord would take for markup in a text that should have none."""
    visible = re.sub(r"\\([^\sA-Za-z0-9])", "·", shown)
    found = []
    for name, pattern in {
        "link": r"https?://|discord(?:app)?\.(?:gg|com)/",
        "masked link": r"\[[^\]]*\]\(",
        "mention": r"<(?:@!?|@&|#)\d+>|@everyone|@here",
        "special": r"<(?:a?:\w+:\d+|t:\d+|/\w+:\d+)>",
        "marks": r"[*_~`|#]",
        "quote": r"(?m)^>",
        "list": r"(?m)^\s*(?:[-+]|\d+[.)]) ",
    }.items():
        if re.search(pattern, visible):
            found.append(name)
    return found


@given(NASTY)
@quickly
def test_escaped_text_is_shown_as_it_stands(text: str) -> None:
    shown = escape(clean(text))
    assert forged(shown) == []
    # What a person reads is the text: only what escapes it is added.
    read = re.sub(r"\\([^\sA-Za-z0-9])", r"\1", shown).replace("\u200b", "")
    assert read == clean(text)


@pytest.mark.parametrize(
    "text",
    [
        *"[Click](https://evil.example) <https://evil.example> https://evil.example discord.gg/abc".split(),
        *"http://a.example steam://run HTTPS://EVIL.EXAMPLE ||spoiler|| ```code``` ~~gone~~ *a* _b_".split(),
        *"**c** __d__ ***e*** @everyone @here <@123> <@!123> <@&123> <#123> <:emoji:123> <t:123:R>".split(),
        *("</ask:123>", "\\[a](b)", "# Heading", "-# small", "> quote", ">>> quote", "- item", "+ item"),
        *("1. item", "x\n  2) item"),
    ],
)
def test_each_kind_of_markup_is_taken_apart(text: str) -> None:
    assert forged(escape(text)) == []


@given(LONG, st.integers(0, 300))
@quickly
def test_what_is_fitted_is_never_too_long_and_never_half_escaped(text: str, limit: int) -> None:
    shown = fit(clean(text), limit)
    assert width(shown) <= limit
    assert forged(shown) == []
    assert not re.search(r"(?<!\\)(?:\\\\)*\\(?:…)?$", shown)


@given(LONG, st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=4), st.integers(10, 500))
@quickly
def test_emphasis_is_closed_and_fits(text: str, pairs: list[tuple[int, int]], limit: int) -> None:
    bounds = sorted({min(each, len(text)) for pair in pairs for each in pair})
    spans = list(zip(bounds[::2], bounds[1::2], strict=False))
    shown = emphasise(text, spans, limit)
    assert width(shown) <= limit
    bare = re.sub(r"\\([^\sA-Za-z0-9])", "·", shown)
    assert bare.count("**") % 2 == 0
    # The marks of emphasis stand between what they divide.
    assert forged(bare.replace("**", "·")) == []


def test_cutting_marks_what_is_left_out() -> None:
    assert fit("one two three", 13) == "one two three"
    assert fit("one two three", 12) == "one two…"
    assert cut(["\\*"] * 3, 5) == "\\*\\*…"
    assert fit("word", 0) == ""
    assert trim("  a\nb  ", 10) == "a b"


def test_hidden_marks_and_zalgo_are_taken_off() -> None:
    assert clean("a\u202eb\u200bc\x00d") == "abc d"
    assert len(printable("z" + "\u0335" * 500)) == 5
    assert clean("\ud800") == ""
    assert clean("👩\u200d👩\u200d👧 café") == "👩\u200d👩\u200d👧 café"


@pytest.mark.parametrize(
    ("link", "safe"),
    [
        ("https://example.org/a", "https://example.org/a"),
        ("https://example.org/a b)[x]", "https://example.org/a%20b%29%5Bx%5D"),
        ("https://example.org/>\n# x", "https://example.org/%3E%0A#%20x"),
        ("https://example.org/%20", "https://example.org/%20"),
        ("http://example.org", None),
        ("javascript:alert(1)", None),
        ("https://", None),
        ("https://user:pass@example.org", None),
        ("https://example.org@evil.example", None),
        ("https://localhost", None),
        ("https://example.org:x/", None),
        ("https://[::1", None),
        ("https://example.org/" + "a" * 2_000, None),
        ("GQ, March 2023", None),
        (None, None),
    ],
)
def test_links_only_from_a_source_that_is_https(link: str | None, safe: str | None) -> None:
    assert safe_link(link) == safe


def test_a_label_cannot_end_its_link() -> None:
    assert linked("a](https://evil.example)", "https://example.org") == (
        "[a\\](https\\://evil.example)](<https://example.org>)"
    )


# --- Whole replies ----------------------------------------------------------------------------------------

SOURCES = st.sampled_from(
    [None, "https://example.org/song", "http://example.org", "https://example.org/" + "a" * 900]
)


@given(LONG, NASTY, NASTY, SOURCES, NASTY)
@quickly
def test_replies_keep_to_the_limits(
    text: str, title: str, artist: str, source: str | None, asked: str
) -> None:
    edition = edition_of(text, title=title, source=source, artist=artist)
    for turn in (answer_of(edition, asked), silence_of(edition)):
        check(asking.reply(edition, turn, examples=(asked, title, text[:300]), asked=asked))
    check(quoting.quotation(edition, edition.quotes[0]))
    check(quoting.quotations(edition, edition.quotes * 12, 1))
    check(citations.passage(edition, edition.passages[0], 3, [(0, len(text))], evidence=True))
    check(citations.passage(edition, edition.passages[0], 3, [], evidence=False))


@given(NASTY, NASTY, SOURCES, st.integers(-3, 9))
@quickly
def test_lists_keep_to_the_limits(title: str, artist: str, source: str | None, page: int) -> None:
    edition = edition_of("x", title=title * 20, source=source, artist=artist * 20, several=True)
    check(about.sources(edition, page))
    evidence = tuple(
        Evidence("a.md", n, n / 3, {title: 1.0, "late": 0.5} | {f"s{n}": 0.1 for n in range(30)})
        for n in range(9)
    )
    check(asking.why(edition, Posted(1, 2, 3, 4, edition.id, 0.5, evidence)))
    check(help_page(edition, (title * 10, artist * 10, title), "<@1>"))


def test_settings_and_privacy_keep_to_the_limits() -> None:
    ids = range(10**18, 10**18 + 500)
    check(governing.server_settings(Server(dict.fromkeys(ids, "allow"), frozenset(ids))))
    check(governing.server_settings(Server(dict.fromkeys(ids, "deny"))))
    check(governing.server_settings(Server()))
    check(governing.server_settings(Server(moderator_role=10**18, gaps=True)))
    check(about.privacy("https://example.org/privacy"))
    check(about.privacy("https://exa mple.org"))
    check(about.forgotten(answers=1, votes=0, talked=0))
    check(about.forgotten(answers=0, votes=0, talked=0))
    check(about.forgotten(answers=0, votes=0, talked=0, acts=2))


@given(NASTY, NASTY)
@quickly
def test_no_reply_has_a_link_that_is_not_the_source(text: str, title: str) -> None:
    edition = edition_of(text, title=title, artist=text[:50], source="https://example.org/song")
    turn = answer_of(edition, text)
    shown = [
        asking.reply(edition, turn, asked=text),
        asking.reply(edition, silence_of(edition), examples=(text,)),
        quoting.quotation(edition, edition.quotes[0]),
        about.sources(edition, 0),
        citations.passage(edition, edition.passages[0], 1, [], evidence=True),
    ]
    for embed in shown:
        for part in (embed.description, *(each.value for each in embed.fields), plain(embed)):
            visible = re.sub(r"\\([^\sA-Za-z0-9])", "", part or "")
            left = visible.replace("](<https://example.org/song>)", "").replace(
                "<https://example.org/song>", ""
            )
            assert "https://" not in left
            assert "](" not in left
            assert "||" not in left
            assert not re.search(r"<[@#]|@everyone|@here", left)
            assert not re.search(r"(?m)^#{1,3} |^>", left)


@pytest.mark.parametrize("reason", ["silent", "empty", "too-long", "greeting", "lyrics", "language"])
def test_every_reason_has_a_sentence_of_its_own(reason: Any) -> None:
    edition = edition_of("Some text.")
    embed = asking.reply(edition, silence_of(edition, reason), examples=("Who wrote it?",))
    assert embed.description == asking.sentence_for(edition, reason)
    assert any("Related" in (each.name or "") for each in embed.fields) == (reason == "silent")
    assert "Who wrote it?" in (embed.fields[-1].value or "")


def test_all_sentences_differ_and_speak_of_several_articles() -> None:
    one, many = edition_of("x"), edition_of("x", several=True)
    reasons: list[Any] = ["silent", "empty", "too-long", "greeting", "lyrics", "language"]
    assert len({asking.sentence_for(one, reason) for reason in reasons}) == 6
    assert asking.sentence_for(many, "silent") == "The articles do not say."
    assert "the articles say about the songs" in asking.sentence_for(many, "lyrics")


def test_an_answer_reads_well_as_plain_text() -> None:
    edition = edition_of(
        "The harbour was built by Ada Stone in 1871.",
        title="The Harbour",
        source="https://example.org/harbour",
    )
    embed = asking.reply(
        edition, answer_of(edition, "Who built the harbour?"), asked="Who built the harbour?"
    )
    assert plain(embed) == (
        "“Who built the harbour?”\n"
        "The harbour was built by **Ada Stone** in 1871.\n"
        "-# The Harbour <https://example.org/harbour> · passage 1"
    )


def test_an_answer_keeps_the_order_of_the_text_and_breaks_between_passages() -> None:
    text = "One is here. Two is there."
    document = Document("a.md", None, None, text, ((0, 1),), ())
    passages = (Passage("a.md", 1, 0, 12, text[:12]), Passage("a.md", 2, 13, 26, text[13:]))
    sentences = (Sentence("a.md", 1, 0, 12, text[:12]), Sentence("a.md", 2, 13, 26, text[13:]))
    edition = Edition("e" * 64, (document,), passages, sentences, (), None)
    hits = (Hit(passages[1], sentences[1:], 2.0), Hit(passages[0], sentences[:1], 1.0))
    answer = fakes.answer_of(text, sentences, hits, edition=edition.id)
    turn = Turn("What is there?", "What is there?", answer)
    assert asking.reply(edition, turn).description == (
        "One is here.\n**Two is there**.\n-# a.md · passages 1, 2"
    )


def test_a_quotation_without_its_speaker_in_the_answer_names_them() -> None:
    edition = edition_of("It was cold.", artist="Ada Stone", title="Sailor Weekly")
    assert "\n— Ada Stone, Sailor Weekly\n" in (asking.reply(edition, answer_of(edition)).description or "")


# --- Emphasis ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("question", "sentence", "marked"),
    [
        ("Who built the harbour?", "The harbour was built by Ada Stone in 1871.", ["Ada Stone"]),
        ("Who made it?", "“RUN” is Killer Mike’s first solo record.", ["Killer Mike"]),  # noqa: RUF001  as written
        ("When was it built?", "The harbour was built by Ada Stone in 1871.", ["1871"]),
        (
            "when was he arrested",
            "He was arrested just under two months before it.",
            ["just under two months before"],
        ),
        ("When was it released?", "It came out on Independence Day.", ["Independence Day"]),
        ("How many counts were there?", "It was a 56-count grand jury indictment.", ["56-count"]),
        (
            "Why did they meet?",
            "They met because the wall had fallen, in June.",
            ["because the wall had fallen"],
        ),
        ("Where is it?", "It lies west of Atlanta.", ["Atlanta"]),
        ("What is it about?", "It is about freedom", []),
        (
            "What is the song about?",
            "Made in 1999, the song is about freedom.",
            ["the song is about freedom"],
        ),
    ],
)
def test_the_words_that_answer_are_marked(question: str, sentence: str, marked: list[str]) -> None:
    (spans,) = emphasis(question, [sentence], 0)
    assert [sentence[start:end] for start, end in spans] == marked


@given(NASTY, st.lists(NASTY, min_size=1, max_size=3))
@quickly
def test_emphasis_stays_inside_its_sentence(question: str, sentences: list[str]) -> None:
    for sentence, spans in zip(sentences, emphasis(question, sentences, 0), strict=True):
        ends = [0, *(bound for span in spans for bound in span)]
        assert ends == sorted(ends)
        assert ends[-1] <= len(sentence)


# --- Questions --------------------------------------------------------------------------------------------


@given(LONG)
@quickly
def test_any_message_gives_a_clean_question(content: str) -> None:
    question = question_in(f"<@7> {content}", bot=7, names={1: "Bob"})
    assert question == clean(question)
    assert "<@7>" not in question


def test_others_are_named_and_markup_is_taken_off() -> None:
    content = "<@7> does <@1> in <#2> **like** <:smile:3> `this`, <@9>?\n> yes"
    assert (
        question_in(content, bot=7, names={1: "Bob", 2: "general"}) == "does Bob in general like this , ? yes"
    )
