"""Sources of pictures: paced by their times, the newest only, and clear about what is wrong."""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Iterator
from fractions import Fraction
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import av
import av.logging
import numpy as np
import pytest
from understudy.inference.errors import InputError
from understudy.inference.live import cameras, footage
from understudy.inference.live.clock import SourceClock
from understudy.inference.live.footage import PictureSource
from understudy.inference.live.newest import Newest, Picture

TIMES_S = (0.0, 0.05, 0.1, 0.25, 0.3, 0.35, 0.4)


def movie(path: Path, times_s: tuple[float, ...] = TIMES_S, form: str | None = None) -> Path:
    """Grey frames, each a step brighter."""
    with av.open(str(path), "w", format=form) as container:
        stream = container.add_stream("mpeg2video" if form == "mpegts" else "libx264", rate=20)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000) if form is None else Fraction(1, 20)
        for number, time_s in enumerate(times_s):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 20 + 20 * (number % 10), np.uint8), format="rgb24")
            frame.pts, frame.time_base = round(time_s * 1000), Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def played(source: PictureSource, patience_s: float = 3.0) -> list[Picture]:
    """Everything that can be taken, at once when it comes."""
    found = []
    source.start()
    while not source.newest.over:
        picture = source.newest.take(patience_s)
        if picture is None:
            break
        found.append(picture)
    source.close()
    return found


def test_a_file_plays_at_its_own_pace(tmp_path: Path) -> None:
    source = PictureSource(footage.footage(str(movie(tmp_path / "clip.mkv"))))
    every: list[Picture] = []
    source.tap = every.append
    found = played(source)
    assert [picture.frame for picture in every] == list(range(7))
    assert [picture.time_s for picture in every] == pytest.approx(TIMES_S, abs=0.0015)
    assert len(found) + source.newest.dropped == 7
    passed_s = [picture.arrived_s - every[0].arrived_s for picture in every]
    assert passed_s == pytest.approx(TIMES_S, abs=0.0015)
    assert found[-1].size == (64, 48)
    assert found[-1].rgb().shape == (48, 64, 3)
    assert found[-1].rgb().mean() > 120


def test_only_the_newest_is_kept(tmp_path: Path) -> None:
    source = PictureSource(footage.footage(str(movie(tmp_path / "clip.mkv"))))
    every: list[Picture] = []
    source.tap = every.append
    source.start()
    first = source.newest.take(5.0)
    until_s = time.monotonic() + 20
    while not source.newest.over and len(every) < 7 and time.monotonic() < until_s:
        time.sleep(0.01)
    time.sleep(0.1)
    newest = source.newest.take(0.0)
    assert first is not None
    assert newest is not None
    assert newest.frame == 6
    assert source.newest.dropped == 5 - first.frame
    assert source.newest.take(0.0) is None
    assert source.newest.over
    source.close()


def test_a_loop_goes_on_counting(tmp_path: Path) -> None:
    source = PictureSource(footage.footage(str(movie(tmp_path / "clip.mkv", (0.0, 0.02, 0.04))), loop=True))
    every: list[Picture] = []
    source.tap = every.append
    source.start()
    while len(every) < 10:
        time.sleep(0.01)
    source.close()
    assert [picture.frame for picture in every] == list(range(len(every)))
    assert (np.diff([picture.time_s for picture in every]) > 0).all()


@pytest.mark.parametrize(("name", "content"), [("clip.mp4", b""), ("clip.mp4", b"no movie" * 99), ("clip.txt", b"x\n")])
def test_what_is_no_movie_says_so(name: str, content: bytes, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    source = PictureSource(footage.footage(str(path)))
    with pytest.raises(InputError, match=r"clip\."):
        played(source)


def test_a_missing_file_says_so() -> None:
    with pytest.raises(InputError, match="no video at"):
        footage.footage("nowhere.mp4")


@pytest.mark.skipif(cameras.device_format() != "v4l2", reason="a path is a camera's name on Linux only")
def test_a_missing_camera_tells_which_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cameras, "cameras", list)
    with pytest.raises(InputError, match="connect one"):
        footage.footage("camera:/dev/no-camera")
    monkeypatch.setattr(cameras, "cameras", lambda: ["Front", "Desk"])
    with pytest.raises(InputError, match="0 Front, 1 Desk"):
        footage.footage("camera:/dev/no-camera")


def test_a_camera_that_ends_is_gone(tmp_path: Path) -> None:
    """A movie in the place of the device: its end is what pulling the plug looks like."""
    plugged = footage.Footage("camera:3", "camera", cameras.Input(str(movie(tmp_path / "clip.mkv"))))
    source = PictureSource(plugged)
    with pytest.raises(InputError, match="Camera 3 cannot be used"):
        played(source)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder, and its address."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=tmp_path))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield tmp_path, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def test_a_stream_that_ends_is_connected_again(served: tuple[Path, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(footage, "_RECONNECT_S", 0.05)
    folder, address = served
    movie(folder / "clip.ts", tuple(n / 20 for n in range(100)), "mpegts")
    source = PictureSource(footage.footage(f"{address}/clip.ts"))
    every: list[Picture] = []
    source.tap = every.append
    source.start()
    until_s = time.monotonic() + 30
    while len(every) < 120 and time.monotonic() < until_s:
        time.sleep(0.01)
    source.close()
    assert len(every) >= 120
    assert (np.diff([picture.time_s for picture in every]) > 0).all()


