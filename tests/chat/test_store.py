"""The database: what is kept, for how long and for whom, and what is refused."""

from __future__ import annotations

import asyncio
import functools
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import AbstractContextManager, closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from world import Clock

from fakes import make_first_database, note
from late import Late
from linernotes.errors import ClosedError, StoreAwayError, StoreError, StoreLostError
from linernotes.library import database as module
from linernotes.library.catalogue import OPERATOR, Catalogue, Revision
from linernotes.library.store import KEPT_SECONDS, Evidence, Forgotten, Posted, Server, Store
from linernotes.library.tables import metadata, of_server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    import sqlalchemy as sa

migrations = Late("linernotes.library.migrations")

EVIDENCE = (
    Evidence("a.md", 3, 1.5, {"late": 0.25}, ((0, 10), (12, 20)), ("0a1b", "2c3d")),
    Evidence("b.md", 1, 0.5, {}),
)
OTHER = Evidence("c.md", 2, 0.4, {}, ((5, 9),), ("4e5f",))
POSTED = Posted(11, 22, 33, 44, "e" * 64, 0.75, EVIDENCE, certainty="near", other=OTHER)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "store.db"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def store(path: Path, url: str | None, clock: Clock) -> AsyncIterator[Store]:
    made = Store(path, url=url, clock=clock)
    yield made
    await made.close()


@pytest.fixture
async def embedded(path: Path, clock: Clock) -> AsyncIterator[Store]:
    made = Store(path, clock=clock)
    yield made
    await made.close()


async def found(store: Store, posted: Posted = POSTED) -> Posted | None:
    return await store.find(posted.key, guild=posted.guild, channel=posted.channel)


# --- What is kept -----------------------------------------------------------------------------------------


async def test_an_answer_is_kept_as_it_was(store: Store) -> None:
    await store.record(POSTED)
    assert await found(store) == POSTED
    await store.sent(11, 55)
    assert await store.find_message(55, guild=22, channel=33) == replace(POSTED, message=55)
    await store.drop(11)
    assert await found(store) is None


async def test_an_answer_is_found_in_its_server_and_channel_alone(store: Store) -> None:
    direct = replace(POSTED, key=12, guild=None, message=56)
    for posted in (replace(POSTED, message=55), direct):
        await store.record(posted)
    assert await found(store, direct) == direct
    for guild, channel in ((22, 34), (23, 33), (None, 33)):
        assert await store.find(11, guild=guild, channel=channel) is None
        assert await store.find_message(55, guild=guild, channel=channel) is None
    for guild, channel in ((22, 33), (None, 34)):
        assert await store.find(12, guild=guild, channel=channel) is None


async def test_no_number_is_too_large(store: Store) -> None:
    assert await store.find(2**70, guild=22, channel=33) is None
    largest = replace(POSTED, key=2**63 - 1)
    await store.record(largest)
    assert await found(store, largest) == largest


async def test_an_answer_is_kept_for_thirty_days(store: Store, clock: Clock) -> None:
    await store.record(POSTED)
    await store.vote(11, 1, 1)
    clock.now += KEPT_SECONDS - 1
    assert await found(store) == POSTED
    clock.now += 1
    assert await found(store) is None
    # What is too old goes from the disk as well, with the votes on it.
    await store.record(replace(POSTED, key=99))
    kept = await store.run(lambda db: db.exec_driver_sql("SELECT key FROM answers").fetchall())
    assert kept == [(99,)]
    assert await store.run(lambda db: db.exec_driver_sql("SELECT * FROM feedback").fetchall()) == []


async def test_no_text_of_anybody_has_a_place(store: Store) -> None:
    await store.record(POSTED)
    columns = {*await store.run(lambda db: db.exec_driver_sql("SELECT * FROM answers").keys())}
    assert columns == {
        "key", "guild", "channel", "message", "asker", "edition", "confidence", "evidence", "at",
    }  # fmt: skip


async def test_one_vote_for_each_person_and_answer(store: Store) -> None:
    await store.record(POSTED)
    assert await store.vote(11, 1, 1)
    assert not await store.vote(11, 1, 1)
    assert await store.vote(11, 1, -1)
    assert await store.vote(11, 2, 1)
    assert await store.votes(11) == {1: -1, 2: 1}


