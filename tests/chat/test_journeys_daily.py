"""The quote of the day, and what a server reads when the bot joins it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import discord
import pytest
from test_journeys_commands import refusal_of, response_of
from test_journeys_corpus import Elsewhere, let_through
from test_journeys_overseeing import acts
from world import text_of

from linernotes.chat.quoting.daily import Daily, _slot

if TYPE_CHECKING:
    from collections.abc import Callable

    from world import World

HOUR, DAY = 3600, 24 * 3600
SAID = "".join(f"Ada Stone said, “The wall of number {n} held the sea for us all.”\n\n" for n in "123")
CORPUS = {"harbour": f"# Harbour\n\n{SAID}"}


def at(world: World, hour: int) -> None:
    """Go on to the next time at which it is this hour (UTC)."""
    now = datetime.fromtimestamp(world.clock.now, UTC)
    world.clock.now += ((hour - now.hour) % 24) * HOUR - now.minute * 60


async def look(world: World) -> None:
    """Let a minute pass."""
    for each in world.bot.hooks.each_minute:
        await each()
    await world.env.settle()


async def set_daily(world: World, channel: Any = None, **options: Any) -> str:
    """Set the quote of the day as the moderator, and return what is said."""
    given = {"channel": channel or world.channel, "hour": 9, "zone": "UTC"} | options
    return text_of(response_of(await world.mod.slash(world.channel, "corpus daily", **given)))


def days(world: World) -> list[str]:
    """Return the quotations of the day that the channel has seen."""
    return [text_of(each) for each in world.answers if "Quote of the day" in text_of(each)]


async def test_a_quotation_comes_each_day_and_none_twice_until_all_were(worlds: Callable[..., Any]) -> None:
    async with worlds(corpus=CORPUS) as world:
        at(world, 8)
        assert "Each day at 9:00 (UTC)" in await set_daily(world)
        await look(world)
        assert days(world) == []
        for _ in range(6):
            at(world, 9)
            await look(world)
            await look(world)
            world.clock.now += HOUR
        seen = days(world)
        assert len(seen) == 6
        assert len(set(seen[:3])) == len(set(seen[3:])) == 3
        assert seen[2] != seen[3]
        assert (await acts(world))[0].startswith("the quote of the day: channel")


async def test_a_restart_repeats_nothing_and_missed_days_are_made_up_once(worlds: Callable[..., Any]) -> None:
    async with worlds(corpus=CORPUS) as world:
        at(world, 8)
        await set_daily(world)
        at(world, 9)
        await look(world)
        await world.restart()
        await look(world)
        assert len(days(world)) == 1
        world.clock.now += 3 * DAY
        await look(world)
        await look(world)
        assert len(days(world)) == 2
        assert len(set(days(world))) == 2


async def test_the_hour_that_has_passed_is_not_made_up_for_when_it_is_set(worlds: Callable[..., Any]) -> None:
    async with worlds(corpus=CORPUS) as world:
        at(world, 12)
        await set_daily(world)
        await look(world)
        assert days(world) == []


async def test_it_is_turned_off(worlds: Callable[..., Any]) -> None:
    async with worlds(corpus=CORPUS) as world:
        at(world, 8)
        await set_daily(world)
        shown = text_of(response_of(await world.mod.slash(world.channel, "corpus daily")))
        assert "no quotation of the day" in shown
        at(world, 9)
        await look(world)
        assert days(world) == []
        assert (await acts(world))[0] == "the quote of the day: off"


async def test_without_a_quotation_whose_speaker_is_known_nothing_is_sent(worlds: Callable[..., Any]) -> None:
    async with worlds(
        corpus={"harbour": "# Harbour\n\nThe harbour was built by Ada Stone in 1871.\n"}
    ) as world:
        at(world, 8)
        await set_daily(world)
        at(world, 9)
        await look(world)
        assert days(world) == []


async def test_a_channel_that_has_gone_turns_it_off(worlds: Callable[..., Any]) -> None:
    async with worlds(corpus=CORPUS) as world:
        at(world, 8)
        other = world.guild.create_text_channel("quotes")
        await set_daily(world, other)
        world.env.backend.delete_channel(other.id)
        await world.env.settle()
        at(world, 9)
        await look(world)
        assert await world.bot.store.facts("daily:") == {}


async def test_what_is_no_time_zone_is_refused(world: World) -> None:
    for zone in ("Nowhere/Land", "", "../etc/passwd", "Europe/berlin "):
        result = await world.mod.slash(world.channel, "corpus daily", channel=world.channel, zone=zone)
        assert "no such time zone" in refusal_of(result), zone


async def test_time_zones_are_offered_by_their_city(world: World) -> None:
    offered = await world.mod.autocomplete(world.channel, "corpus daily", "zone", "berl")
    assert [each["value"] for each in offered] == ["Europe/Berlin"]


async def test_members_and_other_servers_cannot_set_it(world: World) -> None:
    let_through(world, world.alice)
    result = await world.alice.slash(world.channel, "corpus daily", channel=world.channel)
    assert "for moderators" in refusal_of(result)
    other = Elsewhere(world)
    await other.mod.slash(other.channel, "corpus daily", channel=other.channel)
    assert list(await world.bot.store.facts("daily:")) == [f"daily:{other.guild.id}"]


@pytest.mark.parametrize(
    ("moment", "hour", "zone", "day"),
    [
        ("2026-03-29T00:30", 2, "Europe/Berlin", "2026-03-28"),
        # The hour from two to three is left out that night.
        ("2026-03-29T01:10", 2, "Europe/Berlin", "2026-03-29"),
        # The same hour comes twice that night, on one day.
        ("2026-10-25T00:30", 2, "Europe/Berlin", "2026-10-25"),
        ("2026-10-25T01:30", 2, "Europe/Berlin", "2026-10-25"),
        ("2026-01-01T03:00", 22, "America/New_York", "2025-12-31"),
    ],
)
def test_the_day_whose_hour_has_come_last(moment: str, hour: int, zone: str, day: str) -> None:
    from zoneinfo import ZoneInfo

    now = datetime.fromisoformat(f"{moment}+00:00").timestamp()
    assert _slot(now, hour, ZoneInfo(zone)).isoformat() == day


async def test_what_is_kept_of_it_and_damaged_is_nothing(worlds: Callable[..., Any]) -> None:
    async with worlds(corpus=CORPUS) as world:
        await world.bot.store.note(f"daily:{world.guild.id}", '{"channel": "x"}')
        at(world, 9)
        await look(world)
        assert days(world) == []
        assert Daily(1, 2, "UTC", "2026-01-01").shown == ()


# --- Joining ----------------------------------------------------------------------------------------------


async def join(world: World, guild: Any = None) -> None:
    """Let the bot hear that it has joined a server."""
    found = world.bot.get_guild((guild or world.guild).id)
    assert found is not None
    for listener in world.bot.extra_events["on_guild_join"]:
        await listener(found)
    await world.env.settle()


async def test_a_server_is_greeted_once_with_what_to_ask_and_how_to_give_it_an_article(world: World) -> None:
    await join(world)
    (greeting,) = map(text_of, world.answers)
    assert "Hello! I am Liner Notes" in greeting
    assert "You could ask\n• What" in greeting
    assert "/corpus add" in greeting
    await join(world)
    await world.restart()
    await join(world)
    assert len(world.answers) == 1


async def test_where_it_may_not_write_the_next_channel_is_taken(world: World) -> None:
    guild = world.env.create_guild("Quiet")
    closed = guild.create_text_channel(
        "rules", overwrites={guild.default_role: discord.PermissionOverwrite(send_messages=False)}
    )
    other = guild.create_text_channel("welcome")
    await join(world, guild)
    assert [len(world.said(each)) for each in (closed, other)] == [0, 1]


async def test_a_refusal_of_discords_leaves_the_server_without_a_greeting(world: World) -> None:
    world.env.inject_error("POST", "/channels/*/messages", status=403, code=50013, message="No")
    await join(world)
    assert world.answers == []
