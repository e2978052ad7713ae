"""What is repeated, how long, and what is never said twice or taken back."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import aiohttp
import discord
import pytest
from connecting import connected
from loopback import APPLICATION, CHANNEL, GUILD, open_loopback
from tenacity import wait_none
from weather import Fault

from fakes import QUESTION
from linernotes.chat.asking import catching_up
from linernotes.chat.frame import delivery
from linernotes.chat.frame.delivery import TOKEN_SECONDS, Patience, patience_with
from linernotes.chat.frame.refusals import REFUSALS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from loopback import Loopback

ME = f"<@{APPLICATION}>"
OTHERS = tuple(str(930_000_000_000_000_000 + number) for number in range(20))
NONCE = '{"content":"x","nonce":"1","enforce_nonce":true}'


@pytest.fixture
async def server() -> AsyncIterator[Loopback]:
    async with open_loopback() as made:
        yield made


@pytest.fixture
async def bot(server: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Any]:
    server.channels |= dict.fromkeys(OTHERS, GUILD)
    monkeypatch.setattr(delivery, "PAUSES", wait_none())
    monkeypatch.setattr(delivery, "TRY", aiohttp.ClientTimeout(total=0.4))
    async with connected(server, tmp_path, monkeypatch) as made:
        yield made


def replies(server: Loopback, asked: str) -> list[dict[str, Any]]:
    return [
        each for each in server.messages if str((each["message_reference"] or {}).get("message_id")) == asked
    ]


@pytest.mark.parametrize(
    ("method", "path", "body", "patience"),
    [
        ("POST", "/api/v10/channels/1/messages", NONCE, Patience(TOKEN_SECONDS, 120.0)),
        ("POST", "/api/v10/channels/1/messages", '{"content":"x"}', Patience(TOKEN_SECONDS, 0.0)),
        ("PATCH", "/api/v10/webhooks/1/t/messages/@original", "{}", Patience(TOKEN_SECONDS, TOKEN_SECONDS)),
        ("POST", "/api/v10/webhooks/1/t", "{}", Patience(TOKEN_SECONDS, 0.0)),
        ("POST", "/api/v10/interactions/1/t/callback", "{}", Patience(5.0, 5.0)),
        ("POST", "/api/v10/channels/1/typing", None, Patience(0.0, 0.0)),
        ("GET", "/api/v10/channels/1/messages", None, Patience(60.0, 60.0)),
        ("DELETE", "/api/v10/channels/1/messages/2", None, Patience(60.0, 60.0)),
        ("POST", "/api/v10/guilds/1/anything", "{}", Patience(60.0, 0.0)),
    ],
)
def test_what_would_be_there_twice_is_not_repeated_when_in_doubt(
    method: str, path: str, body: str | None, patience: Patience
) -> None:
    assert patience_with(method, path, body) == patience


async def test_an_acknowledgement_that_got_lost_counts_as_done(server: Loopback, bot: Any) -> None:
    server.weather.only = "callback"
    server.weather.script.append(Fault("reset", taken=True))
    asked = await server.ask(QUESTION)
    await server.until(lambda: asked in server.edits)
    assert len(server.named("POST", "/callback")) == 2
    assert server.interactions[asked].visible == 1


async def test_an_answer_that_may_be_visible_is_not_taken_back(
    server: Loopback, bot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The edit is taken each time, and each response to it gets lost, until there is no more patience."""
    monkeypatch.setattr(delivery, "TOKEN_SECONDS", 0.3)
    server.weather.only = "@original"
    server.weather.lasting = Fault("reset", taken=True)
    asked = await server.ask(QUESTION)
    await server.until(lambda: bool(server.weather.counts) and not bot._under_way)
    server.weather.calm()
    await asyncio.sleep(0.2)
    made = server.interactions[asked]
    assert made.visible == 1
    assert not made.taken_back
    assert not made.followups


async def test_a_message_that_may_be_there_is_not_repeated_after_the_nonce_is_forgotten(
    server: Loopback, bot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "NONCE_SECONDS", 0.3)
    monkeypatch.setattr(catching_up, "LATER_SECONDS", 0.5)
    server.weather.only = f"/channels/{CHANNEL}/messages"
    server.weather.lasting = Fault("503", taken=True)
    asked = await server.say(f"{ME} {QUESTION}")
    await server.until(lambda: len(server.weather.counts) == 1 and not bot._under_way)
    # Discord has forgotten the nonce: sent again, it would be a second message. It is looked for instead.
    server._nonces.clear()
    server.weather.calm()
    await server.until(lambda: bool(server.named("GET", f"/channels/{CHANNEL}/messages")))
    await asyncio.sleep(0.5)
    assert len(replies(server, asked)) == 1


