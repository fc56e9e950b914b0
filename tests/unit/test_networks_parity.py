"""The converted networks against MediaPipe running the originals, and their forms and batches against each other."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import av
import cv2
import numpy as np
import onnx
import onnxruntime as ort
import pytest
from numpy.typing import NDArray
from small_networks import session
from understudy.inference.networks import registry
from understudy.inference.networks.sessions import open_session
from understudy.models import build

Pictures = NDArray[np.uint8]
LOW = {"face_detector_short": -1.0, "face_detector_full": -1.0}
SHIPPED = [entry.name for entry in registry.networks().values() if entry.bundled]
CONVERTED = [entry.name for entry in registry.networks().values() if entry.bundled and entry.built_from]
HALVED = [entry.name for entry in registry.networks().values() if any(file.form == "half" for file in entry.files)]
WITH_PRELU = [entry.name for entry in registry.networks().values() if entry.bundled and len(entry.files) > 1]
# The order of additions differs between the runtimes; logits reach 300, everything else is in pixels or 0..1.
TOLERANCE = 1e-3
needs_mediapipe = pytest.mark.skipif(find_spec("mediapipe") is None, reason="needs the mediapipe package")


def noise() -> Pictures:
    """(4, 320, 320, 3) smooth coloured noise."""
    grid = np.random.default_rng(3).integers(0, 256, (4, 12, 12, 3), np.uint8)
    return np.stack([cv2.resize(item, (320, 320), interpolation=cv2.INTER_CUBIC) for item in grid])


def faces(clips: Path) -> Pictures:
    """(6, 320, 320, 3) the middle of frames of real performances."""
    found = []
    for name in ("d0", "d10", "s32"):
        with av.open(clips / f"{name}.mp4") as container:
            for index, frame in enumerate(container.decode(video=0)):
                if index in (5, 40):
                    image = frame.to_ndarray(format="rgb24")
                    side = min(image.shape[:2])
                    top, left = (image.shape[0] - side) // 2, (image.shape[1] - side) // 2
                    found.append(cv2.resize(image[top : top + side, left : left + side], (320, 320)))
                if index > 40:
                    break
    return np.stack(found)


@pytest.fixture(scope="module", params=["noise", "faces"])
def pictures(request: pytest.FixtureRequest) -> Pictures:
    return noise() if request.param == "noise" else faces(request.getfixturevalue("shared") / "data" / "clips")


def scaled(pictures: Pictures, name: str) -> Pictures:
    size = int(registry.network(name).inputs[0].shape[1])
    return np.stack([cv2.resize(item, (size, size), interpolation=cv2.INTER_AREA) for item in pictures])


def as_input(pictures: Pictures, name: str) -> NDArray[np.float32]:
    low = LOW.get(name, 0.0)
    return scaled(pictures, name).astype(np.float32) / np.float32(255) * np.float32(1.0 - low) + np.float32(low)


def run(session: ort.InferenceSession, values: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    return [np.asarray(result) for result in session.run(None, {session.get_inputs()[0].name: values})]


def mediapipe_outputs(member: str, images: Pictures, low: float, count: int) -> list[NDArray[np.float32]]:
    """Run a TensorFlow Lite file inside a MediaPipe graph, with MediaPipe's own custom operators."""
    import mediapipe as mp
    from mediapipe.python._framework_bindings import resource_util

    resource_util.set_resource_dir(str(Path(mp.__file__).parents[1]))
    size = images.shape[1]
    streams = range(count)
    nodes = [
        'node { calculator: "ImageToTensorCalculator" input_stream: "IMAGE:image" output_stream: "TENSORS:tensor" '
        f"options {{ [mediapipe.ImageToTensorCalculatorOptions.ext] {{ output_tensor_width: {size} "
        f"output_tensor_height: {size} output_tensor_float_range {{ min: {low} max: 1 }} }} }} }}",
        'node { calculator: "TfLiteCustomOpResolverCalculator" output_side_packet: "OP_RESOLVER:operators" }',
        'node { calculator: "InferenceCalculator" input_stream: "TENSORS:tensor" output_stream: "TENSORS:results" '
        'input_side_packet: "OP_RESOLVER:operators" options { [mediapipe.InferenceCalculatorOptions.ext] '
        f'{{ model_path: "{member}" delegate {{ xnnpack {{}} }} }} }} }}',
        'node { calculator: "SplitTensorVectorCalculator" input_stream: "results" '
        + " ".join(f'output_stream: "part{i}"' for i in streams)
        + " options { [mediapipe.SplitVectorCalculatorOptions.ext] { "
        + " ".join(f"ranges {{ begin: {i} end: {i + 1} }}" for i in streams)
        + " } } }",
        *(
            f'node {{ calculator: "TensorsToFloatsCalculator" input_stream: "TENSORS:part{i}" '
            f'output_stream: "FLOATS:floats{i}" }} output_stream: "floats{i}"'
            for i in streams
        ),
    ]
    graph = mp.CalculatorGraph(graph_config='input_stream: "image" ' + "\n".join(nodes))
    results: dict[str, list[list[float]]] = {f"floats{i}": [] for i in streams}
    for name in results:
        graph.observe_output_stream(
            name, lambda stream, packet: results[stream].append(mp.packet_getter.get_float_list(packet))
        )
    graph.start_run()
    for time, image in enumerate(images):
        packet = mp.packet_creator.create_image_frame(np.ascontiguousarray(image), image_format=mp.ImageFormat.SRGB)
        graph.add_packet_to_input_stream("image", packet.at(time))
    graph.close_all_packet_sources()
    graph.wait_until_done()
    return [np.array(values, np.float32) for values in results.values()]


