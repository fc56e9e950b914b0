"""Networks rewritten for fewer passes over their maps: the same results, and the passes are gone."""

from __future__ import annotations

from collections import Counter

import numpy as np
import onnx
import pytest
from onnx import NodeProto, helper
from small_networks import model_bytes, session
from understudy.inference.networks import registry
from understudy.models.lighter import lighter

SIDE = 8
RNG = np.random.default_rng(5)


def rewritten(nodes: list[NodeProto], constants: dict[str, np.ndarray], inputs: dict[str, list], out: list) -> Counter:
    """Both give the same to the last bits; returns how many nodes of each kind are left."""
    before = model_bytes(nodes, inputs, {"out": out}, constants)
    after = lighter(onnx.load_from_string(before))
    feed = {name: RNG.normal(size=[size or 2 for size in shape]).astype(np.float32) for name, shape in inputs.items()}
    (true,), (found,) = (session(content).run(None, feed) for content in (before, after.SerializeToString()))
    np.testing.assert_allclose(found, true, atol=1e-6)
    return Counter(node.op_type for node in after.graph.node)


def slopes(weights: np.ndarray) -> tuple[list[NodeProto], dict[str, np.ndarray]]:
    nodes = [helper.make_node("Relu", ["image"], ["up"]), helper.make_node("Conv", ["up", "w"], ["out"], group=3)]
    return nodes, {"w": weights.astype(np.float32).reshape(3, 1, 1, 1)}


@pytest.mark.parametrize(("weights", "first"), [([0.5, 0.0, 2.0], "Conv"), ([0.5, -0.1, 2.0], "Relu")])
def test_a_relu_is_taken_after_the_weights_only_where_none_is_negative(weights: list[float], first: str) -> None:
    nodes, constants = slopes(np.array(weights))
    shape = [None, 3, SIDE, SIDE]
    assert rewritten(nodes, constants, {"image": shape}, shape) == {"Relu": 1, "Conv": 1}
    after = lighter(onnx.load_from_string(model_bytes(nodes, {"image": shape}, {"out": shape}, constants)))
    assert after.graph.node[0].op_type == first


def test_padding_goes_into_the_convolution_and_adds_to_its_own() -> None:
    nodes = [
        helper.make_node("Pad", ["image", "pads"], ["wide"]),
        helper.make_node("Conv", ["wide", "w"], ["out"], strides=[2, 2], pads=[1, 0, 0, 0]),
    ]
    constants = {
        "pads": np.array([0, 0, 0, 0, 0, 0, 1, 1]),
        "w": RNG.normal(size=(4, 3, 3, 3)).astype(np.float32),
    }
    assert rewritten(nodes, constants, {"image": [None, 3, SIDE, SIDE]}, [None, 4, 4, 4]) == {"Conv": 1}


def test_padding_that_is_computed_from_constants_is_known_and_a_border_of_ones_stays() -> None:
    halves = helper.make_node("Concat", ["near", "far"], ["pads"], axis=0)
    convolution = helper.make_node("Conv", ["wide", "w"], ["out"])
    constants = {
        "near": np.array([0, 0, 0, 0]),
        "far": np.array([0, 0, 2, 2]),
        "w": RNG.normal(size=(4, 3, 3, 3)).astype(np.float32),
        "one": np.array(1, np.float32),
    }
    shapes = {"image": [None, 3, SIDE, SIDE]}, [None, 4, SIDE, SIDE]
    zeros = [halves, helper.make_node("Pad", ["image", "pads"], ["wide"]), convolution]
    assert rewritten(zeros, constants, *shapes) == {"Conv": 1}
    ones = [halves, helper.make_node("Pad", ["image", "pads", "one"], ["wide"]), convolution]
    assert rewritten(ones, constants, *shapes) == {"Concat": 1, "Pad": 1, "Conv": 1}


def test_empty_channels_come_from_a_convolution() -> None:
    nodes = [helper.make_node("Pad", ["image", "pads"], ["out"])]
    constants = {"pads": np.array([0, 0, 0, 0, 0, 2, 0, 0])}
    shapes = {"image": [None, 3, SIDE, SIDE]}, [None, 5, SIDE, SIDE]
    assert rewritten(nodes, constants, *shapes) == {"Conv": 1}


def test_every_points_own_products() -> None:
    nodes = [helper.make_node("Einsum", ["seen", "own"], ["out"], equation="nph,pho->npo")]
    constants = {"own": RNG.normal(size=(7, 6, 5)).astype(np.float32)}
    kinds = rewritten(nodes, constants, {"seen": [None, 7, 6]}, [None, 7, 5])
    assert kinds == {"Unsqueeze": 1, "Mul": 1, "ReduceSum": 1}


def sampling(**attributes: int | str) -> tuple[list[NodeProto], dict[str, list], list]:
    """Three samples of one map, one of which the next grid depends on, as in MediaPipe's network."""
    nodes = [
        helper.make_node("GridSample", ["map", "grid"], ["first"], **attributes),
        helper.make_node("Mul", ["grid", "half"], ["small"]),
        helper.make_node("GridSample", ["map", "small"], ["second"], **attributes),
        helper.make_node("Concat", ["first", "second"], ["out"], axis=1),
    ]
    return nodes, {"map": [None, 5, 6, 9], "grid": [None, 4, 3, 2]}, [None, 10, 4, 3]


@pytest.mark.parametrize("scale", [0.4, 1.0])
def test_sampled_places_are_looked_up_in_one_go_and_outside_there_is_nothing(scale: float) -> None:
    nodes, inputs, out = sampling(align_corners=1)
    kinds = rewritten(nodes, {"half": np.array(scale, np.float32)}, inputs, out)
    assert kinds["GridSample"] == 0
    assert kinds["Gather"] == 1


@pytest.mark.parametrize("attributes", [{"align_corners": 0}, {"align_corners": 1, "padding_mode": "border"}])
def test_other_ways_to_sample_stay(attributes: dict[str, int | str]) -> None:
    nodes, inputs, out = sampling(**attributes)
    assert rewritten(nodes, {"half": np.array(0.5, np.float32)}, inputs, out)["GridSample"] == 2


@pytest.mark.parametrize("name", ["face_points", "face_landmarks_attention"])
def test_every_map_is_known_to_be_of_as_many_pictures_as_go_in(name: str) -> None:
    model = onnx.load(registry.weights_path(name, "cpu"))
    graph = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
    sizes = {value.name: value.type.tensor_type.shape.dim for value in (*graph.value_info, *graph.input)}
    maps = {node.input[0] for node in graph.node if node.op_type == "Conv"}
    assert {sizes[name][0].dim_param for name in maps} == {sizes["image"][0].dim_param}


def test_the_shipped_network_reads_the_same() -> None:
    path = registry.weights_path("face_points", "any")
    image = RNG.random((2, 256, 256, 3), np.float32)
    before = session(path.read_bytes()).run(None, {"image": image})
    after = session(lighter(onnx.load(path)).SerializeToString()).run(None, {"image": image})
    for true, found in zip(before, after, strict=True):
        np.testing.assert_allclose(found, true, atol=1e-5)
