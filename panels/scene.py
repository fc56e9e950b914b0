"""Step 5: the shot and its pictures."""

from __future__ import annotations

import bpy

from .step import Step


class UNDERSTUDY_PT_scene(Step, bpy.types.Panel):
    """Step 5: the shot and its pictures."""

    bl_label = "5 Scene"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the step."""
        layout, settings = self.column(context)
        layout.prop(settings, "add_lights")
        layout.operator("understudy.setup_shot", icon="OUTLINER_OB_CAMERA")
        layout.separator()
        layout.prop(settings, "engine")
        layout.prop(settings, "samples")
        layout.prop(settings, "render_dir", text="Folder")
        row = layout.row(align=True)
        row.operator("understudy.render", icon="RENDER_ANIMATION").overwrite = False
        row.operator("understudy.render", text="", icon="FILE_REFRESH").overwrite = True


CLASSES = (UNDERSTUDY_PT_scene,)
