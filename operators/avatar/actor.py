"""An avatar made from the actor: the worker makes the texture from the footage, then the avatar is built."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy

from ...inference import take as takes
from ...inference.errors import InputError
from ..base import default_path, is_object_mode
from ..bridge import paths
from ..chosen import chosen_footage, chosen_take, has_footage, has_take
from ..footage.clip import take_model
from ..jobs.job import Command, LongWork
from .new import present


class UNDERSTUDY_OT_add_actor_avatar(LongWork, bpy.types.Operator):
    """Build a head with the actor's own face, as the take has it, and its skin from the footage"""

    bl_idname = "understudy.add_actor_avatar"
    bl_label = "Add Avatar From Actor"
    bl_options = {"REGISTER"}

    if TYPE_CHECKING:
        texture: str
    else:
        texture: bpy.props.StringProperty(
            name="Texture",
            description="Picture to write; empty means a new one beside the .blend file; it is packed into the file too",
            options={"SKIP_SAVE"},
        )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """A take and its footage are needed, and new objects need Object Mode."""
        if not (is_object_mode(cls, context) and has_take(cls, context) and has_footage(cls, context)):
            return False
        return super().poll(context)

    def command(self, context: bpy.types.Context) -> Command:
        """The words of ``understudy texture``."""
        settings = context.scene.understudy
        self.texture = self.texture or str(default_path(settings.footage, "_skin.png"))
        words = ["texture", *shot_words(settings), "-o", str(paths.absolute(self.texture)), "--overwrite"]
        return Command(tuple(words), "Texture")

    def landed(self, context: bpy.types.Context, events: list[dict[str, Any]]) -> str:
        """Build the avatar and make it the one that performs."""
        from ...inference.face_model import load
        from ..bridge.avatars.actor import add_actor_avatar

        scene = self.job_scene()
        settings = scene.understudy
        made = next(event for event in events if event["event"] == "texture")
        take, name = chosen_take(scene)
        spec = take_model(settings, take)
        folder = Path(spec.removeprefix("ict:")) if spec.startswith("ict:") else None
        avatar = add_actor_avatar(scene, take, Path(made["path"]), name=name, model=load(spec), ict_folder=folder)
        present(context, scene, avatar)
        share = round(100 * made["coverage"])
        return f"{avatar.name} is ready to act; the footage shows {share} % of its face, the rest is filled in"


def shot_words(settings: bpy.types.PropertyGroup) -> list[str]:
    """Take, footage and face model as the worker's commands take them; raises an error for what is not there."""
    take = paths.absolute(settings.take)
    if not take.is_file():
        raise InputError(f"There is no take at {take}; choose another file in step 2, or press Track.")
    footage = chosen_footage(settings)
    return [str(take), "--footage", str(footage), "--face-model", take_model(settings, takes.load(take))]


CLASSES = (UNDERSTUDY_OT_add_actor_avatar,)
