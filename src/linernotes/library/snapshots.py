"""A snapshot: what the data folder keeps, as it is at one moment, held still so that it can be copied.

::

    DATA_DIR/staging/<name>/      linernotes.db, a copy; uploads, editions, segments, quarantine, linked

Files are never changed once they are there, so a second name for each is enough, and takes a moment where
copying may take minutes. Where the file system has no second names, they are copied.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import stat
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Final

from linernotes.errors import BackupError
from linernotes.library.database import NAME
from linernotes.library.folders import remove

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from linernotes.library.store import Store

FOLDERS: Final = ("uploads", "editions", "segments", "quarantine")
"""Kept beside the database: what moderators have added, what was made of it, and what nobody claims."""


@asynccontextmanager
async def snapshot(
    folder: Path, store: Store, take: Callable[[Path], None], filing: asyncio.Lock
) -> AsyncIterator[Path]:
    """Give a folder that holds what is kept, as it is now, as long as the context lasts.

    Args:
        folder: the data folder.
        store: its database.
        take: links what is beside the database into a folder; called in a thread, while nothing is removed.
        filing: held by who keeps a file that the database does not name yet: nobody does meanwhile.

    Raises:
        BackupError: nothing is kept, or the disk is full.
        StoreError: the database cannot be read.
    """
    await store.open()
    if store.is_in_memory:
        raise BackupError(f"Nothing can be written to {folder}: there is nothing to back up.")
    place = folder / "staging" / f"snapshot-{secrets.token_hex(8)}"
    try:
        async with filing:
            try:
                place.mkdir(mode=0o700, parents=True)
                await store.copy(place / NAME)
                await asyncio.to_thread(take, place)
            except OSError as error:
                raise BackupError(f"No copy can be made in {folder}: {error.strerror or error}.") from error
        yield place
    finally:
        with suppress(OSError):
            await asyncio.to_thread(remove, place)


def link(folder: Path, place: Path) -> None:
    """Link what is kept beside the database into another folder on the same disk.

    Raises:
        OSError: it cannot be written.
    """
    for name in FOLDERS:
        if (folder / name).is_dir():
            _link_folder(folder / name, place / name)


def _link_folder(folder: Path, place: Path) -> None:
    place.mkdir(mode=0o700)
    for path in folder.iterdir():
        if path.name.startswith("."):
            continue  # being written, or left by a killed process
        kind = path.lstat().st_mode
        if stat.S_ISDIR(kind):
            _link_folder(path, place / path.name)
        elif stat.S_ISREG(kind):
            try:
                os.link(path, place / path.name)
            except OSError:
                with suppress(FileNotFoundError, PermissionError):
                    shutil.copyfile(path, place / path.name)
