"""A backup: what the data folder keeps, in one file, with the SHA-256 of each part; written, and read again.

::

    FILE.zip
        manifest.json             format, when, of which program, and size and SHA-256 of each member
        linernotes.db             the database, whole by itself
        uploads/<digest>          the files that moderators have added
        editions/, segments/      what was made of them (``editions.py``)
        quarantine/               what no row explained

A member's name is held against what a backup can hold before anything is written, so that none leads out of a
folder; links and devices are refused. Nothing is unpickled.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import secrets
import sqlite3
import stat
import zipfile
import zlib
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from importlib import metadata
from typing import IO, TYPE_CHECKING, BinaryIO, Final, TypeAlias

from pydantic import TypeAdapter

from linernotes.errors import BackupError, EditionError, EditionForeignError, StoreError
from linernotes.library.database import NAME, require_copy
from linernotes.library.folders import flush, reason_of, to_json, verify

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

FORMAT: Final = 1
"""Raised when an older version could no longer read what is written."""

Progress: TypeAlias = "Callable[[str, int, int], None]"
"""Told what is done (look, write, verify, unpack), and how many bytes of how many."""

_MANIFEST: Final = "manifest.json"
_MOST_MANIFEST_BYTES: Final = 2**28
_PIECE: Final = 2**20
# What a data folder holds, and nothing else: no part begins with a dot, so none leads upwards or hides.
_PART: Final = r"[A-Za-z0-9_][A-Za-z0-9._+-]{0,119}"
_MEMBER: Final = re.compile(
    rf"{re.escape(NAME)}|uploads/[0-9a-f]{{64}}|(?:editions|segments)/[0-9a-f]{{64}}(?:/{_PART}){{1,3}}"
    rf"|quarantine(?:/{_PART}){{1,6}}"
)
# Vectors do not get smaller.
_DENSE: Final = (".npy", ".faiss")


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup holds: ``files`` maps names of members to size and SHA-256; ``made`` is in seconds."""

    format: int
    made: float
    program: str
    files: dict[str, tuple[int, str]]

    @property
    def size(self) -> int:
        """How many bytes the members have."""
        return sum(size for size, _ in self.files.values())

    def count(self, kind: str) -> int:
        """Return how many uploads, editions or segments there are."""
        return len({name.split("/")[1] for name in self.files if name.startswith(f"{kind}/")})


_MANIFESTS = TypeAdapter(Manifest)


@dataclass(frozen=True, slots=True)
class Made:
    """A backup that was made; ``missing`` names what servers need and what was damaged or not there."""

    manifest: Manifest
    servers: int
    bytes: int
    missing: tuple[str, ...]


# --- Writing ----------------------------------------------------------------------------------------------


def write(snapshot: Path, file: Path, *, made: float, replace: bool, small: bool, progress: Progress) -> Made:
    """Write a snapshot into one file and read it again; until that has been done, the file is not there.

    Args:
        snapshot: the folder that ``snapshots.py`` has made.
        file: where to.
        made: when the snapshot was made, in seconds since 1970.
        replace: whether the file may be there already; then it is replaced by the new one, whole.
        small: leave out what can be made again from the rest, the embeddings.
        progress: told how far it is.

    Raises:
        BackupError: it cannot be written, or is there; or what was written is not what was read.
        FileNotFoundError: the snapshot has gone meanwhile.
    """
    require_free(file, replace=replace)
    members, missing = _look(snapshot, small=small, progress=progress)
    try:
        program = metadata.version("linernotes")
    except metadata.PackageNotFoundError:
        program = "unknown"
    files = {name: (size, digest) for name, (_, size, digest) in members.items()}
    manifest = Manifest(FORMAT, made, program, files)
    try:
        with _appearing(file, replace=replace) as out:
            _write(out, manifest, {name: path for name, (path, *_) in members.items()}, progress)
            out.flush()
            os.fsync(out.fileno())
            size = out.tell()
            out.seek(0)
            with opened(out, file) as backup:
                backup.read_all("verify", progress)
            out.seek(0, os.SEEK_END)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise BackupError(f"The backup {file} cannot be written: {error.strerror or error}.") from error
    return Made(manifest, _servers(snapshot / NAME), size, missing)


