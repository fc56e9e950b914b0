"""Capture: image-mode points are those of MediaPipe's own face mesh, on real footage."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from understudy.inference.capture.shot import detect_landmarks
from understudy.inference.media import read_frames

CLIPS = ("d0", "d3", "d10", "d11", "d14", "d18", "d19", "s29", "s32")


@pytest.fixture(scope="module")
def face_mesh():
    face_mesh = pytest.importorskip("mediapipe.python.solutions.face_mesh")
    with face_mesh.FaceMesh(static_image_mode=True, refine_landmarks=True) as mesh:
        yield mesh


@pytest.mark.parametrize("clip", CLIPS)
def test_points_are_those_of_mediapipe(shared: Path, face_mesh, clip: str) -> None:
    for frame in read_frames(shared / "data" / "clips" / f"{clip}.mp4", 0, 76):
        if frame.index % 25:
            continue
        height, width = frame.rgb.shape[:2]
        theirs = face_mesh.process(frame.rgb).multi_face_landmarks[0].landmark
        expected = np.array([(point.x * width, point.y * height, point.z * width) for point in theirs])
        ours = detect_landmarks(frame.rgb, "cpu")[0]
        assert np.linalg.norm(ours.points_px - expected[:, :2], axis=1).max() < 0.1
        assert np.abs(ours.depth_px - expected[:, 2]).max() < 0.1
