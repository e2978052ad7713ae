"""Warns when something holds the event loop for more than 100 ms of CPU time.

A thread asks the loop for a sign of life, and looks every few milliseconds what the loop's thread is doing.
CPU time is counted and not time on the clock, so that a busy machine is no reason for a warning. A callback
is held to be one and the same while the loop has given no sign of life and the outermost frame below the
loop's own is the same object; many short callbacks in a row are no fault of any of them.
"""

from __future__ import annotations

import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from linernotes.chat.frame import logs

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterator
    from types import FrameType

_log = logs.get(__name__)

HELD_SECONDS: Final = 0.1
_LOOK_SECONDS: Final = 0.02
# One that is idle is asked less often.
_REST_SECONDS: Final = 0.05
_LOOP_FILES: Final = ("asyncio/events.py", "asyncio/base_events.py")


@dataclass(frozen=True, slots=True)
class Held:
    """One callback that held the loop: CPU seconds, and where it stood, the innermost place of ours first."""

    seconds: float
    where: str
    ours: bool


@dataclass(slots=True)
class Watchdog:
    """What has been found."""

    held: list[Held] = field(default_factory=list)
    most_kept: int = 100

    def note(self, found: Held) -> None:
        """Keep and log one."""
        if len(self.held) < self.most_kept:
            self.held.append(found)
        _log.warning(
            "event loop held", milliseconds=round(found.seconds * 1_000), where=found.where, ours=found.ours
        )


@contextmanager
def watching(loop: asyncio.AbstractEventLoop) -> Iterator[Watchdog]:
    """Watch over a loop that the calling thread runs, as long as the context lasts."""
    watchdog = Watchdog()
    if not hasattr(
        time, "pthread_getcpuclockid"
    ):  # macOS and Windows do not let one thread see another's time
        yield watchdog
        return
    end = threading.Event()
    own = threading.get_ident()
    clock = time.pthread_getcpuclockid(own)
    thread = threading.Thread(
        target=_watch,
        args=(loop, own, lambda: time.clock_gettime(clock), end, watchdog),
        name="watchdog",
        daemon=True,
    )
    thread.start()
    try:
        yield watchdog
    finally:
        end.set()
        thread.join(1.0)


def _watch(
    loop: asyncio.AbstractEventLoop,
    thread: int,
    cpu: Callable[[], float],
    end: threading.Event,
    watchdog: Watchdog,
) -> None:
    while not end.wait(_REST_SECONDS):
        alive = threading.Event()
        try:
            loop.call_soon_threadsafe(alive.set)
        except RuntimeError:  # it is closed
            return
        callback: FrameType | None = None
        where, ours, began = "", False, 0.0
        held = 0.0
        while not alive.wait(_LOOK_SECONDS) and not end.is_set():
            now = cpu()
            frame = sys._current_frames().get(thread)  # noqa: SLF001  Python's documented way to see another thread
            outermost = _outermost(frame)
            if outermost is None:
                continue
            if outermost is not callback:
                callback, began, held = outermost, now, 0.0
            if now - began > held:
                held = now - began
                where, ours = _place(frame)
            del frame, outermost
            if held >= HELD_SECONDS and not alive.is_set():
                # Once for each: it is told when it is over, with all that it took.
                while not alive.wait(_REST_SECONDS) and not end.is_set():
                    pass
                watchdog.note(Held(max(cpu() - began, held), where, ours))
                break
        del callback


def _outermost(frame: FrameType | None) -> FrameType | None:
    """Return the outermost frame that is not the loop's own; ``None`` while the loop waits."""
    last = None
    while frame is not None:
        if frame.f_code.co_filename.replace("\\", "/").endswith(_LOOP_FILES):
            return last
        last, frame = frame, frame.f_back
    return None


def _place(frame: FrameType | None) -> tuple[str, bool]:
    """Return where a thread stands: the innermost place of ours, or else the innermost."""
    innermost, ours = "", ""
    while frame is not None:
        code = frame.f_code
        place = f"{code.co_filename.rpartition('site-packages/')[2]}:{frame.f_lineno} {code.co_name}"
        innermost = innermost or place
        if not ours and frame.f_globals.get("__name__", "").startswith("linernotes."):
            ours = f"{frame.f_globals['__name__']}:{frame.f_lineno} {code.co_name}"
        if code.co_filename.replace("\\", "/").endswith(_LOOP_FILES):
            break
        frame = frame.f_back
    return ours or innermost, bool(ours)
