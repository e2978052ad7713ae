"""The packaged embedding model on ONNX Runtime, with eight-bit weights, on one thread."""

from __future__ import annotations

import functools
import hashlib
import json
from typing import TYPE_CHECKING, Any

import numpy as np

from linernotes.errors import ModelError
from linernotes.models import Embedding
from linernotes.retrieval.encoder_graph import INPUTS, EncoderGraph, rename

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from linernotes.models import Floats
    from linernotes.retrieval.encoder_graph import Rounding

# To be raised when the same weights give other vectors than before.
_VERSION = 2
# So many padded tokens go through the model together: 240 sentences took 1.4 s on one thread, 1.7 with 2,048
# and 1.65 one by one.
_BATCH_TOKENS = 512


class OnnxEmbedder:
    """A sentence-transformers model of BERT's architecture with mean pooling (Reimers and Gurevych 2019).

    Its eight-bit weights are made from the installed ones each time it is loaded, which takes less time than
    PyTorch takes to be imported. On one thread, a question costs a third of what it costs with PyTorch, and
    another process on the same core does not hold it up, as it does threads that wait for each other.
    """

    def __init__(self, folder: Path, *, sha256: str | None = None, rounding: Rounding = "blocks") -> None:
        """Load the model in ``folder``.

        Args:
            folder: ``model.safetensors``, ``config.json``, ``tokenizer.json``, ``sentence_bert_config.json``.
            sha256: the digest that the weights must have; any by default.
            rounding: of the matrices.

        Raises:
            ModelError: it cannot be loaded, or the weights have another digest.
        """
        from tokenizers import Tokenizer

        try:
            data = (folder / "model.safetensors").read_bytes()
            config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
            longest = json.loads((folder / "sentence_bert_config.json").read_text(encoding="utf-8"))
            self._longest = int(longest["max_seq_length"])
            self._tokenizer = (folder / "tokenizer.json").read_text(encoding="utf-8")
            self._cutting = Tokenizer.from_str(self._tokenizer)
            heads, epsilon = int(config["num_attention_heads"]), float(config["layer_norm_eps"])
            encoder = EncoderGraph(rename(tensors(data)), rounding, heads=heads, epsilon=epsilon)
        except Exception as error:  # those of the tokenizer and the weights have no class in common
            raise ModelError(f"The model in {folder} cannot be loaded: {error}.") from error
        found = hashlib.sha256(data).hexdigest()
        if sha256 is not None and found != sha256:
            raise ModelError(
                f"The weights of the model are not those that were published: {folder} has changed."
            )
        self._cutting.no_padding()
        self._cutting.enable_truncation(self._longest)
        self._dimension = encoder.width
        self._digest = hashlib.sha256(f"onnx {_VERSION}, {rounding}, {found}".encode()).hexdigest()
        self._session = _session(encoder.graph.to_bytes(INPUTS, encoder.output, encoder.width))

    @property
    def digest(self) -> str:
        """Name the model: a SHA-256 over its weights, and how they are rounded."""
        return self._digest

    @property
    def dimension(self) -> int:
        """Return the length of a vector."""
        return self._dimension

    @property
    def max_tokens(self) -> int:
        """Return how many tokens a text may have, special tokens left out."""
        return self._longest - int(self._cutting.num_special_tokens_to_add(is_pair=False))

    @functools.cached_property
    def _counting(self) -> Any:
        """Another tokenizer, for one that cuts cannot count; what is only asked needs none."""
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_str(self._tokenizer)
        tokenizer.no_padding()
        tokenizer.no_truncation()
        return tokenizer

    def count_tokens(self, text: str) -> int:
        """Return how many tokens ``text`` has, special tokens left out."""
        return len(self._counting.encode(text, add_special_tokens=False).ids)

    def embed(self, texts: Sequence[str]) -> list[Embedding]:
        """Return one embedding for each text, in order; a text over ``max_tokens`` is cut off there."""
        encoded = self._cutting.encode_batch([*texts])
        found: dict[int, Embedding] = {}
        for chosen in _batches([len(each.ids) for each in encoded]):
            ids = np.zeros((len(chosen), len(encoded[chosen[-1]].ids)), np.int32)
            mask = np.zeros_like(ids)
            for row, at in enumerate(chosen):
                size = len(encoded[at].ids)
                ids[row, :size], mask[row, :size] = encoded[at].ids, 1
            given = dict(zip(INPUTS, (ids, np.zeros_like(ids), mask), strict=True))
            (output,) = self._session.run(None, given)
            for row, at in enumerate(chosen):
                found[at] = _embedding(output[row, : len(encoded[at].ids)], encoded[at])
        return [found[at] for at in range(len(texts))]


def tensors(data: bytes) -> dict[str, Floats]:
    """Return the arrays of a file of weights by name (https://github.com/huggingface/safetensors#format).

    They are views of its bytes: its library would copy them, a tenth of a start. All are 32-bit floats.

    Raises:
        ValueError: the file is damaged.
    """
    start = 8 + int.from_bytes(data[:8], "little")
    found: dict[str, Floats] = {}
    for name, facts in json.loads(data[8:start]).items():
        if name != "__metadata__" and facts["dtype"] == "F32":
            first, end = facts["data_offsets"]
            flat = np.frombuffer(data, "<f4", (end - first) // 4, start + first)
            found[name] = flat.reshape(facts["shape"])
    return found


def _embedding(output: Floats, encoded: Any) -> Embedding:
    """Return the embedding of one text; ``output`` has a row for each token, special ones too."""
    kept = np.array(encoded.special_tokens_mask) == 0
    tokens = output[kept]
    mean = output.mean(axis=0)
    lengths = np.linalg.norm(tokens, axis=1, keepdims=True)
    return Embedding(
        vector=(mean / np.linalg.norm(mean)).astype(np.float32),
        tokens=(tokens / lengths).astype(np.float32),
        offsets=np.array(encoded.offsets, np.int64)[kept],
    )


def _batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Yield the positions of texts of these lengths in batches, the shortest first, to pad little."""
    batch: list[int] = []
    for at in sorted(range(len(lengths)), key=lambda at: lengths[at]):
        if batch and (len(batch) + 1) * lengths[at] > _BATCH_TOKENS:
            yield batch
            batch = []
        batch.append(at)
    if batch:
        yield batch


def _session(model: bytes) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    # Its own arena would keep the memory of the largest batch for good.
    options.enable_cpu_mem_arena = False
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
