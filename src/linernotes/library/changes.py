"""The kinds of change that moderators can make, and the plan of each: a change in, a list of documents out.

Synchronous; changes nothing. What a plan would come to is ``previews.py``'s to say, and ``curator.py`` makes
it count.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from linernotes.corpus.files import has_sentence, read_document
from linernotes.errors import CorpusError, DocumentError, EditionError, RefusalError
from linernotes.library.catalogue import Upload
from linernotes.library.notes import Note, notes_of, write_notes
from linernotes.library.shared import Shared, read_shared
from linernotes.library.uploads import check_name
from linernotes.models import NOTES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from linernotes.library.catalogue import Revision
    from linernotes.library.editions import EditionStore
    from linernotes.library.uploads import Uploads
    from linernotes.models import Document
    from linernotes.retrieval.index import Index
    from linernotes.settings import Settings


# --- What moderators can do -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Reload:
    """Read the shared corpus and the server's own files again."""

    @property
    def what(self) -> str:
        """Say it for the audit trail."""
        return "reloaded"


@dataclass(frozen=True, slots=True)
class Add:
    """Add a file, in place of one of the server's own with the same name."""

    name: str
    data: bytes

    @property
    def what(self) -> str:
        """Say it for the audit trail."""
        return f"added {self.name}"


@dataclass(frozen=True, slots=True)
class Remove:
    """Remove a file of the server's own."""

    name: str

    @property
    def what(self) -> str:
        """Say it for the audit trail."""
        return f"removed {self.name}"


@dataclass(frozen=True, slots=True)
class Hide:
    """Leave a shared document out, in this server."""

    name: str

    @property
    def what(self) -> str:
        """Say it for the audit trail."""
        return f"hid {self.name}"


@dataclass(frozen=True, slots=True)
class Unhide:
    """Take a shared document in again."""

    name: str

    @property
    def what(self) -> str:
        """Say it for the audit trail."""
        return f"took {self.name} in again"


@dataclass(frozen=True, slots=True)
class RollBack:
    """Go back to an earlier revision; the operator's reload leaves the server there."""

    number: int

    @property
    def what(self) -> str:
        """Say it for the audit trail."""
        return f"rolled back to #{self.number}"


@dataclass(frozen=True, slots=True)
class WriteNote:
    """Add a note to the server's own, in place of the one with the question ``instead_of`` if that is given.

    ``gaps`` are the numbers of the questions without an answer that it answers: they go when it counts.
    """

    note: Note
    instead_of: str | None = None
    gaps: frozenset[int] = frozenset()

    @property
    def what(self) -> str:
        """Say it for the audit trail."""
        return f"{'noted' if self.instead_of is None else 'changed the note on'} “{self.note.question}”"


@dataclass(frozen=True, slots=True)
class RemoveNote:
    """Remove the note with this question."""

    question: str

    @property
    def what(self) -> str:
        """Say it for the audit trail."""
        return f"removed the note on “{self.question}”"


Change: TypeAlias = Reload | Add | Remove | Hide | Unhide | RollBack | WriteNote | RemoveNote


# --- Plans ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Plan:
    """The documents that a change leads to, and which are the server's own; ``warnings`` are sentences.

    ``adds`` is the file that has to be kept for it.
    """

    documents: tuple[Document, ...]
    own: Mapping[str, Upload]
    hidden: frozenset[str]
    follows: bool
    warnings: tuple[str, ...] = ()
    adds: Add | None = None


