"""Video in, take out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy

from ...inference import take as takes
from ...inference.errors import InputError, UsageError
from ..base import default_path, put_in_place
from ..bridge import paths
from ..bridge.compat import path_options
from ..jobs.job import Command, LongWork
from ..preferences import device
from ..properties import QUALITIES
from .clip import VIDEO_FILTER, track_words

_OF_THIS_CALL = {"SKIP_SAVE"}
"""The next call begins with the panel's choices again, not with those of this one."""


class UNDERSTUDY_OT_track(LongWork, bpy.types.Operator):
    """Follow the actor's face through the footage and write the performance as a take"""

    bl_idname = "understudy.track"
    bl_label = "Track"
    bl_options = {"REGISTER"}

    if TYPE_CHECKING:
        filepath: str
        take: str
        quality: str
        face: int
        neutral: tuple[int, int]
        device: str
        words: str
        filter_glob: str
    else:
        filepath: bpy.props.StringProperty(
            name="Footage",
            description="Video of the actor; empty means the scene's footage",
            subtype="FILE_PATH",
            options=path_options() | _OF_THIS_CALL,
        )
        take: bpy.props.StringProperty(
            name="Take",
            description="File to write; empty means the scene's take or a new one",
            subtype="FILE_PATH",
            options=path_options() | _OF_THIS_CALL,
        )
        quality: bpy.props.EnumProperty(
            name="Quality",
            description="How much work is spent on each frame; the scene's choice when it is not given",
            items=QUALITIES,
            default="standard",
            options=_OF_THIS_CALL,
        )
        face: bpy.props.IntProperty(
            name="Face",
            description=(
                "Which face performs, counted from the most prominent one, which is 0; the scene's choice when it is"
                " not given"
            ),
            min=0,
            options=_OF_THIS_CALL,
        )
        neutral: bpy.props.IntVectorProperty(
            name="Neutral",
            description=(
                "First and last frame of the footage in which the face is neutral; -1 means found by itself; the scene's"
                " choice when it is not given"
            ),
            size=2,
            default=(-1, -1),
            min=-1,
            options=_OF_THIS_CALL,
        )
        device: bpy.props.StringProperty(
            name="Device",
            description="Where the networks run; empty means the device of the preferences",
            options=_OF_THIS_CALL,
        )
        words: bpy.props.StringProperty(
            name="Words",
            description="Words of the command line for all choices, one on each line; what Resume goes on with",
            options={"HIDDEN", "SKIP_SAVE"},
        )
        filter_glob: bpy.props.StringProperty(default=VIDEO_FILTER, options={"HIDDEN"})

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """There is always a scene to keep the take in, except in an empty window."""
        if context.scene is None:
            cls.poll_message_set("There is no scene; open or create a file first")
            return False
        return super().poll(context)

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Ask for the footage when none was chosen."""
        if not (self.filepath or context.scene.understudy.footage):
            return self.select_file(context)
        return super().invoke(context, event)

    def command(self, context: bpy.types.Context) -> Command:
        """The words of ``understudy track``."""
        settings = context.scene.understudy
        self.filepath = self.filepath or settings.footage
        if not self.filepath:
            raise UsageError("No footage was chosen; choose a video of the actor in step 1.")
        video = paths.absolute(self.filepath)
        if not video.is_file():
            raise InputError(f"There is no video at {video}; choose another file in step 1.")
        if not self.words:
            target = paths.absolute(self.take) if self.take else default_path(self.filepath, ".take.npz")
            choices = self._choices(context)
            self.words = "\n".join([str(video), "-o", str(target), "--overwrite", *choices])
        return Command(("track", *self.words.split("\n")), "Track")

    def landed(self, context: bpy.types.Context, events: list[dict[str, Any]]) -> str:
        """Make the new take the scene's."""
        settings = self.job_scene().understudy
        found = next(event for event in events if event["event"] == "take")
        written = Path(found["path"])
        same_shot = not self.take and _is_of_same_footage(settings.take, written)
        if not self.take and not same_shot:
            settings.render_dir = settings.output = settings.report = ""  # they stay with the shot they were made for
        settings.footage = self.filepath
        if same_shot:
            target = paths.absolute(settings.take)
            ending = ".take.npz" if target.name.endswith(".take.npz") else target.suffix
            written = put_in_place(written, target, ending)
            settings.take = settings.take  # read anew
        else:
            settings.take = self.take or str(written)
        return f"{written.name}: {found['seen']} of {found['frames']} frames with a face"

    def _choices(self, context: bpy.types.Context) -> list[str]:
        """The scene's choices, and over them those that this call was given."""
        words = track_words(context.scene.understudy)
        choices = dict(zip(words[::2], words[1::2], strict=True))
        choices["--device"] = self.device or device(context)
        given = self.properties.is_property_set
        if given("quality"):
            choices["--quality"] = self.quality
        if given("face"):
            choices.pop("--face-at", None)
            choices["--face"], choices["--faces"] = str(self.face), str(self.face + 1)
        if given("neutral"):
            choices.pop("--neutral", None)
            first, last = self.neutral
            if first >= 0:
                choices["--neutral"] = f"{first}-{max(first, last)}"
        return [word for pair in choices.items() for word in pair]


def _is_of_same_footage(earlier: str, written: Path) -> bool:
    """Whether the scene's earlier take is one of the same video: then the new one takes its place and its name."""
    path = paths.absolute(earlier) if earlier else None
    if path is None or not path.is_file():
        return False
    try:
        return takes.load(path).source_sha256 == takes.load(written).source_sha256
    except InputError:
        return False


CLASSES = (UNDERSTUDY_OT_track,)
