"""The quarantine: what is on the disk and no row of the database explains; kept with its date, for 30 days.

::

    DATA_DIR/quarantine/2026-11-26/uploads/<digest>       a file that moderators have added somewhere
    DATA_DIR/quarantine/2026-11-26/editions/<id>/         an edition that no revision names
    DATA_DIR/quarantine/2026-11-26/database/...           a database that was set aside
    DATA_DIR/quarantine/2026-11-26/other/...              what stood in the place of a folder of ours

The date is the day on which it came here. What somebody added is never deleted because something else is
missing: a database that was lost or is older than the files leaves them unexplained, and the right one, put
back, finds them here. When something goes is ``tidying.py``'s to say.
"""

from __future__ import annotations

import logging
import os
import secrets
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from linernotes.errors import DataFolderError, RefusalError, StoreLostError
from linernotes.library.database import BESIDE, RESTORE, connect
from linernotes.library.folders import DIGEST, flush, remove

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

_log = logging.getLogger(__name__)

FOLDER: Final = "quarantine"
# What is of moderators, or knows of it; all else in the data folder is made again.
_KINDS: Final = ("uploads", "editions")


class Quarantine:
    """The quarantine below a data folder; without one, nothing is ever put there.

    Safe to call from threads.
    """

    def __init__(self, root: Path | None, clock: Callable[[], float] = time.time) -> None:
        """Take the data folder, and a clock in seconds since 1970."""
        self._root = root
        self._clock = clock

    def put(self, kind: str, path: Path) -> str:
        """Move a file or a folder here, and return the name that it has here.

        Raises:
            OSError: it cannot be moved.
        """
        if self._root is None:
            raise FileNotFoundError("there is no data folder")
        day = time.strftime("%Y-%m-%d", time.gmtime(max(0.0, self._clock())))
        place = self._root / FOLDER / day / kind
        for folder in (self._root / FOLDER, place.parent, place):
            folder.mkdir(mode=0o700, exist_ok=True)
        to = place / path.name
        if os.path.lexists(to):
            to = place / f"{path.name}.{secrets.token_hex(4)}"
        path.rename(to)
        for folder in (place, place.parent, self._root / FOLDER, path.parent):
            flush(folder)
        return to.relative_to(self._root / FOLDER).as_posix()

    def names(self) -> tuple[str, ...]:
        """Return what is here, each as its path below the quarantine, in order."""
        if self._root is None:
            return ()
        found: list[str] = []
        with suppress(OSError):
            for day in _folders_in(self._root / FOLDER):
                for kind in _folders_in(day):
                    found += [f"{day.name}/{kind.name}/{each.name}" for each in kind.iterdir()]
        return tuple(sorted(found))

    def take_back(self, kind: str, digests: Collection[str]) -> tuple[str, ...]:
        """Move what is wanted again to where it was, and return what that was."""
        if self._root is None:
            return ()
        back: list[str] = []
        for name in self.names():
            _, of, called = name.split("/", 2)
            place = self._root / of / called
            if of != kind or called not in digests or os.path.lexists(place):
                continue
            with suppress(OSError):
                place.parent.mkdir(mode=0o700, exist_ok=True)
                (self._root / FOLDER / name).rename(place)
                flush(place.parent)
                back.append(called)
        if back:
            _log.warning(
                "%d of %s are wanted again, and have come back from the quarantine.", len(back), kind
            )
        return tuple(back)

    def discard(self, names: Collection[str]) -> None:
        """Remove what has been here long enough, and days of which nothing is left."""
        if self._root is None:
            return
        for name in names:
            with suppress(OSError):
                remove(self._root / FOLDER / name)
        with suppress(OSError):
            for day in _folders_in(self._root / FOLDER):
                for folder in (*_folders_in(day), day):
                    if not any(folder.iterdir()):
                        folder.rmdir()