def require_free(file: Path, *, replace: bool) -> None:
    """Make sure that a backup can be put there.

    Raises:
        BackupError: there is a file already, or no folder for it.
    """
    if not file.parent.is_dir():
        raise BackupError(f"There is no folder {file.parent} for the backup.")
    if file.is_dir():
        raise BackupError(f"{file} is a folder; name a file for the backup.")
    if os.path.lexists(file) and not replace:
        raise BackupError(f"{file} is there already; name another file, or replace it with --replace.")


def _look(
    snapshot: Path, *, small: bool, progress: Progress
) -> tuple[dict[str, tuple[Path, int, str]], tuple[str, ...]]:
    """Return what is whole in a snapshot, with size and SHA-256; and what servers need that is not."""
    names = {path.relative_to(snapshot).as_posix(): path for path in _files(snapshot)}
    if small:
        names = {name: path for name, path in names.items() if not name.startswith("segments/")}
    strange = [f"{name} (its name is none of ours)" for name in names if not _MEMBER.fullmatch(name)]
    names = {name: path for name, path in names.items() if _MEMBER.fullmatch(name)}
    whole: dict[str, str | None] = {}
    for kind in ("editions", "segments"):
        for place in sorted((snapshot / kind).iterdir()) if (snapshot / kind).is_dir() else ():
            whole[f"{kind}/{place.name}"] = _damage(place)
    members: dict[str, tuple[Path, int, str]] = {}
    total, done = sum(path.stat().st_size for path in names.values()), 0
    for name, path in sorted(names.items()):
        if whole.get("/".join(name.split("/")[:2])) is not None:
            continue
        progress("look", done, total)
        size, digest = path.stat().st_size, _sha256(path)
        done += size
        if not name.startswith("uploads/") or digest == path.name:
            members[name] = (path, size, digest)
    if NAME not in members:
        raise FileNotFoundError(errno.ENOENT, "the snapshot has gone", str(snapshot))
    missing = [
        f"{what} (needed by server {', '.join(map(str, sorted(guilds)))})"
        for what, guilds in sorted(_needed(snapshot / NAME).items())
        if not any(name == what or name.startswith(f"{what}/") for name in members)
    ]
    return members, (*strange, *missing)


def _damage(place: Path) -> str | None:
    try:
        verify(place, place.name)
    except EditionForeignError:
        return None  # whole, and of another version
    except (OSError, ValueError, EditionError) as error:
        return reason_of(error)
    return None


def _needed(database: Path) -> dict[str, set[int]]:
    """Return the uploads and editions that servers' revisions name, and which servers these are."""
    found: dict[str, set[int]] = {}
    with closing(sqlite3.connect(database)) as db:
        # What is no UTF-8 is damaged, and no digest.
        db.text_factory = lambda text: text.decode("utf-8", "replace")
        rows = db.execute("SELECT guild, edition, own FROM revisions").fetchall()
    for guild, edition, own in rows:
        named = [f"uploads/{digest}" for digest in re.findall(r"\b[0-9a-f]{64}\b", str(own))]
        if re.fullmatch(r"[0-9a-f]{64}", str(edition)):
            named.append(f"editions/{edition}")
        for each in named:
            found.setdefault(each, set()).add(guild)
    return found


def _servers(database: Path) -> int:
    with closing(sqlite3.connect(database)) as db:
        return int(db.execute("SELECT count(DISTINCT guild) FROM revisions").fetchone()[0])


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        kind = path.lstat().st_mode
        if stat.S_ISDIR(kind):
            yield from _files(path)
        elif stat.S_ISREG(kind):
            yield path


