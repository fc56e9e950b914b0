"""Step 1: which video, which part of it and which of its faces."""

from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import bpy

from ...inference.errors import InputError, UsageError
from ...inference.take import Take
from ...translations import CONTEXT
from ..base import Work
from ..bridge import paths
from ..bridge.compat import path_options
from ..bridge.keys import timing
from ..bridge.stage import camera
from ..chosen import has_footage
from ..facts import learn_consent, learn_movie, learn_renders

VIDEO_ENDINGS = (".mp4", ".mov", ".mkv", ".avi", ".webm", ".m4v", ".mxf", ".mpg", ".mpeg", ".mts", ".m2ts", ".wmv")
VIDEO_FILTER = ";".join(f"*{ending}" for ending in VIDEO_ENDINGS)


def learn_footage(settings: bpy.types.PropertyGroup) -> None:
    """Load the scene's footage as a movie clip and note its facts; what was chosen for other footage is forgotten."""
    facts, clip = settings.facts, None
    path = paths.absolute(settings.footage) if settings.footage else None
    if facts.footage_path != str(path):
        settings.faces.clear()
        settings.face = 0
    facts.footage_path = str(path)
    if path is not None and path.is_file():
        try:
            clip = camera.load_video(path)
        except InputError:
            clip = None
    facts.footage_found = clip is not None
    if settings.clip != clip:
        settings.clip = clip
    if clip is None:
        facts.width = facts.height = facts.frames = 0
        return
    width, height = clip.size
    changed = (facts.width, facts.height, facts.frames) != (width, height, clip.frame_duration)
    facts.width, facts.height = width, height
    facts.fps, facts.frames = clip.fps, clip.frame_duration
    if changed or settings.trim_last >= facts.frames:
        settings.use_trim = settings.use_neutral = False
        settings.trim_first, settings.trim_last = 0, max(0, facts.frames - 1)
        settings.neutral_first = settings.neutral_last = 0


def learn_clip(settings: bpy.types.PropertyGroup) -> None:
    """A movie clip was chosen: its file is the footage."""
    clip = settings.clip
    if clip is not None and paths.absolute(clip.filepath) != paths.absolute(settings.footage):
        settings.footage = clip.filepath


def choose(scene: bpy.types.Scene, filepath: str, match_scene: bool) -> str:
    """Make a video the scene's footage; returns its name. Raises `InputError` before anything is changed."""
    path = paths.absolute(filepath)
    if not path.is_file():
        raise InputError(f"There is no video at {path}; choose another file.")
    camera.load_video(path)
    settings = scene.understudy
    settings.footage = filepath
    if match_scene:
        match(scene)
    return path.name


def match(scene: bpy.types.Scene) -> None:
    """Give the scene the rate of the footage, and the frames in which its clip plays."""
    settings = scene.understudy
    timing.match_rate(scene, _rate(settings))
    scene.frame_start = max(0, scene_frame(settings.clip, 0))
    scene.frame_end = max(scene.frame_start, scene_frame(settings.clip, settings.facts.frames - 1))
    if not scene.frame_start <= scene.frame_current <= scene.frame_end:
        scene.frame_current = scene.frame_start  # tells Movie Clip editors, which `frame_set` does not


def differs_from_scene(scene: bpy.types.Scene) -> bool:
    """Whether the footage would not play in this scene as it was filmed, from beginning to end."""
    settings = scene.understudy
    if settings.clip is None or settings.facts.fps <= 0:
        return False
    if not math.isclose(timing.scene_rate(scene), float(_rate(settings)), rel_tol=1e-5):
        return True
    return not settings.take and scene.frame_end < scene_frame(settings.clip, settings.facts.frames - 1)


def _rate(settings: bpy.types.PropertyGroup) -> Fraction:
    """Blender knows rates in single precision: the rate that was meant is a simple one."""
    return Fraction(settings.facts.fps).limit_denominator(1001)


def has_own_animation() -> bool:
    """Whether the file holds animation, which a new scene rate would disturb."""
    return len(bpy.data.actions) > 0


def source_frame(clip: bpy.types.MovieClip, frame: int) -> int:
    """Frame of the footage, from 0, that a clip shows at a frame of the scene."""
    return frame - clip.frame_start + clip.frame_offset


def scene_frame(clip: bpy.types.MovieClip, source: int) -> int:
    """The other way round."""
    return source + clip.frame_start - clip.frame_offset


def track_words(settings: bpy.types.PropertyGroup) -> tuple[str, ...]:
    """The words of `understudy track` for the choices of steps 1 and 2; raises `UsageError` when one is missing."""
    words = ["--quality", settings.quality, "--face-model", face_model(settings)]
    if settings.use_trim:
        words += ["--frames", f"{settings.trim_first}-{max(settings.trim_first, settings.trim_last)}"]
    if settings.use_neutral:
        words += ["--neutral", f"{settings.neutral_first}-{max(settings.neutral_first, settings.neutral_last)}"]
    return (*words, *_face_words(settings))


