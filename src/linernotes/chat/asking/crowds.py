"""Questions that come in a crowd, more than can be answered: one sentence in a channel for all of them.

A refusal for each would wait behind the answers, and Discord takes few messages a second in a channel. The
first one is refused at once; who is refused within the next ten seconds is counted, and then told together.
So everybody who asks hears of it within a bound, by one message each ten seconds in a channel.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_Q = TypeVar("_Q")

TOGETHER_SECONDS: Final = 10.0
# A refusal that is not taken in this time is of no use.
_SEND_SECONDS: Final = 5.0
# So often a sentence that was not taken is tried; in so many channels at once there may be a crowd.
_TRIES: Final = 6
_CHANNELS: Final = 500


@dataclass(slots=True)
class _Crowd(Generic[_Q]):
    last: _Q
    count: int
    sentence: str
    failed: int = 0


class Crowds(Generic[_Q]):
    """Tells crowds, channel by channel, that they are too many."""

    def __init__(self, send: Callable[[_Q, str], Awaitable[object]], is_leaving: Callable[[], bool]) -> None:
        """Take what replies to a question (``None``: it was not possible), and whether the bot leaves."""
        self._send = send
        self._is_leaving = is_leaving
        self._crowds: dict[int, _Crowd[_Q]] = {}
        self._telling: set[asyncio.Task[None]] = set()

    async def refuse(self, channel: int, question: _Q, sentence: str) -> None:
        """Tell who asks that it is too much, now or together with those who come within ten seconds."""
        crowd = self._crowds.get(channel)
        if crowd is not None:
            crowd.last, crowd.sentence = question, sentence
            crowd.count += 1
        elif len(self._crowds) < _CHANNELS:
            self._crowds[channel] = _Crowd(question, 1, sentence)
            await self._tell(channel)

    async def _tell(self, channel: int) -> None:
        crowd = self._crowds[channel]
        question, count, sentence = crowd.last, crowd.count, crowd.sentence
        crowd.count = 0
        if count > 1:
            sentence = f"This is for the last {count} questions here. {sentence}"
        sending = asyncio.ensure_future(self._send(question, sentence))
        try:
            _, late = await asyncio.wait({sending}, timeout=_SEND_SECONDS)
            for each in late:
                each.cancel()
            (sent,) = await asyncio.gather(sending, return_exceptions=True)
        except asyncio.CancelledError:
            sending.cancel()
            raise
        finally:
            asyncio.get_running_loop().call_later(TOGETHER_SECONDS, self._again, channel)
        if sent is not None and not isinstance(sent, BaseException):
            crowd.failed = 0
        elif crowd.failed < _TRIES:
            crowd.failed += 1
            crowd.count += count

    def _again(self, channel: int) -> None:
        crowd = self._crowds[channel]
        if not crowd.count or self._is_leaving():
            del self._crowds[channel]
            return
        task = asyncio.ensure_future(self._tell(channel))
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)
