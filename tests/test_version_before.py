"""A ``DATA_DIR`` that an older version wrote opens as it was left.

``data/folder-1-database-2`` holds a corpus and the data folder of commit f6c9d88 (folders in format 1, a
database in format 2), ``data/database-2.db`` its database alone. They were written with that commit's code
and its ``tests/fakes.py`` by::

    import asyncio
    import shutil
    import sqlite3
    import sys
    from pathlib import Path

    from linernotes.curation import Add, Hide
    from linernotes.library import Library
    from linernotes.settings import Settings
    from linernotes.store import Evidence, Posted, Server
    from fakes import HARBOUR, LANTERNS, FakeEmbedder, write_corpus

    folder = Path(sys.argv[1])
    corpus = write_corpus(folder / "corpus", harbour=HARBOUR, lanterns=LANTERNS)
    settings = Settings(corpus_dir=corpus, data_dir=folder / "library")


    async def main() -> None:
        async with Library.open(settings, embedder=FakeEmbedder(), clock=lambda: 4e9) as library:
            curator, store = library.curator, library.store
            catalogue = curator.catalogue
            server = Server({7: "allow", 8: "deny"}, frozenset({45}), 5, gaps=True)
            await store.save_server(1, server, catalogue.noting(1, 44, "gaps on"))
            question = "Who was on board the ferry that sank in 1902?"
            await catalogue.add_check(1, 44, question, "Drake; Captain")
            await catalogue.add_gap(1, "How deep is the harbour?")
            ferry = b"The ferry sank in 1902 with Captain Drake on board."
            for change in (Add("ferry.txt", ferry), Hide("lanterns.md")):
                made = await curator.preview(1, 44, change)
                await curator.apply(1, 44, made.id)
            evidence = (Evidence("harbour.md", 1, 1.5, {"late": 0.25}, ((0, 45),)),)
            shared = library.curator.standings.of(None).edition.id
            await store.record(Posted(11, 1, 7, 44, shared, 0.75, evidence))
            await store.sent(11, 55)
            await store.vote(11, 45, -1)
            await store.note("colour", "green")


    asyncio.run(main())
    database = sqlite3.connect(settings.data_dir / "linernotes.db")
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.execute("PRAGMA journal_mode = DELETE")
    database.close()
    for name in ("lock", "lock.pid", "staging"):
        path = settings.data_dir / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)

Since it was written, versions of what is made of a text have been raised on purpose (``SEGMENT_VERSION``,
``INDEX_VERSION``): texts are embedded again and editions have other ids; what moderators made is all there.
"""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from fakes import OTHER_QUESTION, QUESTION, FakeEmbedder
from linernotes.library import Library
from linernotes.library.catalogue import OPERATOR, Catalogue, Revision, Upload
from linernotes.library.changes import RollBack
from linernotes.library.database import FORMAT
from linernotes.library.store import Evidence, Posted, Question, Server, Store
from linernotes.models import Answer
from linernotes.settings import Settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

DATA = Path(__file__).parent / "data"
GUILD, MODERATOR = 1, 44
FERRY_QUESTION = "Who was on board the ferry that sank in 1902?"
NOW = 4e9


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return shutil.copytree(DATA / "folder-1-database-2", tmp_path / "old")


@asynccontextmanager
async def opened(folder: Path, embedder: FakeEmbedder | None = None) -> AsyncIterator[Library]:
    settings = Settings(corpus_dir=folder / "corpus", data_dir=folder / "library")
    async with Library.open(settings, embedder=embedder or FakeEmbedder(), clock=lambda: NOW) as library:
        yield library


def revisions_left(folder: Path) -> list[tuple[Any, ...]]:
    """Return number, edition and hidden documents of each revision, as the old version wrote them."""
    with closing(sqlite3.connect(folder / "library" / "linernotes.db")) as db:
        return db.execute(
            "SELECT number, edition, hidden FROM revisions WHERE guild = ? ORDER BY number DESC", (GUILD,)
        ).fetchall()


def files(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each file of editions, segments and uploads."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for kind in ("editions", "segments", "uploads")
        for path in (folder / "library" / kind).rglob("*")
        if path.is_file()
    }


async def said(library: Library, question: str, guild: int | None) -> str:
    reply = (await library.ask(question, guild=guild)).reply
    return reply.text if isinstance(reply, Answer) else ""


async def test_what_is_made_anew_is_made_once(folder: Path) -> None:
    """``SEGMENT_VERSION`` was raised since: the first start embeds each text again, and the next none."""
    embedder = FakeEmbedder()
    async with opened(folder, embedder) as library:
        await library.curator.reload_all()
        assert embedder.texts != []
        made = library.curator.standings.of(GUILD).edition.id
    before = files(folder)
    embedder = FakeEmbedder()
    async with opened(folder, embedder) as library:
        reloaded = await library.curator.reload_all()
        assert [each.move for each in reloaded.servers] == ["unchanged"]
        assert library.curator.standings.of(GUILD).edition.id == made
        assert embedder.texts == []
    assert files(folder) == before


