"""The options that several commands have."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Annotated

import typer

CorpusOption = Annotated[
    Path | None,
    typer.Option(
        "--corpus",
        metavar="DIR",
        help="Answer from this folder; nothing is kept, no server's library touched.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]


def file_and_folder(given: str) -> tuple[str, Path | None]:
    """Return file and folder of ``FILE=FOLDER``; a file with such a name is a file."""
    file, _, folder = given.partition("=")
    is_file = False
    with contextlib.suppress(OSError):
        is_file = Path(given).exists()
    return (given, None) if is_file or not folder else (file, Path(folder))
