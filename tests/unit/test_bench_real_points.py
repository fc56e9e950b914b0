"""The arithmetic of the benchmarks of points in real videos, and the avatar that stands beside the actor."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from understudy.inference import arkit
from understudy.inference.capture.types import FaceTrack
from understudy.inference.face_model import load

FRAMES = 40


@pytest.fixture(scope="module")
def figures(benchmarks: Callable[[str], ModuleType]) -> ModuleType:
    return benchmarks("real_points_figures")


@pytest.fixture(scope="module")
def pictures(benchmarks: Callable[[str], ModuleType]) -> ModuleType:
    return benchmarks("avatar_picture")


@pytest.fixture(scope="module")
def sheets(benchmarks: Callable[[str], ModuleType]) -> ModuleType:
    return benchmarks("before_after")


@pytest.fixture
def track() -> FaceTrack:
    """A face that drifts evenly for a half and then faster; the last frame is lost."""
    mean = load("default").landmark_mean_cm
    points = np.tile(mean[:, :2] * [20, -20] + 300, (FRAMES, 1, 1))
    points += np.where(np.arange(FRAMES) < 20, 0.1, 3.0).cumsum()[:, None, None]
    points[-1] = np.nan
    depth = np.tile(-mean[:, 2] * 20, (FRAMES, 1))
    confidence = np.ones(FRAMES, np.float32)
    confidence[-1] = 0
    return FaceTrack(0, points.astype(np.float32), depth.astype(np.float32), confidence)


def test_the_quiet_frames_are_the_slow_ones(figures: ModuleType, track: FaceTrack) -> None:
    calm = figures.quiet(track)
    assert calm.sum() >= 9
    assert not calm[20:].any()
    assert not calm[[0, -1]].any()


def test_even_motion_does_not_tremble(figures: ModuleType, track: FaceTrack) -> None:
    eyes, frames = figures.eyes_px(track), figures.quiet(track)
    assert figures.tremble(track.landmarks_px, eyes, frames)["face"] < 0.01
    shaken = track.landmarks_px.copy()
    shaken[::2, 33, 0] += 1.0
    trembles = figures.tremble(shaken, eyes, frames)
    assert trembles["lids"] == pytest.approx(100 * 2 / np.nanmedian(eyes) / 32, rel=0.05)
    assert trembles["lips"] < 0.01
    assert np.isnan(figures.tremble(shaken, eyes, np.zeros(FRAMES, bool))["face"])


def test_agreement_tells_habits_from_wandering(figures: ModuleType, track: FaceTrack) -> None:
    eyes = figures.eyes_px(track)
    elsewhere = figures.agreement(track.landmarks_px + np.float32([2, 0]), track.landmarks_px, eyes)
    assert elsewhere["median"] == pytest.approx(200 / np.nanmedian(eyes), rel=0.01)
    assert elsewhere["steady_p95"] < 0.01
    wandering = track.landmarks_px.copy()
    wandering[10:14] += np.float32([4, 0])
    assert figures.agreement(wandering, track.landmarks_px, eyes)["steady_p95"] > 1
    assert set(figures.worst_frames(wandering, track.landmarks_px, eyes, 4)) == {10, 11, 12, 13}


def test_a_face_that_fits_leaves_no_residual(figures: ModuleType) -> None:
    model = load("default")
    coefficients = np.zeros((2, 52), np.float32)
    coefficients[1, arkit.INDEX["jawOpen"]] = 0.5
    take = SimpleNamespace(
        coefficients=coefficients,
        rotation=np.tile(np.eye(3, dtype=np.float32), (2, 1, 1)),
        translation_cm=np.float32([[0, 0, -60], [1, 2, -50]]),
        camera_matrix=np.array([[700.0, 0, 320], [0, 700, 240], [0, 0, 1]]),
        neutral_cm=model.mean_cm,
        landmarks_px=np.zeros((2, 478, 2), np.float32),
    )
    surface = model.landmark_mean_cm + np.tensordot(coefficients.astype(float), model.landmark_expressions_cm, 1)
    take.landmarks_px = figures.projected(take, surface)
    assert figures.residual(take, model, np.full(2, 100.0)) < 1e-3
    take.landmarks_px = take.landmarks_px + [1.0, 0.0]
    assert figures.residual(take, model, np.full(2, 100.0)) == pytest.approx(1.0, abs=1e-3)


def test_the_avatar_looks_and_opens_its_mouth(pictures: ModuleType) -> None:
    avatar = pictures.Avatar(load("default"))
    rest, straight = np.zeros(52, np.float32), np.eye(3, dtype=np.float32)
    open_mouth = rest.copy()
    open_mouth[arkit.INDEX["jawOpen"]] = 0.8
    ahead, away = np.zeros((2, 2), np.float32), np.full((2, 2), 0.5, np.float32)
    neutral = avatar.draw(rest, straight, ahead)
    assert (neutral != neutral[0, 0]).any(axis=2).mean() > 0.2
    low = slice(pictures.CELL_PX // 2, None)
    assert np.abs(avatar.draw(open_mouth, straight, ahead)[low].astype(int) - neutral[low]).mean() > 2
    assert (avatar.draw(rest, straight, away) != neutral).any()


def test_the_rows_are_spread_and_show_where_takes_differ(sheets: ModuleType) -> None:
    before, after = (np.zeros((100, 52), np.float32) for _ in range(2))
    after[40:44] = 1.0
    takes = [type("Takes", (), {"coefficients": value, "__len__": lambda _: 100})() for value in (before, after)]
    frames = sheets.shown_frames(*takes, 6)
    assert len(frames) == 6
    assert any(40 <= frame < 44 for frame in frames)
    assert min(np.diff(frames)) >= sheets.APART
