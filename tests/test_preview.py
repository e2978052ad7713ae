"""The preview: the real bot in a simulated Discord, on this machine alone."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from fakes import QUESTION, FakeEmbedder, write_corpus
from linernotes.errors import ConfigurationError
from linernotes.preview import serve, simulation
from linernotes.settings import Settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

ROOT = Path(__file__).parents[1]
# Milliseconds, on a machine that has other things to do.
PATIENCE = 180_000
CHROMIUM = "/usr/bin/chromium"
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    " --disable-component-update --disable-sync"
).split()


def settings(folder: Path) -> Settings:
    return Settings(corpus_dir=write_corpus(folder / "corpus"), data_dir=folder / "data")


@asynccontextmanager
async def shown(folder: Path, **options: Any) -> AsyncIterator[Any]:
    async with serve(settings(folder), embedder=FakeEmbedder(), **options) as made:
        yield made


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("@Liner Notes who?", "<@7> who?"),
        ("  @liner notes, who?", "<@7>, who?"),
        ("@Liner Notes", "<@7>"),
        ("who is @Liner Notes?", "who is @Liner Notes?"),
        ("@Liner Notesy who?", "@Liner Notesy who?"),
        ("", ""),
    ],
)
def test_the_bots_name_at_the_start_of_a_message_is_a_mention(written: str, sent: str) -> None:
    assert simulation.mentioning(written, "Liner Notes", 7) == sent


async def test_a_question_with_the_bots_name_is_answered_and_its_button_works(tmp_path: Path) -> None:
    async with shown(tmp_path) as page:
        preview = page._preview
        ada = preview.viewers[0]
        await ada.send(preview.channel, f"@Liner Notes {QUESTION}")
        answer = preview.channel.last_message
        assert "Ada Stone" in answer.embeds[0].description.replace("**", "")
        pressed = await ada.click(answer, label="Passage")
        assert pressed.ephemeral
        assert "Ada Stone" in pressed.response.embeds[0].description


async def test_there_are_two_members_and_a_moderator_and_only_she_sees_corpus(tmp_path: Path) -> None:
    async with shown(tmp_path) as page:
        preview = page._preview
        ada, ben, moderator = preview.viewers
        for member in (ada, ben):
            seen = member.available_commands(preview.channel)
            assert "ask" in seen
            assert not [each for each in seen if each.startswith("corpus")]
        assert "corpus status" in moderator.available_commands(preview.channel)


async def test_time_goes_on_by_itself(tmp_path: Path) -> None:
    """Ids and buttons tell the time of the machine, and it moves between what is done on the page."""
    async with shown(tmp_path) as page:
        env = page._preview.env
        first = env.now()
        assert abs(first.timestamp() - time.time()) < 60
        for _ in range(100):
            await asyncio.sleep(0.05)
            if env.now() > first:
                break
        assert (env.now() - first).total_seconds() >= 0.9


async def test_it_listens_on_this_machine_alone_and_turns_away_who_lacks_the_address(tmp_path: Path) -> None:
    async with shown(tmp_path) as page, aiohttp.ClientSession() as client:
        address, _, capability = page.url.partition("#")
        assert address.startswith("http://127.0.0.1:")
        assert capability
        listening = page._preview._server.site._server.sockets
        assert [each.getsockname()[0] for each in listening] == ["127.0.0.1"]
        async with client.post(f"{address}api/pages", json={}) as answer:
            assert answer.status in {401, 403}


async def test_the_data_folder_is_left_alone(tmp_path: Path) -> None:
    async with shown(tmp_path):
        pass
    assert not (tmp_path / "data").exists()


async def test_a_port_that_is_taken_is_said_in_a_sentence(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError, match=f"Port {port} cannot be used"):
            async with shown(tmp_path, port=port):
                pass


async def test_without_its_extra_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "linkify_it", None)
    with pytest.raises(ConfigurationError, match="make preview"):
        async with shown(tmp_path):
            pass


async def test_a_simcord_that_has_changed_is_said_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from simcord.preview import Preview

    monkeypatch.setattr(Preview, "_action", None)
    with pytest.raises(ConfigurationError, match="SimCord"):
        async with shown(tmp_path):
            pass


# --- In a browser -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Return the address that ``bot.py preview`` prints, with the real model and the real article."""
    names = {name.upper() for name in Settings.model_fields}
    env = {name: value for name, value in os.environ.items() if name.upper() not in names}
    with subprocess.Popen(  # noqa: S603  our own words
        [sys.executable, str(ROOT / "bot.py"), "preview", "--no-browser"],
        cwd=ROOT,
        env=env,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    ) as running:
        assert running.stdout is not None
        yield running.stdout.readline().strip()
        running.send_signal(signal.SIGTERM)
        assert running.wait(30) == 0


@pytest.mark.slow
@pytest.mark.browser
async def test_in_chromium_a_question_is_answered_and_passage_changes_what_is_seen(address: str) -> None:
    from playwright.async_api import async_playwright

    async with async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = await browser.new_page(viewport={"width": 1100, "height": 900})
        page.set_default_timeout(PATIENCE)
        await page.goto(address)
        composer = page.locator("#channel-composer-input")
        await composer.fill("@Liner Notes Who was the first person to die in the American Revolution?")
        await page.locator("#send-message").click()
        messages = page.locator("#channel-message-list")
        await messages.get_by_text("Crispus Attucks").first.wait_for(timeout=PATIENCE)
        around = messages.get_by_text("There is poetry in this")
        assert await around.count() == 0
        await messages.get_by_role("button", name="Passage").click()
        await around.wait_for(timeout=PATIENCE)
        await page.locator("#viewer-picker").select_option(label="Mo (moderator)")
        await messages.get_by_text("Crispus Attucks").first.wait_for(timeout=PATIENCE)
        # The page may show what it showed before for a moment; what only Ada can see must go.
        await around.wait_for(state="detached", timeout=PATIENCE)
        await composer.click()
        await page.keyboard.type("/corpus st")
        await page.get_by_text("corpus status").first.wait_for(timeout=PATIENCE)
        await browser.close()
