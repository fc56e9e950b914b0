"""Long jobs: operators whose work is done by a program in a process of its own, and what panels may know about it.

In the window such an operator is modal: Blender stays usable, Esc or the panel's button stops the job. In the
background, or called from a script, it blocks until the work is done.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy
import numpy as np
from numpy.typing import NDArray

from ...inference.errors import StoppedError, UnderstudyError, UsageError
from ...inference.files import masked
from ...translations import translated
from ..base import Work
from ..bridge import paths
from ..preferences import chosen_models
from .autosave import Autosave

if TYPE_CHECKING:
    from ...inference.jobs.worker_client import Job, Python

TICK_S = 0.1
_WAIT_S = 0.02
_SHOW_EVERY_S = 0.25
_AREAS = ("VIEW_3D", "CLIP_EDITOR")
_STAGES = (
    ("track", "Tracking", ""),
    ("refine", "Refining by pixels", ""),
    ("solve", "Solving", ""),
    ("render", "Rendering", ""),
    ("composite", "Compositing", ""),
    ("restore", "Restoring", ""),
    ("bake", "Baking", ""),
    ("texture", "Making the texture", ""),
    ("light", "Reading the light", ""),
    ("report", "Writing the report", ""),
    ("tune", "Measuring devices", ""),
    ("decode", "Measuring decoders", ""),
)
_STAGE_NAMES = {stage: name for stage, name, _ in _STAGES}


@dataclass(frozen=True)
class Command:
    """What a program is asked to do."""

    words: tuple[str, ...]
    """Of the command line, or of the Blender program."""
    title: str
    blender: bool = False
    """Whether the Blender program (`batch.py`) does it."""
    leftovers: tuple[Path, ...] = ()
    """Files to be removed when the job is over."""


@dataclass
class Running:
    """A job and what it takes to start it again; names rather than Blender's own objects."""

    job: Job
    operator: str
    keywords: dict[str, Any]
    scene: str
    leftovers: tuple[Path, ...] = ()
    error: str = ""
    timer: bpy.types.Timer | None = None
    """The one object of Blender here; it lives as long as the job is followed."""
    shown_s: float = 0.0
    ticks: int = 0
    ticks_s: float = 0.0
    slowest_tick_s: float = 0.0

    def count_tick(self, took_s: float) -> None:
        """Remember how long the window had to wait for us."""
        self.ticks += 1
        self.ticks_s += took_s
        self.slowest_tick_s = max(self.slowest_tick_s, took_s)

    def end(self) -> None:
        """Stop the program if need be, and clean up behind it."""
        self.job.end()
        for path in self.leftovers:
            path.unlink(missing_ok=True)


@dataclass
class _Session:
    """What is known of jobs since Blender was started."""

    current: Running | None = None
    """The job that runs, or the last one when it failed or was stopped."""
    log: Path | None = None
    modal_wanted: bool = False
    """Whether the operator that is called now shall be modal, although no button of its own was pressed."""


_session = _Session()