def test_a_stream_that_never_was_says_so(served: tuple[Path, str]) -> None:
    source = PictureSource(footage.footage(f"{served[1]}/nothing.ts"))
    with pytest.raises(InputError, match="check the address"):
        played(source, 20.0)


def test_a_clock_set_anew_does_not_move_time_back() -> None:
    clock, rate = SourceClock(live=True), Fraction(30)
    assert clock.stamp(1000.0, 5.0, rate) == 0.0
    assert clock.stamp(1000.1, 5.12, rate) == pytest.approx(0.1)
    assert clock.stamp(3.0, 5.2, rate) == pytest.approx(0.18)  # by the wall clock
    assert clock.stamp(3.05, 5.3, rate) == pytest.approx(0.23)
    assert clock.stamp(None, 5.4, rate) == pytest.approx(0.33)
    clock.reopen()
    assert clock.stamp(0.0, 7.4, rate) == pytest.approx(2.33)
    assert clock.stamp(90.0, 7.5, rate) == pytest.approx(2.43)


def test_an_error_is_not_taken_for_the_end() -> None:
    newest = Newest()
    newest.finish(InputError("gone"))
    assert not newest.over
    with pytest.raises(InputError, match="gone"):
        newest.take(1.0)


class FakeCamera:
    """Opens as a camera would that gives some rates and sizes, by what it is asked for."""

    def __init__(self, gives: dict[tuple[str | None, str | None], tuple[int, int, int]]) -> None:
        self.gives, self.asked, self.closed = gives, list[dict[str, str]](), 0

    def open(self, file: str, options: dict[str, str] | None = None, **_: object):
        options = options or {}
        self.asked.append(options)
        found = self.gives.get((options.get("input_format"), options.get("framerate")))
        if found is None:
            raise av.error.ArgumentError(22, "Invalid argument")
        rate, width, height = found
        stream = SimpleNamespace(average_rate=Fraction(rate), width=width, height=height)
        return SimpleNamespace(streams=SimpleNamespace(video=[stream]), close=self._close, options=options)

    def _close(self) -> None:
        self.closed += 1


@pytest.mark.parametrize(
    ("gives", "expected"),
    [
        ({(None, "60"): (60, 640, 480), ("mjpeg", "60"): (60, 640, 480)}, {"framerate": "60"}),
        ({(None, "60"): (30, 640, 480), ("mjpeg", "60"): (60, 640, 480)}, {"input_format": "mjpeg", "framerate": "60"}),
        ({(None, "60"): (30, 640, 480), ("mjpeg", "60"): (30, 640, 480)}, {"framerate": "60"}),
        ({(None, "60"): (10, 640, 480), ("mjpeg", "60"): (30, 320, 240)}, {"framerate": "60"}),
        ({(None, None): (25, 640, 480)}, {}),
    ],
)
def test_a_camera_is_asked_for_motion_jpeg_where_that_gives_more(monkeypatch, tmp_path: Path, gives, expected) -> None:
    monkeypatch.setattr(cameras, "device_format", lambda: "v4l2")
    fake = FakeCamera(gives)
    monkeypatch.setattr(cameras.av, "open", fake.open)
    (tmp_path / "video").touch()
    opened = cameras.open_camera(cameras.camera_input(str(tmp_path / "video"), (640, 480)))
    assert opened.options == {"video_size": "640x480", **expected}
    assert (
        fake.closed == len([one for one in fake.asked if (one.get("input_format"), one.get("framerate")) in gives]) - 1
    )


def test_a_rate_that_must_be_given_is_never_dropped(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setattr(cameras, "device_format", lambda: "v4l2")
    fake = FakeCamera({(None, None): (25, 640, 480)})
    monkeypatch.setattr(cameras.av, "open", fake.open)
    (tmp_path / "video").touch()
    with pytest.raises(av.error.FFmpegError):
        cameras.open_camera(cameras.camera_input(str(tmp_path / "video"), None, 90))
    assert {one["framerate"] for one in fake.asked} == {"90"}


def test_what_a_camera_offers_is_named(monkeypatch) -> None:
    said = [
        "Raw       :     yuyv422 :           YUYV 4:2:2 : 640x480 320x240 1280x720\n",
        "Compressed:       mjpeg :          Motion-JPEG : 640x480 1920x1080\n",
        "  pixel_format=yuyv422  min s=800x600 fps=5 max s=800x600 fps=30\n",
        "  960x540@[1.000000 30.000000]fps\n",
        "Selected framerate is not supported by the device.\n",
    ]
    offered = cameras.offers_in(said)
    assert offered == ["640x480", "320x240", "1280x720", "1920x1080", "800x600 at 30", "960x540 at 30"]
    monkeypatch.setattr(footage, "open_camera", FakeCamera({}).open)
    monkeypatch.setattr(footage, "offers", lambda asked: offered)
    plugged = footage.Footage(
        "camera:0", "camera", cameras.Input("x", "dshow", {"video_size": "9x9", "framerate": "90"})
    )
    with pytest.raises(InputError, match=r"Camera 0 does not give 9x9 at 90; it offers 640x480, .*960x540 at 30"):
        played(PictureSource(plugged))


def test_asking_leaves_ffmpegs_log_as_it_was() -> None:
    before = av.logging.get_level()
    assert cameras.offers(cameras.Input("/dev/null", "v4l2")) == []
    assert av.logging.get_level() == before
