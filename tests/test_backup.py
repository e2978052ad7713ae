"""A backup is whole and consistent, is verified twice, and brings back what there was after any loss."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import os
import random
import shutil
import sqlite3
import stat
import subprocess
import sys
import zipfile
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from amounts import short_and_whole
from command_line import in_this_process
from fakes import HARBOUR, LANTERNS, QUESTION, FakeEmbedder, write_corpus
from linernotes.errors import (
    BackupError,
    ConfigurationError,
    DataFolderBusyError,
)
from linernotes.library import Library, backup, restoring, snapshots
from linernotes.library.changes import Add, Hide, RollBack
from linernotes.library.store import Server
from linernotes.settings import Settings
from linernotes.shell.commands import keeping
from linernotes.shell.control import serve

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

ROOT = Path(__file__).parents[1]
NAME = "linernotes.db"


def quiet(_step: str, _done: int, _total: int) -> None:
    """Tell nobody."""


@pytest.fixture(autouse=True)
def _no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda _handle: None)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    corpus = write_corpus(tmp_path / "corpus", harbour=HARBOUR, lanterns=LANTERNS)
    return Settings(corpus_dir=corpus, data_dir=tmp_path / "data")


@asynccontextmanager
async def opened(settings: Settings, *, served: bool = False) -> AsyncIterator[Library]:
    async with Library.open(settings, embedder=FakeEmbedder()) as library:
        if not served:
            yield library
            return
        async with serve(library, settings.data_dir):
            yield library


async def keep(library: Library, guild: int, change: Any) -> None:
    await library.curator.apply(guild, 9, (await library.curator.preview(guild, 9, change)).id)


async def fill(library: Library) -> None:
    """Let moderators of three servers make something of each kind."""
    await keep(library, 1, Add("ferry.md", b"The ferry was painted red by Ida Holm."))
    await keep(library, 1, Hide("lanterns.md"))
    await keep(library, 2, Add("ferry.md", b"The ferry sank in 1902 with Captain Drake on board."))
    await keep(library, 2, Add("gulls.md", b"The gulls were counted by Emma Fisk in 1890."))
    await keep(library, 2, RollBack(2))
    catalogue = library.curator.catalogue
    await catalogue.add_check(1, 9, QUESTION, "Ada Stone")
    await catalogue.add_check(3, 9, QUESTION, "Ada Stone")
    await library.store.save_server(1, Server({5: "deny"}, frozenset({7}), 8, gaps=True))


async def state(library: Library) -> dict[str, Any]:
    """Return what moderators would miss."""
    curator = library.curator
    found: dict[str, Any] = {"servers": await library.store.servers()}
    for guild in (1, 2, 3):
        revisions = await curator.catalogue.revisions(guild)
        found[str(guild)] = (
            (await library.edition(guild)).id,
            revisions,
            [(act.person, act.what, act.after) for act in await curator.catalogue.audit(guild)],
            await curator.catalogue.checks(guild),
            {each.digest: curator._uploads.read(each.digest) for r in revisions for each in r.own.values()},
            (await library.ask(QUESTION, guild=guild)).reply,
        )
    return found


def back_up(settings: Settings, file: Path, *, replace: bool = False, small: bool = False) -> backup.Made:
    work = keeping._back_up(settings.data_dir, file, replace=replace, small=small, progress=quiet)
    return asyncio.run(work)


def restore(settings: Settings, file: Path, *, replace: bool = False) -> restoring.Restored:
    return restoring.restore(file, settings.data_dir, replace=replace, at=1_800_000_000, progress=quiet)


@pytest.fixture(scope="module", autouse=True)
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for what ``made`` has made once, to be copied."""
    KEPT.append(tmp_path_factory.mktemp("kept"))
    return KEPT[-1]


KEPT: list[Path] = []
BEFORE: dict[Path, dict[str, Any]] = {}


async def made(settings: Settings, file: Path) -> dict[str, Any]:
    """Fill a data folder, back it up while nothing runs, and return what servers have."""
    kept = KEPT[-1]
    if kept not in BEFORE:
        async with opened(settings) as library:
            await fill(library)
            BEFORE[kept] = await state(library)
        await asyncio.to_thread(back_up, settings, file)
        shutil.copytree(settings.data_dir, kept / "data")
        shutil.copy2(file, kept / "backup.zip")
    else:
        shutil.copytree(kept / "data", settings.data_dir)
        shutil.copy2(kept / "backup.zip", file)
    return BEFORE[kept]


