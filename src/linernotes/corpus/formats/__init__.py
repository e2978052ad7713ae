"""The formats of a corpus: the text of a file in, a document's blocks out.

A new format is a file here with a ``read(text, writer)``, and a line in ``READERS`` for each of its endings.
Each is imported for the first file that it reads: a corpus has one or two, and a start reads all of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from linernotes.corpus.formats.writer import DocumentWriter

Reader: TypeAlias = "Callable[[str, DocumentWriter], None]"
"""Reads the text of a file (blank lines where the front matter stood) and writes its blocks."""


def _markdown(text: str, writer: DocumentWriter) -> None:
    from linernotes.corpus.formats import markdown

    markdown.read(text, writer)


def _plain_text(text: str, writer: DocumentWriter) -> None:
    from linernotes.corpus.formats import plain_text

    plain_text.read(text, writer)


def _html_page(text: str, writer: DocumentWriter) -> None:
    from linernotes.corpus.formats import html_page

    html_page.read(text, writer)


READERS: Mapping[str, Reader] = {
    ".md": _markdown,
    ".markdown": _markdown,
    ".txt": _plain_text,
    ".html": _html_page,
    ".htm": _html_page,
}
"""Each ending that is read, in lower case, with its reader."""

PAGES = tuple(ending for ending, reader in READERS.items() if reader is _html_page)
"""The endings of pages saved from a browser, which name their own encoding."""

ENDINGS = tuple(READERS)
ENDINGS_WRITTEN = f"{', '.join(ENDINGS[:-1])} or {ENDINGS[-1]}"
"""The endings as they stand in a sentence."""


def reader_for(name: str) -> Reader:
    """Return the reader of a file with this name; without a known ending, it is taken for Markdown."""
    known = (reader for ending, reader in READERS.items() if name.lower().endswith(ending))
    return next(known, _markdown)
