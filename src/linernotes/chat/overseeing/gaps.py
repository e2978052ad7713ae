"""What members asked that the article does not say: ``/corpus gaps`` and *Tell a moderator*.

Nothing is kept until a moderator turns it on. Then it is the question's text alone: a gap has a number, and
nobody knows who asked.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final

import discord

from linernotes.chat.frame import logs
from linernotes.chat.frame.buttons import Press, button, number, pager, row
from linernotes.chat.frame.corpus_group import corpus_group
from linernotes.chat.frame.embeds import pages_of
from linernotes.chat.frame.moderators import require_library
from linernotes.chat.frame.promptly import promptly
from linernotes.chat.frame.question_text import anonymous
from linernotes.chat.frame.responses import defer, show, told
from linernotes.chat.overseeing import embeds
from linernotes.errors import RefusalError, StoreError
from linernotes.models import Answer

if TYPE_CHECKING:
    from linernotes.chat.frame.bot import LinerNotes
    from linernotes.chat.frame.sessions import Place
    from linernotes.library.catalogue import Gap
    from linernotes.library.curator import Curator
    from linernotes.models import Unanswered
_log = logs.get(__name__)

# How many servers' groups are known at once: so many moderators turn pages at the same time.
_SERVERS: Final = 64

LONGEST: Final = 200
"""How much of a question is kept, in characters."""


def register(bot: LinerNotes) -> None:
    """Add the command and the buttons."""
    gaps = Gaps(bot)
    bot.presses["tell"] = gaps.press_tell
    bot.presses["gaps"] = gaps.press_page
    bot.presses["gapson"] = gaps.press_on
    bot.presses["gapsoff"] = gaps.press_off
    bot.presses["gapanswer"] = gaps.press_answer
    bot.hooks.unanswered.append(gaps.keep)
    bot.hooks.server_removed.append(gaps.groups.drop)

    @corpus_group(bot).command(name="gaps", description="What members asked that the articles do not say")
    @told
    async def show_gaps(interaction: discord.Interaction[LinerNotes]) -> None:
        guild = require_library(bot, interaction)
        with bot.work(interaction):
            await defer(interaction, hidden=True)
            await gaps.show(interaction, guild, 0)


class Groups:
    """What was not answered, grouped by meaning: grouped again only where there is something else to group.

    Turning a page embeds nothing. What is kept for that is numbers: no question is in memory for longer than
    it is on the disk.
    """

    def __init__(self, curator: Curator) -> None:
        """Take what groups."""
        self._curator = curator
        self._known: OrderedDict[int, tuple[tuple[int, ...], ...]] = OrderedDict()

    async def of(self, guild: int) -> tuple[tuple[Gap, ...], ...]:
        """Return a server's groups, the largest first."""
        gaps = {gap.number: gap for gap in await self._curator.catalogue.gaps(guild)}
        known = self._known.get(guild)
        if (
            known is not None
            and sum(map(len, known)) == len(gaps)
            and all(number in gaps for group in known for number in group)
        ):
            self._known.move_to_end(guild)
            return tuple(tuple(gaps[number] for number in group) for group in known)
        groups = await self._curator.gap_groups(guild)
        self._known[guild] = tuple(tuple(gap.number for gap in group) for group in groups)
        self._known.move_to_end(guild)
        if len(self._known) > _SERVERS:
            self._known.popitem(last=False)
        return groups

    def known(self, guild: int) -> tuple[tuple[int, ...], ...]:
        """Return how a server's questions were grouped last, by their numbers; nothing is embedded."""
        return self._known.get(guild, ())

    def drop(self, guild: int) -> None:
        """Forget how a server's questions were grouped."""
        self._known.pop(guild, None)


