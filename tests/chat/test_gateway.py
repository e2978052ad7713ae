"""The gateway: bad events and frames, connections that die, gaps, and what the bot says of its health."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

import discord
import pytest
from aiohttp import ClientSession
from connecting import connected
from loopback import APPLICATION, CHANNEL, GUILD, open_loopback

from fakes import QUESTION
from linernotes.chat.frame import connection, health, link
from linernotes.errors import DiscordRefusedError, DiscordUnreachableError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from loopback import Loopback

ME = f"<@{APPLICATION}>"


@pytest.fixture
async def server() -> AsyncIterator[Loopback]:
    async with open_loopback() as made:
        yield made


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten the pauses before a connection."""

    async def at_once(_bot: Any, _shard: int | None, *, initial: bool = False) -> None:
        """Wait for no turn."""

    monkeypatch.setattr(discord.Client, "before_identify_hook", at_once)
    monkeypatch.setattr(link, "FIRST_SECONDS", 0.02)
    monkeypatch.setattr(link, "MOST_RESUMING", 0.1)
    monkeypatch.setattr(link, "MOST_IDENTIFYING", 0.1)
    monkeypatch.setattr(link, "IDENTIFIES_AT_ONCE", 10_000)


@pytest.fixture
def bot_at(
    server: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], AbstractAsyncContextManager[Any]]:
    return lambda: connected(server, tmp_path, monkeypatch)


async def answers(server: Loopback) -> None:
    """Let a member who has not asked before ask something, and see it answered."""
    asked = await server.say(f"{ME} {QUESTION}", number=100 + len(server.messages))
    await server.until(lambda: replies(server, asked) == 1)


def replies(server: Loopback, asked: str) -> int:
    return sum(str((each["message_reference"] or {}).get("message_id")) == asked for each in server.messages)


# --- Events and frames that are not what they should be ---------------------------------------------------

MALFORMED: tuple[tuple[str, Any], ...] = (
    ("MESSAGE_CREATE", {}),
    ("MESSAGE_CREATE", None),
    ("MESSAGE_CREATE", {"id": "x", "channel_id": CHANNEL}),
    ("MESSAGE_CREATE", {"id": "1", "channel_id": CHANNEL, "guild_id": GUILD, "author": None}),
    ("MESSAGE_UPDATE", {"id": None}),
    ("MESSAGE_DELETE", {}),
    ("MESSAGE_DELETE_BULK", {"ids": 7}),
    ("MESSAGE_REACTION_ADD", {"emoji": None}),
    ("INTERACTION_CREATE", {}),
    ("INTERACTION_CREATE", {"id": "5", "type": 2}),
    ("GUILD_CREATE", {"id": "77"}),
    ("GUILD_CREATE", []),
    ("GUILD_UPDATE", {}),
    ("GUILD_ROLE_UPDATE", {"guild_id": GUILD, "role": {}}),
    ("CHANNEL_CREATE", {"guild_id": GUILD, "type": 0}),
    ("CHANNEL_UPDATE", {"guild_id": GUILD, "id": CHANNEL, "type": "many"}),
    ("THREAD_CREATE", {"guild_id": GUILD}),
    ("THREAD_LIST_SYNC", {"guild_id": GUILD}),
    ("GUILD_MEMBER_UPDATE", {"guild_id": GUILD}),
    ("USER_UPDATE", {}),
)


async def test_malformed_events_cost_nothing_but_themselves(
    server: Loopback, bot_at: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "linernotes")
    async with bot_at():
        for name, data in MALFORMED:
            await server.dispatch(name, data)
            await answers(server)
        assert len(server.connections) == 1
    assert sum("event not understood" in each.message for each in caplog.records) >= 15


async def test_a_command_in_a_channel_that_lacks_its_position_is_answered(
    server: Loopback, bot_at: Any
) -> None:
    async with bot_at():
        option = {"name": "question", "type": 3, "value": QUESTION}
        data = {"id": "1", "name": "ask", "type": 1, "options": [option]}
        bare = {"id": "900000000000000077", "type": 0}
        asked = await server.interact(2, data, place=bare)
        await server.until(lambda: asked in server.edits)


async def test_who_gave_a_command_that_cannot_be_read_is_told(server: Loopback, bot_at: Any) -> None:
    async with bot_at():
        data = {"id": "1", "name": "ask", "type": 1, "options": []}
        asked = await server.interact(2, data, member=None)
        await server.until(lambda: bool(server.interactions[asked].shown))
        assert "could not read" in str(server.interactions[asked].shown)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    "frame", ["{", "[]", "null", '{"op": 10, "d": {}}', '{"op": "x"}', '{"op":0,"t":"READY","s":9,"d":{}}']
)
async def test_a_bad_frame_costs_a_connection_at_most(server: Loopback, bot_at: Any, frame: str) -> None:
    async with bot_at():
        await server.send(frame)
        await server.until(lambda: True)
        await asyncio.sleep(0.3)
        asked = await server.say(f"{ME} {QUESTION}")
        await server.until(lambda: replies(server, asked) == 1)
        assert len(server.connections) <= 3


@pytest.mark.usefixtures("quick")
async def test_a_first_connection_that_fails_is_tried_again(server: Loopback, bot_at: Any) -> None:
    server.closes.extend([4000, 1011, 1000])
    async with bot_at():
        await answers(server)
    assert len(server.connections) == 4


