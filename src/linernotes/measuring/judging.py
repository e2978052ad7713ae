"""How one question came out: a reply and what is known of its answer in, a verdict out.

A question is *right* when the answer holds one of its gold answers, compared without case and punctuation;
for what the corpus does not say (``near``, ``off``), when no answer is given, or, to a near miss, none that
is stated. A quotation is right when it is found with the speaker that is expected.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from linernotes.models import Answer
from linernotes.words import bare_words, holds

if TYPE_CHECKING:
    from collections.abc import Iterable

    from linernotes.measuring.cases import Case, Expected, Kind
    from linernotes.models import Quote, Unanswered

Verdict = Literal["right", "wrong", "wrongly_refused", "wrongly_answered"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was replied to a question, and how long it took.

    ``withheld`` is the answer that would have been given in place of a refusal, where that is known.
    ``strayed`` is the judgement's probability with the passages of another question (a control).
    """

    case: Case
    reply: Answer | Unanswered
    milliseconds: float
    withheld: Answer | None = None
    strayed: float | None = None


def judge(case: Case, reply: Answer | Unanswered) -> Verdict:
    """Say how good a reply is."""
    return mark(Outcome(case, reply, 0)).verdict


@dataclass(frozen=True, slots=True)
class Mark:
    """How one question came out: all that the figures need.

    ``is_right`` is said of the answer and ``characters`` is its length, ``is_lead_right`` and
    ``lead_characters`` are the same of the lead, whether it was shown or withheld. ``is_passage_right`` says
    whether the best passage holds the gold answer. ``bold`` is how the words in bold compare with the gold
    answer (the F1 of their tokens) and ``bold_words`` how many they are; ``None`` where there are none.
    ``documents`` is how many the answer is made of.
    """

    kind: Kind
    is_shown: bool
    is_right: bool
    characters: int | None
    is_passage_right: bool
    confidence: float
    milliseconds: float | None = None
    is_lead_right: bool = False
    lead_characters: int | None = None
    is_stated: bool = True
    bold: float | None = None
    bold_words: int | None = None
    documents: int = 1

    @property
    def verdict(self) -> Verdict:
        """Say how good the reply is."""
        if self.kind == "off":
            return "wrongly_answered" if self.is_shown else "right"
        if self.kind == "near":
            return "wrongly_answered" if self.is_shown and self.is_stated else "right"
        if not self.is_shown:
            return "wrongly_refused"
        return "right" if self.is_right else "wrong"


def mark(outcome: Outcome) -> Mark:
    """Compare a reply with what is known."""
    case, reply = outcome.case, outcome.reply
    answer = reply if isinstance(reply, Answer) else outcome.withheld
    best = reply.hits[0] if isinstance(reply, Answer) else reply.nearest
    return Mark(
        case.kind,
        isinstance(reply, Answer),
        answer is not None and holds(answer.text, case.gold),
        None if answer is None else len(answer.text),
        best is not None and holds(best.passage.text, case.gold),
        reply.confidence,
        outcome.milliseconds,
        answer is not None and holds(answer.lead.text, case.gold),
        None if answer is None else len(answer.lead.text),
        isinstance(reply, Answer) and reply.certainty == "stated",
        *_bold(case, reply),
        len({each.document for each in reply.sentences}) if isinstance(reply, Answer) else 0,
    )


def _bold(case: Case, reply: Answer | Unanswered) -> tuple[float | None, int | None]:
    if not isinstance(reply, Answer) or not reply.bold or not case.gold:
        return None, None
    words = " ".join(span.text for span in reply.bold)
    return overlap(words, case.gold), len(words.split())


def overlap(text: str, gold: Iterable[str]) -> float:
    """Return the F1 of the text's words against those of the gold answer that they fit best.

    As SQuAD counts it (Rajpurkar et al. 2016): without case, punctuation and articles.
    """
    found = Counter(_counted(text))
    best = 0.0
    for each in gold:
        wanted = Counter(_counted(each))
        shared = (found & wanted).total()
        if shared:
            best = max(best, 2 * shared / (found.total() + wanted.total()))
    return best


def _counted(text: str) -> list[str]:
    return [word for word in bare_words(text) if word not in {"a", "an", "the"}]


def mark_quotations(expected: Iterable[Expected], found: Iterable[Quote]) -> tuple[bool | None, ...]:
    """Say of each expected quotation whether its speaker is right, or ``None`` where it was not found."""
    speakers = {(quote.document, quote.text): quote.speaker for quote in found}
    return tuple(
        speakers[each.document, each.text] == each.speaker if (each.document, each.text) in speakers else None
        for each in expected
    )