class LongWork(Work):
    """Mix-in of operators that write two methods: `command` says what to do, `landed` takes the result into Blender.

    Both may raise an `UnderstudyError`. Resume calls the operator again with the properties it has after `command`, so
    that writes its choices there. Properties of such operators are `SKIP_SAVE`: the next call begins with the panel's.
    """

    if TYPE_CHECKING:
        command: Callable[[bpy.types.Context], Command]
        landed: Callable[[bpy.types.Context, list[dict[str, Any]]], str]
        options: Any
        report: Callable[[set[str], str], None]
        as_keywords: Callable[[], dict[str, Any]]
        bl_idname: str
        bl_label: str

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """One job at a time."""
        if is_running():
            cls.poll_message_set("Another job is running; wait until it is done, or cancel it")
            return False
        return True

    def select_file(self, context: bpy.types.Context) -> set[str]:
        """Ask for `filepath` first; the work begins when a file is chosen."""
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """The button was pressed; who asks something first does so in an `invoke` of its own."""
        self._pressed = True
        return self.execute(context)

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Start the job; wait for it unless there is a window to be kept alive."""
        modal = not bpy.app.background and (_session.modal_wanted or self.options.is_invoke)
        if modal and not _session.modal_wanted and not getattr(self, "_pressed", False):
            # Blender forgets an operator that comes from a dialog or the file browser: another one does the work.
            problem = start_again(type(self).bl_idname, self.as_keywords(), modal=True)
            if problem:
                self.report({"ERROR"}, problem)
            return {"CANCELLED"}
        try:
            if is_running():
                raise UsageError("Another job is running; wait until it is done, or cancel it.")
            self._running = _start(self, context, self.command(context))
        except UnderstudyError as error:
            self.report({"ERROR"}, masked(str(error)))
            return {"CANCELLED"}
        if not modal:
            return self._wait(context)
        manager = context.window_manager
        self._autosave = Autosave()
        self._running.timer = manager.event_timer_add(TICK_S, window=context.window)
        manager.modal_handler_add(self)
        _show(self._running)
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Look after the job at every tick of the timer; everything else goes on as if there were none."""
        running = self._running
        if running is not _session.current:  # stopped from outside: another file, or the add-on was disabled
            return {"CANCELLED"}
        if event.type == "ESC" and event.value == "PRESS" and running.job.state == "running":
            running.job.stop()
            _show(running)
            return {"RUNNING_MODAL"}
        if event.type != "TIMER":
            return {"PASS_THROUGH"}
        begun_s = time.perf_counter()
        running.job.tick()
        if running.job.is_over:
            _leave(running)
            return self._end(context)
        if time.monotonic() - running.shown_s >= _SHOW_EVERY_S:
            _show(running)
        running.count_tick(time.perf_counter() - begun_s)
        self._autosave.tick()
        return {"PASS_THROUGH"}

    def cancel(self, context: bpy.types.Context) -> None:
        """Blender itself ends the operator: its window closes, or another file is opened."""
        self._running.end()
        self._running.error = translated("Stopped; press Resume to go on")
        _leave(self._running)

    def job_scene(self) -> bpy.types.Scene:
        """The scene in which the job was started, wherever the user is now."""
        scene = bpy.data.scenes.get(self._running.scene)
        if scene is None:
            raise UsageError(f"The scene {self._running.scene} is gone; the result is kept, but no scene knows it.")
        return scene

    def _wait(self, context: bpy.types.Context) -> set[str]:
        manager, job = context.window_manager, self._running.job
        manager.progress_begin(0.0, 1.0)
        try:
            while not job.is_over:
                job.tick()
                manager.progress_update(job.factor)
                time.sleep(_WAIT_S)
        finally:
            manager.progress_end()
            self._running.end()  # Ctrl-C in a script
        return self._end(context)

    def _end(self, context: bpy.types.Context) -> set[str]:
        """Take in the result, or say why there is none."""
        running = self._running
        running.end()
        try:
            if running.job.error is not None:
                raise running.job.error
            sentence = self.landed(context, running.job.events)
        except StoppedError:
            running.error = translated("Stopped; press Resume to go on")
            self.report({"INFO"}, running.error)
            return {"CANCELLED"}
        except UnderstudyError as error:
            running.error = masked(str(error))
            self.report({"ERROR"}, running.error)
            return {"CANCELLED"}
        finally:
            _redraw()
        _session.current = None
        if bpy.ops.ed.undo_push.poll():
            bpy.ops.ed.undo_push(message=type(self).bl_label)
        self.report({"INFO"}, masked(sentence))
        return {"FINISHED"}


def is_running() -> bool:
    """Whether a job is at work."""
    return _session.current is not None and not _session.current.job.is_over


def current() -> Running | None:
    """The job that runs, or the last one when it failed or was stopped."""
    return _session.current


def last_log() -> Path | None:
    """The log of the last job of this session."""
    return _session.log


def latest_landmarks() -> tuple[int, NDArray[np.float32]] | None:
    """Newest frame that the running job has read: its index in the source and its points, (478, 2) pixels."""
    if _session.current is None or _session.current.job.is_over or _session.current.job.landmarks is None:
        return None
    frame, points = _session.current.job.landmarks
    return frame, np.array(points, np.float32).reshape(-1, 2)


def stop() -> None:
    """Ask the running job to end."""
    if _session.current is not None:
        _session.current.job.stop()
        _show(_session.current)


def forget() -> None:
    """End the job at once, and forget it."""
    running, _session.current = _session.current, None
    if running is not None:
        running.end()
        _leave(running)


def end_worker() -> None:
    """End the job's program; for the very end of Blender, when nothing else of it may be touched."""
    if _session.current is not None:
        _session.current.end()


