"""What moderators made is never lost: each way in which it was, and what becomes of it now.

``test_damages.py`` looks for more ways at random; ``docs/never-lost.md`` has the table.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import tempfile
import threading
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from amounts import slow
from fakes import HARBOUR, LANTERNS, OTHER_QUESTION, FakeEmbedder, note, write_corpus
from linernotes.errors import (
    DataFolderBusyError,
    LinerNotesError,
    RefusalError,
    StoreLostError,
)
from linernotes.library.catalogue import AUDIT_SECONDS, LEFT_SECONDS, QUARANTINE_SECONDS, REVISIONS, TWO_LOOKS
from linernotes.library.changes import Add, Hide, Remove, RollBack
from linernotes.library.database import connect
from linernotes.library.locks import lock
from linernotes.library.quarantine import set_database_aside
from linernotes.library.service import DATABASE, Library
from linernotes.library.store import Server, Store
from linernotes.models import Answer
from linernotes.settings import Settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    import sqlalchemy as sa

    from linernotes.library.changes import Change

OURS, THEIRS = 1, 2
ALICE = 44
DAY = 24 * 3600
NOW = 1_800_000_000.0
FERRY = b"The ferry sank in 1902 with Captain Drake on board."
FERRY_QUESTION = "Who was on board the ferry that sank in 1902?"


@dataclass
class Bench:
    """A library that can be opened again and again on one folder, under a clock that can jump."""

    settings: Settings
    now: float = NOW
    ran: float = 0.0

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Library]:
        async with Library.open(
            self.settings, embedder=FakeEmbedder(), clock=self.clock, ticks=lambda: self.ran
        ) as library:
            yield library

    def clock(self) -> float:
        # Two things never happen at one moment.
        self.now += 0.001
        return self.now

    @property
    def data(self) -> Path:
        return self.settings.data_dir

    @property
    def database(self) -> Path:
        return self.data / DATABASE

    @property
    def uploads(self) -> set[str]:
        return {path.name for path in (self.data / "uploads").glob("*")}

    def quarantine(self, kind: str = "uploads") -> set[str]:
        return {path.name for path in (self.data / "quarantine").glob(f"*/{kind}/*")}

    def change_rows(self, *statements: str) -> None:
        with closing(sqlite3.connect(self.database)) as db, db:
            for statement in statements:
                db.execute(statement)

    async def refusal(self) -> str:
        with pytest.raises(StoreLostError) as caught:
            async with self.open():
                pass
        return str(caught.value)


@pytest.fixture(autouse=True)
def _no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda _handle: None)


def bench_in(folder: Path) -> Bench:
    corpus = write_corpus(folder / "corpus", harbour=HARBOUR, lanterns=LANTERNS)
    return Bench(Settings(corpus_dir=corpus, data_dir=folder / "data"))


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return bench_in(tmp_path)


@pytest.fixture(scope="module")
def used_once(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """Two servers with files of their own, one of which hides a shared document; to be copied."""
    made = bench_in(tmp_path_factory.mktemp("used"))

    async def use() -> None:
        async with made.open() as library:
            for guild in (OURS, THEIRS):
                await do(library, Add("ferry.txt", FERRY + b" Server %d." % guild), guild)
            await do(library, Hide("lanterns.md"))

    asyncio.run(use())
    return made


@pytest.fixture
def used(bench: Bench, used_once: Bench) -> Bench:
    """The same for each test."""
    shutil.copytree(used_once.data, bench.data)
    bench.now = used_once.now
    return bench


async def do(library: Library, change: Change, guild: int = OURS) -> None:
    made = await library.curator.preview(guild, ALICE, change)
    await library.curator.apply(guild, ALICE, made.id)


async def said(library: Library, question: str = FERRY_QUESTION, guild: int = OURS) -> str:
    reply = (await library.ask(question, guild=guild)).reply
    return reply.text if isinstance(reply, Answer) else ""


def names(library: Library, guild: int = OURS) -> list[str]:
    return [document.name for document in library.curator.standings.of(guild).edition.documents]


async def is_whole(library: Library) -> None:
    """Both servers have what they had."""
    assert names(library) == ["ferry.txt", "harbour.md"]
    assert names(library, THEIRS) == ["ferry.txt", "harbour.md", "lanterns.md"]
    for guild in (OURS, THEIRS):
        assert f"Captain Drake on board. Server {guild}" in " ".join(
            document.text for document in library.curator.standings.of(guild).edition.documents
        )
        base = library.curator.standings.base(guild)
        assert list(base.own) == ["ferry.txt"]
        assert base.hidden == ({"lanterns.md"} if guild == OURS else set())
        assert library.curator._uploads.read(base.own["ferry.txt"].digest) is not None
    assert "Otto Blum" not in await said(library, OTHER_QUESTION)
    assert "Otto Blum" in await said(library, OTHER_QUESTION, THEIRS)


def files_below(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name not in {"lock", "lock.pid"}
    }


# --- 1. The database is missing, empty or another one -----------------------------------------------------


def lose(path: Path) -> None:
    path.unlink()


def empty(path: Path) -> None:
    path.write_bytes(b"")


def make_anew(path: Path) -> None:
    """Put a database there that knows of nothing, as one copied without its log does."""
    path.unlink()
    connect(path).close()


def spoil(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:100] + bytes(8_000) + content[8_100:])


LOSSES = [lose, empty, make_anew, spoil]


@pytest.mark.parametrize("loss", LOSSES)
async def test_a_start_without_the_database_refuses_and_all_is_back_once_that_is_back(
    bench: Bench, loss: Callable[[Path], None]
) -> None:
    async with bench.open() as library:
        for guild in range(1, 5):
            await do(library, Add("ferry.txt", FERRY + b" Server %d." % guild), guild)
    copy = bench.database.read_bytes()
    loss(bench.database)
    left = files_below(bench.data)
    for _ in range(2):
        told = await bench.refusal()
        assert str(bench.database) in told
        assert "Put back a backup" in told
        assert "`bot.py set-aside`" in told
        assert "delete" not in told.replace("Nothing has been deleted", "")
        now = files_below(bench.data)
        if loss is make_anew:
            # To find out that it knows nothing, it is opened.
            now[DATABASE] = left[DATABASE]
        assert now == left
    for path in bench.data.glob(f"{DATABASE}*"):
        path.unlink()
    bench.database.write_bytes(copy)
    async with bench.open() as library:
        assert len(bench.uploads) == 4
        for guild in range(1, 5):
            assert names(library, guild) == ["ferry.txt", "harbour.md", "lanterns.md"]
            assert "Captain Drake" in await said(library, guild=guild)


@pytest.mark.parametrize("loss", LOSSES)
async def test_set_aside_the_bot_goes_on_and_all_is_back_once_the_database_is(
    used: Bench, loss: Callable[[Path], None]
) -> None:
    copy, uploads = used.database.read_bytes(), used.uploads
    loss(used.database)
    with lock(used.data):
        moved = set_database_aside(used.data, DATABASE, used.clock)
    assert {name.split("/")[0] for name in moved} == {"2027-01-15"}, "each is named with its date"
    assert used.quarantine() == uploads
    async with used.open() as library:
        assert names(library) == ["harbour.md", "lanterns.md"]
        await do(library, Add("whale.txt", b"The whale was seen by Emma Fisk."))
        assert used.quarantine() == uploads
    for path in used.data.glob(f"{DATABASE}*"):
        path.unlink()
    used.database.write_bytes(copy)
    async with used.open() as library:
        await is_whole(library)
        assert used.uploads == uploads
        assert len(used.quarantine()) == 1, "the whale, which the right database does not explain"


async def test_a_database_that_is_in_order_is_not_set_aside(used: Bench) -> None:
    left = files_below(used.data)
    with pytest.raises(RefusalError, match="in order"):
        set_database_aside(used.data, DATABASE)
    assert files_below(used.data).keys() == left.keys()
    async with used.open() as library:
        await is_whole(library)


async def test_an_older_database_deletes_nothing_that_it_does_not_know(used: Bench) -> None:
    older = used.database.read_bytes()
    async with used.open() as library:
        await do(library, Add("gulls.txt", b"The gulls were counted by Emma Fisk in 1890."))
    newer, uploads = used.database.read_bytes(), used.uploads
    used.database.write_bytes(older)
    async with used.open() as library:
        await is_whole(library)
        assert len(used.quarantine()) == 1
        assert used.uploads | used.quarantine() == uploads
        assert used.quarantine("editions"), "its edition as well"
    used.database.write_bytes(newer)
    async with used.open() as library:
        assert names(library) == ["ferry.txt", "gulls.txt", "harbour.md"]
        assert used.uploads == uploads
        assert used.quarantine() == set()


async def test_what_is_in_the_quarantine_goes_after_thirty_days_and_two_looks(used: Bench) -> None:
    stray = hashlib.sha256(b"stray").hexdigest()
    (used.data / "uploads" / stray).write_bytes(b"stray")
    async with used.open() as library:
        assert used.quarantine() == {stray}
        used.now += QUARANTINE_SECONDS
        await library.curator.tidy()
        used.ran += TWO_LOOKS - 1
        await library.curator.tidy()
        assert used.quarantine() == {stray}
        used.ran += 1
        await library.curator.tidy()
        assert list((used.data / "quarantine").iterdir()) == []


async def test_what_was_removed_or_has_expired_on_purpose_is_deleted_as_promised(used: Bench) -> None:
    async with used.open() as library:
        first = library.curator.standings.base(OURS).own["ferry.txt"].digest
        await do(library, Remove("ferry.txt"))
        for number in range(REVISIONS):
            await do(library, Add("gulls.txt", b"The gulls were counted %d times." % number))
        await library.curator.tidy()
        assert first not in used.uploads | used.quarantine()
        assert used.quarantine("editions") == set()


async def test_a_young_database_is_whole_in_its_own_file_while_the_bot_runs(
    used: Bench, tmp_path: Path
) -> None:
    """Copied without what stands beside it, it says what moderators have made last."""
    async with used.open() as library:
        await library.store.save_server(OURS, Server({5: "deny"}))
        shutil.copy(used.database, tmp_path / "copy.db")
    with closing(sqlite3.connect(tmp_path / "copy.db")) as db:
        assert db.execute("SELECT channel, rule FROM channels").fetchall() == [(5, "deny")]
        assert db.execute("SELECT count(*) FROM revisions").fetchone()[0] == 5


async def test_killed_before_the_first_revision_was_written_is_no_lost_database(bench: Bench) -> None:
    async with bench.open() as library:
        made = await library.curator.preview(OURS, ALICE, Add("ferry.txt", FERRY))

        async def killed(*_: object, **__: object) -> None:
            raise ZeroDivisionError

        library.curator.catalogue.commit = killed  # type: ignore[method-assign]
        with pytest.raises(ZeroDivisionError):
            await library.curator.apply(OURS, ALICE, made.id)
        assert len(bench.uploads) == 1
    async with bench.open():
        assert bench.uploads == bench.quarantine() == set(), "nobody was told that it was added"


# --- 2. Editions that are damaged or lost -----------------------------------------------------------------


async def test_where_all_editions_are_lost_each_server_has_what_it_had(used: Bench) -> None:
    shutil.rmtree(used.data / "editions")
    async with used.open() as library:
        await is_whole(library)
        assert len(await library.curator.catalogue.revisions(OURS)) == 3, "nothing is to be written down"
        assert await library.caught_up == ()


async def test_a_server_that_was_rolled_back_has_its_old_documents_again_after_one_flipped_bit(
    bench: Bench,
) -> None:
    async with bench.open() as library:
        await do(library, Add("ferry.txt", FERRY))
        await do(library, Hide("harbour.md"))
        await do(library, RollBack(2))
        edition = library.curator.standings.of(OURS).edition
        await do(library, Hide("lanterns.md"), THEIRS)
    write_corpus(bench.settings.corpus_dir, lanterns="The lanterns are gone.")
    listing = bench.data / "editions" / edition.id / "documents.json"
    content = bytearray(listing.read_bytes())
    content[len(content) // 2] ^= 1
    listing.write_bytes(content)
    async with bench.open() as library:
        assert library.curator.standings.of(OURS).edition.documents == edition.documents
        assert await library.caught_up != ()
        assert [each.move for each in await library.caught_up if each.guild == OURS] == ["rolled back"]


async def test_a_file_that_cannot_be_read_for_now_is_not_taken_for_lost(
    used: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.rmtree(used.data / "editions")
    from linernotes.library import uploads as module

    read = module.read_file

    def refuse(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patched:
        patched.setattr(module, "read_file", refuse)
        async with used.open() as library:
            assert names(library) == ["harbour.md"], "what is hidden stays hidden"
            assert len(await library.curator.catalogue.revisions(OURS)) == 3
    assert module.read_file is read
    async with used.open() as library:
        await is_whole(library)


async def test_a_lost_file_is_no_reason_not_to_follow_where_an_edition_has_its_document(used: Bench) -> None:
    for path in (used.data / "uploads").iterdir():
        path.unlink()
    write_corpus(used.settings.corpus_dir, harbour=HARBOUR + "\nIt is deep.\n")
    async with used.open() as library:
        assert {each.move for each in await library.caught_up} == {"moved"}
        assert "Captain Drake" in await said(library)


# --- 3. Rows that are damaged -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        "own = '{'",
        "hidden = 5",
        "at = 'never'",
        "seal = NULL",
        "guild = guild + 4096",
        *slow(
            [
                "own = '[1]'",
                "own = replace(own, 'ferry', 'fezry')",
                "hidden = '[\"lantesns.md\"]'",
                "hidden = CAST(x'5b22ff225d' AS TEXT)",
                "edition = 'x'",
                "at = 9e99",
                "number = number + 1000000",
                "what = x'80'",
                "follows = 7",
            ]
        ),
    ],
)
async def test_a_damaged_row_is_named_and_costs_nobody_anything_where_the_edition_is_whole(
    used: Bench, value: str, caplog: pytest.LogCaptureFixture
) -> None:
    used.change_rows(f"UPDATE revisions SET {value} WHERE guild = {OURS} AND number = 3")  # noqa: S608
    async with used.open() as library:
        await is_whole(library)
        assert "in the table revisions of the database is damaged" in caplog.text
        newest = (await library.curator.catalogue.revisions(OURS))[0]
        assert newest.what == "found again, for its row in the database was damaged"
        kept = await library.store.run(
            lambda db: db.exec_driver_sql("SELECT source FROM set_aside").fetchall()
        )
        assert kept == [("revisions",)], "what the row said is kept"
        await do(library, RollBack(2))
    async with used.open() as library:
        assert names(library) == ["ferry.txt", "harbour.md", "lanterns.md"]


async def test_a_deleted_row_of_the_newest_revision_is_written_again(used: Bench) -> None:
    used.change_rows(f"DELETE FROM revisions WHERE guild = {OURS} AND number = 3")  # noqa: S608
    async with used.open() as library:
        await is_whole(library)


async def test_where_row_and_edition_are_gone_moderators_are_told_and_the_others_notice_nothing(
    used: Bench,
) -> None:
    async with used.open() as library:
        lost = library.curator.standings.of(OURS).edition.id
    used.change_rows(f"DELETE FROM revisions WHERE guild = {OURS} AND number = 3")  # noqa: S608
    shutil.rmtree(used.data / "editions" / lost)
    async with used.open() as library:
        assert names(library) == ["ferry.txt", "harbour.md", "lanterns.md"]
        [told] = await library.caught_up
        assert (told.guild, told.move) == (OURS, "mended")
        assert "hid lanterns.md" in told.said
    async with used.open() as library:
        assert await library.caught_up == (), "once"


@pytest.mark.parametrize(
    ("table", "value"),
    [
        ("servers", "guild = guild + 64"),
        ("channels", "rule = 'dfny'"),
        ("blocked", "member = x'00'"),
        ("checks", "words = 'other'"),
        ("gaps", "question = x'00'"),
        ("audit", "what = 5"),
        ("departures", "at = 0"),
        ("facts", "value = x'00'"),
        *slow(
            [
                ("servers", "moderator_role = 'x'"),
                ("channels", "channel = channel + 1"),
                ("checks", "question = CAST(x'ff' AS TEXT)"),
                ("gaps", "told = 'perhaps'"),
                ("audit", "at = 'x'"),
            ]
        ),
    ],
)
async def test_a_damaged_row_of_any_table_costs_itself_alone(used: Bench, table: str, value: str) -> None:
    async with used.open() as library:
        catalogue = library.curator.catalogue
        for guild in (OURS, THEIRS):
            await library.store.save_server(guild, Server({5: "deny"}, frozenset({6}), 7, gaps=True))
            await catalogue.add_check(guild, ALICE, FERRY_QUESTION, "Drake")
            await catalogue.add_gap(guild, "How deep is it?")
        await catalogue.leave(THEIRS)
    key = {"channels": "channel = 5 AND guild", "facts": "name <> '' OR 1"}.get(table, "guild")
    guild = THEIRS if table == "departures" else OURS
    with closing(sqlite3.connect(used.database)) as db, db:
        db.execute("PRAGMA ignore_check_constraints = ON")
        db.execute(f"UPDATE {table} SET {value} WHERE {key} = {guild}")  # noqa: S608
    async with used.open() as library:
        catalogue = library.curator.catalogue
        await is_whole(library)
        assert (await library.store.servers())[THEIRS] == Server({5: "deny"}, frozenset({6}), 7, gaps=True)
        assert [each.words for each in await catalogue.checks(THEIRS)] == ["Drake"]
        assert len(await catalogue.gaps(THEIRS)) == 1
        assert all(isinstance(act.what, str) for act in await catalogue.audit(OURS))
        ours = (await library.store.servers()).get(OURS, Server())
        assert ours.blocked == (frozenset() if table == "blocked" else {6})
        assert ours.channels == ({} if table == "channels" else {5: "deny"})
        await library.store.save_server(OURS, Server({9: "allow"}))
        assert (await library.store.servers())[OURS] == Server({9: "allow"})


async def test_indexes_that_do_not_fit_are_made_again(used: Bench, caplog: pytest.LogCaptureFixture) -> None:
    with closing(sqlite3.connect(used.database)) as db:
        root = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'revisions_by_person'").fetchone()[
            0
        ]
        size = db.execute("PRAGMA page_size").fetchone()[0]
    content = bytearray(used.database.read_bytes())
    page = slice((root - 1) * size, root * size)
    # The person in each of its entries.
    content[page] = content[page].replace(bytes([ALICE]), bytes([ALICE ^ 1]))
    used.database.write_bytes(content)
    async with used.open() as library:
        await is_whole(library)
    assert "have been made again" in caplog.text


# --- 4. File systems on which a database cannot be kept as usual ------------------------------------------

SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mman.h>
static int on(const char *name) { return getenv(name) != NULL; }
#define FCNTL(name) int name(int fd, int command, ...) { \
    va_list given; va_start(given, command); void *value = va_arg(given, void *); va_end(given); \
    if (on("NO_LOCKS") && (command == F_SETLK || command == F_SETLKW)) { errno = ENOLCK; return -1; } \
    return ((int (*)(int, int, ...)) dlsym(RTLD_NEXT, #name))(fd, command, value); }
FCNTL(fcntl)
FCNTL(fcntl64)
int flock(int fd, int how) {
    if (on("NO_LOCKS")) { errno = ENOLCK; return -1; }
    return ((int (*)(int, int)) dlsym(RTLD_NEXT, "flock"))(fd, how); }
#define MMAP(name, offset) void *name(void *at, size_t size, int may, int how, int fd, offset from) { \
    if (on("NO_SHARED") && (how & MAP_SHARED) && fd >= 0) { errno = ENODEV; return MAP_FAILED; } \
    return ((void *(*)(void *, size_t, int, int, int, offset)) dlsym(RTLD_NEXT, #name))( \
        at, size, may, how, fd, from); }
MMAP(mmap, off_t)
MMAP(mmap64, off64_t)
"""
PROBE = """
import asyncio, json, os, sys
from pathlib import Path
from linernotes.errors import DataFolderBusyError
from linernotes.library.locks import lock
from linernotes.library.rows import FACTS
from linernotes.library.store import Store
from linernotes.settings import Settings
from linernotes.shell.doctor import _database

async def main(folder):
    with lock(folder):
        try:
            with lock(folder):
                print("not kept apart")
        except DataFolderBusyError:
            print("kept apart")
        store = Store(folder / "linernotes.db")
        before = int(await store.fact("count") or 0)
        await store.run(lambda db: FACTS.insert(db, ("count", str(before + 1)), "replace"), lasting=True)
        print(before, store._database.connection.mode)
        await store.close()
    print(_database(Settings(data_dir=folder)))

# Each line names a folder, and what the file system lacks from now on.
for line in sys.stdin:
    folder, *lacks = json.loads(line)
    for name in ("NO_SHARED", "NO_LOCKS"):
        os.environ.pop(name, None)
    os.environ.update(dict.fromkeys(lacks, "1"))
    asyncio.run(main(Path(folder)))
    print("done", flush=True)
"""


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library in whose presence files cannot be mapped or locked: what 9p, virtiofs and SMB do."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None or not sys.platform.startswith("linux"):
        pytest.skip("needs Linux and a C compiler")
    folder = tmp_path_factory.mktemp("shim")
    (folder / "shim.c").write_text(SHIM)
    made = folder / "shim.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", made, folder / "shim.c", "-ldl"], check=True)  # noqa: S603
    return made


