"""Who answers from what: changes of one server that leave the others alone, and that count whole or not."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import sqlite3
import threading
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from amounts import short_and_whole
from fakes import HARBOUR, LANTERNS, OTHER_QUESTION, QUESTION, FakeEmbedder, make_first_database, write_corpus
from linernotes.errors import CorpusError, EditionUnsavedError, RefusalError, StoreError
from linernotes.library import hearing
from linernotes.library.catalogue import LEFT_SECONDS, OPERATOR, TWO_LOOKS, Revision
from linernotes.library.changes import Add, Change, Hide, Reload, Remove, RollBack
from linernotes.library.curator import PREVIEW_SECONDS, PREVIEWS_OF_A_SERVER
from linernotes.library.previews import Preview
from linernotes.library.service import DATABASE, Library
from linernotes.models import Answer
from linernotes.settings import Settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    import sqlalchemy as sa

    from linernotes.library.following import Moved, Reloaded

OURS, THEIRS, SOMEBODY = 1, 2, 3
ALICE, BOB = 44, 45
FERRY = b"The ferry sank in 1902 with Captain Drake on board."
FERRY_QUESTION = "Who was on board the ferry that sank in 1902?"
WHALE = "The whale was seen by Emma Fisk in 1880."
MANY = "\n\n".join(f"The ferry number {number} was lost at sea." * 8 for number in range(30))


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0
        self.ran = 0.0

    def __call__(self) -> float:
        return self.now

    def ticks(self) -> float:
        return self.ran


@dataclass
class Bench:
    """A library that can be opened again and again on one folder."""

    settings: Settings
    clock: Clock
    embedder: FakeEmbedder

    @asynccontextmanager
    async def open(self, embedder: FakeEmbedder | None = None) -> AsyncIterator[Library]:
        self.embedder = embedder or FakeEmbedder()
        clock = self.clock
        async with Library.open(
            self.settings, embedder=self.embedder, clock=clock, ticks=clock.ticks
        ) as library:
            yield library

    @property
    def data(self) -> Path:
        return self.settings.data_dir

    def write(self, **files: str) -> None:
        write_corpus(self.settings.corpus_dir, **files)


@pytest.fixture(autouse=True)
def _no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda _handle: None)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    folder = write_corpus(tmp_path / "corpus", harbour=HARBOUR, lanterns=LANTERNS)
    return Bench(Settings(corpus_dir=folder, data_dir=tmp_path / "data"), Clock(), FakeEmbedder())


async def preview(library: Library, change: Change, guild: int = OURS, person: int = ALICE) -> Preview:
    return await library.curator.preview(guild, person, change)


async def do(library: Library, change: Change, guild: int = OURS, person: int = ALICE) -> Revision:
    """Preview and apply."""
    made = await preview(library, change, guild, person)
    applied = await library.curator.apply(guild, person, made.id)
    assert isinstance(applied, Revision)
    return applied


async def said(library: Library, question: str = FERRY_QUESTION, guild: int | None = OURS) -> str:
    reply = (await library.ask(question, guild=guild)).reply
    return reply.text if isinstance(reply, Answer) else ""


def names(library: Library, guild: int | None = OURS) -> list[str]:
    return [document.name for document in library.curator.standings.of(guild).edition.documents]


def text(library: Library, name: str, guild: int = OURS) -> str:
    documents = library.curator.standings.of(guild).edition.documents
    return next(document.text for document in documents if document.name == name)


async def state(library: Library, *guilds: int) -> Any:
    """Everything that a change could change in these servers."""
    curator = library.curator
    return [
        (
            curator.standings.of(guild),
            await curator.catalogue.revisions(guild),
            await curator.catalogue.audit(guild),
        )
        for guild in guilds
    ]


async def agrees(library: Library, guild: int = OURS) -> None:
    """Hold what is served against the newest revision, the audit trail and the disk."""
    curator = library.curator
    standing = curator.standings.of(guild)
    newest = (await curator.catalogue.revisions(guild))[0]
    assert standing.revision == newest
    assert standing.edition.id == newest.edition
    last = next(act for act in await curator.catalogue.audit(guild) if act.after)
    assert last.after == newest.edition
    own = {document.name for document in standing.edition.documents} & newest.own.keys()
    assert own == newest.own.keys()
    for upload in newest.own.values():
        assert curator._uploads.read(upload.digest) is not None


def folders(data: Path) -> tuple[set[str], set[str], set[str]]:
    """What is on the disk: editions, segments, uploads."""
    found = [
        {path.name for path in (data / kind).iterdir()} if (data / kind).is_dir() else set()
        for kind in ("editions", "segments", "uploads")
    ]
    return found[0], found[1], found[2]


def fill_the_disk(patched: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    patched.setattr(np, "save", full)


def damage(data: Path, edition: str) -> None:
    (data / "editions" / edition / "documents.json").write_bytes(b"[]")


def damage_all(bench: Bench) -> None:
    """Damage every edition; the shared one, which is made again from the corpus, will be another."""
    for path in (bench.data / "editions").iterdir():
        damage(bench.data, path.name)
    bench.write(whale=WHALE)


# --- Each server for itself -------------------------------------------------------------------------------


async def test_a_preview_changes_nothing(bench: Bench) -> None:
    async with bench.open() as library:
        before = await state(library, OURS, THEIRS)
        made = await preview(library, Add("ferry.txt", FERRY))
        assert made.difference.added == ("ferry.txt",)
        assert (made.base.number, made.base.person) == (1, OPERATOR)
        assert await state(library, OURS, THEIRS) == before
        assert "Captain Drake" not in await said(library)
        assert folders(bench.data)[2] == set(), "the file is not kept yet"


async def test_what_is_applied_counts_in_that_server_alone(bench: Bench) -> None:
    async with bench.open() as library:
        await do(library, Hide("lanterns.md"), THEIRS, BOB)
        others = await state(library, THEIRS, SOMEBODY)
        revision = await do(library, Add("ferry.txt", FERRY))
        assert (revision.number, revision.person, revision.what) == (2, ALICE, "added ferry.txt")
        assert "Captain Drake" in await said(library)
        await agrees(library)
        assert await state(library, THEIRS, SOMEBODY) == others
        for guild in (THEIRS, SOMEBODY, None):
            assert "Captain Drake" not in await said(library, guild=guild)
        assert (names(library), names(library, THEIRS), names(library, None)) == (
            ["ferry.txt", "harbour.md", "lanterns.md"],
            ["harbour.md"],
            ["harbour.md", "lanterns.md"],
        )


async def test_what_counts_is_there_after_a_restart_and_nothing_is_embedded_again(bench: Bench) -> None:
    async with bench.open() as library:
        await do(library, Add("ferry.txt", FERRY))
        await do(library, Hide("harbour.md"))
        before = await state(library, OURS)
    async with bench.open() as library:
        assert bench.embedder.texts == []
        assert [each[1:] for each in await state(library, OURS)] == [each[1:] for each in before]
        await agrees(library)
        assert names(library) == ["ferry.txt", "lanterns.md"]
        assert "Captain Drake" in await said(library)


async def test_another_servers_preview_is_as_unknown_as_one_that_never_was(bench: Bench) -> None:
    async with bench.open() as library:
        made = await preview(library, Add("ferry.txt", FERRY))
        for key in (made.id, "0" * 16):
            with pytest.raises(RefusalError, match="I no longer have that preview"):
                await library.curator.apply(THEIRS, BOB, key)
        with pytest.raises(RefusalError, match="I no longer have that preview"):
            library.curator.find(THEIRS, made.id)
        library.curator.cancel(THEIRS, made.id)
        assert names(library, THEIRS) == ["harbour.md", "lanterns.md"]
        assert isinstance(await library.curator.apply(OURS, ALICE, made.id), Revision)


async def test_a_preview_is_applied_once(bench: Bench) -> None:
    async with bench.open() as library:
        made = await preview(library, Add("ferry.txt", FERRY))
        await library.curator.apply(OURS, ALICE, made.id)
        with pytest.raises(RefusalError, match="no longer have that preview"):
            await library.curator.apply(OURS, ALICE, made.id)
        assert len(await library.curator.catalogue.revisions(OURS)) == 2


async def test_a_cancelled_preview_is_gone(bench: Bench) -> None:
    async with bench.open() as library:
        made = await preview(library, Add("ferry.txt", FERRY))
        library.curator.cancel(OURS, made.id)
        library.curator.cancel(OURS, made.id)
        with pytest.raises(RefusalError, match="no longer have that preview"):
            await library.curator.apply(OURS, ALICE, made.id)


async def test_previews_are_forgotten_after_an_hour(bench: Bench) -> None:
    async with bench.open() as library:
        old = await preview(library, Add("ferry.txt", FERRY))
        bench.clock.now += PREVIEW_SECONDS - 1
        young = await preview(library, Hide("harbour.md"), THEIRS)
        bench.clock.now += 1
        await preview(library, Hide("harbour.md"), SOMEBODY)
        with pytest.raises(RefusalError, match="no longer have that preview"):
            await library.curator.apply(OURS, ALICE, old.id)
        assert isinstance(await library.curator.apply(THEIRS, BOB, young.id), Revision)


async def test_the_oldest_previews_go_when_there_are_too_many(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("linernotes.library.curator.MOST_PREVIEWS", 2)
    async with bench.open() as library:
        made = [await preview(library, Hide("harbour.md"), guild) for guild in (OURS, THEIRS, SOMEBODY)]
        with pytest.raises(RefusalError, match="no longer have that preview"):
            library.curator.find(OURS, made[0].id)
        assert library.curator.find(SOMEBODY, made[2].id) is made[2]


async def test_servers_with_the_same_documents_share_one_edition(bench: Bench) -> None:
    async with bench.open() as library:
        await do(library, Add("ferry.txt", FERRY), OURS)
        made = len(bench.embedder.texts)
        await do(library, Add("ferry.txt", FERRY), THEIRS)
        assert library.curator.standings.of(OURS).edition is library.curator.standings.of(THEIRS).edition
        assert len(bench.embedder.texts) == made
    async with bench.open() as library:
        assert library.curator.standings.of(OURS).edition is library.curator.standings.of(THEIRS).edition
        assert library.curator.standings.of(SOMEBODY).edition is library.curator.standings.of(None).edition


# --- Stale previews ---------------------------------------------------------------------------------------


async def test_a_preview_is_made_again_when_the_servers_library_has_changed(bench: Bench) -> None:
    async with bench.open() as library:
        stale = await preview(library, Add("ferry.txt", FERRY))
        await do(library, Hide("harbour.md"), person=BOB)
        again = await library.curator.apply(OURS, ALICE, stale.id)
        assert isinstance(again, Preview)
        assert again.change == stale.change
        assert names(library) == ["lanterns.md"]
        with pytest.raises(RefusalError, match="no longer have that preview"):
            await library.curator.apply(OURS, ALICE, stale.id)
        assert isinstance(await library.curator.apply(OURS, ALICE, again.id), Revision)
        assert names(library) == ["ferry.txt", "lanterns.md"]


async def test_a_preview_is_made_again_when_another_has_led_to_the_same_documents(bench: Bench) -> None:
    async with bench.open() as library:
        bench.write(whale=WHALE)
        first, second = await preview(library, Reload()), await preview(library, Reload(), person=BOB)
        assert isinstance(await library.curator.apply(OURS, ALICE, first.id), Revision)
        again = await library.curator.apply(OURS, BOB, second.id)
        assert isinstance(again, Preview)
        assert again.changes_nothing


async def test_a_preview_is_made_again_when_the_corpus_folder_has_changed(bench: Bench) -> None:
    async with bench.open() as library:
        bench.write(whale=WHALE)
        stale = await preview(library, Reload())
        bench.write(whale="The whale was never seen again.")
        again = await library.curator.apply(OURS, ALICE, stale.id)
        assert isinstance(again, Preview)
        assert names(library) == ["harbour.md", "lanterns.md"]
        assert isinstance(await library.curator.apply(OURS, ALICE, again.id), Revision)
        assert text(library, "whale.md") == "The whale was never seen again."


async def test_a_preview_is_made_again_when_the_shared_corpus_has_moved(bench: Bench) -> None:
    async with bench.open() as library:
        stale = await preview(library, Add("ferry.txt", FERRY))
        bench.write(whale=WHALE)
        await library.reload()
        again = await library.curator.apply(OURS, ALICE, stale.id)
        assert isinstance(again, Preview)
        await library.curator.apply(OURS, ALICE, again.id)
        assert names(library) == ["ferry.txt", "harbour.md", "lanterns.md", "whale.md"]


async def test_a_preview_is_made_again_when_the_check_questions_have_changed(bench: Bench) -> None:
    async with bench.open() as library:
        stale = await preview(library, Hide("harbour.md"))
        await library.curator.catalogue.add_check(OURS, BOB, QUESTION, "Ada Stone")
        again = await library.curator.apply(OURS, ALICE, stale.id)
        assert isinstance(again, Preview)
        assert [each.check.question for each in again.broken] == [QUESTION]
        assert names(library) == ["harbour.md", "lanterns.md"]


async def test_what_fails_while_it_is_planned_again_changes_nothing(bench: Bench) -> None:
    async with bench.open() as library:
        bench.write(whale=WHALE)
        made = await preview(library, Reload())
        before = await state(library, OURS)
        shutil.rmtree(bench.settings.corpus_dir)
        with pytest.raises(CorpusError, match="does not exist"):
            await library.curator.apply(OURS, ALICE, made.id)
        assert await state(library, OURS) == before


# --- Two at once ------------------------------------------------------------------------------------------


@asynccontextmanager
async def building(bench: Bench, library: Library, change: Change, guild: int = OURS) -> AsyncIterator[Any]:
    """Hold a preview up while its texts are embedded."""
    bench.embedder.entered.clear()
    bench.embedder.gate.clear()
    task = asyncio.create_task(preview(library, change, guild))
    try:
        assert await asyncio.to_thread(bench.embedder.entered.wait, 10)
        yield task
    finally:
        bench.embedder.gate.set()
        await task


async def test_the_second_of_two_is_told_who_is_at_it_and_for_how_long(bench: Bench) -> None:
    async with bench.open() as library:
        made = await preview(library, Hide("harbour.md"))
        async with building(bench, library, Add("ferry.txt", FERRY)) as first:
            bench.clock.now += 7
            told = f"<@{ALICE}> is changing this server's library (“added ferry.txt”, for 7 seconds now)"
            with pytest.raises(RefusalError) as caught:
                await library.curator.preview(OURS, BOB, Reload())
            assert told in str(caught.value)
            with pytest.raises(RefusalError) as caught:
                await library.curator.apply(OURS, BOB, made.id)
            assert told in str(caught.value)
        assert isinstance(await library.curator.apply(OURS, ALICE, (await first).id), Revision)


async def test_another_server_is_not_told_to_wait(bench: Bench) -> None:
    async with bench.open() as library:
        made = await preview(library, Hide("harbour.md"), THEIRS)
        async with building(bench, library, Add("ferry.txt", FERRY)) as first:
            assert isinstance(await library.curator.apply(THEIRS, BOB, made.id), Revision)
            assert not first.done()


async def test_who_fails_or_goes_lets_the_next_one_in(bench: Bench) -> None:
    async with bench.open() as library:
        with pytest.raises(ValueError, match="poison"):
            await preview(library, Add("a.txt", b"This is poison."))
        with pytest.raises(RefusalError, match="has been added in this server"):
            await preview(library, Remove("a.txt"))
        bench.embedder.gate.clear()
        bench.embedder.entered.clear()
        task = asyncio.create_task(preview(library, Add("ferry.txt", FERRY)))
        assert await asyncio.to_thread(bench.embedder.entered.wait, 10)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        bench.embedder.gate.set()
        await do(library, Hide("harbour.md"))


async def test_an_apply_that_nobody_waits_for_any_more_is_finished_before_the_next(bench: Bench) -> None:
    async with bench.open() as library:
        made = await preview(library, Add("ferry.txt", FERRY))
        other = await preview(library, Hide("harbour.md"))
        begun, go_on = threading.Event(), threading.Event()
        save = library.curator._uploads.save

        def slow(data: bytes) -> str:
            begun.set()
            assert go_on.wait(10)
            return save(data)

        library.curator._uploads.save = slow  # type: ignore[method-assign]
        task = asyncio.create_task(library.curator.apply(OURS, ALICE, made.id))
        assert await asyncio.to_thread(begun.wait, 10)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        with pytest.raises(RefusalError, match="is changing this server's library"):
            await library.curator.apply(OURS, BOB, other.id)
        go_on.set()
        # The lock is held until what the database names is there.
        async with library.curator._filing:
            pass
        assert names(library) == ["ferry.txt", "harbour.md", "lanterns.md"]
        assert isinstance(await library.curator.apply(OURS, BOB, other.id), Preview), "it has become stale"
        await agrees(library)


# --- Check questions --------------------------------------------------------------------------------------


async def test_what_breaks_a_check_question_needs_anyway(bench: Bench) -> None:
    async with bench.open() as library:
        await library.curator.catalogue.add_check(OURS, ALICE, QUESTION, "Ada Stone")
        await library.curator.catalogue.add_check(OURS, ALICE, OTHER_QUESTION, "Otto Blum")
        made = await preview(library, Hide("harbour.md"))
        assert [(each.check.question, each.before, each.after) for each in made.verdicts] == [
            (QUESTION, True, False),
            (OTHER_QUESTION, True, True),
        ]
        before = await state(library, OURS)
        with pytest.raises(RefusalError, match="break a check question"):
            await library.curator.apply(OURS, ALICE, made.id)
        assert await state(library, OURS) == before
        assert isinstance(await library.curator.apply(OURS, ALICE, made.id, anyway=True), Revision)
        assert names(library) == ["lanterns.md"]


async def test_what_mends_a_check_question_says_so_and_is_simply_applied(bench: Bench) -> None:
    async with bench.open() as library:
        await library.curator.catalogue.add_check(OURS, ALICE, FERRY_QUESTION, "Captain Drake")
        made = await preview(library, Add("ferry.txt", FERRY))
        assert [each.check.question for each in made.mended] == [FERRY_QUESTION]
        assert "Captain Drake" in made.verdicts[0].answer
        assert isinstance(await library.curator.apply(OURS, ALICE, made.id), Revision)


async def test_another_servers_check_questions_are_not_asked(bench: Bench) -> None:
    async with bench.open() as library:
        await library.curator.catalogue.add_check(THEIRS, BOB, QUESTION, "Ada Stone")
        assert (await preview(library, Hide("harbour.md"))).verdicts == ()


# --- Rolling back -----------------------------------------------------------------------------------------


async def test_rolling_back_embeds_nothing_and_is_written_down(bench: Bench) -> None:
    async with bench.open() as library:
        await do(library, Add("ferry.txt", FERRY))
        await do(library, Remove("ferry.txt"))
        await library.curator.tidy()
        made = len(bench.embedder.texts)
        revision = await do(library, RollBack(2), person=BOB)
        assert len(bench.embedder.texts) == made
        assert (revision.number, revision.what, revision.follows) == (4, "rolled back to #2", False)
        await agrees(library)
    async with bench.open() as library:
        await agrees(library)
        assert names(library) == ["ferry.txt", "harbour.md", "lanterns.md"]
        await do(library, RollBack(1))
        assert names(library) == ["harbour.md", "lanterns.md"]


async def test_one_can_go_back_to_each_of_the_ten_revisions_that_are_kept(bench: Bench) -> None:
    async with bench.open() as library:
        for number in range(2, 14):
            await do(library, Add("ferry.txt", b"%s It is number %d." % (FERRY, number)))
        await library.curator.tidy()
        history = await library.curator.catalogue.revisions(OURS)
        assert [each.number for each in history] == list(range(13, 3, -1))
        for number in range(4, 13):
            made = await preview(library, RollBack(number))
            assert f"It is number {number}." in made.plan.documents[0].text
        with pytest.raises(RefusalError, match="no edition #3"):
            await preview(library, RollBack(3))


# --- The operator's reload --------------------------------------------------------------------------------


def moves(reloaded: Reloaded) -> dict[int, str]:
    return {each.guild: each.move for each in reloaded.servers}


async def test_a_reload_moves_every_server_that_follows(bench: Bench) -> None:
    async with bench.open() as library:
        await do(library, Add("ferry.txt", FERRY), OURS)
        await do(library, Hide("harbour.md"), THEIRS)
        bench.write(whale=WHALE)
        reloaded = await library.curator.reload_all()
        assert moves(reloaded) == {OURS: "moved", THEIRS: "moved"}
        assert names(library, None) == names(library, SOMEBODY) == ["harbour.md", "lanterns.md", "whale.md"]
        assert names(library, OURS) == ["ferry.txt", "harbour.md", "lanterns.md", "whale.md"]
        assert names(library, THEIRS) == ["lanterns.md", "whale.md"]
        for guild in (OURS, THEIRS):
            await agrees(library, guild)
            last = (await library.curator.catalogue.audit(guild))[0]
            assert (last.person, last.what) == (OPERATOR, "followed the operator's reload")
        assert moves(await library.curator.reload_all()) == {OURS: "unchanged", THEIRS: "unchanged"}


async def test_a_reload_leaves_a_server_that_was_rolled_back(bench: Bench) -> None:
    async with bench.open() as library:
        await do(library, Add("ferry.txt", FERRY))
        await do(library, RollBack(1))
        before = await state(library, OURS)
        bench.write(whale=WHALE)
        assert moves(await library.curator.reload_all()) == {OURS: "rolled back"}
        assert await state(library, OURS) == before
        await do(library, Reload())
        bench.write(whale="The whale was never seen again.")
        assert moves(await library.curator.reload_all()) == {OURS: "moved"}


@pytest.mark.parametrize("own", [True, False], ids=["a library", "none"])
async def test_a_reload_leaves_a_server_whose_check_question_it_would_break_and_says_so(
    bench: Bench, own: bool
) -> None:
    async with bench.open() as library:
        if own:
            await do(library, Add("ferry.txt", FERRY))
        await library.curator.catalogue.add_check(OURS, ALICE, QUESTION, "Ada Stone")
        before = names(library)
        bench.write(harbour="The harbour was built by nobody.")
        reloaded = await library.curator.reload_all()
        assert moves(reloaded) == {OURS: "held"}
        assert QUESTION in reloaded.servers[0].said
        assert "Ada Stone" in await said(library, QUESTION)
        assert "Ada Stone" not in await said(library, QUESTION, THEIRS)
        await agrees(library)
        assert QUESTION in ((await library.curator.status(OURS)).held or "")
    async with bench.open() as library:
        assert names(library) == before
        assert "Ada Stone" in await said(library, QUESTION)
        await agrees(library)
        assert isinstance(await do_anyway(library, Reload()), Revision)
        assert (await library.curator.status(OURS)).held is None


async def do_anyway(library: Library, change: Change) -> Revision | Preview:
    made = await preview(library, change)
    return await library.curator.apply(OURS, ALICE, made.id, anyway=True)


async def test_a_server_with_check_questions_and_no_library_goes_on_without_one(bench: Bench) -> None:
    async with bench.open() as library:
        await library.curator.catalogue.add_check(OURS, ALICE, QUESTION, "Ada Stone")
        bench.write(whale=WHALE)
        assert moves(await library.curator.reload_all()) == {OURS: "moved"}
        assert await library.curator.catalogue.revisions(OURS) == ()
        assert library.curator.standings.of(OURS) is library.curator.standings.of(None)


async def test_a_reload_passes_over_a_server_that_is_being_changed(bench: Bench) -> None:
    async with bench.open() as library:
        await do(library, Hide("lanterns.md"))
        bench.write(whale=WHALE)
        async with library.curator._alone(OURS, ALICE, "added ferry.txt"):
            reloaded = await library.curator.reload_all()
        assert moves(reloaded) == {OURS: "busy"}
        assert f"<@{ALICE}>" in reloaded.servers[0].said
        assert names(library) == ["harbour.md"]
        assert moves(await library.curator.reload_all()) == {OURS: "moved"}


async def test_what_is_being_previewed_does_not_pass_over_check_questions(bench: Bench) -> None:
    async with bench.open() as library:
        await library.curator.catalogue.add_check(OURS, ALICE, QUESTION, "Ada Stone")
        bench.write(harbour="The harbour was built by nobody.")
        async with library.curator._alone(OURS, ALICE, "added ferry.txt"):
            assert moves(await library.curator.reload_all()) == {OURS: "held"}
        assert "Ada Stone" in await said(library, QUESTION)


async def test_a_server_cannot_begin_its_library_during_a_reload(bench: Bench) -> None:
    async with bench.open() as library:
        made = await preview(library, Add("ferry.txt", FERRY))
        bench.write(whale=f"{WHALE}\n\n{MANY}")
        bench.embedder.entered.clear()
        bench.embedder.gate.clear()
        reloading = asyncio.create_task(library.reload())
        assert await asyncio.to_thread(bench.embedder.entered.wait, 10)
        with pytest.raises(RefusalError, match="The operator is reloading the shared corpus"):
            await library.curator.apply(OURS, ALICE, made.id)
        bench.embedder.gate.set()
        await reloading
        again = await library.curator.apply(OURS, ALICE, made.id)
        assert isinstance(again, Preview), "the corpus that it was made for is no longer shared"
        await library.curator.apply(OURS, ALICE, again.id)
        assert names(library) == ["ferry.txt", "harbour.md", "lanterns.md", "whale.md"]


async def test_a_held_server_is_no_longer_held_once_the_corpus_is_mended(bench: Bench) -> None:
    async with bench.open() as library:
        await library.curator.catalogue.add_check(OURS, ALICE, QUESTION, "Ada Stone")
        bench.write(harbour="The harbour was built by nobody.")
        first = await library.curator.reload_all()
        again = await library.curator.reload_all()
        assert [(each.move, each.is_new) for each in (*first.servers, *again.servers)] == [
            ("held", True),
            ("held", False),
        ]
        assert (await library.curator.status(OURS)).held
        bench.write(harbour=HARBOUR)
        assert moves(await library.curator.reload_all()) == {OURS: "unchanged"}
        assert (await library.curator.status(OURS)).held is None


async def test_a_server_that_was_being_changed_follows_once_it_is_not(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hearing, "_AGAIN_SECONDS", 0.05)
    is_moved = asyncio.Event()

    async def note(moved: tuple[Moved, ...]) -> None:
        if [(each.guild, each.move) for each in moved] == [(OURS, "moved")]:
            is_moved.set()

    async with bench.open() as library:
        library.hearing.on_moved = note
        await do(library, Hide("lanterns.md"))
        bench.write(whale=WHALE)
        async with library.curator._alone(OURS, ALICE, "added ferry.txt"):
            assert moves(await library.curator.reload_all()) == {OURS: "busy"}
            await asyncio.sleep(0.2)
            assert names(library) == ["harbour.md"]
        await asyncio.wait_for(is_moved.wait(), 10)
        assert names(library) == ["harbour.md", "whale.md"]


async def test_a_server_that_was_busy_follows_at_the_next_start(bench: Bench) -> None:
    async with bench.open() as library:
        await do(library, Add("ferry.txt", FERRY))
        bench.write(harbour="The harbour was built by nobody.")
        async with library.curator._alone(OURS, ALICE, "thinking"):
            assert moves(await library.curator.reload_all()) == {OURS: "busy"}
        assert "Ada Stone" in await said(library, QUESTION)
    async with bench.open() as library:
        assert "built by nobody" in text(library, "harbour.md")


async def test_what_one_servers_documents_do_to_the_model_leaves_the_others_alone(bench: Bench) -> None:
    async with bench.open() as library:
        await do(library, Add("ferry.txt", FERRY), OURS)
        await do(library, Add("gulls.txt", b"The gulls were counted by Emma Fisk."), THEIRS)
        bench.write(whale=WHALE)
        open_edition = library.curator._editions.open_edition

        def poisoned(documents: Any, *given: Any) -> Any:
            if any(document.name == "ferry.txt" for document in documents):
                raise ValueError("This text is poison.")
            return open_edition(documents, *given)

        library.curator._editions.open_edition = poisoned  # type: ignore[method-assign]
        reloaded = await library.curator.reload_all()
        assert moves(reloaded) == {OURS: "failed", THEIRS: "moved"}
        assert "poison" not in reloaded.servers[0].said


async def test_one_server_cannot_push_out_anothers_preview(bench: Bench) -> None:
    async with bench.open() as library:
        theirs = await preview(library, Hide("harbour.md"), THEIRS)
        for _ in range(5):
            ours = await preview(library, Hide("harbour.md"), OURS)
        assert library.curator.find(THEIRS, theirs.id) is theirs
        assert library.curator.find(OURS, ours.id) is ours
        assert len(library.curator._previews) == 1 + PREVIEWS_OF_A_SERVER


async def test_a_preview_is_forgotten_after_an_hour(bench: Bench) -> None:
    async with bench.open() as library:
        made = await preview(library, Hide("harbour.md"))
        bench.clock.now += PREVIEW_SECONDS
        with pytest.raises(RefusalError, match="no longer have that preview"):
            await library.curator.apply(OURS, ALICE, made.id)
        made = await preview(library, Hide("harbour.md"))
        bench.clock.now += PREVIEW_SECONDS
        await library.curator.tidy()
        assert library.curator._previews == {}


async def test_the_time_since_the_shared_corpus_counts_outlives_a_restart(bench: Bench) -> None:
    async with bench.open() as library:
        since = await library.since()
    bench.clock.now += 1_000
    async with bench.open() as library:
        assert await library.since() == since


async def test_a_server_that_cannot_follow_stays_and_the_others_move(bench: Bench) -> None:
    async with bench.open() as library:
        await do(library, Add("ferry.txt", FERRY), OURS)
        await do(library, Hide("harbour.md"), THEIRS)
        await do(library, Hide("lanterns.md"), SOMEBODY)
        for path in (bench.data / "uploads").iterdir():
            path.write_bytes(b"damaged")
        (bench.settings.corpus_dir / "lanterns.md").unlink()
        before = await state(library, OURS, THEIRS)
        reloaded = await library.curator.reload_all()
        assert moves(reloaded) == {OURS: "moved", THEIRS: "failed", SOMEBODY: "unchanged"}
        assert "one document at least must stay" in reloaded.servers[1].said
        assert await state(library, THEIRS) == before[1:]
        assert "Captain Drake" in await said(library), "the file is lost, and its document is not"


async def test_a_wrong_corpus_moves_nobody(bench: Bench) -> None:
    async with bench.open() as library:
        await do(library, Add("ferry.txt", FERRY))
        before = await state(library, OURS, SOMEBODY)
        bench.write(whale=WHALE)
        shutil.rmtree(bench.settings.corpus_dir)
        with pytest.raises(CorpusError, match="does not exist"):
            await library.curator.reload_all()
        assert await state(library, OURS, SOMEBODY) == before


@short_and_whole
async def test_one_changed_document_of_200_is_embedded_alone_for_every_server(
    bench: Bench, share: int
) -> None:
    texts = {f"d{number}": f"Document {number} speaks of the pier." for number in range(200 // share)}
    bench.write(**texts)
    async with bench.open() as library:
        await do(library, Add("ferry.txt", FERRY))
        before = len(bench.embedder.texts)
        bench.write(d7="Another text about the mole.")
        assert moves(await library.curator.reload_all()) == {OURS: "moved"}
        embedded = bench.embedder.texts[before:]
        assert embedded == ["Another text about the mole."] * 2, "the passage, and its one sentence"
    async with bench.open() as library:
        assert bench.embedder.texts == []


@short_and_whole
async def test_a_thousand_documents_make_one_library(bench: Bench, share: int) -> None:
    many = 1_000 // share
    bench.write(**{f"d{number}": f"Document {number} speaks of pier {number}." for number in range(many)})
    async with bench.open() as library:
        made = await preview(library, Add("ferry.txt", FERRY))
        assert made.difference.added == ("ferry.txt",)
        await library.curator.apply(OURS, ALICE, made.id)
        assert len(names(library)) == many + 3
        assert "Captain Drake" in await said(library)
        assert len((await library.curator.status(OURS)).documents) == many + 3


# --- Starting again ---------------------------------------------------------------------------------------


async def test_a_corpus_that_changed_while_nothing_ran_moves_the_servers_at_the_start(bench: Bench) -> None:
    async with bench.open() as library:
        await do(library, Add("ferry.txt", FERRY), OURS)
        await do(library, Add("ferry.txt", FERRY), THEIRS)
        await do(library, RollBack(1), THEIRS)
        await library.curator.catalogue.add_check(SOMEBODY, ALICE, QUESTION, "Ada Stone")
    bench.write(harbour="The harbour was built by nobody.")
    async with bench.open() as library:
        assert "built by nobody" in text(library, "harbour.md")
        assert (await library.curator.catalogue.revisions(OURS))[0].what == "followed the operator's reload"
        for guild in (THEIRS, SOMEBODY):
            assert "Ada Stone" in await said(library, QUESTION, guild)
        for guild in (OURS, THEIRS, SOMEBODY):
            await agrees(library, guild)
        before = await state(library, OURS, THEIRS, SOMEBODY)
    async with bench.open() as library:
        after = await state(library, OURS, THEIRS, SOMEBODY)
        assert [each[1:] for each in after] == [each[1:] for each in before], "and once only"


async def test_an_edition_that_is_damaged_is_made_again_as_it_was(bench: Bench) -> None:
    async with bench.open() as library:
        first = await do(library, Add("ferry.txt", FERRY))
        second = await do(library, Hide("harbour.md"))
        await do(library, Add("ferry.txt", FERRY), THEIRS)
    damage(bench.data, second.edition)
    bench.clock.now += 60
    async with bench.open() as library:
        assert names(library) == ["ferry.txt", "lanterns.md"], "what is hidden stays hidden"
        await agrees(library)
        assert (await library.curator.catalogue.revisions(OURS))[:2] == (second, first)
        assert len(await library.curator.catalogue.audit(THEIRS)) == 1
        assert await library.caught_up == (), "nothing has changed, so there is nothing to tell"
        before = await state(library, OURS)
    async with bench.open() as library:
        assert [each[1:] for each in await state(library, OURS)] == [each[1:] for each in before]


async def test_where_every_edition_is_damaged_it_is_made_again_from_the_files(bench: Bench) -> None:
    async with bench.open() as library:
        await do(library, Hide("lanterns.md"))
        await do(library, Add("ferry.txt", FERRY))
    damage_all(bench)
    async with bench.open() as library:
        assert names(library) == ["ferry.txt", "harbour.md", "whale.md"]
        await agrees(library)
        newest = (await library.curator.catalogue.revisions(OURS))[0]
        assert newest.what == "made again from the files, for the edition was damaged"
        assert newest.hidden == {"lanterns.md"}


async def test_a_file_that_is_damaged_as_well_takes_no_other_with_it(bench: Bench) -> None:
    async with bench.open() as library:
        await do(library, Hide("lanterns.md"))
        await do(library, Add("ferry.txt", FERRY))
        last = await do(library, Add("gulls.txt", b"The gulls were counted in 1890."))
    damage_all(bench)
    (bench.data / "uploads" / last.own["gulls.txt"].digest).write_bytes(b"damaged")
    async with bench.open() as library:
        assert names(library) == ["ferry.txt", "harbour.md", "whale.md"]
        await agrees(library)
        [told, *_] = await library.caught_up
        assert (told.guild, told.move) == (OURS, "mended")
        assert "gulls.txt is lost" in told.said


async def test_where_a_file_is_lost_an_earlier_one_takes_its_place_and_what_is_hidden_stays_so(
    bench: Bench,
) -> None:
    async with bench.open() as library:
        await do(library, Add("ferry.txt", FERRY))
        last = await do(library, Add("ferry.txt", FERRY + b" It was new."))
        await do(library, Hide("lanterns.md"))
    damage_all(bench)
    (bench.data / "uploads" / last.own["ferry.txt"].digest).unlink()
    async with bench.open() as library:
        assert names(library) == ["ferry.txt", "harbour.md", "whale.md"]
        assert "It was new" not in text(library, "ferry.txt")
        await agrees(library)
        assert "an earlier ferry.txt in its place" in (await library.caught_up)[0].said


async def test_where_nothing_is_left_what_is_hidden_stays_hidden(bench: Bench) -> None:
    async with bench.open() as library:
        await do(library, Add("ferry.txt", FERRY))
        for name in ("harbour.md", "lanterns.md"):
            await do(library, Hide(name))
    damage_all(bench)
    (bench.settings.corpus_dir / "whale.md").unlink()
    bench.write(lanterns=f"{LANTERNS}They are gone.")
    for path in (bench.data / "uploads").iterdir():
        path.unlink()
    async with bench.open() as library:
        assert names(library) == []
        assert await said(library, QUESTION) == ""
        newest = (await library.curator.catalogue.revisions(OURS))[0]
        assert (newest.own, newest.hidden) == ({}, {"harbour.md", "lanterns.md"})
        await agrees(library)
        await do(library, Add("ferry.txt", FERRY))
        assert "Captain Drake" in await said(library)


class Newer(FakeEmbedder):
    digest = "newer"


async def test_another_model_makes_every_edition_again_and_the_audit_trail_agrees(bench: Bench) -> None:
    async with bench.open() as library:
        await do(library, Add("ferry.txt", FERRY))
        old = await do(library, Hide("harbour.md"))
    async with bench.open(Newer()) as library:
        assert names(library) == ["ferry.txt", "lanterns.md"]
        assert "Captain Drake" in await said(library)
        newest = (await library.curator.catalogue.revisions(OURS))[0]
        assert newest == replace(old, edition=newest.edition)
        assert newest.edition != old.edition
        last = (await library.curator.catalogue.audit(OURS))[0]
        assert (last.person, last.what) == (OPERATOR, "made again for another model or version")
        assert (last.before, last.after) == (old.edition, newest.edition)
        await agrees(library)
        assert names(library, OURS) == [
            document.name for document in (await preview(library, RollBack(2))).before.documents
        ]
        await do(library, RollBack(2))
        assert names(library) == ["ferry.txt", "harbour.md", "lanterns.md"]
    async with bench.open(Newer()) as library:
        assert bench.embedder.texts == []
        await agrees(library)


# --- Nothing can be written -------------------------------------------------------------------------------


async def test_on_a_full_disk_the_old_edition_goes_on_and_nothing_is_recorded(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bench.open() as library:
        await do(library, Hide("lanterns.md"))
        before = await state(library, OURS)
        with monkeypatch.context() as patched:
            fill_the_disk(patched)
            made = await preview(library, Add("ferry.txt", FERRY))
            with pytest.raises(EditionUnsavedError, match="No space left on device"):
                await library.curator.apply(OURS, ALICE, made.id)
        assert await state(library, OURS) == before
        assert "Captain Drake" not in await said(library)
        assert isinstance(await library.curator.apply(OURS, ALICE, made.id), Revision), "now there is room"
        await agrees(library)
    async with bench.open() as library:
        assert bench.embedder.texts == []
        await agrees(library)


async def test_where_the_file_cannot_be_kept_nothing_is_recorded(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bench.open() as library:
        made = await preview(library, Add("ferry.txt", FERRY))
        before = await state(library, OURS)
        (bench.data / "uploads").write_text("in the way")
        with pytest.raises(RefusalError, match="cannot be kept"):
            await library.curator.apply(OURS, ALICE, made.id)
        assert await state(library, OURS) == before
        (bench.data / "uploads").unlink()
        assert isinstance(await library.curator.apply(OURS, ALICE, made.id), Revision)


async def test_where_the_database_is_full_nothing_is_recorded(bench: Bench) -> None:
    async with bench.open() as library:
        await do(library, Hide("lanterns.md"))
        made = await preview(library, Add("ferry.txt", FERRY))
        before = await state(library, OURS)

        def limit(db: sa.Connection, most: int) -> None:
            used = db.exec_driver_sql("PRAGMA page_count").scalar() if most == 0 else most
            db.exec_driver_sql(f"PRAGMA max_page_count = {used}")

        # Its own words are too long for the pages that it has.
        long = replace(made, plan=replace(made.plan, hidden=frozenset({"x" * 20_000})))
        library.curator._previews[made.id] = long
        await library.store.run(lambda db: limit(db, 0))
        with pytest.raises(StoreError, match="the disk is full"):
            await library.curator.apply(OURS, ALICE, made.id)
        assert await state(library, OURS) == before
        assert "Captain Drake" not in await said(library)
        await library.store.run(lambda db: limit(db, 100_000))
        library.curator._previews[made.id] = made
        assert isinstance(await library.curator.apply(OURS, ALICE, made.id), Revision)
        await agrees(library)


async def test_a_server_without_room_does_not_follow_and_the_others_are_answered(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bench.open() as library:
        await do(library, Add("ferry.txt", FERRY))
        before = await state(library, OURS)
        bench.write(whale=WHALE)
        with monkeypatch.context() as patched:
            fill_the_disk(patched)
            reloaded = await library.curator.reload_all()
        assert moves(reloaded) == {OURS: "failed"}
        assert "No space left on device" in reloaded.servers[0].said
        assert await state(library, OURS) == before
        assert names(library, None) == ["harbour.md", "lanterns.md", "whale.md"]
        assert moves(await library.curator.reload_all()) == {OURS: "moved"}
        await agrees(library)


async def test_a_server_that_is_held_on_an_edition_without_room_is_not_recorded_there(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill_the_disk(monkeypatch)
    async with bench.open() as library:
        await library.curator.catalogue.add_check(OURS, ALICE, QUESTION, "Ada Stone")
        bench.write(harbour="The harbour was built by nobody.")
        reloaded = await library.curator.reload_all()
        assert moves(reloaded) == {OURS: "failed"}
        assert "No space left on device" in reloaded.servers[0].said
        assert await library.curator.catalogue.revisions(OURS) == ()
        assert "Ada Stone" in await said(library, QUESTION), "it is held in memory all the same"


async def test_what_a_server_had_before_its_first_change_is_on_the_disk_as_well(bench: Bench) -> None:
    async with bench.open() as library:
        made = await preview(library, Add("ferry.txt", FERRY))
        shutil.rmtree(bench.data / "editions" / made.before.id)
        await library.curator.apply(OURS, ALICE, made.id)
        assert folders(bench.data) == await needed(library, OURS)


async def test_what_cannot_be_made_again_on_the_disk_is_not_recorded_as_if_it_were(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bench.open() as library:
        old = await do(library, Add("ferry.txt", FERRY))
    with monkeypatch.context() as patched:
        fill_the_disk(patched)
        async with bench.open(Newer()) as library:
            assert "Captain Drake" in await said(library), "it works in memory"
            assert (await library.curator.catalogue.revisions(OURS))[0] == old
    async with bench.open() as library:
        assert "Captain Drake" in await said(library)
        await agrees(library)
        assert len(await library.curator.catalogue.audit(OURS)) == 1


async def test_going_back_on_a_full_disk_is_not_recorded_and_tried_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bench.open() as library:
        await do(library, Add("ferry.txt", FERRY))
    damage_all(bench)
    with monkeypatch.context() as patched:
        fill_the_disk(patched)
        async with bench.open() as library:
            assert "Captain Drake" in await said(library)
            assert len(await library.curator.catalogue.revisions(OURS)) == 2
    async with bench.open() as library:
        await agrees(library)
        assert len(await library.curator.catalogue.revisions(OURS)) == 3


async def test_where_the_data_folder_cannot_be_made_everything_works_in_memory(
    bench: Bench, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    bench.settings = bench.settings.model_copy(update={"data_dir": tmp_path / "file" / "data"})
    async with bench.open() as library:
        await do(library, Add("ferry.txt", FERRY))
        await do(library, Hide("harbour.md"))
        bench.write(whale=WHALE)
        assert moves(await library.curator.reload_all()) == {OURS: "moved"}
        assert names(library) == ["ferry.txt", "lanterns.md", "whale.md"]
        await do(library, RollBack(2))
        assert names(library) == ["ferry.txt", "harbour.md", "lanterns.md"]
        await agrees(library)


# --- A database that cannot be used -----------------------------------------------------------------------


async def refused(bench: Bench) -> str:
    """Open the library, which must not come about nor touch the database; return what is said."""
    path = bench.data / DATABASE
    before = path.read_bytes()
    with pytest.raises(StoreError) as caught:
        async with bench.open():
            pass
    assert path.read_bytes() == before
    assert str(path) in str(caught.value)
    assert not any(thread.name.startswith("linernotes-") for thread in threading.enumerate())
    return str(caught.value)


@pytest.fixture
async def used(bench: Bench) -> Bench:
    """A folder with a server's library in it."""
    async with bench.open() as library:
        await do(library, Add("ferry.txt", FERRY))
    return bench


