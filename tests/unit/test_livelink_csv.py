"""Live Link Face CSV: what is written is read back, and every column means what it says."""

from __future__ import annotations

import csv
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation
from understudy.inference import arkit, livelink
from understudy.inference.errors import InputError
from understudy.inference.take import Take


def make_take(frames: int, seed: int = 0, fps: Fraction = Fraction(30000, 1001)) -> Take:
    """A random performance."""
    random = np.random.default_rng(seed)
    return Take(
        names=arkit.NAMES,
        coefficients=random.random((frames, 52), np.float32),
        confidence=np.ones(frames, np.float32),
        time_s=np.arange(frames) / float(fps),
        rotation=np.tile(np.eye(3, dtype=np.float32), (frames, 1, 1)),
        translation_cm=np.zeros((frames, 3), np.float32),
        gaze=random.normal(0, 0.2, (frames, 2, 2)).astype(np.float32),
        camera_matrix=np.eye(3),
        landmarks_px=np.zeros((frames, 478, 2), np.float32),
        identity=np.zeros(1, np.float32),
        neutral_cm=np.zeros((478, 3), np.float32),
        fps=fps,
        frame_size=(64, 64),
        frame_index=np.arange(frames),
        face_model="default",
        source_sha256="",
        tool_version="0",
    )


@settings(max_examples=20, deadline=None)
@given(frames=st.integers(1, 40), seed=st.integers(0, 99), rate=st.sampled_from([24, 25, Fraction(30000, 1001), 60]))
def test_a_take_survives_the_round_trip(tmp_path_factory, frames: int, seed: int, rate: Fraction) -> None:
    take = make_take(frames, seed, Fraction(rate))
    path = tmp_path_factory.mktemp("csv") / "take.csv"
    livelink.write_csv(take, path)
    back = livelink.read_csv(path, livelink.nominal_fps(float(rate)))
    assert np.allclose(back.coefficients, take.coefficients, atol=1e-6)
    assert np.allclose(back.time_s, take.time_s, atol=1e-3 / float(rate))
    assert np.allclose(back.angles_rad[:, 3:5], take.gaze[:, 0], atol=1e-6)
    assert not list(path.parent.glob("*.partial"))


@given(st.floats(0, 86399), st.sampled_from([24, 25, 30, 60]))
def test_timecode_counts_to_a_thousandth_of_a_frame(time_s: float, fps: int) -> None:
    assert livelink.parse_timecode(livelink.timecode(time_s, fps), fps) == pytest.approx(time_s, abs=0.51e-3 / fps)


def test_the_columns_are_the_apps(tmp_path: Path) -> None:
    livelink.write_csv(make_take(2), tmp_path / "t.csv")
    header = next(csv.reader((tmp_path / "t.csv").open()))
    assert header[:3] == ["Timecode", "BlendShapeCount", "EyeBlinkLeft"]
    assert header[16:20] == ["JawForward", "JawRight", "JawLeft", "JawOpen"]
    assert header[-1] == "RightEyeRoll"
    assert len(header) == 63


@pytest.mark.parametrize(("angle", "axis"), [("HeadYaw", "y"), ("HeadPitch", "-x"), ("HeadRoll", "-z")])
def test_head_angles_and_their_signs(angle: str, axis: str, tmp_path: Path) -> None:
    sign = -1 if axis.startswith("-") else 1
    take = make_take(1)
    take.rotation[0] = Rotation.from_euler(axis[-1], sign * 0.3).as_matrix()
    livelink.write_csv(take, tmp_path / "t.csv")
    angles = livelink.read_csv(tmp_path / "t.csv", 30).angles_rad[0, :3]
    expected = np.array([0.3 if angle == name else 0.0 for name in livelink.ANGLES[:3]])
    assert angles == pytest.approx(expected, abs=1e-5)


def test_frames_without_a_face_are_left_out(tmp_path: Path) -> None:
    take = make_take(5)
    take.confidence[2] = 0
    livelink.write_csv(take, tmp_path / "t.csv")
    assert len(livelink.read_csv(tmp_path / "t.csv", 30).time_s) == 4


@pytest.mark.parametrize(
    "text", ["", "Timecode,JawOpen\n", "Timecode,JawOpen\n00:00:00:00,1\n", "\x00\xff", "a,b\n1,2\n"]
)
def test_what_is_no_recording_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(InputError, match=r"t\.csv"):
        livelink.read_csv(tmp_path / "t.csv")
