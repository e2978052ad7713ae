"""A command of ``bot.py`` in this process: what it says, and the status it ends with."""

from __future__ import annotations

import functools
import logging

import pytest
from typer.main import get_command
from typer.testing import CliRunner, Result

from linernotes.shell import cli

# A process makes the command line once.
_command_line = functools.cache(get_command)


def in_this_process(*given: str, stdin: str | bytes = "", **environment: str | None) -> Result:
    """Run a command; what it does to the log is undone."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("typer.testing._get_command", _command_line)
        try:
            return CliRunner().invoke(cli.app, [*given], input=stdin, env=environment, prog_name="bot.py")
        finally:
            root.handlers[:] = handlers
            root.setLevel(level)
            logging.getLogger("linernotes").setLevel(logging.NOTSET)
