"""Lives with a faulty Discord for a while: two hundred members in twenty servers, a fault every few seconds.

``make soak`` runs it for twenty minutes; ``--minutes 2`` is enough to see that it works. It starts ``bot.py``
as an operator does (with a model that needs no weights), lets members ask, quote, press buttons and reload,
and between that cuts connections, forgets sessions, sends malformed events, stops the bot by SIGTERM and
kills it by SIGKILL. It prints what became of each question, the slopes of memory, descriptors and tasks, and
what held the event loop, and exits with 1 if a question was lost, answered twice or taken back.

Commands that were under way when the bot was killed are counted apart: their tokens are never kept.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import random
import signal
import sys
import tempfile
import time
from collections import Counter, deque
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

TESTS: Final = Path(__file__).parents[1] / "tests"
sys.path[:0] = [str(TESTS), str(TESTS / "chat")]

from loopback import APPLICATION, Loopback, open_loopback  # noqa: E402  they stand beside the tests
from outcomes import Outcomes, outcomes_of  # noqa: E402  the same
from program import program  # noqa: E402  the same

from fakes import HARBOUR, LANTERNS, QUESTION, write_corpus  # noqa: E402  the same

SERVERS: Final = 20
MEMBERS: Final = 200
QUESTIONS: Final = (
    QUESTION,
    "How many winters did it take?",
    "What is the capital of France?",
    "Who is Ada Stone?",
    "Did anybody believe in the wall?",
)
# What a question may take, an outage of the bot's included.
BOUND_SECONDS: Final = 60.0
# Of those that were lost, doubled or taken back, so many are shown.
SHOWN: Final = 1000
MANAGE: Final = 1 << 5


@dataclass
class Soak:
    """One run: the members, the faults, and what is seen of both."""

    server: Loopback
    folder: Path
    chance: random.Random
    rate: float
    asked: list[str] = field(default_factory=list)
    asked_at: dict[str, float] = field(default_factory=dict)
    apart: set[str] = field(default_factory=set)
    kinds: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    samples: list[tuple[float, int, int]] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)
    told: list[str] = field(default_factory=list)
    process: Any = None
    is_up: asyncio.Event = field(default_factory=asyncio.Event)
    ends: bool = False

    # --- Members ---

    async def members(self, per_second: float) -> None:
        """Let members do what members do, as long as the run lasts."""
        channels = list(self.server.channels)
        while not self.ends:
            await asyncio.sleep(self.chance.expovariate(per_second))
            # What is said while the process is down reaches nobody.
            await self.is_up.wait()
            if not self.ends:
                await self._do_something(self.chance.randrange(MEMBERS), channels)

    async def _do_something(self, member: int, channels: list[str]) -> None:
        channel = channels[member % SERVERS]
        question = self.chance.choice(QUESTIONS)
        server, number = self.server, member + 1
        kinds = ("mention", "ask", "quote", "press", "reload")
        # Without a connection, Discord refuses a command itself; a message is there to be read later.
        weights = (50, 30, 8, 11, 1) if server.is_connected else (1, 0, 0, 0, 0)
        match self.chance.choices(kinds, weights)[0]:
            case "mention":
                key, kind = (
                    await server.say(f"<@{APPLICATION}> {question}", number=number, channel=channel),
                    "mention",
                )
            case "ask":
                key, kind = await server.ask(question, number, channel), "ask"
            case "press" if (found := self._answered(channel)) is not None:
                buttons = found["components"][0]["components"]
                custom_id = self.chance.choice(buttons)["custom_id"]
                key, kind = await server.press(found, custom_id, number=number), "press"
            case "reload":
                option = {
                    "name": self.chance.choice(("reload", "status", "history")),
                    "type": 1,
                    "options": [],
                }
                key = await server.command(
                    "corpus", option, number=number, channel=channel, permissions=MANAGE
                )
                kind = "corpus"
            case _:
                key, kind = await server.command("quote", number=number, channel=channel), "quote"
        self.kinds[kind] += 1
        self.asked.append(key)
        self.asked_at[key] = time.monotonic()

    def _answered(self, channel: str) -> dict[str, Any] | None:
        found = [
            each
            for each in self.server.messages[-200:]
            if each["channel_id"] == channel and each["components"]
        ]
        return self.chance.choice(found) if found else None

    # --- Faults ---

    async def troubles(self, seconds: float) -> None:
        """Let something go wrong every few seconds."""
        while not self.ends:
            await asyncio.sleep(self.chance.uniform(0.5, 1.5) * seconds)
            await self.is_up.wait()
            kinds = ("storm", "drop", "forget", "event", "frame", "reconnect", "refuse")
            kind = self.chance.choices(kinds, (12, 2, 1, 4, 1, 1, 1))[0]
            self.faults[kind] += 1
            self._note(kind)
            match kind:
                case "storm":
                    self.server.weather.storm(self.chance.randrange(10**6), self.rate)
                    await asyncio.sleep(self.chance.uniform(1, 4))
                    self.server.weather.calm()
                case "drop":
                    await self.server.drop(self.chance.choice((1000, 1001, 1006, 4000, 4009)))
                case "forget":
                    self.server.remembers = False
                    await self.server.drop()
                case "event":
                    await self.server.dispatch(
                        self.chance.choice(("MESSAGE_CREATE", "GUILD_UPDATE")), {"id": None}
                    )
                case "frame":
                    await self.server.send("{")
                case "reconnect":
                    await self.server.send({"op": 7, "d": None})
                case "refuse":
                    self.server.closes.extend([4000] * self.chance.randrange(1, 3))
                    await self.server.drop()

    async def restarts(self, seconds: float) -> None:
        """Stop and kill the bot again and again, and start it each time."""
        for turn in range(10**6):
            await asyncio.sleep(seconds)
            if self.ends:
                return
            self.is_up.clear()
            number = (signal.SIGTERM, signal.SIGKILL)[turn % 2]
            self.faults[number.name] += 1
            self._note(number.name)
            self.process.send_signal(number)
            await asyncio.wait_for(self.process.wait(), 10)
            if number is signal.SIGKILL:
                # Their tokens went with the process.
                now = time.monotonic()
                self.apart |= {
                    key for key in self._without(self.asked[-500:]) if key in self.server.interactions
                }
                self.apart |= {
                    key
                    for key in self.asked[-500:]
                    if now - self.asked_at[key] < 1 and key in self.server.interactions
                }
            await self._begin()

    async def _begin(self) -> None:
        self.server.identified.clear()
        self._started = program(self.server.url, self.folder, "--watched", LOG_FORMAT="json")
        self.process = await self._started.__aenter__()
        for stream, name in ((self.process.stdout, "out"), (self.process.stderr, "err")):
            self._copying.append(asyncio.ensure_future(_copy(stream, self.folder / f"soak.{name}")))
        await asyncio.wait_for(self.server.identified.wait(), 120)
        await asyncio.sleep(0.5)
        self.is_up.set()
        self._note("up")

    _copying: list[Any] = field(default_factory=list)
    _started: Any = None

    # --- Looking ---

    async def look(self) -> None:
        """Note each second what the process takes."""
        while not self.ends:
            await asyncio.sleep(1.0)
            pid = self.process.pid
            try:
                self.samples.append((time.monotonic(), *_size_of(pid)))
            except (OSError, IndexError, ValueError):
                continue

    def _note(self, kind: str) -> None:
        self.told.append(f"{time.monotonic() - self.began:.1f} s: {kind}")

    def _without(self, asked: list[str]) -> list[str]:
        return list(self.outcomes(asked).lost)

    def outcomes(self, asked: list[str] | None = None) -> Outcomes:
        """Return what has become of the questions so far."""
        server = self.server
        messages = server.messages
        return outcomes_of(
            self.asked if asked is None else asked,
            messages,
            server.deleted,
            server.interactions,
            apart=frozenset(self.apart),
            written=server.written,
        )

    async def run(
        self, minutes: float, per_second: float, trouble_seconds: float, restart_seconds: float
    ) -> Outcomes:
        """Live with it so long, and return what has become of the questions."""
        await self._begin()
        tasks = [
            asyncio.ensure_future(each)
            for each in (
                self.members(per_second),
                self.troubles(trouble_seconds),
                self.restarts(restart_seconds),
                self.look(),
                self._report(),
            )
        ]
        try:
            await asyncio.wait(tasks, timeout=minutes * 60, return_when=asyncio.FIRST_EXCEPTION)
            await self.is_up.wait()
            self.ends = True
            self.server.weather.calm()
            with suppress(TimeoutError):
                await self.server.until(lambda: not self._without(self.asked[-2_000:]), BOUND_SECONDS)
            await asyncio.sleep(3.0)
        finally:
            for task in tasks:
                task.cancel()
            for found in await asyncio.gather(*tasks, return_exceptions=True):
                if isinstance(found, Exception):
                    raise found
            self.process.send_signal(signal.SIGTERM)
            await asyncio.wait_for(self.process.wait(), 10)
            await asyncio.gather(*self._copying)
        return self.outcomes()

    async def burst(self, questions: int) -> Outcomes:
        """Let so many be asked at once, in good weather, and return what has become of them."""
        await self._begin()
        looking = asyncio.ensure_future(self.look())
        began = time.monotonic()
        channels = list(self.server.channels)
        for n in range(questions):
            text, channel = self.chance.choice(QUESTIONS), channels[n % SERVERS]
            key = (
                await self.server.ask(text, n, channel)
                if n % 2
                else await self.server.say(f"<@{APPLICATION}> {text}", number=n, channel=channel)
            )
            self.asked.append(key)
        sent = time.monotonic() - began
        found = self.outcomes()
        while found.lost and time.monotonic() - began < BOUND_SECONDS:
            await asyncio.sleep(1.0)
            found = self.outcomes()
        settled = time.monotonic() - began
        # Nothing may come after: a second answer, an apology in place of one.
        await asyncio.sleep(5.0)
        found = self.outcomes()
        took = max(each.at for each in self.server.requests) - began
        beats = self.server.heartbeats
        gaps = [later - earlier for earlier, later in itertools.pairwise(beats)]
        resident = [each[1] for each in self.samples]
        print(f"asked within {sent:.1f} s, the last request came after {took:.1f} s")
        print(f"all had an outcome after {settled:.0f} s (of {BOUND_SECONDS:.0f})")
        print(f"the longest time between two heartbeats: {max(gaps, default=0.0):.1f} s (asked for each 2 s)")
        print(f"memory: {resident[0] // 1024} MiB before, {max(resident) // 1024} MiB at most")
        self.ends = True
        looking.cancel()
        print(found, flush=True)
        self.process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(self.process.wait(), 10)
        return found

    async def _report(self) -> None:
        began = time.monotonic()
        while not self.ends:
            await asyncio.sleep(60.0)
            print(f"{(time.monotonic() - began) / 60:.0f} min: {self.outcomes()}", flush=True)


def _size_of(pid: int) -> tuple[int, int]:
    """Return a process's resident memory in KiB, and how many descriptors it has open."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]), len([*Path(f"/proc/{pid}/fd").iterdir()])


