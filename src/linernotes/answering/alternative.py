"""What another document was said to answer -> an answer: what was offered is shown when it is asked for."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from linernotes.models import Alternative, Answer, Hit

if TYPE_CHECKING:
    from collections.abc import Iterable

    from linernotes.models import Passage, Turn


def keep_promise(turn: Turn, promised: Alternative, passages: Iterable[Passage]) -> Turn:
    """Return a turn that answers at least what was offered beside another document's answer.

    Args:
        turn: what the document says when it is asked alone.
        promised: what it said when all were asked.
        passages: those of the edition that was asked.
    """
    if isinstance(turn.reply, Answer) and turn.reply.certainty == "stated":
        return turn
    lead = promised.lead
    number = lead.sentences[0].passage
    for passage in passages:
        if (passage.document, passage.number) != (lead.document, number):
            continue
        if passage.text[lead.start - passage.start : lead.end - passage.start] == lead.text:
            hit = Hit(passage, lead.sentences, 0.0)
            certainty, confidence = promised.certainty, promised.confidence
            reply = Answer(
                lead, lead.text, lead.sentences, (), (hit,), certainty, confidence, turn.reply.edition
            )
            return replace(turn, reply=reply)
    return turn


def alternative_to(answer: Answer) -> Alternative:
    """Return an answer as what can be offered beside another document's."""
    return Alternative(answer.lead.document, answer.lead, answer.certainty, answer.confidence)
