"""Long jobs in Blender: the operators' words, what lands, early ends and Resume, what panels see, and what ends a job.

The command line is a stand-in that does what each test tells it; the modal side runs in a real window only
(tests/package), except for its parts.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import bpy
import numpy as np
import pytest
import understudy
from consents import fictional
from understudy.inference import take as takes
from understudy.inference.jobs.log import Log
from understudy.inference.jobs.worker_client import Job
from understudy.inference.take import Take
from understudy.operators.jobs import autosave
from understudy.operators.jobs import job as jobs

MakeTake = Callable[..., Take]
HEAD = (
    "import json, os, shutil, signal, sys, time\n"
    "words = sys.argv[1:]\n"
    "def say(**event): print(json.dumps(event), flush=True)\n"
    "def step(done, total=4): say(event='progress', stage='track', done=done, total=total)\n"
)

pytestmark = pytest.mark.usefixtures("addon_with_own_folder")


@pytest.fixture
def take_file(make_take: MakeTake, tmp_path: Path) -> Path:
    path = tmp_path / "d18.take.npz"
    takes.save(make_take(frames=3), path)
    return path


@pytest.fixture
def worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Puts a stand-in in the place of the command line; the words it was given are in `worker.asked`."""
    asked = tmp_path / "asked.json"

    class StandIn:
        def __call__(self, body: str) -> None:
            script = tmp_path / "program.py"
            script.write_text(f"{HEAD}json.dump(words, open({str(asked)!r}, 'w'))\n{body}")
            command = lambda words: [sys.executable, str(script), *words]  # noqa: E731
            monkeypatch.setattr(jobs, "blenders_python", lambda: type("Python", (), {"command": staticmethod(command)}))

        @property
        def asked(self) -> list[str]:
            return json.loads(asked.read_text())

    return StandIn()


def makes(take: Path) -> str:
    """A command line that writes a copy of a take."""
    return (
        "step(1); target = words[words.index('-o') + 1]\n"
        f"shutil.copy({str(take)!r}, target)\n"
        "say(event='take', path=target, frames=3, seen=2, text='')"
    )


def test_a_tracked_take_is_kept_with_the_scene(scene, take_file: Path, footage: Path, tmp_path: Path, worker) -> None:
    target = tmp_path / "new.npz"
    worker(makes(take_file))
    scene.understudy.quality = "fast"
    chosen = {"quality": "high", "face": 1, "neutral": (3, 5)}
    assert bpy.ops.understudy.track(filepath=str(footage), take=str(target), **chosen) == {"FINISHED"}
    words = worker.asked
    assert words[:4] == ["track", str(footage), "-o", str(target)]
    options = dict(zip(words[5::2], words[6::2], strict=True))
    assert options.items() >= {"--quality": "high", "--face": "1", "--neutral": "3-5", "--device": "auto"}.items()
    assert (scene.understudy.footage, scene.understudy.take) == (str(footage), str(target))
    assert takes.load(target).source_sha256 == takes.load(take_file).source_sha256
    assert bpy.context.window_manager.understudy.job.state == "idle"


def test_the_scenes_choices_count_where_none_are_given(scene, take_file: Path, footage: Path, worker) -> None:
    worker(makes(take_file))
    settings = scene.understudy
    settings.footage, settings.quality = str(footage), "fast"
    assert bpy.ops.understudy.track() == {"FINISHED"}
    options = dict(zip(worker.asked[5::2], worker.asked[6::2], strict=True))
    assert options["--quality"] == "fast"
    assert "--neutral" not in options


def test_new_footage_never_costs_the_take_of_the_old(
    scene, take_file: Path, footage: Path, tmp_path: Path, worker
) -> None:
    settings, tracked = scene.understudy, []
    for source in ("one", "two", "two"):
        takes.save(replace(takes.load(take_file), source_sha256=source), tmp_path / "made.npz")
        worker(makes(tmp_path / "made.npz"))
        assert bpy.ops.understudy.track(filepath=str(footage)) == {"FINISHED"}
        tracked.append(settings.take)
        settings.render_dir = settings.render_dir or str(tmp_path / f"render of {source}")
    assert tracked[0] != tracked[1], "another video of the same name"
    assert tracked[1] == tracked[2], "the same video again"
    kept = Path(tracked[1]).with_name(Path(tracked[1]).name.replace(".take.npz", "_earlier_1.take.npz"))
    assert takes.load(kept).source_sha256 == takes.load(Path(tracked[1])).source_sha256, "the earlier take is not lost"
    assert [takes.load(Path(path)).source_sha256 for path in tracked[:2]] == ["one", "two"]
    assert settings.render_dir == str(tmp_path / "render of two")


