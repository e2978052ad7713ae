"""What an operator types in; sentences, JSON and exit statuses out."""

from __future__ import annotations

import gc
from typing import Final, NoReturn

from linernotes.shell.interrupts import leave_at_once

# What is made while modules load stays: looking through it for garbage after every 700 objects took a
# twentieth of the start.
_OBJECTS: Final = 20_000


def main() -> NoReturn:
    """Run the command line on the process's arguments."""
    leave_at_once()
    gc.set_threshold(_OBJECTS)
    from linernotes.shell import cli

    cli.main()
