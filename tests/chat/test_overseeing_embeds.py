"""What is said to those who watch over a library keeps to Discord's limits, whatever was written."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_embeds import LONG, NASTY, answer_of, check, edition_of, forged, quickly, silence_of

from linernotes.chat.frame.markup import width
from linernotes.chat.frame.question_text import anonymous
from linernotes.chat.overseeing import embeds
from linernotes.library.catalogue import OPERATOR, Act, Check, Gap, Revision
from linernotes.library.following import Moved

if TYPE_CHECKING:
    from linernotes.models import Answer, Unanswered

TEXT = NASTY | LONG
AT = 1_800_000_000.5
PERSON = st.sampled_from([None, OPERATOR, 10**18])


def unmarked(text: str) -> str:
    """Return what is shown without the markup that is ours."""
    for ours in ("**", "-# ", "*Tell a moderator*", "`/corpus reload`", "`eeeeeeee`", "`ffffffff`", "(#1)"):
        text = text.replace(ours, "")
    return text.replace(f"<@{10**18}>", "").replace(f"<t:{int(AT)}:R>", "")


def checks_of(text: str, many: int, *, said: bool) -> list[tuple[Check, Answer | Unanswered]]:
    edition = edition_of(text)
    reply = (answer_of(edition) if said else silence_of(edition)).reply
    return [(Check(number, text, f"{text}\n{text};x", AT, 1), reply) for number in range(many)]


@given(TEXT, st.integers(0, embeds.CHECKS_PER_PAGE), st.booleans(), st.booleans())
@quickly
def test_check_questions_keep_to_discords_limits(text: str, many: int, said: bool, removed: bool) -> None:
    entries = checks_of(text, many, said=said)
    gone = Check(9, text, text, AT, 1) if removed else None
    embed = embeds.checks(entries, 50 if many else 0, 9 if many else 0, removed=gone)
    check(embed)
    for each, reply in entries:
        check(embeds.check_added(each.question, each.words, reply))


@given(NASTY, st.booleans())
@quickly
def test_no_text_in_a_check_question_forges_markup(text: str, said: bool) -> None:
    ((entry, reply),) = checks_of(text, 1, said=said)
    listed = embeds.checks([(entry, reply)], 1, 0, removed=entry).description or ""
    assert forged(unmarked(listed).replace("1. ", "")) == []
    assert forged(unmarked(embeds.check_added(text, text, reply).description or "")) == []


def gaps_of(text: str, many: int) -> list[tuple[Gap, ...]]:
    return [tuple(Gap(n, f"{text}{n}", n % 2 == 0, AT - n) for n in range(many))] * 7


@given(TEXT, st.integers(1, 9), st.integers(-3, 9))
@quickly
def test_gaps_keep_to_discords_limits(text: str, many: int, page: int) -> None:
    check(embeds.gaps(gaps_of(text, many), page))
    check(embeds.gaps([], page))
    check(embeds.gaps_off())


@given(NASTY, st.integers(1, 9))
@quickly
def test_no_text_of_a_gap_forges_markup(text: str, many: int) -> None:
    assert forged(unmarked(embeds.gaps(gaps_of(text, many), 0).description or "")) == []


def test_a_group_shows_three_of_its_questions_and_when_it_was_asked_last() -> None:
    group = [Gap(n, question, n == 1, AT - n) for n, question in enumerate(("a?", "b?", "a?", "c?", "d?"))]
    assert embeds.gaps([group], 0).description == (
        f"**1 · “a?”**\nalso “b?”\nalso “c?”\n"
        f"-# asked 5 times · 1 time with *Tell a moderator* · last <t:{int(AT)}:R>"
    )


@given(TEXT, PERSON, st.integers(0, embeds.ACTS_PER_PAGE), st.integers(0, 9))
@quickly
def test_an_audit_trail_keeps_to_discords_limits(text: str, person: Any, many: int, page: int) -> None:
    acts = [Act(n, AT, person, text, "e" * 64, "f" * 64) for n in range(many)]
    revisions = [Revision(1, n, "f" * 64, text, AT, person) for n in range(10)]
    check(embeds.audit(acts, page * embeds.ACTS_PER_PAGE + many, revisions, page))


@given(NASTY, PERSON)
@quickly
def test_no_text_in_an_audit_trail_forges_markup(text: str, person: Any) -> None:
    act = Act(1, AT, person, text, "e" * 64, "f" * 64)
    shown = embeds.audit([act], 1, [Revision(1, 1, "f" * 64, text, AT, person)], 0).description
    assert forged(unmarked(shown or "")) == []


@pytest.mark.parametrize(
    ("before", "after", "shown"),
    [
        (None, None, ""),
        ("e" * 64, "e" * 64, ""),
        ("e" * 64, "f" * 64, " · `eeeeeeee` → `ffffffff` (#3)"),
        ("e" * 64, "d" * 64, " · `eeeeeeee` → `dddddddd`"),
    ],
)
def test_an_act_names_its_editions_where_it_changed_them(
    before: str | None, after: str | None, shown: str
) -> None:
    revisions = [Revision(1, 3, "f" * 64, "x", AT, 1), Revision(1, 4, "d" * 64, "x", AT + 1, 1)]
    said = embeds.audit([Act(1, AT, None, "did it", before, after)], 1, revisions, 0).description
    assert said == f"<t:{int(AT)}:R> · somebody who asked to be forgotten · did it{shown}"


@given(TEXT)
@quickly
def test_what_moderators_are_told_is_one_message_without_markup_of_others(text: str) -> None:
    for shown in (
        embeds.held(Moved(1, "held", "e" * 64, text)),
        embeds.mended(Moved(1, "mended", "e" * 64, text)),
    ):
        assert 1 <= width(shown) <= 2_000
        assert "@everyone" not in shown
    check(embeds.moderators(10**18))
    check(embeds.moderators(None))


# --- Questions without who is meant -----------------------------------------------------------------------


@given(TEXT, st.integers(1, 300))
@quickly
def test_what_is_left_of_a_question_is_short_and_has_no_address_or_id(text: str, limit: int) -> None:
    left = anonymous(text, limit)
    assert width(left) <= limit
    assert "@" not in left
    assert "://" not in left
    assert left == "" or any(char.isalnum() for char in left)
    assert sum(char.isdigit() for char in left) < 7 or max(map(_digits, left.split())) < 7


def _digits(word: str) -> int:
    longest = run = 0
    for char in word:
        run = run + 1 if char.isdigit() else 0
        longest = max(longest, run)
    return longest


@pytest.mark.parametrize(
    ("content", "left"),
    [
        ("<@12> <@!12> <@&12> <#12> <:a:12> <a:b:12> who paid?", "who paid?"),
        ("is it ada.stone+x@mail.example.org, or @ada?", "is it , or ?"),
        ("ask ada＠mail.example or １２３４５６７８９", "ask or"),  # noqa: RUF001  the letters are meant
        ("what is https://example.org/ada?x=1 about", "what is about"),
        ("does ada#1234 sing it", "does sing it"),
        ("is 123456789012345678 in it", "is in it"),
        ("who sang it in 1871, or in 2023?", "who sang it in 1871, or in 2023?"),
        ("**who** ||sang|| `it`?", "who sang it ?"),
        ("what is C#?", "what is C#?"),
        ("<@**12345678**> who?", "< > who?"),
        ("who is in discord.gg/abc or discord . gg / abc", "who is in or"),
        ("is www.example.org/photos hers", "is hers"),
        ("is youtu.be/x1 or t.me/ada or example.co.uk hers", "is or or hers"),
        ("ring +44 20 7946 0958, (555) 123-4567 or 12.34.56.78.90", "ring , or"),
        ("why 192.168.0.1, 10.0.0.1:8080 or 2001:db8::1", "why , or"),
        ("what came between 1990-1995 and on 12.05.2016", "what came between 1990-1995 and on 12.05.2016"),
        ("is will.i.am e.g. 9.5/10 at 3:45:20", "is will.i.am e.g. 9.5/10 at 3:45:20"),
        ("is it over.What then, AC/DC and/or Mr.Dre", "is it over.What then, AC/DC and/or Mr.Dre"),
        ("<@12>?!", ""),
        ("ada@mail.example", ""),
        ("", ""),
    ],
)
def test_what_says_who_is_meant_is_taken_out(content: str, left: str) -> None:
    assert anonymous(content, 200) == left


@pytest.mark.parametrize(
    "text",
    [
        "a" * 6_000,
        "a." * 3_000,
        "@" * 6_000,
        "1" * 6_000,
        "a@" * 3_000,
        ":/" * 3_000,
        *(each * 2_000 for each in ("1 ", "1.", "1:", "a-", "a.bc", "(", "+1 ")),
    ],
)
def test_no_question_takes_long_to_strip(text: str) -> None:
    started = time.perf_counter()
    anonymous(text, 200)
    assert time.perf_counter() - started < 0.5
