"""What every form is made of: one that tells its sender what goes wrong, also when it was opened long ago.

discord.py leaves a form without an answer that it no longer knows: sent after a restart, or half an hour
after it was opened. Who handles what was written checks again that its sender may do it.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, Final

import discord

from linernotes.chat.frame.responses import report
from linernotes.errors import RefusalError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

# Discord does not say when somebody closes a form without sending it.
_FORM_SECONDS: Final = 1_800.0
# How the custom id of a form of ours begins.
_FORM: Final = "ln:form:"
_OLD_FORM: Final = "That form was opened too long ago, or before I was restarted; please open it again."


class Forms:
    """The forms that can still be sent."""

    def __init__(self) -> None:
        """Begin with none."""
        self.open: set[str] = set()

    async def on_interaction(self, interaction: discord.Interaction[Any]) -> None:
        """Tell whoever sends a form that was opened too long ago, or before a restart."""
        if interaction.type is not discord.InteractionType.modal_submit or interaction.data is None:
            return
        form = str(interaction.data.get("custom_id", ""))
        if form in self.open:
            # discord.py takes each of them once.
            self.open.discard(form)
        elif form.startswith(_FORM):
            await report(interaction, RefusalError(_OLD_FORM))


class Form(discord.ui.Modal):
    """Asks for some texts, each with a name, and hands them on."""

    def __init__(
        self,
        forms: Forms,
        title: str,
        handle: Callable[[discord.Interaction[Any], Mapping[str, str]], Awaitable[None]],
    ) -> None:
        """Take the open forms, what stands above this one, and what is given the texts by name."""
        custom_id = f"{_FORM}{secrets.token_hex(8)}"
        super().__init__(title=title, timeout=_FORM_SECONDS, custom_id=custom_id)
        self._forms = forms
        self._handle = handle
        self._inputs: dict[str, discord.ui.TextInput[Any]] = {}
        forms.open.add(custom_id)

    def ask_for(
        self,
        name: str,
        label: str,
        most: int,
        *,
        begin: str = "",
        hint: str | None = None,
        long: bool = False,
        required: bool = True,
    ) -> None:
        """Add an input.

        Args:
            name: under which the text is handed on.
            label: what stands above it.
            most: how many characters it takes.
            begin: the text with which it begins.
            hint: what stands below the label.
            long: whether it has several lines.
            required: whether something has to be written.
        """
        style = discord.TextStyle.paragraph if long else discord.TextStyle.short
        made: discord.ui.TextInput[Any] = discord.ui.TextInput(
            custom_id=name, style=style, max_length=most, default=begin[:most] or None, required=required
        )
        self._inputs[name] = made
        self.add_item(discord.ui.Label(text=label, description=hint, component=made))

    async def on_submit(self, interaction: discord.Interaction[Any], /) -> None:
        """Hand on what was written; whatever goes wrong is told to who wrote it."""
        try:
            await self._handle(interaction, {name: made.value for name, made in self._inputs.items()})
        except Exception as error:  # noqa: BLE001  the one handler for forms
            await report(interaction, error)

    async def on_timeout(self) -> None:
        """Take no more of it."""
        self._forms.open.discard(self.custom_id)
