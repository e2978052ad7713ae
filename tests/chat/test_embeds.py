"""What the bot says keeps to Discord's limits for any text, and lets no text forge anything."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import fakes
from amounts import examples
from linernotes.chat.about import embeds as about
from linernotes.chat.asking import embeds as asking
from linernotes.chat.asking import leads as shown_leads
from linernotes.chat.asking.evidence import (
    Place,
    evidence_of,
    evidence_of_lead,
    evidence_of_other,
    find_other,
    find_place,
)
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
from linernotes.models import (
    TALK,
    Alternative,
    Answer,
    Context,
    Document,
    Edition,
    Hit,
    Lead,
    Passage,
    Quote,
    Sentence,
    Span,
    Turn,
    Unanswered,
)

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
quickly = settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.too_slow])


def edition_of(
    text: str,
    *,
    title: str | None = None,
    source: str | None = None,
    artist: str | None = None,
    several: bool = False,
) -> Edition[Any]:
    """An edition of one sentence in one passage that is quoted whole."""
    # No sentence is nothing but blanks and what is not shown.
    text = text if clean(text).strip() else "x"
    document = Document("a.md", title, source, text, ((0, 1),), (), artist=artist, date=artist)
    passage = Passage("a.md", 1, 0, len(text), text, heading=title)
    sentence = Sentence("a.md", 1, 0, len(text), text)
    quote = Quote(((0, len(text)),), text, artist, title, "a.md")
    others = tuple(
        Document(f"{n}.md", title, source, "x", ((0, 1),), (), artist=artist)
        for n in range(40 if several else 0)
    )
    return Edition("e" * 64, (document, *others), (passage,), (sentence,), (quote,), None)


def answer_of(edition: Edition[Any], question: str = "Who?", **changed: Any) -> Turn:
    hit = Hit(edition.passages[0], edition.sentences, 1.5, {"late": 0.5, "bm25": -1.25})
    reply = fakes.answer_of(
        edition.sentences[0].text, edition.sentences, (hit,), confidence=0.87, edition=edition.id, **changed
    )
    return Turn(question, question, reply)


@st.composite
def leads(draw: st.DrawFn) -> tuple[Lead, tuple[Span, ...]]:
    """A lead of any kind, with any part of it quoted and any words of it in bold."""
    # No sentence is nothing but blanks and what is not shown.
    text = draw(LONG.filter(clean))
    length = len(text)

    def span() -> Span:
        start, end = sorted(draw(st.tuples(st.integers(0, length), st.integers(0, length))))
        return Span("a.md", start, end, text[start:end])

    kind = draw(st.sampled_from(["sentence", "quotation", "reply", "items"]))
    context = draw(st.sampled_from(["heading", "sentence", "question", "introduction", None]))
    bold = sorted({span() for _ in range(draw(st.integers(0, 2)))}, key=lambda each: each.start)
    apart = bold[:1] + [each for each in bold[1:] if each.start >= bold[0].end]
    return Lead(
        kind,
        "a.md",
        0,
        length,
        text,
        (Sentence("a.md", 1, 0, length, text),),
        span() if draw(st.booleans()) else None,
        None,
        draw(st.none() | NASTY),
        draw(st.none() | LONG),
        None if context is None else Context(context, draw(LONG)),
    ), tuple(apart)


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
    for figures in (True, False):
        check(asking.why(edition, Posted(1, 2, 3, 4, edition.id, 0.5, evidence), figures=figures))
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
            # The one block is the quotation's own, with its marks.
            assert not re.search(r"(?m)^#{1,3} |^>(?! “)", left)


@given(leads(), NASTY, st.sampled_from(["stated", "near"]), st.booleans())
@quickly
def test_any_lead_keeps_to_the_limits_and_forges_nothing(
    drawn: tuple[Lead, tuple[Span, ...]], title: str, certainty: Any, named: bool
) -> None:
    lead, bold = drawn
    edition = edition_of(lead.text, title=title, artist=title, source="https://example.org/song")
    more = Sentence("a.md", 1, 0, len(lead.text), lead.text)
    hit = Hit(edition.passages[0], (more,), 1.5)
    sentences = (*lead.sentences, more)
    answer = Answer(lead, lead.text, sentences, bold, (hit,), certainty, 0.5, edition.id)
    embed = asking.reply(edition, Turn("Who?", "Who?", answer), asked=title, named=named)
    check(embed)
    shown = embed.description or ""
    bare = re.sub(r"\\([^\sA-Za-z0-9])", "·", shown)
    assert bare.count("**") % 2 == 0
    lines = bare.replace("**", "·").split("\n")
    # What is ours at the edges of a line: a block, italics, an item.
    assert all(forged(re.sub(r"^(?:> “?|\*|• |— )|\*$", "", line)) == [] for line in lines)


@given(leads(), st.integers(300, 900))
@quickly
def test_a_lead_fits_into_its_room(drawn: tuple[Lead, tuple[Span, ...]], limit: int) -> None:
    lead, bold = drawn
    assert width(shown_leads.shown(lead, bold, limit)) <= limit


@pytest.mark.parametrize("reason", ["silent", "empty", "too-long", "lyrics", "language"])
def test_every_reason_is_one_line_and_one_suggestion(reason: Any) -> None:
    edition = edition_of("Some text.")
    asked = ("Who wrote it?", "Who drives the car?", "What is it about?")
    embed = asking.reply(edition, silence_of(edition, reason), examples=asked)
    assert embed.description == asking.sentence_for(edition, reason)
    assert "\n" not in (embed.description or "")
    assert embed.fields == []
    assert embed.footer.text == "You could ask: Who wrote it?"


@pytest.mark.parametrize("reason", sorted(TALK))
def test_what_is_said_to_the_bot_is_answered_with_what_can_be_asked(reason: Any) -> None:
    asked = ("Who wrote it?", "Who drives the car?", "What is it about?")
    edition = edition_of("Some text.")
    embed = asking.reply(edition, silence_of(edition, reason), examples=asked)
    check(embed)
    assert embed.description == asking.sentence_for(edition, reason)
    assert [(each.name, each.value) for each in embed.fields] == [
        ("You could ask", "• Who wrote it?\n• Who drives the car?\n• What is it about?")
    ]


def test_the_song_that_was_named_and_does_not_say_is_named_again() -> None:
    """The question says more than the song that was chosen before; a suggestion stays with a song named."""
    edition = edition_of("Some text.", title="The [Harbour]", several=True)
    turn = silence_of(edition)
    assert isinstance(turn.reply, Unanswered)
    named = replace(turn, reply=replace(turn.reply, document="a.md"))
    embed = asking.reply(edition, named, examples=("Who wrote it?",))
    assert embed.description == "The article “The \\[Harbour\\]” does not say."
    assert embed.footer.text == "You could ask: Who wrote it?"
    chosen = asking.reply(edition, replace(named, song="3.md"), examples=("Who wrote it?",))
    assert chosen.description == embed.description
    assert chosen.footer.text is None


def test_what_is_suggested_has_most_in_common_with_what_was_asked() -> None:
    asked = ("What did Ada Stone say?", "What is said about the lamps?")
    assert asking.suggestion("Who lit the lamp?", asked) == asked[1]
    assert asking.suggestion("Who?", asked) == asked[0]
    assert asking.suggestion("Who?", ()) is None


def test_all_sentences_differ_and_speak_of_several_articles() -> None:
    one, many = edition_of("x"), edition_of("x", several=True)
    reasons: list[Any] = ["silent", "empty", "too-long", "lyrics", "language", *TALK]
    assert len({asking.sentence_for(one, reason) for reason in reasons}) == 9
    assert asking.sentence_for(many, "silent") == "The articles do not say."
    assert "the articles say about the songs" in asking.sentence_for(many, "lyrics")


def test_an_answer_reads_well_as_plain_text() -> None:
    edition = edition_of(
        "The harbour was built by Ada Stone in 1871.",
        title="The Harbour",
        artist="The Tides",
        source="https://example.org/harbour",
    )
    turn = answer_of(edition, bold=(Span("a.md", 25, 34, "Ada Stone"),))
    embed = asking.reply(edition, turn, asked="Who built the harbour?")
    assert plain(embed) == (
        "“Who built the harbour?”\n"
        "The harbour was built by **Ada Stone** in 1871.\n"
        "-# The Harbour by The Tides · passage 1"
    )


def two_passages() -> tuple[Edition[Any], Answer]:
    """An edition of two sentences in two passages, and an answer whose lead is the second."""
    text = "One is here. Two is there."
    document = Document("a.md", None, None, text, ((0, 1),), ())
    passages = (Passage("a.md", 1, 0, 12, text[:12]), Passage("a.md", 2, 13, 26, text[13:]))
    sentences = (Sentence("a.md", 1, 0, 12, text[:12]), Sentence("a.md", 2, 13, 26, text[13:]))
    edition = Edition("e" * 64, (document,), passages, sentences, (), None)
    hits = (Hit(passages[1], sentences[1:], 2.0), Hit(passages[0], sentences[:1], 1.0))
    answer = fakes.answer_of("Two is there. One is here.", sentences[::-1], hits, edition=edition.id)
    return edition, answer


def test_the_lead_stands_alone_and_the_others_apart_from_it() -> None:
    edition, answer = two_passages()
    embed = asking.reply(edition, Turn("Where?", "Where?", answer))
    assert embed.description == "Two is there."
    assert [(each.name, each.value) for each in embed.fields] == [("Also in the article", "One is here.")]
    assert embed.footer.text == "a.md · passages 1 and 2"


def test_what_is_only_near_says_so_and_is_grey_and_alone() -> None:
    edition, answer = two_passages()
    near = replace(answer, certainty="near", bold=(Span("a.md", 13, 16, "Two"),))
    embed = asking.reply(edition, Turn("Where?", "Where?", near))
    assert embed.description == "This may not answer it; the nearest I find:\n\nTwo is there."
    assert embed.fields == []
    assert embed.footer.text == "a.md · passage 2"
    stated = asking.reply(edition, Turn("Where?", "Where?", answer))
    assert embed.colour != stated.colour


def test_a_song_is_named_above_its_answer_where_another_answers_too() -> None:
    edition, answer = two_passages()
    titled = replace(edition.documents[0], title="The [Harbour]", source="https://example.org/harbour")
    edition = replace(edition, documents=(titled,))
    turn = Turn("Where?", "Where?", answer)
    assert asking.reply(edition, turn).title is None
    embed = asking.reply(edition, turn, named=True)
    assert embed.title == "The \\[Harbour\\]"
    assert embed.url == "https://example.org/harbour"


def quotation_of(text: str, quoted: str, *bold: str, **changed: Any) -> str:
    """What is shown of a lead with a quotation in it."""
    at = text.index(quoted)
    span = Span("a.md", at, at + len(quoted), quoted)
    sentence = Sentence("a.md", 1, 0, len(text), text)
    kind = changed.pop("kind", "quotation")
    lead = Lead(kind, "a.md", 0, len(text), text, (sentence,), span, **changed)
    spans = [Span("a.md", text.index(each), text.index(each) + len(each), each) for each in bold]
    return shown_leads.shown(lead, spans, 2_000)


def test_a_quotation_is_a_block_with_its_marks_and_who_said_it_below() -> None:
    text = "From jail, she said:\n\nIt was cold.\n\nIt rained."
    shown = quotation_of(text, "It was cold.\n\nIt rained.", "cold", speaker="Ada Stone", source="Weekly")
    assert shown == "From jail, she said:\n> “It was **cold**.\n> It rained.”\n— Ada Stone, Weekly"


def test_a_reply_stands_below_its_question() -> None:
    text = "Interviewer: Was it cold?\n\nAda Stone: Yes."
    shown = quotation_of(text, "Yes.", kind="reply", speaker="Ada Stone")
    assert shown == "Interviewer: Was it cold?\n> “Yes.”\n— Ada Stone"


def test_a_list_stands_below_its_heading() -> None:
    text = "Ada: bass\n\nOtto: drums"
    sentence = Sentence("a.md", 1, 0, len(text), text)
    lead = Lead("items", "a.md", 0, len(text), text, (sentence,), context=Context("heading", "Personnel"))
    assert shown_leads.shown(lead, (), 2_000) == "*Personnel*\n• Ada: bass\n• Otto: drums"


# --- Why --------------------------------------------------------------------------------------------------


def why_of(certainty: Any = "stated", *, figures: bool = False, confidence: float = 0.9) -> discord.Embed:
    edition, _ = two_passages()
    evidence = (
        Evidence("a.md", 2, 2.0, {"late_before": 0.86, "bm25": 0.1, "nearby": 0.0}, ((13, 26),)),
        Evidence("a.md", 1, 1.0, {"late_before": 0.5, "bm25": 0.4}),
    )
    posted = Posted(1, 2, 3, 4, edition.id, confidence, evidence, certainty=certainty)
    return asking.why(edition, posted, figures=figures)


def test_why_says_in_words_what_led_to_an_answer() -> None:
    embed = why_of()
    assert embed.description == (
        "I compared the question with all 2 sentences of a.md. Passage 2 came first: it comes nearest to what"
        " the question means.\nI am quite sure that it answers the question.\n"
        "Next came passage 1, which fits it less."
    )
    assert embed.fields == []
    assert not re.search(r"\d\.\d|late|%|_", plain(embed))


def test_why_shows_moderators_the_figures_too() -> None:
    embed = why_of(figures=True)
    assert embed.fields[0].name == "a.md, passage 2"
    assert embed.fields[0].value == "score 2.00 · late before 0.86 · bm25 0.10 · nearby 0.00"
    assert embed.footer.text == "Confidence 0.90. Only moderators see the figures."


@pytest.mark.parametrize(
    ("certainty", "confidence", "said"),
    [
        ("near", 0.9, "not sure that it answers the question, which is why I said so"),
        ("stated", 0.5, "but I can be wrong"),
        (None, 0.9, "quite sure"),
    ],
)
def test_why_says_how_sure_it_is(certainty: Any, confidence: float, said: str) -> None:
    assert said in (why_of(certainty, confidence=confidence).description or "")


# --- Where words stand now --------------------------------------------------------------------------------


def test_words_are_found_where_they_stand_now() -> None:
    edition, answer = two_passages()
    kept = evidence_of(Turn("Where?", "Where?", answer))
    assert [(each.passage, each.sentences) for each in kept] == [(2, ((13, 26),)), (1, ((0, 12),))]
    posted = Posted(1, 2, 3, 4, edition.id, 0.9, kept, certainty="stated")
    assert find_place(edition, posted) == Place(edition.passages[1], ((13, 26), (0, 12)))
    # The same words, further on, in a file of another name.
    text = "New. Two is  there."
    document = Document("b.md", None, None, text, ((0, 1),), ())
    passage = Passage("b.md", 1, 0, len(text), text)
    sentences = (Sentence("b.md", 1, 0, 4, "New."), Sentence("b.md", 1, 5, len(text), text[5:]))
    moved = Edition("f" * 64, (document,), (passage,), sentences, (), None)
    assert find_place(moved, posted) == Place(passage, ((5, len(text)),))
    gone = replace(moved, sentences=sentences[:1])
    assert find_place(gone, posted) is None
    # What was kept before there were digests can be found in its own edition alone.
    old = replace(posted, evidence=tuple(replace(each, digests=()) for each in kept))
    assert find_place(edition, old) is not None
    assert find_place(moved, old) is None


def test_a_passage_that_was_only_near_is_found_again_by_what_came_nearest_in_it() -> None:
    edition, answer = two_passages()
    turn = Turn("Where?", "Where?", Unanswered("silent", answer.hits[0], edition.id, is_near=True))
    posted = Posted(1, 2, 3, 4, "older", 0.1, evidence_of(turn))
    assert find_place(edition, posted) == Place(edition.passages[1], ())


def test_what_another_song_says_is_found_again() -> None:
    edition, answer = two_passages()
    kept = evidence_of_other(Alternative("a.md", answer.lead, "stated", 0.4))
    assert kept == evidence_of_lead(replace(answer, confidence=0.4))
    assert find_other(edition, kept) == Place(edition.passages[1], ((13, 26),))
    assert find_other(edition, replace(kept, digests=("0" * 16,))) is None


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
