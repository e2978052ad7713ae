"""What the kill tests kill: a process that changes two servers' libraries, one change after another.

It says on a pipe what it is doing, a line for each step, and is never told to stop::

    +embed, -embed          a phase begins, ends (write, file, commit, prune, preview, apply, reload, open)
    begun {...}             a change may count from now on: what it would lead to
    done {...}              it is acknowledged: the revision and the edition that each server has now
"""

from __future__ import annotations

import asyncio
import functools
import json
import os
import random
import sys
import time
import traceback
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from fakes import HARBOUR, LANTERNS, FakeEmbedder
from linernotes.errors import RefusalError
from linernotes.library import Library
from linernotes.library.catalogue import Catalogue, Revision
from linernotes.library.changes import Add, Hide, Reload, Remove, RollBack, Unhide
from linernotes.library.curator import Curator
from linernotes.library.editions import EditionStore
from linernotes.library.folders import Folders
from linernotes.library.processes import Processes
from linernotes.library.uploads import Uploads
from linernotes.retrieval.batching import BatchingEmbedder
from linernotes.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from linernotes.library.changes import Change
    from linernotes.models import Embedding

GUILDS = (1, 2)
OWN = {
    "ferry.txt": "The ferry sank in 1902 with Captain Drake on board. It was ferry number {}.",
    "gulls.txt": "The gulls were counted by Emma Fisk in 1890. She counted {} gulls.",
}


def settings_of(folder: Path) -> Settings:
    """Return the settings for a folder; a file in it names the server of its database, if it has one."""
    url = (folder / "url").read_text() if (folder / "url").exists() else None
    return Settings(
        corpus_dir=folder / "corpus",
        data_dir=folder / "data",
        database_url=None if url is None else SecretStr(url),
    )


def write_version(folder: Path, version: int) -> None:
    """Write another version of the shared corpus, each file in one step."""
    (folder / "corpus").mkdir(parents=True, exist_ok=True)
    for name, text in (("harbour", HARBOUR), ("lanterns", LANTERNS)):
        beside = folder / "corpus" / f".{name}"
        beside.write_text(f"{text}\n\nThis is version {version} of it.\n", encoding="utf-8")
        beside.replace(folder / "corpus" / f"{name}.md")


class Slow(FakeEmbedder):
    """Takes some time, as a model does."""

    def embed(self, texts: Sequence[str]) -> list[Embedding]:
        time.sleep(0.002)
        return super().embed(texts)


class Teller:
    """Says on a pipe what is being done."""

    def __init__(self, pipe: int) -> None:
        self._pipe = pipe

    def say(self, line: str) -> None:
        os.write(self._pipe, f"{line}\n".encode())

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        self.say(f"+{name}")
        yield
        self.say(f"-{name}")

    def watch(self, owner: type, method: str, phase: str) -> None:
        work: Callable[..., Any] = getattr(owner, method)

        if asyncio.iscoroutinefunction(work):

            @functools.wraps(work)
            async def watched(*given: Any, **named: Any) -> Any:
                with self.phase(phase):
                    return await work(*given, **named)

        else:

            @functools.wraps(work)
            def watched(*given: Any, **named: Any) -> Any:
                with self.phase(phase):
                    return work(*given, **named)

        setattr(owner, method, watched)


def standing(library: Library) -> dict[str, Any]:
    """Return the number of the revision and the edition of each server."""
    found = {}
    for guild in GUILDS:
        each = library.curator.standings.of(guild)
        found[str(guild)] = [each.revision.number if each.revision else 0, each.edition.id]
    return found


async def work(folder: Path, seed: int, teller: Teller, *, fake: bool) -> None:
    """Change the libraries until the process is killed."""
    chance = random.Random(seed)  # noqa: S311
    # Where the servers follow a corpus that changed, opening is a reload.
    teller.say('begun {"reload": true}')
    teller.say("+open")
    async with Library.open(settings_of(folder), embedder=Slow() if fake else None) as library:
        teller.say("-open")
        teller.say(f"done {json.dumps(standing(library))}")
        while True:
            try:
                await _change(library, folder, chance, teller)
            except RefusalError:
                continue
            teller.say(f"done {json.dumps(standing(library))}")


async def _change(library: Library, folder: Path, chance: random.Random, teller: Teller) -> None:
    guild = chance.choice(GUILDS)
    kind = chance.choice(["add", "add", "remove", "hide", "unhide", "reload", "roll back", "operator"])
    version = chance.randrange(10**9)
    if kind == "operator":
        write_version(folder, version)
        teller.say('begun {"reload": true}')
        await library.curator.reload_all()
        return
    name = chance.choice(list(OWN))
    change: Change
    if kind == "add":
        change = Add(name, OWN[name].format(version).encode())
    elif kind == "remove":
        change = Remove(name)
    elif kind in ("hide", "unhide"):
        shared = chance.choice(["harbour.md", "lanterns.md"])
        change = Hide(shared) if kind == "hide" else Unhide(shared)
    elif kind == "reload":
        write_version(folder, version)
        change = Reload()
    else:
        history = await library.curator.catalogue.revisions(guild)
        change = RollBack(chance.choice(history).number)
    preview = await library.curator.preview(guild, 44, change)
    target = {"guild": guild, "number": preview.base.number + 1, "edition": preview.after.id}
    teller.say(f"begun {json.dumps(target)}")
    applied = await library.curator.apply(guild, 44, preview.id)
    assert isinstance(applied, Revision)


def serve() -> None:
    """Fork a worker for each line that is read: much faster than a new interpreter for each kill."""
    import bm25s  # noqa: F401  imported once, before the forks
    import faiss  # noqa: F401
    import psycopg  # noqa: F401
    import sqlalchemy.dialects.postgresql.psycopg  # noqa: F401

    for line in sys.stdin:
        folder, seed, fake, pipe = json.loads(line)
        child = os.fork()
        if child == 0:
            try:
                writer = os.open(pipe, os.O_WRONLY)
                teller = Teller(writer)
                for owner, method, phase in (
                    (BatchingEmbedder, "embed", "embed"),
                    (Folders, "write", "write"),
                    (EditionStore, "prune", "prune"),
                    (Uploads, "save", "file"),
                    (Uploads, "prune", "prune"),
                    (Catalogue, "commit", "commit"),
                    (Curator, "_preview", "preview"),
                    (Curator, "_commit", "apply"),
                    (Curator, "reload_all", "reload"),
                    (Processes, "give_library", "give"),
                ):
                    teller.watch(owner, method, phase)
                # A killed process loses nothing that it has written; only the time counts that a disk takes.
                os.fsync = lambda _handle: time.sleep(0.0005)
                asyncio.run(work(Path(folder), seed, teller, fake=fake))
            except BaseException:  # noqa: BLE001  a fork must never go on as its parent
                traceback.print_exc()
            os._exit(1)
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    serve()
