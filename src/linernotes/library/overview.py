"""What moderators look at: what a server answers from, its history, and what it could not answer."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from linernotes.errors import EditionError
from linernotes.library.catalogue import HELD

if TYPE_CHECKING:
    from pathlib import Path

    from linernotes.engine import Engine
    from linernotes.library.catalogue import Catalogue, Gap, Revision
    from linernotes.library.editions import EditionStore
    from linernotes.library.memory import Memory
    from linernotes.library.standings import Standings
    from linernotes.library.workers import Workers
    from linernotes.models import Document, Edition
    from linernotes.retrieval.index import Index
    from linernotes.settings import Settings


@dataclass(frozen=True, slots=True)
class Shelved:
    """A document of an edition: the size of its file in bytes, and when that was added or changed last."""

    document: Document
    size: int
    at: float | None
    own: bool


@dataclass(frozen=True, slots=True)
class Status:
    """What a server answers from.

    ``revision`` is the newest; where the server has no library of its own (``is_own``), it stands for the
    shared corpus. ``held`` says why the operator's last reload left the server where it was, ``left_out``
    which files of the shared corpus cannot be read.
    """

    edition: Edition[Index]
    revision: Revision
    is_own: bool
    documents: tuple[Shelved, ...]
    model: str
    held: str | None
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Past:
    """A revision, and how many documents it has, where that is known."""

    revision: Revision
    documents: int | None


class Overview:
    """Looks at a server's library and changes nothing."""

    def __init__(
        self,
        *,
        settings: Settings,
        engine: Engine,
        standings: Standings,
        memory: Memory,
        editions: EditionStore[Index],
        catalogue: Catalogue,
        workers: Workers,
    ) -> None:
        """Take the parts."""
        self._settings = settings
        self._engine = engine
        self._standings = standings
        self._memory = memory
        self._editions = editions
        self._catalogue = catalogue
        self._workers = workers
        # An edition never changes: how many documents those have that were looked at once.
        self._counts: dict[str, int] = {}

    def remember(self, *editions: Edition[Index]) -> None:
        """Remember how many documents editions have that are in memory now."""
        self._counts |= {each.id: len(each.documents) for each in editions}

    async def status(self, guild: int) -> Status:
        """Return what a server answers from, and since when."""
        edition = await self._memory.edition_of(guild)
        standing = self._standings.of(guild)
        base = self._standings.base(guild)
        # Who made it may have asked to be forgotten since.
        kept = (each for each in await self._catalogue.revisions(guild) if each.number == base.number)
        base = next(kept, base)
        last = await self._catalogue.last_act(guild)
        held = last.what if last is not None and last.what.startswith(HELD) else None
        documents = await self._workers.answer(_shelve, edition, base, self._settings.corpus_dir)
        return Status(
            edition,
            base,
            standing.revision is not None,
            documents,
            self._settings.embedding_model,
            held,
            self._standings.left_out,
        )

    async def history(self, guild: int, *, look: bool = False) -> tuple[Past, ...]:
        """Return a server's revisions, the newest first; with the shared corpus alone, that one.

        Args:
            guild: the server.
            look: read how many documents they have from the disk, where that is not known.
        """
        revisions = await self._catalogue.revisions(guild) or (self._standings.base(guild),)
        if (current := self._standings.of(guild).held) is not None:
            self.remember(current)
        if look:
            for each in revisions:
                if each.edition not in self._counts:
                    with suppress(EditionError):
                        documents = await self._workers.answer(self._editions.documents, each.edition)
                        self._counts[each.edition] = len(documents)
        return tuple(Past(each, self._counts.get(each.edition)) for each in revisions)

    async def gap_groups(self, guild: int) -> tuple[tuple[Gap, ...], ...]:
        """Return what was not answered, grouped by meaning, the largest group first."""
        gaps = await self._catalogue.gaps(guild)
        groups = await self._workers.answer(self._engine.group, [gap.question for gap in gaps])
        return tuple(tuple(gaps[at] for at in group) for group in groups)


def _shelve(edition: Edition[Index], revision: Revision, folder: Path) -> tuple[Shelved, ...]:
    shelved: list[Shelved] = []
    for document in edition.documents:
        upload = revision.own.get(document.name)
        size, at = (len(document.text.encode()), None) if upload is None else (upload.size, upload.at)
        if upload is None:
            with suppress(OSError):
                found = (folder / document.name).stat()
                size, at = found.st_size, found.st_mtime
        shelved.append(Shelved(document, size, at, own=upload is not None))
    return tuple(shelved)
