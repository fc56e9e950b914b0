"""Step 3: who performs."""

from __future__ import annotations

import bpy

from .step import Step


class UNDERSTUDY_PT_avatar(Step, bpy.types.Panel):
    """Step 3: who performs."""

    bl_label = "3 Avatar"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the step."""
        layout, settings = self.column(context)
        layout.prop(settings, "avatar")
        layout.prop(settings, "avatar_kind", text="New")
        if settings.avatar_kind == "ict":
            layout.prop(settings, "ict_folder", text="Folder")
        layout.operator("understudy.add_avatar", icon="ADD")


CLASSES = (UNDERSTUDY_PT_avatar,)