def rounding(half: onnx.ModelProto) -> onnx.ModelProto:
    """The same network in float32, each number that would be float16 rounded to its 11 digits (after Veltkamp)."""
    graph, nodes = half.graph, []
    digits = {value.name for value in graph.initializer if value.data_type == onnx.TensorProto.FLOAT16}
    for value in graph.initializer:
        if value.name in digits:
            value.CopyFrom(
                onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(value).astype(np.float32), value.name)
            )
    graph.initializer.append(onnx.numpy_helper.from_array(np.array(2**13 + 1, np.float32), "split"))
    for node in graph.node:
        halves = [one for one in node.attribute if one.name == "to" and one.i == onnx.TensorProto.FLOAT16]
        was_half = node.input[0] in digits if node.input else False
        rounds = bool(halves) or (was_half and node.op_type != "Cast")
        if halves or (was_half and node.op_type == "Cast"):
            node.CopyFrom(onnx.helper.make_node("Identity", node.input, node.output, name=node.name))
        nodes.append(node)
        if rounds:
            out = node.output[0]
            digits.add(out)
            node.output[0] = f"{out}/exact"
            for kind, names, result in (
                ("Mul", [f"{out}/exact", "split"], f"{out}/large"),
                ("Sub", [f"{out}/large", f"{out}/exact"], f"{out}/rest"),
                ("Sub", [f"{out}/large", f"{out}/rest"], out),
            ):
                nodes.append(onnx.helper.make_node(kind, names, [result]))
    copies = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
    del graph.node[:]
    graph.node.extend(copies)
    return half


def assert_parity(name: str, member: str, session: ort.InferenceSession, pictures: Pictures) -> None:
    ours = run(session, as_input(pictures, name))
    theirs = mediapipe_outputs(member, scaled(pictures, name), LOW.get(name, 0.0), len(ours))
    for spec, our, their in zip(registry.network(name).outputs, ours, theirs, strict=True):
        assert np.abs(their).max() > 1e-4, f"{spec.name} says nothing"
        np.testing.assert_allclose(our.reshape(their.shape), their, rtol=0, atol=TOLERANCE, err_msg=spec.name)


@needs_mediapipe
@pytest.mark.parametrize("name", CONVERTED)
def test_each_network_computes_what_mediapipe_computes(name: str, pictures: Pictures) -> None:
    origin = registry.network(name).built_from
    assert origin is not None
    assert_parity(name, origin.member, open_session(name, "cpu"), pictures)


@pytest.mark.parametrize("name", WITH_PRELU)
def test_the_cpu_form_computes_what_the_gpu_form_computes(name: str, pictures: Pictures) -> None:
    values = as_input(pictures, name)
    fast = run(open_session(name, "cpu"), values)
    plain = run(open_session(registry.weights_path(name, "plain"), "cpu"), values)
    assert registry.weights_path(name, "plain") != registry.weights_path(name, "cpu")
    for spec, one, other in zip(registry.network(name).outputs, fast, plain, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=2e-4, err_msg=spec.name)


