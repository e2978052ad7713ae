"""What every button is made of: one that works after a restart and never times out.

Which buttons there are and what they do stands in each feature's folder. What a button needs stands in its
custom id.

A custom id is as little to be trusted as any text of a member: who handles a press looks everything up under
the server and the channel of the interaction.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final, Protocol, Self, TypeAlias

import discord

from linernotes.chat.frame.responses import report
from linernotes.errors import RefusalError

if TYPE_CHECKING:
    import re
    from contextlib import AbstractContextManager

Handler: TypeAlias = Callable[["discord.Interaction[Any]", str], Awaitable[None]]
"""Handles a press; is given what stands behind the action in the custom id."""

LinkButton: TypeAlias = "discord.ui.Button[discord.ui.View]"
"""Opens an address."""

Button: TypeAlias = "Press | LinkButton"
"""What can stand under a message."""

LONGEST_ID: Final = 100
_BACK: Final = "‹"  # noqa: RUF001  the sign is meant
_ON: Final = "›"  # noqa: RUF001  the sign is meant


class _Bot(Protocol):
    """What a button needs of the bot."""

    presses: dict[str, Handler]

    def work(self, interaction: discord.Interaction[Any] | None = None) -> AbstractContextManager[None]:
        """Mark the current task as work that is finished before the bot leaves."""


class Press(
    discord.ui.DynamicItem[discord.ui.Button[discord.ui.View]],
    template=r"(?s:ln:(?P<action>[a-z]+):(?P<rest>.*))",
):
    """A button of ours; the bot's ``presses`` say who handles which action."""

    def __init__(self, button: discord.ui.Button[discord.ui.View], action: str, rest: str) -> None:
        """Take the button and the two parts of its custom id."""
        super().__init__(button)
        self._action = action
        self._rest = rest

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """Make the item for a press."""
        assert isinstance(item, discord.ui.Button)  # noqa: S101  nothing else of ours has such a custom id
        return cls(item, match["action"], match["rest"])

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Handle the press; whatever goes wrong is told to who pressed."""
        bot: _Bot = interaction.client
        try:
            handler = bot.presses.get(self._action)
            if handler is None:
                raise RefusalError("I no longer know what that button did.")  # noqa: TRY301  told as any other
            with bot.work(interaction):
                await handler(interaction, self._rest)
        except Exception as error:  # noqa: BLE001  the one handler for buttons
            await report(interaction, error)


def button(
    action: str,
    rest: str,
    *,
    label: str | None = None,
    emoji: str | None = None,
    disabled: bool = False,
    style: discord.ButtonStyle = discord.ButtonStyle.secondary,
) -> Press:
    """Return a button; ``rest`` is cut where a custom id would be too long."""
    custom_id = f"ln:{action}:{rest}"[:LONGEST_ID]
    inner: discord.ui.Button[discord.ui.View] = discord.ui.Button(
        label=label, emoji=emoji, disabled=disabled, style=style, custom_id=custom_id
    )
    return Press(inner, action, rest)


def link(label: str, url: str) -> LinkButton:
    """Return a button that opens an address; nothing is sent to us when it is pressed."""
    return discord.ui.Button(label=label, url=url)


def row(*buttons: Button) -> discord.ui.View:
    """Return a view with these buttons, without a timeout."""
    view = discord.ui.View(timeout=None)
    for each in buttons:
        view.add_item(each)
    return view


def pager(action: str, rest: str, page: int, pages: int, *, first: int = 0) -> tuple[Press, Press]:
    """Return the buttons to the pages beside this one; ``first`` is the number of the first page."""
    return (
        button(action, f"{rest}:{page - 1}", label=_BACK, disabled=page <= first),
        button(action, f"{rest}:{page + 1}", label=_ON, disabled=page >= first + pages - 1),
    )


def number(text: str) -> int | None:
    """Return the number that ``text`` is, or ``None``; a custom id may hold anything."""
    # Sixty-four bits are what an id has and what the database takes: nineteen digits may be more.
    if not (text.isascii() and text.isdigit() and len(text) <= 19):  # noqa: PLR2004  digits of an id
        return None
    found = int(text)
    return found if found < 2**63 else None
