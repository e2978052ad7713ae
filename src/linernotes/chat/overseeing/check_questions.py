"""Questions whose answers must hold some words: ``/corpus questions``, and from an answer's 👎."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

import discord

from linernotes.chat.frame import logs
from linernotes.chat.frame.buttons import Press, button, number, pager, row
from linernotes.chat.frame.corpus_group import corpus_group
from linernotes.chat.frame.embeds import pages_of
from linernotes.chat.frame.forms import Form
from linernotes.chat.frame.markup import clean, trim
from linernotes.chat.frame.moderators import is_moderator, require_library
from linernotes.chat.frame.question_text import question_in
from linernotes.chat.frame.responses import defer, show, told
from linernotes.chat.frame.sessions import Place
from linernotes.chat.overseeing import embeds
from linernotes.errors import RefusalError
from linernotes.library.catalogue import CHECKS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from linernotes.chat.frame.bot import LinerNotes
    from linernotes.library.catalogue import Check

_log = logs.get(__name__)

LONGEST_QUESTION: Final = 300
LONGEST_WORDS: Final = 300
_GONE: Final = "That check question is no longer there."


def register(bot: LinerNotes) -> None:
    """Add the command and the buttons."""
    checks = Checks(bot)
    bot.presses["checks"] = checks.press_page
    bot.presses["checkadd"] = checks.press_add
    bot.presses["checkfrom"] = checks.press_from
    bot.presses["checkdrop"] = checks.press_remove
    bot.hooks.disliked.append(offer_check)

    @corpus_group(bot).command(name="questions", description="Questions whose answers must hold some words")
    @told
    async def questions(interaction: discord.Interaction[LinerNotes]) -> None:
        guild = require_library(bot, interaction)
        with bot.work(interaction):
            await defer(interaction, hidden=True)
            await checks.show(interaction, guild, 0)


def offer_check(interaction: discord.Interaction[LinerNotes]) -> Press | None:
    """Return the button that makes a check question of the answer under which a moderator has pressed 👎."""
    bot = interaction.client
    if bot.guild_of(interaction.guild_id) is None or interaction.message is None:
        return None
    if not is_moderator(bot, interaction):
        return None
    return button("checkfrom", str(interaction.message.id), label="Make it a check question")


class Checks:
    """Shows and changes the check questions of the server in which a moderator asks for it."""

    def __init__(self, bot: LinerNotes) -> None:
        """Take the bot."""
        self._bot = bot
        self._catalogue = bot.library.curator.catalogue

    async def show(
        self,
        interaction: discord.Interaction[LinerNotes],
        guild: int,
        page: int,
        removed: Check | None = None,
    ) -> None:
        """Show a page of the check questions, with what is answered to them now.

        Args:
            interaction: what is responded to.
            guild: the server.
            page: the page; the last one if there are fewer.
            removed: the question that has just been removed.
        """
        checks = await self._catalogue.checks(guild)
        pages = pages_of(len(checks), embeds.CHECKS_PER_PAGE)
        page = min(page, pages - 1)
        first = page * embeds.CHECKS_PER_PAGE
        shown = checks[first : first + embeds.CHECKS_PER_PAGE]
        turns = await asyncio.gather(*(self._bot.library.ask(check.question, guild=guild) for check in shown))
        entries = [(check, turn.reply) for check, turn in zip(shown, turns, strict=True)]
        remove = [
            button("checkdrop", f"{check.number}:{page}", label=f"Remove {first + place + 1}")
            for place, check in enumerate(shown)
        ]
        below = [button("checkadd", "", label="Add", style=discord.ButtonStyle.primary)]
        if pages > 1:
            below = [*pager("checks", "", page, pages), *below]
        for each in below:
            each.row = 1
        embed = embeds.checks(entries, len(checks), page, removed=removed)
        await show(interaction, embed, row(*remove, *below))

    async def add(self, interaction: discord.Interaction[LinerNotes], question: str, words: str) -> None:
        """Keep a check question, and say whether it is met now.

        Raises:
            RefusalError: there is nothing to check, too much of it, or too many check questions.
        """
        guild = require_library(self._bot, interaction)
        with self._bot.work(interaction):
            await defer(interaction, hidden=True)
            asked = question_in(question, bot=0, names={})
            wanted = "\n".join(filter(None, map(clean, words.splitlines())))
            if not asked or len(asked) > LONGEST_QUESTION:
                raise RefusalError(f"Please write a question of at most {LONGEST_QUESTION} characters.")
            if not any(map(str.isalnum, wanted)) or len(wanted) > LONGEST_WORDS:
                raise RefusalError(
                    "Please write at least one word that the answer must hold, and at most"
                    f" {LONGEST_WORDS} characters."
                )
            if not await self._catalogue.add_check(guild, interaction.user.id, asked, wanted):
                raise RefusalError(
                    f"This server has {CHECKS} check questions already; please remove one first."
                )
            _log.info("check question added", guild=guild, by=interaction.user.id)
            turn = await self._bot.library.ask(asked, guild=guild)
            await show(interaction, embeds.check_added(asked, wanted, turn.reply))

    def _form(self, question: str = "") -> Form:
        async def handle(interaction: discord.Interaction[Any], written: Mapping[str, str]) -> None:
            await self.add(interaction, written["question"], written["words"])

        form = Form(self._bot.forms, "Check question", handle)
        begin = trim(question, LONGEST_QUESTION)
        form.ask_for("question", "The question", LONGEST_QUESTION, begin=begin)
        form.ask_for(
            "words",
            "What the answer must hold",
            LONGEST_WORDS,
            long=True,
            hint="A word or a phrase in each line; all of them must be in the answer.",
        )
        return form

    async def press_page(self, interaction: discord.Interaction[LinerNotes], rest: str) -> None:
        """Turn a page."""
        guild = require_library(self._bot, interaction)
        await interaction.response.defer()
        await self.show(interaction, guild, number(rest.removeprefix(":")) or 0)

    async def press_add(self, interaction: discord.Interaction[LinerNotes], _rest: str) -> None:
        """Open the form."""
        require_library(self._bot, interaction)
        await interaction.response.send_modal(self._form())

    async def press_from(self, interaction: discord.Interaction[LinerNotes], rest: str) -> None:
        """Open the form for the question of an answer, as far as it is still known."""
        guild = require_library(self._bot, interaction)
        place = Place(guild, interaction.channel_id or 0, interaction.user.id)
        answer = number(rest)
        question = None if answer is None else self._bot.sessions.question(place, answer)
        await interaction.response.send_modal(self._form(question or ""))

    async def press_remove(self, interaction: discord.Interaction[LinerNotes], rest: str) -> None:
        """Remove a check question."""
        guild = require_library(self._bot, interaction)
        await interaction.response.defer()
        key, _, page = rest.partition(":")
        found = number(key)
        kept = {check.number: check for check in await self._catalogue.checks(guild)}
        removed = kept.get(found or 0)
        if removed is None or not await self._catalogue.remove_check(
            guild, interaction.user.id, removed.number
        ):
            raise RefusalError(_GONE)
        _log.info("check question removed", guild=guild, by=interaction.user.id)
        await self.show(interaction, guild, number(page) or 0, removed)
