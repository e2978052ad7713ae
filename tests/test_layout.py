"""A lead is divided into the lines that a person reads."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linernotes.answering.layout import lay_out
from linernotes.models import Context, Lead, Sentence, Span


def lead_of(text: str, quoted: str | None = None, **changed: Any) -> Lead:
    """A lead that begins at offset 10 of its document, with a part of it that somebody said."""
    start = 10
    sentence = Sentence("a.md", 1, start, start + len(text), text)
    span = None
    if quoted is not None:
        at = start + text.index(quoted)
        span = Span("a.md", at, at + len(quoted), quoted)
    kind = changed.pop("kind", "sentence" if quoted is None else "quotation")
    return Lead(kind, "a.md", start, start + len(text), text, (sentence,), span, **changed)


def lines_of(lead: Lead) -> list[tuple[str, str]]:
    return [(line.kind, line.text) for line in lay_out(lead)]


def test_a_sentence_is_a_line() -> None:
    assert lines_of(lead_of("It took her eleven winters.")) == [("text", "It took her eleven winters.")]


def test_a_quotation_stands_apart_from_what_introduces_it_and_its_speaker_below() -> None:
    text = "She told the Weekly:\n\nIt was cold. It rained."
    lead = lead_of(text, "It was cold. It rained.", speaker="Ada Stone", source="Weekly")
    assert lines_of(lead) == [
        ("text", "She told the Weekly:"),
        ("quote", "It was cold. It rained."),
        ("speaker", "Ada Stone, Weekly"),
    ]


@pytest.mark.parametrize(("opening", "closing"), ["“”", "‘’", "«»", '""'])  # noqa: RUF001
def test_the_marks_of_a_quotation_are_none_of_its_words(opening: str, closing: str) -> None:
    lead = lead_of(f"Ada Stone said: {opening}It was cold.{closing}", "It was cold.", speaker="Ada Stone")
    assert lines_of(lead) == [
        ("text", "Ada Stone said:"),
        ("quote", "It was cold."),
        ("speaker", "Ada Stone"),
    ]


def test_a_quotation_of_several_paragraphs_keeps_them() -> None:
    lead = lead_of("It was cold.\n\nIt rained.", "It was cold.\n\nIt rained.")
    assert lines_of(lead) == [("quote", "It was cold."), ("quote", "It rained.")]


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("“It was cold. It rained,” she said.", "It was cold. It rained,"),
        ("“It was cold,” said Ada. “It rained.”", "It was cold,” said Ada. “It rained."),
        ('"It was cold," said Ada. "It rained."', 'It was cold," said Ada. "It rained.'),
    ],
)
def test_what_is_told_within_or_after_a_quotation_stays_where_it_is(text: str, quoted: str) -> None:
    assert lines_of(lead_of(text, quoted, speaker="Ada Stone")) == [("text", text), ("speaker", "Ada Stone")]


def test_a_quotation_within_a_quotation_does_not_end_it() -> None:
    text = "He said: “They called it “the wall” then.”"
    assert ("quote", "They called it “the wall” then.") in lines_of(
        lead_of(text, "They called it “the wall” then.")
    )


def test_a_sentence_that_introduces_a_quotation_with_a_colon_is_laid_out_like_one() -> None:
    lead = lead_of("Ada Stone said: “It was cold.”", "It was cold.", kind="sentence", speaker="Ada Stone")
    assert lines_of(lead) == [
        ("text", "Ada Stone said:"),
        ("quote", "It was cold."),
        ("speaker", "Ada Stone"),
    ]


def test_who_is_named_in_a_sentence_is_not_named_again() -> None:
    text = "Ada Stone called it “a wall”."
    assert lines_of(lead_of(text, "a wall", kind="sentence", speaker="Ada Stone")) == [("text", text)]
    unnamed = "She called it “a wall”."
    assert lines_of(lead_of(unnamed, "a wall", kind="sentence", speaker="Ada Stone"))[1:] == [
        ("speaker", "Ada Stone")
    ]


def test_a_reply_comes_with_its_question_and_not_with_the_label_of_who_replies() -> None:
    text = "Interviewer: Was it cold?\n\nAda Stone: Yes."
    lead = lead_of(text, "Yes.", kind="reply", speaker="Ada Stone")
    assert lines_of(lead) == [
        ("text", "Interviewer: Was it cold?"),
        ("quote", "Yes."),
        ("speaker", "Ada Stone"),
    ]
    asked = Context("question", "Interviewer: Was it cold?")
    lead = lead_of("Ada Stone: Yes.", "Yes.", kind="reply", speaker="Ada Stone", context=asked)
    assert lines_of(lead)[0] == ("context", "Interviewer: Was it cold?")


def test_the_items_of_a_list_stand_below_their_heading() -> None:
    lead = lead_of("On it are:\nAda: bass\n\nOtto: drums", kind="items", context=Context("heading", "A > B"))
    assert lines_of(lead) == [
        ("context", "A › B"),  # noqa: RUF001
        ("text", "On it are:"),
        ("item", "Ada: bass"),
        ("item", "Otto: drums"),
    ]


@given(st.text("ab .:\n“”\"'\t", min_size=1), st.data())
@settings(deadline=None)
def test_each_line_is_a_stretch_of_the_document(text: str, data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(["sentence", "quotation", "reply", "items"]))
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    sentence = Sentence("a.md", 1, 10, 10 + len(text), text)
    quoted = Span("a.md", 10 + start, 10 + end, text[start:end])
    lead = Lead(kind, "a.md", 10, 10 + len(text), text, (sentence,), quoted, None, "Ada", None)
    read = [line for line in lay_out(lead) if line.kind != "speaker"]
    for line in read:
        assert line.start is not None
        assert text[line.start - 10 :].startswith(line.text)
        assert line.text == line.text.strip() != ""
    starts = [line.start for line in read if line.start is not None]
    assert starts == sorted(starts)