class Planner:
    """Finds out which documents a change leads to. Safe to call from threads."""

    def __init__(
        self,
        settings: Settings,
        editions: EditionStore[Index],
        uploads: Uploads,
        clock: Callable[[], float],
    ) -> None:
        """Take the settings, where documents are kept, and a clock in seconds since 1970."""
        self._settings = settings
        self._editions = editions
        self._uploads = uploads
        self._clock = clock

    def plan(
        self, change: Change, revision: Revision, shared: Sequence[Document], history: Sequence[Revision]
    ) -> Plan:
        """Return what a change leads to.

        Args:
            change: the change.
            revision: the server's newest revision.
            shared: the documents of the shared edition, for those that are taken in again.
            history: the server's revisions.

        Raises:
            RefusalError: it cannot be done; the sentence says why.
            CorpusError: a file cannot be read.
            EditionError: an edition of the server's cannot be read.
        """
        match change:
            case Reload():
                reading = read_shared(self._settings)
                found = Shared.of(reading, shared)
                plan = self.follow(revision, found.documents, (*found.left_out, *map(str, reading.warnings)))
            case Add():
                plan = self._add_file(change, revision, shared)
            case Remove():
                plan = self._remove(change.name, revision, shared)
            case Hide():
                plan = self._hide(change.name, revision)
            case Unhide():
                plan = self._unhide(change.name, revision, shared)
            case RollBack():
                plan = self._roll_back(change.number, revision, history)
            case WriteNote():
                plan = self._write_note(change, revision, shared)
            case RemoveNote():
                plan = self._remove_note(change.question, revision, shared)
        return plan

    def follow(self, revision: Revision, shared: Sequence[Document], warnings: tuple[str, ...] = ()) -> Plan:
        """Return the shared documents that a server does not hide, with its own, read again.

        A file of the server's own stands in place of a shared one with the same name or the same text.

        Raises:
            CorpusError: a file of the server's own is gone or can no longer be read.
            RefusalError: nothing would be left.
        """
        own = [self._read_own(name, upload, revision) for name, upload in revision.own.items()]
        documents = _ordered([*beside(shared, own, revision.hidden), *own])
        return Plan(documents, revision.own, revision.hidden, follows=True, warnings=warnings)

    def _read_own(self, name: str, upload: Upload, revision: Revision) -> Document:
        data = self._uploads.read(upload.digest)
        if data is None:
            # The file is gone; what it said stands in the edition still.
            with suppress(EditionError):
                for document in self._editions.documents(revision.edition):
                    if document.name == name:
                        return document
            raise CorpusError(
                f"{name}, which was added here, is gone or damaged: remove it and add it again."
            )
        return read_document(data, name)[0]

    def _add_file(self, change: Add, revision: Revision, shared: Sequence[Document]) -> Plan:
        if change.name.casefold() == NOTES:
            raise RefusalError(
                f"The name {NOTES} is kept for this server's notes: use /corpus note, or rename the file."
            )
        return self._add(change, revision, shared)

    def _add(self, change: Add, revision: Revision, shared: Sequence[Document]) -> Plan:
        name = check_name(change.name)
        settings = self._settings
        if len(change.data) > settings.max_file_bytes:
            raise RefusalError(
                f"The file has {len(change.data):,} bytes; I read files of up to"
                f" {settings.max_file_bytes:,} bytes."
            )
        document, problems = read_document(change.data, name)
        if not has_sentence(document):
            raise DocumentError(name, "has no sentence to answer with.")
        documents = self._editions.documents(revision.edition)
        for other in documents:
            if other.name.casefold() == name.casefold() and other.name not in revision.own:
                raise RefusalError(
                    f"There is a shared document {other.name!r}: hide it first, or rename the file."
                )
            if other.name.casefold() == name.casefold() and other.name != name:
                raise RefusalError(f"There is a file {other.name!r} already: remove it, or rename this one.")
            if other.text == document.text and other.name != name:
                raise RefusalError(f"The file has the same text as {other.name!r}, which is there already.")
        rest = [other for other in documents if other.name != name]
        size = len(change.data) + sum(len(other.text.encode()) for other in rest)
        if size > settings.max_corpus_bytes:
            raise RefusalError(
                f"With this file the corpus would have {size:,} bytes; it may have up to"
                f" {settings.max_corpus_bytes:,}."
            )
        warnings = [str(problem) for problem in problems]
        replaced = [other for other in documents if other.name == name]
        if document in replaced:
            raise RefusalError(f"{name!r} is there already, with the same text.")
        if replaced and name != NOTES:
            warnings.append(f"It takes the place of the {name} that was added before.")
        kept = [*rest, document]
        back = _uncovered(replaced, kept, revision.hidden, shared)
        upload = Upload(hashlib.sha256(change.data).hexdigest(), len(change.data), self._clock())
        return Plan(
            _ordered([*kept, *back]),
            {**revision.own, name: upload},
            revision.hidden,
            revision.follows,
            (*warnings, *map(_say_back, back)),
            Add(name, change.data),
        )

    def _write_note(self, change: WriteNote, revision: Revision, shared: Sequence[Document]) -> Plan:
        notes = list(self._notes(revision))
        questions = [each.question.casefold() for each in notes]
        asked = change.note.question.casefold()
        if change.instead_of is None:
            if asked in questions:
                raise RefusalError("There is a note on that question already: change it with /corpus edit.")
            notes.append(change.note)
        else:
            at = self._find_note(notes, change.instead_of)
            if asked in questions and questions.index(asked) != at:
                raise RefusalError("There is another note on that question already.")
            if notes[at] == change.note:
                raise RefusalError("That is what the note says already.")
            notes[at] = change.note
        return self._add(Add(NOTES, write_notes(notes)), revision, shared)

    def _remove_note(self, question: str, revision: Revision, shared: Sequence[Document]) -> Plan:
        notes = list(self._notes(revision))
        del notes[self._find_note(notes, question)]
        if not notes:
            return self._remove(NOTES, revision, shared)
        return self._add(Add(NOTES, write_notes(notes)), revision, shared)

    def _notes(self, revision: Revision) -> tuple[Note, ...]:
        """Return a server's notes."""
        upload = revision.own.get(NOTES)
        return () if upload is None else notes_of(self._read_own(NOTES, upload, revision))

    @staticmethod
    def _find_note(notes: Sequence[Note], question: str) -> int:
        found = [at for at, each in enumerate(notes) if each.question.casefold() == question.casefold()]
        if not found:
            raise RefusalError("There is no such note any more; somebody may have changed or removed it.")
        return found[0]

    def _remove(self, name: str, revision: Revision, shared: Sequence[Document]) -> Plan:
        if name not in revision.own:
            raise RefusalError(f"No file {name!r} has been added in this server.")
        documents = self._editions.documents(revision.edition)
        gone = [document for document in documents if document.name == name]
        kept = [document for document in documents if document.name != name]
        back = _uncovered(gone, kept, revision.hidden, shared)
        own = {other: upload for other, upload in revision.own.items() if other != name}
        warnings = tuple(map(_say_back, back))
        return Plan(_ordered([*kept, *back]), own, revision.hidden, revision.follows, warnings)

    def _hide(self, name: str, revision: Revision) -> Plan:
        if name in revision.own:
            raise RefusalError(f"{name!r} was added in this server; it can be removed.")
        documents = self._editions.documents(revision.edition)
        kept = [document for document in documents if document.name != name]
        if len(kept) == len(documents):
            raise RefusalError(f"There is no shared document {name!r} to hide.")
        return Plan(_ordered(kept), revision.own, revision.hidden | {name}, revision.follows)

    def _unhide(self, name: str, revision: Revision, shared: Sequence[Document]) -> Plan:
        if name not in revision.hidden:
            raise RefusalError(f"No shared document {name!r} is hidden in this server.")
        found = [document for document in shared if document.name == name]
        documents = self._editions.documents(revision.edition)
        for other in documents:
            if found and clash(other, found[0]):
                raise RefusalError(f"{other.name!r}, which was added here, has its name or its text.")
        warnings = () if found else (f"The shared corpus no longer has a document {name}.",)
        hidden = revision.hidden - {name}
        return Plan(_ordered([*documents, *found]), revision.own, hidden, revision.follows, warnings)

    def _roll_back(self, number: int, revision: Revision, history: Sequence[Revision]) -> Plan:
        if number == revision.number:
            raise RefusalError(f"#{number} is what this server has now.")
        target = next((each for each in history if each.number == number), None)
        if target is None:
            raise RefusalError(f"This server has no edition #{number}.")
        documents = self._editions.documents(target.edition)
        return Plan(documents, target.own, target.hidden, follows=False)


