"""How often is answered, and how many questions at once. Knows no Discord and never waits."""

from __future__ import annotations

import math
from collections import OrderedDict
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from linernotes.errors import RefusalError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_MOST_BUCKETS = 20_000


@dataclass(frozen=True, slots=True)
class Rate:
    """At most ``times`` at once, and as many again in each ``seconds``."""

    times: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is answered."""

    person: Rate = Rate(8, 30.0)
    server: Rate = Rate(150, 60.0)
    at_once: int = 100


class BusyError(RefusalError):
    """Too many questions; ``told`` says whether this has been said a moment ago."""

    def __init__(self, sentence: str, *, told: bool = False) -> None:
        """Keep the sentence."""
        super().__init__(sentence)
        self.told = told


class Manners:
    """Counts the questions of each person and each server, and those that are being answered."""

    def __init__(self, clock: Callable[[], float], limits: Limits) -> None:
        """Take a clock in seconds and the limits."""
        self._clock = clock
        self._limits = limits
        self._buckets: OrderedDict[tuple[int | None, int | None], _Bucket] = OrderedDict()
        self._under_way = 0

    @property
    def under_way(self) -> int:
        """How many questions are being answered."""
        return self._under_way

    @contextmanager
    def question(self, guild: int | None, person: int) -> Iterator[Callable[[], None]]:
        """Count a question while it is answered; yields what gives its place back before that.

        An answer that is ready needs no place: however long Discord lets it wait, others can be answered.

        Raises:
            BusyError: there are too many of this person, this server, or at once.
        """
        if self._under_way >= self._limits.at_once:
            raise BusyError(
                "So many are asking at the moment that I cannot keep up; please ask again shortly."
            )
        self._take((guild, person), self._limits.person, "That was a lot of questions; ask me again in {}.")
        if guild is not None:
            self._take((guild, None), self._limits.server, "This server has asked a lot; ask me again in {}.")
        self._under_way += 1
        given_back = False

        def give_back() -> None:
            nonlocal given_back
            if not given_back:
                given_back = True
                self._under_way -= 1

        try:
            yield give_back
        finally:
            give_back()

    def _take(self, key: tuple[int | None, int | None], rate: Rate, sentence: str) -> None:
        now = self._clock()
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = _Bucket(rate.times, now)
            if len(self._buckets) > _MOST_BUCKETS:
                self._buckets.popitem(last=False)
        self._buckets.move_to_end(key)
        bucket.left = min(rate.times, bucket.left + (now - bucket.at) * rate.times / rate.seconds)
        bucket.at = now
        if bucket.left < 1:
            seconds = math.ceil((1 - bucket.left) * rate.seconds / rate.times)
            told, bucket.told = bucket.told, True
            raise BusyError(sentence.format("a second" if seconds == 1 else f"{seconds} seconds"), told=told)
        bucket.left -= 1
        bucket.told = False


@dataclass(slots=True)
class _Bucket:
    left: float
    at: float
    told: bool = False
