"""What the user chooses, the worker says and a recording comes to while an avatar performs live."""

from __future__ import annotations

from pathlib import Path

import bpy
import pytest
from live_stage import begin, finish, moment, show, state, tick_until, told
from understudy.inference.errors import UsageError
from understudy.operators.live import live as operators
from understudy.operators.live import session, settings

pytestmark = pytest.mark.usefixtures("addon_with_own_folder")


def test_what_goes_wrong_in_the_worker_is_said(live_avatar, performance) -> None:
    before = state()
    live = begin()
    show(live, moment(performance, 7))
    live.job.tell("fail")
    tick_until(lambda: session.current() is None)
    assert session.problem() == "The camera is gone; plug it in again."
    assert state() == before
    begin()
    assert session.problem() == "", "pressed again, it is forgotten"


def test_a_killed_worker_ends_it_and_names_the_button(live_avatar) -> None:
    live = begin()
    live.job._process.kill()
    tick_until(lambda: session.current() is None)
    assert "press Start" in session.problem()


def test_a_start_that_fails_changes_nothing(live_avatar, scene, performance, tmp_path: Path) -> None:
    scene.understudy.take = str(tmp_path / "made.take.npz")
    bpy.ops.understudy.preview()
    before, rest = state(), live_avatar.understudy.preview_rest
    scene.understudy.live.source = "file"
    with pytest.raises(UsageError, match="No video was chosen"):
        session.start(bpy.context)
    assert (state(), live_avatar.understudy.preview_rest) == (before, rest)
    assert session.current() is None


def test_the_neutral_face_counts_down(live_avatar, performance) -> None:
    live = begin()
    show(live, moment(performance, 0))
    session.hold_neutral()
    assert live.neutral_left_s == 2.0
    show(live, moment(performance, 1, calibrated=0.25))
    assert live.neutral_left_s == pytest.approx(1.5)
    show(live, moment(performance, 2, calibrated=1.0))
    assert live.neutral_left_s == 0.0
    tick_until(lambda: told(live, "calibrate"))
    session.hold_neutral()
    show(live, moment(performance, 3, calibrated=1.0))
    assert live.neutral_left_s == 2.0, "still the calibration before"
    show(live, moment(performance, 4, calibrated=0.0))
    show(live, moment(performance, 5, calibrated=1.0))
    assert live.neutral_left_s == 0.0


def test_a_face_that_moved_is_said_until_the_next_try(live_avatar, performance) -> None:
    live = begin()
    show(live, moment(performance, 0))
    session.hold_neutral()
    live.job.tell("fidget")
    tick_until(lambda: live.face_moved)
    session.hold_neutral()
    assert not live.face_moved


def test_a_recording_becomes_the_shots_footage_and_take(live_avatar, scene, performance, tmp_path: Path) -> None:
    settings = scene.understudy
    settings.render_dir = str(tmp_path)
    settings.live.record_to = str(tmp_path / "my scene.mkv")
    live = begin()
    show(live, moment(performance, 7))
    assert bpy.ops.understudy.record_live() == {"FINISHED"}
    assert live.recording == tmp_path / "my scene.mkv"
    assert bpy.ops.understudy.record_live() == {"FINISHED"}
    tick_until(lambda: live.recording is None)
    video, take = tmp_path / "my scene.mkv", tmp_path / "my scene.take.npz"
    assert (settings.footage, settings.take, settings.render_dir) == (str(video), str(take), "")
    assert (settings.live.recorded_video, settings.live.recorded_take) == (str(video), str(take))
    assert settings.facts.take_found
    assert settings.facts.footage_found
    session.record()
    assert live.recording == tmp_path / "my scene-2.mkv", "no recording costs an earlier one"
    finish()
    assert settings.take == str(tmp_path / "my scene-2.take.npz"), "Stop closes a recording too"


