"""What is wrong with a corpus, and what came out of reading it: the values Problem and Reading."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from linernotes.errors import CorpusError, DocumentError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from linernotes.models import Document


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong with the corpus: an error refuses it, a warning is worth knowing.

    ``document`` is the path below the corpus folder, or ``None`` where the whole corpus is meant; ``line``
    counts from 1; ``message`` is a clause for a person, without document and line.
    """

    severity: Literal["error", "warning"]
    document: str | None
    line: int | None
    message: str

    def __str__(self) -> str:
        """Put document, line and message into one sentence."""
        if self.document is None:
            return self.message
        return str(DocumentError(self.document, self.message, self.line))


@dataclass(frozen=True, slots=True)
class Reading:
    """What came out of reading a corpus folder: the documents, sorted by name, and every problem found."""

    documents: tuple[Document, ...]
    problems: tuple[Problem, ...]

    @property
    def errors(self) -> tuple[Problem, ...]:
        """Return the problems for which the corpus is refused."""
        return tuple(problem for problem in self.problems if problem.severity == "error")

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """Return the problems that the corpus is accepted with."""
        return tuple(problem for problem in self.problems if problem.severity == "warning")

    @property
    def unread(self) -> Mapping[str, str]:
        """Return the files that cannot be read, by name, each with a sentence on the first thing wrong."""
        found: dict[str, str] = {}
        for problem in self.errors:
            if problem.document is not None:
                found.setdefault(problem.document, str(problem))
        return found

    def accept(self) -> tuple[Document, ...]:
        """Return the documents that can be read: one bad file does not silence the rest.

        Raises:
            CorpusError: the corpus as a whole cannot be read, or nothing is left of it.
        """
        if not self.documents or any(problem.document is None for problem in self.errors):
            return self.require()
        return self.documents

    def require(self) -> tuple[Document, ...]:
        """Return the documents of a corpus without errors.

        Raises:
            DocumentError: one document cannot be read.
            CorpusError: the corpus cannot be read, or several documents cannot; one line names each.
        """
        errors = self.errors
        if not errors:
            return self.documents
        if len(errors) == 1 and errors[0].document is not None:
            raise DocumentError(errors[0].document, errors[0].message, errors[0].line)
        raise CorpusError("\n".join(map(str, errors)))


def printable(name: str) -> str:
    """Return ``name`` with what has no place in a message (stray bytes, control characters) replaced."""
    return "".join("\ufffd" if unicodedata.category(char) in {"Cc", "Cs"} else char for char in name)
