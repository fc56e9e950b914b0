"""Capture: faces are found where MediaPipe fails, refused where it errs, and keep their identity through a shot."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from understudy.inference.capture.shot import CaptureOptions, detect_landmarks, track_shot
from understudy.inference.errors import UsageError
from understudy.inference.media import VideoWriter, read_frames

NOSE, CHIN, FOREHEAD = 1, 152, 10


@pytest.fixture(scope="module")
def clips(shared: Path) -> Path:
    return shared / "data" / "clips"


def pictures(path: Path, count: int, side: int | None = None) -> list[np.ndarray]:
    frames = [frame.rgb for frame in read_frames(path, 0, count)]
    return [cv2.resize(rgb, (side, side)) for rgb in frames] if side else frames


def write(path: Path, frames: Sequence[np.ndarray]) -> Path:
    height, width = frames[0].shape[:2]
    with VideoWriter(path, width, height, Fraction(25)) as writer:
        for i, rgb in enumerate(frames):
            writer.write(np.ascontiguousarray(rgb), i / 25)
    return path


def test_fast_heads_are_read_where_they_are(clips: Path) -> None:
    """At these frames the head jumps by a tenth of its size: points read in the old place would be off by 5 to 40 %."""
    shot = track_shot(clips / "s13.mp4", CaptureOptions(device="cpu", points="mediapipe"))
    for frame in read_frames(clips / "s13.mp4"):
        if frame.index in (24, 25, 39, 77, 80):
            fresh = detect_landmarks(frame.rgb, device="cpu")[0].points_px
            error_px = np.linalg.norm(shot.tracks[0].landmarks_px[frame.index] - fresh, axis=1)
            assert np.median(error_px) < 0.02 * np.ptp(fresh[:, 0]), frame.index


@pytest.mark.parametrize("clip", ["d0", "d3", "d10", "d11", "d14", "d18", "d19", "s13", "s29", "s32"])
def test_the_face_is_never_lost(clips: Path, clip: str) -> None:
    shot = track_shot(clips / f"{clip}.mp4", CaptureOptions(device="cpu", frames=(0, 59)))
    assert len(shot.tracks) == 1
    track = shot.tracks[0]
    assert track.confidence.min() > 0.5
    assert np.isfinite(track.landmarks_px).all()
    assert shot.frame_index.tolist() == list(range(60))
    assert np.all(np.diff(shot.time_s) > 0)


def test_small_face_of_a_full_body_shot(clips: Path) -> None:
    """MediaPipe finds no face in any frame of this clip."""
    shot = track_shot(clips / "s13.mp4", CaptureOptions(device="cpu"))
    points = shot.tracks[0].landmarks_px
    assert (shot.tracks[0].confidence > 0).all()
    assert 60 < np.ptp(points, axis=1).max(axis=-1).mean() < 130


def test_a_dog_is_no_actor(clips: Path) -> None:
    dog = next(read_frames(clips / "no_face_dog.jpg")).rgb
    for quarter in range(4):
        assert detect_landmarks(np.ascontiguousarray(np.rot90(dog, quarter)), "cpu") == []


@pytest.mark.parametrize("name", ["painting_frontal_crackle", "painting_three_quarter"])
@pytest.mark.parametrize("quarter", range(4))
def test_paintings_are_faces_whichever_way_they_hang(clips: Path, name: str, quarter: int) -> None:
    painting = next(read_frames(clips / f"{name}.jpg")).rgb
    face = detect_landmarks(np.ascontiguousarray(np.rot90(painting, quarter)), "cpu")[0].points_px
    down = face[CHIN] - face[FOREHEAD]
    expected = np.degrees(np.arctan2(1, 0)) - 90 * quarter
    difference = (np.degrees(np.arctan2(down[1], down[0])) - expected + 180) % 360 - 180
    assert abs(difference) < 25


@pytest.mark.parametrize("quarter", [1, 2, 3])
def test_turned_footage(clips: Path, tmp_path: Path, quarter: int) -> None:
    upright = pictures(clips / "d10.mp4", 10)
    shot = track_shot(write(tmp_path / "turned.mp4", [np.rot90(rgb, quarter) for rgb in upright]))
    reference = track_shot(clips / "d10.mp4", CaptureOptions(device="cpu", frames=(0, 9))).tracks[0].landmarks_px
    size = upright[0].shape[0]
    turned_back = shot.tracks[0].landmarks_px.copy()
    for _ in range(quarter):
        turned_back = np.stack([size - turned_back[..., 1], turned_back[..., 0]], axis=-1)
    assert (shot.tracks[0].confidence > 0.5).all()
    assert np.linalg.norm(turned_back - reference, axis=-1).mean() < 3


def test_rotation_metadata_makes_a_phone_clip_upright(clips: Path, tmp_path: Path) -> None:
    path = write(tmp_path / "phone.mp4", [np.rot90(rgb, 1) for rgb in pictures(clips / "d10.mp4", 4)])
    data = bytearray(path.read_bytes())
    start = data.index(b"tkhd") + 44
    data[start : start + 36] = struct.pack(">9i", 0, 1 << 16, 0, -1 << 16, 0, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    points = track_shot(path).tracks[0].landmarks_px
    assert (points[:, CHIN, 1] > points[:, FOREHEAD, 1] + 100).all()


def test_two_actors_keep_their_identities(clips: Path, tmp_path: Path) -> None:
    left, right = pictures(clips / "d10.mp4", 25), pictures(clips / "d18.mp4", 25, 512)
    path = write(tmp_path / "two.mp4", [np.hstack(pair) for pair in zip(left, right, strict=True)])
    shot = track_shot(path, CaptureOptions(max_faces=3, device="cpu"))
    assert len(shot.tracks) == 2
    assert all((track.confidence > 0.5).all() for track in shot.tracks)
    sides = [track.landmarks_px[:, NOSE, 0] > 512 for track in shot.tracks]
    assert all(side.all() or not side.any() for side in sides)
    assert sides[0][0] != sides[1][0]


def test_one_actor_out_of_two_is_waited_for(clips: Path, tmp_path: Path) -> None:
    """While the followed face is away, the other actor does not take its place."""
    left, right = pictures(clips / "d10.mp4", 40), pictures(clips / "d18.mp4", 40, 512)
    for i in range(12, 26):
        left[i] = np.zeros_like(left[i])
    path = write(tmp_path / "two.mp4", [np.hstack(pair) for pair in zip(left, right, strict=True)])
    track = track_shot(path, CaptureOptions(device="cpu")).tracks[0]
    seen = track.confidence > 0
    assert seen.tolist() == [not 12 <= i < 26 for i in range(40)]
    assert (track.landmarks_px[seen, NOSE, 0] < 512).all()


def test_a_blank_is_a_gap_of_the_same_track(clips: Path, tmp_path: Path) -> None:
    frames = [
        rgb if not 10 <= i < 20 else np.full_like(rgb, 90) for i, rgb in enumerate(pictures(clips / "d0.mp4", 30))
    ]
    shot = track_shot(write(tmp_path / "blank.mp4", frames))
    assert len(shot.tracks) == 1
    lost = shot.tracks[0].confidence == 0
    assert lost.tolist() == [10 <= i < 20 for i in range(30)]
    assert np.isnan(shot.tracks[0].landmarks_px[lost]).all()
    assert np.isnan(shot.tracks[0].depth_px[lost]).all()


def test_a_face_found_late_is_followed_back(clips: Path, tmp_path: Path) -> None:
    """Upside-down faces are only looked for now and then; the frames in between are filled in."""
    frames = [
        np.rot90(rgb, 2) if i >= 7 else np.zeros_like(rgb) for i, rgb in enumerate(pictures(clips / "d10.mp4", 20))
    ]
    track = track_shot(write(tmp_path / "late.mp4", frames)).tracks[0]
    assert (track.confidence > 0).tolist() == [i >= 7 for i in range(20)]


def test_no_face_no_track(clips: Path, tmp_path: Path) -> None:
    dog = next(read_frames(clips / "no_face_dog.jpg")).rgb
    assert track_shot(write(tmp_path / "dog.mp4", [dog] * 3)).tracks == ()


def test_part_of_a_shot_and_progress(clips: Path) -> None:
    calls: list[tuple[str, int, int]] = []
    shot = track_shot(
        clips / "d18.mp4",
        CaptureOptions(frames=(100, 104)),
        lambda stage, done, total: calls.append((stage, done, total)),
    )
    assert shot.frame_index.tolist() == [100, 101, 102, 103, 104]
    assert shot.time_s[0] == pytest.approx(100 / 30)
    assert calls[-1] == ("track", 5, 5)


@pytest.mark.parametrize(
    "options", [CaptureOptions(frames=(9000, 9001)), CaptureOptions(frames=(5, 2)), CaptureOptions(max_faces=0)]
)
def test_wrong_use_is_one_sentence(clips: Path, options: CaptureOptions) -> None:
    with pytest.raises(UsageError) as caught:
        track_shot(clips / "d0.mp4", options)
    assert str(caught.value).count(". ") == 0
