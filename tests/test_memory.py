"""Libraries are let go and taken up again, and nobody who asks or changes them notices."""

from __future__ import annotations

import asyncio
import functools
import gc
import tempfile
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from amounts import WHOLE
from fakes import QUESTION, FakeEmbedder, write_corpus
from linernotes.errors import EditionError
from linernotes.library import Library, curator, opening
from linernotes.library.changes import Add, Remove
from linernotes.library.room import Room, sizes_of
from linernotes.models import Answer
from linernotes.settings import Settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from linernotes.library.following import Moved
    from linernotes.models import Edition
    from linernotes.retrieval.index import Index

MB = 2**20
ALICE = 44
GUILDS = (1, 2, 3, 4)
FILES = {
    "ferry.txt": (
        "The ferry sank in 1902 with Captain Drake on board.",
        "Who was on board the ferry that sank?",
    ),
    "gulls.txt": ("The gulls were counted by Emma Fisk in 1890.", "Who counted the gulls in 1890?"),
    "pier.txt": ("The pier was sold by Ruth Vane in 1911.", "Who sold the pier in 1911?"),
}
NAMES = ("Captain Drake", "Emma Fisk", "Ruth Vane")


def one_each(edition: Edition[Index]) -> Mapping[int, int]:
    """Say that each segment takes a MB, and what is built over them another."""
    return {id(each): MB for each in (edition, *edition.segments)}


@asynccontextmanager
async def opened(folder: Path, memory_mb: int = 3, **given: Any) -> AsyncIterator[Library]:
    corpus = folder / "corpus"
    if not corpus.is_dir():
        write_corpus(corpus)
    made = Settings(corpus_dir=corpus, data_dir=folder / "data", memory_mb=memory_mb)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(curator, "Room", functools.partial(Room, sizes=one_each))
        async with Library.open(made, embedder=FakeEmbedder(), **given) as library:
            yield library


async def change(library: Library, guild: int, what: Add | Remove) -> None:
    preview = await library.curator.preview(guild, ALICE, what)
    await library.curator.apply(guild, ALICE, preview.id, anyway=True)


async def add(library: Library, guild: int, name: str) -> None:
    await change(library, guild, Add(name, FILES[name][0].encode()))


async def said(library: Library, question: str, guild: int | None) -> str:
    reply = (await library.ask(question, guild=guild)).reply
    return reply.text if isinstance(reply, Answer) else ""


def held(library: Library) -> set[int]:
    standings = library.curator.standings
    return {guild for guild in standings.guilds if standings.of(guild).held is not None}


# --- Room -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Holding:
    """An edition that holds parts of a size each."""

    parts: frozenset[int]
    sizes: dict[int, int] = field(default_factory=dict, compare=False)


@given(st.lists(st.tuples(st.integers(1, 5), st.frozensets(st.integers(1, 6)), st.sampled_from("tul"))))
def test_what_is_shared_is_counted_once_whatever_is_taken_and_left(
    steps: Sequence[tuple[int, frozenset[int], str]],
) -> None:
    room = Room(40, lambda edition: {part: 2**part for part in edition})  # type: ignore[attr-defined]
    there: dict[int, frozenset[int]] = {}
    for guild, parts, step in steps:
        if step == "t":
            room.take(guild, parts)  # type: ignore[arg-type]
            there.pop(guild, None)
            there[guild] = parts
        elif step == "u":
            room.use(guild)
            if guild in there:
                there[guild] = there.pop(guild)
        else:
            room.leave(guild)
            there.pop(guild, None)
        assert room.taken == sum(2**part for part in set().union(*there.values()))
        assert len(room) == len(there)
    order = list(there)
    for guild in room.excess([order[1]] if len(order) > 1 else []):
        # Who was used last stays, and who must not go; of the others, the one used longest ago goes first.
        assert guild == next(each for each in order[:-1] if each in there and each != order[1])
        room.leave(guild)
        del there[guild]  # type: ignore[arg-type]
    assert not room.is_full or set(there) <= {*order[1:2], *order[-1:]}


