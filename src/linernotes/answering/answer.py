"""Evidence -> Answer or Unanswered."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from linernotes.answering.confidence import COMPARED, WINDOWS, find_features, judgement
from linernotes.answering.lead import find_lead, unit_of
from linernotes.answering.placed import put_first
from linernotes.models import NOTES, Answer, Hit, Span, Unanswered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from linernotes.answering.confidence import Judge
    from linernotes.answering.lead import Corpus
    from linernotes.models import Candidate, Certainty, Evidence, Lead, Sentence

# With the lead, the sentences that are shown have up to so many characters; the lead alone may have more.
LENGTH = 380
# So many units make an answer; a quotation with the line that introduces it is one.
UNITS = 3
# What an article is about is sought in so many of its first sentences.
OPENING = 6
# And is told in so many characters, unless its one sentence has more.
OPENING_LENGTH = 280
# An opening says what the whole is about as surely as an answer of this confidence answers.
OPENING_CONFIDENCE = 0.8
# Other documents are asked as well where their sentences have so much of the ranking's probability.
RIVAL_SHARE = 0.1
# More words than this in bold mark nothing.
MOST_BOLD = 12


def decide(
    question: str,
    evidence: Evidence,
    corpus: Corpus,
    edition: str,
    *,
    read: Callable[[Evidence, int], Evidence] | None = None,
    refuse: bool = True,
) -> Answer | Unanswered:
    """Answer from the evidence, or say that it does not.

    Args:
        question: in plain words, without what it leans on.
        evidence: what the search found.
        corpus: what was searched.
        edition: its edition's id.
        read: has the reader read so many windows around the best candidates, and returns the evidence ranked
            anew by what it found.
        refuse: whether to say so; without it, the nearest sentences are the answer whatever they say.
    """
    evidence, by, is_about, is_note = _gather(question, evidence, corpus, read=read, refuse=refuse)
    composed = compose(evidence, corpus, by.gain)
    features = look(question, composed, evidence, corpus)
    grade = by.grade(features)
    confidence = by.confidence.of(features)
    hits = find_hits(evidence, corpus)
    # A note may answer a question with which it shares no word.
    is_told = is_about or (is_note and grade == "stated")
    if refuse and (grade == "silent" or not is_told):
        return Unanswered("silent", hits[0], edition, confidence, is_near=is_about)
    certainty: Certainty = "stated" if grade == "stated" else "near"
    bold = find_bold(evidence.candidates[0], judgement().bold) if certainty == "stated" else ()
    return Answer(
        composed.lead,
        composed.text,
        composed.sentences,
        bold,
        hits,
        certainty,
        confidence,
        edition,
    )


class _Gathered(NamedTuple):
    """What is answered from, who judges it, whether the corpus speaks of the question, and a note leads."""

    evidence: Evidence
    judge: Judge
    is_about: bool
    is_note: bool = False


def _gather(
    question: str,
    evidence: Evidence,
    corpus: Corpus,
    *,
    read: Callable[[Evidence, int], Evidence] | None,
    refuse: bool,
) -> _Gathered:
    """Have as much read as it takes: nothing of what is far off, one window, or several."""
    judge = judgement()
    evidence = put_first(question, evidence, corpus)
    features = look(question, compose(evidence, corpus, judge.unread.gain), evidence, corpus)
    by, is_about = judge.unread, judge.is_near(features)
    if read is not None and (judge.may_be_near(features) or _is_note(evidence) or not refuse):
        by, found = judge.first, evidence
        evidence = read(found, 1)
        features = look(question, compose(evidence, corpus, by.gain), evidence, corpus)
        is_about = judge.is_read_near(features)
        is_enough = (refuse and not is_about) or judge.is_enough(features)
        if not is_enough or _is_note(found) or _is_note(evidence):
            by = judge.read
            evidence = read(found, WINDOWS)
    evidence = of_one_document(put_first(question, evidence, corpus))
    if by is judge.read and _is_note(evidence):
        return _Gathered(evidence, judge.notes, is_about, is_note=True)
    return _Gathered(evidence, by, is_about)


def _is_note(evidence: Evidence) -> bool:
    """Say whether what comes first is what moderators have written."""
    return evidence.candidates[0].sentence.document == NOTES


@dataclass(frozen=True, slots=True)
class Composed:
    """What would be shown: the lead, and all sentences, the lead's first."""

    lead: Lead
    sentences: tuple[Sentence, ...]

    @property
    def text(self) -> str:
        """Return the lead as it stands in its document, then the other sentences."""
        others = join(self.sentences[len(self.lead.sentences) :])
        return f"{self.lead.text} {others}" if others else self.lead.text


def compose(evidence: Evidence, corpus: Corpus, gain: float) -> Composed:
    """Return the lead that the best candidate makes, and what is worth being shown with it."""
    lead = find_lead(evidence.candidates[0].position, corpus, {word.stem for word in evidence.words})
    return Composed(lead, choose(lead, evidence.candidates, corpus.sentences, gain))