class Gaps:
    """Shows a server's moderators what was not answered, and turns the keeping on and off."""

    def __init__(self, bot: LinerNotes) -> None:
        """Take the bot."""
        self._bot = bot
        self._catalogue = bot.library.curator.catalogue
        self.groups = Groups(bot.library.curator)

    async def keep(self, place: Place, reply: Answer | Unanswered, content: str) -> Press | None:
        """Keep a question that the article does not answer for sure, where moderators want that.

        Args:
            place: where it was asked.
            reply: what was replied.
            content: the question as it was sent.

        Returns:
            The button with which a member tells the moderators, where the question is kept.
        """
        guild = self._bot.guild_of(place.guild)
        answered = reply.certainty == "stated" if isinstance(reply, Answer) else reply.reason != "silent"
        if guild is None or answered:
            return None
        # Nothing is waited for between this and the store: what is turned off is not written to afterwards.
        if not self._bot.servers.of(guild).gaps or not (question := anonymous(content, LONGEST)):
            return None
        try:
            kept = await promptly(self._catalogue.add_gap(guild, question))
        except StoreError as error:
            _log.error("question not kept", guild=guild, reason=str(error))
            return None
        return button("tell", str(kept), label="Tell a moderator")

    async def show(self, interaction: discord.Interaction[LinerNotes], guild: int, page: int) -> None:
        """Show a page of what was not answered."""
        if not self._bot.servers.of(guild).gaps:
            on = button("gapson", "", label="Turn on", style=discord.ButtonStyle.success)
            await show(interaction, embeds.gaps_off(), row(on))
            return
        groups = await self.groups.of(guild)
        pages = pages_of(len(groups), embeds.GAPS_PER_PAGE)
        page = min(page, pages - 1)
        first = page * embeds.GAPS_PER_PAGE
        answer = [
            button("gapanswer", str(group[0].number), label=f"Answer {first + place + 1}")
            for place, group in enumerate(groups[first : first + embeds.GAPS_PER_PAGE])
            if self._bot.hooks.gap_chosen
        ]
        below = [button("gapsoff", "", label="Turn off", style=discord.ButtonStyle.danger)]
        if pages > 1:
            below = [*pager("gaps", "", page, pages), *below]
        for each in below:
            each.row = 1
        await show(interaction, embeds.gaps(groups, page), row(*answer, *below))

    async def press_answer(self, interaction: discord.Interaction[LinerNotes], rest: str) -> None:
        """Let a moderator answer a question, and those that were grouped with it."""
        guild, wanted = require_library(self._bot, interaction), number(rest)
        gaps = {gap.number: gap for gap in await promptly(self._catalogue.gaps(guild))}
        if not self._bot.servers.of(guild).gaps or wanted is None or wanted not in gaps:
            raise RefusalError("I no longer have that question; `/corpus gaps` shows those that there are.")
        # As they were grouped for the page; grouping anew would take longer than a form may.
        numbers = next((group for group in self.groups.known(guild) if wanted in group), (wanted,))
        group = [gaps[wanted], *(gaps[each] for each in numbers if each in gaps and each != wanted)]
        for each in self._bot.hooks.gap_chosen:
            await each(interaction, group)

    async def press_page(self, interaction: discord.Interaction[LinerNotes], rest: str) -> None:
        """Turn a page."""
        guild = require_library(self._bot, interaction)
        await interaction.response.defer()
        await self.show(interaction, guild, number(rest.removeprefix(":")) or 0)

    async def press_on(self, interaction: discord.Interaction[LinerNotes], _rest: str) -> None:
        """Keep what is not answered from now on."""
        guild = require_library(self._bot, interaction)
        await interaction.response.defer()
        if not self._bot.servers.of(guild).gaps:
            note = self._catalogue.noting(guild, interaction.user.id, "questions without an answer: kept")
            await self._bot.servers.set_gaps(guild, note, kept=True)
            _log.info("gaps on", guild=guild, by=interaction.user.id)
        await self.show(interaction, guild, 0)

    async def press_off(self, interaction: discord.Interaction[LinerNotes], _rest: str) -> None:
        """Keep nothing any more, and remove what is kept."""
        guild = require_library(self._bot, interaction)
        await interaction.response.defer()
        if self._bot.servers.of(guild).gaps:
            what = "questions without an answer: no longer kept, and removed"
            note = self._catalogue.noting(guild, interaction.user.id, what)
            await self._bot.servers.set_gaps(guild, self._catalogue.clearing_gaps(guild), note, kept=False)
            # The database may give the numbers of what has been removed to other questions.
            self.groups.drop(guild)
            _log.info("gaps off", guild=guild, by=interaction.user.id)
        await self.show(interaction, guild, 0)

    async def press_tell(self, interaction: discord.Interaction[LinerNotes], rest: str) -> None:
        """Note that a member wants a question answered."""
        self._bot.require_welcome(interaction)
        await defer(interaction, hidden=True)
        guild, found = self._bot.guild_of(interaction.guild_id), number(rest)
        if guild is None or not self._bot.servers.of(guild).gaps:
            raise RefusalError("The moderators of this server do not collect questions at the moment.")
        if found is None or not await self._catalogue.tell_gap(guild, found):
            raise RefusalError("I no longer have that question; please ask it again.")
        await interaction.edit_original_response(
            content="Thank you. The moderators will see that somebody wants an answer to this, and not who."
        )
