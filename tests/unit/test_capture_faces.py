"""Choosing a face by pointing at it: the faces of one frame, and the track that is at a place."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from understudy.inference.capture.faces import PICTURE_PX, faces_of_frame, write_pictures
from understudy.inference.capture.shot import first_at
from understudy.inference.capture.types import FaceTrack
from understudy.inference.cli import main
from understudy.inference.commands.words import capture_options
from understudy.inference.errors import UsageError
from understudy.inference.media.images import read_png

INDEX = np.arange(100, 140)


def track(number: int, x: float, seen: slice = slice(None)) -> FaceTrack:
    """A face of 60 x 60 pixels whose middle is at (x, 200)."""
    rng = np.random.default_rng(number)
    points = np.full((40, 478, 2), np.nan, np.float32)
    points[seen] = rng.uniform(-30, 30, (478, 2)) + (x, 200)
    confidence = np.zeros(40, np.float32)
    confidence[seen] = 1
    return FaceTrack(number, points, np.zeros((40, 478), np.float32), confidence)


def test_the_face_at_a_place_comes_first_and_the_others_keep_their_order() -> None:
    tracks = (track(0, 100), track(1, 200), track(2, 300))
    assert [found.track_id for found in first_at(tracks, INDEX, (120, 310, 190))] == [2, 0, 1]
    assert [found.track_id for found in first_at(tracks, INDEX, (100, 95, 205))] == [0, 1, 2]


def test_a_face_that_is_lost_for_a_moment_is_found_by_the_frames_around_it() -> None:
    tracks = (track(0, 100), track(1, 300, slice(0, 10)))
    assert first_at(tracks, INDEX, (115, 300, 200))[0].track_id == 1
    with pytest.raises(UsageError, match="choose the face again"):
        first_at(tracks, INDEX, (139, 300, 200))
    with pytest.raises(UsageError, match="choose the face again"):
        first_at(tracks, INDEX, (105, 500, 200))


def test_the_words_of_the_command_line() -> None:
    from understudy.inference.cli import build_parser

    options = build_parser().parse_args(["track", "a.mp4", "-o", "a.npz", "--face-at", "12,320.5,180", "--faces", "3"])
    chosen = capture_options(options)
    assert chosen.face_at == (12, 320.5, 180.0)
    assert chosen.max_faces == 3
    assert main(["track", "a.mp4", "-o", "a.npz", "--face-at", "12;3"]) == 2


def test_the_faces_of_a_frame_with_their_pictures(
    shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clip = shared / "data" / "clips" / "d18.mp4"
    faces = faces_of_frame(clip, 10)
    (x0, y0, x1, y1) = faces.boxes_px[0]
    assert len(faces.boxes_px) == 1
    assert 0.3 < (x1 - x0) / faces.frame_size[0] < 0.6
    assert y1 > y0
    (path,) = write_pictures(faces, tmp_path / "faces")
    assert read_png(path).shape == (PICTURE_PX, PICTURE_PX, 3)
    assert main(["faces", str(clip), "--frame", "10", "--json"]) == 0
    event = json.loads(capsys.readouterr().out.strip().splitlines()[-1])
    assert event["event"] == "faces"
    assert np.allclose(event["boxes"], faces.boxes_px, atol=0.06)
    with pytest.raises(UsageError, match="has no frame 99999"):
        faces_of_frame(clip, 99999)
