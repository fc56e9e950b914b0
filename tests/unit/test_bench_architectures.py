"""Networks rebuilt with random weights: the published sizes, files that are those that are built, and the true contracts."""

from __future__ import annotations

import onnx
import onnxruntime as ort
import pytest
from understudy.benchmarks.architectures.__main__ import FOLDER, NETWORKS
from understudy.inference.networks.registry import network


@pytest.mark.parametrize("name", NETWORKS)
def test_parameters_are_those_of_the_published_file(name):
    published = NETWORKS[name]
    net = published.build(False)
    net.model()
    assert 4 * (net.parameters + published.other_parameters) == pytest.approx(published.file_bytes, rel=2e-3)


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("name", NETWORKS)
def test_the_files_are_those_that_are_built_and_small(name, half):
    path = FOLDER / f"{name}{'.half' if half else ''}.onnx"
    assert path.stat().st_size < 200_000
    stored, built = onnx.load(str(path)), NETWORKS[name].build(half).model()
    assert [node.op_type for node in stored.graph.node] == [node.op_type for node in built.graph.node]
    assert stored.metadata_props == built.metadata_props
    assert stored.graph.input == built.graph.input


def test_operations_of_the_detector_are_the_published_ones():
    # 9.98 G multiply-adds at 640 x 480, without the heads for key points.
    net = NETWORKS["scrfd_10g_640"].build(False)
    points = 2 * 10 * 80 * 9 * sum((640 // stride) ** 2 for stride in (8, 16, 32))
    assert (net.multiply_adds - points) * 480 / 640 / 1e9 == pytest.approx(9.98, rel=0.03)


@pytest.mark.parametrize(("name", "registered"), [("inswapper_128", "inswapper"), ("gfpgan_clean_512", "gfpgan")])
def test_inputs_and_outputs_are_those_of_the_registry(name, registered):
    session = ort.InferenceSession(FOLDER / f"{name}.onnx", providers=["CPUExecutionProvider"])
    entry = network(registered)
    for wanted, found in ((entry.inputs, session.get_inputs()), (entry.outputs, session.get_outputs())):
        shapes = sorted((list(spec.shape[1:]) for spec in wanted), key=len)
        assert sorted((tensor.shape[1:] for tensor in found), key=len) == shapes
