"""Evidence -> Answer or Unanswered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from linernotes.answering.aspects import lacks
from linernotes.answering.confidence import find_features, judgement
from linernotes.models import Answer, Hit, Unanswered

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from linernotes.models import Candidate, Evidence, Passage, Sentence


class Corpus(Protocol):
    """What an answer is made of: an edition's sentences, which candidates count, its passages and names."""

    sentences: tuple[Sentence, ...]

    def passage(self, document: str, number: int) -> Passage: ...  # noqa: D102  said above

    def context(self, sentence: Sentence) -> str: ...  # noqa: D102  the headings above it, and who says it

    def is_name(self, word: str) -> bool: ...  # noqa: D102  said above


# The length aimed at, in characters; a single sentence or a quotation may be longer.
LENGTH = 380
# A quotation is shown whole up to this length, with the line that introduces it.
LONGEST_QUOTATION = 600
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
    chosen = choose(evidence.candidates, corpus.sentences)
    passages = around(chosen, corpus)
    context = " ".join(dict.fromkeys(map(corpus.context, chosen)))
    features = find_features(
        question, evidence, [each.text for each in chosen], passages, corpus, context=context
    )
    judge = judgement()
    confidence = judge.confidence.of(features)
    is_silent = not judge.shows(features) or lacks(question, passages)
    if is_silent and refuse:
        return Unanswered("silent", hits[0], edition, confidence)
    return Answer(join(chosen), chosen, hits, confidence, edition)


def open_with(evidence: Evidence, corpus: Corpus, edition: str) -> Answer:
    """Answer what the whole is with the opening sentences of the document that fits the question best."""
    sentences = corpus.sentences
    document = evidence.candidates[0].sentence.document
    start = next(i for i, sentence in enumerate(sentences) if sentence.document == document)
    chosen: list[int] = []
    for position in range(start, len(sentences)):
        unit = _unit(position, sentences)
        length = sum(len(sentences[i].text) + 1 for i in {*chosen, *unit})
        if sentences[position].document != document or (
            chosen and (length > LENGTH or len(chosen) >= SENTENCES or sentences[position].passage > 1)
        ):
            break
        chosen += [i for i in unit if i not in chosen]
    opening = tuple(sentences[i] for i in chosen)
    hits = find_hits(evidence, corpus)
    first = Hit(corpus.passage(document, opening[0].passage), opening, hits[0].score, hits[0].signals)
    others = tuple(hit for hit in hits if hit.passage != first.passage)
    return Answer(join(opening), opening, (first, *others), OPENING_CONFIDENCE, edition)


def choose(candidates: Sequence[Candidate], sentences: Sequence[Sentence]) -> tuple[Sentence, ...]:
    """Return the best sentences that fit the length, in the order of the text.

    What belongs together is taken whole: a quotation with the line that introduces it.
    """
    chosen: set[int] = set()
    units = length = 0
    # What an interviewer says answers nothing; a short reply brings its question along.
    replies = [candidate for candidate in candidates if not candidate.sentence.asks]
    for candidate in replies or candidates:
        unit = [i for i in _unit(candidate.position, sentences) if i not in chosen]
        longer = length + sum(len(sentences[i].text) + 1 for i in unit)
        if unit and (not chosen or (longer <= LENGTH + 1 and units < SENTENCES)):
            chosen.update(unit)
            units += 1
            length = longer
    return tuple(sentences[i] for i in sorted(chosen))


def _unit(position: int, sentences: Sequence[Sentence]) -> range:
    """Return the positions of the sentences that are shown together with this one.

    Of a quotation that is too long to be shown whole (a reply in an interview), the sentence alone, with the
    line before it where that introduces the quotation.
    """
    first = position
    while sentences[first].tied:
        first -= 1
    end = position + 1
    while end < len(sentences) and sentences[end].tied:
        end += 1
    if sentences[end - 1].end - sentences[first].start <= LONGEST_QUOTATION:
        return range(first, end)
    return range(first if position == first + 1 and _introduces(sentences[first]) else position, position + 1)


def _introduces(sentence: Sentence) -> bool:
    return sentence.text.rstrip().endswith(":")


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
