"""Weights of a ``network.ReaderNetwork`` <-> an ONNX file whose matrices are whole numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from linernotes.retrieval.encoder_graph import INPUTS, EncoderGraph, Rounding

if TYPE_CHECKING:
    from collections.abc import Mapping

    from linernotes.models import Floats


def to_onnx(
    weights: Mapping[str, Floats], *, heads: int, epsilon: float, rounding: Rounding = "columns"
) -> bytes:
    """Return the network with these weights as the bytes of an ONNX file.

    Its inputs ``ids``, ``kinds`` and ``mask`` have the shape (windows, tokens), 32-bit whole numbers; the
    mask is 0 for padding, which stands at the end. Its output ``logits`` has the shape (windows, tokens, 3).

    Args:
        weights: by name; a linear layer's have the shape (outputs, inputs).
        heads: of the attention.
        epsilon: of the normalisation.
        rounding: of the matrices; the head's is never rounded, for with its three columns nothing is gained.
    """
    encoder = EncoderGraph(weights, rounding, heads=heads, epsilon=epsilon)
    head = weights["head.weight"]
    matrix = encoder.graph.constant("head.matrix", head.T)
    product = encoder.graph.add("MatMul", [encoder.output, matrix], "head.product")
    encoder.graph.add("Add", [product, encoder.weight("head.bias")], "logits")
    return encoder.graph.to_bytes(INPUTS, "logits", len(head), axes=("windows", "tokens"))


def from_onnx(data: bytes) -> dict[str, Floats]:
    """Return the weights that ``to_onnx`` wrote (rounded by columns, or not at all), but for the rounding.

    It needs the package onnx, which running does not.
    """
    import onnx
    from onnx import numpy_helper

    arrays = {
        each.name: numpy_helper.to_array(each) for each in onnx.load_from_string(data).graph.initializer
    }
    # A linear layer's matrix is written transposed.
    weights = {
        f"{name.removesuffix('.matrix')}.weight": matrix.T
        for name, matrix in arrays.items()
        if name.endswith(".matrix")
    }
    for name, whole in arrays.items():
        if name.endswith(".whole"):
            at = name.removesuffix(".whole")
            matrix = whole.astype(np.float32) * arrays[f"{at}.scale"]
            weights[f"{at}.weight"] = matrix if at == "words" else matrix.T
    plain = {name: each for name, each in arrays.items() if name.endswith((".weight", ".bias"))}
    # A copy: what is read from bytes cannot be written to.
    return {name: np.array(each, np.float32, order="C") for name, each in (weights | plain).items()}
