"""The bytes of a file -> lines of clean text, or a sentence on why they are none."""

from __future__ import annotations

import re
import unicodedata

from linernotes.errors import DocumentError

_SIGNATURES = {
    b"\xff\xfe": "it seems to be UTF-16; save it as UTF-8",
    b"\xfe\xff": "it seems to be UTF-16; save it as UTF-8",
    b"%PDF": "it is a PDF file",
    b"PK\x03\x04": "it is a ZIP archive or an office document",
    b"\x89PNG": "it is a PNG image",
    b"\xff\xd8\xff": "it is a JPEG image",
}
# Invisible and in the way of search: byte order marks, zero-width spaces, soft hyphens.
_INVISIBLE = re.compile("[\ufeff\u200b\xad\ufffe\uffff]")
CONTROLS = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f-\x84\x86-\x9f]")
_OTHER_BREAKS = re.compile(r"[\x0b\x0c\x85\u2028\u2029]")
_FEW_CONTROLS = 3


def decode(data: bytes, name: str) -> list[str]:
    """Return the lines of the file as composed text (NFC) without a byte order mark and control characters.

    Raises:
        DocumentError: the bytes are not UTF-8 or not text.
    """
    hint = next((f"; {what}" for start, what in _SIGNATURES.items() if data.startswith(start)), "")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = len(re.findall(rb"\r\n|\r|\n", data[: error.start])) + 1
        byte = f"0x{data[error.start]:02x}"
        reason = f"is not UTF-8: byte {byte} at byte offset {error.start}{hint}."
        raise DocumentError(name, reason, line) from None
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    nul = text.find("\0")
    if nul >= 0:
        raise DocumentError(name, f"is not text: it holds a NUL byte{hint}.", text.count("\n", 0, nul) + 1)
    controls = len(CONTROLS.findall(text))
    if controls > _FEW_CONTROLS and controls * 100 > len(text):
        raise DocumentError(name, f"is not text: it holds {controls:,} control characters{hint}.")
    return clean(text).split("\n")


def clean(text: str) -> str:
    """Return composed text (NFC) without invisible characters, with a blank for each control character."""
    text = _OTHER_BREAKS.sub(" ", CONTROLS.sub(" ", text))
    return text if text.isascii() else unicodedata.normalize("NFC", _INVISIBLE.sub("", text))
