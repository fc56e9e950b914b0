"""The converter, operator by operator, against numpy written from the definitions."""

from __future__ import annotations

from importlib.util import find_spec
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
import tflite
from numpy.typing import NDArray
from understudy.inference.networks import registry
from understudy.models.build import package_reader
from understudy.models.tflite_graph import Graph, Operator, Tensor, UnsupportedNetworkError, densify, read_graph
from understudy.models.tflite_to_onnx import Output, convert_graph

RNG = np.random.default_rng(7)
SAME, VALID = tflite.Padding.SAME, tflite.Padding.VALID
RELU = tflite.ActivationFunctionType.RELU


def random(*shape: int) -> NDArray[np.float32]:
    return RNG.standard_normal(shape).astype(np.float32)


def run(
    kind: str,
    value: NDArray[np.float32],
    constants: list[NDArray[Any]],
    shape: tuple[int, ...],
    options: dict[str, Any] | None = None,
    prelu: str = "plain",
) -> NDArray[np.float32]:
    """Convert a network of one operator and run it on a batch; ``shape`` is that of one result."""
    tensors = [Tensor("in", (1, *value.shape[1:])), Tensor("out", (1, *shape))]
    tensors += [Tensor(f"c{i}", constant.shape, constant) for i, constant in enumerate(constants)]
    inputs = (0, *range(2, 2 + len(constants)))
    graph = Graph(tuple(tensors), (Operator(kind, inputs, (1,), options or {}),), (0,), (1,))
    model = convert_graph(graph, "in", (Output("out", "out", shape),), prelu)
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (result,) = session.run(None, {"in": value})
    return np.asarray(result)


