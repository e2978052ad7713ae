"""How commands print to standard output: a value as a line of JSON, a table as wide as there is room."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console


# As wide are tables that go into a file or a pipe.
_PIPED_WIDTH = 100
_KILO = 1_000


def print_json(value: object) -> None:
    """Print a value on one line."""
    sys.stdout.write(f"{json.dumps(value, ensure_ascii=False, allow_nan=False)}\n")
    sys.stdout.flush()


def table_console() -> Console:
    """Return the console for tables on standard output."""
    from rich.console import Console

    console = Console(highlight=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = _PIPED_WIDTH
    return console


def size(number: float) -> str:
    """Say how many bytes there are."""
    for unit in ("bytes", "kB"):
        if number < _KILO:
            return f"{number:,.0f} {unit}"
        number /= _KILO
    return f"{number:,.0f} MB"
