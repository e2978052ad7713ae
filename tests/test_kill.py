"""Killed at any moment: each server has the old edition or the new one, whole, and the audit trail agrees.

``killed_library.py`` is what is killed.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from amounts import LONG
from fakes import OTHER_QUESTION, QUESTION, FakeEmbedder
from killed_library import GUILDS, settings_of, write_version
from linernotes.library.changes import Add
from linernotes.library.folders import verify
from linernotes.library.service import DATABASE, Library
from linernotes.library.shared import read_shared
from linernotes.models import Answer

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from linernotes.retrieval.embedding import Embedder

ASKED = {
    "harbour.md": QUESTION,
    "lanterns.md": OTHER_QUESTION,
    "ferry.txt": "Who was on board the ferry that sank in 1902?",
    "gulls.txt": "Who counted the gulls in 1890?",
}
FIRST = b"The ferry that sank in 1902 had the harbour master on board."
"""What both servers begin with; the other versions are the killed process's."""
# In which phase to kill, and at most how long after it began: about as long as it takes. By the clock alone,
# few kills would come into the few milliseconds in which a change begins to count.
AIMS = {
    "preview": 0.02,
    "embed": 0.004,
    "write": 0.006,
    "apply": 0.004,
    "file": 0.002,
    "commit": 0.0006,
    "reload": 0.02,
    "prune": 0.002,
}
# On a server, a library is given back to other processes when a change counts, and then it is acknowledged.
GIVEN = {"give": 0.0002}
FOLLOWED = "followed the operator's reload"


@dataclass
class Told:
    """What a killed process has said: what each server has had for certain, and what was under way."""

    known: dict[int, tuple[int, str]]
    begun: dict[str, Any] | None = None
    phases: list[str] = field(default_factory=list)

    def hear(self, line: str) -> None:
        what, _, rest = line.partition(" ")
        if what == "begun":
            self.begun = json.loads(rest)
        elif what == "done":
            self.begun = None
            self.known = {int(guild): tuple(has) for guild, has in json.loads(rest).items()}
        elif what[:1] == "+":
            self.phases.append(what[1:])
        elif what[:1] == "-" and what[1:] in self.phases:
            self.phases.reverse()
            self.phases.remove(what[1:])
            self.phases.reverse()

    def may_have(self, guild: int, number: int, edition: str, what: str) -> bool:
        """Say whether this is the server's old edition, or the one that was about to be its new one."""
        if (number, edition) == self.known[guild]:
            return True
        if self.begun is None:
            return False
        if "reload" in self.begun:
            return number == self.known[guild][0] + 1 and what == FOLLOWED
        return (guild, number, edition) == (self.begun["guild"], self.begun["number"], self.begun["edition"])


