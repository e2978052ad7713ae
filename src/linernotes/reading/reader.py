"""The reader: a small cross-encoder (Devlin et al. 2019) of a question and a sentence in its surroundings.

Its weights are trained by ``bot.py train`` from those of the packaged embedding model (MiniLM, Wang et al.
2020). One forward pass gives every token of a window a start, an end and an evidence logit.
"""

from __future__ import annotations

import hashlib
import threading
from importlib import resources
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from linernotes.errors import ModelError
from linernotes.models import Reading
from linernotes.reading.spans import find
from linernotes.reading.windows import WINDOW_WORDS, Window, encode, load_tokenizer, pad, surround

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from linernotes.models import Excerpt, Floats

PACKAGED_READER_SHA256 = "5bfbebbf4d8b4f5d576826bdd3f3b5e4b288d0b66315c49bd4eed5975ae65f1d"

# More neighbours than these never fit.
_NEIGHBOURS = 12
# So many padded tokens go through the model together: a longer batch gains nothing, but needs more memory.
_BATCH_TOKENS = 2_048


class Asked(NamedTuple):
    """A question with the excerpts that may answer it."""

    question: str
    excerpts: Sequence[Excerpt]


class Reader(Protocol):
    """Reads excerpts; may be called from any thread."""

    def read(self, question: str, excerpts: Sequence[Excerpt]) -> list[Reading]:
        """Return one reading for each excerpt, in order."""
        ...


class OnnxReader:
    """The packaged reader on ONNX Runtime, on one thread."""

    def __init__(self, weights: bytes | None = None) -> None:
        """Load the packaged reader, or one that ``weights`` has as ONNX.

        Raises:
            ModelError: the packaged weights are not those that were published, or they cannot be loaded.
        """
        self._session = _load(_packaged() if weights is None else weights)
        self._tokenizer = load_tokenizer()

    def read(self, question: str, excerpts: Sequence[Excerpt]) -> list[Reading]:
        """Return one reading for each excerpt, in order; equal windows are read once."""
        return self.read_all([Asked(question, excerpts)])[0]

    def read_all(self, asked: Sequence[Asked]) -> list[list[Reading]]:
        """Return the readings of each question's excerpts; windows of like length are read together."""
        prepared = [[self._prepare(question, each) for each in excerpts] for question, excerpts in asked]
        # A window is known by its tokens: excerpts next to each other often have the same surroundings.
        windows = {each.key: each.window for row in prepared for each in row}
        logits: dict[bytes, Floats] = {}
        for batch in _batches(sorted(windows.items(), key=lambda item: len(item[0]))):
            ids, kinds, mask = (each.astype(np.int32) for each in pad([window for _, window in batch]))
            (found,) = self._session.run(None, {"ids": ids, "kinds": kinds, "mask": mask})
            for row, (key, window) in enumerate(batch):
                logits[key] = found[row, : len(window.ids)]
        return [[_reading(logits[each.key], each) for each in row] for row in prepared]

    def _prepare(self, question: str, excerpt: Excerpt) -> _Prepared:
        before = excerpt.before[-_NEIGHBOURS:]
        texts = [*before, excerpt.sentence, *excerpt.after[:_NEIGHBOURS]]
        at = len(before)
        left, right = surround([len(each.split()) for each in texts], at, (0, len(texts)), WINDOW_WORDS)
        asked, heading, *sentences = self._tokenizer.encode_batch(
            [question, excerpt.heading, *texts[left:right]], add_special_tokens=False
        )
        window = encode(asked.ids, heading.ids, [each.ids for each in sentences])
        return _Prepared(window, window.ids.tobytes(), at - left, sentences[at - left].offsets)


class LazyReader:
    """The packaged reader, loaded when the first question needs it."""

    def __init__(self) -> None:
        """Load nothing yet."""
        self._lock = threading.Lock()
        self._reader: OnnxReader | None = None

    def read_all(self, asked: Sequence[Asked]) -> list[list[Reading]]:
        """Return the readings of each question's excerpts.

        Raises:
            ModelError: the reader cannot be loaded.
        """
        with self._lock:
            if self._reader is None:
                self._reader = OnnxReader()
        return self._reader.read_all(asked)


class _Prepared(NamedTuple):
    """A window, what it is known by, which of its sentences is read, and where in that one its tokens lie."""

    window: Window
    key: bytes
    at: int
    offsets: list[tuple[int, int]]


def _reading(logits: Floats, prepared: _Prepared) -> Reading:
    found = find(logits, prepared.window.sentences, prepared.at)
    begin, stop = prepared.window.sentences[prepared.at]
    start, end = 0, 0
    if begin < stop:
        start, end = prepared.offsets[found.first - begin][0], prepared.offsets[found.last - begin][1]
    return Reading(start, end, *found[2:])


def _batches(windows: Sequence[tuple[bytes, Window]]) -> Iterator[list[tuple[bytes, Window]]]:
    """Yield the windows, which come shortest first, in batches; each is padded to its last."""
    batch: list[tuple[bytes, Window]] = []
    for each in windows:
        if batch and (len(batch) + 1) * len(each[1].ids) > _BATCH_TOKENS:
            yield batch
            batch = []
        batch.append(each)
    if batch:
        yield batch


def _packaged() -> bytes:
    try:
        data = resources.files("linernotes").joinpath("reading", "reader.onnx").read_bytes()
    except OSError as error:
        raise ModelError(f"The reader's weights cannot be read: {error}.") from error
    if hashlib.sha256(data).hexdigest() != PACKAGED_READER_SHA256:
        raise ModelError("The reader's weights are not those that were published: reader.onnx has changed.")
    return data


def _load(weights: bytes) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    # Its own arena keeps the memory of the largest batch for good.
    options.enable_cpu_mem_arena = False
    try:
        return onnxruntime.InferenceSession(weights, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its errors have no class in common
        raise ModelError(f"The reader cannot be loaded: {error}.") from error
