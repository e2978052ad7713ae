"""A page for whoever watches over the process: 200 while the bot is connected to Discord, else 503."""

from __future__ import annotations

import math
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from aiohttp import web

from linernotes.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from discord.ext import commands

# A probe may come from another container; the page says nothing that is not for everybody.
_HOST = "0.0.0.0"  # noqa: S104  meant, see above


@asynccontextmanager
async def serve(bot: commands.AutoShardedBot, port: int | None) -> AsyncIterator[None]:
    """Answer ``GET /health`` as long as the context lasts; without a port, do nothing.

    Raises:
        ConfigurationError: the port cannot be had.
    """
    if port is None:
        yield
        return

    async def health(_request: web.Request) -> web.Response:
        ready = bot.is_ready() and not bot.is_closed()
        latency = bot.latency
        seconds = round(latency, 3) if math.isfinite(latency) else None
        told = {"ready": ready, "latency_seconds": seconds}
        return web.json_response(told, status=200 if ready else 503)

    app = web.Application()
    app.router.add_get("/health", health)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, _HOST, port).start()
        except OSError as error:
            raise ConfigurationError(
                f"HEALTH_PORT={port} cannot be used: {error.strerror or error}."
            ) from error
        yield
    finally:
        await runner.cleanup()
