"""What the kill tests of backups kill: a backup, a restore, or a bot that changes while it is backed up."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import sys
import time
import traceback
from pathlib import Path

from fakes import FakeEmbedder
from linernotes.library import Library, restoring
from linernotes.library.changes import Add
from linernotes.settings import Settings
from linernotes.shell.commands import keeping
from linernotes.shell.control import serve


def quiet(_step: str, _done: int, _total: int) -> None:
    """Tell nobody."""


def back_up(data: Path, file: Path) -> None:
    asyncio.run(keeping._back_up(data, file, replace=True, small=False, progress=quiet))


def restore(data: Path, file: Path) -> None:
    restoring.restore(file, data, replace=True, at=time.time(), progress=quiet)


def run_bot(data: Path, _file: Path) -> None:
    """Be a bot whose moderators change something all the time."""

    async def run() -> None:
        settings = Settings(corpus_dir=data.parent / "corpus", data_dir=data)
        async with (
            Library.open(settings, embedder=FakeEmbedder()) as library,
            serve(library, data),
        ):
            curator = library.curator
            for number in itertools.count():
                text = f"The ferry number {number} was painted red by Ida Holm in {time.time()}.".encode()
                preview = await curator.preview(1 + number % 2, 9, Add("ferry.md", text))
                await curator.apply(1 + number % 2, 9, preview.id)
                await curator.tidy()

    asyncio.run(run())


WORK = {"backup": back_up, "restore": restore, "bot": run_bot}


def main() -> None:
    """Fork a worker for each line that is read: much faster than a new interpreter for each kill."""
    import bm25s  # noqa: F401  imported once, before the forks
    import faiss  # noqa: F401

    for line in sys.stdin:
        what, data, file = json.loads(line)
        child = os.fork()
        if child == 0:
            status = 1
            try:
                # A killed process loses nothing that it has written; only the time counts that a disk takes.
                os.fsync = lambda _handle: time.sleep(0.0005)
                WORK[what](Path(data), Path(file))
                status = 0
            except BaseException:  # noqa: BLE001  a fork must never go on as its parent
                traceback.print_exc()
            os._exit(status)
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()
        _, left = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(left)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
