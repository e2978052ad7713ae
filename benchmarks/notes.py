"""Notes by the moderators: how many questions a note answers for sure, asked as it says and in other words.

``tests/golden/notes.jsonl`` has questions that the founding article does not answer, each with an answer,
three other ways to ask it, and two questions that are near and that the note does not answer. All notes are
written as ``/corpus note`` writes them, with the question alone, and all questions are asked of the article
and these notes together; so are those of ``tests/golden/off-topic.jsonl``, which nothing answers.

    python benchmarks/notes.py             # prints the figures
    python benchmarks/notes.py --each      # and what becomes of each question
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from linernotes.library import Library
from linernotes.library.notes import make_note, write_notes
from linernotes.models import NOTES, Answer
from linernotes.settings import Settings

if TYPE_CHECKING:
    from linernotes.library.notes import Note

ROOT = Path(__file__).parents[1]
GOLDEN = ROOT / "tests" / "golden"


def main() -> None:
    """Print the figures."""
    asyncio.run(measure())


async def measure() -> None:
    """Ask everything, and print what became of it."""
    rows = rows_of("notes")
    notes = [make_note(row["question"], row["answer"]) for row in rows]
    with tempfile.TemporaryDirectory() as folder:
        for each in (ROOT / "corpus").iterdir():
            (Path(folder) / each.name).write_bytes(each.read_bytes())
        (Path(folder) / NOTES).write_bytes(write_notes(notes))
        async with Library.open(Settings(corpus_dir=Path(folder)), keep="nothing") as library:
            own = [
                await outcome(library, row["question"], note) for row, note in zip(rows, notes, strict=True)
            ]
            ways = [
                await outcome(library, asked, note)
                for row, note in zip(rows, notes, strict=True)
                for asked in row["asked"]
            ]
            near = [await outcome(library, asked) for row in rows for asked in row["near"]]
            off = [await outcome(library, row["question"]) for row in rows_of("off-topic")]
    for name, found in (
        ("the note's own question", own),
        ("three other ways to ask it", ways),
        ("near questions", near),
        ("off-topic questions", off),
    ):
        counts = "  ".join(f"{word} {found.count(word)}" for word in ("stated", "near", "other", "refused"))
        print(f"{name:28}{len(found):4}   {counts}")


async def outcome(library: Library, question: str, note: Note | None = None) -> str:
    """Return whether a question is answered by its note (``stated``, or only ``near``), or else what else.

    Without a note, any answer is ``stated`` or ``near``.
    """
    reply = (await library.ask(question)).reply
    if not isinstance(reply, Answer):
        found = "refused"
    elif note is not None and (reply.lead.document != NOTES or reply.lead.text not in note.answer):
        found = "other"
    else:
        found = reply.certainty
    if "--each" in sys.argv:
        print(f"    {found:8} {question}")
    return found


def rows_of(name: str) -> list[dict[str, Any]]:
    """Return the rows of a file of questions."""
    lines = (GOLDEN / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines if line]


if __name__ == "__main__":
    main()
