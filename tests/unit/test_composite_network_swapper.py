"""The network swapper: inswapper_128 with pixel boost, sources by expression, the actor's expression; small networks."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import cv2
import numpy as np
import painted_shot
import pytest
import small_networks as nets
from onnx import TensorProto
from understudy.inference.capture.shot import detect_landmarks
from understudy.inference.composite.crops import ARCFACE_128, FIVE_POINTS
from understudy.inference.composite.pictures import blur, shrink
from understudy.inference.composite.shot import composite_shot
from understudy.inference.composite.stabiliser.flow import Flow
from understudy.inference.composite.swapper.expression import POINTS, ExpressionReader, with_expression
from understudy.inference.composite.swapper.inswapper import Drawing, IdentitySwapper, calmed, laid, read_identity_map
from understudy.inference.composite.swapper.pixel_boost import boosted_change, dealt, woven
from understudy.inference.composite.swapper.reference import ExpressionLibrary
from understudy.inference.composite.types import CompositeOptions, Region
from understudy.inference.errors import InputError
from understudy.inference.media import VideoWriter, probe, read_frames, write_png
from understudy.inference.take import Take

SAMPLE = Path(__file__).resolve().parents[2] / "samples" / "performance.mp4"
FRAMES, SIZE = 6, (192, 192)


def psnr(one: np.ndarray, other: np.ndarray) -> float:
    return 10 * np.log10(1 / max(float(((one.astype(float) - other.astype(float)) ** 2).mean()), 1e-12))


@pytest.fixture(scope="module")
def frames() -> list[np.ndarray]:
    return [np.ascontiguousarray(shrink(frame.rgb, SIZE)) for frame in read_frames(SAMPLE, 0, FRAMES)]


@pytest.fixture(scope="module")
def points(frames) -> np.ndarray:
    return np.stack([detect_landmarks(frame, "cpu")[0].points_px for frame in frames])


# ---------------------------------------------------------------- pixel boost


@pytest.mark.parametrize("factor", [1, 2, 4])
def test_what_is_dealt_out_is_woven_together_again(factor):
    picture = np.random.default_rng(0).random((8 * factor, 8 * factor, 3)).astype(np.float32)
    parts = dealt(picture, factor)
    assert parts.shape == (factor * factor, 8, 8, 3)
    np.testing.assert_array_equal(parts[0], picture[::factor, ::factor])
    np.testing.assert_array_equal(woven(parts, factor), picture)


@pytest.mark.parametrize("factor", [2, 4])
def test_boost_draws_detail_that_the_small_network_cannot(factor):
    """A change that is given pixel by pixel, fine and broad, comes out as if the network were large."""
    y, x = np.mgrid[: 128 * factor, : 128 * factor].astype(np.float32)
    wave = np.sin(x * (2 * np.pi / 5)) * np.sin(y * (2 * np.pi / 7))
    crop = np.repeat((0.5 + 0.2 * x / x.max() + 0.1 * wave)[..., None], 3, 2)
    change = boosted_change(crop, factor, lambda part: 0.5 * (part - 0.5))
    inner = np.s_[16:-16, 16:-16]
    assert np.abs(change - 0.5 * (crop - 0.5))[inner].max() < 0.006


def test_phases_that_the_network_judges_differently_leave_no_grid():
    crop = np.full((512, 512, 3), 0.5, np.float32)
    moods = iter(np.random.default_rng(1).normal(0, 0.05, 16))
    change = boosted_change(crop, 4, lambda part: part * 0 + np.float32(next(moods)))
    assert np.ptp(change) < 1e-4


# ---------------------------------------------------------------- contract


def swapper(content: bytes | None = None, boost: int = 128) -> IdentitySwapper:
    sessions = nets.session(content or nets.swapper_network()), nets.session(nets.recogniser_network())
    return IdentitySwapper(*sessions, np.eye(512, dtype=np.float32), boost)


@pytest.mark.parametrize("boost", [128, 256, 512])
@pytest.mark.parametrize("kind", [TensorProto.FLOAT, TensorProto.FLOAT16], ids=["float32", "float16"])
def test_a_swapper_that_passes_through_returns_the_plate(frames, points, boost, kind):
    plate = frames[0].astype(np.float32) / 255
    net = swapper(nets.swapper_network(kind=kind), boost)
    net.take_identity(plate, points[0])
    face, alpha = net.draw(plate, points[0], Region(20, 20, 150, 160))
    assert psnr(face, plate[20:180, 20:170]) > 45
    assert alpha.max() == pytest.approx(1)


@pytest.mark.parametrize("boost", [128, 512])
def test_the_identity_is_projected_and_normalised(frames, points, boost):
    plate = np.full((*SIZE, 3), 0.4, np.float32)
    net = swapper(nets.swapper_network(shift=0.1), boost)
    net.take_identity(plate, points[0])
    net.take_identity(plate, points[0])
    np.testing.assert_allclose(np.linalg.norm(net.source()), 1, atol=1e-6)
    centre = points[0][4].astype(int)
    face, _ = net.draw(plate, points[0], Region(0, 0, *SIZE))
    # First component of (3, 0, 4) / 5, times 0.1.
    assert face[centre[1], centre[0], 0] == pytest.approx(0.46, abs=1e-3)


def test_the_last_of_several_matrices_is_the_identity_map(tmp_path):
    path = tmp_path / "net.onnx"
    path.write_bytes(nets.swapper_network())
    np.testing.assert_array_equal(read_identity_map(path), np.eye(512, dtype=np.float32))


@pytest.mark.parametrize(
    ("picture", "identity", "word"),
    [([1, 3, 256, 256], [1, 512], "inswapper_128"), ([1, 3, 128, 128], [1, 256], "inswapper_128")],
)
def test_a_swapper_of_other_sizes_is_told(picture, identity, word):
    nodes = [nets.helper.make_node("Identity", ["a"], ["c"])]
    net = nets.session(nets.model_bytes(nodes, {"a": picture, "b": identity}, {"c": picture}))
    with pytest.raises(InputError, match=word):
        IdentitySwapper(net, nets.session(nets.recogniser_network()), np.eye(512, dtype=np.float32))


def test_a_recogniser_of_another_size_is_told():
    nodes = [nets.helper.make_node("Flatten", ["a"], ["b"])]
    other = nets.session(nets.model_bytes(nodes, {"a": [1, 3, 224, 224]}, {"b": [1, 3 * 224 * 224]}))
    with pytest.raises(InputError, match="ArcFace"):
        IdentitySwapper(nets.session(nets.swapper_network()), other, np.eye(512, dtype=np.float32))


def test_the_plates_fine_detail_stays_where_the_face_does_not_change():
    rng = np.random.default_rng(5)
    plate = np.clip(0.5 + 0.2 * rng.standard_normal((300, 300, 3)), 0, 1).astype(np.float32)
    face = np.zeros((478, 2), np.float32)
    face[list(FIVE_POINTS)] = np.array(ARCFACE_128.points, np.float32) * 256 + 20
    net = swapper(nets.swapper_network(shift=0.1))
    net.take_identity(plate, face)
    region = Region(60, 60, 160, 160)
    drawing = net.drawing(plate, face)
    drawn, _ = laid(plate, Drawing(drawing.affine, np.full_like(drawing.change, 0.06)), region)
    np.testing.assert_allclose(drawn, np.clip(plate[region.slices] + 0.06, 0, 1), atol=0.02)
    other = rng.choice([-0.3, 0.3], (16, 16, 1)).astype(np.float32).repeat(8, 0).repeat(8, 1).repeat(3, 2)
    ghostless, _ = laid(plate, Drawing(drawing.affine, other), region)
    fine = [picture - blur(picture, 1.5) for picture in (ghostless, plate[region.slices])]
    assert fine[0].std() < 0.6 * fine[1].std()


# ---------------------------------------------------------------- over time


def test_drawings_are_averaged_along_the_flow():
    rng = np.random.default_rng(6)
    wide = blur(rng.normal(0, 0.2, (128, 176, 3)).astype(np.float32), 2.0)
    affine = np.float32([[1, 0, -40], [0, 1, -40]])
    offsets = range(-3, 4)
    # The crop stays, the picture moves 4 pixels to the right from frame to frame.
    drawings, flows = {}, {}
    for offset in offsets:
        noise = rng.normal(0, 0.05, (128, 128, 3)).astype(np.float32)
        drawings[offset] = Drawing(affine, wide[:, 24 - 4 * offset : 152 - 4 * offset] + noise)
        field = np.zeros((32, 32, 2), np.float32)
        field[..., 0] = 4
        flows[offset] = Flow(Region(0, 0, 200, 200), -field, field, 1.0)
    calm = calmed(drawings, flows).change
    inner = np.s_[16:-16, 24:-24]
    truth = wide[:, 24:152]
    assert (calm - truth)[inner].std() < 0.5 * (drawings[0].change - truth)[inner].std()


# ---------------------------------------------------------------- expression


def with_lifted_mouth(picture: np.ndarray, face: np.ndarray, lift_px: float) -> np.ndarray:
    """The same face with a mouth that is higher by a few pixels."""
    mouth, width = face[[61, 291, 0, 17]].mean(0), float(np.ptp(face[:, 0]))
    y, x = np.mgrid[: picture.shape[0], : picture.shape[1]].astype(np.float32)
    near = np.exp(-(((x - mouth[0]) / (0.3 * width)) ** 2) - ((y - mouth[1]) / (0.2 * width)) ** 2)
    return cv2.remap(picture, x, y + lift_px * near, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)


@pytest.fixture(scope="module")
def sharp() -> tuple[np.ndarray, np.ndarray]:
    frame = next(read_frames(SAMPLE, 0, 1)).rgb
    return frame, detect_landmarks(frame, "cpu")[0].points_px


def test_a_lost_expression_is_given_back(sharp):
    plate, face = sharp
    height, width = plate.shape[:2]
    region = Region(0, 0, width, height)
    drawn = with_lifted_mouth(plate, face, 8.0).astype(np.float32) / 255
    reader = ExpressionReader("cpu")
    miss = reader.miss(plate, drawn, region, face)
    lips = [POINTS.index(point) for point in (0, 17, 13, 14)]
    assert miss[lips, 1].mean() > 4
    back = with_expression(drawn, face, miss, 1.0, region)
    left = reader.miss(plate, back, region, face)
    assert np.abs(left[lips, 1]).mean() < 0.35 * miss[lips, 1].mean()
    half = reader.miss(plate, with_expression(drawn, face, miss, 0.5, region), region, face)
    assert np.abs(left[lips, 1]).mean() < half[lips, 1].mean() < miss[lips, 1].mean()
    np.testing.assert_array_equal(with_expression(drawn, face, miss, 0.0, region), drawn)


def test_the_same_face_needs_nothing_back(sharp):
    plate, face = sharp
    region = Region(0, 0, plate.shape[1], plate.shape[0])
    miss = ExpressionReader("cpu").miss(plate, plate.astype(np.float32) / 255, region, face)
    np.testing.assert_array_equal(miss, 0)


# ---------------------------------------------------------------- library


def performance(frames: int = 9) -> Take:
    """A jaw that opens and a head that turns."""
    take = painted_shot.painted_take(frames)
    coefficients = np.zeros((frames, 52), np.float32)
    coefficients[:, take.names.index("jawOpen")] = np.linspace(0, 1, frames)
    return dataclasses.replace(
        take, coefficients=coefficients, rotation=np.tile(np.eye(3, dtype=np.float32), (frames, 1, 1))
    )


def test_the_nearest_expression_is_found():
    library = ExpressionLibrary(performance(), [0, 4, 8])
    assert len(library) == 3
    assert library.nearest(8) == (8, 0.0)
    index, distance = library.nearest(5)
    assert (index, round(distance, 3)) == (4, 0.125)
    assert library.nearest(99) is None
    assert ExpressionLibrary(performance(), []).nearest(3) is None


def test_the_turn_of_the_head_counts_too():
    take = performance()
    turned = take.rotation.copy()
    angle = np.radians(25)
    turned[4] = [[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]]
    library = ExpressionLibrary(dataclasses.replace(take, rotation=turned), [2, 4, 6])
    assert library.nearest(5)[0] == 6


def test_sources_show_different_expressions_and_give_way_gently():
    library = ExpressionLibrary(performance(41), range(41))
    sources = library.sources(3)
    assert sources[0] == 0
    assert 40 in sources
    assert len(set(sources)) == 3
    shares = np.stack([library.shares(index, sources) for index in range(41)])
    np.testing.assert_allclose(shares.sum(1), 1, atol=1e-6)
    assert shares[40, sources.index(40)] == shares[40].max()
    assert np.abs(np.diff(shares, axis=0)).max() < 0.1
    assert library.sources(1) == [0]


# ---------------------------------------------------------------- whole shots


@pytest.fixture(scope="module")
def shot(tmp_path_factory: pytest.TempPathFactory, frames, points) -> tuple[Path, Take, Path]:
    """The sample and, as its renders, its own faces on glass, a little darker."""
    folder = tmp_path_factory.mktemp("shot")
    with VideoWriter(folder / "plate.mkv", *SIZE, probe(SAMPLE).fps, "ffv1") as movie:
        for number, frame in enumerate(frames):
            movie.write(frame, number / 24)
    take = dataclasses.replace(
        performance(FRAMES), landmarks_px=points, frame_size=SIZE, frame_index=np.arange(FRAMES, dtype=np.int64)
    )
    (folder / "render").mkdir()
    for number in range(0, FRAMES, 2):
        alpha = np.zeros(SIZE[::-1], np.uint8)
        cv2.fillConvexPoly(alpha, cv2.convexHull(points[number]).astype(np.int32), 255)
        dark = (0.8 * frames[number]).astype(np.uint8)
        write_png(folder / "render" / f"frame_{number:06d}.png", np.dstack([dark, alpha]))
    np.savez(folder / "render" / "landmarks.npz", frame_index=np.arange(FRAMES), landmarks_px=points)
    return folder / "plate.mkv", take, folder / "render"


def swapped(shot: tuple, target: Path, **options: object) -> list[np.ndarray]:
    chosen = CompositeOptions(("swap", "colour", "poisson"), swapper="inswapper", device="cpu", **options)
    report = composite_shot(*shot, target, chosen)
    assert report.composited == FRAMES
    return [frame.rgb for frame in read_frames(target)]


def test_a_whole_shot_through_a_network_that_passes_through(shot, frames, tmp_path, monkeypatch):
    """Frames without a render are drawn too: only the identity comes from renders."""
    nets.install(monkeypatch, tmp_path, inswapper=nets.swapper_network(), arcface=nets.recogniser_network())
    for plate, picture in zip(frames, swapped(shot, tmp_path / "out.mkv"), strict=True):
        assert psnr(plate / 255, picture / 255) > 45


def test_a_whole_shot_through_a_restless_network(shot, frames, tmp_path, monkeypatch):
    nets.install(monkeypatch, tmp_path, inswapper=nets.swapper_network(noise=0.1), arcface=nets.recogniser_network())
    pictures = swapped(shot, tmp_path / "out.mkv", pixel_boost=128, expression_factor=0.0)
    change = np.array(pictures, float) - frames
    face = np.abs(change).max((0, -1)) > 0
    unrest = np.diff(change, axis=0)[:, face].std() / np.sqrt(2)
    # Each frame's own noise is 25 of 255.
    assert 0 < unrest < 0.4 * 25


def test_frames_without_a_render_take_the_nearest_when_asked(shot, tmp_path):
    plain = CompositeOptions(("swap",), device="cpu")
    report = composite_shot(*shot, tmp_path / "some.mkv", plain)
    assert (report.composited, report.without_render) == (FRAMES // 2, FRAMES // 2)
    report = composite_shot(*shot, tmp_path / "all.mkv", dataclasses.replace(plain, stand_ins=True))
    assert (report.composited, report.without_render) == (FRAMES, 0)
    calm = dataclasses.replace(shot[1], coefficients=10 * shot[1].coefficients)
    report = composite_shot(shot[0], calm, shot[2], tmp_path / "far.mkv", dataclasses.replace(plain, stand_ins=True))
    assert report.without_render == FRAMES // 2
