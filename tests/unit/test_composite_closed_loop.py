"""The closed loop: what the landmark network sees off on a draft is taken back, the outline stays."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from understudy.inference.capture.shot import detect_landmarks
from understudy.inference.composite.regions import INNER, OVAL, face_width_px
from understudy.inference.composite.renders import Render
from understudy.inference.composite.swapper.closed_loop import MAX_SHIFT, seen_again, shift_seen
from understudy.inference.composite.swapper.placement import place
from understudy.inference.composite.swapper.warp import fit_warp
from understudy.inference.composite.types import Region
from understudy.inference.media import read_frames


@pytest.fixture(scope="module")
def seen(shared: Path) -> tuple[np.ndarray, np.ndarray]:
    """A frame of a real clip and its landmarks (478, 2)."""
    picture = next(iter(read_frames(shared / "data" / "clips" / "d14.mp4"))).rgb
    return picture, detect_landmarks(picture, "cpu")[0].points_px


def moved(picture: np.ndarray, shift_px: tuple[float, float]) -> Render:
    """The whole picture as a render that lies off."""
    height, width = picture.shape[:2]
    affine = np.float32([[1, 0, shift_px[0]], [0, 1, shift_px[1]]])
    colour = cv2.warpAffine(picture, affine, (width, height), borderMode=cv2.BORDER_REPLICATE)
    return Render(np.dstack([colour, np.full((height, width), 255, np.uint8)]), Region(0, 0, width, height))


def test_a_face_that_lies_off_is_seen(seen):
    picture, points = seen
    off = shift_seen(picture, moved(picture, (4, -3)), fit_warp(points, points), points, "cpu")
    np.testing.assert_allclose(off, (4, -3), atol=1.5)
    still = shift_seen(picture, moved(picture, (0, 0)), fit_warp(points, points), points, "cpu")
    assert np.linalg.norm(still) < 0.5


def test_what_cannot_be_is_bounded_and_no_face_says_nothing(seen):
    picture, points = seen
    warp = fit_warp(points, points)
    far = shift_seen(picture, moved(picture, (30, 0)), warp, points, "cpu")
    assert far is None or np.linalg.norm(far) <= MAX_SHIFT * face_width_px(points) + 1e-3
    nothing = np.full_like(picture, 90)
    assert shift_seen(nothing, moved(nothing, (0, 0)), warp, points, "cpu") is None


def test_wrong_points_are_read_again_from_the_composite(seen):
    """The render fits its plate, the take's points are far off, and the avatar's were read wrong at the forehead."""
    picture, points = seen
    width = face_width_px(points)
    avatar = points.copy()
    avatar[[10, 338, 297, 109, 67, 103, 332]] += np.float32([0, 0.06 * width])
    wrong = 0.9 * points + np.float32([40, 5])
    placed = place(picture, moved(picture, (0, 0)), wrong, avatar)
    assert placed.correction == pytest.approx(1, abs=0.05)
    again = seen_again(placed, picture, moved(picture, (0, 0)), wrong, "cpu")
    assert np.abs(again.actor_px - points)[10].max() < 0.5 * np.abs(placed.actor_px - points)[10].max()
    assert np.median(np.linalg.norm(again.actor_px - points, axis=1)) < 0.01 * width
    # The render itself stays where pixels put it.
    inner = points[list(INNER)]
    for found in (placed, again):
        warp = fit_warp(found.actor_px, found.actor_px + found.offset_px, found.refinement, bend_strength=0.0)
        assert np.linalg.norm(warp.source_of(inner) - inner, axis=1).mean() < 0.3


def test_right_points_are_left_alone(seen):
    picture, points = seen
    placed = place(picture, moved(picture, (0, 0)), points, points)
    assert seen_again(placed, picture, moved(picture, (0, 0)), points, "cpu") is placed


def test_the_inside_is_moved_back_and_the_outline_stays(seen):
    _, points = seen
    shift = np.float32([5, 2])
    plain, shifted = fit_warp(points, points), fit_warp(points, points, shift_px=shift)
    inner, outline = points[list(INNER)], points[list(OVAL)]
    assert np.linalg.norm(shifted.source_of(inner) - plain.source_of(inner) - shift, axis=1).mean() < 1
    off = np.linalg.norm(shifted.source_of(outline) - outline, axis=1)
    assert off.mean() < 0.012 * face_width_px(points) + 0.5
