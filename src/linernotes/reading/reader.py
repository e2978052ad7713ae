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

PACKAGED_READER_SHA256 = "7572fd242df1ce70e02be3931013e0d6c5e1b0e37138530f353741d3dabbf283"

# More neighbours than these never fit.
_NEIGHBOURS = 12
# So many windows are remembered: the best sentence is read first, and then again with others.
_RECENT = 64


class Reader(Protocol):
    """Reads excerpts; may be called from any thread."""

    def read(
        self, question: str, excerpts: Sequence[Excerpt], earlier: str = "", windows: int | None = None
    ) -> list[Reading | None]:
        """Return one reading for each excerpt, in order.

        Args:
            question: without what it leans on.
            excerpts: the likeliest first.
            earlier: the question that this one leans on, with its answer's words.
            windows: so many may be read at most; ``None`` for as many as it takes. What stands in none of
                these has no reading.
        """
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
        self._lock = threading.Lock()
        self._recent: dict[bytes, Floats] = {}

    def read(
        self, question: str, excerpts: Sequence[Excerpt], earlier: str = "", windows: int | None = None
    ) -> list[Reading | None]:
        """Return one reading for each excerpt, in order; ``None`` for what stands in no window that was read.

        A sentence that stands in the window of another is read there: nothing in a window marks the sentence
        that it was made for. Windows that were read just now are not read again.
        """
        # Where each sentence stands that was read: in which window, as which of its sentences.
        places: dict[_Neighbours, tuple[_Prepared, int]] = {}
        keys = [_neighbours(each) for each in excerpts]
        left = len(excerpts) if windows is None else windows
        for key, each in zip(keys, excerpts, strict=True):
            if left and key not in places:
                prepared = self._prepare(question, each, earlier)
                places = {key: (prepared, at) for key, at in prepared.whole()} | places
                # A sentence that was cut off is still what the window was made for.
                places[key] = prepared, prepared.at
                left -= 1
        found = [places.get(key) for key in keys]
        return [None if each is None else _reading(self._logits(each[0].window), *each) for each in found]

    def _logits(self, window: Window) -> Floats:
        # A digest: what people asked is not kept.
        key = hashlib.sha256(window.ids.tobytes() + window.kinds.tobytes()).digest()
        with self._lock:
            if (found := self._recent.pop(key, None)) is not None:
                self._recent[key] = found
                return found
        found = self._run(window)
        with self._lock:
            self._recent[key] = found
            while len(self._recent) > _RECENT:
                del self._recent[next(iter(self._recent))]
        return found

    def _run(self, window: Window) -> Floats:
        # Alone: on one thread a batch takes longer, padded and beyond the processor's caches. And the numbers
        # between the layers are rounded by one scale for a whole batch.
        ids, kinds, mask = (each.astype(np.int32) for each in pad([window]))
        found: Floats = self._session.run(None, {"ids": ids, "kinds": kinds, "mask": mask})[0][0]
        return found

    def _prepare(self, question: str, excerpt: Excerpt, earlier: str) -> _Prepared:
        texts = [*excerpt.before[-_NEIGHBOURS:], excerpt.sentence, *excerpt.after[:_NEIGHBOURS]]
        at = len(excerpt.before[-_NEIGHBOURS:])
        left, right = surround([len(each.split()) for each in texts], at, (0, len(texts)), WINDOW_WORDS)
        leant_on, asked, heading, *sentences = self._tokenizer.encode_batch(
            [earlier, question, excerpt.heading, *texts[left:right]], add_special_tokens=False
        )
        window = encode(asked.ids, heading.ids, [each.ids for each in sentences], leant_on.ids)
        outer = ["", *texts, ""]
        standing = [_Neighbours(excerpt.heading, *outer[place : place + 3]) for place in range(left, right)]
        return _Prepared(window, at - left, standing, [each.offsets for each in sentences])


class LazyReader:
    """The packaged reader, loaded when the first question needs it."""

    def __init__(self) -> None:
        """Load nothing yet."""
        self._lock = threading.Lock()
        self._reader: OnnxReader | None = None

    def read(
        self, question: str, excerpts: Sequence[Excerpt], earlier: str = "", windows: int | None = None
    ) -> list[Reading | None]:
        """Return one reading for each excerpt, in order; ``None`` for what stands in no window that was read.

        Raises:
            ModelError: the reader cannot be loaded.
        """
        with self._lock:
            if self._reader is None:
                self._reader = OnnxReader()
        return self._reader.read(question, excerpts, earlier, windows)


class _Neighbours(NamedTuple):
    """What a sentence is known by in an article: its heading, itself, and what stands beside it."""

    heading: str
    before: str
    sentence: str
    after: str


def _neighbours(excerpt: Excerpt) -> _Neighbours:
    before, after = ["", *excerpt.before][-1], [*excerpt.after, ""][0]
    return _Neighbours(excerpt.heading, before, excerpt.sentence, after)


class _Prepared(NamedTuple):
    """A window, which of its sentences it was made for, and what those are known by.

    ``offsets`` has for each sentence where in it its tokens lie.
    """

    window: Window
    at: int
    standing: list[_Neighbours]
    offsets: list[list[tuple[int, int]]]

    def whole(self) -> Iterator[tuple[_Neighbours, int]]:
        """Yield the sentences of which nothing was cut off."""
        for at, (begin, stop) in enumerate(self.window.sentences):
            if stop - begin == len(self.offsets[at]):
                yield self.standing[at], at


def _reading(logits: Floats, prepared: _Prepared, at: int) -> Reading:
    found = find(logits, prepared.window.sentences, at)
    begin, stop = prepared.window.sentences[at]
    offsets = prepared.offsets[at]
    start, end = 0, 0
    if begin < stop:
        start, end = offsets[found.first - begin][0], offsets[found.last - begin][1]
    return Reading(start, end, *found[2:])


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
