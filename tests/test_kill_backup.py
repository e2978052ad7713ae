"""Killed at any moment, a backup is not there or whole, and a data folder is the old one or the restored one.

``killed_backup.py`` is what is killed.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from fakes import FakeEmbedder, write_corpus
from killed_backup import back_up, quiet
from linernotes.errors import LinerNotesError
from linernotes.library import Library, backup, restoring
from linernotes.library.changes import Add
from linernotes.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda _handle: None)


class Server:
    """Starts processes that are killed, and says how they ended."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def start(self, what: str, data: Path, file: Path) -> int:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([what, str(data), str(file)]) + "\n")
        self._process.stdin.flush()
        return self._number()

    def wait(self) -> int:
        """Return the exit status; negative for a signal."""
        return self._number()

    def run(
        self,
        what: str,
        data: Path,
        file: Path,
        killed_after: float | None = None,
        there: Path | None = None,
    ) -> int:
        """Run something; kill it so many seconds after it has begun, or after something is ``there``."""
        child = self.start(what, data, file)
        if killed_after is not None:
            end = time.monotonic() + 30
            while there is not None and not there.exists() and time.monotonic() < end:
                time.sleep(0.0002)
            time.sleep(killed_after)
            # It may have ended before.
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        return self.wait()

    def timed(self, what: str, data: Path, file: Path) -> float:
        """Return how many seconds it takes when it is not killed."""
        begun = time.monotonic()
        assert self.run(what, data, file) == 0
        return time.monotonic() - begun

    def _number(self) -> int:
        assert self._process.stdout is not None
        return int(self._process.stdout.readline())


