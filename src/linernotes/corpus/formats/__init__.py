"""The formats of a corpus: the text of a file in, a document's blocks out.

A new format is a file here with a ``read(text, writer)``, and a line in ``READERS`` for each of its endings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from linernotes.corpus.formats import html_page, markdown, plain_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from linernotes.corpus.formats.writer import DocumentWriter

Reader: TypeAlias = "Callable[[str, DocumentWriter], None]"
"""Reads the text of a file (blank lines where the front matter stood) and writes its blocks."""

READERS: Mapping[str, Reader] = {
    ".md": markdown.read,
    ".markdown": markdown.read,
    ".txt": plain_text.read,
    ".html": html_page.read,
    ".htm": html_page.read,
}
"""Each ending that is read, in lower case, with its reader."""

ENDINGS = tuple(READERS)
ENDINGS_WRITTEN = f"{', '.join(ENDINGS[:-1])} or {ENDINGS[-1]}"
"""The endings as they stand in a sentence."""


def reader_for(name: str) -> Reader:
    """Return the reader of a file with this name; without a known ending, it is taken for Markdown."""
    known = (reader for ending, reader in READERS.items() if name.lower().endswith(ending))
    return next(known, markdown.read)
