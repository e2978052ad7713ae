"""Restoring: a backup in, a data folder out; whatever happens meanwhile, the old state or the new one.

::

    DATA_DIR/restoring/new/           what has been unpacked
    DATA_DIR/restoring/ready.json     it is whole: from here on it counts, and is finished at the next start
    DATA_DIR/before-restore-<time>/   what stood there before; nothing removes it but the operator
"""

from __future__ import annotations

import logging
import os
import shutil
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pydantic import TypeAdapter

from linernotes.errors import BackupError, ConfigurationError
from linernotes.library.backup import opened, require_usable
from linernotes.library.database import NAME
from linernotes.library.folders import flush, remove, to_json
from linernotes.library.locks import lock
from linernotes.library.snapshots import FOLDERS

if TYPE_CHECKING:
    from pathlib import Path

    from linernotes.library.backup import Manifest, Progress

_log = logging.getLogger(__name__)

PLACE: Final = "restoring"
"""Where in the data folder is unpacked what is to be restored; the next start clears it."""
_READY: Final = "ready.json"
# The database, what SQLite keeps beside it, and the folders.
_DATABASE: Final = tuple(NAME + ending for ending in ("", "-wal", "-shm", "-journal"))


@dataclass(frozen=True, slots=True)
class _Ready:
    """What is to be put in place: ``names`` have been unpacked; what stood there goes to ``aside``."""

    aside: str
    names: tuple[str, ...]


_READIES = TypeAdapter(_Ready)


@dataclass(frozen=True, slots=True)
class Restored:
    """What was restored; ``aside`` is where what stood there before is now, ``None`` if nothing did."""

    manifest: Manifest
    aside: Path | None


def restore(file: Path, folder: Path, *, replace: bool, at: float, progress: Progress) -> Restored:
    """Put what a backup holds into the data folder, after all of it has been verified.

    Args:
        file: the backup.
        folder: the data folder; made if there is none.
        replace: whether the folder may hold something: that is moved aside.
        at: the time, in seconds since 1970.
        progress: told how far it is.

    Raises:
        BackupError: the backup cannot be read, is damaged, or from a newer version.
        ConfigurationError: the folder holds something, or cannot be written.
        DataFolderBusyError: a bot works there.
    """
    try:
        data = file.open("rb")
    except OSError as error:
        raise BackupError(f"The backup {file} cannot be read: {error.strerror or error}.") from None
    with data, opened(data, file) as backup, lock(folder):
        try:
            settle(folder)
            if not replace and (there := _there(folder)):
                raise ConfigurationError(
                    f"The data folder {folder} is not empty: it holds {', '.join(there)}. Nothing has"
                    " changed. With --replace that is moved aside, and nothing is deleted."
                )
            _require_room(folder, backup.manifest)
            new = folder / PLACE / "new"
            new.mkdir(mode=0o700, parents=True)
            try:
                backup.read_all("unpack", progress, new)
                require_usable(new, backup.manifest, file)
                for path in (*(each for each in new.rglob("*") if each.is_dir()), new):
                    flush(path)
            except BaseException:
                remove(folder / PLACE)
                raise
            aside = f"before-restore-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime(at))}"
            while os.path.lexists(folder / aside):
                aside += "-1"
            names = tuple(sorted({name.split("/", 1)[0] for name in backup.manifest.files}))
            _declare(folder, _Ready(aside, names))
            settle(folder)
        except OSError as error:
            raise ConfigurationError(
                f"The data folder {folder} cannot be written to: {error.strerror or error}."
            ) from error
    return Restored(backup.manifest, folder / aside if (folder / aside).is_dir() else None)


def settle(folder: Path) -> None:
    """Finish a restore that was cut short, or clear it away where what it unpacked was not whole yet.

    For who has locked the folder, before the database is opened.

    Raises:
        ConfigurationError: the folder cannot be written.
    """
    place = folder / PLACE
    if not os.path.lexists(place):
        return
    try:
        ready = _READIES.validate_json((place / _READY).read_bytes())
    except (OSError, ValueError):
        ready = None
    try:
        if ready is not None:
            _put_in_place(folder, ready)
            (place / _READY).unlink()
            _log.info("What was restored is in place.")
        remove(place)
    except OSError as error:
        raise ConfigurationError(
            f"A restore into {folder} cannot be finished: {error.strerror or error}."
        ) from error


def _put_in_place(folder: Path, ready: _Ready) -> None:
    """Move what is old aside and what is new to where it belongs; goes on where it was stopped."""
    new, aside = folder / PLACE / "new", folder / ready.aside
    left = [name for name in ready.names if os.path.lexists(new / name)]
    if len(left) == len(ready.names):
        # All that is old first: a new database must never stand beside an old log. Embeddings fit any backup.
        for name in (*_DATABASE, "uploads", "editions", "quarantine", *ready.names):
            if os.path.lexists(folder / name):
                aside.mkdir(mode=0o700, exist_ok=True)
                (folder / name).rename(aside / name)
        flush(folder)
    for name in left:
        (new / name).rename(folder / name)
    flush(folder)


def _declare(folder: Path, ready: _Ready) -> None:
    """Write down, in one step, that what was unpacked is whole."""
    place = folder / PLACE
    beside = place / f".{_READY}"
    with beside.open("wb") as out:
        out.write(to_json(ready))
        out.flush()
        os.fsync(out.fileno())
    beside.replace(place / _READY)
    flush(place)
    flush(folder)


def _there(folder: Path) -> list[str]:
    """Return what stands in the folder that a restore would replace."""
    names = (*_DATABASE, *FOLDERS)
    return [
        name
        for name in names
        if os.path.lexists(folder / name)
        and not ((folder / name).is_dir() and not any((folder / name).iterdir()))
    ]


def _require_room(folder: Path, manifest: Manifest) -> None:
    free = shutil.disk_usage(folder).free
    if manifest.size > free:
        raise ConfigurationError(
            f"The data folder {folder} has no room for the backup: it needs {manifest.size:,} bytes, and"
            f" {free:,} are free. Nothing has changed."
        )
