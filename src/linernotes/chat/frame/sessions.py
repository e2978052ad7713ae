"""Conversations, in memory only: what was asked before, by the message that answered it."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from linernotes.models import Turn


@dataclass(frozen=True, slots=True)
class Place:
    """Whose conversation: one person in one channel of one server (``None`` in a direct message)."""

    guild: int | None
    channel: int
    person: int


@dataclass(frozen=True, slots=True)
class _Session:
    place: Place
    turns: tuple[Turn, ...]
    at: float
    private: bool


class Sessions:
    """What has been asked and answered; the oldest goes when there are too many, and each after a while.

    A session is found by the message that ended it, so that two replies to one answer are two conversations.
    """

    def __init__(
        self, clock: Callable[[], float], *, most: int = 2_000, seconds: float = 1_800, turns: int = 6
    ) -> None:
        """Keep at most ``most`` answers for ``seconds``, each with the last ``turns`` of its conversation."""
        self._clock = clock
        self._most = most
        self._seconds = seconds
        self._turns = turns
        self._sessions: OrderedDict[int, _Session] = OrderedDict()
        self._latest: dict[Place, int] = {}
        # The threads in which somebody asked, and when last.
        self._asked_in: OrderedDict[int, float] = OrderedDict()

    def remember(self, place: Place, answer: int, turns: tuple[Turn, ...], *, private: bool = False) -> None:
        """Keep what led to the message ``answer``, the newest turn last; ``private`` if one sees it."""
        self._sessions[answer] = _Session(place, turns[-self._turns :], self._clock(), private)
        self._sessions.move_to_end(answer)
        self._latest[place] = answer
        while len(self._sessions) > self._most:
            self._drop(next(iter(self._sessions)))
        self._expire()

    def after(self, place: Place, answer: int) -> tuple[Turn, ...]:
        """Return the turns up to the message ``answer``, if they were in the same place."""
        self._expire()
        session = self._sessions.get(answer)
        return session.turns if session is not None and session.place == place else ()

    def question(self, place: Place, answer: int) -> str | None:
        """Return the question to which a message is the answer, so that it stands alone.

        Args:
            place: who wants to know it where. Whoever reads an answer that all can see may; a private one's
                question is for who asked it.
            answer: the message.
        """
        self._expire()
        session = self._sessions.get(answer)
        if session is None or (session.place.guild, session.place.channel) != (place.guild, place.channel):
            return None
        if session.private and session.place.person != place.person:
            return None
        last = session.turns[-1]
        return last.standalone if len(session.turns) > 1 else last.question

    def latest(self, place: Place) -> tuple[Turn, ...]:
        """Return the turns of the place's youngest conversation."""
        self._expire()
        answer = self._latest.get(place)
        return () if answer is None else self._sessions[answer].turns

    def join(self, thread: int) -> None:
        """Note that somebody asked in this thread."""
        self._asked_in[thread] = self._clock()
        self._asked_in.move_to_end(thread)
        if len(self._asked_in) > self._most:
            self._asked_in.popitem(last=False)

    def joined(self, thread: int) -> bool:
        """Say whether somebody asked in this thread not long ago."""
        at = self._asked_in.get(thread)
        return at is not None and self._clock() - at < self._seconds

    def forget(self, person: int) -> int:
        """Drop a person's conversations; return how many answers they had."""
        dropped = [answer for answer, each in self._sessions.items() if each.place.person == person]
        for answer in dropped:
            self._drop(answer)
        return len(dropped)

    def drop(self, answer: int) -> None:
        """Drop what led to an answer that has been removed."""
        if answer in self._sessions:
            self._drop(answer)

    def __len__(self) -> int:
        """Return how many answers are remembered."""
        return len(self._sessions)

    def _drop(self, answer: int) -> None:
        place = self._sessions.pop(answer).place
        if self._latest.get(place) == answer:
            del self._latest[place]

    def _expire(self) -> None:
        before = self._clock() - self._seconds
        while self._sessions:
            oldest = next(iter(self._sessions))
            if self._sessions[oldest].at > before:
                break
            self._drop(oldest)
