"""A page for whoever watches over the process: 200 while the bot is connected to Discord, else 503."""

from __future__ import annotations

import math
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from aiohttp import web

from linernotes.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from linernotes.chat.frame.connection import Steady

# A probe may come from another container; the page says nothing that is not for everybody.
_HOST = "0.0.0.0"  # noqa: S104  meant, see above


@asynccontextmanager
async def serve(bot: Steady, port: int | None) -> AsyncIterator[None]:
    """Answer ``GET /health`` as long as the context lasts; without a port, do nothing.

    ``ready`` follows the connection: it is false before the first one, from when one is lost, and while a
    heartbeat stays without acknowledgement; ``disconnected_seconds`` says for how long.

    Raises:
        ConfigurationError: the port cannot be had.
    """
    if port is None:
        yield
        return

    async def health(_request: web.Request) -> web.Response:
        down = bot.seconds_down
        ready = bot.is_ready() and down is None
        latency = bot.latency
        told = {
            "ready": ready,
            "latency_seconds": round(latency, 3) if ready and math.isfinite(latency) else None,
            "disconnected_seconds": None if down is None else round(down, 1),
        }
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
