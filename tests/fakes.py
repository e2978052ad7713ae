"""A model that needs no weights, fast and deterministic, and a corpus for it."""

from __future__ import annotations

import functools
import hashlib
import re
import sqlite3
import threading
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from linernotes.models import Answer, Embedding, Hit, Lead, Passage, Reading, Sentence

if TYPE_CHECKING:
    from collections.abc import Sequence

    from linernotes.library.catalogue import Catalogue
    from linernotes.models import Excerpt, Floats

# As many as the model's: in fewer, words that have nothing to do with each other are not far apart.
DIMENSION = 384
_WORD = re.compile(r"\w+|[^\w\s]")


class FakeEmbedder:
    """Gives each word a direction of its own, and a text the mean of its words'.

    ``calls`` holds the texts of each call. While ``gate`` is not set, ``embed`` waits.
    """

    digest = "fake"
    dimension = DIMENSION
    max_tokens = 200

    def __init__(self, *_: object) -> None:
        self.calls: list[tuple[str, ...]] = []
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Event()

    def count_tokens(self, text: str) -> int:
        return len(_WORD.findall(text))

    def embed(self, texts: Sequence[str]) -> list[Embedding]:
        self.calls.append(tuple(texts))
        self.entered.set()
        self.gate.wait(20)
        return [_embed(text) for text in texts]

    @property
    def texts(self) -> list[str]:
        return [text for call in self.calls for text in call]


def _embed(text: str) -> Embedding:
    if "poison" in text:
        raise ValueError("This text is poison.")
    found = list(_WORD.finditer(text)) or [re.compile("").search(text)]
    tokens = np.stack([_direction(match[0].lower()) for match in found if match is not None])
    mean = tokens.mean(axis=0)
    return Embedding(
        vector=(mean / np.linalg.norm(mean)).astype(np.float32),
        tokens=tokens,
        offsets=np.array([match.span() for match in found if match is not None], dtype=np.int64),
    )


@functools.cache
def _direction(word: str) -> Floats:
    seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:8])
    vector = np.random.default_rng(seed).standard_normal(DIMENSION)
    return (vector / np.linalg.norm(vector)).astype(np.float32)


# --- A reader -----------------------------------------------------------------------------------------------

_SMALL = frozenset(
    "a an the of in on at to by for is are was were did do does who what when where why how which it".split()
)
_ANSWER_WORDS = 4


class FakeReader:
    """Takes a sentence for an answer by the share of the question's words that it has.

    The words that answer are the first run of others, at most four. ``calls`` holds the question of each
    call. While ``gate`` is not set, ``read`` waits.
    """

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Event()

    def read(
        self, question: str, excerpts: Sequence[Excerpt], earlier: str = "", windows: int | None = None
    ) -> list[Reading | None]:
        self.calls.append(question)
        self.entered.set()
        self.gate.wait(20)
        if "poison" in question:
            raise ValueError("This question is poison.")
        # A window is as large as a sentence here.
        read = excerpts[:windows]
        return [*(_read(_content(question), each) for each in read), *[None] * (len(excerpts) - len(read))]


def _content(text: str) -> set[str]:
    return {each.lower() for each in re.findall(r"\w+", text)} - _SMALL


def _read(asked: set[str], excerpt: Excerpt) -> Reading:
    here, *around = (
        10 * len(asked & _content(each)) / max(len(asked), 1) - 5
        for each in (excerpt.sentence, *excerpt.before, *excerpt.after)
    )
    best = max([here, *around])
    run: list[re.Match[str]] = []
    for found in re.finditer(r"\w+", excerpt.sentence):
        if found[0].lower() not in asked | _SMALL:
            run.append(found)
        elif run:
            break
    start, end = (run[0].start(), run[:_ANSWER_WORDS][-1].end()) if run else (0, 0)
    return Reading(start, end, here, best, here, best - here, min(here, 0.0))


# --- A database ---------------------------------------------------------------------------------------------


def make_first_database(path: Path, *statements: str) -> None:
    """Write a database as the first version made it, with what the statements put into it."""
    script = (Path(__file__).parent / "data" / "format-1.sql").read_text(encoding="utf-8")
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.executescript(script)
        for statement in statements:
            db.execute(statement)


async def note(catalogue: Catalogue, guild: int, person: int, what: str) -> None:
    """Write a line of the audit trail that left the edition alone."""
    await catalogue._store.run(catalogue.noting(guild, person, what))


# --- A corpus ---------------------------------------------------------------------------------------------

HARBOUR = """---
title: The Harbour
artist: The Tides
---

The harbour was built by Ada Stone in 1871. It took her eleven winters.

In an interview with Sailor Weekly, Ada Stone said: “Nobody believed that the wall would hold the sea.”
"""
LANTERNS = """# Lanterns

The lanterns were painted green by Otto Blum. He sold seven of them to the lighthouse.
"""
QUESTION = "Who built the harbour in 1871?"
OTHER_QUESTION = "Who painted the lanterns green?"


def write_corpus(folder: Path, **files: str) -> Path:
    """Write documents (by name, without ``.md``) into a folder; without any, the harbour's."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in (files or {"harbour": HARBOUR}).items():
        (folder / f"{name}.md").write_text(text, encoding="utf-8")
    return folder


# --- An answer ----------------------------------------------------------------------------------------------


def answer_of(
    text: str, sentences: Sequence[Sentence] = (), hits: Sequence[Hit] = (), **changed: Any
) -> Answer:
    """Return an answer whose lead is the first sentence; without sentences, all of the text."""
    given = tuple(sentences) or (Sentence("a.md", 1, 0, len(text), text),)
    first = given[0]
    lead = Lead("sentence", first.document, first.start, first.end, first.text, (first,))
    passage = Passage(first.document, first.passage, first.start, first.end, first.text)
    return replace(
        Answer(lead, text, given, (), tuple(hits) or (Hit(passage, (first,), 1.0),), "stated", 0.9, "e"),
        **changed,
    )