class Probe:
    """A process that keeps a count in a database, on a file system that lacks what it is told."""

    def __init__(self, shim: Path) -> None:
        self.process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-c", PROBE],
            env={**os.environ, "LD_PRELOAD": str(shim)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __call__(self, folder: Path, *lacks: str) -> list[str]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps([str(folder), *lacks]) + "\n")
        self.process.stdin.flush()
        told = list(iter(self.process.stdout.readline, "done\n"))
        return [line.removesuffix("\n") for line in told]

    def close(self) -> None:
        self.process.communicate()
        assert self.process.returncode == 0


@pytest.fixture(scope="module")
def probe(shim: Path) -> Iterator[Callable[..., list[str]]]:
    made = Probe(shim)
    yield made
    made.close()


@pytest.fixture
def probe_anew(shim: Path) -> Callable[..., list[str]]:
    """The same, each time in a process of its own."""

    def look(folder: Path, *lacks: str) -> list[str]:
        made = Probe(shim)
        try:
            return made(folder, *lacks)
        finally:
            made.close()

    return look


def is_kept_as_well_as_can_be(
    folder: Path, probe: Callable[..., list[str]], lacks: tuple[str, ...], mode: str, words: str
) -> None:
    for before in range(3):
        told = probe(folder, *lacks)
        assert told[:2] == ["kept apart", f"{before} {mode}"]
        assert words in told[2]
        assert ("ok" if mode == "wal" else "note") == told[2].split()[0]
    assert probe(folder)[1] == "3 wal", "moved to another disk, it is kept as usual"
    assert probe(folder, *lacks)[1] == f"4 {mode}", "and back"


