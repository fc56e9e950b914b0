"""A new avatar in the scene."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy

from ..inference.errors import UsageError
from .base import Work, is_object_mode
from .bridge import avatars, paths
from .bridge.compat import path_options
from .properties import AVATARS


class UNDERSTUDY_OT_add_avatar(Work, bpy.types.Operator):
    """Build a head that can act: 52 shape keys, eyes and a head that turn"""

    bl_idname = "understudy.add_avatar"
    bl_label = "Add Avatar"
    bl_options = {"REGISTER", "UNDO"}

    if TYPE_CHECKING:
        kind: str
        folder: str
    else:
        kind: bpy.props.EnumProperty(name="Kind", description="Which avatar to add", items=AVATARS, default="default")
        folder: bpy.props.StringProperty(
            name="ICT Folder",
            description="FaceXModel folder of ICT-FaceKit, for an ICT avatar",
            subtype="DIR_PATH",
            options=path_options(),
        )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """New objects need Object Mode."""
        return is_object_mode(cls, context)

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Take the panel's choice."""
        settings = context.scene.understudy
        self.kind, self.folder = settings.avatar_kind, settings.ict_folder
        return self.execute(context)

    def work(self, context: bpy.types.Context) -> str:
        """Add the avatar and make it the one that performs."""
        spec = avatars.DEFAULT
        if self.kind == "ict":
            folder = self.folder or context.scene.understudy.ict_folder
            if not folder:
                raise UsageError("No ICT-FaceKit folder was chosen; choose its FaceXModel folder in step 3.")
            spec = f"{avatars.ICT}{paths.absolute(folder)}"
        avatar = avatars.add_avatar(context.scene, spec)
        context.scene.understudy.avatar = avatar
        for ob in context.selected_objects:
            ob.select_set(False)
        avatar.select_set(True)
        context.view_layer.objects.active = avatar
        return f"{avatar.name} is ready to act"


CLASSES = (UNDERSTUDY_OT_add_avatar,)