@pytest.mark.parametrize("name", HALVED)
def test_maps_of_half_precision_move_points_by_less_than_a_fifth_of_a_pixel(name: str, pictures: Pictures) -> None:
    """Rounded as a graphics card would: ONNX Runtime leaves the casts out on a processor."""
    values = as_input(pictures, name)
    exact = run(open_session(name, "cpu"), values)
    half = onnx.load(registry.weights_path(name, "half"))
    rounded = run(session(rounding(half).SerializeToString()), values)
    for spec, one, other in zip(registry.network(name).outputs, exact, rounded, strict=True):
        in_pixels = 256 if spec.name == "points" else 1
        apart = np.abs(one - other).max() * in_pixels
        assert apart < 0.2, spec.name
        assert apart > 0, f"{spec.name} was not rounded"


@pytest.mark.parametrize("name", SHIPPED)
def test_a_batch_of_eight_is_eight_batches_of_one(name: str) -> None:
    session = open_session(name, "cpu")
    values = as_input(np.concatenate([noise(), noise()[:, ::-1]]), name)
    together = run(session, values)
    for position in range(8):
        for part, alone in zip(together, run(session, values[position : position + 1]), strict=True):
            np.testing.assert_allclose(part[position], alone[0], rtol=0, atol=1e-4)


@needs_mediapipe
def test_the_networks_of_a_task_file_convert(shared: Path, tmp_path: Path) -> None:
    task = shared / "models" / "face_landmarker.task"
    built = {path.name: path for path in build.build_task(task, tmp_path)}
    origin = registry.network("face_landmarks_256").built_from
    assert origin is not None
    original = tmp_path / "original.tflite"
    original.write_bytes(build.zip_reader(task)(origin.member))
    pictures = faces(shared / "data" / "clips")
    for file in ("face_landmarks_256.onnx", "face_landmarks_256.cpu.onnx"):
        session = ort.InferenceSession(built[file], providers=["CPUExecutionProvider"])
        assert_parity("face_landmarks_256", str(original), session, pictures)


@needs_mediapipe
def test_blend_shapes_are_those_of_mediapipe_tasks(shared: Path, tmp_path: Path) -> None:
    from mediapipe import Image, ImageFormat
    from mediapipe.tasks.python import BaseOptions, vision

    task = shared / "models" / "face_landmarker.task"
    built = {path.name: path for path in build.build_task(task, tmp_path)}
    session = ort.InferenceSession(built["blendshapes.onnx"], providers=["CPUExecutionProvider"])
    options = vision.FaceLandmarkerOptions(BaseOptions(model_asset_path=str(task)), output_face_blendshapes=True)
    pictures = faces(shared / "data" / "clips")[:2]
    with vision.FaceLandmarker.create_from_options(options) as landmarker:
        for picture in pictures:
            result = landmarker.detect(Image(image_format=ImageFormat.SRGB, data=np.ascontiguousarray(picture)))
            points = np.array([(point.x, point.y) for point in result.face_landmarks[0]], np.float32) * 320
            scores = [category.score for category in result.face_blendshapes[0]]
            (ours,) = run(session, points[None, list(SUBSET)])
            np.testing.assert_allclose(ours[0], scores, rtol=0, atol=2e-4)


# The landmarks that feed the blend shape network: kLandmarksSubsetIdxs of MediaPipe's face_blendshapes_graph.cc.
# fmt: off
SUBSET = (
    0, 1, 4, 5, 6, 7, 8, 10, 13, 14, 17, 21, 33, 37, 39, 40, 46, 52, 53, 54, 55, 58, 61, 63, 65, 66, 67, 70, 78, 80,
    81, 82, 84, 87, 88, 91, 93, 95, 103, 105, 107, 109, 127, 132, 133, 136, 144, 145, 146, 148, 149, 150, 152, 153,
    154, 155, 157, 158, 159, 160, 161, 162, 163, 168, 172, 173, 176, 178, 181, 185, 191, 195, 197, 234, 246, 249,
    251, 263, 267, 269, 270, 276, 282, 283, 284, 285, 288, 291, 293, 295, 296, 297, 300, 308, 310, 311, 312, 314,
    317, 318, 321, 323, 324, 332, 334, 336, 338, 356, 361, 362, 365, 373, 374, 375, 377, 378, 379, 380, 381, 382,
    384, 385, 386, 387, 388, 389, 390, 397, 398, 400, 402, 405, 409, 415, 454, 466, 468, 469, 470, 471, 472, 473,
    474, 475, 476, 477,
)
# fmt: on
