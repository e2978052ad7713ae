"""What moderators do with their server's library: ``/corpus``.

A button carries the name of a preview and nothing else; the curator looks it up under the server in which it
was pressed. Every handler checks for itself that a moderator is at it.
"""

from __future__ import annotations

import asyncio
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, TypeVar

import aiohttp
import discord
from discord import app_commands

from linernotes.chat.curating import says as replies
from linernotes.chat.frame import logs
from linernotes.chat.frame.buttons import Press, button, number, pager, row
from linernotes.chat.frame.embeds import CHOICE, pages_of
from linernotes.chat.frame.markup import clean, trim
from linernotes.chat.frame.responses import defer, may_embed, report, show, shown, told
from linernotes.chat.governing.commands import require_library
from linernotes.errors import (
    CorpusError,
    EditionError,
    EditionUnsavedError,
    LinerNotesError,
    RefusalError,
    StoreError,
)
from linernotes.library.changes import Add, Hide, Reload, Remove, RollBack, Unhide
from linernotes.library.previews import Preview

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator

    from linernotes.chat.frame.bot import LinerNotes
    from linernotes.library.changes import Change

_log = logs.get(__name__)
_T = TypeVar("_T")

_CHOICES: Final = 25
_DOWNLOAD_SECONDS: Final = 30.0

# How far a build is, is told so often at most: Discord allows five edits in five seconds.
NOTE_SECONDS = 2.0
# A response can be edited for 15 minutes.
WATCH_SECONDS = 14 * 60.0


def corpus_group(bot: LinerNotes) -> app_commands.Group:
    """Return the group ``/corpus``, which more than one part adds commands to; made at the first call."""
    found = bot.tree.get_command("corpus")
    if isinstance(found, app_commands.Group):
        return found
    # Discord hides it from others by its own rules only; each handler checks again.
    group = app_commands.Group(
        name="corpus",
        description="What I answer from in this server, for moderators",
        default_permissions=discord.Permissions(manage_guild=True),
        allowed_contexts=app_commands.AppCommandContext(guild=True, dm_channel=False, private_channel=False),
        allowed_installs=app_commands.AppInstallationType(guild=True, user=False),
    )
    bot.tree.add_command(group)
    return group


def register(bot: LinerNotes) -> None:
    """Add the commands and buttons."""
    group = corpus_group(bot)
    curation = Curation(bot)
    bot.presses["apply"] = curation.press_apply
    bot.presses["applyanyway"] = curation.press_apply_anyway
    bot.presses["cancel"] = curation.press_cancel
    bot.presses["shelf"] = curation.press_page

    @group.command(name="status", description="What I answer from in this server, and since when")
    @told
    async def status(interaction: discord.Interaction[LinerNotes]) -> None:
        await curation.status(interaction)

    @group.command(name="reload", description="Read the articles again, and show what would change")
    @told
    async def reload(interaction: discord.Interaction[LinerNotes]) -> None:
        await curation.preview(interaction, Reload())

    @group.command(name="add", description="Add an article to this server, and show what would change")
    @app_commands.describe(file="The article: .md or .txt")
    @told
    async def add(interaction: discord.Interaction[LinerNotes], file: discord.Attachment) -> None:
        await curation.add(interaction, file)

    @group.command(name="remove", description="Remove an article that was added in this server")
    @app_commands.describe(document="Which one")
    @told
    async def remove(interaction: discord.Interaction[LinerNotes], document: str) -> None:
        await curation.change_document(interaction, document, Remove, curation.own)

    @group.command(name="hide", description="Leave a shared article out in this server")
    @app_commands.describe(document="Which one")
    @told
    async def hide(interaction: discord.Interaction[LinerNotes], document: str) -> None:
        await curation.change_document(interaction, document, Hide, curation.shared)

    @group.command(name="show", description="Take a hidden article in again")
    @app_commands.describe(document="Which one")
    @told
    async def show_(interaction: discord.Interaction[LinerNotes], document: str) -> None:
        await curation.change_document(interaction, document, Unhide, curation.hidden)

    @group.command(name="history", description="The last ten editions of this server")
    @told
    async def history(interaction: discord.Interaction[LinerNotes]) -> None:
        await curation.history(interaction)

    @group.command(name="rollback", description="Go back to an earlier edition, and show what would change")
    @app_commands.describe(edition="Which one")
    @told
    async def rollback(interaction: discord.Interaction[LinerNotes], edition: str) -> None:
        await curation.roll_back(interaction, edition)

    _complete(remove, "document", curation.documents_like(curation.own))
    _complete(hide, "document", curation.documents_like(curation.shared))
    _complete(show_, "document", curation.documents_like(curation.hidden))
    _complete(rollback, "edition", curation.editions_like)


