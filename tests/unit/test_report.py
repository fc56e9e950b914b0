"""The report: telling frames, curves with gaps, figures against a known performance."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from understudy.inference import arkit
from understudy.inference.errors import InputError
from understudy.inference.report.accuracy import score
from understudy.inference.report.contact_sheet import telling_frames
from understudy.inference.report.page import _polyline, take_figures
from understudy.inference.take import Take


def make_take(frames: int) -> Take:
    """A still face with one blink, one open mouth and a turn of the head."""
    time_s = np.arange(frames) / 24
    coefficients = np.zeros((frames, 52), np.float32)
    coefficients[:, arkit.INDEX["jawOpen"]] = np.exp(-(((np.arange(frames) - frames * 0.3) / 3) ** 2))
    coefficients[:, arkit.INDEX["eyeBlinkLeft"]] = np.exp(-(((np.arange(frames) - frames * 0.7) / 2) ** 2))
    yaw = 0.4 * np.sin(np.linspace(0, 6, frames))
    rotation = np.zeros((frames, 3, 3), np.float32)
    rotation[:, 0, 0] = rotation[:, 2, 2] = np.cos(yaw)
    rotation[:, 0, 2], rotation[:, 2, 0], rotation[:, 1, 1] = np.sin(yaw), -np.sin(yaw), 1
    return Take(
        names=arkit.NAMES,
        coefficients=coefficients,
        confidence=np.ones(frames, np.float32),
        time_s=time_s,
        rotation=rotation,
        translation_cm=np.tile(np.float32([0, 0, -60]), (frames, 1)),
        gaze=np.zeros((frames, 2, 2), np.float32),
        camera_matrix=np.array([[600.0, 0, 256], [0, 600, 256], [0, 0, 1]]),
        landmarks_px=np.zeros((frames, 478, 2), np.float32),
        identity=np.zeros(3, np.float32),
        neutral_cm=np.zeros((478, 3), np.float32),
        fps=Fraction(24),
        frame_size=(512, 512),
        frame_index=np.arange(frames),
        face_model="default",
        source_sha256="",
        tool_version="0",
    )


def test_the_peaks_of_the_performance_are_on_the_sheet() -> None:
    take = make_take(100)
    chosen = telling_frames(take)
    assert 30 in chosen
    assert 70 in chosen
    assert chosen == sorted(set(chosen))


@pytest.mark.parametrize("frames", [1, 2, 5])
def test_short_takes_have_short_sheets(frames: int) -> None:
    chosen = telling_frames(make_take(frames))
    assert 1 <= len(chosen) <= frames


def test_lost_frames_are_never_chosen() -> None:
    take = make_take(40)
    confidence = take.confidence.copy()
    confidence[10:] = 0
    assert max(telling_frames(replace(take, confidence=confidence))) < 10
    assert telling_frames(replace(take, confidence=np.zeros(40, np.float32))) == []


def test_curves_break_at_gaps() -> None:
    values = np.array([0.1, 0.2, np.nan, 0.4, 0.5])
    assert _polyline(np.arange(5.0), values, "red").count("<polyline") == 2
    assert "nan" not in _polyline(np.arange(5.0), values, "red")


def test_a_take_that_equals_the_truth_scores_perfectly(tmp_path: Path) -> None:
    take = make_take(60)
    truth = tmp_path / "truth.npz"
    names = [name.replace("Left", "_L").replace("Right", "_R") for name in arkit.NAMES]
    np.savez(truth, names=names, coefficients=take.coefficients, rotation=take.rotation)
    figures = score(take, truth)
    assert figures.active_shapes == 2
    assert figures.mean_correlation == pytest.approx(1)
    assert figures.mean_absolute_error == pytest.approx(0, abs=1e-6)
    assert figures.head_error_deg == pytest.approx(0, abs=1e-3)
    leaking = take.coefficients + np.float32(0.1)
    assert score(replace(take, coefficients=leaking), truth).leakage == pytest.approx(0.1, abs=1e-5)


def test_a_truth_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "truth.npz").write_bytes(b"no")
    with pytest.raises(InputError, match=r"truth\.npz"):
        score(make_take(5), tmp_path / "truth.npz")


def test_figures_count_the_frames_with_a_face() -> None:
    take = make_take(10)
    confidence = take.confidence.copy()
    confidence[:5] = 0
    assert take_figures(replace(take, confidence=confidence))["frames with a face"] == "5 (50.0 %)"


def test_the_least_certain_channels_in_use_are_named() -> None:
    take = make_take(10)
    sigma = np.full((10, 52), 0.1, np.float32)
    sigma[:, arkit.INDEX["jawOpen"]] = 0.4
    sigma[:, arkit.INDEX["tongueOut"]] = 0.9
    told = take_figures(replace(take, sigma=sigma))["least certain channels"]
    assert str(told).startswith("jawOpen (+- 0.40), eyeBlinkLeft (+- 0.10)")
    assert "tongueOut" not in str(told)
    assert "least certain channels" not in take_figures(take)
