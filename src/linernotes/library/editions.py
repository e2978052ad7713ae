"""The store of editions: documents in, an edition out; what has been embedded once is never embedded again.

::

    DATA_DIR/segments/<digest>/   one text (``segments.py`` says what is in it)
    DATA_DIR/editions/<id>/       a list of documents: documents.json, index/

Either is whole or not there (``folders.py``). Which edition a server works with stands in the database
(``catalogue.py``), written once the edition is whole.
"""

from __future__ import annotations

import functools
import itertools
import logging
import threading
import time
import weakref
from collections import Counter
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Generic, Literal, Protocol, TypeAlias

from pydantic import TypeAdapter

from linernotes.errors import CorpusError, EditionDamagedError, EditionError, EditionUnsavedError
from linernotes.library.folders import Folders, digest, reason_of, to_json, verify
from linernotes.library.segments import misfit, named, read_segment, segment_digest, write_segment
from linernotes.models import Document, Edition, IndexT, PreparedSegment

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from linernotes.library.folders import Keeper

_log = logging.getLogger(__name__)
_LISTING = TypeAdapter(tuple[tuple[Document, str], ...])

Step = Literal["read", "split", "embed", "index"]
Progress: TypeAlias = "Callable[[Step, int, int], None]"
"""Told what is done of how much: documents read and split, pieces of one document embedded, the index."""


# So long is slept between two looks whether another build has made what is needed.
_WAIT_SECONDS = 0.005


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


# --- The store --------------------------------------------------------------------------------------------


