"""Capture: regions, mirrored views and the detector's merging, without footage."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from understudy.inference.capture.detector import FaceDetector, _merge_overlapping
from understudy.inference.capture.landmarks import MIRROR, region_of_points, region_to_follow
from understudy.inference.capture.region import Region, whole


def ramp(width: int, height: int) -> np.ndarray:
    """Red tells x and green y, in half pixels, of each pixel's upper left corner."""
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([2 * x, 2 * y, np.zeros_like(x)], axis=-1).astype(np.uint8)


@pytest.mark.parametrize(("size", "contrast"), [(48.0, 1.0), (72.0, 0.6)])
def test_lines_as_thin_as_a_pixel_fade_where_pixels_are_left_out(size: float, contrast: float) -> None:
    picture = np.zeros((100, 100, 3), np.uint8)
    picture[:, ::2] = 200
    region = Region((50.0, 50.0), (size, size), 0.0)
    plain, soft = region.sample(picture, 48), region.sample(picture, 48, soft=True)
    assert soft.std() <= contrast * plain.std()
    assert soft.mean() == pytest.approx(100, abs=3)


@pytest.mark.parametrize("angle_deg", [0, 30, 90, 200])
@pytest.mark.parametrize("size", [24.0, 50.0, 76.0])
def test_sampled_crops_show_what_their_coordinates_say(angle_deg: float, size: float) -> None:
    region = Region((60.0, 58.0), (size, size), np.radians(angle_deg))
    side = 24
    crop = region.sample(ramp(120, 118), side).astype(float)
    middle = (np.mgrid[0:side, 0:side].transpose(1, 2, 0)[..., ::-1] + 0.5) / side
    shown_px = crop[..., :2] / 2 + 0.5
    expected_px = region.to_image(middle.astype(np.float32))
    np.testing.assert_allclose(shown_px, expected_px, atol=0.6)
    np.testing.assert_allclose((shown_px - expected_px).mean(axis=(0, 1)), 0, atol=0.15)


def test_plain_crops_have_the_known_offset_of_mediapipe() -> None:
    region, picture = Region((60.0, 58.0), (96.0, 96.0), 0.0), ramp(120, 118)
    plain, true = region.crop(picture, 48, cv2.BORDER_REPLICATE), region.sample(picture, 48)
    assert (plain.astype(float) - true)[..., :2].mean() / 2 == pytest.approx(-0.5, abs=0.1)


def test_regions_may_leave_the_picture() -> None:
    for centre in ((-400.0, 50.0), (5.0, 5.0), (900.0, 700.0)):
        assert Region(centre, (400.0, 400.0), 0.4).sample(ramp(240, 220), 32).shape == (32, 32, 3)


def test_whole_square_holds_the_picture() -> None:
    region = whole(ramp(240, 120))
    np.testing.assert_allclose(region.to_image(np.array([(0, 0.25), (1, 0.75)], np.float32)), [(0, 0), (240, 120)])


def test_calm_regions_ignore_trembling_and_follow_motion() -> None:
    region = Region((100.0, 100.0), (200.0, 200.0), 3.1)
    trembling = region.calmed(Region((101.0, 100.0), (201.0, 201.0), 3.11))
    assert trembling.centre_px[0] == pytest.approx(100.3)
    moved = region.calmed(Region((180.0, 100.0), (200.0, 200.0), -3.1))
    assert moved.centre_px[0] > 170
    assert np.cos(moved.angle_rad - 3.18) > 0.999


def test_mirroring_twice_is_nothing() -> None:
    assert (MIRROR[MIRROR] == np.arange(478)).all()
    assert MIRROR[[33, 61, 159, 468, 469, 1]].tolist() == [263, 291, 386, 473, 476, 1]


def test_regions_turn_with_the_face() -> None:
    rng = np.random.default_rng(0)
    face = rng.uniform(-1, 1, (478, 2)).astype(np.float32) * (60, 80)
    face[33], face[263] = (-40, -20), (40, -20)
    upright = region_to_follow(face)
    for angle in (0.5, 1.7, -2.9):
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        turned = region_to_follow((face @ turn.T).astype(np.float32))
        assert turned.size_px[0] == pytest.approx(upright.size_px[0], rel=1e-4)
        np.testing.assert_allclose(turned.centre_px, turn @ upright.centre_px, atol=1e-3)
        assert np.cos(turned.angle_rad - angle) > 0.9999
    assert region_of_points(face).size_px[0] == pytest.approx(1.5 * np.ptp(face, axis=0).max())


def test_overlapping_boxes_are_averaged_by_score() -> None:
    points = np.array([[(0.0, 0.0), (1.0, 1.0)], [(0.1, 0.0), (1.1, 1.0)], [(5.0, 5.0), (6.0, 6.0)]])
    (first, score), (second, _) = _merge_overlapping(points, np.array([0.6, 0.9, 0.7]))
    assert score == 0.9
    assert first[0, 0] == pytest.approx(0.06)
    np.testing.assert_allclose(second, points[2])


def test_empty_pictures_have_no_faces() -> None:
    detector = FaceDetector("cpu")
    for size in ((1, 1), (7, 300), (64, 64)):
        assert detector.detect(np.full((*size, 3), 127, np.uint8), "full") == []
