"""What can be chosen in the options of ``/corpus``: documents and editions of the server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from discord import app_commands

from linernotes.chat.curating import embeds
from linernotes.chat.frame.completion import CHOICES
from linernotes.chat.frame.embeds import CHOICE
from linernotes.chat.frame.markup import clean, trim
from linernotes.chat.frame.moderators import require_library

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Iterable

    import discord

    from linernotes.chat.frame.bot import LinerNotes


class Choices:
    """Finds what fits to what a moderator has typed."""

    def __init__(self, bot: LinerNotes) -> None:
        """Take the bot."""
        self._bot = bot
        self._curator = bot.library.curator

    async def own(self, guild: int) -> list[str]:
        """Return the documents that were added in a server."""
        revision = self._curator.standings.of(guild).revision
        return [] if revision is None else list(revision.own)

    async def shared(self, guild: int) -> list[str]:
        """Return the shared documents that a server answers from."""
        own = set(await self.own(guild))
        documents = (await self._curator.memory.edition_of(guild)).documents
        return [document.name for document in documents if document.name not in own]

    async def hidden(self, guild: int) -> list[str]:
        """Return the shared documents that a server hides."""
        revision = self._curator.standings.of(guild).revision
        return [] if revision is None else sorted(revision.hidden)

    def documents_like(
        self, names: Callable[[int], Awaitable[Iterable[str]]]
    ) -> Callable[
        [discord.Interaction[LinerNotes], str], Coroutine[Any, Any, list[app_commands.Choice[str]]]
    ]:
        """Return an autocomplete for documents."""

        async def choices(
            interaction: discord.Interaction[LinerNotes], current: str
        ) -> list[app_commands.Choice[str]]:
            guild = require_library(self._bot, interaction)
            wanted = clean(current).casefold()
            found = [(clean(name).casefold(), name) for name in await names(guild)]
            found = [each for each in found if wanted in each[0]]
            found.sort(key=lambda each: not each[0].startswith(wanted))
            return [
                app_commands.Choice(name=trim(name, CHOICE) or "…", value=embeds.document_choice(name))
                for _, name in found[:CHOICES]
            ]

        return choices

    async def editions_like(
        self, interaction: discord.Interaction[LinerNotes], current: str
    ) -> list[app_commands.Choice[str]]:
        """Return the editions that a server can go back to."""
        guild = require_library(self._bot, interaction)
        wanted = clean(current).casefold()
        now = self._bot.store.clock()
        # The first is the one in use.
        choices = [
            app_commands.Choice(name=embeds.edition_choice(each, now), value=str(each.revision.number))
            for each in (await self._curator.history(guild))[1:]
        ]
        return [each for each in choices if wanted in each.name.casefold()][:CHOICES]
