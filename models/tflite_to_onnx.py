"""Convert a TensorFlow Lite network to ONNX (opset 17): NCHW inside, float32, any batch size.

Covers the operators of the MediaPipe face networks and nothing else; an unknown operator or option is an error.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import tflite

from .mediapipe_ops import CUSTOM_OPERATORS
from .onnx_emitter import Emitter, Layout
from .tflite_graph import Graph, Operator, UnsupportedNetworkError, read_graph


@dataclass(frozen=True)
class Output:
    """An output to keep: its TensorFlow Lite name, the name it gets, and the shape of one item of the batch."""

    source: str
    name: str
    shape: tuple[int, ...]


def convert(content: bytes, input_name: str, outputs: tuple[Output, ...], prelu: str = "plain") -> onnx.ModelProto:
    """Convert the bytes of a .tflite file; see `convert_graph`."""
    return convert_graph(read_graph(content), input_name, outputs, prelu)


def convert_graph(graph: Graph, input_name: str, outputs: tuple[Output, ...], prelu: str = "plain") -> onnx.ModelProto:
    """Convert a network that has been read.

    The input keeps its NHWC shape.  ``prelu`` is "plain" (one PRelu node, good on a GPU) or "depthwise": a * x +
    (1 - a) * max(x, 0) as two 1x1 depthwise convolutions, 2 to 3 times faster with ONNX Runtime on a CPU, where PRelu
    breaks the blocked memory layout.  Raises `UnsupportedNetworkError`.
    """
    emit = Emitter(graph)
    emit.put(graph.inputs[0], input_name, "plain")
    operators = {**_OPERATORS, "PRELU": _PRELU_FORMS[prelu]}
    for operator in graph.operators:
        if operator.kind not in operators:
            raise UnsupportedNetworkError(f"operator {operator.kind} is unknown")
        operators[operator.kind](emit, operator)
    by_name = {graph.tensors[index].name: index for index in graph.outputs}
    missing = [output.source for output in outputs if output.source not in by_name]
    if missing:
        raise UnsupportedNetworkError(f"the network has no output {', '.join(missing)}; it has {', '.join(by_name)}")
    return emit.finish(input_name, {output.name: (by_name[output.source], output.shape) for output in outputs})


def _activate(emit: Emitter, op: Operator, value: str) -> str:
    """Apply the activation that TensorFlow Lite fuses into the operator."""
    kind = op.options.get("FusedActivationFunction", tflite.ActivationFunctionType.NONE)
    if kind == tflite.ActivationFunctionType.NONE:
        return value
    if kind == tflite.ActivationFunctionType.RELU:
        return emit.node("Relu", value)
    if kind == tflite.ActivationFunctionType.RELU6:
        return emit.node("Clip", value, emit.constant(0.0), emit.constant(6.0))
    raise UnsupportedNetworkError(f"fused activation {kind} is unknown")


def _window_pads(size: tuple[int, int], kernel: tuple[int, int], strides: tuple[int, int], padding: int) -> list[int]:
    """Explicit ONNX pads (top, left, bottom, right); SAME puts the odd pixel at the end, as TensorFlow does."""
    if padding == tflite.Padding.VALID:
        return [0, 0, 0, 0]
    totals = [
        max((-(-extent // stride) - 1) * stride + window - extent, 0)
        for extent, window, stride in zip(size, kernel, strides, strict=True)
    ]
    return [total // 2 for total in totals] + [total - total // 2 for total in totals]


def _window(emit: Emitter, op: Operator, kernel: tuple[int, int]) -> dict[str, Any]:
    strides = (op.options["StrideH"], op.options["StrideW"])
    _, height, width, _ = emit.shape(op.inputs[0])
    pads = _window_pads((height, width), kernel, strides, op.options["Padding"])
    return {"kernel_shape": list(kernel), "strides": list(strides), "pads": pads}


def _convolution(emit: Emitter, op: Operator) -> None:
    depthwise = op.kind == "DEPTHWISE_CONV_2D"
    if op.options["DilationHFactor"] != 1 or op.options["DilationWFactor"] != 1:
        raise UnsupportedNetworkError("dilated convolutions are unknown")
    weights = emit.data(op.inputs[1])
    # TensorFlow Lite keeps (out, h, w, in), and (1, h, w, out) for depthwise ones.
    kernel = weights.transpose(3, 0, 1, 2) if depthwise else weights.transpose(0, 3, 1, 2)
    group = emit.shape(op.inputs[0])[3] if depthwise else 1
    bias = [emit.constant(emit.data(op.inputs[2]))] if len(op.inputs) > 2 and op.inputs[2] >= 0 else []
    name = emit.node(
        "Conv",
        emit.get(op.inputs[0], "nchw"),
        emit.constant(kernel),
        *bias,
        group=group,
        **_window(emit, op, (weights.shape[1], weights.shape[2])),
    )
    emit.put(op.outputs[0], _activate(emit, op, name), "nchw")


def _pool(emit: Emitter, op: Operator) -> None:
    kind = "MaxPool" if op.kind == "MAX_POOL_2D" else "AveragePool"
    window = _window(emit, op, (op.options["FilterHeight"], op.options["FilterWidth"]))
    name = emit.node(kind, emit.get(op.inputs[0], "nchw"), **window)
    emit.put(op.outputs[0], _activate(emit, op, name), "nchw")


def _plain_prelu(emit: Emitter, op: Operator) -> None:
    slope = emit.data(op.inputs[1]).reshape(-1, 1, 1)
    emit.put(op.outputs[0], emit.node("PRelu", emit.get(op.inputs[0], "nchw"), emit.constant(slope)), "nchw")


def _depthwise_prelu(emit: Emitter, op: Operator) -> None:
    slope = emit.data(op.inputs[1]).reshape(-1, 1, 1, 1)
    value = emit.get(op.inputs[0], "nchw")
    group = len(slope)
    below = emit.node("Conv", value, emit.constant(slope), group=group, kernel_shape=[1, 1])
    above = emit.node("Conv", emit.node("Relu", value), emit.constant(1.0 - slope), group=group, kernel_shape=[1, 1])
    emit.put(op.outputs[0], emit.node("Add", below, above), "nchw")


def _elementwise_layout(emit: Emitter, op: Operator) -> Layout:
    """NCHW as soon as one computed operand is; the others are transposed, which is rare."""
    computed = [index for index in op.inputs if not emit.is_constant(index)]
    return "nchw" if any(emit.layout(index) == "nchw" for index in computed) else "plain"


def _elementwise(kind: str) -> Callable[[Emitter, Operator], None]:
    def emit_elementwise(emit: Emitter, op: Operator) -> None:
        layout = _elementwise_layout(emit, op)
        name = emit.node(kind, *(emit.get(index, layout) for index in op.inputs))
        emit.put(op.outputs[0], _activate(emit, op, name), layout)

    return emit_elementwise


def _squared_difference(emit: Emitter, op: Operator) -> None:
    layout = _elementwise_layout(emit, op)
    difference = emit.node("Sub", *(emit.get(index, layout) for index in op.inputs))
    emit.put(op.outputs[0], emit.node("Mul", difference, difference), layout)


def _reciprocal_root(emit: Emitter, op: Operator) -> None:
    layout = emit.layout(op.inputs[0])
    root = emit.node("Sqrt", emit.get(op.inputs[0], layout))
    emit.put(op.outputs[0], emit.node("Reciprocal", root), layout)


def _reduce(emit: Emitter, op: Operator) -> None:
    axes = [int(axis) for axis in emit.data(op.inputs[1]).reshape(-1)]
    if 0 in axes or not op.options["KeepDims"]:
        raise UnsupportedNetworkError("a reduction over the batch, or one that drops axes, is unknown")
    value = emit.get(op.inputs[0], "plain")
    if op.kind == "MEAN":
        name = emit.node("ReduceMean", value, axes=axes, keepdims=1)
    else:
        name = emit.node("ReduceSum", value, emit.constant(axes, np.int64), keepdims=1)
    emit.put(op.outputs[0], name, "plain")


def _pad(emit: Emitter, op: Operator) -> None:
    """Zero padding, of pixels or of channels (skip connections that widen)."""
    layout = emit.layout(op.inputs[0])
    table = emit.data(op.inputs[1])
    if layout == "nchw":
        table = table[[0, 3, 1, 2]]
    name = emit.node("Pad", emit.get(op.inputs[0], layout), emit.constant(table.T.reshape(-1), np.int64))
    emit.put(op.outputs[0], name, layout)


def _reshape(emit: Emitter, op: Operator) -> None:
    target = emit.constant((-1, *emit.shape(op.outputs[0])[1:]), np.int64)
    emit.put(op.outputs[0], emit.node("Reshape", emit.get(op.inputs[0], "plain"), target), "plain")


def _transpose(emit: Emitter, op: Operator) -> None:
    permutation = [int(axis) for axis in emit.data(op.inputs[1])]
    if permutation[0] != 0:
        raise UnsupportedNetworkError("a transposition that moves the batch is unknown")
    name = emit.node("Transpose", emit.get(op.inputs[0], "plain"), perm=permutation)
    emit.put(op.outputs[0], name, "plain")


def _concatenation(emit: Emitter, op: Operator) -> None:
    computed = [emit.get(index, "plain") for index in op.inputs if not emit.is_constant(index)]
    parts = [
        emit.over_batch(emit.get(index, "plain"), emit.shape(index), computed[0])
        if emit.is_constant(index)
        else emit.get(index, "plain")
        for index in op.inputs
    ]
    name = emit.node("Concat", *parts, axis=op.options["Axis"])
    emit.put(op.outputs[0], _activate(emit, op, name), "plain")


def _strided_slice(emit: Emitter, op: Operator) -> None:
    """Slices of the inner axes.  The batch axis stays whole, also where TensorFlow Lite drops its single item."""
    options = op.options
    if options["EllipsisMask"] or options["NewAxisMask"] or options["ShrinkAxisMask"] & ~1:
        raise UnsupportedNetworkError("a slice that adds or drops axes is unknown")
    shape = emit.shape(op.inputs[0])
    begin, end, strides = (emit.data(index) for index in op.inputs[1:])
    value = emit.get(op.inputs[0], "plain")
    for axis in range(1, len(shape)):
        start = 0 if options["BeginMask"] >> axis & 1 else int(begin[axis])
        stop = shape[axis] if options["EndMask"] >> axis & 1 else int(end[axis])
        if (start, stop, int(strides[axis])) != (0, shape[axis], 1):
            bounds = [emit.constant([number], np.int64) for number in (start, stop, axis, int(strides[axis]))]
            value = emit.node("Slice", value, *bounds)
    emit.put(op.outputs[0], value, "plain")


def _resize(emit: Emitter, op: Operator) -> None:
    _, height, width, _ = emit.shape(op.inputs[0])
    _, new_height, new_width, _ = emit.shape(op.outputs[0])
    mode = "half_pixel" if op.options["HalfPixelCenters"] else "asymmetric"
    if op.options["AlignCorners"]:
        mode = "align_corners"
    scales = emit.constant([1, 1, new_height / height, new_width / width])
    name = emit.node(
        "Resize",
        emit.get(op.inputs[0], "nchw"),
        "",
        scales,
        mode="linear",
        coordinate_transformation_mode=mode,
    )
    emit.put(op.outputs[0], name, "nchw")


def _depth_to_space(emit: Emitter, op: Operator) -> None:
    name = emit.node("DepthToSpace", emit.get(op.inputs[0], "nchw"), blocksize=op.options["BlockSize"], mode="DCR")
    emit.put(op.outputs[0], name, "nchw")


_PRELU_FORMS = {"plain": _plain_prelu, "depthwise": _depthwise_prelu}
_OPERATORS: dict[str, Callable[[Emitter, Operator], None]] = {
    "CONV_2D": _convolution,
    "DEPTHWISE_CONV_2D": _convolution,
    "MAX_POOL_2D": _pool,
    "AVERAGE_POOL_2D": _pool,
    "ADD": _elementwise("Add"),
    "SUB": _elementwise("Sub"),
    "MUL": _elementwise("Mul"),
    "DIV": _elementwise("Div"),
    "NEG": _elementwise("Neg"),
    "SQRT": _elementwise("Sqrt"),
    "RELU": _elementwise("Relu"),
    "LOGISTIC": _elementwise("Sigmoid"),
    "HARD_SWISH": _elementwise("HardSwish"),
    "SQUARED_DIFFERENCE": _squared_difference,
    "RSQRT": _reciprocal_root,
    "MEAN": _reduce,
    "SUM": _reduce,
    "PAD": _pad,
    "RESHAPE": _reshape,
    "TRANSPOSE": _transpose,
    "CONCATENATION": _concatenation,
    "STRIDED_SLICE": _strided_slice,
    "RESIZE_BILINEAR": _resize,
    "DEPTH_TO_SPACE": _depth_to_space,
    **CUSTOM_OPERATORS,
}
