"""The command line put together: every command by name, and what becomes of an error.

A new command is a function in ``commands`` and its name in the table below. Outside scripts rely on the
output and the exit status of each: extend them, break nothing. What costs time to import is imported where it
is used, so that ``--help`` and a wrong setting are answered at once.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
import threading
from typing import Any, NoReturn

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

from linernotes.errors import CorpusError, LinerNotesError
from linernotes.shell.commands.asking import ask, quotes
from linernotes.shell.commands.checking import check
from linernotes.shell.commands.evaluating import evaluate, tune
from linernotes.shell.commands.keeping import backup, restore
from linernotes.shell.commands.operating import doctor, invite, reload, set_aside, start
from linernotes.shell.commands.previewing import preview
from linernotes.shell.commands.training import train
from linernotes.shell.environment import as_json_line, read_environment, speaks_json
from linernotes.shell.interrupts import INTERRUPTED, hear_interrupts, leave_at_once
from linernotes.shell.usage import usage_sentence

WRONG_USAGE = 2
"""The exit status of a command line that says nothing."""

# How the sentence about a corpus that is not there ends (corpus/files.py).
_NO_CORPUS = "does not exist."


class _Commands(TyperGroup):
    """Turns what a command raises into one sentence and an exit status."""

    def main(self, *args: Any, **named: Any) -> Any:
        """Run the command line; wrong usage ends with a sentence of ours and status 2.

        Which usage is wrong, typer finds out; its own words and boxes are about parameters.
        """
        if not named.pop("standalone_mode", True):
            return super().main(*args, **named, standalone_mode=False)  # type: ignore[misc]  # passed through
        try:
            left = super().main(*args, **named, standalone_mode=False)  # type: ignore[misc]  # the same
        except TyperException as error:
            sys.stderr.write(f"Error: {usage_sentence(error)}\n")
            sys.exit(WRONG_USAGE)
        except typer.Abort:
            sys.exit(INTERRUPTED)
        # Without its own way out, typer returns the status of a command that left with one.
        sys.exit(left if isinstance(left, int) else 0)

    def invoke(self, ctx: typer.Context) -> Any:  # type: ignore[override]  # typer's own type for it is private
        """Run a command."""
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                # JSON is UTF-8 whatever the locale says; a terminal keeps the encoding that it can show.
                encoding = stream.encoding if stream.isatty() else "utf-8"
                stream.reconfigure(encoding=encoding, errors="backslashreplace")
        if ctx.invoked_subcommand is not None:
            hear_interrupts()
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except LinerNotesError as error:
            as_json = ctx.invoked_subcommand is None and _speaks_json()
            said = f"{error}{_what_to_do(error)}"
            sys.stderr.write(f"{as_json_line(said) if as_json else said}\n")
            raise typer.Exit(error.exit_status) from None
        except BrokenPipeError:
            # Who reads has had enough. What is still in the buffer must not fail at the interpreter's end.
            with contextlib.suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit from None
        return result


def _what_to_do(error: LinerNotesError) -> str:
    """Return what an operator without a corpus does, which members who are told the same cannot."""
    if not isinstance(error, CorpusError) or not str(error).endswith(_NO_CORPUS):
        return ""
    return (
        " Make it and put an article into it (.md, .txt or .html),"
        " or set CORPUS_DIR to a folder that has one."
    )


def _speaks_json() -> bool:
    try:
        return speaks_json(read_environment())
    except LinerNotesError:
        return speaks_json(os.environ)


app = typer.Typer(
    cls=_Commands,
    add_completion=False,
    pretty_exceptions_enable=False,  # it shows local variables, and a token may be among them
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.callback(invoke_without_command=True)(start)
# In the order in which --help names them.
for _command in (
    ask,
    quotes,
    check,
    preview,
    invite,
    reload,
    backup,
    restore,
    set_aside,
    doctor,
    evaluate,
    tune,
    train,
):
    app.command()(_command)


def main() -> NoReturn:
    """Run the command line on the process's arguments."""
    status = 0
    try:
        app(prog_name="bot.py")
    except SystemExit as left:
        status = left.code if isinstance(left.code, int) else 1
    except KeyboardInterrupt:
        status = INTERRUPTED
    leave_at_once()
    if any(thread.name.startswith("linernotes-") for thread in threading.enumerate()):
        # Left while the model was loading: nobody waits for that, and there is nothing to lose.
        with contextlib.suppress(OSError):
            sys.stdout.flush()
        os._exit(status)
    sys.exit(status)
