"""Step 5: the shot and its pictures."""

from __future__ import annotations

import bpy

from ..translations import translated
from .step import Step, fact


class UNDERSTUDY_PT_scene(Step, bpy.types.Panel):
    """Step 5: the shot and its pictures."""

    bl_label = "5 Scene"
    step = "scene"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the step."""
        layout, settings = self.column(context)
        self.needs(layout, context)
        layout.prop(settings, "add_lights")
        is_set_up = bool(context.scene.get("understudy_shot_avatar"))
        row = layout.row() if is_set_up else self.main_button(layout, context)
        row.operator("understudy.setup_shot", icon="OUTLINER_OB_CAMERA")
        camera = context.scene.camera
        if camera is not None and camera.type == "CAMERA" and is_set_up:
            column = layout.column(heading="Camera View")
            column.prop(camera.data, "show_background_images", text="Footage")
            column.prop(settings, "show_in_camera", text="Landmarks")


class UNDERSTUDY_PT_scene_render(Step, bpy.types.Panel):
    """The pictures of the avatar."""

    bl_label = "Render"
    bl_parent_id = "UNDERSTUDY_PT_scene"
    step = "scene"

    def draw_header(self, context: bpy.types.Context) -> None:
        """The state is that of the step above."""

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the part."""
        layout, settings = self.column(context)
        column = layout.column()
        column.prop(settings, "engine")
        column.prop(settings, "samples")
        column.prop(settings, "render_dir", text="Folder")
        row = self.main_button(layout, context) if context.scene.get("understudy_shot_avatar") else layout.row()
        row.operator("understudy.render", icon="RENDER_ANIMATION").overwrite = False
        row.operator("understudy.render", text="", icon="FILE_REFRESH").overwrite = True
        if settings.facts.renders:
            row = layout.row(align=True)
            fact(row, "Rendered", translated("{count} frames").format(count=settings.facts.renders))
            row.operator("wm.path_open", text="", icon="FILE_FOLDER").filepath = bpy.path.abspath(settings.render_dir)


CLASSES = (UNDERSTUDY_PT_scene, UNDERSTUDY_PT_scene_render)
