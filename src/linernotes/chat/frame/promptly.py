"""What an answer can do without is waited for a short time only: the database may be another program's."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, TypeVar

from linernotes.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Awaitable

_T = TypeVar("_T")

PROMPT_SECONDS: Final = 2.0
"""How long an answer waits for the database. SQLite waits for five, and one transaction waits for another."""


async def promptly(work: Awaitable[_T], seconds: float | None = None) -> _T:
    """Do work of the store's, but do not wait for it longer than ``seconds``, by default ``PROMPT_SECONDS``.

    What has not begun by then is not done; what has begun may still be.

    Raises:
        StoreError: the database has not answered in time, or cannot be used.
    """
    try:
        return await asyncio.wait_for(work, PROMPT_SECONDS if seconds is None else seconds)
    except TimeoutError:
        raise StoreError("The database has not answered in time.") from None