def test_a_result_is_one_undo_step(scene, take_file: Path, footage: Path, worker) -> None:
    worker(makes(take_file))
    bpy.ops.ed.undo_push(message="before")
    bpy.ops.understudy.track(filepath=str(footage))
    assert bpy.context.scene.understudy.take
    bpy.ops.ed.undo()
    assert not bpy.context.scene.understudy.take


def test_a_failed_job_can_be_resumed_with_the_same_choices(
    scene, take_file: Path, footage: Path, tmp_path: Path, worker
) -> None:
    worker("step(2); os.kill(os.getpid(), signal.SIGKILL)")
    assert not bpy.ops.understudy.resume.poll()
    target = tmp_path / "new.npz"
    with pytest.raises(RuntimeError, match="was killed"):
        bpy.ops.understudy.track(filepath=str(footage), take=str(target), quality="high")
    before = worker.asked
    job = bpy.context.window_manager.understudy.job
    assert job.state == "failed"
    assert "Resume" in job.text
    assert Path(job.log).is_file()
    scene.understudy.quality = "fast"
    worker(makes(take_file))
    assert bpy.ops.understudy.resume() == {"FINISHED"}
    assert worker.asked == before
    assert target.is_file()
    assert job.state == "idle"
    assert bpy.ops.understudy.open_log.poll()


def test_an_early_end_can_be_dismissed(footage: Path, worker) -> None:
    worker("say(event='error', message='No face was found.', exit_code=3); sys.exit(3)")
    with pytest.raises(RuntimeError, match="No face was found"):
        bpy.ops.understudy.track(filepath=str(footage))
    job = bpy.context.window_manager.understudy.job
    assert (job.state, job.text, job.title) == ("failed", "No face was found.", "Track")
    assert bpy.ops.understudy.dismiss() == {"FINISHED"}
    assert job.state == "idle"
    with pytest.raises(RuntimeError, match="There is no job that ended early"):
        bpy.ops.understudy.resume()


@pytest.fixture
def running(tmp_path: Path) -> Iterator[jobs.Running]:
    """A job that would go on for a minute, as if a window had started it."""
    script = tmp_path / "long.py"
    script.write_text(
        HEAD
        + "signal.signal(signal.SIGTERM, lambda *_: os._exit(0))  # so a test says that the work is done\n"
        + "step(1); say(event='landmarks', frame=5, points=[[1.0, 2.0], [3.0, 4.0]]); step(2)\n"
        + "sys.stdin.read(); sys.exit(130)"
    )
    job = Job([sys.executable, str(script)], "Track", Log(tmp_path / "own", "track"))
    leftover = tmp_path / "copy.blend"
    leftover.touch()
    jobs._session.current = jobs.Running(job, "understudy.track", {}, "Scene", (leftover,))
    while job.done < 2:
        job.tick()
        time.sleep(0.01)
    yield jobs._session.current
    jobs.forget()


def test_panels_see_the_running_job(running) -> None:
    job = bpy.context.window_manager.understudy.job
    assert (job.state, job.title, job.stage, job.factor) == ("running", "Track", "track", 0.5)
    assert job.text == "Tracking: 2 of 4"
    frame, points = jobs.latest_landmarks()
    assert frame == 5
    assert points.tolist() == [[1.0, 2.0], [3.0, 4.0]]


def test_one_job_at_a_time(running, footage: Path) -> None:
    with pytest.raises(RuntimeError, match="Another job is running; wait until it is done, or cancel it"):
        bpy.ops.understudy.track(filepath=str(footage))


def test_cancel_stops_the_job_and_leaves_resume(running) -> None:
    begun = time.monotonic()
    assert bpy.ops.understudy.cancel() == {"FINISHED"}
    assert bpy.context.window_manager.understudy.job.text == "Stopping"
    while not running.job.is_over:
        running.job.tick()
        time.sleep(0.01)
    assert time.monotonic() - begun < 1
    assert not bpy.ops.understudy.cancel.poll()
    assert bpy.ops.understudy.resume.poll()


@pytest.mark.parametrize("how", ["load", "disable"])
def test_another_file_or_the_addons_end_stops_the_job(running, how: str) -> None:
    if how == "load":
        bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
        assert bpy.context.window_manager.understudy.job.state == "idle"
    else:
        understudy.unregister()
        understudy.register()
    assert running.job.is_over
    assert not running.leftovers[0].exists()
    assert jobs.current() is None


def test_the_job_is_never_written_into_a_file(running, tmp_path: Path) -> None:
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "a.blend"))
    jobs.forget()
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "a.blend"))
    assert bpy.context.window_manager.understudy.job.state == "idle"


