"""Who works at the same time: one process on ``DATA_DIR``, one change in a server, one reload for all."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import stat
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from typing import TYPE_CHECKING, Final

from filelock import FileLock, Timeout

from linernotes.errors import DataFolderBusyError, DataFolderError, RefusalError
from linernotes.library.catalogue import OPERATOR
from linernotes.library.folders import flush, read_file, remove
from linernotes.words import counted

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

    from linernotes.library.processes import Processes

# What a mode lets the group and other users do.
_OTHERS: Final = 0o077
# The folders that this process holds by its number.
_HELD: Final[set[Path]] = set()
# What this program keeps in the data folder, should that be one that others use as well.
_OURS: Final = ("segments", "editions", "uploads", "staging", "quarantine", "lock*", "linernotes.db*")


@contextmanager
def lock(folder: Path) -> Iterator[None]:
    """Keep every other process out of the data folder, and other users of the machine too.

    A folder that cannot be made needs no lock. The folder itself is locked, which nobody can remove and put
    back while it is; and beside it the file ``lock``, as versions before this one do.

    Raises:
        DataFolderBusyError: another process holds it.
        DataFolderError: it is there and cannot be used.
    """
    with ExitStack() as releases:
        if _make(folder):
            held = FileLock(folder / "lock", timeout=0, thread_local=False, mode=0o600)
            try:
                releases.enter_context(_folder_locked(folder))
                # What stands there and is no file is in nobody's way: the folder is locked.
                if not os.path.lexists(folder / "lock") or stat.S_ISREG((folder / "lock").lstat().st_mode):
                    with suppress(NotImplementedError):  # a file system without locks
                        releases.enter_context(held)
            except (Timeout, BlockingIOError):
                raise DataFolderBusyError(
                    f"The data folder {folder} is in use by {_holder(folder)}: stop it, or set DATA_DIR to"
                    " another folder."
                ) from None
            except OSError:
                # A folder that cannot be written to: its own lock is enough.
                pass
            _write_holder(folder)
        yield


def _make(folder: Path) -> bool:
    """Make the data folder and close it to other users; say whether there is one.

    Raises:
        DataFolderError: it is there and cannot be read.
    """
    try:
        if not folder.is_dir():
            folder.mkdir(mode=0o700, parents=True)
            with suppress(OSError):
                flush(folder.parent)
        next(folder.iterdir(), None)
    except PermissionError as error:
        if not _is_there(folder):
            return False
        raise DataFolderError(
            f"The data folder {folder} cannot be read ({error.strerror}): make it readable and writable for"
            " the user that runs the bot, or set DATA_DIR to another folder."
        ) from error
    except OSError:
        # Nothing can be written, so there is nothing to guard; the store gives the warning.
        return False
    with suppress(OSError):
        _close_to_others(folder)
    return True


def _is_there(folder: Path) -> bool:
    try:
        folder.lstat()
    except OSError:
        return False
    return True


def _close_to_others(folder: Path) -> None:
    """Let the folder's owner alone use it, and what an older version has left open in it.

    Raises:
        OSError: it is another user's.
    """
    if not stat.S_IMODE(folder.stat().st_mode) & _OTHERS:
        return
    folder.chmod(0o700)
    for ours in _OURS:
        for top in folder.glob(ours):
            for path in (top, *(top.rglob("*") if top.is_dir() and not top.is_symlink() else ())):
                found = path.lstat().st_mode
                if stat.S_ISDIR(found) or stat.S_ISREG(found):
                    path.chmod(stat.S_IMODE(found) & ~_OTHERS)


@contextmanager
def _folder_locked(folder: Path) -> Iterator[None]:
    """Hold a lock on the folder itself, as long as the process lives.

    Raises:
        BlockingIOError: another process holds it.
    """
    try:
        import fcntl

        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except (ImportError, AttributeError, OSError):
        yield
        return
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise
        except OSError:
            # A file system without locks for folders, or without any: the oldest way there is.
            with _marked(folder):
                yield
            return
        yield
    finally:
        os.close(handle)


@contextmanager
def _marked(folder: Path) -> Iterator[None]:
    """Hold a folder by the number of this process in it; what a dead process has left does not count.

    Raises:
        BlockingIOError: a process that lives holds it, on this machine or, as far as can be told, another.
    """
    mark, mine = folder / "lock.holder", f"{os.getpid()} {socket.gethostname()}"
    for _ in range(2):
        try:
            handle = os.open(mark, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            with suppress(OSError, ValueError):
                pid, _, host = read_file(mark).decode().partition(" ")
                # A number like ours, and not ours: every container begins to count at one.
                is_dead = folder not in _HELD if int(pid) == os.getpid() else not _lives(int(pid))
                if host == socket.gethostname() and is_dead:
                    mark.unlink()
                    continue
            raise BlockingIOError from None
        os.write(handle, mine.encode())
        os.close(handle)
        _HELD.add(folder)
        try:
            yield
        finally:
            _HELD.discard(folder)
            with suppress(OSError):
                mark.unlink()
        return
    raise BlockingIOError


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _holder(folder: Path) -> str:
    try:
        return f"process {int(read_file(folder / 'lock.pid'))}"
    except (OSError, ValueError):
        return "another process"


def _write_holder(folder: Path) -> None:
    """Leave the number of this process for who comes next; written beside: a pipe in its place would hang."""
    beside = folder / "lock.pid.new"
    with suppress(OSError):
        remove(beside)
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        os.write(handle, str(os.getpid()).encode())
        os.close(handle)
        if (folder / "lock.pid").is_dir():
            remove(folder / "lock.pid")
        beside.replace(folder / "lock.pid")


def _at_work(told: str) -> tuple[int, str, float] | None:
    """Return what another process has told of who is at it, if it can be read."""
    try:
        who, does, since = json.loads(told)
        return int(who), str(does), float(since)
    except (ValueError, TypeError):
        return None


class Locks:
    """Keeps those apart who change libraries, in this process and in others; all of it in the event loop."""

    def __init__(self, clock: Callable[[], float], processes: Processes) -> None:
        """Take a clock in seconds, and what knows of other processes; nobody is at work yet."""
        self._clock = clock
        self._processes = processes
        self._at_work: dict[int, tuple[int, str, float]] = {}
        self._reloading = asyncio.Lock()
        self._is_moving = False
        self.filing = asyncio.Lock()
        """Held from the moment a file is kept until the database names it: tidying must not come between."""

    @asynccontextmanager
    async def alone(self, guild: int, person: int, what: str) -> AsyncIterator[None]:
        """Let nobody else change a server's library meanwhile.

        Args:
            guild: the server.
            person: who is at it.
            what: what they do, in the words that others are told.

        Raises:
            RefusalError: somebody is at it already; says who.
        """
        if guild in self._at_work:
            raise self._refusal(self._at_work[guild])
        self._at_work[guild] = (person, what, self._clock())
        try:
            told = await self._processes.take_library(guild, json.dumps(self._at_work[guild]))
            if told is not None:
                raise self._refusal(_at_work(told))
            try:
                yield
            finally:
                await self._processes.give_library(guild)
        finally:
            del self._at_work[guild]

    def _refusal(self, at_work: tuple[int, str, float] | None) -> RefusalError:
        """Say who is at it; ``None`` where another process has begun and not yet told who it is for."""
        if at_work is None:
            return RefusalError("Somebody is changing this server's library; please wait.")
        who, does, since = at_work
        name = "The operator" if who == OPERATOR else f"<@{who}>"
        seconds = max(0, round(self._clock() - since))
        return RefusalError(
            f"{name} is changing this server's library (“{does}”, for {counted(seconds, 'second')} now);"
            " please wait."
        )

    @asynccontextmanager
    async def reload(self) -> AsyncIterator[None]:
        """Keep other reloads of the shared corpus waiting, and refuse first libraries."""
        async with self._reloading:
            self._is_moving = True
            try:
                yield
            finally:
                self._is_moving = False

    @asynccontextmanager
    async def first_library(self) -> AsyncIterator[None]:
        """Keep reloads waiting while a server begins to have a library of its own.

        What becomes of a server without a library is the shared corpus's reload to say, which does not see
        one that has just begun to have its own.

        Raises:
            RefusalError: the shared corpus is being reloaded.
        """
        if self._is_moving:
            raise RefusalError("The operator is reloading the shared corpus; please wait a moment.")
        async with self._reloading:
            yield
