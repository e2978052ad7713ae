"""Two processes of ``bot.py`` on one PostgreSQL, over a loopback Discord, as an operator runs them."""

from __future__ import annotations

import asyncio
import itertools
import random
import signal
import socket
import sys
import time
from collections import Counter
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any

import discord
import psycopg
import pytest
import yaml
from aiohttp import ClientSession
from loopback import APPLICATION, CHANNEL, GUILD, ME, open_loopback
from outcomes import outcomes_of
from program import outcome, program, sentences
from pydantic import SecretStr

from amounts import LONG
from fakes import HARBOUR, LANTERNS, OTHER_QUESTION, QUESTION, FakeEmbedder, write_corpus
from linernotes.errors import BotAbsentError, LinerNotesError
from linernotes.library import Library
from linernotes.settings import Settings
from linernotes.shards import Shards
from linernotes.shell.control import request_reload

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from loopback import Loopback
    from outcomes import Outcomes

    Process = asyncio.subprocess.Process

COMPOSE = Path(__file__).parents[2] / "deploy" / "compose.yaml"
# The loopback's own server is one of shard 1, this one of shard 0.
EVEN_GUILD, EVEN_CHANNEL = str(int(GUILD) + (1 << 22)), "900000000000000013"
CHANNELS = (EVEN_CHANNEL, CHANNEL)
GUILDS = (EVEN_GUILD, GUILD)
# What is named, and what is kept of it.
LACKING = (
    ("SELECT edition FROM revisions", "SELECT name FROM files WHERE kind = 'editions'"),
    (
        "SELECT path FROM files WHERE kind = 'listed' AND path <> ''",
        "SELECT name FROM files WHERE kind = 'segments'",
    ),
    ("SELECT digest FROM files", "SELECT digest FROM blobs"),
)
MANAGE = discord.Permissions(manage_guild=True).value
GULLS = "# The gulls\n\nThe gulls were counted by {} in 1890.\n"
ABOUT_GULLS = "Who counted the gulls in 1890?"


def find_free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


async def until_well(page: str) -> None:
    async with asyncio.timeout(60), ClientSession() as asks:
        while True:
            async with asks.get(page) as response:
                if response.status == HTTPStatus.OK:
                    return
            await asyncio.sleep(0.1)


@pytest.fixture
async def server() -> AsyncIterator[Loopback]:
    async with open_loopback() as made:
        made.channels[EVEN_CHANNEL] = EVEN_GUILD
        # One row for each shard: a start need not wait for the other process's.
        made.at_once = 2
        yield made


@asynccontextmanager
async def run(server: Loopback, folder: Path, url: str, number: int, **env: str) -> AsyncIterator[Process]:
    """Run one process of two; its folder for copies is its own."""
    given = {"SHARDS": f"{number}/2", "DATABASE_URL": url, "DATA_DIR": f"data-{number}"}
    async with program(server.url, folder, **(given | env)) as process:
        yield process


def text_of(message: dict[str, Any]) -> str:
    return " ".join([message.get("content") or "", *(str(each["description"]) for each in message["embeds"])])


async def say(server: Loopback, question: str, channel: str, number: int = 1) -> str:
    return await server.say(f"<@{APPLICATION}> {question}", number=number, channel=channel)


def reply_to(server: Loopback, question: str) -> str | None:
    found = [
        each
        for each in server.messages
        if str((each["message_reference"] or {}).get("message_id")) == question
    ]
    assert len(found) <= 1
    return text_of(found[0]) if found else None


async def asked(server: Loopback, question: str, channel: str, number: int = 1) -> str:
    key = await say(server, question, channel, number)
    await server.until(lambda: reply_to(server, key) is not None)
    return reply_to(server, key) or ""


