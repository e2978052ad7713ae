"""A bot's token -> whose it is; an application's id -> the link with which a server takes the bot in.

Nothing here asks Discord.
"""

from __future__ import annotations

import base64
import binascii
from typing import Final

PERMISSIONS: Final = 274_877_991_936
"""View Channels, Send Messages (in threads too), Embed Links, Read Message History (docs/discord.md)."""

_PARTS: Final = 3
# A snowflake of Discord's has so many digits: the first in 2015, the last in 2090.
_DIGITS: Final = range(17, 21)


def application_of(token: str) -> int | None:
    """Return the id of the application that a token is for, or ``None`` where it is not shaped like a token.

    A token is three parts between dots, and the first is the id in base64. Of applications from before 2017
    the bot's id is another one; an invitation needs the application's, and Discord says so if it is not.
    """
    parts = token.split(".")
    if len(parts) != _PARTS or not all(parts):
        return None
    first = parts[0]
    try:
        written = base64.b64decode(first + "=" * (-len(first) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    digits = written.decode("ascii", "replace")
    return int(digits) if digits.isascii() and digits.isdecimal() and len(digits) in _DIGITS else None


def invitation(application: int) -> str:
    """Return the link with which whoever manages a server invites the bot, with the permissions it needs."""
    return (
        f"https://discord.com/oauth2/authorize?client_id={application}"
        f"&scope=bot+applications.commands&permissions={PERMISSIONS}"
    )