def start_again(operator: str, keywords: dict[str, Any], *, modal: bool) -> str:
    """Call a long operator with these properties, without the questions that it asks when its button is pressed.

    Returns the sentence of what went wrong, or nothing.
    """
    call = getattr(bpy.ops.understudy, operator.partition(".")[2])
    _session.modal_wanted = modal
    try:
        call("EXEC_DEFAULT", **keywords)
    except RuntimeError as error:  # how Blender hands on an operator's report, or why its button is grey
        return str(error).removeprefix("Error: ").rpartition(".poll() ")[2].strip()
    finally:
        _session.modal_wanted = False
    return ""


def counted(job: Job) -> str:
    """How far a job is."""
    if job.state == "stopping":
        return translated("Stopping")
    if not job.stage:
        return translated("Starting")
    stage = translated(_STAGE_NAMES.get(job.stage, job.title))
    if not job.total:
        return stage
    return translated("{stage}: {done} of {total}").format(stage=stage, done=job.done, total=job.total)


def timed(job: Job) -> str:
    """How fast a job goes and how long it will take; nothing while it is too early to tell."""
    left_s, speed = job.rate.left_s(job.total), job.rate.per_second()
    if left_s is None or speed is None or job.state != "running":
        return ""
    left = f"{left_s // 60:.0f}:{left_s % 60:02.0f}"
    return translated("{left} left, {rate} per second").format(left=left, rate=f"{speed:.3g}")


def _start(operator: LongWork, context: bpy.types.Context, command: Command) -> Running:
    _session.current = None
    job = program(context, command, type(operator).bl_idname.partition(".")[2])
    keywords = {key: _plain(value) for key, value in operator.as_keywords().items()}
    _session.current = Running(job, type(operator).bl_idname, keywords, context.scene.name, command.leftovers)
    return _session.current


def program(context: bpy.types.Context, command: Command, name: str, again: str = "Resume") -> Job:
    """Start what a command asks for, with a log of that name; `again` is the button that its errors speak of."""
    from ...inference.jobs.blender import blender_command
    from ...inference.jobs.log import Log
    from ...inference.jobs.worker_client import Job

    log = Log(paths.user_folder("logs"), name)
    _session.log = log.path
    log.add(f"Blender {bpy.app.version_string}")
    with chosen_models(context):
        environment = dict(os.environ)
    if bpy.app.binary_path:
        environment.setdefault("UNDERSTUDY_BLENDER", bpy.app.binary_path)
    if command.blender:
        line = [*blender_command(bpy.app.binary_path or ""), *command.words, "--json", "--with-parent"]
    else:
        line = blenders_python().command(command.words)
    return Job(line, command.title, log, environment, again)


def blenders_python() -> Python:
    """The Python that Blender came with, finding the modules that Blender finds, except Blender's own scripts."""
    from ...inference.jobs.worker_client import Python

    own = [Path(folder) for folder in (bpy.utils.system_resource("SCRIPTS"), *bpy.utils.script_paths()) if folder]
    there = [folder for folder in sys.path if Path(folder).is_absolute()]
    folders = [folder for folder in there if not any(Path(folder).is_relative_to(root) for root in own)]
    return Python(sys.executable, tuple(bpy.app.python_args), tuple(folders))


def _plain(value: Any) -> Any:
    """A property's value without Blender's memory behind it."""
    return tuple(value) if hasattr(value, "__iter__") and not isinstance(value, str | set) else value


def _show(running: Running) -> None:
    """Bring the status bar and the panels up to date."""
    running.shown_s = time.monotonic()
    parts = (counted(running.job), timed(running.job), translated("Esc to cancel"))
    text = "   ".join(part for part in parts if part)
    for window in bpy.context.window_manager.windows:
        window.workspace.status_text_set(text)
    _redraw()


def _leave(running: Running) -> None:
    """Give the window back: no timer, no status text."""
    timer, running.timer = running.timer, None
    if timer is None:
        return
    bpy.context.window_manager.event_timer_remove(timer)
    for workspace in bpy.data.workspaces:
        workspace.status_text_set(None)
    _redraw()


def _redraw() -> None:
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type in _AREAS:
                for region in area.regions:
                    if region.type == "UI" or (region.type == "WINDOW" and area.type == "CLIP_EDITOR"):
                        region.tag_redraw()
            elif area.type == "PREFERENCES":
                area.tag_redraw()
