"""Evidence -> Answer or Unanswered."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from linernotes.models import Answer, Hit, Unanswered

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from linernotes.models import Candidate, Evidence, Passage, Sentence

# An answer's length aimed at, in characters; a single sentence or a quotation may be longer.
LENGTH = 360
SENTENCES = 3


def decide(
    evidence: Evidence,
    sentences: Sequence[Sentence],
    passages: Mapping[tuple[str, int], Passage],
    edition: str,
) -> Answer | Unanswered:
    hits = _hits(evidence, passages)
    confidence = 1 / (1 + math.exp(-(evidence.candidates[0].score - 20) / 2))
    if confidence < 0.1:
        return Unanswered("silent", hits[0], edition, confidence)
    chosen = choose(evidence.candidates, sentences)
    return Answer(join(chosen), chosen, hits, confidence, edition)


def choose(candidates: Sequence[Candidate], sentences: Sequence[Sentence]) -> tuple[Sentence, ...]:
    chosen: set[int] = set()
    for candidate in candidates[:12]:
        unit = _unit(candidate.position, sentences) - chosen
        length = sum(len(sentences[i].text) + 1 for i in chosen | unit)
        if unit and (not chosen or (length <= LENGTH and len(chosen | unit) <= SENTENCES)):
            chosen |= unit
    return tuple(sentences[i] for i in sorted(chosen))


def _unit(position: int, sentences: Sequence[Sentence]) -> set[int]:
    first = position
    while sentences[first].tied:
        first -= 1
    last = position
    while last + 1 < len(sentences) and sentences[last + 1].tied:
        last += 1
    return set(range(first, last + 1))


def join(sentences: Sequence[Sentence]) -> str:
    return " ".join(" ".join(sentence.text.split()) for sentence in sentences)


def _hits(evidence: Evidence, passages: Mapping[tuple[str, int], Passage]) -> tuple[Hit, ...]:
    found: dict[tuple[str, int], list[Candidate]] = {}
    for candidate in evidence.candidates:
        found.setdefault((candidate.sentence.document, candidate.sentence.passage), []).append(candidate)
    return tuple(
        Hit(passages[key], tuple(c.sentence for c in group), group[0].score, group[0].signals)
        for key, group in found.items()
    )
