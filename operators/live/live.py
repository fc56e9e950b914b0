"""Start and stop live, hold the neutral face, record; and what ends live or lets the avatar rest meanwhile: undo, saving,
another file, the add-on's end.
"""

from __future__ import annotations

import atexit
import time
from contextlib import suppress

import bpy
from bpy.app.handlers import persistent

from ...inference.errors import UnderstudyError
from ...inference.files import masked
from ...translations import translated
from .. import handlers
from ..base import Work
from ..bridge.stage.watching import take_away
from ..chosen import has_avatar
from ..jobs.autosave import Autosave
from ..perform import preview
from . import session
from .avatar import put_all_back
from .over_picture import close_soon
from .settings import SENT

_TICK_S = 1 / 120
"""Oftener than pictures come, so that none waits long."""
_SHOW_EVERY_S = 0.25
_timers: list[bpy.types.Timer] = []
"""The one that drives live, while it is on."""


class UNDERSTUDY_OT_start_live(Work, bpy.types.Operator):
    """Let the avatar perform while the actor does, without keys; Esc or Stop gives it back what it had"""

    bl_idname = "understudy.start_live"
    bl_label = "Start Live"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """An avatar, a window, and only once."""
        if bpy.app.background:
            cls.poll_message_set("Live needs Blender's window")
            return False
        if session.current() is not None:
            cls.poll_message_set("Live is on already")
            return False
        return context.scene is not None and has_avatar(cls, context)

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Start the worker, and follow it until it ends."""
        try:
            session.start(context)
        except UnderstudyError as error:
            self.report({"ERROR"}, masked(str(error)))
            return {"CANCELLED"}
        self._live, self._shown_s, self._autosave = session.current(), 0.0, Autosave()
        manager = context.window_manager
        _timers.append(manager.event_timer_add(_TICK_S, window=context.window))
        manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Show the newest moment at every tick of the timer; everything else goes on as if there were none."""
        live = session.current()
        if live is not self._live:  # ended from outside: another file, or the add-on was disabled
            return self._left()
        if event.type == "ESC" and event.value == "PRESS" and not live.is_stopping:
            session.stop()
            redraw(views=True)
            return {"RUNNING_MODAL"}
        if event.type != "TIMER":
            return {"PASS_THROUGH"}
        before, begun_s = live.sample, time.perf_counter()
        session.tick()
        live.count_tick(time.perf_counter() - begun_s)
        if session.current() is None:
            return self._left()
        is_due = time.monotonic() - self._shown_s >= _SHOW_EVERY_S
        if live.over is not None and (is_due or live.over.is_new) and not live.over.look():
            session.hide_picture()  # somebody closed the window
        if is_due:
            self._shown_s = time.monotonic()
            for window in context.window_manager.windows:
                window.workspace.status_text_set(f"{state_line(live)}   {translated('Esc to end Live')}")
        if is_due or live.sample is not before:
            redraw(views=live.sample is not before, sidebar=is_due)
        self._autosave.tick()
        return {"PASS_THROUGH"}

    def cancel(self, context: bpy.types.Context) -> None:
        """Blender itself ends the operator: its window closes, or another file is opened."""
        if session.current() is self._live:
            session.end()
        leave()

    def _left(self) -> set[str]:
        """Say why live ended, when it did so by itself."""
        leave()
        if session.problem():
            self.report({"ERROR"}, session.problem())
        return {"FINISHED"}


class UNDERSTUDY_OT_stop_live(Work, bpy.types.Operator):
    """End live: the avatar gets back what it had, and a recording is closed"""

    bl_idname = "understudy.stop_live"
    bl_label = "Stop Live"
    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Live must be on."""
        return _is_on(cls)

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Ask the worker to end; the operator that started it sees to the rest."""
        session.stop()
        return {"FINISHED"}


