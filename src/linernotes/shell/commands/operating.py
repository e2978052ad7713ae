"""What an operator does: start the bot or the chat, let the running bot reload, look at the installation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from linernotes.errors import ConfigurationError, DataFolderError
from linernotes.invitation import application_of, invitation
from linernotes.shell.environment import log_to_stderr, read_environment, read_settings
from linernotes.shell.interrupts import hear_interrupts
from linernotes.shell.options import JsonOption  # noqa: TC001  typer reads the annotations
from linernotes.shell.output import print_json
from linernotes.words import counted

if TYPE_CHECKING:
    from linernotes.settings import Settings


def _print_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"linernotes {version('linernotes')}")
        raise typer.Exit


def start(
    ctx: typer.Context,
    *,
    version: Annotated[  # noqa: ARG001  it is dealt with before the command begins
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Answer questions about a song from an article.

    Without a command, this is the Discord bot if DISCORD_TOKEN is set, and else a chat in the terminal.
    """
    if ctx.invoked_subcommand is not None:
        return
    settings = read_settings()
    if settings.discord_token is not None:
        log_to_stderr(settings, for_people=False)
        raise typer.Exit(_run_discord(settings))
    log_to_stderr(settings)
    from linernotes.shell import terminal
    from linernotes.shell.background import open_beside, open_library

    hear_interrupts()
    terminal.run(
        lambda building: open_library(settings, "own", building),
        beside=lambda building: open_beside(settings, building),
        hint=terminal.DISCORD_HINT,
        history=settings.data_dir / terminal.HISTORY,
    )


def _run_discord(settings: Settings) -> int:
    from linernotes import chat
    from linernotes.shell import control

    hear_interrupts()
    return chat.run(settings, control.serve)


def reload(*, as_json: JsonOption = False) -> None:
    """Let the running bot read the shared corpus again, and say what became of each server."""
    from rich.console import Console

    from linernotes.shell.control import request_reload

    settings = read_settings()
    log_to_stderr(settings)
    console = Console(stderr=True)
    with console.status("Waiting for the bot ...") as status:
        report = request_reload(
            settings.data_dir,
            lambda step, done, total: status.update(f"The bot is at it: {step} {done} of {total} ..."),
        )
    if as_json:
        print_json(report)
        return
    typer.echo(
        f"The shared corpus is edition {report['edition'][:8]} now: "
        + ", ".join(counted(report[f"{what}s"], what) for what in ("document", "passage", "quotation"))
        + "."
    )
    for left in report.get("left_out", ()):
        typer.echo(f"Warning: {left}", err=True)
    for server in report["servers"]:
        typer.echo(" ".join(f"Server {server['guild']}: {server['did']}. {server['said']}".split()))


def set_aside(*, as_json: JsonOption = False) -> None:
    """Go on without a database that is lost: it, and what it alone explains, moves to DATA_DIR/quarantine.

    For when the bot does not start because the database is missing, empty, damaged or another one, and there
    is no copy to put back. Nothing is deleted: what is in the quarantine stays 30 days, and comes back by
    itself when the right database is put back.
    """
    from linernotes.library.locks import lock
    from linernotes.library.quarantine import FOLDER, set_database_aside
    from linernotes.library.service import DATABASE

    settings = read_settings()
    log_to_stderr(settings)
    with lock(settings.data_dir):
        try:
            moved = set_database_aside(settings.data_dir, DATABASE)
        except OSError as error:
            raise DataFolderError(
                f"{settings.data_dir} cannot be changed ({error.strerror or error}): make it writable for"
                " this user."
            ) from None
    if as_json:
        print_json({"quarantine": str(settings.data_dir / FOLDER), "moved": list(moved)})
        return
    typer.echo(f"Moved to {settings.data_dir / FOLDER}, where it stays 30 days:")
    for name in moved:
        typer.echo(f"  {name}")


def invite() -> None:
    """Print the link with which a server takes the bot in; Discord is not asked."""
    settings = read_settings()
    if settings.discord_token is None:
        raise ConfigurationError(
            "There is no DISCORD_TOKEN to make a link of: put DISCORD_TOKEN=<your bot's token> into .env."
        )
    application = application_of(settings.discord_token.get_secret_value())
    if application is None:
        raise ConfigurationError(
            "DISCORD_TOKEN is not shaped like a bot's token (three parts with dots between): copy it again"
            " from the developer portal, Bot, Reset Token."
        )
    typer.echo(invitation(application))


def doctor(
    *,
    online: Annotated[
        bool, typer.Option("--online", help="Ask Discord, too, whether it knows the token.")
    ] = False,
) -> None:
    """Check the installation, one line for each part: what is wrong, and what to do about it."""
    from linernotes.shell.doctor import examine

    status = 0
    for finding in examine(read_environment(), online=online):
        typer.echo(str(finding))
        status = status or finding.exit_status
    raise typer.Exit(status)
