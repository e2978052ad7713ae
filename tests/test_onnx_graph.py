"""ONNX files: what we write is what the format's own library reads, and rounding loses little."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import numpy_helper

from linernotes.retrieval.encoder_graph import round_blocks, round_slices
from linernotes.retrieval.onnx_graph import FUSED, Graph


def read(graph: Graph) -> onnx.ModelProto:
    return onnx.load_from_string(graph.to_bytes(["ids"], "out", 7))


def test_a_node_is_read_as_it_was_written() -> None:
    graph = Graph()
    assert graph.add("Split", ["x", "", "y"], "one", "two", axis=-1, epsilon=1e-12, sizes=[3, 300]) == "one"
    graph.add("BiasGelu", ["one"], "out", fused=True)
    split, gelu = read(graph).graph.node
    assert (split.op_type, split.name, split.domain) == ("Split", "one", "")
    assert ([*split.input], [*split.output]) == (["x", "", "y"], ["one", "two"])
    attributes = {each.name: onnx.helper.get_attribute_value(each) for each in split.attribute}
    assert attributes == {"axis": -1, "epsilon": pytest.approx(1e-12), "sizes": [3, 300]}
    assert gelu.domain == FUSED


@pytest.mark.parametrize("kind", [np.float32, np.float16, np.int8, np.uint8, np.int32, np.int64])
def test_an_array_is_read_as_it_was_written(kind: type[np.generic]) -> None:
    graph = Graph()
    array = np.arange(200).reshape(2, 4, 25).transpose(1, 0, 2).astype(kind)
    graph.constant("array", array)
    (found,) = read(graph).graph.initializer
    assert found.name == "array"
    assert numpy_helper.to_array(found).dtype == kind
    assert np.array_equal(numpy_helper.to_array(found), array)


def test_an_array_is_written_once() -> None:
    graph = Graph()
    assert graph.constant("a", np.zeros(1)[:0].astype(np.int8)) == graph.constant("a", np.zeros(1)) == "a"
    assert len(read(graph).graph.initializer) == 1


def test_inputs_and_output_have_their_shapes() -> None:
    graph = Graph()
    out = graph.add("Gather", [graph.constant("rows", np.zeros((9, 7), np.float32)), "ids"], "out")
    model = onnx.load_from_string(graph.to_bytes(["ids"], out, 7, axes=("texts", "tokens")))
    onnx.checker.check_model(model, full_check=True)
    (ids,), (output,) = model.graph.input, model.graph.output
    assert ids.type.tensor_type.elem_type == onnx.TensorProto.INT32
    assert [axis.dim_param for axis in ids.type.tensor_type.shape.dim] == ["texts", "tokens"]
    assert [axis.dim_param or axis.dim_value for axis in output.type.tensor_type.shape.dim] == [
        "texts",
        "tokens",
        7,
    ]
    assert {each.domain: each.version for each in model.opset_import} == {"": 17, FUSED: 1}


@given(st.integers(-(2**63), 2**63 - 1))
def test_whole_numbers_of_any_size_are_read_as_they_were_written(number: int) -> None:
    graph = Graph()
    graph.add("Any", [], "out", number=number)
    assert read(graph).graph.node[0].attribute[0].i == number


MATRIX = np.random.default_rng(1).standard_normal((20, 64)).astype(np.float32)


def test_numbers_rounded_by_slices_are_near_what_they_stand_for() -> None:
    whole, scale = round_slices(MATRIX, axis=0, most=63)
    assert scale.shape == (1, 64)
    assert np.abs(whole).max() == 63
    assert (np.abs(whole * scale - MATRIX) <= scale / 2 + 1e-6).all()


@pytest.mark.parametrize(
    "matrix", [MATRIX, np.abs(MATRIX) + 3, np.zeros_like(MATRIX)], ids=["any", "positive", "zero"]
)
def test_numbers_rounded_by_blocks_are_near_what_they_stand_for(matrix: np.ndarray) -> None:
    whole, scales, zeros = round_blocks(matrix)
    assert (whole.shape, scales.shape, zeros.shape) == ((20, 2, 32), (20, 2), (20, 2))
    again = (whole.astype(np.float32) - zeros[..., None]) * scales[..., None]
    assert (np.abs(again.reshape(matrix.shape) - matrix) <= np.repeat(scales, 32, axis=1) + 1e-6).all()
