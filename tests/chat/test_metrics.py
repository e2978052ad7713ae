"""What Prometheus reads: every figure moves with what it counts, and none names anybody."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import ClientSession
from prometheus_client.parser import text_string_to_metric_families

from fakes import QUESTION
from linernotes.chat.frame import connection, health
from linernotes.chat.frame.manners import Limits, Rate

if TYPE_CHECKING:
    from collections.abc import Callable

    from world import World

BOARD = Path(__file__).parents[2] / "deploy" / "grafana-dashboard.json"


@pytest.fixture(autouse=True)
def _connected(monkeypatch: pytest.MonkeyPatch) -> None:
    """The simulated gateway has no heartbeats to look at; ``test_gateway`` holds what a lost one means."""
    monkeypatch.setattr(connection.Steady, "seconds_down", None)


async def scrape(port: int) -> dict[tuple[str, ...], float]:
    """Return every sample by its name and labels, as a scraper reads the page."""
    async with ClientSession() as asks, asks.get(f"http://127.0.0.1:{port}/metrics") as response:
        assert response.status == 200
        assert response.headers["Content-Type"].startswith("text/plain; version=")
        page = await response.text()
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }


async def test_questions_are_counted_by_outcome_and_timed(world: World, free_port: int) -> None:
    async with health.serve(world.bot, free_port):
        before = await scrape(free_port)
        assert before["linernotes_questions_total", "stated"] == 0
        await world.alice.send(world.channel, f"{world.me} {QUESTION}")
        world.doubt()
        await world.bob.send(world.channel, f"{world.me} {QUESTION}")
        world.silence()
        await world.bob.slash(world.channel, "ask", question=QUESTION)
        after = await scrape(free_port)
    assert [after["linernotes_questions_total", each] for each in ("stated", "near", "silent")] == [1, 1, 1]
    assert after["linernotes_reply_seconds_count",] == 3
    assert after["linernotes_reply_seconds_bucket", "+Inf"] == 3
    assert after["linernotes_reply_seconds_sum",] > 0


async def test_servers_editions_and_the_queue_are_looked_up(world: World, free_port: int) -> None:
    async with health.serve(world.bot, free_port):
        found = await scrape(free_port)
        assert found["linernotes_servers",] == 1
        assert found["linernotes_editions",] == 1
        assert found["linernotes_libraries",] == 0
        assert found["linernotes_questions_answering",] == 0
        assert found["linernotes_ready",] == 1
        waiting: dict[tuple[str, ...], float] = {}
        with world.bot.manners.question(None, 7):
            waiting |= await scrape(free_port)
        assert waiting["linernotes_questions_answering",] == 1
        assert waiting["linernotes_questions_unsent",] == 1


async def test_reloads_and_refusals_are_counted(worlds: Callable[..., Any], free_port: int) -> None:
    limits = Limits(person=Rate(1, 60.0))
    async with worlds(options={"limits": limits}) as world, health.serve(world.bot, free_port):
        await world.bot.reloaded(())
        for _ in range(3):
            await world.alice.send(world.channel, f"{world.me} {QUESTION}")
        found = await scrape(free_port)
    assert found["linernotes_reloads_total", "shared"] == 1
    assert found["linernotes_refused_total", "person"] == 2
    assert found["linernotes_refused_total", "crowded"] == 0


async def test_two_bots_in_a_process_do_not_count_together(
    world: World, worlds: Callable[..., Any], free_port: int
) -> None:
    """Each has a registry of its own: the global one would refuse a name that is there already."""
    async with health.serve(world.bot, free_port):
        pass
    async with health.serve(world.bot, free_port):
        assert (await scrape(free_port))["linernotes_questions_total", "stated"] == 0


async def test_no_figure_names_a_server_or_a_member(world: World, free_port: int) -> None:
    async with health.serve(world.bot, free_port):
        await world.alice.send(world.channel, f"{world.me} {QUESTION}")
        labels = {label for key in await scrape(free_port) for label in key[1:]}
    assert not labels & {str(world.guild.id), str(world.alice.id), "alice", "Listeners", QUESTION}


async def test_the_board_shows_figures_that_are_there(world: World, free_port: int) -> None:
    async with health.serve(world.bot, free_port):
        there = {key[0] for key in await scrape(free_port)}
    board = json.loads(BOARD.read_text(encoding="utf-8"))
    asked = {
        name
        for panel in board["panels"]
        for target in panel.get("targets", ())
        for name in re.findall(r"\b(?:linernotes|process)_\w+", target["expr"])
    }
    assert asked
    assert asked <= there | {"process_start_time_seconds"}
    assert {name for name in there if name.startswith("linernotes") and not name.endswith("_created")} <= {
        *asked,
        "linernotes_reply_seconds_sum",
        "linernotes_reply_seconds_count",
        "linernotes_disconnected_seconds",
    }
