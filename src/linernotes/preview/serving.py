"""Opens a library in a folder of its own and serves the page, until whoever looks at it ends it."""

from __future__ import annotations

import asyncio
import importlib
import logging
import tempfile
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from linernotes.chat import create_bot
from linernotes.errors import ConfigurationError
from linernotes.library import Library
from linernotes.preview import simulation

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from simcord.env import Env
    from simcord.preview import Preview

    from linernotes.library.editions import Progress
    from linernotes.reading.reader import Reader
    from linernotes.retrieval.embedding import Embedder
    from linernotes.settings import Settings

UNSHOWN: Final = (
    "one channel: no direct messages, threads or other servers",
    "what stands under Apps in a message's menu (Ask about this, Remove this answer)",
    "reactions of your own, and so ❌ on an answer",
    "Discord's limits and delays, its phones, and its notifications",
)
"""What Discord has and the simulation cannot show, for whoever starts it."""

# Time moves so often; every move costs some milliseconds.
_TICK_SECONDS: Final = 1.0
# So long what was asked on the page may take; a large file is embedded in it.
_SETTLE_SECONDS: Final = 600.0

# What its page imports when it is opened, so that what is missing is said before the model is loaded.
_NEEDED: Final = ("linkify_it", "regex", "PIL")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Shown:
    """A preview that is there."""

    url: str
    """Its address on this machine. Whoever has it can use the page."""
    _preview: Any

    async def closed(self) -> None:
        """Wait until somebody ends it on the page."""
        await self._preview.wait_closed()


@asynccontextmanager
async def serve(
    settings: Settings,
    *,
    port: int | None = None,
    embedder: Embedder | None = None,
    reader: Reader | None = None,
    progress: Progress | None = None,
) -> AsyncIterator[Shown]:
    """Serve the real bot in a simulated Discord on 127.0.0.1 as long as the context lasts.

    ``DATA_DIR`` is left alone: each preview begins anew in a folder that goes with it.

    Args:
        settings: the settings; the token is not used.
        port: where to listen; by default wherever there is room.
        embedder: the model; by default the one that the settings name.
        reader: what reads closely; by default the packaged one, unless ``embedder`` is the caller's own.
        progress: told from a worker's thread how far the edition is.

    Raises:
        ConfigurationError: SimCord is not installed, or is another version; or the port cannot be had.
        CorpusError: the corpus cannot be read.
    """
    env_of, page_class = _simcord()
    from linernotes.preview.server import BOT_NAME, make_server

    # The simulation replaces the clock of whatever belongs to the bot; this is the one of the machine.
    seconds = time.monotonic
    with tempfile.TemporaryDirectory(prefix="linernotes-preview-") as folder:
        alone = settings.model_copy(
            update={
                "data_dir": Path(folder),
                "discord_token": None,
                "dev_guild_id": None,
                "https_proxy": None,
            }
        )
        async with Library.open(alone, embedder=embedder, reader=reader, progress=progress) as library:
            env = env_of(
                create_bot(alone, library, clock=seconds),
                shard_count=1,
                settle_timeout=_SETTLE_SECONDS,
            )
            simulation.require_touches(env, page_class)
            simulation.begin_now(env)
            simulation.name_bot(env, BOT_NAME)
            simulation.turn_names_into_mentions(env, BOT_NAME)
            await env.start()
            try:
                server = make_server(env)
                await env.settle()
                page = env.preview(server.channel, viewers=server.people, layout="channel", port=port)
                async with _entered(page, port) as preview:
                    moving = asyncio.ensure_future(
                        simulation.keep_time(env, preview, seconds, tick=_TICK_SECONDS)
                    )
                    moving.add_done_callback(_say_why)
                    try:
                        yield Shown(preview.url, preview)
                    finally:
                        moving.cancel()
                        await asyncio.gather(moving, return_exceptions=True)
            finally:
                await env.shutdown()


def _simcord() -> tuple[type[Env], type[Preview]]:
    """Return what makes a simulation, and a page of it.

    Raises:
        ConfigurationError: SimCord, or what its page needs, is not installed.
    """
    # While it is imported it tries out discord.py, which warns of a client without intents or voice.
    log = logging.getLogger("discord")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        for name in _NEEDED:
            importlib.import_module(name)
        from simcord.env import Env
        from simcord.preview import Preview
    except ImportError as error:
        raise ConfigurationError(
            f"The preview needs what its extra brings ({error.name} is missing): start it with make preview,"
            ' or install "linernotes[preview]".'
        ) from None
    finally:
        log.setLevel(level)
    return Env, Preview


@asynccontextmanager
async def _entered(page: Any, port: int | None) -> AsyncIterator[Any]:
    try:
        preview = await page.__aenter__()
    except Exception as error:
        # SimCord wraps what the system says.
        cause = error.__cause__
        if not isinstance(cause, OSError):
            raise
        raise ConfigurationError(f"Port {port} cannot be used: {cause.strerror or cause}.") from None
    try:
        yield preview
    finally:
        await page.close()


def _say_why(moving: asyncio.Future[None]) -> None:
    if not moving.cancelled() and (error := moving.exception()) is not None:
        _log.error("time stands still in the preview: %s", type(error).__name__, exc_info=error)
