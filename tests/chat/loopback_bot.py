"""Run as a program of its own: ``bot.py`` with Discord at another address and a model without weights."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import threading
import time
import warnings
from pathlib import Path
from typing import Any

import discord.gateway
import discord.http
import yarl

import linernotes.retrieval.embedding
from fakes import FakeEmbedder
from linernotes.chat.frame import watchdog
from linernotes.shell import cli


class Slow(FakeEmbedder):
    """A model that takes its time where it is asked to."""

    def embed(self, texts: Any) -> Any:
        if any("slowly" in text for text in texts):
            time.sleep(1.2)
        if any("never" in text for text in texts):
            time.sleep(60)
        return super().embed(texts)


class Noisy(FakeEmbedder):
    """A model whose library warns, and lets an error go in a thread of its own."""

    def __init__(self, *given: object) -> None:
        super().__init__(*given)
        warnings.warn("a warning of a library", stacklevel=1)
        thread = threading.Thread(target=_fail)
        thread.start()
        thread.join()


def _fail() -> None:
    raise ValueError("nobody catches it")


@contextlib.contextmanager
def _watching(loop: asyncio.AbstractEventLoop) -> Any:
    """Watch over the loop as the bot does, and write down each second what the soak wants to know of it."""
    with watching(loop) as watchdog:
        threading.Thread(target=_write_down, args=(loop, watchdog), daemon=True).start()
        yield watchdog


def _write_down(loop: asyncio.AbstractEventLoop, watchdog: Any) -> None:
    held = 0
    while not loop.is_closed():
        told = {"at": time.time(), "tasks": len(asyncio.all_tasks(loop))}
        told["held"] = [[each.seconds, each.where, each.ours] for each in watchdog.held[held:]]
        held = len(watchdog.held)
        with Path("inside.jsonl").open("a") as file:
            file.write(json.dumps(told) + "\n")
        time.sleep(1.0)


watching = watchdog.watching


def main() -> None:
    url = sys.argv.pop(1)
    if "--watched" in sys.argv:
        sys.argv.remove("--watched")
        watchdog.watching = _watching
    if "--noisy" in sys.argv:
        sys.argv.remove("--noisy")
        linernotes.retrieval.embedding.open_embedder = Noisy  # type: ignore[assignment]
    else:
        linernotes.retrieval.embedding.open_embedder = Slow  # type: ignore[assignment]
    discord.http.Route.BASE = f"{url}/api/v10"
    discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(url.replace("http", "ws")) / "gateway"
    cli.main()


if __name__ == "__main__":
    main()
