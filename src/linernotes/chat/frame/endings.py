"""Why the bot cannot go on: what Discord, Cloudflare or the network says -> one sentence and an exit status.

78 is for what somebody must change, 69 for what passes: a supervisor may start the bot again then.
"""

from __future__ import annotations

import ssl
from typing import Final

import aiohttp
import discord

from linernotes.chat.frame.delivery import UndeliveredError
from linernotes.errors import DiscordRefusedError, DiscordUnreachableError, LinerNotesError

_TOKEN: Final = "Discord refuses the token in DISCORD_TOKEN; copy it again from the developer portal (Bot)."  # noqa: S105  no token
_INTENT: Final = (
    "Discord refuses MESSAGE_CONTENT=on: switch the Message Content intent on in the developer portal"
    " (Bot, Privileged Gateway Intents), or set MESSAGE_CONTENT=off."
)
_OLD: Final = "it speaks to Discord in a way that Discord no longer knows: install a newer version."

_REFUSALS: Final = {
    4004: _TOKEN,
    4010: "Discord refuses how the bot divides its servers among connections (4010); run it once only.",
    4011: "Discord wants this bot to use more connections (4011); remove a limit on them, or start it again.",
    4012: f"This version of the program is too old (4012): {_OLD}",
    4013: f"This version of the program is too old (4013): {_OLD}",
    4014: _INTENT,
}
"""Gateway close codes after which the same connection would be refused again."""

_PASSING: Final = {
    403: "Cloudflare, which stands before Discord, turns this machine's address away (403); wait, or use"
    " another network or HTTPS_PROXY.",
    429: "Cloudflare, which stands before Discord, limits this machine's address (429): too many requests"
    " came from it. Wait an hour before you start again.",
    500: "Discord has an error of its own (500); see https://discordstatus.com and start again later.",
    502: "Discord is down (502); see https://discordstatus.com and start again later.",
    503: "Discord is down (503); see https://discordstatus.com and start again later.",
    504: "Discord is down (504); see https://discordstatus.com and start again later.",
}


def refusal(error: BaseException) -> LinerNotesError | None:
    """Return the sentence for an error after which trying again is of no use, or ``None``."""
    match error:
        case LinerNotesError():
            return error
        case discord.LoginFailure():
            return DiscordRefusedError(_TOKEN)
        case discord.PrivilegedIntentsRequired():
            return DiscordRefusedError(_INTENT)
        case discord.ConnectionClosed() if error.code in _REFUSALS:
            return DiscordRefusedError(_REFUSALS[error.code])
        case aiohttp.ClientConnectorCertificateError() | ssl.SSLCertVerificationError():
            return DiscordRefusedError(
                "Whoever answers as Discord has a certificate that this machine does not trust; check its"
                " clock, its certificates and HTTPS_PROXY."
            )
        case _:
            return None


def ending(error: BaseException, seconds: float | None = None) -> LinerNotesError:
    """Return the sentence for an error that ends the bot.

    Args:
        error: the last one.
        seconds: how long it has been tried in vain.
    """
    found = refusal(error)
    if found is not None:
        return found
    return DiscordUnreachableError(_sentence(error) + _tried(seconds))


def _sentence(error: BaseException) -> str:  # noqa: PLR0911  a table of what there is
    status = getattr(error, "status", None)
    if isinstance(error, discord.HTTPException | UndeliveredError) and isinstance(status, int):
        return _PASSING.get(
            status,
            f"Discord answers with status {status}; see https://discordstatus.com and start again later.",
        )
    match error:
        case discord.ConnectionClosed():
            return f"Discord closes each connection ({error.code}); see https://discordstatus.com."
        case discord.GatewayNotFound():
            return (
                "Discord does not say where its gateway is; see https://discordstatus.com, start again later."
            )
        case aiohttp.ClientProxyConnectionError() | aiohttp.ClientHttpProxyError():
            return "The proxy in HTTPS_PROXY cannot be used; check its address and that it runs."
        case aiohttp.ClientConnectorDNSError():
            return "Discord is not to be had: its name is not found. Check the network and the name server."
        case aiohttp.ClientError() | OSError() | TimeoutError() | UndeliveredError():
            return f"Discord is not to be had ({type(error).__name__}); check the network and start again."
        case discord.DiscordException():
            return f"Discord keeps the connection from working ({type(error).__name__}); start again later."
        case _:
            return (
                f"Discord's gateway sends what cannot be understood ({type(error).__name__}); start again"
                " later, and look for a newer version if it goes on."
            )


def _tried(seconds: float | None) -> str:
    return "" if seconds is None else f" It has been tried for {round(seconds / 60)} minutes."
