"""A library whose database is on a PostgreSQL server: files too, so that ``DATA_DIR`` may go at any time."""

from __future__ import annotations

import asyncio
import shutil
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psycopg
import pytest
from pydantic import SecretStr

from fakes import FakeEmbedder, write_corpus
from linernotes.errors import BackupError, DataFolderError, StoreAwayError, StoreError
from linernotes.library import Library, holding
from linernotes.library.changes import Add, Remove
from linernotes.models import Answer
from linernotes.settings import Settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

GUILD, MODERATOR = 1, 44
FERRY = b"The ferry sank in 1902 with Captain Drake on board."
QUESTION = "Who was on board the ferry that sank in 1902?"


@dataclass
class Bench:
    corpus: Path
    data: Path
    url: str

    @asynccontextmanager
    async def open(self, embedder: FakeEmbedder | None = None) -> AsyncIterator[Library]:
        settings = Settings(corpus_dir=self.corpus, data_dir=self.data, database_url=SecretStr(self.url))
        async with Library.open(settings, embedder=embedder or FakeEmbedder()) as library:
            yield library

    def rows(self, said: str) -> list[tuple[object, ...]]:
        with psycopg.connect(self.url, autocommit=True) as db:
            found = db.execute(said)
            return found.fetchall() if found.description else []


@pytest.fixture
def bench(tmp_path: Path, make_database: Callable[[], str]) -> Bench:
    return Bench(write_corpus(tmp_path / "corpus"), tmp_path / "data", make_database())


async def do(library: Library, change: Add | Remove) -> None:
    preview = await library.curator.preview(GUILD, MODERATOR, change)
    await library.curator.apply(GUILD, MODERATOR, preview.id)


async def said(library: Library) -> str:
    reply = (await library.ask(QUESTION, guild=GUILD)).reply
    return reply.text if isinstance(reply, Answer) else ""


async def test_a_data_folder_that_is_gone_is_filled_again_and_nothing_is_embedded(bench: Bench) -> None:
    async with bench.open() as library:
        await do(library, Add("ferry.txt", FERRY))
        before = (await library.edition(GUILD)).id
    assert not (bench.data / "linernotes.db").exists()
    shutil.rmtree(bench.data)
    embedder = FakeEmbedder()
    async with bench.open(embedder) as library:
        assert (await library.edition(GUILD)).id == before
        assert "Captain Drake" in await said(library)
        assert embedder.texts == [QUESTION]
        # The file itself is taken from there, too, when a change needs it.
        shutil.rmtree(bench.data / "uploads", ignore_errors=True)
        await do(library, Add("other.txt", b"The other boat was green."))
        assert [each.name for each in (await library.edition(GUILD)).documents] == [
            "ferry.txt",
            "harbour.md",
            "other.txt",
        ]


async def test_what_is_damaged_on_the_disk_is_taken_from_the_server(bench: Bench) -> None:
    async with bench.open() as library:
        await do(library, Add("ferry.txt", FERRY))
        before = (await library.edition(GUILD)).id
    for file in bench.data.rglob("*"):
        if (file.is_file() and file.parent.parent.parent == bench.data) or file.parent.name == "uploads":
            content = bytearray(file.read_bytes())
            content[len(content) // 2] ^= 1
            file.write_bytes(content)
    embedder = FakeEmbedder()
    async with bench.open(embedder) as library:
        assert (await library.edition(GUILD)).id == before
        assert "Captain Drake" in await said(library)
        assert embedder.texts == [QUESTION]


async def test_what_the_server_has_is_held_against_its_digest(bench: Bench) -> None:
    async with bench.open() as library:
        await do(library, Add("ferry.txt", FERRY))
    bench.rows("UPDATE blobs SET content = set_byte(content, 1, 0) WHERE length(content) > 1")
    shutil.rmtree(bench.data)
    # Nothing wrong is said; what the documents are is lost in both places, and the moderators are told.
    async with bench.open() as library:
        assert "Captain Drake" not in await said(library)
        assert any(each.guild == GUILD for each in await library.caught_up)


async def test_what_no_revision_names_any_more_goes_from_the_server(bench: Bench) -> None:
    async with bench.open() as library:
        await do(library, Add("ferry.txt", FERRY))
        for number in range(12):
            await do(library, Add("other.txt", b"The boat has number %d." % number))
        await library.curator.tidy()
        uploads = bench.rows("SELECT name FROM files WHERE kind = 'uploads'")
        revisions = await library.curator.catalogue.revisions(GUILD)
        assert {name for (name,) in uploads} == {
            upload.digest for each in revisions for upload in each.own.values()
        }
    assert bench.rows("SELECT digest FROM blobs EXCEPT SELECT digest FROM files") == []
    assert bench.rows("SELECT digest FROM files EXCEPT SELECT digest FROM blobs") == []


async def test_while_the_server_is_away_questions_are_answered_and_changes_are_refused(
    bench: Bench, cut_off: Callable[[str], AbstractContextManager[None]]
) -> None:
    async with bench.open() as library:
        await do(library, Add("ferry.txt", FERRY))
        preview = await library.curator.preview(GUILD, MODERATOR, Add("other.txt", b"The boat is green."))
        with cut_off(bench.url):
            assert "Captain Drake" in await said(library)
            with pytest.raises(StoreAwayError):
                await library.curator.apply(GUILD, MODERATOR, preview.id)
            assert "Captain Drake" in await said(library)
        deadline = time.monotonic() + 60
        while True:
            try:
                await library.curator.apply(GUILD, MODERATOR, preview.id)
                break
            except StoreAwayError:
                assert time.monotonic() < deadline
                await asyncio.sleep(0.1)
        assert [each.number for each in await library.curator.catalogue.revisions(GUILD)] == [3, 2, 1]


async def test_a_second_process_is_refused_and_the_first_goes_on(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holding, "WAIT_SECONDS", 0.3)
    other = Bench(bench.corpus, tmp_path / "other", bench.url)
    async with bench.open() as library:
        with pytest.raises(StoreError, match="in use by another process"):
            async with other.open():
                pass
        await do(library, Add("ferry.txt", FERRY))
    async with other.open() as library:
        assert "Captain Drake" in await said(library)


async def test_a_folder_with_a_database_of_its_own_is_left_alone(bench: Bench) -> None:
    bench.data.mkdir()
    (bench.data / "linernotes.db").write_bytes(b"x")
    with pytest.raises(DataFolderError, match="name another DATA_DIR"):
        async with bench.open():
            pass
    assert (bench.data / "linernotes.db").read_bytes() == b"x"


async def test_a_backup_is_the_servers_to_make(bench: Bench) -> None:
    async with bench.open() as library:
        with pytest.raises(BackupError, match="pg_dump"):
            async with library.curator.snapshot():
                pass
