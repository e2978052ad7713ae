"""Folders on the disk that are whole or not there: written beside, flushed, renamed into place, verified.

::

    DATA_DIR/<kind>/<digest>/     files, and manifest.json with the size and the SHA-256 of each
    DATA_DIR/staging/             what is being written or removed; emptied at the next start
    DATA_DIR/lock, lock.pid       which process works here (``locks.py``)

A manifest is checked before any other file of its folder is parsed. What the files hold is ``editions.py``'s
and ``segments.py``'s to say.
"""

from __future__ import annotations

import errno
import hashlib
import json
import logging
import os
import re
import secrets
import shutil
import stat
from contextlib import suppress
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol, TypeVar

from pydantic import TypeAdapter

from linernotes.errors import EditionDamagedError, EditionError, EditionForeignError, StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from pathlib import Path

# One name for all that is said of editions on the disk: who reads the log may filter by it.
_log = logging.getLogger("linernotes.library.editions")
# Part of every digest: what an older format wrote is never looked at, and goes when it is pruned.
_FORMAT = 1
_MANIFEST = "manifest.json"
DIGEST: Final = re.compile(r"[0-9a-f]{64}")
"""The name of a segment, an edition or an uploaded file."""

_T = TypeVar("_T")
Kind = Literal["segments", "editions", "uploads"]


class Keeper(Protocol):
    """Keeps files of which the disk has copies (``blobs.py``); each call may raise ``StoreError``."""

    def put(self, kind: Kind, name: str, files: Mapping[str, Path]) -> None: ...  # noqa: D102  said above

    def has(self, kind: Kind, name: str) -> bool: ...  # noqa: D102

    def fetch(self, kind: Kind, name: str, folder: Path) -> bool: ...  # noqa: D102

    def drop(self, kind: Kind, names: Collection[str]) -> None: ...  # noqa: D102


