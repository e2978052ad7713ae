"""What is said about quotations: one of them, or a page of the list."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import discord

from linernotes.chat.frame.citations import attribution, source_line, title
from linernotes.chat.frame.embeds import COLOUR, FOOTER, pages_of, short_key, when
from linernotes.chat.frame.markup import clean, fit, quoted_line, trim
from linernotes.words import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from linernotes.models import Edition, Quote
    from linernotes.retrieval.index import Index

QUOTES_PER_PAGE: Final = 5

# Much less than an embed holds, so that speaker and source line always have room.
_QUOTATION: Final = 2_400


def quotation(edition: Edition[Index], quote: Quote) -> discord.Embed:
    """Show a quotation as a block, who said it and where below it, and the source in small."""
    text = quoted_line(fit(clean(quote.text), _QUOTATION))
    embed = discord.Embed(description=f"{text}\n— {attribution(quote)}", colour=COLOUR)
    return embed.set_footer(text=trim(source_line(edition, quote.document), FOOTER))


def daily(edition: Edition[Index], quote: Quote) -> discord.Embed:
    """Show a quotation as that of the day."""
    embed = quotation(edition, quote)
    embed.title = "Quote of the day"
    return embed


def daily_set(channel: int, hour: int, zone: str, due: float) -> discord.Embed:
    """Say where and when there will be a quotation each day."""
    return discord.Embed(
        description=(
            f"Each day at {hour}:00 ({zone}) there will be a quotation in <#{channel}>, the next one"
            f" {when(due)}. None comes twice until all have been shown."
            "\n-# `/corpus daily` without a channel turns it off."
        ),
        colour=COLOUR,
    )


def daily_off() -> discord.Embed:
    """Say that there will be no quotation of the day."""
    return discord.Embed(description="There is no quotation of the day in this server.", colour=COLOUR)


def quotations(edition: Edition[Index], quotes: Sequence[Quote], page: int) -> discord.Embed:
    """List quotations, a page of them."""
    pages = pages_of(len(quotes), QUOTES_PER_PAGE)
    page = min(max(page, 0), pages - 1)
    first = page * QUOTES_PER_PAGE
    several = len(edition.documents) > 1
    entries = [
        f"{quoted_line(fit(clean(quote.text), 480))}\n— {attribution(quote)}"
        + (f" · {title(edition, quote.document, 80, by=False, link=False)}" if several else "")
        for quote in quotes[first : first + QUOTES_PER_PAGE]
    ]
    embed = discord.Embed(title="Quotations", description="\n\n".join(entries) or "There are none.")
    embed.colour = discord.Colour(COLOUR)
    if pages > 1:
        embed.set_footer(text=f"Page {page + 1} of {pages}, {counted(len(quotes), 'quotation')}")
    return embed


def quote_key(quote: Quote) -> str:
    """Name a quotation in a button: digits that stay the same as long as the text does."""
    return short_key(quote.document, str(quote.spans), quote.text)