file_systems = pytest.mark.parametrize(
    ("lacks", "mode", "words"),
    [
        ((), "wal", "ordinary mode"),
        (("NO_SHARED",), "exclusive", "cannot share memory"),
        (("NO_LOCKS",), "unlocked", "without locks"),
        (("NO_SHARED", "NO_LOCKS"), "unlocked", "without locks"),
    ],
    ids=["all is well", "no shared memory", "no locks", "neither"],
)


@file_systems
def test_a_database_is_kept_in_the_best_way_that_its_file_system_allows(
    tmp_path: Path, probe: Callable[..., list[str]], lacks: tuple[str, ...], mode: str, words: str
) -> None:
    is_kept_as_well_as_can_be(tmp_path / "data", probe, lacks, mode, words)


@pytest.mark.slow
@file_systems
def test_so_it_is_from_one_process_to_the_next(
    tmp_path: Path, probe_anew: Callable[..., list[str]], lacks: tuple[str, ...], mode: str, words: str
) -> None:
    is_kept_as_well_as_can_be(tmp_path / "data", probe_anew, lacks, mode, words)


# --- 5. A clock that jumps --------------------------------------------------------------------------------


async def test_a_clock_that_jumps_ahead_removes_no_library_and_no_audit_trail(used: Bench) -> None:
    async with used.open() as library:
        await library.curator.catalogue.leave(OURS)
        uploads, acts = used.uploads, await library.curator.catalogue.audit(OURS)
    for days in (40, 400):
        used.now += days * DAY
        async with used.open() as library:
            await library.curator.tidy()
            await is_whole(library)
            assert await library.curator.catalogue.audit(OURS) == acts
        used.ran += TWO_LOOKS - 60
        async with used.open() as library:
            await library.curator.tidy()
            await is_whole(library)
        used.now -= days * DAY
        async with used.open() as library:
            await library.curator.tidy()
        used.ran += TWO_LOOKS
        async with used.open() as library:
            await library.curator.tidy()
            await is_whole(library)
            assert used.uploads == uploads
            assert await library.curator.catalogue.audit(OURS) == acts


