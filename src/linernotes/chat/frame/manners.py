"""When the bot answers: who may ask where, how often, how many at once. Knows no Discord and never waits."""

from __future__ import annotations

import math
from collections import OrderedDict
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from linernotes.errors import RefusalError
from linernotes.library.store import Server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from linernotes.library.store import Rule, Store, Work

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


class BlockedError(RefusalError):
    """Moderators do not want an answer here, or for this person."""


class BusyError(RefusalError):
    """Too many questions; ``told`` says whether this has been said a moment ago."""

    def __init__(self, sentence: str, *, told: bool = False) -> None:
        """Keep the sentence."""
        super().__init__(sentence)
        self.told = told


class Servers:
    """The settings of all servers, in memory and in the store, so that a check never waits."""

    def __init__(self, store: Store) -> None:
        """Take the store; nothing is known until ``load``."""
        self._store = store
        self._servers: dict[int, Server] = {}

    async def load(self) -> None:
        """Read the settings of all servers."""
        self._servers = await self._store.servers()

    def of(self, guild: int | None) -> Server:
        """Return the settings of a server."""
        return Server() if guild is None else self._servers.get(guild, Server())

    async def set_rule(self, guild: int, channel: int, rule: Rule | None) -> Server:
        """Allow or deny a channel, or with ``None`` neither."""
        channels: Mapping[int, Rule] = {
            other: its for other, its in self.of(guild).channels.items() if other != channel
        }
        if rule is not None:
            channels = {**channels, channel: rule}
        return await self._save(guild, replace(self.of(guild), channels=channels))

    async def set_blocked(self, guild: int, member: int, *, blocked: bool) -> Server:
        """Block a member, or no longer."""
        before = self.of(guild)
        members = before.blocked | {member} if blocked else before.blocked - {member}
        return await self._save(guild, replace(before, blocked=members))

    async def set_moderator_role(self, guild: int, role: int | None, *also: Work) -> Server:
        """Let members with a role moderate, or with ``None`` those alone who may manage the server.

        Args:
            guild: the server.
            role: the role.
            also: what the store does in the same transaction.
        """
        return await self._save(guild, replace(self.of(guild), moderator_role=role), *also)

    async def set_gaps(self, guild: int, *also: Work, kept: bool) -> Server:
        """Keep what is not answered, or no longer; ``also`` as in ``set_moderator_role``."""
        return await self._save(guild, replace(self.of(guild), gaps=kept), *also)

    def drop(self, guild: int) -> None:
        """Forget the settings of a server that has been removed from the store."""
        self._servers.pop(guild, None)

    async def _save(self, guild: int, server: Server, *also: Work) -> Server:
        # In memory first: two changes at once must not each start from the same settings.
        before, self._servers[guild] = self._servers.get(guild), server
        try:
            await self._store.save_server(guild, server, *also)
        except BaseException:
            if self._servers.get(guild) is server:
                self._servers[guild] = before or Server()
            raise
        return server


def channels_of(channel: Any, channel_id: int | None) -> tuple[int, ...]:
    """Return the ids of a channel and of what it stands in, the nearest first."""
    parent = getattr(channel, "parent", None)
    found = (
        channel_id,
        getattr(channel, "parent_id", None),
        getattr(channel, "category_id", None) or getattr(parent, "category_id", None),
    )
    return tuple(each for each in found if each is not None)


def require_welcome(server: Server, person: int, channels: tuple[int, ...]) -> None:
    """Check that this person may ask here.

    Args:
        server: the server's settings.
        person: who asks.
        channels: the channel, and what it stands in: a thread's channel, a channel's category.

    Raises:
        BlockedError: moderators do not want it.
    """
    if person in server.blocked:
        raise BlockedError("The moderators of this server have asked me not to answer you here.")
    rules = [server.channels.get(channel) for channel in channels]
    # What stands nearer decides: a channel before its category.
    rule = next((each for each in rules if each is not None), None)
    if rule == "deny" or (rule is None and "allow" in server.channels.values()):
        raise BlockedError("The moderators of this server do not want me to answer in this channel.")


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