async def _copy(stream: asyncio.StreamReader, path: Path) -> None:
    with path.open("ab") as file:
        while line := await stream.readline():
            file.write(line)


def slope(points: list[tuple[float, float]]) -> float:
    """Return by how much a figure grows in a minute, by least squares; points are seconds and figures."""
    if len(points) < 2:  # noqa: PLR2004  a line takes two
        return 0.0
    mean = sum(x for x, _ in points) / len(points), sum(y for _, y in points) / len(points)
    over = sum((x - mean[0]) * (y - mean[1]) for x, y in points)
    under = sum((x - mean[0]) ** 2 for x, _ in points)
    return 60.0 * over / under if under else 0.0


def longest_lives(samples: list[tuple[float, ...]], gap: float = 5.0) -> list[list[tuple[float, ...]]]:
    """Return the samples of each process that lived for half a minute, its first ten seconds left out."""
    lives: list[list[tuple[float, ...]]] = []
    for sample in samples:
        if not lives or sample[0] - lives[-1][-1][0] > gap:
            lives.append([])
        lives[-1].append(sample)
    lives = [[each for each in life if each[0] - life[0][0] > 10.0] for life in lives]  # noqa: PLR2004  seconds
    return [life for life in lives if life and life[-1][0] - life[0][0] > 30.0]  # noqa: PLR2004  seconds