async def test_what_could_not_be_sent_is_sent_later(
    server: Loopback, bot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "NONCE_SECONDS", 0.1)
    monkeypatch.setattr(catching_up, "LATER_SECONDS", 0.5)
    server.weather.only = f"/channels/{CHANNEL}/messages"
    server.weather.lasting = Fault("503")
    asked = await server.say(f"{ME} {QUESTION}")
    await server.until(lambda: len(server.weather.counts) == 1 and not bot._under_way)
    server.weather.calm()
    await server.until(lambda: len(replies(server, asked)) == 1)


async def test_a_send_that_hangs_holds_no_place(
    server: Loopback, bot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "TRY", aiohttp.ClientTimeout(total=30.0))
    server.hang_seconds = 5.0
    server.weather.only = f"/channels/{CHANNEL}/messages"
    server.weather.script.append(Fault("hang"))
    await server.say(f"{ME} {QUESTION}")
    await server.until(lambda: bool(server.weather.counts) and bool(bot._under_way))
    await server.until(lambda: bot.manners.under_way == 0)
    assert bot._under_way


@pytest.mark.parametrize("code", [50083, 200000, 30033, 50013, 20016])
async def test_what_discord_refuses_in_the_ordinary_course_has_no_traceback(
    server: Loopback, bot: Any, code: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "linernotes")
    server.refusals.append((403, code))
    await server.say(f"{ME} {QUESTION}")
    await server.until(lambda: "not sent" in caplog.text)
    assert REFUSALS[code].means in caplog.text
    assert "unexpected error" not in caplog.text
    assert not [each for each in caplog.records if each.levelname in {"WARNING", "ERROR"}]


def test_each_refusal_has_a_sentence_for_the_member() -> None:
    for code, refusal in REFUSALS.items():
        assert refusal.sentence.endswith("."), code
        assert refusal.sentence[0].isupper(), code
        assert refusal.means, code


async def test_a_limit_for_all_requests_ends_although_who_met_it_goes_away(
    server: Loopback, bot: Any
) -> None:
    """The sign of typing meets it, and is no longer wanted once the answer is there."""
    server.weather.only = "/typing"
    server.weather.script.append(Fault("429 for all"))
    asked = await server.say(f"{ME} {QUESTION}")
    await server.until(lambda: len(replies(server, asked)) == 1)


async def test_a_long_outage_makes_no_queue_without_end(
    server: Loopback, bot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "MOST_WAITING", 5)
    session = bot.http._HTTPClient__session
    session._pauses = lambda _state: 30.0
    server.weather.only = "/messages"
    server.weather.lasting = Fault("503")
    for number, channel in enumerate(OTHERS):
        await server.say(f"{ME} {QUESTION}", number=number, channel=channel)
    await server.until(lambda: len(server.weather.counts) > 0 and session._waiting == 5)
    await server.until(lambda: len(bot._under_way) <= 5)


async def test_all_requests_go_through_the_one_session(bot: Any) -> None:
    """What discord.py calls the session may move with a version; then this says so."""
    assert isinstance(bot.http._HTTPClient__session, delivery.Persistent)
    assert discord.__version__ == "2.7.1"


async def test_what_has_no_deadline_lets_acknowledgements_pass_and_not_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    acknowledgements = delivery.Acknowledgements()
    await asyncio.wait_for(acknowledgements.let_pass(), 1)
    with acknowledgements.one():
        waiting = asyncio.ensure_future(acknowledgements.let_pass())
        with acknowledgements.one():
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.01)
        assert not waiting.done()
    await asyncio.wait_for(waiting, 1)
    monkeypatch.setattr(delivery, "LET_PASS_SECONDS", 0.02)
    with acknowledgements.one():
        await asyncio.wait_for(acknowledgements.let_pass(), 1)


async def test_a_question_in_a_message_waits_for_commands_that_come_with_it(
    server: Loopback, bot: Any
) -> None:
    with bot.acknowledgements.one():
        asked = await server.say(f"{ME} {QUESTION}")
        await asyncio.sleep(0.3)
        assert not bot.manners.under_way
        assert not replies(server, asked)
    await server.until(lambda: replies(server, asked))


async def test_what_is_still_said_when_the_bot_has_left_is_undelivered_and_no_unexpected_error(
    bot: Any,
) -> None:
    await bot.http._HTTPClient__session.close()
    with pytest.raises(delivery.UndeliveredError) as raised:
        await bot.get_partial_messageable(int(CHANNEL)).send("Too late")
    assert not raised.value.in_doubt
