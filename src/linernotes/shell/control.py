"""The operator's way to a running bot: a local socket in ``DATA_DIR``, for the user it runs as alone.

::

    DATA_DIR/control.sock         one request and its replies, each a line of JSON

    -> {"do": "reload"}
    <- {"step": "embed", "done": 3, "total": 12}          each second, while it goes on
    <- {"edition": ..., "documents": ..., "passages": ..., "quotations": ..., "servers": [...]}
       or {"error": "a sentence", "status": 65}

    -> {"do": "snapshot"}
    <- {}                                                 each second, while it goes on
    <- {"snapshot": "snapshot-..."}                       a folder in DATA_DIR/staging, which is there until
       or {"error": "a sentence", "status": 65}           who asked goes away
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
import stat
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Final, TypeVar

from linernotes.errors import BotAbsentError, DataFolderBusyError, LinerNotesError
from linernotes.library.locks import lock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
    from pathlib import Path

    from linernotes.library import Library
    from linernotes.library.editions import Step
    from linernotes.library.following import Moved, Reloaded

_log = logging.getLogger(__name__)
_T = TypeVar("_T")

_SOCKET: Final = "control.sock"
# What the kernel takes for a socket's path is 108 bytes on Linux and 104 on macOS, the end mark included.
_LONGEST_PATH: Final = 103
_REQUEST_SECONDS: Final = 5.0
_PROGRESS_SECONDS: Final = 1.0
# A bot that lives says something every second.
_SILENT_SECONDS: Final = 30.0
_LONGEST_LINE: Final = 2**24

_UNEXPECTED_STATUS: Final = 70
"""An internal error, as sysexits.h has it."""


# --- The bot's side ---------------------------------------------------------------------------------------


@asynccontextmanager
async def serve(
    library: Library, folder: Path, on_reloaded: Callable[[tuple[Moved, ...]], Awaitable[None]] | None = None
) -> AsyncIterator[None]:
    """Listen as long as the context lasts. Where that cannot be, a warning says so and nothing else changes.

    Args:
        library: what is reloaded.
        folder: the data folder, which this process has locked.
        on_reloaded: told what became of each server.
    """
    tasks: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        try:
            # We alone cancel it, when the bot leaves; asyncio's streams would log a traceback of that.
            with suppress(ConnectionError, TimeoutError, asyncio.CancelledError):
                await _answer(library, on_reloaded, reader, writer)
        finally:
            writer.close()

    try:
        server = await asyncio.start_unix_server(connected, sock=_listening(folder), limit=_LONGEST_LINE)
    except (OSError, AttributeError) as error:
        _log.warning("`bot.py reload` will not reach this bot: no socket in %s (%s).", folder, error)
        yield
        return
    try:
        yield
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        with suppress(OSError):
            (folder / _SOCKET).unlink()


def _listening(folder: Path) -> socket.socket:
    """Return a socket that only this user can reach.

    Raises:
        OSError: it cannot be made.
    """
    path = folder / _SOCKET
    # The folder is locked: whatever stands there was left by a process that was killed.
    if path.is_socket():
        path.unlink()
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        # Before anybody can connect: on Linux the mode of the socket itself decides, elsewhere the folder's.
        with suppress(OSError):
            os.fchmod(made.fileno(), stat.S_IRUSR | stat.S_IWUSR)
        with _address(folder) as address:
            made.bind(address)
        path.chmod(stat.S_IRUSR | stat.S_IWUSR)
        made.listen(4)
        made.setblocking(False)  # noqa: FBT003  socket's own signature
    except BaseException:
        made.close()
        raise
    return made


async def _answer(
    library: Library,
    on_reloaded: Callable[[tuple[Moved, ...]], Awaitable[None]] | None,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
) -> None:
    try:
        request = json.loads(await asyncio.wait_for(reader.readline(), _REQUEST_SECONDS))
        asked = request["do"]
    except (ValueError, TypeError, KeyError):
        asked = None
    match asked:
        case "reload":
            await _reload(library, on_reloaded, writer)
        case "snapshot":
            await _hold_snapshot(library, reader, writer)
        case _:
            await _send(writer, {"error": "The running bot does not know that request.", "status": 65})


async def _reload(
    library: Library,
    on_reloaded: Callable[[tuple[Moved, ...]], Awaitable[None]] | None,
    writer: asyncio.StreamWriter,
) -> None:
    newest: list[dict[str, object]] = [{}]

    def progress(step: Step, done: int, total: int) -> None:
        newest[0] = {"step": step, "done": done, "total": total}

    # Goes on when who asked goes away: half of the servers on the old corpus would help nobody.
    reloading = asyncio.ensure_future(library.curator.reload_all(progress))
    said = "The reload failed; the bot's log says more. The old edition goes on serving."
    try:
        reloaded = await _waited_for(reloading, writer, lambda: newest[0], said)
    finally:
        reloading.cancel()
    if reloaded is None:
        return
    with suppress(ConnectionError):
        await _send(writer, _report(reloaded))
    if on_reloaded is not None:
        await on_reloaded(reloaded.servers)


async def _hold_snapshot(
    library: Library, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Make a snapshot, and remove it when who asked for it has gone away."""
    async with AsyncExitStack() as stack:
        making = asyncio.ensure_future(stack.enter_async_context(library.curator.snapshot()))
        said = "No copy could be made; the bot's log says more."
        try:
            place = await _waited_for(making, writer, dict, said)
        except BaseException:
            # What has begun is finished, so that the stack knows what to remove.
            await asyncio.gather(making, return_exceptions=True)
            raise
        if place is not None:
            await _send(writer, {"snapshot": place.name})
            await reader.read()