async def test_a_locked_database_is_refused_and_left_alone(
    used: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("linernotes.library.database._BUSY_SECONDS", 0.05)
    other = sqlite3.connect(used.data / DATABASE, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    assert "in use by another program" in await refused(used)
    other.execute("ROLLBACK")
    other.close()
    async with used.open() as library:
        await agrees(library)


async def test_a_read_only_database_is_refused_and_left_alone(
    used: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Who may write everything would not notice the file's mode.
    connect = sqlite3.connect
    with monkeypatch.context() as patched:
        patched.setattr(
            sqlite3, "connect", lambda name, **options: connect(f"file:{name}?mode=ro", uri=True, **options)
        )
        assert "is read-only" in await refused(used)
    async with used.open() as library:
        await agrees(library)


async def test_a_damaged_database_is_refused_and_left_alone(used: Bench) -> None:
    path = used.data / DATABASE
    content = path.read_bytes()
    path.write_bytes(content[:2_000] + b"\xff" * 20_000 + content[22_000:])
    await refused(used)
    path.write_bytes(b"This is a text. " * 500)
    assert "is damaged (file is not a database)" in await refused(used)


async def test_a_newer_database_is_refused_and_left_alone(used: Bench) -> None:
    db = sqlite3.connect(used.data / DATABASE)
    db.execute("PRAGMA user_version = 99")
    db.close()
    assert "newer version" in await refused(used)


async def test_an_older_database_is_brought_up_to_date_with_what_it_holds(bench: Bench) -> None:
    bench.data.mkdir()
    make_first_database(bench.data / DATABASE, "INSERT INTO facts VALUES ('colour', 'green')")
    async with bench.open() as library:
        assert await library.store.fact("colour") == "green"
        await do(library, Add("ferry.txt", FERRY))
        await agrees(library)


# --- Tidying ----------------------------------------------------------------------------------------------


async def needed(library: Library, *guilds: int) -> tuple[set[str], set[str], set[str]]:
    """What the kept revisions need on the disk: editions, segments, uploads."""
    editions = {library.curator.standings.of(None).edition.id}
    uploads: set[str] = set()
    for guild in guilds:
        for revision in await library.curator.catalogue.revisions(guild):
            editions.add(revision.edition)
            uploads |= {upload.digest for upload in revision.own.values()}
    store = library.curator._editions
    segments = {store._segment_key(document) for edition in editions for document in store.documents(edition)}
    return editions, segments, uploads


async def test_tidying_removes_what_no_kept_revision_needs_and_nothing_else(bench: Bench) -> None:
    async with bench.open() as library:
        for number in range(2, 15):
            await do(library, Add("ferry.txt", b"%s It is number %d." % (FERRY, number)))
        await do(library, Hide("harbour.md"), THEIRS)
        library.curator.cancel(OURS, (await preview(library, Add("never.txt", b"It was never applied."))).id)
        keep = await needed(library, OURS, THEIRS)
        assert folders(bench.data) > keep
        await library.curator.tidy()
        assert folders(bench.data) == keep
        assert len(keep[2]) == 10
        assert len(keep[0]) == 1 + 10 + 1
    async with bench.open() as library:
        assert folders(bench.data) == keep
        for number in range(5, 14):
            await preview(library, RollBack(number))
        assert bench.embedder.texts == []


async def test_what_is_previewed_is_not_tidied_away(bench: Bench) -> None:
    async with bench.open() as library:
        made = await preview(library, Add("ferry.txt", FERRY))
        await library.curator.tidy()
        assert made.after.id in folders(bench.data)[0]
        embedded = len(bench.embedder.texts)
        await library.curator.apply(OURS, ALICE, made.id)
        assert len(bench.embedder.texts) == embedded
    async with bench.open() as library:
        assert bench.embedder.texts == []
        await agrees(library)


async def test_a_server_that_was_left_long_ago_works_with_the_shared_corpus_and_keeps_no_file(
    bench: Bench,
) -> None:
    async with bench.open() as library:
        await do(library, Add("ferry.txt", FERRY))
        await library.curator.catalogue.leave(OURS)
        bench.clock.now += LEFT_SECONDS
        await library.curator.tidy()
        assert "Captain Drake" in await said(library), "a clock may jump"
        bench.clock.ran += TWO_LOOKS
        await library.curator.tidy()
        assert library.curator.standings.of(OURS) is library.curator.standings.of(None)
        assert "Captain Drake" not in await said(library)
        assert folders(bench.data) == await needed(library)


def hold_up(owner: object, name: str) -> tuple[threading.Event, threading.Event]:
    """Let a method wait before it begins; return what is set when it is called, and what lets it go on."""
    begun, go_on = threading.Event(), threading.Event()
    method: Callable[..., Any] = getattr(owner, name)

    def slow(*given: Any) -> Any:
        begun.set()
        assert go_on.wait(10)
        return method(*given)

    setattr(owner, name, slow)
    return begun, go_on


@pytest.mark.parametrize("times", [1, 2])
async def test_a_file_that_is_being_added_is_not_tidied_away_however_they_cross(
    bench: Bench, times: int
) -> None:
    async with bench.open() as library:
        made = await preview(library, Add("ferry.txt", FERRY))
        begun, go_on = hold_up(library.curator._uploads, "prune")
        tidying = [asyncio.create_task(library.curator.tidy())]
        assert await asyncio.to_thread(begun.wait, 10)
        applying = asyncio.create_task(library.curator.apply(OURS, ALICE, made.id))
        # A round through the store's thread: what does not wait for the tidying has gone on by then.
        for _ in range(5):
            await library.store.fact("x")
        tidying += [asyncio.create_task(library.curator.tidy()) for _ in range(times - 1)]
        await library.store.fact("x")
        go_on.set()
        assert isinstance(await applying, Revision)
        await asyncio.gather(*tidying)
        await agrees(library)
        assert folders(bench.data) == await needed(library, OURS)


async def test_what_is_half_written_is_not_tidied_away(bench: Bench) -> None:
    async with bench.open() as library:
        made = await preview(library, Add("ferry.txt", FERRY))
        begun, go_on = hold_up(library.curator._uploads, "save")
        applying = asyncio.create_task(library.curator.apply(OURS, ALICE, made.id))
        assert await asyncio.to_thread(begun.wait, 10)
        (bench.data / "uploads").mkdir()
        (bench.data / "uploads" / ".half").write_bytes(FERRY[:5])
        tidying = asyncio.create_task(library.curator.tidy())
        for _ in range(5):
            await library.store.fact("x")
        assert (bench.data / "uploads" / ".half").exists()
        go_on.set()
        await asyncio.gather(applying, tidying)
        await agrees(library)
        assert folders(bench.data) == await needed(library, OURS)


# --- What moderators look at ------------------------------------------------------------------------------


async def test_the_status_of_a_server_without_a_library_is_the_shared_one(bench: Bench) -> None:
    async with bench.open() as library:
        status = await library.curator.status(OURS)
        assert (status.is_own, status.held, status.revision.number) == (False, None, 1)
        assert status.edition is library.curator.standings.of(None).edition
        assert [(each.document.name, each.own) for each in status.documents] == [
            ("harbour.md", False),
            ("lanterns.md", False),
        ]
        path = bench.settings.corpus_dir / "harbour.md"
        assert (status.documents[0].size, status.documents[0].at) == (
            path.stat().st_size,
            path.stat().st_mtime,
        )


async def test_the_status_tells_whose_a_document_is_how_large_and_since_when(bench: Bench) -> None:
    async with bench.open() as library:
        await do(library, Add("ferry.txt", FERRY))
        (bench.settings.corpus_dir / "lanterns.md").unlink()
        bench.clock.now += 60
        status = await library.curator.status(OURS)
        assert status.is_own
        assert (status.revision.person, status.revision.at) == (ALICE, bench.clock.now - 60)
        found = {each.document.name: (each.own, each.size, each.at) for each in status.documents}
        assert found["ferry.txt"] == (True, len(FERRY), bench.clock.now - 60)
        assert found["lanterns.md"][2] is None, "a shared file that has gone has no age"


async def test_who_asked_to_be_forgotten_is_not_named_in_the_status(bench: Bench) -> None:
    async with bench.open() as library:
        await do(library, Add("ferry.txt", FERRY))
        await library.store.forget(ALICE)
        assert (await library.curator.status(OURS)).revision.person is None
        await do(library, Hide("harbour.md"), person=BOB)
        await agrees(library)


async def test_a_change_that_leaves_the_documents_alone_is_not_taken_for_one_that_was_held(
    bench: Bench,
) -> None:
    async with bench.open() as library:
        await do(library, Add("ferry.txt", FERRY))
        await do(library, Reload())
        assert (await library.curator.status(OURS)).held is None


async def test_what_is_noted_since_does_not_hide_that_a_server_is_held(bench: Bench) -> None:
    async with bench.open() as library:
        await library.curator.catalogue.add_check(OURS, ALICE, QUESTION, "Ada Stone")
        bench.write(harbour="The harbour was built by nobody.")
        await library.curator.reload_all()
        await library.curator.catalogue.add_check(OURS, ALICE, OTHER_QUESTION, "Otto Blum")
        assert QUESTION in ((await library.curator.status(OURS)).held or "")


async def test_gaps_are_grouped_by_meaning_the_largest_group_first(bench: Bench) -> None:
    async with bench.open() as library:
        assert await library.curator.gap_groups(OURS) == ()
        for question in ("What does the ticket cost?", "Is there a map of it?", "What did the ticket cost?"):
            await library.curator.catalogue.add_gap(OURS, question)
        await library.curator.catalogue.add_gap(THEIRS, "What does the ticket cost?")
        groups = await library.curator.gap_groups(OURS)
        assert [[gap.question for gap in group] for group in groups] == [
            ["What did the ticket cost?", "What does the ticket cost?"],
            ["Is there a map of it?"],
        ]
