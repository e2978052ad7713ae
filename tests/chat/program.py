"""``bot.py`` as an operator runs it, with Discord at another address."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from loopback import TOKEN

from fakes import write_corpus
from linernotes.settings import Settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

HERE = Path(__file__).parent
# Five seconds after a signal it is gone; a machine that does much else at the same time is given more.
GONE_SECONDS = 9.0


@asynccontextmanager
async def program(
    url: str, folder: Path, *options: str, token: str = TOKEN, **env: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run ``bot.py`` as an operator does, with Discord at ``url``."""
    write_corpus(folder / "corpus")
    ours = {name: value for name, value in os.environ.items() if name.lower() not in Settings.model_fields}
    paths = os.pathsep.join([str(HERE.parent), *sys.path])
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(HERE / "loopback_bot.py"),
        url,
        *options,
        cwd=folder,
        env=ours | {"PYTHONPATH": paths, "DISCORD_TOKEN": token} | env,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def outcome(process: asyncio.subprocess.Process, seconds: float = 60) -> tuple[int | None, str, str]:
    out, err = await asyncio.wait_for(process.communicate(), seconds)
    return process.returncode, out.decode(), err.decode()


def sentences(err: str) -> list[str]:
    """Return what stands on standard error beside the log."""
    return [line for line in err.splitlines() if not line.startswith("20")]


def entries(err: str) -> list[dict[str, object]]:
    """Return the lines of a log in JSON; one that is none fails."""
    return [json.loads(line) for line in err.splitlines()]
