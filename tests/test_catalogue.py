"""Each server's library in the database: whole, for as long as it is to be kept, and nobody else's."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from fakes import note
from linernotes.errors import RefusalError
from linernotes.library import catalogue as module
from linernotes.library.catalogue import (
    AUDIT_SECONDS,
    CHECKS,
    GAP_SECONDS,
    LEFT_SECONDS,
    OPERATOR,
    REVISIONS,
    TWO_LOOKS,
    Catalogue,
    Revision,
    Tidied,
    Upload,
)
from linernotes.library.rows import GAPS
from linernotes.library.store import KEPT_SECONDS, Posted, Server, Store

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

ALICE = 44
OURS, THEIRS = 1, 2
NOW = 1_800_000_000.0


class Clock:
    def __init__(self) -> None:
        self.now = NOW
        self.ran = 0.0

    def __call__(self) -> float:
        return self.now

    def ticks(self) -> float:
        return self.ran


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "linernotes.db"


@pytest.fixture
async def store(path: Path, url: str | None, clock: Clock) -> AsyncIterator[Store]:
    made = Store(path, url=url, clock=clock, ticks=clock.ticks)
    yield made
    await made.close()


@pytest.fixture
def catalogue(store: Store) -> Catalogue:
    return Catalogue(store)


def upload(letter: str) -> Upload:
    return Upload(letter * 64, 3, 1.5)


def revision(number: int, guild: int = OURS, **changes: Any) -> Revision:
    made = Revision(guild, number, f"edition {guild}.{number}", f"change {number}", NOW + number, ALICE)
    return replace(made, **changes)


async def fill(catalogue: Catalogue, last: int, guild: int = OURS) -> None:
    for number in range(2, last + 1):
        await catalogue.commit(revision(number, guild), before=revision(number - 1, guild))


async def tidy_twice(catalogue: Catalogue, clock: Clock) -> Tidied:
    """Look twice, with a day of running between the looks."""
    await catalogue.tidy()
    clock.ran += TWO_LOOKS
    return await catalogue.tidy()


# --- Revisions --------------------------------------------------------------------------------------------


async def test_a_revision_comes_back_as_it_was_after_a_restart(
    catalogue: Catalogue, store: Store, path: Path, url: str | None
) -> None:
    made = revision(
        2, own={"ü.md": upload("a"), "b.txt": upload("b")}, hidden=frozenset({"c.md", "d.md"}), follows=False
    )
    await catalogue.commit(made, before=revision(1))
    await store.close()
    again = Store(path, url=url)
    assert await Catalogue(again).newest() == {OURS: made}
    assert await Catalogue(again).revisions(OURS) == (made, revision(1))
    await again.close()


async def test_the_first_commit_keeps_what_was_before_as_a_revision_and_later_ones_do_not_repeat_it(
    catalogue: Catalogue,
) -> None:
    await fill(catalogue, 3)
    assert await catalogue.revisions(OURS) == (revision(3), revision(2), revision(1))


async def test_each_revision_has_one_line_in_the_audit_trail(catalogue: Catalogue) -> None:
    await fill(catalogue, 3)
    lines = [(act.person, act.at, act.what, act.before, act.after) for act in await catalogue.audit(OURS)]
    assert lines == [
        (ALICE, NOW + 3, "change 3", "edition 1.2", "edition 1.3"),
        (ALICE, NOW + 2, "change 2", "edition 1.1", "edition 1.2"),
    ]


async def test_an_error_between_the_revision_and_its_audit_line_leaves_neither(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    await fill(catalogue, 2)
    before = await catalogue.revisions(OURS), await catalogue.audit(OURS)
    with monkeypatch.context() as patched:
        patched.setattr(module, "_write_act", fail)
        for change in (
            catalogue.commit(revision(3), before=revision(2)),
            catalogue.move(revision(2), "another", "moved"),
            catalogue.hold(replace(revision(1), guild=9), "held"),
            catalogue.add_check(OURS, ALICE, "Who?", "Ada"),
        ):
            with pytest.raises(ZeroDivisionError):
                await change
    assert (await catalogue.revisions(OURS), await catalogue.audit(OURS)) == before
    assert await catalogue.revisions(9) == await catalogue.checks(OURS) == ()
    await catalogue.commit(revision(3), before=revision(2))


async def test_a_revision_that_is_there_already_is_not_written_over(catalogue: Catalogue) -> None:
    await fill(catalogue, 2)
    with pytest.raises(RefusalError, match="meanwhile"):
        await catalogue.commit(revision(2, edition="another"), before=revision(1))
    assert await catalogue.newest() == {OURS: revision(2)}
    assert len(await catalogue.audit(OURS)) == 1


async def test_a_move_changes_the_edition_of_that_revision_alone_and_says_so(
    catalogue: Catalogue, clock: Clock
) -> None:
    await fill(catalogue, 3)
    await fill(catalogue, 3, THEIRS)
    await catalogue.move(revision(3), "new", "made again")
    assert await catalogue.revisions(OURS) == (revision(3, edition="new"), revision(2), revision(1))
    assert (await catalogue.newest())[THEIRS] == revision(3, THEIRS)
    last = (await catalogue.audit(OURS))[0]
    assert (last.person, last.at, last.what) == (OPERATOR, clock.now, "made again")
    assert (last.before, last.after) == ("edition 1.3", "new")


async def test_holding_is_written_down_once_until_something_else_moves(catalogue: Catalogue) -> None:
    assert await catalogue.hold(revision(1), "stayed for a")
    assert not await catalogue.hold(revision(1), "stayed for a")
    assert [act.what for act in await catalogue.audit(OURS)] == ["stayed for a"]
    assert await catalogue.newest() == {OURS: revision(1)}
    assert await catalogue.hold(revision(1), "stayed for b")
    await note(catalogue, OURS, ALICE, "looked at it")
    assert not await catalogue.hold(revision(1), "stayed for b"), "a note moves nothing"
    assert [act.what for act in await catalogue.audit(OURS)] == [
        "looked at it",
        "stayed for b",
        "stayed for a",
    ]


async def test_a_hold_is_released_once(catalogue: Catalogue) -> None:
    await catalogue.release(revision(1))
    assert await catalogue.audit(OURS) == ()
    await catalogue.hold(revision(1), "stayed for a")
    await catalogue.release(revision(1))
    await catalogue.release(revision(1))
    assert [act.what for act in await catalogue.audit(OURS)] == ["no longer held back", "stayed for a"]


async def test_ten_revisions_of_each_server_are_kept(catalogue: Catalogue) -> None:
    await fill(catalogue, 14)
    await fill(catalogue, 4, THEIRS)
    numbers = [each.number for each in await catalogue.revisions(OURS)]
    assert numbers == list(range(14, 4, -1))
    assert await catalogue.newest() == {OURS: revision(14), THEIRS: revision(4, THEIRS)}
    tidied = await catalogue.tidy()
    kept = tidied.kept
    assert tidied.gone == frozenset()
    assert tidied.released.editions == {f"edition 1.{number}" for number in range(1, 5)}
    assert kept.editions == {
        *(f"edition 1.{number}" for number in range(5, 15)),
        *(f"edition 2.{number}" for number in range(1, 5)),
    }
    assert [each.number for each in await catalogue.revisions(OURS)] == numbers
    assert len(numbers) == REVISIONS
    assert len(await catalogue.audit(OURS)) == 13, "the audit trail is longer than the history"


async def test_files_are_needed_as_long_as_a_kept_revision_names_them(catalogue: Catalogue) -> None:
    own = [{}, {"a.md": upload("a")}, {"a.md": upload("b"), "c.md": upload("c")}, {"c.md": upload("c")}]
    for number in range(2, 14):
        made = revision(number, own=own[min(number - 1, 3)])
        await catalogue.commit(made, before=revision(number - 1))
    tidied = await catalogue.tidy()
    assert tidied.kept.uploads == {"c" * 64}, "#4 to #13 are kept; the other files stood in #2 and #3"
    assert tidied.released.uploads == {"a" * 64, "b" * 64}


# --- The audit trail --------------------------------------------------------------------------------------


async def test_the_audit_trail_is_kept_for_a_year(catalogue: Catalogue, clock: Clock, store: Store) -> None:
    await note(catalogue, OURS, ALICE, "first")
    clock.now += AUDIT_SECONDS - 1
    await note(catalogue, OURS, ALICE, "second")
    await catalogue.tidy()
    assert [act.what for act in await catalogue.audit(OURS)] == ["second", "first"]
    clock.now += 1
    await tidy_twice(catalogue, clock)
    assert [act.what for act in await catalogue.audit(OURS)] == ["second"]
    rows = await store.run(lambda db: db.exec_driver_sql("SELECT what FROM audit").fetchall())
    assert rows == [("second",)], "what is no longer shown goes from the disk, too"


async def test_the_audit_trail_is_read_in_parts(catalogue: Catalogue, clock: Clock) -> None:
    await note(catalogue, OURS, ALICE, "long ago")
    clock.now += AUDIT_SECONDS
    await tidy_twice(catalogue, clock)
    for number in range(5):
        await note(catalogue, OURS, ALICE, str(number))
        await note(catalogue, THEIRS, ALICE, "theirs")
    assert await catalogue.count_acts(OURS) == 5
    assert [act.what for act in await catalogue.audit(OURS, first=1, most=2)] == ["3", "2"]
    assert [act.what for act in await catalogue.audit(OURS, first=4, most=2)] == ["0"]
    assert await catalogue.audit(OURS, first=5, most=2) == ()
    assert [act.what for act in await catalogue.audit(OURS, first=3)] == ["1", "0"]


async def test_the_last_act_is_the_last_that_an_edition_came_of(catalogue: Catalogue, clock: Clock) -> None:
    assert await catalogue.last_act(OURS) is None
    await fill(catalogue, 3)
    await fill(catalogue, 4, THEIRS)
    await note(catalogue, OURS, ALICE, "looked at it")
    last = await catalogue.last_act(OURS)
    assert last is not None
    assert (last.what, last.after) == ("change 3", "edition 1.3")
    clock.now += AUDIT_SECONDS + 4
    await tidy_twice(catalogue, clock)
    assert await catalogue.last_act(OURS) is None


async def test_a_setting_and_its_line_in_the_audit_trail_are_written_together_or_not_at_all(
    catalogue: Catalogue, store: Store
) -> None:
    def fail(_db: object) -> None:
        raise ZeroDivisionError

    note = catalogue.noting(OURS, ALICE, "gaps: on")
    with pytest.raises(ZeroDivisionError):
        await store.save_server(OURS, Server(gaps=True), note, fail)
    assert await store.servers() == {}
    assert await catalogue.audit(OURS) == ()
    await store.save_server(OURS, Server(gaps=True), note)
    assert (await store.servers())[OURS].gaps
    assert [act.what for act in await catalogue.audit(OURS)] == ["gaps: on"]


async def test_rows_are_read_in_the_stores_thread(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(catalogue, 3)
    threads = set()
    parse = module._revision

    def noted(row: Any) -> Revision:
        threads.add(threading.current_thread())
        return parse(row)

    monkeypatch.setattr(module, "_revision", noted)
    await catalogue.newest()
    await catalogue.revisions(OURS)
    assert threads
    assert threading.current_thread() not in threads


async def test_who_is_forgotten_leaves_the_act_without_the_name(catalogue: Catalogue, store: Store) -> None:
    await fill(catalogue, 2)
    await catalogue.commit(revision(3, person=45), before=revision(2))
    await catalogue.add_check(OURS, ALICE, "Who?", "Ada")
    await store.forget(ALICE)
    assert [(act.person, act.what) for act in await catalogue.audit(OURS)] == [
        (None, "check question added: Who?"),
        (45, "change 3"),
        (None, "change 2"),
    ]
    assert [each.person for each in await catalogue.revisions(OURS)] == [45, None, None]
    assert [check.person for check in await catalogue.checks(OURS)] == [None]


# --- Check questions --------------------------------------------------------------------------------------


async def test_an_equal_check_question_takes_the_place_of_the_one_before(
    catalogue: Catalogue, clock: Clock
) -> None:
    await catalogue.add_check(OURS, ALICE, "Who built it?", "Ada")
    await catalogue.add_check(OURS, ALICE, "When?", "1871")
    clock.now += 5
    assert await catalogue.add_check(OURS, 45, "Who built it?", "Stone")
    checks = await catalogue.checks(OURS)
    assert [(check.question, check.words, check.person) for check in checks] == [
        ("Who built it?", "Stone", 45),
        ("When?", "1871", ALICE),
    ]
    assert checks[0].at == clock.now


async def test_a_server_has_so_many_check_questions_and_no_more(catalogue: Catalogue) -> None:
    for number in range(CHECKS):
        assert await catalogue.add_check(OURS, ALICE, f"Question {number}?", "x")
    assert not await catalogue.add_check(OURS, ALICE, "One more?", "x")
    assert await catalogue.add_check(OURS, ALICE, "Question 7?", "y"), "one that is there can be changed"
    assert await catalogue.add_check(THEIRS, ALICE, "One more?", "x")
    assert len(await catalogue.checks(OURS)) == CHECKS
    assert len(await catalogue.audit(OURS)) == CHECKS + 1, "what was refused is not written down"


async def test_a_check_question_is_removed_by_its_own_server_alone(catalogue: Catalogue) -> None:
    await catalogue.add_check(OURS, ALICE, "Who?", "Ada")
    (check,) = await catalogue.checks(OURS)
    assert not await catalogue.remove_check(THEIRS, 45, check.number)
    assert await catalogue.checks(OURS) == (check,)
    assert await catalogue.remove_check(OURS, ALICE, check.number)
    assert not await catalogue.remove_check(OURS, ALICE, check.number)
    assert await catalogue.checks(OURS) == ()
    assert [act.what for act in await catalogue.audit(OURS)] == [
        "check question removed: Who?",
        "check question added: Who?",
    ]
    assert await catalogue.audit(THEIRS) == ()


async def test_the_servers_with_check_questions_are_known(catalogue: Catalogue) -> None:
    assert await catalogue.checked_guilds() == frozenset()
    for guild, question in ((OURS, "Who?"), (OURS, "When?"), (THEIRS, "Who?")):
        await catalogue.add_check(guild, ALICE, question, "x")
    assert await catalogue.checked_guilds() == {OURS, THEIRS}


# --- Gaps -------------------------------------------------------------------------------------------------


async def test_a_gap_is_kept_for_thirty_days(catalogue: Catalogue, clock: Clock, store: Store) -> None:
    first = await catalogue.add_gap(OURS, "How deep is it?")
    clock.now += GAP_SECONDS - 1
    await catalogue.add_gap(OURS, "Who paid?")
    assert [gap.question for gap in await catalogue.gaps(OURS)] == ["Who paid?", "How deep is it?"]
    clock.now += 1
    assert [gap.question for gap in await catalogue.gaps(OURS)] == ["Who paid?"]
    assert not await catalogue.tell_gap(OURS, first)
    await catalogue.tidy()
    rows = await store.run(lambda db: db.exec_driver_sql("SELECT question FROM gaps").fetchall())
    assert rows == [("Who paid?",)]


async def test_a_server_that_is_never_tidied_loses_old_gaps_with_the_next_one(
    catalogue: Catalogue, clock: Clock, store: Store
) -> None:
    await catalogue.add_gap(THEIRS, "How deep is it?")
    clock.now += GAP_SECONDS
    await catalogue.add_gap(OURS, "Who paid?")
    rows = await store.run(lambda db: db.exec_driver_sql("SELECT question FROM gaps").fetchall())
    assert rows == [("Who paid?",)]


async def test_that_a_member_wants_an_answer_is_noted_in_its_own_server_alone(catalogue: Catalogue) -> None:
    number = await catalogue.add_gap(OURS, "How deep is it?")
    assert not await catalogue.tell_gap(THEIRS, number)
    assert [gap.told for gap in await catalogue.gaps(OURS)] == [False]
    assert await catalogue.tell_gap(OURS, number)
    assert [gap.told for gap in await catalogue.gaps(OURS)] == [True]


async def test_the_oldest_gaps_of_a_server_go_when_there_are_too_many(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MOST_GAPS", 3)
    await catalogue.add_gap(THEIRS, "theirs")
    for number in range(5):
        await catalogue.add_gap(OURS, str(number))
    assert [gap.question for gap in await catalogue.gaps(OURS)] == ["4", "3", "2"]
    assert [gap.question for gap in await catalogue.gaps(THEIRS)] == ["theirs"]


async def test_gaps_are_cleared_in_one_server(catalogue: Catalogue, store: Store) -> None:
    for guild in (OURS, THEIRS):
        await catalogue.add_gap(guild, "How deep is it?")
    await store.save_server(OURS, Server(), catalogue.clearing_gaps(OURS))
    assert await catalogue.gaps(OURS) == ()
    assert len(await catalogue.gaps(THEIRS)) == 1


async def test_nothing_but_the_question_is_kept_of_a_gap(store: Store) -> None:
    columns = await store.run(lambda db: {*GAPS.c.keys()})
    assert columns == {"number", "guild", "question", "told", "at"}


# --- Whose it is ------------------------------------------------------------------------------------------


async def test_every_read_shows_one_server_what_is_its_own(catalogue: Catalogue) -> None:
    for guild in (OURS, THEIRS):
        await fill(catalogue, 3, guild)
        await note(catalogue, guild, ALICE, f"noted in {guild}")
        await catalogue.add_check(guild, ALICE, f"Who is in {guild}?", "x")
        await catalogue.add_gap(guild, f"What is in {guild}?")
    for guild in (OURS, THEIRS):
        assert {each.guild for each in await catalogue.revisions(guild)} == {guild}
        assert [act.after for act in await catalogue.audit(guild) if act.after] == [
            f"edition {guild}.3",
            f"edition {guild}.2",
        ]
        assert [check.question for check in await catalogue.checks(guild)] == [f"Who is in {guild}?"]
        assert [gap.question for gap in await catalogue.gaps(guild)] == [f"What is in {guild}?"]
    for read in (catalogue.revisions, catalogue.audit, catalogue.checks, catalogue.gaps):
        assert await read(3) == ()


# --- Leaving ----------------------------------------------------------------------------------------------

TABLES = ("revisions", "audit", "checks", "gaps", "servers", "channels", "answers", "feedback")


async def live(store: Store, catalogue: Catalogue, guild: int) -> None:
    """Leave a trace of a server in every table."""
    await fill(catalogue, 2, guild)
    await catalogue.add_check(guild, ALICE, "Who?", "Ada")
    await catalogue.add_gap(guild, "How deep is it?")
    await store.save_server(guild, Server({5: "allow"}))
    await store.record(Posted(guild, guild, 5, ALICE, "e", 0.5, ()))
    await store.vote(guild, ALICE, 1)


async def counts(store: Store) -> dict[str, int]:
    return await store.run(
        lambda db: {
            table: db.exec_driver_sql(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608
            for table in TABLES
        }
    )


async def test_a_server_that_was_left_is_removed_with_all_that_it_had_after_thirty_days(
    catalogue: Catalogue, store: Store, clock: Clock
) -> None:
    await live(store, catalogue, OURS)
    one = await counts(store)
    assert all(one.values())
    await live(store, catalogue, THEIRS)
    await catalogue.leave(OURS)
    clock.now += LEFT_SECONDS - 1
    assert (await catalogue.tidy()).gone == frozenset()
    clock.now += 1
    tidied = await tidy_twice(catalogue, clock)
    assert tidied.gone == {OURS}
    assert tidied.released.editions == {"edition 1.1", "edition 1.2"}
    assert tidied.kept.editions == {"edition 2.1", "edition 2.2"}
    left = await counts(store)
    too_old = {"gaps", "answers", "feedback"}
    assert left == {table: 0 if table in too_old else one[table] for table in TABLES}
    assert await catalogue.checks(THEIRS) != ()
    assert (
        await catalogue.revisions(OURS) == await catalogue.audit(OURS) == await catalogue.checks(OURS) == ()
    )
    assert (await tidy_twice(catalogue, clock)).gone == frozenset(), "it is gone once"


async def test_a_server_that_comes_back_in_time_keeps_its_library(catalogue: Catalogue, clock: Clock) -> None:
    await fill(catalogue, 2)
    await catalogue.leave(OURS)
    clock.now += LEFT_SECONDS - 1
    await catalogue.join(OURS)
    clock.now += LEFT_SECONDS
    assert (await tidy_twice(catalogue, clock)).gone == frozenset()
    assert len(await catalogue.revisions(OURS)) == 2


async def test_the_thirty_days_begin_once(catalogue: Catalogue, clock: Clock) -> None:
    await fill(catalogue, 2)
    await catalogue.leave(OURS)
    clock.now += LEFT_SECONDS - 10
    await catalogue.leave(OURS)
    await catalogue.set_members(frozenset({THEIRS}))
    clock.now += 10
    assert (await tidy_twice(catalogue, clock)).gone == {OURS}


async def test_a_server_that_was_left_while_nothing_ran_is_found_out(
    catalogue: Catalogue, store: Store, clock: Clock
) -> None:
    await live(store, catalogue, OURS)
    await live(store, catalogue, THEIRS)
    await catalogue.add_gap(3, "a server with nothing but a gap")
    await catalogue.set_members(frozenset({OURS, 7}))
    clock.now += LEFT_SECONDS
    assert (await tidy_twice(catalogue, clock)).gone == {THEIRS, 3}


async def test_an_answer_is_kept_for_thirty_days_wherever_it_was_given(
    catalogue: Catalogue, store: Store, clock: Clock
) -> None:
    await live(store, catalogue, OURS)
    await catalogue.set_members(frozenset())
    clock.now += LEFT_SECONDS - 1
    for key, guild in ((98, OURS), (99, None)):
        await store.record(Posted(key, guild, 5, ALICE, "e", 0.5, ()))
    clock.now += 1
    assert (await tidy_twice(catalogue, clock)).gone == {OURS}
    # Somebody has brought the bot along since it left, to where it is no member.
    assert await store.find(98, guild=OURS, channel=5) is not None
    assert await store.find(99, guild=None, channel=5) is not None
    clock.now += KEPT_SECONDS - 1
    await catalogue.tidy()
    assert (await counts(store))["answers"] == 0


async def test_being_a_member_ends_the_thirty_days(catalogue: Catalogue, clock: Clock) -> None:
    await fill(catalogue, 2)
    await catalogue.leave(OURS)
    await catalogue.set_members(frozenset({OURS}))
    clock.now += LEFT_SECONDS
    assert (await tidy_twice(catalogue, clock)).gone == frozenset()


# --- At once ----------------------------------------------------------------------------------------------


async def test_calls_at_once_are_done_one_after_another(catalogue: Catalogue) -> None:
    await asyncio.gather(
        *(note(catalogue, OURS, ALICE, str(number)) for number in range(20)),
        *(catalogue.add_gap(OURS, str(number)) for number in range(20)),
    )
    assert [act.what for act in await catalogue.audit(OURS)] == [str(n) for n in range(19, -1, -1)]
    assert len(await catalogue.gaps(OURS)) == 20
