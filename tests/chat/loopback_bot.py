"""Run as a program of its own: ``bot.py`` with Discord at another address and a model without weights."""

from __future__ import annotations

import sys
import time
from typing import Any

import discord.gateway
import discord.http
import yarl

import linernotes.retrieval.embedding
from fakes import FakeEmbedder
from linernotes.shell import cli


class Slow(FakeEmbedder):
    """A model that takes its time where it is asked to."""

    def embed(self, texts: Any) -> Any:
        if any("slowly" in text for text in texts):
            time.sleep(1.2)
        if any("never" in text for text in texts):
            time.sleep(60)
        return super().embed(texts)


def main() -> None:
    url = sys.argv.pop(1)
    discord.http.Route.BASE = f"{url}/api/v10"
    discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(url.replace("http", "ws")) / "gateway"
    linernotes.retrieval.embedding.open_embedder = Slow  # type: ignore[assignment]
    cli.main()


if __name__ == "__main__":
    main()
