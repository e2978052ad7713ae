"""What leads an answer: one unit of the text, with what a stranger needs besides."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fakes import FakeEmbedder, FakeReader
from linernotes.answering.lead import LONGEST_QUOTATION, find_lead
from linernotes.corpus.files import read_document
from linernotes.engine import Engine
from linernotes.library.editions import EditionStore
from linernotes.models import Answer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from linernotes.models import Edition, Excerpt, Lead, Reading
    from linernotes.retrieval.index import Index


def edition_of(text: str, engine: Engine | None = None) -> Edition[Index]:
    engine = engine or Engine(FakeEmbedder())
    document = read_document(text.encode(), "a.md")[0]
    return EditionStore(None, engine.segments, engine.indexes).open_edition([document])


def lead_of(text: str, sentence: str, *said: str) -> Lead:
    """Return the lead that the sentence which begins like this makes."""
    edition = edition_of(text)
    at = next(i for i, each in enumerate(edition.sentences) if each.text.startswith(sentence))
    lead = find_lead(at, edition.index, said)
    assert edition.documents[0].text[lead.start : lead.end] == lead.text
    assert lead.sentences
    return lead


def test_a_sentence_leads_alone() -> None:
    lead = lead_of("The harbour is old. The wall is new. Nobody knows why.", "The wall")
    assert (lead.kind, lead.text, lead.context) == ("sentence", "The wall is new.", None)


def test_a_quotation_leads_with_the_line_that_introduces_it() -> None:
    text = "The wall is new.\n\nAda Stone told Sailor Weekly this:\n\n> Nobody believed in it. I did.\n"
    lead = lead_of(text, "I did")
    assert lead.kind == "quotation"
    assert lead.text == "Ada Stone told Sailor Weekly this:\n\nNobody believed in it. I did."
    assert lead.introduction is not None
    assert lead.introduction.text == "Ada Stone told Sailor Weekly this:"
    assert lead.quoted is not None
    assert lead.quoted.text == "Nobody believed in it. I did."
    assert lead.speaker == "Ada Stone"


def test_a_sentence_of_a_long_quotation_says_who_introduces_it() -> None:
    words = " ".join(f"Sentence number {n} of what she said at great length." for n in range(14))
    assert len(words) > LONGEST_QUOTATION
    lead = lead_of(f"Ada Stone said this to us:\n\n> {words}\n", "Sentence number 7")
    assert lead.text == "Sentence number 7 of what she said at great length."
    assert lead.kind == "quotation"
    assert lead.context is not None
    assert (lead.context.kind, lead.context.text) == ("introduction", "Ada Stone said this to us:")


INTERVIEW = """Interviewer: Did you really wipe the tape?

Ada Stone: It is true. I spilled soup on the machine in January and lost the strings, which had taken a year.

Interviewer: And the fade?