@dataclass
class Stand:
    """A folder on which one process after another is started and killed."""

    folder: Path
    server: subprocess.Popen[str]
    chance: random.Random
    embedder: Embedder | None
    pace: float = 1.0
    known: dict[int, tuple[int, str]] = field(default_factory=dict)
    figures: Counter[str] = field(default_factory=Counter)

    @property
    def is_fake(self) -> bool:
        return isinstance(self.embedder, FakeEmbedder)

    async def begin(self) -> None:
        """Give both servers a library of their own."""
        write_version(self.folder, 0)
        async with Library.open(settings_of(self.folder), embedder=self.embedder) as library:
            for guild in GUILDS:
                made = await library.curator.preview(guild, 44, Add("ferry.txt", FIRST))
                revision = await library.curator.apply(guild, 44, made.id)
                self.known[guild] = (2, revision.edition)  # type: ignore[union-attr]

    def kill(self) -> Told:
        """Start a process and kill it at a random moment: of all, or of a phase that is picked."""
        pipe = self.folder / "pipe"
        os.mkfifo(pipe)
        assert self.server.stdin is not None
        assert self.server.stdout is not None
        order = [str(self.folder), self.chance.randrange(2**32), self.is_fake, str(pipe)]
        self.server.stdin.write(json.dumps(order) + "\n")
        self.server.stdin.flush()
        child = int(self.server.stdout.readline())
        aims = AIMS if self.pace == 1.0 else AIMS | GIVEN
        aim = self.chance.choice([None, *aims, "apply", "commit", "commit"])
        awaited = self.chance.randint(1, 6)
        delay = self.chance.uniform(0, 0.4 if aim is None else aims[aim] * self.pace)
        told = Told(dict(self.known))
        with pipe.open(encoding="utf-8") as lines:
            ready = False
            for line in lines:
                told.hear(line.rstrip("\n"))
                # The real model is loaded for seconds; what is of interest begins then.
                ready = ready or line == ("+open\n" if self.is_fake else "-open\n")
                awaited -= ready and line == f"+{aim}\n"
                if ready and (aim is None or awaited == 0):
                    break
            time.sleep(delay)
            os.kill(child, signal.SIGKILL)
            for line in lines:
                # A line that is cut off was not said.
                if line.endswith("\n"):
                    told.hear(line.rstrip("\n"))
        pipe.unlink()
        assert int(self.server.stdout.readline()) == -signal.SIGKILL
        return told

    def count(self, told: Told, moved: bool) -> None:
        self.figures["kills"] += 1
        self.figures[f"in {told.phases[-1] if told.phases else 'between'}"] += 1
        if told.begun is not None and "guild" in told.begun:
            self.figures["between apply begun and acknowledged"] += 1
            self.figures[f"  of these with the {'new' if moved else 'old'} edition"] += 1
        elif told.begun is not None:
            self.figures["during a reload of all servers, or the start"] += 1

    async def check(self, told: Told, caplog: pytest.LogCaptureFixture) -> None:
        """Look at the database as it was left, then open the library on it."""
        left = _read_database(self.folder)
        for guild, (number, edition, what, _, last) in left.items():
            assert told.may_have(guild, number, edition, what), (guild, number, edition, what, told)
            assert last == edition, "the audit trail's newest line with an edition is of another"
        self.count(told, any((each[0], each[1]) != told.known[guild] for guild, each in left.items()))
        caplog.clear()
        settings = settings_of(self.folder)
        async with Library.open(settings, embedder=self.embedder) as library:
            warnings = [each.getMessage() for each in caplog.records if each.levelno >= logging.WARNING]
            assert warnings == [], "nothing is damaged, and nothing is missing"
            shared = read_shared(settings).require()
            uploads, editions = set(), {library.curator.standings.of(None).edition.id}
            for guild in GUILDS:
                uploads_of, editions_of = await self._check_server(library, guild, left[guild], shared)
                uploads |= uploads_of
                editions |= editions_of
            _check_folders(settings.data_dir, editions, uploads)

    async def _check_server(
        self, library: Library, guild: int, left: Any, shared: Any
    ) -> tuple[set[str], set[str]]:
        curator = library.curator
        history = await curator.catalogue.revisions(guild)
        newest, served = history[0], curator.standings.of(guild)
        # Opening goes on with a reload that was cut short, and does nothing else.
        followed = newest.number == left[0] + 1 and newest.what == FOLLOWED
        assert followed or (newest.number, newest.edition) == left[:2]
        assert served.revision == newest
        assert served.edition.id == newest.edition
        acts = [act for act in await curator.catalogue.audit(guild) if act.after is not None]
        assert acts[0].after == newest.edition
        numbers = [each.number for each in history]
        assert numbers == list(range(newest.number, newest.number - len(numbers), -1))
        if newest.follows:
            assert served.edition.documents == curator._planner.follow(newest, shared).documents
        else:
            assert not followed
        for document in served.edition.documents:
            reply = (await library.ask(ASKED[document.name], guild=guild)).reply
            assert reply.edition == newest.edition
            # Whether the model of these tests thinks that it answers is not the question here.
            hits = reply.hits if isinstance(reply, Answer) else [reply.nearest]
            assert {hit.passage for hit in hits if hit is not None} <= set(served.edition.passages)
            assert any(hit is not None and hit.passage.document == document.name for hit in hits), reply
        self.known[guild] = (newest.number, newest.edition)
        named = {upload.digest for revision in history for upload in revision.own.values()}
        for digest in named:
            assert curator._uploads.read(digest) is not None
        for revision in history:
            assert curator._editions.documents(revision.edition)
        return named, {revision.edition for revision in history}


def _read_database(folder: Path) -> dict[int, tuple[int, str, str, bool, str]]:
    """Return each server's newest revision, and the edition of the newest line of its audit trail."""
    with _connected(folder) as ask:
        for lacks in _LACKING if (folder / "url").exists() else ():
            assert ask(lacks) == []
        return {
            guild: (
                *ask(f"{_NEWEST} WHERE guild = {guild} ORDER BY number DESC LIMIT 1")[0],
                ask(f"{_LAST} AND guild = {guild} ORDER BY number DESC LIMIT 1")[0][0],
            )
            for guild in GUILDS
        }


_NEWEST = "SELECT number, edition, what, follows FROM revisions"
_LAST = "SELECT after FROM audit WHERE after IS NOT NULL"
# Where a server keeps files: what is named, without what there is.
_LACKING = (
    "SELECT edition FROM revisions EXCEPT SELECT name FROM files WHERE kind = 'editions'",
    "SELECT digest FROM files EXCEPT SELECT digest FROM blobs",
)


