"""The shot: its camera, the avatar's place in it, and its pictures."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import bpy

from ...inference.errors import InputError, UsageError
from ..base import Work, default_path
from ..bridge import paths
from ..bridge.compat import path_options
from ..bridge.keys import timing
from ..bridge.keys.bake import is_baked
from ..bridge.stage.render_devices import chosen_devices
from ..bridge.stage.shot import setup_shot, shot_avatar
from ..chosen import chosen_avatar, chosen_take, has_avatar, has_take
from ..jobs.job import Command, LongWork
from ..perform import preview
from ..perform.bake import perform


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
        with preview.paused(scene, avatar):
            setup_shot(scene, avatar, performance, footage, name=name, add_lights=self.add_lights)
        settings.avatar = avatar
        if not scene.frame_start <= scene.frame_current <= scene.frame_end:
            scene.frame_current = scene.frame_start
        _look_through_camera(context)
        sentence = f"{scene.camera.name} sees {avatar.name} as the actor was seen"
        if timing.scene_rate(scene) != rate and is_baked(avatar, performance):
            perform(scene, avatar, performance, name, head=settings.use_head, eyes=settings.use_eyes)
            sentence += (
                f"; the scene now has {timing.scene_rate(scene):.6g} frames per second and the take was baked again"
            )
        return sentence


def _look_through_camera(context: bpy.types.Context) -> None:
    """Show what the camera sees in the 3D View from which this was called, else in the first one there is."""
    areas = [context.area, *(context.screen.areas if context.screen else ())]
    area = next((area for area in areas if area is not None and area.type == "VIEW_3D"), None)
    if area is None or area.spaces.active.region_3d is None:
        return
    area.spaces.active.region_3d.view_perspective = "CAMERA"
    region = next(region for region in area.regions if region.type == "WINDOW")
    with context.temp_override(area=area, region=region):
        if bpy.ops.view3d.view_center_camera.poll():  # else an upright picture reaches beyond the view
            bpy.ops.view3d.view_center_camera()


class UNDERSTUDY_OT_render(LongWork, bpy.types.Operator):
    """Render the avatar alone, a transparent picture for each frame of the footage, keeping those that are up to date"""

    bl_idname = "understudy.render"
    bl_label = "Render"
    bl_options = {"REGISTER"}

    if TYPE_CHECKING:
        overwrite: bool
        folder: str
    else:
        overwrite: bpy.props.BoolProperty(
            name="Overwrite",
            description="Render every frame again; do so after a change of materials or lights",
            default=False,
            options={"SKIP_SAVE"},
        )
        folder: bpy.props.StringProperty(
            name="Folder",
            description="Where the pictures go; empty means the scene's folder or a new one",
            subtype="DIR_PATH",
            options=path_options() | {"SKIP_SAVE"},
        )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """A shot that is set up is needed."""
        if shot_avatar(context.scene) is None or context.scene.camera is None:
            cls.poll_message_set("The shot is not set up; press Set Up Shot in step 5 first")
            return False
        return has_take(cls, context) and super().poll(context)

    def command(self, context: bpy.types.Context) -> Command:
        """The words of the Blender program's ``render``, for a copy of this file as it is now."""
        from ...inference.jobs.blender import render_arguments

        scene, settings = context.scene, context.scene.understudy
        chosen_take(scene)
        _need_saved_pictures()
        self.folder = self.folder or settings.render_dir or str(default_path(settings.footage, "_render"))
        copy = paths.user_folder("jobs") / f"render-{os.getpid()}.blend"
        bpy.ops.wm.save_as_mainfile(filepath=str(copy), copy=True, check_existing=False)
        take, folder = paths.absolute(settings.take), paths.absolute(self.folder)
        words = render_arguments(take, copy, folder, settings.engine, settings.samples)
        words += ["--scene", scene.name, "--cycles-devices", chosen_devices(context)]
        if self.overwrite:
            words.append("--overwrite")
        if not bpy.app.autoexec_fail:
            words.append("--trust")
        settings.render_dir = self.folder  # a stopped render leaves pictures there that the next one keeps
        self.overwrite = False  # what was made again need not be made once more after Resume
        return Command(tuple(words), "Render", blender=True, leftovers=(copy,))

    def landed(self, context: bpy.types.Context, events: list[dict[str, Any]]) -> str:
        """Make the pictures the scene's."""
        made = next(event for event in events if event["event"] == "done")
        self.job_scene().understudy.render_dir = self.folder
        return f"{made['rendered']} frames rendered, {made['kept']} kept, {made['empty']} without a face, in {made['path']}"


def _need_saved_pictures() -> None:
    """What was painted and neither saved nor packed would be missing in the copy that is rendered."""
    dirty = [
        image.name for image in bpy.data.images if image.is_dirty and image.users and image.type != "RENDER_RESULT"
    ]
    if dirty:
        raise UsageError(f"The image {dirty[0]} has changes that are not saved; save or pack it first.")


CLASSES = (UNDERSTUDY_OT_setup_shot, UNDERSTUDY_OT_render)
