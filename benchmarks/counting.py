"""What an ONNX graph has to do at least: multiply-adds and bytes, counted from the shapes of its tensors.

Counted as multiply-adds are convolutions, matrix products and interpolation, nothing else; what one multiply-add takes of
other work (activations, sums) is less than a tenth of it in these networks and left out, so that a floor stays a floor.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import onnx
import onnxruntime as ort
from onnx import helper, shape_inference

Shape = tuple[int, ...]

FREE: Final = ("Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity", "Shape", "Constant")
"""Move no data."""
_LINEAR_TAPS: Final = 4
"""Pixels that bilinear interpolation weighs."""


@dataclass(frozen=True)
class Counts:
    """Of one run with the given batch."""

    multiply_adds: int
    by_operator: dict[str, int]
    """Multiply-adds of each kind of node that has any."""
    weight_bytes: int
    """Of everything that does not depend on the input, as the nodes take it."""
    input_bytes: int
    output_bytes: int
    between_bytes: int
    """Every tensor between two nodes, written once and read by each that takes it: what moves when nothing is fused."""

    @property
    def least_bytes(self) -> int:
        """What moves when everything between the nodes stays in a cache."""
        return self.weight_bytes + self.input_bytes + self.output_bytes


def count_file(path: Path, batch: int = 1, sizes: Mapping[str, int] | None = None) -> Counts:
    """Count a file; see `count`."""
    return count(onnx.load(str(path)), batch, sizes)


def count(model: onnx.ModelProto, batch: int = 1, sizes: Mapping[str, int] | None = None) -> Counts:
    """Count a graph for inputs of so many items; `sizes` are those of named free axes other than the batch.

    Shapes that do not follow from those of the inputs alone are seen in one run with zeros.
    """
    model = _with_inputs_of(model, batch, sizes or {})
    inferred = shape_inference.infer_shapes(model, strict_mode=True)
    graph = inferred.graph
    tensors = {value.name: _tensor(value) for value in (*graph.input, *graph.value_info, *graph.output)}
    unknown = [name for name in _made(graph) if tensors.get(name, (None, 0))[0] is None]
    if unknown:
        tensors |= _seen(inferred, unknown)
    weights = {one.name: (tuple(one.dims), _bytes_of(one.data_type)) for one in graph.initializer}
    known = tensors | weights
    by_operator: dict[str, int] = {}
    between = 0
    results = {value.name for value in graph.output}
    fixed, used = set(weights), set[str]()
    for node in graph.node:
        if all(name in fixed or not name for name in node.input):
            # Computed once, when the file is opened.
            fixed.update(node.output)
            continue
        used.update(name for name in node.input if name in fixed)
        amount = _multiply_adds(node, known)
        if amount:
            by_operator[node.op_type] = by_operator.get(node.op_type, 0) + amount
        if node.op_type not in FREE:
            between += sum(_size(known, name) for name in node.input if name and name not in fixed)
            between += sum(_size(known, name) for name in node.output if name and name not in results)
    inputs = [value.name for value in graph.input if value.name not in weights]
    return Counts(
        multiply_adds=sum(by_operator.values()),
        by_operator=by_operator,
        weight_bytes=sum(_size(known, name) for name in used),
        input_bytes=sum(_size(known, name) for name in inputs),
        output_bytes=sum(_size(known, name) for name in results),
        between_bytes=between,
    )


Known = Mapping[str, tuple[Shape | None, int]]


def _multiply_adds(node: onnx.NodeProto, known: Known) -> int:
    attributes = {one.name: helper.get_attribute_value(one) for one in node.attribute}
    if node.op_type in ("Conv", "FusedConv"):
        weight = _shape(known, node, node.input[1])
        return math.prod(_shape(known, node, node.output[0])) * math.prod(weight[1:])
    if node.op_type == "ConvTranspose":
        weight = _shape(known, node, node.input[1])
        return math.prod(_shape(known, node, node.input[0])) * math.prod(weight[1:])
    if node.op_type == "MatMul":
        return math.prod(_shape(known, node, node.output[0])) * _shape(known, node, node.input[0])[-1]
    if node.op_type == "Gemm":
        first = _shape(known, node, node.input[0])
        return math.prod(_shape(known, node, node.output[0])) * first[0 if attributes.get("transA") else 1]
    if node.op_type == "GridSample" or (node.op_type == "Resize" and attributes.get("mode") == b"linear"):
        return math.prod(_shape(known, node, node.output[0])) * _LINEAR_TAPS
    return 0


def _with_inputs_of(model: onnx.ModelProto, batch: int, sizes: Mapping[str, int]) -> onnx.ModelProto:
    """A copy whose inputs have whole sizes: the first free axis is the batch, others go by name."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    weights = {one.name for one in copy.graph.initializer}
    for value in copy.graph.input:
        if value.name in weights:
            continue
        for axis, dimension in enumerate(value.type.tensor_type.shape.dim):
            if dimension.WhichOneof("value") == "dim_value":
                continue
            name = dimension.dim_param
            if name not in sizes and axis:
                raise ValueError(f"The axis {name!r} of the input {value.name!r} is free: give its size.")
            dimension.dim_value = sizes.get(name, batch)
    # What was inferred for other sizes would contradict these.
    del copy.graph.value_info[:]
    for value in copy.graph.output:
        for dimension in value.type.tensor_type.shape.dim:
            if dimension.WhichOneof("value") == "dim_param":
                dimension.ClearField("dim_param")
    return copy


def _made(graph: onnx.GraphProto) -> list[str]:
    """The names of what nodes put out."""
    return [name for node in graph.node for name in node.output if name]


def _seen(model: onnx.ModelProto, names: Sequence[str]) -> dict[str, tuple[Shape | None, int]]:
    """Run the graph once with zeros and look at these tensors; one that is no tensor counts as nothing."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    results = {value.name for value in copy.graph.output}
    copy.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in names if name not in results)
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(copy.SerializeToString(), options, providers=["CPUExecutionProvider"])
    weights = {one.name for one in model.graph.initializer}
    feed = {
        value.name: np.zeros(
            [one.dim_value for one in value.type.tensor_type.shape.dim],
            helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type),
        )
        for value in model.graph.input
        if value.name not in weights
    }
    found = session.run(list(names), feed)
    return {
        name: (tuple(value.shape), value.itemsize) if isinstance(value, np.ndarray) else (None, 0)
        for name, value in zip(names, found, strict=True)
    }


def _tensor(value: onnx.ValueInfoProto) -> tuple[Shape | None, int]:
    kind = value.type.tensor_type
    whole = kind.HasField("shape") and all(one.WhichOneof("value") == "dim_value" for one in kind.shape.dim)
    return (tuple(one.dim_value for one in kind.shape.dim) if whole else None), _bytes_of(kind.elem_type)


def _bytes_of(element: int) -> int:
    return int(np.dtype(helper.tensor_dtype_to_np_dtype(element)).itemsize) if element else 0


def _shape(known: Known, node: onnx.NodeProto, name: str) -> Shape:
    shape = known.get(name, (None, 0))[0]
    if shape is None:
        raise ValueError(f"The shape of {name!r} at the {node.op_type} {node.name!r} cannot be known.")
    return shape


def _size(known: Known, name: str) -> int:
    """Bytes; 0 for the small tensors whose shapes depend on values (indices and sizes)."""
    shape, size = known.get(name, (None, 0))
    return math.prod(shape) * size if shape is not None else 0
