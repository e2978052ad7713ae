"""Where an answer's words stand: kept with it as places and digests, and found again in a changed article."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from linernotes.library.store import Evidence
from linernotes.models import Answer

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from linernotes.library.store import Posted
    from linernotes.models import Alternative, Edition, Hit, Passage, Sentence, Turn
    from linernotes.retrieval.index import Index

_HITS: Final = 5
# By so many of its sentences a passage that was only near is found again.
_NEAREST: Final = 3
_DIGITS: Final = 16


# --- What is kept -----------------------------------------------------------------------------------------


def evidence_of(turn: Turn) -> tuple[Evidence, ...]:
    """Return what is kept of the passages behind a reply: that of the lead first, then the others shown."""
    reply = turn.reply
    if not isinstance(reply, Answer):
        return () if reply.nearest is None else (_kept(reply.nearest, ()),)
    # What is only near is shown without the sentences that would go with it.
    sentences = reply.sentences if reply.certainty == "stated" else reply.lead.sentences
    shown: dict[tuple[str, int], list[Sentence]] = {}
    for sentence in sentences:
        shown.setdefault((sentence.document, sentence.passage), []).append(sentence)
    order = {key: place for place, key in enumerate(shown)}
    hits = sorted(
        reply.hits, key=lambda hit: order.get((hit.passage.document, hit.passage.number), len(order))
    )
    return tuple(
        _kept(hit, shown.get((hit.passage.document, hit.passage.number), ())) for hit in hits[:_HITS]
    )


def evidence_of_other(other: Alternative) -> Evidence:
    """Return what is kept of what another document says."""
    return _of_lead(other.lead.document, other.lead.sentences, other.confidence)


def evidence_of_lead(answer: Answer) -> Evidence:
    """Return what is kept of an answer that gives way to another document's."""
    return _of_lead(answer.lead.document, answer.lead.sentences, answer.confidence)


def _of_lead(document: str, sentences: Sequence[Sentence], score: float) -> Evidence:
    spans = tuple((each.start, each.end) for each in sentences)
    digests = tuple(digest_of(each.text) for each in sentences)
    return Evidence(document, sentences[0].passage, round(score, 4), {}, spans, digests)


def _kept(hit: Hit, shown: Sequence[Sentence]) -> Evidence:
    return Evidence(
        hit.passage.document,
        hit.passage.number,
        round(float(hit.score), 4),
        {name: round(float(value), 4) for name, value in hit.signals.items()},
        tuple((each.start, each.end) for each in shown),
        tuple(digest_of(each.text) for each in shown or hit.sentences[:_NEAREST]),
    )


def digest_of(text: str) -> str:
    """Name a text: digits that stay the same as long as its words do."""
    return hashlib.sha256(" ".join(text.split()).encode("utf-8", "replace")).hexdigest()[:_DIGITS]


# --- Where it stands now ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Place:
    """Where words stand: the passage, and what of its document is shown as evidence, as offsets."""

    passage: Passage
    spans: tuple[tuple[int, int], ...]


def find_place(edition: Edition[Index], posted: Posted) -> Place | None:
    """Return where the words behind an answer stand in the edition; ``None`` where they are gone.

    In the edition that was asked they stand where they stood. In another they are looked for by their
    digests, in the same document first: what was moved, or stands in a file of another name, is found too.
    """
    if not posted.evidence:
        return None
    first = posted.evidence[0]
    same = [each for each in posted.evidence if each.document == first.document]
    if edition.id == posted.edition:
        spans = tuple(span for each in same for span in each.sentences)
        return _placed(edition, first.document, first.passage, spans)
    found = _find(edition, first.document, [digest for each in same for digest in each.digests])
    if not found or digest_of(found[0].text) not in first.digests:
        return None
    spans = tuple((each.start, each.end) for each in found) if first.sentences else ()
    return _placed(edition, found[0].document, found[0].passage, spans)


def find_other(edition: Edition[Index], other: Evidence) -> Place | None:
    """Return where the words of another document's answer stand in the edition."""
    found = _find(edition, other.document, other.digests)
    if not found:
        return None
    spans = tuple((each.start, each.end) for each in found)
    return _placed(edition, found[0].document, found[0].passage, spans)


def _placed(
    edition: Edition[Index], document: str, number: int, spans: tuple[tuple[int, int], ...]
) -> Place | None:
    for passage in edition.passages:
        if passage.document == document and passage.number == number:
            return Place(passage, spans)
    return None


def _find(edition: Edition[Index], document: str, digests: Iterable[str]) -> list[Sentence]:
    """Return the sentences with these digests, in this order, all of one document."""
    wanted = list(dict.fromkeys(digests))
    if not wanted:
        return []
    own = [each for each in edition.sentences if each.document == document]
    others = (each for each in edition.sentences if each.document != document)
    known: dict[str, Sentence] = {}
    for sentences in (own, others):
        for sentence in sentences:
            if (digest := digest_of(sentence.text)) in wanted:
                known.setdefault(digest, sentence)
        if known:
            break
    found = [known[digest] for digest in wanted if digest in known]
    return [each for each in found if each.document == found[0].document]
