"""Networks of a composite asked about several frames at once, through a device's graphs: the same pictures as one by one."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import onnx
import onnxruntime as ort
import pytest
import small_networks as nets
from onnx import TensorProto
from understudy.inference import arkit
from understudy.inference.capture.shot import detect_landmarks
from understudy.inference.composite import cascade as cascades
from understudy.inference.composite.cascade import Cascade
from understudy.inference.composite.device.chain import Chain, chain_on
from understudy.inference.composite.enhancer.gfpgan import Enhancer
from understudy.inference.composite.pictures import blur, floats_of, shrink
from understudy.inference.composite.renders import RenderFolder
from understudy.inference.composite.swapper.inswapper import IdentitySwapper
from understudy.inference.composite.types import CompositeOptions, Region
from understudy.inference.face_model import load
from understudy.inference.media import VideoWriter, probe, read_frames, write_png
from understudy.inference.networks.providers import Choice, choose
from understudy.inference.networks.sessions import open_session
from understudy.inference.take import Take

SAMPLE = Path(__file__).resolve().parents[2] / "samples" / "performance.mp4"
FRAMES, SIZE = 5, (192, 192)
CHAIN = Chain(choose("cpu"))


def free(content: bytes) -> bytes:
    """The same network for any number of pictures."""
    model = onnx.load_from_string(content)
    for tensor in (*model.graph.input, *model.graph.output):
        shape = tensor.type.tensor_type.shape.dim
        if len(shape) > 1:
            shape[0].dim_param = "N"
    return model.SerializeToString()


def asked(session: ort.InferenceSession) -> list[int]:
    """How many pictures it is asked about, run by run, from now on."""
    counts: list[int] = []
    run = session.run_with_iobinding

    def counted(binding, *more):
        run(binding, *more)
        counts.append(binding.get_outputs()[0].shape()[0])

    session.run_with_iobinding = counted
    return counts


@pytest.fixture(scope="module")
def frames() -> list[np.ndarray]:
    return [np.ascontiguousarray(shrink(frame.rgb, SIZE)) for frame in read_frames(SAMPLE, 0, FRAMES)]


@pytest.fixture(scope="module")
def points(frames) -> np.ndarray:
    return np.stack([detect_landmarks(frame, "cpu")[0].points_px for frame in frames])


def test_there_is_no_chain_where_pictures_are_in_the_cpus_memory_anyway():
    assert chain_on("cpu") is None


def test_tensorrt_computes_networks_but_builds_no_engines_for_the_graphs_around_them(monkeypatch):
    monkeypatch.setattr("understudy.inference.networks.bound._can_be_had", lambda kind, index: False)
    asked_for = []

    def opened(path: Path, choice: Choice) -> ort.InferenceSession:
        asked_for.append(f"{choice.device}:{choice.index}")
        return open_session(path, "cpu")

    monkeypatch.setattr("understudy.inference.composite.device.chain.open_session", opened)
    for device in ("tensorrt", "cuda"):
        chain = Chain(Choice(device, "", 1, ""))
        chain.planes(chain.put(np.zeros((1, 2, 2, 3), np.uint8)))
        assert chain.choice.device == device
    assert asked_for == ["cuda:1", "cuda:1"]


@pytest.mark.parametrize("content", [nets.face_network(0.8), free(nets.face_network(0.8)), nets.codeformer_network()])
def test_details_of_several_pictures_are_those_of_each(frames, points, content):
    pictures = [floats_of(frame) for frame in frames[:3]]
    region = Region(30, 30, 130, 140)
    there = Enhancer(nets.session(content), CHAIN)
    alone = Enhancer(nets.session(content))
    assert there.is_elsewhere
    assert not alone.is_elsewhere
    found = there.details(pictures, list(points[:3]), [region] * 3)
    for picture, face, detail in zip(pictures, points, found, strict=False):
        wanted = alone.detail(picture, face, region)
        size = np.abs(wanted).max()
        assert size > 1e-4
        assert np.abs(detail - wanted).mean() < min(0.4 / 255, 0.2 * size)
        np.testing.assert_allclose(there.detail(picture, face, region), detail, atol=1e-5)


def test_a_network_for_any_number_is_asked_once_and_one_for_a_single_picture_for_each(frames, points):
    pictures = [floats_of(frame) for frame in frames[:3]]
    for content, counts in ((free(nets.face_network()), [3]), (nets.face_network(), [1, 1, 1])):
        session = nets.session(content)
        seen = asked(session)
        Enhancer(session, CHAIN).details(pictures, list(points[:3]), [Region(30, 30, 130, 140)] * 3)
        assert seen == counts


@pytest.mark.parametrize("boost", [128, 256])
@pytest.mark.parametrize("kind", [TensorProto.FLOAT, TensorProto.FLOAT16])
def test_drawings_of_several_plates_are_those_of_each(frames, points, boost, kind):
    content = nets.swapper_network(shift=0.1, kind=kind)
    for made in (content, free(content)):
        sessions = nets.session(made), nets.session(nets.recogniser_network())
        there, alone = (
            IdentitySwapper(*sessions, np.eye(512, dtype=np.float32), boost, chain) for chain in (CHAIN, None)
        )
        for net in (there, alone):
            net.take_identity(floats_of(frames[0]), points[0])
            net.take_identity(floats_of(frames[-1]), points[-1])
        shares = [np.array([share, 1 - share], np.float32) for share in (0.2, 0.9)]
        found = there.drawings(frames[:2], list(points[:2]), shares)
        wanted = alone.drawings(frames[:2], list(points[:2]), shares)
        for one, other in zip(found, wanted, strict=True):
            np.testing.assert_array_equal(one.affine, other.affine)
            assert one.change.shape == (boost, boost, 3)
            assert np.abs(other.change).mean() > 0.01
            assert np.abs(one.change - other.change).mean() < 0.5 / 255
        deep = there.drawings([frames[0].astype(np.uint16) * 257], [points[0]], shares[:1])[0]
        np.testing.assert_allclose(deep.change, found[0].change, atol=1e-3)


def test_crops_at_the_border_of_the_frame_fit_into_one_array(frames, points):
    pictures = [floats_of(frame) for frame in frames[:2]]
    moved = [points[0] - (70, 60), points[1] + (60, 70)]
    region = Region(0, 0, 60, 60)
    content = nets.face_network(0.8)
    found = Enhancer(nets.session(content), CHAIN).details(pictures, moved, [region] * 2)
    wanted = Enhancer(nets.session(content)).details(pictures, moved, [region] * 2)
    for one, other in zip(found, wanted, strict=True):
        assert np.abs(one - other).mean() < 0.6 / 255


def shot(folder: Path, frames: list[np.ndarray], points: np.ndarray) -> tuple[Path, Take, RenderFolder]:
    """The sample with its own darker face as render; one frame without a face."""
    with VideoWriter(folder / "plate.mkv", *SIZE, probe(SAMPLE).fps, "ffv1") as movie:
        for number, frame in enumerate(frames):
            movie.write(frame, number / 24)
    model = load("default")
    confidence = np.ones(FRAMES, np.float32)
    confidence[3] = 0
    take = Take(
        names=arkit.NAMES,
        coefficients=np.zeros((FRAMES, 52), np.float32),
        confidence=confidence,
        time_s=np.arange(FRAMES) / 24,
        rotation=np.tile(np.eye(3, dtype=np.float32), (FRAMES, 1, 1)),
        translation_cm=np.tile(np.array([0, 0, -60], np.float32), (FRAMES, 1)),
        gaze=np.zeros((FRAMES, 2, 2), np.float32),
        camera_matrix=np.array([[400.0, 0, SIZE[0] / 2], [0, 400.0, SIZE[1] / 2], [0, 0, 1]]),
        landmarks_px=points,
        frame_size=SIZE,
        frame_index=np.arange(FRAMES, dtype=np.int64),
        fps=probe(SAMPLE).fps,
        identity=np.zeros(len(model.identity_modes_cm), np.float32),
        neutral_cm=model.mean_cm.astype(np.float32),
        face_model="default",
        source_sha256="",
        tool_version="",
    )
    renders = folder / "render"
    renders.mkdir()
    for number, frame in enumerate(frames):
        alpha = np.zeros(SIZE[::-1], np.uint8)
        cv2.fillConvexPoly(alpha, cv2.convexHull(points[number]).astype(np.int32), 255)
        write_png(renders / f"frame_{number:06d}.png", np.dstack([(0.8 * frame).astype(np.uint8), alpha]))
    np.savez(renders / "landmarks.npz", frame_index=np.arange(FRAMES), landmarks_px=points)
    return folder / "plate.mkv", take, RenderFolder(renders, SIZE)


def test_a_shot_through_networks_on_a_device_is_the_shot_through_networks_here(tmp_path, frames, points, monkeypatch):
    footage, take, renders = shot(tmp_path, frames, points)
    nets.install(
        monkeypatch,
        tmp_path,
        inswapper=free(nets.swapper_network(shift=0.05)),
        arcface=nets.recogniser_network(),
        gfpgan=free(nets.face_network(0.5)),
    )
    options = CompositeOptions(swapper="inswapper", device="cpu")
    here = [(done.outcome, done.picture) for done in Cascade(footage, take, renders, options).frames()]
    for module in ("enhancer.gfpgan", "swapper.network_face"):
        monkeypatch.setattr(f"understudy.inference.composite.{module}.chain_on", lambda _device: CHAIN)
    monkeypatch.setattr(cascades, "AT_ONCE", 2)
    cascade = Cascade(footage, take, renders, options)
    assert cascade.blender.enhances_elsewhere
    there = list(cascade.frames())
    assert [done.frame.index for done in there] == list(range(FRAMES))
    assert [done.outcome for done in there] == [outcome for outcome, _ in here]
    for done, (_, wanted) in zip(there, here, strict=True):
        away = np.abs(done.picture.astype(int) - wanted)
        assert away.mean() < 0.3
        assert np.percentile(away, 99) <= 2
    part = list(cascade.frames(1, 3))
    for done, again in zip(there[1:3], part, strict=True):
        assert np.abs(done.picture.astype(int) - again.picture).max() <= 1


def test_a_network_that_changes_nothing_draws_nothing(points, frames):
    soft = blur(floats_of(frames[0]), 2.0)
    face = points[0]
    sessions = nets.session(nets.swapper_network()), nets.session(nets.recogniser_network())
    net = IdentitySwapper(*sessions, np.eye(512, dtype=np.float32), 256, CHAIN)
    net.take_identity(soft, face)
    pixels = np.rint(255 * soft).astype(np.uint8)
    drawing = net.drawings([pixels], [face], [np.ones(1, np.float32)])[0]
    assert np.abs(drawing.change).max() < 2 / 255