def look(question: str, composed: Composed, evidence: Evidence, corpus: Corpus) -> tuple[float, ...]:
    """Return the figures by which an answer is judged."""
    shown = [each.text for each in composed.sentences]
    context = " ".join(dict.fromkeys(map(corpus.context, composed.sentences)))
    return find_features(
        question, evidence, shown, around(composed.sentences, corpus), corpus, context=context
    )


def of_one_document(evidence: Evidence, document: str | None = None) -> Evidence:
    """Return the evidence of one document alone; by default, of the one that the best candidate is from."""
    wanted = document or evidence.candidates[0].sentence.document
    kept = tuple(each for each in evidence.candidates if each.sentence.document == wanted)
    return replace(evidence, candidates=kept)


def find_rival(evidence: Evidence, document: str) -> str | None:
    """Return the document that comes next after ``document``, where it may answer as well; else ``None``."""
    candidates = evidence.candidates[:COMPARED]
    powers = _softmax([each.score for each in candidates])
    others = [
        (power, each)
        for power, each in zip(powers, candidates, strict=True)
        if each.sentence.document != document
    ]
    if math.fsum(power for power, _ in others) < RIVAL_SHARE:
        return None
    return others[0][1].sentence.document


def find_bold(candidate: Candidate, least: float) -> tuple[Span, ...]:
    """Return the words that the reader found, where it is sure of them."""
    reading = candidate.reading
    if reading is None or reading.sureness < least:
        return ()
    sentence = candidate.sentence
    words = sentence.text[reading.start : reading.end]
    if not words.strip() or len(words.split()) > MOST_BOLD:
        return ()
    start = sentence.start + reading.start
    return (Span(sentence.document, start, start + len(words), words),)


def open_with(best: int, evidence: Evidence, corpus: Corpus, edition: str) -> Answer:
    """Answer what the whole is with a sentence of a document's opening, and what follows it.

    Args:
        best: the position of the sentence that says it best.
        evidence: what the search found in the document.
        corpus: what was searched.
        edition: its edition's id.
    """
    sentences = corpus.sentences
    document = sentences[best].document
    lead = find_lead(best, corpus, {word.stem for word in evidence.words})
    shown, length, units = list(lead.sentences), len(lead.text), 1
    after = sentences.index(shown[-1], best) + 1
    heading = corpus.passage(document, shown[-1].passage).heading
    while units < UNITS and after < len(sentences) and sentences[after].document == document:
        if corpus.passage(document, sentences[after].passage).heading != heading:
            break
        unit = [i for i in unit_of(after, sentences) if i >= after]
        length += sum(len(sentences[i].text) + 1 for i in unit)
        if length > OPENING_LENGTH:
            break
        shown += [sentences[i] for i in unit]
        after = unit[-1] + 1
        units += 1
    found = find_hits(evidence, corpus)
    score, signals = found[0].score, found[0].signals
    groups = groupby(shown, key=lambda each: (each.document, each.passage))
    opening = tuple(Hit(corpus.passage(*key), tuple(group), score, signals) for key, group in groups)
    read = {hit.passage for hit in opening}
    others = tuple(hit for hit in found if hit.passage not in read)
    text = Composed(lead, tuple(shown)).text
    return Answer(lead, text, tuple(shown), (), (*opening, *others), "stated", OPENING_CONFIDENCE, edition)


def choose(
    lead: Lead, candidates: Sequence[Candidate], sentences: Sequence[Sentence], gain: float
) -> tuple[Sentence, ...]:
    """Return the lead's sentences, then the others of its document that are worth their place.

    A candidate's probability is the softmax of its score. A unit is shown where its sentences' is ``gain`` or
    more, the likeliest first, up to the length. These are in the order of the text. What belongs together is
    taken whole: a quotation with the line that introduces it.
    """
    powers = _softmax([each.score for each in candidates[:COMPARED]])
    likely = {each.position: power for each, power in zip(candidates, powers, strict=False)}
    chosen: set[int] = set()
    units, length = 1, len(lead.text)
    for candidate in candidates[:COMPARED]:
        if candidate.sentence.document != lead.document or candidate.sentence in lead.sentences:
            continue
        unit = [
            i
            for i in unit_of(candidate.position, sentences)
            if i not in chosen and sentences[i] not in lead.sentences
        ]
        longer = length + sum(len(sentences[i].text) + 1 for i in unit)
        is_likely = math.fsum(likely.get(i, 0.0) for i in unit) >= gain
        if unit and is_likely and longer <= LENGTH and units < UNITS:
            chosen.update(unit)
            units += 1
            length = longer
    return (*lead.sentences, *(sentences[i] for i in sorted(chosen)))


def _softmax(scores: Sequence[float]) -> list[float]:
    powers = [math.exp(score - max(scores)) for score in scores]
    return [power / math.fsum(powers) for power in powers]


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
