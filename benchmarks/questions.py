"""What a question costs, as a multiple of the bare forward pass of the embedding model on PyTorch.

All on one thread, in processor time, so that other processes matter little. The forward pass is that of
sentence-transformers with the same weights, of the question alone, already made into tokens. Asked are golden
questions of every kind, through the library: without the reader, and with it (on average: it reads only where
the ranking is unsure).

    python benchmarks/questions.py [QUESTIONS]
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

# Before anything loads: PyTorch and BLAS read it once.
os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np

from linernotes.library import Library
from linernotes.measuring.cases import read_cases
from linernotes.reading.reader import OnnxReader
from linernotes.retrieval.embedding import SentenceTransformerEmbedder, open_embedder
from linernotes.settings import Settings

ROOT = Path(__file__).parents[1]
QUESTIONS = 60
WARM = 5
AIMS = {"without reading": 0.7, "with the reader, on average": 2.5}


class Cost(NamedTuple):
    """Milliseconds of processor time a question."""

    mean: float
    median: float


def cost_of(milliseconds: list[float]) -> Cost:
    """Return what questions cost, those that warm up left out."""
    kept = milliseconds[WARM:]
    return Cost(float(np.mean(kept)), float(np.median(kept)))


def bare(questions: list[str]) -> Cost:
    """Measure the forward pass alone."""
    import torch

    embedder = SentenceTransformerEmbedder()
    torch.set_num_threads(1)
    found: list[float] = []
    for question in questions:
        encoded = embedder._tokenizer([question], return_tensors="pt")  # noqa: SLF001  the pass alone is meant
        with torch.inference_mode():
            started = time.process_time()
            embedder._model(dict(encoded))  # noqa: SLF001
            found.append((time.process_time() - started) * 1_000)
    return cost_of(found)


async def asked(questions: list[str], *, reading: bool) -> Cost:
    """Measure questions that are asked one after another."""
    found: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(corpus_dir=ROOT / "corpus", data_dir=Path(folder), reader=reading)
        reader = OnnxReader() if reading else None
        async with Library.open(settings, embedder=open_embedder(), reader=reader, keep="nothing") as library:
            for question in questions:
                started = time.process_time()
                await library.ask(question)
                found.append((time.process_time() - started) * 1_000)
    return cost_of(found)


def main() -> None:
    """Measure and print."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else QUESTIONS
    file = ROOT / "tests" / "golden" / "run.jsonl"
    cases = [
        case
        for article in read_cases(file.read_bytes(), file.name)
        for case in article.cases
        if case.kind in {"answerable", "near"}
    ]
    chosen = [cases[at * len(cases) // (count + WARM)].question for at in range(count + WARM)]
    base = bare(chosen)
    print(f"bare forward pass on PyTorch: mean {base.mean:.2f} ms, median {base.median:.2f} ms")
    costs = {
        "without reading": asyncio.run(asked(chosen, reading=False)),
        "with the reader, on average": asyncio.run(asked(chosen, reading=True)),
    }
    again = bare(chosen)
    print(f"the same at the end: mean {again.mean:.2f} ms, median {again.median:.2f} ms")
    mean = (base.mean + again.mean) / 2
    for name, cost in costs.items():
        print(
            f"a question {name}: mean {cost.mean:.2f} ms, median {cost.median:.2f} ms;"
            f" {cost.mean / mean:.2f} forward passes (aim {AIMS[name]})"
        )


if __name__ == "__main__":
    main()
