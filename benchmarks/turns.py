"""How long a small file waits while another server's huge one is built, and how soon *Cancel* ends that.

::

    python benchmarks/turns.py [--sentences 12000]
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path

from linernotes.errors import RefusalError
from linernotes.library import Library
from linernotes.library.changes import Add
from linernotes.settings import Settings

SMALL = "The ferry was painted red by Ida Holm in {}. It sank in 1902 with Captain Drake on board."


async def small(library: Library, guild: int) -> float:
    """Return how many seconds a preview of a small file takes."""
    begun = time.perf_counter()
    await library.curator.preview(guild, 1, Add("small.md", SMALL.format(guild).encode()))
    return time.perf_counter() - begun


async def main(sentences: int) -> None:
    """Print the figures."""
    with tempfile.TemporaryDirectory() as folder:
        corpus = Path(folder) / "corpus"
        corpus.mkdir()
        (corpus / "harbour.md").write_text("The harbour was built by Ada Stone in 1871.\n", encoding="utf-8")
        settings = Settings(corpus_dir=corpus, data_dir=Path(folder) / "data")
        async with Library.open(settings) as library:
            await small(library, 100)
            alone = sorted([await small(library, 101 + n) for n in range(5)])
            print(f"a small file, alone: {alone[2]:.2f} s (median of 5)")
            text = "\n\n".join(
                f"In the year {n} the boat number {n} was built by Ada Stone of the harbour, who sold it to"
                f" the lighthouse for {n * 7} crowns and never spoke of it again. It took {n % 12} months."
                for n in range(sentences)
            )
            started = asyncio.Event()
            loop = asyncio.get_running_loop()
            huge = asyncio.create_task(
                library.curator.preview(
                    1,
                    1,
                    Add("huge.md", text.encode()),
                    lambda *_: loop.call_soon_threadsafe(started.set),
                )
            )
            await started.wait()
            await asyncio.sleep(5)
            beside = sorted([await small(library, 201 + n) for n in range(5)])
            print(
                f"a small file, beside one of {len(text):,} bytes: {beside[2]:.2f} s (most: {beside[-1]:.2f})"
            )
            if huge.done():
                sys.exit("The huge file was ready before; give more sentences.")
            begun = time.perf_counter()
            huge.cancel()
            await asyncio.gather(huge, return_exceptions=True)
            await small(library, 1)
            print(
                f"cancelled, and the same server's next preview is there: {time.perf_counter() - begun:.2f} s"
            )
            headings = "".join(f"# H {n}\n\nA b.\n\n" for n in range(80_000)).encode()
            begun = time.perf_counter()
            refusing = asyncio.create_task(library.curator.preview(2, 1, Add("headings.md", headings)))
            await asyncio.sleep(1)
            waits: list[float] = []
            while not refusing.done():
                waits.append(await small(library, 300 + len(waits)))
            try:
                await refusing
            except RefusalError as error:
                print(f"refused after {time.perf_counter() - begun:.1f} s: {error}")
            print(
                f"meanwhile, {len(waits)} previews of small files took {max(waits, default=0):.2f} s at most"
            )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sentences", type=int, default=8_000)
    asyncio.run(main(parser.parse_args().sentences))
