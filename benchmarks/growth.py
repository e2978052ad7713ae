"""What grows with the corpus, and with the servers that have libraries of their own: a table and a plot.

Corpora of 100 to 100,000 sentences (``grown.py``): processor time of a question, memory, disk, building. Servers
with an article of their own each, 10 to 10,000, of which 100 are asked, below a bound of ``MEMORY_MB``: memory, taking
up a library that was let go, from the start to the first answer. Each figure comes from a process of its own; those of
a round follow each other, so that what else the machine does falls on all alike.

The model embeds the first 10,000 sentences. The rest, and the servers' articles, have vectors that are composed of
the model's own (``grown.Composing``): the time to embed them is reckoned from what the model took.

    python benchmarks/growth.py [--work DIR] [--rounds N] [--corpora N ...] [--servers N ...]

Writes ``growth.md``, ``growth.json`` and, where matplotlib is installed (``pip install --group peers``), ``growth.png``
to ``benchmarks/results/``.
"""

from __future__ import annotations

import os

# Before anything loads: BLAS reads it once.
os.environ["OMP_NUM_THREADS"] = "1"

import argparse
import asyncio
import hashlib
import json
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from grown import Composing, Listening, articles

from linernotes.corpus.files import read_document
from linernotes.engine import Engine
from linernotes.library import Library
from linernotes.library.editions import EditionStore
from linernotes.measuring.cases import read_cases
from linernotes.reading.reader import OnnxReader
from linernotes.retrieval.embedding import open_embedder
from linernotes.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from linernotes.models import Document

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).with_name("results")
CORPORA = (100, 1_000, 10_000, 100_000)
SERVERS = (10, 100, 1_000, 10_000)
EMBEDDED = 10_000
QUESTIONS = 40
WARM = 5
ACTIVE = 100
MEMORY_MB = 256


class NoIndexes:
    """Makes no index: segments alone are wanted."""

    settings = "none"

    def build(self, _parts: object) -> str:
        """Return nothing much."""
        return ""

    def save(self, _index: str, folder: Path) -> None:
        """Write nothing much."""
        (folder / "nothing").write_text("")

    def load(self, _folder: Path, _parts: object) -> str:
        """Return nothing much."""
        return ""


# --- Corpora ------------------------------------------------------------------------------------------------------


def make_corpora(work: Path, sizes: Iterable[int]) -> None:
    """Write the corpora, and embed their documents; what is there stays."""
    store = work / "store"
    log = store / "embedded.json"
    told = json.loads(log.read_text()) if log.exists() else {}
    model = Listening(open_embedder())
    makers = [Engine(model)]
    editions = EditionStore(store, makers[0].segments, NoIndexes())
    wanted = max(sizes)
    sentences = 0
    while sentences < wanted:
        for name, text in articles():
            document = read_document(text.encode(), name)[0]
            if name not in told:
                if sentences >= EMBEDDED and len(makers) == 1:
                    if not model.heard:
                        raise SystemExit(f"{work} was made in part; remove it")
                    makers.append(Engine(Composing(model)))
                    editions = EditionStore(store, makers[1].segments, NoIndexes())
                started = time.process_time()
                edition = editions.open_edition([document])
                seconds = time.process_time() - started
                told[name] = {
                    "sentences": len(edition.sentences),
                    "passages": len(edition.passages),
                    "seconds": seconds,
                    "by": "the model" if len(makers) == 1 else "composed",
                }
                (store / "articles").mkdir(exist_ok=True)
                (store / "articles" / name).write_text(text, encoding="utf-8")
                if len(told) % 100 == 0:
                    print(f"{sentences} sentences", file=sys.stderr, flush=True)
            sentences += told[name]["sentences"]
            if sentences >= wanted:
                break
    log.write_text(json.dumps(told))
    for size in sizes:
        _cut(work, told, size)


def _cut(work: Path, told: dict[str, Any], size: int) -> None:
    """Make a corpus of so many sentences, and a data folder with its segments."""
    corpus, data = work / f"corpus-{size}", work / f"data-{size}"
    for folder in (corpus, data):
        shutil.rmtree(folder, ignore_errors=True)
    corpus.mkdir()
    shutil.copytree(work / "store" / "segments", data / "segments", copy_function=os.link)
    sentences = 0
    for name, facts in told.items():
        if sentences >= size:
            break
        shutil.copy(work / "store" / "articles" / name, corpus / name)
        sentences += facts["sentences"]
