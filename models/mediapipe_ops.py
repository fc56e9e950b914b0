"""MediaPipe's custom operators, written as plain ONNX nodes.

They exist in `face_landmark_with_attention` (a transform is estimated from the first mesh, feature maps are cut out
with it, and the refined points are carried back) and in the selfie segmentation net (a transposed convolution).
Definitions: the operator sources of MediaPipe 0.10, mediapipe/util/tflite/operations, version 2 of each operator.
"""

from __future__ import annotations

import numpy as np

from .onnx_emitter import Emitter
from .tflite_graph import Operator, UnsupportedNetworkError


def _slice(emit: Emitter, value: str, start: int, stop: int, axis: int) -> str:
    bounds = [emit.constant([n], np.int64) for n in (start, stop, axis)]
    return emit.node("Slice", value, *bounds)


def _upper_rows(emit: Emitter, matrix: str) -> str:
    """(N,4,4) -> (N,2,4): the rows that make x and y."""
    return _slice(emit, matrix, 0, 2, axis=1)


def landmarks_to_transform_matrix(emit: Emitter, op: Operator) -> None:
    """(N,K,3) points -> (N,4,4): from cells of the crop to feature map coordinates.

    The crop is the bounding box of a subset of points, upright with respect to the line between two of them, enlarged
    by a factor.  M = T(centre) R(angle) S(size / cells) T(-cells / 2); the angle is used only as (cos, sin) = d / |d|.
    """
    options = op.options
    if options["target_rotation_radians"] != 0.0:
        raise UnsupportedNetworkError("Landmarks2TransformMatrix with a target rotation is unknown")
    width, height = options["output_width"], options["output_height"]
    points = _slice(emit, emit.get(op.inputs[0], "plain"), 0, 2, axis=2)

    left = emit.node("Gather", points, emit.constant([options["left_rotation_idx"]], np.int64), axis=1)
    right = emit.node("Gather", points, emit.constant([options["right_rotation_idx"]], np.int64), axis=1)
    along = emit.node("Sub", right, left)
    along = emit.node("Div", along, emit.node("ReduceL2", along, axes=[2], keepdims=1))
    # (c, s) and (-s, c): the box axes as rows of a (N,2,2) matrix.
    across = emit.node("MatMul", along, emit.constant([[0.0, 1.0], [-1.0, 0.0]]))
    from_box = emit.node("Concat", along, across, axis=1)
    to_box = emit.node("Transpose", from_box, perm=[0, 2, 1])

    subset = emit.node("Gather", points, emit.constant(options["subset_idxs"], np.int64), axis=1)
    upright = emit.node("MatMul", subset, to_box)
    high = emit.node("ReduceMax", upright, axes=[1], keepdims=1)
    low = emit.node("ReduceMin", upright, axes=[1], keepdims=1)
    middle = emit.node("Mul", emit.node("Add", high, low), emit.constant(0.5))
    centre = emit.node("Transpose", emit.node("MatMul", middle, from_box), perm=[0, 2, 1])

    per_cell = emit.constant([options["scale_x"] / width, options["scale_y"] / height])
    scale = emit.node("Mul", emit.node("Sub", high, low), per_cell)
    linear = emit.node("Mul", to_box, scale)
    half = emit.node("MatMul", linear, emit.constant([[width / 2.0], [height / 2.0]]))
    shift = emit.node("Sub", centre, half)
    unused = emit.node("Mul", shift, emit.constant(0.0))
    upper = emit.node("Concat", linear, unused, shift, axis=2)
    lower = emit.over_batch(emit.constant([[[0, 0, 1, 0], [0, 0, 0, 1]]]), (1, 2, 4), upper)
    emit.put(op.outputs[0], emit.node("Concat", upper, lower, axis=1), "plain")


def transform_tensor_bilinear(emit: Emitter, op: Operator) -> None:
    """Sample a feature map at the transformed cell centres; a sample outside the map's pixel centres is 0."""
    width, height = op.options["output_width"], op.options["output_height"]
    _, map_height, map_width, _ = emit.shape(op.inputs[0])
    y, x = np.mgrid[0:height, 0:width].reshape(2, -1) + 0.5
    cells = emit.constant(np.stack([x, y, np.zeros_like(x), np.ones_like(x)]))
    last = emit.constant([[map_width - 1.0], [map_height - 1.0]])

    rows = _upper_rows(emit, emit.get(op.inputs[1], "plain"))
    at = emit.node("Sub", emit.node("MatMul", rows, cells), emit.constant(0.5))
    inside = emit.node("And", emit.node("GreaterOrEqual", at, emit.constant(0.0)), emit.node("LessOrEqual", at, last))
    inside = emit.node("ReduceMin", emit.node("Cast", inside, to=1), axes=[1], keepdims=1)
    inside = emit.node("Reshape", inside, emit.constant([-1, 1, height, width], np.int64))

    # GridSample with align_corners wants -1..1 from the first to the last pixel centre.
    grid = emit.node("Sub", emit.node("Div", at, emit.node("Mul", last, emit.constant(0.5))), emit.constant(1.0))
    grid = emit.node("Transpose", grid, perm=[0, 2, 1])
    grid = emit.node("Reshape", grid, emit.constant([-1, height, width, 2], np.int64))
    sampled = emit.node("GridSample", emit.get(op.inputs[0], "nchw"), grid, align_corners=1)
    emit.put(op.outputs[0], emit.node("Mul", sampled, inside), "nchw")


def transform_landmarks(emit: Emitter, op: Operator) -> None:
    """(N,K,2) points through the first two rows of (N,4,4)."""
    rows = _upper_rows(emit, emit.get(op.inputs[1], "plain"))
    columns = emit.node("Transpose", rows, perm=[0, 2, 1])
    linear = _slice(emit, columns, 0, 2, axis=1)
    shift = _slice(emit, columns, 3, 4, axis=1)
    turned = emit.node("MatMul", emit.get(op.inputs[0], "plain"), linear)
    emit.put(op.outputs[0], emit.node("Add", turned, shift), "plain")


def transposed_convolution(emit: Emitter, op: Operator) -> None:
    """Upsampling convolution whose windows do not overlap."""
    weights = emit.data(op.inputs[1])
    strides = [op.options["StrideH"], op.options["StrideW"]]
    if strides != list(weights.shape[1:3]):
        raise UnsupportedNetworkError("a transposed convolution with overlapping windows is unknown")
    name = emit.node(
        "ConvTranspose",
        emit.get(op.inputs[0], "nchw"),
        emit.constant(weights.transpose(3, 0, 1, 2)),
        emit.constant(emit.data(op.inputs[2])),
        strides=strides,
    )
    emit.put(op.outputs[0], name, "nchw")


CUSTOM_OPERATORS = {
    "CUSTOM:Landmarks2TransformMatrix": landmarks_to_transform_matrix,
    "CUSTOM:TransformTensorBilinear": transform_tensor_bilinear,
    "CUSTOM:TransformLandmarks": transform_landmarks,
    "CUSTOM:Convolution2DTransposeBias": transposed_convolution,
}