async def main() -> int:
    """Run it and print what was seen."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument(
        "--per-second", type=float, default=19.0, help="questions a second, all members together"
    )
    parser.add_argument("--trouble", type=float, default=4.0, help="seconds between two faults, on average")
    parser.add_argument("--restart", type=float, default=150.0, help="seconds between two restarts")
    parser.add_argument(
        "--rate", type=float, default=0.3, help="the part of the requests that fail in a storm"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--burst", type=int, help="ask so many questions at once instead, and end")
    parser.add_argument("--keep", type=Path, help="a folder for the log, in place of one that is removed")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        write_corpus(folder / "corpus", harbour=HARBOUR, lanterns=LANTERNS)
        async with open_loopback() as server:
            for n in range(SERVERS):
                server.channels[str(930_000_000_000_000_000 + n)] = str(940_000_000_000_000_000 + n)
            server.channels.pop(next(iter(server.channels)))
            soak = Soak(server, folder, random.Random(given.seed), given.rate)  # noqa: S311  it makes faults
            if given.burst:
                server.heartbeat_seconds = 2.0
                found = await soak.burst(given.burst)
                return int(bool(found.lost or found.doubled or found.taken_back))
            found = await soak.run(given.minutes, given.per_second, given.trouble, given.restart)
            return _print(soak, found)


def _print(soak: Soak, found: Outcomes) -> int:
    server = soak.server
    print(found)
    print("asked:", dict(soak.kinds))
    print("troubles:", dict(soak.faults))
    print("faults of requests:", sum(server.weather.counts.values()))
    print("connections:", len(server.connections), end=", of them ")
    print(f"{len(server.identifies)} with IDENTIFY and {len(server.resumes)} with RESUME")
    for name, place, unit in (("memory", 1, "KiB"), ("descriptors", 2, "")):
        slopes = [slope([(each[0], each[place]) for each in life]) for life in longest_lives(soak.samples)]
        print(f"{name}: slopes in {unit}/min of each life {[round(each, 1) for each in slopes]}")
    inside = [json.loads(line) for line in (soak.folder / "inside.jsonl").read_text().splitlines()]
    tasks = longest_lives([(each["at"], each["tasks"]) for each in inside])
    print(f"tasks: slopes per min of each life {[round(slope(life), 2) for life in tasks]}")
    held = [each for told in inside for each in told["held"]]
    ours = [each for each in held if each[2]]
    print(
        f"event loop held for more than 100 ms of CPU: {len(held)} times, by our code {len(ours)}", held[:5]
    )
    log = deque((soak.folder / "soak.err").read_text().splitlines())
    broken = [line for line in log if not line.startswith("{")]
    tracebacks = sum("Traceback" in line for line in log)
    print(f"log: {len(log)} lines, not JSON {len(broken)}, with tracebacks {tracebacks}")
    for name in ("lost", "doubled", "taken_back"):
        for key in getattr(found, name)[:SHOWN]:
            made = server.interactions.get(key)
            at = soak.asked_at[key] - soak.began
            print(f"{name}: {key} asked at {at:.1f} s: {'message' if made is None else made}")
    if found.lost or found.doubled or found.taken_back:
        print(*soak.told, sep="\n")
    return int(bool(found.lost or found.doubled or found.taken_back))


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
