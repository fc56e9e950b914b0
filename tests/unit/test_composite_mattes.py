"""What stays in front of the new face: the actor's appearance, islands of surprise, covers, parsers, user mattes."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper
from understudy.inference.composite.mattes.appearance import Appearance, learn, look_at
from understudy.inference.composite.mattes.cover import Cover, find_cover, matte_of_cover, steady_cover
from understudy.inference.composite.mattes.face import face_matte
from understudy.inference.composite.mattes.islands import islands
from understudy.inference.composite.mattes.layout import SIDE, face_layout
from understudy.inference.composite.mattes.own_hair import without_own_hair
from understudy.inference.composite.mattes.parsers import FaceParsers, open_parsers
from understudy.inference.composite.mattes.sequence import UserMatte, reach
from understudy.inference.composite.regions import BROWS, face_region
from understudy.inference.composite.stabiliser.flow import Trail, places
from understudy.inference.composite.types import Region
from understudy.inference.errors import InputError
from understudy.inference.face_model import load
from understudy.inference.media import VideoWriter, write_png

SIZE = (320, 360)
FRAMES = 10


def points(frame: int = 0) -> np.ndarray:
    """(478, 2) landmarks of a frontal face, 180 pixels wide, that moves a little."""
    flat = load("default").landmark_mean_cm[:, :2].astype(np.float32)
    centre = (flat.min(0) + flat.max(0)) / 2
    return ((flat - centre) * (12, -12) + (160 + 1.5 * frame, 180)).astype(np.float32)


def plate(frame: int = 0, gain: float = 1.0) -> np.ndarray:
    """A face of skin with soft detail before a green wall."""
    rng = np.random.default_rng(3)
    detail = cv2.GaussianBlur(rng.standard_normal((SIZE[1], SIZE[0])).astype(np.float32), (0, 0), 5)
    shift = np.float32([[1, 0, 1.5 * frame], [0, 1, 0]])
    detail = cv2.warpAffine(0.4 * detail / detail.std() * 0.05, shift, SIZE, borderMode=cv2.BORDER_REPLICATE)
    picture = np.full((SIZE[1], SIZE[0], 3), (40, 150, 80), np.float32)
    face = cv2.convexHull(points(frame))[:, 0].astype(np.int32)
    skin = np.zeros(SIZE[::-1], np.uint8)
    cv2.fillConvexPoly(skin, face, 255, cv2.LINE_AA)
    share = skin[..., None] / np.float32(255)
    picture += share * (np.float32([196, 150, 128]) * (1 + detail[..., None]) - picture)
    noise = np.random.default_rng(frame).normal(0, 1, picture.shape)
    return np.clip(np.rint(picture * gain + noise), 0, 255).astype(np.uint8)


def disc(frame: int) -> tuple[tuple[int, int], np.ndarray]:
    """A disc that crosses the face, and its alpha."""
    at = (70 + 20 * frame, 215)
    alpha = np.zeros(SIZE[::-1], np.float32)
    cv2.circle(alpha, at, 34, 1, -1, cv2.LINE_AA)
    return at, cv2.GaussianBlur(alpha, (0, 0), 0.8)


def covered(frame: int, colour: tuple[int, int, int]) -> np.ndarray:
    _, alpha = disc(frame)
    return np.rint(plate(frame) * (1 - alpha[..., None]) + np.float32(colour) * alpha[..., None]).astype(np.uint8)


def learnt(pictures: list[np.ndarray]) -> Appearance:
    looks = [look_at(picture, points(at), face_region(points(at), SIZE)) for at, picture in enumerate(pictures)]
    appearance = learn(looks)
    assert appearance is not None
    return appearance


@pytest.fixture(scope="module")
def clear() -> Appearance:
    return learnt([plate(frame) for frame in range(FRAMES)])


def test_every_landmark_lies_at_its_place_of_the_layout():
    layout = face_layout()
    where = layout.places(points(), SIZE)
    for landmark in (4, 152, 50, 280, 168):
        x, y = np.floor(points()[landmark]).astype(int)
        if where.inside[y, x]:
            assert (
                np.hypot(where.x[y, x] - layout.points[landmark, 0], where.y[y, x] - layout.points[landmark, 1]) < 1.5
            )
    assert where.inside[180, 160]
    assert not where.inside[5, 5]
    assert layout.picture(layout.features).shape == (SIDE, SIDE)


@pytest.mark.parametrize("gain", [1.0, 0.75, 1.2])
def test_nothing_is_in_front_of_a_clear_face_in_any_light(clear, gain):
    region = face_region(points(4), SIZE)
    found = find_cover(plate(4, gain), points(4), clear)
    inside = face_matte(points(4) - region.origin_px, np.ones((region.height, region.width), np.float32), 180)
    share = (
        0.0 if found is None else float((matte_of_cover(found, plate(4, gain), region) * inside).sum() / inside.sum())
    )
    assert share < 0.002


@pytest.mark.parametrize("colour", [(40, 70, 150), (38, 38, 42), (230, 230, 225)])
def test_a_moving_disc_is_kept_in_front_though_it_was_there_while_learning(colour):
    pictures = [covered(frame, colour) for frame in range(FRAMES)]
    appearance = learnt(pictures)
    for frame in (3, 5, 6):
        region = face_region(points(frame), SIZE)
        found = find_cover(pictures[frame], points(frame), appearance)
        assert found is not None
        said = matte_of_cover(found, pictures[frame], region) > 0.5
        inside = face_matte(points(frame) - region.origin_px, np.ones(said.shape, np.float32), 180) > 0.5
        true = (disc(frame)[1][region.slices] > 0.5) & inside
        said &= inside
        assert (said & true).sum() / (said | true).sum() > 0.85


def test_too_few_frames_teach_nothing():
    region = face_region(points(), SIZE)
    assert learn([look_at(plate(), points(), region)] * 2) is None


def test_islands_end_abruptly_and_shine_fades():
    y, x = np.mgrid[:120, :120].astype(np.float32)
    shine = 6 * np.exp(-((x - 60) ** 2 + (y - 60) ** 2) / (2 * 25**2))
    thing = 6 * (np.hypot(x - 60, y - 60) < 18).astype(np.float32)
    inside = np.ones((120, 120), bool)
    assert not islands(shine.astype(np.float32), inside).any()
    found = islands(thing, inside)
    assert (found & (thing > 0)).sum() / (found | (thing > 0)).sum() > 0.8


def test_what_one_frame_alone_sees_is_left_out_and_what_one_misses_is_kept():
    region = Region(0, 0, 40, 40)
    patch = np.zeros((20, 20), np.float32)
    patch[5:15, 5:15] = 1
    here = places(region, (20, 20))
    along = {at: Trail(here, np.ones((20, 20), np.float32)) for at in range(-2, 3)}
    lonely = steady_cover({at: Cover(patch, region) if at == 0 else None for at in range(-2, 3)}, along)
    missed = steady_cover({at: None if at == 0 else Cover(patch, region) for at in range(-2, 3)}, along)
    assert lonely is not None
    assert missed is not None
    assert lonely.amount.max() < 0.5
    assert missed.amount[10, 10] > 0.5
    assert steady_cover(dict.fromkeys(range(-2, 3)), along) is None


def parser(nodes: list, shape: list, out: list, constants: dict | None = None) -> ort.InferenceSession:
    def described(name: str, sizes: list) -> list:
        return [helper.make_tensor_value_info(name, TensorProto.FLOAT, sizes)]

    initializers = [numpy_helper.from_array(value, name) for name, value in (constants or {}).items()]
    graph = helper.make_graph(nodes, "parser", described("face", shape), described("mask", out), initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])


def xseg(side: int = 256) -> ort.InferenceSession:
    """Says how red a pixel is: in BGR the last channel."""
    pick = np.zeros((3, 1), np.float32)
    pick[2] = 1
    shape = ["N", side, side, 3]
    return parser([helper.make_node("MatMul", ["face", "pick"], ["mask"])], shape, [*shape[:3], 1], {"pick": pick})


def test_xseg_takes_bgr_and_its_mask_comes_back_to_its_place():
    picture = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    picture[..., 0] = 255
    picture[200:240, 140:180] = (0, 255, 255)
    cover = FaceParsers(xseg(), None).find_cover(picture, points())
    said = matte_of_cover(cover, picture, cover.region)
    assert said[220 - cover.region.y, 160 - cover.region.x] > 0.9
    assert said[150 - cover.region.y, 160 - cover.region.x] < 0.1


def test_bisenet_counts_hair_as_in_front():
    weight = np.zeros((19, 3, 1, 1), np.float32)
    weight[1, 0], weight[17, 2] = 1, 1
    shape = ["N", 3, 512, 512]
    node = helper.make_node("Conv", ["face", "weight"], ["mask"])
    network = parser([node], shape, ["N", 19, 512, 512], {"weight": weight})
    picture = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    picture[..., 0] = 255
    picture[200:240, 140:180] = (0, 0, 255)
    cover = FaceParsers(None, network).find_cover(picture, points())
    said = matte_of_cover(cover, picture, cover.region)
    assert said[220 - cover.region.y, 160 - cover.region.x] > 0.9
    assert said[150 - cover.region.y, 160 - cover.region.x] < 0.1


def test_a_parser_of_another_size_is_refused():
    with pytest.raises(InputError, match="XSeg"):
        FaceParsers(xseg(128), None)


def test_without_weights_there_are_no_parsers(tmp_path, monkeypatch):
    monkeypatch.setenv("UNDERSTUDY_MODELS", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert open_parsers("cpu") is None


@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
def test_a_user_matte_keeps_its_own_edge(tmp_path: Path, depth: type):
    top = np.iinfo(depth).max
    ramp = np.tile(np.linspace(0, 1, 32), (16, 1))
    for number in (1001, 1002):
        write_png(tmp_path / f"matte_{number}.png", np.repeat(np.rint(ramp * top).astype(depth)[..., None], 3, 2))
    matte = UserMatte(tmp_path, (32, 16), first_number=1001)
    found = matte.of(1)
    assert found is not None
    np.testing.assert_allclose(found, ramp, atol=0.5 / top + 1e-6)
    assert matte.of(2) is None


def test_a_user_matte_may_be_a_movie_and_is_found_again_going_back(tmp_path: Path):
    path = tmp_path / "matte.mkv"
    with VideoWriter(path, 32, 16, 25, "ffv1") as writer:
        for frame in range(4):
            picture = np.zeros((16, 32, 3), np.uint8)
            picture[:, : 8 * frame] = 255
            writer.write(picture, frame / 25)
    matte = UserMatte(path, (32, 16))
    for frame in (3, 0, 2):
        found = matte.of(frame)
        assert found is not None
        assert found.mean() == pytest.approx(0.25 * frame, abs=1e-3)
    assert matte.of(9) is None


def test_a_user_matte_of_another_size_is_refused(tmp_path: Path):
    write_png(tmp_path / "m_0.png", np.zeros((16, 32, 3), np.uint8))
    with pytest.raises(InputError, match="32x16"):
        UserMatte(tmp_path, (64, 32)).of(0)


def test_work_reaches_as_far_as_the_users_matte():
    matte = np.zeros((50, 60), np.float32)
    matte[5:20, 30:55] = 0.3
    assert reach(matte, Region(20, 10, 20, 30)) == Region(20, 5, 35, 35)
    assert reach(np.zeros_like(matte), Region(20, 10, 20, 30)) == Region(20, 10, 20, 30)


def test_the_avatars_sideburn_stays_out_and_its_brows_and_shadows_stay_in():
    y, x = np.mgrid[:240, :200].astype(np.float32)
    matte = (((x - 100) / 80) ** 2 + ((y - 120) / 100) ** 2 < 1).astype(np.float32)
    points = np.full((478, 2), 100, np.float32)
    points[10], points[152], points[4] = (100, 20), (100, 220), (100, 130)
    for brow, left in zip(BROWS, (30, 120), strict=True):
        points[list(brow)] = np.stack([np.linspace(left, left + 50, 10), 85 + 5 * np.arange(10) % 10], 1)
    plate = np.full((240, 200, 3), 0.6, np.float32)
    plate *= (0.5 + x / 200)[..., None]  # a lamp at the right
    face = plate.copy()
    face[100:125, 172:180] = 0.08
    face[84:92, 32:78] = 0.08
    face[170:190, 40:60] *= 0.3
    kept = without_own_hair(face, plate, matte, [points, points], 160)
    assert kept[104:121, 173:179].max() < 0.25, "the sideburn"
    assert kept[86:90, 36:74].min() > 0.95, "a brow"
    assert kept[172:188, 42:58].min() > 0.95, "a fold below the nose"
    assert kept[60:80, 40:60].min() > 0.95, "the dark side of a face lit from the side"
