"""Small talk in a followed thread: the share of questions and of remarks that are treated right.

Members ask the bot in a thread, and talk there with each other as well; only what is a question for it is
answered. The messages stand in ``tests/golden``:

- ``remarks-learning.jsonl``, with the questions of the golden sets of four articles, is what the weights are
  learned from; its figures are by cross-validation over articles,
- ``remarks.jsonl`` and ``remarks-held-out.jsonl`` were written before anything was tuned and nothing is
learned
  from them.

    python benchmarks/remarks.py             # prints the figures of the weights that ship
    python benchmarks/remarks.py --wrong     # and the messages that are treated wrongly
    python benchmarks/remarks.py --write     # learns the weights anew, and writes them
"""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from linernotes.answering import overheard
from linernotes.answering.question import plain
from linernotes.library import Library
from linernotes.retrieval.embedding import Embedder, open_embedder
from linernotes.retrieval.query import Query
from linernotes.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from linernotes.models import Edition, Floats
    from linernotes.retrieval.index import Index

ROOT = Path(__file__).parents[1]
GOLDEN = ROOT / "tests" / "golden"
LEARNED = "remarks-learning"
JUDGED = ("remarks", "remarks-held-out")
ASKED = ("harbour", "heist", "interview", "lighthouse")
# Of the golden questions there are many, and all are questions.
WEIGHT_OF_ASKED = 0.5
# The penalty on the weights of the signs (its inverse), and by how much a vector's are held back besides.
FREEDOM, VECTOR_SCALE = 0.3, 8.0


@dataclass(frozen=True)
class Message:
    """A message, the article of the thread, and what is known of it."""

    origin: str
    about: str
    text: str
    is_question: bool
    signs: tuple[float, ...]
    vector: Floats
    is_enough: bool


def main() -> None:
    """Print the figures, after learning where that is wanted."""
    embedder = open_embedder(Settings().embedding_model)
    messages = list(read(embedder))
    learned = [each for each in messages if each.origin not in JUDGED]
    if "--write" in sys.argv:
        write(learned, embedder.digest)
        overheard.listeners.cache_clear()
    print(f"{'':34}{'questions':>12}{'remarks':>12}")
    for named, reads_vector in (("the model that ships", True), ("any other model", False)):
        listener = overheard.listeners()[embedder.digest if reads_vector else ""]
        print(named)
        tell("learning, cross-validated", crossed(learned, reads_vector=reads_vector))
        for origin in JUDGED:
            judged = [each for each in messages if each.origin == origin]
            tell(origin, [(each, listener.of(each.signs, each.vector)) for each in judged])


def tell(name: str, found: list[tuple[Message, float]]) -> None:
    """Print the share of questions and of remarks that are treated right."""
    right = {True: [], False: []}
    for each, probability in found:
        is_right = (each.is_enough and probability >= 0.5) == each.is_question  # noqa: PLR2004  likelier than not
        if each.origin not in ASKED:
            right[each.is_question].append(is_right)
        if not is_right and "--wrong" in sys.argv:
            print(f"      {'question' if each.is_question else 'remark'} {probability:.2f} {each.text}")
    shares = [f"{np.mean(each):.3f} of {len(each)}" for each in (right[True], right[False])]
    print(f"  {name:30}{shares[0]:>14}{shares[1]:>14}")


def read(embedder: Embedder) -> Iterator[Message]:
    """Read the messages, and search for each in its article."""
    rows = [(origin, row) for origin in (LEARNED, *JUDGED) for row in rows_of(origin)]
    for about in ASKED:
        kinds = {"answerable", "near", "followup"}
        asked = [row["question"] for row in rows_of(about) if row["kind"] in kinds]
        rows += [(about, {"text": text, "kind": "question", "about": about}) for text in asked]
    editions = {
        about: asyncio.run(open_edition(about, embedder))
        for about in sorted({row.get("about", "run") for _, row in rows})
    }
    for origin, row in rows:
        about, text = row.get("about", "run"), plain(row["text"])
        embedding = embedder.embed([text])[0]
        evidence = editions[about].index.search(Query.of(text, embedding))
        signs = overheard.find_signs(text, evidence)
        yield Message(
            origin,
            about,
            row["text"],
            row["kind"] == "question",
            tuple(signs[name] for name in overheard.SIGNS),
            embedding.vector,
            overheard.is_enough(text),
        )


def rows_of(name: str) -> list[dict[str, Any]]:
    """Return the rows of a file of messages or questions."""
    lines = (GOLDEN / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines if line]


async def open_edition(about: str, embedder: Embedder) -> Edition[Index]:
    """Return the edition of an article."""
    folder = ROOT / "corpus" if about == "run" else GOLDEN / "articles" / about
    async with Library.open(Settings(corpus_dir=folder), embedder=embedder, keep="nothing") as library:
        return await library.edition()


def crossed(messages: list[Message], *, reads_vector: bool) -> list[tuple[Message, float]]:
    """Judge each message by weights that have not seen its article."""
    found = []
    for about in sorted({each.about for each in messages}):
        listener = fit([each for each in messages if each.about != about], reads_vector=reads_vector)
        found += [(each, listener.of(each.signs, each.vector)) for each in messages if each.about == about]
    return found


def fit(messages: list[Message], *, reads_vector: bool) -> overheard.Listener:
    """Fit a logistic regression to messages."""
    from sklearn.linear_model import LogisticRegression

    messages = [each for each in messages if each.is_enough]
    signs = np.array([each.signs for each in messages])
    middle, spread = signs.mean(axis=0), signs.std(axis=0) + 1e-9
    vectors = np.array([each.vector for each in messages])
    centre = vectors.mean(axis=0)
    features = (signs - middle) / spread
    if reads_vector:
        features = np.hstack([features, (vectors - centre) * VECTOR_SCALE])
    model = LogisticRegression(C=FREEDOM, max_iter=5_000).fit(
        features,
        [each.is_question for each in messages],
        sample_weight=[WEIGHT_OF_ASKED if each.origin in ASKED else 1.0 for each in messages],
    )
    of_signs = model.coef_[0][: signs.shape[1]] / spread
    of_vector = model.coef_[0][signs.shape[1] :] * VECTOR_SCALE
    intercept = float(model.intercept_[0] - of_signs @ middle)
    if not reads_vector:
        return overheard.Listener(intercept, of_signs.astype(np.float32))
    intercept -= float(of_vector @ centre)
    return overheard.Listener(intercept, of_signs.astype(np.float32), of_vector.astype(np.float32))


def write(messages: list[Message], digest: str) -> None:
    """Learn from all messages, and write the weights."""
    stored = []
    for model, reads_vector in ((digest, True), ("", False)):
        listener = fit(messages, reads_vector=reads_vector)
        stored.append(
            {
                "model": model,
                "intercept": round(listener.intercept, 4),
                "signs": {
                    name: round(float(weight), 4)
                    for name, weight in zip(overheard.SIGNS, listener.signs, strict=True)
                },
                "vector": None
                if listener.vector is None
                else [round(float(weight), 3) for weight in listener.vector],
            }
        )
    place = Path(overheard.__file__).with_name(overheard.WEIGHTS)
    text = json.dumps({"listeners": stored}, indent=1)
    # A line for each weight of a vector would make a long file of it.
    head, *rest = text.split('"vector": [')
    lines = [head] + [
        " ".join(part.partition("]")[0].split()) + "]" + part.partition("]")[2] for part in rest
    ]
    place.write_text('"vector": ['.join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
