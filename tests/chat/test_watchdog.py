"""What holds the event loop is found, and named; what does not is left alone."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from linernotes.chat.frame.watchdog import HELD_SECONDS, watching

if TYPE_CHECKING:
    import pytest


def burn(seconds: float) -> None:
    """Use the processor for so long."""
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        sum(range(1_000))


async def burn_in_a_callback(seconds: float) -> None:
    burn(seconds)


async def test_a_callback_that_computes_is_found_and_named(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("WARNING", "linernotes")
    with watching(asyncio.get_running_loop()) as watchdog:
        await asyncio.sleep(0.2)
        await asyncio.ensure_future(burn_in_a_callback(0.3))
        await asyncio.sleep(0.3)
    (held,) = watchdog.held
    assert held.seconds > HELD_SECONDS
    assert "burn" in held.where
    assert not held.ours
    assert "event loop held" in caplog.text


async def test_a_callback_that_waits_holds_nothing() -> None:
    """It blocks the loop, but the processor is free: what a busy machine looks like from within."""
    with watching(asyncio.get_running_loop()) as watchdog:
        await asyncio.sleep(0.1)
        time.sleep(0.4)  # noqa: ASYNC251  meant
        await asyncio.sleep(0.1)
    assert watchdog.held == []


async def test_many_short_callbacks_are_no_long_one() -> None:
    with watching(asyncio.get_running_loop()) as watchdog:
        await asyncio.sleep(0.1)
        await asyncio.gather(*(burn_in_a_callback(0.005) for _ in range(40)))
        await asyncio.sleep(0.2)
    assert watchdog.held == []
