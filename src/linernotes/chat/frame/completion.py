"""What Discord offers while somebody types an option of a command."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from linernotes.chat.frame.responses import report

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import discord
    from discord import app_commands

CHOICES: Final = 25
"""So many can be offered."""


def complete(
    command: app_commands.Command[Any, ..., Any],
    option: str,
    choices: Callable[[discord.Interaction[Any], str], Awaitable[list[app_commands.Choice[str]]]],
) -> None:
    """Offer what ``choices`` returns for what has been typed; where it fails, nothing."""

    async def offered(interaction: discord.Interaction[Any], current: str) -> list[app_commands.Choice[str]]:
        try:
            return await choices(interaction, current)
        except Exception as error:  # noqa: BLE001  the one handler for autocomplete
            await report(interaction, error)
            return []

    command.autocomplete(option)(offered)
