"""Over real HTTP: one channel keeps no other server out, and a busy database keeps nobody waiting."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
import time
from typing import TYPE_CHECKING, Any

import loopback
import pytest
from loopback import APPLICATION, CHANNEL, Loopback, open_loopback
from test_loopback import connected, text_of

from fakes import QUESTION
from linernotes.chat.asking import crowds
from linernotes.chat.frame import promptly
from linernotes.library import Library
from linernotes.library.service import DATABASE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from aiohttp import web

    from linernotes.settings import Settings

ME = f"<@{APPLICATION}>"
ELSEWHERE = "900000000000000099"
TO_CHANNEL = f"/channels/{CHANNEL}/messages"


class Slow(Loopback):
    """A server that takes messages when it is told to, and knows of another server."""

    def __init__(self) -> None:
        super().__init__()
        self.taking, self.trying = asyncio.Event(), asyncio.Event()
        self.taking.set()
        self.elsewhere = False

    async def _send(self, request: web.Request) -> web.Response:
        at = len(self.requests) - 1
        self.trying.set()
        await self.taking.wait()
        # What came meanwhile is behind it.
        self.requests.append(self.requests[at])
        return await super()._send(request)

    async def dispatch(self, name: str, data: Any) -> None:
        if self.elsewhere and name == "INTERACTION_CREATE":
            owners = {"authorizing_integration_owners": {"0": ELSEWHERE}}
            data = (
                data | owners | {"guild_id": ELSEWHERE, "channel": data["channel"] | {"guild_id": ELSEWHERE}}
            )
        await super().dispatch(name, data)


@pytest.fixture
async def server(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Slow]:
    monkeypatch.setattr(loopback, "Loopback", Slow)
    async with open_loopback() as made:
        assert isinstance(made, Slow)
        yield made


class OnDisk:
    """Opens a library with a database of its own."""

    @staticmethod
    def open(settings: Settings, *, embedder: Any, keep: str) -> AbstractAsyncContextManager[Library]:
        assert keep == "nothing"
        return Library.open(settings, embedder=embedder)


async def sends(server: Slow) -> None:
    """Wait until the bot tries to send a message, taken or not."""
    await asyncio.wait_for(server.trying.wait(), 30)


async def test_a_channel_whose_messages_are_not_taken_keeps_no_other_server_out(
    server: Slow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with connected(server, tmp_path, monkeypatch) as bot:
        server.taking.clear()
        before = len(asyncio.all_tasks())
        for number in range(400):
            await server.say(f"{ME} {QUESTION}", f"member{number}", number)
        # All that are answered wait to be sent, and hold no place among those that are answered at once.
        await sends(server)
        server.elsewhere = True
        interaction = await server.ask(QUESTION, 1_000)
        await server.until(lambda: interaction in server.edits)
        assert "Ada Stone" in text_of(server.edits[interaction][0])
        # A server that has asked as much as it may has half of what can wait, and no task more than that.
        assert len(asyncio.all_tasks()) - before < 2 * 150 + 50
        server.taking.set()
        await server.until(lambda: bot.manners.under_way == 0)


async def test_an_answer_that_discord_does_not_take_holds_no_place(
    server: Slow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While messages wait for Discord, as for its rate limit, the places are free for who asks next."""
    async with connected(server, tmp_path, monkeypatch) as bot:
        server.taking.clear()
        asked = [await server.say(f"{ME} {QUESTION}", f"member{n}", n) for n in range(5)]
        await sends(server)
        await server.until(lambda: bot.manners.under_way == 0)
        assert not server.messages
        server.taking.set()
        await server.until(lambda: len(server.messages) == len(asked))


async def test_a_refusal_waits_in_no_queue(
    server: Slow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is given up where it cannot be sent at once, and one sentence is said for all of them later."""
    monkeypatch.setattr(crowds, "_SEND_SECONDS", 0.3)
    monkeypatch.setattr(crowds, "TOGETHER_SECONDS", 1.0)
    async with connected(server, tmp_path, monkeypatch):
        server.taking.clear()
        for _ in range(8):
            await server.say(f"{ME} {QUESTION}", "Alice", 1)
        await sends(server)
        # More than one person may ask: what is said of it would wait behind the answers.
        for _ in range(4):
            await server.say(f"{ME} {QUESTION}", "Alice", 1)
        await asyncio.sleep(0.7)
        server.taking.set()
        await server.until(lambda: len(server.messages) >= 9)
        await asyncio.sleep(1.3)
        said = [text_of(each) for each in server.messages if "That was a lot" in text_of(each)]
        assert len(server.messages) == 9
        assert [each.partition("That was")[0] for each in said] == ["This is for your last 4 questions. "]


async def test_a_locked_database_keeps_nobody_waiting_for_an_answer(
    server: Slow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(promptly, "PROMPT_SECONDS", 0.5)
    monkeypatch.setattr(sys.modules[connected.__module__], "Library", OnDisk)
    async with connected(server, tmp_path, monkeypatch):
        other = sqlite3.connect(tmp_path / "data" / DATABASE, isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        try:
            began = time.monotonic()
            for number in range(6):
                await server.say(f"{ME} {QUESTION}", f"member{number}", number)
            interactions = [await server.ask(QUESTION, 100 + number) for number in range(6)]
            await server.until(lambda: len(server.messages) == 6 and len(server.edits) == 6, 30)
            took = time.monotonic() - began
            # Not one after another: SQLite waits for five seconds, each time.
            assert took < 5 * 6
            assert all("Ada Stone" in text_of(each) for each in server.messages)
            for interaction in interactions:
                (edit,) = server.edits[interaction]
                assert "Ada Stone" in text_of(edit)
                # What its buttons need could not be kept.
                assert not edit["components"]
        finally:
            other.execute("ROLLBACK")
            other.close()
        asked = await server.ask(QUESTION, 200)
        await server.until(lambda: asked in server.edits, 30)
        assert server.edits[asked][0]["components"]
