"""Segments and editions on disk: what has been embedded once is never embedded again.

::

    DATA_DIR/segments/<digest>/   one text: document.json (passages), an .npy for each array, manifest.json
    DATA_DIR/editions/<id>/       a list of documents: documents.json, index/, manifest.json
    DATA_DIR/staging/             what is being written or removed; emptied at the next start
    DATA_DIR/lock, lock.pid       which process works here

A folder is written in ``staging``, flushed to the disk and renamed into place: it is whole or not there. Its
manifest holds the size and the SHA-256 of every file, and is checked before any other file is parsed. Which
edition a server works with stands in the database (``catalogue.py``), written once the edition is whole.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
import json
import logging
import os
import re
import secrets
import shutil
import stat
import threading
import weakref
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Generic, Literal, Protocol, TypeAlias, TypeVar

import numpy as np
from filelock import FileLock, Timeout
from pydantic import TypeAdapter

from linernotes.errors import (
    CorpusError,
    DataFolderBusyError,
    EditionDamagedError,
    EditionError,
    EditionForeignError,
    EditionUnsavedError,
)
from linernotes.library.disk import flush
from linernotes.models import Document, Edition, IndexT, Passage, PreparedSegment, Quote, Sentence

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

__all__ = [
    "EditionStore",
    "IndexMaker",
    "Progress",
    "SegmentMaker",
    "Step",
    "lock",
    "segment_digest",
    "silent",
]

_log = logging.getLogger(__name__)
# Part of every digest: what an older format wrote is never looked at, and goes when it is pruned.
_FORMAT = 1
_MANIFEST = "manifest.json"
_DIGEST = re.compile(r"[0-9a-f]{64}")
_ARRAY_NAME = re.compile(r"[a-z][a-z0-9_]*")
_NUMERIC = "biuf"

_T = TypeVar("_T")
_Kind = Literal["segments", "editions"]

Step = Literal["read", "split", "embed", "index"]
Progress: TypeAlias = "Callable[[Step, int, int], None]"
"""Told what is done of how much: documents read and split, pieces of one document embedded, the index."""


def silent(_step: Step, _done: int, _total: int) -> None:
    """Tell nobody."""


# --- What is given and made -------------------------------------------------------------------------------


class SegmentMaker(Protocol):
    """Splits and embeds a document.

    ``settings`` names the model's digest, the splitter and every version that changes what is made.
    ``make`` is given the document without title, artist, source and date: what it makes must not depend on
    them, nor on the name or the lines of the file. Its progress is told what is done of how much.
    """

    @property
    def settings(self) -> str: ...  # noqa: D102  said above

    def make(self, document: Document, progress: Callable[[int, int], None]) -> PreparedSegment: ...  # noqa: D102


class IndexMaker(Protocol[IndexT]):
    """Builds an index over segments, saves it to an empty folder (no pickle) and loads it again.

    ``settings`` names every version that changes what is built; ``parts`` come in the order of the documents.
    ``save`` raises ``OSError`` or ``RuntimeError`` where the disk is full; ``load`` may raise anything where
    the files do not fit the parts.
    """

    @property
    def settings(self) -> str: ...  # noqa: D102  said above

    def build(self, parts: Sequence[PreparedSegment]) -> IndexT: ...  # noqa: D102

    def save(self, index: IndexT, folder: Path) -> None: ...  # noqa: D102

    def load(self, folder: Path, parts: Sequence[PreparedSegment]) -> IndexT: ...  # noqa: D102


def segment_digest(document: Document, settings: str) -> str:
    """Name what a segment maker with these settings makes of the document: its labels play no part."""
    return _digest("segment", settings, document.text, document.language, document.blocks)


# --- The store --------------------------------------------------------------------------------------------


class EditionStore(Generic[IndexT]):
    """Editions and their segments below ``folder``; in memory with ``None``, or where it cannot be written.

    Safe to call from threads: one edition is built at a time; opening an edition that somebody holds does not
    wait for it. Hold ``lock(folder)`` as long as the store lives: making
    a store removes what a killed process has left behind.
    """

    def __init__(
        self, folder: Path | None, segment_maker: SegmentMaker, index_maker: IndexMaker[IndexT]
    ) -> None:
        """Take the folder and the two makers; one warning says where the folder cannot be written to."""
        self._folder = folder
        self._segments = segment_maker
        self._indexes = index_maker
        self._edition_settings = f"{segment_maker.settings} | {index_maker.settings}"
        self._building = threading.Lock()
        # Servers with the same documents share one edition, for as long as one of them holds it.
        self._alive: weakref.WeakValueDictionary[str, Edition[IndexT]] = weakref.WeakValueDictionary()
        # Editions with the same document share its segment, for as long as one of them lives.
        self._shared: weakref.WeakValueDictionary[str, PreparedSegment] = weakref.WeakValueDictionary()
        self._unsaved_segments: dict[str, PreparedSegment] = {}
        self._unsaved_editions: dict[str, Edition[IndexT]] = {}
        # What the editions that are kept list, as far as that was asked for.
        self._listed: dict[str, frozenset[str]] = {}
        self._warned = False
        self._reason: str | None = None
        if folder is not None:
            try:
                _remove(folder / "staging")
                (folder / "staging").mkdir(parents=True)
            except OSError as error:
                self._warn(error)

    def open_edition(self, documents: Iterable[Document], progress: Progress = silent) -> Edition[IndexT]:
        """Return the edition of these documents; only text that was never seen before is embedded.

        Damaged or foreign folders are named in the log and made again. Where nothing can be saved, one
        warning says so and the edition lives in memory; saving is tried again with the next edition.

        Raises:
            CorpusError: two documents have one name; or what the makers raise.
            EditionError: what the segment maker made does not fit the document.
        """
        ordered = tuple(sorted(documents, key=lambda document: document.name))
        for before, after in itertools.pairwise(ordered):
            if before.name == after.name:
                raise CorpusError(f"Two documents are named {after.name}.")
        keys = [self._segment_key(document) for document in ordered]
        labels = [replace(document, text="", blocks=()) for document in ordered]
        key = _digest("edition", self._edition_settings, keys, labels)
        # Looked up twice: an edition that somebody holds need not wait for another that is being built.
        if (edition := self._alive.get(key)) is not None:
            return edition
        with self._building:
            if (edition := self._alive.get(key)) is not None:
                return edition
            segments = self._prepare(dict(zip(keys, ordered, strict=True)), progress)
            parts = [_named(segments[of], document.name) for of, document in zip(keys, ordered, strict=True)]
            progress("index", 0, 1)
            saved = self._read(
                "editions",
                key,
                self._edition_settings,
                lambda place: self._indexes.load(place / "index", parts),
            )
            edition = Edition(
                key,
                ordered,
                tuple(passage for part in parts for passage in part.passages),
                tuple(sentence for part in parts for sentence in part.sentences),
                tuple(quote for part in parts for quote in part.quotes),
                self._indexes.build(parts) if saved is None else saved,
                tuple(segments.values()),
            )
            self._alive[key] = edition
            if saved is None:
                self._unsaved_editions[key] = edition
            self._save()
            progress("index", 1, 1)
            return edition

    def load(self, edition_id: str, progress: Progress = silent) -> Edition[IndexT]:
        """Return a saved edition; one made with other settings is made again from its documents, with new id.

        Raises:
            EditionError: there is none with this id, or its list of documents is damaged.
        """
        if (edition := self._alive.get(edition_id)) is not None:
            return edition
        return self.open_edition([document for document, _ in self._listing(edition_id)], progress)

    def documents(self, edition_id: str) -> tuple[Document, ...]:
        """Return the documents of an edition that is held or saved.

        Raises:
            EditionError: there is none with this id, or its list of documents is damaged.
        """
        if (edition := self._alive.get(edition_id)) is not None:
            return edition.documents
        return tuple(document for document, _ in self._listing(edition_id))

    def save(self, edition: Edition[IndexT]) -> None:
        """Make sure that an edition is on the disk, if there is a folder; a failed attempt is made again.

        Raises:
            EditionUnsavedError: it cannot be written.
        """
        # Looked up twice: what is saved already need not wait for an edition that is being built.
        if self._folder is None or self._is_saved(edition.id):
            return
        with self._building:
            if self._is_saved(edition.id):
                return
            self._unsaved_editions[edition.id] = edition
            self._save()
            if not self._is_saved(edition.id):
                raise EditionUnsavedError(f"The new edition cannot be saved: {self._reason}.")

    def prune(self, keep: Collection[str]) -> None:
        """Remove the editions that are neither in ``keep`` nor held by anybody.

        Segments that no remaining edition lists go too; if one of them cannot be read, none goes.
        """
        with self._building:
            self._unsaved_editions = {
                key: edition for key, edition in self._unsaved_editions.items() if key in keep
            }
            alive = dict(self._alive)
            kept = {*keep, *alive}
            self._listed = {key: segments for key, segments in self._listed.items() if key in kept}
            listed = {
                self._segment_key(document) for edition in alive.values() for document in edition.documents
            }
            try:
                for edition_id in kept - alive.keys():
                    listed |= self._segments_of(edition_id)
            except EditionError as error:
                _log.warning("No segments are removed: %s", error)
                listed |= {*self._unsaved_segments, *self._names("segments")}
            for key in self._unsaved_segments.keys() - listed:
                del self._unsaved_segments[key]
            try:
                for name in self._names("editions") - kept:
                    self._discard(self._place("editions", name))
                for name in self._names("segments") - listed:
                    self._discard(self._place("segments", name))
            except OSError as error:
                self._warn(error)

    # --- Segments and editions ---

    def _segment_key(self, document: Document) -> str:
        return segment_digest(document, self._segments.settings)

    def _prepare(self, documents: Mapping[str, Document], progress: Progress) -> dict[str, PreparedSegment]:
        """Return the segment of each document by its digest: one in use, as it was saved, or newly made."""
        found: dict[str, PreparedSegment] = {}
        for done, (key, document) in enumerate(documents.items(), 1):
            if (segment := self._shared.get(key)) is not None:
                found[key] = segment
                if key not in self._unsaved_segments and not self._has("segments", key):
                    # Its folder has gone, and the edition to come is to be whole on the disk.
                    self._unsaved_segments[key] = _named(segment, "")
            else:
                segment = self._unsaved_segments.get(key) or self._read(
                    "segments", key, self._segments.settings, functools.partial(_read_segment, document)
                )
                if segment is not None:
                    found[key] = self._shared[key] = _named(segment, document.name)
            progress("read", done, len(documents))
        missing = {key: document for key, document in documents.items() if key not in found}
        for done, (key, document) in enumerate(missing.items(), 1):
            bare = replace(document, title=None, artist=None, source=None, date=None)
            segment = self._segments.make(bare, functools.partial(progress, "embed"))
            if (wrong := _misfit(document, segment)) is not None:
                raise EditionError(f"What was made of {document.name} does not fit it: {wrong}.")
            found[key] = self._shared[key] = _named(segment, document.name)
            self._unsaved_segments[key] = _named(segment, "")
            # Saved one by one: a long first build that is stopped goes on where it was.
            self._save()
            progress("split", done, len(missing))
        return found

    def _listing(self, edition_id: str) -> tuple[tuple[Document, str], ...]:
        """Return the documents of a saved edition, each with the digest of its segment.

        Raises:
            EditionError: there is none with this id, or its list of documents is damaged.
        """
        if not self._has("editions", edition_id):
            raise EditionError(f"There is no edition {edition_id!r}.")
        place = self._place("editions", edition_id)
        try:
            _verify(place, edition_id, names=["documents.json"])
            return _LISTING.validate_json((place / "documents.json").read_bytes(), strict=True)
        except (OSError, ValueError, EditionError) as error:
            raise EditionDamagedError(f"{place} cannot be used: {_reason(error)}") from error

    def _segments_of(self, edition_id: str) -> frozenset[str]:
        """Return the digests of a saved edition's segments: it never changes, and is read once.

        Raises:
            EditionError: there is none with this id, or its list of documents is damaged.
        """
        if edition_id not in self._listed:
            self._listed[edition_id] = frozenset(key for _, key in self._listing(edition_id))
        return self._listed[edition_id]

    def _write_edition(self, edition: Edition[IndexT], folder: Path) -> None:
        """Write an edition's files.

        Raises:
            EditionError: its documents could not be read again; no further attempt is made.
            OSError: they cannot be written.
        """
        listing = _json([(document, self._segment_key(document)) for document in edition.documents])
        try:
            _LISTING.validate_json(listing, strict=True)
        except ValueError as error:
            # It would stand in the way of all that is saved after it.
            self._unsaved_editions.pop(edition.id, None)
            raise EditionError(
                "An edition's documents could not be read again, and are not saved."
            ) from error
        (folder / "documents.json").write_bytes(listing)
        (folder / "index").mkdir()
        self._indexes.save(edition.index, folder / "index")

    def _save(self) -> None:
        """Save what is not saved yet, as far as the disk lets us."""
        if self._folder is None:
            return
        try:
            for key, segment in list(self._unsaved_segments.items()):
                write = functools.partial(_write_segment, segment)
                self._write("segments", key, self._segments.settings, write)
                del self._unsaved_segments[key]
            for key, edition in list(self._unsaved_editions.items()):
                write = functools.partial(self._write_edition, edition)
                self._write("editions", key, self._edition_settings, write)
                del self._unsaved_editions[key]
        # Faiss reports a full disk as RuntimeError.
        except (OSError, RuntimeError) as error:
            self._warn(error)

    # --- The disk ---

    def _place(self, kind: _Kind, key: str) -> Path:
        """Return where this segment or edition stands; digests alone become part of a path.

        Raises:
            EditionError: ``key`` is no digest, or there is no folder.
        """
        if self._folder is None or not _DIGEST.fullmatch(key):
            raise EditionError(f"There is no edition {key!r}.")
        return self._folder / kind / key

    def _has(self, kind: _Kind, key: str) -> bool:
        return (
            self._folder is not None
            and _DIGEST.fullmatch(key) is not None
            and self._place(kind, key).is_dir()
        )

    def _is_saved(self, key: str) -> bool:
        # A folder may be there and damaged, and its mending still to come.
        return key not in self._unsaved_editions and self._has("editions", key)

    def _names(self, kind: _Kind) -> set[str]:
        """Return the digests of what stands in the folder; what has another name is not ours."""
        if self._folder is None or not (place := self._folder / kind).is_dir():
            return set()
        return {path.name for path in place.iterdir() if _DIGEST.fullmatch(path.name)}

    def _read(self, kind: _Kind, key: str, settings: str, parse: Callable[[Path], _T]) -> _T | None:
        """Return what ``parse`` makes of a saved folder; ``None`` if there is none that can be used."""
        if self._folder is None or not os.path.lexists(place := self._place(kind, key)):
            return None
        try:
            _verify(place, key, settings)
            return parse(place)
        # A parser raises what it likes over files that are not its own; all that we need can be made again.
        except Exception as error:  # noqa: BLE001
            _log.warning("%s cannot be used and is made again: %s", place, _reason(error))
            return None

    def _write(self, kind: _Kind, key: str, settings: str, fill: Callable[[Path], None]) -> None:
        """Write a folder beside and rename it into place.

        Raises:
            OSError: it cannot be written; or what ``fill`` raises.
        """
        place, beside = self._place(kind, key), self._beside()
        try:
            beside.mkdir()
            fill(beside)
            files = {name: (path.stat().st_size, _sha256(path)) for name, path in _files(beside).items()}
            (beside / _MANIFEST).write_bytes(_json(_Manifest(_FORMAT, key, settings, files)))
            for path in (*beside.rglob("*"), beside):
                flush(path)
            place.parent.mkdir(exist_ok=True)
            try:
                beside.rename(place)
            except OSError:
                if not os.path.lexists(place):
                    raise
                # Not usable, or we would not be here; moved away whole, so that no half of it is ever seen.
                self._discard(place)
                beside.rename(place)
            flush(place.parent)
            flush(place.parent.parent)
            self._warned = False
        finally:
            with suppress(OSError):
                _remove(beside)

    def _discard(self, place: Path) -> None:
        beside = self._beside()
        place.rename(beside)
        _remove(beside)

    def _beside(self) -> Path:
        """Return a new path on the same disk, which the next start clears if we do not."""
        if self._folder is None:
            raise FileNotFoundError("there is no data folder")
        (self._folder / "staging").mkdir(parents=True, exist_ok=True)
        return self._folder / "staging" / secrets.token_hex(8)

    def _warn(self, error: Exception) -> None:
        """Say once that nothing can be written; said again only after something could be."""
        # What faiss says names a file of the operator's: that is for the log, not for who wants the edition.
        self._reason = (error.strerror if isinstance(error, OSError) else None) or "it cannot be written"
        if not self._warned:
            self._warned = True
            _log.warning(
                "The data folder %s cannot be written to: %s. What is new is kept in memory alone.",
                self._folder,
                _reason(error),
            )


@contextmanager
def lock(folder: Path) -> Iterator[None]:
    """Keep every other process out of the data folder; a folder that cannot be written to needs no lock.

    Raises:
        DataFolderBusyError: another process holds it.
    """
    held = FileLock(folder / "lock", timeout=0, thread_local=False)
    holder = folder / "lock.pid"
    with ExitStack() as releases:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            releases.enter_context(held)
            holder.write_text(str(os.getpid()))
        except Timeout:
            try:
                who = f"process {int(holder.read_bytes())}"
            except (OSError, ValueError):
                who = "another process"
            raise DataFolderBusyError(
                f"The data folder {folder} is in use by {who}: stop it, or set DATA_DIR to another folder."
            ) from None
        except OSError:
            # Nothing can be written, so there is nothing to guard; the store gives the warning.
            pass
        yield


# --- Files ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Manifest:
    """What a folder must hold: ``files`` maps paths below it to size and SHA-256."""

    format: int
    id: str
    settings: str
    files: dict[str, tuple[int, str]]


_MANIFESTS = TypeAdapter(_Manifest)
_LISTING = TypeAdapter(tuple[tuple[Document, str], ...])
_OFFSETS = TypeAdapter(tuple[tuple[Passage, ...], tuple[Sentence, ...], tuple[Quote, ...]])


def _verify(place: Path, key: str, settings: str | None = None, names: Collection[str] | None = None) -> None:
    """Hold the files of a folder, or those with these names, against its manifest.

    No path of the manifest is ever opened: the files are those that are there.

    Raises:
        EditionDamagedError: they are not what was written.
        EditionForeignError: they were made by another version, for another place or with other settings.
        OSError: they cannot be read.
        ValueError: the manifest is none.
    """
    if place.is_symlink() or not place.is_dir():
        raise EditionDamagedError("it is not a folder")
    files = _files(place)
    if _MANIFEST not in files:
        raise EditionDamagedError("it has no manifest")
    manifest = _MANIFESTS.validate_json(files.pop(_MANIFEST).read_bytes(), strict=True)
    if manifest.format != _FORMAT or manifest.id != key:
        raise EditionForeignError(f"it holds {manifest.id!r} in format {manifest.format}")
    if settings is not None and manifest.settings != settings:
        raise EditionForeignError(f"it was made with other settings ({manifest.settings!r})")
    for name in sorted(names or files.keys() | manifest.files.keys()):
        if name not in files:
            raise EditionDamagedError(f"{name} is missing")
        if name not in manifest.files:
            raise EditionDamagedError(f"{name} does not belong there")
        if manifest.files[name] != (files[name].stat().st_size, _sha256(files[name])):
            raise EditionDamagedError(f"{name} has changed since it was written")


def _files(folder: Path, below: str = "") -> dict[str, Path]:
    """Return the files of a folder and its folders, by their path below it.

    Raises:
        EditionDamagedError: one of them is a link, a pipe or the like.
    """
    found: dict[str, Path] = {}
    for path in folder.iterdir():
        kind = path.lstat().st_mode
        if stat.S_ISDIR(kind):
            found |= _files(path, f"{below}{path.name}/")
        elif stat.S_ISREG(kind):
            found[below + path.name] = path
        else:
            raise EditionDamagedError(f"{below}{path.name} is not a regular file")
    return found


def _write_segment(segment: PreparedSegment, folder: Path) -> None:
    for name, array in segment.arrays.items():
        with (folder / f"{name}.npy").open("wb") as file:
            np.save(file, array, allow_pickle=False)
    offsets = (segment.passages, segment.sentences, segment.quotes)
    (folder / "document.json").write_bytes(_json(offsets))


def _read_segment(document: Document, folder: Path) -> PreparedSegment:
    """Read a verified folder.

    Raises:
        EditionDamagedError: it does not fit the document.
        ValueError: a file is not what its name says.
    """
    arrays: dict[str, Any] = {}
    for path in sorted(folder.glob("*.npy")):
        with path.open("rb") as file:
            arrays[path.stem] = np.load(file, allow_pickle=False)
    segment = PreparedSegment(
        *_OFFSETS.validate_json((folder / "document.json").read_bytes(), strict=True), arrays=arrays
    )
    if (wrong := _misfit(document, segment)) is not None:
        raise EditionDamagedError(wrong)
    return segment


def _misfit(document: Document, segment: PreparedSegment) -> str | None:
    """Say what is wrong with a segment, or ``None``."""
    text = document.text
    pieces: tuple[Passage | Sentence, ...] = (*segment.passages, *segment.sentences)
    for piece in pieces:
        if text[piece.start : piece.end] != piece.text:
            return f"the text at {piece.start}:{piece.end} is another"
    for quote in segment.quotes:
        if " ".join(text[start:end] for start, end in quote.spans) != quote.text:
            return f"the text of the quotation at {quote.spans} is another"
    for name, array in segment.arrays.items():
        if not _ARRAY_NAME.fullmatch(name):
            return f"{name!r} is not a name for an array"
        if not isinstance(array, np.ndarray) or array.dtype.kind not in _NUMERIC:
            return f"{name} is not an array of numbers"
    return None


def _named(segment: PreparedSegment, name: str) -> PreparedSegment:
    """Return the segment as one of the document ``name``; it is saved without a name, for any document.

    One that has the name already is returned itself; the arrays are the same in either case.
    """
    pieces: tuple[Passage | Sentence | Quote, ...] = (*segment.passages, *segment.sentences, *segment.quotes)
    if all(piece.document == name for piece in pieces):
        return segment
    return PreparedSegment(
        tuple(replace(passage, document=name) for passage in segment.passages),
        tuple(replace(sentence, document=name) for sentence in segment.sentences),
        tuple(replace(quote, document=name) for quote in segment.quotes),
        segment.arrays,
    )


def _json(value: object) -> bytes:
    return json.dumps(value, default=asdict, sort_keys=True, separators=(",", ":")).encode()


def _digest(*parts: object) -> str:
    return hashlib.sha256(_json((_FORMAT, *parts))).hexdigest()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _remove(path: Path) -> None:
    """Remove a file, a link or a folder with all that it holds, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _reason(error: Exception) -> str:
    """Return the error in one line."""
    reason = error.strerror if isinstance(error, OSError) else None
    return reason or (str(error).splitlines() or [type(error).__name__])[0]