def test_without_a_bound_nothing_goes() -> None:
    room = Room(None)
    room.take(1, object())  # type: ignore[arg-type]
    assert list(room.excess(())) == []


async def test_an_edition_is_about_as_large_as_is_said(tmp_path: Path) -> None:
    async with opened(tmp_path, 0) as library:
        edition = await library.edition()
        arrays = sum(array.nbytes for each in edition.segments for array in each.arrays.values())
        sizes = sizes_of(edition)
        assert sizes.keys() == {id(edition), *map(id, edition.segments)}
        assert arrays < sum(sizes.values()) < arrays + 40_000


# --- Libraries --------------------------------------------------------------------------------------------


async def test_the_library_used_longest_ago_is_let_go_and_answers_when_it_is_asked(tmp_path: Path) -> None:
    async with opened(tmp_path, 6) as library:
        for guild in (1, 2, 3):
            # The shared edition has two parts, each server's two more besides the shared segment.
            await add(library, guild, list(FILES)[guild - 1])
        assert held(library) == {2, 3}
        for guild, name in zip((1, 2, 3), NAMES, strict=True):
            assert name in await said(library, list(FILES.values())[guild - 1][1], guild)
            assert "Ada Stone" in await said(library, QUESTION, guild)
            assert guild in held(library)
        assert held(library) == {2, 3}
        with pytest.raises(EditionError, match="let go"):
            _ = library.curator.standings.of(1).edition


async def test_0_lets_nothing_go(tmp_path: Path) -> None:
    async with opened(tmp_path, 0) as library:
        for guild in GUILDS:
            await add(library, guild, "pier.txt")
        assert held(library) == set(GUILDS)


async def test_the_same_library_is_held_once_and_one_takes_it_up_for_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(tmp_path) as library:
        for guild in (1, 2):
            await add(library, guild, list(FILES)[guild])
        assert held(library) == {2}
        store = library.curator._editions
        taken: Counter[str] = Counter()
        find = store.find

        def spy(edition: str) -> Edition[Index] | None:
            taken[edition] += 1
            return find(edition)

        monkeypatch.setattr(store, "find", spy)
        editions = await asyncio.gather(*(library.edition(1) for _ in range(20)))
        assert len({id(each) for each in editions}) == 1
        assert list(taken.values()) == [1]
        shared = await library.edition()
        assert editions[0].segments[1] is shared.segments[0]


async def test_what_somebody_is_at_is_not_let_go(tmp_path: Path) -> None:
    async with opened(tmp_path) as library:
        for guild in (1, 2, 3):
            await add(library, guild, "ferry.txt")
            await add(library, guild, "gulls.txt" if guild == 1 else "pier.txt")
        async with library.curator.memory.holding(1) as edition:
            await library.edition(2)
            await library.edition(3)
            assert library.curator.standings.of(1).held is edition
        assert 1 not in held(library)


async def test_who_stops_waiting_stops_nobody_else(tmp_path: Path) -> None:
    async with opened(tmp_path) as library:
        for guild in (1, 2):
            await add(library, guild, list(FILES)[guild])
        one, other = (asyncio.ensure_future(library.edition(1)) for _ in range(2))
        await asyncio.sleep(0)
        one.cancel()
        assert [each.name for each in (await other).documents] == ["gulls.txt", "harbour.md"]


async def test_what_was_damaged_meanwhile_is_made_again_and_told(tmp_path: Path) -> None:
    told: list[Moved] = []

    async def tell(moved: tuple[Moved, ...]) -> None:
        told.extend(moved)

    async with opened(tmp_path) as library:
        library.curator.on_mended(tell)
        for guild in (1, 2):
            await add(library, guild, list(FILES)[guild])
        gone = library.curator.standings.of(1).edition_id
        (tmp_path / "data" / "editions" / gone / "documents.json").write_bytes(b"{}")
        assert "Emma Fisk" in await said(library, FILES["gulls.txt"][1], 1)
        assert told == []
        await library.edition(2)
        # Nobody holds the edition any more.
        gc.collect()
        upload = library.curator.standings.of(1).revision
        assert upload is not None
        (tmp_path / "data" / "uploads" / upload.own["gulls.txt"].digest).unlink()
        (tmp_path / "data" / "editions" / gone / "documents.json").write_bytes(b"{}")
        assert "Emma Fisk" not in await said(library, FILES["gulls.txt"][1], 1)
        assert [(each.guild, each.move) for each in told] == [(1, "mended")]


