"""Our own network asked in some frames only: between them MediaPipe's points, moved as the two differ around them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from understudy.inference.capture.region import Region
from understudy.inference.capture.seldom import between
from understudy.inference.capture.tracking import Observation
from understudy.inference.capture.types import FaceTrack, Landmarks

FRAMES, EVERY = 13, 4
RNG = np.random.default_rng(4)
FACE = RNG.uniform(0.1, 0.9, (478, 2)).astype(np.float32)
FACE[[33, 263]] = (0.2, 0.4), (0.8, 0.4)
OFFSET, DEEPER = RNG.normal(0, 0.01, (2, 478, 3)).astype(np.float32)


def regions() -> list[Region]:
    """The face moves, grows and turns."""
    return [Region((100 + 5 * i, 90 - 3 * i), (80 + 4 * i,) * 2, 0.07 * i) for i in range(FRAMES)]


def offset(frame: int) -> np.ndarray:
    """How ours differs from MediaPipe's, as the face stands: it changes evenly."""
    return OFFSET + frame / FRAMES * DEEPER


def tracks() -> tuple[FaceTrack, list[Observation]]:
    """MediaPipe's track, and what our own network would read in every frame of it."""
    theirs, ours = [], []
    size = float(np.ptp(FACE, axis=0).max())
    for frame, region in enumerate(regions()):
        points = region.to_image(FACE)
        theirs.append(points)
        px = region.size_px[0] * size
        landmarks = Landmarks(
            region.to_image(FACE + offset(frame)[:, :2] * size),
            offset(frame)[:, 2] * px,
            1.0,
            sigma_px=np.full(478, 0.004 * px, np.float32),
            visible=np.full(478, 1 - 0.02 * frame, np.float32),
            coefficients=np.full(52, 0.05 * frame, np.float32),
            coefficient_sigma=np.full(52, 0.1, np.float32),
        )
        ours.append(Observation(frame, 3, landmarks, 1.0, landmarks))
    points = np.stack(theirs).astype(np.float32)
    return FaceTrack(3, points, np.zeros((FRAMES, 478), np.float32), np.ones(FRAMES, np.float32)), ours


def test_between_two_readings_the_difference_passes_evenly_as_the_face_stands() -> None:
    mediapipe, ours = tracks()
    track = between(mediapipe, ours[::EVERY])
    for frame, one in enumerate(ours):
        assert one.own is not None
        np.testing.assert_allclose(track.landmarks_px[frame], one.own.points_px, atol=2e-3)
        np.testing.assert_allclose(track.depth_px[frame], one.own.depth_px, atol=2e-3)
        assert track.coefficients is not None
        np.testing.assert_allclose(track.coefficients[frame], 0.05 * frame, rtol=1e-4)
    assert track.mediapipe_px is mediapipe.landmarks_px
    assert track.derived is not None
    assert np.flatnonzero(~track.derived).tolist() == list(range(0, FRAMES, EVERY))


def test_derived_points_are_less_sure_than_read_ones() -> None:
    mediapipe, ours = tracks()
    sigma = between(mediapipe, ours[::EVERY]).sigma_px
    assert sigma is not None
    read = np.stack([one.own.sigma_px for one in ours if one.own is not None])
    less = sigma / read
    derived = np.arange(FRAMES) % EVERY > 0
    np.testing.assert_allclose(less[~derived], 1, rtol=1e-4)
    assert less[derived].min() > 1.2


def test_where_the_network_was_asked_in_vain_nothing_is_made_up() -> None:
    mediapipe, ours = tracks()
    believed = [one for one in ours[::2] if one.frame != 6]
    track = between(mediapipe, [*believed[:2], *believed[4:]])  # 0, 2, then 10 and 12
    assert track.coefficients is not None
    assert track.sigma_px is not None
    unknown = np.isnan(track.coefficients).all(axis=1)
    assert np.flatnonzero(unknown).tolist() == [5, 6, 7]
    assert np.isfinite(track.landmarks_px).all()
    assert track.sigma_px[6].min() > 1.5 * track.sigma_px[3].max()


@pytest.mark.parametrize("count", [1, 4, 8])
def test_short_shots_are_read_as_planned(count: int) -> None:
    mediapipe, ours = tracks()
    short = replace(
        mediapipe,
        landmarks_px=mediapipe.landmarks_px[:count],
        depth_px=mediapipe.depth_px[:count],
        confidence=mediapipe.confidence[:count],
    )
    track = between(short, ours[:count:EVERY])
    assert track.coefficients is not None
    assert track.sigma_px is not None
    assert np.isfinite(track.coefficients).all()
    read = np.stack([one.own.sigma_px for one in ours[:count] if one.own is not None])
    assert (track.sigma_px / read).max() < 1.51


def test_the_order_of_readings_does_not_count_and_ends_stay_as_the_nearest() -> None:
    mediapipe, ours = tracks()
    first, second = between(mediapipe, ours[4:9:4]), between(mediapipe, ours[8:3:-4])
    np.testing.assert_array_equal(first.landmarks_px, second.landmarks_px)
    assert first.coefficients is not None
    np.testing.assert_allclose(first.coefficients[[2, 10], 0], (0.2, 0.4), rtol=1e-5)


def test_a_lost_face_stays_lost() -> None:
    mediapipe, ours = tracks()
    points = mediapipe.landmarks_px.copy()
    points[6] = np.nan
    track = between(replace(mediapipe, landmarks_px=points), ours[::EVERY])
    for name in ("landmarks_px", "sigma_px", "visible", "coefficients", "coefficient_sigma"):
        values = getattr(track, name)
        assert np.isnan(values[6]).all(), name
        assert np.isfinite(np.delete(values, 6, axis=0)).all(), name
