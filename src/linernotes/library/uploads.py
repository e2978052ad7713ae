"""The files that moderators have added: kept as they came, named by the SHA-256 of their bytes.

::

    DATA_DIR/uploads/<digest>     the bytes of one file

What a file is called in a server stands in the database; a name that a member chose is never part of a path.
"""

from __future__ import annotations

import errno
import hashlib
import logging
import os
import secrets
import unicodedata
from contextlib import suppress
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from linernotes.corpus.formats import ENDINGS, ENDINGS_WRITTEN
from linernotes.errors import RefusalError, StoreError
from linernotes.library.folders import DIGEST, flush, read_file, remove

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

    from linernotes.library.folders import Keeper

_log = logging.getLogger(__name__)

LONGEST_NAME = 90
"""In characters: a name must fit into a choice of Discord's (100) with some room."""

# What Windows keeps for devices: a corpus must be able to move there.
_RESERVED = frozenset(
    ["con", "prn", "aux", "nul", *(f"{port}{number}" for port in ("com", "lpt") for number in range(10))]
)
_FORBIDDEN = frozenset('/\\:*?"<>|')


def check_name(name: str) -> str:
    """Return a file's name in composed form (NFC), if a document may be called so.

    Raises:
        RefusalError: it may not; the sentence says why.
    """
    name = unicodedata.normalize("NFC", name)
    if any(unicodedata.category(char) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"} for char in name):
        raise RefusalError("The file's name has characters that cannot be seen; please rename it.")
    if _FORBIDDEN & set(name):
        raise RefusalError(
            "The file's name has one of the characters / \\ : * ? \" < > |, which a name may not have."
        )
    if len(name) > LONGEST_NAME:
        raise RefusalError(
            f"The file's name has {len(name)} characters; please rename it to at most {LONGEST_NAME}."
        )
    path = PurePosixPath(name)
    if not name or name != name.strip() or name.startswith(".") or not path.stem.strip(" ."):
        raise RefusalError("The file's name may not be empty, nor begin with a dot or a space.")
    if path.suffix.lower() not in ENDINGS:
        raise RefusalError(f"I read files that end in {ENDINGS_WRITTEN}; please add one of these.")
    if path.name.split(".", 1)[0].strip().lower() in _RESERVED:
        raise RefusalError(f"“{path.stem}” is a name that some systems keep for devices; please rename it.")
    return name


class Uploads:
    """The uploaded files below ``folder``; in memory with ``None``.

    Safe to call from threads, but for ``prune``: nothing may be saved meanwhile.
    """

    def __init__(self, folder: Path | None, blobs: Keeper | None = None) -> None:
        """Take the data folder; with ``blobs``, a database on a server keeps the files: it holds copies."""
        self._blobs = blobs
        self._folder = None if folder is None else folder / "uploads"
        self._memory: dict[str, bytes] = {}

    def save(self, data: bytes) -> str:
        """Keep a file and return its digest.

        Raises:
            RefusalError: it cannot be written.
            StoreError: a database on a server is to keep it, and is away.
        """
        digest = hashlib.sha256(data).hexdigest()
        if self._folder is None:
            self._memory[digest] = data
            return digest
        beside = self._folder / f".{secrets.token_hex(8)}"
        try:
            # Not its parents: a data folder that has been removed is not to come back empty and unnoticed.
            self._folder.mkdir(mode=0o700, exist_ok=True)
            flush(self._folder.parent)
            try:
                with open(beside, "wb", opener=_for_its_owner) as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                if (self._folder / digest).is_dir():
                    # No file of ours, and in the way of one.
                    (self._folder / digest).rename(self._folder / f".{secrets.token_hex(8)}")
                beside.replace(self._folder / digest)
                flush(self._folder)
            finally:
                with suppress(OSError):
                    beside.unlink(missing_ok=True)
        except OSError as error:
            raise RefusalError(
                f"The file cannot be kept: {error.strerror or error}. Nothing has changed."
            ) from error
        if self._blobs is not None:
            self._blobs.put("uploads", digest, {"file": self._folder / digest})
        return digest

    def read(self, digest: str) -> bytes | None:
        """Return a file's bytes; ``None`` if it is not there or no longer what was saved."""
        if self._folder is None:
            return self._memory.get(digest)
        if not DIGEST.fullmatch(digest):
            return None
        data = self._read(digest)
        return self._read(digest) if data is None and self._obtain(digest) else data

    def _read(self, digest: str) -> bytes | None:
        assert self._folder is not None  # noqa: S101  looked at by who calls
        try:
            data = read_file(self._folder / digest)
        except OSError:
            return None
        return data if hashlib.sha256(data).hexdigest() == digest else None

    def _obtain(self, digest: str) -> bool:
        """Take a file from the database, in place of what stands on the disk."""
        if self._blobs is None or self._folder is None:
            return False
        beside = self._folder / f".{secrets.token_hex(8)}"
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            beside.mkdir(mode=0o700)
            try:
                if not self._blobs.fetch("uploads", digest, beside):
                    return False
                if (self._folder / digest).is_dir():
                    remove(self._folder / digest)
                (beside / "file").replace(self._folder / digest)
            finally:
                with suppress(OSError):
                    remove(beside)
        except (OSError, StoreError) as error:
            _log.warning("The file %s cannot be taken from the database: %s", digest, error)
            return False
        return True

    def is_out_of_reach(self, digest: str) -> bool:
        """Say whether a file is there and cannot be read now; it may be whole, and readable another time."""
        if self._folder is None or not DIGEST.fullmatch(digest):
            return False
        try:
            read_file(self._folder / digest)
        except (FileNotFoundError, NotADirectoryError):
            return self._is_away()
        except OSError as error:
            return error.errno in {errno.EACCES, errno.EPERM, errno.EIO, errno.ESTALE}
        return False

    def _is_away(self) -> bool:
        """Say whether a database that may have what the disk has not cannot be asked."""
        if self._blobs is None:
            return False
        try:
            self._blobs.has("uploads", "")
        except StoreError:
            return True
        return False

    def names(self) -> frozenset[str]:
        """Return the digests of all files, whole or damaged."""
        if self._folder is None:
            return frozenset(self._memory)
        try:
            return frozenset(path.name for path in self._folder.iterdir() if DIGEST.fullmatch(path.name))
        except OSError:
            return frozenset()

    def prune(
        self, keep: Collection[str], released: Collection[str], set_aside: Callable[[Path], object]
    ) -> frozenset[str]:
        """Remove what may go, and what a killed process has left half written.

        Args:
            keep: what revisions name.
            released: what may go.
            set_aside: given each file that is neither, for nobody knows whose it is.

        Returns:
            What is gone of ``released``.
        """
        self._memory = {digest: data for digest, data in self._memory.items() if digest in keep}
        if self._folder is None:
            return frozenset(released)
        with suppress(OSError):
            for path in self._folder.iterdir():
                with suppress(OSError):
                    if path.name.startswith(".") or (path.name in released and path.name not in keep):
                        remove(path)
                    elif path.name not in keep and DIGEST.fullmatch(path.name):
                        set_aside(path)
        gone = frozenset(released) - self.names()
        if self._blobs is not None:
            try:
                self._blobs.drop("uploads", gone - {*keep})
            except StoreError as error:
                _log.warning("%d uploads stay in the database: %s", len(gone), error)
        return gone


def _for_its_owner(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