@pytest.mark.slow
async def test_each_process_answers_its_own_servers_and_a_reload_of_one_counts_in_both(
    server: Loopback, tmp_path: Path, make_database: Callable[[], str]
) -> None:
    url = make_database()
    async with run(server, tmp_path, url, 0) as even, run(server, tmp_path, url, 1) as odd:
        await asyncio.wait_for(server.identified.wait(), 60)
        assert sorted(server.identities) == [(0, 2), (1, 2)]
        await server.until(lambda: all(map(server.hears, CHANNELS)), 30)
        for channel in CHANNELS:
            assert "Ada Stone" in await asked(server, QUESTION, channel)
        # A direct message is shard 0's, which answers it alone.
        direct = await server.say_directly(QUESTION)
        await server.until(lambda: reply_to(server, direct) is not None)
        assert "Ada Stone" in (reply_to(server, direct) or "")
        write_corpus(tmp_path / "corpus", gulls=GULLS.format("Emma Fisk"))
        await asyncio.to_thread(request_reload, tmp_path / "data-1")
        began = time.monotonic()
        for number in itertools.count(10):
            if "Emma Fisk" in await asked(server, ABOUT_GULLS, EVEN_CHANNEL, number):
                break
            # A second on a machine of its own (tests/test_processes.py measures it).
            assert time.monotonic() - began < 5.0
        assert "Emma Fisk" in await asked(server, ABOUT_GULLS, CHANNEL)
        for process in (even, odd):
            process.send_signal(signal.SIGTERM)
            status, _, err = await outcome(process)
            assert status == 0, err
            assert "Traceback" not in err


@pytest.mark.slow
async def test_with_the_environment_of_the_compose_file_each_answers_its_server_and_is_well(
    server: Loopback, tmp_path: Path, make_database: Callable[[], str]
) -> None:
    services = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["services"]
    ours = {"DATABASE_URL": make_database(), "CORPUS_DIR": "corpus"}
    ports = [find_free_port() for _ in CHANNELS]
    async with AsyncExitStack() as stack:
        for number, port in enumerate(ports):
            given = services[f"bot-{number}"]["environment"] | ours
            given |= {"DATA_DIR": f"copies-{number}", "HEALTH_PORT": str(port)}
            await stack.enter_async_context(program(server.url, tmp_path, **given))
        await server.until(lambda: all(map(server.hears, CHANNELS)), 120)
        for channel, port in zip(CHANNELS, ports, strict=True):
            assert "Ada Stone" in await asked(server, QUESTION, channel)
            # Ready it is some seconds after it is connected.
            await until_well(f"http://127.0.0.1:{port}/health")


@pytest.mark.slow
async def test_processes_wait_for_one_another_to_identify(
    server: Loopback, tmp_path: Path, make_database: Callable[[], str]
) -> None:
    server.at_once = 1
    url = make_database()
    async with run(server, tmp_path, url, 0), run(server, tmp_path, url, 1):
        await asyncio.wait_for(server.identified.wait(), 60)
    first, second = server.identifies
    assert second - first >= 5.0


@pytest.mark.slow
async def test_a_second_process_with_the_same_shards_is_one_sentence_and_69(
    server: Loopback, tmp_path: Path, make_database: Callable[[], str]
) -> None:
    url = make_database()
    async with run(server, tmp_path, url, 0):
        await server.until(lambda: server.hears(EVEN_CHANNEL), 60)
        async with run(server, tmp_path, url, 0, DATA_DIR="other") as second:
            status, _, err = await outcome(second)
    assert status == 69
    (sentence,) = sentences(err)
    assert sentence == "SHARDS=0/2: shard 0 is served by another process on this database."


@pytest.mark.slow
async def test_a_process_that_loses_its_place_to_another_ends_with_69_and_the_other_answers(
    server: Loopback, tmp_path: Path, make_database: Callable[[], str]
) -> None:
    url = make_database()
    async with run(server, tmp_path, url, 0) as first:
        await server.until(lambda: server.hears(EVEN_CHANNEL), 60)
        with psycopg.connect(url, autocommit=True) as db:
            names = "SELECT application_name FROM pg_stat_activity WHERE query LIKE '%advisory%'"
            before = {*db.execute("SELECT application_name FROM pg_stat_activity")}
            async with run(server, tmp_path, url, 0, DATA_DIR="other") as second:
                # It waits for the first one's shard, and is there at once when that loses its connection.
                end = time.monotonic() + 60
                while not {*db.execute(names)} - before:
                    assert time.monotonic() < end
                    await asyncio.sleep(0.05)
                await asyncio.sleep(1.0)
                db.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted"
                    " AND objsubid = 2 AND classid::bigint = 1280180229"
                )
                status, _, err = await outcome(first, 60)
                assert status == 69
                said = "SHARDS=0/2: shard 0 is served by another process on this database."
                assert sentences(err)[-1] == said
                assert "Ada Stone" in await asked(server, QUESTION, EVEN_CHANNEL)
                second.send_signal(signal.SIGTERM)
                status, _, err = await outcome(second)
                assert status == 0, err


