"""Notes by the moderators: what a server answers itself, as a document like any other.

Notes come in, and the bytes of a Markdown file go out, and the other way round. Each note is a section: the
question is its heading, other ways to ask it are lines that end in a question mark, and the last paragraph is
the answer. So the ranking and the reader meet a note as they meet an article's section that is headed by a
question, and have no rule for it; the judgement has learned of notes by themselves (``measuring.noted``).
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from linernotes.corpus.files import read_document
from linernotes.errors import RefusalError
from linernotes.models import NOTES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from linernotes.models import Document

TITLE: Final = "Notes by the moderators"
"""What is shown as the source of a note."""

LONGEST_QUESTION: Final = 200
LONGEST_ANSWER: Final = 600
MOST_WAYS: Final = 5
"""So many other ways to ask a note's question are taken."""

_HEAD: Final = f"---\ntitle: {TITLE}\n---\n"
# What begins a line that is no plain paragraph: "1.", "#", ">", "-", "<", a fence.
_NUMBERED: Final = re.compile(r"(\d{1,9})([.)])(?=\s|$)")
_PUNCTUATION: Final = frozenset("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")


@dataclass(frozen=True, slots=True)
class Note:
    """A question that moderators answer, other ways to ask it, and what they say, each on one line."""

    question: str
    answer: str
    ways: tuple[str, ...] = ()


def make_note(question: str, answer: str, ways: Sequence[str] = ()) -> Note:
    """Return a note of what somebody has written.

    Raises:
        RefusalError: there is no question or no answer in it, or too much of it; the sentence says which.
    """
    question, answer = _one_line(question), _one_line(answer)
    if not _says_something(question) or len(question) > LONGEST_QUESTION:
        raise RefusalError(f"Please write a question of at most {LONGEST_QUESTION} characters.")
    if not _says_something(answer) or len(answer) > LONGEST_ANSWER:
        raise RefusalError(
            f"Please write the answer in a sentence or two, of at most {LONGEST_ANSWER} characters."
        )
    if answer.endswith(("?", "？")):  # noqa: RUF001  the full-width mark is meant
        raise RefusalError("What answers the question should not end in a question mark itself.")
    own = {question.casefold()}
    asked = [_asking(way) for way in map(_one_line, ways) if _says_something(way)]
    kept = dict.fromkeys(way for way in asked if way.casefold() not in own)
    if any(len(way) > LONGEST_QUESTION for way in kept) or len(kept) > MOST_WAYS:
        raise RefusalError(
            f"Please write at most {MOST_WAYS} other ways to ask it, of {LONGEST_QUESTION} characters each."
        )
    note = Note(question, answer, tuple(kept))
    # Markup that the reading of a file takes off, or takes for something else, is not to change it later.
    read = _read_again((note,))
    if len(read) != 1 or len(read[0].ways) != len(note.ways) or _read_again(read) != read:
        raise RefusalError("I cannot keep that as it is written: please put it in plain words.")
    return read[0]


def write_notes(notes: Sequence[Note]) -> bytes:
    """Return the bytes of the file that holds these notes."""
    parts = [_HEAD]
    for note in notes:
        parts.append(f"## {_plainly(note.question)}")
        parts += [_plainly(line) for line in (*note.ways, note.answer)]
    return "\n\n".join(parts).encode() + b"\n"


def notes_of(document: Document) -> tuple[Note, ...]:
    """Return the notes that a document holds, in its order; a section without an answer is none."""
    sections: list[list[str]] = []
    for block in document.blocks:
        text = _one_line(document.text[block.start : block.end])
        if block.kind == "heading":
            sections.append([text])
        elif sections:
            sections[-1].append(text)
    return tuple(Note(head, said[-1], tuple(said[:-1])) for head, *said in sections if said)


def _read_again(notes: Sequence[Note]) -> tuple[Note, ...]:
    return notes_of(read_document(write_notes(notes), NOTES)[0])


def _one_line(text: str) -> str:
    """Return a text on one line, without what is no sign that a person reads."""
    shown = (" " if unicodedata.category(char) in {"Cc", "Cs", "Cn", "Co"} else char for char in text)
    return " ".join("".join(shown).split())


def _says_something(text: str) -> bool:
    return any(map(str.isalnum, text))


def _asking(way: str) -> str:
    """Return a way to ask as a question: what ends in no question mark would be taken for an answer."""
    return way if way.endswith("?") else f"{way.rstrip('.!')}?"


def _plainly(line: str) -> str:
    """Return a line of which Markdown makes one paragraph, or the text of a heading."""
    if numbered := _NUMBERED.match(line):
        line = f"{numbered[1]}\\{line[numbered.end(1) :]}"
    elif line[:1] in _PUNCTUATION:
        line = f"\\{line}"
    return re.sub(r"(#+)$", lambda found: "\\#" * len(found[1]), line)
