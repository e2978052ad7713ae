"""Many articles out of few: real sentences, whose names and numbers are others in each copy. Seeded.

The first article is that of ``corpus/``, as it is, so that its golden questions have answers. The others are
those of ``tests/golden/articles``, again and again: names are made of syllables, numbers of digits, and a
sentence that has neither begins with a month and a year, so that articles have hardly a sentence in common.
"""

from __future__ import annotations

import random
import re
from pathlib import Path
from typing import TYPE_CHECKING

from linernotes.corpus.files import read_corpus

if TYPE_CHECKING:
    from collections.abc import Iterator

    from linernotes.models import Document

ROOT = Path(__file__).parents[1]
SEED = 14
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
    number = 0
    while True:
        for document in others:
            number += 1
            chance = random.Random(f"{SEED} {number}")  # noqa: S311  a corpus is no secret
            names: dict[str, str] = {}
            title = f"{_name(chance)} {_name(chance)}"
            lines = [f"---\ntitle: {title}\nartist: {_name(chance)} {_name(chance)}\n---"]
            for block in document.blocks:
                text = document.text[block.start : block.end]
                lines.append(
                    f"## {_varied(text, names, chance)}"
                    if block.kind == "heading"
                    else _varied(text, names, chance)
                )
            yield f"{number:05}.md", "\n\n".join(lines) + "\n"
