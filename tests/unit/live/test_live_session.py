"""Live mode as it is used: a worker that is told what to do, samples on a port, a recording that fits its take."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue

import numpy as np
import pytest
from understudy.inference import take as takes
from understudy.inference.capture.shot import detect_landmarks
from understudy.inference.jobs.log import Log
from understudy.inference.jobs.worker_client import Job, Python
from understudy.inference.live import show
from understudy.inference.live.link import LiveReceiver
from understudy.inference.live.picture_board import PictureBoard
from understudy.inference.live.sample import LiveSample
from understudy.inference.live.senders import Sender
from understudy.inference.media import probe, read_frames, sha256

SAMPLE = Path(__file__).resolve().parents[3] / "samples" / "performance.mp4"
PATIENCE_S = 120.0


@dataclass
class Watched:
    """A running live mode and what it sent."""

    job: Job
    receiver: LiveReceiver
    samples: list[LiveSample] = field(default_factory=list)

    def until(self, reached: Callable[[Watched], bool]) -> None:
        """Listen until something is so."""
        end = time.monotonic() + PATIENCE_S
        while not reached(self):
            assert time.monotonic() < end, "too long"
            assert not self.job.is_over, self.job.error
            self.job.tick()
            sample = self.receiver.newest()
            if sample is not None:
                self.samples.append(sample)
            time.sleep(0.002)

    def event(self, kind: str) -> dict[str, object]:
        """The last event of a kind, once there is one."""
        self.until(lambda watched: any(event["event"] == kind for event in watched.job.events))
        return [event for event in self.job.events if event["event"] == kind][-1]

    def ended(self) -> Job:
        """The job, once it is over."""
        end = time.monotonic() + PATIENCE_S
        while not self.job.is_over and time.monotonic() < end:
            self.job.tick()
            time.sleep(0.01)
        return self.job


def command(*words: str) -> list[str]:
    return Python(sys.executable).command(["live", str(SAMPLE), "--device", "cpu", *words])


def is_alive(pid: int) -> bool:
    """Not when it is gone, and not when only nobody has asked for its exit code."""
    state = Path(f"/proc/{pid}/stat")
    return state.exists() and state.read_text().rpartition(")")[2].split()[0] != "Z"


@pytest.fixture
def watch(tmp_path: Path) -> Iterator[Callable[..., Watched]]:
    """Start live mode with some words, after some words of a shell."""
    begun: list[Watched] = []

    def begin(*words: str, before: tuple[str, ...] = ()) -> Watched:
        receiver = LiveReceiver()
        started = [*before, *command("--to-port", str(receiver.port), *words)]
        begun.append(Watched(Job(started, "Live", Log(tmp_path / "logs", "live")), receiver))
        return begun[-1]

    yield begin
    for watched in begun:
        watched.job.end()
        watched.receiver.close()


def test_a_session(watch: Callable[..., Watched], tmp_path: Path) -> None:
    live = watch("--loop")
    live.until(lambda watched: any(sample.confidence > 0.3 for sample in watched.samples))
    assert live.event("live")["width"] == 480
    live.job.tell("calibrate")
    live.until(lambda watched: 0 < watched.samples[-1].calibrated < 1)
    live.until(lambda watched: watched.samples[-1].calibrated == 1)
    assert "moved" in str(live.event("not-neutral")["text"]), "the sample performance is no neutral face"
    video = tmp_path / "a take.mkv"
    live.job.tell(f"record {video}")
    live.until(lambda watched: watched.samples[-1].recording)
    before = len(live.samples)
    live.until(lambda watched: len(watched.samples) > before + 12)
    live.job.tell("record-stop")
    recorded = live.event("recorded")
    live.job.tell("sing")
    assert "no control" in str(live.event("warning")["text"])
    live.job.tell(f"record {video}")
    assert "exists" in str(live.event("record-failed")["text"])
    live.until(lambda watched: not watched.samples[-1].recording)
    live.job.tell("stop")
    assert live.ended().state == "done"

    frames = np.array([sample.frame for sample in live.samples if sample.confidence > 0])
    assert (np.diff(frames) > 0).all()
    assert min(sample.latency_ms for sample in live.samples) > 0
    assert recorded["video"] == str(video)
    take, info = takes.load(Path(str(recorded["take"]))), probe(video)
    assert recorded["take"] == str(tmp_path / "a take.take.npz")
    assert take.source_sha256 == sha256(video)
    assert take.frame_size == (info.width, info.height) == (480, 480)
    assert len(take) >= 10
    assert (take.confidence > 0).all()
    pictures = list(read_frames(video))
    assert (np.diff(take.frame_index) > 0).all()
    times_s = np.array([picture.time_s for picture in pictures])
    np.testing.assert_allclose(take.time_s, times_s[take.frame_index], atol=0.002)
    row = len(take) // 2
    (seen,) = detect_landmarks(pictures[take.frame_index[row]].rgb, "cpu")
    assert np.abs(seen.points_px - take.landmarks_px[row]).mean() < 3.0
    assert not list(tmp_path.glob("*.partial*"))


def test_the_pictures_of_the_samples_are_shown_where_somebody_looks(watch: Callable[..., Watched]) -> None:
    live, board = watch("--loop"), PictureBoard()
    live.job.tell(f"picture {board.name}")
    length = len(pictures := [frame.rgb for frame in read_frames(SAMPLE)])
    live.until(lambda watched: watched.samples and board.newest(watched.samples[-1].frame) is not None)
    live.until(lambda watched: watched.samples[-1].confidence > 0.3)
    shown = board.newest(live.samples[-1].frame)
    assert shown.frame >= live.samples[-1].frame
    own = pictures[shown.frame % length]
    assert np.abs(shown.rgba[::-1, :, :3].astype(float) - own).mean() < 3.0
    assert 0.5 < shown.focal < 5.0
    live.job.tell("picture-stop")
    live.job.tell("picture nowhere")
    assert "start live from Blender" in str(live.event("warning")["text"])
    last = board.newest().count
    before = len(live.samples)
    live.until(lambda watched: len(watched.samples) > before + 3)
    assert board.newest().count == last
    board.close()


def test_the_end_of_standard_input_makes_a_recording_whole(watch: Callable[..., Watched], tmp_path: Path) -> None:
    video = tmp_path / "take.mkv"
    live = watch("--loop", "--record", str(video))
    live.until(lambda watched: len(watched.samples) > 8)
    live.job._process.stdin.close()
    assert live.ended().state == "done"
    assert any(event["event"] == "recorded" for event in live.job.events)
    assert len(takes.load(tmp_path / "take.take.npz")) >= 5
    assert probe(video).width == 480


def test_a_file_ends_live_mode_and_its_recording(watch: Callable[..., Watched], tmp_path: Path) -> None:
    live = watch("--record", str(tmp_path / "take.mkv"))
    assert live.ended().state == "done"
    (recorded,) = [event for event in live.job.events if event["event"] == "recorded"]
    assert recorded["frames"] + recorded["left_out"] == 66


@pytest.mark.skipif(sys.platform == "win32", reason="a shell's limit stands for a full disk")
def test_live_goes_on_when_the_disk_is_full(watch: Callable[..., Watched], tmp_path: Path) -> None:
    limited = ("bash", "-c", 'ulimit -f 40; exec "$@"', "limited")
    live = watch("--loop", "--record", str(tmp_path / "take.mkv"), before=limited)
    assert "room" in str(live.event("record-failed")["text"])
    before = len(live.samples)
    live.until(lambda watched: len(watched.samples) > before + 5 and not watched.samples[-1].recording)
    live.job.tell("stop")
    assert live.ended().state == "done"
    assert [path.name for path in tmp_path.iterdir()] == ["logs"]


@pytest.mark.skipif(sys.platform == "win32", reason="asks Linux who is alive")
def test_it_ends_with_whoever_started_it(tmp_path: Path) -> None:
    program = (
        "import subprocess, sys, time\n"
        "worker = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE)\n"
        "print(worker.pid, flush=True)\n"
        "time.sleep(1000)\n"
    )
    receiver = LiveReceiver()
    words = command("--loop", "--to-port", str(receiver.port))
    with subprocess.Popen([sys.executable, "-c", program, *words], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        end = time.monotonic() + PATIENCE_S
        while receiver.newest() is None:
            assert is_alive(pid)
            assert time.monotonic() < end
            time.sleep(0.01)
        parent.send_signal(signal.SIGKILL)
        while is_alive(pid):
            assert time.monotonic() < end, "it lives on"
            time.sleep(0.01)
    receiver.close()


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["live", "nowhere.mp4"], 3),
        (["live", "vmc://x"], 2),
        (["live", str(SAMPLE), "--send", "http://x:1"], 2),
        (["live", str(SAMPLE), "--record", "x.mp4"], 2),
        (["live", str(SAMPLE), "--to-port", "70000"], 2),
        (["live", "camera:0", "--size", "big"], 2),
        (["live", str(SAMPLE), "--size", "640x480"], 2),
        (["live", str(SAMPLE), "--rate", "60"], 2),
        (["live", "udp://127.0.0.1:9", "--loop"], 2),
    ],
)
def test_what_is_wrong_is_said(words: list[str], code: int) -> None:
    program = [sys.executable, "-m", "understudy.inference.cli", *words]
    done = subprocess.run(program, stdin=subprocess.PIPE, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == code
    assert len(done.stderr.strip().splitlines()) == 1


class Said:
    """A console that remembers."""

    def __init__(self) -> None:
        self.events: list[str] = []

    def say(self, event: str, text: str, **facts: object) -> None:
        self.events.append(event)


def test_silence_is_told_once_and_shows_no_face(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tracker that stops and comes back."""
    monkeypatch.setattr(show, "STALLED_S", 0.3)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("", 0))
        port = probe.getsockname()[1]
    receiver, sender, lines, console = LiveReceiver(), Sender(f"livelink://127.0.0.1:{port}"), SimpleQueue(), Said()
    live = show.Show(show.LiveOptions(f"livelink://{port}", receiver.port), console)  # type: ignore[arg-type]
    thread = threading.Thread(target=live.run, args=(lines,))
    thread.start()
    face = LiveSample(0, 0.0, 1.0, np.full(52, 0.5, np.float32), np.eye(3), np.zeros(3), np.zeros((2, 2)))

    def until(confident: bool, send: bool) -> None:
        end = time.monotonic() + 20
        while time.monotonic() < end:
            if send:
                sender.send(face)
            sample = receiver.newest()
            if sample is not None and (sample.confidence > 0) == confident:
                return
            time.sleep(0.02)
        raise AssertionError("too long")

    until(confident=True, send=True)
    until(confident=False, send=False)
    until(confident=False, send=False)
    until(confident=True, send=True)
    lines.put("stop")
    thread.join(20)
    assert not thread.is_alive()
    assert "live" in console.events
    assert 1 <= console.events.count("waiting") <= 2  # before the first face, perhaps, and in between
    sender.close()
    receiver.close()


def test_a_closed_standard_input_is_named() -> None:
    for given in (subprocess.DEVNULL, None):
        words = [sys.executable, "-m", "understudy.inference.cli", "live", str(SAMPLE), "--loop", "--device", "cpu"]
        if given is None:  # closed altogether
            words = ["bash", "-c", 'exec "$@" <&-', "closed", *words]
        done = subprocess.run(words, stdin=given, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
        assert done.returncode == 0
        assert "Standard input has ended" in done.stdout
        assert done.stderr == ""
