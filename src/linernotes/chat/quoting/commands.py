"""Quotations: ``/quote`` and ``/quotes``, and their buttons."""

from __future__ import annotations

from collections import Counter, OrderedDict
from typing import TYPE_CHECKING, Final

import discord
from discord import app_commands

from linernotes.chat.frame import citations
from linernotes.chat.frame.buttons import Press, button, number, pager, row
from linernotes.chat.frame.completion import CHOICES, complete
from linernotes.chat.frame.embeds import CHOICE, pages_of, short_key
from linernotes.chat.frame.markup import clean, fit
from linernotes.chat.frame.responses import defer, show, shown, told
from linernotes.chat.quoting import embeds
from linernotes.errors import RefusalError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from linernotes.chat.frame.bot import LinerNotes
    from linernotes.models import Edition, Quote
    from linernotes.retrieval.index import Index

_SHOWN: Final = 10_000
# As much of a text as fits into a custom id beside the two keys.
_LONGEST_ABOUT: Final = 60
_ANY: Final = "-"


def register(bot: LinerNotes) -> None:
    """Add the commands and buttons."""
    quotations = Quotations(bot)
    bot.hooks.forgotten.append(quotations.forget)
    bot.presses["another"] = quotations.press_another
    bot.presses["context"] = quotations.press_context
    bot.presses["share"] = quotations.press_share
    bot.presses["quotes"] = quotations.press_page

    @bot.tree.command(name="quote", description="A quotation from the article")
    @app_commands.describe(speaker="Who said it", about="What it should have to do with")
    @told
    async def quote(
        interaction: discord.Interaction[LinerNotes], speaker: str | None = None, about: str | None = None
    ) -> None:
        await quotations.quote(interaction, speaker, about)

    @bot.tree.command(name="quotes", description="All quotations of the article")
    @app_commands.describe(speaker="Only by this speaker")
    @told
    async def quotes(interaction: discord.Interaction[LinerNotes], speaker: str | None = None) -> None:
        await quotations.list_all(interaction, speaker)

    complete(quote, "speaker", quotations.speakers)
    complete(quotes, "speaker", quotations.speakers)


