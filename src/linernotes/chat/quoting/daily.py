"""The quote of the day: ``/corpus daily`` says where and when; none comes twice until all were shown.

What is set, the day that was last served and what was shown stand in the store, so that a restart repeats
nothing. Hours that were missed are made up once, however many they were. Quotations whose speaker the text
names are taken, and no others.
"""

from __future__ import annotations

import asyncio
import functools
import json
import zoneinfo
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Final

import discord
from discord import app_commands

from linernotes.chat.frame import logs
from linernotes.chat.frame.completion import CHOICES, complete
from linernotes.chat.frame.corpus_group import corpus_group
from linernotes.chat.frame.moderators import require_library
from linernotes.chat.frame.refusals import REFUSALS
from linernotes.chat.frame.responses import UNREACHABLE, defer, show, shown, told
from linernotes.chat.quoting import embeds
from linernotes.errors import RefusalError

if TYPE_CHECKING:
    from linernotes.chat.frame.bot import LinerNotes
    from linernotes.library.store import Work
    from linernotes.models import Edition, Quote
    from linernotes.retrieval.index import Index

_log = logs.get(__name__)

FACT: Final = "daily:"
"""How the name begins under which the store keeps a server's; the server's id follows."""

# Codes after which there is no such channel any more: nothing is tried there again.
_GONE: Final = frozenset((10003, 10004))


@dataclass(frozen=True, slots=True)
class Daily:
    """A server's quote of the day: the channel, the hour (0 to 23) and the time zone.

    ``served`` is the day that was served last, as ISO 8601 writes it. ``shown`` are the keys of the
    quotations that were shown since all were.
    """

    channel: int
    hour: int
    zone: str
    served: str
    shown: tuple[str, ...] = ()


def register(bot: LinerNotes) -> None:
    """Add the command."""
    days = Days(bot)
    bot.hooks.each_minute.append(days.look)
    bot.hooks.server_removed.append(days.drop)

    @corpus_group(bot).command(
        name="daily", description="A quotation each day, in a channel; without one, none"
    )
    @app_commands.describe(
        channel="Where; leave it out for no quotation any more",
        hour="At which hour of the day, from 0 to 23",
        zone="In which time zone, such as Europe/Berlin",
    )
    @told
    async def daily(
        interaction: discord.Interaction[LinerNotes],
        channel: discord.TextChannel | None = None,
        hour: app_commands.Range[int, 0, 23] = 9,
        zone: str = "UTC",
    ) -> None:
        await days.set(interaction, channel, hour, zone)

    complete(daily, "zone", days.zones)


