"""Makes the pictures in docs/images/ from the code as it is: exchanges in Discord's look, and the terminal.

Those of Discord are SimCord's page with the real bot behind it (``linernotes.preview``), photographed in
Chromium: one exchange for the README, and those of ``exchanges.py``, each article's below each other. The
terminal's is what it prints, exported by rich as SVG and photographed the same way. Look at them before you
commit them.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import itertools
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image
from playwright.async_api import async_playwright
from rich.console import Console
from rich.text import Text

from exchanges import EXCHANGES
from linernotes.preview import serve
from linernotes.settings import Settings

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "docs" / "images"
CHROMIUM = "/usr/bin/chromium"
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    " --disable-component-update --disable-sync"
).split()
ASKED = (
    "Who was the first person to die in the American Revolution?",
    "What is the capital of France?",
)
PIPED = (*ASKED, "What did Killer Mike say to GQ?")
WIDTH = 820
# So high that nothing of the conversation is scrolled away.
HEIGHT = 1_500
# Milliseconds, on a machine that has other things to do.
PATIENCE = 180_000


async def main() -> None:
    """Make the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=IMAGES)
    out = parser.parse_args().out
    settings = Settings(corpus_dir=ROOT / "corpus")
    async with async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = await browser.new_page(
            viewport={"width": WIDTH + 280, "height": HEIGHT}, device_scale_factor=1.5
        )
        page.set_default_timeout(PATIENCE)
        async with serve(settings) as shown:
            await photograph_discord(page, shown.url, out / "discord.png")
        page = await browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, device_scale_factor=1.5)
        await photograph_terminal(page, out / "terminal.png")
        await photograph_exchanges(browser, out / "exchanges-now.png")
        await browser.close()


async def photograph_discord(page: Page, url: str, to: Path) -> None:
    """Ask in the preview, open the passage, and keep the conversation without what is around it."""
    await page.goto(url)
    messages = page.locator("#channel-message-list")
    for number, question in enumerate(ASKED):
        await page.locator("#channel-composer-input").fill(f"@Liner Notes {question}")
        await page.locator("#send-message").click()
        answers = page.locator("#channel-message-list").get_by_text("APP", exact=True)
        await answers.nth(number).wait_for(timeout=PATIENCE)
    await messages.get_by_role("button", name="Passage").first.click()
    await messages.get_by_text("There is poetry in this").wait_for(timeout=PATIENCE)
    await page.mouse.move(0, 0)
    await asyncio.sleep(1)
    keep(await messages.screenshot(), to)


async def photograph_exchanges(browser: Browser, to: Path) -> None:
    """Ask what ``exchanges.py`` asks alone; the first articles' exchanges stand on the left."""
    pictures: list[Any] = []
    asked = [each for each in EXCHANGES if len(each.questions) == 1]
    for articles, group in itertools.groupby(asked, key=lambda each: each.articles):
        with tempfile.TemporaryDirectory() as folder:
            for article in articles:
                shutil.copy(article, folder)
            page = await browser.new_page(viewport={"width": 780, "height": 2_400})
            page.set_default_timeout(PATIENCE)
            async with serve(Settings(corpus_dir=Path(folder))) as shown:
                await page.goto(shown.url)
                messages = page.locator("#channel-message-list")
                for number, exchange in enumerate(group):
                    question = f"@Liner Notes {exchange.questions[0]}"
                    await page.locator("#channel-composer-input").fill(question)
                    await page.locator("#send-message").click()
                    answers = messages.get_by_text("APP", exact=True)
                    await answers.nth(number).wait_for(timeout=PATIENCE)
                await page.mouse.move(0, 0)
                await asyncio.sleep(1)
                pictures.append(Image.open(io.BytesIO(await messages.screenshot())).convert("RGB"))
            await page.close()
    height = max(pictures[0].height, sum(each.height for each in pictures[1:]))
    whole = Image.new("RGB", (2 * pictures[0].width, height), pictures[0].getpixel((0, 0)))
    whole.paste(pictures[0], (0, 0))
    below = 0
    for each in pictures[1:]:
        whole.paste(each, (pictures[0].width, below))
        below += each.height
    data = io.BytesIO()
    whole.save(data, "PNG")
    keep(data.getvalue(), to)


async def photograph_terminal(page: Page, to: Path) -> None:
    """Let the command line answer questions from a pipe, and show what it printed as a terminal would."""
    console = Console(width=84, record=True, file=io.StringIO(), highlight=False)
    console.print(Text("$ cat questions.txt", style="bold green"))
    for question in PIPED:
        console.print(Text(question))
    console.print(Text("$ make run < questions.txt", style="bold green"))
    with tempfile.TemporaryDirectory() as folder:
        bot = await asyncio.create_subprocess_exec(
            sys.executable,
            str(ROOT / "bot.py"),
            cwd=ROOT,
            env={"DATA_DIR": folder, "PATH": "/usr/bin:/bin", "PYTHONPATH": ":".join(filter(None, sys.path))},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        printed, _ = await bot.communicate("\n".join(PIPED).encode())
    for line in printed.decode().splitlines():
        console.print(Text(line))
    svg = console.export_svg(title="Liner Notes")
    await page.set_content(f"<body style='margin:0;background:#fff'>{svg}</body>")
    keep(await page.locator("svg").screenshot(), to)


def keep(png: bytes, to: Path) -> None:
    """Write a picture in 64 colours: text needs no more, and a repository keeps every version."""
    to.parent.mkdir(parents=True, exist_ok=True)
    picture: Any = Image.open(io.BytesIO(png)).convert("RGB")
    picture.quantize(64, dither=Image.Dither.NONE).save(to, optimize=True)
    sys.stderr.write(f"{to}: {to.stat().st_size // 1_000} KB\n")


if __name__ == "__main__":
    asyncio.run(main())
