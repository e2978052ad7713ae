"""Weights -> an ONNX file whose matrices are whole numbers of eight bits.

The graph is written out with ONNX Runtime's fused operators, so that no exporter and no optimiser need
guess. Each column of a matrix, and each row of the embeddings, has a scale of its own; what flows between is
measured while it runs (dynamic quantisation, as in Q8BERT, Zafrir et al. 2019).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from linernotes.models import Floats

_OPSET, _FORMAT = 17, 9
_FUSED = "com.microsoft"
# Seven bits for matrices: without VNNI, two products are added in sixteen bits, which eight would overflow.
_MATRIX, _ROW = 63, 127


def to_onnx(weights: Mapping[str, Floats], *, heads: int, epsilon: float, quantized: bool = True) -> bytes:
    """Return the model that ``network.ReaderNetwork`` is, with these weights, as the bytes of an ONNX file.

    Its inputs ``ids``, ``kinds`` and ``mask`` have the shape (windows, tokens), 32-bit whole numbers; the
    mask is 0 for padding, which stands at the end. Its output ``logits`` has the shape (windows, tokens, 3).

    Args:
        weights: by name; a linear layer's have the shape (outputs, inputs).
        heads: of the attention.
        epsilon: of the normalisation.
        quantized: without it, the weights stay as they are.
    """
    from onnx import TensorProto, helper

    graph = _Graph(weights, quantized=quantized)
    x = _embed(graph, epsilon)
    depth = 1 + max(int(name.split(".")[1]) for name in weights if name.startswith("layers."))
    for number in range(depth):
        x = _add_layer(graph, x, f"layers.{number}", heads, epsilon)
    # The last matrix has three columns: nothing is gained by rounding them.
    product = graph.add(
        "MatMul", [x, graph.constant("head.matrix", weights["head.weight"].T)], "head.product"
    )
    graph.add("Add", [product, graph.weight("head.bias")], "logits")
    shape = ["windows", "tokens"]
    made = helper.make_graph(
        graph.nodes,
        "reader",
        [helper.make_tensor_value_info(name, TensorProto.INT32, shape) for name in ("ids", "kinds", "mask")],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [*shape, 3])],
        graph.constants,
    )
    imports = [helper.make_opsetid("", _OPSET), helper.make_opsetid(_FUSED, 1)]
    model = helper.make_model(made, opset_imports=imports, ir_version=_FORMAT, producer_name="linernotes")
    written: bytes = model.SerializeToString(deterministic=True)
    return written


def quantize(matrix: Floats, *, axis: int, most: int) -> tuple[NDArray[np.int8], Floats]:
    """Return whole numbers from ``-most`` to ``most`` and their scales, one for each slice along ``axis``.

    ``whole * scale`` is ``matrix`` again, but for the rounding; the scales keep the dimension with length 1.
    """
    scale = np.maximum(np.abs(matrix).max(axis, keepdims=True), np.float32(1e-12)) / np.float32(most)
    return np.rint(matrix / scale).astype(np.int8), scale.astype(np.float32)


class _Graph:
    """A graph that is being written; each node has the name of its output."""

    def __init__(self, weights: Mapping[str, Floats], *, quantized: bool) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.width = len(weights["norm.weight"])
        self._weights, self._quantized = weights, quantized

    def constant(self, name: str, value: NDArray[Any]) -> str:
        from onnx import numpy_helper

        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def weight(self, name: str) -> str:
        return self.constant(name, self._weights[name])

    def add(self, kind: str, inputs: Sequence[str], *outputs: str, fused: bool = False, **given: Any) -> str:
        from onnx import helper

        domain = _FUSED if fused else ""
        self.nodes.append(helper.make_node(kind, inputs, outputs, name=outputs[0], domain=domain, **given))
        return outputs[0]

    def words(self) -> str:
        """Look up the rows of the words."""
        if not self._quantized:
            return self.add("Gather", [self.weight("words.weight"), "ids"], "words")
        whole, scale = quantize(self._weights["words.weight"], axis=1, most=_ROW)
        rows = self.add("Gather", [self.constant("words.whole", whole), "ids"], "words.rows")
        scales = self.add("Gather", [self.constant("words.scale", scale), "ids"], "words.scales")
        # 1 is ONNX's number for 32-bit floats.
        return self.add("Mul", [self.add("Cast", [rows], "words.cast", to=1), scales], "words")

    def multiply(self, x: str, name: str, *bias: str) -> str:
        """Multiply by the matrix of a linear layer, and add a bias if there is one."""
        matrix = self._weights[f"{name}.weight"].T
        if self._quantized:
            whole, scale = quantize(matrix, axis=0, most=_MATRIX)
            inputs = [x, self.constant(f"{name}.whole", whole), self.constant(f"{name}.scale", scale[0])]
            return self.add("DynamicQuantizeMatMul", [*inputs, "", *bias], f"{name}.product", fused=True)
        product = self.add("MatMul", [x, self.constant(f"{name}.matrix", matrix)], f"{name}.product")
        return self.add("Add", [product, *bias], f"{name}.sum") if bias else product


def _embed(graph: _Graph, epsilon: float) -> str:
    first = graph.constant("first", np.array([0], np.int64))
    tokens = graph.add("Shape", ["ids"], "tokens", start=1, end=2)
    places = graph.add("Slice", [graph.weight("positions.weight"), first, tokens], "places")
    kinds = graph.add("Gather", [graph.weight("kinds.weight"), "kinds"], "kinds.rows")
    added = graph.add("Add", [graph.words(), graph.add("Add", [kinds, places], "around")], "embedded.sum")
    norm = [graph.weight("norm.weight"), graph.weight("norm.bias")]
    return graph.add("LayerNormalization", [added, *norm], "embedded", epsilon=epsilon)


def _add_layer(graph: _Graph, x: str, at: str, heads: int, epsilon: float) -> str:
    def normalize(product: str, rest: str, bias: str, norm: str) -> str:
        weights = [graph.weight(f"{at}.{each}") for each in (f"{norm}.weight", f"{norm}.bias", bias)]
        inputs = [product, rest, *weights]
        return graph.add("SkipLayerNormalization", inputs, f"{at}.{norm}", fused=True, epsilon=epsilon)

    qkv = graph.multiply(x, f"{at}.qkv", graph.weight(f"{at}.qkv.bias"))
    thirds = graph.constant(f"{at}.thirds", np.array([graph.width] * 3, np.int64))
    parts = [f"{at}.query", f"{at}.key", f"{at}.value"]
    graph.add("Split", [qkv, thirds], *parts, axis=-1)
    attended = graph.add(
        "MultiHeadAttention", [*parts, "", "mask"], f"{at}.attended", fused=True, num_heads=heads
    )
    x = normalize(graph.multiply(attended, f"{at}.out"), x, "out.bias", "norm1")
    raised = graph.multiply(x, f"{at}.up")
    bent = graph.add("BiasGelu", [raised, graph.weight(f"{at}.up.bias")], f"{at}.bent", fused=True)
    return normalize(graph.multiply(bent, f"{at}.down"), x, "down.bias", "norm2")