async def test_a_vote_on_no_answer_is_refused(store: Store) -> None:
    with pytest.raises(StoreError):
        await store.vote(404, 1, 1)


async def test_a_person_is_forgotten_and_others_are_not(store: Store) -> None:
    await store.record(POSTED)
    other = replace(POSTED, key=12, asker=45)
    await store.record(other)
    for key in (11, 12):
        await store.vote(key, 44, 1)
        await store.vote(key, 45, 1)
    forgotten = await store.forget(44)
    assert (forgotten.answers, forgotten.votes) == (1, 2)
    assert await found(store) is None
    assert await found(store, other) == other
    assert await store.votes(12) == {45: 1}
    assert (await store.forget(44)).answers == 0


async def test_who_is_forgotten_is_no_longer_named_for_what_they_changed(store: Store) -> None:
    catalogue = Catalogue(store)
    first = Revision(22, 1, "e" * 64, "the shared corpus", store.clock(), OPERATOR)
    await catalogue.commit(replace(first, number=2, what="added a.md", person=44), before=first)
    await catalogue.add_check(22, 44, "Who?", "Ada")
    await note(catalogue, 23, 45, "moderators: no role")
    await store.save_server(22, Server(blocked=frozenset({44})))
    # A revision and a check question, each with its line in the audit trail: two acts, whatever names them.
    assert await store.forget(44) == Forgotten(answers=0, votes=0, acts=2)
    assert [act.person for act in await catalogue.audit(22)] == [None, None]
    assert [act.person for act in await catalogue.audit(23)] == [45]
    assert [each.person for each in await catalogue.revisions(22)] == [None, OPERATOR]
    assert [each.person for each in await catalogue.checks(22)] == [None]
    # What moderators have set stays theirs.
    assert (await store.servers())[22].blocked == {44}
    assert await store.forget(44) == Forgotten(0, 0, 0)


async def test_what_is_too_old_is_forgotten_without_being_counted(store: Store, clock: Clock) -> None:
    catalogue = Catalogue(store)
    await store.record(replace(POSTED, asker=44))
    await store.vote(POSTED.key, 44, 1)
    first = Revision(22, 1, "e" * 64, "the shared corpus", store.clock(), OPERATOR)
    await catalogue.commit(replace(first, number=2, what="added a.md", person=44), before=first)
    await store.run(lambda db: db.exec_driver_sql("DELETE FROM audit"))
    clock.now += KEPT_SECONDS
    # The line of the audit trail has gone; the revision still says who made it.
    assert await store.forget(44) == Forgotten(answers=0, votes=0, acts=1)


async def test_settings_are_kept_server_by_server(store: Store, path: Path, url: str | None) -> None:
    one = Server({1: "allow", 2: "deny"}, frozenset({3, 4}), 5)
    await store.save_server(22, one)
    await store.save_server(23, Server())
    await store.save_server(23, Server(blocked=frozenset({9})))
    await store.close()
    again = Store(path, url=url)
    assert await again.servers() == {22: one, 23: Server(blocked=frozenset({9}))}
    await again.save_server(22, Server())
    assert (await again.servers())[22] == Server()
    await again.close()


async def test_facts_are_noted(store: Store) -> None:
    assert await store.fact("x") is None
    await store.note("x", "1")
    await store.note("x", "2")
    assert await store.fact("x") == "2"


# --- How it works -----------------------------------------------------------------------------------------


async def test_no_call_is_done_in_the_event_loop(store: Store) -> None:
    threads: set[int] = set()
    transact = store._transact

    def spy(work: Any, **options: Any) -> Any:
        threads.add(threading.get_ident())
        return transact(work, **options)

    store._transact = spy  # type: ignore[method-assign]
    await store.record(POSTED)
    await asyncio.gather(*(found(store) for _ in range(20)))
    assert len(threads) == 1
    assert threading.get_ident() not in threads