def clear_the_way(quarantine: Quarantine, root: Path) -> None:
    """Move what stands in the place of one of our folders to the quarantine; links of the operator's stay."""
    for name in (*_KINDS, "segments"):
        place = root / name
        if os.path.lexists(place) and not place.is_dir():
            with suppress(OSError):
                _log.warning(
                    "%s is not a folder; it is in the quarantine as %s.",
                    place,
                    quarantine.put("other", place),
                )


def require_database(path: Path) -> None:
    """Make sure, before a new database is made, that none has been lost.

    Raises:
        StoreLostError: there is none, or an empty one, and there are files that only one can explain.
    """
    with suppress(OSError):
        if path.stat().st_size or not path.is_file():
            return
    there = os.path.lexists(path)
    state = "is empty" if there else "is missing"
    if count := len(_uploads(path.parent)):
        raise StoreLostError(f"The database {path} {state}, and beside it stand {_files(count)}. {RESTORE}")
    log = path.with_name(path.name + BESIDE[0])
    # SQLite would delete it.
    if log.is_file() and log.stat().st_size:
        raise StoreLostError(
            f"The database {path} {state}, and beside it stands its log {log.name}. {RESTORE}"
        )


def require_cache(path: Path) -> None:
    """Make sure that a data folder in which a server's files are to be copied holds no library of its own.

    Raises:
        DataFolderError: an embedded database stands there.
    """
    if os.path.lexists(path):
        raise DataFolderError(
            f"{path} is a database of its own, and DATABASE_URL names another on a server: name another"
            " DATA_DIR (it holds copies of what the server has), or leave DATABASE_URL empty. Nothing has"
            " been changed."
        )


def require_known(path: Path, unexplained: int) -> None:
    """Make sure that a database which knows of no library is not one in whose place another was.

    Raises:
        StoreLostError: there are files that it does not explain.
    """
    if unexplained:
        raise StoreLostError(
            f"The database {path} knows nothing of the {_files(unexplained)} that stand beside it: it is new,"
            f" or was copied without what stood beside it. {RESTORE}"
        )


def set_database_aside(root: Path, name: str, clock: Callable[[], float] = time.time) -> tuple[str, ...]:
    """Move a database that is lost, and all that it alone explains, to the quarantine.

    Args:
        root: the data folder; hold its lock.
        name: the database's file.
        clock: seconds since 1970.

    Returns:
        What was moved, by its names in the quarantine.

    Raises:
        RefusalError: nothing is wrong with it.
        StoreError: something is wrong with it that has nothing to do with the file itself.
        OSError: something cannot be moved.
    """
    path = root / name
    try:
        require_database(path)
        if os.path.lexists(path):
            connection = connect(path)
            try:
                rows = connection.execute("SELECT 1 FROM revisions").fetchone()
                explained = {digest for (digest,) in connection.execute("SELECT digest FROM released")}
            finally:
                connection.close()
            if rows is None:
                require_known(path, len(_uploads(root) - explained))
        raise RefusalError(
            f"The database in {root} is in order, or there is nothing that it would have to explain: nothing"
            " is set aside."
        )
    except StoreLostError:
        pass
    quarantine = Quarantine(root, clock)
    moved: list[str] = []
    for kind in _KINDS:
        if (root / kind).is_dir():
            moved += [quarantine.put(kind, each) for each in sorted((root / kind).iterdir())]
    for ending in ("", *BESIDE):
        if os.path.lexists(each := path.with_name(path.name + ending)):
            moved.append(quarantine.put("database", each))
    return tuple(moved)


def _uploads(root: Path) -> set[str]:
    with suppress(OSError):
        return {each.name for each in (root / "uploads").iterdir() if DIGEST.fullmatch(each.name)}
    return set()


def _files(count: int) -> str:
    return f"{count} file{'s' if count != 1 else ''} that moderators have added"


def _folders_in(place: Path) -> list[Path]:
    if not place.is_dir() or place.is_symlink():
        return []
    return [each for each in place.iterdir() if each.is_dir() and not each.is_symlink()]
