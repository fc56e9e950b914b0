"""Forms of a network for graphics cards: slopes as PReLU, and maps of half precision with all points in full."""

from __future__ import annotations

from collections import Counter

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from small_networks import model_bytes, session
from understudy.inference.networks import registry
from understudy.models.gpu_forms import halved, with_prelu

SIDE = 8
SHAPE = [None, 3, SIDE, SIDE]
RNG = np.random.default_rng(7)
BELOW = np.array([0.25, -0.4, 0.9], np.float32)


def slopes(first_weighed: bool, above: np.ndarray) -> onnx.ModelProto:
    """The sum a x + (1 - a) relu(x), weighed before or after the relu."""
    weigh, rectify = ("image", "weighed", "up"), ("up", "image", "weighed")
    nodes = [
        helper.make_node("Conv", [weigh[0] if first_weighed else rectify[0], "above"],
                         ["weighed" if first_weighed else "above_out"], name="w", group=3),
        helper.make_node("Relu", ["weighed" if first_weighed else "image"],
                         ["above_out" if first_weighed else "up"], name="r"),
        helper.make_node("Conv", ["image", "below"], ["below_out"], name="b", group=3),
        helper.make_node("Add", ["below_out", "above_out"], ["out"], name="sum"),
    ]  # fmt: skip
    if not first_weighed:
        nodes[0], nodes[1] = nodes[1], nodes[0]
    constants = {"below": BELOW.reshape(3, 1, 1, 1), "above": above.astype(np.float32).reshape(3, 1, 1, 1)}
    return onnx.load_from_string(model_bytes(nodes, {"image": SHAPE}, {"out": SHAPE}, constants))


def kinds(model: onnx.ModelProto) -> Counter[str]:
    return Counter(node.op_type for node in model.graph.node)


@pytest.mark.parametrize("first_weighed", [True, False])
def test_two_convolutions_that_make_a_slope_are_one_operator(first_weighed: bool) -> None:
    before = slopes(first_weighed, 1 - BELOW)
    after = with_prelu(before)
    assert kinds(after) == {"PRelu": 1}
    assert len(after.graph.initializer) == 1
    image = RNG.normal(size=(2, 3, SIDE, SIDE)).astype(np.float32)
    (true,), (found,) = (session(one.SerializeToString()).run(None, {"image": image}) for one in (before, after))
    np.testing.assert_allclose(found, true, atol=1e-6)


def test_other_sums_stay_as_they_are() -> None:
    before = slopes(True, 1 - BELOW + np.array([0, 0.1, 0]))
    assert with_prelu(before).SerializeToString() == before.SerializeToString()


def test_the_shipped_network_has_no_pair_left_and_reads_the_same() -> None:
    fast, plain = (onnx.load(registry.weights_path("face_points", form)) for form in ("cpu", "plain"))
    alone = [node for node in plain.graph.node for one in node.attribute if one.name == "group" and one.i > 1]
    assert kinds(plain)["PRelu"] == 23
    assert all(list(one.ints) == [3, 3] for node in alone for one in node.attribute if one.name == "kernel_shape")
    image = RNG.random((1, 256, 256, 3), np.float32)
    (true, *_), (found, *_) = (session(one.SerializeToString()).run(None, {"image": image}) for one in (fast, plain))
    np.testing.assert_allclose(found, true, atol=1e-5)


def test_maps_are_half_and_results_are_whole() -> None:
    nodes = [
        helper.make_node("Conv", ["image", "w"], ["map"], pads=[1] * 4, kernel_shape=[3, 3]),
        helper.make_node("Relu", ["map"], ["up"]),
        helper.make_node("Conv", ["up", "over_all"], ["point"], kernel_shape=[SIDE, SIDE]),
        helper.make_node("Add", ["up", "image"], ["out"]),
    ]
    constants = {name: RNG.normal(size=(3, 3, n, n)).astype(np.float32) for name, n in (("w", 3), ("over_all", SIDE))}
    outputs = {"point": [None, 3, 1, 1], "out": SHAPE}
    model = onnx.load_from_string(model_bytes(nodes, {"image": SHAPE}, outputs, constants))
    after = halved(model)
    stored = {value.name: value.data_type for value in after.graph.initializer}
    assert stored == {"w/half": TensorProto.FLOAT16, "over_all": TensorProto.FLOAT}
    assert kinds(after) == {"Conv": 2, "Relu": 1, "Add": 1, "Cast": 2}
    image = RNG.normal(size=(2, 3, SIDE, SIDE)).astype(np.float32)
    true, found = (session(one.SerializeToString()).run(None, {"image": image}) for one in (model, after))
    for one, other in zip(true, found, strict=True):
        assert other.dtype == np.float32
        np.testing.assert_allclose(other, one, rtol=0, atol=0.05)


@pytest.mark.parametrize("name", ["face_points", "face_landmarks_attention"])
def test_sampling_and_all_that_is_told_in_points_is_float32(name: str) -> None:
    graph = onnx.load(registry.weights_path(name, "half")).graph
    halves = {value.name for value in graph.initializer if value.data_type == TensorProto.FLOAT16}
    halves |= {node.output[0] for node in graph.node if node.op_type == "Cast" and node.output[0].endswith("/half")}
    users = Counter(node.op_type for node in graph.node if halves.intersection(node.input))
    assert users.keys() <= {"Add", "Conv", "MaxPool", "Pad", "PRelu", "Relu", "Resize"}
    assert users["Conv"] > 50
    assert all(value.type.tensor_type.elem_type == TensorProto.FLOAT for value in (*graph.input, *graph.output))
