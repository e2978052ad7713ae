"""What the preview needs of SimCord beyond what SimCord promises: every such touch, by name.

A version of SimCord that has changed one of them is told at the start, in a sentence, and not in the middle.
The version is pinned in ``pyproject.toml``.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import inspect
from typing import TYPE_CHECKING, Any

from linernotes.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from simcord.env import Env
    from simcord.preview import Preview

# What nobody changes while people look at the page: the simulation has a day of 2026 as its first.
_EPOCH = "_epoch"
# The one way of the page to the bot; it takes the page's id and what was done there.
_ACTION = "_action"
# Where the bot is logged in as somebody before it has been seen.
_BOT = "bot_user"


def require_touches(env: Env, preview: type[Preview]) -> None:
    """Check that SimCord has what the functions below touch.

    Raises:
        ConfigurationError: it is a version that has changed.
    """
    backend = env.backend
    found = (
        hasattr(backend.clock, _EPOCH),
        hasattr(backend, _BOT),
        inspect.iscoroutinefunction(getattr(preview, _ACTION, None)),
        list(inspect.signature(backend.create_message).parameters)[:3]
        == ["channel_id", "author_id", "content"],
    )
    if not all(found):
        raise ConfigurationError(
            "This SimCord is another version than the preview is made for; make preview brings the right one."
        )


def begin_now(env: Env) -> None:
    """Let the simulation's time begin now; before anything has been made, for ids tell the time."""
    setattr(env.backend.clock, _EPOCH, dt.datetime.now(dt.UTC))


def name_bot(env: Env, name: str) -> None:
    """Give the bot the name that it has in Discord; before it logs in."""
    getattr(env.backend, _BOT).name = name


def turn_names_into_mentions(env: Env, name: str) -> None:
    """Let ``@name`` at the start of what a person writes mention the bot, for the page offers no names."""
    backend = env.backend
    create = backend.create_message
    me: int = getattr(backend, _BOT).id

    def create_message(channel_id: int, author_id: int, content: str | None = "", **named: Any) -> Any:
        return create(
            channel_id,
            author_id,
            content if author_id == me else mentioning(content or "", name, me),
            **named,
        )

    backend.create_message = create_message  # type: ignore[method-assign]


def mentioning(content: str, name: str, user: int) -> str:
    """Return what a person wrote with ``@name`` at its start, whatever its case, as a mention."""
    written = content.lstrip()
    plain = f"@{name}"
    if written[: len(plain)].casefold() != plain.casefold():
        return content
    rest = written[len(plain) :]
    return content if rest[:1].isalnum() else f"<@{user}>{rest}"


async def keep_time(env: Env, preview: Preview, seconds: Callable[[], float], *, tick: float) -> None:
    """Let time go on as it does outside, and show what it has changed; ends by being cancelled.

    What is done on the page waits while time moves, and time waits while something is done: SimCord does one
    thing at a time and would turn the other away.

    Args:
        env: the simulation.
        preview: the page.
        seconds: a clock that goes on evenly, outside the simulation.
        tick: seconds between two moves.
    """
    turn = asyncio.Lock()
    act = getattr(preview, _ACTION)

    async def act_in_turn(context_id: str | None, body: Mapping[str, Any]) -> Any:
        async with turn:
            return await act(context_id, body)

    setattr(preview, _ACTION, act_in_turn)
    last = seconds()
    async for _ in _every(tick):
        async with turn:
            now = seconds()
            done = len(env.http_requests)
            await env.advance_time(now - last)
            last = now
            # A page that is shown anew takes no press that was on its way, so only for a reason.
            if len(env.http_requests) != done:
                await preview.refresh()


async def _every(tick: float) -> AsyncIterator[None]:
    while True:
        await asyncio.sleep(tick)
        yield
