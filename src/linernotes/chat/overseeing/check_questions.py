"""Questions whose answers must hold some words: ``/corpus questions``, and from an answer's 👎."""

from __future__ import annotations

import asyncio
import secrets
from typing import TYPE_CHECKING, Any, Final

import discord

from linernotes.chat.frame import logs
from linernotes.chat.frame.buttons import Press, button, number, pager, row
from linernotes.chat.frame.corpus_group import corpus_group
from linernotes.chat.frame.embeds import pages_of
from linernotes.chat.frame.markup import clean, trim
from linernotes.chat.frame.moderators import is_moderator, require_library
from linernotes.chat.frame.question_text import question_in
from linernotes.chat.frame.responses import defer, report, show, told
from linernotes.chat.frame.sessions import Place
from linernotes.chat.overseeing import embeds
from linernotes.errors import RefusalError
from linernotes.library.catalogue import CHECKS

if TYPE_CHECKING:
    from linernotes.chat.frame.bot import LinerNotes
    from linernotes.library.catalogue import Check

_log = logs.get(__name__)

LONGEST_QUESTION: Final = 300
LONGEST_WORDS: Final = 300
# Discord does not say when somebody closes a form without sending it.
_FORM_SECONDS: Final = 1_800.0

# How the custom id of a form of ours begins.
_FORM: Final = "ln:check:"

_GONE: Final = "That check question is no longer there."
_OLD_FORM: Final = "That form was opened too long ago, or before I was restarted; please open it again."


def register(bot: LinerNotes) -> None:
    """Add the command and the buttons."""
    checks = Checks(bot)
    bot.add_listener(checks.on_interaction, "on_interaction")
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
        # The forms that can still be sent: discord.py leaves all others without an answer.
        self.open_forms: set[str] = set()

    async def on_interaction(self, interaction: discord.Interaction[LinerNotes]) -> None:
        """Tell whoever sends a form that was opened too long ago, or before a restart."""
        if interaction.type is not discord.InteractionType.modal_submit or interaction.data is None:
            return
        form = str(interaction.data.get("custom_id", ""))
        if form in self.open_forms:
            # discord.py takes each of them once.
            self.open_forms.discard(form)
        elif form.startswith(_FORM):
            await report(interaction, RefusalError(_OLD_FORM))

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

    async def press_page(self, interaction: discord.Interaction[LinerNotes], rest: str) -> None:
        """Turn a page."""
        guild = require_library(self._bot, interaction)
        await interaction.response.defer()
        await self.show(interaction, guild, number(rest.removeprefix(":")) or 0)

    async def press_add(self, interaction: discord.Interaction[LinerNotes], _rest: str) -> None:
        """Open the form."""
        require_library(self._bot, interaction)
        await interaction.response.send_modal(CheckForm(self))

    async def press_from(self, interaction: discord.Interaction[LinerNotes], rest: str) -> None:
        """Open the form for the question of an answer, as far as it is still known."""
        guild = require_library(self._bot, interaction)
        place = Place(guild, interaction.channel_id or 0, interaction.user.id)
        answer = number(rest)
        question = None if answer is None else self._bot.sessions.question(place, answer)
        await interaction.response.send_modal(CheckForm(self, question or ""))

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


class CheckForm(discord.ui.Modal):
    """Asks for a question and for what its answer must hold."""

    def __init__(self, checks: Checks, question: str = "") -> None:
        """Take what keeps them, and the question to begin with."""
        custom_id = f"{_FORM}{secrets.token_hex(8)}"
        super().__init__(title="Check question", timeout=_FORM_SECONDS, custom_id=custom_id)
        self._checks = checks
        checks.open_forms.add(custom_id)
        self._question: discord.ui.TextInput[Any] = discord.ui.TextInput(
            custom_id="question",
            max_length=LONGEST_QUESTION,
            default=trim(question, LONGEST_QUESTION) or None,
        )
        self._words: discord.ui.TextInput[Any] = discord.ui.TextInput(
            custom_id="words", style=discord.TextStyle.paragraph, max_length=LONGEST_WORDS
        )
        self.add_item(discord.ui.Label(text="The question", component=self._question))
        self.add_item(
            discord.ui.Label(
                text="What the answer must hold",
                description="A word or a phrase in each line; all of them must be in the answer.",
                component=self._words,
            )
        )

    async def on_submit(self, interaction: discord.Interaction[Any], /) -> None:
        """Keep what was written; whatever goes wrong is told to who wrote it."""
        try:
            await self._checks.add(interaction, self._question.value, self._words.value)
        except Exception as error:  # noqa: BLE001  the one handler for forms
            await report(interaction, error)

    async def on_timeout(self) -> None:
        """Take no more of it."""
        self._checks.open_forms.discard(self.custom_id)