# --- Killed -----------------------------------------------------------------------------------------------


@dataclass
class Stand:
    """Two processes, each started again whenever it has died, and what is done to them."""

    server: Loopback
    folder: Path
    url: str
    chance: random.Random
    processes: dict[int, Process] = field(default_factory=dict)
    stacks: dict[int, AsyncExitStack] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    acknowledged: Counter[str] = field(default_factory=Counter)
    tried: Counter[str] = field(default_factory=Counter)
    figures: Counter[str] = field(default_factory=Counter)
    ends: bool = False
    rolls: bool = False

    async def start(self, number: int) -> None:
        stack = AsyncExitStack()
        self.processes[number] = await stack.enter_async_context(
            run(self.server, self.folder, self.url, number, LOG_LEVEL="warning")
        )
        self.stacks[number] = stack

    async def kill(self, number: int) -> None:
        """Kill a process, and start it again at once, as its supervisor does."""
        with suppress(ProcessLookupError):
            self.processes[number].kill()
        self.figures["kills"] += 1
        self.figures[f"of process {number}"] += 1
        await self.start_again(number)

    async def start_again(self, number: int) -> None:
        """Start a process again that has ended; it may say why, but not by a traceback."""
        _, err = await self.processes[number].communicate()
        assert "Traceback" not in err.decode(), err.decode()
        await self.stacks[number].aclose()
        await self.start(number)

    async def until_heard(self, number: int, seconds: float = 120.0) -> None:
        """Wait until a process is connected; one that ends with 69 meanwhile is started again."""
        async with asyncio.timeout(seconds):
            while not self.server.hears(CHANNELS[number]):
                if (status := self.processes[number].returncode) is not None:
                    assert status == 69, (await self.processes[number].communicate())[1].decode()
                    self.figures["started again after 69"] += 1
                    await self.start_again(number)
                await asyncio.sleep(0.05)

    # --- Members and moderators ---

    async def ask_again_and_again(self, channel: str) -> None:
        number = 0
        while not self.ends:
            number += 1
            question = self.chance.choice((QUESTION, OTHER_QUESTION, ABOUT_GULLS))
            # Whoever is down hears of it later.
            key = await say(self.server, question, channel, number)
            self.asked.append(key)
            await asyncio.sleep(self.chance.uniform(0.5, 1.0))

    async def change_again_and_again(self, channel: str) -> None:
        is_hidden = False
        while not self.ends:
            await asyncio.sleep(self.chance.uniform(0.05, 0.3))
            if self.server.hears(channel):
                with suppress(TimeoutError):
                    is_hidden = await self._change(channel, hide=not is_hidden)

    async def _change(self, channel: str, *, hide: bool) -> bool:
        """Hide an article or show it again; returns whether it is hidden."""
        server, guild = self.server, self.server.channels[channel]
        document = {"name": "document", "type": 3, "value": "lanterns.md"}
        option = {"name": "hide" if hide else "show", "type": 1, "options": [document]}
        command = await server.command("corpus", option, channel=channel, permissions=MANAGE)
        shown = await self._seen(command)
        buttons = [each for row in shown.get("components") or () for each in row["components"]]
        if not buttons:
            # It is so already: a change before counted, though nobody was told. Or it cannot be had now.
            return hide
        self.tried[guild] += 1
        message = server._message("", ME, channel)
        message |= {name: shown[name] for name in ("embeds", "components")}
        data = {"custom_id": buttons[0]["custom_id"], "component_type": 2}
        press = await server.interact(3, data, channel=channel, permissions=MANAGE, message=message)
        end = time.monotonic() + 5.0
        while time.monotonic() < end:
            titles = [
                str(embed.get("title"))
                for body in server.interactions[press].shown
                if body is not None
                for embed in body.get("embeds") or ()
            ]
            if any(title.endswith("is live") for title in titles):
                self.acknowledged[guild] += 1
                return hide
            await asyncio.sleep(0.02)
        return not hide

    async def _seen(self, interaction: str) -> dict[str, Any]:
        """Return what a command shows at last.

        Raises:
            TimeoutError: the process was killed meanwhile.
        """
        await self.server.until(lambda: bool(self.server.edits.get(interaction)), 3.0)
        return self.server.edits[interaction][-1]

    async def reload_now_and_then(self) -> None:
        version = 0
        while not self.ends:
            await asyncio.sleep(self.chance.uniform(1.0, 3.0))
            version += 1
            write_corpus(self.folder / "corpus", lanterns=LANTERNS, gulls=GULLS.format(f"Emma {version}"))
            with suppress(BotAbsentError, LinerNotesError, OSError):
                await asyncio.to_thread(request_reload, self.folder / f"data-{self.chance.randrange(2)}")
                self.figures["reloads"] += 1

    # --- Killing ---

    async def kill_one(self) -> None:
        """Kill one of the two at some moment, and see that the other one answers meanwhile."""
        number = self.chance.randrange(2)
        other = 1 - number
        await self.until_heard(other)
        if self.chance.random() < 0.75:
            await self.until_heard(number)
            self.figures["while it was connected"] += 1
        await asyncio.sleep(self.chance.uniform(0.0, 1.5))
        before = len(self.server.messages)
        await self.kill(number)
        # Before the one that was killed is back.
        key = await say(self.server, QUESTION, CHANNELS[other])
        self.asked.append(key)
        await self.server.until(lambda: reply_to(self.server, key) is not None, 60)
        if not self.server.hears(CHANNELS[number]):
            self.figures["the other one answered while it was down"] += 1
        self.figures["answers by the other one meanwhile"] += sum(
            each["channel_id"] == CHANNELS[other] for each in self.server.messages[before:]
        )

    async def roll_one(self) -> None:
        """Stop the next process in good order, and start it again; the next one when it is there."""
        number = self.figures["restarts"] % 2
        self.figures["restarts"] += 1
        self.processes[number].send_signal(signal.SIGTERM)
        await self.start_again(number)
        await self.until_heard(number)
        await asyncio.sleep(self.chance.uniform(0.5, 2.0))

    def outcomes(self) -> Outcomes:
        server = self.server
        return outcomes_of(
            self.asked, server.messages, server.deleted, server.interactions, written=server.written
        )

    async def run(self, times: int) -> Outcomes:
        """Kill one of the two so often, or restart them by turns; return what has become of questions."""
        for number in (0, 1):
            await self.start(number)
        for number in (0, 1):
            await self.until_heard(number)
        for channel in CHANNELS:
            await asked(self.server, QUESTION, channel)
        tasks = [
            *(asyncio.ensure_future(self.ask_again_and_again(each)) for each in CHANNELS),
            *(asyncio.ensure_future(self.change_again_and_again(each)) for each in CHANNELS),
            asyncio.ensure_future(self.reload_now_and_then()),
        ]
        try:
            for _ in range(times):
                await (self.roll_one() if self.rolls else self.kill_one())
                for task in tasks:
                    if task.done():
                        task.result()
        finally:
            self.ends = True
            for found in await asyncio.gather(*tasks, return_exceptions=True):
                if isinstance(found, Exception):
                    raise found
        # Nobody is killed any more: what is open is answered.
        for number in (0, 1):
            await self.until_heard(number)
        with suppress(TimeoutError):
            await self.server.until(lambda: not self.outcomes().lost, 120)
        await asyncio.sleep(2.0)
        return self.outcomes()

    async def end(self) -> None:
        for number, process in self.processes.items():
            if process.returncode is None:
                process.send_signal(signal.SIGTERM)
            status, _, err = await outcome(process)
            assert status == 0, err
            assert "Traceback" not in err
            await self.stacks[number].aclose()

    # --- What is left ---

    def check_rows(self) -> None:
        """Editions and audit trails agree, and all that a revision names is kept."""
        with psycopg.connect(self.url, autocommit=True) as db:
            for guild in GUILDS:
                revisions = db.execute(
                    "SELECT number, edition, what FROM revisions WHERE guild = %s ORDER BY number DESC",
                    (int(guild),),
                ).fetchall()
                acts = db.execute(
                    "SELECT what, person, after FROM audit WHERE guild = %s AND after IS NOT NULL"
                    " ORDER BY number DESC",
                    (int(guild),),
                ).fetchall()
                assert revisions[0][1] == acts[0][2], guild
                numbers = [number for number, _, _ in revisions]
                assert numbers == list(range(numbers[0], numbers[0] - len(numbers), -1))
                made = sum(person != 0 for _, person, _ in acts)
                # What was acknowledged has counted, and nothing has that nobody asked for.
                assert self.acknowledged[guild] <= made <= self.tried[guild]
                self.figures["changes that were acknowledged"] += self.acknowledged[guild]
                self.figures["changes that counted"] += made
            for named, kept in LACKING:
                assert db.execute(f"{named} EXCEPT {kept}").fetchall() == []
            values = "SELECT value FROM facts WHERE name LIKE %s"
            followed = {each for (each,) in db.execute(values, ("shared edition of shard %",))}
            ((published,),) = db.execute(values, ("published edition",)).fetchall()
            assert followed == {published.split()[0]}

    async def check_library(self, caplog: pytest.LogCaptureFixture) -> None:
        """One process for all, with an empty disk, finds everything, and nothing to mend."""
        settings = Settings(
            corpus_dir=self.folder / "corpus",
            data_dir=self.folder / "data-empty",
            database_url=SecretStr(self.url),
            shards=Shards.parse("0-1/2"),
        )
        caplog.clear()
        async with Library.open(settings, embedder=FakeEmbedder()) as library:
            warnings = [each.getMessage() for each in caplog.records if each.levelname == "WARNING"]
            assert warnings == []
            for guild in map(int, GUILDS):
                newest = (await library.curator.catalogue.revisions(guild))[0]
                assert library.curator.standings.of(guild).revision == newest
                assert (await library.edition(guild)).id == newest.edition


