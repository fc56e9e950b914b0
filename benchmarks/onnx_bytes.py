"""ONNX files of one node on matrices, written without the onnx package, which a machine with a GPU need not have.

The format is Protocol Buffers: a field is its number and wire type, then a number (type 0) or a length and bytes (type 2).
Numbers of the fields: onnx.proto of ONNX (Apache-2.0).
"""

from __future__ import annotations

from typing import Final

IR_VERSION: Final = 8
OPSET: Final = 17
ELEMENTS: Final = {"float32": 1, "float16": 10}


def matmul_model(kind: str = "float32") -> bytes:
    """``c = a @ b`` for matrices (m, k) and (k, n) of any sizes."""
    return _model("MatMul", {"a": "mk", "b": "kn"}, {"c": "mn"}, kind)


def negation_model(kind: str = "float32") -> bytes:
    """``c = -a`` for a matrix of any size: reads and writes memory, and does nothing else."""
    return _model("Neg", {"a": "mn"}, {"c": "mn"}, kind)


def _model(operator: str, inputs: dict[str, str], outputs: dict[str, str], kind: str) -> bytes:
    """One node; inputs and outputs are names and their axes, a letter each."""
    node = b"".join(_text(1, name) for name in inputs) + b"".join(_text(2, name) for name in outputs)
    graph = _bytes(1, node + _text(4, operator)) + _text(2, operator)
    for field, tensors in ((11, inputs), (12, outputs)):
        for name, axes in tensors.items():
            graph += _bytes(field, _matrix(name, ELEMENTS[kind], axes))
    return _number(1, IR_VERSION) + _bytes(7, graph) + _bytes(8, _number(2, OPSET))


def _matrix(name: str, element: int, axes: str) -> bytes:
    shape = b"".join(_bytes(1, _text(2, axis)) for axis in axes)
    tensor = _number(1, element) + _bytes(2, shape)
    return _text(1, name) + _bytes(2, _bytes(1, tensor))


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _bytes(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _text(field: int, text: str) -> bytes:
    return _bytes(field, text.encode("ascii"))


def _varint(value: int) -> bytes:
    """Seven bits to a byte, the lowest first."""
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)
