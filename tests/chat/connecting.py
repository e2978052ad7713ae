"""The bot in this process, connected to the loopback server."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

import discord.gateway
import discord.http
import yarl
from loopback import TOKEN

from fakes import FakeEmbedder, write_corpus
from linernotes.chat import create_bot
from linernotes.errors import LinerNotesError
from linernotes.library import Library
from linernotes.settings import Settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import pytest
    from loopback import Loopback


@asynccontextmanager
async def connected(
    server: Loopback,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    embedder: FakeEmbedder | None = None,
    settings: dict[str, Any] | None = None,
    **options: Any,
) -> AsyncIterator[Any]:
    """Run the bot in this process against the server."""
    monkeypatch.setattr(discord.http.Route, "BASE", f"{server.url}/api/v10")
    gateway = yarl.URL(server.url.replace("http", "ws")) / "gateway"
    monkeypatch.setattr(discord.gateway.DiscordWebSocket, "DEFAULT_GATEWAY", gateway)
    corpus = write_corpus(folder / "corpus")
    made = Settings(corpus_dir=corpus, data_dir=folder / "data", **(settings or {}))
    async with Library.open(made, embedder=embedder or FakeEmbedder(), keep="nothing") as library:
        bot = create_bot(made, library, **options)
        # There is one server, and it comes at once.
        bot._connection.guild_ready_timeout = 0.1
        running = asyncio.ensure_future(bot.start(TOKEN))
        try:
            ready = asyncio.ensure_future(server.identified.wait())
            await asyncio.wait({running, ready}, return_when=asyncio.FIRST_COMPLETED, timeout=10)
            assert server.identified.is_set()
            await bot.wait_until_ready()
            # For tests of how it ends.
            bot.connected_until = running
            yield bot
        finally:
            await bot.close()
            running.cancel()
            with suppress(asyncio.CancelledError, LinerNotesError):
                await running
