"""Which questions in messages are being answered: their ids outlive the process, their text never does.

A question is *open* from when it is heard until its outcome has been sent. What is open when the bot is
killed is answered at the next start. Channels in which something was asked in the last quarter of an hour are
read again after a gap in the connection, from the last message that was seen there.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from linernotes.chat.frame import logs
from linernotes.errors import ClosedError, StoreError
from linernotes.library.store import KEPT_QUESTION_SECONDS, Question

if TYPE_CHECKING:
    from collections.abc import Callable

    from linernotes.library.store import Store

_log = logs.get(__name__)

_MOST: Final = 20_000


@dataclass(frozen=True, slots=True)
class Gap:
    """What was missed in a channel: all that came after a message, without those ``known`` to be done."""

    guild: int | None
    after: int
    known: frozenset[int] = frozenset()

    def __or__(self, other: Gap) -> Gap:
        """Return both."""
        return Gap(self.guild, min(self.after, other.after), self.known | other.known)


@dataclass(slots=True)
class Channel:
    """A channel in which something was asked: the newest message that was seen, and what is still open."""

    guild: int | None
    newest: int
    at: float
    open: set[int] = field(default_factory=set)

    @property
    def gap(self) -> Gap:
        """What to read, if nothing has been heard from now on."""
        return Gap(self.guild, min(self.newest, *(each - 1 for each in self.open), self.newest))


class OpenQuestions:
    """Keeps which questions are open, in memory and, a moment later, in the store."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.time) -> None:
        """Take the store, and a clock in seconds since 1970."""
        self._store = store
        self._clock = clock
        self._channels: dict[int, Channel] = {}
        self._open: dict[int, Question] = {}
        self._unwritten: dict[int, Question] = {}
        self._writing: asyncio.Task[None] | None = None

    def opened(self, question: int, guild: int | None, channel: int) -> None:
        """Note a question that has been heard."""
        now = self._clock()
        found = self._channels.setdefault(channel, Channel(guild, question, now))
        found.at = now
        found.newest = max(found.newest, question)
        found.open.add(question)
        self._open[question] = Question(question, guild, channel, now)
        self._write(self._open[question])
        self._forget(now)

    def closed(self, question: int) -> None:
        """Note that a question has its outcome."""
        found = self._open.pop(question, None)
        if found is not None:
            self._write(Question(found.message, found.guild, found.channel, found.at, open=False))
            if found.channel in self._channels:
                self._channels[found.channel].open.discard(question)

    def seen(self, channel: int, message: int) -> None:
        """Note a message, whoever wrote it to whom, in a channel where something was asked."""
        found = self._channels.get(channel)
        if found is not None:
            found.newest = max(found.newest, message)

    def __contains__(self, question: object) -> bool:
        """Say whether a question is open."""
        return question in self._open

    def open_in(self, channel: int) -> frozenset[int]:
        """Return what is open in a channel."""
        found = self._channels.get(channel)
        return frozenset(found.open) if found is not None else frozenset()

    def gaps(self) -> dict[int, Gap]:
        """Return what to read of each channel when a connection has been lost by now."""
        self._forget(self._clock())
        return {channel: each.gap for channel, each in self._channels.items()}

    async def load(self) -> dict[int, Gap]:
        """Take up what an earlier process has left; returns what to read of each channel.

        Which message was seen last is not kept, so each is read from the first question that is.
        """
        before = frozenset(self._open)
        try:
            kept = await self._store.questions()
        except (StoreError, ClosedError) as error:
            _log.error("open questions not read", reason=str(error))
            return {}
        gaps: dict[int, Gap] = {}
        for each in kept:
            if each.message in before:
                continue
            known = frozenset() if each.open else frozenset({each.message})
            gap = Gap(each.guild, each.message - 1, known)
            gaps[each.channel] = gaps.get(each.channel, gap) | gap
            found = self._channels.setdefault(each.channel, Channel(each.guild, each.message, each.at))
            found.newest = max(found.newest, each.message)
            found.at = max(found.at, each.at)
            if each.open:
                found.open.add(each.message)
                self._open[each.message] = each
        return gaps

    def _forget(self, now: float) -> None:
        before = now - KEPT_QUESTION_SECONDS
        late = [each.message for each in self._open.values() if each.at <= before]
        if len(self._open) > _MOST:
            late += list(self._open)[: len(self._open) - _MOST]
        for question in late:
            _log.warning("question given up", message=question)
            self.closed(question)
        for channel in [key for key, each in self._channels.items() if each.at <= before and not each.open]:
            del self._channels[channel]

    # --- Writing ---

    def _write(self, question: Question) -> None:
        """Let the store know soon; nobody waits for it, and one such task goes on at most."""
        self._unwritten[question.message] = question
        if self._writing is None or self._writing.done():
            self._writing = asyncio.ensure_future(self._write_all())

    async def _write_all(self) -> None:
        while self._unwritten:
            writing, self._unwritten = self._unwritten, {}
            try:
                await self._store.keep_questions(tuple(writing.values()))
            except (StoreError, ClosedError) as error:
                # Tried again with the next question.
                self._unwritten = writing | self._unwritten
                _log.warning("open questions not kept", reason=str(error))
                return
