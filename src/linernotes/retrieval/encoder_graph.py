"""The layers of a BERT encoder (Devlin et al. 2019) as a graph of ONNX Runtime's fused operators.

The graph is written out, so that no exporter and no optimiser need guess. Matrices are kept as they are or
as whole numbers, in one of two ways:

- by *columns*: seven bits, a scale for each column; what flows through is rounded likewise, with one scale
  for the whole batch (as in Q8BERT, Zafrir et al. 2019). The fastest.
- by *blocks*, the feed-forward halves only: eight bits, a scale and a zero for each 32 numbers of a column;
  what flows through them is rounded 32 numbers at a time. Near enough for vectors that are compared.
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Literal

import numpy as np

from linernotes.retrieval.onnx_graph import FLOAT32, Graph

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from linernotes.models import Floats

Rounding = Literal["none", "columns", "blocks"]

INPUTS = ("ids", "kinds", "mask")
# Seven bits by columns: without VNNI, two products are added in sixteen bits, which eight would overflow.
_COLUMN_MOST, _ROW_MOST = 63, 127
_BLOCK = 32
# So many rows of a matrix are rounded at a time: some hundred kilobytes, which the processor's cache holds.
_ROWS = 32
# The feed-forward halves: two thirds of all weights, which vectors depend on least.
_IN_BLOCKS = (".up", ".down")
# ONNX Runtime multiplies blocks as whole numbers at this level, and as floats below.
_AS_WHOLE_NUMBERS = 4
_SMALLEST = np.float32(1e-12)
# Our names of the parts of a layer, and transformers'.
_PATHS = {
    "out": "attention.output.dense",
    "norm1": "attention.output.LayerNorm",
    "up": "intermediate.dense",
    "down": "output.dense",
    "norm2": "output.LayerNorm",
}


class EncoderGraph:
    """An encoder's graph, from its weights by name; a linear layer's have the shape (outputs, inputs).

    The names are ``words``, ``positions``, ``kinds`` and ``norm``, and in each of ``layers.0`` and so on
    ``qkv``, ``out``, ``norm1``, ``up``, ``down`` and ``norm2``, all with ``.weight`` and, but for the first
    three, ``.bias``.
    """

    def __init__(
        self, weights: Mapping[str, Floats], rounding: Rounding, *, heads: int, epsilon: float
    ) -> None:
        """Write the encoder; ``output`` names what comes out, of the shape (texts, tokens, width)."""
        self.graph = Graph()
        self.width = len(weights["norm.weight"])
        self._weights, self._rounding, self._heads, self._epsilon = weights, rounding, heads, epsilon
        depth = 1 + max(int(name.split(".")[1]) for name in weights if name.startswith("layers."))
        self.output = self._embed()
        for number in range(depth):
            self.output = self._add_layer(self.output, f"layers.{number}")

    def weight(self, name: str) -> str:
        """Add a weight as it is; return its name."""
        return self.graph.constant(name, self._weights[name])

    def _embed(self) -> str:
        graph = self.graph
        first = graph.constant("first", np.array([0], np.int64))
        tokens = graph.add("Shape", ["ids"], "tokens.count", start=1, end=2)
        places = graph.add("Slice", [self.weight("positions.weight"), first, tokens], "places")
        kinds = graph.add("Gather", [self.weight("kinds.weight"), "kinds"], "kinds.rows")
        around = graph.add("Add", [kinds, places], "around")
        added = graph.add("Add", [self._words(), around], "embedded.sum")
        norm = [self.weight("norm.weight"), self.weight("norm.bias")]
        return graph.add("LayerNormalization", [added, *norm], "embedded", epsilon=self._epsilon)

    def _words(self) -> str:
        """Look up the rows of the words."""
        graph, table = self.graph, self._weights["words.weight"]
        if self._rounding == "none":
            return graph.add("Gather", [self.weight("words.weight"), "ids"], "words.rows")
        if self._rounding == "blocks":
            rows = graph.add(
                "Gather", [graph.constant("words.half", table.astype(np.float16)), "ids"], "words.rows"
            )
            return graph.add("Cast", [rows], "words.cast", to=FLOAT32)
        whole, scale = round_slices(table, axis=1, most=_ROW_MOST)
        rows = graph.add("Gather", [graph.constant("words.whole", whole), "ids"], "words.rows")
        scales = graph.add("Gather", [graph.constant("words.scale", scale), "ids"], "words.scales")
        return graph.add("Mul", [graph.add("Cast", [rows], "words.cast", to=FLOAT32), scales], "words.scaled")

    def _add_layer(self, x: str, at: str) -> str:
        graph = self.graph
        # A layer may have lost some of its heads.
        wide = self._weights[f"{at}.out.weight"].shape[1]
        thirds = graph.constant(f"thirds.{wide}", np.array([wide] * 3, np.int64))
        heads = wide * self._heads // self.width
        parts = [f"{at}.query", f"{at}.key", f"{at}.value"]
        graph.add("Split", [self._multiply(x, f"{at}.qkv"), thirds], *parts, axis=-1)
        attention = [*parts, "", "mask"]
        attended = graph.add("MultiHeadAttention", attention, f"{at}.attended", fused=True, num_heads=heads)
        x = self._normalize(self._multiply(attended, f"{at}.out"), x, f"{at}.norm1")
        bent = graph.add("Gelu", [self._multiply(x, f"{at}.up")], f"{at}.bent", fused=True)
        return self._normalize(self._multiply(bent, f"{at}.down"), x, f"{at}.norm2")

    def _normalize(self, product: str, rest: str, norm: str) -> str:
        # One by one: the operators that do several of these at once go through the numbers singly, and took
        # three times as long, a fourth of the whole (ONNX Runtime 1.32, AVX-512).
        added = self.graph.add("Add", [product, rest], f"{norm}.sum")
        inputs = [added, self.weight(f"{norm}.weight"), self.weight(f"{norm}.bias")]
        return self.graph.add(
            "LayerNormalization", inputs, f"{norm}.normalized", axis=-1, epsilon=self._epsilon
        )

    def _multiply(self, x: str, name: str) -> str:
        """Multiply by the matrix of a linear layer, and add its bias."""
        graph, matrix, out = self.graph, self._weights[f"{name}.weight"], f"{name}.product"
        bias = self.weight(f"{name}.bias")
        if self._rounding == "columns":
            columns, scale = round_slices(matrix.T, axis=0, most=_COLUMN_MOST)
            inputs = [x, graph.constant(f"{name}.whole", columns), graph.constant(f"{name}.scale", scale[0])]
            return graph.add("DynamicQuantizeMatMul", [*inputs, "", bias], out, fused=True)
        if self._rounding == "blocks" and name.endswith(_IN_BLOCKS):
            whole, scales, zeros = round_blocks(matrix)
            inputs = [
                x,
                graph.constant(f"{name}.whole", whole),
                graph.constant(f"{name}.scales", scales),
                graph.constant(f"{name}.zeros", zeros),
            ]
            return graph.add(
                "MatMulNBits",
                [*inputs, "", bias],
                out,
                fused=True,
                N=matrix.shape[0],
                K=matrix.shape[1],
                bits=8,
                block_size=_BLOCK,
                accuracy_level=_AS_WHOLE_NUMBERS,
            )
        graph.add("MatMul", [x, graph.constant(f"{name}.matrix", matrix.T)], out)
        return graph.add("Add", [out, bias], f"{name}.sum")


def rename(weights: Mapping[str, Floats]) -> dict[str, Floats]:
    """Return an encoder's weights, named as transformers names BERT's, by the names used here."""
    ours = {
        "words.weight": weights["embeddings.word_embeddings.weight"],
        "positions.weight": weights["embeddings.position_embeddings.weight"],
        "kinds.weight": weights["embeddings.token_type_embeddings.weight"],
        "norm.weight": weights["embeddings.LayerNorm.weight"],
        "norm.bias": weights["embeddings.LayerNorm.bias"],
    }
    depth = 1 + max(int(name.split(".")[2]) for name in weights if name.startswith("encoder.layer."))
    for number, kind in product(range(depth), ("weight", "bias")):
        theirs, at = f"encoder.layer.{number}", f"layers.{number}"
        parts = [weights[f"{theirs}.attention.self.{part}.{kind}"] for part in ("query", "key", "value")]
        ours[f"{at}.qkv.{kind}"] = np.concatenate(parts)
        for name, path in _PATHS.items():
            ours[f"{at}.{name}.{kind}"] = weights[f"{theirs}.{path}.{kind}"]
    return ours


def round_slices(matrix: Floats, *, axis: int, most: int) -> tuple[NDArray[np.int8], Floats]:
    """Return whole numbers from ``-most`` to ``most`` and their scales, one for each slice along ``axis``.

    ``whole * scale`` is ``matrix`` again, but for the rounding; the scales keep the dimension with length 1.
    """
    scale = np.maximum(np.abs(matrix).max(axis, keepdims=True), _SMALLEST) / np.float32(most)
    return np.rint(matrix / scale).astype(np.int8), scale.astype(np.float32)


def round_blocks(matrix: Floats) -> tuple[NDArray[np.uint8], Floats, NDArray[np.uint8]]:
    """Return whole numbers from 0 to 255 in blocks of each row, and the scale and the zero of each block.

    ``(whole - zero) * scale`` is the block again, but for the rounding. The shapes are (rows, blocks, 32),
    (rows, blocks) and (rows, blocks).
    """
    blocks = matrix.reshape(len(matrix), -1, _BLOCK)
    whole, zeros = np.empty(blocks.shape, np.uint8), np.empty(blocks.shape[:2], np.uint8)
    scales = np.empty(blocks.shape[:2], np.float32)
    # Some rows at a time: half of the time went into memory that is new each time.
    for first in range(0, len(blocks), _ROWS):
        rows = slice(first, first + _ROWS)
        low = np.minimum(_halved(blocks[rows], np.minimum), 0)
        high = np.maximum(_halved(blocks[rows], np.maximum), 0)
        scale = np.maximum((high - low) / np.float32(255), _SMALLEST)
        zero = np.rint(-low / scale)
        found = blocks[rows] / scale[..., None]
        np.rint(found, out=found)
        found += zero[..., None]
        np.clip(found, 0, 255, out=found)
        whole[rows], scales[rows], zeros[rows] = found, scale, zero
    return whole, scales, zeros


def _halved(blocks: Floats, least: np.ufunc) -> Floats:
    """Return the least or largest of each block: half of it against the other half, many blocks at once."""
    while (half := blocks.shape[-1] // 2) > 0:
        blocks = least(blocks[..., :half], blocks[..., half:])
    return blocks[..., 0]
