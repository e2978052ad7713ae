"""A token -> who Discord says the bot is; the one question that is put to Discord without connecting."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import discord

from linernotes.chat.frame.endings import ending

if TYPE_CHECKING:
    from linernotes.settings import Settings

# Whoever waits at a terminal is told after so long that Discord does not answer.
_SECONDS: Final = 15.0


@dataclass(frozen=True, slots=True)
class Identity:
    """What Discord says of a token's application."""

    application: int
    name: str
    reads_messages: bool
    """Whether the Message Content intent is switched on for it."""


async def identify(settings: Settings) -> Identity:
    """Ask Discord whose token it is.

    Raises:
        DiscordRefusedError: Discord refuses the token.
        DiscordUnreachableError: Discord or the network is not to be had.
    """
    assert settings.discord_token is not None  # noqa: S101  the caller has looked
    proxy = None if settings.https_proxy is None else settings.https_proxy.get_secret_value()
    try:
        async with (
            asyncio.timeout(_SECONDS),
            discord.Client(intents=discord.Intents.none(), proxy=proxy) as client,
        ):
            await client.login(settings.discord_token.get_secret_value())
            found = await client.application_info()
    except Exception as error:  # noqa: BLE001  there is a sentence for each
        raise ending(error) from None
    flags = found.flags
    return Identity(
        found.id, found.name, flags.gateway_message_content or flags.gateway_message_content_limited
    )
