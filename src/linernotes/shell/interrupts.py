"""Ctrl-C: an exception where a command has begun, and the end of the process before and after that."""

from __future__ import annotations

import os
import signal
from typing import Final, NoReturn

INTERRUPTED: Final = 130
"""The exit status of a command that Ctrl-C ended, as shells have it."""


def leave_at_once() -> None:
    """Let Ctrl-C end the process from now on; unless somebody else hears it, or nobody is to.

    For while modules load: there is nothing to lose yet, and an exception in the middle of an import comes
    out as a traceback, or as another error.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _leave)


def hear_interrupts() -> None:
    """Let Ctrl-C be an exception from now on, so that what has begun is ended in good order."""
    if signal.getsignal(signal.SIGINT) is _leave:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _leave(_number: int, _frame: object) -> NoReturn:
    os._exit(INTERRUPTED)