async def test_the_day_between_two_looks_is_summed_over_starts(used: Bench) -> None:
    async with used.open() as library:
        await note(library.curator.catalogue, THEIRS, ALICE, "long ago")
        await library.curator.catalogue.leave(OURS)
    used.now += max(LEFT_SECONDS, AUDIT_SECONDS)
    gone = []
    for _ in range(5):
        async with used.open() as library:
            used.ran += TWO_LOOKS / 4
            await library.curator.tidy()
            gone.append(library.curator.standings.of(OURS).revision is None)
    assert gone == [False, False, False, True, True]


# --- 6. Who may read it -----------------------------------------------------------------------------------


def modes(folder: Path) -> set[str]:
    found = {"data": folder, **{str(path): path for path in folder.rglob("*")}}
    return {
        f"{oct(stat.S_IMODE(path.lstat().st_mode))} {path.relative_to(folder)}"
        for path in found.values()
        if stat.S_IMODE(path.lstat().st_mode) & 0o077
    }


async def test_nobody_else_can_read_what_is_kept(used: Bench) -> None:
    async with used.open() as library:
        await library.store.note("x", "1")
        assert modes(used.data) == set()
    assert stat.S_IMODE(used.data.stat().st_mode) == 0o700
    assert stat.S_IMODE(used.database.stat().st_mode) == 0o600


