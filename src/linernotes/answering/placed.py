"""A question that says where its answer stands -> the evidence with that place first.

"What did The Lantern write about them?" is answered by what The Lantern is quoted with, and "What did they
play for the encore?" by the list under "Encore". A name in a list is near to no question by itself: what
tells that it answers is the heading above it. And who names what only the title names has named the
document, nothing that its sentences would have to say again.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from linernotes.answering.lead import is_item
from linernotes.answering.wanted import words_of

if TYPE_CHECKING:
    from linernotes.answering.lead import Corpus
    from linernotes.models import Candidate, Evidence

_SAYS = (
    r"(?:say|said|says|write|wrote|writes|written|think|thought|thinks|call|called|calls|tell|told|report|reported"
    r"|remark|remarked|comment|commented|mention|mentioned)"
)
# Whose words are asked for: "what did X say", "according to X".
_WHOSE = (
    re.compile(
        rf"\bwhat (?:did|does|do|has|had|have) (.{{2,60}}?) (?:ever |once |also |to )?{_SAYS}\b",
        re.IGNORECASE,
    ),
    re.compile(r"\baccording to (.{2,60}?)(?:[,?.!]|$)", re.IGNORECASE),
)
_WHAT = re.compile(r"\b(?:what|which)\b", re.IGNORECASE)


def put_first(question: str, evidence: Evidence, corpus: Corpus) -> Evidence:
    """Return the evidence with the candidate first that stands where the question says, if there is one.

    It takes the best one's score: the ranking does not know of the place.
    """
    best = evidence.candidates[0]
    chosen = _of_whom(question, evidence, corpus) or _in_list(question, evidence, corpus)
    if chosen is None or chosen is best:
        return evidence
    others = tuple(each for each in evidence.candidates if each is not chosen)
    return replace(evidence, candidates=(replace(chosen, score=best.score), *others))


def without_title(evidence: Evidence, title: str) -> Evidence:
    """Return the evidence without the question's words that the document's title has and no sentence has."""
    known = {word.stem for word in words_of(title)}
    kept = [at for at, word in enumerate(evidence.words) if word.rarity < 1 or word.stem not in known]
    if not kept or len(kept) == len(evidence.words) or len(evidence.rarities) != len(evidence.words):
        return evidence
    return replace(
        evidence,
        candidates=tuple(
            replace(each, fits=tuple(each.fits[at] for at in kept)) for each in evidence.candidates
        ),
        rarities=tuple(evidence.rarities[at] for at in kept),
        words=tuple(evidence.words[at] for at in kept),
    )


def _of_whom(question: str, evidence: Evidence, corpus: Corpus) -> Candidate | None:
    """Return the best candidate that quotes whoever the question asks about."""
    found = next((match for pattern in _WHOSE if (match := pattern.search(question))), None)
    if found is None:
        return None
    asked = _stems(found[1])
    if not asked or asked <= _stems(evidence.candidates[0].sentence.text):
        # Where the best one speaks of whom is asked about, the ranking has seen what the question says.
        return None
    beside: Candidate | None = None
    for candidate in evidence.candidates:
        sentence = candidate.sentence
        for quote in corpus.quotes_of(sentence.document):
            if quote.spans[0][0] >= sentence.end or quote.spans[-1][1] <= sentence.start:
                continue
            if any(asked <= _stems(name or "") for name in (quote.speaker, quote.source)):
                return candidate
            # "Ann Hale of The Lantern reported": whom somebody speaks for stands before what is said.
            if beside is None and asked <= _stems(
                sentence.text[: max(0, quote.spans[0][0] - sentence.start)]
            ):
                beside = candidate
    return beside


def _stems(text: str) -> set[str]:
    return {word.stem for word in words_of(text) if not word.is_stop}


def _in_list(question: str, evidence: Evidence, corpus: Corpus) -> Candidate | None:
    """Return the best item of the list whose heading the question names, and the best sentence does not."""
    if not _WHAT.search(question):
        return None
    asked, said = _stems(question), _stems(evidence.candidates[0].sentence.text)
    for candidate in evidence.candidates:
        sentence = candidate.sentence
        passage = corpus.passage(sentence.document, sentence.passage)
        heading = (passage.heading or "").rsplit(" > ", 1)[-1]
        named = _stems(heading)
        # "I wrote the set list down" has a word of "Second Set", and is not what stands below it.
        if named and named <= asked and not named <= said and is_item(sentence, passage):
            return candidate
    return None
