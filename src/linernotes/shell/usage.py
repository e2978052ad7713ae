"""What is wrong with a command line, as typer found it -> a sentence for who typed it."""

from __future__ import annotations

import re
from typing import Any, Final

# Typer's own class for each mistake is private, and so are its messages' words; the names last longest.
_NO_COMMAND: Final = re.compile(r"No such command '(?P<name>.*?)'\.?(?: Did you mean (?P<near>.*)\?)?$")
_TOO_MANY: Final = re.compile(r"Got unexpected extra argument(?:s|\(s\))?\s*\((?P<words>[^)]*)\)")
_NO_VALUE: Final = re.compile(r"Option '?(?P<name>-[\w-]*)'? requires (?:an argument|\d+ arguments)")
_NOT_TAKEN: Final = re.compile(r"Option '?(?P<name>-[\w-]*)'? does not take a value")


def usage_sentence(error: Any) -> str:
    """Say what is wrong and where help stands, in one line.

    Args:
        error: what typer raised. Where it is of a kind that is not known here, its own words are used.
    """
    context = getattr(error, "ctx", None)
    command = "bot.py" if context is None else context.command_path
    return f"{_what(error, command)} {command} --help says how it is used."


def _what(error: Any, command: str) -> str:  # noqa: PLR0911  a table of what there is
    said = " ".join(str(error.format_message()).split())
    kind = type(error).__name__
    if kind == "NoSuchOption":
        near = " or ".join(sorted(error.possibilities or ()))
        return f"{command} has no option {error.option_name}{f'; {near} may be meant' if near else ''}."
    if kind == "MissingParameter" and error.param is not None:
        named = error.param.metavar or error.param.name.upper()
        return f"{command} needs {named}, and it is not there."
    if found := _NO_COMMAND.match(said):
        near = f"; {found['near']} may be meant".replace("'", "") if found["near"] else ""
        return f"There is no command {found['name']}{near}."
    if found := _TOO_MANY.match(said):
        return f"{command} takes nothing more: “{found['words']}” is too much (quote a question, like “…”)."
    if found := _NO_VALUE.match(said):
        return f"The option {found['name']} needs a value after it."
    if found := _NOT_TAKEN.match(said):
        return f"The option {found['name']} takes no value."
    if kind == "BadParameter" and error.param is not None:
        return f"The value of {error.param.opts[0]} cannot be used: {str(error.message).strip().rstrip('.')}."
    if kind == "BadParameter":
        return str(error.message).strip()
    return said if said.endswith((".", "!", "?")) else f"{said}."
