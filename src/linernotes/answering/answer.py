"""Evidence -> Answer or Unanswered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from linernotes.answering.aspects import lacks
from linernotes.answering.confidence import find_features, judgement
from linernotes.answering.lead import find_lead, unit_of
from linernotes.models import Answer, Hit, Unanswered

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from linernotes.answering.lead import Corpus
    from linernotes.models import Candidate, Evidence, Lead, Sentence

# The length aimed at, in characters; a single sentence or a quotation may be longer.
LENGTH = 380
# So many sentences make an answer; a quotation with the line that introduces it counts as one.
SENTENCES = 3
# An opening says what the whole is about as surely as an answer of this confidence answers.
OPENING_CONFIDENCE = 0.8


def decide(
    question: str, evidence: Evidence, corpus: Corpus, edition: str, *, refuse: bool = True
) -> Answer | Unanswered:
    """Answer from the evidence, or say that it does not.

    Args:
        question: in plain words, without what it leans on.
        evidence: what the search found.
        corpus: what was searched.
        edition: its edition's id.
        refuse: whether to say so; without it, the nearest sentences are the answer whatever they say.
    """
    hits = find_hits(evidence, corpus)
    lead = find_lead(evidence.candidates[0].position, corpus, {word.stem for word in evidence.words})
    chosen = choose(lead, evidence.candidates, corpus.sentences)
    passages = around(chosen, corpus)
    features = find_features(question, evidence, [each.text for each in chosen], passages, corpus)
    judge = judgement()
    confidence = judge.confidence.of(features)
    is_silent = not judge.shows(features) or lacks(question, passages)
    if is_silent and refuse:
        return Unanswered("silent", hits[0], edition, confidence, judge.is_near(features))
    return Answer(lead, show(lead, chosen), chosen, (), hits, "stated", confidence, edition)


def open_with(evidence: Evidence, corpus: Corpus, edition: str) -> Answer:
    """Answer what the whole is with the opening sentences of the document that fits the question best.

    The one of them that fits best leads.
    """
    sentences = corpus.sentences
    document = evidence.candidates[0].sentence.document
    start = next(i for i, sentence in enumerate(sentences) if sentence.document == document)
    opening: list[int] = []
    for position in range(start, len(sentences)):
        unit = unit_of(position, sentences)
        length = sum(len(sentences[i].text) + 1 for i in {*opening, *unit})
        if sentences[position].document != document or (
            opening and (length > LENGTH or len(opening) >= SENTENCES or sentences[position].passage > 1)
        ):
            break
        opening += [i for i in unit if i not in opening]
    best = next((each.position for each in evidence.candidates if each.position in opening), opening[0])
    lead = find_lead(best, corpus, {word.stem for word in evidence.words})
    chosen = (*lead.sentences, *(sentences[i] for i in opening if sentences[i] not in lead.sentences))
    hits = find_hits(evidence, corpus)
    first = Hit(corpus.passage(document, lead.sentences[0].passage), chosen, hits[0].score, hits[0].signals)
    others = tuple(hit for hit in hits if hit.passage != first.passage)
    return Answer(
        lead, show(lead, chosen), chosen, (), (first, *others), "stated", OPENING_CONFIDENCE, edition
    )


def choose(
    lead: Lead, candidates: Sequence[Candidate], sentences: Sequence[Sentence]
) -> tuple[Sentence, ...]:
    """Return the lead's sentences, then the best others of its document that fit the length.

    These are in the order of the text. What belongs together is taken whole: a quotation with the line that
    introduces it.
    """
    chosen: set[int] = set()
    units, length = 1, len(lead.text)
    for candidate in candidates:
        if candidate.sentence.document != lead.document or candidate.sentence in lead.sentences:
            continue
        unit = [
            i
            for i in unit_of(candidate.position, sentences)
            if i not in chosen and sentences[i] not in lead.sentences
        ]
        longer = length + sum(len(sentences[i].text) + 1 for i in unit)
        if unit and longer <= LENGTH and units < SENTENCES:
            chosen.update(unit)
            units += 1
            length = longer
    return (*lead.sentences, *(sentences[i] for i in sorted(chosen)))


def show(lead: Lead, chosen: Sequence[Sentence]) -> str:
    """Return the text of an answer: the lead as it stands in its document, then the other sentences."""
    others = join(chosen[len(lead.sentences) :])
    return f"{lead.text} {others}" if others else lead.text


def join(sentences: Iterable[Sentence]) -> str:
    """Return the sentences as a person reads them: one after the other, without line breaks."""
    return " ".join(" ".join(sentence.text.split()) for sentence in sentences)


def around(sentences: Sequence[Sentence], corpus: Corpus) -> str:
    """Return the text of the passages that the sentences stand in, with their headings."""
    passages = [corpus.passage(*key) for key in dict.fromkeys((s.document, s.passage) for s in sentences)]
    return "\n".join(f"{passage.heading or ''}\n{passage.text}" for passage in passages)


def find_hits(evidence: Evidence, corpus: Corpus) -> tuple[Hit, ...]:
    """Return the passages of the candidates, best first, each with its candidates."""
    found: dict[tuple[str, int], list[Candidate]] = {}
    for candidate in evidence.candidates:
        found.setdefault((candidate.sentence.document, candidate.sentence.passage), []).append(candidate)
    return tuple(
        Hit(corpus.passage(*key), tuple(each.sentence for each in group), group[0].score, group[0].signals)
        for key, group in found.items()
    )
