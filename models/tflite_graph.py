"""Read a TensorFlow Lite file into plain dataclasses, with every constant unpacked to float32.

Half-precision weights sit behind DEQUANTIZE operators and sparse ones behind DENSIFY; both are folded here, so the
converter sees only computation.  Format: the public flatbuffer schema of TensorFlow Lite, version 3.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
import tflite
from flatbuffers import flexbuffers
from numpy.typing import NDArray


class UnsupportedNetworkError(ValueError):
    """The network uses something the converter does not know."""


@dataclass(frozen=True)
class Tensor:
    """A value of the network; ``data`` is there when it is a constant."""

    name: str
    shape: tuple[int, ...]
    data: NDArray[Any] | None = None


@dataclass(frozen=True)
class Operator:
    """One step; ``kind`` is the schema's name or ``CUSTOM:name``, inputs and outputs index the tensors (-1: absent)."""

    kind: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: dict[str, Any]


@dataclass(frozen=True)
class Graph:
    """The computation of a network, in execution order."""

    tensors: tuple[Tensor, ...]
    operators: tuple[Operator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


def _names_of(enumeration: type) -> dict[int, str]:
    return {value: name for name, value in vars(enumeration).items() if not name.startswith("_")}


_KINDS = _names_of(tflite.BuiltinOperator)
_DTYPES = {
    tflite.TensorType.FLOAT32: np.float32,
    tflite.TensorType.FLOAT16: np.float16,
    tflite.TensorType.INT32: np.int32,
    tflite.TensorType.INT64: np.int64,
}
_WINDOW = ("StrideH", "StrideW", "Padding", "FusedActivationFunction")
_OPTIONS: dict[str, tuple[type, tuple[str, ...]]] = {
    "CONV_2D": (tflite.Conv2DOptions, (*_WINDOW, "DilationHFactor", "DilationWFactor")),
    "DEPTHWISE_CONV_2D": (tflite.DepthwiseConv2DOptions, (*_WINDOW, "DilationHFactor", "DilationWFactor")),
    "MAX_POOL_2D": (tflite.Pool2DOptions, (*_WINDOW, "FilterHeight", "FilterWidth")),
    "AVERAGE_POOL_2D": (tflite.Pool2DOptions, (*_WINDOW, "FilterHeight", "FilterWidth")),
    "ADD": (tflite.AddOptions, ("FusedActivationFunction",)),
    "SUB": (tflite.SubOptions, ("FusedActivationFunction",)),
    "MUL": (tflite.MulOptions, ("FusedActivationFunction",)),
    "DIV": (tflite.DivOptions, ("FusedActivationFunction",)),
    "CONCATENATION": (tflite.ConcatenationOptions, ("Axis", "FusedActivationFunction")),
    "MEAN": (tflite.ReducerOptions, ("KeepDims",)),
    "SUM": (tflite.ReducerOptions, ("KeepDims",)),
    "RESIZE_BILINEAR": (tflite.ResizeBilinearOptions, ("AlignCorners", "HalfPixelCenters")),
    "DEPTH_TO_SPACE": (tflite.DepthToSpaceOptions, ("BlockSize",)),
    "STRIDED_SLICE": (
        tflite.StridedSliceOptions,
        ("BeginMask", "EndMask", "EllipsisMask", "NewAxisMask", "ShrinkAxisMask"),
    ),
}


def _table(kind: type, table: Any) -> Any:
    """The member of a flatbuffer union, seen as its concrete type."""
    view = kind()
    view.Init(table.Bytes, table.Pos)
    return view


def _options(kind: str, operator: Any) -> dict[str, Any]:
    if kind.startswith("CUSTOM:"):
        return _custom_options(kind, operator)
    if kind not in _OPTIONS or operator.BuiltinOptions() is None:
        return {}
    option_type, fields = _OPTIONS[kind]
    view = _table(option_type, operator.BuiltinOptions())
    return {field: getattr(view, field)() for field in fields}


def _custom_options(kind: str, operator: Any) -> dict[str, Any]:
    """Custom operators carry a flexbuffer map; the transposed convolution carries three int32 instead."""
    if not operator.CustomOptionsLength():
        return {}
    raw = operator.CustomOptionsAsNumpy().tobytes()
    if kind == "CUSTOM:Convolution2DTransposeBias":
        padding, stride_w, stride_h = np.frombuffer(raw, np.int32)[:3]
        return {"Same": int(padding) == 1, "StrideW": int(stride_w), "StrideH": int(stride_h)}
    return dict(flexbuffers.Loads(raw))


def _index_array(kind: int, table: Any) -> NDArray[np.int64]:
    """A sparse level's segments or indices, stored with 8, 16 or 32 bits."""
    vectors = {1: tflite.Int32Vector, 2: tflite.Uint16Vector, 3: tflite.Uint8Vector}
    if kind not in vectors:
        raise UnsupportedNetworkError(f"sparse index vectors of type {kind} are unknown")
    return np.asarray(_table(vectors[kind], table).ValuesAsNumpy(), np.int64)


def densify(values: NDArray[Any], shape: tuple[int, ...], sparsity: Any) -> NDArray[Any]:
    """Spread the stored values of a sparse tensor over its full shape.

    The levels of the storage tree follow ``TraversalOrder``: first the (blocked) dimensions of the tensor, then the
    dimensions inside a block.  A dense level enumerates all children, a CSR level lists them.
    """
    order = [sparsity.TraversalOrder(i) for i in range(sparsity.TraversalOrderLength())]
    block_map = [sparsity.BlockMap(i) for i in range(sparsity.BlockMapLength())]
    rank = len(shape)
    block_size = [1] * rank
    for level, dimension in enumerate(order):
        if dimension >= rank:
            block_size[block_map[dimension - rank]] = sparsity.DimMetadata(level).DenseSize()

    position = np.zeros(1, np.int64)
    coordinates = np.zeros((1, rank), np.int64)
    for level, dimension in enumerate(order):
        meta = sparsity.DimMetadata(level)
        if meta.Format() == tflite.DimensionType.DENSE:
            size = meta.DenseSize()
            counts = np.full(len(position), size, np.int64)
            child = np.tile(np.arange(size), len(position))
            next_position = np.repeat(position, size) * size + child
        else:
            segments = _index_array(meta.ArraySegmentsType(), meta.ArraySegments())
            starts, counts = segments[position], segments[position + 1] - segments[position]
            first_of_parent = np.repeat(np.cumsum(counts) - counts, counts)
            next_position = np.repeat(starts, counts) + np.arange(counts.sum()) - first_of_parent
            child = _index_array(meta.ArrayIndicesType(), meta.ArrayIndices())[next_position]
        coordinates = np.repeat(coordinates, counts, axis=0)
        if dimension < rank:
            coordinates[:, dimension] += child * block_size[dimension]
        else:
            coordinates[:, block_map[dimension - rank]] += child
        position = next_position

    dense = np.zeros(shape, values.dtype)
    dense[tuple(coordinates.T)] = values[position]
    return dense


def _read_tensor(model: Any, tensor: Any) -> Tensor:
    shape = tuple(int(n) for n in tensor.ShapeAsNumpy()) if tensor.ShapeLength() else ()
    buffer = model.Buffers(tensor.Buffer())
    if not buffer.DataLength():
        return Tensor(tensor.Name().decode(), shape)
    if tensor.Type() not in _DTYPES:
        raise UnsupportedNetworkError(f"tensor {tensor.Name().decode()} has type {tensor.Type()}, which is unknown")
    data = np.frombuffer(buffer.DataAsNumpy().tobytes(), _DTYPES[tensor.Type()])
    if tensor.Sparsity() is not None:
        data = densify(data, shape, tensor.Sparsity())
    return Tensor(tensor.Name().decode(), shape, data.reshape(shape))


def read_graph(content: bytes) -> Graph:
    """Parse the bytes of a .tflite file that holds one subgraph."""
    model = tflite.Model.GetRootAs(content)
    if model.SubgraphsLength() != 1:
        raise UnsupportedNetworkError(f"expected one subgraph, found {model.SubgraphsLength()}")
    subgraph = model.Subgraphs(0)
    tensors = [_read_tensor(model, subgraph.Tensors(i)) for i in range(subgraph.TensorsLength())]
    operators: list[Operator] = []
    for i in range(subgraph.OperatorsLength()):
        operator = subgraph.Operators(i)
        code = model.OperatorCodes(operator.OpcodeIndex())
        kind = _KINDS[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())]
        if kind == "CUSTOM":
            kind = f"CUSTOM:{code.CustomCode().decode()}"
        inputs = tuple(int(n) for n in operator.InputsAsNumpy())
        outputs = tuple(int(n) for n in operator.OutputsAsNumpy())
        source = tensors[inputs[0]]
        if kind in ("DEQUANTIZE", "DENSIFY") and source.data is not None:
            data = source.data.astype(np.float32) if kind == "DEQUANTIZE" else source.data
            tensors[outputs[0]] = dataclasses.replace(tensors[outputs[0]], data=data)
            continue
        operators.append(Operator(kind, inputs, outputs, _options(kind, operator)))
    return Graph(
        tuple(tensors),
        tuple(operators),
        tuple(int(n) for n in subgraph.InputsAsNumpy()),
        tuple(int(n) for n in subgraph.OutputsAsNumpy()),
    )
