"""The shot: its camera, the avatar's place in it, and its pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import bpy

from ..inference.errors import InputError
from .base import Work, default_path, shown_progress
from .bridge import paths, timing
from .bridge.bake import bake_take, is_baked
from .bridge.render import render_shot
from .bridge.shot import setup_shot, shot_avatar
from .chosen import chosen_avatar, chosen_take, has_avatar, has_take


class UNDERSTUDY_OT_setup_shot(Work, bpy.types.Operator):
    """Make the camera that filmed the actor, with the footage behind it, and put the avatar where the actor was"""

    bl_idname = "understudy.setup_shot"
    bl_label = "Set Up Shot"
    bl_options = {"REGISTER", "UNDO"}

    if TYPE_CHECKING:
        add_lights: bool
    else:
        add_lights: bpy.props.BoolProperty(
            name="Lights",
            description="Put three lamps around the avatar, replacing earlier ones of Understudy",
            default=True,
        )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """An avatar and a take are needed."""
        return has_avatar(cls, context) and has_take(cls, context)

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Take the panel's choice."""
        self.add_lights = context.scene.understudy.add_lights
        return self.execute(context)

    def work(self, context: bpy.types.Context) -> str:
        """Set the shot up; a performance that was baked at another scene rate is baked again."""
        scene, settings = context.scene, context.scene.understudy
        performance, name = chosen_take(scene)
        avatar = chosen_avatar(context)
        footage = paths.absolute(settings.footage) if settings.footage else None
        if footage is not None and not footage.is_file():
            raise InputError(f"There is no video at {footage}; choose another file in step 1, or none.")
        rate = timing.scene_rate(scene)
        setup_shot(scene, avatar, performance, footage, name=name, add_lights=self.add_lights)
        settings.avatar = avatar
        sentence = f"{scene.camera.name} sees {avatar.name} as the actor was seen"
        if timing.scene_rate(scene) != rate and is_baked(avatar, performance):
            bake_take(avatar, performance, scene=scene, name=name, head=settings.use_head, eyes=settings.use_eyes)
            sentence += (
                f"; the scene now has {timing.scene_rate(scene):.6g} frames per second and the take was baked again"
            )
        return sentence


class UNDERSTUDY_OT_render(Work, bpy.types.Operator):
    """Render the avatar alone, one transparent picture for each frame of the footage, keeping those that are up to
    date
    """

    bl_idname = "understudy.render"
    bl_label = "Render"
    bl_options = {"REGISTER", "UNDO"}

    if TYPE_CHECKING:
        overwrite: bool
    else:
        overwrite: bpy.props.BoolProperty(
            name="Overwrite",
            description="Render every frame again; do so after a change of materials or lights",
            default=False,
        )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """A shot that is set up is needed."""
        if shot_avatar(context.scene) is None or context.scene.camera is None:
            cls.poll_message_set("The shot is not set up; press Set Up Shot in step 5 first")
            return False
        return has_take(cls, context)

    def work(self, context: bpy.types.Context) -> str:
        """Render the frames of the take."""
        scene, settings = context.scene, context.scene.understudy
        performance, _ = chosen_take(scene)
        folder = (
            paths.absolute(settings.render_dir) if settings.render_dir else default_path(settings.footage, "_render")
        )
        with shown_progress(context) as progress:
            report = render_shot(
                scene,
                performance,
                Path(folder),
                None,
                settings.engine,
                progress,
                samples=settings.samples,
                overwrite=self.overwrite,
            )
        settings.render_dir = settings.render_dir or str(folder)
        return f"{report.rendered} frames rendered, {report.kept} kept, {report.empty} without a face, in {folder}"


CLASSES = (UNDERSTUDY_OT_setup_shot, UNDERSTUDY_OT_render)
