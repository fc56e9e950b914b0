"""Uncertain stretches of a take."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from understudy.inference import arkit
from understudy.inference.take import Take
from understudy.inference.uncertain import Span, uncertain_spans

MOUTH = [n for n, name in enumerate(arkit.NAMES) if name.startswith(("mouth", "jaw"))]


@pytest.fixture
def take() -> Take:
    """Four seconds of a face that is plainly seen."""
    frames = 100
    return Take(
        names=arkit.NAMES,
        coefficients=np.zeros((frames, 52), np.float32),
        confidence=np.ones(frames, np.float32),
        time_s=np.arange(frames) / 25,
        rotation=np.tile(np.eye(3, dtype=np.float32), (frames, 1, 1)),
        translation_cm=np.zeros((frames, 3), np.float32),
        gaze=np.zeros((frames, 2, 2), np.float32),
        camera_matrix=np.eye(3),
        landmarks_px=np.zeros((frames, 478, 2), np.float32),
        identity=np.zeros(1, np.float32),
        neutral_cm=np.zeros((478, 3), np.float32),
        fps=Fraction(25),
        frame_size=(64, 64),
        frame_index=np.arange(frames),
        face_model="default",
        source_sha256="",
        tool_version="",
        sigma=np.full((frames, 52), 0.2, np.float32),
    )


def test_a_face_that_is_plainly_seen_has_no_marks(take: Take) -> None:
    assert uncertain_spans(take) == []


def test_a_hand_before_the_mouth_and_a_lost_face_are_told(take: Take) -> None:
    take.sigma[30:45, MOUTH] = 0.36
    take.confidence[70:80] = 0.0
    take.confidence[80:90] = 0.4
    assert uncertain_spans(take) == [Span("mouth", 30, 44), Span("lost", 70, 79), Span("face", 80, 89)]


def test_single_frames_are_not_told_and_short_breaks_do_not_part(take: Take) -> None:
    take.sigma[20, MOUTH] = 0.37
    take.sigma[40:60, MOUTH] = 0.37
    take.sigma[48:50, MOUTH] = 0.2
    assert uncertain_spans(take) == [Span("mouth", 40, 59)]


def test_the_share_decides_and_takes_without_spreads_have_only_their_confidence(take: Take) -> None:
    take.sigma[30:45, MOUTH] = 0.28
    assert uncertain_spans(take, 0.5) == []
    assert uncertain_spans(take, 0.8) == [Span("mouth", 30, 44)]
    plain = Take(**{**vars(take), "sigma": None})
    assert uncertain_spans(plain, 0.9) == []
