"""One document's segment: what it is called, its files, and whether it fits the document.

::

    DATA_DIR/segments/<digest>/   document.json (passages, sentences, quotations), an .npy for each array
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import TypeAdapter

from linernotes.errors import EditionDamagedError
from linernotes.library.folders import digest, to_json
from linernotes.models import Passage, PreparedSegment, Quote, Sentence

if TYPE_CHECKING:
    from pathlib import Path

    from linernotes.models import Document

_ARRAY_NAME = re.compile(r"[a-z][a-z0-9_]*")
_NUMERIC = "biuf"
_OFFSETS = TypeAdapter(tuple[tuple[Passage, ...], tuple[Sentence, ...], tuple[Quote, ...]])


def segment_digest(document: Document, settings: str) -> str:
    """Name what a segment maker with these settings makes of the document: its labels play no part."""
    return digest("segment", settings, document.text, document.language, document.blocks)


def write_segment(segment: PreparedSegment, folder: Path) -> None:
    """Write a segment's files to an empty folder.

    Raises:
        OSError: they cannot be written.
    """
    for name, array in segment.arrays.items():
        with (folder / f"{name}.npy").open("wb") as file:
            np.save(file, array, allow_pickle=False)
    offsets = (segment.passages, segment.sentences, segment.quotes)
    (folder / "document.json").write_bytes(to_json(offsets))


def read_segment(document: Document, folder: Path) -> PreparedSegment:
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
    if (wrong := misfit(document, segment)) is not None:
        raise EditionDamagedError(wrong)
    return segment


def misfit(document: Document, segment: PreparedSegment) -> str | None:
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


def named(segment: PreparedSegment, name: str) -> PreparedSegment:
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
