"""Evidence -> whether the corpus speaks of the question, whether it answers it, and how sure the answer is.

Logistic regressions over figures of the evidence, fitted by ``linernotes tune``. The score alone says
which sentence is best, not whether it is good: a question of one word and one of twenty need different
evidence, and in a larger corpus something is always near. What is near to a question in all but one word is
the hardest to tell from an answer (Rajpurkar, Jia and Liang 2018): most figures look for that word.
"""

from __future__ import annotations

import functools
import json
import math
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Any, Literal, Protocol

from linernotes.answering.aspects import lacks
from linernotes.answering.wanted import denies, has, lacks_number, read, share_of_new, words_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from linernotes.models import Candidate, Evidence


class Names(Protocol):
    """Who knows what is written as a name in a corpus."""

    def is_name(self, word: str) -> bool: ...  # noqa: D102  said above


# What says whether the corpus speaks of it at all.
_RELEVANCE = (
    "score",
    "late",
    "late_before",
    "late_passage",
    "sentence_vector",
    "best_sentence_vector",  # anywhere in the corpus
    "best_late_passage",
    "words",  # the logarithm of the number of content words
    "wordless",  # 1 where there is none
    "searched",  # the logarithm of the number of sentences in the corpus
    "names_missing_around",  # how many of the question's names the passages lack
    "new",  # the share of the best sentence's content words that the question has not
)
# What says whether it answers, and how sure the answer is. Not the corpus's size, which tells articles apart
# rather than answers, nor how a question is put: what is learned of that holds for one set of questions.
_CONFIDENCE = (
    "passage_vector",
    "share",  # of the ranking's probability, what the sentences that are shown have
    "weakest",  # how near the best sentence, with the one before, comes to the word that it is farthest from
    "weakest_shown",  # how far the sentences are from a word, by how rare it is: the most of it
    "names",  # 1 where the question has a name
    "names_missing",  # how many of its names the sentences lack
    "words_unknown",  # how many of its content words the corpus lacks
    "number_missing",  # 1 where it has a number that the sentences lack
    "denies_alone",  # 1 where it has a word like "not" and the sentences have none
    "kind_missing",  # by how much the best sentence is better than the best with the kind of words asked for
    "words_lacking",  # 1 where the passages have none of the words that articles say it with (``aspects``)
)
_BOTH = (
    "bm25_passage",  # of what the question's rare words could give
    "names_unknown",  # how many of the question's names the corpus lacks
    "follows",  # 1 for a question that leans on another
)
# What the reader found in the best sentence, in the order of ``models.Reading``; 0 where it was not read.
_READ = (
    "margin",
    "answerable",
    "evidence",
    "behind",
    "sureness",
    "evidence_alone",  # how much more evidence it has than all others together and "none"
    "best_answerable",  # the most in all that was read
)
RELEVANCE = (*_RELEVANCE, *_BOTH)
READ_RELEVANCE = (*RELEVANCE, *_READ)
CONFIDENCE = (*_CONFIDENCE, *_BOTH, "score", "sentence_vector", "best_sentence_vector", "new")
# A name that the sentences lack says rather that they are the wrong ones than that there are no right ones.
ANSWERED = tuple(name for name in CONFIDENCE if name != "names_missing")
FEATURES = (*_RELEVANCE, *_CONFIDENCE, *_BOTH, *_READ)
READ_CONFIDENCE = (*CONFIDENCE, *_READ)
READ_ANSWERED = (*ANSWERED, *_READ)
# What a note says answers or is off topic: both at once.
NOTED = tuple(dict.fromkeys((*READ_ANSWERED, *READ_RELEVANCE)))

_FOLLOWS = FEATURES.index("follows")
# So many candidates are compared; a search for learning finds more.
COMPARED = 24
# The most that a kind of words can be missing.
_MOST_MISSING = 6.0


@dataclass(frozen=True, slots=True)
class Logistic:
    """A logistic regression; ``weights`` in the order of ``FEATURES``, 0 for those that it does not use."""

    intercept: float
    weights: tuple[float, ...]

    def of(self, features: tuple[float, ...]) -> float:
        """Return the probability (0 to 1) for these features."""
        x = self.intercept + math.fsum(w * f for w, f in zip(self.weights, features, strict=True))
        return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


Grade = Literal["silent", "near", "stated"]
# So many windows are read where the best sentence's is not enough.
WINDOWS = 4


@dataclass(frozen=True, slots=True)
class Judge:
    """What is said of evidence that the corpus speaks of.

    ``answered`` says whether it answers: below ``least`` the reply is silent, from ``stated`` on the answer
    is stated, between them it is only near. ``confidence`` says how likely what is shown is right. Other
    sentences are shown with the lead that make it likelier by ``gain`` that the answer is there.
    """

    answered: Logistic
    least: float
    stated: float
    confidence: Logistic
    gain: float

    def grade(self, features: tuple[float, ...]) -> Grade:
        """Say whether there is an answer to show, and whether it states what is asked."""
        answered = self.answered.of(features)
        return "silent" if answered < self.least else "near" if answered < self.stated else "stated"


