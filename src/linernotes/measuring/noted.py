"""Questions put to moderators' notes -> what says whether a note answers them.

A note is read as an article's section is, but it answers other questions than these do: its heading is what
was asked, its one or two sentences may share no word with it, and what sounds like that heading comes near
whatever it asks. So the judgement has models of its own for what notes say.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from linernotes.answering.answer import compose, look, of_one_document
from linernotes.answering.confidence import NOTED, WINDOWS, Judge
from linernotes.answering.placed import put_first
from linernotes.measuring.fitting import fit_logistic
from linernotes.models import NOTES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from linernotes.engine import Engine
    from linernotes.models import Edition
    from linernotes.retrieval.index import Index

# To each article with its notes, so many questions of other articles are put: with 40, the threshold hung on
# two or three of them. They count as if they were so many in the fit.
_STRANGERS, _COUNTING = 120, 40
# So many of these may get past ``least``.
_STRANGERS_SHOWN = 0.01
# So many of the questions that sound like a note's and that it does not answer may be stated.
_NEAR_STATED = 0.15
# How far the weights may go: these questions are fewer than the articles' (the inverse of the penalty).
_FREEDOM = 0.1


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, and what the note says that answers it; ``None`` where none does."""

    question: str
    answer: str | None


@dataclass(frozen=True, slots=True)
class Put:
    """A question whose lead is a note's: its figures, whether that answers, whether a stranger asked."""

    features: tuple[float, ...]
    is_right: bool
    is_strange: bool


def fit_notes(
    engine: Engine,
    noted: Sequence[tuple[Edition[Index], Sequence[Asked]]],
    strangers: Sequence[str],
    gain: float,
) -> Judge:
    """Learn what is said where a note leads.

    Args:
        engine: with its reader.
        noted: articles that have notes, each with the questions that are put to them.
        strangers: questions that have to do with none of these.
        gain: of the judgement of articles that are read; others are shown with a note as with an article.
    """
    chance = random.Random(0)  # noqa: S311  nothing is kept secret by it
    put: list[Put] = []
    for edition, asked in noted:
        drawn = chance.sample(list(strangers), min(_STRANGERS, len(strangers)))
        put += questions_put(engine, edition, asked, gain, is_strange=False)
        put += questions_put(engine, edition, [Asked(each, None) for each in drawn], gain, is_strange=True)
    answered = fit_logistic(
        [each.features for each in put],
        [each.is_right for each in put],
        [_COUNTING / _STRANGERS if each.is_strange else 1.0 for each in put],
        NOTED,
        _FREEDOM,
    )
    strange = [answered.of(each.features) for each in put if each.is_strange]
    near = [answered.of(each.features) for each in put if not each.is_strange and not each.is_right]
    least = float(np.quantile(strange, 1 - _STRANGERS_SHOWN)) if strange else 0.0
    stated = float(np.quantile(near, 1 - _NEAR_STATED)) if near else 0.0
    return Judge(answered, least, max(stated, least), answered, gain)


def questions_put(
    engine: Engine, edition: Edition[Index], asked: Sequence[Asked], gain: float, *, is_strange: bool
) -> Iterator[Put]:
    """Yield what comes of the questions that a note leads the answer to."""
    for each in asked:
        found = engine.search(edition, each.question)
        if found is None:
            continue
        question, evidence, earlier = found
        read = engine.read(
            edition, question, put_first(question, evidence, edition.index), WINDOWS, earlier=earlier
        )
        read = of_one_document(put_first(question, read, edition.index))
        if read.candidates[0].sentence.document != NOTES:
            continue
        composed = compose(read, edition.index, gain)
        is_right = each.answer is not None and composed.lead.text in each.answer
        yield Put(look(question, composed, read, edition.index), is_right, is_strange)