async def _waited_for(
    work: asyncio.Future[_T],
    writer: asyncio.StreamWriter,
    newest: Callable[[], dict[str, object]],
    failed: str,
) -> _T | None:
    """Wait for work and say each second how far it is; ``None`` if it failed, which has been told then."""
    try:
        while not work.done():
            await asyncio.wait({work}, timeout=_PROGRESS_SECONDS)
            if not work.done():
                with suppress(ConnectionError):
                    await _send(writer, newest())
        return work.result()
    except LinerNotesError as error:
        await _send(writer, {"error": str(error), "status": error.exit_status})
    except Exception:  # noqa: BLE001  the log has it, and who asked a sentence
        _log.exception("What the operator asked for failed.")
        await _send(writer, {"error": failed, "status": _UNEXPECTED_STATUS})
    return None


def _report(reloaded: Reloaded) -> dict[str, object]:
    edition = reloaded.edition
    return {
        "edition": edition.id,
        "documents": len(edition.documents),
        "passages": len(edition.passages),
        "quotations": len(edition.quotes),
        "left_out": list(reloaded.left_out),
        "servers": [
            {"guild": each.guild, "did": each.move, "edition": each.edition, "said": each.said}
            for each in reloaded.servers
        ],
    }


async def _send(writer: asyncio.StreamWriter, value: object) -> None:
    writer.write(json.dumps(value).encode() + b"\n")
    await writer.drain()


# --- The operator's side ----------------------------------------------------------------------------------


def request_reload(
    folder: Path, progress: Callable[[str, int, int], None] = lambda _step, _done, _total: None
) -> dict[str, Any]:
    """Ask the bot that runs on a data folder to reload, and wait until it has.

    Args:
        folder: the data folder.
        progress: told about each second how far it is.

    Returns:
        What the bot reports: see the top of this file.

    Raises:
        BotAbsentError: no bot runs there, or it does not answer.
        LinerNotesError: the bot could not reload; the sentence and the exit status are its own.
    """
    with _asking(folder, "reload") as replies:
        for told in replies:
            if "edition" in told:
                return told
            if told:
                progress(str(told["step"]), int(told["done"]), int(told["total"]))
    raise BotAbsentError(f"The bot that runs on {folder} stopped before it had reloaded.")


@contextmanager
def request_snapshot(folder: Path) -> Iterator[Path]:
    """Ask the bot that runs on a data folder for a snapshot, a folder that is there as long as the context.

    Raises:
        BotAbsentError: no bot runs there, or it does not answer.
        LinerNotesError: the bot could not make one; the sentence and the exit status are its own.
    """
    with _asking(folder, "snapshot") as replies:
        for told in replies:
            if "snapshot" in told:
                # The last part alone: a name never leads out of the folder.
                yield folder / "staging" / PurePath(str(told["snapshot"])).name
                return
    raise BotAbsentError(f"The bot that runs on {folder} stopped before it had made a copy.")


@contextmanager
def _asking(folder: Path, request: str) -> Iterator[Iterator[dict[str, Any]]]:
    """Ask something of the bot and give its replies, until it says no more; what it refuses is raised."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as made:
        try:
            made.settimeout(_SILENT_SECONDS)
            with _address(folder) as address:
                made.connect(address)
            made.sendall(f"{json.dumps({'do': request})}\n".encode())
        except TimeoutError:
            raise BotAbsentError(f"The bot that runs on {folder} does not answer.") from None
        except (OSError, AttributeError):
            raise BotAbsentError(_why_absent(folder, request)) from None
        with made.makefile("rb") as lines:
            yield _replies(folder, request, lines)


def _replies(folder: Path, request: str, lines: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    try:
        for line in lines:
            told = dict(json.loads(line))
            if "error" in told:
                raise _RefusedError(str(told["error"]), int(told["status"]))
            yield told
    except TimeoutError:
        raise BotAbsentError(f"The bot that runs on {folder} does not answer.") from None
    except OSError:
        raise BotAbsentError(_why_absent(folder, request)) from None
    except (ValueError, KeyError, TypeError) as error:
        raise BotAbsentError(f"What runs on {folder} answers strangely ({error}).") from None


def _why_absent(folder: Path, request: str) -> str:
    if folder.is_dir():
        try:
            with lock(folder):
                pass
        except DataFolderBusyError as error:
            asked = "to reload" if request == "reload" else "for a copy"
            return f"{error} It cannot be asked {asked}: it may be starting still; try again in a moment."
    if request != "reload":
        return f"No bot is running on {folder}."
    return f"No bot is running on {folder}: there is nothing to reload. It reads the corpus when it starts."


class _RefusedError(LinerNotesError):
    """What the bot raised, brought here with its exit status."""

    def __init__(self, sentence: str, status: int) -> None:
        super().__init__(sentence)
        self.exit_status = status  # type: ignore[misc]  # each carries the bot's own


@contextmanager
def _address(folder: Path) -> Iterator[str]:
    """Give a path to the socket that is short enough for the kernel.

    Raises:
        OSError: there is none.
    """
    path = os.fspath(folder / _SOCKET)
    if len(os.fsencode(path)) <= _LONGEST_PATH:
        yield path
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        short = f"/proc/self/fd/{handle}"
        if not os.path.isdir(short):  # noqa: PTH112  no path of ours
            raise OSError("its path is too long for a socket")
        yield f"{short}/{_SOCKET}"
    finally:
        os.close(handle)