class Quotations:
    """Shows quotations of the server's edition, as it is at each step."""

    def __init__(self, bot: LinerNotes) -> None:
        """Take the bot."""
        self._bot = bot
        # What each person was shown last in each server: not the same twice in a row.
        self._last: OrderedDict[tuple[int | None, int], str] = OrderedDict()

    def forget(self, person: int) -> None:
        """Forget what a person was shown, in all servers."""
        for key in [key for key in self._last if key[1] == person]:
            del self._last[key]

    async def quote(
        self, interaction: discord.Interaction[LinerNotes], speaker: str | None, about: str | None
    ) -> None:
        """Show a quotation to one person, who may share it."""
        self._bot.require_welcome(interaction)
        guild = interaction.guild_id
        with self._bot.work(interaction), self._bot.manners.question(guild, interaction.user.id):
            await defer(interaction, hidden=True)
            about = None if about is None else clean(about) or None
            found = await self._bot.library.quotes(
                speaker=speaker, about=about, guild=self._bot.guild_of(guild)
            )
            if not found:
                raise RefusalError(await self._nothing(guild, speaker))
            chosen = found[0] if about is not None else self._at_random(interaction, found)
            await self._show(interaction, chosen, _key_of(speaker, found), about or "")

    async def list_all(self, interaction: discord.Interaction[LinerNotes], speaker: str | None) -> None:
        """List quotations by speaker."""
        self._bot.require_welcome(interaction)
        with self._bot.work(interaction):
            await defer(interaction, hidden=True)
            guild = self._bot.guild_of(interaction.guild_id)
            found = await self._bot.library.quotes(speaker=speaker, guild=guild)
            if not found:
                raise RefusalError(await self._nothing(interaction.guild_id, speaker))
            await self._show_page(interaction, found, _key_of(speaker, found), 0)

    async def speakers(
        self, interaction: discord.Interaction[LinerNotes], current: str
    ) -> list[app_commands.Choice[str]]:
        """Return the speakers that fit what has been typed, those quoted most first."""
        self._bot.require_welcome(interaction)
        edition = await self._bot.library.edition(self._bot.guild_of(interaction.guild_id))
        wanted = clean(current).casefold()
        counted = Counter(quote.speaker for quote in edition.quotes if quote.speaker)
        fitting = [name for name, _ in counted.most_common() if wanted in clean(name).casefold()]
        fitting.sort(key=lambda name: not clean(name).casefold().startswith(wanted))
        names = dict.fromkeys(_choice(name) for name in fitting)
        return [app_commands.Choice(name=name, value=name) for name in names if name][:CHOICES]

    # --- Buttons ---

    async def press_another(self, interaction: discord.Interaction[LinerNotes], rest: str) -> None:
        """Show the next quotation in place of this one."""
        self._bot.require_welcome(interaction)
        with self._bot.manners.question(interaction.guild_id, interaction.user.id):
            await interaction.response.defer()
            key, speaker, about = _parts(rest)
            about = clean(about)[:_LONGEST_ABOUT]
            guild = self._bot.guild_of(interaction.guild_id)
            found = await self._bot.library.quotes(about=about or None, guild=guild)
            found = _spoken(found, speaker) or found
            if not found:
                raise RefusalError("The corpus holds no quotation any more.")
            if about:
                keys = [embeds.quote_key(each) for each in found]
                following = keys.index(key) + 1 if key in keys else 0
                chosen = found[following % len(found)]
            else:
                chosen = self._at_random(interaction, found, key)
            await self._show(interaction, chosen, speaker, about)

    async def press_context(self, interaction: discord.Interaction[LinerNotes], rest: str) -> None:
        """Show the passage of a quotation, with the quotation marked."""
        self._bot.require_welcome(interaction)
        await defer(interaction, hidden=True)
        edition, quote = await self._looked_up(interaction, rest)
        passages = [each for each in edition.passages if each.document == quote.document]
        start = quote.spans[0][0]
        around = next((each for each in passages if each.start <= start < each.end), None)
        if around is None:
            raise RefusalError("That quotation stands in no passage.")
        embed = citations.passage(edition, around, len(passages), quote.spans, evidence=False)
        await show(interaction, embed)

    async def press_share(self, interaction: discord.Interaction[LinerNotes], rest: str) -> None:
        """Show a quotation to everybody, once."""
        self._bot.require_welcome(interaction)
        key, speaker, about = _parts(rest)
        with self._bot.manners.question(interaction.guild_id, interaction.user.id):
            edition, quote = await self._looked_up(interaction, rest)
            embed = embeds.quotation(edition, quote)
            # First the button goes: pressed twice, it is still shared once.
            await interaction.response.edit_message(view=self._buttons(key, speaker, about, shared=True))
            told = {name: value for name, value in shown(embed, plainly=False).items() if value is not None}
            await interaction.followup.send(**told, ephemeral=False)

    async def press_page(self, interaction: discord.Interaction[LinerNotes], rest: str) -> None:
        """Turn a page of the list."""
        self._bot.require_welcome(interaction)
        await interaction.response.defer()
        speaker, _, page = rest.partition(":")
        found = await self._bot.library.quotes(guild=self._bot.guild_of(interaction.guild_id))
        await self._show_page(interaction, _spoken(found, speaker), speaker, number(page) or 0)

    # --- Parts ---

    async def _looked_up(
        self, interaction: discord.Interaction[LinerNotes], rest: str
    ) -> tuple[Edition[Index], Quote]:
        key, _, _ = _parts(rest)
        edition = await self._bot.library.edition(self._bot.guild_of(interaction.guild_id))
        for quote in edition.quotes:
            if embeds.quote_key(quote) == key:
                return edition, quote
        raise RefusalError("The article has changed; that quotation is no longer in it.")

    async def _show(
        self, interaction: discord.Interaction[LinerNotes], quote: Quote, speaker: str, about: str
    ) -> None:
        edition = await self._bot.library.edition(self._bot.guild_of(interaction.guild_id))
        key = embeds.quote_key(quote)
        self._last[interaction.guild_id, interaction.user.id] = key
        if len(self._last) > _SHOWN:
            self._last.popitem(last=False)
        await show(interaction, embeds.quotation(edition, quote), self._buttons(key, speaker, about))

    async def _show_page(
        self, interaction: discord.Interaction[LinerNotes], found: Sequence[Quote], speaker: str, page: int
    ) -> None:
        edition = await self._bot.library.edition(self._bot.guild_of(interaction.guild_id))
        # Those without a speaker last; within one, in the order of the text.
        ordered = sorted(found, key=lambda each: (each.speaker is None, (each.speaker or "").casefold()))
        pages = pages_of(len(ordered), embeds.QUOTES_PER_PAGE)
        page = min(page, pages - 1)
        view = row(*pager("quotes", speaker, page, pages)) if pages > 1 else None
        await show(interaction, embeds.quotations(edition, ordered, page), view)

    def _at_random(
        self, interaction: discord.Interaction[LinerNotes], found: Sequence[Quote], key: str | None = None
    ) -> Quote:
        before = key or self._last.get((interaction.guild_id, interaction.user.id))
        others = [quote for quote in found if embeds.quote_key(quote) != before]
        return self._bot.chance.choice(others or found)

    async def _nothing(self, guild: int | None, speaker: str | None) -> str:
        """Say why there is no quotation, and who is quoted."""
        edition = await self._bot.library.edition(self._bot.guild_of(guild))
        names = dict.fromkeys(quote.speaker for quote in edition.quotes if quote.speaker)
        if not edition.quotes:
            return "The corpus holds no quotation."
        if speaker is None or not names:
            return "There is no such quotation."
        listed = ", ".join(fit(clean(name), 60) for name in list(names)[:8])
        more = "" if len(names) <= 8 else f" and {len(names) - 8} more"  # noqa: PLR2004  as many as above
        return f"There is no quotation by {fit(clean(speaker), 80)}. Quoted are {listed}{more}."

    @staticmethod
    def _buttons(key: str, speaker: str, about: str, *, shared: bool = False) -> discord.ui.View:
        rest = f"{key}:{speaker}:{about[:_LONGEST_ABOUT]}"
        buttons: list[Press] = [
            button("another", rest, label="Another"),
            button("context", rest, label="Context"),
            button("share", rest, label="Shared" if shared else "Share", disabled=shared),
        ]
        return row(*buttons)


def _parts(rest: str) -> tuple[str, str, str]:
    """Return a quotation's key, a speaker's, and a text, from a custom id."""
    key, _, more = rest.partition(":")
    speaker, _, about = more.partition(":")
    return key, speaker, about


def _key_of(speaker: str | None, found: Sequence[Quote]) -> str:
    """Name the speaker that somebody typed: the one found, or none where the name fits several."""
    speakers = {quote.speaker for quote in found if quote.speaker}
    return short_key(speakers.pop()) if speaker is not None and len(speakers) == 1 else _ANY


def _spoken(quotes: Sequence[Quote], speaker: str) -> tuple[Quote, ...]:
    """Return the quotations of the speaker with this key, or all of them."""
    if speaker == _ANY:
        return tuple(quotes)
    return tuple(each for each in quotes if each.speaker and short_key(each.speaker) == speaker)


def _choice(name: str) -> str:
    """Return a speaker's name as a choice: short enough, and still one that finds them."""
    short = clean(name)
    while len(short) > CHOICE and " " in short:
        short = short.rpartition(" ")[0]
    return short[:CHOICE]
