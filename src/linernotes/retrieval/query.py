"""A question ready to be searched for: its words, its vectors, and which of its tokens make which word."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from linernotes.words import Word, find_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from linernotes.models import Embedding, Floats, Sentence


@dataclass(frozen=True, slots=True)
class Query:
    """A question ready to be searched for: its text, its words and what the model made of it.

    ``context`` code points at the start of the text are of earlier questions, whose words weigh less.
    ``alone`` is the question without them, and ``answered`` the best sentence of the last answer. ``unnamed``
    is a question that names what the whole text is about, with "it" for the name.
    """

    text: str
    words: tuple[Word, ...]
    embedding: Embedding
    context: int = 0
    alone: Query | None = None
    answered: Sentence | None = None
    unnamed: Query | None = None

    @classmethod
    def of(
        cls,
        text: str,
        embedding: Embedding,
        context: int = 0,
        alone: Query | None = None,
        answered: Sentence | None = None,
    ) -> Query:
        """Find the words of ``text``."""
        return cls(text, find_words(text), embedding, context, alone, answered)


def token_words(query: Query) -> list[int | None]:
    """Return which word each token of the question belongs to; marks belong to none."""
    found: list[int | None] = []
    for start, _ in query.embedding.offsets.tolist():
        found.append(next((i for i, word in enumerate(query.words) if word.start <= start < word.end), None))
    return found


def mean_over_words(query: Query, words: Sequence[Word]) -> Floats:
    """Return what takes the mean over each word's tokens, shape ``(words, tokens)``."""
    found = np.zeros((len(words), len(query.embedding.tokens)), np.float32)
    for token, at in enumerate(token_words(query)):
        if at is not None and query.words[at] in words:
            found[words.index(query.words[at]), token] = 1
    by_word: Floats = found / np.maximum(found.sum(axis=1, keepdims=True), 1)
    return by_word
