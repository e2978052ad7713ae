"""What members see of their questions, as the loopback server has it: lost, doubled, taken back."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

# How a sentence begins that is for all who were refused in a channel, or for all that one person asked there.
TOGETHER = "This is for the last "
BY_ONE = "This is for your last "


def shows_answer(body: dict[str, Any]) -> bool:
    return bool(body.get("embeds"))


@dataclass
class Interaction:
    """One command or press: what its maker sees of it."""

    at: float
    guild: str | None = None
    acknowledged: bool = False
    too_late: bool = False
    # The original response: what it shows, in order. ``None`` where it has been deleted.
    shown: list[dict[str, Any] | None] = field(default_factory=list)
    followups: list[dict[str, Any]] = field(default_factory=list)

    @property
    def visible(self) -> int:
        """How many messages there are for it now, one that is still thinking left out."""
        return int(bool(self.shown) and self.shown[-1] is not None) + len(self.followups)

    @property
    def taken_back(self) -> bool:
        """Say whether an answer was shown, and is no more."""
        answers = [body is not None and shows_answer(body) for body in self.shown]
        return any(answers) and not answers[-1]


@dataclass(frozen=True)
class Outcomes:
    """How many questions there were, and what has become of them."""

    questions: int
    lost: tuple[str, ...]
    doubled: tuple[str, ...]
    taken_back: tuple[str, ...]
    sentences: int
    too_late: int

    @property
    def answers(self) -> int:
        return self.questions - len(self.lost) - self.sentences - self.too_late

    def __str__(self) -> str:
        return (
            f"{self.questions} questions: {self.answers} answers and refusals, {self.sentences} sentences"
            f" why not, {self.too_late} commands that Discord ended itself; lost {len(self.lost)},"
            f" doubled {len(self.doubled)}, taken back {len(self.taken_back)}"
        )


def outcomes_of(  # noqa: C901  one kind of outcome after another
    asked: list[str],
    messages: list[dict[str, Any]],
    deleted: set[str],
    interactions: dict[str, Interaction],
    *,
    apart: frozenset[str] = frozenset(),
    written: Mapping[str, list[dict[str, Any]]] | None = None,
) -> Outcomes:
    """Return what has become of the questions with these ids; those ``apart`` may have ended without one.

    Several are told by one sentence: it is the outcome of those that were asked before it in its channel (by
    the person whom it replies to) and have no reply of their own; ``written`` has each channel's messages.
    """
    where = {
        each["id"]: (each["channel_id"], each["author"]["id"])
        for found in (written or {}).values()
        for each in found
    }
    told: dict[tuple[str, str | None], int] = {}
    for message in messages:
        said = str(message.get("content") or "")
        if not said.startswith((TOGETHER, BY_ONE)):
            continue
        _, asker = where.get(str((message.get("message_reference") or {}).get("message_id")), (None, None))
        place = (message["channel_id"], None if said.startswith(TOGETHER) else asker)
        told[place] = max(told.get(place, 0), int(message["id"]))
    replies: Counter[str] = Counter()
    answers: set[str] = set()
    gone: set[str] = set()
    for message in messages:
        question = str((message.get("message_reference") or {}).get("message_id"))
        if message["id"] in deleted:
            gone.add(question)
            continue
        replies[question] += 1
        if shows_answer(message):
            answers.add(question)
    lost, doubled, taken_back = [], [], []
    sentences = too_late = 0
    for key in asked:
        made = interactions.get(key)
        count = replies[key] if made is None else made.visible
        if not count and made is None and key in where:
            channel, asker = where[key]
            count = int(max(told.get((channel, None), 0), told.get((channel, asker), 0)) > int(key))
        if made is not None and (made.too_late or key in apart) and not count:
            too_late += 1
        elif not count:
            lost.append(key)
        elif count > 1:
            doubled.append(key)
        if (key in gone) if made is None else made.taken_back:
            taken_back.append(key)
        shown = made.shown[-1] if made is not None and made.shown else None
        if count and not (key in answers if made is None else shown is not None and shows_answer(shown)):
            sentences += 1
    return Outcomes(len(asked), tuple(lost), tuple(doubled), tuple(taken_back), sentences, too_late)
