"""Notes by the moderators: ``/corpus note`` and ``/corpus edit``, and *Answer* below a question without one.

What is written in a form is previewed, checked, applied and audited as a file is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from discord import app_commands

from linernotes.chat.curating import embeds
from linernotes.chat.frame.completion import CHOICES, complete
from linernotes.chat.frame.corpus_group import corpus_group
from linernotes.chat.frame.embeds import CHOICE
from linernotes.chat.frame.forms import Form
from linernotes.chat.frame.markup import clean, trim
from linernotes.chat.frame.moderators import require_library
from linernotes.chat.frame.question_text import question_in
from linernotes.chat.frame.responses import defer, told
from linernotes.errors import RefusalError
from linernotes.library.changes import RemoveNote, WriteNote
from linernotes.library.notes import LONGEST_ANSWER, LONGEST_QUESTION, MOST_WAYS, make_note, notes_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import discord

    from linernotes.chat.curating.previews import Previews
    from linernotes.chat.frame.bot import LinerNotes
    from linernotes.library.catalogue import Gap
    from linernotes.library.changes import Change
    from linernotes.library.notes import Note

# So many ways in which a gap was asked are put into the form.
_WAYS: Final = 3


def register(bot: LinerNotes, previews: Previews) -> None:
    """Add the commands, and the form that answers a gap."""
    group = corpus_group(bot)
    notes = Notes(bot, previews)
    bot.hooks.gap_chosen.append(notes.answer_gap)

    @group.command(name="note", description="Answer a question yourselves, in a sentence or two")
    @told
    async def note(interaction: discord.Interaction[LinerNotes]) -> None:
        await notes.open_new(interaction)

    @group.command(name="edit", description="Change or remove one of your notes")
    @app_commands.describe(note="The question that it answers", remove="Remove it")
    @told
    async def edit(interaction: discord.Interaction[LinerNotes], note: str, *, remove: bool = False) -> None:
        await notes.edit(interaction, note, remove=remove)

    complete(edit, "note", notes.notes_like)


class Notes:
    """Opens the form for a note, and previews what was written."""

    def __init__(self, bot: LinerNotes, previews: Previews) -> None:
        """Take the bot, and what shows what a change would come to."""
        self._bot = bot
        self._curator = bot.library.curator
        self._previews = previews

    async def of(self, guild: int) -> tuple[Note, ...]:
        """Return the notes of a server."""
        documents = (await self._curator.memory.edition_of(guild)).documents
        return tuple(note for each in documents if each.holds_notes for note in notes_of(each))

    async def open_new(self, interaction: discord.Interaction[LinerNotes]) -> None:
        """Open an empty form."""
        require_library(self._bot, interaction)
        await interaction.response.send_modal(self._form())

    async def answer_gap(self, interaction: discord.Interaction[LinerNotes], group: Sequence[Gap]) -> None:
        """Open the form for a question that was not answered, with the ways in which it was asked."""
        require_library(self._bot, interaction)
        question, *ways = dict.fromkeys(gap.question for gap in group)
        gaps = frozenset(gap.number for gap in group)
        await interaction.response.send_modal(self._form(question, "", ways[:_WAYS], gaps=gaps))

    async def edit(self, interaction: discord.Interaction[LinerNotes], given: str, *, remove: bool) -> None:
        """Open the form for a note that is there, or preview its removal."""
        guild = require_library(self._bot, interaction)
        chosen = [
            each
            for each in await self.of(guild)
            if given == embeds.document_choice(each.question)
            or given.strip().casefold() == each.question.casefold()
        ]
        if not chosen:
            raise RefusalError(
                "There is no such note; the choices of `/corpus edit` are the notes there are."
            )
        note = chosen[0]
        if remove:
            await self._preview(interaction, RemoveNote(note.question))
            return
        form = self._form(note.question, note.answer, note.ways, instead_of=note.question)
        await interaction.response.send_modal(form)

    async def notes_like(
        self, interaction: discord.Interaction[LinerNotes], current: str
    ) -> list[app_commands.Choice[str]]:
        """Return the notes that can be changed."""
        guild = require_library(self._bot, interaction)
        wanted = clean(current).casefold()
        return [
            app_commands.Choice(
                name=trim(each.question, CHOICE) or "…", value=embeds.document_choice(each.question)
            )
            for each in await self.of(guild)
            if wanted in clean(each.question).casefold()
        ][:CHOICES]

    def _form(
        self,
        question: str = "",
        answer: str = "",
        ways: Sequence[str] = (),
        *,
        instead_of: str | None = None,
        gaps: frozenset[int] = frozenset(),
    ) -> Form:
        async def handle(interaction: discord.Interaction[Any], written: Mapping[str, str]) -> None:
            require_library(self._bot, interaction)
            note = make_note(
                question_in(written["question"], bot=0, names={}),
                clean(written["answer"]),
                [question_in(way, bot=0, names={}) for way in written["ways"].splitlines()],
            )
            await self._preview(interaction, WriteNote(note, instead_of, gaps))

        form = Form(self._bot.forms, "A note", handle)
        form.ask_for("question", "The question", LONGEST_QUESTION, begin=question)
        form.ask_for(
            "answer",
            "Your answer",
            LONGEST_ANSWER,
            begin=answer,
            long=True,
            hint="A sentence or two. Members read them word for word, below “Notes by the moderators”.",
        )
        form.ask_for(
            "ways",
            "Other ways to ask it",
            (LONGEST_QUESTION + 1) * MOST_WAYS,
            begin="\n".join(ways),
            long=True,
            required=False,
            hint="One on each line, with other words; the more, the surer I find it.",
        )
        return form

    async def _preview(self, interaction: discord.Interaction[LinerNotes], change: Change) -> None:
        guild = require_library(self._bot, interaction)
        with self._bot.work(interaction):
            await defer(interaction, hidden=True)
            await self._previews.show(interaction, guild, change)