def _write(out: BinaryIO, manifest: Manifest, paths: Mapping[str, Path], progress: Progress) -> None:
    total, done = manifest.size, 0
    with zipfile.ZipFile(out, "w", allowZip64=True) as archive:
        archive.writestr(_info(_MANIFEST), to_json(manifest), compresslevel=1)
        for name, (size, _) in manifest.files.items():
            info = _info(name)
            info.file_size = size
            with paths[name].open("rb") as source, archive.open(info, "w") as member:
                while piece := source.read(_PIECE):
                    member.write(piece)
                    done += len(piece)
                    progress("write", done, total)


def _info(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.compress_type = zipfile.ZIP_STORED if name.endswith(_DENSE) else zipfile.ZIP_DEFLATED
    info._compresslevel = 1  # type: ignore[attr-defined]  # noqa: SLF001  public from Python 3.13 on
    info.external_attr = (stat.S_IFREG | 0o600) << 16
    return info


@contextmanager
def _appearing(file: Path, *, replace: bool) -> Iterator[BinaryIO]:
    """Give a file to write and read that gets its name at the end alone; for this user only.

    Killed before, there is nothing: the file has no name at all where the system has such files, and
    otherwise one that the next backup to the same place takes over.

    Raises:
        BackupError: the file is there by now, or another backup is being written to it.
        OSError: it cannot be written.
    """
    handle = _nameless(file.parent)
    if handle is not None:
        with os.fdopen(handle, "w+b") as out:
            yield out
            _name(f"/proc/self/fd/{handle}", file, replace=replace)
        return
    beside = file.with_name(f".{file.name}.part")
    handle = os.open(beside, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
    with os.fdopen(handle, "w+b") as out:
        _lock(handle, file)
        os.ftruncate(handle, 0)
        try:
            yield out
            try:
                if not replace:
                    _name(str(beside), file, replace=False)
            except OSError:
                # No second names here: between the look and the next line nobody but us writes backups.
                require_free(file, replace=False)
            if replace or not os.path.lexists(file):
                beside.replace(file)
                flush(file.parent)
        finally:
            beside.unlink(missing_ok=True)


def _nameless(folder: Path) -> int | None:
    """Open a new file without a name; ``None`` where the system or the file system has no such files."""
    try:
        return os.open(folder, os.O_TMPFILE | os.O_RDWR, 0o600)
    except (AttributeError, IsADirectoryError):
        return None
    except OSError as error:
        if error.errno in {errno.EOPNOTSUPP, errno.EINVAL}:
            return None
        raise


def _name(source: str, file: Path, *, replace: bool) -> None:
    """Give a file that has been written its name."""
    # A folder's handle makes Python follow the link in /proc.
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        if replace:
            beside = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
            os.link(source, beside, src_dir_fd=folder)
            beside.replace(file)
        else:
            os.link(source, file, src_dir_fd=folder)
    except FileExistsError:
        raise BackupError(f"{file} is there by now; nothing has been written.") from None
    finally:
        os.close(folder)
    flush(file.parent)


def _lock(handle: int, file: Path) -> None:
    with suppress(ImportError):
        import fcntl

        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BackupError(f"Another backup is being written to {file}.") from None
        except OSError:
            pass  # no locks here


# --- Reading ----------------------------------------------------------------------------------------------


class Backup:
    """A backup that is open; whatever of it is used has been held against its manifest."""

    def __init__(self, archive: zipfile.ZipFile, file: Path) -> None:
        """Read the manifest.

        Raises:
            BackupError: it is none of ours, from a newer version, or holds what it must not.
        """
        self._archive = archive
        self._file = file
        self.manifest = self._read_manifest()

    def read_all(self, step: str, progress: Progress, into: Path | None = None) -> None:
        """Read each member and hold it against the manifest; write it below ``into``, a new folder.

        Raises:
            BackupError: a member is not what was written.
            OSError: it cannot be written.
        """
        total, done = self.manifest.size, 0
        for name, (size, digest) in self.manifest.files.items():
            found, has = hashlib.sha256(), 0
            with self._reading(name) as member, _written(into, name) as out:
                # One byte more than there may be: a member that never ends is not read to its end.
                while piece := self._read(member, name, min(_PIECE, size + 1 - has)):
                    found.update(piece)
                    has += len(piece)
                    progress(step, done + has, total)
                    if out is not None:
                        out.write(piece)
                    if has > size:
                        break
            if (has, found.hexdigest()) != (size, digest):
                raise self._damaged(f"{name} is not what was written")
            done += size

    def _read_manifest(self) -> Manifest:
        members = self._archive.infolist()
        for each in members:
            kind = stat.S_IFMT(each.external_attr >> 16)
            if each.filename != _MANIFEST and not _MEMBER.fullmatch(each.filename):
                raise self._damaged(f"{each.filename[:200]!r} is nothing that a backup holds")
            if (kind and not stat.S_ISREG(kind)) or each.flag_bits & 1:
                raise self._damaged(f"{each.filename} is a link, a device or encrypted")
        names = [each.filename for each in members]
        if len(names) != len(set(names)):
            raise self._damaged("it holds a name twice")
        if _MANIFEST not in names:
            raise BackupError(f"{self._file} is not a backup of this program: it has no manifest.")
        with self._reading(_MANIFEST) as member:
            data = self._read(member, _MANIFEST, _MOST_MANIFEST_BYTES)
        try:
            found = _format(data)
            if found > FORMAT:
                raise BackupError(
                    f"The backup {self._file} was made by a newer version of this program (its format is"
                    f" {found}, this one knows {FORMAT}): install that version, and restore with it."
                )
            manifest = _MANIFESTS.validate_json(data, strict=True)
        except ValueError as error:
            raise self._damaged("its manifest cannot be read") from error
        if {*names} != {_MANIFEST, *manifest.files} or NAME not in manifest.files:
            raise self._damaged("it does not hold what its manifest names")
        return manifest

    @contextmanager
    def _reading(self, name: str) -> Iterator[IO[bytes]]:
        try:
            member = self._archive.open(name)
        except _DAMAGES as error:
            raise self._damaged(f"{name}: {reason_of(error)}") from error
        with member:
            yield member

    def _read(self, member: IO[bytes], name: str, size: int) -> bytes:
        try:
            return member.read(size)
        except _DAMAGES as error:
            raise self._damaged(f"{name}: {reason_of(error)}") from error

    def _damaged(self, why: str) -> BackupError:
        return BackupError(f"The backup {self._file} is damaged or none of ours: {why}. Nothing has changed.")


# What reading a file may raise that is no backup, or no longer one.
_DAMAGES: Final = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    ValueError,
    KeyError,
    OSError,
    NotImplementedError,
    RuntimeError,
)


@contextmanager
def opened(data: BinaryIO, file: Path) -> Iterator[Backup]:
    """Open a backup.

    Args:
        data: what stands in the file.
        file: what it is called.

    Raises:
        BackupError: it is none of ours, from a newer version, or damaged.
    """
    try:
        archive = zipfile.ZipFile(data)
    except _DAMAGES as error:
        raise BackupError(
            f"{file} is not a backup, or is cut off or damaged ({reason_of(error)}). Nothing has changed."
        ) from error
    with archive:
        yield Backup(archive, file)


def require_usable(folder: Path, manifest: Manifest, file: Path) -> None:
    """Make sure that what was unpacked from a backup fits together.

    Raises:
        BackupError: it does not, or the database is from a newer version.
    """
    for name, (_, digest) in manifest.files.items():
        if name.startswith("uploads/") and name != f"uploads/{digest}":
            raise BackupError(
                f"The backup {file} cannot be used: {name} does not hold what it is called after. Nothing has"
                " changed."
            )
    try:
        require_copy(folder / NAME)
    except StoreError as error:
        raise BackupError(f"The backup {file} cannot be used. {error} Nothing has changed.") from error


def _format(data: bytes) -> int:
    found = TypeAdapter(dict[str, object]).validate_json(data).get("format")
    if type(found) is not int:
        raise ValueError("no format")
    return found


@contextmanager
def _written(into: Path | None, name: str) -> Iterator[BinaryIO | None]:
    if into is None:
        yield None
        return
    path = into / name
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o600)
    with os.fdopen(handle, "wb") as out:
        yield out
        out.flush()
        os.fsync(handle)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
