"""Questions while a corpus of some 2,000 passages is rebuilt, as a multiple of those with nothing else to do.

The bot is a process of its own, with the real model, at a small Discord on this machine (``tests/chat``) that
asks for a heartbeat each second. Every text of the corpus is changed, and the operator's reload embeds them
all again. Questions are asked one at a time, before, meanwhile and after. Prints medians, the ratio, answers
that failed and the longest time between two heartbeats.

    python benchmarks/rebuild.py [PARAGRAPHS]
"""

from __future__ import annotations

import asyncio
import itertools
import os
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "chat")]

from loopback import APPLICATION, TOKEN, Loopback, open_loopback  # noqa: E402  it stands beside the tests

from linernotes.shell.control import request_reload  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator

PASSAGES = 2_100
PER_DOCUMENT = 10
IDLE_QUESTIONS = 30
HEARTBEAT_SECONDS = 1.0
# Between two questions, so that the bot is not simply kept busy by them.
PAUSE_SECONDS = 0.25
FAILED_SECONDS = 30.0
QUESTIONS = (
    "Who produced the song RUN?",
    "When was the lighthouse built?",
    "What does the harbour master say about the storm?",
    "Who is Nadia Okafor?",
    "How much did the copies cost?",
    "Where was the song recorded?",
)


def write_corpus(folder: Path, passages: int, version: int) -> None:
    """Write documents of ten paragraphs each, taken from the articles of the tests; no text comes twice."""
    articles = [*sorted((ROOT / "tests" / "golden" / "articles").glob("*/*")), ROOT / "corpus" / "run.md"]
    paragraphs = [
        paragraph
        for article in articles
        for paragraph in article.read_text(encoding="utf-8").split("\n\n")
        if len(paragraph) > 200  # noqa: PLR2004  no headings, no front matter
    ]
    folder.mkdir(exist_ok=True)
    for first in range(0, passages, PER_DOCUMENT):
        chosen = [
            f"Entry {number} of edition {version}. {paragraphs[number % len(paragraphs)]}"
            for number in range(first, min(first + PER_DOCUMENT, passages))
        ]
        (folder / f"{first:05}.md").write_text("\n\n".join(chosen), encoding="utf-8")


async def ask(discord: Loopback, number: int) -> float | None:
    """Ask a question by a mention and return the seconds until the answer, or ``None`` if none came."""
    answers = len(discord.messages)
    started = time.perf_counter()
    question = QUESTIONS[number % len(QUESTIONS)]
    await discord.say(f"<@{APPLICATION}> {question}", number=number)
    try:
        await discord.until(lambda: len(discord.messages) > answers, FAILED_SECONDS)
    except TimeoutError:
        return None
    return time.perf_counter() - started


async def measure(data: Path, passages: int) -> None:
    """Measure and print."""
    corpus = data.parent / "corpus"
    async with open_loopback() as discord:
        discord.heartbeat_seconds = HEARTBEAT_SECONDS
        with bot(discord.url, corpus, data):
            started = time.perf_counter()
            while not discord.identified.is_set():  # noqa: ASYNC110  the first build may take minutes
                await asyncio.sleep(0.5)
            print(f"first build and start {time.perf_counter() - started:.0f} s", flush=True)
            number = 0
            idle: list[float | None] = []
            for number in range(1, IDLE_QUESTIONS + 1):
                idle.append(await ask(discord, number))
                await asyncio.sleep(PAUSE_SECONDS)
            write_corpus(corpus, passages, 2)
            beats = len(discord.heartbeats)
            started = time.perf_counter()
            reloading = asyncio.ensure_future(asyncio.to_thread(request_reload, data))
            meanwhile: list[float | None] = []
            while not reloading.done():
                number += 1
                meanwhile.append(await ask(discord, number))
                await asyncio.wait({reloading}, timeout=PAUSE_SECONDS)
            took = time.perf_counter() - started
            report = reloading.result()
            beating = [*discord.heartbeats[max(0, beats - 1) :], time.monotonic()]
            for _ in range(IDLE_QUESTIONS):
                number += 1
                idle.append(await ask(discord, number))
                await asyncio.sleep(PAUSE_SECONDS)
    quiet = statistics.median(each for each in idle if each is not None)
    busy = sorted(each for each in meanwhile if each is not None)
    gaps = [after - before for before, after in itertools.pairwise(beating)]
    print(f"rebuild of {report['passages']} passages {took:.0f} s, {len(meanwhile)} questions meanwhile")
    print(
        f"idle median {quiet * 1_000:.0f} ms, meanwhile median {statistics.median(busy) * 1_000:.0f} ms,"
        f" ratio {statistics.median(busy) / quiet:.2f}; 95th percentile"
        f" {busy[int(len(busy) * 0.95)] * 1_000:.0f} ms, worst {busy[-1] * 1_000:.0f} ms"
    )
    print(f"without an answer: {(idle + meanwhile).count(None)}")
    print(
        f"heartbeats asked for each {HEARTBEAT_SECONDS:.0f} s: longest gap {max(gaps):.2f} s of {len(gaps)}"
    )


@contextmanager
def bot(url: str, corpus: Path, data: Path) -> Iterator[None]:
    """Run the bot at that address as a process of its own, with its log shown where something is wrong."""
    environment = os.environ | {
        "CORPUS_DIR": str(corpus),
        "DATA_DIR": str(data),
        "DISCORD_TOKEN": TOKEN,
        "LOG_LEVEL": "warning",
    }
    with subprocess.Popen([sys.executable, __file__, "--bot", url], env=environment, cwd=ROOT) as process:
        try:
            yield
        finally:
            process.terminate()


def be_the_bot(url: str) -> None:
    """Run ``bot.py`` with Discord at another address."""
    import discord.gateway
    import discord.http
    import yarl

    from linernotes.shell import cli

    discord.http.Route.BASE = f"{url}/api/v10"
    discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(url.replace("http", "ws")) / "gateway"
    sys.argv[1:] = []
    cli.main()


def main() -> None:
    """Measure, or be the bot that is measured."""
    if sys.argv[1:2] == ["--bot"]:
        be_the_bot(sys.argv[2])
    passages = int(sys.argv[1]) if len(sys.argv) > 1 else PASSAGES
    with tempfile.TemporaryDirectory() as folder:
        write_corpus(Path(folder, "corpus"), passages, 1)
        asyncio.run(measure(Path(folder, "data"), passages))


if __name__ == "__main__":
    main()