class Folders:
    """The folders of segments and editions below ``root``; with ``None`` there are none, and none is written.

    Where the disk cannot be written, one warning says so, and another only after something could be written.
    """

    def __init__(self, root: Path | None, blobs: Keeper | None = None) -> None:
        """Take the data folder, and clear what a killed process has left in it.

        With ``blobs``, a database on a server keeps the folders, and those on the disk are copies of them.
        """
        self.root = root
        self._blobs = blobs
        self.reason: str | None = None
        """Why nothing could be written the last time, for who wanted it."""
        self._warned = False
        if root is not None:
            try:
                remove(root / "staging")
                (root / "staging").mkdir(mode=0o700, parents=True)
            except OSError as error:
                self.warn(error)

    @property
    def is_kept(self) -> bool:
        """Say whether a database keeps the folders."""
        return self._blobs is not None and self.root is not None

    def place_of(self, kind: Kind, key: str) -> Path:
        """Return where this segment or edition stands; digests alone become part of a path.

        Raises:
            EditionError: ``key`` is no digest, or there is no folder.
        """
        if self.root is None or not DIGEST.fullmatch(key):
            raise EditionError(f"There is no edition {key!r}.")
        return self.root / kind / key

    def has(self, kind: Kind, key: str) -> bool:
        """Say whether there is a folder with this digest; whether it can be used is not looked at."""
        return (
            self.root is not None and DIGEST.fullmatch(key) is not None and self.place_of(kind, key).is_dir()
        )

    def names(self, kind: Kind) -> set[str]:
        """Return the digests of what stands in the folder; what has another name is not ours."""
        if self.root is None or not (place := self.root / kind).is_dir():
            return set()
        return {path.name for path in place.iterdir() if DIGEST.fullmatch(path.name)}

    def read(self, kind: Kind, key: str, settings: str, parse: Callable[[Path], _T]) -> _T | None:
        """Return what ``parse`` makes of a saved folder; ``None`` if there is none that can be used."""
        if self.root is None:
            return None
        place = self.place_of(kind, key)
        if os.path.lexists(place):
            try:
                verify(place, key, settings)
                return parse(place)
            # A parser raises what it likes over files that are not its own; what we need can be made again.
            except Exception as error:  # noqa: BLE001
                _log.warning("%s cannot be used and is made again: %s", place, reason_of(error))
        if not self.obtain(kind, key):
            return None
        try:
            verify(place, key, settings)
            return parse(place)
        except Exception as error:  # noqa: BLE001  as above
            _log.warning("%s of the database cannot be used and is made again: %s", place, reason_of(error))
            return None

    def obtain(self, kind: Kind, key: str) -> bool:
        """Take a folder from the database in place of what stands on the disk; ``False`` if that has none."""
        if self._blobs is None or self.root is None:
            return False
        place = self.place_of(kind, key)
        try:
            beside = self._beside()
            try:
                beside.mkdir(mode=0o700)
                if not self._blobs.fetch(kind, key, beside):
                    return False
                verify(beside, key)
                place.parent.mkdir(mode=0o700, exist_ok=True)
                if os.path.lexists(place):
                    self.discard(kind, key)
                beside.rename(place)
            finally:
                with suppress(OSError):
                    remove(beside)
        except (OSError, ValueError, StoreError, EditionError) as error:
            _log.warning("%s cannot be taken from the database: %s", place, reason_of(error))
            return False
        return True

    def keep(self, kind: Kind, key: str) -> None:
        """Make sure that the database has a folder that stands on the disk, where one keeps them.

        Raises:
            StoreError: the database is away, or refuses it.
            OSError: the folder cannot be read.
        """
        if self._blobs is None or self._blobs.has(kind, key):
            return
        place = self.place_of(kind, key)
        verify(place, key)
        self._blobs.put(kind, key, _files(place))

    def drop(self, kind: Kind, keys: Collection[str]) -> None:
        """Let the database keep these no longer; where that is away, it keeps them until the next time."""
        if self._blobs is not None:
            try:
                self._blobs.drop(kind, keys)
            except StoreError as error:
                _log.warning("%d of %s stay in the database: %s", len(keys), kind, error)

    def write(self, kind: Kind, key: str, settings: str, fill: Callable[[Path], None]) -> None:
        """Write a folder beside and rename it into place.

        Raises:
            OSError: it cannot be written; or what ``fill`` raises.
        """
        place, beside = self.place_of(kind, key), self._beside()
        try:
            beside.mkdir(mode=0o700)
            fill(beside)
            files = {name: (path.stat().st_size, _sha256(path)) for name, path in _files(beside).items()}
            (beside / _MANIFEST).write_bytes(to_json(_Manifest(_FORMAT, key, settings, files)))
            for path in (*beside.rglob("*"), beside):
                path.chmod(0o700 if path.is_dir() else 0o600)
                flush(path)
            place.parent.mkdir(mode=0o700, exist_ok=True)
            try:
                beside.rename(place)
            except OSError:
                if not os.path.lexists(place):
                    raise
                # Not usable, or we would not be here.
                self.discard(kind, key)
                beside.rename(place)
            flush(place.parent)
            flush(place.parent.parent)
            self._warned = False
        finally:
            with suppress(OSError):
                remove(beside)

    def discard(self, kind: Kind, key: str) -> None:
        """Remove a folder; it is moved away first, so that no half of it is ever seen.

        Raises:
            OSError: it cannot be moved or removed.
        """
        beside = self._beside()
        self.place_of(kind, key).rename(beside)
        remove(beside)

    def warn(self, error: Exception) -> None:
        """Say once that nothing can be written; said again only after something could be."""
        # What faiss says names a file of the operator's: that is for the log, not for who wants the edition.
        self.reason = (error.strerror if isinstance(error, OSError) else None) or "it cannot be written"
        if not self._warned:
            self._warned = True
            _log.warning(
                "The data folder %s cannot be written to: %s. What is new is kept in memory alone.",
                self.root,
                reason_of(error),
            )

    def _beside(self) -> Path:
        """Return a new path on the same disk, which the next start clears if we do not."""
        if self.root is None:
            raise FileNotFoundError("there is no data folder")
        # Not its parents: a data folder that has been removed is not to come back empty and unnoticed.
        (self.root / "staging").mkdir(mode=0o700, exist_ok=True)
        return self.root / "staging" / secrets.token_hex(8)


