"""Every question that reached the bot has exactly one visible outcome, whatever becomes of its requests."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

import aiohttp
import loopback
import pytest
from connecting import connected
from loopback import APPLICATION, CHANNEL, open_loopback
from outcomes import outcomes_of
from tenacity import wait_random
from weather import FAULTS

from amounts import slow
from fakes import QUESTION
from linernotes.chat.frame import delivery
from linernotes.chat.frame.manners import Limits, Rate

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from loopback import Loopback
    from outcomes import Outcomes

ME = f"<@{APPLICATION}>"
MANY = Limits(Rate(10**6, 1.0), Rate(10**6, 1.0), at_once=10**6)
QUESTIONS = (QUESTION, "How many winters did it take?", "What is the capital of France?", "Who is Ada Stone?")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten each pause and each deadline: what is waited for is an event, never a time."""
    monkeypatch.setattr(delivery, "PAUSES", wait_random(0.001, 0.01))
    monkeypatch.setattr(delivery, "TRY", aiohttp.ClientTimeout(total=0.25))
    monkeypatch.setattr(delivery, "TRY_CALLBACK", aiohttp.ClientTimeout(total=0.25))
    # A busy machine is slow; how soon an acknowledgement comes is another test's.
    monkeypatch.setattr(delivery, "CALLBACK_SECONDS", 30.0)
    monkeypatch.setattr(loopback, "ACKNOWLEDGE_SECONDS", 30.0)


@pytest.fixture
async def server() -> AsyncIterator[Loopback]:
    async with open_loopback() as made:
        made.hang_seconds = 0.45
        yield made


@asynccontextmanager
async def bot_at(server: Loopback, folder: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Any]:
    async with connected(server, folder, monkeypatch, limits=MANY) as bot:
        yield bot


async def ask_something(server: Loopback, chance: random.Random) -> str:
    """Let a member do one of the things that members do; returns what its outcome is found by."""
    question = chance.choice(QUESTIONS)
    number = chance.randrange(1, 200)
    match chance.randrange(10):
        case 0 | 1 | 2 | 3 | 4:
            return await server.say(f"{ME} {question}", number=number)
        case 5 | 6 | 7:
            return await server.ask(question, number)
        case 8:
            return await server.command("quote", number=number)
        case _:
            answered = [each for each in server.messages if each["components"]]
            if not answered:
                return await server.command("sources", number=number)
            message = chance.choice(answered)
            buttons = message["components"][0]["components"]
            return await server.press(message, chance.choice(buttons)["custom_id"], number=number)


async def ask_many(server: Loopback, seed: int, questions: int, *, at_once: int = 60) -> list[str]:
    """Let members ask so many times, about so many at once."""
    chance = random.Random(seed)  # noqa: S311  it makes questions
    asked: list[str] = []
    for _ in range(questions):
        asked.append(await ask_something(server, chance))
        await wait_for(server, asked, at_once)
    return asked


def outcomes(server: Loopback, asked: list[str]) -> Outcomes:
    return outcomes_of(asked, server.messages, server.deleted, server.interactions, written=server.written)


async def wait_for(server: Loopback, asked: list[str], left: int, seconds: float = 60.0) -> None:
    """Wait until no more than ``left`` of the questions lack an outcome."""
    with suppress(TimeoutError):
        await server.until(lambda: len(outcomes(server, asked[-200:]).lost) <= left, seconds)


async def settle(server: Loopback, bot: Any, asked: list[str], rest: float = 0.3) -> Outcomes:
    """Return what has become of the questions when everything has come to rest for so many seconds."""
    await wait_for(server, asked, 0)
    # Nothing may come after: a second answer, an apology in place of one.
    await server.until(lambda: not bot._under_way, 60)
    await asyncio.sleep(rest)
    return outcomes(server, asked)


# --- One kind of fault after the other --------------------------------------------------------------------


_EACH: Counter[str] = Counter()


@pytest.mark.parametrize("part", ["messages", *slow(["callback", "@original"])])
async def test_each_fault_twice_in_a_row_costs_no_answer_and_makes_no_second_one(
    server: Loopback,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    part: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Each kind of fault on sends, acknowledgements and edits; ``-s`` prints how many, all parts together."""
    seen: Counter[str] = Counter()
    every: list[str] = []
    async with bot_at(server, tmp_path, monkeypatch) as bot:
        for fault in FAULTS:
            server.weather.only = f"/channels/{CHANNEL}/messages" if part == "messages" else part
            server.weather.script.extend([fault, fault])
            asked = [await (server.say(f"{ME} {QUESTION}") if part == "messages" else server.ask(QUESTION))]
            found = await settle(server, bot, asked, rest=0.02)
            assert not server.weather.script, fault
            assert (found.answers, found.lost, found.doubled, found.taken_back) == (1, (), (), ()), fault
            seen.update(asked=found.questions, answered=found.answers)
            every += asked
        # What comes late is seen here: nothing of any of them may come after.
        found = await settle(server, bot, every)
        assert (found.answers, found.lost, found.doubled, found.taken_back) == (len(FAULTS), (), (), ())
    seen["faults injected"] = sum(server.weather.counts.values())
    assert seen == {"asked": len(FAULTS), "answered": len(FAULTS), "faults injected": 2 * len(FAULTS)}
    _EACH.update(seen)
    with capsys.disabled():
        print(f"\n{part}: {dict(seen)}; so far in all: {dict(_EACH)}")  # noqa: T201


# --- At random --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seed", "many", "faults"),
    [(0, 100, 25), *(pytest.param(seed, 260, 100, marks=pytest.mark.slow) for seed in range(8))],
)
async def test_every_question_has_exactly_one_outcome_in_a_storm(
    server: Loopback,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    seed: int,
    many: int,
    faults: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with bot_at(server, tmp_path, monkeypatch) as bot:
        server.weather.storm(seed, 0.25)
        asked = await ask_many(server, seed, many)
        found = await settle(server, bot, asked)
        with capsys.disabled():
            print(f"\nseed {seed}: {found}; {sum(server.weather.counts.values())} faults")  # noqa: T201
        assert (found.lost, found.doubled, found.taken_back) == ((), (), ()), found
        assert found.answers > many * 200 / 260
        assert sum(server.weather.counts.values()) >= 0.9 * faults
