"""The avatar lit as the actor was."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy

from ..avatar.actor import shot_words
from ..base import default_path
from ..chosen import has_footage, has_take
from ..jobs.job import Command, LongWork


class UNDERSTUDY_OT_light_from_shot(LongWork, bpy.types.Operator):
    """Read the light of the footage from the actor's face, and light the scene the same way"""

    bl_idname = "understudy.light_from_shot"
    bl_label = "Light From Shot"
    bl_options = {"REGISTER"}

    if TYPE_CHECKING:
        output: str
    else:
        output: bpy.props.StringProperty(
            name="File", description="Where the light is written to; chosen for you when empty", options={"SKIP_SAVE"}
        )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """A take, its footage and the camera of the shot are needed."""
        if not (has_take(cls, context) and has_footage(cls, context)):
            return False
        if context.scene.camera is None:
            cls.poll_message_set("The shot is not set up; press Set Up Shot in step 5 first")
            return False
        return super().poll(context)

    def command(self, context: bpy.types.Context) -> Command:
        """The words of ``understudy light``."""
        settings = context.scene.understudy
        self.output = self.output or str(default_path(settings.footage, "_light.json"))
        return Command(("light", *shot_words(settings), "-o", self.output, "--overwrite"), "Light")

    def landed(self, context: bpy.types.Context, events: list[dict[str, Any]]) -> str:
        """Light the scene as its camera sees it."""
        from ...inference.light.types import load_light
        from ..bridge.stage.lights import light_as_shot

        scene = self.job_scene()
        made = next(event for event in events if event["event"] == "light")
        light = load_light(Path(made["path"]))
        context.view_layer.update()
        view = scene.camera.matrix_world.to_quaternion().to_matrix()
        sun = light_as_shot(scene, light, view)
        scene.understudy.add_lights = False  # the three lamps would take its place with the next Set Up Shot
        others = [ob.name for ob in scene.objects if ob.type == "LIGHT" and ob != sun and not ob.hide_render]
        more = f"; hide your own lights, they shine too: {', '.join(others)}" if others else ""
        return f"{sun.name} shines {light.side}, as on the actor{more}"


CLASSES = (UNDERSTUDY_OT_light_from_shot,)