class Days:
    """Knows which server wants a quotation when, and sends it."""

    def __init__(self, bot: LinerNotes) -> None:
        """Take the bot."""
        self._bot = bot
        self._store = bot.library.store
        self._sending = asyncio.Lock()
        self._dropping: asyncio.Task[None] | None = None

    async def set(
        self,
        interaction: discord.Interaction[LinerNotes],
        channel: discord.TextChannel | None,
        hour: int,
        zone: str,
    ) -> None:
        """Set where and when, or turn it off.

        Raises:
            RefusalError: there is no such time zone, or the bot may not write there.
        """
        bot = self._bot
        guild = require_library(bot, interaction)
        with bot.work(interaction):
            await defer(interaction, hidden=True)
            if channel is None:
                await self._forget(guild, self._note(interaction, "the quote of the day: off"))
                said = embeds.daily_off()
            else:
                known = _zone(zone)
                if known is None:
                    raise RefusalError("I know no such time zone; they are called like Europe/Berlin.")
                if channel.guild.id != guild:
                    raise RefusalError("That channel is not in this server.")
                may = channel.permissions_for(channel.guild.me)
                if not (may.view_channel and may.send_messages):
                    raise RefusalError(
                        f"I may not write in {channel.mention}; please let me, or choose another."
                    )
                before = await self._of(guild)
                now = self._store.clock()
                # The hour that has passed today is not made up for.
                made = Daily(channel.id, hour, str(known), _slot(now, hour, known).isoformat())
                made = made if before is None else replace(made, shown=before.shown)
                what = f"the quote of the day: channel {channel.id}, {hour}:00 {known}"
                await self._keep(guild, made, self._note(interaction, what))
                said = embeds.daily_set(channel.id, hour, str(known), self._next(made, now))
            _log.info("daily set", guild=guild, by=interaction.user.id)
            await show(interaction, said)

    def _note(self, interaction: discord.Interaction[LinerNotes], what: str) -> Work:
        catalogue = self._bot.library.curator.catalogue
        return catalogue.noting(interaction.guild_id or 0, interaction.user.id, what)

    async def zones(
        self, interaction: discord.Interaction[LinerNotes], current: str
    ) -> list[app_commands.Choice[str]]:
        """Return the time zones that fit what has been typed."""
        require_library(self._bot, interaction)
        wanted = current.strip().casefold().replace(" ", "_")
        found = [name for name in _zones() if wanted in name.casefold()]
        found.sort(key=lambda name: not name.rpartition("/")[2].casefold().startswith(wanted))
        return [app_commands.Choice(name=name, value=name) for name in found[:CHOICES]]

    async def look(self) -> None:
        """Send what is due."""
        async with self._sending:
            now = self._store.clock()
            for guild, daily in (await self._all()).items():
                zone = _zone(daily.zone)
                if zone is None or self._bot.get_guild(guild) is None:
                    continue
                slot = _slot(now, daily.hour, zone)
                if slot.isoformat() > daily.served:
                    await self._serve(guild, daily, slot)

    def drop(self, guild: int) -> None:
        """Forget what a server has set that has been removed from the store."""
        self._dropping = asyncio.ensure_future(self._forget(guild))

    # --- Parts ---

    async def _serve(self, guild: int, daily: Daily, slot: date) -> None:
        edition = await self._bot.library.edition(guild)
        quote, begun_again = self._choose(edition, daily.shown)
        if quote is None:
            return
        shown_before = () if begun_again else daily.shown
        after = replace(daily, served=slot.isoformat(), shown=(*shown_before, embeds.quote_key(quote)))
        # Written down first: whatever happens while it is sent, it is not sent twice.
        await self._keep(guild, after)
        if not await self._send(guild, daily, edition, quote):
            await self._keep(guild, daily)

    def _choose(self, edition: Edition[Index], shown_before: tuple[str, ...]) -> tuple[Quote | None, bool]:
        """Return a quotation that was not shown, and whether all were, so that it begins again."""
        proven = [quote for quote in edition.quotes if quote.speaker]
        left = [quote for quote in proven if embeds.quote_key(quote) not in shown_before]
        if not proven:
            return None, False
        if left:
            return self._bot.chance.choice(left), False
        # Not the last one again, where there are others.
        others = [quote for quote in proven if embeds.quote_key(quote) != shown_before[-1]]
        return self._bot.chance.choice(others or proven), True

    async def _send(self, guild: int, daily: Daily, edition: Edition[Index], quote: Quote) -> bool:
        """Send a quotation; return ``False`` where it is to be tried again."""
        server = self._bot.get_guild(guild)
        channel = None if server is None else server.get_channel(daily.channel)
        if server is None or not isinstance(channel, discord.TextChannel):
            await self._forget(guild)
            _log.warning("daily turned off: the channel has gone", guild=guild, channel=daily.channel)
            return True
        plainly = not channel.permissions_for(server.me).embed_links
        embed = embeds.daily(edition, quote)
        content = {name: value for name, value in shown(embed, plainly=plainly).items() if value is not None}
        try:
            # The nonce makes it one message, however often the request is repeated.
            await channel.send(**content, nonce=f"daily{guild % 10**8}{daily.served.replace('-', '')}"[:25])
        except discord.HTTPException as error:
            refusal = REFUSALS.get(error.code)
            means = None if refusal is None else refusal.means
            _log.warning("daily not sent", guild=guild, channel=daily.channel, code=error.code, means=means)
            if error.code in _GONE:
                await self._forget(guild)
        except UNREACHABLE as error:
            _log.warning("daily not sent", guild=guild, channel=daily.channel, reason=type(error).__name__)
            return False
        return True

    @staticmethod
    def _next(daily: Daily, now: float) -> float:
        """Return when the next quotation is due, in seconds since 1970."""
        zone = zoneinfo.ZoneInfo(daily.zone)
        day = date.fromisoformat(daily.served)
        due = now
        while due <= now:
            day += timedelta(days=1)
            due = datetime(day.year, day.month, day.day, daily.hour, tzinfo=zone).timestamp()
        return due

    async def _all(self) -> dict[int, Daily]:
        found = await self._store.facts(FACT)
        read = {int(name.removeprefix(FACT)): _read(value) for name, value in found.items()}
        return {guild: daily for guild, daily in read.items() if daily is not None}

    async def _of(self, guild: int) -> Daily | None:
        kept = await self._store.fact(f"{FACT}{guild}")
        return None if kept is None else _read(kept)

    async def _keep(self, guild: int, daily: Daily, *also: Work) -> None:
        await self._store.note(f"{FACT}{guild}", json.dumps(asdict(daily)), *also, lasting=True)

    async def _forget(self, guild: int, *also: Work) -> None:
        await self._store.drop_fact(f"{FACT}{guild}", *also)


def _slot(now: float, hour: int, zone: tzinfo) -> date:
    """Return the day whose hour has come last."""
    local = datetime.fromtimestamp(now, zone)
    return local.date() if local.hour >= hour else local.date() - timedelta(days=1)


def _zone(name: str) -> zoneinfo.ZoneInfo | None:
    return zoneinfo.ZoneInfo(name) if name in _zones() else None


@functools.cache
def _zones() -> tuple[str, ...]:
    """Return the names of the time zones, in order, without those that are kept for old programs."""
    return tuple(sorted(name for name in zoneinfo.available_timezones() if "/" in name or name == "UTC"))


def _read(value: str) -> Daily | None:
    """Return what was kept; ``None`` for what is damaged."""
    try:
        kept = json.loads(value)
        found = Daily(
            int(kept["channel"]),
            int(kept["hour"]),
            str(kept["zone"]),
            date.fromisoformat(kept["served"]).isoformat(),
            tuple(map(str, kept["shown"])),
        )
    except (ValueError, TypeError, KeyError) as error:
        _log.warning("daily damaged", reason=type(error).__name__)
        return None
    return found