# --- Connections that die ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "code", [4000, *(pytest.param(code, marks=pytest.mark.slow) for code in (1000, 1001, 4007, 4009))]
)
async def test_a_gateway_that_accepts_and_closes_is_left_in_peace(
    server: Loopback, bot_at: Any, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    # A quarter of each pause.
    monkeypatch.setattr(link, "FIRST_SECONDS", link.FIRST_SECONDS / 4)
    async with bot_at():
        server.closes.extend([code] * 10_000)
        await server.drop(code)
        await asyncio.sleep(1)
        # An eighth of a second to a quarter, to a half, to one: on a slow machine there are fewer.
        assert len(server.connections) - 1 <= 4
        assert len(server.identifies) <= 3


@pytest.mark.usefixtures("quick")
async def test_a_session_that_discord_has_forgotten_is_begun_anew(server: Loopback, bot_at: Any) -> None:
    async with bot_at():
        server.remembers = False
        await server.drop()
        await server.until(lambda: len(server.identifies) == 2)
        await answers(server)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("code", "part"),
    [
        (4004, "DISCORD_TOKEN"),
        (4010, "divides its servers"),
        (4011, "more connections"),
        (4012, "newer version"),
        (4013, "newer version"),
        (4014, "MESSAGE_CONTENT=off"),
    ],
)
async def test_what_must_be_changed_ends_the_bot_with_its_reason(
    server: Loopback, bot_at: Any, code: int, part: str
) -> None:
    async with bot_at() as bot:
        ended = asyncio.ensure_future(bot.connected_until)
        await server.drop(code)
        with pytest.raises(DiscordRefusedError, match=part) as raised:
            await asyncio.wait_for(ended, 10)
    assert raised.value.exit_status == 78


@pytest.mark.usefixtures("quick")
async def test_bad_frames_without_end_end_the_bot_with_a_sentence(
    server: Loopback, bot_at: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "GIVE_UP_DEATHS", 5)
    async with bot_at() as bot:
        ended = asyncio.ensure_future(bot.connected_until)
        server.garbage = "not JSON"
        await server.send("{")
        with pytest.raises(DiscordUnreachableError, match="cannot be understood") as raised:
            await asyncio.wait_for(ended, 20)
    assert raised.value.exit_status == 69


# --- Health -----------------------------------------------------------------------------------------------


async def status_of(port: int) -> tuple[int, dict[str, Any]]:
    async with ClientSession() as asks, asks.get(f"http://127.0.0.1:{port}/health") as response:
        return response.status, await response.json()


async def status_within(port: int, status: int, seconds: float) -> dict[str, Any]:
    async with asyncio.timeout(seconds):
        while True:
            found, told = await status_of(port)
            if found == status:
                return told
            await asyncio.sleep(0.05)


@pytest.mark.usefixtures("quick")
async def test_health_follows_the_connection(server: Loopback, bot_at: Any, free_port: int) -> None:
    async with bot_at() as bot, health.serve(bot, free_port):
        assert (await status_within(free_port, 200, 5))["disconnected_seconds"] is None
        server.closes.extend([4000] * 1_000)
        await server.drop()
        told = await status_within(free_port, 503, 5)
        assert told["ready"] is False
        assert told["disconnected_seconds"] >= 0
        server.closes.clear()
        await status_within(free_port, 200, 20)


async def test_health_notices_a_gateway_that_has_fallen_silent(
    server: Loopback, bot_at: Any, free_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "SILENT_SECONDS", 1.0)
    server.heartbeat_seconds = 0.2
    async with bot_at() as bot, health.serve(bot, free_port):
        await status_within(free_port, 200, 5)
        server.acknowledges = False
        told = await status_within(free_port, 503, 15)
        assert told["disconnected_seconds"] > 0.75


# --- Gaps -------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("quick")
async def test_what_was_asked_in_a_gap_is_answered_once_and_nothing_else_is(
    server: Loopback, bot_at: Any
) -> None:
    other = "900000000000000055"
    server.channels[other] = GUILD
    async with bot_at():
        await answers(server)
        server.remembers = False
        await server.drop()
        asked = await server.say(f"{ME} {QUESTION}", "Bob", 2, heard=False)
        remark = await server.say("brb, getting coffee", "Bob", 2, heard=False)
        elsewhere = await server.say(f"{ME} {QUESTION}", "Cleo", 3, channel=other, heard=False)
        await server.until(lambda: replies(server, asked) == 1)
        before = len(server.named("GET", f"/channels/{CHANNEL}/messages"))
        assert before == 1
        await server.drop()
        await asyncio.sleep(0.5)
        await answers(server)
        assert (replies(server, asked), replies(server, remark), replies(server, elsewhere)) == (1, 0, 0)
        assert not server.named("GET", f"/channels/{other}/messages")


@pytest.mark.usefixtures("quick")
async def test_a_gap_before_which_nobody_asked_is_not_looked_into(server: Loopback, bot_at: Any) -> None:
    async with bot_at():
        server.remembers = False
        await server.drop()
        await server.until(lambda: len(server.identifies) == 2)
        await answers(server)
        assert not server.named("GET", "/messages")