def correlate(image: NDArray[np.float32], kernel: NDArray[np.float32], stride: int, same: bool) -> NDArray[np.float64]:
    """TensorFlow's convolution of (H,W,I) with (O,h,w,I): with SAME the odd pixel of padding is at the end."""
    window = kernel.shape[1]
    if same:
        total = [max((-(-size // stride) - 1) * stride + window - size, 0) for size in image.shape[:2]]
        image = np.pad(image, [(t // 2, t - t // 2) for t in total] + [(0, 0)])
    rows = range(0, image.shape[0] - window + 1, stride)
    columns = range(0, image.shape[1] - window + 1, stride)
    return np.array(
        [
            [np.einsum("ohwi,hwi->o", kernel, image[y : y + window, x : x + window], dtype=np.float64) for x in columns]
            for y in rows
        ]
    )


def window(stride: int, padding: int, activation: int = 0) -> dict[str, int]:
    return {
        "StrideH": stride,
        "StrideW": stride,
        "Padding": padding,
        "FusedActivationFunction": activation,
        "DilationHFactor": 1,
        "DilationWFactor": 1,
    }


@pytest.mark.parametrize(("stride", "size"), [(1, 6), (2, 6), (2, 7)])
def test_convolution_pads_like_tensorflow(stride: int, size: int) -> None:
    images, kernel, bias = random(2, size, size, 3), random(4, 3, 3, 3), random(4)
    out = -(-size // stride)
    got = run("CONV_2D", images, [kernel, bias], (out, out, 4), window(stride, SAME, RELU))
    for result, image in zip(got, images, strict=True):
        np.testing.assert_allclose(result, np.maximum(correlate(image, kernel, stride, True) + bias, 0), atol=1e-5)


def test_depthwise_convolution() -> None:
    images, kernel, bias = random(2, 6, 6, 4), random(1, 3, 3, 4), random(4)
    got = run("DEPTHWISE_CONV_2D", images, [kernel, bias], (2, 2, 4), window(2, VALID))
    for channel in range(4):
        expected = correlate(images[1][..., channel : channel + 1], kernel[..., channel : channel + 1], 2, False)
        np.testing.assert_allclose(got[1][..., channel], expected[..., 0] + bias[channel], atol=1e-5)


@pytest.mark.parametrize("form", ["plain", "depthwise"])
def test_both_forms_of_prelu(form: str) -> None:
    images, slope = random(3, 4, 5, 6), random(1, 1, 6)
    got = run("PRELU", images, [slope], (4, 5, 6), prelu=form)
    np.testing.assert_allclose(got, np.where(images > 0, images, images * slope), atol=1e-6)


def test_padding_reaches_the_channels_in_either_layout() -> None:
    images = random(2, 4, 4, 3)
    table = np.array([[0, 0], [1, 0], [0, 2], [0, 5]], np.int32)
    np.testing.assert_array_equal(run("PAD", images, [table], (5, 6, 8)), np.pad(images, table))
    # After a pooling the tensor is channels first: the table must follow.
    shapes = {"in": (1, 4, 4, 3), "pooled": (1, 2, 2, 3), "out": (1, 3, 4, 8)}
    tensors = (*(Tensor(name, shape) for name, shape in shapes.items()), Tensor("table", (4, 2), table))
    pool = Operator("MAX_POOL_2D", (0,), (1,), {**window(2, SAME), "FilterHeight": 2, "FilterWidth": 2})
    graph = Graph(tensors, (pool, Operator("PAD", (1, 3), (2,), {})), (0,), (2,))
    model = convert_graph(graph, "in", (Output("out", "out", (3, 4, 8)),))
    (got,) = ort.InferenceSession(model.SerializeToString()).run(None, {"in": images})
    np.testing.assert_array_equal(got, np.pad(images.reshape(2, 2, 2, 2, 2, 3).max((2, 4)), table))


@pytest.mark.parametrize(("half_pixel", "first"), [(True, [0.0, 0.25, 0.75, 1.0]), (False, [0.0, 0.5, 1.0, 1.0])])
def test_resize_honours_half_pixel_centres(half_pixel: bool, first: list[float]) -> None:
    images = np.array([0.0, 1.0], np.float32).reshape(1, 1, 2, 1)
    got = run(
        "RESIZE_BILINEAR",
        images,
        [np.array([2, 4], np.int32)],
        (2, 4, 1),
        {"AlignCorners": False, "HalfPixelCenters": half_pixel},
    )
    np.testing.assert_allclose(got[0, 0, :, 0], first, atol=1e-6)


def test_depth_to_space() -> None:
    images = random(2, 3, 3, 8)
    got = run("DEPTH_TO_SPACE", images, [], (6, 6, 2), {"BlockSize": 2})
    expected = images.reshape(2, 3, 3, 2, 2, 2).transpose(0, 1, 3, 2, 4, 5).reshape(2, 6, 6, 2)
    np.testing.assert_array_equal(got, expected)


def test_constants_broadcast_along_the_channels() -> None:
    images, kernel, bias, factor = random(2, 4, 4, 3), random(5, 1, 1, 3), random(5), random(5)
    tensors = (
        Tensor("in", (1, 4, 4, 3)),
        Tensor("k", kernel.shape, kernel),
        Tensor("b", bias.shape, bias),
        Tensor("conv", (1, 4, 4, 5)),
        Tensor("f", factor.shape, factor),
        Tensor("out", (1, 4, 4, 5)),
    )
    graph = Graph(
        tensors, (Operator("CONV_2D", (0, 1, 2), (3,), window(1, VALID)), Operator("MUL", (3, 4), (5,), {})), (0,), (5,)
    )
    model = convert_graph(graph, "in", (Output("out", "out", (4, 4, 5)),))
    (got,) = ort.InferenceSession(model.SerializeToString()).run(None, {"in": images})
    np.testing.assert_allclose(got, (images @ kernel[:, 0, 0].T + bias) * factor, atol=1e-5)


def test_slices_and_constants_keep_the_batch() -> None:
    rows = random(3, 6, 2)
    options = {"BeginMask": 0, "EndMask": 4, "EllipsisMask": 0, "NewAxisMask": 0, "ShrinkAxisMask": 1}
    bounds = [np.array(numbers, np.int32) for numbers in ([0, 1, 0], [1, 6, 0], [1, 2, 1])]
    np.testing.assert_array_equal(run("STRIDED_SLICE", rows, bounds, (3, 2), options), rows[:, 1:6:2])
    token = random(1, 1, 2)
    joined = run("CONCATENATION", rows, [token], (7, 2), {"Axis": 1})
    np.testing.assert_array_equal(joined, np.concatenate([rows, np.repeat(token, 3, 0)], 1))


def crop_options() -> dict[str, Any]:
    return {
        "left_rotation_idx": 0,
        "right_rotation_idx": 1,
        "target_rotation_radians": 0.0,
        "output_width": 16,
        "output_height": 8,
        "scale_x": 1.5,
        "scale_y": 1.2,
        "subset_idxs": [0, 2, 3, 4],
    }


def crop_matrix(points: NDArray[np.float32]) -> NDArray[np.float64]:
    """The operator's definition with angles, as MediaPipe states it."""
    xy = points[:, :2].astype(np.float64)
    angle = -np.arctan2(*(xy[1] - xy[0])[::-1])
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    turned = xy[[0, 2, 3, 4]] @ turn.T
    low, high = turned.min(0), turned.max(0)
    linear = turn.T @ np.diag((high - low) * [1.5 / 16, 1.2 / 8])
    matrix = np.eye(4)
    matrix[:2, :2] = linear
    matrix[:2, 3] = turn.T @ ((low + high) / 2) - linear @ [8, 4]
    return matrix


def test_crop_matrix_follows_the_landmarks() -> None:
    points = random(3, 6, 3) * 20 + 30
    got = run("CUSTOM:Landmarks2TransformMatrix", points, [], (4, 4), crop_options())
    np.testing.assert_allclose(got, [crop_matrix(item) for item in points], atol=2e-5)


def test_points_go_through_the_matrix() -> None:
    points = random(2, 7, 2)
    matrix = random(1, 4, 4)
    got = run("CUSTOM:TransformLandmarks", points, [matrix], (7, 2))
    np.testing.assert_allclose(got, points @ matrix[0, :2, :2].T + matrix[0, :2, 3], atol=1e-5)


def test_samples_outside_the_feature_map_are_zero() -> None:
    features = random(1, 6, 6, 3)
    matrix = np.array([[[1.1, 0.2, 0, -1.0], [-0.3, 0.9, 0, 2.0], [0, 0, 1, 0], [0, 0, 0, 1]]], np.float32)
    options = {"output_width": 5, "output_height": 4}
    got = run("CUSTOM:TransformTensorBilinear", features, [matrix], (4, 5, 3), options)
    outside = 0
    for y in range(4):
        for x in range(5):
            u, v = matrix[0, :2, :2] @ [x + 0.5, y + 0.5] + matrix[0, :2, 3] - 0.5
            if not (0 <= u <= 5 and 0 <= v <= 5):
                outside += 1
                np.testing.assert_array_equal(got[:, y, x], 0)
                continue
            x0, y0 = min(int(u), 4), min(int(v), 4)
            a, b = u - x0, v - y0
            upper = features[:, y0, x0] * (1 - a) + features[:, y0, x0 + 1] * a
            lower = features[:, y0 + 1, x0] * (1 - a) + features[:, y0 + 1, x0 + 1] * a
            np.testing.assert_allclose(got[:, y, x], upper * (1 - b) + lower * b, atol=1e-4)
    assert 0 < outside < 20


def test_transposed_convolution() -> None:
    images, kernel, bias = random(2, 3, 3, 4), random(2, 2, 2, 4), random(2)
    options = {"StrideH": 2, "StrideW": 2, "Same": True}
    got = run("CUSTOM:Convolution2DTransposeBias", images, [kernel, bias], (6, 6, 2), options)
    expected = np.einsum("nyxi,ohwi->nyhxwo", images, kernel).reshape(2, 6, 6, 2) + bias
    np.testing.assert_allclose(got, expected, atol=1e-5)


class SparseLevels:
    """What `densify` reads from a flatbuffer: dimension 0 dense, dimension 1 sparse."""

    def __init__(self, order: list[int], dense_size: int, segments: list[int], indices: list[int]) -> None:
        vector = lambda values: SimpleNamespace(Bytes=None, Pos=np.array(values))  # noqa: E731
        self._order = order
        dense = SimpleNamespace(Format=lambda: tflite.DimensionType.DENSE, DenseSize=lambda: dense_size)
        sparse = SimpleNamespace(
            Format=lambda: tflite.DimensionType.SPARSE_CSR,
            ArraySegmentsType=lambda: 1,
            ArraySegments=lambda: vector(segments),
            ArrayIndicesType=lambda: 1,
            ArrayIndices=lambda: vector(indices),
        )
        self._levels = [dense, sparse]

    def TraversalOrderLength(self) -> int:  # noqa: N802
        return len(self._order)

    def TraversalOrder(self, i: int) -> int:  # noqa: N802
        return self._order[i]

    def BlockMapLength(self) -> int:  # noqa: N802
        return 0

    def DimMetadata(self, i: int) -> SimpleNamespace:  # noqa: N802
        return self._levels[i]


def test_sparse_weights_are_spread_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("understudy.models.tflite_graph._index_array", lambda kind, table: table.Pos)
    dense = np.array([[0, 5, 0], [0, 0, 0], [7, 0, 9]], np.float32)
    rows_first = SparseLevels([0, 1], 3, [0, 1, 1, 3], [1, 0, 2])
    np.testing.assert_array_equal(densify(np.array([5, 7, 9], np.float32), (3, 3), rows_first), dense)
    columns_first = SparseLevels([1, 0], 3, [0, 1, 2, 3], [2, 0, 2])
    np.testing.assert_array_equal(densify(np.array([7, 5, 9], np.float32), (3, 3), columns_first), dense)


def test_what_is_not_known_is_refused() -> None:
    with pytest.raises(UnsupportedNetworkError, match="COS is unknown"):
        run("COS", random(1, 4), [], (4,))
    dilated = {**window(1, SAME), "DilationHFactor": 2}
    with pytest.raises(UnsupportedNetworkError, match="dilated"):
        run("CONV_2D", random(1, 4, 4, 1), [random(1, 3, 3, 1)], (4, 4, 1), dilated)
    turned = {**crop_options(), "target_rotation_radians": 1.0}
    with pytest.raises(UnsupportedNetworkError, match="target rotation"):
        run("CUSTOM:Landmarks2TransformMatrix", random(1, 6, 3), [], (4, 4), turned)
    graph = Graph((Tensor("in", (1, 2)),), (), (0,), (0,))
    with pytest.raises(UnsupportedNetworkError, match="no output missing"):
        convert_graph(graph, "in", (Output("missing", "out", (2,)),))


@pytest.mark.skipif(find_spec("mediapipe") is None, reason="needs the networks inside the mediapipe package")
def test_the_reader_folds_half_precision_and_sparse_weights() -> None:
    origin = registry.network("face_detector_full").built_from
    assert origin is not None
    graph = read_graph(package_reader(None)(origin.member))
    assert {"DEQUANTIZE", "DENSIFY"}.isdisjoint(operator.kind for operator in graph.operators)
    kernels = [graph.tensors[op.inputs[1]].data for op in graph.operators if op.kind == "CONV_2D"]
    assert len(kernels) == 49
    assert all(kernel is not None and kernel.dtype == np.float32 for kernel in kernels)
    zeros = [float((kernel == 0).mean()) for kernel in kernels if kernel is not None]
    assert sum(share > 0.4 for share in zeros) == 46  # the sparse ones