def _complete(
    command: app_commands.Command[Any, ..., Any],
    option: str,
    choices: Callable[[discord.Interaction[LinerNotes], str], Awaitable[list[app_commands.Choice[str]]]],
) -> None:
    @command.autocomplete(option)
    async def complete(
        interaction: discord.Interaction[LinerNotes], current: str
    ) -> list[app_commands.Choice[str]]:
        try:
            return await choices(interaction, current)
        except Exception as error:  # noqa: BLE001  the one handler for autocomplete
            await report(interaction, error)
            return []


class Progress:
    """How far a build is: written by a worker's thread, read by who watches."""

    def __init__(self) -> None:
        """Begin before the first step."""
        self.stage: tuple[str, int, int] | None = None
        self.documents: tuple[int, int] | None = None

    def __call__(self, step: str, done: int, total: int) -> None:
        """Take the newest."""
        if step == "split":
            self.documents = (done, total)
        self.stage = (step, done, total)


class Curation:
    """Shows and changes the library of the server in which somebody asks for it."""

    def __init__(self, bot: LinerNotes) -> None:
        """Take the bot."""
        self._bot = bot
        self._curator = bot.library.curator
        self._applying: set[str] = set()
        # The event loop holds tasks weakly.
        self._tasks: set[asyncio.Task[Any]] = set()

    # --- Commands ---

    async def status(self, interaction: discord.Interaction[LinerNotes]) -> None:
        """Show what the server answers from."""
        guild = require_library(self._bot, interaction)
        with self._bot.work():
            await defer(interaction, hidden=True)
            await self._show_status(interaction, guild, 0)

    async def add(self, interaction: discord.Interaction[LinerNotes], file: discord.Attachment) -> None:
        """Show what adding a file would change."""
        guild = require_library(self._bot, interaction)
        with self._bot.work():
            await defer(interaction, hidden=True)
            most = self._bot.settings.max_file_bytes
            if file.size > most:
                raise RefusalError(f"The file has {file.size:,} bytes; I read files of up to {most:,} bytes.")
            await self._preview(interaction, guild, Add(file.filename, await _download(file)))

    async def preview(self, interaction: discord.Interaction[LinerNotes], change: Change) -> None:
        """Show what a change would come to."""
        guild = require_library(self._bot, interaction)
        with self._bot.work():
            await defer(interaction, hidden=True)
            await self._preview(interaction, guild, change)

    async def change_document(
        self,
        interaction: discord.Interaction[LinerNotes],
        given: str,
        change: Callable[[str], Change],
        names: Callable[[int], Iterable[str]],
    ) -> None:
        """Show what a change of one document would come to; ``names`` are those that can be chosen."""
        guild = require_library(self._bot, interaction)
        chosen = (name for name in names(guild) if replies.document_choice(name) == given)
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
        with self._bot.work():
            await defer(interaction, hidden=True)
            await show(interaction, replies.history(await self._curator.history(guild, look=True)))

    # --- What can be chosen ---

    def own(self, guild: int) -> list[str]:
        """Return the documents that were added in a server."""
        revision = self._curator.standings.of(guild).revision
        return [] if revision is None else list(revision.own)

    def shared(self, guild: int) -> list[str]:
        """Return the shared documents that a server answers from."""
        own = set(self.own(guild))
        documents = self._curator.standings.of(guild).edition.documents
        return [document.name for document in documents if document.name not in own]

    def hidden(self, guild: int) -> list[str]:
        """Return the shared documents that a server hides."""
        revision = self._curator.standings.of(guild).revision
        return [] if revision is None else sorted(revision.hidden)

    def documents_like(
        self, names: Callable[[int], Iterable[str]]
    ) -> Callable[
        [discord.Interaction[LinerNotes], str], Coroutine[Any, Any, list[app_commands.Choice[str]]]
    ]:
        """Return an autocomplete for documents."""

        async def choices(
            interaction: discord.Interaction[LinerNotes], current: str
        ) -> list[app_commands.Choice[str]]:
            guild = require_library(self._bot, interaction)
            wanted = clean(current).casefold()
            found = [(clean(name).casefold(), name) for name in names(guild)]
            found = [each for each in found if wanted in each[0]]
            found.sort(key=lambda each: not each[0].startswith(wanted))
            return [
                app_commands.Choice(name=trim(name, CHOICE) or "…", value=replies.document_choice(name))
                for _, name in found[:_CHOICES]
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
            app_commands.Choice(name=replies.edition_choice(each, now), value=str(each.revision.number))
            for each in (await self._curator.history(guild))[1:]
        ]
        return [each for each in choices if wanted in each.name.casefold()][:_CHOICES]

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
        await _replace(interaction, replies.cancelled(change))

    async def press_page(self, interaction: discord.Interaction[LinerNotes], rest: str) -> None:
        """Turn a page of the status."""
        guild = require_library(self._bot, interaction)
        await interaction.response.defer()
        await self._show_status(interaction, guild, number(rest.removeprefix(":")) or 0)

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
            await _replace(interaction, replies.applying(preview.change))
            progress = Progress()
            outcome = await self._watched(
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
        await show(interaction, replies.applied(outcome, self._curator.standings.of(guild).edition))
        # Not waited for: it comes after the builds of other servers.
        self._start(self._tidy())

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
            await show(interaction, replies.failed(self._say(error)))
        else:
            await self._show_preview(interaction, preview, self._say(error))

    @contextmanager
    def _sentences(self) -> Iterator[None]:
        """Let what the library refuses be told as it stands: there may be names of documents in it."""
        try:
            yield
        except (RefusalError, CorpusError, EditionError) as error:
            raise RefusalError(self._say(error)) from error

    def _say(self, error: LinerNotesError) -> str:
        if isinstance(error, EditionError) and not isinstance(error, EditionUnsavedError):
            # It names folders of the operator's.
            _log.warning("edition unusable", reason=str(error))
            return "That edition can no longer be read; nothing has changed."
        settings = self._bot.settings
        return replies.sentence(
            replies.without_folders(str(error), corpus=settings.corpus_dir, data=settings.data_dir)
        )

    # --- Building ---

    async def _preview(
        self, interaction: discord.Interaction[LinerNotes], guild: int, change: Change
    ) -> None:
        progress = Progress()
        with self._sentences():
            preview = await self._watched(
                interaction,
                self._curator.preview(guild, interaction.user.id, change, progress),
                progress,
                after="It goes on being built, and what has been embedded is kept: give the command again in"
                " a while. Nothing has changed yet.",
            )
        await self._show_preview(interaction, preview)

    async def _watched(
        self,
        interaction: discord.Interaction[LinerNotes],
        work: Coroutine[Any, Any, _T],
        progress: Progress,
        *,
        after: str,
    ) -> _T:
        """Wait for work on a library and say how far it is; where that takes too long, say ``after``.

        Raises:
            RefusalError: the bot leaves, or Discord takes no more edits; then the work goes on by itself.
        """
        task = self._start(work)
        end = asyncio.get_running_loop().time() + WATCH_SECONDS
        before: discord.Embed | None = None
        while not (await asyncio.wait({task}, timeout=NOTE_SECONDS))[0]:
            if self._bot.leaving:
                raise RefusalError(
                    "I am being restarted. In a moment, /corpus status says what I answer from; please start"
                    " again if that is not what you want."
                )
            if asyncio.get_running_loop().time() >= end:
                raise RefusalError(f"It takes longer than Discord lets me tell you here. {after}")
            note = replies.building(
                progress.stage,
                progress.documents,
                waiting=progress.stage is None and self._curator.builds > 1,
            )
            if note != before:
                before = note
                # That it cannot be shown stops nothing.
                with suppress(discord.HTTPException, aiohttp.ClientError):
                    await show(interaction, note)
        return task.result()

    def _start(self, work: Coroutine[Any, Any, _T]) -> asyncio.Task[_T]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._end)
        return task

    def _end(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        # Who waited has been told; if nobody did, it is not left unheard.
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.info("work on a library failed", reason=type(error).__name__)

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
            await show(interaction, replies.preview(preview, notice))
            return
        await show(interaction, replies.preview(preview, notice), row(*_buttons(preview)))

    async def _show_status(self, interaction: discord.Interaction[LinerNotes], guild: int, page: int) -> None:
        status = await self._curator.status(guild)
        pages = pages_of(len(status.documents), replies.DOCUMENTS_PER_PAGE)
        page = min(page, pages - 1)
        view = row(*pager("shelf", "", page, pages)) if pages > 1 else None
        await show(interaction, replies.status(status, page), view)


def _buttons(preview: Preview) -> tuple[Press, Press]:
    apply = (
        button("applyanyway", preview.id, label="Apply anyway", style=discord.ButtonStyle.danger)
        if preview.broken
        else button("apply", preview.id, label="Apply", style=discord.ButtonStyle.success)
    )
    return apply, button("cancel", preview.id, label="Cancel")


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


async def _replace(interaction: discord.Interaction[LinerNotes], embed: discord.Embed) -> None:
    """Answer a press: the message shows something else, without buttons."""
    await interaction.response.edit_message(**shown(embed, plainly=not may_embed(interaction)), view=None)