def face_model(settings: bpy.types.PropertyGroup) -> str:
    """The face model as the command line knows it."""
    if settings.face_model == "default":
        return "default"
    chosen = {"ict": settings.ict_folder, "flame": settings.flame_file, "bfm": settings.bfm_file}[settings.face_model]
    if not chosen:
        raise UsageError("No file of the face model was chosen; choose it in step 2, or the model that comes along.")
    return f"{settings.face_model}:{paths.absolute(chosen)}"


def take_model(settings: bpy.types.PropertyGroup, take: Take) -> str:
    """The face model that a take was made with, as the command line knows it; raises `UsageError` where the scene has
    another one.
    """
    kind = take.face_model
    if kind == "default":
        return kind
    if settings.face_model != kind:
        raise UsageError(f"The take was made with the face model {kind}; choose it in step 2, with its file or folder.")
    return face_model(settings)


def _face_words(settings: bpy.types.PropertyGroup) -> list[str]:
    """By its place in the frame in which it was found: the order of a whole shot may be another."""
    if settings.face >= len(settings.faces):
        return ["--face", str(settings.face), "--faces", str(settings.face + 1)]
    if len(settings.faces) == 1:
        return ["--face", "0"]
    left, top, right, bottom = settings.faces[settings.face].box
    place = f"{settings.faces_frame},{(left + right) / 2:.1f},{(top + bottom) / 2:.1f}"
    return ["--faces", str(len(settings.faces)), "--face-at", place]


def has_clip(cls: type, context: bpy.types.Context) -> bool:
    """Poll of operators that need the footage as a clip of Blender."""
    if not has_footage(cls, context):
        return False
    if context.scene.understudy.clip is None:
        cls.poll_message_set("Blender cannot show the footage; choose the video of the actor in step 1 again")  # type: ignore[attr-defined]
        return False
    return True


class UNDERSTUDY_OT_open_footage(Work, bpy.types.Operator):
    """Choose the video of the actor and show it in Blender"""

    bl_idname = "understudy.open_footage"
    bl_label = "Open Footage"
    bl_options = {"REGISTER", "UNDO"}

    if TYPE_CHECKING:
        filepath: str
        match_scene: bool
        filter_glob: str
    else:
        filepath: bpy.props.StringProperty(
            name="Footage",
            description="Video of the actor",
            subtype="FILE_PATH",
            options={"SKIP_SAVE"} | path_options(),
        )
        match_scene: bpy.props.BoolProperty(
            name="Match Scene", description="Give the scene the frame rate and the length of the footage", default=True
        )
        filter_glob: bpy.props.StringProperty(default=VIDEO_FILTER, options={"HIDDEN"})

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Ask for the file, unless one was dropped."""
        self.match_scene = not has_own_animation()
        if self.filepath:
            return self.execute(context)
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def work(self, context: bpy.types.Context) -> str:
        """Choose it and show it in the Movie Clip editor from which this was called."""
        if not self.filepath:
            raise UsageError("No file was chosen; choose a video of the actor.")
        name = choose(context.scene, self.filepath, self.match_scene)
        _show(context)
        return f"{name} is the footage"


class UNDERSTUDY_OT_use_clip(Work, bpy.types.Operator):
    """Take a movie clip of this file as the footage"""

    bl_idname = "understudy.use_clip"
    bl_label = "Use Clip"
    bl_options = {"REGISTER", "UNDO"}

    if TYPE_CHECKING:
        clip: str
        match_scene: bool
    else:
        clip: bpy.props.StringProperty(
            name="Clip",
            translation_context=CONTEXT,
            description="Name of a movie clip; empty means that of the Movie Clip editor",
        )
        match_scene: bpy.props.BoolProperty(
            name="Match Scene", description="Give the scene the frame rate and the length of the footage", default=True
        )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """There must be a clip."""
        if not bpy.data.movieclips:
            cls.poll_message_set("There is no movie clip in this file; press Open Footage")
            return False
        return context.scene is not None

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Leave the rate of an animated scene alone."""
        self.match_scene = not has_own_animation()
        return self.execute(context)

    def work(self, context: bpy.types.Context) -> str:
        """Choose its file."""
        clip = bpy.data.movieclips.get(self.clip) if self.clip else _clip_of_editor(context)
        if clip is None:
            raise UsageError("No movie clip was named; open one in the Movie Clip editor, or press Open Footage.")
        if clip.source != "MOVIE":
            raise UsageError(f"{clip.name} is a sequence of pictures; make a video of it first.")
        name = choose(context.scene, clip.filepath, self.match_scene)
        return f"{name} is the footage"


