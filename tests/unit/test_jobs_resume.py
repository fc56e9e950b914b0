"""A tracking that was stopped or killed goes on where it was, and nobody can tell from the result."""

from __future__ import annotations

import shutil
import threading
from dataclasses import replace
from fractions import Fraction
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
from understudy.inference import cli
from understudy.inference import take as takes
from understudy.inference.capture import shot as capture
from understudy.inference.capture.shot import CaptureOptions, track_shot, work_folder
from understudy.inference.capture.types import ShotTracks
from understudy.inference.errors import MissingComponentError, StoppedError
from understudy.inference.media import VideoWriter, read_frames
from understudy.inference.networks.registry import user_folder

FRAMES = 46
OPTIONS = CaptureOptions(max_faces=2, device="cpu")


@pytest.fixture(scope="module")
def two_actors(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two people side by side; one comes late, both are away now and then."""
    clips = shared / "data" / "clips"
    left, right = (
        [cv2.resize(frame.rgb, (256, 256)) for frame in read_frames(clips / f"{name}.mp4", 0, FRAMES)]
        for name in ("d10", "d3")
    )
    for i in range(FRAMES):
        if i < 8 or 30 <= i < 36:
            right[i] = np.zeros_like(right[i])
        if 20 <= i < 33:
            left[i] = np.zeros_like(left[i])
    path = tmp_path_factory.mktemp("film") / "two.mp4"
    with VideoWriter(path, 512, 256, Fraction(25)) as writer:
        for i, pair in enumerate(zip(left, right, strict=True)):
            writer.write(np.ascontiguousarray(np.hstack(pair)), i / 25)
    return path


@pytest.fixture(scope="module")
def undisturbed(two_actors: Path) -> ShotTracks:
    shot = track_shot(two_actors, OPTIONS)
    assert [int((track.confidence == 0).sum()) for track in shot.tracks] != [0, 0]
    assert len(shot.tracks) == 2
    return shot


def same(first: ShotTracks, second: ShotTracks) -> bool:
    """To the last bit."""
    arrays = [
        [shot.frame_index, shot.time_s, *(a for t in shot.tracks for a in (t.landmarks_px, t.depth_px, t.confidence))]
        for shot in (first, second)
    ]
    ids = [[track.track_id for track in shot.tracks] for shot in (first, second)]
    return ids[0] == ids[1] and all(a.tobytes() == b.tobytes() for a, b in zip(*arrays, strict=True))


def stop_at(frame: int):
    def progress(stage: str, done: int, total: int) -> None:
        if done == frame:
            raise StoppedError("Stopped.")

    return progress


def count_from(first: list[int]):
    """Notes how many frames were finished from the start on."""

    def progress(stage: str, done: int, total: int) -> None:
        first.append(done)

    return progress


@pytest.mark.parametrize("stops", [[1], [8], [9, 10], [23], [5, 21, 22, 34], [FRAMES]])
def test_stopped_anywhere_and_as_often_as_one_likes(
    two_actors: Path, undisturbed: ShotTracks, tmp_path: Path, stops: list[int]
) -> None:
    for frame in stops:
        with pytest.raises(StoppedError):
            track_shot(two_actors, OPTIONS, stop_at(frame), work=tmp_path / "work")
    done: list[int] = []
    shot = track_shot(two_actors, OPTIONS, count_from(done), work=tmp_path / "work")
    assert done == list(range(stops[-1], FRAMES + 1)), "nothing is read twice"
    assert same(shot, undisturbed)


@pytest.mark.parametrize("stops", [[3], [12, 18], [FRAMES]])
def test_frames_that_are_taken_at_once_are_kept_at_once(
    two_actors: Path, undisturbed: ShotTracks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stops: list[int]
) -> None:
    """As a tracker on a graphics card takes them: how it stands is only known after the last of them."""
    at_once = 5
    asked: list[int] = []
    step_many = capture.ShotTracker.step_many

    def step_all(self, frames):
        asked.append(len(frames))
        return step_many(self, frames)

    monkeypatch.setattr(capture, "FRAMES", 7)
    monkeypatch.setattr(capture.ShotTracker, "frames_at_once", at_once)
    monkeypatch.setattr(capture.ShotTracker, "step_many", step_all)
    for frame in stops:
        with pytest.raises(StoppedError):
            track_shot(two_actors, OPTIONS, stop_at(frame), work=tmp_path / "work")
    done: list[int] = []
    asked.clear()
    shot = track_shot(two_actors, OPTIONS, count_from(done), work=tmp_path / "work")
    kept = FRAMES if stops[-1] == FRAMES else stops[-1] // at_once * at_once
    assert done == list(range(kept, FRAMES + 1))
    assert asked == [at_once] * ((FRAMES - kept) // at_once) + [FRAMES % at_once] * (kept < FRAMES)
    assert same(shot, undisturbed)


@pytest.mark.parametrize("stop", [24, 43])
def test_a_tracker_of_many_frames_goes_on_to_the_same_bits(
    two_actors: Path, undisturbed: ShotTracks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop: int
) -> None:
    """The one for graphics cards, computed by the processor."""
    monkeypatch.setattr(capture, "FRAMES", 20)
    monkeypatch.setattr(capture, "memory_of", lambda choice: ("cuda", 0))
    monkeypatch.setattr(capture, "BatchTracker", partial(capture.BatchTracker, ahead=10))
    whole = track_shot(two_actors, OPTIONS)
    with pytest.raises(StoppedError):
        track_shot(two_actors, OPTIONS, stop_at(stop), work=tmp_path / "work")
    done: list[int] = []
    shot = track_shot(two_actors, OPTIONS, count_from(done), work=tmp_path / "work")
    assert done[0] == stop // 10 * 10
    assert same(shot, whole)
    for found, expected in zip(whole.tracks, undisturbed.tracks, strict=True):
        both = (found.confidence > 0) & (expected.confidence > 0)
        assert both.sum() >= 0.95 * (expected.confidence > 0).sum()
        assert np.median(np.abs(found.landmarks_px[both] - expected.landmarks_px[both])) < 0.2


def test_stopping_leaves_no_thread(two_actors: Path) -> None:
    before = threading.active_count()
    with pytest.raises(StoppedError):
        track_shot(two_actors, OPTIONS, stop_at(17))
    assert threading.active_count() == before


def test_what_fails_beside_is_told_in_its_own_class(two_actors: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self, sightings):
        raise MissingComponentError("The device is gone: use another.")

    monkeypatch.setattr(capture.ShotTracker, "read", fail)
    with pytest.raises(MissingComponentError, match="The device is gone"):
        track_shot(two_actors, OPTIONS)


def test_killed_at_a_random_chunk(
    two_actors: Path, undisturbed: ShotTracks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What lies in the folder at any moment is what a killed process leaves."""
    monkeypatch.setattr(capture, "FRAMES", 7)
    kill = int(np.random.default_rng().integers(1, FRAMES))

    def progress(stage: str, done: int, total: int) -> None:
        if done == kill and (tmp_path / "work").is_dir():
            shutil.copytree(tmp_path / "work", tmp_path / "left")

    assert same(track_shot(two_actors, OPTIONS, progress, work=tmp_path / "work"), undisturbed)
    done: list[int] = []
    shot = track_shot(two_actors, OPTIONS, count_from(done), work=tmp_path / "left")
    assert done[0] == kill // 7 * 7, f"killed at {kill}"
    assert same(shot, undisturbed)


def test_a_damaged_chunk_and_what_follows_is_done_again(
    two_actors: Path, undisturbed: ShotTracks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(capture, "FRAMES", 10)
    track_shot(two_actors, OPTIONS, work=tmp_path)
    files = sorted(tmp_path.iterdir())
    files[2].write_bytes(files[2].read_bytes()[:1000])
    done: list[int] = []
    assert same(track_shot(two_actors, OPTIONS, count_from(done), work=tmp_path), undisturbed)
    assert done[0] == 20


def test_work_is_kept_by_everything_it_depends_on(two_actors: Path, tmp_path: Path) -> None:
    same_film = tmp_path / "copy of it.mp4"
    shutil.copy(two_actors, same_film)
    other_film = tmp_path / "other.mp4"
    other_film.write_bytes(two_actors.read_bytes() + b" ")
    folder = work_folder(two_actors, OPTIONS)
    assert folder == work_folder(same_film, OPTIONS)
    others = {
        work_folder(other_film, OPTIONS),
        *(work_folder(two_actors, CaptureOptions(max_faces=2, device="cpu", quality=q)) for q in ("fast", "high")),
        work_folder(two_actors, CaptureOptions(max_faces=2, device="cpu", frames=(0, 3))),
        work_folder(two_actors, CaptureOptions(max_faces=1, device="cpu")),
        work_folder(two_actors, CaptureOptions(max_faces=2)),
    }
    assert len(others) == 6
    assert folder not in others


def test_work_is_kept_by_the_device_that_auto_means(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    film = tmp_path / "film.mp4"
    film.write_bytes(b"any")
    here = capture.choose("auto")
    changed = (
        replace(here, device="cuda"),
        replace(here, index=1),
        replace(here, threads=here.threads + 3),
        replace(here, form="plain"),
    )
    folders = {work_folder(film, CaptureOptions())}
    for choice in changed:
        monkeypatch.setattr(capture, "choose", lambda device, choice=choice: choice)
        folders.add(work_folder(film, CaptureOptions()))
    assert len(folders) == 1 + len(changed)


def test_work_is_kept_by_the_graphs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    film = tmp_path / "film.mp4"
    film.write_bytes(b"any")
    code = shutil.copytree(Path(capture.__file__).parent, tmp_path / "capture")
    monkeypatch.setattr(capture, "__file__", str(code / "shot.py"))
    before = work_folder(film, OPTIONS)
    graph = code / "batch" / "graphs" / "crops.onnx"
    graph.write_bytes(graph.read_bytes() + b" ")
    assert work_folder(film, OPTIONS) != before


def test_frames_that_were_counted_before_need_no_counting_again(
    two_actors: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, undisturbed: ShotTracks
) -> None:
    monkeypatch.setattr(capture, "FRAMES", 10)
    with pytest.raises(StoppedError):
        track_shot(two_actors, OPTIONS, stop_at(30), work=tmp_path)
    counted: dict[int, float] = {}
    monkeypatch.setattr(capture, "counted_frames", lambda path: counted)
    assert same(track_shot(two_actors, OPTIONS, work=tmp_path), undisturbed)
    assert list(counted.items()) == list(enumerate(undisturbed.time_s[: len(counted)].tolist()))
    assert len(counted) >= 20


def test_the_command_line_goes_on_and_leaves_nothing(
    two_actors: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    words = ["track", str(two_actors), "--frames", "8-19", "--device", "cpu", "-o"]
    step = capture.ShotTracker.step
    monkeypatch.setattr(capture.ShotTracker, "step", interrupted_after(5, step))
    assert cli.main([*words, str(tmp_path / "a.npz")]) == 130
    work = user_folder().with_name("tracking")
    assert len(list(work.glob("*/*.npz"))) == 1
    monkeypatch.setattr(capture.ShotTracker, "step", step)
    assert cli.main([*words, str(tmp_path / "a.npz"), "--json"]) == 0
    assert '"landmarks", "frame": 13' in capsys.readouterr().out, "went on with the sixth frame"
    assert list(work.iterdir()) == []
    assert cli.main([*words, str(tmp_path / "b.npz")]) == 0
    first, second = (takes.load(tmp_path / name) for name in ("a.npz", "b.npz"))
    assert first.coefficients.tobytes() == second.coefficients.tobytes()
    assert first.landmarks_px.tobytes() == second.landmarks_px.tobytes()


def interrupted_after(frames: int, step):
    """Ctrl-C in the middle of a frame."""
    count = iter(range(frames))

    def interrupted(self, rgb):
        if next(count, None) is None:
            raise KeyboardInterrupt
        return step(self, rgb)

    return interrupted
