"""What becomes of the golden answers when the tokens' vectors are kept smaller.

Every golden question is asked of its article with the weights that ship: once with the vectors as float16,
as they were kept at first, and once for each way to make them smaller. Compared are the lead and the words in
bold, span by span, what is refused, and how sure the answer is. Prints a table.

    python benchmarks/token_vectors.py [WAY ...]
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

# Before anything loads: BLAS reads it once.
os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np

from linernotes.corpus.files import read_corpus
from linernotes.engine import Engine
from linernotes.library.editions import EditionStore
from linernotes.measuring.cases import read_cases
from linernotes.models import Answer
from linernotes.reading.reader import OnnxReader
from linernotes.retrieval import document_vectors
from linernotes.retrieval.embedding import open_embedder
from linernotes.retrieval.token_vectors import compress

if TYPE_CHECKING:
    from collections.abc import Callable

    from linernotes.models import Answer as Reply
    from linernotes.models import Floats, Unanswered

ROOT = Path(__file__).parents[1]
GOLDEN = ROOT / "tests" / "golden"
TRUTH = "float16, as before"


class Said(NamedTuple):
    """What was replied: where the lead stands, the words in bold, and how sure that is."""

    lead: tuple[str, int, int] | None
    bold: tuple[tuple[int, int], ...]
    certainty: str
    confidence: float


def said(reply: Reply | Unanswered) -> Said:
    """Return what is compared of a reply."""
    if not isinstance(reply, Answer):
        return Said(None, (), f"refused: {reply.reason}", reply.confidence)
    lead = reply.lead
    bold = tuple((each.start, each.end) for each in reply.bold)
    return Said((lead.document, lead.start, lead.end), bold, reply.certainty, reply.confidence)


def ones(vectors: np.ndarray) -> tuple[np.ndarray, Floats]:
    """Return vectors with scales that change nothing."""
    return vectors, np.ones(len(vectors), np.float32)


def by_dimension(vectors: Floats) -> tuple[np.ndarray, Floats]:
    """Return what eight bits leave of vectors, where each dimension of a document has a scale."""
    if not len(vectors):
        return ones(vectors)
    scales = np.maximum(np.abs(vectors).max(axis=0) / 127, 1e-12)
    return ones((np.rint(vectors / scales) * scales).astype(np.float32))


def four_bits(vectors: Floats) -> tuple[np.ndarray, Floats]:
    """Return what four bits leave of vectors, 32 components with a scale each."""
    if not len(vectors):
        return ones(vectors)
    blocks = vectors.reshape(len(vectors), -1, 32)
    scales = np.maximum(np.abs(blocks).max(axis=2, keepdims=True) / 7, 1e-12)
    return ones((np.rint(blocks / scales) * scales).reshape(vectors.shape).astype(np.float32))


def fewer(dimensions: int) -> Callable[[Floats], tuple[np.ndarray, Floats]]:
    """Return what keeps of a document's vectors what so many dimensions hold: its principal ones."""

    def project(vectors: Floats) -> tuple[np.ndarray, Floats]:
        if not len(vectors):
            return ones(vectors)
        _, _, axes = np.linalg.svd(vectors, full_matrices=False)
        axes = axes[:dimensions]
        return ones((vectors @ axes.T @ axes).astype(np.float32))

    return project


WAYS: dict[str, tuple[str, Callable[[Floats], tuple[np.ndarray, Floats]]]] = {
    "float16": ("768 bytes", lambda vectors: ones(vectors.astype(np.float16))),
    "8 bits, a scale for each vector": ("388 bytes", compress),
    "8 bits, a scale for each dimension": ("384 bytes", by_dimension),
    "4 bits, a scale for 32 components": ("216 bytes", four_bits),
    "256 dimensions, float16": ("512 bytes", fewer(256)),
    "192 dimensions, float16": ("384 bytes", fewer(192)),
}


def sets() -> list[tuple[Path, Path]]:
    """Return the golden sets that have an article: its questions, and the folder that it stands in."""
    folders = {"run": ROOT / "corpus"} | {each.name: each for each in (GOLDEN / "articles").iterdir()}
    files = sorted([*GOLDEN.glob("*.jsonl"), *(GOLDEN / "twins").glob("*.jsonl")])
    return [(file, folders[file.stem]) for file in files if file.stem in folders]


def ask_all(way: Callable[[Floats], tuple[np.ndarray, Floats]]) -> list[Said]:
    """Ask every golden question, with the vectors kept in this way."""
    document_vectors.compress = way
    engine = Engine(open_embedder(), reader=OnnxReader())
    found: list[Said] = []
    for file, folder in sets():
        reading = read_corpus(folder, max_file_bytes=1_000_000, max_corpus_bytes=1_000_000)
        edition = EditionStore(None, engine.segments, engine.indexes).open_edition(reading.require())
        for article in read_cases(file.read_bytes(), file.name):
            for case in article.cases:
                turns = engine.recall(edition, case.history)
                found.append(said(engine.ask(edition, case.question, turns).reply))
    return found


def main() -> None:
    """Measure and print."""
    truth = ask_all(WAYS["float16"][1])
    print(f"{len(truth)} questions; the rows say how many have the same as with float16.")
    print("| kept | a token | lead | lead and bold | stated, near or refused | confidence differs by |")
    print("|---|---|---|---|---|---|")
    for name in sys.argv[1:] or list(WAYS):
        size, way = WAYS[name]
        found = truth if name == "float16" else ask_all(way)
        pairs = list(zip(truth, found, strict=True))
        share = [sum(one[:upto] == two[:upto] for one, two in pairs) / len(pairs) for upto in (1, 2)]
        graded = sum(one.certainty == two.certainty for one, two in pairs) / len(pairs)
        apart = max(abs(one.confidence - two.confidence) for one, two in pairs)
        print(
            f"| {name} | {size} | {share[0]:.2%} | {share[1]:.2%} | {graded:.2%} | {apart:.3f} at most |",
            flush=True,
        )


if __name__ == "__main__":
    main()
