"""Mending: the documents of a revision whose edition cannot be read any more, found again in what is left.

An edition is a list of documents, and its id a digest of them. What a server's revision says - its own files,
what it hides - and the files themselves are enough to write it again, and the id shows that it is the same.
Synchronous; changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from linernotes.corpus.files import read_document
from linernotes.errors import CorpusError, EditionError
from linernotes.library.catalogue import Upload
from linernotes.library.changes import beside, clash

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from linernotes.library.catalogue import Act, Revision
    from linernotes.library.editions import EditionStore
    from linernotes.library.uploads import Uploads
    from linernotes.models import Document
    from linernotes.retrieval.index import Index


@dataclass(frozen=True, slots=True)
class Mended:
    """What was found again.

    ``documents`` and ``revision``: what the server works with. ``is_same``: whether that is what it had, to
    the letter. ``lost``: the files of its own that are gone, each with whether an earlier one stands in its
    place. ``for_now``: whether one of them is there and cannot be read, and may be another time.
    """

    documents: tuple[Document, ...]
    revision: Revision
    is_same: bool
    lost: Mapping[str, bool]
    for_now: bool

    @property
    def what(self) -> str:
        """Say it for the audit trail."""
        made = "made again from the files, for the edition was damaged"
        told = [
            f"{name} is lost, and an earlier {name} in its place" if earlier else f"{name} is lost"
            for name, earlier in self.lost.items()
        ]
        return "; ".join([made, *told])


class Mending:
    """Finds documents again. Safe to call from threads."""

    def __init__(self, editions: EditionStore[Index], uploads: Uploads) -> None:
        """Take where documents are kept."""
        self._editions = editions
        self._uploads = uploads

    def mend(
        self, revision: Revision, earlier: Sequence[Revision], shared: Sequence[Sequence[Document]]
    ) -> Mended:
        """Return the documents of a revision.

        Args:
            revision: whose edition cannot be read.
            earlier: the server's other revisions, the newest first.
            shared: the shared documents now, and as they were, if that is known.
        """
        own: dict[str, Document] = {}
        kept: dict[str, Upload] = {}
        lost: dict[str, bool] = {}
        for name, upload in revision.own.items():
            found = self._own(name, upload, earlier)
            if found is None:
                before = next(self._before(name, upload, earlier), None)
                lost[name] = before is not None
                if before is None:
                    continue
                upload, found = before  # noqa: PLW2901  what stands in its place
            own[name], kept[name] = found, upload
        for_now = any(self._uploads.is_out_of_reach(revision.own[name].digest) for name in lost)
        if not lost:
            for pool in (*shared, *self._pools(earlier)):
                documents = _together(pool, own, revision.hidden)
                if self._is(revision.edition, documents):
                    return Mended(documents, revision, is_same=True, lost={}, for_now=False)
        # One that was rolled back had older shared documents than there are now: the nearest that is left.
        pools = [*self._pools(earlier, strict=True), *shared] if not revision.follows else [*shared]
        documents = _together(pools[0], own, revision.hidden)
        return Mended(documents, replace(revision, own=kept), is_same=False, lost=lost, for_now=for_now)

    def find(
        self, act: Act, newest: Revision, documents: Sequence[Document], shared: Sequence[Document]
    ) -> Revision:
        """Return the revision of which only the line in the audit trail is left, and the edition.

        Args:
            act: the line.
            newest: the newest revision of the server that is left, or what it would have without any.
            documents: the edition's.
            shared: the shared documents as they were.
        """
        own = dict(self._own_of(documents, newest, shared))
        covering = [document for document in documents if document.name in own]
        names = {document.name for document in documents}
        hidden = {name for name in newest.hidden if name not in names} | {
            each.name
            for each in shared
            if each.name not in names and not any(clash(each, other) for other in covering)
        }
        went_back = act.what.startswith("rolled back")
        return replace(
            newest,
            edition=act.after or newest.edition,
            own=own,
            hidden=frozenset(hidden),
            follows=newest.follows and not went_back,
        )

    def _own_of(
        self, documents: Sequence[Document], newest: Revision, shared: Sequence[Document]
    ) -> Iterator[tuple[str, Upload]]:
        for document in documents:
            upload = newest.own.get(document.name)
            if upload is not None and self._reads_as(upload.digest, document):
                yield document.name, upload
            elif document not in shared:
                digest = next(
                    (each for each in sorted(self._uploads.names()) if self._reads_as(each, document)), None
                )
                if digest is not None:
                    data = self._uploads.read(digest) or b""
                    yield document.name, Upload(digest, len(data), newest.at)

    def _reads_as(self, digest: str, document: Document) -> bool:
        return self._read(digest, document.name) == document

    def _read(self, digest: str, name: str) -> Document | None:
        data = self._uploads.read(digest)
        try:
            return None if data is None else read_document(data, name)[0]
        except CorpusError:
            return None

    def _own(self, name: str, upload: Upload, earlier: Sequence[Revision]) -> Document | None:
        """Return a document of the server's own: from its file, or from an edition that has it."""
        if (found := self._read(upload.digest, name)) is not None:
            return found
        for each in earlier:
            if name in each.own and each.own[name].digest == upload.digest:
                for document in self._documents(each.edition):
                    if document.name == name:
                        return document
        return None

    def _before(
        self, name: str, upload: Upload, earlier: Sequence[Revision]
    ) -> Iterator[tuple[Upload, Document]]:
        for each in earlier:
            older = each.own.get(name)
            if older is not None and older.digest != upload.digest:
                found = self._own(name, older, earlier)
                if found is not None:
                    yield older, found

    def _pools(self, earlier: Sequence[Revision], *, strict: bool = False) -> Iterator[tuple[Document, ...]]:
        """Give the shared documents of what can be read: of the server's editions, then of all others."""
        for each in earlier:
            if documents := self._documents(each.edition):
                yield tuple(document for document in documents if document.name not in each.own)
        if not strict:
            for edition in sorted(self._editions.saved() - {each.edition for each in earlier}):
                if documents := self._documents(edition):
                    yield documents

    def _documents(self, edition: str) -> tuple[Document, ...]:
        try:
            return self._editions.documents(edition)
        except EditionError:
            return ()

    def _is(self, edition: str, documents: Sequence[Document]) -> bool:
        try:
            return self._editions.id_of(documents) == edition
        except CorpusError:
            return False


def _together(
    pool: Sequence[Document], own: Mapping[str, Document], hidden: frozenset[str]
) -> tuple[Document, ...]:
    documents = [*beside(pool, tuple(own.values()), hidden), *own.values()]
    return tuple(sorted(documents, key=lambda document: document.name))
