"""How often is answered, and how many questions at once. Knows no Discord and never waits."""

from __future__ import annotations

import math
from collections import OrderedDict
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from linernotes.chat.frame.shares import Shares
from linernotes.errors import RefusalError

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator

_MOST_BUCKETS = 20_000
_CROWDED: Final = "So many are asking at the moment that I cannot keep up; please ask again in a minute."


@dataclass(frozen=True, slots=True)
class Rate:
    """At most ``times`` at once, and as many again in each ``seconds``."""

    times: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is answered.

    ``at_once`` questions are answered at the same time; with those whose answer waits to be sent, they are
    ``unsent`` at most. Servers share both.
    """

    person: Rate = Rate(8, 30.0)
    server: Rate = Rate(150, 60.0)
    at_once: int = 100
    unsent: int = 300


class BusyError(RefusalError):
    """Too many questions.

    ``is_crowd`` says that it is not this person who asks too much.
    """

    def __init__(self, sentence: str, *, is_crowd: bool = False) -> None:
        """Keep the sentence."""
        super().__init__(sentence)
        self.is_crowd = is_crowd


class Held:
    """A question's place among those that are answered at once, until it is given back."""

    def __init__(self, shares: Shares, taker: Hashable) -> None:
        """Hold a place that has been taken."""
        self._shares = shares
        self._taker = taker
        self._is_held = True

    def give_back(self) -> None:
        """Give the place back: the answer is there, and only Discord is waited for. May be called again."""
        if self._is_held:
            self._is_held = False
            self._shares.give_back(self._taker)


class Manners:
    """Counts the questions of each person and each server, and those that are being answered."""

    def __init__(self, clock: Callable[[], float], limits: Limits) -> None:
        """Take a clock in seconds and the limits."""
        self._clock = clock
        self._limits = limits
        self._buckets: OrderedDict[tuple[int | None, ...], _Bucket] = OrderedDict()
        self._answering = Shares(limits.at_once)
        self._unsent = Shares(limits.unsent)
        self.refused: dict[str, int] = dict.fromkeys(("person", "server", "crowded"), 0)
        """How many questions have not been taken: whose share was used up, or because so many ask."""

    @property
    def unsent(self) -> int:
        """How many questions have been taken and are not replied to yet."""
        return self._unsent.taken

    @property
    def under_way(self) -> int:
        """How many questions are being answered."""
        return self._answering.taken

    @contextmanager
    def question(self, guild: int | None, person: int, *, age: float = 0.0) -> Iterator[Callable[[], None]]:
        """Count a question while it is answered; yields what gives its place back before that.

        An answer that is ready needs no place: however long Discord lets it wait, others can be answered.

        Args:
            guild: where it is asked.
            person: who asks.
            age: so many seconds ago. What comes all at once after a gap was not asked all at once.

        Raises:
            BusyError: there are too many of this person, this server, or at once.
        """
        # Each direct message is a server of its own.
        taker = ("person", person) if guild is None else ("server", guild)
        if not self._unsent.take(taker):
            raise self._crowded()
        try:
            if not self._answering.take(taker):
                raise self._crowded()
            held = Held(self._answering, taker)
            try:
                self._count(guild, person, age)
                yield held.give_back
            finally:
                held.give_back()
        finally:
            self._unsent.give_back(taker)

    def _count(self, guild: int | None, person: int, age: float) -> None:
        limits = self._limits
        self._take((guild, person), limits.person, age, "That was a lot of questions; ask me again in {}.")
        if guild is not None:
            self._take((guild, None), limits.server, age, "This server has asked a lot; ask me again in {}.")

    def _crowded(self) -> BusyError:
        self.refused["crowded"] += 1
        return BusyError(_CROWDED, is_crowd=True)

    def _take(self, key: tuple[int | None, int | None], rate: Rate, age: float, sentence: str) -> None:
        asked = self._clock() - age
        # What was asked before comes in any order, and among what is asked now: each stretch of time is
        # counted by itself.
        at = key if age <= 0 else (*key, int(asked // rate.seconds))
        bucket = self._buckets.get(at)
        if bucket is None:
            bucket = self._buckets[at] = _Bucket(rate.times, asked)
            if len(self._buckets) > _MOST_BUCKETS:
                self._buckets.popitem(last=False)
        self._buckets.move_to_end(at)
        passed = max(asked - bucket.at, 0.0)
        bucket.left = min(rate.times, bucket.left + passed * rate.times / rate.seconds)
        bucket.at += passed
        if bucket.left < 1:
            seconds = math.ceil((1 - bucket.left) * rate.seconds / rate.times)
            self.refused["server" if key[1] is None else "person"] += 1
            wait = "a second" if seconds == 1 else f"{seconds} seconds"
            raise BusyError(sentence.format(wait), is_crowd=key[1] is None)
        bucket.left -= 1


@dataclass(slots=True)
class _Bucket:
    left: float
    at: float