async def test_the_revisions_that_moderators_made_are_all_there(folder: Path) -> None:
    left = revisions_left(folder)
    async with opened(folder) as library:
        history = await library.curator.catalogue.revisions(GUILD)
        assert {(each.number, each.edition) for each in history} >= {each[:2] for each in left[1:]}
        assert history[0].number >= left[0][0]
        assert library.curator.standings.base(GUILD).hidden == {"lanterns.md"}


async def test_the_upload_answers_and_the_hidden_document_does_not(folder: Path) -> None:
    async with opened(folder) as library:
        newest = library.curator.standings.base(GUILD)
        assert list(newest.own) == ["ferry.txt"]
        assert newest.hidden == {"lanterns.md"}
        assert "Captain Drake" in await said(library, FERRY_QUESTION, GUILD)
        assert "Otto Blum" not in await said(library, OTHER_QUESTION, GUILD)
        assert "Otto Blum" in await said(library, OTHER_QUESTION, None)
        assert "Ada Stone" in await said(library, QUESTION, GUILD)


async def test_one_can_go_back_to_what_was_left(folder: Path) -> None:
    async with opened(folder) as library:
        made = await library.curator.preview(GUILD, MODERATOR, RollBack(1))
        assert [each.check.question for each in made.broken] == [FERRY_QUESTION]
        await library.curator.apply(GUILD, MODERATOR, made.id, anyway=True)
        assert "Otto Blum" in await said(library, OTHER_QUESTION, GUILD)


async def test_the_database_of_format_2_is_read_with_all_that_is_in_it(tmp_path: Path) -> None:
    path = shutil.copy(DATA / "database-2.db", tmp_path / "linernotes.db")
    store = Store(Path(path), clock=lambda: NOW)
    catalogue = Catalogue(store)
    assert await store.servers() == {
        GUILD: Server({7: "allow", 8: "deny"}, frozenset({45}), moderator_role=5, gaps=True)
    }
    posted = await store.find(11, guild=GUILD, channel=7)
    assert posted is not None
    shared = (await catalogue.revisions(GUILD))[-1].edition
    evidence = (Evidence("harbour.md", 1, 1.5, {"late": 0.25}, ((0, 45),)),)
    assert posted == Posted(11, GUILD, 7, MODERATOR, shared, 0.75, evidence, message=55)
    assert await store.votes(11) == {45: -1}
    assert await store.fact("colour") == "green"
    assert [each.what for each in await catalogue.audit(GUILD)] == [
        "hid lanterns.md",
        "added ferry.txt",
        f"check question added: {FERRY_QUESTION}",
        "gaps on",
    ]
    assert [(each.question, each.words) for each in await catalogue.checks(GUILD)] == [
        (FERRY_QUESTION, "Drake; Captain")
    ]
    assert [(each.question, each.told) for each in await catalogue.gaps(GUILD)] == [
        ("How deep is the harbour?", False)
    ]
    await store.close()


async def test_a_database_of_format_4_has_all_that_it_had_and_is_of_todays_format(tmp_path: Path) -> None:
    """The last that was written without SQLAlchemy; ``data/database-4.db`` is commit c861407's.

    Written with that commit's ``Store`` and ``Catalogue``, its clock at 4e9, its log brought into the file.
    """
    path = Path(shutil.copy(DATA / "database-4.db", tmp_path / "linernotes.db"))
    store = Store(path, clock=lambda: NOW)
    catalogue = Catalogue(store)
    assert await store.servers() == {1: Server({7: "allow", 8: "deny"}, frozenset({45}), 5, gaps=True)}
    own = {"ferry.txt": Upload("c" * 64, 51, NOW)}
    assert await catalogue.revisions(1) == (
        Revision(1, 2, "b" * 64, "added ferry.txt", NOW, MODERATOR, own, frozenset({"lanterns.md"})),
        Revision(1, 1, "a" * 64, "the shared corpus", NOW - 1, OPERATOR),
    )
    assert (await catalogue.survey()).missing == {}
    assert [each.what for each in await catalogue.audit(1)] == [
        "added ferry.txt",
        "check question added: Who was on board?",
        "gaps on",
    ]
    assert [(each.question, each.words) for each in await catalogue.checks(1)] == [
        ("Who was on board?", "Drake; Captain")
    ]
    assert [(each.question, each.told) for each in await catalogue.gaps(1)] == [
        ("How deep is the harbour?", True)
    ]
    assert (await catalogue.released()).uploads == {"d" * 64}
    evidence = (Evidence("harbour.md", 1, 1.5, {"late": 0.25}, ((0, 45),), ("0a1b",)),)
    posted = Posted(11, 1, 7, MODERATOR, "b" * 64, 0.75, evidence, 55, "near")
    assert await store.find(11, guild=1, channel=7) == posted
    assert await store.votes(11) == {45: -1}
    assert await store.questions() == (
        Question(56, 1, 7, NOW, open=True),
        Question(57, None, 9, NOW, open=False),
    )
    assert await store.fact("colour") == "green"
    # What is written now goes on from there.
    assert await catalogue.add_check(1, MODERATOR, "Who was on board?", "Drake")
    assert [(each.number, each.words) for each in await catalogue.checks(1)] == [(1, "Drake")]
    assert await catalogue.sweep() == ()
    await store.close()
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (FORMAT,)
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
