"""The figures of a take against a known performance."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from understudy.inference import arkit
from understudy.inference.report import accuracy
from understudy.inference.report.accuracy import LANDMARKS_68, Accuracy, score
from understudy.inference.take import Take

FRAMES = 80
ICT_NAMES = ("jawOpen", "eyeBlink_L", "mouthSmile_L", "browInnerUp_L", "browInnerUp_R", "noseSneer_L")


def bump(start: int, length: int, height: float) -> NDArray[np.float64]:
    """A rise and fall with `length` frames above zero."""
    curve = np.zeros(FRAMES)
    curve[start : start + length] = height * np.sin(np.pi * np.arange(1, length + 1) / (length + 1)) ** 2
    return curve


@pytest.fixture
def truth_path(tmp_path: Path) -> Path:
    """Jaw, smile and brows move slowly, one lid blinks twice, the sneer never moves."""
    curves = [
        bump(10, 24, 0.8),
        bump(20, 4, 1.0) + bump(50, 5, 0.9),
        bump(40, 20, 0.7),
        bump(8, 18, 0.5),
        bump(8, 18, 0.5),
        np.zeros(FRAMES),
    ]
    angle = 0.2 * np.sin(np.arange(FRAMES) / 12)
    rotation = np.zeros((FRAMES, 3, 3))
    rotation[:, 1, 1] = 1
    rotation[:, 0, 0] = rotation[:, 2, 2] = np.cos(angle)
    rotation[:, 0, 2], rotation[:, 2, 0] = np.sin(angle), -np.sin(angle)
    points = 100 + 100 * np.random.default_rng(1).random((FRAMES, 68, 2))
    path = tmp_path / "clip.truth.npz"
    np.savez(
        path,
        names=np.array(ICT_NAMES),
        coefficients=np.stack(curves, 1),
        rotation=rotation,
        landmarks68_px=points,
        translation_cm=np.zeros((FRAMES, 3)),
        camera_distance_cm=1e9,  # so far that the two conventions' points coincide in the picture
        K=np.diag([500.0, 500.0, 1.0]),
    )
    return path


@pytest.fixture
def perfect(truth_path: Path) -> Take:
    """The truth as a take."""
    coefficients = np.zeros((FRAMES, len(arkit.NAMES)), np.float32)
    for name, curve in accuracy.known_coefficients(truth_path).items():
        coefficients[:, arkit.INDEX[name]] = curve
    landmarks = np.zeros((FRAMES, 478, 2), np.float32)
    with np.load(truth_path) as truth:
        rotation = truth["rotation"].astype(np.float32)
        landmarks[:, LANDMARKS_68] = truth["landmarks68_px"]
    return Take(
        names=arkit.NAMES,
        coefficients=coefficients,
        confidence=np.ones(FRAMES, np.float32),
        time_s=np.arange(FRAMES) / 24,
        rotation=rotation,
        translation_cm=np.zeros((FRAMES, 3), np.float32),
        gaze=np.zeros((FRAMES, 2, 2), np.float32),
        camera_matrix=np.eye(3),
        landmarks_px=landmarks,
        identity=np.zeros(1, np.float32),
        neutral_cm=np.zeros((1, 3), np.float32),
        fps=Fraction(24),
        frame_size=(300, 300),
        frame_index=np.arange(FRAMES),
        face_model="default",
        source_sha256="",
        tool_version="",
    )


def changed(take: Take, name: str, curve: NDArray[np.floating]) -> Take:
    coefficients = take.coefficients.copy()
    coefficients[:, arkit.INDEX[name]] = curve
    return replace(take, coefficients=coefficients)


def moved(take: Take, frames: int) -> Take:
    return replace(take, coefficients=np.roll(take.coefficients, frames, axis=0))


def test_a_perfect_take(perfect: Take, truth_path: Path) -> None:
    figures = score(perfect, truth_path)
    assert figures.active_shapes == 4
    for name in ("mean_correlation", "median_correlation", "blink_gain", "short_gain", "long_gain"):
        assert getattr(figures, name) == pytest.approx(1.0, abs=1e-6), name
    for name in ("mean_absolute_error", "leakage", "jitter", "lag_frames", "landmark_error_px", "landmark_error_share"):
        assert getattr(figures, name) == pytest.approx(0.0, abs=1e-4), name
    assert figures.head_error_deg == pytest.approx(0.0, abs=0.01)


@pytest.mark.parametrize("late", [2, -3])
def test_a_late_take_has_its_lag(perfect: Take, truth_path: Path, late: int) -> None:
    assert score(moved(perfect, late), truth_path).lag_frames == pytest.approx(late, abs=0.05)


def test_a_lag_of_half_a_frame(perfect: Take, truth_path: Path) -> None:
    between = (perfect.coefficients + np.roll(perfect.coefficients, 1, axis=0)) / 2
    assert score(replace(perfect, coefficients=between), truth_path).lag_frames == pytest.approx(0.5, abs=0.05)


def test_a_halved_blink(perfect: Take, truth_path: Path) -> None:
    blink = perfect.coefficients[:, arkit.INDEX["eyeBlinkLeft"]]
    figures = score(changed(perfect, "eyeBlinkLeft", blink / 2), truth_path)
    assert figures.blink_gain == pytest.approx(0.5, abs=1e-6)
    assert figures.short_gain == pytest.approx(0.5, abs=1e-6)
    assert figures.long_gain == pytest.approx(1.0, abs=1e-6)


def test_a_constant_is_no_gain(perfect: Take, truth_path: Path) -> None:
    figures = score(changed(perfect, "eyeBlinkLeft", np.full(FRAMES, 0.6)), truth_path)
    assert figures.blink_gain == pytest.approx(0.0, abs=1e-6)


def test_smoothing_lowers_blinks_more_than_slow_events(perfect: Take, truth_path: Path) -> None:
    kernel = np.full(7, 1 / 7)
    smooth = np.stack([np.convolve(curve, kernel, "same") for curve in perfect.coefficients.T], 1).astype(np.float32)
    figures = score(replace(perfect, coefficients=smooth), truth_path)
    assert figures.short_gain < 0.6
    assert figures.long_gain > 0.85


def test_jitter_is_what_trembles(perfect: Take, truth_path: Path) -> None:
    tremble = 0.01 * (-1.0) ** np.arange(FRAMES)[:, None]
    active = [arkit.INDEX[name] for name in ("jawOpen", "eyeBlinkLeft", "mouthSmileLeft", "browInnerUp")]
    coefficients = perfect.coefficients.copy()
    coefficients[:, active] += tremble.astype(np.float32)
    figures = score(replace(perfect, coefficients=coefficients), truth_path)
    assert figures.jitter == pytest.approx(0.04, rel=0.01)
    assert score(moved(perfect, 0), truth_path).jitter < 1e-6


def test_a_missed_blink_is_no_jitter(perfect: Take, truth_path: Path) -> None:
    flat = changed(perfect, "eyeBlinkLeft", np.zeros(FRAMES))
    assert score(flat, truth_path).jitter < 0.002


def test_leakage_and_landmarks(perfect: Take, truth_path: Path) -> None:
    worse = changed(
        replace(perfect, landmarks_px=perfect.landmarks_px + [3.0, 4.0]), "noseSneerLeft", np.full(FRAMES, 0.1)
    )
    figures = score(worse, truth_path)
    assert figures.leakage == pytest.approx(0.1, abs=1e-6)
    assert figures.landmark_error_px == pytest.approx(5.0, abs=1e-3)


def test_the_classic_points_are_offset_on_the_head(perfect: Take, truth_path: Path, tmp_path: Path) -> None:
    """At 50 cm the jaw's classic points lie some pixels off the landmarks that mark them, and no two by the same."""
    with np.load(truth_path) as truth:
        near = {**truth, "camera_distance_cm": 50.0}
    path = tmp_path / "near.truth.npz"
    np.savez(path, **near)
    assert 1 < score(perfect, path).landmark_error_px < 10


def test_a_truth_without_motion_gives_no_figures(perfect: Take, truth_path: Path, tmp_path: Path) -> None:
    with np.load(truth_path) as truth:
        still = {name: truth[name] for name in ("names", "coefficients", "rotation")}
    path = tmp_path / "still.truth.npz"
    np.savez(path, **{**still, "coefficients": np.zeros_like(still["coefficients"])})
    figures: Accuracy = score(perfect, path)
    assert figures.active_shapes == 0
    assert all(np.isnan(value) for value in (figures.mean_correlation, figures.blink_gain, figures.lag_frames))


def test_the_68_points_are_different_landmarks() -> None:
    assert len(LANDMARKS_68) == len(set(LANDMARKS_68)) == 68
