"""What a server's moderators see of its library, and what they change in it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import aiohttp
import discord

from linernotes.chat.curating import embeds
from linernotes.chat.frame.buttons import number, pager, row
from linernotes.chat.frame.embeds import pages_of
from linernotes.chat.frame.moderators import require_library
from linernotes.chat.frame.responses import defer, show
from linernotes.errors import RefusalError
from linernotes.library.changes import Add, RollBack

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from linernotes.chat.curating.previews import Previews
    from linernotes.chat.frame.bot import LinerNotes
    from linernotes.library.changes import Change

_DOWNLOAD_SECONDS: Final = 30.0


class Curation:
    """Shows and changes the library of the server in which somebody asks for it."""

    def __init__(self, bot: LinerNotes, previews: Previews) -> None:
        """Take the bot, and what shows what a change would come to."""
        self._bot = bot
        self._curator = bot.library.curator
        self.previews = previews

    async def status(self, interaction: discord.Interaction[LinerNotes]) -> None:
        """Show what the server answers from."""
        guild = require_library(self._bot, interaction)
        with self._bot.work(interaction):
            await defer(interaction, hidden=True)
            await self._show_status(interaction, guild, 0)

    async def add(self, interaction: discord.Interaction[LinerNotes], file: discord.Attachment) -> None:
        """Show what adding a file would change."""
        guild = require_library(self._bot, interaction)
        with self._bot.work(interaction):
            await defer(interaction, hidden=True)
            most = self._bot.settings.max_file_bytes
            if file.size > most:
                raise RefusalError(f"The file has {file.size:,} bytes; I read files of up to {most:,} bytes.")
            await self.previews.show(interaction, guild, Add(file.filename, await _download(file)))

    async def preview(self, interaction: discord.Interaction[LinerNotes], change: Change) -> None:
        """Show what a change would come to."""
        guild = require_library(self._bot, interaction)
        with self._bot.work(interaction):
            await defer(interaction, hidden=True)
            await self.previews.show(interaction, guild, change)

    async def change_document(
        self,
        interaction: discord.Interaction[LinerNotes],
        given: str,
        change: Callable[[str], Change],
        names: Callable[[int], Awaitable[Iterable[str]]],
    ) -> None:
        """Show what a change of one document would come to; ``names`` are those that can be chosen."""
        guild = require_library(self._bot, interaction)
        chosen = (name for name in await names(guild) if embeds.document_choice(name) == given)
        await self.preview(interaction, change(next(chosen, given)))

    async def roll_back(self, interaction: discord.Interaction[LinerNotes], edition: str) -> None:
        """Show what going back would change."""
        require_library(self._bot, interaction)
        wanted = number(edition.strip().removeprefix("#"))
        if wanted is None:
            raise RefusalError("Please choose one of the editions in the list, or type its number.")
        await self.preview(interaction, RollBack(wanted))

    async def history(self, interaction: discord.Interaction[LinerNotes]) -> None:
        """List the server's editions."""
        guild = require_library(self._bot, interaction)
        with self._bot.work(interaction):
            await defer(interaction, hidden=True)
            await show(interaction, embeds.history(await self._curator.history(guild, look=True)))

    async def press_page(self, interaction: discord.Interaction[LinerNotes], rest: str) -> None:
        """Turn a page of the status."""
        guild = require_library(self._bot, interaction)
        await interaction.response.defer()
        await self._show_status(interaction, guild, number(rest.removeprefix(":")) or 0)

    async def _show_status(self, interaction: discord.Interaction[LinerNotes], guild: int, page: int) -> None:
        status = await self._curator.status(guild)
        pages = pages_of(len(status.documents), embeds.DOCUMENTS_PER_PAGE)
        page = min(page, pages - 1)
        view = row(*pager("shelf", "", page, pages)) if pages > 1 else None
        await show(interaction, embeds.status(status, page), view)


async def _download(file: discord.Attachment) -> bytes:
    """Fetch an attachment.

    Raises:
        RefusalError: it is gone, or cannot be had.
    """
    try:
        async with asyncio.timeout(_DOWNLOAD_SECONDS):
            return await file.read()
    except (discord.NotFound, discord.Forbidden):
        raise RefusalError("The file is no longer there; please attach it again.") from None
    except (discord.HTTPException, aiohttp.ClientError, OSError, TimeoutError):
        raise RefusalError("Discord does not give me the file; please try again in a moment.") from None
