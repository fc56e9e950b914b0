"""The parts of live mode that need no worker: calibration, rates, what a camera does not keep, finding a face again."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest
from av.video.frame import PictureType
from understudy.inference.capture.finder import FaceFinder
from understudy.inference.live import show
from understudy.inference.live.calibration import NEUTRAL_S, Calibration
from understudy.inference.live.follow import SEARCH_EVERY_S, FaceOfNow
from understudy.inference.live.newest import Picture
from understudy.inference.live.performer import Performer
from understudy.inference.live.rate import Rate
from understudy.inference.live.recording import Recording
from understudy.inference.live.sample import LiveSample
from understudy.inference.media import read_frames
from understudy.inference.media.encodings import PictureForm, options_of

SAMPLE = Path(__file__).resolve().parents[3] / "samples" / "performance.mp4"
FPS = 30


def test_two_seconds_of_a_seen_face_are_counted() -> None:
    calibration = Calibration()
    assert (calibration.running, calibration.progress) == (False, 0.0)
    calibration.begin()
    seen = [frame for frame in range(200) if not 20 <= frame < 40]
    done = [calibration.count(frame / FPS, frame in seen) for frame in range(81)]
    assert done.index(True) == 80  # 20 frames do not count
    assert sum(done) == 1
    assert (calibration.running, calibration.progress) == (False, 1.0)
    calibration.begin()
    assert calibration.progress == 0.0
    assert not calibration.count(100.0, True)
    assert not calibration.count(100.0 + 2 * NEUTRAL_S, True)
    assert 0 < calibration.progress < 0.2  # a gap is no neutral face


def test_the_rate_is_that_of_the_last_second() -> None:
    rate = Rate()
    assert rate.add(0.0) == 0.0
    slow = [rate.add(0.1 * n) for n in range(1, 30)]
    assert slow[-1] == pytest.approx(10)
    assert [rate.add(2.9 + n / 60) for n in range(1, 90)][-1] == pytest.approx(60, rel=0.02)


@pytest.mark.parametrize(
    ("size", "rate", "told"),
    [
        (None, None, []),
        ((640, 480), 30, []),
        (None, 25, []),
        (None, 60, ["camera:0 gives 30 pictures a second instead of 60."]),
        ((1280, 720), None, ["camera:0 gives 640x480 instead of 1280x720."]),
    ],
)
def test_what_a_camera_does_not_keep_is_told_once(
    monkeypatch: pytest.MonkeyPatch, size: tuple[int, int] | None, rate: int | None, told: list[str]
) -> None:
    stage = SimpleNamespace(size=(640, 480), rate=Fraction(30000, 1001), recording=None, close=lambda: None)
    monkeypatch.setattr(show, "open_stage", lambda *_: stage)
    said: list[tuple[str, str]] = []
    console = SimpleNamespace(say=lambda event, text, **_: said.append((event, text)))
    live = show.Show(show.LiveOptions("camera:0", size=size, rate=rate), console)  # type: ignore[arg-type]
    for frame in range(2):
        live._send(LiveSample(frame, 0.0, 1.0, np.zeros(52, np.float32), np.eye(3), np.zeros(3), np.zeros((2, 2))))
    assert [text for event, text in said if event == "warning"] == told


def test_a_recording_is_encoded_quickly() -> None:
    assert options_of("h264", PictureForm(quick=True)) == {**options_of("h264", PictureForm()), "preset": "ultrafast"}
    assert options_of("ffv1", PictureForm(quick=True)) == options_of("ffv1", PictureForm())


@pytest.mark.parametrize("kind", ["yuv420p", "yuvj422p", "yuyv422", "nv12", "gray", "rgb24"])
@pytest.mark.parametrize("size", [(64, 48), (63, 47)])
def test_pictures_are_recorded_as_they_look(tmp_path: Path, kind: str, size: tuple[int, int]) -> None:
    width, height = size
    slope = np.linspace(90, 150, width, dtype=np.float32)[None].repeat(height, 0)
    rgb = np.stack([slope, slope[:, ::-1], np.full_like(slope, 90)], -1).astype(np.uint8)
    recording, pictures = Recording(tmp_path / "made.mkv"), []
    for number in range(6):
        decoded = av.VideoFrame.from_ndarray(np.roll(rgb, 3 * number, 0), format="rgb24")
        decoded = decoded.reformat(format=kind) if kind != "rgb24" else decoded
        decoded.pict_type = PictureType.I
        pictures.append(Picture(number, number / 30, 0.0, decoded, Fraction(1), Fraction(30)))
        recording.show(pictures[-1])
    recording.finish(None)
    recording.wait(30)
    assert recording.result.error is None
    written = [frame.rgb for frame in read_frames(tmp_path / "made.mkv")]
    assert len(written) == 6
    for frame, picture in zip(written, pictures, strict=True):
        off = np.abs(frame.astype(int) - picture.rgb())
        assert off.mean() < 2.5
        assert np.percentile(off, 95) < 8


def test_a_lost_face_is_sought_seldom_and_found_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    searches: list[bool] = []
    find = FaceFinder.find

    def counted(self, rgb, known=(), thorough=True):
        searches.append(thorough)
        return find(self, rgb, known, thorough)

    monkeypatch.setattr(FaceFinder, "find", counted)
    face, rgb = FaceOfNow("cpu"), next(iter(read_frames(SAMPLE, 0, 1))).rgb
    assert all(face.read(rgb, n / FPS) is not None for n in range(5))
    assert len(searches) == 1
    empty = np.full_like(rgb, 90)
    assert all(face.read(empty, (5 + n) / FPS) is None for n in range(FPS))
    assert 2 <= len(searches) <= 2 + 1 / SEARCH_EVERY_S
    assert sum(searches) <= 2
    again = [face.read(rgb, (35 + n) / FPS) is not None for n in range(5)]
    assert again[-1]
    assert face.read(rgb, 0.0) is not None  # a source that begins anew


def test_a_stream_that_returns_in_another_size_is_seen_anew() -> None:
    with av.open(str(SAMPLE)) as container:
        decoded = next(container.decode(video=0))
    performer = Performer("cpu")
    first = performer.see(Picture(0, 0.0, 0.0, decoded, Fraction(1), Fraction(24)))
    half = decoded.reformat(width=240, height=240)
    second = performer.see(Picture(1, 0.1, 0.0, half, Fraction(1), Fraction(24)))
    assert first.sample().confidence > 0.3
    assert second.sample().confidence > 0.3
    assert second.landmarks_px is not None
    assert second.landmarks_px.max() < 240 < first.landmarks_px.max()
    away_cm = [seen.frame.translation_cm[2] for seen in (first, second)]
    assert away_cm[1] == pytest.approx(away_cm[0], rel=0.15)
