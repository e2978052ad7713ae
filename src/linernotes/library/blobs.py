"""Files in the database: segments, editions and uploads, where a PostgreSQL server keeps them.

::

    files(kind, name, path, size, digest)     what a segment, an edition or an upload consists of
    blobs(digest, number, content)            the bytes with this SHA-256, in pieces

Rows of the kind ``listed`` in ``files`` say which segments an edition consists of.

``DATA_DIR`` is then a cache: it may start empty, and what is missing or damaged in it is taken from here and
held against its digest. What a revision is to name is put here before, whole, in one transaction. All calls
are synchronous and come from threads.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from typing import TYPE_CHECKING, Final

from linernotes.errors import StoreError
from linernotes.library.postgresql import ServerDatabase

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from pathlib import Path

    import sqlalchemy as sa

    from linernotes.library.folders import Kind

# Small enough to be held twice, large enough that a vector file is not a thousand statements.
_PIECE: Final = 4 * 2**20
LISTED: Final = "listed"
"""The kind of rows that say which segments an edition consists of: its name, each segment's as the path."""

_PART: Final = r"[A-Za-z0-9_][A-Za-z0-9._+-]*"
_PATH: Final = re.compile(rf"{_PART}(?:/{_PART})*")


class Blobs:
    """What a server keeps of files; ``kind`` and ``name`` say of what, paths are below that."""

    def __init__(self, url: str) -> None:
        """Take the server's address; connected to with the first call."""
        self._database = ServerDatabase(url)

    def put(self, kind: Kind, name: str, files: Mapping[str, Path]) -> None:
        """Keep files, all of them or none; of what is there already, nothing is sent again.

        Raises:
            StoreError: the server is away, or refuses it.
            OSError: a file cannot be read.
        """
        digests = {path: _sha256(file) for path, file in files.items()}
        listed = _segments_of(files) if kind == "editions" else ()

        def write(db: sa.Connection) -> None:
            from sqlalchemy import select
            from sqlalchemy.dialects.postgresql import insert

            from linernotes.library.tables import blobs
            from linernotes.library.tables import files as table

            there = set(
                db.execute(
                    select(blobs.c.digest).where(blobs.c.digest.in_(digests.values())).distinct()
                ).scalars()
            )
            for path, digest in digests.items():
                if digest not in there:
                    there.add(digest)
                    for number, piece in enumerate(_pieces(files[path])):
                        row = {"digest": digest, "number": number, "content": piece}
                        db.execute(insert(blobs).values(row).on_conflict_do_nothing())
            db.execute(table.delete().where(table.c.kind == kind, table.c.name == name))
            for path, digest in digests.items():
                size = files[path].stat().st_size
                db.execute(table.insert().values(kind=kind, name=name, path=path, size=size, digest=digest))
            for segment in listed:
                said = digests["documents.json"]
                row = {"kind": LISTED, "name": name, "path": segment, "size": 0, "digest": said}
                db.execute(insert(table).values(row).on_conflict_do_nothing())

        self._database.transact(write, lasting=True)

    def has(self, kind: Kind, name: str) -> bool:
        """Say whether this is kept.

        Raises:
            StoreError: the server is away.
        """
        return bool(self._files(kind, name))

    def fetch(self, kind: Kind, name: str, folder: Path) -> bool:
        """Write what is kept of this below a folder that is there; ``False`` if nothing is.

        Raises:
            StoreError: the server is away, or what it has is not what was kept.
            OSError: it cannot be written.
        """
        found = self._files(kind, name)
        for path, size, digest in found:
            if not _PATH.fullmatch(path):
                raise StoreError(f"The database on the server names a file {path!r}, which none of ours is.")
            to = folder / path
            to.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            seen, has = hashlib.sha256(), 0
            handle = os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "wb") as out:
                while has < size:
                    piece = self._piece(digest, has // _PIECE)
                    if not piece:
                        break
                    out.write(piece)
                    seen.update(piece)
                    has += len(piece)
                out.flush()
                os.fsync(handle)
            if seen.hexdigest() != digest:
                raise StoreError(f"The database on the server does not have all of {kind}/{name}/{path}.")
        return bool(found)

    def drop(self, kind: Kind, names: Collection[str]) -> None:
        """Keep these no longer, nor the bytes that nothing else consists of.

        Of editions and uploads, those alone go of which the database says so now: another process may have
        taken one up since it was asked. Of segments, those that no edition consists of.

        Raises:
            StoreError: the server is away.
        """
        if not names:
            return

        def write(db: sa.Connection) -> None:
            from sqlalchemy import select

            from linernotes.library.tables import blobs, metadata
            from linernotes.library.tables import files as table

            going = set(names)
            if kind == "segments":
                going = _unlisted(db, going)
            else:
                released = metadata.tables["released"].c
                which = (released.kind == kind, released.digest.in_(going))
                going = set(db.execute(select(released.digest).where(*which)).scalars())
            gone = table.delete().where(table.c.kind == kind, table.c.name.in_(going))
            digests = set(db.execute(gone.returning(table.c.digest)).scalars())
            if kind == "editions":
                lists = table.delete().where(table.c.kind == LISTED, table.c.name.in_(going))
                segments = set(db.execute(lists.returning(table.c.path)).scalars())
                unlisted = table.delete().where(
                    table.c.kind == "segments", table.c.name.in_(_unlisted(db, segments))
                )
                digests |= set(db.execute(unlisted.returning(table.c.digest)).scalars())
            still = set(
                db.execute(select(table.c.digest).where(table.c.digest.in_(digests)).distinct()).scalars()
            )
            db.execute(blobs.delete().where(blobs.c.digest.in_(digests - still)))

        self._database.transact(write, lasting=True)

    def close(self) -> None:
        """Disconnect."""
        self._database.close()

    def _files(self, kind: Kind, name: str) -> list[tuple[str, int, str]]:
        def read(db: sa.Connection) -> list[tuple[str, int, str]]:
            from sqlalchemy import select

            from linernotes.library.tables import files as table

            which = (table.c.kind == kind, table.c.name == name)
            rows = db.execute(select(table.c.path, table.c.size, table.c.digest).where(*which))
            return [(str(path), int(size), str(digest)) for path, size, digest in rows]

        return self._database.transact(read, lasting=False)

    def _piece(self, digest: str, number: int) -> bytes | None:
        def read(db: sa.Connection) -> bytes | None:
            from sqlalchemy import select

            from linernotes.library.tables import blobs

            which = (blobs.c.digest == digest, blobs.c.number == number)
            found = db.execute(select(blobs.c.content).where(*which)).scalar()
            return None if found is None else bytes(found)

        return self._database.transact(read, lasting=False)


def _segments_of(files: Mapping[str, Path]) -> tuple[str, ...]:
    """Return which segments an edition consists of, and an empty name: it is known of an empty one, too."""
    listing = json.loads(files["documents.json"].read_bytes())
    return ("", *(segment for _, segment in listing))


def _unlisted(db: sa.Connection, segments: Collection[str]) -> set[str]:
    """Return those of some segments that no edition consists of; none where that is not known of each."""
    from sqlalchemy import select

    from linernotes.library.tables import files as table

    listed = select(table.c.name).where(table.c.kind == LISTED)
    unknown = select(table.c.name).where(table.c.kind == "editions", table.c.name.not_in(listed)).limit(1)
    if db.execute(unknown).first() is not None:
        return set()
    which = (table.c.kind == LISTED, table.c.path.in_(segments))
    return {*segments} - {*db.execute(select(table.c.path).where(*which)).scalars()} - {""}


def _pieces(file: Path) -> Iterator[bytes]:
    with file.open("rb") as data:
        while piece := data.read(_PIECE):
            yield piece


def _sha256(file: Path) -> str:
    with file.open("rb") as data:
        return hashlib.file_digest(data, "sha256").hexdigest()