class EditionStore(Generic[IndexT]):
    """Editions and their segments below ``folder``; in memory with ``None``, or where it cannot be written.

    Safe to call from threads. Several editions may be built at a time: while a document is split and
    embedded, nobody waits, and nothing that a build needs is pruned. Hold ``lock(folder)`` as long as the
    store lives: making a store removes what a killed process has left behind.
    """

    def __init__(
        self,
        folder: Path | None,
        segment_maker: SegmentMaker,
        index_maker: IndexMaker[IndexT],
        *,
        pause: Callable[[], None] = lambda: None,
        blobs: Keeper | None = None,
        earlier: Mapping[str, Callable[[PreparedSegment], PreparedSegment]] | None = None,
    ) -> None:
        """Take the folder and the two makers; one warning says where the folder cannot be written to.

        ``pause`` is called now and then while a build waits for another: it lets that one go on. With
        ``blobs``, a database on a server keeps what is saved, and the folder holds copies. ``earlier`` has
        settings of other segment makers, and what makes of their segments those of this one.
        """
        self._folders = Folders(folder, blobs)
        self._earlier = earlier or {}
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
        # What was made or read here: nobody else's, and it goes when nobody needs it.
        self._seen: set[str] = set()
        # The segments of editions that are being built, how many builds need each, and which are being made.
        self._needed: Counter[str] = Counter()
        self._making: set[str] = set()
        self._pause = pause
        # What the editions that are kept list, as far as that was asked for.
        self._listed: dict[str, frozenset[str]] = {}

    def open_edition(self, documents: Iterable[Document], progress: Progress = silent) -> Edition[IndexT]:
        """Return the edition of these documents; only text that was never seen before is embedded.

        Damaged or foreign folders are named in the log and made again. Where nothing can be saved, one
        warning says so and the edition lives in memory; saving is tried again with the next edition.

        Raises:
            CorpusError: two documents have one name; or what the makers raise.
            EditionError: what the segment maker made does not fit the document.
        """
        ordered, keys, key = self._identify(documents)
        # Looked up twice: an edition that somebody holds need not wait for another that is put together.
        if (edition := self._alive.get(key)) is not None:
            return edition
        with self._needing(keys):
            segments = self._prepare(dict(zip(keys, ordered, strict=True)), progress)
            return self._assemble(key, ordered, keys, segments, progress)

    def _assemble(
        self,
        key: str,
        ordered: tuple[Document, ...],
        keys: Sequence[str],
        segments: Mapping[str, PreparedSegment],
        progress: Progress,
    ) -> Edition[IndexT]:
        """Return the edition of documents whose segments are there."""
        with self._one_at_a_time(key):
            if (edition := self._alive.get(key)) is not None:
                return edition
            # Nobody else waits for it meanwhile: of a large corpus, it takes long.
            parts = [named(segments[of], document.name) for of, document in zip(keys, ordered, strict=True)]
            progress("index", 0, 1)
            saved = self._folders.read(
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
            with self._building:
                self._alive[key] = edition
                self._seen.add(key)
                if saved is None:
                    self._unsaved_editions[key] = edition
                self._save()
            progress("index", 1, 1)
            return edition

    @contextmanager
    def _one_at_a_time(self, key: str) -> Iterator[None]:
        """Wait until no other thread is at what has this digest, and keep others from it."""
        while True:
            with self._building:
                if key not in self._making:
                    self._making.add(key)
                    break
            self._pause()
            time.sleep(_WAIT_SECONDS)
        try:
            yield
        finally:
            with self._building:
                self._making.discard(key)

    def id_of(self, documents: Iterable[Document]) -> str:
        """Return the id that the edition of these documents has; nothing is made.

        Raises:
            CorpusError: two documents have one name.
        """
        return self._identify(documents)[2]

    def saved(self) -> frozenset[str]:
        """Return the ids of the editions on the disk; whether they can be used is not looked at."""
        return frozenset(self._folders.names("editions"))

    def load(self, edition_id: str, progress: Progress = silent) -> Edition[IndexT]:
        """Return a saved edition; one made with other settings is made again from its documents, with new id.

        Raises:
            EditionError: there is none with this id, or its list of documents is damaged.
        """
        if (edition := self._alive.get(edition_id)) is not None:
            return edition
        return self.open_edition([document for document, _ in self._listing(edition_id)], progress)

    def find(self, edition_id: str) -> Edition[IndexT] | None:
        """Return an edition that is held, or saved and whole; nothing is embedded for it."""
        if (edition := self._alive.get(edition_id)) is not None:
            return edition
        try:
            ordered, keys, key = self._identify(document for document, _ in self._listing(edition_id))
        except (EditionError, CorpusError):
            return None
        if key != edition_id:
            return None
        with self._needing(keys):
            segments: dict[str, PreparedSegment] = {}
            for of, document in zip(keys, ordered, strict=True):
                if (segment := self._find(of, document)) is None:
                    return None
                segments[of] = segment
            return self._assemble(key, ordered, keys, segments, silent)

    def is_saved(self, edition_id: str) -> bool:
        """Say whether an edition is on the disk."""
        return self._folders.root is not None and self._is_saved(edition_id)

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
            StoreError: a database on a server is to keep it, and is away.
        """
        # Looked up twice: what is saved already need not wait for an edition that is being built.
        if self._folders.root is None:
            return
        if not self._is_saved(edition.id):
            with self._building:
                if not self._is_saved(edition.id):
                    self._unsaved_editions[edition.id] = edition
                    self._save()
                if not self._is_saved(edition.id):
                    raise EditionUnsavedError(f"The new edition cannot be saved: {self._folders.reason}.")
        self._keep(edition)

    def _keep(self, edition: Edition[IndexT]) -> None:
        """Make sure that the database has an edition and its segments, where one keeps them.

        Raises:
            StoreError: the database is away, or refuses it.
            EditionUnsavedError: a segment is not on the disk whole.
        """
        if not self._folders.is_kept:
            return
        try:
            for document in edition.documents:
                self._folders.keep("segments", self._segment_key(document))
            self._folders.keep("editions", edition.id)
        except (OSError, ValueError, EditionError) as error:
            raise EditionUnsavedError(f"The new edition cannot be kept: {reason_of(error)}.") from error

    def learn(self) -> None:
        """Read what each saved edition lists, as far as it is not known; ``prune`` need not wait for it then.

        Of many thousands on a slow disk this takes minutes, in which nobody else is to wait.
        """
        for edition_id in self.saved() - {*self._alive.keys()}:
            with suppress(EditionError):
                self._segments_of(edition_id)
            self._pause()

    def prune(
        self,
        keep: Collection[str],
        released: Collection[str] | None = None,
        set_aside: Callable[[Path], object] = lambda _: None,
    ) -> frozenset[str]:
        """Remove the editions that are neither in ``keep`` nor held by anybody.

        Segments that no remaining edition lists go too; if one of them cannot be read, none goes.

        Args:
            keep: the editions that stay.
            released: those that may go, beside those which this store itself has made or read; by default,
                all may.
            set_aside: given the folder of each that may not, for nobody knows whose it is.

        Returns:
            What is gone of ``released``.
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
            listed |= self._needed.keys()
            try:
                for edition_id in kept - alive.keys():
                    listed |= self._segments_of(edition_id)
            except EditionError as error:
                _log.warning("No segments are removed: %s", error)
                listed |= {*self._unsaved_segments, *self._folders.names("segments")}
            for key in self._unsaved_segments.keys() - listed:
                del self._unsaved_segments[key]
            try:
                for name in self._folders.names("editions") - kept:
                    if released is None or name in released or name in self._seen:
                        self._folders.discard("editions", name)
                    else:
                        set_aside(self._folders.place_of("editions", name))
                    self._seen.discard(name)
                unlisted = self._folders.names("segments") - listed
                for name in unlisted:
                    self._folders.discard("segments", name)
                self._folders.drop("segments", unlisted)
            except OSError as error:
                self._folders.warn(error)
            gone = frozenset(released or ()) - self._folders.names("editions")
            self._folders.drop("editions", gone - kept)
            return gone

    def unseen(self, documents: Iterable[Document]) -> tuple[Document, ...]:
        """Return the documents that have to be embedded; whether what was saved is whole is not looked at."""
        return tuple(document for document in documents if not self._is_seen(document))

    def _is_seen(self, document: Document) -> bool:
        key = self._segment_key(document)
        return (
            key in self._shared
            or key in self._unsaved_segments
            or self._folders.has("segments", key)
            or any(self._folders.has("segments", segment_digest(document, each)) for each in self._earlier)
        )

    def undisturbed(self) -> AbstractContextManager[object]:
        """Return what keeps everybody from writing or removing folders, as long as it is entered."""
        return self._building

    # --- Segments and editions ---

    def _identify(self, documents: Iterable[Document]) -> tuple[tuple[Document, ...], list[str], str]:
        """Return documents in order, the digest of each one's segment, and the id of their edition.

        Raises:
            CorpusError: two documents have one name.
        """
        ordered = tuple(sorted(documents, key=lambda document: document.name))
        for before, after in itertools.pairwise(ordered):
            if before.name == after.name:
                raise CorpusError(f"Two documents are named {after.name}.")
        keys = [self._segment_key(document) for document in ordered]
        labels = [replace(document, text="", blocks=()) for document in ordered]
        return ordered, keys, digest("edition", self._edition_settings, keys, labels)

    @contextmanager
    def _needing(self, keys: Collection[str]) -> Iterator[None]:
        """Keep these segments from being pruned."""
        with self._building:
            self._needed.update(keys)
        try:
            yield
        finally:
            with self._building:
                self._needed -= Counter(keys)

    def _segment_key(self, document: Document) -> str:
        return segment_digest(document, self._segments.settings)

    def _prepare(self, documents: Mapping[str, Document], progress: Progress) -> dict[str, PreparedSegment]:
        """Return the segment of each document by its digest: one in use, as it was saved, or newly made."""
        found: dict[str, PreparedSegment] = {}
        for done, (key, document) in enumerate(documents.items(), 1):
            if (segment := self._find(key, document)) is not None:
                found[key] = segment
            progress("read", done, len(documents))
        missing = {key: document for key, document in documents.items() if key not in found}
        for done, (key, document) in enumerate(missing.items(), 1):
            found[key] = self._make(key, document, functools.partial(progress, "embed"))
            progress("split", done, len(missing))
        return found

    def _make(self, key: str, document: Document, progress: Callable[[int, int], None]) -> PreparedSegment:
        """Make and save a segment, or wait until another build that is at it has made it."""
        with self._one_at_a_time(key):
            if (segment := self._shared.get(key)) is not None:
                return segment
            bare = replace(document, title=None, artist=None, source=None, date=None)
            made = self._segments.make(bare, progress)
            if (wrong := misfit(document, made)) is not None:
                raise EditionError(f"What was made of {document.name} does not fit it: {wrong}.")
            with self._building:
                segment = self._shared[key] = named(made, document.name)
                self._unsaved_segments[key] = named(made, "")
                # Saved one by one: a long first build that is stopped goes on where it was.
                self._save()
                return segment

    def _find(self, key: str, document: Document) -> PreparedSegment | None:
        """Return a segment that is in use or was saved."""
        with self._building:
            if (segment := self._shared.get(key)) is not None:
                if key not in self._unsaved_segments and not self._folders.has("segments", key):
                    # Its folder has gone, and the edition to come is to be whole on the disk.
                    self._unsaved_segments[key] = named(segment, "")
                return segment
            segment = self._unsaved_segments.get(key)
        # Nobody else waits while it is read.
        taken = None
        if segment is None and (segment := self._read(key, document, self._segments.settings)) is None:
            segment = taken = self._take_over(document)
        if segment is None:
            return None
        with self._building:
            if (found := self._shared.get(key)) is not None:
                return found
            if taken is not None:
                self._unsaved_segments[key] = named(taken, "")
            segment = self._shared[key] = named(segment, document.name)
            return segment

    def _read(self, key: str, document: Document, settings: str) -> PreparedSegment | None:
        parse = functools.partial(read_segment, document)
        return self._folders.read("segments", key, settings, parse)

    def _take_over(self, document: Document) -> PreparedSegment | None:
        """Return what an earlier version has saved of a document, made ours."""
        for settings, convert in self._earlier.items():
            saved = self._read(segment_digest(document, settings), document, settings)
            if saved is not None:
                return convert(saved)
        return None

    def _listing(self, edition_id: str) -> tuple[tuple[Document, str], ...]:
        """Return the documents of a saved edition, each with the digest of its segment.

        Raises:
            EditionError: there is none with this id, or its list of documents is damaged.
        """
        if not self._folders.has("editions", edition_id) and not self._folders.obtain("editions", edition_id):
            raise EditionError(f"There is no edition {edition_id!r}.")
        place = self._folders.place_of("editions", edition_id)
        try:
            verify(place, edition_id, names=["documents.json"])
            return _LISTING.validate_json((place / "documents.json").read_bytes(), strict=True)
        except (OSError, ValueError, EditionError) as error:
            if self._folders.obtain("editions", edition_id):
                return _LISTING.validate_json((place / "documents.json").read_bytes(), strict=True)
            raise EditionDamagedError(f"{place} cannot be used: {reason_of(error)}") from error

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
        listing = to_json([(document, self._segment_key(document)) for document in edition.documents])
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
        if self._folders.root is None:
            return
        try:
            for key, segment in list(self._unsaved_segments.items()):
                write = functools.partial(write_segment, segment)
                self._folders.write("segments", key, self._segments.settings, write)
                del self._unsaved_segments[key]
            for key, edition in list(self._unsaved_editions.items()):
                write = functools.partial(self._write_edition, edition)
                self._folders.write("editions", key, self._edition_settings, write)
                del self._unsaved_editions[key]
        # Faiss reports a full disk as RuntimeError.
        except (OSError, RuntimeError) as error:
            self._folders.warn(error)

    def _is_saved(self, key: str) -> bool:
        # A folder may be there and damaged, and its mending still to come.
        return key not in self._unsaved_editions and self._folders.has("editions", key)