async def test_what_an_older_version_left_open_is_closed(used: Bench) -> None:
    for path in (used.data, *used.data.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    async with used.open() as library:
        await is_whole(library)
        assert modes(used.data) == set()


@pytest.fixture
def public() -> Iterator[Path]:
    """A folder that any user may look into."""
    with tempfile.TemporaryDirectory() as made:
        Path(made).chmod(0o777)
        yield Path(made)


def as_nobody(work: Callable[[], object]) -> str:
    """Do something as a user who may do nothing in particular, and return what was raised, or nothing."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            if os.geteuid() == 0:
                os.setegid(65534)
                os.seteuid(65534)
            work()
            os.write(writing, b"")
        except LinerNotesError as error:
            os.write(writing, f"{type(error).__name__}: {error}".encode())
        except BaseException as error:  # noqa: BLE001  a fork must never go on as its parent
            os.write(writing, f"traceback {error!r}".encode())
        os._exit(0)
    os.close(writing)
    os.waitpid(child, 0)
    with os.fdopen(reading, encoding="utf-8") as told:
        return told.read()


def open_store(folder: Path) -> None:
    async def opened() -> None:
        with lock(folder):
            store = Store(folder / DATABASE)
            try:
                await store.open()
            finally:
                await store.close()

    asyncio.run(opened())


@pytest.mark.parametrize(
    ("what", "mode", "says"),
    [
        ("folder", 0o000, "DataFolderError"),
        ("folder", 0o500, "StoreError"),
        ("database", 0o000, "StoreError"),
        ("database", 0o444, "StoreError"),
    ],
)
def test_what_may_not_be_read_or_written_is_a_sentence_that_says_what_to_do(
    public: Path, what: str, mode: int, says: str
) -> None:
    folder = public / "data"

    def make() -> None:
        open_store(folder)

    assert as_nobody(make) == ""
    path = folder if what == "folder" else folder / DATABASE
    path.chmod(mode)
    try:
        told = as_nobody(make)
        assert told.startswith(f"{says}: ")
        assert str(path) in told
        assert "make it" in told or "who may use" in told
        assert "delete" not in told
    finally:
        path.chmod(0o777)


def test_doctor_names_an_env_file_that_others_can_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from linernotes.shell.doctor import examine

    write_corpus(tmp_path / "corpus")
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("LOG_LEVEL=info\n")
    for mode, is_named in ((0o644, True), (0o640, True), (0o600, False)):
        (tmp_path / ".env").chmod(mode)
        told = [str(each) for each, _ in zip(examine({}), range(5), strict=False)]
        assert any("chmod 600 .env" in each for each in told) == is_named, told


async def test_doctor_tells_of_the_database_and_of_the_quarantine(used: Bench) -> None:
    from linernotes.shell.doctor import _database

    assert str(_database(used.settings)).startswith("ok    database")
    (used.data / "uploads" / ("0" * 64)).write_bytes(b"stray")
    async with used.open():
        assert "in use" in str(_database(used.settings))
    told = str(_database(used.settings))
    assert told.startswith("note  database")
    assert "1 files or folders" in told
    assert "2027-01-15" in told
    lose(used.database)
    left = files_below(used.data)
    with pytest.raises(StoreLostError, match="is missing"):
        _database(used.settings)
    assert files_below(used.data) == left, "to look changes nothing"


# --- 7. What stands in the place of what we keep ----------------------------------------------------------


@pytest.mark.parametrize("name", ["lock", "lock.pid"])
@pytest.mark.parametrize("kind", ["removed", "a folder", "a pipe", "a link"])
def test_a_second_process_is_kept_out_whatever_stands_for_the_lock(
    tmp_path: Path, name: str, kind: str
) -> None:
    path = tmp_path / name

    def replace_it() -> None:
        path.rmdir() if path.is_dir() else path.unlink(missing_ok=True)
        if kind == "a folder":
            path.mkdir()
        elif kind == "a pipe":
            os.mkfifo(path)
        elif kind == "a link":
            path.symlink_to("nowhere")

    done = threading.Event()

    def work() -> None:
        replace_it()
        with lock(tmp_path):
            replace_it()
            with pytest.raises(DataFolderBusyError), lock(tmp_path):
                pass
        done.set()

    # A start that hangs would hang the tests.
    threading.Thread(target=work, daemon=True).start()
    assert done.wait(20)


@pytest.mark.parametrize("ending", ["", "-wal", "-shm", "-journal"])
@pytest.mark.parametrize("kind", ["a folder", "a pipe", "a link"])
async def test_what_stands_for_the_database_is_never_waited_for(used: Bench, ending: str, kind: str) -> None:
    path = used.database.with_name(DATABASE + ending)
    path.unlink(missing_ok=True)
    if kind == "a folder":
        path.mkdir()
    elif kind == "a pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("nowhere")
    if ending:
        async with used.open() as library:
            await is_whole(library)
    else:
        await used.refusal()
        assert not (used.data / "nowhere").exists()


@pytest.mark.parametrize("name", ["uploads", "editions", "segments"])
async def test_a_file_in_the_place_of_a_folder_is_put_out_of_the_way(used: Bench, name: str) -> None:
    shutil.rmtree(used.data / name)
    (used.data / name).write_text("in the way")
    async with used.open() as library:
        assert names(library) == ["ferry.txt", "harbour.md"]
        await do(library, Add("gulls.txt", b"The gulls were counted by Emma Fisk in 1890."))
    async with used.open() as library:
        assert names(library) == ["ferry.txt", "gulls.txt", "harbour.md"]
        assert used.quarantine("other") == {name}


@pytest.mark.parametrize("again", [False, True], ids=["removed", "removed and made again"])
async def test_a_data_folder_that_is_removed_while_the_bot_runs_is_noticed(used: Bench, again: bool) -> None:
    async with used.open() as library:
        made = await library.curator.preview(OURS, ALICE, Add("gulls.txt", b"The gulls were counted."))
        kept = shutil.copytree(
            used.data, used.data.with_name("kept"), ignore=shutil.ignore_patterns("*.sock")
        )
        shutil.rmtree(used.data)
        if again:
            shutil.copytree(kept, used.data)
        with pytest.raises(LinerNotesError) as caught:
            await library.curator.apply(OURS, ALICE, made.id)
        with pytest.raises(StoreLostError, match="removed or replaced while the bot was running"):
            await library.store.save_server(OURS, Server())
        assert "Nothing has been deleted" not in str(caught.value)
        assert "Captain Drake" in await said(library), "it goes on answering"
        assert used.data.exists() == again, "nothing of it comes back empty"
    if not again:
        shutil.copytree(kept, used.data)
    async with used.open() as library:
        await is_whole(library)


async def test_a_path_may_have_a_byte_that_is_no_utf_8(bench: Bench, tmp_path: Path) -> None:
    folder = Path(os.fsdecode(os.fsencode(tmp_path / "data-") + b"\xff"))
    bench.settings = bench.settings.model_copy(update={"data_dir": folder})
    async with bench.open() as library:
        await do(library, Add("ferry.txt", FERRY))
    embedder = FakeEmbedder()
    async with Library.open(bench.settings, embedder=embedder) as library:
        assert names(library) == ["ferry.txt", "harbour.md", "lanterns.md"]
        assert embedder.texts == [], "what was saved is read again"
        assert "Captain Drake" in await said(library)


# --- 9. What a promise depends on is on the disk ----------------------------------------------------------


async def test_what_moderators_are_told_is_kept_is_on_the_disk_first(
    used: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite flushes by itself; whether it was told to is what can be seen."""
    levels: list[int] = []
    async with used.open() as library:

        def spy(db: sa.Connection) -> None:
            levels.append(db.exec_driver_sql("PRAGMA synchronous").fetchone()[0])

        await library.store.run(spy)
        await library.store.run(spy, lasting=True)
        await library.store.save_server(OURS, Server(), spy)
        await library.store.run(spy)
        log = used.database.with_name(f"{DATABASE}-wal")
        await library.store.save_server(OURS, Server({5: "deny"}))
        assert log.stat().st_size == 0, "what lasts stands in the database's own file"
    assert levels == [1, 2, 2, 1]