async def kill_again_and_again(stand: Stand, kills: int, caplog: pytest.LogCaptureFixture) -> None:
    write_corpus(stand.folder / "corpus", harbour=HARBOUR, lanterns=LANTERNS, gulls=GULLS.format("Emma 0"))
    try:
        found = await stand.run(kills)
    except BaseException as error:
        error.add_note(f"{stand.figures}")
        raise
    finally:
        with suppress(ProcessLookupError):
            await stand.end()
    sys.stdout.write(f"\n{found}\n")
    assert not found.lost
    assert not found.doubled
    assert not found.taken_back
    stand.check_rows()
    await stand.check_library(caplog)
    sys.stdout.write("".join(f"{n:5} {what}\n" for what, n in stand.figures.most_common()))


@pytest.mark.slow
async def test_a_rolling_restart_answers_each_question_once(
    server: Loopback, tmp_path: Path, make_database: Callable[[], str], caplog: pytest.LogCaptureFixture
) -> None:
    stand = Stand(server, tmp_path, make_database(), random.Random(1890), rolls=True)  # noqa: S311
    await kill_again_and_again(stand, 6, caplog)
    assert stand.figures["restarts"] == 6


@pytest.mark.slow
@pytest.mark.parametrize(
    ("seed", "kills"),
    [pytest.param(1902, 4, id="four_times"), pytest.param(1871, 100 if LONG else 10, id="many_times")],
)
async def test_killed_by_turns_each_question_has_one_outcome_and_editions_and_audit_agree(
    *,
    seed: int,
    kills: int,
    server: Loopback,
    tmp_path: Path,
    make_database: Callable[[], str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    stand = Stand(server, tmp_path, make_database(), random.Random(seed))  # noqa: S311
    await kill_again_and_again(stand, kills, caplog)
    assert stand.figures["kills"] == kills
    # Of few, all may have been killed while nothing could be changed.
    assert stand.figures["the other one answered while it was down"] >= 0.8 * kills - 1
    assert stand.figures["changes that counted"] >= 0.2 * kills - 1
