"""Builds take turns, can be stopped, and a file makes so many passages at most."""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from fakes import FakeEmbedder, write_corpus
from linernotes.errors import ClosedError, RefusalError
from linernotes.library import Library, builder, turns
from linernotes.library.changes import Add
from linernotes.library.turns import Build, Turns
from linernotes.settings import Settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from linernotes.models import Embedding

SENTENCES = 300
HUGE = "\n\n".join(f"The boat number {n} was built by Ada Stone in the year {n}." for n in range(SENTENCES))
SMALL = b"The ferry was painted red by Ida Holm."


class Slow(FakeEmbedder):
    """Takes some time, as a model does, so that a huge file is still being embedded when others come."""

    def embed(self, texts: Sequence[str]) -> list[Embedding]:
        time.sleep(0.012)
        return super().embed(texts)


@pytest.fixture(autouse=True)
def _short_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "TURN_SECONDS", 0.01)
    monkeypatch.setattr(builder, "LARGE_CHARS", 8_000)


@asynccontextmanager
async def opened(folder: Path, **settings: Any) -> AsyncIterator[tuple[Library, Slow]]:
    made = Settings(corpus_dir=write_corpus(folder / "corpus"), data_dir=folder / "data", **settings)
    embedder = Slow()
    async with Library.open(made, embedder=embedder) as library:
        yield library, embedder


def previewing(library: Library, guild: int, data: bytes) -> asyncio.Task[Any]:
    return asyncio.create_task(library.curator.preview(guild, 9, Add("own.md", data)))


async def begun(embedder: Slow, task: asyncio.Task[Any]) -> None:
    """Wait until a huge file is being embedded."""
    while sum("boat number" in text for text in list(embedder.texts)) < 64:
        assert not task.done()
        await asyncio.sleep(0.002)


# --- Turns ------------------------------------------------------------------------------------------------


async def test_a_huge_build_does_not_hold_that_of_another_server(tmp_path: Path) -> None:
    async with opened(tmp_path) as (library, embedder):
        huge = previewing(library, 1, HUGE.encode())
        await begun(embedder, huge)
        for guild in (2, 3):
            await previewing(library, guild, SMALL)
            assert not huge.done()
        await huge


async def test_huge_builds_do_not_hold_small_ones_however_many_there_are(tmp_path: Path) -> None:
    async with opened(tmp_path) as (library, embedder):
        huge = [previewing(library, guild, b"%d. " % guild + HUGE.encode()) for guild in range(1, 6)]
        await begun(embedder, huge[0])
        await previewing(library, 9, SMALL)
        assert not any(each.done() for each in huge)
        # Each holds much in memory: two at a time, and the others have not begun.
        assert len({text[0] for text in embedder.texts if "boat number 0 " in text} & {*"12345"}) <= 2
        for each in huge:
            each.cancel()
        await asyncio.gather(*huge, return_exceptions=True)


async def test_apply_does_not_wait_for_the_build_of_another_server(tmp_path: Path) -> None:
    async with opened(tmp_path) as (library, embedder):
        preview = await previewing(library, 2, SMALL)
        huge = previewing(library, 1, HUGE.encode())
        await begun(embedder, huge)
        await library.curator.apply(2, 9, preview.id)
        await library.curator.tidy()
        assert not huge.done()
        # What was embedded of it before the tidying is there still.
        assert (await huge).after.documents


async def test_two_servers_that_add_the_same_file_at_once_embed_it_once(tmp_path: Path) -> None:
    async with opened(tmp_path) as (library, embedder):
        await asyncio.gather(*(previewing(library, guild, HUGE.encode()) for guild in (1, 2)))
        assert len(embedder.texts) == len(set(embedder.texts))


async def test_who_waits_for_a_build_that_is_stopped_goes_on_by_itself(tmp_path: Path) -> None:
    async with opened(tmp_path) as (library, embedder):
        first = previewing(library, 1, HUGE.encode())
        await begun(embedder, first)
        second = previewing(library, 2, HUGE.encode())
        await asyncio.sleep(0.05)
        first.cancel()
        assert (await second).after.documents