def test_a_recording_that_cannot_be_is_said_and_live_goes_on(live_avatar, scene, performance, tmp_path: Path) -> None:
    scene.understudy.live.record_to = str(tmp_path / "full disk.mkv")
    live = begin()
    session.record()
    tick_until(lambda: live.recording is None)
    assert live.notice == "There is no room on the disk; make some."
    assert scene.understudy.take == ""
    show(live, moment(performance, 3))
    assert live.sees_face


def test_a_recording_is_closed_when_another_file_is_opened(live_avatar, performance, tmp_path: Path) -> None:
    live = begin()
    show(live, moment(performance, 7))
    target = session.record()
    bpy.ops.wm.read_homefile(use_empty=True)
    assert session.current() is None
    assert target.is_file()
    assert target.with_suffix(".take.npz").is_file()
    assert target.parent == tmp_path / "own", "chosen for the user"


@pytest.mark.parametrize(
    ("choices", "source"),
    [
        ({"source": "camera", "camera": 2}, "camera:2"),
        ({"source": "address", "address": " rtsp://192.168.1.20:554/s "}, "rtsp://192.168.1.20:554/s"),
        ({"source": "livelink", "livelink_port": 12000}, "livelink://12000"),
        ({"source": "ifacialmocap"}, "ifacialmocap://49983"),
        ({"source": "vmc"}, "vmc://39539"),
    ],
)
def test_the_worker_hears_what_was_chosen(
    live_avatar, scene, live_worker, choices: dict[str, object], source: str
) -> None:
    for name, value in choices.items():
        setattr(scene.understudy.live, name, value)
    scene.understudy.live.send_vmc = scene.understudy.live.send_livelink = True
    scene.understudy.live.livelink_address = "studio:11112"
    live = begin()
    tick_until(lambda: live.size == (640, 480))
    words = live_worker()
    assert words[:2] == ["live", source]
    assert [words[place + 1] for place, word in enumerate(words) if word == "--send"] == [
        "vmc://127.0.0.1:39540",
        "livelink://studio:11112",
    ]
    assert words[words.index("--to-port") + 1] == str(live.receiver.port)


@pytest.mark.parametrize(
    ("choices", "sentence"),
    [
        ({"source": "file", "file": "/nowhere.mp4"}, "There is no video at"),
        ({"source": "address", "address": "camera in the hall"}, "is no address of a stream"),
        ({"source": "address", "address": "file:///etc/passwd"}, "is no address of a stream"),
        ({"send_vmc": True, "vmc_address": "39539"}, "is no address to send to"),
        ({"send_livelink": True, "livelink_address": "host:99999"}, "is no address to send to"),
    ],
)
def test_what_is_wrong_with_a_choice_is_said(live_avatar, scene, choices: dict[str, object], sentence: str) -> None:
    for name, value in choices.items():
        setattr(scene.understudy.live, name, value)
    with pytest.raises(Exception, match=sentence):
        session.start(bpy.context)
    assert live_avatar.understudy.live_rest == ""


def test_blender_offline_allows_what_is_near(live_avatar, scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "why_offline", lambda: "Blender is offline")
    scene.understudy.live.source = "address"
    for far in ("rtsp://stream.example.com/a", "http://8.8.8.8/a"):
        scene.understudy.live.address = far
        with pytest.raises(UsageError, match="Blender is offline"):
            session.start(bpy.context)
    for near in ("rtsp://10.0.0.7/a", "udp://0.0.0.0:5000", "http://studio.local/a"):
        scene.understudy.live.address = near
        assert settings.words_of(scene.understudy.live) == [near]


def test_live_needs_a_window(live_avatar) -> None:
    assert not bpy.ops.understudy.start_live.poll()
    assert not bpy.ops.understudy.stop_live.poll()


def test_how_it_goes_in_a_line(live_avatar, performance) -> None:
    live = begin()
    assert operators.state_line(live) == "Starting"
    show(live, moment(performance, 0))
    assert operators.state_line(live) == "60 per second, 21 ms, 3 dropped"
    session.stop()
    assert operators.state_line(live) == "Stopping"