async def test_a_locked_database_does_not_hold_up_the_event_loop(
    embedded: Store, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("linernotes.library.database._BUSY_SECONDS", 0.2)
    await embedded.open()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    waiting = asyncio.ensure_future(embedded.note("x", "1"))
    ticks = 0
    while not waiting.done():
        await asyncio.sleep(0.01)
        ticks += 1
    assert ticks > 5
    with pytest.raises(StoreError, match="in use by another program"):
        await waiting
    other.execute("ROLLBACK")
    other.close()
    await embedded.note("x", "1")


async def test_what_fails_half_way_is_not_kept(store: Store) -> None:
    await store.save_server(22, Server(blocked=frozenset({1})))
    with pytest.raises(ValueError, match="neither allow nor deny"):
        await store.save_server(22, Server({1: "nonsense"}))  # type: ignore[dict-item]
    assert (await store.servers())[22] == Server(blocked=frozenset({1}))


async def test_what_cannot_be_committed_does_not_stand_in_the_way_of_the_next(embedded: Store) -> None:
    def write(db: sa.Connection) -> None:
        # Looked at only when all is to be kept: there is no such answer.
        db.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
        db.exec_driver_sql("INSERT INTO feedback VALUES (404, 1, 1)")

    with pytest.raises(StoreError, match="FOREIGN KEY"):
        await embedded.run(write)
    await embedded.note("x", "1")
    assert await embedded.fact("x") == "1"
    assert await embedded.votes(404) == {}


async def test_closed_it_says_so_and_closes_again(store: Store) -> None:
    await store.open()
    await store.close()
    await store.close()
    with pytest.raises(ClosedError):
        await store.fact("x")


async def test_in_memory_and_where_nothing_can_be_written(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("no folder")
    for path in (None, tmp_path / "file" / "store.db"):
        store = Store(path)
        await store.record(POSTED)
        assert await found(store) == POSTED
        await store.close()
    assert caplog.text.count("until the bot stops") == 1


async def test_two_processes_count_and_write_one_after_the_other(
    make_database: Callable[[], str], clock: Clock
) -> None:
    """Numbers of the audit trail and of check questions are of all processes."""
    url = make_database()
    stores = [Store(None, url=url, clock=clock) for _ in range(2)]
    catalogues = [Catalogue(each) for each in stores]
    await asyncio.gather(
        *(
            catalogues[number % 2].add_check(number % 3, 44, f"Who is {number}?", "Ada")
            for number in range(30)
        ),
        *(catalogues[number % 2].release(Revision(1, 1, "e" * 64, "", 1.0, 44)) for number in range(10)),
    )
    for catalogue in catalogues:
        checks = [each for guild in range(3) for each in await catalogue.checks(guild)]
        assert sorted(each.number for each in checks) == list(range(1, 31))
        assert sum([await catalogue.count_acts(guild) for guild in range(3)]) == 30
    for each in stores:
        await each.close()


async def test_a_server_that_goes_away_is_told_at_once_and_found_again(
    make_database: Callable[[], str], cut_off: Callable[[str], AbstractContextManager[None]]
) -> None:
    url = make_database()
    store = Store(None, url=url)
    await store.note("x", "1")
    with cut_off(url):
        for _ in range(3):
            with pytest.raises(StoreAwayError, match="not to be had") as caught:
                await store.note("x", "2")
            assert url not in str(caught.value)
    deadline = time.monotonic() + 60
    while True:
        try:
            await store.note("x", "3")
            break
        except StoreAwayError:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.1)
    assert await store.fact("x") == "3"
    # A connection that was cut while nothing was asked of it is not noticed at all.
    with cut_off(url):
        pass
    assert await store.fact("x") == "3"
    await store.close()


async def test_a_server_that_never_was_there_is_a_sentence(tmp_path: Path) -> None:
    store = Store(None, url=f"postgresql://ada:secret@/x?host={tmp_path}")
    with pytest.raises(StoreAwayError) as caught:
        await store.open()
    assert caught.value.exit_status == 69
    assert "secret" not in str(caught.value)
    await store.close()


async def test_a_newer_or_another_programs_database_on_a_server_is_refused(
    make_database: Callable[[], str],
) -> None:
    url = make_database()
    store = Store(None, url=url)
    await store.note("x", "1")
    await store.run(lambda db: db.exec_driver_sql("UPDATE alembic_version SET version_num = '0099'"))
    await store.close()
    with pytest.raises(StoreLostError, match="its format is 99"):
        await Store(None, url=url).open()
    other = make_database()
    with psycopg.connect(other, autocommit=True) as db:
        db.execute("CREATE TABLE audit (x int)")
    with pytest.raises(StoreLostError, match="another program"):
        await Store(None, url=other).open()


def everything(said: str, db: sa.Connection) -> list[Any]:
    return [tuple(row) for row in db.exec_driver_sql(said)]


async def test_the_scripts_lead_to_the_same_tables_on_a_server(make_database: Callable[[], str]) -> None:
    """A new database is made at once; an older one comes to the same."""
    made, grown = (Store(None, url=make_database()) for _ in range(2))
    await made.open()

    def grow(db: sa.Connection) -> None:
        tables = ", ".join([*metadata.tables, *of_server.tables])
        db.exec_driver_sql(f"DROP TABLE {tables}, alembic_version")
        migrations.upgrade(db, 0, module.FORMAT)

    await grown.run(grow)
    for said in (
        """SELECT table_name, column_name, data_type, is_nullable, column_default
        FROM information_schema.columns
        WHERE table_schema = 'public' AND table_name <> 'alembic_version' ORDER BY 1, 2""",
        """SELECT indexname, indexdef FROM pg_indexes
        WHERE schemaname = 'public' AND tablename <> 'alembic_version' ORDER BY 1""",
        """SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint
        WHERE connamespace = 'public'::regnamespace AND conrelid <> 'alembic_version'::regclass ORDER BY 1""",
    ):
        rows = [await one.run(functools.partial(everything, said)) for one in (made, grown)]
        assert rows[0] == rows[1]
        assert len(rows[0]) > 10
    for one in (made, grown):
        await one.close()


# --- What is refused --------------------------------------------------------------------------------------


async def refusal(path: Path) -> str:
    before = path.read_bytes()
    store = Store(path)
    with pytest.raises(StoreError) as caught:
        await store.open()
    await store.close()
    # Whatever is wrong with it, it is as it was.
    assert path.read_bytes() == before
    assert caught.value.exit_status == 78
    return str(caught.value)


async def test_what_is_no_database_is_refused(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"This is a text. " * 500)
    assert "is damaged (file is not a database)" in await refusal(path)


async def test_a_damaged_database_is_refused(embedded: Store, path: Path) -> None:
    for key in range(300):
        await embedded.record(replace(POSTED, key=key))
    await embedded.close()
    content = bytearray(path.read_bytes())
    for page in range(2, len(content) // 4096):
        content[page * 4096 : page * 4096 + 2_000] = b"\xff" * 2_000
    path.write_bytes(content)
    assert str(path) in await refusal(path)


async def test_a_newer_database_is_refused(embedded: Store, path: Path) -> None:
    await embedded.open()
    await embedded.close()
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version = 99")
    db.close()
    said = await refusal(path)
    assert "newer version" in said
    assert "99" in said


async def test_another_programs_database_is_refused(path: Path) -> None:
    path.parent.mkdir()
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE other (x)")
    db.close()
    assert "not made by this program" in await refusal(path)


async def test_a_read_only_database_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Who may write everything would not notice the file's mode.
    made = Store(path)
    await made.open()
    await made.close()
    connect = sqlite3.connect
    monkeypatch.setattr(
        sqlite3, "connect", lambda name, **options: connect(f"file:{name}?mode=ro", uri=True, **options)
    )
    store = Store(path)
    with pytest.raises(StoreError, match="read-only"):
        await store.open()
    await store.close()


async def test_an_empty_file_becomes_a_database(path: Path) -> None:
    path.parent.mkdir()
    path.touch()
    store = Store(path)
    await store.record(POSTED)
    assert await found(store) == POSTED
    await store.close()


async def test_a_database_of_the_first_version_is_brought_up_to_date_with_all_that_is_in_it(
    path: Path,
) -> None:
    path.parent.mkdir()
    evidence = '[["a.md", 3, 1.5, {"late": 0.25}, [[0, 10]]]]'
    make_first_database(
        path,
        "INSERT INTO facts VALUES ('x', '1')",
        "INSERT INTO servers VALUES (22, 5), (23, NULL)",
        "INSERT INTO channels VALUES (22, 1, 'allow'), (22, 2, 'deny')",
        "INSERT INTO blocked VALUES (22, 3)",
        f"INSERT INTO answers VALUES (11, 22, 33, 55, 44, 'e', 0.75, '{evidence}', 1799999999)",  # noqa: S608  our own words
        "INSERT INTO feedback VALUES (11, 44, -1)",
    )
    store = Store(path, clock=Clock())
    catalogue = Catalogue(store)
    assert await store.servers() == {
        22: Server({1: "allow", 2: "deny"}, frozenset({3}), 5, gaps=False),
        23: Server(),
    }
    posted = await store.find(11, guild=22, channel=33)
    assert posted == Posted(
        11, 22, 33, 44, "e", 0.75, (Evidence("a.md", 3, 1.5, {"late": 0.25}, ((0, 10),)),), 55
    )
    assert await store.votes(11) == {44: -1}
    assert await store.fact("x") == "1"
    assert await catalogue.audit(22) == ()
    assert await catalogue.tell_gap(22, await catalogue.add_gap(22, "How deep is it?"))
    assert await store.forget(44) == Forgotten(answers=1, votes=1, acts=0)
    await store.save_server(22, replace((await store.servers())[22], gaps=True))
    await store.close()
    again = Store(path, clock=Clock())
    assert (await again.servers())[22] == Server({1: "allow", 2: "deny"}, frozenset({3}), 5, gaps=True)
    await again.close()


async def test_a_migration_that_fails_leaves_the_database_as_it_was(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.parent.mkdir()
    make_first_database(path, "INSERT INTO facts VALUES ('x', '1')")
    upgrade = migrations.upgrade

    def fail(db: sa.Connection, since: int, to: int) -> None:
        upgrade(db, since, to)
        db.exec_driver_sql("nonsense")

    with monkeypatch.context() as patched:
        patched.setattr("linernotes.library.migrations.upgrade", fail)
        broken = Store(path)
        with pytest.raises(StoreError, match="nonsense"):
            await broken.open()
        await broken.close()
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (1,)
        assert db.execute("SELECT name FROM sqlite_master WHERE name = 'audit'").fetchall() == []
    again = Store(path)
    assert await again.fact("x") == "1"
    await again.close()


def empty() -> module.Connection:
    return sqlite3.connect(":memory:", isolation_level=None, factory=module.Connection)


def test_each_format_is_what_its_scripts_make_and_the_newest_what_the_tables_are() -> None:
    """A start compares digests, so that it need not make the tables."""
    for version, digest in module._STRUCTURES.items():
        with closing(empty()) as made, module.bound(made) as db, db.begin():
            migrations.upgrade(db, 0, version)
            assert module._structure(made) == digest
    with closing(empty()) as made, module.bound(made) as db, db.begin():
        metadata.create_all(db)
        assert module._structure(made) == module._STRUCTURES[module.FORMAT]


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE gaps ADD COLUMN more INTEGER",
        "ALTER TABLE gaps RENAME COLUMN told TO sold",
        "DROP INDEX gaps_by_guild",
        "CREATE TABLE more (x)",
        "CREATE TRIGGER more AFTER DELETE ON audit BEGIN DELETE FROM checks; END",
        "DROP TABLE feedback",
    ],
)
async def test_a_database_with_other_tables_is_refused(path: Path, statement: str) -> None:
    store = Store(path)
    await store.open()
    await store.close()
    with closing(sqlite3.connect(path)) as db:
        db.execute(statement)
    assert "its tables are not those of format" in await refusal(path)


async def test_a_start_that_finds_all_as_it_was_imports_no_alembic(path: Path) -> None:
    """It takes a fifth of a second, and is needed once."""
    store = Store(path)
    await store.open()
    await store.close()
    code = (
        "import asyncio, sys; from pathlib import Path; from linernotes.library.store import Store\n"
        "async def main():\n"
        "    store = Store(Path(sys.argv[1])); await store.note('x', '1'); await store.close()\n"
        "asyncio.run(main()); print('sqlalchemy' in sys.modules, 'alembic' in sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, check=True, text=True)  # noqa: ASYNC221, S603
    assert said.stdout.split() == ["True", "False"]