def test_each_goes_on_for_a_moment_and_then_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "TURN_SECONDS", 0.0)
    shared, order, together = Turns(), [], threading.Barrier(3)

    def work(name: str) -> None:
        together.wait()
        with shared.taking(Build()):
            # Until all have come: who comes first must not be done before the others begin.
            while len(shared._waiting) < 2 and len(set(order)) < 3:
                time.sleep(0.001)
            for _ in range(20):
                order.append(name)
                shared.pause()

    threads = [threading.Thread(target=work, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(order) == sorted("abc" * 20)
    assert max(len(list(run)) for _, run in itertools.groupby(order)) == 1


def test_one_that_fails_passes_its_turn_on() -> None:
    shared = Turns()
    with pytest.raises(ZeroDivisionError), shared.taking(Build()):
        raise ZeroDivisionError
    with shared.taking(Build()):
        shared.pause()


# --- Stopping ---------------------------------------------------------------------------------------------


async def test_a_build_that_is_cancelled_ends_soon_and_leaves_nothing_behind(tmp_path: Path) -> None:
    async with opened(tmp_path) as (library, embedder):
        kept = {path.name for path in (tmp_path / "data").rglob("*")}
        huge = previewing(library, 1, HUGE.encode())
        await begun(embedder, huge)
        huge.cancel()
        with pytest.raises(asyncio.CancelledError):
            await huge
        # Nobody is at it any more: the same server may begin anew, and that is all that is built then.
        await previewing(library, 1, SMALL)
        embedded = len(embedder.texts)
        await previewing(library, 2, b"The gulls were counted by Emma Fisk.")
        assert len(embedder.texts) < embedded + 8
        assert embedded < SENTENCES
        assert await library.curator.catalogue.audit(1) == ()
        await library.curator.tidy()
        library.curator._previews.clear()
        await library.curator.tidy()
        assert {path.name for path in (tmp_path / "data").rglob("*")} == kept


async def test_one_that_is_cancelled_while_it_waits_never_begins(tmp_path: Path) -> None:
    async with opened(tmp_path) as (library, embedder):
        huge = [previewing(library, guild, HUGE.encode() + b" %d" % guild) for guild in (1, 2, 3)]
        await begun(embedder, huge[0])
        last = previewing(library, 4, HUGE.encode() + b" The last.")
        await asyncio.sleep(0.01)
        for each in (last, *huge):
            each.cancel()
        await asyncio.gather(last, *huge, return_exceptions=True)
        await previewing(library, 5, SMALL)
        assert not any("The last." in text for text in embedder.texts)


async def test_the_library_closes_while_builds_wait_for_their_turns(tmp_path: Path) -> None:
    async with opened(tmp_path) as (library, embedder):
        huge = [previewing(library, guild, HUGE.encode() + b" %d" % guild) for guild in (1, 2)]
        await begun(embedder, huge[0])
    for each in huge:
        with pytest.raises((ClosedError, asyncio.CancelledError)):
            await each


# --- Bounds -----------------------------------------------------------------------------------------------

HEADINGS = "".join(f"# Boat {n}\n\nIt was built by Ada Stone.\n\n" for n in range(12)).encode()


async def test_a_file_that_makes_too_many_passages_is_refused_before_it_is_embedded(tmp_path: Path) -> None:
    async with opened(tmp_path, max_file_passages=10) as (library, embedder):
        embedded = len(embedder.texts)
        with pytest.raises(
            RefusalError, match=r"makes at least 12 passages; I take files of up to 10 \(MAX_FILE"
        ):
            await previewing(library, 1, HEADINGS)
        assert len(embedder.texts) == embedded
        assert (await previewing(library, 1, SMALL)).after.documents


async def test_a_file_of_nothing_but_long_paragraphs_is_counted_as_well(tmp_path: Path) -> None:
    async with opened(tmp_path, max_file_passages=10) as (library, embedder):
        embedded = len(embedder.texts)
        with pytest.raises(RefusalError, match=r"makes at least \d+ passages"):
            await previewing(library, 1, HUGE.encode())
        assert len(embedder.texts) == embedded


async def test_a_server_may_have_so_many_passages(tmp_path: Path) -> None:
    async with opened(tmp_path, max_server_passages=14) as (library, embedder):
        preview = await previewing(library, 1, HEADINGS)
        await library.curator.apply(1, 9, preview.id)
        count = len(preview.after.passages)
        assert count <= 14
        embedded = len(embedder.texts)
        more = Add("more.md", b"".join(b"# Gull %d\n\nIt was counted.\n\n" % n for n in range(5)))
        with pytest.raises(RefusalError, match=rf"would have {count + 5} passages; it may have up to 14"):
            await library.curator.preview(1, 9, more)
        assert len(embedder.texts) == embedded
        # In place of the file that was there, it fits.
        assert (await library.curator.preview(1, 9, Add("own.md", more.data))).after.documents
