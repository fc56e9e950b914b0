"""Old or poor footage through the enhancer alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy

from ...inference.errors import UsageError
from ...translations import CONTEXT
from ..base import default_path
from ..bridge import paths
from ..chosen import chosen_footage, has_footage
from ..jobs.job import Command, LongWork
from ..preferences import device

UPSCALES = (
    ("1", "Same Size", "Restore the whole picture at its own size"),
    ("2", "Twice", "Restore the whole picture and make it twice as wide and high"),
    ("4", "Four Times", "Restore the whole picture and make it four times as wide and high"),
)


class UNDERSTUDY_OT_restore(LongWork, bpy.types.Operator):
    """Restore the faces, the whole picture, or both, of the footage, and write a new movie with the original sound"""

    bl_idname = "understudy.restore"
    bl_label = "Restore Footage"
    bl_options = {"REGISTER"}

    if TYPE_CHECKING:
        output: str
        use_faces: bool
        use_frame: bool
        upscale: str
    else:
        output: bpy.props.StringProperty(
            name="Movie",
            description="File to write; chosen for you when empty",
            subtype="FILE_PATH",
            options={"SKIP_SAVE"},
        )
        use_faces: bpy.props.BoolProperty(
            name="Faces", description="Restore every face with the enhancer of step 6", default=True
        )
        use_frame: bpy.props.BoolProperty(
            name="Whole Picture", description="Restore the whole picture with Real-ESRGAN", default=False
        )
        upscale: bpy.props.EnumProperty(
            name="Size",
            translation_context=CONTEXT,
            description="Size of the whole picture",
            items=UPSCALES,
            default="1",
        )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Footage is needed."""
        return has_footage(cls, context) and super().poll(context)

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Ask what to restore."""
        return context.window_manager.invoke_props_dialog(self)

    def draw(self, context: bpy.types.Context) -> None:
        """The questions."""
        layout = self.layout
        layout.use_property_split = True
        layout.prop(self, "use_faces")
        layout.prop(self, "use_frame")
        row = layout.row()
        row.active = self.use_frame
        row.prop(self, "upscale")
        layout.prop(self, "output")

    def command(self, context: bpy.types.Context) -> Command:
        """The words of ``understudy restore``."""
        if not (self.use_faces or self.use_frame):
            raise UsageError("Nothing was chosen to restore; choose the faces, the whole picture, or both.")
        settings = context.scene.understudy
        self.output = self.output or str(default_path(settings.footage, "_restored.mp4"))
        enhancer = settings.compositing.enhancer if self.use_faces else "none"
        words = ["restore", str(chosen_footage(settings)), "-o", str(paths.absolute(self.output))]
        words += ["--enhancer", enhancer, "--device", device(context)]
        if self.use_frame:
            words += ["--upscale", self.upscale]
        return Command(tuple(words), "Restore")

    def landed(self, context: bpy.types.Context, events: list[dict[str, Any]]) -> str:
        """Say where the movie is; the scene keeps its footage."""
        made = next(event for event in events if event["event"] == "restore")
        return f"{Path(made['path'])}: {made['frames']} frames restored, {made['with_face']} of them with a face"


CLASSES = (UNDERSTUDY_OT_restore,)
