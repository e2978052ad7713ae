"""What shows the bot before there is a token: a simulated Discord in the browser."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
import threading
from typing import TYPE_CHECKING, Annotated

import typer

from linernotes.shell.environment import log_to_stderr, read_settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from linernotes.settings import Settings


def preview(
    *,
    port: Annotated[
        int | None,
        typer.Option(
            "--port", metavar="PORT", min=1, max=65_535, help="Listen here; by default where there is room."
        ),
    ] = None,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Print the address, and open no browser.")
    ] = False,
) -> None:
    """Show the real bot in a simulated Discord, in the browser of this machine; no token, nothing kept."""
    settings = read_settings()
    log_to_stderr(settings)
    asyncio.run(_show(settings, port, _print_only if no_browser else _open))


async def _show(settings: Settings, port: int | None, opens: Callable[[str], None]) -> None:
    from rich.console import Console

    from linernotes.preview import UNSHOWN, serve

    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        with contextlib.suppress(NotImplementedError):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
    console = Console(stderr=True)
    async with contextlib.AsyncExitStack() as stack:
        with console.status("Reading the article, and building a Discord around it ..."):
            shown = await stack.enter_async_context(serve(settings, port=port))
        # The address goes to standard output, where a script finds it; the rest is for who reads along.
        sys.stdout.write(f"{shown.url}\n")
        sys.stdout.flush()
        sys.stderr.write(
            "This is the real bot in a simulated Discord, for this machine alone; nothing is kept.\n"
            "Write “@Liner Notes who produced it?”, or type /; “Viewing as” makes you another member, or the"
            " moderator.\n"
            f"The simulation cannot show: {'; '.join(UNSHOWN)}.\n"
            "Ctrl-C ends it.\n"
        )
        opens(shown.url)
        closed = asyncio.ensure_future(shown.closed())
        stopped = asyncio.ensure_future(stop.wait())
        await asyncio.wait({closed, stopped}, return_when=asyncio.FIRST_COMPLETED)
        for each in (closed, stopped):
            each.cancel()
        await asyncio.gather(closed, stopped, return_exceptions=True)


def _open(url: str) -> None:
    import webbrowser

    # A browser that runs in the terminal itself would keep the page from being served.
    threading.Thread(target=lambda: webbrowser.open(url), name="browser", daemon=True).start()


def _print_only(_url: str) -> None:
    """Leave the opening to whoever reads the address."""
