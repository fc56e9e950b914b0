"""What the user can do about a long job, what panels may show of it, and what ends it: another file, the add-on's end."""

from __future__ import annotations

import atexit
from typing import TYPE_CHECKING

import bpy
from bpy.app.handlers import persistent

from ...inference.files import masked
from ..base import Work
from . import job


class UNDERSTUDY_OT_cancel(Work, bpy.types.Operator):
    """Stop the running job; what it has finished is kept for Resume"""

    bl_idname = "understudy.cancel"
    bl_label = "Cancel"
    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """A job must be running."""
        if not job.is_running():
            cls.poll_message_set("No job is running")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Ask the job to stop; its operator sees to the rest."""
        job.stop()
        return {"FINISHED"}


class UNDERSTUDY_OT_resume(Work, bpy.types.Operator):
    """Start the job that failed or was stopped again with the same choices; what was finished is not done twice"""

    bl_idname = "understudy.resume"
    bl_label = "Resume"
    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """A job must have ended early."""
        if job.is_running() or job.current() is None:
            cls.poll_message_set("There is no job that ended early")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Call the operator again, for the scene it was called for."""
        ended = job.current()
        scene = bpy.data.scenes.get(ended.scene)
        if scene is None:
            self.report({"ERROR"}, "The scene of that job is gone; start anew in another one.")
            return {"CANCELLED"}
        with context.temp_override(scene=scene):
            problem = job.start_again(ended.operator, ended.keywords, modal=self.options.is_invoke)
        if problem:
            self.report({"ERROR"}, problem)
            return {"CANCELLED"}
        return {"FINISHED"}


class UNDERSTUDY_OT_open_log(Work, bpy.types.Operator):
    """Open what the last job said, in the program that shows text files"""

    bl_idname = "understudy.open_log"
    bl_label = "Open Log"
    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """There must be one."""
        log = job.last_log()
        if log is None or not log.is_file():
            cls.poll_message_set("No job has run since Blender was started")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Open it."""
        log = job.last_log()
        self.report({"INFO"}, masked(str(log)))
        return bpy.ops.wm.path_open(filepath=str(log))


class UNDERSTUDY_OT_dismiss(Work, bpy.types.Operator):
    """Forget the job that ended early"""

    bl_idname = "understudy.dismiss"
    bl_label = "Dismiss"
    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """A job must have ended early."""
        return UNDERSTUDY_OT_resume.poll.__func__(cls, context)

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Show nothing of it any more."""
        job.forget()
        return {"FINISHED"}


def _state(_: bpy.types.PropertyGroup) -> str:
    if job.current() is None:
        return "idle"
    return "running" if job.is_running() else "failed"


def _title(_: bpy.types.PropertyGroup) -> str:
    return job.current().job.title if job.current() is not None else ""


def _stage(_: bpy.types.PropertyGroup) -> str:
    return job.current().job.stage if job.current() is not None else ""


def _factor(_: bpy.types.PropertyGroup) -> float:
    return job.current().job.factor if job.current() is not None else 0.0


def _text(_: bpy.types.PropertyGroup) -> str:
    running = job.current()
    return (running.error or job.counted(running.job)) if running is not None else ""


def _pace(_: bpy.types.PropertyGroup) -> str:
    return job.timed(job.current().job) if job.current() is not None else ""


def _log(_: bpy.types.PropertyGroup) -> str:
    return str(job.last_log() or "")


class UNDERSTUDY_PG_job(bpy.types.PropertyGroup):
    """The job for panels to show: read only, and never kept in a file."""

    if TYPE_CHECKING:
        state: str
        title: str
        stage: str
        factor: float
        text: str
        pace: str
        log: str
    else:
        state: bpy.props.StringProperty(
            name="State",
            description="One of idle, running and failed; a job that was stopped counts as failed",
            get=_state,
        )
        title: bpy.props.StringProperty(name="Title", description="What the job does", get=_title)
        stage: bpy.props.StringProperty(name="Stage", description="The part it is at", get=_stage)
        factor: bpy.props.FloatProperty(
            name="Factor",
            description="How much of the stage is done, from 0 to 1",
            get=_factor,
        )
        text: bpy.props.StringProperty(
            name="Text",
            description="How far it is, or what went wrong, in one sentence",
            get=_text,
        )
        pace: bpy.props.StringProperty(name="Pace", description="How long it will take and how fast it goes", get=_pace)
        log: bpy.props.StringProperty(name="Log", description="File with what the last job said", get=_log)


class UNDERSTUDY_PG_manager(bpy.types.PropertyGroup):
    """What belongs to this session of Blender."""

    if TYPE_CHECKING:
        job: UNDERSTUDY_PG_job
    else:
        job: bpy.props.PointerProperty(
            name="Job", description="The long job that runs or ended early", type=UNDERSTUDY_PG_job
        )


@persistent
def end_before_load(*_: object) -> None:
    """A job belongs to the file in which it was started."""
    job.forget()


CLASSES = (
    UNDERSTUDY_OT_cancel,
    UNDERSTUDY_OT_resume,
    UNDERSTUDY_OT_open_log,
    UNDERSTUDY_OT_dismiss,
    UNDERSTUDY_PG_job,
    UNDERSTUDY_PG_manager,
)


def register() -> None:
    """Add `WindowManager.understudy`, the one name of ours there, and what ends a job."""
    bpy.types.WindowManager.understudy = bpy.props.PointerProperty(type=UNDERSTUDY_PG_manager, name="Understudy")
    bpy.app.handlers.load_pre.append(end_before_load)
    atexit.register(job.end_worker)


def unregister() -> None:
    """Take them back, and end what still runs."""
    job.forget()
    atexit.unregister(job.end_worker)
    bpy.app.handlers.load_pre.remove(end_before_load)
    del bpy.types.WindowManager.understudy