@contextmanager
def serving() -> Iterator[Server]:
    with subprocess.Popen(
        [sys.executable, "killed_backup.py"],
        cwd=Path(__file__).parent,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield Server(process)


async def state(data: Path, text: bytes | None = None) -> dict[int, Any]:
    """Open a data folder, and return what two servers have; with ``text``, let both add it before."""
    settings = Settings(corpus_dir=data.parent / "corpus", data_dir=data)
    found = {}
    async with Library.open(settings, embedder=FakeEmbedder()) as library:
        curator = library.curator
        for guild in (1, 2):
            if text is not None:
                preview = await curator.preview(guild, 9, Add("ferry.md", text + b" Server %d." % guild))
                await curator.apply(guild, 9, preview.id)
            revision = curator.standings.of(guild).revision
            assert revision is not None
            assert (await library.edition(guild)).id == revision.edition
            assert all(curator._uploads.read(each.digest) is not None for each in revision.own.values())
            acts = await curator.catalogue.audit(guild)
            found[guild] = (revision.number, revision.edition, revision.own, [act.after for act in acts])
    return found


def verified(file: Path) -> backup.Manifest:
    """Read a backup whole, and return its manifest."""
    with file.open("rb") as data, backup.opened(data, file) as found:
        found.read_all("verify", quiet)
        return found.manifest


def kill_backups(folder: Path, server: Server, kills: int, chance: random.Random) -> Counter[str]:
    """Kill a backup that would replace an older one, or none: neither is ever half there."""
    figures: Counter[str] = Counter()
    data, file = folder / "data", folder / "kept" / "backup.zip"
    file.parent.mkdir()
    before = asyncio.run(state(data))
    took = min(server.timed("backup", data, file) for _ in range(3))
    for number in range(kills):
        if number % 2:
            file.unlink(missing_ok=True)
        old = file.read_bytes() if file.exists() else None
        status = server.run("backup", data, file, chance.uniform(0, took))
        figures["backup, killed" if status == -signal.SIGKILL else "backup, done before"] += 1
        now = file.read_bytes() if file.exists() else None
        if now != old:
            verified(file)
            figures["  of these with the new backup"] += 1
        # At most a whole one that has no name yet to which it belongs.
        for each in file.parent.iterdir():
            if each != file:
                each.unlink()
        if number % 5 == 0:
            assert asyncio.run(state(data)) == before
    assert asyncio.run(state(data)) == before
    assert list((data / "staging").iterdir()) == []
    shutil.rmtree(file.parent)
    return figures


def kill_restores(
    folder: Path, server: Server, kills: int, chance: random.Random, caplog: pytest.LogCaptureFixture
) -> Counter[str]:
    """Kill a restore: the next start has what there was, or what was restored, and nothing between."""
    figures: Counter[str] = Counter()
    data = folder / "data"
    states, files = [], []
    for name in ("one", "two"):
        states.append(asyncio.run(state(data, f"The ferry was called {name}.".encode())))
        files.append(folder / f"{name}.zip")
        back_up(data, files[-1])
    took = min(server.timed("restore", data, file) for file in files)
    now = 1
    for _ in range(kills):
        wanted = 1 - now
        # By the clock alone, few kills would come into the milliseconds in which a restore begins to count.
        if chance.random() < 0.5:
            ready = data / "restoring" / "ready.json"
            status = server.run("restore", data, files[wanted], chance.uniform(0, 0.006), there=ready)
        else:
            status = server.run("restore", data, files[wanted], chance.uniform(0, took))
        figures["restore, killed" if status == -signal.SIGKILL else "restore, done before"] += 1
        if (data / "restoring" / "ready.json").exists():
            figures["  of these finished at the next start"] += 1
        caplog.clear()
        found = asyncio.run(state(data))
        assert found in (states[now], states[wanted])
        assert [each for each in caplog.records if each.levelno >= logging.WARNING] == []
        assert not (data / "restoring").exists()
        if found == states[wanted]:
            now = wanted
            figures["  of these with what was restored"] += 1
        for aside in data.glob("before-restore-*"):
            # What was moved aside is a data folder of its own, whole.
            assert {"linernotes.db", "uploads", "editions"} <= {each.name for each in aside.iterdir()}
            shutil.rmtree(aside)
    return figures


def kill_bots(folder: Path, server: Server, kills: int, chance: random.Random) -> Counter[str]:
    """Kill a bot while it is backed up and changes: the backup is whole, or is not there."""
    figures: Counter[str] = Counter()
    data = folder / "data"
    for number in range(kills):
        file, elsewhere = folder / f"{number}.zip", folder / f"elsewhere {number}"
        child = server.start("bot", data, file)
        end = time.monotonic() + 60
        while not (data / "control.sock").exists():
            assert time.monotonic() < end
            time.sleep(0.002)
        time.sleep(chance.uniform(0, 0.05))
        timer = threading.Timer(chance.uniform(0, 0.3), os.kill, (child, signal.SIGKILL))
        timer.start()
        try:
            back_up(data, file)
            figures["bot killed, backup made"] += 1
        except LinerNotesError as error:
            figures[f"bot killed, no backup: {type(error).__name__}"] += 1
            assert not file.exists()
        timer.join()
        assert server.wait() == -signal.SIGKILL
        if file.exists():
            restoring.restore(file, elsewhere / "data", replace=False, at=0, progress=quiet)
            shutil.copytree(folder / "corpus", elsewhere / "corpus")
            asyncio.run(state(elsewhere / "data"))
        shutil.rmtree(elsewhere, ignore_errors=True)
        file.unlink(missing_ok=True)
        (data / "control.sock").unlink(missing_ok=True)
    asyncio.run(state(data))
    return figures


def kill_again_and_again(
    folder: Path, kills: tuple[int, int, int], seed: int, caplog: pytest.LogCaptureFixture
) -> Counter[str]:
    chance = random.Random(seed)  # noqa: S311
    write_corpus(folder / "corpus")
    asyncio.run(state(folder / "data", b"The ferry was painted red by Ida Holm."))
    with serving() as server:
        figures = kill_backups(folder, server, kills[0], chance)
        figures += kill_restores(folder, server, kills[1], chance, caplog)
        figures += kill_bots(folder, server, kills[2], chance)
    sys.stdout.write("\n" + "\n".join(f"{number:4} {what}" for what, number in figures.items()) + "\n")
    return figures


@pytest.mark.slow
def test_killed_at_random_moments_backups_and_data_folders_are_whole(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    kill_again_and_again(tmp_path, (2, 2, 1), 1871, caplog)


@pytest.mark.slow
def test_killed_100_times_backups_and_data_folders_are_whole(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    figures = kill_again_and_again(tmp_path, (34, 62, 22), 1902, caplog)
    assert figures["backup, killed"]
    assert figures["restore, killed"]
    assert figures["  of these finished at the next start"]
    assert figures["bot killed, backup made"]
