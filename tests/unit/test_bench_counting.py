"""Floors: operations and bytes of graphs whose counts are known, of stages, and the least time they need."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper
from understudy.inference.media import read_frames

FLOAT = 4


@pytest.fixture(scope="module")
def counting(benchmarks: Callable[[str], ModuleType]) -> ModuleType:
    return benchmarks("counting")


def graph(nodes: list, inputs: dict, outputs: dict, weights: dict[str, np.ndarray]) -> onnx.ModelProto:
    """A model of float32 tensors by name and shape."""

    def values(shapes: dict) -> list:
        return [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()]

    held = [numpy_helper.from_array(array, name) for name, array in weights.items()]
    made = helper.make_graph(nodes, "g", values(inputs), values(outputs), held)
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.mark.parametrize(
    ("group", "stride", "expected"),
    [(1, 1, 8 * 8 * 16 * 4 * 9), (1, 2, 4 * 4 * 16 * 4 * 9), (4, 1, 8 * 8 * 16 * 1 * 9)],
)
def test_a_convolution_costs_its_kernel_at_each_output(
    counting: ModuleType, group: int, stride: int, expected: int
) -> None:
    weight = np.zeros((16, 4 // group, 3, 3), np.float32)
    node = helper.make_node("Conv", ["x", "w"], ["y"], group=group, strides=[stride] * 2, pads=[1, 1, 1, 1])
    found = counting.count(graph([node], {"x": ["N", 4, 8, 8]}, {"y": ["N", 16, None, None]}, {"w": weight}))
    assert found.multiply_adds == expected
    assert found.weight_bytes == weight.nbytes
    assert found.input_bytes == 4 * 8 * 8 * FLOAT
    assert found.output_bytes == 16 * (8 // stride) ** 2 * FLOAT
    assert found.least_bytes == found.weight_bytes + found.input_bytes + found.output_bytes


def test_a_product_costs_rows_times_columns_times_what_is_between(counting: ModuleType) -> None:
    model = graph([helper.make_node("MatMul", ["x", "w"], ["y"])], {"x": ["N", 5, 7]}, {"y": ["N", 5, 3]}, {})
    model.graph.initializer.append(numpy_helper.from_array(np.zeros((7, 3), np.float32), "w"))
    assert counting.count(model).multiply_adds == 5 * 7 * 3
    assert counting.count(model, batch=6).multiply_adds == 6 * 5 * 7 * 3
    assert counting.count(model, batch=6).weight_bytes == 7 * 3 * FLOAT


def test_other_operators_that_multiply(counting: ModuleType) -> None:
    nodes = [
        helper.make_node("ConvTranspose", ["x", "up"], ["large"], strides=[2, 2]),
        helper.make_node("Flatten", ["large"], ["flat"]),
        helper.make_node("Gemm", ["flat", "full"], ["y"], transB=1),
    ]
    weights = {"up": np.zeros((2, 3, 2, 2), np.float32), "full": np.zeros((10, 3 * 8 * 8), np.float32)}
    found = counting.count(graph(nodes, {"x": ["N", 2, 4, 4]}, {"y": ["N", 10]}, weights))
    assert found.by_operator == {"ConvTranspose": 2 * 4 * 4 * 3 * 4, "Gemm": 10 * 3 * 8 * 8}


def test_what_lies_between_nodes_counts_once_written_and_once_for_each_that_reads_it(counting: ModuleType) -> None:
    nodes = [
        helper.make_node("Relu", ["x"], ["a"]),
        helper.make_node("Add", ["a", "a"], ["y"]),
        helper.make_node("Reshape", ["y", "shape"], ["z"]),
    ]
    model = graph(nodes, {"x": ["N", 100]}, {"z": [100]}, {})
    model.graph.initializer.append(numpy_helper.from_array(np.array([100]), "shape"))
    tensor = 100 * FLOAT
    assert counting.count(model).between_bytes == 5 * tensor, "x read, a written and read twice, y written"


def test_weights_that_are_made_when_the_file_is_opened_are_weights(counting: ModuleType) -> None:
    nodes = [
        helper.make_node("Tile", ["noise", "times"], ["long"]),
        helper.make_node("Reshape", ["long", "table"], ["w"]),
        helper.make_node("MatMul", ["x", "w"], ["y"]),
    ]
    model = graph(nodes, {"x": ["N", 6]}, {"y": ["N", 4]}, {"noise": np.zeros(8, np.float32)})
    model.graph.initializer.extend(
        [numpy_helper.from_array(np.array(shape), name) for name, shape in (("times", [3]), ("table", [6, 4]))]
    )
    found = counting.count(model)
    assert found.multiply_adds == 6 * 4
    assert found.weight_bytes == 6 * 4 * FLOAT
    assert found.between_bytes == 6 * FLOAT, "the input is read, nothing lies between"


@pytest.mark.parametrize("name", ["inswapper_128", "gfpgan_clean_512", "scrfd_10g_640"])
def test_what_the_architectures_say_of_themselves_is_what_is_counted(
    counting: ModuleType, benchmarks: Callable[[str], ModuleType], name: str
) -> None:
    built = benchmarks("architectures.__main__").NETWORKS[name].build(False)
    found = counting.count(built.model())
    assert found.multiply_adds == pytest.approx(built.multiply_adds, rel=1e-3)
    assert found.weight_bytes == pytest.approx(FLOAT * built.parameters, rel=0.05)


def test_sizes_that_depend_on_values_are_seen_in_a_run(counting: ModuleType) -> None:
    nodes = [
        helper.make_node("Shape", ["x"], ["size"]),
        helper.make_node("ReduceSum", ["mask"], ["count"], keepdims=0),
        helper.make_node("Cast", ["count"], ["rows"], to=TensorProto.INT64),
        helper.make_node("Unsqueeze", ["rows", "zero"], ["rows1"]),
        helper.make_node("Concat", ["rows1", "rest"], ["target"], axis=0),
        helper.make_node("Reshape", ["x", "target"], ["table"]),
        helper.make_node("MatMul", ["table", "w"], ["y"]),
    ]
    weights = {"w": np.zeros((4, 3), np.float32), "mask": np.ones(5, np.float32)}
    model = graph(nodes, {"x": ["N", 20]}, {"y": [None, 3]}, weights)
    model.graph.initializer.extend(
        [numpy_helper.from_array(np.array([0]), "zero"), numpy_helper.from_array(np.array([-1]), "rest")]
    )
    assert counting.count(model).by_operator == {"MatMul": 5 * 4 * 3}


def test_a_free_axis_needs_a_size(counting: ModuleType) -> None:
    node = helper.make_node("Conv", ["x", "w"], ["y"], pads=[1, 1, 1, 1])
    weight = {"w": np.zeros((1, 1, 3, 3), np.float32)}
    model = graph([node], {"x": ["N", 1, "H", "W"]}, {"y": ["N", 1, "H", "W"]}, weight)
    with pytest.raises(ValueError, match="'H'"):
        counting.count(model)
    assert counting.count(model, sizes={"H": 6, "W": 10}).multiply_adds == 6 * 10 * 9


def test_a_shipped_network_is_counted(counting: ModuleType) -> None:
    from understudy.inference.networks.registry import weights_path

    path = weights_path("face_detector_short")
    found = counting.count_file(path)
    assert found.input_bytes == 128 * 128 * 3 * FLOAT
    assert found.output_bytes == 896 * 17 * FLOAT
    assert 0.95 * path.stat().st_size < found.weight_bytes < path.stat().st_size
    assert set(found.by_operator) == {"Conv"}
    assert found.multiply_adds > found.weight_bytes / FLOAT, "each weight is used at many places"


def test_the_product_that_is_written_without_the_onnx_package(benchmarks: Callable[[str], ModuleType]) -> None:
    made = benchmarks("onnx_bytes").matmul_model()
    onnx.checker.check_model(onnx.load_from_string(made))
    session = ort.InferenceSession(made, providers=["CPUExecutionProvider"])
    a, b = (np.random.default_rng(seed).random((300, 300), np.float32) for seed in (0, 1))
    np.testing.assert_allclose(session.run(None, {"a": a, "b": b})[0], a @ b, rtol=1e-5)


def test_the_floor_is_the_longer_of_computing_and_moving(benchmarks: Callable[[str], ModuleType]) -> None:
    peak = benchmarks("peak").Peak(gflops=100.0, memory_gb_s=10.0)
    assert peak.least_ms(5e9, 0) == pytest.approx(100)
    assert peak.least_ms(0, 1e8) == pytest.approx(10)
    assert peak.least_ms(5e9, 1e8) == pytest.approx(100)


def test_every_stage_that_is_measured_has_a_floor(benchmarks: Callable[[str], ModuleType], tmp_path: Path) -> None:
    floor, costs = benchmarks("floor"), benchmarks("stage_costs")
    film = tmp_path / "film.mp4"
    assert costs.write_film(film, (320, 180)) > 0
    measured = dict(costs._film_costs(film))
    picture = next(read_frames(film)).rgb
    measured |= dict(costs._crop_costs(picture, 60.0, 0.01))
    named = {stage.name for stage in floor.stages()}
    measured["link"] = costs.link_ms(0.01)
    assert set(measured) | {"encode", "solve", "refine"} <= named
    assert 0 < measured["link"] < 1000
    assert measured["decode"] > 0
    assert all(ms > 0 for name, ms in measured.items() if name.startswith("crop"))
    assert costs.network_ms("face_detector_short", 128, 0.01) > 0
    assert set(costs.NETWORKS) <= {path.stem for path in floor.graphs_here()}


def test_stages_grow_with_what_they_work_on(benchmarks: Callable[[str], ModuleType]) -> None:
    sizes = benchmarks("stage_sizes")
    small, large = (sizes.film_stages(frame) for frame in ((960, 540), (1920, 1080)))
    assert [4 * one.moved_bytes for one in small] == [one.moved_bytes for one in large]
    assert sizes.solve_stage(546).multiply_adds > 1.5 * sizes.solve_stage(300).multiply_adds
    near, far = (sizes.composite_stages(sizes.sizes_of(face_px)) for face_px in (500.0, 250.0))
    assert all(one.moved_bytes >= other.moved_bytes for one, other in zip(near, far, strict=True))
    assert all(one.counted for one in near)