class UNDERSTUDY_OT_neutral_live(Work, bpy.types.Operator):
    """Take the actor's face of the next two seconds for neutral: look ahead and relax while they count down"""

    bl_idname = "understudy.neutral_live"
    bl_label = "Hold Neutral Face"
    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Live must be on."""
        return _is_on(cls)

    def work(self, context: bpy.types.Context) -> str:
        """Tell the worker."""
        session.hold_neutral()
        return "Hold a neutral face for two seconds"


class UNDERSTUDY_OT_record_live(Work, bpy.types.Operator):
    """Record pictures and performance; pressed again, the recording becomes the shot's footage and take"""

    bl_idname = "understudy.record_live"
    bl_label = "Record Live"
    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Live must be on, and the recording before closed."""
        if not _is_on(cls):
            return False
        if session.current().is_closing:
            cls.poll_message_set("The recording is being closed; wait a moment")
            return False
        return True

    def work(self, context: bpy.types.Context) -> str:
        """Begin or end the recording."""
        if session.current().recording is None:
            return f"Recording into {session.record()}"
        session.stop_recording()
        return "The recording is being closed"


class UNDERSTUDY_OT_over_live(Work, bpy.types.Operator):
    """Show the avatar over the live picture, where the actor's head is, in a window of its own; pressed again, close it"""

    bl_idname = "understudy.over_live"
    bl_label = "Show over the Picture"
    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Live must be on, with pictures."""
        if not _is_on(cls):
            return False
        if session.current().source in SENT:
            cls.poll_message_set("A phone or tracker sends no pictures")
            return False
        return True

    def work(self, context: bpy.types.Context) -> str:
        """Open or close the window."""
        if session.current().over is None:
            session.show_picture(context)
            return "The avatar is shown over the picture"
        session.hide_picture()
        return "The window is closed"


def _is_on(cls: type[Work]) -> bool:
    live = session.current()
    if live is None or live.is_stopping:
        cls.poll_message_set("Live is off; press Start first")
        return False
    return True


def state_line(live: session.Live) -> str:
    """How live goes, in one line."""
    if live.is_stopping:
        return translated("Closing the recording") if live.recording else translated("Stopping")
    sample = live.sample
    if sample is None:
        return translated("Nothing comes from the source") if live.waits else translated("Starting")
    numbers = {"rate": f"{sample.fps:.0f}", "delay": f"{sample.latency_ms:.0f}", "dropped": sample.dropped}
    return translated("{rate} per second, {delay} ms, {dropped} dropped").format(**numbers)


def leave() -> None:
    """Give the window back: no timer, no status text."""
    while _timers:
        bpy.context.window_manager.event_timer_remove(_timers.pop())
        for workspace in bpy.data.workspaces:
            workspace.status_text_set(None)
    redraw(views=True, sidebar=True)


def redraw(*, views: bool = False, sidebar: bool = False) -> None:
    """Bring what shows the avatar, or how live goes, up to date."""
    wanted = {kind for kind, asked in (("WINDOW", views), ("UI", sidebar)) if asked}
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "VIEW_3D":
                for region in area.regions:
                    if region.type in wanted:
                        region.tag_redraw()


@persistent
def _on_frame(scene: bpy.types.Scene, _: object = None) -> None:
    live = session.current()
    if live is None or live.is_stopping or bpy.app.is_job_running("RENDER"):
        return
    with suppress(UnderstudyError):  # the next tick says so
        live.avatar.show_again(scene)


@persistent
def _on_undo(*_: object) -> None:
    """A step of the past may hold the live pose, with what lies below it."""
    live = session.current()
    if live is None or live.is_stopping:
        put_all_back()
        take_away()
        return
    live.avatar.forget()
    if live.over is not None:
        live.over.again()
    with suppress(UnderstudyError):
        live.avatar.show_again()


@persistent
def _before_save(*_: object) -> None:
    live = session.current()
    if live is not None:
        live.avatar.rest()
        take_away()


@persistent
def _after_save(*_: object) -> None:
    live = session.current()
    if live is not None and not live.is_stopping:
        with suppress(UnderstudyError):
            live.avatar.show_again()
        if live.over is not None:
            live.over.again()


@persistent
def _before_load(*_: object) -> None:
    session.end(leaving=True)


@persistent
def _after_load(*_: object) -> None:
    """A file that Blender saved by itself, or kept at a crash, may hold a live pose, and our window."""
    put_all_back()
    take_away()
    close_soon()


def _changed() -> None:
    live = session.current()
    if live is not None:
        live.avatar.look_again()


CLASSES = (
    UNDERSTUDY_OT_start_live,
    UNDERSTUDY_OT_stop_live,
    UNDERSTUDY_OT_neutral_live,
    UNDERSTUDY_OT_record_live,
    UNDERSTUDY_OT_over_live,
)
_HANDLERS = (
    ("frame_change_post", _on_frame),
    ("undo_post", _on_undo),
    ("redo_post", _on_undo),
    ("save_pre", _before_save),
    ("save_post", _after_save),
    ("save_post_fail", _after_save),
    ("load_pre", _before_load),
    ("load_post", _after_load),
)


def register() -> None:
    """Follow undo, files and changes of the avatar."""
    handlers.add(_HANDLERS)
    preview.listeners.append(_changed)
    atexit.register(session.end_worker)


def unregister() -> None:
    """End live, and follow nothing."""
    session.end()
    leave()
    put_all_back()
    take_away()
    atexit.unregister(session.end_worker)
    preview.listeners.remove(_changed)
    handlers.remove(_HANDLERS)