Ada Stone: I should have let it stop, but I was tired, and it was four in the morning when we got to it.
"""


def test_a_short_reply_leads_with_its_question() -> None:
    lead = lead_of(INTERVIEW, "Ada Stone: It is true")
    assert lead.kind == "reply"
    assert lead.text.startswith("Interviewer: Did you really wipe the tape?")
    assert "It is true." in lead.text
    assert lead.speaker == "Ada Stone"


def test_a_long_reply_has_its_question_as_context() -> None:
    lead = lead_of(INTERVIEW, "Ada Stone: I should have let it stop")
    assert lead.text.startswith("Ada Stone: I should have let it stop")
    assert lead.context is not None
    assert (lead.context.kind, lead.context.text) == ("question", "Interviewer: And the fade?")


def test_items_lead_together_below_their_heading() -> None:
    lists = "## Encore\n\n- Goose Fair\n- Ludlow Town\n\n## Band\n\n- Odo\n- Ida\n"
    lead = lead_of(f"# Show\n\nThey played for two hours.\n\n{lists}", "Ludlow")
    assert (lead.kind, lead.text.split("\n\n")) == ("items", ["Goose Fair", "Ludlow Town"])
    assert lead.context is not None
    assert (lead.context.kind, lead.context.text) == ("heading", "Encore")


def test_an_item_of_a_long_list_leads_alone() -> None:
    items = "\n".join(f"- The song with the number {n}" for n in range(20))
    lead = lead_of(f"## Songs\n\n{items}\n", "The song with the number 7")
    assert lead.text == "The song with the number 7"


def test_a_lead_that_leans_on_the_sentence_before_brings_it() -> None:
    text = "Ada Stone came from Hull. She built the harbour in 1871."
    assert lead_of(text, "She built").text == text


def test_a_lead_that_the_question_explains_stands_alone() -> None:
    text = "Ada Stone came from Hull. She built the harbour in 1871."
    assert lead_of(text, "She built", "ada", "stone").text == "She built the harbour in 1871."


@pytest.mark.parametrize(
    "before", ["The song came out in May.", "It came out in May.", "On it he plays a spoon."]
)
def test_what_it_is_needs_no_sentence_that_does_not_say_it(before: str) -> None:
    lead = lead_of(f"{before} Its subject is a lamp.", "Its subject")
    assert lead.text == "Its subject is a lamp."
    assert lead.context is None


@pytest.mark.parametrize("before", ["The song was refused by all.", "It was refused by all."])
def test_what_this_or_somebody_is_may_need_it_all_the_same(before: str) -> None:
    assert lead_of(f"{before} This made him ill.", "This made").text == f"{before} This made him ill."
    assert lead_of("The wall fell. It was rebuilt.", "It was").text == "The wall fell. It was rebuilt."


def test_a_lead_that_leans_on_a_heading_has_it_as_context() -> None:
    lead = lead_of("# Harbour\n\n## The wall\n\nIt was built in 1871.\n", "It was")
    assert lead.text == "It was built in 1871."
    assert lead.context is not None
    assert (lead.context.kind, lead.context.text) == ("heading", "The wall")


def test_a_lead_that_leans_on_a_long_sentence_has_it_as_context() -> None:
    long = "Ada Stone came from Hull " + "and from other places on the coast " * 6 + "as a child."
    lead = lead_of(f"{long} She built the harbour in 1871.", "She built")
    assert lead.text == "She built the harbour in 1871."
    assert lead.context is not None
    assert lead.context.kind == "sentence"
    assert lead.context.text == long


# --- What the reader does ---------------------------------------------------------------------------------

TOWN = """# The town

The harbour was built by Ada Stone in 1871. The lanterns are green.

## Later

Otto Blum painted the wall of the harbour.
"""


def ask(question: str, reader: FakeReader | None) -> Answer:
    engine = Engine(FakeEmbedder(), reader=reader)
    reply = engine.ask(edition_of(TOWN, engine), question, refuse=False).reply
    assert isinstance(reply, Answer)
    return reply


def test_the_reader_reads_each_candidate_in_its_section_below_title_and_heading() -> None:
    class Noting(FakeReader):
        def read(
            self, question: str, excerpts: Sequence[Excerpt], earlier: str = "", windows: int | None = None
        ) -> list[Reading | None]:
            noted.extend(excerpts)
            return super().read(question, excerpts, earlier, windows)

    noted: list[Excerpt] = []
    engine = Engine(FakeEmbedder(), reader=Noting())
    edition = edition_of(TOWN, engine)
    found = engine.search(edition, "Who painted the wall?")
    assert found is not None
    engine.read(edition, found.question, found.evidence, windows=3)
    headings = {each.sentence: (each.heading, each.before, each.after) for each in noted}
    assert headings["The lanterns are green."] == (
        "The town",
        ("The harbour was built by Ada Stone in 1871.",),
        (),
    )
    assert headings["Otto Blum painted the wall of the harbour."] == ("The town: Later", (), ())


def test_words_in_bold_are_the_leads_own() -> None:
    reply = ask("Who built the harbour in 1871?", FakeReader())
    for span in reply.bold:
        assert span.document == reply.lead.document
        assert reply.lead.start <= span.start < span.end <= reply.lead.end
        assert reply.lead.text[span.start - reply.lead.start : span.end - reply.lead.start] == span.text


def test_nothing_is_in_bold_without_a_reader() -> None:
    assert ask("Who built the harbour in 1871?", None).bold == ()


@pytest.mark.parametrize("reader", [FakeReader(), None])
def test_the_text_of_an_answer_begins_with_its_lead(reader: FakeReader | None) -> None:
    reply = ask("Who painted the wall?", reader)
    assert reply.text.startswith(reply.lead.text)
    assert reply.sentences[: len(reply.lead.sentences)] == reply.lead.sentences
