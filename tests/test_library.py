"""The library: opens, answers, reloads and closes, with nothing left running."""

from __future__ import annotations

import asyncio
import logging
import shutil
import subprocess
import sys
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from fakes import HARBOUR, LANTERNS, OTHER_QUESTION, QUESTION, FakeEmbedder, write_corpus
from linernotes.errors import ClosedError, CorpusError, DataFolderBusyError
from linernotes.library import Library, service
from linernotes.library.editions import EditionStore
from linernotes.library.service import spoken_by
from linernotes.models import Answer, Quote, Unanswered
from linernotes.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

    from linernotes.models import Turn


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(corpus_dir=write_corpus(tmp_path / "corpus"), data_dir=tmp_path / "data")


def text_of(turn: Turn) -> str:
    assert isinstance(turn.reply, Answer), turn
    return turn.reply.text


def files_below(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {
        str(path.relative_to(folder)): (path.stat().st_mtime_ns, path.read_bytes())
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


# --- Asking -----------------------------------------------------------------------------------------------


async def test_it_answers_from_the_shared_corpus_for_everyone(settings: Settings) -> None:
    async with Library.open(settings, embedder=FakeEmbedder()) as library:
        edition = await library.edition()
        for guild in (None, 1, 2):
            turn = await library.ask(QUESTION, guild=guild)
            assert "Ada Stone" in text_of(turn)
            assert turn.reply.edition == edition.id == (await library.edition(guild)).id


async def test_it_answers_before_it_has_looked_at_all_that_is_on_the_disk(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = threading.Event()
    monkeypatch.setattr(service, "CATCH_UP_SECONDS", 0.1)
    monkeypatch.setattr(EditionStore, "learn", lambda _store: looked.wait(20))
    async with Library.open(settings, embedder=FakeEmbedder()) as library:
        assert "Ada Stone" in text_of(await library.ask(QUESTION))
        assert not library.caught_up.done()
        looked.set()
        assert await library.caught_up == ()


async def test_one_document_can_be_asked_alone(settings: Settings) -> None:
    write_corpus(settings.corpus_dir, harbour=HARBOUR, lanterns=LANTERNS)
    async with Library.open(settings, embedder=FakeEmbedder()) as library:
        edition = await library.edition()
        turn = await library.ask(QUESTION, document="lanterns.md")
        assert turn.reply.edition == edition.id
        hits = turn.reply.hits if isinstance(turn.reply, Answer) else [turn.reply.nearest]
        assert {hit.passage.document for hit in hits if hit is not None} == {"lanterns.md"}
        assert "Ada Stone" in text_of(await library.ask(QUESTION, document="harbour.md"))
        with pytest.raises(CorpusError, match="no document"):
            await library.ask(QUESTION, document="other.md")


async def test_a_document_alone_answers_as_if_it_were_the_corpus(settings: Settings, tmp_path: Path) -> None:
    write_corpus(settings.corpus_dir, harbour=HARBOUR, lanterns=LANTERNS, ferry="The ferry is old. It sank.")
    only = settings.model_copy(update={"corpus_dir": write_corpus(tmp_path / "only", lanterns=LANTERNS)})
    async with (
        Library.open(settings, embedder=FakeEmbedder()) as library,
        Library.open(only, embedder=FakeEmbedder(), keep="nothing") as other,
    ):
        alone = (await library.ask(OTHER_QUESTION, document="lanterns.md")).reply
        wanted = (await other.ask(OTHER_QUESTION)).reply
        assert replace(alone, edition="") == replace(wanted, edition="")
        assert alone.edition == (await library.edition()).id


async def test_what_is_no_question_has_a_reason(settings: Settings) -> None:
    settings = settings.model_copy(update={"max_question_chars": 50})
    async with Library.open(settings, embedder=FakeEmbedder()) as library:
        for question, reason in (("", "empty"), (" \n", "empty"), ("why " * 20, "too-long")):
            reply = (await library.ask(question)).reply
            assert isinstance(reply, Unanswered)
            assert reply.reason == reason


async def test_half_a_character_is_no_reason_to_fail(settings: Settings) -> None:
    async with Library.open(settings, embedder=FakeEmbedder()) as library:
        turn = await library.ask(f"\ud83d {QUESTION}", history=["\udcff"])
        assert "Ada Stone" in text_of(turn)


async def test_history_is_answered_again_and_turns_follow_it(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[str]] = []
    async with Library.open(settings, embedder=FakeEmbedder()) as library:
        ask = library._engine.ask

        def spy(edition: object, question: str, turns: tuple[Turn, ...] = (), **named: Any) -> Turn:
            seen.append([turn.question for turn in turns])
            return ask(edition, question, turns, **named)  # type: ignore[arg-type]

        earlier = await library.ask(OTHER_QUESTION)
        monkeypatch.setattr(library._engine, "ask", spy)
        await library.ask(QUESTION, history=["one", "two"], turns=[earlier])
        assert seen[-1] == ["one", "two", OTHER_QUESTION]
        turns = await library.recall(["one", "two"])
        assert [turn.question for turn in turns] == ["one", "two"]


async def test_fifty_at_once_are_all_answered(settings: Settings) -> None:
    fake = FakeEmbedder()
    async with Library.open(settings, embedder=fake) as library:
        before = len(fake.calls)
        questions = [QUESTION + "?" * number for number in range(50)]
        turns = await asyncio.gather(*map(library.ask, questions))
        assert all("Ada Stone" in text_of(turn) for turn in turns)
        assert [turn.question for turn in turns] == questions
        assert len(fake.calls) - before <= 50


# --- Quotations -------------------------------------------------------------------------------------------


async def test_quotations_by_speaker_and_by_meaning(settings: Settings) -> None:
    async with Library.open(settings, embedder=FakeEmbedder()) as library:
        (quote,) = await library.quotes()
        assert quote.text == "Nobody believed that the wall would hold the sea."
        assert await library.quotes(speaker="stone") == (quote,)
        assert await library.quotes(speaker="Otto Blum") == ()
        assert await library.quotes(about="a wall against the sea", speaker="ADA") == (quote,)


def test_a_speaker_is_found_by_part_of_the_name_without_case_and_accents() -> None:
    quotes = [
        Quote(((0, 1),), "x", name, None, "a.md") for name in ("Beyoncé Knowles", "Knowles-Carter", None)
    ]

    def named(speaker: str) -> list[str | None]:
        return [quote.speaker for quote in spoken_by(quotes, speaker)]

    assert named("beyonce") == ["Beyoncé Knowles"]
    assert named("KNOWLES") == ["Beyoncé Knowles", "Knowles-Carter"]
    assert named("carter knowles") == ["Knowles-Carter"]
    assert named("know") == named("") == named(" ,") == []


# --- Reloading --------------------------------------------------------------------------------------------


async def test_a_reload_swaps_the_edition_and_embeds_what_is_new(settings: Settings) -> None:
    fake = FakeEmbedder()
    now = 100.0
    async with Library.open(settings, embedder=fake, clock=lambda: now) as library:
        old = await library.edition()
        assert await library.since() == 100.0
        write_corpus(settings.corpus_dir, lanterns=LANTERNS)
        before = len(fake.texts)
        steps: list[str] = []
        now = 200.0
        new = await library.reload(lambda step, _done, _total: steps.append(step))
        assert await library.edition() is new is not old
        assert await library.since() == 200.0
        assert not any("harbour" in text for text in fake.texts[before:])
        assert "embed" in steps
        assert "Otto Blum" in text_of(await library.ask(OTHER_QUESTION))


async def test_a_bad_file_is_left_out_and_named_and_the_rest_is_served(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    (settings.corpus_dir / "bad.md").write_bytes(b"caf\xe9")
    async with Library.open(settings, embedder=FakeEmbedder()) as library:
        assert "Ada Stone" in text_of(await library.ask(QUESTION))
    assert any("bad.md, line 1" in message and "left out" in message for message in caplog.messages)


async def test_a_file_that_cannot_be_read_any_more_stays_in_service_over_a_reload_and_a_start(
    settings: Settings,
) -> None:
    write_corpus(settings.corpus_dir, lanterns=LANTERNS)
    async with Library.open(settings, embedder=FakeEmbedder()) as library:
        (settings.corpus_dir / "lanterns.md").write_bytes(b"caf\xe9")
        reloaded = await library.curator.reload_all()
        assert "lanterns.md" in reloaded.left_out[0]
        assert "Otto Blum" in text_of(await library.ask(OTHER_QUESTION))
    async with Library.open(settings, embedder=FakeEmbedder()) as library:
        assert "Otto Blum" in text_of(await library.ask(OTHER_QUESTION))
        assert "as it was before" in (await library.curator.status(1)).left_out[0]


async def test_a_corpus_of_which_nothing_is_left_leaves_the_old_edition(settings: Settings) -> None:
    async with Library.open(settings, embedder=FakeEmbedder()) as library:
        old = await library.edition()
        shutil.rmtree(settings.corpus_dir)
        with pytest.raises(CorpusError, match="does not exist"):
            await library.reload()
        assert await library.edition() is old
        assert "Ada Stone" in text_of(await library.ask(QUESTION))


async def test_questions_are_answered_from_the_old_edition_during_a_reload(settings: Settings) -> None:
    write_corpus(settings.corpus_dir, harbour=HARBOUR, lanterns=LANTERNS)
    fake = FakeEmbedder()
    async with Library.open(settings, embedder=fake) as library:
        old = await library.edition()
        paragraphs = "\n\n".join(f"The ferry number {number} was lost at sea." * 8 for number in range(30))
        write_corpus(settings.corpus_dir, ferries=paragraphs)
        fake.entered.clear()
        fake.gate.clear()
        reloading = asyncio.create_task(library.reload())
        await asyncio.to_thread(fake.entered.wait, 10)
        asking = asyncio.create_task(library.ask(QUESTION))
        await asyncio.sleep(0.05)
        assert not reloading.done()
        fake.gate.set()
        assert (await asking).reply.edition == old.id
        new = await reloading
        assert new.id != old.id
        assert (await library.ask(QUESTION)).reply.edition == new.id


async def test_a_document_alone_does_not_wait_for_a_reload(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_corpus(settings.corpus_dir, harbour=HARBOUR, lanterns=LANTERNS)
    built = threading.Event()
    async with Library.open(settings, embedder=FakeEmbedder()) as library:
        editions = library.curator._editions
        open_edition = editions.open_edition

        def late(*given: Any) -> Any:
            built.wait(20)
            return open_edition(*given)

        monkeypatch.setattr(editions, "open_edition", late)
        reloading = asyncio.create_task(library.reload())
        turn = await asyncio.wait_for(library.ask(QUESTION, document="harbour.md"), 10)
        assert "Ada Stone" in text_of(turn)
        assert not reloading.done()
        built.set()
        await reloading


async def test_two_reloads_at_once_end_with_what_was_read_last(settings: Settings) -> None:
    async with Library.open(settings, embedder=FakeEmbedder()) as library:
        write_corpus(settings.corpus_dir, lanterns=LANTERNS)
        first, second = await asyncio.gather(library.reload(), library.reload())
        assert first is second is await library.edition()


# --- Opening and closing ----------------------------------------------------------------------------------


async def test_the_next_start_embeds_nothing(settings: Settings) -> None:
    async with Library.open(settings, embedder=FakeEmbedder()) as library:
        first = (await library.edition()).id
    fake = FakeEmbedder()
    async with Library.open(settings, embedder=fake) as library:
        assert (await library.edition()).id == first
        assert fake.texts == []


async def test_a_library_in_memory_leaves_the_data_folder_alone(settings: Settings, tmp_path: Path) -> None:
    async with Library.open(settings, embedder=FakeEmbedder(), keep="nothing") as library:
        assert "Ada Stone" in text_of(await library.ask(QUESTION))
    assert not (tmp_path / "data").exists()


async def test_beside_another_process_only_a_borrower_answers(settings: Settings) -> None:
    holder = (
        "import sys; from pathlib import Path; from linernotes.library.locks import lock\n"
        "with lock(Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(  # noqa: S603, ASYNC220  our own words
        [sys.executable, "-c", holder, str(settings.data_dir)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        before = files_below(settings.data_dir)
        with pytest.raises(DataFolderBusyError, match=f"in use by process {other.pid}"):
            async with Library.open(settings, embedder=FakeEmbedder()):
                pass
        async with Library.open(settings, embedder=FakeEmbedder(), keep="borrow") as library:
            assert "Ada Stone" in text_of(await library.ask(QUESTION))
        assert files_below(settings.data_dir) == before
        other.communicate()
    async with Library.open(settings, embedder=FakeEmbedder(), keep="borrow"):
        assert (settings.data_dir / "editions").is_dir()


async def test_a_data_folder_that_cannot_be_made_is_a_warning(
    settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way")
    settings = settings.model_copy(update={"data_dir": tmp_path / "file" / "data"})
    async with Library.open(settings, embedder=FakeEmbedder()) as library:
        assert "Ada Stone" in text_of(await library.ask(QUESTION))
    warnings = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert [record.name for record in warnings] == ["linernotes.library.store", "linernotes.library.editions"]


async def test_a_bad_corpus_is_said_before_a_model_is_loaded(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("linernotes.retrieval.embedding.open_embedder", None)
    settings = settings.model_copy(update={"corpus_dir": settings.corpus_dir / "nowhere"})
    with pytest.raises(CorpusError, match="does not exist"):
        async with Library.open(settings):
            pass


async def test_warnings_of_the_corpus_are_logged(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    write_corpus(settings.corpus_dir, copy=HARBOUR)
    async with Library.open(settings, embedder=FakeEmbedder(), keep="nothing"):
        pass
    assert "harbour.md: has the same text as copy.md" in caplog.text


def _threads() -> set[threading.Thread]:
    """Return our threads; another test of the same process may have left some."""
    return {each for each in threading.enumerate() if each.name.startswith("linernotes-")}


async def test_closing_ends_every_thread_and_frees_the_folder(settings: Settings) -> None:
    before = _threads()
    async with Library.open(settings, embedder=FakeEmbedder()) as library:
        await library.ask(QUESTION)
        assert _threads() - before
    assert not _threads() - before
    with pytest.raises(ClosedError, match="The library has been closed"):
        await library.ask(QUESTION)
    with pytest.raises(ClosedError, match="The library has been closed"):
        await library.reload()
    async with Library.open(settings, embedder=FakeEmbedder()):
        pass


async def test_closing_waits_for_answers_and_not_for_a_reload(settings: Settings) -> None:
    fake = FakeEmbedder()
    async with Library.open(settings, embedder=fake) as library:
        write_corpus(settings.corpus_dir, many="\n\n".join(f"Line {n} of it. " * 40 for n in range(40)))
        fake.entered.clear()
        fake.gate.clear()
        reloading = asyncio.create_task(library.reload())
        await asyncio.to_thread(fake.entered.wait, 10)
        asking = asyncio.create_task(library.ask(QUESTION))
        await asyncio.sleep(0.05)
        asyncio.get_running_loop().call_later(0.1, fake.gate.set)
    assert "Ada Stone" in text_of(await asking)
    with pytest.raises(ClosedError):
        await reloading


async def test_an_error_inside_closes_it_too(settings: Settings) -> None:
    before = _threads()
    with pytest.raises(RuntimeError, match="ours"):
        async with Library.open(settings, embedder=FakeEmbedder()):
            raise RuntimeError("ours")
    assert not _threads() - before
