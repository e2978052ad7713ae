"""Files in, Documents out: find them below a folder, load them, read each as its ending says.

What is wrong becomes a Problem with document and line. How each format is written: ``corpus/formats``.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path, PurePosixPath

from linernotes.corpus.decoding import decode
from linernotes.corpus.formats import ENDINGS, ENDINGS_WRITTEN, PAGES, reader_for
from linernotes.corpus.formats.writer import DocumentWriter
from linernotes.corpus.front_matter import KEYS, read_front_matter
from linernotes.corpus.problems import Problem, Reading, printable
from linernotes.errors import CorpusError, DocumentError
from linernotes.models import Document

# So many unused keys are named; blogs have dozens.
_KEYS_SHOWN = 12
_FILES_SHOWN = 5

# --- A folder ---------------------------------------------------------------------------------------------


def read_corpus(folder: Path, *, max_file_bytes: int, max_corpus_bytes: int) -> Reading:
    """Read every file with one of ``ENDINGS`` below ``folder``, sorted by name; hidden files are left out.

    Bad input raises nothing here: ``Reading.problems`` holds all that was found, ``Reading.require()``
    raises it. A link that leads out of the folder is refused, a link within it is followed once.

    Args:
        folder: the corpus folder.
        max_file_bytes: the largest file, checked before it is read.
        max_corpus_bytes: the largest sum of all files.
    """
    problems: list[Problem] = []
    documents: list[Document] = []
    seen: dict[str, str] = {}
    # Each key of front matter that is not used, with a file that has it.
    unknown: dict[str, str] = {}
    total = 0
    files = _find(folder, problems)
    for name, path in files:
        try:
            data = _load(name, path, max_file_bytes)
        except DocumentError as error:
            problems.append(Problem("error", name, error.line, error.reason))
            continue
        total += len(data)
        if total > max_corpus_bytes:
            problems.append(
                Problem(
                    "error",
                    None,
                    None,
                    f"The corpus in {folder} is larger than {max_corpus_bytes:,} bytes, the limit that"
                    f" MAX_CORPUS_BYTES sets; the limit was passed at {name}.",
                )
            )
            break
        unused: set[str] = set()
        document, found = _read(data, name, unused)
        problems.extend(found)
        unknown.update(dict.fromkeys(sorted(unused), name))
        if document is None:
            continue
        if not has_sentence(document):
            problems.append(Problem("warning", name, None, "has no sentence and is left out."))
        elif document.text in seen:
            problems.append(
                Problem("warning", name, None, f"has the same text as {seen[document.text]} and is left out.")
            )
        else:
            seen[document.text] = name
            documents.append(document)
    if unknown:
        problems.append(_unused(unknown))
    if not documents and not any(problem.severity == "error" for problem in problems):
        what = "document with a sentence" if files else f"file ending in {ENDINGS_WRITTEN}"
        problems.append(Problem("error", None, None, f"The corpus folder {folder} holds no {what}."))
    return Reading(tuple(documents), tuple(problems))


def _unused(unknown: dict[str, str]) -> Problem:
    """Return one warning for all keys of front matter that are not used, whatever files have them."""
    shown = ", ".join(f"'{key}'" for key in sorted(unknown)[:_KEYS_SHOWN])
    more = f" and {len(unknown) - _KEYS_SHOWN} more" if len(unknown) > _KEYS_SHOWN else ""
    example = unknown[min(unknown)]
    message = (
        f"Front matter has keys that are not used: {shown}{more} (for example in {example};"
        f" known: {', '.join(KEYS)})."
    )
    return Problem("warning", None, None, message)


def _not_read(names: list[str]) -> Problem:
    """Return one warning for all files whose endings say that they are no text of the corpus."""
    shown = ", ".join(names[:_FILES_SHOWN]) + (
        f" and {len(names) - _FILES_SHOWN} more" * (len(names) > _FILES_SHOWN)
    )
    what = "One file is" if len(names) == 1 else f"{len(names)} files are"
    return Problem(
        "warning", None, None, f"{what} not read ({shown}): I read files that end in {ENDINGS_WRITTEN}."
    )


def _find(folder: Path, problems: list[Problem]) -> list[tuple[str, Path]]:
    """Return the name and the real path of each file to read, sorted by name."""
    try:
        root = _root(folder)
    except CorpusError as error:
        problems.append(Problem("error", None, None, str(error)))
        return []
    found: list[tuple[str, Path]] = []
    passed_over: list[str] = []
    waiting = [PurePosixPath()]
    while waiting:
        below = waiting.pop()
        try:
            with os.scandir(root / below) as entries:
                names = [below / entry.name for entry in entries if not entry.name.startswith(".")]
        except OSError as error:
            problems.append(Problem("error", printable(str(below)), None, f"{_why(error)}."))
            continue
        for name in names:
            if name.suffix.lower() not in ENDINGS and (root / name).is_file():
                passed_over.append(printable(str(name)))
                continue
            try:
                path = _follow(root, name)
            except DocumentError as error:
                problems.append(Problem("error", error.name, None, error.reason))
                continue
            if path is None:
                continue
            if path.is_dir():
                waiting.append(name)
            else:
                found.append((str(name), path))
    problems.sort(key=lambda problem: problem.document or "")
    if passed_over:
        problems.append(_not_read(sorted(passed_over)))
    return sorted(found)


def _root(folder: Path) -> Path:
    """Return the real path of the corpus folder.

    Raises:
        CorpusError: it is missing, no folder or may not be read.
    """
    try:
        root = folder.resolve(strict=True)
        if not root.is_dir():
            raise CorpusError(f"The corpus folder {folder} is not a folder.")
        os.scandir(root).close()
    except FileNotFoundError:
        raise CorpusError(f"The corpus folder {folder} does not exist.") from None
    except (OSError, RuntimeError) as error:
        raise CorpusError(f"The corpus folder {folder} {_why(error)}.") from None
    return root


def _follow(root: Path, name: PurePosixPath) -> Path | None:
    """Return the real path of ``name`` below ``root``, or ``None`` where there is nothing for us to read.

    Raises:
        DocumentError: it leads out of the folder or nowhere, or its name cannot be written.
    """
    path = root / name
    shown = printable(str(name))
    wanted = name.suffix.lower() in ENDINGS
    try:
        linked = path.is_symlink()
        real = path.resolve(strict=True)
    except (OSError, RuntimeError) as error:
        if not wanted:
            return None
        reason = "is a link that leads nowhere." if path.is_symlink() else f"{_why(error)}."
        raise DocumentError(shown, reason) from None
    folder = real.is_dir()
    if not (wanted or folder):
        return None
    if not real.is_relative_to(root):
        raise DocumentError(shown, "is a link that leads out of the corpus folder, which is refused.")
    if linked and folder:
        return None  # its files are read where they stand
    if str(name) != shown:
        raise DocumentError(shown, "has a name with characters that cannot be written; rename the file.")
    return real


def _load(name: str, path: Path, max_bytes: int) -> bytes:
    """Return the bytes of a regular file.

    Raises:
        DocumentError: it is gone, too large, not a regular file or may not be read.
    """
    too_large = f"is larger than {max_bytes:,} bytes, the limit that MAX_FILE_BYTES sets"
    try:
        # Not blocking, not following: a pipe or a link put in the file's place must not hang or mislead us.
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0))
        with os.fdopen(handle, "rb") as file:
            status = os.fstat(handle)
            if not stat.S_ISREG(status.st_mode):
                raise DocumentError(name, "is not a regular file.")
            if status.st_size > max_bytes:
                raise DocumentError(name, f"{too_large}: it has {status.st_size:,} bytes.")
            data = file.read(max_bytes + 1)
    except OSError as error:
        raise DocumentError(name, f"{_why(error)}.") from None
    if len(data) > max_bytes:
        raise DocumentError(name, f"{too_large}.")
    return data


def _why(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "disappeared while the corpus was read"
    if isinstance(error, PermissionError):
        return "may not be read by this user"
    reason = error.strerror if isinstance(error, OSError) else None
    return f"cannot be read ({reason or error})"


def has_sentence(document: Document) -> bool:
    """Say whether anything but headings and bare marks is left to answer with."""
    return any(
        block.kind != "heading" and any(map(str.isalnum, document.text[block.start : block.end]))
        for block in document.blocks
    )


# --- A file -----------------------------------------------------------------------------------------------


def read_document(data: bytes, name: str) -> tuple[Document, tuple[Problem, ...]]:
    """Read one file's bytes; ``name`` is its path below the corpus folder, its ending says how it is written.

    Returns:
        The document, which may be without a sentence, and warnings.

    Raises:
        DocumentError: it is not UTF-8, not text, or its front matter is wrong; the first error is raised.
    """
    document, problems = _read(data, name, set())
    for problem in problems:
        if problem.severity == "error":
            raise DocumentError(name, problem.message, problem.line)
    if document is None:
        raise DocumentError(name, "cannot be read.")
    return document, tuple(problems)


def _page_as_utf8(data: bytes) -> bytes:
    from linernotes.corpus.formats.html_page import as_utf8

    return as_utf8(data)


def _read(data: bytes, name: str, unused: set[str]) -> tuple[Document | None, list[Problem]]:
    """Read a file; keys of its front matter that are not used are added to ``unused``."""
    problems: list[Problem] = []
    try:
        lines = decode(_page_as_utf8(data) if name.lower().endswith(PAGES) else data, name)
        front, body = read_front_matter(lines, name, problems, unused)
        writer = DocumentWriter()
        # The body keeps its place in the file: what stood above it is blank, so line numbers need no sum.
        reader_for(name)("\n".join([""] * body + lines[body:]), writer)
    except DocumentError as error:
        return None, [*problems, Problem("error", name, error.line, error.reason)]
    except RecursionError:
        return None, [*problems, Problem("error", name, None, "is nested too deeply to be read.")]
    if any(problem.severity == "error" for problem in problems):
        return None, problems
    front = writer.labels | front
    text = "".join(writer.parts)
    blocks = tuple(writer.blocks)
    title = front.get("title")
    if title is None and blocks and blocks[0].kind == "heading" and blocks[0].level == 1:
        title = text[blocks[0].start : blocks[0].end]
    document = Document(
        name=name,
        title=title,
        source=front.get("source"),
        text=text,
        lines=tuple(writer.lines),
        blocks=blocks,
        artist=front.get("artist"),
        date=front.get("date"),
        language=front.get("language", "en"),
    )
    return document, problems
