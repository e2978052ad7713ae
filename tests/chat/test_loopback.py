"""Over real HTTP and WebSocket: login, answers, bad weather, refusals, and leaving in time."""

from __future__ import annotations

import asyncio
import signal
import socket
import sqlite3
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import discord
import pytest
from aiohttp import ClientSession
from connecting import connected
from loopback import APPLICATION, CHANNEL, open_loopback
from program import GONE_SECONDS, outcome, program, sentences

from fakes import LANTERNS, OTHER_QUESTION, QUESTION, FakeEmbedder, write_corpus
from linernotes.chat.curating import progress
from linernotes.shell.control import request_reload

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from loopback import Loopback

    from linernotes.chat.frame.bot import LinerNotes

ME = f"<@{APPLICATION}>"


@pytest.fixture
async def server() -> AsyncIterator[Loopback]:
    async with open_loopback() as made:
        yield made


def text_of(message: dict[str, Any]) -> str:
    return " ".join([message.get("content") or "", *(str(each["description"]) for each in message["embeds"])])


# --- Answers ----------------------------------------------------------------------------------------------


async def test_it_logs_in_and_answers(
    server: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with connected(server, tmp_path, monkeypatch):
        names = {each["name"] for each in server.commands}
        assert {"ask", "quote", "quotes", "sources", "help", "privacy", "settings"} < names
        asked = await server.say(f"{ME} {QUESTION}")
        await server.until(lambda: len(server.messages) == 1)
        (answer,) = server.messages
        assert "Ada Stone" in text_of(answer)
        assert answer["message_reference"]["message_id"] == int(asked)
        assert answer["nonce"] == asked


async def test_it_comes_over_as_many_connections_as_discord_tells_it(
    server: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def at_once(_bot: Any, _shard: int | None, *, initial: bool = False) -> None:
        """Wait for no turn: Discord wants five seconds between two connections."""

    monkeypatch.setattr(discord.Client, "before_identify_hook", at_once)
    server.shards = 3
    async with connected(server, tmp_path, monkeypatch):
        assert server.identities == [(0, 3), (1, 3), (2, 3)]
        await server.say(f"{ME} {QUESTION}")
        await server.until(lambda: len(server.messages) == 1)
        assert "Ada Stone" in text_of(server.messages[0])


async def test_one_connection_is_enough_where_discord_says_so(
    server: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with connected(server, tmp_path, monkeypatch):
        assert server.identities == [(0, 1)]
        assert len(server.named("GET", "/gateway/bot")) == 1


async def test_ask_is_deferred_and_then_answered(
    server: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with connected(server, tmp_path, monkeypatch):
        began = time.monotonic()
        interaction = await server.ask(QUESTION)
        await server.until(lambda: interaction in server.edits)
        (callback,) = server.named("POST", "/callback")
        assert callback.body["type"] == 5
        assert callback.at - began < 1
        (edit,) = server.edits[interaction]
        assert "Ada Stone" in text_of(edit)


@pytest.fixture
async def building(
    server: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[LinerNotes, FakeEmbedder, str]]:
    """Yield a bot, its model, which does not go on, and a moderator's interaction that waits for it."""
    monkeypatch.setattr(progress, "NOTE_SECONDS", 0.05)
    embedder = FakeEmbedder()
    async with connected(server, tmp_path, monkeypatch, embedder) as bot:
        write_corpus(tmp_path / "corpus", lanterns=LANTERNS)
        embedder.gate.clear()
        reload = {"name": "reload", "type": 1, "options": []}
        manage = discord.Permissions(manage_guild=True).value
        try:
            yield bot, embedder, await server.command("corpus", reload, permissions=manage)
        finally:
            embedder.gate.set()


async def test_a_moderator_sees_how_far_a_build_is(
    server: Loopback, building: tuple[LinerNotes, FakeEmbedder, str]
) -> None:
    _, embedder, interaction = building
    await server.until(
        lambda: any("Embedding: 0 of 3 texts" in text_of(edit) for edit in server.edits.get(interaction, []))
    )
    embedder.gate.set()
    await server.until(lambda: "Nothing has changed yet" in text_of(server.edits[interaction][-1]))
    assert server.edits[interaction][-1]["components"]


async def test_a_bot_that_leaves_does_not_wait_for_a_build(
    server: Loopback, building: tuple[LinerNotes, FakeEmbedder, str]
) -> None:
    bot, _, interaction = building
    await server.until(lambda: interaction in server.edits)
    began = time.monotonic()
    await bot.leave()
    assert time.monotonic() - began < 2
    assert "being restarted" in server.edits[interaction][-1]["content"]


async def test_fifty_members_at_once_are_all_answered_and_none_twice(
    server: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with connected(server, tmp_path, monkeypatch):
        began = time.monotonic()
        mentions = [await server.say(f"{ME} {QUESTION}", f"member{n}", n) for n in range(25)]
        interactions = [await server.ask(QUESTION, 100 + n) for n in range(25)]
        await server.until(lambda: len(server.messages) == 25 and len(server.edits) == 25)
        # Time for a second answer, if there were one.
        await asyncio.sleep(0.3)
        answered = Counter(str(each["message_reference"]["message_id"]) for each in server.messages)
        assert answered == dict.fromkeys(mentions, 1)
        assert {key: len(edits) for key, edits in server.edits.items()} == dict.fromkeys(interactions, 1)
        assert all("Ada Stone" in text_of(each) for each in server.messages)
        assert all("Ada Stone" in text_of(edits[0]) for edits in server.edits.values())
        callbacks = server.named("POST", "/callback")
        assert len(callbacks) == 25
        assert max(each.at for each in callbacks) - began < 3
        # One sign of typing for all of them: Discord allows few.
        assert len(server.named("POST", "/typing")) <= 5


async def test_bad_weather_costs_no_answer_and_makes_no_second_one(
    server: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sleep = asyncio.sleep
    monkeypatch.setattr(asyncio, "sleep", lambda seconds, *more: sleep(min(seconds, 0.05), *more))
    async with connected(server, tmp_path, monkeypatch):
        server.failures.extend([500, 429, 502])
        await server.say(f"{ME} {QUESTION}")
        await server.until(lambda: len(server.messages) == 1)
        assert len(server.named("POST", f"/channels/{CHANNEL}/messages")) == 4
        # Taken, but said to have failed: sent again, it is still one message.
        server.lost.append(502)
        await server.say(f"{ME} {QUESTION}", "Bob", 2)
        await server.until(lambda: len(server.named("POST", f"/channels/{CHANNEL}/messages")) == 6)
        await sleep(0.2)
        assert len(server.messages) == 2


async def test_what_comes_again_after_a_lost_connection_is_answered_once(
    server: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sleep = asyncio.sleep
    monkeypatch.setattr(asyncio, "sleep", lambda seconds, *more: sleep(min(seconds, 0.05), *more))
    async with connected(server, tmp_path, monkeypatch):
        await server.say(f"{ME} {QUESTION}")
        await server.until(lambda: len(server.messages) == 1)
        await server.drop()
        await asyncio.wait_for(server.resumed.wait(), 10)
        await server.say(f"{ME} {QUESTION}", "Bob", 2)
        await server.until(lambda: len(server.messages) == 2)
        await sleep(0.2)
        assert len(server.messages) == 2


# --- The program ------------------------------------------------------------------------------------------


async def test_a_refused_token_is_one_sentence_and_78(server: Loopback, tmp_path: Path) -> None:
    async with program(server.url, tmp_path, token="a-wrong-token-1234567890") as process:  # noqa: S106  made up
        status, out, err = await outcome(process)
    assert status == 78
    assert out == ""
    assert sentences(err) == [
        "Discord refuses the token in DISCORD_TOKEN; copy it again from the developer portal (Bot)."
    ]
    assert "Traceback" not in err
    assert "a-wrong-token" not in err


@pytest.mark.slow
async def test_a_refused_intent_is_one_sentence_and_78(server: Loopback, tmp_path: Path) -> None:
    server.privileged = False
    async with program(server.url, tmp_path, MESSAGE_CONTENT="on") as process:
        status, _, err = await outcome(process)
    assert status == 78
    (sentence,) = sentences(err)
    assert "Message Content" in sentence
    assert "MESSAGE_CONTENT=off" in sentence


@pytest.mark.slow
async def test_no_network_is_one_sentence_and_69(tmp_path: Path) -> None:
    # Nobody listens on the discard port.
    async with program("http://127.0.0.1:9", tmp_path) as process:
        status, _, err = await outcome(process)
    assert status == 69
    (sentence,) = sentences(err)
    assert "Discord is not to be had" in sentence
    assert "Traceback" not in err


@pytest.mark.slow
async def test_a_damaged_database_is_one_sentence_and_78(server: Loopback, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    database = tmp_path / "data" / "linernotes.db"
    database.write_bytes(b"no database" * 1_000)
    async with program(server.url, tmp_path) as process:
        status, _, err = await outcome(process)
    assert status == 78
    (sentence,) = sentences(err)
    assert "linernotes.db" in sentence
    assert database.read_bytes() == b"no database" * 1_000
    assert server.requests == []


async def test_sigterm_finishes_the_answers_under_way(server: Loopback, tmp_path: Path) -> None:
    async with program(server.url, tmp_path, LOG_FORMAT="json") as process:
        await asyncio.wait_for(server.identified.wait(), 20)
        await server.until(lambda: bool(server.commands))
        asked = await server.say(f"{ME} {QUESTION} slowly")
        interaction = await server.ask(f"{QUESTION} slowly", 2)
        await server.until(
            lambda: bool(server.named("POST", "/typing") and server.named("POST", "/callback"))
        )
        assert server.messages == []
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        status, _, err = await outcome(process)
        took = time.monotonic() - began
    assert status == 0, err
    assert took < GONE_SECONDS
    assert [each["message_reference"]["message_id"] for each in server.messages] == [int(asked)]
    assert "Ada Stone" in text_of(server.messages[0])
    assert list(server.edits) == [interaction]
    assert "Traceback" not in err
    # What was answered has been recorded.
    db = sqlite3.connect(tmp_path / "data" / "linernotes.db")
    assert db.execute("SELECT COUNT(*) FROM answers WHERE message IS NOT NULL").fetchone() == (2,)
    db.close()


@pytest.mark.slow
async def test_sigterm_does_not_wait_for_what_never_ends(server: Loopback, tmp_path: Path) -> None:
    async with program(server.url, tmp_path) as process:
        await asyncio.wait_for(server.identified.wait(), 20)
        await server.say(f"{ME} {QUESTION} never")
        await server.until(lambda: bool(server.named("POST", "/typing")))
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        status, _, _ = await outcome(process)
        assert time.monotonic() - began < GONE_SECONDS
    assert status == 0


@pytest.mark.slow
async def test_the_operator_reloads_a_connected_bot(server: Loopback, tmp_path: Path) -> None:
    async with program(server.url, tmp_path) as process:
        await asyncio.wait_for(server.identified.wait(), 20)
        write_corpus(tmp_path / "corpus", lanterns=LANTERNS)
        report = await asyncio.to_thread(request_reload, tmp_path / "data")
        assert report["documents"] == 2
        await server.say(f"{ME} {OTHER_QUESTION}")
        await server.until(lambda: bool(server.messages))
        process.send_signal(signal.SIGTERM)
        status, _, err = await outcome(process)
    assert "Otto Blum" in text_of(server.messages[0])
    assert status == 0, err


@pytest.mark.slow
async def test_health_is_200_once_it_is_connected(server: Loopback, tmp_path: Path, free_port: int) -> None:
    async with program(server.url, tmp_path, HEALTH_PORT=str(free_port)) as process, ClientSession() as asks:
        await asyncio.wait_for(server.identified.wait(), 20)
        statuses: list[int] = []
        while statuses[-1:] != [200]:
            async with asks.get(f"http://127.0.0.1:{free_port}/health") as response:
                statuses.append(response.status)
                told = await response.json()
        assert set(statuses) <= {200, 503}
        assert told["ready"] is True
        async with asks.get(f"http://127.0.0.1:{free_port}/") as response:
            assert response.status == 404
        process.send_signal(signal.SIGTERM)
        status, _, err = await outcome(process)
    assert status == 0, err


@pytest.mark.slow
async def test_a_health_port_in_use_is_one_sentence_and_78(
    server: Loopback, tmp_path: Path, free_port: int
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", free_port))
        taken.listen()
        async with program(server.url, tmp_path, HEALTH_PORT=str(free_port)) as process:
            status, _, err = await outcome(process)
    assert status == 78
    (sentence,) = sentences(err)
    assert f"HEALTH_PORT={free_port}" in sentence
