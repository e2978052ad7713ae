"""The operator's reload: a running bot is asked over a socket, and says what it did."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
import stat
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from command_line import in_this_process
from fakes import LANTERNS, OTHER_QUESTION, QUESTION, FakeEmbedder, write_corpus
from linernotes.errors import BotAbsentError, LinerNotesError
from linernotes.library import Library
from linernotes.library.changes import Add, RollBack
from linernotes.settings import Settings
from linernotes.shell import control
from linernotes.shell.control import request_reload, serve

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from linernotes.library.following import Moved


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(corpus_dir=write_corpus(tmp_path / "corpus"), data_dir=tmp_path / "data")


@asynccontextmanager
async def served(settings: Settings, **options: Any) -> AsyncIterator[Library]:
    async with (
        Library.open(settings, embedder=FakeEmbedder()) as library,
        serve(library, settings.data_dir, **options),
    ):
        yield library


async def reload(settings: Settings, *given: Any) -> dict[str, Any]:
    return await asyncio.to_thread(request_reload, settings.data_dir, *given)


async def test_the_running_bot_reads_the_corpus_again_and_reports(settings: Settings) -> None:
    async with served(settings) as library:
        write_corpus(settings.corpus_dir, lanterns=LANTERNS)
        report = await reload(settings)
        edition = await library.edition()
        assert report == {
            "edition": edition.id,
            "documents": 2,
            "passages": len(edition.passages),
            "quotations": 1,
            "servers": [],
            "left_out": [],
        }
        assert "Otto Blum" in (await library.ask(OTHER_QUESTION)).reply.text  # type: ignore[union-attr]


async def test_it_says_of_each_server_what_became_of_it(settings: Settings) -> None:
    told: asyncio.Future[tuple[Moved, ...]] = asyncio.get_running_loop().create_future()

    async def on_reloaded(moved: tuple[Moved, ...]) -> None:
        told.set_result(moved)

    async with served(settings, on_reloaded=on_reloaded) as library:
        curator = library.curator
        for guild in (1, 2, 3):
            file = Add("own.md", b"The ferry was painted red by Ida Holm.")
            await curator.apply(guild, 9, (await curator.preview(guild, 9, file)).id)
        back = await curator.preview(2, 9, RollBack(1))
        await curator.apply(2, 9, back.id)
        await curator.catalogue.add_check(3, 9, QUESTION, "Ada Stone")
        write_corpus(settings.corpus_dir, harbour=LANTERNS)
        report = await reload(settings)
        did = {each["guild"]: each["did"] for each in report["servers"]}
        assert did == {1: "moved", 2: "rolled back", 3: "held"}
        assert QUESTION in report["servers"][2]["said"]
        moved = await asyncio.wait_for(told, 10)
        assert [each.move for each in moved] == ["moved", "rolled back", "held"]
        assert (await library.edition(1)).id == report["servers"][0]["edition"]
        assert "Ada Stone" in (await library.ask(QUESTION, guild=3)).reply.text  # type: ignore[union-attr]


async def test_a_file_that_cannot_be_read_is_told_and_the_rest_is_served(settings: Settings) -> None:
    async with served(settings):
        (settings.corpus_dir / "bad.md").write_bytes(b"caf\xe9")
        report = await reload(settings)
        assert "bad.md, line 1: is not UTF-8" in report["left_out"][0]


async def test_a_bad_corpus_is_told_with_its_exit_status_and_changes_nothing(settings: Settings) -> None:
    async with served(settings) as library:
        before = await library.edition()
        shutil.rmtree(settings.corpus_dir)
        with pytest.raises(LinerNotesError, match="does not exist") as caught:
            await reload(settings)
        assert caught.value.exit_status == 65
        assert await library.edition() is before


async def test_how_far_it_is_is_told(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "_PROGRESS_SECONDS", 0.01)
    steps: list[tuple[str, int, int]] = []
    async with served(settings) as library:
        embed = FakeEmbedder.embed

        def slowly(fake: FakeEmbedder, texts: Any) -> Any:
            while not steps:  # until the operator has heard of it
                if fake.gate.wait(0.01):
                    break
            return embed(fake, texts)

        fake: Any = library._engine._embedder._embedder._embedder  # type: ignore[attr-defined]
        fake.gate.clear()
        monkeypatch.setattr(FakeEmbedder, "embed", slowly)
        write_corpus(settings.corpus_dir, lanterns=LANTERNS)

        def told(*step: Any) -> None:
            steps.append(step)
            fake.gate.set()

        await reload(settings, told)
    assert {step for step, _, _ in steps} <= {"read", "split", "embed", "index"}
    assert steps


async def test_the_reload_goes_on_when_who_asked_goes_away(settings: Settings) -> None:
    async with served(settings) as library:
        write_corpus(settings.corpus_dir, lanterns=LANTERNS)
        fake: Any = library._engine._embedder._embedder._embedder  # type: ignore[attr-defined]
        fake.entered.clear()
        fake.gate.clear()
        with socket.socket(socket.AF_UNIX) as made:
            made.connect(str(settings.data_dir / "control.sock"))
            made.sendall(b'{"do": "reload"}\n')
            await asyncio.to_thread(fake.entered.wait, 10)
        fake.gate.set()
        # One at a time: the second waits for the first, and finds its work done.
        report = await reload(settings)
        assert report["documents"] == 2
        assert len(fake.texts) == len(set(fake.texts))


@pytest.mark.parametrize("line", [b"", b"\n", b"reload\n", b"[]\n", b'{"do": "stop"}\n', b"\xff\n"])
async def test_another_request_is_refused(settings: Settings, line: bytes) -> None:
    async with served(settings) as library:
        before = await library.edition()
        reader, writer = await asyncio.open_unix_connection(str(settings.data_dir / "control.sock"))
        writer.write(line)
        writer.write_eof()
        assert "does not know" in json.loads(await reader.readline())["error"]
        writer.close()
        assert await library.edition() is before


async def test_only_the_bots_user_can_reach_the_socket(settings: Settings) -> None:
    async with served(settings):
        mode = (settings.data_dir / "control.sock").stat().st_mode
        assert stat.S_IMODE(mode) == stat.S_IRUSR | stat.S_IWUSR
    assert not (settings.data_dir / "control.sock").exists()


async def test_a_socket_left_by_a_killed_bot_is_replaced(settings: Settings) -> None:
    settings.data_dir.mkdir()
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(settings.data_dir / "control.sock"))
    with pytest.raises(BotAbsentError, match="No bot is running"):
        await reload(settings)
    async with served(settings):
        assert (await reload(settings))["documents"] == 1


async def test_a_long_path_to_the_data_folder_does_not_matter(settings: Settings, tmp_path: Path) -> None:
    settings = settings.model_copy(update={"data_dir": tmp_path / ("deep" * 20) / ("deeper" * 20)})
    async with served(settings):
        assert (await reload(settings))["documents"] == 1


async def test_where_no_socket_can_be_made_the_bot_runs_on(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    (settings.data_dir / "control.sock").mkdir(parents=True)
    async with served(settings) as library:
        assert "Ada Stone" in (await library.ask(QUESTION)).reply.text  # type: ignore[union-attr]
    assert "`bot.py reload` will not reach this bot" in caplog.text


def test_without_a_bot_the_command_says_so(tmp_path: Path) -> None:
    done = in_this_process("reload", DATA_DIR=str(tmp_path / "data"), DISCORD_TOKEN="")
    assert done.exit_code == 69
    assert done.stdout == ""
    assert "No bot is running on" in done.stderr
    assert not (tmp_path / "data").exists()
