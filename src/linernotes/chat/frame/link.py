"""When to connect again, and how long the bot has been without a connection. Knows no Discord, never waits.

Discord lets a bot IDENTIFY a thousand times a day and takes its token away when it does so more often. A
connection that dies young is followed by a longer pause each time; while one works, the pauses grow short
again.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

LIFE_SECONDS: Final = 10.0
"""Each time a connection has worked for so long, one early death is forgiven."""

FIRST_SECONDS = 1.0
MOST_RESUMING = 60.0
MOST_IDENTIFYING = 300.0
# A session that cannot be resumed so often is given up: perhaps it is what is sent again that fails.
_RESUMES: Final = 3

IDENTIFIES_AT_ONCE = 10
IDENTIFY_SECONDS = 300.0
"""Ten IDENTIFYs, and one more each five minutes: 298 in a day at most."""


@dataclass(slots=True)
class _Shard:
    down_since: float | None
    up_since: float | None = None
    deaths: int = 0
    resumes: int = 0


class Link:
    """The connections of a bot: which work, since when others do not, and when to try again."""

    def __init__(self, clock: Callable[[], float], chance: random.Random | None = None) -> None:
        """Take a clock in seconds that only goes forward."""
        self._clock = clock
        self._chance = chance or random.Random()  # noqa: S311  it spreads connections out
        self._began = clock()
        self._shards: dict[int, _Shard] = {}
        self._identifies = float(IDENTIFIES_AT_ONCE)
        self._filled = self._began

    def up(self, shard: int) -> None:
        """Note that a connection works: Discord has said READY or RESUMED."""
        found = self._of(shard)
        found.down_since = None
        found.up_since = self._clock()

    def down(self, shard: int) -> None:
        """Note that a connection has gone, or was not to be had."""
        found, now = self._of(shard), self._clock()
        if found.up_since is not None:
            lived = int((now - found.up_since) / LIFE_SECONDS)
            found.deaths = max(found.deaths - lived, 0)
            found.resumes = 0 if lived else found.resumes
        found.up_since = None
        found.deaths += 1
        if found.down_since is None:
            found.down_since = now

    def may_resume(self, shard: int) -> bool:
        """Say whether the session is worth another try; counts it."""
        found = self._of(shard)
        found.resumes += 1
        if found.resumes > _RESUMES:
            found.resumes = 0
            return False
        return True

    def pause(self, shard: int, *, identify: bool) -> float:
        """Return the seconds to wait before a shard connects again; an IDENTIFY is taken from the budget."""
        most = MOST_IDENTIFYING if identify else MOST_RESUMING
        seconds = min(FIRST_SECONDS * 2.0 ** min(self._of(shard).deaths - 1, 20), most)
        seconds *= self._chance.uniform(0.5, 1.0)
        return max(seconds, self._identify()) if identify else seconds

    def seconds_down(self) -> float | None:
        """Return for how long the bot has lacked a connection, or ``None`` if it lacks none."""
        now = self._clock()
        if not self._shards:
            return now - self._began
        since = [each.down_since for each in self._shards.values() if each.down_since is not None]
        return now - min(since) if since else None

    def seconds_down_of(self, shard: int) -> float:
        """Return for how long one connection has been gone."""
        since = self._of(shard).down_since
        return 0.0 if since is None else self._clock() - since

    def deaths_of(self, shard: int) -> int:
        """Return how many connections of a shard have died young, one after the other."""
        return self._of(shard).deaths

    def _of(self, shard: int) -> _Shard:
        if shard not in self._shards:
            self._shards[shard] = _Shard(down_since=self._clock())
        return self._shards[shard]

    def _identify(self) -> float:
        """Take one IDENTIFY; return the seconds until it may be sent."""
        now = self._clock()
        more = (now - self._filled) / IDENTIFY_SECONDS
        self._identifies = min(self._identifies + more, IDENTIFIES_AT_ONCE) - 1
        self._filled = now
        return max(-self._identifies * IDENTIFY_SECONDS, 0.0)
