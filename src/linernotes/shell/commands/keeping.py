"""``backup`` and ``restore``: what the data folder keeps, in one file and back."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from linernotes.errors import BackupError, DataFolderBusyError
from linernotes.shell.environment import log_to_stderr, read_settings
from linernotes.shell.options import JsonOption  # noqa: TC001  typer reads the annotations
from linernotes.shell.output import print_json, size

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from linernotes.library.backup import Made, Progress
    from linernotes.settings import Settings

# A bot that starts or stops takes the snapshot away from under us: then the other way is open.
_ATTEMPTS: Final = 3

FileArgument = Annotated[Path, typer.Argument(metavar="FILE", show_default=False, help="The backup.")]


def backup(
    file: FileArgument,
    *,
    replace: Annotated[bool, typer.Option("--replace", help="FILE may be there already.")] = False,
    small: Annotated[
        bool, typer.Option("--small", help="Leave the embeddings out: they are made again when needed.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Write what servers have, whole and verified, into one file; the bot may be running."""
    settings = read_settings()
    log_to_stderr(settings)
    from linernotes.library.backup import require_free

    if settings.database_url is not None:
        raise BackupError(
            "DATABASE_URL is set: what servers have is on that database's server, and is backed up there by"
            " pg_dump. DATA_DIR holds copies of it."
        )
    file = file.absolute()
    require_free(file, replace=replace)
    if not settings.data_dir.is_dir():
        raise BackupError(f"There is no data folder {settings.data_dir}: there is nothing to back up.")
    with _telling("Backing up") as progress:
        made = asyncio.run(_back_up(settings.data_dir, file, replace=replace, small=small, progress=progress))
    manifest = made.manifest
    if as_json:
        print_json(
            {
                "file": str(file),
                "bytes": made.bytes,
                "made": manifest.made,
                "format": manifest.format,
                "servers": made.servers,
                "uploads": manifest.count("uploads"),
                "editions": manifest.count("editions"),
                "segments": manifest.count("segments"),
                "missing": list(made.missing),
            }
        )
    else:
        typer.echo(
            f"{file} ({size(made.bytes)}) has been written and verified: {made.servers} servers with a"
            f" library of their own, {manifest.count('uploads')} files that were added,"
            f" {manifest.count('editions')} editions, and the database."
        )
    if made.missing:
        # It is made all the same: what is left is worth keeping. But who looks at the status is to look here.
        raise BackupError(
            "\n".join(["Damaged or missing in the data folder, and so not in the backup:", *made.missing])
        )


def restore(
    file: FileArgument,
    *,
    replace: Annotated[
        bool, typer.Option("--replace", help="The data folder may hold something: it is moved aside.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Verify a backup and put what it holds into DATA_DIR or DATABASE_URL; the bot must not be running."""
    settings = read_settings()
    log_to_stderr(settings)
    if settings.database_url is not None:
        _move(settings, file, as_json=as_json)
        return
    from linernotes.library import restoring

    with _telling("Restoring") as progress:
        done = restoring.restore(file, settings.data_dir, replace=replace, at=time.time(), progress=progress)
    manifest = done.manifest
    if as_json:
        print_json(
            {
                "folder": str(settings.data_dir.absolute()),
                "made": manifest.made,
                "format": manifest.format,
                "uploads": manifest.count("uploads"),
                "editions": manifest.count("editions"),
                "segments": manifest.count("segments"),
                "aside": None if done.aside is None else str(done.aside.absolute()),
            }
        )
        return
    when = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(manifest.made))
    typer.echo(
        f"{settings.data_dir} holds what it held on {when}: {manifest.count('uploads')} files that were"
        f" added, {manifest.count('editions')} editions, and the database."
    )
    if done.aside is not None:
        typer.echo(f"What was there before is in {done.aside}; remove it when you no longer need it.")


def _move(settings: Settings, file: Path, *, as_json: bool) -> None:
    """Put what a backup of a data folder holds on the server of ``DATABASE_URL``."""
    from linernotes.library import moving

    assert settings.database_url is not None  # noqa: S101  looked at by who calls
    url = settings.database_url.get_secret_value()
    with _telling("Restoring") as progress:
        manifest = moving.move(file, settings.data_dir, url, now=time.time, progress=progress)
    counts = {kind: manifest.count(kind) for kind in ("uploads", "editions", "segments")}
    if as_json:
        print_json(
            {"folder": None, "made": manifest.made, "format": manifest.format, **counts, "aside": None}
        )
        return
    when = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(manifest.made))
    typer.echo(
        f"The database on the server (DATABASE_URL) holds what the backup held of {when}: {counts['uploads']}"
        f" files that were added, {counts['editions']} editions, and all rows."
    )


async def _back_up(folder: Path, file: Path, *, replace: bool, small: bool, progress: Progress) -> Made:
    from linernotes.library import backup

    for attempt in range(_ATTEMPTS):
        async with _snapshot(folder) as place:
            try:
                return await asyncio.to_thread(
                    backup.write,
                    place,
                    file,
                    made=time.time(),
                    replace=replace,
                    small=small,
                    progress=progress,
                )
            except FileNotFoundError:
                if attempt == _ATTEMPTS - 1:
                    break
    raise BackupError("The bot started or stopped again and again meanwhile; please try again.")


@asynccontextmanager
async def _snapshot(folder: Path) -> AsyncIterator[Path]:
    """Give a snapshot of the data folder: the running bot makes it, or, where none runs, we do."""
    from contextlib import AsyncExitStack

    from linernotes.library.database import NAME
    from linernotes.library.locks import lock
    from linernotes.library.restoring import settle
    from linernotes.library.snapshots import link, snapshot
    from linernotes.library.store import Store
    from linernotes.shell.control import request_snapshot

    async with AsyncExitStack() as stack:
        try:
            with lock(folder):
                settle(folder)
                if not (folder / NAME).is_file():
                    raise BackupError(
                        f"The data folder {folder} has no database {NAME}: there is nothing to back up, or it"
                        " was lost and has to be restored."
                    )
                store = Store(folder / NAME)
                stack.push_async_callback(store.close)
                place = await stack.enter_async_context(
                    snapshot(folder, store, lambda place: link(folder, place), asyncio.Lock())
                )
                await store.close()
        except DataFolderBusyError:
            place = stack.enter_context(request_snapshot(folder))
        yield place


@contextmanager
def _telling(what: str) -> Iterator[Progress]:
    """Say on a terminal how far it is."""
    from rich.console import Console

    with Console(stderr=True).status(f"{what} ...") as status:
        yield lambda step, done, total: status.update(f"{what}: {step} {size(done)} of {size(total)} ...")