def clash(document: Document, other: Document) -> bool:
    """Say whether two documents cannot stand side by side: one name, however it is written, or one text."""
    return document.name.casefold() == other.name.casefold() or document.text == other.text


def beside(
    shared: Sequence[Document], own: Sequence[Document], hidden: frozenset[str]
) -> tuple[Document, ...]:
    """Return the shared documents that are not hidden, and in whose place none of a server's own stands."""
    names = {document.name.casefold() for document in own}
    texts = {document.text for document in own}
    return tuple(
        document
        for document in shared
        if document.name not in hidden
        and document.name.casefold() not in names
        and document.text not in texts
    )


def _uncovered(
    gone: Sequence[Document],
    kept: Sequence[Document],
    hidden: frozenset[str],
    shared: Sequence[Document],
) -> tuple[Document, ...]:
    """Return the shared documents in whose place those stood that go."""
    return tuple(
        document for document in beside(shared, kept, hidden) if any(clash(document, each) for each in gone)
    )


def _say_back(document: Document) -> str:
    return f"The shared document {document.name}, in whose place it stood, is taken in again."


def _ordered(documents: Sequence[Document]) -> tuple[Document, ...]:
    if not documents:
        raise RefusalError("That would leave nothing to answer from; one document at least must stay.")
    return tuple(sorted(documents, key=lambda document: document.name))