async def found(settings: Settings) -> dict[str, Any]:
    async with opened(settings) as library:
        return await state(library)


# --- Backing up -------------------------------------------------------------------------------------------


async def test_the_running_bot_is_backed_up_and_nothing_is_left_of_it(
    settings: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "backup.zip"
    async with opened(settings, served=True) as library:
        await fill(library)
        report = await asyncio.to_thread(back_up, settings, file)
        before = await state(library)
        for _ in range(1_000):
            if not list((settings.data_dir / "staging").iterdir()):
                break
            await asyncio.sleep(0.005)
        assert list((settings.data_dir / "staging").iterdir()) == []
    assert (report.servers, report.missing) == (2, ())
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [each.name for each in tmp_path.iterdir() if each.name.startswith(".")] == []
    elsewhere = settings.model_copy(update={"data_dir": tmp_path / "new" / "data"})
    restore(elsewhere, file)
    assert await found(elsewhere) == before


async def test_what_changes_meanwhile_is_in_it_whole_or_not_at_all(
    settings: Settings, tmp_path: Path
) -> None:
    async with opened(settings, served=True) as library:
        changes, backups, goes_on = 0, 0, True

        async def change() -> None:
            nonlocal changes
            while goes_on:
                text = b"The ferry number %d was painted red by Ida Holm." % changes
                await keep(library, changes % 3, Add("ferry.md", text))
                changes += 1
                await library.curator.tidy()

        task = asyncio.create_task(change())
        while backups < 4 or changes < 4:
            report = await asyncio.to_thread(back_up, settings, tmp_path / f"{backups}.zip")
            backups += 1
            assert report.missing == ()
            assert not task.done()
        goes_on = False
        await task
    for number in range(backups):
        elsewhere = settings.model_copy(update={"data_dir": tmp_path / f"data {number}"})
        restore(elsewhere, tmp_path / f"{number}.zip")
        async with opened(elsewhere) as library:
            for guild in library.curator.standings.guilds:
                standing = library.curator.standings.of(guild)
                assert standing.revision is not None
                assert standing.edition.id == standing.revision.edition
                assert "went back" not in standing.revision.what


async def test_a_small_backup_has_no_embeddings_and_brings_back_the_same(
    settings: Settings, tmp_path: Path
) -> None:
    before = await made(settings, tmp_path / "large.zip")
    await asyncio.to_thread(back_up, settings, tmp_path / "small.zip", small=True)
    assert not any("segments/" in each for each in zipfile.ZipFile(tmp_path / "small.zip").namelist())
    shutil.rmtree(settings.data_dir)
    restore(settings, tmp_path / "small.zip")
    assert await found(settings) == before


async def test_a_file_that_is_there_is_replaced_only_when_told_to(settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "backup.zip"
    await made(settings, file)
    first = file.read_bytes()
    with pytest.raises(BackupError, match="is there already"):
        await asyncio.to_thread(back_up, settings, file)
    assert file.read_bytes() == first
    await asyncio.to_thread(back_up, settings, file, replace=True)
    assert zipfile.ZipFile(file).testzip() is None
    assert {each.name for each in tmp_path.iterdir()} == {"backup.zip", "corpus", "data"}


@pytest.mark.parametrize("unnamed", [True, False])
async def test_one_that_cannot_be_verified_is_not_there(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unnamed: bool
) -> None:
    await made(settings, tmp_path / "good.zip")
    if not unnamed:
        monkeypatch.setattr(backup, "_nameless", lambda _folder: None)
    write = backup._write

    def failing(out: Any, *given: Any) -> None:
        write(out, *given)
        middle = out.tell() // 2
        out.seek(middle)
        byte = out.read(1)
        out.seek(middle)
        out.write(bytes([byte[0] ^ 1]))
        out.seek(0, os.SEEK_END)

    monkeypatch.setattr(backup, "_write", failing)
    with pytest.raises(BackupError, match="damaged"):
        await asyncio.to_thread(back_up, settings, tmp_path / "backup.zip")
    assert {each.name for each in tmp_path.iterdir()} == {"good.zip", "corpus", "data"}


async def test_without_files_that_have_no_name_it_is_the_same(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backup, "_nameless", lambda _folder: None)
    before = await made(settings, tmp_path / "backup.zip")
    with pytest.raises(BackupError, match="is there already"):
        await asyncio.to_thread(back_up, settings, tmp_path / "backup.zip")
    await asyncio.to_thread(back_up, settings, tmp_path / "backup.zip", replace=True)
    assert {each.name for each in tmp_path.iterdir()} == {"backup.zip", "corpus", "data"}
    shutil.rmtree(settings.data_dir)
    restore(settings, tmp_path / "backup.zip")
    assert await found(settings) == before


async def test_where_files_cannot_have_two_names_they_are_copied(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(snapshots.os, "link", refused)
    monkeypatch.setattr(backup, "_nameless", lambda _folder: None)
    before = await made(settings, tmp_path / "backup.zip")
    shutil.rmtree(settings.data_dir)
    restore(settings, tmp_path / "backup.zip")
    assert await found(settings) == before


async def test_what_is_missing_is_named_and_the_rest_is_kept(settings: Settings, tmp_path: Path) -> None:
    async with opened(settings) as library:
        await fill(library)
    (lost, flipped) = sorted((settings.data_dir / "uploads").iterdir())[:2]
    lost.unlink()
    flipped.write_bytes(b"x" + flipped.read_bytes()[1:])
    report = await asyncio.to_thread(back_up, settings, tmp_path / "backup.zip")
    assert len(report.missing) == 2
    assert all(any(each.name in said for said in report.missing) for each in (lost, flipped))
    assert report.manifest.count("uploads") == 1


async def test_without_a_database_there_is_nothing_to_back_up(settings: Settings, tmp_path: Path) -> None:
    await made(settings, tmp_path / "good.zip")
    (settings.data_dir / NAME).unlink()
    with pytest.raises(BackupError, match="has no database"):
        await asyncio.to_thread(back_up, settings, tmp_path / "backup.zip")
    assert not (settings.data_dir / NAME).exists()


# --- Restoring --------------------------------------------------------------------------------------------


def _lose_wal(data: Path) -> None:
    (data / NAME).write_bytes(b"")


def _flip(path: Path, at: float = 0.5) -> None:
    content = bytearray(path.read_bytes())
    content[int(len(content) * at)] ^= 1
    path.write_bytes(content)


def _damage_rows(data: Path) -> None:
    with closing(sqlite3.connect(data / NAME)) as db, db:
        db.execute("UPDATE revisions SET own = 'x', edition = x'ff'")


def _swap(data: Path) -> None:
    one, two = sorted((data / "uploads").iterdir())[:2]
    first = one.read_bytes()
    one.write_bytes(two.read_bytes())
    two.write_bytes(first)


LOSSES: dict[str, Callable[[Path], object]] = {
    "the whole folder": shutil.rmtree,
    "the database": lambda data: (data / NAME).unlink(),
    "what was in the database": _lose_wal,
    "half of the database": lambda data: os.truncate(data / NAME, (data / NAME).stat().st_size // 2),
    "the head of the database": lambda data: _flip(data / NAME, 0.0),
    "rows": _damage_rows,
    "uploads": lambda data: shutil.rmtree(data / "uploads"),
    "which upload is which": _swap,
    "editions": lambda data: shutil.rmtree(data / "editions"),
    "a bit of each edition": lambda data: [_flip(each) for each in data.glob("editions/*/documents.json")],
    "segments": lambda data: shutil.rmtree(data / "segments"),
    "everything but the database": lambda data: [
        shutil.rmtree(data / each) for each in ("uploads", "editions", "segments")
    ],
}


@pytest.mark.parametrize("loss", LOSSES)
async def test_after_any_loss_a_restore_brings_back_what_there_was(
    settings: Settings, tmp_path: Path, loss: str
) -> None:
    before = await made(settings, tmp_path / "backup.zip")
    LOSSES[loss](settings.data_dir)
    left = sorted(each.name for each in settings.data_dir.glob("*") if not each.name.startswith("lock"))
    done = restore(settings, tmp_path / "backup.zip", replace=True)
    assert await found(settings) == before
    # What was there is moved aside, and nothing of it deleted.
    aside = [] if done.aside is None else sorted(each.name for each in done.aside.iterdir())
    assert aside == [each for each in left if each != "staging"]
    assert not (settings.data_dir / "restoring").exists()


async def test_a_folder_that_holds_something_is_left_alone_unless_told_otherwise(
    settings: Settings, tmp_path: Path
) -> None:
    await made(settings, tmp_path / "backup.zip")
    async with opened(settings) as library:
        await keep(library, 1, Add("bells.md", b"The bells were cast by Ines Vale."))
        after = await state(library)
    with pytest.raises(ConfigurationError, match="is not empty") as caught:
        restore(settings, tmp_path / "backup.zip")
    assert caught.value.exit_status == 78
    assert await found(settings) == after


async def test_a_log_beside_the_old_database_does_not_get_into_the_new_one(
    settings: Settings, tmp_path: Path
) -> None:
    before = await made(settings, tmp_path / "backup.zip")
    data = settings.data_dir
    # As a power cut would leave it: the log holds what the database's own file does not.
    left = sqlite3.connect(data / NAME, isolation_level=None)
    left.execute("UPDATE revisions SET what = 'another'")
    shutil.copy(data / f"{NAME}-wal", tmp_path / "wal")
    left.close()
    shutil.copy(tmp_path / "wal", data / f"{NAME}-wal")
    done = restore(settings, tmp_path / "backup.zip", replace=True)
    assert await found(settings) == before
    assert done.aside is not None
    assert (done.aside / f"{NAME}-wal").exists()


async def test_nothing_is_restored_under_a_running_bot(settings: Settings, tmp_path: Path) -> None:
    before = await made(settings, tmp_path / "backup.zip")
    async with opened(settings) as library:
        with pytest.raises(DataFolderBusyError, match="in use by process"):
            await asyncio.to_thread(restore, settings, tmp_path / "backup.zip", replace=True)
        assert await state(library) == before


async def test_it_can_be_restored_on_another_machine_with_another_model(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = await made(settings, tmp_path / "backup.zip")
    shutil.rmtree(settings.data_dir)
    restore(settings, tmp_path / "backup.zip")
    monkeypatch.setattr(FakeEmbedder, "digest", "another model")
    after = await found(settings)
    for guild in ("1", "2", "3"):
        assert after[guild][3:5] == before[guild][3:5]
        assert [each.own for each in after[guild][1]] == [each.own for each in before[guild][1]]


# --- What is no backup, or no longer one ------------------------------------------------------------------


def rewritten(file: Path, change: Callable[[dict[str, bytes]], object], **extra: Any) -> Path:
    """Return a copy of a backup with other members; a manifest that is left alone is made to fit them."""
    with zipfile.ZipFile(file) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    first = members["manifest.json"]
    change(members)
    if members.get("manifest.json") == first:
        manifest = json.loads(first)
        manifest["files"] = {
            name: [len(data), hashlib.sha256(data).hexdigest()]
            for name, data in members.items()
            if name != "manifest.json"
        }
        members["manifest.json"] = json.dumps(manifest).encode()
    other = file.with_name("other.zip")
    with zipfile.ZipFile(other, "w") as archive:
        for name, data in members.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = extra.get(name, stat.S_IFREG | 0o600) << 16
            archive.writestr(info, data)
    return other


def _manifest(**values: Any) -> Callable[[dict[str, bytes]], object]:
    def change(members: dict[str, bytes]) -> None:
        members["manifest.json"] = json.dumps({**json.loads(members["manifest.json"]), **values}).encode()

    return change


def _database(sql: str) -> Callable[[dict[str, bytes]], object]:
    def change(members: dict[str, bytes]) -> None:
        with closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
            db.deserialize(members[NAME])
            db.execute(sql)
            members[NAME] = db.serialize()

    return change


def _named(name: str) -> Callable[[dict[str, bytes]], object]:
    return lambda members: members.update({name: b"x"})


WRONG: dict[str, tuple[Callable[[dict[str, bytes]], object], str]] = {
    "a newer format": (
        _manifest(format=99),
        "newer version of this program .its format is 99, this one knows 1",
    ),
    "a newer format with another manifest": (
        lambda members: members.update({"manifest.json": b'{"format": 2, "all": "new"}'}),
        "newer version",
    ),
    "a newer database": (_database("PRAGMA user_version = 99"), "database .* is from a newer version"),
    "another program's database": (_database("PRAGMA application_id = 7"), "not made by this program"),
    "no manifest": (lambda members: members.pop("manifest.json"), "has no manifest"),
    "no database": (lambda members: members.pop(NAME), "does not hold what its manifest names"),
    "a manifest that is none": (lambda members: members.update({"manifest.json": b"["}), "cannot be read"),
    "an upload that is another": (_named(f"uploads/{'0' * 64}"), "not hold what it is called after"),
    "a path upwards": (_named("../evil"), "nothing that a backup holds"),
    "a path upwards within": (_named(f"segments/{'0' * 64}/../../../evil"), "nothing that a backup holds"),
    "an absolute path": (_named("/tmp/evil"), "nothing that a backup holds"),  # noqa: S108
    "a path of another system": (_named("uploads\\..\\..\\evil"), "nothing that a backup holds"),
    "a hidden file": (_named(f"editions/{'0' * 64}/.evil"), "nothing that a backup holds"),
    "settings": (_named(".env"), "nothing that a backup holds"),
    "a pickle beside": (_named("evil.pkl"), "nothing that a backup holds"),
}


@pytest.mark.parametrize("wrong", WRONG)
async def test_what_must_not_be_in_a_backup_is_refused_and_nothing_changes(
    settings: Settings, tmp_path: Path, wrong: str
) -> None:
    before = await made(settings, tmp_path / "backup.zip")
    change, said = WRONG[wrong]
    other = rewritten(tmp_path / "backup.zip", change)
    with pytest.raises(BackupError, match=said) as caught:
        restore(settings, other, replace=True)
    assert caught.value.exit_status == 65
    assert await found(settings) == before
    assert {each.name for each in tmp_path.iterdir()} == {"backup.zip", "other.zip", "corpus", "data"}


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFIFO, stat.S_IFDIR])
async def test_links_and_devices_are_refused(settings: Settings, tmp_path: Path, kind: int) -> None:
    await made(settings, tmp_path / "backup.zip")
    name = f"editions/{'0' * 64}/documents.json"
    other = rewritten(tmp_path / "backup.zip", _named(name), **{name: kind | 0o777})
    with pytest.raises(BackupError, match="a link, a device or encrypted"):
        restore(settings, other, replace=True)


async def test_a_member_that_does_not_end_is_not_read_to_its_end(settings: Settings, tmp_path: Path) -> None:
    await made(settings, tmp_path / "backup.zip")
    name = f"quarantine/{'0' * 64}"

    def bomb(members: dict[str, bytes]) -> None:
        members[name] = bytes(2**24)
        manifest = json.loads(members["manifest.json"])
        manifest["files"][name] = [5, hashlib.sha256(bytes(5)).hexdigest()]
        members["manifest.json"] = json.dumps(manifest).encode()

    read = 0

    def progress(_step: str, done: int, _total: int) -> None:
        nonlocal read
        read = max(read, done)

    other = rewritten(tmp_path / "backup.zip", bomb)
    with pytest.raises(BackupError, match="is not what was written"):
        restoring.restore(other, settings.data_dir, replace=True, at=0, progress=progress)
    assert read < 2**24


async def test_a_pickle_in_the_place_of_an_array_is_never_loaded(settings: Settings, tmp_path: Path) -> None:
    before = await made(settings, tmp_path / "backup.zip")
    proof = tmp_path / "loaded"
    pickle = f"cos\nsystem\n(S'touch {proof}'\ntR.".encode()

    def change(members: dict[str, bytes]) -> None:
        for name in members:
            if name.endswith((".npy", ".faiss", "documents.json")):
                members[name] = pickle

    shutil.rmtree(settings.data_dir)
    restore(settings, rewritten(tmp_path / "backup.zip", change))
    after = await found(settings)
    assert not proof.exists()
    for guild in ("1", "2"):
        assert after[guild][4].items() >= before[guild][4].items() or after[guild][4] != {}


@short_and_whole
async def test_one_that_was_damaged_is_refused_wherever_that_was(
    settings: Settings, tmp_path: Path, share: int
) -> None:
    await made(settings, tmp_path / "backup.zip")
    whole = (tmp_path / "backup.zip").read_bytes()
    chance = random.Random(1871)  # noqa: S311
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        manifest = archive.read("manifest.json")
    refused = 0
    for _ in range(150 // share):
        data = bytearray(whole)
        match chance.choice(["flip", "cut", "zero", "swap"]):
            case "flip":
                data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
            case "cut":
                del data[chance.randrange(len(data)) :]
            case "zero":
                at = chance.randrange(len(data))
                data[at : at + 512] = bytes(len(data[at : at + 512]))
            case "swap":
                at = chance.randrange(len(data) - 2048)
                data[at : at + 2048] = data[at + 1024 : at + 2048] + data[at : at + 1024]
        if bytes(data) == whole:
            continue
        (tmp_path / "damaged.zip").write_bytes(data)
        elsewhere = tmp_path / "elsewhere"
        try:
            restoring.restore(tmp_path / "damaged.zip", elsewhere, replace=False, at=0, progress=quiet)
        except BackupError:
            refused += 1
            assert {each.name for each in elsewhere.glob("*")} <= {"lock", "lock.pid"}
        else:
            # A bit in what says when a member was packed, and the like: what was restored is what was kept.
            for name, (size, digest) in json.loads(manifest)["files"].items():
                content = (elsewhere / name).read_bytes()
                assert (len(content), hashlib.sha256(content).hexdigest()) == (size, digest)
        shutil.rmtree(elsewhere, ignore_errors=True)
    assert refused > 100 / share


@pytest.mark.parametrize("content", [b"", b"PK", b"no archive at all" * 99])
def test_what_is_no_archive_is_refused(settings: Settings, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "backup.zip").write_bytes(content)
    with pytest.raises(BackupError, match="is not a backup"):
        restore(settings, tmp_path / "backup.zip")
    assert not settings.data_dir.exists()


def test_a_backup_that_is_not_there_is_named(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(BackupError, match=r"none\.zip cannot be read: No such file"):
        restore(settings, tmp_path / "none.zip")


@pytest.mark.parametrize(
    "apart", [pytest.param(4, id="one in four"), pytest.param(1, id="each", marks=pytest.mark.slow)]
)
async def test_a_full_disk_leaves_what_was_there(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, apart: int
) -> None:
    before = await made(settings, tmp_path / "backup.zip")
    with monkeypatch.context() as patched:
        patched.setattr(restoring.shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(9, 9, 9))
        with pytest.raises(ConfigurationError, match="has no room for the backup"):
            restore(settings, tmp_path / "backup.zip", replace=True)

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    for called in range(1, 12, apart):
        calls = 0

        def sometimes(handle: int, called: int = called) -> None:
            nonlocal calls
            calls += 1
            if calls == called:
                full(handle)

        with monkeypatch.context() as patched:
            patched.setattr(os, "fsync", sometimes)
            with pytest.raises(ConfigurationError, match="No space left on device"):
                restore(settings, tmp_path / "backup.zip", replace=True)
        assert await found(settings) == before
        assert not (settings.data_dir / "restoring").exists()


# --- The commands -----------------------------------------------------------------------------------------


def run(*given: str, data: Path, corpus: Path) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "DATA_DIR": str(data),
        "CORPUS_DIR": str(corpus),
        "DISCORD_TOKEN": "",
    }
    return subprocess.run(  # noqa: S603  our own words
        [sys.executable, "bot.py", *given],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        check=False,
        text=True,
    )


async def test_the_commands_say_what_they_did_in_sentences_and_in_json(
    settings: Settings, tmp_path: Path
) -> None:
    before = await made(settings, tmp_path / "first.zip")
    where = {"data": settings.data_dir, "corpus": settings.corpus_dir}
    file = str(tmp_path / "backup.zip")
    async with opened(settings, served=True):
        done = await asyncio.to_thread(run, "backup", file, "--json", **where)
    assert (done.returncode, done.stderr) == (0, "")
    said = json.loads(done.stdout)
    assert (said["file"], said["servers"], said["uploads"], said["missing"]) == (file, 2, 3, [])
    environment = {"DATA_DIR": str(settings.data_dir), "CORPUS_DIR": str(settings.corpus_dir)}
    again = await asyncio.to_thread(in_this_process, "backup", file, **environment)
    assert (again.exit_code, again.stdout) == (65, "")
    assert "is there already" in again.stderr
    refused = await asyncio.to_thread(in_this_process, "restore", file, **environment)
    assert (refused.exit_code, refused.stdout) == (78, "")
    assert "is not empty" in refused.stderr
    replaced = await asyncio.to_thread(in_this_process, "restore", file, "--replace", **environment)
    assert replaced.exit_code == 0
    assert "3 files that were added" in replaced.stdout
    assert "What was there before is in" in replaced.stdout
    assert await found(settings) == before


async def test_a_backup_from_which_something_is_missing_is_told_by_its_status(
    settings: Settings, tmp_path: Path
) -> None:
    async with opened(settings) as library:
        await fill(library)
    lost = next((settings.data_dir / "uploads").iterdir())
    lost.unlink()
    environment = {"DATA_DIR": str(settings.data_dir), "CORPUS_DIR": str(settings.corpus_dir)}
    done = await asyncio.to_thread(in_this_process, "backup", str(tmp_path / "backup.zip"), **environment)
    assert done.exit_code == 65
    assert lost.name in done.stderr
    assert (tmp_path / "backup.zip").exists()


async def test_a_library_in_memory_is_not_backed_up(settings: Settings) -> None:
    async with Library.open(settings, embedder=FakeEmbedder(), keep="nothing") as library:
        with pytest.raises(BackupError, match="nothing to back up"):
            async with library.curator.snapshot():
                pass