async def test_a_start_takes_up_those_that_changed_last_and_the_others_when_they_are_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(tmp_path, 0) as library:
        for guild in (2, 1, 3):
            await add(library, guild, list(FILES)[guild - 1])
    monkeypatch.setattr(opening, "TAKEN_UP_AT_START", 2)
    async with opened(tmp_path, 0) as library:
        assert held(library) == {1, 3}
        assert "Emma Fisk" in await said(library, FILES["gulls.txt"][1], 2)
        assert held(library) == {1, 2, 3}


async def test_a_reload_moves_also_those_that_were_let_go(tmp_path: Path) -> None:
    async with opened(tmp_path) as library:
        for guild in (1, 2, 3):
            await add(library, guild, "gulls.txt" if guild == 1 else "pier.txt")
        write_corpus(tmp_path / "corpus", ferry=FILES["ferry.txt"][0])
        moved = (await library.curator.reload_all()).servers
        assert {each.guild: each.move for each in moved} == dict.fromkeys((1, 2, 3), "moved")
        for guild in (1, 2, 3):
            assert "Captain Drake" in await said(library, FILES["ferry.txt"][1], guild)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("ask"), st.sampled_from(GUILDS), st.sampled_from(sorted(FILES))),
        st.tuples(st.just("change"), st.sampled_from(GUILDS), st.sampled_from(sorted(FILES))),
        st.tuples(st.just("both"), st.sampled_from(GUILDS), st.sampled_from(sorted(FILES))),
        st.tuples(st.just("again"), st.just(0), st.just("")),
    ),
    min_size=4,
    max_size=12,
)


# Not made smaller when it fails: an example takes seconds.
@settings(
    max_examples=30 if WHOLE else 3, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate]
)
@given(steps=STEPS, memory_mb=st.integers(1, 7))
def test_whatever_is_asked_and_changed_no_server_loses_anything(
    steps: list[tuple[str, int, str]], memory_mb: int
) -> None:
    async def check(library: Library, has: dict[int, set[str]], guild: int) -> None:
        names = [each.name for each in (await library.edition(guild)).documents]
        assert names == sorted({"harbour.md", *has[guild]})

    async def run(folder: Path) -> None:
        has: dict[int, set[str]] = {guild: set() for guild in GUILDS}
        left = list(steps)
        while True:
            async with opened(folder, memory_mb) as library:
                while left:
                    step, guild, name = left.pop(0)
                    if step == "again":
                        break
                    wanted = NAMES[sorted(FILES).index(name)]
                    if step in {"change", "both"}:
                        what = Remove(name) if name in has[guild] else Add(name, FILES[name][0].encode())
                        others = [said(library, QUESTION, each) for each in GUILDS if step == "both"]
                        *answers, _ = await asyncio.gather(*others, change(library, guild, what))
                        assert all("Ada Stone" in each for each in answers)
                        has[guild] ^= {name}
                    assert (wanted in await said(library, FILES[name][1], guild)) == (name in has[guild])
                    room = library.curator.standings._room
                    parts = [one_each(library.curator.standings.of(each).edition) for each in held(library)]
                    parts.append(one_each(await library.edition()))
                    assert room.taken == sum(
                        functools.reduce(lambda one, two: {**one, **two}, parts).values()
                    )
                    assert not room.is_full or len(held(library)) <= 1
                for guild in GUILDS:
                    await check(library, has, guild)
                if not left:
                    return

    with tempfile.TemporaryDirectory() as name:
        asyncio.run(run(Path(name)))
