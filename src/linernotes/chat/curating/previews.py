"""From a change to its preview, and from there to *Apply*, *Apply anyway* or *Cancel*.

A button carries the name of a preview and nothing else; the curator looks it up under the server in which it
was pressed. Every handler checks for itself that a moderator is at it.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import discord

from linernotes.chat.curating import embeds
from linernotes.chat.curating.progress import Progress, Stoppable, StoppedError, Watcher
from linernotes.chat.frame import logs
from linernotes.chat.frame.buttons import Press, button, row
from linernotes.chat.frame.moderators import require_library
from linernotes.chat.frame.responses import defer, may_embed, show, shown
from linernotes.errors import (
    CorpusError,
    EditionError,
    EditionUnsavedError,
    LinerNotesError,
    RefusalError,
    StoreError,
)
from linernotes.library.previews import Preview

if TYPE_CHECKING:
    from collections.abc import Iterator

    from linernotes.chat.frame.bot import LinerNotes
    from linernotes.library.changes import Change

_log = logs.get(__name__)


def buttons_of(preview: Preview) -> tuple[Press, Press]:
    """Return the buttons under a preview; what a press of each does is in ``register``."""
    apply = (
        button("applyanyway", preview.id, label="Apply anyway", style=discord.ButtonStyle.danger)
        if preview.broken
        else button("apply", preview.id, label="Apply", style=discord.ButtonStyle.success)
    )
    return apply, button("cancel", preview.id, label="Cancel")


def register(bot: LinerNotes) -> Previews:
    """Say what a press of each button does; return what shows previews."""
    previews = Previews(bot)
    bot.presses["apply"] = previews.press_apply
    bot.presses["applyanyway"] = previews.press_apply_anyway
    bot.presses["cancel"] = previews.press_cancel
    bot.presses["stop"] = previews.press_stop
    return previews


class Previews:
    """Shows what a change of a server's library would come to, and lets it count."""

    def __init__(self, bot: LinerNotes) -> None:
        """Take the bot."""
        self._bot = bot
        self._curator = bot.library.curator
        self._watcher = Watcher(bot)
        self._applying: set[str] = set()

    async def show(self, interaction: discord.Interaction[LinerNotes], guild: int, change: Change) -> None:
        """Build what a change would come to, and show it.

        Raises:
            RefusalError: it cannot be built; the sentence says why.
        """
        progress = Progress()
        try:
            with self._sentences():
                preview = await self._watcher.watch(
                    interaction,
                    self._curator.preview(guild, interaction.user.id, change, progress),
                    progress,
                    after="It goes on being built, and what has been embedded is kept: give the command again"
                    " in a while, or stop it with `/corpus cancel`. Nothing has changed yet.",
                    stoppable=Stoppable(guild, change),
                )
        except StoppedError as stopped:
            await show(interaction, embeds.cancelled(change, by=stopped.person))
            return
        await self._show_preview(interaction, preview)

    # --- Buttons ---

    async def press_apply(self, interaction: discord.Interaction[LinerNotes], rest: str) -> None:
        """Let a preview count."""
        await self._apply(interaction, rest, anyway=False)

    async def press_apply_anyway(self, interaction: discord.Interaction[LinerNotes], rest: str) -> None:
        """Let a preview count that breaks a check question."""
        await self._apply(interaction, rest, anyway=True)

    async def press_cancel(self, interaction: discord.Interaction[LinerNotes], rest: str) -> None:
        """Drop a preview."""
        guild = require_library(self._bot, interaction)
        self._require_idle(rest)
        change = self._curator.find(guild, rest).change
        self._curator.cancel(guild, rest)
        await _replace(interaction, embeds.cancelled(change))

    async def press_stop(self, interaction: discord.Interaction[LinerNotes], rest: str) -> None:
        """Stop a build; the note of how far it is then says so."""
        guild = require_library(self._bot, interaction)
        self._stop(guild, interaction.user.id, rest)
        await interaction.response.defer()

    async def stop(self, interaction: discord.Interaction[LinerNotes]) -> None:
        """Stop what is being built for the server, whoever has asked for it."""
        guild = require_library(self._bot, interaction)
        change = self._stop(guild, interaction.user.id)
        await defer(interaction, hidden=True)
        await show(interaction, embeds.cancelled(change))

    def _stop(self, guild: int, person: int, name: str | None = None) -> Change:
        change = self._watcher.stop(guild, person, name)
        _log.info("build stopped", guild=guild, by=person)
        return change

    def _require_idle(self, preview_id: str) -> None:
        if preview_id in self._applying:
            raise RefusalError("That is being applied already.")

    async def _apply(
        self, interaction: discord.Interaction[LinerNotes], preview_id: str, *, anyway: bool
    ) -> None:
        guild = require_library(self._bot, interaction)
        self._require_idle(preview_id)
        preview = self._curator.find(guild, preview_id)
        self._applying.add(preview_id)
        try:
            await _replace(interaction, embeds.applying(preview.change))
            progress = Progress()
            outcome = await self._watcher.watch(
                interaction,
                self._curator.apply(guild, interaction.user.id, preview_id, anyway=anyway, progress=progress),
                progress,
                after="It goes on; in a while, /corpus status says what I answer from.",
            )
        except LinerNotesError as error:
            await self._show_failure(interaction, preview, error)
            return
        finally:
            self._applying.discard(preview_id)
        if isinstance(outcome, Preview):
            notice = "The library has changed since that preview. This is what it would come to now:"
            await self._show_preview(interaction, outcome, notice)
            return
        _log.info("applied", guild=guild, edition=outcome.edition, by=interaction.user.id)
        await show(interaction, embeds.applied(outcome, await self._curator.memory.edition_of(guild)))
        # Not waited for: it comes after the builds of other servers.
        self._watcher.start(self._tidy())

    async def _tidy(self) -> None:
        try:
            await self._curator.tidy()
        except LinerNotesError as error:
            _log.warning("not tidied", reason=str(error))

    # --- Showing ---

    async def _show_preview(
        self, interaction: discord.Interaction[LinerNotes], preview: Preview, notice: str | None = None
    ) -> None:
        if preview.changes_nothing:
            self._curator.cancel(preview.guild, preview.id)
            await show(interaction, embeds.preview(preview, notice))
            return
        await show(interaction, embeds.preview(preview, notice), row(*buttons_of(preview)))

    async def _show_failure(
        self, interaction: discord.Interaction[LinerNotes], preview: Preview, error: LinerNotesError
    ) -> None:
        """Say why a preview does not count; it can be tried again while it is there."""
        if isinstance(error, StoreError):
            _log.error("store failed", reason=str(error), guild=preview.guild)
            error = RefusalError("I cannot reach my notes at the moment; please try again later.")
        try:
            self._curator.find(preview.guild, preview.id)
        except RefusalError:
            await show(interaction, embeds.failed(self._say(error)))
        else:
            await self._show_preview(interaction, preview, self._say(error))

    @contextmanager
    def _sentences(self) -> Iterator[None]:
        """Let what the library refuses be told as it stands: there may be names of documents in it."""
        try:
            yield
        except StoppedError:
            raise
        except (RefusalError, CorpusError, EditionError) as error:
            raise RefusalError(self._say(error)) from error

    def _say(self, error: LinerNotesError) -> str:
        if isinstance(error, EditionError) and not isinstance(error, EditionUnsavedError):
            # It names folders of the operator's.
            _log.warning("edition unusable", reason=str(error))
            return "That edition can no longer be read; nothing has changed."
        settings = self._bot.settings
        return embeds.sentence(
            embeds.without_folders(str(error), corpus=settings.corpus_dir, data=settings.data_dir)
        )


async def _replace(interaction: discord.Interaction[LinerNotes], embed: discord.Embed) -> None:
    """Answer a press: the message shows something else, without buttons."""
    await interaction.response.edit_message(**shown(embed, plainly=not may_embed(interaction)), view=None)
