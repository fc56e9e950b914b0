"""The tab "Understudy" in the sidebar of the 3D view: the whole job in six steps, top to bottom."""

from __future__ import annotations

import bpy


class _Step:
    """What all steps share."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Understudy"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """A scene holds the settings."""
        return context.scene is not None

    def column(self, context: bpy.types.Context) -> tuple[bpy.types.UILayout, bpy.types.PropertyGroup]:
        """A layout with labels at the left, and the settings of the shot."""
        layout = self.layout  # type: ignore[attr-defined]
        layout.use_property_split = True
        layout.use_property_decorate = False
        return layout, context.scene.understudy


class UNDERSTUDY_PT_footage(_Step, bpy.types.Panel):
    """Step 1: the video of the actor."""

    bl_label = "1 Footage"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the step."""
        layout, settings = self.column(context)
        layout.prop(settings, "footage", text="Video")


class UNDERSTUDY_PT_track(_Step, bpy.types.Panel):
    """Step 2: from video to take."""

    bl_label = "2 Track"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the step."""
        layout, settings = self.column(context)
        layout.prop(settings, "quality")
        layout.prop(settings, "face")
        layout.operator("understudy.track", icon="TRACKING")
        layout.prop(settings, "take")
        if settings.take_summary:
            layout.label(text=settings.take_summary, icon="CHECKMARK")


class UNDERSTUDY_PT_avatar(_Step, bpy.types.Panel):
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


class UNDERSTUDY_PT_perform(_Step, bpy.types.Panel):
    """Step 4: the take onto the avatar."""

    bl_label = "4 Perform"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the step."""
        layout, settings = self.column(context)
        row = layout.row(heading="Turn")
        row.prop(settings, "use_head", toggle=True)
        row.prop(settings, "use_eyes", toggle=True)
        layout.operator("understudy.bake", icon="ACTION")


class UNDERSTUDY_PT_scene(_Step, bpy.types.Panel):
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


class UNDERSTUDY_PT_composite(_Step, bpy.types.Panel):
    """Step 6: the avatar back into the footage."""

    bl_label = "6 Composite"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the step."""
        layout, settings = self.column(context)
        layout.column(align=True).prop(settings, "stages", expand=True)
        layout.prop(settings, "output")
        layout.operator("understudy.composite", icon="NODE_COMPOSITING")


CLASSES = (
    UNDERSTUDY_PT_footage,
    UNDERSTUDY_PT_track,
    UNDERSTUDY_PT_avatar,
    UNDERSTUDY_PT_perform,
    UNDERSTUDY_PT_scene,
    UNDERSTUDY_PT_composite,
)


def register() -> None:
    """Add the panels in the order in which they are shown."""
    for cls in CLASSES:
        bpy.utils.register_class(cls)


def unregister() -> None:
    """Remove them in reverse."""
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)
