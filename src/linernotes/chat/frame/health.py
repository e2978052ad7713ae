"""Pages for whoever watches over the process: whether the bot is connected to Discord, and its figures."""

from __future__ import annotations

import math
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from aiohttp import web

from linernotes.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from linernotes.chat.frame.bot import LinerNotes

LOOPBACK = "127.0.0.1"
"""Where the pages are to be had unless the settings say otherwise: on this machine alone."""


@asynccontextmanager
async def serve(bot: LinerNotes, port: int | None, host: str = LOOPBACK) -> AsyncIterator[None]:
    """Answer ``GET /health`` and ``GET /metrics`` as long as the context lasts; without a port, do nothing.

    ``/health`` is 200 while the bot is connected to Discord, and else 503. ``/metrics`` is for Prometheus and
    is there in either case. Neither holds anything of a member or a server by name.

    ``ready`` follows the connection: it is false before the first one, from when one is lost, and while a
    heartbeat stays without acknowledgement; ``disconnected_seconds`` says for how long.

    Args:
        bot: the bot.
        port: the port, or ``None``.
        host: the address to listen on; 0.0.0.0 for every one, in a container.

    Raises:
        ConfigurationError: the port cannot be had.
    """
    if port is None:
        yield
        return

    # Imported here: whoever has no port needs none of it.
    from linernotes.chat.frame.metrics import CONTENT_TYPE, Metrics

    figures = Metrics(bot)

    async def metrics(_request: web.Request) -> web.Response:
        return web.Response(body=figures.page(), headers={"Content-Type": CONTENT_TYPE})

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
    app.router.add_get("/metrics", metrics)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            raise ConfigurationError(
                f"HEALTH_PORT={port} on {host} cannot be used: {error.strerror or error}."
            ) from error
        yield
    finally:
        await runner.cleanup()