@dataclass(frozen=True, slots=True)
class _Manifest:
    """What a folder must hold: ``files`` maps paths below it to size and SHA-256."""

    format: int
    id: str
    settings: str
    files: dict[str, tuple[int, str]]


_MANIFESTS = TypeAdapter(_Manifest)


def verify(place: Path, key: str, settings: str | None = None, names: Collection[str] | None = None) -> None:
    """Hold the files of a folder, or those with these names, against its manifest.

    No path of the manifest is ever opened: the files are those that are there.

    Raises:
        EditionDamagedError: they are not what was written.
        EditionForeignError: they were made by another version, for another place or with other settings.
        OSError: they cannot be read.
        ValueError: the manifest is none.
    """
    if place.is_symlink() or not place.is_dir():
        raise EditionDamagedError("it is not a folder")
    files = _files(place)
    if _MANIFEST not in files:
        raise EditionDamagedError("it has no manifest")
    manifest = _MANIFESTS.validate_json(files.pop(_MANIFEST).read_bytes(), strict=True)
    if manifest.format != _FORMAT or manifest.id != key:
        raise EditionForeignError(f"it holds {manifest.id!r} in format {manifest.format}")
    if settings is not None and manifest.settings != settings:
        raise EditionForeignError(f"it was made with other settings ({manifest.settings!r})")
    for name in sorted(names or files.keys() | manifest.files.keys()):
        if name not in files:
            raise EditionDamagedError(f"{name} is missing")
        if name not in manifest.files:
            raise EditionDamagedError(f"{name} does not belong there")
        if manifest.files[name] != (files[name].stat().st_size, _sha256(files[name])):
            raise EditionDamagedError(f"{name} has changed since it was written")


def _files(folder: Path, below: str = "") -> dict[str, Path]:
    """Return the files of a folder and its folders, by their path below it.

    Raises:
        EditionDamagedError: one of them is a link, a pipe or the like.
    """
    found: dict[str, Path] = {}
    for path in folder.iterdir():
        kind = path.lstat().st_mode
        if stat.S_ISDIR(kind):
            found |= _files(path, f"{below}{path.name}/")
        elif stat.S_ISREG(kind):
            found[below + path.name] = path
        else:
            raise EditionDamagedError(f"{below}{path.name} is not a regular file")
    return found


def to_json(value: object) -> bytes:
    """Write values, dataclasses among them, in one way: the same value is always the same bytes."""
    return json.dumps(value, default=_shallow, sort_keys=True, separators=(",", ":")).encode()


def _shallow(value: Any) -> dict[str, object]:
    """Return a dataclass's fields as they are: ``asdict`` would copy each value in them first."""
    return {each.name: getattr(value, each.name) for each in fields(value)}


def digest(*parts: object) -> str:
    """Return the SHA-256 of values, which names a folder."""
    return hashlib.sha256(to_json((_FORMAT, *parts))).hexdigest()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def remove(path: Path) -> None:
    """Remove a file, a link or a folder with all that it holds, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def read_file(path: Path) -> bytes:
    """Return a file's bytes; a pipe in its place would be waited for without end.

    Raises:
        OSError: it is none, or cannot be read.
    """
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0))
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, "It is not a file", str(path))
        return file.read()


def reason_of(error: Exception) -> str:
    """Return the error in one line."""
    if isinstance(error, PermissionError):
        return f"{error.strerror}: make it readable and writable for the user that runs the bot"
    reason = error.strerror if isinstance(error, OSError) else None
    return reason or (str(error).splitlines() or [type(error).__name__])[0]


def flush(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