@dataclass(frozen=True, slots=True)
class Judgement:
    """The fitted models, and how much an answer needs.

    ``relevance`` says by the ranking alone whether the corpus speaks of the question; from ``worth_reading``
    on, ``read_relevance`` says it by what the reader found around the best sentence as well. Of what it
    speaks, ``unread`` judges by the ranking alone, ``first`` by that reading as well, ``read`` by what was
    found in several windows. Where the confidence of ``first`` is ``sure`` or more, nothing else is read. The
    reader's words are in bold where the logarithm of their probability is ``bold`` or more. Where a
    moderators' note leads and has been read, ``notes`` judges, of its being about the question as well.
    """

    relevance: Logistic
    least_relevance: float
    worth_reading: float
    read_relevance: Logistic
    least_read_relevance: float
    unread: Judge
    first: Judge
    read: Judge
    notes: Judge
    sure: float
    bold: float

    def is_near(self, features: tuple[float, ...]) -> bool:
        """Say by the ranking alone whether the corpus speaks of the question at all."""
        return self.relevance.of(features) >= self.least_relevance

    def may_be_near(self, features: tuple[float, ...]) -> bool:
        """Say by the ranking whether the corpus may speak of it, so that reading is worth its time."""
        return self.relevance.of(features) >= self.worth_reading

    def is_read_near(self, features: tuple[float, ...]) -> bool:
        """Say whether the corpus speaks of it, when one window has been read."""
        return self.read_relevance.of(features) >= self.least_read_relevance

    def is_enough(self, features: tuple[float, ...]) -> bool:
        """Say whether it is enough to have read one window, with which the features were found."""
        # Of a question that leans on another, the reader finds what is meant, however sure the ranking is.
        return not features[_FOLLOWS] and self.first.confidence.of(features) >= self.sure


def find_features(
    question: str, evidence: Evidence, shown: Sequence[str], around: str, names: Names, *, context: str = ""
) -> tuple[float, ...]:
    """Return the figures in the order of ``FEATURES``.

    Args:
        question: in plain words, without what it leans on.
        evidence: what the search found.
        shown: the sentences that would be shown.
        around: the passages that these stand in.
        names: the corpus.
        context: the headings above the sentences that would be shown, and who says them.
    """
    best = evidence.candidates[0]
    sentence = best.sentence.text
    # A question without its name fits everything less well, which says nothing about the corpus.
    signals = best.signals if best.named is None else best.named
    candidates = evidence.candidates[:COMPARED]
    wanted = read(question)
    own = evidence.words
    said = {word.stem for each in (*shown, context) for word in words_of(each)}
    asked_names = [word for word in own if word.is_name]
    beside = {word.stem for word in words_of(around)} if asked_names else set()
    powers = [math.exp(each.score - best.score) for each in candidates]
    is_shown = [each.sentence.text in shown for each in candidates]
    with_kind = next((c.score for c in candidates if has(wanted, c.sentence.text, names.is_name)), -math.inf)
    weakest = min((before for _, before in best.fits), default=0.0)
    fits = [each.fits for each, yes in zip(candidates, is_shown, strict=True) if yes]
    far = ((1 - max((fit[at][0] for fit in fits), default=0.0)) * word.rarity for at, word in enumerate(own))
    found = {
        **signals,
        "score": best.score,
        "bm25_passage": signals["bm25_passage"] / (math.fsum(evidence.rarities) or 1.0),
        "best_sentence_vector": evidence.peaks["sentence_vector"],
        "best_late_passage": evidence.peaks["late_passage"],
        "words": math.log1p(len(own)),
        "wordless": not wanted.stems,
        "searched": math.log(evidence.searched),
        "names_missing_around": sum(word.stem not in beside for word in asked_names),
        "names_unknown": sum(word.rarity >= 1 for word in asked_names),
        "new": share_of_new(sentence, wanted.stems),
        "follows": evidence.follows,
        "share": math.fsum(p for p, yes in zip(powers, is_shown, strict=True) if yes) / math.fsum(powers),
        "weakest": weakest,
        "weakest_shown": max(far, default=0.0),
        "names": bool(asked_names),
        "names_missing": sum(word.stem not in said for word in asked_names),
        "words_unknown": sum(word.rarity >= 1 for word in own),
        "number_missing": lacks_number(question, shown),
        "denies_alone": wanted.denies and not any(map(denies, shown)),
        "kind_missing": min(best.score - with_kind, _MOST_MISSING),
        "words_lacking": lacks(question, around),
        **_read_figures(candidates),
    }
    return tuple(float(found[name]) for name in FEATURES)


def _read_figures(candidates: Sequence[Candidate]) -> dict[str, float]:
    """Return the reader's figures of the best sentence beside the others that were read."""
    best = candidates[0].reading
    if best is None:
        return dict.fromkeys(_READ, 0.0)
    read = [each.reading for each in candidates if each.reading is not None]
    others = math.log(1 + math.fsum(math.exp(min(each.evidence, 50)) for each in read[1:]))
    return {
        **{name: getattr(best, name) for name in _READ[:5]},
        "evidence_alone": best.evidence - others,
        "best_answerable": max(each.answerable for each in read),
    }


@functools.cache
def judgement() -> Judgement:
    """Return the models that ship."""
    stored = json.loads(resources.files(__package__).joinpath("weights.json").read_text(encoding="utf-8"))
    unread, first, read, notes = (
        Judge(
            _model(stored[mode]["answered"]),
            float(stored[mode]["answered"]["least"]),
            float(stored[mode]["answered"]["stated"]),
            _model(stored[mode]["confidence"]),
            float(stored[mode]["gain"]),
        )
        for mode in ("unread", "first", "read", "notes")
    )
    return Judgement(
        _model(stored["relevance"]),
        float(stored["relevance"]["least"]),
        float(stored["relevance"]["worth_reading"]),
        _model(stored["read_relevance"]),
        float(stored["read_relevance"]["least"]),
        unread,
        first,
        read,
        notes,
        float(stored["sure"]),
        float(stored["bold"]),
    )


def _model(stored: dict[str, Any]) -> Logistic:
    weights: dict[str, float] = stored["weights"]
    if unknown := weights.keys() - set(FEATURES):
        raise ValueError(f"There are weights for what is no feature: {sorted(unknown)}.")
    return Logistic(float(stored["intercept"]), tuple(float(weights.get(name, 0.0)) for name in FEATURES))
