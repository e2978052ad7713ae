"""What is looked at before *Apply*: what a change would alter, and what becomes of the check questions.

Values, and how they are compared. A check before *Apply* is worked out here, run by ``builder.py``, refused
by ``curator.py``, and shown by ``chat/curating``.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from linernotes.models import Answer
from linernotes.words import holds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from linernotes.library.catalogue import Check, Revision
    from linernotes.library.changes import Change, Plan
    from linernotes.models import Edition, Passage, Quote, Unanswered
    from linernotes.retrieval.index import Index


@dataclass(frozen=True, slots=True)
class Difference:
    """What one edition has that another has not: names of documents, numbers of passages, quotations."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]
    passages_added: int
    passages_removed: int
    passages_changed: int
    quotes_added: tuple[Quote, ...]
    quotes_removed: tuple[Quote, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """A check question before and after a change; ``answer`` is what would be said, ``""`` for nothing."""

    check: Check
    before: bool
    after: bool
    answer: str


@dataclass(frozen=True, slots=True)
class Trial:
    """A way to ask a note's question: whether the note would answer it, and whether for sure."""

    question: str
    by_note: bool
    stated: bool


@dataclass(frozen=True, slots=True)
class Preview:
    """What a change would come to, made beside the edition in use, by ``person``.

    ``tried`` says of a note whether it would answer what it was written for.
    """

    id: str
    guild: int
    person: int
    change: Change
    base: Revision
    plan: Plan
    before: Edition[Index]
    after: Edition[Index]
    difference: Difference
    verdicts: tuple[Verdict, ...]
    at: float
    tried: tuple[Trial, ...] = ()

    @property
    def broken(self) -> tuple[Verdict, ...]:
        """The check questions that are answered now and no longer would be."""
        return tuple(each for each in self.verdicts if each.before and not each.after)

    @property
    def mended(self) -> tuple[Verdict, ...]:
        """The check questions that are not answered now and would be."""
        return tuple(each for each in self.verdicts if each.after and not each.before)

    @property
    def changes_nothing(self) -> bool:
        """Say whether there is nothing to apply."""
        plan, base = self.plan, self.base
        return (
            self.after.id == self.before.id
            and dict(plan.own) == dict(base.own)
            and plan.hidden == base.hidden
            and plan.follows == base.follows
        )


def compare(before: Edition[Index], after: Edition[Index]) -> Difference:
    """Return what differs between two editions."""
    old = {document.name: document for document in before.documents}
    new = {document.name: document for document in after.documents}
    passages: Counter[str] = Counter()
    left, right = _by_document(before.passages), _by_document(after.passages)
    for name in old.keys() | new.keys():
        if old.get(name) != new.get(name):
            _count_passages(left.get(name, []), right.get(name, []), passages)
    had, has = Counter(map(_said, before.quotes)), Counter(map(_said, after.quotes))
    return Difference(
        tuple(sorted(new.keys() - old.keys())),
        tuple(sorted(old.keys() - new.keys())),
        tuple(sorted(name for name in old.keys() & new.keys() if old[name] != new[name])),
        passages["added"],
        passages["removed"],
        passages["changed"],
        _missing_from(had, after.quotes),
        _missing_from(has, before.quotes),
    )


def _by_document(passages: Sequence[Passage]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for passage in passages:
        found.setdefault(passage.document, []).append(passage.text)
    return found


def _count_passages(old: list[str], new: list[str], counts: Counter[str]) -> None:
    """Count the passages that were added, removed and changed; one that only stands elsewhere is none."""
    # By what each has more of, not by place: that would take the square of their number, or worse.
    gone = (Counter(old) - Counter(new)).total()
    come = (Counter(new) - Counter(old)).total()
    counts["changed"] += min(gone, come)
    counts["added"] += max(0, come - gone)
    counts["removed"] += max(0, gone - come)


def _said(quote: Quote) -> tuple[str, str | None, str | None]:
    return quote.text, quote.speaker, quote.source


def _missing_from(
    there: Counter[tuple[str, str | None, str | None]], quotes: Sequence[Quote]
) -> tuple[Quote, ...]:
    left = there.copy()
    missing: list[Quote] = []
    for quote in quotes:
        if left[_said(quote)] > 0:
            left[_said(quote)] -= 1
        else:
            missing.append(quote)
    return tuple(missing)


def meets(reply: Answer | Unanswered, words: str) -> bool:
    """Say whether a reply states all that it must: a word or phrase in each line, or between semicolons."""
    return isinstance(reply, Answer) and reply.certainty == "stated" and not lacking(reply.text, words)


def lacking(text: str, words: str) -> tuple[str, ...]:
    """Return those of the wanted words and phrases that ``text`` does not hold."""
    wanted = [each.strip() for each in re.split(r"[;\n]", words)]
    return tuple(each for each in wanted if each and not holds(text, [each]))
