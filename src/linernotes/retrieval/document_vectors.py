"""One document embedded: its passages, sentences and quotations in, the arrays of its segment out.

The tokens' vectors come from the forward pass of the whole passage ("late chunking", Günther et al. 2024), so
that a sentence's "he" is near the person meant.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from linernotes.retrieval.token_vectors import compress

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from linernotes.models import Embedding, Floats, Passage, Quote, Sentence
    from linernotes.retrieval.embedding import Embedder

# So many texts are embedded between two reports of progress.
PROGRESS_STEP = 64


def embed_document(
    passages: Sequence[Passage],
    sentences: Sequence[Sentence],
    quotes: Sequence[Quote],
    embedder: Embedder,
    progress: Callable[[int, int], None],
) -> Mapping[str, NDArray[Any]]:
    """Embed one document's passages, sentences and quotations.

    A passage is read below its heading where both fit the model. ``progress`` is told how many texts of how
    many are done.

    Returns:
        ``passage_vectors``, ``sentence_vectors`` and ``quote_vectors``, shape ``(n, dimension)``;
        ``token_vectors`` in eight bits, of all passages one after the other, and ``token_scales``, shape
        ``(n_tokens,)`` (``token_vectors.py``); ``passage_tokens``, shape ``(n_passages + 1,)``, where each
        passage's begin; ``sentence_tokens``, shape ``(n_sentences, 2)``, the first and the end of each
        sentence's.
    """
    texts: list[str] = []
    shifts: list[int] = []
    for passage in passages:
        head = f"{passage.heading}. " if passage.heading else ""
        if head and embedder.count_tokens(head + passage.text) > embedder.max_tokens:
            head = ""
        texts.append(head + passage.text)
        shifts.append(passage.start - len(head))
    texts += [sentence.text for sentence in sentences]
    texts += [quote.text for quote in quotes]
    embeddings: list[Embedding] = []
    for start in range(0, len(texts), PROGRESS_STEP):
        progress(start, len(texts))
        embeddings += embedder.embed(texts[start : start + PROGRESS_STEP])
    progress(len(texts), len(texts))
    of_passages = embeddings[: len(passages)]
    of_sentences = embeddings[len(passages) : len(passages) + len(sentences)]
    of_quotes = embeddings[len(passages) + len(sentences) :]
    begins = np.cumsum([0, *(len(each.tokens) for each in of_passages)])
    starts = [each.offsets[:, 0] + shift for each, shift in zip(of_passages, shifts, strict=True)]
    spans = np.zeros((len(sentences), 2), dtype=np.int64)
    for row, sentence in enumerate(sentences):
        at = sentence.passage - 1
        spans[row] = begins[at] + np.searchsorted(starts[at], (sentence.start, sentence.end))
    dimension = embedder.dimension
    tokens, scales = compress(_stack([each.tokens for each in of_passages], dimension))
    return {
        "passage_vectors": _stack([each.vector[None] for each in of_passages], dimension),
        "sentence_vectors": _stack([each.vector[None] for each in of_sentences], dimension),
        "quote_vectors": _stack([each.vector[None] for each in of_quotes], dimension),
        "token_vectors": tokens,
        "token_scales": scales,
        "passage_tokens": begins.astype(np.int64),
        "sentence_tokens": spans,
    }


def _stack(rows: Sequence[Floats], dimension: int) -> Floats:
    return np.concatenate([np.empty((0, dimension), np.float32), *rows]).astype(np.float32)
