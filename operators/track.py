"""Video in, take out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy

from ..inference import take as takes
from ..inference.errors import InputError, UsageError
from .base import Work, default_path, shown_progress
from .bridge import paths
from .bridge.compat import path_options
from .preferences import chosen_models, device
from .properties import QUALITIES


class UNDERSTUDY_OT_track(Work, bpy.types.Operator):
    """Follow the actor's face through the footage and write the performance as a take"""

    bl_idname = "understudy.track"
    bl_label = "Track"
    bl_options = {"REGISTER", "UNDO"}

    if TYPE_CHECKING:
        filepath: str
        take: str
        quality: str
        face: int
        neutral: tuple[int, int]
        device: str
        filter_glob: str
    else:
        filepath: bpy.props.StringProperty(
            name="Footage",
            description="Video of the actor; empty means the scene's footage",
            subtype="FILE_PATH",
            options=path_options(),
        )
        take: bpy.props.StringProperty(
            name="Take",
            description="File to write; empty means the scene's take or a new one",
            subtype="FILE_PATH",
            options=path_options(),
        )
        quality: bpy.props.EnumProperty(
            name="Quality", description="How much work is spent on each frame", items=QUALITIES, default="standard"
        )
        face: bpy.props.IntProperty(
            name="Face", description="Which face performs, counted from the most prominent one, which is 0", min=0
        )
        neutral: bpy.props.IntVectorProperty(
            name="Neutral",
            description="First and last frame of the footage in which the face is neutral; -1 means found by itself",
            size=2,
            default=(-1, -1),
            min=-1,
        )
        device: bpy.props.StringProperty(
            name="Device", description="Where the networks run; empty means the device of the preferences"
        )
        filter_glob: bpy.props.StringProperty(
            default="*.mp4;*.mov;*.mkv;*.avi;*.webm;*.m4v;*.mxf;*.mpg", options={"HIDDEN"}
        )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """There is always a scene to keep the take in, except in an empty window."""
        if context.scene is None:
            cls.poll_message_set("There is no scene; open or create a file first")
            return False
        return True

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Ask for the footage when none was chosen."""
        settings = context.scene.understudy
        self.quality, self.face = settings.quality, settings.face
        self.filepath = settings.footage
        if self.filepath:
            return self.execute(context)
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def work(self, context: bpy.types.Context) -> str:
        """Track one face of the footage and save the take."""
        settings = context.scene.understudy
        footage = self.filepath or settings.footage
        if not footage:
            raise UsageError("No footage was chosen; choose a video of the actor in step 1.")
        video = paths.absolute(footage)
        if not video.is_file():
            raise InputError(f"There is no video at {video}; choose another file in step 1.")
        performance = self._performance(context, video)
        if not self.take and _is_of_other_footage(settings.take, performance):
            settings.take = settings.render_dir = settings.output = ""  # they stay with the shot they were made for
        chosen = self.take or settings.take
        target = paths.absolute(chosen) if chosen else default_path(footage, ".take.npz")
        takes.save(performance, target)
        settings.footage = footage
        seen = int((performance.confidence > 0).sum())
        settings.take = chosen or str(target)
        settings.take_summary = f"{seen} of {len(performance)} frames with a face"
        return f"{target.name}: {settings.take_summary}"

    def _performance(self, context: bpy.types.Context, video: paths.Path) -> takes.Take:
        from ..inference.capture.shot import CaptureOptions
        from ..inference.jobs.shot import track_video

        options = CaptureOptions(
            max_faces=self.face + 1, quality=self.quality, device=self.device or device(context), frames=None
        )
        first, last = self.neutral
        neutral = (first, max(first, last)) if first >= 0 else None
        with chosen_models(context), shown_progress(context) as progress:
            return track_video(video, options, self.face, "default", progress, neutral)


def _is_of_other_footage(take: str, performance: takes.Take) -> bool:
    """Whether the scene's take is a file that must not be written over: another video's take, or no take at all."""
    path = paths.absolute(take) if take else None
    if path is None or not path.is_file():
        return False
    try:
        return takes.load(path).source_sha256 != performance.source_sha256
    except InputError:
        return True


CLASSES = (UNDERSTUDY_OT_track,)
