"""Labels of pictures whose truth is known: which points are hidden, that crops carry points along, that projections agree."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest
from understudy.inference import arkit
from understudy.inference.errors import InputError
from understudy.training.cycles_faces import Labeller, clip, gaze_of_lids, number_of, stills
from understudy.training.hidden import distance_before, visible
from understudy.training.shards import MARGIN, SIDE, Row, framed, upright, write_shard

AWAY = -50.0
TRIANGLE = np.array([[[-5, -5, -40], [5, -5, -40], [0, 5, -40.0]]])


def spotted(points_px: np.ndarray, size: int = 320) -> np.ndarray:
    """A picture with a soft bright spot at each of the points (N, 2)."""
    y, x = np.mgrid[:size, :size] + 0.5
    spots = [np.exp(-((x - u) ** 2 + (y - v) ** 2) / (2 * 3.0**2)) for u, v in points_px]
    return np.repeat((255 * np.clip(sum(spots), 0, 1)).astype(np.uint8)[..., None], 3, axis=2)


def centre_of_light(picture: np.ndarray, place_px: np.ndarray, reach: int = 14) -> np.ndarray:
    """(2,) where the light around a place has its middle."""
    left, top = (place_px - reach).astype(int)
    part = picture[top : top + 2 * reach, left : left + 2 * reach, 0].astype(float)
    y, x = np.mgrid[top : top + 2 * reach, left : left + 2 * reach] + 0.5
    return np.array([(part * x).sum(), (part * y).sum()]) / part.sum()


@pytest.fixture
def face() -> np.ndarray:
    """(546, 3) points of a tilted oval; the outer corners of its eyes say how it is turned."""
    rng = np.random.default_rng(4)
    angle = rng.uniform(0, 2 * np.pi, 546)
    points = np.column_stack([160 + 60 * np.cos(angle), 150 + 80 * np.sin(angle), rng.normal(0, 10, 546)])
    points[33, :2], points[263, :2] = (125, 130), (190, 150)
    return points.astype(np.float32)


def test_what_lies_before_a_point_hides_it() -> None:
    points = np.array([[0, 0, AWAY], [0, 0, -39.9], [20, 0, AWAY], [0, 0, -40.0]], np.float32)
    before = distance_before(points, TRIANGLE)
    assert before == pytest.approx([10.0, 0.0, 0.0, 0.0], abs=1e-4)


def test_perspective_counts_where_a_triangle_slants() -> None:
    slanted = np.array([[[-10, -10, -30], [10, -10, -30], [0, 30, -90.0]]])
    # the ray through (0, 0) meets the plane from z = -30 at y = -10 to z = -90 at y = 30 at z = -45
    assert distance_before(np.array([[0, 0, -60.0]]), slanted) == pytest.approx([15.0], abs=1e-4)


def test_points_are_seen_that_face_the_camera_and_that_nothing_hides() -> None:
    points = np.array([[0, 0, -40.2], [0, 0, -40.2], [0, 0, -41.0], [20, 0, AWAY], [0, 0, -40.2]])
    normals = np.array([[0, 0, 1], [0, 0, -1], [0, 0, 1], [0, 0, 1], [0, 0, 0.0]])
    # a little behind an edge; turned away; well behind; free; an iris behind the lid
    assert visible(points, normals, TRIANGLE).tolist() == [1, 0, 0, 1, 0]


def test_points_stay_on_what_they_mark_when_a_face_is_framed(face: np.ndarray) -> None:
    marked = [33, 263]
    image, points, region = framed(spotted(face[marked, :2]), face)
    assert image.shape == (SIDE, SIDE, 3)
    for point in marked:
        assert centre_of_light(image, points[point, :2]) == pytest.approx(points[point, :2], abs=0.1)
    assert points[33, 1] == pytest.approx(points[263, 1], abs=1e-3), "eyes are level"
    size = np.ptp(points[:478, :2], axis=0).max()
    assert size == pytest.approx(SIDE / MARGIN, rel=1e-4)
    assert points[:, 2] == pytest.approx(face[:, 2] * SIDE / region.size_px[0], rel=1e-4)


def test_a_head_is_turned_as_its_picture_is(face: np.ndarray) -> None:
    region = framed(spotted(face[:1, :2]), face)[2]
    tilt = region.angle_rad
    # clockwise on the screen: x to the right, y up
    tilted = np.array([[np.cos(tilt), np.sin(tilt), 0], [-np.sin(tilt), np.cos(tilt), 0], [0, 0, 1]])
    assert tilt > 0.2
    assert upright(tilted, region) == pytest.approx(np.eye(3), abs=1e-6)


def row_of(face: np.ndarray) -> Row:
    return Row(
        images=np.zeros((SIDE, SIDE, 3), np.uint8),
        points=face,
        visible=np.ones(546, np.uint8),
        coefficients=np.zeros(52, np.float32),
        rotation=np.eye(3, dtype=np.float32),
        skin=0.4,
        actor=7,
    )


def test_a_shard_has_a_row_for_each_picture_and_only_what_is_known(tmp_path: Path, face: np.ndarray) -> None:
    write_shard(tmp_path / "shard_0000", [row_of(face), row_of(face + 1)], 2)
    found = {path.stem: np.load(path) for path in (tmp_path / "shard_0000").iterdir()}
    assert {name: (a.shape, a.dtype.str[1:]) for name, a in found.items()} == {
        "images": ((2, SIDE, SIDE, 3), "u1"),
        "points": ((2, 546, 3), "f4"),
        "visible": ((2, 546), "u1"),
        "coefficients": ((2, 52), "f4"),
        "rotation": ((2, 3, 3), "f4"),
        "skin": ((2,), "f4"),
        "actor": ((2,), "i4"),
    }
    write_shard(tmp_path / "shard_0000", [replace(row_of(face), weight=np.ones(546, np.float32))], 1)
    assert np.load(tmp_path / "shard_0000" / "weight.npy").shape == (1, 546)
    with pytest.raises(InputError, match="No face was found for shard_0001"):
        write_shard(tmp_path / "shard_0001", [], 0)
    assert [path.name for path in tmp_path.iterdir()] == ["shard_0000"]


def test_lids_tell_where_eyes_look() -> None:
    left = {"eyeLookOut_L": 1.0, "eyeLookIn_R": 1.0, "eyeLookDown_L": 0.5, "eyeLookDown_R": 0.5}
    assert gaze_of_lids(left) == pytest.approx(np.array([[0.55, -0.275], [0.55, -0.275]]))
    assert gaze_of_lids({"eyeLookIn_L": 1.0, "eyeLookUp_R": 1.0}) == pytest.approx(np.array([[-0.55, 0], [0, 0.45]]))


def test_a_shard_is_numbered_as_its_clip() -> None:
    assert [number_of(Path(name)) for name in ("seed_101.mp4", "performance_12.mp4", "clip.mp4")] == [101, 12, 0]


def test_a_picture_that_is_not_there_yet_is_no_short_shard(tmp_path: Path) -> None:
    np.savez(tmp_path / "000.npz", coefficients=np.zeros((1, 52)))
    with pytest.raises(InputError, match=r"000_00\.png is missing"):
        next(stills(tmp_path))


@pytest.fixture(scope="module")
def labeller(face_x_model: Path) -> Labeller:
    return Labeller(face_x_model)


def test_labels_of_a_rendered_clip_lie_where_its_truth_says(labeller: Labeller, shared: Path) -> None:
    path = shared / "data/synthetic/performance_11.mp4"
    truth = np.load(path.with_suffix(".truth.npz"))
    rgb, identity, posed, actor = next(islice(clip(path, 24), 1, None))
    row = labeller.row(rgb, labeller.neutral(identity), posed, actor)
    known = truth["landmarks68_px"][24]
    # the same similarity takes all of the truth's points into the picture
    pairs = cv2.estimateAffinePartial2D(known, row.points[478:, :2].astype(np.float64))[0]
    assert known @ pairs[:, :2].T + pairs[:, 2] == pytest.approx(row.points[478:, :2], abs=0.02)
    jaw = list(truth["names"]).index("jawOpen")
    assert row.coefficients[arkit.INDEX["jawOpen"]] == pytest.approx(truth["coefficients"][24, jaw], abs=1e-6)
    assert row.visible[[4, 13, 14, 468, 473]].all()
    assert 0.02 < row.skin < 0.9
    irises, corners = row.points[[468, 473], 1], row.points[[33, 263], 1]
    assert np.abs(irises - corners).max() < 0.1 * SIDE
    # an iris is darker than the middle of the forehead
    x, y = row.points[[468, 473, 151], :2].astype(int).T
    light = row.images[y, x].mean(1)
    assert (light[:2] < 0.7 * light[2]).all()
