"""Questions that are more than can be answered: one sentence in a channel for all of them.

A refusal for each would wait behind the answers, and Discord takes few messages a second in a channel. The
first one is refused at once; who is refused within the next ten seconds is counted, and then told together.
So everybody who asks hears of it within a bound, by one message each ten seconds in a channel. A person who
asks too fast is told in the same way, by themselves.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

_Q = TypeVar("_Q")

TOGETHER_SECONDS: Final = 10.0
# A refusal that is not taken in this time is of no use.
_SEND_SECONDS: Final = 5.0
# So often a sentence that was not taken is tried; in so many channels at once there may be a crowd.
_TRIES: Final = 6
_CROWDS: Final = 500
_TOGETHER: Final = "This is for the last {} questions here. {}"
_BY_ONE: Final = "This is for your last {} questions. {}"


@dataclass(slots=True)
class _Crowd(Generic[_Q]):
    sentence: str
    waiting: list[_Q] = field(default_factory=list)
    failed: int = 0


class Crowds(Generic[_Q]):
    """Tells crowds that they are too many: all who ask in a channel, or one person there."""

    def __init__(
        self,
        send: Callable[[_Q, str], Awaitable[object]],
        ended: Callable[[Sequence[_Q]], None] = lambda _: None,
    ) -> None:
        """Take what to do with questions.

        Args:
            send: replies to a question; ``None`` where that was not possible.
            ended: is called with questions that have been told, or cannot be.
        """
        self._send = send
        self._ended = ended
        self._crowds: dict[tuple[int, int | None], _Crowd[_Q]] = {}
        self._telling: set[asyncio.Task[None]] = set()
        self._leaving = False

    async def refuse(self, channel: int, question: _Q, sentence: str, *, person: int | None = None) -> None:
        """Tell who asks that it is too much, now or together with those who come within ten seconds.

        Args:
            channel: where it was asked.
            question: what is replied to.
            sentence: says why.
            person: who asks too much, where it is not all together.
        """
        where = (channel, person)
        crowd = self._crowds.get(where)
        if crowd is not None:
            crowd.sentence = sentence
            crowd.waiting.append(question)
        elif len(self._crowds) < _CROWDS and not self._leaving:
            self._crowds[where] = _Crowd(sentence, [question])
            await self._tell(where)
        else:
            self._ended([question])

    async def leave(self, sentence: str) -> None:
        """Tell all who wait, once and at once, with another sentence: there is no later."""
        self._leaving = True
        left = [where for where, crowd in self._crowds.items() if crowd.waiting]
        for where in left:
            self._crowds[where].sentence = sentence
        await asyncio.gather(*(self._tell(where) for where in left))

    async def _tell(self, where: tuple[int, int | None]) -> None:
        crowd = self._crowds[where]
        told, crowd.waiting = crowd.waiting, []
        sentence = crowd.sentence
        if len(told) > 1:
            sentence = (_TOGETHER if where[1] is None else _BY_ONE).format(len(told), sentence)
        sending = asyncio.ensure_future(self._send(told[-1], sentence))
        try:
            _, late = await asyncio.wait({sending}, timeout=_SEND_SECONDS)
            for each in late:
                each.cancel()
            (sent,) = await asyncio.gather(sending, return_exceptions=True)
        except asyncio.CancelledError:
            sending.cancel()
            raise
        finally:
            asyncio.get_running_loop().call_later(TOGETHER_SECONDS, self._again, where)
        if sent is not None and not isinstance(sent, BaseException):
            crowd.failed = 0
            self._ended(told)
        elif crowd.failed < _TRIES:
            crowd.failed += 1
            crowd.waiting[:0] = told
        else:
            self._ended(told)

    def _again(self, where: tuple[int, int | None]) -> None:
        crowd = self._crowds.get(where)
        if crowd is None or self._leaving:
            return
        if not crowd.waiting:
            del self._crowds[where]
            return
        task = asyncio.ensure_future(self._tell(where))
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)
