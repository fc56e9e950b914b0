"""A take onto an avatar."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy

from .base import Work
from .bridge.bake import bake_take
from .bridge.compat import path_options
from .chosen import chosen_avatar, chosen_take, has_avatar


class UNDERSTUDY_OT_bake(Work, bpy.types.Operator):
    """Give the take to the avatar as keyframes, replacing what an earlier bake of the same take wrote"""

    bl_idname = "understudy.bake"
    bl_label = "Bake"
    bl_options = {"REGISTER", "UNDO"}

    if TYPE_CHECKING:
        filepath: str
        use_head: bool
        use_eyes: bool
        match_scene: bool
        filter_glob: str
    else:
        filepath: bpy.props.StringProperty(
            name="Take",
            description="Take to bake; empty means the scene's take",
            subtype="FILE_PATH",
            options=path_options(),
        )
        use_head: bpy.props.BoolProperty(name="Head", description="Turn the head as the actor did", default=True)
        use_eyes: bpy.props.BoolProperty(name="Eyes", description="Turn the eyes as the actor did", default=True)
        match_scene: bpy.props.BoolProperty(
            name="Match Scene",
            description="Also give the scene the frame rate and the range of the take",
            default=False,
        )
        filter_glob: bpy.props.StringProperty(default="*.npz", options={"HIDDEN"})

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """An avatar is needed."""
        return has_avatar(cls, context)

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Ask for a take when there is none."""
        settings = context.scene.understudy
        self.use_head, self.use_eyes = settings.use_head, settings.use_eyes
        self.filepath = settings.take
        if self.filepath:
            return self.execute(context)
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def work(self, context: bpy.types.Context) -> str:
        """Bake the take."""
        settings = context.scene.understudy
        performance, name = chosen_take(context.scene, self.filepath)
        avatar = chosen_avatar(context)
        report = bake_take(
            avatar,
            performance,
            scene=context.scene,
            name=name,
            match_scene=self.match_scene,
            head=self.use_head,
            eyes=self.use_eyes,
        )
        settings.avatar = avatar
        settings.take = self.filepath or settings.take
        gaps = f", {report.gap_frames} frames without a face left free" if report.gap_frames else ""
        return f"{report.shape_keys} shape keys of {avatar.name} perform {name} on {report.keyed_frames} frames{gaps}"


CLASSES = (UNDERSTUDY_OT_bake,)