@contextmanager
def _connected(folder: Path) -> Iterator[Callable[[str], list[Any]]]:
    """Give what asks the database, whichever it is."""
    if (folder / "url").exists():
        with psycopg.connect((folder / "url").read_text()) as server:
            yield lambda said: server.execute(said).fetchall()  # type: ignore[arg-type]
    else:
        with closing(sqlite3.connect(folder / "data" / DATABASE)) as db:
            yield lambda said: db.execute(said).fetchall()


def _check_folders(data: Path, editions: set[str], uploads: set[str]) -> None:
    """Every folder is whole, all that is needed is there, and what is not needed is gone."""
    assert list((data / "staging").iterdir()) == []
    assert {path.name for path in (data / "editions").iterdir()} == editions
    assert {path.name for path in (data / "uploads").iterdir()} == uploads
    for kind in ("editions", "segments"):
        for place in (data / kind).iterdir():
            verify(place, place.name)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder in memory where the system has one: these tests write thousands of files."""
    shared = Path("/dev/shm")  # noqa: S108  a folder of our own within it
    with tempfile.TemporaryDirectory(dir=shared if os.access(shared, os.W_OK) else None) as made:
        yield Path(made)


def kill_again_and_again(
    folder: Path,
    kills: int,
    seed: int,
    embedder: Embedder,
    caplog: pytest.LogCaptureFixture,
    *,
    pace: float = 1.0,
    phases: Collection[str] = (),
) -> Counter[str]:
    """Kill one process after another on the same folder, and look at what each has left.

    ``pace`` says how many times as long each phase takes. Few kills come into a short phase by chance: it
    goes on, up to twice as often, until one has come into each of ``phases``.
    """
    with subprocess.Popen(
        [sys.executable, "killed_library.py"],
        cwd=Path(__file__).parent,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        stand = Stand(folder, server, random.Random(seed), embedder, pace)  # noqa: S311
        asyncio.run(stand.begin())
        for number in range(2 * kills):
            if number >= kills and all(stand.figures[f"in {phase}"] for phase in phases):
                break
            told = None
            try:
                told = stand.kill()
                asyncio.run(stand.check(told, caplog))
            except BaseException as error:
                error.add_note(f"Kill {number} with seed {seed}: {told}")
                if (kept := os.environ.get("KEEP_KILLED")) is not None:
                    shutil.copytree(folder, kept, dirs_exist_ok=True)
                raise
    sys.stdout.write("\n" + "\n".join(f"{n:4} {what}" for what, n in stand.figures.most_common()) + "\n")
    return stand.figures


@pytest.fixture(autouse=True)
def _no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda _handle: None)


@pytest.mark.slow
def test_killed_at_random_moments_every_server_has_its_old_edition_or_its_new_one(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    figures = kill_again_and_again(folder, 4, 1871, FakeEmbedder(), caplog)
    assert figures["kills"] == 4


@pytest.mark.slow
def test_killed_200_times_every_server_has_its_old_edition_or_its_new_one(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    phases = ("embed", "write", "file", "commit", "prune")
    figures = kill_again_and_again(folder, 200, 1902, FakeEmbedder(), caplog, phases=phases)
    for phase in phases:
        assert figures[f"in {phase}"], f"no kill came into the phase {phase}"
    for outcome in ("old", "new"):
        assert figures[f"  of these with the {outcome} edition"]


@pytest.mark.slow
def test_killed_many_times_on_a_server_every_server_has_its_old_edition_or_its_new_one(
    folder: Path, caplog: pytest.LogCaptureFixture, make_database: Callable[[], str]
) -> None:
    (folder / "url").write_text(make_database())
    # Each statement is a journey to a server and back, and a file one to its disk.
    phases = ("write", "file", "commit", "give") if LONG else ()
    figures = kill_again_and_again(
        folder, 200 if LONG else 20, 1911, FakeEmbedder(), caplog, pace=20.0, phases=phases
    )
    if not LONG:
        return
    for phase in phases:
        assert figures[f"in {phase}"], f"no kill came into the phase {phase}"
    for outcome in ("old", "new"):
        assert figures[f"  of these with the {outcome} edition"]


@pytest.mark.slow
@pytest.mark.model
def test_killed_10_times_with_the_real_model_every_server_has_its_old_edition_or_its_new_one(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    from linernotes.retrieval.embedding import open_embedder

    embedder = open_embedder(settings_of(folder).embedding_model)
    kill_again_and_again(folder, 10, 1890, embedder, caplog)
