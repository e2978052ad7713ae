"""Files of JSON Lines: their bytes, their rows, what must stand in a row; an error names file and line."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from linernotes.errors import QuestionFileError

if TYPE_CHECKING:
    from collections.abc import Iterator

STANDARD_INPUT = "-"


def load(file: str) -> bytes:
    """Return the bytes of a file; ``-`` is standard input.

    Raises:
        QuestionFileError: it cannot be read.
    """
    try:
        if file == STANDARD_INPUT:
            # A process can be started without a standard input.
            return sys.stdin.buffer.read() if sys.stdin is not None else b""
        return Path(file).read_bytes()
    except FileNotFoundError:
        raise QuestionFileError(file, "does not exist.") from None
    except IsADirectoryError:
        raise QuestionFileError(file, "is a folder.") from None
    except (OSError, ValueError) as error:
        raise QuestionFileError(
            file, f"cannot be read ({getattr(error, 'strerror', None) or error})."
        ) from None


def rows(data: bytes, name: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield line number (from 1) and object of each line that is not blank.

    Raises:
        QuestionFileError: a line is not UTF-8, not JSON or not an object.
    """
    for line, raw in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        if not raw.strip():
            continue
        try:
            row = json.loads(raw.decode(), parse_constant=_no_constant)
        except UnicodeDecodeError as error:
            raise QuestionFileError(name, f"byte {error.start + 1} of the line is not UTF-8.", line) from None
        except json.JSONDecodeError as error:
            raise QuestionFileError(name, f"is not JSON ({error.msg}, column {error.colno}).", line) from None
        except (ValueError, RecursionError) as error:
            raise QuestionFileError(name, f"is not JSON that can be read ({error}).", line) from None
        if not isinstance(row, dict):
            raise QuestionFileError(name, "is not a JSON object.", line)
        yield line, row


def text_of(row: dict[str, Any], key: str, name: str, line: int | None = None) -> str:
    """Return the string that must stand under ``key``.

    Raises:
        QuestionFileError: there is none.
    """
    value = row.get(key)
    if not isinstance(value, str):
        raise QuestionFileError(name, f'has no "{key}" that is a string.', line)
    return value


def texts_of(row: dict[str, Any], key: str, name: str, line: int | None = None) -> tuple[str, ...]:
    """Return the strings that may stand under ``key``.

    Raises:
        QuestionFileError: something else stands there.
    """
    value = row.get(key)
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise QuestionFileError(name, f'the "{key}" is not a list of strings.', line)
    return tuple(value)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")
