"""Several processes on one PostgreSQL: who serves what, and what one changes counts in all."""

from __future__ import annotations

import asyncio
import functools
import json
import statistics
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import psycopg
import pytest
from pydantic import SecretStr

from fakes import FakeEmbedder, write_corpus
from linernotes.chat.frame.server_settings import Servers
from linernotes.errors import RefusalError, StoreAwayError, StoreTakenError, StoreUnkeptError
from linernotes.library import Library, hearing, holding, postgresql, processes
from linernotes.library.changes import Add
from linernotes.library.locks import Locks
from linernotes.library.news import News, read
from linernotes.library.postgresql import ServerDatabase
from linernotes.library.processes import IDENTIFY_SECONDS, Processes
from linernotes.library.rows import FACTS
from linernotes.library.store import KEPT_QUESTION_SECONDS, Question, Store
from linernotes.models import Answer
from linernotes.settings import Settings
from linernotes.shards import Shards

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from linernotes.library.changes import Change

# How many shards somebody holds.
HELD = (
    "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 2"
    " AND classid::bigint = 1280180229 AND database = (SELECT oid FROM pg_database WHERE datname ="
    " current_database())"
)
# Servers of shard 0 and shard 1 of 2.
EVEN, ODD = 1_000 << 22, 1_001 << 22
MODERATOR = 44
# A second, and what a busy machine adds; were it not told, nothing would be looked up at all.
SOON = 3.0
FERRY = b"The ferry sank in 1902 with Captain Drake on board."
QUESTION = "Who was on board the ferry that sank in 1902?"
GULLS = "# The gulls\n\nThe gulls were counted by Emma Fisk in 1890.\n"
ABOUT_GULLS = "Who counted the gulls in 1890?"


@dataclass
class Bench:
    folder: Path
    url: str

    @asynccontextmanager
    async def open(self, shards: str, *, data: str | None = None) -> AsyncIterator[Library]:
        settings = Settings(
            corpus_dir=self.folder / "corpus",
            data_dir=self.folder / (data or f"data-{shards.replace('/', '-of-')}"),
            database_url=SecretStr(self.url),
            shards=Shards.parse(shards) if shards else None,
        )
        async with Library.open(settings, embedder=FakeEmbedder()) as library:
            yield library

    def rows(self, said: str) -> list[tuple[object, ...]]:
        with psycopg.connect(self.url, autocommit=True) as db:
            found = db.execute(said)
            return found.fetchall() if found.description else []

    def cut(self, library: Library, *, news: bool) -> None:
        """End the session by which a process hears news, or all its others."""
        assert library.store.server is not None
        name = library.store.server.name
        which = f"= '{name} news'" if news else f"= '{name}'"
        found = self.rows(
            f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name {which}"  # noqa: S608  ours
        )
        assert found


@pytest.fixture
def bench(tmp_path: Path, make_database: Callable[[], str]) -> Bench:
    write_corpus(tmp_path / "corpus")
    return Bench(tmp_path, make_database())