def test_the_result_goes_to_the_scene_in_which_the_job_began(running) -> None:
    class Operator(jobs.LongWork):
        _running = running

    first = bpy.context.scene
    running.scene = first.name
    bpy.context.window.scene = bpy.data.scenes.new("Other") if bpy.context.window else first
    assert Operator().job_scene() == first
    running.scene = "Gone"
    with pytest.raises(jobs.UsageError, match="is gone"):
        Operator().job_scene()


def test_composite_hands_over_the_scenes_choices(
    scene, take_file: Path, footage: Path, tmp_path: Path, worker, capfd
) -> None:
    (tmp_path / "render").mkdir()
    settings = scene.understudy
    settings.footage, settings.take, settings.render_dir = str(footage), str(take_file), str(tmp_path / "render")
    settings.stages = {"swap", "poisson"}
    fictional(footage)
    worker(
        "movie = words[words.index('-o') + 1]; say(event='note', text='Mind the edge.')\n"
        "say(event='composite', path=movie, frames=3, composited=2, text='')"
    )
    assert bpy.ops.understudy.composite() == {"FINISHED"}
    options = dict(zip(worker.asked[2:-1:2], worker.asked[3::2], strict=True))
    assert options["--stages"] == "swap,poisson"
    assert options["-o"] == settings.output
    assert Path(settings.output).name == "footage_composite.mp4"
    assert settings.report == options["--report"]
    said = capfd.readouterr().out
    assert "2 of 3 frames composited" in said
    assert "Mind the edge" not in said, "the panel's report has room for what was left out and why"
    assert worker.asked[-1] == "--overwrite"


def test_blenders_python_finds_what_blender_finds_but_not_its_scripts() -> None:
    python = jobs.blenders_python()
    assert python.executable == sys.executable
    assert str(Path(np.__file__).parents[1]) in python.folders
    assert not any(folder.startswith(bpy.utils.system_resource("SCRIPTS")) for folder in python.folders)


class Pressed(jobs.LongWork):
    """The modal side of an operator, without the window."""

    bl_idname, bl_label = "understudy.pressed", "Pressed"

    def __init__(self, running: jobs.Running) -> None:
        self._running, self._autosave = running, autosave.Autosave()
        self.reports: list[tuple[set[str], str]] = []

    def report(self, kinds: set[str], sentence: str) -> None:
        self.reports.append((kinds, sentence))

    def landed(self, context: bpy.types.Context, events: list[dict]) -> str:
        return f"{len(events)} events"

    def feel(self, kind: str, value: str = "PRESS") -> set[str]:
        return self.modal(bpy.context, SimpleNamespace(type=kind, value=value))

    def live(self, within_s: float = 5.0) -> set[str]:
        """Ticks until the operator ends."""
        end = time.monotonic() + within_s
        while time.monotonic() < end:
            result = self.feel("TIMER", "NOTHING")
            if result != {"PASS_THROUGH"}:
                return result
            time.sleep(0.01)
        pytest.fail("it never ended")


def test_while_modal_only_escape_is_kept_from_blender(running) -> None:
    pressed = Pressed(running)
    for kind in ("MOUSEMOVE", "G", "LEFTMOUSE", "TIMER"):
        assert pressed.feel(kind) == {"PASS_THROUGH"}
    assert pressed.feel("ESC", "RELEASE") == {"PASS_THROUGH"}
    assert pressed.feel("ESC") == {"RUNNING_MODAL"}
    assert running.job.state == "stopping"
    assert pressed.live() == {"CANCELLED"}
    assert pressed.reports == [({"INFO"}, "Stopped; press Resume to go on")]
    assert bpy.context.window_manager.understudy.job.state == "failed"
    assert running.ticks > 0


def test_a_modal_job_lands(running) -> None:
    pressed = Pressed(running)
    os.kill(running.job.pid, signal.SIGTERM)
    assert pressed.live() == {"FINISHED"}
    assert pressed.reports == [({"INFO"}, "0 events")]
    assert jobs.current() is None


def test_a_killed_worker_leaves_a_sentence(running) -> None:
    pressed = Pressed(running)
    os.kill(running.job.pid, signal.SIGKILL)
    assert pressed.live() == {"CANCELLED"}
    assert pressed.reports[0][0] == {"ERROR"}
    assert "press Resume" in pressed.reports[0][1]


def test_a_modal_operator_whose_job_was_taken_away_ends(running) -> None:
    pressed = Pressed(running)
    jobs.forget()
    assert pressed.feel("TIMER") == {"CANCELLED"}
    assert pressed.reports == []


def test_a_closed_window_stops_the_job_for_resume(running) -> None:
    Pressed(running).cancel(bpy.context)
    assert running.job.is_over
    assert bpy.ops.understudy.resume.poll()