class UNDERSTUDY_OT_match_scene(Work, bpy.types.Operator):
    """Give the scene the frame rate and the length of the footage"""

    bl_idname = "understudy.match_scene"
    bl_label = "Match Scene to Footage"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """A clip is needed."""
        return has_clip(cls, context)

    def work(self, context: bpy.types.Context) -> str:
        """Match it."""
        scene = context.scene
        match(scene)
        return f"{timing.scene_rate(scene):.6g} frames per second, frames {scene.frame_start} to {scene.frame_end}"


class UNDERSTUDY_OT_trim_to_scene(Work, bpy.types.Operator):
    """Track only what the scene's frame range shows of the footage"""

    bl_idname = "understudy.trim_to_scene"
    bl_label = "Use Scene Range"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """A clip is needed."""
        return has_clip(cls, context)

    def work(self, context: bpy.types.Context) -> str:
        """Set first and last frame."""
        scene, settings = context.scene, context.scene.understudy
        last = settings.facts.frames - 1
        span = [source_frame(settings.clip, frame) for frame in (scene.frame_start, scene.frame_end)]
        if span[1] < 0 or span[0] > last:
            raise UsageError("The scene's range shows nothing of the footage; change it, or type first and last frame.")
        settings.trim_first, settings.trim_last = max(0, span[0]), min(last, span[1])
        settings.use_trim = True
        return f"Frames {settings.trim_first} to {settings.trim_last} of the footage are tracked"


class UNDERSTUDY_OT_neutral_here(Work, bpy.types.Operator):
    """Note the current frame as one in which the actor's face is neutral"""

    bl_idname = "understudy.neutral_here"
    bl_label = "Neutral at Current Frame"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """A clip is needed."""
        return has_clip(cls, context)

    def work(self, context: bpy.types.Context) -> str:
        """Set both ends to the frame that is shown."""
        settings = context.scene.understudy
        frame = source_frame(settings.clip, context.scene.frame_current)
        if not 0 <= frame < settings.facts.frames:
            raise UsageError("The current frame shows nothing of the footage; go to a frame that does.")
        settings.use_neutral = True
        settings.neutral_first = settings.neutral_last = frame
        return f"The face is neutral in frame {frame} of the footage"


class UNDERSTUDY_FH_footage(bpy.types.FileHandler):
    """Videos that are dropped into the 3D View or the Movie Clip editor."""

    bl_idname = "UNDERSTUDY_FH_footage"
    bl_label = "Footage for Understudy"
    bl_import_operator = "understudy.open_footage"
    bl_file_extensions = ";".join(VIDEO_ENDINGS)

    @classmethod
    def poll_drop(cls, context: bpy.types.Context) -> bool:
        """Only where our panels are."""
        return context.area is not None and context.area.type in {"VIEW_3D", "CLIP_EDITOR"}


def _clip_of_editor(context: bpy.types.Context) -> bpy.types.MovieClip | None:
    """The clip of the editor the mouse is in, else the first one that an open Movie Clip editor shows."""
    areas = [context.area, *(context.screen.areas if context.screen else ())]
    clips = (area.spaces.active.clip for area in areas if area is not None and area.type == "CLIP_EDITOR")
    return next((clip for clip in clips if clip is not None), None)


def _show(context: bpy.types.Context) -> None:
    """Let empty Movie Clip editors show the footage, and the one from which it was chosen."""
    for area in context.screen.areas if context.screen else ():
        if area.type == "CLIP_EDITOR" and (area == context.area or area.spaces.active.clip is None):
            area.spaces.active.clip = context.scene.understudy.clip


@bpy.app.handlers.persistent
def _learn_all(*_: object) -> None:
    """A file was opened: look whether its shots' files are where they were."""
    for scene in bpy.data.scenes:
        if not scene.is_editable:  # linked from another file
            continue
        settings = scene.understudy
        if settings.footage:
            path = paths.absolute(settings.footage)
            settings.facts.footage_found = settings.clip is not None and Path(path).is_file()
        learn_renders(settings)
        learn_movie(settings)
        learn_consent(settings)
        settings.facts.take_found = bool(settings.take) and paths.absolute(settings.take).is_file()


CLASSES = (
    UNDERSTUDY_OT_open_footage,
    UNDERSTUDY_OT_use_clip,
    UNDERSTUDY_OT_match_scene,
    UNDERSTUDY_OT_trim_to_scene,
    UNDERSTUDY_OT_neutral_here,
    UNDERSTUDY_FH_footage,
)


def register() -> None:
    """Watch opened files."""
    bpy.app.handlers.load_post.append(_learn_all)


def unregister() -> None:
    """Stop watching."""
    bpy.app.handlers.load_post.remove(_learn_all)
