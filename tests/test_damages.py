"""Whatever becomes of one file or one row, nobody gets a wrong answer and nothing of a moderator's is lost.

A data folder with four servers in it, copied while the bot ran, is damaged in one place after another: files,
folders, the database's log, and cells and rows of the database. After each damage the library is opened again
and again. It serves what each server had; or it refuses with a sentence, changes nothing, and serves what
each server had as soon as a copy of the database has been put back.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import os
import pickle
import random
import shutil
import sqlite3
import sys
import tempfile
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr

from damages import TABLES, Damage, Explodes, damage_row_on_server, flip, held_on_server, spoil
from fakes import HARBOUR, LANTERNS, OTHER_QUESTION, QUESTION, FakeEmbedder, write_corpus
from linernotes.errors import LinerNotesError, StoreLostError
from linernotes.library.changes import Add, Hide, RollBack
from linernotes.library.quarantine import set_database_aside
from linernotes.library.service import DATABASE, Library
from linernotes.library.store import Evidence, Posted, Server
from linernotes.models import Answer
from linernotes.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from linernotes.library.catalogue import Revision

OURS, BACK, RULES, LEFT = 1, 2, 3, 4
GUILDS = (OURS, BACK, RULES, LEFT)
ALICE = 44
FILES = {
    "ferry.txt": b"The ferry sank in 1902 with Captain Drake on board.",
    "gulls.txt": b"The gulls were counted by Emma Fisk in 1890.",
    "pier.txt": b"The pier was sold by Ruth Vane in 1911.",
}
QUESTIONS = (
    QUESTION,
    OTHER_QUESTION,
    "Who was on board the ferry that sank in 1902?",
    "Who counted the gulls in 1890?",
    "Who sold the pier in 1911?",
)
SETTINGS = {
    RULES: Server({7: "deny", 8: "allow"}, frozenset({45, 46}), moderator_role=9, gaps=True),
    OURS: Server({17: "deny"}, frozenset({47})),
}
CHECKS = {(OURS, QUESTIONS[2], "Drake"), (RULES, QUESTION, "Ada Stone")}
NOW = 1_800_000_000.0
FILE_KINDS = ("truncated", "emptied", "flipped", "swapped", "deleted", "folder", "link", "pickle")
ROW_KINDS = ("truncated", "emptied", "flipped", "swapped", "deleted", "pickle")


def settings_of(folder: Path) -> Settings:
    """Return the settings for a folder; a file in it names the server of its database, if it has one."""
    url = (folder / "url").read_text() if (folder / "url").exists() else None
    return Settings(
        corpus_dir=folder / "corpus",
        data_dir=folder / "data",
        database_url=None if url is None else SecretStr(url),
    )


@dataclass
class Had:
    """What each server had, and what it must have still."""

    documents: dict[int, dict[str, str]] = field(default_factory=dict)
    own: dict[int, dict[str, str]] = field(default_factory=dict)
    hidden: dict[int, frozenset[str]] = field(default_factory=dict)
    follows: dict[int, bool] = field(default_factory=dict)
    replies: dict[int, list[str]] = field(default_factory=dict)
    settings: dict[int, Server] = field(default_factory=dict)
    checks: set[tuple[int, str, str]] = field(default_factory=set)
    aside: set[tuple[str, object]] = field(default_factory=set)


async def look(library: Library) -> Had:
    had = Had(settings=await library.store.servers())
    aside = await library.store.run(
        lambda db: db.exec_driver_sql("SELECT source, content FROM set_aside").fetchall()
    )
    had.aside = {(source, json.loads(content).get("guild")) for source, content in aside}
    for guild in GUILDS:
        standing = library.curator.standings.of(guild)
        had.documents[guild] = {each.name: each.text for each in standing.edition.documents}
        revision: Revision = library.curator.standings.base(guild)
        had.own[guild] = {name: upload.digest for name, upload in revision.own.items()}
        had.hidden[guild] = revision.hidden
        had.follows[guild] = revision.follows
        had.replies[guild] = []
        for question in QUESTIONS:
            reply = (await library.ask(question, guild=guild)).reply
            had.replies[guild].append(reply.text if isinstance(reply, Answer) else "")
        had.checks |= {
            (guild, each.question, each.words) for each in await library.curator.catalogue.checks(guild)
        }
    return had


async def make(folder: Path) -> Had:
    """Make the four servers, and copy the data folder while the bot runs on it."""
    write_corpus(folder / "corpus", harbour=HARBOUR, lanterns=LANTERNS)
    settings = settings_of(folder)
    ticking = iter(range(10**6))
    async with Library.open(
        settings, embedder=FakeEmbedder(), clock=lambda: NOW + next(ticking) / 100
    ) as library:
        curator, store = library.curator, library.store

        async def do(guild: int, *changes: Any) -> None:
            for change in changes:
                made = await curator.preview(guild, ALICE, change)
                await curator.apply(guild, ALICE, made.id)

        await do(OURS, Add("ferry.txt", FILES["ferry.txt"]), Add("gulls.txt", FILES["gulls.txt"]))
        await do(OURS, Hide("lanterns.md"))
        await do(BACK, Add("pier.txt", FILES["pier.txt"]), Hide("harbour.md"))
        await do(BACK, Add("ferry.txt", FILES["ferry.txt"]), RollBack(3))
        await do(LEFT, Add("gulls.txt", FILES["gulls.txt"]))
        await curator.catalogue.leave(LEFT)
        for guild, server in SETTINGS.items():
            await store.save_server(guild, server, curator.catalogue.noting(guild, ALICE, "settings"))
        for guild, question, words in sorted(CHECKS):
            await curator.catalogue.add_check(guild, ALICE, question, words)
        await curator.tidy()
        had = await look(library)
        # What stands in the log beside the database when the bot is killed.
        for key in range(30):
            await store.record(
                Posted(
                    key + 1,
                    OURS,
                    7,
                    ALICE,
                    "e" * 64,
                    0.5,
                    (Evidence("a.md", 1, 0.5, {"late": 0.5}, ((0, 9),)),),
                )
            )
            await store.vote(key + 1, 45, 1)
            await curator.catalogue.add_gap(RULES, f"How deep is harbour number {key}?")
        if settings.database_url is None:
            assert (settings.data_dir / f"{DATABASE}-wal").stat().st_size > 0
        shutil.copytree(settings.data_dir, folder / "copy")
    shutil.rmtree(settings.data_dir)
    assert had.checks == CHECKS
    assert had.settings == SETTINGS
    assert set(had.documents[OURS]) == {"ferry.txt", "gulls.txt", "harbour.md"}
    assert set(had.documents[BACK]) == {"pier.txt", "lanterns.md"}
    assert not had.follows[BACK]
    return had


# --- Damages ----------------------------------------------------------------------------------------------


def damage_file(data: Path, kind: str, chance: random.Random) -> Damage:
    places = sorted(path for path in data.rglob("*") if path.is_file())
    folders = sorted(path for path in data.rglob("*") if path.is_dir())
    # The few files that all depend on are hit as often as the many that can be made again.
    few = [path for path in places if path.parent == data or path.parent.name == "uploads"]
    path = chance.choice(chance.choice([places, few]))
    if kind in {"deleted", "link", "pickle", "folder"} and chance.random() < 0.2:
        path = chance.choice(folders)
    damage = Damage(kind, path.relative_to(data).as_posix(), digest=path.name)
    content = path.read_bytes() if path.is_file() else b""
    if kind == "truncated":
        path.write_bytes(content[: chance.randrange(len(content))] if content else b"")
    elif kind == "emptied":
        path.write_bytes(b"")
    elif kind == "flipped":
        path.write_bytes(flip(content, chance))
    elif kind == "swapped":
        others = [
            each for each in places if each != path and (each.name == path.name or each.parent == path.parent)
        ]
        other = chance.choice(others or [each for each in places if each != path])
        damage.target += f" with {other.relative_to(data)}"
        path.write_bytes(other.read_bytes())
        other.write_bytes(content)
    else:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
        if kind == "folder":
            path.mkdir()
            (path / "something").write_text("else")
        elif kind == "link":
            path.symlink_to(chance.choice(["nowhere", "/etc/hostname", "/dev/null", path.name]))
        elif kind == "pickle":
            path.write_bytes(pickle.dumps(Explodes()))
    return damage


def damage_row(data: Path, kind: str, chance: random.Random) -> Damage:
    with closing(sqlite3.connect(data / DATABASE, isolation_level=None)) as db:
        db.execute("PRAGMA ignore_check_constraints = ON")
        while True:
            table = chance.choice([*TABLES, "revisions", "checks", "audit"])
            columns = [row[1] for row in db.execute(f"PRAGMA table_info({table})")]
            rows = db.execute(f"SELECT rowid, * FROM {table} ORDER BY rowid").fetchall()  # noqa: S608
            if not rows:
                continue
            number, *row = chance.choice(rows)
            guild = row[columns.index("guild")] if "guild" in columns else 0
            damage = Damage(kind, f"{table} {number}", guilds=frozenset({guild}))
            try:
                if kind == "deleted":
                    db.execute(f"DELETE FROM {table} WHERE rowid = ?", (number,))  # noqa: S608
                    return damage
                column = chance.choice(columns)
                value = row[columns.index(column)]
                damage.target += f" {column}"
                if kind == "swapped":
                    other, *that = chance.choice(rows)
                    if "guild" in columns:
                        damage.guilds |= {that[columns.index("guild")]}
                    write = f"UPDATE {table} SET {column} = ? WHERE rowid = ?"  # noqa: S608
                    with closing(db.cursor()) as cursor:
                        cursor.execute("BEGIN")
                        try:
                            cursor.execute(write, (that[columns.index(column)], number))
                            cursor.execute(write, (value, other))
                        except sqlite3.Error:
                            cursor.execute("ROLLBACK")
                            raise
                        cursor.execute("COMMIT")
                    return damage
                new = spoil(value, kind, chance)
                text = isinstance(new, bytes) and kind == "flipped"
                db.execute(
                    f"UPDATE {table} SET {column} = {'CAST(? AS TEXT)' if text else '?'} WHERE rowid = ?",  # noqa: S608
                    (new, number),
                )
            except sqlite3.Error:
                # It cannot stand there; another can.
                continue
            return damage


# --- What becomes of it -----------------------------------------------------------------------------------


@dataclass
class Case:
    """A damaged folder, and what it must come to."""

    folder: Path
    whole: Path
    had: Had
    damage: Damage
    faults: list[str] = field(default_factory=list)
    outcome: str = ""

    async def judge(self) -> None:
        for start in range(3):
            try:
                await self.start(start)
            except StoreLostError as error:
                if self.outcome not in {"", "refused with a sentence"}:
                    self.faults.append(f"crash loop: start {start} refuses, one before did not: {error}")
                self.outcome = "refused with a sentence"
            except LinerNotesError as error:
                self.faults.append(f"crash loop: start {start}: {type(error).__name__}: {error}")
            except Exception as error:  # noqa: BLE001  that is what is looked for
                self.faults.append(f"traceback: start {start}: {error!r}")
        if self.outcome == "refused with a sentence":
            await self.restore()
        self.look_for_files()

    async def start(self, number: int) -> None:
        async with Library.open(
            settings_of(self.folder), embedder=FakeEmbedder(), clock=lambda: NOW + 1_000 * (number + 1)
        ) as library:
            await library.caught_up
            self.compare(await look(library), f"start {number}")
            if number == 1:
                await library.curator.reload_all()
                await library.curator.tidy()
                self.compare(await look(library), "after a reload")
            if not self.outcome:
                self.outcome = "served"

    async def restore(self) -> None:
        """Put a copy of the database back, now and then after it was set aside."""
        data = self.folder / "data"
        if hashlib.sha256(self.damage.target.encode()).digest()[0] % 2:
            set_database_aside(data, DATABASE, lambda: NOW)
            async with Library.open(
                settings_of(self.folder), embedder=FakeEmbedder(), clock=lambda: NOW + 5_000
            ):
                pass
        for path in data.glob(f"{DATABASE}*"):
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        for path in self.whole.glob(f"{DATABASE}*"):
            if not path.name.endswith("-shm"):
                shutil.copy(path, data / path.name)
        try:
            await self.start(3)
        except Exception as error:  # noqa: BLE001  that is what is looked for
            self.faults.append(f"lost: not to be restored: {error!r}")

    def compare(self, has: Had, when: str) -> None:
        for guild in GUILDS:
            too_many = has.documents[guild].items() - self.had.documents[guild].items()
            if too_many or any(
                reply and reply != right
                for reply, right in zip(has.replies[guild], self.had.replies[guild], strict=True)
            ):
                self.faults.append(f"wrong answer: {when}: server {guild} answers from {too_many}")
            for what in ("documents", "own", "hidden", "follows"):
                here, there = getattr(has, what)[guild], getattr(self.had, what)[guild]
                if here != there:
                    self.faults.append(f"lost: {when}: server {guild}: {what} {here} for {there}")
        # A row that was damaged may cost what it said itself, where that stands nowhere else.
        hit = {(self.damage.target.split()[0], guild) for guild in self.damage.guilds} | has.aside
        for guild, server in self.had.settings.items():
            here = has.settings.get(guild)
            if here != server and not {(table, guild) for table in ("servers", "channels", "blocked")} & hit:
                self.faults.append(f"lost: {when}: settings of {guild}: {here}")
        for check in self.had.checks - has.checks:
            if ("checks", check[0]) not in hit:
                self.faults.append(f"lost: {when}: check {check}")
        if wrong := has.checks - self.had.checks:
            self.faults.append(f"wrong check: {when}: {wrong}")

    def look_for_files(self) -> None:
        """Look for what moderators have added, byte for byte; what was damaged itself is nowhere else."""
        data = self.folder / "data"
        held = {
            hashlib.sha256(path.read_bytes()).hexdigest()
            for top in (data / "uploads", data / "quarantine")
            for path in top.rglob("*")
            if path.is_file()
        }
        if (self.folder / "url").exists():
            held |= held_on_server((self.folder / "url").read_text())
        whole = {path.name for path in (self.whole / "uploads").iterdir()}
        hit = {name for name in whole if name in self.damage.target}
        if self.damage.target == "uploads":
            hit = whole
        for digest in sorted(whole - hit - held):
            self.faults.append(f"lost: the file {digest:.12}")


def damage_again_and_again(
    folder: Path,
    times: int,
    seed: int,
    caplog: pytest.LogCaptureFixture,
    copy_database: Callable[[str], str] | None = None,
    *,
    each_once: bool = False,
) -> Counter[str]:
    """Damage the folder in one place after another, each time a fresh copy; return what became of it.

    ``each_once``: a kind of damage that there has been is left out.
    Where ``folder`` names a database on a server, ``copy_database`` makes a copy of one.
    """
    caplog.set_level(logging.CRITICAL)
    had = asyncio.run(make(folder))
    chance = random.Random(seed)  # noqa: S311
    figures: Counter[str] = Counter()
    table: dict[str, Counter[str]] = {}
    faults: list[str] = []
    for number in range(times):
        case_seed = chance.randrange(2**32)
        of = random.Random(case_seed)  # noqa: S311
        on_rows = number % 3 == 0
        kind = (ROW_KINDS if on_rows else FILE_KINDS)[number // 3 % (6 if on_rows else 8)]
        if each_once and f"{'row' if on_rows else 'file'} {kind}" in table:
            continue
        place = folder / f"case {number}"
        place.mkdir()
        (place / "corpus").symlink_to(folder / "corpus")
        shutil.copytree(folder / "copy", place / "data")
        if copy_database is not None:
            (place / "url").write_text(copy_database((folder / "url").read_text()))
        if on_rows and copy_database is not None:
            damage = damage_row_on_server((place / "url").read_text(), kind, of)
        else:
            damage = (damage_row if on_rows else damage_file)(place / "data", kind, of)
        case = Case(place, folder / "copy", had, damage)
        asyncio.run(case.judge())
        row = table.setdefault(f"{'row' if on_rows else 'file'} {kind}", Counter())
        for column in ("damages", case.outcome or "none", *{each.split(":")[0] for each in case.faults}):
            row[column] += 1
            figures[column] += 1
        faults += [
            f"{number} (seed {case_seed}) {damage.kind} {damage.target}: {each}" for each in case.faults
        ]
        if not case.faults or "KEEP_DAMAGED" not in os.environ:
            shutil.rmtree(place)
    columns = (
        "damages",
        "served",
        "refused with a sentence",
        "wrong answer",
        "traceback",
        "crash loop",
        "lost",
    )
    lines = [f"{'':16}" + " ".join(f"{column:>{len(column)}}" for column in columns)]
    lines += [
        f"{name:16}" + " ".join(f"{row[column]:{len(column)}}" for column in columns)
        for name, row in [*sorted(table.items()), ("all", figures)]
    ]
    sys.stdout.write("\n".join(["", *lines, *faults, ""]))
    assert faults == []
    return figures


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder in memory where the system has one: these tests write thousands of files."""
    shared = Path("/dev/shm")  # noqa: S108  a folder of our own within it
    with tempfile.TemporaryDirectory(dir=shared if os.access(shared, os.W_OK) else None) as made:
        yield Path(made)


@pytest.fixture(autouse=True)
def _no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda _handle: None)


@pytest.mark.slow
def test_after_some_random_damages_nobody_gets_a_wrong_answer_and_nothing_is_lost(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    figures = damage_again_and_again(folder, 24, 1871, caplog, each_once=True)
    assert figures["damages"] == len(ROW_KINDS) + len(FILE_KINDS)


@pytest.mark.slow
def test_after_600_random_damages_nobody_gets_a_wrong_answer_and_nothing_is_lost(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    figures = damage_again_and_again(folder, 600, 1902, caplog)
    assert figures["served"] > figures["refused with a sentence"] > 0
