"""Nodes and weights -> the bytes of an ONNX file (https://onnx.ai/onnx/repo-docs/IR.html), for ONNX Runtime.

Of the format we need seven messages with a handful of fields each; the library that has all of it would be
installed for this alone. The tests read with that library what is written here.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    Attribute = int | float | Sequence[int]
    Piece = bytes | memoryview

FUSED = "com.microsoft"
"""The domain of ONNX Runtime's own operators."""

_OPSET, _FUSED_OPSET, _FORMAT = 17, 1, 9
# ONNX's numbers for the types of tensors that we write.
_TYPES: Mapping[Any, int] = {
    np.dtype(np.float32): 1,
    np.dtype(np.uint8): 2,
    np.dtype(np.int8): 3,
    np.dtype(np.int32): 6,
    np.dtype(np.int64): 7,
    np.dtype(np.float16): 10,
}
FLOAT32 = _TYPES[np.dtype(np.float32)]
# Of attributes.
_FLOAT, _INT, _INTS = 1, 2, 7
# Of Protocol Buffers' wire format: how a field's value is written.
_VARINT, _SIZED, _FIXED32 = 0, 2, 5


class Graph:
    """A graph that is being written; each node has the name of its first output."""

    def __init__(self) -> None:
        """Start without nodes."""
        self._nodes: list[bytes] = []
        # In pieces, the arrays as they are: joined once, at the end.
        self._constants: dict[str, list[Piece]] = {}

    def constant(self, name: str, value: NDArray[Any]) -> str:
        """Add an array, which stays as it is; return its name. One that has been added is not added again."""
        if name not in self._constants:
            head = b"".join(_number(1, size) for size in value.shape)
            head += _number(2, _TYPES[value.dtype]) + _sized(8, name.encode())
            raw = np.ascontiguousarray(value).reshape(-1).view(np.uint8).data
            self._constants[name] = [head, *_framed(9, [raw])]
        return name

    def add(
        self, kind: str, inputs: Sequence[str], *outputs: str, fused: bool = False, **given: Attribute
    ) -> str:
        """Add a node; return its first output.

        Args:
            kind: the operator's name.
            inputs: names; an empty one stands for an input that is left out.
            *outputs: names.
            fused: whether the operator is one of ONNX Runtime's own.
            **given: the operator's attributes.
        """
        node = [_sized(1, name.encode()) for name in inputs]
        node += [_sized(2, name.encode()) for name in outputs]
        node += [_sized(3, outputs[0].encode()), _sized(4, kind.encode())]
        node += [_sized(5, _attribute(name, value)) for name, value in given.items()]
        if fused:
            node.append(_sized(7, FUSED.encode()))
        self._nodes.append(b"".join(node))
        return outputs[0]

    def to_bytes(
        self, inputs: Iterable[str], output: str, width: int, *, axes: tuple[str, str] = ("texts", "tokens")
    ) -> bytes:
        """Return the file.

        Args:
            inputs: names of inputs of 32-bit whole numbers, of the shape that ``axes`` name.
            output: the name of the output, 32-bit floats, of that shape and ``width``.
            width: the length of the output's last axis.
            axes: names of axes of any length.
        """
        whole = _TYPES[np.dtype(np.int32)]
        graph: list[Piece] = [_sized(1, node) for node in self._nodes]
        graph.append(_sized(2, b"linernotes"))
        for constant in self._constants.values():
            graph += _framed(5, constant)
        graph += [_sized(11, _value(name, whole, axes)) for name in inputs]
        graph.append(_sized(12, _value(output, FLOAT32, (*axes, width))))
        operators = (("", _OPSET), (FUSED, _FUSED_OPSET))
        model = [_number(1, _FORMAT), _sized(2, b"linernotes"), *_framed(7, graph)]
        model += [_sized(8, _sized(1, name.encode()) + _number(2, version)) for name, version in operators]
        return b"".join(model)


def _attribute(name: str, value: Attribute) -> bytes:
    called = _sized(1, name.encode())
    if isinstance(value, float):
        return called + _tag(2, _FIXED32) + struct.pack("<f", value) + _number(20, _FLOAT)
    if isinstance(value, int):
        return called + _number(3, value) + _number(20, _INT)
    return called + b"".join(_number(8, each) for each in value) + _number(20, _INTS)


def _value(name: str, kind: int, shape: Sequence[str | int]) -> bytes:
    """Return the description of an input or output; an axis with a name has any length."""
    axes = [
        _sized(1, _number(1, axis) if isinstance(axis, int) else _sized(2, axis.encode())) for axis in shape
    ]
    tensor = _number(1, kind) + _sized(2, b"".join(axes))
    return _sized(1, name.encode()) + _sized(2, _sized(1, tensor))


def _tag(field: int, wire: int) -> bytes:
    return _varint(field << 3 | wire)


def _number(field: int, value: int) -> bytes:
    return _tag(field, _VARINT) + _varint(value)


def _sized(field: int, value: bytes) -> bytes:
    return _tag(field, _SIZED) + _varint(len(value)) + value


def _framed(field: int, pieces: Sequence[Piece]) -> list[Piece]:
    """Return the same of a value in pieces, none of which is copied."""
    return [_tag(field, _SIZED) + _varint(sum(map(len, pieces))), *pieces]


def _varint(value: int) -> bytes:
    """Return a number in groups of seven bits, the lowest first; a negative one as if it had 64 bits."""
    value &= (1 << 64) - 1
    groups = bytearray()
    while value > 0x7F:  # noqa: PLR2004  seven bits
        groups.append(value & 0x7F | 0x80)
        value >>= 7
    groups.append(value)
    return bytes(groups)