@pytest.fixture(autouse=True)
def _briefly(monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits for a process that ends waits for less."""
    monkeypatch.setattr(holding, "WAIT_SECONDS", 0.3)
    monkeypatch.setattr(processes, "LOOK_SECONDS", 0.1)


@pytest.fixture
async def opened_stores() -> AsyncIterator[Callable[[str, int], list[Store]]]:
    """Give as many stores as are wanted on one server, and close them in the end."""
    made: list[Store] = []

    def make(url: str, count: int) -> list[Store]:
        made.extend(Store(None, url=url) for _ in range(count))
        return made

    yield make
    for store in made:
        await store.close()


async def do(library: Library, guild: int, change: Change) -> None:
    preview = await library.curator.preview(guild, MODERATOR, change)
    await library.curator.apply(guild, MODERATOR, preview.id)


async def said(library: Library, question: str, guild: int | None) -> str:
    reply = (await library.ask(question, guild=guild)).reply
    return reply.text if isinstance(reply, Answer) else ""


def serves(library: Library, edition: str) -> bool:
    """Say whether a library's shared edition is this one."""
    return library.curator.standings.of(None).edition.id == edition


async def until(true: Callable[[], object], seconds: float = 20.0) -> float:
    """Wait until something is true; returns how long that took."""
    began = time.monotonic()
    while not true():
        assert time.monotonic() - began < seconds
        await asyncio.sleep(0.01)
    return time.monotonic() - began


# --- Who serves what --------------------------------------------------------------------------------------


async def test_a_process_whose_shards_another_serves_is_refused(bench: Bench) -> None:
    async with bench.open("0-1/4"), bench.open("2/4"):
        with pytest.raises(
            StoreTakenError, match=r"SHARDS=1-3/4: shard 1 is served by another process"
        ) as no:
            async with bench.open("1-3/4"):
                pass
        assert no.value.exit_status == 69
        async with bench.open("3/4"):
            pass
    async with bench.open("1-3/4"):
        pass


async def test_processes_that_divide_the_servers_in_two_ways_are_refused(bench: Bench) -> None:
    async with bench.open("0/2"):
        with pytest.raises(StoreTakenError, match=r"divides the servers by 2, and not by 4"):
            async with bench.open("3/4"):
                pass
        with pytest.raises(StoreTakenError, match=r"let several share it by SHARDS"):
            async with bench.open(""):
                pass
    async with bench.open(""):
        with pytest.raises(StoreTakenError, match=r"without SHARDS, which serves all servers"):
            async with bench.open("0/2"):
                pass


async def test_a_start_waits_for_a_process_that_ends(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holding, "WAIT_SECONDS", 20.0)
    closes = asyncio.Event()

    async def first() -> None:
        async with bench.open("0/2", data="first"):
            opened.set()
            await closes.wait()

    opened = asyncio.Event()
    running = asyncio.ensure_future(first())
    await opened.wait()
    asyncio.get_running_loop().call_later(1.0, closes.set)
    async with bench.open("0/2", data="second"):
        assert closes.is_set()
    await running


async def test_a_process_holds_its_own_servers_alone(bench: Bench) -> None:
    async with bench.open("0/2") as even, bench.open("1/2") as odd:
        await do(even, EVEN, Add("ferry.txt", FERRY))
        await do(odd, ODD, Add("ferry.txt", FERRY))
        assert even.curator.standings.guilds == {EVEN}
        assert odd.curator.standings.guilds == {ODD}
        for library in (even, odd):
            await library.curator.tidy()
    # Divided in another way, and with an empty disk: each is found where it is served now.
    async with bench.open("0/1", data="empty") as library:
        assert library.curator.standings.guilds == {EVEN, ODD}
        for guild in (EVEN, ODD):
            assert "Captain Drake" in await said(library, QUESTION, guild)


async def test_servers_of_another_process_are_not_taken_for_left(bench: Bench) -> None:
    async with bench.open("0/2") as even, bench.open("1/2") as odd:
        await do(even, EVEN, Add("ferry.txt", FERRY))
        await do(odd, ODD, Add("ferry.txt", FERRY))
        await even.curator.catalogue.set_members(frozenset())
        assert bench.rows("SELECT guild FROM departures") == [(EVEN,)]
        await even.curator.catalogue.set_members(frozenset({EVEN}))
        assert bench.rows("SELECT guild FROM departures") == []


async def test_open_questions_are_those_of_their_own_process(bench: Bench) -> None:
    now = time.time()
    async with bench.open("0/2") as even, bench.open("1/2") as odd:
        ours = Question(1, EVEN, 5, now), Question(2, None, 6, now)
        theirs = Question(3, ODD, 7, now)
        await even.store.keep_questions(ours)
        await odd.store.keep_questions((theirs,))
        assert await even.store.questions() == ours
        assert await odd.store.questions() == (theirs,)
        # Old ones are their own process's to remove.
        bench.rows(f"UPDATE questions SET at = at - {KEPT_QUESTION_SECONDS + 1}")  # noqa: S608  ours
        await odd.store.keep_questions(())
        assert bench.rows("SELECT message FROM questions ORDER BY message") == [(1,), (2,)]
        await even.store.keep_questions(())
        assert bench.rows("SELECT message FROM questions") == []


async def test_rows_are_tidied_by_the_first_process_and_count_its_time_alone(bench: Bench) -> None:
    async with bench.open("0/2") as even, bench.open("1/2") as odd:
        await do(odd, ODD, Add("ferry.txt", FERRY))
        for number in range(12):
            await do(odd, ODD, Add("other.txt", b"The boat has number %d." % number))
        await odd.curator.tidy()
        assert len(bench.rows("SELECT 1 FROM revisions")) == 14
        ran = bench.rows("SELECT value FROM facts WHERE name = 'seconds run'")
        await odd.curator.tidy()
        assert bench.rows("SELECT value FROM facts WHERE name = 'seconds run'") == ran
        await even.curator.tidy()
        kept = await odd.curator.catalogue.revisions(ODD)
        assert len(bench.rows("SELECT 1 FROM revisions")) == len(kept) == 10
        # What went is gone from the database, what is needed is there, and segments go with their editions.
        named = {upload.digest for each in kept for upload in each.own.values()}
        assert {name for (name,) in bench.rows("SELECT name FROM files WHERE kind = 'uploads'")} == named
        listed = "SELECT path FROM files WHERE kind = 'listed' AND path <> ''"
        segments = "SELECT name FROM files WHERE kind = 'segments'"
        assert {*bench.rows(listed)} == {*bench.rows(segments)}
        # On the disk of the other process, copies of what is gone go too, and nothing is in a quarantine.
        await odd.curator.tidy()
        data = bench.folder / "data-1-of-2"
        assert {path.name for path in (data / "uploads").iterdir()} == named
        assert not (data / "quarantine").exists() or not [*(data / "quarantine").iterdir()]


# --- What counts in all -----------------------------------------------------------------------------------


async def test_a_reload_in_one_process_counts_in_all_within_a_second(bench: Bench) -> None:
    async with bench.open("0/2") as even, bench.open("1/2") as odd:
        await do(even, EVEN, Add("ferry.txt", FERRY))
        await asyncio.sleep(0.3)
        write_corpus(bench.folder / "corpus", gulls=GULLS)
        moved: list[int] = []

        async def note(each: object) -> None:
            moved.extend(one.guild for one in each)  # type: ignore[attr-defined]

        even.hearing.on_moved = note
        reloaded = await odd.curator.reload_all()
        times = [await until(lambda: even.curator.standings.of(None).edition.id == reloaded.edition.id)]
        await until(lambda: moved == [EVEN])
        for guild in (None, EVEN):
            assert "Emma Fisk" in await said(even, ABOUT_GULLS, guild)
        assert "Captain Drake" in await said(even, QUESTION, EVEN)
        for number in range(4):
            write_corpus(bench.folder / "corpus", gulls=f"{GULLS}There were {number} of them.\n")
            reloaded = await odd.curator.reload_all()
            wanted = reloaded.edition.id
            times.append(await until(functools.partial(serves, even, wanted)))
        # Most of them: other programs may take the machine for a while.
        assert statistics.median(times) < 1.0, times
    # And it still does when all are started again, whatever stands in the folder of a process.
    async with bench.open("0/2") as even, bench.open("1/2") as odd:
        for library in (even, odd):
            assert (await library.edition()).id == reloaded.edition.id


async def test_a_server_that_was_busy_when_another_process_reloaded_is_moved_once_it_is_not(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hearing, "_AGAIN_SECONDS", 0.1)
    async with bench.open("0/2") as even, bench.open("1/2") as odd:
        await do(even, EVEN, Add("ferry.txt", FERRY))
        await asyncio.sleep(0.3)
        write_corpus(bench.folder / "corpus", gulls=GULLS)
        async with even.curator._locks.alone(EVEN, MODERATOR, "added more"):
            reloaded = await odd.curator.reload_all()
            await until(functools.partial(serves, even, reloaded.edition.id))
            await asyncio.sleep(0.3)
            assert "Emma Fisk" not in await said(even, ABOUT_GULLS, EVEN)
        await until(
            lambda: "gulls.md" in {each.name for each in even.curator.standings.of(EVEN).edition.documents}
        )
        assert "Emma Fisk" in await said(even, ABOUT_GULLS, EVEN)


async def test_a_start_of_the_first_process_with_other_articles_counts_in_all(bench: Bench) -> None:
    async with bench.open("1/2") as odd:
        await do(odd, ODD, Add("ferry.txt", FERRY))
        write_corpus(bench.folder / "corpus", gulls=GULLS)
        async with bench.open("0/2") as even:
            await until(lambda: odd.curator.standings.of(None).edition is not None)
            wanted = (await even.edition()).id
            await until(lambda: odd.curator.standings.of(None).edition.id == wanted)
            await until(
                lambda: "gulls.md" in {d.name for d in odd.curator.standings.of(ODD).edition.documents}
            )
            assert "Emma Fisk" in await said(odd, ABOUT_GULLS, ODD)


async def test_who_was_down_during_a_reload_follows_at_its_start(bench: Bench) -> None:
    async with bench.open("0/2") as even:
        async with bench.open("1/2") as odd:
            await do(odd, ODD, Add("ferry.txt", FERRY))
        write_corpus(bench.folder / "corpus", gulls=GULLS)
        await even.curator.reload_all()
        async with bench.open("1/2") as odd:
            (moved,) = await odd.caught_up
            assert (moved.guild, moved.move) == (ODD, "moved")
            assert "Emma Fisk" in await said(odd, ABOUT_GULLS, ODD)


async def test_a_change_by_another_process_counts_within_a_second(bench: Bench) -> None:
    """As a process makes it that has the server by a mistake, or the operator by hand."""
    async with bench.open("0/2") as even, bench.open("1/2") as odd:
        await do(even, EVEN, Add("ferry.txt", FERRY))
        await asyncio.sleep(0.3)
        before = even.curator.standings.base(EVEN)
        after = replace(before, number=3, edition=(await odd.edition()).id, own={}, what="went away")
        await odd.curator.catalogue.commit(after, before=before)
        assert await until(lambda: even.curator.standings.base(EVEN) == after) < SOON
        assert "Captain Drake" not in await said(even, QUESTION, EVEN)


async def test_what_was_missed_while_the_connection_was_lost_is_looked_up(
    bench: Bench, cut_off: Callable[[str], AbstractContextManager[None]]
) -> None:
    async with bench.open("0/2") as even, bench.open("1/2") as odd:
        await do(even, EVEN, Add("ferry.txt", FERRY))
        bench.cut(even, news=True)
        write_corpus(bench.folder / "corpus", gulls=GULLS)
        reloaded = await odd.curator.reload_all()
        await until(lambda: even.curator.standings.of(EVEN).edition.documents[1].name == "gulls.md")
        assert even.curator.standings.of(None).edition.id == reloaded.edition.id
        # The same where the whole server was away; nothing is lost, and both go on.
        with cut_off(bench.url):
            assert "Emma Fisk" in await said(even, ABOUT_GULLS, EVEN)
        write_corpus(bench.folder / "corpus", gulls=GULLS.replace("Fisk", "Boll"))
        deadline = time.monotonic() + 30
        while True:
            try:
                reloaded = await even.curator.reload_all()
                break
            except StoreAwayError:
                assert time.monotonic() < deadline
                await asyncio.sleep(0.1)
        await until(lambda: odd.curator.standings.of(None).edition.id == reloaded.edition.id)


async def test_settings_that_another_process_changes_count_within_a_second(bench: Bench) -> None:
    async with bench.open("0/2") as even, bench.open("1/2") as odd:
        ours, theirs = Servers(even.store), Servers(odd.store)
        even.processes.listen(ours.hear)
        await ours.load()
        await asyncio.sleep(0.3)
        await theirs.set_moderator_role(EVEN, 77)
        assert await until(lambda: ours.of(EVEN).moderator_role == 77) < SOON
        await theirs.set_rule(EVEN, 5, "deny")
        assert await until(lambda: ours.of(EVEN).channels == {5: "deny"}) < SOON
        # Those of another process's servers are not held.
        await ours.set_gaps(ODD, kept=True)
        await ours.load()
        assert not ours.of(ODD).gaps


def test_of_what_is_told_all_that_is_ours_is_read_and_nothing_else() -> None:
    assert read("linernotes ab library 5", "linernotes cd") == News("library", 5)
    assert read("linernotes ab shared 0", "linernotes cd") == News("shared", None)
    for told in (
        "linernotes cd library 5",
        "linernotes ab nothing 5",
        "x",
        "",
        "a library -1",
        "a library x",
    ):
        assert read(told, "linernotes cd") is None


# --- One at a time ----------------------------------------------------------------------------------------


async def test_one_process_at_a_time_changes_a_library_and_the_other_is_told_who(
    make_database: Callable[[], str], opened_stores: Callable[[str, int], list[Store]]
) -> None:
    url = make_database()
    stores = opened_stores(url, 2)
    first, second = (Locks(time.time, Processes(store)) for store in stores)
    async with first.alone(EVEN, MODERATOR, "added ferry.txt"):
        with pytest.raises(
            RefusalError, match=rf"<@{MODERATOR}> is changing .*“added ferry.txt”, for \d+ sec"
        ):
            async with second.alone(EVEN, 45, "hid it"):
                pass
        async with second.alone(ODD, 45, "hid it"):
            pass
    async with second.alone(EVEN, 45, "hid it"):
        # Somebody who has asked to be forgotten is not named by what is noted here.
        await stores[0].forget(45)
        assert await stores[0].facts("at work") == {}
        # A process that dies gives it up; what it has told is told no more.
        server = stores[1].server
        assert server is not None
        with psycopg.connect(url, autocommit=True) as db:
            end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s"
            db.execute(end, (server.name,))
        async with first.alone(EVEN, MODERATOR, "added ferry.txt"):
            told = await stores[0].facts("at work")
            assert json.loads(told[f"at work: {EVEN}"])[:2] == [MODERATOR, "added ferry.txt"]


async def test_who_has_just_begun_is_named_and_who_has_just_ended_is_not_waited_for(
    make_database: Callable[[], str], opened_stores: Callable[[str, int], list[Store]]
) -> None:
    stores = opened_stores(make_database(), 2)
    first, second = stores[0].server, Processes(stores[1])
    assert first is not None
    # The lock is there before the name, and stays until after it.
    await stores[0].in_thread(functools.partial(first.take_library, EVEN))
    asking = asyncio.create_task(second.take_library(EVEN, "the second"))
    await asyncio.sleep(0.2)
    await stores[0].note(f"at work: {EVEN}", "the first")
    assert await asking == "the first"
    await stores[0].run(lambda db: FACTS.delete(db, FACTS.c.name == f"at work: {EVEN}"))
    asking = asyncio.create_task(second.take_library(EVEN, "the second"))
    await asyncio.sleep(0.2)
    await stores[0].in_thread(functools.partial(first.give_library, EVEN))
    assert await asking is None
    await second.give_library(EVEN)


async def test_a_process_that_was_superseded_is_fenced_off_and_ends(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks, look = True, ServerDatabase.look
    monkeypatch.setattr(ServerDatabase, "look", lambda server: look(server) if looks else None)
    async with bench.open("0/2") as old:
        await do(old, EVEN, Add("ferry.txt", FERRY))
        # It does not notice for a while that it has lost its connection, and another takes its place.
        looks = False
        bench.cut(old, news=False)
        async with bench.open("0/2", data="new") as new:
            looks = True
            error = await asyncio.wait_for(old.processes.superseded(), 20)
            assert "shard 0 is served by another process" in str(error)
            with pytest.raises(StoreAwayError):
                await do(old, EVEN, Add("other.txt", b"The boat is green."))
            # From memory it still answers; what is to be done is the new one's.
            assert "Captain Drake" in await said(old, QUESTION, EVEN)
            await do(new, EVEN, Add("other.txt", b"The boat is green."))
            assert len(await new.curator.catalogue.revisions(EVEN)) == 3


async def test_a_server_that_is_busy_takes_nobodys_place_away(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql, "_LOCK_SECONDS", 1)
    async with bench.open("0/2") as even:
        await do(even, EVEN, Add("ferry.txt", FERRY))
        held = bench.rows("SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objid = 0")
        with psycopg.connect(bench.url) as other:
            # Somebody writes for long.
            other.execute("SELECT pg_advisory_xact_lock(1280180226)")
            with pytest.raises(StoreAwayError):
                await even.store.note("something", "else", lasting=True)
        assert bench.rows("SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objid = 0") == held != []
        await asyncio.sleep(1.1)
        await even.store.note("something", "else", lasting=True)


async def test_a_connection_that_is_lost_and_had_again_costs_nothing(bench: Bench) -> None:
    async with bench.open("0/2") as even:
        await do(even, EVEN, Add("ferry.txt", FERRY))
        for number in range(3):
            bench.cut(even, news=False)
            await until(lambda: bench.rows(HELD) == [(1,)])
            deadline = time.monotonic() + 20
            while True:
                try:
                    await do(even, EVEN, Add("other.txt", b"The boat has number %d." % number))
                    break
                except StoreAwayError:
                    assert time.monotonic() < deadline
                    await asyncio.sleep(0.05)
        assert not even.store.server.is_superseded  # type: ignore[union-attr]
        assert [each.number for each in await even.curator.catalogue.revisions(EVEN)] == [5, 4, 3, 2, 1]


async def test_what_another_process_has_let_go_meanwhile_is_kept_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bench.open("1/2") as odd:
        await do(odd, ODD, Add("ferry.txt", FERRY))
        commit, tried = odd.curator.catalogue.commit, 0

        async def let_go(*given: object, **named: object) -> None:
            nonlocal tried
            tried += 1
            if tried == 1:
                bench.rows("DELETE FROM files WHERE kind IN ('uploads', 'segments')")
            await commit(*given, **named)  # type: ignore[arg-type]

        monkeypatch.setattr(odd.curator.catalogue, "commit", let_go)
        await do(odd, ODD, Add("other.txt", b"The boat is green."))
        assert tried == 2
    async with bench.open("0-1/2", data="empty") as library:
        reply = (await library.ask("What colour is the boat?", guild=ODD)).reply
        assert "other.txt" in {each.name for each in (await library.edition(ODD)).documents}, reply


async def test_a_revision_whose_files_are_not_kept_is_refused(bench: Bench) -> None:
    async with bench.open("1/2") as odd:
        before = odd.curator.standings.base(ODD)
        after = replace(before, number=2, edition="0" * 64)
        with pytest.raises(StoreUnkeptError, match="lacks 1 of the editions"):
            await odd.curator.catalogue.commit(after, before=before, sure=True)
        assert await odd.curator.catalogue.revisions(ODD) == ()


async def test_turns_to_identify_are_apart_over_all_processes(
    make_database: Callable[[], str], opened_stores: Callable[[str, int], list[Store]]
) -> None:
    stores = opened_stores(make_database(), 3)
    await asyncio.gather(*(store.open() for store in stores))
    turns = await asyncio.gather(*(Processes(store).turn_to_identify(0) for store in stores * 2))
    assert sorted(turns) == pytest.approx([IDENTIFY_SECONDS * number for number in range(6)], abs=2.0)
    # Another row has its own.
    assert await Processes(stores[0]).turn_to_identify(1) == 0.0
    # A clock that was put back, or a row that is damaged, makes nobody wait for days.
    for value in ("1e12", "x"):
        await stores[0].note("identify: 1", value)
        assert await Processes(stores[1]).turn_to_identify(1) == 0.0
